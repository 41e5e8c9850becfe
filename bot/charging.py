"""From the posts and classes that an order names to those that it charges, with who holds them on
that day; and what is odd about that, in words."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from archive import fold
from archive.directing import Charged
from archive.offices import Offices
from bot import render
from nlp import places

_WIDER = frozenset(fold.tokens("Division Region ڈویژن"))


def day_of(at: int, zone: ZoneInfo) -> str:
    """The day of a moment (Unix ms): `2026-11-24`."""
    return datetime.fromtimestamp(at / 1000, zone).date().isoformat()


def district_of(post: str) -> str:
    """The district that a post's name ends with, "" for none: a division's post has none."""
    if set(fold.tokens(post)) & _WIDER:
        return ""
    found = places.districts(fold.words(post), post)
    return found[-1].name if found else ""


async def holder_of(offices: Offices, post: str, day: str) -> tuple[str, str | None, int]:
    """(names, Matrix id when there is one holder, how many hold it)."""
    holders = await offices.holders(post, day)
    return (" / ".join(holder.name for holder in holders),
            holders[0].mxid if len(holders) == 1 else None, len(holders))


async def charged(offices: Offices, titles: Sequence[str], day: str
                  ) -> tuple[list[Charged], list[str]]:
    """(the posts to charge, each once; what is odd, a sentence each)."""
    found: dict[str, Charged] = {}
    notes: list[str] = []
    for title in titles:
        members = await offices.members(title, day)
        shown = render.isolate(title)
        if not members and fold.tokens(title)[:1] in (["all"], ["تمام"]):
            notes.append(f"The directory does not say which posts “{shown}” are: the order waits "
                         "with all of them as one.")
        for post in members or (title,):
            name, mxid, count = await holder_of(offices, post, day)
            if count == 0 and post not in found:
                notes.append(f"{render.isolate(post)} has no holder that the directory knows; the "
                             "order waits with the post.")
            if count > 1 and post not in found:
                notes.append(f"{render.isolate(post)} has {count} holders: {render.isolate(name)}. "
                             "The order names them all; the directory should name one.")
            found.setdefault(post, Charged(post, district_of(post), name, mxid))
    return list(found.values()), notes[:6] + ([f"and {len(notes) - 6} more such posts"]
                                              if len(notes) > 6 else [])
