"""What people answer to directives: read, proposed to staff with the words, and accepted or not."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from archive import directing
from archive.db import Database, Row, Unit
from archive.directing import By
from archive.directives import Directive, Heard
from archive.rows import marks

STATES = ("acknowledged", "in_progress", "complied", "refused")


@dataclass(frozen=True)
class Answering:
    """A message answers for a post to a directive; `state`: one of STATES."""

    directive_id: int
    post: str
    state: str
    confidence: float = 1.0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The same as it is kept, with who said what. `verdict`: accepted, dismissed, None for none."""

    id: int
    directive_id: int
    post: str
    state: str
    room_id: str
    event_id: str
    sender_name: str
    said_at: int
    said: str
    confidence: float
    reasons: tuple[str, ...]
    verdict: str | None

    @property
    def name(self) -> str:
        """As commands name it: `A12`."""
        return f"A{self.id}"


def propose(heard: Heard, found: Sequence[Answering], at: int) -> Unit[None]:
    """Keep what was read; the same message a second time changes nothing."""
    for each in found:
        yield (
            "INSERT INTO directive_answer (directive_id, post, state, room_id, event_id,"
            " sender_name, said_at, said, confidence, reasons, found_at) VALUES (?, ?, ?, ?, ?, ?,"
            " ?, ?, ?, ?, ?) ON CONFLICT (event_id, directive_id, post) DO NOTHING",
            (each.directive_id, each.post, each.state, heard.room_id, heard.event_id,
             heard.sender_name, heard.at, heard.text[:directing.SAID], each.confidence,
             json.dumps(each.reasons, ensure_ascii=False), at))


async def waiting(db: Database, limit: int = 200) -> list[Answer]:
    """Those that nobody was asked about yet, oldest first."""
    return [_answer(row) for row in await db.read(
        f"{_SELECT} WHERE verdict IS NULL AND txn_id IS NULL ORDER BY id LIMIT {int(limit)}")]


async def by_ids(db: Database, answer_ids: Sequence[int]) -> list[Answer]:
    """Those of these rows."""
    return [_answer(row) for row in await db.read(
        f"{_SELECT} WHERE id IN ({marks(list(answer_ids))}) ORDER BY id", *answer_ids)]


async def of(db: Database, directive_id: int) -> list[Answer]:
    """All to a directive, oldest first."""
    return [_answer(row) for row in await db.read(
        f"{_SELECT} WHERE directive_id = ? ORDER BY said_at, id", directive_id)]


async def of_event(db: Database, event_id: str, txn_id: str = "") -> list[Answer]:
    """Those that a message gave, or that the bot's question asks about."""
    return [_answer(row) for row in await db.read(
        f"{_SELECT} WHERE event_id = ? OR (txn_id = ? AND txn_id <> '') ORDER BY id",
        event_id, txn_id)]


def asked(answer_ids: Sequence[int], txn_id: str) -> Unit[bool]:
    """Note under which question these stand ("" for none); False, and nothing is changed, when one
    stands under another already."""
    those = f"id IN ({marks(list(answer_ids))}) AND txn_id IS NULL"
    rows = yield f"SELECT count(*) AS total FROM directive_answer WHERE {those}", list(answer_ids)
    if rows[0]["total"] != len(answer_ids):
        return False
    yield f"UPDATE directive_answer SET txn_id = ? WHERE {those}", (txn_id, *answer_ids)
    return True


def accept(answer: Answer, by: By) -> Unit[Directive]:
    """It is so: the post has come that far, at the time of the message. Raises directing.Refused.
    """
    yield from _judge(answer.id, "accepted")
    return (yield from directing.move(
        answer.directive_id, answer.post, answer.state, answer.said_at, answer.said[:300], by))


def dismiss(answer: Answer, by: By) -> Unit[None]:
    """It says nothing of that."""
    yield from _judge(answer.id, "dismissed")


def _judge(answer_id: int, verdict: str) -> Unit[None]:
    yield ("UPDATE directive_answer SET verdict = ? WHERE id = ? AND verdict IS NULL",
           (verdict, answer_id))


_COLUMNS = ("id, directive_id, post, state, room_id, event_id, sender_name, said_at, said,"
            " confidence, reasons, verdict")
_SELECT = f"SELECT {_COLUMNS} FROM directive_answer"


def _answer(row: Row) -> Answer:
    values = {name: row[name] for name in _COLUMNS.split(", ")}
    return Answer(**{**values, "reasons": tuple(json.loads(values["reasons"]))})
