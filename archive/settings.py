"""Small facts of one row each: link states, the department space's room id, …"""
from __future__ import annotations

from archive.db import Database, Unit


def put(name: str, value: str) -> Unit[None]:
    """Write a setting; the last one counts."""
    yield (
        "INSERT INTO setting (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def remove(name: str) -> Unit[None]:
    """Forget a setting."""
    yield "DELETE FROM setting WHERE name = ?", (name,)


async def get(db: Database, name: str, default: str | None = None) -> str | None:
    """A setting's value, or `default` when it was never written."""
    rows = await db.read("SELECT value FROM setting WHERE name = ?", name)
    return rows[0]["value"] if rows else default


async def named(db: Database, prefix: str) -> dict[str, str]:
    """The settings whose names begin so (a prefix without `%`): name to value."""
    rows = await db.read("SELECT name, value FROM setting WHERE name LIKE ?", prefix + "%")
    return {row["name"]: row["value"] for row in rows if row["name"].startswith(prefix)}
