"""CPU per event that the bot records: `python -m benchmarks.bot [EVENTS]`.

A real Synapse, SQLite. EVENTS messages are written into a room, once while the bot is stopped (it
pages the gap) and once while it runs, eight writers at full speed. Measured is the bot process's
own CPU (user and system, from /proc), start-up taken off; beside it, for comparison, the same
stretch read by matrix-nio's own `sync()`, which checks every event against a JSON schema.
"""
from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import nio

from archive.db import open_database
from tests.bot.conftest import bot_is_in
from tests.bot.people import Staff, bot_process, config_for, new_staff, until
from tests.homeserver import in_own_loop, open_house

SETTLE = 3.0  # seconds for the start-up's work to be over


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def write(staff: Staff, room: str, count: int) -> None:
    """`count` messages, eight at a time."""
    async def some(start: int) -> None:
        for index in range(start, count, 8):
            await staff.say(room, f"Report {index}: GBPS Killi Nau was visited, 3 of 11 absent")
    await asyncio.gather(*(some(start) for start in range(8)))


async def measure(folder: Path, count: int) -> None:
    """Run it and write the figures."""
    house = await asyncio.to_thread(open_house, folder)
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{folder / 'bot.sqlite'}", folder, (staff.user_id,))
    room = await staff.create_room(config.user_id(config.bot.user))
    db = await open_database(config.database_url)

    async def recorded() -> int:
        return (await db.read("SELECT count(*) AS total FROM bot_event WHERE room_id = ?",
                              room))[0]["total"]

    async def settle(at_least: int) -> None:
        async def there() -> bool:
            return await recorded() >= at_least
        await until(there, 600)

    async with bot_process(house, config):
        await until(lambda: bot_is_in(staff, room))
        await staff.ask(room, "!help")
    before = await recorded()
    await write(staff, room, count)
    async with bot_process(house, config) as process:
        await settle(before + count)
        await asyncio.sleep(SETTLE)
        stopped = cpu_seconds(process.pid)
    async with bot_process(house, config) as process:  # the same start with nothing to read
        await asyncio.sleep(SETTLE)
        startup = cpu_seconds(process.pid)
        before, begun = await recorded(), time.monotonic()
        await write(staff, room, count)
        await settle(before + count)
        running, seconds = cpu_seconds(process.pid) - startup, time.monotonic() - begun
    sys.stdout.write(
        f"gap of {count} paged at start: {(stopped - startup) / count * 1e3:.3f} ms CPU an event "
        f"(start-up {startup:.2f} s taken off)\n"
        f"{count} read while running, {count / seconds:.0f}/s: "
        f"{running / count * 1e3:.3f} ms CPU an event\n")
    nio_ms = await nio_reads(staff, room, count)
    sys.stdout.write(f"matrix-nio's own reading of as many: {nio_ms:.3f} ms CPU an event\n")
    await db.close()
    in_own_loop(house.synapse.stop())


async def nio_reads(staff: Staff, room: str, count: int) -> float:
    """ms CPU an event of nio's room_messages (same parsing as its sync), nothing stored."""
    client = nio.AsyncClient(staff.house.synapse.url, staff.user_id)
    client.access_token = staff.token
    start = (await client.sync(timeout=0, sync_filter={"room": {"timeline": {"limit": 1}}})
             ).rooms.join[room].timeline.prev_batch
    begun, read = time.process_time(), 0
    while read < count:
        page = await client.room_messages(room, start, limit=500)
        read += len(page.chunk)
        start = page.end
    spent = time.process_time() - begun
    await client.close()
    return spent / read * 1e3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
