"""Schools: the list, the map, a school's own page; and visits as a table and as a file."""
from __future__ import annotations

import asyncio
import time

from aiohttp import hdrs, web

from archive import cases, directives, pages, schools, visits
from archive.schools import Filter
from archive.visits import Visit
from web import ask
from web.cases import FOR_ALL, sees_all
from web.directives import charge_words
from web.plot import plot
from web.site import SITE, PageError, render

LISTED = 100  # on a page
VISITS = 50
MOST = 100_000  # schools on a map, visits in a file
MAX_PAGE = 100_000
STATES = {"": "All", "open": "Open", "closed": "Closed", "untold": "Not told",
          "unvisited": "Never visited"}


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /schools, with `q`, `district`, `state` (one of STATES), `since` (a date: not visited
    from then on) and `page`."""
    site, page, wanted = request.app[SITE], _page(request), _wanted(request)
    lines, total = await schools.listing(site.db, wanted, LISTED, (page - 1) * LISTED)
    if not lines and page > 1:
        raise PageError(404, f"There is no page {page}: the list of schools is not that long.")
    return render(request, "schools.html", lines=lines, total=total, number=page,
                  more=page * LISTED < total, **await _form(request, wanted))


async def school_map(request: web.Request) -> web.StreamResponse:
    """GET /schools/map, with the same filters."""
    site, wanted = request.app[SITE], _wanted(request)
    lines, total = await schools.listing(site.db, wanted, MOST)
    placed = [line for line in lines if line.school.latitude is not None]
    drawn = await asyncio.to_thread(plot, placed)
    return render(request, "school_map.html", plot=drawn, total=total, placed=len(placed),
                  **await _form(request, wanted))


async def school(request: web.Request) -> web.StreamResponse:
    """GET /schools/BEMIS"""
    site, bemis = request.app[SITE], request.match_info["bemis"]
    found = await schools.known(site.db, bemis)
    if found is None:
        near = await schools.near_code(site.db, bemis)
        names = ", ".join(f"{each.bemis} ({each.name})" for each in near)
        raise PageError(404, f"There is no school with BEMIS {bemis[:20]}: neither the list nor "
                             "any report names it." + (f" Nearest are {names}." if near else ""))
    told = await visits.of_school(site.db, bemis)
    about, _ = await cases.listing(site.db, cases.Filter(
        school=bemis, classifications=() if sees_all(request) else FOR_ALL), LISTED)
    orders, orders_total = await directives.listing(
        site.db, directives.Filter(school=bemis), LISTED)
    listed = await schools.get(site.db, bemis) is not None
    files = await pages.entries(site.db, [
        part.record_id for visit in told for part in visit.pictures])
    return render(
        request, "school.html", school=found, listed=listed, visits=told, cases=about,
        standing=visits.standing(told), files=files, orders=orders, orders_total=orders_total,
        charge_words=charge_words(request, int(time.time() * 1000)),
        near=[] if listed else await schools.near_code(site.db, bemis))


async def visit_list(request: web.Request) -> web.StreamResponse:
    """GET /schools/visits, with `district`, `from`, `to` (dates), `uncoded` (1: no code) and
    `page`."""
    site, page = request.app[SITE], _page(request)
    found, total = await visits.listing(
        site.db, _visits_wanted(request), VISITS, (page - 1) * VISITS)
    if not found and page > 1:
        raise PageError(404, f"There is no page {page}: the list of visits is not that long.")
    asked = {name: ask.words(request, name) for name in ("district", "from", "to", "uncoded")}
    return render(request, "visits.html", visits=found, total=total, number=page, asked=asked,
                  more=page * VISITS < total, districts=await schools.districts(site.db))


async def visits_file(request: web.Request) -> web.StreamResponse:
    """GET /schools/visits.csv, with the same filters and `school`; GET /schools/BEMIS.csv."""
    site, bemis = request.app[SITE], request.match_info.get("bemis", "")
    found: list[Visit] = []
    wanted = _visits_wanted(request, bemis)
    while len(found) < MOST:
        some, total = await visits.listing(site.db, wanted, 1000, len(found))
        found += some
        if not some or len(found) >= total:
            break
    name = f"visits {bemis}.csv" if bemis else "visits.csv"
    return web.Response(
        body=visits.as_csv(found, site.zone), content_type="text/csv", charset="utf-8",
        headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
                 hdrs.CACHE_CONTROL: "no-store"})


def _wanted(request: web.Request) -> Filter:
    """What the address asks for. Raises PageError 400."""
    state = request.query.get("state", "")
    if state not in STATES:
        raise PageError(400, f"Schools are {', '.join(filter(None, STATES))}: no other state can "
                             "be listed.")
    since = ask.day(request, "since", "not visited since")
    zone = request.app[SITE].zone
    return Filter(ask.words(request, "district"), state,
                  ask.midnight(since, zone) if since else 0, ask.words(request))


async def _form(request: web.Request, wanted: Filter) -> dict[str, object]:
    """What the form above a list or map shows: what was asked, districts, counts by state."""
    db = request.app[SITE].db
    asked = {"q": wanted.words, "district": wanted.district, "state": wanted.state,
             "since": request.query.get("since", "").strip()}
    counts = await schools.counts(db, Filter(
        wanted.district, "", wanted.unvisited_since, wanted.words))
    return {"asked": asked, "states": STATES, "counts": counts,
            "districts": await schools.districts(db),
            "filtered": any((wanted.words, wanted.district, wanted.unvisited_since))}


def _visits_wanted(request: web.Request, bemis: str = "") -> visits.Filter:
    zone = request.app[SITE].zone
    since, until = ask.day(request, "from", "from"), ask.day(request, "to", "to")
    return visits.Filter(
        bemis, ask.words(request, "district"),
        since=ask.midnight(since, zone) if since else None,
        until=ask.midnight(ask.next_day(until), zone) if until else None,
        uncoded=request.query.get("uncoded") == "1")


def _page(request: web.Request) -> int:
    page = ask.number(request, "page") or 1
    if page > MAX_PAGE:
        raise PageError(404, "There is no such page: the list is not that long.")
    return page
