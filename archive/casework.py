"""What is done to a case: every function is a unit that changes it, writes an action that says who,
when, before and after, and gives the docket as it stands then.

An action's event id is the command's: what came twice is done once.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archive import cases, ids
from archive.cases import MOVES, Actor, Case, Docket, Paper
from archive.db import Unit


class Refused(Exception):
    """The case cannot be changed so as it stands; `why`: closed, merged, move, not_merged, itself,
    on_file, not_on_file, same, held, marked, not_marked, open. `into`: the case that a merged one
    is part of."""

    def __init__(self, case: Case, why: str, into: Case | None = None) -> None:
        super().__init__(f"{case.number}: {why}")
        self.case = case
        self.why = why
        self.into = into


# Opening


def open_case(
    *, department: str, year: int, title: str, text: str, room_id: str, actor: Actor, at: int,
    event_id: str, card_txn: str, papers: Sequence[Paper] = (), schools: Sequence[str] = (),
    district: str | None = None,
) -> Unit[Docket]:
    """Open a case with the year's next number. `text` is the full title as given, `event_id` what
    it was opened with: the same event opens one case, however often it comes."""
    rows = yield "SELECT id FROM case_file WHERE open_event = ?", (event_id,)
    if rows:
        return (yield from cases.docket_of(rows[0]["id"]))
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
        " opened_by, opened_by_name, opened_at, open_event, card_txn, district, changed_at)"
        " VALUES (?, ?, ?, ?, ?, 'new', ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (number, department, year, serial, title, room_id, chat_id, actor.mxid, actor.name, at,
         event_id, card_txn, district, at))
    case_id = rows[0]["id"]
    for paper in papers:
        yield from _put_paper(case_id, paper, actor, at)
    for school in schools:
        yield from _mark(case_id, "school", school)
    return (yield from _acted(case_id, "open", actor, at, None, "new", text, event_id))


# Who has it, how it stands, until when


def assign(case_id: int, holder: str | None, holder_mxid: str | None, actor: Actor, at: int,
           event_id: str) -> Unit[Docket]:
    """Hand the case to a post or person, or to nobody; a new one is open from then on. Raises
    Refused."""
    case = yield from _active(case_id)
    if (case.holder, case.holder_mxid) == (holder, holder_mxid):
        raise Refused(case, "held")
    status = "open" if case.status == "new" else case.status
    yield from _set(case_id, holder=holder, holder_mxid=holder_mxid, status=status)
    return (yield from _acted(case_id, "assign", actor, at, case.holder, holder, "", event_id))


def move(case_id: int, status: str, actor: Actor, at: int, event_id: str, *, text: str = "",
         waiting_for: str | None = None, waiting_until: int | None = None) -> Unit[Docket]:
    """Move the case to another state (cases.MOVES); `text` is what is said of it. A case may wait
    anew, for somebody else. Raises Refused."""
    case = yield from _unmerged(case_id)
    again = status == case.status == "waiting"
    if not again and status == case.status:
        raise Refused(case, "closed" if status == "closed" else "same")
    if not again and status not in MOVES[case.status]:
        raise Refused(case, "closed" if case.status in ("closed", "resolved") else "move")
    ends = status in ("resolved", "closed")
    yield from _set(case_id, status=status, waiting_for=waiting_for, waiting_until=waiting_until,
                    closed_at=at if status == "closed" else None,
                    resolution=(text or case.resolution) if ends else case.resolution)
    kind = "close" if status == "closed" else "status"
    return (yield from _acted(case_id, kind, actor, at, case.status, status, text, event_id))


def close(case_id: int, resolution: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Close the case; `resolution` may be empty. Raises Refused."""
    return (yield from move(case_id, "closed", actor, at, event_id, text=resolution))


def reopen(case_id: int, text: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Take a resolved or closed case up again. Raises Refused."""
    case = yield from _unmerged(case_id)
    if case.active:
        raise Refused(case, "open")
    yield from _set(case_id, status="open", closed_at=None, resolution=None)
    return (yield from _acted(case_id, "reopen", actor, at, case.status, "open", text, event_id))


def due(case_id: int, due_at: int | None, words: str, actor: Actor, at: int,
        event_id: str) -> Unit[Docket]:
    """Set the date until which it is to be done, or take it away; `words`: the date as people read
    it. Raises Refused."""
    case = yield from _active(case_id)
    before = None if case.due_at is None else str(case.due_at)
    after = None if due_at is None else str(due_at)
    yield from _set(case_id, due_at=due_at)
    return (yield from _acted(case_id, "due", actor, at, before, after, words, event_id))


def note(case_id: int, text: str, actor: Actor, at: int, event_id: str,
         kind: str = "note") -> Unit[Docket]:
    """Write a note on the docket (`kind`: or a letter, an answer, an export). Closed cases take
    notes too; of one that is part of another only exports are noted. Raises Refused."""
    if kind != "export":
        yield from _unmerged(case_id)
    return (yield from _acted(case_id, kind, actor, at, None, None, text, event_id))


# What it is about


def retitle(case_id: int, title: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Give it another title. Raises Refused."""
    case = yield from _unmerged(case_id)
    yield from _set(case_id, title=title)
    return (yield from _acted(case_id, "title", actor, at, case.title, title, "", event_id))


def put(case_id: int, field: str, value: str | None, actor: Actor, at: int,
        event_id: str) -> Unit[Docket]:
    """Set `field`: district, priority or classification. Raises Refused."""
    kinds = {"district": "district", "priority": "priority", "classification": "classify"}
    kind = kinds[field]
    case = yield from _unmerged(case_id)
    yield from _set(case_id, **{field: value})
    return (yield from _acted(
        case_id, kind, actor, at, getattr(case, field), value, "", event_id))


def mark(case_id: int, kind: str, values: Sequence[str], actor: Actor, at: int,
         event_id: str) -> Unit[Docket]:
    """Add tags, schools or watchers (`kind` of cases.MARKS). Raises Refused when all are there."""
    case = yield from _unmerged(case_id)
    if set(values) <= (yield from _marked(case_id, kind)):
        raise Refused(case, "marked")
    for value in values:
        yield from _mark(case_id, kind, value)
    action = "watch" if kind == "watcher" else kind
    return (yield from _acted(case_id, action, actor, at, None, ", ".join(values), "", event_id))


def unmark(case_id: int, kind: str, values: Sequence[str], actor: Actor, at: int,
           event_id: str) -> Unit[Docket]:
    """Take tags, schools or watchers away. Raises Refused when none of them is there."""
    case = yield from _unmerged(case_id)
    if not set(values) & (yield from _marked(case_id, kind)):
        raise Refused(case, "not_marked")
    for value in values:
        yield "DELETE FROM case_mark WHERE case_id = ? AND kind = ? AND value = ?", (
            case_id, kind, value)
    action = "unwatch" if kind == "watcher" else f"un{kind}"
    return (yield from _acted(case_id, action, actor, at, ", ".join(values), None, "", event_id))


# Papers


def link(case_id: int, paper: Paper, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Put a message on the file. Raises Refused when it lies there."""
    case = yield from _unmerged(case_id)
    docket = yield from cases.docket_of(case_id)
    if any(lying.event_id == paper.event_id for lying in docket.papers):
        raise Refused(case, "on_file")
    yield from _put_paper(case_id, paper, actor, at)
    return (yield from _acted(
        case_id, "link", actor, at, None, paper.event_id, paper.excerpt[:200], event_id))


def unlink(case_id: int, paper_event: str, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Take a message off the file; the books keep that it lay there. Raises Refused."""
    case = yield from _unmerged(case_id)
    docket = yield from cases.docket_of(case_id)
    paper = next((lying for lying in docket.papers if lying.event_id == paper_event), None)
    if paper is None:
        raise Refused(case, "not_on_file")
    for each in (docket.case, *docket.merged):
        yield ("UPDATE case_paper SET removed_at = ? WHERE case_id = ? AND event_id = ?"
               " AND removed_at IS NULL", (at, each.id, paper_event))
    return (yield from _acted(
        case_id, "unlink", actor, at, paper_event, None, paper.excerpt[:200], event_id))


# Two that are one, one that is two


def merge(case_id: int, into_id: int, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Make a case part of another, which shows its papers from then on; nothing is moved, so that
    it can be undone. Gives the docket of the other. Raises Refused."""
    case = yield from _unmerged(case_id)
    into = yield from _unmerged(into_id)
    if case_id == into_id:
        raise Refused(case, "itself")
    yield from _set(case_id, status="merged", merged_into=into_id)
    yield from _act(case_id, "merge", actor, at, case.status, into.number, "", event_id)
    return (yield from _acted(into_id, "merge", actor, at, case.number, None, "", event_id))


def unmerge(case_id: int, actor: Actor, at: int, event_id: str) -> Unit[Docket]:
    """Undo a merging: the case stands again as it stood. Raises Refused."""
    case = yield from cases.one(case_id)
    if case.merged_into is None:
        raise Refused(case, "not_merged")
    rows = yield ("SELECT before_value FROM case_action WHERE case_id = ? AND kind = 'merge'"
                  " AND after_value IS NOT NULL ORDER BY id DESC LIMIT 1", (case_id,))
    into = yield from cases.one(case.merged_into)
    yield from _set(case_id, status=rows[0]["before_value"], merged_into=None)
    yield from _acted(into.id, "unmerge", actor, at, case.number, None, "", event_id)
    return (yield from _acted(
        case_id, "unmerge", actor, at, into.number, rows[0]["before_value"], "", event_id))


def split(case_id: int, new: Docket, paper_events: Sequence[str], actor: Actor, at: int,
          event_id: str) -> Unit[Docket]:
    """Papers of one case have become the case `new`: they leave the first. Gives the docket of the
    new one."""
    yield from _unmerged(case_id)
    old = yield from cases.docket_of(case_id)
    for each in (old.case, *old.merged):
        for paper in paper_events:
            yield ("UPDATE case_paper SET removed_at = ? WHERE case_id = ? AND event_id = ?"
                   " AND removed_at IS NULL", (at, each.id, paper))
    yield from _acted(case_id, "split", actor, at, None, new.case.number, "", event_id)
    return (yield from _acted(
        new.case.id, "split", actor, at, old.case.number, None, "", event_id))


def set_card(card_txn: str, event_id: str) -> Unit[None]:
    """Note the event that the homeserver made of a case's card; of anything else: nothing."""
    yield "UPDATE case_file SET card_event = ? WHERE card_txn = ?", (event_id, card_txn)


# Underneath


def _unmerged(case_id: int) -> Unit[Case]:
    case = yield from cases.one(case_id)
    if case.merged_into is not None:
        raise Refused(case, "merged", (yield from cases.one(case.merged_into)))
    return case


def _active(case_id: int) -> Unit[Case]:
    case = yield from _unmerged(case_id)
    if not case.active:
        raise Refused(case, "closed")
    return case


def _set(case_id: int, **values: Any) -> Unit[None]:
    columns = ", ".join(f"{name} = ?" for name in values)
    yield f"UPDATE case_file SET {columns} WHERE id = ?", (*values.values(), case_id)


def _mark(case_id: int, kind: str, value: str) -> Unit[None]:
    yield ("INSERT INTO case_mark (case_id, kind, value) VALUES (?, ?, ?)"
           " ON CONFLICT (case_id, kind, value) DO NOTHING", (case_id, kind, value))


def _marked(case_id: int, kind: str) -> Unit[set[str]]:
    rows = yield ("SELECT value FROM case_mark WHERE case_id = ? AND kind = ?", (case_id, kind))
    return {row["value"] for row in rows}


def _put_paper(case_id: int, paper: Paper, actor: Actor, at: int) -> Unit[None]:
    """Put a message on the file; its record is looked up. One that was taken off comes back."""
    rows = yield "SELECT record_id FROM matrix_event WHERE event_id = ?", (paper.event_id,)
    record_id = rows[0]["record_id"] if rows else paper.record_id
    yield (
        "INSERT INTO case_paper (case_id, event_id, record_id, sender, sender_name, sent_at,"
        " added_by, added_at, excerpt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (case_id, event_id) DO UPDATE SET removed_at = NULL",
        (case_id, paper.event_id, record_id, paper.sender, paper.sender_name, paper.sent_at,
         actor.mxid, at, paper.excerpt))


def _act(case_id: int, kind: str, actor: Actor, at: int, before: str | None, after: str | None,
         text: str, event_id: str) -> Unit[None]:
    yield (
        "INSERT INTO case_action (case_id, kind, actor, actor_name, at, before_value, after_value,"
        " text, event_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (case_id, kind, actor.mxid, actor.name, at, before, after, text, event_id))


def _acted(case_id: int, kind: str, actor: Actor, at: int, before: str | None, after: str | None,
           text: str, event_id: str) -> Unit[Docket]:
    """Write the action down, renew what the case is found by, and give the docket."""
    yield from _act(case_id, kind, actor, at, before, after, text, event_id)
    yield "UPDATE case_file SET changed_at = ? WHERE id = ?", (at, case_id)
    docket = yield from cases.docket_of(case_id)
    words = cases.words_of(docket.case, docket.tags, docket.schools)
    yield "UPDATE case_file SET words = ? WHERE id = ?", (words, case_id)
    return docket
