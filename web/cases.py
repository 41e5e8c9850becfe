"""Cases: lists of them, a case's docket sheet, and the same as files.

Confidential and secret cases are for bridge.admins and bridge.staff; to other readers of the pages
they do not exist in lists, and a sentence says so at their address. What lies on their file stays
in the group's record, which every reader of the pages may read.
"""
from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from aiohttp import hdrs, web

from archive import cases, ids
from archive.cases import Case, Docket, Filter
from archive.paper import asjson, casefile, docx, pdf
from nlp import schools
from nlp import words as texts
from web import ask
from web.site import SESSION, SITE, PageError, render

LISTED = 50  # on a page
MAX_PAGE = 100_000
FOR_ALL = ("open", "restricted")  # classifications that every reader may see
STATES: dict[str, Filter] = {
    "open": Filter(states=cases.ACTIVE),
    "overdue": Filter(states=cases.ACTIVE, order="due"),
    "waiting": Filter(states=("waiting",)),
    "resolved": Filter(states=("resolved",)),
    "closed": Filter(states=("closed",)),
    "all": Filter(),
}
FIELDS = ("district", "holder", "tag", "school")

_TYPES = {
    "pdf": "application/pdf", "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
_printing = asyncio.Semaphore(2)  # it takes a second of a processor


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /cases, with `state` (one of STATES), `district`, `holder` (words of the name), `tag`,
    `school`, and `page` (from 1)."""
    state, page = request.query.get("state", "open"), ask.number(request, "page") or 1
    if state not in STATES:
        names = [f"“{name}”" for name in STATES]
        raise PageError(400, f"Cases are {', '.join(names[:-1])} or {names[-1]}: nothing else can "
                             "be listed.")
    asked = {name: ask.words(request, name) for name in FIELDS}
    now = int(time.time() * 1000)
    wanted = replace(
        STATES[state], overdue_at=now if state == "overdue" else 0,
        district=asked["district"], post=asked["holder"],
        tag=texts.fold(asked["tag"].lstrip("#")),
        school=schools.read_code(asked["school"]) or asked["school"],
        classifications=() if sees_all(request) else FOR_ALL)
    if page > MAX_PAGE:
        raise PageError(404, "There is no such page: the list of cases is not that long.")
    found, total = await cases.listing(
        request.app[SITE].db, wanted, LISTED, (page - 1) * LISTED)
    if not found and page > 1:
        raise PageError(404, f"There is no page {page}: the list of cases is not that long.")
    return render(request, "cases.html", cases=found, total=total, state=state, states=STATES,
                  asked=asked, number=page, more=page * LISTED < total, filtered=any(
                      asked.values()))


async def docket(request: web.Request) -> web.StreamResponse:
    """GET /cases/NUMBER"""
    found = await _docket(request)
    return render(request, "case.html", docket=found)


async def export(request: web.Request) -> web.StreamResponse:
    """GET /cases/NUMBER.pdf, .docx or .json: the docket sheet and every paper in full."""
    site, found = request.app[SITE], await _docket(request)
    kind = request.match_info["format"]
    file = await casefile.read(
        site.db, found, site.zone, int(time.time() * 1000), request[SESSION].user)

    def make() -> bytes:
        if kind == "json":
            return asjson.docket(file)
        pictures = casefile.pictures(site.media, file)
        return (pdf if kind == "pdf" else docx).docket(file, pictures)
    try:
        async with _printing:
            body = await asyncio.to_thread(make)
    except pdf.PaperError as error:
        raise PageError(503, str(error)) from None
    return web.Response(body=body, content_type=_TYPES[kind], headers={
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{found.case.number}.{kind}"',
        hdrs.CACHE_CONTROL: "no-store"})


async def _docket(request: web.Request) -> Docket:
    """The case of the address with all that is on its file. Raises PageError 404, and 403 when
    this reader may not see it."""
    db, text = request.app[SITE].db, request.match_info["number"]
    parsed = ids.parse_case_number(text)
    # a serial beyond this is no case of ours and no number for the database either
    if parsed is None or parsed[2] >= 10**12:
        raise PageError(404, f"“{text[:40]}” is not a case number: they look like SED-2026-00042.")
    department, year, serial = parsed
    case = await cases.find(db, department, serial, year)
    if case is None:
        raise PageError(404, f"There is no case {ids.make_case_number(department, year, serial)}.")
    found = await cases.read_docket(db, case.id)
    if not sees_all(request) and not all(map(_for_all, (case, *found.merged))):
        raise PageError(403, f"{case.number} is classified: it is shown to staff and admins only.")
    return found


def _for_all(case: Case) -> bool:
    return case.classification in FOR_ALL


def sees_all(request: web.Request) -> bool:
    bridge = request.app[SITE].config.bridge
    return request[SESSION].user in (*bridge.admins, *bridge.staff)
