"""Rooms that the bot makes: a private talk with a person, and the staff room.

A room is made once, whatever dies: that it is about to be made is noted before, and a bot that
finds such a note looks first whether the room is there (its creation says what it is for).
"""
from __future__ import annotations

import json
import logging
from typing import Any

from archive import settings
from archive.db import Database, Unit
from bot.matrix import MatrixError
from bot.voice import Voice

log = logging.getLogger("daftar.bot")

STAFF_ROOM = "bot.staff_room"  # setting: its room id
_STAFF_INVITED = "bot.staff_room.invited"  # setting: JSON list of who was
_TALK_TOPIC = ("Only you and I are here. I tell you at the office's opening what is yours; "
               "{prefix}digest off ends that, {prefix}help says what else I do.")
_STAFF_TOPIC = ("Staff only; nothing of it goes to WhatsApp. I ask here which messages belong to "
                "which case: one tap on the reaction below a message answers.")


def direct_setting(mxid: str) -> str:
    """The setting that holds the room of the private talk with somebody."""
    return f"bot.direct {mxid}"


async def own(db: Database) -> frozenset[str]:
    """The rooms that the bot made: the staff room and the private talks. No group speaks there."""
    talks = await settings.named(db, direct_setting(""))
    staff = await settings.get(db, STAFF_ROOM)
    return frozenset((*talks.values(), *([staff] if staff else [])))


def _invited_setting(mxid: str) -> str:
    return f"bot.direct.invited {mxid}"


def talk_here(mxid: str, room_id: str) -> Unit[None]:
    """This is the private talk with somebody from now on: they are in it and spoke there."""
    yield from settings.put(direct_setting(mxid), room_id)
    yield from settings.put(_invited_setting(mxid), "yes")


def talk_again(mxid: str) -> Unit[None]:
    """Somebody wants to be spoken to: when they left the talk, they may be invited once more."""
    yield from settings.remove(_invited_setting(mxid))


async def direct(voice: Voice, mxid: str) -> str | None:
    """The room of the private talk with somebody, made when there is none; None when they left it:
    who leaves is not invited again until they ask (`talk_again`). Raises MatrixError."""
    name, invited = direct_setting(mxid), _invited_setting(mxid)
    room_id = await settings.get(voice.db, name)
    if room_id is None or not await voice.matrix.is_joined(room_id, voice.matrix.user_id):
        room_id = await _make(voice, name, {
            "preset": "private_chat", "is_direct": True, "invite": [mxid],
            "topic": _TALK_TOPIC.format(prefix=voice.config.bot.prefix)})
        await voice.db.write(_settle(name, room_id, {invited: "yes"}))
        return room_id
    membership = (await voice.matrix.member(room_id, mxid) or {}).get("membership")
    was_invited = await settings.get(voice.db, invited)
    if membership in ("join", "invite"):
        if not was_invited:
            await voice.db.write(settings.put(invited, "yes"))
        return room_id
    if was_invited:
        return None
    await voice.matrix.invite(room_id, mxid, direct=True)
    await voice.db.write(settings.put(invited, "yes"))
    return room_id


async def staff_room(voice: Voice) -> str | None:
    """The staff room, made when there is none, with everybody of bridge.staff and bridge.admins
    invited, each once; None when the configuration wants none. Raises MatrixError."""
    name = voice.config.bot.staff_room
    if not name:
        return None
    room_id = await settings.get(voice.db, STAFF_ROOM)
    if room_id is None or not await voice.matrix.is_joined(room_id, voice.matrix.user_id):
        admins = [mxid for mxid in voice.config.bridge.admins if voice.is_person(mxid)]
        levels = dict.fromkeys((voice.matrix.user_id, *admins), 100)
        room_id = await _make(voice, STAFF_ROOM, {
            "name": name, "topic": _STAFF_TOPIC, "preset": "private_chat",
            "power_level_content_override": {"users": levels}})
        await voice.db.write(_settle(STAFF_ROOM, room_id, {_STAFF_INVITED: "[]"}))
    await _invite_staff(voice, room_id)
    return room_id


async def _invite_staff(voice: Voice, room_id: str) -> None:
    bridge = voice.config.bridge
    invited = json.loads(await settings.get(voice.db, _STAFF_INVITED, "[]") or "[]")
    for mxid in dict.fromkeys((*bridge.admins, *bridge.staff)):
        if mxid in invited or not voice.is_person(mxid):
            continue
        try:
            await voice.matrix.invite(room_id, mxid)
        except MatrixError as error:
            if not error.lasting:
                raise
            # in it already, banned by an admin, or no such user: none of it changes by asking again
            log.warning("%s is not invited to the staff room: %s", mxid, error)
        invited.append(mxid)
        await voice.db.write(settings.put(_STAFF_INVITED, json.dumps(invited)))


async def _make(voice: Voice, mark: str, content: dict[str, Any]) -> str:
    """Make the room of that mark, or find it when the bot died before it had noted it."""
    if await settings.get(voice.db, _making(mark)):
        found = await voice.matrix.room_marked(mark)
        if found is not None:
            return found
    else:
        await voice.db.write(settings.put(_making(mark), "yes"))
    return await voice.matrix.create_room(mark, content)


def _settle(name: str, room_id: str, facts: dict[str, str]) -> Unit[None]:
    yield from settings.put(name, room_id)
    for fact, value in facts.items():
        yield from settings.put(fact, value)
    yield from settings.remove(_making(name))


def _making(mark: str) -> str:
    return f"making {mark}"
