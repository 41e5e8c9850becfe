"""What the archive's pages read, a whole page at a time.

A page costs a fixed handful of queries, however many messages stand on it: first the rows, then, in
one query each, everything that hangs on them (edits, deletions, reactions; quoted messages;
replies; cases; deliveries that stuck). Nothing here writes.
"""
from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archive import directory, gaps, messages
from archive.db import Database, Row
from archive.ids import first_record_id
from archive.model import Chat, Record
from archive.rows import RECORD_SELECT, marks
from archive.rows import record as record_of

PAGE = 50  # entries on a page of a group's record
LEAD = 8  # entries shown before the one that a link points to
NEWEST = 1 << 62  # above every record id
MENTIONS = 200  # people that one message mentions whose names are looked up
THREAD = 200  # messages of a thread shown on a message's own page

# Edits, deletions, reactions and votes stand with the message they are about. When the archive does
# not hold that message they get a line of their own, so that nothing is out of sight.
_SHOWN = "(r.kind NOT IN ('edit', 'deletion', 'reaction', 'vote') OR r.target_id IS NULL)"
_MESSAGE = "r.kind NOT IN ('edit', 'deletion', 'reaction', 'vote', 'pin', 'notice', 'gap')"


@dataclass(frozen=True)
class Reaction:
    """One emoji on a message, or option of a poll, and the names of those who left it standing."""

    emoji: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Stuck:
    """A delivery that needs a person: `unsure` (may have been sent) or `failed` (given up)."""

    queue_id: int
    lane: str
    task: str
    state: str
    tries: int
    note: str
    created_at: int
    attempted_at: int | None
    record_id: int | None
    chat_id: int | None
    chat_name: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A record with everything that hangs on it, ready to be shown."""

    record: Record
    edits: tuple[Record, ...] = ()  # the author's own, oldest first; the last one's text is current
    refused: tuple[Record, ...] = ()  # edits by others: kept, never believed
    deletion: Record | None = None
    reactions: tuple[Reaction, ...] = ()
    votes: tuple[Reaction, ...] = ()  # of a poll: every option, in its order
    quoted: Record | None = None
    replies: int = 0  # messages in the thread that this one is the root of
    gap: gaps.Gap | None = None
    cases: tuple[str, ...] = ()  # numbers of the cases that have this as a paper
    stuck: Stuck | None = None
    mentions: dict[str, str] = field(default_factory=dict)  # digits behind an "@" → name

    @property
    def versions(self) -> tuple[Record, ...]:
        """The message and its edits, oldest first: each with the text it had."""
        return self.record, *self.edits

    @property
    def text(self) -> str:
        """The text as it reads now, with the names of those it mentions."""
        text = messages.latest_text(self.record, self.edits)
        if not self.mentions:
            return text
        return re.sub("@([0-9]{5,20})(?![0-9])",
                      lambda m: "@" + self.mentions.get(m[1], m[1]), text)


@dataclass(frozen=True)
class RecordPage:
    """A stretch of one group's record, oldest first. `older` and `newer` are the ids to continue
    from (with `before` and `after`), None at the ends."""

    entries: tuple[Entry, ...]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class ChatLine:
    """A group on the overview."""

    chat: Chat
    entries: int
    last: Record | None
    open_gaps: int
    unsure: int
    failed: int


@dataclass(frozen=True)
class Sheet:
    """Everything known about one record."""

    entry: Entry
    chat: Chat
    addresses: tuple[tuple[str, str], ...]  # (kind, value) of the sender's numbers and ids
    whatsapp_ids: tuple[str, ...]
    events: tuple[str, ...]  # Matrix event ids, in order of their parts
    raw: bytes | None
    thread: tuple[Entry, ...]  # the whole thread that it belongs to, its root first
    thread_total: int


@dataclass(frozen=True)
class Lane:
    """Deliveries that wait in one lane."""

    lane: str
    chat_name: str
    waiting: int
    oldest_at: int


async def overview(db: Database) -> list[ChatLine]:
    """Every group with its newest message, liveliest first. Five queries."""
    rows, counts, standing, troubled = await asyncio.gather(
        db.read(
            f"""SELECT c.id, c.jid, c.name, c.topic, c.room_id, c.avatar,
                (SELECT r.id FROM record r WHERE r.chat_id = c.id AND {_MESSAGE}
                ORDER BY r.id DESC LIMIT 1) AS last_id
                FROM chat c WHERE c.{directory.GROUPS_ONLY}"""
        ),
        db.read("SELECT chat_id, count(*) AS n FROM record GROUP BY chat_id"),
        db.read("SELECT r.chat_id, count(*) AS n FROM gap g JOIN record r ON r.id = g.record_id "
                "WHERE g.closed_by IS NULL GROUP BY r.chat_id"),
        db.read("SELECT lane, state, count(*) AS n FROM queue WHERE state IN ('unsure', 'failed') "
                "GROUP BY lane, state"),
    )
    last = {record.id: record for record in await messages.many(
        db, [row["last_id"] for row in rows if row["last_id"]])}
    entries = {row["chat_id"]: row["n"] for row in counts}
    open_gaps = {row["chat_id"]: row["n"] for row in standing}
    stuck_rows = {(_lane_chat(row["lane"]), row["state"]): row["n"] for row in troubled}
    lines = [
        ChatLine(
            Chat(row["id"], row["jid"], row["name"], row["topic"], row["room_id"], row["avatar"]),
            entries.get(row["id"], 0), last.get(row["last_id"]), open_gaps.get(row["id"], 0),
            stuck_rows.get((row["id"], "unsure"), 0), stuck_rows.get((row["id"], "failed"), 0),
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: (-(line.last.id if line.last else 0), line.chat.name))


async def chat_names(db: Database, *, past: bool = False) -> dict[int, str]:
    """Names of all groups by id, in the order of their names; with `past` also those of the rooms
    that hold older parts of their records. One query."""
    where = "" if past else f"WHERE {directory.GROUPS_ONLY} "
    rows = await db.read(f"SELECT id, name, jid FROM chat {where}ORDER BY name, id")
    return {row["id"]: row["name"] or row["jid"] for row in rows}


async def record_page(
    db: Database, chat_id: int, *, before: int | None = None, after: int | None = None,
    around: int | None = None, limit: int = PAGE,
) -> RecordPage:
    """The newest entries of a group, or those right before, right after or around a record id.
    Eight queries, nine with `around`, whatever the number of messages."""
    if around is not None:
        rows = await db.read(
            f"SELECT r.id FROM record r WHERE r.chat_id = ? AND r.id < ? AND {_SHOWN} "
            "ORDER BY r.id DESC LIMIT ?", chat_id, around, LEAD)
        after = (rows[-1]["id"] if rows else around) - 1
    if after is not None:
        rows = await db.read(
            f"{RECORD_SELECT} WHERE r.chat_id = ? AND r.id > ? AND {_SHOWN} ORDER BY r.id LIMIT ?",
            chat_id, after, limit)
    else:
        rows = await db.read(
            f"{RECORD_SELECT} WHERE r.chat_id = ? AND r.id < ? AND {_SHOWN} "
            "ORDER BY r.id DESC LIMIT ?",
            chat_id, NEWEST if before is None else before, limit)
        rows.reverse()
    if not rows:
        return RecordPage((), None, None)
    first, last = rows[0]["id"], rows[-1]["id"]
    ends, entries = await asyncio.gather(
        db.read(
            f"""SELECT (SELECT r.id FROM record r WHERE r.chat_id = ? AND r.id < ? AND {_SHOWN}
                ORDER BY r.id DESC LIMIT 1) AS older,
                (SELECT r.id FROM record r WHERE r.chat_id = ? AND r.id > ? AND {_SHOWN}
                ORDER BY r.id LIMIT 1) AS newer""",
            chat_id, first, chat_id, last),
        _entries(db, [record_of(row) for row in rows]),
    )
    return RecordPage(
        entries,
        first if ends[0]["older"] is not None else None,
        last if ends[0]["newer"] is not None else None,
    )


async def sheet(db: Database, record_id: int) -> Sheet | None:
    """Everything about one record and its thread; None when there is no such record.
    At most 20 queries, however long the thread."""
    record = await messages.get(db, record_id)
    if record is None:
        return None
    root_id = record.root_id or record.id
    group, entries, addresses, sent, events, raw, thread, count = await asyncio.gather(
        directory.chat(db, record.chat_id),
        _entries(db, [record]),
        db.read("SELECT kind, value FROM identifier WHERE person_id = ? ORDER BY kind DESC, value",
                record.sender_id or 0),
        db.read("SELECT message_id FROM whatsapp_message WHERE record_id = ?", record_id),
        messages.events_of(db, record_id),
        messages.raw(db, record_id),
        db.read(f"{RECORD_SELECT} WHERE r.root_id = ? AND {_SHOWN} ORDER BY r.id LIMIT ?",
                root_id, THREAD),
        db.read(f"SELECT count(*) AS n FROM record r WHERE r.root_id = ? AND {_SHOWN}", root_id),
    )
    roots = await messages.many(db, [root_id]) if thread else []
    assert group is not None  # record.chat_id is a foreign key
    ids = [record.source_id] if record.origin == "whatsapp" else []
    return Sheet(
        entry=entries[0], chat=group,
        addresses=tuple((row["kind"], row["value"]) for row in addresses),
        whatsapp_ids=tuple(dict.fromkeys([*ids, *(row["message_id"] for row in sent)])),
        events=tuple(event for event, _ in events),
        raw=raw,
        thread=await _entries(db, [*roots, *(record_of(row) for row in thread)]),
        thread_total=count[0]["n"] + len(roots),
    )


async def entries(db: Database, record_ids: Sequence[int]) -> dict[int, Entry]:
    """Records with all that hangs on them, by id; those that do not exist are left out. A handful
    of queries for every 500."""
    found: dict[int, Entry] = {}
    for start in range(0, len(record_ids), 500):
        records = await messages.many(db, record_ids[start:start + 500])
        found |= {entry.record.id: entry for entry in await _entries(db, records)}
    return found


async def browse(
    db: Database, *, chat_id: int | None = None, sender_id: int | None = None,
    since: int | None = None, until: int | None = None, before: int | None = None, limit: int = 50,
) -> list[tuple[Record, str]]:
    """Messages by group, sender and time (Unix ms, `until` exclusive) without any words, newest
    first, each with its group's name. One query."""
    newest = [NEWEST if before is None else before,
              NEWEST if until is None else first_record_id(until)]
    where, args = ["r.id < ?"], [min(newest)]
    for condition, value in (
        ("r.id >= ?", first_record_id(since) if since is not None else None),
        ("r.chat_id = ?", chat_id),
        ("r.sender_id = ?", sender_id),
    ):
        if value is not None:
            where.append(condition)
            args.append(value)
    rows = await db.read(
        f"""SELECT found.*, c.name AS group_name FROM ({RECORD_SELECT}
            WHERE {' AND '.join(where)} AND {_MESSAGE} ORDER BY r.id DESC LIMIT ?) found
            JOIN chat c ON c.id = found.chat_id ORDER BY found.id DESC""", *args, limit)
    return [(record_of(row), row["group_name"]) for row in rows]


async def file_name(db: Database, record_id: int, sha256: str) -> str | None:
    """The name that a record gave to a file; None when it is not that record's. One query."""
    rows = await db.read(
        "SELECT media_name FROM record WHERE id = ? AND media = ?", record_id, sha256)
    return rows[0]["media_name"] if rows else None


async def file_mime(db: Database, sha256: str) -> str | None:
    """The declared type of a stored file; None when the archive does not hold it. One query."""
    rows = await db.read("SELECT mime FROM media WHERE sha256 = ?", sha256)
    return rows[0]["mime"] if rows else None


async def stuck(db: Database, limit: int = 200) -> list[Stuck]:
    """Deliveries that need a person, oldest first. Two queries."""
    rows, names = await asyncio.gather(
        db.read(f"{_STUCK} WHERE q.state IN ('unsure', 'failed') ORDER BY q.id LIMIT ?", limit),
        chat_names(db, past=True))
    return [_stuck(row, names) for row in rows]


async def lanes(db: Database) -> list[Lane]:
    """Lanes with deliveries that wait, the longest waiting first. Two queries."""
    rows, names = await asyncio.gather(
        db.read("SELECT lane, count(*) AS n, min(created_at) AS oldest FROM queue "
                "WHERE state IN ('ready', 'claimed') GROUP BY lane ORDER BY min(created_at)"),
        chat_names(db, past=True))
    return [Lane(row["lane"], names.get(_lane_chat(row["lane"]) or 0, ""), row["n"], row["oldest"])
            for row in rows]


async def link_settings(db: Database) -> dict[str, str]:
    """What the bridge noted about its links: settings whose names begin with `link`. One query."""
    rows = await db.read("SELECT name, value FROM setting WHERE name LIKE 'link%' ORDER BY name")
    return {row["name"]: row["value"] for row in rows}


_STUCK = """SELECT q.id, q.lane, q.task, q.state, q.tries, q.note, q.created_at, q.attempted_at,
    q.record_id, r.chat_id, r.text FROM queue q LEFT JOIN record r ON r.id = q.record_id"""


def _stuck(row: Row, names: dict[int, str]) -> Stuck:
    chat_id = row["chat_id"] or _lane_chat(row["lane"])
    return Stuck(
        row["id"], row["lane"], row["task"], row["state"], row["tries"], row["note"] or "",
        row["created_at"], row["attempted_at"], row["record_id"], chat_id,
        names.get(chat_id or 0, ""), row["text"] or "",
    )


def _lane_chat(lane: str) -> int | None:
    """The group of a lane `in:CHAT`, `out:CHAT` or `file:CHAT`; None for other lanes."""
    direction, _, chat_id = lane.partition(":")
    return int(chat_id) if direction in ("in", "out", "file") and chat_id.isdigit() else None


async def _entries(db: Database, records: Sequence[Record]) -> tuple[Entry, ...]:
    """Records with all that hangs on them. Six queries, and one more when somebody is mentioned."""
    if not records:
        return ()
    ids = [record.id for record in records]
    later, quoted, replies, standing, papers, troubled = await asyncio.gather(
        messages.histories(db, ids),
        messages.many(db, sorted({r.target_id for r in records if r.target_id is not None})),
        among(db, "SELECT r.root_id, count(*) AS n FROM record r WHERE r.root_id IN (", ids,
               f") AND {_SHOWN} GROUP BY r.root_id"),
        among(db, "SELECT g.record_id, r.chat_id, g.link, g.started_at, g.ended_at, g.closed_by "
                   "FROM gap g JOIN record r ON r.id = g.record_id WHERE g.record_id IN (",
               [record.id for record in records if record.kind == "gap"], ")"),
        among(db, "SELECT p.record_id, f.number FROM case_paper p JOIN case_file f "
                   "ON f.id = p.case_id WHERE p.record_id IN (", ids, ") ORDER BY f.id"),
        among(db, f"{_STUCK} WHERE q.state IN ('unsure', 'failed') AND q.record_id IN (", ids,
               ")"),
    )
    names = await _mentioned(db, [*records, *(r for each in later.values() for r in each)])
    quotes = {record.id: record for record in quoted}
    reply_counts = {row["root_id"]: row["n"] for row in replies}
    gap_rows = {row["record_id"]: gaps.Gap(**dict(row)) for row in standing}
    stuck_rows = {row["record_id"]: _stuck(row, {}) for row in troubled}
    numbers: dict[int, list[str]] = defaultdict(list)
    for row in papers:
        if row["number"] not in numbers[row["record_id"]]:  # a record may be on it in two parts
            numbers[row["record_id"]].append(row["number"])
    return tuple(
        _entry(
            record, later.get(record.id, []), quoted=quotes.get(record.target_id or 0),
            replies=reply_counts.get(record.id, 0), gap=gap_rows.get(record.id),
            cases=tuple(numbers[record.id]), stuck=stuck_rows.get(record.id),
            mentions=names if record.detail and '"mentions"' in record.detail else {})
        for record in records
    )


async def _mentioned(db: Database, records: Iterable[Record]) -> dict[str, str]:
    """The names of all whom some records mention, by the digits that stand behind the "@"."""
    digits = {jid.partition("@")[0] for record in records
              if record.detail and '"mentions"' in record.detail
              for jid in _detail(record).get("mentions", [])[:MENTIONS]
              if re.match("[0-9]{5,20}@", jid)}
    rows = await among(
        db, "SELECT i.value, p.name FROM identifier i JOIN person p ON p.id = i.person_id "
        "WHERE i.kind IN ('pn', 'lid') AND i.value IN (", sorted(digits), ")")
    return {row["value"]: row["name"] for row in rows if row["name"]}


def _entry(record: Record, later: Sequence[Record], **rest: Any) -> Entry:
    edits = [r for r in later if r.kind == "edit"]
    return Entry(
        record=record,
        edits=tuple(r for r in edits if r.sender_id == record.sender_id),
        refused=tuple(r for r in edits if r.sender_id != record.sender_id),
        deletion=next((r for r in later if r.kind == "deletion"), None),
        reactions=_reactions(later), votes=_votes(record, later),
        **rest,
    )


async def among(db: Database, head: str, values: Iterable[int], tail: str) -> list[Row]:
    """A query over `IN (…)` with as many placeholders as there are values; no values, no query."""
    values = list(values)
    if not values:
        return []
    return await db.read(head + marks(values) + tail, *values)


def _reactions(followers: Sequence[Record]) -> tuple[Reaction, ...]:
    """The last reaction of each person counts; an empty one took it back."""
    names: dict[str, list[str]] = {}
    for record in _latest("reaction", followers):
        if record.text:
            names.setdefault(record.text, []).append(record.sender_name)
    return tuple(Reaction(emoji, tuple(people_)) for emoji, people_ in names.items())


def _votes(poll: Record, followers: Sequence[Record]) -> tuple[Reaction, ...]:
    """The last vote of each person counts; an empty one took it back."""
    if poll.kind != "poll":
        return ()
    names: dict[str, list[str]] = {str(o): [] for o in _detail(poll).get("options", [])}
    for record in _latest("vote", followers):
        for option in _detail(record).get("options", []):
            names.setdefault(str(option), []).append(record.sender_name)
    return tuple(Reaction(option, tuple(people_)) for option, people_ in names.items())


def _latest(kind: str, followers: Sequence[Record]) -> Iterable[Record]:
    """The last record of a kind of each person, the longest standing first."""
    latest: dict[int | str, Record] = {}
    for record in followers:
        if record.kind == kind:
            latest.pop(record.sender_id or record.source_id, None)
            latest[record.sender_id or record.source_id] = record
    return latest.values()


def _detail(record: Record) -> dict[str, Any]:
    values = json.loads(record.detail or "{}")
    return values if isinstance(values, dict) else {}
