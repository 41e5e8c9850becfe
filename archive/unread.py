"""What of the record was not read yet, for the registers that are made from it (visits,
notifications): rows that are taken out in the transaction that writes what was found.

Not a cursor: record ids follow the time of what they hold, so that history which is imported, and
what the other process commits a moment later, would lie behind it."""
from __future__ import annotations

from collections.abc import Sequence

from archive.db import Database, Unit
from archive.rows import marks

KINDS = ("text", "image", "video", "document", "edit", "deletion")  # that a register may heed

INSERT = "INSERT INTO unread_record (record_id) VALUES (?) ON CONFLICT DO NOTHING"


def put(record_id: int) -> Unit[None]:
    """A record is to be read (again)."""
    yield INSERT, (record_id,)


def put_all() -> Unit[None]:
    """The whole record is to be read again: somebody reads better now."""
    yield ("INSERT INTO unread_record (record_id) SELECT id FROM record WHERE internal = 0 AND kind"
           f" IN ({marks(list(KINDS))}) ON CONFLICT DO NOTHING", KINDS)


def done(record_ids: Sequence[int]) -> Unit[None]:
    """These were read."""
    if record_ids:
        yield (f"DELETE FROM unread_record WHERE record_id IN ({marks(list(record_ids))})",
               list(record_ids))


async def next_ones(db: Database, limit: int = 100) -> list[int]:
    """The ids of the first records that were not read yet, by time."""
    rows = await db.read(
        f"SELECT record_id FROM unread_record ORDER BY record_id LIMIT {int(limit)}")
    return [row["record_id"] for row in rows]
