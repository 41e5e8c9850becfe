"""The words of a text as the readers of days and hours see them, and what those readers find."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from archive import fold
from nlp.phrases import data

_BREAK = re.compile(r"[\n!?؟۔;؛]|\.(?=\s|$)|\.\.")
_MIXED = re.compile(r"\d+|[^\W\d_]+")


@dataclass(frozen=True)
class Part:
    """Something named by the words from `start` to before `end`.

    kind     value
    date     (year or None, month, day)
    ordinal  (day of the month, months ahead or None when not said)
    weekday  (0 for Monday …, "" or this, next, coming)
    day      days from today
    end      (month, week, day or year, how many ahead), or ("named", month)
    period   (week or month, how many ahead)
    clock    (hour, minute, am, pm or "")
    part     part of the day or prayer
    cob      None: the close of business
    span     (how many, unit, whether working days)
    now, urgent  None: at once; soon, without a date
    moon     the words: a month or feast by the moon
    bad      why there is no such date
    """

    kind: str
    start: int
    end: int
    value: Any = None
    weak: bool = False  # means it only beside a word such as `by` or `tak`


@cache
def lexicon(name: str) -> dict[str, str]:
    """Word → what it stands for, of one entry of deadlines.json; for a list of words, itself."""
    entry = data("deadlines.json")[name]
    if isinstance(entry, str):
        return {word: word for word in fold.tokens(entry)}
    pairs = enumerate(entry) if isinstance(entry, list) else entry.items()
    return {word: str(key) for key, words in pairs for word in fold.tokens(words)}


class Words:
    """A text's words, folded, with what stands between them."""

    def __init__(self, text: str):
        self.text = text
        self.words: list[str] = []
        self.places: list[tuple[int, int]] = []
        for word in fold.words(text):
            self._add(word)
        self.words += [""] * 8  # so that readers may look ahead
        ends = [0, *(end for _, end in self.places)]
        starts = [*(start for start, _ in self.places), len(text)]
        self.gaps = [text[end:start] if start > end else ""
                     for end, start in zip(ends, starts, strict=True)] + [""] * 8
        self.breaks = [bool(_BREAK.search(gap)) for gap in self.gaps]
        for at in range(1, len(self.places)):  # the dots of `a.m.` end no sentence
            if self.words[at - 1] == "m" and self.words[at - 2] in ("a", "p"):
                self.breaks[at] = "\n" in self.gaps[at]

    def __len__(self) -> int:
        return len(self.places)

    def _add(self, word: fold.Word) -> None:
        """Cut `4pm`, `25th` and `پیرتک` in two."""
        folded, pieces = word.folded, [word.folded]
        if folded[:1].isdigit() and not folded.isdigit() and len(folded) <= 12:
            pieces = _MIXED.findall(folded)
        elif len(folded) > 3 and folded.endswith("تک") and (
                folded[:-2] in lexicon("weekdays") or folded[:-2] in lexicon("tomorrow")
                or folded[:-2] in lexicon("parts")):
            pieces = [folded[:-2], folded[-2:]]
        exact = len(folded) == word.end - word.start
        at = word.start
        for piece in pieces:
            self.words.append(piece)
            self.places.append((at, at + len(piece)) if exact else (word.start, word.end))
            at += len(piece)

    def of(self, at: int, name: str) -> str:
        """What the word at a place stands for in an entry of the lexicon; "" for nothing."""
        return lexicon(name).get(self.words[at], "") if 0 <= at < len(self) else ""

    def tied(self, at: int) -> str:
        """The mark - / or . that ties a word to the one before it; "" for none."""
        gap = self.gaps[at] if at < len(self) else ""
        return gap if gap in ("-", "/", ".", "–") else ""

    def number(self, at: int) -> int | None:
        """The number at a place, in digits or as a word."""
        word = self.words[at]
        if word.isdecimal():
            return int(word) if len(word) <= 4 else None
        found = self.of(at, "numbers")
        return int(found) if found else None

    def digits(self, at: int, most: int = 2) -> int | None:
        """The number at a place when it is of digits, at most so many."""
        word = self.words[at]
        return int(word) if word.isdecimal() and len(word) <= most else None

    def run(self, at: int, *names: str) -> bool:
        """Whether the words from a place on are these, and no sentence ends between them."""
        return all(self.words[at + n] == name and not (n and self.breaks[at + n])
                   for n, name in enumerate(names))


def inside(words: Words, at: int) -> bool:
    """`mein`, `ke andar`: within."""
    return words.words[at] in ("mein", "me", "میں") or (words.words[at] in ("ke", "k", "کے") \
        and words.words[at + 1] in ("andar", "ander", "اندر", "dauran", "دوران"))
