"""`daftar emulator` as a user starts and stops it."""
from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).resolve().parents[2]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli.main", "emulator", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)


async def lines_until(process: asyncio.subprocess.Process, words: str) -> list[str]:
    said: list[str] = []
    async with asyncio.timeout(60):
        while not said or words not in said[-1]:
            line = await process.stdout.readline()
            assert line, (await process.stderr.read()).decode()
            said.append(line.decode().strip())
    return said


async def test_it_plays_tells_where_to_look_and_goes_on_after_ctrl_c(tmp_path: Path):
    arguments = ("--state", str(tmp_path), "--corpus", "emulator/demo/seed")
    for sent in ("12 messages sent, 0 had been sent before",
                 "0 messages sent, 12 had been sent before"):
        process = await start(*arguments)
        said = await lines_until(process, "messages sent")
        assert sent in said[-1]
        environment = {line.split("=")[0].removeprefix("export ") for line in said if "=" in line}
        assert {"HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONPATH"} <= environment
        async with aiohttp.ClientSession() as http, http.get(
                said[0].removeprefix("Phone page: ") + "api/groups") as answer:
            assert [g["name"] for g in await answer.json()] == ["Secondary Edn. Dept: GoB"]
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 90) == 0
        assert await process.stderr.read() == b""


@pytest.mark.parametrize(("arguments", "said"), [
    (("--corpus", "nowhere"), "nowhere: no such folder"),
    (("--speed", "0"), "'0' is no speed"),
    (("--page-port", "ninety"), "'ninety' is no port"),
])
async def test_a_mistake_is_told_in_a_sentence(tmp_path: Path, arguments, said):
    process = await start("--state", str(tmp_path), *arguments)
    _, told = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 2 and said in told.decode()
    assert b"Traceback" not in told
