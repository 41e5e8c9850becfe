"""Signs of life from the rooms: that staff type, that staff have read. They come with the
homeserver's transactions, are kept nowhere, and go to WhatsApp when it is there; else they are
gone."""
from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from typing import Any

from archive import directory, messages, settings
from archive.db import Database
from archive.model import MESSAGE_KINDS, Chat
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver
from bridge.outward.voice import Voice
from config import Config

log = logging.getLogger("daftar.bridge.presence")

LOOK_S = 1.0  # seconds between looks at what has come
AGAIN_S = 10.0  # that somebody still types is said so often: phones forget it after 25 s
FORGET_S = 120.0  # a sign of typing that was never taken back; Matrix's own limit
ONLINE_S = 120.0  # the account stays online so long after the last sign of staff
RESIGNED_S = 600.0  # after WhatsApp's library would not show the account as online
FIRST = 50  # messages that the first read receipt of a room marks
MOST = 500  # messages that one marks
_READ = "marked read "  # + chat: the setting with the newest record that was marked


class Presence:
    """Hears what the homeserver says of the moment and passes it on."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, link: Link
                 ) -> None:
        self._typing_wanted = config.bridge.typing
        self._reads_wanted = config.bridge.read_receipts
        self._db = database
        self._homeserver = homeserver
        self._link = link
        self._voice = Voice(config, database, homeserver, link)
        self._bot = config.user_id(config.bot.user)
        self._typing: dict[str, float] = {}  # room → since when staff type there
        self._said: dict[str, float] = {}  # room → when WhatsApp was last told so
        self._read: dict[str, set[str]] = defaultdict(set)  # room → events that staff have read
        self._online = False
        self._seen = 0.0  # when staff last gave a sign
        self._resigned = -RESIGNED_S

    def hear(self, event: dict[str, Any]) -> None:
        """An ephemeral event of a transaction (spec: m.typing, m.receipt). Returns at once."""
        room, content = event.get("room_id"), event.get("content")
        if not isinstance(room, str) or not isinstance(content, dict):
            return
        if event.get("type") == "m.typing" and self._typing_wanted:
            users = content.get("user_ids")
            if isinstance(users, list) and any(map(self._is_staff, users)):
                self._typing.setdefault(room, time.monotonic())
            elif room in self._typing:
                self._typing[room] = -FORGET_S
        elif event.get("type") == "m.receipt" and (self._reads_wanted or self._typing_wanted):
            for event_id, kinds in content.items():
                readers = kinds.get("m.read") if isinstance(kinds, dict) else None
                if isinstance(readers, dict) and any(map(self._is_staff, readers)):
                    self._read[room].add(event_id)

    def _is_staff(self, user: object) -> bool:
        return isinstance(user, str) and user != self._bot and not self._homeserver.is_ours(user)

    async def run(self) -> None:
        """Pass it on, for as long as the bridge runs."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._pass_on()
            except (LinkError, LinkUnsure) as error:
                log.info("a sign of staff does not reach WhatsApp now: %s", error)
            except Exception:
                log.exception("a sign of staff could not be passed on")

    async def _pass_on(self) -> None:
        read, self._read = self._read, defaultdict(set)
        if self._typing or read:
            self._seen = time.monotonic()
        if self._link.state.state != "connected":
            self._typing.clear()
            self._said.clear()
            self._online = False
            return
        await self._show_online()
        for room in list(self._typing):
            await self._type(room)
        if self._reads_wanted:
            for room, event_ids in read.items():
                await self._mark(room, event_ids)

    # Typing

    async def _show_online(self) -> None:
        """Online while staff are at it, and no longer: WhatsApp says who types only to who is
        online, and rings the phone for nothing meanwhile."""
        wanted = self._typing_wanted and time.monotonic() - self._seen < ONLINE_S
        if wanted == self._online or time.monotonic() - self._resigned < RESIGNED_S:
            return
        try:
            await self._link.online(wanted)
            self._online = wanted
        except LinkError as error:
            log.info("the account cannot be shown as online: %s", error)
            self._resigned = time.monotonic()

    async def _type(self, room: str) -> None:
        chat = await directory.chat_by_room(self._db, room)
        now = time.monotonic()
        goes_on = now - self._typing[room] < FORGET_S
        if not goes_on or chat is None:
            del self._typing[room]
            if self._said.pop(room, None) is not None and chat is not None:
                await self._link.typing(chat.jid, False)
        elif now - self._said.get(room, -AGAIN_S) >= AGAIN_S:
            self._said[room] = now
            await self._link.typing(chat.jid, True)

    # Reading

    async def _mark(self, room: str, event_ids: set[str]) -> None:
        """Everything up to the newest message that staff have read is read on the phone."""
        chat = await directory.chat_by_room(self._db, room)
        found = [await messages.by_event(self._db, event_id) for event_id in event_ids]
        newest = max((record.id for record in found if record), default=0)
        if chat is None or not newest:
            return
        name = f"{_READ}{chat.id}"
        before = int(await settings.get(self._db, name) or 0)
        if newest <= before:
            return
        for sender, ids in (await self._unread(chat, before, newest)).items():
            await self._link.mark_read(chat.jid, sender, ids)
        await self._db.write(settings.put(name, str(newest)))

    async def _unread(self, chat: Chat, after: int, upto: int) -> dict[str, list[str]]:
        """The members' messages between two records, by the sender's address in the group."""
        kinds = ", ".join(f"'{kind}'" for kind in MESSAGE_KINDS)
        rows = await self._db.read(
            f"""SELECT source_id, sender_id FROM record WHERE chat_id = ? AND id > ? AND id <= ?
            AND origin = 'whatsapp' AND sender_id IS NOT NULL AND kind IN ({kinds})
            ORDER BY id DESC LIMIT ?""", chat.id, after, upto, MOST if after else FIRST)
        people = await directory.persons(self._db, {row["sender_id"] for row in rows})
        found: dict[str, list[str]] = defaultdict(list)
        for row in reversed(rows):
            person = people.get(row["sender_id"])
            address = await self._voice.address(person, chat) if person else ""
            if address:
                found[address].append(row["source_id"])
        return found
