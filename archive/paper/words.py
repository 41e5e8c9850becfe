"""Texts and dates as they stand on paper. Pure."""
from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from archive import clean
from archive.cases import Linked

LRM = "\u200e"
_ARABIC = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]+")
_LETTER = re.compile(r"[^\W\d_]")
# XML 1.0 allows no other controls than tab and newline; overrides would turn the page around.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]")
_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_ENDLESS = re.compile(r"\S{300,}")
_STEERING = re.compile("[\u061c\u200e\u200f]")
_URDU = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u200c\u200d"
# Arabic letters, and what stands between two of them
_SCRIPTS = re.compile(f"(?:[{_URDU}]+(?:[^{_URDU}A-Za-z\\n]+(?=[{_URDU}]))?)+")


def plain(text: str | None) -> str:
    """A person's text with all that can be printed; line ends become newlines."""
    return printable(_ENDS.sub("\n", text or "")).strip()


def printable(text: str) -> str:
    """Without what no document may hold."""
    return _UNPRINTABLE.sub("", _ENDS.sub("\n", clean.text(text)))


def name(text: str | None) -> str:
    """A person's words inside a line of ours. Around right-to-left words stand marks, so that a
    date after them does not join them (UAX #9, W2)."""
    line = " ".join(_STEERING.sub("", plain(text)).split())
    return f"{LRM}{line}{LRM}" if _ARABIC.search(line) else line


def breakable(text: str) -> str:
    """With endless words (more than 300 letters) cut by blanks: whole, laying one out takes up to
    minutes. Addresses of the usual length stay as they are."""
    return _ENDLESS.sub(lambda match: " ".join(
        match[0][start:start + 40] for start in range(0, len(match[0]), 40)), text)


def has_urdu(text: str) -> bool:
    """Whether any letter of a text is Arabic."""
    return bool(_ARABIC.search(text))


def is_urdu(text: str) -> bool:
    """Whether a text is mostly in Arabic letters, and so begins at the right."""
    arabic = sum(len(match) for match in _ARABIC.findall(text[:500]))
    return 2 * arabic > len(_LETTER.findall(text[:500]))


def begins_urdu(text: str) -> bool:
    """Whether the first letter of a text is Arabic."""
    first = _LETTER.search(text)
    return bool(first and _ARABIC.match(first[0]))


def scripts(text: str) -> list[tuple[str, bool]]:
    """A line in stretches of one script: (text, whether it is Arabic)."""
    found, end = list[tuple[str, bool]](), 0
    for match in _SCRIPTS.finditer(text):
        if match.start() > end:
            found.append((text[end:match.start()], False))
        found.append((match[0], True))
        end = match.end()
    if end < len(text):
        found.append((text[end:], False))
    return found


def at(ms: int, zone: ZoneInfo) -> datetime:
    """Unix milliseconds as local time."""
    return datetime.fromtimestamp(min(max(ms / 1000, 0), 253_370_000_000), zone)


def moment(ms: int, zone: ZoneInfo) -> str:
    """`6 Apr 2026, 08:12`"""
    when = at(ms, zone)
    return f"{when.day} {when:%b %Y, %H:%M}"


def formal_date(ms: int, zone: ZoneInfo) -> str:
    """`the 6th April, 2026`, as letters of the secretariat write it."""
    when = at(ms, zone)
    ending = "th" if 11 <= when.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(when.day % 10, "th")
    return f"the {when.day}{ending} {when:%B, %Y}"


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1_000_000:
        return f"{max(count, 1) / 1000:.0f} kB" if count >= 1000 else f"{count} bytes"
    return f"{count / 1_000_000:.1f} MB"


def directives(linked: Sequence[Linked]) -> str:
    """The directives that a case's papers gave, with how each stands at each post."""
    return "; ".join(
        f"{one.number} " + ", ".join(f"{name(post)} {state.replace('_', ' ')}"
                                     for post, state in one.posts) for one in linked)
