"""A link to the emulator with a phone that scans what it is shown, and everything it said."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bridge.link import MESSAGE, Delivery, LinkState
from bridge.link.parent import Link
from waproto import neonize_pb2

LIMIT = 90.0  # seconds: how long a test waits for what must happen


class Account:
    """`async with Account(...) as account`: started, and stopped at the end."""

    def __init__(self, folder: Path, environment: Mapping[str, str],
                 scan: Callable[[str], Any] | None = None) -> None:
        self.events: list[Delivery] = []
        self.states: list[LinkState] = []
        self._scan = scan
        self._changed = asyncio.Condition()
        self.link = Link(folder, "Daftar test", environment, self.on_event, self._on_state)

    async def on_event(self, delivery: Delivery) -> None:
        self.events.append(delivery)
        async with self._changed:
            self._changed.notify_all()

    async def _on_state(self, state: LinkState) -> None:
        self.states.append(state)
        if state.state == "qr" and self._scan is not None:
            scan, self._scan = self._scan, None
            await scan(state.detail)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, what: Callable[[], Any]) -> None:
        """Wait until `what()` is true; every event and state asks again."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(what), LIMIT)

    async def connected(self, times: int = 1) -> None:
        await self.until(lambda: self.named().count("connected") >= times)

    def named(self) -> list[str]:
        return [state.state for state in self.states]

    def gaps(self) -> list[tuple[int, int]]:
        return [state.unclean for state in self.states if state.unclean]

    def messages(self) -> list[neonize_pb2.Message]:
        """Content messages: the key distributions that come before them are left out."""
        parsed = [neonize_pb2.Message.FromString(d.body) for d in self.events if d.code == MESSAGE]
        return [m for m in parsed if {f.name for f, _ in m.Message.ListFields()}
                - {"senderKeyDistributionMessage", "messageContextInfo"}]

    def texts(self) -> list[str]:
        return [m.Message.conversation or m.Message.extendedTextMessage.text
                for m in self.messages()]

    async def __aenter__(self) -> Account:
        await self.link.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.stop()
