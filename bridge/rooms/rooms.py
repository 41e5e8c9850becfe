"""Rooms: one room a group, in step with it, and the admins' chats with the bridge."""
from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

from archive import directory, ids, queue, settings
from archive.db import Database, Unit
from archive.model import Chat
from bridge.clock import now_ms
from bridge.link import LinkError
from bridge.matrix import ENCRYPTION, Homeserver, HomeserverError
from bridge.rooms import places, standing
from bridge.rooms.avatars import Avatars
from bridge.rooms.ghosts import Ghosts
from bridge.rooms.spaces import Spaces
from bridge.rooms.standing import Standing
from bridge.whatsapp import described
from config import Config

log = logging.getLogger("daftar.bridge.rooms")

TOPIC = ("WhatsApp group. What you write here goes to the group under your name. Commands, the "
         "bot's notices and everything in a thread under a case card stay here.")
DIRECT = ("WhatsApp direct chat with {who}. What you write here goes to this person alone, under "
          "your name. Commands, the bot's notices and everything in a thread under a case card "
          "stay here.")
PAST_TOPIC = ("What was said in this WhatsApp group before its mirror began, from chat exports, "
              "with the dates of that time. Nothing can be written here.")
NAME_LIMIT = 255
DAY_MS = 86_400_000
ADMIN = 50  # power in the room of the ghosts of the group's admins
RAISE = 90  # power from which somebody may give power: the bridge's admins have it
_GUARDED = ("m.room.history_visibility", "m.room.tombstone", "m.room.server_acl",
            "m.room.encryption")  # for the bridge alone, as Synapse has it by itself
PREDECESSOR = "org.matrix.msc3946.room_predecessor"
ADMIN_CHAT = "WhatsApp bridge"  # name of the admins' chats
_CHAT = "admin_room "  # + mxid: the setting with somebody's chat

Kept = dict[str, Any]  # what was put on a room last: people may have changed it since


class Rooms:
    """Makes rooms and keeps them in step. A room's alias is derived from the group's JID, so that
    a crash while making one leads back to the same room."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 avatars: Avatars, ghosts: Ghosts) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._avatars = avatars
        self._ghosts = ghosts
        self._labels = asyncio.Lock()
        self._spaces = Spaces(config, database, homeserver, self.people, self._power(100))

    @property
    def people(self) -> list[str]:
        """Who is invited to every mirrored room: admins, staff, and the governance bot."""
        bridge = self._config.bridge
        bot = self._config.user_id(self._config.bot.user)
        return list(dict.fromkeys([*bridge.admins, *bridge.staff, bot]))

    @property
    def readers(self) -> list[str]:
        """Who is invited to a room of the past: no bot, for there is nothing to do in it."""
        return [mxid for mxid in self.people if mxid != self._config.user_id(self._config.bot.user)]

    def _power(self, events_default: int = 0) -> dict[str, object]:
        users = {self._homeserver.bot_id: 100,
                 self._config.user_id(self._config.bot.user): 50,
                 **{admin: 90 for admin in self._config.bridge.admins}}
        return {"users": users, "users_default": 0, "events_default": events_default,
                "invite": 50, "redact": 50, "kick": 50, "ban": 50, "state_default": 50,
                "events": dict.fromkeys(_GUARDED, 100) | {"m.room.power_levels": RAISE}}

    async def ensure(self, chat: Chat) -> str:
        """The room of a group, made when there is none. Returns its id."""
        like = await self._like(chat)
        if chat.room_id:
            await self._encrypt(like)
            return chat.room_id
        stood = await standing.get(self._db, like.jid)
        key = places.place(self._config, like, stood)
        space, name = await self._spaces.room(key, stood), await self._label(chat)
        alias = self._config.bridge.ghost_prefix + "direct_" * described.is_direct(chat.jid) + \
            chat.jid.partition("@")[0]
        room = await self._homeserver.create_room(alias, {
            "name": name, "topic": room_topic(chat), "preset": "private_chat",
            "visibility": "private", "invite": self.people if not is_past(chat) else self.readers,
            "power_level_content_override": self._power(),
            "initial_state": [
                {"type": "m.space.parent", "state_key": space,
                 "content": {"via": [self._homeserver.domain], "canonical": True}},
                {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}},
                *([{"type": "m.room.encryption", "content": ENCRYPTION}]
                  if places.encrypted(self._config, like) else []),
            ],
        })
        await self._encrypt(replace(like, room_id=room))
        await self._spaces.add(space, room)
        await self._db.write(directory.set_room(chat.id, room))
        await self._keep(chat, {"name": name, "topic": room_topic(chat), "space": key,
                                "power": [False, {}]})
        log.info("group %s (%s) is room %s", chat.name, chat.jid, room)
        return room

    async def _like(self, chat: Chat) -> Chat:
        """What a room is to be like: the past of a group stands where the group does, and is as
        secret."""
        group = ids.parse_past_jid(chat.jid)
        like = await directory.chat(self._db, group) if group is not None else None
        return replace(like, room_id=chat.room_id) if like else chat

    async def close_past(self, chat: Chat, live: Chat | None) -> bool:
        """A room of a group's past is full: nobody writes in it any more; it leads to the group's
        room (m.room.tombstone), and that to it (MSC3946, and a notice in its lane). Whether the
        group has a room. Raises HomeserverError."""
        room = await self.ensure(chat)
        await self._homeserver.set_state(room, "m.room.power_levels", self._power(100))
        if live is None or live.room_id is None:
            return False
        await self._homeserver.set_state(room, "m.room.tombstone", {
            "body": "The conversation goes on in the group's own room.",
            "replacement_room": live.room_id})
        await self._homeserver.set_state(live.room_id, PREDECESSOR, {"predecessor_room_id": room})
        link = f"https://matrix.to/#/{room}?via={self._homeserver.domain}"
        words = f"What was said before this room began is in “{chat.name}”: {link}"
        await self._db.write(queue.put(
            f"in:{live.id}", f"past:{room}", "notice", payload=json.dumps({"text": words})))
        return True

    async def encrypt(self) -> None:
        """Encrypt the rooms that bridge.encrypted names by now; with new keys, learn first which
        ones are encrypted already. Raises HomeserverError."""
        keys = self._homeserver.encryption
        if keys is None:
            return
        for chat in await directory.chats(self._db):
            try:
                if chat.room_id and not keys.knows_rooms:
                    await self._homeserver.learn_encryption(chat.room_id)
                await self._encrypt(chat)
            except HomeserverError as error:
                if error.temporary:
                    raise
                log.warning("whether the room of %s is encrypted cannot be seen: %s", chat.name,
                            error)
        if not keys.knows_rooms:
            await keys.asked()

    async def _encrypt(self, chat: Chat) -> None:
        if chat.room_id and places.encrypted(self._config, chat):
            await self._homeserver.set_encrypted(chat.room_id)

    async def adopt(self, chat: Chat, room: str) -> None:
        """Mirror a group in a room that is there already. Its name, topic and picture stay until
        those of the group change."""
        # What was said in it before is none of the group's (outward/catchup.py reads from there).
        await self._db.write(settings.put(f"read {room}", await self._homeserver.end(room)))
        await self._db.write(directory.set_room(chat.id, room))
        await self._keep(chat, {"name": await self._label(chat), "topic": room_topic(chat),
                                "avatar": chat.avatar or "", "power": [False, {}]})
        await self._homeserver.invite(room, self._config.user_id(self._config.bot.user))

    # In step

    async def sync(self, chat: Chat, work: dict[str, Any]) -> None:
        """Bring a group's room in step with it. `work`: what bridge/rooms/groups.py says has
        changed:
        `left` (person → who removed them), `picture`, `person` (whose picture changed); and what
        people changed in the room itself: `now` (what stands in it), `joined`, `went` (persons),
        `turned_away` (ghost → why). Raises HomeserverError when the homeserver is away."""
        room = chat.room_id
        assert room is not None
        await self._encrypt(chat)  # a new name may be one that the rule means
        if "person" in work:
            await self._person_picture(work["person"])
            return
        stood, kept = await standing.get(self._db, chat.jid), await self._kept(chat)
        before = json.dumps(kept)
        kept |= work.get("now", {})
        try:
            await self._members(chat, room, work)
            for person, by in work.get("left", {}).items():
                await self._ghosts.part(chat, room, int(person), by)
            await self._show(chat, room, kept, bool(work.get("picture")))
            await self._rights(chat, room, kept)
            await self._place(chat, room, stood, kept)
        except HomeserverError as error:
            if error.temporary:
                raise
            await self._complain(chat, error)
        finally:
            if json.dumps(kept) != before:
                await self._keep(chat, kept)
        if self._config.bridge.join_members == "all" and not stood.closed:
            await self._ghosts.join_all(chat, room)

    async def _members(self, chat: Chat, room: str, work: dict[str, Any]) -> None:
        """Ghosts whom people brought into the room or took out of it."""
        for person in work.get("went", ()):
            await self._ghosts.went(chat, person)
        for ghost, why in work.get("turned_away", {}).items():
            await self._homeserver.kick(room, ghost, why)
        for person_id in work.get("joined", ()):
            person = await directory.person(self._db, person_id)
            if person is not None:
                ghost = await self._ghosts.ensure(person)
                await self._ghosts.join(chat, room, person, ghost)

    async def welcome(self, chat: Chat) -> None:
        """A ghost came into the room: its rights are those of its person in the group."""
        kept = await self._kept(chat)
        if chat.room_id and await self._rights(chat, chat.room_id, kept):
            await self._keep(chat, kept)

    async def _kept(self, chat: Chat) -> Kept:
        return json.loads(await settings.get(self._db, f"room {chat.id}") or "{}")

    async def _keep(self, chat: Chat, kept: Kept) -> None:
        await self._db.write(settings.put(f"room {chat.id}", json.dumps(kept)))

    async def _complain(self, chat: Chat, error: HomeserverError) -> None:
        """Somebody has taken our power in the room."""
        log.warning("room %s cannot be kept in step: %s", chat.room_id, error)
        text = (f"The bridge could not bring this room in step with the group ({error}). Give "
                f"{self._homeserver.bot_id} power level 100 here; it tries again at the next "
                "change.")
        await self._db.write(queue.put(
            f"in:{chat.id}", f"power:{chat.id}:{now_ms() // DAY_MS}", "notice",
            payload=json.dumps({"text": text})))

    async def _show(self, chat: Chat, room: str, kept: Kept, new_picture: bool) -> None:
        """Name, topic and picture."""
        name, topic = await self._label(chat), room_topic(chat)
        for what, value in (("name", name), ("topic", topic)):
            if kept.get(what) == value:
                continue
            kind = f"m.room.{what}"  # somebody in the room may have named it so
            if (await self._homeserver.state(room, kind)).get(what) != value:
                await self._homeserver.set_state(room, kind, {what: value})
            kept[what] = value
        if not new_picture and "avatar" in kept:
            return
        try:
            shown = await self._avatars.fetch(chat.jid)
        except LinkError as error:
            log.info("the picture of %s cannot be had now: %s", chat.jid, error)
            kept.pop("avatar", None)  # looked at again with the next change
            return
        sha256 = shown.sha256 if shown else ""
        if kept.get("avatar", "") != sha256:
            await self._homeserver.set_state(
                room, "m.room.avatar", {"url": shown.uri} if shown else {})
        kept["avatar"] = sha256
        await self._db.write(directory.set_chat_avatar(chat.id, sha256 or None))

    async def _rights(self, chat: Chat, room: str, kept: Kept) -> bool:
        """The group's admins have power, where their ghosts are. Whether anything changed."""
        wanted = {
            member.person.ghost: ADMIN for member in await directory.members(self._db, chat.id)
            if member.joined_room is not None and member.person.ghost
            and member.role in ("admin", "superadmin")}
        if kept.get("power", {}) == wanted:
            return False
        power = await self._homeserver.state(room, "m.room.power_levels")
        users = {user: level for user, level in power.get("users", {}).items()
                 if user == self._homeserver.bot_id or not self._homeserver.is_ours(user)}
        if power.get("users") != {**users, **wanted}:
            await self._homeserver.set_state(
                room, "m.room.power_levels", {**power, "users": {**users, **wanted}})
        kept["power"] = wanted
        return True

    async def _place(self, chat: Chat, room: str, stood: Standing, kept: Kept) -> None:
        """The space in which the room stands."""
        key = places.place(self._config, chat, stood)
        space = await self._spaces.room(key, stood)  # also renames a community's
        before = kept.get("space")
        if before == key:
            return
        await self._spaces.put(room, space)
        if before is not None:
            await self._spaces.take(room, await self._spaces.room(before, stood))
        kept["space"] = key

    async def _person_picture(self, person: int) -> None:
        try:
            await self._ghosts.refresh_picture(person)
        except LinkError as error:
            log.info("a changed profile picture cannot be had now: %s", error)

    async def _label(self, chat: Chat) -> str:
        """A room's name, which no other room of ours has: of two groups with one name the second
        is “Name (2)”, and stays so until it is renamed itself."""
        base, key = room_name(chat), f"label {chat.jid}"
        async with self._labels:
            rows = await self._db.read("SELECT name, value FROM setting WHERE name LIKE 'label %'")
            labels = {row["name"]: json.loads(row["value"]) for row in rows}
            mine = labels.pop(key, None)
            if mine and mine[0] == base:
                return str(mine[1])
            taken = {label.casefold() for _, label in labels.values()}
            label, number = base, 2
            while label.casefold() in taken:
                label, number = f"{base[:NAME_LIMIT - 8]} ({number})", number + 1
            await self._db.write(settings.put(key, json.dumps([base, label])))
        return label

    def chats_in(self, mxid: str, room: str) -> Unit[None]:
        """Somebody has opened a chat with the bridge of their own accord: it is there from now."""
        yield from settings.put(_CHAT + mxid, room)

    async def chats_of(self, people: tuple[str, ...]) -> list[str]:
        """The chats that these people have with the bridge."""
        found = [await settings.get(self._db, _CHAT + mxid) for mxid in people]
        return [room for room in found if room]

    async def admin_room(self, admin: str) -> str:
        """The chat between an admin (or another of staff) and the bridge's user, made when there is
        none."""
        name = _CHAT + admin
        room = await settings.get(self._db, name)
        if room is None:
            localpart = admin[1:].partition(":")[0]
            room = await self._homeserver.create_room(
                f"{self._config.bridge.ghost_prefix}admin_{localpart}",
                {"name": ADMIN_CHAT, "preset": "trusted_private_chat", "is_direct": True,
                 "invite": [admin],
                 "topic": "The bridge reports here. Write !wa help for its commands."})
            await self._db.write(settings.put(name, room))
        return room


def room_name(chat: Chat) -> str:
    """A group's name, or its number while the name is not known."""
    return (chat.name or chat.jid.partition("@")[0])[:NAME_LIMIT]


def is_past(chat: Chat) -> bool:
    """Whether a room holds an older part of a group's record (bridge/imports/past.py)."""
    return ids.parse_past_jid(chat.jid) is not None


def room_topic(chat: Chat) -> str:
    """A room's topic: how the room behaves, then the group's own description."""
    if is_past(chat):
        return PAST_TOPIC
    if described.is_direct(chat.jid):
        return DIRECT.format(who=chat.topic[:2000] or chat.name)
    return f"{TOPIC}\n\n{chat.topic[:2000]}" if chat.topic else TOPIC
