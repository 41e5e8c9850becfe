"""Senders of an export, as the exporter's phone shows them: told apart from words of system lines,
and from the message when a name holds a colon."""
from __future__ import annotations

import re
from collections import Counter

from bridge.exports import stamps
from bridge.exports.wording import MARKS

ENOUGH = 12  # messages
CLEAN = {ord(mark): None for mark in MARKS} | {0x00A0: " ", 0x202F: " "}


_ODD = re.compile(
    r"[\"“”]|https?$|\b(?:changed|created|added|removed|pinned|community|encrypted|code|"
    r"settings|group)\b|غي|أضاف|أنشأ|مشف|مجتمع|نے |کیا|گروپ|رمز", re.I)


class Names:
    """Senders as they stand. `known`: without marks; "" for what must be looked at: no sender at
    all, words of a system line, a name that goes on behind its colon."""

    def __init__(self, colons: dict[str, tuple[str, ...]]) -> None:
        self._colons = colons
        self.known = stamps.Known(self._plain)

    def _plain(self, raw: str | None) -> str:
        name = "" if raw is None or self.odd(raw) else clean_name(raw)
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
    """A sender as one line without marks."""
    return raw.translate(CLEAN).strip()


def colons(header: re.Pattern[str], head: str) -> dict[str, tuple[str, ...]]:
    """Names that hold a colon: all that their first half ever says begins with the same words and a
    colon, and there is enough of it to be no habit of writing (`Update: …`)."""
    said: dict[str, Counter[str]] = {}
    split = header.split("\n" + head)
    step = stamps.GROUPS + 1
    for raw, body in zip(split[stamps.GROUPS::step], split[step::step], strict=True):
        if raw is not None and not _ODD.search(raw):
            first = re.match(r"([^:\n]{1,60}): ", body)
            said.setdefault(clean_name(raw), Counter())[first[1] if first else ""] += 1
    return {name: tuple(sorted(counts, key=len, reverse=True)) for name, counts in said.items()
            if "" not in counts and sum(counts.values()) >= ENOUGH and len(counts) == 1}
