"""`!case note`, `title`: words on a case; and what every command that changes a case says."""
from __future__ import annotations

import re
from dataclasses import dataclass

from archive import cases, casework
from archive.cases import Action, Case, Docket
from archive.db import Unit
from bot import render
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
from bot.commands.which import find, value, which
from nlp import words as texts

MOMENT_MS = 120_000  # so long ago was a moment before
MANY = 3  # actions of one command that those who watch are told
_QUIET = ("open", "watch", "unwatch", "export")  # takes nothing from what somebody else does


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
    after += f".{_just_before(docket, request)}"
    text = f"{case.number} {words} {render.isolate(name)}".rstrip() + after
    markup = (f"{render.case_link(case, request.server)} {words} <strong>{render.html(name)}"
              f"</strong>{render.html(after)}") if name else (
        f"{render.case_link(case, request.server)} {words}{render.html(after)}")
    return [Answer(text, markup), Card(docket), *_to_watchers(docket, request)]


def _is_own(action: Action, request: Request) -> bool:
    """Whether an action is the command's own; it may have several."""
    return action.at == request.at and action.actor.mxid == request.actor.mxid


def _just_before(docket: Docket, request: Request) -> str:
    """What somebody else did to the case while this was being typed: who comes second sees it."""
    others = [action for action in docket.actions if not _is_own(action, request)]
    before = others[-1] if others else None
    if (before is None or before.actor.mxid == request.actor.mxid or before.kind in _QUIET
            or request.at - before.at > MOMENT_MS):
        return ""
    return (f" A moment before, {render.isolate(before.actor.name)} "
            f"{render.action_words(before, request, render.EXCERPT)}.")


def _to_watchers(docket: Docket, request: Request) -> list[Say]:
    others = tuple(mxid for mxid in docket.watchers if mxid != request.actor.mxid)
    if not others:
        return []
    own = [action for action in docket.actions if _is_own(action, request)][-MANY:]
    words = (f"{render.isolate(request.actor.name)} " + " and ".join(
        render.action_words(action, request, render.EXCERPT) for action in own) + ".")
    return [ThreadNote(docket.case, words, render.html(words), others)]


# note, title


def parse_note(call: Call, request: Request) -> OnCase:
    """A case and words."""
    wanted = which(call, request, text_follows=True)
    words = re.sub(r"^that\s+", "", texts.clean(call.rest), flags=re.I)
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
    wanted, title = which(call, request, text_follows=True), value(call)
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


def refusal(refused: casework.Refused, request: Request) -> str:
    """The sentence for what cannot be done to a case as it stands."""
    case, prefix = refused.case, request.prefix
    how = f": {render.isolate(render.one(case.resolution))}" if case.resolution else ""
    at = render.when(case.closed_at or case.changed_at, request.zone)
    return {
        "closed": f"{case.number} is {case.status} already, since {at}{how}. "
                  f"{prefix}case reopen {case.number} takes it up again.",
        "merged": f"{case.number} is part of "
                  f"{refused.into.number if refused.into else 'another case'} now: say it there, "
                  f"or undo that with {prefix}case unmerge {case.number}.",
        "move": f"{case.number} is {case.status} and cannot become that; {_moves(case)}.",
        "same": f"{case.number} is {case.status} already.",
        "held": f"{case.number} is with "
                f"{render.isolate(render.one(case.holder)) or 'nobody'} already.",
        "marked": f"{case.number} is marked so already.",
        "not_marked": f"{case.number} is not marked so.",
        "open": f"{case.number} is open: there is nothing to take up again.",
        "not_merged": f"{case.number} is not part of another case.",
        "itself": f"{case.number} cannot be merged into itself.",
        "on_file": f"That message lies on the file of {case.number} already.",
        "not_on_file": f"That message does not lie on the file of {case.number}.",
    }[refused.why]


def _moves(case: Case) -> str:
    ways = cases.MOVES[case.status]
    return f"it can become {' or '.join(ways)}" if ways else "nothing follows it"


WORK_COMMANDS = [
    Command("case note", "N TEXT",
            "Writes a note on the docket; it does not leave for WhatsApp.",
            ("comment", "remark", "نوٹ"), parse_note, do_note, render_note,
            takes_number=True, examples=('case note 42 "DEO called, visits tomorrow"',)),
    Command("case title", "N TITLE",
            "Gives the case another title.",
            ("rename", "عنوان"), parse_title, do_title, render_title,
            takes_number=True, examples=("case title 42 Salary of the absent teacher",)),
]
