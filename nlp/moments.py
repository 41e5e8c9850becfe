"""Where a text names a day, an hour or a span, in English, Roman Urdu or Urdu: what is named, not
whether anything is due then.

A text is cut into words once; at each word a fixed list of readers looks at a few words ahead, so
the work grows with the text's length and no faster.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from archive import fold
from nlp import days, hours
from nlp.timewords import Part, Words, lexicon

_READERS = days.READERS + hours.READERS
DAY = ("date", "ordinal", "weekday", "day", "end", "period")
HOUR = ("clock", "cob")
_JOINED_BY = 2  # words that may stand between a day and its hour


@dataclass(frozen=True)
class Moment:
    """A day, an hour or both, named together."""

    parts: tuple[Part, ...]

    @property
    def start(self) -> int:
        """The first word's place."""
        return self.parts[0].start

    @property
    def end(self) -> int:
        """The place after the last word."""
        return self.parts[-1].end

    def part(self, *kinds: str) -> Part | None:
        """The first part of one of these kinds."""
        return next((part for part in self.parts if part.kind in kinds), None)

    @property
    def weak(self) -> bool:
        """Whether it means a date only beside a word such as `by` or `tak`."""
        return all(part.weak for part in self.parts)


@cache
def _starters() -> frozenset[str]:
    """Words with which something may begin that a reader knows; digits beside."""
    names = ("weekdays", "months", "numbers", "units", "today", "tomorrow", "overmorrow", "tonight",
             "yesterday", "next", "this", "coming", "parts", "prayers", "half_past", "quarter_past",
             "quarter_to", "half", "yakum", "feasts", "hijri", "immediate", "urgent")
    others = "end close the first second third fourth a an couple day mid midday seh سہ kaam کام"
    return frozenset(word for name in names for word in lexicon(name)) | set(
        hours.phrases()) | set(fold.tokens(others))


def parts(words: Words) -> list[Part]:
    """Everything that the words name, from left to right, none nested; the longest at each place,
    and of two as long the one that stands first in the list of readers."""
    found: list[Part] = []
    at = 0
    while at < len(words):
        best: Part | None = None
        word = words.words[at]
        for reader in _READERS if word in _starters() or word.isdecimal() else ():
            part = reader(words, at)
            if part and part.end <= len(words) and (best is None or part.end > best.end):
                best = part
        if best:
            found.append(best)
        at = best.end if best else at + 1
    return found


def moments(words: Words) -> list[Moment]:
    """The named parts, days and hours that stand together joined."""
    groups: list[list[Part]] = []
    for part in parts(words):
        if groups and _joins(words, groups[-1], part):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [Moment(tuple(group)) for group in groups]


def _joins(words: Words, group: list[Part], part: Part) -> bool:
    """Whether a part belongs to the ones before it: `Friday` and `10 am`, `کل` and `صبح`."""
    between = range(group[-1].end, part.start)
    if len(between) > _JOINED_BY or any(not words.of(n, "fillers") for n in between) \
            or any(words.breaks[n] for n in range(group[-1].end, part.start + 1)):
        return False
    kinds = {one.kind for one in group}
    if part.kind in DAY:
        if kinds & {"weekday"} and not kinds & {"date", "ordinal", "day"}:
            return part.kind in ("date", "ordinal")
        if part.kind == "weekday" and kinds & {"date", "ordinal", "day"}:
            return "weekday" not in kinds
        return not kinds & set(DAY) and bool(kinds & {*HOUR, "part"}) and not (
            kinds & {"span", "now", "urgent", "moon", "bad"})
    if part.kind in HOUR:
        return not kinds & set(HOUR) and bool(kinds & {*DAY, "part"})
    if part.kind == "part":
        return "part" not in kinds and bool(kinds & {*DAY, *HOUR})
    return False
