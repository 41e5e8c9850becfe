"""A browser that sends chat exports to the page Imports, and a bridge that looks at them."""
from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, FormData

from archive import imports
from archive.imports import Run
from bridge.imports.jobs import Jobs
from tests.web import seed
from tests.web.server import Pages, serve
from web.signin import SESSION_COOKIE

ADMIN = f"@admin:{seed.SERVER}"
GROUP = "School Education, all districts"
NAME = f"WhatsApp Chat with {GROUP}.txt"
TEXT = "".join(
    f"28/12/2025, {hour}:{minute:02} am - {who}: {text}\n"
    for hour in (7, 8, 9) for minute, who, text in (
        (1, "Qadir Bhai", f"GBPS Killi {hour} was closed today"),
        (2, "+92 300 7000021", f"Noted, I will visit school {hour}"),
        (3, "استاد یوسف", f"اسکول نمبر {hour} بند ہے"), (4, "Naseem", "<Media omitted>")))


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Pages]:
    """The seeded archive's pages, on both databases."""
    async with serve(tmp_path, database=database_url, upload_limit=1) as running:
        yield running


@pytest.fixture
async def officer(site: Pages) -> AsyncIterator[ClientSession]:
    """A session of somebody who may import."""
    async with ClientSession(site.url, cookie_jar=CookieJar(unsafe=True), cookies={
            SESSION_COOKIE: site.site.sessions.open(ADMIN).id}) as session:
        yield session


async def token_of(who: ClientSession, path: str = "/imports") -> str:
    async with who.get(path) as response:
        found = re.search(r'name="token" value="([^"]+)"', await response.text())
    assert found
    return found[1]


async def send(who: ClientSession, content: str | bytes = TEXT, name: str = NAME, *,
               token: str | None = None, **fields: str) -> ClientResponse:
    """Send the form as a browser does."""
    form = FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("token", await token_of(who) if token is None else token)
    for field, value in fields.items():
        form.add_field(field, value)
    form.add_field("file", content.encode() if isinstance(content, str) else content,
                   filename=name, content_type="text/plain")
    return await who.post("/imports", data=form, allow_redirects=False)


async def answer(who: ClientSession, run: Run, do: str = "import", **fields: str) -> ClientResponse:
    path = f"/imports/{run.id}"
    return await who.post(path, allow_redirects=False, data={
        "token": await token_of(who, path), "seen": str(run.changed_at), "do": do,
        "group": str(run.chat_id or ""), **fields})


async def step(site: Pages) -> Run:
    """What the bridge does; the newest import."""
    jobs = Jobs(site.site.config, site.db, lambda lane: None)
    for run in await imports.open_ones(site.db):
        await jobs._do(run)
    return (await imports.latest(site.db))[0]


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page[page.index("<main"):]).split())


async def text_of(who: ClientSession, path: str) -> str:
    async with who.get(path) as response:
        assert response.status == 200
        return plain(await response.text())


def folder(site: Pages) -> list[str]:
    """Files that lie where uploads lie."""
    return sorted(path.name for path in (site.site.config.data / "imports").glob("*"))
