"""Readers of days: dates in figures and words, weekdays, ends of months, months by the moon.

A reader looks at the words from one place on and says what they name, or None. Numbers are day
first, as in Pakistan.
"""
from __future__ import annotations

import calendar
from datetime import date

from archive import fold
from nlp.timewords import Part, Words, inside

_SUFFIXES = ("st", "nd", "rd", "th")


def day_exists(year: int | None, month: int, day: int) -> bool:
    """Whether the calendar has it; without a year, in any."""
    if not 1 <= month <= 12 or day < 1 or (year is not None and not 1900 <= year <= 2200):
        return False
    return day <= calendar.monthrange(year or 2024, month)[1]


def next_month_day(today: date, day: int, ahead: int | None) -> date | None:
    """The day of the month that comes next, today included, or the one of `ahead` months on; None
    when that month is too short."""
    for months in range(0 if ahead is None else ahead, 13 if ahead is None else ahead + 1):
        year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
        if day_exists(year, month + 1, day):
            found = date(year, month + 1, day)
            if ahead is not None or found >= today:
                return found
    return None


def _dated(start: int, end: int, year: int | None, month: int, day: int, weak: bool = False
           ) -> Part:
    if year is not None and year < 100:
        year += 2000
    if day_exists(year, month, day):
        return Part("date", start, end, (year, month, day), weak)
    if not 1 <= month <= 12:
        return Part("bad", start, end, f"there is no month {month}; dates are read day first, as "
                                       "25-11-2026", weak)
    named = f"{day} {calendar.month_name[month]}{f' {year}' if year else ''}"
    return Part("bad", start, end, f"{named} does not exist", weak)


def _numeric(words: Words, at: int) -> Part | None:
    """25-11-2026, 25.11.26, 25/11, 2026-11-25."""
    mark = words.tied(at + 1)
    if not words.words[at].isdecimal() or not mark or words.tied(at) \
            or words.words[at - 1:at] in (["no"], ["number"], ["نمبر"], ["bps"]):
        return None
    first, second = words.digits(at, 4), words.digits(at + 1)
    third = words.digits(at + 2, 4) if words.tied(at + 2) == mark else None
    if first is None or second is None:
        return None
    if len(words.words[at]) == 4:
        return _dated(at, at + 3, first, second, third) if third and third < 100 else None
    if len(words.words[at]) > 2 or first > 99:
        return None
    if third is not None and len(words.words[at + 2]) in (2, 4) and not words.tied(at + 3):
        return _dated(at, at + 3, third, second, first)
    if third is not None or words.tied(at + 2) or second > 12 or first > 31 or mark == "–" \
            or words.of(at + 2, "units") or words.of(at + 2, "bells"):
        return None
    return _dated(at, at + 2, None, second, first, weak=True)


def _month_at(words: Words, at: int) -> int:
    found = words.of(at, "months")
    return int(found) + 1 if found else 0


def _year_at(words: Words, at: int) -> int | None:
    """A year after a date: 2026, or 26 tied to it."""
    gap = words.gaps[at].strip()
    if words.words[at].isdecimal() and gap in ("", ",", "-", "/", ".", "،") \
            and ((len(words.words[at]) == 4 and words.words[at][:2] in ("19", "20", "21"))
                 or (len(words.words[at]) == 2 and gap in ("-", "/"))):
        return int(words.words[at])
    return None


def _named(words: Words, at: int) -> Part | None:
    """25 Nov, 25th of November 2026, 25-Nov-26, یکم دسمبر."""
    day = 1 if words.of(at, "yakum") else words.digits(at)
    if day is None and words.of(at + 1, "months") and words.words[at] not in ("do", "no"):
        day = words.number(at)
    if day is None or words.tied(at) in ("-", "/"):
        return None
    end = at + 1
    if words.words[end] in _SUFFIXES and not words.gaps[end].strip():
        end += 1
    if words.words[end] in ("of", "ki", "کی"):
        end += 1
    if (words.of(end, "months") and words.words[end - 1] not in ("ki", "کی")) or (words.run(
            end, "ماہ") and _month_at(words, end + 1)):
        end += words.words[end] == "ماہ"
        month = _month_at(words, end)
        if words.breaks[end] or (words.words[end] in ("may", "mar") and (
                words.words[end + 1] in ("be", "not", "also", "kindly", "please", "have", "gaya"))):
            return None
        year = _year_at(words, end + 1)
        return _dated(at, end + 1 + (year is not None), year, month, day)
    return None


def _month_first(words: Words, at: int) -> Part | None:
    """Nov 25, December 1st 2026, december ki 5 tareekh, نومبر کی 25 تاریخ."""
    month = _month_at(words, at)
    end = at + 1 + (words.words[at + 1] in ("ki", "کی"))
    day = words.digits(end) if month else None
    if month and words.of(end, "yakum"):
        day = 1
    if day is None or words.breaks[at + 1] or words.gaps[end].strip():
        return None
    end += 1
    sure = words.words[end] in _SUFFIXES or bool(words.of(end, "day_number"))
    end += sure
    year = _year_at(words, end)
    if words.of(end, "units") or words.of(end, "bells"):
        return None
    weak = words.words[at] in ("may", "mar", "march") and not sure and year is None
    return _dated(at, end + (year is not None), year, month, day, weak)


def _ordinal(words: Words, at: int) -> Part | None:
    """17th, 28 tareekh, 16 تاریخ, 10th of next month, agle mahine ki 5 tareekh."""
    ahead = None
    start = at
    if words.of(at, "units") == "month" or words.of(at + 1, "units") == "month":
        shift = _shift_at(words, at)
        if shift is None or words.words[at + 2] not in ("ki", "کی"):
            return None
        ahead, at = shift, at + 3
    day = 1 if words.of(at, "yakum") else words.digits(at)
    if day is None and words.of(at + 1, "day_number"):
        day = words.number(at)
    if day is None or words.tied(at):
        return None
    end = at + 1
    suffix = words.words[end] in _SUFFIXES and not words.gaps[end].strip()
    end += suffix
    if words.of(end, "day_number"):
        end += 1
    elif not suffix or words.of(end, "not_ordinals"):
        return None
    of = end + (words.words[end] in ("of", "ko"))
    if ahead is None and words.of(of + 1, "units") == "month":
        ahead = _shift_at(words, of)
        end = of + 2 if ahead is not None else end
    if not 1 <= day <= 31:
        return Part("bad", start, end, f"no month has {day} days")
    return Part("ordinal", start, end, (day, ahead),
                weak=not words.of(end - 1, "day_number") and ahead is None)


def _shift_at(words: Words, at: int) -> int | None:
    """0 for `this`, 1 for `next`; None for neither."""
    if words.of(at, "next") or words.of(at, "coming"):
        return 1
    return 0 if words.of(at, "this") else None


def _weekday(words: Words, at: int) -> Part | None:
    """Monday, next Friday, aane wale peer, Friday next week."""
    which, start = "", at
    for name in ("next", "this", "coming"):
        if words.of(at, name):
            which, at = name, at + 1
            at += words.words[at] in ("wale", "walay", "wali", "والے", "والی")
            if words.of(at, "units") == "week" and words.of(at + 1, "weekdays"):
                at += 1
            break
    found = words.of(at, "weekdays")
    if not found or (at > start and words.breaks[at]):
        return None
    if words.of(at, "units") and (which or words.of(at + 2, "end_words")
                                  or inside(words, at + 1)):
        return None  # ہفتے: here a week
    end = at + 1
    of = end + (words.words[end] in ("of", "in"))
    if not which and words.of(of, "next") and words.of(of + 1, "units") == "week":
        which, end = "next", of + 2
    elif not which and words.words[end] == "next":
        which, end = "next", end + 1
    if found == "4" and not which and _after_prayer(words, start, end):
        which = "this"  # on a Friday morning it is today
    weak = words.words[at] in ("sun", "sat", "pir", "juma", "mangal") or bool(words.of(at, "units"))
    return Part("weekday", start, end, (int(found), which), weak and not which)


def _after_prayer(words: Words, start: int, end: int) -> bool:
    """`after Jumma`, `jumma ki namaz ke baad`, جمعہ کے بعد."""
    if words.words[start - 1:start] == ["after"]:
        return True
    if words.words[end] in ("ki", "کی") and words.words[end + 1] in ("namaz", "نماز"):
        end += 2
    return words.words[end] in ("ke", "k", "کے") and words.words[end + 1] in ("baad", "بعد")


def _relative(words: Words, at: int) -> Part | None:
    """Today, tomorrow, the day after, پرسوں."""
    for name, ahead in (("today", 0), ("tomorrow", 1), ("overmorrow", 2), ("tonight", 0),
                        ("yesterday", -1)):
        if words.of(at, name):
            return Part("day", at, at + 1, ahead)
    if words.run(at, "day", "after") and words.of(at + 2, "tomorrow"):
        return Part("day", at, at + 3, 2)
    return None


def _end(words: Words, at: int) -> Part | None:
    """End of month, by the end of next week, mahine ke aakhir, رواں ماہ کے آخر, month end."""
    start, end = at, at + 1
    if words.words[at] == "mid" and words.of(at + 1, "months"):
        return Part("date", at, at + 2, (None, _month_at(words, at + 1), 15))
    if words.words[at] in ("end", "close") and words.words[at + 1] in ("of", "the"):
        end = at + 2 + (words.words[at + 2] == "the")
        shift = _shift_at(words, end)
        end += shift is not None
        end += words.words[end] in ("month", "ماہ") and bool(words.of(end + 1, "months"))
        return _ended(words, start, end, end + 1, shift or 0)
    shift = _shift_at(words, at)
    at += shift is not None
    at += words.words[at] in ("ماہ", "maah") and bool(words.of(at + 1, "months"))
    if not (words.of(at, "units") or words.of(at, "months") or words.of(at, "parts")):
        return None
    end = at + 1
    if words.words[end] in ("رواں", "rawan"):
        end += 1
    end += words.words[end] in ("ke", "k", "کے", "ka", "کا", "ki", "کی")
    if words.of(end, "end_words"):
        end += bool(words.of(end + 1, "day_number"))
        return _ended(words, start, at, end + 1, shift or 0)
    return None


_NTH = {word: n for n, words in enumerate((
    "first 1st pehle pehlay پہلے", "second doosre dusre دوسرے", "third teesre تیسرے",
    "fourth chauthe چوتھے"), 1) for word in fold.tokens(words)}


def _week_of(words: Words, at: int) -> Part | None:
    """First week of December, دسمبر کے پہلے ہفتے: its last day, the 7th."""
    month = _month_at(words, at)
    if month and words.words[at + 1] in ("ke", "k", "کے") and words.words[at + 2] in _NTH \
            and words.of(at + 3, "units") == "week":
        return Part("date", at, at + 4, (None, month, 7 * _NTH[words.words[at + 2]]))
    nth = _NTH.get(words.words[at], 0)
    if words.words[at + 1] in _SUFFIXES and words.digits(at) is not None:
        nth, at = words.digits(at) or 0, at + 1
    if 1 <= nth <= 4 and words.words[at + 1] == "week" and words.words[at + 2] == "of" \
            and _month_at(words, at + 3):
        start = at - (words.words[at] in _SUFFIXES)
        return Part("date", start, at + 4, (None, _month_at(words, at + 3), 7 * nth))
    return None


def _ended(words: Words, start: int, at: int, end: int, shift: int) -> Part | None:
    """The end of what the word at a place names."""
    month = _month_at(words, at)
    if month:
        return Part("end", start, end, ("named", month))
    unit = words.words[at] if words.words[at] == "year" else words.of(at, "units")
    return Part("end", start, end, (unit, shift)) if unit in ("day", "week", "month", "year") \
        else None


def _period(words: Words, at: int) -> Part | None:
    """Next week, is hafte, اسی ماہ; mid of a month is not read."""
    shift = _shift_at(words, at)
    if words.words[at] == "the" and words.words[at - 1:at] in (["within"], ["during"]):
        shift = 0
    unit = words.of(at + 1, "units")
    if shift is None or unit not in ("week", "month") or words.words[at] == "same":
        return None
    return Part("period", at, at + 2, (unit, shift), weak=True)


def _moon(words: Words, at: int) -> Part | None:
    """10 Muharram, 12 Rabi ul Awal, Eid, Ramazan."""
    start = at
    if words.digits(at) is not None:
        at += 1 + (words.words[at + 1] in _SUFFIXES)
        if not words.of(at, "hijri") and not words.of(at, "feasts"):
            return None
    elif not words.of(at, "feasts") and (not words.of(at, "hijri")
                                         or words.words[at] in ("safar", "rabi", "صفر", "ربیع")):
        return None
    end = at + 1
    while words.words[end] in ("ul", "al", "us", "awal", "awwal", "sani", "fitr", "azha", "adha",
                               "الاول", "الثانی", "الفطر", "الاضحی", "المبارک", "mubarak"):
        end += 1
    return Part("moon", start, end, " ".join(words.words[start:end]), weak=True)


READERS = (_numeric, _named, _month_first, _ordinal, _moon, _end, _week_of, _weekday, _period,
           _relative)
