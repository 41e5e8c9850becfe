"""Calls as they ring: said in the group's room, or to the admins. Nobody can answer from here."""
from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, tzinfo

from archive import directory, queue
from archive.db import Unit
from archive.model import Chat
from bridge.rooms import follow
from bridge.whatsapp.calls import Call


def in_group(chat: Chat, call: Call, at: int) -> Unit[str | None]:
    """Somebody calls the group. Returns the lane with work."""
    name = yield from _name(call)
    text = f"{name} is calling the group ({_kind(call)}). Only a phone can answer."
    return (yield from follow.say(chat, f"call:{call.id}", call.at, at, text, call.sender))


def in_chat(chat: Chat, call: Call, at: int) -> Unit[str | None]:
    """The other end of a direct chat calls the department. Returns the lane with work."""
    name = yield from _name(call)
    text = f"{name} is calling the department's number ({_kind(call)}). Only its phone can answer."
    return (yield from follow.say(chat, f"call:{call.id}", call.at, at, text, call.sender))


def alone(call: Call, admins: Iterable[str], zone: tzinfo) -> Unit[list[str]]:
    """Somebody calls the department's number: its admins hear of it. Returns the lanes."""
    name = yield from _name(call)
    number = f"+{call.sender.pn}" if call.sender.pn else ""
    who = name if not number or number == name else f"{name} ({number})"
    when = datetime.fromtimestamp(call.at / 1000, zone)
    text = (f"{who} called the department's number on {when:%d %B at %H:%M} ({_kind(call)}). Only "
            "its phone can answer.")
    lanes = []
    for admin in admins:
        rows = yield "SELECT value FROM setting WHERE name = ?", (f"admin_room {admin}",)
        if rows:
            lane = f"bot:{rows[0]['value']}"
            yield from queue.put(lane, f"call:{call.id}:{admin}", "notice",
                                 payload=json.dumps({"text": text}, ensure_ascii=False))
            lanes.append(lane)
    return lanes


def _name(call: Call) -> Unit[str]:
    person = yield from directory.ensure(call.sender, call.at)
    rows = yield "SELECT name FROM person WHERE id = ?", (person,)
    return rows[0]["name"]


def _kind(call: Call) -> str:
    return "video" if call.video else "voice"
