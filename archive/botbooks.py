"""The bot's own books: the events it saw with the sync token they came under, and its outbox."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive import casework, settings
from archive.db import Database, Row, Unit

# new: a command still to be done; done, failed: it was; seen: nothing to do.
EVENT_STATES = ("new", "done", "failed", "seen")
JOIN = "join"  # an outbox row of this type accepts an invitation
ROWS = 100  # a statement's rows, at most


@dataclass(frozen=True)
class SeenEvent:
    """An event of a room's timeline. `content` is JSON."""

    event_id: str
    room_id: str
    sender: str
    type: str
    at: int  # origin_server_ts
    content: str
    state: str  # one of EVENT_STATES


@dataclass(frozen=True)
class Outgoing:
    """Something the bot has to send; rows of a room go out one at a time, in order."""

    txn_id: str
    room_id: str
    type: str  # event type, or JOIN
    content: str  # JSON
    id: int = 0
    tries: int = 0
    next_at: int = 0


def record(token_name: str, token: str, events: Sequence[SeenEvent],
           joins: Sequence[Outgoing] = (), echoes: Sequence[tuple[str, str]] = ()) -> Unit[None]:
    """Store what one sync brought, together with its token (the setting
    `token_name`). An event seen before changes nothing.

    `echoes`: (transaction id, event id) of the bot's own events: the proof that they were sent,
    even when the bot died before it heard the homeserver's answer."""
    for start in range(0, len(events), ROWS):
        part = events[start:start + ROWS]
        values = [value for event in part for value in (
            event.event_id, event.room_id, event.sender, event.type, event.at, event.content,
            event.state)]
        yield (
            "INSERT INTO bot_event (event_id, room_id, sender, type, at, content, state) VALUES "
            + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(part))
            + " ON CONFLICT (event_id) DO NOTHING", values)
    for txn_id, event_id in echoes:
        yield from sent(txn_id, event_id)
    for join in joins:
        yield from say(join)
    yield from settings.put(token_name, token)


async def commands(db: Database, limit: int = 50) -> list[SeenEvent]:
    """Commands still to be done, oldest first."""
    return [_event(row) for row in await db.read(
        _EVENT + " WHERE state = 'new' ORDER BY seq LIMIT " + str(int(limit)))]


async def event(db: Database, event_id: str) -> SeenEvent | None:
    """An event the bot saw."""
    rows = await db.read(_EVENT + " WHERE event_id = ?", event_id)
    return _event(rows[0]) if rows else None


async def sealed(db: Database, since: int) -> list[SeenEvent]:
    """Events that could not be decrypted, not older than `since` (Unix ms), oldest first."""
    return [_event(row) for row in await db.read(
        _EVENT + " WHERE type = 'm.room.encrypted' AND at >= ? ORDER BY seq", since)]


def unseal(event_id: str) -> Unit[None]:
    """Forget a sealed event: its key has come, and it is recorded anew as what it is."""
    yield "DELETE FROM bot_event WHERE event_id = ? AND type = 'm.room.encrypted'", (event_id,)


def finish(event_id: str, state: str = "done") -> Unit[bool]:
    """Mark a command as done or failed; False when it was already (then do nothing more)."""
    rows = yield (
        "UPDATE bot_event SET state = ? WHERE event_id = ? AND state = 'new' RETURNING event_id",
        (state, event_id))
    return bool(rows)


def say(row: Outgoing) -> Unit[None]:
    """Put something into the outbox; the same transaction id a second time changes nothing."""
    yield (
        "INSERT INTO bot_outbox (txn_id, room_id, type, content) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (txn_id) DO NOTHING", (row.txn_id, row.room_id, row.type, row.content))


def attach(row: Outgoing, data: bytes) -> Unit[None]:
    """Put a message with a file into the outbox; the file goes up first."""
    yield (
        "INSERT INTO bot_outbox (txn_id, room_id, type, content, file) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (txn_id) DO NOTHING",
        (row.txn_id, row.room_id, row.type, row.content, data))


async def file_of(db: Database, txn_id: str) -> bytes | None:
    """The file that goes with an outbox row; None when there is none."""
    rows = await db.read("SELECT file FROM bot_outbox WHERE txn_id = ?", txn_id)
    return rows[0]["file"] if rows else None


async def waiting(db: Database) -> list[Outgoing]:
    """The head of every room's outbox: the one row that may be sent next."""
    rows = await db.read(
        "SELECT id, txn_id, room_id, type, content, tries, next_at FROM bot_outbox WHERE id IN"
        " (SELECT min(id) FROM bot_outbox WHERE state = 'ready' GROUP BY room_id) ORDER BY id")
    return [Outgoing(row["txn_id"], row["room_id"], row["type"], row["content"], row["id"],
                     row["tries"], row["next_at"]) for row in rows]


async def sent_event(db: Database, txn_id: str) -> str | None:
    """The event that the homeserver made of an outbox row; None when it is not sent."""
    rows = await db.read("SELECT event_id FROM bot_outbox WHERE txn_id = ?", txn_id)
    return rows[0]["event_id"] if rows else None


def sent(txn_id: str, event_id: str) -> Unit[None]:
    """The row was sent and became `event_id` (empty for a join); a case learns of its card."""
    yield (
        "UPDATE bot_outbox SET state = 'done', event_id = ?, note = NULL, file = NULL"
        " WHERE txn_id = ? AND event_id IS NULL", (event_id, txn_id))
    yield from casework.set_card(txn_id, event_id)


def retry(txn_id: str, next_at: int, note: str) -> Unit[None]:
    """The row goes out again at `next_at` (Unix ms); what is behind it in the room waits."""
    yield (
        "UPDATE bot_outbox SET tries = tries + 1, next_at = ?, note = ? WHERE txn_id = ?"
        " AND state = 'ready'", (next_at, note, txn_id))


def fail(txn_id: str, note: str) -> Unit[None]:
    """The row cannot be sent; it stays in the books with the reason."""
    yield "UPDATE bot_outbox SET state = 'failed', note = ? WHERE txn_id = ? AND state = 'ready'", (
        note, txn_id)


async def failed(db: Database) -> list[tuple[str, str, str]]:
    """(transaction id, room id, reason) of what could not be sent."""
    rows = await db.read(
        "SELECT txn_id, room_id, note FROM bot_outbox WHERE state = 'failed' ORDER BY id")
    return [(row["txn_id"], row["room_id"], row["note"] or "") for row in rows]


_EVENT = "SELECT event_id, room_id, sender, type, at, content, state FROM bot_event"


def _event(row: Row) -> SeenEvent:
    return SeenEvent(row["event_id"], row["room_id"], row["sender"], row["type"], row["at"],
                     row["content"], row["state"])
