"""One file's own way to begin a message, as a pattern over its bytes.

HEADERS in stamps.py find a beginning of any phone's, letter by letter. A file comes from one phone:
what most of its beginnings look like is made into a pattern that is several times as quick, and
that takes a whole block apart in one call. It finds nothing that HEADERS would not find, and what
it misses is looked for where it could be (`may_begin`), so that nothing rests on the choice.
"""
from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import add
from typing import NamedTuple

from bridge.exports import stamps
from bridge.exports.pieces import ExportError
from bridge.exports.stamps import Clock
from bridge.exports.wording import Wording, bare

SEEN = 100  # beginnings from which the pattern is made
_MOST = stamps.NAME * 4  # a sign has four bytes at most
_SECONDS = re.compile(r"([:.])\d\d")
_ZERO = re.compile(r"\A0\d|[./-]0\d[./-]")  # of day, month or hour: 06/3/26, 3/06/26, 09:14
_NONE = r"\n(?!\n)(?=\n)()()", False  # finds nothing: then HEADERS find all


class Columns(NamedTuple):
    """A block's messages, a list for each part, all in the block's order."""

    times: list[int]
    senders: list[bytes | None]
    bodies: list[str]


class Fitted:
    """The pattern, made from the beginnings that HEADERS[form] finds in `matches`; `names` are
    senders with a colon in them."""

    def __init__(self, form: str, matches: Iterable[re.Match[str]], words: Wording,
                 names: Iterable[str] = ()) -> None:
        named = "".join(f"{_literal(name)}|" for name in names)
        seen = list(islice(matches, SEEN))
        padded = [any(_ZERO.search(match[group]) for match in seen) for group in (1, 2)]
        shapes = Counter(filter(None, (_shape(form, match, words, padded) for match in seen)))
        shape, self._seconds = max(shapes, key=lambda each: shapes[each], default=_NONE)
        # Groups: date, time, with seconds the rest of the time, sender. It is quicker to look for
        # the next colon, wherever that is, than for one in the same line.
        self.pattern, self._strict = (
            re.compile(rf"{shape}(?:({named}{sign}{{1,{_MOST}}}+): |)".encode("latin-1"))
            for sign in ("[^:]", r"[^:\n]"))

    def split(self, block: bytes, clock: Clock, *, strict: bool = False) -> tuple[bytes, Columns]:
        """What stands before the first beginning, and the messages. A time that does not exist is
        less than stamps.NO_TIME. Senders may reach over the end of a line, where that has none, but
        not when `strict`. Raises UnicodeDecodeError."""
        pattern = self._strict if strict else self.pattern
        parts, sender = pattern.split(block), pattern.groups
        step = sender + 1
        days, texts = parts[1::step], list(map(bytes.decode, parts[step::step]))
        if self._seconds:
            times = list(map(add, map(clock.days.__getitem__, days),
                             map(clock.times.__getitem__, parts[2::step])))
            times = list(map(add, times, map(clock.rests.__getitem__, parts[3::step])))
        else:
            times = list(map(add, map(clock.days.__getitem__, days),
                             map(clock.clocks.__getitem__, parts[2::step])))
        if clock.uneven and not clock.uneven.isdisjoint(days):
            for place in [place for place, day in enumerate(days) if day in clock.uneven]:
                times[place] = clock.at(*parts[place * step + 1:place * step + sender])
        return parts[0], Columns(times, parts[sender::step], texts)

    def time(self, match: re.Match[bytes], clock: Clock) -> int:
        """When a beginning says that it was; less than NO_TIME when there is no such time."""
        return clock.at(*match.groups()[:-1])


def form_of(head: str) -> str:
    """Which phone wrote it, a key of HEADERS: whose beginnings of messages there are more of.
    Raises ExportError."""
    if not head.strip():
        raise ExportError("the file is empty")
    counts = {name: len(re.findall(header, head))
              for name, header in stamps.HEADERS.items()}
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        raise ExportError("no line begins as a message in WhatsApp's chat export does "
                          "(06/03/2026, 9:14 am - Name: …): is it the export's .txt or .zip?")
    return best


def _shape(form: str, match: re.Match[str], words: Wording, padded: Sequence[bool]
           ) -> tuple[str, bool] | None:
    """A pattern of bytes (as Latin-1) for beginnings such as one, and whether they tell seconds;
    None when it has something that no phone writes for itself. `padded`: the file's dates, and its
    times, are filled up with zeros, so that all have one width."""
    text, begin = match.string, match.start() + 1
    name = match.end() if match[4] is None else match.start(4)
    seconds = _SECONDS.match(match[3])
    half = match[3][seconds.end():] if seconds else match[3]
    digits = _digits(match[2][0])
    if not digits or bare(half) not in (half, half[1:]):
        return None
    lead = _literal(text[begin:match.start(1)])
    if form == "ios" and lead in _LEADS:
        lead = f"(?:{_LEADS[1].removesuffix(_LEADS[0])}|){_LEADS[0]}"
    between = _literal(text[match.end(1):match.start(2)])
    rest = (_literal(seconds[1]) + digits * 2 if seconds else "")
    clock = f"{digits}{{1,2}}{_literal(match[2][-3])}{digits * 2}"
    date = "".join(digits + "{1,4}" if part[0].isdecimal() else _literal(part)
                   for part in re.findall(r"\d+|\D+", match[1]))
    halves = _halves(half, words)
    if digits == "[0-9]" and match[1].isascii() and " " not in match[1]:
        # Looser and quicker: what is no date or time is told by the clock.
        signs = "".join(sorted(set(re.sub("[0-9]", "", match[1]))))
        date = _loose(match[1], f"[0-9{_literal(signs)}]{{6,10}}+", padded[0])
        clock = clock if seconds else _loose(
            match[2], f"[0-9{_literal(match[2][-3])}]{{4,5}}+", padded[1])
    times = f"({clock})({rest}{halves})" if seconds else f"({clock}{halves})"
    end = _literal(text[match.end(3):name])
    return rf"\n{lead}({date}){between}{times}{end}", bool(seconds)


def _loose(part: str, pattern: str, padded: bool) -> str:
    """Any signs, where all such parts of a file have one width; else the pattern."""
    return "." * len(part) if padded else pattern


def _digits(sign: str) -> str:
    """A pattern for the digits of one's script."""
    zero = ord(sign) - unicodedata.decimal(sign)
    first, last = _bytes(chr(zero)), _bytes(chr(zero + 9))
    if len(first) == 1:
        return "[0-9]"
    return f"(?:{re.escape(first[:-1])}[{first[-1]}-{last[-1]}])" if first[:-1] == last[:-1] else ""


def _halves(half: str, words: Wording) -> str:
    """A pattern for both halves of the day, as a file writes them that writes one of them so."""
    if not half:
        return ""
    word = bare(half)
    blank = half.removesuffix(word)
    for am, pm in words.halves.items():
        pair = (am.upper(), pm.upper()) if word.isupper() else (am, pm)
        if word in map(bare, pair):
            if pair[0] in ("am", "AM"):
                return f"{_literal(blank)}[{pair[0][0]}{pair[1][0]}]{word[1]}"
            return f"{_literal(blank)}(?:{'|'.join(_literal(bare(each)) for each in pair)})"
    return _literal(half)


def _bytes(text: str) -> str:
    return text.encode().decode("latin-1")


def _literal(text: str) -> str:
    return re.escape(_bytes(text))


_LEADS = _literal("["), _literal("\u200e[")  # before a date on iOS: with the mark, no plain text
