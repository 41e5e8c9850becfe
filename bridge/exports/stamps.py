"""How a message begins in an export: date, time, sender; and in which order a date's parts are.

Android: `06/03/2026, 9:14 am - Name: text`; iOS: `[06/03/2026, 9:14:05 AM] Name: text`. The order
of day and month follows the phone's language. It is a property of the whole file, and only the file
can tell it.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from bridge.exports.wording import MARKS, Wording, bare

ORDERS = ("dmy", "mdy", "ymd")
DAY_MS = 86_400_000
_BLANK = "[ \u00a0\u202f\u2009]"
_M = f"[{MARKS}]*"
# Digits of any script; in right-to-left languages with marks between the parts.
_DATE = rf"[\d{MARKS}]{{1,7}}[./-][\d{MARKS}]{{1,5}}[./-][\d{MARKS}]{{1,7}}"
_TIME = r"\d{1,2}[:.]\d\d"
_REST = rf"(?:[:.]\d\d)?(?:{_BLANK}?(?!\d)[^\W\d_][^\d\]\n:<>]{{0,15}}?)?"
_WHEN = rf"({_DATE})[,،]?{_BLANK}{_M}({_TIME})({_REST})"
_WHO = r"(?:([^:\n]{1,150}):(?: |(?=\n)))?"
# Groups: date, hour and minute, the rest of the time (seconds, half of the day), sender. A line
# break stands first: with it the search is quick.
HEADERS = {"android": rf"\n{_M}{_WHEN}{_BLANK}-{_BLANK}{_WHO}",
           "ios": rf"\n{_M}\[{_WHEN}{_M}\]{_BLANK}{_WHO}"}
GROUPS = 4
_FRAMES = {"android": (r"\n", f"{_BLANK}-{_BLANK}"), "ios": (r"\n\u200e?\[", rf"\]{_BLANK}")}
_SEPARATORS = re.compile(r"[./-]")
_PARTS = re.compile(r"[:.]")
_SECONDS = re.compile(r"[:.](\d\d)")
_NO_MARKS = {ord(mark): None for mark in MARKS}


def narrow(platform: str, head: str) -> re.Pattern[str]:
    """The pattern of HEADERS, fitted to a file: quicker, and finds the same in `head`."""
    wide = re.compile(HEADERS[platform])
    seen = wide.findall(head)
    first = wide.search(head)
    assert first is not None
    date_end, between = first.end(1), head[first.end(1):first.start(2)]
    half = bare(re.sub(_SECONDS, "", first[3], count=1))
    half_at = len(first[3]) - len(half)
    rest = r":[0-9]{2}" if _SECONDS.match(first[3]) else ""
    if half:
        blank = first[3][half_at - 1:half_at]
        rest += "" if blank.isdecimal() else re.escape(blank)
        rest += {"am": "[ap]m", "pm": "[ap]m", "AM": "[AP]M", "PM": "[AP]M"}.get(half, "x")
    sign = re.escape(_SEPARATORS.findall(first[1])[0])
    begin, end = _FRAMES[platform]
    fitted = re.compile(
        rf"{begin}([0-9]{{1,4}}{sign}[0-9]{{1,2}}{sign}[0-9]{{1,4}}){re.escape(between)}"
        rf"([0-9]{{1,2}}:[0-9]{{2}})({rest}){end}{_WHO}")
    return fitted if date_end and fitted.findall(head) == seen else wide


def halves(header: re.Pattern[str], head: str) -> bool:
    """Whether a file tells the half of the day: most beginnings of `head` do."""
    rests = [bare(_SECONDS.sub("", rest, count=1)) for _, _, rest, _ in header.findall(head)]
    return sum(map(bool, rests)) * 2 > len(rests)


class NotStamp(ValueError):
    """A date or time that does not exist: the line is no message's beginning."""


@dataclass(frozen=True)
class Ordered:
    """An order of the parts of dates, and why, in words; `order` is "" when nothing decides;
    `certain`: the file cannot be read in another."""

    order: str
    why: str
    certain: bool = False


class Clock:
    """Dates and times of day of a file, as Unix milliseconds, each part worked out once: the sum of
    `days`, `times` and `rests` is the time, but on days in `uneven`, on which clocks change, and
    then `at` must be asked. All raise NotStamp."""

    def __init__(self, order: str, zone: tzinfo, halves: bool, wording: Wording) -> None:
        """`halves`: the file tells hours from 1 to 12."""
        self.order, self._zone, self._halves, self._wording = order, zone, halves, wording
        self.days = Known(self._day)
        self.times = Known(self._time)
        self.rests = Known(self._rest)
        self.uneven: set[str] = set()

    def at(self, day: str, clock: str, rest: str) -> int:
        """Unix ms."""
        start, passed = self.days[day], self.times[clock] + self.rests[rest]
        if day not in self.uneven:
            return start + passed
        local = datetime.combine(date(*parts(day, self.order)), time()) + timedelta(
            milliseconds=passed)
        return int(local.replace(tzinfo=self._zone).timestamp() * 1000)

    def _day(self, text: str) -> int:
        try:
            day = date(*parts(text, self.order))
        except ValueError as error:
            raise NotStamp(f"{text}: {error}") from None
        start = int(datetime.combine(day, time(), self._zone).timestamp() * 1000)
        last = int(datetime.combine(day, time(23, 59, 59), self._zone).timestamp() * 1000)
        if last - start != DAY_MS - 1000:
            self.uneven.add(text)
        return start

    def _time(self, text: str) -> int:
        hour, minute = map(int, _PARTS.split(text))
        if minute > 59 or hour > 23 or (self._halves and not 0 < hour <= 12):
            raise NotStamp(f"{text}: no such time")
        return ((hour % 12 if self._halves else hour) * 60 + minute) * 60_000

    def _rest(self, text: str) -> int:
        found = _SECONDS.match(text)
        second = int(found[1]) if found else 0
        half = bare(text[found.end():] if found else text).lower()
        if bool(half) != self._halves or second > 59:
            raise NotStamp(f"{text}: no such time")
        if half and half not in self._wording.am | self._wording.pm:
            raise NotStamp(f"{half} is no half of a day that is known")
        return second * 1000 + (DAY_MS // 2 if half in self._wording.pm else 0)


class Known:
    """What was worked out once for each distinct text, of which a file has few."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._known: dict[Any, Any] = {}

    def __getitem__(self, key: Any) -> Any:
        return next(self.of((key,)))

    def of(self, keys: Sequence[Any]) -> Iterator[Any]:
        """The values of many keys. Raises what making one raises."""
        for key in set(keys).difference(self._known):
            self._known[key] = self._make(key)
        return map(self._known.__getitem__, keys)


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
