"""Folding: what counts as the same word when the archive is searched.

Urdu reaches WhatsApp from Urdu, Arabic and Persian keyboards, which give one letter several code
points, and with or without marks, joiners and spaces. Folding is for comparing only; what is shown
is always the text as written. It folds letters and joins, never spelling:

- compatibility forms and letter case (NFKD, Unicode case folding), Latin accents;
- yeh ي ى ئ to ی, kaf ك ڪ to ک, heh ه ة ۀ ۂ ۃ ە to ہ, alef أ إ آ ٱ to ا, waw ؤ to و, ۓ to ے
  (ے itself stays: کی and کے are two words; so does ں);
- hamza: dropped, on a seat or alone (مؤثر/موثر, علماء/علما, 2026ء/2026);
- do-chashmi heh ھ stays where it is the aspirate, after a stop (کھا is not کہا); elsewhere it is
  ہ: at the start of a word and after a vowel it is a typist's, after ر ل م ن both are written;
- vowel marks, tatweel, ZWNJ, ZWJ, bidi marks, variation selectors: dropped;
- decimal digits of any script to ASCII;
- the bound prefixes غیر and بے are joined to their word (غیر حاضر = غیرحاضر).
"""
from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

TERM_LENGTH = 64  # characters of a word that are compared; PostgreSQL allows a lexeme 2,046 bytes
QUERY_WORDS = 32  # words of a query that are heeded
MARK_START, MARK_END = "\x02", "\x03"

_LETTERS = {
    "ي": "ی", "ى": "ی", "ك": "ک", "ڪ": "ک", "ه": "ہ", "ة": "ہ", "ۃ": "ہ", "ە": "ہ", "ٱ": "ا",
    "ء": None, "ٴ": None, "ـ": None,
}
_DROPPED_MARKS = (
    (0x0300, 0x036F),  # Latin accents
    (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),  # Arabic marks and vowels
    (0x06D6, 0x06DC), (0x06DF, 0x06E8), (0x06EA, 0x06ED), (0x08CA, 0x08FF),  # Quranic marks
    (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),  # variation selectors
)
_SCANNED = itertools.chain(range(0x20000), range(0xE0000, 0xE01F0))
_PREFIXES = ("غیر", "بے")
_BOUND_WORDS = frozenset(_PREFIXES)
_FIRST_ARABIC = "\u0620"


def _tables() -> tuple[dict[int, str | None], str]:
    """The translation after NFKD, and the characters beside letters and digits that words hold."""
    table: dict[int, str | None] = {}
    inner = []
    for code in _SCANNED:
        category = unicodedata.category(chr(code))
        if category == "Nd":
            table[code] = str(unicodedata.decimal(chr(code)))
        elif category == "Cf":
            table[code] = None
            inner.append(code)
        elif category[0] == "M" or (category[0] == "S" and _holds_letters(chr(code))):
            inner.append(code)
    for first, last in _DROPPED_MARKS:
        table.update(dict.fromkeys(range(first, last + 1)))
    table.update({ord(letter): folded for letter, folded in _LETTERS.items()})
    return table, _ranges(inner)


def _holds_letters(symbol: str) -> bool:
    """Whether a symbol such as № or ₨ is letters when written out."""
    return any(char.isalnum() for char in unicodedata.normalize("NFKD", symbol))


def _ranges(codes: list[int]) -> str:
    """A regular expression's character class for sorted code points."""
    parts = []
    for _, run in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [code for _, code in run]
        parts.append(f"\\U{members[0]:08x}-\\U{members[-1]:08x}")
    return "".join(parts)


_TABLE, _INNER = _tables()
_WORD = re.compile(rf"(?:[^\W_]|[{_INNER}])+")
_LETTER = re.compile(r"[^\W_]")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f]")
_PLAIN_HEH = re.compile("(?<![بپتٹجچدڈڑکگ])ھ")
_BOUND = re.compile(
    rf"(?<![^\W_])(?<![{_INNER}])({'|'.join(_PREFIXES)})[^\S\n]+(?=[\u0620-\u064a\u066e-\u06d3])"
)


def fold(text: str) -> str:
    """The text as it is compared; folding twice changes nothing. Punctuation and spaces stay."""
    return _BOUND.sub(r"\1", _fold_letters(text))


def _fold_letters(text: str) -> str:
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).translate(_TABLE).casefold()
    return unicodedata.normalize("NFC", _PLAIN_HEH.sub("ہ", text))


_fold_word = functools.lru_cache(1 << 14)(_fold_letters)  # the words of a chat are few

class Word(NamedTuple):
    """A word of a text: its folded form, and where it stands in the text as written."""

    folded: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text in order, folded, prefixes joined, cut to TERM_LENGTH characters."""
    result: list[Word] = []
    prefix: Word | None = None
    for word in _plain_words(text):
        if prefix is not None:
            gap = text[prefix.end:word.start]
            if gap.strip() or "\n" in gap or not _ARABIC.match(word.folded):
                result.append(prefix)
            else:
                word = Word(prefix.folded + word.folded, prefix.start, word.end)
            prefix = None
        if _only_prefixes(word.folded):
            prefix = word
        else:
            result.append(word)
    if prefix is not None:
        result.append(prefix)
    return [w if len(w.folded) <= TERM_LENGTH else w._replace(folded=w.folded[:TERM_LENGTH])
            for w in result]


def _only_prefixes(folded: str) -> bool:
    return folded.startswith(_PREFIXES) and not re.sub("|".join(_PREFIXES), "", folded)


def _plain_words(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        folded = _fold_word(match[0])
        if folded.isalnum():
            yield Word(folded, match.start(), match.end())
            continue
        for part in _WORD.findall(folded):  # a ligature may hold several words
            if _LETTER.search(part):
                yield Word(part, match.start(), match.end())


def tokens(text: str) -> list[str]:
    """The folded words of a text, in order, repeats included."""
    return [word.folded for word in words(text)]


def terms(text: str) -> list[str]:
    """What a text is found by: its distinct words, and every two neighbours in Arabic script as
    one word too, since the space between them is often left out (کردیا, کر دیا)."""
    if text.isascii():  # the same, in a tenth of the time
        return list(dict.fromkeys(
            word[:TERM_LENGTH] for word in _ASCII_WORD.findall(text.lower())))
    found: list[str] = []
    for word in _WORD.findall(text):
        found += _parts(word)
    if not _BOUND_WORDS.isdisjoint(found):  # what they are bound to is told by the gap
        found = tokens(text)
    pairs, before = [], ""
    for word in found:
        if word[0] < _FIRST_ARABIC or not joinable(word):
            before = ""
            continue
        if before:
            pairs.append((before + word)[:TERM_LENGTH])
        before = word
    return list(dict.fromkeys([*found, *pairs]))


@functools.lru_cache(1 << 14)
def _parts(word: str) -> tuple[str, ...]:
    """A word that `_WORD` found, folded and cut; a ligature may hold several. One of prefixes alone
    begins with what is in _BOUND_WORDS."""
    folded = _fold_letters(word)
    if _only_prefixes(folded):
        return (_PREFIXES[0],)
    parts = [folded] if folded.isalnum() else [
        part for part in _WORD.findall(folded) if _LETTER.search(part)]
    return tuple(_PREFIXES[0] if _only_prefixes(part) else part[:TERM_LENGTH] for part in parts)


def _pairs(found: list[str]) -> list[str]:
    """For each word but the last: the word and its follower joined; "" where they cannot join."""
    return [
        (first + second)[:TERM_LENGTH] if joinable(first) and joinable(second) else ""
        for first, second in itertools.pairwise(found)
    ]


def joinable(word: str) -> bool:
    """Whether a folded word is of Arabic script, where a space is often left out."""
    return bool(_ARABIC.match(word))


@dataclass(frozen=True)
class Query:
    """What somebody looks for: every word, and every phrase as a run of words."""

    words: tuple[str, ...]  # folded; phrases' words are not among them
    prefixes: frozenset[str]  # those words that were asked for as beginnings (word*)
    phrases: tuple[tuple[str, ...], ...]

    def groups(self) -> list[list[tuple[str, bool]]]:
        """The query as a conjunction of alternatives: (term, whether it is a beginning)."""
        result = []
        for run in (self.words, *self.phrases):
            pairs = _pairs(list(run))
            for number, word in enumerate(run):
                near = [*pairs[max(0, number - 1):number], *pairs[number:number + 1]]
                group = [(word, run is self.words and word in self.prefixes)]
                result.append(group + [(pair, False) for pair in near if pair])
        return result


def parse_query(text: str) -> Query:
    """Read a query: words, `beginning*`, "a phrase". Anything may be given; nothing raises."""
    parts = re.sub("[“”„«»״]", '"', text).split('"')
    bare, prefixes, phrases = [], set(), []
    for number, part in enumerate(parts):
        found = words(part)
        if number % 2 and number < len(parts) - 1 and len(found) > 1:
            phrases.append(tuple(word.folded for word in found[:QUERY_WORDS]))
            continue
        quoted = number % 2 and number < len(parts) - 1
        for word in found:
            bare.append(word.folded)
            if not quoted and part[word.end:word.end + 1] == "*":
                prefixes.add(word.folded)
    return Query(
        tuple(dict.fromkeys(bare))[:QUERY_WORDS], frozenset(prefixes), tuple(phrases[:QUERY_WORDS])
    )


def has_phrases(text: str, query: Query) -> bool:
    """Whether every phrase of the query stands in the text, spaces between its words or not."""
    if not query.phrases:
        return True
    found = tokens(text)
    return all(
        any(_run_at(found, number, phrase) for number in range(len(found)))
        for phrase in query.phrases
    )


def _run_at(found: list[str], start: int, phrase: Iterable[str]) -> int:
    """How many words from `start` on make up the phrase when written together; 0 when none do."""
    wanted = "".join(phrase)
    length = 0
    for number in range(start, len(found)):
        if not wanted.startswith(found[number], length):
            return 0
        length += len(found[number])
        if length == len(wanted):
            return number - start + 1
    return 0


def highlight(text: str, query: str | Query, length: int = 200) -> str:
    """About `length` characters of the text around its first matched word, on one line; the matched
    words stand as they were written between MARK_START and MARK_END."""
    if isinstance(query, str):
        query = parse_query(query)
    text = re.sub("[\x02\x03]", " ", text)
    spans = _matches(text, query)
    first = spans[0][0] if spans else 0
    start = 0 if len(text) <= length else max(0, min(first - length // 3, len(text) - length))
    end = min(len(text), start + length)
    if start:
        space = text.find(" ", start, max(start, first))
        start = space + 1 if space >= 0 else start
    if end < len(text):
        end = max(text.rfind(" ", start, end), max((e for _, e in spans if e <= end), default=0)) \
            if text.rfind(" ", start, end) > start else end
    pieces, at = [], start
    for begin, finish in spans:
        if begin >= at and begin < end:
            pieces += [text[at:begin], MARK_START, text[begin:min(finish, end)], MARK_END]
            at = min(finish, end)
    pieces.append(text[at:end])
    line = " ".join("".join(pieces).split())
    return ("…" if start else "") + line + ("…" if end < len(text) else "")


def _matches(text: str, query: Query) -> list[tuple[int, int]]:
    """Start and end of everything in the text that the query asked for, in order, not nested."""
    found = words(text)
    folded = [word.folded for word in found]
    single = {word for word in query.words if word not in query.prefixes}
    single.update(pair for pair in _pairs(list(query.words)) if pair)
    beginnings = tuple(query.prefixes)
    spans: list[tuple[int, int]] = []
    number = 0
    while number < len(found):
        run = max((_run_at(folded, number, phrase) for phrase in query.phrases), default=0)
        if not run and (folded[number] in single or folded[number].startswith(beginnings or "\0")):
            run = 1
        if not run and number + 1 < len(found) and joinable(folded[number]):
            run = 2 if folded[number] + folded[number + 1] in single else 0
        if run:
            spans.append((found[number].start, found[number + run - 1].end))
        number += run or 1
    return spans
