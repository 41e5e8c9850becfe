"""Matrix to WhatsApp: the handler of the lanes `out:CHAT`, which sends what staff wrote.

WhatsApp gives no way to send under an id of our own: a row that may have been sent is never sent
again by itself.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive import directory, ids, messages, queue, settings
from archive.db import Database, Unit
from archive.model import MESSAGE_KINDS, Chat, QueueRow, Record
from bridge.clock import now_ms
from bridge.link import LinkDown, LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.outward import compose, marks
from bridge.outward.attachments import Attachments
from bridge.outward.compose import Poll, Quote, Words
from bridge.outward.outbox import LATE_MS, REFUSED_TYPES
from bridge.outward.voice import Voice
from bridge.rooms import standing
from bridge.rooms.media import Media
from bridge.shown import convert
from bridge.steps import reached
from bridge.worker import Away, GiveUp, Retry, Unsure
from config import Config

# WhatsApp's clients offer an edit for 15 minutes and take one that comes up to 5 minutes later
# (whatsmeow's EditWindow is 20 minutes, for the same reason).
EDIT_WINDOW_MS = 20 * 60 * 1000
# "Delete for everyone" works for two days and twelve hours (WhatsApp, August 2022); after that
# phones ignore it, though the server takes it.
REVOKE_WINDOW_MS = 60 * 60 * 60 * 1000
POLL_OPTIONS = 12
CORRECTED = "_Correction of the message of {when}:_\n{text}"
_BESIDE = "beside "  # + record id: the setting with the ids of messages that belong to its own


class Outbound:
    """The handler of the lanes to WhatsApp."""

    repeatable = False

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, link: Link,
                 media: Media, own_jid: Callable[[], str], wake: Callable[[str], None]) -> None:
        self._zone = ZoneInfo(config.timezone)
        self._prefix = config.bot.prefix
        self._db = database
        self._link = link
        self._attachments = Attachments(link, media, homeserver)
        self._own_jid = own_jid
        self._wake = wake
        self._voice = Voice(config, database, homeserver, link)

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
        if closed := (await standing.get(self._db, chat.jid)).closed_for(record.kind):
            raise GiveUp(closed)
        event = json.loads(row.payload or "{}")
        try:
            message = await self._of_row(row, record, chat, event)
        except LinkError as error:
            raise _again(record, error) from error
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
            raise _again(record, error) from error
        except LinkUnsure as error:
            raise Unsure(str(error)) from error
        reached("out5-sent")
        beside = row.task == "name" or (
            record.kind == "edit" and not message.HasField("editedMessage"))
        lanes = await self._db.write(
            _sent(row, chat, sent.id, record, event.get("event_id"), beside=beside))
        reached("out6-done")
        for lane in lanes:
            self._wake(lane)

    async def _of_row(self, row: QueueRow, record: Record, chat: Chat, event: dict[str, Any]
                      ) -> Any:
        """The WhatsApp message of a row; None when there is nothing to send."""
        match row.task:
            case "name":
                words = await self._words(record, chat, event["content"])
                return compose.text_message(await self._voice.caption(words, event["sender"]), None)
            case "revoke":
                return compose.revoke_message(compose.message_key(
                    chat.jid, event["message"], from_me=True, participant=""))
            case _ if await self._nameless(record):
                raise GiveUp("the line that says who speaks could not be sent")
        return await self._message(record, chat, event)

    async def _nameless(self, record: Record) -> bool:
        """Is the line missing that should stand before this?"""
        if not compose.needs_name(record.kind, record.media_mime):
            return False
        rows = await self._db.read(
            "SELECT state FROM queue WHERE record_id = ? AND task = 'name'", record.id)
        return not rows or rows[0]["state"] == "failed"

    async def _message(self, record: Record, chat: Chat, event: dict[str, Any]) -> Any:
        """The WhatsApp message of a record; None when there is nothing to send."""
        content, sender = event["content"], event["sender"]
        match record.kind:
            case "reaction" | "edit" | "deletion" | "vote":
                return await self._about(record, chat, event)
            case "text":
                words = await self._voice.relayed(
                    await self._words(record, chat, content), sender)
                return compose.text_message(words, await self._quote(record, chat))
            case "image" | "video" | "audio" | "document" | "sticker":
                return await self._file(record, chat, event)
            case "location":
                return await self._place(record, chat, sender)
            case "poll":
                poll = _poll(record)
                if not 2 <= len(poll.options) <= POLL_OPTIONS:
                    raise GiveUp(f"a poll on WhatsApp has 2 to {POLL_OPTIONS} different options, "
                                 f"this one has {len(poll.options)}")
                return compose.poll_message(
                    Poll(await self._plainly(poll.question, sender), poll.options,
                         poll.selectable, poll.secret), await self._quote(record, chat))
            case _:
                what = REFUSED_TYPES.get(event["type"]) or content.get("msgtype")
                raise GiveUp(f"the bridge cannot send {what} to WhatsApp yet")

    async def _words(self, record: Record, chat: Chat, content: dict[str, Any]) -> Words:
        """What a record of staff says, as WhatsApp writes it."""
        new = content.get("m.new_content") if record.kind == "edit" else content
        return await self._voice.words(new if isinstance(new, dict) else {}, record.text, chat)

    async def _plainly(self, text: str, mxid: str) -> str:
        """`Name: text`, where WhatsApp knows no formatting."""
        name = " ".join((await self._voice.name(mxid)).split())
        return f"{name}: {text}" if text else name

    async def _quote(self, record: Record, chat: Chat) -> Quote | None:
        if record.target_id is None:
            return None
        target = await messages.get(self._db, record.target_id)
        return await self._quote_of(target, chat)

    async def _quote_of(self, target: Record | None, chat: Chat) -> Quote | None:
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            return None
        address = await self._address(target)
        if target.origin == "whatsapp":
            raw = await messages.raw(self._db, target.id)
            return Quote(message_id, address, target.text, raw)
        said = Words(target.text or target.media_name or "")
        return Quote(message_id, address,
                     (await self._voice.relayed(said, await self._mxid(target))).text, None)

    async def _message_id(self, record: Record | None) -> str | None:
        """The id under which WhatsApp knows a message; what the record says about the group is no
        message there."""
        if record is None or record.kind not in MESSAGE_KINDS:
            return None
        return await messages.whatsapp_id(self._db, record.id)

    def _own(self) -> str:
        own = self._own_jid()
        if not own:
            raise LinkDown("WhatsApp is not connected")
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

    async def _own_in(self, chat: Chat) -> str:
        """The department's JID as a group names it."""
        user, _, server = self._own().partition("@")
        kind = "lid" if server == ids.LID_SERVER else "pn"
        person = await directory.find(self._db, kind, user)
        return await self._voice.address(person, chat) if person else self._own()

    async def _file(self, record: Record, chat: Chat, event: dict[str, Any]) -> Any:
        content = event["content"]
        kind, mime, shape, upload = await self._attachments.upload(record, content)
        words = await self._words(record, chat, content)
        return compose.media_message(
            kind, upload, mime=mime, name=convert.file_name(record),
            caption=await self._voice.caption(words, event["sender"]),
            quote=await self._quote(record, chat), shape=shape)

    async def _place(self, record: Record, chat: Chat, sender: str) -> Any:
        place = json.loads(record.detail or "{}")
        if "latitude" not in place:
            raise GiveUp("the place has no coordinates that can be read")
        return compose.location_message(
            place["latitude"], place["longitude"], await self._plainly(record.text, sender),
            await self._quote(record, chat))

    async def _about(self, record: Record, chat: Chat, event: dict[str, Any]) -> Any:
        """A reaction, an edit, a vote or a deletion of something that WhatsApp knows."""
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        if target is not None and record.kind == "deletion":
            if target.kind == "reaction":
                left = await self._remaining(target)
                return await self._reaction(target, chat, left.text if left else "")
            if target.kind == "vote":
                left = await self._remaining(target)
                return await self._vote(target, chat, _options(left) if left else [])
        if record.kind == "reaction":
            return await self._reaction(record, chat, record.text)
        if record.kind == "vote":
            return await self._vote(record, chat, _options(record))
        message_id = await self._message_id(target)
        if target is not None and target.origin != "matrix":
            raise GiveUp("only the sender, or an admin of the group on WhatsApp, can change it")
        if target is None or message_id is None:
            if record.kind == "deletion":
                return None  # it never got there
            raise GiveUp("the message that it changes is not on WhatsApp")
        key = compose.message_key(chat.jid, message_id, from_me=True, participant="")
        age = now_ms() - target.sent_at
        if record.kind == "deletion":
            if age > REVOKE_WINDOW_MS:
                raise GiveUp("WhatsApp deletes nothing for everyone that is older than two and a "
                             "half days; it still stands in the group")
            return compose.revoke_message(key)
        return await self._edit(record, target, key, chat, event)

    async def _edit(self, record: Record, target: Record, key: Any, chat: Chat,
                    event: dict[str, Any]) -> Any:
        """An edit, or a correction when WhatsApp takes no edit any more."""
        if record.sender_id != target.sender_id:
            raise GiveUp("only the author can change a message")
        kind = compose.leaves_as(target.kind, target.media_mime)
        if kind not in ("text", "image", "video", "document"):
            raise GiveUp(f"on WhatsApp a {kind} cannot be changed")
        words, mxid = await self._words(record, chat, event["content"]), event["sender"]
        if now_ms() - target.sent_at > EDIT_WINDOW_MS:
            when = datetime.fromtimestamp(target.sent_at / 1000, self._zone)
            text = CORRECTED.format(when=f"{when:%d %B %Y, %H:%M}", text=words.text)
            said = await self._voice.relayed(Words(text, words.mentions, words.everyone), mxid)
            return compose.text_message(said, await self._quote_of(target, chat))
        if kind == "text":
            new = compose.text_message(await self._voice.relayed(words, mxid), None)
        else:
            new = compose.caption_message(kind, await self._voice.caption(words, mxid))
        return compose.edit_message(key, new, record.sent_at)

    async def _mxid(self, record: Record) -> str:
        person = await directory.person(self._db, record.sender_id)
        return person.mxid or ""

    async def _remaining(self, removed: Record) -> Record | None:
        """The newest reaction (or vote) of staff that still stands beside a removed one: to
        WhatsApp they are all of one person, who has one reaction to a message."""
        rows = await self._db.read(
            """SELECT r.id FROM record r WHERE r.target_id = ? AND r.kind = ?
            AND r.origin = 'matrix' AND r.id <> ? AND NOT EXISTS
                (SELECT 1 FROM record d WHERE d.target_id = r.id AND d.kind = 'deletion')
            ORDER BY r.id DESC LIMIT 1""", removed.target_id, removed.kind, removed.id)
        return await messages.get(self._db, rows[0]["id"]) if rows else None

    async def _key(self, target: Record | None, chat: Chat, participant: str = "") -> Any:
        """The key of a message that somebody reacts to or votes in. Raises GiveUp when WhatsApp
        does not know it."""
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            raise GiveUp("what it is about is no message on WhatsApp")
        return compose.message_key(chat.jid, message_id, from_me=await self._ours(target),
                                   participant=participant or await self._address(target))

    async def _reaction(self, record: Record, chat: Chat, emoji: str) -> Any:
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        return compose.reaction_message(await self._key(target, chat), emoji, record.sent_at)

    async def _vote(self, record: Record, chat: Chat, options: list[str]) -> Any:
        """A vote of the department's number: of several of staff the last one counts."""
        poll = await messages.get(self._db, record.target_id) if record.target_id else None
        if poll is None or poll.kind != "poll":
            raise GiveUp("the poll is not on WhatsApp")
        voter = await self._own_in(chat)
        person = None if poll.origin == "matrix" or poll.sender_id is None else \
            await directory.person(self._db, poll.sender_id)
        author = await self._voice.address(person, chat) if person else voter
        key = await self._key(poll, chat, author)
        if poll.origin == "matrix":
            secret = _poll(poll).secret
        else:
            secret = compose.secret_of(await messages.raw(self._db, poll.id) or b"")
        if not secret:
            raise GiveUp("the poll came without the secret that a vote is sealed with")
        return compose.vote_message(key, author, voter, secret, options, now_ms())

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """The room is told, in reply to the message, and the message is marked."""
        event = json.loads(row.payload or "{}").get("event_id")
        how = f"react to it with {marks.AGAIN}, or answer it with {self._prefix}wa retry"
        if unsure:
            text = (f"This may have been sent to WhatsApp, but that is not certain ({reason}). It "
                    "will not be sent again by itself: look in the group, and if it is missing, "
                    f"{how}.")
        else:
            text = f"This was not sent to WhatsApp: {reason}. To try once more, {how}."
        lane, at = f"in:{row.lane.partition(':')[2]}", now_ms()
        yield from queue.put(lane, f"failed:{row.id}:{at}", "notice",
                             payload=json.dumps({"text": text, "event": event}))
        return [lane, (yield from marks.warn(row, event, at))] if event else [lane]


def _again(record: Record, error: LinkError) -> Retry:
    """While the line is down a message waits for it; but an answer that comes hours late does harm,
    so after one hour its tries are counted, and it ends with a notice."""
    if isinstance(error, LinkDown) and now_ms() - record.received_at < LATE_MS:
        return Away(str(error))
    return Retry(str(error))


def _options(vote: Record) -> list[str]:
    return [str(name) for name in json.loads(vote.detail or "{}").get("options", [])]


def _poll(record: Record) -> Poll:
    said = json.loads(record.detail or "{}")
    return Poll(record.text, [str(name) for name in said.get("options", [])],
                int(said.get("selectable") or 0), bytes.fromhex(said.get("secret", "")))


def _sent(row: QueueRow, chat: Chat, message_id: str, record: Record, event: str | None, *,
          beside: bool) -> Unit[list[str]]:
    """Note what left, and what must follow: the mark of an earlier failure goes, and with a message
    that was deleted go the messages `beside` it: its author's name, its corrections. Returns the
    lanes that got work."""
    if beside:
        about = record.id if row.task == "name" else record.target_id
        known = yield from _beside(about)
        yield from settings.put(f"{_BESIDE}{about}", " ".join([*known, message_id]))
    if row.task not in ("name", "revoke"):
        yield from messages.link_whatsapp(chat.id, message_id, record.id)
    yield from queue.done(row.id)
    if record.kind == "deletion" and row.task == "send":
        for other in (yield from _beside(record.target_id)):
            yield from queue.put(row.lane, f"revoke:{chat.id}:{other}", "revoke",
                                 record_id=record.id, payload=json.dumps(
                                     {"message": other, "event_id": event}))
    lane = (yield from marks.clear(row, event, now_ms())) if event else None
    return [lane] if lane else []


def _beside(record_id: int | None) -> Unit[list[str]]:
    rows = yield "SELECT value FROM setting WHERE name = ?", (f"{_BESIDE}{record_id}",)
    return rows[0]["value"].split() if rows else []
