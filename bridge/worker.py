"""Lanes: the rows of the queue, each lane strictly in order, lanes side by side.

A lane is one group in one direction. One task a lane claims the oldest rows, hands them to its
handler one after another, and ends when the lane is empty or must wait. What a handler raises
decides what becomes of the row: Retry puts it off (and with it the lane: nothing overtakes), Away
does so for as long as it takes, GiveUp ends it with a notice, Unsure leaves it for a person.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from archive import queue
from archive.db import ArchiveError, Database, Unit
from archive.model import QueueRow

log = logging.getLogger("daftar.bridge.worker")

CLAIM = 50  # rows taken at once; also how many may be in doubt after a crash
FAULT_S = 10  # seconds a lane rests after a fault outside any row
AWAY_S = 2  # seconds between tries while the other side is away
BACKOFF_S = (1, 2, 5, 10, 30, 60, 120, 300)  # seconds before try 2, 3, …


class Retry(Exception):
    """Try the row again later."""


class Away(Retry):
    """The other side cannot be reached at all: the lane waits for it, and no try is counted."""


class GiveUp(Exception):
    """The row cannot be done; the text says why, for a notice."""


class Unsure(Exception):
    """The row may have been done; it must not be repeated by itself."""


class Handler(Protocol):
    """What a lane's rows are given to."""

    repeatable: bool  # the same row twice has the effect of once

    async def begin(self, lane: str, recovering: bool) -> None:
        """Called when a lane starts; `recovering` when its rows may have been sent before: by a
        process that died, or by a try whose answer was lost. May raise Retry."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Called with the rows just claimed, to read what they need in one go."""

    async def handle(self, row: QueueRow) -> None:
        """Do one row and put down in the archive that it is done."""

    async def flush(self, lane: str) -> None:
        """Wait until everything handled so far is committed."""

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """The unit that queues a notice for people: a row failed, or may have been done. It is
        committed together with the row's end, so that neither is without the other. Returns the
        lanes that got work."""


class Lanes:
    """The running lanes of one process."""

    def __init__(self, database: Database, handlers: dict[str, Handler], *, retries: int,
                 clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._handlers = handlers  # by what stands before the colon of a lane's name
        self._retries = retries
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()  # woken while running
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._recovering: set[str] = set()
        self._unreleased: set[str] = set()  # stopped by a fault, with rows still claimed
        self._stopping = False
        self.worker = "bridge"

    async def start(self) -> None:
        """Take up what an earlier process left. What it was sending to WhatsApp when it died may
        have been sent: those rows become unsure. Towards Matrix a repetition is harmless."""
        for prefix, handler in self._handlers.items():
            if not handler.repeatable:
                await self._db.write(_doubt(self.worker, prefix, handler))
        await self._db.write(queue.release(self.worker))
        lanes = await queue.lanes(self._db, "")
        self._recovering.update(lanes)
        for lane in lanes:
            self.wake(lane)

    async def stop(self) -> None:
        """Let the row at hand end; the rest waits in the archive."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=10)
        for task in self._tasks.values():
            task.cancel()

    def wake(self, lane: str) -> None:
        """There is work in a lane."""
        if self._stopping or lane.partition(":")[0] not in self._handlers:
            return
        if lane in self._tasks:
            self._again.add(lane)
            return
        if timer := self._timers.pop(lane, None):
            timer.cancel()
        self._tasks[lane] = asyncio.create_task(self._run(lane), name=f"lane {lane}")

    async def idle(self) -> bool:
        """No lane is running."""
        return not self._tasks

    def _now(self) -> int:
        return int(self._clock() * 1000)

    async def _run(self, lane: str) -> None:
        delay: float | None = None
        try:
            delay = await self._drain(lane)
        except asyncio.CancelledError:
            raise
        except Retry as error:  # it could not even begin
            log.warning("%s: %s; again in %d s", lane, error, AWAY_S)
            delay = AWAY_S
        except Exception:
            # A fault of ours, or no database: the rows are taken up after a pause.
            log.exception("lane %s stopped; it goes on in %d seconds", lane, FAULT_S)
            delay = FAULT_S
            self._unreleased.add(lane)
            self._recovering.add(lane)
        finally:
            del self._tasks[lane]
        if delay is not None and not self._stopping:
            loop = asyncio.get_running_loop()
            self._timers[lane] = loop.call_later(delay, self.wake, lane)
        elif lane in self._again:
            self._again.discard(lane)
            self.wake(lane)

    async def _drain(self, lane: str) -> float | None:
        """Work a lane off. Returns seconds to wait for its next row, None when it is empty."""
        handler = self._handlers[lane.partition(":")[0]]
        if lane in self._unreleased:
            await self._db.write(queue.release_lane(lane))
            self._unreleased.discard(lane)
        await handler.begin(lane, lane in self._recovering)
        self._recovering.discard(lane)
        while not self._stopping:
            self._again.discard(lane)
            rows = await self._db.write(queue.claim(lane, self.worker, self._now(), CLAIM))
            if not rows:
                return await self._wait(lane)
            await handler.prepare(rows)
            for row in rows:
                stop = self._stopping or not await self._one(handler, row)
                if stop:
                    await handler.flush(lane)
                    await self._db.write(queue.release_lane(lane))
                    break
            else:
                await handler.flush(lane)
        return None

    async def _wait(self, lane: str) -> float | None:
        due = await queue.lane_due(self._db, lane)
        return None if due is None else max(0.05, (due - self._now()) / 1000)

    async def _one(self, handler: Handler, row: QueueRow) -> bool:
        """Do a row. False when the lane must pause behind it."""
        try:
            await handler.handle(row)
        except Away as error:
            log.info("%s: row %d: %s; again in %d s", row.lane, row.id, error, AWAY_S)
            return await self._later(row, AWAY_S, str(error), counted=False)
        except Retry as error:
            return await self._put_off(handler, row, str(error))
        except GiveUp as error:
            await self._end(handler, row, str(error), unsure=False)
        except Unsure as error:
            await self._end(handler, row, str(error), unsure=True)
        except ArchiveError:
            raise
        except Exception as error:
            # A fault of ours with this row may not hold up its lane for ever.
            log.exception("%s: row %d", row.lane, row.id)
            reason = f"a fault of Daftar's own: {type(error).__name__}"
            now = await queue.get(self._db, row.id)
            if handler.repeatable or now is None or now.attempted_at is None:
                return await self._put_off(handler, row, reason)
            await self._end(handler, row, reason, unsure=True)
        return True

    async def _put_off(self, handler: Handler, row: QueueRow, reason: str) -> bool:
        """Try a row again later; after the last try it is given up. False when the lane waits."""
        if row.tries + 1 >= self._retries:
            await self._end(handler, row, f"{reason} (tried {self._retries} times)", unsure=False)
            return True
        wait = BACKOFF_S[min(row.tries, len(BACKOFF_S) - 1)]
        log.warning("%s: row %d: %s; again in %d s", row.lane, row.id, reason, wait)
        return await self._later(row, wait, reason)

    async def _later(self, row: QueueRow, wait: float, reason: str, *, counted: bool = True
                     ) -> bool:
        self._recovering.add(row.lane)  # the try may have had its effect all the same
        await self._db.write(queue.retry(
            row.id, self._now() + int(wait * 1000), reason, counted=counted))
        return False

    async def _end(self, handler: Handler, row: QueueRow, reason: str, *, unsure: bool) -> None:
        log.error("%s: row %d %s: %s", row.lane, row.id, "unsure" if unsure else "failed", reason)
        await handler.flush(row.lane)
        lanes = await self._db.write(_end(handler, row, reason, unsure=unsure))
        for lane in lanes:
            self.wake(lane)


def _end(handler: Handler, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
    """End a row and queue its notice. Returns the lanes that got work."""
    yield from (queue.unsure if unsure else queue.fail)(row.id, reason)
    return (yield from handler.complaint(row, reason, unsure=unsure))


def _doubt(worker: str, prefix: str, handler: Handler) -> Unit[None]:
    for row in (yield from queue.interrupted(worker, prefix + ":")):
        yield from _end(handler, row, "the bridge stopped while it was being sent", unsure=True)
