"""A text cut into words and sentences, as the readers of orders and reports see it."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from archive import fold

LONGEST = 4000  # characters that are read, a quarter of them at the end
MOST_WORDS = 500
_END = re.compile(r"[\n!?؟۔;؛]|\.(?=\s|$)|\.\.|\.$")
_ABBREVIATIONS = frozenset(fold.tokens("mr mrs ms dr no nos rs addl add st i e a p dy distt secy m "
                                       "s r engr prof asst vs viz vide"))


@dataclass(frozen=True)
class Sentence:
    """The words from `start` to before `end`; `question`: it ends with a question mark."""

    start: int
    end: int
    question: bool


@dataclass
class Text:
    """A text's words. `gaps[n]` is what stands before word n."""

    text: str
    found: list[fold.Word] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # worked out once

    def __len__(self) -> int:
        return len(self.found)

    def at(self, number: int) -> str:
        """The word at a place, "" beyond the ends."""
        return self.words[number] if 0 <= number < len(self.words) else ""

    def slice(self, start: int, end: int) -> str:
        """The text of words from `start` to before `end`, as written."""
        return self.text[self.found[start].start:self.found[end - 1].end] if end > start else ""


def shortened(text: str) -> str:
    """At most LONGEST characters of a text: its beginning and its end."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST * 3 // 4]}\n{text[-LONGEST // 4:]}"


def cut(text: str) -> Text:
    """Read a text into words and sentences. Bounded by LONGEST and MOST_WORDS."""
    text = shortened(text)
    found = fold.words(text)[:MOST_WORDS]
    ends = [0, *(word.end for word in found)]
    starts = [*(word.start for word in found), len(text)]
    gaps = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    words = [word.folded for word in found]
    sentences = []
    first = 0
    for number in range(1, len(words) + 1):
        gap = gaps[number] if number < len(words) else gaps[-1]
        last = number == len(words)
        if not last and not _END.search(gap):
            continue
        if not last and gap.strip() == "." and (
                words[number - 1] in _ABBREVIATIONS or (words[number - 1].isdigit() and
                words[number].isdigit())) and "\n" not in gap:
            continue
        sentences.append(Sentence(first, number, "?" in gap or "؟" in gap))
        first = number
    return Text(text, found, words, gaps, sentences)
