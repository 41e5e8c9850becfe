"""What the bot has to say goes out from the archive: in order, one in flight a room, until it
arrived or never can."""
from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from archive import botbooks
from archive.botbooks import Outgoing
from archive.db import Database
from bot import fault
from bot.matrix import Matrix, MatrixError

log = logging.getLogger("daftar.bot")

# In m.relates_to: stands for the event id of another outbox row, filled in when that is sent.
PENDING = "outbox:"
TXN_KEY = "org.daftar.txn"  # in the content, so that our own event proves that a row was sent

FIRST_WAIT_MS = 500
LONGEST_WAIT_MS = 300_000


class Outbox:
    """The sender. `wake()` when something was put in."""

    def __init__(self, db: Database, matrix: Matrix) -> None:
        self._db = db
        self._matrix = matrix
        self._wake = asyncio.Event()
        self._rooms: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something was put in."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._wake.clear()
                await self._start_due()
                delay = await self._next_delay()
                try:
                    async with asyncio.timeout(delay):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._rooms.values():
                task.cancel()
            await asyncio.gather(*self._rooms.values(), return_exceptions=True)

    async def _start_due(self) -> None:
        for row in await botbooks.waiting(self._db):
            if row.room_id not in self._rooms and row.next_at <= _now():
                task = asyncio.create_task(self._send_one(row), name=f"outbox {row.room_id}")
                self._rooms[row.room_id] = task
                task.add_done_callback(lambda done, room=row.room_id: self._finished(room, done))

    async def _next_delay(self) -> float | None:
        later = [row.next_at - _now() for row in await botbooks.waiting(self._db)
                 if row.room_id not in self._rooms]
        return max(0.05, min(later) / 1000) if later else None

    def _finished(self, room_id: str, task: asyncio.Task[None]) -> None:
        self._rooms.pop(room_id, None)
        if not task.cancelled() and (error := task.exception()):
            # the archive could not be written: the row is as it was and comes again
            log.error("outbox of %s: %r", room_id, error)
            asyncio.get_running_loop().call_later(1.0, self.wake)
        else:
            self.wake()

    async def _send_one(self, row: Outgoing) -> None:
        try:
            event_id = await self._deliver(row)
        except MatrixError as error:
            await self._refused(row, error)
        else:
            fault.reach("answer-sent")
            await self._db.write(botbooks.sent(row.txn_id, event_id))
            fault.reach("answer-noted")

    async def _deliver(self, row: Outgoing) -> str:
        if row.type == botbooks.JOIN:
            await self._matrix.join(row.room_id)
            return ""
        content = json.loads(row.content)
        content["m.relates_to"] = await self._resolve(content.get("m.relates_to"))
        if content["m.relates_to"] is None:
            del content["m.relates_to"]
        content[TXN_KEY] = row.txn_id
        if "filename" in content and (data := await botbooks.file_of(self._db, row.txn_id)):
            content.update(await self._matrix.upload(
                row.room_id, data, content["info"]["mimetype"], content["filename"]))
        return await self._matrix.send(row.room_id, row.type, row.txn_id, content)

    async def _resolve(self, value: Any) -> Any:
        """`value` with every pending id replaced. Raises MatrixError when that was never sent."""
        if isinstance(value, dict):
            return {key: await self._resolve(item) for key, item in value.items()}
        if isinstance(value, str) and value.startswith(PENDING):
            event_id = await botbooks.sent_event(self._db, value.removeprefix(PENDING))
            if event_id is None:
                raise MatrixError(400, "", f"{value} was never sent, and this builds on it")
            return event_id
        return value

    async def _refused(self, row: Outgoing, error: MatrixError) -> None:
        if not error.lasting:
            wait = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(row.tries, 20))
            wait = max(wait, error.retry_after_ms)
            log.warning("answer in %s not sent yet (%s); again in %.1f s", row.room_id, error,
                        wait / 1000)
            await self._db.write(botbooks.retry(row.txn_id, _now() + wait, str(error)))
            return
        log.error("%s in %s cannot be sent: %s",
                  "joining" if row.type == botbooks.JOIN else "an answer", row.room_id, error)
        await self._db.write(_give_up(row, str(error)))


def _give_up(row: Outgoing, reason: str) -> Any:
    """Mark the row as failed and, where the room may still be spoken to, say so once."""
    yield from botbooks.fail(row.txn_id, reason)
    if row.type == botbooks.JOIN or row.txn_id.endswith(".failed"):
        return
    content = {
        "msgtype": "m.notice", "m.mentions": {}, "org.daftar.bot": True,
        "body": f"An answer of mine could not be posted here ({reason}). What you asked for is "
                "done; please tell the administrator.",
    }
    yield from botbooks.say(Outgoing(
        row.txn_id + ".failed", row.room_id, "m.room.message", json.dumps(content)))


def _now() -> int:
    return int(time.time() * 1000)
