"""Messages that come late: WhatsApp hands over what cannot be read yet, and the message follows
once its sender was asked for it again. Until then a notice stands for it, and what others say
about it (an edit, a reaction, a deletion) may come before it."""
from __future__ import annotations

import html
from typing import Any

from archive import messages, queue
from archive.db import Row, Unit
from archive.model import NewRecord
from bridge.whatsapp import events

_NOTICE = "undecryptable:"  # source ids of the notices
_FOLLOWED = "followed:"  # … and of the edits that replace them
TEXT = ("A message could not be decrypted yet. WhatsApp has been asked for it again; if it does "
        "not follow, ask the sender to send it once more.")
UNAVAILABLE = ("WhatsApp shows this message on phones only (a picture to be seen once, for "
               "example). If it is handed over later, it follows here.")
# What is told again when the message that it is about comes after it.
_ABOUT = ("edit", "deletion", "reaction", "vote", "pin")


def announce(chat_id: int, event: events.Undecryptable, at: int) -> Unit[str | None]:
    """The notice in the record and its row; the lane that got work. Nothing when the message is
    there already: then a second copy could not be read, as it should be."""
    known = yield (
        "SELECT id FROM record WHERE chat_id = ? AND source_id = ?",
        (chat_id, event.id))
    if known:
        return None
    return (yield from _store(NewRecord(
        chat_id=chat_id, kind="notice", origin="whatsapp", source_id=_NOTICE + event.id,
        sender=event.sender, sent_at=event.sent_at, received_at=at,
        text=UNAVAILABLE if event.unavailable else TEXT)))


def arrived(chat_id: int, record_id: int, event: events.Incoming, at: int) -> Unit[None]:
    """A new message has its row: behind it come the end of the notice that stood for it, and what
    was said about it before."""
    notice = yield (
        "SELECT id FROM record WHERE chat_id = ? AND source_id = ?",
        (chat_id, _NOTICE + event.id))
    if notice:
        yield from _store(NewRecord(
            chat_id=chat_id, kind="edit", origin="whatsapp", source_id=_FOLLOWED + event.id,
            sender=event.sender, sent_at=max(at, event.sent_at), received_at=at,
            target_source_id=_NOTICE + event.id,
            text="This message could not be decrypted at first; it has followed.",
            detail=events.dump_detail({"message": record_id})))
    waiting = yield (
        """SELECT a.id, a.kind, a.sender_id, m.sender_id AS author, b.role FROM record a
        JOIN record m ON m.id = a.target_id
        LEFT JOIN member b ON b.chat_id = a.chat_id AND b.person_id = a.sender_id
        WHERE a.target_id = ? AND a.origin = 'whatsapp' ORDER BY a.id""",
        (record_id,))
    for row in waiting:
        if row["kind"] in _ABOUT and _permitted(row):
            yield from queue.put(
                f"in:{chat_id}", f"again:{row['id']}", "again", record_id=row["id"])


def _permitted(row: Row) -> bool:
    """Nobody could tell before whose message it is (see bridge.changes)."""
    if row["kind"] not in ("edit", "deletion") or row["sender_id"] == row["author"]:
        return True
    return row["kind"] == "deletion" and row["role"] in ("admin", "superadmin")


def _store(new: NewRecord) -> Unit[str | None]:
    record_id, fresh = yield from messages.add(new)
    if not fresh:
        return None
    lane = f"in:{new.chat_id}"
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    return lane


def pointing(text: str, notice: str, room: str, event: str | None) -> dict[str, Any]:
    """Content that replaces a notice's event by a pointer to the message that has followed."""
    new: dict[str, Any] = {"msgtype": "m.notice", "body": text}
    if event:
        link = f"https://matrix.to/#/{room}/{event}"
        new |= {"body": f"{text} {link}", "format": "org.matrix.custom.html",
                "formatted_body": f'{html.escape(text)} <a href="{html.escape(link)}">Go to it</a>'}
    return {**new, "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": notice}}
