"""Which case is meant: its number, or the thread's own."""
from __future__ import annotations

from archive import cases
from archive.cases import Case
from bot.commands.base import Call, CaseNumber, Mistake, Request, Tools, Unclear


def which(call: Call, request: Request, text_follows: bool = False) -> Case | CaseNumber:
    """The case a command is about: its number, or the thread's. Raises Mistake when no case is
    named, and Unclear when in a thread a number may just as well be part of the text."""
    number, own = call.number, request.thread_case
    if number is None:
        if own is None:
            raise Mistake("Which case? Give its number; only in a case's thread it may be left "
                          "out.", call.command)
        return own
    plain = number.year is None and not number.text.startswith("0")
    if own and plain and text_follows and call.rest and not call.before_verb:
        verb = call.command.name.split()[-1]
        raise Unclear(
            f"Is {number.text} the case or part of the text?", [
                (f"case {number.text}: {call.rest}", f"case {number.text} {verb} {call.rest}"),
                (f"this thread's {own.number}: {number.text} {call.rest}",
                 f"case {own.number} {verb} {number.text} {call.rest}")])
    return number


def only(call: Call, request: Request) -> Case | CaseNumber:
    """The same, for a command that takes nothing else."""
    if call.rest:
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
