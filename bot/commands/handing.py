"""`!case assign` and `take`: who has a case, and perhaps until when."""
from __future__ import annotations

import re
from dataclasses import dataclass

from archive import casework
from archive.cases import Case, Docket
from archive.db import Unit
from bot import dates, holders, render
from bot.commands import holders as posted
from bot.commands.base import (
    Call,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    Tools,
    Unclear,
)
from bot.commands.opening import TITLE_LONGEST
from bot.commands.which import find, only, value, which
from bot.commands.work import changed
from bot.dates import Date
from nlp import words as texts

MOST_NAMED = 5  # people of one name who are asked about
_ME = ("me", "myself", "mine", "مجھے", "میں", "خود")
_NOBODY = ("none", "nobody", "no one", "-", "کوئی نہیں")
_THIS = re.compile(r"^(?:(?:this|it)\s+)?(?:to\s+)?(?:the\s+)?", re.I)
_HANDED = re.compile(r"\s+(?:کو|کے(?: (?:سپرد|حوالے|پاس))?)$")  # `ڈی ای او سبی کو`
_BY = re.compile(r"^(.*?\S),?\s+(?:by|until|till|before|due)\s+(.+)$|^(.*?\S)\s+کو\s+(.+\sتک)$",
                 re.I)


@dataclass(frozen=True)
class Handing:
    """A case, its holder as written ("" for nobody any more), their Matrix id when that is known,
    and perhaps a date, with its words."""

    which: Case | CaseNumber
    text: str
    user_id: str | None = None
    due: Date | None = None
    by: str = ""


def parse_assign(call: Call, request: Request) -> Handing:
    """A case, and a post or person: words, `me`, a Matrix id or a pill; `by Monday` sets the date,
    too."""
    wanted = which(call, request, text_follows=True)
    said, by = _parted(value(call), request)
    due = dates.read(by, request, call.command) if by else None
    holder = _HANDED.sub("", _THIS.sub("", said))
    user_id = request.mentions[0] if len(request.mentions) == 1 else None
    first = texts.fold(call.said.split()[0]) if call.said and not holder else ""  # `assign me 42`
    if texts.fold(holder) in _ME or first in _ME:
        return Handing(wanted, request.actor.name, request.actor.mxid, due, by)
    if holder.startswith("@") and ":" in holder and " " not in holder:
        user_id = holder
    holder = holder.lstrip("@").rstrip(":, ")
    if texts.fold(holder) in _NOBODY:
        return Handing(wanted, "")
    if not any(letter.isalpha() for letter in holder):
        raise Mistake("To whom? Name a post or a person.", call.command)
    if len(holder) > TITLE_LONGEST:
        raise Mistake(f"A post or person has at most {TITLE_LONGEST} characters; write the rest "
                      f"as a note.", call.command)
    return Handing(wanted, holder, user_id, due, by)


def _parted(said: str, request: Request) -> tuple[str, str]:
    """(the holder, the words of the date behind it): `DEO Sibi by Monday`."""
    match = _BY.match(said[:TITLE_LONGEST * 2])
    if match is None:
        return said, ""
    holder, by = match[1] or match[3], match[2] or match[4]
    return (holder, by) if dates.is_one(by, request) else (said, "")


def parse_take(call: Call, request: Request) -> Handing:
    """A case; the holder is who asks."""
    return Handing(only(call, request), request.actor.name, request.actor.mxid)


async def do_assign(tools: Tools, request: Request, order: Handing
                    ) -> Unit[tuple[Docket, str, str]]:
    """Hand it over, to a post of the directory under its full name; with what is known of who holds
    the post."""
    case = await find(tools, request, order.which)
    holder = order.text
    if order.user_id and order.user_id != request.actor.mxid and not (
            await tools.matrix.is_joined(case.room_id, order.user_id)):
        raise Mistake(f"{order.user_id} is not in the room of {case.number}: invite them first, or "
                      "name a post.")
    if order.user_id and order.user_id.lstrip("@") == holder:  # an id in words: show the name
        holder = texts.one_line(await tools.matrix.display_name(case.room_id, order.user_id))
    user_id, today, note = order.user_id, "", ""
    if holder and user_id is None:
        holder, today = await posted.of_today(tools, request, holder)
        note = "" if today else await holders.note(tools.db, case.room_id, holder)
        if not (today or request.confirmed or holders.names_post(holder)):
            user_id = await _member(tools, case, holder, order.by)

    def unit() -> Unit[tuple[Docket, str, str]]:
        try:
            docket = yield from casework.assign(
                case.id, holder or None, user_id, request.actor, request.at, request.event_id)
        except casework.Refused as refused:
            if refused.why != "held" or order.due is None:  # only the date is new
                raise
        if order.due:
            docket = yield from casework.due(case.id, order.due.due_ms, order.by, request.actor,
                                             request.at, request.event_id)
        return docket, today, " ".join(filter(None, (_moved(order), note)))
    return unit()


def _moved(order: Handing) -> str:
    """What the calendar did to the date."""
    return f"{order.due.note.rstrip('.')}." if order.due and order.due.note else ""


async def _member(tools: Tools, case: Case, name: str, by: str) -> str | None:
    """The member of the room who goes by that name, so that digests and lists know whom to tell.
    Raises Unclear when several do, or when it is only a part of somebody's name."""
    found, whole = await holders.members_named(tools, case.room_id, name)
    if not found or (whole and len(found) == 1):
        return next(iter(found), None)
    until = f" by {by}" if by else ""
    raise Unclear(f"Which {render.isolate(name)}?", [
        *((f"{render.isolate(found[user])}, {user}", f"case assign {case.number} {user}{until}")
          for user in sorted(found)[:MOST_NAMED]),
        ("somebody who is not in this room", f"case assign {case.number} {name}{until}")],
        confirms=True)


def render_assign(facts: tuple[Docket, str, str], request: Request) -> list[Say]:
    """Who has it now, until when, and whether the post has a holder."""
    docket, today, note = facts
    handed = next(action for action in reversed(docket.actions) if action.kind == "assign")
    dated = docket.actions[-1].kind == "due" and docket.case.due_at is not None
    due = f", due {render.when(docket.case.due_at, request.zone)}" if dated else ""
    new = handed.before and handed.before != handed.after and handed.at == request.at
    was = f" (before: {render.isolate(handed.before or '')})" if new else ""
    return changed(docket, request, "is with", docket.case.holder or "nobody now",
                   today + was + due + (f". {note.rstrip('.')}" if note else ""))


HANDING_COMMANDS = [
    Command("case assign", "N POST|PERSON [by DATE]",
            'Hands the case to a post or a person, and sets its date when one is named; "me" is '
            'you, "nobody" takes it from its holder.',
            ("give", "سپرد", "حوالے", "اسائن"), parse_assign, do_assign, render_assign,
            takes_number=True, examples=("case assign 42 DEO Sibi", "case assign 42 me",
                                         "case assign 42 to DEO Sibi by Monday")),
    Command("case take", "N",
            "The case is yours from now on.",
            ("mine", "لے", "میرا"), parse_take, do_assign, render_assign,
            takes_number=True, examples=("case take 42",)),
]
