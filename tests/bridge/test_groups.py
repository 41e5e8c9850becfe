"""Groups and rooms: one for each that is chosen, in the department's space, in step with it."""
from __future__ import annotations

import pytest

from archive import directory, messages
from bridge.whatsapp.events import to_jid
from emulator import attachments
from emulator.model import EmulatorError
from tests.bridge import wire
from tests.bridge.conftest import BOTH
from tests.bridge.here import bridge_here
from tests.bridge.town import PREFIX, body, until
from waproto import neonize_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def notice(place, words):
    """The group's notice with these words."""
    return await place.shown(match=lambda e: e["content"].get("msgtype") == "m.notice"
                             and words in body(e))


async def state(place, kind, holds, key=""):
    """A state event of the room, once its content is as wanted."""
    async def look():
        try:
            found = await place.town.secretary.state(place.room, kind, key)
        except Exception:  # there is none yet
            return None
        return [found] if holds(found) else None

    return (await until(look))[0]


async def speak(place, phone, words="Salam"):
    """Let a phone speak, so that it has a ghost in the room. Returns the ghost's id."""
    await phone.send_text(place.group, words)
    event = await place.shown(match=lambda e: e["sender"].startswith(PREFIX) and body(e) == words)
    return event["sender"]


@BOTH
async def test_a_group_is_one_room_in_the_departments_space(town):
    place = await town.group("DEOs Makran", topic="Daily reports by 2 pm")
    assert (await town.secretary.state(place.room, "m.room.name"))["name"] == "DEOs Makran"
    topic = (await town.secretary.state(place.room, "m.room.topic"))["topic"]
    assert "What you write here goes to the group under your name" in topic
    assert "everything in a thread under a case card stay here" in topic
    assert topic.endswith("Daily reports by 2 pm")
    events = await town.secretary.call("GET", f"/v3/rooms/{place.room}/state")
    [parent] = [e for e in events if e["type"] == "m.space.parent"]
    space = parent["state_key"]
    assert parent["content"]["canonical"] is True
    await town.secretary.call("POST", f"/v3/join/{space}", {})
    child = await town.secretary.state(space, "m.space.child", place.room)
    assert child["via"] == ["daftar.localhost"]
    assert (await town.secretary.state(space, "m.room.create"))["type"] == "m.space"
    assert (await town.secretary.state(space, "m.room.name"))["name"] == "Department groups"
    power = await town.secretary.state(place.room, "m.room.power_levels")
    assert power["users"][town.admin.id] == 90 and power["users_default"] == 0


async def test_two_groups_of_one_name_have_rooms_that_can_be_told_apart(town):
    first, second = await town.group("One name"), await town.group("One name")
    assert first.room != second.room
    await first.phones[0].send_text(first.group, "in the first")
    await first.shown(text="in the first")
    assert not [e for e in await second.events() if e["type"] == "m.room.message"]
    await state(first, "m.room.name", lambda c: c["name"] == "One name")
    await state(second, "m.room.name", lambda c: c["name"] == "One name (2)")
    await town.emulator.rename_group(first.group, "Another name")
    await state(first, "m.room.name", lambda c: c["name"] == "Another name")
    town.emulator.change.describe(second.group, "still the second")
    await state(second, "m.room.topic", lambda c: c["topic"].endswith("still the second"))
    await state(second, "m.room.name", lambda c: c["name"] == "One name (2)")


@BOTH
async def test_name_and_description_follow_and_it_is_said_who_changed_them(town):
    place = await town.group("Old name", topic="old words")
    zafar = place.phones[0]
    await town.emulator.rename_group(place.group, "New \u202ename\n", zafar)
    said = await notice(place, f"The group is now called “New name” ({zafar_name(zafar)} changed")
    assert said["sender"] == town.bridge_id
    await state(place, "m.room.name", lambda c: c["name"] == "New name")
    await place.phones[0].send_text(place.group, "same room")
    await place.shown(text="same room")
    assert (await place.chat()).name == "New name"
    town.emulator.change.describe(place.group, "Reports by 2 pm", by=zafar)
    await notice(place, "Zafar changed the group's description: “Reports by 2 pm”")
    await state(place, "m.room.topic", lambda c: c["topic"].endswith("Reports by 2 pm"))
    town.emulator.change.describe(place.group, "", by=zafar)
    event = await notice(place, "Zafar removed the group's description.")
    await state(place, "m.room.topic", lambda c: c["topic"].endswith("stay here."))
    async def stored():
        return await messages.by_event(town.db, event["event_id"])

    record = await until(stored)
    assert (record.kind, record.sender_name) == ("notice", "Zafar")


def zafar_name(phone):
    """A person who has not spoken yet has a number for a name."""
    return f"+{phone.number}"


@BOTH
async def test_who_comes_goes_and_rises_is_said_and_the_room_follows(town):
    place = await town.group()
    zafar = place.phones[0]
    await speak(place, zafar, "I am Zafar")
    noor, aunt = await town.phone("Noor"), await town.phone("Aunt")
    await town.emulator.add_members(place.group, [noor], by=zafar)
    await notice(place, f"Zafar added +{noor.number}.")
    town.emulator.change.join_by_link(place.group, aunt)
    await notice(place, f"+{aunt.number} joined by the group's invite link.")
    members = await town.secretary.call("GET", f"/v3/rooms/{place.room}/joined_members")
    ghosts = [user for user in members["joined"] if user.startswith(PREFIX)]
    assert len(ghosts) == 1, "who never spoke has no ghost in the room"
    ghost, gone = await speak(place, noor), await speak(place, aunt, "Salam from the aunt")
    await town.emulator.set_role(place.group, noor, "admin", by=zafar)
    await notice(place, "Zafar made Noor an admin.")
    await state(place, "m.room.power_levels", lambda c: c["users"].get(ghost) == 50)
    await town.emulator.set_role(place.group, noor, "member", by=zafar)
    await notice(place, "Zafar dismissed Noor as admin.")
    await state(place, "m.room.power_levels", lambda c: ghost not in c["users"])
    await town.emulator.remove_members(place.group, [noor], by=zafar)
    await notice(place, "Zafar removed Noor.")
    left = await state(place, "m.room.member", lambda c: c["membership"] == "leave", ghost)
    assert left["reason"] == "Removed from the group by Zafar"
    town.emulator.change.leave(place.group, aunt)
    await notice(place, "Aunt left.")
    await state(place, "m.room.member", lambda c: c["membership"] == "leave", gone)
    chat = await place.chat()
    numbers = {m.person.pn for m in await directory.members(town.db, chat.id)}
    assert not numbers & {noor.number, aunt.number} and zafar.number in numbers
    await town.emulator.add_members(place.group, [noor], by=zafar)
    assert await speak(place, noor, "back again") == ghost


async def test_comings_and_goings_in_haste_end_as_they_should(town):
    place = await town.group()
    zafar, noor = place.phones[0], await town.phone("Noor")
    chat = await place.chat()
    for turn in range(3):
        await town.emulator.add_members(place.group, [noor], by=zafar)
        await noor.send_text(place.group, f"word {turn}")
        await town.emulator.remove_members(place.group, [noor], by=zafar)
        await town.emulator.remove_members(place.group, [noor], by=zafar)
    for turn in range(3):
        ghost = (await place.shown(text=f"word {turn}"))["sender"]
    await state(place, "m.room.member", lambda c: c["membership"] == "leave", ghost)

    async def gone():
        numbers = {m.person.pn for m in await directory.members(town.db, chat.id)}
        return noor.number not in numbers

    await until(gone)
    await town.emulator.add_members(place.group, [noor], by=zafar)
    assert await speak(place, noor, "to stay") == ghost
    await state(place, "m.room.member", lambda c: c["membership"] == "join", ghost)


async def test_a_group_left_while_the_bridge_was_away(town):
    place = await town.group()
    zafar = place.phones[0]
    await speak(place, zafar, "see you")
    part = town.office.parts["bridge"]
    await part.stop()
    await town.emulator.remove_members(place.group, [town.department], by=zafar)
    event = await town.officer.say(place.room, "nobody reads this")
    town.office.start_part("bridge")
    await notice(place, "the department's number is not in it any more")
    await place.notice(event, "the department's number is not in the group any more")


async def test_an_admin_has_power_from_the_first_word(town):
    place = await town.group()
    ghost = await speak(place, place.phones[0])
    await state(place, "m.room.power_levels", lambda c: c["users"].get(ghost) == 50)
    other = await speak(place, place.phones[1], "a member")
    power = await town.secretary.state(place.room, "m.room.power_levels")
    assert other not in power["users"] and power["users"][town.admin.id] == 90


@BOTH
async def test_while_only_admins_can_send_staff_are_told_and_cases_go_on(town):
    place = await town.group()
    zafar, gul = place.phones
    ghost = await speak(place, zafar, "before")
    town.emulator.change.set_announce(place.group, True, by=zafar)
    said = body(await notice(place, "now only admins can send messages"))
    assert said.startswith("Zafar changed the group") and "does not leave" in said
    vain = await town.officer.say(place.room, "in vain")
    await place.notice(vain, "only admins can write in this group")
    await town.officer.say(place.room, "!case open Roof of GGPS")
    await place.shown(match=lambda e: body(e).startswith("📁") and "Roof of GGPS" in body(e))
    assert await speak(place, zafar, "an order from the admin") == ghost
    event = await place.shown(text="an order from the admin")
    order = next(e for e in town.emulator.history(place.group)
                 if e.text == "an order from the admin")
    await gul.react(order, "👍")
    await place.shown(match=lambda e: e["type"] == "m.reaction" and
                      e["content"]["m.relates_to"]["event_id"] == event["event_id"])
    with pytest.raises(EmulatorError):
        await gul.send_text(place.group, "not allowed")
    await town.emulator.set_role(place.group, town.department, "admin", by=zafar)
    await notice(place, "Zafar made the department's number an admin. What staff write here "
                        "leaves again.")
    await town.officer.say(place.room, "now it goes")
    await place.seen(lambda seen: seen.from_device and "now it goes" in seen.text)
    town.emulator.change.set_announce(place.group, False, by=zafar)
    await notice(place, "now all members can send messages")
    town.emulator.change.set_locked(place.group, True, by=zafar)
    await notice(place, "Zafar changed the group: now only admins can change the group's name")


async def test_a_group_that_we_were_removed_from(town):
    place = await town.group()
    zafar = place.phones[0]
    await speak(place, zafar, "goodbye")
    await town.emulator.remove_members(place.group, [town.department], by=zafar)
    said = body(await notice(place, "Zafar removed the department's number."))
    assert "Ask an admin of the group to add it again" in said
    event = await town.officer.say(place.room, "is anybody there?")
    await place.notice(event, "the department's number is not in the group any more")
    await town.emulator.add_members(place.group, [town.department], by=zafar)
    await notice(place, "The department's number is in the group again")
    await town.officer.say(place.room, "we are back")
    await place.seen(lambda seen: seen.from_device and "we are back" in seen.text)
    await speak(place, zafar, "welcome back")


async def test_what_waits_for_a_group_that_is_deleted_ends_with_a_notice(town):
    place = await town.group()
    zafar = place.phones[0]
    await speak(place, zafar, "the last day")
    town.emulator.change.delete(place.group, by=zafar)
    event = await town.officer.say(place.room, "too late")
    said = body(await notice(place, "Zafar deleted the group on WhatsApp."))
    assert "This room stays" in said and "!wa bridge" in said
    await place.shown(match=lambda e: "not sent to WhatsApp" in body(e) and event in str(e))
    after = await town.officer.say(place.room, "still too late")
    await place.notice(after, "the group was deleted on WhatsApp")
    await town.officer.reader.events(place.room)


@BOTH
async def test_pictures_of_groups_and_people_follow(town):
    place = await town.group()
    zafar = place.phones[0]
    ghost = await speak(place, zafar)
    for words in ("Makran", "Turbat"):
        picture = attachments.picture(words)
        town.emulator.change.set_picture(place.group, picture, by=zafar)

        async def shown(picture=picture):
            found = await state(place, "m.room.avatar", lambda c: c.get("url"))
            return await town.secretary.reader.file(found["url"]) == picture

        await until(shown)
    assert [e for e in await place.events() if body(e) == "Zafar changed the group's picture."]
    town.emulator.change.set_picture(place.group, None, by=zafar)
    await notice(place, "Zafar removed the group's picture.")
    await state(place, "m.room.avatar", lambda c: not c.get("url"))
    picture = attachments.picture("Zafar with a hat")
    await zafar.set_picture(picture)

    async def hat():
        profile = await town.secretary.call("GET", f"/v3/profile/{ghost}")
        url = profile.get("avatar_url")
        return url and await town.secretary.reader.file(url) == picture

    await until(hat)
    await zafar.set_picture(None)

    async def none():
        return not (await town.secretary.call("GET", f"/v3/profile/{ghost}")).get("avatar_url")

    await until(none)


async def test_timer_requests_and_links_are_said(town):
    place = await town.group()
    zafar = place.phones[0]
    await speak(place, zafar)
    town.emulator.change.set_timer(place.group, 7 * 86_400, by=zafar)
    said = body(await notice(place, "disappear from phones after 7 days"))
    assert "the record keeps them" in said and "Zafar" in said
    town.emulator.change.set_timer(place.group, 0, by=zafar)
    await notice(place, "Messages in the group no longer disappear.")
    asking = await town.phone("Bibi")
    town.emulator.change.ask_to_join(place.group, asking)
    await notice(place, f"+{asking.number} asked to join the group; an admin must decide it")
    town.emulator.change.reset_link(place.group, by=zafar)
    await notice(place, "Zafar reset the group's invite link; the old one does not work")


async def test_a_new_number_is_no_second_ghost(town):
    place = await town.group(addressing="pn")
    old, new = place.phones[1], await town.phone("Gul")
    ghost = await speak(place, old)
    town.emulator.change.renumber(place.group, old, new)
    await notice(place, "has a new phone number.")
    assert await speak(place, new, "on the new number") == ghost
    person = await directory.find(town.db, "pn", old.number)
    assert person.pn == new.number and person.ghost == ghost


async def test_a_group_with_numbers_for_addresses_is_like_any_other(town):
    place = await town.group(addressing="pn")
    sent = await place.phones[0].send_text(place.group, "by number")
    event = await place.shown(text="by number")
    assert event["sender"] == f"@wa_{place.phones[0].number}:daftar.localhost"
    await town.secretary.say(place.room, "answer", reply_to=event["event_id"])
    assert (await place.seen(lambda seen: seen.from_device)).quoted_id == sent.id


async def test_a_list_of_groups_that_is_out_of_date_undoes_no_change(house, tmp_path):
    """To go through the list that is read whenever the line comes back takes seconds. Meanwhile
    one member becomes an admin and another one leaves."""
    zafar, gul, noor = (f"92300700{number}@s.whatsapp.net" for number in (6001, 6002, 6003))
    async with bridge_here(house, tmp_path) as here:
        def described(*members: str, admin: str = "") -> neonize_pb2.GroupInfo:
            return neonize_pb2.GroupInfo(
                JID=to_jid(here.jid), GroupName=neonize_pb2.GroupName(Name="DEOs"), Participants=[
                    neonize_pb2.GroupParticipant(JID=to_jid(jid), IsAdmin=jid == admin)
                    for jid in members])

        stands = described(zafar, gul, noor)

        async def group(jid: str) -> neonize_pb2.GroupInfo:
            return stands

        async def groups() -> list[neonize_pb2.GroupInfo]:
            nonlocal stands
            old, stands = stands, described(zafar, gul, admin=gul)
            await here.deliver(wire.delivery(wire.group_change(
                here.jid, Leave=[noor], Promote=[gul]), wire.GROUP_INFO))
            return [old]

        here.bridge.link.group, here.bridge.link.groups = group, groups
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "hello", pn="923007006002")))
        await here.bridge.groups.refresh()
        chat = await directory.chat_by_jid(here.db, here.jid)
        roles = {m.person.pn: m.role for m in await directory.members(here.db, chat.id)}
        assert roles == {"923007006001": "member", "923007006002": "admin"}
        assert chat.name == "DEOs"
