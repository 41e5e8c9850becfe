"""The groups, one group's record, and one message's own sheet."""
from __future__ import annotations

import hashlib

from aiohttp import web

from archive import directory, ids, pages
from web import ask
from web.site import SITE, PageError, render


async def overview(request: web.Request) -> web.StreamResponse:
    """GET /"""
    return render(request, "groups.html", lines=await pages.overview(request.app[SITE].db))


async def record(request: web.Request) -> web.StreamResponse:
    """GET /g/CHAT, with `before`, `after`, `at` (record ids) or `day` (a date)."""
    site, chat_id = request.app[SITE], ask.path_id(request, "chat", "group")
    before, after, around = (ask.number(request, name) for name in ("before", "after", "at"))
    day = ask.day(request, "day", "go to date")
    group = await directory.chat(site.db, chat_id)
    if group is None:
        raise PageError(404, f"The archive has no group number {chat_id}.")
    if day is not None:
        before, around = None, None
        after = ids.first_record_id(ask.midnight(day, site.zone)) - 1
    page = await pages.record_page(
        site.db, chat_id, before=before, after=after, around=around)
    notice = ""
    if not page.entries and (before, after, around) != (None, None, None):
        page = await pages.record_page(site.db, chat_id)
        if page.entries and day is not None:
            notice = (f"There is nothing on or after {day.day} {day:%B %Y} in this group. These "
                      "are its last entries.")
        elif page.entries:
            notice = "There is nothing beyond that point. These are the group's last entries."
    return render(request, "record.html", group=group, page=page, notice=notice,
                  day=day.isoformat() if day else "", target=around)


async def sheet(request: web.Request) -> web.StreamResponse:
    """GET /r/RECORD"""
    record_id = ask.path_id(request, "record", "message")
    found = await pages.sheet(request.app[SITE].db, record_id)
    if found is None:
        raise PageError(404, f"The archive has no message number {record_id}.")
    digest = hashlib.sha256(found.raw).hexdigest() if found.raw is not None else ""
    return render(request, "message.html", sheet=found, entry=found.entry, digest=digest)

