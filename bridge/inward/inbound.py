"""WhatsApp to Matrix: steps 3 to 6 of the journey (docs/journey.md): the handler of the lanes
`in:CHAT`, which carries stored records into the room."""
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from mautrix.errors import MForbidden

from archive import directory, messages, placements, queue
from archive.db import Database, Unit
from archive.model import QueueRow, Record
from archive.placements import Placement
from bridge.accounts import Accounts
from bridge.clock import now_ms
from bridge.inward.about import About
from bridge.inward.placing import Placing
from bridge.inward.sending import Lane, Sending
from bridge.link import LinkDown, LinkError
from bridge.matrix import NOTICE_MARK, Homeserver, HomeserverError
from bridge.rooms.follow import SPEAKER
from bridge.rooms.ghosts import Ghosts
from bridge.rooms.media import Media, MediaGone, megabytes
from bridge.rooms.posts import Posts
from bridge.rooms.rooms import Rooms
from bridge.shown import convert
from bridge.steps import reached
from bridge.worker import Away, GiveUp, Retry
from config import Config

# A note that is not committed when the bridge dies costs a look at the end of the room, no more.
NOTE_WITHIN = 0.1  # seconds; every commit is paid for by the homeserver, too: it writes to the disk
AGAIN = 50  # parts of a change that is told once more have numbers from here on


class Inbound:
    """The handler of the lanes to Matrix."""

    repeatable = True  # the transaction id, and after a crash the marks in the room, see to it

    def __init__(self, database: Database, homeserver: Homeserver, rooms: Rooms, ghosts: Ghosts,
                 media: Media, config: Config, accounts: Accounts,
                 wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._accounts = accounts
        self._zone = ZoneInfo(config.timezone)
        self._policy = config.bridge
        self._db = database
        self._homeserver = homeserver
        self._rooms = rooms
        self._ghosts = ghosts
        self._media = media
        self._sending = Sending(database, homeserver, media, accounts)
        self._about = About(database, homeserver, self._sending, accounts,
                            strike=config.bridge.deletions == "strike")
        self._lanes: dict[str, Lane] = {}
        self._placing = Placing(
            database, Posts(config, database), sure=config.bridge.threads == "sure")

    async def begin(self, lane: str, recovering: bool) -> None:
        """Room and, after a crash, what stands at its end already."""
        state = self._lanes[lane] = Lane()
        state.chat = await directory.chat(self._db, int(lane.partition(":")[2]))
        if recovering and state.chat and state.chat.room_id:
            state.room = state.chat.room_id
            await self._recover(state)

    async def _recover(self, state: Lane) -> None:
        rows = await self._db.read(
            "SELECT record_id FROM queue WHERE lane = ? AND state IN ('ready', 'claimed')"
            " AND record_id IS NOT NULL", f"in:{state.chat.id}")
        open_rows = {row["record_id"] for row in rows}
        try:
            state.sent_before = await self._homeserver.marks(
                state.room, lambda record: record not in open_rows)
        except HomeserverError as error:
            raise Retry(f"cannot look for events that were sent before: {error}") from error

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Read the records of the claimed rows in one query."""
        reached("in3-claimed")
        state = self._lanes[rows[0].lane]
        wanted = [row.record_id for row in rows if row.record_id is not None]
        state.records = {r.id: r for r in await messages.many(self._db, wanted)}
        state.persons = await directory.persons(
            self._db, {r.sender_id for r in state.records.values() if r.sender_id is not None})
        if state.chat is not None:
            await self._placing.prepare(state.chat.id, state.records, state.persons)

    async def handle(self, row: QueueRow) -> None:
        """One row: into the room, and noted."""
        state = self._lanes[row.lane]
        try:
            await self._room(state)
            match row.task:
                case "record" | "again":
                    await self._record(state, row)
                case "notice":
                    await self._notice(state, row)
                case "room":
                    # the lane may have begun before the group changed
                    state.chat = await directory.chat(self._db, state.chat.id)
                    await self._rooms.sync(state.chat, json.loads(row.payload or "{}"))
                    await self._db.write(queue.done(row.id))
                case "past":
                    await self._close_past(state, row)
                case other:
                    raise GiveUp(f"no such task: {other}")
        except HomeserverError as error:
            if isinstance(error.__cause__, MForbidden) and state.chat:
                self._ghosts.forget(state.chat.id)
                raise Retry(str(error)) from error
            raise error.for_lane() from error
        except LinkDown as error:
            raise Away(str(error)) from error
        except LinkError as error:
            raise Retry(str(error)) from error

    async def _room(self, state: Lane) -> None:
        if state.chat is None:
            raise GiveUp("the group is not in the archive")
        if not state.room:
            state.room = await self._rooms.ensure(state.chat)
            state.chat = await directory.chat(self._db, state.chat.id)

    async def _close_past(self, state: Lane, row: QueueRow) -> None:
        """A room of a group's past is full."""
        live = await directory.chat(self._db, json.loads(row.payload or "{}")["of"])
        await self.flush(row.lane)
        if await self._rooms.close_past(state.chat, live):
            self._wake(f"in:{live.id}")
        await self._db.write(queue.done(row.id))

    async def _record(self, state: Lane, row: QueueRow) -> None:
        record = state.records.get(row.record_id)
        if record is None:
            raise GiveUp(f"record {row.record_id} is not in the archive")
        sender, ghost = await self._sender(state, record)
        reached("in4-prepared")
        placed = None
        if row.payload and (root := json.loads(row.payload).get("under")) is not None:
            record = replace(record, root_id=root)
        elif (placed := await self._placing.choose(record, state.chat.id)) and \
                placed.root_id is not None:
            record = replace(record, root_id=placed.root_id)
        first = AGAIN if row.task == "again" else 0
        if first:
            await self._take_back(state, record, ghost)
        match record.kind:
            case "reaction":
                self._placing.react(record)
                events = await self._about.reaction(state, record, ghost, sender)
            case "edit":
                events = await self._about.edit(state, record, ghost, first)
            case "deletion":
                events = await self._about.deletion(state, record, ghost)
            case "vote":
                events = await self._about.vote(state, record, ghost, first)
            case "pin":
                events = await self._about.pin(state, record, ghost)
            case _:
                events = await self._message(state, record, ghost)
        if events:
            self._sending.remember(record.id, events[0])
        commit = asyncio.create_task(self._note(row.id, record, state.room, events, placed))
        state.commits.append(commit)

    async def _note(self, row_id: int, record: Record, room: str, events: list[str],
                    placed: Placement | None) -> None:
        """Step 6."""
        await self._db.write(_sent(row_id, record, room, events, placed), within=NOTE_WITHIN)
        reached("in6-done")

    async def _take_back(self, state: Lane, record: Record, ghost: str | None) -> None:
        """Remove what was said in place of a change whose message had not come yet."""
        await self._sending.flush(state)
        for number, (event, _) in enumerate(await messages.events_of(self._db, record.id)):
            await self._homeserver.redact(
                state.room, event, f"d{record.id}.t{number}",
                user=ghost if ghost and self._homeserver.is_ours(ghost) else None,
                reason="The message that this is about has followed")

    async def _sender(self, state: Lane, record: Record) -> tuple[int | None, str | None]:
        """(person, ghost) of a record; (None, None) when the bridge itself speaks. In the place of
        a ghost stands the member of staff whose own number it is."""
        if record.sender_id is None or record.kind == "gap" or \
                record.source_id.startswith(SPEAKER):
            return None, None
        person = state.persons.get(record.sender_id)
        if person is None:  # merged with another person since the record was read
            fresh = await messages.get(self._db, record.id)
            person = await directory.person(self._db, fresh.sender_id)
        if not (person.pn or person.lid) and (record.origin != "import" or person.mxid):
            return person.id, None
        if puppet := self._accounts.puppet(person):
            await self._ghosts.step_aside(state.chat, state.room, puppet)
            return person.id, puppet
        ghost = await self._ghosts.ensure(person)
        if await self._ghosts.join(state.chat, state.room, person, ghost):
            await self._rooms.welcome(state.chat)
        return person.id, ghost

    async def _message(self, state: Lane, record: Record, ghost: str | None) -> list[str]:
        file, error = await self._file(record)
        mentions = await self._sending.mentions(record)
        relates, quote = await self._relation(state, record)

        def parts(file: convert.File | None, error: str) -> list[convert.Part]:
            first, *rest = convert.to_matrix(record, file, error, self._zone, mentions)
            return [replace(first, content=convert.with_lost_quote(first.content, quote)), *rest]

        try:
            return await self._sending.parts(
                state, record, parts(file, error), ghost, file, relates)
        except HomeserverError as refused:
            if file is None or not refused.too_large:
                raise
            error = (f"it has {megabytes(file.size)}, which the homeserver does not take; it is in "
                     "the archive")
            return await self._sending.parts(
                state, record, parts(None, error), ghost, None, relates)

    async def _file(self, record: Record) -> tuple[convert.File | None, str]:
        if record.media_mime is None and record.kind not in ("image", "video", "audio", "document",
                                                             "sticker"):
            return None, ""
        if self._policy.view_once == "notice" and record.detail and \
                json.loads(record.detail).get("view_once"):
            return None, "to be seen once; it is not kept"
        try:
            return await self._media.of_record(record, now_ms()), ""
        except MediaGone as error:
            return None, str(error)

    async def _relation(self, state: Lane, record: Record) -> tuple[dict[str, Any], str]:
        """(m.relates_to, quotation in words when the quoted message has no event)."""
        if record.target_source_id is None:
            root = await self._sending.event_of(state, record.root_id)
            return convert.in_thread(root), ""
        detail = json.loads(record.detail) if record.detail else {}
        target = await self._sending.event_of(state, record.target_id)
        root = await self._sending.event_of(state, record.root_id)
        if target is None:
            return {}, convert.lost_quote(detail)
        return convert.relation(target, root or target), ""

    async def _notice(self, state: Lane, row: QueueRow) -> None:
        payload = json.loads(row.payload or "{}")
        content: dict[str, Any] = {"msgtype": "m.notice", "body": payload.get("text", ""),
                                   NOTICE_MARK: row.key}
        if payload.get("event"):
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": payload["event"]}}
        if (row.key, 0) not in state.sent_before:
            await self._homeserver.send(state.room, "m.room.message", content, f"n{row.key}")
        await self._db.write(queue.done(row.id))

    async def flush(self, lane: str) -> None:
        """Wait for the commits that were not waited for."""
        await self._sending.flush(self._lanes[lane])

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """A message that does not get into the room is announced there."""
        if row.task in ("notice", "room"):
            return []  # a notice that cannot be posted stands in `daftar status`
        rows = yield ("SELECT p.name FROM record r LEFT JOIN person p ON p.id = r.sender_id"
                      " WHERE r.id = ?", (row.record_id,))
        name = (rows[0]["name"] if rows else None) or "somebody"
        text = (f"A message from {name} could not be shown here ({reason}). It is kept in the "
                f"record under number {row.record_id}.")
        yield from queue.put(row.lane, f"failed:{row.id}", "notice",
                             payload=json.dumps({"text": text}))
        return [row.lane]


def _sent(row_id: int, record: Record, room: str, events: list[str], placed: Placement | None
          ) -> Unit[None]:
    """Step 6: every part's event id, the thread, and the row is done."""
    for part, event in enumerate(events):
        yield from messages.link_event(event, room, record.id, part)
    if placed:
        yield from placements.note(record.chat_id, placed)
    yield from queue.done(row_id)


