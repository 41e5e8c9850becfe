"""Lanes: every row once, in order, nothing overtakes."""
from __future__ import annotations

import asyncio

from archive import queue
from archive.db import open_database


async def put(db, lane, count, start=0):
    for n in range(start, start + count):
        await db.write(queue.put(lane, f"{lane}/{n}", "record", record_id=n))


async def claimed(db, lane="in:1", worker="w1", now=100, limit=50):
    return [row.record_id for row in await db.write(queue.claim(lane, worker, now, limit))]


async def test_a_key_is_put_once_even_after_it_is_done(database):
    assert await database.write(queue.put("in:1", "k", "record", payload='{"a": 1}')) is True
    assert await database.write(queue.put("in:1", "k", "other")) is False
    (row,) = await database.write(queue.claim("in:1", "w1", 0))
    assert (row.lane, row.task, row.payload, row.state) == ("in:1", "record", '{"a": 1}', "claimed")
    await database.write(queue.done(row.id))
    assert await database.write(queue.put("in:1", "k", "record")) is False
    assert await queue.depth(database) == 0


async def test_rows_are_claimed_in_order_and_by_one_worker(database):
    await put(database, "in:1", 5)
    assert await claimed(database, limit=3) == [0, 1, 2]
    assert await claimed(database, worker="w2") == []
    assert await claimed(database) == []  # nor by itself before these are done


async def test_lanes_do_not_wait_for_each_other(database):
    await put(database, "in:1", 2)
    await put(database, "in:2", 2)
    assert await claimed(database, "in:1") == [0, 1]
    assert await claimed(database, "in:2", "w2") == [0, 1]
    assert await queue.lanes(database, "in:") == ["in:1", "in:2"]
    assert await queue.lanes(database, "out:") == []


async def test_nothing_overtakes_a_row_that_waits(database):
    await put(database, "in:1", 4)
    rows = await database.write(queue.claim("in:1", "w1", 100))
    await database.write(queue.attempt(rows[0].id, 100))
    await database.write(queue.done(rows[0].id))
    await database.write(queue.attempt(rows[1].id, 101))
    await database.write(queue.retry(rows[1].id, 500, "homeserver is away"))
    assert await claimed(database, now=499) == []
    assert await queue.next_due(database) == 500
    (row, *_) = again = await database.write(queue.claim("in:1", "w2", 500))
    assert [r.record_id for r in again] == [1, 2, 3]
    assert (row.tries, row.attempted_at, row.note) == (1, None, "homeserver is away")


async def test_a_row_put_for_later_holds_those_behind_it(database):
    await put(database, "in:1", 1)
    await database.write(queue.put("in:1", "later", "notice", at=1000))
    await put(database, "in:1", 1, start=2)
    assert await claimed(database, now=100) == [0]


async def test_unsure_and_failed_rows_stand_aside(database):
    await put(database, "out:1", 3)
    rows = await database.write(queue.claim("out:1", "w1", 100))
    await database.write(queue.unsure(rows[0].id, "the link died while sending"))
    await database.write(queue.fail(rows[1].id, "refused"))
    await database.write(queue.done(rows[2].id))
    stuck = await queue.stuck(database)
    assert [(r.state, r.note) for r in stuck] == [
        ("unsure", "the link died while sending"), ("failed", "refused")]
    assert await database.write(queue.again(rows[0].id)) is True
    assert await database.write(queue.dismiss(rows[1].id)) is True
    assert await database.write(queue.dismiss(rows[2].id)) is False
    assert await claimed(database, "out:1") == [0]
    assert await queue.stuck(database) == []


async def test_a_dead_worker_s_rows_are_released(database):
    await put(database, "in:1", 2)
    await put(database, "in:2", 1)
    rows = await database.write(queue.claim("in:1", "w1", 100))
    await database.write(queue.attempt(rows[0].id, 100))
    await database.write(queue.claim("in:2", "w2", 100))
    released = await database.write(queue.release("w1"))
    assert [(r.record_id, r.attempted_at) for r in released] == [(0, 100), (1, None)]
    assert await claimed(database, "in:1", "w3") == [0, 1]
    assert await claimed(database, "in:2", "w3") == []


async def test_next_due_heeds_the_heads_of_lanes_only(database):
    assert await queue.next_due(database) is None
    await database.write(queue.put("in:1", "a", "record", at=900))
    await database.write(queue.put("in:1", "b", "record", at=5))
    await database.write(queue.put("out:1", "c", "record", at=700))
    assert await queue.next_due(database) == 700
    assert await queue.next_due(database, "in:") == 900
    assert await queue.depth(database) == 3
    assert await queue.depth(database, "in:") == 2


async def test_many_workers_do_every_row_once_and_in_order(database, database_url):
    """Three processes' worth of connections, six workers each taking whatever lane it can."""
    lanes, each = ["in:1", "in:2", "in:3"], 40
    others = [await open_database(database_url) for _ in range(2)]
    order: list[tuple[str, int]] = []

    async def work(db, name):
        while await queue.depth(db):
            for lane in lanes:
                for row in await db.write(queue.claim(lane, name, 100, 7)):
                    order.append((row.lane, row.record_id))
                    await db.write(queue.done(row.id))

    async def fill(db):
        for n in range(each):
            for lane in lanes:
                await db.write(queue.put(lane, f"{lane}/{n}", "record", record_id=n))

    try:
        await database.write(queue.put("in:0", "keeps the workers alive", "record"))
        workers = [asyncio.create_task(work(db, f"w{number}"))
                   for number, db in enumerate([database, *others] * 2)]
        await fill(database)
        (row,) = await database.write(queue.claim("in:0", "x", 100))
        await database.write(queue.done(row.id))
        await asyncio.gather(*workers)
    finally:
        for db in others:
            await db.close()
    assert [lane for lane in sorted({lane for lane, _ in order})] == lanes
    for lane in lanes:
        assert [n for at, n in order if at == lane] == list(range(each))


async def test_what_a_dead_worker_was_sending_is_told_apart(database):
    await put(database, "out:1", 2)
    await put(database, "in:1", 1)
    for lane in ("out:1", "in:1"):
        rows = await database.write(queue.claim(lane, "w1", 100))
        await database.write(queue.attempt(rows[0].id, 100))
    found = await database.write(queue.interrupted("w1", "out:"))
    assert [(row.lane, row.record_id) for row in found] == [("out:1", 0)]
    assert await database.write(queue.interrupted("w2", "out:")) == []


async def test_a_worker_lets_go_of_one_lane(database):
    await put(database, "in:1", 2)
    await put(database, "in:2", 1)
    await claimed(database, "in:1")
    await claimed(database, "in:2")
    await database.write(queue.release_lane("in:1"))
    assert await claimed(database, "in:1", "w2") == [0, 1]
    assert await claimed(database, "in:2", "w2") == []


async def test_when_a_lane_is_due(database):
    assert await queue.lane_due(database, "in:1") is None
    await database.write(queue.put("in:1", "a", "record", at=700))
    await database.write(queue.put("in:1", "b", "record", at=5))
    assert await queue.lane_due(database, "in:1") == 700
