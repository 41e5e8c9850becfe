"""Messages that may belong to an open case are suggested in the staff room, one tap to link."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from archive import directory, messages
from archive.db import Database, open_database
from archive.model import NewRecord, Sender
from bot.app import Bot
from config import Config
from tests.bot.conftest import bot_is_in
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_desk import REPORT, offered, opened, press, shows
from tests.homeserver import House

NOON = "2026-11-24 12:00"


@dataclass
class Office:
    """A bot with a staff room, and a group's room with a case about a school."""

    bot: Bot
    db: Database
    config: Config
    now: Hands
    ayesha: Staff
    bilal: Staff
    room: str
    staff_room: str
    paper: str
    number: str

    async def asked(self, count: int) -> list[dict[str, Any]]:
        """The questions in the staff room, once there are so many."""
        async def look() -> list[dict[str, Any]] | None:
            await self.bot.clock.listen()
            found = [c for c in await self.ayesha.from_bot(self.staff_room)
                     if "m.relates_to" not in c]
            assert len(found) <= count, found
            return found if len(found) == count else None
        return await until(look)

    async def seen(self, event_id: str) -> None:
        """Wait until the bot has read and considered an event."""
        async def look() -> bool:
            return bool(await self.db.read(
                "SELECT 1 FROM bot_event WHERE event_id = ? AND seq <= (SELECT CAST(value AS"
                " BIGINT) FROM setting WHERE name = 'bot.suggested')", event_id))
        await until(look)


@pytest.fixture
async def office(house: House, tmp_path: Path) -> AsyncIterator[Office]:
    ayesha, bilal = await new_staff(house), await new_staff(house, "Bilal Baloch")
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path,
                        (ayesha.user_id, bilal.user_id))
    config = replace(config, bot=replace(config.bot, staff_room="Daftar staff"))
    now = Hands(NOON)
    async with ticking_bot(config, now) as bot:
        [staff_room] = await until(ayesha.invites)
        for person in (ayesha, bilal):
            await until(person.invites)
            await person.join(staff_room)
        room = await ayesha.create_room(config.user_id(config.bot.user), bilal.user_id)
        await bilal.join(room)
        await until(lambda: bot_is_in(ayesha, room))
        paper = await ayesha.say(room, REPORT)
        number = await opened(ayesha, room, "!case open", reply_to=paper)
        db = await open_database(config.database_url)
        try:
            yield Office(bot, db, config, now, ayesha, bilal, room, staff_room, paper, number)
        finally:
            await db.close()


async def test_one_tap_links_it(office: Office) -> None:
    ayesha, bilal, number = office.ayesha, office.bilal, office.number
    urdu = "بیمس 07086 کا اسکول آج بھی بند ہے"
    said = await ayesha.say(office.room, urdu)
    [question] = await office.asked(1)
    assert question["body"].startswith(f"This may belong to {number} (")
    assert "): it names BEMIS 07086." in question["body"]
    assert f"> \u2068{urdu}\u2069" in question["body"]
    assert question["body"].endswith(f"🔗 link it to {number}\n❌ no")
    assert quote(said, safe="") in question["formatted_body"]
    assert question["m.mentions"] == {} and question["msgtype"] == "m.notice"
    await offered(ayesha, office.staff_room, question["id"], "🔗", "❌")
    third = await new_staff(ayesha.house, "Viqar Ahmed")  # is not in the group's room
    await ayesha.call("POST", f"/v3/rooms/{office.staff_room}/invite", {"user_id": third.user_id})
    await third.join(office.staff_room)
    await press(third, office.staff_room, question["id"], "🔗")
    [refused] = await until(lambda: ayesha.answers(office.staff_room, question["id"]))
    assert refused["body"] == f"{number} belongs to a room that you are not in."
    await press(bilal, office.staff_room, question["id"], "🔗")  # any of the staff
    await shows(ayesha, office.room, number, "2 papers", "Last: Bilal Baloch put a paper")
    _, answer = await ayesha.answers(office.staff_room, question["id"])
    assert answer["body"] == f"{number} has 2 papers on its file."
    await press(ayesha, office.staff_room, question["id"], "🔗")  # too late: nothing more
    sheet = await ayesha.ask(office.room, "!case show 1")
    assert "Papers (2)" in sheet["body"] and urdu in sheet["body"]
    assert len(await ayesha.answers(office.staff_room, question["id"])) == 2


async def test_what_is_suggested_and_what_is_not(office: Office) -> None:
    ayesha, room, number = office.ayesha, office.room, office.number
    reply = await ayesha.say(room, "The head teacher was at a training.", reply_to=office.paper)
    await office.asked(1)
    named = await ayesha.say(room, "Sir what of case No. 1? It is two weeks now.")
    questions = await office.asked(2)
    assert "it answers a message on its file" in questions[0]["body"]
    assert "it names the case" in questions[1]["body"]
    await press(ayesha, office.staff_room, questions[1]["id"], "❌")
    [no] = await until(lambda: ayesha.answers(office.staff_room, questions[1]["id"]))
    assert no["body"] == "Nothing was done."
    card = (await shows(ayesha, room, number, "1 paper"))["id"]
    for body, where in (
            ("!case note 1 BEMIS 07086 asked again", {}),  # a command
            ("I shall ring BEMIS 07086", {"thread": card}),  # the case's own workspace
            ("BEMIS 01234 is another school", {}), ("In case 1 more teacher comes", {}),
            ("BEMIS 07086", {"msgtype": "m.notice"}), ("Good morning", {}),
            ("Noted sir", {"reply_to": office.paper}), ("👍", {"reply_to": office.paper}),
            ("جزاک اللہ سر", {"reply_to": office.paper})):
        await ayesha.say(room, body, **where)
    await ayesha.send(room, {  # a correction of what was asked about
        "msgtype": "m.text", "body": "* case No. 1?",
        "m.new_content": {"msgtype": "m.text", "body": "case No. 1?"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": named}})
    for odd in ({"org.daftar.record": 2**53 - 1}, {"org.daftar.record": []}, {"m.relates_to": 7},
                {"m.relates_to": {"rel_type": "m.thread", "event_id": 9}},
                {"m.relates_to": {"m.in_reply_to": {"event_id": "' OR 1=1 --"}}}):
        await ayesha.send(room, {"msgtype": "m.text", "body": "\u202eodd " * 50, **odd})
    elsewhere = await ayesha.create_room(office.config.user_id(office.config.bot.user))
    await until(lambda: bot_is_in(ayesha, elsewhere))
    await ayesha.say(elsewhere, "BEMIS 07086 in another room")
    await ayesha.ask(room, "!case close 1 done")
    last = await ayesha.say(room, "BEMIS 07086 thanks all", reply_to=reply)
    await office.asked(2)
    await office.seen(last)
    await office.asked(2)


async def test_the_same_whatsapp_thread(office: Office) -> None:
    """The paper is a WhatsApp message, and what answers an answer to it is of its thread; two parts
    of one message are one."""
    ayesha, room, db = office.ayesha, office.room, office.db
    chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "DEOs", "", 1))
    await db.write(directory.set_room(chat.id, room))

    async def record(source: str, quoted: str | None = None) -> int:
        record_id, _ = await db.write(messages.add(NewRecord(
            chat.id, "text", "whatsapp", source, Sender(pn="923007001234", push_name="Jabbar"),
            1_795_000_000_000, 1_795_000_000_000, text=source, target_source_id=quoted)))
        return record_id
    first, second = await record("A1"), await record("A2", "A1")
    paper = await ayesha.say(room, "No water at GGHS Kohlu", **{"org.daftar.record": first})
    await db.write(messages.link_event(paper, room, first))
    number = await opened(ayesha, room, "!case open", reply_to=paper)
    third = await record("A3", "A2")
    between = await ayesha.say(room, "Since when", **{"org.daftar.record": second})
    await db.write(messages.link_event(between, room, second))
    for body in ("Since June", "[picture]"):
        await ayesha.say(room, body, reply_to=between, **{"org.daftar.record": third})
    [question] = await office.asked(1)
    assert number in question["body"] and "> Since June" in question["body"]


async def test_a_burst_becomes_few_questions(office: Office) -> None:
    ayesha, room = office.ayesha, office.room
    for index in range(30):
        last = await ayesha.say(room, f"BEMIS 07086 again {index}")
    await office.seen(last)

    async def questions() -> list[dict[str, Any]]:
        return [c for c in await ayesha.from_bot(office.staff_room) if "m.relates_to" not in c]
    await office.bot.clock.listen()
    assert 1 <= len(await questions()) <= 3
    office.now.set("2026-11-24 13:01")
    await office.bot.clock.tick()

    async def all_asked() -> list[dict[str, Any]] | None:
        await office.bot.clock.tick()
        rows = await office.db.read(
            "SELECT (SELECT count(*) FROM bot_suggestion WHERE txn_id IS NULL)"
            " + (SELECT count(*) FROM bot_outbox WHERE state = 'ready') AS open")
        return await questions() if not rows[0]["open"] else None
    found = await until(all_asked)
    assert len(found) <= 5
    many = max(found, key=lambda c: len(c["body"]))
    assert "messages may belong to" in many["body"] and "more" in many["body"]
    for question in found:
        await press(ayesha, office.staff_room, question["id"], "🔗")
    await shows(ayesha, room, office.number, "31 papers")


async def test_new_staff_are_invited_once(office: Office) -> None:
    """The staff room stays the same; who is added to the configuration is invited, who left is
    not."""
    await office.bilal.leave(office.staff_room)
    third = await new_staff(office.ayesha.house, "Viqar Ahmed")
    config = replace(office.config, bridge=replace(
        office.config.bridge, staff=(*office.config.bridge.staff, third.user_id)))
    async with ticking_bot(config, office.now):
        assert list(await until(third.invites)) == [office.staff_room]
    assert not await office.bilal.invites()
    name = await office.ayesha.call(
        "GET", f"/v3/rooms/{quote(office.staff_room)}/state/m.room.name")
    assert name == {"name": "Daftar staff"}
