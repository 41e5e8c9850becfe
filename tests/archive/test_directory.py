"""People and groups: one person behind every address, however it becomes known."""
from __future__ import annotations

import asyncio

import pytest

from archive import directory, messages, names
from archive.db import open_database
from archive.model import NewRecord, Sender

AT = 1_790_000_000_000
HOUR = 3_600_000


async def group(db, jid="120363001@g.us"):
    return (await db.write(directory.ensure_chat(jid, "DEOs", "", AT))).id


async def seen(db, at=AT, **sender) -> int:
    return await db.write(directory.ensure(Sender(**sender), at))


async def say(db, chat_id, source_id, **sender) -> int:
    record_id, _ = await db.write(messages.add(NewRecord(
        chat_id, "text", "whatsapp", source_id, Sender(**sender), AT, AT, "hello")))
    return record_id


async def test_one_person_by_every_address(database):
    person_id = await seen(database, pn="923007000001", lid="111", push_name="Sana")
    assert await seen(database, lid="111") == person_id
    assert await seen(database, pn="923007000001") == person_id
    person = await directory.person(database, person_id)
    assert (person.name, person.pn, person.lid) == ("Sana", "923007000001", "111")
    assert await directory.find(database, "lid", "111") == person
    assert await directory.find(database, "lid", "112") is None
    assert await directory.person(database, 999) is None


async def test_lid_becomes_known_later(database):
    person_id = await seen(database, pn="923007000001")
    assert (await directory.person(database, person_id)).name == "+923007000001"
    assert await seen(database, pn="923007000001", lid="111") == person_id
    assert (await directory.find(database, "lid", "111")).id == person_id


async def test_number_becomes_known_later_and_is_the_name(database):
    person_id = await seen(database, lid="111")
    assert (await directory.person(database, person_id)).name == "LID 111"
    await seen(database, pn="923007000001", lid="111")
    assert (await directory.person(database, person_id)).name == "+923007000001"


async def test_two_persons_turn_out_to_be_one(database):
    chat_id = await group(database)
    await database.write(directory.set_members(
        chat_id, [(Sender(pn="923007000001"), "member"), (Sender(lid="111"), "admin")], AT))
    one = await say(database, chat_id, "A1", pn="923007000001", push_name="Sana")
    two = await say(database, chat_id, "A2", lid="111", push_name="S. Baloch")
    older = (await messages.get(database, one)).sender_id
    assert older != (await messages.get(database, two)).sender_id
    assert await seen(database, AT + HOUR, pn="923007000001", lid="111") == older
    assert {(await messages.get(database, i)).sender_id for i in (one, two)} == {older}
    assert {n.value for n in await names.of_person(database, older)} == {"Sana", "S. Baloch"}
    assert [m.person.id for m in await directory.members(database, chat_id)] == [older]


async def test_the_person_with_a_ghost_stays(database):
    chat_id = await group(database)
    await seen(database, pn="923007000001")
    with_ghost = await seen(database, lid="111")
    await database.write(directory.set_ghost(with_ghost, "@wa_lid_111:example.org"))
    await database.write(directory.mark_joined(chat_id, with_ghost, AT))
    assert await seen(database, pn="923007000001", lid="111") == with_ghost
    assert await directory.joined(database, chat_id) == {with_ghost}


async def test_a_second_ghost_is_not_forgotten(database):
    chat_id = await group(database)
    older, newer = await seen(database, pn="923007000001"), await seen(database, lid="111")
    await database.write(directory.set_ghost(older, "@wa_1:example.org"))
    await database.write(directory.set_ghost(newer, "@wa_lid_111:example.org"))
    await database.write(directory.mark_joined(chat_id, newer, AT))
    assert await seen(database, pn="923007000001", lid="111") == older
    for ghost in ("@wa_1:example.org", "@wa_lid_111:example.org"):
        assert (await directory.find(database, "ghost", ghost)).id == older
    assert await directory.joined(database, chat_id) == set()  # its own ghost is not in the room


async def test_three_persons_turn_out_to_be_one(database):
    found = [await seen(database, pn="923007000001"), await seen(database, lid="111"),
             await seen(database, mxid="@sana:example.org")]
    assert await seen(database, pn="923007000001", lid="111", mxid="@sana:example.org") == found[0]
    assert (await directory.find(database, "mxid", "@sana:example.org")).id == found[0]


async def test_names_are_kept_with_their_days(database):
    person_id = await seen(database, AT, lid="111", push_name="Sana")
    await seen(database, AT + 10 * HOUR, lid="111", push_name="DEO Sibi")
    await seen(database, AT + 20 * HOUR, lid="111", push_name="DEO Sibi")
    known = await names.of_person(database, person_id)
    assert [(n.value, n.first_seen, n.last_seen) for n in known] == [
        ("DEO Sibi", AT + 10 * HOUR, AT + 20 * HOUR), ("Sana", AT, AT)]
    assert (await directory.person(database, person_id)).name == "DEO Sibi"


async def test_a_name_that_comes_back_within_the_hour_counts_again(database):
    for minutes, name in ((0, "Sana"), (10, "DEO Sibi"), (20, "Sana")):
        person_id = await seen(database, AT + minutes * 60_000, lid="111", push_name=name)
    assert (await directory.person(database, person_id)).name == "Sana"


async def test_an_old_name_from_imported_history_does_not_rename(database):
    person_id = await seen(database, AT, lid="111", push_name="Sana")
    await seen(database, AT - 1000 * HOUR, lid="111", push_name="Teacher")
    assert (await directory.person(database, person_id)).name == "Sana"


async def test_contact_name_beats_push_name(database):
    person_id = await seen(database, lid="111", push_name="😎")
    await database.write(names.add(person_id, "contact", "DEO Sibi", AT))
    await seen(database, AT + 5 * HOUR, lid="111", push_name="🌹")
    assert (await directory.person(database, person_id)).name == "DEO Sibi"


async def test_staff_without_a_name_are_called_by_their_localpart(database):
    person_id = await seen(database, mxid="@so.general:example.org")
    assert (await directory.person(database, person_id)).name == "so.general"


@pytest.mark.parametrize(("given", "shown"), [
    ("Sana\u202e gnp.exe", "Sana gnp.exe"),
    ("\u2067Sana\u2069\x07\x9b", "Sana"),
    ("Sana\r\n@room  DEO", "Sana @room DEO"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("👩\u200d🏫 Sana", "👩\u200d🏫 Sana"),
    ("\u202e\x00\u200d", "+923007000001"),
    ("   ", "+923007000001"),
    ("x" * 5000, "x" * 200),
])
async def test_names_are_made_harmless(database, given, shown):
    person_id = await seen(database, pn="923007000001", push_name=given)
    assert (await directory.person(database, person_id)).name == shown


async def test_sender_without_address_is_refused(database):
    with pytest.raises(ValueError, match="phone number"):
        await seen(database, push_name="Nobody")


async def test_two_processes_meet_the_same_person(database, database_url):
    other = await open_database(database_url)
    try:
        found = await asyncio.gather(*(
            seen(db, pn=f"92300700{n % 10:04}", lid=f"{n % 10:04}", push_name="Sana")
            for n in range(100) for db in (database, other)))
    finally:
        await other.close()
    assert len(set(found)) == 10
    rows = await database.read("SELECT count(*) AS n FROM person")
    assert rows[0]["n"] == 10


async def test_members_come_and_go(database):
    chat_id = await group(database)
    sana, nazia = Sender(lid="111", push_name="Sana"), Sender(lid="222", push_name="Nazia")
    came, went = await database.write(
        directory.set_members(chat_id, [(sana, "admin"), (nazia, "member")], AT))
    assert (len(came), went) == (2, [])
    await database.write(directory.mark_joined(chat_id, came[0], AT))
    came_next, went = await database.write(
        directory.set_members(chat_id, [(sana, "member")], AT))
    assert (came_next, went) == ([], [came[1]])
    members = await directory.members(database, chat_id)
    assert [(m.person.name, m.role, m.joined_room) for m in members] == [("Sana", "member", AT)]


async def test_ghost_joins_before_the_member_list_is_known(database):
    chat_id, person_id = await group(database), await seen(database, lid="111")
    await database.write(directory.mark_joined(chat_id, person_id, AT))
    assert await directory.joined(database, chat_id) == {person_id}


async def test_ghost_profile(database):
    person_id = await seen(database, lid="111")
    assert await directory.ghost_profile(database, person_id) is None
    await database.write(directory.set_ghost_profile(person_id, "Sana|abc"))
    assert await directory.ghost_profile(database, person_id) == "Sana|abc"


async def test_chat_is_made_once_and_renamed(database):
    made = await database.write(directory.ensure_chat("1@g.us", "DEOs\u202e", "Topic\n2", AT))
    assert (made.name, made.topic, made.room_id) == ("DEOs", "Topic\n2", None)
    same = await database.write(directory.ensure_chat("1@g.us", "", "", AT + 1))
    assert same == made
    renamed = await database.write(directory.ensure_chat("1@g.us", "DEOs Balochistan", "", AT + 1))
    assert (renamed.id, renamed.name, renamed.topic) == (made.id, "DEOs Balochistan", "Topic\n2")
    await database.write(directory.set_room(made.id, "!room:example.org"))
    await database.write(directory.set_chat_avatar(made.id, "ab" * 32))
    chat = await directory.chat(database, made.id)
    assert (chat.room_id, chat.avatar) == ("!room:example.org", "ab" * 32)
    assert await directory.chat_by_jid(database, "1@g.us") == chat
    assert await directory.chat_by_room(database, "!room:example.org") == chat
    assert await directory.chats(database) == [chat]
    assert await directory.chat_by_room(database, "!other:example.org") is None
