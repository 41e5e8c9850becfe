"""`!case assign`, `take`, `status`, `due`, `note`, `title`, `close`, `reopen`: work on a case."""
from __future__ import annotations

import re
from dataclasses import dataclass

from archive import cases, casework
from archive.cases import CASE_STATES, Case, Docket
from archive.db import Unit
from bot import dates, render, roles
from bot.commands import holders
from bot.commands.base import (
    Answer,
    Call,
    Card,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    ThreadNote,
    Tools,
)
from bot.commands.opening import TITLE_LONGEST
from bot.commands.which import find, only, which
from nlp import words as texts

_ME = ("me", "myself", "mine", "مجھے", "میں", "خود")


@dataclass(frozen=True)
class OnCase:
    """A case, and what is said on it."""

    which: Case | CaseNumber
    text: str
    user_id: str | None = None


def changed(docket: Docket, request: Request, words: str, name: str = "", after: str = ""
            ) -> list[Say]:
    """The short answer, the card as it stands now, and a word to those who watch the case."""
    case = docket.case
    text = f"{case.number} {words} {render.isolate(name)}".rstrip() + f"{after}."
    markup = (f"{render.case_link(case, request.server)} {words} <strong>{render.html(name)}"
              f"</strong>{render.html(after)}.") if name else (
        f"{render.case_link(case, request.server)} {words}{render.html(after)}.")
    return [Answer(text, markup), Card(docket), *_to_watchers(docket, request)]


def _to_watchers(docket: Docket, request: Request) -> list[Say]:
    others = tuple(mxid for mxid in docket.watchers if mxid != request.actor.mxid)
    if not others:
        return []
    last = docket.actions[-1]
    words = (f"{render.isolate(last.actor.name)} "
             f"{render.action_words(last, request, render.EXCERPT)}.")
    return [ThreadNote(docket.case, words, render.html(words), others)]


# assign, take


def parse_assign(call: Call, request: Request) -> OnCase:
    """A case, and a post or person: words, `me`, a Matrix id or a pill."""
    wanted = which(call, request, text_follows=True)
    holder = re.sub(r"^to\s+", "", texts.one_line(call.rest), flags=re.I)
    user_id = request.mentions[0] if len(request.mentions) == 1 else None
    if texts.fold(holder) in _ME:
        return OnCase(wanted, request.actor.name, request.actor.mxid)
    if holder.startswith("@") and ":" in holder and " " not in holder:
        user_id = holder
    holder = holder.lstrip("@").rstrip(":, ")
    if not holder:
        raise Mistake("To whom? Name a post or a person.", call.command)
    if len(holder) > TITLE_LONGEST:
        raise Mistake(f"A post or person has at most {TITLE_LONGEST} characters; write the rest "
                      f"as a note.", call.command)
    return OnCase(wanted, holder, user_id)


def parse_take(call: Call, request: Request) -> OnCase:
    """A case; the holder is who asks."""
    return OnCase(only(call, request), request.actor.name, request.actor.mxid)


async def do_assign(tools: Tools, request: Request, order: OnCase) -> Unit[tuple[Docket, str]]:
    """Hand it over: to a post of the directory under its full name, with its holder of today."""
    case = await find(tools, request, order.which)
    holder, today = order.text, ""
    if order.user_id is None:
        holder, today = await holders.of_today(tools, request, holder)
    if order.user_id and order.user_id.lstrip("@") == holder:  # an id in words: show the name
        holder = texts.one_line(await tools.matrix.display_name(case.room_id, order.user_id))

    def unit() -> Unit[tuple[Docket, str]]:
        return (yield from casework.assign(case.id, holder, order.user_id, request.actor,
                                           request.at, request.event_id)), today
    return unit()


def render_assign(facts: tuple[Docket, str], request: Request) -> list[Say]:
    """Who has it now."""
    docket, today = facts
    last = docket.actions[-1]
    return changed(docket, request, "is with", docket.case.holder or "", today + (
        f" (before: {render.isolate(last.before)})" if last.before else ""))


# status

STATES: dict[str, tuple[str, ...]] = {
    "open": ("open", "active", "in progress", "inprogress", "کھلا", "جاری"),
    "waiting": ("waiting", "wait", "waits", "pending", "hold", "on hold", "منتظر", "التوا"),
    "resolved": ("resolved", "solved", "حل", "حل شدہ"),
    "closed": ("closed", "close", "بند"),
}
_UNTIL = re.compile(r"\b(?:until|till|up ?to|by)\s+(.+)$|(\S.*\s)تک$", re.I | re.S)
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
    wanted, rest = which(call, request), texts.one_line(call.rest)
    if not rest:
        return Move(wanted)
    roles.needs(request, "staff", f"change how a case stands ({request.prefix}case status N STATE)")
    folded = texts.fold(rest)
    for state, words in STATES.items():
        word = next((w for w in sorted(words, key=len, reverse=True)
                     if folded == w or folded.startswith(w + " ")), None)
        if word:
            return _move(call, wanted, state, rest[len(word):].strip(" ,:"), request)
    raise Mistake(f"A case can be {', '.join(STATES)}; I do not know "
                  f"{texts.shorten(rest, 40)!r}.", call.command)


def _move(call: Call, wanted: Case | CaseNumber, state: str, rest: str, request: Request
          ) -> Move:
    if state != "waiting":
        return Move(wanted, state, texts.shorten(rest, texts.LONGEST))
    until = None
    if match := _UNTIL.search(rest):
        until = dates.read(match[1] or match[2], request, call.command).due_ms
        rest = rest[:match.start()].strip(" ,:")
    whom = texts.shorten(_FOR.sub("", rest).strip(), TITLE_LONGEST)
    said = ([f"for {whom}"] if whom else []) + (
        [f"until {render.when(until, request.zone)}"] if until else [])
    return Move(wanted, state, " ".join(said), whom or None, until)


async def do_status(tools: Tools, request: Request, move: Move) -> Unit[Docket]:
    """Move it, or only look."""
    case = await find(tools, request, move.which)
    if not move.state:
        return cases.docket_of(case.id)
    return casework.move(case.id, move.state, request.actor, request.at, request.event_id,
                         text=move.text, waiting_for=move.waiting_for,
                         waiting_until=move.waiting_until)


def render_status(docket: Docket, request: Request) -> list[Say]:
    """How it stands; the card too when that has just changed."""
    case, last = docket.case, docket.actions[-1]
    if last.kind in ("status", "close") and (last.at, last.actor) == (request.at, request.actor):
        return changed(docket, request, "is", after=f" {_standing(case, request)}")
    text = f"{case.number}: {_standing(case, request)}"
    return [Answer(f"{text}.", f"{render.case_link(case, request.server)}: "
                               f"{render.html(_standing(case, request))}.")]


def _standing(case: Case, request: Request) -> str:
    words = render.standing(case, request)
    return words[:1].lower() + words[1:]


# due


@dataclass(frozen=True)
class Due:
    """A case, and its date (Unix ms; None takes it away); `note` says what the calendar did."""

    which: Case | CaseNumber
    at: int | None
    words: str
    note: str = ""


_NO_DATE = ("none", "no", "never", "remove", "clear", "-", "نہیں", "ختم")


def parse_due(call: Call, request: Request) -> Due:
    """A case and a date, on the office's calendar."""
    wanted, words = _case_and_date(call, request)
    if texts.fold(words) in _NO_DATE:
        return Due(wanted, None, words)
    date = dates.read(words, request, call.command)
    return Due(wanted, date.due_ms, words, date.note)


def _case_and_date(call: Call, request: Request) -> tuple[Case | CaseNumber, str]:
    """In a case's thread a number may begin the date: `25 December` is one, `December` is none."""
    words, number = texts.one_line(call.rest), call.number
    if number and request.thread_case and words and not call.before_verb:
        whole = f"{number.text} {words}"
        if dates.is_date(whole, request) and not (
                dates.is_date(words, request) or texts.fold(words) in _NO_DATE):
            return request.thread_case, whole
    return which(call, request, text_follows=True), words


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
        return changed(docket, request, "has no date any more")
    was = f" (before: {render.when(int(last.before), request.zone)})" if last.before else ""
    return changed(docket, request, "is due", render.when(case.due_at, request.zone),
                   was + (f". {note.rstrip('.')}" if note else ""))


# note, title


def parse_note(call: Call, request: Request) -> OnCase:
    """A case and words."""
    wanted = which(call, request, text_follows=True)
    words = texts.clean(call.rest)
    if not words:
        raise Mistake("The note is empty.", call.command)
    if len(words) > texts.LONGEST:
        raise Mistake(f"A note has at most {texts.LONGEST} characters, and this has {len(words)}; "
                      "send the long text as a file.", call.command)
    return OnCase(wanted, words)


async def do_note(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Write it down."""
    case = await find(tools, request, order.which)
    return casework.note(case.id, order.text, request.actor, request.at, request.event_id)


def render_note(docket: Docket, request: Request) -> list[Say]:
    """That it is noted."""
    return changed(docket, request, "has the note")


def parse_title(call: Call, request: Request) -> OnCase:
    """A case and its new title."""
    wanted, title = which(call, request, text_follows=True), texts.one_line(call.rest)
    if not title:
        raise Mistake("What should it be called?", call.command)
    return OnCase(wanted, texts.shorten(title, TITLE_LONGEST))


async def do_title(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Call it so."""
    case = await find(tools, request, order.which)
    return casework.retitle(case.id, order.text, request.actor, request.at, request.event_id)


def render_title(docket: Docket, request: Request) -> list[Say]:
    """Its title."""
    return changed(docket, request, "is now called", docket.case.title)


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


def parse_close(call: Call, request: Request) -> OnCase:
    """A case, and perhaps how it was resolved: a word of RESOLUTIONS, and text."""
    wanted = which(call, request, text_follows=True)
    text = texts.clean(call.rest)
    first, _, rest = text.partition(" ")
    word = texts.fold(first).strip(",.:;،")
    for name, words in RESOLUTIONS.items():
        if word in words:
            text = f"{name}, {rest.strip()}" if rest.strip() else name
            break
    return OnCase(wanted, texts.shorten(text, texts.LONGEST))


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
    return OnCase(wanted, texts.shorten(texts.clean(call.rest), texts.LONGEST))


async def do_reopen(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Take it up again."""
    case = await find(tools, request, order.which)
    return casework.reopen(case.id, order.text, request.actor, request.at, request.event_id)


def render_reopen(docket: Docket, request: Request) -> list[Say]:
    """That it is open again."""
    return changed(docket, request, "is open again")


def refusal(refused: casework.Refused, request: Request) -> str:
    """The sentence for what cannot be done to a case as it stands."""
    case, prefix = refused.case, request.prefix
    how = f": {render.isolate(render.one(case.resolution))}" if case.resolution else ""
    at = render.when(case.closed_at or case.changed_at, request.zone)
    return {
        "closed": f"{case.number} is {case.status} already, since {at}{how}. "
                  f"{prefix}case reopen {case.number} takes it up again.",
        "merged": f"{case.number} is part of another case now: say it there, or undo that with "
                  f"{prefix}case unmerge {case.number}.",
        "move": f"{case.number} is {case.status} and cannot become that; {_moves(case)}.",
        "same": f"{case.number} is {case.status} already.",
        "open": f"{case.number} is open: there is nothing to take up again.",
        "not_merged": f"{case.number} is not part of another case.",
        "itself": f"{case.number} cannot be merged into itself.",
        "on_file": f"That message lies on the file of {case.number} already.",
        "not_on_file": f"That message does not lie on the file of {case.number}.",
    }[refused.why]


def _moves(case: Case) -> str:
    ways = cases.MOVES[case.status]
    return f"it can become {' or '.join(ways)}" if ways else "nothing follows it"


assert set(STATES) | {"new", "merged"} == set(CASE_STATES)

WORK_COMMANDS = [
    Command("case assign", "N POST|PERSON",
            'Hands the case to a post or a person; "me" is you.',
            ("give", "سپرد", "حوالے"), parse_assign, do_assign, render_assign,
            takes_number=True, examples=("case assign 42 DEO Sibi", "case assign 42 me")),
    Command("case take", "N",
            "The case is yours from now on.",
            ("mine", "لے", "میرا"), parse_take, do_assign, render_assign,
            takes_number=True, examples=("case take 42",)),
    Command("case status", "N [open|waiting [for WHOM] [until DATE]|resolved|closed]",
            "How the case stands, in one line; or moves it on.",
            ("state", "move", "حالت", "صورتحال"), parse_status, do_status, render_status,
            takes_number=True, role="viewer",
            examples=("case status 42", "case status 42 waiting for DC Kech until Thursday")),
    Command("case due", "N DATE|none",
            "Until when it is to be done, on the office's calendar: what falls on a holiday moves "
            "to the next working day.",
            ("deadline", "date", "میعاد", "مقررہ"), parse_due, do_due, render_due,
            takes_number=True, examples=("case due 42 Monday", "case due 42 3 working days",
                                         "case due 42 پیر")),
    Command("case note", "N TEXT",
            "Writes a note on the docket; it does not leave for WhatsApp.",
            ("comment", "remark", "نوٹ"), parse_note, do_note, render_note,
            takes_number=True, examples=('case note 42 "DEO called, visits tomorrow"',)),
    Command("case title", "N TITLE",
            "Gives the case another title.",
            ("rename", "عنوان"), parse_title, do_title, render_title,
            takes_number=True, examples=("case title 42 Salary of the absent teacher",)),
    Command("case close", "N [RESOLUTION [TEXT]]",
            "Closes the case, with how it ended: done, partly, refused, duplicate, referred, "
            "invalid, or in your own words.",
            ("finish", "بند"), parse_close, do_close, render_close,
            takes_number=True, examples=("case close 42 school open again",
                                         "case close 42 done teacher is back")),
    Command("case reopen", "N [WHY]",
            "Takes up again what was resolved or closed.",
            ("again", "دوبارہ"), parse_reopen, do_reopen, render_reopen,
            takes_number=True, examples=("case reopen 42 closed again since Monday",)),
]
