"""Edits and deletions: who may make them.

WhatsApp's server passes on every edit and deletion; it is the clients that refuse one by somebody
who may not make it.
"""
from __future__ import annotations

from dataclasses import replace

from archive import directory, sent
from archive.db import Unit
from bridge.whatsapp.content import Content
from bridge.whatsapp.events import Incoming


def permitted(chat_id: int, event: Incoming) -> Unit[bool]:
    """May this sender make this change? An edit is for the sender of the message alone, a deletion
    also for the group's admins; what staff wrote belongs to the number that sent it as well. A
    message that is not in the record, or a group whose admins are not known, is given the
    benefit."""
    said = event.content
    if said.kind not in ("edit", "deletion") or not said.target:
        return True
    found = yield (
        """SELECT sender_id, origin, '' AS account FROM record WHERE chat_id = ? AND source_id = ?
        UNION ALL SELECT r.sender_id, r.origin, coalesce(s.account, '') FROM whatsapp_message w
            JOIN record r ON r.id = w.record_id
            LEFT JOIN whatsapp_sent s ON s.chat_id = w.chat_id AND s.message_id = w.message_id
            WHERE w.chat_id = ? AND w.message_id = ?""",
        (chat_id, said.target, chat_id, said.target))
    if not found:
        return True
    sender = yield from directory.ensure(event.sender, event.sent_at)
    if found[0]["sender_id"] == sender or (
            event.from_me and found[0]["origin"] == "matrix"
            and found[0]["account"] == sent.DEPARTMENT):
        return True
    if said.kind == "edit" or event.peer is not None:  # a direct chat has no admins
        return False
    admins = yield (
        "SELECT person_id FROM member WHERE chat_id = ? AND role IN ('admin', 'superadmin')",
        (chat_id,))
    return not admins or sender in {row["person_id"] for row in admins}


def refused(event: Incoming) -> Incoming:
    """A change that WhatsApp's own clients would not make, as a notice."""
    said = event.content
    what = "delete" if said.kind == "deletion" else "change"
    text = f"Tried to {what} somebody else's message, which WhatsApp allows nobody; it stands."
    if said.text:
        text += f" The new text was: {said.text}"
    return replace(event, content=Content("notice", text, said.target))
