"""`!school` and `!notification` in a room, as a member of staff sees them."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from archive import directing, directory, messages, schools, unread, visiting
from archive.cases import Actor
from archive.db import Database, Unit, open_database
from archive.directing import By, Charged
from archive.directives import Finding, Heard
from archive.model import NewRecord, Sender
from archive.schools import School
from archive.visiting import Told
from archive.visits import Figures, Named
from bot.commands.notifications import read_month
from tests.bot.conftest import Desk
from tests.bot.people import Staff, until
from tests.bot.test_desk import opened, press

SAJJAD = Sender(pn="923001110001", push_name="Sajjad RTSM Sibi")
DAY = 86_400_000
LIST = """\
BEMIS Code,School Name,District,Lat,Long
07086,GBPS Thangao Hara,SIBI,29.54,67.87
5117,GGPS Kurak,Sini,29.6,67.9
05118,GGPS Kurak,Kech,26.0,63.0
"""


@dataclass
class SchoolDesk:
    """A desk whose room mirrors a group, and its archive."""

    desk: Desk
    db: Database
    chat_id: int

    @property
    def staff(self) -> Staff:
        return self.desk.staff

    async def ask(self, command: str, **where: Any) -> dict[str, Any]:
        return await self.staff.ask(self.desk.room_id, command, **where)

    async def record(self, name: str, at: int, text: str = "", kind: str = "text",
                     told: tuple[str, Figures, Named] | None = None, **more: Any
                     ) -> tuple[int, str]:
        """A message of the group and the event that shows it. `told`: what it tells of a visit,
        read already."""
        event = await self.staff.say(self.desk.room_id, text or "[picture]")

        def unit() -> Unit[int]:
            record_id, _ = yield from messages.add(NewRecord(
                self.chat_id, kind, "whatsapp", name, SAJJAD, at, at + 100, text, **more))
            yield from messages.link_event(event, self.desk.room_id, record_id)
            if told:
                yield from visiting.note([Told(record_id, record_id, *told)])
                yield from unread.done([record_id])
            return record_id
        return await self.db.write(unit()), event

    async def visit(self, name: str, at: int, figures: Figures, bemis: str = "07086",
                    kind: str = "report") -> str:
        named = Named("GBPS Thangao Hara", bemis) if kind == "report" else Named()
        _, event = await self.record(name, at, kind="text" if kind == "report" else "image",
                                     told=(kind, figures, named))
        return event


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[SchoolDesk]:
    db = await open_database(desk.config.database_url)
    try:
        chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "RTSM", "", 1))
        await db.write(directory.set_room(chat.id, desk.room_id))
        yield SchoolDesk(desk, db, chat.id)
    finally:
        await db.close()


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+05:00").timestamp() * 1000)


async def file_in(staff: Staff, room: str, data: bytes) -> str:
    server = staff.house.config.homeserver.url
    async with ClientSession(headers={"Authorization": f"Bearer {staff.token}"}) as http, http.post(
            f"{server}/_matrix/media/v3/upload", data=data) as answer:
        url = (await answer.json())["content_uri"]
    return await staff.send(room, {"msgtype": "m.file", "filename": "schools.csv",
                                   "body": "schools.csv", "url": url,
                                   "info": {"mimetype": "text/csv"}})


async def test_a_schools_history(office: SchoolDesk) -> None:
    await office.db.write(schools.take([School(
        "07086", "GBPS Thangao Hara", "Sibi", "Lehri", "primary", "boys",
        teachers_sanctioned=1)], Actor("", "test"), 1))
    empty = await office.ask("!school 07086")
    assert empty["body"].startswith(
        "GBPS Thangao Hara · BEMIS 07086\nDistrict Sibi · tehsil Lehri · primary, boys · 1 "
        "sanctioned post\nNo visit on record")
    await office.visit("1", ms("2026-04-05T09:00"), Figures(True, 1, 1))
    await office.visit("2", ms("2026-04-06T08:00"), Figures(
        False, 1, 0, ("Gul Hassan",), 9, 0, ("boundary wall", "toilet"), "kacha"))
    picture = await office.visit("3", ms("2026-04-06T08:01"), Figures(), kind="picture")
    first = await office.visit("4", ms("2026-04-09T08:00"), Figures(True, students_present=7))
    number = await opened(office.staff, office.desk.room_id, "!case open BEMIS 07086 closed again")
    heard = Heard("$order", office.desk.room_id, "@wa_1:x", "Nadia Kasi", ms("2026-04-06T09:00"),
                  "DEO Sibi. Look into BEMIS 07086")
    by = By(Actor("", "test"), heard.at)
    [row] = await office.db.write(directing.propose(heard, [Finding(
        heard.event_id, ("DEO Sibi",), "look into the issue")], by, "07086"))
    await office.db.write(directing.confirm(row, 2026, [Charged("DEO Sibi", "Sibi")], by))
    for command in ("!school 07086", "!SCHOOL bemis 07086", "!سکول ۰۷۰۸۶", "!بیمس 07086",
                    "!school gbps thangao hara"):
        answer = await office.ask(command)
        body = answer["body"]
        assert "Functional since 9 Apr 2026 (closed on 6 Apr 2026)" in body, command
    assert "Last visits (3 of 3)\n• 9 Apr 2026, 08:00, Sajjad RTSM Sibi: open; students 7\n" in body
    assert ("• 6 Apr 2026, 08:00, Sajjad RTSM Sibi: closed; teachers 0 of 1, absent: Gul Hassan; "
            "students 0 of 9; missing: boundary wall, toilet; building: kacha; 1 picture\n") in body
    assert f"Open cases (1)\n• {number} · BEMIS 07086 closed again" in body
    assert ("Directives (1)\n• D-2026-0001 · DEO Sibi (vacant): no answer yet · look into the issue"
            " · no date") in body
    for event in (picture, first):
        assert quote(event, safe="") in answer["formatted_body"]
    assert "🖼 1</a>" in answer["formatted_body"]


async def test_a_code_or_name_that_is_not_known_is_asked_about(office: SchoolDesk) -> None:
    none = await office.ask("!school Kurak")
    assert none["body"].endswith("The list of schools is empty: an officer imports it.")
    await office.db.write(schools.take([
        School("07086", "GBPS Thangao Hara", "Sibi"), School("05117", "GGPS Kurak", "Sibi"),
        School("05118", "GGPS Kurak", "Kech")], Actor("", "test"), 1))
    asked = await office.ask("!school 70086")
    assert asked["body"] == ("No school has BEMIS 70086. Is one of these meant?\n1️⃣ 07086 GBPS "
                             "Thangao Hara, Sibi\n❌ leave it")
    await press(office.staff, office.desk.room_id, asked["id"], "1️⃣")
    [answer] = await until(lambda: office.staff.answers(office.desk.room_id, asked["id"]))
    assert answer["body"].startswith("GBPS Thangao Hara · BEMIS 07086")
    assert "07086 GBPS Thangao Hara, Sibi" in (await office.ask("!school 7086"))["body"]
    twins = await office.ask("!school GGPS Kurak")
    assert twins["body"].startswith("2 schools are called GGPS Kurak. Which one?\n1️⃣ 05117")
    assert (await office.ask("!school GGPS Kurak Kech"))["body"].startswith("GGPS Kurak · BEMIS "
                                                                           "05118")
    near = await office.ask("!school GBPS Tangao Hara")
    assert "Is one of these meant?\n1️⃣ 07086 GBPS Thangao Hara, Sibi\n" in near["body"]
    assert (await office.ask("!school 99999"))["body"].startswith(
        "There is no school with BEMIS 99999: neither the list nor any report names it.")
    assert (await office.ask("!school"))["body"].startswith("Which school?")
    await office.visit("1", ms("2026-04-05T09:00"), Figures(True), "07087")
    told = (await office.ask("!school 07087"))["body"]
    assert ("It is not in the list of schools: the code may be mistyped in the reports; nearest "
            "are 07086 GBPS Thangao Hara.") in told


async def test_the_list_is_taken_from_a_file_whole_or_not_at_all(office: SchoolDesk) -> None:
    staff, room = office.staff, office.desk.room_id
    assert "as a reply to a CSV file" in (await office.ask("!school import"))["body"]
    words = await staff.say(room, "no file")
    assert "There is no file in that message" in (
        await office.ask("!school import", reply_to=words))["body"]
    broken = await file_in(staff, room, LIST.replace("05118", "0511X").encode())
    refused = (await office.ask("!school import", reply_to=broken))["body"]
    assert refused == ("Nothing of the file is taken: with one wrong line a school's history would "
                       "stand under another's name.\n• line 4: “0511X” is no BEMIS code of 5 "
                       "digits")
    file = await file_in(staff, room, LIST.encode())
    asked = await office.ask("!سکول درآمد", reply_to=file)
    assert asked["body"] == (
        "3 schools: 3 new, 0 changed, 0 as before. What the file does not name stays.\n"
        "1 code had lost the leading zero, as spreadsheets do; it was put back\n"
        "✅ do it\n❌ leave it")
    assert await schools.count(office.db) == 0
    await press(staff, room, asked["id"], "✅")
    [done] = await until(lambda: staff.answers(room, asked["id"]))
    assert done["body"].startswith("3 schools: 3 new, 0 changed, 0 as before.\n• 1 code had lost")
    kurak = await schools.get(office.db, "05117")
    assert kurak == School("05117", "GGPS Kurak", "Sibi", "", "primary", "girls", 29.6, 67.9)
    again = await office.ask("!school import", reply_to=file)
    assert again["body"].startswith("3 schools: 0 new, 0 changed, 3 as before.")


async def test_the_bot_registers_notifications_and_finds_them(office: SchoolDesk) -> None:
    paper, event = await office.record(
        "n1", ms("2026-03-16T10:00"), "Notification No. SO(Acad)3-12/2026 dated 16-03-2026 "
        "regarding school timings in Ramzan", "document", media_name="scan.pdf")
    await office.record("n2", ms("2026-04-02T10:00"), "گرمیوں کی تعطیلات کا نوٹیفکیشن", "image")
    other = await office.db.write(directory.ensure_chat("2@g.us", "Elsewhere", "", 1))
    await office.db.write(messages.add(NewRecord(
        other.id, "document", "whatsapp", "o1", SAJJAD, ms("2026-04-03T10:00"), 1,
        "Office order of transfers", media_name="x.pdf")))

    async def registered() -> bool:
        rows = await office.db.read("SELECT 1 FROM notification")
        return len(rows) == 3
    await until(registered)
    await asyncio.sleep(0)
    listed = (await office.ask("!notification list"))["body"]
    assert listed.startswith("Notifications and letters in this room (2)\n• Notification: ")
    assert "Elsewhere" not in listed and "Office order" not in listed
    for command in ("!notification search school timing", "!notification list March 2026",
                    "!نوٹیفکیشن تلاش 3-12/2026", "!notification list ۳ ۲۰۲۶",
                    "!notif ls مارچ 2026"):
        answer = await office.ask(command)
        assert ("• Notification SO(Acad)3-12/2026, dated 2026-03-16: school timings in Ramzan · "
                "Sajjad RTSM Sibi, 16 Mar 2026, 10:00") in answer["body"], command
        assert "تعطیلات" not in answer["body"]
        assert quote(event, safe="") in answer["formatted_body"]
    assert "تعطیلات" in (await office.ask("!notification search تعطيلات"))["body"]
    assert (await office.ask("!notification search zebra"))["body"] == (
        "Notifications and letters about zebra in this room: none.")
    assert "is no month" in (await office.ask("!notification list soon"))["body"]
    assert paper


def test_months_as_people_write_them() -> None:
    now = datetime(2026, 4, 10)
    for text, month in (("March", (2026, 3)), ("mar 2025", (2025, 3)), ("2026-03", (2026, 3)),
                        ("3/2026", (2026, 3)), ("دسمبر", (2025, 12)), ("4", (2026, 4)),
                        ("اپریل ۲۰۲۶", (2026, 4)), ("13", None), ("soon", None), ("", None),
                        ("March April", None)):
        assert read_month(text, now) == month, text
