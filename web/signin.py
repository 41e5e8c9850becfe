"""Signing in and out."""
from __future__ import annotations

import re
import secrets

from aiohttp import web

from web import homeserver
from web.sessions import LIFETIME_S, TRIES, TRIES_FROM_ADDRESS
from web.site import SESSION, SITE, PageError, Site, render

SESSION_COOKIE = "daftar_session"
FORM_COOKIE = "daftar_form"  # ties the sign-in form to the browser it was shown in

# Matrix spec, "User identifiers": at most 255 characters; historical localparts are lenient.
_USER_ID = re.compile(r"^@[!-9;-~]+:[A-Za-z0-9.\-:\[\]]+$")
_REFUSED = ("That Matrix id and password do not open the archive. Check both; if they are right, "
            "ask the administrator to put your id on the list of readers.")


async def form(request: web.Request) -> web.StreamResponse:
    """GET /sign-in"""
    if SESSION in request:
        raise web.HTTPSeeOther(_local(request.query.get("next", "")))
    return _form(request, request.query.get("next", ""))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """POST /sign-in"""
    site, posted = request.app[SITE], await request.post()
    user, password, token, goal = (
        value if isinstance(value := posted.get(name), str) else ""
        for name in ("user", "password", "token", "next"))
    if not site.form_tokens.fits(token, request.cookies.get(FORM_COOKIE, "")):
        return _form(request, goal, user, 403, "The form had grown old or your browser keeps no "
                     "cookies: please send it once more.")
    user = _user_id(site, user)
    if user is None or not password:
        return _form(request, goal, str(posted.get("user", "")), 400, "Please give your Matrix id, "
                     f"such as @name:{site.config.homeserver.name}, and your password.")
    keys = ((f"user {user}", TRIES), (f"address {request.remote}", TRIES_FROM_ADDRESS))
    wait = max(site.throttle.wait(key, limit) for key, limit in keys)
    if wait:
        response = _form(request, goal, user, 429, "Too many tries: please wait "
                         f"{-(-wait // 60)} minutes, then try again.")
        response.headers["Retry-After"] = str(wait)
        return response
    for key, _ in keys:
        site.throttle.count(key)
    if not await _may_enter(site, user, password):
        return _form(request, goal, user, 403, _REFUSED)
    for key, _ in keys:
        site.throttle.clear(key)
    return _let_in(request, user, goal)


async def sign_out(request: web.Request) -> web.StreamResponse:
    """POST /sign-out"""
    site, session, posted = request.app[SITE], request[SESSION], await request.post()
    token = posted.get("token")
    if not isinstance(token, str) or not site.form_tokens.fits(token, session.id):
        raise PageError(403, "You are still signed in: the form had grown old, please press "
                             "“Sign out” once more.")
    site.sessions.close(session.id)
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    response.del_cookie(SESSION_COOKIE, path="/")
    return response


async def _may_enter(site: Site, user: str, password: str) -> bool:
    """Ids that are not on the list never reach the homeserver: it counts all sign-ins from this
    address together, and strangers must not use the readers' allowance up."""
    if user not in site.readers:
        return False
    try:
        name = await homeserver.check_password(
            site.http, site.config.homeserver.url, user, password)
    except homeserver.WrongPassword:
        return False
    except homeserver.Unavailable as error:
        raise PageError(503, str(error)) from None
    return name in site.readers


def _let_in(request: web.Request, user: str, goal: str) -> web.Response:
    site = request.app[SITE]
    session = site.sessions.open(user)
    response = web.Response(status=303, headers={"Location": _local(goal)})
    response.set_cookie(SESSION_COOKIE, session.id, max_age=LIFETIME_S, path="/", httponly=True,
                        samesite="Lax", secure=_secure(site))
    response.del_cookie(FORM_COOKIE, path="/sign-in")
    return response


def _form(
    request: web.Request, goal: str, user: str = "", status: int = 200, problem: str = "",
) -> web.Response:
    site = request.app[SITE]
    cookie = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
    response = render(
        request, "sign_in.html", status=status, goal=_local(goal), user=user[:255],
        problem=problem, form_token=site.form_tokens.make(cookie),
        server=site.config.homeserver.name)
    response.set_cookie(FORM_COOKIE, cookie, path="/sign-in", httponly=True, samesite="Strict",
                        secure=_secure(site))
    return response


def _user_id(site: Site, text: str) -> str | None:
    """A full Matrix id from what was typed: `@name:server`, or the name alone, in any case."""
    text = text.strip()
    if text and ":" not in text:
        text = f"@{text.removeprefix('@')}:{site.config.homeserver.name}"
    if len(text) > 255 or not _USER_ID.match(text):
        return None
    return text if text in site.readers else text.lower()


def _local(goal: str) -> str:
    """Where to go next: a path of this site and nothing else."""
    plain = len(goal) < 2000 and all("!" <= c <= "~" and c != "\\" for c in goal)
    return goal if plain and goal.startswith("/") and not goal.startswith("//") else "/"


def _secure(site: Site) -> bool:
    return site.config.web.public_url.startswith("https://")
