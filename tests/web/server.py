"""The archive's pages, running over the seeded archive on a port of the system's choice."""
from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, CookieJar, web

import config
from archive.db import Database, open_database
from tests.web import seed
from web.app import MAX_LINE, make_app
from web.signin import SESSION_COOKIE
from web.site import SITE, Site

READER = f"@shazia:{seed.SERVER}"


@dataclass(frozen=True)
class Pages:
    """Running pages. `visitor` is signed in, `stranger` is not."""

    url: str
    site: Site
    db: Database
    made: dict[str, int]  # ids of what was seeded, by name
    cookie: str
    visitor: ClientSession
    stranger: ClientSession


def settings(folder: Path, homeserver: str = "http://127.0.0.1:9", **web_values: object,
             ) -> config.Config:
    """A configuration for pages over an archive in `folder`."""
    return config.from_values({
        "homeserver": {"url": homeserver, "name": seed.SERVER},
        "bridge": {"as_token": "a", "hs_token": "b", "admins": [f"@admin:{seed.SERVER}"]},
        "bot": {"as_token": "c", "hs_token": "d"},
        "web": {"readers": [READER], **web_values},
    }, env={}, base=folder)


@contextlib.asynccontextmanager
async def serve(
    folder: Path, *, homeserver: str = "http://127.0.0.1:9", database: str = "",
    seeded: bool = True, **web_values: object,
) -> AsyncIterator[Pages]:
    """Open an archive, fill it and serve it."""
    values = settings(folder, homeserver, **web_values)
    values.data.mkdir(parents=True, exist_ok=True)
    db = await open_database(database or values.database_url)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        made = await seed.fill(db, values.data / "media") if seeded else {}
        http = await stack.enter_async_context(ClientSession())
        app = make_app(values, db, http)
        runner = web.AppRunner(app, access_log=None, max_line_size=MAX_LINE,
                               max_field_size=MAX_LINE)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        cookie = app[SITE].sessions.open(READER).id
        visitor = await stack.enter_async_context(ClientSession(
            url, cookies={SESSION_COOKIE: cookie}, cookie_jar=CookieJar(unsafe=True)))
        stranger = await stack.enter_async_context(
            ClientSession(url, cookie_jar=CookieJar(unsafe=True)))
        yield Pages(url, app[SITE], db, made, cookie, visitor, stranger)


@contextlib.asynccontextmanager
async def pages_over(values: config.Config, db: Database, reader: str
                     ) -> AsyncIterator[tuple[ClientSession, ClientSession]]:
    """The pages over an archive that somebody else fills: a session that is signed in, and one
    that is not."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        app = make_app(values, db, http)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        cookie = app[SITE].sessions.open(reader).id
        visitor = await stack.enter_async_context(ClientSession(
            url, cookies={SESSION_COOKIE: cookie}, cookie_jar=CookieJar(unsafe=True)))
        stranger = await stack.enter_async_context(ClientSession(url))
        yield visitor, stranger
