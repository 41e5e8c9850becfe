"""`!thread why` and `!thread move`: why a message stands in its thread, and where it belongs."""
from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from archive import messages, placements
from archive.db import Unit
from archive.model import Record
from archive.placements import Placement
from bot import render
from bot.commands.base import (
    Answer,
    Call,
    Command,
    Mistake,
    Request,
    Say,
    Tools,
    result,
)
from nlp import words as texts

SHOWN = 6  # reasons
SAID = 80  # characters of a thread's first message


async def _record(tools: Tools, request: Request, event_id: str, command: Command) -> Record:
    record = await messages.by_event(tools.db, event_id)
    if record is None:
        raise Mistake("That is no message of the WhatsApp group; only those are put into threads.",
                      command)
    return record


async def _named(tools: Tools, request: Request, record_id: int | None) -> tuple[str, str]:
    """(a thread in words, the address of its first message; "" when it has none)."""
    record = await messages.get(tools.db, record_id) if record_id else None
    if record is None:
        return "a thread that is not in the archive", ""
    events = await messages.events_of(tools.db, record.id)
    words = f"“{render.isolate(render.one(record.text or record.kind, SAID))}”"
    return words, (render.permalink(request.room_id, events[0][0], request.server)
                   if events else "")


# why


@dataclass(frozen=True)
class Why:
    """A message, what was decided about it, and the threads in words."""

    record: Record
    decisions: tuple[Placement, ...]
    thread: tuple[str, str]
    suggested: tuple[str, str]


def parse_why(call: Call, request: Request) -> str:
    """As a reply to the message."""
    if request.reply_to is None:
        raise Mistake("Which message? Write this as a reply to it.", call.command)
    if call.rest.strip():
        raise Mistake("This takes nothing else.", call.command)
    return request.reply_to


async def do_why(tools: Tools, request: Request, event_id: str) -> Unit[Why]:
    """Read what was decided."""
    record = await _record(tools, request, event_id, WHY)
    decisions = tuple(await placements.of(tools.db, record.id))
    suggested = decisions[0].suggested if decisions else None
    return result(Why(record, decisions, await _named(tools, request, record.root_id),
                      await _named(tools, request, suggested)))


def render_why(why: Why, request: Request) -> list[Say]:
    """The reasons, the heaviest first."""
    newest = why.decisions[0] if why.decisions else None
    thread = _linked(why.thread)
    if newest and newest.person:
        where = f"in the thread of {why.thread[0]}" if newest.root_id else "on its own"
        text = f"{newest.person} put it {where}, {render.when(newest.at, request.zone)}."
        return [Answer(text, render.html(text))]
    if why.record.root_id is None:
        text = "It stands on its own: it quotes nothing, and no thread was sure enough."
        if newest and newest.suggested:
            text += f" The likeliest was {why.suggested[0]} ({newest.confidence:.0%})."
        return _with_reasons(text, render.html(text), newest)
    if newest is None or why.record.target_id is not None:
        text = f"It quotes a message of the thread of {why.thread[0]}."
        return [Answer(text, f"It quotes a message of the thread of {thread}.")]
    text = f"It goes on in the thread of {why.thread[0]} ({newest.confidence:.0%} sure), because:"
    return _with_reasons(text, f"It goes on in the thread of {thread} ({newest.confidence:.0%} "
                               "sure), because:", newest)


def _linked(thread: tuple[str, str]) -> str:
    return render.link(thread[1], thread[0]) if thread[1] else render.html(thread[0])


def _with_reasons(text: str, markup: str, newest: Placement | None) -> list[Say]:
    reasons = [(words, weight) for words, weight in (newest.reasons if newest else ())
               if weight][:SHOWN]
    lines = [f"{'+' if weight > 0 else '−'} {words} ({abs(weight):.2f})"
             for words, weight in reasons]
    return [Answer("\n".join([text, *lines]),
                   "<br>".join([markup, *map(render.html, lines)]))]


# move


@dataclass(frozen=True)
class Moving:
    """A message, and the event that names the thread it belongs to ("" for a thread of its own)."""

    event_id: str
    to: str


_LINK = re.compile(r"https://matrix\.to/#/[^/\s]+/([^?\s]+)")
_ALONE = ("out", "alone", "none", "off", "الگ", "باہر")


def parse_move(call: Call, request: Request) -> Moving:
    """As a reply to the message: a link to a message of the right thread, or `out`."""
    if request.reply_to is None:
        raise Mistake("Write this as a reply to the message that is to be moved.", call.command)
    word = call.rest.strip()
    if texts.fold(word) in _ALONE:
        return Moving(request.reply_to, "")
    link = _LINK.search(word)
    if link:
        return Moving(request.reply_to, unquote(link[1]))
    if re.fullmatch(r"\$[!-~]{10,80}", word):
        return Moving(request.reply_to, word)
    raise Mistake("Where to? Give a link to a message of the right thread (in Element: ⋯, then "
                  "Copy link), or out for a thread of its own.", call.command)


async def do_move(tools: Tools, request: Request, moving: Moving) -> Unit[tuple[str, str] | None]:
    """Write it down; the reader of threads learns from it."""
    record = await _record(tools, request, moving.event_id, MOVE)
    root: Record | None = None
    if moving.to:
        target = await _record(tools, request, moving.to, MOVE)
        if target.chat_id != record.chat_id:
            raise Mistake("That message is of another group.")
        root = await messages.get(tools.db, target.root_id) if target.root_id else target
        if root is None or root.id == record.id:
            raise Mistake("It stands there already: the message that the link leads to is of its "
                          "own thread.")
    if record.chat_id is None or (root.id if root else None) == record.root_id:
        raise Mistake("It stands there already.")
    named = await _named(tools, request, root.id) if root else None
    placement = Placement(record.id, root.id if root else None, request.actor.mxid, 1.0, (),
                          request.at)

    def unit() -> Unit[tuple[str, str] | None]:
        yield from placements.note(record.chat_id, placement)
        return named
    return unit()


def render_move(thread: tuple[str, str] | None, request: Request) -> list[Say]:
    """A pointer: Matrix cannot move an event."""
    if thread is None:
        text = "It counts as a thread of its own from now on. In the room it stays where it is."
        return [Answer(text, render.html(text))]
    before, after = "It belongs to the thread of ", (
        " from now on. In the room it stays where it is, but what quotes it goes there.")
    return [Answer(f"{before}{thread[0]}{after} {thread[1]}".strip(),
                   f"{before}{_linked(thread)}{after}")]


WHY = Command("thread why", "",
              "As a reply to a message: why it stands in its thread, or on its own.",
              ("reason", "کیوں"), parse_why, do_why, render_why, role="viewer",
              examples=("thread why",))
MOVE = Command("thread move", "LINK|out",
               "As a reply to a message: it belongs to the thread of the linked message, or to "
               "none. The reader of threads learns from it.",
               ("put", "منتقل"), parse_move, do_move, render_move,
               examples=("thread move out",))
THREAD_COMMANDS = [WHY, MOVE]
