"""Rooms that are encrypted: people at an encrypting client, the bridge between, emulated phones."""
from __future__ import annotations

import asyncio
import io
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import nio
import pytest
import pytest_asyncio
from PIL import Image

from archive.db import Unit
from cli import check
from cli.office import USERS
from tests.bridge.sealed import SealedPerson
from tests.bridge.town import Place, Town, until
from waproto import e2e

RULE = "Sealed*"
PASSWORDS = {user.localpart: user.password for user in USERS}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class House:
    """A town in which the rooms of groups called Sealed… are encrypted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.officer: SealedPerson | None = None
        self.town = Town(folder / "town", rules={"encrypted": [RULE]})

    async def start(self) -> None:
        await self.town.start()
        self.place = await self.town.group("Sealed orders")
        self.officer = await self.person("officer")

    async def person(self, name: str, folder: str = "") -> SealedPerson:
        person = SealedPerson(self.town.office.synapse.url,
                              self.town.office.synapse.user_id(name),
                              self.folder / (folder or name))
        await person.start(PASSWORDS[name])
        await person.knows(self.place.room)
        return person

    async def stop(self) -> None:
        if self.officer:
            await self.officer.stop()
        await self.town.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    found = House(tmp_path_factory.mktemp("sealed"))
    try:
        await found.start()
        yield found
    finally:
        await found.stop()


def picture(color: str) -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "PNG")
    return out.getvalue()


async def raw(place: Place, event_id: str) -> dict:
    """An event as the homeserver has it."""
    return next(e for e in await place.events() if e["event_id"] == event_id)


async def test_what_a_phone_sends_is_read_by_staff_and_not_by_the_homeserver(house: House) -> None:
    place = house.place
    sent = await place.phones[0].send_text(place.group, "Salaries of Kech")
    event = await house.officer.read(place.room, "Salaries of Kech", "@wa_")
    kept = await raw(place, event.event_id)
    assert kept["type"] == "m.room.encrypted"
    assert "Salaries" not in json.dumps(kept)
    assert (await place.stored(sent.id)).text == "Salaries of Kech"


async def test_what_staff_write_arrives_and_its_answers_find_their_place(house: House) -> None:
    place, officer = house.place, house.officer
    event = await officer.say(place.room, "Send the list")
    seen = await place.seen(lambda seen: seen.text.endswith("Send the list"))
    assert (await raw(place, event))["type"] == "m.room.encrypted"
    assert (await place.stored(event)).text == "Send the list"
    await place.phones[0].send_text(place.group, "Here it is", quote=seen)
    answer = await officer.read(place.room, "Here it is", "@wa_")
    relation = answer.source["content"]["m.relates_to"]
    assert relation["m.in_reply_to"]["event_id"] == event


async def test_edits_reactions_and_answers_of_staff_leave_and_return(house: House) -> None:
    place, officer, phone = house.place, house.officer, house.place.phones[0]
    sent = await phone.send_text(place.group, "Ten pupils")
    told = await officer.read(place.room, "Ten pupils", "@wa_")
    await phone.edit(sent, "Eleven pupils")
    edit = await officer.read(place.room, "Eleven pupils", "@wa_")
    kept = await raw(place, edit.event_id)
    assert kept["content"]["m.relates_to"] == {
        "rel_type": "m.replace", "event_id": told.event_id}
    assert "Eleven" not in json.dumps(kept)
    await house.town.officer.react(place.room, told.event_id, "👍")
    await place.seen(lambda seen: seen.kind == "reaction" and seen.text == "👍")
    event = await officer.say(place.room, "Noted, eleven", reply_to=told.event_id)
    seen = await place.seen(lambda seen: seen.text.endswith("Noted, eleven"))
    assert seen.quoted_id == sent.id
    await officer.send(place.room, {
        "msgtype": "m.text", "body": "* Noted, twelve",
        "m.new_content": {"msgtype": "m.text", "body": "Noted, twelve"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event}})
    await place.seen(lambda seen: seen.text.endswith("Noted, twelve"))


async def test_pictures_go_both_ways_and_lie_encrypted_on_the_homeserver(house: House) -> None:
    place, officer = house.place, house.officer
    roof, wall = picture("red"), picture("blue")
    await place.phones[0].send_media(place.group, roof, "image", mime="image/png",
                                     caption="The roof")
    event = await officer.read(place.room, "The roof", "@wa_")
    assert isinstance(event, nio.RoomEncryptedImage)
    assert await officer.file(event) == roof
    stored = await officer.client.download(event.url)
    assert roof not in stored.body and stored.body != roof
    await officer.send_file(place.room, wall, "wall.png", "image/png")
    seen = await place.seen(lambda seen: seen.from_device and seen.kind == "image")
    assert seen.media == wall


async def test_a_case_is_opened_under_a_sealed_message_and_the_card_is_sealed(
        house: House) -> None:
    place, officer = house.place, house.officer
    await place.phones[0].send_text(place.group, "The roof of GBPS Turbat has come down")
    told = await officer.read(place.room, "The roof of GBPS", "@wa_")
    await officer.say(place.room, "!case open", reply_to=told.event_id)
    card = await officer.read(place.room, "The roof of GBPS", house.town.bot_id)
    kept = await raw(place, card.event_id)
    assert kept["type"] == "m.room.encrypted"
    assert "roof" not in json.dumps(kept)
    await officer.say(place.room, "!case note Engineer sent", thread=card.event_id)
    await officer.read(place.room, "Engineer sent", house.town.bot_id)
    assert not [seen for seen in place.left() if "case" in seen.text]


async def test_what_comes_before_its_key_waits_for_it_and_arrives_in_order(house: House) -> None:
    place, officer = house.place, house.officer
    officer.hold_keys(place.room)
    for text in ("first of the late", "second of the late", "!case list"):
        await officer.say(place.room, text)
    await place.phones[0].send_text(place.group, "Meanwhile the group talks on")
    await officer.read(place.room, "Meanwhile the group", "@wa_")
    assert not [seen for seen in place.left() if "of the late" in seen.text]
    await officer.give_keys()
    await place.seen(lambda seen: seen.text.endswith("second of the late"))
    assert [seen.text.split(": ")[-1] for seen in place.left() if "of the late" in seen.text] == [
        "first of the late", "second of the late"]
    await officer.read(place.room, "SED-", house.town.bot_id)  # the bot's list of cases


async def test_what_never_gets_its_key_is_said_to_be_unreadable(house: House) -> None:
    place, officer = house.place, house.officer
    officer.hold_keys(place.room)
    event = await officer.say(place.room, "nobody will read this")

    async def aged() -> bool:
        """The time to wait is over."""
        rows = await house.town.db.read(
            "SELECT id, payload FROM queue WHERE key = ?", f"k:{event}")
        for row in rows:
            old = json.dumps({**json.loads(row["payload"]), "since": 0})
            await house.town.db.write(_set_payload(row["id"], old))
        return bool(rows)

    await until(aged)
    notice = await officer.read(place.room, "could not be read", house.town.bridge_id)
    assert notice.source["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    assert "write it again" in notice.body
    # the bot, to whom half an hour has passed
    office = house.town.office
    await office.parts["bot"].stop()
    await house.town.db.write(_set_back(event))
    office.start_part("bot")
    told = await officer.read(place.room, "I could not read this message", house.town.bot_id)
    assert told.source["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    officer._held.clear()
    await officer.give_keys()
    officer.client.invalidate_outbound_session(place.room)


def _set_payload(row: int, payload: str) -> Unit[None]:
    yield "UPDATE queue SET payload = ? WHERE id = ?", (payload, row)


def _set_back(event: str) -> Unit[None]:
    yield "UPDATE bot_event SET at = at - 1800000 WHERE event_id = ?", (event,)


async def test_a_crash_between_sending_and_noting_shows_nothing_twice(house: House) -> None:
    place, office = house.place, house.town.office
    office.parts["bridge"].kill()
    office.start_part("bridge", {"DAFTAR_DIE_AT": "in5-sent:1"})
    await place.phones[0].send_text(place.group, "Sent and not noted")
    event = await house.officer.read(place.room, "Sent and not noted", "@wa_")
    await asyncio.to_thread(office.parts["bridge"]._process.wait, 30)
    office.start_part("bridge")
    await place.phones[0].send_text(place.group, "After the crash")
    await house.officer.read(place.room, "After the crash", "@wa_")
    mark = (await raw(place, event.event_id))["content"]["org.daftar.record"]
    marked = [e for e in await place.events() if e["content"].get("org.daftar.record") == mark]
    assert len(marked) == 1


async def test_a_key_that_was_given_while_the_bridge_was_down(house: House) -> None:
    place, officer, office = house.place, house.officer, house.town.office
    await office.parts["bridge"].stop()
    officer.client.invalidate_outbound_session(place.room)
    await officer.say(place.room, "Is anybody there?")
    office.start_part("bridge")
    await place.seen(lambda seen: seen.text.endswith("Is anybody there?"))


async def test_after_a_restart_there_is_the_same_device_and_everything_can_be_read(
        house: House) -> None:
    place, officer, town = house.place, house.officer, house.town
    await officer.say(place.room, "Before the restart")
    await place.seen(lambda seen: seen.text.endswith("Before the restart"))
    before = await devices(house)
    for part in ("bridge", "bot"):
        await town.office.parts[part].stop()
        town.office.start_part(part)
    # under the key that the officer's client gave before the restart
    await officer.say(place.room, "After the restart")
    await place.seen(lambda seen: seen.text.endswith("After the restart"))
    old = await officer.read(place.room, "The roof of GBPS", "@wa_")
    await officer.say(place.room, "!case open", reply_to=old.event_id)
    # the bot reads the old message again: it knows what it opened a case with
    await officer.read(place.room, "lies on the file of SED-2026-00001", town.bot_id)
    await place.phones[0].send_text(place.group, "Good morning after the restart")
    await officer.read(place.room, "Good morning after the restart", "@wa_")
    assert await devices(house) == before
    assert all(len(found) == 1 for found in before.values())


async def identity(house: House) -> dict:
    """The bridge's cross-signing keys, as everybody sees them."""
    user = house.town.bridge_id
    answer = await house.town.officer.call("POST", "/v3/keys/query", {"device_keys": {user: []}})
    return answer["master_keys"][user]["keys"]


async def devices(house: House) -> dict[str, dict]:
    """The devices of bridge and bot with their keys, as everybody sees them."""
    users = [house.town.bridge_id, house.town.bot_id]
    answer = await house.town.officer.call(
        "POST", "/v3/keys/query", {"device_keys": {user: [] for user in users}})
    return {user: {name: device["keys"] for name, device in answer["device_keys"][user].items()}
            for user in users}


async def test_the_devices_are_signed_by_identities_of_their_own(house: House) -> None:
    for user in (house.town.bridge_id, house.town.bot_id):
        answer = await house.town.officer.call(
            "POST", "/v3/keys/query", {"device_keys": {user: []}})
        (signer,) = answer["self_signing_keys"][user]["keys"]
        (device,) = answer["device_keys"][user].values()
        assert signer in device["signatures"][user]
        (master,) = answer["master_keys"][user]["keys"]
        assert master in answer["self_signing_keys"][user]["signatures"][user]


async def test_nobody_else_on_the_machine_can_read_the_keys(house: House) -> None:
    keys = house.town.office.config.data / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*.db*")} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*.json")} == {0o600}


async def test_who_left_cannot_read_on(house: House) -> None:
    place = house.place
    await place.phones[0].send_text(place.group, "With the admin")
    first = await house.officer.read(place.room, "With the admin", "@wa_")
    await house.town.admin.call("POST", f"/v3/rooms/{quote(place.room)}/leave", {})
    await house.officer.say(place.room, "Now without the admin")  # by then the bridge knows
    await place.seen(lambda seen: seen.text.endswith("Now without the admin"))
    await place.phones[0].send_text(place.group, "Without the admin")
    second = await house.officer.read(place.room, "Without the admin", "@wa_")
    assert first.session_id != second.session_id


async def test_a_room_is_encrypted_when_the_rule_begins_to_fit(house: House) -> None:
    town, officer = house.town, house.officer
    place = await town.group("Open talk")
    await place.phones[0].send_text(place.group, "Everybody may read this")
    await place.shown(text="Everybody may read this")
    await town.emulator.rename_group(place.group, "Sealed talk")
    await officer.knows(place.room)
    await place.phones[0].send_text(place.group, "Only we may read this")
    event = await officer.read(place.room, "Only we may read this", "@wa_")
    assert (await raw(place, event.event_id))["type"] == "m.room.encrypted"


async def test_a_poll_and_a_sticker_are_sealed_too(house: House) -> None:
    place, phone = house.place, house.place.phones[0]
    await phone.send_raw(place.group, e2e.Message(pollCreationMessageV3=e2e.PollCreationMessage(
        name="Which day?", selectableOptionsCount=1, options=[
            e2e.PollCreationMessage.Option(optionName=name) for name in ("Monday", "Friday")])))
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(out, "WEBP")
    await phone.send_media(place.group, out.getvalue(), "sticker", mime="image/webp")

    async def kinds() -> list[nio.Event]:
        seen = [house.officer.seen[name] for name in house.officer.rooms[place.room]]
        found = [event for event in seen if event.decrypted and event.source["type"] in (
            "org.matrix.msc3381.poll.start", "m.sticker")]
        return found if len(found) == 2 else []

    poll, sticker = await until(kinds)
    assert "Monday" in json.dumps(poll.source["content"])
    assert "url" not in sticker.source["content"] and sticker.source["content"]["file"]["key"]
    for event in (poll, sticker):
        assert (await raw(place, event.event_id))["type"] == "m.room.encrypted"


async def test_the_check_says_that_the_bridge_has_its_device(house: House) -> None:
    assert "has its device" in await check.encryption(house.town.office.config)


async def test_after_a_loss_of_the_keys_rooms_stay_encrypted_under_the_same_identity(
        house: House) -> None:
    place, officer, office = house.place, house.officer, house.town.office
    master = await identity(house)
    before = await devices(house)
    keys = office.config.data / "keys"
    for part in ("bridge", "bot"):
        await office.parts[part].stop()
    for path in (*keys.glob("*.db*"), keys / "bot-device"):
        path.unlink()
    for part in ("bridge", "bot"):
        office.start_part(part)
    await place.phones[0].send_text(place.group, "With new keys")
    event = await officer.read(place.room, "With new keys", "@wa_")
    assert (await raw(place, event.event_id))["type"] == "m.room.encrypted"
    await officer.say(place.room, "Under a new key")
    await place.seen(lambda seen: seen.text.endswith("Under a new key"))
    assert await identity(house) == master
    after = await devices(house)
    assert all(before[user].keys() < after[user].keys() for user in before)
