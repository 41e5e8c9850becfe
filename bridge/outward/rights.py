"""What people in a room change of its group: who is in it, who its admins are, its name,
description and picture. Matrix has decided already who may; WhatsApp decides whether the
department's number may.

Every change can be asked for twice with the effect of once, so nothing here is ever unsure. What
WhatsApp refuses ends with a notice, and the room shows the group again as it is.
"""
from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from archive import directory, ids, queue
from archive.db import Database, Unit
from archive.model import Chat, QueueRow, Sender
from bridge.clock import now_ms
from bridge.link import LinkDown, LinkError, LinkRefused
from bridge.link.parent import Link
from bridge.matrix import FileTooLarge, Homeserver, HomeserverError
from bridge.outward import pictures
from bridge.rooms import follow, rooms, standing
from bridge.whatsapp import described
from bridge.whatsapp.described import Group
from bridge.worker import Away, GiveUp, Retry

TASK = "right"
MODERATOR = 50  # power from which somebody is an admin of the group (rooms.ADMIN)
LATE_MS = 3_600_000  # as of messages (outbox.LATE_MS)
TYPES = ("m.room.member", "m.room.power_levels", "m.room.name", "m.room.topic", "m.room.avatar")
PICTURE = 640  # pixels of a picture's sides, as WhatsApp's apps send it
PICTURE_BYTES = 20 * 2**20
_GONE = ("leave", "ban")
_TEXTS = {"m.room.name": "name", "m.room.topic": "topic", "m.room.avatar": "picture"}

# What WhatsApp's codes mean: to the question as such, and about a person (link.parent).
_WHOLE = {
    401: "the department's number is no admin of the group; ask an admin to make it one, or to do "
         "this on WhatsApp",
    403: "the department's number is not in the group",
    404: "WhatsApp does not know the group any more",
    406: "WhatsApp does not accept it: it is too long, or no picture",
    419: "the group is full",
}
_PERSON = {
    401: "they have blocked the department's number",
    403: "they let nobody add them to groups; an admin can send them the group's invite link",
    404: "this number is not on WhatsApp",
    405: "whoever made the group can neither be removed nor dismissed",
    408: "they left the group not long ago; only the group's invite link brings them back",
    500: "the group is full",
}
_ALREADY = {"add": (409,), "remove": (404,)}  # codes that say: it is so already


# Step 2: stored before the homeserver is answered


def store(chat: Chat, event: dict[str, Any], prefix: str, *, late: bool) -> Unit[list[str]]:
    """What a state event of a mirrored room asks of WhatsApp, as rows of its lane. `prefix`: of
    ghosts' localparts. Returns the lanes with work."""
    asked = yield from _asked(chat, event, prefix)
    if not asked:
        return []
    lane = f"out:{chat.id}"
    if described.is_direct(chat.jid):  # the room alone changes: there is no group behind it
        gone = [one["person"] for one in asked if one["do"] == "remove" and one["person"]]
        for person in gone:
            yield from directory.mark_left(chat.id, person)
        return [(yield from follow.room(chat, {"went": gone}))] if gone else []
    for number, one in enumerate(asked):
        payload = {**one, "by": event["sender"], "event_id": event["event_id"], "late": late,
                   "at": now_ms()}
        yield from queue.put(lane, f"right:{event['event_id']}:{number}", TASK,
                             payload=json.dumps(payload, ensure_ascii=False))
    lanes = [lane]
    for one in asked:
        if one["do"] == "remove" and one["person"]:  # the room has lost the ghost already
            yield from directory.mark_left(chat.id, one["person"])
            lanes.append((yield from follow.room(chat, {"went": [one["person"]]})))
    return lanes


def _asked(chat: Chat, event: dict[str, Any], prefix: str) -> Unit[list[dict[str, Any]]]:
    content, kind, key = event["content"], event["type"], event.get("state_key")
    before = (event.get("unsigned") or {}).get("prev_content")
    before = before if isinstance(before, dict) else None
    if kind == "m.room.member":
        what = "add" if content.get("membership") == "invite" else \
            "remove" if content.get("membership") in _GONE else ""
        if not what or not _is_ghost(key, prefix) or \
                ((before or {}).get("membership") == "ban" and content["membership"] == "leave"):
            return []
        return [{"do": what, "ghost": key, "person": (yield from _person(key, prefix))}]
    if key != "":
        return []
    if kind == "m.room.power_levels":
        if before is None:
            before = {"users": (yield from _power_kept(chat))}
        return (yield from _rises(before, content, prefix))
    field = {"name": "name", "topic": "topic", "picture": "url"}[_TEXTS[kind]]
    value = content.get(field)
    value = value if isinstance(value, str) else ""
    if before is not None and before.get(field, "") == value:
        return []
    return [{"do": _TEXTS[kind], "text": value}]


def _is_ghost(user: object, prefix: str) -> bool:
    return isinstance(user, str) and user.startswith("@" + prefix)


def _person(ghost: str, prefix: str) -> Unit[int | None]:
    """The person behind a ghost; also of one who has none yet, by the number in its name."""
    rows = yield "SELECT id FROM person WHERE ghost = ?", (ghost,)
    if rows:
        return rows[0]["id"]
    found = ids.parse_ghost_localpart(prefix, ghost[1:].partition(":")[0])
    if found is None:
        return None
    return (yield from directory.ensure(Sender(**{found[0]: found[1]}), now_ms()))


def _power_kept(chat: Chat) -> Unit[dict[str, Any]]:
    """The power that the bridge gave to ghosts, where the homeserver does not say what was."""
    rows = yield "SELECT value FROM setting WHERE name = ?", (f"room {chat.id}",)
    power = json.loads(rows[0]["value"]).get("power") if rows else None
    return power if isinstance(power, dict) else {}


def _rises(before: dict[str, Any], after: dict[str, Any], prefix: str
           ) -> Unit[list[dict[str, Any]]]:
    """Whose power rose to that of an admin, or fell below it."""
    asked = []
    old, new = _levels(before), _levels(after)
    for user in sorted({*old, *new}):
        was, now = old.get(user, 0) >= MODERATOR, new.get(user, 0) >= MODERATOR
        if was != now and _is_ghost(user, prefix):
            asked.append({"do": "promote" if now else "demote", "ghost": user,
                          "person": (yield from _person(user, prefix))})
    return asked


def _levels(power: dict[str, Any]) -> dict[str, int]:
    users = power.get("users")
    return {user: level for user, level in users.items() if isinstance(level, int)} \
        if isinstance(users, dict) else {}


# Steps 3 to 6


class Rights:
    """Does the rows with TASK of the lanes to WhatsApp."""

    def __init__(self, database: Database, homeserver: Homeserver, link: Link) -> None:
        self._db = database
        self._homeserver = homeserver
        self._link = link

    async def handle(self, row: QueueRow) -> list[str]:
        """Ask WhatsApp for one change. Returns the lanes that got work."""
        said = json.loads(row.payload or "{}")
        chat = await directory.chat(self._db, int(row.lane.partition(":")[2]))
        if chat is None:
            raise GiveUp("the group is not in the archive")
        if said["late"]:
            raise GiveUp("the homeserver handed it over too late")
        if closed := (await standing.get(self._db, chat.jid)).closed_for("reaction"):
            raise GiveUp(closed)
        try:
            done = await self._member(chat, said) if "ghost" in said else \
                await self._shown(chat, said)
        except LinkRefused as error:
            if error.code == 429:
                raise Retry("WhatsApp wants fewer questions") from error
            known = _WHOLE if error.whole else _PERSON
            raise GiveUp(known.get(error.code) or f"WhatsApp refused it ({error})") from error
        except LinkError as error:
            waits = isinstance(error, LinkDown) and now_ms() - said["at"] < LATE_MS
            raise (Away if waits else Retry)(str(error)) from error
        except HomeserverError as error:
            raise error.for_lane() from error
        return await self._db.write(_done(row, done))

    async def _member(self, chat: Chat, said: dict[str, Any]) -> Unit[list[str]]:
        """Somebody comes, goes, rises or falls. Returns what to note."""
        person = await directory.person(self._db, said["person"]) if said["person"] else None
        if person is None:
            raise GiveUp("this is nobody whom WhatsApp could know; a ghost's name ends with a "
                         "phone number")
        group = described.read_group(await self._link.group(chat.jid))
        address, role = _in_group(group, person.pn, person.lid)
        if _is_so(said["do"], role):
            return _follows(chat, said, "")
        await self._expect(chat, said["do"], str(person.id))
        try:
            await self._link.change_member(chat.jid, address, said["do"])
        except LinkRefused as error:
            if error.whole or error.code not in _ALREADY.get(said["do"], ()):
                raise
            return _follows(chat, said, "")
        return _follows(chat, said, await self._by(said))

    async def _shown(self, chat: Chat, said: dict[str, Any]) -> Unit[list[str]]:
        """The group gets another name, description or picture. Returns what to note."""
        what, text = said["do"], said["text"]
        now: dict[str, Any] = {what: text}
        if what == "name":
            if not text.strip():
                raise GiveUp("a group on WhatsApp needs a name")
            if text == chat.name:
                return _follows(chat, {**said, "now": now}, "")
            await self._expect(chat, "name")
            await self._link.name_group(chat.jid, text)
        elif what == "topic":
            text = text.removeprefix(rooms.TOPIC).strip()
            if text == chat.topic:
                return _follows(chat, {**said, "text": text}, "")
            await self._expect(chat, "topic")
            await self._link.describe_group(chat.jid, text)
        else:
            if not text:
                raise GiveUp("the WhatsApp library cannot take a group's picture away; do it on "
                             "the phone")
            data = await asyncio.to_thread(_jpeg, await self._fetched(text))
            await self._expect(chat, "picture")
            await self._link.picture_group(chat.jid, data)
            now = {"avatar": hashlib.sha256(data).hexdigest()}
        said = {**said, "text": text, "now": now}
        return _follows(chat, said, await self._by(said))

    async def _fetched(self, mxc: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            try:
                await self._homeserver.download(mxc, path, PICTURE_BYTES)
            except FileTooLarge as error:
                raise GiveUp(f"the picture has more than {PICTURE_BYTES // 2**20} MB") from error
            return await asyncio.to_thread(path.read_bytes)

    async def _expect(self, chat: Chat, what: str, whom: str = "") -> None:
        """WhatsApp tells everybody of the change, us too: that is not said a second time."""
        await self._db.write(follow.expect(chat.id, what, whom, now_ms()))

    async def _by(self, said: dict[str, Any]) -> str:
        return await self._homeserver.display_name(said["by"])


def _in_group(group: Group, pn: str | None, lid: str | None) -> tuple[str, str]:
    """The address under which a group knows somebody, and their role; "" for who is not in it."""
    by_number, by_lid = f"{pn}@{ids.USER_SERVER}", f"{lid}@{ids.LID_SERVER}"
    for member in group.members:
        if (pn and member.sender.pn == pn) or (lid and member.sender.lid == lid):
            return (by_lid if lid else by_number), member.role
    return (by_number if pn else by_lid), ""


def _is_so(what: str, role: str) -> bool:
    """Whether there is nothing to do any more."""
    is_admin = role in ("admin", "superadmin")
    return {"add": bool(role), "remove": not role, "promote": is_admin,
            "demote": not is_admin}[what]


def _jpeg(data: bytes) -> bytes:
    """A picture as WhatsApp takes it: a square JPEG. One that is so already stays as it is."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > pictures.PIXELS:
                raise GiveUp(f"the picture has {picture.width} by {picture.height} pixels")
            if picture.format == "JPEG" and picture.width == picture.height <= PICTURE:
                return data
            side = min(picture.size)
            left, top = (picture.width - side) // 2, (picture.height - side) // 2
            square = picture.convert("RGB").crop((left, top, left + side, top + side))
            square.thumbnail((PICTURE, PICTURE))
            out = io.BytesIO()
            square.save(out, "JPEG", quality=85)
            return out.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GiveUp(f"the picture cannot be read ({error})") from error


def _done(row: QueueRow, unit: Unit[list[str]]) -> Unit[list[str]]:
    lanes = yield from unit
    yield from queue.done(row.id)
    return lanes


def _follows(chat: Chat, said: dict[str, Any], by: str) -> Unit[list[str]]:
    """The change stands in the archive, the room follows, and it is said who made it (`by`; "" when
    it was so before)."""
    what, person, at = said["do"], said.get("person"), now_ms()
    rows = yield "SELECT name FROM person WHERE id = ?", (person,)
    name = rows[0]["name"] if rows else ""
    words = {"add": f"{by} added {name}.", "remove": f"{by} removed {name}.",
             "promote": f"{by} made {name} an admin.",
             "demote": f"{by} dismissed {name} as admin.",
             "name": f"{by} named the group “{said.get('text')}”.",
             "topic": f"{by} changed the group's description: “{said.get('text')}”"
             if said.get("text") else f"{by} removed the group's description.",
             "picture": f"{by} changed the group's picture."}[what]
    work: dict[str, object] = {}
    match what:
        case "add":
            work["joined"] = [person]
            if by:
                yield from directory.set_role(chat.id, person, "member")
        case "remove":
            yield from directory.remove_member(chat.id, person)
        case "promote" | "demote":
            yield from directory.set_role(
                chat.id, person, "admin" if what == "promote" else "member")
            work["now"] = {"power": None}
        case "name":
            yield from directory.ensure_chat(chat.jid, said["text"], "", at)
            work["now"] = said["now"]
        case "topic":
            yield from directory.set_topic(chat.id, said["text"])
            work["now"] = {"topic": None}
        case "picture":
            work |= {"now": said["now"], "picture": True}
    lane = yield from follow.room(chat, work)
    if by:
        yield from follow.say(chat, f"asked:{said['event_id']}:{person or what}", at, at, words,
                              Sender(mxid=said["by"]))
    return [lane]


_FAILED = {"add": "{} was not added to the group on WhatsApp",
           "remove": "{} was not removed from the group on WhatsApp",
           "promote": "{} was not made an admin of the group on WhatsApp",
           "demote": "{} was not dismissed as admin of the group on WhatsApp",
           "name": "The group's name was not changed on WhatsApp",
           "topic": "The group's description was not changed on WhatsApp",
           "picture": "The group's picture was not changed on WhatsApp"}


def complaint(row: QueueRow, reason: str) -> Unit[list[str]]:
    """The room is told why, and shows the group as it is."""
    said, chat_id = json.loads(row.payload or "{}"), int(row.lane.partition(":")[2])
    what, person = said["do"], said.get("person")
    rows = yield "SELECT name FROM person WHERE id = ?", (person,)
    text = _FAILED[what].format(rows[0]["name"] if rows else said.get("ghost"))
    yield from follow.unexpect(chat_id, what, str(person or ""))
    lane = f"in:{chat_id}"
    yield from queue.put(lane, f"failed:{row.id}", "notice", payload=json.dumps(
        {"text": f"{text}: {reason}. The room shows the group as it is.",
         "event": said["event_id"]}, ensure_ascii=False))
    work: dict[str, object] = {"now": {"avatar" if what == "picture" else what: None}}
    if what == "add":
        work = {"turned_away": {said["ghost"]: "Not in the group on WhatsApp"}}
    elif what == "remove":
        work = {"joined": [person]} if person else {}
    elif what in ("promote", "demote"):
        work = {"now": {"power": None}}
    elif what == "picture":
        work["picture"] = True
    yield from queue.put(lane, f"room:{chat_id}:right:{row.id}", "room", payload=json.dumps(work))
    return [lane]
