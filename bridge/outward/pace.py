"""How fast an account may speak. WhatsApp bans numbers that behave like a machine, and does not say
where the limit is; what leaves is therefore kept to so many messages a minute and an hour, and the
rest waits in its lanes (docs/number.md)."""
from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from archive import sent
from archive.db import Database, Unit
from archive.model import QueueRow
from bridge.worker import GiveUp, Handler, Retry

MINUTE, HOUR = 60.0, 3600.0  # seconds


class Pace:
    """The turns of one account. `minute`, `hour`: messages, 0 for no limit. `hold` is called once
    with the Unix time of the next turn when the hour's limit begins to hold messages back."""

    def __init__(self, minute: int, hour: int, hold: Callable[[float], Awaitable[None]], *,
                 clock: Callable[[], float] = time.time,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.limits = {MINUTE: minute, HOUR: hour}
        self._hold = hold
        self._clock, self._sleep = clock, sleep
        self._turns: deque[float] = deque()  # of the last hour, oldest first
        self._queue = asyncio.Lock()  # fair: turns go in the order in which they were asked for
        self._told = False

    async def remember(self, db: Database, account: str = "") -> None:
        """Count what left in the last hour, before this process began: a restart is no way round
        the limit."""
        left = await sent.since(db, account, int((self._clock() - HOUR) * 1000))
        self._turns = deque(at / 1000 for at in left)

    async def turn(self) -> float:
        """Wait until one message more may leave. Returns what `give_back` wants."""
        async with self._queue:
            while (wait := max(self._wait(MINUTE), hourly := self._wait(HOUR))) > 0:
                if hourly > 0 and not self._told:
                    self._told = True
                    await self._hold(self._clock() + hourly)
                await self._sleep(wait)
            if len(self._turns) < self.limits[HOUR] // 2:
                self._told = False  # the next time is news again
            at = self._clock()
            self._turns.append(at)
            return at

    def give_back(self, turn: float) -> None:
        """Nothing left in that turn."""
        if turn in self._turns:
            self._turns.remove(turn)

    def _wait(self, window: float) -> float:
        """Seconds until the window has room."""
        now, limit = self._clock(), self.limits[window]
        while self._turns and self._turns[0] <= now - HOUR:
            self._turns.popleft()
        if not limit or len(self._turns) < limit:
            return 0.0
        return max(0.0, self._turns[-limit] + window - now)


class Paces:
    """The turns of every account: each number is looked at by WhatsApp for itself."""

    def __init__(self, db: Database, department: Pace, own: Callable[[str], Pace]) -> None:
        """`own` makes the turns of a member of staff's number."""
        self._db = db
        self._own = own
        self._known = {sent.DEPARTMENT: department}

    async def of(self, account: str) -> Pace:
        """The turns of an account (see archive.sent)."""
        if account not in self._known:
            pace = self._own(account)
            await pace.remember(self._db, account)
            self._known.setdefault(account, pace)
        return self._known[account]


class Speaking(Handler, Protocol):
    """A handler that knows from which account a row leaves."""

    async def speaker(self, row: QueueRow) -> str:
        """The account."""


class Paced:
    """A handler of lanes to WhatsApp whose rows wait for their turn: before the attempt is noted,
    so that what waits is never in doubt after a crash."""

    def __init__(self, handler: Speaking, paces: Paces) -> None:
        self.repeatable = handler.repeatable
        self._handler = handler
        self._paces = paces

    async def begin(self, lane: str, recovering: bool) -> None:
        """As the handler does."""
        await self._handler.begin(lane, recovering)

    async def prepare(self, rows: list[QueueRow]) -> None:
        """As the handler does."""
        await self._handler.prepare(rows)

    async def handle(self, row: QueueRow) -> None:
        """Wait for the turn, then do the row. A try that surely failed costs no turn."""
        pace = await self._paces.of(await self._handler.speaker(row))
        turn = await pace.turn()
        try:
            await self._handler.handle(row)
        except (Retry, GiveUp):
            pace.give_back(turn)
            raise

    async def flush(self, lane: str) -> None:
        """As the handler does."""
        await self._handler.flush(lane)

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """As the handler does."""
        return self._handler.complaint(row, reason, unsure=unsure)
