"""The directives' pages: lists narrowed down, one with its life, the report and its files."""
from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import AsyncIterator

import pypdf
import pytest
from playwright.async_api import async_playwright

from archive import answers, directing, schools
from archive.answers import Answering
from archive.cases import Actor
from archive.directing import By, Charged
from archive.directives import Finding, Heard
from archive.schools import School
from tests.web import seed
from tests.web.server import Pages
from tests.web.test_browser import ARGUMENTS, CHROMIUM, open_page
from tests.web.test_reading import read
from web.signin import SESSION_COOKIE

SHAZIA = Actor(f"@shazia:{seed.SERVER}", "Shazia Durrani")
URDU = "تمام بند اسکولوں کی فہرست بھیجیں"
DAY = 86_400_000


@pytest.fixture
async def ordered(site: Pages) -> AsyncIterator[Pages]:
    """Three orders: one done, one overdue, one in Urdu to two posts; and a proposal."""
    now = int(time.time() * 1000)
    by = By(SHAZIA, now, "$c")

    async def order(event: str, what: str, due: int | None, *posts: str,
                    confirmed: bool = True, school: str = "") -> int:
        at = now - 5 * DAY
        heard = Heard(event, "!room:x", "@wa_1:x", f"Nadia {seed.HOSTILE}", at, what,
                      site.made["photo"])
        finding = Finding(event, posts, what, due, False, ("CS office",), "fax")
        [row] = await site.db.write(directing.propose(heard, [finding], by, school))
        if confirmed:
            await site.db.write(directing.confirm(row, 2026, [
                Charged(post, post.split()[-1], f"Holder of {post}") for post in posts], by))
        return row
    done = await order("$1", "Send the report", now + DAY, "DEO Sibi")
    late = await order("$2", "Look into the roof <b>", now - DAY, "DEO Kech", school="05117")
    await order("$3", URDU, None, "DEO Gwadar", "ڈی ای او پنجگور")
    await order("$4", "An appeal", None, "DC Kech", confirmed=False)
    said = Heard("$a", "!room:x", "@wa_2:x", "Qadir Marri", now - DAY, "Complied sir")
    await site.db.write(answers.propose(said, [Answering(done, "DEO Sibi", "complied")], now))
    [answer] = await answers.waiting(site.db)
    await site.db.write(answers.accept(answer, by))
    await site.db.write(directing.note(late, "edited", "", "Leave the roof", By(
        Actor("@wa_1:x", "Nadia"), now, "$e")))
    yield site


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page).split())


async def test_lists(ordered: Pages) -> None:
    page = plain(await read(ordered, "/directives"))
    assert "D-2026-0002 overdue" in page and URDU in page and "Send the report" not in page
    assert "Look into the roof &lt;b&gt;" in page and "Proposed" not in page
    for address, wanted, others in (
            ("/directives?state=overdue", "D-2026-0002", "D-2026-0003"),
            ("/directives?state=done", "D-2026-0001", "D-2026-0002"),
            ("/directives?state=all&post=gwadar", "D-2026-0003", "D-2026-0001"),
            ("/directives?state=all&district=SIBI", "D-2026-0001", "D-2026-0003")):
        page = plain(await read(ordered, address))
        assert wanted in page and others not in page, address
    assert "No open directive fits" in await read(ordered, "/directives?post=nobody")
    for address, status in (("/directives?state=proposed", 400), ("/directives?state=x", 400),
                            ("/directives?page=7", 404), ("/directives?page=x", 400),
                            ("/directives/D-2026-0099", 404), ("/directives/P4", 404),
                            ("/directives/nonsense", 404), ("/directives/report?period=soon", 400),
                            ("/directives/D-2026-99999999999999999999", 404)):
        async with ordered.visitor.get(address) as response:
            assert response.status == status, address


async def test_staff_see_proposals(ordered: Pages) -> None:
    session = ordered.site.sessions.open(f"@admin:{seed.SERVER}").id
    cookies = {SESSION_COOKIE: session}
    async with ordered.stranger.get("/directives?state=proposed", cookies=cookies) as response:
        assert "An appeal" in await response.text()
    async with ordered.stranger.get("/directives/P4", cookies=cookies) as response:
        assert response.status == 200 and "proposed" in await response.text()


async def test_a_life(ordered: Pages) -> None:
    page = await read(ordered, "/directives/D-2026-0001")
    words = plain(page).replace("\u2068", "").replace("\u2069", "")
    for said in ("DEO Sibi (Holder of DEO Sibi): done", "Copy to CS office", "By fax",
                 "Complied sir", "accepted", "confirmed it as D-2026-0001",
                 "noted that DEO Sibi has done it", "the message"):
        assert said in words, said
    assert f'/r/{ordered.made["photo"]}' in page
    page = await read(ordered, "/directives/d-2026-0002")
    assert "Leave the roof" in page and "the order stands" in page and "overdue for" in page
    assert "\u202e" not in page and "<script>alert" not in page


async def test_the_report(ordered: Pages) -> None:
    page = await read(ordered, "/directives/report?period=this+year")
    assert "<svg" in page and "style=" not in page and "<script" not in page
    words = plain(page)
    assert "All 4 1 1 0 3 1 0 0 0 4" in words, words
    for kind, mime in (("xlsx", "spreadsheetml"), ("pdf", "pdf")):
        async with ordered.visitor.get(
                f"/directives/report.{kind}?period=this+year&district=Kech") as response:
            assert response.status == 200 and mime in response.content_type
            data = await response.read()
        if kind == "xlsx":
            strings = zipfile.ZipFile(io.BytesIO(data)).read("xl/sharedStrings.xml").decode()
            assert "DEO Kech" in strings and "DEO Sibi" not in strings
        else:
            text = " ".join(p.extract_text() for p in pypdf.PdfReader(io.BytesIO(data)).pages)
            assert "DEO Kech" in text
    assert "No orders were given" in await read(
        ordered, "/directives/report?period=1+Jan+2020+to+2+Jan+2020")
    async with ordered.stranger.get("/directives/report", allow_redirects=False) as response:
        assert response.status == 303


async def test_in_a_browser(ordered: Pages) -> None:
    """Without JavaScript; nothing is wider than a phone's window, and the policy stops nothing."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page, problems = await open_page(browser, ordered, width=390), list[str]()
        page.on("console", lambda message: problems.append(message.text))
        for path in ("/directives", "/directives/D-2026-0003",
                     "/directives/report?period=this+year"):
            await page.goto(path)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, (path, wide)
        await page.get_by_role("link", name="DEO Gwadar").click()
        assert await page.get_by_role("link", name="D-2026-0003").is_visible()
        assert not problems
        await browser.close()


async def test_a_schools_page_shows_the_orders_about_it(ordered: Pages) -> None:
    await ordered.db.write(schools.take([School("05117", "GGPS Thangi", "Kech")],
                                        SHAZIA, 1))
    text = plain(await read(ordered, "/schools/05117"))
    assert "Directives Number What With Due Given D-2026-0002 overdue Look into the roof" in text
    assert "D-2026-0001" not in text
