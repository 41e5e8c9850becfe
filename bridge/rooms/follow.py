"""What a change of a group leaves behind: in the archive, in its room's lane, in its standing."""
from __future__ import annotations

import json
import secrets
from dataclasses import replace

from archive import directory, messages, queue, settings
from archive.db import Unit
from archive.model import Chat, NewRecord, Person, Sender
from bridge.rooms import standing
from bridge.rooms.standing import Standing
from bridge.shown import announcements
from bridge.whatsapp import described
from bridge.whatsapp.described import Group, GroupChange, Picture

CHOICE = "bridged "  # + JID: yes or no, as an admin wrote it; stands above bridge.groups
SPEAKER = "group:"  # ids of records begin so in which the bridge itself speaks of the group
_ADMIN = ("admin", "superadmin")


class Own:
    """Who we are on WhatsApp."""

    def __init__(self, users: frozenset[str], person: Person | None) -> None:
        self._users = users | {user for user in (
            person.pn if person else None, person.lid if person else None) if user}

    def __call__(self, sender: Sender) -> bool:
        return sender.pn in self._users or sender.lid in self._users

    def role(self, group: Group) -> str | None:
        """Our role in a group; None when we do not know who we are."""
        if not self._users:
            return None
        return next((m.role for m in group.members if self(m.sender)), "")


def choose(jid: str, yes: bool) -> Unit[None]:
    yield from settings.put(CHOICE + jid, "yes" if yes else "no")
    stood = yield from standing.look(jid)
    yield from standing.put(jid, replace(stood, unbridged=not yes))


def room(chat: Chat, payload: dict[str, object]) -> Unit[str]:
    """The room is to follow its group."""
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"room:{chat.id}:{secrets.token_hex(6)}", "room",
                         payload=json.dumps(payload))
    return lane


def say(chat: Chat, key: str, at: int, received_at: int, text: str,
         sender: Sender | None = None) -> Unit[str | None]:
    """A notice of the bridge about the group, in the record and in the room. `key` with `at` tells
    it from others; None when it was said before."""
    record_id, new = yield from messages.add(NewRecord(
        chat_id=chat.id, kind="notice", origin="whatsapp", source_id=f"{SPEAKER}{at}:{key}",
        sender=sender, sent_at=at or received_at, received_at=received_at, text=text))
    if not new:
        return None
    lane = f"in:{chat.id}"
    yield from queue.put(lane, f"in:{record_id}", "record", record_id=record_id)
    return lane


_EXPECTED = "expected "  # + chat, what, whom: when we asked WhatsApp for this change
_EXPECTED_MS = 600_000  # for so long what WhatsApp says of it is the echo of our own asking


def _expectation(chat_id: int, what: str, whom: str) -> str:
    return f"{_EXPECTED}{chat_id} {what} {whom}"


def expect(chat_id: int, what: str, whom: str, at: int) -> Unit[None]:
    """A change that we ask for: WhatsApp tells us of it, too. `what`: add, remove, promote, demote
    (`whom`: the person's id), name, topic, picture."""
    yield from settings.put(_expectation(chat_id, what, whom), str(at))


def unexpect(chat_id: int, what: str, whom: str) -> Unit[None]:
    """It came to nothing."""
    yield from settings.remove(_expectation(chat_id, what, whom))


def _is_expected(chat_id: int, what: str, whom: str, at: int) -> Unit[bool]:
    name = _expectation(chat_id, what, whom)
    rows = yield "SELECT value FROM setting WHERE name = ?", (name,)
    yield from settings.remove(name)
    return bool(rows) and abs(at - int(rows[0]["value"])) < _EXPECTED_MS


def _unsaid(chat: Chat, event: GroupChange, own: Own, at: int) -> Unit[GroupChange]:
    """A change without what we asked for ourselves, which is said already, with who wanted it."""
    if event.sender is None or not own(event.sender):
        return event
    kept: dict[str, object] = {}
    for what, name in (("add", "joined"), ("remove", "left"), ("promote", "promoted"),
                       ("demote", "demoted")):
        others = []
        for jid in getattr(event, name):
            sender = described.sender_of_jid(jid)
            person = (yield from directory.ensure(sender, event.at)) if sender else ""
            if not (yield from _is_expected(chat.id, what, str(person), at)):
                others.append(jid)
        kept[name] = tuple(others)
    for what in ("name", "topic"):
        if getattr(event, what) is not None and \
                (yield from _is_expected(chat.id, what, "", at)):
            kept[what] = None
    return replace(event, **kept)


def gone_unseen(chat: Chat, at: int) -> Unit[str | None]:
    before = yield from standing.look(chat.jid)
    after = replace(before, gone="removed")
    yield from standing.put(chat.jid, after)
    yield from _hasten(chat)
    return (yield from say(chat, "gone", at, at, announcements.turn(before, after)))


def community_renamed(chat: Chat, stood: Standing, community: str) -> Unit[str]:
    yield from standing.put(chat.jid, replace(stood, community=community))
    return (yield from room(chat, {}))


def _hasten(chat: Chat) -> Unit[None]:
    """What waits for another try to leave learns now that it cannot."""
    yield "UPDATE queue SET next_at = 0 WHERE lane = ? AND state = 'ready'", (f"out:{chat.id}",)


def learned(group: Group, own: Own, community: str, at: int) -> Unit[str | None]:
    """Write down a group's description. Returns the lane with work: what the room has to follow."""
    rows = yield "SELECT name, topic, room_id FROM chat WHERE jid = ?", (group.jid,)
    chat = yield from directory.ensure_chat(group.jid, group.name, group.topic, at)
    if rows and rows[0]["topic"] and not group.topic:
        yield from directory.set_topic(chat.id, "")
    named = bool(rows) and rows[0]["name"] == chat.name and rows[0]["topic"] == group.topic
    before = yield from standing.look(group.jid)
    after = _described(before, group, own, community)
    work = yield from _follow(chat, group, None, before, after, {}, at)
    words = announcements.turn(before, after)
    if words:
        yield from say(chat, f"turn:{secrets.token_hex(4)}", at, at, words)
    if named and chat.room_id and not work and not words:
        return None
    return (yield from room(chat, work if chat.room_id else {**work, "picture": True}))


def _described(before: Standing, group: Group, own: Own, community: str) -> Standing:
    role = own.role(group)
    return replace(
        before, announce=group.announce, locked=group.locked, timer=group.timer, gone="",
        parent=group.parent, community=community,
        admin=before.admin if role is None else role in _ADMIN)


def changed(chat: Chat, event: GroupChange, group: Group | None, own: Own, community: str,
             received_at: int) -> Unit[str | None]:
    """A change, as one notice; the group's members and rights as they are after it."""
    yield from _introduced(event, group)
    telling = yield from _unsaid(chat, event, own, received_at)
    words = yield from announcements.Teller(telling, own).words()
    before = yield from standing.look(chat.jid)
    yield from _renumbered(event)
    if group and group.members and not event.deleted:
        after = _described(before, group, own, community)
        fresh = yield from directory.ensure_chat(group.jid, group.name, group.topic, received_at)
        yield from directory.set_topic(fresh.id, group.topic)
    else:
        after = _followed(before, event, own, lost=group is not None)
        if event.name:
            yield from directory.ensure_chat(chat.jid, event.name, "", received_at)
        if event.topic is not None:
            yield from directory.set_topic(chat.id, event.topic)
    turn = announcements.turn(before, after)
    text = " ".join([*words, turn]).strip()
    said = None
    if text:
        said = yield from say(chat, event.fingerprint, event.at, received_at, text, event.sender)
    by = yield from _removed_by(event, own)
    work = yield from _follow(chat, group, event, before, after, by, received_at)
    if after.closed:
        yield from _hasten(chat)
    if work or event.name is not None or event.topic is not None:
        return (yield from room(chat, work))
    return said


def _introduced(event: GroupChange, group: Group | None) -> Unit[None]:
    """A change names who came by one address; the group knows the other, too."""
    users = {jid.partition("@")[0] for jid in event.joined}
    for member in group.members if group else ():
        if users & {member.sender.pn, member.sender.lid}:
            yield from directory.ensure(member.sender, event.at)


def _renumbered(event: GroupChange) -> Unit[None]:
    """WhatsApp's word for a member with a new number: the old address, from the new one."""
    for unknown in event.unknown:
        if unknown.tag == "modify" and event.sender and unknown.people:
            yield from directory.same(unknown.people[0], event.sender, event.at)


def _followed(before: Standing, event: GroupChange, own: Own, *, lost: bool) -> Standing:
    """How a group stands after a change, when WhatsApp does not describe it. `lost`: it says that
    we are not in it."""
    def ours(jids: tuple[str, ...]) -> bool:
        senders = map(described.sender_of_jid, jids)
        return any(sender is not None and own(sender) for sender in senders)

    gone = "deleted" if event.deleted else before.gone
    if not gone and (lost or ours(event.left)):
        gone = "removed"
    if ours(event.joined) and not lost and not event.deleted:
        gone = ""
    return replace(
        before, gone=gone,
        announce=before.announce if event.announce is None else event.announce,
        locked=before.locked if event.locked is None else event.locked,
        timer=before.timer if event.timer is None else event.timer,
        admin=(before.admin or ours(event.promoted)) and not ours(event.demoted))


def _removed_by(event: GroupChange, own: Own) -> Unit[dict[int, str]]:
    """Who was removed by whom; "" for who left."""
    actor, name = None, ""
    if event.sender:
        actor = yield from directory.ensure(event.sender, event.at)
        rows = yield "SELECT name FROM person WHERE id = ?", (actor,)
        name = announcements.US if own(event.sender) else rows[0]["name"]
    found = {}
    for jid in event.left:
        sender = described.sender_of_jid(jid)
        if sender:
            person = yield from directory.ensure(sender, event.at)
            found[person] = "" if person == actor else name
    return found


def _follow(chat: Chat, group: Group | None, event: GroupChange | None, before: Standing,
            after: Standing, by: dict[int, str], at: int) -> Unit[dict[str, object]]:
    """Write down members and standing. Returns what the room has to do about it: the ghosts that
    leave, and whether anything else of it changes."""
    ghosts, admins = yield from _in_room(chat)
    if group and group.members:
        _, gone = yield from directory.set_members(
            chat.id, [(m.sender, m.role) for m in group.members], at)
    else:
        gone = yield from _move(chat, event, by) if event else []
    if after != before:
        yield from standing.put(chat.jid, after)
    work: dict[str, object] = {}
    left = {str(person): by.get(person, "") for person in gone if person in ghosts}
    if left:
        work["left"] = left
    _, admins_now = yield from _in_room(chat)
    if admins_now != admins or after != before:
        work["rights"] = True
    return work


def _in_room(chat: Chat) -> Unit[tuple[set[int], set[int]]]:
    """The persons whose ghosts are in the room, and the admins among them."""
    rows = yield ("SELECT person_id, role FROM member"
                  " WHERE chat_id = ? AND joined_room IS NOT NULL", (chat.id,))
    return ({row["person_id"] for row in rows},
            {row["person_id"] for row in rows if row["role"] in _ADMIN})


def _move(chat: Chat, event: GroupChange, left: dict[int, str]) -> Unit[list[int]]:
    """Members as a change says, when the group itself cannot be asked. Those who left."""
    for jids, role in ((event.joined, "member"), (event.promoted, "admin"),
                       (event.demoted, "member")):
        for jid in jids:
            sender = described.sender_of_jid(jid)
            if sender:
                person = yield from directory.ensure(sender, event.at)
                yield from directory.set_role(chat.id, person, role)
    gone = []
    for person in left:
        if (yield from directory.remove_member(chat.id, person)):
            gone.append(person)
    return gone


def pictured(chat: Chat, event: Picture, own: Own, received_at: int) -> Unit[str | None]:
    name = ""
    if event.author:
        person = yield from directory.ensure(event.author, event.at)
        rows = yield "SELECT name FROM person WHERE id = ?", (person,)
        name = announcements.US if own(event.author) else rows[0]["name"]
    text = announcements.picture(event, name)
    text = text[:1].upper() + text[1:]
    if event.author and own(event.author) and \
            (yield from _is_expected(chat.id, "picture", "", received_at)):
        return (yield from room(chat, {"picture": True}))
    # Two changes within a second look the same to us: one notice, but the newest picture.
    yield from say(chat, event.fingerprint, event.at, received_at, text, event.author)
    return (yield from room(chat, {"picture": True}))


def person_pictured(event: Picture) -> Unit[str | None]:
    """The ghost's avatar is looked at in the lane of a room in which it is."""
    sender = described.sender_of_jid(event.jid)
    if sender is None:
        return None
    rows = yield (
        """SELECT p.id, m.chat_id FROM identifier i JOIN person p ON p.id = i.person_id
        JOIN member m ON m.person_id = p.id WHERE i.kind = ? AND i.value = ?
        AND p.ghost IS NOT NULL AND m.joined_room IS NOT NULL ORDER BY m.chat_id LIMIT 1""",
        ("pn" if sender.pn else "lid", sender.pn or sender.lid))
    if not rows:
        return None
    lane = f"in:{rows[0]['chat_id']}"
    yield from queue.put(lane, f"room:{rows[0]['chat_id']}:{secrets.token_hex(6)}", "room",
                         payload=json.dumps({"person": rows[0]["id"]}))
    return lane
