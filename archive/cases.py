"""Cases: a matter under consideration, all papers relating to it, and every action on it.

A case's state is what its last action left; actions are append-only. This file is the model and how
it is read; archive/casework.py is what is done to a case.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archive import fold
from archive.db import Database, Row, Unit
from archive.rows import marks

CASE_STATES = ("new", "open", "waiting", "resolved", "closed", "merged")
ACTIVE = ("new", "open", "waiting")  # somebody still has to do something
# From which state a case may go where by `status`; merging and reopening have ways of their own.
MOVES: dict[str, tuple[str, ...]] = {
    "new": ("open", "waiting", "resolved", "closed"),
    "open": ("waiting", "resolved", "closed"),
    "waiting": ("open", "resolved", "closed"),
    "resolved": ("closed",),
    "closed": (),
    "merged": (),
}
PRIORITIES = ("low", "normal", "high", "urgent")
# The Secretariat Instructions' docket sheet names a classification.
CLASSIFICATIONS = ("open", "restricted", "confidential", "secret")
ACTION_KINDS = (
    "open", "status", "assign", "due", "note", "link", "unlink", "close", "reopen", "merge",
    "unmerge", "split", "tag", "untag", "school", "unschool", "district", "priority", "classify",
    "watch", "unwatch", "title", "letter", "tell", "export")
MARKS = ("tag", "school", "watcher")


@dataclass(frozen=True)
class Actor:
    """A member of staff who does something: Matrix id, and display name of that day."""

    mxid: str
    name: str


@dataclass(frozen=True)
class Paper:
    """A message that belongs to a case."""

    event_id: str
    sender: str  # Matrix id
    sender_name: str
    sent_at: int
    excerpt: str
    record_id: int | None = None


@dataclass(frozen=True)
class Action:
    """One thing done to a case. `text`: the note, the resolution, or the full title."""

    kind: str  # one of ACTION_KINDS
    actor: Actor
    at: int
    before: str | None
    after: str | None
    text: str


@dataclass(frozen=True)
class Case:
    """A case as it stands. Times are Unix milliseconds."""

    id: int
    number: str
    title: str
    status: str  # one of CASE_STATES
    room_id: str
    holder: str | None  # post or person, as written
    holder_mxid: str | None  # when the holder is a Matrix user
    opened_by: Actor
    opened_at: int
    closed_at: int | None
    resolution: str | None
    card_txn: str
    card_event: str | None
    due_at: int | None = None
    waiting_for: str | None = None
    waiting_until: int | None = None
    priority: str = "normal"  # one of PRIORITIES
    classification: str = "open"  # one of CLASSIFICATIONS
    district: str | None = None
    merged_into: int | None = None
    changed_at: int = 0

    @property
    def active(self) -> bool:
        """Does somebody still have to do something?"""
        return self.status in ACTIVE

    def overdue(self, now: int) -> bool:
        """Is its date over, and it is not done?"""
        return self.active and self.due_at is not None and self.due_at < now

    def waited_out(self, now: int) -> bool:
        """Has it waited until its time was up?"""
        return (self.status == "waiting" and self.waiting_until is not None
                and self.waiting_until < now)


@dataclass(frozen=True)
class Linked:
    """A confirmed directive that one of a case's papers gave: its number, and each post that it
    charges with how it stands there (archive.directives.STATES)."""

    number: str
    posts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Docket:
    """A case with its papers, its actions (oldest first), what it is marked with, and the
    directives that its papers gave. Papers of cases that were merged into it are among its own."""

    case: Case
    papers: tuple[Paper, ...]
    actions: tuple[Action, ...]
    tags: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    merged: tuple[Case, ...] = ()  # into this one
    into: Case | None = None  # what this one was merged into
    directives: tuple[Linked, ...] = ()


@dataclass(frozen=True)
class Filter:
    """Which cases are wanted; what is empty does not count."""

    room_ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    holder_mxid: str = ""  # held by this user, or (`holder`) by this name
    holder: str = ""
    post: str = ""  # words in the holder's name
    overdue_at: int = 0  # due before this moment
    due_until: int = 0  # has a date not after this moment
    district: str = ""
    tag: str = ""
    school: str = ""
    watcher: str = ""
    words: str = ""  # all of them, in what a case is found by
    opened_since: int = 0
    classifications: tuple[str, ...] = ()
    order: str = field(default="newest")  # or "due", "oldest"


async def find(db: Database, department: str, serial: int, year: int | None = None) -> Case | None:
    """The case of that serial; without a year, of the newest year that has one."""
    rows = await db.read(
        _CASE + " WHERE department = ? AND serial = ? AND (year = ? OR ? = 0)"
        " ORDER BY year DESC LIMIT 1", department, serial, year or 0, year or 0)
    return _case(rows[0]) if rows else None


async def by_card(db: Database, event_id: str) -> Case | None:
    """The case whose card is that event."""
    rows = await db.read(_CASE + " WHERE card_event = ?", event_id)
    return _case(rows[0]) if rows else None


async def by_number(db: Database, number: str) -> Case | None:
    """The case of that full number, e.g. SED-2026-00042."""
    rows = await db.read(_CASE + " WHERE number = ?", number)
    return _case(rows[0]) if rows else None


async def by_id(db: Database, case_id: int) -> Case | None:
    """The case of that row."""
    rows = await db.read(_CASE + " WHERE id = ?", case_id)
    return _case(rows[0]) if rows else None


async def of_paper(db: Database, event_id: str) -> list[Case]:
    """The cases, newest first, on whose file this event lies."""
    rows = await db.read(
        _CASE + " WHERE id IN (SELECT case_id FROM case_paper WHERE event_id = ?"
        " AND removed_at IS NULL) ORDER BY id DESC", event_id)
    return [_case(row) for row in rows]


async def last_touched(db: Database, mxid: str, room_id: str) -> Case | None:
    """The case of a room that somebody last did something to."""
    rows = await db.read(
        _CASE + " WHERE id = (SELECT a.case_id FROM case_action a JOIN case_file c"
        " ON c.id = a.case_id WHERE a.actor = ? AND c.room_id = ? AND c.status <> 'merged'"
        " ORDER BY a.id DESC LIMIT 1)", mxid, room_id)
    return _case(rows[0]) if rows else None


async def about_school(db: Database, school: str, since: int) -> list[Case]:
    """Cases about a school that are open, or were opened since that moment; newest first."""
    rows = await db.read(
        f"{_CASE} WHERE id IN (SELECT case_id FROM case_mark WHERE kind = 'school' AND value = ?)"
        f" AND status <> 'merged' AND (opened_at >= ? OR status IN ({marks(list(ACTIVE))}))"
        " ORDER BY id DESC LIMIT 5", school, since, *ACTIVE)
    return [_case(row) for row in rows]


async def listing(db: Database, wanted: Filter, limit: int = 50, offset: int = 0
                  ) -> tuple[list[Case], int]:
    """(the first `limit` cases after `offset`, how many there are; 0 when none is left)."""
    where, args = _where(wanted)
    order = {"due": "due_at, id", "oldest": "id"}.get(wanted.order, "id DESC")
    # one pass: the count over all stands in every row
    rows = await db.read(
        f"{_CASE.replace(' FROM', ', count(*) OVER () AS total FROM')} WHERE {where}"
        f" ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}", *args)
    return [_case(row) for row in rows], rows[0]["total"] if rows else 0


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    where, args = ["1 = 1"], list[Any]()

    def also(condition: str, *values: Any) -> None:
        where.append(condition)
        args.extend(values)

    if wanted.room_ids:
        also(f"room_id IN ({marks(list(wanted.room_ids))})", *wanted.room_ids)
    if wanted.states:
        also(f"status IN ({marks(list(wanted.states))})", *wanted.states)
    if wanted.classifications:
        also(f"classification IN ({marks(list(wanted.classifications))})",
             *wanted.classifications)
    if wanted.holder_mxid:
        also("(holder_mxid = ? OR (holder_mxid IS NULL AND lower(holder) = lower(?)))",
             wanted.holder_mxid, wanted.holder)
    if wanted.overdue_at:
        also("due_at < ?", wanted.overdue_at)
    if wanted.due_until:
        also("due_at <= ?", wanted.due_until)
    if wanted.opened_since:
        also("opened_at >= ?", wanted.opened_since)
    if wanted.district:
        also("lower(district) = lower(?)", wanted.district)
    for kind, value in (("tag", wanted.tag), ("school", wanted.school),
                        ("watcher", wanted.watcher)):
        if value:
            also("id IN (SELECT case_id FROM case_mark WHERE kind = ? AND lower(value) ="
                 " lower(?))", kind, value)
    for word in fold.tokens(wanted.words)[:10]:
        also("words LIKE ?", f"% {word}%")
    for word in fold.tokens(wanted.post)[:10]:
        also("words LIKE ?", f"% {HOLDER}{word}%")
    return " AND ".join(where), args


HOLDER = "@"  # before each word of the holder's name in `case_file.words`


def words_of(case: Case, tags: Sequence[str], schools: Sequence[str]) -> str:
    """What a case is found by: folded words, each with a blank before it; those of the holder also
    with HOLDER."""
    found = fold.tokens(" ".join(
        [case.number, case.title, case.district or "", case.holder or "", *tags, *schools]))
    held = [HOLDER + word for word in fold.tokens(case.holder or "")]
    return "".join(f" {word}" for word in dict.fromkeys([*found, case.number.lower(), *held]))


async def read_docket(db: Database, case_id: int) -> Docket:
    """The case with everything on its file."""
    docket = docket_of(case_id)
    statement = next(docket)
    while True:
        rows = await db.read(statement[0], *statement[1])
        try:
            statement = docket.send(rows)
        except StopIteration as done:
            return done.value


def docket_of(case_id: int) -> Unit[Docket]:
    """The case as it stands inside this transaction."""
    family = yield _FAMILY, (case_id,)
    cases = [_case(row) for row in family]
    case = next(each for each in cases if each.id == case_id)
    ids = [each.id for each in cases]
    into = None
    if case.merged_into is not None:
        rows = yield _CASE + " WHERE id = ?", (case.merged_into,)
        into = _case(rows[0])
    papers = yield f"{_PAPERS} WHERE case_id IN ({marks(ids)}) {_ON_FILE}", ids
    actions = yield _ACTIONS, (case_id,)
    marked = yield (
        f"SELECT DISTINCT kind, value FROM case_mark WHERE case_id IN ({marks(ids)})"
        " ORDER BY kind, value", ids)
    by_kind = {kind: tuple(row["value"] for row in marked if row["kind"] == kind)
               for kind in MARKS}
    orders = yield (_LINKED.format(marks(ids), marks(ids)), [*ids, *ids])
    seen: dict[str, Paper] = {}
    for row in papers:
        seen.setdefault(row["event_id"], Paper(
            row["event_id"], row["sender"], row["sender_name"], row["sent_at"], row["excerpt"],
            row["record_id"]))
    return Docket(
        case, tuple(seen.values()),
        tuple(Action(row["kind"], Actor(row["actor"], row["actor_name"]), row["at"],
                     row["before_value"], row["after_value"], row["text"]) for row in actions),
        by_kind["tag"], by_kind["school"], by_kind["watcher"],
        tuple(each for each in cases if each.id != case_id), into, _linked(orders))


def _linked(rows: Sequence[Row]) -> tuple[Linked, ...]:
    posts: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        posts.setdefault(row["number"], []).append((row["post"], row["state"]))
    return tuple(Linked(number, tuple(each)) for number, each in posts.items())


async def count(db: Database) -> int:
    """How many cases there are."""
    return (await db.read("SELECT count(*) AS total FROM case_file"))[0]["total"]


async def counts(db: Database, wanted: Filter) -> dict[str, int]:
    """How many cases stand in each state."""
    where, args = _where(wanted)
    rows = await db.read(
        f"SELECT status, count(*) AS total FROM case_file WHERE {where} GROUP BY status", *args)
    return {row["status"]: row["total"] for row in rows}


async def done_since(db: Database, since: int, room_ids: Sequence[str] = ()) -> list[Case]:
    """Cases that were closed since that moment, oldest first."""
    room = f" AND room_id IN ({marks(list(room_ids))})" if room_ids else ""
    rows = await db.read(f"{_CASE} WHERE closed_at >= ? AND status = 'closed'{room} ORDER BY"
                         " closed_at", since, *room_ids)
    return [_case(row) for row in rows]


def one(case_id: int) -> Unit[Case]:
    """The case, inside a transaction."""
    rows = yield _CASE + " WHERE id = ?", (case_id,)
    return _case(rows[0])


_COLUMNS = (
    "id, number, title, status, room_id, holder, holder_mxid, opened_by, opened_by_name,"
    " opened_at, closed_at, resolution, card_txn, card_event, due_at, waiting_for, waiting_until,"
    " priority, classification, district, merged_into, changed_at")
_CASE = f"SELECT {_COLUMNS} FROM case_file"
# The case, and all that were merged into it, at whatever remove.
_FAMILY = (
    "WITH RECURSIVE family (id) AS (SELECT CAST(? AS BIGINT) UNION SELECT c.id FROM case_file c"
    f" JOIN family f ON c.merged_into = f.id) {_CASE} WHERE id IN (SELECT id FROM family)"
    " ORDER BY id")
_LINKED = ("SELECT d.number, c.post, c.state FROM directive d"
           " JOIN directive_charge c ON c.directive_id = d.id WHERE d.stage = 'confirmed'"
           " AND (d.case_id IN ({}) OR d.event_id IN (SELECT event_id FROM case_paper"
           " WHERE case_id IN ({}) AND removed_at IS NULL)) ORDER BY d.id, c.id")
_PAPERS = ("SELECT event_id, record_id, sender, sender_name, sent_at, excerpt FROM case_paper")
_ON_FILE = "AND removed_at IS NULL ORDER BY added_at, sent_at"
_ACTIONS = (
    "SELECT kind, actor, actor_name, at, before_value, after_value, text FROM case_action"
    " WHERE case_id = ? ORDER BY id")


def _case(row: Row) -> Case:
    values = {name: row[name] for name in _COLUMNS.split(", ")
              if name not in ("opened_by", "opened_by_name")}
    return Case(opened_by=Actor(row["opened_by"], row["opened_by_name"]), **values)
