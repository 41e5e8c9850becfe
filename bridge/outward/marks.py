"""What failed is marked on the event itself: the handler of the lanes `mark:CHAT`.

The bridge's own user reacts with a warning sign, which goes away when the message has gone
through after all. The room is asked what stands there, so nothing is to be remembered.
"""
from __future__ import annotations

import json
from typing import Any

from mautrix.api import Method, Path

from archive import directory, queue, settings
from archive.db import Database, Unit
from archive.model import QueueRow
from bridge.matrix import Homeserver, HomeserverError
from bridge.worker import GiveUp

WARNING = "⚠️"
AGAIN = "🔁"  # somebody's reaction with it has the message sent again
_MARKED = "marked "  # + row: the setting that says which event is marked for it
MARK = "org.daftar.failed"  # in the reaction: the row of the queue that it is about


def warn(row: QueueRow, event: str, at: int) -> Unit[str]:
    """Mark the event of a row that was not (or not surely) carried over. Returns the lane."""
    lane = f"mark:{row.lane.partition(':')[2]}"
    yield from settings.put(f"{_MARKED}{row.id}", event)
    yield from queue.put(lane, f"warn:{row.id}:{at}", "warn",
                         payload=json.dumps({"event": event, "row": row.id}))
    return lane


def clear(row_id: int, of: str, event: str, at: int) -> Unit[str | None]:
    """Take the mark of a row of the lane `of` away, if it was ever marked. Returns the lane with
    that work."""
    found = yield "SELECT 1 FROM setting WHERE name = ?", (f"{_MARKED}{row_id}",)
    if not found:
        return None
    yield from settings.remove(f"{_MARKED}{row_id}")
    lane = f"mark:{of.partition(':')[2]}"
    yield from queue.put(lane, f"clear:{row_id}:{at}", "clear",
                         payload=json.dumps({"event": event, "row": row_id}))
    return lane


class Marks:
    """The handler of the lanes in which events are marked."""

    repeatable = True  # the room is looked at first

    def __init__(self, database: Database, homeserver: Homeserver) -> None:
        self._db = database
        self._homeserver = homeserver

    async def begin(self, lane: str, recovering: bool) -> None:
        """Nothing to look up."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Nothing to read ahead."""

    async def flush(self, lane: str) -> None:
        """Every row is committed before the next one begins."""

    async def handle(self, row: QueueRow) -> None:
        """Put the sign on an event, or take it away."""
        said = json.loads(row.payload or "{}")
        chat = await directory.chat(self._db, int(row.lane.partition(":")[2]))
        if chat is None or not chat.room_id:
            raise GiveUp("the group has no room")
        try:
            standing = await self._standing(chat.room_id, said["event"], said["row"])
            if row.task == "warn" and not standing:
                await self._homeserver.send(chat.room_id, "m.reaction", {
                    "m.relates_to": {"rel_type": "m.annotation", "event_id": said["event"],
                                     "key": WARNING}, MARK: said["row"]}, row.key)
            elif row.task == "clear":
                for event in standing:
                    await self._homeserver.redact(chat.room_id, event, f"{row.key}:{event}",
                                                  reason="It went through")
        except HomeserverError as error:
            raise error.for_lane() from error
        await self._db.write(queue.done(row.id))

    async def _standing(self, room: str, event: str, number: int) -> list[str]:
        """Our signs on an event (spec: Aggregations, GET …/relations)."""
        path: Any = Path.v1.rooms[room].relations[event]["m.annotation"]["m.reaction"]
        answer = await self._homeserver.request(Method.GET, path, query={"limit": "100"})
        return [found["event_id"] for found in answer.get("chunk", [])
                if found.get("sender") == self._homeserver.bot_id
                and found.get("content", {}).get(MARK) == number]

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """The notice in the room says what the sign would have."""
        return []
        yield
