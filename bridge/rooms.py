"""Rooms: the department's space, one room a group, and the admins' chats with the bridge."""
from __future__ import annotations

import asyncio
import logging

from archive import directory, settings
from archive.db import Database
from archive.model import Chat
from bridge.matrix import Homeserver
from config import Config

log = logging.getLogger("daftar.bridge.rooms")

TOPIC = ("WhatsApp group. What you write here goes to the group under your name. Commands, the "
         "bot's notices and everything in a thread under a case card stay here.")
NAME_LIMIT = 255


class Rooms:
    """Makes rooms and keeps their names in step. A room's alias is derived from the group's JID,
    so that a crash while making one leads back to the same room."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._space: str | None = None
        self._space_lock = asyncio.Lock()

    @property
    def people(self) -> list[str]:
        """Who is invited to every mirrored room: admins, staff, and the governance bot."""
        bridge = self._config.bridge
        bot = self._config.user_id(self._config.bot.user)
        return list(dict.fromkeys([*bridge.admins, *bridge.staff, bot]))

    async def space(self) -> str:
        """The department's space."""
        async with self._space_lock:
            if self._space is None:
                self._space = await settings.get(self._db, "space_room")
            if self._space is None:
                self._space = await self._homeserver.create_room(
                    self._config.bridge.ghost_prefix + "space",
                    {
                        "name": self._config.bridge.space, "preset": "private_chat",
                        "creation_content": {"type": "m.space"}, "invite": self.people,
                        "power_level_content_override": self._power(events_default=100),
                    })
                await self._db.write(settings.put("space_room", self._space))
        return self._space

    def _power(self, events_default: int = 0) -> dict[str, object]:
        users = {self._homeserver.bot_id: 100,
                 self._config.user_id(self._config.bot.user): 50,
                 **{admin: 90 for admin in self._config.bridge.admins}}
        return {"users": users, "users_default": 0, "events_default": events_default,
                "invite": 50, "redact": 50, "kick": 50, "ban": 50, "state_default": 50}

    async def ensure(self, chat: Chat) -> str:
        """The room of a group, made when there is none. Returns its id."""
        if chat.room_id:
            return chat.room_id
        space = await self.space()
        alias = self._config.bridge.ghost_prefix + chat.jid.partition("@")[0]
        room = await self._homeserver.create_room(alias, {
            "name": room_name(chat), "topic": room_topic(chat), "preset": "private_chat",
            "visibility": "private", "invite": self.people,
            "power_level_content_override": self._power(),
            "initial_state": [
                {"type": "m.space.parent", "state_key": space,
                 "content": {"via": [self._homeserver.domain], "canonical": True}},
                {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}},
            ],
        })
        await self._homeserver.set_state(
            space, "m.space.child", {"via": [self._homeserver.domain], "suggested": True}, room)
        await self._db.write(directory.set_room(chat.id, room))
        log.info("group %s (%s) is room %s", chat.name, chat.jid, room)
        return room

    async def rename(self, chat: Chat) -> None:
        """Put a group's present name and topic on its room."""
        if chat.room_id:
            await self._homeserver.set_state(
                chat.room_id, "m.room.name", {"name": room_name(chat)})
            await self._homeserver.set_state(
                chat.room_id, "m.room.topic", {"topic": room_topic(chat)})

    async def admin_room(self, admin: str) -> str:
        """The chat between an admin and the bridge's user, made when there is none."""
        name = f"admin_room {admin}"
        room = await settings.get(self._db, name)
        if room is None:
            localpart = admin[1:].partition(":")[0]
            room = await self._homeserver.create_room(
                f"{self._config.bridge.ghost_prefix}admin_{localpart}",
                {"name": "WhatsApp bridge", "preset": "trusted_private_chat", "is_direct": True,
                 "invite": [admin],
                 "topic": "The bridge reports here. Write !wa help for its commands."})
            await self._db.write(settings.put(name, room))
        return room


def room_name(chat: Chat) -> str:
    """A room's name: the group's, or its number while the name is not known."""
    return (chat.name or chat.jid.partition("@")[0])[:NAME_LIMIT]


def room_topic(chat: Chat) -> str:
    """A room's topic: how the room behaves, then the group's own description."""
    return f"{TOPIC}\n\n{chat.topic[:2000]}" if chat.topic else TOPIC
