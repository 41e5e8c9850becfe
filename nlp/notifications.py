"""Whether a document or picture is announced as a notification, press release, circular, order or
letter, by its caption or its file's name; with number, date and subject as they are told. Pure.

A caption that only speaks of one (`list as per notification`, `please share the letter`, `koi
notification nahi`) announces none. The words are data: notifications.json."""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from archive import fold
from nlp import words as texts
from nlp.moments import parts
from nlp.phrases import Found, Phrases, data
from nlp.timewords import Part, Words

LONGEST = 4000  # characters of a caption that are read
SUBJECT = 160  # characters
NEAR = 4  # words between `share` and what is asked for, and between a name and its date
CHUNKS = 5  # pieces of a number: `SO (Sec-II) 3-12/2026/ 456-60`

_CHUNK = re.compile(r"[\w()\[\]./&:\\–-]+")
_MOBILE = re.compile(r"(\+?92|0)3\d{2}-?\d{7}")
_CAMERA = re.compile(  # names that phones and scanners give
    r"^((img|doc|vid|pic|scan|camscanner|whatsapp|screenshot|document|image|photo|file|new|"
    r"adobe|pdf|untitled)\b|[\d\W_]+|[0-9a-f-]{16,})[\s\d\W_a-z0-9]*$", re.I)


@dataclass(frozen=True)
class Announcement:
    """What is announced; "" for what is not told. `day` is an ISO text."""

    kind: str  # notification, press release, circular, order, letter
    number: str = ""
    day: str = ""
    subject: str = ""


def announced(caption: str, file_name: str, sent: date) -> Announcement | None:
    """What a document or picture is announced as; None for anything else. `sent`: the day on which
    it was posted, for dates without a year."""
    caption = _digits(texts.clean(caption)[:LONGEST])
    name = _of_file(file_name)
    told, in_name = _Text(caption), _Text(name)
    kind = told.kind() or in_name.kind(named=True)
    if kind is None:
        return None
    number = told.number() or in_name.number()
    day = told.day(sent) or in_name.day(sent)
    subject = told.subject() or in_name.subject() or _shown(name) or kind.name
    return Announcement(kind.name, number, day, texts.shorten(subject, SUBJECT))


class _Text:
    """A caption or a file's name, as its words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = fold.words(text)
        self._folded = [word.folded for word in self.words]
        self._kind: Found | None = None
        self._number: tuple[int, int] | None = None  # characters
        self._told: list[tuple[int, int]] = []  # number and date, with the words before them

    def kind(self, named: bool = False) -> Found | None:
        """The first kind that is announced; `named`: the text is a file's name, which asks and
        refers to nothing."""
        for found in _kinds(named).find(self.words, self.text):
            if named or not (self._refers(found) or self._asks(found)):
                self._kind = found
                return found
        return None

    def _refers(self, found: Found) -> bool:
        return self._ends_with(found.start, "reference_before") or self._begins_with(
            found.end, "reference_after") or self._is_question(found)

    def _is_question(self, found: Found) -> bool:
        rest = self.text[self.words[found.end - 1].end:]
        return bool(re.match(r"[^.\n!۔]{0,60}[?؟]", rest))

    def _asks(self, found: Found) -> bool:
        before = self._folded[max(0, found.start - NEAR):found.start]
        asked = _set("ask_verbs") & set(before) and not self._is_told(found.start)
        return bool(asked) or any(self._begins_with(at, "ask_after")
                                  for at in range(found.end, min(found.end + 4, len(self.words))))

    def _is_told(self, start: int) -> bool:
        """`I share the notification`, `sharing …`: it comes with these words."""
        return bool({"i", "am", "herewith", "hereby"} & set(
            self._folded[max(0, start - NEAR):start]))

    def _ends_with(self, end: int, name: str) -> bool:
        """Whether a phrase of that list stands right before the word, in the same sentence; an
        article may stand between."""
        while end and self._folded[end - 1] in ("the", "a", "this", "that", "above", "said", "ye"):
            end -= 1
        return any(self._folded[end - len(phrase):end] == list(phrase) and not self._breaks(
            end - len(phrase), end) for phrase in _phrases(name) if len(phrase) <= end)

    def _breaks(self, start: int, end: int) -> bool:
        if end >= len(self.words):
            return False
        return bool(re.search(r"[\n!?؟۔]|\.\s", self.text[
            self.words[start].end:self.words[end].start]))

    def _begins_with(self, at: int, name: str) -> bool:
        return any(self._folded[at:at + len(phrase)] == list(phrase) and not (
            at and self._breaks(at - 1, at)) for phrase in _phrases(name))

    def number(self) -> str:
        """`SO(B)1-5/2026/2217-20`, after `No`, `vide No`, `نمبر`."""
        for at, word in enumerate(self._folded):
            if word not in _set("number_before") or (
                    at and self._folded[at - 1] in _set("not_numbers")):
                continue
            start = self.words[at].end
            gap = re.match(r"[\s.:#؛،-]*", self.text[start:])
            found = _number_at(self.text, start + (gap.end() if gap else 0))
            if found:
                self._number = found
                self._told.append((self.words[at].start, found[1]))
                return self.text[found[0]:found[1]]
        return ""

    def day(self, sent: date) -> str:
        """The date that the paper bears: one that is called its date, else the first close behind
        its kind or number that is not from when or until when something holds."""
        words = Words(self.text)
        dates = [part for part in parts(words) if part.kind == "date"]
        dates = [part for part in dates if not self._number or not (
            self._number[0] <= words.places[part.start][0] < self._number[1])]
        called = [part for part in dates if part.start
                  and words.words[part.start - 1] in _set("day_before")]
        close = [part for part in dates if self._is_close(words, part)]
        chosen = next(iter([*called, *close]), None)
        if chosen is None:
            return ""
        first = chosen.start - (chosen in called)
        self._told.append((words.places[first][0], words.places[chosen.end - 1][1]))
        return _iso(chosen, sent)

    def _is_close(self, words: Words, part: Part) -> bool:
        before = words.words[part.start - 1] if part.start else ""
        if before in _set("not_day_before") or words.words[part.end] in _set("not_day_after"):
            return False
        ends = [self._number[1]] if self._number else []
        if self._kind:
            ends.append(self.words[self._kind.end - 1].end)
        start = words.places[part.start][0]
        return any(end <= start and len(self.text[end:start].split()) <= NEAR for end in ends)

    def subject(self) -> str:
        """What it is about: what follows `subject`, `regarding`, `برائے`; what stands before
        `ke bare mein`; else the caption without kind, number, date and greetings."""
        for at in range(len(self.words)):
            for phrase in _phrases("subject_before"):
                end = at + len(phrase)
                if self._folded[at:end] == list(phrase) and end < len(self.words):
                    found = self._line(self.words[end].start)
                    if len(fold.tokens(found)) > 1:
                        return found
        for at in range(len(self.words)):
            if any(self._folded[at:at + len(p)] == list(p) for p in _phrases("subject_after")):
                start = self._kind.end if self._kind and self._kind.end < at else 0
                return self._without(self.words[start].start, self.words[at].start)
        return self._remaining()

    def _line(self, start: int) -> str:
        """From there to the end of the line or sentence."""
        end = re.search(r"\n|۔|\.\s+[A-Z]|\.$", self.text[start:])
        return self._without(start, start + end.start() if end else len(self.text))

    def _remaining(self) -> str:
        """What is left around the kind: behind it, or before it where little stands behind."""
        if self._kind is None:
            return self._without(0, len(self.text))
        first, last = self.words[self._kind.start], self.words[self._kind.end - 1]
        before = self._without(0, first.start)
        behind = self._without(last.end, len(self.text))
        longer = len(fold.tokens(behind)) > 1 or len(fold.tokens(behind)) >= len(
            fold.tokens(before))
        return behind if longer else before

    def _without(self, start: int, end: int) -> str:
        """That stretch without number and date, and without the words that announce them; "" when
        nothing but filling words is left."""
        text = list(self.text)
        for left, right in self._told:
            text[left:right] = " " * (right - left)
        found = _stripped("".join(text[start:end]))
        return found if set(fold.tokens(found)) - _set("filler") else ""


def _number_at(text: str, start: int) -> tuple[int, int] | None:
    """Where the number that begins there stands: pieces with digits, brackets or strokes, or short
    ones in capitals; it must have a digit."""
    at, end = start, start
    for _ in range(CHUNKS):
        chunk = _CHUNK.match(text, at)
        if chunk is None:
            break
        piece = chunk[0]
        if not (any(c.isdigit() for c in piece) or set(piece) & set("()[]/&") or (
                piece.isupper() and piece.isascii() and len(piece.strip(".:")) <= 6)):
            break
        end = chunk.end()
        tied = re.match(r" (?=[(\[/\d\w])", text[end:])
        if tied is None or (piece[-1].isdigit() and text[end + 1:end + 2].isdigit()):
            break
        at = end + 1
    found = text[start:end].rstrip(".,:;-–/&")
    if not any(c.isdigit() for c in found) or _MOBILE.fullmatch(found) or len(found) > 60:
        return None
    words = Words(found)  # a piece that is a date is none of it
    for part in parts(words):
        place = words.places[part.start][0]
        if part.kind == "date" and place and found[place - 1] == " ":
            found = found[:place].rstrip()
    return start, start + len(found)


def _iso(part: Part, sent: date) -> str:
    """A date's ISO text; without a year, the last such day."""
    year, month, day = part.value
    for each in ([year] if year else [sent.year, sent.year - 1]):
        try:
            found = date(each, month, day)
        except ValueError:
            continue
        if year or found <= sent + timedelta(days=31):
            return found.isoformat()
    return ""


def _of_file(name: str) -> str:
    """A file's name as words; "" for one that a phone or scanner gave."""
    stem = re.sub(r"\.[A-Za-z0-9]{2,4}$", "", texts.one_line(name)[:300])
    stem = _digits(stem.replace("_", " "))
    if _CAMERA.match(stem):
        return ""
    return stem if " " in stem else stem.replace("-", " ")


def _shown(name: str) -> str:
    return _stripped(re.sub(r"\s*\(\d+\)$", "", name))


def _stripped(text: str) -> str:
    """One line, without the marks and the filling words at its ends."""
    text = re.sub(r"[*_~`]+", "", texts.one_line(text))
    strip = " .,:;-–—،۔؛#/|()[]\"'“”"
    while True:
        text = text.strip(strip)
        first, _, rest = text.partition(" ")
        if rest and set(fold.tokens(first)) <= _set("filler"):
            text = rest
            continue
        head, _, last = text.rpartition(" ")
        if head and set(fold.tokens(last)) <= _set("filler"):
            text = head
            continue
        return text


def _digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


@cache
def _kinds(named: bool) -> Phrases:
    lists = data("notifications.json")
    spelled = [(text, kind) for kind, every in lists["kinds"].items() for text in every]
    if named:
        spelled += [(text, kind) for kind, every in lists["files"].items() for text in every]
    return Phrases(spelled, 0)


@cache
def _phrases(name: str) -> Sequence[tuple[str, ...]]:
    every: Iterable[str] = data("notifications.json")[name]
    found = {tuple(fold.tokens(text)) for text in every}
    return sorted((phrase for phrase in found if phrase), key=lambda phrase: (-len(phrase), phrase))


@cache
def _set(name: str) -> frozenset[str]:
    return frozenset(word for text in data("notifications.json")[name]
                     for word in fold.tokens(text))
