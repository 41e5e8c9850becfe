"""The words that orders and answers are read by: orders.json and answers.json, folded, and the
forms of their verbs."""
from __future__ import annotations

import re
from functools import cache
from typing import Any

from archive import fold
from nlp.phrases import data


@cache
def table(name: str) -> Any:
    """An entry of orders.json or answers.json as it stands."""
    return _all()[name]


@cache
def _all() -> Any:
    return data("orders.json") | data("answers.json")


@cache
def words(name: str) -> frozenset[str]:
    """A list of words, folded."""
    return frozenset(fold.tokens(table(name)))


@cache
def phrases(name: str) -> tuple[tuple[str, ...], ...]:
    """A list of phrases, each as its folded words; the longest first."""
    return tuple(sorted({tuple(fold.tokens(line)) for line in table(name)}, key=len, reverse=True))


@cache
def _by_first(name: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    result: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases(name):
        result.setdefault(phrase[0], []).append(phrase)
    return {first: tuple(found) for first, found in result.items()}


def has(name: str, folded: list[str], start: int = 0, end: int | None = None) -> int:
    """Where a phrase of a list begins among folded[start:end]; -1 when none does."""
    stop, first = len(folded) if end is None else end, _by_first(name)
    for at in range(start, stop):
        if folded[at] in first and phrase_at(name, folded, at, stop):
            return at
    return -1


def phrase_at(name: str, folded: list[str], at: int, end: int) -> int:
    """How many words the longest phrase of a list has that begins at a place and ends before
    `end`; 0 when none does."""
    for phrase in _by_first(name).get(folded[at], ()):
        if at + len(phrase) <= end and tuple(folded[at:at + len(phrase)]) == phrase:
            return len(phrase)
    return 0


@cache
def first_words(*names: str) -> frozenset[str]:
    """The words with which the phrases of some lists begin."""
    return frozenset(word for name in names for word in _by_first(name))


@cache
def imperatives() -> frozenset[str]:
    """The forms of Roman Urdu and Urdu verbs that tell to do: `bhejein`, `bhejo`, `بھیجیں`."""
    roman = {stem + ending for stem in words("stems") for ending in table("endings").split()}
    urdu = {stem + fold.fold(ending) for stem in words("stems_urdu")
            for ending in table("endings_urdu").split()}
    causative = {stem + ending for stem in words("stems") for ending in ("waen", "waein", "wayen")}
    return (frozenset(roman) | causative | urdu | words("irregular") | words("irregular_urdu")) \
        - words("not_imperative")


@cache
def infinitives() -> frozenset[str]:
    """`karna`, `bhejni`, `رکھنا`: what is to be done."""
    roman = {stem + ending for stem in words("stems") for ending in ("na", "ni", "ne")}
    urdu = {stem + ending for stem in words("stems_urdu") for ending in ("نا", "نی", "نے")}
    return (frozenset(roman) | urdu | words("infinitives")) - words("not_infinitive")


@cache
def stems() -> frozenset[str]:
    """Verb stems that stand before `do`, `dein`, `lein`: bhej, kar, روک."""
    return words("stems") | words("stems_urdu")


@cache
def participles() -> dict[str, str]:
    """English participle → its verb: sent → send, deducted → deduct."""
    result = {verb + ("d" if verb.endswith("e") else "ed"): verb for verb in words("verbs")}
    result |= {verb + verb[-1] + "ed": verb for verb in words("verbs")
               if re.search(r"[^aeiou][aeiou][bdglmnprt]$", verb)}  # submitted, dropped
    result |= {verb[:-1] + "ied": verb for verb in words("verbs") if verb.endswith("y")}
    result |= {str(done).strip(): str(verb) for done, verb in table("participle_verbs").items()}
    return result
