"""Periods of a report, as people write them: "this month", "last week", "2026-11", "1 Nov to 15
Nov", اس ماہ. Pure."""
from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from archive import fold
from nlp.words import one_line, shorten

# kind -> other words for it
_NAMED: dict[str, tuple[str, ...]] = {
    "this month": ("this month", "month", "اس ماہ", "اس مہینے", "is mah"),
    "last month": ("last month", "previous month", "پچھلے ماہ", "گزشتہ ماہ", "pichle mah"),
    "this week": ("this week", "week", "اس ہفتے", "is hafte"),
    "last week": ("last week", "previous week", "پچھلے ہفتے", "گزشتہ ہفتے"),
    "this year": ("this year", "year", "اس سال"),
    "last year": ("last year", "previous year", "پچھلے سال", "گزشتہ سال"),
    "today": ("today", "آج"),
}
_FOLDED = {tuple(fold.tokens(words)): kind for kind, names in _NAMED.items() for words in names}
_BETWEEN = re.compile(r"\s+(?:to|until|till|تا|سے)\s+|\s*(?:\.\.|–|—)\s*", re.I)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EXAMPLES = "this month, last week, 2026-11, 1-11-2026 to 15-11-2026"


class Period(NamedTuple):
    """First day, last day, and the name for people."""

    first: date
    last: date
    name: str


class PeriodError(ValueError):
    """It cannot be read; the text says what would do."""


def read(text: str, today: date) -> Period:
    """A period; this month when there is none. Raises PeriodError."""
    words = one_line(text)
    kind = _FOLDED.get(tuple(fold.tokens(words))) if words else "this month"
    if kind:
        return _named(kind, today)
    digits = "".join(str(int(c)) if c.isdecimal() else c for c in words)
    whole = re.fullmatch(r"(\d{4})-(\d{1,2})", digits)
    if whole and 1 <= int(whole[2]) <= 12 and int(whole[1]) > 1900:
        return _month(date(int(whole[1]), int(whole[2]), 1))
    parts = _BETWEEN.split(digits)
    if len(parts) in (1, 2):
        days = [_day(part, today) for part in parts]
        if all(days):
            first, last = days[0], days[-1]
            assert first and last
            if last < first:
                raise PeriodError(f"{last} lies before {first}: give the earlier day first")
            return Period(first, last, _span(first, last))
    raise PeriodError(f"I cannot read {shorten(words, 40)!r} as a period; for example: {EXAMPLES}")


def _named(kind: str, today: date) -> Period:
    which, _, what = kind.partition(" ")
    if kind == "today":
        return Period(today, today, _long(today))
    if what == "month":
        first = today.replace(day=1)
        return _month(first if which == "this" else (first - timedelta(1)).replace(day=1))
    if what == "week":
        monday = today - timedelta(today.weekday() + (0 if which == "this" else 7))
        return Period(monday, monday + timedelta(6), f"the week from {_long(monday)}")
    year = today.year - (which != "this")
    return Period(date(year, 1, 1), date(year, 12, 31), str(year))


def _month(first: date) -> Period:
    following = (first + timedelta(31)).replace(day=1)
    return Period(first, following - timedelta(1), f"{first:%B %Y}")


def _day(text: str, today: date) -> date | None:
    """25-11-2026, 2026-11-25, 25/11, 25 Nov, 25 November 2026; without a year, this one's."""
    text = text.strip().lower()
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text)
    if iso:
        return _made(int(iso[1]), int(iso[2]), int(iso[3]))
    plain = re.fullmatch(r"(\d{1,2})[-./](\d{1,2})(?:[-./](\d{4}))?", text)
    if plain:
        return _made(int(plain[3] or today.year), int(plain[2]), int(plain[1]))
    named = re.fullmatch(r"(\d{1,2})\s+([a-z]{3,9})\.?(?:\s+(\d{4}))?", text)
    if named and named[2][:3] in _MONTHS:
        return _made(int(named[3] or today.year), _MONTHS.index(named[2][:3]) + 1, int(named[1]))
    return None


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _span(first: date, last: date) -> str:
    return _long(first) if first == last else f"{_long(first)} to {_long(last)}"


def _long(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
