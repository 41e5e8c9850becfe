"""Signs of life from WhatsApp: who types, who has read. Of the moment: nothing of it waits in the
queue, and nothing waits for it.

Receipts come in hundreds: each member of a group sends two for every message of ours. They are
collected for a moment and written down together; in the room each ghost's read receipt stands once,
on the newest message, and only so many requests a second are spent on it: what comes meanwhile
replaces what waits. Only ghosts that are in the room show anything: nobody is brought in for it.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from mautrix.api import Method, Path

from archive import directory, ids, receipts
from archive.db import Database, Unit
from archive.model import Chat, Sender
from bridge.clock import now_ms
from bridge.link import CHAT_PRESENCE, RECEIPT
from bridge.matrix import Homeserver, HomeserverError
from bridge.rooms import directs
from bridge.whatsapp import described, events
from config import Config
from waproto import neonize_pb2

log = logging.getLogger("daftar.bridge.signs")

COLLECT_S = 1.0  # seconds for which receipts are collected
A_SECOND = 10  # requests to the homeserver for receipts
PATIENCE_S = 10.0  # a receipt may come before the id of what was sent is written down
WAITING = 20_000  # receipts that may wait; older ones go
TYPING_MS = 25_000  # for so long somebody types if nothing more is heard
AGAIN_S = 10.0  # that somebody still types is said so often
BATCH = 200  # ids in one query

_KINDS = neonize_pb2.Receipt
_READ = (_KINDS.READ, _KINDS.PLAYED)
_DELIVERED = (_KINDS.DELIVERED, _KINDS.INACTIVE)


@dataclass(frozen=True)
class _Heard:
    chat: str
    sender: Sender
    messages: tuple[str, ...]
    at: int
    read: bool
    until: float  # monotonic: when it is given up if the message is not known


class Signs:
    """Hears what the link passes on and shows it in the rooms."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver) -> None:
        self._receipts_wanted = config.bridge.receipts
        self._typing_wanted = config.bridge.typing
        self._db = database
        self._homeserver = homeserver
        self._heard: deque[_Heard] = deque(maxlen=WAITING)
        self._typing: dict[tuple[str, Sender], bool] = {}
        self._typed: dict[tuple[str, str], float] = {}  # room, ghost → when it was last said
        self._showing: dict[tuple[str, str], int] = {}  # room, ghost → record to be shown as read
        self._shown: dict[tuple[str, str], int] = {}
        self._work = asyncio.Event()
        self.requests = 0  # made for all this

    def hear(self, code: int, body: bytes) -> None:
        """A sign of the link. Returns at once."""
        try:
            if code == RECEIPT and self._receipts_wanted:
                self._hear_receipt(neonize_pb2.Receipt.FromString(body))
            elif code == CHAT_PRESENCE and self._typing_wanted:
                self._hear_typing(neonize_pb2.ChatPresence.FromString(body))
        except DecodeError as error:
            log.info("a sign of WhatsApp does not parse: %s", error)

    def _hear_receipt(self, receipt: neonize_pb2.Receipt) -> None:
        source = receipt.MessageSource
        sender = _sender(source)
        read = receipt.Type in _READ
        if sender and not source.IsFromMe and (read or receipt.Type in _DELIVERED):
            self._heard.append(_Heard(events.jid(source.Chat), sender, tuple(receipt.MessageIDs),
                                      receipt.Timestamp * 1000 or now_ms(), read,
                                      time.monotonic() + PATIENCE_S))
            self._work.set()

    def _hear_typing(self, presence: neonize_pb2.ChatPresence) -> None:
        sender = _sender(presence.MessageSource)
        if sender and not presence.MessageSource.IsFromMe:
            self._typing[events.jid(presence.MessageSource.Chat), sender] = \
                presence.State == presence.COMPOSING
            self._work.set()

    async def run(self) -> None:
        """Show it, for as long as the bridge runs."""
        collected = 0.0
        while True:
            await self._work.wait()
            try:
                await self._show_typing()
                if self._heard and time.monotonic() - collected >= COLLECT_S:
                    collected = time.monotonic()
                    await self._note()
                await self._show_one()
            except HomeserverError as error:
                log.info("signs of WhatsApp are not shown now: %s", error)
                self._showing.clear()
            except Exception:
                log.exception("signs of WhatsApp could not be shown")
                self._showing.clear()
            if not (self._typing or self._heard or self._showing):
                self._work.clear()
            await asyncio.sleep(1 / A_SECOND)

    # Typing

    async def _show_typing(self) -> None:
        heard, self._typing = self._typing, {}
        for (jid, sender), on in heard.items():
            chat = await directs.find(self._db, jid)
            ghost = await self._ghost(chat, sender) if chat and chat.room_id else None
            if not chat or not chat.room_id or not ghost:
                continue
            place = (chat.room_id, ghost)
            now = time.monotonic()
            if on and now - self._typed.get(place, -AGAIN_S) < AGAIN_S:
                continue
            if on:
                self._typed[place] = now
            else:
                self._typed.pop(place, None)
            self.requests += 1
            await self._homeserver.request(
                Method.PUT, Path.v3.rooms[chat.room_id].typing[ghost],
                {"typing": True, "timeout": TYPING_MS} if on else {"typing": False}, user=ghost)

    async def _ghost(self, chat: Chat, sender: Sender) -> str | None:
        """The ghost of somebody, where it is in the room."""
        person = await directory.find(self._db, "lid" if sender.lid else "pn",
                                      sender.lid or sender.pn or "")
        if person is None or not person.ghost or \
                person.id not in await directory.joined(self._db, chat.id):
            return None
        return person.ghost

    # Receipts

    async def _note(self) -> None:
        """Write down what was collected; what is read waits to be shown."""
        by_chat: dict[str, list[_Heard]] = defaultdict(list)
        while self._heard:
            heard = self._heard.popleft()
            by_chat[heard.chat].append(heard)
        for jid, all_heard in by_chat.items():
            chat = await directs.find(self._db, jid)
            if chat is None:
                continue
            records = await self._records(chat, {m for h in all_heard for m in h.messages})
            now = time.monotonic()
            self._heard.extend(h for h in all_heard if h.until > now
                               and not any(message in records for message in h.messages))
            people = await self._people(h.sender for h in all_heard)
            found = [(records[message], people[key], heard)
                     for heard in all_heard for message in heard.messages
                     for key in _keys(heard.sender) if message in records and key in people]
            if not found:
                continue
            await self._db.write(_note(found))
            if chat.room_id:
                await self._to_show(chat, chat.room_id, [
                    (person, record) for record, person, heard in found if heard.read])

    async def _records(self, chat: Chat, messages: set[str]) -> dict[str, int]:
        """What we sent, by WhatsApp's ids."""
        rows = []
        for part in _parts(messages):
            rows += await self._db.read(
                "SELECT message_id, record_id FROM whatsapp_message WHERE chat_id = ? AND "
                f"message_id IN ({', '.join('?' * len(part))})", chat.id, *part)
        return {row["message_id"]: row["record_id"] for row in rows}

    async def _people(self, senders: Iterable[Sender]) -> dict[tuple[str, str], int]:
        wanted, rows = {key for sender in senders for key in _keys(sender)}, []
        for part in _parts({value for _, value in wanted}):
            rows += await self._db.read(
                "SELECT kind, value, person_id FROM identifier WHERE kind IN ('pn', 'lid') AND "
                f"value IN ({', '.join('?' * len(part))})", *part)
        return {(row["kind"], row["value"]): row["person_id"] for row in rows}

    async def _to_show(self, chat: Chat, room: str, read: list[tuple[int, int]]) -> None:
        rows = await self._db.read(
            """SELECT p.id, p.ghost FROM member m JOIN person p ON p.id = m.person_id
            WHERE m.chat_id = ? AND m.joined_room IS NOT NULL AND p.ghost IS NOT NULL""", chat.id)
        ghosts = {row["id"]: row["ghost"] for row in rows}
        for person, record in read:
            if person not in ghosts:
                continue
            place = (room, ghosts[person])
            if record > max(self._shown.get(place, 0), self._showing.get(place, 0)):
                self._showing[place] = record

    async def _show_one(self) -> None:
        """The read receipt that has waited longest."""
        if not self._showing:
            return
        room, ghost = place = next(iter(self._showing))
        record = self._shown[place] = self._showing.pop(place)
        rows = await self._db.read(
            "SELECT event_id FROM matrix_event WHERE record_id = ? ORDER BY part LIMIT 1", record)
        if rows:
            self.requests += 1
            await self._homeserver.request(
                Method.POST, Path.v3.rooms[room].receipt["m.read"][rows[0]["event_id"]], {},
                user=ghost)


def _note(found: list[tuple[int, int, _Heard]]) -> Unit[None]:
    for record, person, heard in found:
        yield from receipts.note(record, person, heard.at, read=heard.read)


def _sender(source: neonize_pb2.MessageSource) -> Sender | None:
    if not (source.Chat.Server == ids.GROUP_SERVER or described.is_direct(events.jid(source.Chat))):
        return None
    return events.sender_of_jid(events.jid(source.Sender))


def _keys(sender: Sender) -> list[tuple[str, str]]:
    return [(kind, value) for kind, value in (("lid", sender.lid), ("pn", sender.pn)) if value][:1]


def _parts(values: set[str]) -> Iterable[list[str]]:
    listed = sorted(values)
    return (listed[start:start + BATCH] for start in range(0, len(listed), BATCH))
