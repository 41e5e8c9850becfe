"""What the bot tells unasked: digests, and cases whose time is over; with a clock set by hand."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from archive import botbooks, cases, casework, questions, suggested
from archive.botbooks import SeenEvent
from archive.cases import Actor, Case
from archive.db import Database, Unit, open_database
from bot import rooms
from bot.app import Bot
from bot.clock import Clock
from bot.matrix import Matrix
from bot.voice import Voice
from config import Config
from nlp import calendar
from tests.bot.conftest import bot_is_in
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_desk import card_of, opened, shows
from tests.homeserver import House

NIGHT = "2026-11-24 03:00"  # a Tuesday
MORNING = "2026-11-24 09:00"
URDU = "اسکول کی چھت گر گئی"
CLERK = Actor("@clerk:office.test", "Clerk")


@dataclass
class Office:
    """A bot whose clock is set by hand, a room with Ayesha and Bilal, and its archive."""

    bot: Bot
    db: Database
    config: Config
    now: Hands
    ayesha: Staff
    bilal: Staff
    room: str

    async def case(self, title: str, holder: Staff | None = None, *, due: str = "",
                   at: str = "2026-11-20 10:00", waiting_until: str = "") -> Case:
        """A case as the archive has it after some commands."""
        moment, key = Hands(at).at, f"${title}"
        docket = await self.db.write(casework.open_case(
            department="SED", year=2026, title=title, text="", room_id=self.room, actor=CLERK,
            at=moment, event_id=key, card_txn=f"{key}.card"))
        case = docket.case
        if holder:
            await self.db.write(casework.assign(
                case.id, "Bilal Baloch" if holder is self.bilal else "Ayesha Khan",
                holder.user_id, CLERK, moment, f"{key}1"))
        if due:
            await self.db.write(casework.due(
                case.id, Hands(due).at, due, CLERK, moment, f"{key}2"))
        if waiting_until:
            await self.db.write(casework.move(
                case.id, "waiting", CLERK, moment, f"{key}3", waiting_for="DC Kech",
                waiting_until=Hands(waiting_until).at))
        return case

    async def at(self, text: str) -> None:
        """It is that time, and the clock looks."""
        self.now.set(text)
        await self.bot.clock.tick()
        await self.sent()

    async def sent(self) -> None:
        """Wait until everything is sent."""
        async def empty() -> bool:
            rows = await self.db.read(
                "SELECT count(*) AS open FROM bot_outbox WHERE state = 'ready'")
            return rows[0]["open"] == 0
        await until(empty)


async def talk(staff: Staff) -> str:
    """The private talk that the bot invites somebody to, joined."""
    [(room_id, content)] = (await until(staff.invites)).items()
    assert content["is_direct"] is True
    await staff.join(room_id)
    return room_id


def settings_of(house: House, folder: Path, *staff: Staff) -> Config:
    config = config_for(house, f"sqlite:{folder / 'a.sqlite'}", folder,
                        tuple(person.user_id for person in staff))
    return replace(config, bot=replace(config.bot, digest="09:00"))


@pytest.fixture
async def office(house: House, tmp_path: Path) -> AsyncIterator[Office]:
    ayesha, bilal = await new_staff(house), await new_staff(house, "Bilal Baloch")
    config, now = settings_of(house, tmp_path, ayesha, bilal), Hands(NIGHT)
    async with ticking_bot(config, now) as bot:
        room = await ayesha.create_room(config.user_id(config.bot.user), bilal.user_id)
        await bilal.join(room)
        await until(lambda: bot_is_in(ayesha, room))
        db = await open_database(config.database_url)
        try:
            yield Office(bot, db, config, now, ayesha, bilal, room)
        finally:
            await db.close()


async def bodies(staff: Staff, room: str) -> list[str]:
    return [content["body"] for content in await staff.from_bot(room)]


async def test_a_persons_day(office: Office) -> None:
    ayesha, bilal = office.ayesha, office.bilal
    await office.case(URDU, ayesha, due="2026-11-20 16:00")
    await office.case("Salary of JVT", ayesha, due="2026-11-24 16:00")
    await office.case("Boundary wall", ayesha, due="2026-11-27 15:30")
    await office.case("Land papers", ayesha, waiting_until="2026-11-23 16:00")
    await office.case("Water tank", ayesha)
    others = await office.case("Hostel", bilal)
    await office.db.write(casework.mark(
        others.id, "watcher", [ayesha.user_id], CLERK, 5, "$w"))
    await office.at("2026-11-24 08:45")  # the office is open, and it is not nine yet
    assert not await ayesha.invites()
    await office.at(MORNING)
    room = await talk(ayesha)
    [digest] = await bodies(ayesha, room)
    assert digest == f"""\
Your cases · Tuesday 24 November 2026

Overdue
• 🔴 SED-2026-00001 · \u2068{URDU}\u2069 · overdue for 4 days

Due today
• SED-2026-00002 · Salary of JVT · by 16:00

Due this week
• SED-2026-00003 · Boundary wall · by Fri 27 Nov, 15:30

Waited until today
• 🔴 SED-2026-00004 · Land papers · for DC Kech, until Mon 23 Nov, 16:00

Also with you
• SED-2026-00005 · Water tank · since Fri 20 Nov, 10:00

Changed among those you watch
• SED-2026-00006 · Hostel · Clerk assigned it to Bilal Baloch

!digest off ends this, !digest 10:00 moves it."""
    assert "SED-2026-00006 · Hostel" in (await bodies(bilal, await talk(bilal)))[0]

    await office.at("2026-11-24 12:00")
    await office.at("2026-11-25 03:00")
    assert len(await bodies(ayesha, room)) == 1
    await office.db.write(casework.close(others.id, "repaired", Actor(bilal.user_id, "Bilal"),
                                         6, "$x"))
    await office.at("2026-11-25 09:00")
    [_, second] = await bodies(ayesha, room)
    assert second.count("SED-2026-00006") == 1
    assert "Hostel · Bilal closed it: repaired" in second
    assert "Due today" not in second and "overdue since yesterday, 16:00" in second
    for day in ("2026-11-28 10:00", "2026-12-25 10:00"):  # Saturday, Quaid-e-Azam Day
        await office.at(day)
    assert len(await bodies(ayesha, room)) == 2


async def test_nothing_to_say_and_no_business_of_theirs(office: Office) -> None:
    """Who has nothing hears nothing; who is not in a case's room learns nothing of it."""
    stranger = await new_staff(office.ayesha.house, "Stranger")
    await office.case("Secret matter", stranger)
    closed = await office.case("Done", office.ayesha)
    await office.db.write(casework.close(closed.id, "", CLERK, 6, "$x"))
    await office.at(MORNING)
    assert not await stranger.invites()
    assert not await office.ayesha.invites()
    # nor are the first cases of a day and of a room a reason, once the hour is over
    await office.case("Tank", office.ayesha)
    await office.at("2026-11-24 11:00")
    assert not await office.ayesha.invites()
    office.now.set("2026-11-30 08:00")
    other = await office.ayesha.create_room(office.config.user_id(office.config.bot.user))
    await until(lambda: bot_is_in(office.ayesha, other))
    office.room = other
    await office.case("Hostel", at="2026-11-30 09:30")
    await office.at("2026-11-30 11:00")
    assert not await office.ayesha.from_bot(other)


async def test_who_leaves_the_talk_is_left_alone(office: Office) -> None:
    ayesha = office.ayesha
    await office.case("Water tank", ayesha)
    await office.at(MORNING)
    room = await talk(ayesha)
    await ayesha.leave(room)
    await office.at("2026-11-25 09:00")
    await office.at("2026-11-26 09:00")
    assert not await ayesha.invites()
    answer = await ayesha.ask(office.room, "!digest on")
    assert answer["body"] == "You get your digest on office days at 09:00, in our private talk."
    await office.at("2026-11-27 09:00")
    assert await talk(ayesha) == room
    await office.sent()
    assert "Water tank" in (await bodies(ayesha, room))[-1]


async def test_digest_is_told_what_one_wishes(office: Office) -> None:
    ayesha, bot = office.ayesha, office.config.user_id(office.config.bot.user)
    await office.case("Water tank", ayesha)
    answer = await ayesha.ask(office.room, "!digest now")
    assert "say this in our private talk" in answer["body"]
    private = await ayesha.create_room(bot, name="")
    await until(lambda: bot_is_in(ayesha, private))
    assert "Water tank" in (await ayesha.ask(private, "!digest ابھی"))["body"]
    assert "at 10:30, in our" in (await ayesha.ask(private, "!خلاصہ ۱۰:۳۰"))["body"]
    assert "keep quiet then" in (await ayesha.ask(private, "!digest 23:15"))["body"]
    assert "at a time such as 09:30" in (await ayesha.ask(private, "!digest fortnightly"))["body"]
    before = len(await bodies(ayesha, private))
    await office.at(MORNING)
    assert len(await bodies(ayesha, private)) == before
    await office.at("2026-11-24 10:30")
    assert "Water tank" in (await bodies(ayesha, private))[before]  # no other room is made
    assert (await ayesha.ask(private, "!digest بند"))["body"] == "You get no digest."
    assert (await ayesha.ask(private, "!digest"))["body"] == "You get no digest."
    await office.at("2026-11-25 10:30")
    assert len(await bodies(ayesha, private)) == before + 3


async def test_a_rooms_week(office: Office) -> None:
    await office.case("Roof", office.ayesha, due="2026-11-27 15:30", at="2026-11-18 10:00")
    done = await office.case("Tank")
    await office.db.write(casework.close(
        done.id, "repaired", CLERK, Hands("2026-11-26 10:00").at, "$x"))
    await office.at("2026-11-26 10:00")  # in the middle of the week
    assert not [body for body in await bodies(office.ayesha, office.room) if "week" in body]
    office.now.set("2026-11-30 09:00")
    await office.at("2026-11-30 09:00")
    await office.at("2026-12-01 09:00")
    [week] = [body for body in await bodies(office.ayesha, office.room) if "week" in body]
    assert week == """\
This room's week · Monday 30 November 2026
Since Mon 23 Nov, 09:00: 0 opened, 1 closed. Now 1 open, 1 overdue.

Overdue
• 🔴 SED-2026-00001 · Roof · with Ayesha Khan, overdue for 3 days

Longest open
• 🔴 SED-2026-00001 · Roof · with Ayesha Khan, since Wed 18 Nov, 10:00

Closed
• SED-2026-00002 · Tank · repaired

With: Ayesha Khan 1"""
    await office.at("2026-12-07 12:00")  # the bot was away until noon
    assert len([body for body in await bodies(office.ayesha, office.room) if "week" in body]) == 2


async def thread_of(staff: Staff, room: str, card: str) -> list[dict[str, Any]]:
    return [c for c in await staff.from_bot(room)
            if c.get("m.relates_to", {}).get("rel_type") == "m.thread"
            and c["m.relates_to"]["event_id"] == card]


async def test_a_case_passes_its_date(office: Office) -> None:
    ayesha, bilal, room = office.ayesha, office.bilal, office.room
    number = await opened(ayesha, room, "!case open Roof of GGPS Thangi")
    await ayesha.ask(room, "!case take 1")
    await bilal.ask(room, "!case watch 1")
    await office.db.write(casework.due(1, Hands("2026-11-24 16:00").at, "today", CLERK, 5, "$d"))
    await office.at("2026-11-24 15:59")
    await office.at("2026-11-24 16:30")  # after hours
    card = await card_of(ayesha, room, number)
    assert "🔴" not in card["body"]
    for moment in ("2026-11-25 08:31", "2026-11-25 11:00", "2026-11-26 11:00"):
        await office.at(moment)
    await shows(ayesha, room, number, "🔴")
    notes = [c for c in await thread_of(ayesha, room, card["id"]) if "was due" in c["body"]]
    [note] = notes
    assert note["body"].startswith(
        f"🔴 Ayesha Khan: {number} was due 24 Nov 2026, 16:00 and is not done.")
    assert note["m.mentions"] == {"user_ids": [ayesha.user_id, bilal.user_id]}
    # another date is another matter
    await office.db.write(casework.due(1, Hands("2026-11-27 12:00").at, "Friday", CLERK, 6, "$e"))
    await office.at("2026-11-27 12:01")
    await office.db.write(casework.move(
        1, "waiting", CLERK, 7, "$f", waiting_for="XEN", waiting_until=Hands(
            "2026-11-30 16:00").at))
    await office.at("2026-12-01 10:00")
    said = [c["body"] for c in await thread_of(ayesha, room, card["id"])]
    assert len([body for body in said if "was due 27 Nov" in body]) == 1
    assert len([body for body in said if "was to wait for XEN until 30 Nov 2026" in body]) == 1


class Died(BaseException):
    """As by kill -9: nobody catches it."""


class Dying:
    """A database at which its owner dies: before or after the n-th write."""

    def __init__(self, db: Database, step: int) -> None:
        self._db = db
        self._left = step
        self.dialect = db.dialect

    async def read(self, sql: str, *args: Any) -> list[Any]:
        return await self._db.read(sql, *args)

    async def write(self, unit: Any, within: float = 0.0) -> Any:
        self._left -= 1
        if self._left == 0:
            unit.close()
            raise Died
        done = await self._db.write(unit, within)
        self._left -= 1
        if self._left == 0:
            raise Died
        return done


async def test_dying_at_every_step_tells_everything_once(house: House, tmp_path: Path) -> None:
    """The clock dies before and after each thing it writes, and a new one goes on: one private
    talk, one digest, one staff room, one word in the thread, one suggestion."""
    ayesha = await new_staff(house)
    config = settings_of(house, tmp_path, ayesha)
    config = replace(config, bot=replace(config.bot, staff_room="Daftar staff"))
    now, office_hours = Hands(MORNING), calendar.shipped()
    matrix = Matrix(config.homeserver.url, config.user_id(config.bot.user), config.bot.as_token)
    db = await open_database(config.database_url)
    try:
        await matrix.register(config.bot.user, "Daftar")
        room = await matrix.create_room("test", {"invite": [ayesha.user_id]})
        await ayesha.join(room)
        await db.write(casework.open_case(
            department="SED", year=2026, title="Roof", text="", room_id=room, actor=CLERK,
            at=now.at - 9, event_id="$1", card_txn="$1.card", schools=["07086"]))
        await db.write(suggested.keep(0, [], 1))
        await db.write(botbooks.record("t", "1", [SeenEvent(
            "$said", room, ayesha.user_id, "m.room.message", now.at,
            '{"msgtype": "m.text", "body": "BEMIS 07086 is closed"}', "seen")]))
        await db.write(casework.assign(1, "Ayesha", ayesha.user_id, CLERK, now.at - 8, "$2"))
        await db.write(casework.due(1, now.at - 7, "", CLERK, now.at - 8, "$3"))
        before = set(await ayesha.invites())
        died = 0
        for step in range(100):  # before the next write, after it, before the next …
            try:
                await Clock(config, Dying(db, 1 + step % 2), matrix, office_hours, now).tick()
                break
            except Died:
                died += 1
        assert died >= 16
        invited = set(await ayesha.invites()) - before
        assert len(invited) == 2
        rows = await db.read("SELECT txn_id, room_id FROM bot_outbox ORDER BY txn_id")
        assert [row["txn_id"] for row in rows] == [
            f"digest 2026-11-24 {ayesha.user_id}", f"overdue SED-2026-00001 {now.at - 7}.0",
            f"overdue SED-2026-00001 {now.at - 7}.1", "suggest $said", "suggest $said.key0",
            "suggest $said.key1"]
        assert (await questions.by_txn(db, "suggest $said")).options[0].command == (
            "case link SED-2026-00001 $said")
        assert rows[0]["room_id"] in invited
        voice = Voice(config, db, matrix, office_hours)
        assert await rooms.direct(voice, ayesha.user_id) == rows[0]["room_id"]
        assert (await cases.by_id(db, 1)).overdue(now.at)
    finally:
        await matrix.close()
        await db.close()


async def test_a_digest_fits_into_an_event(office: Office) -> None:
    """Also when everything is long and right to left; what is left out is counted."""
    for number in range(45):
        due = ("2026-11-20 16:00", "2026-11-24 16:00", "2026-11-27 15:30", "")[number % 4]
        case = await office.case(f"{number} {URDU * 11}"[:200], office.ayesha, due=due)
        await office.db.write(casework.mark(
            case.id, "watcher", [office.ayesha.user_id], CLERK, 5, f"$w{number}"))
        await office.db.write(casework.note(case.id, URDU * 40, CLERK, 6, f"$n{number}"))
    await office.at(MORNING)
    [digest] = await office.ayesha.from_bot(await talk(office.ayesha))
    assert "Overdue" in digest["body"] and "more" in digest["body"]
    assert len(digest["body"].encode()) + len(digest["formatted_body"].encode()) < 50_000


def _opened_at(at: int) -> Unit[None]:
    yield "UPDATE case_file SET opened_at = ?", (at,)  # not today, whenever that is


async def test_a_month(office: Office) -> None:
    """Looked at day and night for a month, with a new clock each week: a digest on every office
    day, a week's digest on its first, and one word about a date that passed."""
    await opened(office.ayesha, office.room, "!case open Roof")
    await office.ayesha.ask(office.room, "!case take 1")
    await office.db.write(casework.due(1, Hands("2026-12-09 16:00").at, "", CLERK, 5, "$d"))
    await office.db.write(_opened_at(Hands("2026-11-25 10:00").at))
    for day in range(1, 32):
        for hour in ("00:30", "07:45", "09:10", "12:00", "15:45", "20:00"):
            await office.at(f"2026-12-{day:02} {hour}")
        if day % 7 == 0:
            bot = office.bot
            bot.clock = Clock(office.config, office.db, bot._matrix, calendar.shipped(),
                              office.now, bot._outbox.wake)
    rows = await office.db.read("SELECT key FROM bot_told ORDER BY key")
    days = [int(row["key"].split()[1][-2:]) for row in rows if row["key"].startswith("digest")
            and row["key"].endswith(office.ayesha.user_id)]
    assert days == [day for day in range(1, 32)
                    if Hands(f"2026-12-{day:02} 12:00").day.weekday() < 5 and day != 25]
    assert [row["key"].split()[1] for row in rows if row["key"].startswith("week")] == [
        "2026-12-07", "2026-12-14", "2026-12-21", "2026-12-28"]
    assert len([row for row in rows if row["key"].startswith("overdue")]) == 1
    assert len(await office.ayesha.from_bot(await talk(office.ayesha))) == len(days)
