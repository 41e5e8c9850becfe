"""`!directive list` and `show`; which directive a command means, and the posts of it."""
from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from archive import answers, botbooks, cases, directing, directives, fold, settings
from archive.answers import Answer
from archive.db import Unit
from archive.directives import Deed, Directive, Filter
from bot import render, rooms, sheets
from bot.commands import base
from bot.commands.base import Call, CaseNumber, Command, Mistake, Request, Say, Tools, Unclear
from bot.outbox import TXN_KEY
from nlp import words as texts

LISTED = 30
ALL = ("all", "everybody", "every", "سب", "تمام")
_REFERENCE = re.compile(r"[#]?([PpAa])(\d{1,9})[.,:;،]?")

# What may follow `!directive list`, and other words for it.
KINDS: dict[str, tuple[str, ...]] = {
    "open": ("open", "live", "کھلے", "جاری"),
    "overdue": ("overdue", "late", "تاخیر"),
    "mine": ("mine", "my", "me", "میرے"),
    "proposed": ("proposed", "proposals", "new", "تجاویز", "نئے"),
    "done": ("done", "complied", "مکمل"),
    "all": ("all", "everything", "سب", "تمام"),
}
BY: dict[str, tuple[str, ...]] = {"post": ("post", "عہدہ"), "district": ("district", "ضلع")}


# Which


@dataclass(frozen=True)
class Which:
    """What a command is about: a number, names of proposals (P12) and answers (A5), or the message
    that it replies to."""

    number: CaseNumber | None
    proposals: tuple[int, ...]
    answers: tuple[int, ...]
    event: str | None

    @property
    def named(self) -> bool:
        """Whether anything is named, beside the message replied to."""
        return bool(self.number or self.proposals or self.answers)


def which(call: Call, request: Request) -> tuple[Which, str]:
    """(what is meant, what follows it). Raises Mistake when nothing is named."""
    rest, proposals, answered = call.rest.strip(), list[int](), list[int]()
    number = call.number
    while match := _REFERENCE.match(rest):
        end = match.end()
        if rest[end:end + 1].strip():
            break  # `P12x` is a word
        (proposals if match[1] in "Pp" else answered).append(int(match[2]))
        rest = rest[end:].strip()
    found = Which(number, tuple(dict.fromkeys(proposals)), tuple(dict.fromkeys(answered)),
                  request.reply_to)
    if not found.named and found.event is None:
        raise Mistake("Which directive? Give its number (113 or D-2026-0113, P12 for a proposal), "
                      "or write this as a reply to its message.", call.command)
    return found, rest


async def find(tools: Tools, request: Request, wanted: Which, stage: str = "confirmed"
               ) -> list[Directive]:
    """The directives, when the person who asks may see them; of a message those of that stage, if
    it has any. Raises Mistake."""
    found: list[Directive] = []
    if wanted.number is not None:
        number = wanted.number
        order = await directives.find(tools.db, number.serial, number.year)
        if order is None or (number.department or "D") != "D":
            raise Mistake(f"There is no directive {number.text or number.serial}. "
                          f"{request.prefix}directive list all shows them.")
        found = [order]
    for row in wanted.proposals:
        order = await directives.by_id(tools.db, row)
        if order is None:
            raise Mistake(f"There is no proposal P{row}.")
        found.append(order)
    if not wanted.named and wanted.event:
        about = await directives.of_event(
            tools.db, wanted.event, await question_of(tools, wanted.event))
        found = [order for order in about if order.stage == stage] or about
        if not found:
            raise Mistake("I know of no order in that message. "
                          f"{request.prefix}directive new POST: WHAT, as a reply to it, makes one.")
    for order in found:
        await may_see(tools, request, order.room_id, order.name)
    return found


async def only(tools: Tools, request: Request, wanted: Which, verb: str, rest: str) -> Directive:
    """The one order that is meant. Raises Mistake, and Unclear when a message gave several."""
    found = await find(tools, request, wanted)
    if len(found) == 1:
        if found[0].stage != "confirmed":
            raise Mistake(refusal(directing.not_confirmed(found[0]), request))
        return found[0]
    raise Unclear("Which of these?", [
        (f"{order.name}: {render.isolate(render.one(order.action, 80))}",
         f"directive {verb} {order.name} {rest}".rstrip()) for order in found[:9]])


async def may_see(tools: Tools, request: Request, room_id: str, name: str) -> None:
    """Raises Mistake when it belongs to a room that the person is not in."""
    if room_id != request.room_id and not await tools.matrix.is_joined(
            room_id, request.actor.mxid):
        raise Mistake(f"{name} belongs to a room that you are not in.")


async def question_of(tools: Tools, event_id: str) -> str:
    """The transaction id of the bot's own message, "" for anything else."""
    seen = await botbooks.event(tools.db, event_id)
    if seen is None or seen.sender != tools.matrix.user_id:
        return ""
    txn_id = json.loads(seen.content).get(TXN_KEY)
    return txn_id if isinstance(txn_id, str) else ""


async def found_answers(tools: Tools, request: Request, wanted: Which) -> list[Answer]:
    """The answers that are named, or those of the message replied to. Raises Mistake."""
    if wanted.answers:
        found = await answers.by_ids(tools.db, wanted.answers)
        if len(found) != len(wanted.answers):
            raise Mistake(f"There is no answer A{min(set(wanted.answers) - {a.id for a in found})}."
                          )
    elif not wanted.named and wanted.event:
        found = await answers.of_event(
            tools.db, wanted.event, await question_of(tools, wanted.event))
    else:
        found = []
    for answer in found:
        await may_see(tools, request, answer.room_id, answer.name)
    return found


# Posts


def posts_meant(order: Directive, rest: str, request: Request, verb: str, before: str = ""
                ) -> tuple[list[str], str]:
    """(the live posts that a command means, what follows): the one that is named, all of them, or
    the only one. Raises Unclear when several have it and none is named, Mistake when none has."""
    live = [charge.post for charge in order.live]
    words = fold.tokens(rest)
    for post in sorted((c.post for c in order.charges), key=len, reverse=True):
        named = fold.tokens(post)
        if named and words[:len(named)] == named:
            return [post], _after(rest, len(named))
    if words[:1] and words[0] in map(texts.fold, ALL):
        return live, _after(rest, 1)
    if len(live) == 1:
        return live, rest
    if not live:
        raise Mistake(f"{order.name} has ended for everybody; {request.prefix}directive show "
                      f"{order.name} says how.")
    said = f" {before}".rstrip()
    readings = [("all of them", f"directive {verb} {order.name}{said} all {rest}".rstrip())]
    readings += [(render.isolate(post),
                  f"directive {verb} {order.name}{said} {post} {rest}".rstrip())
                 for post in live[:8]]
    raise Unclear(f"{order.name} is with {len(live)} posts. Which one?", readings)


def _after(rest: str, tokens: int) -> str:
    """What follows the first words (as fold.tokens counts them)."""
    found = fold.words(rest)
    return rest[found[tokens - 1].end:].strip(" ,:،") if len(found) >= tokens else ""


def followed(unit: Unit[Any], request: Request, command: Command | None = None) -> Unit[Any]:
    """The unit; what the archive refuses becomes a Mistake in words."""
    try:
        return (yield from unit)
    except directing.Refused as refused:
        raise Mistake(refusal(refused, request), command) from None


def refusal(refused: directing.Refused, request: Request) -> str:
    """The sentence for what cannot be done to a directive as it stands."""
    order, prefix, post = refused.directive, request.prefix, render.isolate(refused.post)
    charge = order.charge(refused.post)
    return {
        "not_confirmed": f"{order.name} is only a proposal; {prefix}directive confirm {order.name} "
                         "makes it an order.",
        "confirmed": f"{order.name} is confirmed already.",
        "dismissed": f"{order.name} was dismissed; {prefix}directive new as a reply to the message "
                     "makes a new one.",
        "ended": f"{order.name} has ended for {post or 'everybody'} already"
                 f"{f': {charge.state}' if charge else ''}.",
        "no_charge": f"{order.name} is not with {post}: it is with "
                     f"{', '.join(render.isolate(each.post) for each in order.charges)}.",
        "same": f"{order.name} stands so already for {post}.",
        "early": f"That date does not come after the order, which was given "
                 f"{render.when(order.given_at, request.zone)}.",
    }[refused.why]


# list


@dataclass(frozen=True)
class Wanted:
    """Which directives: `kind` of KINDS or BY, with its word."""

    kind: str
    word: str = ""


@dataclass(frozen=True)
class Listing:
    """What was asked for, and what there is."""

    title: str
    orders: list[Directive]
    total: int


def parse_list(call: Call, request: Request) -> Wanted:
    """One of KINDS, or one of BY and a word."""
    whole = texts.fold(texts.one_line(call.rest))
    first, _, rest = whole.partition(" ")
    for name, words in KINDS.items():
        if (not whole and name == "open") or whole in words:
            return Wanted(name)
    for name, words in BY.items():
        if first in words:
            if not rest:
                raise Mistake(f"Which {name}? For example: directive list {name} "
                              f"{'DEO Sibi' if name == 'post' else 'Sibi'}.", call.command)
            return Wanted(name, rest)
    near = difflib.get_close_matches(first, [*KINDS, *BY], 1, 0.6)
    wrong = texts.shorten(texts.one_line(call.rest), 40)
    raise Mistake(f"I cannot list {wrong!r}{f'; did you mean {near[0]}?' if near else '.'}",
                  call.command, f"directive list {near[0]} {rest}".rstrip() if near and (
                      near[0] in KINDS or rest) else "")


async def rooms_of(tools: Tools, request: Request) -> tuple[str, ...]:
    """The room asked in; none, for all of them, in the staff room and in a private talk with an
    admin or staff."""
    if request.room_id == await settings.get(tools.db, rooms.STAFF_ROOM):
        return ()
    bridge = tools.config.bridge
    everywhere = request.actor.mxid in (*bridge.admins, *bridge.staff) and (
        await tools.matrix.private_with(request.room_id, request.actor.mxid))
    return () if everywhere else (request.room_id,)


async def do_list(tools: Tools, request: Request, wanted: Wanted) -> Unit[Listing]:
    """The directives of this room; in the staff room, of every room."""
    here = await rooms_of(tools, request)
    base_filter, title = Filter(room_ids=here, live=True, order="due"), ""
    match wanted.kind:
        case "overdue":
            chosen = replace(base_filter, overdue_at=request.at)
        case "mine":
            chosen = replace(base_filter, holder_mxid=request.actor.mxid)
            title = f"Open directives with {render.isolate(request.actor.name)}"
        case "proposed":
            chosen = Filter(("proposed",), here)
        case "done":
            chosen = Filter(room_ids=here, states=("complied",))
        case "all":
            chosen = Filter(room_ids=here)
        case "post":
            chosen = replace(base_filter, post=wanted.word)
            title = f"Open directives with {render.isolate(wanted.word)}"
        case "district":
            chosen = replace(base_filter, district=wanted.word)
            title = f"Open directives of district {render.isolate(wanted.word)}"
        case _:
            chosen = base_filter
    found, total = await directives.listing(tools.db, chosen, LISTED)
    title = title or f"{wanted.kind.capitalize()} directives"
    return base.result(Listing(title + (" of this room" if here else ""), found, total))


def render_list(listing: Listing, request: Request) -> list[Say]:
    """The soonest first."""
    return [base.Answer(*render.fitting(
        lambda rows: sheets.listed(listing.title, listing.orders[:rows], listing.total, request),
        len(listing.orders)))]


# show


@dataclass(frozen=True)
class Shown:
    """A directive with all that is known of it."""

    order: Directive
    deeds: list[Deed]
    answers: list[Answer]
    case: str


def parse_one(call: Call, request: Request) -> Which:
    """A directive, and nothing else."""
    wanted, rest = which(call, request)
    if rest:
        raise Mistake(f"{request.prefix}{call.command.name} takes a directive and nothing else.",
                      call.command)
    return wanted


async def do_show(tools: Tools, request: Request, wanted: Which) -> Unit[list[Shown]]:
    """Read everything; of a message all its orders."""
    shown = []
    for order in (await find(tools, request, wanted))[:5]:
        case = await cases.by_id(tools.db, order.case_id) if order.case_id else None
        shown.append(Shown(order, await directives.deeds(tools.db, order.id),
                           await answers.of(tools.db, order.id), case.number if case else ""))
    return base.result(shown)


def render_show(shown: Sequence[Shown], request: Request) -> list[Say]:
    """A sheet each."""
    return [base.Answer(*render.fitting(
        lambda rows, one=one: sheets.sheet(one.order, one.deeds[-rows:], one.answers, one.case,
                                           request), len(one.deeds))) for one in shown]


LOOKING_COMMANDS = [
    Command("directive list", "[open|overdue|mine|proposed|done|all|post POST|district NAME]",
            "Lists the directives of this room, the soonest due first; in the staff room those of "
            "all rooms.",
            ("ls", "فہرست"), parse_list, do_list, render_list, role="viewer",
            examples=("directive list", "directive list overdue",
                      "directive list post DEO Sibi", "ہدایات فہرست")),
    Command("directive show", "N",
            "Shows a directive with its message, its posts and its whole life. N may be left out "
            "in a reply to the message.",
            ("view", "دکھاؤ"), parse_one, do_show, render_show, takes_number=True, role="viewer",
            examples=("directive show 113",)),
]
