"""Matrix to WhatsApp: the handler of the lanes `out:CHAT`, which sends what staff wrote.

WhatsApp gives no way to send under an id of our own: a row that may have been sent is never sent
again by itself.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from archive import directory, ids, messages, queue
from archive.db import Database, Unit
from archive.model import MESSAGE_KINDS, Chat, QueueRow, Record
from bridge import convert
from bridge.clock import now_ms
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.media import Media
from bridge.outbox import REFUSED_TYPES
from bridge.steps import reached
from bridge.worker import GiveUp, Retry, Unsure
from config import Config

EDIT_WINDOW_MS = 20 * 60 * 1000  # WhatsApp takes no later edit
SIZE_LIMIT = 64 * 1024 * 1024  # bytes; WhatsApp's own limit for pictures and videos


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
