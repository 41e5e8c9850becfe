"""Cases and their docket sheets."""
from __future__ import annotations

from aiohttp import web

from archive import cases, ids
from web.site import SITE, PageError, render

LISTED = 200
STATES: dict[str, tuple[str, ...]] = {
    "open": cases.ACTIVE, "resolved": ("resolved",), "closed": ("closed",), "all": ()}


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /cases, with `state`: open, resolved, closed or all."""
    state = request.query.get("state", "open")
    if state not in STATES:
        raise PageError(400, "Cases are “open”, “resolved”, “closed” or “all”: nothing else can be "
                             "listed.")
    found, total = await cases.listing(
        request.app[SITE].db, cases.Filter(states=STATES[state]), LISTED)
    return render(request, "cases.html", cases=found, total=total, state=state, states=STATES)


async def docket(request: web.Request) -> web.StreamResponse:
    """GET /cases/NUMBER"""
    db, text = request.app[SITE].db, request.match_info["number"]
    parsed = ids.parse_case_number(text)
    # a serial beyond this is no case of ours and no number for the database either
    if parsed is None or parsed[2] >= 10**12:
        raise PageError(404, f"“{text[:40]}” is not a case number: they look like SED-2026-00042.")
    department, year, serial = parsed
    case = await cases.find(db, department, serial, year)
    if case is None:
        raise PageError(404, f"There is no case {ids.make_case_number(department, year, serial)}.")
    return render(request, "case.html", docket=await cases.read_docket(db, case.id))
