"""A member of staff links an own number and speaks as themself: several links, one room, each
message once."""
from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
import pytest_asyncio

from archive import directory, messages, queue, sent
from archive.db import open_database
from archive.model import Sender
from bridge import worker
from bridge.accounts import Account
from bridge.link import (
    GROUP_INFO,
    MESSAGE,
    UNDECRYPTABLE,
    LinkError,
    LinkState,
    LinkUnsure,
    Sent,
)
from bridge.outward import compose
from bridge.outward.pace import Pace, Paces
from bridge.own import folder_of
from bridge.rooms import standing
from bridge.rooms.standing import Standing
from tests.bridge import wire
from tests.bridge.here import bridge_here
from tests.bridge.test_relay import POLL, VOTE, digest, raw, read_vote
from tests.bridge.town import PATIENCE, Town, body, relation, reply_target, until
from waproto import e2e

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFICER = "*Section Officer (General)*: "


class Owns(Town):
    """An office in which the secretary has a phone of her own, in the groups as well."""

    async def start(self) -> None:
        """As the other one, with her phone, and a group of it that is nobody's business."""
        await super().start()
        self.hers = await self.phone("Shabana")
        self.friend = await self.phone("Friend")
        self.private = await self.emulator.create_group("Family", [self.hers, self.friend])

    async def shared(self, name: str = ""):
        """A group in which her phone is, too."""
        place = await self.group(name)
        await self.emulator.add_members(place.group, [self.hers])
        chat = await place.chat()

        async def member():
            rows = await self.db.read(
                "SELECT 1 FROM member m JOIN identifier i ON i.person_id = m.person_id "
                "WHERE m.chat_id = ? AND i.value IN (?, ?)",
                chat.id, self.hers.number, self.hers.lid)
            return rows

        await until(member)
        return place

    async def chat_of(self, person) -> str:
        """Somebody's own chat with the bridge."""
        async def look() -> str | None:
            rooms = await person.reader.join_invited()
            return next((r for r, name in rooms.items() if name == "WhatsApp bridge"), None)

        return await until(look)

    async def told(self, person, words: str, times: int = 1):
        """Wait until somebody's own chat holds a message with these words; the newest."""
        room = await self.chat_of(person)

        async def look():
            found = [e for e in await person.reader.events(room) if words in body(e)]
            return found[-1] if len(found) >= times else None

        return await until(look)

    async def code(self, person) -> str:
        """The QR code that somebody's own chat shows."""
        room = await self.chat_of(person)

        async def look():
            for event in reversed(await person.reader.events(room)):
                content = event["content"].get("m.new_content", event["content"])
                if "org.daftar.qr" in content:
                    return content["org.daftar.qr"]
            return None

        return await until(look)

    async def link_hers(self) -> None:
        """The secretary links her own phone, unless it is."""
        if self.hers.devices:
            return
        place = self.places[0] if self.places else await self.shared()
        event = await self.secretary.say(place.room, "!wa link")
        await place.notice(event, "in your own chat with it")
        await self.emulator.scan(self.hers, await self.code(self.secretary))
        await self.told(self.secretary, "Your own number is connected")

    async def asked(self, person, command: str) -> str:
        """The bridge's answer to a command in somebody's own chat."""
        room = await self.chat_of(person)
        event = await person.say(room, command)

        async def look():
            return next((body(e) for e in await person.reader.events(room)
                         if reply_target(e) == event and e["sender"] == self.bridge_id), None)

        return await until(look)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owns(tmp_path_factory):
    """An office of this file's own."""
    town = Owns(tmp_path_factory.mktemp("own"))
    await town.start()
    yield town
    await town.stop()


async def test_the_secretary_links_her_own_phone_and_speaks_with_it(owns):
    place = await owns.shared("Own voice")
    event = await owns.secretary.say(place.room, "!wa link")
    await place.notice(event, "in your own chat with it")
    intro = await owns.told(owns.secretary, "This links your own WhatsApp number")
    assert "your chats and your other groups are not" in body(intro)
    await owns.emulator.scan(owns.hers, await owns.code(owns.secretary))
    await owns.told(owns.secretary, "Your own number is connected")
    assert f"(+{owns.hers.number})" in await owns.asked(owns.secretary, "!wa status")
    room = await owns.admin_room()  # that is nobody else's business
    assert not [e for e in await owns.admin.reader.events(room) if "own" in body(e).lower()]

    zafar = place.phones[0]
    question = await zafar.send_text(place.group, "Who has the list?")
    shown = await place.shown(text="Who has the list?")
    event = await owns.secretary.say(place.room, "I *have* it", reply_to=shown["event_id"])
    seen = await place.seen(lambda seen: seen.from_device and "have" in seen.text)
    assert (seen.text, seen.sender) == ("I *have* it", owns.hers.number)
    assert seen.quoted_id == question.id
    await owns.secretary.edit(place.room, event, "I have it here")
    edit = await place.seen(lambda seen: seen.kind == "edit")
    assert (edit.target_id, edit.text, edit.sender) == (seen.id, "I have it here", seen.sender)
    await owns.secretary.react(place.room, shown["event_id"], "👍")
    reaction = await place.seen(lambda seen: seen.kind == "reaction")
    assert (reaction.target_id, reaction.sender) == (question.id, seen.sender)

    officer = await owns.officer.say(place.room, "And I the other", reply_to=event)
    relayed = await place.seen(lambda seen: seen.text == OFFICER + "And I the other")
    assert (relayed.sender, relayed.quoted_id) == (owns.department.number, seen.id)
    await owns.secretary.react(place.room, officer, "🎉")
    reaction = await place.seen(lambda s: s.kind == "reaction" and s.text == "🎉")
    assert (reaction.target_id, reaction.sender) == (relayed.id, owns.hers.number)
    await owns.secretary.redact(place.room, event)
    deleted = await place.seen(lambda seen: seen.kind == "delete")
    assert (deleted.target_id, deleted.sender) == (seen.id, owns.hers.number)

    # What one number said, the other heard; it came back to nobody.
    await zafar.send_text(place.group, "the end")
    await place.shown(text="the end")
    assert [body(e) for e in await place.events() if e["sender"].startswith("@wa_")
            and e["type"] == "m.room.message"] == ["Who has the list?", "the end"]
    assert not await queue.stuck(owns.db)


async def test_files_places_polls_and_votes_are_hers_as_well(owns):
    place = await owns.shared()
    await owns.link_hers()
    sent = await place.phones[0].send_raw(place.group, e2e.Message(
        pollCreationMessage=e2e.PollCreationMessage(
            name="Books?", selectableOptionsCount=1, options=[
                e2e.PollCreationMessage.Option(optionName=name) for name in ("Urdu", "English")])))
    shown = await place.shown(match=lambda e: e["type"] == POLL)
    answers = [answer["id"] for answer in shown["content"][POLL]["answers"]]
    for person, answer in ((owns.secretary, answers[0]), (owns.officer, answers[1])):
        vote = await person.send(place.room, {
            "m.relates_to": {"rel_type": "m.reference", "event_id": shown["event_id"]},
            VOTE: {"answers": [answer]}}, VOTE)
        await until(lambda vote=vote: place.record(vote))
    song = await owns.secretary.upload(b"ID3", "audio/mpeg")
    silent, spoken = [{"msgtype": "m.audio", "filename": "a.mp3", "body": words, "url": song,
                       "info": {"mimetype": "audio/mpeg"}} for words in ("a.mp3", "for Monday")]
    for content in (silent, spoken):
        await owns.secretary.send(place.room, content)
    await owns.secretary.send(place.room, {
        "msgtype": "m.location", "body": "Office", "geo_uri": "geo:26.0,63.0",
        "org.matrix.msc3488.location": {"uri": "geo:26.0,63.0", "description": "Office"}})
    await place.seen(lambda seen: seen.kind == "location")
    left = [(seen.kind, seen.text, seen.sender == owns.hers.number) for seen in place.left()]
    assert left[2:5] == [("audio", "", True), ("text", "for Monday", True), ("audio", "", True)]
    assert left[5][0] == "location" and left[5][2] and "Secretary" not in left[5][1]
    # Two votes, of two numbers: neither takes the other's place.
    votes = [seen for seen in place.left() if seen.kind == "vote"]
    assert {seen.sender for seen in votes} == {owns.hers.number, owns.department.number}
    assert all(seen.target_id == sent.id for seen in votes)
    secret = raw(owns, place, sent).messageContextInfo.messageSecret
    author = str(place.phones[0].address(place.group))
    for seen, phone, option in zip(votes, (owns.hers, owns.department), ("Urdu", "English"),
                                   strict=True):
        assert read_vote(owns, place, seen, secret, author, phone) == [digest(option)]


async def test_what_she_writes_on_her_phone_stands_under_her_own_name(owns):
    place = await owns.shared()
    await owns.link_hers()
    sent = await owns.hers.send_text(place.group, "From my phone")
    [event] = await place.of_record(sent)
    assert event["sender"] == owns.secretary.id and body(event) == "From my phone"
    await owns.hers.edit(sent, "From my own phone")

    async def edited():
        return [e for e in await place.events() if relation(e).get("rel_type") == "m.replace"]

    [edit] = await until(edited)
    assert edit["sender"] == owns.secretary.id
    assert edit["content"]["m.new_content"]["body"] == "From my own phone"
    words = await place.phones[0].send_text(place.group, "Noted")
    noted = await place.shown(text="Noted")
    await owns.hers.react(words, "🙏")

    async def reacted():
        return [e for e in await place.events() if e["type"] == "m.reaction"
                and relation(e).get("event_id") == noted["event_id"]]

    assert [e["sender"] for e in await until(reacted)] == [owns.secretary.id]
    await owns.hers.delete(sent)

    async def gone():
        return [e for e in await place.events()
                if e["event_id"] == event["event_id"] and not e["content"].get("body")]

    await until(gone)
    # She is one person with her number, and none of it went back to WhatsApp.
    person = await directory.find(owns.db, "pn", owns.hers.number)
    assert person.mxid == owns.secretary.id
    assert (await place.stored(sent.id)).sender_id == person.id
    await place.nothing_more_leaves(0)


async def test_two_links_in_one_group_and_each_message_once(owns):
    place = await owns.shared()
    await owns.link_hers()
    zafar, gul = place.phones[:2]
    for number in range(10):
        await (zafar, gul)[number % 2].send_text(place.group, f"line {number}")
    await place.shown(text="line 9")
    # The department's number is cut off; hers alone hears what is said.
    await owns.emulator.ban(owns.department, 3600)
    await owns.told(owns.admin, "WhatsApp has suspended the number until")
    alone = await zafar.send_text(place.group, "heard by hers alone")
    await place.shown(text="heard by hers alone")
    await owns.secretary.say(place.room, "and answered by hers")
    await place.seen(lambda seen: seen.text == "and answered by hers")
    await owns.emulator.ban(owns.department, 0)
    await owns.ask("!wa login")

    async def back():
        return (await owns.ask("!wa status")).startswith("Connected")

    await until(back)
    await gul.send_text(place.group, "both are back")
    await place.shown(text="both are back")
    assert await owns.emulator.idle(PATIENCE)
    texts = [body(e) for e in await place.events() if e["sender"].startswith("@wa_")
             and e["type"] == "m.room.message"]
    assert texts == [*(f"line {n}" for n in range(10)), "heard by hers alone", "both are back"]
    assert len(await place.of_record(alone)) == 1


async def test_nothing_else_of_her_phone_is_kept(owns):
    place = await owns.shared()
    await owns.link_hers()
    await owns.friend.send_text(owns.private, "a family secret")
    await owns.hers.send_text(owns.private, "her own secret")
    await owns.hers.send_text(place.group, "the office's business")
    await place.shown(match=lambda e: body(e) == "the office's business")
    assert await owns.emulator.idle(PATIENCE)
    assert await directory.chat_by_jid(owns.db, owns.private.jid) is None
    folder = owns.office.config.data / "links" / "staff-secretary"
    for path in folder.iterdir():
        if not path.name.startswith("session"):  # the library's own: keys, not words
            data = path.read_bytes()
            assert b"secret" not in data and owns.private.jid.encode() not in data, path
    for path in owns.office.folder.rglob("*"):
        if path.is_file() and "whatsapp" not in path.parts and "synapse" not in path.parts:
            assert b"family secret" not in path.read_bytes(), path


async def test_direct_chats_are_the_departments_and_never_hers(owns):
    place = await owns.shared()
    await owns.link_hers()
    friend = await owns.phone("Direct Friend")
    await friend.send_text(owns.emulator.direct(friend, owns.department), "to the office")
    jid = str(friend.jid)

    async def made():
        chat = await directory.chat_by_jid(owns.db, jid)
        return chat and chat.room_id

    room = await until(made)
    await until(lambda: _joins(owns.secretary, room))
    hers = owns.emulator.direct(friend, owns.hers)
    await friend.send_text(hers, "an affair of hers")
    await owns.hers.send_text(hers, "an answer of hers")
    await owns.secretary.say(room, "the office answers")
    seen = await friend.wait_for(lambda s: "the office answers" in s.text, PATIENCE)
    assert seen.sender == owns.department.number and seen.text != "the office answers"
    await owns.hers.send_text(place.group, "in the group")
    await place.shown(match=lambda e: body(e) == "in the group")
    assert await owns.emulator.idle(PATIENCE)
    assert not await owns.db.read("SELECT 1 FROM record WHERE text LIKE '%of hers'")
    for path in (owns.office.config.data / "links" / "staff-secretary").iterdir():
        if not path.name.startswith("session"):
            assert b" of hers" not in path.read_bytes(), path
    assert not [e for e in await owns.secretary.reader.events(room) if "of hers" in body(e)]


async def _joins(person, room):
    try:
        await person.call("POST", f"/v3/join/{room}", {})
    except Exception:
        return False
    return True


async def test_codes_for_two_at_once_and_a_number_that_is_taken(owns):
    place = await owns.shared()
    await owns.link_hers()
    for person in (owns.officer, owns.admin):
        await place.notice(await person.say(place.room, "!wa link"), "in your own chat")
    first, second = await owns.code(owns.officer), await owns.code(owns.admin)
    assert first != second
    await owns.emulator.scan(owns.hers, first)
    await owns.told(owns.officer, "is linked already, as the own number of @secretary")
    await owns.emulator.scan(owns.department, second)
    await owns.told(owns.admin, "is the department's number")

    async def as_before():
        return len(owns.hers.devices) == len(owns.department.devices) == 1

    await until(as_before)
    assert "no number of your own" in await owns.asked(owns.officer, "!wa unlink")
    assert "linked already" in await owns.asked(owns.secretary, "!wa link")
    assert "Only the admins" in await owns.asked(owns.secretary, "!wa logout")


async def test_the_officer_opens_a_chat_links_by_code_and_unlinks(owns):
    his = await owns.phone("Officer's own")
    place = await owns.shared()
    await owns.emulator.add_members(place.group, [his])
    made = await owns.officer.call("POST", "/v3/createRoom", {
        "is_direct": True, "preset": "trusted_private_chat", "invite": [owns.bridge_id]})
    chat = made["room_id"]

    async def asked(command):
        event = await owns.officer.say(chat, command)

        async def look():
            return next((body(e) for e in await owns.officer.reader.events(chat)
                         if reply_target(e) == event and e["sender"] == owns.bridge_id), None)

        return await until(look)

    async def there():
        members = await owns.officer.call("GET", f"/v3/rooms/{chat}/joined_members")
        return owns.bridge_id in members["joined"]

    await until(there)
    answer = await asked("!wa help")
    assert "!wa link: " in answer and "!wa login" not in answer and "!wa bridge" not in answer
    answer = await asked("!wa status")
    assert "You have linked no number of your own" in answer and "Connected to WhatsApp" in answer
    assert "not a phone number" in await asked("!wa link home")
    assert "is the department's number" in await asked(f"!wa link +{owns.department.number}")
    answer = await asked(f"!wa link +{his.number}")
    assert answer.startswith("Pairing code: ") and "This links your own" in answer
    await owns.emulator.enter_code(his, answer.splitlines()[0].split(": ")[1])

    async def connected():
        return "is connected" in await asked("!wa status")

    await until(connected)
    await owns.officer.say(place.room, "in his own voice")
    said = await place.seen(lambda seen: seen.text == "in his own voice")
    assert said.sender == his.number
    assert "is unlinked" in await asked("!wa unlink")
    assert not his.devices
    assert not (owns.office.config.data / "links" / "staff-officer").exists()
    await owns.officer.say(place.room, "and in the office's")
    await place.seen(lambda seen: seen.text == OFFICER + "and in the office's")


async def test_hers_is_linked_again_after_a_restart_and_relayed_when_it_is_gone(owns):
    place = await owns.shared()
    await owns.link_hers()
    part = owns.office.parts["bridge"]
    await part.stop()
    sent = await owns.hers.send_text(place.group, "while nobody listened")
    owns.office.start_part("bridge")
    [event] = await place.of_record(sent)
    assert event["sender"] == owns.secretary.id

    async def connected():
        return "is connected" in await owns.asked(owns.secretary, "!wa status")

    await until(connected)
    mine = await owns.secretary.say(place.room, "still my voice")
    said = await place.seen(lambda seen: seen.text == "still my voice")
    assert said.sender == owns.hers.number
    [device] = owns.hers.devices.values()
    await owns.emulator.unlink(str(device.jid))
    await owns.told(owns.secretary, "you speak through the department's number again")
    await owns.secretary.say(place.room, "now through the office")
    seen = await place.seen(lambda seen: seen.text.endswith("now through the office"))
    assert (seen.text, seen.sender) == (
        "*Secretary Education*: now through the office", owns.department.number)
    await owns.secretary.edit(place.room, mine, "changed too late")
    await place.notice((await until(lambda: _edit(place)))["event_id"], "is not linked any more")
    sent = await owns.hers.send_text(place.group, "a ghost's again")
    await place.shown(text="a ghost's again")
    assert not (owns.office.config.data / "links" / "staff-secretary").exists()


async def _edit(place):
    return next((e for e in reversed(await place.events())
                 if relation(e).get("rel_type") == "m.replace"), None)


# By hand: what comes in an order, or at a moment, that no phone would choose

HERS, OTHER = "923007009101", "923007009102"
DEPARTMENT_PN = "923007009100"


def own_link(here, **answers):
    """The admin has linked a number of their own; what it is asked is answered by `answers`."""
    link = SimpleNamespace(state=LinkState("connected", "", 1), **answers)
    account = Account(here.admin.user_id, link, f"{HERS}@s.whatsapp.net")
    here.bridge.accounts.department.jid = f"{DEPARTMENT_PN}@s.whatsapp.net"
    here.bridge.accounts.add(account)
    return account


async def group_with(here, *numbers: str, role: str = "member") -> str:
    """The room of a group that has these members."""
    await here.deliver(wire.delivery(wire.message(here.jid, "FIRST", "hello", pn=OTHER)))
    room = await here.room()
    await here.shown(room, "hello")
    chat = await directory.chat_by_jid(here.db, here.jid)
    await here.db.write(directory.set_members(
        chat.id, [(Sender(pn=number), role) for number in numbers], 1))
    return room


async def test_what_one_link_cannot_read_and_another_can_leaves_no_notice(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        account = own_link(here)
        room = await group_with(here, OTHER, HERS)
        department = here.bridge.link
        department.state = LinkState("connected", "", 1)
        hidden = wire.delivery(wire.undecryptable(here.jid, "U1", pn=OTHER), UNDECRYPTABLE)
        await here.bridge._on_own_event(account, hidden)
        await here.deliver(wire.delivery(wire.message(here.jid, "U1", "readable", pn=OTHER)))
        await here.shown(room, "readable")
        await here.bridge._on_own_event(account, hidden)  # once more, and now it is there
        # The department's cannot read it, hers can: the notice goes.
        await here.deliver(wire.delivery(
            wire.undecryptable(here.jid, "U2", pn=OTHER), UNDECRYPTABLE))
        await here.shown(room, "could not be decrypted yet")
        await here.bridge._on_own_event(account, wire.delivery(
            wire.message(here.jid, "U2", "read by hers", pn=OTHER)))
        await here.shown(room, "it has followed")
        # The department's is away: then what hers cannot read is said, too.
        department.state = LinkState("disconnected", "", 1)
        await here.bridge._on_own_event(account, wire.delivery(
            wire.undecryptable(here.jid, "U3", pn=OTHER), UNDECRYPTABLE))
        await until(lambda: _count(here, room, "could not be decrypted yet", 2))


async def _count(here, room, words, count):
    return len([b for b in await here.bodies(room) if words in b]) == count


async def test_an_own_number_hears_nothing_of_what_is_not_bridged(house, tmp_path):
    async with bridge_here(house, tmp_path, groups=("120363000000000001@g.us",)) as here:
        account = own_link(here)
        for code, message in ((MESSAGE, wire.message(here.jid, "P1", "private", pn=OTHER)),
                              (UNDECRYPTABLE, wire.undecryptable(here.jid, "P2", pn=OTHER)),
                              (GROUP_INFO, wire.group_change(here.jid, Join=[f"{OTHER}@lid"]))):
            await here.bridge._on_own_event(account, wire.delivery(message, code))
        assert not await directory.chats(here.db) and not await queue.stuck(here.db)
        assert not await here.db.read("SELECT 1 FROM record")


async def test_what_leaves_is_heard_by_another_number_before_its_id_is_known(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        heard = []

        async def send(chat, message):
            """Her number hears what the department's says while it is still being confirmed."""
            id = f"E{len(heard)}"
            heard.append(asyncio.create_task(here.bridge._on_own_event(account, wire.delivery(
                wire.message(chat, id, message, pn=DEPARTMENT_PN)))))
            await asyncio.sleep(0.05)
            assert not heard[-1].done()
            return Sent(id, 1_790_000_000)

        account = own_link(here)
        here.bridge.link.send = send
        room = await group_with(here, OTHER)  # hers is no member: the department's speaks for her
        event = await here.admin.say(room, "an announcement")
        await until(lambda: messages.by_event(here.db, event))
        await until(lambda: _done(heard, 1))
        await here.deliver(wire.delivery(wire.message(here.jid, "LAST", "last", pn=OTHER)))
        await here.shown(room, "last")
        assert [b for b in await here.bodies(room) if "announcement" in b] == ["an announcement"]
        # Deleted on the department's phone, and heard by hers first: it is the department's to
        # delete.
        await here.bridge._on_own_event(account, wire.delivery(wire.message(
            here.jid, "D1", compose.revoke_message(compose.message_key(
                here.jid, "E0", from_me=True, participant="")), pn=DEPARTMENT_PN)))
        await until(lambda: _count(here, room, "an announcement", 0))


async def test_what_was_in_doubt_is_settled_by_another_number_that_hears_it(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        account = own_link(here)

        async def lost(chat, message):
            raise LinkUnsure("the process died")

        here.bridge.link.send = lost
        room = await group_with(here, OTHER)
        event = await here.admin.say(room, "did it leave?")
        await here.shown(room, "This may have been sent to WhatsApp")
        now = int(time.time())
        for id, text, at in (("N1", "*Admin*: something else", now),
                             ("N2", "*Admin*: did it leave?", now - 86_400),
                             ("X1", "*Admin*: did it leave?", now)):
            await here.bridge._on_own_event(account, wire.delivery(
                wire.message(here.jid, id, text, pn=DEPARTMENT_PN, at=at), at=now * 1000))
        await here.shown(room, "It has arrived: another of our numbers has seen it")
        assert not await queue.stuck(here.db)
        record = await messages.by_event(here.db, event)
        assert await messages.whatsapp_id(here.db, record.id) == "X1"
        await until(lambda: _count(here, room, "*Admin*: did it leave?", 1))  # yesterday's


async def _done(tasks, count):
    return len(tasks) == count and all(task.done() for task in tasks)


async def test_the_bridges_own_words_in_a_persons_name_do_not_come_back(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        own_link(here)
        here.bridge.link.send = None  # whatever leaves now is a fault
        room = await group_with(here, OTHER, HERS)
        await here.deliver(wire.delivery(wire.message(here.jid, "M1", "by phone", pn=HERS)))
        event = await here.shown(room, "by phone")
        assert event["sender"] == here.admin.user_id
        record = await messages.by_event(here.db, event["event_id"])
        # As after a crash between the sending and its note: the rooms are read again.
        await here.db.write(_forget(event["event_id"]))
        await here.bridge.outbox.store([{**event, "room_id": room}])
        assert await messages.by_event(here.db, event["event_id"]) is None
        await here.bridge.homeserver.versions()
        marks = await here.bridge.homeserver.marks(room, lambda record: False)
        assert marks[record.id, 0] == event["event_id"]
        assert await queue.depth(here.db, "out:") == 0
        # Forwarded by a client, which copies the mark, it is said anew and leaves.
        await here.db.write(messages.link_event(event["event_id"], room, record.id, 0))
        sent = []

        async def send(chat, message):
            sent.append(message.conversation)
            return Sent("F1", 1_790_000_000)

        here.bridge.accounts.get(here.admin.user_id).link.send = send
        await here.admin.send(room, {**event["content"]})
        await until(lambda: _done_sending(sent))
        assert sent == ["by phone"]


async def _done_sending(sent):
    return sent


def _forget(event):
    yield "DELETE FROM matrix_event WHERE event_id = ?", (event,)


@pytest.mark.parametrize("token", ["", "unknown to the homeserver"])
async def test_without_the_registration_a_ghost_speaks_for_her(house, tmp_path, token):
    async with bridge_here(house, tmp_path, puppet_token=token) as here:
        own_link(here)
        room = await group_with(here, OTHER, HERS)
        await here.deliver(wire.delivery(wire.message(here.jid, "M1", "by phone", pn=HERS)))
        assert (await here.shown(room, "by phone"))["sender"].startswith("@wa_")


async def test_a_ghosts_message_is_changed_by_the_ghost_after_the_linking(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        room = await group_with(here, OTHER, HERS)
        await here.deliver(wire.delivery(wire.message(here.jid, "M1", "befoer", pn=HERS)))
        before = await here.shown(room, "befoer")
        own_link(here)
        await here.deliver(wire.delivery(wire.message(here.jid, "M2", compose.edit_message(
            compose.message_key(here.jid, "M1", from_me=True, participant=""),
            e2e.Message(conversation="before"), 1_790_000_001_000), pn=HERS)))
        edit = await here.shown(room, "before")
        assert edit["sender"] == before["sender"] != here.admin.user_id
        assert relation(edit)["event_id"] == before["event_id"]


async def test_an_admin_of_the_group_speaks_where_the_department_may_not(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        sent = []

        async def send(chat, message):
            sent.append(message.conversation)
            return Sent(f"W{len(sent)}", 1_790_000_000)

        own_link(here, send=send)
        room = await group_with(here, HERS, role="admin")
        await here.db.write(standing.put(here.jid, Standing(announce=True)))
        await here.admin.say(room, "as an admin")
        await until(lambda: _done_sending(sent))
        assert sent == ["as an admin"]


async def test_what_the_own_number_surely_could_not_send_the_departments_says(house, tmp_path,
                                                                             monkeypatch):
    monkeypatch.setattr(worker, "BACKOFF_S", (0.05,))
    async with bridge_here(house, tmp_path) as here:
        said = []

        async def refuse(chat, message):
            raise LinkError("WhatsApp did not take the message: server returned error 420")

        async def send(chat, message):
            said.append(message.conversation)
            return Sent("W1", 1_790_000_000)

        account = own_link(here, send=refuse)
        here.bridge.link.send = send
        room = await group_with(here, OTHER, HERS)
        await here.admin.say(room, "one way or the other")
        await until(lambda: _done_sending(said))
        assert said == ["*Admin*: one way or the other"]

        async def lost(chat, message):
            raise LinkUnsure("the process died")

        account.link.send = lost  # but what may have left is not said twice
        await here.admin.say(room, "perhaps")
        await here.shown(room, "This may have been sent to WhatsApp")
        assert len(said) == 1


async def test_every_number_has_turns_of_its_own(tmp_path):
    db = await open_database(f"sqlite:{tmp_path / 'archive.sqlite'}")
    chat = await db.write(directory.ensure_chat("1@g.us", "", "", 1))
    now = int(time.time() * 1000)
    for number, account in enumerate(["", "@a:x", "@a:x"]):
        await db.write(sent.note(chat.id, f"M{number}", account, now))
    held = []

    async def hold(until: float) -> None:
        held.append(until)

    async def no_sleep(seconds: float) -> None:
        raise TimeoutError

    def pace() -> Pace:
        return Pace(0, 2, hold, sleep=no_sleep)

    department = pace()
    await department.remember(db)
    paces = Paces(db, department, lambda owner: pace())
    await (await paces.of("")).turn()
    await (await paces.of("@b:x")).turn()
    with pytest.raises(TimeoutError):
        await (await paces.of("@a:x")).turn()
    assert len(held) == 1
    await db.close()


@pytest.mark.parametrize("mxid, name", [
    ("@secretary:x.org", "staff-secretary"), ("@a.b:x.org", "staff-a_b-"),
    ("@a/../b:x.org", "staff-a____b-"), ("@secretary:other.org", "staff-secretary-"),
    ("@" + "l" * 200 + ":x.org", "staff-" + "l" * 40 + "-")])
async def test_a_links_folder_has_a_safe_name_of_its_own(mxid, name):
    folder = folder_of(mxid, "x.org")
    assert folder.startswith(name) and (folder == name or len(folder) == len(name) + 12)
    assert "/" not in folder and "." not in folder
