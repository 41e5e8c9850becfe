"""`!post assign`, `transfer`, `vacate`, `list` and `history`: who is posted where, from when on."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive import days, directory, postings, posts
from archive.db import Database, Unit
from archive.gazetteer import PostName
from archive.postings import By, Change, Taken
from bot import render
from bot.commands import naming
from bot.commands.base import (
    Answer,
    Call,
    Command,
    Mistake,
    Request,
    Say,
    Tools,
    result,
)
from bot.commands.naming import Someone
from bot.commands.who import Many, listed
from nlp import words as texts

LISTS = {"vacant": ("vacant", "empty", "خالی"), "district": ("district", "ضلع"),
         "division": ("division", "ڈویژن")}


@dataclass(frozen=True)
class Order:
    """What is to be done: the words before the date, the date, and the call."""

    text: str
    day: str
    call: Call
    dated: bool


@dataclass(frozen=True)
class Done:
    """What was changed, and for what."""

    post: PostName
    changes: Sequence[Change]


class _Tried(Exception):
    """Carries what would change out of a transaction that is thereby undone."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def parse_order(call: Call, request: Request) -> Order:
    """Words and perhaps `from DATE`."""
    text, day = naming.take_day(texts.one_line(call.rest), request, call.command)
    if not text:
        raise Mistake("Which post?", call.command)
    return Order(text, day, call, text != texts.one_line(call.rest))


def _since(order: Order) -> str:
    """The date as it was given, to be said again."""
    if not order.dated:
        return ""
    return f" from {order.day or naming.UNKNOWN[0]}"


# assign


async def do_assign(tools: Tools, request: Request, order: Order) -> Unit[Done]:
    """Put a person into a post."""
    post, rest = await naming.take_post(
        tools, order.text, order.call, "{post} {rest}" + _since(order))
    someone = await naming.person(
        tools, request, rest, order.call, f"post assign {post} {{person}}{_since(order)}")
    for each in await postings.of_post(tools.db, post):
        if each.person_id == someone.id and each.holds(order.day or naming.today(request)):
            raise Mistake(f"{render.isolate(each.person)} holds {post} already, "
                          f"{naming.span(each, order.day)}.")
    return _changing(tools, request, post, someone, order.day, alone=False)


def _changing(tools: Tools, request: Request, post: PostName, someone: Someone, day: str,
              alone: bool) -> Unit[Done]:
    """Put somebody into a post, with `alone` out of all others. Raises Mistake."""
    kind = naming.book_of(tools).kinds.get(post.kind)
    several, by = bool(kind and kind.several), _by(request)
    person_id = yield from someone.ensure(request.at)
    post_id = yield from posts.ensure(post)
    try:
        if alone:
            changes = yield from postings.transfer(person_id, post_id, day, by, several=several)
        else:
            changes = yield from postings.assign(
                post_id, person_id, day, None, by, several=several)
    except Taken as taken:
        raise Mistake(
            f"{post} is held by {render.isolate(taken.posting.person)}, "
            f"{naming.span(taken.posting, day)}; vacate it first: {request.prefix}post vacate "
            f"{post} from {taken.posting.since or naming.today(request)}") from None
    return Done(post, changes)


def _by(request: Request) -> By:
    return By(request.actor, request.at, request.event_id)


async def preview_assign(tools: Tools, request: Request, order: Order) -> str:
    """What else would change; "" when nobody but the person is concerned."""
    done = await _try(tools.db, await do_assign(tools, request, order))
    return "" if len(done.changes) < 2 else _words(done)


async def _try(db: Database, unit: Unit[Done]) -> Done:
    def undone() -> Unit[Done]:
        raise _Tried((yield from unit))
    try:
        return await db.write(undone())
    except _Tried as tried:
        return tried.done


# transfer


async def do_transfer(tools: Tools, request: Request, order: Order) -> Unit[Done]:
    """A person leaves all posts for one."""
    before, post = await naming.last_post(tools, order.text, order.call)
    someone = await naming.person(
        tools, request, before, order.call, f"post transfer {{person}} {post}{_since(order)}")
    if not order.day:
        raise Mistake("A transfer needs its date.", order.call.command)
    return _changing(tools, request, post, someone, order.day, alone=True)


async def preview_transfer(tools: Tools, request: Request, order: Order) -> str:
    """What would change."""
    done = await _try(tools.db, await do_transfer(tools, request, order))
    return _words(done) if done.changes else ""


# vacate


async def do_vacate(tools: Tools, request: Request, order: Order) -> Unit[Done]:
    """Nobody holds the post from a day on; of a post of several, one person leaves."""
    post, rest = await naming.take_post(
        tools, order.text, order.call, "{post} {rest}" + _since(order))
    day = order.day or naming.today(request)
    held = [each for each in await postings.of_post(tools.db, post)
            if each.holds(day) or each.since >= day]
    if not held:
        raise Mistake(f"Nobody holds {post} {'now' if day == naming.today(request) else 'then'}.")
    someone = await naming.person(
        tools, request, rest, order.call, f"post vacate {post} {{person}}{_since(order)}"
    ) if rest else None
    if someone and someone.id not in [each.person_id for each in held]:
        raise Mistake(f"{render.isolate(someone.name)} does not hold {post}.")
    if not someone and len({each.person_id for each in held if each.holds(day)}) > 1:
        raise Mistake(f"{len(held)} people hold {post}; say who leaves it: "
                      f"{', '.join(render.isolate(each.person) for each in held)}.",
                      order.call.command)

    def unit() -> Unit[Done]:
        post_id = yield from posts.ensure(post)
        return Done(post, (yield from postings.vacate(
            post_id, day, _by(request), someone.id if someone else None)))
    return unit()


async def preview_vacate(tools: Tools, request: Request, order: Order) -> str:
    """What would be taken back, or end for several; "" when one posting ends, as was asked."""
    done = await _try(tools.db, await do_vacate(tools, request, order))
    plain = len(done.changes) == 1 and done.changes[0].kind == "end"
    return "" if plain else _words(done)


def render_done(done: Done, request: Request) -> list[Say]:
    """What was changed."""
    words = _words(done) or f"{done.post}: nothing changes."
    return [Answer(words, render.html(words))]


def _words(done: Done) -> str:
    return "\n".join(map(change_words, done.changes))


def change_words(change: Change) -> str:
    """`DEO Sibi: Sajid Ali from 1 Apr 2026`; `DEO Kohlu: Sajid Ali leaves on …`"""
    who = render.isolate(change.person)
    since, _, until = (change.after or change.before or "").partition("..")
    start = f" from {days.shown(since)}" if since else ""
    end = f" until {days.shown(until)}" if until else ""
    if change.kind == "assign":
        return f"{change.post}: {who}{start}{end}."
    if change.kind == "end":
        return f"{change.post}: {who} leaves on {days.shown(until)}."
    if change.kind == "remove":
        return f"{change.post}: {who}{start} is taken back."
    return f"{change.post}: {who}{start}{end}, as is known now."


# list


@dataclass(frozen=True)
class Wanted:
    """Which posts: vacant ones, those of a place, or all."""

    vacant: bool
    place: str
    call: Call


def parse_list(call: Call, request: Request) -> Wanted:
    """`vacant`, `district X`, `division X`, or the name of a place."""
    words = texts.one_line(call.rest).split()
    vacant = bool(words) and texts.fold(words[0]) in LISTS["vacant"]
    words = words[1:] if vacant else words
    if words and texts.fold(words[0]) in LISTS["district"]:
        words = words[1:]
    elif words and texts.fold(words[0]) in LISTS["division"]:
        words = [*words[1:], "Division"]
    return Wanted(vacant, " ".join(words), call)


async def do_list(tools: Tools, request: Request, wanted: Wanted) -> Unit[Many]:
    """The posts that there must be, and those that anybody has named, with who holds them."""
    book, day = naming.book_of(tools), naming.today(request)
    place = book.place(wanted.place) if wanted.place else None
    if wanted.place and place is None:
        near = book.nearest_place(wanted.place)
        verb = "post list vacant" if wanted.vacant else "post list"
        raise Mistake(f"I know no place {wanted.place!r}"
                      + (f"; did you mean {near}?" if near else "."), wanted.call.command,
                      f"{verb} {near}" if near else "")
    held = await postings.on_day(tools.db, day)
    known = [each.post for each in await posts.every(tools.db)]
    every = sorted({*book.everywhere(day), *held, *known})
    shown = [post for post in every if not (wanted.vacant and post in held) and (
        place is None or book.in_place(post, place.name, day))]
    reach = await directory.persons(
        tools.db, {each.person_id for found in held.values() for each in found})
    rows = [(str(post), each.person if each else "",
             naming.address(reach[each.person_id]) if each else "")
            for post in shown for each in (held.get(post) or [None])]
    head = f"{'Vacant posts' if wanted.vacant else 'Posts'}{f', {place.name}' if place else ''}"
    return result(Many(f"{head} ({len(shown)})", rows))


def render_list(found: Many, request: Request) -> list[Say]:
    """The list."""
    return [listed(found)]


# history


@dataclass(frozen=True)
class History:
    """What was done to the postings of a post."""

    post: PostName
    changes: Sequence[Change]


def parse_history(call: Call, request: Request) -> Order:
    """A post."""
    if not call.rest.strip():
        raise Mistake("Of which post?", call.command)
    return Order(texts.one_line(call.rest), "", call, False)


async def do_history(tools: Tools, request: Request, order: Order) -> Unit[History]:
    """Read it."""
    post, _ = await naming.take_post(tools, order.text, order.call)
    return result(History(post, await postings.changes(tools.db, post)))


def render_history(found: History, request: Request) -> list[Say]:
    """Every change, oldest first."""
    if not found.changes:
        words = f"Nothing was ever changed about {found.post}."
        return [Answer(words, render.html(words))]

    def build(count: int) -> tuple[str, str]:
        rows = [(render.when(each.at, request.zone), each.actor.name or "the file",
                 change_words(each)) for each in found.changes[-count:]]
        text = [f"{at}, {render.isolate(who)}: {what}" for at, who, what in rows]
        return (f"{found.post}\n" + "\n".join(f"• {line}" for line in text),
                f"<p><strong>{render.html(str(found.post))}</strong></p>"
                + render.table(("When", "Who", "What"), rows))
    return [Answer(*render.fitting(build, len(found.changes)))]


POST_COMMANDS = [
    Command("post assign", "POST PERSON [from DATE]",
            "Puts a person into a post, from today or another day on; who held it is relieved, "
            "after you have said ✅. PERSON is a name, a Matrix id, or a number with a name when "
            "the person is new.",
            ("appoint", "تعینات", "مقرر"), parse_order, do_assign, render_done,
            examples=("post assign DEO Sibi Ghulam Haider from 1 Apr 2026",
                      "post assign DEO Kohlu +92 300 1234567 Mir Hazar"),
            role="officer", preview=preview_assign),
    Command("post transfer", "PERSON POST [from DATE]",
            "A person leaves every post for this one, after you have said ✅.",
            ("move", "shift", "تبادلہ"), parse_order, do_transfer, render_done,
            examples=("post transfer Sajid Ali DEO Kohlu from 01-09-2026",),
            role="officer", preview=preview_transfer),
    Command("post vacate", "POST [PERSON] [from DATE]",
            "Nobody holds the post from today or another day on. What began that day or later is "
            "taken back, after you have said ✅.",
            ("relieve", "leave", "خالی", "فارغ"), parse_order, do_vacate, render_done,
            examples=("post vacate DEO Sibi from 30-06-2026",), role="officer",
            preview=preview_vacate),
    Command("post list", "[vacant] [district NAME|division NAME]",
            "The posts that there are, and who holds them today; or those that nobody holds.",
            ("show", "فہرست"), parse_list, do_list, render_list,
            examples=("post list district Sibi", "post list vacant",
                      "post list vacant division Makran")),
    Command("post history", "POST",
            "Every change of who holds the post: who made it, when, what.",
            ("log", "تاریخ"), parse_history, do_history, render_history,
            examples=("post history DEO Sibi",)),
]
