"""Who types, who has read, who calls: of the moment, both ways."""
from __future__ import annotations

import json
import secrets
import sqlite3
from urllib.parse import quote

import pytest
import pytest_asyncio

from archive import directory, receipts
from tests.bridge.conftest import BOTH
from tests.bridge.test_groups import speak
from tests.bridge.town import Town, body, reply_target, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lively(tmp_path_factory):
    """A town whose account shows what staff do."""
    town = Town(tmp_path_factory.mktemp("lively"),
                rules={"typing": True, "read_receipts": True})
    await town.start()
    yield town
    await town.stop()


async def ephemeral(person, place, kind):
    """What the room shows of the moment: the content of the latest such event."""
    # Another filter each time: Synapse answers the same one from memory.
    only = quote(json.dumps({"room": {
        "rooms": [place.room], "not_rooms": [f"!{secrets.token_hex(9)}:nowhere"],
        "timeline": {"limit": 0}}}))
    answer = await person.call("GET", f"/v3/sync?filter={only}&timeout=0")
    room = answer.get("rooms", {}).get("join", {}).get(place.room, {})
    found = [e["content"] for e in room.get("ephemeral", {}).get("events", []) if e["type"] == kind]
    return {key: value for content in found for key, value in content.items()}


async def readers(place, event):
    """Who has read up to an event, as the room shows it."""
    content = await ephemeral(place.town.secretary, place, "m.receipt")
    return set(content.get(event, {}).get("m.read", {}))


async def seen(place, event):
    """The bridge's answer to !wa seen in reply to an event."""
    asked = await place.town.officer.say(place.room, "!wa seen", reply_to=event)
    answer = await place.shown(match=lambda e: reply_target(e) == asked
                               and e["sender"] == place.town.bridge_id)
    return body(answer)


@BOTH
async def test_who_has_read_an_order_is_shown_and_told(town):
    people = ("Zafar", "Gul", "Noor", "Bibi", "Aslam", "Hina", "Karim", "Dost")
    place = await town.group(people=people)
    spoke = {phone: await speak(place, phone, f"I am {phone.name}") for phone in place.phones[:2]}
    event = await town.secretary.say(place.room, "Reports by 2 pm")
    order = await place.seen(lambda s: s.text.endswith("Reports by 2 pm"))
    hina = place.phones[5]
    await hina.read(order)
    await until(lambda: _read(town, place, event, 6))
    shown = await until(lambda: readers_are(place, event, set(spoke.values())))
    assert shown, "only ghosts that are in the room have read, and nobody came in for it"
    members = await town.secretary.call("GET", f"/v3/rooms/{place.room}/joined_members")
    assert len([user for user in members["joined"] if user.startswith("@wa_")]) == 2
    words = await seen(place, event)
    assert words.startswith("Delivered to 6, read by 6 of 8.\nRead: ")
    assert f"+{hina.number} (" in words and "Gul (" in words
    assert f"Nothing heard: +{place.phones[6].number}" in words
    assert (await seen(place, "$nothing")).startswith("Write this as a reply")
    # The newest counts: an older message that is read later moves nothing back.
    later = await town.secretary.say(place.room, "And bring the registers")
    await place.seen(lambda s: s.text.endswith("the registers"))
    await until(lambda: readers_are(place, later, set(spoke.values())))
    await place.phones[0].read(order)
    await town.secretary.say(place.room, "a last word")
    await place.seen(lambda s: s.text.endswith("a last word"))
    assert await readers(place, event) == set()


async def _read(town, place, event, count):
    record = await place.record(event)
    found = await receipts.of(town.db, record.id) if record else []
    return len([one for one in found if one.read_at]) == count


async def readers_are(place, event, wanted):
    return wanted <= await readers(place, event)


async def test_who_types_is_shown_both_ways(lively):
    place = await lively.group()
    zafar, gul = place.phones
    ghost = await speak(place, zafar)
    await gul.typing(place.group)  # has never spoken: nobody is brought in for it
    await zafar.typing(place.group)
    await until(lambda: typing_are(place, [ghost]))
    await zafar.typing(place.group, "paused")
    await until(lambda: typing_are(place, []))
    path = f"/v3/rooms/{quote(place.room)}/typing/{quote(lively.officer.id)}"
    await lively.officer.call("PUT", path, {"typing": True, "timeout": 20_000})
    await until(lambda: signs_are(zafar, place, ["composing"]))
    await lively.officer.call("PUT", path, {"typing": False})
    await until(lambda: signs_are(zafar, place, ["composing", "paused"]))


async def typing_are(place, wanted):
    return (await ephemeral(place.town.secretary, place, "m.typing")).get("user_ids", []) == wanted


async def signs_are(phone, place, wanted):
    return [s.kind for s in phone.signs if s.group == place.group.jid] == wanted


@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_what_staff_have_read_is_read_on_the_departments_phone(lively, addressing):
    place = await lively.group(addressing=addressing)
    zafar, gul = place.phones
    sent = [await phone.send_text(place.group, words) for phone, words in (
        (zafar, "one"), (gul, "two"), (zafar, "three"))]
    event = (await place.shown(text="three"))["event_id"]
    path = f"/v3/rooms/{quote(place.room)}/receipt/m.read/{quote(event)}"
    await lively.officer.call("POST", path, {})
    await until(lambda: read_are(zafar, place, {one.id for one in sent}))
    assert len([s for s in zafar.signs if s.group == place.group.jid]) == 2, "one for each sender"


async def read_are(phone, place, wanted):
    return wanted == {id for sign in phone.signs
                      if sign.group == place.group.jid and sign.kind == "read" for id in sign.ids}


async def test_by_default_nothing_of_what_staff_do_is_told(town):
    place = await town.group()
    zafar = place.phones[0]
    await zafar.send_text(place.group, "a report")
    event = (await place.shown(text="a report"))["event_id"]
    await town.officer.call(
        "POST", f"/v3/rooms/{quote(place.room)}/receipt/m.read/{quote(event)}", {})
    await town.officer.call(
        "PUT", f"/v3/rooms/{quote(place.room)}/typing/{quote(town.officer.id)}",
        {"typing": True, "timeout": 5_000})
    await town.officer.say(place.room, "noted")
    await place.seen(lambda s: s.text.endswith("noted"))
    assert [s for s in zafar.signs if s.group == place.group.jid] == []


async def test_calls_are_said_as_they_ring(town):
    place = await town.group()
    zafar, gul = place.phones
    await speak(place, zafar)
    signs = town.emulator.signs
    signs.call(zafar, place.group, video=True)
    await place.shown(match=lambda e: body(e) == "Zafar is calling the group (video). Only a phone "
                                                 "can answer.")
    signs.call(gul, town.department)
    room = await town.admin_room()

    async def told():
        return [body(e) for e in await town.admin.reader.events(room)
                if body(e).startswith(f"+{gul.number} called the department's number on ")]

    [words] = await until(told)
    assert words.endswith("(voice). Only its phone can answer.")
    assert not [e for e in await place.events() if str(gul.number) in body(e)]


async def test_a_crowd_that_reads_costs_little(town):
    """What 60 readers of five messages cost the homeserver: at most a request a ghost and message,
    none for who is not in the room."""
    place = await town.group(people=tuple(f"Reader {n}" for n in range(60)))
    for phone in place.phones[:3]:
        await speak(place, phone, f"I am {phone.name}")
    events = [await town.secretary.say(place.room, f"order {n}") for n in range(5)]
    orders = [await place.seen(lambda s, n=n: s.text.endswith(f"order {n}")) for n in range(5)]
    before = receipts_taken(town)
    for order in orders:
        for phone in place.phones:
            await phone.read(order)
    ghosts = {(await directory.find(town.db, "pn", phone.number)).ghost
              for phone in place.phones[:3]}
    await until(lambda: readers_are(place, events[-1], ghosts))
    await until(lambda: _read(town, place, events[0], 60))
    assert receipts_taken(town) - before <= len(ghosts) * len(events)


def receipts_taken(town):
    """How many receipts the homeserver has taken in all, by its own count."""
    with sqlite3.connect(town.office.folder / "synapse" / "homeserver.db") as db:
        return db.execute("SELECT max(stream_id) FROM receipts_linearized").fetchone()[0] or 0
