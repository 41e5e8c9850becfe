"""The registers that are made from what is said: school visits, notifications.

They are made from the bridge's record, not from the bot's own books: the record holds the groups of
our bridge and the rooms of another one alike, what was said before the bot came, imported chats,
and of every message its edits, its deletion, its file and both clocks. What was not read yet stands
in archive.unread and is taken out only when what was found is written: whoever dies in between
reads it again, and writes the same."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from archive import messages, notifications, settings, unread, visiting, visits
from archive.db import Database, Unit
from archive.model import Record
from archive.notifications import Announced
from archive.visiting import Told
from archive.visits import Figures, Named
from bot import fault
from nlp.corrections import corrects
from nlp.notifications import announced

log = logging.getLogger("daftar.bot")

EVERY = 2.0  # seconds between two looks: the bridge may write from another process
TOGETHER = 100  # messages that are looked up at once
NAMING = 10  # words of a message that names a school and begins a report with it
READ_WITH = "bot.reports_read_with"  # setting: which reader has read the record
KINDS = ("text", "image", "video", "document")
PICTURES = ("image", "video")
PAPERS = ("image", "document")


@dataclass(frozen=True)
class Said:
    """A version of a message for the reader. `begun`: its sender has begun a report within the last
    minutes, of which this may be a part."""

    text: str
    kind: str
    chat_id: int
    sender_id: int | None
    at: datetime
    begun: bool


@dataclass(frozen=True)
class Reading:
    """What a reader finds: the figures of a visit, None when none is reported, and the schools that
    are named."""

    figures: Figures | None = None
    schools: tuple[Named, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Who reads reports. When `version` changes, the whole record is read again."""

    version: str
    read: Callable[[Said], Reading]


NOBODY = Reader("nobody", lambda said: Reading())


class Registers:
    """Reads on for ever; `read_on` does one piece of it."""

    def __init__(self, db: Database, zone: ZoneInfo, reader: Reader | None = None) -> None:
        self._db = db
        self._zone = zone
        self._reader = reader or NOBODY
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Something was written into the record."""
        self._work.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self.begin()
        while True:
            self._work.clear()
            while await self.read_on():
                await asyncio.sleep(0)
            try:
                async with asyncio.timeout(EVERY):
                    await self._work.wait()
            except TimeoutError:
                continue

    async def begin(self) -> None:
        """Have the whole record read again when another reader read it last."""
        before = await settings.get(self._db, READ_WITH)
        if before == self._reader.version:
            return

        def unit() -> Unit[None]:
            if before is not None:
                yield from unread.put_all()
            yield from settings.put(READ_WITH, self._reader.version)
        await self._db.write(unit())

    async def read_on(self) -> bool:
        """Read the first messages that were not read yet; whether there were any."""
        waiting = await unread.next_ones(self._db, TOGETHER)
        if not waiting:
            return False
        found = await messages.many(self._db, waiting)
        ids = sorted({record.target_id or record.id if record.kind in ("edit", "deletion")
                      else record.id for record in found})
        about = {record.id: record for record in await self._many(ids) if record.kind in KINDS}
        later = await messages.histories(self._db, list(about), ("edit", "deletion"))
        for record_id, record in sorted(about.items()):
            units = await self._considered(record, later.get(record_id, []))
            if units:
                await self._db.write(_together(units))
                fault.reach("register-written")
        await self._db.write(unread.done(waiting))
        return True

    async def _many(self, ids: Sequence[int]) -> list[Record]:
        return [record for start in range(0, len(ids), 500)
                for record in await messages.many(self._db, ids[start:start + 500])]

    async def _considered(self, record: Record, later: Sequence[Record]) -> list[Unit[object]]:
        """What is to be written of a message; one that is odd beyond all holds up no other."""
        if record.internal:
            return []
        versions = _versions(record, later)
        try:
            papers = await self._announced(record, versions)
            told = await self._told(record, versions, bool(papers and papers[-1].kind))
        except Exception:
            log.exception("record %s is not read for the registers", record.id)
            return []
        units: list[Unit[object]] = []
        if papers:
            units.append(notifications.note(
                papers, f"{versions[-1][1] or record.text} {record.media_name or ''} "
                        f"{record.sender_name}"))
        if told:
            units.append(visiting.note(told))
        return units

    # Visits

    async def _told(self, record: Record, versions: Sequence[tuple[int, str | None]], paper: bool
                    ) -> list[Told]:
        """What a message tells of a visit in each version; nothing when it never told anything."""
        begun = record.sender_id is not None and await visits.is_begun(
            self._db, record.chat_id, record.sender_id, record.id, record.sent_at)
        told = [self._version(record, version, text, begun, paper) for version, text in versions]
        if any(each.kind in visiting.TOLD for each in told):
            return told
        known = await visits.by_record(self._db, record.id) is not None
        return told if known else []

    def _version(self, record: Record, version_id: int, text: str | None, begun: bool, paper: bool
                 ) -> Told:
        if text is None:
            return Told(record.id, version_id, "deleted")
        found = self._reader.read(Said(
            text, record.kind, record.chat_id, record.sender_id, self._at(record), begun))
        named = found.schools[0] if len(found.schools) == 1 else Named()
        if found.figures is not None:
            return Told(record.id, version_id, "report", found.figures, named, corrects(text))
        if record.kind in PICTURES and len(found.schools) < 2 and not paper:
            return Told(record.id, version_id, "picture", named=named)
        if found.schools and named != Named() and len(text.split()) <= NAMING:
            return Told(record.id, version_id, "name", named=named)
        return Told(record.id, version_id, "nothing")

    # Notifications

    async def _announced(self, record: Record, versions: Sequence[tuple[int, str | None]]
                         ) -> list[Announced]:
        """What a document or picture is announced as in each version; nothing when it never was."""
        if record.kind not in PAPERS:
            return []
        made = []
        for version_id, text in versions:
            found = text is not None and announced(
                text, record.media_name or "", self._at(record).date())
            made.append(Announced(record.id, version_id, found.kind, found.number, found.day,
                                  found.subject) if found else
                        Announced(record.id, version_id, "deleted" if text is None else ""))
        if any(each.kind not in ("", "deleted") for each in made):
            return made
        return made if await notifications.known(self._db, record.id) else []

    def _at(self, record: Record) -> datetime:
        return datetime.fromtimestamp(record.sent_at / 1000, self._zone)


def _versions(record: Record, later: Sequence[Record]) -> list[tuple[int, str | None]]:
    """(version, text) of a message, its author's edits, and its deletion (None), in turn."""
    made: list[tuple[int, str | None]] = [(record.id, record.text)]
    for change in later:
        if change.kind == "edit" and change.sender_id == record.sender_id:
            made.append((change.id, change.text))
    gone = next((change for change in later if change.kind == "deletion"), None)
    return [*made, (gone.id, None)] if gone else made


def _together(units: Sequence[Unit[object]]) -> Unit[None]:
    for unit in units:
        yield from unit
