"""Spaces: the department's, and its sub-spaces by rule and by community."""
from __future__ import annotations

import asyncio
import hashlib

from archive import settings
from archive.db import Database
from bridge.matrix import Homeserver
from bridge.rooms import places
from bridge.rooms.standing import Standing
from config import Config


class Spaces:
    """Makes spaces and puts rooms into them. Which room stands where is the caller's to keep."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 people: list[str], power: dict[str, object]) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._people = people
        self._power = power
        self._known: dict[str, tuple[str, str]] = {}  # key → (room, name as set)
        self._lock = asyncio.Lock()

    async def room(self, key: str, standing: Standing) -> str:
        """The room id of the space with that key (see places.py), made and named as needed."""
        async with self._lock:
            if key == places.DEPARTMENT:
                return await self._department()
            department = await self._department()
            name = places.title(key, standing)
            if key not in self._known:
                kept = await settings.get(self._db, f"space {key}")
                if kept:
                    room, _, named = kept.partition(" ")
                    self._known[key] = (room, named)
            if key not in self._known:
                digest = hashlib.sha256(key.encode()).hexdigest()[:16]
                room = await self._make(f"space_{digest}", name, department)
                await self.add(department, room)
                await self._remember(key, room, name)
            room, named = self._known[key]
            if named != name:
                await self._homeserver.set_state(room, "m.room.name", {"name": name})
                await self._remember(key, room, name)
            return room

    async def _department(self) -> str:
        if places.DEPARTMENT not in self._known:
            room = await settings.get(self._db, "space_room")
            if room is None:
                room = await self._make("space", self._config.bridge.space, None)
                await self._db.write(settings.put("space_room", room))
            self._known[places.DEPARTMENT] = (room, self._config.bridge.space)
        return self._known[places.DEPARTMENT][0]

    async def _make(self, alias: str, name: str, parent: str | None) -> str:
        state = [{"type": "m.space.parent", "state_key": parent,
                  "content": self._parent()}] if parent else []
        return await self._homeserver.create_room(self._config.bridge.ghost_prefix + alias, {
            "name": name, "preset": "private_chat", "creation_content": {"type": "m.space"},
            "invite": self._people, "power_level_content_override": self._power,
            "initial_state": state})

    async def _remember(self, key: str, room: str, name: str) -> None:
        await self._db.write(settings.put(f"space {key}", f"{room} {name}"))
        self._known[key] = (room, name)

    async def add(self, space: str, room: str) -> None:
        """Show a room in a space."""
        await self._homeserver.set_state(
            space, "m.space.child", {"via": [self._homeserver.domain], "suggested": True}, room)

    async def put(self, room: str, space: str) -> None:
        """Show a room in a space, and say in the room that it belongs there."""
        await self._homeserver.set_state(room, "m.space.parent", self._parent(), space)
        await self.add(space, room)

    async def take(self, room: str, space: str) -> None:
        """Take a room out of a space."""
        await self._homeserver.set_state(space, "m.space.child", {}, room)
        await self._homeserver.set_state(room, "m.space.parent", {}, space)

    def _parent(self) -> dict[str, object]:
        return {"via": [self._homeserver.domain], "canonical": True}
