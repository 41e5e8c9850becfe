"""`daftar run`: starts the parts, ends in good order, and says what failed."""
from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import config
from cli.errors import UserError
from cli.run import run_parts
from tests.homeserver import house_values

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    return config.from_values(house_values("http://127.0.0.1:1"), env={}, base=tmp_path)


def part(log: list[str], name: str, seconds: float = 3600) -> Callable[..., Awaitable[None]]:
    """A part that notes its start and its end."""
    async def run(given: config.Config) -> None:
        log.append(f"{name} starts for {given.homeserver.name}")
        try:
            await asyncio.sleep(seconds)
        finally:
            log.append(f"{name} ends")
    return run


async def failing(given: config.Config) -> None:
    raise config.ConfigError("the homeserver does not know us")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all_parts(settings: config.Config, number: int) -> None:
    log: list[str] = []
    running = asyncio.create_task(
        run_parts(settings, {"bridge": part(log, "bridge"), "bot": part(log, "bot")}))
    while len(log) < 2:
        await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    await running
    assert sorted(log) == ["bot ends", "bot starts for office.test",
                           "bridge ends", "bridge starts for office.test"]


async def test_a_part_that_fails_takes_the_others_down_and_is_told(settings) -> None:
    log: list[str] = []
    with pytest.raises(config.ConfigError, match="does not know us"):
        await run_parts(settings, {"bot": part(log, "bot"), "bridge": failing})
    assert log[-1] == "bot ends"


async def test_a_port_in_use_is_one_sentence(settings: config.Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        async def listening(given: config.Config) -> None:
            await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port)

        with pytest.raises(UserError, match=rf"^web: .*{port}.*; `daftar check` looks at ports"):
            await run_parts(settings, {"web": listening})


async def test_a_part_that_ends_by_itself_ends_the_run(settings, caplog) -> None:
    log: list[str] = []
    await run_parts(settings, {"bot": part(log, "bot"), "web": part(log, "web", 0)})
    assert "bot ends" in log
    assert "ended by itself" in caplog.text


def test_the_command_tells_a_config_error_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "run", "--config", str(tmp_path / "no.yaml")],
        cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("daftar: ") and done.stderr.count("\n") == 1
