"""WhatsApp to Matrix: steps 3 to 6 of the journey (docs/journey.md): the handler of the lanes
`in:CHAT`, which carries stored records into the room."""
from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from mautrix.errors import MForbidden

from archive import directory, messages, placements, queue
from archive.db import Database, Unit
from archive.model import Chat, Person, QueueRow, Record
from archive.placements import Placement
from bridge.accounts import Accounts
from bridge.clock import now_ms
from bridge.inward import late
from bridge.inward.placing import Placing
from bridge.link import LinkDown, LinkError
from bridge.matrix import NOTICE_MARK, Homeserver, HomeserverError
from bridge.rooms.follow import SPEAKER
from bridge.rooms.ghosts import Ghosts
from bridge.rooms.media import Media, MediaGone, megabytes
from bridge.rooms.posts import Posts
from bridge.rooms.rooms import Rooms
from bridge.shown import convert
from bridge.steps import reached
from bridge.whatsapp import events
from bridge.worker import Away, GiveUp, Retry
from config import Config
from nlp.markup import Mentions

# A note that is not committed when the bridge dies costs a look at the end of the room, no more.
NOTE_WITHIN = 0.1  # seconds; every commit is paid for by the homeserver, too: it writes to the disk
MENTIONS = 200  # of one message that are looked up
PINS = 50  # of a room that are kept; a WhatsApp group has three
STRIKABLE = ("text", "image", "video", "audio", "document")
AGAIN = 50  # parts of a change that is told once more have numbers from here on
RECENT = 5_000  # record → event ids kept in memory, so that replies need not wait for the commit


@dataclass
class _Lane:
    """What a lane keeps while it runs."""

    records: dict[int, Record] = field(default_factory=dict)
    persons: dict[int, Person] = field(default_factory=dict)
    chat: Chat | None = None
    room: str = ""
    sent_before: dict[tuple[int | str, int], str] = field(default_factory=dict)
    commits: list[asyncio.Task[None]] = field(default_factory=list)


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
        self._lanes: dict[str, _Lane] = {}
        self._placing = Placing(
            database, Posts(config, database), sure=config.bridge.threads == "sure")
        self._events: OrderedDict[int, str] = OrderedDict()  # record → first event, newest last

    async def begin(self, lane: str, recovering: bool) -> None:
        """Room and, after a crash, what stands at its end already."""
        state = self._lanes[lane] = _Lane()
        state.chat = await directory.chat(self._db, int(lane.partition(":")[2]))
        if recovering and state.chat and state.chat.room_id:
            state.room = state.chat.room_id
            await self._recover(state)

    async def _recover(self, state: _Lane) -> None:
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

    async def _room(self, state: _Lane) -> None:
        if state.chat is None:
            raise GiveUp("the group is not in the archive")
        if not state.room:
            state.room = await self._rooms.ensure(state.chat)
            state.chat = await directory.chat(self._db, state.chat.id)

    async def _close_past(self, state: _Lane, row: QueueRow) -> None:
        """A room of a group's past is full."""
        live = await directory.chat(self._db, json.loads(row.payload or "{}")["of"])
        await self.flush(row.lane)
        if await self._rooms.close_past(state.chat, live):
            self._wake(f"in:{live.id}")
        await self._db.write(queue.done(row.id))

    async def _record(self, state: _Lane, row: QueueRow) -> None:
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
                events = await self._reaction(state, record, ghost, sender)
            case "edit":
                events = await self._edit(state, record, ghost, first)
            case "deletion":
                events = await self._deletion(state, record, ghost)
            case "vote":
                events = await self._vote(state, record, ghost, first)
            case "pin":
                events = await self._pin(state, record, ghost)
            case _:
                events = await self._message(state, record, ghost)
        if events:
            self._remember(record.id, events[0])
        commit = asyncio.create_task(self._note(row.id, record, state.room, events, placed))
        state.commits.append(commit)

    async def _note(self, row_id: int, record: Record, room: str, events: list[str],
                    placed: Placement | None) -> None:
        """Step 6."""
        await self._db.write(_sent(row_id, record, room, events, placed), within=NOTE_WITHIN)
        reached("in6-done")

    async def _take_back(self, state: _Lane, record: Record, ghost: str | None) -> None:
        """Remove what was said in place of a change whose message had not come yet."""
        await self.flush(f"in:{state.chat.id}")
        for number, (event, _) in enumerate(await messages.events_of(self._db, record.id)):
            await self._homeserver.redact(
                state.room, event, f"d{record.id}.t{number}",
                user=ghost if ghost and self._homeserver.is_ours(ghost) else None,
                reason="The message that this is about has followed")

    async def _send(self, state: _Lane, record: Record, content: dict[str, Any],
                    ghost: str | None, *, part: int = 0, kind: str = "m.room.message") -> str:
        """Step 5: one part of a record. Returns its event id."""
        event = await self._homeserver.send(
            state.room, kind, content, f"d{record.id}.{part}", user=ghost, at=record.sent_at)
        reached("in5-sent")
        return event

    async def _sender(self, state: _Lane, record: Record) -> tuple[int | None, str | None]:
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

    async def _message(self, state: _Lane, record: Record, ghost: str | None) -> list[str]:
        file, error = await self._file(record)
        mentions = await self._mentions(record)
        relates, quote = await self._relation(state, record)

        def parts(file: convert.File | None, error: str) -> list[convert.Part]:
            first, *rest = convert.to_matrix(record, file, error, self._zone, mentions)
            return [replace(first, content=convert.with_lost_quote(first.content, quote)), *rest]

        try:
            return await self._send_parts(state, record, parts(file, error), ghost, file, relates)
        except HomeserverError as refused:
            if file is None or not refused.too_large:
                raise
            error = (f"it has {megabytes(file.size)}, which the homeserver does not take; it is in "
                     "the archive")
            return await self._send_parts(state, record, parts(None, error), ghost, None, relates)

    async def _send_parts(self, state: _Lane, record: Record, parts: list[convert.Part],
                          ghost: str | None, file: convert.File | None = None,
                          relates: dict[str, Any] | None = None, first: int = 0) -> list[str]:
        """Send a record's parts, unless they stand in the room since before a crash. `file` is the
        record's own, which the homeserver may have already. Returns the event ids."""
        sent = []
        for number, part in enumerate(parts, first):
            event = state.sent_before.get((record.id, number))
            if event is None:
                content = {**part.content, convert.RECORD_MARK: record.id}
                if number:
                    content[convert.RECORD_MARK + ".part"] = number
                if relates:
                    content["m.relates_to"] = relates
                if part.file:
                    sha = record.media.sha256 if record.media and part.file is file else None
                    if self._homeserver.encrypts(state.room):
                        content["file"] = await self._media.to_homeserver_locked(part.file)
                    else:
                        content["url"] = await self._media.to_homeserver(part.file, sha)
                    content.setdefault("info", {"mimetype": part.file.mime,
                                                "size": part.file.size})
                event = await self._send(
                    state, record, content, ghost, part=number, kind=part.type)
            sent.append(event)
        return sent

    async def _mentions(self, record: Record) -> Mentions:
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

    async def _relation(self, state: _Lane, record: Record) -> tuple[dict[str, Any], str]:
        """(m.relates_to, quotation in words when the quoted message has no event)."""
        if record.target_source_id is None:
            root = await self._event_of(state, record.root_id)
            return convert.in_thread(root), ""
        detail = json.loads(record.detail) if record.detail else {}
        target = await self._event_of(state, record.target_id)
        root = await self._event_of(state, record.root_id)
        if target is None:
            return {}, convert.lost_quote(detail)
        return convert.relation(target, root or target), ""

    async def _event_of(self, state: _Lane, record_id: int | None) -> str | None:
        """The first Matrix event of a record."""
        if record_id is None:
            return None
        if record_id in self._events:
            return self._events[record_id]
        await self.flush(f"in:{state.chat.id}")
        events = await messages.events_of(self._db, record_id)
        return events[0][0] if events else None

    async def _target(self, state: _Lane, record: Record) -> tuple[str, Record]:
        """(event, record) that a reaction, edit or deletion is about. A later look may find what
        is not there yet."""
        fresh = record if record.target_id else await messages.get(self._db, record.id)
        event = await self._event_of(state, fresh.target_id)
        target = await messages.get(self._db, fresh.target_id) if fresh.target_id else None
        if event is None or target is None:
            raise _Nothing
        return event, target

    async def _reaction(self, state: _Lane, record: Record, ghost: str | None,
                        sender: int | None) -> list[str]:
        try:
            event, target = await self._target(state, record)
        except _Nothing:
            return []
        await self.flush(f"in:{state.chat.id}")
        before = await messages.reaction_event_before(
            self._db, target.id, sender, record.id)
        if before:
            await self._redact(state, before, f"d{record.id}.r", ghost)
        if not record.text:
            return []
        known = state.sent_before.get((record.id, 0))
        if known:
            return [known]
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event,
                                    "key": record.text}, convert.RECORD_MARK: record.id}
        return [await self._send(state, record, content, ghost, kind="m.reaction")]

    async def _edit(self, state: _Lane, record: Record, ghost: str | None, first: int
                    ) -> list[str]:
        try:
            event, target = await self._target(state, record)
        except _Nothing:
            return await self._send_parts(state, record, convert.notice_parts(
                f"Edited an earlier message that is not in this room. New text: {record.text}"),
                ghost)
        author = await self._author(state, event, record.sender_id, ghost)
        if author == "":
            return await self._send_parts(state, record, convert.notice_parts(
                f"Changed this message on WhatsApp. New text: {record.text}"), ghost, first=first,
                relates=convert.relation(event, None))
        ghost = author
        if target.kind == "notice":  # it stood for a message that has followed
            followed = await self._event_of(state, json.loads(record.detail or "{}").get("message"))
            return await self._send_parts(state, record, [convert.Part(
                late.pointing(record.text, event, state.room, followed))], ghost)
        if target.kind != "text":  # a file whose caption was edited
            original = await self._homeserver.event(state.room, event)
            return await self._send_parts(state, record, [convert.Part(convert.edit_caption(
                record.text, (original or {}).get("content", {}), event))], ghost, first=first)
        parts = convert.edit_parts(record.text, event, await self._mentions(record))
        return await self._send_parts(state, record, parts, ghost, first=first)

    async def _vote(self, state: _Lane, record: Record, ghost: str | None, first: int
                    ) -> list[str]:
        """A vote counts in the poll of the room; the newest of each person does (MSC3381)."""
        try:
            event, poll = await self._target(state, record)
        except _Nothing:
            return await self._send_parts(state, record, convert.notice_parts(
                f"Voted in a poll that is not in this room: {record.text or 'no option'}"), ghost)
        options = json.loads(record.detail or "{}").get("options", [])
        vote = convert.vote(options, event, _answers(poll))
        return await self._send_parts(state, record, [convert.Part(
            vote, type=convert.POLL_RESPONSE)], ghost, first=first)

    async def _pin(self, state: _Lane, record: Record, ghost: str | None) -> list[str]:
        """The room's pinned messages follow the group's; who did it is said."""
        try:
            event, _ = await self._target(state, record)
        except _Nothing:
            return []
        before = (await self._homeserver.state(state.room, "m.room.pinned_events")).get("pinned")
        pinned = [e for e in before if isinstance(e, str)] if isinstance(before, list) else []
        after = [e for e in pinned if e != event] + [event] * (record.text == "pinned")
        if after != pinned:
            await self._homeserver.set_state(
                state.room, "m.room.pinned_events", {"pinned": after[-PINS:]})
        words = "Pinned this message." if record.text == "pinned" else "Unpinned this message."
        return await self._send_parts(state, record, convert.notice_parts(words), ghost,
                                      relates=convert.relation(event, None))

    async def _deletion(self, state: _Lane, record: Record, ghost: str | None) -> list[str]:
        try:
            _, target = await self._target(state, record)
        except _Nothing:
            return []
        own = record.sender_id == target.sender_id
        # Nobody but its author can edit an event, and only texts and captions can be edited.
        if self._policy.deletions == "strike" and target.origin == "whatsapp" and \
                target.kind in STRIKABLE:
            author = await self._author_of(state, target)
            if author != "":
                return await self._strike(state, record, target, author)
        await self.flush(f"in:{state.chat.id}")
        for number, (event, _) in enumerate(await messages.events_of(self._db, target.id)):
            await self._redact(state, event, f"d{record.id}.{number}", ghost if own else None)
        return []

    async def _author_of(self, state: _Lane, target: Record) -> str | None:
        """As whom a message can be changed; None for the bridge itself, "" for nobody of ours."""
        event = await self._event_of(state, target.id)
        writer = await directory.person(self._db, target.sender_id) if target.sender_id else None
        return await self._author(
            state, event or "", target.sender_id, writer.ghost if writer else None)

    async def _strike(self, state: _Lane, record: Record, target: Record, author: str | None
                      ) -> list[str]:
        """Leave a deleted message in the room, struck through: as an edit by who wrote it."""
        event = await self._event_of(state, target.id)
        if target.kind == "text":
            part = convert.struck(target.text, event)
        else:
            original = await self._homeserver.event(state.room, event)
            part = convert.Part(convert.edit_caption(
                f"[deleted on WhatsApp] {target.text}", (original or {}).get("content", {}), event))
        return await self._send_parts(state, record, [part], author)

    async def _author(self, state: _Lane, event: str, person_id: int | None, ghost: str | None
                      ) -> str | None:
        """As whom an event can be changed: only its own sender can, and somebody who has linked a
        number has spoken through a ghost before, or in Matrix. "" when that is nobody of ours."""
        person = await directory.person(self._db, person_id) if person_id else None
        if person is None or not (person.mxid or self._accounts.ours(person)):
            return ghost
        found = await self._homeserver.event(state.room, event)
        sender = str((found or {}).get("sender") or ghost)
        return sender if self._homeserver.speaks_as(sender) else ""

    async def _redact(self, state: _Lane, event: str, txn_id: str, ghost: str | None) -> None:
        if ghost is not None and not self._homeserver.is_ours(ghost):
            ghost = None  # a redaction carries no mark of ours, and would come back as staff's own
        try:
            await self._homeserver.redact(
                state.room, event, txn_id, user=ghost, reason="Deleted on WhatsApp")
        except HomeserverError as error:
            if error.temporary or ghost is None:
                raise
            await self._homeserver.redact(state.room, event, txn_id + "b",
                                          reason="Deleted on WhatsApp")
        reached("in5-sent")

    async def _notice(self, state: _Lane, row: QueueRow) -> None:
        payload = json.loads(row.payload or "{}")
        content: dict[str, Any] = {"msgtype": "m.notice", "body": payload.get("text", ""),
                                   NOTICE_MARK: row.key}
        if payload.get("event"):
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": payload["event"]}}
        if (row.key, 0) not in state.sent_before:
            await self._homeserver.send(state.room, "m.room.message", content, f"n{row.key}")
        await self._db.write(queue.done(row.id))

    def _remember(self, record_id: int, event: str) -> None:
        self._events[record_id] = event
        if len(self._events) > RECENT:
            self._events.popitem(last=False)

    async def flush(self, lane: str) -> None:
        """Wait for the commits that were not waited for."""
        state = self._lanes[lane]
        commits, state.commits = state.commits, []
        if commits:
            await asyncio.sleep(0)  # the last of them hands its unit in
            self._db.hasten()
            await asyncio.gather(*commits)

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


class _Nothing(Exception):
    """The record that another one is about has no event."""


def _answers(poll: Record) -> dict[str, str]:
    """The ids of the options of a poll that staff made, by name."""
    return json.loads(poll.detail or "{}").get("answers", {})


def _sent(row_id: int, record: Record, room: str, events: list[str], placed: Placement | None
          ) -> Unit[None]:
    """Step 6: every part's event id, the thread, and the row is done."""
    for part, event in enumerate(events):
        yield from messages.link_event(event, room, record.id, part)
    if placed:
        yield from placements.note(record.chat_id, placed)
    yield from queue.done(row_id)


