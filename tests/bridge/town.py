"""What the tests of the bridge use: a whole office, groups of phones, people at Matrix clients."""
from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archive import directory, messages
from archive.db import Database, open_database
from archive.model import Chat, Record
from cli.office import Office
from cli.reader import Reader
from emulator.model import Group, Seen, Sent
from emulator.phone import Phone

PATIENCE = 90.0  # seconds until a test gives up waiting; costs nothing when there is no need
LOOK_S = 0.05
DIRECT = "Direct *"  # direct chats with people of such names are carried
BY_NAME = "Chosen by its name"  # a group that the configuration names so
RULED = ("Kech", "Makran Division")  # groups of that name stand in a sub-space of that name
UPLOADS = 8  # MB that the homeserver takes in one file
NAMED, RELAYED = "{name} · {post} (WhatsApp)", "*{name} ({post})*: {text}"
PREFIX = "@wa_"  # ghosts begin with this

Event = dict[str, Any]
_numbers = itertools.count(923007000001)


async def until(look: Callable[[], Awaitable[Any]], patience: float = PATIENCE) -> Any:
    """Look until there is something, and give it."""
    end = time.monotonic() + patience
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(LOOK_S)


def body(event: Event) -> str:
    """The words of a message event."""
    return str(event["content"].get("body", ""))


def relation(event: Event) -> dict[str, Any]:
    """An event's m.relates_to."""
    return event["content"].get("m.relates_to", {})


def reply_target(event: Event) -> str | None:
    """The event that a message replies to."""
    return relation(event).get("m.in_reply_to", {}).get("event_id")


class Person:
    """Somebody of the secretariat at a Matrix client."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.id = reader.user_id

    async def call(self, method: str, path: str, content: Any = None) -> Any:
        """One request below /_matrix/client."""
        return await self.reader.call(method, path, content)

    async def send(self, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event. Returns its id."""
        path = f"/v3/rooms/{quote(room)}/send/{kind}/{time.time_ns()}"
        return (await self.call("PUT", path, content))["event_id"]

    async def say(self, room: str, text: str, *, reply_to: str = "", thread: str = "",
                  **more: Any) -> str:
        """Write a message as Element would: plain, as a reply, in a thread, or both."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text, **more}
        if thread:
            content["m.relates_to"] = {
                "rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to,
                "m.in_reply_to": {"event_id": reply_to or thread}}
        elif reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return await self.send(room, content)

    async def edit(self, room: str, event: str, text: str) -> str:
        """Change an own message."""
        return await self.send(room, {
            "msgtype": "m.text", "body": f"* {text}",
            "m.new_content": {"msgtype": "m.text", "body": text},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event}})

    async def react(self, room: str, event: str, key: str) -> str:
        """React to a message."""
        return await self.send(room, {"m.relates_to": {
            "rel_type": "m.annotation", "event_id": event, "key": key}}, "m.reaction")

    async def redact(self, room: str, event: str) -> str:
        """Remove an event."""
        path = f"/v3/rooms/{quote(room)}/redact/{quote(event)}/{time.time_ns()}"
        return (await self.call("PUT", path, {}))["event_id"]

    async def upload(self, data: bytes, mime: str) -> str:
        """Put a file into the media repository. Returns its mxc: URI."""
        session = self.reader._session
        assert session is not None
        url = self.reader._base.replace("/_matrix/client", "/_matrix/media/v3/upload")
        async with session.post(url, data=data, headers={"Content-Type": mime}) as answer:
            return (await answer.json())["content_uri"]

    async def state(self, room: str, kind: str, key: str = "") -> dict[str, Any]:
        """A room's state event."""
        return await self.call("GET", f"/v3/rooms/{quote(room)}/state/{kind}/{quote(key)}")


class Place:
    """One group and the room that mirrors it."""

    def __init__(self, town: Town, group: Group, phones: list[Phone]) -> None:
        self.town = town
        self.group = group
        self.phones = phones
        self.room = ""

    async def enter(self) -> None:
        """Wait for the room; the secretary, the officer and the admin go in."""
        async def invited() -> str | None:
            chat = await self.chat()
            return chat.room_id if chat else None

        self.room = await until(invited)
        for person in self.town.people:
            await until(lambda person=person: _joined(person, self.room))

    async def chat(self) -> Chat | None:
        """The group in the archive."""
        return await directory.chat_by_jid(self.town.db, self.group.jid)

    async def events(self) -> list[Event]:
        """Everything the secretary can read in the room, oldest first."""
        return await self.town.secretary.reader.events(self.room)

    async def shown(self, *, text: str = "", count: int = 1,
                    match: Callable[[Event], bool] | None = None) -> Event:
        """Wait for a message of a ghost with these words (or that matches), and give the first.
        There are `count` of them."""
        def wanted(event: Event) -> bool:
            if match is not None:
                return match(event)
            return (event["type"] == "m.room.message" and event["sender"].startswith(PREFIX)
                    and body(event) == text)

        async def look() -> list[Event] | None:
            found = [event for event in await self.events() if wanted(event)]
            return found if len(found) >= count else None

        try:
            found = await until(look)
        except AssertionError as error:
            said = [body(event) for event in await self.events() if body(event)]
            raise AssertionError(f"{error}; the room has {said}") from None
        assert len(found) == count, found
        return found[0]

    async def of_record(self, sent: Sent, parts: int = 1) -> list[Event]:
        """The events that stand for a message that a phone sent; waits for so many of them."""
        async def look() -> list[Event]:
            record = await self.record(sent.id)
            events = [e for e in await self.events()
                      if record and e["content"].get("org.daftar.record") == record.id]
            return events if len(events) >= parts else []

        return await until(look)

    async def record(self, source_id: str) -> Record | None:
        """The record of a WhatsApp message or Matrix event, by its id."""
        chat = await self.chat()
        return await messages.by_source(self.town.db, chat.id, source_id) if chat else None

    async def stored(self, source_id: str) -> Record:
        """The same, waited for."""
        return await until(lambda: self.record(source_id))

    async def seen(self, match: Callable[[Seen], bool]) -> Seen:
        """What the first phone sees, waited for."""
        return await self.phones[0].wait_for(
            lambda seen: seen.group == self.group.jid and match(seen), PATIENCE)

    def left(self) -> list[Seen]:
        """Everything that came from the room and stands on the first phone."""
        return [seen for seen in self.phones[0].seen
                if seen.group == self.group.jid and seen.from_device]

    async def nothing_more_leaves(self, after: int) -> list[Seen]:
        """What left, once a message that was written last has arrived and all before it had the
        time to: the lane keeps its order."""
        await self.town.officer.say(self.room, "the last word")
        await self.seen(lambda seen: seen.from_device and seen.text.endswith("the last word"))
        left = [seen for seen in self.left() if not seen.text.endswith("the last word")]
        assert len(left) == after, left
        return left

    async def notice(self, event: str, words: str) -> Event:
        """Wait for the bridge's notice in reply to an event that holds these words."""
        bridge = self.town.bridge_id
        return await self.shown(match=lambda e: e["sender"] == bridge
                                and reply_target(e) == event and words in body(e))


async def _joined(person: Person, room: str) -> bool:
    try:
        await person.call("POST", f"/v3/join/{quote(room)}", {})
    except Exception:
        return False
    return True


class Town:
    """An office whose department's phone is linked, with as many groups as tests want."""

    def __init__(self, folder: Path, database: str = "", rules: dict[str, Any] | None = None
                 ) -> None:
        chosen = [f"120363{secrets.randbelow(10**12):012d}@g.us" for _ in range(200)]
        self._jids = iter(chosen)
        self.office = Office(folder, parts=("bridge", "bot"), database=database, settings={
            "bridge": {
                "ghost_name": NAMED, "relay": RELAYED, "groups": [*chosen, BY_NAME],
                "direct": [DIRECT],
                "spaces": [{"space": RULED[1], "groups": [f"*{RULED[0]}*"]}], **(rules or {})}},
            homeserver={"max_upload_size": f"{UPLOADS}M"})
        self.places: list[Place] = []
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Everything up, the phone linked, everybody signed in."""
        await self.office.start()
        await self.office.link()
        self.emulator = self.office.emulator
        self.department = self.office.department
        self.admin, self.secretary, self.officer = [
            Person(await self._stack.enter_async_context(self.office.reader(name)))
            for name in ("admin", "secretary", "officer")]
        self.people = [self.secretary, self.officer, self.admin]
        self.bridge_id = self.office.config.user_id(self.office.config.bridge.bot)
        self.bot_id = self.office.config.user_id(self.office.config.bot.user)
        self.db: Database = await open_database(self.office.config.database_url)

    async def stop(self) -> None:
        """Everything down."""
        await self._stack.aclose()
        await self.db.close()
        await self.office.stop()

    async def phone(self, name: str = "", **more: Any) -> Phone:
        """A phone with a number that no test has used."""
        return await self.emulator.phone(f"+{next(_numbers)}", name, **more)

    async def group(self, name: str = "", people: tuple[str, ...] = ("Zafar", "Gul"), *,
                    jid: str = "", addressing: str = "lid", topic: str = "",
                    enter: bool = True) -> Place:
        """A new group of the department and as many others; the first one is an admin."""
        phones = [await self.phone(person) for person in people]
        group = await self.emulator.create_group(
            name or f"Group {len(self.places) + 1}", [self.department, *phones],
            admins=phones[:1], jid=jid or next(self._jids), topic=topic, addressing=addressing)
        place = Place(self, group, phones)
        self.places.append(place)
        if enter:
            await place.enter()
        return place

    async def admin_room(self) -> str:
        """The admin's chat with the bridge."""
        async def look() -> str | None:
            rooms = await self.admin.reader.join_invited()
            return next((r for r, name in rooms.items() if name == "WhatsApp bridge"), None)

        return await until(look)

    async def ask(self, command: str, person: Person | None = None) -> str:
        """The bridge's answer to a command in the admin's chat."""
        room = await self.admin_room()
        event = await (person or self.admin).say(room, command)

        async def look() -> str | None:
            return next((body(e) for e in await self.admin.reader.events(room)
                         if reply_target(e) == event and e["sender"] == self.bridge_id), None)

        return await until(look)
