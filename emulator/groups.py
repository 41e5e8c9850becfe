"""Groups: who is in them, and telling linked devices about changes."""
from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from emulator.iq import group_node, participant, picture_id
from emulator.model import EmulatorError, Group
from emulator.nodes import Jid, Node
from emulator.phone import Phone

if TYPE_CHECKING:
    from emulator.device import Device
    from emulator.server import Emulator

_FACTS = ("announce", "locked", "timer", "parent", "is_parent")


class Groups:
    """The changes a group can go through."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def restore(self) -> None:
        """Takes up what is stored."""
        store = self._emulator.store
        facts = {jid: (json.loads(facts), picture) for jid, facts, picture in store.rows(
            "SELECT jid, facts, picture FROM group_facts")}
        for row in store.rows("SELECT jid, name, topic, creation, owner, addressing FROM groups"):
            known, picture = facts.get(row[0], ({}, None))
            group = Group(*row[:5], addressing=row[5], **known, picture=picture)
            group.members = dict(store.rows(
                "SELECT number, role FROM members WHERE jid = ? ORDER BY place", (group.jid,)
            ))
            self._emulator.groups[group.jid] = group

    def create(
        self, name: str, members: Sequence[Phone], admins: Sequence[Phone], jid: str | None,
        topic: str, addressing: str,
    ) -> Group:
        """See Emulator.create_group."""
        people = list(dict.fromkeys([*admins, *members]))
        if jid in self._emulator.groups:
            group = self._emulator.groups[jid]
            self.add(group, [p for p in people if p.number not in group.members])
            return group
        if not people:
            raise EmulatorError(f"the group {name!r} has no members")
        jid = jid or f"120363{secrets.randbelow(10**12):012d}@g.us"
        owner = people[0].number
        group = Group(jid, name, topic, int(time.time()), owner, addressing=addressing)
        group.members = {
            p.number: "superadmin" if p.number == owner else "admin" if p in admins else "member"
            for p in people
        }
        self._emulator.groups[jid] = group
        self._save(group)
        self._announce_group(group, people)
        return group

    def add(self, group: Group, phones: Sequence[Phone], by: Phone | None = None) -> None:
        """Adds phones; the group's linked devices are told."""
        self._join(group, phones, by, {})

    def join_by_link(self, group: Group, phone: Phone) -> None:
        """A phone joins by the group's invite link."""
        self._join(group, [phone], phone, {"reason": "invite"})

    def _join(
        self, group: Group, phones: Sequence[Phone], by: Phone | None, attrs: dict[str, str]
    ) -> None:
        new = [phone for phone in phones if phone.number not in group.members]
        if not new:
            return
        group.members |= {phone.number: "member" for phone in new}
        group.left -= {phone.number for phone in new}
        self._save(group)
        joined = {phone.number for phone in new}
        node = Node("add", attrs, [participant(p, group) for p in new])
        self._announce(group, node, by, skip=joined)
        self._announce_group(group, new)

    def remove(self, group: Group, phones: Sequence[Phone], by: Phone | None = None) -> None:
        """Removes phones; every remaining phone takes a new sender key, as WhatsApp's do."""
        gone = [phone for phone in phones if phone.number in group.members]
        if not gone:
            return
        node = Node("remove", {}, [participant(p, group) for p in gone])
        self._announce(group, node, by)
        for phone in gone:
            del group.members[phone.number]
        for number in group.members:
            self._emulator.phones[number].drop_sender_key(group)
        self._save(group)

    def leave(self, group: Group, phone: Phone) -> None:
        """A phone leaves by itself; then only a link brings it back."""
        self.remove(group, [phone], phone)
        group.left.add(phone.number)

    def set_role(self, group: Group, phone: Phone, role: str, by: Phone | None = None) -> None:
        """Makes a member an "admin" or a "member" again. Raises EmulatorError otherwise."""
        if phone.number not in group.members or role not in ("admin", "member"):
            raise EmulatorError(f"+{phone.number} cannot become {role!r} in {group.name!r}")
        group.members[phone.number] = role
        self._save(group)
        tag = "promote" if role == "admin" else "demote"
        self._announce(group, Node(tag, {}, [participant(phone, group, role)]), by)

    def rename(self, group: Group, name: str, by: Phone | None = None) -> None:
        """A new name, given by `by` or the owner."""
        group.name = name
        self._save(group)
        author = by or self._emulator.known(group.owner)
        self._announce(group, Node("subject", {
            "subject": name, "s_t": int(time.time()), "s_o": author.address(group),
        }), author)

    def describe(self, group: Group, topic: str, by: Phone | None = None) -> None:
        """A new description; "" takes it away."""
        group.topic = topic
        self._save(group)
        part = Node("body", {}, topic.encode()) if topic else Node("delete", {})
        self._announce(group, Node("description", {"id": f"topic{time.time_ns()}"}, [part]), by)

    def set_announce(self, group: Group, on: bool, by: Phone | None = None) -> None:
        """Only admins may write, or everybody again."""
        group.announce = on
        self._save(group)
        tag = "announcement" if on else "not_announcement"
        self._announce(group, Node(tag, {"v_id": str(time.time_ns())}), by)

    def set_locked(self, group: Group, on: bool, by: Phone | None = None) -> None:
        """Only admins may change name, description and picture, or everybody again."""
        group.locked = on
        self._save(group)
        self._announce(group, Node("locked" if on else "unlocked", {}), by)

    def set_timer(self, group: Group, seconds: int, by: Phone | None = None) -> None:
        """Messages disappear from phones after so many seconds; 0: never."""
        group.timer = seconds
        self._save(group)
        node = Node("ephemeral", {"expiration": seconds}) if seconds else Node("not_ephemeral", {})
        self._announce(group, node, by)

    def delete(self, group: Group, by: Phone | None = None) -> None:
        """The group is no more."""
        self._announce(group, Node("delete", {"reason": "admin"}), by)
        del self._emulator.groups[group.jid]
        for table in ("groups", "group_facts", "members"):
            self._emulator.store.soon(f"DELETE FROM {table} WHERE jid = ?", (group.jid,))

    def ask_to_join(self, group: Group, phone: Phone) -> None:
        """A phone asks to be let in; the admins' devices are told."""
        node = Node("created_membership_requests", {"request_method": "invite_link"}, [
            Node("requested_user", participant(phone, group).attrs)])
        self._announce(group, node, phone)

    def reset_link(self, group: Group, by: Phone | None = None) -> None:
        """The invite link is another one from now on."""
        self._announce(group, Node("invite", {"code": secrets.token_urlsafe(16)}), by)

    def link(self, group: Group, community: Group) -> None:
        """Puts a group into a community."""
        community.is_parent, group.parent = True, community.jid
        self._save(community)
        self._save(group)
        self._announce(group, Node("link", {"link_type": "parent_group"}, [
            Node("group", {"jid": Jid(community.jid), "subject": community.name,
                           "s_t": community.creation})]))

    def renumber(self, group: Group, old: Phone, new: Phone) -> None:
        """A member goes on under another number."""
        group.members[new.number] = group.members.pop(old.number)
        self._save(group)
        node = Node("modify", {}, [Node("participant", {"jid": old.address(group)})])
        self._announce(group, node, new)

    def set_picture(self, group: Group, jpeg: bytes | None, by: Phone | None = None) -> None:
        """The group's picture; None takes it away."""
        group.picture = jpeg
        self._save(group)
        author = by or self._emulator.known(group.owner)
        devices = [device for number in group.members
                   for device in self._emulator.phones[number].devices.values()]
        self._tell(devices, Jid(group.jid), group, author.address(group))

    def tell_of_picture(self, phone: Phone) -> None:
        """A phone's own picture changed: those who share a chat with it are told."""
        chats = [*self._emulator.groups.values(), *self._emulator.directs.all]
        numbers = {number for group in chats
                   if phone.number in group.members for number in group.members}
        devices = [device for number in sorted(numbers - {phone.number})
                   for device in self._emulator.phones[number].devices.values()]
        self._tell(devices, phone.jid, phone, None)

    def _tell(
        self, devices: list[Device], jid: Jid, owner: Group | Phone, author: Jid | None
    ) -> None:
        attrs = {"jid": jid, "author": author}
        node = Node("set", {**attrs, "id": picture_id(owner)}) if owner.picture else Node(
            "delete", attrs)
        for device in devices:
            id = self._emulator.new_id()
            device.enqueue(Node("notification", {
                "from": jid, "type": "picture", "id": id, "t": int(time.time())}, [node]), id, jid)

    def _save(self, group: Group) -> None:
        self._emulator.store.soon(
            "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)",
            (group.jid, group.name, group.topic, group.creation, group.owner, group.addressing),
        )
        facts = {name: getattr(group, name) for name in _FACTS}
        self._emulator.store.soon(
            "INSERT OR REPLACE INTO group_facts VALUES (?, ?, ?)",
            (group.jid, json.dumps(facts), group.picture))
        self._emulator.store.soon("DELETE FROM members WHERE jid = ?", (group.jid,))
        for place, (number, role) in enumerate(group.members.items()):
            self._emulator.store.soon(
                "INSERT INTO members VALUES (?, ?, ?, ?)", (group.jid, number, role, place)
            )

    def _announce_group(self, group: Group, phones: Sequence[Phone]) -> None:
        node = group_node(self._emulator, group)
        create = Node("create", {"type": "new", "reason": "invite"}, [node])
        names = set(group.members) - {phone.number for phone in phones}
        self._announce(group, create, skip=names)

    def _announce(
        self, group: Group, change: Node, author: Phone | None = None, *,
        skip: Set[str] = frozenset(),
    ) -> None:
        """A group notification to the linked devices of its members."""
        author = author or self._emulator.known(group.owner)
        other = ("participant_pn", author.jid) if group.addressing == "lid" else (
            "participant_lid", author.lid_jid)
        attrs = {
            "from": Jid(group.jid), "type": "w:gp2", "t": int(time.time()),
            "participant": author.address(group), other[0]: other[1],
            "addressing_mode": group.addressing, "notify": author.name or None,
        }
        for number in [number for number in group.members if number not in skip]:
            for device in self._emulator.phones[number].devices.values():
                id = self._emulator.new_id()
                device.enqueue(
                    Node("notification", {**attrs, "id": id}, [change]), id, group.jid
                )
