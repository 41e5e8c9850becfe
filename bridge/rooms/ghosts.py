"""Ghosts: the Matrix users that stand for WhatsApp senders."""
from __future__ import annotations

import json
import logging
import secrets

from mautrix.errors import MBadState, MForbidden

from archive import directory, ids, queue
from archive.db import Database, Unit
from archive.model import Chat, Person
from bridge.clock import now_ms
from bridge.link import LinkError
from bridge.matrix import Homeserver, HomeserverError
from bridge.rooms.avatars import Avatars
from bridge.rooms.posts import Posts, without_post
from config import Config

log = logging.getLogger("daftar.bridge.ghosts")

GONE = "gone"  # the role of who is in the room and not in the group


class Ghosts:
    """Makes ghosts, names them and brings them into rooms, each on its first message. What was
    done is kept in the archive; the dictionaries only spare asking again."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 avatars: Avatars) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._avatars = avatars
        self._posts = Posts(config, database)
        self._profiles: dict[int, tuple[str, str]] = {}  # person → (mxid, profile as set)
        self._joined: dict[int, set[int]] = {}  # chat → persons whose ghosts are in its room
        self._aside: dict[int, set[str]] = {}  # chat → staff who speak there as themselves

    async def ensure(self, person: Person) -> str:
        """The Matrix id of a person's ghost, registered and named. A person who has one keeps it,
        also when their number or LID becomes known later."""
        wanted = await self._name(person)
        known = self._profiles.get(person.id)
        if known and known[1] == wanted:
            return known[0]
        mxid = (known[0] if known else person.ghost) or self._config.user_id(
            ids.make_ghost_localpart(self._config.bridge.ghost_prefix, person.pn, person.lid)
            if person.pn or person.lid  # of others a chat export tells the name alone
            else f"{self._config.bridge.ghost_prefix}named_{person.id}")
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

    async def _name(self, person: Person) -> str:
        phone, template = f"+{person.pn}" if person.pn else "", self._config.bridge.ghost_name
        post = await self._posts.shown(template, person.id)
        return (template if post else without_post(template)).format(
            name=person.name or phone, phone=phone, post=post)[:250]

    async def _avatar(self, person: Person) -> str | None:
        """The person's profile picture as an mxc: URI; a missing one is nothing to report."""
        if not (person.pn or person.lid):
            return None
        try:
            return await self._picture(person)
        except LinkError as error:
            log.info("no profile picture of %s: %s", person.name, error)
            return None

    async def _picture(self, person: Person) -> str | None:
        shown = await self._avatars.fetch(str(
            ids.JID(person.pn, ids.USER_SERVER) if person.pn
            else ids.JID(person.lid or "", ids.LID_SERVER)))
        await self._db.write(directory.set_person_avatar(
            person.id, shown.sha256 if shown else None))
        return shown.uri if shown else None

    async def refresh_picture(self, person_id: int) -> None:
        """The person's picture changed, or is no more: so does the ghost's. Raises LinkError and
        HomeserverError."""
        person = await directory.person(self._db, person_id)
        if person is not None and person.ghost:
            uri = await self._picture(person)
            await self._homeserver.set_profile(person.ghost, None, uri or "")

    async def join(self, chat: Chat, room: str, person: Person, ghost: str) -> bool:
        """Make sure that a ghost is in a group's room. Whether it came just now."""
        joined = await self._in_room(chat)
        if person.id in joined:
            return False
        try:
            await self._homeserver.join(room, ghost)
        except HomeserverError as error:
            if not isinstance(error.__cause__, MBadState | MForbidden):
                raise
            await self._homeserver.unban(room, ghost)  # the group has let them in again
            await self._homeserver.join(room, ghost)
        await self._db.write(_came(chat, person))
        joined.add(person.id)
        return True

    async def step_aside(self, chat: Chat, room: str, mxid: str) -> None:
        """A member of staff speaks as themself, so they must be in a group's room. A ghost that
        spoke for them before stays: only it can change what it said."""
        aside = self._aside.setdefault(chat.id, set())
        if mxid not in aside:
            await self._homeserver.join(room, mxid)
            aside.add(mxid)

    async def join_all(self, chat: Chat, room: str) -> None:
        """Bring in the ghosts of all members, also of those who never spoke."""
        for member in await directory.members(self._db, chat.id):
            if member.role != GONE and (member.person.pn or member.person.lid):
                ghost = await self.ensure(member.person)
                await self.join(chat, room, member.person, ghost)

    async def part(self, chat: Chat, room: str, person_id: int, by: str) -> None:
        """A member is not in the group any more: neither is the ghost in the room. `by`: who
        removed it; "" when it left by itself."""
        person = await directory.person(self._db, person_id)
        if person is None or not person.ghost:
            return
        if by:
            await self._homeserver.kick(room, person.ghost, f"Removed from the group by {by}")
        else:
            await self._homeserver.leave(room, person.ghost, "Left the group")
        await self._db.write(_went(chat.id, person.id))
        (await self._in_room(chat)).discard(person.id)

    async def went(self, chat: Chat, person_id: int) -> None:
        """Somebody took the ghost out of the room."""
        (await self._in_room(chat)).discard(person_id)

    async def _in_room(self, chat: Chat) -> set[int]:
        if chat.id not in self._joined:
            self._joined[chat.id] = await directory.joined(self._db, chat.id)
        return self._joined[chat.id]

    def forget(self, chat_id: int) -> None:
        """A ghost turned out not to be in a room, whatever the archive says: bring each in again
        when it speaks."""
        self._joined[chat_id] = set()
        self._aside.pop(chat_id, None)


def _came(chat: Chat, person: Person) -> Unit[None]:
    """A ghost is in the room. One whose person is in the group no more, and whose word came late,
    leaves again behind it. Not so in rooms of history, of which nobody knows who was a member, and
    not whoever is known by a name alone: they may be a member under their number."""
    rows = yield ("SELECT count(*) AS all_of_them, sum(CASE WHEN person_id = ? THEN 1 ELSE 0 END)"
                  " AS this_one FROM member WHERE chat_id = ?", (person.id, chat.id))
    yield from directory.mark_joined(chat.id, person.id, now_ms())
    if chat.jid.endswith((f"@{ids.PAST_SERVER}", f"@{ids.IMPORT_SERVER}")):
        return
    if rows[0]["all_of_them"] and not rows[0]["this_one"]:
        yield from directory.set_role(chat.id, person.id, GONE)
        if person.pn or person.lid:
            yield from queue.put(f"in:{chat.id}", f"room:{chat.id}:{secrets.token_hex(6)}", "room",
                                 payload=json.dumps({"left": {str(person.id): ""}}))


def _went(chat_id: int, person_id: int) -> Unit[None]:
    yield from directory.mark_left(chat_id, person_id)
    yield "DELETE FROM member WHERE chat_id = ? AND person_id = ? AND role = ?", (
        chat_id, person_id, GONE)
