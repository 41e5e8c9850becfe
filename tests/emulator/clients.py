"""Starts real WhatsApp clients (client.py) as child processes and talks to them."""
from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from emulator import Emulator, Group, Phone
from emulator.content import parse, read
from waproto import e2e

SCRIPT = Path(__file__).parent / "client.py"
PATIENCE = 90.0  # seconds; generous, for a machine with much else to do


class Client:
    """One real client. `events`: all it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict] = []
        self._changed = asyncio.Event()
        self._serial = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, emulator: Emulator, database: Path, *options: str) -> Client:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), str(database), *options,
            env={**os.environ, **emulator.client_environment()},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 25,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return cls(process)

    @classmethod
    async def linked(cls, emulator: Emulator, phone: Phone, database: Path) -> Client:
        """A client linked to a phone's account by scanning its QR code."""
        client = await cls.start(emulator, database)
        await emulator.scan(phone, (await client.wait("qr"))["code"])
        await client.wait("offline")
        return client

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            try:
                self.events.append(json.loads(line))
            except ValueError:
                continue  # the library itself prints now and then
            self._changed.set()
        self.events.append({"event": "ended"})
        self._changed.set()

    async def wait(
        self, event: str, test: Callable[[dict], bool] = lambda e: True, since: int = 0
    ) -> dict:
        """The first such event after position `since`, past or to come."""
        async with asyncio.timeout(PATIENCE):
            position = since
            while True:
                for found in self.events[position:]:
                    if found["event"] == event and test(found):
                        return found
                position = len(self.events)
                self._changed.clear()
                await self._changed.wait()

    async def do(self, command: str, group: Group | None = None, **values) -> dict:
        """Has the client do something; returns its answer. Fails when the client failed."""
        self._serial += 1
        line = {"do": command, "n": self._serial, "group": group and group.jid, **values}
        self.process.stdin.write((json.dumps(line) + "\n").encode())
        serial = self._serial
        answer = await self.wait("done", lambda e: e["n"] == serial)
        assert "error" not in answer, answer["error"]
        return answer

    async def message(self, test: Callable[[e2e.Message], bool]) -> dict:
        return await self.wait("message", lambda e: test(message_of(e)))

    async def text(self, text: str) -> dict:
        """The event of the message that says this."""
        return await self.message(lambda m: read(m).text == text and read(m).kind == "text")

    def texts(self) -> list[str]:
        """The texts received so far, in order."""
        found = [read(message_of(e)) for e in self.events if e["event"] == "message"]
        return [content.text for content in found if content.kind == "text"]

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader


def message_of(event: dict) -> e2e.Message:
    return parse(base64.b64decode(event["raw"]))
