"""Cases and the bot's books, on SQLite and on PostgreSQL."""
from __future__ import annotations

import asyncio

import pytest

from archive import botbooks, cases, settings
from archive.botbooks import Outgoing, SeenEvent
from archive.cases import Actor, CaseClosed, Docket, Paper
from archive.db import Database, Unit

AYESHA = Actor("@ayesha:office.test", "Ayesha Khan")
BILAL = Actor("@bilal:office.test", "Bilal Baloch")
ROOM = "!room:office.test"


def opening(event_id: str, *, year: int = 2026, room: str = ROOM, paper: Paper | None = None
            ) -> Unit[Docket]:
    """A case opened by Ayesha."""
    return cases.open_case(
        department="SED", year=year, title=f"Case of {event_id}", text="", room_id=room,
        actor=AYESHA, at=1_795_000_000_000, event_id=event_id, card_txn=f"{event_id}.card",
        paper=paper)


async def test_numbers_have_no_holes_and_no_twins(database: Database) -> None:
    async def failing() -> None:
        def unit() -> Unit[None]:
            yield from opening("$gone")
            raise RuntimeError("the command failed after the case was opened")
        with pytest.raises(RuntimeError):
            await database.write(unit())
    await asyncio.gather(*(database.write(opening(f"${index}")) for index in range(20)),
                         failing(), failing())
    found, total = await cases.listing(database)
    assert total == 20
    assert sorted(case.number for case in found) == [
        f"SED-2026-{serial:05d}" for serial in range(1, 21)]
    assert (await database.write(opening("$new year", year=2027))).case.number == "SED-2027-00001"


async def test_the_same_event_opens_one_case(database: Database) -> None:
    first = await database.write(opening("$1"))
    again = await database.write(opening("$1"))
    assert first == again
    assert await cases.count(database) == 1


async def test_every_action_is_kept(database: Database) -> None:
    paper = Paper("$paper", "@wa_923007001234:office.test", "Jabbar", 5, "The school is closed")
    case = (await database.write(opening("$1", paper=paper))).case
    await database.write(cases.assign(case.id, "DEO Sibi", None, AYESHA, 10, "$2"))
    await database.write(cases.assign(case.id, "Bilal", BILAL.mxid, BILAL, 11, "$3"))
    await database.write(cases.note(case.id, "went there", BILAL, 12, "$4"))
    docket = await database.write(cases.close(case.id, "open again", AYESHA, 13, "$5"))
    assert docket == await cases.read_docket(database, case.id)
    assert docket.papers == (paper,)
    assert [(a.kind, a.actor, a.at, a.before, a.after, a.text) for a in docket.actions][1:] == [
        ("assign", AYESHA, 10, None, "DEO Sibi", ""),
        ("assign", BILAL, 11, "DEO Sibi", "Bilal", ""),
        ("note", BILAL, 12, None, None, "went there"),
        ("close", AYESHA, 13, "open", "closed", "open again"),
    ]
    assert (docket.case.status, docket.case.closed_at, docket.case.resolution) == (
        "closed", 13, "open again")
    for unit in (cases.close(case.id, "", AYESHA, 14, "$6"),
                 cases.assign(case.id, "DEO", None, AYESHA, 14, "$7")):
        with pytest.raises(CaseClosed):
            await database.write(unit)
    assert await cases.read_docket(database, case.id) == docket


async def test_finding(database: Database) -> None:
    await database.write(opening("$old", year=2025))
    case = (await database.write(opening("$new"))).case
    other = (await database.write(opening("$else", room="!else:office.test"))).case
    assert (await cases.find(database, "SED", 1)).id == case.id  # the newest year's
    assert (await cases.find(database, "SED", 1, 2025)).number == "SED-2025-00001"
    assert await cases.find(database, "SED", 77) is None
    assert await cases.find(database, "XYZ", 1) is None
    await database.write(cases.assign(case.id, "Ayesha Khan", None, BILAL, 1, "$2"))
    await database.write(cases.assign(other.id, "whoever", AYESHA.mxid, BILAL, 1, "$3"))
    mine, total = await cases.listing(
        database, status="open", holder_mxid=AYESHA.mxid, holder="ayesha khan")
    assert [c.id for c in mine] == [other.id, case.id]
    assert total == 2
    assert [c.id for c in (await cases.listing(database, room_ids=["!else:office.test"]))[0]] == [
        other.id]


async def test_a_sync_is_stored_once(database: Database) -> None:
    events = [SeenEvent(f"${index}", ROOM, AYESHA.mxid, "m.room.message", index, "{}",
                        "new" if index % 2 else "seen") for index in range(250)]
    await database.write(botbooks.record("token", "s1", events))
    assert await settings.get(database, "token") == "s1"
    assert await database.write(botbooks.finish("$1"))
    assert not await database.write(botbooks.finish("$1"))
    await database.write(botbooks.record("token", "s2", events[::-1]))  # redelivered
    waiting = await botbooks.commands(database, 500)
    assert [event.event_id for event in waiting] == [f"${index}" for index in range(3, 250, 2)]
    assert (await botbooks.event(database, "$0")).state == "seen"


async def test_the_outbox_keeps_order_and_learns_from_the_echo(database: Database) -> None:
    case = (await database.write(opening("$1"))).case
    for txn, room in (("$1.card", ROOM), ("$1.card", ROOM), ("$1.1", ROOM), ("x", "!b")):
        await database.write(botbooks.say(Outgoing(txn, room, "m.room.message", "{}")))
    assert [row.txn_id for row in await botbooks.waiting(database)] == ["$1.card", "x"]
    await database.write(botbooks.retry("$1.card", 99, "HTTP 502"))
    [head, _] = await botbooks.waiting(database)
    assert (head.txn_id, head.next_at, head.tries) == ("$1.card", 99, 1)
    # the bot died before it heard that the card was sent; its own event comes with the sync
    await database.write(botbooks.record("token", "s1", [], echoes=[("$1.card", "$card")]))
    assert (await cases.by_card(database, "$card")).id == case.id
    assert [row.txn_id for row in await botbooks.waiting(database)] == ["$1.1", "x"]
    await database.write(botbooks.fail("x", "M_FORBIDDEN: not in the room"))
    assert await botbooks.failed(database) == [("x", "!b", "M_FORBIDDEN: not in the room")]
    await database.write(botbooks.sent("$1.card", "$other"))  # the first one stands
    assert await botbooks.sent_event(database, "$1.card") == "$card"
