"""The case desk as a member of staff sees it, on a real Synapse."""
from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from urllib.parse import quote

from archive import directory, messages
from archive.db import open_database
from archive.model import NewRecord, Sender
from bot.app import BotError, run
from tests.bot.conftest import Desk, bot_is_in
from tests.bot.people import Staff, config_for, new_staff, running_bot, until
from tests.homeserver import House

REPORT = ("Today RTSM monitor was not allowed by the Head teacher to enter GBPS Killi Nau, and "
          "9 of 11 teachers were absent without leave. BMIS Code 02469")


async def cards(staff: Staff, room_id: str) -> list[dict]:
    """The case cards of a room."""
    return [content for content in await staff.from_bot(room_id)
            if "org.daftar.case" in content
            and content.get("m.relates_to", {}).get("rel_type") != "m.thread"]


async def test_a_message_becomes_a_case(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    paper = await staff.say(room, REPORT)
    command = await staff.say(room, "!case open", reply_to=paper)
    [card] = await until(lambda: cards(staff, room))
    assert card["org.daftar.case"].endswith("-00001")
    assert card["org.daftar.bot"] is True
    assert card["msgtype"] == "m.notice"
    assert card["m.mentions"] == {}
    assert card["m.relates_to"] == {"m.in_reply_to": {"event_id": command}}
    assert "Today RTSM monitor was not allowed" in card["body"].split("\n")[0]
    assert card["body"].split("\n")[0].endswith("(02469)")
    assert "New, not assigned" in card["body"]
    assert "Opened by Ayesha Khan" in card["body"]
    assert "1 paper" in card["body"]
    assert REPORT in card["body"]
    assert f"matrix.to/#/{quote(room, safe='')}/{quote(paper, safe='')}" in card["formatted_body"]

    [note] = await until(lambda: _thread(staff, room, card["id"]))
    assert note["body"].startswith("Internal: what is written here does not go to WhatsApp")
    assert len(await cards(staff, room)) == 1


async def _thread(staff: Staff, room_id: str, root: str) -> list[dict]:
    return [content for content in await staff.from_bot(room_id)
            if content.get("m.relates_to", {}).get("event_id") == root
            and content["m.relates_to"].get("rel_type") == "m.thread"]


async def test_the_life_of_a_case(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    card = await staff.ask(room, "!case open Boundary wall <b>fallen</b> at GGHS Sibi")
    assert "<b>" not in card["formatted_body"]
    assert "&lt;b&gt;fallen&lt;/b&gt;" in card["formatted_body"]
    number = card["org.daftar.case"]

    answer = await staff.ask(room, "!case assign 1 DEO Sibi")
    assert answer["body"] == f"{number} is with DEO Sibi."
    answer = await staff.ask(room, "!case 1 assign me")
    assert answer["body"] == f"{number} is with Ayesha Khan (before: DEO Sibi)."
    mine = await staff.ask(room, "!case list mine")
    assert number in mine["body"]
    answer = await staff.ask(room, f"!case note {number} Contractor came\nwith two men")
    assert answer["body"] == f"{number} has the note."
    answer = await staff.ask(room, "!case close 00001 wall stands again")
    assert answer["body"] == f"{number} is closed."

    async def current() -> dict | None:
        [now] = await cards(staff, room)
        return now if "Closed: wall stands again" in now["body"] else None
    shown = await until(current)
    assert shown["id"] == card["id"]  # the same message, edited
    assert "Last: Ayesha Khan closed it (" in shown["body"]

    sheet = await staff.ask(room, "!case show 1")
    for words in ("Status: Closed\n", "With: Ayesha Khan", "Resolution: wall stands again",
                  "assigned it to DEO Sibi", "handed it from DEO Sibi to Ayesha Khan",
                  "noted: Contractor came with two men", "closed it: wall stands again"):
        assert words in sheet["body"]
    assert sheet["formatted_body"].count("<tr>") == 1 + 5
    assert number not in (await staff.ask(room, "!case list"))["body"]
    assert number in (await staff.ask(room, "!case list closed"))["body"]
    assert number in (await staff.ask(room, "!case list all"))["body"]


async def test_in_the_thread_no_number_is_needed(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    card = await staff.ask(room, "!case open First")
    await staff.ask(room, "!case open Second")
    answer = await staff.ask(room, "!case note seen by the Secretary", thread=card["id"])
    assert answer["body"] == f"{card['org.daftar.case']} has the note."
    assert answer["m.relates_to"]["rel_type"] == "m.thread"
    assert answer["m.relates_to"]["event_id"] == card["id"]
    question = await staff.ask(room, "!case note 12 teachers absent", thread=card["id"])
    assert "Is 12 the case or part of the text?" in question["body"]
    other = await staff.ask(room, "!case 2 note from next door", thread=card["id"])
    assert other["body"].startswith("SED-") and "00002 has the note" in other["body"]
    sheet = await staff.ask(room, "!case show", thread=card["id"])
    assert "seen by the Secretary" in sheet["body"]
    assert "next door" not in sheet["body"]
    # a case opened here has its card in the room: a thread's root may be in no thread
    pointer = await staff.ask(room, "!case open Third", thread=card["id"])
    assert "00003 is open; its card is in the room" in pointer["body"]
    assert pointer["m.relates_to"]["event_id"] == card["id"]
    third = (await cards(staff, room))[2]
    assert "m.relates_to" not in third
    assert "Third" in third["body"]


async def test_mistakes_are_answered(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    await staff.ask(room, "!case open First")
    for said, words in (
        ("!case show 77", "There is no case 77."),
        ("!case close 1999", "There is no case 1999."),
        ("!case show SED-2019-00001", "There is no case SED-2019-00001."),
        ("!case opne x", "did you mean !case open [TITLE]?"),
        ("!case note 1", "The note is empty.\nUsage: !case note N TEXT"),
        ("!case close", "Which case? Give its number"),
        ("!search Sibi school", "Nothing found"),
        ("!importnat", "There is no command !importnat"),
    ):
        assert words in (await staff.ask(room, said))["body"]
    await staff.ask(room, "!case close 1 done")
    for said in ("!case close 1", "!case assign 1 DEO Sibi"):
        assert "is closed already, since" in (await staff.ask(room, said))["body"]
    gone = await staff.say(room, "!case open", reply_to="$nothing")
    [answer] = await until(lambda: staff.answers(room, gone))
    assert "I cannot see the message that you replied to" in answer["body"]


async def test_two_open_at_once(desk: Desk) -> None:
    """Two officers, one moment: two numbers, no hole."""
    staff, room = desk.staff, desk.room_id
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{quote(room)}/invite", {"user_id": other.user_id})
    await other.join(room)
    await asyncio.gather(*(person.say(room, f"!case open {name} {index}") for index in range(5)
                           for person, name in ((staff, "A"), (other, "B"))))

    async def all_there() -> list[dict] | None:
        found = await cards(staff, room)
        return found if len(found) == 10 else None
    found = await until(all_there)
    assert [card["org.daftar.case"][-5:] for card in found] == [
        f"{serial:05d}" for serial in range(1, 11)]
    assert {line for card in found for line in card["body"].split("\n") if "Opened" in line} and (
        sum("Opened by Bilal Baloch" in card["body"] for card in found) == 5)


async def test_who_is_not_listened_to(desk: Desk) -> None:
    """Ghosts, notices, edits and the bridge's own commands are recorded and not obeyed."""
    staff, room = desk.staff, desk.room_id
    house = staff.house
    bridge = Staff(house, house.config.bridge.bot, house.config.bridge.as_token)
    ghost = f"{house.config.bridge.ghost_prefix}92300700{id(desk) % 10_000:04d}"
    await bridge.call("POST", "/v3/register", {
        "type": "m.login.application_service", "username": ghost, "inhibit_login": True})
    ghost_id = house.synapse.user_id(ghost)
    await staff.call("POST", f"/v3/rooms/{quote(room)}/invite", {"user_id": ghost_id})
    await bridge.call("POST", f"/v3/join/{quote(room)}?user_id={quote(ghost_id)}", {})
    await bridge.call(
        "PUT", f"/v3/rooms/{quote(room)}/send/m.room.message/1?user_id={quote(ghost_id)}",
        {"msgtype": "m.text", "body": "!case open from WhatsApp"})
    await staff.say(room, "!case open a notice", msgtype="m.notice")
    await staff.say(room, "!wa login")
    said = await staff.say(room, "harmless")
    await staff.send(room, {
        "msgtype": "m.text", "body": "* !case open edited",
        "m.new_content": {"msgtype": "m.text", "body": "!case open edited"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": said}})
    card = await staff.ask(room, "!case open The only one")
    assert card["org.daftar.case"].endswith("-00001")
    assert len(await cards(staff, room)) == 1
    said = [content["body"] for content in await staff.from_bot(room)]
    assert len(said) <= 4
    assert "from where only !case status is answered" in said[0]
    assert "is not changed by editing it" in said[1]


async def test_another_rooms_case(desk: Desk) -> None:
    """Who is not in the room learns nothing of its cases."""
    staff, room = desk.staff, desk.room_id
    await staff.ask(room, "!case open Secret matter")
    bot = desk.config.user_id(desk.config.bot.user)
    stranger = await new_staff(staff.house, "Stranger")
    elsewhere = await staff.create_room(bot, stranger.user_id)
    await stranger.join(elsewhere)
    await until(lambda: bot_is_in(staff, elsewhere))
    answer = await stranger.ask(elsewhere, "!case show 1")
    assert "belongs to a room that you are not in" in answer["body"]
    assert "Secret" not in (await stranger.ask(elsewhere, "!case list all"))["body"]
    assert "Secret matter" in (await staff.ask(elsewhere, "!case show 1"))["body"]
    private = await staff.create_room(bot)
    await until(lambda: bot_is_in(staff, private))
    assert "Secret matter" in (await staff.ask(private, "!case list"))["body"]


async def test_search(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    db = await open_database(desk.config.database_url)
    try:
        chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "DEOs", "", 1))
        await db.write(directory.set_room(chat.id, room))
        event = await staff.say(room, REPORT)
        record_id, _ = await db.write(messages.add(NewRecord(
            chat.id, "text", "whatsapp", "3EB0A1", Sender(pn="923007001234", push_name="Jabbar"),
            1_795_000_000_000, 1_795_000_000_000, text=REPORT)))
        await db.write(messages.link_event(event, room, record_id, 0))
    finally:
        await db.close()
    answer = await staff.ask(room, "!search teachers absent")
    assert answer["body"].startswith("1 message in this room")
    assert "Jabbar" in answer["body"]
    assert "<strong>absent</strong>" in answer["formatted_body"]
    assert quote(event, safe="") in answer["formatted_body"]
    assert "Nothing found in this room" in (await staff.ask(room, "!search zzzz"))["body"]
    assert (await staff.ask(room, '!search " AND (* NEAR'))["body"]


async def test_help(desk: Desk) -> None:
    answer = await desk.staff.ask(desk.room_id, "!help")
    for words in ("!case open [TITLE]", "!case close N [RESOLUTION [TEXT]]", "!search WORDS"):
        assert words in answer["body"]
    more = await desk.staff.ask(desk.room_id, "!help close")
    assert "!case close 42 school open again" in more["body"]
    assert "!search" not in more["body"]


async def test_nothing_from_before_the_bot_came(house: House, tmp_path: Path) -> None:
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    room = await staff.create_room()
    await staff.say(room, "!case open Before the bot")
    async with running_bot(config):
        await staff.call("POST", f"/v3/rooms/{quote(room)}/invite",
                         {"user_id": config.user_id(config.bot.user)})
        await until(lambda: bot_is_in(staff, room))
        card = await staff.ask(room, "!case open After")
        assert card["org.daftar.case"].endswith("-00001")
        assert [c for c in await cards(staff, room) if "Before" in c["body"]] == []


async def test_what_was_told_the_bot_while_it_was_invited_is_done(house: House, tmp_path: Path
                                                                  ) -> None:
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    async with running_bot(config):
        pass  # it is known on the server, and down
    room = await staff.create_room()
    await staff.say(room, "!case open Before the bot")
    await staff.call("POST", f"/v3/rooms/{quote(room)}/invite",
                     {"user_id": config.user_id(config.bot.user)})
    asked = await staff.say(room, "!case open To the bot")
    async with running_bot(config):
        await until(lambda: staff.answers(room, asked))
        [card] = await cards(staff, room)
        assert "To the bot" in card["body"]


async def test_strangers_cannot_invite(desk: Desk) -> None:
    stranger = await new_staff(desk.staff.house, "Stranger")
    room = await stranger.create_room(desk.config.user_id(desk.config.bot.user))
    await desk.staff.ask(desk.room_id, "!help")  # the bot has read on since
    assert not await bot_is_in(stranger, room)


async def test_a_wrong_token_is_said_in_one_sentence(house: House, tmp_path: Path) -> None:
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, ())
    config = dataclasses.replace(config, bot=dataclasses.replace(config.bot, as_token="wrong"))
    try:
        await run(config)
    except BotError as error:
        assert "check bot.as_token" in str(error)
        assert "wrong" not in str(error)
    else:
        raise AssertionError("a wrong token was accepted")
