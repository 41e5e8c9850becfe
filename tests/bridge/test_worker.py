"""Lanes: strictly in order, each for itself, and every failure ends in a retry or a notice."""
from __future__ import annotations

import asyncio
import json

import pytest

from archive import queue
from archive.db import ArchiveError
from bridge import worker
from bridge.worker import Away, GiveUp, Lanes, Retry, Unsure


class Deeds:
    """A handler that does what each row's payload says, and writes down what it did."""

    repeatable = True

    def __init__(self, database) -> None:
        self._db = database
        self.done: list[str] = []
        self.told: list[tuple[str, bool]] = []
        self.tries: dict[str, int] = {}

    async def begin(self, lane, recovering):
        """Nothing to look up."""

    async def prepare(self, rows):
        """Nothing to read ahead."""

    async def flush(self, lane):
        """Everything is committed at once."""

    async def handle(self, row):
        """Raise what the payload says as often as it says, then be done."""
        deed = json.loads(row.payload)
        count = self.tries[row.key] = self.tries.get(row.key, 0) + 1
        await asyncio.sleep(deed.get("seconds", 0))
        if deed.get("begun"):
            await self._db.write(queue.attempt(row.id, 1))
        if count <= deed.get("times", 0):
            raise {"retry": Retry, "giveup": GiveUp, "unsure": Unsure, "away": Away,
                   "fault": KeyError, "database": ArchiveError}[deed["error"]]("it went wrong")
        self.done.append(row.key)
        await self._db.write(queue.done(row.id))

    def complaint(self, row, reason, *, unsure):
        """Note that people would be told."""
        self.told.append((reason, unsure))
        return []
        yield


@pytest.fixture
def deeds(database, monkeypatch):
    """A handler and its lanes; pauses are short."""
    monkeypatch.setattr(worker, "BACKOFF_S", (0,))
    monkeypatch.setattr(worker, "AWAY_S", 0)
    return Deeds(database)


async def work(database, deeds, *rows, lanes=("in:1",), retries=3):
    """Put rows (key, payload) into lanes in turn and run them until nothing is left."""
    running = Lanes(database, {"in": deeds}, retries=retries)
    for number, (key, payload) in enumerate(rows):
        await database.write(queue.put(
            lanes[number % len(lanes)], key, "x", payload=json.dumps(payload)))
    await running.start()
    async with asyncio.timeout(30):
        while await queue.depth(database):
            await asyncio.sleep(0.02)
    await running.stop()
    return [(row.key, row.state) for row in await queue.stuck(database)]


async def test_a_lane_keeps_its_order_whatever_has_to_be_tried_again(database, deeds):
    stuck = await work(database, deeds, ("a", {}), ("b", {"error": "retry", "times": 2}),
                       ("c", {}), ("d", {"error": "away", "times": 9}), ("e", {}))
    assert deeds.done == ["a", "b", "c", "d", "e"] and stuck == [] and deeds.told == []


async def test_lanes_do_not_wait_for_one_another(database, deeds):
    await work(database, deeds, ("slow", {"seconds": 0.5}), ("quick", {}), lanes=("in:1", "in:2"))
    assert deeds.done == ["quick", "slow"]


async def test_after_the_last_try_people_are_told_and_the_lane_goes_on(database, deeds):
    stuck = await work(database, deeds, ("a", {"error": "retry", "times": 99}), ("b", {}))
    assert deeds.done == ["b"] and stuck == [("a", "failed")]
    assert deeds.tries["a"] == 3 and deeds.told == [("it went wrong (tried 3 times)", False)]


async def test_what_cannot_be_done_is_tried_once(database, deeds):
    stuck = await work(database, deeds, ("a", {"error": "giveup", "times": 99}), ("b", {}))
    assert deeds.tries["a"] == 1 and stuck == [("a", "failed")]
    assert deeds.told == [("it went wrong", False)]


async def test_what_may_have_been_done_is_not_repeated(database, deeds):
    stuck = await work(database, deeds, ("a", {"error": "unsure", "times": 99}), ("b", {}))
    assert deeds.tries["a"] == 1 and stuck == [("a", "unsure")] and deeds.done == ["b"]
    assert deeds.told == [("it went wrong", True)]


async def test_a_fault_of_ours_holds_no_lane_up_for_ever(database, deeds):
    stuck = await work(database, deeds, ("a", {"error": "fault", "times": 99}), ("b", {}),
                       ("c", {"error": "fault", "times": 1}))
    assert deeds.done == ["b", "c"] and stuck == [("a", "failed")]
    assert deeds.told == [("a fault of Daftar's own: KeyError (tried 3 times)", False)]


async def test_a_fault_in_the_middle_of_a_send_is_not_repeated(database, deeds):
    deeds.repeatable = False
    stuck = await work(database, deeds, ("a", {"error": "fault", "times": 99, "begun": True}),
                       ("b", {"error": "fault", "times": 1}))
    assert deeds.tries == {"a": 1, "b": 2} and stuck == [("a", "unsure")]


async def test_a_database_that_was_away_leaves_no_row_behind(database, deeds, monkeypatch):
    monkeypatch.setattr(worker, "FAULT_S", 0.1)
    stuck = await work(database, deeds, ("a", {"error": "database", "times": 2}), ("b", {}))
    assert deeds.done == ["a", "b"] and stuck == [] and deeds.told == []


async def test_what_a_dead_process_was_sending_is_unsure_the_rest_is_done(database, deeds):
    deeds.repeatable = False
    for key in ("a", "b"):
        await database.write(queue.put("in:1", key, "x", payload="{}"))
    first, second = await database.write(queue.claim("in:1", "bridge", 10**15))
    assert (first.key, second.key) == ("a", "b")
    await database.write(queue.attempt(first.id, 5))
    stuck = await work(database, deeds)
    assert stuck == [("a", "unsure")] and deeds.done == ["b"]
    assert deeds.told == [("the bridge stopped while it was being sent", True)]
