"""The emulator with the real WhatsApp client in child processes."""
from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emulator import Emulator, EmulatorError, Group, Phone
from emulator.content import parse, read
from emulator.crypto import hkdf
from emulator.nodes import Jid, Node
from tests.emulator.clients import PATIENCE, Client, message_of
from tests.emulator.rawclient import RawClient

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Town:
    """An emulator, three phones in a group, and the clients that tests start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator = Emulator(folder / "state")
        self.clients: list[Client] = []

    async def open(self, addressing: str = "lid") -> None:
        await self.emulator.start()
        self.office = await self.emulator.phone("+923007001001", "Office")
        self.deo = await self.emulator.phone("+92 300 7001002", "DEO Sibi")
        self.dc = await self.emulator.phone("923007001003", "DC Sibi")
        self.group = await self.emulator.create_group(
            "Schools", [self.office, self.deo, self.dc], admins=[self.dc], topic="Daily reports",
            jid="120363000000000001@g.us", addressing=addressing,
        )

    async def link(self, phone: Phone | None = None, name: str = "client") -> Client:
        client = await Client.linked(
            self.emulator, phone or self.office, self.folder / f"{name}.db"
        )
        self.clients.append(client)
        return client

    async def again(self, name: str = "client") -> Client:
        client = await Client.start(self.emulator, self.folder / f"{name}.db")
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for client in self.clients:
            await client.kill()
        await self.emulator.stop()


@pytest.fixture
async def town(tmp_path: Path):
    town = Town(tmp_path)
    await town.open()
    yield town
    await town.close()


async def test_text_both_ways(town: Town):
    client = await town.link()
    sent = await town.deo.send_text(town.group, "GBPS Thangao Hara. Teacher was absent")
    event = await client.text(sent.text)
    assert event["chat"] == town.group.jid and event["id"] == sent.id
    assert event["sender"] == town.deo.lid_jid and event["alt"] == town.deo.jid
    assert event["name"] == "DEO Sibi" and event["timestamp"] // 1000 == sent.timestamp
    assert len(message_of(event).messageContextInfo.messageSecret) == 32

    answer = await client.do("text", town.group, text="DEO Sibi. Pl look into the issue.")
    for phone in (town.office, town.deo, town.dc):
        seen = await phone.wait_for(lambda s: s.id == answer["id"], PATIENCE)
        assert seen.text == "DEO Sibi. Pl look into the issue." and seen.from_device
        assert seen.sender == town.office.number and seen.kind == "text"
    assert [s.text for s in town.dc.seen] == [sent.text, "DEO Sibi. Pl look into the issue."]
    assert [s.text for s in town.deo.seen] == ["DEO Sibi. Pl look into the issue."]
    read = await client.wait("receipt", lambda e: e["ids"] == [answer["id"]] and e["type"] == 4)
    assert read["sender"] in (town.deo.lid_jid, town.dc.lid_jid)
    assert await town.emulator.idle(PATIENCE)


async def test_group_addressed_by_number(tmp_path: Path):
    town = Town(tmp_path)
    await town.open(addressing="pn")
    try:
        client = await town.link()
        await town.deo.send_text(town.group, "salam")
        event = await client.text("salam")
        assert event["sender"] == town.deo.jid and event["alt"] == town.deo.lid_jid
        answer = await client.do("text", town.group, text="w salam")
        await town.dc.wait_for(lambda s: s.id == answer["id"] and s.text == "w salam", PATIENCE)
    finally:
        await town.close()


async def test_group_lists_names_both_addresses_and_admins(town: Town):
    client = await town.link()
    for info in ((await client.do("groups"))["groups"][0], await client.do("info", town.group)):
        assert (info["jid"], info["name"], info["topic"]) == (
            town.group.jid, "Schools", "Daily reports")
        members = {m["phone"]: m for m in info["members"]}
        assert members[town.deo.jid]["lid"] == town.deo.lid_jid
        assert members[town.dc.jid]["super"] and not members[town.deo.jid]["admin"]


async def test_pairing_code(town: Town):
    client = await Client.start(
        town.emulator, town.folder / "code.db", "--code", "+923007001001"
    )
    town.clients.append(client)
    code = (await client.wait("code"))["code"]
    with pytest.raises(EmulatorError, match="no client waits"):
        await town.emulator.enter_code(town.deo, code)
    with pytest.raises(EmulatorError, match="eight characters"):
        await town.emulator.enter_code(town.office, "ABC")
    assert await town.emulator.enter_code(town.office, code.lower()) == (
        "923007001001:1@s.whatsapp.net")
    await client.wait("offline")
    await town.deo.send_text(town.group, "linked by code")
    await client.text("linked by code")


async def test_bad_and_expired_codes_are_refused(town: Town):
    with pytest.raises(EmulatorError, match="not the QR code"):
        await town.emulator.scan(town.office, "https://example.org")
    client = await Client.start(town.emulator, town.folder / "qr.db")
    town.clients.append(client)
    code = (await client.wait("qr"))["code"]
    with pytest.raises(EmulatorError, match="damaged"):
        await town.emulator.scan(town.office, code.replace(",", ",AAAA", 1))
    await client.kill()
    async with asyncio.timeout(PATIENCE):
        while town.emulator.pairing.waiting:  # the emulator has not seen the end of it yet
            await asyncio.sleep(0.05)
    with pytest.raises(EmulatorError, match="expired"):
        await town.emulator.scan(town.office, code)


async def test_quote_and_mention(town: Town):
    client = await town.link()
    report = await town.deo.send_text(town.group, "School closed")
    await town.dc.send_text(
        town.group, f"@{town.deo.number} explain", quote=report, mentions=[town.deo]
    )
    event = await client.message(lambda m: read(m).quoted_id == report.id)
    part = message_of(event).extendedTextMessage
    assert part.text == f"@{town.deo.lid} explain"
    assert part.contextInfo.participant == town.deo.lid_jid
    assert part.contextInfo.quotedMessage.conversation == "School closed"
    assert list(part.contextInfo.mentionedJID) == [town.deo.lid_jid]

    message = message_of(event)
    message.extendedTextMessage.text = "Noted"
    message.ClearField("messageContextInfo")
    raw = base64.b64encode(message.SerializeToString()).decode()
    await client.do("raw", town.group, raw=raw)
    seen = await town.deo.wait_for(lambda s: s.text == "Noted", PATIENCE)
    assert seen.quoted_id == report.id
    await town.deo.send_text(town.group, "Thanks", quote=seen)
    await client.message(lambda m: read(m).quoted_id == seen.id)


async def test_reaction_edit_deletion_from_phones(town: Town):
    client = await town.link()
    report = await town.deo.send_text(town.group, "Scool open")
    await town.dc.react(report, "👍")
    event = await client.message(lambda m: read(m).kind == "reaction")
    assert report.id == message_of(event).reactionMessage.key.ID and event["type"] == "reaction"
    assert message_of(event).reactionMessage.key.participant == town.deo.lid_jid
    await town.deo.edit(report, "School open")
    event = await client.message(lambda m: read(m).kind == "edit")
    assert read(message_of(event)).text == "School open" and event["edit"] == "1"
    assert read(message_of(event)).target_id == report.id
    await town.dc.delete(report)
    event = await client.message(lambda m: read(m).kind == "delete")
    assert read(message_of(event)).target_id == report.id and event["edit"] == "8"
    with pytest.raises(EmulatorError, match="no admin"):
        await town.deo.delete(await town.dc.send_text(town.group, "mine"))
    with pytest.raises(EmulatorError, match="cannot edit"):
        await town.dc.edit(report, "no")


async def test_encrypted_edit(town: Town):
    """As WhatsApp's own apps send edits since 2026: sealed under the first message's secret."""
    client = await town.link()
    report = await town.deo.send_text(town.group, "Scool open")
    first = await client.text("Scool open")
    await town.deo.edit(report, "School open", encrypted=True)
    event = await client.message(lambda m: m.HasField("secretEncryptedMessage"))
    part = message_of(event).secretEncryptedMessage
    assert report.id == part.targetMessageKey.ID
    secret = message_of(first).messageContextInfo.messageSecret
    info = f"{report.id}{town.deo.lid_jid}{town.deo.lid_jid}Message Edit".encode()
    plain = AESGCM(hkdf(secret, 32, info=info)).decrypt(part.encIV, part.encPayload, None)
    assert read(parse(plain)).text == "School open"
    seen = await town.dc.wait_for(lambda s: s.kind == "edit", PATIENCE)
    assert (seen.text, seen.target_id) == ("School open", report.id)


async def test_reaction_edit_deletion_from_the_device(town: Town):
    client = await town.link()
    report = await town.deo.send_text(town.group, "report")
    await client.text("report")
    await client.do("react", town.group, sender=town.deo.lid_jid, id=report.id, emoji="✅")
    seen = await town.deo.wait_for(lambda s: s.kind == "reaction", PATIENCE)
    assert (seen.text, seen.target_id) == ("✅", report.id)
    own = await client.do("text", town.group, text="Pl lok")
    await client.do("edit", town.group, id=own["id"], text="Pl look")
    seen = await town.deo.wait_for(lambda s: s.kind == "edit", PATIENCE)
    assert (seen.text, seen.target_id) == ("Pl look", own["id"])
    await client.do("revoke", town.group, sender=town.office.lid_jid, id=own["id"])
    seen = await town.deo.wait_for(lambda s: s.kind == "delete", PATIENCE)
    assert seen.target_id == own["id"]


async def test_media_from_phones(town: Town):
    client = await town.link()
    for kind, mime in (
        ("image", "image/png"), ("document", "application/pdf"), ("video", "video/mp4"),
        ("audio", "audio/ogg"), ("sticker", "image/webp"),
    ):
        data = os.urandom(100_000)
        sent = await town.deo.send_media(town.group, data, kind, mime=mime, filename="report.pdf")
        event = await client.message(lambda m, kind=kind: read(m).kind == kind)
        assert read(message_of(event)).mime == mime and event["type"] == "media"
        loaded = await client.do("download", raw=event["raw"])
        assert base64.b64decode(loaded["data"]) == data
        seen = await town.dc.wait_for(lambda s, id=sent.id: s.id == id, PATIENCE)
        assert (seen.kind, seen.media) == (kind, data)
    with pytest.raises(EmulatorError, match="no kind of media"):
        await town.deo.send_media(town.group, b"", "smell", mime="")


async def test_media_from_the_device(town: Town):
    client = await town.link()
    data = b"%PDF-1.4 " + os.urandom(50_000)
    sent = await client.do(
        "document", town.group, data=base64.b64encode(data).decode(), filename="order.pdf"
    )
    seen = await town.deo.wait_for(lambda s: s.id == sent["id"], PATIENCE)
    assert (seen.kind, seen.media, seen.filename) == ("document", data, "order.pdf")
    sent = await client.do(
        "image", town.group, data=base64.b64encode(PNG).decode(), caption="gate"
    )
    seen = await town.deo.wait_for(lambda s: s.id == sent["id"], PATIENCE)
    assert (seen.kind, seen.text, seen.media) == ("image", "gate", PNG)


async def test_location_and_time(town: Town):
    client = await town.link()
    at = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    await town.deo.send_location(town.group, 29.55, 67.88, "GBHS Sibi", at=at)
    event = await client.message(lambda m: read(m).kind == "location")
    assert event["timestamp"] // 1000 == int(at.timestamp())
    assert message_of(event).locationMessage.degreesLatitude == pytest.approx(29.55)


async def test_what_a_device_missed_comes_in_order(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "before")
    await client.text("before")
    assert await town.emulator.idle(PATIENCE)
    await client.kill()
    texts = [f"missed {n}" for n in range(60)]
    for n, text in enumerate(texts):
        await (town.deo, town.dc)[n % 2].send_text(town.group, text)
    assert not await town.emulator.idle(0.1)
    client = await town.again()
    await client.text(texts[-1])
    assert client.texts() == texts
    assert (await client.wait("offline"))["count"] == 60
    assert await town.emulator.idle(PATIENCE)


async def test_cut_connections_lose_nothing(town: Town):
    client = await town.link()
    texts = [f"m{n}" for n in range(200)]
    for n, text in enumerate(texts):
        await town.deo.send_text(town.group, text)
        if n in (40, 41, 90):
            assert await town.emulator.drop_connections(refuse_for=0.3) <= 1
            await asyncio.sleep(0.5)
    await client.text(texts[-1])
    assert list(dict.fromkeys(client.texts())) == texts
    answer = await client.do("text", town.group, text="still here")
    await town.dc.wait_for(lambda s: s.id == answer["id"], PATIENCE)


async def test_restart_of_the_emulator(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "one")
    await client.text("one")
    await client.do("text", town.group, text="two")
    await client.kill()
    await town.deo.send_text(town.group, "three")
    await town.emulator.stop()
    town.emulator = Emulator(town.folder / "state")
    await town.emulator.start()
    deo, group = town.emulator.phones["923007001002"], town.emulator.groups[town.group.jid]
    assert [s.text for s in town.emulator.history(group)] == ["one", "two", "three"]
    client = await town.again()
    await client.text("three")
    await deo.send_text(group, "four")
    await client.text("four")
    answer = await client.do("text", group, text="five")
    await deo.wait_for(lambda s: s.id == answer["id"] and s.text == "five", PATIENCE)
    assert not [e for e in client.events if e["event"] == "undecryptable"]


async def test_a_running_client_finds_the_emulator_again(town: Town):
    client = await town.link()
    await town.emulator.stop()
    town.emulator = Emulator(town.folder / "state")
    await town.emulator.start()
    group = town.emulator.groups[town.group.jid]
    await town.emulator.phones["923007001002"].send_text(group, "back again")
    await client.text("back again")


async def test_a_device_replenishes_its_keys(town: Town):
    await town.link()
    device = next(iter(town.office.devices.values()))
    while len(device.prekeys) > 5:
        device.prekeys.pop()
    new = await town.emulator.phone("+923007001010", "DEO Harnai")
    await town.emulator.add_members(town.group, [new])
    await new.send_text(town.group, "salam")
    async with asyncio.timeout(PATIENCE):
        while len(device.prekeys) < 20:
            await asyncio.sleep(0.05)


async def test_unclean_stop_of_the_emulator(town: Town):
    """Counters on disk are older than what the device saw: fresh keys, nothing unreadable."""
    client = await town.link()
    await town.deo.send_text(town.group, "one")
    await client.text("one")
    await client.do("text", town.group, text="two")
    town.emulator.store.now()
    await town.deo.send_text(town.group, "gone with the crash")
    await client.text("gone with the crash")
    await client.kill()
    crashed, town.emulator = town.emulator, Emulator(town.folder / "state")
    crashed.store._waiting.clear()
    crashed.store._states.clear()
    crashed.store._queued.clear()
    await crashed._door.close()
    crashed.store._db.close()
    await town.emulator.start()
    deo, group = town.emulator.phones["923007001002"], town.emulator.groups[town.group.jid]
    client = await town.again()
    await client.wait("offline")
    await deo.send_text(group, "after")
    await client.text("after")
    answer = await client.do("text", group, text="answer")
    await deo.wait_for(lambda s: s.id == answer["id"] and s.text == "answer", PATIENCE)
    assert not [e for e in client.events if e["event"] == "undecryptable"]


async def test_a_message_that_the_device_cannot_read_is_sent_again(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "one")
    await client.text("one")
    key, _ = town.deo.sender_key(town.group)
    key.chain.key = os.urandom(32)  # the device's copy no longer fits
    sent = await town.deo.send_text(town.group, "unreadable at first")
    await client.wait("undecryptable", lambda e: e["id"] == sent.id)
    await client.text("unreadable at first")
    assert await town.emulator.idle(PATIENCE)


async def test_a_message_that_a_phone_cannot_read_is_asked_for_again(town: Town):
    client = await town.link()
    await town.deo.send_text(town.group, "hello")
    await client.text("hello")
    await client.do("text", town.group, text="first")
    town.emulator.exchange._received.clear()
    for phone in (town.office, town.deo, town.dc):
        phone._peers.clear()
    await client.do("text", town.group, text="second")
    for phone in (town.deo, town.dc, town.office):
        assert (await phone.wait_for(lambda s: s.text == "second", PATIENCE)).from_device


async def test_several_devices(town: Town):
    first, second = await town.link(name="first"), await town.link(name="second")
    other = await town.link(town.deo, "other")
    await town.dc.send_text(town.group, "to all")
    for client in (first, second, other):
        await client.text("to all")
    await first.do("text", town.group, text="from the first")
    assert (await second.text("from the first"))["from_me"]
    event = await other.text("from the first")
    assert event["sender"].startswith(f"{town.office.lid}:1@") and not event["from_me"]
    await other.do("text", town.group, text="from the other")
    for client in (first, second):
        await client.text("from the other")
    assert await town.emulator.idle(PATIENCE)


async def test_group_changes_are_told(town: Town):
    client = await town.link()
    mark = len(client.events)
    new = await town.emulator.phone("+923007001009", "DEO Ziarat")
    await town.emulator.add_members(town.group, [new])
    assert (await client.wait("group_info", since=mark))["join"] == [new.lid_jid]
    await new.send_text(town.group, "salam")
    await client.text("salam")
    answer = await client.do("text", town.group, text="welcome")
    await new.wait_for(lambda s: s.id == answer["id"], PATIENCE)
    await town.emulator.rename_group(town.group, "Schools Sibi")
    await client.wait("group_info", lambda e: e["name"] == "Schools Sibi")
    await town.emulator.remove_members(town.group, [new])
    await client.wait("group_info", lambda e: e["leave"] == [new.lid_jid])
    with pytest.raises(EmulatorError, match="not in the group"):
        await new.send_text(town.group, "still here?")
    fresh = await town.emulator.create_group("Second", [town.office, town.deo])
    assert (await client.wait("joined", lambda e: e["jid"] == fresh.jid))
    await town.deo.send_text(fresh, "in the second group")
    await client.text("in the second group")
    assert await town.emulator.idle(PATIENCE)


async def test_five_megabytes_of_text(town: Town):
    client = await town.link()
    text = "لورالائی " * 300_000
    await town.deo.send_text(town.group, text)
    assert await client.text(text)
    answer = await client.do("text", town.group, text=text)
    seen = await town.deo.wait_for(lambda s: s.id == answer["id"], PATIENCE)
    assert seen.text == text


async def test_malformed_stanzas(town: Town):
    client = await town.link()
    assert await town.emulator.send_malformed(town.office) == 1
    await town.deo.send_text(town.group, "still alive")
    await client.text("still alive")
    answer = await client.do("text", town.group, text="so am I")
    await town.deo.wait_for(lambda s: s.id == answer["id"], PATIENCE)


async def test_garbage_at_the_door_harms_nobody(town: Town):
    client = await town.link()
    host, _, port = town.emulator.proxy_url.removeprefix("http://").partition(":")
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n", b"\0" * 20_000,
        b"CONNECT web.whatsapp.com:443\r\n\r\nno TLS",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(garbage)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
    await town.deo.send_text(town.group, "unmoved")
    await client.text("unmoved")


ODD = [
    b"", b"\x00\xf8\xff", b"\x02not deflated", b"\x00" + bytes(range(256)),
    Node("message", {"to": Jid("120363000000000001@g.us"), "id": "X1"}, []),
    Node("message", {"to": Jid("120363000000000001@g.us"), "id": "X2"},
         [Node("enc", {"type": "skmsg", "v": "2"}, b"\x33\x08")]),
    Node("message", {"to": "text", "id": "X3"}),
    Node("receipt", {"id": "X4"}),
    Node("iq", {"xmlns": "encrypt", "type": "set", "id": "X5"}, [Node("list", {}, b"?")]),
    Node("iq", {"xmlns": "usync", "type": "get", "id": "X6"}),
    Node("iq", {"xmlns": "w:g2", "type": "get", "id": "X7"}, [Node("query")]),
    Node("iq", {"xmlns": "md", "type": "result", "id": "X8"}, [Node("pair-device-sign")]),
    Node("iq", {}),
]


async def test_malformed_stanzas_end_only_their_connection(town: Town, caplog):
    client = await town.link()
    for number, stanza in enumerate(ODD):
        raw = RawClient()
        await raw.connect(town.emulator, town.dc)
        await raw.send(stanza)
        assert await raw.closed()
        await raw.close()
        assert caplog.text.count("connection closed") == number + 1, stanza
    assert "Traceback" not in caplog.text
    await town.deo.send_text(town.group, "unmoved")
    await client.text("unmoved")


@pytest.mark.parametrize("start", [b"\0\0\0\0\0", b"WA\x06\x03\0\0\x05hello",
                                   b"WA\x06\x03\0\0\x24\x12\x22\x0a\x20" + bytes(32)])
async def test_a_malformed_handshake_ends_only_its_connection(town: Town, caplog, start: bytes):
    raw = RawClient()
    await raw.open(town.emulator)
    await raw.send_bytes(start)
    assert await raw.closed()
    await raw.close()
    assert "connection closed" in caplog.text and "Traceback" not in caplog.text


async def test_harmless_oddities_are_answered(town: Town):
    raw = RawClient()
    await raw.connect(town.emulator, town.office)
    await raw.send(Node("what", {}))
    await raw.send(Node("ack", {"id": "never sent", "class": "message"}))
    await raw.send(Node("receipt", {"id": "X", "to": Jid(town.group.jid), "type": "retry"}))
    assert (await raw.receive()).attrs["class"] == "receipt"
    for space in ("new:thing", "w:p"):
        await raw.send(Node("iq", {"xmlns": space, "type": "get", "id": "Q1"}))
        assert (await raw.receive()).attrs["type"] == "result"
    unknown = Jid("999@g.us")
    await raw.send(Node("iq", {"xmlns": "w:g2", "type": "get", "id": "Q2", "to": unknown},
                        [Node("query")]))
    assert (await raw.receive()).child("error").attrs["code"] == "404"
    await raw.send(Node("message", {"to": unknown, "id": "M1", "type": "text"}))
    assert (await raw.receive()).attrs["error"] == "404"
    await raw.close()


async def test_messages_sent_before_the_device_has_keys(town: Town):
    client = await Client.start(town.emulator, town.folder / "client.db")
    town.clients.append(client)
    await town.emulator.scan(town.office, (await client.wait("qr"))["code"])
    await town.deo.send_text(town.group, "at once")  # the client is still connecting
    await client.text("at once")


async def test_unlinking(town: Town):
    client = await town.link()
    device = next(iter(town.office.devices.values()))
    await town.emulator.unlink(device.jid)
    await client.wait("logged_out")
    second = await town.link(name="second")
    await second.do("logout")
    async with asyncio.timeout(PATIENCE):
        while town.office.devices:
            await asyncio.sleep(0.05)
    await town.deo.send_text(town.group, "nobody listens")
    assert await town.emulator.idle(PATIENCE)


async def test_profile_picture(town: Town):
    client = await town.link()
    await town.deo.set_picture(PNG)
    answer = await client.do("picture", number=town.deo.number)
    assert answer["url"].startswith("https://pps.whatsapp.net/v/")


async def test_a_large_group(town: Town):
    people = [await town.emulator.phone(f"+92300800{n:04d}", f"Teacher {n}") for n in range(300)]
    group: Group = await town.emulator.create_group("All", [town.office, *people])
    client = await town.link()
    for person in people:
        await person.send_text(group, f"present {person.number}")
    await client.text(f"present {people[-1].number}")
    assert client.texts() == [f"present {person.number}" for person in people]
    answer = await client.do("text", group, text="Noted by all")
    for person in people:
        seen = await person.wait_for(lambda s: s.id == answer["id"], PATIENCE)
        assert seen.text == "Noted by all"
