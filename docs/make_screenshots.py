"""Pictures of the archive's pages, over an invented archive.

    python docs/make_screenshots.py            writes archive-page, schools-map and school-page
                                               into docs/images
    python docs/make_screenshots.py FOLDER     every page, wide, narrow and dark, into FOLDER

Needs Chromium (`/usr/bin/chromium`, or DAFTAR_CHROMIUM) and the test packages.
"""
from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.web import seed_schools  # noqa: E402
from tests.web.server import Pages, serve  # noqa: E402
from web.signin import SESSION_COOKIE  # noqa: E402

CHROMIUM = os.environ.get("DAFTAR_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-first-run"]
WIDE, NARROW = (1280, 900), (390, 844)


def addresses(pages: Pages) -> dict[str, str]:
    """Every kind of page by name."""
    made = pages.made
    return {
        "groups": "/", "record": f"/g/{made['schools']}", "plans": f"/g/{made['makran']}",
        "at": f"/g/{made['schools']}?at={made['urdu']}#r-{made['urdu']}",
        "message": f"/r/{made['edited']}", "thread": f"/r/{made['report']}",
        "search": "/search?q=teacher*", "search-urdu": "/search?q=غیرحاضر",
        "search-start": "/search", "search-none": "/search?q=zebra&group=1",
        "search-who": "/search?sender=RTSM", "people": "/people", "person": "/people/1",
        "schools": "/schools?district=Sibi", "map": "/schools/map",
        "school": f"/schools/{seed_schools.THANGI}", "school-urdu": "/schools/05118",
        "visits": "/schools/visits", "notifications": "/notifications",
        "cases": "/cases?state=all", "case": "/cases/SED-2026-00001", "status": "/status",
        "error": "/g/999",
    }


async def shoot(
    browser: Browser, pages: Pages, path: str, *, size: tuple[int, int] = WIDE,
    dark: bool = False, whole: bool = True, signed_in: bool = True,
) -> bytes:
    """A page as PNG."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
        java_script_enabled=False)
    try:
        if signed_in:
            await context.add_cookies(
                [{"name": SESSION_COOKIE, "value": pages.cookie, "url": pages.url}])
        page = await context.new_page()
        await page.goto(pages.url + path, wait_until="networkidle")
        return await page.screenshot(full_page=whole)
    finally:
        await context.close()


def small(picture: bytes) -> bytes:
    """The PNG in 256 colours: a picture for a page of documentation."""
    target = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(
        256, Image.Quantize.MAXCOVERAGE).save(target, "PNG", optimize=True)  # a red dot stays red
    return target.getvalue()


async def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data)) as pages, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            if folder is None:
                images = ROOT / "docs" / "images"
                images.mkdir(parents=True, exist_ok=True)
                picture = await shoot(
                    browser, pages, f"/g/{pages.made['schools']}", size=(1280, 1500), whole=False)
                (images / "archive-page.png").write_bytes(small(picture))
                await seed_schools.fill(pages.db, pages.site.media.folder)
                for name, path in (("schools-map", "/schools/map"),
                                   ("school-page", f"/schools/{seed_schools.THANGI}")):
                    picture = await shoot(browser, pages, path)
                    (images / f"{name}.png").write_bytes(small(picture))
                return
            await seed_schools.fill(pages.db, pages.site.media.folder)
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in {"sign-in": "/sign-in", **addresses(pages)}.items():
                for size, width in (("wide", WIDE), ("narrow", NARROW)):
                    picture = await shoot(browser, pages, path, size=width,
                                          signed_in=name != "sign-in")
                    (folder / f"{name}-{size}.png").write_bytes(picture)
            for name in ("record", "search"):
                picture = await shoot(browser, pages, addresses(pages)[name], dark=True)
                (folder / f"{name}-dark.png").write_bytes(picture)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
