"""The pictures of docs/afternoon.md: the scripted afternoon is played (tests/afternoon), and its
rooms are drawn as a Matrix client shows them.

    python docs/make_afternoon_screenshots.py            writes docs/images/afternoon-*.png
    python docs/make_afternoon_screenshots.py FOLDER     there, and the pages as HTML

Needs Chromium (`/usr/bin/chromium`, or DAFTAR_CHROMIUM) and the test packages.
"""
from __future__ import annotations

import asyncio
import base64
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bot  # noqa: E402, F401  (before matrix-nio: it says why)
from docs.make_screenshots import ARGUMENTS, CHROMIUM, small  # noqa: E402
from docs.room_page import GAP, Look, Panel, page  # noqa: E402
from tests.afternoon.play import SCRIPT, STAFF_ROOM, Afternoon, playing  # noqa: E402
from tests.afternoon.view import Message, Room  # noqa: E402

Pages = dict[str, tuple[list[Panel], int]]  # by the picture's name: what it shows, how wide


async def look_on(afternoon: Afternoon) -> Pages:
    """Play the afternoon, and note what stands in the rooms when it is worth a picture."""
    pages: Pages = {}
    names = [chapter["name"] for chapter in SCRIPT["chapters"]]
    merging = names.index("A merging, undone")
    for name in names[:2]:
        await afternoon.play(name)
    room = await afternoon.room("schools")
    pages["timeline"] = [Panel(room, room.line)], 800
    for name in names[2:merging]:
        await afternoon.play(name)
    room = await afternoon.room("schools")
    pages["questions"] = [Panel(room, _between(room, "!case watch", "is with Ayesha", 6))], 800
    await afternoon.play(names[merging], until_step=3)
    room = await afternoon.room("schools")
    pages["merge"] = [Panel(room, [room.card("SED-2025-00003"), room.card("SED-2025-00004"), GAP,
                                   *_from(room, "!case merge")])], 800
    pages["unmerge"] = [], 620
    for begin, end in ((3, 4), (4, 7)):
        await afternoon.play(names[merging], from_step=begin, until_step=end)
        room = await afternoon.room("schools")
        pages["unmerge"][0].append(Panel(room, [
            room.card("SED-2025-00003"), room.card("SED-2025-00004"), GAP,
            *_from(room, "SED-2025-00004 is part")]))
    await afternoon.play(names[merging], from_step=7)
    for name in names[merging + 1:]:
        await afternoon.play(name)
    await pictures_at_the_end(afternoon, pages)
    return pages


async def pictures_at_the_end(afternoon: Afternoon, pages: Pages) -> None:
    """Threads, docket sheet, staff room; and the next morning's digest."""
    room = await afternoon.room("schools")
    first, card = room[afternoon.events["m01"]], room.card("SED-2025-00001")
    pages["threads"] = [Panel(room, room.thread(first.id), first, "Thread"),
                        Panel(room, room.thread(card.id), card, "Thread")], 620
    roof, card = room[afternoon.events["m07"]], room.card("SED-2025-00002")
    pages["roof"] = [Panel(room, room.thread(roof.id), roof, "Thread"),
                     Panel(room, room.thread(card.id), card, "Thread")], 620
    pages["docket"] = [Panel(room, _from(room, "!case list"))], 900
    staff = await afternoon.room(STAFF_ROOM)
    asked = [m for m in staff.messages if "School opened in my presence" in m.body]
    pages["staff"] = [Panel(staff, [*asked, *staff.replies(asked[0].id)])], 800
    for clock in ("08:31", "09:00"):
        await afternoon.at(SCRIPT["next_morning"], clock)
    talk = await afternoon.talk("officer")
    pages["digest"] = [Panel(talk, talk.line, title="Daftar")], 800


def _from(room: Room, words: str) -> list[Message]:
    """The main line from the first message that begins so."""
    begin = next(n for n, m in enumerate(room.line) if m.body.startswith(words))
    return room.line[begin:]


def _between(room: Room, words: str, last: str, most: int) -> list[Message]:
    """The same, up to the first later message that holds other words."""
    found = _from(room, words)
    end = next(n for n, m in enumerate(found) if last in m.body and n >= most)
    return found[:end + 1]


async def pictures(afternoon: Afternoon) -> dict[str, str]:
    """The pictures that phones sent, as data: addresses."""
    found = {}
    for message in (await afternoon.room("schools")).messages:
        if message.content.get("msgtype") == "m.image":
            data = await afternoon.readers["officer"].file(message.content["url"])
            mime = message.content["info"]["mimetype"]
            found[message.content["url"]] = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return found


async def main(folder: Path, keep: bool) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with playing(Path(data)) as afternoon:
            pages = await look_on(afternoon)
            look = Look(afternoon.user("officer"), afternoon.zone, await pictures(afternoon))
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, (panels, width) in pages.items():
            html = page(panels, look, width)
            if keep:
                (folder / f"{name}.html").write_text(html, encoding="utf-8")
            tab = await browser.new_page(
                viewport={"width": (width + 8) * len(panels) - 8, "height": 300})
            await tab.set_content(html)
            (folder / f"afternoon-{name}.png").write_bytes(
                small(await tab.screenshot(full_page=True)))
            await tab.close()
        await browser.close()


if __name__ == "__main__":
    given = len(sys.argv) > 1
    asyncio.run(main(Path(sys.argv[1]) if given else ROOT / "docs" / "images", given))
