"""The people of the record, with their numbers and the names they were seen under."""
from __future__ import annotations

from aiohttp import web

from archive import days, people, postings
from web import ask
from web.site import SITE, PageError, render

PEOPLE = 100  # on a page
MAX_PAGE = 100_000


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /people, with `q` and `page` (from 1)."""
    words, page = ask.words(request), ask.number(request, "page") or 1
    if page > MAX_PAGE:
        raise PageError(404, "There is no such page: the list of people is not that long.")
    cards = await people.listing(
        request.app[SITE].db, words.removeprefix("+"), offset=(page - 1) * PEOPLE,
        limit=PEOPLE + 1)
    if not cards and page > 1:
        raise PageError(404, f"There is no page {page}: the list of people is not that long.")
    return render(request, "people.html", cards=cards[:PEOPLE], words=words, number=page,
                  more=len(cards) > PEOPLE)


async def person(request: web.Request) -> web.StreamResponse:
    """GET /people/PERSON"""
    person_id = ask.path_id(request, "person", "person")
    found = await people.card(request.app[SITE].db, person_id)
    if found is None:
        raise PageError(404, f"The archive knows no person number {person_id}.")
    held = await postings.of_person(request.app[SITE].db, person_id)
    return render(request, "person.html", card=found[0], groups=found[1],
                  postings=held[::-1], shown=days.shown)
