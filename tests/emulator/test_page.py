"""The phone page: two people talk in two browsers; strangers' pages are kept off."""
from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright, expect

from emulator import Emulator, EmulatorError
from emulator.attachments import make
from emulator.page import PhonePage
from tests.emulator.clients import Client

CHROMIUM = os.environ.get("DAFTAR_CHROMIUM", "/usr/bin/chromium")
EVIL = '<img src=x onerror="document.title=1">\u202eBoss'


class Desk:
    """An emulator, its phone page, and a group of three."""

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(folder / "state")
        self.page = PhonePage(self.emulator)

    async def open(self) -> None:
        await self.emulator.start()
        self.secretary = await self.emulator.phone("+923007001001", "Secretary sb")
        self.deo = await self.emulator.phone("+923007001002", "DEO Sibi")
        self.odd = await self.emulator.phone("+923007001003", EVIL)
        self.group = await self.emulator.create_group(
            "Schools", [self.secretary, self.deo, self.odd], admins=[self.secretary])
        await self.page.start()

    async def close(self) -> None:
        await self.page.stop()
        await self.emulator.stop()

    def chat(self, phone, tail: str = "") -> str:
        return f"{self.page.url}phone/{phone.number}/{self.group.jid}{tail}"

    def api(self, phone) -> str:
        return f"{self.page.url}api/phone/{phone.number}/{self.group.jid}"


@pytest.fixture
async def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    await desk.open()
    yield desk
    await desk.close()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        await launched.close()


def bubble(page: Page, text: str):
    return page.locator(".bubble").filter(has=page.locator(".text", has_text=text)).last


async def act(page: Page, text: str, what: str) -> None:
    await bubble(page, text).hover()
    await bubble(page, text).locator("summary").click()
    await bubble(page, text).get_by_text(what, exact=True).click()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_label("Send").click()


async def test_two_phones_talk(desk: Desk, browser, tmp_path: Path):
    secretary, deo = await browser.new_page(), await browser.new_page()
    problems: list[str] = []
    for page, phone in ((secretary, desk.secretary), (deo, desk.deo)):
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        await page.goto(desk.chat(phone))

    await write(deo, "GGPS Killi: school found locked")
    await expect(bubble(secretary, "found locked").locator(".name")).to_have_text("DEO Sibi")
    await expect(bubble(deo, "found locked")).to_have_class("bubble mine")

    await bubble(secretary, "found locked").click()  # tap to answer
    await write(secretary, "DEO Sibi. Pl look into the issue")
    answer = bubble(deo, "look into the issue")
    await expect(answer.locator(".quote")).to_contain_text("GGPS Killi: school found locked")
    await expect(secretary.get_by_label("Message", exact=True)).to_have_value("")

    await act(deo, "look into the issue", "👍")
    await expect(bubble(secretary, "look into the issue").locator(".reactions")).to_have_text("👍")

    await write(deo, "جناب نوٹ کر لیا ہے")
    urdu = bubble(secretary, "نوٹ").locator(".text")
    await expect(urdu).to_have_css("direction", "rtl")

    await deo.get_by_label("Picture or document").set_input_files(
        {"name": "gate.jpg", "mimeType": "image/jpeg", "buffer": make("image", "gate.jpg").data})
    await write(deo, "The gate")
    picture = bubble(secretary, "The gate").locator("img")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640

    await deo.get_by_label("Picture or document").set_input_files(
        {"name": "حکم.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
    await write(deo, "")
    async with secretary.expect_download() as download:
        await secretary.locator("a.file").click()
    assert (await download.value).suggested_filename == "حکم.pdf"

    await act(deo, "found locked", "Delete for everyone")
    await expect(secretary.locator(".bubble.gone .text")).to_have_text("This message was deleted")
    assert problems == []


async def test_an_edit_and_a_name_that_is_an_attack(desk: Desk, browser):
    page = await browser.new_page()
    await desk.odd.send_text(desk.group, "<script>document.title = 1</script> *bold* @923007001002",
                             mentions=[desk.deo])
    await page.goto(desk.chat(desk.secretary))
    await expect(bubble(page, "bold").locator(".text")).to_have_text(
        "<script>document.title = 1</script> bold @DEO Sibi")
    await expect(bubble(page, "bold").locator(".name")).to_have_text(
        '<img src=x onerror="document.title=1">Boss')
    await write(page, "by Mondey")
    await act(page, "by Mondey", "Edit")
    await write(page, "by Monday")
    await expect(bubble(page, "by Monday").locator("footer")).to_contain_text("edited")
    seen = await desk.deo.wait_for(lambda s: s.kind == "edit", 90)
    assert seen.text == "by Monday"


async def test_it_works_without_javascript(desk: Desk, browser):
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await desk.deo.send_text(desk.group, "No water at the school")
    await page.goto(desk.page.url)
    await page.get_by_placeholder("Name or number").fill("secret")
    await page.get_by_role("button", name="Find").click()
    await page.get_by_text("Secretary sb").click()
    await page.get_by_role("link", name="Schools").click()
    await bubble(page, "No water").locator("summary").click()
    await page.get_by_role("link", name="Reply").click()
    await write(page, "Send a tanker today")
    await expect(bubble(page, "tanker").locator(".quote")).to_contain_text("No water")
    await page.get_by_label("You are").select_option("DEO Sibi")
    await page.get_by_role("button", name="Go").click()
    await expect(bubble(page, "tanker").locator(".name")).to_have_text("Secretary sb")


async def test_a_client_is_linked_by_pasting_its_code(desk: Desk, browser, tmp_path: Path):
    client = await Client.start(desk.emulator, tmp_path / "client.db")
    try:
        code = (await client.wait("qr"))["code"]
        page = await browser.new_page()
        await page.goto(f"{desk.page.url}link")
        await page.get_by_label("The phone’s number").fill("+92 300 7001001")
        await page.get_by_label("QR text or pairing code").fill(code)
        await page.get_by_role("button", name="Link").click()
        await expect(page.get_by_role("status")).to_have_text(
            "Linked: 923007001001:1@s.whatsapp.net")
        await client.wait("offline")
        await page.get_by_label("The phone’s number").fill("+92 300 7001001")
        await page.get_by_label("QR text or pairing code").fill("2@expired,a,b,c")
        await page.get_by_role("button", name="Link").click()
        await expect(page.get_by_role("heading")).to_have_text("That did not work")
    finally:
        await client.kill()


async def test_scripts_use_the_same_doors(desk: Desk, http):
    ask = {"Accept": "application/json"}
    async with http.post(desk.chat(desk.deo, "/send"), json={"text": "one"}, headers=ask) as r:
        first = (await r.json())["id"]
    async with http.post(desk.chat(desk.secretary, "/send"), headers=ask,
                         json={"text": "two", "quote": first}) as r:
        assert r.status == 200
    for emoji in ("🙏", "👍"):
        async with http.post(desk.chat(desk.odd, "/react"), headers=ask,
                             json={"id": first, "emoji": emoji}) as r:
            assert r.status == 200
    async with http.get(desk.api(desk.odd)) as r:
        one, two = await r.json()
    assert (one["text"], one["name"], one["mine"]) == ("one", "DEO Sibi", False)
    assert one["reactions"] == {desk.odd.number: "👍"}
    assert (two["quoted_id"], two["quote"]) == (first, "one")
    async with http.get(f"{desk.page.url}api/phones") as r:
        assert {p["name"] for p in await r.json()} == {"Secretary sb", "DEO Sibi", EVIL}
    async with http.get(f"{desk.page.url}api/groups") as r:
        assert [g["jid"] for g in await r.json()] == [desk.group.jid]


async def test_what_cannot_be_done_is_told_in_a_sentence(desk: Desk, http):
    ask = {"Accept": "application/json"}
    theirs = await desk.secretary.send_text(desk.group, "mine")

    async def problem(method: str, address: str, **more) -> tuple[int, str]:
        async with http.request(method, address, headers=ask, **more) as r:
            return r.status, (await r.json())["error"]

    deo = desk.chat(desk.deo)
    assert await problem("POST", deo + "/send", json={"text": " "}) == (
        400, "There is nothing to send: write a text or choose a file.")
    assert (await problem("POST", deo + "/send", json={"text": "x" * 70_000}))[0] == 400
    assert (await problem("POST", deo + "/send", json=[1]))[1] == "The body is no JSON object."
    assert (await problem("POST", deo + "/send", json={"text": "a", "quote": "NOPE"}))[0] == 404
    status, text = await problem("POST", deo + "/delete", json={"id": theirs.id})
    assert status == 409 and "no admin" in text
    status, text = await problem("POST", deo + "/edit", json={"id": theirs.id, "text": "yours"})
    assert status == 409 and "cannot edit" in text
    assert (await problem("GET", desk.page.url + "phone/92300/x"))[0] == 404
    link = desk.page.url + "link"
    assert (await problem("POST", link, json={"number": "12", "code": "x"}))[0] == 400
    wrong = {"number": "+923007001001", "code": "AAAA-BBBB"}
    assert (await problem("POST", link, json=wrong))[0] == 409
    async with http.get(deo + "/media/" + theirs.id) as r:
        assert r.status == 404 and "no file" in await r.text()


async def test_other_sites_are_kept_off(desk: Desk, http):
    deo = desk.chat(desk.deo)
    async with http.get(desk.page.url, headers={"Host": "rebound.example"}) as r:
        assert r.status == 403
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site"}, {"Host": "rebound.example"},
                    {"Origin": "http://[bad"}):
        async with http.post(deo + "/send", data={"text": "forged"}, headers=headers) as r:
            assert r.status == 403
    assert desk.secretary.seen == []
    async with http.get(deo) as r:
        assert "default-src 'none'" in r.headers["Content-Security-Policy"]
        assert r.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_that_could_run_is_only_downloaded(desk: Desk, http):
    sent = await desk.deo.send_media(desk.group, b"<script>1</script>", "document",
                                     mime="text/html", filename='a".html')
    async with http.get(desk.chat(desk.secretary, f"/media/{sent.id}")) as r:
        assert r.content_type == "application/octet-stream"
        assert r.headers["Content-Disposition"].startswith("attachment;")
        assert "sandbox" in r.headers["Content-Security-Policy"]


async def test_a_port_in_use_is_told(desk: Desk):
    with pytest.raises(EmulatorError, match="cannot listen on 127"):
        await PhonePage(desk.emulator, port=desk.page.port).start()
