"""What no honest phone, server or administrator does: one sentence each, and nothing lost."""
from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import sqlite3
import sys
import time
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from archive import directory, messages, queue
from archive.db import open_database
from archive.model import NewRecord, Sender
from bridge.clock import now_ms
from bridge.link import Sent
from bridge.matrix import Homeserver, HomeserverError
from cli.office import ROOT
from cli.reader import ClientError
from emulator import content
from emulator.media import seal_media
from tests.bot.people import until
from tests.bridge import wire
from tests.bridge.here import bridge_here
from tests.bridge.town import Town, body
from waproto import common, e2e, neonize_pb2
from waproto import history as past
from waproto import web as waweb

ZAFAR = {"pn": "923007009001", "lid": "770000000009001", "name": "Zafar"}


async def daftar(*arguments, **environment):
    """The console command: (exit code, what it wrote on standard error)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli.main", *map(str, arguments), cwd=ROOT,
        env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, errors.decode()


def last_line(errors):
    """The last line, when there is no traceback before it."""
    assert "Traceback" not in errors, errors
    return errors.splitlines()[-1]


# From WhatsApp


async def test_unreadable_events_are_kept_and_hold_nothing_up(house, tmp_path, database_url):
    async with bridge_here(house, tmp_path, database_url) as here:
        body = wire.message(here.jid, "A1", "before", **ZAFAR)
        await here.deliver(
            wire.delivery(b"\xff\xff\xff garbage"),
            wire.delivery(body[:40]),
            wire.delivery(b"", wire.GROUP_INFO),
            wire.delivery(wire.message(here.jid, "", "no id", **ZAFAR)),
            wire.delivery(wire.message(here.jid, "A0", "no sender")),
            wire.delivery(wire.message("@g.us", "A0", "no chat", **ZAFAR)),
            wire.delivery(body),
            wire.delivery(wire.message(here.jid, "A2", e2e.Message.FromString(b"\x0a\x02a\xfe"),
                                       **ZAFAR)),
            wire.delivery(wire.message(here.jid, "A3\x00", "a nul \x00 in it", **ZAFAR)),
            wire.delivery(wire.message(here.jid, "A4", "after", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "after")
        assert await here.bodies(room) == ["before", "a\ufffd", "a nul \ufffd in it", "after"]
        stuck = await queue.stuck(here.db)
        assert len(stuck) >= 4 and all(row.lane == "unreadable:link" for row in stuck)
        assert b"garbage" in bytes.fromhex(json.loads(stuck[0].payload)["body"])


@pytest.mark.parametrize("at", [-5, 0, 86_400, 2**62, 99_999_999_999])
async def test_a_senseless_time_hides_no_message(house, tmp_path, at):
    """Before 1970, in 1970, far ahead: the message came when it came."""
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "when?", at=at, **ZAFAR)),
                           wire.delivery(wire.message(here.jid, "A2", "now", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "now")
        event = await here.shown(room, "when?")
        assert event["origin_server_ts"] == 1_790_000_000_500, "when the link took it"
        await here.deliver(
            wire.delivery(wire.group_change(here.jid, at=min(at, 2**53), Join=["77123@lid"]),
                          wire.GROUP_INFO),
            wire.delivery(wire.undecryptable(here.jid, "A3", at=at, **ZAFAR), wire.UNDECRYPTABLE))
        await here.shown(room, "joined.")
        await here.shown(room, "could not be decrypted yet")


async def test_a_sender_with_an_impossible_address_becomes_nobody(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(
            wire.delivery(wire.message(here.jid, "A1", "from nowhere", pn="../Z x", name="Mal")),
            wire.delivery(wire.message(here.jid, "A2", "afterwards", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "afterwards")
        assert await here.bodies(room) == ["afterwards"]
        [kept] = await queue.stuck(here.db)
        assert b"from nowhere" in bytes.fromhex(json.loads(kept.payload)["body"])


async def test_one_ghost_for_a_sender_whose_number_comes_later(house, tmp_path, database_url):
    async with bridge_here(house, tmp_path, database_url) as here:
        await here.deliver(wire.delivery(wire.message(
            here.jid, "A1", "one", lid="770000000001234", name="Gul")))
        room = await here.room()
        first = await here.shown(room, "one")
        await here.deliver(wire.delivery(wire.message(
            here.jid, "A2", "two", lid="770000000001234", pn="923007001234", name="Gul")))
        second = await here.shown(room, "two")
        await here.deliver(wire.delivery(wire.message(
            here.jid, "A3", "three", pn="923007001234", name="Gul")))
        third = await here.shown(room, "three")
        assert first["sender"] == "@wa_lid_770000000001234:office.test"
        assert {second["sender"], third["sender"]} == {first["sender"]}
        person = await directory.find(here.db, "pn", "923007001234")
        assert person.lid == "770000000001234" and person.ghost == first["sender"]


async def test_what_whatsapp_gives_to_phones_only_is_said(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(wire.delivery(wire.undecryptable(
            here.jid, "A1", unavailable=True, **ZAFAR), wire.UNDECRYPTABLE))
        await here.shown(await here.room(), "WhatsApp shows this message on phones only")


async def test_an_undecryptable_message_is_announced_and_then_follows(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(
            wire.delivery(wire.undecryptable(here.jid, "A1", **ZAFAR), wire.UNDECRYPTABLE),
            wire.delivery(wire.undecryptable(here.jid, "A1", **ZAFAR), wire.UNDECRYPTABLE),
            wire.delivery(wire.message(here.jid, "A1", "the secret", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "the secret")
        await here.shown(room, "it has followed")
        bodies = await here.bodies(room)
        assert len(bodies) == 3 and "could not be decrypted yet" in bodies[0]


async def test_a_damaged_sealed_edit_changes_nothing(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        key = common.MessageKey(remoteJID=here.jid, ID="A1")
        sealed = [e2e.Message(secretEncryptedMessage=e2e.SecretEncryptedMessage(
            targetMessageKey=key, encIV=iv, encPayload=payload,
            secretEncType=e2e.SecretEncryptedMessage.MESSAGE_EDIT))
            for iv, payload in ((b"x" * 12, b"y" * 40), (b"", b""), (b"x", b"y" * 40))]
        await here.deliver(
            wire.delivery(wire.message(here.jid, "A1", e2e.Message(
                conversation="as it was", messageContextInfo=e2e.MessageContextInfo(
                    messageSecret=b"s" * 32)), **ZAFAR)),
            *[wire.delivery(wire.message(here.jid, f"E{number}", edit, **ZAFAR))
              for number, edit in enumerate(sealed)],
            wire.delivery(wire.message(here.jid, "A2", "afterwards", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "afterwards")
        bodies = await here.bodies(room)
        assert bodies[0] == "as it was" and len(bodies) == 5
        assert all("an encrypted edit" in words for words in bodies[1:4])


@pytest.mark.asyncio(loop_scope="session")
async def test_malformed_nodes_from_the_server_stop_nobody(town: Town):
    place = await town.group()
    pid = town.office.parts["bridge"].pid
    assert await town.emulator.send_malformed(town.department) == 1
    await place.phones[0].send_text(place.group, "after the garbage")
    await place.shown(text="after the garbage")
    await town.secretary.say(place.room, "and back")
    await place.seen(lambda seen: seen.text.endswith("and back"))
    assert town.office.parts["bridge"].pid == pid


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("how", [
    "cut off", "a byte changed", "nearly nothing", "nothing", "another file's sum", "forged seal"])
async def test_a_damaged_file_is_named_and_holds_nothing_up(town: Town, how: str):
    place = await town.group()
    whole = b"%PDF-1.7 the order" * 5000
    sealed = seal_media(whole, content.MEDIA_LABELS["document"])
    town.emulator.media.put(sealed.data)
    spoilt = {"cut off": sealed.data[:40_000], "nearly nothing": sealed.data[:5], "nothing": b"",
              "a byte changed": bytes([sealed.data[0] ^ 1]) + sealed.data[1:],
              "forged seal": sealed.data[:-10] + b"x" * 10}.get(how, sealed.data)
    town.emulator.media.path(sealed.sealed_sha256.hex()).write_bytes(spoilt)
    message = content.media("document", sealed, len(whole), mime="application/pdf",
                            filename="order.pdf", caption="The order", context_info=None)
    if how == "another file's sum":
        message.documentMessage.fileSHA256 = hashlib.sha256(b"another").digest()
    if how == "forged seal":  # of a sender who can make all sums fit but this one
        spoilt_sum = town.emulator.media.put(spoilt)
        message.documentMessage.fileEncSHA256 = spoilt_sum
    sent = await place.phones[0].send_raw(place.group, message)
    await place.phones[0].send_text(place.group, "after the file")
    await place.shown(text="after the file")
    [notice] = await place.of_record(sent)
    assert notice["content"]["msgtype"] == "m.notice"
    assert "order.pdf" in body(notice) and "The order" in body(notice)
    assert "is damaged; ask for it again" in body(notice)
    record = await place.stored(sent.id)
    assert record.media is None and record.text == "The order"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("kind, claimed, used", [
    ("image", "text/html", "application/octet-stream"), ("audio", "image/svg+xml",
                                                         "application/octet-stream"),
    ("image", "image/jpeg", "image/jpeg"), ("document", "application/pdf", "application/pdf")])
async def test_a_type_that_lies_changes_no_byte_and_opens_no_page(town: Town, kind, claimed, used):
    place = await town.group()
    data = b"<html><script>alert(1)</script>" + os.urandom(200)
    sent = await place.phones[0].send_media(place.group, data, kind, mime=claimed)
    [event] = await place.of_record(sent)
    content_ = event["content"]
    assert content_["msgtype"] == {"document": "m.file"}.get(kind, f"m.{kind}")
    assert content_["info"]["mimetype"] == used
    assert await town.secretary.reader.file(content_["url"]) == data
    assert (await place.stored(sent.id)).media_mime == claimed, "the record keeps what was said"


@pytest.mark.asyncio(loop_scope="session")
async def test_names_of_ten_thousand_characters(town: Town):
    place = await town.group("ا" * 10_000, people=("ن" * 10_000,), topic="ت" * 10_000)
    [phone] = place.phones
    await phone.send_text(place.group, "from a long name")
    event = await place.shown(text="from a long name")
    profile = await town.secretary.call("GET", f"/v3/profile/{event['sender']}")
    assert profile["displayname"] == "ن" * 200 + " (WhatsApp)"
    name = (await town.secretary.state(place.room, "m.room.name"))["name"]
    assert 100 <= len(name) <= 255 and set(name) == {"ا"}
    topic = (await town.secretary.state(place.room, "m.room.topic"))["topic"]
    assert topic.endswith("ت" * 1000) and len(topic) < 3000
    await town.secretary.say(place.room, "and back")
    await place.seen(lambda seen: seen.text.endswith("and back"))


@pytest.mark.asyncio(loop_scope="session")
async def test_a_mention_of_somebody_unknown_is_words(town: Town):
    place = await town.group()
    context = e2e.ContextInfo(mentionedJID=[
        "777000000123456@lid", "923009999999@s.whatsapp.net", "nobody", "", "@", "../x@lid"])
    sent = await place.phones[0].send_raw(place.group, e2e.Message(
        extendedTextMessage=e2e.ExtendedTextMessage(
            text="@777000000123456 and @923009999999, ask @nobody", contextInfo=context)))
    [event] = await place.of_record(sent)
    assert body(event) == "@777000000123456 and @+923009999999, ask @nobody"
    assert not event["content"].get("m.mentions", {}).get("user_ids")
    unknown = ["@wa_923009999999:daftar.localhost", "@somebody:elsewhere.example", "no id"]
    await town.secretary.say(
        place.room, "Zafar and Gul: come", format="org.matrix.custom.html",
        formatted_body=f'<a href="https://matrix.to/#/{unknown[0]}">Zafar</a> and '
                       f'<a href="https://matrix.to/#/{unknown[1]}">Gul</a>: come',
        **{"m.mentions": {"user_ids": unknown}})
    seen = await place.seen(lambda seen: seen.from_device)
    assert seen.text.endswith(": Zafar and Gul: come")
    raw = e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)
    assert not raw.extendedTextMessage.contextInfo.mentionedJID


# From the homeserver


async def test_a_homeserver_with_a_wrong_token_is_not_listened_to(house, tmp_path, caplog):
    async with bridge_here(house, tmp_path) as here, aiohttp.ClientSession() as http:
        bridge = here.config.bridge
        url = f"http://127.0.0.1:{bridge.port}/_matrix/app/v1/transactions/1"
        room = await here.admin_room()
        event = {"type": "m.room.message", "event_id": "$forged", "room_id": room,
                 "sender": here.admin.user_id, "origin_server_ts": 1,
                 "content": {"msgtype": "m.text", "body": "!wa logout"}}
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with http.put(url, json={"events": [event]}, headers=headers) as answer:
                assert answer.status == 401
        assert "bridge.hs_token" in caplog.text
        # With the right one nonsense is refused or passed over, and the next one is read.
        good = {"Authorization": f"Bearer {bridge.hs_token}"}
        for number, (sent, status) in enumerate([
                ("no json", 400), ("[]", 400), ("{}", 400), ('{"events": {}}', 400),
                ('{"events": [1, null, {}, {"type": 5}, {"type": "m.room.message"}]}', 200)]):
            async with http.put(f"{url}{number}", data=sent, headers=good) as answer:
                assert answer.status == status, sent
        await here.admin.say(room, "!wa status")
        await here.shown(room, "Failed or unsure: 0")


async def test_odd_events_from_the_homeserver_hold_nothing_up(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "hello", **ZAFAR)))
        room = await here.room()
        contents = [{"msgtype": ["m.text"], "body": {"a": 1}}, {"body": 7}, {},
                    {"msgtype": "m.text", "body": "x", "m.relates_to": "y"},
                    {"msgtype": "m.image", "body": "x", "url": 5, "info": []},
                    {"msgtype": "m.text", "body": "x", "m.relates_to": {"m.in_reply_to": "z"}},
                    {"msgtype": "m.text", "body": "x", "m.relates_to": {
                        "rel_type": "m.replace", "event_id": 5}, "m.new_content": 3},
                    {"msgtype": "m.text", "body": "\x00\ud800"}]
        kinds = ["m.room.message", "m.reaction", "m.room.redaction", "m.sticker",
                 "m.room.encrypted"]
        events = [{"type": kind, "room_id": room, "sender": here.admin.user_id, "content": content,
                   "event_id": f"${kind}{number}", "origin_server_ts": at}
                  for kind in kinds for number, content in enumerate(contents)
                  for at in (1_790_000_000_000, "soon")[number % 2:][:1]]
        await here.bridge._on_transaction([*events, {
            "type": "m.room.message", "room_id": room, "sender": here.admin.user_id,
            "content": {"msgtype": "m.text", "body": "a good one"}, "event_id": "$good",
            "origin_server_ts": 1_790_000_000_000}])
        assert (await messages.by_event(here.db, "$good")).text == "a good one"
        await here.bridge._on_transaction(events)  # once more, after a lost answer


async def test_after_a_time_away_the_homeserver_is_heard_at_once(new_house, tmp_path):
    house, tries = new_house(), 0

    async def refuse(request: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.Response(status=503)

    async def tried_often():
        return tries >= 4  # the next try would come 16 seconds after this one

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(app)
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    async with bridge_here(house, tmp_path / "before") as here:
        admin, room = here.admin, await here.admin_room()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", house.config.bridge.port).start()
    try:
        await admin.say(room, "nobody is there to read this")
        await until(tried_often)
    finally:
        await runner.cleanup()
    async with bridge_here(house, tmp_path / "after") as here:
        began = time.monotonic()
        room = await here.admin_room()
        await here.admin.say(room, "!wa status")
        await here.shown(room, "Failed or unsure: 0")
        assert time.monotonic() - began < 12


@pytest.mark.asyncio(loop_scope="session")
async def test_answers_to_what_nobody_has_seen(town: Town):
    place = await town.group()
    state = await town.secretary.call("GET", f"/v3/rooms/{place.room}/state")
    coming = next(e["event_id"] for e in state if e["type"] == "m.room.member"
                  and e["state_key"] == e["sender"] == town.secretary.id)
    await town.secretary.react(place.room, coming, "👍")  # no message, and on WhatsApp nothing
    await town.secretary.say(place.room, "!case list", reply_to=coming)
    inside = [await town.secretary.say(place.room, "an answer to her coming", reply_to=coming),
              await town.secretary.say(place.room, "an answer to nothing", reply_to="$" + "x" * 43),
              await town.secretary.say(place.room, "a thread of her coming", thread=coming)]
    for event in inside:  # what it answers might be for the house alone: it is said, not sent
        await place.notice(event, "This stays in the house: what it answers is no message")
    assert await place.nothing_more_leaves(0) == []
    assert len([e for e in await place.events() if "stays in the house" in body(e)]) == 3


@pytest.mark.parametrize("at", [None, 0, -1, 2**62, "soon"], ids=str)
async def test_a_transaction_that_comes_twice_leaves_once(house, tmp_path, at):
    """The homeserver has lost our answer; or hands the same event over in another transaction."""
    async with bridge_here(house, tmp_path) as here, aiohttp.ClientSession() as http:
        left: list[str] = []

        async def send(chat: str, message: e2e.Message) -> Sent:
            left.append(message.conversation.rpartition(": ")[2])
            return Sent(f"W{len(left)}", 1_790_000_000)

        here.bridge.link.send = send
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "hello", **ZAFAR)))
        room = await here.room()
        at = now_ms() if at is None else at

        def event(name: str) -> dict[str, object]:
            return {"type": "m.room.message", "event_id": f"${name}", "room_id": room,
                    "sender": here.admin.user_id, "origin_server_ts": at,
                    "content": {"msgtype": "m.text", "body": name}}

        url = f"http://127.0.0.1:{here.config.bridge.port}/_matrix/app/v1/transactions"
        good = {"Authorization": f"Bearer {here.config.bridge.hs_token}"}
        for number, events in ((1, [event("one")]), (1, [event("one")]), (1, [event("one")]),
                               (2, [event("one"), event("two")]), (3, [event("three")])):
            async with http.put(f"{url}/{number}", json={"events": events}, headers=good) as answer:
                assert answer.status == 200

        async def all_gone():
            return not await queue.depth(here.db, "out:")

        await until(all_gone)
        assert left == ["one", "two", "three"]


async def test_a_wrong_as_token_is_one_sentence(house):
    config = replace(house.config, bridge=replace(house.config.bridge, as_token="wrong", port=0))
    homeserver = Homeserver(config, None)
    try:
        with pytest.raises(HomeserverError, match=r"does not know bridge\.as_token: install the"):
            await homeserver.start()
    finally:
        await homeserver.stop()


async def test_a_homeserver_that_comes_later_is_waited_for(new_house, tmp_path, monkeypatch):
    house = new_house()
    monkeypatch.setattr("bridge.app.HOMESERVER_WAIT_S", 0.2)
    token = await house.synapse.create_user("x", "pass")
    assert token
    house.synapse.kill()
    starting = asyncio.create_task(_start_and_stop(house, tmp_path))
    await asyncio.sleep(1.0)  # a few tries, in vain
    assert not starting.done()
    await house.synapse.start()
    assert await asyncio.wait_for(starting, 90)


async def _start_and_stop(house, folder):
    """A bridge without admins comes up."""
    from bridge.app import Bridge

    config = replace(house.config, data=folder, bridge=replace(house.config.bridge, admins=()))
    db = await open_database(f"sqlite:{folder / 'archive.sqlite'}")
    bridge = Bridge(config, db)

    async def no_link() -> None:
        """There is none."""

    bridge.link.start = no_link
    try:
        await bridge.start()
        return True
    finally:
        await bridge.stop()
        await db.close()


# From the administrator


async def test_a_port_in_use_is_one_sentence(house, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, errors = await daftar(
            "run", "bridge", "--config", house.config_path, DAFTAR_BRIDGE_PORT=str(port),
            DAFTAR_DATA=str(tmp_path), DAFTAR_DATABASE=f"sqlite:{tmp_path / 'x.sqlite'}")
    assert code == 2
    assert last_line(errors) == (
        f"daftar: bridge.port: cannot listen on 127.0.0.1:{port} (Address already in use): another "
        "program uses it; stop that one or choose another port")


async def test_a_database_of_a_newer_version_is_one_sentence(house, tmp_path):
    path = tmp_path / "x.sqlite"
    await (await open_database(f"sqlite:{path}")).close()
    with sqlite3.connect(path) as db:
        [table] = [name for (name,) in db.execute("SELECT name FROM sqlite_master")
                   if "version" in name or "migration" in name]
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        db.execute(f"UPDATE {table} SET {columns[0]} = 9999")
    code, errors = await daftar(
        "run", "bridge", "--config", house.config_path, DAFTAR_DATA=str(tmp_path),
        DAFTAR_DATABASE=f"sqlite:{path}")
    assert code == 2 and "newer version" in last_line(errors)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_library_that_cannot_load_is_told_and_the_bridge_stays(town: Town, tmp_path):
    broken = tmp_path / "broken" / "neonize"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('neonize.so: wrong ELF class')")
    # The bridge itself reads the library's protobuf classes, which are whole.
    (broken / "proto").symlink_to(
        next(p for p in map(_proto, sys.path) if p is not None))
    part = town.office.parts["bridge"]
    await part.stop()
    environment = town.emulator.client_environment()
    town.office.start_part("bridge", {
        "PYTHONPATH": f"{broken.parent}{os.pathsep}{environment['PYTHONPATH']}"})
    room = await town.admin_room()
    try:
        async def told():
            try:
                return [e for e in await town.admin.reader.events(room)
                        if "cannot be loaded on this machine" in str(e["content"].get("body"))]
            except ClientError:
                return None

        assert "The WhatsApp link cannot work." in (await until(told))[0]["content"]["body"]
        assert "cannot be loaded" in await town.ask("!wa status")
        assert part.pid
    finally:
        await part.stop()
        town.office.start_part("bridge")
    place = await town.group()
    await place.phones[0].send_text(place.group, "mended")
    await place.shown(text="mended")


def _proto(folder):
    from pathlib import Path

    path = Path(folder) / "neonize" / "proto"
    return path if path.is_dir() else None


async def test_a_vote_about_nonsense_holds_nothing_up(house, tmp_path, database_url):
    def vote(target: str) -> e2e.Message:
        return e2e.Message(pollUpdateMessage=e2e.PollUpdateMessage(
            pollCreationMessageKey=common.MessageKey(ID=target, participant="77@lid"),
            vote=e2e.PollEncValue(encPayload=b"x" * 40, encIV=b"y" * 12)))

    async with bridge_here(house, tmp_path, database_url) as here:
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "before", **ZAFAR)))
        chat = await directory.chat_by_jid(here.db, here.jid)
        await here.db.write(messages.add(NewRecord(
            chat_id=chat.id, kind="reaction", origin="whatsapp", source_id="R1",
            sender=Sender(pn="923007008001"), sent_at=1, received_at=1, text="x",
            raw=b"\xff no message")))
        sync = past.HistorySync(syncType=past.HistorySync.RECENT, conversations=[past.Conversation(
            ID=here.jid, messages=[past.HistorySyncMsg(message=waweb.WebMessageInfo(
                key=common.MessageKey(ID="H\x00", participant="923007008001@s.whatsapp.net"),
                messageTimestamp=2**60, message=e2e.Message(conversation="a nul\x00")))])])
        await here.deliver(
            wire.delivery(wire.message(here.jid, "A2", vote("R1"), **ZAFAR)),
            wire.delivery(wire.message(here.jid, "A3", vote("A\x00"), **ZAFAR)),
            wire.delivery(neonize_pb2.HistorySync(Data=sync).SerializeToString(), 13),
            wire.delivery(wire.message(here.jid, "A4", "after", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "after")
        bodies = await here.bodies(room)
        assert len([b for b in bodies if "a vote in a poll" in b]) == 2 and "a nul\ufffd" in bodies
