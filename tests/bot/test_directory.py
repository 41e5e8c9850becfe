"""The directory from inside a room: who holds what, postings and transfers, files, and names that
propose a posting; as a member of staff sees it."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from archive import directory, gazetteer_file, names, postings, roster, roster_import
from archive.cases import Actor
from archive.db import Database, open_database
from archive.model import Sender
from archive.postings import By
from bot.app import Bot
from config import Config
from tests.bot.conftest import bot_is_in
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_desk import offered, opened, press
from tests.bot.test_letters import content
from tests.homeserver import House

NOON = "2026-11-24 12:00"
BOOK = gazetteer_file.load()
FILE = """\
post,place,name,phone,from
DEO,Sibi,Ghulam Haider,03005120011,2016-05-09
DC,Sibi,Asmat Kurd,03004220023,2024-12-02
DEO,Kech,Sabir Hoth,03005120057,2024-03-18
DEO,Gwadar,Abdul Wahab,03005120059,2025-08-04
"""


@dataclass
class Office:
    """A bot with a staff room, an officer and a member of staff in a group's room."""

    bot: Bot
    db: Database
    config: Config
    now: Hands
    officer: Staff
    clerk: Staff
    room: str
    staff_room: str

    async def said(self, command: str, **where: Any) -> str:
        """What the bot answers to the officer."""
        return (await self.officer.ask(self.room, command, **where))["body"]

    async def agreed(self, command: str, **where: Any) -> tuple[str, str]:
        """(the question that a command leads to, what is said after a ✅)."""
        asked = await self.officer.ask(self.room, command, **where)
        assert asked["body"].endswith("✅ do it\n❌ leave it"), asked["body"]
        await press(self.officer, self.room, asked["id"], "✅")
        [done] = await until(lambda: self.officer.answers(self.room, asked["id"]))
        return asked["body"], done["body"]

    async def holders(self, post: str, day: str = "2026-11-24") -> list[str]:
        """Who holds a post in the archive."""
        return [one.person for one in await postings.holders(self.db, BOOK.post(post), day)]

    async def tick(self) -> list[dict[str, Any]]:
        """Let the clock look; the questions in the staff room then."""
        await self.bot.clock.tick()
        await until(self._sent)
        return [c for c in await self.officer.from_bot(self.staff_room)
                if "m.relates_to" not in c]

    async def _sent(self) -> bool:
        rows = await self.db.read(
            "SELECT count(*) AS open FROM bot_outbox WHERE state = 'ready'")
        return rows[0]["open"] == 0


@pytest.fixture
async def office(house: House, database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    officer, clerk = await new_staff(house), await new_staff(house, "Bilal Baloch")
    config = config_for(house, database_url, tmp_path, (officer.user_id, clerk.user_id))
    config = replace(config, bot=replace(
        config.bot, staff_room="Daftar staff", roles={officer.user_id: "officer"}))
    now = Hands(NOON)
    async with ticking_bot(config, now) as bot:
        [staff_room] = await until(officer.invites)
        for person in (officer, clerk):
            await until(person.invites)
            await person.join(staff_room)
        room = await officer.create_room(config.user_id(config.bot.user), clerk.user_id)
        await clerk.join(room)
        await until(lambda: bot_is_in(officer, room))
        db = await open_database(config.database_url)
        try:
            await db.write(roster_import.take(
                roster.read(FILE.encode(), BOOK), BOOK, By(Actor("", "a file"), now()),
                "2026-11-24"))
            yield Office(bot, db, config, now, officer, clerk, room, staff_room)
        finally:
            await db.close()


async def test_who_holds_a_post_and_who_somebody_is(office: Office) -> None:
    said = await office.said("!who deo sini")
    assert said.splitlines() == [
        "DEO Sibi (District Education Officer)",
        "Now: Ghulam Haider, +923005120011, since 9 May 2016",
        "Under: Director (Schools) Balochistan, DC Sibi"]
    assert "On 1 jan 2016: nobody holds it" in await office.said("!who DEO Sibi on 1 Jan 2016")
    assert "Under: Commissioner Zhob Division" in await office.said("!who DC Lri on 01-01-2020")
    chat = await office.db.write(directory.ensure_chat("1@g.us", "DEOs Sibi", "", 1))
    await office.db.write(directory.set_room(chat.id, office.room))
    other = await office.db.write(directory.ensure_chat("2@g.us", "Secret group", "", 1))
    for group in (chat, other):
        await office.db.write(directory.set_members(
            group.id, [(Sender(pn="923005120011", push_name="~Haider"), "member")], 1))
    for question in ("!who +92 300 5120011", "!who 0300-5120011", "!who ghulam haider"):
        said = await office.said(question)
        assert said.splitlines() == [
            "Ghulam Haider", "Post: DEO Sibi, since 9 May 2016", "Number: +923005120011",
            "Also called: ~Haider", "Groups: DEOs Sibi and 1 where you are not"], question
    assert "1 people" not in said
    many = await office.said("!who All DEOs Makran Division")
    assert many.splitlines()[1:] == [
        "• DEO Gwadar · Abdul Wahab · +923005120059", "• DEO Kech · Sabir Hoth · +923005120057",
        "• DEO Panjgur · vacant"]
    assert "did you mean DEO Sibi? Shall I do that?" in await office.said("!who DEO Sbi")
    assert "I know nobody called qwertz." in (await office.said("!who qwertz")) + "."
    assert "I know nobody with +923110000000" in await office.said("!who +923110000000")


async def test_postings_are_officers_work(office: Office) -> None:
    answer = await office.clerk.ask(office.room, "!post assign DEO Kohlu Ghulam Haider")
    assert "one must be an officer, and you are a member of staff here" in answer["body"]
    assert (await office.clerk.ask(office.room, "!who DEO Sibi"))["body"].startswith("DEO Sibi")


async def test_a_vacant_post_is_filled_and_a_holder_relieved(office: Office) -> None:
    said = await office.said("!post assign DEO Kohlu +92 300 5120032 Jan Muhammad from 01-10-2026")
    assert said == "DEO Kohlu: Jan Muhammad from 1 Oct 2026."
    assert await office.holders("DEO Kohlu") == ["Jan Muhammad"]
    asked, done = await office.agreed("!post assign DEO Sibi to Jan Muhammad from 1 Nov 2026")
    assert "DEO Sibi: Ghulam Haider leaves on 1 Nov 2026." in asked
    assert done == ("DEO Sibi: Ghulam Haider leaves on 1 Nov 2026.\n"
                    "DEO Sibi: Jan Muhammad from 1 Nov 2026.")
    assert await office.holders("DEO Sibi", "2026-10-31") == ["Ghulam Haider"]
    assert await office.holders("DEO Sibi") == ["Jan Muhammad"]
    said = await office.said("!who DEO Sibi")
    assert "Before: Ghulam Haider, 9 May 2016 to 1 Nov 2026" in said
    history = await office.said("!post history DEO Sibi")
    assert "a file: DEO Sibi: Ghulam Haider from 9 May 2016." in history
    assert "Ayesha Khan: DEO Sibi: Ghulam Haider leaves on 1 Nov 2026." in history
    assert "holds DEO Sibi already" in await office.said("!post assign DEO Sibi Jan Muhammad")


async def test_a_transfer(office: Office) -> None:
    asked, _ = await office.agreed(
        "!post transfer Sabir Hoth to DEO Panjgur from 2090-12-01")
    assert "DEO Kech: Sabir Hoth leaves on 1 Dec 2090.\nDEO Panjgur: Sabir Hoth from 1" in asked
    assert await office.holders("DEO Kech") == ["Sabir Hoth"]
    assert await office.holders("DEO Kech", "2090-12-01") == []
    assert await office.holders("DEO Panjgur", "2090-12-01") == ["Sabir Hoth"]
    assert "Then: DEO Panjgur, from 1 Dec 2090" in await office.said("!who Sabir Hoth")
    asked, done = await office.agreed("!post vacate DEO Panjgur from 1 Dec 2090")
    assert done == "DEO Panjgur: Sabir Hoth from 1 Dec 2090 is taken back." in asked
    said = await office.said("!post vacate DEO Gwadar from 1 Dec 2090")
    assert said == "DEO Gwadar: Abdul Wahab leaves on 1 Dec 2090."


async def test_what_cannot_be(office: Office) -> None:
    for command, told in (
            ("!post assign DEO Sbi Ghulam Haider", "did you mean DEO Sibi?"),
            ("!post assign DEO Kohlu Gulam Hyder", "did you mean Ghulam Haider?"),
            ("!post assign DEO Kohlu ghulam", "did you mean Ghulam Haider?"),
            ("!post assign DEO Kohlu {0} {person}", "I know nobody called {0} {person}"),
            ("!post assign {post} {rest", "I know no post '{post} {rest'"),
            ("!post assign DEO Kohlu Nobody Known", "Give the number as well"),
            ("!post assign DEO Kohlu Ghulam Haider from 31-09-2026",
             "31-09-2026 is a date that does not exist."),
            ("!post assign DC Sibi Sabir Hoth from 02-12-2024", "vacate it first: !post vacate DC"),
            ("!post vacate DEO Kohlu", "Nobody holds DEO Kohlu now."),
            ("!post transfer Sabir Hoth DEO Panjgr", "did you mean DEO Panjgur?"),
            ("!post transfer Sajid Ali DEO Panjgr", "did you mean DEO Panjgur?"),
            ("!post transfer Sabir Hoth", "To which post?"),
            ("!post assign", "Which post?"),
            ("!post list district Sbi", "did you mean Sibi?"),
            ("!post import", "as a reply to a CSV file")):
        assert told in await office.said(command), command
    assert await office.holders("DEO Kohlu") == []
    asked = await office.officer.ask(
        office.room, "!post assign DEO Kolhu Ghulam Haider from 1-10-2026")
    await press(office.officer, office.room, asked["id"], "✅")  # the nearest one, by one tap
    [done] = await until(lambda: office.officer.answers(office.room, asked["id"]))
    assert done["body"] == "DEO Kohlu: Ghulam Haider from 1 Oct 2026."


async def test_two_of_one_name_are_asked_about(office: Office) -> None:
    for number in (1, 2):
        person = await office.db.write(directory.ensure(Sender(pn=f"92300777000{number}"), 1))
        await office.db.write(names.add(person, "office", "Gul Khan", 1))
    asked = await office.officer.ask(office.room, "!post assign DEO Kohlu Gul Khan from 1-10-2026")
    assert "2 people are called Gul Khan." in asked["body"]
    assert "Gul Khan, +923007770001" in asked["body"]
    await press(office.officer, office.room, asked["id"], "2️⃣")
    [done] = await until(lambda: office.officer.answers(office.room, asked["id"]))
    assert done["body"] == "DEO Kohlu: Gul Khan from 1 Oct 2026."


async def test_lists(office: Office) -> None:
    said = await office.said("!post list district Sibi")
    assert said.splitlines() == [
        "Posts, Sibi (4)", "• DC Sibi · Asmat Kurd · +923004220023", "• DEO Sibi · Ghulam Haider "
        "· +923005120011", "• DMC Sibi · vacant", "• DOE(F) Sibi · vacant"]
    vacant = await office.said("!post list vacant division Makran")
    assert "• DEO Panjgur · vacant" in vacant and "DEO Kech" not in vacant
    assert "• Commissioner Makran Division · vacant" in vacant
    assert "Vacant posts (" in await office.said("!عہدے فہرست خالی")


async def file_in(staff: Staff, room: str, data: bytes, caption: str = "") -> str:
    """A file in a room, with words or without."""
    server = staff.house.config.homeserver.url
    async with ClientSession(headers={"Authorization": f"Bearer {staff.token}"}) as http, http.post(
            f"{server}/_matrix/media/v3/upload", data=data) as answer:
        url = (await answer.json())["content_uri"]
    return await staff.send(room, {
        "msgtype": "m.file", "filename": "directory.csv", "body": caption or "directory.csv",
        "url": url, "info": {"mimetype": "text/csv"}})


async def test_a_file_is_taken_in_and_given_out(office: Office) -> None:
    new = FILE + "DEO,Kohlu,Jan Muhammad,03005120032,2026-10-01\nDEO,Sibi,Sajid Ali,,2026-11-01\n"
    file = await file_in(office.officer, office.room, new.encode())
    asked, done = await office.agreed("!post import", reply_to=file)
    assert "6 lines, 6 people: 2 postings added, 1 posting ended" in asked
    assert done == "6 lines, 6 people: 2 postings added, 1 posting ended."
    assert await office.holders("DEO Sibi") == ["Sajid Ali"]
    made = await office.officer.ask(office.room, "!post export")
    assert made["msgtype"] == "m.file" and made["filename"].startswith("directory 20")
    data = await content(office.officer, made)
    found = roster.read(data, BOOK)
    assert found.problems == () and len(found.lines) == 6
    command = await file_in(office.officer, office.room, data, "!post import")  # as a caption
    [answer] = await until(lambda: office.officer.answers(office.room, command))
    assert answer["body"] == "6 lines, 6 people: all stands in the directory already."


async def test_a_wrong_file_is_told_line_by_line_and_nothing_is_taken(office: Office) -> None:
    wrong = FILE + "DEO,Sbii,A,,\nDEO,Kohlu,B,,31-09-2026\nDEO,Kohlu,C,,2026-11-01\n"
    command = await file_in(office.officer, office.room, wrong.encode(), "!post import")
    [answer] = await until(lambda: office.officer.answers(office.room, command))
    assert answer["body"].startswith("Nothing of the file is taken")
    assert "• line 6: Sbii is no district of the gazetteer; did you mean Sibi?" in answer["body"]
    assert "• line 7: 31-09-2026 is a date that does not exist" in answer["body"]
    assert await office.holders("DEO Kohlu") == []
    text = await office.officer.say(office.room, "no file")
    assert "There is no file" in await office.said("!post import", reply_to=text)


async def test_a_case_goes_to_a_post_and_its_holder_is_named(office: Office) -> None:
    number = await opened(office.officer, office.room, "!case open No water")
    said = await office.said("!case assign 1 deo sini")
    assert said == f"{number} is with DEO Sibi, today Ghulam Haider."
    said = await office.said("!case assign 1 DEO Kohlu")
    assert said == f"{number} is with DEO Kohlu; nobody holds that post today (before: DEO Sibi)."
    assert await office.said("!case assign 1 Bilal") == (
        f"{number} is with Bilal (before: DEO Kohlu).")


async def test_names_propose_postings_in_the_staff_room(office: Office) -> None:
    async def seen(number: int, name: str) -> int:
        return await office.db.write(directory.ensure(
            Sender(pn=f"92300888000{number}", push_name=name), office.now()))
    await seen(1, "Sajid DMC Sibi")
    await seen(2, "DEO Sibi Naseebullah")
    await seen(3, "Wahid Sb Add. Secretary")
    await seen(4, "Driver Karim")
    haider = await directory.find(office.db, "pn", "923005120011")
    await office.db.write(names.add(haider.id, "push", "DEO Sibi Haider", 1))  # known already
    questions = await office.tick()
    assert [c["body"].split("\n")[0] for c in questions] == [
        "“Sajid DMC Sibi” (+923008880001) seems to be DMC Sibi. Nobody holds DMC Sibi in the "
        "directory.",
        "“DEO Sibi Naseebullah” (+923008880002) seems to be DEO Sibi. DEO Sibi is held by Ghulam "
        "Haider, since 9 May 2016, who would be relieved today.",
        "“Wahid Sb Add. Secretary” (+923008880003) seems to be Additional Secretary SED. Nobody "
        "holds Additional Secretary SED in the directory."]
    assert await office.holders("DMC Sibi") == []  # never imposed
    room = office.staff_room
    await offered(office.officer, room, questions[0]["id"], "✅", "❌")
    await press(office.clerk, room, questions[0]["id"], "✅")  # no officer
    [refused] = await until(lambda: office.officer.answers(room, questions[0]["id"]))
    assert "one must be an officer" in refused["body"]
    await press(office.officer, room, questions[0]["id"], "✅")
    _, done = await until(lambda: _two(office.officer, room, questions[0]["id"]))
    assert done["body"] == "DMC Sibi: Sajid DMC Sibi."
    assert await office.holders("DMC Sibi") == ["Sajid DMC Sibi"]
    await press(office.officer, room, questions[1]["id"], "❌")
    [no] = await until(lambda: office.officer.answers(room, questions[1]["id"]))
    assert no["body"] == "Nothing was done."
    await seen(2, "Naseebullah DEO Sibi")  # the same person and post, in other words
    await seen(1, "Sajid DMC Sibi")
    assert len(await office.tick()) == 3


async def _two(staff: Staff, room: str, event: str) -> list[dict[str, Any]] | None:
    found = await staff.answers(room, event)
    return found if len(found) == 2 else None


async def test_no_more_than_a_few_names_are_asked_about_at_once(office: Office) -> None:
    for number, place in enumerate(
            [place for place in BOOK.places.values() if place.sort == "district"][:12]):
        await office.db.write(directory.ensure(Sender(
            pn=f"9230088801{number:02}", push_name=f"DMC {place.name} sb"), office.now()))
    questions = await office.tick()
    assert len(questions) == 5
    await press(office.officer, office.staff_room, questions[0]["id"], "❌")
    await until(lambda: office.officer.answers(office.staff_room, questions[0]["id"]))
    assert len(await office.tick()) == 6
