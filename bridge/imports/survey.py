"""The first pass: a whole export is read, and nothing written. So whatever is wrong with a file is
told before any of it is in the record, and a person sees what an import would do."""
from __future__ import annotations

import asyncio
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from archive import imports, likeness, merging
from archive.db import Database
from archive.imports import Known
from bridge.exports.batch import Batch
from bridge.exports.opening import BROKEN_ZIP, Export, opened
from bridge.exports.reader import ExportError, Reader
from bridge.imports import naming
from bridge.imports.naming import Evidence, Meant

# WhatsApp cuts an export at about so many messages, with and without media: its own help pages.
CUT_WITHOUT, CUT_WITH = 40_000, 10_000
_NEAR_CUT = 0.03
PART = 5_000  # messages that are looked at, and written, at once
_COMPARED = 5  # parts of a file whose words are all compared with what the record has of their time
_ENOUGH, _ALIKE = 20, 0.05  # texts of the record in the file's time; which part must be in the file
_TELLING = 8  # characters of a text that is compared for that
_STRETCH = 20_000  # records of a stretch that are compared

Progress = Callable[[int], None]  # messages read so far


@dataclass
class Said:
    """What a file holds of one sender. `first` and `last`: Unix ms."""

    messages: int
    first: int
    last: int
    sample: str


@dataclass
class Survey:
    """What is in a file, as far as looking at it tells; times are Unix ms."""

    export: Export
    platform: str
    order: str
    why: str
    certain: bool = False  # of the order: the dates cannot be read otherwise
    messages: int = 0
    lines: int = 0
    first: int = 0
    last: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    senders: dict[str, Said] = field(default_factory=dict)
    people: tuple[Meant, ...] = ()
    undecided: Sequence[tuple[int, str]] = ()
    named_files: int = 0  # files that messages name
    missing_files: int = 0  # of these, such as the export does not hold
    sampled: int = 0  # parts of the file of whose time the record has something
    compared: int = 0  # texts of the record in the file's time that were looked for in it
    alike: int = 0  # of these, such as it holds
    begins: bool = False  # the file begins where the group does

    def cut(self, zone: tzinfo) -> str:
        """A sentence when the file looks cut by WhatsApp; "" when it does not."""
        limit = CUT_WITH if self.export.media else CUT_WITHOUT
        if self.begins or abs(self.messages - limit) > limit * _NEAR_CUT:
            return ""
        first = datetime.fromtimestamp(self.first / 1000, zone)
        day = f"{first.day} {first:%B %Y}"
        further = ("Export once more without media to reach further back, or from another phone."
                   if self.export.media else "An export from another phone may reach further back.")
        return (f"the file has {self.messages:,} messages, and WhatsApp cuts an export "
                f"{'with' if self.export.media else 'without'} media at about {limit:,}: what was "
                f"said before {day} is probably not in it. {further}")

    def unlike(self) -> str:
        """A sentence when the file is of another group than the record; "" when it is not."""
        if self.compared < _ENOUGH or self.alike >= self.compared * _ALIKE:
            return ""
        return (f"of {self.compared} messages that the record of this group has in the time of the "
                f"file, {self.alike or 'none'} {'is' if self.alike < 2 else 'are'} in it: it is an "
                "export of another group. Choose that group")


async def survey(db: Database, path: Path, zone: tzinfo, *, chat_id: int | None,
                 order: str = "", since: int | None = None,
                 told: Mapping[str, str] | None = None,
                 progress: Progress | None = None) -> Survey:
    """Look at the export at a path. `chat_id`: the group it is of, None when that is new; `told`:
    whom names mean, as a person says (naming.read_people). Raises ExportError."""
    export = await asyncio.to_thread(_checked, path)
    reader = await asyncio.to_thread(Reader, export.text, zone, order=order)
    found = Survey(export, reader.platform, reader.order.order, reader.order.why,
                   reader.order.certain)
    remembered = await imports.remembered(db, chat_id) if chat_id is not None else {}
    evidence = Evidence()
    batches = parts_of(reader, since)
    while batch := await asyncio.to_thread(next, batches, None):
        _count(found, batch)
        if chat_id is not None:
            await _compare(db, chat_id, batch, found, remembered, evidence)
        if progress is not None:
            progress(found.messages)
    if not found.messages:
        raise ExportError("it holds no message since then: give an older day, or none")
    found.undecided, found.lines = reader.findings.undecided, reader.findings.lines
    found.people = await naming.decide(
        db, {name: said.messages for name, said in found.senders.items()}, remembered, evidence,
        told or {})
    return found


def parts_of(reader: Reader, since: int | None) -> Iterator[Batch]:
    """A file's messages, some thousand at once, those left out that are older than `since` (Unix
    ms)."""
    part = Batch()
    for batch in reader.batches():
        part.extend(batch if since is None else batch.since(since))
        if len(part) >= PART:
            yield part
            part = Batch()
    if part:
        yield part


def title_of(path: Path, file_name: str) -> str:
    """The group that an uploaded export is of, as its own name tells it; "" when it does not."""
    export = opened(path)
    return Export(Path(file_name), export.member).title()


def _checked(path: Path) -> Export:
    """An export, of which every file is whole."""
    export = opened(path)
    if export.media:
        try:
            with zipfile.ZipFile(path) as archive:
                for name in export.media.values():
                    with archive.open(name) as file:
                        while file.read(1 << 20):
                            pass
        except BROKEN_ZIP as error:
            raise ExportError(f"the zip is damaged ({error}): export the chat once more") from None
    return export


def _count(found: Survey, batch: Batch) -> None:
    times, names = batch.times, batch.senders
    first = min(times)
    if not found.messages:
        found.first = first
        found.begins = ("notice", "created") in zip(
            batch.kinds[:20], batch.details[:20], strict=True)
    found.first, found.last = min(found.first, first), max(found.last, *times)
    found.messages += len(batch)
    found.kinds.update(batch.kinds)
    earliest = dict(zip(reversed(names), reversed(times), strict=True))
    latest = dict(zip(names, times, strict=True))
    for name, count in Counter(names).items():
        if not name:
            continue
        if said := found.senders.get(name):
            said.messages += count
            said.last = max(said.last, latest[name])
        else:
            said = found.senders[name] = Said(count, earliest[name], latest[name], "")
        if not said.sample:
            said.sample = next((text for text, by in zip(batch.texts, names, strict=True)
                                if by == name and text), "")[:120]
    if batch.kinds.count("text") < len(batch):
        _count_files(found, batch)


def _count_files(found: Survey, batch: Batch) -> None:
    for kind, detail in zip(batch.kinds, batch.details, strict=True):
        if kind in likeness.FILES or kind == "contact":
            found.named_files += 1
            found.missing_files += detail not in found.export.media


async def _compare(db: Database, chat_id: int, batch: Batch, found: Survey,
                   remembered: Mapping[str, Known], evidence: Evidence) -> None:
    """What the record has of the batch's time: is it the same group, and who is who?"""
    sample = found.sampled < _COMPARED
    names = {*batch.senders} - {""}
    doubtful = {name for name in names if name not in remembered or remembered[name].named}
    if not doubtful and not sample:
        return
    held = await merging.stretch(
        db, chat_id, min(batch.times), max(batch.times) + likeness.MINUTE_MS, _STRETCH,
        live=not sample and all(name in remembered for name in doubtful))
    if not held:
        return
    spoken: dict[tuple[int, str], list[str]] = defaultdict(list)
    for at, sender, kind, text, _, _ in zip(*batch.columns(), strict=True):
        if kind == "text":
            spoken[at // likeness.MINUTE_MS, likeness.words_of(text)].append(sender)
    if sample:
        found.sampled += 1
        telling = [(minute, words) for minute, _, words in held if len(words) >= _TELLING]
        found.compared += len(telling)
        found.alike += sum(key in spoken for key in telling)
    evidence.add(spoken, held, names if sample else doubtful)


def as_json(found: Survey, zone: tzinfo) -> dict[str, Any]:
    """A survey for people and programs: what `daftar import --dry-run --json` prints, and what the
    page shows."""
    return {
        "title": found.export.title(), "platform": found.platform, "order": found.order,
        "order_because": found.why, "order_certain": found.certain,
        "messages": found.messages, "lines": found.lines,
        "first": minute(found.first, zone), "last": minute(found.last, zone),
        "kinds": dict(found.kinds),
        "files": {"named": found.named_files, "missing": found.missing_files},
        "people": [{**meant.as_json(), "messages": found.senders[meant.name].messages,
                    "first": minute(found.senders[meant.name].first, zone),
                    "last": minute(found.senders[meant.name].last, zone),
                    "sample": found.senders[meant.name].sample} for meant in found.people],
        "undecided": [{"line": line, "why": why} for line, why in found.undecided],
        "cut": found.cut(zone), "compared": found.compared, "alike": found.alike}


def minute(at: int, zone: tzinfo) -> str:
    """A time (Unix ms) as programs read it, to the minute."""
    return datetime.fromtimestamp(at / 1000, zone).isoformat(timespec="minutes")
