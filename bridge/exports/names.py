"""Senders of an export, as the exporter's phone shows them: told apart from words of system lines,
and from the message when a name holds a colon."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from bridge.exports import stamps
from bridge.exports.wording import MARKS

ENOUGH = 5  # messages
CLEAN = {ord(mark): None for mark in MARKS} | {0x00A0: " ", 0x202F: " "}


_NUMBER = re.compile(rf"[{MARKS}~\s+\d().\-\u2011]+")
_ODD = re.compile(
    r"[\"“”]|https?$|\b(?:changed|created|added|removed|pinned|community|encrypted|code|"
    r"settings|group)\b|غي|أضاف|أنشأ|مشف|مجتمع|نے |کیا|گروپ|رمز", re.I)


class LineCrossed(Exception):
    """What was taken for a sender goes on in the next line: it is none."""


class Names:
    """Senders. `known`: as they stand, in UTF-8 → without marks; "" for what must be looked at: no
    sender at all, words of a system line, a name that goes on behind its colon."""

    def __init__(self, colons: dict[str, tuple[str, ...]]) -> None:
        self._colons = colons
        self.with_colon = [f"{name}: {rest}" for name, rests in colons.items() for rest in rests]
        self.known: stamps.Known[str] = stamps.Known(self._plain)

    def of(self, raws: Iterable[bytes | None]) -> list[str]:
        """Senders as `known` has them. Raises LineCrossed."""
        return list(map(self.known.__getitem__, raws))

    def _plain(self, raw: bytes | None) -> str:
        text = (raw or b"").decode()
        if "\n" in text:
            raise LineCrossed
        name = "" if self.odd(text) or len(text) > stamps.NAME else clean_name(text)
        return "" if name in self._colons else name

    def odd(self, raw: str) -> bool:
        """Whether it may be the beginning of a system line."""
        return bool(_ODD.search(raw))

    def split(self, raw: str, body: str) -> tuple[str, str]:
        """(name, body): some names hold a colon."""
        name = clean_name(raw)
        for rest in self._colons.get(name, ()):
            if body.startswith(f"{rest}: ") or body == f"{rest}:":
                return f"{name}: {rest}", body[len(rest) + 2:]
        return name, body


def clean_name(raw: str) -> str:
    """A sender as one line without marks; as it stands when it is nothing but marks and blanks:
    somebody said it all the same."""
    return raw.translate(CLEAN).strip() or raw


def colons(senders: Iterable[str | None], bodies: Iterable[str], own: Callable[[str], object]
           ) -> dict[str, tuple[str, ...]]:
    """Names that hold a colon: all that their first half ever says begins with the same words and a
    colon, and behind these stands, once at least, what nobody writes but WhatsApp (`own`: a file, a
    deleted message). Without that it is a habit of writing (`Attendance: …`)."""
    said: dict[str, Counter[str]] = {}
    without: set[str] = set()  # senders that once began otherwise, as most do at once
    proven: set[str] = set()
    for raw, body in zip(senders, bodies, strict=True):
        if raw is not None and raw not in without:
            first = re.match(r"([^:\n]{1,60}): ", body)
            counts = said.setdefault(raw, Counter())
            counts[first[1] if first else ""] += 1
            if not first or len(counts) > 1 or _ODD.search(raw) or _NUMBER.fullmatch(raw):
                without.add(raw)
            elif raw not in proven and own(body[first.end():]):
                proven.add(raw)
    return {clean_name(raw): tuple(counts) for raw, counts in said.items()
            if raw in proven - without and sum(counts.values()) >= ENOUGH}
