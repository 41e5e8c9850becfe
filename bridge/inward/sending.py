"""One lane to Matrix: what it keeps while it runs, and how a record's parts are sent."""
from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from archive import directory, messages
from archive.db import Database
from archive.model import Chat, Person, Record
from bridge.accounts import Accounts
from bridge.matrix import Homeserver
from bridge.rooms.media import Media
from bridge.shown import convert
from bridge.steps import reached
from bridge.whatsapp import events
from nlp.markup import Mentions

MENTIONS = 200  # of one message that are looked up
RECENT = 5_000  # record → event ids kept in memory, so that replies need not wait for the commit


@dataclass
class Lane:
    """What a lane keeps while it runs."""

    records: dict[int, Record] = field(default_factory=dict)
    persons: dict[int, Person] = field(default_factory=dict)
    chat: Chat | None = None
    room: str = ""
    sent_before: dict[tuple[int | str, int], str] = field(default_factory=dict)
    commits: list[asyncio.Task[None]] = field(default_factory=list)


class Sending:
    """Sends records, and knows which events they are."""

    def __init__(self, database: Database, homeserver: Homeserver, media: Media,
                 accounts: Accounts) -> None:
        self._db = database
        self._homeserver = homeserver
        self._media = media
        self._accounts = accounts
        self._events: OrderedDict[int, str] = OrderedDict()  # record → first event, newest last

    async def event(self, lane: Lane, record: Record, content: dict[str, Any],
                    ghost: str | None, *, part: int = 0, kind: str = "m.room.message") -> str:
        """Step 5: one part of a record. Returns its event id. Raises HomeserverError."""
        event = await self._homeserver.send(
            lane.room, kind, content, f"d{record.id}.{part}", user=ghost, at=record.sent_at)
        reached("in5-sent")
        return event

    async def parts(self, lane: Lane, record: Record, parts: list[convert.Part],
                    ghost: str | None, file: convert.File | None = None,
                    relates: dict[str, Any] | None = None, first: int = 0) -> list[str]:
        """Send a record's parts, unless they stand in the room since before a crash. `file` is the
        record's own, which the homeserver may have already. Returns the event ids. Raises
        HomeserverError."""
        sent = []
        for number, part in enumerate(parts, first):
            event = lane.sent_before.get((record.id, number))
            if event is None:
                content = {**part.content, convert.RECORD_MARK: record.id}
                if number:
                    content[convert.RECORD_MARK + ".part"] = number
                if relates:
                    content["m.relates_to"] = relates
                if part.file:
                    sha = record.media.sha256 if record.media and part.file is file else None
                    if self._homeserver.encrypts(lane.room):
                        content["file"] = await self._media.to_homeserver_locked(part.file)
                    else:
                        content["url"] = await self._media.to_homeserver(part.file, sha)
                    content.setdefault("info", {"mimetype": part.file.mime,
                                                "size": part.file.size})
                event = await self.event(lane, record, content, ghost, part=number, kind=part.type)
            sent.append(event)
        return sent

    async def mentions(self, record: Record) -> Mentions:
        """Whom a text names: the digits behind its "@" → (Matrix id of their ghost or "", name)."""
        if not record.detail or '"mentions"' not in record.detail:  # spares reading most of them
            return {}
        found = {}
        for jid in json.loads(record.detail).get("mentions", [])[:MENTIONS]:
            sender = events.sender_of_jid(str(jid))
            if sender is None:
                continue
            kind, digits = ("lid", sender.lid) if sender.lid else ("pn", sender.pn)
            person = await directory.find(self._db, kind, digits)
            if person and (person.name or person.pn):
                found[digits] = (self._accounts.puppet(person) or person.ghost or "",
                                 person.name or f"+{person.pn}")
            elif sender.pn:
                found[digits] = ("", f"+{sender.pn}")
        return found

    async def event_of(self, lane: Lane, record_id: int | None) -> str | None:
        """The first Matrix event of a record."""
        if record_id is None:
            return None
        if record_id in self._events:
            return self._events[record_id]
        await self.flush(lane)
        events = await messages.events_of(self._db, record_id)
        return events[0][0] if events else None

    def remember(self, record_id: int, event: str) -> None:
        """The record's first event, before the commit that notes it."""
        self._events[record_id] = event
        if len(self._events) > RECENT:
            self._events.popitem(last=False)

    async def flush(self, lane: Lane) -> None:
        """Wait for the commits that were not waited for."""
        commits, lane.commits = lane.commits, []
        if commits:
            await asyncio.sleep(0)  # the last of them hands its unit in
            self._db.hasten()
            await asyncio.gather(*commits)
