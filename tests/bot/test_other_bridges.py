"""Rooms that mautrix-whatsapp fills: its events, played by an appservice of the test in the shape
that its source gives them, on a real Synapse; read as a person does."""
from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import yaml

from archive import directory
from archive.db import Database, open_database
from cli import init
from config import Config
from tests import homeserver
from tests.bot.conftest import bot_is_in
from tests.bot.people import Staff, config_for, new_staff, running_bot, until
from tests.homeserver import SERVER_NAME, House
from tests.web.server import pages_over

PLAY = json.loads((Path(__file__).parent / "mautrix.json").read_text("utf-8"))
FILES = {
    "wall.png": bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c63"
        "60606060000000050001a5f645400000000049454e44ae426082"),
    "voice.ogg": b"OggS voice", "sticker.webp": b"RIFFxxxxWEBP",
}


@dataclass
class OtherBridge:
    """mautrix-whatsapp, as far as a homeserver sees it: an appservice with a bot and ghosts."""

    house: House
    token: str
    room: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    async def call(self, who: str, method: str, path: str, body: Any = None, **more: str) -> Any:
        user = f"@{PLAY['people'][who]['localpart']}:{SERVER_NAME}"
        asked = "&".join(f"{key}={quote(value)}"
                         for key, value in {"user_id": user, **more}.items())
        return await self.house.synapse.request(
            method, f"{path}{'&' if '?' in path else '?'}{asked}", self.token, body)

    async def open_room(self, staff: Staff) -> None:
        """Make the group's room as its bot does: with the bridge's state, ghosts as members."""
        for who, person in PLAY["people"].items():
            await self.house.synapse.request("POST", "/v3/register", self.token, {
                "type": "m.login.application_service", "username": person["localpart"],
                "inhibit_login": True})
            user = f"@{person['localpart']}:{SERVER_NAME}"
            await self.call(who, "PUT", f"/v3/profile/{quote(user)}/displayname",
                            {"displayname": person["name"]})
        ghosts = [f"@{PLAY['people'][who]['localpart']}:{SERVER_NAME}" for who in ("bilal", "hina")]
        answer = await self.call("bot", "POST", "/v3/createRoom", {
            "name": "DEOs Makran", "topic": "Attendance and buildings", "preset": "private_chat",
            "room_version": "11",
            "invite": [staff.user_id, *ghosts],
            "power_level_content_override": {"users": {
                f"@whatsappbot:{SERVER_NAME}": 100, staff.user_id: 50}},
            "initial_state": [{"type": type_, "state_key": "whatsapp", "content": PLAY["bridge"]}
                              for type_ in ("m.bridge", "uk.half-shot.bridge")]})
        self.room = answer["room_id"]
        for who in ("bilal", "hina"):
            await self.call(who, "POST", f"/v3/join/{quote(self.room)}", {})
        await staff.join(self.room)

    async def play(self, steps: list[dict[str, Any]]) -> None:
        """Send recorded events; "$name" stands for the event of that name, "$file" for a file."""
        for step in steps:
            self.sent += 1
            more = {"ts": str(step["at"])} if "at" in step else {}
            room = f"/v3/rooms/{quote(self.room)}"
            if "redacts" in step:
                await self.redact(step["by"], step["redacts"][1:])
                continue
            text = json.dumps(step["content"])
            for name, event_id in self.ids.items():
                text = text.replace(f'"${name}"', json.dumps(event_id))
            if "file" in step:
                text = text.replace('"$file"', json.dumps(await self.upload(step["file"])))
            answer = await self.call(
                step["by"], "PUT", f"{room}/send/{step.get('type', 'm.room.message')}/t{self.sent}",
                json.loads(text), **more)
            if "id" in step:
                self.ids[step["id"]] = answer["event_id"]
            if "redacted_by" in step:
                await self.redact(step["redacted_by"], step["id"])

    async def redact(self, who: str, name: str) -> None:
        self.sent += 1
        await self.call(who, "PUT", f"/v3/rooms/{quote(self.room)}/redact/{quote(self.ids[name])}"
                        f"/t{self.sent}", {})

    async def say(self, who: str, body: str) -> None:
        await self.play([{"by": who, "content": {"msgtype": "m.text", "body": body}}])

    async def upload(self, name: str) -> str:
        user = f"@whatsappbot:{SERVER_NAME}"
        async with aiohttp.ClientSession() as http, http.post(
                f"{self.house.synapse.url}/_matrix/media/v3/upload?filename={name}&user_id={user}",
                data=FILES[name], headers={"Authorization": f"Bearer {self.token}"}) as answer:
            return (await answer.json())["content_uri"]


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[OtherBridge]:
    """A Synapse that knows mautrix-whatsapp beside our bot; our own bridge does not run."""
    token = init.new_token()
    registration = tmp_path / "mautrix.yaml"
    registration.write_text(yaml.safe_dump({
        "id": "whatsapp", "url": None, "as_token": token, "hs_token": init.new_token(),
        "sender_localpart": "whatsappbot-sender", "rate_limited": False,
        "namespaces": {
            "users": [{"regex": f"@whatsapp(bot|_.+):{SERVER_NAME}", "exclusive": True}]},
    }))
    house = await asyncio.to_thread(
        homeserver.open_house, tmp_path / "house", more_registrations=[registration])
    yield OtherBridge(house, token)
    await house.synapse.stop()


async def _records(db: Database) -> list[dict[str, Any]]:
    rows = await db.read("SELECT r.kind, r.text, r.origin, r.detail, r.media, r.sent_at, "
                         "p.name AS sender FROM record r LEFT JOIN person p ON p.id = r.sender_id "
                         "ORDER BY r.id")
    return [dict(row) for row in rows]


async def _has(db: Database, text: str) -> bool:
    return any(row["text"] == text for row in await _records(db))


async def test_a_room_of_mautrix_whatsapp_is_recorded_searched_and_has_cases(
        other: OtherBridge, tmp_path: Path) -> None:
    staff = await new_staff(other.house)
    config = config_for(other.house, f"sqlite:{tmp_path / 'archive.sqlite'}", tmp_path,
                        (staff.user_id,))
    await other.open_room(staff)
    await other.play(PLAY["before"])
    async with _archive(config) as db:
        await _play_all(other, staff, config, db)
        records = await _records(db)
        _nothing_lost_or_doubled(records)
        await _read_as_a_reader(config, db)


@contextlib.asynccontextmanager
async def _archive(config: Config) -> AsyncIterator[Database]:
    db = await open_database(config.database_url)
    try:
        yield db
    finally:
        await db.close()


async def _play_all(other: OtherBridge, staff: Staff, config: Config, db: Database) -> None:
    """Before the bot is there, with it, while it is away for more than a page, and after."""
    async with running_bot(config):
        await staff.call("POST", f"/v3/rooms/{quote(other.room)}/invite",
                         {"user_id": config.user_id(config.bot.user)})
        await until(lambda: bot_is_in(staff, other.room))
        steps = PLAY["after"]
        taken_back = next(n for n, step in enumerate(steps) if step.get("redacts") == "$secret")
        await other.play(steps[:taken_back])
        await until(lambda: _has(db, "The head teacher was absent for 40 days"))
        await other.play(steps[taken_back:])
        await staff.say(other.room, "The XEN is informed", reply_to=other.ids["wall"])
        await until(lambda: _has(db, "The XEN is informed"))
        card = await _case(staff, other)
        found = await staff.ask(other.room, "!search wall fallen")
    assert "Hina Mengal" in found["body"]
    sheet = card["body"]
    assert "Boundary wall of GGHS Tump has fal" in sheet
    assert "Hina Mengal" in sheet

    async with running_bot(config):  # over a restart, and over a gap that must be paged
        pass
    for number in range(130):
        await other.say("bilal", f"School {number}: 12 of 14 present")
    async with running_bot(config):
        await until(lambda: _has(db, "School 129: 12 of 14 present"))
        await until(lambda: _settled(db))


async def _case(staff: Staff, other: OtherBridge) -> dict[str, Any]:
    await staff.say(other.room, "!case open", reply_to=other.ids["wall"])

    async def shown() -> list[dict[str, Any]]:
        return [said for said in await staff.from_bot(other.room) if "org.daftar.case" in said
                and said.get("m.relates_to", {}).get("rel_type") != "m.thread"]
    cards = await until(shown)
    assert len(cards) == 1  # the ghost's command opened none
    return await staff.ask(other.room, "!case show 1")


async def _settled(db: Database) -> bool:
    rows = await db.read("SELECT 1 FROM queue WHERE state IN ('ready', 'claimed') UNION ALL "
                         "SELECT 1 FROM setting WHERE name LIKE 'bot.history %'")
    return not rows


def _nothing_lost_or_doubled(records: list[dict[str, Any]]) -> None:
    texts = [row["text"] for row in records]
    assert [text for text in texts if text.startswith("School ")] == \
        [f"School {number}: 12 of 14 present" for number in range(130)]
    for once in ("The head teacher was absent for 40 days", "after what was broken",
                 "Schools of Kech stay closed on Friday", "The XEN is informed"):
        assert texts.count(once) == 1, once
    assert not any("case open" in text for text in texts if not text.startswith("!case open nob"))
    past = [row for row in records if row["detail"] and json.loads(row["detail"]).get("history")]
    assert [row["text"] for row in past[:2]] == [
        "*Order:* all DDEOs send the attendance of _Tuesday_ by 4 pm",
        "جناب، تمپ کی حاضری بھیج دی ہے"]
    assert past[0]["sent_at"] == 1763000000000
    assert {row["origin"] for row in records if row["sender"] == "Ayesha Khan"} == {"matrix"}
    kinds = {row["kind"]: row for row in records}
    assert json.loads(kinds["location"]["detail"]) == {"latitude": 26.0042, "longitude": 63.0441}
    assert kinds["location"]["text"] == "GGHS Tump\nTump bazaar, Kech"
    assert json.loads(kinds["audio"]["detail"])["voice"] is True
    assert kinds["audio"]["media"]
    assert kinds["sticker"]["media"]
    assert (kinds["vote"]["text"], kinds["vote"]["sender"]) == ("Thursday", "Hina Mengal")


async def _read_as_a_reader(config: Config, db: Database) -> None:
    chat = await directory.chat_by_jid(db, "120363029900112233@g.us")
    assert chat is not None
    async with pages_over(config, db, config.bridge.staff[0]) as (http, _):
        start = (await db.read("SELECT min(id) AS id FROM record WHERE chat_id = ?", chat.id))[0]
        async with http.get(f"/g/{chat.id}?after={start['id'] - 1}") as answer:
            page = await answer.text()
        picture = (await db.read("SELECT media FROM record WHERE kind = 'image'"))[0]["media"]
        async with http.get(f"/media/{picture}") as answer:
            assert await answer.read() == FILES["wall.png"]
    for words in ("DEOs Makran", "Bilal Baloch", "Hina Mengal", "all DDEOs send",
                  "جناب، تمپ کی حاضری بھیج دی ہے", "the wall, seen from the road", "🙏",
                  "Boundary wall of GGHS Tump has fallen", "has falen",
                  "Which day for the visit?",
                  "Thursday", "Tump bazaar, Kech", "Ayesha Khan", "The XEN is informed",
                  "Deleted before Daftar", "before Daftar's bot was invited"):
        assert words in page, words
    deleted = re.search(r"<del>.{0,200}?The head teacher was absent for 40 days", page, re.DOTALL)
    assert deleted, "what was deleted is struck through and can be read"
    assert "👍" not in page  # taken back
    assert "whatsapp_" not in page


async def test_only_its_own_bot_makes_a_room_a_groups_and_our_bridges_rooms_stay_its_own(
        other: OtherBridge, tmp_path: Path) -> None:
    staff = await new_staff(other.house)
    config = config_for(other.house, f"sqlite:{tmp_path / 'archive.sqlite'}", tmp_path,
                        (staff.user_id,))
    async with _archive(config) as db:
        await other.open_room(staff)
        jid = PLAY["bridge"]["channel"]["id"]
        chat = await db.write(directory.ensure_chat(jid, "DEOs Makran", "", 1))
        await db.write(directory.set_room(chat.id, "!ours:office.test"))
        bot = config.user_id(config.bot.user)
        async with running_bot(config):
            forged = await staff.create_room(bot, name="Forged")
            await staff.call("PUT", f"/v3/rooms/{quote(forged)}/state/m.bridge/whatsapp",
                             {**PLAY["bridge"], "channel": {"id": "120363999@g.us"}})
            await staff.call("POST", f"/v3/rooms/{quote(other.room)}/invite", {"user_id": bot})
            for room in (forged, other.room):
                await until(lambda room=room: bot_is_in(staff, room))
                await staff.say(room, "not for the record")
                await staff.ask(room, "!case open to see that the bot reads here")
        assert await _records(db) == []
        assert [chat.jid for chat in await directory.chats(db)] == ["120363029900112233@g.us"]
