"""What a reader hands on: messages, many at once, and what was noticed beside them."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

UNDECIDED = 200  # lines that are named


class Message(NamedTuple):
    """One message, or one line of WhatsApp's own (kind "notice", without a sender).

    `at`: Unix ms; `sender`: the name or number as the exporter's phone shows it, without marks;
    `kind`: one of archive.model's, "deletion" for a message that was deleted, or "media" for a file
    of which the export tells no more; `detail`: a media message's file, "" where the export has
    none; what a notice is about; of an unsupported one why; of a location "live" or its link; of a
    poll its options, a line each."""

    at: int
    sender: str
    kind: str
    text: str
    detail: str
    edited: bool


@dataclass(slots=True)
class Batch:
    """Messages in the file's order, a list for each of their parts: what is done with all of them
    is done with a list at once, which takes a fraction of the time that an object each takes."""

    times: list[int] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    edited: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Message]:
        return map(Message, *self.columns())

    def columns(self) -> tuple[list[int], list[str], list[str], list[str], list[str], list[bool]]:
        """Its lists, in the order of Message's parts."""
        return self.times, self.senders, self.kinds, self.texts, self.details, self.edited

    def extend(self, more: Batch) -> None:
        """Append others."""
        for mine, others in zip(self.columns(), more.columns(), strict=True):
            mine.extend(others)  # type: ignore[arg-type]

    def since(self, at: int) -> Batch:
        """Those that are not older than a time (Unix ms)."""
        return Batch(*map(list, zip(*(each for each in self if each.at >= at), strict=True)))


@dataclass
class Findings:
    """What was noticed in a file. `undecided`: (line, why) of what could be read otherwise."""

    lines: int = 0
    messages: int = 0
    undecided: list[tuple[int, str]] = field(default_factory=list)

    def doubt(self, line: int, why: str) -> None:
        """Keep a line for people to look at."""
        if self.open():
            self.undecided.append((line, why))

    def open(self) -> bool:
        """Whether there is room for more."""
        return len(self.undecided) < UNDECIDED
