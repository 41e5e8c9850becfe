"""`!notification`: the register of notifications, letters and circulars that were posted."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archive import directory, messages, notifications
from archive.db import Unit
from archive.notifications import Filter, Notification
from bot import render
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools, result
from nlp import words as texts
from nlp.timewords import lexicon

SHOWN = 15
SUBJECT = 200


@dataclass(frozen=True)
class Wanted:
    """Words, or a month (year, month), or neither for the newest."""

    words: str = ""
    month: tuple[int, int] | None = None


@dataclass(frozen=True)
class Found:
    """Lines of the register, newest first, each with the event that shows it, where there is one.
    """

    title: str
    lines: list[tuple[Notification, tuple[str, str] | None]]
    total: int


def parse_search(call: Call, request: Request) -> Wanted:
    """Words."""
    words = texts.one_line(call.rest)
    if not words:
        raise Mistake("What shall I look for? Give a number, or words of the subject.",
                      call.command)
    return Wanted(texts.shorten(words, 200))


def parse_list(call: Call, request: Request) -> Wanted:
    """A month: `March`, `مارچ`, `March 2026`, `2026-03`, `3`; or nothing, for the newest."""
    said = texts.one_line(call.rest)
    if not said:
        return Wanted()
    month = read_month(said, datetime.fromtimestamp(request.at / 1000, request.zone))
    if month is None:
        raise Mistake(f"{render.isolate(texts.shorten(said, 40))} is no month; write March, "
                      "March 2026 or 2026-03.", call.command)
    return Wanted(month=month)


def read_month(text: str, now: datetime) -> tuple[int, int] | None:
    """(year, month) that a text names, the last such month when no year is told."""
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in texts.fold(text))
    words = plain.replace("-", " ").replace("/", " ").replace(",", " ").split()
    years = [int(word) for word in words if word.isdigit() and len(word) == 4]
    months = [int(word) for word in words if word.isdigit() and len(word) < 3]
    months += [int(found) + 1 for word in words if (found := lexicon("months").get(word))]
    if len(months) != 1 or len(years) + 1 != len(words) or not 1 <= months[0] <= 12:
        return None
    if years:
        return (years[0], months[0]) if 2000 <= years[0] <= 2200 else None
    return now.year - (months[0] > now.month), months[0]


async def do_list(tools: Tools, request: Request, wanted: Wanted) -> Unit[Found]:
    """Look in this room's group; in a private talk with an admin or staff, in every group."""
    chat = await directory.chat_by_room(tools.db, request.room_id)
    if chat is None:
        bridge = tools.config.bridge
        if request.actor.mxid not in (*bridge.admins, *bridge.staff) or not (
                await tools.matrix.private_with(request.room_id, request.actor.mxid)):
            raise Mistake("This room mirrors no WhatsApp group; ask in one that does, or in a "
                          "private talk with me.")
    since = until = None
    title = "Notifications and letters"
    if wanted.month:
        year, month = wanted.month
        first = datetime(year, month, 1, tzinfo=request.zone)
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=request.zone)
        since, until = (int(day.timestamp() * 1000) for day in (first, after))
        title += f" of {first:%B %Y}"
    if wanted.words:
        title += f" about {render.isolate(wanted.words)}"
    found, total = await notifications.listing(tools.db, Filter(
        wanted.words, chat_id=chat.id if chat else None, since=since, until=until), SHOWN)
    lines = []
    for each in found:
        events = await messages.events_of(tools.db, each.record_id)
        lines.append((each, (each.room_id, events[0][0]) if events and each.room_id else None))
    return result(Found(title + (" in this room" if chat else " in all groups"), lines, total))


def render_list(found: Found, request: Request) -> list[Say]:
    """A list, each line linked to its message."""
    if not found.lines:
        return [Answer(f"{found.title}: none.", render.html(f"{found.title}: none."))]
    more = f", the newest {len(found.lines)} shown" if found.total > len(found.lines) else ""
    head = f"{found.title} ({found.total}{more})"
    text, items = [head], []
    for each, place in found.lines:
        at = render.when(each.sent_at, request.zone)
        facts = ", ".join(filter(None, (
            each.kind.capitalize() + (f" {each.number}" if each.number else ""),
            f"dated {each.day}" if each.day else "")))
        subject = render.isolate(texts.shorten(texts.one_line(each.subject), SUBJECT))
        by = render.isolate(texts.one_line(each.sender) or "unknown sender")
        gone = " (taken back)" if each.deleted else ""
        text.append(f"• {facts}: {subject}{gone} · {by}, {at}")
        linked = render.link(render.permalink(*place, request.server), facts) if place else (
            render.html(facts))
        items.append(f"<li>{linked}: {render.html(subject)}{gone}<br>"
                     f"<em>{render.html(by)}, {at}</em></li>")
    return [Answer("\n".join(text), f"<p><strong>{render.html(head)}</strong></p>"
                                    f"<ul>{''.join(items)}</ul>")]


NOTIFICATION_COMMANDS = [
    Command("notification search", "WORDS",
            "Finds notifications, press releases, circulars, orders and letters that were posted "
            "in this room, by number, subject or file name; in a private talk with me, in all "
            "groups.",
            ("find", "تلاش"), parse_search, do_list, render_list, role="viewer",
            examples=("notification search summer vacations", "notification search 2217-20")),
    Command("notification list", "[MONTH]",
            "Lists the newest of them, or those that were posted in a month.",
            ("ls", "فہرست"), parse_list, do_list, render_list, role="viewer",
            examples=("notification list", "notification list March 2026",
                      "notification list مارچ")),
]
