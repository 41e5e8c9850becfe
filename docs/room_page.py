"""A room's events as a page that looks like a Matrix client's: for pictures in the documentation,
where Element itself cannot be had. It shows what the homeserver gives to a user, and nothing else:
corrections applied, reactions counted, threads apart; people's HTML is cut down to what the
client-server API allows (`m.room.message` msgtypes)."""
from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from tests.afternoon.view import Message, Room

TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th",
    "thead", "tr", "u", "ul"}
COLOURS = ("#0b6bcb", "#a2306d", "#0a7d5b", "#8a5a00", "#6a4fbf", "#b3401f", "#1f7f8c", "#556b2f")
GAP = "gap"  # among a panel's messages: some are left out here


@dataclass
class Panel:
    """A timeline or a thread: what to show of a room. `root`: the thread's first message."""

    room: Room
    messages: Sequence[Message | str]
    root: Message | None = None
    title: str = ""


@dataclass
class Look:
    """Who looks (Matrix id), where, and the pictures by mxc: address as data: addresses."""

    user: str
    zone: ZoneInfo
    pictures: Mapping[str, str] = field(default_factory=dict)


def page(panels: Sequence[Panel], look: Look, width: int = 760) -> str:
    """The panels side by side, as HTML."""
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
        (Path(__file__).parent / "room_page.html").read_text(encoding="utf-8"))
    return template.render(width=width, panels=[_panel(each, look) for each in panels])


def _panel(panel: Panel, look: Look) -> dict[str, Any]:
    items: list[Any] = []
    shown = [*([panel.root, "line"] if panel.root else []), *panel.messages]
    before: Message | None = None
    days = {_day(each, look) for each in panel.messages if not isinstance(each, str)}
    for each in shown:
        if isinstance(each, str):
            items.append(each)
            before = None
            continue
        if len(days) > 1 and (before is None or _day(before, look) != _day(each, look)):
            items.append({"day": _day(each, look)})
            before = None
        more = before is not None and before.sender == each.sender and not each.answers and (
            each.at - before.at < 300_000)
        items.append(_message(each, panel, look, more))
        before = each
    title = panel.title or panel.room.name
    under = f"Thread in {panel.room.name}" if panel.root else panel.room.topic
    return {"title": title, "under": under, "shown": items}


def _day(message: Message, look: Look) -> str:
    at = datetime.fromtimestamp(message.at / 1000, look.zone)
    return f"{at:%A}, {at.day} {at:%B %Y}"


def _message(message: Message, panel: Panel, look: Look, more: bool) -> dict[str, Any]:
    room, content = panel.room, message.content
    name = room.names.get(message.sender, message.sender)
    answered = next((m for m in room.messages if m.id == message.answers), None)
    replies = [] if panel.root else room.thread(message.id)
    markup = content.get("formatted_body")
    return {
        "name": name, "initial": name[:1], "more": more,
        "colour": COLOURS[zlib.crc32(message.sender.encode()) % len(COLOURS)],
        "time": f"{datetime.fromtimestamp(message.at / 1000, look.zone):%H:%M}",
        "answered": (room.names.get(answered.sender, answered.sender), _line(answered.body))
        if answered and answered is not panel.root else None,
        "body": Markup(clean(markup)) if markup else message.body,
        "look": ("notice" if content.get("msgtype") == "m.notice" else "") + (
            "" if markup else " plain"),
        "picture": look.pictures.get(content.get("url", ""), ""), "edited": message.versions > 1,
        "reactions": [(key, len(who), look.user in who) for key, who in message.reactions.items()],
        "thread": (_count(len(replies)), f"{room.names.get(replies[-1].sender, '')}: "
                   f"{_line(replies[-1].body)}") if replies else None}


def _line(text: str) -> str:
    return " ".join(text.split())[:140]


def _count(replies: int) -> str:
    return "1 reply" if replies == 1 else f"{replies} replies"


def clean(markup: str) -> str:
    """HTML with the allowed tags only, and of their attributes the addresses of links."""
    cleaner = _Cleaner()
    cleaner.feed(markup)
    cleaner.close()
    return "".join(cleaner.parts)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0  # in what clients leave out: the old kind of quotation

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("mx-reply", "script", "style")
        if tag not in TAGS or self._hidden:
            return
        address = dict(attrs).get("href") or ""
        safe = tag == "a" and address.startswith(("https:", "http:", "mailto:"))
        self.parts.append(f'<{tag} href="{escape(address)}">' if safe else f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in TAGS and not self._hidden and tag not in ("br", "hr"):
            self.parts.append(f"</{tag}>")
        self._hidden -= tag in ("mx-reply", "script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(escape(data, quote=False))
