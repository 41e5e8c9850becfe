"""Every command that was given, refused ones too: who, where, what, and what came of it."""
from __future__ import annotations

from dataclasses import dataclass

from archive.cases import Actor
from archive.db import Database, Unit

PAGES = "pages"  # in place of a room: done on the archive's pages
OUTCOMES = ("done", "asked", "mistake", "refused", "failed")


@dataclass(frozen=True)
class Entry:
    """One command. `room_id`: PAGES when it was given in no room; `sentence`: why it was refused,
    or what was wrong with it."""

    event_id: str
    room_id: str
    actor: Actor
    at: int
    command: str
    outcome: str  # one of OUTCOMES
    sentence: str = ""


def note(entry: Entry) -> Unit[None]:
    """Write it down; the same event a second time changes nothing."""
    yield (
        "INSERT INTO bot_audit (event_id, room_id, actor, actor_name, at, command, outcome,"
        " sentence) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
        (entry.event_id, entry.room_id, entry.actor.mxid, entry.actor.name, entry.at,
         entry.command, entry.outcome, entry.sentence))


async def latest(db: Database, limit: int = 100, actor: str = "") -> list[Entry]:
    """The newest entries, of one person or of all."""
    who = "WHERE actor = ? " if actor else ""
    rows = await db.read(
        "SELECT event_id, room_id, actor, actor_name, at, command, outcome, sentence"
        f" FROM bot_audit {who}ORDER BY id DESC LIMIT {int(limit)}", *([actor] if actor else []))
    return [Entry(row["event_id"], row["room_id"], Actor(row["actor"], row["actor_name"]),
                  row["at"], row["command"], row["outcome"], row["sentence"]) for row in rows]
