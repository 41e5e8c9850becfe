"""Pictures of imported history in Matrix, as a client shows it: the group's room with the notice
that leads to its past, and the room of the past. An export goes through `daftar import`, bridge and
Synapse; people and chat are invented.

    python docs/make_history_pictures.py            writes docs/images/history.png
    python docs/make_history_pictures.py FOLDER     there, and the page as HTML

Needs Chromium (`/usr/bin/chromium`, or DAFTAR_CHROMIUM) and the test packages.
"""
from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from archive import directory  # noqa: E402
from archive.cases import Actor  # noqa: E402
from archive.db import open_database  # noqa: E402
from archive.media import MediaStore  # noqa: E402
from bridge.imports import past, survey, taking  # noqa: E402
from cli.office import Office  # noqa: E402
from cli.reader import Reader  # noqa: E402
from docs.make_screenshots import ARGUMENTS, CHROMIUM, small  # noqa: E402
from docs.room_page import Look, Panel, page  # noqa: E402
from emulator.model import Group  # noqa: E402
from tests.afternoon.view import Room, read  # noqa: E402

ZONE = ZoneInfo("Asia/Karachi")
GROUP = "RTSM Makran Division"
SAID = (
    ("+92 300 7001101", "GGPS Killi Rahim is closed since Monday, no key"),
    ("Gul Bano ADEO", "نوٹ کر لیا ہے، آج ہی دیکھتی ہوں"),
    ("Gul Bano ADEO", "<Media omitted>"),
    ("Sir Wahid", "The head teacher was on leave without approval.\nReport follows"),
    ("Sir Wahid", "This message was deleted"),
    ("+92 300 7001101", "School is open again, 2 teachers present <This message was edited>"))


def export(until: datetime) -> str:
    """What an Android phone gives away, from some months ago up to a moment."""
    at = until - timedelta(days=71, hours=4)
    lines = [f'{at:%d/%m/%Y, %H:%M} - Sir Wahid created group "{GROUP}"\n']
    for n, (who, text) in enumerate(SAID):
        at += timedelta(minutes=7 + 41 * n, days=n // 3)
        lines.append(f"{at:%d/%m/%Y, %H:%M} - {who}: {text}\n")
    return "".join(lines)


async def rooms(office: Office, folder: Path) -> tuple[Room, Room]:
    """The group's room and the room of its past, as the officer sees them."""
    zafar = await office.emulator.phone("923007001101", "Zafar Iqbal DEO Kech")
    group = await office.emulator.create_group(GROUP, [office.department, zafar], admins=[zafar])
    await zafar.send_text(group, "From today the mirror runs. Reports here as before, please")
    async with office.reader("officer") as officer:
        room = await room_of(office, officer, group)
        await take(office, group, folder)
        older = ""
        while not older:
            now = await read(officer, room)
            older = next((m.body.rpartition("/#/")[2].partition("?")[0] for m in now.messages
                          if "What was said before" in m.body), "")
            await asyncio.sleep(0.5)
        await officer.call("POST", f"/v3/join/{older}", {})
        return await read(officer, room), await read(officer, older)


async def room_of(office: Office, officer: Reader, group: Group) -> str:
    """The group's room, once a message stands in it."""
    room = None
    while room is None or not (await read(officer, room)).messages:
        await officer.join_invited()
        room = room or await officer.room_of(
            f"#wa_{group.jid.partition('@')[0]}:{office.config.homeserver.name}")
        await asyncio.sleep(0.5)
    return room


async def take(office: Office, group: Group, folder: Path) -> None:
    """What `daftar import --to-matrix` does."""
    path = folder / f"WhatsApp Chat with {GROUP}.txt"
    path.write_text(export(datetime.now(ZONE)), encoding="utf-8")
    db = await open_database(office.config.database_url)
    try:
        chat = await directory.chat_by_jid(db, group.jid)
        assert chat is not None
        found = await survey.survey(db, path, ZONE, chat_id=chat.id, order="dmy")
        await taking.take(db, MediaStore(office.config.data / "media"), found, chat, ZONE,
                          Actor("@officer:office", "Ayesha Khan"))
        print(await past.show(db, chat, ZONE))
    finally:
        await db.close()


async def main(folder: Path, keep: bool) -> None:
    with tempfile.TemporaryDirectory() as data:
        office = Office(Path(data), parts=("bridge", "bot"), progress=lambda text: None)
        await office.start()
        try:
            await office.link()
            live, older = await rooms(office, Path(data))
        finally:
            await office.stop()
    html = page([Panel(older, older.line), Panel(live, live.line)], Look("", ZONE), 620)
    if keep:
        (folder / "history.html").write_text(html, encoding="utf-8")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = await browser.new_page(viewport={"width": 2 * 628 - 8, "height": 300})
        await tab.set_content(html)
        (folder / "history.png").write_bytes(small(await tab.screenshot(full_page=True)))
        await browser.close()


if __name__ == "__main__":
    given = len(sys.argv) > 1
    asyncio.run(main(Path(sys.argv[1]) if given else ROOT / "docs" / "images", given))
