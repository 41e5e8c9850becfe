"""Teachers that a report calls absent, by name. Who is on granted leave is not."""
from __future__ import annotations

import re

from archive import fold
from nlp.figures import lists
from nlp.phrases import cue
from nlp.sentences import Text

MOST = 12  # names of one report
_APART = re.compile(r"[,،;\n/&+]|\s-\s")
_CLOSE = re.compile(r"[.۔!?؟\n()]")


def absent_names(text: Text) -> tuple[tuple[str, ...], int]:
    """The names, as written, and how many who are no teachers (watchmen, clerks) were named too."""
    known = lists()
    names: list[str] = []
    others = 0
    for first, word in enumerate(text.words):
        if word not in known["absent"] or text.at(first - 1) in known["absent"]:
            continue
        last = first
        while text.at(last + 1) in known["absent"]:
            last += 1
        after, more = _after(text, last)
        if not after and not more:
            after, more = _before(text, first)
        names += [name for name in after if name not in names]
        others += more
    if not names:
        names = _elsewhere(text)
    return tuple(names[:MOST]), others


def _after(text: Text, at: int) -> tuple[list[str], int]:
    """Names in the list that follows: `Absent: A, B and C`."""
    gap = text.gaps[at + 1] if at + 1 < len(text) else "."
    if text.at(at + 1).isdigit() and at + 2 < len(text) and "(" in text.gaps[at + 2]:
        at, gap = at + 1, " "  # `absent 2 (Noor Ahmad, Zia)`
    if at + 1 >= len(text) or _CLOSE.search(gap.strip().removeprefix("(")):
        return [], 0
    stop = at + 1
    while stop < len(text) and not (stop > at + 1 and _CLOSE.search(text.gaps[stop]) and not (
            text.gaps[stop].strip() == "." and len(text.words[stop - 1]) == 1)):
        stop += 1
    first = next((n for n in range(at + 2, min(at + 6, stop)) if ":" in text.gaps[n]), at + 1)
    return _listed(text, first, stop, from_left=True)


def _before(text: Text, at: int) -> tuple[list[str], int]:
    """Names that stand before: `Shabana Bibi n Rahila absent`, `teacher Sher Jan ghair hazir`."""
    start = at
    while start > 0 and not _CLOSE.search(text.gaps[start]):
        start -= 1
    first = start
    for place in range(at - 1, start - 1, -1):
        if text.words[place] in lists()["leave"] or text.words[place] in ("par", "pe", "پر") or \
                text.words[place] in lists()["present"]:
            first = place + 1
            break
    if first <= start:
        for place in range(start + 1, at):
            if text.words[place].isdigit():
                first = place + 1
    return _listed(text, first, at, from_left=False)


def _listed(text: Text, start: int, end: int, from_left: bool) -> tuple[list[str], int]:
    """The names in a run of words: parts between commas and `and`, without titles."""
    parts: list[list[int]] = [[]]
    for at in range(start, end):
        if at > start and _APART.search(text.gaps[at]):
            parts.append([])
        if text.words[at] in ("and", "n", "aur", "اور", "و"):
            parts.append([])
            continue
        parts[-1].append(at)
    names: list[str] = []
    others = 0
    for part in parts if from_left else reversed(parts):
        name, is_other = _name(text, part, from_left)
        if is_other:
            others += 1
        elif name:
            names.append(name)
        elif part:
            break
    return (names if from_left else names[::-1]), others


def _name(text: Text, part: list[int], from_left: bool) -> tuple[str, bool]:
    """The name in a part of a list; whether it is of one who is no teacher."""
    known = lists()
    if any(text.words[at] in known["not_teachers"] for at in part) and len(part) > 1:
        return "", True
    kept: list[int] = []
    for at in part if from_left else reversed(part):
        if not kept and not from_left and (text.words[at] in _SINCE or text.words[at].isdigit()
                                           or text.words[at] in known["numbers"]):
            continue
        if text.words[at] in known["titles"] or text.words[at] in _BEING:
            if kept:
                break
            continue
        if not _may_name(text, at) or (kept and abs(at - kept[-1]) > 1):
            break
        kept.append(at)
        if len(kept) == 4:
            break
    kept.sort()
    return (text.slice(kept[0], kept[-1] + 1), False) if kept else ("", False)


def _may_name(text: Text, at: int) -> bool:
    word = text.words[at]
    written = text.text[text.found[at].start:text.found[at].end]
    if word.isdigit() or word in cue("school_types") or word in _OTHER_WORDS \
            or word in lists()["absent"]:
        return False
    if written.isascii():
        return written[0].isupper() or (at > 0 and text.text[text.found[at - 1].start].isupper()
                                        and len(written) > 2 and written not in _SMALL)
    return word not in cue("common")


_SMALL = frozenset(fold.tokens(
    "is was were are on at in since from for without and absent with of to bila but found "
    "also again today still ghair hazir tha thi"))
_BEING = frozenset(fold.tokens("tha thi hai hain تھا تھے ہیں"))
_SINCE = frozenset(fold.tokens("se say since for din days day hafte weeks mahine months سے دن ہفتے "
                               "ہفتہ ماہ مہینے مہینوں دنوں"))
_AWAY = frozenset(fold.tokens("karachi quetta dubai کراچی کوئٹہ"))
_OTHER_WORDS = frozenset(fold.tokens(
    "school students teachers absent present sanctioned enrolled register one two three four "
    "five none سکول کھلا بند حاضر موجود بغیر اطلاع اجازت سے میں پر کی کا کے کو نے ہے ہیں تھے "
    "تھا تھی جن جو "
    "منظور شدہ منظورشدہ طلبہ طالبات چھٹی رخصت اساتذہ ٹیچرز ٹیچر دونوں تمام باقی غیر جبکہ"))


def _elsewhere(text: Text) -> list[str]:
    """`Head Bibi Hajra 2 April se Karachi mein hai`: away, without the word."""
    for at, word in enumerate(text.words):
        if word in _AWAY and text.at(at + 1) in ("mein", "میں", "gaya", "gai"):
            start = at
            while start > 0 and not _CLOSE.search(text.gaps[start]):
                start -= 1
            names, _ = _listed(text, start, at, from_left=True)
            return names[:1]
    return []
