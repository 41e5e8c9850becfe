"""An order as staff write it: `to: DEO Sibi | do: … | by: 25 Nov | cc: DC Sibi`."""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from archive.directives import Directive, Finding
from bot import dates
from bot.commands.base import Command, Mistake, Request
from nlp import deadlines
from nlp import words as texts

LONGEST = 300  # characters of what is asked for
MOST = 40  # posts that an order names

# The parts of an order, and other words for them.
PARTS: dict[str, tuple[str, ...]] = {
    "to": ("to", "post", "بنام", "برائے"),
    "do": ("do", "action", "what", "کام"),
    "by": ("by", "due", "date", "تک", "میعاد"),
    "cc": ("cc", "copy", "copies", "نقل"),
    "via": ("via", "channel", "through", "ذریعہ"),
}
_PART = re.compile(r"\s*([^\s:|]{2,10})\s*[:：]\s*(.*)", re.S)
_COMMA = re.compile(r"\s*[,;،؛]\s*|\s+and\s+|\s+اور\s+", re.I)
_NO_DATE = ("none", "no", "never", "-", "نہیں")


@dataclass(frozen=True)
class Written:
    """An order as staff wrote it; None where nothing was said. `due`: (Unix ms or None, whether an
    hour was said)."""

    to: tuple[str, ...] | None = None
    action: str | None = None
    due: tuple[int | None, bool] | None = None
    cc: tuple[str, ...] | None = None
    channel: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return self == Written()

    def over(self, before: Finding) -> Finding:
        """What was read, with what staff say instead."""
        due_at, hour = self.due if self.due is not None else (before.due_at, before.due_hour)
        return replace(
            before, to=before.to if self.to is None else self.to,
            action=before.action if self.action is None else self.action, due_at=due_at,
            due_hour=hour, cc=before.cc if self.cc is None else self.cc,
            channel=before.channel if self.channel is None else self.channel)


def written(text: str, request: Request, command: Command) -> Written:
    """Parts, between | or on lines of their own. Raises Mistake."""
    made = Written()
    for piece in re.split(r"[|\n]", text):
        if not piece.strip():
            continue
        match = _PART.fullmatch(piece)
        name = next((key for key, words in PARTS.items()
                     if match and texts.fold(match[1]) in words), None)
        if match is None or name is None:
            raise Mistake(f"I do not understand {texts.shorten(texts.one_line(piece), 60)!r}; an "
                          "order is written as to: POST | do: WHAT | by: DATE | cc: POST.", command)
        made = with_part(made, name, texts.one_line(match[2]), request, command)
    return made


def with_part(made: Written, name: str, value: str, request: Request, command: Command
              ) -> Written:
    """The order with one of PARTS as it is said. Raises Mistake."""
    match name:
        case "to" | "cc":
            posts = tuple(dict.fromkeys(filter(None, _COMMA.split(value))))[:MOST]
            if name == "to" and not posts:
                raise Mistake("To whom? to: needs a post.", command)
            return replace(made, **{name: tuple(texts.shorten(post, 120) for post in posts)})
        case "do":
            return replace(made, action=texts.shorten(value, LONGEST))
        case "by":
            return replace(made, due=read_due(value, request, command))
    return replace(made, channel=texts.shorten(value, 40))


def read_due(words: str, request: Request, command: Command) -> tuple[int | None, bool]:
    """(Unix ms or None for no date, whether an hour was said). Raises Mistake."""
    if texts.fold(words) in _NO_DATE:
        return None, False
    found = dates.read(words, request, command)
    read = deadlines.parse_date(words, datetime.fromtimestamp(
        request.at / 1000, request.zone), request.calendar)
    return found.due_ms, "T" in read.said


def prefilled(order: Directive, request: Request) -> str:
    """The command that confirms a proposal as it was read, ready to be changed."""
    due = "none" if order.due_at is None else datetime.fromtimestamp(
        order.due_at / 1000, request.zone).strftime("%d-%m-%Y %H:%M" if order.due_hour
                                                    else "%d-%m-%Y")
    parts = [f"to: {', '.join(order.addressees)}", f"do: {texts.one_line(order.action)}",
             f"by: {due}"]
    parts += [f"cc: {', '.join(order.cc)}"] if order.cc else []
    parts += [f"via: {order.channel}"] if order.channel else []
    return f"{request.prefix}directive confirm {order.name} | {' | '.join(parts)}"
