"""Reads an export's text: every message once, in the file's order, with bounded memory.

A block of text is split at the beginnings of messages in one go; only what is not plain (a system
line, a file, a name that is new, a date that does not exist) is looked at one by one.
"""
from __future__ import annotations

import contextlib
import gc
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from bridge.exports import stamps, wording
from bridge.exports.names import CLEAN, Names, colons
from bridge.exports.stamps import DAY_MS, NotStamp, Ordered

BLOCK = 1 << 19  # characters read at once
AHEAD = 1 << 16  # characters behind a block that are looked at before it is read
NEAR = 1 << 13  # characters in which the place to cut is looked for first
LONGEST = 4 << 20  # characters of one message; WhatsApp's own limit is 65,536
LOOKED_AT = 1 << 18  # characters from which the platform and the names are told
UNDECIDED = 200  # lines that are named

# A body may be more than a text when it begins or ends so, or holds " (" or "<".
_BEGINS = frozenset(wording.MARKS + "<")
_CUT = re.compile(rf"\n[{wording.MARKS}]*\[?\d{{1,4}}[./-]\d{{1,2}}[./-][^\n]{{0,30}}\Z")
_PAGES = re.compile(rf"[^\n]*\.\w{{1,8}} • [{wording.MARKS}]?[\d,]+ \S+[{wording.MARKS} ]*")
_SPOKEN = {"dmy": "the day first", "mdy": "the month first", "ymd": "the year first"}
_MEDIA = (
    ("sticker", ("STK-", "-STICKER-")), ("audio", ("PTT-", "AUD-", "-AUDIO-", "-PTT-")),
    ("image", ("IMG-", "-PHOTO-")), ("video", ("VID-", "-VIDEO-", "-GIF-")))
_ENDINGS = {
    **dict.fromkeys(("jpg", "jpeg", "png", "heic", "gif"), "image"),
    **dict.fromkeys(("mp4", "mov", "3gp", "avi", "mkv"), "video"),
    **dict.fromkeys(("opus", "m4a", "mp3", "aac", "ogg", "wav", "amr"), "audio"),
    "webp": "sticker", "vcf": "contact"}


class ExportError(Exception):
    """A file that cannot be taken; the message says what is wrong and what to do."""


class OrderError(ExportError):
    """Nothing in a file tells whether `date` has the day or the month first: a person has to."""

    def __init__(self, date: str) -> None:
        super().__init__(f"nothing in the file tells whether {date} has the day or the month "
                         "first: say --date-order dmy (day first) or mdy (month first)")
        self.date = date


class Message(NamedTuple):
    """One message, or one line of WhatsApp's own (kind "notice", without a sender).

    `at`: Unix ms; `sender`: the name or number as the exporter's phone shows it, without marks;
    `kind`: one of archive.model's, "deletion" for a message that was deleted, or "media" for a file
    of which the export tells no more; `detail`: a media
    message's file, "" where the export has none; what a notice is about; of an unsupported one
    why; of a location "live" or its link; of a poll its options, a line each."""

    at: int
    sender: str
    kind: str
    text: str
    detail: str
    edited: bool


@dataclass
class Findings:
    """What was noticed in a file. `undecided`: (line, why) of what could be read otherwise."""

    lines: int = 0
    messages: int = 0
    undecided: list[tuple[int, str]] = field(default_factory=list)

    def doubt(self, line: int, why: str) -> None:
        """Keep a line for people to look at."""
        if len(self.undecided) < UNDECIDED:
            self.undecided.append((line, why))


class Reader:
    """Reads one export. `open_text` gives its text from the beginning, each time it is called;
    `order`: one of stamps.ORDERS when a person says it. Raises ExportError."""

    def __init__(self, open_text: Callable[[], io.TextIOBase], zone: tzinfo, *, order: str = "",
                 today: date | None = None, words: wording.Wording | None = None) -> None:
        self._open = open_text
        self._words = words or wording.shipped()
        self.findings = Findings()
        head = self._head()
        self.platform = _platform(head)
        self._header = re.compile(stamps.HEADERS[self.platform])
        self._fitted = stamps.narrow(self.platform, "\n" + head)
        self._special = self._words.begins
        self._clock: stamps.Clock | None = None
        self._newest = 0
        self.order = Ordered(order, "because you said so") if order else stamps.order_of(
            self._dates(), today or date.today())
        if not self.order.order:
            first = self._header.search("\n" + head)
            raise OrderError(first[1].translate(CLEAN) if first else "")
        self._clock = stamps.Clock(
            self.order.order, zone, stamps.halves(self._header, "\n" + head), self._words)
        with_colon = colons(self._header, head)
        self._names = Names(with_colon)
        for name, rests in with_colon.items():
            self.findings.doubt(1, f"{name}: {rests[0]} is read as a name: all that {name} says "
                                   "begins so")

    def messages(self) -> Iterator[Message]:
        """All of them. Raises ExportError."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Message]]:
        """The same, a list for each block of the file."""
        line, last = 1, ""
        for block, after in self._blocks():
            with _no_collection():
                found = self._plain(block, line)
            if found is None:
                found = self._one_by_one(block, line, after)
            line += block.count("\n")
            self.findings.messages += len(found)
            last = found[-1].text if found else last
            yield found
        self.findings.lines = line - 1
        if not self.findings.messages:
            raise ExportError(f"no date in it can be read with {_SPOKEN[self.order.order]}: say "
                              "another order of day, month and year, or none")
        if _CUT.search(last):
            self.findings.doubt(line - 1, "the file ends in the middle of a line: it is kept as "
                                          "part of the message before")

    # The text

    def _head(self) -> str:
        with self._open() as text:
            return _read(text, LOOKED_AT).replace("\r\n", "\n")

    def _dates(self) -> Iterator[str]:
        for block, _ in self._blocks():
            for match in self._header.finditer(block):
                yield match[1]

    def _blocks(self) -> Iterator[tuple[str, str]]:
        """The text in pieces that begin with a line break and a message's beginning; and what comes
        after each, so far as it is known. A piece ends before a beginning that is surely one: no
        message is cut in two by where a block happens to end."""
        with self._open() as text:
            left = "\n"
            while more := _read(text, BLOCK):
                if more.endswith("\r"):
                    more += _read(text, 1)
                left += more.replace("\r\n", "\n") if "\r" in more else more
                cut = self._cut(left)
                if cut > 0:
                    yield left[:cut], left[cut:]
                    left = left[cut:]
                elif len(left) > LONGEST:
                    raise ExportError(
                        f"after {left[1:60]!r} no message begins within {LONGEST:,} characters: "
                        "this is no chat export, or it is damaged there")
            if left != "\n":
                yield left.removesuffix("\n"), ""

    def _cut(self, text: str) -> int:
        """Where a text can be cut: at a beginning before its last AHEAD characters; 0 when there is
        none. Never at what may be a pasted line: that belongs to the message before it."""
        end = max(len(text) - AHEAD, 0)
        near = [(self._time(match) or 0, match.start())
                for match in self._header.finditer(text, max(end - NEAR, 0), end)]
        newest, cut = max(near, default=(0, 0))
        if newest >= self._newest - DAY_MS and (first := self._header.match(text)) and (
                newest >= (self._time(first) or 0) - DAY_MS):
            return cut
        heads = list(self._header.finditer(text))
        real, _ = self._real([self._time(match) for match in heads])
        return max((match.start() for match, is_real in zip(heads, real, strict=True)
                    if is_real and match.start() < end), default=0)

    # A block of plain messages

    def _plain(self, block: str, line: int) -> list[Message] | None:
        """The block's messages; None when it must be read one by one."""
        split, clock = self._fitted.split(block), self._clock
        assert clock is not None
        if split[0]:
            return None
        step = stamps.GROUPS + 1
        days, clocks, rests, names, bodies = (split[n::step] for n in range(1, step + 1))
        try:
            times = list(map(sum, zip(clock.days.of(days), clock.times.of(clocks),
                                      clock.rests.of(rests), strict=True)))
        except NotStamp:
            return None
        if clock.uneven and not clock.uneven.isdisjoint(days):
            return None
        if self._fitted is not self._header and any(map(
                self._header.search, [body for body in bodies if "\n" in body])):
            return None
        if min(times) < self._newest - DAY_MS or (
                times != sorted(times) and _falls(times)):
            return None
        self._newest = max(self._newest, times[-1])
        senders, count = list(self._names.known.of(names)), len(times)
        found = list(map(_message, zip(
            times, senders, ["text"] * count, bodies, [""] * count, [False] * count,
            strict=True)))
        special, android = self._special, self.platform == "android"
        for place in [place for place, body in enumerate(bodies) if body[:4] in special
                      or body[:1] in _BEGINS or body[-1:] == ">" or (android and " (" in body)]:
            found[place] = self._told(found[place])
        if "" in senders:
            for place in [place for place, sender in enumerate(senders) if not sender]:
                found[place] = self._of(
                    names[place], times[place], bodies[place], lambda place=place:
                    line + sum(body.count("\n") + 1 for body in bodies[:place]))
        return found

    def _told(self, message: Message) -> Message:
        """A message that may be more than a text."""
        words, body = self._words, message.text
        edited = False
        for mark in words.edited:
            if body.endswith(mark):
                body, edited = body.removesuffix(mark).rstrip(wording.MARKS + " "), True
        if found := words.whole(body):
            kind, detail = found
            sender = "" if kind == "notice" and detail != "call" else message.sender
            text = body.translate(CLEAN) if kind in ("notice", "unsupported") else ""
            return message._replace(kind=kind, text=text, detail=detail, sender=sender)
        if body[:1] in wording.MARKS and body and (kind := words.system(body)):
            return message._replace(sender="", kind="notice", text=body.translate(CLEAN),
                                    detail=kind)
        if match := words.attached.match(body):
            return message._replace(kind=kind_of(match[1]), detail=match[1].strip(),
                                    text=body[match.end():], edited=edited)
        if "<" in body and (match := words.attached_ios.search(body)):
            caption = (body[:match.start()].rstrip(wording.MARKS) + body[match.end():])
            name = match[1].strip()
            kind = kind_of(name)
            if kind == "document" and _PAGES.fullmatch(caption):
                caption = ""  # its title and the number of pages
            return message._replace(kind=kind, detail=name, text=caption.strip("\n"),
                                    edited=edited)
        if match := words.location.fullmatch(body):
            return message._replace(kind="location", detail=match[1], text="", edited=edited)
        if (match := words.poll.match(body)) and words.option.search(body):
            question, *options = words.option.split(body[match.end():])
            return message._replace(
                kind="poll", text=question.rstrip("\n"), edited=edited,
                detail="\n".join(option.rstrip("\n") for option in options))
        return message._replace(text=body, edited=edited) if edited else message

    # A block with something odd in it

    def _one_by_one(self, block: str, line: int, after: str) -> list[Message]:
        """The block's messages, each beginning looked at for itself; `after`: what comes then."""
        heads = list(self._header.finditer(block))
        times = [self._time(match) for match in heads]
        real, self._newest = self._real(times, [
            self._time(match) for match in self._header.finditer(after)])
        kept: list[tuple[re.Match[str], int]] = []
        for match, at, is_real in zip(heads, times, real, strict=True):
            if is_real and at is not None:
                kept.append((match, at))
            elif at is not None:
                self.findings.doubt(line + block.count("\n", 0, match.start()),
                                    "it looks like a message's beginning, but is older than what "
                                    "stands around it: it is read as part of the message before")
        before = block[1:kept[0][0].start()] if kept else block[1:]
        if before.strip():
            self.findings.doubt(line, "it stands before the first message")
        ends = [*(match.start() for match, _ in kept[1:]), *([len(block)] if kept else [])]
        return [self._of(match[4], at, block[match.end():end], lambda match=match:
                         line + block.count("\n", 0, match.start()))
                for (match, at), end in zip(kept, ends, strict=True)]

    def _time(self, match: re.Match[str]) -> int | None:
        """When a beginning says that it was; None when there is no such time."""
        if self._clock is None:
            return 1  # the order of dates is still being looked for
        try:
            return self._clock.at(match[1], match[2], match[3])
        except NotStamp:
            return None

    def _real(self, times: Sequence[int | None], after: Sequence[int | None] = ()
              ) -> tuple[list[bool], int]:
        """Which beginnings are real: not those that lead back by more than a day, when what comes
        after them goes on where it was before (a pasted piece of another chat). And the time of
        the newest of them, or of the last when the clock was set back for good."""
        later, highest = [0] * len(times), max((at or 0 for at in after), default=0)
        for place in range(len(times) - 1, -1, -1):
            later[place] = highest
            highest = max(highest, times[place] or 0)
        newest, real = self._newest, []
        for at, then in zip(times, later, strict=True):
            odd = at is None or (at < newest - DAY_MS and then >= newest - DAY_MS)
            real.append(not odd)
            if not odd and at is not None:
                newest = max(newest, at) if at >= newest - DAY_MS else at
        return real, newest

    def _of(self, raw: str | None, at: int, body: str, line: Callable[[], int]) -> Message:
        """A message whose sender is not plain, or a line of WhatsApp's own, at a line."""
        if raw is not None:
            whole = f"{raw}:{body}" if body.startswith("\n") else f"{raw}: {body}"
            if self._names.odd(raw) and (kind := self._words.system(whole)):
                return Message(at, "", "notice", whole.translate(CLEAN), kind, False)
            name, rest = self._names.split(raw, body)
            return self._told(Message(at, name, "text", rest, "", False))
        kind = self._words.system(body)
        if kind is None:
            self.findings.doubt(
                line(), "a line of WhatsApp's own that is not known, kept as it is")
        return Message(at, "", "notice", body.translate(CLEAN), kind or "other", False)


_message = partial(tuple.__new__, Message)  # a third of the time that Message(...) takes


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Many tuples at once, none in a circle: looking for circles among them would take as long as
    reading them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def kind_of(name: str) -> str:
    """The kind of a media message, by its file's name."""
    upper = name.upper()
    for kind, signs in _MEDIA:
        if any(sign in upper for sign in signs):
            return kind
    return _ENDINGS.get(name.rpartition(".")[2].lower(), "document")


def _read(text: io.TextIOBase, count: int) -> str:
    try:
        return text.read(count)
    except UnicodeDecodeError as error:
        raise ExportError(f"it is no UTF-8 text (byte {error.start}): WhatsApp writes exports in "
                          "UTF-8; give the file as it left the phone") from None


def _platform(head: str) -> str:
    """Which phone wrote it: whose beginnings of messages there are more of. Raises ExportError."""
    if not head.strip():
        raise ExportError("the file is empty")
    counts = {name: len(re.findall(header, "\n" + head))
              for name, header in stamps.HEADERS.items()}
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        raise ExportError("no line begins as a message in WhatsApp's chat export does "
                          "(06/03/2026, 9:14 am - Name: …): is it the export's .txt or .zip?")
    return best


def _falls(times: list[int]) -> bool:
    """Whether times lead back by more than a day somewhere."""
    highest = times[0]
    for _, at in pairwise(times):
        if at < highest - DAY_MS:
            return True
        highest = max(highest, at)
    return False
