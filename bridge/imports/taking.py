"""The second pass: what an export holds and the record does not is written, some thousand messages
a transaction. It may be broken off at any moment and begun again: nothing comes in twice."""
from __future__ import annotations

import asyncio
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from archive import imports, media, merging
from archive.cases import Actor
from archive.db import Database, Unit
from archive.likeness import Line
from archive.media import MediaStore
from archive.merging import Merged
from archive.model import Chat
from bridge.exports.batch import Batch
from bridge.exports.opening import Export
from bridge.exports.reader import ExportError, Reader
from bridge.imports import naming, past, survey
from bridge.imports.lines import Kept, Liner, mime_of
from bridge.imports.survey import Progress, Survey, minute


@dataclass
class Taken:
    """What an import did."""

    run_id: int
    messages: int = 0
    known: int = 0
    filled: int = 0  # messages of the record that got their file
    files_missing: int = 0
    gaps: tuple[tuple[int, int, int], ...] = ()  # (record id, start, end) of each that is closed
    kinds: Counter[str] = field(default_factory=Counter)  # of what was added
    added: int = 0
    first: int = 0  # of what was added, Unix ms; 0 when nothing was
    last: int = 0
    shown: str = ""  # what comes into the rooms, in words
    seconds: float = 0.0

    def as_json(self, zone: tzinfo) -> dict[str, Any]:
        """For the report: of `daftar import --json`, and of the page."""
        return {"run": self.run_id, "messages": self.messages, "added": self.added,
                "known": self.known, "files_filled": self.filled,
                "files_missing": self.files_missing, "added_kinds": dict(self.kinds),
                "added_first": minute(self.first, zone) if self.added else None,
                "added_last": minute(self.last, zone) if self.added else None,
                "gaps_closed": [{"from": minute(start, zone), "to": minute(end, zone)}
                                for _, start, end in self.gaps],
                "to_matrix": self.shown,
                "seconds": round(self.seconds, 2)}


class Files:
    """The files that an export holds, put into the media store as their messages come."""

    def __init__(self, export: Export, store: MediaStore) -> None:
        self._export, self._store = export, store
        self._zip = zipfile.ZipFile(export.path) if export.media else None
        self._kept: dict[str, Kept] = {}
        self.fresh: list[tuple[str, str, int]] = []  # (sha256, MIME type, bytes) since last asked

    def keep(self, name: str) -> Kept | None:
        """Where a file's content is; None when the export has it not. Raises ExportError."""
        member = self._export.media.get(name)
        if self._zip is None or member is None:
            return None
        if name not in self._kept:
            try:
                with self._zip.open(member) as content, self._store.incoming() as fresh:
                    with fresh.open("wb") as file:
                        shutil.copyfileobj(content, file, 1 << 20)
                    size, sha256 = fresh.stat().st_size, self._store.adopt(fresh)
            except (zipfile.BadZipFile, EOFError) as error:
                raise ExportError(f"{name} in the zip is damaged ({error})") from None
            except OSError as error:
                raise _unkept(error) from error
            self._kept[name] = sha256, mime_of(name)
            self.fresh.append((*self._kept[name], size))
        return self._kept[name]

    def close(self) -> None:
        """Done with the zip."""
        if self._zip is not None:
            self._zip.close()


async def keep_text(found: Survey, store: MediaStore) -> tuple[str, int]:
    """Keep the export's text as it is, as evidence of what was imported; its SHA-256 and size."""
    def copy() -> tuple[str, int]:
        try:
            with store.incoming() as fresh, fresh.open("wb") as file, found.export.raw() as raw:
                shutil.copyfileobj(raw, file, 1 << 20)
                file.flush()
                return store.adopt(fresh), file.tell()
        except OSError as error:
            raise _unkept(error) from error

    return await asyncio.to_thread(copy)


async def take(db: Database, store: MediaStore, found: Survey, chat: Chat, zone: tzinfo,
               actor: Actor, *, file_name: str = "", run_id: int | None = None,
               since: int | None = None, to_matrix: bool = False,
               progress: Progress | None = None) -> Taken:
    """Take a file that `survey` looked at into a group's record. `run_id`: when the import is
    noted already; `to_matrix`: what is new is shown in the rooms, too. Raises ExportError, and then
    the report says so."""
    began = time.monotonic()
    sha256, size = await keep_text(found, store)
    now = _now()
    await db.write(media.add(sha256, "text/plain; charset=utf-8", size, now))
    settings = {"order": found.order, "since": since}
    if run_id is None:
        run_id = await db.write(imports.begin(
            file_name or found.export.path.name, sha256, size, "running", actor, now,
            chat_id=chat.id, settings=settings))
    else:
        await db.write(imports.move(run_id, "running", now, chat_id=chat.id))
    await db.write(imports.take_up(sha256, chat.id, run_id, now))
    taken = Taken(run_id)
    files = Files(found.export, store)
    try:
        people = await db.write(naming.settle(chat.id, found.people, {
            name: (said.first, said.last) for name, said in found.senders.items()}))
        liner = Liner(people, run_id, files.keep)
        await _merge_all(db, found, chat, zone, liner, files, taken, since, progress)
        taken.files_missing = liner.files_missing
        taken.gaps = tuple(await db.write(imports.close_gaps(
            chat.id, found.first, found.last, f"import {run_id}")))
        taken.shown = await past.show(db, chat, zone) if to_matrix else ""
    except ExportError as error:
        await db.write(imports.move(run_id, "refused", _now(), report={"refused": str(error)}))
        raise
    finally:
        files.close()
    taken.seconds = time.monotonic() - began
    await db.write(imports.move(run_id, "done", _now(), found=survey.as_json(found, zone),
                                report=taken.as_json(zone)))
    return taken


@dataclass(frozen=True)
class Would:
    """What an import would do. `gaps`: (start, end) of those that it would close, Unix ms."""

    added: int
    known: int
    gaps: tuple[tuple[int, int], ...] = ()

    def as_json(self, zone: tzinfo) -> dict[str, Any]:
        """For the preview."""
        return {"added": self.added, "known": self.known, "gaps_closed": [
            {"from": minute(start, zone), "to": minute(end, zone)} for start, end in self.gaps]}


async def would(db: Database, found: Survey, chat: Chat | None, zone: tzinfo, *,
                since: int | None = None) -> Would:
    """What taking the file in would do, with nothing written; all is new in a group (None) that is
    still to be made. Raises ExportError."""
    if chat is None:
        return Would(found.messages, 0)
    liner = Liner(naming.supposed(found.people), 0, lambda name: None)
    known, compared = 0, None
    parts = survey.parts_of(Reader(found.export.text, zone, order=found.order), since)
    while lines := await asyncio.to_thread(lambda: liner.lines(next(parts, Batch()))):
        compared = await db.write(merging.compare(chat.id, lines, compared))
        known += compared.known
    gaps = await imports.gaps_within(db, chat.id, found.first, found.last)
    return Would(found.messages - known, known, tuple(gaps))


async def _merge_all(db: Database, found: Survey, chat: Chat, zone: tzinfo, liner: Liner,
                     files: Files, taken: Taken, since: int | None, progress: Progress | None
                     ) -> None:
    """Read the next part while the last is written."""
    parts = survey.parts_of(Reader(found.export.text, zone, order=found.order), since)

    def next_lines() -> list[Line]:
        return liner.lines(next(parts, Batch()))

    lines, merged = await asyncio.to_thread(next_lines), None
    while lines:
        fresh, files.fresh = files.fresh, []
        writing = asyncio.create_task(db.write(_step(chat.id, lines, fresh, merged)))
        try:
            following = await asyncio.to_thread(next_lines)
        finally:
            merged = await writing
        _note(taken, lines, merged)
        if progress is not None:
            progress(taken.messages)
        lines = following


def _step(chat_id: int, lines: Sequence[Line], fresh: Sequence[tuple[str, str, int]],
          before: Merged | None) -> Unit[Merged]:
    now = _now()
    for sha256, mime, size in fresh:
        yield from media.add(sha256, mime, size, now)
    return (yield from merging.merge(chat_id, lines, now, before))


def _note(taken: Taken, lines: Sequence[Line], merged: Merged) -> None:
    taken.messages += len(lines)
    taken.known += merged.known
    taken.filled += merged.filled
    taken.added += len(merged.added)
    taken.kinds.update(merged.kinds)
    if merged.added:
        taken.first = min(taken.first or merged.first, merged.first)
        taken.last = max(taken.last, merged.last)


def _unkept(error: OSError) -> ExportError:
    return ExportError(f"it cannot be kept in the media store ({error.strerror}): see to the disk "
                       "and import it again; nothing comes in twice")


def _now() -> int:
    return int(time.time() * 1000)

