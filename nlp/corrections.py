"""Whether a message corrects what its sender has reported before. Pure; the words are data:
corrections.json."""
from __future__ import annotations

from functools import cache

from archive import fold
from nlp.phrases import data

BEGINNING = 3  # words of a text within which it begins to say so


def corrects(text: str) -> bool:
    """`Revised: GBHS Mekhtar 14 sanctioned`, `Correction. …`, `تصحیح: …`, `sorry 14 not 15`."""
    words = fold.tokens(text[:200])
    return any(words[at:at + len(phrase)] == list(phrase)
               for at in range(BEGINNING) for phrase in _phrases())


@cache
def _phrases() -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(fold.tokens(text)) for text in data("corrections.json"))
