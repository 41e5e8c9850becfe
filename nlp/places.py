"""Districts of Balochistan in a text. The list, its spellings and towns are data: places.json."""
from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from archive import fold
from nlp.phrases import Found, Phrases, data

SHORT = 5  # letters; Nal, Mand, Hub, Bela, Mach are words as well


@cache
def _phrases() -> Phrases:
    return Phrases(_spellings(), SHORT)


def _spellings() -> Iterator[tuple[str, str]]:
    for row in data("places.json"):
        for spelling in (row["district"], *row["urdu"], *row["aliases"], *row["towns"]):
            yield spelling, row["district"]


def districts(words: list[fold.Word], text: str) -> list[Found]:
    """The districts that a text names, itself or by a town in it. `words` is fold.words(text)."""
    return list(_phrases().find(words, text))


@cache
def _towns() -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(fold.tokens(town)) for row in data("places.json")
                     for town in row["towns"])


def is_town(place: Found, folded: list[str]) -> bool:
    """Whether a place that districts() found is a town in its district, not the district's name."""
    return tuple(folded[place.start:place.end]) in _towns()


def canonical(text: str) -> str | None:
    """The district that a text names and nothing else; None when it names none, or more."""
    words = fold.words(text)
    found = districts(words, text.title() if text.isascii() else text)
    return found[0].name if len(found) == 1 and (found[0].start, found[0].end) == (
        0, len(words)) else None
