"""Directives in the rooms: proposed, confirmed with a tap, followed by commands."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from archive import directives
from archive.answers import Answering
from archive.db import Database, open_database
from archive.directives import Directive, Finding
from bot.app import Bot
from bot.orders import Read
from config import Config
from tests.bot.conftest import bot_is_in
from tests.bot.offices import ByHand, Script
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.bot.test_desk import REPORT, card_of, offered, opened, press, shows
from tests.homeserver import House

LOOK = "DEO Sibi. Pl look into the issue."
BOTH = "Secretary to proceed. DC Lri to send a letter by fax by tomorrow, copy to CS office."
URDU = "تمام ڈی ای اوز مکران رپورٹ بھیجیں"
ALL_MAKRAN = "All DEOs Makran Division"
DAY = 86_400_000


@dataclass
class Office:
    """A bot with a staff room and a group's room; Ayesha is an officer, Bilal gives orders."""

    bot: Bot
    db: Database
    config: Config
    now: Hands
    ayesha: Staff
    bilal: Staff
    room: str
    staff_room: str
    script: Script
    offices: ByHand

    async def asked(self, words: str, within: str = "") -> dict[str, Any]:
        """The newest message of the staff room that begins so and holds that, once it is there."""
        async def look() -> dict[str, Any] | None:
            await self.bot.clock.listen()
            return next((c for c in reversed(await self.ayesha.from_bot(self.staff_room))
                         if c["body"].startswith(words) and within in c["body"]), None)
        return await until(look)

    async def answer(self, event: str, count: int = 1) -> dict[str, Any]:
        """The answer to an event in the staff room."""
        async def look() -> list[dict[str, Any]] | None:
            found = await self.ayesha.answers(self.staff_room, event)
            return found if len(found) >= count else None
        return (await until(look))[-1]

    async def proposed(self, words: str, *found: Finding, **where: Any) -> dict[str, Any]:
        """Bilal says this, the reader finds that, and the bot asks."""
        self.script.by_words[words] = Read(tuple(found))
        await self.bilal.say(self.room, words, **where)
        return await self.asked("Is this" if len(found) == 1 else "Are these", words)

    async def order(self, number: int) -> Directive:
        found = await directives.find(self.db, number)
        assert found
        return found

    async def given(self, words: str) -> str:
        """An order by hand; its name."""
        answer = await self.ayesha.ask(self.room, f"!directive new {words}")
        return answer["body"].split()[0]


@pytest.fixture
async def office(house: House, tmp_path: Path) -> AsyncIterator[Office]:
    ayesha, bilal = await new_staff(house), await new_staff(house, "Bilal Baloch")
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path,
                        (ayesha.user_id, bilal.user_id))
    config = replace(config, bot=replace(config.bot, staff_room="Daftar staff",
                                         roles={ayesha.user_id: "officer"}))
    now, script, offices = Hands("2026-11-24 12:00"), Script(), ByHand()
    offices.put("DEO Sibi", "Qadir Marri")
    offices.put("DC Loralai", "Asad Khan", "@wa_923:office.test")
    for town in ("Kech", "Gwadar", "Panjgur"):
        offices.put(f"DEO {town}", f"Head of {town}")
    offices.classes[ALL_MAKRAN] = ("DEO Kech", "DEO Gwadar", "DEO Panjgur")
    async with ticking_bot(config, now, reader=script, offices=offices) as bot:
        [staff_room] = await until(ayesha.invites)
        for person in (ayesha, bilal):
            await until(person.invites)
            await person.join(staff_room)
        room = await ayesha.create_room(config.user_id(config.bot.user), bilal.user_id)
        await bilal.join(room)
        await until(lambda: bot_is_in(ayesha, room))
        db = await open_database(config.database_url)
        try:
            await bot.clock.listen()
            yield Office(bot, db, config, now, ayesha, bilal, room, staff_room, script, offices)
        finally:
            await db.close()


async def test_one_tap_confirms(office: Office) -> None:
    question = await office.proposed(LOOK, Finding(
        "", ("DEO Sibi",), "look into the issue", reasons=("it begins with a post",)))
    assert question["body"].startswith("Is this an order?\nBilal Baloch, ")
    assert f"> {LOOK}" in question["body"] and question["m.mentions"] == {}
    assert "P1 · to DEO Sibi · look into the issue · no date" in question["body"]
    assert "100% sure: it begins with a post" in question["body"]
    await offered(office.ayesha, office.staff_room, question["id"], "✅", "✏️", "❌")
    await press(office.bilal, office.staff_room, question["id"], "✅")  # any of the staff
    answer = await office.answer(question["id"])
    year = (await office.order(1)).number.split("-")[1]
    assert answer["body"] == (
        f"D-{year}-0001 is with DEO Sibi (Qadir Marri): look into the issue, no date.")
    order = await office.order(1)
    assert quote(order.event_id, safe="") in answer["formatted_body"]
    assert order.charges[0].district == "Sibi" and order.giver_name == "Bilal Baloch"
    await press(office.ayesha, office.staff_room, question["id"], "❌")  # too late
    shown = await office.ayesha.ask(office.room, "!directive show 1")
    assert f"> {LOOK}" in shown["body"] and "DEO Sibi (Qadir Marri): no answer yet" in shown["body"]
    assert "confirmed it as" in shown["body"] and "dismissed" not in shown["body"]


async def test_several_orders_of_one_message(office: Office) -> None:
    due = office.now.set("2026-12-30 17:00") + 400 * DAY
    question = await office.proposed(
        BOTH, Finding("", ("Secretary",), "proceed", confidence=0.7),
        Finding("", ("DC Loralai",), "send a letter", due, False, ("CS office",), "fax"))
    body = question["body"]
    assert body.startswith("Are these 2 orders?") and "copy to CS office · by fax" in body
    assert "⚠ Secretary has no holder that the directory knows" in body
    await offered(office.ayesha, office.staff_room, question["id"],
                  "✅", "1️⃣", "2️⃣", "✏️", "❌")
    await press(office.ayesha, office.staff_room, question["id"], "2️⃣")
    answer = await office.answer(question["id"])
    assert "is with DC Loralai (Asad Khan): send a letter, due " in answer["body"]
    refused = await office.ayesha.ask(
        office.staff_room, "!directive confirm P1 | to: DEO Kech | by: 31-02-2027")
    assert "31" in refused["body"]
    answer = await office.ayesha.ask(
        office.staff_room,
        "!directive confirm P1 | to: DEO Kech, Secretary | do: find out | by: none")
    assert "0002 is with DEO Kech (Head of Kech); Secretary (vacant): find out" in answer["body"]
    assert "⚠ Secretary has no holder" in answer["body"]
    again = await office.ayesha.ask(office.staff_room, "!directive confirm P1")
    assert "is confirmed already" in again["body"]


async def test_correcting_and_dismissing(office: Office) -> None:
    question = await office.proposed(LOOK, Finding("", ("DC Sibi",), "look into the issue"))
    await press(office.ayesha, office.staff_room, question["id"], "✏")
    answer = await office.answer(question["id"])
    command = answer["body"].split("\n")[1]
    assert command == "!directive confirm P1 | to: DC Sibi | do: look into the issue | by: none"
    done = await office.ayesha.ask(office.staff_room, command.replace("DC Sibi", "DEO Sibi"))
    assert "is with DEO Sibi (Qadir Marri)" in done["body"]
    question = await office.proposed("Pl look into it", Finding("", ("DEO Sibi",), "look into it"))
    await press(office.ayesha, office.staff_room, question["id"], "❌")
    assert (await office.answer(question["id"]))["body"] == "P2 is dismissed."
    nothing = await office.ayesha.ask(office.staff_room, "!directive show P2")
    assert "(dismissed)" in nothing["body"]
    refused = await office.ayesha.ask(office.staff_room, "!directive confirm P2")
    assert "was dismissed" in refused["body"]
    for words, said in (("!directive show 77", "There is no directive 77"),
                        ("!directive confirm P99", "There is no proposal P99"),
                        ("!directive confirm", "Which directive?"),
                        ("!directive confirm P1 | wo: DEO", "I do not understand"),
                        ("!directive list open doors", "I cannot list"),
                        ("!directive listt", "did you mean")):
        assert said in (await office.ayesha.ask(office.staff_room, words))["body"], words


async def test_a_class_becomes_its_posts(office: Office) -> None:
    question = await office.proposed(URDU, Finding("", (ALL_MAKRAN,), "رپورٹ بھیجیں"))
    await press(office.ayesha, office.staff_room, question["id"], "✅")
    assert "DEO Kech (Head of Kech); DEO Gwadar" in (await office.answer(question["id"]))["body"]
    which = await office.ayesha.ask(office.staff_room, "!directive done 1")
    assert "is with 3 posts. Which one?" in which["body"]
    await press(office.ayesha, office.staff_room, which["id"], "2️⃣")
    assert (await office.answer(which["id"]))["body"].endswith("is done for DEO Kech.")
    done = await office.ayesha.ask(
        office.staff_room, "!directive status 1 in progress DEO Gwadar team is on its way")
    assert done["body"].endswith("is in progress for DEO Gwadar.")
    listed = await office.ayesha.ask(office.staff_room, "!directive list")
    assert "DEO Kech (Head of Kech): done" in listed["body"]
    assert "DEO Gwadar (Head of Gwadar): in progress" in listed["body"]
    everybody = await office.ayesha.ask(office.staff_room, "!directive done 1 all")
    assert everybody["body"].endswith("is done for DEO Gwadar, DEO Panjgur.")
    ended = await office.ayesha.ask(office.staff_room, "!directive done 1")
    assert "has ended for everybody" in ended["body"]
    unknown = await office.given("All DEOs Zhob Division: report")
    order = await office.order(2)
    assert unknown == order.name and order.charges[0].post == "All DEOs Zhob Division"


async def test_answers_are_proposed_with_the_evidence(office: Office) -> None:
    name = await office.given("DEO Sibi: report by 1-1-2035")
    order = await office.order(1)
    assert order.name == name and order.due_at
    for words, state in (("Noted sir", "acknowledged"), ("Complied. Report attached", "complied")):
        office.script.by_words[words] = Read((), (
            Answering(order.id, "DEO Sibi", state, 0.9, ("it quotes the order",)),))
    await office.bilal.say(office.room, "Noted sir")
    question = await office.asked("Is this an answer", "> Noted sir")
    assert "> Noted sir" in question["body"]
    assert f"{name} · DEO Sibi · acknowledged · report" in question["body"]
    assert "90% sure: it quotes the order" in question["body"]
    await press(office.ayesha, office.staff_room, question["id"], "✅")
    assert (await office.answer(question["id"]))["body"] == f"{name}: DEO Sibi · acknowledged."
    evidence = await office.bilal.say(office.room, "Complied. Report attached")
    question = await office.asked("Is this an answer", "> Complied")
    await press(office.ayesha, office.staff_room, question["id"], "✏️")
    edit = await office.answer(question["id"])
    assert f"!directive status {name} done DEO Sibi" in edit["body"]
    done = await office.ayesha.ask(office.room, "!directive confirm", reply_to=evidence)
    assert done["body"] == f"{name}: DEO Sibi · done."
    charge = (await office.order(1)).charges[0]
    assert charge.state == "complied" and charge.ended_at == office.script.heard[-1].at
    shown = await office.ayesha.ask(office.room, "!directive show", reply_to=evidence)
    assert "noted that DEO Sibi has done it: Complied. Report attached" in shown["body"]


async def test_following_by_commands(office: Office) -> None:
    ayesha, room = office.ayesha, office.room
    said = await office.bilal.say(room, "DEO Sibi kindly see to this")
    answer = await ayesha.ask(room, "!حکم نیا بنام: DEO Sibi | تک: 1-1-2035", reply_to=said)
    assert "is with DEO Sibi (Qadir Marri): DEO Sibi kindly see to this, due 1 Jan 2035" in (
        answer["body"])
    name = (await office.order(1)).name
    assert (await office.order(1)).event_id == said
    early = await ayesha.ask(room, f"!directive due {name} 1-1-2020")
    assert "1-1-2020" in early["body"] or "past" in early["body"]
    due = await ayesha.ask(room, "!directive 1 due 2-2-2035")
    assert due["body"].startswith(f"{name} is due 2 Feb 2035")
    assert (await ayesha.ask(room, f"!directive due {name} none"))["body"].startswith(
        f"{name} has no date any more (before: 2 Feb 2035")
    assign = await ayesha.ask(room, f"!directive assign {name} DC Loralai")
    assert assign["body"] == f"{name} is with DC Loralai (Asad Khan) now."
    assert [c.state for c in (await office.order(1)).charges] == ["withdrawn", "open"]
    listed = await ayesha.ask(room, "!directive list post Loralai")
    assert "DC Loralai (Asad Khan): no answer yet" in listed["body"]
    assert "of this room: none" in (await ayesha.ask(room, "!directive list district kech"))["body"]
    question = await ayesha.ask(room, f"!directive remind {name}")
    assert "under your name" in question["body"] and "a kind reminder" in question["body"]
    assert "مؤدبانہ یاد دہانی" in question["body"]
    await press(ayesha, room, question["id"], "✅")

    async def told() -> dict[str, Any] | None:
        return next((c for c in await ayesha.from_bot(room)
                     if c.get("org.daftar.speaks_for") == ayesha.user_id), None)
    words = await until(told)
    assert words["body"].startswith("Asad Khan (DC Loralai), a kind reminder:")
    assert words["m.relates_to"]["m.in_reply_to"]["event_id"] == said
    assert words["msgtype"] == "m.text"
    refused = await ayesha.ask(room, f"!directive escalate {name}")
    assert "knows nobody above DC Loralai" in refused["body"]
    question = await ayesha.ask(room, f"!directive escalate {name} to Commissioner")
    assert "Commissioner: " in question["body"]
    await press(ayesha, room, question["id"], "✅")
    await until(lambda: escalated(office))
    question = await ayesha.ask(room, f"!directive withdraw {name} not needed")
    assert "is asked of them no more" in question["body"]
    await press(ayesha, room, question["id"], "✅")

    async def ended() -> bool:
        return not (await office.order(1)).live
    await until(ended)
    forbidden = await office.bilal.ask(room, f"!directive withdraw {name}")
    assert "one must be an officer" in forbidden["body"]


async def escalated(office: Office) -> bool:
    return (await office.order(1)).charges[-1].escalated_to == "Commissioner"


async def test_a_long_list_of_orders_is_asked_in_parts(office: Office) -> None:
    found = [Finding("", tuple(f"DEO District {n}-{m}" for m in range(40)), "ر" * 300)
             for n in range(20)]
    words = "One order after the other"
    office.script.by_words[words] = Read(tuple(found))
    await office.bilal.say(office.room, words)
    last = await office.asked("Are these 2 orders?", words)
    asked = [c["body"] for c in await office.ayesha.from_bot(office.staff_room)]
    assert [body.split("?")[0] for body in asked] == ["Are these 9 orders"] * 2 + [
        "Are these 2 orders"]
    await press(office.ayesha, office.staff_room, last["id"], "✅")
    assert "and 28 more" in (await office.answer(last["id"]))["body"]


async def test_an_answer_counts_from_when_it_was_said(office: Office) -> None:
    name = await office.given("DEO Sibi: report")
    answer = await office.bilal.say(office.room, "It is done")
    await office.ayesha.ask(office.room, f"!directive done {name}", reply_to=answer)
    seen = await office.db.read("SELECT at FROM bot_event WHERE event_id = ?", answer)
    assert (await office.order(1)).charges[0].ended_at == seen[0]["at"]
    await office.proposed(LOOK, Finding("", ("DEO Sibi",), "look into the issue"))
    refused = await office.ayesha.ask(office.staff_room, "!directive done P2")
    assert "P2 is only a proposal" in refused["body"]


async def test_bad_directories(office: Office) -> None:
    office.offices.put("DEO Hub", "First")
    office.offices.put("DEO Hub", "Second")
    answer = await office.ayesha.ask(office.room, "!directive new DEO Hub: report")
    assert "DEO Hub (First / Second)" in answer["body"]
    assert "⚠ DEO Hub has 2 holders: First / Second." in answer["body"]
    answer = await office.ayesha.ask(office.room, "!directive new DEO Duki: report")
    assert "DEO Duki (vacant)" in answer["body"] and "has no holder" in answer["body"]
    office.offices.line = {"DEO Duki": "DEO Duki"}
    answer = await office.ayesha.ask(office.room, "!directive escalate 2")
    assert "goes round in a circle" in answer["body"]
    old = await office.bilal.say(office.room, "Report please")
    answer = await office.ayesha.ask(
        office.room, "!directive new to: DEO Kech | by: none", reply_to=old)
    assert "DEO Kech" in answer["body"]


async def test_an_order_that_is_edited_or_deleted_stands(office: Office) -> None:
    question = await office.proposed(LOOK, Finding("", ("DEO Sibi",), "look into the issue"))
    await press(office.ayesha, office.staff_room, question["id"], "✅")
    await office.answer(question["id"])
    order = await office.order(1)
    new = {"msgtype": "m.text", "body": "DEO Sibi. Leave it."}
    await office.bilal.send(office.room, {
        **new, "body": "* DEO Sibi. Leave it.", "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": order.event_id}})
    told = await office.asked("Bilal Baloch edited")
    assert f"the message of {order.name}. The order stands as it was" in told["body"]
    assert f"> {LOOK}" in told["body"] and "> DEO Sibi. Leave it." in told["body"]
    await office.bilal.call(
        "PUT", f"/v3/rooms/{quote(office.room)}/redact/{quote(order.event_id)}/gone", {})
    told = await office.asked("Bilal Baloch deleted")
    assert order.name in told["body"]
    for _ in range(3):
        await office.bot.clock.tick()
    said = [c["body"] for c in await office.ayesha.from_bot(office.staff_room)]
    assert len([body for body in said if body.startswith("Bilal Baloch edited")]) == 1
    assert len([body for body in said if body.startswith("Bilal Baloch deleted")]) == 1
    shown = await office.ayesha.ask(office.staff_room, f"!directive show {order.name}")
    assert f"> {LOOK}" in shown["body"]
    assert "Now it says: DEO Sibi. Leave it." in shown["body"]
    assert "deleted the message; the order stands" in shown["body"]
    assert (await office.order(1)).live


async def test_the_case_and_the_school_are_linked(office: Office) -> None:
    paper = await office.bilal.say(office.room, REPORT)
    number = await opened(office.ayesha, office.room, "!case open", reply_to=paper)
    await office.ayesha.ask(office.room, "!directive new DEO Sibi: open it", reply_to=paper)
    shown = await office.ayesha.ask(office.room, "!directive show 1")
    assert f"Case: {number}" in shown["body"] and "School: 07086" in shown["body"]
    # the case's card and docket show the directive, and how it stands, as it goes on
    name = (await office.order(1)).number
    await office.bot.clock.listen()
    await shows(office.ayesha, office.room, number, f"Directives: {name} DEO Sibi open")
    await office.ayesha.ask(office.room, "!directive done 1")
    await office.bot.clock.listen()
    await shows(office.ayesha, office.room, number, f"Directives: {name} DEO Sibi complied")
    docket = await office.ayesha.ask(office.room, "!case show 1")
    assert f"{name} DEO Sibi complied" in docket["body"]


async def test_report_with_files(office: Office) -> None:
    await office.given("DEO Sibi: report by 1-1-2035")
    await office.given("DEO Kech: report")
    await office.ayesha.ask(office.room, "!directive done 2")
    event = await office.ayesha.say(office.room, "!directive report this year")

    async def look() -> list[dict[str, Any]] | None:
        found = await office.ayesha.answers(office.room, event)
        return found if len(found) == 3 else None
    table, book, paper = await until(look)
    assert table["body"].startswith("Compliance with directives, 20")
    assert "• DEO Sibi: given 1, open 1" in table["body"]
    assert "• DEO Kech: given 1, acknowledged 1, done in time 1, median days 0" in table["body"]
    assert "• All: given 2" in table["body"] and "<table>" in table["formatted_body"]
    assert book["filename"].endswith(".xlsx") and book["msgtype"] == "m.file"
    assert paper["filename"].endswith(".pdf") and paper["info"]["mimetype"] == "application/pdf"
    assert book["url"].startswith("mxc://") and paper["url"].startswith("mxc://")
    empty = await office.ayesha.say(office.room, "!directive report this year district Chagai")
    first = (await until(lambda: office.ayesha.answers(office.room, empty)))[0]
    assert "no orders" in first["body"]
    wrong = await office.ayesha.ask(office.room, "!directive report when it suits")
    assert "as a period" in wrong["body"]


async def test_odd_messages_hold_up_nothing(office: Office) -> None:
    class Broken(Exception):
        pass

    async def breaking(heard: Any) -> Read:
        if "break" in heard.text:
            raise Broken
        return await Script.__call__(office.script, heard)
    office.bot.clock._reader = breaking
    await office.bilal.say(office.room, "break")
    await office.bilal.send(office.room, {"msgtype": "m.text", "body": "odd", "m.relates_to": 7})
    await office.bilal.say(office.room, "!directive list")  # a command is not read
    await office.bilal.say(office.room, "x" * 30_000)
    await office.bilal.say(office.staff_room, "What did the Secretary mean?")  # not the group
    number = await opened(office.ayesha, office.room, "!case open Roof")
    card = (await card_of(office.ayesha, office.room, number))["id"]
    await office.bilal.say(office.room, "Ask the DEO", thread=card)  # within the house
    question = await office.proposed(LOOK, Finding("", ("DEO Sibi",), "\u202e" + "y" * 5000))
    assert "P1" in question["body"] and len(question["body"]) < 3000
    heard = [heard.text for heard in office.script.heard]
    assert not {"!directive list", "What did the Secretary mean?", "Ask the DEO"} & set(heard)
    assert "odd" in heard and LOOK in heard
