"""Every kind of WhatsApp message: what a reader of the room sees of it, and what the record keeps.
Sent by emulated phones through the real client library, one test a row of docs/bridge.md."""
from __future__ import annotations

import hashlib
import json
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emulator.crypto import hkdf
from tests.bridge.conftest import BOTH
from tests.bridge.town import Place, Town, body, relation, reply_target
from waproto import common, e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")

START, RESPONSE = "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.response"
VCARD = ("BEGIN:VCARD\r\nVERSION:3.0\r\nN:;Gul;;;\r\nFN:Gul Bano\r\nORG:GGHS Killi\r\n Rahim;\r\n"
         "item1.TEL;waid=923007001777:+92 300 7001777\r\nEND:VCARD")


async def sent(place: Place, message: e2e.Message, parts: int = 1, phone: int = 0):
    """What stands in the room for a message that the first phone sends."""
    found = await place.of_record(await place.phones[phone].send_raw(place.group, message), parts)
    return found[0] if parts == 1 else found


def context(**fields) -> e2e.ContextInfo:
    return e2e.ContextInfo(**fields)


@BOTH
async def test_mentions_are_shown_by_name_and_link_to_the_person(town):
    place = await town.group(people=("Zafar", "Gul Bano"))
    zafar, gul = place.phones
    await gul.send_text(place.group, "Present")
    await place.shown(text="Present")
    words = f"@{gul.number} and @{town.department.number} pl check @923007009999"
    found = await place.of_record(
        await zafar.send_text(place.group, words, mentions=[gul, town.department]))
    ghost = f"@wa_{gul.number}:daftar.localhost"
    content = found[0]["content"]
    assert content["body"].startswith("@Gul Bano and @")
    assert content["body"].endswith("pl check @923007009999"), "nobody said that it is a mention"
    assert ghost in content["m.mentions"]["user_ids"]
    assert ">Gul Bano</a>" in content["formatted_body"].replace("@Gul", "Gul")
    assert "matrix.to/#/%40wa_" in content["formatted_body"] \
        or f"matrix.to/#/{ghost}" in content["formatted_body"]


async def test_a_mention_of_all_is_a_mention_of_the_room(town):
    place = await town.group()
    found = await sent(place, e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="@all meeting at 10", contextInfo=context(nonJIDMentions=1))))
    assert found["content"]["m.mentions"] == {"room": True}


async def test_forwarded_messages_say_so(town):
    place = await town.group()
    once = await sent(place, e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="*Notification*", contextInfo=context(isForwarded=True, forwardingScore=1))))
    assert body(once) == "↪ Forwarded\n*Notification*"
    assert once["content"]["formatted_body"].endswith("<br><strong>Notification</strong>")
    often = await sent(place, e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="Good morning", contextInfo=context(isForwarded=True, forwardingScore=7))))
    assert body(often) == "↪ Forwarded many times\nGood morning"


async def test_the_preview_of_an_address_comes_along(town):
    place = await town.group()
    found = await sent(place, e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="See https://example.org/x", matchedText="https://example.org/x",
        title="Results 2026", description="Class 8")))
    assert body(found) == "See https://example.org/x"
    assert found["content"]["com.beeper.linkpreviews"] == [{
        "matched_url": "https://example.org/x", "og:url": "https://example.org/x",
        "og:title": "Results 2026", "og:description": "Class 8"}]


async def media(place: Place, kind: str, mime: str, **fields):
    """A file of this kind, sent with more fields than phones of the emulator set by themselves."""
    phone = place.phones[0]
    plain = await phone.send_media(place.group, b"bytes of " + kind.encode(), kind, mime=mime)
    entry = place.town.emulator.entry(plain.id, place.group.jid)
    message = e2e.Message.FromString(entry.raw)
    message.ClearField("messageContextInfo")
    part = getattr(message, f"{kind}Message")
    for name, value in fields.items():
        setattr(part, name, value)
    return message


async def test_voice_messages_keep_length_and_waveform(town):
    place = await town.group()
    message = await media(place, "audio", "audio/ogg; codecs=opus", PTT=True, seconds=7,
                          waveform=bytes([0, 50, 100]))
    content = (await sent(place, message))["content"]
    assert content["msgtype"] == "m.audio" and content["info"]["duration"] == 7000
    assert content["org.matrix.msc3245.voice"] == {}
    assert content["org.matrix.msc1767.audio"] == {"duration": 7000, "waveform": [0, 512, 1024]}
    assert await town.secretary.reader.file(content["url"]) == b"bytes of audio"


async def test_gifs_play_and_video_notes_are_videos(town):
    place = await town.group()
    gif = await media(place, "video", "video/mp4", gifPlayback=True, seconds=2, width=320,
                      height=240)
    info = (await sent(place, gif))["content"]["info"]
    assert info["fi.mau.gif"] and info["fi.mau.loop"] and (info["w"], info["h"]) == (320, 240)
    note = e2e.Message(ptvMessage=gif.videoMessage)
    note.ptvMessage.gifPlayback = False
    content = (await sent(place, note))["content"]
    assert content["msgtype"] == "m.video" and content["info"]["org.daftar.video_note"]


async def test_stickers_are_stickers(town):
    place = await town.group()
    message = await media(place, "sticker", "image/webp", isAnimated=True, width=512, height=512)
    event = await sent(place, message)
    assert event["type"] == "m.sticker" and event["content"]["info"]["mimetype"] == "image/webp"
    assert await town.secretary.reader.file(event["content"]["url"]) == b"bytes of sticker"


async def test_a_caption_is_formatted_like_a_text(town):
    place = await town.group()
    message = await media(place, "image", "image/jpeg", caption="*Locked* school")
    content = (await sent(place, message))["content"]
    assert content["body"] == "*Locked* school"
    assert content["formatted_body"] == "<strong>Locked</strong> school"


async def test_a_picture_to_be_seen_once_is_kept_and_marked_in_the_record(town):
    place = await town.group()
    inner = await media(place, "image", "image/jpeg")
    plain = await place.phones[0].send_raw(place.group, e2e.Message(
        viewOnceMessageV2=e2e.FutureProofMessage(message=inner)))
    [event] = await place.of_record(plain)
    assert event["content"]["msgtype"] == "m.image"
    assert json.loads((await place.stored(plain.id)).detail)["view_once"] is True


async def test_an_album_announces_its_pictures(town):
    place = await town.group()
    found = await sent(place, e2e.Message(albumMessage=e2e.AlbumMessage(
        expectedImageCount=3, expectedVideoCount=1)))
    assert body(found) == "An album of 3 pictures and 1 video follows."


async def test_a_live_location_and_its_updates(town):
    place = await town.group()
    shown = []
    for number in (0, 1):
        shown.append(await sent(place, e2e.Message(liveLocationMessage=e2e.LiveLocationMessage(
            degreesLatitude=29.5, degreesLongitude=67.25 + number, sequenceNumber=number,
            caption="On the way"))))
    assert [event["content"]["geo_uri"] for event in shown] == ["geo:29.5,67.25", "geo:29.5,68.25"]
    assert body(shown[0]).startswith("Live location: On the way")
    assert body(shown[1]).startswith("Live location, update 1: On the way")


async def test_contact_cards_are_words_and_a_file(town):
    place = await town.group()
    one = e2e.ContactMessage(displayName="Gul Bano", vcard=VCARD)
    words, card = await sent(place, e2e.Message(contactMessage=one), parts=2)
    assert body(words) == "Gul Bano\nGGHS KilliRahim\n+92 300 7001777"
    assert card["content"]["body"] == "Gul Bano.vcf"
    assert await town.secretary.reader.file(card["content"]["url"]) == VCARD.encode()
    two = e2e.ContactMessage(displayName="Sana", vcard=VCARD.replace("7001777", "7001778"))
    words, cards = await sent(place, e2e.Message(contactsArrayMessage=e2e.ContactsArrayMessage(
        displayName="2 contacts", contacts=[one, two])), parts=2)
    assert "Gul Bano" in body(words) and "Sana" in body(words) and "+92 300 7001778" in body(words)
    assert (await town.secretary.reader.file(cards["content"]["url"])).count(b"BEGIN:VCARD") == 2


def seal(use: str, poll_id: str, secret: bytes, author: str, voter: str, plain: bytes,
         extra: bool) -> e2e.PollEncValue:
    """Bytes sealed under the secret of another message, as WhatsApp's clients do it."""
    key = hkdf(secret, 32, info=f"{poll_id}{author}{voter}{use}".encode())
    iv = os.urandom(12)
    data = f"{poll_id}\0{voter}".encode() if extra else None
    return e2e.PollEncValue(encPayload=AESGCM(key).encrypt(iv, plain, data), encIV=iv)


@BOTH
async def test_a_poll_its_votes_and_a_change_of_vote(town):
    place = await town.group()
    zafar, gul = place.phones
    secret = os.urandom(32)
    options = ["Monday", "پیر کے بعد", "Never"]
    poll = await zafar.send_raw(place.group, e2e.Message(
        messageContextInfo=e2e.MessageContextInfo(messageSecret=secret),
        pollCreationMessageV3=e2e.PollCreationMessage(
            name="Which day?", selectableOptionsCount=1,
            options=[e2e.PollCreationMessage.Option(optionName=name) for name in options])))
    [event] = await place.of_record(poll)
    start = event["content"][START]
    assert event["type"] == START and start["max_selections"] == 1
    assert start["question"]["org.matrix.msc1767.text"] == "Which day?"
    assert [a["org.matrix.msc1767.text"] for a in start["answers"]] == options
    author, voter = str(zafar.address(place.group)), str(gul.address(place.group))
    key = common.MessageKey(remoteJID=place.group.jid, fromMe=False, ID=poll.id,
                            participant=author)

    async def vote(*chosen: str):
        plain = e2e.PollVoteMessage(selectedOptions=[
            hashlib.sha256(name.encode()).digest() for name in chosen]).SerializeToString()
        value = seal("Poll Vote", poll.id, secret, author, voter, plain, True)
        cast = await gul.send_raw(place.group, e2e.Message(pollUpdateMessage=e2e.PollUpdateMessage(
            pollCreationMessageKey=key, vote=value)))
        [response] = await place.of_record(cast)
        assert response["type"] == RESPONSE and response["sender"].startswith(f"@wa_{gul.number}")
        assert relation(response) == {"rel_type": "m.reference", "event_id": event["event_id"]}
        assert (await place.stored(cast.id)).text == ", ".join(chosen)
        ids = {a["id"]: a["org.matrix.msc1767.text"] for a in start["answers"]}
        return [ids[answer] for answer in response["content"][RESPONSE]["answers"]]

    assert await vote("Monday") == ["Monday"]
    assert await vote("پیر کے بعد") == ["پیر کے بعد"]
    assert await vote() == []


async def test_a_sealed_reaction_and_a_sealed_answer_to_an_event(town):
    place = await town.group()
    zafar, gul = place.phones
    secret = os.urandom(32)
    event = await zafar.send_raw(place.group, e2e.Message(
        messageContextInfo=e2e.MessageContextInfo(messageSecret=secret),
        eventMessage=e2e.EventMessage(
            name="Review of schools", description="Bring the lists", startTime=1_795_600_800,
            location=e2e.LocationMessage(name="DC office"), joinLink="https://example.org/call")))
    [shown] = await place.of_record(event)
    assert body(shown) == ("Event: Review of schools\nWednesday 25 November 2026, 15:00\n"
                           "Bring the lists\nDC office\nhttps://example.org/call")
    author, other = str(zafar.address(place.group)), str(gul.address(place.group))
    key = common.MessageKey(remoteJID=place.group.jid, ID=event.id, participant=author)
    answer = e2e.EventResponseMessage(response=e2e.EventResponseMessage.GOING, extraGuestCount=2)
    value = seal("Event Response", event.id, secret, author, other, answer.SerializeToString(),
                 True)
    said = await sent(place, e2e.Message(encEventResponseMessage=e2e.EncEventResponseMessage(
        eventCreationMessageKey=key, encPayload=value.encPayload, encIV=value.encIV)), phone=1)
    assert body(said) == "Is going, with 2 more." and reply_target(said) == shown["event_id"]
    value = seal("Enc Reaction", event.id, secret, author, other,
                 e2e.ReactionMessage(text="👍").SerializeToString(), False)
    reaction = await sent(place, e2e.Message(encReactionMessage=e2e.EncReactionMessage(
        targetMessageKey=key, encPayload=value.encPayload, encIV=value.encIV)), phone=1)
    assert reaction["type"] == "m.reaction" and relation(reaction)["key"] == "👍"


async def test_pinning_in_the_group_pins_in_the_room(town):
    place = await town.group()
    words = await place.phones[0].send_text(place.group, "Rules of this group")
    [event] = await place.of_record(words)
    key = common.MessageKey(remoteJID=place.group.jid, fromMe=True, ID=words.id)

    async def pinned():
        return (await town.secretary.state(place.room, "m.room.pinned_events")).get("pinned")

    pin = await sent(place, e2e.Message(pinInChatMessage=e2e.PinInChatMessage(
        key=key, type=e2e.PinInChatMessage.PIN_FOR_ALL)))
    assert body(pin) == "Pinned this message." and reply_target(pin) == event["event_id"]
    assert await pinned() == [event["event_id"]]
    await sent(place, e2e.Message(pinInChatMessage=e2e.PinInChatMessage(
        key=key, type=e2e.PinInChatMessage.UNPIN_FOR_ALL)))
    assert await pinned() == []


@pytest.mark.parametrize("message, words", [
    (e2e.Message(groupInviteMessage=e2e.GroupInviteMessage(
        groupJID="120363000000000009@g.us", groupName="DEOs", caption="Pl join")),
     "[Invitation to the WhatsApp group “DEOs”; open WhatsApp to join]\nPl join"),
    (e2e.Message(callLogMesssage=e2e.CallLogMessage(
        isVideo=True, callOutcome=e2e.CallLogMessage.MISSED)),
     "Video call in the group on WhatsApp: missed."),
    (e2e.Message(scheduledCallCreationMessage=e2e.ScheduledCallCreationMessage(
        scheduledTimestampMS=1_795_600_800_000, title="Weekly call")),
     "Event: Weekly call\nWednesday 25 November 2026, 15:00"),
    (e2e.Message(protocolMessage=e2e.ProtocolMessage(
        type=e2e.ProtocolMessage.EPHEMERAL_SETTING, ephemeralExpiration=604_800)),
     "New messages disappear from phones after 7 days; the record keeps them."),
    (e2e.Message(buttonsMessage=e2e.ButtonsMessage(
        contentText="Your complaint is registered", footerText="PMDU")),
     "Your complaint is registered\nPMDU"),
    (e2e.Message(pollResultSnapshotMessage=e2e.PollResultSnapshotMessage(
        name="Which day?", pollVotes=[e2e.PollResultSnapshotMessage.PollVote(
            optionName="Monday", optionVoteCount=4)])),
     "[Result of a poll]\nWhich day?\nMonday: 4"),
], ids=["invite", "call", "planned-call", "timer", "business", "poll-result"])
async def test_kinds_without_a_form_of_their_own_are_said_in_words(town, message, words):
    place = await town.group()
    assert body(await sent(place, message)) == words


async def test_by_policy_deleted_messages_stay_struck_and_view_once_is_not_fetched(
        tmp_path_factory):
    town = Town(tmp_path_factory.mktemp("policy"), rules={
        "deletions": "strike", "view_once": "notice"})
    await town.start()
    try:
        place = await town.group()
        zafar = place.phones[0]
        words = await zafar.send_text(place.group, "30 teachers <absent>")
        picture = await zafar.send_media(place.group, b"a picture", "image", mime="image/jpeg",
                                         caption="The roof")
        [first], [second] = [await place.of_record(each) for each in (words, picture)]
        for each, event in ((words, first), (picture, second)):
            [change] = await place.of_record(await zafar.delete(each))
            assert relation(change) == {"rel_type": "m.replace", "event_id": event["event_id"]}
            assert "[deleted on WhatsApp]" in body(change)
            assert change["sender"] == event["sender"]
            if each is words:
                assert change["content"]["m.new_content"]["formatted_body"] == (
                    "<del>30 teachers &lt;absent&gt;</del> <em>(deleted on WhatsApp)</em>")
        assert (await place.of_record(words))[0]["content"]["body"] == "30 teachers <absent>"
        sticker = await zafar.send_media(place.group, b"webp", "sticker", mime="image/webp")
        [pasted] = await place.of_record(sticker)
        await zafar.delete(sticker)  # nothing of it can be struck through
        await place.shown(match=lambda e: e["event_id"] == pasted["event_id"] and not e["content"])
        inner = await media(place, "image", "image/jpeg")
        once = await sent(place, e2e.Message(
            viewOnceMessage=e2e.FutureProofMessage(message=inner)))
        assert "to be seen once; it is not kept" in body(once)
    finally:
        await town.stop()
