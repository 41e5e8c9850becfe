"""A ping that WhatsApp does not answer. The real library pings every 20 to 30 seconds and waits
ten: too long for a test, so the child is told here what the library would tell it."""
from __future__ import annotations

import asyncio
import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.link import GROUP_INFO, child, library


class Written:
    """The pipe to the bridge: keeps what is written."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.frames.append(data)


@pytest.fixture
async def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> child.Child:
    """A child that is connected, with nothing behind it."""
    monkeypatch.chdir(tmp_path)
    made = child.Child("Daftar test", None, 0.0)  # type: ignore[arg-type]
    made._loop = asyncio.get_running_loop()
    made._writer = Written()  # type: ignore[assignment]
    made._library = SimpleNamespace(pb=None)
    made._journal = SimpleNamespace(append=lambda *row: None)
    monkeypatch.setattr(made, "_wake", lambda: None)
    monkeypatch.setattr(made, "_without_private", lambda code, body: body)

    async def me() -> Any:
        return SimpleNamespace(JID=SimpleNamespace(User="92300", Server="s.whatsapp.net"),
                               LID=SimpleNamespace(User="77"))

    async def announce() -> None:
        """Nobody to announce it to."""

    made._client = SimpleNamespace(get_me=me)
    made._calls = SimpleNamespace(announce=announce)
    said(made, library.CONNECTED)
    await settled()
    assert made.connected
    return made


def said(made: child.Child, code: int, body: bytes = b"x") -> None:
    """What Go calls with an event."""
    made._on_event(b"", ctypes.addressof(ctypes.create_string_buffer(body)), len(body), code)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_after_an_unanswered_ping_shows_that_the_line_lives(linked):
    said(linked, library.KEEPALIVE_TIMEOUT)
    await settled()
    assert not linked.connected and linked._state == ("disconnected", child.SILENT)
    said(linked, GROUP_INFO)
    await settled()
    assert linked.connected


async def test_a_connection_that_broke_is_not_mended_by_what_came_before(linked):
    said(linked, library.KEEPALIVE_TIMEOUT)
    said(linked, library.DISCONNECTED)
    said(linked, GROUP_INFO)  # it was on its way
    await settled()
    assert not linked.connected
    said(linked, library.CONNECTED)
    await settled()
    assert linked.connected
