"""WhatsApp to Matrix: what phones say, a reader of the room can read, and the archive holds."""
from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from archive import media as archive_media
from archive import messages
from emulator import attachments, content
from tests.bridge.conftest import BOTH
from tests.bridge.town import UPLOADS, body, relation, until
from waproto import common, e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")


@BOTH
async def test_a_text_is_read_in_the_room_under_the_senders_name(town):
    place = await town.group(people=("Zafar Iqbal", "Gul"))
    words = "محترم! اسکول کی چھت گر گئی ہے۔ Pl look into it."
    sent = await place.phones[0].send_text(place.group, words)
    event = await place.shown(text=words)
    assert event["sender"] == f"@wa_{place.phones[0].number}:daftar.localhost"
    assert event["origin_server_ts"] == sent.timestamp * 1000
    assert "format" not in event["content"]
    record = await place.stored(sent.id)
    assert (record.text, record.sender_name, record.sent_at) == (
        words, "Zafar Iqbal", sent.timestamp * 1000)
    member = await town.secretary.state(place.room, "m.room.member", event["sender"])
    assert member["displayname"] == "Zafar Iqbal (WhatsApp)"


async def test_formatting_is_shown_and_kept(town):
    place = await town.group()
    words = "*Urgent* _today_ ~no~ ```a < b``` & 2*3*4"
    await place.phones[0].send_text(place.group, words)
    event = await place.shown(text=words)
    assert event["content"]["formatted_body"] == (
        "<strong>Urgent</strong> <em>today</em> <del>no</del> <code>a &lt; b</code> &amp; 2*3*4")


async def test_five_megabytes_of_text_are_an_excerpt_and_a_file(town):
    place = await town.group()
    words = "رپورٹ " * (5 * 2**20 // 11)  # 5 MB of UTF-8
    sent = await place.phones[0].send_text(place.group, words)
    await place.phones[0].send_text(place.group, "and on we go")
    await place.shown(text="and on we go")
    excerpt, file = await place.of_record(sent)
    assert body(excerpt).startswith(words[:2000] + "…")
    assert "in the attached file" in body(excerpt)
    assert await town.secretary.reader.file(file["content"]["url"]) == words.encode()
    assert (await place.stored(sent.id)).text == words


@pytest.mark.parametrize("words", [
    "ع" * 19_990 + " *x*", "<" * 19_000 + " *x*", "\u0001" * 15_000, "😀" * 19_999, '"' * 20_000,
], ids=["urdu", "html", "control", "emoji", "quote"])
async def test_what_grows_on_the_wire_still_fits(town, words):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, words)
    [first, *_] = await place.of_record(sent)
    if body(first) != words:
        assert body(first).startswith(words[:2000])
        [_, file] = await place.of_record(sent, parts=2)
        assert await town.secretary.reader.file(file["content"]["url"]) == words.encode()


@BOTH
async def test_a_reaction_comes_is_replaced_and_goes(town):
    place = await town.group()
    zafar, gul = place.phones
    sent = await zafar.send_text(place.group, "School opened")
    message = await place.shown(text="School opened")

    async def reactions():
        return [(e["sender"].split(":")[0][4:], relation(e)["key"]) for e in await place.events()
                if e["type"] == "m.reaction" and relation(e).get("event_id") == message["event_id"]]

    await gul.react(sent, "👍")
    await until(lambda: same(reactions, [(gul.number, "👍")]))
    await gul.react(sent, "❤️")
    await until(lambda: same(reactions, [(gul.number, "❤️")]))
    await zafar.react(sent, "👍")
    await gul.react(sent, "")
    await until(lambda: same(reactions, [(zafar.number, "👍")]))
    kept = [r.text for r in await messages.page(town.db, (await place.chat()).id,
                                                kinds=("reaction",))]
    assert kept == ["👍", "❤️", "👍", ""]


@BOTH
async def test_an_edited_text_is_replaced_and_both_versions_are_kept(town):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, "30 teachers absnet")
    message = await place.shown(text="30 teachers absnet")
    await place.phones[0].edit(sent, "30 teachers *absent*")
    edit = await place.shown(match=lambda e: relation(e).get("rel_type") == "m.replace")
    assert relation(edit)["event_id"] == message["event_id"]
    assert edit["sender"] == message["sender"]
    assert edit["content"]["m.new_content"]["body"] == "30 teachers *absent*"
    assert "<strong>absent</strong>" in edit["content"]["m.new_content"]["formatted_body"]
    record = await place.stored(sent.id)
    assert record.text == "30 teachers absnet"
    assert [r.text for r in await messages.history(town.db, record.id)] == ["30 teachers *absent*"]


async def test_an_encrypted_edit_is_shown_like_any_other(town):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, "at 9 am")
    message = await place.shown(text="at 9 am")
    await place.phones[0].edit(sent, "at 10 am", encrypted=True)
    edit = await place.shown(match=lambda e: relation(e).get("rel_type") == "m.replace")
    assert relation(edit)["event_id"] == message["event_id"]
    assert edit["content"]["m.new_content"]["body"] == "at 10 am"


async def test_an_edited_caption_leaves_the_picture_as_it_is(town):
    place = await town.group()
    data = attachments.picture("GBPS Killi", "boundary wall")
    sent = await place.phones[0].send_media(
        place.group, data, "image", mime="image/jpeg", caption="wal broken")
    [picture] = await place.of_record(sent)
    key = common.MessageKey(remoteJID=place.group.jid, fromMe=True, ID=sent.id)
    await place.phones[0].send_raw(place.group, e2e.Message(protocolMessage=e2e.ProtocolMessage(
        key=key, type=e2e.ProtocolMessage.MESSAGE_EDIT, editedMessage=e2e.Message(
            imageMessage=e2e.ImageMessage(caption="wall broken")))), edit="1")
    edit = await place.shown(match=lambda e: relation(e).get("rel_type") == "m.replace")
    new = edit["content"]["m.new_content"]
    assert (new["body"], new["msgtype"], new["url"]) == (
        "wall broken", "m.image", picture["content"]["url"])


async def test_a_text_edited_to_be_very_long_is_complete_in_the_room(town):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, "short")
    await place.shown(text="short")
    words = "لمبی رپورٹ " * 4000
    await place.phones[0].edit(sent, words)
    edit = await place.shown(match=lambda e: relation(e).get("rel_type") == "m.replace")
    assert edit["content"]["m.new_content"]["body"].startswith(words[:2000])
    file = await place.shown(match=lambda e: e["content"].get("msgtype") == "m.file")
    assert await town.secretary.reader.file(file["content"]["url"]) == words.encode()


@BOTH
async def test_a_deleted_message_goes_from_the_room_and_stays_in_the_archive(town):
    place = await town.group()
    zafar, gul = place.phones  # Zafar is the group's admin
    own = await gul.send_text(place.group, "sent by mistake")
    others = await gul.send_text(place.group, "an advertisement")
    for text in ("sent by mistake", "an advertisement"):
        await place.shown(text=text)
    await gul.delete(own)
    await zafar.delete(others)

    async def redacted():
        return {e["unsigned"]["redacted_because"]["sender"] for e in await place.events()
                if "redacted_because" in e.get("unsigned", {})}

    async def both():
        return len(await redacted()) == 2 and await redacted()

    assert await until(both) == {f"@wa_{gul.number}:daftar.localhost", town.bridge_id}
    assert not [e for e in await place.events() if body(e) in ("sent by mistake",
                                                               "an advertisement")]
    for sent, text in ((own, "sent by mistake"), (others, "an advertisement")):
        record = await place.stored(sent.id)
        assert record.text == text
        assert [r.kind for r in await messages.history(town.db, record.id)] == ["deletion"]


async def test_nobody_but_the_sender_or_an_admin_can_change_a_message(town):
    place = await town.group()
    zafar, gul = place.phones
    sent = await zafar.send_text(place.group, "Transfer order of 5 May stands")
    message = await place.shown(text="Transfer order of 5 May stands")
    key = common.MessageKey(remoteJID=place.group.jid, fromMe=False, ID=sent.id,
                            participant=str(zafar.address(place.group)))
    await gul.send_raw(place.group, content.delete(key), edit="8")
    await gul.send_raw(place.group, content.edit(key, "Transfer order is withdrawn"), edit="1")
    await gul.send_text(place.group, "afterwards")
    await place.shown(text="afterwards")
    events = {e["event_id"]: e for e in await place.events()}
    assert body(events[message["event_id"]]) == "Transfer order of 5 May stands"
    assert not [e for e in events.values() if relation(e).get("rel_type") == "m.replace"]


@BOTH
@pytest.mark.parametrize("kind, mime, name", [
    ("image", "image/jpeg", ""), ("document", "application/pdf", "Transfer order 12.pdf"),
    ("audio", "audio/ogg; codecs=opus", ""), ("video", "video/mp4", "")])
async def test_a_file_arrives_byte_for_byte(town, kind, mime, name):
    place = await town.group()
    data = secrets.token_bytes(70_000)
    caption = "" if kind == "audio" else "See this"
    sent = await place.phones[0].send_media(
        place.group, data, kind, mime=mime, filename=name, caption=caption)
    [event] = await place.of_record(sent)
    found = event["content"]
    assert found["msgtype"] == {"document": "m.file"}.get(kind, f"m.{kind}")
    assert await town.secretary.reader.file(found["url"]) == data
    assert found["info"]["size"] == len(data) and found["info"]["mimetype"] == mime
    assert found["body"] == (caption or found["filename"])
    assert not name or found["filename"] == name
    record = await place.stored(sent.id)
    assert record.media.size == len(data)
    stored = archive_media.MediaStore(town.office.config.data / "media")
    assert stored.get(record.media.sha256) == data


async def test_a_file_that_is_gone_is_named_and_kept_in_the_record(town):
    place = await town.group()
    sealed = town.office.folder / "whatsapp" / "media" / "sealed"
    before = set(sealed.iterdir())
    at = datetime.now(UTC)
    # Sent and dropped from the media host before the bridge can fetch it.
    sending = place.phones[0].send_media(place.group, b"%PDF gone", "document",
                                         mime="application/pdf", filename="order.pdf",
                                         caption="The order", at=at)
    task = asyncio.ensure_future(sending)
    await asyncio.sleep(0)
    for path in set(sealed.iterdir()) - before:
        path.unlink()
    sent = await task
    [notice] = await place.of_record(sent)
    assert notice["content"]["msgtype"] == "m.notice"
    assert "order.pdf" in body(notice) and "WhatsApp no longer has the file" in body(notice)
    assert "The order" in body(notice)
    record = await place.stored(sent.id)
    assert (record.kind, record.media_name, record.text) == ("document", "order.pdf", "The order")
    assert await messages.raw(town.db, record.id)


async def test_files_that_are_too_large_are_named(town):
    place = await town.group()
    huge = await place.phones[0].send_raw(place.group, e2e.Message(videoMessage=e2e.VideoMessage(
        URL="https://mmg.whatsapp.net/v/huge", directPath="/v/huge", mediaKey=b"k" * 32,
        fileLength=2 * 2**30, mimetype="video/mp4", caption="The whole ceremony")))
    [notice] = await place.of_record(huge)
    assert notice["content"]["msgtype"] == "m.notice"
    assert "2,048 MB" in body(notice) and "stays on the phones" in body(notice)
    assert "The whole ceremony" in body(notice)

    data = bytes((UPLOADS + 1) * 2**20)  # more than this homeserver takes, but the archive does
    large = await place.phones[0].send_media(place.group, data, "document", mime="video/mp4",
                                             filename="inspection.mp4")
    [notice] = await place.of_record(large)
    assert "inspection.mp4" in body(notice) and "9 MB" in body(notice)
    assert "is in the archive" in body(notice)
    assert (await place.stored(large.id)).media.size == len(data)


async def test_a_hostile_file_is_only_a_file(town):
    place = await town.group()
    sent = await place.phones[0].send_media(
        place.group, b"MZ", "document", mime="text/x\r\nEvil: 1" + "y" * 70_000,
        filename="../../etc/order\u202efdp.exe" + "x" * 90_000)
    await place.phones[0].send_text(place.group, "after the file")
    await place.shown(text="after the file")
    [event] = await place.of_record(sent)
    assert event["content"]["msgtype"] == "m.file"
    assert "\u202e" not in event["content"]["filename"]
    assert await town.secretary.reader.file(event["content"]["url"]) == b"MZ"


async def test_a_place_is_a_place(town):
    place = await town.group()
    sent = await place.phones[0].send_location(place.group, 26.2345678, 63.0456, "GHS Turbat")
    [event] = await place.of_record(sent)
    assert event["content"]["msgtype"] == "m.location"
    assert event["content"]["geo_uri"] == "geo:26.2345678,63.0456"
    assert "GHS Turbat" in body(event)


@pytest.mark.parametrize("message, words", [
    (e2e.Message(sendPaymentMessage=e2e.SendPaymentMessage()), "Sent a payment."),
    (e2e.Message(encReactionMessage=e2e.EncReactionMessage(encIV=b"x")),
     "Sent an encrypted reaction."),
    (e2e.Message(interactiveMessage=e2e.InteractiveMessage()), "(interactiveMessage)"),
    (e2e.Message.FromString(b"\xf2\x7d\x03abc"), "(field 2014)"),  # of a later version
])
async def test_what_cannot_be_shown_is_announced_and_kept(town, message, words):
    place = await town.group()
    sent = await place.phones[0].send_raw(place.group, e2e.Message.FromString(
        message.SerializeToString()))
    [notice] = await place.of_record(sent)
    assert notice["content"]["msgtype"] == "m.notice" and words in body(notice)
    assert notice["sender"].startswith("@wa_") and "kept in the record" in body(notice)
    record = await place.stored(sent.id)
    raw = e2e.Message.FromString(await messages.raw(town.db, record.id))
    raw.ClearField("messageContextInfo")
    assert record.kind == "unsupported" and raw == message


async def test_an_order_between_devices_that_is_yet_unknown_deletes_nothing(town):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, "still here")
    await place.shown(text="still here")
    key = common.MessageKey(remoteJID=place.group.jid, fromMe=True, ID=sent.id)
    order = e2e.ProtocolMessage(key=key).SerializeToString() + b"\x10\xc8\x01"  # type = 200
    later = await place.phones[0].send_raw(
        place.group, e2e.Message(protocolMessage=e2e.ProtocolMessage.FromString(order)))
    await place.of_record(later)
    await place.shown(text="still here")


async def test_what_the_departments_own_phone_says_is_shown_by_its_ghost(town):
    place = await town.group()
    sent = await town.department.send_text(place.group, "From the phone itself")
    event = await place.shown(text="From the phone itself")
    assert event["sender"] == f"@wa_{town.department.number}:daftar.localhost"
    assert (await place.stored(sent.id)).text == "From the phone itself"
    assert not place.left()  # and does not go back


async def test_what_was_sent_long_ago_has_its_own_date(town):
    place = await town.group()
    at = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
    await place.phones[0].send_text(place.group, "last year", at=at)
    event = await place.shown(text="last year")
    assert event["origin_server_ts"] == int(at.timestamp() * 1000)


async def test_a_ghost_has_name_and_picture_and_follows_a_new_name(town):
    place = await town.group(people=("Zafar",))
    zafar = place.phones[0]
    picture = attachments.picture("Zafar")
    await zafar.set_picture(picture)
    at = datetime.now(UTC)
    await zafar.send_text(place.group, "with a picture", at=at - timedelta(minutes=5))
    event = await place.shown(text="with a picture")
    profile = await town.secretary.call("GET", f"/v3/profile/{event['sender']}")
    assert profile["displayname"] == "Zafar (WhatsApp)"
    assert await town.secretary.reader.file(profile["avatar_url"]) == picture
    zafar.name = "Zafar Iqbal DEO"
    await zafar.send_text(place.group, "with a new name")
    again = await place.shown(text="with a new name")
    assert again["sender"] == event["sender"]
    profile = await town.secretary.call("GET", f"/v3/profile/{event['sender']}")
    assert profile["displayname"] == "Zafar Iqbal DEO (WhatsApp)" and profile["avatar_url"]


async def test_a_business_has_the_name_that_whatsapp_vouches_for(town):
    place = await town.group(people=("", "Zafar"))
    business, zafar = place.phones
    business.business, zafar.business = "PTCL Quetta", "Zafar Traders"
    for phone, name in ((business, "PTCL Quetta"), (zafar, "Zafar")):
        await phone.send_text(place.group, f"from {name}")
        event = await place.shown(text=f"from {name}")
        profile = await town.secretary.call("GET", f"/v3/profile/{event['sender']}")
        assert profile["displayname"] == f"{name} (WhatsApp)"


@BOTH
@pytest.mark.parametrize("name, shown", [
    ("\u202eruZ\u2066 \x07Gul\n\n*x*", "ruZ Gul *x*"), ("\u202e\x01\u200b", "+{number}"),
    ("ن" * 5000, "ن" * 200)])
async def test_hostile_names_are_tamed(town, name, shown):
    place = await town.group(people=(name,))
    phone = place.phones[0]
    await phone.send_text(place.group, "what is my name")
    event = await place.shown(text="what is my name")
    profile = await town.secretary.call("GET", f"/v3/profile/{event['sender']}")
    assert profile["displayname"] == shown.format(number=phone.number) + " (WhatsApp)"


async def test_a_ghost_that_was_removed_from_the_room_comes_back_to_speak(town):
    place = await town.group()
    await place.phones[0].send_text(place.group, "one")
    ghost = (await place.shown(text="one"))["sender"]
    await town.admin.call("POST", f"/v3/rooms/{quote(place.room)}/kick", {"user_id": ghost})
    await place.phones[0].send_text(place.group, "two")
    assert (await place.shown(text="two"))["sender"] == ghost


async def test_the_same_words_twice_are_two_messages(town):
    place = await town.group()
    for _ in range(2):
        await place.phones[0].send_text(place.group, "ok")
    await place.phones[0].send_text(place.group, "done")
    await place.shown(text="done")
    await place.shown(text="ok", count=2)


async def same(look, wanted):
    """Whether what `look` finds is this."""
    return await look() == wanted
