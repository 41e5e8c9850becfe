"""Dates in commands, on the office's calendar."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.commands.base import Command, Mistake, Request
from nlp import deadlines


@dataclass(frozen=True)
class Date:
    """A moment (Unix ms), and what the calendar did to the date asked for ("" for nothing)."""

    due_ms: int
    note: str


def is_date(words: str, request: Request) -> bool:
    """Whether `read` would take it."""
    try:
        deadlines.parse_date(words, _now(request), request.calendar)
    except deadlines.DateError:
        return False
    return True


def read(words: str, request: Request, command: Command) -> Date:
    """A date as a person writes it. Raises Mistake with what would do."""
    try:
        found = deadlines.parse_date(words, _now(request), request.calendar)
    except deadlines.DateError as error:
        raise Mistake(str(error), command) from None
    return Date(int(found.due.timestamp() * 1000), "; ".join(found.reasons[1:]))


def _now(request: Request) -> datetime:
    return datetime.fromtimestamp(request.at / 1000, request.zone)
