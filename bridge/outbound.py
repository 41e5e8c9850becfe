"""Matrix to WhatsApp: what staff write in a mirrored room goes to the group.

`Outbox` stores what the homeserver hands over, before it is answered; `Outbound` is the handler of
the lanes `out:CHAT` and sends by the link. WhatsApp gives no way to send under an id of our own: a
row that may have been sent is never sent again by itself.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from archive import directory, ids, messages, queue
from archive.db import Database, Unit
from archive.model import MESSAGE_KINDS, Chat, NewRecord, QueueRow, Record, Sender
from bridge import convert
from bridge.inbound import now_ms
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.media import Media
from bridge.steps import reached
from bridge.worker import GiveUp, Retry, Unsure
from config import Config
from nlp.words import is_command, without_fallback

log = logging.getLogger("daftar.bridge.outbound")

_KINDS = {"m.text": "text", "m.emote": "text", "m.image": "image", "m.video": "video",
          "m.audio": "audio", "m.file": "document"}
CARRIED_TYPES = ("m.room.message", "m.reaction", "m.room.redaction")
# What people send, too, and must be told of that it does not leave.
REFUSED_TYPES = {
    "m.sticker": "a sticker", "m.room.encrypted": "an encrypted message",
    "m.poll.start": "a poll", "org.matrix.msc3381.poll.start": "a poll", "m.location": "a place",
}
EDIT_WINDOW_MS = 20 * 60 * 1000  # WhatsApp takes no later edit
SIZE_LIMIT = 64 * 1024 * 1024  # bytes; WhatsApp's own limit for pictures and videos


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


class Outbound:
    """The handler of the lanes to WhatsApp."""

    repeatable = False

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, link: Link,
                 media: Media, own_jid: Callable[[], str]) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._link = link
        self._media = media
        self._own_jid = own_jid

    async def begin(self, lane: str, recovering: bool) -> None:
        """Nothing to look up: what was in doubt is unsure already."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Rows are few and far between here; each reads what it needs."""
        reached("out3-claimed")

    async def flush(self, lane: str) -> None:
        """Every row is committed before the next one begins."""

    async def handle(self, row: QueueRow) -> None:
        """Send one row to WhatsApp and note under which id it is there."""
        record = await messages.get(self._db, row.record_id)
        chat = await directory.chat(self._db, int(row.lane.partition(":")[2]))
        if record is None or chat is None:
            raise GiveUp("it is not in the archive")
        if row.task == "late":
            raise GiveUp("the homeserver handed it over too late")
        try:
            message = await self._message(record, chat, json.loads(row.payload or "{}"))
        except LinkError as error:
            raise Retry(str(error)) from error
        except LinkUnsure as error:  # an upload: nothing has been said in the group yet
            raise Retry(str(error)) from error
        except HomeserverError as error:
            raise error.for_lane() from error
        if message is None:
            await self._db.write(queue.done(row.id))
            return
        reached("out4-prepared")
        await self._db.write(queue.attempt(row.id, now_ms()))
        reached("out5-attempted")
        try:
            sent = await self._link.send(chat.jid, message)
        except LinkError as error:
            raise Retry(str(error)) from error
        except LinkUnsure as error:
            raise Unsure(str(error)) from error
        reached("out5-sent")
        await self._db.write(_sent(row.id, chat.id, sent.id, record.id))
        reached("out6-done")

    async def _message(self, record: Record, chat: Chat, event: dict[str, Any]) -> Any:
        """The WhatsApp message of a record; None when there is nothing to send."""
        match record.kind:
            case "reaction" | "edit" | "deletion":
                return await self._about(record, chat)
            case "text":
                quote = await self._quote(record)
                text = await self._relayed(record.text, event["sender"])
                return convert.text_message(text, quote)
            case "image" | "video" | "audio" | "document":
                return await self._file(record, event)
            case _:
                what = REFUSED_TYPES.get(event["type"]) or event["content"].get("msgtype")
                raise GiveUp(f"the bridge cannot send {what} to WhatsApp yet")

    async def _relayed(self, text: str, mxid: str) -> str:
        name = await self._homeserver.display_name(mxid)
        return convert.relay_text(self._config.bridge.relay, name, text)

    async def _quote(self, record: Record) -> convert.Quote | None:
        if record.target_id is None:
            return None
        target = await messages.get(self._db, record.target_id)
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            return None
        if target.origin == "whatsapp":
            raw = await messages.raw(self._db, target.id)
            return convert.Quote(message_id, await self._address(target), target.text, raw)
        text = await self._relayed(target.text or target.media_name or "", await self._mxid(target))
        return convert.Quote(message_id, await self._address(target), text, None)

    async def _message_id(self, record: Record | None) -> str | None:
        """The id under which WhatsApp knows a message; what the record says about the group is no
        message there."""
        if record is None or record.kind not in MESSAGE_KINDS:
            return None
        return await messages.whatsapp_id(self._db, record.id)

    def _own(self) -> str:
        own = self._own_jid()
        if not own:
            raise LinkError("WhatsApp is not connected")
        return own

    async def _ours(self, record: Record) -> bool:
        """Was this said by the department's own number, from here or from its phone?"""
        if record.origin == "matrix" or record.sender_id is None:
            return True
        person = await directory.person(self._db, record.sender_id)
        user, _, server = self._own().partition("@")
        return person is not None and user == (
            person.lid if server == ids.LID_SERVER else person.pn)

    async def _address(self, record: Record) -> str:
        """The JID under which a message's sender is known in the group."""
        if record.origin == "matrix" or record.sender_id is None:
            return self._own()
        person = await directory.person(self._db, record.sender_id)
        if person.lid:
            return f"{person.lid}@{ids.LID_SERVER}"
        return f"{person.pn}@{ids.USER_SERVER}"

    async def _file(self, record: Record, event: dict[str, Any]) -> Any:
        content = event["content"]
        url = content.get("url")
        if not isinstance(url, str):
            raise GiveUp("the file is encrypted or has no address")
        claimed = (content.get("info") or {}).get("size") if isinstance(
            content.get("info"), dict) else None
        if isinstance(claimed, int) and claimed > SIZE_LIMIT:  # not even fetched
            raise _too_large(claimed)
        data = await self._media.read(record.media.sha256) if record.media else \
            await self._homeserver.download(url)
        if len(data) > SIZE_LIMIT:
            raise _too_large(len(data))
        mime = record.media_mime or "application/octet-stream"
        if record.media is None:
            await self._media.keep(data, mime, now_ms(), record.id)
        # WhatsApp has no caption under a sound, and without one nobody would know who speaks.
        kind = "document" if record.kind == "audio" else record.kind
        upload = await self._link.upload(data, kind)
        return convert.media_message(
            kind, upload, mime=mime, name=convert.file_name(record),
            caption=await self._caption(record.text, event["sender"]),
            quote=await self._quote(record))

    async def _caption(self, text: str, mxid: str) -> str:
        caption = await self._relayed(text, mxid)
        return caption if text else caption.rstrip(" :")

    async def _about(self, record: Record, chat: Chat) -> Any:
        """A reaction, an edit or a deletion of something that WhatsApp knows."""
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        if target is not None and target.kind == "reaction" and record.kind == "deletion":
            return await self._reaction(target, chat, await self._remaining(target))
        if record.kind == "reaction":
            return await self._reaction(record, chat, record.text)
        message_id = await self._message_id(target)
        if target is not None and target.origin != "matrix":
            raise GiveUp("only the sender, or an admin of the group on WhatsApp, can change it")
        if target is None or message_id is None:
            if record.kind == "deletion":
                return None  # it never got there
            raise GiveUp("the message that it changes is not on WhatsApp")
        key = convert.message_key(chat.jid, message_id, from_me=True, participant="")
        if record.kind == "deletion":
            return convert.revoke_message(key)
        if record.sender_id != target.sender_id:
            raise GiveUp("only the author can change a message")
        if record.sent_at - target.sent_at > EDIT_WINDOW_MS:
            raise GiveUp("WhatsApp takes no change of a message that is older than "
                         f"{EDIT_WINDOW_MS // 60_000} minutes")
        mxid = await self._mxid(record)
        if target.kind == "text":
            new = convert.text_message(await self._relayed(record.text, mxid), None)
        else:
            new = convert.caption_message(target.kind, await self._caption(record.text, mxid))
        return convert.edit_message(key, new, record.sent_at)

    async def _mxid(self, record: Record) -> str:
        person = await directory.person(self._db, record.sender_id)
        return person.mxid or ""

    async def _remaining(self, removed: Record) -> str:
        """The newest reaction of staff that still stands beside a removed one: to WhatsApp they are
        all of one person, who has one reaction to a message."""
        rows = await self._db.read(
            """SELECT r.text FROM record r WHERE r.target_id = ? AND r.kind = 'reaction'
            AND r.origin = 'matrix' AND r.id <> ? AND NOT EXISTS
                (SELECT 1 FROM record d WHERE d.target_id = r.id AND d.kind = 'deletion')
            ORDER BY r.id DESC LIMIT 1""", removed.target_id, removed.id)
        return rows[0]["text"] if rows else ""

    async def _reaction(self, record: Record, chat: Chat, emoji: str) -> Any:
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            raise GiveUp("what it is about is no message on WhatsApp")
        key = convert.message_key(chat.jid, message_id, from_me=await self._ours(target),
                                  participant=await self._address(target))
        return convert.reaction_message(key, emoji, record.sent_at)

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """The room is told, in reply to the message."""
        event = json.loads(row.payload or "{}").get("event_id")
        if unsure:
            text = (f"This may have been sent to WhatsApp, but that is not certain ({reason}). It "
                    "will not be sent again by itself: look in the group, and write it again if it "
                    "is missing.")
        else:
            text = f"This was not sent to WhatsApp: {reason}. Write it again to try once more."
        lane = f"in:{row.lane.partition(':')[2]}"
        yield from queue.put(lane, f"failed:{row.id}", "notice",
                             payload=json.dumps({"text": text, "event": event}))
        return [lane]


def _too_large(size: int) -> GiveUp:
    return GiveUp(f"the file has {size // 2**20} MB; WhatsApp takes {SIZE_LIMIT // 2**20} MB")


def _sent(row_id: int, chat_id: int, message_id: str, record_id: int) -> Unit[None]:
    yield from messages.link_whatsapp(chat_id, message_id, record_id)
    yield from queue.done(row_id)
