"""The register of notifications, letters, circulars and orders that were posted."""
from __future__ import annotations

from aiohttp import web

from archive import notifications, pages
from archive.notifications import KINDS, Filter
from web import ask
from web.site import SITE, PageError, render

LISTED = 50  # on a page
MAX_PAGE = 100_000


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /notifications, with `q`, `kind` (one of KINDS), `group`, `from`, `to` (dates) and
    `page`."""
    site, kind = request.app[SITE], request.query.get("kind", "")
    page = ask.number(request, "page") or 1
    if kind and kind not in KINDS:
        raise PageError(400, f"The register holds {', '.join(f'{k}s' for k in KINDS)}: no other "
                             "kind can be listed.")
    since, until = ask.day(request, "from", "from"), ask.day(request, "to", "to")
    wanted = Filter(
        ask.words(request), kind, ask.number(request, "group"),
        ask.midnight(since, site.zone) if since else None,
        ask.midnight(ask.next_day(until), site.zone) if until else None)
    if page > MAX_PAGE:
        raise PageError(404, "There is no such page: the register is not that long.")
    found, total = await notifications.listing(site.db, wanted, LISTED, (page - 1) * LISTED)
    if not found and page > 1:
        raise PageError(404, f"There is no page {page}: the register is not that long.")
    asked = {"q": wanted.words, "kind": kind, "group": wanted.chat_id or "",
             "from": since or "", "to": until or ""}
    return render(request, "notifications.html", lines=found, total=total, number=page,
                  more=page * LISTED < total, kinds=KINDS, asked=asked, filtered=any(
                      asked.values()), groups=await pages.chat_names(site.db))
