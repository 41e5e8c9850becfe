"""How a message begins before it comes to its matter: `Respected sir, AOA.` Pure; the words are
data (address.json, and the greetings of cues.json)."""
from __future__ import annotations

import re
from functools import cache

from archive import fold
from nlp.phrases import cue, data

LONGEST = 12  # words of an address
_POINTS = re.compile(r"^[^\w(\[“\"'#@]+")


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(fold.tokens(data("address.json")[name]))


def after_address(text: str) -> str:
    """The text without greeting and address at its beginning; the same text when it is nothing
    else, or has none."""
    words = fold.words(text[:400])
    last = -1
    for number, word in enumerate(words[:LONGEST]):
        if word.folded in cue("greet") or word.folded in _words("address"):
            last = number
        elif word.folded not in _words("between"):
            break
    if last < 0 or last + 1 >= len(words):
        return text
    return _POINTS.sub("", text[words[last].end:])
