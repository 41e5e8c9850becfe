"""Direct chats by rule: bridge.direct chooses people, and each has one room."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from archive import directory
from archive.model import Chat
from bridge.link import UNDECRYPTABLE
from bridge.link.direct import Rules, fits
from config import Bridge
from emulator import content, past
from tests.bridge import wire
from tests.bridge.here import bridge_here
from tests.bridge.town import PATIENCE, PREFIX, Place, Town, body, relation, reply_target, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Alone(Place):
    """One person, and the room of the direct chat with them."""

    def __init__(self, town: Town, phone, addressing: str = "lid") -> None:
        super().__init__(town, town.emulator.direct(phone, town.department, addressing=addressing),
                         [phone])
        self.phone = phone

    async def chat(self) -> Chat | None:
        for jid in (self.phone.jid, self.phone.lid_jid):
            if chat := await directory.chat_by_jid(self.town.db, str(jid)):
                return chat
        return None


async def alone(town: Town, name: str, addressing: str = "lid") -> Alone:
    """A person whom the configuration does (or does not) choose by this name."""
    return Alone(town, await town.phone(name), addressing)


def journal(town: Town) -> bytes:
    """Everything that lies in the link's folder, beside the library's own session."""
    config = town.office.config
    folder = config.data / "links" / config.whatsapp.name
    return b"".join(path.read_bytes() for path in folder.iterdir()
                    if path.is_file() and not path.name.startswith("session"))


async def test_a_direct_chat_that_was_not_chosen_leaves_no_trace(town):
    place = await alone(town, "An aunt")
    sent = await place.phone.send_text(place.group, "a word for one alone")
    await town.department.send_text(place.group, "an answer for one alone")
    await place.phone.send_media(place.group, b"a picture for one alone", "image",
                                 mime="image/jpeg", caption="a caption for one alone")
    await place.phone.react(sent, "🙂")
    chosen = await town.group()
    await chosen.phones[0].send_text(chosen.group, "after it, for all")
    await chosen.shown(text="after it, for all")
    assert await town.emulator.idle(PATIENCE)
    assert b"for one alone" not in journal(town)
    assert place.phone.number.encode() not in journal(town)
    assert place.phone.lid.encode() not in journal(town)
    assert await place.chat() is None
    for table, column in (("record", "text"), ("queue", "payload"), ("person", "name"),
                          ("identifier", "value"), ("setting", "name"), ("setting", "value")):
        rows = await town.db.read(
            f"SELECT {column} AS found FROM {table} WHERE {column} IS NOT NULL")
        for row in rows:
            for private in ("for one alone", "An aunt", place.phone.number, place.phone.lid):
                assert private not in row["found"]


async def test_a_chosen_direct_chat_is_a_room_and_goes_both_ways(town):
    place, stranger = await alone(town, "Direct Zafar"), await town.phone("Direct Other")
    first = await place.phone.send_text(place.group, "*Salaam*, a word with you")
    await place.enter()
    event = await place.shown(text="*Salaam*, a word with you")
    assert event["sender"].startswith(f"{PREFIX}{place.phone.number}")
    assert "<strong>" in event["content"]["formatted_body"]
    name = (await town.secretary.state(place.room, "m.room.name"))["name"]
    assert name == "Direct Zafar (direct)"
    topic = (await town.secretary.state(place.room, "m.room.topic"))["topic"]
    assert topic.startswith(
        f"WhatsApp direct chat with Direct Zafar (+{place.phone.number}). What you write here goes "
        "to this person alone")
    events = await town.secretary.call("GET", f"/v3/rooms/{quote(place.room)}/state")
    assert any(e["type"] == "m.space.parent" and e["content"] for e in events)

    # Out: text, reply, edit, reaction, file, place, deletion
    said = await town.officer.say(place.room, "We answer you", reply_to=event["event_id"])
    seen = await place.seen(lambda s: s.from_device and "We answer you" in s.text)
    assert seen.text.startswith("*officer*: ") or ": We answer you" in seen.text
    assert seen.quoted_id == first.id
    await town.officer.edit(place.room, said, "We answer you today")
    edited = await place.seen(lambda s: s.kind == "edit" and "today" in s.text)
    assert edited.target_id == seen.id
    await town.officer.react(place.room, event["event_id"], "👍")
    reaction = await place.seen(lambda s: s.kind == "reaction" and s.text == "👍")
    assert reaction.target_id == first.id
    uri = await town.officer.upload(b"an order in writing", "application/pdf")
    await town.officer.send(place.room, {
        "msgtype": "m.file", "body": "order.pdf", "url": uri,
        "info": {"mimetype": "application/pdf", "size": 19}})
    file = await place.seen(lambda s: s.kind == "document" and s.from_device)
    assert file.media == b"an order in writing"
    await town.officer.send(place.room, {
        "msgtype": "m.location", "body": "The office", "geo_uri": "geo:30.2,67.0"})
    await place.seen(lambda s: s.kind == "location" and s.from_device)
    await town.officer.redact(place.room, said)
    gone = await place.seen(lambda s: s.kind == "delete")
    assert gone.target_id == seen.id

    # In: reply to staff, reaction, edits, file, place, deletion
    await town.officer.say(place.room, "One question more")
    asked = await place.seen(lambda s: "One question more" in s.text)
    await place.phone.send_text(place.group, "Ask", quote=asked)
    answer = await place.shown(text="Ask")
    question = next(e for e in await place.events() if body(e) == "One question more")
    assert reply_target(answer) == question["event_id"]
    await place.phone.react(asked, "❤️")
    await place.shown(match=lambda e: e["type"] == "m.reaction"
                      and relation(e)["event_id"] == question["event_id"])
    other = await place.phone.send_text(place.group, "a word with a slip")
    slip = await place.shown(text="a word with a slip")
    await place.phone.edit(other, "a word without", encrypted=True)
    await place.shown(match=lambda e: relation(e).get("event_id") == slip["event_id"]
                      and e["content"].get("m.new_content", {}).get("body") == "a word without")
    await place.phone.send_media(place.group, b"his paper", "document", mime="text/plain",
                                 filename="paper.txt")
    await place.shown(match=lambda e: e["content"].get("filename", body(e)) == "paper.txt")
    await place.phone.send_location(place.group, 30.1, 66.9, "Here")
    await place.shown(match=lambda e: e["content"].get("msgtype") == "m.location"
                      and e["sender"].startswith(PREFIX))
    await place.phone.delete(other)

    async def redacted():
        return next((e for e in await place.events() if e["event_id"] == slip["event_id"]
                     and not e["content"].get("body")), None)

    await until(redacted)
    assert (await place.record(other.id)).text == "a word with a slip"
    assert not stranger.seen, "to that person only"
    assert {s.group for s in place.phone.seen} == {place.group.jid}


async def test_number_and_lid_lead_to_one_room_and_the_departments_phone_speaks_there(town):
    place = await alone(town, "Direct Gul", "pn")
    await place.phone.send_text(place.group, "under my number")
    await place.enter()
    await place.shown(text="under my number")
    town.emulator.direct(place.phone, town.department, addressing="lid")
    await place.phone.send_text(place.group, "under my LID")
    await place.shown(text="under my LID")
    for addressing in ("lid", "pn"):
        town.emulator.direct(place.phone, town.department, addressing=addressing)
        own = await town.department.send_text(place.group, f"the office itself, {addressing}")
        event = await place.shown(text=f"the office itself, {addressing}")
        assert event["sender"].startswith(f"{PREFIX}{town.department.number}")
    await place.phone.react(own, "👌")
    await place.shown(match=lambda e: e["type"] == "m.reaction"
                      and relation(e)["event_id"] == event["event_id"])
    await town.department.delete(own)

    async def redacted():
        return next((e for e in await place.events() if e["event_id"] == event["event_id"]
                     and not e["content"].get("body")), None)

    await until(redacted)
    await town.officer.say(place.room, "and staff")
    await place.seen(lambda s: s.from_device and "and staff" in s.text)
    rows = await town.db.read("SELECT id FROM chat WHERE jid IN (?, ?)",
                              str(place.phone.jid), str(place.phone.lid_jid))
    assert len(rows) == 1


async def test_only_the_other_end_or_we_can_delete_and_a_call_rings_in_the_room(town):
    place = await alone(town, "Direct Noor")
    await place.phone.send_text(place.group, "here I am")
    await place.enter()
    await town.officer.say(place.room, "what staff wrote stands")
    seen = await place.seen(lambda s: "what staff wrote stands" in s.text)
    await place.phone.send_raw(
        place.group, content.delete(place.phone._key(place.group, seen)), edit="7")
    await place.shown(match=lambda e: "Tried to delete somebody else's message" in body(e))
    town.emulator.signs.call(place.phone, town.department, video=True)
    await place.shown(match=lambda e: body(e) == "Direct Noor is calling the department's number "
                      "(video). Only its phone can answer.")


async def test_name_and_picture_follow(town):
    place = await alone(town, "Direct Bilal")
    await place.phone.send_text(place.group, "first")
    await place.enter()
    before = (await place.chat()).avatar
    await town.emulator.phone(f"+{place.phone.number}", "Bilal of Kech")
    await place.phone.send_text(place.group, "under another name, and chosen still")
    await place.shown(text="under another name, and chosen still")

    async def renamed():
        name = (await town.secretary.state(place.room, "m.room.name"))["name"]
        return name == "Bilal of Kech (direct)"

    await until(renamed)
    assert before is None
    await town.admin.call("PUT", f"/v3/rooms/{quote(place.room)}/state/m.room.name/",
                          {"name": "A name of ours"})
    await place.phone.set_picture(b"\xff\xd8\xff a face")

    async def pictured():
        try:
            return (await town.secretary.state(place.room, "m.room.avatar")).get("url")
        except Exception:
            return None

    town.emulator.picture_changed(place.phone)
    await place.phone.send_text(place.group, "with a face")
    await until(pictured)
    name = (await town.secretary.state(place.room, "m.room.name"))["name"]
    assert name == "A name of ours", "the room's own name is nobody else's business"
    chat = await place.chat()
    assert not await town.db.read("SELECT 1 FROM queue WHERE lane = ?", f"out:{chat.id}")


async def test_an_admin_bridges_and_unbridges_a_number(town):
    place = await alone(town, "A cousin")
    await place.phone.send_text(place.group, "before")
    answer = await town.ask(f"!wa bridge +{place.phone.number[:4]} {place.phone.number[4:]}")
    assert answer.startswith(f"The direct chat with +{place.phone.number} is bridged from now on.")
    await place.phone.send_text(place.group, "after")
    await place.enter()
    await place.shown(text="after")
    answer = await town.ask(f"!wa unbridge +{place.phone.number}")
    assert answer == f"The direct chat with +{place.phone.number} is not bridged any more."
    await place.shown(match=lambda e: body(e).startswith("This direct chat is not bridged any"))
    await place.phone.send_text(place.group, "a word in the gap")
    event = await town.officer.say(place.room, "does this leave?")
    await place.notice(event, "not bridged any more")
    await town.ask(f"!wa bridge +{place.phone.number}")
    await place.phone.send_text(place.group, "heard again")
    await place.shown(text="heard again")
    assert not {body(e) for e in await place.events()} & {"before", "a word in the gap"}
    assert b"a word in the gap" not in journal(town)


async def test_what_staff_wrote_was_read(town):
    place = await alone(town, "Direct Reader")
    await place.phone.send_text(place.group, "I read all")
    await place.enter()
    event = await town.officer.say(place.room, "read this")
    await place.seen(lambda s: "read this" in s.text)

    async def noted():
        return await town.db.read(
            "SELECT 1 FROM receipt r JOIN matrix_event m ON m.record_id = r.record_id "
            "WHERE m.event_id = ? AND r.read_at IS NOT NULL", event)

    await until(noted)


async def test_history_of_chosen_chats_alone(town):
    place, aunt = await alone(town, "Direct Old Friend"), await alone(town, "Another aunt")
    said = [await place.phone.send_text(place.group, "live and known")]
    await place.enter()
    await place.shown(text="live and known")
    place.group.members.pop(town.department.number)  # what is said now reaches no linked device
    long_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
    said += [await place.phone.send_text(place.group, f"long ago {n}",
                                         at=long_ago + timedelta(hours=n)) for n in range(3)]
    place.group.members[town.department.number] = "member"
    await aunt.phone.send_text(aunt.group, "an old word for one alone")
    past.hand_over(town.emulator, town.department, [aunt.group, place.group])
    await place.shown(match=lambda e: body(e).startswith("History that the phone handed over: 3"))
    for sent in said[1:]:
        [event] = await place.of_record(sent)
        assert event["origin_server_ts"] == sent.timestamp * 1000
        assert event["sender"].startswith(f"{PREFIX}{place.phone.number}")
    assert await aunt.chat() is None
    assert not await town.db.read("SELECT 1 FROM record WHERE text LIKE '%old word for one%'")
    assert b"for one alone" not in journal(town)


PN, LID = "923007990001", "177000000000001"


async def test_two_rooms_of_one_person_become_one_when_it_shows(house, tmp_path):
    async with bridge_here(house, tmp_path, direct=("Lone*",)) as here:
        async def comes(id, text, **who):
            chat = f"{who['lid']}@lid" if "lid" in who else f"{who['pn']}@s.whatsapp.net"
            await here.deliver(wire.delivery(wire.message(chat, id, text, name="Lone Rider",
                                                          **who)))

        async def room(jid):
            chat = await until(lambda: _with_room(here.db, jid))
            await here.admin.join(chat.room_id)
            return chat.room_id

        await comes("A1", "by LID", lid=LID)
        first = await room(f"{LID}@lid")
        await comes("A2", "by number", pn=PN)
        second = await room(f"{PN}@s.whatsapp.net")
        assert first != second, "nobody can tell yet"
        await comes("A3", "by both", lid=LID, pn=PN)
        await here.shown(first, "by both")
        await here.shown(second, f"This chat goes on in another room: https://matrix.to/#/{first}")
        await comes("A4", "by number again", pn=PN)
        await here.shown(first, "by number again")
        await here.deliver(wire.delivery(wire.undecryptable(
            f"{PN}@s.whatsapp.net", "A5", pn=PN), UNDECRYPTABLE))
        await here.shown(first, "could not be decrypted yet")
        await here.deliver(
            wire.delivery(wire.message("status@broadcast", "S1", "a status", pn=PN)),
            wire.delivery(wire.message("0@s.whatsapp.net", "S2", "from WhatsApp", pn="0",
                                       name="Lone")),
            wire.delivery(wire.message("923007990099@s.whatsapp.net", "S3", "to a stranger",
                                       pn="923007990098", from_me=True)))
        rows = await here.db.read("SELECT 1 FROM record WHERE text IN (?, ?, ?)", "a status",
                                  "from WhatsApp", "to a stranger")
        assert not rows
        rules = await here.bridge.directs.rules()
        assert {f"{LID}@lid", f"{PN}@s.whatsapp.net"} <= rules.yes


async def _with_room(db, jid):
    chat = await directory.chat_by_jid(db, jid)
    return chat if chat and chat.room_id else None


async def test_nothing_is_chosen_by_default(house, tmp_path):
    assert Bridge(as_token="a", hs_token="b").direct == ()
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(wire.delivery(wire.message(
            f"{PN}@s.whatsapp.net", "B1", "a private word", pn=PN, name="Anybody")))
        assert await here.bridge.directs.rules() == Rules()
        for table in ("record", "chat", "identifier"):
            assert not await here.db.read(f"SELECT 1 FROM {table} WHERE "
                                          + ("value = ?" if table == "identifier" else "'' <> ?"),
                                          PN)


async def test_numbers_and_names_in_the_rule():
    number, lid = f"{PN}@s.whatsapp.net", f"{LID}@lid"
    assert fits("+92 300 7990001", [lid, number], [])
    assert fits("+92300799*", [number], ["Anybody"])
    assert not fits("+92300799*", [lid], ["+923007990001"]), "a name that looks like a number"
    assert fits("deo *", [lid], ["DEO Kech"]) and not fits("deo *", [lid], ["Kech"])
    assert fits("*", [lid], [])
    rules = Rules(("*",), frozenset(), frozenset({number}))
    assert not rules.want([lid, number]) and rules.want([lid]) and not rules.want([])
    assert Rules.read(rules.head()) == rules
    assert not Rules().want([number], "DEO Kech")
