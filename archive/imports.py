"""Chat exports that were taken into the record: which, when, by whom, what came of it; and whom the
names in a group's exports mean."""
from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archive import directory, fold, gaps, ids, names
from archive.cases import Actor
from archive.db import Database, Row, Unit
from archive.model import Sender
from archive.rows import marks

# Life of an import. new: uploaded, not looked at; asked: looked at, waits for a person's yes;
# ready: has it; refused: it cannot be taken, `report` says why. What is `running` when the program
# dies is begun again: importing twice adds nothing.
STATES = ("new", "asked", "ready", "running", "done", "refused")

# What an export leaves of a message (`detail.field`), as rooms and pages say it.
LEFT_OUT = {
    "omittedMedia": "Sent a picture, video, voice message or file. The chat was exported without "
                    "media.",
    "deletedMessage": "This message was deleted before the chat was exported.",
    "waitingMessage": "This message had not reached the phone from which the chat was exported.",
    "viewOnceMessage": "Sent a picture or video to be seen once; an export does not hold it.",
    "liveLocation": "Shared a live location."}


@dataclass(frozen=True)
class Run:
    """An import. `settings`: as asked for; `found`: what a look at the file told; `report`: what
    came of it. All three as bridge.imports writes them."""

    id: int
    chat_id: int | None
    file_name: str
    sha256: str
    size: int
    state: str
    actor: Actor
    settings: dict[str, Any]
    found: dict[str, Any]
    report: dict[str, Any]
    started_at: int
    changed_at: int


def begin(file_name: str, sha256: str, size: int, state: str, actor: Actor, at: int, *,
          chat_id: int | None = None, settings: Mapping[str, Any] | None = None) -> Unit[int]:
    """Note an import; its id."""
    rows = yield (
        "INSERT INTO import_run (chat_id, file_name, sha256, size, state, actor, actor_name,"
        " settings, started_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (chat_id, file_name, sha256, size, state, actor.mxid, actor.name,
         json.dumps(settings or {}, ensure_ascii=False), at, at))
    return rows[0]["id"]


def move(run_id: int, state: str, at: int, *, chat_id: int | None = None,
         settings: Mapping[str, Any] | None = None, found: Mapping[str, Any] | None = None,
         report: Mapping[str, Any] | None = None, only_from: Sequence[str] = STATES) -> Unit[bool]:
    """The import is in another state, and what is given replaces what stood there. False when it
    was in none of the states `only_from`."""
    values = {"chat_id": chat_id, **{
        name: None if value is None else json.dumps(value, ensure_ascii=False)
        for name, value in (("settings", settings), ("found", found), ("report", report))}}
    given = {name: value for name, value in values.items() if value is not None}
    sets = "".join(f", {name} = ?" for name in given)
    rows = yield (
        f"UPDATE import_run SET state = ?, changed_at = ?{sets} WHERE id = ? "
        f"AND state IN ({marks(list(only_from))}) RETURNING id",
        (state, at, *given.values(), run_id, *only_from))
    return bool(rows)


def take_up(sha256: str, chat_id: int, run_id: int, at: int) -> Unit[None]:
    """Imports of the same text into the same group that were broken off are taken up by this."""
    yield (
        "UPDATE import_run SET state = 'refused', changed_at = ?, report = ? WHERE state ="
        " 'running' AND sha256 = ? AND chat_id = ? AND id < ?",
        (at, json.dumps({"refused": f"broken off; import {run_id} has taken it up",
                         "taken_up_by": run_id}), sha256, chat_id, run_id))


async def get(db: Database, run_id: int) -> Run | None:
    """An import by its number."""
    rows = await db.read("SELECT * FROM import_run WHERE id = ?", run_id)
    return _run(rows[0]) if rows else None


async def latest(db: Database, limit: int = 50, chat_id: int | None = None) -> list[Run]:
    """The newest imports, of one group or of all."""
    where, values = ("WHERE chat_id = ? ", [chat_id]) if chat_id is not None else ("", [])
    rows = await db.read(
        f"SELECT * FROM import_run {where}ORDER BY id DESC LIMIT {int(limit)}", *values)
    return [_run(row) for row in rows]


async def open_ones(db: Database) -> list[Run]:
    """Imports that a program has to go on with, oldest first."""
    rows = await db.read(
        "SELECT * FROM import_run WHERE state <> 'done' AND state IN ('new', 'ready', 'running')"
        " ORDER BY id")
    return [_run(row) for row in rows]


async def under_way(db: Database, sha256: str) -> list[Run]:
    """Imports of a file with that content that are not over, newest first."""
    rows = await db.read(
        "SELECT * FROM import_run WHERE state <> 'done' AND state <> 'refused' AND sha256 = ?"
        " ORDER BY id DESC", sha256)
    return [_run(row) for row in rows]


def upload(data: Path, run_id: int) -> Path:
    """Where a file that was uploaded lies until it is taken in. `data`: the data folder."""
    return data / "imports" / f"{run_id}.upload"


def _run(row: Row) -> Run:
    return Run(row["id"], row["chat_id"], row["file_name"], row["sha256"], row["size"],
               row["state"], Actor(row["actor"], row["actor_name"]),
               *(json.loads(row[name] or "{}") for name in ("settings", "found", "report")),
               row["started_at"], row["changed_at"])


# Names

_WITH_COUNTRY = re.compile(r"(?:\+|00)([1-9]\d{7,14})")  # E.164: at most 15 digits


def international(value: str) -> str:
    """The digits of a phone number that was written with its country; "" when it was not."""
    found = _WITH_COUNTRY.fullmatch(re.sub(r"[\s().\-\u2011]", "", value))
    return found[1] if found else ""


@dataclass(frozen=True)
class Known:
    """A person whom a name may mean; `named`: nothing is known of them but names; `how`: a key of
    bridge.imports.naming.HOW, when it was found to mean them before; `was`: (person, moves) of
    those under whom the name's messages may still stand."""

    id: int
    name: str
    named: bool
    how: str = ""
    was: tuple[tuple[int, bool], ...] = ()


_KNOWN = """SELECT p.id, p.name, NOT EXISTS (
    SELECT 1 FROM identifier i WHERE i.person_id = p.id) AS named FROM person p """


def _known(row: Row) -> Known:
    return Known(row["id"], row["name"], bool(row["named"]))


async def remembered(db: Database, chat_id: int) -> dict[str, Known]:
    """Whom the names in a group's exports mean, as far as it was told or found before."""
    rows = await db.read(
        "SELECT n.name AS said, n.how, k.* FROM import_name n JOIN (" + _KNOWN + ") k"
        " ON k.id = n.person_id WHERE n.chat_id = ?", chat_id)
    before = await db.read(
        "SELECT name, person_id, moves FROM import_name_was WHERE chat_id = ?", chat_id)
    was: dict[str, list[tuple[int, bool]]] = {}
    for row in before:
        was.setdefault(row["name"], []).append((row["person_id"], bool(row["moves"])))
    return {row["said"]: replace(_known(row), how=row["how"], was=tuple(was.get(row["said"], ())))
            for row in rows}


def hold(chat_id: int) -> Unit[None]:
    """Until this unit is committed no other import writes into the group: on PostgreSQL two
    processes may be in the middle of a unit at once, and neither sees what the other adds."""
    yield "UPDATE chat SET name = name WHERE id = ?", (chat_id,)


def names_of(chat_id: int) -> Unit[dict[str, int]]:
    """`remembered` inside a unit: name → person."""
    found = yield "SELECT name, person_id FROM import_name WHERE chat_id = ?", (chat_id,)
    return dict(map(tuple, found))


async def called(db: Database, folded: Mapping[str, str]) -> dict[str, list[Known]]:
    """Persons by a name that they were ever seen with. `folded`: folded name → the name as the
    caller knows it; the result is by the latter. Every name of the directory is looked through."""
    rows = await db.read(
        "SELECT DISTINCT n.value AS said, k.* FROM person_name n JOIN (" + _KNOWN + ") k"
        " ON k.id = n.person_id")
    result: dict[str, dict[int, Known]] = {}
    for row in rows:
        if name := folded.get(fold_name(row["said"])):
            result.setdefault(name, {})[row["id"]] = _known(row)
    return {name: list(found.values()) for name, found in result.items()}


def fold_name(name: str) -> str:
    """A person's name as it is compared: folded words."""
    return " ".join(fold.tokens(name))


async def persons(db: Database, person_ids: Sequence[int]) -> dict[int, Known]:
    """Persons by id."""
    found: dict[int, Known] = {}
    for start in range(0, len(person_ids), 500):
        part = list(person_ids[start:start + 500])
        rows = await db.read(f"{_KNOWN}WHERE p.id IN ({marks(part)})", *part)
        found.update((row["id"], _known(row)) for row in rows)
    return found


def person_of(sender: Sender | None, name: str, first: int, last: int) -> Unit[int]:
    """The person of an address, or a new one of whom only the name is known; seen with that name
    from `first` to `last` (Unix ms)."""
    if sender is not None:
        person_id = yield from directory.ensure(sender, first)
    else:
        rows = yield "INSERT INTO person (created_at) VALUES (?) RETURNING id", (first,)
        person_id = rows[0]["id"]
    yield from seen_as(person_id, name, first, last)
    return person_id


def seen_as(person_id: int, name: str, first: int, last: int) -> Unit[None]:
    """A person was seen with that name from `first` to `last` (Unix ms); none when it is ""."""
    if name:
        yield from names.see(person_id, "export", name, first, last)
        yield from names.choose(person_id)


def join(person_id: int, other: int) -> Unit[None]:
    """The second person turned out to be the first."""
    yield from directory.merge(person_id, other)
    yield from names.choose(person_id)


def remember(chat_id: int, name: str, person_id: int, how: str,
             was: Mapping[int, bool] | None = None) -> Unit[None]:
    """From now on the name means that person, in that group's exports. `how` it was found: what is
    only "remembered" stays as it was found first. `was`: as in Known."""
    yield (
        "INSERT INTO import_name (chat_id, name, person_id, how) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (chat_id, name) DO UPDATE SET person_id = excluded.person_id, how = CASE WHEN"
        " excluded.how = 'remembered' THEN import_name.how ELSE excluded.how END",
        (chat_id, name, person_id, how))
    for other, moves in (was or {}).items():
        yield (
            "INSERT INTO import_name_was (chat_id, name, person_id, moves) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (chat_id, name, person_id) DO UPDATE SET moves = excluded.moves",
            (chat_id, name, other, int(moves)))
    yield ("DELETE FROM import_name_was WHERE chat_id = ? AND name = ? AND person_id = ?",
           (chat_id, name, person_id))


# Gaps


_WITHIN = """SELECT g.record_id, g.started_at, g.ended_at FROM gap g JOIN record r
    ON r.id = g.record_id WHERE g.closed_by IS NULL AND r.chat_id = ?
    AND g.started_at >= ? AND g.ended_at <= ? ORDER BY g.record_id"""


def close_gaps(chat_id: int, first: int, last: int, by: str) -> Unit[list[tuple[int, int, int]]]:
    """Gaps of a group that lie between two times are filled; (record id, start, end) of each."""
    rows = yield _WITHIN, (chat_id, first, last)
    for row in rows:
        yield from gaps.close(row["record_id"], by)
    return [(row["record_id"], row["started_at"], row["ended_at"]) for row in rows]


async def gaps_within(db: Database, chat_id: int, first: int, last: int) -> list[tuple[int, int]]:
    """(start, end) of the gaps that an export from `first` to `last` closes (Unix ms)."""
    rows = await db.read(_WITHIN, chat_id, first, last)
    return [(row["started_at"], row["ended_at"]) for row in rows]


async def first_live(db: Database, chat_id: int) -> int | None:
    """When the live mirror of a group begins (Unix ms): its first record that no import brought."""
    rows = await db.read(
        "SELECT id FROM record WHERE chat_id = ? AND origin <> 'import' ORDER BY id LIMIT 1",
        chat_id)
    return ids.record_second(rows[0]["id"]) * 1000 if rows else None
