"""What the bot says unasked: in which name, and how it gets into the outbox."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive import botbooks, questions
from archive.botbooks import Outgoing
from archive.cases import Actor
from archive.db import Database, Unit
from archive.offices import Offices
from archive.questions import Option, Question
from bot import inbox, render
from bot.commands.base import Request, Tools
from bot.matrix import Matrix
from bot.outbox import PENDING
from config import Config
from nlp.calendar import OfficeCalendar


class Voice:
    """What those who speak unasked share: configuration, archive, homeserver and calendar."""

    def __init__(self, config: Config, db: Database, matrix: Matrix,
                 calendar: OfficeCalendar, offices: Offices | None = None) -> None:
        self.config = config
        self.db = db
        self.matrix = matrix
        self.calendar = calendar
        self.zone = ZoneInfo(config.timezone)
        self.tools = Tools(config, db, matrix, offices)
        self.rules = inbox.rules_of(config)

    def request(self, room_id: str, at: int) -> Request:
        """A request of the bot's own, for what is rendered by one; `at`: Unix ms."""
        bot = self.config.bot
        return Request("", room_id, Actor(self.rules.user_id, "Daftar"), at, bot.prefix,
                       bot.department, self.zone, self.config.homeserver.name,
                       calendar=self.calendar)

    def local(self, at: int) -> datetime:
        """A moment (Unix ms) on the office's clock."""
        return datetime.fromtimestamp(at / 1000, self.zone)

    def is_person(self, mxid: str) -> bool:
        """Whether somebody of our server reads what the bot sends them: no bot, no official."""
        rules = self.rules
        return (mxid.endswith(rules.server_suffix) and not mxid.startswith(rules.ghost_prefix)
                and mxid not in (rules.user_id, rules.bridge_bot))


def say(txn_id: str, room_id: str, content: dict[str, Any]) -> Unit[None]:
    """Put a message into the outbox; the same transaction id a second time changes nothing."""
    yield from botbooks.say(Outgoing(txn_id, room_id, "m.room.message", render.dumps(content)))


def ask(question: Question, content: dict[str, Any]) -> Unit[None]:
    """Put a question into the outbox and into the books, with the reactions that answer it below,
    ready to be tapped."""
    yield from say(question.txn_id, question.room_id, content)
    yield from questions.ask(question)
    yield from offer(question.txn_id, question.room_id, question.options)


def offer(txn_id: str, room_id: str, options: Sequence[Option]) -> Unit[None]:
    """The reactions themselves."""
    for number, option in enumerate(options):
        relation = {"rel_type": "m.annotation", "event_id": PENDING + txn_id, "key": option.key}
        yield from botbooks.say(Outgoing(f"{txn_id}.key{number}", room_id, "m.reaction",
                                         render.dumps({"m.relates_to": relation})))
