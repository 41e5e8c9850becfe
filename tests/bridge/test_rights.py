"""What people change in a room changes its group, where WhatsApp lets the department's number."""
from __future__ import annotations

from urllib.parse import quote

import pytest

from archive import directory
from emulator import attachments
from tests.bridge.conftest import BOTH
from tests.bridge.test_groups import notice, speak, state
from tests.bridge.town import body, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def put(person, place, kind, content):
    """Set a state event of the room. Returns its id."""
    path = f"/v3/rooms/{quote(place.room)}/state/{kind}/"
    return (await person.call("PUT", path, content))["event_id"]


async def member(person, place, what, ghost):
    """Invite, kick, ban or unban somebody."""
    await person.call("POST", f"/v3/rooms/{quote(place.room)}/{what}", {"user_id": ghost})


async def power(place, ghost, level):
    """The admin gives somebody power."""
    stands = await place.town.admin.state(place.room, "m.room.power_levels")
    return await put(place.town.admin, place, "m.room.power_levels",
                     {**stands, "users": {**stands["users"], ghost: level}})


def said(events, words):
    """How often something was said."""
    return [body(event) for event in events].count(words)


async def membership(place, ghost, wanted):
    await state(place, "m.room.member", lambda c: c["membership"] == wanted, ghost)


@BOTH
async def test_who_is_invited_removed_raised_and_lowered_in_the_room_is_so_in_the_group(town):
    place = await town.group()
    zafar, gul = place.phones
    await town.emulator.set_role(place.group, town.department, "admin", by=zafar)
    noor = await town.phone("Noor")
    ghost = town.office.config.user_id(f"wa_{noor.number}")
    await member(town.admin, place, "invite", ghost)
    await until(lambda: is_member(place, noor))
    await membership(place, ghost, "join")
    assert await speak(place, noor, "thank you") == ghost
    await power(place, ghost, 50)
    await notice(place, "made Noor an admin.")
    assert place.group.is_admin(noor.number)
    await power(place, ghost, 0)
    await notice(place, "dismissed Noor as admin.")
    assert not place.group.is_admin(noor.number)
    await member(town.admin, place, "kick", ghost)
    await notice(place, "removed Noor.")
    assert noor.number not in place.group.members
    # Somebody in the group lets her in again: a ban in the room is no ban in the group.
    other = await speak(place, gul)
    await member(town.admin, place, "ban", other)
    await until(lambda: is_member(place, gul, False))
    await town.emulator.add_members(place.group, [gul], by=zafar)
    assert await speak(place, gul, "back") == other
    # A member of staff who comes and goes changes nothing, and nothing is said twice.
    people = dict(place.group.members)
    await member(town.admin, place, "kick", town.officer.id)
    await member(town.admin, place, "invite", town.officer.id)
    await town.officer.call("POST", f"/v3/join/{quote(place.room)}", {})
    await town.officer.say(place.room, "here again")
    await place.seen(lambda s: s.text.endswith("here again"))
    assert place.group.members == people
    events = await place.events()
    who = (await town.secretary.call("GET", f"/v3/profile/{town.admin.id}"))["displayname"]
    for words in (f"{who} added +{noor.number}.", f"{who} made Noor an admin.",
                  f"{who} dismissed Noor as admin.", f"{who} removed Noor.",
                  f"{who} removed Gul."):
        assert said(events, words) == 1, words
    assert not [b for b in map(body, events) if "department's number added" in b
                or "department's number made" in b or "department's number removed" in b]
    chat = await place.chat()
    assert noor.number not in {m.person.pn for m in await directory.members(town.db, chat.id)}


async def is_member(place, phone, wanted=True):
    return (phone.number in place.group.members) == wanted


async def test_name_description_and_picture_go_from_the_room_to_the_group(town):
    place = await town.group("Before", topic="old")
    zafar = place.phones[0]
    await put(town.admin, place, "m.room.name", {"name": "After"})
    await notice(place, "named the group “After”.")
    stands = (await town.admin.state(place.room, "m.room.topic"))["topic"]
    await put(town.admin, place, "m.room.topic", {"topic": stands.replace("old", "رپورٹ")})
    await notice(place, "changed the group's description: “رپورٹ”")
    await state(place, "m.room.topic", lambda c: "goes to the group" in c["topic"]
                and c["topic"].endswith("رپورٹ"))
    picture = attachments.picture("Turbat")
    url = await town.admin.upload(picture, "image/jpeg")
    await put(town.admin, place, "m.room.avatar", {"url": url})
    await notice(place, "changed the group's picture.")
    assert (place.group.name, place.group.topic) == ("After", "رپورٹ")
    assert place.group.picture.startswith(b"\xff\xd8")
    names = [e for e in await place.events() if e["type"] == "m.room.name"]
    assert [e["content"]["name"] for e in names] == ["Before", "After"]
    # Without the right to it, the room shows the group again as it is, and says why.
    town.emulator.change.set_locked(place.group, True, by=zafar)
    vain = await put(town.admin, place, "m.room.name", {"name": "In vain"})
    await place.notice(vain, "name was not changed on WhatsApp: the department's number is no "
                             "admin of the group")
    await state(place, "m.room.name", lambda c: c["name"] == "After")
    vain = await put(town.admin, place, "m.room.topic", {"topic": "In vain"})
    await place.notice(vain, "no admin of the group")
    await state(place, "m.room.topic", lambda c: c["topic"].endswith("رپورٹ"))
    vain = await put(town.admin, place, "m.room.avatar", {})
    await place.notice(vain, "cannot take a group's picture away")
    await state(place, "m.room.avatar", lambda c: bool(c.get("url")))


async def test_what_whatsapp_refuses_is_said_and_the_room_shows_the_group(town):
    place = await town.group()
    zafar, gul = place.phones
    ghost = await speak(place, gul)
    await member(town.admin, place, "kick", ghost)
    await notice(place, "Gul was not removed from the group on WhatsApp: the department's number "
                        "is no admin")
    await membership(place, ghost, "join")
    vain = await power(place, ghost, 50)
    await place.notice(vain, "not made an admin")
    await state(place, "m.room.power_levels", lambda c: ghost not in c["users"])
    await town.emulator.set_role(place.group, town.department, "admin", by=zafar)
    await notice(place, "made the department's number an admin")
    shy = await town.phone("Shy")
    shy.by_link_only = True
    stranger, nobody = f"wa_{int(shy.number) + 900_000}", "wa_nobody"
    for name, words in ((f"wa_{shy.number}", "they let nobody add them to groups"),
                        (stranger, "this number is not on WhatsApp"),
                        (nobody, "nobody whom WhatsApp could know")):
        user = town.office.config.user_id(name)
        await member(town.admin, place, "invite", user)
        await notice(place, words)
        await membership(place, user, "leave")
    town.emulator.change.leave(place.group, gul)
    await membership(place, ghost, "leave")
    await member(town.admin, place, "invite", ghost)
    await notice(place, "they left the group not long ago")
    owner = await speak(place, zafar, "I made this group")
    await member(town.admin, place, "kick", owner)
    await notice(place, "whoever made the group can neither be removed")
    await membership(place, owner, "join")
    # Who is in the group already only comes into the room.
    bibi = await town.phone("Bibi")
    await town.emulator.add_members(place.group, [bibi], by=zafar)
    await notice(place, f"added +{bibi.number}")
    user = town.office.config.user_id(f"wa_{bibi.number}")
    await member(town.admin, place, "invite", user)
    await membership(place, user, "join")
