"""School visits: what monitors and officers report from schools, as rows. A visit has parts, the
messages and pictures that it was told in, each with its own figures; together they make the visit.
This file is the model and how it is read; archive/visiting.py is how visits are written."""
from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive.db import Database, Row
from archive.rows import marks

APART_MS = 15 * 60_000  # between the parts of one report, at most


@dataclass(frozen=True)
class Figures:
    """What a report tells; None or empty where it is silent."""

    open: bool | None = None
    teachers_sanctioned: int | None = None
    teachers_present: int | None = None
    absent_teachers: tuple[str, ...] = ()
    students_enrolled: int | None = None
    students_present: int | None = None
    missing: tuple[str, ...] = ()
    building: str | None = None


FIGURES = tuple(field.name for field in fields(Figures))
_LISTS = ("absent_teachers", "missing")


@dataclass(frozen=True)
class Named:
    """A school as a message names it."""

    name: str = ""
    bemis: str | None = None
    district: str | None = None


@dataclass(frozen=True)
class Part:
    """A message or picture of a visit, as it now stands. `kind`: report, name, picture; deleted, or
    nothing after an edit that took the report back. `versions`: how often it was told."""

    record_id: int
    kind: str
    figures: Figures
    named: Named
    corrects: bool
    versions: int
    media: str | None = None  # SHA-256 of its file, when the archive has it
    media_kind: str = ""  # image, video, document


@dataclass(frozen=True)
class Visit:
    """A visit as its parts together tell it. Times are Unix ms: when its first part was sent, and
    when that reached us."""

    id: int
    record_id: int  # its first part
    chat_id: int
    chat_name: str
    room_id: str | None
    visitor_id: int | None
    visitor: str
    visited_at: int
    received_at: int
    deleted: bool
    bemis: str | None
    by_name: bool  # the code was not told: it was found by the school's name
    school_name: str
    district: str
    figures: Figures
    parts: tuple[Part, ...] = ()

    @property
    def pictures(self) -> tuple[Part, ...]:
        """Its parts with a file of pictures, oldest first."""
        return tuple(part for part in self.parts
                     if part.media_kind in ("image", "video") and part.kind != "deleted")

    @property
    def corrected(self) -> bool:
        """Whether something of it was told anew."""
        return any(part.versions > 1 or part.corrects for part in self.parts)


@dataclass(frozen=True)
class Standing:
    """How a school stands by its visits. `since`: of an unbroken row of visits that found it so,
    the first; `before`: the last visit that found it otherwise."""

    state: str  # open, closed, untold, unvisited
    since: int | None = None
    before: int | None = None
    visits: int = 0


@dataclass(frozen=True)
class Filter:
    """Which visits are wanted; what is empty does not count. Times are Unix ms."""

    bemis: str = ""
    district: str = ""
    chat_id: int | None = None
    since: int | None = None
    until: int | None = None
    uncoded: bool = False  # the school's code is not known
    deleted: bool = True  # those too that were taken back


def standing(visits: Sequence[Visit]) -> Standing:
    """How a school stands, from its visits; those that were taken back do not count."""
    counted = sorted((v for v in visits if not v.deleted), key=lambda v: (-v.visited_at, -v.id))
    told = [visit for visit in counted if visit.figures.open is not None]
    if not told:
        return Standing("untold" if counted else "unvisited", visits=len(counted))
    now = told[0].figures.open
    run = next((n for n, visit in enumerate(told) if visit.figures.open != now), len(told))
    return Standing("open" if now else "closed", told[run - 1].visited_at,
                    told[run].visited_at if run < len(told) else None, len(counted))


def standing_words(found: Standing, when: Callable[[int], str]) -> str:
    """`functional since 7 Apr 2026 (closed on 6 Apr 2026)`, in the words of the department."""
    if found.state == "unvisited":
        return "no visit on record"
    if found.state == "untold":
        return "visited, but no report says whether it was open"
    since, before = when(found.since or 0), found.before and when(found.before)
    if found.state == "open":
        return (f"functional since {since} (closed on {before})" if before
                else f"functional at every visit since {since}")
    return (f"found closed since {since} (last functional on {before})" if before
            else f"found closed since {since}, never functional on record")


# Reading

_FIGURES = ", ".join(FIGURES)
_VISIT = f"""SELECT v.id, v.record_id, v.chat_id, v.state, v.bemis, v.by_name, v.school_name,
    v.district, v.visited_at, v.received_at, {', '.join('v.' + name for name in FIGURES)},
    c.name AS chat_name, c.room_id, r.sender_id, p.name AS sender_name
    FROM visit v JOIN chat c ON c.id = v.chat_id JOIN record r ON r.id = v.record_id
    LEFT JOIN person p ON p.id = r.sender_id"""
# The newest version of each part.
CURRENT = """p.version_id = (SELECT max(q.version_id) FROM visit_part q
    WHERE q.record_id = p.record_id)"""
_PART = f"""SELECT p.visit_id, p.record_id, p.kind, p.corrects, p.bemis, p.school_name, p.district,
    {', '.join('p.' + name for name in FIGURES)}, r.media, r.kind AS record_kind,
    (SELECT count(*) FROM visit_part n WHERE n.record_id = p.record_id) AS versions
    FROM visit_part p JOIN record r ON r.id = p.record_id WHERE {CURRENT} AND p.visit_id IN ("""


async def listing(db: Database, wanted: Filter, limit: int, offset: int = 0
                  ) -> tuple[list[Visit], int]:
    """(the first `limit` visits after `offset`, newest first, with their parts; how many there
    are). Two queries."""
    where, args = _where(wanted)
    rows = await db.read(
        f"{_VISIT.replace(' FROM', ', count(*) OVER () AS total FROM', 1)} WHERE {where}"
        f" ORDER BY v.visited_at DESC, v.id DESC LIMIT {int(limit)} OFFSET {int(offset)}", *args)
    if not rows:
        return [], 0
    parts = await _parts(db, [row["id"] for row in rows])
    return [_visit(row, parts.get(row["id"], [])) for row in rows], rows[0]["total"]


async def of_school(db: Database, bemis: str) -> list[Visit]:
    """All visits of a school, newest first, those too that were taken back; at most 1000."""
    return (await listing(db, Filter(bemis=bemis), 1000))[0]


async def by_record(db: Database, record_id: int) -> Visit | None:
    """The visit that a message or picture is a part of."""
    rows = await db.read(
        f"{_VISIT} WHERE v.id = (SELECT visit_id FROM visit_part WHERE record_id = ? LIMIT 1)",
        record_id)
    if not rows:
        return None
    parts = await _parts(db, [rows[0]["id"]])
    return _visit(rows[0], parts[rows[0]["id"]])


async def versions(db: Database, record_id: int) -> list[tuple[int, str, Figures]]:
    """What a part told in turn: (version, its kind, its figures), oldest first."""
    rows = await db.read(f"SELECT version_id, kind, {_FIGURES} FROM visit_part WHERE record_id = ?"
                         " ORDER BY version_id", record_id)
    return [(row["version_id"], row["kind"], figures_of(row)) for row in rows]


async def is_begun(db: Database, chat_id: int, sender_id: int, record_id: int, sent_at: int
                   ) -> bool:
    """Whether somebody has begun a report of which the message `record_id` may be a part."""
    rows = await db.read(
        f"SELECT 1 FROM visit_part p JOIN record r ON r.id = p.record_id WHERE r.chat_id = ?"
        f" AND r.sender_id = ? AND r.id < ? AND r.sent_at >= ? AND p.kind IN ('report', 'name')"
        f" AND {CURRENT} LIMIT 1", chat_id, sender_id, record_id, sent_at - APART_MS)
    return bool(rows)


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    where, args = ["v.state <> 'named'"], list[Any]()
    for condition, value in (
            ("v.bemis = ?", wanted.bemis), ("lower(v.district) = lower(?)", wanted.district),
            ("v.chat_id = ?", wanted.chat_id), ("v.visited_at >= ?", wanted.since),
            ("v.visited_at < ?", wanted.until)):
        if value not in ("", None):
            where.append(condition)
            args.append(value)
    if wanted.uncoded:
        where.append("v.bemis IS NULL")
    if not wanted.deleted:
        where.append("v.state = 'told'")
    return " AND ".join(where), args


async def _parts(db: Database, visit_ids: Sequence[int]) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = {}
    chunks = [visit_ids[start:start + 500] for start in range(0, len(visit_ids), 500)]
    for rows in await asyncio.gather(*(
            db.read(f"{_PART}{marks(list(chunk))}) ORDER BY p.record_id", *chunk)
            for chunk in chunks)):
        for row in rows:
            found.setdefault(row["visit_id"], []).append(Part(
                row["record_id"], row["kind"], figures_of(row), named_of(row),
                bool(row["corrects"]), row["versions"], row["media"], row["record_kind"]))
    return found


def figures_of(row: Row) -> Figures:
    """The figures of a row of visit or visit_part."""
    values = {name: row[name] for name in FIGURES}
    values |= {name: tuple(json.loads(values[name])) for name in _LISTS}
    return Figures(**values | {"open": None if values["open"] is None else bool(values["open"])})


def values_of(figures: Figures) -> list[Any]:
    """Figures as columns, in the order of FIGURES."""
    values = {name: getattr(figures, name) for name in FIGURES}
    values |= {name: json.dumps(list(values[name]), ensure_ascii=False) for name in _LISTS}
    return list((values | {"open": None if figures.open is None else int(figures.open)}).values())


def named_of(row: Row) -> Named:
    """The school as a row of visit_part names it."""
    return Named(row["school_name"], row["bemis"], row["district"] or None)


def _visit(row: Row, parts: list[Part]) -> Visit:
    return Visit(
        row["id"], row["record_id"], row["chat_id"], row["chat_name"], row["room_id"],
        row["sender_id"], row["sender_name"] or "", row["visited_at"], row["received_at"],
        row["state"] == "deleted", row["bemis"], bool(row["by_name"]), row["school_name"],
        row["district"], figures_of(row), tuple(parts))


# As a table

_FORMULA = ("=", "+", "-", "@")
_HEADINGS = ("visited", "received", "bemis", "school", "district", "group", "visitor", *FIGURES,
             "pictures", "corrected", "taken_back", "record")


def as_csv(visits: Iterable[Visit], zone: ZoneInfo) -> bytes:
    """Visits as a table that a spreadsheet opens; times are the office's."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    for visit in visits:
        figures = (_cell(getattr(visit.figures, name)) for name in FIGURES)
        writer.writerow([
            _time(visit.visited_at, zone), _time(visit.received_at, zone), visit.bemis or "",
            *map(_cell, (visit.school_name, visit.district, visit.chat_name, visit.visitor)),
            *figures, len(visit.pictures), _cell(visit.corrected), _cell(visit.deleted),
            visit.record_id])
    return out.getvalue().encode("utf-8-sig")


def _time(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
