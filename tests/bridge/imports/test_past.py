"""Imported history in the rooms: real Synapse, right senders, right dates, right places."""
from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from archive import directory, gaps, ids, pages, queue
from archive import messages as archive_messages
from archive.media import MediaStore
from archive.model import NewRecord, Sender
from bridge.exports.stamps import DAY_MS
from bridge.imports import groups, past, survey, taking
from tests.bot.people import until
from tests.bridge import wire
from tests.bridge.here import Here, bridge_here
from tests.bridge.imports.phone import ACTOR

ZONE = ZoneInfo("Asia/Karachi")
LIVE_AT = 1_790_000_000  # seconds
ZAFAR = {"pn": "923007000003", "name": "Zafar"}


def line(moment: datetime, sender: str, text: str) -> str:
    half = "am" if moment.hour < 12 else "pm"
    return f"{moment:%d/%m/%Y}, {moment:%I:%M} {half} - {sender}: {text}\n"


async def take(here: Here, folder: Path, text: str) -> str:
    """Import an export into the group, and show it."""
    path = folder / "WhatsApp Chat with Sibi.txt"
    path.write_text(text, encoding="utf-8")
    chat = await here.db.write(directory.ensure_chat(here.jid, "Sibi", "", 0))
    found = await survey.survey(here.db, path, ZONE, chat_id=chat.id, order="dmy")
    await taking.take(here.db, MediaStore(folder / "media"), found, chat, ZONE, ACTOR)
    return await past.show(here.db, chat, ZONE)


async def messages(here: Here, room: str) -> list[dict[str, Any]]:
    return [event for event in await here.admin.read(room) if event["type"] == "m.room.message"]


LIVE = datetime.fromtimestamp(LIVE_AT, ZONE).replace(second=0)
OLD = LIVE - timedelta(days=90)


async def test_a_group_that_nothing_was_heard_of_live_gets_its_past_first(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        told = await take(here, tmp_path, line(OLD, "Ali Khan", "first")
                          + line(OLD, "+92 300 7000003", "<Media omitted>")
                          + line(OLD + timedelta(days=1), "Ali Khan", "third"))
        assert "3 come into the room of Sibi" in told or "come into the room of Sibi" in told
        room = await here.room()
        await here.shown(room, "third")
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "live", **ZAFAR)))
        await here.shown(room, "live")
        shown = await messages(here, room)
        assert [event["content"]["body"] for event in shown] == [
            "first", "Sent a picture, video, voice message or file. The chat was exported without "
                     "media.", "third", "live"]
        assert shown[0]["origin_server_ts"] == int(OLD.timestamp() * 1000)
        assert shown[1]["sender"] == shown[3]["sender"] == "@wa_923007000003:office.test"
        profile = await here.admin.call("GET", f"/v3/profile/{shown[0]['sender']}/displayname")
        assert profile["displayname"] == "Ali Khan (WhatsApp)"
        assert shown[0]["content"]["org.daftar.history"] is True


async def test_a_past_before_the_live_part_gets_a_room_of_its_own(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        await here.deliver(wire.delivery(wire.message(
            here.jid, "A1", "live one", at=LIVE_AT, **ZAFAR)))
        room = await here.room()
        await here.shown(room, "live one")
        [gap] = await here.db.write(gaps.add(
            [(await directory.chat_by_jid(here.db, here.jid)).id], "main", LIVE_AT * 1000 + 60_000,
            LIVE_AT * 1000 + 600_000))
        await here.db.write(queue.put(f"in:{(await directory.chat_by_room(here.db, room)).id}",
                                      f"in:{gap}", "record", record_id=gap))
        told = await take(
            here, tmp_path, line(OLD, "Ali Khan", "old one")
            + line(OLD + timedelta(days=1), "+92 300 7000003", "old two")
            + line(LIVE, "+92 300 7000003", "live one")
            + line(LIVE + timedelta(minutes=4), "Ali Khan", "missed in the gap")
            + line(LIVE + timedelta(minutes=30), "+92 300 7000003", "after it"))
        assert "2 come into the room “Sibi · before " in told and "2 that the mirror missed" in told

        pointer = await here.shown(room, "What was said before this room began")
        older = pointer["content"]["body"].rpartition("/#/")[2].partition("?")[0]
        await here.admin.join(older)
        shown = await messages(here, older)
        assert [event["content"]["body"] for event in shown] == ["old one", "old two"]
        assert [event["origin_server_ts"] for event in shown] == [
            int(OLD.timestamp() * 1000), int(OLD.timestamp() * 1000) + DAY_MS]
        state = {event["type"]: event["content"]
                 for event in await here.admin.call("GET", f"/v3/rooms/{older}/state")}
        assert state["m.room.tombstone"]["replacement_room"] == room
        members = await here.admin.call("GET", f"/v3/rooms/{older}/joined_members")
        assert {event["sender"] for event in shown} <= members["joined"].keys(), "none has left"
        assert state["m.room.power_levels"]["events_default"] == 100
        assert state["m.room.topic"]["topic"].endswith("Nothing can be written here.")

        notice = await here.shown(room, "Gap: from")
        missed = await here.shown(room, "missed in the gap")
        assert missed["content"]["m.relates_to"]["event_id"] == notice["event_id"]
        assert missed["content"]["m.relates_to"]["rel_type"] == "m.thread"
        other = await here.shown(room, "1 message that the mirror had missed")
        after = await here.shown(room, "after it")
        assert after["content"]["m.relates_to"]["event_id"] == other["event_id"]
        assert [event["content"]["body"] for event in await messages(here, room)].count(
            "live one") == 1
        chats = await directory.chats(here.db)
        assert [chat.jid for chat in chats] == [here.jid], "a room of the past is no group"

        chat = await directory.chat_by_jid(here.db, here.jid)
        assert await past.show(here.db, chat, ZONE) == "All of it is in Matrix already."

        async def quiet() -> bool:
            rows = await here.db.read("SELECT 1 FROM queue WHERE state <> 'done' LIMIT 1")
            return not rows

        await until(quiet)


async def test_what_whatsapp_delivers_after_an_export_is_not_there_twice(house, tmp_path,
                                                                         database_url):
    """The link was down, an export was imported, then WhatsApp hands over what had waited."""
    async with bridge_here(house, tmp_path, database_url) as here:
        path = tmp_path / "a.txt"
        path.write_text(line(LIVE, "+92 300 7000003", "Two teachers were absent today")
                        + line(LIVE, "Gul", "Noted, I call them tomorrow morning"),
                        encoding="utf-8")
        chat = await here.db.write(directory.ensure_chat(here.jid, "Sibi", "", 0))
        found = await survey.survey(here.db, path, ZONE, chat_id=chat.id, order="dmy")
        await taking.take(here.db, MediaStore(tmp_path / "media"), found, chat, ZONE, ACTOR)
        late = (LIVE_AT + 3600) * 1000
        for _ in range(2):
            await here.deliver(
                wire.delivery(wire.message(here.jid, "A1", "Two teachers were absent today",
                                           at=LIVE_AT, **ZAFAR), at=late),
                wire.delivery(wire.message(here.jid, "A2", "Noted, I call them tomorrow morning",
                                           at=LIVE_AT + 5, pn="923007000008", name="Gul"), at=late),
                wire.delivery(wire.message(here.jid, "A3", "Who are they?", at=LIVE_AT + 9,
                                           **ZAFAR), at=late))
        room = await here.room()
        await here.shown(room, "Who are they?")
        assert await here.bodies(room) == [
            "Two teachers were absent today", "Noted, I call them tomorrow morning",
            "Who are they?"]
        rows = await here.db.read("SELECT count(*) AS n FROM record WHERE kind = 'text'")
        assert rows[0]["n"] == 3


async def test_a_past_that_was_not_queued_whole_goes_on_in_its_room(database, tmp_path,
                                                                     monkeypatch):
    """Killed between two transactions: the same command again fills the same room, and ends it."""
    chat = await _with_live(database, tmp_path)
    monkeypatch.setattr(past, "CHUNK", 2)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        original, calls = past._put, []

        def put(*args: Any) -> Any:
            calls.append(args)
            if len(calls) == 2:
                die()
            return original(*args)

        patched.setattr(past, "_put", put)
        with pytest.raises(KeyboardInterrupt):
            await past.show(database, chat, ZONE)
    told = await past.show(database, chat, ZONE)
    assert told.startswith("In Matrix: 3 come into the room “Sibi · before ")
    lanes = await database.read(
        "SELECT lane, task, count(*) AS n FROM queue GROUP BY lane, task ORDER BY task")
    assert [(row["task"], row["n"]) for row in lanes] == [("past", 1), ("record", 5)]
    assert len({row["lane"] for row in lanes}) == 1
    assert await past.show(database, chat, ZONE) == "All of it is in Matrix already."
    assert list(await pages.chat_names(database)) == [chat.id], "it is no group"
    assert [line.chat.id for line in await pages.overview(database)] == [chat.id]


async def _with_live(database, folder: Path):
    """A group of which one message was heard live, and five are imported from before."""
    chat = await database.write(directory.ensure_chat("1@g.us", "Sibi", "", 0))
    record_id, _ = await database.write(archive_messages.add(NewRecord(
        chat_id=chat.id, kind="text", origin="whatsapp", source_id="LIVE", text="live",
        sender=Sender(pn="923007000003"), sent_at=LIVE_AT * 1000, received_at=LIVE_AT * 1000)))
    await database.write(archive_messages.link_event("$live", "!room", record_id))
    path = folder / "a.txt"
    path.write_text("".join(line(OLD + timedelta(days=n), "Ali Khan", f"old {n}")
                            for n in range(5)), encoding="utf-8")
    found = await survey.survey(database, path, ZONE, chat_id=chat.id, order="dmy")
    await taking.take(database, MediaStore(folder / "media"), found, chat, ZONE, ACTOR)
    return chat


async def test_the_past_of_a_secret_group_is_as_secret(house, tmp_path):
    """bridge.encrypted names the group, not the room of its past."""
    async with bridge_here(house, tmp_path, encrypted=("Sibi",)) as here:
        chat = await here.db.write(directory.ensure_chat(here.jid, "Sibi", "", 0))
        older = await here.db.write(directory.ensure_chat(
            ids.make_past_jid(1, chat.id), "Sibi · before 1 May 2026", "", 0))
        room = await here.bridge.rooms.ensure(older)
        await here.admin.join(room)
        state = [event["type"] for event in await here.admin.call("GET", f"/v3/rooms/{room}/state")]
        assert "m.room.encryption" in state


async def test_a_group_known_from_exports_alone_has_no_gap(house, tmp_path):
    """Nothing is heard of it, so nothing is missed, and it gets no room for that."""
    async with bridge_here(house, tmp_path) as here:
        heard = await here.db.write(directory.ensure_chat(here.jid, "Sibi", "", 0))
        await here.db.write(groups.make("Old School Project"))
        await here.bridge.status._record_gap((LIVE_AT * 1000, LIVE_AT * 1000 + 60_000))
        assert [gap.chat_id for gap in await gaps.standing(here.db)] == [heard.id]
