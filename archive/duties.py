"""What the clock has to tell, and what of it is told: a key is written once, in the transaction
that puts the words into the outbox, so that nothing is told twice and nothing forgotten."""
from __future__ import annotations

from dataclasses import dataclass

from archive.cases import ACTIVE, Action, Actor
from archive.db import Database, Unit
from archive.directives import LIVE
from archive.rows import marks


def once(key: str, at: int) -> Unit[bool]:
    """Note that something is told; False when it was already (then say nothing)."""
    rows = yield ("INSERT INTO bot_told (key, at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
                  " RETURNING key", (key, at))
    return bool(rows)


async def told(db: Database, prefix: str) -> set[str]:
    """The keys that begin so (a prefix without `%` and `_`)."""
    rows = await db.read("SELECT key FROM bot_told WHERE key LIKE ?", prefix + "%")
    return {row["key"] for row in rows}


# Cases whose time is over


@dataclass(frozen=True)
class Late:
    """A case that passed a moment (Unix ms): its date (`overdue`), or until when it was to wait
    (`waiting`)."""

    case_id: int
    number: str
    kind: str
    until: int

    @property
    def key(self) -> str:
        """What is told once: another date is another matter."""
        return f"{self.kind} {self.number} {self.until}"


async def late(db: Database, now: int, limit: int = 20) -> list[Late]:
    """Cases that passed their date or waited long enough, and nobody was told."""
    found = []
    for kind, column, states in (("overdue", "due_at", ACTIVE),
                                 ("waiting", "waiting_until", ("waiting",))):
        rows = await db.read(
            f"SELECT id, number, {column} AS until FROM case_file WHERE {column} < ?"
            f" AND status IN ({marks(list(states))}) AND NOT EXISTS (SELECT 1 FROM bot_told"
            f" WHERE key = '{kind} ' || number || ' ' || CAST({column} AS TEXT))"
            f" ORDER BY {column}, id LIMIT {int(limit)}", now, *states)
        found += [Late(row["id"], row["number"], kind, row["until"]) for row in rows]
    return found


# Digests


async def people(db: Database) -> list[str]:
    """Matrix ids of who holds an open case or watches one, or a post with an open directive."""
    rows = await db.read(
        "SELECT holder_mxid AS mxid FROM case_file WHERE holder_mxid IS NOT NULL"
        f" AND status IN ({marks(list(ACTIVE))})"
        " UNION SELECT value FROM case_mark WHERE kind = 'watcher'"
        " UNION SELECT holder_mxid FROM directive_charge WHERE holder_mxid IS NOT NULL"
        f" AND state IN ({marks(list(LIVE))}) ORDER BY 1", *ACTIVE, *LIVE)
    return [row["mxid"] for row in rows]


async def rooms_of(db: Database, mxid: str) -> list[str]:
    """The rooms in which somebody holds an open case or watches one."""
    rows = await db.read(
        f"SELECT room_id FROM case_file WHERE holder_mxid = ? AND status IN ({marks(list(ACTIVE))})"
        " UNION SELECT c.room_id FROM case_mark m JOIN case_file c ON c.id = m.case_id"
        " WHERE m.kind = 'watcher' AND m.value = ? ORDER BY 1", mxid, *ACTIVE, mxid)
    return [row["room_id"] for row in rows]


async def rooms(db: Database) -> list[tuple[str, int]]:
    """(room, when its first case was opened) of every room that ever had one."""
    rows = await db.read("SELECT room_id, min(opened_at) AS since FROM case_file GROUP BY room_id"
                         " ORDER BY room_id")
    return [(row["room_id"], row["since"]) for row in rows]


async def last_action(db: Database) -> int:
    """The newest action's row: up to it everything has been done."""
    return (await db.read("SELECT coalesce(max(id), 0) AS last FROM case_action"))[0]["last"]


async def watched(db: Database, mxid: str, after: int, upto: int) -> list[tuple[int, Action]]:
    """(case, the last thing done) of cases that somebody watches and to which others did something
    after one action and up to another; the latest first."""
    rows = await db.read(
        "SELECT a.case_id, a.kind, a.actor, a.actor_name, a.at, a.before_value, a.after_value,"
        " a.text FROM case_action a WHERE a.id IN (SELECT max(b.id) FROM case_action b"
        " JOIN case_mark m ON m.case_id = b.case_id AND m.kind = 'watcher' AND m.value = ?"
        " WHERE b.id > ? AND b.id <= ? AND b.actor <> ? AND b.kind NOT IN ('watch', 'unwatch')"
        " GROUP BY b.case_id) ORDER BY a.id DESC",
        mxid, after, upto, mxid)
    return [(row["case_id"], Action(row["kind"], Actor(row["actor"], row["actor_name"]), row["at"],
                                    row["before_value"], row["after_value"], row["text"]))
            for row in rows]


async def by_holder(db: Database, room_id: str) -> list[tuple[str, int]]:
    """(holder, "" for nobody, how many open cases of the room), most first."""
    rows = await db.read(
        "SELECT coalesce(holder, '') AS holder, count(*) AS total FROM case_file WHERE room_id = ?"
        f" AND status IN ({marks(list(ACTIVE))}) GROUP BY 1 ORDER BY 2 DESC, 1", room_id, *ACTIVE)
    return [(row["holder"], row["total"]) for row in rows]
