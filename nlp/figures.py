"""Teachers and students counted in a report: `8/11`, `44 out of 61`, `9 posts, 5 present`."""
from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from archive import fold
from nlp.phrases import data
from nlp.sentences import Text

MOST = 5000  # what is more is no count of a school
_STOP = re.compile(r"[.,،۔\n;:()]")


class Figures(NamedTuple):
    """Teachers sanctioned and present, students enrolled and present; None for not told."""

    sanctioned: int | None = None
    present: int | None = None
    enrolled: int | None = None
    students: int | None = None


@dataclass
class _Clause:
    start: int
    end: int
    numbers: list[tuple[int, int]]  # place, value


@cache
def lists() -> dict[str, Any]:
    """The lists of visits.json as sets of folded words; its tables as they stand."""
    return {name: value if isinstance(value, dict) else frozenset(
        word for phrase in value for word in fold.tokens(phrase))
        for name, value in data("visits.json").items()}


def figures(text: Text) -> Figures:
    """The figures of a text, the first told of each."""
    got: dict[str, int] = {}
    topic = ""
    for clause in _clauses(text):
        topic = _read(text, clause, topic, got)
    return Figures(got.get("sanctioned"), got.get("present"), got.get("enrolled"),
                   got.get("students"))


def _clauses(text: Text) -> list[_Clause]:
    result, start = [], 0
    for at in range(1, len(text) + 1):
        gap = text.gaps[at] if at < len(text) else "."
        if at == len(text) or (_STOP.search(gap) and not (
                gap.strip() in (".", ":") and text.at(at - 1).isdigit() and text.at(at).isdigit()
                and not re.search(r"\s", gap))):
            result.append(_Clause(start, at, _numbers(text, start, at)))
            start = at
    return result


def _numbers(text: Text, start: int, end: int) -> list[tuple[int, int]]:
    """Counts of a clause: no codes, dates, hours, percentages."""
    found = []
    for at in range(start, end):
        word = text.words[at]
        after = text.gaps[at + 1] if at + 1 < len(text.gaps) else ""
        value = int(word) if word.isdigit() and len(word) <= 4 else _word_number(text, at, end)
        if value is None or value > MOST or after.startswith("%") or 1990 <= value <= 2100:
            continue
        if text.at(at + 1) in _NOT_COUNTED or text.at(at - 1) in _NOT_COUNTED_BEFORE \
                or (after.startswith(":") and text.at(at + 1).isdigit()) \
                or (text.gaps[at].endswith(":") and text.at(at - 1).isdigit()) \
                or (after.startswith("-") and text.at(at + 1).isdigit()):
            continue
        found.append((at, value))
    return found


_NOT_COUNTED = frozenset(fold.tokens(
    "am pm baje بجے st nd rd th january february march april may june july august september "
    "october november december feet rooms room kamre kamray km days din mahine months years "
    "saal minute "
    "minutes rs hazar thousand cartons consecutive دن ماہ کمرے فٹ کمروں سال اپریل مئی جون"))
_ONE_TEACHER = frozenset(fold.tokens("teacher ustad ustani استاد ٹیچر معلم استانی"))
_NOT_COUNTED_BEFORE = frozenset(fold.tokens("class no number ward bemis code since grade phase rs "
                                            "at بیمس کوڈ نمبر جماعت"))


def _word_number(text: Text, at: int, end: int) -> int | None:
    """`two posts`, `do teacher`, `دو اساتذہ`; `both` is two; `do` and `one` count before a noun."""
    word, known = text.words[at], lists()
    following = text.words[at + 1:at + 3]
    nouns = known["teachers"] | known["students"] | known["sanctioned"] | known["present"]
    if word in known["both"]:
        return 2 if any(w in known["teachers"] or w in known["present"] or w in known["absent"]
                        for w in text.words[at + 1:min(end, at + 4)]) and not set(
            text.words[at + 1:end]) & known["absent"] else None
    if word in known["none"]:
        return 0 if any(w in nouns for w in text.words[at + 1:min(end, at + 5)]) and bool(
            {"nahi", "none", "nobody", "no", "نہیں", "not"} & set(text.words[at:end])) else None
    value = known["numbers"].get(word)
    if value is None:
        return None
    if word == "no":
        return 0 if any(w in known["students"] | known["teachers"] for w in following[:1]) else None
    return int(value) if any(w in nouns or w in ("hi", "ہی") for w in following) or word in (
        "zero", "nil", "sifar", "صفر") else None


def _read(text: Text, clause: _Clause, topic: str, got: dict[str, int]) -> str:
    """Take a clause's figures; returns what the next clause speaks of when it does not say."""
    known = lists()
    some = text.words[clause.start:clause.end]
    students = any(word in known["students"] for word in some)
    teachers = any(word in known["teachers"] or word in known["sanctioned"] for word in some)
    numbers = list(clause.numbers)
    pair = _pair(text, clause, numbers)
    while pair:
        kind = "students" if students and not teachers else "teachers" if teachers else (
            topic or "students")
        if kind == "teachers" and "present" in got and "sanctioned" in got:
            kind = "students"
        if students and teachers:
            kind = _closest(text, pair[2], known)
        _set(got, kind, pair[0], pair[1])
        numbers = [one for one in numbers if one[0] > pair[3]]
        pair = _pair(text, clause, numbers)
        if not pair:
            return kind
    mixed = students and teachers
    leads = bool(numbers) and text.at(numbers[0][0] - 1) in (
        known["sanctioned"] | known["present"] | known["enrolled"])
    for place, value in numbers:
        kind = _closest(text, place, known) if mixed else "students" if students else (
            "teachers" if teachers else topic or "teachers")
        _single(text, clause, (place, value), kind, leads, got)
    if students and not numbers:
        _nobody(text, clause, got)
    if not numbers and (teachers or (not students and set(some) & known["both"])):
        _somebody(text, clause, got)
    if "present" not in got and not students and any(word in known["closed"] for word in some) and (
            set(some) & known["none"]):
        got["present"] = 0
    return "students" if students else "teachers" if teachers else topic


def _pair(text: Text, clause: _Clause, numbers: list[tuple[int, int]]
          ) -> tuple[int, int, int, int] | None:
    """(present, of how many, place, last place) of `8/11`, `44 out of 61`, `12 میں سے 9`, `28
    bachay 35 mein se`."""
    for (one, first), (two, second) in itertools.pairwise(numbers):
        between = text.words[one + 1:two]
        if not between and "/" in text.gaps[two]:
            return (first, second, one, two) if first <= second else None
        if _from(text, one + 1) or _from(text, one + 2):
            return (second, first, two, two) if second <= first else None
        if ("of" in between or "out" in between) and len(between) <= 5:
            return (first, second, one, two) if first <= second else None
        if _from(text, two + 1) and len(between) <= 4:
            return (first, second, one, two) if first <= second else None
    return None


def _from(text: Text, at: int) -> bool:
    return (text.at(at) in ("mein", "me", "main", "میں") and text.at(at + 1) in ("se", "سے")) or (
        text.at(at) in ("mein", "میں") and text.at(at + 1) in ("sirf", "صرف"))


def _set(got: dict[str, int], kind: str, present: int, total: int) -> None:
    if kind == "teachers":
        got.setdefault("present", present)
        got.setdefault("sanctioned", total)
    else:
        got.setdefault("students", present)
        got.setdefault("enrolled", total)


def _closest(text: Text, place: int, known: dict[str, Any]) -> str:
    """Whether a number is nearer to a word for teachers or for students; a word after it counts."""
    best, kind = 99, "teachers"
    if text.at(place - 1) in known["students"]:
        return "students"
    for at in range(max(0, place - 4), min(len(text), place + 5)):
        word = text.words[at]
        distance = (at - place) if at > place else (place - at) * 2
        for name, words in (("students", known["students"]),
                            ("teachers", known["teachers"] | known["sanctioned"])):
            if word in words and distance < best:
                best, kind = distance, name
    return kind


def _single(text: Text, clause: _Clause, number: tuple[int, int], kind: str, leads: bool,
            got: dict[str, int]) -> None:
    """A figure by itself, by the words beside it. `leads`: words come before their figures."""
    known = lists()
    place, value = number
    near = text.words[max(clause.start, place - 3):place] + text.words[
        place + 1:min(clause.end, place + 4)]
    before = text.words[max(clause.start, place - 2):place]
    after = text.words[place + 1:min(clause.end, place + 3)]
    some = set(near)
    if set(text.words[place + 1:min(clause.end, place + 4)]) & known["leave"] and not set(
            after) & known["present"]:
        return
    if leads and set(before[-1:]) & known["sanctioned"]:
        got.setdefault("sanctioned", value)
        return
    if kind == "students":
        if set(text.words[clause.start:clause.end]) & known["absent"] and "out" in near:
            got.setdefault("enrolled", value)
            got.setdefault("students", 0)
        elif some & (known["enrolled"] - {"total", "کل"}) and not set(after[:1]) & known["present"]:
            got.setdefault("enrolled", value)
        elif not some & known["absent"]:
            got.setdefault("students", value)
        return
    if some & known["absent"] and not set(after[:1]) & known["present"] and not (
            set(before) & known["present"]):
        if text.words[place] in known["both"] or "all" in near:
            got.setdefault("present", 0)
        return
    if set(after[:2]) & known["present"] or (set(before[-1:]) & known["present"] and not set(
            after[:1]) & known["sanctioned"]):
        got.setdefault("present", value)
    elif some & known["sanctioned"]:
        got.setdefault("sanctioned", value)
    elif some & known["teachers"] and text.words[place] not in known["both"]:
        got.setdefault("present" if value == 0 else "sanctioned", value)
    elif value == 0 and some & known["none"]:
        got.setdefault("present", 0)


def _nobody(text: Text, clause: _Clause, got: dict[str, int]) -> None:
    """`koi bacha mojood nahi`, `all students absent`: none present."""
    some = set(text.words[clause.start:clause.end])
    known = lists()
    if (some & known["none"] and some & {"nahi", "نہیں", "not", "none"}) or (
            some & known["absent"] and some & {"all", "sab", "تمام"}):
        got.setdefault("students", 0)


def _somebody(text: Text, clause: _Clause, got: dict[str, int]) -> None:
    """`Teacher was present`: one; `both teachers absent`, `none of the teachers came`: nobody."""
    known = lists()
    some = text.words[clause.start:clause.end]
    first = next((n for n, word in enumerate(some) if word in known["teachers"]), None)
    if first is not None and set(some) & known["students"]:
        some = some[first:first + 4]
    if set(some) & known["absent"]:
        if set(some) & known["both"] or "all" in some or "تمام" in some:
            got.setdefault("present", 0)
        return
    if (known["none"] | {"no"}) & set(some) and set(some) & (
            known["present"] | {"nahi", "نہیں", "not", "came"}):
        got.setdefault("present", 0)
    elif set(some) & known["present"] and set(some) & _ONE_TEACHER:
        got.setdefault("present", 1)
