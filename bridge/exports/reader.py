"""Reads an export's text: every message once, in the file's order, with bounded memory.

A block of the file's bytes is taken apart at the beginnings of messages in one call, and what most
messages need is done for a whole column of them at once. Only what is not plain is looked at one by
one: a system line, a file, a name that is new. Beginnings that may be none (pasted from another
chat, on a date that does not exist) make their block's beginnings, and no more, be looked at.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import accumulate, chain, compress, count, repeat
from operator import add
from typing import NamedTuple

from bridge.exports import pieces, stamps, wording
from bridge.exports.batch import Batch, Findings, Message
from bridge.exports.bodies import SHORT, Bodies, Told
from bridge.exports.fitted import Columns, Fitted, form_of
from bridge.exports.names import CLEAN, LineCrossed, Names, clean_name, colons
from bridge.exports.pieces import ExportError, Open
from bridge.exports.stamps import DAY_MS, NEVER, NO_TIME, Ordered

READ = 1 << 18  # bytes read at once
BLOCK = 1 << 16  # bytes taken apart at once: so few that their messages stay near the processor
AHEAD = 1 << 17  # bytes behind a block that are looked at before it is read
NEAR = 1 << 13  # bytes in which the place to cut is looked for first
LONGEST = 4 << 20  # bytes of one message; WhatsApp's own limit is 65,536 signs
LOOKED_AT = 1 << 18  # signs from which the platform and the names are told

_CUT = re.compile(rf"\n[{wording.MARKS}]*\[?\d{{1,4}}[./-]\d{{1,2}}[./-][^\n]{{0,30}}\Z")
_EMPTY = re.compile(rf"([^:\n]{{1,{stamps.NAME}}}):(?=\n|\Z)")  # a sender of nothing
_SPOKEN = {"dmy": "the day first", "mdy": "the month first", "ymd": "the year first"}
_OLDER = ("it looks like a message's beginning, but is older than what stands around it: it is "
          "read as part of the message before")
_BACK = ("from here on the dates are older by {} days: the phone's clock was set, or pieces of two "
         "chats stand in the file")
_FUTURE = "it lies in the future: the clock of a phone, or of this machine, is wrong"


class Block(NamedTuple):
    """A piece of the text taken apart. `before`: what stands before the first beginning; `names`:
    the senders as Names has them; `newest`: the newest of the times; `falls`: they lead back by
    more than a day somewhere."""

    text: bytes
    before: bytes
    columns: Columns
    names: list[str]
    newest: int
    falls: bool


class OrderError(ExportError):
    """Nothing in a file tells whether `date` has the day or the month first: a person has to.
    `future`: it lies in the future either way."""

    def __init__(self, date: str, future: bool) -> None:
        why = (f"{date} lies in the future, so that the dates do not prove how they are to be read:"
               if future else
               f"nothing in the file tells whether {date} has the day or the month first:")
        super().__init__(f"{why} say --date-order dmy (day first) or mdy (month first)")
        self.date = date


class Reader:
    """Reads one export. `open_text` gives its text from the beginning, each time it is called;
    `order`: one of stamps.ORDERS when a person says it. Raises ExportError."""

    def __init__(self, open_text: Open, zone: tzinfo, *, order: str = "",
                 today: date | None = None, words: wording.Wording | None = None) -> None:
        self._open = open_text
        self._words = words or wording.shipped()
        self.findings = Findings()
        head = "\n" + pieces.head(open_text, LOOKED_AT)
        self._form = form_of(head)
        self.platform = self._form.split()[0]
        self._header = re.compile(stamps.HEADERS[self._form])
        self._bodies = Bodies(self._words, self.platform)
        self._newest = 0
        today = today or date.today()
        self._future = int(datetime.combine(
            today + timedelta(days=2), time(), zone).timestamp() * 1000)
        self.order = Ordered(order, "because you said so") if order else stamps.order_of(
            self._dates(), today)
        _, *parts = self._header.split(head)
        step = stamps.GROUPS + 1
        if not self.order.order:
            first = parts[0].translate(CLEAN) if parts else ""
            raise OrderError(first, stamps.in_future(first, today))
        self._clock = stamps.Clock(
            self.order.order, zone, stamps.halves(parts[2::step]), self._words)
        with_colon = colons(parts[3::step], parts[4::step], self._bodies.of)
        self._names = Names(with_colon)
        self._fitted = self._fit(head)
        for name, rests in with_colon.items():
            first = next(match for match in self._header.finditer(head)
                         if clean_name(match[4] or "") == name)
            self.findings.doubt(head.count("\n", 0, first.start() + 1),
                                f"{name}: {rests[0]} is read as a name: all that {name} says "
                                "begins so, files too")

    def messages(self) -> Iterator[Message]:
        """All of them. Raises ExportError."""
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[Batch]:
        """The same, block by block of the file."""
        last = ""
        self._newest, self.findings.lines, self.findings.messages = 0, 0, 0
        for block, after in self._blocks():
            settled, look, lines = self._settled(block, after)
            if block.newest > self._future:
                self._tell_future(settled.columns)
            found = self._messages(settled, look)
            self.findings.lines += lines
            self.findings.messages += len(found)
            last = found.texts[-1] if found.texts else last
            yield found
        if not self.findings.messages:
            raise ExportError(f"no date in it can be read with {_SPOKEN[self.order.order]}: say "
                              "another order of day, month and year, or none")
        if _CUT.search(last):
            self.findings.doubt(self.findings.lines,
                                "the file ends in the middle of a line: it is kept as part of the "
                                "message before")

    # The text

    def _fit(self, text: str) -> Fitted:
        return Fitted(self._form, self._header.finditer(text), self._words,
                      self._names.with_colon)

    def _dates(self) -> Iterator[str]:
        """Dates of beginnings, as they stand."""
        for lines in pieces.lines(self._open, BLOCK):
            for match in self._header.finditer(lines.decode(errors="ignore")):
                yield match[1]

    def _blocks(self) -> Iterator[tuple[Block, memoryview]]:
        """The text in pieces that begin with a line break and a message's beginning; and what comes
        after each, so far as it is known. A piece ends before a beginning that is surely one: no
        message is cut in two by where a block happens to end."""
        left, begin = b"\n", 0
        for more in pieces.pieces(self._open, READ):
            left, begin = left[begin:] + more, 0
            while block := self._block(left, begin):
                begin += len(block.text)
                yield block, memoryview(left)[begin:begin + AHEAD]
            if len(left) - begin > LONGEST:
                raise ExportError(
                    f"after {left[begin + 1:begin + 60].decode(errors='replace')!r} no message "
                    f"begins within {LONGEST:,} characters: this is no chat export, or it is "
                    "damaged there")
        left = left[begin:]
        if left != b"\n":
            yield self._split(left.removesuffix(b"\n")), memoryview(b"")

    def _block(self, text: bytes, begin: int) -> Block | None:
        """The piece of a text that begins there. None when the text is too short, or it is not
        clear where it ends."""
        end = begin + BLOCK
        if len(text) < end + AHEAD:
            return None
        cut, at = self._near(text, max(end - NEAR, begin + 1), end)
        if cut:
            block = self._split(text[begin:cut])
            if at >= max(self._newest, block.newest) - DAY_MS:
                return block
        cut = self._cut(text, begin)
        return self._split(text[begin:cut]) if cut else None

    def _split(self, text: bytes) -> Block:
        try:
            before, columns, names = self._taken_apart(text)
        except UnicodeDecodeError as error:
            bad = text.index(error.object) + error.start  # a body has it, or a date
            line = self.findings.lines + text.count(b"\n", 0, bad + 1)
            raise pieces.no_utf8(line) from None
        times = columns.times
        ordered = sorted(times)
        return Block(text, before, columns, names, ordered[-1] if times else 0,
                     times != ordered and _falls(times))

    def _taken_apart(self, text: bytes) -> tuple[bytes, Columns, list[str]]:
        try:
            before, columns = self._fitted.split(text, self._clock)
            return before, columns, self._names.of(columns.senders)
        except LineCrossed:
            before, columns = self._fitted.split(text, self._clock, strict=True)
            return before, columns, self._names.of(columns.senders)

    def _near(self, text: bytes, begin: int, end: int) -> tuple[int, int]:
        """The last beginning in a part of a text, and its time; 0 when there is none."""
        while (end := text.rfind(b"\n", begin, end)) > 0:
            if match := self._fitted.pattern.match(text, end):
                return end, self._fitted.time(match, self._clock)
        return 0, 0

    def _cut(self, text: bytes, begin: int) -> int:
        """Where a text can be cut; 0 when it cannot. Never at what may be a pasted line: that
        belongs to the message before it."""
        size = BLOCK
        while begin + size + AHEAD <= len(text):
            part = _whole(text[begin:begin + size + AHEAD])
            times, _, bodies = self._rows(self._split(part))
            real, _ = self._real(times, lambda: 0)
            lines = [0, *accumulate(len(line) + 1 for line in part[1:].split(b"\n"))]
            starts = [lines[first - 1] for first in compress(_firsts(bodies), real)]
            if inside := [start for start in starts if 0 < start < size]:
                return begin + inside[-1]
            size *= 4  # a long message
        return 0

    # Which beginnings are real

    def _settled(self, block: Block, after: memoryview) -> tuple[Block, list[int], int]:
        """The block with its messages as they are; places of those that may be more than a text;
        the number of lines."""
        times, _, bodies = block.columns
        look = self._bodies.places(bodies)
        tall = [bodies[place] for place in look if "\n" in bodies[place]]
        # Another form of beginning may stand behind the first line of a body.
        if block.before or not times or times[0] < self._newest - DAY_MS or block.falls or (
                tall and self._header.search("\0".join(tall))):
            columns = self._sorted_out(block, after)
            found = block._replace(columns=columns, names=self._names.of(columns.senders))
            return found, self._bodies.places(columns.bodies), block.text.count(b"\n")
        self._newest = max(self._newest, block.newest)
        return block, look, len(times) + sum([text.count("\n") for text in tall])

    def _sorted_out(self, block: Block, after: memoryview) -> Columns:
        """The same for a block in which something looks like a beginning and may be none: what is
        none goes back, line by line, to the message before it."""
        newest = self._newest
        times, senders, bodies = self._rows(block)
        real, self._newest = self._real(times, lambda: max(
            self._rows(self._split(_whole(bytes(after)))).times, default=0))
        firsts, lines = _firsts(bodies), block.text.split(b"\n")
        kept = -1
        for place, is_real in enumerate(real):
            if is_real:
                if times[place] < newest - DAY_MS:
                    self.findings.doubt(self.findings.lines + firsts[place],
                                        _BACK.format((newest - times[place]) // DAY_MS))
                    newest = 0
                newest, kept = max(newest, times[place]), place
                continue
            text = b"\n".join(lines[firsts[place]:firsts[place + 1]]).decode()
            if times[place] > NO_TIME:
                self.findings.doubt(self.findings.lines + firsts[place], _OLDER)
            if kept >= 0:
                bodies[kept] += f"\n{text}"
            elif text.strip():
                self.findings.doubt(self.findings.lines + 1, "it stands before the first message")
        found = Columns(list(compress(times, real)), list(compress(senders, real)),
                        list(compress(bodies, real)))
        if len(found.times) > 2 * len(block.columns.times):  # from here on they have another form
            self._fitted = self._fit(block.text.decode())
        return found

    def _tell_future(self, columns: Columns) -> None:
        place = next((n for n, at in enumerate(columns.times) if at > self._future), None)
        if place is not None:
            self.findings.doubt(self.findings.lines + _firsts(columns.bodies)[place], _FUTURE)

    def _rows(self, block: Block) -> Columns:
        """All that look like beginnings and have a time, of any form; what stands before the first
        as if it were one that has none."""
        before, (times, senders, bodies) = block.before, block.columns
        found = Columns(times[:], [*senders], bodies[:])
        if before:
            found = Columns([NEVER, *times], [None, *senders], [before.decode(), *bodies])
        for place in range(len(found.bodies) - 1, -1, -1):
            if "\n" in found.bodies[place]:
                self._open_up(found, place, bool(before) and not place)
        return found

    def _open_up(self, columns: Columns, place: int, is_before: bool) -> None:
        """Beginnings of another form than most of the file's, in one of the bodies."""
        body = columns.bodies[place]
        found = [(match, self._clock.at(match[1], match[2], match[3]))
                 for match in self._header.finditer(body)]
        found = [(match, at) for match, at in found if at > NO_TIME]
        ends = [*(match.start() for match, _ in found), len(body)]
        first = [body[1:ends[0]] if is_before else body[:ends[0]]]
        if is_before and not ends[0]:
            first = []  # there is nothing before
        keep = slice(place, place + 1)
        columns.times[keep] = [columns.times[place]] * len(first) + [at for _, at in found]
        columns.senders[keep] = [columns.senders[place]] * len(first) + [
            None if match[4] is None else match[4].encode() for match, _ in found]
        columns.bodies[keep] = first + [
            body[match.end():end] for (match, _), end in zip(found, ends[1:], strict=True)]

    def _real(self, times: Sequence[int], after: Callable[[], int]) -> tuple[list[bool], int]:
        """Which beginnings are real: not those that lead back by more than a day, when what comes
        after them goes on where it was before (a pasted piece of another chat). And the time of
        the newest of them, or of the last when the clock was set back for good. `after`: the
        newest time behind them."""
        later = list(accumulate(reversed(times), max, initial=0))[-2::-1]
        newest, real, known = self._newest, [], -1
        for at, then in zip(times, later, strict=True):
            odd = at < NO_TIME
            if not odd and at < newest - DAY_MS:
                if then < newest - DAY_MS and known < 0:
                    known = after()
                odd = max(then, known) >= newest - DAY_MS
            real.append(not odd)
            if not odd and (at > newest or at < newest - DAY_MS):
                newest = at
        return real, newest

    # Messages

    def _messages(self, block: Block, look: list[int]) -> Batch:
        """A block's messages, of which those in some places are more than a text, may be."""
        columns, senders = block.columns, block.names
        times, texts = columns.times, list(columns.bodies)
        number, short, of = len(times), self._bodies.short, self._bodies.of
        kinds, details, edited = ["text"] * number, [""] * number, [False] * number
        if "" in senders:
            look = sorted({*look, *_places(senders, "")})
        for place in look:
            text = texts[place]
            if senders[place]:
                told = short[text] if len(text) <= SHORT else of(text)
            else:
                senders[place], told = self._unnamed(columns, place)
            if told:
                kinds[place], texts[place], details[place], edited[place], own = told
                if own:
                    senders[place] = ""
        return Batch(times, senders, kinds, texts, details, edited)

    def _unnamed(self, columns: Columns, place: int) -> tuple[str, Told]:
        """A message whose sender is not plain, or a line of WhatsApp's own: sender and the rest."""
        raw, body = columns.senders[place], columns.bodies[place]
        if not raw and (found := _EMPTY.match(body)):
            raw, body = found[1].encode(), body[found.end():]
        name = raw.decode() if raw else ""
        line = (f"{name}:{body}" if body.startswith("\n") else f"{name}: {body}") if raw else body
        if name and len(name) <= stamps.NAME:
            if self._names.odd(name) and (told := self._bodies.line(line)).detail:
                return "", told
            name, body = self._names.split(name, body)
            return name, self._bodies.of(body) or Told("text", body, "", False)
        told = self._bodies.line(line)
        if not told.detail:
            if self.findings.open():
                before = sum(each.count("\n") + 1 for each in columns.bodies[:place])
                self.findings.doubt(self.findings.lines + 1 + before,
                                    "a line of WhatsApp's own that is not known, kept as it is")
            told = told._replace(detail="other")
        return "", told


def _firsts(bodies: Sequence[str]) -> list[int]:
    """The line on which each of a block's messages begins, from 1, and the one behind them."""
    breaks = map(str.count, bodies, repeat("\n"))
    return list(map(add, accumulate(breaks, initial=0), count(1)))


def _whole(text: bytes) -> bytes:
    """A text without its last line, which may not be whole."""
    return text[:max(text.rfind(b"\n"), 0)]


def _places(values: Sequence[str], value: str) -> Iterator[int]:
    """Where a value stands among others."""
    place = -1
    for _ in range(values.count(value)):
        place = values.index(value, place + 1)
        yield place


def _falls(times: list[int]) -> bool:
    """Whether times lead back by more than a day somewhere."""
    highest = times[0]
    for at in times:
        if at < highest - DAY_MS:
            return True
        highest = max(highest, at)
    return False
