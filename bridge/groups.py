"""Which groups are mirrored, and what is known of them."""
from __future__ import annotations

import hashlib
import logging

from archive import clean, directory, messages, queue, settings
from archive.db import Database, Unit
from archive.model import Chat, NewRecord
from bridge import whatsapp
from bridge.clock import now_ms
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from config import Config

log = logging.getLogger("daftar.bridge.groups")


_SETTING = "chosen "  # + JID: the name by which a group was chosen
# What WhatsApp says of a group that the account is not in (whatsmeow's words).
_NOT_OURS = ("not participating in that group", "group does not exist")


class Groups:
    """The chosen groups. Only these are stored; a message of another group is dropped here."""

    def __init__(self, config: Config, database: Database, link: Link) -> None:
        self._wanted = config.bridge.groups
        self._db = database
        self._link = link
        self._chats: dict[str, Chat] = {}
        self._refused: set[str] = set()

    def wanted(self, jid: str, name: str) -> bool:
        """Does the configuration choose this group?"""
        return "*" in self._wanted or jid in self._wanted or (bool(name) and name in self._wanted)

    async def chosen(self, jid: str) -> Chat | None:
        """The archive's chat for a group that is mirrored; None for any other. Raises LinkError
        when that cannot be told now."""
        if jid in self._refused:
            return None
        chat = self._chats.get(jid)
        if chat is None:
            known = await directory.chat_by_jid(self._db, jid)
            group = None if known and known.name else await self._ask(jid)
            name = group.name if group else known.name if known else ""
            if not name and group is None and not self.wanted(jid, ""):
                # It may be chosen by its name. The link hands the message over again later.
                raise LinkError(f"the name of group {jid} is not known yet")
            if not await self._wanted_now_or_before(jid, name):
                self._refused.add(jid)
                return None
            if group and group.members:
                await self._learn(group)
                known = await directory.chat_by_jid(self._db, jid)
            chat = known or await self._db.write(directory.ensure_chat(jid, "", "", now_ms()))
            self._chats[jid] = chat
        return chat

    async def _wanted_now_or_before(self, jid: str, name: str) -> bool:
        """A group that was chosen by a name goes on being mirrored when it is renamed, as long as
        that name stands in the configuration."""
        if self.wanted(jid, name):
            return True
        before = await settings.get(self._db, _SETTING + jid)
        return before is not None and before in self._wanted

    async def _learn(self, group: whatsapp.Group) -> str | None:
        if group.name in self._wanted:
            await self._db.write(settings.put(_SETTING + group.jid, group.name))
        return await self._db.write(_learn(group, now_ms()))

    async def _ask(self, jid: str) -> whatsapp.Group | None:
        """The group as WhatsApp describes it: nameless when it is not for us any more, None when
        WhatsApp cannot be asked now."""
        try:
            return whatsapp.read_group(await self._link.group(jid))
        except (LinkError, LinkUnsure) as error:
            if any(words in str(error) for words in _NOT_OURS):
                return whatsapp.Group(jid, "", "", ())
            log.warning("WhatsApp does not describe group %s now: %s", jid, error)
            return None

    async def refresh(self) -> list[str]:
        """Ask WhatsApp for all groups of the account. Returns the lanes that got work: each chosen
        group is to have its room, also before its first message."""
        lanes = []
        for info in await self._link.groups():
            lane = await self.seen(whatsapp.read_group(info))
            if lane:
                lanes.append(lane)
        return lanes

    async def seen(self, group: whatsapp.Group) -> str | None:
        """A group's description came. Returns the lane with work for its room, if chosen."""
        self._refused.discard(group.jid)
        if not await self._wanted_now_or_before(group.jid, group.name):
            return None
        lane = await self._learn(group)
        chat = await directory.chat_by_jid(self._db, group.jid)
        if chat:
            self._chats[group.jid] = chat
        return lane

    async def changed(self, event: whatsapp.GroupChange, received_at: int) -> str | None:
        """A group changed: name, topic or members. The change itself is a record."""
        if event.name and self.wanted(event.chat, event.name):
            self._refused.discard(event.chat)
        chat = await self.chosen(event.chat)
        if chat is None:
            return None
        lane = await self._db.write(_change(chat, event, received_at))
        group = await self._ask(event.chat)
        if group and group.members:
            lane = await self._learn(group) or lane
        fresh = await directory.chat_by_jid(self._db, event.chat)
        if fresh:
            self._chats[event.chat] = fresh
        return lane


def _learn(group: whatsapp.Group, at: int) -> Unit[str | None]:
    """Write down a group's description; a new name or topic, or no room yet, is work."""
    rows = yield "SELECT name, topic, room_id FROM chat WHERE jid = ?", (group.jid,)
    before = (rows[0]["name"], rows[0]["topic"]) if rows else None
    chat = yield from directory.ensure_chat(group.jid, group.name, group.topic, at)
    yield from directory.set_members(chat.id, [(m.sender, m.role) for m in group.members], at)
    if chat.room_id and before == (chat.name, chat.topic):
        return None
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"room:{chat.id}:{at}", "room")
    return lane


def _change(chat: Chat, event: whatsapp.GroupChange, received_at: int) -> Unit[str | None]:
    words = []
    if event.name is not None:
        words.append(f"The group is now called “{clean.name(event.name)}”.")
    if event.topic is not None:
        words.append("The group's description was changed.")
    for jids, what in ((event.joined, "joined"), (event.left, "left"),
                       (event.promoted, "is now an admin"),
                       (event.demoted, "is no longer an admin")):
        for jid in jids:
            words.append(f"{(yield from _name(jid, event.at))} {what}.")
    if not words:
        return None
    said = "".join(words).encode()
    source = f"group:{event.at}:{hashlib.sha256(said).hexdigest()[:16]}"
    record_id, new = yield from messages.add(NewRecord(
        chat_id=chat.id, kind="notice", origin="whatsapp", source_id=source, sender=event.sender,
        sent_at=event.at, received_at=received_at, text=" ".join(words)))
    if not new:
        return None
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    return lane


def _name(jid: str, at: int) -> Unit[str]:
    sender = whatsapp.sender_of_jid(jid)
    if sender is None:
        return jid
    person_id = yield from directory.ensure(sender, at)
    rows = yield "SELECT name FROM person WHERE id = ?", (person_id,)
    return rows[0]["name"]
