"""Pictures of the page Imports, over an invented archive and an invented export.

    python docs/make_imports_screenshots.py            writes imports-preview.png and
                                                       imports-report.png into docs/images
    python docs/make_imports_screenshots.py FOLDER     every state, wide, narrow and dark

Needs Chromium (`/usr/bin/chromium`, or DAFTAR_CHROMIUM) and the test packages.
"""
from __future__ import annotations

import asyncio
import dataclasses
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from archive import directory, gaps, imports  # noqa: E402
from archive.cases import Actor  # noqa: E402
from archive.model import Sender  # noqa: E402
from bridge.imports.jobs import Jobs  # noqa: E402
from docs.make_screenshots import ARGUMENTS, CHROMIUM, NARROW, WIDE, shoot, small  # noqa: E402
from tests.web import seed  # noqa: E402
from tests.web.server import Pages, serve  # noqa: E402

OFFICER = f"@admin:{seed.SERVER}"
NAME = "WhatsApp Chat with RTSM Makran Division.txt"
SAID = (
    ("Hani RTSM Kech", "GBPS Zirbar Tump closed at 9:10, teacher on leave since Monday"),
    ("+92 300 7000011", "Noted. The clerk will ask the head teacher for the leave order"),
    ("DEO Panjgur New", "Sir the roof of GGMS Chitkan leaks, classes sit in the verandah"),
    ("ماسٹر اللہ بخش", "السلام علیکم، گورنمنٹ پرائمری اسکول کلگ میں پانی نہیں ہے"),
    ("Hani RTSM Kech", "<Media omitted>"), ("Naseem", "<Media omitted>"),
    ("Nadia Kasi, Secretary", "All RTSMs to share visits of the week by 2 pm, without fail"),
    ("DEO Panjgur New", "This message was deleted"), ("Naseem", "ok"))


def export() -> str:
    """Some months of a group, in the words of an Android phone."""
    at, lines = datetime(2025, 9, 15, 8, 3), []
    for n in range(1416):
        at += timedelta(minutes=37 + n * 7 % 199)
        who, text = SAID[(n * n + n // 3) % len(SAID)]
        half = "am" if at.hour < 12 else "pm"
        lines.append(f"{at:%d/%m/%Y}, {(at.hour - 1) % 12 + 1}:{at:%M} {half} - {who}: {text}"
                     f"{' (' + str(n) + ')' if '<' not in text and 'deleted' not in text else ''}")
    return "\n".join(lines) + "\n"


async def step(pages: Pages) -> imports.Run:
    """What the bridge does."""
    for run in await imports.open_ones(pages.db):
        await Jobs(pages.site.config, pages.db, lambda lane: None)._do(run)
    return (await imports.latest(pages.db))[0]


async def upload(pages: Pages, name: str, text: str) -> imports.Run:
    """What the page does with a file."""
    run_id = await pages.db.write(imports.begin(
        name, "0" * 64, len(text.encode()), "new", Actor(OFFICER, "Shazia Durrani"),
        seed.ms("2026-04-08 10:12")))
    path = imports.upload(pages.site.config.data, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return await step(pages)


async def prepare(pages: Pages) -> None:
    """A group with a gap, and some persons of the directory."""
    await pages.db.write(gaps.add([pages.made["makran"]], "main", seed.ms("2025-11-02 21:40"),
                                  seed.ms("2025-11-03 13:05")))
    await pages.db.write(directory.ensure(
        Sender(pn="923007000022", push_name="Hani RTSM Kech"), seed.ms("2025-09-01 10:00")))


async def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data)) as pages, async_playwright() as playwright:
            pages = dataclasses.replace(pages, cookie=pages.site.sessions.open(OFFICER).id)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            await prepare(pages)
            run = await upload(pages, NAME, export())
            await keep(browser, pages, folder, "imports-preview", f"/imports/{run.id}")
            await pages.db.write(imports.move(
                run.id, "ready", run.changed_at, settings={"people": {
                    "Naseem": "+92 300 7000077"}, "to_matrix": True}, report={}))
            run = await step(pages)
            await keep(browser, pages, folder, "imports-report", f"/imports/{run.id}")
            if folder is not None:
                again = await upload(pages, NAME, export().replace("Naseem", "Nasim"))
                await pages.db.write(imports.move(
                    again.id, "ready", again.changed_at,
                    settings={"people": {"Nasim": "Nasim Khan"}}, report={}))
                await step(pages)
                await keep(browser, pages, folder, "asked-again", f"/imports/{again.id}")
                other = await upload(pages, "chat.txt", "03/04/2026, 9:14 am - Ali: closed\n")
                await keep(browser, pages, folder, "orderless", f"/imports/{other.id}")
                wrong = await upload(pages, "<b>x.zip", "%PDF")
                await keep(browser, pages, folder, "refused", f"/imports/{wrong.id}")
                await keep(browser, pages, folder, "imports", "/imports")
                await keep(browser, pages, folder, "gap", f"/g/{pages.made['schools']}")
            await browser.close()


async def keep(browser: Browser, pages: Pages, folder: Path | None, name: str, path: str) -> None:
    if folder is None:
        (ROOT / "docs" / "images" / f"{name}.png").write_bytes(
            small(await shoot(browser, pages, path, size=(1100, 800))))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for kind, size, dark in (("wide", WIDE, False), ("narrow", NARROW, False),
                             ("dark", WIDE, True)):
        (folder / f"{name}-{kind}.png").write_bytes(
            await shoot(browser, pages, path, size=size, dark=dark))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
