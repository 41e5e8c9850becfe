"""The bot ends when it is told to, also in the moment in which it is woken."""
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from archive.db import open_database
from bot.app import Bot
from bot.matrix import Matrix
from tests.bot.people import Hands, config_for, until
from tests.homeserver import House


@pytest.mark.parametrize("turns", range(4))
async def test_it_ends_while_it_is_woken(house: House, tmp_path: Path, turns: int) -> None:
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, ())
    db = await open_database(config.database_url)
    matrix = Matrix(config.homeserver.url, config.user_id(config.bot.user), config.bot.as_token)
    bot = Bot(config, db, matrix, Hands("2026-11-24 12:00"))
    task = asyncio.create_task(bot.run())
    try:
        await until(lambda: db.read("SELECT 1 FROM setting WHERE name = 'bot.directives'"))
        await asyncio.sleep(0.3)  # everything waits
        bot.clock.wake()
        bot._outbox.wake()
        bot._recorder.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, "it was told to end, and goes on"
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)
        await matrix.close()
        await db.close()
