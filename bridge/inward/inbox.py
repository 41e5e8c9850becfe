"""Step 2 of the journey (docs/journey.md): what the link delivers becomes a record and a row
of the queue."""
from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from archive import directory, merging, messages, queue, sent
from archive.db import Database, Unit
from archive.model import MESSAGE_KINDS, Chat, NewRecord
from bridge.accounts import Account, Accounts
from bridge.clock import sensible
from bridge.inward import changes, late, ringing
from bridge.link import Delivery
from bridge.rooms.directs import Directs
from bridge.rooms.groups import Groups
from bridge.steps import reached
from bridge.whatsapp import calls, described, events, history, sealed
from bridge.whatsapp.content import Content

log = logging.getLogger("daftar.bridge.inbox")

BATCH = 200  # messages of the past that are stored at once
LATE_MS = 60_000  # what comes later than so may have been in a chat export that was imported


# (chat, id on WhatsApp, account, what it says, when it was sent in Unix ms)
InDoubt = Callable[[int, str, str, Content, int], Awaitable[bool]]


async def _never(*_: object) -> bool:
    return False


class Inbox:
    """Step 2: one transaction writes the record and its queue row; only then does the link
    acknowledge its journal."""

    def __init__(self, database: Database, groups: Groups, directs: Directs,
                 wake: Callable[[str], None], accounts: Accounts, zone: tzinfo,
                 admins: tuple[str, ...] = ()) -> None:
        """`admins` hear of calls."""
        self._admins = admins
        self._accounts = accounts
        self.in_doubt: InDoubt = _never  # whether what was heard settles a row that was in doubt
        self._zone = zone
        self._db = database
        self._groups = groups
        self._directs = directs
        self._wake = wake

    async def store(self, delivery: Delivery, heard: Account | None = None) -> None:
        """Store one event of the department's link, or of the member of staff's that `heard` it.
        Returns when it is committed."""
        reached("in2-before-store")
        try:
            lane = await self._store(delivery) if heard is None else await self._overheard(delivery)
        except (events.Malformed, ValueError) as error:
            # There is no chat to put it in: the bytes are kept where the administrator is told.
            log.error("WhatsApp sent something unreadable: %s", error)
            await self._db.write(_keep_unreadable(delivery, str(error)))
            return
        reached("in2-after-store")
        if lane:
            self._wake(lane)

    async def _store(self, delivery: Delivery) -> str | None:
        """The lane that got work. Raises Malformed or ValueError for what cannot be stored."""
        if delivery.code == history.CODE:
            return await self._past(delivery)
        if delivery.code in calls.CODES:
            return await self._ringing(delivery)
        read = described.parse if delivery.code in described.CODES else events.parse
        event = _timed(read(delivery.code, delivery.body), delivery.at)
        lane: str | None = None
        match event:
            case events.Incoming():
                chat = await self._chosen(event, delivery.at)
                if chat is not None:
                    lane = await self._message(chat.id, event, delivery.at)
            case events.Undecryptable():
                chat = await self._chosen(event, delivery.at)
                if chat is not None:
                    lane = await self._unreadable(chat.id, event, delivery.at)
            case described.GroupChange():
                lane = await self._groups.changed(event, delivery.at)
            case described.Group():
                lane = await self._groups.seen(event)
            case described.Picture():
                lane = await self._groups.pictured(event, delivery.at)
        return lane

    async def _chosen(self, event: events.Incoming | events.Undecryptable, at: int) -> Chat | None:
        """The archive's chat of an event; None for one that is not carried."""
        if event.peer is None:
            return await self._groups.chosen(event.chat)
        return await self._directs.chosen(event.peer, at)

    async def _ringing(self, delivery: Delivery) -> str | None:
        call = _timed(calls.parse(delivery.code, delivery.body), delivery.at)
        if call is None:
            return None
        if call.group:
            chat = await self._groups.chosen(call.group)
            return chat and await self._db.write(ringing.in_group(chat, call, delivery.at))
        if chat := await self._directs.known(call.sender):
            return await self._db.write(ringing.in_chat(chat, call, delivery.at))
        for lane in await self._db.write(ringing.alone(call, self._admins, self._zone)):
            self._wake(lane)
        return None

    async def _overheard(self, delivery: Delivery) -> str | None:
        """What a member of staff's own number heard: only messages, only of groups that are
        mirrored. Mostly the department's has heard them, too; then nothing is added."""
        event = _timed(events.parse(delivery.code, delivery.body), delivery.at)
        if event is None or event.peer is not None:
            return None
        chat = await self._groups.mirrored(event.chat)
        if chat is None:
            return None
        department = self._accounts.department
        if isinstance(event, events.Incoming):
            event = replace(event, from_me=department.is_of(event.sender))  # "me" is somebody else
            return await self._message(chat.id, event, delivery.at)
        if department.connected:
            return None  # it reads the message, or says itself that it cannot
        return await self._unreadable(chat.id, event, delivery.at)

    async def _message(self, chat_id: int, event: events.Incoming, at: int) -> str | None:
        if await self._is_ours(chat_id, event):
            return None
        if sealed.is_sealed(event):  # about what is going out just now, perhaps
            await self._accounts.settled(chat_id)
        event = await sealed.opened(self._db, chat_id, event)
        return await self._db.write(_store_message(chat_id, event, at))

    async def _unreadable(self, chat_id: int, event: events.Undecryptable, at: int) -> str | None:
        if await self._is_ours(chat_id, event):
            return None
        return await self._db.write(late.announce(chat_id, event, at))

    async def _is_ours(self, chat_id: int, event: events.Incoming | events.Undecryptable) -> bool:
        """Did this leave from here, from another of our numbers?"""
        account = self._accounts.ours(event.sender)
        if account is None:
            return False
        await self._accounts.settled(chat_id)
        if await sent.is_ours(self._db, chat_id, event.id):
            return True
        return isinstance(event, events.Incoming) and await self.in_doubt(
            chat_id, event.id, account.key, event.content, event.sent_at)

    async def _past(self, delivery: Delivery) -> None:
        """The phone's history, group by group; what is in the record already adds nothing."""
        own = events.sender_of_jid(self._accounts.department.jid)
        for said in history.read(delivery.body, own).values():
            messages_ = [_timed(message, delivery.at) for message in said]
            chat = await self._chosen(messages_[0], delivery.at)
            if chat is None:
                continue
            fresh = await self._unknown(chat.id, messages_)
            if fresh:
                await self._db.write(_introduce(
                    chat.id, fresh[0].id, history.words(fresh, self._zone), delivery.at))
            for start in range(0, len(fresh), BATCH):
                await self._db.write(_store_all(chat.id, fresh[start:start + BATCH], delivery.at))
                self._wake(f"in:{chat.id}")

    async def _unknown(self, chat_id: int, said: list[events.Incoming]
                       ) -> list[events.Incoming]:
        """Those that the record does not hold."""
        known: set[str] = set()
        for start in range(0, len(said), BATCH):
            part = [message.id for message in said[start:start + BATCH]]
            rows = await self._db.read(
                "SELECT source_id FROM record WHERE chat_id = ? AND source_id IN "
                f"({', '.join('?' * len(part))}) UNION ALL SELECT message_id FROM whatsapp_message "
                f"WHERE chat_id = ? AND message_id IN ({', '.join('?' * len(part))}) "
                "UNION ALL SELECT message_id FROM whatsapp_sent "
                f"WHERE chat_id = ? AND message_id IN ({', '.join('?' * len(part))})",
                chat_id, *part, chat_id, *part, chat_id, *part)
            known.update(row["source_id"] for row in rows)
        return [message for message in said if message.id not in known]


def _timed(event: Any, received_at: int) -> Any:
    """The event, at a time that makes sense."""
    for name in ("sent_at", "at"):
        if isinstance(at := getattr(event, name, None), int):
            return replace(event, **{name: sensible(at, received_at)})
    return event


def _introduce(chat_id: int, first: str, words: str, at: int) -> Unit[None]:
    record_id, new = yield from messages.add(NewRecord(
        chat_id=chat_id, kind="notice", origin="whatsapp", source_id=f"history:{first}",
        sender=None, sent_at=at, received_at=at, text=words))
    if new:
        yield from queue.put(f"in:{chat_id}", f"in:{record_id}", "record", record_id=record_id)


def _store_all(chat_id: int, said: list[events.Incoming], at: int) -> Unit[None]:
    for message in said:
        yield from _store_message(chat_id, message, at)


def _keep_unreadable(delivery: Delivery, reason: str) -> Unit[None]:
    payload = json.dumps({"code": delivery.code, "body": delivery.body.hex(), "reason": reason})
    key = f"unreadable:{delivery.seq}:{delivery.at}"
    if (yield from queue.put("unreadable:link", key, "unreadable", payload=payload)):
        rows = yield "SELECT id FROM queue WHERE key = ?", (key,)
        yield from queue.fail(rows[0]["id"], reason)


def _store_message(chat_id: int, event: events.Incoming, at: int) -> Unit[str | None]:
    if not (yield from changes.permitted(chat_id, event)):
        event = changes.refused(event)
    said, lane = event.content, f"in:{chat_id}"
    record = NewRecord(
        chat_id=chat_id, kind=said.kind, origin="whatsapp", source_id=event.id,
        sender=event.sender, sent_at=event.sent_at, received_at=at, text=said.text,
        target_source_id=said.target, media_name=said.media_name, media_mime=said.media_mime,
        detail=events.dump_detail(said.detail), raw=event.raw)
    if at - event.sent_at > LATE_MS and said.kind in MESSAGE_KINDS:
        # An export may have brought it before WhatsApp did.
        sender_id = yield from directory.ensure(event.sender, event.sent_at)
        known = yield from merging.imported(record, sender_id)
        if known is not None:
            yield from queue.put(lane, f"in:{known}", "record", record_id=known)
            return lane
    record_id, new = yield from messages.add(record)
    if not new:
        return None
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    yield from late.arrived(chat_id, record_id, event, at)
    return lane
