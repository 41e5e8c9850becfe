"""Cases on paper: what `!case export` and `!case letter` put into a case's thread."""
from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import pypdf
import pytest
from aiohttp import ClientSession
from docx import Document

from tests.bot.conftest import Desk
from tests.bot.people import Staff, until
from tests.bot.test_desk import opened

REPORT = "GBPS Killi Nau BEMIS 07086 was found closed today at 9 am. Both teachers absent."
URDU = "گورنمنٹ گرلز مڈل اسکول دکی میں چار اساتذہ کی اسامیاں دو سال سے خالی ہیں۔"


async def files(desk: Desk, number: str, count: int) -> dict[str, dict[str, Any]]:
    """The files in a case's thread by name, once there are that many."""
    async def look() -> dict[str, dict[str, Any]]:
        found = {c["filename"]: c for c in await desk.staff.from_bot(desk.room_id)
                 if c["msgtype"] == "m.file" and c["org.daftar.case"] == number
                 and c["m.relates_to"]["rel_type"] == "m.thread"}
        return found if len(found) >= count else {}
    return await until(look)


async def content(staff: Staff, event: dict[str, Any]) -> bytes:
    """A file as a member of staff downloads it."""
    server, _, media = event["url"].removeprefix("mxc://").partition("/")
    address = f"{staff.house.config.homeserver.url}/_matrix/client/v1/media/download"
    async with ClientSession(headers={"Authorization": f"Bearer {staff.token}"}) as http, http.get(
            f"{address}/{quote(server)}/{quote(media)}") as answer:
        assert answer.status == 200
        return await answer.read()


def text_of(data: bytes) -> str:
    """All text of a PDF as it would be copied from it; line ends count as blanks."""
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


async def test_a_case_is_exported_whole(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open", reply_to=await staff.say(room, REPORT))
    await staff.ask(room, "!case link 1", reply_to=await staff.say(room, URDU))
    await staff.ask(room, "!case classify 1 confidential")
    await staff.ask(room, "!case note 1 دونوں استانیوں کی تنخواہ بند ہے")
    await opened(staff, room, "!case open Boundary wall")
    question = await staff.ask(room, "!case merge 2 into 1")
    await staff.send(room, {"m.relates_to": {
        "rel_type": "m.annotation", "event_id": question["id"], "key": "✅"}}, "m.reaction")

    async def merged() -> bool:
        return "SED-2026-00002" in (await staff.ask(room, "!case show 1"))["body"]
    await until(merged)
    answer = await staff.ask(room, "!case export 1")
    assert "is in its thread as SED-2026-00001.pdf" in answer["body"]
    file = (await files(desk, number, 1))[f"{number}.pdf"]
    assert file["info"]["mimetype"] == "application/pdf"
    data = await content(staff, file)
    text = text_of(data)
    for words in (f"Docket sheet {number}", "Schools (BEMIS) 07086", REPORT, URDU,
                  "noted: دونوں استانیوں کی تنخواہ بند ہے", "Merged into it SED-2026-00002"):
        assert words in text, words
    for page in pypdf.PdfReader(io.BytesIO(data)).pages:
        assert page.extract_text().count("CONFIDENTIAL") == 2  # at its head and at its foot
    assert "exported the file" in (await staff.ask(room, "!case history 1"))["body"]

    await staff.ask(room, "!case export 1 json")
    await staff.ask(room, "!case export 1 word")
    made = await files(desk, number, 3)
    values = json.loads(await content(staff, made[f"{number}.json"]))
    assert [paper["text"] for paper in values["papers"]] == [REPORT, URDU]
    assert [one["number"] for one in values["merged"]] == ["SED-2026-00002"]
    document = Document(io.BytesIO(await content(staff, made[f"{number}.docx"])))
    assert URDU in [paragraph.text for paragraph in document.paragraphs]
    refused = await staff.ask(room, "!case export 1 xls")
    assert "pdf, docx or json" in refused["body"]


async def test_the_letter_that_a_case_needs(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open", reply_to=await staff.say(room, URDU))
    for command in ("!case title 1 Vacant posts in GGMS Duki", "!case district 1 Duki",
                    "!case school 1 07086", "!case due 1 25-12-2027", "!case priority 1 urgent"):
        await staff.ask(room, command)
    answer = await staff.ask(room, "!case letter 1")
    assert "it has not been sent" in answer["body"]
    made = await files(desk, number, 2)
    text = text_of(await content(staff, made[f"{number} report DRAFT.pdf"]))
    for words in ("MOST IMMEDIATE GOVERNMENT OF BALOCHISTAN SCHOOL EDUCATION DEPARTMENT",
                  f"No. {number}/", "Dated Quetta, the ",
                  "To The District Education Officer, Duki.",
                  "Subject: VACANT POSTS IN GGMS DUKI", "I am directed to refer to the message of "
                  "Ayesha Khan dated the", URDU, "BEMIS code 07086, District Duki",
                  "report of compliance may be furnished to this Department by the 27th December, "
                  "2027", "Section Officer Copy for information to: 1. PS to Secretary",
                  "has not been issued"):
        assert words in text, words
    letter = Document(io.BytesIO(await content(staff, made[f"{number} report DRAFT.docx"])))
    lines = [paragraph.text for paragraph in letter.paragraphs]
    assert "The District Education Officer," in lines and URDU in lines
    quoted = next(p for p in letter.paragraphs if p.text == URDU)
    assert quoted.runs[0].font.rtl
    notes = [c["body"] for c in await staff.from_bot(room)
             if c.get("m.relates_to", {}).get("rel_type") == "m.thread"]
    assert any("Nothing has been sent" in body for body in notes)
    assert "drafted a letter: report" in (await staff.ask(room, "!case show 1"))["body"]

    await staff.ask(room, "!case close 1 done دونوں استانیاں واپس آ گئیں")
    await staff.ask(room, "!case letter 1 to DEO (F) Sibi")
    made = await files(desk, number, 4)
    text = text_of(await content(staff, made[f"{number} closing DRAFT.pdf"]))
    assert "The District Education Officer (Female), Sibi." in text
    assert "disposed of in this Department on the" in text and "no further report" in text


async def test_a_server_without_the_font_says_what_to_install(
        desk: Desk, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    staff, room = desk.staff, desk.room_id
    await opened(staff, room, "!case open", reply_to=await staff.say(room, URDU))
    answer = await staff.ask(room, "!case export 1")
    assert "lacks the font Noto Naskh Arabic" in answer["body"]
    assert "fonts-noto-core" in answer["body"]
    assert "exported" not in (await staff.ask(room, "!case history 1"))["body"]
