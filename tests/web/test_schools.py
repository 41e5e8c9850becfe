"""Schools, visits, the map and the register of notifications, as pages."""
from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from archive import casework, schools
from archive.cases import Actor
from archive.schools import Line, School
from tests.web import seed, seed_schools
from tests.web.seed_schools import THANGI
from tests.web.server import Pages, serve
from tests.web.test_browser import ARGUMENTS, CHROMIUM, open_page
from tests.web.test_reading import read
from web.plot import MOST_MARKS, plot

ADDRESSES = ("/schools", "/schools/map", f"/schools/{THANGI}", "/schools/05118", "/schools/05171",
             "/schools/visits", "/notifications")


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Pages]:
    """The seeded archive with schools, visits and papers, on both databases."""
    async with serve(tmp_path, database=database_url) as running:
        made = await seed_schools.fill(running.db, running.site.media.folder)
        running.made.update(made)
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()


def plain(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page[page.index("<main"):]).split())


async def test_a_schools_page_tells_its_story(site: Pages) -> None:
    page = await read(site, f"/schools/{THANGI}")
    text = plain(page)
    for words in ("GGPS Thangi 05117 open", "functional since 7 Apr 2026 (closed on 6 Apr 2026)",
                  "District Sibi , tehsil Sibi", "primary, girls", "Sanctioned posts 2",
                  "7 Apr 2026, 08:20 corrected Sajjad RTSM Sibi open 2 of 2 27 of 31",
                  "closed 0 of 2 absent: Shabana Bibi , Rahila 0 of 31 boundary wall , toilet ; "
                  "two rooms, kacha", "2 messages, each as it told it", "corrects",
                  "SED-2026-00001 GGPS Thangi Sibi: both teachers absent Open, with"):
        assert words in text, words
    assert page.count('<img src="/thumb/') == 3
    assert f'href="/r/{site.made["closed"]}"' in page and f'href="/r/{site.made["gate"]}"' in page


async def test_what_is_not_in_the_list_says_so(site: Pages) -> None:
    text = plain(await read(site, "/schools/05171"))
    assert "This code is not in the list of schools" in text and "05117 GGPS Thangi" in text
    none = plain(await read(site, "/schools/50117", 404))
    assert "There is no school with BEMIS 50117" in none and "05117 (GGPS Thangi)" in none
    await read(site, "/schools/x", 404)


async def test_a_classified_case_is_not_named_to_every_reader(site: Pages) -> None:
    await site.db.write(casework.put(1, "classification", "secret", Actor("@a:b", "A"),
                                     seed.ms("2026-04-08 10:00"), "$c"))
    assert "SED-2026-00001" not in await read(site, f"/schools/{THANGI}")


async def test_the_list_is_narrowed_down(site: Pages) -> None:
    everything = plain(await read(site, "/schools"))
    assert "All 147" in everything and "147 schools, page 1" in everything
    assert "More →" in everything
    sibi = plain(await read(site, "/schools?district=Sibi"))
    assert "11 schools" in sibi and "Kech" not in sibi.split("Last visit")[1]
    closed = plain(await read(site, "/schools?state=closed&district=Sibi"))
    assert "2 schools" in closed and "05171 GGPS Thangi not in the list Sibi closed" in closed
    stale = plain(await read(site, "/schools?district=Sibi&since=2026-04-01"))
    assert "05117" not in stale and "never visited" in stale
    assert "1 school " in plain(await read(site, "/schools?q=گرلز مڈل"))
    assert "No school fits" in plain(await read(site, "/schools?q=zebra"))
    await read(site, "/schools?page=9", 404)
    assert "no other state" in plain(await read(site, "/schools?state=odd", 400))
    await read(site, "/schools?since=tomorrow", 400)


async def test_the_map_is_drawn_without_anything_from_elsewhere(site: Pages) -> None:
    page = await read(site, "/schools/map")
    assert page.count('<a href="/schools/0') == 145, "a mark for each school with coordinates"
    assert f'<a href="/schools/{THANGI}"><title>05117 GGPS Thangi, Sibi: open</title>' in page
    drawing = page[page.index('<svg class="map"'):page.rindex("</svg>")]
    for shape, count in (("open", 84), ("shut", 18), ("untold", 12), ("never", 31)):
        assert drawing.count(f'class="{shape}"') == count, shape
    for words in (">Dera Bugti</text>", ">29° N</text>", ">66° E</text>", "200 km"):
        assert words in drawing
    assert "style=" not in page and "<script" not in page
    assert "2 of 147 schools have no coordinates" in plain(page)
    one = await read(site, "/schools/map?district=Ziarat&state=open")
    assert one.count('<a href="/schools/0') == 3
    assert "This school has no coordinates in the list" in plain(
        await read(site, "/schools/map?q=without place"))


async def test_visits_as_a_table_and_as_a_file(site: Pages) -> None:
    text = plain(await read(site, "/schools/visits?from=2026-04-07&to=2026-04-07"))
    assert "5 visits, newest first" in text
    assert "7 Apr 2026, 12:30 taken back GBPS Wrong Group no code Rubina Nasar" in text
    assert "نسرین بی بی" in text and "چھت ٹپکتی ہے" in text
    uncoded = plain(await read(site, "/schools/visits?uncoded=1"))
    assert "2 visits" in uncoded and "GBPS Goth Nowhere no code" in uncoded
    async with site.visitor.get("/schools/visits.csv?from=2026-04-06") as answer:
        assert answer.content_type == "text/csv"
        assert 'filename="visits.csv"' in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    assert len(rows) == 6
    closed = next(row for row in rows if row["visited"] == "2026-04-06 08:12")
    assert closed == closed | {
        "bemis": "05117", "school": "GGPS Thangi", "district": "Sibi", "open": "no",
        "teachers_sanctioned": "2", "teachers_present": "0", "students_present": "0",
        "absent_teachers": "Shabana Bibi; Rahila", "missing": "boundary wall; toilet",
        "building": "two rooms, kacha", "pictures": "2", "visitor": "Sajjad RTSM Sibi",
        "taken_back": "no", "group": "RTSM reports"}
    assert [row["taken_back"] for row in rows] == ["yes", *["no"] * 5]
    async with site.visitor.get(f"/schools/{THANGI}.csv") as answer:
        assert 'filename="visits 05117.csv"' in answer.headers["Content-Disposition"]
        assert (await answer.text("utf-8-sig")).count("\n") == 4
    async with site.stranger.get("/schools/visits.csv", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_the_register_of_notifications_is_searched(site: Pages) -> None:
    text = plain(await read(site, "/notifications"))
    assert "5 entries, newest first" in text
    assert ("16 Mar 2026, 10:00 notification SO(Acad)3-12/2026/456-60 2026-03-13 school timings "
            "in Ramzan Nadia Kasi, Secretary in RTSM reports Notification School Timings.pdf"
            ) in text
    assert "2 Apr 2026, 13:00 taken back order 2217-20" in text
    urdu = plain(await read(site, "/notifications?q=تعطيلات"))
    assert "1 entry" in urdu and "123/2026 2026-04-01 گرمیوں کی تعطیلات" in urdu
    assert "1 entry" in plain(await read(site, "/notifications?kind=press release"))
    assert "1 entry" in plain(await read(site, "/notifications?to=2026-03-31"))
    assert "Nothing in the register fits" in plain(await read(site, "/notifications?q=zebra"))
    await read(site, "/notifications?kind=poem", 400)
    await read(site, "/notifications?page=7", 404)


async def test_an_empty_archive_says_how_to_begin(tmp_path: Path) -> None:
    async with serve(tmp_path, seeded=False) as empty:
        for address, words in (("/schools", "daftar schools import"), ("/schools/map", "import"),
                               ("/schools/visits", "No visit has been reported yet"),
                               ("/notifications", "The register is empty")):
            assert words in plain(await read(empty, address))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_phone_and_a_browser_without_javascript(site: Pages, browser: Browser) -> None:
    narrow = await open_page(browser, site, width=360)
    for path in ADDRESSES:
        await narrow.goto(path)
        assert await narrow.evaluate("document.documentElement.scrollWidth") <= 360, path
    page, said = await open_page(browser, site), []
    page.on("console", lambda message: said.append(message.text))
    await page.goto("/schools")
    await page.get_by_label("District").select_option("Sibi")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("link", name="On a map").click()
    mark = page.locator(f'svg.map a[href="/schools/{THANGI}"]')
    box = await mark.locator(".open").bounding_box()
    assert box and box["width"] > 8
    label = page.locator("svg.map text", has_text="Sibi")
    place = await label.bounding_box()
    assert place and 176 < place["x"] < 1104, "within the picture"
    await mark.click()
    assert await page.locator("h1").inner_text() == "GGPS Thangi 05117 open"
    assert await page.locator(".pictures img").first.evaluate("e => e.naturalWidth") == 480
    await page.get_by_text("2 messages, each as it told it").first.click()
    assert await page.get_by_text("corrects").is_visible()
    await page.goto("/schools/05118")
    assert "Nask" in await page.locator("h1 bdi").evaluate(
        "e => getComputedStyle(e).fontFamily")
    assert said == []


def line(number: int, north: float, east: float, state: str = "open", district: str = "Sibi"
         ) -> Line:
    return Line(School(f"{number:05d}", f"GBPS {number}", district, latitude=north,
                       longitude=east), state, 1)


def test_the_plot_keeps_its_bounds() -> None:
    assert plot([]) is None and plot([Line(School("1", "x"), "open", 1)]) is None
    one = plot([line(1, 29.5, 67.9)])
    assert one and (one.marks[0].x, one.marks[0].y) == (480, one.height / 2)
    many = [line(n, 29 + n % 7 / 10, 67 + n % 11 / 10) for n in range(60)]
    drawn = plot([*many, line(99, 2.95, 67.9), line(98, 29.5, 6.7)])
    assert drawn and {each.school.bemis for each in drawn.far} == {"00099", "00098"}
    assert all(0 < m.x < drawn.width and 0 < m.y < drawn.height for m in drawn.marks)
    north = {m.line.school.latitude: m.y for m in drawn.marks}
    assert sorted(north.values(), reverse=True) == [north[key] for key in sorted(north)]


def test_many_schools_become_fewer_marks() -> None:
    lines = [line(n, 25 + n % 97 / 15, 61 + n % 89 / 10, ("open", "closed")[n % 2],
                  f"District {n % 97 // 3}") for n in range(15_000)]
    drawn = plot(lines)
    assert drawn and sum(mark.count for mark in drawn.marks) == 15_000
    assert max(mark.count for mark in drawn.marks) > 1
    assert plot(lines[:MOST_MARKS]).marks[0].count == 1
    shown = [mark.state for mark in drawn.marks]
    assert shown == sorted(shown, reverse=True), "closed ones lie on top"


async def test_a_thousand_schools_are_listed_in_a_moment(tmp_path: Path) -> None:
    async with serve(tmp_path, seeded=False) as site:
        await site.db.write(schools.take([School(
            f"{n:05d}", f"GBPS {n}", "Sibi", latitude=29 + n / 5000, longitude=67.5)
            for n in range(1000)], Actor("", "t"), 1))
        assert (await read(site, "/schools/map")).count("<title>") == 1001
