"""A town for the tests that kill: groups with phones in them, an Office that mirrors them, and a
way to say much at once and to hold what was said against what stands in the rooms."""
from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from archive import queue
from archive.db import open_database
from cli import compare
from cli.office import Office
from emulator.attachments import make
from emulator.model import Group
from emulator.phone import Phone
from emulator.played import Played

QUIET_S = 6.0  # nothing new in the rooms for so long: what is missing then is lost
PATIENCE_S = 90.0
_GAP = re.compile(r"Gap: from (.+?) to (.+?) the WhatsApp link")
_NUMBER = re.compile(r"#\S+#")

Moment = dict[str, str]  # group's JID → the place in its room, as the homeserver names it


@dataclass(frozen=True)
class Reply:
    """What a section officer wrote in a room; `text` occurs nowhere else."""

    group: Group
    room: str
    event_id: str
    text: str


class Town:
    """An Office with five groups. `database`: a PostgreSQL URL, or "" for SQLite."""

    GROUPS = 5

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.office = Office(folder, parts=("bridge",), database=database)
        self.groups: list[Group] = []
        self.phones: list[Phone] = []
        self.rooms: dict[str, str] = {}  # group's JID → room
        self._names = 0
        self._lost: set[str] = set()  # ids of messages that a gap accounts for
        self._sent: list[Played] = []

    async def open(self) -> None:
        """Start, link, and let everybody say one word in every group."""
        await self.office.start()
        emulator = self.office.emulator
        self.phones = [await emulator.phone(f"+92300700{number:04}", name) for number, name in
                       enumerate(("Gul Bibi", "Zarak Khan", "Mehrab Ali"), 1)]
        for number in range(1, self.GROUPS + 1):
            self.groups.append(await emulator.create_group(
                f"District {number}", [self.office.department, *self.phones],
                [self.office.department]))
        await self.office.link()
        self.officer = self.office.reader("officer")
        await self.officer.__aenter__()
        await until(self._rooms_are_there, "the rooms of all groups")
        begin = await self.now()
        said = [await self._text(group, phone, f"{self.name()} salam")
                for group in self.groups for phone in self.phones]
        result = await self.settled(begin, said)
        assert result == compare.Comparison(len(said), len(said))

    async def close(self) -> None:
        await self.officer.__aexit__()
        await self.office.stop()

    async def _rooms_are_there(self) -> bool:
        rooms = await self.officer.join_invited()
        by_name = {name: room for room, name in rooms.items()}
        self.rooms = {group.jid: by_name[group.name] for group in self.groups
                      if group.name in by_name}
        return len(self.rooms) == len(self.groups)

    def name(self) -> str:
        """A new name for a case, so that no two say the same."""
        self._names += 1
        return f"case{self._names}"

    # -- killing ----------------------------------------------------------------------------------

    @property
    def _once(self) -> Path:
        return self.folder / "died"

    async def die_at(self, step: str, count: int) -> None:
        """Start the bridge (again) so that it, or its link, dies at a step."""
        self._once.unlink(missing_ok=True)
        before = await self.link_pid()
        self.kill_bridge()

        async def link_gone() -> bool:  # it may not take what the new one is to die of
            return before not in await self._link_pids()
        await until(link_gone, "the end of the old link")
        self.office.start_part("bridge", {"DAFTAR_DIE_AT": f"{step}:{count}:{self._once}"})

    async def died(self) -> None:
        """Wait until somebody has died as `die_at` said."""
        async def there() -> bool:
            return self._once.exists()
        await until(there, "the death at the step")

    async def bridge_gone(self) -> None:
        """Wait for the end of the bridge's process."""
        async def gone() -> bool:
            return self.office.parts["bridge"].pid is None
        await until(gone, "the end of the bridge")

    async def listening(self) -> None:
        """Wait until the bridge answers the homeserver."""
        bridge = self.office.config.bridge

        async def open_port() -> bool:
            try:
                _, writer = await asyncio.open_connection(bridge.host, bridge.port)
            except OSError:
                return False
            writer.close()
            return True
        await until(open_port, "the bridge's port")

    async def kill_synapse(self) -> None:
        """kill -9 of the homeserver, and a pause as a service manager makes it; then it is there
        again."""
        self.office.synapse.kill()
        await asyncio.sleep(3)
        await self.office.synapse.start()

    def kill_bridge(self) -> None:
        """kill -9 of the bridge; its link sees the pipe close."""
        self.office.parts["bridge"].kill()

    def start_bridge(self) -> None:
        """The bridge again, as it was meant."""
        self.office.start_part("bridge")

    async def link_pid(self) -> int:
        """The process id of the running link."""
        async def running() -> bool:
            return bool(await self._link_pids())
        await until(running, "a link process")
        return (await self._link_pids())[0]

    async def _link_pids(self) -> list[int]:
        ps = await asyncio.create_subprocess_exec(
            "ps", "-A", "-ww", "-o", "pid=,args=", stdout=asyncio.subprocess.PIPE)
        text, _ = await ps.communicate()
        folder = str(self.office.config.data)
        return [int(line.split(None, 1)[0]) for line in text.decode(errors="replace").splitlines()
                if "bridge.link" in line and folder in line]

    # -- from the phones to the rooms -------------------------------------------------------------

    async def now(self) -> Moment:
        """Where the rooms stand."""
        moment = {}
        for group, room in self.rooms.items():
            page = await self.officer.call(
                "GET", f"/v3/rooms/{quote(room)}/messages?dir=b&limit=1")
            moment[group] = page["start"]
        return moment

    async def events(self, group: Group, begin: Moment) -> list[dict[str, Any]]:
        """A room's events since `begin`, oldest first."""
        found: list[dict[str, Any]] = []
        room, start = quote(self.rooms[group.jid]), begin[group.jid]
        while True:
            page = await self.officer.call(
                "GET", f"/v3/rooms/{room}/messages?dir=f&limit=500&from={quote(start)}")
            found += page["chunk"]
            if not page.get("end") or not page["chunk"]:
                return found
            start = page["end"]

    async def speak(self, count: int, *, groups: int = GROUPS, mixed: bool = False
                    ) -> list[Played]:
        """`count` messages a group, as fast as the phones can, the groups by turns. `mixed`: among
        the texts are a picture, a reply, a reaction, an edit, a long text and a deletion."""
        name, said = self.name(), []
        chats: dict[str, list[Played]] = {group.jid: [] for group in self.groups[:groups]}
        for number in range(count):
            for group in self.groups[:groups]:
                chat = chats[group.jid]
                phone = self.phones[number % len(self.phones)]
                text = f"{name} message {number} ends here"
                chat.append(await self._odd(number % 20, group, phone, text, chat) if mixed
                            else await self._text(group, phone, text))
                said.append(chat[-1])
        self._sent += said
        return said

    async def _odd(self, turn: int, group: Group, phone: Phone, text: str, chat: list[Played]
                   ) -> Played:
        """One of a mixed lot; what is edited or deleted was written by the same phone."""
        match turn:
            case 4:
                file = make("image", "school.jpg", text)
                return self._played(await phone.send_media(
                    group, file.data, "image", mime=file.mime, filename="school.jpg",
                    caption=text), text,
                    sha256=hashlib.sha256(file.data).hexdigest())
            case 7:
                return self._played(await phone.send_text(
                    group, text, quote=chat[-1].sent), text)
            case 9:
                return self._played(await phone.edit(chat[-3].sent, text), text,
                                    target_id=chat[-3].id)
            case 11:
                return self._played(await phone.react(chat[-1].sent, "👍"), "👍",
                                    target_id=chat[-1].id)
            case 13:
                return await self._text(group, phone, text + " and so on" * 2_500)
            case 16:
                return self._played(await phone.delete(chat[-6].sent), "",
                                    target_id=chat[-6].id)
            case _:
                return await self._text(group, phone, text)

    async def _text(self, group: Group, phone: Phone, text: str) -> Played:
        return self._played(await phone.send_text(group, text), text)

    @staticmethod
    def _played(sent: Any, text: str, **facts: str) -> Played:
        kind = sent.kind
        return Played("", "", 0, sent.group, sent.id, kind, text, sent.sender, sent.timestamp,
                      **facts)

    async def arrived(self, begin: Moment, count: int) -> None:
        """Wait until at least `count` messages stand in the rooms."""
        async def enough() -> bool:
            return sum([_is_message(event) for group in self.groups
                        for event in await self.events(group, begin)]) >= count
        await until(enough, f"{count} messages")

    async def settled(self, begin: Moment, sent: Sequence[Played], quiet_s: float = QUIET_S
                      ) -> compare.Comparison:
        """Wait until all is there, or nothing new comes, and every lane is empty; then compare."""
        last, quiet = -1, time.monotonic()
        while time.monotonic() - quiet < quiet_s:
            result = await self.compare(begin, sent)
            if not result.lost:
                break
            if result.mirrored != last:
                last, quiet = result.mirrored, time.monotonic()
            await asyncio.sleep(0.2)
        await self.office.emulator.idle(PATIENCE_S)
        await self._lanes_are_empty()
        return await self.compare(begin, sent)

    async def _lanes_are_empty(self) -> None:
        database = await open_database(self.office.config.database_url)
        try:
            async def empty() -> bool:
                return not await queue.depth(database)
            await until(empty, "empty lanes")
        finally:
            await database.close()

    async def compare(self, begin: Moment, sent: Sequence[Played]) -> compare.Comparison:
        """All groups: what was sent since `begin` against what can be read."""
        result = compare.Comparison()
        for group in self.groups:
            here = [played for played in sent if played.group == group.jid]
            result += await self._compare(here, await self.events(group, begin))
        return result

    async def _compare(self, sent: list[Played], events: list[dict[str, Any]]
                       ) -> compare.Comparison:
        """One group."""
        tokens = await self._tokens(events)
        reactions = compare.read_reactions(events, self.office.config.bridge.ghost_prefix)
        return compare.compare(compare.expected(sent), tokens) + compare.compare(
            compare.expected_reactions(sent), reactions)

    async def missing(self, begin: Moment, sent: Sequence[Played]) -> list[Played]:
        """Which of these plain texts are not in the rooms."""
        result = []
        for group in self.groups:
            found = {text for _, _, text in await self._tokens(await self.events(group, begin))}
            result += [played for played in sent
                       if played.group == group.jid and played.text not in found]
        return result

    def excuse(self, missing: Sequence[Played]) -> None:
        """A gap accounts for these: `everything` does not look for them."""
        self._lost.update(played.id for played in missing)

    async def _tokens(self, events: list[dict[str, Any]]) -> list[compare.Token]:
        return await compare.read_tokens(
            self.officer, events, self.office.config.bridge.ghost_prefix)

    async def gaps(self, group: Group, begin: Moment) -> list[tuple[float, float]]:
        """The stretches (Unix seconds) that the room's notices name, as a reader sees them."""
        zone = ZoneInfo(self.office.config.timezone)
        found = []
        for event in await self.events(group, begin):
            if match := _GAP.match(event["content"].get("body", "")):
                start, end = (datetime.strptime(words, "%d %B %Y %H:%M:%S").replace(tzinfo=zone)
                              .timestamp() for words in match.groups())
                found.append((start, end))
        return found

    async def everything(self) -> compare.Comparison:
        """All that was ever said by `speak`, against the rooms from their beginning; messages that
        a gap accounts for are left out."""
        result = compare.Comparison()
        for group in self.groups:
            here = [played for played in self._sent
                    if played.group == group.jid and played.id not in self._lost]
            result += await self._compare(here, [
                event for event in await self.officer.events(self.rooms[group.jid])
                if not event["content"].get("body", "").endswith("salam")])
        return result

    # -- from the rooms to the phones -------------------------------------------------------------

    async def answer(self, count: int, *, groups: int = 2) -> list[Reply]:
        """The officer writes `count` replies, one room after the other."""
        name, written = self.name(), []
        for number in range(count):
            group = self.groups[number % groups]
            room, text = self.rooms[group.jid], f"#{name}-{number}#"
            written.append(Reply(group, room, await self.officer.say(room, text), text))
        return written

    async def delivered(self, replies: Sequence[Reply], begin: Moment) -> tuple[list[Reply],
                                                                          list[Reply]]:
        """Wait until every reply has been seen by a phone or stands as unsure. Returns (replies
        with the notice, replies seen). Asserts that none was seen twice, none vanished, and that
        each group saw them in the order in which they were written."""
        async def accounted() -> bool:
            seen, unsure = Counter(self._seen()), await self._unsure(begin)
            return all(seen[reply.text] or reply.event_id in unsure for reply in replies)
        with contextlib.suppress(TimeoutError):
            await until(accounted, "every reply")
        await self._lanes_are_empty()
        order, unsure = self._seen(), await self._unsure(begin)
        seen = Counter(order)
        twice = [reply.text for reply in replies if seen[reply.text] > 1]
        assert not twice, f"sent twice: {twice}"
        lost = [reply.text for reply in replies
                if not seen[reply.text] and reply.event_id not in unsure]
        assert not lost, f"lost without a word: {lost}"
        for group in self.groups:
            wanted = [reply.text for reply in replies if reply.group is group and seen[reply.text]]
            assert [text for text in order if text in set(wanted)] == wanted
        return ([reply for reply in replies if reply.event_id in unsure],
                [reply for reply in replies if seen[reply.text]])

    def _seen(self) -> list[str]:
        """The officer's texts that a phone has seen, in its order."""
        return [text for seen in self.phones[0].seen for text in _NUMBER.findall(seen.text)]

    async def _unsure(self, begin: Moment) -> set[str]:
        """The events that a notice calls "may have been sent"."""
        return {event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
                for group in self.groups for event in await self.events(group, begin)
                if "may have been sent" in event["content"].get("body", "")}


def _is_message(event: dict[str, Any]) -> bool:
    return event["type"] == "m.room.message"


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `holds()`. Raises TimeoutError, which names `what`, after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not await holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE_S:.0f} s for {what}")
        await asyncio.sleep(0.1)
