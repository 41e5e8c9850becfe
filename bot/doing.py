"""What people tell the bot to do: commands, and reactions that stand for commands.

A command's effect, its answers, its line in the audit trail and its mark "done" are one
transaction. What needs a yes is asked first: the question stands in the archive, the answer is a
reaction to it, and the command then runs as if it had just been given.
"""
from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from archive import audit, botbooks, cases, casework, questions
from archive.botbooks import Outgoing, SeenEvent
from archive.cases import Actor, Case
from archive.db import Database, Unit
from archive.offices import Offices
from archive.questions import Option, Question
from bot import buttons, fault, inbox, parse, render, roles, voice
from bot.commands.base import (
    Answer,
    Attachment,
    Card,
    Choice,
    Command,
    Handout,
    Mistake,
    Request,
    Say,
    Told,
    Tools,
    Unclear,
)
from bot.commands.vocabulary import COMMANDS
from bot.commands.work import refusal
from bot.matrix import Matrix, MatrixError
from bot.outbox import TXN_KEY
from config import Config
from nlp import calendar
from nlp import words as texts

log = logging.getLogger("daftar.bot")

COMMAND_KEPT = 500  # characters of a command in the audit trail
EDITED = ("A command that was sent is not changed by editing it, and nothing was done: send it "
          "again as a new message.")


@dataclass(frozen=True)
class _Done:
    """What a command left to say, and how it ended (audit.OUTCOMES)."""

    says: list[Say]
    outcome: str = "done"
    sentence: str = ""


@dataclass(frozen=True)
class _Order:
    """A command to be run: its words, by whom and where it was given, and the question that it
    answers."""

    words: str
    request: Request
    question: Question | None = None
    key: str = ""


class Doing:
    """Does what stands in the books as new, one event at a time."""

    def __init__(self, config: Config, db: Database, matrix: Matrix, rules: inbox.Rules,
                 offices: Offices | None = None) -> None:
        self._config = config
        self._db = db
        self._matrix = matrix
        self._rules = rules
        self._tools = Tools(config, db, matrix, offices)
        self._zone = ZoneInfo(config.timezone)
        self._calendar = calendar.load(config)

    async def handle(self, event: SeenEvent) -> None:
        """One event of the books: its effect, its answers and its mark in one transaction. Raises
        MatrixError when the homeserver is away: the event then waits for it."""
        try:
            order = await self._order(event)
        except Mistake as mistake:
            order, request = None, await self._request(event)
            await self._write(event, request, _said([_mistake(mistake, request)], "mistake",
                                                    mistake.sentence))
        if order is not None:
            await self._run(event, order)
        elif (await botbooks.event(self._db, event.event_id)).state == "new":
            await self._db.write(botbooks.finish(event.event_id, "seen"))
        fault.reach("command-done")

    # What is meant

    async def _order(self, event: SeenEvent) -> _Order | None:
        """The command that an event gives; None when it gives none after all."""
        if event.type == "m.reaction":
            return await self._pressed(event)
        content = json.loads(event.content)
        if inbox.relation(content).get("rel_type") == "m.replace":
            raise Mistake(EDITED)
        return _Order(inbox.words(content), await self._request(event))

    async def _pressed(self, event: SeenEvent) -> _Order | None:
        """What a reaction stands for: an answer to a question of the bot's, or a button."""
        relation = inbox.relation(json.loads(event.content))
        target, key = str(relation.get("event_id")), buttons.plain(str(relation.get("key")))
        seen = await botbooks.event(self._db, target)
        if seen is not None and seen.sender == self._rules.user_id:
            txn_id = json.loads(seen.content).get(TXN_KEY)
            question = await questions.by_txn(self._db, txn_id) if isinstance(txn_id, str) else None
            if question:
                return await self._answered(event, question, target, key)
        request = await self._request(event)
        words = await buttons.command(self._tools, request, target, key)
        return _Order(request.prefix + words, request) if words else None

    async def _answered(self, event: SeenEvent, question: Question, target: str, key: str
                        ) -> _Order | None:
        option = next((o for o in question.options if buttons.plain(o.key) == key), None)
        if option is None or question.answer is not None:
            return None
        asked_at = await botbooks.event(self._db, question.command_event)
        request = replace(await self._request(event), answers=target, thread_root=None)
        if asked_at is not None:
            before = await self._request(asked_at)
            request = replace(
                before, event_id=event.event_id, at=event.at, actor=request.actor,
                role=request.role, answers=target)
        if question.asked_by and question.asked_by != event.sender:
            name = await self._matrix.display_name(event.room_id, question.asked_by)
            raise Mistake(f"I asked {render.isolate(texts.one_line(name))}; only they can answer.")
        words = request.prefix + option.command if option.command else ""
        return _Order(words, replace(request, confirmed=option.confirms), question, option.key)

    async def _request(self, event: SeenEvent) -> Request:
        content = json.loads(event.content)
        bot = self._config.bot
        name = texts.one_line(await self._matrix.display_name(event.room_id, event.sender))
        official = event.sender.startswith(self._rules.ghost_prefix)
        role = await (
            roles.of_official(self._config, self._db, event.sender, event.at) if official else
            roles.role_of(self._config, self._db, self._matrix, event.room_id, event.sender,
                          event.at))
        root = inbox.thread_root(content)
        request = Request(
            event.event_id, event.room_id, Actor(event.sender, name), event.at, bot.prefix,
            bot.department, self._zone, self._config.homeserver.name, root,
            inbox.reply_to(content) or (event.event_id if inbox.is_captioned(content) else None),
            mentions=inbox.mentions(content), role=role,
            calendar=self._calendar, official=official)
        if event.type == "m.reaction":
            target = inbox.relation(content).get("event_id")
            return replace(request, reply_to=target, answers=target)
        if root and (case := await self._case_of(root, event.room_id)):
            # in a case's own thread a reply to nothing in particular has no paper
            paper = None if request.reply_to == root else request.reply_to
            request = replace(request, thread_case=case, reply_to=paper)
        return request

    async def _case_of(self, root: str, room_id: str) -> Case | None:
        """The case whose card is a thread's root. The card's event may have come with the sync
        before the outbox noted it: then the bot's own event names the case."""
        case = await cases.by_card(self._db, root)
        if case is None:
            seen = await botbooks.event(self._db, root)
            if seen is not None and seen.sender == self._rules.user_id:
                number = json.loads(seen.content).get("org.daftar.case")
                case = await cases.by_number(self._db, number) if number else None
        return case if case and case.room_id == room_id else None

    # Doing it

    async def _run(self, event: SeenEvent, order: _Order) -> None:
        request = order.request
        try:
            unit = await self._unit(order)
            fault.reach("command-prepared")
            await self._write(event, request, unit, order)
        except Unclear as unclear:
            await self._write(event, request, _said([_unclear(unclear)], "asked"), order)
        except roles.Forbidden as refused:
            await self._write(event, request, _said(
                [_mistake(refused, request)], "refused", refused.sentence), order)
        except Mistake as mistake:
            says = _mistake(mistake, request)
            outcome = "asked" if isinstance(says, Choice) else "mistake"
            await self._write(event, request, _said([says], outcome, mistake.sentence), order)
        except casework.Refused as refused:
            sentence = refusal(refused, request)
            await self._write(event, request, _said(
                [_answer(sentence)], "refused", sentence), order)
        except MatrixError as error:
            if not error.lasting:
                raise  # the homeserver is away: the command waits for it
            log.exception("command %s failed", event.event_id)
            await self._failed(event, order, f"The homeserver refused: {error}.")
        except Exception:
            log.exception("command %s failed", event.event_id)
            await self._failed(
                event, order, "That went wrong inside me, and nothing was changed; the "
                f"administrator finds why in the log under {event.event_id}.")

    async def _unit(self, order: _Order) -> Unit[_Done]:
        request = order.request
        if not order.words:
            return _said([_answer("Nothing was done.")], "done", "left as it was")
        call = parse.parse(order.words, request.prefix, COMMANDS)
        command = call.command
        if request.official:
            self._official_may(command, call.rest, request)
        roles.needs(request, command.role, f"use {request.prefix}{command.name}", command)
        arguments = command.parse(call, request)
        if command.preview and not request.confirmed:
            words = await command.preview(self._tools, request, arguments)
            own = order.words.strip().removeprefix(request.prefix)
            if words:
                return _said([_confirmation(words, own)], "asked")
        effect = await command.do(self._tools, request, arguments)
        return _rendered(command, effect, request)

    def _official_may(self, command: Command, rest: str, request: Request) -> None:
        """Raises Forbidden unless an official of that role may give the command from WhatsApp."""
        allowed = [name for name, role in roles.from_whatsapp(self._config).items()
                   if roles.may(request.role, role)]
        moves = command.name == "case status" and rest
        if command.name in allowed and not command.preview and not moves:
            return
        names = ", ".join(request.prefix + name for name in allowed) or "nothing"
        raise roles.Forbidden(
            f"{render.isolate(request.actor.name)} wrote this on WhatsApp, from where only {names} "
            f"{'is' if len(allowed) < 2 else 'are'} answered (bot.official_commands); nothing was "
            "done.")

    async def _failed(self, event: SeenEvent, order: _Order, sentence: str) -> None:
        await self._write(event, order.request, _said(
            [_answer(sentence)], "failed", sentence), order)

    async def _write(self, event: SeenEvent, request: Request, unit: Unit[_Done],
                     order: _Order | None = None) -> None:
        await self._db.write(_once(event, request, unit, order, self._rules.user_id))


# Units


def _once(event: SeenEvent, request: Request, unit: Unit[_Done], order: _Order | None,
          bot: str) -> Unit[None]:
    """The unit, its answers and its line in the audit trail, unless the event is done already. A
    unit that raises (a mistake found only now) takes the mark back with it."""
    if not (yield from botbooks.finish(event.event_id)):
        return
    if order and order.question and not (yield from questions.answer(
            order.question.txn_id, event.sender, order.key, event.at)):
        return  # somebody answered it in the meantime
    done = yield from unit
    if order and order.question and not order.question.asked_by and done.outcome in (
            "refused", "mistake", "failed"):
        yield from questions.reopen(order.question.txn_id)  # others may
    if done.outcome == "failed":
        yield "UPDATE bot_event SET state = 'failed' WHERE event_id = ?", (event.event_id,)
    words = order.words if order else _given(json.loads(event.content))
    yield from audit.note(audit.Entry(
        event.event_id, event.room_id, request.actor, event.at,
        texts.shorten(words, COMMAND_KEPT), done.outcome, done.sentence))
    says = done.says
    if request.official and done.outcome == "done":
        says = [_to_group(say, request, bot) for say in says]
    for index, say in enumerate(says):
        yield from _say(say, f"{event.event_id}.{index}", event, request, order)


def _say(say: Say, txn_id: str, event: SeenEvent, request: Request, order: _Order | None
         ) -> Unit[None]:
    if isinstance(say, Attachment | Handout):
        room_id, content = render.attachment(say, request)
        yield from botbooks.attach(Outgoing(
            txn_id, room_id, "m.room.message", render.dumps(content)), say.data)
        return
    room_id, content = render.content_of(say, request)
    if isinstance(say, Card) and say.new:
        txn_id = say.docket.case.card_txn
    yield from botbooks.say(Outgoing(txn_id, room_id, "m.room.message", render.dumps(content)))
    if not isinstance(say, Choice):
        return
    origin = order.question.command_event if order and order.question else event.event_id
    options = tuple(Option(*each, say.confirms) for each in say.options)
    yield from questions.ask(Question(
        txn_id, room_id, request.actor.mxid, origin, options, request.at))
    yield from voice.offer(txn_id, room_id, options)


def _to_group(say: Say, request: Request, bot: str) -> Say:
    """What an official asked for on WhatsApp is answered there, in words."""
    if not isinstance(say, Answer):
        return say
    return Told(say.text, request.event_id, request.room_id, bot, request.thread_root or "")


def _rendered(command: Command, effect: Unit[Any], request: Request) -> Unit[_Done]:
    facts = yield from effect
    return _Done(command.render(facts, request))


def _said(says: list[Say], outcome: str, sentence: str = "") -> Unit[_Done]:
    return _Done(says, outcome, sentence)
    yield  # makes it a generator


# Words


def _given(content: dict[str, Any]) -> str:
    """What was given for a command: words, or a reaction."""
    return inbox.words(content) or str(inbox.relation(content).get("key") or "")


def _answer(sentence: str) -> Answer:
    return Answer(sentence, render.html(sentence))


def _mistake(mistake: Mistake, request: Request) -> Say:
    if mistake.instead and not request.official:
        sentence = f"{mistake.sentence} Shall I do that?"
        return Choice(sentence, render.html(sentence), (
            (buttons.YES, render.isolate(request.prefix + mistake.instead), mistake.instead),
            (buttons.NO, "no", "")), confirms=False)
    usage = mistake.command.usage(request.prefix) if mistake.command else ""
    return Answer(*render.mistake(mistake.sentence, usage))


def _unclear(unclear: Unclear) -> Choice:
    options = []
    for number, (label, command, *key) in enumerate(unclear.readings, 1):
        options.append((key[0] if key else f"{number}\ufe0f\u20e3", label, command))
    options.append((buttons.NO, "neither" if len(options) > 1 else "leave it", ""))
    return Choice(unclear.sentence, render.html(unclear.sentence), tuple(options),
                  unclear.confirms)


def _confirmation(words: str, command: str) -> Choice:
    return Choice(words, render.html(words), (
        (buttons.YES, "do it", command), (buttons.NO, "leave it", "")))


