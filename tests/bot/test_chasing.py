"""Orders that are not done: reminders, the board of what is overdue, escalation; the clock set by
hand."""
from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from archive import botbooks, directing, directives, directory, settings
from archive.answers import Answering
from archive.botbooks import SeenEvent
from archive.cases import Actor
from archive.db import Database, open_database
from archive.directing import By, Charged
from archive.directives import Directive, Finding, Heard
from archive.model import Sender
from bot import polite, rooms
from bot.app import Bot
from bot.clock import Clock
from bot.orders import Read
from config import Config, ConfigError, Directives
from nlp import calendar
from tests.bot.conftest import bot_is_in
from tests.bot.offices import ByHand, Script
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_clock import Died, Dying
from tests.homeserver import House

CLERK = Actor("@clerk:office.test", "Clerk")
TUESDAY = "2026-11-24"


@dataclass
class Office:
    """A bot whose clock is set by hand, a group's room, the staff room, and the directory."""

    bot: Bot
    db: Database
    config: Config
    now: Hands
    ayesha: Staff
    room: str
    staff_room: str
    offices: ByHand

    async def order(self, what: str, *posts: str, at: str = "2026-11-23 10:00", due: str = ""
                    ) -> Directive:
        """A confirmed order in a message of the group."""
        event = await self.ayesha.say(self.room, what)
        moment = Hands(at).at
        by = By(CLERK, moment, event)
        [row] = await self.db.write(directing.propose(
            Heard(event, self.room, "@wa_1:office.test", "Nadia", moment, what),
            [Finding(event, posts, what, Hands(due).at if due else None, bool(due))], by))
        charged = [Charged(post, post.split()[-1]) for post in posts]
        return await self.db.write(directing.confirm(row, 2026, charged, by))

    async def at(self, text: str) -> None:
        """It is that time, the clock looks, and everything is sent."""
        self.now.set(text)
        await self.bot.clock.tick()

        async def empty() -> bool:
            rows = await self.db.read(
                "SELECT count(*) AS open FROM bot_outbox WHERE state = 'ready'")
            return rows[0]["open"] == 0
        await until(empty)

    async def said(self, room: str, words: str) -> list[dict[str, Any]]:
        """What the bot said in a room that begins so."""
        return [c for c in await self.ayesha.from_bot(room) if c["body"].startswith(words)]


@pytest.fixture
async def office(house: House, tmp_path: Path, request: pytest.FixtureRequest
                 ) -> AsyncIterator[Office]:
    ayesha = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (ayesha.user_id,))
    config = replace(config, bot=replace(config.bot, staff_room="Daftar staff"),
                     directives=getattr(request, "param", Directives(remind="group")))
    now, offices = Hands(f"{TUESDAY} 03:00"), ByHand()
    offices.put("DEO Sibi", "Qadir Marri", until="2026-11-26")
    offices.put("DEO Sibi", "Bibi Gul", since="2026-11-26")
    offices.put("DC Sibi", "Asad Khan")
    offices.line = {"DEO Sibi": "DC Sibi", "DC Sibi": "Commissioner Sibi Division",
                    "Commissioner Sibi Division": "DC Sibi"}
    async with ticking_bot(config, now, offices=offices) as bot:
        room = await ayesha.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(ayesha, room))
        db = await open_database(config.database_url)
        try:
            staff_room = await until(lambda: settings.get(db, rooms.STAFF_ROOM))
            await until(ayesha.invites)
            await ayesha.join(staff_room)
            yield Office(bot, db, config, now, ayesha, room, staff_room, offices)
        finally:
            await db.close()


async def test_reminders_are_polite_and_come_once_a_day(office: Office) -> None:
    first = await office.order("List of closed schools", "DEO Sibi", due=f"{TUESDAY} 12:00")
    await office.order("Report on the roof", "DEO Sibi", due="2026-11-25 16:00")
    await office.order("Far away", "DEO Sibi", due="2026-12-20 16:00")
    await office.at(f"{TUESDAY} 07:00")  # the office is closed
    assert not await office.said(office.room, "")
    await office.at(f"{TUESDAY} 09:30")
    [told] = await office.said(office.room, "")
    assert told["body"].startswith(
        "Qadir Marri (DEO Sibi), a kind reminder:\nD-2026-0001: List of closed schools. It is due "
        "24 Nov 2026, 12:00.\nD-2026-0002: Report on the roof. It is due 25 Nov 2026, 16:00.\n"
        "Please reply")
    assert "صاحب، مؤدبانہ یاد دہانی" in told["body"] and "Far away" not in told["body"]
    assert told["m.relates_to"]["m.in_reply_to"]["event_id"] == first.event_id
    assert told["org.daftar.speaks_for"] == office.config.user_id(office.config.bot.user)
    for clock in ("09:31", "13:30", "15:50", "21:00"):
        await office.at(f"{TUESDAY} {clock}")
    assert len(await office.said(office.room, "")) == 1
    [board] = await office.said(office.staff_room, "🔴 Overdue")
    assert "D-2026-0001" in board["body"] and "overdue since 12:00" in board["body"]
    await office.db.write(directing.move(
        first.id, "DEO Sibi", "complied", office.now.at, "", By(CLERK, office.now.at)))
    await office.at("2026-11-26 09:00")  # another person holds the post now
    last = (await office.said(office.room, ""))[-1]
    assert last["body"].startswith("Bibi Gul (DEO Sibi), a kind reminder:\nD-2026-0002")
    assert "It was due 25 Nov 2026, 16:00." in last["body"]
    assert "D-2026-0001" not in last["body"]


async def test_what_has_no_date_is_asked_about_when_nobody_answers(office: Office) -> None:
    order = await office.order("Look into it", "DEO Sibi", at="2026-11-23 10:00")
    for day in ("2026-11-24", "2026-11-25"):
        await office.at(f"{day} 10:00")
    assert not await office.said(office.room, "")
    await office.at("2026-11-26 10:00")
    [told] = await office.said(office.room, "Bibi Gul")
    assert "It was given 23 Nov 2026, and no answer has come yet." in told["body"]
    await office.db.write(directing.move(
        order.id, "DEO Sibi", "acknowledged", office.now.at, "", By(CLERK, office.now.at)))
    await office.at("2026-11-27 10:00")
    assert len(await office.said(office.room, "")) == 1


async def test_the_ladder_ends_where_it_goes_round(office: Office) -> None:
    order = await office.order("Report", "DEO Sibi", due="2026-11-24 16:00")
    for day in range(25, 28):
        await office.at(f"2026-11-{day} 10:00")
    [up] = await office.said(office.room, "Asad Khan (DC Sibi): D-2026-0001")
    assert "to DEO Sibi (Report) was due 24 Nov 2026, 16:00 and is not done." in up["body"]
    assert up["m.relates_to"]["m.in_reply_to"]["event_id"] == order.event_id
    [staff] = await office.said(office.staff_room, "⬆ D-2026-0001")
    assert "before DC Sibi (Asad Khan)" in staff["body"]
    for day in ("2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04",
                "2026-12-07", "2026-12-08"):
        await office.at(f"{day} 10:00")
    [vacant] = (await office.said(office.staff_room, "⬆ D-2026-0001"))[1:]
    assert "before Commissioner Sibi Division (vacant)" in vacant["body"]
    [circle] = await office.said(office.staff_room, "D-2026-0001 is not done by DEO Sibi, and")
    assert "goes round in a circle at DC Sibi: the directory is to be mended" in circle["body"]
    found = await directives.by_id(office.db, order.id)
    assert found and found.charges[0].escalated_to == "Commissioner Sibi Division"
    assert len([deed for deed in await directives.deeds(office.db, order.id)
                if deed.kind == "overdue"]) == 1


@pytest.mark.parametrize("office", [Directives(remind="staff", language="en", escalate_days=0)],
                         indirect=True)
async def test_reminders_for_the_staff_to_send(office: Office) -> None:
    await office.order("Report", "DEO Sibi", "DEO Kech", due="2026-11-25 16:00")
    await office.order("List", "DEO Kech", due="2026-11-24 15:00")
    for clock in ("09:00", "11:00", "14:00"):
        await office.at(f"{TUESDAY} {clock}")
    assert not await office.said(office.room, "")
    [told] = await office.said(office.staff_room, "To be reminded today")
    assert "DEO Sibi (Qadir Marri):" in told["body"] and "DEO Kech (vacant):" in told["body"]
    assert told["body"].count("D-2026-0001") == 2 and "directive remind NUMBER" in told["body"]
    for day in ("2026-11-25", "2026-11-26", "2026-11-27"):
        await office.at(f"{day} 09:00")
    assert not await office.said(office.staff_room, "⬆")
    assert len(await office.said(office.staff_room, "🔴 Overdue")) == 3


@pytest.mark.parametrize("office", [Directives(remind="direct", language="ur")], indirect=True)
async def test_reminders_in_private(office: Office) -> None:
    """In a private talk with somebody of the house, in the direct chat with an official, and in
    the staff room where there is neither."""
    office.offices.put("DEO Kech", "Ayesha Khan", office.ayesha.user_id)
    office.offices.put("DEO Hub", "Hani", "@wa_923001:office.test")
    hub = await office.ayesha.create_room(office.config.user_id(office.config.bot.user))
    await until(lambda: bot_is_in(office.ayesha, hub))
    person = await office.db.write(directory.ensure(Sender(pn="923001", push_name="Hani"), 1))
    await office.db.write(directory.set_ghost(person, "@wa_923001:office.test"))
    chat = await office.db.write(directory.ensure_chat("923001@s.whatsapp.net", "Hani", "", 1))
    await office.db.write(directory.set_room(chat.id, hub))
    await office.order("Report", "DEO Kech", "DEO Hub", "DEO Sibi", due="2026-11-24 15:00")
    await office.at(f"{TUESDAY} 09:00")
    [(talk, content)] = (await until(office.ayesha.invites)).items()
    assert content["is_direct"]
    await office.ayesha.join(talk)
    [mine] = await office.said(talk, "Ayesha Khan (DEO Kech) صاحب")
    assert "kind reminder" not in mine["body"]
    [private] = await office.said(hub, "Hani (DEO Hub) صاحب")
    assert "m.relates_to" not in private and private["msgtype"] == "m.text"
    [staff] = await office.said(office.staff_room, "To be reminded today")
    assert "DEO Sibi (Qadir Marri)" in staff["body"] and "DEO Kech" not in staff["body"]
    assert not await office.said(office.room, "")


@pytest.mark.parametrize("office", [Directives(remind="off")], indirect=True)
async def test_nobody_is_reminded_where_that_is_off(office: Office) -> None:
    await office.order("Report", "DEO Sibi", due="2026-11-23 15:00")
    await office.at(f"{TUESDAY} 09:00")
    assert not await office.said(office.room, "")
    assert await office.said(office.staff_room, "🔴 Overdue")  # it is shown all the same
    assert not await office.said(office.staff_room, "To be")


async def test_digests_mention_directives(office: Office) -> None:
    config = replace(office.config, bot=replace(office.config.bot, digest="09:00"),
                     directives=Directives(remind="off"))
    office.offices.put("DEO Kech", "Ayesha Khan", office.ayesha.user_id)
    by = By(CLERK, Hands("2026-11-20 10:00").at, "$x")
    [row] = await office.db.write(directing.propose(
        Heard("$x", office.room, "@a:b", "Nadia", by.at, "Report"),
        [Finding("$x", ("DEO Kech",), "Report", Hands("2026-11-23 15:00").at)], by))
    await office.db.write(directing.confirm(
        row, 2026, [Charged("DEO Kech", "Kech", "Ayesha Khan", office.ayesha.user_id)], by))
    office.bot.clock._voice.config = config
    await office.at(f"{TUESDAY} 09:00")
    [(talk, _)] = (await until(office.ayesha.invites)).items()
    await office.ayesha.join(talk)
    [digest] = await office.said(talk, "Your directives")
    assert "Directives with you: 1 open, 1 overdue. !directive list mine" in digest["body"]


async def test_it_dies_anywhere_and_does_all_once(office: Office) -> None:
    """The clock dies before and after each thing that it writes: nothing is lost, nothing twice."""
    await office.order("List", "DEO Sibi", "DEO Kech", due="2026-11-18 16:00",
                       at="2026-11-16 10:00")
    script = Script({"Report please": Read((Finding("", ("DEO Hub",), "report"),), (
        Answering(1, "DEO Kech", "complied"),))})
    office.bot.clock._reader = script  # it runs beside, and whoever comes first does it
    await office.at(f"{TUESDAY} 03:00")
    said = "$said"
    await office.db.write(botbooks.record("t", "1", [SeenEvent(
        said, office.room, office.ayesha.user_id, "m.room.message", Hands("2026-11-23 11:00").at,
        '{"msgtype": "m.text", "body": "Report please"}', "seen")]))
    office.now.set(f"{TUESDAY} 09:00")
    died, matrix = 0, office.bot._matrix
    for step in range(100):  # before the next write, after it, before the next …
        clock = Clock(office.config, Dying(office.db, 1 + step % 2), matrix, calendar.shipped(),
                      office.now, reader=script, offices=office.offices)
        try:
            await clock.tick()
            break
        except Died:
            died += 1
    assert died >= 10
    rows = await office.db.read("SELECT txn_id FROM bot_outbox WHERE txn_id LIKE 'directive%'"
                                " OR txn_id LIKE 'answer%' ORDER BY txn_id")
    keys = [row["txn_id"] for row in rows if ".key" not in row["txn_id"]]
    assert len(keys) == len(set(keys))
    day = f"directive-day {TUESDAY}"
    assert [key for key in keys if key.startswith(day)] == [
        f"{day} board", f"{day} remind DEO Kech.0", f"{day} remind DEO Sibi.0"]
    assert len([key for key in keys if key.startswith(f"directive {said}")]) == 1
    assert len([key for key in keys if key.startswith(f"answer {said}")]) == 1
    deeds = Counter((deed.kind, deed.post) for deed in await directives.deeds(office.db, 1))
    assert deeds == Counter({
        ("propose", ""): 1, ("confirm", ""): 1, ("overdue", "DEO Sibi"): 1,
        ("overdue", "DEO Kech"): 1, ("remind", "DEO Sibi"): 1, ("remind", "DEO Kech"): 1,
        ("escalate", "DEO Sibi"): 1})


def test_templates_of_a_department(tmp_path: Path) -> None:
    def loaded(text: str) -> polite.Templates:
        path = tmp_path / "words.yaml"
        path.write_text(text, encoding="utf-8")
        config = replace(CONFIG, directives=Directives(templates=str(path), language="en"))
        return polite.load(config)
    shipped = polite.SHIPPED.read_text(encoding="utf-8")
    assert loaded(shipped.replace("a kind reminder", "may I remind you")).reminder(
        "DEO Sibi", "", []).startswith("DEO Sibi, may I remind you:")
    for broken, words in (
            (shipped.replace("{action}", "{deed}"), "may use {action}"),
            (shipped.replace("  closing:", "  ending:"), "lacks en.closing"),
            (shipped.replace("en:", "english:"), "has no part 'en'"),
            (shipped.replace("{holder} ({post})", "{holder (post)"), "en.greeting"),
            ("- a\n- b", "has no part"), ("a: [", "cannot be read")):
        with pytest.raises(ConfigError, match=r"directives\.templates") as error:
            loaded(broken)
        assert words in str(error.value), broken[:80]


CONFIG = Config(homeserver=None, bridge=None, bot=None)  # type: ignore[arg-type]
