"""What the homeserver accepted and did not hand over.

Synapse notes an appservice's events as handed over while they still wait in its memory; what waits
there when it is killed never comes. And after a start it hands nothing over before the next event.
So the mirrored rooms are read from where they were last read: when the bridge starts, when the
homeserver was away, and every few minutes. What came by itself is known by its id and not stored
again.
"""
from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from archive import directory, settings
from archive.db import Database
from archive.model import Chat
from bridge.clock import now_ms
from bridge.matrix import Homeserver, HomeserverError
from bridge.outward.outbox import CARRIED_TYPES, LATE_MS, REFUSED_TYPES

log = logging.getLogger("daftar.bridge.catchup")

HEARTBEAT_S = 2.0  # between looks whether the homeserver is there
EVERY_S = 300.0  # between readings without a reason
PAGE = 100  # events a request

_FILTER = json.dumps({"types": [*CARRIED_TYPES, *REFUSED_TYPES]})

# Stores events, those of the second argument as too late to be sent.
Store = Callable[[list[dict[str, Any]], frozenset[str]], Awaitable[None]]


class Catchup:
    """Sees to it that every event of the mirrored rooms is stored."""

    def __init__(self, database: Database, homeserver: Homeserver, store: Store) -> None:
        self._db = database
        self._homeserver = homeserver
        self._store = store
        self._due = True
        self._failures = homeserver.failures
        self._lock = asyncio.Lock()

    async def take(self, events: list[dict[str, Any]]) -> None:
        """Store a transaction of the homeserver, and before it what should have come before it.
        Returns when it is committed."""
        if self._due or self._homeserver.failures != self._failures:
            try:
                await self.read()
            except HomeserverError as error:
                log.info("the rooms cannot be read now: %s", error)  # they are, by run()
        await self._store(events, frozenset())

    async def run(self) -> None:
        """Look after it until cancelled."""
        last = 0.0
        while True:
            try:
                await self._homeserver.versions()
                if self._due or self._homeserver.failures != self._failures or \
                        time.monotonic() - last > EVERY_S:
                    await self.read()
                    last = time.monotonic()
            except HomeserverError as error:
                if not self._due:
                    log.warning("%s", error)
                self._due = True
            except Exception:
                log.exception("the rooms could not be read; it is tried again")
                self._due = True
            await asyncio.sleep(HEARTBEAT_S)

    async def read(self) -> None:
        """Read every mirrored room to its end. Raises HomeserverError."""
        async with self._lock:
            failures = self._homeserver.failures
            for chat in await directory.chats(self._db):
                if chat.room_id:
                    await self._read_room(chat)
            self._due, self._failures = False, failures

    async def _read_room(self, chat: Chat) -> None:
        name = f"read {chat.room_id}"
        place = before = await settings.get(self._db, name)
        while True:
            events, following = await self._homeserver.page(
                chat.room_id, place, PAGE, _FILTER)
            limit = now_ms() - LATE_MS
            late = frozenset(str(event.get("event_id")) for event in events
                             if event.get("origin_server_ts", 0) < limit)
            kept = [event for event in events if event.get("content")  # not redacted
                    or event.get("type") == "m.room.redaction"]
            if kept:
                await self._store(kept, late)
            if following is None:
                break
            place = following
        if place and place != before:
            await self._db.write(settings.put(name, place))
