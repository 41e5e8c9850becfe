"""`!case list`, `show`, `history` and `search`: what there is, and how it stands."""
from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from archive import cases
from archive.cases import Case, Docket, Filter
from archive.db import Unit
from bot import render
from bot.commands.base import (
    Answer,
    Call,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    Tools,
    result,
)
from bot.commands.which import find, only
from nlp import schools
from nlp import words as texts

LISTED = 30

# What may follow `!case list`, and other words for it.
KINDS: dict[str, tuple[str, ...]] = {
    "open": ("open", "active", "کھلے", "کھلا"),
    "new": ("new", "نئے", "نیا"),
    "waiting": ("waiting", "pending", "منتظر"),
    "overdue": ("overdue", "late", "تاخیر"),
    "resolved": ("resolved", "حل"),
    "closed": ("closed", "close", "done", "بند"),
    "mine": ("mine", "my", "me", "میرے"),
    "watched": ("watched", "watching", "زیر نظر"),
    "all": ("all", "everything", "سب", "تمام"),
}
# What may follow it and takes a word of its own.
BY: dict[str, tuple[str, ...]] = {
    "district": ("district", "ضلع"), "post": ("post", "with", "holder", "عہدہ"),
    "tag": ("tag", "tagged"), "school": ("school", "bemis", "اسکول", "سکول"),
}


@dataclass(frozen=True)
class Wanted:
    """Which cases: `kind` of KINDS or BY, with its word."""

    kind: str
    word: str = ""


@dataclass(frozen=True)
class Listing:
    """What was asked for, and what there is."""

    title: str
    cases: list[Case]
    total: int


def parse_list(call: Call, request: Request) -> Wanted:
    """One of KINDS, or one of BY and a word."""
    first, _, rest = texts.fold(call.rest.strip()).partition(" ")
    whole = " ".join(filter(None, (first, rest)))
    for name, words in KINDS.items():
        if (not whole and name == "open") or whole in words:
            return Wanted(name)
    for name, words in BY.items():
        if first in words:
            if not rest.strip():
                raise Mistake(f"Which {name}? For example: case list {_EXAMPLES[name]}.",
                              call.command)
            return Wanted(name, rest.strip())
    near = difflib.get_close_matches(first, [*KINDS, *BY], 1, 0.6)
    wrong = texts.shorten(texts.one_line(call.rest), 40)
    raise Mistake(f"I cannot list {wrong!r}{f'; did you mean {near[0]}?' if near else '.'}",
                  call.command, f"case list {near[0]} {rest}".rstrip() if near and (
                      near[0] in KINDS or rest) else "")


_EXAMPLES = {"district": "district Sibi", "post": "post DEO Sibi", "tag": "tag salary",
             "school": "school 07086"}


async def rooms_of(tools: Tools, request: Request) -> tuple[str, ...]:
    """The room asked in; none, for all of them, in a private talk with an admin or staff."""
    bridge = tools.config.bridge
    everywhere = request.actor.mxid in (*bridge.admins, *bridge.staff) and (
        await tools.matrix.private_with(request.room_id, request.actor.mxid))
    return () if everywhere else (request.room_id,)


async def do_list(tools: Tools, request: Request, wanted: Wanted) -> Unit[Listing]:
    """The cases of this room; in a private talk, of every room (for admins and staff)."""
    rooms = await rooms_of(tools, request)
    found, total = await cases.listing(tools.db, _filter(wanted, request, rooms), LISTED)
    return result(Listing(_title(wanted, request) + (" of this room" if rooms else ""),
                          found, total))


def _filter(wanted: Wanted, request: Request, rooms: tuple[str, ...]) -> Filter:
    here = Filter(room_ids=rooms, states=cases.ACTIVE)
    me = request.actor
    match wanted.kind:
        case "new" | "waiting" | "resolved" | "closed":
            return replace(here, states=(wanted.kind,))
        case "overdue":
            return replace(here, overdue_at=request.at, order="due")
        case "mine":
            return replace(here, holder_mxid=me.mxid, holder=me.name)
        case "watched":
            return replace(here, watcher=me.mxid)
        case "all":
            return replace(here, states=())
        case "district":
            return replace(here, district=wanted.word)
        case "post":
            return replace(here, post=wanted.word)
        case "tag":
            return replace(here, tag=wanted.word)
        case "school":
            return replace(here, school=schools.read_code(wanted.word) or wanted.word)
    return here


def _title(wanted: Wanted, request: Request) -> str:
    if wanted.word:
        word = render.isolate(wanted.word)
        return {"district": f"Open cases of district {word}", "post": f"Open cases with {word}",
                "tag": f"Open cases tagged {word}", "school": f"Open cases about school {word}",
                }[wanted.kind]
    return {"mine": f"Open cases with {request.actor.name}", "all": "All cases",
            "watched": f"Open cases that {request.actor.name} watches",
            }.get(wanted.kind, f"{wanted.kind.capitalize()} cases")


def render_list(listing: Listing, request: Request) -> list[Say]:
    """A table, newest first."""
    return [Answer(*render.fitting(
        lambda rows: render.case_list(listing.title, listing.cases[:rows], listing.total, request),
        len(listing.cases)))]


# search


def parse_search(call: Call, request: Request) -> str:
    """Words."""
    words = texts.one_line(call.rest)
    if not words:
        raise Mistake("What should the cases be about? Give a word or more.", call.command)
    return texts.shorten(words, 200)


async def do_search(tools: Tools, request: Request, words: str) -> Unit[Listing]:
    """Cases, in any state, that are found by all these words."""
    rooms = await rooms_of(tools, request)
    found, total = await cases.listing(tools.db, Filter(room_ids=rooms, words=words), LISTED)
    return result(Listing(f"Cases about {render.isolate(words)}" + (" of this room" if rooms
                                                                    else ""), found, total))


# show, history


async def do_show(tools: Tools, request: Request, wanted: Case | CaseNumber) -> Unit[Docket]:
    """The case as it stands."""
    return cases.docket_of((await find(tools, request, wanted)).id)


def render_show(docket: Docket, request: Request) -> list[Say]:
    """The docket sheet."""
    return [Answer(*render.docket_sheet(docket, request))]


def render_history(docket: Docket, request: Request) -> list[Say]:
    """Everything that was done, by whom and when."""
    return [Answer(*render.history(docket, request))]



LIST_COMMANDS = [
    Command("case list",
            "[open|new|waiting|overdue|resolved|closed|mine|watched|all|district X|post Y|tag Z|"
            "school N]",
            "Lists the cases of this room: the open ones, unless you say otherwise. In a private "
            "talk with me, those of every room.",
            ("ls", "فہرست"), parse_list, do_list, render_list, role="viewer",
            examples=("case list", "case list mine", "case list overdue",
                      "case list school 07086")),
    Command("case search", "WORDS",
            "Finds cases, in any state, by number, title, holder, district, school or tag.",
            ("find", "تلاش"), parse_search, do_search, render_list, role="viewer",
            examples=("case search salary sibi",)),
    Command("case show", "N",
            "The docket sheet: facts, papers, and everything that was done, by whom and when.",
            ("view", "docket", "دکھاؤ", "دکھائیں"), only, do_show, render_show,
            takes_number=True, examples=("case show 42", "case 42"), role="viewer"),
    Command("case history", "N",
            "Everything that was done to the case, by whom and when.",
            ("log", "تاریخ"), only, do_show, render_history,
            takes_number=True, examples=("case history 42",), role="viewer"),
]
