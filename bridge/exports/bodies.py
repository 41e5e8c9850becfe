"""What a message's body stands for: a text, a file, a place, a poll, a line of WhatsApp's own."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from bridge.exports.names import CLEAN
from bridge.exports.stamps import Known
from bridge.exports.wording import MARKS, Wording

SHORT = 100  # signs of a body that is worth keeping, should it come again
_BEGINS = frozenset(MARKS + "<")
_ENDS = frozenset(">)")
_PAGES = re.compile(rf"[^\n]*\.\w{{1,8}} • [{MARKS}]?[\d,]+ \S+[{MARKS} ]*")
_MEDIA = (
    ("sticker", ("STK-", "-STICKER-")), ("audio", ("PTT-", "AUD-", "-AUDIO-", "-PTT-")),
    ("image", ("IMG-", "-PHOTO-")), ("video", ("VID-", "-VIDEO-", "-GIF-")))
_ENDINGS = {
    **dict.fromkeys(("jpg", "jpeg", "png", "heic", "gif"), "image"),
    **dict.fromkeys(("mp4", "mov", "3gp", "avi", "mkv"), "video"),
    **dict.fromkeys(("opus", "m4a", "mp3", "aac", "ogg", "wav", "amr"), "audio"),
    "webp": "sticker", "vcf": "contact"}


class Told(NamedTuple):
    """A message's kind, text, detail and `edited`; `own`: WhatsApp says it, no sender."""

    kind: str
    text: str
    detail: str
    edited: bool
    own: bool = False


class Bodies:
    """Reads bodies, as the wording has it."""

    def __init__(self, words: Wording, platform: str) -> None:
        self._words, self._android = words, platform == "android"
        self._firsts = _BEGINS | {begin[0] for begin in words.begins}
        self.short: Known[Told | None] = Known(self.of)  # those of SHORT signs at most
        self._lines: Known[Told] = Known(self._line)

    def line(self, line: str) -> Told:
        """A line without a sender; its detail is "" when it is not known."""
        return self._lines[line] if len(line) <= SHORT else self._line(line)

    def _line(self, line: str) -> Told:
        return Told("notice", line.translate(CLEAN), self._words.system(line) or "", False, True)

    def places(self, bodies: Sequence[str]) -> list[int]:
        """Where bodies stand that may be more than a text, and all of several lines."""
        # Most bodies are let go by their first and last signs, without a call.
        firsts, begins, marks, ends = self._firsts, self._words.begins, _BEGINS, _ENDS
        if "" in bodies:
            bodies = [body or " " for body in bodies]
        return [place for place, body in enumerate(bodies)
                if body[-1] in ends or "\n" in body
                or (body[0] in firsts and (body[:4] in begins or body[0] in marks))]

    def of(self, body: str) -> Told | None:
        """What a body stands for; None when it is a text and no more."""
        if not (body[:4] in self._words.begins or body[:1] in _BEGINS or body[-1:] == ">"
                or (self._android and self._words.attached_behind.search(body))):
            return None
        words, edited = self._words, False
        for mark in words.edited:
            if body.endswith(mark):
                body, edited = body.removesuffix(mark).rstrip(MARKS + " "), True
        if file := self._file(body, edited) or self._left_out(body, edited):
            return file
        if found := words.whole(body):
            kind, detail = found
            text = body.translate(CLEAN) if kind in ("notice", "unsupported") else ""
            return Told(kind, text, detail, False, kind == "notice" and detail != "call")
        if body[:1] in MARKS and body and (about := words.system(body)):
            return Told("notice", body.translate(CLEAN), about, False, True)
        return self._place_or_poll(body, edited) or (
            Told("text", body, "", True) if edited else None)

    def _file(self, body: str, edited: bool) -> Told | None:
        words = self._words
        if self._words.attached_behind.search(body) and (match := words.attached.match(body)):
            return Told(kind_of(match[1]), body[match.end():], match[1].strip(), edited)
        if "<" in body and (match := words.attached_ios.search(body)):
            caption = body[:match.start()].rstrip(MARKS) + body[match.end():]
            name = match[1].strip()
            kind = kind_of(name)
            if kind == "document" and _PAGES.fullmatch(caption):
                caption = ""  # its title and the number of pages
            return Told(kind, caption.strip("\n"), name, edited)
        return None

    def _left_out(self, body: str, edited: bool) -> Told | None:
        """A file that the export has not, with its caption in the lines behind."""
        mark, line_break, caption = body.partition("\n")
        if line_break and mark.endswith(">") and (found := self._words.whole(mark)):
            return Told(found[0], caption, "", edited) if found[0] == "media" else None
        return None

    def _place_or_poll(self, body: str, edited: bool) -> Told | None:
        words = self._words
        if match := words.location.fullmatch(body):
            return Told("location", "", match[1], edited)
        if (match := words.poll.match(body)) and words.option.search(body):
            question, *options = words.option.split(body[match.end():])
            return Told("poll", question.rstrip("\n"),
                        "\n".join(option.rstrip("\n") for option in options), edited)
        return None


def kind_of(name: str) -> str:
    """The kind of a media message, by its file's name."""
    upper = name.upper()
    for kind, signs in _MEDIA:
        if any(sign in upper for sign in signs):
            return kind
    return _ENDINGS.get(name.rpartition(".")[2].lower(), "document")
