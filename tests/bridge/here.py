"""A bridge in the test's own process, on a real homeserver: its link is never started, what
WhatsApp would say is put into its hands."""
from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archive import directory
from archive.db import Database, open_database
from bridge.app import Bridge
from bridge.link import Delivery
from config import Config
from tests.bot.people import Staff, until
from tests.homeserver import House

_names = itertools.count(1)


@dataclass
class Here:
    """The bridge, its archive and an admin at a raw client."""

    bridge: Bridge
    db: Database
    config: Config
    admin: Staff
    jid: str  # of a group that is mirrored; nothing is known of it yet

    async def deliver(self, *deliveries: Delivery) -> None:
        """What the link does with an event of WhatsApp."""
        for delivery in deliveries:
            await self.bridge._on_event(delivery)

    async def room(self) -> str:
        """The group's room; the admin goes in."""
        async def made() -> str | None:
            chat = await directory.chat_by_jid(self.db, self.jid)
            return chat.room_id if chat else None

        room = await until(made)
        await self.admin.join(room)
        return room

    async def bodies(self, room: str) -> list[str]:
        """The words of all messages in a room."""
        return [event["content"].get("body", "") for event in await self.admin.read(room)
                if event["type"] == "m.room.message"]

    async def shown(self, room: str, words: str) -> dict[str, Any]:
        """Wait for the message that holds these words."""
        async def look() -> dict[str, Any] | None:
            return next((event for event in await self.admin.read(room)
                         if words in str(event["content"].get("body", ""))), None)

        return await until(look)

    async def admin_room(self) -> str:
        """The admin's chat with the bridge; the admin goes in."""
        room = await self.bridge.rooms.admin_room(self.admin.user_id)
        await self.admin.join(room)
        return room


@contextlib.asynccontextmanager
async def bridge_here(house: House, folder: Path, database: str = "",
                      **changes: Any) -> AsyncIterator[Here]:
    """A bridge with an admin and an archive of its own; `changes` are for its configuration."""
    localpart = f"admin{next(_names)}-{os.getpid()}"
    token = await house.synapse.create_user(localpart, "pass", displayname="Admin")
    admin = Staff(house, localpart, token)
    config = replace(
        house.config, data=folder, database=database or f"sqlite:{folder / 'archive.sqlite'}",
        bridge=replace(house.config.bridge, admins=(admin.user_id,), staff=(), **changes))
    db = await open_database(config.database_url)
    bridge = Bridge(config, db)

    async def no_link() -> None:
        """The link stays down: this machine has no WhatsApp."""

    bridge.link.start = no_link
    await bridge.start()
    try:
        yield Here(bridge, db, config, admin, f"120363{secrets.randbelow(10**12):012d}@g.us")
    finally:
        await bridge.stop()
        await db.close()
