"""A phone that exports its chats, and an office that takes them in."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from archive import directory
from archive.cases import Actor
from archive.db import Database
from archive.media import MediaStore
from archive.model import Chat
from bridge.imports import survey, taking
from bridge.imports.survey import Survey
from bridge.imports.taking import Taken

ZONE = ZoneInfo("Asia/Karachi")
BEGIN = datetime(2025, 12, 28, 7, 50, tzinfo=ZONE)
JID = "120363041234567890@g.us"
ACTOR = Actor("@clerk:test", "Clerk")


class Said(NamedTuple):
    """Something that was said: minutes since BEGIN, by whom ("" for WhatsApp itself), what."""

    minute: int
    sender: str
    text: str


def at(minute: int) -> int:
    """Unix ms of a minute since BEGIN."""
    return int((BEGIN + timedelta(minutes=minute)).timestamp() * 1000)


def exported(said: Iterable[Said], names: Mapping[str, str] | None = None) -> str:
    """The text that an Android phone exports, whose address book has `names`."""
    lines = []
    for one in said:
        when = BEGIN + timedelta(minutes=one.minute)
        sender = (names or {}).get(one.sender, one.sender)
        who = f"{sender}: " if sender else ""
        lines.append(f"{when:%d/%m/%Y}, {when:%I:%M} {when:%p} - {who}{one.text}\n".lower()
                     if not who else
                     f"{when:%d/%m/%Y}, {when:%I:%M} {'am' if when.hour < 12 else 'pm'} - "
                     f"{who}{one.text}\n")
    return "".join(lines)


async def group(db: Database, jid: str = JID) -> Chat:
    """The group of these exports."""
    return await db.write(directory.ensure_chat(jid, "Education Sibi", "", at(0)))


async def look(db: Database, path: Path, text: str | None = None, jid: str = JID, **kept: object
               ) -> Survey:
    """What is in an export."""
    if text is not None:
        path.write_text(text, encoding="utf-8")
    chat = await group(db, jid)
    return await survey.survey(db, path, ZONE, chat_id=chat.id, order="dmy", **kept)  # type: ignore[arg-type]


async def take(db: Database, path: Path, text: str | None = None, jid: str = JID, **kept: object
               ) -> Taken:
    """Take an export in."""
    found = await look(db, path, text, jid, **kept)
    return await taking.take(db, MediaStore(path.parent / "media"), found, await group(db, jid),
                             ZONE, ACTOR)


async def held(db: Database) -> list[tuple[int, str, str, str]]:
    """What the record holds, as (minute, sender, kind, text), in the order of its ids."""
    rows = await db.read(
        "SELECT r.sent_at, p.name, r.kind, r.text FROM record r LEFT JOIN person p"
        " ON p.id = r.sender_id ORDER BY r.id")
    return [((row["sent_at"] - at(0)) // 60_000, row["name"] or "", row["kind"], row["text"])
            for row in rows]
