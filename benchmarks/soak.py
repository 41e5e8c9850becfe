"""Thousands of messages through a bad connection, counted from both ends.

    python -m benchmarks.soak --messages 6000 --groups 20 --phones 300 --seed 1

Phones say texts, replies, reactions, edits, deletions and files; meanwhile the line does what
emulator.faults makes of the seed. At the end, what the phones sent is held against what a member
of staff reads through the client API. `late`: messages whose key came after them, so that WhatsApp
sends them again: they must be there once, but stand where they arrived, as no room can do
otherwise, and are left out of the count of what is out of order; so are edits of them.
"""
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive import queue
from archive.db import open_database
from benchmarks.bridge import children
from cli import compare
from cli.office import Office
from cli.reader import Reader
from emulator.attachments import make
from emulator.faults import BAD, Chances, Faults
from emulator.model import Group, Sent
from emulator.phone import Phone
from emulator.played import Played

KINDS = {"text": 66, "reply": 12, "reaction": 8, "edit": 6, "delete": 3, "image": 3, "document": 2}
RECENT = 20  # messages of a group that others answer, change and react to
PAUSE_S = 0.004  # between two messages of the town: as fast as the emulator can
BEHIND = 100  # stanzas that may wait for the link; then the phones pause
QUIET_S = 8.0  # all is empty, and nothing new has come for so long: that is the end
PATIENCE_S = 1800.0
UNREAD = "could not be decrypted yet"


@dataclass(frozen=True)
class Outcome:
    """What one run came to. Memory in MB: the peak (VmHWM) of each process."""

    sent: int
    mirrored: int
    lost: int
    doubled: int
    out_of_order: int
    undecryptable_left: int  # notices whose message did not follow
    gaps: int  # notices of a link that died
    late: int
    faults: dict[str, int]
    kinds: dict[str, int]
    bridge_mb: float
    link_mb: float
    seconds: float
    examples: list[str] = field(default_factory=list)  # of what is wrong


class Crowd:
    """Phones in groups, and what they say. The same seed says the same."""

    def __init__(self, seed: int, groups: list[Group], members: dict[str, list[Phone]],
                 late: set[str]) -> None:
        self._lot = random.Random(seed)
        self._groups = groups
        self._members = members
        self._late = late
        self._recent: dict[str, deque[Sent]] = {g.jid: deque(maxlen=RECENT) for g in groups}
        self._reacted: set[tuple[str, str]] = set()
        self._deleted: set[str] = set()
        self._number = 0
        self.played: list[Played] = []

    async def speak(self) -> None:
        """One message of somebody somewhere."""
        group = self._lot.choice(self._groups)
        phone = self._lot.choice(self._members[group.jid])
        kind = self._lot.choices(list(KINDS), list(KINDS.values()))[0]
        target = self._target(group, phone, kind)
        if kind in ("reply", "reaction", "edit", "delete") and target is None:
            kind = "text"
        self._number += 1
        text = f"Report {self._number} on GBPS Killi {self._lot.randrange(10_000)}"
        match kind:
            case "reply":
                self._note(await phone.send_text(group, text, quote=target), text)
            case "reaction":
                self._reacted.add((phone.number, target.id))
                self._note(await phone.react(target, "👍"), "👍", target_id=target.id)
            case "edit":
                speaker = self._speaker(target)
                self._note(await speaker.edit(target, text), text, target_id=target.id)
            case "delete":
                self._deleted.add(target.id)
                self._note(await self._speaker(target).delete(target), "", target_id=target.id)
            case "image" | "document":
                name = "school.jpg" if kind == "image" else "report.pdf"
                file = make(kind, name, text)
                self._note(await phone.send_media(
                    group, file.data, kind, mime=file.mime, filename=name, caption=text),
                    text, sha256=hashlib.sha256(file.data).hexdigest(), filename=name)
            case _:
                self._note(await phone.send_text(group, text), text)

    def _target(self, group: Group, phone: Phone, kind: str) -> Sent | None:
        """A recent message of the group that may be spoken about so; drawn in any case."""
        place = self._lot.random()
        fit = [sent for sent in self._recent[group.jid] if sent.id not in self._deleted
               and (kind != "reaction" or (phone.number, sent.id) not in self._reacted)
               and (kind != "edit" or sent.kind == "text")]
        return fit[int(place * len(fit))] if fit else None

    def _speaker(self, sent: Sent) -> Phone:
        return next(p for p in self._members[sent.group] if p.number == sent.sender)

    def _note(self, sent: Sent, text: str, **facts: str) -> None:
        self.played.append(Played("", "", 0, sent.group, sent.id, sent.kind, text, sent.sender,
                                  sent.timestamp, **facts))
        if sent.kind in ("text", "image", "document"):
            self._recent[sent.group].append(sent)


class Soak:
    """One office on a bad line."""

    def __init__(self, folder: Path, *, messages: int, groups: int, phones: int, seed: int,
                 chances: Chances = BAD, behind: int = BEHIND) -> None:
        self._office = Office(folder, parts=("bridge",), progress=lambda text: None)
        self._messages, self._count, self._phones = messages, groups, phones
        self._seed, self._chances, self._behind = seed, chances, behind
        self._peaks = {"bridge": 0.0, "link": 0.0}

    async def run(self) -> Outcome:
        """Everything, from the first start to the comparison. Raises TimeoutError when the rooms
        do not come to rest."""
        await self._office.start()
        try:
            await self._office.link()
            began = time.monotonic()
            crowd, faults = await self._play()
            await self._settle()
            seconds = time.monotonic() - began
            async with self._office.reader("officer") as reader:
                return await self._count_up(reader, crowd, faults, seconds)
        finally:
            await self._office.stop()

    async def _play(self) -> tuple[Crowd, Faults]:
        emulator = self._office.emulator
        phones = [await emulator.phone(f"+92300{7_100_000 + n}", f"Speaker {n}")
                  for n in range(self._phones)]
        groups, members = [], {}
        for n in range(self._count):
            here = [p for i, p in enumerate(phones)
                    if n in (i % self._count, (7 * i + 3) % self._count)]
            group = await emulator.create_group(
                f"District {n:02}", [self._office.department, *here], here[:1])
            groups.append(group)
            members[group.jid] = here
        faults = emulator.faults = Faults(emulator, self._seed, self._chances)
        crowd = Crowd(self._seed, groups, members, faults.late)
        for _ in range(self._messages):
            await crowd.speak()
            await asyncio.sleep(PAUSE_S)
            while sum(len(device.queue) for device in emulator.devices) > self._behind:
                self._look()
                await asyncio.sleep(0.05)
        faults.resting = True
        return crowd, faults

    def _look(self) -> None:
        """Keep the peak of the memory: a link that is started again begins a new count."""
        bridge = self._office.parts["bridge"].pid
        self._office.check_alive()
        for name, pids in (("bridge", [bridge]), ("link", children(bridge))):
            for pid in pids:
                self._peaks[name] = max(self._peaks[name], peak(pid))

    async def _settle(self) -> None:
        """Until nothing waits anywhere, and has not for a while."""
        database = await open_database(self._office.config.database_url)
        end = time.monotonic() + PATIENCE_S
        try:
            before, quiet = -1, time.monotonic()
            while time.monotonic() - quiet < QUIET_S:
                if time.monotonic() > end:
                    raise TimeoutError(f"still {await queue.depth(database)} rows to carry")
                self._look()
                rows = await database.read("SELECT count(*) AS n FROM queue")
                busy = await queue.depth(database) or not await self._office.emulator.idle(0)
                if busy or rows[0]["n"] != before:
                    before, quiet = rows[0]["n"], time.monotonic()
                await asyncio.sleep(0.5)
        finally:
            await database.close()

    async def _count_up(self, reader: Reader, crowd: Crowd, faults: Faults, seconds: float
                        ) -> Outcome:
        rooms = {name: room for room, name in (await reader.join_invited()).items()}
        total, left, gaps, examples = compare.Comparison(), 0, 0, []
        for group in self._office.emulator.groups.values():
            events = await reader.events(rooms[group.name]) if group.name in rooms else []
            here = [played for played in crowd.played if played.group == group.jid]
            result, wrong = await self._compare(reader, here, events, faults.late)
            total += result
            examples += [f"{group.name}: {words}" for words in wrong]
            left += unread(events)
            gaps += sum("Gap: from" in e["content"].get("body", "") for e in events)
        return Outcome(
            total.sent, total.mirrored, total.lost, total.duplicated, total.out_of_order, left,
            gaps, len(faults.late), dict(faults.counts), dict(Counter(
                played.kind for played in crowd.played)), self._peaks["bridge"],
            self._peaks["link"], seconds, examples[:20])

    async def _compare(self, reader: Reader, sent: Sequence[Played], events: list[dict[str, Any]],
                       late: set[str]) -> tuple[compare.Comparison, list[str]]:
        """One group: everything for what is lost or doubled, what came in time for the order."""
        prefix = self._office.config.bridge.ghost_prefix
        events = [event for event in events if not _taken_back(event)]
        wanted = compare.expected(sent)
        found = [_plain(token) for token in await compare.read_tokens(reader, events, prefix)]
        counted = compare.compare(wanted, found) + compare.compare(
            compare.expected_reactions(sent), compare.read_reactions(events, prefix))
        missing, surplus = Counter(wanted), Counter(found)
        wrong = [f"lost {token}" for token in (missing - surplus)]
        wrong += [f"doubled {token}" for token in (surplus - missing)]
        late = late | {p.id for p in sent if p.kind == "edit" and p.target_id in late}
        delayed = set(compare.expected([p for p in sent if p.id in late and p.kind != "delete"]))
        # one deleted message looks like the next: of who sent late ones, none is looked at
        behind = {p.sender for p in sent if p.id in late}
        order = [[token for token in tokens if token not in delayed
                  and (token[1] != "deleted" or token[0] not in behind)]
                 for tokens in (wanted, found)]
        places = {token: place for place, token in enumerate(order[0])}
        wrong += [f"{after} stands behind {before}"
                  for before, after in itertools.pairwise(t for t in order[1] if t in places)
                  if places[after] < places[before] and "deleted" not in (before[1], after[1])]
        return dataclasses.replace(
            counted, out_of_order=compare.compare(*order).out_of_order), wrong


def _taken_back(event: dict[str, Any]) -> bool:
    """What the bridge said in place of a change whose message had not come yet, and removed."""
    because = event.get("unsigned", {}).get("redacted_because", {}).get("content", {})
    return because.get("reason") == "The message that this is about has followed"


def _plain(token: compare.Token) -> compare.Token:
    """A reply to a message that was late stands with the quotation in words before it."""
    sender, kind, words = token
    lines = words.splitlines()
    while kind == "text" and lines and lines[0].startswith("> "):
        lines.pop(0)
    return sender, kind, "\n".join(lines)


def unread(events: Sequence[dict[str, Any]]) -> int:
    """Notices of messages that could not be read and that nothing has replaced."""
    replaced = {e["content"].get("m.relates_to", {}).get("event_id") for e in events
                if e["content"].get("m.relates_to", {}).get("rel_type") == "m.replace"}
    return sum(UNREAD in e["content"].get("body", "") and e["event_id"] not in replaced
               for e in events)


def peak(pid: int) -> float:
    """The most memory that a process has held at once, in MB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) / 1024 if found else 0.0


async def main(args: argparse.Namespace) -> int:
    """One run in a temporary folder; 1 when anything is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = await Soak(Path(folder), messages=args.messages, groups=args.groups,
                             phones=args.phones, seed=args.seed).run()
    for name, value in dataclasses.asdict(outcome).items():
        print(f"{name:>19}: {value if not isinstance(value, float) else round(value, 1)}"
              if name != "examples" else "\n".join(value))
    if args.json:
        print(json.dumps(dataclasses.asdict(outcome), ensure_ascii=False))
    return int(any((outcome.lost, outcome.doubled, outcome.out_of_order,
                    outcome.undecryptable_left)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--phones", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line more, for programs")
    sys.exit(asyncio.run(main(parser.parse_args())))
