"""Who may change something through the pages: admins and officers, as the bot knows them. In rooms
Matrix's power levels make officers too; the pages are no room, so there it is bot.roles alone."""
from __future__ import annotations

from zoneinfo import ZoneInfo

from aiohttp import web

from archive import directory, roles
from archive.cases import Actor
from archive.db import Database
from config import Config
from web.site import OFFICER, SESSION, SITE, PageError


async def is_officer(config: Config, db: Database, user: str, at: int) -> bool:
    """Whether bot.roles says so of somebody, or of a post that they hold at that time (Unix ms);
    bridge.admins are when it says nothing of them."""
    role = config.bot.roles.get(user) or await roles.by_post(
        db, config.bot.roles, ZoneInfo(config.timezone), await directory.find(db, "mxid", user), at)
    return roles.may(role, "officer") if role else user in config.bridge.admins


def need_officer(request: web.Request, what: str) -> None:
    """Raises PageError 403 unless an officer asks."""
    if not request.get(OFFICER):
        raise PageError(403, f"To {what} one must be an officer (bot.roles in the configuration) "
                             "or an admin (bridge.admins). Ask somebody who is, or the "
                             "administrator.")


async def actor(request: web.Request) -> Actor:
    """Who is signed in, under the name that the directory has."""
    user = request[SESSION].user
    known = await directory.find(request.app[SITE].db, "mxid", user)
    return Actor(user, known.name if known and known.name else user)
