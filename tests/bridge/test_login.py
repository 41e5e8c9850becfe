"""Linking the department's phone, and the other `!wa` commands, in the admin's chat."""
from __future__ import annotations

import io

import pytest
import pytest_asyncio
import segno

from bridge.link import LinkState
from tests.bot.people import until
from tests.bridge import wire
from tests.bridge.here import bridge_here
from tests.bridge.town import Town, body, relation


class Unlinked(Town):
    """An office whose phone nobody has linked yet."""

    async def start(self) -> None:
        """As the other one, but for the link."""
        self.office.link = _nothing
        await super().start()


async def _nothing() -> None:
    """The test links the phone itself."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fresh(tmp_path_factory):
    """An office of this file's own, to log in and out of."""
    town = Unlinked(tmp_path_factory.mktemp("login"))
    await town.start()
    yield town
    await town.stop()


async def shown_codes(town):
    """(picture event, text event) of the QR code, newest."""
    room = await town.admin_room()
    events = [e for e in await town.admin.reader.events(room) if e["sender"] == town.bridge_id]
    texts = [e for e in events if "org.daftar.qr" in e["content"].get("m.new_content",
                                                                       e["content"])]
    pictures = [e for e in events if e["content"].get("msgtype") == "m.image"]
    return (pictures[-1], texts[-1]) if pictures and texts else None


async def told(town, words):
    """Wait until the admin's chat holds a message with these words."""
    room = await town.admin_room()

    async def look():
        return [e for e in await town.admin.reader.events(room) if words in body(e)]

    return await until(look)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_phone_is_linked_by_qr_and_unlinked_and_linked_by_code(fresh):
    picture, text = await until(lambda: shown_codes(fresh))
    code = text["content"]["org.daftar.qr"]
    assert code in body(text) and "Linked devices" in body(text)
    data = await fresh.admin.reader.file(picture["content"]["url"])
    wanted = io.BytesIO()
    segno.make_qr(code).save(wanted, kind="png", scale=6, border=4)
    assert data == wanted.getvalue() and data.startswith(b"\x89PNG")
    assert "No phone is linked" in await fresh.ask("!wa status")
    assert "The code follows" in await fresh.ask("!wa login")

    await fresh.emulator.scan(fresh.department, code)
    await told(fresh, "Connected to WhatsApp.")
    assert (await fresh.ask("!wa status")).startswith(
        "Connected to WhatsApp. The phone was last seen")
    room = await fresh.admin_room()

    async def code_is_gone():
        return not [e for e in await fresh.admin.reader.events(room)
                    if e["event_id"] in (picture["event_id"], text["event_id"]) and e["content"]]

    await until(code_is_gone)
    assert "linked already" in await fresh.ask("!wa login")

    assert "unlinked" in await fresh.ask("!wa logout")
    await told(fresh, "The phone has removed this device")
    assert not fresh.department.devices
    answer = await fresh.ask(f"!wa login +{fresh.department.number[:2]} "
                             f"{fresh.department.number[2:]}")
    assert answer.startswith("Pairing code: ") and "Link with phone number" in answer
    await fresh.emulator.enter_code(fresh.department, answer.splitlines()[0].split(": ")[1])

    async def connected():
        return (await fresh.ask("!wa status")).startswith("Connected")

    await until(connected)
    place = await fresh.group()
    await place.phones[0].send_text(place.group, "after the second login")
    await place.shown(text="after the second login")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_phone_that_unlinks_the_device_is_told_to_the_admin(fresh):
    room = await fresh.admin_room()

    async def times():
        return len([e for e in await fresh.admin.reader.events(room)
                    if "The phone has removed this device" in body(e)])

    before = await times()
    [device] = fresh.department.devices.values()
    await fresh.emulator.unlink(str(device.jid))

    async def again():
        return await times() == before + 1

    await until(again)
    assert "Write !wa login" in await fresh.ask("!wa status")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("command, words", [
    ("!wa", "!wa login: show the QR code"), ("!wa help", "!wa logout: unlink the phone"),
    ("!WA Help", "!wa logout"), ("!wa stauts", "There is no !wa stauts. Did you mean !wa status?"),
    ("!wa frobnicate", "There is no !wa frobnicate.\n"),
    ("!wa login home", "home is not a phone number"), ("!wa login +12", "not a phone number"),
    ("!wa login 0300 7001001", "no phone number with country code")])
async def test_what_is_asked_wrongly_is_answered_rightly(fresh, command, words):
    answer = await fresh.ask(command)
    assert words in answer and "Traceback" not in answer


@pytest.mark.asyncio(loop_scope="session")
async def test_only_admins_may_command(fresh):
    room = await fresh.admin_room()
    await fresh.admin.call("POST", f"/v3/rooms/{room}/invite", {"user_id": fresh.secretary.id})
    await fresh.secretary.call("POST", f"/v3/join/{room}", {})
    for command in ("!wa logout", "!wa status", "!wa login", "!wa groups"):
        answer = await fresh.ask(command, fresh.secretary)
        assert answer == "Only the admins named in bridge.admins may do this."
    # Elsewhere than in the admin's chat nobody is answered, an admin neither.
    mine = (await fresh.admin.call("POST", "/v3/createRoom", {}))["room_id"]
    await fresh.admin.say(mine, "!wa status")
    assert "Failed or unsure: 0" in await fresh.ask("!wa status")


async def test_a_code_is_renewed_in_place_and_taken_away(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        room = await here.admin_room()
        status = here.bridge.status
        for number in range(3):
            await status.changed(LinkState("qr", f"2@code{number}", number))
        events = [e for e in await here.admin.read(room) if e["type"] == "m.room.message"]
        picture, text = events[:2]
        assert [relation(e).get("event_id") for e in events[2:]] == [
            picture["event_id"], text["event_id"]] * 2
        assert all(relation(e)["rel_type"] == "m.replace" for e in events[2:])
        assert events[-1]["content"]["m.new_content"]["org.daftar.qr"] == "2@code2"
        await status.changed(LinkState("connected", "923007009990@s.whatsapp.net", 9))
        await here.shown(room, "Connected to WhatsApp.")
        assert not [e for e in await here.admin.read(room) if "2@code" in str(e["content"])]


@pytest.mark.parametrize("state, detail, words", [
    ("disconnected", "WhatsApp does not answer", "tries again by itself. (WhatsApp does not"),
    ("replaced", "another process", "opened somewhere else"),
    ("banned", "sent to too many people", "suspended the number for a time"),
    ("outdated", "update", "Upgrade Daftar"),
    ("failed", "cannot be loaded", "cannot work. (cannot be loaded)"),
    ("logged_out", "removed", "Write !wa login")])
async def test_states_are_sentences(house, tmp_path, state, detail, words):
    async with bridge_here(house, tmp_path) as here:
        room = await here.admin_room()
        await here.bridge.status.changed(LinkState(state, detail, 1))
        event = await here.shown(room, words)
        assert event["content"]["msgtype"] == "m.notice"
        await here.bridge.status.changed(LinkState(state, detail, 2))  # the same is told once
        await here.admin.say(room, "!wa status")
        await here.shown(room, "Waiting to be carried")
        assert len([b for b in await here.bodies(room) if words in b and "Waiting" not in b]) == 1


async def test_a_gap_is_shown_in_every_room(house, tmp_path, database_url):
    async with bridge_here(house, tmp_path, database_url) as here:
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "before", pn="923007009002")))
        room = await here.room()
        await here.shown(room, "before")
        await here.bridge.status.changed(LinkState(
            "starting", "", 1, (1_790_000_000_000, 1_790_000_060_000)))
        gap = await here.shown(room, "Gap: from 21 September 2026 19:13:20 to "
                                     "21 September 2026 19:14:20")
        assert gap["content"]["msgtype"] == "m.notice"
