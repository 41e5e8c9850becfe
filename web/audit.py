"""Every command that was given in the rooms, refused ones too: for admins."""
from __future__ import annotations

from aiohttp import web

from archive import audit, directory
from web import ask
from web.site import SESSION, SITE, PageError, render

LISTED = 200


async def trail(request: web.Request) -> web.StreamResponse:
    """GET /audit, with `q` (a Matrix id). Raises PageError 403 for who is no admin."""
    site = request.app[SITE]
    if request[SESSION].user not in site.config.bridge.admins:
        raise PageError(403, "The trail of commands is shown to admins only (bridge.admins).")
    who = ask.words(request)
    rooms = {chat.room_id: chat for chat in await directory.chats(site.db) if chat.room_id}
    entries = await audit.latest(site.db, LISTED, who)
    return render(request, "audit.html", entries=entries, rooms=rooms, words=who, most=LISTED)
