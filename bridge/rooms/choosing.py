"""Choosing groups: `!wa groups`, `!wa bridge` and `!wa unbridge`."""
from __future__ import annotations

import json
from collections.abc import Callable

from archive import directory, ids, settings
from archive.db import Database
from archive.model import Chat
from bridge.link import LinkError
from bridge.matrix import Homeserver, HomeserverError
from bridge.rooms.directs import Directs
from bridge.rooms.groups import Groups
from bridge.rooms.rooms import Rooms
from bridge.whatsapp import described
from bridge.whatsapp.described import Group
from config import Config

_LISTED = "listed groups"  # the JIDs behind the numbers of the latest !wa groups
NEEDED = 100  # our power in a room of somebody else's: we give power to the ghosts of admins
SHOWN = 8  # groups that are named when several fit


class Choosing:
    """Answers the commands by which admins choose groups."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 groups: Groups, rooms: Rooms, directs: Directs) -> None:
        self._prefix = config.bot.prefix
        self._db = database
        self._homeserver = homeserver
        self._groups = groups
        self._rooms = rooms
        self._directs = directs

    async def listing(self) -> str:
        """Every group of the account with a number for !wa bridge. Raises LinkError."""
        groups = await self._groups.listed()
        await self._db.write(settings.put(
            _LISTED, json.dumps([group.jid for group in groups])))
        lines = []
        for number, group in enumerate(groups, 1):
            bridged = await self._groups.bridged(group.jid, group.name)
            lines.append(f"{number}. {group.name or '(no name)'}: {len(group.members)} members, "
                         f"{'bridged' if bridged else 'not bridged'} ({group.jid})")
        if not lines:
            return "This account is in no group."
        return "\n".join([*lines, f"Choose with {self._prefix}wa bridge NUMBER and "
                          f"{self._prefix}wa unbridge NUMBER."])

    async def bridge(self, words: list[str]) -> str:
        """Mirror a group, in a new room or in the one that is named last."""
        if number := _number(words):
            return await self._directs.choose(number, True)
        target = words.pop() if len(words) > 1 and words[-1][0] in "!#" else ""
        group = await self._find(words)
        if isinstance(group, str):
            return group
        chat = await directory.chat_by_jid(self._db, group.jid)
        if await self._groups.bridged(group.jid, group.name) and chat and chat.room_id:
            return f"“{group.name}” is bridged already, in {_link(chat.room_id)}."
        if target:
            refusal = await self._adopt(group, chat, target)
            if refusal:
                return refusal
        await self._groups.bridge(group)
        if target:
            return f"“{group.name}” is bridged from now on, in {target}."
        return (f"“{group.name}” is bridged from now on. You and the staff are invited to its room "
                "as soon as it is made.")

    async def unbridge(self, words: list[str]) -> str:
        """Read nothing more of a group, or of a direct chat by its number."""
        if number := _number(words):
            return await self._directs.choose(number, False)
        group = await self._find(words)
        if isinstance(group, str):
            return group
        if not await self._groups.bridged(group.jid, group.name):
            return f"“{group.name}” is not bridged."
        await self._groups.unbridge(group.jid)
        return (f"“{group.name}” is not bridged any more. Its room and its record stay; "
                f"{self._prefix}wa bridge takes it up again.")

    async def _find(self, words: list[str]) -> Group | str:
        """The group that is meant, or why that cannot be told."""
        wanted = " ".join(words).strip("“”\"'").casefold()
        if not wanted:
            return f"Say which group: its number in {self._prefix}wa groups, its name or its JID."
        groups = await self._known()
        if wanted.isdecimal() and len(wanted) < 6:
            listed = json.loads(await settings.get(self._db, _LISTED) or "[]")
            if not 0 < int(wanted) <= len(listed):
                return (f"There is no number {wanted} in the list; write {self._prefix}wa groups "
                        "for a new one.")
            wanted = listed[int(wanted) - 1]
        fits: list[Callable[[Group], bool]] = [
            lambda group: wanted in (group.jid, group.jid.partition("@")[0]),
            lambda group: group.name.casefold() == wanted,
            lambda group: wanted in group.name.casefold()]
        for fit in fits:
            found = [group for group in groups if fit(group)]
            if len(found) == 1:
                return found[0]
            if found:
                names = "\n".join(f"{group.name} ({group.jid})" for group in found[:SHOWN])
                return f"Several groups fit; write the JID of the one you mean:\n{names}"
        return (f"This account sees no group {' '.join(words)!r}; {self._prefix}wa groups lists "
                "those it sees.")

    async def _known(self) -> list[Group]:
        """The account's groups, and those that were bridged and are not among them any more."""
        groups = await self._groups.listed()
        jids = {group.jid for group in groups}
        return [*groups, *(Group(chat.jid, chat.name, chat.topic, ())
                           for chat in await directory.chats(self._db)
                           if chat.jid not in jids and not described.is_direct(chat.jid)
                           and not chat.jid.endswith(f"@{ids.IMPORT_SERVER}"))]

    async def _adopt(self, group: Group, chat: Chat | None, target: str) -> str:
        """Take a room that is there already for a group; why that cannot be, or ""."""
        if chat and chat.room_id:
            return (f"“{group.name}” has a room already, {_link(chat.room_id)}, with all that was "
                    f"said; write {self._prefix}wa bridge without a room.")
        me = self._homeserver.bot_id
        try:
            room = await self._homeserver.enter(target)
        except HomeserverError as error:
            if error.temporary:
                raise LinkError(str(error)) from error
            return f"The bridge cannot go into {target}: invite {me} there first ({error})."
        if await directory.chat_by_room(self._db, room):
            return f"{target} mirrors another group; choose another room."
        power = await self._homeserver.state(room, "m.room.power_levels")
        mine = power.get("users", {}).get(me, power.get("users_default", 0))
        if mine < NEEDED:
            return (f"{me} has power level {mine} in {target} and needs {NEEDED}, to bring in the "
                    "members and give them their rights; change that and write this again.")
        chat = await self._groups.entered(group)
        await self._rooms.adopt(chat, room)
        return ""


def _number(words: list[str]) -> str:
    """The digits of a phone number, +92 300 1234567; "" when something else is written."""
    text = "".join(words).translate(dict.fromkeys(map(ord, " -()")))
    digits = text[1:]
    is_one = text.startswith("+") and digits.isascii() and digits.isdigit()
    return digits if is_one and 7 <= len(digits) <= 15 else ""


def _link(room: str) -> str:
    return f"https://matrix.to/#/{room}"


