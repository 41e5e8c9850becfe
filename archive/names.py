"""The names that a person was seen with, and which of them the person is called by."""
from __future__ import annotations

from dataclasses import dataclass

from archive import clean
from archive.db import Database, Unit

# How exactly a name's last_seen is kept: a message a minute need not write a row a minute.
SEEN_PRECISION_MS = 3_600_000

# The best first; `office`: as the directory of posts calls them; `export`: as whoever made a chat
# export calls them, which may be a nickname.
NAME_KINDS = ("office", "contact", "matrix", "push", "business", "export")


@dataclass(frozen=True)
class Name:
    """A name that a person was seen with."""

    kind: str  # one of NAME_KINDS
    value: str
    first_seen: int  # Unix ms
    last_seen: int  # Unix ms, to the hour


def add(person_id: int, kind: str, value: str, at: int) -> Unit[None]:
    """A person was seen with a name (`kind`: one of NAME_KINDS); the best one becomes `name`."""
    value = clean.name(value)
    if value:
        yield from see(person_id, kind, value, at, at)
    yield from choose(person_id)


def see(person_id: int, kind: str, value: str, first: int, last: int) -> Unit[None]:
    """The name was seen from `first` to `last` (Unix ms)."""
    yield (
        """INSERT INTO person_name (person_id, kind, value, first_seen, last_seen)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT (person_id, kind, value) DO UPDATE SET
        first_seen = CASE WHEN excluded.first_seen < person_name.first_seen
            THEN excluded.first_seen ELSE person_name.first_seen END,
        last_seen = CASE WHEN excluded.last_seen > person_name.last_seen
            THEN excluded.last_seen ELSE person_name.last_seen END""",
        (person_id, kind, value, first, last),
    )


def choose(person_id: int) -> Unit[None]:
    """Set `person.name`: the newest of the best kind, else number, LID or Matrix localpart."""
    names = yield (
        "SELECT kind, value FROM person_name WHERE person_id = ? ORDER BY last_seen DESC, value",
        (person_id,),
    )
    addresses = yield (
        "SELECT kind, value FROM identifier WHERE person_id = ? ORDER BY since DESC, value",
        (person_id,),
    )
    newest: dict[str, str] = {}
    for row in [*names, *addresses]:
        newest.setdefault(row["kind"], row["value"])
    best = next((newest[kind] for kind in NAME_KINDS if kind in newest), None)
    if names and all(row["kind"] == "export" for row in names):
        called = yield "SELECT name FROM person WHERE id = ?", (person_id,)
        if any(row["value"] == called[0]["name"] for row in names):
            return  # what another phone calls them is no newer name
    if best is None:
        best = _unnamed(newest)
    yield "UPDATE person SET name = ? WHERE id = ? AND name <> ?", (best, person_id, best)


def _unnamed(addresses: dict[str, str]) -> str:
    if "pn" in addresses:
        return "+" + addresses["pn"]
    if "lid" in addresses:
        return "LID " + addresses["lid"]
    return addresses.get("mxid", "").partition(":")[0].removeprefix("@")


async def of_person(db: Database, person_id: int) -> list[Name]:
    """Every name a person was seen with, the latest first."""
    rows = await db.read(
        "SELECT kind, value, first_seen, last_seen FROM person_name WHERE person_id = ? "
        "ORDER BY last_seen DESC, value",
        person_id,
    )
    return [Name(**dict(row)) for row in rows]
