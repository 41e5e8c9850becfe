"""What the verbs of an answer say of a deed, by tense and aspect, in English, Roman Urdu and Urdu:
that it is done, going on, begun, promised, refused, or not come to pass. A clause may hold several
such signs: chats are written without stops (`bana liya hai notice jari ho raha`)."""
from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from nlp.lexicon import first_words, participles, phrase_at, stems, words
from nlp.sentences import Text

NEAR = 3  # words before a verb among which its "not" stands
ROMAN_FUTURE = ("unga", "ungi", "oonga", "oongi", "enge", "engay", "ainge", "ega", "egi", "aega",
                "aegi", "hogi", "hoga", "honge", "ayga", "aygi")
URDU_FUTURE = ("ونگا", "ونگی", "ینگے", "یگا", "یگی", "وگا", "وگی", "ونگے")
PHRASES = {"refused": "refused", "noted": "noted_signs", "begun": "begun_phrases",
           "partly": "partly", "waiting": "waiting", "doing": "doing_phrases",
           "done": "done_phrases"}
_SOME = ("kisi", "کسی")  # `kisi aur` is somebody else
_SIRS = ("sir", "madam", "سر", "میڈم", "جناب")
_STOPS = frozenset(",،;:.!?؟۔\n؛")


class Sign(NamedTuple):
    """done, doing, begun, asked (somebody else), waiting, partly, promised, refused, lacking (has
    not come to pass), noted; where; and the clause that it stands in, as places of words."""

    aspect: str
    at: int
    start: int
    end: int


def signs(text: Text) -> list[Sign]:
    """The signs of a text, in order; a question holds none."""
    if "signs" in text.kept:
        found: list[Sign] = text.kept["signs"]
        return found
    asked = [one for one in text.sentences if one.question]
    text.kept["signs"] = found = [Sign(aspect, at, start, end) for start, end in clauses(text)
            if not any(one.start <= start < one.end for one in asked)
            for at, aspect in sorted(set(_signs(text.words, start, end)))]
    return found


def clauses(text: Text) -> Iterator[tuple[int, int]]:
    """The clauses of a text: between commas, stops and `aur`, `but`, `lekin`."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or _STOPS & set(text.gaps[at]) or _joint(text.words, at):
            yield start, at
            start = at


def _joint(folded: list[str], at: int) -> bool:
    """Whether a clause begins at a word: `aur`, `but`, or a `sir` that follows a verb."""
    word, last = folded[at], folded[at - 1]
    if word in words("joints"):
        return last not in _SOME
    return word in _SIRS and (last in words("copula") or last in words("went")
                              or last in words("gave"))


def _signs(folded: list[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    """The signs of the clause folded[start:end]: (place, aspect)."""
    at = start
    while at < end:
        found, length = _phrase(folded, at, start, end)
        aspect = found or (_english if folded[at].isascii() else _nothing)(folded, at, start, end) \
            or _urdu(folded, at, start, end)
        if aspect:
            yield at, aspect
        at += length if found else 1


def _nothing(*_: object) -> None:
    return None


@cache
def _openings() -> frozenset[str]:
    return first_words(*PHRASES.values())


def _phrase(folded: list[str], at: int, start: int, end: int) -> tuple[str | None, int]:
    """The aspect of a set phrase that begins here, and its length."""
    if folded[at] not in _openings():
        return None, 1
    for aspect, name in PHRASES.items():
        length = phrase_at(name, folded, at, end)
        if not length:
            continue
        if aspect != "done":
            return aspect, length
        found = _finished(folded, at, start, end, at + length)
        if found:
            return found, length
    return None, 1


def _finished(folded: list[str], at: int, start: int, end: int, after: int) -> str | None:
    """What a word for something done means where it stands: `not yet sent`, `will be sent`."""
    before = folded[max(start, at - NEAR):at]
    later = folded[after:min(end, after + 4)]
    if set(before[-2:]) & {"get", "getting"}:
        return None  # `get it measured`
    if _denies(before) or set(later[:2]) & words("not"):
        return "lacking"
    if set(before) & words("will") or any(
            _is_future(word) or word in words("future") for word in later):
        return "promised"
    if "being" in before or set(later) & words("going_on"):
        return "doing"
    if set(before) & words("denied") and not set(before) & words("still_done"):
        return None
    return "done"


def _denies(before: list[str]) -> bool:
    return bool(set(before) & words("not")) and "only" not in before


# English


def _english(folded: list[str], at: int, start: int, end: int) -> str | None:
    word = folded[at]
    before = folded[max(start, at - NEAR):at]
    if word in words("will") and at + 1 < end:
        return "refused" if set(folded[at + 1:at + 3]) & {"not", "never"} else "promised"
    if word in ("cannot", "cant", "wont") or (word == "can" and folded[at + 1:at + 2] in (
            ["not"], ["t"])):
        return "refused"
    if word == "under" and at + 1 < end and folded[at + 1] in words("under_what"):
        return "doing"
    if word in ("remain", "remains") and not set(before) & words("will") and (
            at + 1 == end or folded[at + 1] == "to"):
        return "partly"
    if word == "under" and at + 2 == end and folded[at + 1].endswith(("tion", "pair", "ment")):
        return "doing"
    if word == "am" and folded[at + 1:at + 2] in (["at"], ["in"], ["on"]):
        return "doing"
    if word == "promised" and folded[at + 1:at + 2] == ["to"] and not _denies(before):
        return "doing"  # somebody else did
    if word == "being" and not _denies(before):
        return "doing"
    if word == "with" and at > start and at + 1 < end and folded[at + 1] not in words("yours") and (
            folded[at - 1] in ("is", "are", "still", "now") or folded[at - 1].isdigit()):
        return "waiting"
    if word in ("follows", "follow") and at + 1 == end and at > start:
        return "promised"
    if word in ("found", "located", "available") and before[-1:] == ["not"]:
        return "lacking"
    if word in words("begun_words"):
        found = _finished(folded, at, start, end, at + 1)
        return "begun" if found == "done" else found
    if word in words("step_told") and folded[at + 1:at + 2] not in (["me"], ["us"]) \
            and _predicate(folded, at, start):
        found = _finished(folded, at, start, end, at + 1)
        return "asked" if found == "done" else found
    if (_english_deed(word) or (before[-1:] == ["been"] and word in words("been_what"))) \
            and _predicate(folded, at, start):
        return _finished(folded, at, start, end, at + 1)
    if len(word) > 5 and word.endswith("ing") and word not in words("not_doing") and (
            at == start or at <= 2 or folded[at - 1] in words("ing_after")):
        return "lacking" if _denies(before) else "doing"
    return None


def _predicate(folded: list[str], at: int, start: int) -> bool:
    """Whether a participle says what was done, and is no adjective (`the listed schools`)."""
    before = folded[at - 1] if at > start else ""
    return before not in words("before_noun") or before in words("not")


@lru_cache(4096)
def _english_deed(word: str) -> bool:
    """Whether a word is an English participle that tells a deed: submitted, sent, briefed. Names
    end in `eed`."""
    return word not in words("not_deeds") and (word in participles() or (
        len(word) > 4 and word.endswith("ed") and not word.endswith("eed")))


# Urdu, in both scripts


def _urdu(folded: list[str], at: int, start: int, end: int) -> str | None:
    word = folded[at]
    before = folded[max(start, at - NEAR):at]
    last = before[-1] if before else ""
    denied = _denies(before) or folded[at + 1:at + 2] in (["nahi"], ["نہیں"]) \
        or folded[at + 1:at + 3] in (["hi", "nahi"], ["ہی", "نہیں"])
    if word in ("jari", "جاری") and at + 1 == end and last and not denied:  # its verb left out
        return "done" if last in words("issued_things") else "doing"
    if word in words("i_am") and at + 1 == end and set(folded[start:at]) & words("at_desk") \
            and set(folded[start:at]) & words("still"):
        return "doing"
    if word in words("at_desk") and folded[at + 1:at + 2] and last in words("desks") \
            and folded[at + 1] in words("copula") - words("i_am") - words("was") and not denied:
        return "waiting" if set(folded[start:at]).isdisjoint(words("yours")) else "done"
    if word in words("went") and (last in words("not") or (last in ("hi", "ہی") and denied)):
        return "lacking"
    if word in words("able"):
        return "refused" if denied else "promised" if _future_at(folded, at, end) else None
    if word in words("was_able"):
        ahead = folded[at + 1:at + 2]
        if ahead and ahead[0] in words("future"):
            return "refused" if denied else "promised"
        return "lacking" if denied else None
    if word in words("going_on") and last:
        if folded[at + 1:at + 2] and folded[at + 1] in words("was"):
            return None
        return "lacking" if denied else "doing"
    if (_is_future(word) and last) or _future_pair(folded, at, start):
        return _promised(folded, at, start, end) if denied else "promised"
    if _imminent(folded, at, start, end):
        return None if denied else "promised"
    if word in ("wala", "wali", "wale", "والا", "والی", "والے") and last.endswith(("ne", "نے")) \
            and folded[at + 1:at + 2] and folded[at + 1] in words("copula"):
        return "doing"
    if _perfect(folded, at, start, end):
        if set(folded[start:at]) & words("by") and set(folded[max(start, at - 1):at + 1]) \
                & words("saying"):
            return None
        if denied:
            return "lacking"
        told = set(folded[max(start, at - NEAR):at + 1]) & words("step_verbs") \
            and set(folded[start:at]) & words("step_to")
        return "asked" if told else _begun_or_done(folded, at, start, end)
    return None


def _begun_or_done(folded: list[str], at: int, start: int, end: int) -> str | None:
    after = folded[at + 1:min(end, at + 3)]
    if any(word in ("jaega", "jayega", "jaye", "jae", "jaegi", "jayegi", "jaenge", "جایے", "جاییں",
                    "جاے", "جائیگا") for word in after):
        return None  # the future that follows tells it
    if set(folded[max(start, at - 3):at]) & words("begin_nouns"):
        return "begun"
    return "done"


def _perfect(folded: list[str], at: int, start: int, end: int) -> bool:
    """`kar diya`, `bhej di gayi`, `ho gaya`, `bheja hai`, `جمع کر دی`, `لگ چکے`."""
    word = folded[at]
    last = folded[at - 1] if at > start else ""
    if word in words("already_done") and last:
        return True
    if last in ("ke", "کے") and word in ("liye", "لیے"):
        return False
    if word in words("gave") and (last in verb_stems() or last in words("loan_verbs")):
        return True
    if word in words("went") and (last in verb_stems() or last in perfectives()
                                  or last in words("did")):
        return True
    ahead = folded[at + 1] if at + 1 < end else ""
    closes = not ahead or at + 1 >= end or ahead in words("vocative")
    if word in words("did"):
        return at > start and (ahead in words("copula") or (closes and word not in (
            "ki", "کی", "کیا", "kia")))
    return word in perfectives() and at > start and (ahead in words("copula") or closes)


def _is_future(word: str) -> bool:
    return len(word) > 3 and (word.endswith(ROMAN_FUTURE if word.isascii() else URDU_FUTURE)) \
        and word not in words("not_future")


def _future_pair(folded: list[str], at: int, start: int) -> bool:
    """`jaye gi`, `kar doon ga`, `کر دوں گا`."""
    word = folded[at]
    if word not in words("future") or at == start:
        return False
    return not word.isascii() or folded[at - 1].endswith(("e", "n", "y", "o", "un"))


def _future_at(folded: list[str], at: int, end: int) -> bool:
    return _is_future(folded[at]) or (folded[at + 1:min(end, at + 2)] != [] \
        and folded[at + 1] in words("future"))


def _promised(folded: list[str], at: int, start: int, end: int) -> str:
    """What a denied future is: `aainda nahi hoga` promises, `mujh se nahi hoga` refuses."""
    return "promised" if set(folded[start:at]) & words("again_not") else "refused"


def _imminent(folded: list[str], at: int, start: int, end: int) -> bool:
    """`bhejta hun`, `bhej deta sir`, `kar dete hain`: what the sender is about to do."""
    word = folded[at]
    if word in words("not_promises") or word not in imperfectives():
        return False
    ahead = folded[at + 1] if at + 1 < end else ""
    if ahead in words("i_am"):
        return True
    return word in words("light_stems") and at > start and folded[at - 1] in verb_stems()


@cache
def verb_stems() -> frozenset[str]:
    """Stems of verbs of Roman Urdu and Urdu: bhej, kar, روک."""
    return stems() | words("more_stems") | words("gave_after")


@cache
def perfectives() -> frozenset[str]:
    """`bheja`, `bheji`, `banaya`, `بھیجا`, `لگائی`."""
    found: set[str] = set()
    for stem in verb_stems():
        if (len(stem) < 3 and stem.isascii()) or stem in ("kar", "jana", "ho"):
            continue
        if stem.isascii():
            endings = ("ya", "yi", "i", "ye", "e") if stem.endswith("a") else ("a", "i", "e")
        else:
            endings = ("یا", "یی", "یے", "ی") if stem.endswith("ا") else ("ا", "ی", "ے")
        found |= {stem + ending for ending in endings}
    return frozenset(found) - verb_stems() | frozenset({"bheja", "bheji", "gaya", "گیا"}) \
        - words("copula")


@cache
def imperfectives() -> frozenset[str]:
    """`bhejta`, `karti`, `دیتا`, `بھیجتی`."""
    return frozenset(stem + ending for stem in verb_stems() for ending in (
        ("ta", "ti", "te") if stem.isascii() else ("تا", "تی", "تے"))) | words("light_stems")
