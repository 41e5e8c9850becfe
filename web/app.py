"""Wiring of the archive's pages: the routes, the doors, and what happens when something fails."""
from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, web

from archive.db import ArchiveError, Database, open_database
from archive.media import MediaStore
from config import Config, ConfigError
from web import (
    audit,
    cases,
    directives,
    files,
    filters,
    groups,
    imports,
    incoming,
    metrics,
    notifications,
    people,
    rights,
    schools,
    search,
    signin,
    status,
)
from web.sessions import FormTokens, Sessions, Throttle
from web.site import OFFICER, SESSION, SITE, PageError, Site, render

log = logging.getLogger("daftar.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def health(request: web.Request) -> web.StreamResponse:
    """GET /health: the pages run and the archive answers."""
    await request.app[SITE].db.read("SELECT 1")
    return web.Response(text="ok\n")


ROUTES = [
    web.get("/", groups.overview),
    web.get("/g/{chat}", groups.record),
    web.get("/r/{record}", groups.sheet),
    web.get("/search", search.search),
    web.get("/people", people.listing),
    web.get("/people/{person}", people.person),
    web.get("/cases", cases.listing),
    web.get("/cases/{number}.{format:pdf|docx|json}", cases.export),
    web.get("/cases/{number}", cases.docket),
    web.get("/directives", directives.listing),
    web.get("/directives/report", directives.report),
    web.get("/directives/report.{format:xlsx|pdf}", directives.export),
    web.get("/directives/{number}", directives.one),
    web.get("/schools", schools.listing),
    web.get("/schools/map", schools.school_map),
    web.get("/schools/{bemis:[0-9]{1,9}}.csv", schools.visits_file),
    web.get("/schools/{bemis:[0-9]{1,9}}", schools.school),
    web.get("/schools/visits", schools.visit_list),
    web.get("/schools/visits.csv", schools.visits_file),
    web.get("/notifications", notifications.listing),
    web.get("/imports", imports.listing),
    web.post("/imports", imports.upload),
    web.get("/imports/{run}", imports.one),
    web.post("/imports/{run}", imports.answer),
    web.get("/status", status.status),
    web.get("/audit", audit.trail),
    web.get("/media/{sha256}", files.media),
    web.get("/thumb/{sha256}", files.thumbnail),
    web.get("/static/{name}", files.static),
    web.get("/sign-in", signin.form),
    web.post("/sign-in", signin.sign_in),
    web.post("/sign-out", signin.sign_out),
    web.get("/health", health),
    web.get("/metrics", metrics.metrics),
]
PUBLIC = frozenset({signin.form, signin.sign_in, files.static, health, metrics.metrics})

MAX_LINE = 64 * 1024  # bytes of an address: beyond it, the server's own plain refusal
MAX_FORM = 64 * 1024  # bytes

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Robots-Tag": "noindex, nofollow",
}


async def run(config: Config) -> None:
    """Serve the archive's pages until cancelled. Raises ArchiveError when the archive cannot be
    opened, ConfigError when the time zone is unknown or the port is taken."""
    db = await open_database(config.database_url)
    try:
        async with ClientSession() as http:
            runner = web.AppRunner(
                make_app(config, db, http), access_log=None, max_line_size=MAX_LINE,
                max_field_size=MAX_LINE, shutdown_timeout=5)
            await runner.setup()
            try:
                await _listen(runner, config)
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()
    finally:
        await db.close()


def make_app(config: Config, db: Database, http: ClientSession) -> web.Application:
    """The application over an open archive. `http` is used towards the homeserver only.
    Raises ConfigError when the time zone is unknown."""
    try:
        zone = ZoneInfo(config.timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"timezone: {config.timezone!r} is not a time zone; write one like "
                          "Asia/Karachi") from None
    static = Path(__file__).parent / "static"
    css = b"".join((static / name).read_bytes() for name in ("style.css", "registers.css"))
    app = web.Application(middlewares=[explain, guard], client_max_size=MAX_FORM)
    app[SITE] = Site(
        config=config, db=db, zone=zone, http=http,
        templates=filters.environment(zone, hashlib.sha256(css).hexdigest()[:12]),
        sessions=Sessions(), form_tokens=FormTokens(), throttle=Throttle(),
        media=MediaStore(config.data / "media"), thumbnails=config.data / "thumbnails",
        readers=frozenset((*config.bridge.admins, *config.bridge.staff, *config.web.readers)))
    app.add_routes(ROUTES)
    app.on_response_prepare.append(_protect)
    app.on_startup.append(_sweep)
    return app


async def _listen(runner: web.AppRunner, config: Config) -> None:
    site = web.TCPSite(runner, config.web.host, config.web.port)
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"web: cannot listen on {config.web.host} port {config.web.port} "
            f"({error.strerror or error}): choose another web.port or stop what uses it") from None
    host, port = runner.addresses[0][:2]
    log.info("the archive's pages are at %s", config.web.public_url or f"http://{host}:{port}")


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever fails becomes a page with one sentence; never a traceback."""
    try:
        return await handler(request)
    except PageError as error:
        problem, sentence = error.status, error.sentence
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        problem, sentence = error.status, _SENTENCES.get(error.status, f"{error.reason}.")
    except UnicodeError:
        problem, sentence = 400, "The address holds characters that cannot be read."
    except (ArchiveError, OSError):
        log.exception("archive not readable for %s", request.path)
        problem, sentence = 503, ("The archive cannot be read at the moment: try again in a "
                                  "minute, then tell the administrator.")
    except Exception:
        log.exception("page %s failed", request.path)
        problem, sentence = 500, ("Something went wrong while making this page. It is noted in the "
                                  "log: please tell the administrator what you were looking for.")
    return render(request, "error.html", status=problem, sentence=sentence,
                  title=_TITLES.get(problem, "That did not work"))


_SENTENCES = {
    404: "There is no such page in the archive.",
    405: "This page cannot be asked for in that way.",
    413: "What was sent is larger than this page takes.",
}
_TITLES = {
    400: "That cannot be read", 403: "Not allowed", 404: "Not found", 401: "Please sign in",
    503: "Just now it does not work",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing but the sign-in page and its style without a session; no form from elsewhere."""
    site = request.app[SITE]
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") not in (
            "same-origin", "none"):
        raise PageError(403, "This form was sent from another site, so it was not accepted.")
    session = site.sessions.get(request.cookies.get(signin.SESSION_COOKIE, ""))
    if session is not None:
        request[SESSION] = session
        request[OFFICER] = await rights.is_officer(
            site.config, site.db, session.user, int(time.time() * 1000))
    elif request.match_info.handler not in PUBLIC:
        if request.method not in ("GET", "HEAD") or request.path.startswith(("/media/", "/thumb/")):
            raise PageError(401, "Please sign in to the archive first.")
        goal = request.raw_path
        goal = f"?next={quote(goal, safe='')}" if goal != "/" and len(goal) < 2000 else ""
        raise web.HTTPSeeOther(f"/sign-in{goal}")
    return await handler(request)


async def _sweep(app: web.Application) -> None:
    await asyncio.to_thread(incoming.sweep, imports.folder(app[SITE]))


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)  # a file has a stricter policy of its own
    response.headers["Server"] = "Daftar"
    if request.app[SITE].config.web.public_url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
