"""`!case open`, `split`, `merge` and `unmerge`: how cases begin, part and come together."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive import botbooks, cases, casework
from archive.cases import Case, Docket, Paper
from archive.db import Unit
from bot import parse as grammar
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
    Unclear,
)
from bot.commands.which import find, only, which
from nlp import schools
from nlp import words as texts

TITLE_LONGEST = 200
DAY_MS = 86_400_000

INTERNAL = ("Internal: what is written here does not go to WhatsApp. This thread is the workspace "
            "of {number}: in it, commands need no number.")


async def paper_of(tools: Tools, request: Request, event_id: str) -> Paper:
    """A message as a paper. Raises Mistake when it cannot be seen."""
    seen = await _seen(tools, request.room_id, event_id)
    if seen is None:
        raise Mistake("I cannot see the message that you replied to; give the case a title in a "
                      "message of its own.")
    type_, sender, at, content = seen
    record_id = content.get("org.daftar.record") if isinstance(content, dict) else None
    return Paper(
        event_id, sender, texts.one_line(await tools.matrix.display_name(request.room_id, sender)),
        at, texts.shorten(texts.excerpt(type_, content, "m.in_reply_to" in _relation(content)),
                          4000),
        record_id if isinstance(record_id, int) else None)


async def thread_of(tools: Tools, room_id: str, event_id: str) -> str:
    """The first message of the thread that a message is in; "" when it is in none, or gone."""
    seen = await _seen(tools, room_id, event_id)
    relation = _relation(seen[3]) if seen else {}
    return str(relation["event_id"]) if relation.get("rel_type") == "m.thread" else ""


async def _seen(tools: Tools, room_id: str, event_id: str) -> tuple[str, str, int, Any] | None:
    """(type, sender, Unix ms, content) of an event; None when it cannot be seen."""
    seen = await botbooks.event(tools.db, event_id)
    if seen is not None and seen.room_id == room_id:
        return seen.type, seen.sender, seen.at, json.loads(seen.content)
    event = await tools.matrix.event(room_id, event_id)
    if event is None:
        return None
    return event["type"], event["sender"], event["origin_server_ts"], event.get("content") or {}


def _relation(content: Any) -> dict[str, Any]:
    relation = content.get("m.relates_to") if isinstance(content, dict) else None
    return relation if isinstance(relation, dict) else {}


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
    """Read the first paper, ask when there is a case about the same school, then open."""
    paper = await paper_of(tools, request, opening.reply_to) if opening.reply_to else None
    said = f"{opening.title}\n{paper.excerpt if paper else ''}"
    codes = schools.codes(said)[:10]
    if not request.confirmed:
        await _ask_for_twins(tools, request, opening, codes)
    return _opened(request, opening, paper, codes)


def _opened(request: Request, opening: Opening, paper: Paper | None,
            codes: list[str]) -> Unit[Docket]:
    title = texts.shorten(texts.one_line(opening.title), TITLE_LONGEST)
    return casework.open_case(
        department=request.department,
        year=datetime.fromtimestamp(request.at / 1000, request.zone).year,
        title=title or texts.title_from(paper.excerpt if paper else ""),
        text=opening.title, room_id=request.room_id, actor=request.actor, at=request.at,
        event_id=request.event_id, card_txn=f"{request.event_id}.card",
        papers=[paper] if paper else [], schools=codes)


async def _ask_for_twins(tools: Tools, request: Request, opening: Opening,
                         codes: list[str]) -> None:
    """Raises Unclear when a case about the same school is open, or was opened lately."""
    since = request.at - tools.config.bot.duplicate_days * DAY_MS
    twins: dict[int, Case] = {}
    for code in codes:
        for case in await cases.about_school(tools.db, code, since):
            if case.room_id == request.room_id:
                twins[case.id] = case
    if not twins:
        return
    twin = max(twins.values(), key=lambda case: case.id)
    at = render.when(twin.opened_at, request.zone)
    ways = [(f"put this on the file of {twin.number}", f"case link {twin.number}", "🔗")] \
        if opening.reply_to else []
    raise Unclear(
        f"{twin.number} is about the same school ({', '.join(codes)}): "
        f"“{render.isolate(twin.title)}”. {render.standing(twin, request)}, opened {at}.",
        [*ways, ("open another case all the same", f"case open {opening.title}".rstrip(), "📁")])


def render_open(docket: Docket, request: Request) -> list[Say]:
    """The card, the first word of its thread, and in another thread a pointer to the card."""
    words = INTERNAL.format(number=docket.case.number)
    says: list[Say] = [Card(docket, new=True), ThreadNote(
        docket.case, words, f"<strong>Internal:</strong>{words.removeprefix('Internal:')}")]
    if request.thread_root is not None:
        text = f"{docket.case.number} is open; its card is in the room."
        says.append(Answer(text, render.html(text)))
    return says


# merge, unmerge

_INTO = re.compile(r"^(?:in ?to|with|میں|کو|سے)\s+", re.I)


@dataclass(frozen=True)
class Pair:
    """One case that becomes part of another."""

    which: Case | CaseNumber
    into: CaseNumber


def parse_merge(call: Call, request: Request) -> Pair:
    """`A into B`; in a case's thread `into B` is enough."""
    first = which(call, request)
    rest = _INTO.sub("", call.rest.strip())
    number, after = grammar.take_number(rest)
    if number is None or after.strip():
        raise Mistake("Into which case? For example: case merge 12 into 9.", call.command)
    return Pair(first, number)


async def preview_merge(tools: Tools, request: Request, pair: Pair) -> str:
    """What would be merged."""
    first, into = await _both(tools, request, pair)
    docket = await cases.read_docket(tools.db, first.id)
    joins = "joins" if len(docket.papers) == 1 else "join"
    return (f"{first.number} ({render.isolate(first.title)}) becomes part of {into.number} "
            f"({render.isolate(into.title)}): {render.papers_count(docket)} {joins} its file, and "
            f"work goes on there. {request.prefix}case unmerge {first.number} undoes it.")


async def _both(tools: Tools, request: Request, pair: Pair) -> tuple[Case, Case]:
    first = await find(tools, request, pair.which)
    into = await find(tools, request, pair.into)
    if first.id == into.id:
        raise Mistake(f"{first.number} cannot be merged into itself.")
    if first.room_id != into.room_id:
        raise Mistake(f"{first.number} and {into.number} are cases of different rooms; papers of "
                      "one room are not shown in another.")
    for case in (first, into):
        if case.status == "merged":
            raise casework.Refused(case, "merged")
    return first, into


@dataclass(frozen=True)
class Dockets:
    """Two cases after they were merged, parted or split."""

    first: Docket
    second: Docket


async def do_merge(tools: Tools, request: Request, pair: Pair) -> Unit[Dockets]:
    """Merge."""
    first, into = await _both(tools, request, pair)

    def unit() -> Unit[Dockets]:
        merged = yield from casework.merge(
            first.id, into.id, request.actor, request.at, request.event_id)
        return Dockets((yield from cases.docket_of(first.id)), merged)
    return unit()


def render_merge(both: Dockets, request: Request) -> list[Say]:
    """That it is done, and both cards."""
    first, into = both.first.case, both.second.case
    text = f"{first.number} is part of {into.number} now."
    markup = (f"{render.case_link(first, request.server)} is part of "
              f"{render.case_link(into, request.server)} now.")
    return [Answer(text, markup), Card(both.first), Card(both.second)]


async def do_unmerge(tools: Tools, request: Request, wanted: Case | CaseNumber) -> Unit[Dockets]:
    """Undo a merging."""
    case = await find(tools, request, wanted)

    def unit() -> Unit[Dockets]:
        before = yield from cases.docket_of(case.id)
        alone = yield from casework.unmerge(
            case.id, request.actor, request.at, request.event_id)
        return Dockets(alone, (yield from cases.docket_of(before.case.merged_into or case.id)))
    return unit()


def render_unmerge(both: Dockets, request: Request) -> list[Say]:
    """That it stands alone again, and both cards."""
    case, other = both.first.case, both.second.case
    text = f"{case.number} stands alone again, as it was before it became part of {other.number}."
    markup = (f"{render.case_link(case, request.server)} stands alone again, as it was before it "
              f"became part of {render.case_link(other, request.server)}.")
    return [Answer(text, markup), Card(both.first), Card(both.second)]


# split


@dataclass(frozen=True)
class Splitting:
    """A paper of a case that becomes a case of its own."""

    which: Case | CaseNumber
    paper: str
    title: str


def parse_split(call: Call, request: Request) -> Splitting:
    """As a reply to the paper, with or without a title."""
    if request.reply_to is None:
        raise Mistake("Write this as a reply to the paper that is to become a case of its own.",
                      call.command)
    return Splitting(which(call, request), request.reply_to, texts.clean(call.rest))


async def preview_split(tools: Tools, request: Request, splitting: Splitting) -> str:
    """What would leave."""
    case = await find(tools, request, splitting.which)
    paper = await _paper_on_file(tools, case, splitting.paper)
    return (f"“{render.isolate(render.one(paper.excerpt, 120))}” leaves the file of {case.number} "
            "and becomes the first paper of a new case.")


async def _paper_on_file(tools: Tools, case: Case, event_id: str) -> Paper:
    docket = await cases.read_docket(tools.db, case.id)
    paper = next((each for each in docket.papers if each.event_id == event_id), None)
    if paper is None:
        raise casework.Refused(case, "not_on_file")
    return paper


async def do_split(tools: Tools, request: Request, splitting: Splitting) -> Unit[Dockets]:
    """Open a case with that paper, and take it off the first one's file."""
    case = await find(tools, request, splitting.which)
    paper = await _paper_on_file(tools, case, splitting.paper)
    opening = Opening(splitting.title, splitting.paper)

    def unit() -> Unit[Dockets]:
        new = yield from _opened(request, opening, paper, schools.codes(paper.excerpt))
        made = yield from casework.split(
            case.id, new, [paper.event_id], request.actor, request.at, request.event_id)
        return Dockets((yield from cases.docket_of(case.id)), made)
    return unit()


def render_split(both: Dockets, request: Request) -> list[Say]:
    """The new card and the old one."""
    return [*render_open(both.second, request), Card(both.first)]


OPENING_COMMANDS = [
    Command("case open", "[TITLE]",
            "Opens a case. As a reply, the message replied to becomes the first paper, and gives "
            "the title when you give none. When a case about the same school is open already, you "
            "are asked.",
            ("new", "create", "start", "کھولو", "کھولیں", "نیا"),
            parse_open, do_open, render_open,
            examples=("case open GBPS Killi Nau closed since Monday", "case open")),
    Command("case merge", "A into B",
            "Makes a case part of another, after you have said ✅. Nothing is lost; unmerge undoes "
            "it.",
            ("join", "unite", "ملاؤ", "ملائیں", "ضم"), parse_merge, do_merge, render_merge,
            takes_number=True, examples=("case merge 12 into 9",), role="officer",
            preview=preview_merge),
    Command("case unmerge", "N",
            "Undoes a merging: the case stands again as it stood.",
            ("demerge", "الگ"), only, do_unmerge, render_unmerge,
            takes_number=True, examples=("case unmerge 12",), role="officer"),
    Command("case split", "N [TITLE]",
            "As a reply to a paper: makes it a case of its own, after you have said ✅.",
            ("divide", "تقسیم"), parse_split, do_split, render_split,
            takes_number=True, examples=("case split 12 Salary of the absent teacher",),
            role="officer", preview=preview_split),
]

