"""The pages in a real Chromium, without JavaScript, as people use them."""
from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.web.server import Pages
from web.signin import SESSION_COOKIE

CHROMIUM = os.environ.get("DAFTAR_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()


async def open_page(browser: Browser, site: Pages, width: int = 1280) -> Page:
    context = await browser.new_context(
        viewport={"width": width, "height": 844}, java_script_enabled=False,
        base_url=site.url)
    await context.add_cookies([{"name": SESSION_COOKIE, "value": site.cookie, "url": site.url}])
    return await context.new_page()


async def test_an_officer_finds_a_message_its_place_its_thread_and_its_case(
        site: Pages, browser: Browser) -> None:
    page, asked = await open_page(browser, site), []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/")
    await page.get_by_role("link", name="School Education, all districts").click()
    await page.get_by_role("searchbox").fill("salary")
    await page.get_by_role("button", name="Search").click()
    assert await page.locator("mark").all_inner_texts() == ["salary"]
    await page.get_by_role("link", name="Monday 6 April 2026, 08:47").click()
    target = page.locator(".entry.target")
    assert "Nadia Kasi, Secretary" in await target.inner_text()
    await target.get_by_role("link", name="thread").click()
    assert await page.get_by_role("heading", name="Thread").is_visible()
    await page.get_by_role("link", name="SED-2026-00001").first.click()
    assert "Pay record asked" in await page.inner_text("main")
    assert all(url.startswith(site.url) for url in asked), "nothing comes from elsewhere"


async def test_versions_open_without_javascript(site: Pages, browser: Browser) -> None:
    page = await open_page(browser, site)
    await page.goto(f"/g/{site.made['schools']}")
    first = page.locator(f"#r-{site.made['edited']}").get_by_text("middle schools 4 have")
    assert not await first.is_visible()
    await page.get_by_text("all 3 versions").click()
    assert await first.is_visible()


async def test_urdu_begins_at_the_right_and_english_at_the_left(
        site: Pages, browser: Browser) -> None:
    page = await open_page(browser, site)
    await page.goto(f"/g/{site.made['schools']}")
    urdu = page.locator(f"#r-{site.made['urdu']} .text")
    direction = await urdu.evaluate("e => getComputedStyle(e).direction")
    assert direction == "rtl"
    english = page.locator(f"#r-{site.made['report']} .text")
    assert await english.evaluate("e => getComputedStyle(e).direction") == "ltr"


@pytest.mark.parametrize("path", ["/", "/g/1", "/g/2", "/search?q=teacher*", "/people", "/people/1",
                                  "/cases?state=all", "/cases/SED-2026-00001", "/status", "message",
                                  "/sign-in", "/g/99"])
async def test_nothing_sticks_out_on_a_phone(site: Pages, browser: Browser, path: str) -> None:
    page = await open_page(browser, site, width=360)
    await page.goto(f"/r/{site.made['photo']}" if path == "message" else path)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_pictures_load_and_the_console_is_quiet(site: Pages, browser: Browser) -> None:
    page, said = await open_page(browser, site), []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"/r/{site.made['photo']}", wait_until="networkidle")
    assert await page.locator("img.image").first.evaluate("e => e.naturalWidth") == 480
    assert said == []


async def test_the_first_tab_leads_to_the_page_itself(site: Pages, browser: Browser) -> None:
    page = await open_page(browser, site)
    await page.goto("/people")
    await page.keyboard.press("Tab")
    assert await page.locator(":focus").inner_text() == "Skip to the page"
    await page.keyboard.press("Enter")
    assert page.url.endswith("#main")
