"""The rooms are read for what the homeserver did not hand over: where, how often, and how late.

That it fills the hole a killed Synapse leaves is in tests/test_kill.py; here the homeserver is a
list of pages, so that what it answers can be chosen.
"""
from __future__ import annotations

from typing import Any

import pytest

from archive import directory
from archive.db import Database
from bridge.clock import now_ms
from bridge.matrix import HomeserverError
from bridge.outward.catchup import LATE_MS, Catchup

ROOM = "!room:example.org"


def event(name: str, *, age: int = 0, **content: Any) -> dict[str, Any]:
    """A staff member's message, `age` ms old."""
    return {"event_id": name, "type": "m.room.message", "sender": "@officer:example.org",
            "room_id": ROOM, "origin_server_ts": now_ms() - age,
            "content": content or {"msgtype": "m.text", "body": name}}


class Pages:
    """A homeserver with one room; a place is how many events lie before it."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.room = list(events)
        self.failures = 0
        self.away = False
        self.asked: list[str | None] = []

    async def page(self, room: str, place: str | None, limit: int, only: str
                   ) -> tuple[list[dict[str, Any]], str | None]:
        assert room == ROOM
        if self.away:
            raise HomeserverError("away", temporary=True, away=True)
        self.asked.append(place)
        start = int(place or 0)
        found = self.room[start:start + min(limit, 2)]
        return found, str(start + len(found)) if found else None


class Kept:
    """What was stored, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.late: set[str] = set()

    async def store(self, events: list[dict[str, Any]], late: frozenset[str]) -> None:
        self.events += [event["event_id"] for event in events]
        self.late |= late


@pytest.fixture
async def mirrored(database: Database) -> Database:
    """An archive with one group that has a room."""
    chat = await database.write(directory.ensure_chat("1@g.us", "District", "", now_ms()))
    await database.write(directory.set_room(chat.id, ROOM))
    return database


async def test_a_room_is_read_to_its_end_and_from_there_on(mirrored: Database) -> None:
    """Page by page; the next reading, even by another process, begins where this one ended."""
    homeserver, kept = Pages(*(event(f"${n}") for n in range(5))), Kept()
    await Catchup(mirrored, homeserver, kept.store).read()
    assert kept.events == ["$0", "$1", "$2", "$3", "$4"]
    homeserver.room.append(event("$5"))
    homeserver.asked.clear()
    await Catchup(mirrored, homeserver, kept.store).read()
    assert kept.events[5:] == ["$5"]
    assert homeserver.asked[0] == "5"


async def test_what_is_found_late_is_marked_so(mirrored: Database) -> None:
    """An old reply, say after the archive was restored from a copy, does not leave by itself."""
    kept = Kept()
    await Catchup(mirrored, Pages(event("$old", age=LATE_MS + 60_000), event("$new")),
                  kept.store).read()
    assert kept.events == ["$old", "$new"]
    assert kept.late == {"$old"}


async def test_a_redacted_message_is_none(mirrored: Database) -> None:
    kept = Kept()
    await Catchup(mirrored, Pages({**event("$gone"), "content": {}}, event("$new")),
                  kept.store).read()
    assert kept.events == ["$new"]


async def test_the_missed_comes_before_the_transaction(mirrored: Database) -> None:
    """The first transaction after the homeserver was away waits for what should have come before
    it; the ones after that do not."""
    homeserver, kept = Pages(event("$missed")), Kept()
    catchup = Catchup(mirrored, homeserver, kept.store)
    await catchup.take([event("$next")])
    assert kept.events == ["$missed", "$next"]
    homeserver.room.append(event("$unread"))
    await catchup.take([event("$third")])
    assert kept.events[2:] == ["$third"]
    homeserver.failures += 1
    await catchup.take([event("$fourth")])
    assert kept.events[3:] == ["$unread", "$fourth"]


async def test_a_transaction_is_stored_when_the_rooms_cannot_be_read(mirrored: Database) -> None:
    homeserver, kept = Pages(event("$missed")), Kept()
    homeserver.away = True
    catchup = Catchup(mirrored, homeserver, kept.store)
    await catchup.take([event("$next")])
    assert kept.events == ["$next"]
    homeserver.away = False
    await catchup.take([event("$more")])
    assert kept.events == ["$next", "$missed", "$more"]
