"""Records: everything that happened, written once and kept for good.

A record's place in time is its id (archive.ids). The same source id in the same chat is the same
record, however often it comes. What a record speaks of (the quoted, edited, deleted message) may
come after it; then the record learns its target when that arrives.
"""
from __future__ import annotations

from collections.abc import Sequence

from archive import clean, directory, ids, rows, search, unread
from archive.db import ArchiveError, Database, Row, Unit
from archive.model import MESSAGE_KINDS, ORIGINS, RECORD_KINDS, NewRecord, Record

# Kinds that stand in a conversation by themselves; the others say something about another record.
PLACED_KINDS = (*MESSAGE_KINDS, "notice", "gap")

_INDEXED_KINDS = (*MESSAGE_KINDS, "notice", "edit")
_ID_TRIES = 50  # other processes may take the same id at the same moment


def add(new: NewRecord, media: str | None = None) -> Unit[tuple[int, bool]]:
    """Write a record: (its id, True), or (the id it has, False) when it was written before.

    `media`: SHA-256 sum of its file when it is already in the store. Raises ValueError on a kind or
    origin that archive.model does not know, or on an empty source id.
    """
    if new.kind not in RECORD_KINDS or new.origin not in ORIGINS or not new.source_id:
        raise ValueError(
            f"not a record: kind {new.kind!r}, origin {new.origin!r}, source {new.source_id!r}")
    sender_id = None
    if new.sender is not None:
        sender_id = yield from directory.ensure(new.sender, new.sent_at)
    target = None
    if new.target_source_id:
        target = yield from _find_target(new.chat_id, clean.text(new.target_source_id))
    target_id = target["id"] if target else None
    root_id = _root(new.kind, target)
    record_id, is_new = yield from _insert(new, sender_id, target_id, root_id, media)
    if not is_new:
        return record_id, False
    if new.kind in _INDEXED_KINDS:
        text = search.searched_text(clean.text(new.text), new.media_name)
        yield from search.index(record_id, text, edit=new.kind == "edit")
    if new.kind in unread.KINDS and not new.internal:
        yield from unread.put(record_id)
    yield from _reach_waiting(clean.text(new.source_id), record_id, root_id)
    return record_id, True


def _insert(
    new: NewRecord, sender_id: int | None, target_id: int | None, root_id: int | None,
    media: str | None,
) -> Unit[tuple[int, bool]]:
    """Allocate the next id of the second and insert, in one statement."""
    first = ids.first_record_id(min(max(new.sent_at, 0), ids.MAX_MS))
    values = (
        new.chat_id, new.kind, new.origin, clean.text(new.source_id), sender_id, new.sent_at,
        new.received_at, clean.text(new.text), target_id, _clean(new.target_source_id), root_id,
        media, _clean(new.media_name), _clean(new.media_mime), int(new.internal),
        _clean(new.detail), new.raw,
    )
    for _ in range(_ID_TRIES):
        found = yield (
            f"""INSERT INTO record (id, chat_id, kind, origin, source_id, sender_id, sent_at,
            received_at, text, target_id, target_source_id, root_id, media, media_name,
            media_mime, internal, detail, raw)
            VALUES ((SELECT coalesce(max(id) + 1, ?) FROM record WHERE id >= ? AND id < ?),
            {rows.marks(values)}) ON CONFLICT DO NOTHING RETURNING id""",
            (first, first, first + ids.ORDINALS, *values),
        )
        if found:
            return found[0]["id"], True
        found = yield (
            "SELECT id FROM record WHERE chat_id = ? AND source_id = ?", (values[0], values[3]))
        if found:
            return found[0]["id"], False
    raise ArchiveError(f"no record id is free in the second of {new.sent_at} ms")


def _clean(value: str | None) -> str | None:
    return None if value is None else clean.text(value)


def _find_target(chat_id: int, source_id: str) -> Unit[Row | None]:
    """The record that another names by its own id, or by the id it got on the other side."""
    found = yield (
        """SELECT r.id, r.kind, r.target_id, r.root_id FROM record r
            WHERE r.chat_id = ? AND r.source_id = ?
        UNION ALL SELECT r.id, r.kind, r.target_id, r.root_id FROM record r
            JOIN whatsapp_message w ON w.record_id = r.id
            WHERE w.chat_id = ? AND w.message_id = ?
        UNION ALL SELECT r.id, r.kind, r.target_id, r.root_id FROM record r
            JOIN matrix_event e ON e.record_id = r.id WHERE e.event_id = ? AND r.chat_id = ?
        LIMIT 1""",
        (chat_id, source_id, chat_id, source_id, source_id, chat_id),
    )
    if found and found[0]["kind"] == "edit" and found[0]["target_id"]:  # what it edits is meant
        found = yield (
            "SELECT id, kind, target_id, root_id FROM record WHERE id = ?",
            (found[0]["target_id"],),
        )
    return found[0] if found else None


def _root(kind: str, target: Row | None) -> int | None:
    if target is None or kind not in MESSAGE_KINDS:
        return None
    return target["root_id"] or target["id"]


def _reach_waiting(source_id: str, record_id: int, root_id: int | None) -> Unit[None]:
    """Records of the same chat that named this source id before it came learn their target. Their
    own replies, which took them for roots, move to the true root."""
    waiting = yield (
        """UPDATE record SET target_id = ? WHERE target_source_id = ? AND target_id IS NULL
        AND id <> ? AND chat_id = (SELECT c.chat_id FROM record c WHERE c.id = ?)
        RETURNING id, kind""",
        (record_id, source_id, record_id, record_id),
    )
    root = root_id or record_id
    for row in waiting:
        if row["kind"] in MESSAGE_KINDS and row["id"] != root:  # a ring of quotes has no root
            yield (
                "UPDATE record SET root_id = ? WHERE (id = ? OR root_id = ?) AND id <> ?",
                (root, row["id"], row["id"], root),
            )


def set_media(record_id: int, sha256: str) -> Unit[None]:
    """The record's file is in the store; filled in once."""
    yield "UPDATE record SET media = ? WHERE id = ? AND media IS NULL", (sha256, record_id)


def link_event(event_id: str, room_id: str, record_id: int, part: int = 0) -> Unit[None]:
    """A Matrix event stands for (a part of) a record."""
    made = yield (
        "INSERT INTO matrix_event (event_id, room_id, record_id, part) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING event_id",
        (event_id, room_id, record_id, part),
    )
    if made:
        yield from _reach_linked(event_id, record_id)


def link_whatsapp(chat_id: int, message_id: str, record_id: int) -> Unit[None]:
    """WhatsApp gave a message that we sent this id."""
    made = yield (
        "INSERT INTO whatsapp_message (chat_id, message_id, record_id) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING message_id",
        (chat_id, message_id, record_id),
    )
    if made:
        yield from _reach_linked(message_id, record_id)


def _reach_linked(source_id: str, record_id: int) -> Unit[None]:
    found = yield "SELECT root_id FROM record WHERE id = ?", (record_id,)
    if found:
        yield from _reach_waiting(source_id, record_id, found[0]["root_id"])


async def get(db: Database, record_id: int) -> Record | None:
    """A record by id."""
    return _one(await db.read(rows.RECORD_SELECT + "WHERE r.id = ?", record_id))


async def many(db: Database, record_ids: Sequence[int]) -> list[Record]:
    """The records with these ids, in no order; at most 500."""
    if not record_ids:
        return []
    found = await db.read(
        rows.RECORD_SELECT + f"WHERE r.id IN ({rows.marks(record_ids)})", *record_ids)
    return [rows.record(row) for row in found]


async def reaction_event_before(
    db: Database, target_id: int, sender_id: int | None, record_id: int
) -> str | None:
    """The Matrix event of the reaction that a person's newer one to the same message replaces;
    None when there is none, or it took an earlier one back."""
    found = await db.read(
        """SELECT r.text, e.event_id FROM record r LEFT JOIN matrix_event e ON e.record_id = r.id
        WHERE r.target_id = ? AND r.kind = 'reaction' AND r.sender_id = ? AND r.id < ?
        ORDER BY r.id DESC LIMIT 1""",
        target_id, sender_id, record_id,
    )
    return found[0]["event_id"] if found and found[0]["text"] else None


async def by_source(db: Database, chat_id: int, source_id: str) -> Record | None:
    """The record that came with this id: WhatsApp's, or Matrix's for what staff wrote."""
    return _one(await db.read(
        rows.RECORD_SELECT + "WHERE r.chat_id = ? AND r.source_id = ?", chat_id, source_id))


async def by_event(db: Database, event_id: str) -> Record | None:
    """The record that a Matrix event stands for."""
    return _one(await db.read(
        rows.RECORD_SELECT + "JOIN matrix_event e ON e.record_id = r.id WHERE e.event_id = ?",
        event_id,
    ))


async def by_whatsapp(db: Database, chat_id: int, message_id: str) -> Record | None:
    """The record that has this id on WhatsApp, whichever side it came from."""
    return await by_source(db, chat_id, message_id) or _one(await db.read(
        rows.RECORD_SELECT + "JOIN whatsapp_message w ON w.record_id = r.id "
        "WHERE w.chat_id = ? AND w.message_id = ?",
        chat_id, message_id,
    ))


async def events_of(db: Database, record_id: int) -> list[tuple[str, int]]:
    """The Matrix events that stand for a record, as (event id, part), by part."""
    found = await db.read(
        "SELECT event_id, part FROM matrix_event WHERE record_id = ? ORDER BY part", record_id)
    return [(row["event_id"], row["part"]) for row in found]


async def whatsapp_id(db: Database, record_id: int) -> str | None:
    """The id a record has on WhatsApp; None when it is not there (yet)."""
    found = await db.read("SELECT origin, source_id FROM record WHERE id = ?", record_id)
    if found and found[0]["origin"] == "whatsapp":
        return found[0]["source_id"]
    found = await db.read(
        "SELECT message_id FROM whatsapp_message WHERE record_id = ? ORDER BY message_id LIMIT 1",
        record_id,
    )
    return found[0]["message_id"] if found else None


async def page(
    db: Database, chat_id: int, *, before: int | None = None, after: int | None = None,
    limit: int = 50, kinds: Sequence[str] = PLACED_KINDS,
) -> list[Record]:
    """A stretch of a conversation, newest last: the last `limit` records before a record id (or of
    all), or the first after one. Only PLACED_KINDS unless told: the rest is in `histories`."""
    sql = rows.RECORD_SELECT + f"WHERE r.chat_id = ? AND r.kind IN ({rows.marks(kinds)})"
    args: list[int | str] = [chat_id, *kinds]
    if before is not None:
        sql, args = sql + " AND r.id < ?", [*args, before]
    if after is not None:
        sql, args = sql + " AND r.id > ?", [*args, after]
    forward = after is not None and before is None
    sql += f" ORDER BY r.id {'ASC' if forward else 'DESC'} LIMIT ?"
    found = [rows.record(row) for row in await db.read(sql, *args, limit)]
    return found if forward else found[::-1]


async def before(db: Database, chat_id: int, record_id: int, limit: int) -> list[Record]:
    """The last messages of a group before a record, oldest first."""
    found = await db.read(
        f"{rows.RECORD_SELECT}WHERE r.chat_id = ? AND r.id < ? AND r.internal = 0"
        f" AND r.kind IN ({rows.marks(list(MESSAGE_KINDS))}) ORDER BY r.id DESC LIMIT ?",
        chat_id, record_id, *MESSAGE_KINDS, limit)
    return [rows.record(row) for row in reversed(found)]


async def written_by_staff(db: Database, chat_id: int, after: int) -> list[Record]:
    """What staff wrote into a group since that record, oldest first."""
    found = await db.read(
        f"{rows.RECORD_SELECT}WHERE r.chat_id = ? AND r.id > ? AND r.origin = 'matrix'"
        f" AND r.internal = 0 AND r.kind IN ({rows.marks(list(MESSAGE_KINDS))}) ORDER BY r.id",
        chat_id, after, *MESSAGE_KINDS)
    return [rows.record(row) for row in found]


async def thread(db: Database, root_id: int) -> list[Record]:
    """A root and every record of its thread, newest last."""
    found = await db.read(
        rows.RECORD_SELECT + "WHERE r.id = ? OR r.root_id = ? ORDER BY r.id", root_id, root_id)
    return [rows.record(row) for row in found]


async def history(db: Database, record_id: int) -> list[Record]:
    """The edits and deletions of a record, in order."""
    found = await histories(db, [record_id], ("edit", "deletion"))
    return found.get(record_id, [])


async def histories(
    db: Database, record_ids: Sequence[int],
    kinds: Sequence[str] = ("edit", "deletion", "reaction", "vote"),
) -> dict[int, list[Record]]:
    """What was later done to each of the records, in order; those without are left out."""
    result: dict[int, list[Record]] = {}
    for start in range(0, len(record_ids), 500):
        part = record_ids[start:start + 500]
        found = await db.read(
            rows.RECORD_SELECT + f"WHERE r.target_id IN ({rows.marks(part)}) "
            f"AND r.kind IN ({rows.marks(kinds)}) ORDER BY r.id",
            *part, *kinds,
        )
        for row in found:
            result.setdefault(row["target_id"], []).append(rows.record(row))
    return result


def latest_text(record: Record, later: Sequence[Record]) -> str:
    """A record's text after its author's own edits among `later` (see `history`)."""
    edits = [r for r in later if r.kind == "edit" and r.sender_id == record.sender_id]
    return edits[-1].text if edits else record.text


async def current_text(db: Database, record_id: int) -> str | None:
    """A record's text as its author last left it (deleted or not); None when there is no record."""
    record = await get(db, record_id)
    return None if record is None else latest_text(record, await history(db, record_id))


async def raw(db: Database, record_id: int) -> bytes | None:
    """The message as received; None when there is no record or it had no bytes."""
    found = await db.read("SELECT raw FROM record WHERE id = ?", record_id)
    return bytes(found[0]["raw"]) if found and found[0]["raw"] is not None else None


async def stats(db: Database) -> dict[str, int]:
    """Numbers for a status page: records in all, messages, chats, persons, standing gaps, files,
    and when the last record came (`last_received_at`, Unix ms, 0 when none)."""
    kinds = await db.read("SELECT kind, count(*) AS n FROM record GROUP BY kind")
    count = {row["kind"]: row["n"] for row in kinds}
    found = await db.read(
        f"""SELECT (SELECT count(*) FROM chat WHERE {directory.GROUPS_ONLY}) AS chats,
        (SELECT count(*) FROM person) AS persons,
        (SELECT count(*) FROM gap WHERE closed_by IS NULL) AS gaps,
        (SELECT count(*) FROM media) AS files,
        (SELECT received_at FROM record ORDER BY id DESC LIMIT 1) AS last_received_at"""
    )
    return {
        "records": sum(count.values()),
        "messages": sum(count.get(kind, 0) for kind in MESSAGE_KINDS),
        **{key: value or 0 for key, value in dict(found[0]).items()},
    }


def _one(found: Sequence[Row]) -> Record | None:
    return rows.record(found[0]) if found else None
