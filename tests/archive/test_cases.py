"""Cases and the bot's books, on SQLite and on PostgreSQL."""
from __future__ import annotations

import asyncio

import pytest

from archive import botbooks, cases, casework, settings
from archive.botbooks import Outgoing, SeenEvent
from archive.cases import Actor, Docket, Filter, Paper
from archive.db import Database, Unit

AYESHA = Actor("@ayesha:office.test", "Ayesha Khan")
BILAL = Actor("@bilal:office.test", "Bilal Baloch")
ROOM = "!room:office.test"


def opening(event_id: str, *, year: int = 2026, room: str = ROOM, paper: Paper | None = None
            ) -> Unit[Docket]:
    """A case opened by Ayesha."""
    return casework.open_case(
        department="SED", year=year, title=f"Case of {event_id}", text="", room_id=room,
        actor=AYESHA, at=1_795_000_000_000, event_id=event_id, card_txn=f"{event_id}.card",
        papers=[paper] if paper else [])


async def test_numbers_have_no_holes_and_no_twins(database: Database) -> None:
    async def failing() -> None:
        def unit() -> Unit[None]:
            yield from opening("$gone")
            raise RuntimeError("the command failed after the case was opened")
        with pytest.raises(RuntimeError):
            await database.write(unit())
    await asyncio.gather(*(database.write(opening(f"${index}")) for index in range(20)),
                         failing(), failing())
    found, total = await cases.listing(database, Filter())
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
    await database.write(casework.assign(case.id, "DEO Sibi", None, AYESHA, 10, "$2"))
    await database.write(casework.assign(case.id, "Bilal", BILAL.mxid, BILAL, 11, "$3"))
    await database.write(casework.note(case.id, "went there", BILAL, 12, "$4"))
    docket = await database.write(casework.close(case.id, "open again", AYESHA, 13, "$5"))
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
    for unit in (casework.close(case.id, "", AYESHA, 14, "$6"),
                 casework.assign(case.id, "DEO", None, AYESHA, 14, "$7")):
        with pytest.raises(casework.Refused, match="closed"):
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
    await database.write(casework.assign(case.id, "Ayesha Khan", None, BILAL, 1, "$2"))
    await database.write(casework.assign(other.id, "whoever", AYESHA.mxid, BILAL, 1, "$3"))
    mine, total = await cases.listing(
        database, Filter(states=cases.ACTIVE, holder_mxid=AYESHA.mxid, holder="ayesha khan"))
    assert [c.id for c in mine] == [other.id, case.id]
    assert total == 2
    there = Filter(room_ids=("!else:office.test",))
    assert [c.id for c in (await cases.listing(database, there))[0]] == [other.id]


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


async def test_where_a_case_may_go(database: Database) -> None:
    case = (await database.write(opening("$1"))).case
    assert case.status == "new"
    assert (await database.write(casework.assign(case.id, "DEO", None, AYESHA, 1, "$2"))
            ).case.status == "open"
    waiting = await database.write(casework.move(
        case.id, "waiting", AYESHA, 2, "$3", waiting_for="DC Kech", waiting_until=99))
    assert (waiting.case.status, waiting.case.waiting_for, waiting.case.waiting_until) == (
        "waiting", "DC Kech", 99)
    longer = await database.write(casework.move(
        case.id, "waiting", AYESHA, 3, "$4", waiting_for="DEO Kech"))
    assert longer.case.waiting_for == "DEO Kech"
    assert not (await database.write(casework.move(case.id, "open", AYESHA, 4, "$5"))
                ).case.waiting_for
    with pytest.raises(casework.Refused, match="same"):
        await database.write(casework.move(case.id, "open", AYESHA, 5, "$6"))
    with pytest.raises(casework.Refused, match="open"):
        await database.write(casework.reopen(case.id, "", AYESHA, 5, "$6"))
    await database.write(casework.move(case.id, "resolved", AYESHA, 6, "$7", text="teacher back"))
    with pytest.raises(casework.Refused, match="closed"):
        await database.write(casework.due(case.id, 9, "tomorrow", AYESHA, 7, "$8"))
    done = await database.write(casework.close(case.id, "", AYESHA, 8, "$9"))
    assert (done.case.resolution, done.case.closed_at) == ("teacher back", 8)
    again = await database.write(casework.reopen(case.id, "absent again", BILAL, 9, "$10"))
    assert (again.case.status, again.case.closed_at) == ("open", None)
    assert [(a.kind, a.before, a.after) for a in again.actions] == [
        ("open", None, "new"), ("assign", None, "DEO"), ("status", "open", "waiting"),
        ("status", "waiting", "waiting"), ("status", "waiting", "open"),
        ("status", "open", "resolved"), ("close", "resolved", "closed"),
        ("reopen", "closed", "open")]


def paper(event_id: str) -> Paper:
    """A message that belongs to something."""
    return Paper(event_id, "@wa_923007001234:office.test", "Jabbar", 5, f"words of {event_id}")


async def test_merging_and_its_undoing(database: Database) -> None:
    first = (await database.write(opening("$1", paper=paper("$a")))).case
    second = (await database.write(opening("$2", paper=paper("$b")))).case
    third = (await database.write(opening("$3", paper=paper("$c")))).case
    await database.write(casework.mark(first.id, "school", ["07086"], AYESHA, 1, "$m"))
    await database.write(casework.merge(first.id, second.id, AYESHA, 2, "$4"))
    whole = await database.write(casework.merge(second.id, third.id, AYESHA, 3, "$5"))
    assert {p.event_id for p in whole.papers} == {"$a", "$b", "$c"}
    assert whole.schools == ("07086",)
    assert [c.number for c in whole.merged] == [first.number, second.number]
    assert (await cases.read_docket(database, first.id)).into.number == second.number
    with pytest.raises(casework.Refused, match="merged"):
        await database.write(casework.close(first.id, "", AYESHA, 4, "$6"))
    for into in (first, second, third):
        with pytest.raises(casework.Refused):
            await database.write(casework.merge(third.id, into.id, AYESHA, 4, "$7"))
    back = await database.write(casework.unmerge(second.id, BILAL, 5, "$8"))
    assert (back.case.status, {p.event_id for p in back.papers}) == ("new", {"$a", "$b"})
    assert {p.event_id for p in (await cases.read_docket(database, third.id)).papers} == {"$c"}
    with pytest.raises(casework.Refused, match="not_merged"):
        await database.write(casework.unmerge(second.id, BILAL, 6, "$9"))


async def test_papers_come_and_go(database: Database) -> None:
    case = (await database.write(opening("$1", paper=paper("$a")))).case
    await database.write(casework.link(case.id, paper("$b"), BILAL, 1, "$2"))
    with pytest.raises(casework.Refused, match="on_file"):
        await database.write(casework.link(case.id, paper("$b"), BILAL, 1, "$3"))
    gone = await database.write(casework.unlink(case.id, "$b", BILAL, 2, "$4"))
    assert [p.event_id for p in gone.papers] == ["$a"]
    with pytest.raises(casework.Refused, match="not_on_file"):
        await database.write(casework.unlink(case.id, "$b", BILAL, 3, "$5"))
    assert len((await database.write(casework.link(
        case.id, paper("$b"), AYESHA, 4, "$6"))).papers) == 2
    new = await database.write(opening("$7", paper=paper("$b")))
    split = await database.write(casework.split(case.id, new, ["$b"], AYESHA, 5, "$8"))
    assert [p.event_id for p in split.papers] == ["$b"]
    assert [p.event_id for p in (await cases.read_docket(database, case.id)).papers] == ["$a"]
    assert [c.id for c in await cases.of_paper(database, "$b")] == [new.case.id]
    assert (await cases.last_touched(database, AYESHA.mxid, ROOM)).id == new.case.id


async def test_lists_by_what_a_case_is_about(database: Database) -> None:
    made = [(await database.write(opening(f"${n}"))).case for n in range(4)]
    ids = [case.id for case in made]
    await database.write(casework.due(ids[0], 50, "", AYESHA, 1, "$d0"))
    await database.write(casework.due(ids[1], 500, "", AYESHA, 1, "$d1"))
    await database.write(casework.assign(ids[1], "DEO (F) سبی", None, AYESHA, 1, "$a1"))
    await database.write(casework.put(ids[2], "district", "Sibi", AYESHA, 1, "$x2"))
    await database.write(casework.mark(ids[3], "tag", ["salary"], AYESHA, 1, "$t3"))
    await database.write(casework.mark(ids[3], "school", ["07086"], AYESHA, 1, "$s3"))
    await database.write(casework.mark(ids[3], "watcher", [BILAL.mxid], BILAL, 1, "$w3"))

    async def found(**wanted) -> list[int]:
        return [case.id for case in (await cases.listing(database, Filter(**wanted)))[0]]

    assert await found(overdue_at=100) == [ids[0]]
    assert await found(due_until=500, order="due") == ids[:2]
    assert await found(post="deo سبي") == [ids[1]]
    assert await found(post="Sibi") == []
    assert await found(district="sibi") == [ids[2]]
    assert await found(tag="salary") == await found(school="07086") == [ids[3]]
    assert await found(watcher=BILAL.mxid) == [ids[3]]
    assert await found(words="sibi") == [ids[2]]
    assert await found(words="07086 salary") == [ids[3]]
    assert await found(words="%") == ids[::-1]
    assert [c.id for c in await cases.about_school(database, "07086", 10**15)] == [ids[3]]
    assert await cases.counts(database, Filter()) == {"new": 3, "open": 1}
