"""Groups and rooms: one for each that is chosen, in the department's space, in step with it."""
from __future__ import annotations

import secrets

import pytest

from archive import directory
from tests.bridge.conftest import BOTH
from tests.bridge.town import BY_NAME, body, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def notice(place, words):
    """The group's notice with these words."""
    return await place.shown(match=lambda e: e["content"].get("msgtype") == "m.notice"
                             and words in body(e))


@BOTH
async def test_a_group_is_one_room_in_the_departments_space(town):
    place = await town.group("DEOs Makran", topic="Daily reports by 2 pm")
    assert (await town.secretary.state(place.room, "m.room.name"))["name"] == "DEOs Makran"
    topic = (await town.secretary.state(place.room, "m.room.topic"))["topic"]
    assert "What you write here goes to the group under your name" in topic
    assert "everything in a thread under a case card stay here" in topic
    assert topic.endswith("Daily reports by 2 pm")
    state = await town.secretary.call("GET", f"/v3/rooms/{place.room}/state")
    [parent] = [e for e in state if e["type"] == "m.space.parent"]
    space = parent["state_key"]
    assert parent["content"]["canonical"] is True
    await town.secretary.call("POST", f"/v3/join/{space}", {})
    child = await town.secretary.state(space, "m.space.child", place.room)
    assert child["via"] == ["daftar.localhost"]
    assert (await town.secretary.state(space, "m.room.create"))["type"] == "m.space"
    assert (await town.secretary.state(space, "m.room.name"))["name"] == "Department groups"
    power = await town.secretary.state(place.room, "m.room.power_levels")
    assert power["users"][town.admin.id] == 90 and power["users_default"] == 0


async def test_each_group_has_a_room_of_its_own_also_before_anybody_speaks(town):
    first, second = await town.group("One name"), await town.group("One name")
    assert first.room != second.room
    await first.phones[0].send_text(first.group, "in the first")
    await first.shown(text="in the first")
    assert not [e for e in await second.events() if e["type"] == "m.room.message"]


async def test_a_renamed_group_is_a_renamed_room(town):
    place = await town.group("Old name")
    await town.emulator.rename_group(place.group, "New \u202ename\n", place.phones[0])
    await notice(place, "The group is now called “New name”.")
    async def renamed():
        return (await town.secretary.state(place.room, "m.room.name"))["name"] == "New name"

    await until(renamed)
    await place.phones[0].send_text(place.group, "same room")
    await place.shown(text="same room")
    assert (await place.chat()).name == "New name"


@BOTH
async def test_who_comes_goes_and_rises_is_said(town):
    place = await town.group()
    noor = await town.phone("Noor")
    await town.emulator.add_members(place.group, [noor])
    await notice(place, " joined.")
    await noor.send_text(place.group, "Salam")
    await place.shown(text="Salam")
    await town.emulator.set_role(place.group, noor, "admin")
    await notice(place, "Noor is now an admin.")
    await town.emulator.set_role(place.group, noor, "member")
    await notice(place, "Noor is no longer an admin.")
    await town.emulator.remove_members(place.group, [noor])
    await notice(place, "Noor left.")
    chat = await place.chat()

    async def gone():
        members = await directory.members(town.db, chat.id)
        return noor.number not in {member.person.pn for member in members}

    await until(gone)


@BOTH
async def test_a_group_that_was_not_chosen_leaves_no_trace(town):
    place = await town.group("Family", jid=f"120363{secrets.randbelow(10**12):012d}@g.us",
                             enter=False)
    sent = await place.phones[0].send_text(place.group, "a private word")
    await town.emulator.add_members(place.group, [await town.phone("Aunt")])
    chosen = await town.group()
    await chosen.phones[0].send_text(chosen.group, "an official word")
    await chosen.shown(text="an official word")
    assert await town.emulator.idle(20)
    assert await place.chat() is None
    for table, column in (("record", "source_id"), ("record", "text"), ("queue", "payload")):
        rows = await town.db.read(f"SELECT {column} AS found FROM {table} WHERE {column} LIKE ?",
                                  "%private word%" if column != "source_id" else sent.id)
        assert not rows
    answer = await town.ask("!wa groups")
    assert f"Family: 3 members, not mirrored ({place.group.jid})" in answer or (
        f"Family: 4 members, not mirrored ({place.group.jid})" in answer)
    assert f"{chosen.group.name}: 3 members, mirrored ({chosen.group.jid})" in answer


async def test_a_group_chosen_by_name_stays_chosen_when_it_is_renamed(town):
    place = await town.group("Some other name", jid=f"120363{secrets.randbelow(10**12):012d}@g.us",
                             enter=False)
    await place.phones[0].send_text(place.group, "not yet")
    other = await town.group()
    await other.phones[0].send_text(other.group, "meanwhile")
    await other.shown(text="meanwhile")
    await town.emulator.rename_group(place.group, BY_NAME)
    await place.phones[0].send_text(place.group, "from now on")
    await place.enter()
    await place.shown(text="from now on")
    await town.emulator.rename_group(place.group, "Renamed again")
    await notice(place, "Renamed again")
    part = town.office.parts["bridge"]
    await part.stop()
    town.office.start_part("bridge")
    await place.phones[0].send_text(place.group, "still chosen")
    await place.shown(text="still chosen")
    assert not [e for e in await place.events() if body(e) == "not yet"]


async def test_a_group_with_numbers_for_addresses_is_like_any_other(town):
    place = await town.group(addressing="pn")
    sent = await place.phones[0].send_text(place.group, "by number")
    event = await place.shown(text="by number")
    assert event["sender"] == f"@wa_{place.phones[0].number}:daftar.localhost"
    await town.secretary.say(place.room, "answer", reply_to=event["event_id"])
    assert (await place.seen(lambda seen: seen.from_device)).quoted_id == sent.id
