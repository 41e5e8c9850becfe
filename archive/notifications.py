"""The register of notifications: documents and pictures that were announced as a notification,
press release, letter, circular or order, with number, date and subject as they were told."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive import fold
from archive.db import Database, Row, Unit
from archive.ids import first_record_id

KINDS = ("notification", "press release", "letter", "circular", "order")


@dataclass(frozen=True)
class Announced:
    """What one version of a caption announces. `kind` is one of KINDS, "" for none any more or
    "deleted"; `day` an ISO text; "" for what is not told."""

    record_id: int
    version_id: int
    kind: str
    number: str = ""
    day: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Notification:
    """A line of the register. `sent_at`: Unix ms, when it was posted."""

    record_id: int
    kind: str  # one of KINDS
    number: str
    day: str
    subject: str
    deleted: bool  # the message was taken back
    chat_id: int
    chat_name: str
    room_id: str | None
    sender_id: int | None
    sender: str
    sent_at: int
    media: str | None
    media_name: str
    text: str  # the caption, as first written


@dataclass(frozen=True)
class Filter:
    """Which are wanted; what is empty does not count. Times are Unix ms, of the posting."""

    words: str = ""
    kind: str = ""
    chat_id: int | None = None
    since: int | None = None
    until: int | None = None


def note(versions: Sequence[Announced], text: str) -> Unit[None]:
    """Keep what a message announces in each of its versions, oldest first. `text`: what it is found
    by beside number and subject (caption, file name, sender)."""
    yield ("UPDATE notification SET newest = 0 WHERE record_id = ?", (versions[0].record_id,))
    for told in versions:
        words = fold.tokens(f"{told.kind} {told.number} {told.subject} {text}")
        yield (
            "INSERT INTO notification (record_id, version_id, newest, kind, number, day, subject,"
            " words) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (record_id, version_id) DO UPDATE"
            " SET newest = excluded.newest, kind = excluded.kind, number = excluded.number, day ="
            " excluded.day, subject = excluded.subject, words = excluded.words",
            (told.record_id, told.version_id, int(told is versions[-1]), told.kind, told.number,
             told.day, told.subject, "".join(f" {word}" for word in dict.fromkeys(words))))


async def known(db: Database, record_id: int) -> bool:
    """Whether some version of this message was announced."""
    return bool(await db.read("SELECT 1 FROM notification WHERE record_id = ? LIMIT 1", record_id))


async def listing(db: Database, wanted: Filter, limit: int, offset: int = 0
                  ) -> tuple[list[Notification], int]:
    """(the first `limit` after `offset`, newest first, how many there are)."""
    where, args = ["1 = 1"], list[Any]()
    for condition, value in (
            ("kind = ?", wanted.kind), ("chat_id = ?", wanted.chat_id),
            ("record_id >= ?", wanted.since and first_record_id(wanted.since)),
            ("record_id < ?", wanted.until and first_record_id(wanted.until))):
        if value not in ("", None):
            where.append(condition)
            args.append(value)
    for word in fold.tokens(wanted.words)[:10]:
        where.append("words LIKE ?")
        args.append(f"% {word}%")
    rows = await db.read(
        f"SELECT found.*, count(*) OVER () AS total FROM ({_LINES}) found WHERE"
        f" {' AND '.join(where)} ORDER BY record_id DESC LIMIT {int(limit)} OFFSET {int(offset)}",
        *args)
    return [_line(row) for row in rows], rows[0]["total"] if rows else 0


# What was taken back stays in the register as it was last announced, and is marked.
_LINES = """SELECT n.record_id, t.kind, t.number, t.day, t.subject, t.words, n.kind AS state,
    r.chat_id, c.name AS chat_name, c.room_id, r.sender_id, p.name AS sender_name, r.sent_at,
    r.media, r.media_name, r.text
    FROM notification n JOIN notification t ON t.record_id = n.record_id AND t.version_id =
        (SELECT max(o.version_id) FROM notification o WHERE o.record_id = n.record_id
        AND o.kind NOT IN ('', 'deleted'))
    JOIN record r ON r.id = n.record_id JOIN chat c ON c.id = r.chat_id
    LEFT JOIN person p ON p.id = r.sender_id WHERE n.newest = 1 AND n.kind <> ''"""


def _line(row: Row) -> Notification:
    return Notification(
        row["record_id"], row["kind"], row["number"], row["day"], row["subject"],
        row["state"] == "deleted", row["chat_id"], row["chat_name"], row["room_id"],
        row["sender_id"], row["sender_name"] or "", row["sent_at"], row["media"],
        row["media_name"] or "", row["text"])
