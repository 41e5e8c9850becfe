"""`!directive confirm`, `dismiss`, `new` and `edit`: how a proposal becomes an order, or not."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archive import answers, directing, directives, orderwords
from archive.answers import Answer as Answered
from archive.db import Unit
from archive.directing import By, Charged
from archive.directives import Directive, Finding, Heard
from bot import charging, render, sheets
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools
from bot.commands.directives import (
    Which,
    find,
    followed,
    found_answers,
    may_see,
    question_of,
    which,
)
from bot.commands.opening import paper_of
from bot.commands.written import LONGEST, PARTS, Written, prefilled, with_part, written
from nlp import deadlines, schools
from nlp import words as texts

# confirm


@dataclass(frozen=True)
class Confirming:
    """What is confirmed, and what staff say instead of what was read."""

    which: Which
    written: Written


@dataclass(frozen=True)
class Confirmed:
    """What became of it: orders with a remark each, and answers with their orders."""

    orders: tuple[tuple[Directive, tuple[str, ...]], ...]
    answers: tuple[tuple[Answered, Directive], ...] = ()
    passed: tuple[str, ...] = ()  # what somebody else was quicker with


def parse_confirm(call: Call, request: Request) -> Confirming:
    """Proposals, and perhaps corrections."""
    wanted, rest = which(call, request)
    said = written(rest, request, call.command)
    if not said.empty and (len(wanted.proposals) > 1 or wanted.answers):
        raise Mistake("Corrections are of one proposal: name one.", call.command)
    return Confirming(wanted, said)


async def do_confirm(tools: Tools, request: Request, wanted: Confirming) -> Unit[Confirmed]:
    """Number them, each with the posts that it charges and who holds them on its day."""
    judged = await found_answers(tools, request, wanted.which)
    named = wanted.which.number or wanted.which.proposals
    orders = [] if judged and not named else await find(
        tools, request, wanted.which, "proposed")
    if not wanted.written.empty and len(orders) > 1:
        raise Mistake("That message has several proposals: name the one that you correct, as in "
                      f"{request.prefix}directive confirm {orders[0].name} | …")
    prepared = [await _prepared(tools, request, order, wanted.written) for order in orders]
    return followed(_confirmed(prepared, judged, request, CONFIRM), request)


Prepared = tuple[Directive, Finding | None, list[Charged], list[str]]


async def _prepared(tools: Tools, request: Request, order: Directive, said: Written) -> Prepared:
    finding = said.over(Finding(order.event_id, order.addressees, order.action, order.due_at,
                                order.due_hour, order.cc, order.channel))
    if not finding.to:
        raise Mistake(f"To whom? {prefilled(order, request)} with a post after to: says it.")
    charged, notes = await charging.charged(
        tools.offices_of(), finding.to, charging.day_of(order.given_at, request.zone))
    return order, None if said.empty else finding, charged, notes


def _confirmed(prepared: Sequence[Prepared], judged: Sequence[Answered], request: Request,
               command: Command) -> Unit[Confirmed]:
    by = By(request.actor, request.at, request.event_id)
    year = datetime.fromtimestamp(request.at / 1000, request.zone).year
    orders, accepted, passed = [], [], list[str]()
    many = len(prepared) + len(judged) > 1
    for order, finding, charged, notes in prepared:
        now = yield from directives.one(order.id)
        if many and now.stage != "proposed":
            passed.append(f"{now.name} is {now.stage} already.")
            continue
        if finding is not None:
            yield from directing.correct(order.id, finding)
        orders.append(((yield from directing.confirm(order.id, year, charged, by)), tuple(notes)))
    for answer in judged:
        now = yield from directives.one(answer.directive_id)
        charge = now.charge(answer.post)
        if charge is None or not charge.live or charge.state == answer.state:
            if not many:
                raise directing.Refused(now, "ended" if charge else "no_charge", answer.post)
            passed.append(f"{now.name} stands otherwise for {render.isolate(answer.post)} already.")
            continue
        accepted.append((answer, (yield from answers.accept(answer, by))))
    return Confirmed(tuple(orders), tuple(accepted), tuple(passed))


def render_confirm(done: Confirmed, request: Request) -> list[Say]:
    """The numbers, to whom, until when, and what is odd."""
    text, markup = list[str](), list[str]()
    for order, notes in done.orders:
        who = [render.isolate(charge.post) + f" ({render.isolate(charge.holder) or 'vacant'})"
               for charge in order.charges]
        shown = "; ".join(who[:12]) + (f" and {len(who) - 12} more" if len(who) > 12 else "")
        rest = (f" is with {shown}: {render.isolate(render.one(order.action, 160))}, "
                f"{orderwords.due_words(order, lambda at: render.when(at, request.zone))}.")
        text += [f"{order.name}{rest}", *(f"⚠ {note}" for note in notes)]
        markup += [f"{sheets.link(order, request)}{render.html(rest)}",
                   *(f"⚠ {render.html(note)}" for note in notes)]
    for answer, order in done.answers:
        state = orderwords.STATE_WORDS[answer.state]
        rest = f": {render.isolate(answer.post)} · {state}."
        text.append(f"{order.name}{rest}")
        markup.append(f"{sheets.link(order, request)}{render.html(rest)}")
    text += done.passed
    markup += map(render.html, done.passed)
    return [Answer("\n".join(text) or "Nothing was done.",
                   "<br>".join(markup) or "Nothing was done.")]


# edit


async def do_edit(tools: Tools, request: Request, wanted: Which) -> Unit[list[str]]:
    """The commands that correct what was read, filled in."""
    judged = await found_answers(tools, request, wanted)
    commands = []
    if wanted.proposals or not judged:
        commands = [prefilled(order, request)
                    for order in await find(tools, request, wanted, "proposed")]
    for answer in judged:
        order = await directives.by_id(tools.db, answer.directive_id)
        state = answer.state.replace("_", " ").replace("complied", "done")
        commands.append(f"{request.prefix}directive status {order.name if order else ''} {state} "
                        f"{answer.post}")
    return _given(commands)


def _given(value: Any) -> Unit[Any]:
    return value
    yield  # makes it a generator


def render_edit(commands: list[str], request: Request) -> list[Say]:
    """To be copied, changed and sent."""
    head = "Copy this, change what is wrong, and send it:"
    return [Answer("\n".join([head, *commands]), f"{render.html(head)}" + "".join(
        f"<pre><code>{render.html(command)}</code></pre>" for command in commands))]


# dismiss


def parse_dismiss(call: Call, request: Request) -> tuple[Which, str]:
    """Proposals, and perhaps why."""
    wanted, rest = which(call, request)
    return wanted, texts.shorten(texts.one_line(rest), LONGEST)


async def do_dismiss(tools: Tools, request: Request, order: tuple[Which, str]
                     ) -> Unit[tuple[str, ...]]:
    """They are none."""
    wanted, why = order
    judged = await found_answers(tools, request, wanted)
    named = wanted.number or wanted.proposals
    orders = [] if judged and not named else await find(tools, request, wanted, "proposed")
    by = By(request.actor, request.at, request.event_id)

    def unit() -> Unit[tuple[str, ...]]:
        names = []
        for each in orders:
            now = yield from directives.one(each.id)
            if len(orders) > 1 and now.stage != "proposed":
                continue
            yield from directing.dismiss(each.id, why, by)
            names.append(each.name)
        for answer in judged:
            yield from answers.dismiss(answer, by)
            names.append(answer.name)
        return tuple(names)
    return followed(unit(), request)


def render_dismiss(names: tuple[str, ...], request: Request) -> list[Say]:
    """That it is none."""
    words = (f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} dismissed." if names
             else "Nothing was left to dismiss.")
    return [Answer(words, render.html(words))]


# new


@dataclass(frozen=True)
class New:
    """An order by hand, and the message that gave it."""

    finding: Finding
    event: str


def parse_new(call: Call, request: Request) -> New:
    """`POST: WHAT`, or the parts one by one; as a reply to the message that gave the order, or by
    itself."""
    rest = texts.clean(call.rest)
    event = request.reply_to or request.event_id
    head, colon, what = rest.partition(":")
    if "|" not in rest and colon and texts.fold(head.strip()) not in PARTS["to"]:
        said = with_part(Written(), "to", texts.one_line(head), request, call.command)
        said = replace(said, action=texts.shorten(texts.one_line(what), LONGEST))
        found = request.calendar and deadlines.read(what, datetime.fromtimestamp(
            request.at / 1000, request.zone), request.calendar)
        if found and found.due:
            said = replace(said, due=(int(found.due.timestamp() * 1000), "T" in found.said))
    else:
        said = written(rest, request, call.command)
    if not said.to:
        raise Mistake("An order needs a post: directive new DEO Sibi: send the report by Monday.",
                      call.command)
    if not said.action and request.reply_to is None:
        raise Mistake("What is asked for? Say it after the post, or write this as a reply to the "
                      "message.", call.command)
    return New(said.over(Finding(event, (), "")), event)


async def do_new(tools: Tools, request: Request, new: New) -> Unit[Confirmed]:
    """Propose and confirm it at once."""
    heard = await _message(tools, request, new)
    finding = new.finding
    if not finding.action:
        finding = replace(finding, action=texts.shorten(texts.one_line(heard.text), LONGEST))
    if finding.due_at is not None and finding.due_at <= heard.at:
        raise Mistake("That date does not come after the message, which was written "
                      f"{render.when(heard.at, request.zone)}.", NEW)
    charged, notes = await charging.charged(
        tools.offices_of(), finding.to, charging.day_of(heard.at, request.zone))
    by = By(request.actor, request.at, request.event_id)
    codes = schools.codes(heard.text)

    def unit() -> Unit[Confirmed]:
        row = yield from directing.again(heard, finding, by, codes[0] if codes else "")
        year = datetime.fromtimestamp(request.at / 1000, request.zone).year
        order = yield from directing.confirm(row, year, charged, by)
        return Confirmed(((order, tuple(notes)),))
    return followed(unit(), request, NEW)


async def _message(tools: Tools, request: Request, new: New) -> Heard:
    """The message that gave the order; the command itself when it replies to none."""
    if request.reply_to is None:
        return Heard(request.event_id, request.room_id, request.actor.mxid, request.actor.name,
                     request.at, new.finding.action)
    if await question_of(tools, request.reply_to):
        raise Mistake("That is my own message; reply to the one that gave the order.", NEW)
    known = await directives.of_message(tools.db, request.reply_to)
    if known:
        await may_see(tools, request, known[0].room_id, known[0].name)
        first = known[0]
        return Heard(first.event_id, first.room_id, first.giver, first.giver_name, first.given_at,
                     first.said, first.record_id)
    paper = await paper_of(tools, request, request.reply_to)
    return Heard(paper.event_id, request.room_id, paper.sender, paper.sender_name, paper.sent_at,
                 paper.excerpt, paper.record_id)




CONFIRM = Command(
    "directive confirm", "P12 … [| to: POST, … | do: WHAT | by: DATE | cc: POST | via: CHANNEL]",
    "Makes proposals orders with a number, with what you say instead of what I read; or accepts "
    "that a message answers an order (A7). P12 may be left out in a reply to the message.",
    ("accept", "yes", "تصدیق", "منظور"), parse_confirm, do_confirm, render_confirm,
    takes_number=True,
    examples=("directive confirm P12", "directive confirm P12 | to: DEO (F) Sibi | by: 27 Nov",
              "ہدایت تصدیق P12 | بنام: DEO Sibi | تک: پیر"))
NEW = Command(
    "directive new", "POST: WHAT [by DATE] | to: POST, … | do: WHAT | by: DATE | cc: POST",
    "An order by hand, as a reply to the message that gave it; by itself, the order is yours.",
    ("give", "نیا", "جاری"), parse_new, do_new, render_confirm,
    examples=("directive new DEO Sibi: send the list of closed schools by Monday",
              "directive new to: DEO Kech, DEO Gwadar | do: report | by: 27 Nov"))


def _parse_edit(call: Call, request: Request) -> Which:
    return which(call, request)[0]


ORDERING_COMMANDS = [
    CONFIRM,
    Command("directive dismiss", "P12 … [WHY]",
            "The proposals are no orders, or (A7) no answers.",
            ("drop", "مسترد", "خارج"), parse_dismiss, do_dismiss, render_dismiss,
            takes_number=True, examples=("directive dismiss P12 an appeal",)),
    NEW,
    Command("directive edit", "P12 …",
            "Gives you the command that confirms a proposal, filled in with what I read.",
            ("correct", "ترمیم", "درست"), _parse_edit, do_edit, render_edit, takes_number=True,
            examples=("directive edit P12",)),
]
