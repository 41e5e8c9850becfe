"""Search: words, group, sender, dates."""
from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from archive import pages, people
from archive import search as index
from archive.model import Record
from web import ask
from web.site import SITE, PageError, Site, render

HITS = 30  # on a page
NAMESAKES = 20  # people offered when a name fits several


@dataclass(frozen=True)
class Query:
    """What was asked for, as the form shows it again."""

    words: str
    chat_id: int | None
    sender: str  # a name, or part of one
    person: int | None  # the person chosen among namesakes
    since: str
    until: str

    @property
    def empty(self) -> bool:
        return not (self.words or self.chat_id or self.sender or self.person or self.since
                    or self.until)

    def address(self, **changes: object) -> str:
        """The address of this search with some of its parts changed; empty parts are left out."""
        parts = {"q": self.words, "group": self.chat_id, "sender": self.sender,
                 "person": self.person, "from": self.since, "to": self.until, **changes}
        return "/search?" + urlencode({k: str(v) for k, v in parts.items() if v})


@dataclass(frozen=True)
class Hit:
    """A found record; `snippet` has its matched words between \\x02 and \\x03."""

    record: Record
    group: str
    snippet: str


async def search(request: web.Request) -> web.StreamResponse:
    """GET /search, with `q`, `group`, `sender`, `person`, `from`, `to`, `before`."""
    site = request.app[SITE]
    since, until = ask.day(request, "from", "from"), ask.day(request, "to", "to")
    if since and until and since > until:
        raise PageError(400, f"“From” ({since}) lies after “to” ({until}): please swap them.")
    query = Query(ask.words(request), ask.number(request, "group"), ask.words(request, "sender"),
                  ask.number(request, "person"), since.isoformat() if since else "",
                  until.isoformat() if until else "")
    groups = await pages.chat_names(site.db)
    if query.chat_id is not None and query.chat_id not in groups:
        raise PageError(404, f"The archive has no group number {query.chat_id}.")
    sender, namesakes, problem = await _sender(site, query)
    hits: list[Hit] = []
    if not (query.empty or namesakes or problem):
        hits = await _find(
            site, query, sender.person.id if sender else None,
            ask.midnight(since, site.zone) if since else None,
            ask.midnight(ask.next_day(until), site.zone) if until else None,
            ask.number(request, "before"))
    return render(
        request, "search.html", query=query, groups=groups, sender=sender, namesakes=namesakes,
        problem=problem, hits=hits[:HITS], paged=bool(ask.number(request, "before")),
        more=query.address(before=hits[HITS - 1].record.id) if len(hits) > HITS else "")


async def _sender(
    site: Site, query: Query,
) -> tuple[people.PersonCard | None, list[people.PersonCard], str]:
    """(the one person that is meant, or the people it may be, or a sentence why nobody fits)."""
    if query.person:
        found = await people.card(site.db, query.person)
        if found is None:
            raise PageError(404, f"The archive knows no person number {query.person}.")
        return found[0], [], ""
    if not query.sender:
        return None, [], ""
    cards = await people.listing(site.db, query.sender.removeprefix("+"), limit=NAMESAKES)
    if not cards:
        return None, [], (f"Nobody in the archive is called “{query.sender}”. Try a part of the "
                          "name or of the number.")
    exact = [c for c in cards if c.person.name.casefold() == query.sender.casefold()]
    if len(exact) == 1 or len(cards) == 1:
        return (exact or cards)[0], [], ""
    return None, cards, ""


async def _find(
    site: Site, query: Query, sender_id: int | None, since: int | None, until: int | None,
    before: int | None,
) -> list[Hit]:
    if query.words:
        found = await index.find(
            site.db, query.words, chat_id=query.chat_id, sender_id=sender_id, since=since,
            until=until, limit=HITS + 1, before=before)
        return [Hit(hit.record, hit.chat_name, hit.snippet) for hit in found]
    records = await pages.browse(
        site.db, chat_id=query.chat_id, sender_id=sender_id, since=since, until=until,
        before=before, limit=HITS + 1)
    return [Hit(record, group, record.text) for record, group in records]
