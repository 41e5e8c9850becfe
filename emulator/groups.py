"""Groups: who is in them, and telling linked devices about changes."""
from __future__ import annotations

import secrets
import time
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from emulator.iq import group_node, participant
from emulator.model import EmulatorError, Group
from emulator.nodes import Jid, Node
from emulator.phone import Phone

if TYPE_CHECKING:
    from emulator.server import Emulator


class Groups:
    """The changes a group can go through."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def restore(self) -> None:
        """Takes up what is stored."""
        store = self._emulator.store
        for row in store.rows("SELECT jid, name, topic, creation, owner, addressing FROM groups"):
            group = Group(*row[:5], addressing=row[5])
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

    def add(self, group: Group, phones: Sequence[Phone]) -> None:
        """Adds phones; the group's linked devices are told."""
        new = [phone for phone in phones if phone.number not in group.members]
        if not new:
            return
        group.members |= {phone.number: "member" for phone in new}
        self._save(group)
        joined = {phone.number for phone in new}
        self._announce(group, Node("add", {}, [participant(p, group) for p in new]), skip=joined)
        self._announce_group(group, new)

    def remove(self, group: Group, phones: Sequence[Phone]) -> None:
        """Removes phones; every remaining phone takes a new sender key, as WhatsApp's do."""
        gone = [phone for phone in phones if phone.number in group.members]
        if not gone:
            return
        node = Node("remove", {}, [participant(p, group) for p in gone])
        self._announce(group, node)
        for phone in gone:
            del group.members[phone.number]
        for number in group.members:
            self._emulator.phones[number].drop_sender_key(group)
        self._save(group)

    def set_role(self, group: Group, phone: Phone, role: str) -> None:
        """Makes a member an "admin" or a "member" again. Raises EmulatorError otherwise."""
        if phone.number not in group.members or role not in ("admin", "member"):
            raise EmulatorError(f"+{phone.number} cannot become {role!r} in {group.name!r}")
        group.members[phone.number] = role
        self._save(group)
        tag = "promote" if role == "admin" else "demote"
        self._announce(group, Node(tag, {}, [participant(phone, group, role)]))

    def rename(self, group: Group, name: str, by: Phone | None = None) -> None:
        """A new name, given by `by` or the owner."""
        group.name = name
        self._save(group)
        author = by or self._emulator.known(group.owner)
        self._announce(group, Node("subject", {
            "subject": name, "s_t": int(time.time()), "s_o": author.address(group),
        }), author)

    def _save(self, group: Group) -> None:
        self._emulator.store.soon(
            "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)",
            (group.jid, group.name, group.topic, group.creation, group.owner, group.addressing),
        )
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
