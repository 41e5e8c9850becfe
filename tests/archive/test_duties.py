"""What the clock has to tell, on SQLite and on PostgreSQL."""
from __future__ import annotations

from archive import botbooks, casework, directory, duties, messages, settings, suggested
from archive.botbooks import SeenEvent
from archive.cases import Actor, Case, Paper
from archive.db import Database
from archive.model import NewRecord, Sender
from archive.suggested import Suggestion

AYESHA = Actor("@ayesha:office.test", "Ayesha Khan")
BILAL = Actor("@bilal:office.test", "Bilal Baloch")
ROOM = "!room:office.test"


async def case_of(db: Database, name: str, holder: Actor | None = None, *, due: int | None = None,
                  paper: Paper | None = None) -> Case:
    case = (await db.write(casework.open_case(
        department="SED", year=2026, title=name, text="", room_id=ROOM, actor=AYESHA, at=10,
        event_id=f"${name}", card_txn=f"{name}.card", papers=[paper] if paper else []))).case
    if holder:
        await db.write(casework.assign(case.id, holder.name, holder.mxid, AYESHA, 11, f"${name}1"))
    if due:
        await db.write(casework.due(case.id, due, "", AYESHA, 12, f"${name}2"))
    return case


async def test_once(database: Database) -> None:
    assert await database.write(duties.once("digest 2026-11-24 @a:b", 1))
    assert not await database.write(duties.once("digest 2026-11-24 @a:b", 2))
    assert await duties.told(database, "digest 2026-11-24 ") == {"digest 2026-11-24 @a:b"}
    assert await duties.told(database, "digest 2026-11-25 ") == set()
    await database.write(settings.put("bot.digest @a:b", "off"))
    await database.write(settings.put("bot.digest.mark @a:b", "7"))
    assert await settings.named(database, "bot.digest ") == {"@a:b": "off"}


async def test_late_cases(database: Database) -> None:
    first = await case_of(database, "a", due=100)
    second = await case_of(database, "b")
    await database.write(casework.move(
        second.id, "waiting", AYESHA, 13, "$w", waiting_for="DC", waiting_until=150))
    await case_of(database, "c", due=300)
    closed = await case_of(database, "d", due=50)
    await database.write(casework.close(closed.id, "", AYESHA, 20, "$x"))
    assert await duties.late(database, 100) == []
    late = await duties.late(database, 200)
    assert [(each.case_id, each.kind, each.until) for each in late] == [
        (first.id, "overdue", 100), (second.id, "waiting", 150)]
    for each in late:
        await database.write(duties.once(each.key, 200))
    assert await duties.late(database, 200) == []
    await database.write(casework.due(first.id, 190, "", AYESHA, 14, "$n"))
    assert [each.until for each in await duties.late(database, 200)] == [190]


async def test_whose_and_what_changed(database: Database) -> None:
    first = await case_of(database, "a", AYESHA)
    await case_of(database, "b")
    await database.write(casework.mark(first.id, "watcher", [BILAL.mxid], BILAL, 13, "$w"))
    assert await duties.people(database) == [AYESHA.mxid, BILAL.mxid]
    assert await duties.rooms_of(database, BILAL.mxid) == [ROOM]
    assert await duties.rooms(database) == [(ROOM, 10)]
    assert await duties.by_holder(database, ROOM) == [("", 1), ("Ayesha Khan", 1)]
    start = await duties.last_action(database)
    await database.write(casework.note(first.id, "mine", BILAL, 14, "$1"))
    assert await duties.watched(
        database, BILAL.mxid, start, await duties.last_action(database)) == []
    await database.write(casework.note(first.id, "one", AYESHA, 15, "$2"))
    await database.write(casework.note(first.id, "two", AYESHA, 16, "$3"))
    upto = await duties.last_action(database)
    await database.write(casework.note(first.id, "later", AYESHA, 17, "$4"))
    [(case_id, action)] = await duties.watched(database, BILAL.mxid, start, upto)
    assert (case_id, action.text, action.actor) == (first.id, "two", AYESHA)


async def test_suggestions_are_read_and_asked_once(database: Database) -> None:
    def said(event_id: str) -> SeenEvent:
        return SeenEvent(event_id, ROOM, "@x:y", "m.room.message", 1, "{}", "seen")
    await database.write(botbooks.record("t", "1", [said("$old")]))
    cursor, events = await suggested.unread(database)
    assert (cursor, events) == (1, [])
    await database.write(suggested.keep(cursor, [], 5))
    await database.write(botbooks.record("t", "2", [said("$a"), said("$b"), said("$c")]))
    cursor, events = await suggested.unread(database, 2)
    assert [event.event_id for event in events] == ["$a", "$b"]
    case = await case_of(database, "a")
    found = [Suggestion("$a", ROOM, case.id, "why", 7), Suggestion("$b", ROOM, case.id, "why", 7),
             Suggestion("$c", ROOM, case.id, "why")]
    await database.write(suggested.keep(cursor, found, 6))
    await database.write(suggested.keep(cursor, found, 6))
    waiting = await suggested.waiting(database)
    assert [each.event_id for each in waiting] == ["$a", "$c"]  # $b is of the same record as $a
    assert await database.write(suggested.asked(["$a"], "q1", 100))
    assert not await database.write(suggested.asked(["$a", "$c"], "q2", 100))
    assert [each.event_id for each in await suggested.waiting(database)] == ["$c"]
    assert await database.write(suggested.asked(["$c"], "", 100))  # nothing to ask any more
    assert await suggested.asked_since(database, case.id, 99) == 1
    assert await suggested.asked_since(database, case.id, 100) == 0
    assert await suggested.waiting(database) == []


async def test_papers_of_one_thread(database: Database) -> None:
    chat = await database.write(directory.ensure_chat("1@g.us", "DEOs", "", 1))

    async def record(source: str, quoted: str | None = None) -> int:
        record_id, _ = await database.write(messages.add(NewRecord(
            chat.id, "text", "whatsapp", source, Sender(pn="923007001234"), 1_000, 1_000,
            text="x", target_source_id=quoted)))
        await database.write(messages.link_event(f"${source}", ROOM, record_id))
        return record_id
    root = await record("A")
    reply = await record("B", "A")
    lone = await record("C")
    case = await case_of(database, "case", paper=Paper("$B", "@x:y", "X", 1, "x"))
    last = await record("D", "B")
    for events, record_id in ((["$B"], None), (["$A"], None), (["$zzz"], last), (["$zzz"], root)):
        assert await suggested.of_papers(database, events, record_id) == [case.id]
    assert await suggested.of_papers(database, ["$C"], lone) == []
    assert await suggested.on_file(database, "$zzz", reply)
    assert not await suggested.on_file(database, "$zzz", last)
    await database.write(casework.mark(case.id, "school", ["07086"], AYESHA, 5, "$s"))
    assert await suggested.of_schools(database, ["07086", "02469"]) == [case.id]
