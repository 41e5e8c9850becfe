"""Schools, by their BEMIS code: a text of five digits, whose leading zeros count. What is told
about them is in archive/visits.py; a list of them comes from a file (archive/schools_file.py)."""
from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from archive import fold, visiting
from archive.cases import Actor
from archive.db import Database, Row, Unit
from archive.rows import marks

CODE_LENGTH = 5
NEAREST = 5  # schools that are proposed
LIKE = 0.6  # how like a proposed name must be (difflib's ratio)
STATES = ("open", "closed", "untold", "unvisited")
DAY_MS = 86_400_000

_COLUMNS = ("bemis, name, district, tehsil, level, gender, latitude, longitude,"
            " teachers_sanctioned")


@dataclass(frozen=True)
class School:
    """A school as the list has it; "" and None where the list is silent."""

    bemis: str
    name: str
    district: str = ""
    tehsil: str = ""
    level: str = ""  # primary, middle, high, higher secondary
    gender: str = ""  # boys, girls, mixed
    latitude: float | None = None  # degrees north
    longitude: float | None = None  # degrees east
    teachers_sanctioned: int | None = None


@dataclass(frozen=True)
class Line:
    """A school on a list or a map: as the last visits found it."""

    school: School
    state: str  # one of STATES; untold: visited, but nobody said whether it was open
    visited_at: int | None  # the last visit, Unix ms
    listed: bool = True  # False: only visits know it


@dataclass(frozen=True)
class Filter:
    """Which schools are wanted; what is empty does not count."""

    district: str = ""
    state: str = ""  # one of STATES
    unvisited_since: int = 0  # no visit from that moment on (Unix ms)
    words: str = ""  # all of them, in name or code
    placed: bool = False  # with coordinates only


@dataclass(frozen=True)
class Taking:
    """What taking a list changes."""

    added: int
    changed: int
    same: int

    def words(self) -> str:
        """`1204 schools: 1180 new, 20 changed, 4 as they stood`"""
        total = self.added + self.changed + self.same
        return (f"{total} {'school' if total == 1 else 'schools'}: {self.added} new, "
                f"{self.changed} changed, {self.same} as before")


# What is known: the list, and what only visits name.
_KNOWN = f"""(SELECT {_COLUMNS}, words FROM school UNION ALL
    SELECT v.bemis, v.school_name, v.district, '', '', '', CAST(NULL AS DOUBLE PRECISION),
    CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS BIGINT), v.words FROM visit v WHERE v.id IN
    (SELECT max(w.id) FROM visit w WHERE w.bemis IS NOT NULL AND w.state = 'told' GROUP BY w.bemis)
    AND NOT EXISTS (SELECT 1 FROM school s WHERE s.bemis = v.bemis)) known"""


# One school


async def get(db: Database, bemis: str) -> School | None:
    """The school with this code, if the list has it."""
    rows = await db.read(f"SELECT {_COLUMNS} FROM school WHERE bemis = ?", bemis)
    return _school(rows[0]) if rows else None


async def known(db: Database, bemis: str) -> School | None:
    """The same, or as visits name it that the list does not have."""
    rows = await db.read(f"SELECT {_COLUMNS} FROM {_KNOWN} WHERE bemis = ?", bemis)
    return _school(rows[0]) if rows else None


async def count(db: Database) -> int:
    """How many schools the list has."""
    return (await db.read("SELECT count(*) AS total FROM school"))[0]["total"]


def near_codes(code: str) -> list[str]:
    """Codes that a typing mistake makes into this one: two neighbours changed places, one digit is
    wrong, one is missing or too many. The likelier mistakes first."""
    swapped = [code[:n] + code[n + 1] + code[n] + code[n + 2:] for n in range(len(code) - 1)]
    wrong = [code[:n] + digit + code[n + 1:] for n in range(len(code)) for digit in "0123456789"]
    if len(code) == CODE_LENGTH - 1:
        swapped, wrong = [], [code[:n] + digit + code[n:] for n in range(len(code) + 1)
                              for digit in "0123456789"]  # "0" + code is the first
    elif len(code) == CODE_LENGTH + 1:
        swapped, wrong = [], [code[:n] + code[n + 1:] for n in range(len(code))]
    return [each for each in dict.fromkeys([*swapped, *wrong]) if each != code]


async def near_code(db: Database, code: str) -> list[School]:
    """The schools whose codes are a typing mistake away, the likelier mistakes first."""
    codes = near_codes(code)
    if not codes:
        return []
    rows = await db.read(
        f"SELECT {_COLUMNS} FROM {_KNOWN} WHERE bemis IN ({marks(codes)})", *codes)
    found = sorted(map(_school, rows), key=lambda school: codes.index(school.bemis))
    return found[:NEAREST]


async def named(db: Database, name: str) -> list[School]:
    """The schools of exactly this name, as words are compared; the district may follow it."""
    wanted = fold.tokens(name)
    if not wanted:
        return []
    rows = await db.read(
        f"SELECT {_COLUMNS} FROM {_KNOWN} WHERE words = ? OR ? LIKE words || ' %' ORDER BY bemis",
        " ".join(wanted), " ".join(wanted))
    schools = list(map(_school, rows))
    exact = [s for s in schools if fold.tokens(s.name) == wanted]
    return exact or [s for s in schools if fold.tokens(f"{s.name} {s.district}") == wanted]


async def near_name(db: Database, name: str) -> list[School]:
    """The schools whose names are most like this one, the best first; a district's name may stand
    with it. Every name is compared, in a thread: some 0.8 s for 15,000."""
    rows = await db.read(f"SELECT bemis, words, district FROM {_KNOWN}")
    codes = await asyncio.to_thread(_most_like, " ".join(fold.tokens(name)), [
        (row["bemis"], row["words"], row["district"]) for row in rows])
    if not codes:
        return []
    rows = await db.read(
        f"SELECT {_COLUMNS} FROM {_KNOWN} WHERE bemis IN ({marks(codes)})", *codes)
    return sorted(map(_school, rows), key=lambda school: codes.index(school.bemis))


def _most_like(wanted: str, known: Sequence[tuple[str, str, str]]) -> list[str]:
    """Of (code, folded name, district) the codes of the NEAREST most like the folded words."""
    match = difflib.SequenceMatcher(None, b=wanted)  # b is what is prepared once
    scored = []
    for bemis, words, district in known:
        full = f"{words} {' '.join(fold.tokens(district))}"
        best = 0.0
        for text in (words, full):
            match.set_seq1(text)
            if match.real_quick_ratio() > LIKE and match.quick_ratio() > LIKE:
                best = max(best, match.ratio())
        if set(wanted.split()) <= set(full.split()):
            best = max(best, 0.9)  # `Thangao Hara` for `GBPS Thangao Hara`
        if best > LIKE:
            scored.append((best, bemis))
    return [bemis for _, bemis in sorted(
        scored, key=lambda pair: (-pair[0], pair[1]))[:NEAREST]]


# Many


# Of each code that the list or a visit has: the last visit, and the last that said open or closed.
_LINES = f"""SELECT {', '.join('s.' + c for c in _COLUMNS.split(', '))}, codes.bemis AS code,
    s.words, v.words AS visit_words, v.visited_at, v.school_name, v.district AS visit_district,
    o.open
    FROM (SELECT bemis FROM school UNION SELECT bemis FROM visit
        WHERE bemis IS NOT NULL AND state = 'told') codes
    LEFT JOIN school s ON s.bemis = codes.bemis
    LEFT JOIN visit v ON v.id = (SELECT a.id FROM visit a WHERE a.bemis = codes.bemis
        AND a.state = 'told' ORDER BY a.visited_at DESC, a.id DESC LIMIT 1)
    LEFT JOIN visit o ON o.id = (SELECT b.id FROM visit b WHERE b.bemis = codes.bemis
        AND b.state = 'told' AND b.open IS NOT NULL ORDER BY b.visited_at DESC, b.id DESC LIMIT 1)
    """
_CONDITIONS = {
    "open": "open = 1", "closed": "open = 0",
    "untold": "open IS NULL AND visited_at IS NOT NULL", "unvisited": "visited_at IS NULL",
}


async def listing(db: Database, wanted: Filter, limit: int, offset: int = 0
                  ) -> tuple[list[Line], int]:
    """(the first `limit` schools after `offset`, by district and name, how many there are)."""
    where, args = _where(wanted)
    rows = await db.read(
        f"SELECT lines.*, count(*) OVER () AS total FROM ({_LINES}) lines WHERE {where} ORDER BY"
        " coalesce(nullif(district, ''), visit_district, ''), coalesce(name, school_name), code"
        f" LIMIT {int(limit)} OFFSET {int(offset)}", *args)
    return [_line(row) for row in rows], rows[0]["total"] if rows else 0


async def counts(db: Database, wanted: Filter) -> dict[str, int]:
    """How many schools stand in each state."""
    where, args = _where(wanted)
    cases = "CASE " + " ".join(
        f"WHEN {condition} THEN '{state}'" for state, condition in _CONDITIONS.items()) + " END"
    rows = await db.read(f"SELECT {cases} AS state, count(*) AS total FROM ({_LINES}) lines"
                         f" WHERE {where} GROUP BY {cases}", *args)
    return {row["state"]: row["total"] for row in rows}


async def districts(db: Database) -> list[str]:
    """The districts of all schools and visits, by name."""
    rows = await db.read("SELECT district FROM school WHERE district <> '' UNION SELECT district"
                         " FROM visit WHERE district <> '' AND state = 'told' ORDER BY 1")
    return [row["district"] for row in rows]


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    where, args = ["1 = 1"], list[Any]()
    if wanted.district:
        where.append("lower(coalesce(nullif(district, ''), visit_district)) = lower(?)")
        args.append(wanted.district)
    if wanted.state:
        where.append(f"({_CONDITIONS[wanted.state]})")
    if wanted.unvisited_since:
        where.append("(visited_at IS NULL OR visited_at < ?)")
        args.append(wanted.unvisited_since)
    if wanted.placed:
        where.append("latitude IS NOT NULL")
    for word in fold.tokens(wanted.words)[:10]:
        where.append("(code LIKE ? OR ' ' || coalesce(words, visit_words) LIKE ?)")
        args += [f"{word}%", f"% {word}%"]
    return " AND ".join(where), args


def _line(row: Row) -> Line:
    state = ("unvisited" if row["visited_at"] is None else "untold" if row["open"] is None
             else "open" if row["open"] else "closed")
    if row["bemis"] is not None:
        return Line(_school(row), state, row["visited_at"])
    return Line(School(row["code"], row["school_name"], row["visit_district"]), state,
                row["visited_at"], listed=False)


# Taking a list


def plan(found: Sequence[School]) -> Unit[tuple[Taking, list[tuple[School | None, School]]]]:
    """What a list would change, and each change as (before, after)."""
    known: dict[str, School] = {}
    for start in range(0, len(found), 500):
        codes = [school.bemis for school in found[start:start + 500]]
        rows = yield f"SELECT {_COLUMNS} FROM school WHERE bemis IN ({marks(codes)})", codes
        known |= {row["bemis"]: _school(row) for row in rows}
    changes = [(known.get(school.bemis), _kept(known.get(school.bemis), school))
               for school in found]
    changed = [(before, after) for before, after in changes if before != after]
    added = sum(before is None for before, _ in changed)
    return Taking(added, len(changed) - added, len(found) - len(changed)), changed


def _kept(before: School | None, after: School) -> School:
    """What a file leaves empty stays as it stood: it says nothing of it."""
    if before is None:
        return after
    return School(**{name: before_value if (value := getattr(after, name)) in ("", None) else value
                     for name, before_value in asdict(before).items()})


async def trial(db: Database, found: Sequence[School]) -> Taking:
    """The same, and nothing is changed."""
    unit = plan(found)
    statement = next(unit)
    while True:
        rows = await db.read(statement[0], *statement[1])
        try:
            statement = unit.send(rows)
        except StopIteration as done:
            return done.value[0]


def take(found: Sequence[School], actor: Actor, at: int) -> Unit[Taking]:
    """Put a list's schools into ours; what it does not name stays. Visits that named a school
    without its code get the code, where only one school has that name."""
    taking, changed = yield from plan(found)
    for before, after in changed:
        yield (f"INSERT INTO school ({_COLUMNS}, words) VALUES ({marks([0] * 10)})"
               " ON CONFLICT (bemis) DO UPDATE SET name = excluded.name, district ="
               " excluded.district, tehsil = excluded.tehsil, level = excluded.level, gender ="
               " excluded.gender, latitude = excluded.latitude, longitude = excluded.longitude,"
               " teachers_sanctioned = excluded.teachers_sanctioned, words = excluded.words",
               (*asdict(after).values(), " ".join(fold.tokens(after.name))))
        yield ("INSERT INTO school_change (bemis, actor, actor_name, at, before_value, after_value)"
               " VALUES (?, ?, ?, ?, ?, ?)",
               (after.bemis, actor.mxid, actor.name, at, before and _json(before), _json(after)))
    if changed:
        yield from visiting.name_anew()
    return taking


async def everything(db: Database) -> list[School]:
    """The whole list, by code."""
    return list(map(_school, await db.read(f"SELECT {_COLUMNS} FROM school ORDER BY bemis")))


def _json(school: School) -> str:
    return json.dumps(asdict(school), ensure_ascii=False)


def _school(row: Row) -> School:
    return School(**{name: row[name] for name in _COLUMNS.split(", ")})
