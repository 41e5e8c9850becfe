"""Gaps stand where they are read until closed; settings keep the last value."""
from __future__ import annotations

import json

from archive import directory, gaps, messages, settings

AT = 1_790_000_000_000


async def test_a_gap_stands_in_every_group_once(database):
    chats = [(await database.write(directory.ensure_chat(f"{n}@g.us", "G", "", AT))).id
             for n in range(2)]
    first = await database.write(gaps.add(chats, "main", AT, AT + 60_000))
    assert await database.write(gaps.add(chats, "main", AT, AT + 60_000)) == first
    (record,) = await messages.page(database, chats[0])
    assert (record.id, record.kind, record.sent_at) == (first[0], "gap", AT)
    assert json.loads(record.detail) == {
        "link": "main", "started_at": AT, "ended_at": AT + 60_000}
    assert [g.record_id for g in await gaps.standing(database)] == sorted(first)
    await database.write(gaps.close(first[0], "export of 2026-11-23"))
    await database.write(gaps.close(first[0], "another"))
    assert await gaps.standing(database, chats[0]) == []
    assert [g.chat_id for g in await gaps.standing(database)] == [chats[1]]


async def test_a_setting_keeps_its_last_value(database):
    assert await settings.get(database, "space") is None
    assert await settings.get(database, "space", "none") == "none"
    await database.write(settings.put("space", "!a"))
    await database.write(settings.put("space", "!b"))
    assert await settings.get(database, "space") == "!b"
    await database.write(settings.remove("space"))
    assert await settings.get(database, "space") is None
