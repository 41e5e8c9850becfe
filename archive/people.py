"""People as the archive's pages list them: with every number, id and name, a page at a time."""
from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from archive.db import Database, Row
from archive.model import Person
from archive.names import Name
from archive.pages import among


@dataclass(frozen=True)
class PersonCard:
    """A person with every number, id and name."""

    person: Person
    addresses: tuple[tuple[str, str], ...]
    names: tuple[Name, ...]


async def listing(
    db: Database, words: str = "", *, offset: int = 0, limit: int = 100,
) -> list[PersonCard]:
    """People by name, or those with `words` in any name, number or id. Three queries."""
    order = "ORDER BY p.name, p.id LIMIT ? OFFSET ?"
    if words:
        pattern = "%" + words.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        rows = await db.read(
            f"""SELECT p.id, p.name, p.ghost FROM person p WHERE lower(p.name) LIKE ? ESCAPE '!'
                OR EXISTS (SELECT 1 FROM person_name n WHERE n.person_id = p.id
                AND lower(n.value) LIKE ? ESCAPE '!')
                OR EXISTS (SELECT 1 FROM identifier i WHERE i.person_id = p.id
                AND lower(i.value) LIKE ? ESCAPE '!') {order}""",
            pattern, pattern, pattern, limit, offset)
    else:
        rows = await db.read(f"SELECT p.id, p.name, p.ghost FROM person p {order}", limit, offset)
    return await _cards(db, rows)


async def card(
    db: Database, person_id: int,
) -> tuple[PersonCard, list[tuple[int, str, str]]] | None:
    """A person and the groups they are in as (chat id, name, role); None when unknown. Four
    queries."""
    rows = await db.read("SELECT id, name, ghost FROM person WHERE id = ?", person_id)
    if not rows:
        return None
    cards, groups = await asyncio.gather(
        _cards(db, rows),
        db.read("SELECT c.id, c.name, m.role FROM member m JOIN chat c ON c.id = m.chat_id "
                "WHERE m.person_id = ? ORDER BY c.name", person_id),
    )
    return cards[0], [(row["id"], row["name"], row["role"]) for row in groups]


async def _cards(db: Database, rows: Sequence[Row]) -> list[PersonCard]:
    ids = [row["id"] for row in rows]
    addresses, names = await asyncio.gather(
        among(db, "SELECT person_id, kind, value FROM identifier WHERE person_id IN (", ids,
               ") ORDER BY kind DESC, value"),
        among(db, "SELECT person_id, kind, value, first_seen, last_seen FROM person_name "
                   "WHERE person_id IN (", ids, ") ORDER BY last_seen DESC, value"),
    )
    by_person: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in addresses:
        by_person[row["person_id"]].append((row["kind"], row["value"]))
    seen: dict[int, list[Name]] = defaultdict(list)
    for row in names:
        seen[row["person_id"]].append(
            Name(row["kind"], row["value"], row["first_seen"], row["last_seen"]))
    cards = []
    for row in rows:
        known = dict(reversed(by_person[row["id"]]))
        cards.append(PersonCard(
            Person(row["id"], row["name"], known.get("pn"), known.get("lid"), known.get("mxid"),
                   row["ghost"]),
            tuple(by_person[row["id"]]), tuple(seen[row["id"]])))
    return cards
