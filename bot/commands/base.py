"""What a command is: parse, do, render; and what passes between the three."""
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from archive import gazetteer_file
from archive.cases import Actor, Case, Docket
from archive.db import Database, Unit
from archive.offices import Directory, Offices
from bot.matrix import Matrix
from config import Config
from nlp.calendar import OfficeCalendar

# Who may what, least first: each may also do what those before may.


class Mistake(Exception):
    """The person asked for something that cannot be: one sentence, and the command it is about.
    `instead`: the whole command that was probably meant, for one tap."""

    def __init__(self, sentence: str, command: Command | None = None, instead: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.command = command
        self.instead = instead


class Unclear(Exception):
    """The command can be read in several ways: (what it would mean, the command that says so, and
    perhaps the reaction that stands for it). `confirms`: the question has said what would happen,
    and the answer is a yes to it; otherwise a command that waits for a ✅ still does."""

    def __init__(self, sentence: str, readings: Sequence[tuple[str, ...]],
                 confirms: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.readings = readings
        self.confirms = confirms


@dataclass(frozen=True)
class CaseNumber:
    """A case as people name it: 42, 00042, SED-2026-00042."""

    serial: int
    year: int | None = None
    department: str | None = None
    text: str = ""  # as written


@dataclass(frozen=True)
class Call:
    """A command as understood from the text alone."""

    command: Command
    number: CaseNumber | None
    rest: str  # what follows, quotes taken off; may have several lines
    before_verb: bool = False  # `!case 12 close`: the number cannot be part of the text
    said: str = ""  # what follows the verb with the number, which may be part of the text after all


@dataclass(frozen=True)
class Request:
    """Who asks, where and when; pure, so that parse and render can be tested without a server."""

    event_id: str
    room_id: str
    actor: Actor
    at: int
    prefix: str
    department: str
    zone: ZoneInfo
    server: str  # our server name, for links
    thread_root: str | None = None
    reply_to: str | None = None  # the message a person replied to, or the thread's first message
    thread_case: Case | None = None  # in a case's thread: that case
    mentions: tuple[str, ...] = ()  # user ids named as pills
    role: str = "admin"  # one of ROLES
    official: bool = False  # it was written on WhatsApp
    confirmed: bool = False  # a preview was shown and agreed to
    answers: str | None = None  # the event to answer, when it is not the command's own
    calendar: OfficeCalendar | None = None

    @property
    def answered_event(self) -> str:
        """What an answer replies to."""
        return self.answers or self.event_id


@dataclass(frozen=True)
class Tools:
    """What a command's `do` may use."""

    config: Config
    db: Database
    matrix: Matrix
    offices: Offices | None = None

    def offices_of(self) -> Offices:
        """Who holds which post: the department's directory, or a given one. Raises
        GazetteerError when its file is wrong."""
        return self.offices or Directory(
            self.db, gazetteer_file.load(self.config.directory.gazetteer))


@dataclass(frozen=True)
class Answer:
    """A reply to the command, where it was given."""

    text: str
    html: str


@dataclass(frozen=True)
class Card:
    """The case's card in the room: new, or as it now stands."""

    docket: Docket
    new: bool = False


@dataclass(frozen=True)
class ThreadNote:
    """The bot's own word in a case's thread; it names (and so calls) the users in `mentions`."""

    case: Case
    text: str
    html: str
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A question, answered by a reaction: (reaction, what it means, the command, "" for none).
    `confirms`: the answer is a yes to what was said would happen."""

    text: str
    html: str
    options: tuple[tuple[str, str, str], ...]
    confirms: bool = True


@dataclass(frozen=True)
class Attachment:
    """A file in the case's thread."""

    case: Case
    name: str
    mime: str
    data: bytes


@dataclass(frozen=True)
class Handout:
    """A file in reply to the command, where it was given."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True)
class Told:
    """Words that the bridge carries to the group of `room_id`, under the name of `speaker` (Matrix
    id), quoting the message `reply_to`; here it stands in that message's thread, as whatever quotes
    it on WhatsApp does. `thread`: the thread's root, "" when it is that message."""

    text: str
    reply_to: str | None
    room_id: str
    speaker: str
    thread: str = ""


Say = Answer | Card | ThreadNote | Choice | Attachment | Handout | Told


@dataclass(frozen=True)
class Command:
    """One line of the vocabulary.

    `parse(call, request)` checks and gives the arguments (raises Mistake or Unclear); `do(tools,
    request, arguments)` reads what it needs and gives the unit that has the effect, which runs in
    one transaction with the answers; `render(facts, request)` is pure: the unit's result in words.
    `preview(tools, request, arguments)` says what would happen; then it waits for a yes. "": it
    need not.
    """

    name: str  # "case note"
    arguments: str  # "N TEXT"
    help: str
    aliases: tuple[str, ...]  # other words for the name's last word
    parse: Callable[[Call, Request], Any]
    do: Callable[[Tools, Request, Any], Awaitable[Unit[Any]]]
    render: Callable[[Any, Request], list[Say]]
    takes_number: bool = False
    examples: tuple[str, ...] = ()
    role: str = "staff"  # who may, at least; one of ROLES
    preview: Callable[[Tools, Request, Any], Awaitable[str]] | None = None

    def usage(self, prefix: str) -> str:
        """`!case note N TEXT`"""
        return f"{prefix}{self.name} {self.arguments}".rstrip()


def result(value: Any) -> Unit[Any]:
    """A unit without effect."""
    return value
    yield  # makes it a generator
