"""What a report of a school visit tells: open or closed, teachers and students, what is missing.

A report that comes in parts is read part by part: each carries its own figures. A figure that is
not stated is None. The words are data: visits.json."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from archive import fold
from nlp.absentees import absent_names
from nlp.figures import Figures, figures, lists
from nlp.phrases import Found, Phrases, data
from nlp.sentences import Text

LOCKED = ("library", "science lab", "lab", "computer lab", "classrooms", "main gate",
          "windows")  # closed is not missing
_AND = frozenset(fold.tokens("and n aur or ya bhi اور و یا بھی"))
_OF = frozenset(fold.tokens("ki ka ke کی کا کے"))
_THERE = frozenset(fold.tokens("hai he hain available mojood maujood ہے ہیں موجود"))
_ASKING = frozenset(fold.tokens("please plz pls kindly request requested fund funds grant provide "
                                "darkhwast guzarish meherbani intezam مہربانی درخواست گزارش فنڈ"))
NO_FACILITY = "nobody's"  # words of people that hold a facility's
BROKEN = ("main gate", "windows", "all facilities")  # named where repairs are asked for
REACH = 4  # words within which `no`, `not`, `nahi` speaks of a facility


@dataclass(frozen=True)
class Visit:
    """A visit as a message tells it, in the words of the corpus guide."""

    open: bool | None = None
    teachers_sanctioned: int | None = None
    teachers_present: int | None = None
    absent_teachers: tuple[str, ...] = ()
    students_enrolled: int | None = None
    students_present: int | None = None
    missing: tuple[str, ...] = ()
    building: str | None = None

    @property
    def told(self) -> int:
        """How many of the fields are told."""
        return sum(value not in (None, ()) for value in (
            self.open, self.teachers_sanctioned, self.teachers_present, self.absent_teachers,
            self.students_enrolled, self.students_present, self.missing, self.building))


@cache
def _facilities() -> Phrases:
    return Phrases([(spelling, name) for name, spellings in data("visits.json")[
        "facilities"].items() for spelling in spellings], 0)


@cache
def _absences() -> Phrases:
    return Phrases([(spelling, "ghairhazir") for spelling in data("visits.json")[
        "absent_phrases"]], 0)


def visit(text: Text, school: bool, going_on: bool) -> Visit | None:
    """The visit that a text reports, or None. `school`: it names one; `going_on`: its sender has
    just begun a report, of which this may be a part."""
    if not len(text) or not (school or going_on or _generic(text)):
        return None
    if text.text[:9].casefold() == "forwarded" or any(one.question for one in text.sentences):
        return None
    text = _as_one(text)
    found = figures(text)
    names, others = absent_names(text)
    found = _corrected(text, found, names, others)
    missing, building = missing_facilities(text), _building(text)
    told = _told_open(text)
    state = told if told is not None else _counted_open(found, names)
    result = Visit(state, found.sanctioned, found.present, names, found.enrolled,
                   found.students, missing, building)
    return result if _enough(text, result, school, going_on, told) else None


def _as_one(text: Text) -> Text:
    """What says in several words that somebody is absent (`not came`, `w/o leave`) as one."""
    words, none = list(text.words), lists()["none"]
    for found in _absences().find(text.found, text.text):
        before = words[max(0, found.start - 3):found.start]
        if not none.isdisjoint(before) or any(
                item.start in range(found.start - 3, found.start)
                for item in _facilities().find(text.found, text.text)):
            continue  # `koi hazir nahi` is a count, `pani mojood nahi` is about water
        words[found.start:found.end] = [found.name] * (found.end - found.start)
    return Text(text.text, text.found, words, text.gaps, text.sentences)


def _enough(text: Text, found: Visit, school: bool, going_on: bool, state: bool | None) -> bool:
    counted = (found.teachers_present, found.students_present, found.students_enrolled,
               found.teachers_sanctioned)
    figures_told = sum(value is not None for value in counted)
    if going_on and not school:
        return figures_told > 0 or bool(found.missing) or bool(found.absent_teachers) \
            or state is not None
    visited = bool(set(text.words) & lists()["visited"])
    if figures_told >= 2 or (figures_told and (state is not None or found.absent_teachers
                                               or found.missing or visited)):
        return bool(found.told >= 2)
    if _closed_at(text) and (found.absent_teachers or visited or found.missing):
        return True
    if school and not _ASKING & set(text.words) and (
            len(found.missing) >= 2 or (found.missing and found.building)):
        return True
    return _generic(text) and (bool(found.building) or len(found.missing) > 0)


def _generic(text: Text) -> bool:
    """`School building needs repair and all missing facilities`: a report without a name."""
    some = set(text.words)
    return bool(some & {"school", "سکول"}) and bool(some & {"building", "عمارت"}) and bool(
        some & {"repair", "مرمت", "facilities", "facility", "dilapidated", "سہولیات"}) \
        and len(text) < 120


def _corrected(text: Text, found: Figures, names: tuple[str, ...], others: int) -> Figures:
    """Figures that follow from others: all absent is nobody present; who counts the watchman among
    the teachers has not counted teachers."""
    if others and {"staff", "عملہ"} & set(text.words):
        return Figures(None, None, found.enrolled, found.students)
    present = found.present
    if present is None and names and _closed_at(text) and (
            found.sanctioned is None or len(names) >= found.sanctioned or found.sanctioned <= 2):
        present = 0
    if present is None and found.sanctioned is not None and len(names) >= found.sanctioned:
        present = 0
    if present is None and found.sanctioned is not None and _closed_at(text):
        present = 0
    if _closed_at(text) and found.students and found.enrolled is None:
        return Figures(found.sanctioned, present, found.students, None)
    return Figures(found.sanctioned, present, found.enrolled, found.students)


def _closed_at(text: Text) -> bool:
    """Whether the school itself is said to be closed."""
    known = lists()
    for at, word in enumerate(text.words):
        if word not in known["closed"]:
            continue
        near = text.words[max(0, at - 3):at]
        if any(one in known["not_school"] for one in near) or text.at(at + 1) in (
                "kar", "karein", "room", "کر", "کریں", "schools", "ho"):
            continue
        if (word == "lock" and "no" in near) or (word in ("suspended", "معطل") and not set(
                near) & {"classes", "school", "کلاسز", "کلاسیں", "سکول"}):
            continue
        return True
    return False


def _told_open(text: Text) -> bool | None:
    """Open, closed, or not told in words."""
    known = lists()
    opened = any(word in known["open"] and not any(
        one in known["not_school"] for one in text.words[max(0, at - 2):at])
        and text.at(at + 1) not in ("nahi", "نہیں") for at, word in enumerate(text.words))
    if opened and text.at(0) != "not":
        return True
    return False if _closed_at(text) else None


def _counted_open(found: Figures, names: tuple[str, ...]) -> bool | None:
    """Who counts people in a school has found it open."""
    if (found.present or 0) > 0 or (found.students or 0) > 0:
        return True
    return False if found.present == 0 and found.students == 0 and names else None


def missing_facilities(text: Text) -> tuple[str, ...]:
    """What is not there, by its usual name: `no water`, `bijli nahi`, `چار دیواری نہیں`."""
    known = lists()
    found = list(_facilities().find(text.found, text.text))
    result: list[str] = []
    for number, item in enumerate(found):
        clause = _clause(text, item.start)
        start, end = clause
        before = text.words[max(start, item.start - REACH):item.start]
        after = text.words[item.end:min(end, item.end + REACH)]
        if after[:1] and after[0] in _OF:
            after = [word for word in after if word not in known["fallen"]]  # `washroom ki chhat`
        listed = number + 1 < len(found) and _joined(text, item, found[number + 1])
        there = after[:1] and after[0] in _THERE and after[1:2] and after[1] not in known["lacking"]
        denied = bool(set(before[-1:]) & known["lacking"]) or (not there and (
            any(word in known["lacking"] for word in (*before, *after)) or (
                listed and _lacks(text, found, number, known)) or _under_missing(text, item.start)))
        earlier = number > 0 and _joined(text, found[number - 1], item) and found[
            number - 1].name in result
        broken = item.name in BROKEN and "repair" in text.words
        shut = item.name in LOCKED and not {"nahi", "no", "not", "نہیں"} & {*before, *after}
        told = (denied or (earlier and not set(after) & known["open"])) and not shut
        if (told or broken) and item.name not in (*result, NO_FACILITY):
            result.append(item.name)
    return tuple(result)


def _under_missing(text: Text, at: int) -> bool:
    """Whether a word stands in a list that begins with `Missing:`."""
    while at > 0 and not re.search(r"[.۔\n;]", text.gaps[at]):
        if ":" in text.gaps[at]:
            return text.words[at - 1] in lists()["lacking"] or text.at(at - 2) == "missing"
        at -= 1
    return False


def _joined(text: Text, one: Found, two: Found) -> bool:
    """Whether two stand in one list: nothing between them, or `and`."""
    return set(text.words[one.end:two.start]) <= _AND


def _lacks(text: Text, found: list[Any], number: int, known: dict[str, Any]) -> bool:
    """Whether a list of facilities that begins at one ends with `nahi`: `pani, washroom nahi`."""
    last = number
    while last + 1 < len(found) and _joined(text, found[last], found[last + 1]):
        last += 1
    _, end = _clause(text, found[last].start)
    after = text.words[found[last].end:min(end, found[last].end + REACH)]
    return any(word in known["lacking"] for word in after)


def _clause(text: Text, at: int) -> tuple[int, int]:
    """The words between stops and commas around a word."""
    start, end = at, at + 1
    while start > 0 and not re.search(r"[.,،۔\n;:()]", text.gaps[start]):
        start -= 1
    while end < len(text) and not re.search(r"[.,،۔\n;:()]", text.gaps[end]):
        end += 1
    return start, end


def _building(text: Text) -> str | None:
    """What is said of the building, as written: the clauses that speak of it."""
    known = lists()
    said: list[str] = []
    at = 0
    while at < len(text):
        start, end = at, at + 1
        while end < len(text) and not re.search(r"[.,،۔\n;:()]", text.gaps[end]):
            end += 1
        some = set(text.words[start:end])
        if some & (known["building_signs"] - {"under", "water", "feet", "of", "building"}) or ((
                "building" in some or "عمارت" in some) and some & known["building_words"] - {
                "building", "عمارت", "under"}) or {"feet", "water"} <= some:
            said.append(text.slice(start, end))
        at = end
    return "; ".join(said) or None
