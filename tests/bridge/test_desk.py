"""The case desk seen from WhatsApp: what is told to the group, what an official may ask, and what
officials never see."""
from __future__ import annotations

import pytest

from tests.bridge.town import relation, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def card(town, place):
    """The card of the room's newest case."""
    async def look():
        return [e for e in await place.events() if e["sender"] == town.bot_id
                and e["content"].get("org.daftar.case") and "·" in e["content"].get("body", "")
                and e["content"].get("m.relates_to", {}).get("rel_type") is None]
    return (await until(look))[-1]


async def bot_says(town, place, words, beside=""):
    """What the bot says that holds these words, another message than `beside`."""
    async def look():
        return [e for e in await place.events() if e["sender"] == town.bot_id
                and words in e["content"].get("body", "") and e["event_id"] != beside
                and relation(e).get("rel_type") != "m.replace"]
    return (await until(look))[-1]


async def test_a_report_becomes_a_case_by_a_reaction_and_is_answered_in_the_group(town):
    place = await town.group()
    zafar = place.phones[0]
    report = await zafar.send_text(place.group, "GBPS Absor 07086 is closed since Monday")
    event = await place.shown(text="GBPS Absor 07086 is closed since Monday")
    await town.secretary.react(place.room, event["event_id"], "📁")
    opened = await card(town, place)
    number = opened["content"]["org.daftar.case"]
    assert "GBPS Absor" in opened["content"]["body"]
    await town.secretary.say(place.room, f"!case tell {number} DEO has been asked. شکریہ",
                             thread=opened["event_id"])
    question = await bot_says(town, place, "This goes to the WhatsApp group under your name")
    assert place.left() == []  # neither the reaction nor the command nor the question
    await town.secretary.react(place.room, question["event_id"], "✅")
    seen = await place.seen(lambda s: s.from_device and "DEO has been asked" in s.text)
    assert seen.text == "*Secretary Education*: DEO has been asked. شکریہ"
    assert seen.quoted_id == report.id
    told = await bot_says(town, place, "DEO has been asked. شکریہ", question["event_id"])
    assert relation(told)["event_id"] == event["event_id"]  # where the officials speak of it
    await place.nothing_more_leaves(after=1)


async def test_an_official_asks_how_a_case_stands(town):
    place = await town.group()
    gul = place.phones[1]
    await town.secretary.say(place.room, "!case open Salary of Gul")
    opened = await card(town, place)
    number = opened["content"]["org.daftar.case"]
    asked = await gul.send_text(place.group, f"!case status {number}")
    seen = await place.seen(lambda s: s.from_device and number in s.text)
    assert seen.text.endswith(f"{number}: new, not assigned.") and "Daftar" in seen.text
    assert seen.quoted_id == asked.id
    assert relation(await bot_says(town, place, f"{number}: new"))["event_id"] == (
        await place.shown(text=f"!case status {number}"))["event_id"]
    await gul.send_text(place.group, f"!case close {number} done")
    await bot_says(town, place, "from where only !case status is answered")
    await gul.send_text(place.group, "!!! please")
    await place.nothing_more_leaves(after=1)
