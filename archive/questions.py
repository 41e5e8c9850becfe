"""What the bot asked somebody and waits for: an answer is a reaction to its message."""
from __future__ import annotations

import json
from dataclasses import dataclass

from archive.db import Database, Row, Unit


@dataclass(frozen=True)
class Option:
    """One answer: its reaction, what it means in words, and the command that it stands for ("" for
    none: then nothing is done). `confirms`: it is a yes to what the question said would happen."""

    key: str
    label: str
    command: str
    confirms: bool = True


@dataclass(frozen=True)
class Question:
    """A question of the bot's. `asked_by`: whose command led to it, who alone may answer; "" when
    any member of staff may. `command_event`: the event of that command."""

    txn_id: str
    room_id: str
    asked_by: str
    command_event: str
    options: tuple[Option, ...]
    asked_at: int
    answered_by: str | None = None
    answer: str | None = None


def ask(question: Question) -> Unit[None]:
    """Keep a question; the same transaction id a second time changes nothing."""
    options = json.dumps([[o.key, o.label, o.command, o.confirms] for o in question.options],
                         ensure_ascii=False)
    yield (
        "INSERT INTO bot_question (txn_id, room_id, asked_by, command_event, options, asked_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (txn_id) DO NOTHING",
        (question.txn_id, question.room_id, question.asked_by, question.command_event, options,
         question.asked_at))


def answer(txn_id: str, by: str, key: str, at: int) -> Unit[bool]:
    """Note the answer; False when there is one already."""
    rows = yield (
        "UPDATE bot_question SET answered_by = ?, answer = ?, answered_at = ?"
        " WHERE txn_id = ? AND answer IS NULL RETURNING txn_id", (by, key, at, txn_id))
    return bool(rows)


def reopen(txn_id: str) -> Unit[None]:
    """The answer did not count: somebody else may give one."""
    yield ("UPDATE bot_question SET answered_by = NULL, answer = NULL, answered_at = NULL"
           " WHERE txn_id = ?", (txn_id,))


async def by_txn(db: Database, txn_id: str) -> Question | None:
    """The question that the bot asked with the message of that transaction id."""
    rows = await db.read(f"SELECT {_COLUMNS} FROM bot_question WHERE txn_id = ?", txn_id)
    return _question(rows[0]) if rows else None


_COLUMNS = "txn_id, room_id, asked_by, command_event, options, asked_at, answered_by, answer"


def _question(row: Row) -> Question:
    return Question(
        row["txn_id"], row["room_id"], row["asked_by"], row["command_event"],
        tuple(Option(*each) for each in json.loads(row["options"])), row["asked_at"],
        row["answered_by"], row["answer"])
