"""What the phone remembers when it is linked fills the room and the record."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archive import messages
from emulator import past
from tests.bridge.conftest import BOTH
from tests.bridge.town import body, relation

pytestmark = pytest.mark.asyncio(loop_scope="session")


@BOTH
async def test_what_was_said_before_the_linking_comes_in_order_with_its_dates(town):
    place = await town.group(people=("Zafar", "Gul"))
    zafar, gul = place.phones
    await town.emulator.remove_members(place.group, [town.department])
    long_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    said = [await phone.send_text(place.group, f"word {number}", at=long_ago + timedelta(hours=n))
            for n, (number, phone) in enumerate(zip(range(30), [zafar, gul] * 15, strict=True))]
    reply = await gul.send_text(place.group, "an answer", quote=said[3],
                                at=long_ago + timedelta(days=3))
    picture = await zafar.send_media(place.group, b"jpeg", "image", mime="image/jpeg",
                                     caption="The wall", at=long_ago + timedelta(days=4))
    await zafar.edit(said[0], "word 0, better")
    await zafar.delete(said[2])
    reaction = await gul.react(picture, "👍")
    await town.emulator.add_members(place.group, [town.department])
    live = await zafar.send_text(place.group, "today")
    await place.shown(text="today")

    assert past.hand_over(town.emulator, town.department, [place.group]) == 32
    [shown] = await place.of_record(picture)
    await place.of_record(reaction)
    events = [e for e in await place.events() if e["content"].get("org.daftar.history")]
    words = ["word 0, better", "word 1", *(f"word {n}" for n in range(3, 30)), "an answer",
             "The wall"]
    assert [body(e) for e in events] == words
    assert [e["origin_server_ts"] for e in events][:2] == [
        said[0].timestamp * 1000, said[1].timestamp * 1000]
    assert events[0]["sender"] == f"@wa_{zafar.number}:daftar.localhost"
    assert relation(events[-2])["m.in_reply_to"]["event_id"] == events[2]["event_id"]
    assert await town.secretary.reader.file(shown["content"]["url"]) == b"jpeg"
    await place.shown(match=lambda e: body(e).startswith(
        "History that the phone handed over: 31 messages from "))
    record = await place.stored(reply.id)
    assert record.sent_at == reply.timestamp * 1000 and record.target_id

    past.hand_over(town.emulator, town.department, [place.group])
    last = await gul.send_text(place.group, "after the second time")
    await place.of_record(last)
    again = [e for e in await place.events() if e["content"].get("org.daftar.history")]
    assert len(again) == len(events), "nothing comes twice"
    assert len(await place.of_record(live)) == 1
    chat = await place.chat()
    assert len([r for r in await messages.page(town.db, chat.id, limit=200)
                if r.text == "word 5"]) == 1
