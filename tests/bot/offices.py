"""A directory by hand, and a reader by hand, until the real ones are at work."""
from __future__ import annotations

from dataclasses import dataclass, field

from archive.directives import Heard
from archive.offices import Holder
from bot.orders import Read


@dataclass
class ByHand:
    """Postings as (post, name, Matrix id, first day, day after the last), who is over whom, and
    the posts of classes."""

    postings: list[tuple[str, str, str | None, str, str]] = field(default_factory=list)
    line: dict[str, str] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def put(self, post: str, name: str, mxid: str | None = None, since: str = "",
            until: str = "9999") -> None:
        self.postings.append((post, name, mxid, since, until))

    async def holders(self, post: str, day: str) -> list[Holder]:
        return [Holder(name, mxid) for held, name, mxid, since, until in self.postings
                if held == post and since <= day < until]

    async def above(self, post: str, day: str) -> str | None:
        return self.line.get(post)

    async def members(self, title: str, day: str) -> tuple[str, ...]:
        return self.classes.get(title, ())


@dataclass
class Script:
    """Finds what the test wrote down for a message's words; `said` are the words that it heard."""

    by_words: dict[str, Read] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    async def __call__(self, heard: Heard) -> Read:
        self.heard.append(heard)
        return self.by_words.get(heard.text, Read())
