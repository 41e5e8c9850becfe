"""Directives: lists of them, one with its life, and the compliance report as a page, XLSX and PDF.

What is only proposed, or was dismissed, is for bridge.admins and bridge.staff: nobody has said that
it is an order.
"""
from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from aiohttp import hdrs, web
from markupsafe import Markup

from archive import answers, cases, compliance, directives, orderwords
from archive.compliance import Report
from archive.directives import Charge, Directive, Filter
from archive.paper import chart, pdf, sheet
from nlp import periods
from web import ask, filters
from web.site import SESSION, SITE, PageError, render

LISTED = 50  # on a page
MAX_PAGE = 100_000
STATES: dict[str, Filter] = {
    "open": Filter(live=True, order="due"),
    "overdue": Filter(order="due"),
    "done": Filter(states=("complied",)),
    "refused": Filter(states=("refused",)),
    "all": Filter(),
    "proposed": Filter(("proposed",)),
}
_printing = asyncio.Semaphore(2)  # it takes a second or more of a processor


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /directives, with `state` (one of STATES), `post` (words of a post or its holder),
    `district`, and `page` (from 1)."""
    site, state = request.app[SITE], request.query.get("state", "open")
    page = ask.number(request, "page") or 1
    states = [name for name in STATES if name != "proposed" or _is_staff(request)]
    if state not in states:
        raise PageError(400, f"Directives are {', '.join(states[:-1])} or {states[-1]}: nothing "
                             "else can be listed.")
    asked = {name: ask.words(request, name) for name in ("post", "district")}
    now = int(time.time() * 1000)
    wanted = replace(STATES[state], post=asked["post"], district=asked["district"],
                     overdue_at=now if state == "overdue" else 0)
    found, total = ([], 0) if page > MAX_PAGE else await directives.listing(
        site.db, wanted, LISTED, (page - 1) * LISTED)
    if not found and page > 1:
        raise PageError(404, f"There is no page {page}: the list of directives is not that long.")
    return render(request, "directives.html", orders=found, total=total, state=state,
                  states=states, asked=asked, number=page, more=page * LISTED < total,
                  filtered=any(asked.values()), charge_words=charge_words(request, now))


async def one(request: web.Request) -> web.StreamResponse:
    """GET /directives/NUMBER"""
    site, text = request.app[SITE], request.match_info["number"]
    if text[:1] in "Pp" and text[1:].isdecimal() and len(text) < 12 and _is_staff(request):
        order = await directives.by_id(site.db, int(text[1:]))
    else:
        order = await directives.by_number(site.db, text)
    if order is None:
        raise PageError(404, f"There is no directive “{text[:40]}”: their numbers look like "
                             "D-2026-0113.")
    case = await cases.by_id(site.db, order.case_id) if order.case_id else None
    return render(
        request, "directive.html", order=order, case=case,
        deeds=await directives.deeds(site.db, order.id),
        answers=await answers.of(site.db, order.id), state_words=orderwords.STATE_WORDS,
        charge_words=charge_words(request, int(time.time() * 1000)),
        deed_words=lambda deed: orderwords.deed_words(
            replace(deed, text=""), lambda ms: filters.short(filters.at(ms, site.zone)),
            filters.isolated))


async def report(request: web.Request) -> web.StreamResponse:
    """GET /directives/report, with `period` (as the bot takes it), `post` and `district`."""
    found, asked = await _report(request)
    bars = [(line, Markup(bar)) for line, bar in chart.bars(found.lines)]
    return render(request, "directive_report.html", report=found, asked=asked, bars=bars,
                  legend=Markup(chart.legend()), columns=compliance.COLUMNS,
                  cell=compliance.cell, heading=compliance.title(found),
                  examples=periods.EXAMPLES)


async def export(request: web.Request) -> web.StreamResponse:
    """GET /directives/report.xlsx or .pdf, with the same."""
    site, kind = request.app[SITE], request.match_info["format"]
    found, _ = await _report(request)
    make, mime = {"xlsx": (sheet.report, sheet.XLSX), "pdf": (pdf.report, "application/pdf")}[kind]
    try:
        async with _printing:
            body = await asyncio.to_thread(make, found, site.zone)
    except pdf.PaperError as error:
        raise PageError(503, str(error)) from None
    return web.Response(body=body, content_type=mime, headers={
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="compliance.{kind}"',
        hdrs.CACHE_CONTROL: "no-store"})


async def _report(request: web.Request) -> tuple[Report, dict[str, str]]:
    site = request.app[SITE]
    asked = {name: ask.words(request, name) for name in ("period", "post", "district")}
    now = int(time.time() * 1000)
    try:
        period = periods.read(asked["period"], datetime.fromtimestamp(now / 1000, site.zone).date())
    except periods.PeriodError as error:
        raise PageError(400, f"{error}.") from None
    return await compliance.report(
        site.db, compliance.between(period.first, period.last, period.name, site.zone), now,
        asked["post"], asked["district"]), asked


def charge_words(request: web.Request, now: int) -> Callable[[Directive, Charge], str]:
    """How a page says where a charge stands."""
    zone = request.app[SITE].zone
    return lambda order, charge: orderwords.charge_words(
        order, charge, now, lambda ms: filters.short(filters.at(ms, zone)), filters.isolated)


def _is_staff(request: web.Request) -> bool:
    bridge = request.app[SITE].config.bridge
    return request[SESSION].user in (*bridge.admins, *bridge.staff)
