"""Changes of groups, signs of life and calls: what the real library makes of them."""
from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bridge.link import (
    CALL_OFFER,
    CALL_OFFER_NOTICE,
    CHAT_PRESENCE,
    RECEIPT,
    LinkError,
    LinkRefused,
)
from bridge.whatsapp import calls
from emulator import attachments
from emulator.server import Emulator
from tests.bridge.link.link_account import LIMIT, Account
from waproto import e2e, neonize_pb2


class House:
    """An emulator with a department's phone, two officials and a group of the three."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.folder = emulator, folder

    async def furnish(self) -> None:
        self.office = await self.emulator.phone("+923007001000", "Secretary Office")
        self.zafar = await self.emulator.phone("+923007001001", "Zafar")
        self.gul = await self.emulator.phone("+923007001002", "Gul")
        self.group = await self.emulator.create_group(
            "Secondary Edn. Dept", [self.office, self.zafar], admins=[self.zafar])

    def account(self) -> Account:
        return Account(self.folder / "main", self.emulator.client_environment(),
                       partial(self.emulator.scan, self.office))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    emulator = Emulator(tmp_path / "emulator")
    await emulator.start()
    house = House(emulator, tmp_path / "links")
    await house.furnish()
    yield house
    await emulator.stop()


async def test_changes_of_a_group_and_whatsapps_refusals(house):
    group, jid = house.group, house.group.jid
    async with house.account() as account:
        link = account.link
        await account.connected()
        for wrong, code in (
                (link.change_member(jid, house.gul.lid_jid, "add"), 401),
                (link.name_group("120363000000000001@g.us", "x"), 404)):
            with pytest.raises(LinkRefused) as refused:
                await wrong
            assert (refused.value.code, refused.value.whole) == (code, True)
        await house.emulator.set_role(group, house.office, "admin")
        await link.change_member(jid, house.gul.jid, "add")
        assert group.members[house.gul.number] == "member"
        await link.change_member(jid, house.gul.lid_jid, "promote")
        assert group.is_admin(house.gul.number)
        await link.change_member(jid, house.gul.lid_jid, "demote")
        await link.name_group(jid, "سیکنڈری ایجوکیشن")
        await link.describe_group(jid, "Reports by 2 pm")
        assert (group.name, group.topic) == ("سیکنڈری ایجوکیشن", "Reports by 2 pm")
        await link.describe_group(jid, "")
        picture = attachments.picture("Makran")
        await link.picture_group(jid, picture)
        assert (group.topic, group.picture) == ("", picture)
        house.emulator.change.leave(group, house.gul)
        shy = await house.emulator.phone("+923007001003")
        shy.by_link_only = True
        for person, change, code in (
                (house.zafar.lid_jid, "add", 409), ("923009999999@s.whatsapp.net", "add", 404),
                (shy.jid, "add", 403), (house.gul.jid, "add", 408), (shy.jid, "remove", 404)):
            with pytest.raises(LinkRefused) as refused:
                await link.change_member(jid, person, change)
            assert (refused.value.code, refused.value.whole) == (code, False)
        for text, limit in (("name_group", 101), ("describe_group", 2049)):
            with pytest.raises(LinkRefused) as refused:
                await getattr(link, text)(jid, "x" * limit)
            assert refused.value.code == 406
        with pytest.raises(LinkRefused) as refused:
            await link.picture_group(jid, b"not a JPEG")
        assert refused.value.code == 406
        with pytest.raises(LinkError, match="cannot take a group's picture away"):
            await link.picture_group(jid, b"")


async def test_signs_of_life_and_calls(house):
    group, jid, seen = house.group, house.group.jid, []
    async with house.account() as account:
        await account.connected()
        with pytest.raises(LinkError):  # the library has not been told the account's name
            await account.link.online(True)
    db = sqlite3.connect(house.folder / "main" / "session.sqlite")
    with db:
        db.execute("UPDATE whatsmeow_device SET push_name = 'Secretary Office'")
    db.close()

    async with house.account() as account:
        def note(code: int, body: bytes) -> None:
            seen.append((code, body))

        account.link.on_sign = note
        await account.connected()
        [device] = house.office.devices.values()
        await account.link.typing(jid, True)
        await account.link.typing(jid, False)
        sent = await account.link.send(jid, e2e.Message(conversation="an order"))
        note_of = await house.zafar.wait_for(lambda s: s.id == sent.id, 90)
        await house.zafar.read(note_of)
        theirs = await house.zafar.send_text(group, "a report")
        await account.until(account.texts)
        await account.link.mark_read(jid, house.zafar.lid_jid, [theirs.id])
        await account.link.online(True)
        assert [sign.kind for sign in house.zafar.signs] == ["composing", "paused", "read"]
        assert house.zafar.signs[-1].ids == (theirs.id,)
        await house.zafar.typing(group)
        await house.zafar.typing(group, audio=True)
        alone = house.emulator.signs.call(house.gul, house.office, video=True)
        house.emulator.signs.call(house.zafar, group)
        await account.until(lambda: {CALL_OFFER, CALL_OFFER_NOTICE}
                            <= {d.code for d in account.events})
        assert device.online is True
        async with asyncio.timeout(LIMIT):
            while [code for code, _ in seen].count(CHAT_PRESENCE) < 2:
                await asyncio.sleep(0.02)
        rung = {d.code: calls.parse(d.code, d.body) for d in account.events
                if d.code in calls.CODES}
        offer, notice = (rung[code] for code in calls.CODES)
        assert offer.id == alone
        assert (offer.group, offer.video, offer.sender.pn, offer.sender.lid) == (
            "", True, house.gul.number, house.gul.lid)
        assert (notice.group, notice.video, notice.sender.pn) == (
            jid, False, house.zafar.number)
    kind = neonize_pb2.ChatPresence
    typing = [neonize_pb2.ChatPresence.FromString(b) for c, b in seen if c == CHAT_PRESENCE]
    assert [(t.State, t.Media, t.MessageSource.Sender.User) for t in typing] == [
        (kind.COMPOSING, media, house.zafar.lid) for media in (kind.TEXT, kind.AUDIO)]
    read = [neonize_pb2.Receipt.FromString(b) for c, b in seen if c == RECEIPT]
    assert {(r.MessageSource.Sender.User, *r.MessageIDs) for r in read if r.Type == r.READ} == {
        (house.zafar.lid, sent.id)}
