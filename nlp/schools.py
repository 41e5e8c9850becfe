"""Schools as officials name them: by their BEMIS code (five digits, leading zeros count), or by
kind and name (`GBPS Killi Nau`). Pure."""
from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from archive import fold
from nlp.phrases import cue
from nlp.sentences import Text

MOST_NAME = 5  # words of a school's name after GBPS, GGHS …
_NUMBERED = frozenset({"ward", "no", "number", "chak", "block", "street", "sector", "وارڈ", "نمبر"})
_GENERIC = frozenset(fold.tokens("bazar mohalla ward killi kili goth village colony city town "
                                 "street new old no bala paeen shahr sheher killa chak number"))
_ENDS = frozenset(fold.tokens(
    "bemis bmis emis code school open opened closed locked band visited visit report inquiry khula "
    "khuli mila tehsil district zila division taala tala plan mein par pe ki ka ke ko se ne tak "
    "بیمس کوڈ سکول بند کھلا کھلی میں پر کی کا کے کو سے نے تک کا ضلع تحصیل کھلے تھا ہے"))
_GOVT = frozenset(fold.tokens("govt government گورنمنٹ سرکاری"))
_KINDS = frozenset(fold.tokens("boys girls boy girl primary middle high higher secondary community "
                               "model بوائز گرلز پرائمری مڈل ہائی ہائیر ہائر سیکنڈری ماڈل کمیونٹی"))
_SCHOOL = frozenset(fold.tokens("school سکول اسکول"))
_MONEY = frozenset(fold.tokens("rs rupees rupay rupaye pkr no روپے students bachay"))
_CODE_WORDS = frozenset(fold.tokens("bemis bmis emis code بیمس کوڈ بی ایم آئی ایس"))

LONGEST = 4  # words of a name
READ = 4000  # characters in which names are looked for
_STOPS = re.compile(r"[\n,.;:!?()،۔؟]")
CODE = re.compile(r"\d{5}")
# "BEMIS 07086", "BMIS Code: 02469", "EMIS no 07086", on the next line too; or a code by its zero.
_NAMED = re.compile(r"\b(?:be?mis|emis)\b[\s:#.-]*(?:code|no|number)?[\s:#.-]*(\d{5})(?!\d)", re.I)
_ZERO = re.compile(r"(?<![\d.,/-])0\d{4}(?![\d.,/-]|\s*(?:rs|rupees)\b)", re.I)


def _digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def codes(text: str) -> list[str]:
    """The BEMIS codes that a text names, in order, each once; digits of any script."""
    plain = _digits(text)
    found = [(match.start(1), match[1]) for match in _NAMED.finditer(plain)]
    found += [(match.start(), match[0]) for match in _ZERO.finditer(plain)]
    return list(dict.fromkeys(code for _, code in sorted(found)))


def read_code(text: str) -> str | None:
    """A text that is a code and nothing else; None for anything else."""
    plain = _digits(text.strip())
    named = _NAMED.fullmatch(plain)
    if named:
        return named[1]
    return plain if CODE.fullmatch(plain) else None


@dataclass(frozen=True)
class School:
    """A school that a text names: as written, with its code and district where they are told."""

    name: str
    bemis: str | None = None
    district: str | None = None
    start: int = 0  # words of the text
    end: int = 0


def schools(text: Text, places: Iterable[tuple[int, int, str]]) -> tuple[School, ...]:
    """The schools of a text, each with the code that follows its name and the district beside it or
    the only one of the text. `places`: first word, word after the last, district."""
    where = {start: (end, district) for start, end, district in places}
    found = [name for at in range(len(text)) if (name := _school_at(text, at, where))]
    codes_at = codes_at_words(text, frozenset(end for _, end in found))
    result = []
    for number, (start, end) in enumerate(found):
        stop = found[number + 1][0] if number + 1 < len(found) else len(text)
        first = 0 if len(found) == 1 else start
        code = next((codes_at[at] for at in sorted(codes_at) if start <= at < stop), None) \
            or next((codes_at[at] for at in sorted(codes_at) if first <= at < stop), None)
        result.append(School(text.slice(start, end), code, _district(start, end, where), start,
                             end))
    return tuple(result)


def _district(start: int, end: int, where: dict[int, tuple[int, str]]) -> str | None:
    if end in where:
        return where[end][1]
    after = [at for at in where if end < at <= end + 2]
    if after:
        return where[after[0]][1]
    inside = [at for at in where if start < at < end]
    before = [at for at in where if at < start]
    chosen = inside or (before[-1:] if len({where[at][1] for at in where}) > 1 else []) \
        or list(where)
    return where[chosen[0]][1] if chosen else None


def _school_at(text: Text, at: int, where: dict[int, tuple[int, str]]) -> tuple[int, int] | None:
    """First word and word after the last of a school's name that begins at a word."""
    start = at
    kind = 1 if text.words[at] in cue("school_types") else _long_form(text, at)
    if not kind:
        return None
    end = at + kind
    first = end
    while end < len(text) and end - first < MOST_NAME:
        word, gap = text.words[end], text.gaps[end]
        if re.search(r"[^\s'’.-]|\n|\.\s|\.\.", gap) or (len(word) == 5 and word.isdigit()):
            break
        if word.isdigit():
            if text.words[end - 1] not in _NUMBERED:
                break
        elif _ends_name(text, end, first, end in where):
            break
        end += 1
    return (start, end) if end > first else None


def _ends_name(text: Text, at: int, first: int, is_place: bool) -> bool:
    """Whether a word is no longer of a school's name that began at `first`."""
    word, generic = text.words[at], text.words[at] in cue("school_generic")
    written = text.text[text.found[at].start:text.found[at].end]
    if word in _ENDS or (word in cue("common") and not generic):
        return True
    if at == first:
        return False
    small = written.isascii() and written[0].islower() and word not in _GENERIC
    other_script = not written.isascii() and text.words[at - 1].isascii()
    return (is_place and not generic) or small or other_script


def _long_form(text: Text, at: int) -> int:
    """How many words `Govt Girls High School` or its like in Urdu has at a word; 0 for none."""
    if text.words[at] not in _GOVT:
        return 0
    for length in (6, 5, 4, 3):
        some = text.words[at:at + length]
        if len(some) == length and some[-1] in _SCHOOL and all(
                word in _KINDS for word in some[1:-1]):
            return length
    return 0


def codes_at_words(text: Text, ends: frozenset[int] = frozenset()) -> dict[int, str]:
    """Word → code: five digits, or four after `BEMIS`, which lost their zero. `ends`: words after
    schools' names; five digits that follow soon are a code whatever their first."""
    result = {}
    for at, word in enumerate(text.words):
        if not word.isdigit() or (re.search(r"[-/\d.]$", text.gaps[at]) and at and text.gaps[
                at].strip() in ("-", "/", ".")):
            continue
        named = any(text.at(at - n) in _CODE_WORDS for n in (1, 2, 3))
        after = text.gaps[at + 1] if at + 1 < len(text.gaps) else ""
        money = text.at(at - 1) in _MONEY or text.at(at + 1) in _MONEY
        close = word[0] in "01" or any(at - end in (0, 1, 2) for end in ends)
        if len(word) == 5 and (named or (close and not money)):
            result[at] = word
        elif len(word) == 4 and named and not after.startswith(("-", "/")):
            result[at] = word.zfill(5)
    return result
def names(text: str) -> list[str]:
    """The schools that a text names by kind and name, folded (`gbps killi nau`), each once. A name
    ends where small letters begin (`GBPS Killi Nau closed`); in a text of small letters only, after
    the first word that tells it from others."""
    words, found = fold.words(text[:READ]), []
    for number, kind in enumerate(words):
        if kind.folded in cue("school_types"):
            named = _named(words[number:number + 1 + LONGEST], text)
            if not set(named) <= cue("school_generic"):
                found.append(" ".join((kind.folded, *named)))
    return list(dict.fromkeys(found))


def _named(words: list[fold.Word], text: str) -> list[str]:
    """The words of a name; the first of `words` is the school's kind."""
    small = text[words[0].start].islower()
    named: list[str] = []
    for before, word in itertools.pairwise(words):
        if (_STOPS.search(text[before.end:word.start]) or word.folded.isdigit()
                or word.folded in cue("school_types") or word.folded in cue("common")
                or (text[word.start].islower() and not small)):
            break
        named.append(word.folded)
        if small and word.folded not in cue("school_generic"):
            break
    return named


def same(one: str, other: str) -> bool:
    """Whether two of `names` may be one school: the longer may go on with its place."""
    return f"{one} ".startswith(f"{other} ") or f"{other} ".startswith(f"{one} ")
