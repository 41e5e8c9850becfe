"""Who may what: viewer, staff, officer, admin; each may also do what those before may."""
from __future__ import annotations

from zoneinfo import ZoneInfo

from archive import directory, roles
from archive.db import Database
from archive.model import Person
from archive.roles import may
from bot.commands.base import Command, Mistake, Request
from bot.matrix import Matrix
from config import Config

OFFICER_POWER = 50  # Matrix's moderators


class Forbidden(Mistake):
    """Somebody may not do this; the sentence names the rule."""


async def role_of(config: Config, db: Database, matrix: Matrix, room_id: str, mxid: str, at: int
                  ) -> str:
    """Somebody's role in a room: as `bot.roles` says of them, or of a post that they hold at that
    time (Unix ms); else admin for bridge.admins, officer from power level 50 of the room on, staff
    for everybody else in it. Raises MatrixError."""
    named = config.bot.roles.get(mxid) or await _by_post(
        config, db, await directory.find(db, "mxid", mxid), at)
    if named:
        return named
    if mxid in config.bridge.admins:
        return "admin"
    if await matrix.power_of(room_id, mxid) < OFFICER_POWER:
        return "staff"
    # whoever opens a private talk with the bot has all power in it: that makes nobody an officer
    return "staff" if await matrix.private_with(room_id, mxid) else "officer"


async def of_official(config: Config, db: Database, ghost: str, at: int) -> str:
    """The role of whoever a ghost stands for: as `bot.roles` says of their phone number, or of a
    post that the directory gives them at that time (Unix ms); else viewer. What people call
    themselves on WhatsApp makes no rank."""
    person = await directory.find(db, "ghost", ghost)
    named = {key.removeprefix("+"): role for key, role in config.bot.roles.items()}
    return named.get(person.pn or "" if person else "") or await _by_post(
        config, db, person, at) or "viewer"


async def _by_post(config: Config, db: Database, person: Person | None, at: int) -> str | None:
    return await roles.by_post(db, config.bot.roles, ZoneInfo(config.timezone), person, at)


def from_whatsapp(config: Config) -> dict[str, str]:
    """The commands that officials may give (`bot.official_commands`), each with the least role."""
    pairs = (entry.partition(" (") for entry in config.bot.official_commands)
    return {name.strip(): role.removesuffix(")") or "viewer" for name, _, role in pairs}


def needs(request: Request, wanted: str, what: str, command: Command | None = None) -> None:
    """Raises Forbidden unless who asks is at least that."""
    if not may(request.role, wanted):
        raise Forbidden(
            f"To {what} one must be {_A[wanted]}, and you are {_A[request.role]} here (bot.roles "
            "in the configuration, or the room's power levels, say who is what). Ask somebody who "
            "is, or the administrator.", command)


_A = {"viewer": "a viewer", "staff": "a member of staff", "officer": "an officer",
      "admin": "an admin"}
