"""Plays the scripted afternoon: emulated phones, bridge and Synapse as in an office, the bot in
this process with its clock set by the script. The test plays it, and so does the maker of the
pictures in docs/afternoon.md.

Everything is dated as the script says: what phones send by WhatsApp's time, what staff and the bot
say by the `ts` that Synapse takes from an appservice.
"""
from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp
import yaml

from archive import botbooks, directory, messages, queue, settings
from archive.db import Database, open_database
from bot import rooms
from bot.app import Bot
from bot.matrix import Matrix
from cli.office import Office
from cli.reader import Reader
from config import Config
from emulator import attachments
from emulator.model import Group, Sent
from emulator.phone import Phone
from tests.afternoon import view
from tests.bot.people import Hands, serving, until

SCRIPT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "script.yaml").read_text(encoding="utf-8"))
NUMBERS = itertools.count(923007004001)
PATIENCE = 120.0  # seconds for what takes a fraction of one
STAFF_ROOM = "staff room"

Step = Mapping[str, Any]


class Dated(Matrix):
    """The bot's homeserver, where what the bot says is dated by the script's clock."""

    def __init__(self, config: Config, now: Hands) -> None:
        super().__init__(config.homeserver.url, config.user_id(config.bot.user),
                         config.bot.as_token)
        self._now = now

    async def send(self, room_id: str, type_: str, txn_id: str, content: Mapping[str, Any]) -> str:
        """Send an event under a transaction id; its event id."""
        path = f"/v3/rooms/{quote(room_id)}/send/{type_}/{quote(txn_id, safe='')}?ts={self._now()}"
        return (await self.ask("PUT", path, content))["event_id"]


class Afternoon:
    """The house, and what was said in it so far. Use `playing()`."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder, parts=("bridge",), settings={
            "bot": {"roles": {"@officer:daftar.localhost": "officer",
                              "@secretary:daftar.localhost": "staff"}}},
            progress=lambda text: None)
        self.zone = ZoneInfo("Asia/Karachi")
        self.now = Hands(f"{SCRIPT['day']} 12:00")
        self.groups: dict[str, Group] = {}
        self.rooms: dict[str, str] = {}  # by the script's name of the group; and the staff room
        self.phones: dict[str, Phone] = {}
        self.sent: dict[str, Sent] = {}  # by the script's id
        self.events: dict[str, str] = {}  # the event that a phone's message has become
        self.said: list[str] = []  # events of the staff, in order
        self._txn = itertools.count(1)
        self._stack = AsyncExitStack()

    @property
    def db(self) -> Database:
        """The archive."""
        return self._db

    # The house

    async def start(self) -> None:
        """Everything up, the phone linked, staff and bot in the rooms."""
        office, enter = self.office, self._stack.enter_async_context
        await office.start()
        self._stack.push_async_callback(office.stop)
        await self._people()
        await office.link()
        self._db = await open_database(office.config.database_url)
        self._stack.push_async_callback(self._db.close)
        self.readers: dict[str, Reader] = {
            name: await enter(office.reader(name)) for name in SCRIPT["staff"]}
        self._http = await enter(aiohttp.ClientSession(headers={
            "Authorization": f"Bearer {office.config.bridge.puppet_token}"}))
        for name, words in SCRIPT["staff"].items():
            await self.readers[name].call(
                "PUT", f"/v3/profile/{quote(self.user(name))}/displayname", {"displayname": words})
        matrix = Dated(office.config, self.now)
        self._stack.push_async_callback(matrix.close)
        self.bot = Bot(office.config, self._db, matrix, self.now)
        await enter(serving(self.bot))
        await until(self._all_are_in, PATIENCE)
        await self._settled()

    async def stop(self) -> None:
        """Everything down."""
        await self._stack.aclose()

    async def _people(self) -> None:
        emulator = self.office.emulator
        for key, name in SCRIPT["people"].items():
            self.phones[key] = await emulator.phone(f"+{next(NUMBERS)}", name)
        for key, group in SCRIPT["groups"].items():
            phones = [self.phones[person] for person in group["people"]]
            self.groups[key] = await emulator.create_group(
                group["name"], [self.office.department, *phones], admins=phones[:1])

    async def _all_are_in(self) -> bool:
        """Whether every room is there with staff and bot in it."""
        people = {self.user(name) for name in (*SCRIPT["staff"], self.office.config.bot.user)}
        joined = [await reader.join_invited() for reader in self.readers.values()]
        for key, group in self.groups.items():
            chat = await directory.chat_by_jid(self._db, group.jid)
            if chat and chat.room_id:
                self.rooms[key] = chat.room_id
        staff_room = await settings.get(self._db, rooms.STAFF_ROOM)
        if staff_room:
            self.rooms[STAFF_ROOM] = staff_room
        if len(self.rooms) <= len(self.groups) or any(
                room not in found for found in joined for room in self.rooms.values()):
            return False
        for room in self.rooms.values():
            members = await self.readers["officer"].call(
                "GET", f"/v3/rooms/{quote(room)}/joined_members")
            if not people <= set(members["joined"]):
                return False
        return True

    def user(self, localpart: str) -> str:
        """A Matrix id of this house."""
        return self.office.config.user_id(localpart)

    # The script

    async def play(self, chapter: str, until_step: int | None = None, from_step: int = 0) -> None:
        """The steps of a chapter, one after the other; each has all its effects before the next."""
        [steps] = [each["steps"] for each in SCRIPT["chapters"] if each["name"] == chapter]
        for step in steps[from_step:until_step]:
            await self._step(step)

    async def _step(self, step: Step) -> None:
        self.now.set(f"{SCRIPT['day']} {step['at']}")
        if "from" in step:
            await self._phone(step)
            return
        room = self.rooms[step.get("in", "schools")]
        kind, content = await self._content(step, room)
        event = await self._send(step["by"], room, kind, content)
        self.said.append(event)
        await self._heard(event)

    async def _phone(self, step: Step) -> None:
        key = step.get("in", "schools")
        phone, group = self.phones[step["from"]], self.groups[key]
        quoted = self.sent.get(step.get("quote", ""))
        at = self.now.day
        if "picture" in step:
            file = attachments.make("image", step["picture"])
            sent = await phone.send_media(group, file.data, "image", mime=file.mime,
                                          filename=file.filename, caption=step["text"], at=at)
        else:
            sent = await phone.send_text(group, step["text"], quote=quoted, at=at)
        self.sent[step["id"]] = sent

        async def mirrored() -> str | None:
            chat = await directory.chat_by_jid(self._db, group.jid)
            record = await messages.by_source(self._db, chat.id, sent.id)
            events = await messages.events_of(self._db, record.id) if record else []
            return events[0][0] if events else None
        self.events[step["id"]] = await until(mirrored, PATIENCE)
        await self._heard(self.events[step["id"]])

    async def _content(self, step: Step, room: str) -> tuple[str, dict[str, Any]]:
        """(type, content) of what a member of staff says or presses, as a client sends it."""
        if "press" in step:
            return "m.reaction", {"m.relates_to": {
                "rel_type": "m.annotation", "key": step["press"],
                "event_id": await self.target(step["to"], room)}}
        content: dict[str, Any] = {"msgtype": "m.text", "body": step["say"]}
        if "thread" in step:
            root = (await self.card(step["thread"])).id
            content["m.relates_to"] = {
                "rel_type": "m.thread", "event_id": root, "is_falling_back": True,
                "m.in_reply_to": {"event_id": root}}
        elif "reply" in step:
            content["m.relates_to"] = {
                "m.in_reply_to": {"event_id": await self.target(step["reply"], room)}}
        return "m.room.message", content

    async def target(self, words: str, room: str) -> str:
        """The event that a step speaks of."""
        if words in self.events:
            return self.events[words]
        if words.startswith("card "):
            return (await self.card(int(words.removeprefix("card ")))).id
        assert words in ("question", "suggestion"), words
        return (await self.asked(room)).id

    async def card(self, case: int) -> view.Message:
        """A case's card, in whichever room it is."""
        number = f"SED-2025-{case:05d}"
        for key in self.groups:
            room = await self.room(key)
            if any(message.case == number for message in room.messages):
                return room.card(number)
        raise AssertionError(f"no card of {number}")

    async def asked(self, room: str) -> view.Message:
        """What the bot asked last in a room: it put the answers below."""
        shown = await view.read(self.readers["officer"], room)
        bot = self.user(self.office.config.bot.user)
        return [m for m in shown.of(bot) if any(bot in who for who in m.reactions.values())][-1]

    async def room(self, key: str, reader: str = "officer") -> view.Room:
        """A room as somebody's client shows it."""
        return await view.read(self.readers[reader], self.rooms[key])

    async def _send(self, who: str, room: str, kind: str, content: dict[str, Any]) -> str:
        """Send an event as somebody, at the script's time."""
        address = (f"{self.office.synapse.url}/_matrix/client/v3/rooms/{quote(room)}/send/{kind}/"
                   f"{next(self._txn)}?user_id={quote(self.user(who))}&ts={self.now()}")
        async with self._http.put(address, json=content) as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return found["event_id"]

    # Waiting

    async def _heard(self, event: str) -> None:
        """Wait until the bot has taken note of an event and everybody has what follows from it."""
        async def done() -> bool:
            seen = await botbooks.event(self._db, event)
            return seen is not None and seen.state != "new"
        await until(done, PATIENCE)
        await self._settled()

    async def _settled(self) -> None:
        """Wait until nothing is on its way."""
        await self.bot.clock.listen()

        async def still() -> bool:
            rows = await self._db.read(
                "SELECT count(*) AS open FROM bot_outbox WHERE state = 'ready'")
            return not rows[0]["open"] and not await queue.depth(self._db)
        await until(still, PATIENCE)

    async def at(self, day: date, clock: str) -> None:
        """It is that time, and the bot's clock looks."""
        self.now.set(f"{day} {clock}")
        await self.bot.clock.tick()
        await self._settled()

    async def talk(self, who: str) -> view.Room:
        """The private talk with the bot to which somebody was invited."""
        reader = self.readers[who]

        async def found() -> str | None:
            room = await settings.get(self._db, rooms.direct_setting(self.user(who)))
            return room if room in await reader.join_invited() else None
        return await view.read(reader, await until(found, PATIENCE))


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[Afternoon]:
    """The house, ready for the first chapter."""
    afternoon = Afternoon(folder)
    try:
        await afternoon.start()
        yield afternoon
    finally:
        await afternoon.stop()
