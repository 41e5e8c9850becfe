"""Orders and answers in a group's messages, read by the real reader with the real directory."""
from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from archive import directives, directory, gazetteer_file, messages, postings, posts
from archive.cases import Actor
from archive.db import Database, Unit, open_database
from archive.model import NewRecord, Sender
from archive.postings import By
from bot.app import Bot
from bot.order_reader import OrderReader
from config import Config
from tests.bot.conftest import bot_is_in
from tests.bot.people import Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_desk import press
from tests.bot.test_officials import Official
from tests.homeserver import House

_ids = itertools.count(1)
REPORT = "GBPS Talli Sibi BEMIS 07086 found closed today, both teachers absent"
POSTS = {"Sattar": "DMC Sibi", "Qadir Marri": "DEO Sibi", "Secretary": "Secretary SED"}


def wall() -> int:
    return int(datetime.now().timestamp() * 1000)


@dataclass
class Group:
    """A mirrored group: officials who hold posts, a member of staff, the staff room."""

    config: Config
    db: Database
    staff: Staff
    room: str
    chat: int
    officials: dict[str, Official]
    bot: Bot
    staff_room: str = ""

    async def says(self, name: str, text: str, quotes: str = "") -> str:
        """As the bridge does: the record first, then the event that bears its mark."""
        who, source = self.officials[name], f"3EB0{next(_ids):06}"
        target = await messages.by_event(self.db, quotes) if quotes else None
        record_id, _ = await self.db.write(messages.add(NewRecord(
            self.chat, "text", "whatsapp", source, Sender(pn=who.number), wall(), wall(), text,
            target.source_id if target else None)))
        content: dict[str, Any] = {"msgtype": "m.text", "body": text,
                                   "org.daftar.record": record_id}
        if quotes:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": quotes}}
        event = (await who._bridge.call(
            "PUT", f"/v3/rooms/{quote(self.room)}/send/m.room.message/{source}"
            f"?user_id={quote(who.id)}", content))["event_id"]
        await self.db.write(messages.link_event(event, self.room, record_id))
        return event

    async def asked(self, words: str, within: str = "") -> dict[str, Any]:
        """The bot's question in the staff room that begins so and holds that."""
        async def look() -> dict[str, Any] | None:
            await self.bot.clock.listen()
            return next((c for c in reversed(await self.staff.from_bot(self.staff_room))
                         if c["body"].startswith(words) and within in c["body"]), None)
        return await until(look)

    async def yes(self, question: dict[str, Any]) -> None:
        await press(self.staff, self.staff_room, question["id"], "✅")

    @contextlib.asynccontextmanager
    async def restarted(self) -> AsyncIterator[None]:
        """Another bot goes on, which has nothing in memory."""
        async with ticking_bot(self.config, wall,
                               reader=OrderReader(self.config, self.db)) as self.bot:
            yield


@pytest.fixture
async def group(house: House, tmp_path: Path) -> AsyncIterator[Group]:
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    config = replace(config, bot=replace(config.bot, staff_room="Daftar staff"))
    db = await open_database(config.database_url)
    book, by = gazetteer_file.load(), By(Actor("", "a test"), 1)
    async with ticking_bot(config, wall, reader=OrderReader(config, db)) as bot:
        room = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room))
        chat = await db.write(directory.ensure_chat("1203631@g.us", "Sibi", "", 1))
        await db.write(directory.set_room(chat.id, room))
        here = Group(config, db, staff, room, chat.id, {}, bot)
        for number, (name, post) in enumerate(POSTS.items()):
            official = here.officials[name] = Official(
                staff, room, 92_300_900_0000 + abs(hash(room)) % 10**6 * 10 + number, name)
            await official.join(db)
            person = await directory.find(db, "pn", official.number)

            def posted(person: int = person.id, post: str = post) -> Unit[None]:
                post_id = yield from posts.ensure(book.post(post))
                yield from postings.transfer(person, post_id, "2020-01-01", by)
            await db.write(posted())
        await bot.clock.tick()
        [here.staff_room] = await until(staff.invites)
        await staff.join(here.staff_room)
        await bot.clock.listen()
        yield here
    await db.close()


async def test_from_the_order_to_what_became_of_it_over_restarts(group: Group) -> None:
    report = await group.says("Sattar", REPORT)
    await group.says("Secretary", "DEO Sibi. Pl look into the issue and report by tomorrow", report)
    question = await group.asked("Is this an order?", "DEO Sibi")
    assert "to DEO Sibi" in question["body"] and "07086" not in question["body"].split("P1")[1]
    tomorrow = datetime.now(ZoneInfo("Asia/Karachi")).date() + timedelta(1)
    order = await directives.by_id(group.db, 1)
    due = datetime.fromtimestamp(order.due_at / 1000, ZoneInfo("Asia/Karachi")).date()
    assert tomorrow <= due <= tomorrow + timedelta(5), "the next working day"
    async with group.restarted():
        await group.yes(question)
        await until(lambda: _stage(group.db, "confirmed"))
    async with group.restarted():  # the reader learns from the record what was ordered
        await group.says("Qadir Marri", "Complied sir, school is open again, report attached",
                         report)
        answer = await group.asked("Is this an answer", "Complied sir")
        assert "DEO Sibi" in answer["body"]
    async with group.restarted():
        await group.yes(answer)

        async def complied() -> bool:
            return (await directives.by_id(group.db, 1)).charges[0].state == "complied"
        await until(complied)


async def _stage(db: Database, stage: str) -> bool:
    return (await directives.by_id(db, 1)).stage == stage


async def test_appeals_are_none_and_urdu_is_read(group: Group) -> None:
    await group.says("Qadir Marri", "Sir plz look into the matter of my TA bill")
    await group.says("Secretary", "ڈی ای او سبی کل تک سکولوں کی فہرست پیش کریں")
    question = await group.asked("Is this an order?")
    assert "to DEO Sibi" in question["body"] and "TA bill" not in question["body"]
    asked = (await directives.by_id(group.db, 1)).action
    assert "سکولوں کی فہرست پیش کریں" in asked, "in its own words"
    assert await directives.by_id(group.db, 2) is None


async def test_a_room_that_is_no_groups_is_not_read(group: Group) -> None:
    other = await group.staff.create_room(group.config.user_id(group.config.bot.user))
    await until(lambda: bot_is_in(group.staff, other))
    await group.staff.say(other, "DEO Sibi. Send the list by tomorrow.")
    await group.says("Secretary", "DEO Sibi. Send the other list by tomorrow.")
    question = await group.asked("Is this an order?")
    assert "the other list" in question["body"]
    assert await directives.by_id(group.db, 2) is None
