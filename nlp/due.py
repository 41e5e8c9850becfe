"""Whether something is due at a moment that a text names, or the moment is only mentioned."""
from __future__ import annotations

import re

from archive import fold
from nlp.moments import DAY, HOUR, Moment
from nlp.timewords import Words

_COMMA = re.compile(r"[,،]")
_TOLD_WITHIN = 7  # words after a day in which a verb may say that it is past
_ALLOWING = ("within", "in", "with", "given", "granted", "allowed", "zyada", "ziada", "ziyada",
             "زیادہ", "maximum", "max")
_NOT_PAST = ("required", "requested", "directed", "needed", "advised", "instructed", "scheduled",
             "planned", "fixed", "called", "convened", "need", "held")
_WAS = ("was", "were", "had", "did", "held", "tha", "thi", "thay", "thin", "تھا", "تھی", "تھے")
_WHO = ("jo", "jis", "jin", "jinhon", "who", "which", "جو", "جس", "جن", "جنہوں")
_WILL_BE = ("hoga", "hogi", "honge", "ہوگا", "ہوگی", "jaega", "jayega")
_MEETINGS = frozenset(fold.tokens("meeting ijlas اجلاس میٹنگ"))
_LASTING = frozenset(fold.tokens("leave strike chutti vacation vacations absent closed suspended "
                                 "hartal رخصت چھٹی ہڑتال بند band"))
_BEFORE_UNTIL = frozenset(fold.tokens(
    "ko ke hi ہی din دن roz روز ki کی کے time waqt ho a d gaye gae گئے"))
STRONG, FAIR, WEAK = 0.9, 0.6, 0.4


def role(words: Words, moment: Moment) -> float | None:
    """How sure it is that a moment is a deadline; None when it is only mentioned. A repeated one is
    0."""
    kind = moment.parts[0].kind
    if len(moment.parts) == 1 and moment.parts[0].value == "daytime":
        return None  # `din` is a word of every day
    if kind in ("now", "urgent"):
        return None if _so_far(words, moment) else FAIR
    if _is_a_holiday(words, moment):
        return None
    firm = _firm(words, moment)
    if _ranged(words, moment) or (firm and _lasting(words, moment)):
        return None
    if _every(words, moment):
        return 0.0 if moment.part(*DAY, *HOUR) else None
    before = words.words[moment.start - 1] if moment.start else ""
    if kind == "day" and moment.parts[0].value < 0:
        return None
    if kind == "span":
        return _span_role(words, moment, firm)
    if firm:
        return firm
    if (moment.weak and not _fairly(words, moment)) or kind in ("moon", "bad"):
        return None
    if (words.of(moment.start - 1, "not_before") and not _after_friday_prayer(words, moment)) \
            or before in ("plan", "agenda", "as") or _possessive(words, moment):
        return None
    if words.words[moment.end] in ("baad", "ago", "پہلے"):
        return None
    if _later(words, moment) and not (moment.part("weekday") and not moment.part("clock")):
        return None
    if not moment.part(*DAY) and not moment.part("cob") and _announced(words, moment):
        return None
    return None if _told(words, moment) else FAIR if moment.part(*DAY) else WEAK


def _firm(words: Words, moment: Moment) -> float:
    """How sure words beside it make a deadline: by, before, latest, tak, se pehle; 0 when none."""
    inside = [n for one, two in zip(moment.parts, moment.parts[1:], strict=False)
              for n in range(one.end, two.start)]
    if any(words.of(n, "before") or words.of(n, "after") for n in inside):
        return STRONG
    last = moment.parts[-1]
    if any(part.kind == "cob" and not part.weak for part in moment.parts):
        return STRONG
    if (last.kind == "cob" and (words.of(last.end - 1, "after")
                               or words.words[last.end - 1] == "pehle")) or any(
            part.kind == "end" and words.words[part.start - 1] in ("by", "till") for part in
            moment.parts):
        return STRONG
    if _until(words, moment.end):
        return STRONG
    at = moment.start - 1
    for _ in range(4):  # `by the 5th`, `not later than 5th`, `up to 30th`
        if at < 0 or words.breaks[at + 1]:
            break
        if words.of(at, "before") and not words.run(at, "due", "to"):
            return STRONG
        if words.run(at - 1, "later", "than") or words.run(at - 1, "up", "to") or words.run(
                at - 1, "prior", "to"):
            return STRONG
        if words.words[at] not in ("the", "on", "or", "of", "around", "very", "only", "coming",
                                   "baroz", "بروز", "date", "dated", "مورخہ", "this", "end", "at"):
            break
        at -= 1
    if words.of(moment.end, "firm") and not words.breaks[moment.end]:
        return STRONG
    if _limited(words, moment):
        return STRONG - 0.05
    return 0.0


def _lasting(words: Words, moment: Moment) -> bool:
    """`on strike till Friday`, `Friday tak chutti par hai`: how long something goes on."""
    if words.words[moment.start - 1] in ("till", "until", "upto", "til"):
        near = range(max(0, moment.start - 4), moment.start - 1)
        return any(words.words[n] in _LASTING for n in near) and not any(
            words.breaks[near.start + 1:moment.start])
    if not words.of(moment.end, "after"):
        return False
    for n in range(moment.end + 1, min(len(words), moment.end + 6)):
        if words.breaks[n] or _COMMA.search(words.gaps[n]):
            return False
        if words.words[n] in _WAS or (words.words[n] in _LASTING and words.words[n + 1] in (
                "par", "pe", "پر", "hai", "ہے")):
            return True
    return False


def _ranged(words: Words, moment: Moment) -> bool:
    """`from 8 am to 2 pm`, `8 سے 2 بجے تک`: hours between which something goes on."""
    if not moment.part("clock"):
        return False
    to = ("to", "se", "سے", "till", "ta", "تا")
    start = moment.start
    before = start - 3 if words.words[start - 2] in ("am", "pm", "baje", "بجے") else start - 2
    return words.words[start - 1] == "from" or (
        words.words[start - 1] in to and before >= 0 and words.number(before) is not None) or (
        words.words[moment.end] in to and words.number(moment.end + 1) is not None)


def _is_a_holiday(words: Words, moment: Moment) -> bool:
    """`Tomorrow is public holiday`."""
    return words.words[moment.end] == "is" and words.words[moment.end + 1] in (
        "a", "an", "public", "holiday", "off", "gazetted", "closed")


def _until(words: Words, at: int) -> bool:
    """Whether `tak`, `se pehle`, `ke andar` or the like follows."""
    for _ in range(3):
        if at >= len(words) or words.breaks[at]:
            return False
        if words.of(at, "after"):
            return True
        if words.words[at] in ("se", "sy", "say", "سے") and words.words[at + 1] in (
                "pehle", "pehlay", "phle", "pahle", "qabl", "پہلے", "قبل"):
            return True
        if words.words[at] in ("ke", "k", "kay", "کے") and words.words[at + 1] in (
                "andar", "ander", "اندر", "dauran", "دوران"):
            return True
        if words.words[at] in ("ke", "ki", "kay", "کے", "کی") and words.words[at + 2] in (
                "se", "سے") and words.words[at + 3] in ("pehle", "phle", "qabl", "پہلے", "قبل"):
            return True  # `kal ke ijlas se pehle`
        if words.words[at] not in _BEFORE_UNTIL:
            return False
        at += 1
    return False


def _limited(words: Words, moment: Moment) -> bool:
    """Whether `deadline`, `last date`, `akhri tareekh` or `mohlat` stands near it."""
    for n in range(max(0, moment.start - 6), min(len(words), moment.end + 5)):
        if words.of(n, "limit") or (words.words[n] == "last" and words.words[n + 1] in (
                "date", "day")):
            low, high = sorted((n, moment.start))
            if not any(words.breaks[low + 1:high + 1]):
                return True
    return False


def _fairly(words: Words, moment: Moment) -> bool:
    """Whether `on`, `at`, `ko` or the like stands beside it."""
    if moment.parts[0].kind == "period":
        return words.words[moment.start - 1] in ("in", "during") or words.words[moment.end] in (
            "mein", "me", "main", "میں")
    return bool(words.of(moment.start - 1, "weak_before")) or words.words[moment.end] in (
        "ko", "کو", "mein", "میں", "par", "پر", "positively")


def _span_role(words: Words, moment: Moment, firm: float) -> float | None:
    """`within 3 days`, `3 din mein`, `3 days.` after a comma; not `3 din se`, `for 3 days`."""
    part = moment.parts[0]
    start, end = moment.start, moment.end
    before, after = words.words[start - 1] if start else "", words.words[end]
    if before in ("next", "agle", "اگلے", "coming", "aainda", "آئندہ"):
        start, before = start - 1, words.words[start - 2] if start > 1 else ""
        firm = max(firm, FAIR)
    timed = after == "time" or (after == "s" and words.words[end + 1] == "time")
    if after in ("pehle", "pehlay", "پہلے", "قبل", "ago", "late", "old", "back") or (words.of(
            start - 1, "not_before") and before != "than"):
        return None
    inside = timed or before in _ALLOWING or after in (
        "mein", "me", "main", "m", "may", "میں") or _until(words, end)
    if before == "in" and words.words[start - 2] in ("time", "times", "once", "twice"):
        return None
    if (after in ("mein", "me", "main", "m", "may", "میں") and _conditional(words, end)) \
            or (inside and _if(words, start)):
        return None
    if inside or firm:
        return STRONG
    if after in ("baad", "بعد") and part.value[1] != "hour":
        return FAIR
    if words.words[end - 1] == "daytime" or after in ("se", "سے", "ki", "کی", "ka", "کا", "ke"):
        return None
    apart = start == 0 or re.search(r"[,;:،(\-\n.!]", words.gaps[moment.start])
    alone = end >= len(words) or re.search(r"[,;،).\n!]", words.gaps[end]) or words.of(end, "firm")
    return FAIR if apart and alone else None


def _conditional(words: Words, at: int) -> bool:
    """`3 din mein na aaye to …`: what follows when a time has gone by is another matter."""
    near = words.words[at:at + 7]
    return any(no in near for no in ("na", "nahi", "nahin", "نہ", "نہیں")) and any(
        then in near for then in ("to", "tou", "toh", "تو"))


def _if(words: Words, start: int) -> bool:
    for n in range(start - 1, max(-1, start - 12), -1):
        if words.breaks[n + 1]:
            return False
        if words.words[n] in ("if", "agar", "اگر"):
            return not any(_COMMA.search(gap) for gap in words.gaps[n + 1:start + 1])
    return False


def _every(words: Words, moment: Moment) -> bool:
    """`every Monday`, `roz 9 baje`, `daily by 9 am`, `ہر جمعہ`."""
    if moment.part("date", "day", "end"):
        return False
    for n in range(max(0, moment.start - 3), moment.start):
        if words.of(n, "every") and not any(words.breaks[n + 1:moment.start + 1]) \
                and not _every_else(words, n):
            return True
    return words.words[moment.end] in ("daily", "rozana", "روزانہ") and not words.breaks[moment.end]


def _every_else(words: Words, at: int) -> bool:
    """`3 roz`, `har surat`, `every school`: nothing that comes again."""
    word, following = words.words[at], words.words[at + 1]
    return (word in ("roz", "روز") and at > 0 and words.number(at - 1) is not None) or (
        word in ("har", "ہر") and following in ("surat", "haal", "qeemat", "صورت", "حال")) \
        or following in ("school", "district", "deo", "dmc", "one") \
        or (word == "each" and following in ("by", "before", "within", "latest", "till"))


def _possessive(words: Words, moment: Moment) -> bool:
    """`today's plan`, `kal ki meeting`: named, but nothing is due then."""
    at = moment.end
    if words.words[at] in ("wala", "wali", "wale", "والا", "والی", "والے") \
            and not words.breaks[at] and words.words[at + 1] not in ("din", "دن", "roz", "روز"):
        return True
    if words.words[at] == "s" and words.gaps[at] in ("'", "’", "`", "‘"):
        return True
    if moment.part("clock", "part") or words.breaks[at]:
        return False
    return words.words[at] in ("ka", "ki", "ke", "کا", "کی", "کے") and words.words[at + 1] not in (
        "din", "دن", "roz", "روز", "baad", "بعد", "liye", "subah", "shaam", "namaz", "نماز")


def _after_friday_prayer(words: Words, moment: Moment) -> bool:
    day = moment.part("weekday")
    return bool(day and day.value[0] == 4 and words.words[moment.start - 1] == "after")


def _later(words: Words, moment: Moment) -> bool:
    """`8 pm ke baad`: from then on."""
    at = moment.end + (words.words[moment.end] in ("ke", "k", "کے", "onwards"))
    return words.words[at] in ("baad", "بعد") or words.words[moment.start - 1] == "after"


def _announced(words: Words, moment: Moment) -> bool:
    """`Link 10:45 par share hoga`: an hour at which something will happen by itself."""
    near = words.words[moment.end:moment.end + 5]
    return any(word in near for word in _WILL_BE)


def _so_far(words: Words, moment: Moment) -> bool:
    """`abhi tak`, `abhi pohancha hun`: not an order."""
    word = words.words[moment.start]
    told = words.of(moment.end, "after") or _told(words, moment)
    return word in ("abhi", "ابھی", "jaldi", "jald", "جلدی", "جلد") and bool(told)


def _told(words: Words, moment: Moment) -> bool:
    """Whether the sentence tells what was or is, instead of what is to be done."""
    for n in range(moment.start - 1, max(-1, moment.start - 6), -1):
        if words.breaks[n + 1] or _COMMA.search(words.gaps[n + 1]) or words.of(n, "must"):
            break
        if words.words[n] in _WHO:
            return True
        word, be = words.words[n], n and words.words[n - 1] in ("be", "being", "to")
        if word.isascii() and not be and word not in ("is", "are", "hai", "hain") and (
                words.of(n, "told") or (len(word) > 4 and word.endswith("ed")
                and word not in _NOT_PAST)):
            return True
    meeting = False  # `Monday ko meeting hai`: all are to come
    for n in range(moment.end, min(len(words), moment.end + _TOLD_WITHIN)):
        if words.breaks[n] or _COMMA.search(words.gaps[n]) or words.of(n, "must"):
            break
        if words.words[n] in _WHO or words.words[n] in _WAS:
            return True
        if words.words[n] in _MEETINGS:
            meeting = True
        if words.of(n, "told") and not meeting:
            ordered = words.words[n - 1].endswith(("na", "ni", "نا", "نی")) or words.words[
                n + 1] in ("jaye", "jae", "جائے", "karein", "karen", "kare")
            return not ordered
    return False
