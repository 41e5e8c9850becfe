"""Which messages of a chat export are messages of the record.

An export has no message ids, and tells minutes, not seconds. What a message is, is told by its
minute, its sender, its kind and its words, and by which of several equal ones in that minute it is
(`ok` twice is two messages): `identity`. What came another way, live or under another name of the
sender, is compared line by line: `pair`, by which each record stands for one line at most.
"""
from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

MINUTE_MS = 60_000
# Kinds by which messages are compared: an export made without media does not tell what a file was.
FILES = ("image", "video", "audio", "document", "sticker")
_CLASSES = {
    **dict.fromkeys((*FILES, "contact"), "m"),
    "text": "t", "location": "l", "poll": "p", "notice": "n", "event": "u"}
# What `detail.field` of an unsupported one says, as an export does.
MEDIA, DELETED = "omittedMedia", "deletedMessage"
_FIELDS = {MEDIA: "m", DELETED: "d"}
_CLOSE_MS = 3_000  # two clocks may put one message into two minutes, when it was near their border
LONG = 16  # characters of a text that nobody writes twice within such a moment

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MENTION = re.compile("@(?:\u2068[^\u2069\n]*\u2069|\\+?\\d[\\d ]{5,18}\\d)")


class Line(NamedTuple):
    """A message of an export, ready to be written. `source_id`: of `identity`; `at`: Unix ms, the
    minute or better; `sure`: its sender has a number, and is no bare name of an address book;
    `same`: its words as `words_of` compares them; `was`: others under whom it may stand in the
    record, and `moves`: those of them under whom it stands wrongly."""

    source_id: str
    at: int
    sender_id: int | None
    sure: bool
    kind: str
    same: str
    text: str
    media: str | None  # sha256 in the store
    media_name: str | None
    media_mime: str | None
    detail: str
    was: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()


class Held(NamedTuple):
    """A record that a line may be. `cls`: of `class_of`; `at`: Unix ms."""

    id: int
    imported: bool
    cls: str
    sender_id: int | None
    at: int
    same: tuple[str, ...]  # its words, and those that it was given later
    deleted: bool


def words_of(text: str) -> str:
    """A text as two phones, or the live mirror and a phone, are compared: without direction marks,
    whom it mentions (each phone has names of its own), and how much blank stands between words."""
    if text.isascii() and "@" not in text:
        return " ".join(text.split())
    if "@" in text:
        text = _MENTION.sub("@", text)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return " ".join(_MARKS.sub("", text).split())


def class_of(kind: str, field: str | None = None) -> str:
    """The class in which a record of this kind (and of an unsupported one, `detail.field`) is
    compared."""
    return _CLASSES.get(kind) or _FIELDS.get(field or "", "u")


def field_in(detail: str | None) -> str | None:
    """What an export left of an unsupported message, of its `detail` as JSON."""
    return next((field for field in _FIELDS if field in detail), None) if detail else None


def identity(at: int, cls: str, sender_id: int | None, same: str) -> str:
    """The source id of the first such message of its minute; the second has `:2` behind it. The
    minute stands first: ids of one time lie together in the index."""
    said = hashlib.blake2b(
        f"{cls}{sender_id or 0}|{same}".encode("utf-8", "surrogatepass"), digest_size=9)
    return f"import:{at // MINUTE_MS:07x}:{said.hexdigest()}"


def pair(lines: Sequence[Line], left: Sequence[int], candidates: Sequence[Held]
          ) -> dict[int, int]:
    """Lines (by number) that are records: the surest likeness first; one line a record."""
    open_lines, open_records = dict.fromkeys(left), {held.id: held for held in candidates}
    found: dict[int, int] = {}
    for line_keys, record_keys, fits in _LIKENESSES:
        by_key: dict[object, list[Held]] = defaultdict(list)
        for held in open_records.values():
            for key in record_keys(held):
                by_key[key].append(held)
        if not by_key:
            continue
        for n in list(open_lines):
            match = next((held for key in line_keys(lines[n]) for held in by_key.get(key, ())
                          if held.id in open_records and fits(lines[n], held)), None)
            if match is not None:
                found[n] = match.id
                del open_lines[n], open_records[match.id]
    return found


def _line_class(line: Line) -> str:
    return class_of(line.kind, field_in(line.detail))


def _always(line: Line, held: Held) -> bool:
    return True


def _whole(line: Line) -> Iterable[object]:
    yield line.at // MINUTE_MS, line.sender_id, _line_class(line), line.same


def _whole_held(held: Held) -> Iterable[object]:
    return [(held.at // MINUTE_MS, held.sender_id, held.cls, same) for same in held.same]


def _as_another(line: Line) -> Iterable[object]:
    return [(line.at // MINUTE_MS, other, _line_class(line), line.same) for other in line.was]


def _who(line: Line) -> Iterable[object]:
    yield line.at // MINUTE_MS, line.sender_id


def _who_held(held: Held) -> Iterable[object]:
    yield held.at // MINUTE_MS, held.sender_id


def _less_told(line: Line, held: Held) -> bool:
    """Whether one of the two tells less of the same than the other: a file without its caption, a
    deleted message that the mirror heard before, one that either side could not read. Not so of two
    exports: what is less in one of them may be another message."""
    cls = _line_class(line)
    if held.imported:
        return False
    if cls == held.cls == "m":
        return not line.same or "" in held.same
    if cls == "d":
        return held.deleted
    if cls == "u":
        return held.cls != "n"
    return cls == held.cls == "l" or (held.cls == "u" and cls not in ("t", "n"))


def _notice(line: Line) -> Iterable[object]:
    if line.kind == "notice":
        yield line.at // MINUTE_MS


def _notice_held(held: Held) -> Iterable[object]:
    if held.cls == "n" and not held.imported:  # the mirror says it in other words
        yield held.at // MINUTE_MS


def _near(line: Line) -> Iterable[object]:
    if len(line.same) >= LONG:
        minute = line.at // MINUTE_MS
        return [(m, line.sender_id, line.same) for m in (minute - 1, minute + 1)]
    return ()


def _near_held(held: Held) -> Iterable[object]:
    if held.imported:
        return ()
    return [(held.at // MINUTE_MS, held.sender_id, same) for same in held.same]


def _at_the_border(line: Line, held: Held) -> bool:
    minute = line.at // MINUTE_MS * MINUTE_MS
    return minute - _CLOSE_MS <= held.at < minute + MINUTE_MS + _CLOSE_MS


def _words_alone(line: Line) -> Iterable[object]:
    if line.same and not line.sure and line.kind != "notice":
        yield line.at // MINUTE_MS, _line_class(line), line.same


def _words_alone_held(held: Held) -> Iterable[object]:
    if not held.imported:  # whom the phone calls so is not known yet
        return [(held.at // MINUTE_MS, held.cls, same) for same in held.same]
    return ()


_LIKENESSES: tuple[tuple[Callable[[Line], Iterable[object]], Callable[[Held], Iterable[object]],
                         Callable[[Line, Held], bool]], ...] = (
    (_whole, _whole_held, _always),
    (_as_another, _whole_held, _always),
    (_who, _who_held, _less_told),
    (_near, _near_held, _at_the_border),
    (_words_alone, _words_alone_held, _always),
    (_notice, _notice_held, _always),
)
