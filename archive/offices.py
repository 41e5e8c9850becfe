"""Who holds which post, and who is over it: what following a directive needs to know of the
directory, and no more."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from archive import fold
from archive.db import Database


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


class NamedOffices:
    """A directory made of names alone: officials write their post into their WhatsApp name, and
    nothing says who is over whom."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def holders(self, post: str, day: str) -> list[Holder]:
        """Those whose name holds every word of the post; whatever the day."""
        wanted = set(fold.tokens(post))
        rows = await self._db.read(
            "SELECT p.name, coalesce((SELECT max(i.value) FROM identifier i WHERE i.person_id ="
            " p.id AND i.kind = 'mxid'), p.ghost) AS mxid FROM person p ORDER BY p.name, p.id")
        return [Holder(row["name"], row["mxid"]) for row in rows
                if wanted and wanted <= set(fold.tokens(row["name"]))]

    async def above(self, post: str, day: str) -> str | None:
        """Not known."""
        return None

    async def members(self, title: str, day: str) -> tuple[str, ...]:
        """Not known: the class itself is charged."""
        return ()
