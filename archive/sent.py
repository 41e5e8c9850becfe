"""What left for WhatsApp: under which id, and by which of our accounts.

An account is the mxid of the member of staff whose own number it is; "" is the department's.
"""
from __future__ import annotations

from archive.db import Database, Unit

DEPARTMENT = ""


def note(chat_id: int, message_id: str, account: str, at: int) -> Unit[None]:
    """A message left at `at` (Unix ms); its id, whatever it was: a text, a reaction, a deletion."""
    yield (
        "INSERT INTO whatsapp_sent (chat_id, message_id, account, sent_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING", (chat_id, message_id, account, at))


async def is_ours(db: Database, chat_id: int, message_id: str) -> bool:
    """Did this message leave from here?"""
    return bool(await db.read(
        "SELECT 1 FROM whatsapp_sent WHERE chat_id = ? AND message_id = ?", chat_id, message_id))


async def account_of(db: Database, record_id: int) -> str:
    """The account that sent a record to WhatsApp; the department's when that is not known."""
    rows = await db.read(
        """SELECT s.account FROM whatsapp_message w JOIN whatsapp_sent s
        ON s.chat_id = w.chat_id AND s.message_id = w.message_id WHERE w.record_id = ?
        ORDER BY w.message_id LIMIT 1""", record_id)
    return rows[0]["account"] if rows else DEPARTMENT


async def since(db: Database, account: str, at: int) -> list[int]:
    """When the messages of an account left that left after `at`; Unix ms, oldest first."""
    rows = await db.read(
        "SELECT sent_at FROM whatsapp_sent WHERE account = ? AND sent_at > ? ORDER BY sent_at",
        account, at)
    return [row["sent_at"] for row in rows]
