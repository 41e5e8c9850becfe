"""A picture of the compliance report's page, over an invented month of orders.

    python docs/make_directives_picture.py      writes docs/images/directives-report.png

Needs the test packages and Chromium.
"""
from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from archive import directing  # noqa: E402
from archive.cases import Actor  # noqa: E402
from archive.db import Database  # noqa: E402
from archive.directing import By, Charged  # noqa: E402
from archive.directives import Finding, Heard  # noqa: E402
from tests.web import seed  # noqa: E402
from tests.web.server import serve  # noqa: E402
from tests.web.test_browser import ARGUMENTS, CHROMIUM, open_page  # noqa: E402

DAY = 86_400_000
# (post, what became of each of its orders: done after so many days, or a state)
DISTRICTS = {"ڈی ای او خضدار": "Khuzdar"}
MONTH = (("DEO Sibi", 1, 2, 1, 5, "open"), ("DEO Kech", 2, 6, 7, "open", "open", "open"),
         ("DEO (F) Loralai", 1, 1, 2, "withdrawn"), ("DC Kohlu", 3, "refused", "open"),
         ("ڈی ای او خضدار", 1, 2, 8), ("DEO Hub", "open", "open"))


async def fill(db: Database) -> None:
    """The month's orders, each due three days after it."""
    number = 0
    for post, *ends in MONTH:
        for end in ends:
            number += 1
            at = seed.ms("2026-04-02 10:00") + number * DAY // 2
            by = By(Actor("@shazia:office.test", "Shazia Durrani"), at, f"$c{number}")
            heard = Heard(f"$o{number}", "!r:x", "@wa_1:x", "Nadia Kasi, Secretary", at, "Report")
            [row] = await db.write(directing.propose(
                heard, [Finding(heard.event_id, (post,), "report", at + 3 * DAY)], by))
            await db.write(directing.confirm(
                row, 2026, [Charged(post, DISTRICTS.get(post, post.split()[-1]), "a holder")], by))
            if isinstance(end, int):
                await db.write(directing.move(row, post, "complied", at + end * DAY, "", by))
            elif end == "withdrawn":
                await db.write(directing.withdraw(row, "", "", by))
            elif end == "refused":
                await db.write(directing.move(row, post, "refused", at + DAY, "", by))


async def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data)) as site, async_playwright() as playwright:
            await fill(site.db)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = await open_page(browser, site, width=1100)
            await page.goto("/directives/report?period=2026-04")
            shot = await page.screenshot(full_page=True)
            await browser.close()
    target = io.BytesIO()
    Image.open(io.BytesIO(shot)).quantize(64).save(target, "PNG", optimize=True)
    (ROOT / "docs" / "images" / "directives-report.png").write_bytes(target.getvalue())


if __name__ == "__main__":
    asyncio.run(main())
