"""Merging: messages of a chat export into a record that may hold some of them already.

An export has no message ids, and tells minutes, not seconds. What a message is, is told by its
minute, its sender, its kind and its words, and by which of several equal ones in that minute it is
(`ok` twice is two messages). From that comes the source id under which it is written, so that the
same line of any file is the same record. What came another way, live or under another name of the
sender, has other ids; it is compared line by line, and each record stands for one line at most.

So importing is idempotent and, of files from several phones, commutative: the record holds, for
each minute, sender, kind and text, as many messages as the source that has most of them.
"""
from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archive import clean, ids, messages, rows, search, unread
from archive.db import Database, Many, Row, Unit
from archive.model import MESSAGE_KINDS, RECORD_KINDS, NewRecord

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
_LONG = 16  # characters of a text that nobody writes twice within such a moment
_TRIES = 20  # other processes may take the same ids at the same moment

_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068"
                                "\u2069\ufeff"))
_MENTION = re.compile("@(?:\u2068[^\u2069\n]*\u2069|\\+?\\d[\\d ]{5,18}\\d)")


class Line(NamedTuple):
    """A message of an export, ready to be written. `source_id`: of `identity`; `at`: Unix ms, the
    minute or better; `sure`: its sender has a number, and is no bare name of an address book;
    `same`: its words as `words_of` compares them."""

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


@dataclass(frozen=True)
class Merged:
    """What became of some lines: the new records' ids, in the lines' order, their kinds, and the
    first and last of their times; how many lines the record held before, and how many of those got
    a file that it had not."""

    added: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    first: int = 0
    last: int = 0
    known: int = 0
    filled: int = 0


class _Held(NamedTuple):
    """A record that a line may be."""

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
    text = unicodedata.normalize("NFC", _MENTION.sub("@", text).translate(_MARKS))
    return " ".join(text.split())


def class_of(kind: str, field: str | None = None) -> str:
    """The class in which a record of this kind (and of an unsupported one, `detail.field`) is
    compared."""
    return _CLASSES.get(kind) or _FIELDS.get(field or "", "u")


def identity(at: int, cls: str, sender_id: int | None, same: str) -> str:
    """The source id of the first such message of its minute; the second has `:2` behind it. The
    minute stands first: ids of one time lie together in the index."""
    said = hashlib.blake2b(
        f"{cls}{sender_id or 0}|{same}".encode("utf-8", "surrogatepass"), digest_size=9)
    return f"import:{at // MINUTE_MS:07x}:{said.hexdigest()}"


def merge(chat_id: int, lines: Sequence[Line], received_at: int) -> Unit[Merged]:
    """Write those of some lines (in the file's order) that the record does not hold yet."""
    first, last = _window(lines)
    held = yield (
        "SELECT id, source_id FROM record WHERE chat_id = ? AND id >= ? AND id < ?",
        (chat_id, first, last))
    by_source: dict[str, int] = {source: record_id for record_id, source in held}
    found: dict[int, int] = {}  # line → record
    if by_source:
        found = {n: by_source[line.source_id] for n, line in enumerate(lines)
                 if line.source_id in by_source}
        if len(found) < len(lines) and len(found) < len(by_source):
            taken = set(found.values())
            candidates = [other for other in (yield from _candidates(chat_id, first, last))
                          if other.id not in taken]
            left = [n for n in range(len(lines)) if n not in found]
            found.update(_pair(lines, left, candidates))
        lines = _in_place(lines, found)
    filled = yield from _fill(lines, found)
    fresh = [line for n, line in enumerate(lines) if n not in found] if found else lines
    if not fresh:
        return Merged(known=len(lines), filled=filled)
    added = yield from _write(chat_id, fresh, received_at, first, last)
    times = [line.at for line in fresh]
    return Merged(added, tuple(line.kind for line in fresh), min(times), max(times),
                  len(lines) - len(fresh), filled)


def _window(lines: Sequence[Line]) -> tuple[int, int]:
    """The ids of the records that these lines may be."""
    first = min(line.at for line in lines) // MINUTE_MS - 1
    last = max(line.at for line in lines) // MINUTE_MS + 2
    return (ids.first_record_id(max(first, 0) * MINUTE_MS),
            ids.first_record_id(min(last * MINUTE_MS, ids.MAX_MS)))


def _in_place(lines: Sequence[Line], found: dict[int, int]) -> Sequence[Line]:
    """An export tells no seconds: what stands behind a message that is known to the second is not
    older than it."""
    result, newest = [], 0
    for n, line in enumerate(lines):
        at = line.at
        if n in found:
            at = ids.record_second(found[n]) * 1000
        elif newest > at and newest // MINUTE_MS == at // MINUTE_MS:
            line = line._replace(at=newest)
            at = newest
        newest = at
        result.append(line)
    return result


# Which record a line is


def _candidates(chat_id: int, first: int, last: int) -> Unit[list[_Held]]:
    """The messages and notices of a stretch of the record."""
    kinds = (*MESSAGE_KINDS, "notice")
    held = yield (
        "SELECT id, origin, kind, sender_id, sent_at, text, detail FROM record WHERE chat_id = ? "
        f"AND id >= ? AND id < ? AND kind IN ({rows.marks(list(kinds))}) ORDER BY id",
        (chat_id, first, last, *kinds))
    edits: dict[int, list[str]] = defaultdict(list)
    deleted: set[int] = set()
    live = [row["id"] for row in held if row["origin"] != "import"]
    for start in range(0, len(live), 500):
        part = live[start:start + 500]
        later = yield (
            "SELECT target_id, kind, text FROM record WHERE kind IN ('edit', 'deletion') "
            f"AND target_id IN ({rows.marks(part)})", part)
        for row in later:
            if row["kind"] == "edit":
                edits[row["target_id"]].append(words_of(row["text"]))
            else:
                deleted.add(row["target_id"])
    return [_Held(row["id"], row["origin"] == "import", _class_of_row(row), row["sender_id"],
                  row["sent_at"], (words_of(row["text"]), *edits[row["id"]]), row["id"] in deleted)
            for row in held]


def _class_of_row(row: Row) -> str:
    detail = row["detail"] or ""
    field = next((field for field in _FIELDS if field in detail), None)
    return class_of(row["kind"], field)


def _pair(lines: Sequence[Line], left: Sequence[int], candidates: Sequence[_Held]
          ) -> dict[int, int]:
    """Lines (by number) that are records: the surest likeness first; one line a record."""
    open_lines, open_records = dict.fromkeys(left), {held.id: held for held in candidates}
    found: dict[int, int] = {}
    for line_keys, record_keys, fits in _LIKENESSES:
        by_key: dict[object, list[_Held]] = defaultdict(list)
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
    return class_of(line.kind, next((f for f in _FIELDS if f in line.detail), None))


def _always(line: Line, held: _Held) -> bool:
    return True


def _whole(line: Line) -> Iterable[object]:
    yield line.at // MINUTE_MS, line.sender_id, _line_class(line), line.same


def _whole_held(held: _Held) -> Iterable[object]:
    return [(held.at // MINUTE_MS, held.sender_id, held.cls, same) for same in held.same]


def _who(line: Line) -> Iterable[object]:
    yield line.at // MINUTE_MS, line.sender_id


def _who_held(held: _Held) -> Iterable[object]:
    yield held.at // MINUTE_MS, held.sender_id


def _less_told(line: Line, held: _Held) -> bool:
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


def _notice_held(held: _Held) -> Iterable[object]:
    if held.cls == "n" and not held.imported:  # the mirror says it in other words
        yield held.at // MINUTE_MS


def _near(line: Line) -> Iterable[object]:
    if len(line.same) >= _LONG:
        minute = line.at // MINUTE_MS
        return [(m, line.sender_id, line.same) for m in (minute - 1, minute + 1)]
    return ()


def _near_held(held: _Held) -> Iterable[object]:
    if held.imported:
        return ()
    return [(held.at // MINUTE_MS, held.sender_id, same) for same in held.same]


def _at_the_border(line: Line, held: _Held) -> bool:
    minute = line.at // MINUTE_MS * MINUTE_MS
    return minute - _CLOSE_MS <= held.at < minute + MINUTE_MS + _CLOSE_MS


def _words_alone(line: Line) -> Iterable[object]:
    if line.same and not line.sure and line.kind != "notice":
        yield line.at // MINUTE_MS, _line_class(line), line.same


def _words_alone_held(held: _Held) -> Iterable[object]:
    if not held.imported:  # whom the phone calls so is not known yet
        return [(held.at // MINUTE_MS, held.cls, same) for same in held.same]
    return ()


_LIKENESSES: tuple[tuple[Callable[[Line], Iterable[object]], Callable[[_Held], Iterable[object]],
                         Callable[[Line, _Held], bool]], ...] = (
    (_whole, _whole_held, _always),
    (_who, _who_held, _less_told),
    (_near, _near_held, _at_the_border),
    (_words_alone, _words_alone_held, _always),
    (_notice, _notice_held, _always),
)


def imported(new: NewRecord, sender_id: int | None) -> Unit[int | None]:
    """The imported record that a message is which WhatsApp delivers only now, None when there is
    none; from now on it goes by WhatsApp's id as well, and has the bytes that came."""
    minute = new.sent_at // MINUTE_MS * MINUTE_MS
    held = yield (
        "SELECT r.id, r.kind, r.sender_id, r.text, r.detail, r.media, r.media_name, w.message_id,"
        " EXISTS (SELECT 1 FROM identifier i WHERE i.person_id = r.sender_id) AS sure"
        " FROM record r LEFT JOIN whatsapp_message w ON w.record_id = r.id"
        " WHERE r.chat_id = ? AND r.id >= ? AND r.id < ? AND r.origin = 'import'"
        " AND r.kind <> 'notice' ORDER BY r.id",
        (new.chat_id, ids.first_record_id(minute), ids.first_record_id(minute + MINUTE_MS)))
    cls, same = class_of(new.kind), words_of(new.text)

    def fits(row: Row) -> bool:
        if row["message_id"] is not None:
            return row["message_id"] == new.source_id
        if (_class_of_row(row), words_of(row["text"])) != (cls, same):
            return False
        return row["sender_id"] == sender_id or (not row["sure"] and len(same) >= _LONG)

    found = next((row for row in held if fits(row)), None)
    if found is None:
        return None
    if found["message_id"] is None:
        yield "UPDATE record SET raw = ? WHERE id = ? AND raw IS NULL", (new.raw, found["id"])
        yield from messages.link_whatsapp(new.chat_id, new.source_id, found["id"])
        if cls == "m" and found["media"] is None:
            yield from _become(found, new)
    return found["id"]


def _become(row: Row, new: NewRecord) -> Unit[None]:
    """What an export left out has come: the place that it kept is filled."""
    told = json.loads(row["detail"] or "{}")
    detail = {**json.loads(new.detail or "{}"), "import": told.get("import")}
    yield (
        "UPDATE record SET kind = ?, media_name = ?, media_mime = ?, detail = ? WHERE id = ?",
        (new.kind, new.media_name, new.media_mime, json.dumps(detail, ensure_ascii=False),
         row["id"]))
    if not row["text"] and not row["media_name"] and (found := search.terms("", new.media_name)):
        yield search.INSERT, (row["id"], found)


# Writing


def _fill(lines: Sequence[Line], found: dict[int, int]) -> Unit[int]:
    """Files that the record had not."""
    filled = 0
    for n, record_id in found.items():
        if lines[n].media is not None:
            changed = yield (
                "UPDATE record SET media = ?, media_mime = coalesce(media_mime, ?) "
                "WHERE id = ? AND media IS NULL AND kind <> 'text' RETURNING id",
                (lines[n].media, lines[n].media_mime, record_id))
            filled += len(changed)
    return filled


def _write(chat_id: int, fresh: Sequence[Line], received_at: int, first: int, last: int
           ) -> Unit[tuple[int, ...]]:
    """New records, found by their words and to be read by the registers; their ids."""
    wrong = {line.kind for line in fresh}.difference(RECORD_KINDS)
    if wrong:
        raise ValueError(f"not a record: kind {wrong.pop()!r}")
    left: Sequence[Line] = fresh
    written: dict[str, int] = {}
    for _ in range(_TRIES):
        yield _INSERT, Many([_values(chat_id, line, received_at) for line in left])
        stand = yield (
            "SELECT id, source_id FROM record WHERE chat_id = ? AND id >= ? AND id < ?",
            (chat_id, first, last))
        written = {source: record_id for record_id, source in stand}
        left = [line for line in left if line.source_id not in written]
        if not left:
            break
    else:
        raise RuntimeError(f"{len(left)} messages found no free record id")
    added = tuple(written[line.source_id] for line in fresh)
    index, unread_ids, terms = Many(), Many(), search.terms
    for record_id, line in zip(added, fresh, strict=True):
        if found := terms(line.text, line.media_name):
            index.append((record_id, found))
        if line.kind in unread.KINDS:
            unread_ids.append((record_id,))
    yield search.INSERT, index
    yield unread.INSERT, unread_ids
    return added


_INSERT = """INSERT INTO record (id, chat_id, kind, origin, source_id, sender_id, sent_at,
    received_at, text, media, media_name, media_mime, detail)
    VALUES ((SELECT coalesce(max(id) + 1, ?) FROM record WHERE id >= ? AND id < ?),
    ?, ?, 'import', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""


def _values(chat_id: int, line: Line, received_at: int) -> tuple[object, ...]:
    source, at, sender_id, _, kind, _, text, media, media_name, media_mime, detail = line
    first = ids.first_record_id(at)
    if "\0" in text:
        text = clean.text(text)
    return (first, first, first + ids.ORDINALS, chat_id, kind, source, sender_id, at, received_at,
            text, media, media_name, media_mime, detail)


# What the record holds, for those who look before they merge


async def stretch(db: Database, chat_id: int, since: int, until: int, limit: int, *, live: bool
                  ) -> list[tuple[int, int | None, str]]:
    """(minute, sender, words) of the text messages of a chat between two times (Unix ms), oldest
    first, at most `limit`. `live`: only of those that no import brought."""
    only = "AND origin <> 'import' " if live else ""
    found = await db.read(
        "SELECT sender_id, sent_at, text FROM record WHERE chat_id = ? AND id >= ? "
        f"AND id < ? AND kind = 'text' {only}ORDER BY id LIMIT ?",
        chat_id, ids.first_record_id(max(since, 0)),
        ids.first_record_id(min(until, ids.MAX_MS)), limit)
    return [(row["sent_at"] // MINUTE_MS, row["sender_id"], words_of(row["text"]))
            for row in found]
