"""A bad connection, as the real client lives through it."""
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from emulator.faults import BAD, Chances, Faults
from tests.emulator.clients import PATIENCE
from tests.emulator.test_emulator import Town


@pytest.fixture
async def town(tmp_path: Path):
    town = Town(tmp_path)
    await town.open()
    yield town
    await town.close()


def faults(town: Town, **chances: float) -> Faults:
    town.emulator.faults = Faults(town.emulator, 1, Chances(**chances))
    return town.emulator.faults


async def say(town: Town, word: str, count: int = 8) -> list[str]:
    """Two phones by turns."""
    texts = [f"{word} {number}" for number in range(count)]
    for number, text in enumerate(texts):
        await (town.deo, town.dc)[number % 2].send_text(town.group, text)
    return texts


@pytest.mark.parametrize("kind", ["cut", "refuse", "away", "twice", "after_ack"])
async def test_a_client_gets_everything_once_and_in_order(town: Town, kind: str):
    client = await town.link()
    before = await say(town, "before")
    await client.text(before[-1])
    chosen = faults(town, **{kind: 1.0})
    during = await say(town, kind, 4)
    chosen.resting = True
    after = await say(town, "after")
    await client.text(after[-1])
    assert await town.emulator.idle(PATIENCE)
    await asyncio.sleep(0.5)  # what comes after the acknowledgement is still on its way
    assert client.texts() == before + during + after and chosen.counts[kind] > 0
    if kind in ("cut", "refuse", "away"):
        assert [e for e in client.events if e["event"] == "disconnected"]


async def test_a_message_under_a_fresh_encryption_comes_twice_with_one_id(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "first")
    await client.text("first")
    faults(town, anew=1.0)
    sent = await town.deo.send_text(town.group, "once more")
    first = await client.text("once more")
    again = await client.wait("message", lambda e: e["id"] == sent.id and e["raw"] and e != first,
                              since=client.events.index(first) + 1)
    assert again["timestamp"] == first["timestamp"]
    assert client.texts() == ["first", "once more", "once more"]


async def test_a_message_without_its_key_is_asked_for_and_comes_readable(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "first")
    await client.text("first")
    late = faults(town, late_key=1.0).late
    sent = await town.deo.send_text(town.group, "without its key")
    town.emulator.faults = None
    await town.deo.send_text(town.group, "with a key again")
    await client.wait("undecryptable", lambda e: e["id"] == sent.id)
    await client.text("with a key again")
    found = await client.text("without its key")
    assert found["id"] == sent.id and late == {sent.id}
    assert await town.emulator.idle(PATIENCE)


async def test_one_group_is_overtaken_by_another_but_never_by_itself(town: Town):
    client = await town.link()
    other = await town.emulator.create_group("Other", [town.office, town.deo])
    faults(town, hold=1.0)
    await town.deo.send_text(town.group, "held 1")
    town.emulator.faults.resting = True
    await town.deo.send_text(town.group, "held 2")
    await town.deo.send_text(other, "overtakes")
    await client.text("held 2")
    assert client.texts() == ["overtakes", "held 1", "held 2"]


async def test_a_seed_makes_the_same_faults_again(town: Town):
    def lots(seed: int) -> list[dict[str, bool]]:
        chosen, drawn = Faults(town.emulator, seed, BAD), []
        for _ in range(500):
            chosen.draw()
            drawn.append(dict(chosen._drawn))
        return drawn

    assert lots(7) == lots(7) != lots(8)
