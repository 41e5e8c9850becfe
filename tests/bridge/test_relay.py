"""Matrix to WhatsApp, what goes beyond plain words: formatting, mentions, corrections, stickers,
places, sounds, polls; and what failed is marked and can be sent again."""
from __future__ import annotations

import hashlib
import io
import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from PIL import Image

from archive import queue
from emulator.crypto import hkdf
from tests.bridge.conftest import BOTH
from tests.bridge.town import relation, until
from waproto import common, e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRETARY = "*Secretary Education*: "
HTML = "org.matrix.custom.html"
POLL, VOTE = "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.response"


def raw(town, place, seen) -> e2e.Message:
    """What really went over the wire."""
    return e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)


async def age(town, record, hours: float) -> None:
    """Let a message be older."""
    def unit():
        yield ("UPDATE record SET sent_at = sent_at - ? WHERE id = ?",
               (int(hours * 3_600_000), record.id))

    await town.db.write(unit())


def picture(size: tuple[int, int], kind: str = "PNG") -> bytes:
    """A red picture."""
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


# Words


@BOTH
@pytest.mark.parametrize("addressing", ["lid", "pn"])
async def test_formatting_and_mentions_leave_as_whatsapps(town, addressing):
    place = await town.group(addressing=addressing)
    zafar = place.phones[0]
    await zafar.send_text(place.group, "Roof leaks")
    ghost = (await place.shown(text="Roof leaks"))["sender"]
    pill = f'<a href="https://matrix.to/#/{ghost}">Zafar</a>'
    event = await town.secretary.say(
        place.room, "Zafar: report by Friday", format=HTML,
        formatted_body=f"{pill}: <strong>report</strong> by <em>Friday</em><ul><li>cost</li>"
                       "<li>photos</li></ul>", **{"m.mentions": {"user_ids": [ghost]}})
    seen = await place.seen(lambda seen: seen.from_device)
    address = zafar.address(place.group)
    assert seen.text == (f"{SECRETARY}@{address.user}: *report* by _Friday_\n- cost\n- photos")
    context = raw(town, place, seen).extendedTextMessage.contextInfo
    assert list(context.mentionedJID) == [str(address)]
    # The record keeps the words that were written.
    assert (await place.stored(event)).text == "Zafar: report by Friday"
    # A list begins a line of its own; without HTML a mention counts by the name.
    await town.secretary.say(place.room, "x", format=HTML,
                             formatted_body="<ol><li>one</li><li>two</li></ol>")
    await place.seen(lambda s: s.text == "*Secretary Education*:\n1. one\n2. two")
    name = (await town.secretary.call("GET", f"/v3/profile/{ghost}/displayname"))["displayname"]
    await town.secretary.say(place.room, f"Thanks {name}!",
                             **{"m.mentions": {"user_ids": [ghost]}})
    seen = await place.seen(lambda s: "Thanks" in s.text)
    assert seen.text == f"{SECRETARY}Thanks @{address.user}!"
    assert raw(town, place, seen).extendedTextMessage.contextInfo.mentionedJID == [str(address)]


async def test_the_whole_room_is_everybody_and_colleagues_are_names(town):
    place = await town.group()
    pill = f'<a href="https://matrix.to/#/{town.officer.id}">Section Officer</a>'
    await town.secretary.say(
        place.room, "@room Section Officer: reports", format=HTML,
        formatted_body=f"@room {pill}: reports",
        **{"m.mentions": {"room": True, "user_ids": [town.officer.id]}})
    seen = await place.seen(lambda seen: seen.from_device)
    assert seen.text == SECRETARY + "@all Section Officer: reports"
    context = raw(town, place, seen).extendedTextMessage.contextInfo
    assert context.nonJIDMentions == 1 and not context.mentionedJID
    # The words alone do nothing.
    await town.secretary.say(place.room, "who may write @room?")
    seen = await place.seen(lambda seen: "who may" in seen.text)
    assert seen.text == SECRETARY + "who may write @room?"
    assert raw(town, place, seen).HasField("conversation")


async def test_html_that_says_nothing_falls_back_to_the_plain_words(town):
    place = await town.group()
    await town.secretary.say(place.room, "the words", format=HTML,
                             formatted_body="<script>alert(1)</script><mx-reply>x")
    await place.seen(lambda seen: seen.text == SECRETARY + "the words")


# Edits and deletions


@BOTH
async def test_an_edit_keeps_formatting_and_becomes_a_correction_when_it_is_late(town):
    place = await town.group()
    room = place.room
    event = await town.secretary.say(room, "on the 5th")
    sent = await place.seen(lambda seen: seen.from_device)

    async def edit(words: str, html: str) -> str:
        new = {"msgtype": "m.text", "body": words, "format": HTML, "formatted_body": html}
        return await town.secretary.send(room, {
            **new, "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": event}})

    await edit("on the 6th", "on the <b>6th</b>")
    seen = await place.seen(lambda seen: seen.kind == "edit")
    assert (seen.target_id, seen.text) == (sent.id, SECRETARY + "on the *6th*")
    await age(town, await place.stored(event), 0.5)
    await edit("on the 7th", "on the <b>7th</b>")
    correction = await place.seen(lambda seen: seen.text.endswith("on the *7th*"))
    assert correction.kind == "text" and correction.quoted_id == sent.id
    assert correction.text.startswith(SECRETARY + "_Correction of the message of ")
    # Whoever takes the message back takes its correction back.
    await town.secretary.redact(room, event)
    for one in (sent, correction):
        await place.seen(lambda s, one=one: s.kind == "delete" and s.target_id == one.id)
    assert [s.kind for s in await place.nothing_more_leaves(5)] == [
        "text", "edit", "text", "delete", "delete"]


async def test_what_is_too_old_to_be_deleted_is_answered_and_marked(town):
    place = await town.group()
    event = await town.secretary.say(place.room, "an old message")
    await place.seen(lambda seen: seen.from_device)
    await age(town, await place.stored(event), 61)
    redaction = await town.secretary.redact(place.room, event)
    await place.notice(redaction, "older than two and a half days")
    await place.nothing_more_leaves(1)


# Files, places, sounds


@BOTH
async def test_a_voice_note_a_song_and_a_sticker_follow_their_authors_name(town):
    place = await town.group()
    asked = await place.phones[0].send_text(place.group, "Where are you?")
    question = (await place.shown(text="Where are you?"))["event_id"]
    url = await town.secretary.upload(b"OggS voice", "audio/ogg")
    voice = await town.secretary.send(place.room, {
        "msgtype": "m.audio", "body": "Voice message", "url": url,
        "info": {"mimetype": "audio/ogg", "duration": 7400}, "org.matrix.msc3245.voice": {},
        "org.matrix.msc1767.audio": {"duration": 7400, "waveform": [0, 512, 1024, 9999, -1]},
        "m.relates_to": {"m.in_reply_to": {"event_id": question}}})
    seen = await place.seen(lambda seen: seen.kind == "audio")
    note = raw(town, place, seen).audioMessage
    assert seen.media == b"OggS voice" and seen.quoted_id == asked.id
    assert note.PTT and note.seconds == 7 and note.mimetype == "audio/ogg; codecs=opus"
    assert len(note.waveform) == 64 and max(note.waveform) == 100 and note.waveform[0] == 0
    song = await town.secretary.upload(b"ID3", "audio/mpeg")
    await town.secretary.send(place.room, {
        "msgtype": "m.audio", "filename": "anthem.mp3", "body": "for *Monday*", "url": song,
        "info": {"mimetype": "audio/mpeg"}})
    await place.seen(lambda seen: seen.kind == "audio" and seen.mime == "audio/mpeg")
    image = await town.secretary.upload(picture((300, 100)), "image/png")
    await town.secretary.send(place.room, {
        "body": "thumbs up", "url": image, "info": {"mimetype": "image/png"}}, "m.sticker")
    sticker = await place.seen(lambda seen: seen.kind == "sticker")
    with Image.open(io.BytesIO(sticker.media)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (512, 512))
    assert [(s.kind, s.text) for s in place.left()] == [
        ("text", "*Secretary Education*"), ("audio", ""), ("text", SECRETARY + "for *Monday*"),
        ("audio", ""), ("text", "*Secretary Education*"), ("sticker", "")]
    # With the sound goes the name that stands before it.
    await town.secretary.redact(place.room, voice)
    names = [s for s in place.left() if s.kind == "text"]
    for one in (seen, names[0]):
        await place.seen(lambda s, one=one: s.kind == "delete" and s.target_id == one.id)


async def test_a_picture_has_a_preview_and_a_video_its_length(town):
    place = await town.group()
    url = await town.secretary.upload(picture((640, 480), "JPEG"), "image/jpeg")
    await town.secretary.send(place.room, {
        "msgtype": "m.image", "filename": "roof.jpg", "body": "the *roof*", "url": url,
        "format": HTML, "formatted_body": "the <b>roof</b>", "info": {"mimetype": "image/jpeg"}})
    seen = await place.seen(lambda seen: seen.kind == "image")
    image = raw(town, place, seen).imageMessage
    assert (image.width, image.height, seen.text) == (640, 480, SECRETARY + "the *roof*")
    with Image.open(io.BytesIO(image.JPEGThumbnail)) as small:
        assert small.format == "JPEG" and max(small.size) <= 100
    url = await town.secretary.upload(b"MP4", "video/mp4")
    await town.secretary.send(place.room, {
        "msgtype": "m.video", "body": "visit.mp4", "url": url,
        "info": {"mimetype": "video/mp4", "w": 320, "h": 240, "duration": 9500}})
    video = raw(town, place, await place.seen(lambda s: s.kind == "video")).videoMessage
    assert (video.width, video.height, video.seconds) == (320, 240, 9)
    # What WhatsApp does not show as a picture arrives as a file; so does one that lies.
    url = await town.secretary.upload(b"<svg/>", "image/svg+xml")
    await town.secretary.send(place.room, {"msgtype": "m.image", "body": "plan.svg", "url": url,
                                           "info": {"mimetype": "image/svg+xml"}})
    assert (await place.seen(lambda s: s.kind == "document")).filename == "plan.svg"
    url = await town.secretary.upload(b"no picture", "image/jpeg")
    event = await town.secretary.send(place.room, {
        "msgtype": "m.image", "body": "liar.jpg", "url": url, "info": {"mimetype": "image/jpeg"}})
    liar = await place.seen(lambda s: s.filename == "liar.jpg")
    assert (liar.kind, liar.media) == ("document", b"no picture")
    content = {"msgtype": "m.image", "filename": "liar.jpg", "url": url}
    await town.secretary.send(place.room, {
        **content, "body": "* See", "m.new_content": {**content, "body": "See"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event}})
    edit = raw(town, place, await place.seen(lambda s: s.kind == "edit"))
    new = edit.editedMessage.message.protocolMessage.editedMessage
    assert new.documentMessage.caption == SECRETARY + "See"


@BOTH
async def test_a_place_arrives_with_its_name(town):
    place = await town.group()
    event = await town.secretary.send(place.room, {
        "msgtype": "m.location", "body": "Location", "geo_uri": "geo:26.0031,63.0544;u=12",
        "org.matrix.msc3488.location": {"uri": "geo:26.0031,63.0544", "description": "GHS Turbat"}})
    seen = await place.seen(lambda seen: seen.kind == "location")
    assert seen.text == "Secretary Education: GHS Turbat"
    there = raw(town, place, seen).locationMessage
    assert (there.degreesLatitude, there.degreesLongitude) == (26.0031, 63.0544)
    record = await place.stored(event)
    assert record.kind == "location" and json.loads(record.detail)["latitude"] == 26.0031


# Polls


def poll(question: str, *answers: str, most: int = 1) -> dict:
    """A poll as Element makes it."""
    return {POLL: {"question": {"org.matrix.msc1767.text": question}, "max_selections": most,
                   "kind": "org.matrix.msc3381.poll.disclosed",
                   "answers": [{"id": f"id-{text}", "org.matrix.msc1767.text": text}
                               for text in answers]},
            "org.matrix.msc1767.text": question}


def digest(option: str) -> bytes:
    """What stands for an option in a vote."""
    return hashlib.sha256(option.encode()).digest()


def read_vote(town, place, seen, secret: bytes, author: str, phone=None) -> list[bytes]:
    """A vote as the poll's author opens it; the department's, or `phone`'s."""
    vote = raw(town, place, seen).pollUpdateMessage
    voter = str((phone or town.department).address(place.group))
    key = hkdf(secret, 32, info=f"{seen.target_id}{author}{voter}Poll Vote".encode())
    plain = AESGCM(key).decrypt(vote.vote.encIV, vote.vote.encPayload,
                                f"{seen.target_id}\0{voter}".encode())
    return list(e2e.PollVoteMessage.FromString(plain).selectedOptions)


@BOTH
async def test_a_poll_of_staff_and_the_groups_votes(town):
    place = await town.group()
    zafar = place.phones[0]
    event = await town.secretary.send(
        place.room, poll("Meeting when?", "Monday", "Tuesday"), POLL)
    seen = await place.seen(lambda seen: seen.kind == "poll")
    assert seen.text == "Secretary Education: Meeting when?\nMonday\nTuesday"
    message = raw(town, place, seen)
    secret = message.messageContextInfo.messageSecret
    assert message.pollCreationMessageV3.selectableOptionsCount == 1 and len(secret) == 32
    record = await place.stored(event)
    assert (record.kind, record.text) == ("poll", "Meeting when?")
    detail = json.loads(record.detail)
    assert detail["options"] == ["Monday", "Tuesday"] and detail["selectable"] == 1
    # A phone votes; in the room the vote counts for the answer that Element made.
    author, voter = (str(p.address(place.group)) for p in (town.department, zafar))
    sealing = hkdf(secret, 32, info=f"{seen.id}{author}{voter}Poll Vote".encode())
    plain = e2e.PollVoteMessage(selectedOptions=[digest("Tuesday")]).SerializeToString()
    await zafar.send_raw(place.group, e2e.Message(pollUpdateMessage=e2e.PollUpdateMessage(
        pollCreationMessageKey=common.MessageKey(
            remoteJID=place.group.jid, fromMe=False, ID=seen.id, participant=author),
        vote=e2e.PollEncValue(encIV=b"i" * 12, encPayload=AESGCM(sealing).encrypt(
            b"i" * 12, plain, f"{seen.id}\0{voter}".encode())))))
    vote = await place.shown(match=lambda e: e["type"] == VOTE)
    assert relation(vote)["event_id"] == event
    assert vote["content"][VOTE]["answers"] == ["id-Tuesday"]
    # Staff vote in it, too, and take it back.
    own = await town.officer.send(place.room, {
        "m.relates_to": {"rel_type": "m.reference", "event_id": event},
        VOTE: {"answers": ["id-Monday"]}}, VOTE)
    ours = await place.seen(lambda s: s.kind == "vote" and s.from_device)
    assert read_vote(town, place, ours, secret, author) == [digest("Monday")]
    await town.officer.redact(place.room, own)
    back = await place.seen(lambda s: s.kind == "vote" and s.from_device and s.id != ours.id)
    assert read_vote(town, place, back, secret, author) == []


async def test_staff_vote_in_a_poll_of_the_group(town):
    place = await town.group()
    zafar = place.phones[0]
    sent = await zafar.send_raw(place.group, e2e.Message(
        pollCreationMessage=e2e.PollCreationMessage(
            name="Books?", selectableOptionsCount=0, options=[
                e2e.PollCreationMessage.Option(optionName=name) for name in ("Urdu", "English")])))
    shown = await place.shown(match=lambda e: e["type"] == POLL)
    answers = {a["org.matrix.msc1767.text"]: a["id"] for a in shown["content"][POLL]["answers"]}
    event = await town.secretary.send(place.room, {
        "m.relates_to": {"rel_type": "m.reference", "event_id": shown["event_id"]},
        VOTE: {"answers": list(answers.values())}}, VOTE)
    seen = await place.seen(lambda s: s.kind == "vote")
    assert seen.target_id == sent.id
    secret = e2e.Message.FromString(
        town.emulator.entry(sent.id, place.group.jid).raw).messageContextInfo.messageSecret
    assert read_vote(town, place, seen, secret, str(zafar.address(place.group))) == [
        digest("Urdu"), digest("English")]
    assert (await place.stored(event)).text == "Urdu, English"


# What failed is marked, and sent again when somebody wants it


async def warnings(town, place, event: str) -> list[str]:
    """The warning signs that stand on an event."""
    return [e["event_id"] for e in await place.events()
            if e["type"] == "m.reaction" and e["sender"] == town.bridge_id
            and relation(e).get("event_id") == event and relation(e).get("key") == "⚠️"]


@BOTH
@pytest.mark.parametrize("how", ["reaction", "reaction to the notice", "command"])
async def test_what_failed_is_marked_and_sent_again(town, how):
    place = await town.group()
    event = await town.secretary.send(place.room, {
        "msgtype": "m.file", "body": "order.pdf", "url": "mxc://daftar.localhost/nothing"})
    notice = await place.notice(event, "not sent to WhatsApp")
    record = await place.stored(event)
    url = await town.secretary.upload(b"PDF", "application/pdf")

    def found():  # the homeserver has the file after all
        yield ("UPDATE queue SET payload = replace(payload, ?, ?) WHERE record_id = ?",
               ("mxc://daftar.localhost/nothing", url, record.id))

    await town.db.write(found())
    assert "🔁" in notice["content"]["body"] and "!wa retry" in notice["content"]["body"]
    await until(lambda: warnings(town, place, event))
    if how == "command":
        await town.officer.say(place.room, "!wa retry", reply_to=event)
    else:
        about = event if how == "reaction" else notice["event_id"]
        await town.officer.react(place.room, about, "🔁")
    assert (await place.seen(lambda s: s.kind == "document")).media == b"PDF"

    async def gone() -> bool:
        return not await warnings(town, place, event)

    await until(gone)
    assert [s.kind for s in await place.nothing_more_leaves(1)] == ["document"]
    assert record.id not in [row.record_id for row in await queue.stuck(town.db)]
    if how == "command":  # it answers, also when there is nothing to do
        second = await town.officer.say(place.room, "!wa retry", reply_to=event)
        await place.notice(second, "Nothing of this waits")
    # Now it is a reaction like any other.
    await town.secretary.react(place.room, event, "🔁")
    await place.seen(lambda s: s.kind == "reaction" and s.text == "🔁")
