"""Choosing groups by hand: `!wa groups`, `!wa bridge`, `!wa unbridge`, and spaces by rule."""
from __future__ import annotations

import secrets
import sqlite3
from urllib.parse import quote

import pytest

from tests.bridge.conftest import BOTH
from tests.bridge.town import BY_NAME, PATIENCE, RULED, Town, body, reply_target, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def stranger() -> str:
    """A group's JID that the configuration does not choose."""
    return f"120363{secrets.randbelow(10**12):012d}@g.us"


async def notice(place, words):
    """The group's notice with these words."""
    return await place.shown(match=lambda e: e["content"].get("msgtype") == "m.notice"
                             and words in body(e))


@BOTH
async def test_a_group_that_was_not_chosen_leaves_no_trace(town):
    place = await town.group("Family", jid=stranger(), enter=False)
    sent = await place.phones[0].send_text(place.group, "a private word")
    await town.emulator.add_members(place.group, [await town.phone("Aunt")])
    town.emulator.change.set_picture(place.group, b"a private picture")
    chosen = await town.group()
    await chosen.phones[0].send_text(chosen.group, "an official word")
    await chosen.shown(text="an official word")
    assert await town.emulator.idle(PATIENCE)
    assert await place.chat() is None
    for table, column in (("record", "source_id"), ("record", "text"), ("queue", "payload")):
        rows = await town.db.read(f"SELECT {column} AS found FROM {table} WHERE {column} LIKE ?",
                                  "%private word%" if column != "source_id" else sent.id)
        assert not rows
    config = town.office.config

    async def forgotten():
        path = config.data / "links" / config.whatsapp.name / "journal.sqlite"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as journal:
            bodies = [row[0] for row in journal.execute("SELECT body FROM entry")]
        return not any(b"a private word" in entry for entry in bodies)

    await until(forgotten)
    answer = await town.ask("!wa groups")
    assert f". Family: 4 members, not bridged ({place.group.jid})" in answer
    assert f". {chosen.group.name}: 3 members, bridged ({chosen.group.jid})" in answer


async def test_a_group_chosen_by_name_stays_chosen_when_it_is_renamed(town):
    place = await town.group("Some other name", jid=stranger(), enter=False)
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


@BOTH
async def test_an_admin_bridges_and_unbridges_by_number_and_by_name(town):
    place = await town.group(f"Chosen by hand {secrets.token_hex(3)}", jid=stranger(), enter=False)
    await place.phones[0].send_text(place.group, "before it was chosen")
    answer = await town.ask("!wa groups")
    line = next(line for line in answer.splitlines() if place.group.jid in line)
    number = line.partition(".")[0]
    assert "not bridged" in line
    answer = await town.ask(f"!wa bridge {number}")
    assert answer.startswith(f"“{place.group.name}” is bridged from now on.")
    await place.enter()
    await place.phones[0].send_text(place.group, "after it was chosen")
    await place.shown(text="after it was chosen")
    assert "is bridged already, in https://matrix.to/#/" in await town.ask(f"!wa bridge {number}")
    answer = await town.ask(f"!wa unbridge {place.group.name}")
    assert "is not bridged any more" in answer
    await notice(place, "This group is not bridged any more")
    await place.phones[0].send_text(place.group, "an unheard word")
    event = await town.officer.say(place.room, "does this leave?")
    await place.notice(event, "the group is not bridged any more")
    assert "not bridged" in await town.ask(f"!wa unbridge {place.group.jid}")
    assert "is bridged from now on" in await town.ask(f"!wa bridge {place.group.name}")
    await place.phones[0].send_text(place.group, "heard again")
    await place.shown(text="heard again")
    words = {body(event) for event in await place.events()}
    assert not words & {"before it was chosen", "an unheard word"}
    rows = await town.db.read("SELECT id FROM record WHERE text IN (?, ?)",
                              "before it was chosen", "an unheard word")
    assert not rows


async def test_what_cannot_be_chosen_is_answered(town):
    first = await town.group("Twin", jid=stranger(), enter=False)
    second = await town.group("Twin", jid=stranger(), enter=False)
    answer = await town.ask("!wa bridge Twin")
    assert "Several groups fit" in answer
    assert first.group.jid in answer and second.group.jid in answer
    assert "sees no group 'Nowhere at all'" in await town.ask("!wa bridge Nowhere at all")
    assert "There is no number 99999 in the list" in await town.ask("!wa bridge 99999")
    assert "Say which group" in await town.ask("!wa bridge")
    assert "“Twin” is not bridged." in await town.ask(f"!wa unbridge {first.group.jid}")
    answer = await town.ask(f"!wa bridge {first.group.jid} !nowhere:daftar.localhost")
    assert "invite @whatsapp:daftar.localhost there first" in answer


async def test_a_group_goes_into_a_room_that_is_there_already(town):
    place = await town.group("Moves in", jid=stranger(), enter=False)
    created = await town.admin.call("POST", "/v3/createRoom", {
        "name": "Room of ours", "preset": "private_chat", "invite": [town.bridge_id,
                                                                    town.secretary.id]})
    place.room = created["room_id"]
    await town.secretary.call("POST", f"/v3/join/{quote(place.room)}", {})
    answer = await town.ask(f"!wa bridge {place.group.jid} {place.room}")
    assert "has power level 0" in answer and "needs 100" in answer
    path = f"/v3/rooms/{quote(place.room)}/state/m.room.power_levels/"
    power = await town.admin.call("GET", path)
    power["users"][town.bridge_id] = 100
    await town.admin.call("PUT", path, power)
    answer = await town.ask(f"!wa bridge {place.group.jid} {place.room}")
    assert answer == f"“Moves in” is bridged from now on, in {place.room}."
    await place.phones[0].send_text(place.group, "at home here")
    await place.shown(text="at home here")
    name = await town.secretary.state(place.room, "m.room.name")
    assert name["name"] == "Room of ours", "its own name stays"
    await town.secretary.say(place.room, "welcome")
    await place.seen(lambda seen: seen.from_device and "welcome" in seen.text)


async def test_a_command_in_a_groups_room_is_answered_there(town):
    place = await town.group()
    event = await town.officer.say(place.room, "!wa login +923001234567")
    answer = await place.shown(match=lambda e: reply_target(e) == event)
    assert "read in an admin's chat with @whatsapp:daftar.localhost" in body(answer)
    assert answer["content"]["msgtype"] == "m.notice"
    event = await town.admin.say(place.room, "!wa status")
    answer = await place.shown(match=lambda e: reply_target(e) == event)
    assert body(answer).startswith("Connected to WhatsApp.")
    await place.nothing_more_leaves(after=0)


@BOTH
async def test_rules_and_communities_put_rooms_into_sub_spaces(town):
    pattern, space_name = RULED
    place = await town.group(f"DEO {pattern} {secrets.token_hex(2)}")
    space, parent = await standing_in(town, place)
    assert (await town.secretary.state(space, "m.room.name"))["name"] == space_name
    top = await town.secretary.state(space, "m.space.parent", parent)
    assert top["canonical"] is True
    assert (await town.secretary.state(parent, "m.space.child", space))["via"]
    await town.emulator.rename_group(place.group, "No rule for this one")

    async def moved():
        return (await standing_in(town, place))[0] == parent

    await until(moved)
    assert not await town.secretary.state(space, "m.space.child", place.room)
    community = await town.emulator.create_group("Schools of Makran", [town.department],
                                                 jid=stranger())
    town.emulator.change.link(place.group, community)
    await notice(place, "The group now belongs to the community “Schools of Makran”.")

    async def in_community():
        found, _ = await standing_in(town, place)
        return found not in (space, parent) and found

    found = await until(in_community)
    assert (await town.secretary.state(found, "m.room.name"))["name"] == "Schools of Makran"


async def test_all_members_join_where_that_is_configured_and_a_new_rule_moves_rooms(tmp_path):
    town = Town(tmp_path, rules={"join_members": "all"})
    await town.start()
    try:
        place = await town.group("DEO Awaran", people=("Zafar", "Gul", "Noor"))

        async def all_there():
            members = await town.secretary.call(
                "GET", f"/v3/rooms/{quote(place.room)}/joined_members")
            return {f"@wa_{phone.number}:daftar.localhost" for phone in place.phones} <= set(
                members["joined"])

        await until(all_there)
        department, _ = await standing_in(town, place)
        part = town.office.parts["bridge"]
        await part.stop()
        path = tmp_path / "config.yaml"
        path.write_text(path.read_text().replace(f"*{RULED[0]}*", "*awaran*"))
        town.office.start_part("bridge")

        async def moved():
            space, above = await standing_in(town, place)
            return space if above == department else None

        space = await until(moved)
        assert (await town.secretary.state(space, "m.room.name"))["name"] == RULED[1]
    finally:
        await town.stop()


async def standing_in(town, place):
    """(the space in which a room stands, the space of that one); the secretary goes in."""
    events = await town.secretary.call("GET", f"/v3/rooms/{quote(place.room)}/state")
    parents = [e["state_key"] for e in events if e["type"] == "m.space.parent" and e["content"]]
    if len(parents) != 1:
        return "", ""
    await town.secretary.call("POST", f"/v3/join/{quote(parents[0])}", {})
    events = await town.secretary.call("GET", f"/v3/rooms/{quote(parents[0])}/state")
    above = [e["state_key"] for e in events if e["type"] == "m.space.parent" and e["content"]]
    if above:
        await town.secretary.call("POST", f"/v3/join/{quote(above[0])}", {})
    return parents[0], above[0] if above else ""
