"""`!case …`: open, list, show, assign, note, close."""
from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive import botbooks, cases
from archive.cases import Case, Docket, Paper
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
    result,
)
from nlp import words as texts

LISTED = 30
TITLE_LONGEST = 200

INTERNAL = ("Internal: what is written here does not go to WhatsApp. This thread is the workspace "
            "of {number}: in it, commands need no number.")


# Which case is meant


def _which(call: Call, request: Request, text_follows: bool = False) -> Case | CaseNumber:
    """The case a command is about: its number, or the thread's. Raises Mistake when no case is
    named, or when in a thread a number may just as well be part of the text."""
    number, own = call.number, request.thread_case
    if number is None:
        if own is None:
            raise Mistake("Which case? Give its number; only in a case's thread it may be left "
                          "out.", call.command)
        return own
    plain = number.year is None and not number.text.startswith("0")
    if own and plain and text_follows and call.rest and not call.before_verb:
        verb = call.command.name.split()[-1]
        raise Mistake(
            f"Is {number.text} the case or part of the text? For case {number.text} write "
            f"{request.prefix}case {number.text} {verb} …; for this thread's {own.number} put the "
            f"text in quotes: {request.prefix}case {verb} \"{number.text} …\".")
    return number


async def _find(tools: Tools, request: Request, which: Case | CaseNumber) -> Case:
    """The case, when the person who asks may see it. Raises Mistake."""
    if isinstance(which, Case):
        return which
    department = which.department or request.department
    found = await cases.find(tools.db, department, which.serial, which.year)
    if found is None:
        raise Mistake(f"There is no case {which.text or which.serial}. "
                      f"{request.prefix}case list all shows the cases of this room.")
    if found.room_id != request.room_id and not await tools.matrix.is_joined(
            found.room_id, request.actor.mxid):
        raise Mistake(f"{found.number} belongs to a room that you are not in.")
    return found


# open


@dataclass(frozen=True)
class Opening:
    """What a case is opened with."""

    title: str
    reply_to: str | None


def parse_open(call: Call, request: Request) -> Opening:
    """A title, or a message that the command replies to."""
    title = texts.clean(call.rest)
    if not texts.one_line(title) and request.reply_to is None:
        raise Mistake("A case needs a title, or write this as a reply to the message that it is "
                      "about.", call.command)
    return Opening(title, request.reply_to)


async def do_open(tools: Tools, request: Request, opening: Opening) -> Unit[Docket]:
    """Read the first paper, then open the case."""
    paper = await _paper(tools, request, opening.reply_to) if opening.reply_to else None
    title = texts.shorten(texts.one_line(opening.title), TITLE_LONGEST)
    return cases.open_case(
        department=request.department,
        year=datetime.fromtimestamp(request.at / 1000, request.zone).year,
        title=title or texts.title_from(paper.excerpt if paper else ""),
        text=opening.title, room_id=request.room_id, actor=request.actor, at=request.at,
        event_id=request.event_id, card_txn=f"{request.event_id}.card", paper=paper)


async def _paper(tools: Tools, request: Request, event_id: str) -> Paper:
    seen = await botbooks.event(tools.db, event_id)
    if seen is not None and seen.room_id == request.room_id:
        type_, sender, at, content = seen.type, seen.sender, seen.at, json.loads(seen.content)
    else:
        event = await tools.matrix.event(request.room_id, event_id)
        if event is None:
            raise Mistake("I cannot see the message that you replied to; give the case a title in "
                          "a message of its own.")
        type_, sender, at = event["type"], event["sender"], event["origin_server_ts"]
        content = event.get("content") or {}
    relation = content.get("m.relates_to") if isinstance(content, dict) else None
    is_reply = isinstance(relation, dict) and "m.in_reply_to" in relation
    record_id = content.get("org.daftar.record") if isinstance(content, dict) else None
    return Paper(
        event_id, sender, texts.one_line(await tools.matrix.display_name(request.room_id, sender)),
        at, texts.shorten(texts.excerpt(type_, content, is_reply), 4000),
        record_id if isinstance(record_id, int) else None)


def render_open(docket: Docket, request: Request) -> list[Say]:
    """The card, the first word of its thread, and in another thread a pointer to the card."""
    words = INTERNAL.format(number=docket.case.number)
    says: list[Say] = [Card(docket, new=True), ThreadNote(
        docket.case, words, f"<strong>Internal:</strong>{words.removeprefix('Internal:')}")]
    if request.thread_root is not None:
        text = f"{docket.case.number} is open; its card is in the room."
        says.append(Answer(text, render.html(text)))
    return says


# list

_LISTS = {
    "open": ("open", "کھلے", "کھلا"), "closed": ("closed", "close", "done", "بند"),
    "mine": ("mine", "my", "me", "میرے"), "all": ("all", "everything", "سب", "تمام"),
}


@dataclass(frozen=True)
class Listing:
    """What was asked for, and what there is."""

    title: str
    cases: list[Case]
    total: int


def parse_list(call: Call, request: Request) -> str:
    """open, closed, mine or all."""
    word = texts.fold(call.rest.strip()) or "open"
    for name, words in _LISTS.items():
        if word in words:
            return name
    near = difflib.get_close_matches(word, list(_LISTS), 1, 0.6)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise Mistake(f"I cannot list {texts.shorten(texts.one_line(call.rest), 40)!r}{hint}",
                  call.command)


async def do_list(tools: Tools, request: Request, which: str) -> Unit[Listing]:
    """The cases of this room; in a private talk, of every room (for admins and staff)."""
    bridge = tools.config.bridge
    everywhere = request.actor.mxid in (*bridge.admins, *bridge.staff) and (
        await tools.matrix.private_with(request.room_id, request.actor.mxid))
    found, total = await cases.listing(
        tools.db, room_ids=() if everywhere else (request.room_id,),
        status={"open": "open", "mine": "open", "closed": "closed", "all": ""}[which],
        holder_mxid=request.actor.mxid if which == "mine" else "", holder=request.actor.name,
        limit=LISTED)
    title = {"open": "Open cases", "closed": "Closed cases", "all": "All cases",
             "mine": f"Open cases with {request.actor.name}"}[which]
    return result(Listing(title + ("" if everywhere else " of this room"), found, total))


def render_list(listing: Listing, request: Request) -> list[Say]:
    """A table, newest first."""
    return [Answer(*render.fitting(
        lambda rows: render.case_list(listing.title, listing.cases[:rows], listing.total, request),
        len(listing.cases)))]


# show


async def do_show(tools: Tools, request: Request, which: Case | CaseNumber) -> Unit[Docket]:
    """The case as it stands."""
    return cases.docket((await _find(tools, request, which)).id)


def render_show(docket: Docket, request: Request) -> list[Say]:
    """The docket sheet."""
    return [Answer(*render.docket_sheet(docket, request))]


# assign

_ME = ("me", "myself", "mine", "مجھے", "میں", "خود")


@dataclass(frozen=True)
class OnCase:
    """A case, and what is said on it."""

    which: Case | CaseNumber
    text: str
    user_id: str | None = None


def parse_assign(call: Call, request: Request) -> OnCase:
    """A case, and a post or person: words, `me`, a Matrix id or a pill."""
    which = _which(call, request, text_follows=True)
    holder = texts.one_line(call.rest)
    user_id = request.mentions[0] if len(request.mentions) == 1 else None
    if texts.fold(holder) in _ME:
        return OnCase(which, request.actor.name, request.actor.mxid)
    if holder.startswith("@") and ":" in holder and " " not in holder:
        user_id = holder
    holder = holder.lstrip("@").rstrip(":, ")
    if not holder:
        raise Mistake("To whom? Name a post or a person.", call.command)
    if len(holder) > TITLE_LONGEST:
        raise Mistake(f"A post or person has at most {TITLE_LONGEST} characters; write the rest "
                      f"as a note.", call.command)
    return OnCase(which, holder, user_id)


async def do_assign(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Hand it over."""
    case = await _find(tools, request, order.which)
    holder = order.text
    if order.user_id and order.user_id.lstrip("@") == holder:  # an id in words: show the name
        holder = texts.one_line(await tools.matrix.display_name(case.room_id, order.user_id))
    return cases.assign(case.id, holder, order.user_id, request.actor, request.at,
                        request.event_id)


def render_assign(docket: Docket, request: Request) -> list[Say]:
    """Who has it now."""
    last = docket.actions[-1]
    return _changed(docket, request, "is with", docket.case.holder or "",
                    f" (before: {render.isolate(last.before)})" if last.before else "")


# note


def parse_note(call: Call, request: Request) -> OnCase:
    """A case and words."""
    which = _which(call, request, text_follows=True)
    words = texts.clean(call.rest)
    if not words:
        raise Mistake("The note is empty.", call.command)
    if len(words) > texts.LONGEST:
        raise Mistake(f"A note has at most {texts.LONGEST} characters, and this has {len(words)}; "
                      "send the long text as a file.", call.command)
    return OnCase(which, words)


async def do_note(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Write it down."""
    case = await _find(tools, request, order.which)
    return cases.note(case.id, order.text, request.actor, request.at, request.event_id)


def render_note(docket: Docket, request: Request) -> list[Say]:
    """That it is noted."""
    return _changed(docket, request, "has the note", "", "")


# close


def parse_close(call: Call, request: Request) -> OnCase:
    """A case, and perhaps how it was resolved."""
    which = _which(call, request, text_follows=True)
    return OnCase(which, texts.shorten(texts.clean(call.rest), texts.LONGEST))


async def do_close(tools: Tools, request: Request, order: OnCase) -> Unit[Docket]:
    """Close it."""
    case = await _find(tools, request, order.which)
    return cases.close(case.id, order.text, request.actor, request.at, request.event_id)


def render_close(docket: Docket, request: Request) -> list[Say]:
    """That it is closed."""
    return _changed(docket, request, "is closed", "", "")


def closed_already(case: Case, request: Request) -> str:
    """The sentence for what cannot be done to a closed case."""
    at = render.when(case.closed_at or 0, request.zone)
    how = f": {render.isolate(render.one(case.resolution))}" if case.resolution else ""
    return f"{case.number} is closed already, since {at}{how}."


def _changed(docket: Docket, request: Request, words: str, name: str, after: str) -> list[Say]:
    """The short answer, and the card as it stands now."""
    case = docket.case
    text = f"{case.number} {words} {render.isolate(name)}".rstrip() + f"{after}."
    markup = (f"{render.case_link(case, request.server)} {words} <strong>{render.html(name)}"
              f"</strong>{render.html(after)}.") if name else (
        f"{render.case_link(case, request.server)} {words}.")
    return [Answer(text, markup), Card(docket)]


def _only_which(call: Call, request: Request) -> Any:
    if call.rest:
        raise Mistake(f"{request.prefix}{call.command.name} takes a case number and nothing else.",
                      call.command)
    return _which(call, request)


CASE_COMMANDS = [
    Command("case open", "[TITLE]",
            "Opens a case. As a reply, the message replied to becomes the first paper, and gives "
            "the title when you give none.",
            ("new", "create", "start", "کھولو", "کھولیں", "نیا"),
            parse_open, do_open, render_open,
            examples=("case open GBPS Killi Nau closed since Monday", "case open")),
    Command("case list", "[open|closed|mine|all]",
            "Lists the cases of this room: the open ones, unless you say otherwise. In a private "
            "talk with me, those of every room.",
            ("ls", "فہرست"), parse_list, do_list, render_list,
            examples=("case list", "case list mine")),
    Command("case show", "N",
            "The docket sheet: facts, papers, and everything that was done, by whom and when.",
            ("view", "docket", "دکھاؤ", "دکھائیں"), _only_which, do_show, render_show,
            takes_number=True, examples=("case show 42", "case 42")),
    Command("case assign", "N POST|PERSON",
            'Hands the case to a post or a person; "me" is you.',
            ("give", "سپرد", "حوالے"), parse_assign, do_assign, render_assign,
            takes_number=True, examples=("case assign 42 DEO Sibi", "case assign 42 me")),
    Command("case note", "N TEXT",
            "Writes a note on the docket; it does not leave for WhatsApp.",
            ("comment", "remark", "نوٹ"), parse_note, do_note, render_note,
            takes_number=True, examples=('case note 42 "DEO called, visits tomorrow"',)),
    Command("case close", "N [RESOLUTION]",
            "Closes the case, with how it was resolved.",
            ("resolve", "finish", "بند"), parse_close, do_close, render_close,
            takes_number=True, examples=("case close 42 school open again",)),
]
