"""What the tests use: a member of staff at a raw client, and the bot as a process."""
from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from archive.db import open_database
from bot import app
from bot.matrix import Matrix
from config import Config
from tests.homeserver import House

PATIENCE = 90.0  # seconds until a test gives up waiting; costs nothing when there is no need
_names = itertools.count(1)


def config_for(house: House, database_url: str, folder: Path, staff: tuple[str, ...]) -> Config:
    """The house's configuration with an archive of this test's own, and a bot that says nothing
    unasked."""
    return replace(house.config, data=folder, database=database_url,
                   bridge=replace(house.config.bridge, staff=staff),
                   bot=replace(house.config.bot, digest="", staff_room=""))


class Staff:
    """Somebody of the secretariat: speaks and reads through the client-server API only."""

    def __init__(self, house: House, localpart: str, token: str) -> None:
        self.house = house
        self.user_id = house.synapse.user_id(localpart)
        self.token = token
        self._txn = itertools.count(1)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return await self.house.synapse.request(method, path, self.token, body)

    async def create_room(self, *invite: str, name: str = "DEOs Makran") -> str:
        answer = await self.call("POST", "/v3/createRoom", {
            "name": name, "preset": "private_chat", "invite": list(invite)})
        return answer["room_id"]

    async def join(self, room_id: str) -> None:
        await self.call("POST", f"/v3/join/{quote(room_id)}", {})

    async def leave(self, room_id: str) -> None:
        await self.call("POST", f"/v3/rooms/{quote(room_id)}/leave", {})

    async def invites(self) -> dict[str, dict[str, Any]]:
        """Open invitations: room id to the invitation's content."""
        rooms = (await self.call("GET", f"/v3/sync?timeout={next(self._txn)}")).get("rooms", {})
        return {room_id: event["content"] for room_id, room in rooms.get("invite", {}).items()
                for event in room["invite_state"]["events"]
                if event["type"] == "m.room.member" and event["state_key"] == self.user_id}

    async def send(self, room_id: str, content: dict[str, Any],
                   type_: str = "m.room.message") -> str:
        txn = f"{time.time_ns()}-{next(self._txn)}"
        path = f"/v3/rooms/{quote(room_id)}/send/{type_}/{txn}"
        return (await self.call("PUT", path, content))["event_id"]

    async def say(self, room_id: str, body: str, *, reply_to: str = "", thread: str = "",
                  **more: Any) -> str:
        content: dict[str, Any] = {"msgtype": "m.text", "body": body, **more}
        if thread:
            content["m.relates_to"] = {
                "rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to,
                "m.in_reply_to": {"event_id": reply_to or thread}}
        elif reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return await self.send(room_id, content)

    async def read(self, room_id: str) -> list[dict[str, Any]]:
        """Every event of the room, oldest first."""
        events: list[dict[str, Any]] = []
        start = ""
        while True:
            page = await self.call(
                "GET", f"/v3/rooms/{quote(room_id)}/messages?dir=f&limit=500{start}")
            events += page["chunk"]
            if "end" not in page:
                return events
            start = f"&from={page['end']}"

    async def from_bot(self, room_id: str) -> list[dict[str, Any]]:
        """What the bot said: contents with the event's id as "id"; edits are applied, as a
        client shows it."""
        bot = self.house.config.user_id(self.house.config.bot.user)
        shown: dict[str, dict[str, Any]] = {}
        for event in await self.read(room_id):
            content = event["content"]
            if event["sender"] != bot or event["type"] != "m.room.message":
                continue
            relation = content.get("m.relates_to", {})
            if relation.get("rel_type") == "m.replace":
                shown[relation["event_id"]].update(content["m.new_content"])
            else:
                shown[event["event_id"]] = {**content, "id": event["event_id"]}
        return list(shown.values())

    async def answers(self, room_id: str, event_id: str) -> list[dict[str, Any]]:
        """What the bot said in reply to a message."""
        return [content for content in await self.from_bot(room_id)
                if content.get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
                == event_id and content["m.relates_to"].get("event_id") != event_id]

    async def ask(self, room_id: str, body: str, **where: Any) -> dict[str, Any]:
        """Say something and wait for the one answer."""
        event_id = await self.say(room_id, body, **where)
        found = await until(lambda: self.answers(room_id, event_id))
        assert len(found) == 1, found
        return found[0]


async def new_staff(house: House, name: str = "Ayesha Khan") -> Staff:
    """A user nobody has used before."""
    localpart = f"staff{next(_names)}-{os.getpid()}"
    return Staff(house, localpart, await house.synapse.create_user(
        localpart, "pass", displayname=name))


async def until(look: Callable[[], Awaitable[Any]], patience: float = PATIENCE) -> Any:
    """Look until there is something, and give it."""
    end = asyncio.get_running_loop().time() + patience
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < end, "waited too long"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running_bot(config: Config) -> AsyncIterator[None]:
    """The bot, in this process."""
    task = asyncio.create_task(app.run(config))
    try:
        await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Hands:
    """A clock that is set by hand, on the office's time zone."""

    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> int:
        """`2026-11-24 09:00`; gives Unix ms."""
        self.day = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Karachi"))
        self.at = int(self.day.timestamp() * 1000)
        return self.at

    def __call__(self) -> int:
        return self.at


@contextlib.asynccontextmanager
async def ticking_bot(config: Config, now: Hands, **more: Any) -> AsyncIterator[app.Bot]:
    """The bot, in this process, with a clock of the test's: `await bot.clock.tick()`. `more`: a
    reader and offices of the test's own."""
    db = await open_database(config.database_url)
    matrix = Matrix(config.homeserver.url, config.user_id(config.bot.user), config.bot.as_token)
    bot = app.Bot(config, db, matrix, now, **more)
    try:
        async with serving(bot):
            yield bot
    finally:
        await matrix.close()
        await db.close()


@contextlib.asynccontextmanager
async def serving(bot: app.Bot) -> AsyncIterator[None]:
    """This bot at work, in this process."""
    task = asyncio.create_task(bot.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


_RUN = """
import asyncio, logging, pathlib, sys, config
from bot import app
logging.basicConfig(level=logging.WARNING)
asyncio.run(app.run(config.load(sys.argv[1])))
"""


@contextlib.asynccontextmanager
async def bot_process(house: House, config: Config, die_at: str = ""
                      ) -> AsyncIterator[asyncio.subprocess.Process]:
    """The bot as a process of its own, killed (-9) at the end if it did not die before."""
    environment = {
        **os.environ, "DAFTAR_DATABASE": config.database, "DAFTAR_DATA": str(config.data),
        "DAFTAR_BRIDGE_STAFF": ",".join(config.bridge.staff), "DAFTAR_TEST_DIE_AT": die_at,
        "DAFTAR_BOT_DIGEST": config.bot.digest, "DAFTAR_BOT_STAFF_ROOM": config.bot.staff_room}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, str(house.config_path), env=environment,
        cwd=Path(app.__file__).parents[1])
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
