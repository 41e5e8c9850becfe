"""One afternoon of a department, from sixty WhatsApp messages to the next morning's digest: what
each of its people would notice. The script is script.yaml, the page docs/afternoon.md."""
from __future__ import annotations

from pathlib import Path

from tests.afternoon.play import PATIENCE, SCRIPT, STAFF_ROOM, Afternoon, playing
from tests.afternoon.view import Message, Room

GHOST = "@wa_"
ONE, TWO, THREE, FOUR, FIVE, SIX = (f"SED-2025-{number:05d}" for number in range(1, 7))
ROOF = "\u2068تھنگی گرلز اسکول کی چھت خطرناک ہے\u2069"
SAID = {step["id"]: step for chapter in SCRIPT["chapters"] for step in chapter["steps"]
        if "from" in step}


async def test_an_afternoon(tmp_path: Path) -> None:
    """The chapters of the script, each with what is to be seen after it."""
    assert list(SAID) == [f"m{number:02d}" for number in range(1, 61)]
    async with playing(tmp_path) as afternoon:
        for chapter, noticed in {
            "A school is found locked": a_case_by_a_reaction,
            "A roof, in Urdu": a_case_by_a_command,
            "Salaries, and the locked school once more": a_school_that_has_a_case,
            "Textbooks for Harnai": a_case_that_waits,
            "A merging, undone": None,
            "A date that falls on a holiday": a_date_on_a_holiday,
            "The exams": another_groups_case,
            "The school opens again": the_answer_and_the_end,
            "The rest of the day": the_list_and_the_docket,
        }.items():
            if noticed is None:
                await a_merging_undone(afternoon, chapter)
            else:
                await afternoon.play(chapter)
                await noticed(afternoon)
        await nothing_is_lost_or_leaks(afternoon)
        await the_next_morning(afternoon)


async def a_case_by_a_reaction(afternoon: Afternoon) -> None:
    """📁 makes a case of a message, 🔗 adds one; the thread is the staff's own."""
    room = await afternoon.room("schools")
    card = shows(room, ONE, "📂 SED-2025-00001 · GBPS Killi Sardar Khan locked, teachers absent",
                 "Open, with DEO Sibi", "School: 05311", "2 papers", "First paper: Sabir DMC Sibi")
    assert card.answers == afternoon.events["m01"] and card.versions == 4  # one event, corrected
    workspace = [message.body for message in room.thread(card.id)]
    assert workspace[0].startswith("Internal: what is written here does not go to WhatsApp.")
    assert "فون پر بات ہوئی ہے، ڈی ای او دو بجے تک اسکول پہنچیں گے۔" in workspace
    in_threads(afternoon, room, m02="m01", m04="m01", m05="m01", m03="")
    assert not left(afternoon)


async def a_case_by_a_command(afternoon: Afternoon) -> None:
    """A title in Urdu, and 👀 takes the case; it hurries."""
    room = await afternoon.room("schools")
    shows(room, TWO, f"🔴 📂 {TWO} · {ROOF}", "Open, with Ayesha Khan", "Priority: urgent",
          "School: 05427", "2 papers")
    in_threads(afternoon, room, m08="m07", m09="m07", m10="m07", m11="m07", m06="")


async def a_school_that_has_a_case(afternoon: Afternoon) -> None:
    """📁 on another message about the school: a question, answered by 🔗. A typing mistake is
    mended by ✅."""
    room = await afternoon.room("schools")
    [question] = room.replies(afternoon.events["m14"])
    assert f"{ONE} is about the same school (05311): “GBPS Killi Sardar Khan" in question.body
    shows(room, ONE, "3 papers")
    shows(room, THREE, "Open, with Bilal Baloch", "November salary of 14 JVT teachers")
    shows(room, FOUR, "Open, with Ayesha Khan")  # `!case asign 4 me`, and ✅
    in_threads(afternoon, room, m13="m12", m14="m01")


async def a_case_that_waits(afternoon: Afternoon) -> None:
    """For whom and until when."""
    room = await afternoon.room("schools")
    shows(room, FIVE, "⏳", "Waiting for Store Sibi until 24 Dec 2025, 16:00, with Ayesha Khan",
          "lets it wait for Store Sibi until 24 Dec 2025, 16:00", "2 papers")
    in_threads(afternoon, room, m16="m03", m17="m03", m18="m03")


async def a_merging_undone(afternoon: Afternoon, chapter: str) -> None:
    """A preview, ✅ by who asked, both cards; and all of it back."""
    before = (await afternoon.room("schools")).card(FOUR).body
    await afternoon.play(chapter, until_step=3)  # Bilal pressed ✅, too
    room = await afternoon.room("schools")
    question = await afternoon.asked(room.id)
    assert "1 paper joins its file" in question.body
    [refused] = room.replies(question.id)
    assert refused.body == "I asked Ayesha Khan (SO General); only they can answer."
    assert room.card(FOUR).body == before
    await afternoon.play(chapter, from_step=3, until_step=4)
    room = await afternoon.room("schools")
    shows(room, FOUR, f"🔀 {FOUR}", f"Part of {THREE}")
    shows(room, THREE, f"Merged into it: {FOUR}", "2 papers")
    await afternoon.play(chapter, from_step=4, until_step=7)
    room = await afternoon.room("schools")
    card = shows(room, FOUR, "Open, with Ayesha Khan", "1 paper\n")
    assert "Part of" not in card.body and FOUR not in room.card(THREE).body.partition("Last:")[0]
    await afternoon.play(chapter, from_step=7)
    shows(await afternoon.room("schools"), FOUR, "due 23 Dec 2025, 16:00", "2 papers")


async def a_date_on_a_holiday(afternoon: Afternoon) -> None:
    """The bot moves it and says why; an official asks from WhatsApp how the case stands."""
    room = await afternoon.room("schools")
    card = shows(room, TWO, "due 26 Dec 2025, 15:30", "noted: XEN B&R promised the estimate")
    answers = [message.body for message in room.thread(card.id)]
    assert (f"{TWO} is due 26 Dec 2025, 15:30. Thu 25 Dec 2025 is Quaid-e-Azam Day: moved to "
            "Fri 26 Dec 2025.") in answers
    shows(room, THREE, "due 29 Dec 2025, 16:00")  # three working days
    told = await afternoon.phones["zarina"].wait_for(lambda seen: seen.from_device, PATIENCE)
    assert told.text.endswith(
        f"{TWO}: open, with Ayesha Khan (SO General), due 26 Dec 2025, 15:30.")
    assert told.quoted_id == afternoon.sent["m25"].id


async def another_groups_case(afternoon: Afternoon) -> None:
    """A case of the other room."""
    room = await afternoon.room("exams")
    shows(room, SIX, "Chairs and generator for centre Sibi-14", "3 papers",
          "Open, with Ayesha Khan", "Opened by Bilal Baloch")
    in_threads(afternoon, room, m32="m31", m34="m31", m35="m31")


async def the_answer_and_the_end(afternoon: Afternoon) -> None:
    """One tap in the staff room, an answer to the group, and the case is closed."""
    asked = [message.body for message in (await afternoon.room(STAFF_ROOM)).messages]
    assert any(f"This may belong to {ONE}" in body and "School opened in my presence" in body
               for body in asked)
    assert not any("Noted sir\n" in body or "Thanks madam" in body for body in asked)
    told = await afternoon.phones["hameed"].wait_for(
        lambda seen: seen.from_device and "Explanation letters" in seen.text, PATIENCE)
    assert told.text == ("*Ayesha Khan (SO General)*: اسکول کھلنے کی اطلاع مل گئی، شکریہ۔ "
                         "Explanation letters pl share here by Friday.")
    assert told.quoted_id == afternoon.sent["m01"].id
    room = await afternoon.room("schools")
    card = shows(room, ONE, "✅", "4 papers",
                 "Closed: done, school open, both teachers present, explanations called")
    assert "Closed the same day, 23 Dec 2025, 14:40" in room.thread(card.id)[-1].body
    in_threads(afternoon, room, m40="m01", m41="m01", m42="m01", m43="m01")
    assert any("اسکول کھلنے" in message.body for message in room.thread(afternoon.events["m01"]))


async def the_list_and_the_docket(afternoon: Afternoon) -> None:
    """What is open, and everything that was done to one case."""
    room = await afternoon.room("schools")
    listed, sheet = [room.replies(event)[0].body for event in afternoon.said[-3:-1]]
    assert listed.startswith("Open cases of this room (4)") and ONE not in listed
    assert all(number in listed for number in (THREE, FOUR, FIVE)) and f"🔴 {TWO}" in listed
    for words in ("Status: Closed\n", "Resolution: done, school open", "Papers (4)", "DEO Sibi",
                  "12:37: Ayesha Khan (SO General) opened the case",
                  "13:06: Bilal Baloch (DS Schools) put a paper on the file: BEMIS 05311",
                  "14:36: Ayesha Khan (SO General) answered in the group"):
        assert words in sheet, words


async def nothing_is_lost_or_leaks(afternoon: Afternoon) -> None:
    """Sixty messages in the rooms and on record, each once, word for word; and of all that was
    said on the Matrix side, three messages on the phones: two answers, and what was written to all.
    """
    shown = [message for key in afternoon.groups for message in (
        await afternoon.room(key)).of(GHOST)]
    assert {message.id for message in shown} == set(afternoon.events.values())
    assert sorted(message.body for message in shown) == sorted(
        step["text"] for step in SAID.values())
    rows = await afternoon.db.read("SELECT count(*) AS kept FROM record WHERE origin = 'whatsapp'"
                                   " AND kind IN ('text', 'image')")
    assert len(shown) == rows[0]["kept"] == 60
    last = await afternoon.phones["hameed"].wait_for(  # a lane keeps its order
        lambda seen: seen.from_device and "Thank you all" in seen.text, PATIENCE)
    assert left(afternoon)[2:] == [last.text]


async def the_next_morning(afternoon: Afternoon) -> None:
    """Who has it in hand is called when the date is over, and told at nine what is theirs."""
    day = SCRIPT["next_morning"]
    await afternoon.at(day, "08:31")
    room = await afternoon.room("schools")
    card = shows(room, FOUR, f"🔴 📂 {FOUR}", "due 23 Dec 2025, 16:00 (overdue)")
    reminder = room.thread(card.id)[-1]
    assert reminder.body.startswith(
        f"🔴 Ayesha Khan (SO General): {FOUR} was due 23 Dec 2025, 16:00 and is not done.")
    assert reminder.content["m.mentions"] == {"user_ids": [afternoon.user("officer")]}
    await afternoon.at(day, "09:00")
    [digest] = (await afternoon.talk("officer")).messages
    assert digest.body == f"""\
Your cases · Wednesday 24 December 2025

Overdue
• 🔴 {FOUR} · Arrears of 22 NTS teachers, Dera Bugti · overdue since yesterday, 16:00

Due this week
• 🔴 {TWO} · {ROOF} · by Fri 26 Dec, 15:30

Waited until today
• {FIVE} · Textbooks of class 3 short in Harnai · for Store Sibi, until Wed 24 Dec, 16:00

Also with you
• {SIX} · Chairs and generator for centre Sibi-14 · since Tue 23 Dec, 14:08

Changed among those you watch
• {THREE} · November salary of 14 JVT teachers, Dera Bugti · Bilal Baloch (DS Schools) put a paper \
on the file: Revised bill jama ho gaya, DAO ne Jumma ka waqt diya hai

!digest off ends this, !digest 10:00 moves it."""
    [other] = (await afternoon.talk("secretary")).messages
    assert THREE in other.body and "due Mon 29 Dec, 16:00" in other.body and FOUR not in other.body
    assert len(left(afternoon)) == 3


# Looking


def shows(room: Room, number: str, *words: str) -> Message:
    """A case's card, which holds these words."""
    card = room.card(number)
    for each in words:
        assert each in card.body, (each, card.body)
    return card


def in_threads(afternoon: Afternoon, room: Room, **roots: str) -> None:
    """Under which message each stands ("": in the main line)."""
    found = {key: room[afternoon.events[key]].thread for key in roots}
    assert found == {key: afternoon.events.get(root, "") for key, root in roots.items()}


def left(afternoon: Afternoon) -> list[str]:
    """What of the Matrix side stands on the phone of somebody who is in both groups."""
    return [seen.text for seen in afternoon.phones["hameed"].seen if seen.from_device]
