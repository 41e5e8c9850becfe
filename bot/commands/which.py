"""Which case is meant: its number, or the thread's own; and what is said of it."""
from __future__ import annotations

import re

from archive import cases, casework
from archive.cases import Case
from bot import parse as grammar
from bot import render
from bot.commands.base import Call, CaseNumber, Mistake, Request, Tools, Unclear
from nlp import words as texts

# Words between a case and what it becomes: `priority 42 to high`, `close 42 as done`.
_BETWEEN = re.compile(r"^(?:(?:to|as|is|with)\s+|(?:=|->|→|:)\s*)+", re.I)
_POLITE = re.compile(r"[,.\s]*\b(?:please|pls|plz|sir|madam)\b[.!]*$", re.I)


def which(call: Call, request: Request, text_follows: bool = False) -> Case | CaseNumber:
    """The case a command is about: its number, or the thread's. Raises Mistake when no case is
    named, and Unclear when in a thread a number may just as well be part of the text."""
    number, own = call.number, request.thread_case
    if number is None:
        if own is None:
            raise Mistake("Which case? Give its number; only in a case's thread it may be left "
                          "out.", call.command)
        return own
    if text_follows and call.rest and may_be_text(call, request):
        verb = call.command.name.split()[-1]
        alone, whole = render.isolate(call.rest), render.isolate(call.said)
        raise Unclear(
            f"Is {number.text} the case or part of the text?", [
                (f"case {number.text}: {alone}", f"case {number.text} {verb} {call.rest}"),
                (f"this thread's {own.number}: {whole}",
                 f"case {own.number} {verb} {call.said}")])
    return number


def may_be_text(call: Call, request: Request) -> bool:
    """Whether the number may just as well be part of the text: a plain one after the verb, in a
    case's thread."""
    number, own = call.number, request.thread_case
    return (number is not None and own is not None and not call.before_verb
            and number.year is None and not number.text.startswith("0"))


def polite(text: str) -> str:
    """The text without `please` at its end."""
    return _POLITE.sub("", text).strip()


def value(call: Call) -> str:
    """What something is to become, in one line: `to high`, `as high please` and `= high` say
    `high`; quotes around it are taken off."""
    return grammar.unquote(polite(_BETWEEN.sub("", texts.one_line(call.rest))))


def only(call: Call, request: Request) -> Case | CaseNumber:
    """The same, for a command that takes nothing else."""
    if polite(call.rest):
        raise Mistake(f"{request.prefix}{call.command.name} takes a case number and nothing else.",
                      call.command)
    return which(call, request)


async def find(tools: Tools, request: Request, wanted: Case | CaseNumber) -> Case:
    """The case, when the person who asks may see it. Raises Mistake."""
    if isinstance(wanted, Case):
        return wanted
    department = wanted.department or request.department
    found = await cases.find(tools.db, department, wanted.serial, wanted.year)
    if found is None:
        raise Mistake(f"There is no case {wanted.text or wanted.serial}. "
                      f"{request.prefix}case list all shows the cases of this room.")
    if found.room_id != request.room_id and not await tools.matrix.is_joined(
            found.room_id, request.actor.mxid):
        raise Mistake(f"{found.number} belongs to a room that you are not in.")
    return found


async def find_apart(tools: Tools, request: Request, wanted: Case | CaseNumber) -> Case:
    """The same, when it is not part of another case. Raises Mistake, and Refused."""
    case = await find(tools, request, wanted)
    if case.merged_into is not None:
        raise casework.Refused(case, "merged", await cases.by_id(tools.db, case.merged_into))
    return case
