"""How much of a thing a message says is done: `11 of 14`, `40 mein se 25`, `60%`, `3 baqi`, `two
issued, the third not found`."""
from __future__ import annotations

import re
from functools import cache

from nlp.lexicon import has, phrase_at, words
from nlp.phrases import data
from nlp.sentences import Text

_PERCENT = re.compile(r"^\s?[%٪]")
MOST = 5000  # what is counted; years and numbers of letters are not


def in_part(text: Text) -> bool:
    """Whether a text says that a part of a whole is done."""
    folded = text.words
    for at, word in enumerate(folded):
        gap = text.gaps[at + 1] if at + 1 < len(text.gaps) else ""
        if word.isdigit() and int(word[:3]) < 100 and (
                _PERCENT.match(gap) or set(folded[at + 1:at + 2]) & words("percent")):
            return True
        if word == "of" and _less(number(text, at - 1), number(text, at + 1)):
            return not set(folded[at:at + 5]) & words("there")
        if gap == "/" and at + 1 < len(folded) and folded[at + 1].isdigit() \
                and text.gaps[at + 2] != "/" and text.gaps[at] != "/" \
                and _less(number(text, at), number(text, at + 1)):
            return True
        length = phrase_at("out_of", folded, at, len(folded))
        if length and _part_of(text, at, at + length):
            return True
    return False


def _part_of(text: Text, at: int, after: int) -> bool:
    before = [found for place in range(max(0, at - 4), at)
              if (found := number(text, place)) is not None]
    later = [found for place in range(after, min(len(text), after + 4))
             if (found := number(text, place)) is not None]
    return bool(before and later) and before[-1] != later[0]


def _less(one: int | None, two: int | None) -> bool:
    return one is not None and two is not None and one < two


def number(text: Text, at: int) -> int | None:
    """The count at a place, in digits or as a word; none for a year or a letter's number."""
    word = text.at(at)
    if text.at(at - 1) in words("not_count_before"):
        return None
    if word.isdigit():
        value = int(word[:5])
        return value if value <= MOST and not 1990 <= value <= 2100 else None
    return _named().get(word)


@cache
def _named() -> dict[str, int]:
    """Words for numbers; not `do`, which is a verb as well, and `no`."""
    told: dict[str, int] = data("visits.json")["numbers"]
    return dict.fromkeys(words("tens"), 40) | {
        word: value for word, value in told.items() if value and word not in ("do", "single")}


def counted(text: Text, start: int, end: int) -> bool:
    """Whether a clause counts something."""
    return any(number(text, at) is not None or (
        text.words[at] == "do" and text.at(at + 1) not in ("not", "the"))
        for at in range(start, end))


def left_over(text: Text, start: int, end: int) -> bool:
    """`3 baqi`, `دس کا باقی`, `Zhob town left`: a clause that counts or names what is left."""
    if end - start < 6 and text.words[end - 1] in words("left_over"):
        return True
    return any(text.words[at] in words("left_over") and any(
        number(text, near) is not None for near in range(max(start, at - 2), min(end, at + 3)))
        for at in range(start, end))


def so_far(text: Text, start: int, end: int) -> bool:
    """`3 recovered so far`."""
    return has("so_far", text.words, start, end) >= 0 and counted(text, start, end)
