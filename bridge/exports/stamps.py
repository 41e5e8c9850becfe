"""How a message begins in an export: date, time, sender; and in which order a date's parts are.

Android: `06/03/2026, 9:14 am - Name: text`; iOS: `[06/03/2026, 9:14:05 AM] Name: text`. The order
of day and month follows the phone's language. It is a property of the whole file, and only the file
can tell it.
"""
from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any, TypeVar

from bridge.exports.wording import MARKS, Wording, bare

ORDERS = ("dmy", "mdy", "ymd")
DAY_MS = 86_400_000
NEVER = -1 << 60  # a part of a beginning that does not exist
NO_TIME = NEVER >> 1
KNOWN = 4096  # distinct texts that are kept
Value = TypeVar("Value")
_BLANK = "[ \u00a0\u202f\u2009]"
_M = f"[{MARKS}]*"
# Digits of any script; in right-to-left languages with marks between the parts.
_DATE = rf"[\d{MARKS}]{{1,7}}[./-] ?[\d{MARKS}]{{1,5}}[./-] ?[\d{MARKS}]{{1,7}}"
_TIME = r"\d{1,2}[:.]\d\d"
_REST = rf"(?:[:.]\d\d)?(?:{_BLANK}?(?!\d)[^\W\d_][^\d\]\n:<>]{{0,15}}?)?"
# Between date and time some languages write a word, or a full stop: 13.6.2018 klo 21.25.
_WHEN = rf"({_DATE})\.?[,،]?{_BLANK}{_M}(?:(?:klo|kl\.|um|às){_BLANK})?({_TIME})({_REST})"
NAME = 150  # signs of a sender
_WHO = rf"(?:([^:\n]{{1,{NAME}}}):(?: |(?=\n)|\Z))?"
# Groups: date, hour and minute, the rest of the time (seconds, half of the day), sender. A line
# break stands first: with it the search is quick.
HEADERS = {"android": rf"\n{_M}{_WHEN}{_BLANK}-{_BLANK}{_WHO}",
           "ios": rf"\n{_M}\[{_WHEN}{_M}\]{_BLANK}{_WHO}",
           "ios of 2017": rf"\n{_M}{_WHEN}:{_BLANK}{_WHO}"}  # and before
GROUPS = 4
_SEPARATORS = re.compile(r"[./-]")
_PARTS = re.compile(r"[:.]")
_SECONDS = re.compile(r"[:.](\d\d)")
_WHOLE_DATE = re.compile(_DATE)
_WHOLE_CLOCK = re.compile(rf"({_TIME})({_REST})")
_NO_MARKS = {ord(mark): None for mark in MARKS}


def halves(rests: Iterable[str]) -> bool:
    """Whether a file tells the half of the day: most of its beginnings do."""
    counts = Counter(rests)  # few differ, but for their seconds
    told = sum(number for rest, number in counts.items() if bare(_SECONDS.sub("", rest, count=1)))
    return told * 2 > counts.total()


@dataclass(frozen=True)
class Ordered:
    """An order of the parts of dates, and why, in words; `order` is "" when nothing decides;
    `certain`: the file cannot be read in another."""

    order: str
    why: str
    certain: bool = False


class Clock:
    """Dates and times of day of a file, as Unix milliseconds, each part worked out once: the sum of
    `days` and `clocks` (or of `days`, `times` and `rests`) is the time, but on days in `uneven`, on
    which clocks change, and then `at` must be asked. Keys are parts of a beginning as they stand,
    as text or in UTF-8. What does not exist makes the sum less than NO_TIME."""

    def __init__(self, order: str, zone: tzinfo, halves: bool, wording: Wording) -> None:
        """`halves`: the file tells hours from 1 to 12."""
        self.order, self._zone, self._halves, self._wording = order, zone, halves, wording
        self.days: Known[int] = Known(self._day)
        self.times: Known[int] = Known(self._time)
        self.rests: Known[int] = Known(self._rest)
        self.clocks: Known[int] = Known(self._whole)  # time and rest in one
        self.uneven: set[str | bytes] = set()

    def at(self, day: str | bytes, clock: str | bytes, rest: str | bytes | None = None) -> int:
        """Unix ms; less than NO_TIME when there is no such time. `clock` holds the rest, too, when
        that is None."""
        start = self.days[day]
        passed = self.clocks[clock] if rest is None else self.times[clock] + self.rests[rest]
        if day not in self.uneven or passed < NO_TIME:
            return start + passed
        local = datetime.combine(date(*parts(_text(day), self.order)), time()) + timedelta(
            milliseconds=passed)
        return int(local.replace(tzinfo=self._zone).timestamp() * 1000)

    def _day(self, raw: str | bytes) -> int:
        text = _text(raw)
        try:
            day = date(*parts(text, self.order))
        except ValueError:
            return NEVER
        if not _WHOLE_DATE.fullmatch(text):
            return NEVER
        start = int(datetime.combine(day, time(), self._zone).timestamp() * 1000)
        last = int(datetime.combine(day, time(23, 59, 59), self._zone).timestamp() * 1000)
        if last - start != DAY_MS - 1000:
            self.uneven.add(raw)
        return start

    def _whole(self, raw: str | bytes) -> int:
        found = _WHOLE_CLOCK.fullmatch(_text(raw))
        return self._time(found[1]) + self._rest(found[2]) if found else NEVER

    def _time(self, raw: str | bytes) -> int:
        hour, minute = map(int, _PARTS.split(_text(raw)))
        if minute > 59 or hour > 23 or (self._halves and not 0 < hour <= 12):
            return NEVER
        return ((hour % 12 if self._halves else hour) * 60 + minute) * 60_000

    def _rest(self, raw: str | bytes) -> int:
        text = _text(raw)
        found = _SECONDS.match(text)
        second = int(found[1]) if found else 0
        half = bare(text[found.end():] if found else text).lower()
        if bool(half) != self._halves or second > 59 or (
                half and half not in self._wording.am | self._wording.pm):
            return NEVER
        return second * 1000 + (DAY_MS // 2 if half in self._wording.pm else 0)


class Known(dict[Any, Value]):
    """What was worked out once for each distinct text, of which a file has few: `known[text]`, or
    `map(known.__getitem__, texts)` for many. It begins anew when there are not few at all."""

    def __init__(self, make: Callable[[Any], Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> Value:
        if len(self) >= KNOWN:
            self.clear()
        value = self[key] = self._make(key)
        return value


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode()


def numbers(text: str) -> tuple[int, int, int]:
    """The three numbers of a date as it stands."""
    first, second, third = _SEPARATORS.split(text.translate(_NO_MARKS))
    return int(first), int(second), int(third)


def parts(text: str, order: str) -> tuple[int, int, int]:
    """(year, month, day). Raises ValueError."""
    if (order == "ymd") != (numbers(text)[0] > 1000):
        raise ValueError("a year that stands first has four digits")
    named = dict(zip(order, numbers(text), strict=True))
    year = named["y"] + 2000 if named["y"] < 100 else named["y"]
    if not 2009 <= year <= 2100:  # WhatsApp began in 2009
        raise ValueError(f"{year} is no year of WhatsApp")
    return year, named["m"], named["d"]


def order_of(dates: Iterable[str], today: date) -> Ordered:
    """The order that the dates of a file prove, the earliest proof first. `dates`: as they stand,
    in the file's order; taken only as far as is needed."""
    left = list(ORDERS)
    seen: list[str] = []
    last = ""
    for text in dates:
        if text == last:
            continue
        last = text
        fits = [order for order in left if _exists(text, order, today)]
        if fits and len(fits) < len(left):
            left = fits
            if len(left) == 1:
                return Ordered(
                    left[0], f"because of the date {text.translate(_NO_MARKS)}", certain=True)
        if fits and len(seen) < 5000:
            seen.append(text)
    if len(left) == 1:
        return Ordered(left[0], "", certain=True)
    return _by_steps(seen, left)


def in_future(text: str, today: date) -> bool:
    """Whether a date lies in the future in whatever order it is read."""
    found = []
    for order in ORDERS:
        with contextlib.suppress(ValueError):
            found.append(date(*parts(text, order)))
    return bool(found) and min(found) > today + timedelta(days=1)


def _exists(text: str, order: str, today: date) -> bool:
    try:
        return date(*parts(text, order)) <= today + timedelta(days=1)
    except ValueError:
        return False


def _by_steps(seen: Sequence[str], orders: Sequence[str]) -> Ordered:
    """No date is impossible in the other order. Days follow upon days: in the wrong order the
    steps between dates are months with one day of the month, or lead back."""
    if len(seen) < 2:
        return Ordered("", "")
    back, whole = {}, {}
    for order in orders:
        days = [date(*parts(text, order)) for text in seen]
        steps = list(pairwise(days))
        back[order] = sum(b < a for a, b in steps)
        whole[order] = sum(a.day == b.day for a, b in steps)
    least = min(back.values())
    best = [order for order in orders if back[order] == least]
    if len(best) == 1 and max(back.values()) >= least + 2:
        return Ordered(best[0], "because the dates lead back otherwise")
    if len(best) > 1 and len(seen) >= 4:
        even = [order for order in best if whole[order] < len(seen) - 1]
        if len(even) == 1:
            return Ordered(even[0], "because every message would be of the same day of a month")
    return Ordered("", "")
