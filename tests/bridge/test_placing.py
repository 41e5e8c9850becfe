"""Messages that quote nothing find their thread in the room; why, and what people move."""
from __future__ import annotations

from urllib.parse import quote

import pytest

from archive import placements
from tests.bridge.conftest import BOTH
from tests.bridge.town import relation, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def said(town, place, command, reply_to):
    """What the bot answers to a command that replies to a message."""
    event = await town.secretary.say(place.room, command, reply_to=reply_to)

    async def look():
        return [e["content"]["body"] for e in await place.events() if e["sender"] == town.bot_id
                and relation(e).get("m.in_reply_to", {}).get("event_id") == event]
    return (await until(look))[0]


@BOTH
async def test_who_was_asked_answers_in_the_thread_and_another_matter_stays_out(town):
    place = await town.group(people=("Jabbar DMC Sibi", "DEO Sibi", "DEO Kohlu", "Secretary"))
    jabbar, sibi, kohlu, secretary = place.phones
    report = await jabbar.send_text(
        place.group, "GBPS Talli Sibi BEMIS 07086 found closed today, both teachers absent")
    root = await place.shown(text="GBPS Talli Sibi BEMIS 07086 found closed today, both teachers "
                                  "absent")
    await secretary.send_text(place.group, "DEO Sibi. Pl look into the issue", quote=report)
    await place.shown(text="DEO Sibi. Pl look into the issue")
    await kohlu.send_text(place.group, "Textbooks for Kohlu have reached the district store")
    other = await place.shown(text="Textbooks for Kohlu have reached the district store")
    noted = await sibi.send_text(place.group, "Noted sir, visiting GBPS Talli today")
    answer = await place.shown(text="Noted sir, visiting GBPS Talli today")

    assert relation(other) == {}
    assert relation(answer) == {
        "rel_type": "m.thread", "event_id": root["event_id"], "is_falling_back": True,
        "m.in_reply_to": {"event_id": root["event_id"]}}
    why = await said(town, place, "!thread why", answer["event_id"])
    assert "It goes on in the thread of “GBPS Talli Sibi" in why and "+ " in why
    assert "on its own" in await said(town, place, "!thread why", other["event_id"])

    # somebody knows better: it counts elsewhere from now on, and what quotes it goes there
    link = f"https://matrix.to/#/{quote(place.room)}/{quote(other['event_id'])}?via=x"
    moved = await said(town, place, f"!thread move {link}", answer["event_id"])
    assert "It belongs to the thread of “Textbooks for Kohlu" in moved
    await kohlu.send_text(place.group, "Which one?", quote=noted)
    event = await place.shown(text="Which one?")
    assert relation(event)["event_id"] == other["event_id"]
    assert "put it in the thread of" in await said(town, place, "!thread why", answer["event_id"])
    decisions = await placements.of(town.db, (await place.record(noted.id)).id)
    assert [decision.person for decision in decisions] == [town.secretary.id, ""]
    assert "It stands there already" in await said(
        town, place, f"!thread move {link}", answer["event_id"])
    assert "Where to?" in await said(town, place, "!thread move", answer["event_id"])
