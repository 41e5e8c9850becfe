"""Gaps: stretches of time in which a link may have missed messages. Each stands in the record of
every group, where that stretch is read, until an import of a chat export closes it."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from archive import messages
from archive.db import Database, Unit
from archive.model import NewRecord


@dataclass(frozen=True)
class Gap:
    """A stretch that may be incomplete, in one chat."""

    record_id: int
    chat_id: int
    link: str
    started_at: int  # Unix ms
    ended_at: int  # Unix ms
    closed_by: str | None  # what filled it; None while it stands


def add(chat_ids: Sequence[int], link: str, started_at: int, ended_at: int) -> Unit[list[int]]:
    """Write a gap into each chat, once; the record ids. It stands at the time it began.

    The record's `detail` is JSON: `{"link", "started_at", "ended_at"}`.
    """
    detail = json.dumps({"link": link, "started_at": started_at, "ended_at": ended_at})
    result = []
    for chat_id in chat_ids:
        record_id, _ = yield from messages.add(NewRecord(
            chat_id=chat_id, kind="gap", origin="whatsapp",
            source_id=f"gap:{link}:{started_at}:{ended_at}", sender=None,
            sent_at=started_at, received_at=ended_at, detail=detail,
        ))
        yield (
            "INSERT INTO gap (record_id, link, started_at, ended_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (record_id, link, started_at, ended_at),
        )
        result.append(record_id)
    return result


def close(record_id: int, closed_by: str) -> Unit[None]:
    """A gap was filled; `closed_by` says by what. The first one to fill it is kept."""
    yield (
        "UPDATE gap SET closed_by = ? WHERE record_id = ? AND closed_by IS NULL",
        (closed_by, record_id),
    )


async def standing(db: Database, chat_id: int | None = None) -> list[Gap]:
    """Gaps that nothing has filled, oldest first; of one chat or of all."""
    sql = """SELECT g.record_id, r.chat_id, g.link, g.started_at, g.ended_at, g.closed_by
        FROM gap g JOIN record r ON r.id = g.record_id WHERE g.closed_by IS NULL"""
    if chat_id is None:
        found = await db.read(sql + " ORDER BY g.record_id")
    else:
        found = await db.read(sql + " AND r.chat_id = ? ORDER BY g.record_id", chat_id)
    return [Gap(**dict(row)) for row in found]
