"""kill -9 at every step of the journey, both ways, and in mid-stream: what each survives.

On SQLite and on PostgreSQL; Synapse, the WhatsApp library and every process are the real ones. What
is compared is what the phones sent and what a Matrix user reads, and the other way round; never the
bridge's books. The same list, with a picture, is in docs/journey.md.

  step                    who dies   what holds
  link1-before-journal    link       exactly once, in order, or within the time of a gap notice in
                                     the room: the library has confirmed it to WhatsApp already
  link1-journalled        link       the same for what comes behind; it is in the journal itself
  link1-handed-over       link       the same; the journal repeats, the record knows it
  in2-before-store        bridge     exactly once, in order: the link's journal has it
  in2-after-store         bridge     exactly once, in order: the journal repeats it, and is known
  in3-claimed             bridge     exactly once, in order: claimed rows are released at the start
  in4-prepared            bridge     exactly once, in order
  in5-sent                bridge     exactly once, in order: the event is found by its mark
  in6-done                bridge     exactly once, in order
  out2-before-store       bridge     exactly once: the homeserver hands the transaction over again
  out2-after-store        bridge     exactly once: the transaction comes again, the record knows it
  out3-claimed            bridge     exactly once
  out4-prepared           bridge     exactly once
  out5-attempted          bridge     not sent; the room says "may have been sent", never sent twice
  out5-sent               bridge     sent once; the room says "may have been sent"
  out6-done               bridge     exactly once
  500 in flight           bridge, Synapse, the connection: exactly once, in order;
                          link: or within the time of a gap notice
  replies in flight       link, the connection, Synapse: exactly once, or the notice

The bot's own steps (sync-received … answer-noted) and its bursts are in tests/bot/test_kill.py: one
card for a `!case open`, one answer for a command, whatever dies.
"""
from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bridge import steps
from cli.compare import Comparison
from emulator.played import Played
from tests import postgres
from tests.town import Moment, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

IN_FLIGHT = 100  # messages a group, five groups
LINK_STEPS = {"link1-before-journal": 25, "link1-journalled": 25, "link1-handed-over": 25}
IN_STEPS = {"in2-before-store": 17, "in2-after-store": 17, "in3-claimed": 2, "in4-prepared": 21,
            "in5-sent": 26, "in6-done": 19}
SURE_OUT_STEPS = {"out2-before-store": 3, "out2-after-store": 3, "out3-claimed": 2,
                  "out4-prepared": 4, "out6-done": 4}
UNSURE_OUT_STEPS = {"out5-attempted": 4, "out5-sent": 4}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgres"])
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
               ) -> AsyncIterator[Town]:
    """One office with five groups for all cases of a database."""
    folder = tmp_path_factory.mktemp(f"town-{request.param}")
    if request.param == "sqlite":
        async with _opened(Town(folder, "")) as town:
            yield town
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        async with postgres.fresh_database(cluster) as url, _opened(Town(folder, url)) as town:
            yield town


class _opened:
    def __init__(self, town: Town) -> None:
        self._town = town

    async def __aenter__(self) -> Town:
        await self._town.open()
        return self._town

    async def __aexit__(self, *_: object) -> None:
        await self._town.close()


async def test_every_step_is_killed() -> None:
    """No step of the journey is without a case here."""
    assert {*LINK_STEPS, *IN_STEPS, *SURE_OUT_STEPS, *UNSURE_OUT_STEPS} == set(steps.STEPS)


async def _all_there(town: Town, begin: Moment, sent: list[Played]) -> None:
    """Exactly once and in order, in every group."""
    result = await town.settled(begin, sent)
    assert (result.lost, result.duplicated, result.out_of_order) == (0, 0, 0)
    assert result.mirrored == result.sent


async def _there_or_in_a_gap(town: Town, begin: Moment, sent: list[Played]) -> Comparison:
    """Exactly once and in order; what is missing was sent in a stretch that the room names."""
    result = await town.settled(begin, sent, quiet_s=3)
    assert (result.duplicated, result.out_of_order) == (0, 0)
    stretches = {group.jid: await town.gaps(group, begin) for group in town.groups}
    assert all(stretches.values()), "a gap stands in every group"
    missing = await town.missing(begin, sent)
    town.excuse(missing)
    for played in missing:
        assert any(start <= played.timestamp <= end for start, end in stretches[played.group]), \
            f"{played.text} is missing, and no gap says so"
    return result


# -- from the phone to the room --------------------------------------------------------------------

@pytest.mark.parametrize("step", LINK_STEPS)
async def test_the_link_dies(town: Town, step: str) -> None:
    """The WhatsApp library's process dies at a step; the bridge starts it again by itself. Behind
    the message that it dies at there are others that it has confirmed to WhatsApp already."""
    begin = await town.now()
    await town.die_at(step, LINK_STEPS[step])
    sent = await town.speak(20, groups=2)
    await town.died()
    result = await _there_or_in_a_gap(town, begin, sent)
    assert result.mirrored >= LINK_STEPS[step] - (step == "link1-before-journal")


@pytest.mark.parametrize("step", IN_STEPS)
async def test_the_bridge_dies_on_the_way_to_matrix(town: Town, step: str) -> None:
    """Texts, pictures, replies, reactions, edits, long texts and deletions."""
    begin = await town.now()
    await town.die_at(step, IN_STEPS[step])
    sent = await town.speak(20, groups=2, mixed=True)
    await town.bridge_gone()
    await town.died()
    town.start_bridge()
    await _all_there(town, begin, sent)


async def test_the_link_is_killed_with_500_in_flight(town: Town) -> None:
    """Twice, wherever it happens to be."""
    begin = await town.now()
    sent = await town.speak(IN_FLIGHT)
    for count in (60, 200):
        await town.arrived(begin, count)
        os.kill(await town.link_pid(), signal.SIGKILL)
    await _there_or_in_a_gap(town, begin, sent)


async def test_the_bridge_is_killed_with_500_in_flight(town: Town) -> None:
    """Twice, wherever it happens to be."""
    begin = await town.now()
    sent = await town.speak(IN_FLIGHT, mixed=True)
    for count in (60, 200):
        await town.arrived(begin, count)
        town.kill_bridge()
        town.start_bridge()
    await _all_there(town, begin, sent)


async def test_synapse_is_killed_with_500_in_flight(town: Town) -> None:
    """It forgets the transaction ids that it was given, and the bridge waits for it."""
    begin = await town.now()
    sent = await town.speak(IN_FLIGHT, mixed=True)
    await town.arrived(begin, 150)
    await town.kill_synapse()
    await _all_there(town, begin, sent)


async def test_the_connection_breaks_with_500_in_flight(town: Town) -> None:
    """Twice: WhatsApp sends again what was not confirmed."""
    begin = await town.now()
    sent = await town.speak(IN_FLIGHT // 2, mixed=True)
    await town.office.emulator.drop_connections()
    sent += await town.speak(IN_FLIGHT // 2, mixed=True)
    await town.arrived(begin, 150)
    await town.office.emulator.drop_connections(refuse_for=0.5)
    await _all_there(town, begin, sent)


# -- from the room to the phones -------------------------------------------------------------------

@pytest.mark.parametrize("step", SURE_OUT_STEPS)
async def test_the_bridge_dies_on_the_way_to_whatsapp(town: Town, step: str) -> None:
    """At these steps the message itself is not in doubt; one that is just leaving may be, one a
    group."""
    begin = await town.now()
    await town.die_at(step, SURE_OUT_STEPS[step])
    await town.listening()
    replies = await town.answer(16)
    await town.bridge_gone()
    await town.died()
    town.start_bridge()
    unsure, _ = await town.delivered(replies, begin)
    assert len({reply.room for reply in unsure}) == len(unsure)


@pytest.mark.parametrize("step", UNSURE_OUT_STEPS)
async def test_the_bridge_dies_while_it_sends(town: Town, step: str) -> None:
    """One group, so that there is one message in doubt: sent or not, the room says so."""
    begin = await town.now()
    await town.die_at(step, UNSURE_OUT_STEPS[step])
    await town.listening()
    replies = await town.answer(8, groups=1)
    await town.bridge_gone()
    await town.died()
    town.start_bridge()
    unsure, seen = await town.delivered(replies, begin)
    assert len(unsure) == 1
    assert (unsure[0] in seen) == (step == "out5-sent")
    assert len(seen) == len(replies) - (step == "out5-attempted")


async def test_the_link_is_killed_while_replies_leave(town: Town) -> None:
    """At most the message that it had in hand is in doubt."""
    begin = await town.now()
    replies = await town.answer(20)
    os.kill(await town.link_pid(), signal.SIGKILL)
    replies += await town.answer(20)
    unsure, _ = await town.delivered(replies, begin)
    assert len(unsure) <= 2


async def test_the_connection_breaks_while_replies_leave(town: Town) -> None:
    """The same for a connection that is reset."""
    begin = await town.now()
    replies = await town.answer(20)
    await town.office.emulator.drop_connections()
    replies += await town.answer(20)
    unsure, _ = await town.delivered(replies, begin)
    assert len(unsure) <= 2


async def test_synapse_is_killed_while_replies_leave(town: Town) -> None:
    """What the homeserver has accepted, it hands over after its own death, too."""
    begin = await town.now()
    replies = await town.answer(20)
    await town.kill_synapse()
    replies += await town.answer(4)
    unsure, _ = await town.delivered(replies, begin)
    assert not unsure


# -- in the end ------------------------------------------------------------------------------------

async def test_nothing_came_late(town: Town) -> None:
    """After all those deaths: the rooms from their beginning, once more."""
    result = await town.everything()
    assert (result.lost, result.duplicated, result.out_of_order) == (0, 0, 0)
