"""Who holds which post, and who is over it: what following a directive needs to know of the
directory, and no more."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from archive import directory, postings, posts
from archive.db import Database
from archive.gazetteer import Gazetteer
from archive.posts import Authority


@dataclass(frozen=True)
class Holder:
    """A person in a post; `mxid`: the Matrix user who is or stands for them, if there is one."""

    name: str
    mxid: str | None = None


class Offices(Protocol):
    """The directory, as directives see it. Days are ISO texts: 2026-11-24."""

    async def holders(self, post: str, day: str) -> list[Holder]:
        """Who holds a post on a day: nobody, one, or several."""

    async def above(self, post: str, day: str) -> str | None:
        """The next post up the line of authority on a day; None for nobody, or not known."""

    async def members(self, title: str, day: str) -> tuple[str, ...]:
        """The posts of a class on a day ("All DEOs Makran Division"); none when it is no class."""


class Directory:
    """The department's directory: its gazetteer, its postings, and what single posts have of their
    own."""

    def __init__(self, db: Database, book: Gazetteer) -> None:
        self._db = db
        self._book = book

    async def holders(self, post: str, day: str) -> list[Holder]:
        """Who holds a post on a day; nobody for what the gazetteer does not know as a post."""
        known = self._book.post(post)
        found = await postings.holders(self._db, known, day) if known else []
        people = await directory.persons(self._db, [each.person_id for each in found])
        return [Holder(each.person, person.mxid or person.ghost) for each in found
                if (person := people.get(each.person_id))]

    async def above(self, post: str, day: str) -> str | None:
        """The nearest post in the line of authority."""
        known = self._book.post(post)
        if known is None:
            return None
        over = Authority(self._book, await posts.every(self._db)).superiors(known, day)
        return str(over[0]) if over else None

    async def members(self, title: str, day: str) -> tuple[str, ...]:
        """The posts of a class; of a post its full name."""
        group = self._book.group(title)
        if group is not None:
            found = await postings.of_group(self._db, self._book, group, day)
            return tuple(map(str, found))
        known = self._book.post(title)
        return (str(known),) if known else ()
