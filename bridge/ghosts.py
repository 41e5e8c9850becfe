"""Ghosts: the Matrix users that stand for WhatsApp senders."""
from __future__ import annotations

import logging
import time

from archive import directory, ids
from archive.db import Database
from archive.model import Chat, Person
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from config import Config

log = logging.getLogger("daftar.bridge.ghosts")


class Ghosts:
    """Makes ghosts, names them and brings them into rooms, each on its first message. What was
    done is kept in the archive; the dictionaries only spare asking again."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 link: Link) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._link = link
        self._profiles: dict[int, tuple[str, str]] = {}  # person → (mxid, profile as set)
        self._joined: dict[int, set[int]] = {}  # chat → persons whose ghosts are in its room

    async def ensure(self, person: Person) -> str:
        """The Matrix id of a person's ghost, registered and named. A person who has one keeps it,
        also when their number or LID becomes known later."""
        wanted = self._name(person)
        known = self._profiles.get(person.id)
        if known and known[1] == wanted:
            return known[0]
        mxid = (known[0] if known else person.ghost) or self._config.user_id(
            ids.make_ghost_localpart(self._config.bridge.ghost_prefix, person.pn, person.lid))
        profile = await directory.ghost_profile(self._db, person.id)
        if profile is None:
            await self._homeserver.register(mxid)
            await self._db.write(directory.set_ghost(person.id, mxid))
        if profile != wanted:
            avatar = await self._avatar(person) if profile is None else None
            await self._homeserver.set_profile(mxid, wanted, avatar)
            await self._db.write(directory.set_ghost_profile(person.id, wanted))
        self._profiles[person.id] = (mxid, wanted)
        return mxid

    def _name(self, person: Person) -> str:
        phone = f"+{person.pn}" if person.pn else ""
        return self._config.bridge.ghost_name.format(name=person.name or phone, phone=phone)[:250]

    async def _avatar(self, person: Person) -> str | None:
        """The person's profile picture as an mxc: URI; a missing one is nothing to report."""
        address = str(ids.JID(person.pn, ids.USER_SERVER) if person.pn
                      else ids.JID(person.lid or "", ids.LID_SERVER))
        try:
            picture = await self._link.picture(address)
        except (LinkError, LinkUnsure) as error:
            log.info("no profile picture for %s: %s", address, error)
            return None
        if not picture:
            return None
        try:
            return await self._homeserver.upload(picture, "image/jpeg", "avatar.jpg")
        except HomeserverError as error:
            if error.temporary:
                raise
            return None

    async def join(self, chat: Chat, room: str, person: Person, ghost: str) -> None:
        """Make sure that a ghost is in a group's room."""
        joined = self._joined.get(chat.id)
        if joined is None:
            joined = await directory.joined(self._db, chat.id)
            self._joined[chat.id] = joined
        if person.id in joined:
            return
        await self._homeserver.join(room, ghost)
        await self._db.write(directory.mark_joined(chat.id, person.id, int(time.time() * 1000)))
        joined.add(person.id)

    def forget(self, chat_id: int) -> None:
        """A ghost turned out not to be in a room, whatever the archive says: bring each in again
        when it speaks."""
        self._joined[chat_id] = set()

