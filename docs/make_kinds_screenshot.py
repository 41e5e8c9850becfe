"""A picture of the archive page with the kinds of message that a group carries, in English and
Urdu: sent by emulated phones, through bridge and Synapse.

    python docs/make_kinds_screenshot.py            writes docs/images/kinds.png
    python docs/make_kinds_screenshot.py FOLDER     there, and the room's events as JSON

Needs Chromium (`/usr/bin/chromium`, or DAFTAR_CHROMIUM) and the test packages.
"""
from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cli.office import Office  # noqa: E402
from docs.make_screenshots import ARGUMENTS, CHROMIUM, small  # noqa: E402
from emulator import attachments  # noqa: E402
from emulator.model import Group, Sent  # noqa: E402
from emulator.phone import Phone  # noqa: E402
from tests.bridge.test_kinds import VCARD, seal  # noqa: E402
from waproto import common, e2e  # noqa: E402

GROUP = "RTSM Makran Division"


async def say(office: Office) -> Group:
    """One of each kind."""
    zafar = await office.emulator.phone("923007001101", "Zafar Iqbal DEO Kech")
    gul = await office.emulator.phone("923007001102", "گل بانو ADEO(F)")
    group = await office.emulator.create_group(
        GROUP, [office.department, zafar, gul], admins=[zafar])
    first = await zafar.send_text(group, "*Urgent*: GGPS Killi Rahim is _closed_ since Monday\n"
                                         "1. no key\n2. no teacher")
    await gul.send_text(group, f"@{zafar.number} نوٹ کر لیا ہے، آج ہی دیکھتی ہوں", quote=first,
                        mentions=[zafar])
    picture = attachments.make("image", "school.jpg")
    await zafar.send_media(group, picture.data, "image", mime=picture.mime,
                           filename=picture.filename, caption="*اسکول کا دروازہ*")
    await _raw(zafar, group, extendedTextMessage=e2e.ExtendedTextMessage(
        text="تمام اساتذہ کی حاضری لازمی ہے۔",
        contextInfo=e2e.ContextInfo(isForwarded=True, forwardingScore=6)))
    await zafar.send_location(group, 26.0041, 63.0483, "GGPS Killi Rahim")
    await _raw(gul, group, contactMessage=e2e.ContactMessage(displayName="Gul Bano", vcard=VCARD))
    key = await _poll(gul, zafar, group)
    await _raw(zafar, group, eventMessage=e2e.EventMessage(
        name="Review of closed schools", description="Bring the lists", startTime=1_795_600_800,
        location=e2e.LocationMessage(name="DC office Turbat")))
    await _raw(zafar, group, pinInChatMessage=e2e.PinInChatMessage(
        key=key, type=e2e.PinInChatMessage.PIN_FOR_ALL))
    await gul.react(first, "👍")
    office.emulator.change.describe(group, "Reports of monitors, Makran", by=zafar)
    await zafar.send_text(group, "اسکول کھل گیا ہے، شکریہ")
    return group


async def _raw(phone: Phone, group: Group, **message: object) -> Sent:
    return await phone.send_raw(group, e2e.Message(**message))


async def _poll(asker: Phone, voter: Phone, group: Group) -> common.MessageKey:
    secret = os.urandom(32)
    options = ["Wednesday", "جمعرات"]
    poll = await _raw(asker, group, pollCreationMessageV3=e2e.PollCreationMessage(
        name="When shall we visit?", selectableOptionsCount=1,
        options=[e2e.PollCreationMessage.Option(optionName=name) for name in options]),
        messageContextInfo=e2e.MessageContextInfo(messageSecret=secret))
    author, who = str(asker.address(group)), str(voter.address(group))
    key = common.MessageKey(remoteJID=group.jid, ID=poll.id, participant=author)
    plain = e2e.PollVoteMessage(selectedOptions=[
        hashlib.sha256(options[1].encode()).digest()]).SerializeToString()
    await _raw(voter, group, pollUpdateMessage=e2e.PollUpdateMessage(
        pollCreationMessageKey=key,
        vote=seal("Poll Vote", poll.id, secret, author, who, plain, True)))
    return key


async def main(folder: Path, dump: bool) -> None:
    with tempfile.TemporaryDirectory() as data:
        office = Office(Path(data), parts=("bridge", "bot", "web"), progress=lambda text: None)
        await office.start()
        try:
            await office.link()
            group = await say(office)
            async with office.reader("officer") as officer:
                room = None
                while room is None:
                    await officer.join_invited()
                    room = await officer.room_of(
                        f"#wa_{group.jid.partition('@')[0]}:{office.config.homeserver.name}")
                    await asyncio.sleep(0.5)
                await asyncio.sleep(3)
                if dump:
                    events = await officer.events(room)
                    (folder / "kinds.json").write_text(
                        json.dumps(events, ensure_ascii=False, indent=1), encoding="utf-8")
            await shoot(office, folder / "kinds.png")
        finally:
            await office.stop()


async def shoot(office: Office, target: Path) -> None:
    """Sign in as the officer and take the group's page."""
    web = office.config.web
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1100, "height": 1500})
        await page.goto(f"http://{web.host}:{web.port}/sign-in")
        await page.fill("input[name=user]", "officer")
        await page.fill("input[name=password]", "officer-daftar")
        await page.click("button")
        await page.click(f"text={GROUP}")
        await page.wait_for_load_state("networkidle")
        target.write_bytes(small(await page.screenshot(full_page=True)))
        await browser.close()


if __name__ == "__main__":
    given = len(sys.argv) > 1
    asyncio.run(main(Path(sys.argv[1]) if given else ROOT / "docs" / "images", given))
