"""Fixtures for the bot: a staff member, a room with the bot in it."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from config import Config
from tests.bot.people import Staff, config_for, new_staff, running_bot, until
from tests.homeserver import House, house, new_house  # noqa: F401


@dataclass(frozen=True)
class Desk:
    """A member of staff in a room that the bot has joined."""

    staff: Staff
    room_id: str
    config: Config


async def bot_is_in(staff: Staff, room_id: str) -> bool:
    """Whether the bot has joined."""
    members = await staff.call("GET", f"/v3/rooms/{room_id}/joined_members")
    return staff.house.config.user_id(staff.house.config.bot.user) in members["joined"]


@pytest.fixture
async def desk(house: House, tmp_path: Path) -> AsyncIterator[Desk]:  # noqa: F811
    """The bot runs in this process and has joined a room of its own, in which an officer works; the
    archive is SQLite."""
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'archive.sqlite'}", tmp_path, (staff.user_id,))
    config = replace(config, bot=replace(config.bot, roles={staff.user_id: "officer"}))
    async with running_bot(config):
        room_id = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room_id))
        yield Desk(staff, room_id, config)
