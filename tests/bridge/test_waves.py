"""Events leave for the homeserver in waves."""
from __future__ import annotations

import asyncio
import time

import pytest

from bridge import waves
from bridge.waves import Waves


class Homeserver:
    """Answers when it is told to; notes who was with it at the same time."""

    def __init__(self) -> None:
        self.waves = Waves()
        self.began: list[str] = []
        self._answers: dict[str, asyncio.Event] = {}

    async def request(self, name: str) -> None:
        async with self.waves.place():
            self.began.append(name)
            await self._answers.setdefault(name, asyncio.Event()).wait()

    def send(self, *names: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.request(name)) for name in names]

    def answer(self, *names: str) -> None:
        for name in names:
            self._answers.setdefault(name, asyncio.Event()).set()


async def rest(seconds: float = waves.GATHER_S * 3) -> None:
    await asyncio.sleep(seconds)
    for _ in range(20):  # a loaded machine runs timers and what they started in one go
        await asyncio.sleep(0)


async def test_one_lane_alone_never_waits(monkeypatch):
    monkeypatch.setattr(waves, "GATHER_S", 60)
    home = Homeserver()
    home.answer("a", "b", "c")
    began = time.perf_counter()
    for name in "abc":
        await home.request(name)
    assert time.perf_counter() - began < 30


async def test_those_who_come_meanwhile_leave_together_when_the_wave_is_answered(monkeypatch):
    monkeypatch.setattr(waves, "LONGEST_S", 60)
    home = Homeserver()
    home.send("a", "b")  # "a" is out; "b" comes while it is
    await rest()
    home.send("c")
    await rest()
    assert home.began == ["a"]
    home.answer("a")
    await rest()
    assert home.began == ["a", "b", "c"]
    home.answer("b")
    home.send("d")
    await rest()
    assert home.began == ["a", "b", "c"], "c is still out"
    home.answer("c", "d")
    await rest()
    assert home.began == ["a", "b", "c", "d"]


async def test_a_slow_request_holds_the_others_up_for_a_moment_only(monkeypatch):
    monkeypatch.setattr(waves, "LONGEST_S", 0.02)
    home = Homeserver()
    home.send("slow", "a", "b")
    await rest(0.05)
    assert home.began == ["slow", "a", "b"]
    home.answer("a", "b")
    home.send("c")
    await rest(0.05)
    assert home.began[-1] == "c"


@pytest.mark.parametrize("stopped", ["out", "waiting", "called"])
async def test_a_lane_that_is_stopped_holds_nobody_up(monkeypatch, stopped):
    monkeypatch.setattr(waves, "LONGEST_S", 60)
    home = Homeserver()
    first, second, third = home.send("first", "second", "third")
    await rest()
    match stopped:
        case "out":
            first.cancel()
            await rest()
        case "waiting":
            second.cancel()
            home.answer("first")
            await rest()
        case "called":  # its turn has come, but it has not begun
            home.answer("first")
            await first
            await asyncio.sleep(0)
            home.waves._start()
            second.cancel()
            await rest()
    assert home.began[-1] == "third"
    home.answer("first", "second", "third")
    await asyncio.gather(first, second, third, return_exceptions=True)
    home.answer("last")
    began = time.perf_counter()
    await home.request("last")
    assert time.perf_counter() - began < 30
