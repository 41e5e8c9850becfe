"""`!case link`, `unlink` and `tell`: the group's messages on a file, and the answer to it."""
from __future__ import annotations

from dataclasses import dataclass, replace

from archive import cases, casework
from archive.cases import Case, Docket
from archive.db import Unit
from bot import render
from bot.commands.base import (
    Call,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    Told,
    Tools,
)
from bot.commands.opening import paper_of, thread_of
from bot.commands.which import find, only, which
from bot.commands.work import OnCase, changed
from nlp import words as texts

TELL_LONGEST = 4000
MANY = 50  # messages linked at once


@dataclass(frozen=True)
class OnFile:
    """A case and a message."""

    which: Case | CaseNumber
    event_id: str


def parse_paper(call: Call, request: Request) -> OnFile:
    """As a reply to the message."""
    if request.reply_to is None:
        raise Mistake("Write this as a reply to the message.", call.command)
    return OnFile(only(call, request), request.reply_to)


@dataclass(frozen=True)
class Linking:
    """A case and messages of its room; `named`: by their ids, not by replying."""

    which: Case | CaseNumber
    events: tuple[str, ...]
    named: bool


def parse_link(call: Call, request: Request) -> Linking:
    """As a reply to the message; or with the ids of messages, as the bot's suggestions have it."""
    named = tuple(dict.fromkeys(call.rest.split()))
    if named and all(word.startswith("$") for word in named):
        return Linking(which(call, request), named[:MANY], True)
    wanted = parse_paper(call, request)
    return Linking(wanted.which, (wanted.event_id,), False)


async def do_link(tools: Tools, request: Request, wanted: Linking) -> Unit[Docket]:
    """Put them on the file, but for what lies there."""
    case = await find(tools, request, wanted.which)
    if case.room_id != request.room_id and not wanted.named:
        raise Mistake(f"{case.number} is a case of another room; papers of one room are not shown "
                      "in another.")
    there = replace(request, room_id=case.room_id)
    papers = [await paper_of(tools, there, event_id) for event_id in wanted.events]

    def unit() -> Unit[Docket]:
        docket = yield from cases.docket_of(case.id)
        lying = {paper.event_id for paper in docket.papers}
        for paper in [each for each in papers if each.event_id not in lying] or papers[:1]:
            docket = yield from casework.link(
                case.id, paper, request.actor, request.at, request.event_id)
        return docket
    return unit()


def render_papers(docket: Docket, request: Request) -> list[Say]:
    """How many papers it has now."""
    return changed(docket, request, f"has {render.papers_count(docket)} on its file")


async def preview_unlink(tools: Tools, request: Request, wanted: OnFile) -> str:
    """What would leave the file."""
    case = await find(tools, request, wanted.which)
    docket = await cases.read_docket(tools.db, case.id)
    paper = next((each for each in docket.papers if each.event_id == wanted.event_id), None)
    if paper is None:
        raise casework.Refused(case, "not_on_file")
    return (f"“{render.isolate(render.one(paper.excerpt, 120))}” leaves the file of {case.number}; "
            "the docket keeps that it lay there.")


async def do_unlink(tools: Tools, request: Request, wanted: OnFile) -> Unit[Docket]:
    """Take it off the file."""
    case = await find(tools, request, wanted.which)
    return casework.unlink(case.id, wanted.event_id, request.actor, request.at, request.event_id)


# tell


def parse_tell(call: Call, request: Request) -> OnCase:
    """A case and words for the group."""
    wanted, words = which(call, request, text_follows=True), texts.clean(call.rest)
    if not words:
        raise Mistake("What should the group be told?", call.command)
    if words.startswith(request.prefix):
        raise Mistake(f"What begins with {request.prefix} does not leave for WhatsApp; begin with "
                      "a word.", call.command)
    if len(words) > TELL_LONGEST:
        raise Mistake(f"An answer has at most {TELL_LONGEST} characters, and this has "
                      f"{len(words)}.", call.command)
    return OnCase(wanted, words)


async def preview_tell(tools: Tools, request: Request, order: OnCase) -> str:
    """What would be said, and to whom."""
    case = await find(tools, request, order.which)
    docket = await cases.read_docket(tools.db, case.id)
    quoting = "" if not docket.papers else (
        f", quoting “{render.isolate(render.one(docket.papers[0].excerpt, 80))}”")
    return (f"This goes to the WhatsApp group under your name{quoting}: "
            f"“{render.isolate(render.one(order.text, 300))}”")


async def do_tell(tools: Tools, request: Request, order: OnCase) -> Unit[tuple[Docket, Told]]:
    """Note it on the docket; the bridge carries it."""
    case = await find(tools, request, order.which)
    papers = (await cases.read_docket(tools.db, case.id)).papers
    first = papers[0].event_id if papers else None
    thread = await thread_of(tools, case.room_id, first) if first else ""
    told = Told(order.text, first, case.room_id, request.actor.mxid, thread)

    def unit() -> Unit[tuple[Docket, Told]]:
        docket = yield from casework.note(
            case.id, order.text, request.actor, request.at, request.event_id, "tell")
        return docket, told
    return unit()


def render_tell(facts: tuple[Docket, Told], request: Request) -> list[Say]:
    """The words for the group, and that they are on their way."""
    docket, told = facts
    return [told, *changed(docket, request, "has been answered in the group")]


PAPER_COMMANDS = [
    Command("case link", "N",
            "As a reply to a message: puts it on the case's file.",
            ("add", "attach", "جوڑو", "شامل"), parse_link, do_link, render_papers,
            takes_number=True, examples=("case link 42",)),
    Command("case unlink", "N",
            "As a reply to a message: takes it off the case's file, after you have said ✅.",
            ("detach", "نکالو"), parse_paper, do_unlink, render_papers,
            takes_number=True, examples=("case unlink 42",), preview=preview_unlink),
    Command("case tell", "N TEXT",
            "Answers in the WhatsApp group, under your name and quoting the first paper, after you "
            "have said ✅. Nothing else that is written in a case's thread leaves.",
            ("answer", "reply", "جواب", "بتاؤ"), parse_tell, do_tell, render_tell,
            takes_number=True, examples=("case tell 42 The teacher has been suspended.",),
            preview=preview_tell),
]
