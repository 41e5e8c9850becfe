"""Step 2 of the journey (docs/journey.md): what the link delivers becomes a record and a row
of the queue."""
from __future__ import annotations

import json
import logging
from collections.abc import Callable

from archive import messages, queue
from archive.db import Database, Unit
from archive.model import NewRecord
from bridge import changes, whatsapp
from bridge.groups import Groups
from bridge.link import Delivery
from bridge.steps import reached

log = logging.getLogger("daftar.bridge.inbox")

DAY_MS = 86_400_000  # how far ahead of ours WhatsApp's clock may be before it counts as wrong


class Inbox:
    """Step 2: one transaction writes the record and its queue row; only then does the link
    acknowledge its journal."""

    def __init__(self, database: Database, groups: Groups, wake: Callable[[str], None]) -> None:
        self._db = database
        self._groups = groups
        self._wake = wake

    async def store(self, delivery: Delivery) -> None:
        """Store one event of the link. Returns when it is committed."""
        reached("in2-before-store")
        try:
            lane = await self._store(delivery)
        except (whatsapp.Malformed, ValueError) as error:
            # There is no chat to put it in: the bytes are kept where the administrator is told.
            log.error("WhatsApp sent something unreadable: %s", error)
            await self._db.write(_keep_unreadable(delivery, str(error)))
            return
        reached("in2-after-store")
        if lane:
            self._wake(lane)

    async def _store(self, delivery: Delivery) -> str | None:
        """The lane that got work. Raises Malformed or ValueError for what cannot be stored."""
        event = whatsapp.parse(delivery.code, delivery.body)
        lane: str | None = None
        match event:
            case whatsapp.Incoming():
                chat = await self._groups.chosen(event.chat)
                if chat is not None:
                    event = await changes.opened(self._db, chat.id, event)
                    lane = await self._db.write(_store_message(chat.id, event, delivery.at))
            case whatsapp.Undecryptable():
                chat = await self._groups.chosen(event.chat)
                if chat is not None:
                    lane = await self._db.write(_store_undecryptable(chat.id, event, delivery.at))
            case whatsapp.GroupChange():
                lane = await self._groups.changed(event, delivery.at)
            case whatsapp.Group():
                lane = await self._groups.seen(event)
        return lane


def _keep_unreadable(delivery: Delivery, reason: str) -> Unit[None]:
    payload = json.dumps({"code": delivery.code, "body": delivery.body.hex(), "reason": reason})
    key = f"unreadable:{delivery.seq}:{delivery.at}"
    if (yield from queue.put("unreadable:link", key, "unreadable", payload=payload)):
        rows = yield "SELECT id FROM queue WHERE key = ?", (key,)
        yield from queue.fail(rows[0]["id"], reason)


def _store_message(chat_id: int, event: whatsapp.Incoming, at: int) -> Unit[str | None]:
    if not (yield from changes.permitted(chat_id, event)):
        event = changes.refused(event)
    sent_at = event.sent_at if 0 < event.sent_at <= at + DAY_MS else at
    record_id, new = yield from messages.add(NewRecord(
        chat_id=chat_id, kind=event.kind, origin="whatsapp", source_id=event.id,
        sender=event.sender, sent_at=sent_at, received_at=at, text=event.text,
        target_source_id=event.target, media_name=event.media_name, media_mime=event.media_mime,
        detail=whatsapp.dump_detail(event.detail), raw=event.raw))
    if not new:
        return None
    lane = f"in:{chat_id}"
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    return lane


def _store_undecryptable(chat_id: int, event: whatsapp.Undecryptable, at: int) -> Unit[str | None]:
    record_id, new = yield from messages.add(NewRecord(
        chat_id=chat_id, kind="notice", origin="whatsapp", source_id=f"undecryptable:{event.id}",
        sender=event.sender, sent_at=event.sent_at, received_at=at,
        text="A message could not be decrypted yet. WhatsApp has been asked for it again; "
             "if it does not follow, ask the sender to send it once more."))
    if not new:
        return None
    lane = f"in:{chat_id}"
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    return lane
