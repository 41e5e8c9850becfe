"""Lanes: what has to be carried to the other side, one lane a group and direction, in order.

A row is open while it is `ready` or `claimed`. A lane is worked by one worker at a time and never
overtakes: rows behind one that waits for its next try wait too. `unsure` and `failed` rows stand
aside for a person to decide, and the lane goes on.
"""
from __future__ import annotations

import time

from archive.db import Database, Row, Unit
from archive.model import QueueRow

_COLUMNS = "id, lane, key, task, record_id, payload, state, tries, attempted_at, note"
_OPEN = "state IN ('ready', 'claimed')"


def put(
    lane: str, key: str, task: str, *, record_id: int | None = None, payload: str | None = None,
    at: int | None = None,
) -> Unit[bool]:
    """Add a row at the end of a lane; False when the key was put before (done or not). `at`: not to
    be begun before, Unix ms."""
    rows = yield (
        "INSERT INTO queue (lane, key, task, record_id, payload, next_at, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
        (lane, key, task, record_id, payload, at or 0, int(time.time() * 1000)),
    )
    return bool(rows)


def claim(lane: str, worker: str, now: int, limit: int = 50) -> Unit[list[QueueRow]]:
    """Take the oldest rows of a lane, in order; nothing when its head is not due or another worker
    has the lane. The worker does them one after another; after `retry` it lets go of the rest."""
    # The head is the lane's lock: of two workers at once, PostgreSQL lets the second look at the
    # row again after the first, and it is `claimed` then.
    head = yield (
        f"""UPDATE queue SET state = 'claimed', claimed_by = ?
        WHERE id = (SELECT min(h.id) FROM queue h WHERE h.lane = ? AND h.{_OPEN})
        AND state = 'ready' AND next_at <= ? RETURNING {_COLUMNS}""",
        (worker, lane, now),
    )
    if not head or limit < 2:
        return [_row(row) for row in head]
    more = yield (
        f"""UPDATE queue SET state = 'claimed', claimed_by = ? WHERE state = 'ready'
        AND id IN (SELECT q.id FROM queue q WHERE q.lane = ? AND q.state = 'ready' AND q.id < ?
            ORDER BY q.id LIMIT ?) RETURNING {_COLUMNS}""",
        (worker, lane, (yield from _first_waiting(lane, now)), limit - 1),
    )
    return sorted((_row(row) for row in [*head, *more]), key=lambda row: row.id)


def _first_waiting(lane: str, now: int) -> Unit[int]:
    """The id of the lane's first row that is not due yet; beyond all ids when there is none."""
    rows = yield (
        "SELECT min(id) AS id FROM queue WHERE lane = ? AND state = 'ready' AND next_at > ?",
        (lane, now),
    )
    return rows[0]["id"] or 2**62


def attempt(row_id: int, now: int) -> Unit[None]:
    """Note that a try begins which must not be repeated unawares (see `interrupted`)."""
    yield "UPDATE queue SET attempted_at = ? WHERE id = ?", (now, row_id)


def done(row_id: int) -> Unit[None]:
    """The row is carried over. It stays, so that its key is never put again."""
    yield "UPDATE queue SET state = 'done', claimed_by = NULL, note = NULL WHERE id = ?", (row_id,)


def retry(row_id: int, next_at: int, note: str, *, counted: bool = True) -> Unit[None]:
    """A try failed and had no effect: try again at `next_at` (Unix ms). The rows claimed behind it
    go back to their lane: whoever claimed them must leave them alone. `counted`: as one of the
    row's tries."""
    yield (
        "UPDATE queue SET state = 'ready', claimed_by = NULL, next_at = ?, note = ?, "
        "tries = tries + ?, attempted_at = NULL WHERE id = ?",
        (next_at, note, int(counted), row_id),
    )
    yield (
        "UPDATE queue SET state = 'ready', claimed_by = NULL WHERE state = 'claimed' AND id > ? "
        "AND lane = (SELECT r.lane FROM queue r WHERE r.id = ?)",
        (row_id, row_id),
    )


def unsure(row_id: int, note: str) -> Unit[None]:
    """It may have been carried over or not: never tried again by itself."""
    yield from _set_aside(row_id, "unsure", note)


def fail(row_id: int, note: str) -> Unit[None]:
    """Given up."""
    yield from _set_aside(row_id, "failed", note)


def _set_aside(row_id: int, state: str, note: str) -> Unit[None]:
    yield (
        "UPDATE queue SET state = ?, claimed_by = NULL, note = ? WHERE id = ?",
        (state, note, row_id),
    )


def again(row_id: int) -> Unit[bool]:
    """A person wants an unsure or failed row tried again: True when it was one."""
    rows = yield (
        "UPDATE queue SET state = 'ready', tries = 0, next_at = 0, attempted_at = NULL "
        "WHERE id = ? AND state IN ('unsure', 'failed') RETURNING id",
        (row_id,),
    )
    return bool(rows)


def dismiss(row_id: int) -> Unit[bool]:
    """A person wants an unsure or failed row left as it is: True when it was one."""
    rows = yield (
        "UPDATE queue SET state = 'done' WHERE id = ? AND state IN ('unsure', 'failed') "
        "RETURNING id",
        (row_id,),
    )
    return bool(rows)


def release(worker: str) -> Unit[list[QueueRow]]:
    """At start-up: what this worker had claimed when it died is ready again. The rows, oldest
    first; `attempted_at` tells which of them it had begun."""
    rows = yield (
        f"UPDATE queue SET state = 'ready', claimed_by = NULL "
        f"WHERE state = 'claimed' AND claimed_by = ? RETURNING {_COLUMNS}",
        (worker,),
    )
    return sorted((_row(row) for row in rows), key=lambda row: row.id)


def release_lane(lane: str) -> Unit[None]:
    """Its worker lets go of a lane."""
    yield (
        "UPDATE queue SET state = 'ready', claimed_by = NULL WHERE lane = ? AND state = 'claimed'",
        (lane,),
    )


def interrupted(worker: str, prefix: str) -> Unit[list[QueueRow]]:
    """At start-up, before `release`: the rows of such lanes that this worker was carrying over
    when it died, oldest first. They may have arrived."""
    rows = yield (
        f"SELECT {_COLUMNS} FROM queue WHERE state = 'claimed' AND claimed_by = ? "
        "AND attempted_at IS NOT NULL ORDER BY id",
        (worker,),
    )
    return [_row(row) for row in rows if row["lane"].startswith(prefix)]


async def lane_due(db: Database, lane: str) -> int | None:
    """When a lane's oldest open row is due (Unix ms); None when the lane is empty."""
    rows = await db.read(
        f"SELECT next_at FROM queue WHERE lane = ? AND {_OPEN} ORDER BY id LIMIT 1", lane)
    return rows[0]["next_at"] if rows else None


async def lanes(db: Database, prefix: str = "") -> list[str]:
    """Lanes with open rows whose name begins with `prefix`."""
    rows = await db.read(f"SELECT DISTINCT lane FROM queue WHERE {_OPEN} ORDER BY lane")
    return [row["lane"] for row in rows if row["lane"].startswith(prefix)]


async def get(db: Database, row_id: int) -> QueueRow | None:
    """A row by id."""
    rows = await db.read(f"SELECT {_COLUMNS} FROM queue WHERE id = ?", row_id)
    return _row(rows[0]) if rows else None


async def stuck(db: Database) -> list[QueueRow]:
    """The rows that wait for a person, oldest first."""
    rows = await db.read(
        f"SELECT {_COLUMNS} FROM queue WHERE state IN ('unsure', 'failed') ORDER BY id")
    return [_row(row) for row in rows]


async def next_due(db: Database, prefix: str = "") -> int | None:
    """When the next lane that nobody works may go on (Unix ms, 0 for at once); None when none."""
    rows = await db.read(
        f"""SELECT q.lane, q.next_at FROM queue q JOIN
        (SELECT min(id) AS id FROM queue WHERE {_OPEN} GROUP BY lane) h ON h.id = q.id
        WHERE q.state = 'ready'"""
    )
    return min((r["next_at"] for r in rows if r["lane"].startswith(prefix)), default=None)


async def depth(db: Database, prefix: str = "") -> int:
    """How many rows are open."""
    rows = await db.read(f"SELECT lane, count(*) AS n FROM queue WHERE {_OPEN} GROUP BY lane")
    return sum(row["n"] for row in rows if row["lane"].startswith(prefix))


def _row(row: Row) -> QueueRow:
    return QueueRow(**dict(row))
