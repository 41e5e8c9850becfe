"""`!case list`, `show`, `history` and `search`: what there is, and how it stands."""
from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from archive import cases
from archive.cases import Case, Docket, Filter
from archive.db import Unit
from bot import holders, render
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
from bot.commands.marking import read_district
from bot.commands.which import find, only, polite
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


# Words that say nothing beside them: `list all cases of district Sibi`.
_IDLE = frozenset(("cases", "case", "files", "the", "of", "that", "are", "کیس", "مقدمات", "کے",
                   "about", "and", "in", "for"))


@dataclass(frozen=True)
class Wanted:
    """Which cases: a kind of KINDS, and perhaps one of BY with its word."""

    kind: str = "open"
    by: str = ""
    word: str = ""


@dataclass(frozen=True)
class Listing:
    """What was asked for, and what there is."""

    title: str
    cases: list[Case]
    total: int


def parse_list(call: Call, request: Request) -> Wanted:
    """Any of KINDS, then perhaps one of BY with a word: `closed district Sibi`. Raises Mistake."""
    said = polite(texts.one_line(call.rest)).split()
    kind = ""
    while said:
        first = texts.fold(said[0])
        found = next((name for name, words in KINDS.items() if first in words), "")
        if found and kind in ("", "all", "open"):  # `all overdue cases`
            kind = found
        elif first not in _IDLE:
            break
        said.pop(0)
    if not said:
        return Wanted(kind or "open")
    by = next((name for name, words in BY.items() if first in words), "")
    word = " ".join(each for each in said[1:] if by or texts.fold(each) not in _IDLE)
    if by and not word:
        raise Mistake(f"Which {by}? For example: {request.prefix}case list {_EXAMPLES[by]}.",
                      call.command)
    if by:
        return Wanted(kind or "open", by, _read_word(by, word))
    district = read_district(" ".join(said))
    if district:  # `list Sibi`
        return Wanted(kind or "open", "district", district)
    if holders.names_post(" ".join(said)):  # `list DEO Sibi`
        return Wanted(kind or "open", "post", " ".join(said))
    raise _unlisted(call, request, kind, first, word)


def _read_word(by: str, word: str) -> str:
    if by == "school":
        return schools.read_code(word) or word
    return (by == "district" and read_district(word)) or word.lstrip("#@")


def _unlisted(call: Call, request: Request, kind: str, first: str, word: str) -> Mistake:
    """What to say to a word that is neither kind nor anything else, with what was perhaps meant."""
    wrong = render.isolate(texts.shorten(texts.one_line(call.rest), 40))
    near = difflib.get_close_matches(first, [*KINDS, *BY], 1, 0.6)
    if not near or (near[0] in KINDS and (word or kind)):
        return Mistake(f"I cannot list “{wrong}”, but search for it.", call.command,
                       f"case search {texts.one_line(call.rest)}")
    return Mistake(f"I cannot list “{wrong}”; did you mean {near[0]}?", call.command,
                   f"case list {kind} {near[0]} {word}".replace("  ", " ").rstrip()
                   if near[0] in KINDS or word else "")


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
    here, me = Filter(room_ids=rooms, states=cases.ACTIVE), request.actor
    match wanted.kind:
        case "new" | "waiting" | "resolved" | "closed":
            here = replace(here, states=(wanted.kind,))
        case "overdue":
            here = replace(here, overdue_at=request.at, order="due")
        case "mine":
            here = replace(here, holder_mxid=me.mxid, holder=me.name)
        case "watched":
            here = replace(here, watcher=me.mxid)
        case "all":
            here = replace(here, states=())
    # `post` of BY is the filter's name, too, and so are the others
    return replace(here, **{wanted.by: wanted.word}) if wanted.by else here


def _title(wanted: Wanted, request: Request) -> str:
    me = render.isolate(request.actor.name)
    title = {"mine": f"Open cases with {me}", "all": "All cases",
             "watched": f"Open cases that {me} watches",
             }.get(wanted.kind, f"{wanted.kind.capitalize()} cases")
    if wanted.by:
        between = {"district": "of district", "post": "with", "tag": "tagged",
                   "school": "about school"}[wanted.by]
        title += f" {between} {render.isolate(wanted.word)}"
    return title


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
            "[open|new|waiting|overdue|resolved|closed|mine|watched|all] [district X|post Y|tag Z|"
            "school N]",
            "Lists the cases of this room: the open ones, unless you say otherwise; a state and "
            "what they are about may be said together. In a private talk with me, those of every "
            "room.",
            ("ls", "فہرست", "لسٹ"), parse_list, do_list, render_list, role="viewer",
            examples=("case list", "case list mine", "case list overdue",
                      "case list school 07086", "case list closed district Sibi")),
    Command("case search", "WORDS",
            "Finds cases, in any state, by number, title, holder, district, school or tag.",
            ("find", "تلاش", "سرچ"), parse_search, do_search, render_list, role="viewer",
            examples=("case search salary sibi",)),
    Command("case show", "N",
            "The docket sheet: facts, papers, and everything that was done, by whom and when.",
            ("view", "docket", "دکھاؤ", "دکھائیں"), only, do_show, render_show,
            takes_number=True, examples=("case show 42", "case 42"), role="viewer"),
    Command("case history", "N",
            "Everything that was done to the case, by whom and when.",
            ("log", "تاریخچہ", "روداد"), only, do_show, render_history,
            takes_number=True, examples=("case history 42",), role="viewer"),
]
