"""`!search`: the archive, from inside a room."""
from __future__ import annotations

from dataclasses import dataclass

from archive import directory, messages, search
from archive.db import Unit
from archive.model import SearchHit
from bot import render
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools, result
from nlp import words as texts

SHOWN = 10
SNIPPET = 300


@dataclass(frozen=True)
class Found:
    """Hits, newest first, each with the event that shows it (room id, event id), when there is."""

    query: str
    hits: list[tuple[SearchHit, tuple[str, str] | None]]
    more: bool
    everywhere: bool


def parse_search(call: Call, request: Request) -> str:
    """Words."""
    query = texts.one_line(call.rest)
    if not query:
        raise Mistake("What shall I look for?", call.command)
    return texts.shorten(query, 300)


async def do_search(tools: Tools, request: Request, query: str) -> Unit[Found]:
    """Look in this room's group; in a private talk with an admin or staff, in every group."""
    chat = await directory.chat_by_room(tools.db, request.room_id)
    everywhere = False
    if chat is None:
        bridge = tools.config.bridge
        everywhere = request.actor.mxid in (*bridge.admins, *bridge.staff) and (
            await tools.matrix.private_with(request.room_id, request.actor.mxid))
        if not everywhere:
            raise Mistake("This room mirrors no WhatsApp group; search in one that does, or in a "
                          "private talk with me.")
    hits = await search.find(tools.db, query, chat_id=chat.id if chat else None, limit=SHOWN + 1)
    shown = []
    for hit in hits[:SHOWN]:
        room = chat or await directory.chat(tools.db, hit.record.chat_id)
        events = await messages.events_of(tools.db, hit.record.id)
        place = (room.room_id, events[0][0]) if room and room.room_id and events else None
        shown.append((hit, place))
    return result(Found(query, shown, len(hits) > SHOWN, everywhere))


def render_search(found: Found, request: Request) -> list[Say]:
    """A list with the words marked, each hit linked to its message."""
    where = "in all groups" if found.everywhere else "in this room"
    if not found.hits:
        text = f"Nothing found {where} for {render.isolate(found.query)}."
        return [Answer(text, render.html(text))]
    count = (f"The newest {SHOWN} messages" if found.more else
             "1 message" if len(found.hits) == 1 else f"{len(found.hits)} messages")
    head = f"{count} {where} for {render.isolate(found.query)}"
    text, items = [head], []
    for hit, place in found.hits:
        at = render.when(hit.record.sent_at, request.zone)
        who = render.isolate(texts.one_line(hit.record.sender_name) or "unknown sender")
        if found.everywhere:
            who += f" in {render.isolate(texts.one_line(hit.chat_name))}"
        snippet = _snippet(hit.snippet)
        plain = snippet.replace("\x02", "*").replace("\x03", "*")
        text.append(f"• {at}, {who}: {render.isolate(plain)}")
        marked = render.html(snippet).replace("\x02", "<strong>").replace("\x03", "</strong>")
        day = render.link(render.permalink(*place, request.server), at) if place else at
        items.append(f"<li>{day}, <em>{render.html(who)}</em>: {marked}</li>")
    return [Answer("\n".join(text),
                   f"<p>{render.html(head)}</p><ul>{''.join(items)}</ul>")]


def _snippet(text: str) -> str:
    """One line, safe, the marks kept and in pairs."""
    parts = text.split("\x02")
    line = texts.one_line(parts[0].replace("\x03", ""))
    for part in parts[1:]:
        word, _, after = part.partition("\x03")
        gap = " " if line and not line.endswith(" ") else ""
        after = " ".join(texts.clean(after.replace("\x03", "")).split())
        line += f"{gap}\x02{texts.one_line(word)}\x03 {after}"
    return line.strip()


SEARCH_COMMANDS = [
    Command("search", "WORDS",
            "Looks for messages of this room's WhatsApp group that hold all the words; "
            '"words in quotes" are a phrase, school* is a beginning. In a private talk with me, '
            "in all groups.",
            (), parse_search, do_search, render_search,
            examples=("search Sibi absent", 'search "boundary wall"')),
]
