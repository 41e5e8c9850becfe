"""`!case status`, `due`, `close`, `reopen`: how a case stands, and until when."""
from __future__ import annotations

import re
from dataclasses import dataclass

from archive import cases, casework
from archive.cases import CASE_STATES, Case, Docket
from archive.db import Unit
from bot import dates, render, roles
from bot.commands.base import (
    Answer,
    Call,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    ThreadNote,
    Tools,
)
from bot.commands.opening import TITLE_LONGEST
from bot.commands.which import find, may_be_text, value, which
from bot.commands.work import OnCase, changed
from nlp import words as texts

# status

STATES: dict[str, tuple[str, ...]] = {
    "open": ("open", "active", "in progress", "inprogress", "کھلا", "جاری"),
    "waiting": ("waiting", "wait", "waits", "pending", "hold", "on hold", "منتظر", "التوا"),
    "resolved": ("resolved", "solved", "حل", "حل شدہ"),
    "closed": ("closed", "close", "بند"),
}
_WORDS_OF_UNTIL = re.compile(r"\b(?:until|till|up ?to|by)\s|\sتک$", re.I)
_UNTIL = re.compile(
    r"\b(?:until|till|up ?to|by)\s+(.+?)(?=\s+for\s|$)|(?:.*(?:کے لیے|کا|کی)\s+)?(\S.*)\sتک$",
    re.I | re.S)
_FOR = re.compile(r"^(?:for|on)\s+|\s*(?:کے لیے|کا|کی)$", re.I)


@dataclass(frozen=True)
class Move:
    """A state, and for waiting: for whom, and until when (Unix ms). No state: only ask."""

    which: Case | CaseNumber
    state: str = ""
    text: str = ""
    waiting_for: str | None = None
    waiting_until: int | None = None


def parse_status(call: Call, request: Request) -> Move:
    """Nothing (how does it stand?), or a state and what belongs to it."""
    # `resolved 12 rooms …`: the state stands in the verb, and a number may be text
    meant = call.said.startswith(("waiting", "resolved"))
    wanted, rest = which(call, request, text_follows=meant), value(call)
    if not rest:
        return Move(wanted)
    roles.needs(request, "staff", f"change how a case stands ({request.prefix}case status N STATE)")
    folded = texts.fold(rest)
    for state, words in STATES.items():
        word = next((w for w in sorted(words, key=len, reverse=True)
                     if folded == w or folded.startswith(w + " ")), None)
        if word:
            return _move(call, wanted, state, rest[len(word):].strip(" ,:"), request)
    if outcome(rest).partition(":")[0] in RESOLUTIONS:  # `mark 42 as done`
        return _move(call, wanted, "closed", rest, request)
    raise Mistake(f"A case can be {', '.join(list(STATES)[:-1])} or closed; I do not know "
                  f"“{render.isolate(texts.shorten(rest, 40))}”.", call.command)


def _move(call: Call, wanted: Case | CaseNumber, state: str, rest: str, request: Request
          ) -> Move:
    if state != "waiting":
        text = outcome(rest) if state in ("resolved", "closed") else rest
        return Move(wanted, state, texts.shorten(text, texts.LONGEST))
    until = None
    if match := _UNTIL.search(rest):
        said = 1 if match[1] else 2
        until = dates.read(match[said], request, call.command).due_ms
        rest = f"{rest[:match.start(said)]} {rest[match.end(said):]}"
        rest = _WORDS_OF_UNTIL.sub(" ", rest).strip(" ,:")
    whom = _FOR.sub("", _FOR.sub("", rest)).strip()
    return Move(wanted, state, "", texts.shorten(whom, TITLE_LONGEST) or None, until)


async def do_status(tools: Tools, request: Request, move: Move) -> Unit[Docket]:
    """Move it, or only look."""
    case = await find(tools, request, move.which)
    if not move.state:
        return cases.docket_of(case.id)
    text = move.text
    if move.state == "waiting":  # the docket keeps for whom and until when, also when it is over
        text = " ".join(filter(None, (
            move.waiting_for and f"for {move.waiting_for}",
            move.waiting_until and f"until {render.when(move.waiting_until, request.zone)}")))
    return casework.move(case.id, move.state, request.actor, request.at, request.event_id,
                         text=text, waiting_for=move.waiting_for,
                         waiting_until=move.waiting_until)


def render_status(docket: Docket, request: Request) -> list[Say]:
    """How it stands; the card too when that has just changed."""
    case, last = docket.case, docket.actions[-1]
    if last.kind in ("status", "close") and (last.at, last.actor) == (request.at, request.actor):
        if case.status == "closed":
            return render_close(docket, request)
        return changed(docket, request, "is", after=f" {render.standing_within(case, request)}")
    text = f"{case.number}: {render.standing_within(case, request)}"
    return [Answer(f"{text}.", f"{render.case_link(case, request.server)}: "
                               f"{render.html(render.standing_within(case, request))}.")]


# due


@dataclass(frozen=True)
class Due:
    """A case, and its date (Unix ms; None takes it away); `note` says what the calendar did."""

    which: Case | CaseNumber
    at: int | None
    words: str
    note: str = ""


_NO_DATE = ("none", "no date", "without date", "no", "never", "remove", "clear", "-", "نہیں", "ختم")


def parse_due(call: Call, request: Request) -> Due:
    """A case and a date, on the office's calendar."""
    wanted, words = _dated(call, request)
    if texts.fold(words) in _NO_DATE:
        return Due(wanted, None, words)
    date = dates.read(words, request, call.command)
    return Due(wanted, date.due_ms, words, date.note)


def _dated(call: Call, request: Request) -> tuple[Case | CaseNumber, str]:
    """The case, and the words of its date. In a case's thread `12 December` and `25` are dates of
    that case: the number counts as a case only when the words are a date without it."""
    own = request.thread_case
    if own and may_be_text(call, request):
        said = texts.one_line(call.said)
        with_number, without = (dates.is_one(words, request) for words in (said, value(call)))
        if with_number and not without:
            return own, said
        if without and not with_number:
            return which(call, request), value(call)
    return which(call, request, text_follows=True), value(call)


async def do_due(tools: Tools, request: Request, due: Due) -> Unit[tuple[Docket, str]]:
    """Set the date."""
    case = await find(tools, request, due.which)

    def unit() -> Unit[tuple[Docket, str]]:
        docket = yield from casework.due(
            case.id, due.at, due.words, request.actor, request.at, request.event_id)
        return docket, due.note
    return unit()


def render_due(facts: tuple[Docket, str], request: Request) -> list[Say]:
    """Until when, and what the calendar did to the date that was asked for."""
    docket, note = facts
    case, last = docket.case, docket.actions[-1]
    if case.due_at is None:
        return changed(docket, request, f"has no date{' any more' if last.before else ''}")
    was = f" (before: {render.when(int(last.before), request.zone)})" if last.before else ""
    return changed(docket, request, "is due", render.when(case.due_at, request.zone),
                   was + (f". {note.rstrip('.')}" if note else ""))


# close, reopen

# Ways in which a matter ends, as the first word of a resolution.
RESOLUTIONS: dict[str, tuple[str, ...]] = {
    "done": ("done", "resolved", "relief", "granted", "مکمل", "حل"),
    "partly done": ("partly", "partial", "جزوی"),
    "refused": ("refused", "rejected", "regretted", "مسترد"),
    "duplicate": ("duplicate", "double", "دہرا"),
    "sent elsewhere": ("referred", "transferred", "forwarded", "منتقل"),
    "no matter of ours": ("invalid", "wrong", "غلط"),
}


_AS = re.compile(r"^(?:(?:as|because|since|and|with|it is|is)\s+|[=:]\s*)+", re.I)


def parse_close(call: Call, request: Request) -> OnCase:
    """A case, and perhaps how it was resolved: a word of RESOLUTIONS, and text."""
    wanted = which(call, request, text_follows=True)
    return OnCase(wanted, texts.shorten(outcome(call.rest), texts.LONGEST))


def outcome(said: str) -> str:
    """How a matter ended: `as done, teacher is back` is `done: teacher is back`."""
    text = _AS.sub("", texts.clean(said))
    for name, words in RESOLUTIONS.items():
        for word in (name, *words):
            after = text[len(word):]
            if texts.fold(text[:len(word)]) == word and not after[:1].isalnum():
                rest = _AS.sub("", after.strip(" -–—.:;,،۔\n"))
                return f"{name}, {rest}" if rest else name
    return text


async def do_close(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Close it."""
    case = await find(tools, request, order.which)
    return casework.close(case.id, order.text, request.actor, request.at, request.event_id)


def render_close(docket: Docket, request: Request) -> list[Say]:
    """That it is closed, and in its thread what became of it."""
    text, markup = render.closing_summary(docket, request)
    return [*changed(docket, request, "is closed"), ThreadNote(docket.case, text, markup)]


def parse_reopen(call: Call, request: Request) -> OnCase:
    """A case, and perhaps why."""
    wanted = which(call, request, text_follows=True)
    return OnCase(wanted, texts.shorten(_AS.sub("", texts.clean(call.rest)), texts.LONGEST))


async def do_reopen(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Take it up again."""
    case = await find(tools, request, order.which)
    return casework.reopen(case.id, order.text, request.actor, request.at, request.event_id)


def render_reopen(docket: Docket, request: Request) -> list[Say]:
    """That it is open again."""
    return changed(docket, request, "is open again")


assert set(STATES) | {"new", "merged"} == set(CASE_STATES)

STATE_COMMANDS = [
    Command("case status", "N [open|waiting [for WHOM] [until DATE]|resolved|closed]",
            "How the case stands, in one line; or moves it on.",
            ("state", "move", "حالت", "صورتحال"), parse_status, do_status, render_status,
            takes_number=True, role="viewer",
            examples=("case status 42", "case status 42 waiting for DC Kech until Thursday")),
    Command("case due", "N DATE|none",
            "Until when it is to be done, on the office's calendar: what falls on a holiday moves "
            "to the next working day.",
            ("deadline", "date", "میعاد", "مقررہ", "تاریخ"), parse_due, do_due, render_due,
            takes_number=True, examples=("case due 42 Monday", "case due 42 3 working days",
                                         "case due 42 پیر")),
    Command("case close", "N [RESOLUTION [TEXT]]",
            "Closes the case, with how it ended: done, partly, refused, duplicate, referred, "
            "invalid, or in your own words.",
            ("finish", "بند", "کلوز"), parse_close, do_close, render_close,
            takes_number=True, examples=("case close 42 school open again",
                                         "case close 42 done teacher is back")),
    Command("case reopen", "N [WHY]",
            "Takes up again what was resolved or closed.",
            ("again", "دوبارہ"), parse_reopen, do_reopen, render_reopen,
            takes_number=True, examples=("case reopen 42 closed again since Monday",)),
]
