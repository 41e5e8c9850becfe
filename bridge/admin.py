"""What admins write to the bridge: the `!wa` commands."""
from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from archive import directory, queue
from archive.db import Database, Unit
from archive.model import QueueRow
from bridge import seen
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.own import OwnLines
from bridge.rooms.choosing import Choosing
from bridge.rooms.directs import Directs
from bridge.rooms.groups import Groups
from bridge.rooms.rooms import ADMIN_CHAT, Rooms
from bridge.status import Status
from config import Config

log = logging.getLogger("daftar.bridge.admin")

COMMANDS = (  # word, what it does
    ("status", "how the line to WhatsApp is, and what waits"),
    ("login", "show the QR code; with a phone number (+92…), a pairing code instead"),
    ("logout", "unlink the phone"),
    ("groups", "the groups this account sees, and which are bridged"),
    ("bridge", "bridge a group: its number in !wa groups, its name or JID; then, if you want, a "
               "room to which the bridge was invited; or a direct chat: its phone number (+92…)"),
    ("unbridge", "read nothing more of a group, or of a direct chat (+92…); room and record stay"),
    ("link", "link your own number, to speak as yourself; with a phone number, by pairing code"),
    ("unlink", "unlink your own number"),
    ("seen", "in a group's room, in reply to a message of staff: who has got it, who has read it"),
    ("help", "this list"),
)
STAFF = ("status", "link", "unlink", "help")  # what those may ask who are no admins


class Admin:
    """The handler of the lanes `bot:ROOM`: commands, and notices for the admins."""

    repeatable = True  # answers carry the command's event id as transaction id

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, link: Link,
                 groups: Groups, directs: Directs, rooms: Rooms, status: Status, own: OwnLines,
                 listen: Callable[[str], None], wake: Callable[[str], None]) -> None:
        """`listen`: commands are read in this room from now on."""
        self._own = own
        self._rooms = rooms
        self._listen = listen
        self._wake = wake
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._link = link
        self._groups = groups
        self._choosing = Choosing(config, database, homeserver, groups, rooms, directs)
        self._status = status

    async def begin(self, lane: str, recovering: bool) -> None:
        """Nothing to look up."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Nothing to read ahead."""

    async def flush(self, lane: str) -> None:
        """Every row is committed before the next one begins."""

    async def handle(self, row: QueueRow) -> None:
        """Answer a command, or post a notice."""
        payload = json.loads(row.payload or "{}")
        room = row.lane.partition(":")[2]
        if row.task == "command":
            text = await self._answer(payload, room)
            reply = payload.get("event_id")
        else:
            text, reply = payload.get("text", ""), None
        if text:
            content: dict[str, Any] = {"msgtype": "m.notice", "body": text}
            if reply:
                content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply}}
            try:
                await self._homeserver.send(room, "m.room.message", content, f"a{row.key}")
            except HomeserverError as error:
                raise error.for_lane() from error
        await self._db.write(queue.done(row.id))

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """A notice that cannot be posted stands in `daftar status`."""
        return []
        yield

    async def _answer(self, event: dict[str, Any], room: str) -> str:
        body = str(event.get("content", {}).get("body") or "").strip()
        words = body.split()
        if event.get("type") == "m.room.encrypted":
            return ("I could not read this message: it is encrypted, and its key did not reach me. "
                    "Write it again.")
        if event.get("type") != "m.room.message" or not words or \
                words[0].lower() != f"{self._config.bot.prefix}wa":
            return ""
        word = words[1].lower() if len(words) > 1 else "help"
        admin = event["sender"] in self._config.bridge.admins
        if word == "seen" and (chat := await directory.chat_by_room(self._db, room)):
            return await seen.answer(self._db, chat, event, self._status.own_jid,
                                     ZoneInfo(self._config.timezone))
        if word in ("link", "unlink"):
            return await self._own_number(word, "".join(words[2:]), event, room)
        if not admin and room in await self._rooms.chats_of((event["sender"],)):
            return await self._of_staff(word, event["sender"])
        if await directory.chat_by_room(self._db, room) and not (admin and word == "status"):
            return (f"Commands to the bridge are read in an admin's chat with "
                    f"{self._homeserver.bot_id} (“{ADMIN_CHAT}”); nothing of this left for "
                    "WhatsApp.")
        if not admin:
            return "Only the admins named in bridge.admins may do this."
        try:
            match word:
                case "status":
                    return f"{await self._state()} {self._own.sentence(event['sender'])}".rstrip()
                case "login":
                    return await self._login("".join(words[2:]))
                case "logout":
                    await self._link.logout()
                    return "The phone is unlinked. Write !wa login to link one."
                case "groups":
                    return await self._choosing.listing()
                case "bridge":
                    return await self._choosing.bridge(words[2:])
                case "unbridge":
                    return await self._choosing.unbridge(words[2:])
                case "seen":
                    return seen.HOW
                case "help":
                    return _help(self._config.bot.prefix)
                case _:
                    near = difflib.get_close_matches(word, [c for c, _ in COMMANDS], 1)
                    hint = f" Did you mean !wa {near[0]}?" if near else ""
                    return f"There is no !wa {word}.{hint}\n{_help(self._config.bot.prefix)}"
        except (LinkError, LinkUnsure) as error:
            return f"WhatsApp did not do it: {error}. {self._status.sentence()}"

    async def _own_number(self, word: str, number: str, event: dict[str, Any], room: str) -> str:
        """Somebody links a number of their own, or unlinks it; between them and the bridge alone,
        wherever they wrote it."""
        mxid = event["sender"]
        if not self._own.may(mxid):
            return ("Only the people named in bridge.admins and bridge.staff may link a number of "
                    "their own.")
        try:
            mine = await self._rooms.admin_room(mxid)
        except HomeserverError as error:
            raise error.for_lane() from error
        self._listen(mine)
        try:
            answer = await self._own.link(mxid, number) if word == "link" else \
                await self._own.unlink(mxid)
        except (LinkError, LinkUnsure) as error:
            answer = f"WhatsApp did not do it: {error}. {self._own.sentence(mxid)}".rstrip()
        if mine == room:
            return answer
        lane = f"bot:{mine}"
        await self._db.write(queue.put(lane, f"own:{event['event_id']}", "notice",
                                       payload=json.dumps({"text": answer})))
        self._wake(lane)
        return (f"That is between you and the bridge: it goes on in your own chat with it "
                f"(“{ADMIN_CHAT}”).")

    async def _of_staff(self, word: str, mxid: str) -> str:
        """What a member of staff asks in their own chat with the bridge."""
        if word == "status":
            mine = self._own.sentence(mxid) or ("You have linked no number of your own: you speak "
                                                "through the department's.")
            return f"{mine} The department's number: {self._status.sentence()}"
        if word == "help":
            return _help(self._config.bot.prefix, STAFF)
        return ("Only the admins named in bridge.admins may do this. You can write:\n"
                + _help(self._config.bot.prefix, STAFF))

    async def _state(self) -> str:
        waiting = await queue.depth(self._db)
        stuck = len(await queue.stuck(self._db))
        return (f"{self._status.sentence()} Waiting to be carried: {waiting}. "
                f"Failed or unsure: {stuck}.")

    async def _login(self, number: str) -> str:
        if self._status.state.state == "connected":
            return "A phone is linked already. Write !wa logout first to link another one."
        digits = "".join(c for c in number if c.isdigit())
        if not number:
            if self._status.state.state != "qr":
                await self._link.relink()
            return "The code follows as a picture and as text."
        if not 8 <= len(digits) <= 15:
            return f"{number} is not a phone number; write it like +923001234567."
        code = await self._link.pair_code(digits)
        return (f"Pairing code: {code}\nOn the phone +{digits}: WhatsApp → Settings → Linked "
                "devices → Link a device → Link with phone number instead.")


def _help(prefix: str, words: Iterable[str] = ()) -> str:
    return "\n".join(f"{prefix}wa {word}: {what}" for word, what in COMMANDS
                     if not words or word in words)
