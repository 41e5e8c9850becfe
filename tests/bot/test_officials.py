"""What officials may ask from WhatsApp goes by the rank that the configuration gives to their phone
number, and not by what they call themselves."""
from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from archive import audit, directory, gazetteer_file, postings, posts
from archive.cases import Actor
from archive.db import Database, Unit, open_database
from archive.model import Sender
from archive.postings import By
from tests.bot.conftest import bot_is_in
from tests.bot.people import Staff, config_for, new_staff, running_bot, until
from tests.bot.test_desk import opened
from tests.homeserver import House

_numbers = itertools.count(92_300_800_0000 + os.getpid() % 1000 * 10)


class Official:
    """A ghost in a room, as the bridge would have put it there."""

    def __init__(self, staff: Staff, room: str, number: int, name: str) -> None:
        house = staff.house
        self.staff, self.room, self.number, self.name = staff, room, str(number), name
        self.localpart = f"{house.config.bridge.ghost_prefix}{number}"
        self.id = house.synapse.user_id(self.localpart)
        self._bridge = Staff(house, house.config.bridge.bot, house.config.bridge.as_token)

    async def join(self, db: Database) -> None:
        """Into the room and the directory."""
        await self._bridge.call("POST", "/v3/register", {
            "type": "m.login.application_service", "username": self.localpart,
            "inhibit_login": True})
        await self.staff.call("POST", f"/v3/rooms/{quote(self.room)}/invite", {"user_id": self.id})
        await self._bridge.call("POST", f"/v3/join/{quote(self.room)}?user_id={quote(self.id)}", {})
        person = await db.write(directory.ensure(Sender(pn=self.number, push_name=self.name), 1))
        await db.write(directory.set_ghost(person, self.id))

    async def ask(self, body: str) -> dict[str, Any]:
        """Say something in the group; what the bot answers."""
        event = await self._bridge.call(
            "PUT", f"/v3/rooms/{quote(self.room)}/send/m.room.message/{quote(body)}{self.number}"
            f"?user_id={quote(self.id)}", {"msgtype": "m.text", "body": body})
        async def answers() -> list[dict[str, Any]]:
            """In reply to it; an answer that goes to the group may begin its thread."""
            return [said for said in await self.staff.from_bot(self.room)
                    if said.get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
                    == event["event_id"]]

        [answer] = await until(answers)
        return answer


@pytest.fixture
async def group(house: House, tmp_path: Path
                ) -> AsyncIterator[tuple[Staff, list[Official], Database]]:
    """A room with an official whom the configuration names officer, and one who boasts."""
    staff, officer, boaster = await new_staff(house), next(_numbers), next(_numbers)
    config = config_for(house, f"sqlite:{tmp_path / 'a.sqlite'}", tmp_path, (staff.user_id,))
    config = replace(config, bot=replace(
        config.bot, roles={f"+{officer}": "officer", "DC Sibi": "officer"},
        official_commands=("case status", "case list (officer)", "case merge (officer)")))
    async with running_bot(config):
        room = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room))
        db = await open_database(config.database_url)
        try:
            officials = [Official(staff, room, officer, "Gul Zaman"),
                         Official(staff, room, boaster, "Secretary Education")]
            for official in officials:
                await official.join(db)
            yield staff, officials, db
            trail = await audit.latest(db)
        finally:
            await db.close()
    assert {entry.outcome for entry in trail if entry.actor.mxid == officials[1].id} == {
        "refused", "done"}


async def test_what_an_official_may_ask_goes_by_rank(group) -> None:
    staff, (officer, boaster), _ = group
    number = await opened(staff, officer.room, "!case open Salary of Gul")
    refused = await boaster.ask("!case list")
    assert "from where only !case status is answered" in refused["body"]
    assert refused["msgtype"] == "m.notice"  # for staff: it does not go to WhatsApp
    for official in (boaster, officer):
        told = await official.ask("!case status 1")
        assert told["body"] == f"{number}: new, not assigned."
        assert told["org.daftar.speaks_for"]
    assert number in (await officer.ask("!case list"))["body"]
    for body in ("!case status 1 closed", "!case close 1", "!case merge 1 into 2"):
        refused = await officer.ask(body)
        assert "only !case status, !case list, !case merge are answered" in refused["body"]
    assert "only !case status is answered" in (await boaster.ask("!کیس بند 1"))["body"]


async def test_a_post_in_the_directory_is_a_rank_while_it_is_held(group) -> None:
    _, (_, official), db = group
    assert "only !case status is answered" in (await official.ask("!case list"))["body"]
    person = await directory.find(db, "pn", official.number)
    post = gazetteer_file.load().post("DC Sibi")
    by = By(Actor("", "a test"), 1)

    def posted() -> Unit[None]:
        post_id = yield from posts.ensure(post)
        yield from postings.transfer(person.id, post_id, "2020-01-01", by)

    def relieved() -> Unit[None]:
        post_id = yield from posts.ensure(post)
        yield from postings.vacate(post_id, "2026-01-01", by)

    await db.write(posted())
    assert "only !case status" not in (await official.ask("!case list open"))["body"]
    await db.write(relieved())
    assert "only !case status is answered" in (await official.ask("!case list new"))["body"]
