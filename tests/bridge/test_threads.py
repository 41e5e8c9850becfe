"""Quotes on WhatsApp are threads in Matrix."""
from __future__ import annotations

import pytest

from archive import messages
from emulator import content
from tests.bridge.conftest import BOTH
from tests.bridge.town import body, relation
from waproto import e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")


@BOTH
async def test_a_quote_is_a_reply_in_the_thread_of_the_root(town):
    place = await town.group()
    zafar, gul = place.phones
    root = await zafar.send_text(place.group, "GHS Turbat is closed")
    answer = await gul.send_text(place.group, "Since when?", quote=root)
    deeper = await zafar.send_text(place.group, "Since Monday", quote=answer)
    events = {}
    for text in ("GHS Turbat is closed", "Since when?", "Since Monday"):
        events[text] = await place.shown(text=text)
    ids = [event["event_id"] for event in events.values()]
    assert relation(events["GHS Turbat is closed"]) == {}
    assert relation(events["Since when?"]) == {
        "rel_type": "m.thread", "event_id": ids[0], "is_falling_back": False,
        "m.in_reply_to": {"event_id": ids[0]}}
    assert relation(events["Since Monday"]) == {
        "rel_type": "m.thread", "event_id": ids[0], "is_falling_back": False,
        "m.in_reply_to": {"event_id": ids[1]}}
    records = [await place.stored(sent.id) for sent in (root, answer, deeper)]
    assert [r.root_id for r in records] == [None, records[0].id, records[0].id]
    assert records[2].target_id == records[1].id


async def test_a_picture_that_quotes_stands_in_the_thread_too(town):
    place = await town.group()
    root = await place.phones[0].send_text(place.group, "Send the picture")
    sent = await place.phones[1].send_media(place.group, b"JPEG", "image", mime="image/jpeg",
                                            quote=root)
    message = await place.shown(text="Send the picture")
    [picture] = await place.of_record(sent)
    assert relation(picture)["event_id"] == message["event_id"]


@pytest.mark.parametrize("words", ["As I said", "As I *said*"])
async def test_a_quote_of_what_nobody_has_is_shown_in_words(town, words):
    place = await town.group()
    quote = content.context("3EB0OLD", str(place.phones[1].address(place.group)), e2e.Message(
        conversation="Posting order\nof 2019 <b>").SerializeToString())
    sent = await place.phones[0].send_raw(place.group, content.text(words, quote))
    [event] = await place.of_record(sent)
    assert body(event) == f"> Posting order\n> of 2019 <b>\n{words}"
    assert relation(event) == {}
    if "*" in words:
        assert event["content"]["formatted_body"] == (
            "<blockquote>Posting order<br>of 2019 &lt;b&gt;</blockquote>As I <strong>said</strong>")
    assert (await place.stored(sent.id)).text == words


async def test_a_picture_that_quotes_what_nobody_has_keeps_its_name(town):
    place = await town.group()
    quote = content.context("3EB0OLD", str(place.phones[1].address(place.group)), e2e.Message(
        conversation="Posting order").SerializeToString())
    sent = await place.phones[0].send_media(place.group, b"%PDF", "document", filename="a.pdf",
                                            mime="application/pdf")
    [first] = await place.of_record(sent)
    raw = e2e.Message.FromString(
        await messages.raw(town.db, (await place.stored(sent.id)).id))
    raw.documentMessage.contextInfo.CopyFrom(quote)
    again = await place.phones[0].send_raw(place.group, raw)
    [event] = await place.of_record(again)
    assert (event["content"]["filename"], body(event)) == ("a.pdf", "> Posting order")
    assert body(first) == "a.pdf"


async def test_a_quote_of_what_staff_wrote_joins_its_thread(town):
    place = await town.group()
    event = await town.secretary.say(place.room, "Submit the report today")
    seen = await place.seen(lambda seen: seen.text.endswith("Submit the report today"))
    await place.phones[1].send_text(place.group, "Submitted", quote=seen)
    answer = await place.shown(text="Submitted")
    assert relation(answer)["event_id"] == event
    assert relation(answer)["m.in_reply_to"]["event_id"] == event


async def test_a_quote_of_an_edited_or_deleted_message_still_finds_its_thread(town):
    place = await town.group()
    zafar, gul = place.phones
    root = await zafar.send_text(place.group, "ten")
    message = await place.shown(text="ten")
    await zafar.edit(root, "eleven")
    await gul.send_text(place.group, "ok eleven", quote=root)
    assert relation(await place.shown(text="ok eleven"))["event_id"] == message["event_id"]
    await zafar.delete(root)
    await gul.send_text(place.group, "why deleted?", quote=root)
    assert relation(await place.shown(text="why deleted?"))["event_id"] == message["event_id"]
