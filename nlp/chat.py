"""What a group has said so far, as the readers of orders need it: the last messages, the schools
that are known, and the directives that are still to be answered. Everything in it is bounded."""
from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nlp.office import Holder, Office
from nlp.said import Answer, Directive, Said

KEPT = 600  # messages
OPEN = 200  # directives
SCHOOLS = 4000
LATE = timedelta(days=21)  # after that an unquoted answer is to something else


@dataclass
class Given:
    """A directive of the chat, and who has answered it how far: person → state. `words` are those
    of its own part of the message, `whole` of all of it, `before` of what the message goes on from;
    `told`: the persons whose posts it named then; `things`: the words for what is to be handed
    in; `asked`: all words of its part; `number`: of its message in the chat."""

    message: str
    n: int
    sender: str
    at: datetime
    thread: str | None
    directive: Directive
    words: frozenset[str]
    states: dict[str, str] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    deeds: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    number: int = 0


class Chat:
    """One group. `office`: who holds what today; set it anew when the day brings changes."""

    def __init__(self, office: Office):
        self.office = office
        self.said: OrderedDict[str, Said] = OrderedDict()
        self.given: deque[Given] = deque(maxlen=OPEN)
        self.schools: OrderedDict[tuple[str, ...], tuple[str, str | None, str | None]] = \
            OrderedDict()  # words of the name -> name, code, district
        self.answers: dict[str, Answer] = {}  # messages that answered one
        self.count = 0  # messages so far
        self.spoke: OrderedDict[str, int] = OrderedDict()  # person -> number of the last message
        self.reports: dict[str, tuple[datetime, str | None]] = {}  # person -> last report begun

    def add(self, said: Said) -> None:
        """Keep a message."""
        self.count += 1
        self.said[said.message.id] = said
        self.spoke[said.message.person] = self.count
        self.spoke.move_to_end(said.message.person)
        while len(self.spoke) > KEPT:
            self.spoke.popitem(last=False)
        while len(self.said) > KEPT:
            old, _ = self.said.popitem(last=False)
            self.answers.pop(old, None)

    def quoted(self, said: Said) -> Said | None:
        """The message that one quotes, when it is still known."""
        return self.said.get(said.message.quote or "")

    def thread(self, said: Said, most: int = 12) -> list[Said]:
        """Earlier messages of the same conversation, the latest first."""
        root = said.message.thread
        result = []
        for other in reversed(self.said.values()):
            if other.message.id == said.message.id or other.message.thread != root or root is None:
                continue
            result.append(other)
            if len(result) == most:
                break
        return result

    def before(self, said: Said, most: int = 8) -> list[Said]:
        """The messages just before, the latest first."""
        result = []
        for other in reversed(self.said.values()):
            if other.message.id != said.message.id:
                result.append(other)
            if len(result) == most:
                break
        return result

    def by_message(self, message: str) -> list[Given]:
        """The directives that a message gave."""
        return [given for given in self.given if given.message == message]

    def to(self, holder: Holder, at: datetime) -> list[Given]:
        """The directives to a holder's post, or to a class that it is of, the latest first; not
        those that the holder gave."""
        return [given for given in reversed(self.given)
                if given.sender != holder.person and at - given.at < LATE
                and (holder.person in given.told or any(
                    self.office.includes(title, holder) for title in given.directive.to))]

    def give(self, given: Given) -> None:
        """Keep a directive as open."""
        self.given.append(given)

    def withdraw(self, message: str) -> None:
        """Forget what a message gave: it was edited."""
        self.given = deque((given for given in self.given if given.message != message), OPEN)

    def know_school(self, words: tuple[str, ...], name: str, code: str | None,
                    district: str | None) -> None:
        """Keep a school by the words of its name."""
        _, old_code, old_district = self.schools.pop(words, ("", None, None))
        self.schools[words] = (name, code or old_code, district or old_district)
        while len(self.schools) > SCHOOLS:
            self.schools.popitem(last=False)
