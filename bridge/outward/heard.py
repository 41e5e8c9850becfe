"""What was in doubt and is heard by another of our numbers: it did arrive.

WhatsApp gives no id before a message has left. So a row that may have been sent keeps what it said;
a number that hears just that from the account, at that time, settles it.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from archive import messages, queue, sent, settings
from archive.db import Database, Row, Unit
from bridge.clock import now_ms
from bridge.outward import marks
from bridge.whatsapp import content
from bridge.whatsapp.content import Content

_LEAVING = "leaving "  # + row: the setting with what it said, and by which account
WITHIN_MS = 600_000  # between an attempt and WhatsApp's own time of the message
ARRIVED = "It has arrived: another of our numbers has seen it in the group."


def leaving(row_id: int, account: str, message: Any) -> Unit[None]:
    """Keep what a row is about to say (a waE2E.Message)."""
    said = content.read(message)
    if said is not None:
        yield from settings.put(f"{_LEAVING}{row_id}", _words(account, said))


def left(row_id: int) -> Unit[None]:
    """It is known what became of it."""
    yield from settings.remove(f"{_LEAVING}{row_id}")


class Heard:
    """Settles rows in doubt."""

    def __init__(self, database: Database, wake: Callable[[str], None]) -> None:
        self._db = database
        self._wake = wake

    async def settle(self, chat_id: int, message_id: str, account: str, said: Content,
                     sent_at: int) -> bool:
        """One of our numbers heard this from `account` (archive.sent). Whether it was in doubt."""
        lanes = await self._db.write(
            _settle(chat_id, message_id, _words(account, said), account, sent_at))
        for lane in lanes:
            self._wake(lane)
        return bool(lanes)


def _words(account: str, said: Content) -> str:
    return json.dumps([account, said.kind, said.text, said.target, said.media_name])


def _settle(chat_id: int, message_id: str, words: str, account: str, sent_at: int
            ) -> Unit[list[str]]:
    """Returns the lanes that got work."""
    rows = yield (
        "SELECT * FROM queue WHERE lane = ? AND state = 'unsure' AND attempted_at > ? "
        "AND attempted_at < ? ORDER BY id",
        (f"out:{chat_id}", sent_at - WITHIN_MS, sent_at + WITHIN_MS))
    for row in rows:
        kept = yield "SELECT value FROM setting WHERE name = ?", (f"{_LEAVING}{row['id']}",)
        if kept and kept[0]["value"] == words:
            return (yield from _arrived(chat_id, message_id, row, account))
    return []


def _arrived(chat_id: int, message_id: str, row: Row, account: str) -> Unit[list[str]]:
    at, event = now_ms(), json.loads(row["payload"] or "{}").get("event_id")
    yield from sent.note(chat_id, message_id, account, at)
    if row["task"] not in ("name", "revoke"):
        yield from messages.link_whatsapp(chat_id, message_id, row["record_id"])
    yield from queue.done(row["id"])
    yield from left(row["id"])
    lane = f"in:{chat_id}"
    yield from queue.put(lane, f"arrived:{row['id']}:{at}", "notice",
                         payload=json.dumps({"text": ARRIVED, "event": event}))
    cleared = (yield from marks.clear(row["id"], row["lane"], event, at)) if event else None
    return [lane, *([cleared] if cleared else [])]
