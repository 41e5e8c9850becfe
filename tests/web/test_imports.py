"""Chat exports on the page Imports: what is asked of a person, and what came of it."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser

from archive import audit, directory, gaps, imports, messages
from archive.cases import Actor
from archive.model import NewRecord
from tests.web import seed
from tests.web.sending import ADMIN, GROUP, NAME, TEXT, answer, folder, plain, send, step, text_of
from tests.web.sending import officer as officer  # fixtures
from tests.web.sending import site as site
from tests.web.server import Pages
from tests.web.test_browser import browser as browser  # a fixture
from tests.web.test_browser import open_page
from tests.web.test_reading import entry, read
from web.signin import SESSION_COOKIE

# What is asked


async def test_the_preview_tells_what_is_in_the_file_and_asks_who_is_who(
        site: Pages, officer: ClientSession) -> None:
    await send(officer)
    run = await step(site)
    assert run.state == "asked"
    async with officer.get("/imports/1") as response:
        page = await response.text()
        assert "Refresh" not in response.headers
    text = plain(page)
    for words in ("Messages 12, by 4 senders", "New all: the record has none of them yet",
                  "28 Dec 2025, 07:01 to 28 Dec 2025, 09:04",
                  "day, month, year because of the date 28/12/2025",
                  "9 texts, 3 files left out", "an Android phone",
                  "Who is that? 3 of 4", "Known 1 of 4", "Import 12 messages",
                  "Sajjad RTSM Sibi the number stands in the file", "اسکول نمبر 7 بند ہے"):
        assert words in text, words
    assert f'<option value="{site.made["schools"]}" selected>' in page
    assert 'name="order"' not in page, "the date leaves no other order"
    people = {one["name"]: f"person-{n}" for n, one in enumerate(run.found["people"])}
    bad = {people["Qadir Bhai"]: "0300 7000011", people["Naseem"]: "Nobody Such <b>",
           people["استاد یوسف"]: "@x", "since": "2025-12-28", "to_matrix": "yes"}
    response = await answer(officer, run, **bad)
    page = await response.text()
    assert response.status == 400
    for words in ("with its country, such as", "Nobody in the directory has this name",
                  "A Matrix id looks like", 'value="0300 7000011"',
                  'value="Nobody Such &lt;b&gt;"', 'value="@x"', 'value="2025-12-28"',
                  'value="yes" checked'):
        assert words in page, words
    assert (await imports.get(site.db, 1)) == run, "nothing has changed"
    response = await answer(officer, run, **{
        people["Qadir Bhai"]: "+92 300 7000011", people["استاد یوسف"]: "محمد یوسف، استاد"})
    assert response.status == 303
    assert (await answer(officer, run)).status == 303, "a second click changes nothing"
    ready = await imports.get(site.db, 1)
    assert ready and ready.state == "ready" and ready.settings["people"] == {
        "Qadir Bhai": "+92 300 7000011", "استاد یوسف": "محمد یوسف، استاد"}
    assert "It is next" in await text_of(officer, "/imports/1")
    assert (await step(site)).state == "done"
    assert [noted.command for noted in await audit.latest(site.db)] == [
        "import 1: import", f"import 1: upload {NAME}"]


async def test_the_report_tells_what_came_of_it(site: Pages, officer: ClientSession) -> None:
    start, end = seed.ms("2025-12-28 07:30"), seed.ms("2025-12-28 08:30")
    chat = site.made["schools"]
    gap, = await site.db.write(gaps.add([chat], "main", start, end))
    await send(officer)
    run = await step(site)
    assert "this file closes it" in await text_of(officer, "/imports/1")
    await answer(officer, run)
    await step(site)
    text = await text_of(officer, "/imports/1")
    for words in ("12 messages are new in the record", "0 of the file were in it already",
                  "Gap closed 07:30 to 08:30 on Sunday 28 December 2025",
                  "28 Dec 2025, 07:01 to 28 Dec 2025, 09:04",
                  "3 senders are known by name only"):
        assert words in text, words
    async with officer.get("/imports/1") as response:
        assert f'href="/g/{chat}?day=2025-12-28"' in await response.text()
    text = await text_of(officer, "/imports")
    assert f"{NAME} {GROUP} taken in 12 0 {ADMIN}" in text
    async with officer.get(f"/g/{chat}?day=2025-12-28") as response:
        page = await response.text()
    assert f'id="r-{gap}"' in page and 'Filled by <a href="/imports/1">import 1</a>.' in page
    assert "The chat was exported without media." in page
    page = await read(site, f"/g/{chat}?day=2025-12-28")
    assert "Filled by <bdi>import 1</bdi>." in page and "/imports" not in page
    record_id = int(re.findall(r'<article class="entry[^>]*id="r-(\d+)"', page)[0])
    assert "imported chat export, import 1" in plain(await read(site, f"/r/{record_id}"))
    async with officer.get(f"/r/{record_id}") as response:
        assert 'href="/imports/1"' in await response.text()


async def test_who_is_known_by_name_only_is_asked_about_once_more(
        site: Pages, officer: ClientSession) -> None:
    await send(officer)
    await answer(officer, await step(site))
    await step(site)
    await send(officer)
    text = await text_of(officer, "/imports/2")
    assert "is being looked at" in text, "what is done does not stand in the way of a second time"
    run = await step(site)
    text = await text_of(officer, "/imports/2")
    assert "Who is that? 3 of 4" in text and "the name alone is known, as before" in text
    place = next(n for n, one in enumerate(run.found["people"]) if one["name"] == "Qadir Bhai")
    await answer(officer, run, **{f"person-{place}": "+92 300 7000011"})
    await step(site)
    text = await text_of(officer, "/imports/2")
    assert "0 messages are new in the record" in text and "2 senders are known by name" in text


async def test_a_standing_gap_says_how_it_is_closed(site: Pages, officer: ClientSession) -> None:
    chat = site.made["schools"]
    assert "give the file to an officer" in plain(await read(site, f"/g/{chat}"))
    async with officer.get(f"/g/{chat}") as response:
        assert f'href="/imports?group={chat}"' in await response.text()
    async with officer.get(f"/imports?group={chat}") as response:
        assert f'<option value="{chat}" selected>' in await response.text()


async def test_discarding_leaves_the_reason_and_no_file(
        site: Pages, officer: ClientSession) -> None:
    await send(officer)
    run = await step(site)
    assert (await answer(officer, run, "discard")).status == 303
    assert folder(site) == []
    assert f"Discarded by {ADMIN}: nothing of it was taken in" in await text_of(
        officer, "/imports/1")
    assert (await answer(officer, await step(site), "import")).status == 303
    assert (await step(site)).state == "refused"


async def test_looking_again_and_a_form_that_has_grown_old(
        site: Pages, officer: ClientSession) -> None:
    await send(officer, "03/04/2026, 9:14 am - Ali Khan: School is closed\n", "chat.txt")
    run = await step(site)
    text = await text_of(officer, "/imports/1")
    assert "Nothing in the file tells whether 03/04/2026 has the day" in text
    assert "Import 1 message" not in text
    response = await answer(officer, run, "look")
    assert response.status == 400 and "how the dates are written" in await response.text()
    assert (await answer(officer, run, "look", order="dmy")).status == 303
    seen = await step(site)
    response = await answer(officer, seen)
    assert response.status == 400 and "Choose the group" in await response.text()
    response = await answer(officer, run, order="mdy", group="new")
    assert response.status == 409 and "looked at again meanwhile" in await response.text()
    response = await officer.post("/imports/1", data={
        "token": "x", "do": "import", "person-0": "+92 300 7000011"})
    page = await response.text()
    assert response.status == 403 and "grown old" in page and 'value="+92 300 7000011"' in page
    response = await answer(officer, seen, group="new")
    assert response.status == 400 and "Give the group" in await response.text()
    assert (await answer(officer, seen, group="new", new_group="DEOs", order="dmy")).status == 303
    run = await step(site)
    assert run.state == "done" and run.chat_id is not None
    chat = await directory.chat(site.db, run.chat_id)
    assert chat and chat.name == "DEOs"


async def test_what_the_bridge_finds_stands_at_its_field(
        site: Pages, officer: ClientSession) -> None:
    await send(officer)
    run = await step(site)
    await site.db.write(imports.move(1, "ready", 5, settings={"people": {"Naseem": "No Such"}}))
    run = await step(site)
    async with officer.get("/imports/1") as response:
        page = await response.text()
    place = next(n for n, one in enumerate(run.found["people"]) if one["name"] == "Naseem")
    assert f'<a href="#person-{place}"><bdi>Naseem</bdi></a>' in page
    assert 'value="No Such"' in page and f'id="wrong-person-{place}"' in page
    assert "whom the directory does not know" in page


async def test_a_file_that_is_no_export_is_refused_in_words(
        site: Pages, officer: ClientSession) -> None:
    await send(officer, "%PDF-1.7")
    await step(site)
    text = await text_of(officer, "/imports/1")
    assert "This file cannot be taken in: it is a PDF" in text and "Upload another file" in text
    async with officer.get("/imports/99") as response:
        assert response.status == 404
    async with officer.get("/imports/abc") as response:
        assert response.status == 404


async def test_what_an_export_leaves_of_messages_is_said(site: Pages) -> None:
    at = seed.ms("2026-04-08 09:00")
    made = []
    for n, (kind, detail) in enumerate([
            ("unsupported", '{"field": "waitingMessage", "import": 3}'),
            ("unsupported", '{"field": "viewOnceMessage", "import": 3}'),
            ("unsupported", '{"field": "liveLocation", "import": 3}'),
            ("unsupported", '{"field": "deletedMessage", "import": 3}'),
            ("image", '{"omitted": true, "import": 3}')]):
        record_id, _ = await site.db.write(messages.add(NewRecord(
            chat_id=site.made["schools"], kind=kind, origin="import", source_id=f"i:{n}",
            sender=seed.DEO_SIBI, sent_at=at + n, received_at=at, detail=detail)))
        made.append(record_id)
    page = await read(site, f"/g/{site.made['schools']}?day=2026-04-08")
    for record_id, words in zip(made, (
            "had not reached the phone", "to be seen once", "Shared a live location.",
            "was deleted before the chat was exported", "Picture: not in the export"), strict=True):
        assert words in plain_of(entry(page, record_id)), words
    page = plain(await read(site, f"/r/{made[0]}"))
    assert "import 3" in page and "waitingMessage" not in page


def plain_of(piece: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", piece).split())


# As people use it


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_officer_closes_a_gap_in_the_browser(
        site: Pages, browser: Browser, tmp_path: Path) -> None:
    await site.db.write(gaps.add([site.made["schools"]], "main", seed.ms("2025-12-28 07:30"),
                                 seed.ms("2025-12-28 08:30")))
    file = tmp_path / NAME
    file.write_text(TEXT, encoding="utf-8")
    page, said = await open_page(browser, site), []
    page.on("console", lambda message: said.append(message.text))
    await page.context.add_cookies([{
        "name": SESSION_COOKIE, "value": site.site.sessions.open(ADMIN).id, "url": site.url}])
    await page.goto(f"/g/{site.made['schools']}?day=2025-12-28")
    await page.locator(".banner.warn").get_by_role("link", name="Imports").first.click()
    await page.get_by_label("The file,").set_input_files(file)
    await page.get_by_role("button", name="Upload").click()
    assert "is being looked at" in await page.inner_text("main")
    await step(site)
    await page.get_by_text("Who is that?").wait_for(timeout=10_000)  # it asks again by itself
    assert not await page.get_by_label("Name of that group").is_visible()
    who = page.get_by_label("Who is Qadir Bhai?")
    await who.fill("0300 7000011")
    await page.get_by_role("button", name="Import 12 messages").click()
    assert "with its country" in await page.locator(".wrong").inner_text()
    assert await who.input_value() == "0300 7000011"
    await who.fill("+92 300 7000011")
    await who.press("Enter")  # looks once more, and imports nothing
    await step(site)
    await page.get_by_text("as you said").wait_for(timeout=10_000)
    assert (await imports.latest(site.db))[0].state == "asked"
    await page.get_by_role("button", name="Import 12 messages").click()
    await step(site)
    await page.get_by_text("12 messages are new in the record").wait_for(timeout=10_000)
    assert "07:30 to 08:30" in await page.inner_text("main")
    await page.get_by_role("link", name="Read from there").click()
    assert "GBPS Killi 7 was closed today" in await page.inner_text("main")
    assert "Filled by import 1." in await page.inner_text("main")
    assert all("status of 400" in line for line in said), "the wrong number, and nothing else"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_sticks_out_on_a_phone(
        site: Pages, browser: Browser, officer: ClientSession) -> None:
    page = await open_page(browser, site, width=360)
    await page.context.add_cookies([{
        "name": SESSION_COOKIE, "value": site.site.sessions.open(ADMIN).id, "url": site.url}])
    await send(officer)
    run = await step(site)
    for path in ("/imports", "/imports/1"):
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, path
    await answer(officer, run)
    await step(site)
    await page.goto("/imports/1")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_run_of_the_command_line_is_shown(site: Pages, officer: ClientSession) -> None:
    async def text(**values: Any) -> str:
        run_id = await site.db.write(imports.begin(
            "x.txt", "0" * 64, 9, "running", Actor("", "daftar import"), 5))
        await site.db.write(imports.move(run_id, values.pop("state", "running"), 5, **values))
        return await text_of(officer, f"/imports/{run_id}")

    assert "begun on the server with daftar import" in await text()
    assert "no reason was kept" in await text(state="refused")
    assert "0 messages are new" in await text(state="done", report={"added": 0, "known": 3})
    assert "daftar import" in await text_of(officer, "/imports")
    broken = await text(state="refused", report={"refused": "broken off", "taken_up_by": 3})
    assert "broken off" in broken and "Import 3 went on with it" in broken
    assert "cannot be taken in" not in broken and "broken off" in await text_of(officer, "/imports")


async def test_a_file_that_is_known_or_names_another_group_is_told(
        site: Pages, officer: ClientSession) -> None:
    for _ in range(2):
        await send(officer)
        run = await step(site)
        text = await text_of(officer, f"/imports/{run.id}")
        await answer(officer, run)
        await step(site)
    assert "New 0 ; the record has 12 of them already" in text
    await send(officer, name="WhatsApp Chat with Sports Kech.txt")
    run = await step(site)
    await answer(officer, run, "look", group=str(site.made["schools"]))
    await step(site)
    assert "The file's own name says Sports Kech , and it goes into" in await text_of(
        officer, f"/imports/{run.id}")
