"""Readers of hours, parts of the day, spans (`within 3 days`) and set phrases (COB, at once)."""
from __future__ import annotations

from functools import cache

from archive import fold
from nlp.timewords import Part, Words, inside


def _meridiem(words: Words, at: int) -> tuple[str, int]:
    """(am, pm or "", how many words say so)."""
    if words.words[at] in ("am", "pm") and not words.breaks[at]:
        return words.words[at], 1
    if words.words[at] in ("a", "p") and words.words[at + 1] == "m" \
            and words.gaps[at + 1].strip() in ("", "."):
        return words.words[at] + "m", 2
    return "", 0


def _clock(words: Words, at: int) -> Part | None:
    """10 am, 10:30, 1400 hrs, 12 noon, 4 baje, ساڑھے نو بجے, 11 o'clock, 9 sharp."""
    start, quarter = at, 0
    for name, minutes in (("half_past", 30), ("quarter_past", 15), ("quarter_to", -15)):
        if words.of(at, name):
            quarter, at = minutes, at + 1
            break
    hour = words.number(at)
    if hour is None or words.tied(at):
        return None
    end, minute, told = at + 1, 0, False
    gap = words.gaps[end].strip()
    minutes = words.digits(end)
    if gap in (":", ".") and minutes is not None and len(words.words[end]) == 2:
        minute, end, told = minutes, end + 1, gap == ":"
        dotted = gap == "."
    else:
        dotted = False
    half, more = _meridiem(words, end)
    if more:
        end, told = end + more, True
    if words.of(end, "bells") or words.run(end, "o", "clock") or words.run(end, "oclock"):
        end, told = end + (2 if words.words[end] == "o" else 1), True
    elif words.words[end] in ("hrs", "hours") and (len(words.words[at]) == 4 or minute or dotted
                                                   or words.gaps[at + 1].strip() == ":"):
        if len(words.words[at]) == 4:
            hour, minute = divmod(hour, 100)
        end, told = end + 1, True
    elif words.words[end] == "midnight" and hour == 12:
        hour, minute, end, told = 23, 59, end + 1, True
    elif words.words[end] == "noon" and hour == 12:
        half, end, told = "pm", end + 1, True
    elif words.words[end] == "sharp" and words.words[at].isdecimal():
        told = True
    if not told and not dotted:
        return None
    total = hour * 60 + minute + quarter
    if not 0 <= total < 24 * 60 or minute > 59 or (half and not 1 <= hour <= 12):
        return Part("bad", start, end, f"there is no such hour as {words.words[at]}:{minute:02}") \
            if told and hour <= 99 and gap == ":" else None
    weak = not told or (gap == ":" and not half and not words.of(end - 1, "bells"))
    return Part("clock", start, end, (*divmod(total, 60), half), weak)


def _bare_hour(words: Words, at: int) -> Part | None:
    """`by 4 today`, `tomorrow at 9`: a bare number beside a day and a word such as at or by."""
    hour = words.number(at)
    if hour is None or not 1 <= hour <= 12 or words.tied(at) or words.tied(at + 1) \
            or words.words[at - 1:at] not in (["at"], ["by"], ["before"], ["till"]):
        return None
    last = words.breaks[at + 1] or at + 1 >= len(words) or "," in words.gaps[at + 1]
    if last and words.words[at - 1] != "at" and not any(
            word.startswith(("reduc", "increas", "decreas", "exceed", "short", "multipl", "divid"))
            for word in words.words[max(0, at - 5):at]):
        return Part("clock", at, at + 1, (hour, 0, ""), weak=True)
    near = words.of(at + 1, "today") or words.of(at + 1, "tomorrow") or (words.of(
        at + 1, "weekdays") and words.words[at - 1] != "before")
    after = at >= 2 and (words.of(at - 2, "today") or words.of(at - 2, "tomorrow")
                         or words.of(at - 2, "weekdays")) and (
        words.breaks[at + 1] or at + 1 >= len(words) or words.words[at + 1] in ("with", "and"))
    return Part("clock", at, at + 1, (hour, 0, "")) if near or after else None


def _part_of_day(words: Words, at: int) -> Part | None:
    """Morning, shaam, dopahar, سہ پہر, noon; a prayer beside baad, se pehle or tak."""
    if words.run(at, "mid", "day") or words.words[at] == "midday":
        return Part("clock", at, at + 1 + (words.words[at] == "mid"), (12, 0, "pm"))
    if words.run(at, "seh", "pehar") or words.run(at, fold.fold("سہ"), fold.fold("پہر")):
        return Part("part", at, at + 2, "afternoon")
    name = words.of(at, "parts")
    if name == "noon" or name == "midnight":
        return Part("clock", at, at + 1, (12, 0, "pm") if name == "noon" else (23, 59, ""))
    if name == "daytime" and words.words[at - 1:at] and words.number(at - 1) is not None:
        return None
    if name:
        return Part("part", at, at + 1, name, weak=True)
    prayer = words.of(at, "prayers")
    return Part("part", at, at + 1, prayer, weak=True) if prayer else None


_CLOSINGS = (
    ("cob",), ("c", "o", "b"), ("close", "of", "business"), ("close", "of", "office", "hours"),
    ("close", "of", "office"), ("close", "of", "the", "office"), ("closing", "of", "office"),
    ("close", "of", "working", "hours"), ("closing", "hours"), ("closing", "time"),
    ("office", "hours"), ("working", "hours"), ("office", "timings"), ("office", "time"),
    ("daftari", "auqat", "ke", "andar"), ("daftari", "auqat"), ("daftar", "band", "hone"),
    ("office", "band", "hone"), ("chutti", "tak"), ("chutti", "se", "pehle"),
    ("دفتری", "اوقات", "کے", "اختتام"), ("دفتری", "اوقات"), ("دفتر", "بند", "ہونے"),
    ("چھٹی", "تک"),
)
_DAYS_END = (("eod",), ("e", "o", "d"), ("end", "of", "day"), ("end", "of", "the", "day"),
             ("end", "of", "today"))
_URGENT = (("at", "the", "earliest"), ("as", "soon", "as", "possible"), ("without", "delay"),
           ("without", "any", "delay"), ("without", "further", "delay"), ("a", "s", "a", "p"),
           ("on", "priority"), ("top", "priority"), ("جلد", "از", "جلد"), ("jald", "az", "jald"),
           ("بلا", "تاخیر"), ("bila", "takheer"), ("bila", "takhir"))
_NOW = (("at", "once"), ("right", "now"), ("right", "away"), ("فی", "الفور"), ("isi", "waqt"),
        ("fil", "foor"), ("بلا", "توقف"))


@cache
def phrases() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """First word → (kind, words), the longest first."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for kind, phrases in (("cob", _CLOSINGS), ("day", _DAYS_END), ("urgent", _URGENT),
                          ("now", _NOW)):
        for phrase in phrases:
            folded = tuple(fold.fold(word) for word in phrase)
            found.setdefault(folded[0], []).append((kind, folded))
    for choices in found.values():
        choices.sort(key=lambda choice: -len(choice[1]))
    return found


def _set_phrase(words: Words, at: int) -> Part | None:
    """COB, close of business, EOD, at the earliest, فی الفور."""
    for kind, phrase in phrases().get(words.words[at], ()):
        if words.run(at, *phrase):
            end = at + len(phrase)
            while kind == "cob" and (words.of(end, "end_words")
                                     or words.words[end] in ("ke", "کے")):
                end += 1
            weak = kind == "cob" and phrase[-1] in ("hours", "timings", "time", "auqat", "اوقات")
            return Part(kind, at, end, 0 if kind == "day" else None, weak)
    if words.of(at, "immediate") and not words.of(at + 1, "after"):
        return Part("now", at, at + 1)
    return Part("urgent", at, at + 1) if words.of(at, "urgent") else None


def _span(words: Words, at: int) -> Part | None:
    """3 days, three (3) working days, a week, half an hour, 2-3 din, ایک ہفتہ."""
    start, count = at, words.number(at)
    if words.of(at, "half"):
        at += 1 + (words.words[at + 1] in ("an", "a"))
        return Part("span", start, at + 1, (0.5, words.of(at, "units"), False)) \
            if words.of(at, "units") in ("hour", "day") else None
    if count is None and words.words[at] in ("a", "an"):
        count = 1
        if words.run(at + 1, "couple", "of"):
            count, at = 2, at + 2
    elif count is None and words.words[at] == "couple" and words.words[at + 1] == "of":
        count, at = 2, at + 1
    if count is None or (words.tied(at) and words.tied(at) != "-"):
        return None
    at += 1
    if words.words[at] in ("to", "or", "ya", "se", "یا", "سے"):
        at += words.number(at + 1) is not None
    more = words.number(at)
    if more is not None and not words.breaks[at]:  # 2-3 days, three (3) days, do teen din
        count, at = max(count, more), at + 1
    working = bool(words.of(at, "working"))
    at += working
    unit = words.of(at, "units")
    if not unit or words.breaks[at]:
        return None
    if words.words[at + 1] == "or" and words.number(at + 2) is not None and count == 1:
        return Part("span", start, at + 3, (float(words.number(at + 2) or 1), unit, working))
    return Part("span", start, at + 1, (float(count), unit, working))


def _how_often(words: Words, at: int) -> bool:
    """`hafte mein ek din`, `مہینے میں دوسری بار`: how often, not by when."""
    return words.number(at) is not None or any(
        words.words[at + n] in ("bar", "baar", "dafa", "martaba", "بار", "دفعہ", "مرتبہ")
        for n in range(3))


def _single(words: Words, at: int) -> Part | None:
    """`hafte ke andar`, `گھنٹے میں`: one of it."""
    unit = words.of(at, "units")
    return Part("span", at, at + 1, (1.0, unit, False)) if unit in ("hour", "week", "month") \
        and inside(words, at + 1) and words.number(at - 1 if at else len(words)) is None \
        and not _how_often(words, at + 2) else None


def _working_after(words: Words, at: int) -> Part | None:
    """5 days of office; kaam ke 3 din, 3 کاری ایام."""
    if words.run(at, "kaam", "ke") or words.run(at, "کام", "کے"):
        inner = _span(words, at + 2)
        if inner:
            return Part("span", at, inner.end, (*inner.value[:2], True))
    return None


READERS = (_clock, _bare_hour, _span, _single, _working_after, _part_of_day, _set_phrase)
