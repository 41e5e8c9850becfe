"""`!post import` and `!post export`: the directory as a CSV file, in and out."""
from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import botbooks, roster, roster_import
from archive.db import Unit
from archive.postings import By
from archive.roster import Roster
from archive.roster_import import Refused, Taking
from bot import foreign, render
from bot.commands import naming
from bot.commands.base import Answer, Call, Command, Handout, Mistake, Request, Say, Tools, result
from bot.encrypted_files import Damaged, opened

PROBLEMS = 20  # that are told

CSV = "text/csv"


@dataclass(frozen=True)
class Taken:
    """What was taken in, or why nothing was."""

    taking: Taking | None
    problems: tuple[str, ...] = ()


def parse_import(call: Call, request: Request) -> str:
    """The message with the file: the one replied to, or the command's own."""
    if request.reply_to is None:
        raise Mistake("Write this as a reply to a CSV file, or as the caption of one.",
                      call.command)
    return request.reply_to


async def preview_import(tools: Tools, request: Request, event_id: str) -> str:
    """What taking the file would change; "" when it is not taken at all."""
    found = await _read(tools, request, event_id)
    try:
        taking = await roster_import.trial(
            tools.db, found, naming.book_of(tools), _by(request), naming.today(request))
    except Refused:
        return ""  # `do` says why
    return f"{taking.words()}. What the file does not name stays." if taking.changes else ""


async def do_import(tools: Tools, request: Request, event_id: str) -> Unit[Taken]:
    """Take it in, whole or not at all."""
    found, book = await _read(tools, request, event_id), naming.book_of(tools)
    try:
        await roster_import.trial(tools.db, found, book, _by(request), naming.today(request))
    except Refused as refused:
        return result(Taken(None, tuple(refused.problems)))

    def unit() -> Unit[Taken]:
        return Taken((yield from roster_import.take(
            found, book, _by(request), naming.today(request))))
    return unit()


def _by(request: Request) -> By:
    return By(request.actor, request.at, request.event_id)


async def _read(tools: Tools, request: Request, event_id: str) -> Roster:
    """The file of a message. Raises Mistake when it has none, or it is damaged."""
    seen = await botbooks.event(tools.db, event_id)
    if seen is not None and seen.room_id == request.room_id:
        content: Any = json.loads(seen.content)
    else:
        content = (await tools.matrix.event(request.room_id, event_id) or {}).get("content")
    file = foreign.file_of(content if isinstance(content, dict) else {})
    if file is None:
        raise Mistake("There is no file in that message. Write this as a reply to a CSV file, or "
                      "as the caption of one.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        await tools.matrix.download(file.mxc, path, roster.LARGEST)
        try:
            if file.keys is not None:
                await asyncio.to_thread(opened, path, file.keys)
        except Damaged as error:
            raise Mistake(f"The file cannot be opened: {error}.") from None
        return roster.read(path.read_bytes(), naming.book_of(tools))


def render_import(taken: Taken, request: Request) -> list[Say]:
    """What changed; or every problem, and that nothing changed."""
    if taken.taking is not None:
        words = f"{taken.taking.words()}."
        return [Answer(words, render.html(words))]
    told, more = taken.problems[:PROBLEMS], len(taken.problems) - PROBLEMS
    head = "Nothing of the file is taken: one wrong line, and orders would go to the wrong holder."
    lines = [*told, *([f"and {more} more"] if more > 0 else [])]
    return [Answer("\n".join([head, *(f"• {line}" for line in lines)]),
                   f"<p>{render.html(head)}</p><ul>"
                   + "".join(f"<li>{render.html(line)}</li>" for line in lines) + "</ul>")]


def parse_export(call: Call, request: Request) -> None:
    """Nothing more."""
    if call.rest:
        raise Mistake("This takes nothing more: it gives the whole directory.", call.command)


async def do_export(tools: Tools, request: Request, _: None) -> Unit[tuple[str, bytes]]:
    """Write it."""
    return result((f"directory {naming.today(request)}.csv", await roster_import.export(tools.db)))


def render_export(made: tuple[str, bytes], request: Request) -> list[Say]:
    """The file."""
    name, data = made
    return [Handout(name, CSV, data)]


ROSTER_COMMANDS = [
    Command("post import", "",
            "As a reply to a CSV file, or as its caption: takes posts, people and dates from it, "
            "after you have said ✅; the whole file or, when a line is wrong, nothing of it. A "
            "file without this caption goes to the group, as every file does: send it in a "
            "private talk with me.",
            ("upload", "load", "درآمد"), parse_import, do_import, render_import,
            examples=("post import",), role="officer", preview=preview_import),
    Command("post export", "",
            "Gives the whole directory as a CSV file, as import takes it.",
            ("download", "برآمد"), parse_export, do_export, render_export,
            examples=("post export",), role="officer"),
]
