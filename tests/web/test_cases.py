"""The cases' pages: what a case is about, lists narrowed down, files, and what not every reader
sees."""
from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator

import pypdf
import pytest
from docx import Document
from playwright.async_api import async_playwright

from archive import audit, cases, casework
from archive.cases import Actor, Docket
from tests.web import seed
from tests.web.server import Pages
from tests.web.test_browser import ARGUMENTS, CHROMIUM, open_page
from tests.web.test_reading import read
from web.signin import SESSION_COOKIE

SHAZIA = Actor(f"@shazia:{seed.SERVER}", "Shazia Durrani")
ADMIN = f"@admin:{seed.SERVER}"
ONE, TWO = "SED-2026-00001", "SED-2026-00002"
URDU = ("محترمہ، گورنمنٹ گرلز مڈل اسکول دکی میں چار اساتذہ کی اسامیاں دو سال سے خالی ہیں۔ "
        "کل بھی دو استانیاں غیر حاضر تھیں۔ براہِ کرم متبادل انتظام کی اجازت دیں۔")


async def worked_on(site: Pages) -> Docket:
    """The seeded case with everything that a case can have, and the other merged into it."""
    at = seed.ms("2026-04-08 10:00")
    case, other = [await cases.by_number(site.db, number) for number in (ONE, TWO)]
    assert case and other
    for event, record, who in (("$A2", "photo", "Sajjad RTSM Sibi"),
                               ("$A6", "urdu", "محمد یوسف، استاد"),
                               ("$A7", "edited", "Rubina Nasar DEO Loralai")):
        paper = cases.Paper(event, "@wa_1:x", who, seed.ms("2026-04-06 09:20"), "the beginning…")
        assert site.made[record]
        await site.db.write(casework.link(case.id, paper, SHAZIA, at, f"link {event}"))
    for number, unit in enumerate((
            casework.mark(case.id, "school", ["05117"], SHAZIA, at, "s"),
            casework.mark(case.id, "tag", ["absence"], SHAZIA, at, "t"),
            casework.mark(case.id, "watcher", [ADMIN], SHAZIA, at, "w"),
            casework.put(case.id, "district", "Sibi", SHAZIA, at, "d"),
            casework.put(case.id, "priority", "urgent", SHAZIA, at, "p"),
            casework.due(case.id, seed.ms("2026-04-09 16:00"), "9 April", SHAZIA, at, "due"),
            casework.move(case.id, "waiting", SHAZIA, at, "m", waiting_for="DAO Sibi",
                          waiting_until=seed.ms("2026-04-10 10:00")),
            casework.note(case.id, "دونوں استانیوں کی تنخواہ بند ہے", SHAZIA, at, "n"),
            casework.reopen(other.id, "", SHAZIA, at, "r"),
            casework.merge(other.id, case.id, SHAZIA, at, "merge"))):
        assert await site.db.write(unit), number
    return await cases.read_docket(site.db, case.id)


@pytest.fixture
async def worked(site: Pages) -> AsyncIterator[Pages]:
    await worked_on(site)
    yield site


def text_of(data: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


async def test_a_case_shows_what_it_is_about(worked: Pages) -> None:
    page = await read(worked, f"/cases/{ONE}")
    plain = " ".join(re.sub("<[^>]+>", " ", page).split())
    for words in ("urgent", "overdue for", "9 Apr 2026, 16:00",
                  "Waiting for DAO Sibi until 10 Apr 2026, 10:00", "District Sibi",
                  "Schools 05117", "Tags absence", f"Watched by {ADMIN}",
                  f"Merged into it {TWO}", "named the school", "made its priority urgent",
                  "lets it wait", "Classification open"):
        assert words in plain, words
    part = await read(worked, f"/cases/{TWO}")
    assert f'Part of <a href="/cases/{ONE}"' in part


async def test_lists_are_narrowed_down_and_turned(worked: Pages) -> None:
    at = seed.ms("2026-04-08 11:00")
    for number in range(60):
        await worked.db.write(casework.open_case(
            department="SED", year=2026, title=f"Matter {number}", text="", room_id="!other:x",
            actor=SHAZIA, at=at, event_id=f"many {number}", card_txn=f"many {number}"))
    for query in ("district=sibi", "holder=DEO", "tag=%23Absence", "school=BEMIS%2005117",
                  "state=overdue", "state=waiting"):
        page = await read(worked, f"/cases?{query}")
        assert ONE in page and "SED-2026-00003" not in page, query
        assert '<span class="tag bad">overdue</span>' in page
    assert "No open case fits" in await read(worked, "/cases?district=Kech")
    first, second = await read(worked, "/cases"), await read(worked, "/cases?page=2")
    assert "61 cases" in first and "SED-2026-00062" in first and ONE not in first
    assert ONE in second and "SED-2026-00062" not in second and "End of the list" in second
    async with worked.visitor.get("/cases?page=3") as answer:
        assert answer.status == 404


async def test_a_case_as_a_file(worked: Pages) -> None:
    async with worked.visitor.get(f"/cases/{ONE}.pdf") as answer:
        assert answer.status == 200 and answer.content_type == "application/pdf"
        assert f'filename="{ONE}.pdf"' in answer.headers["Content-Disposition"]
        data = await answer.read()
    text = text_of(data)
    for words in (URDU, "noted: دونوں استانیوں کی تنخواہ بند ہے", "5 have no science teacher since "
                  "2023", "edited by its author 2 times", "Due 9 Apr 2026, 16:00 (overdue)",
                  f"Merged into it {TWO}, دکی: گرلز مڈل اسکول میں خالی اسامیاں"):
        assert words in text, words
    pictures = {image.name: image.image.size  # the pages share what they show
                for page in pypdf.PdfReader(io.BytesIO(data)).pages for image in page.images}
    assert list(pictures.values()) == [(1200, 900)]
    async with worked.visitor.get(f"/cases/{ONE}.docx") as answer:
        document = Document(io.BytesIO(await answer.read()))
    assert URDU.split("۔")[0] in "\n".join(p.text for p in document.paragraphs)
    assert len(document.inline_shapes) == 1
    async with worked.visitor.get(f"/cases/{ONE}.json") as answer:
        values = json.loads(await answer.read())
    assert values["format"] == "daftar-case/1" and values["case"]["number"] == ONE
    assert [len(paper["versions"]) for paper in values["papers"]] == [1, 1, 1, 1, 3]
    assert values["papers"][2]["file"]["mime"] == "image/jpeg"
    async with worked.stranger.get(f"/cases/{ONE}.pdf", allow_redirects=False) as answer:
        assert answer.status == 303
    async with worked.visitor.get("/cases/SED-2026-00099.pdf") as answer:
        assert answer.status == 404


async def test_a_damaged_picture_is_named_and_the_rest_is_printed(worked: Pages) -> None:
    for path in worked.site.media.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:100])
    async with worked.visitor.get(f"/cases/{ONE}.pdf") as answer:
        text = text_of(await answer.read())
    assert "Picture “IMG-20260406-WA0003.jpg”" in text and URDU in text


async def test_classified_cases_are_for_staff_and_admins(worked: Pages) -> None:
    case = await cases.by_number(worked.db, ONE)
    assert case
    await worked.db.write(casework.put(
        case.id, "classification", "secret", SHAZIA, seed.ms("2026-04-08 12:00"), "c"))
    assert ONE not in await read(worked, "/cases?state=all")
    for address in (f"/cases/{ONE}", f"/cases/{ONE}.pdf", f"/cases/{ONE}.json"):
        async with worked.visitor.get(address) as answer:
            assert answer.status == 403 and "shown to staff and admins" in await answer.text()
    cookie = {SESSION_COOKIE: worked.site.sessions.open(ADMIN).id}
    async with worked.stranger.get(f"/cases/{ONE}", cookies=cookie) as answer:
        assert answer.status == 200
    async with worked.stranger.get("/cases", cookies=cookie) as answer:
        assert ONE in await answer.text()
    async with worked.stranger.get(f"/cases/{ONE}.pdf", cookies=cookie) as answer:
        pages = pypdf.PdfReader(io.BytesIO(await answer.read())).pages
    assert all(page.extract_text().count("SECRET") == 2 for page in pages)


async def test_a_phone_and_a_browser_show_it_whole(worked: Pages) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for path in (f"/cases/{ONE}", "/cases?state=all"):
            page = await open_page(browser, worked, width=360)
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        page = await open_page(browser, worked)
        await page.goto("/cases")
        await page.get_by_label("District").fill("Sibi")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.get_by_role("link", name=ONE).click()
        async with page.expect_download() as waiting:
            await page.get_by_role("link", name="PDF, to print").click()
        assert (await waiting.value).suggested_filename == f"{ONE}.pdf"
        await browser.close()


async def test_the_trail_of_commands_is_for_admins(worked: Pages) -> None:
    room = f"!group{worked.made['schools']}:{seed.SERVER}"
    await worked.db.write(audit.note(audit.Entry(
        "$refused", room, SHAZIA, seed.ms("2026-04-08 12:00"), "!case merge 1 into 2 <b>",
        "refused", "To use !case merge one must be an officer")))
    assert "shown to admins only" in await read(worked, "/audit", 403)
    cookie = {SESSION_COOKIE: worked.site.sessions.open(ADMIN).id}
    async with worked.stranger.get("/audit", cookies=cookie) as answer:
        page = await answer.text()
    assert answer.status == 200
    for words in ("Shazia Durrani", "!case merge 1 into 2 &lt;b&gt;", "one must be an officer",
                  "School Education, all districts"):
        assert words in page
    async with worked.stranger.get("/audit?q=@nobody:x", cookies=cookie) as answer:
        assert "has given no command" in await answer.text()
