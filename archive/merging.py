"""Merging: messages of a chat export into a record that may hold some of them already
(archive.likeness tells which).

So importing is idempotent and, of files from several phones, commutative: the record holds, for
each minute, sender, kind and text, as many messages as the source that has most of them.
"""
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from archive import clean, ids, imports, messages, rows, search, unread
from archive.db import Database, Many, Row, Unit
from archive.likeness import LONG, MINUTE_MS, Held, Line, class_of, field_in, pair, words_of
from archive.model import MESSAGE_KINDS, RECORD_KINDS, NewRecord

_REACH = 60  # minutes by which a phone's clock may have been set back in a file
_TRIES = 20  # other processes may take the same ids at the same moment


@dataclass(frozen=True)
class Merged:
    """What became of some lines: the new records' ids, in the lines' order, their kinds, and the
    first and last of their times; how many lines the record held before, and how many of those got
    a file that it had not. `tail`: the records that the last lines are, of these or of earlier
    ones: the file's following lines are others."""

    added: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    first: int = 0
    last: int = 0
    known: int = 0
    filled: int = 0
    tail: frozenset[int] = frozenset()


def merge(chat_id: int, lines: Sequence[Line], received_at: int, before: Merged | None = None
          ) -> Unit[Merged]:
    """Write those of some lines (in the file's order) that the record does not hold yet. `before`:
    what became of the lines before them in the same file."""
    yield from imports.hold(chat_id)
    lines, found = yield from _known(chat_id, lines, before)
    filled = yield from _fill(lines, found)
    yield from _move(lines, found)
    fresh = [line for n, line in enumerate(lines) if n not in found] if found else lines
    added = (yield from _write(chat_id, fresh, received_at)) if fresh else ()
    times = [line.at for line in fresh] or [0]
    return Merged(added, tuple(line.kind for line in fresh), min(times), max(times),
                  len(lines) - len(fresh), filled, _tail(lines, (*added, *found.values()), before))


def compare(chat_id: int, lines: Sequence[Line], before: Merged | None = None) -> Unit[Merged]:
    """What `merge` would know already, with nothing written."""
    lines, found = yield from _known(chat_id, lines, before)
    return Merged(known=len(found), tail=_tail(lines, (*found.values(),), before))


def _known(chat_id: int, lines: Sequence[Line], before: Merged | None
           ) -> Unit[tuple[Sequence[Line], dict[int, int]]]:
    """The lines in their places, and which of them (by number) are records (by id)."""
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
            taken = {*found.values(), *(before.tail if before else ())}
            candidates = [other for other in (yield from _candidates(chat_id, first, last))
                          if other.id not in taken]
            left = [n for n in range(len(lines)) if n not in found]
            found.update(pair(lines, left, candidates))
        lines = _in_place(lines, found)
    return lines, found


def _tail(lines: Sequence[Line], records: Sequence[int], before: Merged | None) -> frozenset[int]:
    """Of these records, and of those before them, such as following lines may stand beside."""
    reach = ids.first_record_id(max(lines[-1].at // MINUTE_MS - _REACH, 0) * MINUTE_MS)
    earlier = before.tail if before else ()
    return frozenset(one for one in (*records, *earlier) if one >= reach)


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


def _candidates(chat_id: int, first: int, last: int) -> Unit[list[Held]]:
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
    return [Held(row["id"], row["origin"] == "import", _class_of_row(row), row["sender_id"],
                  row["sent_at"], (words_of(row["text"]), *edits[row["id"]]), row["id"] in deleted)
            for row in held]


def _class_of_row(row: Row) -> str:
    return class_of(row["kind"], field_in(row["detail"]))


def imported(new: NewRecord, sender_id: int | None) -> Unit[int | None]:
    """The imported record that a message is which WhatsApp delivers only now, None when there is
    none, or the message was heard before; from now on it goes by WhatsApp's id as well, and has
    the bytes that came."""
    heard = yield (
        "SELECT 1 FROM record WHERE chat_id = ? AND source_id = ?", (new.chat_id, new.source_id))
    if heard:
        return None
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
        return row["sender_id"] == sender_id or (not row["sure"] and len(same) >= LONG)

    found = next((row for row in held if fits(row)), None)
    if found is None:
        return None
    if found["message_id"] is None:
        yield "UPDATE record SET raw = ? WHERE id = ? AND raw IS NULL", (new.raw, found["id"])
        yield from messages.link_whatsapp(new.chat_id, new.source_id, found["id"])
        if cls == "m" and found["media"] is None:
            told = json.loads(found["detail"] or "{}")
            detail = {**json.loads(new.detail or "{}"), "import": told.get("import")}
            yield from _become(found, new.kind, new.media_name, new.media_mime,
                               json.dumps(detail, ensure_ascii=False))
    return found["id"]


def _become(row: Row, kind: str, name: str | None, mime: str | None, detail: str) -> Unit[None]:
    """What an export left out has come: the place that it kept is filled."""
    yield (
        "UPDATE record SET kind = ?, media_name = ?, media_mime = ?, detail = ? WHERE id = ?",
        (kind, name, mime, detail, row["id"]))
    if not row["text"] and not row["media_name"] and (found := search.terms("", name)):
        yield search.INSERT, (row["id"], found)


# Writing


def _fill(lines: Sequence[Line], found: dict[int, int]) -> Unit[int]:
    """Files that the record had not."""
    filled = 0
    for n, record_id in found.items():
        if lines[n].media is not None:
            changed = yield (
                "UPDATE record SET media = ?, media_mime = coalesce(media_mime, ?) "
                "WHERE id = ? AND media IS NULL AND kind <> 'text' "
                "RETURNING id, origin, kind, text, media_name",
                (lines[n].media, lines[n].media_mime, record_id))
            filled += len(changed)
            # What an export had left out; of what was heard live the kind stays as it was heard.
            if changed and changed[0]["kind"] == "unsupported" and changed[0]["origin"] == "import":
                yield from _become(changed[0], lines[n].kind, lines[n].media_name,
                                   lines[n].media_mime, lines[n].detail)
    return filled


def _move(lines: Sequence[Line], found: dict[int, int]) -> Unit[None]:
    """Messages that an import put under a person whom a name was wrongly said to mean."""
    for n, record_id in found.items():
        line = lines[n]
        if line.moves:
            moved = yield (
                "UPDATE record SET sender_id = ? WHERE id = ? AND origin = 'import' AND sender_id"
                f" IN ({rows.marks(list(line.moves))}) RETURNING id",
                (line.sender_id, record_id, *line.moves))
            if moved and line.kind in unread.KINDS:
                yield from unread.put(record_id)


def _write(chat_id: int, fresh: Sequence[Line], received_at: int) -> Unit[tuple[int, ...]]:
    """New records, found by their words and to be read by the registers; their ids."""
    first, last = _window(fresh)
    wrong = {line.kind for line in fresh}.difference(RECORD_KINDS)
    if wrong:
        raise ValueError(f"not a record: kind {wrong.pop()!r}")
    others = yield "SELECT 1 FROM record WHERE id >= ? AND id < ? LIMIT 1", (first, last)
    added = None if others else (yield from _insert_alone(chat_id, fresh, received_at, first, last))
    if added is None:
        added = yield from _insert_between(chat_id, fresh, received_at, first, last)
    index, terms = Many(), search.terms
    for record_id, line in zip(added, fresh, strict=True):
        if found := terms(line.text, line.media_name):
            index.append((record_id, found))
    yield search.INSERT, index
    yield unread.INSERT, Many([(record_id,) for record_id, line in zip(added, fresh, strict=True)
                               if line.kind in unread.KINDS])
    return added


_COLUMNS = """INSERT INTO record (id, chat_id, kind, origin, source_id, sender_id, sent_at,
    received_at, text, media, media_name, media_mime, detail)"""
_VALUES = "?, ?, 'import', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_ALONE = f"{_COLUMNS} VALUES (?, {_VALUES}"
_BETWEEN = f"""{_COLUMNS} VALUES (
    (SELECT coalesce(max(id) + 1, ?) FROM record WHERE id >= ? AND id < ?), {_VALUES}"""


def _insert_alone(chat_id: int, fresh: Sequence[Line], received_at: int, first: int, last: int
                  ) -> Unit[tuple[int, ...] | None]:
    """Nothing of any group stands in that time, as mostly where history is imported: ids are free.
    None when another process has just written there."""
    following: dict[int, int] = {}
    added, values = [], Many()
    for line in fresh:
        second = line.at // 1000
        record_id = following.get(second) or ids.first_record_id(line.at)
        following[second] = record_id + 1
        added.append(record_id)
        values.append((record_id, *_values(chat_id, line, received_at)))
    yield _ALONE, values
    stand = yield (
        "SELECT count(*) AS n FROM record WHERE chat_id = ? AND id >= ? AND id < ?",
        (chat_id, first, last))
    return tuple(added) if stand[0]["n"] == len(fresh) else None


def _insert_between(chat_id: int, fresh: Sequence[Line], received_at: int, first: int, last: int
                    ) -> Unit[tuple[int, ...]]:
    """Each behind the last of its second."""
    left: Sequence[Line] = fresh
    for _ in range(_TRIES):
        yield _BETWEEN, Many([
            (second := ids.first_record_id(line.at), second, second + ids.ORDINALS,
             *_values(chat_id, line, received_at)) for line in left])
        stand = yield (
            "SELECT id, source_id FROM record WHERE chat_id = ? AND id >= ? AND id < ?",
            (chat_id, first, last))
        written: dict[str, int] = {source: record_id for record_id, source in stand}
        left = [line for line in left if line.source_id not in written]
        if not left:
            return tuple(written[line.source_id] for line in fresh)
    raise RuntimeError(f"{len(left)} messages found no free record id")


def _values(chat_id: int, line: Line, received_at: int) -> tuple[object, ...]:
    source, at, sender_id, _, kind, _, text, media, media_name, media_mime, detail, _, _ = line
    if "\0" in text:
        text = clean.text(text)
    return (chat_id, kind, source, sender_id, at, received_at, text, media, media_name, media_mime,
            detail)


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
