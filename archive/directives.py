"""Directives: what somebody in authority told posts to do, by when, and how far each has come.

An order is one directive with one number; every post that it charges has a state of its own (a
*charge*): of an order to all DEOs of a division one may have complied and another not, and the
report counts posts. This file is the model and how it is read; archive/directing.py is what is done
to a directive, archive/answers.py what people answer to it.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive import fold, ids
from archive.cases import Actor
from archive.db import Database, Row, Unit
from archive.rows import marks

STAGES = ("proposed", "confirmed", "dismissed")
# Of a charge. `withdrawn`: nothing is asked of this post any more.
STATES = ("open", "acknowledged", "in_progress", "complied", "refused", "withdrawn")
LIVE = ("open", "acknowledged", "in_progress")  # something is still to be done
ACTION_KINDS = (
    "propose", "confirm", "dismiss", "assign", "due", "state", "remind", "overdue", "escalate",
    "withdraw", "edited", "deleted")


@dataclass(frozen=True)
class Finding:
    """An order as it was read in a message, or written by staff. `to`: posts or classes of them
    ("All DEOs Makran Division"), by their full names; `due_at`: Unix ms, None for no date;
    `due_hour`: whether an hour was said."""

    event_id: str
    to: tuple[str, ...]
    action: str
    due_at: int | None = None
    due_hour: bool = False
    cc: tuple[str, ...] = ()
    channel: str = ""  # fax, letter, … when one was said
    confidence: float = 1.0
    reasons: tuple[str, ...] = ()  # in words
    record_id: int | None = None


@dataclass(frozen=True)
class Heard:
    """A message of a group, as the reader gets it and the proposal keeps it."""

    event_id: str
    room_id: str
    sender: str  # Matrix id
    sender_name: str
    at: int
    text: str
    record_id: int | None = None
    reply_to: str | None = None  # the event that it quotes
    thread_root: str | None = None
    msgtype: str = "m.text"


@dataclass(frozen=True)
class Charge:
    """A post that an order charges. `holder`: who held it that day, "" for nobody."""

    id: int
    post: str
    district: str
    holder: str
    holder_mxid: str | None
    state: str  # one of STATES
    acknowledged_at: int | None
    ended_at: int | None  # complied, refused or withdrawn
    escalated_to: str  # the last post that was told of it, "" for none

    @property
    def live(self) -> bool:
        """Whether something is still to be done."""
        return self.state in LIVE


@dataclass(frozen=True)
class Directive:
    """An order as it stands. Times are Unix milliseconds."""

    id: int
    number: str | None  # once it is confirmed
    stage: str  # one of STAGES
    room_id: str
    event_id: str
    record_id: int | None
    giver: str
    giver_name: str
    given_at: int
    said: str  # the message's words
    addressees: tuple[str, ...]
    action: str
    due_at: int | None
    due_hour: bool
    cc: tuple[str, ...]
    channel: str
    confidence: float
    reasons: tuple[str, ...]
    case_id: int | None
    school: str
    txn_id: str | None
    confirmed_at: int | None
    charges: tuple[Charge, ...] = ()

    @property
    def name(self) -> str:
        """The number; of a proposal `P12`."""
        return self.number or f"P{self.id}"

    @property
    def live(self) -> tuple[Charge, ...]:
        """The charges that still have something to do."""
        return tuple(charge for charge in self.charges if charge.live)

    def overdue(self, now: int) -> bool:
        """Whether its time is over for somebody."""
        return self.stage == "confirmed" and self.due_at is not None and (
            self.due_at < now and bool(self.live))

    def charge(self, post: str) -> Charge | None:
        """The charge of a post."""
        return next((charge for charge in self.charges if charge.post == post), None)


@dataclass(frozen=True)
class Deed:
    """One thing done to a directive. `post`: to that charge alone, "" to all."""

    kind: str  # one of ACTION_KINDS
    post: str
    actor: Actor
    at: int
    before: str | None
    after: str | None
    text: str
    event_id: str | None


@dataclass(frozen=True)
class Filter:
    """Which directives are wanted; what is empty does not count."""

    stages: tuple[str, ...] = ("confirmed",)
    room_ids: tuple[str, ...] = ()
    live: bool = False  # something is still to be done
    overdue_at: int = 0  # live, and due before this moment
    states: tuple[str, ...] = ()  # one charge stands so
    post: str = ""  # words of a charge's post or holder
    district: str = ""
    school: str = ""  # its BEMIS code
    holder_mxid: str = ""
    since: int = 0  # given at or after
    until: int = 0  # given before
    order: str = "newest"  # or "due", "oldest"


async def by_id(db: Database, directive_id: int) -> Directive | None:
    """The directive of that row."""
    return next(iter(await _found(db, "WHERE id = ?", directive_id)), None)


async def find(db: Database, serial: int, year: int | None = None) -> Directive | None:
    """The directive of that serial; without a year, of the newest year that has one."""
    found = await _found(db, "WHERE serial = ? AND (year = ? OR ? = 0) ORDER BY year DESC LIMIT 1",
                         serial, year or 0, year or 0)
    return found[0] if found else None


async def by_number(db: Database, number: str) -> Directive | None:
    """The directive of that full number."""
    parsed = ids.parse_directive_number(number)
    return await find(db, parsed[1], parsed[0]) if parsed and parsed[1] < 10**9 else None


async def of_event(db: Database, event_id: str, txn_id: str = "") -> list[Directive]:
    """The directives that a message is about: it gave them, it answers them, or it is the bot's
    question about them (`txn_id`: under which that was sent)."""
    return await _found(
        db, "WHERE event_id = ? OR (txn_id = ? AND txn_id <> '') OR id IN (SELECT directive_id FROM"
        " directive_answer WHERE event_id = ? OR (txn_id = ? AND txn_id <> '')) ORDER BY id",
        event_id, txn_id, event_id, txn_id)


async def of_message(db: Database, event_id: str) -> list[Directive]:
    """The directives that were given in a message, in its order."""
    return await _found(db, "WHERE event_id = ? ORDER BY n", event_id)


async def listing(db: Database, wanted: Filter, limit: int = 50, offset: int = 0
                  ) -> tuple[list[Directive], int]:
    """(the first `limit` directives after `offset`, how many there are)."""
    where, args = _where(wanted)
    total = (await db.read(f"SELECT count(*) AS total FROM directive d WHERE {where}", *args))
    order = {"due": "coalesce(due_at, 9007199254740991), id", "oldest": "given_at, id"}.get(
        wanted.order, "given_at DESC, id DESC")
    found = await _found(db, f"d WHERE {where} ORDER BY {order} LIMIT {int(limit)}"
                             f" OFFSET {int(offset)}", *args)
    return found, total[0]["total"]


async def waiting(db: Database, limit: int = 200) -> list[Directive]:
    """Proposals that nobody was asked about yet, oldest first."""
    return await _found(db, "WHERE stage = 'proposed' AND txn_id IS NULL ORDER BY id"
                            f" LIMIT {int(limit)}")


async def deeds(db: Database, directive_id: int) -> list[Deed]:
    """Everything that was done to a directive, in order."""
    rows = await db.read(
        "SELECT kind, post, actor, actor_name, at, before_value, after_value, text, event_id"
        " FROM directive_action WHERE directive_id = ? ORDER BY id", directive_id)
    return [_deed(row) for row in rows]


async def last_deeds(db: Database, kind: str) -> dict[tuple[int, str], list[Deed]]:
    """What of one kind was done to directives that still have something to do, in order, by
    directive and post."""
    rows = await db.read(
        "SELECT a.directive_id, a.kind, a.post, a.actor, a.actor_name, a.at, a.before_value,"
        " a.after_value, a.text, a.event_id FROM directive_action a WHERE a.kind = ?"
        " AND a.directive_id IN (SELECT c.directive_id FROM directive_charge c"
        f" WHERE c.state IN ({marks(list(LIVE))})) ORDER BY a.id", kind, *LIVE)
    found: dict[tuple[int, str], list[Deed]] = {}
    for row in rows:
        found.setdefault((row["directive_id"], row["post"]), []).append(_deed(row))
    return found


async def counts(db: Database, now: int, room_ids: Sequence[str] = (), mxid: str = ""
                 ) -> tuple[int, int, int]:
    """(proposed, open, overdue): how many directives, of these rooms or of all; with `mxid` those
    that charge a post which that user held."""
    narrowed = Filter(room_ids=tuple(room_ids), holder_mxid=mxid)
    found = []
    for wanted in (Filter(("proposed",), narrowed.room_ids),
                   Filter(room_ids=narrowed.room_ids, holder_mxid=mxid, live=True),
                   Filter(room_ids=narrowed.room_ids, holder_mxid=mxid, overdue_at=now)):
        where, args = _where(wanted)
        rows = await db.read(f"SELECT count(*) AS total FROM directive d WHERE {where}", *args)
        found.append(rows[0]["total"])
    return found[0], found[1], found[2]


def one(directive_id: int) -> Unit[Directive]:
    """The directive as it stands inside this transaction."""
    rows = yield f"SELECT {_COLUMNS} FROM directive WHERE id = ?", (directive_id,)
    charges = yield f"{_CHARGES} WHERE directive_id = ? ORDER BY id", (directive_id,)
    return _directive(rows[0], charges)


# Underneath


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    where, args = ["1 = 1"], list[Any]()
    inner, inner_args = list[str](), list[Any]()
    for column, values in (("d.stage", wanted.stages), ("d.room_id", wanted.room_ids)):
        if values:
            where.append(f"{column} IN ({marks(list(values))})")
            args += values
    for condition, value in (("d.given_at >= ?", wanted.since), ("d.given_at < ?", wanted.until),
                             ("d.due_at < ?", wanted.overdue_at),
                             ("d.school = ?", wanted.school)):
        if value:
            where.append(condition)
            args.append(value)
    states = wanted.states or (LIVE if wanted.live or wanted.overdue_at else ())
    if states:
        inner.append(f"c.state IN ({marks(list(states))})")
        inner_args += states
    for condition, value in (("lower(c.district) = lower(?)", wanted.district),
                             ("c.holder_mxid = ?", wanted.holder_mxid)):
        if value:
            inner.append(condition)
            inner_args.append(value)
    for word in fold.tokens(wanted.post)[:10]:
        inner.append("c.words LIKE ?")
        inner_args.append(f"% {word} %")
    if inner:
        where.append("EXISTS (SELECT 1 FROM directive_charge c WHERE c.directive_id = d.id AND "
                     + " AND ".join(inner) + ")")
    return " AND ".join(where), args + inner_args


def words_of(post: str, holder: str) -> str:
    """What a charge is found by: folded words, a blank around each."""
    return f" {' '.join(fold.tokens(f'{post} {holder}'))} "


_COLUMNS = (
    "id, number, stage, room_id, event_id, record_id, giver, giver_name, given_at, said,"
    " addressees, action, due_at, due_hour, cc, channel, confidence, reasons, case_id, school,"
    " txn_id, confirmed_at")
_CHARGES = ("SELECT id, directive_id, post, district, holder, holder_mxid, state, acknowledged_at,"
            " ended_at, escalated_to FROM directive_charge")


async def _found(db: Database, where: str, *args: Any) -> list[Directive]:
    rows = await db.read(f"SELECT {_COLUMNS} FROM directive {where}", *args)
    charges: dict[int, list[Row]] = {row["id"]: [] for row in rows}
    known = list(charges)
    for start in range(0, len(known), 500):
        part = known[start:start + 500]
        for row in await db.read(
                f"{_CHARGES} WHERE directive_id IN ({marks(part)}) ORDER BY id", *part):
            charges[row["directive_id"]].append(row)
    return [_directive(row, charges[row["id"]]) for row in rows]


def _deed(row: Row) -> Deed:
    return Deed(row["kind"], row["post"], Actor(row["actor"], row["actor_name"]), row["at"],
                row["before_value"], row["after_value"], row["text"], row["event_id"])


def _directive(row: Row, charges: Sequence[Row]) -> Directive:
    values = {name: row[name] for name in _COLUMNS.split(", ")}
    for name in ("addressees", "cc", "reasons"):
        values[name] = tuple(json.loads(values[name]))
    values["due_hour"] = bool(values["due_hour"])
    return Directive(**values, charges=tuple(
        Charge(**{name: each[name] for name in Charge.__dataclass_fields__})
        for each in charges))


async def cases_changed(db: Database, after: int, limit: int) -> tuple[int | None, list[int]]:
    """(the last of the next `limit` actions behind that one, None when there is none; the cases one
    of whose papers gave a confirmed directive among them)."""
    rows = await db.read(
        "SELECT id, directive_id FROM directive_action WHERE id > ?"
        f" ORDER BY id LIMIT {int(limit)}", after)
    if not rows:
        return None, []
    ids = sorted({row["directive_id"] for row in rows})
    found = await db.read(
        "SELECT DISTINCT c.id FROM directive d JOIN case_file c ON c.id = d.case_id OR EXISTS"
        " (SELECT 1 FROM case_paper p WHERE p.case_id = c.id AND p.event_id = d.event_id"
        f" AND p.removed_at IS NULL) WHERE d.stage = 'confirmed' AND d.id IN ({marks(ids)})"
        " ORDER BY c.id", *ids)
    return rows[-1]["id"], [row["id"] for row in found]
