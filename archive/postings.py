"""Postings: who holds which post from when to when. Every change is also an append-only row: who,
when, before, after.

A posting holds from `since` ("" when that is not known) until before `until` (None: still). A post
has one holder at a time, unless its kind may have several.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archive import days, settings
from archive.cases import Actor
from archive.db import Database, Row, Unit
from archive.gazetteer import Gazetteer, Group, PostName
from archive.rows import marks

KINDS = ("assign", "end", "remove", "change")  # of an action


@dataclass(frozen=True)
class Posting:
    """A person in a post."""

    id: int
    post: PostName
    person_id: int
    person: str  # name
    since: str
    until: str | None

    @property
    def span(self) -> str:
        """`2025-03-17..`, as the actions keep it."""
        return f"{self.since}..{self.until or ''}"

    def holds(self, day: str) -> bool:
        """Whether the person is in the post on a day."""
        return days.holds(self.since, self.until, day)


@dataclass(frozen=True)
class Change:
    """A row of what was done to a posting."""

    kind: str  # one of KINDS
    post: PostName
    person_id: int
    person: str
    actor: Actor
    at: int
    before: str | None  # a posting's span
    after: str | None


class Taken(Exception):
    """Somebody else holds the post in that time; `posting` is theirs."""

    def __init__(self, posting: Posting) -> None:
        super().__init__(f"{posting.post} is held by {posting.person}")
        self.posting = posting


@dataclass(frozen=True)
class By:
    """Who changes something, when, and by which command."""

    actor: Actor
    at: int
    event_id: str | None = None


# Changing


def turn(at: int) -> Unit[None]:
    """One change of the directory at a time, also of two processes: each writes this row first, and
    on PostgreSQL waits there for the other's end."""
    yield from settings.put("directory.turn", str(at))


def assign(post_id: int, person_id: int, since: str, until: str | None, by: By, *,
           several: bool = False) -> Unit[list[Change]]:
    """Put a person into a post; what was changed, nothing when all stood so already. Who held it
    without an end before `since` is relieved that day, and without `until` it lasts until somebody
    follows who is known already. Raises Taken when somebody else holds it then."""
    yield from turn(by.at)
    every = yield from _of_post(post_id)
    own = [each for each in every if each.person_id == person_id]
    others = [] if several else [each for each in every if each.person_id != person_id]
    if until is None:
        until = min((each.since for each in others if each.since > since), default=None)
    same = [each for each in own if _overlap(each, since, until)]
    since = since or (same[0].since if same else "")  # what is known stays known
    changes = []
    for each in others:
        if not _overlap(each, since, until):
            continue
        if each.until is None and each.since < since and until is None:
            changes += (yield from _set(post_id, each, each.since, since, by))
        else:
            raise Taken(each)
    if not same:
        rows = yield ("INSERT INTO posting (post_id, person_id, since, until) VALUES (?, ?, ?, ?)"
                      " RETURNING id", (post_id, person_id, since, until))
        new = (yield from _read("g.id = ?", rows[0]["id"]))[0]
        return [*changes, (yield from _note("assign", post_id, new, by, None, new.span))]
    for each in same[1:]:
        changes += (yield from _remove(post_id, each, by))
    return [*changes, *(yield from _set(post_id, same[0], since, until, by))]


def vacate(post_id: int, day: str, by: By, person_id: int | None = None) -> Unit[list[Change]]:
    """The post is vacant from a day on, or without that person; what was changed. What began on
    that day or later, and has no end, is taken back."""
    yield from turn(by.at)
    changes = []
    for each in (yield from _of_post(post_id)):
        if person_id in (None, each.person_id):
            changes += (yield from _leave(post_id, each, day, by))
    return changes


def transfer(person_id: int, post_id: int, since: str, by: By, *, several: bool = False
             ) -> Unit[list[Change]]:
    """A person leaves all posts for one, from a day on; what was changed. Raises Taken."""
    yield from turn(by.at)
    changes, stays = [], False
    for each in (yield from _read("g.person_id = ?", person_id)):
        rows = yield "SELECT post_id FROM posting WHERE id = ?", (each.id,)
        if rows[0]["post_id"] != post_id:
            changes += (yield from _leave(rows[0]["post_id"], each, since, by))
        else:
            stays = stays or each.holds(since)
    if stays:
        return changes
    return [*changes, *(yield from assign(
        post_id, person_id, since, None, by, several=several))]


def _leave(post_id: int, posting: Posting, day: str, by: By) -> Unit[list[Change]]:
    if (posting.until or days.FOREVER) <= day:
        return []
    if posting.since >= day:
        return (yield from _remove(post_id, posting, by)) if posting.until is None else []
    return (yield from _set(post_id, posting, posting.since, day, by))


def move(kept: int, other: int) -> Unit[None]:
    """Two persons turned out to be one: the postings of `other` are `kept`'s."""
    yield "UPDATE posting SET person_id = ? WHERE person_id = ?", (kept, other)
    yield "UPDATE posting_action SET person_id = ? WHERE person_id = ?", (kept, other)
    yield ("UPDATE posting_proposal SET person_id = ? WHERE person_id = ? AND name NOT IN"
           " (SELECT name FROM posting_proposal WHERE person_id = ?)", (kept, other, kept))
    yield "DELETE FROM posting_proposal WHERE person_id = ?", (other,)


def _overlap(posting: Posting, since: str, until: str | None) -> bool:
    return posting.since < (until or days.FOREVER) and since < (posting.until or days.FOREVER)


def _set(post_id: int, posting: Posting, since: str, until: str | None, by: By
         ) -> Unit[list[Change]]:
    if (posting.since, posting.until) == (since, until):
        return []
    ends = posting.since == since and (until or days.FOREVER) < (posting.until or days.FOREVER)
    kind = "end" if ends else "change"
    yield "UPDATE posting SET since = ?, until = ? WHERE id = ?", (since, until, posting.id)
    after = f"{since}..{until or ''}"
    return [(yield from _note(kind, post_id, posting, by, posting.span, after))]


def _remove(post_id: int, posting: Posting, by: By) -> Unit[list[Change]]:
    yield "DELETE FROM posting WHERE id = ?", (posting.id,)
    return [(yield from _note("remove", post_id, posting, by, posting.span, None))]


def _note(kind: str, post_id: int, posting: Posting, by: By, before: str | None,
          after: str | None) -> Unit[Change]:
    yield (
        "INSERT INTO posting_action (post_id, person_id, kind, actor, actor_name, at, before_value,"
        " after_value, event_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (post_id, posting.person_id, kind, by.actor.mxid, by.actor.name, by.at, before, after,
         by.event_id))
    return Change(kind, posting.post, posting.person_id, posting.person, by.actor, by.at, before,
                  after)


# Reading

_SELECT = """SELECT g.id, o.kind, o.place, g.person_id, p.name AS person, g.since, g.until
    FROM posting g JOIN post o ON o.id = g.post_id JOIN person p ON p.id = g.person_id """
_ORDER = " ORDER BY g.since, g.id"
_ON = "g.since <= ? AND (g.until IS NULL OR g.until > ?)"


async def holders(db: Database, post: PostName, day: str) -> list[Posting]:
    """Who holds a post on a day; more than one only where several may."""
    return await _found(db, f"o.name = ? AND {_ON}", str(post), day, day)


async def of_post(db: Database, post: PostName) -> list[Posting]:
    """Everybody who held, holds or will hold a post, in order of time."""
    return await _found(db, "o.name = ?", str(post))


async def of_person(db: Database, person_id: int) -> list[Posting]:
    """All postings of a person, in order of time."""
    return await _found(db, "g.person_id = ?", person_id)


async def of_people(db: Database, person_ids: Iterable[int], day: str) -> dict[int, list[Posting]]:
    """What each of these persons holds on a day, the newest posting first."""
    wanted = list(person_ids)
    held: dict[int, list[Posting]] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start:start + 500]
        for each in await _found(db, f"g.person_id IN ({marks(part)}) AND {_ON}", *part, day, day):
            held.setdefault(each.person_id, []).insert(0, each)
    return held


async def on_day(db: Database, day: str) -> dict[PostName, list[Posting]]:
    """Every post that is held on a day, with its holders."""
    held: dict[PostName, list[Posting]] = {}
    for each in await _found(db, _ON, day, day):
        held.setdefault(each.post, []).append(each)
    return held


async def of_group(db: Database, book: Gazetteer, group: Group, day: str
                   ) -> dict[PostName, list[Posting]]:
    """All posts of a class on a day (`All DEOs Makran Division`), by name, with their holders; the
    vacant ones too."""
    held = await on_day(db, day)
    there = {post for post in (*book.everywhere(day), *held) if post.kind == group.kind and (
        not group.place or book.in_place(post, group.place, day))}
    return {post: held.get(post, []) for post in sorted(there)}


async def every(db: Database) -> list[Posting]:
    """All postings, in order of time."""
    return await _found(db, "1 = 1")


async def last_change(db: Database) -> int:
    """The newest change of any posting; 0 when there was none. It tells whether to look again."""
    return (await db.read("SELECT coalesce(max(id), 0) AS last FROM posting_action"))[0]["last"]


async def any_known(db: Database) -> bool:
    """Whether the department keeps a directory at all."""
    return bool(await db.read("SELECT 1 FROM posting LIMIT 1"))


async def changes(db: Database, post: PostName) -> list[Change]:
    """What was done to the postings of a post, in order."""
    rows = await db.read(
        "SELECT a.kind, o.kind AS post_kind, o.place, a.person_id, p.name AS person, a.actor,"
        " a.actor_name, a.at, a.before_value, a.after_value FROM posting_action a"
        " JOIN post o ON o.id = a.post_id JOIN person p ON p.id = a.person_id WHERE o.name = ?"
        " ORDER BY a.id", str(post))
    return [Change(row["kind"], PostName(row["post_kind"], row["place"]), row["person_id"],
                   row["person"], Actor(row["actor"], row["actor_name"]), row["at"],
                   row["before_value"], row["after_value"]) for row in rows]


async def _found(db: Database, condition: str, *args: object) -> list[Posting]:
    return [_posting(row) for row in await db.read(f"{_SELECT}WHERE {condition}{_ORDER}", *args)]


def _of_post(post_id: int) -> Unit[list[Posting]]:
    return (yield from _read("g.post_id = ?", post_id))


def _read(condition: str, *args: object) -> Unit[list[Posting]]:
    rows = yield f"{_SELECT}WHERE {condition}{_ORDER}", args
    return [_posting(row) for row in rows]


def _posting(row: Row) -> Posting:
    return Posting(row["id"], PostName(row["kind"], row["place"]), row["person_id"],
                   row["person"], row["since"], row["until"])
