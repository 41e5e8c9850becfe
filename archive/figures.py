"""Numbers for a monitor: how much stands, how much waits, since when. Five queries."""
from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from archive import directory
from archive.db import Database


@dataclass(frozen=True)
class Lane:
    """What waits of one kind of lane ("in", "out", "bot", "file", …)."""

    kind: str
    waiting: int
    oldest_at: int  # Unix ms, 0 when nothing waits
    unsure: int
    failed: int


@dataclass(frozen=True)
class Figures:
    """Times are Unix ms, 0 when unknown."""

    records: dict[str, int]  # by origin: messages and what was done to them
    last_received_at: int
    open_gaps: int
    files: int
    file_bytes: int
    chats: int
    lanes: list[Lane]
    links: dict[str, dict[str, Any]]  # by name: what the bridge noted of each line
    bot_synced_at: int
    database_bytes: int


SYNCED = "bot.synced_at"  # setting: when the bot heard from the homeserver last, Unix ms


async def figures(db: Database) -> Figures:
    """The numbers as of now."""
    records, rest, lanes, settings = await asyncio.gather(
        db.read("SELECT origin, count(*) AS n FROM record GROUP BY origin"),
        db.read(f"""SELECT (SELECT count(*) FROM gap WHERE closed_by IS NULL) AS gaps,
            (SELECT count(*) FROM media) AS files, (SELECT sum(size) FROM media) AS bytes,
            (SELECT count(*) FROM chat WHERE {directory.GROUPS_ONLY}) AS chats,
            (SELECT received_at FROM record ORDER BY id DESC LIMIT 1) AS last"""),
        db.read("SELECT lane, state, count(*) AS n, min(created_at) AS oldest FROM queue "
                "WHERE state <> 'done' GROUP BY lane, state"),
        db.read("SELECT name, value FROM setting WHERE name LIKE 'link %' OR name = ?", SYNCED))
    noted = {row["name"]: row["value"] for row in settings}
    facts = dict(rest[0])
    return Figures(
        {row["origin"]: row["n"] for row in records}, facts["last"] or 0, facts["gaps"],
        facts["files"], int(facts["bytes"] or 0), facts["chats"], _lanes(lanes),
        {name.removeprefix("link "): line for name, value in noted.items()
         if name.startswith("link ") and (line := _line(value))},
        int(noted.get(SYNCED, "0")), await _size(db))


def _lanes(rows: list[Any]) -> list[Lane]:
    kinds: dict[str, list[Any]] = {kind: [] for kind in ("in", "out", "bot")}
    for row in rows:
        kinds.setdefault(row["lane"].partition(":")[0], []).append(row)
    result = []
    for kind, found in sorted(kinds.items()):
        count = {state: sum(row["n"] for row in found if row["state"] == state)
                 for state in ("ready", "claimed", "unsure", "failed")}
        waiting = [row["oldest"] for row in found if row["state"] in ("ready", "claimed")]
        result.append(Lane(kind, count["ready"] + count["claimed"], min(waiting, default=0),
                           count["unsure"], count["failed"]))
    return result


def _line(value: str) -> dict[str, Any] | None:
    try:
        line = json.loads(value)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("state"), str) else None


async def _size(db: Database) -> int:
    """Bytes of the database; each of the two knows its own."""
    sql = ("SELECT pg_database_size(current_database()) AS n" if db.dialect == "postgres" else
           "SELECT page_count * page_size AS n FROM pragma_page_count(), pragma_page_size()")
    return int((await db.read(sql))[0]["n"])
