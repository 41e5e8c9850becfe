"""`!directive done`, `status`, `due`, `assign`, `remind`, `escalate` and `withdraw`: an order on
its way."""
from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from archive import botbooks, directing, duties, orderwords
from archive.db import Unit
from archive.directing import By, Charged
from archive.directives import Directive
from bot import charging, chasing, polite, render, sheets
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Told, Tools
from bot.commands.directives import (
    ALL,
    Which,
    followed,
    only,
    posts_meant,
    question_of,
    refusal,
    which,
)
from bot.commands.written import LONGEST, read_due
from nlp import words as texts

T = TypeVar("T")

# How far a post has come, and other words for it.
STATES: dict[str, tuple[str, ...]] = {
    "acknowledged": ("acknowledged", "ack", "noted", "موصول", "نوٹ"),
    "in_progress": ("in progress", "in_progress", "inprogress", "started", "under way", "جاری",
                    "زیر عمل"),
    "complied": ("done", "complied", "complete", "completed", "مکمل", "تعمیل"),
    "refused": ("refused", "refuses", "declined", "انکار"),
}
_TO = re.compile(r"^(?:to|from)\s+", re.I)
_INSTEAD = re.compile(r"\s+(?:from|instead of|بجائے)\s+", re.I)


@dataclass(frozen=True)
class On:
    """A directive, and what is said of it. `state`: for status and done."""

    which: Which
    text: str = ""
    state: str = ""


def parse_text(call: Call, request: Request) -> On:
    """A directive, and perhaps a post and words."""
    wanted, rest = which(call, request)
    return On(wanted, texts.shorten(texts.clean(rest), LONGEST))


def _changed(order: Directive, words: str, request: Request) -> list[Say]:
    return [Answer(f"{order.name} {words}", f"{sheets.link(order, request)} {render.html(words)}")]


def _by(request: Request) -> By:
    return By(request.actor, request.at, request.event_id)


# assign


async def do_assign(tools: Tools, request: Request, on: On) -> Unit[tuple[Directive, str]]:
    """Another post has it, instead of the only one or of the one that is named."""
    title = _TO.sub("", texts.one_line(on.text))
    if not title:
        raise Mistake("To which post?", ASSIGN)
    order = await only(tools, request, on.which, "assign", on.text)
    parts = _INSTEAD.split(title, maxsplit=1)
    live = order.live
    before = ""
    if len(parts) == 2:
        before = posts_meant(order, parts[1], request, "assign")[0][0]
    elif len(live) == 1:
        before = live[0].post
    charged, notes = await charging.charged(
        tools.offices_of(), [parts[0].strip()], charging.day_of(request.at, request.zone))

    def unit() -> Unit[tuple[Directive, str]]:
        made, old = order, before
        for each in charged:
            made = yield from directing.assign(order.id, old, each, _by(request))
            old = ""
        return made, _now_with(charged, notes)
    return followed(unit(), request, ASSIGN)


def _now_with(charged: Sequence[Charged], notes: Sequence[str]) -> str:
    who = "; ".join(f"{render.isolate(each.post)} ({render.isolate(each.holder) or 'vacant'})"
                    for each in charged[:12])
    return "\n".join([f"is with {who} now.", *(f"⚠ {note}" for note in notes)])


def render_words(facts: tuple[Directive, str], request: Request) -> list[Say]:
    """What was done, in a line."""
    return _changed(*facts, request)


# due


async def do_due(tools: Tools, request: Request, on: On) -> Unit[tuple[Directive, str]]:
    """Set the date, or take it away."""
    words = texts.one_line(on.text)
    if not words:
        raise Mistake("Until when? Give a date, or none.", DUE)
    due_at, hour = read_due(words, request, DUE)
    order = await only(tools, request, on.which, "due", words)

    def unit() -> Unit[tuple[Directive, str]]:
        made = yield from directing.due(order.id, due_at, hour, words, _by(request))
        was = f" (before: {render.when(order.due_at, request.zone)})" if order.due_at else ""
        return made, (f"is due {render.when(due_at, request.zone)}{was}." if due_at is not None
                      else f"has no date any more{was}.")
    return followed(unit(), request, DUE)


# done, status


def parse_status(call: Call, request: Request) -> On:
    """A directive, a state, and perhaps a post and words."""
    wanted, rest = which(call, request)
    folded = texts.fold(texts.one_line(rest))
    for state, words in STATES.items():
        for word in sorted(words, key=len, reverse=True):
            if folded == word or folded.startswith(word + " "):
                return On(wanted, texts.one_line(rest)[len(word):].strip(" ,:"), state)
    raise Mistake("A post may have acknowledged it, or be in progress, done or refused; I do not "
                  f"know {texts.shorten(texts.one_line(rest), 40)!r}.", call.command)


def parse_done(call: Call, request: Request) -> On:
    """A directive, and perhaps a post and words."""
    return replace(parse_text(call, request), state="complied")


async def do_move(tools: Tools, request: Request, on: On) -> Unit[tuple[Directive, str]]:
    """Note how far a post has come; as a reply to its answer, at the answer's time."""
    verb = "done" if on.state == "complied" else "status"
    said = "" if on.state == "complied" else on.state.replace("_", " ")
    order = await only(tools, request, on.which, verb, f"{said} {on.text}".strip())
    posts, text = posts_meant(order, on.text, request, verb, said)
    at = await _said_at(tools, request, order)

    def unit() -> Unit[tuple[Directive, str]]:
        made = order
        for post in posts:
            made = yield from directing.move(order.id, post, on.state, at, text, _by(request))
        words = orderwords.STATE_WORDS[on.state]
        return made, f"is {words} for {', '.join(map(render.isolate, posts[:12]))}."
    return followed(unit(), request)


async def _said_at(tools: Tools, request: Request, order: Directive) -> int:
    """When it was said: the time of the answer that the command replies to, else now."""
    if request.reply_to in (None, order.event_id) or await question_of(tools, request.reply_to):
        return request.at
    seen = await botbooks.event(tools.db, request.reply_to)
    return seen.at if seen and seen.room_id == order.room_id else request.at


# remind


@dataclass(frozen=True)
class Reminder:
    """A directive, the posts of it that are reminded, and the words to each."""

    order: Directive
    words: tuple[tuple[str, str], ...]
    root: str = ""


async def _reminder(tools: Tools, request: Request, on: On) -> Reminder:
    order = await only(tools, request, on.which, "remind", on.text)
    posts, _ = posts_meant(order, on.text or (ALL[0] if order.live else ""), request, "remind")
    templates, day = polite.load(tools.config), charging.day_of(request.at, request.zone)
    kind = "overdue" if order.overdue(request.at) else "due" if order.due_at else "unanswered"
    made = []
    for post in posts[:12]:
        charge = order.charge(post)
        if charge is None or not charge.live:
            raise directing.Refused(order, "ended", post)
        name = (await charging.holder_of(tools.offices_of(), post, day))[0]
        made.append((post, chasing.reminder(
            templates, post, name, [chasing.Due(order, charge, kind)], request)))
    return Reminder(order, tuple(made))


async def preview_remind(tools: Tools, request: Request, on: On) -> str:
    """What would be said, and where."""
    found = await _checked(_reminder(tools, request, on), request)
    said = "\n\n".join(words for _, words in found.words)
    return (f"This goes to the WhatsApp group under your name, quoting the order:\n{said}")


async def do_remind(tools: Tools, request: Request, on: On) -> Unit[Reminder]:
    """Say it in the group; the day's own reminder of these posts is then said."""
    found = await _checked(_reminder(tools, request, on), request)
    day = charging.day_of(request.at, request.zone)

    def unit() -> Unit[Reminder]:
        for post, _ in found.words:
            yield from directing.note(found.order.id, "remind", post, "", _by(request))
            yield from duties.once(f"directive-day {day} remind {post}", request.at)
        root = yield from chasing.thread_of(found.order.event_id)
        return replace(found, root=root)
    return unit()


def render_remind(found: Reminder, request: Request) -> list[Say]:
    """The words for the group, and that they are on their way."""
    order = found.order
    says: list[Say] = [Told(words, order.event_id, order.room_id, request.actor.mxid, found.root)
                       for _, words in found.words]
    posts = ", ".join(render.isolate(post) for post, _ in found.words)
    return [*says, *_changed(order, f"has been brought to the mind of {posts}.", request)]


# escalate


@dataclass(frozen=True)
class Escalation:
    """A directive, one post of it, the post above that is told, and the words."""

    order: Directive
    post: str
    above: str
    name: str
    words: Told


async def _escalation(tools: Tools, request: Request, on: On) -> Escalation:
    order = await only(tools, request, on.which, "escalate", on.text)
    named = re.split(r"(?:^|\s+)to\s+", texts.one_line(on.text), maxsplit=1)
    first, above = (named[0], named[1]) if len(named) == 2 else (on.text, "")
    live = order.live
    known = any(charge.post.casefold() == first.strip().casefold() for charge in order.charges)
    if len(live) == 1 and first.strip() and not known and not above:
        first, above = "", first.strip()  # `!directive escalate 113 DC Sibi`
    [post, *more], _ = posts_meant(order, first, request, "escalate")
    if more:
        raise Mistake("One post at a time is escalated: name it.", ESCALATE)
    charge = order.charge(post)
    if charge is None or not charge.live:
        raise directing.Refused(order, "ended", post)
    day, offices = charging.day_of(request.at, request.zone), tools.offices_of()
    above = above or await offices.above(charge.escalated_to or post, day) or ""
    if not above:
        raise Mistake(f"The directory knows nobody above {charge.escalated_to or post}: name the "
                      f"post, as in {request.prefix}directive escalate {order.name} DC Sibi.")
    if above in (post, charge.escalated_to):
        raise Mistake(f"{render.isolate(above)} has it already: the line of authority goes round "
                      "in a circle, and the directory is to be mended; name another post.")
    name = (await charging.holder_of(offices, above, day))[0]
    root = ""
    told = chasing.told_up(polite.load(tools.config), order, post, above, name,
                           request.actor.mxid, root, request)
    return Escalation(order, post, above, name, told)


async def preview_escalate(tools: Tools, request: Request, on: On) -> str:
    """What would be said to whom."""
    found = await _checked(_escalation(tools, request, on), request)
    return ("This goes to the WhatsApp group under your name, quoting the order:\n"
            f"{found.words.text}")


async def do_escalate(tools: Tools, request: Request, on: On) -> Unit[Escalation]:
    """Note it and say it in the group."""
    found = await _checked(_escalation(tools, request, on), request)

    def unit() -> Unit[Escalation]:
        yield from directing.escalate(found.order.id, found.post, found.above, found.name,
                                      _by(request))
        root = yield from chasing.thread_of(found.order.event_id)
        return replace(found, words=replace(found.words, thread=root))
    return followed(unit(), request)


def render_escalate(found: Escalation, request: Request) -> list[Say]:
    """The words for the group, and before whom it is."""
    who = f"{render.isolate(found.above)} ({render.isolate(found.name) or 'vacant'})"
    return [found.words, *_changed(found.order, f"is before {who}.", request)]


async def _checked(waiting: Awaitable[T], request: Request) -> T:
    """What it gives; what the archive refuses becomes a Mistake in words."""
    try:
        return await waiting
    except directing.Refused as refused:
        raise Mistake(refusal(refused, request)) from None


# withdraw


async def preview_withdraw(tools: Tools, request: Request, on: On) -> str:
    """What would end."""
    order, posts, _ = await _withdrawn(tools, request, on)
    return (f"{order.name} is withdrawn from {', '.join(map(render.isolate, posts[:12]))}: "
            f"“{render.isolate(render.one(order.action, 160))}” is asked of them no more. The "
            "record keeps it; the group is not told.")


async def _withdrawn(tools: Tools, request: Request, on: On
                     ) -> tuple[Directive, list[str], str]:
    order = await only(tools, request, on.which, "withdraw", on.text)
    if not order.live:
        posts_meant(order, "", request, "withdraw")
    named = any(on.text.casefold().startswith(charge.post.casefold()) for charge in order.charges)
    posts, text = posts_meant(order, on.text, request, "withdraw") if named else (
        [charge.post for charge in order.live], on.text)
    return order, posts, text


async def do_withdraw(tools: Tools, request: Request, on: On) -> Unit[tuple[Directive, str]]:
    """End it, for one post or for all."""
    order, posts, text = await _withdrawn(tools, request, on)

    def unit() -> Unit[tuple[Directive, str]]:
        made = order
        if len(posts) == len(order.live):
            made = yield from directing.withdraw(order.id, "", text, _by(request))
        else:
            for post in posts:
                made = yield from directing.withdraw(order.id, post, text, _by(request))
        return made, f"is withdrawn from {', '.join(map(render.isolate, posts[:12]))}."
    return followed(unit(), request)


ASSIGN = Command("directive assign", "N POST [instead of POST]",
                 "Gives the order to another post; where several have it, to one more, or instead "
                 "of the one that you name.",
                 ("transfer", "سپرد", "حوالے"), parse_text, do_assign, render_words,
                 takes_number=True, examples=("directive assign 113 DEO (F) Sibi",))
DUE = Command("directive due", "N DATE|none",
              "Until when it is to be done, on the office's calendar.",
              ("deadline", "date", "میعاد", "مقررہ"), parse_text, do_due, render_words,
              takes_number=True, examples=("directive due 113 Monday",))
ESCALATE = Command("directive escalate", "N [POST] [to POST]",
                   "Tells the next post in the line of authority, or the one that you name, in the "
                   "group and under your name, after you have said ✅.",
                   ("raise", "بالا"), parse_text, do_escalate, render_escalate, takes_number=True,
                   role="officer", preview=preview_escalate,
                   examples=("directive escalate 113", "directive escalate 113 to DC Sibi"))
FOLLOWING_COMMANDS = [
    Command("directive done", "N [POST|all] [TEXT]",
            "It is done, by the post, as of now.",
            ("complied", "close", "مکمل", "تعمیل"), parse_done, do_move, render_words,
            takes_number=True, examples=("directive done 113", "directive done 113 DEO Kech")),
    Command("directive status", "N acknowledged|in progress|done|refused [POST|all] [TEXT]",
            "How far the post has come.",
            ("state", "حالت"), parse_status, do_move, render_words, takes_number=True,
            examples=("directive status 113 in progress team is on its way",)),
    DUE,
    ASSIGN,
    Command("directive remind", "N [POST|all]",
            "Reminds in the WhatsApp group, politely, quoting the order, under your name, after "
            "you have said ✅.",
            ("nudge", "یاد", "یاددہانی"), parse_text, do_remind, render_remind, takes_number=True,
            preview=preview_remind, examples=("directive remind 113",)),
    ESCALATE,
    Command("directive withdraw", "N [POST] [WHY]",
            "Nothing is asked any more, of one post or of all, after you have said ✅.",
            ("cancel", "recall", "واپس", "منسوخ"), parse_text, do_withdraw, render_words,
            takes_number=True, role="officer", preview=preview_withdraw,
            examples=("directive withdraw 113 the school has opened",)),
]
