"""Orders, and answers to them, that are read in the groups' messages: proposed in the staff room.

The bot's books are read on from where it last stopped: what a reader finds is kept with the cursor
in one transaction and asked in another, so that a message comes up once, whatever dies. All orders
of one message are one question, and so are all answers of one. An official who edits or deletes an
order changes nothing of it: the record shows both, and staff are told once.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from archive import answers, cases, directing, directives, duties, messages, settings, suggested
from archive.answers import Answer, Answering
from archive.botbooks import SeenEvent
from archive.cases import Actor
from archive.db import Unit
from archive.directing import By
from archive.directives import Directive, Finding, Heard
from archive.questions import Option, Question
from bot import buttons, charging, inbox, render, rooms, sheets
from bot.matrix import MatrixError
from bot.voice import Voice, ask, say
from nlp import schools
from nlp import words as texts

T = TypeVar("T")
log = logging.getLogger("daftar.bot")

CURSOR = "bot.directives"  # setting: the last bot_event.seq that was looked at
EDIT = "✏️"
MANY = 9  # orders of one question that have a reaction of their own


@dataclass(frozen=True)
class Read:
    """What a reader finds in a message."""

    findings: tuple[Finding, ...] = ()
    answers: tuple[Answering, ...] = ()


Reader = Callable[[Heard], Awaitable[Read]]


# Finding


async def find(voice: Voice, reader: Reader | None, now: int) -> bool:
    """Look at what was said since the last time (nothing, the first time); whether there may be
    more to look at. Without a reader only changes of known orders are seen."""
    cursor, events = await suggested.unread(voice.db, name=CURSOR)
    own = await rooms.own(voice.db) if events else frozenset()
    units = [unit for event in events if event.room_id not in own
             and (unit := await _considered(voice, reader, event, now))]
    if events or await settings.get(voice.db, CURSOR) is None:
        await voice.db.write(_keep(cursor, units))
    return bool(events)


def _keep(cursor: int, units: Sequence[Unit[None]]) -> Unit[None]:
    for unit in units:
        yield from unit
    yield from settings.put(CURSOR, str(cursor))


async def _considered(voice: Voice, reader: Reader | None, event: SeenEvent, now: int
                      ) -> Unit[None] | None:
    """What an event leaves behind; one that is odd beyond reading holds up no other."""
    try:
        content = json.loads(event.content)
        changed = _changed(event, content)
        if changed:
            return await _change(voice, event, content, changed, now)
        if reader is None or not _counts(voice, event, content) or inbox.is_past(
                content, event.at, now):
            return None
        root = inbox.thread_root(content)
        if root and await cases.by_card(voice.db, root):
            return None  # a case's own thread is not the group's talk
        heard = await _heard(voice, event, content)
        read = await reader(heard)
        return _found(heard, read, now) if read.findings or read.answers else None
    except MatrixError:
        raise
    except Exception:
        log.exception("%s is not read for orders", event.event_id)
        return None


def _counts(voice: Voice, event: SeenEvent, content: Mapping[str, Any]) -> bool:
    """A message of a group's: no command, no notice, nothing of a bot's."""
    rules = voice.rules
    return (event.type == "m.room.message" and event.state == "seen"
            and event.sender not in (rules.user_id, rules.bridge_bot)
            and not content.get("org.daftar.bot") and content.get("msgtype") != "m.notice"
            and not texts.is_command(inbox.words(content), False, rules.prefix))


async def _heard(voice: Voice, event: SeenEvent, content: Mapping[str, Any]) -> Heard:
    mark = content.get("org.daftar.record")
    name = await voice.matrix.display_name(event.room_id, event.sender)
    return Heard(
        event.event_id, event.room_id, event.sender, texts.one_line(name), event.at,
        inbox.words(content), mark if type(mark) is int and 0 < mark < 2**63 else None,
        inbox.reply_to(content), inbox.thread_root(content), str(content.get("msgtype")))


def _found(heard: Heard, read: Read, now: int) -> Unit[None]:
    reader = By(Actor("", "The reader"), now, heard.event_id)
    codes = schools.codes(heard.text)
    yield from directing.propose(heard, read.findings, reader, codes[0] if codes else "")
    yield from answers.propose(heard, read.answers, now)


# What is changed afterwards


def _changed(event: SeenEvent, content: Mapping[str, Any]) -> str:
    """The message that an event edits or takes back; "" for none."""
    if event.type == "m.room.redaction":
        return str(content.get("redacts") or "")
    relation = inbox.relation(content)
    return str(relation.get("event_id")) if relation.get("rel_type") == "m.replace" else ""


async def _change(voice: Voice, event: SeenEvent, content: Mapping[str, Any], target: str, now: int
                  ) -> Unit[None] | None:
    given = [order for order in await directives.of_message(voice.db, target)
             if order.stage != "dismissed"]
    if not given or event.sender == voice.rules.user_id:
        return None
    mark = content.get("org.daftar.record")
    record = await messages.get(voice.db, mark) if type(mark) is int and 0 < mark < 2**63 else None
    gone = event.type == "m.room.redaction" or (record is not None and record.kind == "deletion")
    new = content.get("m.new_content")
    words = "" if gone or not isinstance(new, dict) else inbox.words(new)
    if not gone and words == given[0].said:
        return None  # only its looks
    name = texts.one_line(await voice.matrix.display_name(event.room_id, event.sender))
    room = await settings.get(voice.db, rooms.STAFF_ROOM)
    by = By(Actor(event.sender, name), event.at, event.event_id)
    return _note_change(voice, given, "deleted" if gone else "edited", words, by, room, now)





def _note_change(voice: Voice, given: Sequence[Directive], kind: str, words: str, by: By,
                 room: str | None, now: int) -> Unit[None]:
    if not (yield from duties.once(f"directive {kind} {by.event_id}", now)):
        return
    for order in given:
        yield from directing.note(order.id, kind, "", words[:directing.SAID], by)
    if room is None or not voice.config.bot.staff_room:
        return
    request = voice.request(room, now)
    names = ", ".join(order.name for order in given)
    stands = "The order stands" if len(given) == 1 else "The orders stand"
    head = (f"{render.isolate(by.actor.name)} {kind} the message of {names}. {stands} as it was; "
            f"{request.prefix}directive show {given[0].name} has both.")
    first = given[0]
    before, markup = sheets.quoted("It said", first.said, first.room_id, first.event_id, request)
    after = [] if kind == "deleted" else ["Now it says:", f"> {render.isolate(words[:400])}"]
    now_says = "" if kind == "deleted" else (
        f"Now it says:<blockquote>{render.html(words[:400])}</blockquote>")
    yield from say(f"directive {kind} {by.event_id}", room, render.notice(
        "\n".join([head, *before, *after]), f"<p>{render.html(head)}</p>{markup}{now_says}"))


# Asking


async def put(voice: Voice, staff_room: str, now: int) -> bool:
    """Ask in the staff room about what was found; whether something was asked."""
    request = voice.request(staff_room, now)
    asked = False
    by_message: dict[str, list[Directive]] = {}
    for order in await directives.waiting(voice.db):
        by_message.setdefault(order.event_id, []).append(order)
    for orders in _nine(by_message.values()):
        day = charging.day_of(orders[0].given_at, voice.zone)
        titles = [title for order in orders for title in order.addressees]
        _, notes = await charging.charged(voice.tools.offices_of(), titles, day)
        words = sheets.proposal(orders, notes, request)
        await voice.db.write(_ask_orders(voice, staff_room, orders, words, now))
        asked = True
    answered: dict[str, list[tuple[Answer, Directive]]] = {}
    for answer in await answers.waiting(voice.db):
        order = await directives.by_id(voice.db, answer.directive_id)
        charge = order.charge(answer.post) if order else None
        if order is None or charge is None or not charge.live or charge.state == answer.state:
            await voice.db.write(answers.asked([answer.id], ""))  # nothing to ask any more
        else:
            answered.setdefault(answer.event_id, []).append((answer, order))
    for found in _nine(answered.values()):
        words = sheets.answer_proposal(found, request)
        await voice.db.write(_ask_answers(voice, staff_room, found, words, now))
        asked = True
    return asked


def _nine(groups: Iterable[list[T]]) -> Iterator[list[T]]:
    """The groups, a longer one in several of MANY: a question must fit into an event."""
    for group in groups:
        for start in range(0, len(group), MANY):
            yield group[start:start + MANY]


def _ask_orders(voice: Voice, room: str, orders: Sequence[Directive], words: tuple[str, str],
                now: int) -> Unit[None]:
    txn_id = f"directive {orders[0].event_id} {orders[0].id}"
    if not (yield from directing.asked([order.id for order in orders], txn_id)):
        return
    yield from _ask(voice, txn_id, room, [order.name for order in orders], words, now)


def _ask_answers(voice: Voice, room: str, found: Sequence[tuple[Answer, Directive]],
                 words: tuple[str, str], now: int) -> Unit[None]:
    txn_id = f"answer {found[0][0].event_id} {found[0][0].id}"
    if not (yield from answers.asked([answer.id for answer, _ in found], txn_id)):
        return
    yield from _ask(voice, txn_id, room, [answer.name for answer, _ in found], words, now)


def _ask(voice: Voice, txn_id: str, room: str, names: Sequence[str], words: tuple[str, str],
         now: int) -> Unit[None]:
    all_of = "" if len(names) == 1 else f" all {len(names)}"
    every = " ".join(names)
    options = [Option(buttons.YES, f"confirm{all_of}", f"directive confirm {every}")]
    if len(names) > 1:
        options += [Option(f"{n}\ufe0f\u20e3", f"only {name}", f"directive confirm {name}")
                    for n, name in enumerate(names[:MANY], 1)]
    options += [Option(voice.config.bot.buttons.get("edit") or EDIT, "correct",
                       f"directive edit {every}"),
                Option(buttons.NO, f"dismiss{all_of}", f"directive dismiss {every}")]
    lines = [f"{option.key} {option.label}" for option in options]
    content = render.notice(
        "\n".join([words[0], *lines]),
        f"{words[1]}<p>{'<br>'.join(map(render.html, lines))}</p>")
    yield from ask(Question(txn_id, room, "", "", tuple(options), now), content)
