"""`!wa seen`: who has got and who has read a message of staff."""
from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from archive import directory, messages, receipts
from archive.db import Database
from archive.model import Chat
from archive.receipts import Receipt
from bridge.rooms.ghosts import GONE

NAMES = 60  # of each kind that are listed
HOW = ("Write this as a reply to a message of staff that has left for WhatsApp; it tells who has "
       "got it and who has read it.")


async def answer(db: Database, chat: Chat, event: dict[str, Any], own: str, zone: tzinfo) -> str:
    """Who has seen the message to which a command replies. `own`: our own JID, who is not asked."""
    relates = event.get("content", {}).get("m.relates_to")
    reply = relates.get("m.in_reply_to") if isinstance(relates, dict) else None
    target = reply.get("event_id") if isinstance(reply, dict) else None
    record = await messages.by_event(db, str(target)) if target else None
    if record is None or record.origin != "matrix" or \
            await messages.whatsapp_id(db, record.id) is None:
        return HOW
    user = own.partition("@")[0]
    members = {member.person.id: member.person.name
               for member in await directory.members(db, chat.id)
               if member.role != GONE and user not in (member.person.pn, member.person.lid)}
    found = await receipts.of(db, record.id)
    members |= {one.person_id: one.name for one in found if one.person_id not in members}
    read = [one for one in found if one.read_at]
    got = [one for one in found if not one.read_at]
    heard = {one.person_id for one in found}
    rest = sorted(name for person, name in members.items() if person not in heard)
    lines = [f"Delivered to {len(found)}, read by {len(read)} of {len(members)}."]
    for title, names in (("Read", [_with_time(one, one.read_at, zone) for one in read]),
                         ("Delivered", [_with_time(one, one.delivered_at, zone) for one in got]),
                         ("Nothing heard", rest)):
        if names:
            more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
            lines.append(f"{title}: {', '.join(names[:NAMES])}{more}")
    lines.append("Who has turned read receipts off on the phone is never among those who read.")
    return "\n".join(lines)


def _with_time(one: Receipt, at: int | None, zone: tzinfo) -> str:
    return f"{one.name} ({datetime.fromtimestamp((at or 0) / 1000, zone):%d %b %H:%M})"
