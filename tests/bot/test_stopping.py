"""A bot that is told to stop stops, whatever it has just been woken for."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive import botbooks
from archive.botbooks import Outgoing
from archive.db import open_database
from bot.clock import Clock
from bot.outbox import Outbox
from bot.registers import Registers


class Idle(Clock):
    """A clock with nothing to tell."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()

    async def tick(self) -> None:
        """Nothing is due."""

    async def listen(self) -> None:
        """Nothing was said."""


async def ends(run: Callable[[], Coroutine[Any, Any, None]], wake: Callable[[], None]) -> None:
    """Stop it at each of the turns of the loop that follow its waking."""
    for turns in range(4):
        task = asyncio.create_task(run())
        await asyncio.sleep(0.2)  # it waits now
        wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=10)
        assert done, f"still at work, cancelled {turns} turns after it was woken"


async def test_the_clock_ends() -> None:
    clock = Idle()
    await ends(clock.run, clock.wake)


async def test_the_outbox_ends(tmp_path: Path) -> None:
    db = await open_database(f"sqlite:{tmp_path / 'a.sqlite'}")
    try:
        await db.write(botbooks.say(Outgoing("t", "!r", "m.room.message", "{}")))
        await db.write(botbooks.retry("t", 2**53, "the homeserver is away"))
        outbox = Outbox(db, None)  # type: ignore[arg-type]  # it sends nothing before that moment
        await ends(outbox.run, outbox.wake)
    finally:
        await db.close()


async def test_the_registers_end(tmp_path: Path) -> None:
    db = await open_database(f"sqlite:{tmp_path / 'a.sqlite'}")
    try:
        registers = Registers(db, ZoneInfo("Asia/Karachi"))
        await ends(registers.run, registers.wake)
    finally:
        await db.close()
