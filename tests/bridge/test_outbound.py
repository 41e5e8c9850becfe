"""Matrix to WhatsApp: what staff write, the phones of the group show; and what never leaves."""
from __future__ import annotations

import asyncio
import secrets

import pytest

from archive import queue, search
from emulator import attachments
from tests.bridge.conftest import BOTH
from tests.bridge.town import body, relation, reply_target, until
from waproto import e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRETARY = "*Secretary Education*: "
OFFICER = "*Section Officer (General)*: "


@BOTH
async def test_a_message_goes_to_the_group_under_its_authors_name(town):
    place = await town.group()
    event = await town.secretary.say(place.room, "DEO Turbat: *report* by 5 pm\nشکریہ")
    seen = await place.seen(lambda seen: seen.from_device)
    assert seen.text == SECRETARY + "DEO Turbat: *report* by 5 pm\nشکریہ"
    assert seen.sender == town.department.number
    record = await place.stored(event)
    assert (record.text, record.sender_name) == (
        "DEO Turbat: *report* by 5 pm\nشکریہ", "Secretary Education") or record.sender_name
    # It came from the room: it does not come back as a ghost's.
    await place.phones[0].send_text(place.group, "noted")
    await place.shown(text="noted")
    assert len([e for e in await place.events() if "by 5 pm" in body(e)]) == 1


@BOTH
async def test_a_reply_quotes_the_right_message(town):
    place = await town.group()
    zafar, gul = place.phones
    first = await zafar.send_text(place.group, "Roof leaks")
    await gul.send_text(place.group, "No water")
    event = await place.shown(text="Roof leaks")
    await town.secretary.say(place.room, "Estimate?", reply_to=event["event_id"])
    seen = await place.seen(lambda seen: seen.text == SECRETARY + "Estimate?")
    assert seen.quoted_id == first.id
    raw = e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)
    context = raw.extendedTextMessage.contextInfo
    assert context.quotedMessage.conversation == "Roof leaks"
    assert context.participant == str(zafar.address(place.group))


async def test_a_reply_to_a_colleague_quotes_what_the_group_saw(town):
    place = await town.group()
    event = await town.secretary.say(place.room, "Who is on leave?")
    asked = await place.seen(lambda seen: seen.text == SECRETARY + "Who is on leave?")
    await town.officer.say(place.room, "I was", reply_to=event)
    seen = await place.seen(lambda seen: seen.text == OFFICER + "I was")
    assert seen.quoted_id == asked.id
    raw = e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)
    context = raw.extendedTextMessage.contextInfo
    assert context.quotedMessage.conversation == SECRETARY + "Who is on leave?"
    assert context.participant == str(town.department.jid)


async def test_what_is_written_in_a_whatsapp_thread_leaves_and_quotes(town):
    place = await town.group()
    zafar, gul = place.phones
    root = await zafar.send_text(place.group, "Books not received")
    answer = await gul.send_text(place.group, "Same here", quote=root)
    event = await place.shown(text="Books not received")
    reply = await place.shown(text="Same here")
    thread = event["event_id"]
    await town.secretary.say(place.room, "Sent on 3rd", thread=thread)
    await town.secretary.say(place.room, "To you too", thread=thread, reply_to=reply["event_id"])
    assert (await place.seen(lambda s: s.text.endswith("Sent on 3rd"))).quoted_id == root.id
    assert (await place.seen(lambda s: s.text.endswith("To you too"))).quoted_id == answer.id


async def test_a_quote_does_not_carry_what_it_quotes_itself_nor_megabytes(town):
    place = await town.group()
    zafar, gul = place.phones
    root = await zafar.send_text(place.group, "root")
    answer = await gul.send_text(place.group, "answer", quote=root)
    long = await zafar.send_text(place.group, "x" * 100_000)
    for sent, words in ((answer, "one"), (long, "two")):
        event = (await place.of_record(sent))[0]["event_id"]
        await town.secretary.say(place.room, words, reply_to=event)
        seen = await place.seen(lambda s, words=words: s.text == SECRETARY + words)
        raw = e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)
        context = raw.extendedTextMessage.contextInfo
        assert seen.quoted_id == sent.id and len(raw.SerializeToString()) < 10_000
        assert not context.quotedMessage.extendedTextMessage.HasField("contextInfo")


@BOTH
async def test_an_edit_and_a_redaction_follow(town):
    place = await town.group()
    event = await town.secretary.say(place.room, "Meeting at 9")
    sent = await place.seen(lambda seen: seen.text == SECRETARY + "Meeting at 9")
    await town.secretary.edit(place.room, event, "Meeting at 10")
    edit = await place.seen(lambda seen: seen.kind == "edit")
    assert (edit.target_id, edit.text) == (sent.id, SECRETARY + "Meeting at 10")
    await town.secretary.redact(place.room, event)
    deleted = await place.seen(lambda seen: seen.kind == "delete")
    assert deleted.target_id == sent.id
    assert (await place.stored(event)).text == "Meeting at 9"


@BOTH
async def test_a_reaction_goes_and_is_taken_back(town):
    place = await town.group()
    sent = await place.phones[0].send_text(place.group, "School is open again")
    event = (await place.shown(text="School is open again"))["event_id"]
    first = await town.secretary.react(place.room, event, "👍")
    seen = await place.seen(lambda seen: seen.kind == "reaction")
    assert (seen.target_id, seen.text) == (sent.id, "👍")
    second = await town.officer.react(place.room, event, "❤️")
    await place.seen(lambda seen: seen.kind == "reaction" and seen.text == "❤️")
    # To the group both are the department's one reaction: what remains is shown again.
    await town.officer.redact(place.room, second)
    await until(lambda: reactions(place, ["👍", "❤️", "👍"]))
    await town.secretary.redact(place.room, first)
    await until(lambda: reactions(place, ["👍", "❤️", "👍", ""]))


async def reactions(place, wanted):
    """Whether these reactions left, in this order."""
    return [seen.text for seen in place.left() if seen.kind == "reaction"] == wanted


async def test_a_reaction_to_what_the_departments_phone_said(town):
    place = await town.group()
    sent = await town.department.send_text(place.group, "From the phone")
    event = (await place.shown(text="From the phone"))["event_id"]
    await town.secretary.react(place.room, event, "👍")
    seen = await place.seen(lambda seen: seen.kind == "reaction")
    raw = e2e.Message.FromString(town.emulator.entry(seen.id, place.group.jid).raw)
    assert seen.target_id == sent.id and raw.reactionMessage.key.fromMe


@BOTH
@pytest.mark.parametrize("msgtype, kind, mime, name", [
    ("m.image", "image", "image/jpeg", "map.jpg"),
    ("m.file", "document", "application/pdf", "order 12.pdf"),
    ("m.video", "video", "video/mp4", "visit.mp4"),
    ("m.audio", "document", "audio/flac", "voice.flac")])  # no sound that phones play
async def test_a_file_arrives_byte_for_byte(town, msgtype, kind, mime, name):
    place = await town.group()
    data = attachments.picture(name) if kind == "image" else secrets.token_bytes(50_000)
    url = await town.secretary.upload(data, mime)
    content = {"msgtype": msgtype, "url": url, "info": {"mimetype": mime, "size": len(data)}}
    await town.secretary.send(place.room, {**content, "body": "See: this:", "filename": name})
    seen = await place.seen(lambda seen: seen.kind == kind)
    assert seen.media == data and seen.mime == mime
    assert seen.text == SECRETARY + "See: this:"
    assert kind != "document" or seen.filename == name
    await town.secretary.send(place.room, {**content, "body": name})
    without = await place.seen(lambda s: s.kind == kind and s.id != seen.id)
    assert without.media == data and without.text == "*Secretary Education*"


async def test_an_edited_caption_stays_a_caption(town):
    place = await town.group()
    url = await town.secretary.upload(attachments.picture("a"), "image/jpeg")
    content = {"msgtype": "m.image", "url": url, "filename": "a.jpg"}
    event = await town.secretary.send(place.room, {**content, "body": "Befor"})
    sent = await place.seen(lambda seen: seen.kind == "image")
    await town.secretary.send(place.room, {
        **content, "body": "* Before", "m.new_content": {**content, "body": "Before"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event}})
    edit = await place.seen(lambda seen: seen.kind == "edit")
    assert (edit.target_id, edit.text) == (sent.id, SECRETARY + "Before")
    raw = e2e.Message.FromString(town.emulator.entry(edit.id, place.group.jid).raw)
    assert raw.editedMessage.message.protocolMessage.editedMessage.imageMessage.caption


@pytest.mark.parametrize("name, shown", [
    ("Sec*ret_ary\nEdu~cation", "Sec ret ary Edu cation"), ("***", "?"),
    ("\u202eevil\u0007 ```x```", "evil x"), ("{text} {name}", "{text} {name}")])
async def test_no_name_breaks_the_line_it_stands_in(town, name, shown):
    place = await town.group()
    path = f"/v3/profile/{town.officer.id}/displayname"
    try:
        await town.officer.call("PUT", path, {"displayname": name})
        await town.officer.say(place.room, "Noted")
        assert (await place.seen(lambda seen: seen.from_device)).text == f"*{shown}*: Noted"
    finally:
        await town.officer.call("PUT", path, {"displayname": "Section Officer (General)"})


# What never leaves


@BOTH
async def test_commands_and_notices_do_not_leave(town):
    place = await town.group()
    await town.secretary.say(place.room, "!case list")
    await town.secretary.say(place.room, "  !case open Roof of GHS Turbat")
    await town.secretary.say(place.room, "!help")
    await town.secretary.say(place.room, "!wa status")
    await town.secretary.say(place.room, "a robot's remark", msgtype="m.notice")
    url = await town.secretary.upload(b"JPEG", "image/jpeg")
    await town.secretary.send(place.room, {"msgtype": "m.image", "url": url, "filename": "a.jpg",
                                           "body": "!case note 1 see picture"})
    event = await town.secretary.say(place.room, "a message")
    await town.secretary.edit(place.room, event, "!case list")
    # A search must not find the words by which somebody searched; commands wear marks, too.
    await town.secretary.say(place.room, "\u200f!search Zangiabad")
    left = await place.nothing_more_leaves(1)
    assert left[0].text == SECRETARY + "a message"
    assert await search.find(town.db, "Zangiabad") == []


@BOTH
async def test_nothing_under_a_case_card_leaves(town):
    place = await town.group()
    secretary, officer = town.secretary, town.officer
    sent = await place.phones[0].send_text(place.group, "Roof of GHS Turbat fell in")
    paper = (await place.shown(text="Roof of GHS Turbat fell in"))["event_id"]
    await secretary.say(place.room, "!case open Roof of GHS Turbat", reply_to=paper)
    card = await place.shown(match=lambda e: e["sender"] == town.bot_id
                             and "org.daftar.case" in e["content"]
                             and relation(e).get("rel_type") != "m.thread")
    card = card["event_id"]
    written = await secretary.say(place.room, "Suspect the contractor", thread=card)
    await officer.say(place.room, "I agree", thread=card, reply_to=written)
    await officer.react(place.room, written, "👍")
    await secretary.react(place.room, card, "👀")
    await secretary.edit(place.room, written, "Suspect the XEN")
    url = await secretary.upload(b"JPEG", "image/jpeg")
    await secretary.send(place.room, {
        "msgtype": "m.image", "url": url, "body": "proof.jpg",
        "m.relates_to": {"rel_type": "m.thread", "event_id": card, "is_falling_back": True,
                         "m.in_reply_to": {"event_id": written}}})
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": card}}
    await secretary.send(place.room, {
        "msgtype": "m.audio", "url": url, "body": "v.ogg", "info": {"mimetype": "audio/ogg"},
        **thread})
    await secretary.send(place.room, {"url": url, "body": "!", **thread}, "m.sticker")
    asked = await secretary.send(place.room, {"org.matrix.msc3381.poll.start": {
        "question": {"body": "Suspend him?"}, "answers": [
            {"id": "y", "org.matrix.msc1767.text": "yes"},
            {"id": "n", "org.matrix.msc1767.text": "no"}]}, **thread},
        "org.matrix.msc3381.poll.start")
    await officer.send(place.room, {
        "m.relates_to": {"rel_type": "m.reference", "event_id": asked},
        "org.matrix.msc3381.poll.response": {"answers": ["y"]}},
        "org.matrix.msc3381.poll.response")
    await officer.say(place.room, "About the card, on the main line", reply_to=card)
    await officer.say(place.room, "About the thread, on the main line", reply_to=written)
    # A message of the group, quoted inside the case's thread, stays inside all the same.
    await officer.say(place.room, "See what he wrote", thread=card, reply_to=paper)
    await secretary.redact(place.room, written)
    await place.nothing_more_leaves(0)
    record = await place.stored(written)
    assert record.internal and record.text == "Suspect the contractor"
    # The paper itself is the group's: an answer to it leaves.
    await secretary.say(place.room, "Repair it", reply_to=paper)
    seen = await place.seen(lambda seen: seen.text == SECRETARY + "Repair it")
    assert seen.quoted_id == sent.id


async def test_nothing_in_an_unknown_thread_leaves(town):
    place = await town.group()
    joined = next(e for e in await place.events() if e["type"] == "m.room.member")
    await town.secretary.say(place.room, "under a state event", thread=joined["event_id"])
    await town.secretary.react(place.room, joined["event_id"], "👍")
    await place.nothing_more_leaves(0)


async def test_a_ghosts_words_do_not_go_back(town):
    place = await town.group()
    await place.phones[1].send_text(place.group, "said on WhatsApp")
    await place.shown(text="said on WhatsApp")
    await place.nothing_more_leaves(0)


async def test_a_notice_about_the_group_is_no_message_to_quote(town):
    place = await town.group(enter=True)
    await town.emulator.set_role(place.group, place.phones[1], "admin")
    notice = await place.shown(match=lambda e: "an admin" in body(e))
    await town.secretary.say(place.room, "Congratulations", reply_to=notice["event_id"])
    seen = await place.seen(lambda seen: seen.from_device)
    assert (seen.text, seen.quoted_id) == (SECRETARY + "Congratulations", None)
    reaction = await town.secretary.react(place.room, notice["event_id"], "👍")
    await place.notice(reaction, "no message on WhatsApp")
    assert not [s for s in place.left() if s.kind == "reaction"]


# What cannot be sent


@pytest.mark.parametrize("kind, content, words", [
    ("m.room.message", {"msgtype": "m.file", "body": "x.pdf", "file": {"url": "mxc://a/b"}},
     "encrypted"),
    ("m.room.message", {"msgtype": "m.file", "body": "x.iso", "url": "mxc://daftar.localhost/big",
                        "info": {"size": 500 * 2**20}}, "500 MB; WhatsApp takes 64 MB"),
    ("m.room.message", {"msgtype": "m.file", "body": "x.pdf", "url": "mxc://daftar.localhost/no"},
     "not sent to WhatsApp"),
    ("m.room.message", {"msgtype": "m.file", "body": "x.pdf", "url": "http://elsewhere/x"},
     "not sent to WhatsApp"),
    ("m.room.message", {"msgtype": "m.location", "body": "here", "geo_uri": "geo:91,2"},
     "no coordinates"),
    ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"},
     "an encrypted message"),
    ("org.matrix.msc3381.poll.start", {"body": "When?"}, "2 to 12 different options"),
    ("org.matrix.msc3381.poll.end", {"body": "Ended"}, "the end of a poll"),
], ids=["encrypted-file", "too-large", "missing", "elsewhere", "place", "encrypted", "poll",
        "poll-end"])
async def test_what_cannot_be_sent_is_answered(town, kind, content, words):
    place = await town.group()
    event = await town.secretary.send(place.room, content, kind)
    await place.notice(event, words)
    await place.nothing_more_leaves(0)


async def test_what_others_wrote_cannot_be_changed_from_here(town):
    place = await town.group()
    await place.phones[0].send_text(place.group, "an officer's words")
    theirs = (await place.shown(text="an officer's words"))["event_id"]
    removed = await town.admin.redact(place.room, theirs)
    await place.notice(removed, "only the sender")
    event = await town.secretary.say(place.room, "The date is the 5th")
    await place.seen(lambda seen: seen.from_device)
    forged = await town.officer.edit(place.room, event, "The date is the 6th")
    await place.notice(forged, "only the author")
    assert [seen.kind for seen in place.left()] == ["text"]


# When WhatsApp is away


@BOTH
async def test_what_is_written_while_whatsapp_is_away_goes_later_once_and_in_order(town):
    place = await town.group()
    await town.emulator.drop_connections(refuse_for=3)
    for number in range(10):
        await town.secretary.say(place.room, f"while away {number}")
    await place.seen(lambda seen: seen.text.endswith("while away 9"))
    await asyncio.sleep(0.5)
    assert [seen.text for seen in place.left()] == [
        f"{SECRETARY}while away {number}" for number in range(10)]
    assert not [e for e in await place.events() if reply_target(e)]
    lane = f"out:{(await place.chat()).id}"
    assert await queue.lane_due(town.db, lane) is None
