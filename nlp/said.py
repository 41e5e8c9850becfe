"""A message of a group as the readers of orders need it, and what they find in it."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nlp.deadlines import Deadline
from nlp.named import Named
from nlp.office import Holder
from nlp.schools import School
from nlp.sentences import Text
from nlp.visits import Visit


@dataclass(frozen=True)
class Message:
    """A message. `thread`: the first message of its conversation, as nlp.threads has it."""

    id: str
    person: str
    at: datetime  # aware
    text: str = ""
    kind: str = "text"
    quote: str | None = None
    edit_of: str | None = None
    mentions: tuple[str, ...] = ()  # persons
    thread: str | None = None


@dataclass(frozen=True)
class Directive:
    """What a post, or all of a class of posts, are told to do. `due` as the guide labels it (`said`
    of the deadline); the deadline itself says where that lies on the office calendar."""

    to: tuple[str, ...]
    action: str
    due: str | None = None
    cc: tuple[str, ...] = ()
    channel: str | None = None  # fax, letter, email
    kind: str = "do"  # do, passive, need, question, demand
    deadline: Deadline | None = None
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    start: int = 0  # characters of the text that give it
    end: int = 0


@dataclass(frozen=True)
class Answer:
    """That a message answers a directive: the n-th of a message, and how far it is done."""

    message: str
    n: int
    state: str  # acknowledged, in_progress, done, refused
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A message with its sender's post and what it names."""

    message: Message
    sender: Holder | None
    text: Text
    named: tuple[Named, ...] = ()
    mentioned: tuple[Holder, ...] = ()
    schools: tuple[School, ...] = ()
    districts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All that is read in a message."""

    directives: tuple[Directive, ...] = ()
    answer: Answer | None = None
    schools: tuple[School, ...] = ()
    districts: tuple[str, ...] = ()
    visit: Visit | None = None
