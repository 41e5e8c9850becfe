"""Who may change something through the pages: admins and officers, as the bot knows them. In rooms
Matrix's power levels make officers too; the pages are no room, so there it is bot.roles alone."""
from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from archive import directory, postings
from archive.cases import Actor
from archive.db import Database
from config import Config
from web.site import OFFICER, SESSION, SITE, PageError

_MAY = ("officer", "admin")


async def is_officer(config: Config, db: Database, user: str, at: int) -> bool:
    """Whether bot.roles says so of somebody, or of a post that they hold at that time (Unix ms);
    bridge.admins are when it says nothing of them."""
    named = config.bot.roles.get(user)
    roles = [named] if named else await _by_post(config, db, user, at)
    return any(role in _MAY for role in roles) if roles else user in config.bridge.admins


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


async def _by_post(config: Config, db: Database, user: str, at: int) -> list[str]:
    """What bot.roles says of the posts that somebody holds (`DC Sibi`), or of their kinds."""
    named = {key.casefold(): role for key, role in config.bot.roles.items() if key[0].isalpha()}
    person = await directory.find(db, "mxid", user) if named else None
    if person is None:
        return []
    day = datetime.fromtimestamp(at / 1000, ZoneInfo(config.timezone)).date().isoformat()
    held = (await postings.of_people(db, [person.id], day)).get(person.id, [])
    return [role for each in held for key in (str(each.post), each.post.kind)
            if (role := named.get(key.casefold()))]
