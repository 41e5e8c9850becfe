"""Cases: a matter under consideration, all papers relating to it, and every action on it.

A case's state is what its last action left; actions are append-only. Numbers are given out by a
counter row in the transaction that opens the case, so there are no holes and no two alike.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive import ids
from archive.db import Database, Row, Unit

CASE_STATES = ("open", "closed")
ACTION_KINDS = ("open", "assign", "note", "close")


class CaseClosed(Exception):
    """The case is closed already; `case` is how it stands."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"{case.number} is closed")
        self.case = case


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
    """A case as it stands."""

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


@dataclass(frozen=True)
class Docket:
    """A case with its papers and its actions, oldest first."""

    case: Case
    papers: tuple[Paper, ...]
    actions: tuple[Action, ...]


# Writing


def open_case(
    *, department: str, year: int, title: str, text: str, room_id: str, actor: Actor, at: int,
    event_id: str, card_txn: str, paper: Paper | None = None,
) -> Unit[Docket]:
    """Open a case with the year's next number. `text` is the full title as given, `event_id` what
    it was opened with: the same event opens one case, however often it comes."""
    rows = yield "SELECT id FROM case_file WHERE open_event = ?", (event_id,)
    if rows:
        return (yield from docket(rows[0]["id"]))
    rows = yield (
        "INSERT INTO case_counter (department, year, last) VALUES (?, ?, 1) "
        "ON CONFLICT (department, year) DO UPDATE SET last = case_counter.last + 1 RETURNING last",
        (department, year))
    serial = rows[0]["last"]
    number = ids.make_case_number(department, year, serial)
    rows = yield "SELECT id FROM chat WHERE room_id = ?", (room_id,)
    chat_id = rows[0]["id"] if rows else None
    rows = yield (
        "INSERT INTO case_file (number, department, year, serial, title, status, room_id, chat_id,"
        " opened_by, opened_by_name, opened_at, open_event, card_txn)"
        " VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (number, department, year, serial, title, room_id, chat_id, actor.mxid, actor.name, at,
         event_id, card_txn))
    case_id = rows[0]["id"]
    if paper is not None:
        yield from add_paper(case_id, paper, actor, at)
    yield from _act(case_id, "open", actor, at, None, "open", text, event_id)
    return (yield from docket(case_id))


def add_paper(case_id: int, paper: Paper, actor: Actor, at: int) -> Unit[None]:
    """Put a message on the file; a second time changes nothing. Its record is looked up."""
    rows = yield "SELECT record_id FROM matrix_event WHERE event_id = ?", (paper.event_id,)
    record_id = rows[0]["record_id"] if rows else paper.record_id
    yield (
        "INSERT INTO case_paper (case_id, event_id, record_id, sender, sender_name, sent_at,"
        " added_by, added_at, excerpt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (case_id, event_id) DO NOTHING",
        (case_id, paper.event_id, record_id, paper.sender, paper.sender_name, paper.sent_at,
         actor.mxid, at, paper.excerpt))


def assign(case_id: int, holder: str, holder_mxid: str | None, actor: Actor, at: int,
           event_id: str) -> Unit[Docket]:
    """Hand the case to a post or person. Raises CaseClosed."""
    case = yield from _open_only(case_id)
    yield "UPDATE case_file SET holder = ?, holder_mxid = ? WHERE id = ?", (
        holder, holder_mxid, case_id)
    yield from _act(case_id, "assign", actor, at, case.holder, holder, "", event_id)
    return (yield from docket(case_id))


def note(case_id: int, text: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Write a note on the docket. Closed cases take notes too."""
    yield from _act(case_id, "note", actor, at, None, None, text, event_id)
    return (yield from docket(case_id))


def close(case_id: int, resolution: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Close the case; `resolution` may be empty. Raises CaseClosed when it is already."""
    case = yield from _open_only(case_id)
    yield (
        "UPDATE case_file SET status = 'closed', closed_at = ?, resolution = ? WHERE id = ?",
        (at, resolution or None, case_id))
    yield from _act(case_id, "close", actor, at, case.status, "closed", resolution, event_id)
    return (yield from docket(case_id))


def set_card(card_txn: str, event_id: str) -> Unit[None]:
    """Note the event that the homeserver made of a case's card; of anything else: nothing."""
    yield "UPDATE case_file SET card_event = ? WHERE card_txn = ?", (event_id, card_txn)


def docket(case_id: int) -> Unit[Docket]:
    """The case as it stands inside this transaction."""
    cases = yield _CASE + " WHERE id = ?", (case_id,)
    papers = yield _PAPERS, (case_id,)
    actions = yield _ACTIONS, (case_id,)
    return _docket(cases[0], papers, actions)


def _open_only(case_id: int) -> Unit[Case]:
    rows = yield _CASE + " WHERE id = ?", (case_id,)
    case = _case(rows[0])
    if case.status == "closed":
        raise CaseClosed(case)
    return case


def _act(case_id: int, kind: str, actor: Actor, at: int, before: str | None, after: str | None,
         text: str, event_id: str) -> Unit[None]:
    yield (
        "INSERT INTO case_action (case_id, kind, actor, actor_name, at, before_value, after_value,"
        " text, event_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (case_id, kind, actor.mxid, actor.name, at, before, after, text, event_id))


# Reading


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


async def listing(
    db: Database, *, room_ids: Sequence[str] = (), status: str = "", holder_mxid: str = "",
    holder: str = "", limit: int = 50,
) -> tuple[list[Case], int]:
    """(the newest `limit` cases, how many there are). Filters that are empty do not count;
    with `holder_mxid`, cases held by that user or by that name (`holder`, exact)."""
    where, args = ["1 = 1"], list[Any]()
    if room_ids:
        where.append(f"room_id IN ({', '.join('?' for _ in room_ids)})")
        args += room_ids
    if status:
        where.append("status = ?")
        args.append(status)
    if holder_mxid:
        where.append("(holder_mxid = ? OR (holder_mxid IS NULL AND lower(holder) = lower(?)))")
        args += [holder_mxid, holder]
    condition = " WHERE " + " AND ".join(where)
    count = await db.read("SELECT count(*) AS total FROM case_file" + condition, *args)
    rows = await db.read(f"{_CASE}{condition} ORDER BY id DESC LIMIT {int(limit)}", *args)
    return [_case(row) for row in rows], count[0]["total"]


async def read_docket(db: Database, case_id: int) -> Docket:
    """The case with papers and actions."""
    cases = await db.read(_CASE + " WHERE id = ?", case_id)
    return _docket(cases[0], await db.read(_PAPERS, case_id), await db.read(_ACTIONS, case_id))


async def count(db: Database) -> int:
    """How many cases there are."""
    return (await db.read("SELECT count(*) AS total FROM case_file"))[0]["total"]


_CASE = (
    "SELECT id, number, title, status, room_id, holder, holder_mxid, opened_by, opened_by_name,"
    " opened_at, closed_at, resolution, card_txn, card_event FROM case_file")
_PAPERS = (
    "SELECT event_id, record_id, sender, sender_name, sent_at, excerpt FROM case_paper"
    " WHERE case_id = ? ORDER BY added_at, sent_at")
_ACTIONS = (
    "SELECT kind, actor, actor_name, at, before_value, after_value, text FROM case_action"
    " WHERE case_id = ? ORDER BY id")


def _case(row: Row) -> Case:
    return Case(
        id=row["id"], number=row["number"], title=row["title"], status=row["status"],
        room_id=row["room_id"], holder=row["holder"], holder_mxid=row["holder_mxid"],
        opened_by=Actor(row["opened_by"], row["opened_by_name"]), opened_at=row["opened_at"],
        closed_at=row["closed_at"], resolution=row["resolution"], card_txn=row["card_txn"],
        card_event=row["card_event"])


def _docket(case: Row, papers: Sequence[Row], actions: Sequence[Row]) -> Docket:
    return Docket(
        _case(case),
        tuple(Paper(row["event_id"], row["sender"], row["sender_name"], row["sent_at"],
                    row["excerpt"], row["record_id"]) for row in papers),
        tuple(Action(row["kind"], Actor(row["actor"], row["actor_name"]), row["at"],
                     row["before_value"], row["after_value"], row["text"]) for row in actions))
