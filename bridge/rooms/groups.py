"""Which groups are mirrored, and what is known of them."""
from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable

from archive import clean, directory, settings
from archive.db import Database
from archive.ids import LID_SERVER
from archive.model import Chat
from bridge.clock import now_ms
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.rooms import directs, follow, places, standing
from bridge.whatsapp import described
from bridge.whatsapp.described import Group, GroupChange, Picture
from config import Config

log = logging.getLogger("daftar.bridge.groups")


_SETTING = "chosen "  # + JID: the name by which a group was chosen
_COMMUNITY = "community "  # + JID: a community's name
# What WhatsApp says of a group that the account is not in (whatsmeow's words).
_NOT_OURS = ("not participating in that group", "group does not exist")


class Groups:
    """The chosen groups. Only these are stored; a message of another group is dropped here.
    `own_jid` gives the account's own address, "" while it is not known; `wake` a lane with work."""

    def __init__(self, config: Config, database: Database, link: Link,
                 own_jid: Callable[[], str] = lambda: "",
                 wake: Callable[[str], None] = lambda lane: None) -> None:
        self._config = config
        self._wanted = config.bridge.groups
        self._db = database
        self._link = link
        self._own_jid = own_jid
        self._wake = wake
        self._chats: dict[str, Chat] = {}
        self._refused: set[str] = set()
        self._news: Counter[str] = Counter()  # group → how often something about it has come
        self._following = asyncio.Lock()  # nothing comes between asking and writing down
        self.on_choice: Callable[[], None] = lambda: None  # other groups are mirrored than before

    # Choosing

    def wanted(self, jid: str, name: str) -> bool:
        """Does the configuration choose this group?"""
        return "*" in self._wanted or jid in self._wanted or (bool(name) and name in self._wanted)

    async def bridged(self, jid: str, name: str) -> bool:
        """Is this group mirrored: by an admin's choice, else by the configuration? One that was
        chosen by a name goes on being mirrored when it is renamed, as long as that name stands in
        the configuration."""
        choice = await settings.get(self._db, follow.CHOICE + jid)
        if choice is not None:
            return choice == "yes"
        if self.wanted(jid, name):
            return True
        before = await settings.get(self._db, _SETTING + jid)
        return before is not None and before in self._wanted

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
            if not name and group is None and not await self.bridged(jid, ""):
                # It may be chosen by its name. The link hands the message over again later.
                raise LinkError(f"the name of group {jid} is not known yet")
            if not await self.bridged(jid, name):
                self._refused.add(jid)
                return None
            if group and group.members:
                await self._learn(group)
                known = await directory.chat_by_jid(self._db, jid)
            chat = known or await self._db.write(directory.ensure_chat(jid, "", "", now_ms()))
            self._chats[jid] = chat
            self.on_choice()
        return chat

    async def mirrored(self, jid: str) -> Chat | None:
        """The archive's chat for a group that is mirrored already; WhatsApp is not asked."""
        if jid in self._refused or not described.is_group(jid):
            return None
        chat = self._chats.get(jid) or await directory.chat_by_jid(self._db, jid)
        return chat if chat and await self.bridged(jid, chat.name) else None

    async def mirrored_jids(self) -> list[str]:
        """The groups that are mirrored now."""
        return [chat.jid for chat in await directory.chats(self._db)
                if described.is_group(chat.jid) and await self.bridged(chat.jid, chat.name)]

    async def listed(self) -> list[Group]:
        """Every group of the account, without the communities that hold them; by name. Raises
        LinkError or LinkUnsure."""
        groups = [described.read_group(info) for info in await self._link.groups()]
        return sorted((group for group in groups if not group.is_parent),
                      key=lambda group: (group.name.casefold(), group.jid))

    async def entered(self, group: Group) -> Chat:
        """The archive's chat for a group that is going to be mirrored."""
        return await self._db.write(
            directory.ensure_chat(group.jid, group.name, group.topic, now_ms()))

    async def bridge(self, group: Group) -> None:
        """From now on this group is mirrored."""
        await self._db.write(follow.choose(group.jid, True))
        lane = await self.seen(group)
        chat = await directory.chat_by_jid(self._db, group.jid)
        if chat is not None:
            lane = await self._db.write(follow.say(chat, "bridged", now_ms(), now_ms(),
                                             "This group is bridged from now on.")) or lane
            self._wake(lane)

    async def unbridge(self, jid: str) -> None:
        """From now on nothing of this group is read; its room and its record stay."""
        chat = await directory.chat_by_jid(self._db, jid)
        await self._db.write(follow.choose(jid, False))
        self._chats.pop(jid, None)
        self._refused.add(jid)
        self.on_choice()
        if chat is not None:
            self._wake(await self._db.write(follow.say(
                chat, "unbridged", now_ms(), now_ms(),
                "This group is not bridged any more: nothing arrives from it and nothing can be "
                "sent to it. This room and the record stay.")))
            self._wake(f"out:{chat.id}")

    # What WhatsApp says

    async def refresh(self) -> list[str]:
        """Ask WhatsApp for all groups of the account. Returns the lanes that got work: each chosen
        group is to have its room, also before its first message."""
        before = self._news.copy()
        groups = [described.read_group(info) for info in await self._link.groups()]
        lanes = [await self._listed(group, before[group.jid]) for group in sorted(
            groups, key=lambda group: not group.is_parent)]  # communities first: their names
        ours = {group.jid for group in groups}
        for chat in await directory.chats(self._db):
            if described.is_group(chat.jid) and chat.jid not in ours:
                lanes.append(await self._missing(chat))
        return [lane for lane in lanes if lane]

    async def _listed(self, listed: Group, before: int) -> str | None:
        """One group of the list. To go through a long one takes seconds: of a group about which
        something has come since (`before`), the list is out of date."""
        async with self._following:
            if self._news[listed.jid] == before:
                return await self._seen(listed)
            group = await self._ask(listed.jid)
            return await self._seen(group) if group and group.members else None

    async def _missing(self, chat: Chat) -> str | None:
        """A group is not among ours any more: it was left while nobody looked. The account is asked
        once more for it alone, as rooms may belong to other accounts, too."""
        async with self._following:
            stood = await standing.get(self._db, chat.jid)
            if stood.gone or stood.unbridged:
                return None
            group = await self._ask(chat.jid)
            if group is None or group.members:
                return None
            return await self._db.write(follow.gone_unseen(chat, now_ms()))

    async def seen(self, group: Group) -> str | None:
        """A group's description came. Returns the lane with work for its room, if chosen."""
        async with self._following:
            self._news[group.jid] += 1
            return await self._seen(group)

    async def _seen(self, group: Group) -> str | None:
        if group.is_parent:
            await self._rename_community(group.jid, group.name)
            return None
        choice = await settings.get(self._db, follow.CHOICE + group.jid)
        if choice != "no":
            self._refused.discard(group.jid)
        if not await self.bridged(group.jid, group.name):
            return None
        lane = await self._learn(group)
        chat = await directory.chat_by_jid(self._db, group.jid)
        if chat:
            if group.jid not in self._chats:
                self.on_choice()
            self._chats[group.jid] = chat
            if lane is None and await self._misplaced(chat):
                lane = await self._db.write(follow.room(chat, {}))
        return lane

    async def _misplaced(self, chat: Chat) -> bool:
        """Do the rules of today put the room elsewhere?"""
        kept = json.loads(await settings.get(self._db, f"room {chat.id}") or "{}")
        stood = await standing.get(self._db, chat.jid)
        return kept.get("space") != places.place(self._config, chat, stood)

    async def changed(self, event: GroupChange, received_at: int) -> str | None:
        """A group changed: name, topic, rights or members. The change itself is a record."""
        if await settings.get(self._db, _COMMUNITY + event.chat) is not None:
            await self._rename_community(event.chat, event.name or "")
            return None
        if event.name and self.wanted(event.chat, event.name):
            self._refused.discard(event.chat)
        chat = await self.chosen(event.chat)
        if chat is None:
            return None
        async with self._following:
            self._news[event.chat] += 1
            group = await self._ask(event.chat)
            own = await self._own()
            community = await self._community(group) if group else ""
            lane = await self._db.write(
                follow.changed(chat, event, group, own, community, received_at))
        if group and group.name in self._wanted:
            await self._db.write(settings.put(_SETTING + group.jid, group.name))
        fresh = await directory.chat_by_jid(self._db, event.chat)
        if fresh:
            self._chats[event.chat] = fresh
        if (await standing.get(self._db, event.chat)).closed:
            self._wake(f"out:{chat.id}")  # what waits there can end now
        return lane

    async def pictured(self, event: Picture, received_at: int) -> str | None:
        """A picture changed: a chosen group's, or that of a person who has a ghost."""
        if not described.is_group(event.jid):
            if direct := await directs.find(self._db, event.jid):
                self._wake(await self._db.write(follow.room(direct, {"picture": True})))
            return await self._db.write(follow.person_pictured(event))
        if await settings.get(self._db, _COMMUNITY + event.jid) is not None:
            return None
        chat = await self.chosen(event.jid)
        if chat is None:
            return None
        return await self._db.write(follow.pictured(chat, event, await self._own(), received_at))

    async def _learn(self, group: Group) -> str | None:
        if group.name in self._wanted:
            await self._db.write(settings.put(_SETTING + group.jid, group.name))
        return await self._db.write(follow.learned(
            group, await self._own(), await self._community(group), now_ms()))

    async def _ask(self, jid: str) -> Group | None:
        """The group as WhatsApp describes it: nameless when it is not for us any more, None when
        WhatsApp cannot be asked now."""
        try:
            return described.read_group(await self._link.group(jid))
        except (LinkError, LinkUnsure) as error:
            if any(words in str(error) for words in _NOT_OURS):
                return Group(jid, "", "", ())
            log.warning("WhatsApp does not describe group %s now: %s", jid, error)
            return None

    async def _own(self) -> follow.Own:
        """The account's own addresses."""
        user, _, server = self._own_jid().partition("@")
        kind = "lid" if server == LID_SERVER else "pn"
        person = await directory.find(self._db, kind, user) if user else None
        return follow.Own(frozenset({user} if user else ()), person)

    async def _community(self, group: Group) -> str:
        """The name of the community that a group belongs to; "" for none."""
        if not group.parent:
            return ""
        known = await settings.get(self._db, _COMMUNITY + group.parent)
        if known:
            return known
        parent = await self._ask(group.parent)
        name = clean.name(parent.name) if parent else ""
        await self._db.write(settings.put(_COMMUNITY + group.parent, name))
        return name

    async def _rename_community(self, jid: str, name: str) -> None:
        """A community has another name: the rooms in its space are looked at again. Nothing is
        kept of a community none of whose groups is chosen."""
        known = await settings.get(self._db, _COMMUNITY + jid)
        if known is None or not clean.name(name) or known == clean.name(name):
            return
        await self._db.write(settings.put(_COMMUNITY + jid, clean.name(name)))
        for chat in await directory.chats(self._db):
            stood = await standing.get(self._db, chat.jid)
            if stood.parent == jid:
                self._wake(await self._db.write(
                    follow.community_renamed(chat, stood, clean.name(name))))
