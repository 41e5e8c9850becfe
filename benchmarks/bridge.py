"""From a phone to a Matrix event: the bridge beside the bare floor, in the same run.

    python -m benchmarks.bridge                 throughput in 1 and 10 rooms, latency, CPU
    python -m benchmarks.bridge --memory 20000  also the memory of bridge and link over so many

The floor: the very same events put to the same Synapse in the same order by a plain HTTP client,
one in flight a room. Rounds alternate (bridge, floor, bridge, floor, …), so that a machine whose
speed drifts does not favour one; the ratio is taken round by round, and its median is quoted.
In both the reader asks Synapse ten times a second: woken by every event, it would ask 60 times a
round when the rooms' events happen to fall together and 180 times when they do not, and each of its
questions costs Synapse as much as a fifth of a message.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from cli.office import Office
from cli.reader import Reader
from emulator.model import Group
from emulator.phone import Phone

LOOK = 0.1  # seconds between the reader's questions while throughput is measured
TICK = os.sysconf("SC_CLK_TCK")
TEXT = "GBPS Killi Haji Rahim BEMIS 0{n}: school found open, 2 of 3 teachers present. Report {n}."


@dataclass(frozen=True)
class Usage:
    """CPU seconds and resident megabytes of a process."""

    cpu: float
    memory: float


def usage(pid: int) -> Usage:
    """Read from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage((int(fields[11]) + int(fields[12])) / TICK,
                 resident * os.sysconf("SC_PAGE_SIZE") / 2**20)


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


class Bench:
    """One office with a linked phone and a watcher in its rooms."""

    def __init__(self, office: Office, watcher: Reader) -> None:
        self.office = office
        self.watcher = watcher
        self.bridge = office.parts["bridge"].pid or 0
        self._serial = 0
        self._session: aiohttp.ClientSession | None = None
        self._since = ""
        self.ready = asyncio.Event()  # the watcher's /sync stands: what is sent now is seen

    @property
    def link(self) -> int:
        """The link's process: the bridge's only child."""
        return children(self.bridge)[0]

    async def groups(self, count: int, name: str) -> list[tuple[Group, Phone, str]]:
        """New groups with one speaker each, and their rooms; the ghosts have spoken once."""
        made = []
        for number in range(count):
            phone = await self.office.emulator.phone(f"92300700{self._serial:04d}",
                                                     f"Speaker {self._serial}")
            self._serial += 1
            group = await self.office.emulator.create_group(
                f"{name} {number}", [phone, self.office.department])
            await phone.send_text(group, "first")
            made.append((group, phone))
        names: dict[str, str] = {}
        while not all(group.name in names for group, _ in made):
            names = {title: room for room, title in (await self.watcher.join_invited()).items()}
            await asyncio.sleep(0.3)
        result = [(group, phone, names[group.name]) for group, phone in made]
        for _, _, room in result:
            await self.watcher.wait_for(room, _is_text, 60)
        return result

    async def carry(self, groups: list[tuple[Group, Phone, str]], each: int) -> float:
        """Phones send at full speed; messages a second until the last can be read."""
        self.ready.clear()
        arrivals = self.arrivals({room: each for _, _, room in groups}, LOOK)
        waiting = asyncio.create_task(arrivals)
        await self.ready.wait()
        began = time.perf_counter()
        for number in range(each):
            for group, phone, _ in groups:
                await phone.send_text(group, TEXT.format(n=number))
        await waiting
        return each * len(groups) / (time.perf_counter() - began)

    async def arrivals(self, wanted: dict[str, int], pause: float = 0.0) -> list[float]:
        """Wait by /sync until so many messages have come in each room; when each came. `pause`:
        seconds between two questions."""
        left, times = dict(wanted), []
        # Synapse answers an equal /sync from a cache for two minutes: always go on from the last
        since = f"&since={quote(self._since)}" if self._since else ""
        answer = await self.watcher.call("GET", f"/v3/sync?timeout=0&{_FILTER}{since}")
        since = answer["next_batch"]
        self.ready.set()
        while any(count > 0 for count in left.values()):
            answer = await self.watcher.call(
                "GET", f"/v3/sync?timeout=10000&since={quote(since)}&{_FILTER}")
            now, since = time.perf_counter(), answer["next_batch"]
            for room, news in answer.get("rooms", {}).get("join", {}).items():
                events = [e for e in news["timeline"]["events"] if _is_text(e)]
                if room in left:
                    left[room] -= len(events)
                    times += [now] * len(events)
            await asyncio.sleep(pause)
        self._since = since
        return times

    async def call(self, method: str, path: str, body: Any, user: str = "") -> Any:
        """One request below /_matrix/client with the bridge's token, as `user`."""
        if self._session is None:
            token = self.office.config.bridge.as_token
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})
        url = f"{self.office.synapse.url}/_matrix/client{path}"
        if user:
            url += f"{'&' if '?' in url else '?'}user_id={quote(user)}"
        async with self._session.request(method, url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def put(self, room: str, event: dict[str, Any], sender: str) -> None:
        """Send an event as the floor does."""
        self._serial += 1
        await self.call("PUT", f"/v3/rooms/{quote(room)}/send/m.room.message/floor{self._serial}"
                               f"?ts={event['origin_server_ts']}", event["content"], sender)

    async def latency(self, act: Callable[[int], Awaitable[Any]], room: str, count: int,
                      pause: float) -> list[float]:
        """Milliseconds from `act(n)` to the event in the watcher's /sync, paced."""
        self.ready.clear()
        watching = asyncio.create_task(self.arrivals({room: count}))
        await self.ready.wait()
        starts = []
        for number in range(count):
            starts.append(time.perf_counter())
            await act(number)
            await asyncio.sleep(max(0.0, pause - (time.perf_counter() - starts[-1])))
        return [(end - start) * 1000 for start, end in
                zip(starts, await watching, strict=False)]

    async def close(self) -> None:
        """Close the plain client."""
        if self._session:
            await self._session.close()


_FILTER = "filter=" + quote(
    '{"room":{"timeline":{"limit":100,"types":["m.room.message"]},"state":{"types":[]},'
    '"ephemeral":{"types":[]}},"presence":{"types":[]},"account_data":{"types":[]}}')


def _is_text(event: dict[str, Any]) -> bool:
    return event["type"] == "m.room.message" and event["content"].get("msgtype") == "m.text"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def throughput(bench: Bench, count: int, each: int, rounds: int) -> None:
    """Print messages a second in `count` rooms, bridge and floor in turn."""
    carried = await bench.groups(count, f"Carried {count}")
    plain = await bench.groups(count, f"Plain {count}")
    # the floor writes as the ghosts of its own rooms
    ghosts = {}
    for _, _, room in plain:
        events = [e for e in await bench.watcher.events(room) if _is_text(e)]
        ghosts[room] = events[0]["sender"]
    ratios, speeds, floors = [], [], []
    cpu = [0.0, 0.0]
    for _ in range(rounds):
        before = usage(bench.bridge), usage(bench.link)
        speeds.append(await bench.carry(carried, each))
        after = usage(bench.bridge), usage(bench.link)
        for place in (0, 1):
            cpu[place] += after[place].cpu - before[place].cpu
        floors.append(await _floor(bench, carried, plain, ghosts, each))
        ratios.append(speeds[-1] / floors[-1])
    messages = rounds * each * count
    print(f"{count:>3} room(s), {each} messages each, {rounds} rounds: bridge "
          f"{statistics.median(speeds):.1f}/s, floor {statistics.median(floors):.1f}/s, ratio "
          f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); CPU a "
          f"message: bridge {cpu[0] / messages * 1000:.2f} ms, link "
          f"{cpu[1] / messages * 1000:.2f} ms")


async def _floor(bench: Bench, carried: list[Any], plain: list[Any], ghosts: dict[str, str],
                 each: int) -> float:
    copied = {}
    for (_, _, source), (_, _, room) in zip(carried, plain, strict=True):
        copied[room] = [e for e in await bench.watcher.events(source) if _is_text(e)][-each:]
    bench.ready.clear()
    waiting = asyncio.create_task(bench.arrivals({room: each for room in copied}, LOOK))
    await bench.ready.wait()
    began = time.perf_counter()

    async def lane(room: str) -> None:
        for event in copied[room]:
            await bench.put(room, event, ghosts[room])

    await asyncio.gather(*map(lane, copied), waiting)
    return each * len(copied) / (time.perf_counter() - began)


async def latency(bench: Bench, count: int) -> None:
    """Print what the bridge adds to a message's way at ten a second."""
    (group, phone, room), (_, _, other) = await bench.groups(2, "Latency")
    ghost = next(e["sender"] for e in await bench.watcher.events(other) if _is_text(e))
    template = {"origin_server_ts": int(time.time() * 1000)}
    bridged = await bench.latency(
        lambda n: phone.send_text(group, TEXT.format(n=n)), room, count, 0.1)
    plain = await bench.latency(lambda n: bench.put(other, {**template, "content": {
        "msgtype": "m.text", "body": TEXT.format(n=n)}}, ghost), other, count, 0.1)
    rows = []
    for name, values in (("bridge", bridged), ("floor", plain)):
        rows.append((percentile(values, 0.5), percentile(values, 0.95)))
        print(f"latency at 10/s, {count} messages, {name}: p50 {rows[-1][0]:.1f} ms, p95 "
              f"{rows[-1][1]:.1f} ms")
    print(f"added: p50 {rows[0][0] - rows[1][0]:.1f} ms, p95 {rows[0][1] - rows[1][1]:.1f} ms")


async def memory(bench: Bench, total: int) -> None:
    """Print the memory of bridge and link while many messages pass."""
    groups = await bench.groups(10, "Memory")
    step = max(10, total // 10)
    for done in range(0, total + 1, step):
        bridge, link = usage(bench.bridge), usage(bench.link)
        print(f"after {done:>6} messages: bridge {bridge.memory:.1f} MB, link {link.memory:.1f} MB")
        if done < total:
            await bench.carry(groups, step // 10)


async def main(args: argparse.Namespace) -> None:
    """Everything, in one office in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder), parts=("bridge",), progress=lambda text: None)
        await office.start()
        try:
            await office.link()
            async with office.reader("officer") as watcher:
                bench = Bench(office, watcher)
                for count in (1, 10):
                    await throughput(bench, count, args.messages // count, args.rounds)
                await latency(bench, 100)
                if args.memory:
                    await memory(bench, args.memory)
                await bench.close()
        finally:
            await office.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=300, help="a round, in all rooms together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, help="messages for the memory run")
    sys.exit(asyncio.run(main(parser.parse_args())))
