"""The case desk: questions answered by reactions, reactions as buttons, merging and splitting, who
may what; as a member of staff sees it in the room."""
from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from archive import audit, cases
from archive.db import open_database
from tests.bot.conftest import Desk, bot_is_in
from tests.bot.people import Staff, config_for, new_staff, running_bot, until

REPORT = "GBPS Killi Nau BEMIS 07086 was found closed today at 9 am. Both teachers absent."


async def opened(staff: Staff, room: str, command: str, **where: Any) -> str:
    """Open a case; its number."""
    before = {c["id"] for c in await staff.from_bot(room)}
    await staff.say(room, command, **where)

    async def card() -> list[dict[str, Any]]:
        return [c for c in await staff.from_bot(room)
                if c["id"] not in before and c.get("org.daftar.case")
                and c.get("m.relates_to", {}).get("rel_type") != "m.thread"]
    return (await until(card))[0]["org.daftar.case"]


async def card_of(staff: Staff, room: str, number: str) -> dict[str, Any]:
    """A case's card as a client shows it now; empty while there is none."""
    return next((c for c in await staff.from_bot(room) if c.get("org.daftar.case") == number
                 and c.get("m.relates_to", {}).get("rel_type") != "m.thread"), {})


async def shows(staff: Staff, room: str, number: str, *words: str) -> dict[str, Any]:
    """The card, once it shows these words."""
    async def look() -> dict[str, Any] | None:
        card = await card_of(staff, room, number)
        return card if all(word in card.get("body", "") for word in words) else None
    try:
        return await until(look)
    except AssertionError:
        raise AssertionError(f"{words} not in {(await card_of(staff, room, number))}") from None


async def press(staff: Staff, room: str, event: str, key: str) -> str:
    """React to an event."""
    return await staff.send(room, {"m.relates_to": {
        "rel_type": "m.annotation", "event_id": event, "key": key}}, "m.reaction")


async def offered(staff: Staff, room: str, question: str, *keys: str) -> None:
    """Wait for the reactions that the bot puts under its own question, ready to be tapped."""
    bot = staff.house.config.user_id(staff.house.config.bot.user)

    async def look() -> bool:
        return [e["content"]["m.relates_to"]["key"] for e in await staff.read(room)
                if e["type"] == "m.reaction" and e["sender"] == bot
                and e["content"]["m.relates_to"]["event_id"] == question] == list(keys)
    await until(look)


async def test_what_destroys_waits_for_a_yes(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    first = await opened(staff, room, "!case open Roof of GGPS Thangi")
    second = await opened(staff, room, "!case open Thangi school")
    question = await staff.ask(room, "!case merge 1 into 2")
    assert "Roof of GGPS Thangi" in question["body"] and "unmerge" in question["body"]
    assert "no papers join its file" in question["body"]
    await offered(staff, room, question["id"], "✅", "❌")
    assert "Part of" not in (await card_of(staff, room, first))["body"]
    no = await press(staff, room, question["id"], "❌")
    [left] = await until(lambda: staff.answers(room, question["id"]))
    assert left["body"] == "Nothing was done."

    question = await staff.ask(room, "!case merge 1 into 2")
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": other.user_id})
    await other.join(room)
    await press(other, room, question["id"], "✅")  # it was not Bilal who was asked
    [refused] = await until(lambda: staff.answers(room, question["id"]))
    assert "only they can answer" in refused["body"]
    await press(staff, room, question["id"], "✅")
    await shows(staff, room, first, f"Part of {second}")
    await shows(staff, room, second, f"Merged into it: {first}")
    answer = await staff.ask(room, f"!case close {first}")
    assert f"!case unmerge {first}" in answer["body"]
    await staff.ask(room, f"!case unmerge {first}")
    card = await shows(staff, room, first, "New, not assigned")
    assert "Part of" not in card["body"]
    assert no


async def test_reactions_are_buttons(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    report = await staff.say(room, REPORT)
    await press(staff, room, report, "📁")
    [card] = await until(lambda: staff.answers(room, report))
    number = card["org.daftar.case"]
    assert REPORT[:40] in card["body"] and "School: 07086" in card["body"]
    more = await staff.say(room, "The head teacher says he was at a training.")
    await press(staff, room, more, "🔗")
    await shows(staff, room, number, "2 papers")
    await press(staff, room, card["id"], "👀\ufe0f")
    await shows(staff, room, number, f"Open, with {'Ayesha Khan'}")
    # an ordinary reaction is only a reaction
    before = len(await staff.from_bot(room))
    await press(staff, room, more, "👍")
    await press(staff, room, more, "✅")
    await staff.ask(room, "!case show 1")
    assert len(await staff.from_bot(room)) == before + 1


async def test_a_second_case_about_a_school_is_asked_about(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    first = await opened(staff, room, "!case open", reply_to=await staff.say(room, REPORT))
    again = await staff.say(room, "BEMIS 07086: still closed. Pl look into the issue.")
    question = await staff.ask(room, "!case open", reply_to=again)
    assert first in question["body"] and "(07086): “GBPS Killi Nau" in question["body"]
    await offered(staff, room, question["id"], "🔗", "📁", "❌")
    await press(staff, room, question["id"], "🔗")
    await shows(staff, room, first, "2 papers")
    third = await staff.say(room, "GBPS Killi Nau (BMIS Code 07086) has no boundary wall.")
    question = await staff.ask(room, "!case open Boundary wall", reply_to=third)
    await press(staff, room, question["id"], "📁")
    assert "Boundary wall" in (await shows(staff, room, "SED-2026-00002", "1 paper"))["body"]


async def test_a_typing_mistake_is_one_tap(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Salary of JVT teachers")
    question = await staff.ask(room, "!case asign 1 DEO Sibi")
    assert "!case assign N POST|PERSON" in question["body"]
    await press(staff, room, question["id"], "✅")
    await shows(staff, room, number, "Open, with DEO Sibi")
    # in the case's thread a number may be the case or the text
    card = await card_of(staff, room, number)
    event = await staff.say(room, "!case note 12 teachers absent", thread=card["id"])

    async def asked() -> list[dict[str, Any]]:
        return [c for c in await staff.from_bot(room) if "case or part of the text" in c["body"]
                and c["m.relates_to"]["m.in_reply_to"]["event_id"] == event]
    [question] = await until(asked)
    await press(staff, room, question["id"], "2\ufe0f\u20e3")
    await shows(staff, room, number, "noted: 12 teachers absent")


async def test_a_date_in_a_thread_may_begin_with_a_number(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Roof of GGPS Thangi")
    card = (await card_of(staff, room, number))["id"]
    for words in ("25 December", "3 working days", "۲۸ دسمبر"):
        await staff.say(room, f"!case due {words}", thread=card)
        await shows(staff, room, number, "set its date to")
        await staff.ask(room, "!case due 1 none")
    said = [c["body"] for c in await staff.from_bot(room)]
    assert not [body for body in said if "part of the text" in body]
    # “Monday” is a date, and “7 Monday” is none: it is case 7 that is meant, or so it may be
    event = await staff.say(room, "!case due 7 Monday", thread=card)

    async def answered() -> list[dict[str, Any]]:
        return [c for c in await staff.from_bot(room)
                if c.get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id") == event]
    assert "Is 7 the case or part of the text?" in (await until(answered))[0]["body"]


async def test_the_life_of_a_case(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Water tank of GGHS Kohlu")
    for command, words in (
            ("!case take 1", "Open, with Ayesha Khan"),
            ("!case tag 1 #water, building", "Tags: #building #water"),
            ("!case untag 1 building", "Tags: #water"),
            ("!case school 1 07086 ۰۲۴۶۹", "Schools: 02469, 07086"),
            ("!case district 1 Kohlu", "District: Kohlu"),
            ("!case priority 1 فوری", "🔴 📂"),
            ("!case classify 1 confidential", "Classification: confidential"),
            ("!case title 1 Tank of GGHS Kohlu", "Tank of GGHS Kohlu"),
            ("!case status 1 waiting for XEN C&W", "lets it wait for XEN C&W ("),
            ("!case status 1 waiting for DC until 28-12-2099",
             "lets it wait for DC until 28 Dec 2099, 16:00 ("),
            ("!case status 1 open", "Open, with Ayesha Khan"),
            ("!case due 1 25-12-2026", "due 28 Dec 2026"),
            ("!case status 1 resolved tank repaired", "Resolved: tank repaired"),
            ("!case close 1 done tank repaired", "Closed: done, tank repaired"),
            ("!case reopen 1 it leaks again", "Open, with Ayesha Khan")):
        await staff.ask(room, command)
        await shows(staff, room, number, words)
    sheet = (await staff.ask(room, "!case show 1"))["body"]
    for words in ("lets it wait for XEN C&W", "closed it: done, tank repaired",
                  "took it up again: it leaks again",
                  "named the school 07086, 02469", "changed the title to Tank of GGHS Kohlu"):
        assert words in sheet
    history = (await staff.ask(room, "!case history 1"))["body"]
    assert history.count("•") == 16
    for kind in ("tag water", "district kohlu", "school 07086", "mine", "post Ayesha"):
        assert number in (await staff.ask(room, f"!case list {kind}"))["body"], kind
    assert number in (await staff.ask(room, "!case search kohlu tank"))["body"]
    assert "none" in (await staff.ask(room, "!case list closed"))["body"]
    refused = await staff.ask(room, "!case reopen 1")
    assert "nothing to take up again" in refused["body"]


async def test_a_paper_becomes_a_case_of_its_own(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    first = await opened(staff, room, "!case open", reply_to=await staff.say(room, REPORT))
    paper = await staff.say(room, "His salary is drawn all the same.")
    await staff.ask(room, "!case link 1", reply_to=paper)
    await shows(staff, room, first, "2 papers")
    question = await staff.ask(room, "!case split 1 Salary", reply_to=paper)
    await press(staff, room, question["id"], "✅")
    await shows(staff, room, "SED-2026-00002", "Salary", "1 paper")
    await shows(staff, room, first, "1 paper")
    question = await staff.ask(room, "!case unlink 2", reply_to=paper)
    await press(staff, room, question["id"], "✅")
    await shows(staff, room, "SED-2026-00002", "no papers")
    answer = await staff.ask(room, "!case unlink 2", reply_to=paper)
    assert "does not lie on the file" in answer["body"]


async def test_who_watches_is_called(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Girls hostel")
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": other.user_id})
    await other.join(room)
    await other.ask(room, "!case watch 1")
    await staff.ask(room, "!case assign 1 DEO Kech")

    async def called() -> list[str]:
        return [c["body"] for c in await staff.from_bot(room)
                if c["m.mentions"].get("user_ids") == [other.user_id]]
    assert await until(called) == ["Ayesha Khan assigned it to DEO Kech."]
    assert number in (await other.ask(room, "!case list watched"))["body"]


@pytest.fixture
async def roles_desk(house, tmp_path):
    """Ayesha is an officer's superior by the room's power; Viqar may only look."""
    ayesha, viqar = await new_staff(house), await new_staff(house, "Viqar Ahmed")
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (ayesha.user_id,))
    config = replace(config, bot=replace(config.bot, roles={viqar.user_id: "viewer"}))
    async with running_bot(config):
        room = await ayesha.create_room(config.user_id(config.bot.user), viqar.user_id)
        await viqar.join(room)
        await until(lambda: bot_is_in(ayesha, room))
        yield config, ayesha, viqar, room


async def test_refusals_name_the_rule_and_are_kept(roles_desk) -> None:
    config, ayesha, viqar, room = roles_desk
    await opened(ayesha, room, "!case open A matter")
    refused = await viqar.ask(room, "!case close 1 done")
    assert re.search(r"must be a member of staff, and you are a viewer .*bot\.roles",
                     refused["body"])
    assert "A matter" in (await viqar.ask(room, "!case show 1"))["body"]
    assert "change how a case stands" in (await viqar.ask(room, "!case status 1 closed"))["body"]
    db = await open_database(config.database_url)
    try:
        trail = {(e.actor.name, e.command): e.outcome for e in await audit.latest(db)}
        assert trail == {
            ("Ayesha Khan", "!case open A matter"): "done",
            ("Viqar Ahmed", "!case close 1 done"): "refused",
            ("Viqar Ahmed", "!case show 1"): "done",
            ("Viqar Ahmed", "!case status 1 closed"): "refused"}
        assert (await cases.by_id(db, 1)).status == "new"
    finally:
        await db.close()


async def test_all_power_in_a_private_talk_makes_no_officer(house, tmp_path) -> None:
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    async with running_bot(config):
        room = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room))
        await opened(staff, room, "!case open A matter")
        refused = await staff.ask(room, "!case classify 1 secret")
        assert "must be an officer, and you are a member of staff here" in refused["body"]


async def test_two_at_once_see_each_other_and_both_are_kept(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Two officers")
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": other.user_id})
    await other.join(room)
    first, second = await staff.say(room, "!case assign 1 DEO Sibi"), await other.say(
        room, "!case assign 1 DEO Kohlu")
    [early] = await until(lambda: staff.answers(room, first))
    [late] = await until(lambda: staff.answers(room, second))
    assert early["body"] == f"{number} is with DEO Sibi."
    assert late["body"] == f"{number} is with DEO Kohlu (before: DEO Sibi)."
    history = (await staff.ask(room, "!case history 1"))["body"]
    assert "Ayesha Khan assigned it to DEO Sibi" in history
    assert "Bilal Baloch handed it from DEO Sibi to DEO Kohlu" in history


async def test_help_lists_the_reactions(desk: Desk) -> None:
    said = (await desk.staff.ask(desk.room_id, "!help"))["body"]
    for line in ("📁 opens a case with the message", "👀 on a case's card", "✅ is yes, ❌ no"):
        assert line in said
