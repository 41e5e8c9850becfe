"""One conversation of a group: what has been said in it so far, and who is still to answer."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nlp.reading import Reading


@dataclass(frozen=True)
class Entry:
    """A message in its place: what was read, whom it names, which thread, whether that was decided
    by a quote or a person, and its number in the group."""

    reading: Reading
    named: dict[str, float]
    root: str
    quoted: bool = False
    number: int = 0

    @property
    def sender(self) -> str:
        return self.reading.message.sender

    @property
    def at(self) -> int:
        return self.reading.message.sent_at


@dataclass
class Conversation:
    """All that is known of a thread: a function of its entries in order, and of nothing else."""

    root: str
    entries: list[Entry] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)
    codes: set[str] = field(default_factory=set)
    schools: set[str] = field(default_factory=set)
    districts: Counter[str] = field(default_factory=Counter)
    spoke: dict[str, int] = field(default_factory=dict)  # sender -> number of the last message
    answered: dict[str, int] = field(default_factory=dict)  # the same, beyond acknowledging
    reacted: set[str] = field(default_factory=set)

    @property
    def last(self) -> Entry:
        return self.entries[-1]

    @property
    def first(self) -> Entry:
        return self.entries[0]

    def add(self, entry: Entry) -> None:
        """The next message of this conversation."""
        reading = entry.reading
        self.entries.append(entry)
        self.words.update(reading.words)
        if "list" not in reading.manner:  # a list of schools is about none of them
            self.codes |= reading.codes
            self.schools |= reading.schools
        self.districts.update(reading.districts)
        self.spoke[entry.sender] = entry.number
        if not reading.manner & {"acknowledges", "thanks"}:
            self.answered[entry.sender] = entry.number
