"""What a message or an order is about: its telling words, compared across English, Roman Urdu and
Urdu. `tankhwah`, `salary` and تنخواہ are one; کمیٹی is `committee` by its consonants."""
from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from archive import fold
from nlp.lexicon import participles, table, words
from nlp.reading import stem
from nlp.said import Said
from nlp.spelling import skeleton

ALIKE = 6  # letters by which words are compared: inquire, inquiry
BONES = 3  # consonants by which a word of one script is found in the other


def matter(said: Said) -> frozenset[str]:
    """The telling words of a message, stemmed, with schools' codes."""
    return stemmed(said.text.words)


def matter_of(said: Said, start: int, end: int, action: str) -> frozenset[str]:
    """The telling words of a part of a message (characters) and of the action read in it."""
    return stemmed([word.folded for word in said.text.found if start <= word.start < end]
                   + re.findall(r"[a-z]+", action.casefold()))


def stemmed(folded: Iterable[str]) -> frozenset[str]:
    """The telling words among some, stemmed."""
    return frozenset({stemmed_word(word) for word in folded} - {""}) - _weak_words()


def common(one: frozenset[str], two: frozenset[str]) -> int:
    """How many telling words two matters have in common."""
    return len(shared(one, two))


def shared(one: frozenset[str], two: frozenset[str]) -> frozenset[str]:
    """The telling words of one matter that another has as well, in whichever script."""
    same = one & two
    rest = two - same
    return same | {word for word in one - same if _bones(word) & (
        _urdu_skeletons(rest) if word.isascii() else _skeletons(rest))}


@lru_cache(4096)
def stemmed_word(word: str) -> str:
    """As nlp.reading stems, with `salary`, `salaries` and تنخواہ alike; what is too common there
    but may be wanted by an order is kept. "" for what tells nothing."""
    if word in _alike():
        return _alike()[word]
    word = participles().get(word) or (word[:-3] if word[-2:] == "ed" and word[-4:-3] == word[-3:-2]
                                       else word)
    if word in _alike():
        return _alike()[word]
    found = _urdu_stem(word) or stem(word) or (
        _singular(word) if _singular(word) in _wanted_words() else "")
    return (found[:-1] + "i" if found.endswith("y") else found)[:ALIKE]


def _urdu_stem(word: str) -> str:
    """تبادلہ, تبادلے and تبادلوں alike; "" for a word that has no such ending."""
    if word.isascii() or len(word) < 5:
        return ""
    return next((word[:-len(end)] for end in ("وں", "یں", "ہ", "ے") if word.endswith(end)), "")


def _bones(word: str) -> frozenset[str]:
    found = skeleton(word)
    return frozenset({found}) if len(found) >= BONES else frozenset()


@lru_cache(1024)
def _skeletons(some: frozenset[str]) -> frozenset[str]:
    return frozenset(skeleton(word) for word in some if word.isascii())


@lru_cache(1024)
def _urdu_skeletons(some: frozenset[str]) -> frozenset[str]:
    return frozenset(skeleton(word) for word in some if not word.isascii())


@cache
def _alike() -> dict[str, str]:
    """Word → the first of the words that mean the same."""
    return {word: line.split()[0] for line in table("alike") for word in fold.tokens(line)}


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


@cache
def _wanted_words() -> frozenset[str]:
    return words("papers") | words("data_wanted") | words("pictures")


def things(folded: Iterable[str]) -> frozenset[str]:
    """The words for what can be handed in (papers, pictures, figures), also those too common to
    tell an order by: `report`."""
    return (frozenset(map(stemmed_word, folded)) | frozenset(folded)) & (
        listed("papers") | listed("pictures") | listed("data_wanted"))


@cache
def _weak_words() -> frozenset[str]:
    return words("weak_words") | frozenset(map(stemmed_word, words("weak_words")))


@cache
def listed(name: str) -> frozenset[str]:
    """A list of words, stemmed as matters are, with the words themselves."""
    return frozenset(map(stemmed_word, words(name))) - {""} | words(name)
