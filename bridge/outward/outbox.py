"""Step 2 of the way back: what staff write in a mirrored room is stored before the homeserver is
answered, and it is decided whether it leaves for WhatsApp."""
from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archive import directory, messages, queue
from archive.db import Database, Unit
from archive.model import Chat, NewRecord, Sender
from bridge.clock import now_ms, sensible
from bridge.matrix import Homeserver
from bridge.outward import compose, rights
from bridge.outward.marks import AGAIN, WARNING
from bridge.outward.sealed import opened
from bridge.outward.spoken import attributed, is_spoken
from bridge.shown import convert
from bridge.steps import reached
from config import Config
from nlp.words import is_command, without_fallback

_KINDS = {"m.text": "text", "m.emote": "text", "m.image": "image", "m.video": "video",
          "m.audio": "audio", "m.file": "document", "m.location": "location"}
LATE_MS = 3_600_000  # what could not leave within this does not leave by itself any more
_FILES = ("image", "video", "audio", "document", "sticker")
POLLS = ("m.poll.start", "org.matrix.msc3381.poll.start")
VOTES = ("m.poll.response", "org.matrix.msc3381.poll.response")
CARRIED_TYPES = ("m.room.message", "m.reaction", "m.room.redaction", "m.sticker", *POLLS, *VOTES,
                 *rights.TYPES)
# What people send, too, and must be told of that it does not leave.
REFUSED_TYPES = {
    "m.room.encrypted": "an encrypted message", "m.poll.end": "the end of a poll",
    "org.matrix.msc3381.poll.end": "the end of a poll",
}
ANSWERS = 100  # of a poll that are read


class Outbox:
    """Step 2 of the way back: the homeserver's transaction is stored, then answered."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 wake: Callable[[str], None]) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._wake = wake
        self._bot = config.user_id(config.bot.user)
        self._ours = {homeserver.bot_id, self._bot}
        # reactions that stand for commands of the bot's, and must not puzzle officials
        self._buttons = {_bare(config.bot.buttons.get(name, "")) for name in ("open", "link")}
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
        wanted = [event for event in wanted if not await self._is_echo(event, rooms)]
        if self._homeserver.encryption:
            wanted = [event for event in await opened(
                self._db, self._homeserver, wanted, {*rooms, *self._admin_rooms}, self._wake)
                if self._concerns_us(event)]
        wanted = [attributed(event, self._bot) for event in wanted]
        retries: dict[str, int] = {}
        stray: set[str] = set()
        for event in wanted:
            if event["room_id"] in rooms:
                if await self._learn_targets(event) and self._is_said(event):
                    stray.add(event["event_id"])
                if found := await self._wants_again(event):
                    retries[event["event_id"]] = found
        lanes = await self._db.write(self._store(wanted, rooms, late, retries, stray))
        reached("out2-after-store")
        for lane in lanes:
            self._wake(lane)

    async def _is_echo(self, event: dict[str, Any], rooms: dict[str, Chat]) -> bool:
        """Did the bridge send this itself, as a member of staff who wrote it on their phone? The
        mark alone does not say so: a client that forwards such a message copies it."""
        mark, chat = event["content"].get(convert.RECORD_MARK), rooms.get(event["room_id"])
        if not isinstance(mark, int) or chat is None:
            return False
        record = await messages.get(self._db, mark)
        if record is None or record.chat_id != chat.id or record.origin != "whatsapp":
            return False
        if not self._homeserver.speaks_as(event["sender"]):
            person = await directory.person(self._db, record.sender_id) \
                if record.sender_id else None
            if person is None or person.mxid != event["sender"]:
                return False
        part = event["content"].get(convert.RECORD_MARK + ".part", 0)
        sent = dict(map(reversed, await messages.events_of(self._db, mark)))
        return sent.get(part, event["event_id"]) == event["event_id"]

    async def _learn_targets(self, event: dict[str, Any]) -> bool:
        """A message may answer an event that was sent just before a crash and is not in our books
        yet. Such an event carries our mark: note it now, or the answer would count as internal.
        Returns whether it answers anything that neither the books know nor we or the bot said."""
        stray = False
        for event_id in _related(event):
            if await messages.by_event(self._db, event_id) is not None:
                continue
            found = await self._homeserver.event(event["room_id"], event_id)
            mark = (found or {}).get("content", {}).get(convert.RECORD_MARK)
            if isinstance(mark, int) and self._homeserver.speaks_as(str(found.get("sender"))) \
                    and await messages.get(self._db, mark) is not None:
                part = found["content"].get(convert.RECORD_MARK + ".part", 0)
                await self._db.write(
                    messages.link_event(event_id, event["room_id"], mark, part))
            else:
                stray = stray or (found or {}).get("sender") not in self._ours
        return stray

    async def _wants_again(self, event: dict[str, Any]) -> int | None:
        """The record that somebody wants sent again: by a reaction to it or to the notice about it,
        or by a command in reply. None when it is nothing of the kind, or nothing failed."""
        if not self._asks_again(event):
            return None
        for event_id in _related(event):
            record = await messages.by_event(self._db, event_id)
            if record is None:
                found = await self._homeserver.event(event["room_id"], event_id) or {}
                about = _related(found) if found.get("sender") in self._ours else []
                record = await messages.by_event(self._db, about[0]) if about else None
            if record is not None and await self._db.read(
                    "SELECT 1 FROM queue WHERE record_id = ? AND state IN ('unsure', 'failed')",
                    record.id):
                return record.id
        return None

    def _asks_again(self, event: dict[str, Any]) -> bool:
        relates = event["content"].get("m.relates_to")
        if event["type"] == "m.reaction":
            return isinstance(relates, dict) and str(relates.get("key")).startswith(AGAIN)
        words = _own_words(event["content"]).lower().split()
        return event["type"] == "m.room.message" and \
            words == [f"{self._config.bot.prefix}wa", "retry"]

    def _is_said(self, event: dict[str, Any]) -> bool:
        """May its author expect this to leave? Not a command, a remark of a robot, a change."""
        content = event["content"]
        relates = content.get("m.relates_to")
        changes = isinstance(relates, dict) and relates.get("rel_type") == "m.replace"
        return event["type"] in ("m.room.message", "m.sticker", *POLLS) and not changes \
            and content.get("msgtype") != "m.notice" and "org.daftar.bot" not in content \
            and not is_command(_own_words(content), False, self._config.bot.prefix)

    def _concerns_us(self, event: dict[str, Any]) -> bool:
        sender = event.get("sender")
        return (event.get("type") in (*CARRIED_TYPES, *REFUSED_TYPES)
                and isinstance(event.get("event_id"), str)
                and isinstance(event.get("room_id"), str) and isinstance(sender, str)
                and isinstance(event.get("content"), dict)
                and (sender not in self._ours or is_spoken(event, self._bot))
                and not sender.startswith(self._ghosts))

    def _store(self, events: list[dict[str, Any]], rooms: dict[str, Chat], late: frozenset[str],
               retries: dict[str, int], stray: set[str]) -> Unit[set[str]]:
        lanes: set[str] = set()
        for event in events:
            room = event["room_id"]
            if room in self._admin_rooms:
                yield from queue.put(f"bot:{room}", f"m:{event['event_id']}", "command",
                                     payload=json.dumps(event))
                lanes.add(f"bot:{room}")
            elif room in rooms:
                if event["type"] in rights.TYPES:
                    lanes.update((yield from rights.store(
                        rooms[room], event, self._config.bridge.ghost_prefix,
                        late=event["event_id"] in late)))
                    continue
                again = retries.get(event["event_id"])
                if again is not None:
                    lanes.update((yield from _again(again)))
                lane = yield from self._store_one(
                    rooms[room], event, event["event_id"] in late, inside=again is not None)
                if lane is None and event["event_id"] in stray:
                    lane = yield from _kept_inside(rooms[room], event)
                if lane:
                    lanes.add(lane)
        return lanes

    def _store_one(self, chat: Chat, event: dict[str, Any], late: bool, *, inside: bool
                   ) -> Unit[str | None]:
        new = _read(chat.id, event)
        if new is not None and new.kind == "vote":
            new = yield from _with_options(new)
        if new is None or (new.kind == "reaction" and _bare(new.text) in self._buttons):
            return None
        if new.kind == "text" and is_command(new.text, False, self._config.bot.prefix):
            # No message: the bot keeps it, and every search would find itself.
            if self._asks_again(event):
                return (yield from _answer_again(chat, event, found=inside))
            return (yield from self._command(new.text, event))
        internal = inside or (yield from self._internal(new, event))
        record_id, fresh = yield from messages.add(
            NewRecord(**{**vars(new), "internal": internal}))
        if not fresh:
            return None
        yield from messages.link_event(event["event_id"], event["room_id"], record_id, 0)
        if internal:
            return None
        lane = f"out:{chat.id}"
        payload = json.dumps(event)
        if not late and compose.needs_name(new.kind, new.media_mime):
            yield from queue.put(lane, f"name:{event['event_id']}", "name", record_id=record_id,
                                 payload=payload)
        yield from queue.put(lane, f"m:{event['event_id']}", "late" if late else "send",
                             record_id=record_id, payload=payload)
        return lane

    def _command(self, text: str, event: dict[str, Any]) -> Unit[str | None]:
        """A command to the bridge is answered also in a group's room."""
        if text.split()[0].lower() != f"{self._config.bot.prefix}wa":
            return None
        lane = f"bot:{event['room_id']}"
        yield from queue.put(lane, f"m:{event['event_id']}", "command", payload=json.dumps(event))
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
    kind, text, target, detail = "", "", None, None
    match event["type"]:
        case "m.reaction":
            kind, text, target = "reaction", str(relates.get("key") or ""), relates.get("event_id")
        case "m.room.redaction":
            kind, target = "deletion", event.get("redacts") or content.get("redacts")
        case _ if event["type"] in VOTES:
            kind, target, detail = "vote", relates.get("event_id"), _chosen(content)
        case _ if relates.get("rel_type") == "m.replace":
            new = content.get("m.new_content")
            kind, target = "edit", relates.get("event_id")
            text = _words(_kind(new), new) if isinstance(new, dict) else ""
        case _:
            kind = _kind_of(event)
            text, detail = _words(kind, content), _detail(kind, event)
            if isinstance(reply, dict) and not relates.get("is_falling_back"):
                target = reply.get("event_id")
            elif relates.get("rel_type") == "m.thread":
                target = relates.get("event_id")
    if kind in ("reaction", "edit", "deletion", "vote") and not isinstance(target, str):
        return None
    if kind == "reaction" and not text:  # on WhatsApp it would take the last one back
        return None
    info = content.get("info")
    return NewRecord(
        chat_id=chat_id, kind=kind, origin="matrix", source_id=event["event_id"],
        sender=Sender(mxid=event["sender"]), sent_at=_time(event), received_at=now_ms(),
        text=text, target_source_id=target if isinstance(target, str) else None,
        media_name=_file_name(content) if kind in _FILES else None,
        media_mime=str(info["mimetype"]) if kind in _FILES and isinstance(info, dict)
        and "mimetype" in info else None,
        detail=json.dumps(detail, ensure_ascii=False) if detail else None,
        raw=json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))


def _kept_inside(chat: Chat, event: dict[str, Any]) -> Unit[str]:
    """What answers nothing of the group's stays in the house; who writes it may not know that."""
    text = ("This stays in the house: what it answers is no message of the group. To send it to "
            "WhatsApp, write it again without the reply.")
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"inside:{event['event_id']}", "notice",
                         payload=json.dumps({"text": text, "event": event["event_id"]}))
    return lane


def _bare(key: str) -> str:
    """A reaction without the selector that makes a sign colourful: clients differ in it."""
    return key.replace("\ufe0f", "")


def _kind_of(event: dict[str, Any]) -> str:
    """The kind of record that an event makes."""
    kind = event["type"]
    if kind in REFUSED_TYPES:
        return "unsupported"
    if kind in POLLS:
        return "poll"
    return "sticker" if kind == "m.sticker" else _kind(event["content"])


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
    if kind == "sticker":
        return ""  # its body describes the picture
    if kind == "location":
        place = content.get("org.matrix.msc3488.location", content.get("m.location"))
        return str(place.get("description") or "") if isinstance(place, dict) else ""
    if kind == "poll":
        return _text_of(_poll(content).get("question"))
    body, name = str(content.get("body") or ""), content.get("filename")
    return body if name and body != name else ""


def _detail(kind: str, event: dict[str, Any]) -> dict[str, Any] | None:
    """What the record of a place or a poll holds beside the text."""
    content = event["content"]
    if kind == "location":
        return _coordinates(str(content.get("geo_uri") or ""))
    if kind != "poll":
        return None
    poll = _poll(content)
    answers = poll.get("answers")
    options: dict[str, str] = {}  # WhatsApp tells options by their names
    for answer in (answers if isinstance(answers, list) else [])[:ANSWERS]:
        name = _text_of(answer).strip() if isinstance(answer, dict) else ""
        if name:
            options.setdefault(name, str(answer.get("id") or answer.get("m.id") or ""))
    most = poll.get("max_selections")
    selectable = most if isinstance(most, int) and 0 < most < len(options) else \
        1 if most is None else 0
    return {"options": list(options), "selectable": selectable, "answers": options,
            "secret": os.urandom(32).hex()}


def _coordinates(uri: str) -> dict[str, Any] | None:
    """Latitude and longitude of a geo: URI (RFC 5870); None when it has none."""
    found = re.match(r"geo:(-?[0-9]{1,3}(?:\.[0-9]+)?),(-?[0-9]{1,3}(?:\.[0-9]+)?)(?![0-9.])", uri)
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        return None
    return {"latitude": round(float(found[1]), 7), "longitude": round(float(found[2]), 7)}


def _poll(content: dict[str, Any]) -> dict[str, Any]:
    """The poll in an event's content (MSC3381, and its stable names)."""
    found = content.get("org.matrix.msc3381.poll.start", content.get("m.poll"))
    return found if isinstance(found, dict) else {}


def _text_of(item: object) -> str:
    """The text of an extensible event's part (MSC1767): a string, or a list of representations."""
    if not isinstance(item, dict):
        return ""
    text = item.get("org.matrix.msc1767.text", item.get("m.text"))
    if isinstance(text, list):
        text = next((part.get("body") for part in text if isinstance(part, dict)), "")
    return text if isinstance(text, str) else str(item.get("body") or "")


def _chosen(content: dict[str, Any]) -> dict[str, Any]:
    """The ids of the answers that a vote names (MSC3381)."""
    response = content.get("org.matrix.msc3381.poll.response")
    ids = response.get("answers") if isinstance(response, dict) else content.get("m.selections")
    return {"answers": [str(one) for one in ids[:ANSWERS]] if isinstance(ids, list) else []}


def _with_options(vote: NewRecord) -> Unit[NewRecord | None]:
    """A vote with the names of the options for which it is; None when the poll is not known."""
    rows = yield (
        "SELECT r.detail FROM matrix_event e JOIN record r ON r.id = e.record_id "
        "WHERE e.event_id = ? AND r.kind = 'poll'", (vote.target_source_id,))
    if not rows:
        return None
    poll = json.loads(rows[0]["detail"] or "{}")
    names = [str(name) for name in poll.get("options", [])]
    known = poll.get("answers") or {name: convert.answer_id(name) for name in names}
    wanted = json.loads(vote.detail or "{}").get("answers", [])
    chosen = [name for name in names if known.get(name) in wanted]
    return replace(vote, text=", ".join(chosen), detail=json.dumps(
        {"options": chosen}, ensure_ascii=False))


def _again(record_id: int) -> Unit[list[str]]:
    """What failed of a record is sent again. Returns the lanes."""
    rows = yield (
        "SELECT id, lane FROM queue WHERE record_id = ? AND state IN ('unsure', 'failed') "
        "ORDER BY id", (record_id,))
    lanes = [row["lane"] for row in rows if row["lane"].startswith("out:")]
    for row in rows:
        if row["lane"] in lanes and (yield from queue.again(row["id"])):
            yield "UPDATE queue SET task = 'send' WHERE id = ? AND task = 'late'", (row["id"],)
    return lanes


def _answer_again(chat: Chat, event: dict[str, Any], *, found: bool) -> Unit[str]:
    """What the room says to somebody who wants a message sent again. Returns the lane."""
    text = "It is being sent to WhatsApp once more." if found else (
        "Nothing of this waits to be sent again. Write the command as a reply to a message that is "
        f"marked with {WARNING}, or to the notice about it.")
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"again:{event['event_id']}", "notice", payload=json.dumps(
        {"text": text, "event": event["event_id"]}))
    return lane


def _own_words(content: dict[str, Any]) -> str:
    relates = content.get("m.relates_to")
    is_reply = isinstance(relates, dict) and "m.in_reply_to" in relates
    return without_fallback(str(content.get("body") or ""), is_reply)


def _file_name(content: dict[str, Any]) -> str:
    return str(content.get("filename") or content.get("body") or "file")


def _time(event: dict[str, Any]) -> int:
    at = event.get("origin_server_ts")
    return sensible(at if isinstance(at, int) else 0, now_ms())
