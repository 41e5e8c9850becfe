"""A list of names in many spellings, found in a text's folded words: the longest at each place."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from archive import fold

FOLDER = Path(__file__).parent


class Found(NamedTuple):
    """A name that stands in a text: what it means, and from which to before which word."""

    name: str
    start: int
    end: int


class Phrases:
    """Spellings, each with the name it stands for; compared folded, joined in Urdu or not.

    A spelling of one short word is often a word of the language too (Nal, Hub, Mand; AS, SO): one
    of at most `short` letters counts only where its capitals stand in the text as well."""

    def __init__(self, spellings: Iterable[tuple[str, str]], short: int):
        self._short = short
        self._first: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        for spelling, name in spellings:
            words = tuple(fold.tokens(spelling))
            self._add(words, spelling, name)
            if len(words) > 1 and fold.joinable(words[0]):
                self._add(("".join(words),), spelling, name)
        for choices in self._first.values():
            choices.sort(key=lambda choice: -len(choice[0]))

    def _add(self, words: tuple[str, ...], spelling: str, name: str) -> None:
        self._first.setdefault(words[0], []).append((words, spelling, name))

    def find(self, words: list[fold.Word], text: str) -> Iterator[Found]:
        """The names in `words`, which are fold.words(text), from left to right, none nested."""
        at = 0
        while at < len(words):
            found = self._at(words, text, at)
            if found:
                yield found
            at = found.end if found else at + 1

    def _at(self, words: list[fold.Word], text: str, at: int) -> Found | None:
        for spelled, spelling, name in self._first.get(words[at].folded, ()):
            end = at + len(spelled)
            if end > len(words) or any(
                    words[at + n].folded != word for n, word in enumerate(spelled)):
                continue
            if len(spelled) == 1 and len(spelling) <= self._short and spelling.isascii() \
                    and not _capitals(text[words[at].start:words[at].end], spelling):
                continue
            return Found(name, at, end)
        return None


def _capitals(written: str, spelling: str) -> bool:
    """Whether what must be a capital is one: the first letter, and all of an abbreviation."""
    return written[:1].isupper() and (not spelling.isupper() or written.isupper())


@cache
def data(name: str) -> Any:
    """A data file of this package."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


@cache
def cue(name: str) -> frozenset[str]:
    """A list of words of cues.json, folded."""
    return frozenset(fold.tokens(data("cues.json")[name]))
