"""Imported history in Matrix.

A room's timeline only grows at its end: Synapse keeps an event's own date, but not its place. So
a group's past stands in its room only where nothing of the live mirror stands yet. Otherwise it
gets a room of its own, "Group · before 3 March 2026", filled in order with the right senders and
dates, closed when it is full, and linked both ways; what the mirror missed in its own time goes
into a thread under the gap's notice, or under one that says where it comes from.
"""
from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import datetime, tzinfo

from archive import directory, ids, messages, queue, settings
from archive.db import Database, Unit
from archive.likeness import MINUTE_MS
from archive.model import Chat, NewRecord

_WAKE = "imports to show"  # the setting by which the bridge learns of work
CHUNK = 5_000  # rows that are queued in one transaction
A_MINUTE = 2_500  # messages that a homeserver takes in one room (docs/journey.md)


async def show(db: Database, chat: Chat, zone: tzinfo) -> str:
    """Queue all imported messages of a group that are in no room yet; a sentence about it."""
    sentence = await _show(db, chat, zone)
    await db.write(settings.put(_WAKE, "yes"))
    return sentence


async def to_wake(db: Database) -> list[str]:
    """The lanes to which `show` has given work, perhaps in another process, since last asked."""
    if not await settings.get(db, _WAKE):
        return []
    await db.write(settings.put(_WAKE, ""))
    return await queue.lanes(db, "in:")


async def _show(db: Database, chat: Chat, zone: tzinfo) -> str:
    live = await _live_since(db, chat.id)
    mirrored = not chat.jid.endswith(f"@{ids.IMPORT_SERVER}")
    if live is None and mirrored:
        count = await _queue(db, chat.id, f"in:{chat.id}", 0, None)
        return _sentence(count, f"come into the room of {chat.name}, before all that follows live")
    before = await _count(db, chat.id, live)
    if before:
        past = await db.write(_past_chat(chat, live, zone))
        await _queue(db, chat.id, f"in:{past.id}", 0, live)
        await db.write(queue.put(
            f"in:{past.id}", f"past:{past.id}:{time.time_ns()}", "past",
            payload=json.dumps({"of": chat.id})))
    missed = await _under_notices(db, chat, live) if live is not None else 0
    places = [f"{before:,} come into the room “{past.name}”"] if before else []
    places += [f"{missed:,} that the mirror missed come into threads of the group's room"
               ] if missed else []
    return _sentence(before + missed, " and ".join(places))


def _sentence(count: int, where: str) -> str:
    if not count:
        return "All of it is in Matrix already."
    minutes = max(1, round(count / A_MINUTE))
    return (f"In Matrix: {where}; about {minutes:,} minute{'s' * (minutes != 1)} while the bridge "
            "runs.")


async def _live_since(db: Database, chat_id: int) -> int | None:
    """The first record of the live mirror that stands in the group's room."""
    rows = await db.read(
        "SELECT r.id FROM record r WHERE r.chat_id = ? AND r.origin <> 'import' AND EXISTS"
        " (SELECT 1 FROM matrix_event e WHERE e.record_id = r.id) ORDER BY r.id LIMIT 1", chat_id)
    return rows[0]["id"] if rows else None


_WAITING = """FROM record r WHERE r.chat_id = ? AND r.origin = 'import' AND r.id >= ? AND r.id < ?
    AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.key = 'in:' || CAST(r.id AS TEXT))"""
_END = 2**62


async def _count(db: Database, chat_id: int, until: int | None) -> int:
    rows = await db.read(f"SELECT count(*) AS n {_WAITING}", chat_id, 0, until or _END)
    return rows[0]["n"]


async def _queue(db: Database, chat_id: int, lane: str, since: int, until: int | None,
                 payload: str | None = None) -> int:
    """Queue what waits, in its order; how many."""
    count = 0
    while True:
        last, n = await db.write(_put(chat_id, lane, since, until or _END, payload))
        if not n:
            return count
        since, count = last + 1, count + n


def _put(chat_id: int, lane: str, since: int, until: int, payload: str | None
         ) -> Unit[tuple[int, int]]:
    waiting = yield (
        f"SELECT r.id {_WAITING} ORDER BY r.id LIMIT {CHUNK}", (chat_id, since, until))
    if not waiting:
        return since, 0
    last = waiting[-1]["id"]
    yield (
        "INSERT INTO queue (lane, key, task, record_id, payload, created_at)"
        " SELECT CAST(? AS TEXT), 'in:' || CAST(r.id AS TEXT), 'record', r.id, CAST(? AS TEXT),"
        f" CAST(? AS BIGINT) {_WAITING} ORDER BY r.id ON CONFLICT (key) DO NOTHING",
        (lane, payload, int(time.time() * 1000), chat_id, since, last + 1))
    return last, len(waiting)


def _past_chat(chat: Chat, live: int | None, zone: tzinfo) -> Unit[Chat]:
    """The chat whose room holds a group's past; a new one each time, for a room cannot be filled
    from before its beginning. One that was being given its messages when the program died is gone
    on with."""
    rooms = yield (
        "SELECT c.jid, EXISTS (SELECT 1 FROM queue q WHERE q.task = 'past' AND q.lane ="
        " 'in:' || CAST(c.id AS TEXT)) AS whole FROM chat c WHERE c.jid LIKE ? ORDER BY c.id",
        (f"past%-{chat.id}@{ids.PAST_SERVER}",))
    if rooms and not rooms[-1]["whole"]:
        return (yield from directory.ensure_chat(rooms[-1]["jid"], "", "", 0))
    name = f"{chat.name or chat.jid} · history"
    if live is not None:
        record = yield "SELECT sent_at FROM record WHERE id = ?", (live,)
        day = datetime.fromtimestamp(record[0]["sent_at"] / 1000, zone)
        name = f"{chat.name or chat.jid} · before {day.day} {day:%B %Y}"
    return (yield from directory.ensure_chat(
        ids.make_past_jid(len(rooms) + 1, chat.id), name, "", int(time.time() * 1000)))


async def _under_notices(db: Database, chat: Chat, live: int) -> int:
    """What the mirror missed: under the notice of its gap, else under one of its own; how many."""
    gaps = await db.read(
        "SELECT g.record_id, g.started_at, g.ended_at FROM gap g JOIN record r ON"
        " r.id = g.record_id WHERE r.chat_id = ? AND EXISTS (SELECT 1 FROM queue q WHERE"
        " q.record_id = r.id) ORDER BY g.started_at", chat.id)
    count = 0
    while rows := await db.read(
            f"SELECT r.id, r.sent_at {_WAITING} ORDER BY r.id LIMIT {CHUNK}", chat.id, live, _END):
        under: dict[int | None, list[int]] = defaultdict(list)
        for row in rows:
            gap = next((gap["record_id"] for gap in gaps if gap["started_at"] - MINUTE_MS
                        < row["sent_at"] <= gap["ended_at"]), None)
            under[gap].append(row["id"])
        for gap, missed in under.items():
            await db.write(_put_under(chat, gap, missed))
        count += len(rows)
    return count


def _put_under(chat: Chat, gap: int | None, missed: list[int]) -> Unit[None]:
    lane, now = f"in:{chat.id}", int(time.time() * 1000)
    if gap is None:
        count = len(missed)
        gap, _ = yield from messages.add(NewRecord(
            chat_id=chat.id, kind="notice", origin="import", source_id=f"missed:{missed[0]}:{now}",
            sender=None, sent_at=now, received_at=now,
            text=f"{count} message{'s' * (count != 1)} that the mirror had missed, from a chat "
                 "export; see the thread."))
        yield from queue.put(lane, f"in:{gap}", "record", record_id=gap)
    for record_id in missed:
        yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id,
                             payload=json.dumps({"under": gap}))

