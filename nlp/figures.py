"""Teachers and students counted in a report: `8/11`, `Posts: 16 | Hazir: 11`, `۳۲ میں سے ۲۷ موجود`.

A piece of text is read as numbers and labels. A label says whom a number counts (teachers,
students) or what (posts, roll, present, absent, on leave). Labels stand before their numbers or
behind them; which, each piece shows by what it begins with. What a piece does not say is taken from
the piece before it.
"""
from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from archive import fold
from nlp.phrases import data
from nlp.sentences import Text

FEW = 25  # teachers of a school, when nothing says whom a pair counts
MOST = 5000  # what is more is no count of a school
TOTALS, HERE = ("sanctioned", "enrolled", "total"), "present"
_STOP = re.compile(r"[.,،۔\n;:()|]|->|→")
# Between a label and its number.
_INSIDE = re.compile(r"[^\S\n]*(?::|=|-|–|->|→)[^\S\n]*|\.[^\S\n]*-")


class Figures(NamedTuple):
    """Teachers sanctioned and present, students enrolled and present; None for not told."""

    sanctioned: int | None = None
    present: int | None = None
    enrolled: int | None = None
    students: int | None = None


@dataclass
class _Piece:
    """Words from `start` to before `end`; `numbers`: (place, value)."""

    start: int
    end: int
    numbers: list[tuple[int, int]]


@dataclass
class _Got:
    """What was told so far. `plain`: counts of people of whom is not said whether they were there;
    `topic`: whom the last piece spoke of."""

    told: dict[str, int] = field(default_factory=dict)
    plain: dict[str, int] = field(default_factory=dict)
    topic: str = ""

    def put(self, kind: str, total: bool, value: int) -> None:
        """Keep a figure, the first of its kind."""
        name = {("teachers", True): "sanctioned", ("teachers", False): "present",
                ("students", True): "enrolled", ("students", False): "students"}[kind, total]
        self.told.setdefault(name, value)


@cache
def lists() -> dict[str, Any]:
    """The lists of visits.json as sets of folded words; its tables as they stand."""
    return {name: value if isinstance(value, dict) else frozenset(
        word for phrase in value for word in fold.tokens(phrase))
        for name, value in data("visits.json").items()}


def figures(text: Text) -> Figures:
    """The figures of a text, the first told of each."""
    got = _Got()
    for piece in _pieces(text):
        _read(text, piece, got)
    told, plain = got.told, got.plain
    if "teachers" in plain:
        least = "sanctioned" if plain["teachers"] else "present"
        told.setdefault(least if least not in told else "present", plain["teachers"])
    if "students" in plain:
        told.setdefault("enrolled" if "students" in told else "students", plain["students"])
    return Figures(told.get("sanctioned"), told.get("present"), told.get("enrolled"),
                   told.get("students"))


# Pieces and numbers


def _pieces(text: Text) -> list[_Piece]:
    """The text between stops and commas; a colon between a label and its number is none."""
    result, start = [], 0
    for at in range(1, len(text) + 1):
        if at == len(text) or (_STOP.search(text.gaps[at]) and not _joins(text, at)) or (
                "/" in text.gaps[at] and not text.at(at).isdigit()):
            result.append(_Piece(start, at, _numbers(text, start, at)))
            start = at
    return result


def _joins(text: Text, at: int) -> bool:
    """Whether what stands before a word parts nothing: `9.30`, `Posts: 16`, `حاضر ۔ 6`."""
    gap, before, after = text.gaps[at], text.at(at - 1), text.at(at)
    if before.isdigit() and after.isdigit():
        return gap.strip() in (".", ":") and not re.search(r"\s", gap)
    return after.isdigit() and bool(_label(before)) and bool(_INSIDE.fullmatch(gap))


def _numbers(text: Text, start: int, end: int) -> list[tuple[int, int]]:
    """Counts of a piece: no codes, dates, hours, percentages."""
    found = []
    for at in range(start, end):
        word = text.words[at]
        after = text.gaps[at + 1] if at + 1 < len(text.gaps) else ""
        value = int(word) if word.isdigit() and len(word) <= 4 else _word_number(text, at, end)
        if value is None or value > MOST or after.startswith("%") or 1990 <= value <= 2100:
            continue
        if text.at(at + 1) in _NOT_COUNTED or text.at(at - 1) in _NOT_COUNTED_BEFORE \
                or (after.startswith((":", ")")) and text.at(at + 1).isdigit()) \
                or (text.gaps[at].endswith(":") and text.at(at - 1).isdigit()) \
                or (at + 1 < len(text) and after.startswith(")") and "(" not in text.gaps[at]) \
                or (after.startswith("-") and text.at(at + 1).isdigit()):
            continue
        found.append((at, value))
    return found


_NOT_COUNTED = frozenset(fold.tokens(
    "am pm baje bje بجے st nd rd th january february march april may june july august september "
    "october november december feet ft rooms room kamre kamray kamron km days din mahine months "
    "years saal minute minutes hafte haftay weeks rs lakh hazar thousand cartons consecutive "
    "دن ماہ کمرے فٹ کمروں سال اپریل مئی جون ہفتے ہزار لاکھ pacca pakka pakke kacha kachay kache "
    "پکے کچے bus"))
_NOT_COUNTED_BEFORE = frozenset(fold.tokens(
    "class no number ward bemis code since grade phase rs at bps بیمس کوڈ نمبر جماعت گریڈ"))
_DENIED = frozenset(fold.tokens("nahi nahin none nobody no not نہیں nil"))
_ONE_TEACHER = frozenset(fold.tokens("teacher ustad ustani استاد ٹیچر معلم استانی معلمہ"))
_ALL = frozenset(fold.tokens("all sab sabhi tamam poora تمام سب سبھی پورا مکمل"))


def _label(word: str) -> str:
    """What a word says of a number beside it, "" for nothing."""
    known = lists()
    return next((name for name in ("absent", "leave", "present", "sanctioned", "enrolled", "total",
                                   "teachers", "students") if word in known[name]), "")


def _word_number(text: Text, at: int, end: int) -> int | None:
    """`two posts`, `do teacher`, `دو اساتذہ`; `both` is two; `do` and `one` count before a noun."""
    word, known = text.words[at], lists()
    following = text.words[at + 1:at + 3]
    nouns = known["teachers"] | known["students"] | known["sanctioned"] | known["present"]
    if word in known["both"]:
        near, rest = set(text.words[at + 1:min(end, at + 4)]), set(text.words[at + 1:end])
        counted = near & (known["teachers"] | known["present"]) and not rest & known["absent"]
        return known["numbers"].get(word, 2) if counted else None
    if word in known["none"]:
        counted = _from(text, at - 2) or any(
            w in nouns for w in text.words[at + 1:min(end, at + 5)])
        return 0 if counted and bool(_DENIED & set(text.words[at:end])) else None
    value = known["numbers"].get(word)
    if value is None:
        return None
    if word == "no":
        return 0 if any(w in known["students"] | known["teachers"] for w in following[:1]) else None
    if value == 1 and {"bhi", "بھی"} & set(following) and _DENIED & set(text.words[at:end]):
        return 0  # `aik bhi nahi`
    return int(value) if any(w in nouns or w in ("hi", "ہی", "میں", "mein") for w in following) \
        or (text.at(at - 1) in nouns) or word in ("zero", "nil", "sifar", "صفر") else None


# A piece


def _read(text: Text, piece: _Piece, got: _Got) -> None:
    """Take a piece's figures."""
    known = lists()
    some = text.words[piece.start:piece.end]
    students = any(word in known["students"] for word in some)
    teachers = any(word in known["teachers"] or word in known["sanctioned"] for word in some)
    numbers = _pairs(text, piece, got, students, teachers)
    labels = _labelled(text, piece, numbers)
    for (place, value), said in zip(numbers, labels, strict=True):
        _single(text, piece, (place, value), said, got)
    if students and not numbers:
        _nobody(some, got)
    if not piece.numbers and (teachers or (not students and set(some) & known["both"])):
        _somebody(some, got)
    if "present" not in got.told and not students and set(some) & known["closed"] and (
            set(some) & known["none"]):
        got.told["present"] = 0
    if students != teachers:
        got.topic = "students" if students else "teachers"


def _pairs(text: Text, piece: _Piece, got: _Got, students: bool, teachers: bool
           ) -> list[tuple[int, int]]:
    """Take the pairs (so many of so many); the numbers that are left."""
    numbers = list(piece.numbers)
    left: list[tuple[int, int]] = []
    while pair := _pair(text, numbers):
        present, total, place, last = pair
        kind = "students" if students and not teachers else (
            "teachers" if teachers and not students else _closest(text, piece, place)
            if students else got.topic or ("teachers" if total <= FEW else "students"))
        if kind == "teachers" and {"present", "sanctioned"} <= set(got.told):
            kind = "students"
        got.put(kind, False, present)
        got.put(kind, True, total)
        got.topic = kind
        left += [one for one in numbers if one[0] < place and one[1] not in (present, total)]
        numbers = [one for one in numbers if one[0] > last]
    return left + numbers


def _pair(text: Text, numbers: list[tuple[int, int]]) -> tuple[int, int, int, int] | None:
    """(present, of how many, place, last place) of `8/11`, `44 out of 61`, `12 میں سے 9`, `28
    bachay 35 mein se`, `12 کی 12`."""
    for (one, first), (two, second) in itertools.pairwise(numbers):
        between = text.words[one + 1:two]
        small, large = min(first, second), max(first, second)
        if not between and "/" in text.gaps[two]:
            return (first, second, one, two) if first <= second else None
        if _from(text, one + 1) or _from(text, one + 2):
            return (second, first, two, two) if second <= first else None
        if (("of" in between or "out" in between or "against" in between) and len(between) <= 6):
            return (small, large, one, two)
        if between and between[0] in ("ke", "ki", "کی", "کے") and len(between) == 1 \
                and first == second:
            return first, second, one, two
        if _from(text, two + 1) and len(between) <= 4:
            return (first, second, one, two) if first <= second else None
    return None


def _from(text: Text, at: int) -> bool:
    return (text.at(at) in ("mein", "me", "main", "میں", "may") and text.at(at + 1) in (
        "se", "say", "سے")) or (text.at(at) in ("mein", "میں") and text.at(at + 1) in (
            "sirf", "صرف"))


def _labelled(text: Text, piece: _Piece, numbers: list[tuple[int, int]]) -> list[list[str]]:
    """What is said of each number. Labels between two numbers belong to the one that follows when
    the piece begins with a label of what is counted and ends with a number, else to the one before
    them; a label next to a number alone is always its own."""
    places = [place for place, _ in numbers]
    labels = [(at, label) for at in range(piece.start, piece.end)
              if at not in places and (label := _label(text.words[at]))]
    first_role = next((at for at, label in labels if label not in ("teachers", "students")), None)
    leads = bool(places) and first_role is not None and first_role < places[0] and not any(
        at > places[-1] for at, label in labels if label not in ("teachers", "students"))
    said: list[list[str]] = [[] for _ in numbers]
    for at, label in labels:
        following = next((n for n, place in enumerate(places) if place > at), None)
        before = next((n for n in range(len(places) - 1, -1, -1) if places[n] < at), None)
        beside = following is not None and before is not None and (
            places[following] == at + 1 and places[before] < at - 1)
        owner = following if before is None or beside or (
            following is not None and leads) else before
        if owner is not None:
            said[owner].append(label)
    return said


def _single(text: Text, piece: _Piece, number: tuple[int, int], said: list[str], got: _Got
            ) -> None:
    """A figure by itself, by what is said of it."""
    place, value = number
    some = set(text.words[piece.start:piece.end])
    roles = set(said)
    got.topic = kind = _kind(text, piece, place, roles, got)
    near = set(text.words[max(piece.start, place - 2):place + 3])
    if kind == "teachers" and _distance(text, place, "absent") > 3:
        roles.discard("absent")
    if "leave" in roles and (HERE not in roles or _distance(text, place, "leave") < _distance(
            text, place, HERE)):
        return
    if "absent" in roles and HERE not in roles:
        if kind == "students" and "out" in near:
            got.put(kind, True, value)
            got.put(kind, False, 0)
        elif some & (_ALL | lists()["both"]):
            got.put(kind, False, 0)
        return
    if value == 1 and kind == "teachers" and text.at(place + 1) in ("hi", "ہی") and text.at(
            place + 2) in ("hai", "ہے"):
        got.put(kind, True, 1)  # `ek hi hai aur hazir thi`
    if HERE in roles and not (roles & set(TOTALS) and _distance(text, place, HERE) > min(
            _distance(text, place, name) for name in TOTALS)):
        got.put(kind, False, value)
    elif roles & set(TOTALS):
        got.put(kind, True, value)
    elif roles & {"teachers", "students"} or got.topic:
        if value == 0:
            got.put(kind, False, 0)
        elif text.words[place] not in lists()["both"]:
            got.plain.setdefault(kind, value)


def _kind(text: Text, piece: _Piece, place: int, roles: set[str], got: _Got) -> str:
    """Whom a number counts."""
    if "students" in roles and "teachers" not in roles:
        return "students"
    if "enrolled" in roles and "teachers" not in roles:
        return "students"
    if roles & {"teachers", "sanctioned"} and "students" not in roles:
        return "teachers"
    if roles & {"teachers", "students"}:
        return _closest(text, piece, place)
    some = set(text.words[piece.start:piece.end])
    if some & lists()["students"] and not some & lists()["teachers"]:
        return "students"
    if some & lists()["teachers"] and not some & lists()["students"]:
        return "teachers"
    return got.topic or "teachers"


def _closest(text: Text, piece: _Piece, place: int) -> str:
    """Whether a number is nearer to a word for teachers or for students; a word after it counts."""
    known = lists()
    best, kind = 99, "teachers"
    if text.at(place - 1) in known["students"]:
        return "students"
    for at in range(max(piece.start, place - 4), min(piece.end, place + 5)):
        word = text.words[at]
        distance = (at - place) if at > place else (place - at) * 2
        for name, words in (("students", known["students"]),
                            ("teachers", known["teachers"] | known["sanctioned"])):
            if word in words and distance < best:
                best, kind = distance, name
    return kind


def _distance(text: Text, place: int, label: str) -> int:
    """How far the nearest word of a label is from a number; one right behind it is nearest."""
    known = lists()[label]
    return min((at - place if at > place else (place - at) * 2
                for at in range(max(0, place - 5), min(len(text), place + 6))
                if text.words[at] in known), default=99)


def _nobody(some: list[str], got: _Got) -> None:
    """`koi bacha mojood nahi`, `all students absent`: none present."""
    known, words = lists(), set(some)
    if (words & known["none"] and words & _DENIED) or (words & known["absent"] and words & _ALL):
        got.told.setdefault("students", 0)


def _somebody(some: list[str], got: _Got) -> None:
    """`Teacher was present`: one; `both teachers absent`, `none of the teachers came`: nobody."""
    known = lists()
    first = next((n for n, word in enumerate(some) if word in known["teachers"]), None)
    if first is not None and set(some) & known["students"]:
        some = some[first:first + 4]
    words = set(some)
    if words & known["absent"]:
        if words & (known["both"] | _ALL):
            got.told.setdefault("present", 0)
        return
    if (known["none"] | {"no"}) & words and words & (
            known["present"] | {"nahi", "نہیں", "not", "came"}):
        got.told.setdefault("present", 0)
    elif words & known["present"] and words & _ALL and "sanctioned" in got.told:
        got.told.setdefault("present", got.told["sanctioned"])
    elif words & known["present"] and words & _ONE_TEACHER and not words & _DENIED:
        got.told.setdefault("present", 1)
