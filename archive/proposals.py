"""Names as WhatsApp shows them that tell a post (`DEO Sibi Ghulam`): each is considered once, and
what it may mean is asked once for a person and post."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archive.db import Database, Unit

KINDS = ("contact", "push", "business")  # of names that are looked at


@dataclass(frozen=True)
class Proposal:
    """A person's name and the post that it tells ("" for none)."""

    person_id: int
    name: str
    post: str


async def unread(db: Database, limit: int = 500) -> list[tuple[int, str]]:
    """(person, name) of names that were not considered yet, of people on WhatsApp."""
    rows = await db.read(
        "SELECT DISTINCT n.person_id, n.value FROM person_name n WHERE n.kind IN (?, ?, ?)"
        " AND NOT EXISTS (SELECT 1 FROM posting_proposal q WHERE q.person_id = n.person_id"
        " AND q.name = n.value) AND EXISTS (SELECT 1 FROM identifier i"
        " WHERE i.person_id = n.person_id AND i.kind IN ('pn', 'lid'))"
        f" ORDER BY n.person_id, n.value LIMIT {int(limit)}", *KINDS)
    return [(row["person_id"], row["value"]) for row in rows]


def keep(found: Iterable[Proposal], at: int) -> Unit[None]:
    """Note what was found in names. What tells no post, or one that was asked about for the person
    already, is never asked about."""
    for each in found:
        asked = ()
        if each.post:
            asked = yield ("SELECT 1 FROM posting_proposal WHERE person_id = ? AND post = ?",
                           (each.person_id, each.post))
        yield (
            "INSERT INTO posting_proposal (person_id, name, post, found_at, txn_id)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (each.person_id, each.name, each.post, at,
             None if each.post and not asked else ""))


async def waiting(db: Database, limit: int) -> list[Proposal]:
    """What is to be asked, oldest first."""
    rows = await db.read(
        "SELECT person_id, name, post FROM posting_proposal WHERE txn_id IS NULL"
        f" ORDER BY found_at, person_id, name LIMIT {int(limit)}")
    return [Proposal(row["person_id"], row["name"], row["post"]) for row in rows]


async def unanswered(db: Database) -> int:
    """How many questions wait for an answer."""
    rows = await db.read(
        "SELECT count(*) AS open FROM posting_proposal p JOIN bot_question q"
        " ON q.txn_id = p.txn_id WHERE q.answer IS NULL")
    return rows[0]["open"]


def asked(proposal: Proposal, txn_id: str) -> Unit[bool]:
    """It is asked under that transaction id ("": there is nothing to ask any more); False when that
    was noted already."""
    rows = yield (
        "UPDATE posting_proposal SET txn_id = ? WHERE person_id = ? AND name = ?"
        " AND txn_id IS NULL RETURNING name", (txn_id, proposal.person_id, proposal.name))
    return bool(rows)
