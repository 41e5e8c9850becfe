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

from archive import directory, ids, messages, queue, sent, settings
from archive.db import Database, Unit
from archive.model import MESSAGE_KINDS, Chat, QueueRow, Record
from bridge.accounts import Account, Accounts
from bridge.clock import now_ms
from bridge.link import LinkDown, LinkError, LinkUnsure
from bridge.matrix import Homeserver, HomeserverError
from bridge.outward import compose, heard, marks, rights
from bridge.outward.attachments import Attachments
from bridge.outward.compose import Poll, Quote, Words
from bridge.outward.outbox import LATE_MS, REFUSED_TYPES
from bridge.outward.sealed import REASON
from bridge.outward.speakers import Speakers
from bridge.outward.voice import Voice
from bridge.rooms import directs, standing
from bridge.rooms.media import Media
from bridge.shown import convert
from bridge.steps import reached
from bridge.whatsapp import described
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

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 accounts: Accounts, media: Media, wake: Callable[[str], None]) -> None:
        self._zone = ZoneInfo(config.timezone)
        self._prefix = config.bot.prefix
        self._db = database
        self._accounts = accounts
        self._speakers = Speakers(database, accounts)
        self._attachments = Attachments(media, homeserver)
        self._wake = wake
        self._voice = Voice(config, database, homeserver, accounts.department.link)
        self._rights = rights.Rights(database, homeserver, accounts.department.link)

    async def begin(self, lane: str, recovering: bool) -> None:
        """Nothing to look up: what was in doubt is unsure already."""

    async def prepare(self, rows: list[QueueRow]) -> None:
        """Rows are few and far between here; each reads what it needs."""
        reached("out3-claimed")

    async def flush(self, lane: str) -> None:
        """Every row is committed before the next one begins."""

    async def speaker(self, row: QueueRow) -> str:
        """The account from which a row leaves, for the pace."""
        return await self._speakers.speaker(row)

    async def handle(self, row: QueueRow) -> None:
        """Send one row to WhatsApp and note under which id it is there."""
        if row.task == rights.TASK:
            for lane in await self._rights.handle(row):
                self._wake(lane)
            return
        record = await messages.get(self._db, row.record_id)
        chat = await directory.chat(self._db, int(row.lane.partition(":")[2]))
        if record is None or chat is None:
            raise GiveUp("it is not in the archive")
        if row.task == "late":
            raise GiveUp("the homeserver handed it over too late")
        event = json.loads(row.payload or "{}")
        try:
            by = await self._speakers.of(row, record, chat, event)
            await self._must_be_open(record, chat, by)
            message = await self._of_row(row, record, chat, event, by)
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
        await self._db.write(_attempt(row, by, message, heard_by_others=len(self._accounts) > 1))
        reached("out5-attempted")
        async with self._accounts.leaving(chat.id):
            lanes = await self._leave(row, record, chat, event, by, message)
        reached("out6-done")
        for lane in lanes:
            self._wake(lane)

    async def _leave(self, row: QueueRow, record: Record, chat: Chat, event: dict[str, Any],
                     by: Account, message: Any) -> list[str]:
        """Step 5, and the note of it. Returns the lanes that got work."""
        try:
            gone = await by.link.send(await directs.address(self._db, chat), message)
        except LinkError as error:
            if by.own:
                self._speakers.refused(row)
            raise _again(record, error) from error
        except LinkUnsure as error:
            raise Unsure(str(error)) from error
        reached("out5-sent")
        beside = row.task == "name" or (
            record.kind == "edit" and not message.HasField("editedMessage"))
        return await self._db.write(
            _sent(row, chat, gone.id, record, event.get("event_id"), by.key, beside=beside))

    async def _must_be_open(self, record: Record, chat: Chat, by: Account) -> None:
        """Raises GiveUp when nothing can be sent into the group."""
        stood = await standing.get(self._db, chat.jid)
        closed = stood.closed_for(record.kind)
        if closed and not (stood.restricted and await self._speakers.may_write(by, chat)):
            raise GiveUp(closed)

    async def _of_row(self, row: QueueRow, record: Record, chat: Chat, event: dict[str, Any],
                      by: Account) -> Any:
        """The WhatsApp message of a row; None when there is nothing to send."""
        match row.task:
            case "name":
                words = await self._words(record, chat, event["content"])
                if by.own and not words.text:
                    return None  # the number itself says who speaks
                return compose.text_message(await self._caption(words, event["sender"], by), None)
            case "revoke":
                return compose.revoke_message(compose.message_key(
                    await directs.address(self._db, chat), event["message"], from_me=True,
                    participant=""))
            case _ if await self._nameless(record, by):
                raise GiveUp("the line that says who speaks could not be sent")
        return await self._message(record, chat, event, by)

    async def _nameless(self, record: Record, by: Account) -> bool:
        """Is the line missing that should stand before this? Raises Retry when it is sent first
        now, as the own number, which did not need it, has gone."""
        if by.own or not compose.needs_name(record.kind, record.media_mime):
            return False
        rows = await self._db.read(
            "SELECT state FROM queue WHERE record_id = ? AND task = 'name'", record.id)
        if rows and rows[0]["state"] == "done" and not await self._named(record):
            await self._db.write(_name_again(record.id))
            raise Retry("the name of who speaks goes before it")
        return not rows or rows[0]["state"] == "failed"

    async def _named(self, record: Record) -> bool:
        """Has the department's number said who speaks?"""
        beside = (await settings.get(self._db, f"{_BESIDE}{record.id}") or "").split()
        return bool(beside) and bool(await self._db.read(
            f"SELECT 1 FROM whatsapp_sent WHERE account = ? AND chat_id = ? AND message_id IN "
            f"({', '.join('?' * len(beside))})", sent.DEPARTMENT, record.chat_id, *beside))

    async def _message(self, record: Record, chat: Chat, event: dict[str, Any], by: Account
                       ) -> Any:
        """The WhatsApp message of a record; None when there is nothing to send."""
        content, sender = event["content"], event["sender"]
        match record.kind:
            case "reaction" | "edit" | "deletion" | "vote":
                return await self._about(record, chat, event, by)
            case "text":
                words = await self._said(await self._words(record, chat, content), sender, by)
                return compose.text_message(words, await self._quote(record, by))
            case "image" | "video" | "audio" | "document" | "sticker":
                return await self._file(record, chat, event, by)
            case "location":
                return await self._place(record, sender, by)
            case "poll":
                poll = _poll(record)
                if not 2 <= len(poll.options) <= POLL_OPTIONS:
                    raise GiveUp(f"a poll on WhatsApp has 2 to {POLL_OPTIONS} different options, "
                                 f"this one has {len(poll.options)}")
                return compose.poll_message(
                    Poll(await self._plainly(poll.question, sender, by), poll.options,
                         poll.selectable, poll.secret), await self._quote(record, by))
            case _ if REASON in event:
                raise GiveUp(f"it could not be read: {event[REASON]}; write it again")
            case _:
                what = REFUSED_TYPES.get(event["type"]) or content.get("msgtype")
                raise GiveUp(f"the bridge cannot send {what} to WhatsApp yet")

    async def _words(self, record: Record, chat: Chat, content: dict[str, Any]) -> Words:
        """What a record of staff says, as WhatsApp writes it."""
        new = content.get("m.new_content") if record.kind == "edit" else content
        return await self._voice.words(new if isinstance(new, dict) else {}, record.text, chat)

    async def _said(self, words: Words, mxid: str, by: Account) -> Words:
        """The words as the group reads them: under their author's name, unless the number is the
        author's own."""
        return words if by.own else await self._voice.relayed(words, mxid)

    async def _caption(self, words: Words, mxid: str, by: Account) -> Words:
        return words if by.own else await self._voice.caption(words, mxid)

    async def _plainly(self, text: str, mxid: str, by: Account) -> str:
        """`Name: text`, where WhatsApp knows no formatting."""
        if by.own:
            return text
        name = " ".join((await self._voice.name(mxid)).split())
        return f"{name}: {text}" if text else name

    async def _quote(self, record: Record, by: Account) -> Quote | None:
        if record.target_id is None:
            return None
        return await self._quote_of(await messages.get(self._db, record.target_id), by)

    async def _quote_of(self, target: Record | None, by: Account) -> Quote | None:
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            return None
        address = await self._address(target, by)
        if target.origin == "whatsapp":
            raw = await messages.raw(self._db, target.id)
            return Quote(message_id, address, target.text, raw)
        said = Words(target.text or target.media_name or "")
        if await sent.account_of(self._db, target.id) == sent.DEPARTMENT:
            said = await self._voice.relayed(said, await self._mxid(target))
        return Quote(message_id, address, said.text, None)

    async def _message_id(self, record: Record | None) -> str | None:
        """The id under which WhatsApp knows a message; what the record says about the group is no
        message there."""
        if record is None or record.kind not in MESSAGE_KINDS:
            return None
        return await messages.whatsapp_id(self._db, record.id)

    async def _address(self, record: Record, by: Account) -> str:
        """The JID under which a message's sender is known in the group."""
        if record.origin == "matrix" or record.sender_id is None:
            author = await self._speakers.author(record)
            if author is None or author is by:
                return _jid(by)
            person = await self._accounts.person(author)
            return f"{person.lid}@{ids.LID_SERVER}" if person and person.lid else _jid(author)
        person = await directory.person(self._db, record.sender_id)
        if person.lid:
            return f"{person.lid}@{ids.LID_SERVER}"
        return f"{person.pn}@{ids.USER_SERVER}"

    async def _own_in(self, by: Account, chat: Chat) -> str:
        """The JID of one of our accounts as a group names it."""
        person = await self._accounts.person(by)
        return await self._voice.address(person, chat) if person else _jid(by)

    async def _file(self, record: Record, chat: Chat, event: dict[str, Any], by: Account) -> Any:
        content = event["content"]
        kind, mime, shape, upload = await self._attachments.upload(record, content, by.link)
        words = await self._words(record, chat, content)
        return compose.media_message(
            kind, upload, mime=mime, name=convert.file_name(record),
            caption=await self._caption(words, event["sender"], by),
            quote=await self._quote(record, by), shape=shape)

    async def _place(self, record: Record, sender: str, by: Account) -> Any:
        place = json.loads(record.detail or "{}")
        if "latitude" not in place:
            raise GiveUp("the place has no coordinates that can be read")
        return compose.location_message(
            place["latitude"], place["longitude"], await self._plainly(record.text, sender, by),
            await self._quote(record, by))

    async def _about(self, record: Record, chat: Chat, event: dict[str, Any], by: Account) -> Any:
        """A reaction, an edit, a vote or a deletion of something that WhatsApp knows."""
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        if target is not None and record.kind == "deletion":
            if target.kind == "reaction":
                left = await self._remaining(target, by)
                return await self._reaction(target, chat, left.text if left else "", by)
            if target.kind == "vote":
                left = await self._remaining(target, by)
                return await self._vote(target, chat, _options(left) if left else [], by)
        if record.kind == "reaction":
            return await self._reaction(record, chat, record.text, by)
        if record.kind == "vote":
            return await self._vote(record, chat, _options(record), by)
        message_id = await self._message_id(target)
        if target is not None and target.origin != "matrix":
            raise GiveUp("only the sender, or an admin of the group on WhatsApp, can change it")
        if target is None or message_id is None:
            if record.kind == "deletion":
                return None  # it never got there
            raise GiveUp("the message that it changes is not on WhatsApp")
        key = compose.message_key(
            await directs.address(self._db, chat), message_id, from_me=True, participant="")
        age = now_ms() - target.sent_at
        if record.kind == "deletion":
            if age > REVOKE_WINDOW_MS:
                raise GiveUp("WhatsApp deletes nothing for everyone that is older than two and a "
                             "half days; it still stands in the group")
            return compose.revoke_message(key)
        return await self._edit(record, target, key, chat, event, by)

    async def _edit(self, record: Record, target: Record, key: Any, chat: Chat,
                    event: dict[str, Any], by: Account) -> Any:
        """An edit, or a correction when WhatsApp takes no edit any more."""
        if record.sender_id != target.sender_id:
            raise GiveUp("only the author can change a message")
        kind = await self._attachments.left_as(target)
        if kind not in ("text", "image", "video", "document"):
            raise GiveUp(f"on WhatsApp a {kind} cannot be changed")
        words, mxid = await self._words(record, chat, event["content"]), event["sender"]
        if now_ms() - target.sent_at > EDIT_WINDOW_MS:
            when = datetime.fromtimestamp(target.sent_at / 1000, self._zone)
            text = CORRECTED.format(when=f"{when:%d %B %Y, %H:%M}", text=words.text)
            said = await self._said(Words(text, words.mentions, words.everyone), mxid, by)
            return compose.text_message(said, await self._quote_of(target, by))
        if kind == "text":
            new = compose.text_message(await self._said(words, mxid, by), None)
        else:
            new = compose.caption_message(kind, await self._caption(words, mxid, by))
        return compose.edit_message(key, new, record.sent_at)

    async def _mxid(self, record: Record) -> str:
        person = await directory.person(self._db, record.sender_id)
        return person.mxid or ""

    async def _remaining(self, removed: Record, by: Account) -> Record | None:
        """The newest reaction (or vote) from the same number that still stands beside a removed
        one: those that the department's carries are to WhatsApp all of one person, who has one
        reaction to a message."""
        rows = await self._db.read(
            """SELECT r.id FROM record r WHERE r.target_id = ? AND r.kind = ?
            AND r.origin = 'matrix' AND r.id <> ? AND NOT EXISTS
                (SELECT 1 FROM record d WHERE d.target_id = r.id AND d.kind = 'deletion')
            ORDER BY r.id DESC""", removed.target_id, removed.kind, removed.id)
        for row in rows:
            if await sent.account_of(self._db, row["id"]) == by.key:
                return await messages.get(self._db, row["id"])
        return None

    async def _key(self, target: Record | None, chat: Chat, by: Account, participant: str = ""
                   ) -> Any:
        """The key of a message that somebody reacts to or votes in. Raises GiveUp when WhatsApp
        does not know it."""
        message_id = await self._message_id(target)
        if target is None or message_id is None:
            raise GiveUp("what it is about is no message on WhatsApp")
        if described.is_direct(chat.jid):
            participant = ""
        else:
            participant = participant or await self._address(target, by)
        return compose.message_key(
            await directs.address(self._db, chat), message_id,
            from_me=await self._speakers.sent(by, target), participant=participant)

    async def _reaction(self, record: Record, chat: Chat, emoji: str, by: Account) -> Any:
        target = await messages.get(self._db, record.target_id) if record.target_id else None
        return compose.reaction_message(
            await self._key(target, chat, by), emoji, record.sent_at)

    async def _vote(self, record: Record, chat: Chat, options: list[str], by: Account) -> Any:
        """A vote of one number: of several that the department's carries the last one counts."""
        poll = await messages.get(self._db, record.target_id) if record.target_id else None
        if poll is None or poll.kind != "poll":
            raise GiveUp("the poll is not on WhatsApp")
        voter = await self._own_in(by, chat)
        author = await self._poll_author(poll, chat, by)
        key = await self._key(poll, chat, by, author)
        if poll.origin == "matrix":
            secret = _poll(poll).secret
        else:
            secret = compose.secret_of(await messages.raw(self._db, poll.id) or b"")
        if not secret:
            raise GiveUp("the poll came without the secret that a vote is sealed with")
        return compose.vote_message(key, author, voter, secret, options, now_ms())

    async def _poll_author(self, poll: Record, chat: Chat, by: Account) -> str:
        """The JID of who made a poll, as the group names them."""
        if poll.origin == "matrix" or poll.sender_id is None:
            author = await self._speakers.author(poll)
            if author is None:
                raise GiveUp("the number that made the poll is not linked any more")
            return await self._own_in(author, chat)
        person = await directory.person(self._db, poll.sender_id)
        return await self._voice.address(person, chat) if person else await self._own_in(by, chat)

    def complaint(self, row: QueueRow, reason: str, *, unsure: bool) -> Unit[list[str]]:
        """The room is told, in reply to the message, and the message is marked."""
        if row.task == rights.TASK:
            return (yield from rights.complaint(row, reason))
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


def _jid(account: Account) -> str:
    """An account's own JID. Raises LinkDown while it is not known."""
    if not account.jid:
        raise LinkDown("WhatsApp is not connected")
    return account.jid


def _name_again(record_id: int) -> Unit[None]:
    """The line that says who speaks is sent after all, before what it belongs to."""
    yield ("UPDATE queue SET state = 'ready', next_at = 0, attempted_at = NULL "
           "WHERE record_id = ? AND task = 'name' AND state = 'done'", (record_id,))


def _attempt(row: QueueRow, by: Account, message: Any, *, heard_by_others: bool) -> Unit[None]:
    yield from queue.attempt(row.id, now_ms())
    if heard_by_others:
        yield from heard.leaving(row.id, by.key, message)


def _sent(row: QueueRow, chat: Chat, message_id: str, record: Record, event: str | None,
          account: str, *, beside: bool) -> Unit[list[str]]:
    """Note what left, and what must follow: the mark of an earlier failure goes, and with a message
    that was deleted go the messages `beside` it: its author's name, its corrections. Returns the
    lanes that got work."""
    yield from sent.note(chat.id, message_id, account, now_ms())
    yield from heard.left(row.id)
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
                                     {"message": other, "event_id": event,
                                      "account": account}))
    lane = (yield from marks.clear(row.id, row.lane, event, now_ms())) if event else None
    return [lane] if lane else []


def _beside(record_id: int | None) -> Unit[list[str]]:
    rows = yield "SELECT value FROM setting WHERE name = ?", (f"{_BESIDE}{record_id}",)
    return rows[0]["value"].split() if rows else []
