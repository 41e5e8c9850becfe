"""What one phone's message costs the emulator: CPU of its process, per message.

    python benchmarks/emulator.py [MESSAGES] [MEMBERS] [LINKED]

MEMBERS phones in one group, LINKED real clients; messages go out as fast as the clients take them.
"""
from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emulator import Emulator
from tests.emulator.clients import Client


async def main(messages: int, members: int, linked: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(Path(folder) / "state")
        await emulator.start()
        phones = [await emulator.phone(f"+92300{n:07d}", f"Phone {n}") for n in range(members)]
        group = await emulator.create_group("All", phones)
        clients = [
            await Client.linked(emulator, phones[n], Path(folder) / f"{n}.db")
            for n in range(linked)
        ]
        for phone in phones:  # key distributions are paid once
            await phone.send_text(group, "warming up")
        await emulator.idle(60)
        cpu, wall = time.process_time(), time.perf_counter()
        for n in range(messages):
            await phones[n % members].send_text(group, f"GBPS Thangao Hara, teacher absent {n}")
            if n % 50 == 49:
                await asyncio.sleep(0.25)  # 200 a second
        await emulator.idle(60)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        for client in clients:
            await client.kill()
        await emulator.stop()
    return {
        "messages": messages, "members": members, "linked": linked,
        "cpu_ms_per_message": round(cpu * 1000 / messages, 3), "per_second": round(messages / wall),
    }


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]] + [2000, 300, 1][len(sys.argv) - 1 :]
    sys.stdout.write(json.dumps(asyncio.run(main(*numbers))) + "\n")
