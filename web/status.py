"""Is everything arriving? The links, what waits, and what needs a person."""
from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from archive import pages
from web.site import SITE, render

# State of a link in plain words, and whether it is as it should be.
LINK_WORDS = {
    "starting": ("is starting", False),
    "qr": ("waits to be linked: an administrator scans the QR code in the chat with the bridge bot",
           False),
    "connected": ("is connected", True),
    "disconnected": ("has lost its connection and is trying again by itself", False),
    "logged_out": ("was logged out from the phone: an administrator has to link it again", False),
    "replaced": ("was replaced by another session of the same device", False),
    "banned": ("was banned by WhatsApp for a time", False),
    "outdated": ("is too old for WhatsApp: the administrator has to update Daftar", False),
    "failed": ("cannot start: the administrator finds the cause in the log", False),
}
QUEUE_WORDS = {
    "unsure": "It may have been sent, but nobody can be sure. It is never sent again by itself: "
              "look in the group, and send it once more only when it is not there.",
    "failed": "It was tried again and again and then given up. It stands in the archive, but the "
              "other side has not got it.",
}


@dataclass(frozen=True)
class LinkLine:
    """A link as the page shows it."""

    name: str
    words: str
    good: bool
    since: int | None  # Unix ms
    detail: str


async def status(request: web.Request) -> web.StreamResponse:
    """GET /status"""
    db = request.app[SITE].db
    settings, lanes, stuck = await asyncio.gather(
        pages.link_settings(db), pages.lanes(db), pages.stuck(db))
    lines = [line for name, value in settings.items() if (line := link_line(name, value))]
    return render(
        request, "status.html", links=lines, lanes=lanes, stuck=stuck, words=QUEUE_WORDS,
        waiting=sum(lane.waiting for lane in lanes))


def link_line(name: str, value: str) -> LinkLine | None:
    """A link's setting (`link NAME`: JSON with state, since, detail, or the bare state) in words;
    None when the setting is about something else. The detail of a link that shows a QR code is kept
    back: who sees it could link a phone of their own."""
    try:
        facts = json.loads(value)
    except ValueError:
        facts = value
    if isinstance(facts, str):
        facts = {"state": facts}
    state = facts.get("state") if isinstance(facts, dict) else None
    if state not in LINK_WORDS:
        return None
    words, good = LINK_WORDS[state]
    since, detail = facts.get("since"), facts.get("detail")
    return LinkLine(
        name.removeprefix("link").strip(" :") or "main", words, good,
        since if isinstance(since, int) else None,
        detail if isinstance(detail, str) and not good and state not in ("qr", "starting") else "")
