"""The deeds that a text names, by their verbs: `issue`, `issued` and جاری alike, whatever hands
something in as one. Verbs that say nothing of their own (`kar`, `de`, `do`) are no deeds."""
from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from nlp.lexicon import participles, stems, words
from nlp.matter import stemmed_word

_ROMAN = ("a", "i", "e", "ya", "yi", "ye", "o", "na", "ni", "ne", "ta", "ti", "te", "ein", "en",
          "unga", "ungi", "enge", "aya", "ayi", "aen", "wa", "waya", "wayi")
_URDU = ("ا", "ی", "ے", "یا", "یی", "یے", "و", "نا", "نی", "نے", "تا", "تی", "تے", "یں", "وں",
         "وایا", "وایی")


def deeds(folded: Iterable[str]) -> frozenset[str]:
    """The deeds among some words."""
    return frozenset(map(deed, folded)) - {""}


@lru_cache(4096)
def deed(word: str) -> str:
    """The deed that a word tells; "" for none."""
    if word in words("handing") - words("light_deeds"):
        return "hand"
    alike = stemmed_word(word)
    if alike in words("verbs"):
        return alike
    verb = participles().get(word, word)
    if verb in words("light_deeds"):
        return ""
    return verb if verb in words("verbs") else _forms().get(word, "")


@cache
def _forms() -> dict[str, str]:
    """Form of an Urdu verb, in either script → its stem."""
    found: dict[str, str] = {}
    for stem in stems() - words("light_deeds"):
        for ending in _ROMAN if stem.isascii() else _URDU:
            found.setdefault(stem + ending, stem)
    return found | {stem: stem for stem in stems() if len(stem) > 2} \
        | {stem: "" for stem in words("light_deeds")}
