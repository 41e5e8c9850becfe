"""What a large video costs in memory, both ways: the bridge beside the link.

    python -m benchmarks.media --mb 100

A video of so many MB goes from a phone into the room, then (cut to what WhatsApp takes) one from a
member of staff to the phones. The peaks (VmHWM, reset before each) are given above what the process
had at rest.
"""
from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from benchmarks.bridge import Bench, children
from benchmarks.soak import peak
from bridge.outward.attachments import SIZE_LIMIT
from cli.office import Office

PATIENCE_S = 300


def reset_peak(pid: int) -> None:
    """Begin a new VmHWM (proc(5): clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


class Meter:
    """Peaks of bridge and link from now on."""

    def __init__(self, bridge: int) -> None:
        self._pids = {"bridge": bridge, "link": children(bridge)[0]}
        for pid in self._pids.values():
            reset_peak(pid)
        self._rest = {name: peak(pid) for name, pid in self._pids.items()}
        self._began = time.perf_counter()

    def told(self, what: str) -> None:
        """Print what it came to."""
        seconds = time.perf_counter() - self._began
        costs = ", ".join(f"{name} +{peak(pid) - self._rest[name]:.1f} MB "
                          f"(from {self._rest[name]:.1f})" for name, pid in self._pids.items())
        print(f"{what}: {costs}; {seconds:.1f} s", flush=True)


async def run(bench: Bench, size: int) -> None:
    """Both ways."""
    [(group, phone, room)] = await bench.groups(1, "Videos")
    data = os.urandom(size)

    meter = Meter(bench.bridge)
    await phone.send_media(group, data, "video", mime="video/mp4", filename="inspection.mp4")
    event = await bench.watcher.wait_for(
        room, lambda e: e["content"].get("msgtype") == "m.video", PATIENCE_S)
    meter.told(f"a video of {size >> 20} MB from WhatsApp")
    assert event["content"]["info"]["size"] == size

    data = data[:min(size, SIZE_LIMIT)]
    base = bench.office.config.homeserver.url
    async with bench.watcher._session.post(
            f"{base}/_matrix/media/v3/upload", data=data,
            headers={"Content-Type": "video/mp4"}) as answer:
        uri = (await answer.json())["content_uri"]
    meter = Meter(bench.bridge)
    await bench.watcher.call("PUT", f"/v3/rooms/{quote(room)}/send/m.room.message/v", {
        "msgtype": "m.video", "body": "answer.mp4", "url": uri,
        "info": {"mimetype": "video/mp4", "size": len(data)}})
    seen = await phone.wait_for(lambda s: s.kind == "video", PATIENCE_S)
    meter.told(f"a video of {len(data) >> 20} MB to WhatsApp")
    assert hashlib.sha256(seen.media).digest() == hashlib.sha256(data).digest()


async def main(args: argparse.Namespace) -> None:
    """In an office of its own, whose homeserver takes the file."""
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder), parts=("bridge",), progress=lambda text: None,
                        homeserver={"max_upload_size": f"{args.mb + 1}M"})
        await office.start()
        try:
            await office.link()
            async with office.reader("officer") as watcher:
                bench = Bench(office, watcher)
                await run(bench, args.mb << 20)
                await bench.close()
        finally:
            await office.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=100)
    sys.exit(asyncio.run(main(parser.parse_args())))
