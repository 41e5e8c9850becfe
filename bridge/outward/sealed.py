"""What staff write in encrypted rooms is opened before it goes the way of every message; what lacks
its key waits for it, in the archive, and is said to be unreadable after a while."""
from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Container
from typing import Any

from archive import queue
from archive.db import Database, Unit
from archive.model import QueueRow
from bridge.clock import now_ms
from bridge.matrix import Homeserver, HomeserverError
from bridge.sealing import SEALED, KeyMissing, Unreadable
from bridge.worker import Away

PATIENCE_MS = 600_000  # how long an event waits for its key
REASON = "org.daftar.reason"  # in an event that stays sealed: why
_LANE = "key:"

Event = dict[str, Any]
Store = Callable[[list[Event]], Awaitable[None]]


async def opened(database: Database, homeserver: Homeserver, events: list[Event],
                 rooms: Container[str], wake: Callable[[str], None]) -> list[Event]:
    """The same events with those of `rooms` decrypted. Left out is what waits for its key: that is
    committed to its lane before this returns. Raises HomeserverError."""
    found: list[Event] = []
    for event in events:
        if event["type"] != SEALED or REASON in event or event["room_id"] not in rooms:
            found.append(event)
            continue
        try:
            found.append(await homeserver.opened(event))
        except KeyMissing as error:
            lane = f"{_LANE}{error.session}"
            await database.write(queue.put(
                lane, f"k:{event['event_id']}", "open",
                payload=json.dumps({"event": event, "since": now_ms()})))
            wake(lane)
        except Unreadable as error:
            found.append({**event, REASON: str(error)})
    return found


class Sealed:
    """The handler of the lanes in which events wait for a key: one lane a key, so that they stay in
    order."""

    repeatable = True  # an event that is stored already is not stored again

    def __init__(self, database: Database, homeserver: Homeserver, store: Store) -> None:
        self._db = database
        self._homeserver = homeserver
        self._store = store

    async def begin(self, lane: str, recovering: bool) -> None:
        """Nothing to look up."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Nothing to read ahead."""

    async def flush(self, lane: str) -> None:
        """Every row is committed before the next one begins."""

    async def handle(self, row: QueueRow) -> None:
        """Open an event and store it, or wait on; when the time is over it is stored as it is, and
        the room is told like of everything that cannot leave."""
        waiting = json.loads(row.payload or "{}")
        event: Event = waiting["event"]
        try:
            event = await self._homeserver.opened(event)
        except KeyMissing as error:
            if now_ms() - waiting["since"] < PATIENCE_MS:
                raise Away(str(error)) from error
            event = {**event, REASON: "its key did not come"}
        except Unreadable as error:
            event = {**event, REASON: str(error)}
        except HomeserverError as error:
            raise error.for_lane() from error
        await self._store([event])
        await self._db.write(queue.done(row.id))

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """What could not even be stored stands in `daftar status`."""
        return []
        yield
