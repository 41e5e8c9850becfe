"""What a section officer meets on her first day: natural words, names, slips, Urdu; in the room."""
from __future__ import annotations

from dataclasses import replace

from archive import directory
from archive.db import open_database
from archive.model import Sender
from tests.bot.conftest import Desk, bot_is_in
from tests.bot.people import config_for, new_staff, running_bot, until
from tests.bot.test_desk import REPORT, card_of, opened, press, shows


async def test_a_closing_summary_however_it_is_closed(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open", reply_to=await staff.say(room, REPORT))
    await staff.ask(room, "!case assign 1 to DEO Kech")
    await staff.ask(room, "!case assign 1 to DEO Sibi")
    held = await staff.ask(room, "!case assign 1 DEO Sibi")
    assert held["body"] == f"{number} is with DEO Sibi already."
    for times, command in enumerate(("!case status 1 closed as done, teachers are back",
                                     "!case close 1 as done: teachers are back"), 1):
        await staff.ask(room, command)

        async def summaries(times: int = times) -> list[str] | None:
            found = [c["body"] for c in await staff.from_bot(room)
                     if c["body"].startswith("Closed the same day")]
            return found if len(found) == times else None
        lines = (await until(summaries))[-1].split("\n")
        assert lines[1:3] == ["Outcome: done, teachers are back", "Was with DEO Kech, DEO Sibi"]
        assert lines[3].startswith("1 paper, ")
        await staff.ask(room, "!case reopen 1")
    # how it ended before is no outcome of the next time
    await staff.ask(room, "!case close 1")
    card = await shows(staff, room, number, "✅")
    assert "teachers are back" not in card["body"]


async def test_a_post_that_nobody_in_the_group_holds_is_said(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    db = await open_database(desk.config.database_url)
    try:
        chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "DEOs", "", 1))
        await db.write(directory.set_room(chat.id, room))
        for phone, name in (("923007001234", "Abdul Jabbar DEO Sibi"), ("923007001235", "DC Kech")):
            person = await db.write(directory.ensure(Sender(pn=phone, push_name=name), 1))
            await db.write(directory.set_role(chat.id, person, "member"))
    finally:
        await db.close()
    number = await opened(staff, room, "!case open Water tank of GGHS Kohlu")
    for whom, words in (
            ("DEO Kohlu", ". Nobody in the WhatsApp group goes by that post, so nobody there may "
                          "know of it: the case lies with the post until it has a holder."),
            ("DEO Sibi", " (before: DEO Kohlu). In the group: Abdul Jabbar DEO Sibi."),
            ("DC Kech", " (before: DEO Sibi)."), ("the contractor", " (before: DC Kech).")):
        answer = await staff.ask(room, f"!case assign 1 {whom}")
        assert answer["body"] == f"{number} is with {whom.removeprefix('the ')}{words}"


async def test_a_person_by_name_is_the_member_of_the_room(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Girls hostel")
    people = [await new_staff(staff.house, name) for name in ("Bilal Baloch", "Bilal Baloch")]
    for person in people:
        await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": person.user_id})
    await people[0].join(room)
    await staff.ask(room, "!case assign 1 to bilal baloch")
    assert number in (await people[0].ask(room, "!case list mine"))["body"]
    await people[1].join(room)
    await staff.ask(room, "!case assign 1 DEO Sibi")
    question = await staff.ask(room, "!case assign 1 Bilal Baloch")
    first, second = sorted(person.user_id for person in people)
    assert question["body"].startswith(
        f"Which Bilal Baloch?\n1\ufe0f\u20e3 Bilal Baloch, {first}\n"
        f"2\ufe0f\u20e3 Bilal Baloch, {second}\n3\ufe0f\u20e3 somebody who is not in this room\n")
    await press(staff, room, question["id"], "2\ufe0f\u20e3")
    await shows(staff, room, number, "Open, with Bilal Baloch")
    chosen = next(person for person in people if person.user_id == second)
    assert number in (await chosen.ask(room, "!case list mine"))["body"]
    # a part of a name is asked about
    question = await staff.ask(room, "!case assign 1 Ayesha")
    assert question["body"].startswith("Which Ayesha?\n1\ufe0f\u20e3 Ayesha Khan, ")
    await press(staff, room, question["id"], "2\ufe0f\u20e3")
    await shows(staff, room, number, "Open, with Ayesha\n")


async def test_other_reactions_may_be_buttons(house, tmp_path) -> None:
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    buttons = {"open": "🆕", "link": "", "take": "🙋"}
    config = replace(config, bot=replace(config.bot, buttons=buttons))
    async with running_bot(config):
        room = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room))
        report = await staff.say(room, REPORT)
        for key in ("📁", "🔗", "🆕"):
            await press(staff, room, report, key)
        [card] = await until(lambda: staff.answers(room, report))
        await press(staff, room, card["id"], "🙋")
        await shows(staff, room, card["org.daftar.case"], "with Ayesha Khan")
        said = (await staff.ask(room, "!help"))["body"]
        assert "🆕 opens a case with the message" in said and "🙋 on a case's card" in said
        assert "📁" not in said and "last worked on" not in said


async def test_urdu_is_understood_and_turns_no_line_around(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!کیس کھولو لڑکیوں کا اسکول بند ہے <b>")
    for command, words in (
            ("!کیس سپرد ۱ ڈی ای او سبی کو", "with DEO Sibi"),
            ("!کیس تاریخ ۱ ۲۵ دسمبر", "due 28 Dec 2026, 16:00"),
            ("!کیس اسکول ۱ ۰۷۰۸۶", "School: 07086"), ("!کیس ضلع ۱ سبی", "District: Sibi"),
            ("!کیس حالت ۱ منتظر ڈی سی کیچ کے لیے", "Waiting for \u2068ڈی سی کیچ\u2069"),
            ("!کیس ۱ بند کریں مکمل، اسکول کھل گیا", "Closed: \u2068done, اسکول کھل گیا\u2069")):
        await staff.ask(room, command)
        card = await shows(staff, room, number, words)
    assert "لڑکیوں کا اسکول بند ہے &lt;b&gt;\u2069" in card["formatted_body"]
    for said in (c["body"] for c in await staff.from_bot(room)):
        assert said.count("\u2068") == said.count("\u2069")
    question = await staff.ask(room, "!کیس ۱ ڈی ای او کیچ کے سپرد کریں")
    assert "✅ \u2068!case 1 assign ڈی ای او کیچ کے\u2069" in question["body"]


async def test_two_who_open_the_same_message_want_one_case(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": other.user_id})
    await other.join(room)
    said = await staff.say(room, "Respected Sir, AOA. The roof of GGPS Thangi has fallen in.")
    await press(staff, room, said, "📁")
    await press(other, room, said, "📁")

    async def both() -> list[dict] | None:
        found = await staff.answers(room, said)
        return found if len(found) == 2 else None
    card, question = await until(both)
    assert question["body"].startswith(
        "That message lies on the file of SED-2026-00001 already (“The roof of GGPS Thangi has "
        "fallen in.”), which is new, not assigned.")
    await press(other, room, question["id"], "❌")
    [left] = await until(lambda: staff.answers(room, question["id"]))
    assert left["body"] == "Nothing was done."
    assert card["org.daftar.case"] == "SED-2026-00001"
    assert await card_of(staff, room, "SED-2026-00002") == {}


async def test_an_answer_to_what_is_unclear_is_no_yes_to_what_leaves(desk: Desk) -> None:
    """`tell 12 …` is asked about; only then it is shown what would go to WhatsApp, and waits."""
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Teachers of GBPS Killi Nau")
    card = await card_of(staff, room, number)
    question = await staff.ask(room, "!case tell 12 teachers are back", thread=card["id"])
    await press(staff, room, question["id"], "2\ufe0f\u20e3")
    [preview] = await until(lambda: staff.answers(room, question["id"]))
    assert "This goes to the WhatsApp group under your name" in preview["body"]
    assert "“12 teachers are back”" in preview["body"]
    for content in await staff.from_bot(room):
        assert "org.daftar.speaks_for" not in content
    await press(staff, room, preview["id"], "✅")

    async def told() -> list[str]:
        return [c["body"] for c in await staff.from_bot(room) if "org.daftar.speaks_for" in c]
    assert await until(told) == ["12 teachers are back"]


async def test_what_changes_nothing_says_so(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Water tank")
    await staff.ask(room, "!case tag 1 water")
    await staff.ask(room, "!case school 1 GBPS Killi Nau")
    for command, answer in (
            ("untag 1 salary", f"{number} is not marked so."),
            ("tag 1 Water", f"{number} is marked so already."),
            ("unwatch 1", f"{number} is not marked so."),
            ("due 1 none", f"{number} has no date."),
            ("assign 1 @nobody:office.test", f"@nobody:office.test is not in the room of {number}: "
                                             "invite them first, or name a post.")):
        assert (await staff.ask(room, f"!case {command}"))["body"] == answer
    assert number in (await staff.ask(room, "!case list school gbps killi nau"))["body"]


async def test_handing_over_with_a_date(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Water tank of GGHS Kohlu")
    other = await new_staff(staff.house, "Bilal Baloch")
    await staff.call("POST", f"/v3/rooms/{room}/invite", {"user_id": other.user_id})
    await other.join(room)
    await other.ask(room, "!case watch 1")
    answer = await staff.ask(room, "!case assign 1 to DEO Kohlu by 25-12-2030")
    assert answer["body"] == (
        f"{number} is with DEO Kohlu, due 26 Dec 2030, 16:00. Wed 25 Dec 2030 is Quaid-e-Azam Day: "
        "moved to Thu 26 Dec 2030.")
    await shows(staff, room, number, "with DEO Kohlu, due 26 Dec 2030")

    async def called() -> list[str]:
        return [c["body"] for c in await staff.from_bot(room)
                if c["m.mentions"].get("user_ids") == [other.user_id]]
    [told] = await until(called)
    assert told.startswith("Ayesha Khan assigned it to DEO Kohlu and set its date to ")
    past = await staff.ask(room, "!case assign 1 to DEO Sibi by yesterday")
    assert "has gone by: give a later one" in past["body"]
    answer = await staff.ask(room, "!case assign 1 to DEO Kohlu by 11-12-2030")
    assert answer["body"] == f"{number} is with DEO Kohlu, due 11 Dec 2030, 16:00."
    await shows(staff, room, number, "with DEO Kohlu, due 11 Dec 2030")


async def test_taken_from_its_holder(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    number = await opened(staff, room, "!case open Water tank of GGHS Kohlu")
    await staff.ask(room, "!case take 1")
    assert (await staff.ask(room, "!case unassign 1"))["body"] == (
        f"{number} is with nobody now (before: Ayesha Khan).")
    await shows(staff, room, number, "Open, not assigned", "took it from Ayesha Khan")
    assert (await staff.ask(room, "!case unassign 1"))["body"] == (
        f"{number} is with nobody already.")


async def test_a_school_by_name_is_known_again(desk: Desk) -> None:
    staff, room = desk.staff, desk.room_id
    first = await opened(staff, room, "!case open GBPS Talli Sibi has no water")
    said = await staff.say(room, "Respected Sir. GBPS Talli is closed since Monday")
    question = await staff.ask(room, "!case open", reply_to=said)
    assert question["body"].startswith(
        f"{first} (“GBPS Talli Sibi has no water”) is about the same school: GBPS Talli. It was")
    await press(staff, room, question["id"], "🔗")
    await shows(staff, room, first, "1 paper")
    await opened(staff, room, "!case open GGPS Talli is closed")  # the girls' school is another
