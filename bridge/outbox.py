"""Step 2 of the way back: what staff write in a mirrored room is stored before the homeserver is
answered, and it is decided whether it leaves for WhatsApp."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from archive import directory, messages, queue
from archive.db import Database, Unit
from archive.model import Chat, NewRecord, Sender
from bridge import convert
from bridge.clock import now_ms
from bridge.matrix import Homeserver
from bridge.steps import reached
from config import Config
from nlp.words import is_command, without_fallback

_KINDS = {"m.text": "text", "m.emote": "text", "m.image": "image", "m.video": "video",
          "m.audio": "audio", "m.file": "document"}
CARRIED_TYPES = ("m.room.message", "m.reaction", "m.room.redaction")
# What people send, too, and must be told of that it does not leave.
REFUSED_TYPES = {
    "m.sticker": "a sticker", "m.room.encrypted": "an encrypted message",
    "m.poll.start": "a poll", "org.matrix.msc3381.poll.start": "a poll", "m.location": "a place",
}


class Outbox:
    """Step 2 of the way back: the homeserver's transaction is stored, then answered."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 wake: Callable[[str], None]) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._wake = wake
        self._ours = {homeserver.bot_id, config.user_id(config.bot.user)}
        self._ghosts = "@" + config.bridge.ghost_prefix
        self._admin_rooms: set[str] = set()

    def listen(self, room: str) -> None:
        """A room in which commands to the bridge are read."""
        self._admin_rooms.add(room)

    async def store(self, events: list[dict[str, Any]], late: frozenset[str] = frozenset()) -> None:
        """Store events in one unit; those whose ids are in `late` are not sent any more, and the
        room says so. Returns when it is committed."""
        wanted = [event for event in events if self._concerns_us(event)]
        if not wanted:
            return
        reached("out2-before-store")
        rooms = {chat.room_id: chat for chat in await directory.chats(self._db) if chat.room_id}
        for event in wanted:
            if event["room_id"] in rooms:
                await self._learn_targets(event)
        lanes = await self._db.write(self._store(wanted, rooms, late))
        reached("out2-after-store")
        for lane in lanes:
            self._wake(lane)

    async def _learn_targets(self, event: dict[str, Any]) -> None:
        """A message may answer an event that was sent just before a crash and is not in our books
        yet. Such an event carries our mark: note it now, or the answer would count as internal."""
        for event_id in _related(event):
            if await messages.by_event(self._db, event_id) is not None:
                continue
            found = await self._homeserver.event(event["room_id"], event_id)
            mark = (found or {}).get("content", {}).get(convert.RECORD_MARK)
            if isinstance(mark, int) and str((found or {}).get("sender")).startswith(self._ghosts) \
                    and await messages.get(self._db, mark) is not None:
                part = found["content"].get(convert.RECORD_MARK + ".part", 0)
                await self._db.write(
                    messages.link_event(event_id, event["room_id"], mark, part))

    def _concerns_us(self, event: dict[str, Any]) -> bool:
        sender = event.get("sender")
        return (event.get("type") in (*CARRIED_TYPES, *REFUSED_TYPES)
                and isinstance(event.get("event_id"), str)
                and isinstance(event.get("room_id"), str) and isinstance(sender, str)
                and isinstance(event.get("content"), dict)
                and sender not in self._ours and not sender.startswith(self._ghosts))

    def _store(self, events: list[dict[str, Any]], rooms: dict[str, Chat], late: frozenset[str]
               ) -> Unit[set[str]]:
        lanes: set[str] = set()
        for event in events:
            room = event["room_id"]
            if room in self._admin_rooms:
                yield from queue.put(f"bot:{room}", f"m:{event['event_id']}", "command",
                                     payload=json.dumps(event))
                lanes.add(f"bot:{room}")
            elif room in rooms:
                lane = yield from self._store_one(rooms[room], event, event["event_id"] in late)
                if lane:
                    lanes.add(lane)
        return lanes

    def _store_one(self, chat: Chat, event: dict[str, Any], late: bool) -> Unit[str | None]:
        new = _read(chat.id, event)
        if new is None:
            return None
        if new.kind == "text" and is_command(new.text, False, self._config.bot.prefix):
            return None  # no message: the bot keeps it, and every search would find itself
        internal = yield from self._internal(new, event)
        record_id, fresh = yield from messages.add(
            NewRecord(**{**vars(new), "internal": internal}))
        if not fresh:
            return None
        yield from messages.link_event(event["event_id"], event["room_id"], record_id, 0)
        if internal:
            return None
        lane = f"out:{chat.id}"
        yield from queue.put(lane, f"m:{event['event_id']}", "late" if late else "send",
                             record_id=record_id, payload=json.dumps(event))
        return lane

    def _internal(self, new: NewRecord, event: dict[str, Any]) -> Unit[bool]:
        """Does this stay in the house? Commands, notices, and everything in a thread whose root is
        not itself a message of the group: a case card is none, nor is anything unknown."""
        content = event["content"]
        if content.get("msgtype") == "m.notice" or "org.daftar.bot" in content:
            return True
        if new.kind != "reaction" and is_command(new.text, False, self._config.bot.prefix):
            return True
        relates = content.get("m.relates_to")
        relates = relates if isinstance(relates, dict) else {}
        about = [new.target_source_id] if new.target_source_id else []
        if relates.get("rel_type") == "m.thread":
            about.append(relates.get("event_id"))
        for event_id in about:
            rows = yield (
                "SELECT r.internal FROM matrix_event e JOIN record r ON r.id = e.record_id"
                " WHERE e.event_id = ?", (str(event_id),))
            if not rows or rows[0]["internal"]:
                return True
        return False


def _read(chat_id: int, event: dict[str, Any]) -> NewRecord | None:
    """The record of a staff member's event; None when it carries nothing."""
    content, relates = event["content"], event["content"].get("m.relates_to")
    relates = relates if isinstance(relates, dict) else {}
    reply = relates.get("m.in_reply_to")
    kind, text, target = "", "", None
    match event["type"]:
        case "m.reaction":
            kind, text, target = "reaction", str(relates.get("key") or ""), relates.get("event_id")
        case "m.room.redaction":
            kind, target = "deletion", event.get("redacts") or content.get("redacts")
        case _ if relates.get("rel_type") == "m.replace":
            new = content.get("m.new_content")
            kind, target = "edit", relates.get("event_id")
            text = _words(_kind(new), new) if isinstance(new, dict) else ""
        case _:
            kind = "unsupported" if event["type"] in REFUSED_TYPES else _kind(content)
            text = _words(kind, content)
            if isinstance(reply, dict) and not relates.get("is_falling_back"):
                target = reply.get("event_id")
            elif relates.get("rel_type") == "m.thread":
                target = relates.get("event_id")
    if kind in ("reaction", "edit", "deletion") and not isinstance(target, str):
        return None
    if kind == "reaction" and not text:  # on WhatsApp it would take the last one back
        return None
    info = content.get("info")
    return NewRecord(
        chat_id=chat_id, kind=kind, origin="matrix", source_id=event["event_id"],
        sender=Sender(mxid=event["sender"]), sent_at=_time(event), received_at=now_ms(),
        text=text, target_source_id=target if isinstance(target, str) else None,
        media_name=_file_name(content) if kind in _KINDS.values() and kind != "text" else None,
        media_mime=str(info["mimetype"]) if isinstance(info, dict) and "mimetype" in info else None,
        raw=json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))


def _kind(content: dict[str, Any]) -> str:
    """The kind of record that a message's content makes."""
    kind = str(content.get("msgtype"))
    return "notice" if kind == "m.notice" else _KINDS.get(kind, "unsupported")


def _related(event: dict[str, Any]) -> list[str]:
    """The events that this one replies to, changes or reacts to."""
    relates = event["content"].get("m.relates_to")
    relates = relates if isinstance(relates, dict) else {}
    reply = relates.get("m.in_reply_to")
    found = [relates.get("event_id"), reply.get("event_id") if isinstance(reply, dict) else None,
             event.get("redacts"), event["content"].get("redacts")]
    return list(dict.fromkeys(item for item in found if isinstance(item, str)))


def _words(kind: str, content: dict[str, Any]) -> str:
    if kind in ("text", "notice", "unsupported"):
        return _own_words(content)
    body, name = str(content.get("body") or ""), content.get("filename")
    return body if name and body != name else ""


def _own_words(content: dict[str, Any]) -> str:
    relates = content.get("m.relates_to")
    is_reply = isinstance(relates, dict) and "m.in_reply_to" in relates
    return without_fallback(str(content.get("body") or ""), is_reply)


def _file_name(content: dict[str, Any]) -> str:
    return str(content.get("filename") or content.get("body") or "file")


def _time(event: dict[str, Any]) -> int:
    at = event.get("origin_server_ts")
    return at if isinstance(at, int) and at > 0 else now_ms()
