"""Deadlines: by when something is to be done, read from English, Roman Urdu and Urdu.

nlp.moments finds where days, hours and spans are named, nlp.due which of them are deadlines and
nlp.when what date each is; here they are joined and brought onto the office calendar. What is named
but cannot be told as a date (a month by the moon, a day that does not exist, a thing that repeats)
is returned too, without a due time and with the reason.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from archive import fold
from nlp import due
from nlp.calendar import CalendarError, OfficeCalendar
from nlp.due import FAIR, STRONG, WEAK
from nlp.moments import DAY, Moment, moments
from nlp.timewords import Part, Words
from nlp.when import resolve
from nlp.words import one_line, shorten

_LONGEST_ARGUMENT = 200  # characters of a command's date
_PART_HOURS = {"morning": time(12), "afternoon": time(16), "evening": time(18), "night": time(22),
               "daytime": time(16), "zuhr": time(14), "asr": time(17), "maghrib": time(18, 30),
               "isha": time(20, 30)}
EXAMPLES = "25 Nov, 25-11-2026, next Monday, 3 days, 5 working days, kal, پیر, 25 Nov 3 pm"
_BESIDE = frozenset(fold.tokens("andar ander اندر se سے pehle پہلے قبل or no not later than up to "
                                "mein me میں within ہی hi sharp"))


@dataclass(frozen=True)
class Deadline:
    """A deadline as said in text[start:end], and when that is."""

    kind: str  # date, hour, span, urgent, repeated, unread
    start: int
    end: int
    phrase: str
    said: str = ""  # the date said, or date and hour: 2026-03-04, 2026-03-04T09:00; "" for none
    due: datetime | None = None  # aware: where it lies on the office calendar
    past: bool = False  # it lay in the past when it was said
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()  # in words: how it was read, why moved, why not read


class DateError(ValueError):
    """A date given with a command cannot be used. `kind`: missing, unread, impossible, past."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


def read(text: str, at: datetime, calendar: OfficeCalendar, start: int = 0, end: int | None = None
         ) -> Deadline | None:
    """The deadline of text[start:end] (all of it as a rule, or one clause), sent at `at` (aware).
    What is said before that part may still give the day for an hour. None when there is none."""
    return pick(read_all(text, at, calendar), start, len(text) if end is None else end)


def pick(found: tuple[Deadline, ...], start: int, end: int) -> Deadline | None:
    """Of a text's deadlines the one that holds for text[start:end]: the surest, a date before mere
    urgency; of equals the one with an hour, then the first."""
    here = [one for one in found if one.start >= start and one.end <= end]
    return max(here, default=None, key=lambda one: (
        bool(one.due), one.kind != "urgent", one.confidence, "T" in one.said, -one.start))


def read_all(text: str, at: datetime, calendar: OfficeCalendar) -> tuple[Deadline, ...]:
    """Every deadline of a text sent at `at` (aware), from left to right. Never raises."""
    found: list[Deadline] = []
    words = Words(text)
    for moment, resolved in _resolved(words, at, calendar):
        role = due.role(words, moment)
        if role is None:
            continue
        deadline = _deadline(words, moment, role, at, calendar, resolved)
        if not deadline.past or (role >= STRONG - 0.05 and _lately(deadline, at)):
            found.append(deadline)  # `absent on 20-11-2026` is no deadline
    return tuple(found)


def days_named(text: str, at: datetime, calendar: OfficeCalendar) -> tuple[Deadline, ...]:
    """The days to come that a text names, but by which nothing is due (`the meeting will be held on
    6th Nov at 11:30`), from left to right. Never raises."""
    words = Words(text)
    found = (_deadline(words, moment, WEAK, at, calendar, resolved)
             for moment, resolved in _resolved(words, at, calendar)
             if moment.part(*DAY) and moment.parts[0].kind not in ("now", "urgent", "span")
             and due.role(words, moment) in (None, FAIR, WEAK))
    return tuple(one for one in found if one.due and not one.past)


def _resolved(words: Words, at: datetime, calendar: OfficeCalendar
              ) -> Iterator[tuple[Moment, tuple[date | None, time | None]]]:
    """The moments of a text, each with its day and hour."""
    context: tuple[date, int] | None = None  # a day that was named, and by which word
    for moment in moments(words):
        inherited = _inherited(words, moment, context)
        day, clock = resolve(moment, at, calendar, inherited)
        if day and moment.part(*DAY) and day >= _today(at, calendar):
            context = day, moment.end
        yield moment, (day, clock)


def as_labelled(found: Deadline | None) -> str | None:
    """The due as a gold corpus labels it: the date or the date and hour that were said, wherever
    they lie on the office calendar; None for no deadline."""
    return found.said or None if found else None


def _lately(deadline: Deadline, at: datetime) -> bool:
    """Whether a past date may be meant as a deadline; `joined before 1-7-2019` is none."""
    return deadline.due is not None and at - deadline.due < timedelta(60)


def _inherited(words: Words, moment: Moment, context: tuple[date, int] | None) -> date | None:
    """The day named shortly before, for an hour that stands alone: `School opens tomorrow. Send
    attendance by noon`."""
    if context is None or moment.part(*DAY) or not moment.part("clock"):
        return None
    breaks = sum(words.breaks[n] for n in range(context[1], moment.start + 1))
    return context[0] if breaks <= 1 else None


def _today(at: datetime, calendar: OfficeCalendar) -> date:
    return at.astimezone(calendar.zone).date()


def _deadline(words: Words, moment: Moment, sure: float, at: datetime, calendar: OfficeCalendar,
              resolved: tuple[date | None, time | None]) -> Deadline:
    """What a moment that counts comes to."""
    start, end = words.places[moment.start][0], words.places[moment.end - 1][1]
    phrase = _phrase(words, moment)
    base = Deadline("unread", start, end, phrase, confidence=sure)
    kind = moment.parts[0].kind
    if sure == 0:
        return replace(base, kind="repeated", reasons=(
            f"“{phrase}” comes again and again: give the first date",))
    if kind == "urgent":
        return replace(base, kind="urgent", reasons=("urgent, but no date is said",))
    if kind == "moon":
        return replace(base, reasons=(
            f"“{phrase}” goes by the moon: give the date as 25-11-2026",))
    bad = moment.part("bad")
    if bad:
        return replace(base, reasons=(str(bad.value),))
    if kind == "span" and moment.parts[0].value[1] in ("hour", "minute"):
        return _hours_on(base, moment.parts[0], at, calendar)
    day, clock = resolved
    if day is None:
        return replace(base, reasons=(f"“{phrase}” is no date that can be told",))
    return _landed(base, moment, day, clock, at, calendar)


def _hours_on(base: Deadline, part: Part, at: datetime, calendar: OfficeCalendar) -> Deadline:
    """`within 2 hours`: by the clock, whether the office is open or not."""
    count, unit, _ = part.value
    due = (at.astimezone(calendar.zone) + timedelta(hours=count if unit == "hour" else 0,
                                                    minutes=count if unit == "minute" else 0))
    reasons = ("an hour counts by the clock, in the office's hours or not",)
    return replace(base, kind="hour", said=f"{due:%Y-%m-%dT%H:%M}", due=due, reasons=reasons)


def _landed(base: Deadline, moment: Moment, day: date, clock: time | None, at: datetime,
            calendar: OfficeCalendar) -> Deadline:
    """A day, perhaps with an hour, on the office calendar."""
    here = at.astimezone(calendar.zone)
    reasons = [f"“{base.phrase}”, said on {here:%a} {here.day} {here:%b %Y}: {day:%a} {day.day} "
               f"{day:%b %Y}{f' {clock:%H:%M}' if clock else ''}"]
    sure = base.confidence
    for doubt in _doubts(moment, day, here):
        reasons.append(doubt)
        sure = min(sure, WEAK)
    part = moment.part("part")
    try:
        landing = calendar.land(day, clock, at)
        if part and not clock and landing.due.date() == day and not landing.moved:
            landing = calendar.land(day, _PART_HOURS[part.value], at)
            reasons.append(f"{part.value} is taken for {_PART_HOURS[part.value]:%H:%M}")
            if landing.due <= at and day == here.date():
                landing = calendar.land(day, time(23, 59), at)
    except CalendarError as error:
        return replace(base, reasons=(str(error),))
    if landing.moved:
        reasons.append(landing.moved)
    past = landing.due < at
    if past:
        reasons.append("it had gone by when it was said")
    kind = "hour" if clock else "span" if moment.parts[0].kind == "span" else (
        "urgent" if moment.parts[0].kind == "now" else "date")
    said = f"{day:%Y-%m-%d}" + (f"T{clock:%H:%M}" if clock else "")
    return replace(base, kind=kind, said=said, due=landing.due, past=past, confidence=sure,
                   reasons=tuple(reasons))


def _doubts(moment: Moment, day: date, here: datetime) -> list[str]:
    """What makes a date less sure."""
    doubts = []
    weekday = moment.part("weekday")
    if weekday and moment.part("date", "ordinal", "day") and weekday.value[0] != day.weekday():
        doubts.append(f"but {day.day} {day:%b %Y} is a {day:%A}")
    named = moment.part("date")
    if named and named.value[0] is None and (day - here.date()).days > 270:
        doubts.append("without a year it is the next such date, which is far")
    if moment.part("period"):
        doubts.append("the last office day of that time is taken")
    return doubts


def parse_date(text: str, at: datetime, calendar: OfficeCalendar) -> Deadline:
    """The date of a command's argument (`next Monday`, `3 days`, `پیر`, `25 Nov 3 pm`), given at
    `at` (aware). Raises DateError, which names what cannot be used and gives examples."""
    words = Words(text[:_LONGEST_ARGUMENT])
    if not len(words):
        raise DateError("missing", f"By when? Give a date such as {EXAMPLES}.")
    found = moments(words) or _bare_day(words)
    odd = [words.words[n] for n in range(len(words))
           if not any(one.start <= n < one.end for one in found) and not _beside(words, n)]
    if not found or odd or len(text) > _LONGEST_ARGUMENT:
        unread = shorten(" ".join(odd) if found and odd else one_line(text), 40)
        raise DateError("unread", f"“{unread}” cannot be read as a date. Give one such as "
                                  f"{EXAMPLES}.")
    if len(found) > 1:
        one, two = (_phrase(words, moment) for moment in found[:2])
        raise DateError("unread", f"“{one}” and “{two}” are two dates: give one.")
    deadline = _deadline(words, found[0], 1.0, at, calendar,
                         resolve(found[0], at, calendar, None))
    if deadline.due is None:
        kind = "impossible" if found[0].part("bad") else "unread"
        reason = _capital(deadline.reasons[0].partition(": give")[0])
        raise DateError(kind, f"{reason}. Give a date such as {EXAMPLES}.")
    if deadline.past:
        raise DateError("past", f"“{deadline.phrase}” is {deadline.due:%a %d-%m-%Y %H:%M}, which "
                                "has gone by: give a later one.")
    return deadline


def _beside(words: Words, at: int) -> bool:
    """Whether a word says nothing of its own beside a date."""
    return words.words[at] in _BESIDE or any(
        words.of(at, name) for name in ("fillers", "before", "after", "firm", "next", "coming"))


def _bare_day(words: Words) -> list[Moment]:
    """`25`: the day of the month that comes next."""
    day = words.digits(0)
    if day is None or len(words) > 1:
        return []
    return [Moment((Part("ordinal", 0, 1, (day, None)) if 1 <= day <= 31 else
                     Part("bad", 0, 1, f"no month has {day} days"),))]


def _phrase(words: Words, moment: Moment) -> str:
    return words.text[words.places[moment.start][0]:words.places[moment.end - 1][1]]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
