"""Messages that may belong to a case: found as the bot reads on, kept until somebody is asked."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive import settings
from archive.botbooks import SeenEvent
from archive.db import Database, Unit
from archive.rows import marks

CURSOR = "bot.suggested"  # setting: the last bot_event.seq that was looked at


@dataclass(frozen=True)
class Suggestion:
    """A message, the case it may belong to, and why (a part of a sentence)."""

    event_id: str
    room_id: str
    case_id: int
    why: str
    record_id: int | None = None


async def unread(db: Database, limit: int = 200, name: str = CURSOR
                 ) -> tuple[int, list[SeenEvent]]:
    """(the cursor after them, the messages that were not looked at yet, oldest first). The first
    time everything that is there counts as read. `name`: the setting that holds the cursor."""
    cursor = await settings.get(db, name)
    if cursor is None:
        rows = await db.read("SELECT coalesce(max(seq), 0) AS last FROM bot_event")
        return rows[0]["last"], []
    rows = await db.read(
        "SELECT seq, event_id, room_id, sender, type, at, content, state FROM bot_event"
        f" WHERE seq > ? ORDER BY seq LIMIT {int(limit)}", int(cursor))
    return rows[-1]["seq"] if rows else int(cursor), [
        SeenEvent(row["event_id"], row["room_id"], row["sender"], row["type"], row["at"],
                  row["content"], row["state"]) for row in rows]


def keep(cursor: int, found: Sequence[Suggestion], at: int) -> Unit[None]:
    """Keep what was found up to the cursor; a message (or another part of it) a second time changes
    nothing."""
    for each in found:
        yield ("INSERT INTO bot_suggestion (event_id, room_id, case_id, record_id, why, found_at)"
               " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
               (each.event_id, each.room_id, each.case_id, each.record_id, each.why, at))
    yield from settings.put(CURSOR, str(cursor))


async def of_papers(db: Database, events: Sequence[str], record_id: int | None) -> list[int]:
    """The cases on whose file lies one of these events, or a message of their WhatsApp thread or
    of that record's."""
    roots = await db.read(
        "SELECT coalesce(r.root_id, r.id) AS root FROM record r JOIN matrix_event e"
        f" ON e.record_id = r.id WHERE e.event_id IN ({marks(list(events))})"
        " UNION SELECT coalesce(root_id, id) FROM record WHERE id = ?", *events, record_id or 0)
    ids = [row["root"] for row in roots]
    of_thread = "" if not ids else (
        " UNION SELECT p.case_id FROM case_paper p JOIN record r ON r.id = p.record_id"
        f" WHERE p.removed_at IS NULL AND (r.id IN ({marks(ids)}) OR r.root_id IN ({marks(ids)}))")
    rows = await db.read(
        "SELECT case_id FROM case_paper WHERE removed_at IS NULL"
        f" AND event_id IN ({marks(list(events))}){of_thread}", *events, *ids, *ids)
    return [row["case_id"] for row in rows]


async def of_schools(db: Database, codes: Sequence[str]) -> list[int]:
    """The cases that are marked with one of these schools."""
    rows = await db.read("SELECT DISTINCT case_id FROM case_mark WHERE kind = 'school'"
                         f" AND value IN ({marks(list(codes))})", *codes)
    return [row["case_id"] for row in rows]


async def on_file(db: Database, event_id: str, record_id: int | None) -> bool:
    """Whether a message lies on any file."""
    return bool(await db.read(
        "SELECT 1 FROM case_paper WHERE removed_at IS NULL AND (event_id = ? OR record_id = ?)"
        " LIMIT 1", event_id, record_id or 0))


async def waiting(db: Database, limit: int = 500) -> list[Suggestion]:
    """What nobody was asked about yet, in the order in which it was found."""
    rows = await db.read(
        "SELECT s.event_id, s.room_id, s.case_id, s.why, s.record_id FROM bot_suggestion s"
        " JOIN bot_event e ON e.event_id = s.event_id WHERE s.txn_id IS NULL"
        f" ORDER BY e.seq LIMIT {int(limit)}")
    return [Suggestion(row["event_id"], row["room_id"], row["case_id"], row["why"],
                       row["record_id"]) for row in rows]


async def asked_since(db: Database, case_id: int, since: int) -> int:
    """How many questions about a case were put since that moment."""
    rows = await db.read(
        "SELECT count(DISTINCT txn_id) AS total FROM bot_suggestion WHERE case_id = ?"
        " AND asked_at > ? AND txn_id <> ''", case_id, since)
    return rows[0]["total"]


def asked(events: Sequence[str], txn_id: str, at: int) -> Unit[bool]:
    """Note under which question these messages stand ("" for none); False, and nothing is changed,
    when one of them stands under another already."""
    those = f"txn_id IS NULL AND event_id IN ({marks(list(events))})"
    rows = yield f"SELECT count(*) AS total FROM bot_suggestion WHERE {those}", list(events)
    if rows[0]["total"] != len(events):
        return False
    yield (f"UPDATE bot_suggestion SET txn_id = ?, asked_at = ? WHERE {those}",
           (txn_id, at, *events))
    return True
