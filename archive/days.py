"""Days as files and people write them; kept as ISO texts, which sort by time and know no zone."""
from __future__ import annotations

import re
from datetime import date

FOREVER = "9999-12-31"  # compares after every day

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?")
_LOCAL = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_WORDS = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[\s-]+([A-Za-z]{3,9})\.?,?[\s-]+(\d{4})")
_PART = re.compile(r"(\d{4})(?:-(\d{1,2}))?")


def read(text: str) -> str:
    """`2026-04-01`, `01-04-2026`, `1/4/2026`, `1 April 2026` or `1-Apr-2026` as `2026-04-01`; day
    before month, as the offices write. Raises ValueError with what is wrong."""
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in text).strip()
    if found := _ISO.fullmatch(plain):
        year, month, day = map(int, found.groups())
    elif found := _LOCAL.fullmatch(plain):
        day, month, year = map(int, found.groups())
    elif (found := _WORDS.fullmatch(plain)) and found[2][:3].lower() in _MONTHS:
        day, month, year = int(found[1]), _MONTHS.index(found[2][:3].lower()) + 1, int(found[3])
    else:
        raise ValueError(f"{text.strip()!r} is not a date; write 2026-04-01 or 01-04-2026")
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise ValueError(f"{text.strip()} is a date that does not exist") from None


def first(text: str) -> str:
    """The same, and of a year or a month (`2021`, `2021-06`) its first day."""
    if found := _PART.fullmatch(text.strip()):
        return read(f"{found[1]}-{found[2] or 1}-1")
    return read(text)


def shown(day: str) -> str:
    """`1 Apr 2026`"""
    known = date.fromisoformat(day)
    return f"{known.day} {known:%b %Y}"


def holds(since: str, until: str | None, day: str) -> bool:
    """Whether a day lies in a period: `until` is the first day after it, None for no end."""
    return since <= day < (until or FOREVER)
