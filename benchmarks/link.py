"""What the link costs: the journal's append, and CPU a message with neonize's part of it.

    python benchmarks/link.py [--messages 2000] [--rate 150]

Phones of the emulator talk in one group; the link's child is measured twice: as it is, and as a
child that only counts what the WhatsApp library hands it. The second is what neonize takes.
"""
from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bridge.link import MESSAGE, Delivery, LinkState
from bridge.link.journal import Journal
from bridge.link.parent import Link
from emulator.server import Emulator

COUNTING = """
import bridge.link.child as child
counted = 0

def count(self, uuid, binary, size, code):
    global counted
    if code != 17:
        return on_event(self, uuid, binary, size, code)
    counted += 1
    with open("counted", "w") as file:   # cheap next to a Signal ratchet, and never fsynced
        file.write(str(counted))

on_event, child.Child._on_event = child.Child._on_event, count
from bridge.link.__main__ import main
main()
"""


class CountingLink(Link):
    """A link whose child keeps nothing."""

    def _command(self, fd: int) -> list[str]:
        command = super()._command(fd)
        return [*command[:2], "-c", COUNTING, *command[4:]]


def append_times(folder: Path, count: int = 5000) -> dict[str, float]:
    """Milliseconds of an append: median, p95, p99."""
    journal = Journal(folder / "journal.sqlite")
    body, times = os.urandom(700), []
    for number in range(count):
        start = time.perf_counter()
        seq = journal.append(MESSAGE, body, number)
        times.append((time.perf_counter() - start) * 1000)
        journal.acknowledge(seq - 16)
    journal.close(clean=True)
    times.sort()
    return {f"append_{name}_ms": round(times[int(count * part)], 3)
            for name, part in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


async def measure(folder: Path, kind: type[Link], messages: int, rate: float) -> dict[str, float]:
    """CPU ms a message of the child and of the parent's process (emulator included)."""
    emulator = Emulator(folder / "emulator")
    await emulator.start()
    office = await emulator.phone("+923007001000", "Office")
    phones = [await emulator.phone(f"+92300700{n}", f"Phone {n}") for n in range(2000, 2010)]
    group = await emulator.create_group("Bench", [office, *phones])
    connected, seen = asyncio.Event(), 0

    async def on_event(delivery: Delivery) -> None:
        nonlocal seen
        seen += delivery.code == MESSAGE

    async def on_state(state: LinkState) -> None:
        if state.state == "qr":
            await emulator.scan(office, state.detail)
        elif state.state == "connected":
            connected.set()

    link = kind(folder / "link", "Bench", emulator.client_environment(), on_event, on_state)
    await link.start()
    await asyncio.wait_for(connected.wait(), 60)

    async def talk(count: int) -> None:
        start = time.monotonic()
        for number in range(count):
            await phones[number % 10].send_text(group, f"GPS Killi {number}: teacher present")
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
        await emulator.idle(120)
        await asyncio.sleep(1)

    await talk(100)  # sessions and sender keys
    assert link.pid is not None
    before, memory, start, seen = cpu_seconds(link.pid), resident_mb(link.pid), time.time(), 0
    await talk(messages)
    used = cpu_seconds(link.pid) - before
    result = {"cpu_ms": round(used / messages * 1000, 3), "seen": seen,
              "messages_a_second": round(messages / (time.time() - start), 1),
              "rss_mb_before": round(memory, 1), "rss_mb_after": round(resident_mb(link.pid), 1)}
    await link.stop()
    await emulator.stop()
    return result


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=150.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, object] = dict(append_times(folder))
        for key, kind in (("link", Link), ("counting", CountingLink)):
            (folder / key).mkdir()
            result[key] = asyncio.run(measure(folder / key, kind, args.messages, args.rate))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
