"""A picture of the phone page, over the demo's livelier scenario.

    python docs/make_phone_screenshot.py            writes docs/images/phone-page.png
    python docs/make_phone_screenshot.py FOLDER     more views, wide, narrow and dark, into FOLDER

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

from emulator import Emulator  # noqa: E402
from emulator.page import PhonePage  # noqa: E402
from emulator.scenario import Player, load  # noqa: E402

CHROMIUM = os.environ.get("DAFTAR_CHROMIUM", "/usr/bin/chromium")
ME = "923007001002"  # the Additional Secretary of emulator/demo/lively
WIDE, NARROW = (1100, 900), (390, 900)


async def prepare(emulator: Emulator) -> str:
    """Plays the scenario and adds reactions, which a scenario cannot carry; the group's JID."""
    player = Player(emulator, await load(ROOT / "emulator" / "demo" / "lively"))
    report = await player.play(timestamps="given")
    player.close()
    report_of_deo = next(p for p in report.sent if "opened at 9:35" in p.text)
    for number, emoji in (("923007001001", "👍"), (ME, "👍"), ("923007001010", "🙏")):
        await emulator.phones[number].react(report_of_deo.sent, emoji)
    return report_of_deo.group


async def shoot(
    browser: Browser, address: str, size: tuple[int, int], *, at: str = "", dark: bool = False
) -> bytes:
    """The page as PNG; `at`: words of the message that stands at the top of the view."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light")
    page = await context.new_page()
    await page.goto(address)
    if at:
        found = page.locator(".bubble", has_text=at).first
        await found.evaluate("bubble => bubble.scrollIntoView({block: 'start'})")
    await page.wait_for_timeout(600)  # pictures load when they come into view
    picture = await page.screenshot()
    await context.close()
    return picture


def small(picture: bytes) -> bytes:
    """The PNG in 256 colours: a picture for a page of documentation."""
    target = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256).save(
        target, "PNG", optimize=True)
    return target.getvalue()


def beside(left: bytes, right: bytes) -> bytes:
    """Two pictures of equal height in one."""
    pictures = [Image.open(io.BytesIO(each)).convert("RGB") for each in (left, right)]
    both = Image.new("RGB", (sum(p.width for p in pictures) + 24, pictures[0].height), "white")
    both.paste(pictures[0], (0, 0))
    both.paste(pictures[1], (pictures[0].width + 24, 0))
    target = io.BytesIO()
    both.save(target, "PNG")
    return target.getvalue()


async def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as state:
        emulator = Emulator(Path(state))
        await emulator.start()
        chat = await prepare(emulator)
        page = PhonePage(emulator)
        await page.start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"])
            address = f"{page.url}phone/{ME}/{chat}"
            if folder is None:
                wide = await shoot(browser, address, WIDE, at="visited GGPS Killi")
                narrow = await shoot(browser, address, NARROW, at="سر ڈیرہ بگٹی")
                (ROOT / "docs" / "images" / "phone-page.png").write_bytes(
                    small(beside(wide, narrow)))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                for name, where in (("chat", address), ("people", page.url),
                                    ("link", page.url + "link"),
                                    ("groups", f"{page.url}phone/{ME}")):
                    for kind, size in (("wide", WIDE), ("narrow", NARROW)):
                        for dark in (False, True):
                            file = folder / f"{name}-{kind}{'-dark' if dark else ''}.png"
                            file.write_bytes(await shoot(browser, where, size, dark=dark))
            await browser.close()
        await page.stop()
        await emulator.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
