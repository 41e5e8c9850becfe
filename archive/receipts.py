"""Who has got and who has read what we sent, as WhatsApp says it."""
from __future__ import annotations

from dataclasses import dataclass

from archive.db import Database, Unit


@dataclass(frozen=True)
class Receipt:
    """One person's. Times are Unix ms; `read_at` None while it is not read, or not said."""

    person_id: int
    name: str
    delivered_at: int
    read_at: int | None


def note(record_id: int, person_id: int, at: int, *, read: bool) -> Unit[None]:
    """Somebody has got (or read) a message; the first time counts."""
    yield (
        """INSERT INTO receipt (record_id, person_id, delivered_at, read_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (record_id, person_id) DO UPDATE SET
            read_at = COALESCE(receipt.read_at, excluded.read_at)""",
        (record_id, person_id, at, at if read else None))


async def of(db: Database, record_id: int) -> list[Receipt]:
    """The receipts of a message, those who read it first."""
    rows = await db.read(
        """SELECT r.person_id, p.name, r.delivered_at, r.read_at FROM receipt r
        JOIN person p ON p.id = r.person_id WHERE r.record_id = ?
        ORDER BY r.read_at IS NULL, r.read_at, r.delivered_at, p.name""", record_id)
    return [Receipt(**dict(row)) for row in rows]
