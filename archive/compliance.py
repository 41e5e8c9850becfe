"""The compliance report: of the orders given in a period, what every post made of them."""
from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from archive import directives, fold
from archive.db import Database
from archive.directives import Charge, Directive, Filter

DAY_MS = 86_400_000
MOST = 100_000  # directives of a report


@dataclass(frozen=True)
class Period:
    """From one moment until before another (Unix ms), and its name for people."""

    since: int
    until: int
    name: str


def between(first: date, last: date, name: str, zone: ZoneInfo) -> Period:
    """The period of these days, the last one included."""
    since, until = (int(datetime.combine(day, time(), zone).timestamp() * 1000)
                    for day in (first, last + timedelta(1)))
    return Period(since, until, name)


@dataclass(frozen=True)
class Line:
    """What became of the orders to one post, or of one district, or of all. Each order counts once
    a post: `given` is the sum of in time, late, open, refused and withdrawn."""

    name: str
    district: str
    given: int
    acknowledged: int  # answered in any way
    in_time: int  # complied before the date, or without one
    late: int  # complied after it
    open: int
    overdue: int  # of the open ones
    refused: int
    withdrawn: int
    escalated: int
    median_days: float | None  # from order to compliance, of those complied with


@dataclass(frozen=True)
class Report:
    """A line a post, the worst first; a line a district; and all together. `at`: as of when."""

    period: Period
    at: int
    post: str  # what it was narrowed to, "" for nothing
    district: str
    lines: tuple[Line, ...]
    districts: tuple[Line, ...]
    total: Line


async def report(db: Database, period: Period, now: int, post: str = "", district: str = "",
                 room_ids: tuple[str, ...] = ()) -> Report:
    """Of the directives given in the period, as they stand at `now` (Unix ms). `post`: words of a
    post's or holder's name; `room_ids`: of these groups only."""
    found, _ = await directives.listing(db, Filter(
        since=period.since, until=period.until, post=post, district=district, room_ids=room_ids,
        order="oldest"), MOST)
    words = [f" {word} " for word in fold.tokens(post)]
    charged = [(order, charge) for order in found for charge in order.charges
               if (not district or charge.district.casefold() == district.casefold())
               and all(word in directives.words_of(charge.post, charge.holder) for word in words)]
    lines = _lines(charged, now, lambda charge: charge.post)
    return Report(period, now, post, district, lines,
                  _lines(charged, now, lambda charge: charge.district),
                  _line("All", "", charged, now))


Charged = tuple[Directive, Charge]


def _lines(charged: list[Charged], now: int, key: Callable[[Charge], str]
           ) -> tuple[Line, ...]:
    groups: dict[str, list[Charged]] = {}
    for each in charged:
        groups.setdefault(key(each[1]), []).append(each)
    lines = [_line(name, those[0][1].district, those, now) for name, those in groups.items()]
    return tuple(sorted(lines, key=lambda line: (-line.overdue, -line.open, -line.late, line.name)))


def _line(name: str, district: str, charged: Sequence[Charged], now: int) -> Line:
    def count(wanted: Callable[[Directive, Charge], bool]) -> int:
        return sum(1 for order, charge in charged if wanted(order, charge))
    done = [(order, charge) for order, charge in charged if charge.state == "complied"]
    days = [((charge.ended_at or 0) - order.given_at) / DAY_MS for order, charge in done]
    return Line(
        name, district, len(charged),
        acknowledged=count(lambda _, charge: charge.acknowledged_at is not None),
        in_time=sum(1 for order, charge in done if not _late(order, charge)),
        late=sum(1 for order, charge in done if _late(order, charge)),
        open=count(lambda _, charge: charge.live),
        overdue=count(lambda order, charge: charge.live and order.due_at is not None
                      and order.due_at < now),
        refused=count(lambda _, charge: charge.state == "refused"),
        withdrawn=count(lambda _, charge: charge.state == "withdrawn"),
        escalated=count(lambda _, charge: bool(charge.escalated_to)),
        median_days=round(statistics.median(days), 1) if days else None)


def _late(order: Directive, charge: Charge) -> bool:
    return order.due_at is not None and (charge.ended_at or 0) > order.due_at


# As it stands on paper and on the screen: (heading, what it is)
COLUMNS = (("Given", "given"), ("Acknowledged", "acknowledged"), ("Done in time", "in_time"),
           ("Done late", "late"), ("Open", "open"), ("Overdue", "overdue"),
           ("Refused", "refused"), ("Withdrawn", "withdrawn"), ("Escalated", "escalated"),
           ("Median days", "median_days"))


def cell(line: Line, name: str) -> str:
    """A figure of a line as text; – where there is none."""
    value = getattr(line, name)
    return "–" if value is None else f"{value:g}"


def title(found: Report) -> str:
    """`Compliance with directives, November 2026, district Sibi`"""
    parts = ["Compliance with directives", found.period.name]
    parts += [found.post] if found.post else []
    parts += [f"district {found.district}"] if found.district else []
    return ", ".join(parts)
