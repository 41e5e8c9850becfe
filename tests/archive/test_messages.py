"""Records: once, in order, with their targets, whatever order things arrive in."""
from __future__ import annotations

import asyncio
import dataclasses
import sqlite3

import asyncpg
import pytest

from archive import directory, ids, media, messages, queue, search
from archive.db import Database, open_database
from archive.model import NewRecord, Sender

AT = 1_790_000_000_000
SANA = Sender(pn="923007000001", lid="11100001", push_name="Sana Baloch")
NAZIA = Sender(pn="923007000002", lid="11100002", push_name="Nazia Kakar")


async def group(db: Database, jid: str = "120363001@g.us") -> int:
    return (await db.write(directory.ensure_chat(jid, "DEOs", "", AT))).id


def new(chat_id: int, source_id: str, text: str = "hello", **more) -> NewRecord:
    record = NewRecord(chat_id=chat_id, kind="text", origin="whatsapp", source_id=source_id,
                       sender=SANA, sent_at=AT, received_at=AT + 5, text=text)
    return dataclasses.replace(record, **more)


async def add(db: Database, *args, **more) -> int:
    record_id, _ = await db.write(messages.add(new(*args, **more)))
    return record_id


async def test_message_is_read_back_as_written(database):
    chat_id = await group(database)
    record_id, is_new = await database.write(
        messages.add(new(chat_id, "A1", "salam", raw=b"\x00\xff")))
    record = await messages.get(database, record_id)
    assert is_new
    assert (record.text, record.sender_name, record.sent_at) == ("salam", "Sana Baloch", AT)
    assert (record.received_at, record.internal, record.media) == (AT + 5, False, None)
    assert await messages.raw(database, record_id) == b"\x00\xff"
    assert await messages.by_source(database, chat_id, "A1") == record
    assert await messages.get(database, 1) is None


async def test_same_message_again_changes_nothing(database):
    chat_id = await group(database)
    first = await database.write(messages.add(new(chat_id, "A1", "salam")))
    again = await database.write(messages.add(new(chat_id, "A1", "other words", sent_at=AT + 9000)))
    assert first == (again[0], True)
    assert again == (first[0], False)
    assert [r.text for r in await messages.page(database, chat_id)] == ["salam"]
    assert await search.find(database, "other words") == []
    assert len(await search.find(database, "salam")) == 1


async def test_same_id_in_another_group_is_another_message(database):
    one, two = await group(database), await group(database, "120363002@g.us")
    assert await add(database, one, "A1") != await add(database, two, "A1")


async def test_concurrent_repeats_are_written_once(database):
    chat_id = await group(database)
    results = await asyncio.gather(*(
        database.write(messages.add(new(chat_id, f"A{n % 20}"))) for n in range(200)))
    assert sum(is_new for _, is_new in results) == 20
    assert len({record_id for record_id, _ in results}) == 20


async def test_two_processes_write_the_same_second(database, database_url):
    chat_id = await group(database)
    other = await open_database(database_url)
    try:
        results = await asyncio.gather(*(
            db.write(messages.add(new(chat_id, f"{name}{n}", sender=None)))
            for n in range(60) for name, db in (("same", database), ("same", other),
                                               ("left", database), ("right", other))))
    finally:
        await other.close()
    assert sum(is_new for _, is_new in results) == 180
    assert len(await messages.page(database, chat_id, limit=500)) == 180


async def test_messages_of_one_second_keep_their_order(database):
    chat_id = await group(database)
    for n in range(30):
        await add(database, chat_id, f"A{n}", str(n), sent_at=AT + (n * 7) % 1000)
    page = await messages.page(database, chat_id)
    assert [r.text for r in page] == [str(n) for n in range(30)]
    assert {ids.record_second(r.id) for r in page} == {AT // 1000}


async def test_imported_history_sorts_into_its_place(database):
    chat_id = await group(database)
    await add(database, chat_id, "A2", "today")
    await add(database, chat_id, "A1", "last year", sent_at=AT - 31_536_000_000, origin="import")
    assert [r.text for r in await messages.page(database, chat_id)] == ["last year", "today"]


async def test_impossible_times_are_stored(database):
    chat_id = await group(database)
    for number, at in enumerate((-5, 0, 2**62)):
        record_id = await add(database, chat_id, f"A{number}", sent_at=at)
        assert (await messages.get(database, record_id)).sent_at == at
        assert 0 <= record_id < ids.MAX_RECORD_ID


async def test_pages_go_back_and_forward(database):
    chat_id = await group(database)
    for n in range(10):
        await add(database, chat_id, f"A{n}", str(n), sent_at=AT + n * 1000)
    last = await messages.page(database, chat_id, limit=3)
    assert [r.text for r in last] == ["7", "8", "9"]
    before = await messages.page(database, chat_id, before=last[0].id, limit=3)
    assert [r.text for r in before] == ["4", "5", "6"]
    after = await messages.page(database, chat_id, after=before[-1].id, limit=2)
    assert [r.text for r in after] == ["7", "8"]


async def test_quotes_make_a_thread(database):
    chat_id = await group(database)
    first = await add(database, chat_id, "A1", "Where is the report?")
    second = await add(database, chat_id, "A2", "Tomorrow", target_source_id="A1", sender=NAZIA)
    third = await add(database, chat_id, "A3", "Noted", target_source_id="A2")
    assert [r.id for r in await messages.thread(database, first)] == [first, second, third]
    record = await messages.get(database, third)
    assert (record.target_id, record.root_id) == (second, first)


async def test_quote_of_an_edit_means_the_message(database):
    chat_id = await group(database)
    first = await add(database, chat_id, "A1")
    await add(database, chat_id, "E1", kind="edit", target_source_id="A1")
    reply = await messages.get(
        database, await add(database, chat_id, "A2", target_source_id="E1"))
    assert (reply.target_id, reply.root_id) == (first, first)


async def test_reply_that_comes_before_its_target(database):
    chat_id = await group(database)
    second = await add(database, chat_id, "A2", "answer", target_source_id="A1", sent_at=AT + 1000)
    third = await add(database, chat_id, "A3", "thanks", target_source_id="A2", sent_at=AT + 2000)
    assert (await messages.get(database, third)).root_id == second
    first = await add(database, chat_id, "A1", "question")
    found = [await messages.get(database, i) for i in (first, second, third)]
    assert [r.target_id for r in found] == [None, first, second]
    assert [r.root_id for r in found] == [None, first, first]


async def test_edit_that_comes_before_its_message(database):
    chat_id = await group(database)
    await add(database, chat_id, "E1", "36 schools", kind="edit", target_source_id="A1")
    record_id = await add(database, chat_id, "A1", "63 schools")
    assert await messages.current_text(database, record_id) == "36 schools"
    assert [h.record.id for h in await search.find(database, "36")] == [record_id]


async def test_messages_that_quote_each_other_or_themselves(database):
    chat_id = await group(database)
    own = await add(database, chat_id, "S", target_source_id="S")
    one = await add(database, chat_id, "A", target_source_id="B")
    two = await add(database, chat_id, "B", target_source_id="A")
    assert (await messages.get(database, own)).root_id is None
    assert (await messages.get(database, one)).root_id is None
    assert (await messages.get(database, two)).root_id == one


async def test_quote_of_a_message_that_we_sent(database):
    chat_id = await group(database)
    ours = await add(database, chat_id, "$event", origin="matrix",
                     sender=Sender(mxid="@so:example.org"))
    early = await add(database, chat_id, "A1", target_source_id="3EB0OURS")
    assert await messages.whatsapp_id(database, ours) is None
    await database.write(messages.link_whatsapp(chat_id, "3EB0OURS", ours))
    late = await add(database, chat_id, "A2", target_source_id="3EB0OURS")
    assert await messages.whatsapp_id(database, ours) == "3EB0OURS"
    assert [(await messages.get(database, i)).root_id for i in (early, late)] == [ours, ours]
    assert (await messages.by_whatsapp(database, chat_id, "3EB0OURS")).id == ours


async def test_matrix_reply_to_a_mirrored_message(database):
    chat_id = await group(database)
    first = await add(database, chat_id, "A1")
    await database.write(messages.link_event("$one", "!room", first, 1))
    await database.write(messages.link_event("$zero", "!room", first, 0))
    await database.write(messages.link_event("$zero", "!room", first, 0))
    reply = await add(database, chat_id, "$reply", origin="matrix", target_source_id="$one",
                      sender=Sender(mxid="@so:example.org"))
    assert (await messages.get(database, reply)).target_id == first
    assert await messages.events_of(database, first) == [("$zero", 0), ("$one", 1)]
    assert (await messages.by_event(database, "$one")).id == first
    assert await messages.by_event(database, "$none") is None
    assert await messages.whatsapp_id(database, first) == "A1"


async def test_history_keeps_every_version(database):
    chat_id = await group(database)
    record_id = await add(database, chat_id, "A1", "63 schools")
    await add(database, chat_id, "E1", "36 schools", kind="edit", target_source_id="A1")
    await add(database, chat_id, "R1", "👍", kind="reaction", target_source_id="A1", sender=NAZIA)
    await add(database, chat_id, "E2", "forged", kind="edit", target_source_id="A1", sender=NAZIA)
    await add(database, chat_id, "D1", "", kind="deletion", target_source_id="A1")
    kinds = [r.kind for r in await messages.history(database, record_id)]
    assert kinds == ["edit", "edit", "deletion"]
    assert await messages.current_text(database, record_id) == "36 schools"
    assert (await messages.get(database, record_id)).text == "63 schools"
    assert len((await messages.histories(database, [record_id]))[record_id]) == 4
    assert [r.id for r in await messages.page(database, chat_id)] == [record_id]


async def test_nul_and_lone_surrogates_in_every_text_field(database):
    chat_id = await group(database)
    bad = "a\x00b\ud83dc"
    record_id = await add(
        database, chat_id, bad, bad, target_source_id=bad + "x", media_name=bad, media_mime=bad,
        detail=bad, raw=bad.encode("utf-8", "surrogatepass"),
        sender=Sender(lid="555\x00", push_name=bad))
    record = await messages.get(database, record_id)
    assert record.text == "a\ufffdb\ufffdc"
    assert await messages.raw(database, record_id) == bad.encode("utf-8", "surrogatepass")
    assert (await database.write(messages.add(new(chat_id, bad))))[1] is False


async def test_five_megabytes_of_text(database):
    chat_id = await group(database)
    text = "پہلا لفظ " + " ".join(f"w{n}" for n in range(600_000)) + "x" * 1_000_000
    assert len(text) > 5_000_000
    record_id = await add(database, chat_id, "A1", text)
    assert (await messages.get(database, record_id)).text == text
    hits = await search.find(database, "لفظ w77")
    assert [h.record.id for h in hits] == [record_id]
    assert len(hits[0].snippet) < 400


@pytest.mark.parametrize("text", [
    "".join(chr(0x5000 + n) for n in range(20_000)) * 5, "́" * 100_000, "غ ظ " * 25_000,
    " ".join(chr(0x20000 + n) for n in range(40_000)), "a" * 5000, "'\\:*&|!<->()\"" * 1000,
    " ".join("غ" * (n % 64) + str(n) for n in range(3000)),
])
async def test_odd_texts_are_stored(database, text):
    chat_id = await group(database)
    record_id = await add(database, chat_id, "A1", text)
    assert (await messages.get(database, record_id)).text == text


async def test_media_is_filled_in_once(database):
    chat_id = await group(database)
    record_id = await add(database, chat_id, "A1", kind="document", media_name="list.pdf",
                          media_mime="application/pdf")
    await database.write(media.add("ab" * 32, "application/octet-stream", 1234, AT))
    await database.write(messages.set_media(record_id, "ab" * 32))
    await database.write(messages.set_media(record_id, "cd" * 32))
    found = (await messages.get(database, record_id)).media
    assert (found.sha256, found.mime, found.name, found.size) == (
        "ab" * 32, "application/pdf", "list.pdf", 1234)


async def test_nonsense_is_refused_and_leaves_nothing(database):
    chat_id = await group(database)
    for record in (new(chat_id, "A", kind="telegram"), new(chat_id, ""),
                   new(chat_id, "B", sender=Sender())):
        with pytest.raises(ValueError):
            await database.write(messages.add(record))
    with pytest.raises((sqlite3.IntegrityError, asyncpg.ForeignKeyViolationError)):
        await database.write(messages.add(new(999, "C")))
    assert (await messages.stats(database))["records"] == 0


async def test_stats(database):
    chat_id = await group(database)
    await add(database, chat_id, "A1")
    await add(database, chat_id, "R1", "👍", kind="reaction", target_source_id="A1")
    stats = await messages.stats(database)
    assert stats == {"records": 2, "messages": 1, "chats": 1, "persons": 1, "gaps": 0, "files": 0,
                     "last_received_at": AT + 5}


async def test_a_text_message_is_at_most_eight_statements(database):
    chat_id = await group(database)
    await add(database, chat_id, "A0")

    def store():
        record_id, _ = yield from messages.add(new(chat_id, "A1", "please submit", sent_at=AT + 1))
        yield from queue.put(f"in:{chat_id}", f"in:{record_id}", "record", record_id=record_id)

    def counted(unit):
        count, answer = 0, None
        while True:
            try:
                statement = unit.send(answer)
            except StopIteration:
                return count
            count, answer = count + 1, (yield statement)

    assert await database.write(counted(store())) <= 8
