"""Which thread a message without a quote was placed in, why, and who moved it; append-only."""
from __future__ import annotations

import json
from dataclasses import dataclass

from archive.db import Database, Row, Unit


@dataclass(frozen=True)
class Placement:
    """One decision. `root_id`: the first message of the thread, None for alone. `person`: the
    Matrix id of who moved it; "" when it was read so. `reasons`: (in words, weight). `suggested`:
    the likeliest thread of a message that was left alone."""

    record_id: int
    root_id: int | None
    person: str
    confidence: float
    reasons: tuple[tuple[str, float], ...]
    at: int
    suggested: int | None = None
    id: int = 0


def note(chat_id: int, placement: Placement) -> Unit[None]:
    """Write a decision down, and let it stand: the message, and what quotes it, go to that
    thread. A second reading of the same message changes nothing."""
    if not placement.person:
        rows = yield ("SELECT 1 AS known FROM placement WHERE record_id = ?",
                      (placement.record_id,))
        if rows:
            return
    yield (
        "INSERT INTO placement (chat_id, record_id, root_id, person, confidence, reasons,"
        " suggested, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (chat_id, placement.record_id, placement.root_id, placement.person, placement.confidence,
         json.dumps(placement.reasons, ensure_ascii=False), placement.suggested, placement.at))
    if placement.root_id is not None or placement.person:
        yield from stand(placement.record_id, placement.root_id)


def stand(record_id: int, root_id: int | None) -> Unit[None]:
    """Let a message, and all that took it for their root, stand in a thread; None: on its own."""
    root = None if root_id == record_id else root_id
    yield "UPDATE record SET root_id = ? WHERE id = ?", (root, record_id)
    if root is not None:
        yield "UPDATE record SET root_id = ? WHERE root_id = ?", (root, record_id)


async def of(db: Database, record_id: int) -> list[Placement]:
    """The decisions about a message, newest first."""
    return [_placement(row) for row in await db.read(
        _SELECT + " WHERE record_id = ? ORDER BY id DESC", record_id)]


async def corrections(db: Database, chat_id: int, after: int) -> list[Placement]:
    """What people moved in a group since the decision of that id, oldest first."""
    return [_placement(row) for row in await db.read(
        _SELECT + " WHERE chat_id = ? AND person <> '' AND id > ? ORDER BY id", chat_id, after)]


async def last(db: Database) -> int:
    """The newest decision's id."""
    rows = await db.read("SELECT coalesce(max(id), 0) AS last FROM placement")
    return rows[0]["last"]


_SELECT = ("SELECT id, record_id, root_id, person, confidence, reasons, suggested, at"
           " FROM placement")


def _placement(row: Row) -> Placement:
    return Placement(
        row["record_id"], row["root_id"], row["person"], row["confidence"],
        tuple((text, weight) for text, weight in json.loads(row["reasons"])), row["at"],
        row["suggested"], row["id"])
