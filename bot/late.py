"""Messages in encrypted rooms whose key comes later than they do, or never."""
from __future__ import annotations

import json
import time
from collections.abc import Iterable

from archive import botbooks
from archive.botbooks import Outgoing, SeenEvent
from archive.db import Database, Unit
from bot.encryption import SEALED
from bot.inbox import Rules
from bot.matrix import Matrix, RoomTimeline

PATIENCE_MS = 600_000  # how long a message waits for its key
LOOK_BACK_MS = 3_600_000  # older ones are not waited for after a start


class Late:
    """Keeps an eye on them. The books have them sealed, so nothing is lost with this process."""

    def __init__(self, db: Database, matrix: Matrix, rules: Rules) -> None:
        self._db = db
        self._matrix = matrix
        self._rules = rules
        self._waiting: dict[str, SeenEvent] = {}

    async def begin(self) -> None:
        """Take up what waited before."""
        if self._matrix.encryption:
            self.watch(await botbooks.sealed(self._db, _now() - LOOK_BACK_MS))

    def watch(self, events: Iterable[SeenEvent]) -> None:
        """What is sealed among these waits from now on."""
        if self._matrix.encryption:
            self._waiting.update({event.event_id: event for event in events
                                  if event.type == SEALED})

    async def opened(self) -> list[RoomTimeline]:
        """What can be read by now."""
        found = []
        for seen in list(self._waiting.values()):
            event = await self._matrix.opened(seen.room_id, {
                "event_id": seen.event_id, "sender": seen.sender, "type": seen.type,
                "origin_server_ts": seen.at, "content": json.loads(seen.content)})
            if event["type"] != SEALED:
                found.append(RoomTimeline(seen.room_id, [event]))
        return found

    def unit(self, opened: list[RoomTimeline]) -> Unit[None]:
        """The books forget that these were sealed; who has waited in vain is told, once a key."""
        for timeline in opened:
            event_id = timeline.events[0]["event_id"]
            self._waiting.pop(event_id, None)
            yield from botbooks.unseal(event_id)
        for event in list(self._waiting.values()):
            if event.at < _now() - PATIENCE_MS:
                del self._waiting[event.event_id]
                if self._is_persons(event.sender):
                    yield from botbooks.say(self._complaint(event))

    def _is_persons(self, sender: str) -> bool:
        rules = self._rules
        return sender.endswith(rules.server_suffix) and not sender.startswith(
            rules.ghost_prefix) and sender not in (rules.user_id, rules.bridge_bot)

    def _complaint(self, event: SeenEvent) -> Outgoing:
        session = json.loads(event.content).get("session_id", event.event_id)
        content = {
            "msgtype": "m.notice", "m.mentions": {}, "org.daftar.bot": True,
            "body": "I could not read this message: it is encrypted, and its key did not reach me. "
                    "If it was a command, write it again.",
            "m.relates_to": {"m.in_reply_to": {"event_id": event.event_id}}}
        return Outgoing(f"sealed {session}", event.room_id, "m.room.message", json.dumps(content))


def _now() -> int:
    return int(time.time() * 1000)
