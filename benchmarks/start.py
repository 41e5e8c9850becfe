"""A cold start: many large groups, from the linking of the phone to the first message of each.

    python -m benchmarks.start --groups 50 --members 250

Beside it, on the same Synapse, the floor: the same rooms made by plain requests, each with its
staff joined; and what joining every member of one of them costs, from which the whole is reckoned.
"""
from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from benchmarks.bridge import Bench
from cli.office import Office

PATIENCE_S = 600
FLIGHT = 4  # joins at a time: more do not make Synapse faster


async def bridged(bench: Bench, groups: int, members: int) -> tuple[float, float]:
    """(seconds from the linking to the first message anywhere, to the first message in each)."""
    office, names = bench.office, [f"District {number:02}" for number in range(groups)]
    phones = [await office.emulator.phone(f"92300{7_200_000 + n}", f"Member {n}")
              for n in range(members - 1)]
    made = [await office.emulator.create_group(name, [office.department, *phones])
            for name in names]
    began = time.perf_counter()
    await office.link()
    for number, group in enumerate(made):
        await phones[number % len(phones)].send_text(group, "first message")
    first = await readable(bench, set(names), some=True) - began
    return first, await readable(bench, set(names)) - began


async def readable(bench: Bench, names: set[str], *, some: bool = False) -> float:
    """When a first message could be read in all these rooms, or in `some` of them."""
    left, end = set(names), time.perf_counter() + PATIENCE_S
    while left and not (some and left < names):
        assert time.perf_counter() < end, f"still nothing in {sorted(left)}"
        for room, name in (await bench.watcher.join_invited()).items():
            if name in left and any(e["content"].get("body") == "first message"
                                    for e in await bench.watcher.events(room)):
                left.discard(name)
        await asyncio.sleep(0.2)
    return time.perf_counter()


async def floor(bench: Bench, groups: int, members: int) -> tuple[float, float]:
    """(seconds for the rooms with their staff and one member; seconds a further join)."""
    config = bench.office.config
    staff = [*config.bridge.admins, *config.bridge.staff]
    ghosts = [config.user_id(f"{config.bridge.ghost_prefix}floor{n}") for n in range(members)]
    for ghost in ghosts:
        await bench.call("POST", "/v3/register", {
            "type": "m.login.application_service", "username": ghost[1:].partition(":")[0],
            "inhibit_login": True})
    began = time.perf_counter()
    rooms = []
    for number in range(groups):
        answer = await bench.call("POST", "/v3/createRoom", {
            "name": f"Floor {number:02}", "invite": staff, "preset": "private_chat",
            "room_version": "11"})
        rooms.append(answer["room_id"])
        await enter(bench, rooms[-1], ghosts[number % members])
        await bench.call("PUT", f"/v3/rooms/{quote(rooms[-1])}/send/m.room.message/floor",
                         {"msgtype": "m.text", "body": "first message"}, ghosts[number % members])
    made = await readable(bench, {f"Floor {n:02}" for n in range(groups)}) - began
    began, flight = time.perf_counter(), asyncio.Semaphore(FLIGHT)

    async def one(ghost: str) -> None:
        async with flight:
            await enter(bench, rooms[0], ghost)

    await asyncio.gather(*map(one, ghosts[1:]))
    return made, (time.perf_counter() - began) / max(1, members - 1)


async def enter(bench: Bench, room: str, ghost: str) -> None:
    """Invite and join, as a private room wants it."""
    await bench.call("POST", f"/v3/rooms/{quote(room)}/invite", {"user_id": ghost})
    await bench.call("POST", f"/v3/rooms/{quote(room)}/join", {}, ghost)


async def main(args: argparse.Namespace) -> None:
    """Both, in one office of its own."""
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder), parts=("bridge",), progress=lambda text: None)
        await office.start()
        try:
            async with office.reader("officer") as watcher:
                bench = Bench(office, watcher)
                first, each = await bridged(bench, args.groups, args.members)
                print(f"{args.groups} groups of {args.members}: first message after {first:.1f} s, "
                      f"one in each room after {each:.1f} s", flush=True)
                made, join = await floor(bench, args.groups, args.members)
                whole = made + join * (args.members - 1) * args.groups
                print(f"floor: rooms, staff and one member each {made:.1f} s; a further join "
                      f"{join * 1000:.1f} ms, so all joins {whole:.0f} s")
                print(f"ratio to the bare rooms {each / made:.2f}, to the bare joins of all "
                      f"members {each / whole:.3f}")
                await bench.close()
        finally:
            await office.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=50)
    parser.add_argument("--members", type=int, default=250)
    sys.exit(asyncio.run(main(parser.parse_args())))
