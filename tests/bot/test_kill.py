"""kill -9 of the bot at every step of a command's journey, and bursts: nothing twice, nothing lost.

What each step survives, on SQLite and on PostgreSQL:
  sync-received     the events come again with the next start
  sync-stored       the command stands in the books and is done then
  command-prepared  nothing had an effect; it is done then
  command-done      the answers stand in the outbox and are sent then
  answer-sent       the bot's own event, coming back, proves that it was sent
  answer-noted      what is behind it in the outbox is sent then
"""
from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from archive.db import open_database
from bot import fault
from config import Config
from tests.bot.conftest import Desk, bot_is_in
from tests.bot.people import Staff, bot_process, config_for, new_staff, until
from tests.homeserver import House

BURST = 1000


async def _settled(staff: Staff, config: Config, room: str) -> list[dict]:
    """What the bot said, once no command and no answer waits any more."""
    db = await open_database(config.database_url)
    try:
        async def quiet() -> bool:
            rows = await db.read(
                "SELECT (SELECT count(*) FROM bot_event WHERE state = 'new') AS commands,"
                " (SELECT count(*) FROM bot_outbox WHERE state <> 'done') AS answers")
            return rows[0]["commands"] == 0 and rows[0]["answers"] == 0
        await until(quiet)
    finally:
        await db.close()
    return await staff.from_bot(room)


async def _seen(config: Config, room: str) -> list[str]:
    """The bodies that the bot's books hold of a room, in their order."""
    db = await open_database(config.database_url)
    try:
        rows = await db.read(
            "SELECT content FROM bot_event WHERE room_id = ? AND sender LIKE '@staff%'"
            " ORDER BY seq", room)
    finally:
        await db.close()
    return [json.loads(row["content"]).get("body", "") for row in rows]


@pytest.mark.parametrize("step", fault.STEPS)
async def test_kill_at(step: str, house: House, database_url: str, tmp_path: Path) -> None:
    """The bot dies at the step, again and again; in the end there is one case, one card, one word
    in its thread, one answer."""
    staff = await new_staff(house)
    config = config_for(house, database_url, tmp_path, (staff.user_id,))
    room = await staff.create_room(config.user_id(config.bot.user))
    async with bot_process(house, config):
        await until(lambda: bot_is_in(staff, room))
    paper = await staff.say(room, "GBPS Killi Nau is closed since Monday")
    opening = await staff.say(room, "!case open", reply_to=paper)
    listing = await staff.say(room, "!case list")
    for _ in range(2):
        async with bot_process(house, config, die_at=step) as process:
            await asyncio.wait_for(process.wait(), 60)
            assert process.returncode == -signal.SIGKILL
    async with bot_process(house, config):
        await until(lambda: staff.answers(room, listing))
        said = await _settled(staff, config, room)
    cards = [c for c in said if c.get("m.relates_to", {}).get("m.in_reply_to") == {
        "event_id": opening}]
    assert len(cards) == 1
    assert cards[0]["org.daftar.case"].endswith("-00001")
    in_thread = [c for c in said if c.get("m.relates_to", {}).get("event_id") == cards[0]["id"]]
    assert len(in_thread) == 1
    answers = await staff.answers(room, listing)
    assert len(answers) == 1
    assert answers[0]["body"].startswith("Open cases (1)")
    assert len(said) == 3


async def test_kill_while_a_case_is_worked_on(house: House, tmp_path: Path) -> None:
    """Twenty commands, and a bot that is killed in between, wherever it is."""
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    room = await staff.create_room(config.user_id(config.bot.user))
    async with bot_process(house, config):
        await until(lambda: bot_is_in(staff, room))
    asked = [await staff.say(room, "!case open The matter")]
    asked += [await staff.say(room, f"!case note 1 note {index}") for index in range(18)]
    for milliseconds in (700, 750, 800, 850, 900, 950):
        async with bot_process(house, config):
            await asyncio.sleep(milliseconds / 1000)
    asked.append(await staff.say(room, "!case show 1"))
    async with bot_process(house, config):
        await until(lambda: staff.answers(room, asked[-1]))
        said = await _settled(staff, config, room)
    replied = Counter(c.get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
                      for c in said)
    assert [replied[event_id] for event_id in asked] == [1] * len(asked)
    [sheet] = await staff.answers(room, asked[-1])
    assert [line.split("noted: ")[1] for line in sheet["body"].split("\n") if "noted" in line] == [
        f"note {index}" for index in range(18)]


async def test_a_burst_loses_nothing(desk: Desk) -> None:
    """A thousand messages while the bot runs, and a command behind them."""
    staff, room = desk.staff, desk.room_id
    await _burst(staff, room)
    card = await staff.ask(room, "!case open After the storm")
    assert card["org.daftar.case"].endswith("-00001")
    assert sorted(await _seen(desk.config, room)) == sorted(
        [*(f"message {index}" for index in range(BURST)), "!case open After the storm"])


async def test_a_burst_while_the_bot_is_stopped(house: House, database_url: str, tmp_path: Path
                                                ) -> None:
    """A thousand messages with commands among them, and nobody listens; then the bot comes."""
    staff = await new_staff(house)
    config = config_for(house, database_url, tmp_path, (staff.user_id,))
    room = await staff.create_room(config.user_id(config.bot.user))
    async with bot_process(house, config):
        await until(lambda: bot_is_in(staff, room))
    await staff.say(room, "!case open Early")
    await _burst(staff, room)
    last = await staff.say(room, "!case open Late")
    async with bot_process(house, config):
        await until(lambda: staff.answers(room, last))
        said = await _settled(staff, config, room)
    seen = await _seen(config, room)
    # in the order in which the room shows them
    shown = [event["content"].get("body") for event in await staff.read(room)
             if event["type"] == "m.room.message" and event["sender"] == staff.user_id]
    assert seen == shown
    assert len(seen) == BURST + 2
    opened = [c["body"].split("\n")[0] for c in said if c["body"].startswith("📁")]
    assert [line.split(" ")[1][-5:] for line in opened] == ["00001", "00002"]
    assert [line.split("· ")[1] for line in opened] == ["Early", "Late"]


async def _burst(staff: Staff, room: str) -> None:
    """BURST messages, eight at a time."""
    async def some(start: int) -> None:
        for index in range(start, BURST, 8):
            await staff.say(room, f"message {index}")
    await asyncio.gather(*(some(start) for start in range(8)))


async def test_the_homeserver_goes_away(new_house, tmp_path: Path) -> None:
    """Synapse is killed and comes back: the bot waits, and goes on."""
    house = new_house()
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    room = await staff.create_room(config.user_id(config.bot.user))
    async with bot_process(house, config) as process:
        await until(lambda: bot_is_in(staff, room))
        await staff.ask(room, "!case open Before")
        house.synapse.kill()
        await house.synapse.start()
        card = await staff.ask(room, "!case open After")
        assert card["org.daftar.case"].endswith("-00002")
        assert process.returncode is None
