"""What is done to a directive: every function is a unit that changes it, writes an action that says
who, when, before and after, and gives the directive as it stands then.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive import directives, ids
from archive.cases import Actor
from archive.db import Unit
from archive.directives import LIVE, Charge, Directive, Finding, Heard
from archive.rows import marks

SAID = 4000  # characters of a message that are kept with the order


class Refused(Exception):
    """The directive cannot be changed so as it stands; `why`: not_confirmed, confirmed, dismissed,
    ended, no_charge, same, early."""

    def __init__(self, directive: Directive, why: str, post: str = "") -> None:
        super().__init__(f"{directive.name}: {why}")
        self.directive = directive
        self.why = why
        self.post = post


def not_confirmed(directive: Directive) -> Refused:
    """That it is no order: not yet, or not any more."""
    return Refused(directive, "not_confirmed" if directive.stage == "proposed" else "dismissed")


@dataclass(frozen=True)
class By:
    """Who does something, when, and by which event ("" for the clock's)."""

    actor: Actor
    at: int
    event_id: str = ""


@dataclass(frozen=True)
class Charged:
    """A post to be charged, with who holds it on that day ("" for nobody)."""

    post: str
    district: str = ""
    holder: str = ""
    holder_mxid: str | None = None


# Proposed


def propose(heard: Heard, findings: Sequence[Finding], by: By, school: str = "",
            asked: str | None = None, first: int = 0) -> Unit[list[int]]:
    """Keep what was read in a message as proposals; the rows that are new. The same message a
    second time changes nothing. A date that is not after the message is none, and the reasons say
    so. `asked`: the question about them, "" when there is none to be asked; `first`: the first
    one's place among the message's."""
    made = []
    rows = yield "SELECT record_id FROM matrix_event WHERE event_id = ?", (heard.event_id,)
    record_id = rows[0]["record_id"] if rows else heard.record_id
    rows = yield ("SELECT case_id FROM case_paper WHERE event_id = ? AND removed_at IS NULL"
                  " ORDER BY case_id DESC LIMIT 1", (heard.event_id,))
    case_id = rows[0]["case_id"] if rows else None
    for n, found in enumerate(findings, first):
        early = found.due_at is not None and found.due_at <= heard.at
        reasons = (*found.reasons, *([EARLY] if early else []))
        rows = yield (
            "INSERT INTO directive (stage, room_id, event_id, n, record_id, giver, giver_name,"
            " given_at, said, addressees, action, due_at, due_hour, cc, channel, confidence,"
            " reasons, case_id, school, txn_id, found_at) VALUES ('proposed', ?, ?, ?, ?, ?, ?, ?,"
            " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id, n) DO NOTHING"
            " RETURNING id",
            (heard.room_id, heard.event_id, n, record_id, heard.sender, heard.sender_name,
             heard.at, heard.text[:SAID], _list(found.to), found.action,
             None if early else found.due_at, int(found.due_hour and not early), _list(found.cc),
             found.channel, found.confidence, _list(reasons), case_id, school, asked, by.at))
        if rows:
            made.append(rows[0]["id"])
            yield from _act(rows[0]["id"], "propose", by, after=", ".join(found.to),
                            text=found.action)
    return made


EARLY = "the date that is said does not come after the message, so there is none"


def again(heard: Heard, finding: Finding, by: By, school: str = "") -> Unit[int]:
    """An order that the reader missed, or one more in its message: a proposal that nobody is asked
    about."""
    rows = yield ("SELECT coalesce(max(n), -1) + 1 AS n FROM directive WHERE event_id = ?",
                  (heard.event_id,))
    return (yield from propose(heard, [finding], by, school, "", rows[0]["n"]))[0]


def asked(directive_ids: Sequence[int], txn_id: str) -> Unit[bool]:
    """Note under which question these proposals stand; False, and nothing is changed, when one of
    them stands under another already, or is a proposal no more."""
    those = (f"id IN ({marks(list(directive_ids))}) AND txn_id IS NULL"
             " AND stage = 'proposed'")
    rows = yield f"SELECT count(*) AS total FROM directive WHERE {those}", list(directive_ids)
    if rows[0]["total"] != len(directive_ids):
        return False
    yield f"UPDATE directive SET txn_id = ? WHERE {those}", (txn_id, *directive_ids)
    return True


def correct(directive_id: int, finding: Finding) -> Unit[Directive]:
    """A proposal as staff read it. Raises Refused."""
    directive = yield from _staged(directive_id, "proposed")
    if finding.due_at is not None and finding.due_at <= directive.given_at:
        raise Refused(directive, "early")
    yield from _set(directive_id, addressees=_list(finding.to), action=finding.action,
                    due_at=finding.due_at, due_hour=int(finding.due_hour), cc=_list(finding.cc),
                    channel=finding.channel)
    return (yield from directives.one(directive_id))


def confirm(directive_id: int, year: int, charged: Sequence[Charged], by: By) -> Unit[Directive]:
    """The proposal is an order, with the year's next number, for these posts. Raises Refused."""
    directive = yield from _staged(directive_id, "proposed")
    rows = yield (
        "INSERT INTO directive_counter (year, last) VALUES (?, 1) ON CONFLICT (year) DO UPDATE"
        " SET last = directive_counter.last + 1 RETURNING last", (year,))
    serial = rows[0]["last"]
    number = ids.make_directive_number(year, serial)
    yield from _set(directive_id, stage="confirmed", number=number, year=year, serial=serial,
                    confirmed_at=by.at)
    for each in charged:
        yield from _charge(directive_id, each)
    return (yield from _acted(directive_id, "confirm", by, after=number, text=directive.action))


def dismiss(directive_id: int, text: str, by: By) -> Unit[Directive]:
    """The proposal is none. Raises Refused."""
    yield from _staged(directive_id, "proposed")
    yield from _set(directive_id, stage="dismissed")
    return (yield from _acted(directive_id, "dismiss", by, text=text))


# Followed


def assign(directive_id: int, post: str, to: Charged, by: By) -> Unit[Directive]:
    """Another post has it from now on instead of `post`, or as well when that is "". Raises
    Refused."""
    directive = yield from _staged(directive_id, "confirmed")
    if post:
        charge = _live(directive, post)
        yield from _end(charge.id, "withdrawn", by.at)
    known = directive.charge(to.post)
    if known and known.live:
        raise Refused(directive, "same", to.post)
    if known:
        yield ("UPDATE directive_charge SET state = 'open', ended_at = NULL, acknowledged_at = NULL"
               " WHERE id = ?", (known.id,))
    else:
        yield from _charge(directive_id, to)
    return (yield from _acted(directive_id, "assign", by, to.post, post or None, to.post,
                              to.holder))


def due(directive_id: int, due_at: int | None, hour: bool, words: str, by: By) -> Unit[Directive]:
    """Until when it is to be done, or without a date from now on. Raises Refused."""
    directive = yield from _staged(directive_id, "confirmed")
    if not directive.live:
        raise Refused(directive, "ended")
    if due_at is not None and due_at <= directive.given_at:
        raise Refused(directive, "early")
    yield from _set(directive_id, due_at=due_at, due_hour=int(hour))
    return (yield from _acted(directive_id, "due", by, "", _text(directive.due_at), _text(due_at),
                              words))


def move(directive_id: int, post: str, state: str, said_at: int, text: str, by: By
         ) -> Unit[Directive]:
    """How far a post has come, as it said at `said_at`: what was done in time counts as such,
    whenever staff note it. Raises Refused."""
    directive = yield from _staged(directive_id, "confirmed")
    charge = _live(directive, post)
    if charge.state == state:
        raise Refused(directive, "same", post)
    said_at = max(said_at, directive.given_at)
    if charge.acknowledged_at is None:
        yield ("UPDATE directive_charge SET acknowledged_at = ? WHERE id = ?",
               (said_at, charge.id))
    if state in LIVE:
        yield "UPDATE directive_charge SET state = ? WHERE id = ?", (state, charge.id)
    else:
        yield from _end(charge.id, state, said_at)
    return (yield from _acted(directive_id, "state", by, post, charge.state, state, text))


def withdraw(directive_id: int, post: str, text: str, by: By) -> Unit[Directive]:
    """Nothing is asked any more, of one post or of all. Raises Refused."""
    directive = yield from _staged(directive_id, "confirmed")
    if not directive.live:
        raise Refused(directive, "ended")
    for charge in ([_live(directive, post)] if post else directive.live):
        yield from _end(charge.id, "withdrawn", by.at)
    return (yield from _acted(directive_id, "withdraw", by, post, None, "withdrawn", text))


def escalate(directive_id: int, post: str, to: str, text: str, by: By) -> Unit[Directive]:
    """A post further up was told that this one has not complied. Raises Refused."""
    directive = yield from _staged(directive_id, "confirmed")
    charge = _live(directive, post)
    yield "UPDATE directive_charge SET escalated_to = ? WHERE id = ?", (to, charge.id)
    return (yield from _acted(directive_id, "escalate", by, post, charge.escalated_to or None, to,
                              text))


def note(directive_id: int, kind: str, post: str, text: str, by: By, after: str | None = None
         ) -> Unit[Directive]:
    """Write down what changes nothing: `remind`, `overdue` (`after`: of which date), `edited`,
    `deleted`."""
    return (yield from _acted(directive_id, kind, by, post, after=after, text=text))


# Underneath


def _staged(directive_id: int, stage: str) -> Unit[Directive]:
    directive = yield from directives.one(directive_id)
    if directive.stage != stage:
        raise not_confirmed(directive) if stage == "confirmed" else Refused(
            directive, directive.stage)
    return directive


def _live(directive: Directive, post: str) -> Charge:
    charge = directive.charge(post)
    if charge is None:
        raise Refused(directive, "no_charge", post)
    if not charge.live:
        raise Refused(directive, "ended", post)
    return charge


def _charge(directive_id: int, each: Charged) -> Unit[None]:
    yield (
        "INSERT INTO directive_charge (directive_id, post, district, holder, holder_mxid, state,"
        " words) VALUES (?, ?, ?, ?, ?, 'open', ?) ON CONFLICT (directive_id, post) DO NOTHING",
        (directive_id, each.post, each.district, each.holder, each.holder_mxid,
         directives.words_of(each.post, each.holder)))


def _end(charge_id: int, state: str, at: int) -> Unit[None]:
    yield ("UPDATE directive_charge SET state = ?, ended_at = ? WHERE id = ?",
           (state, at, charge_id))


def _set(directive_id: int, **values: Any) -> Unit[None]:
    columns = ", ".join(f"{name} = ?" for name in values)
    yield f"UPDATE directive SET {columns} WHERE id = ?", (*values.values(), directive_id)


def _act(directive_id: int, kind: str, by: By, post: str = "", before: str | None = None,
         after: str | None = None, text: str = "") -> Unit[None]:
    yield (
        "INSERT INTO directive_action (directive_id, post, kind, actor, actor_name, at,"
        " before_value, after_value, text, event_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (directive_id, post, kind, by.actor.mxid, by.actor.name, by.at, before, after, text,
         by.event_id or None))


def _acted(directive_id: int, kind: str, by: By, post: str = "", before: str | None = None,
           after: str | None = None, text: str = "") -> Unit[Directive]:
    yield from _act(directive_id, kind, by, post, before, after, text)
    return (yield from directives.one(directive_id))


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
