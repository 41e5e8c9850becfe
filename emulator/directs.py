"""Direct chats: messages between two accounts. Each device gets a copy of its own; the sender's
other devices get theirs inside a DeviceSentMessage, from the account itself."""
from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator import content
from emulator.crypto import SignalError, unpad
from emulator.device import Device, Item
from emulator.model import Entry, Group
from emulator.nodes import Jid, Node, NodeError
from emulator.phone import Phone
from emulator.signal import Bundle
from waproto import e2e

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

_SERVER = "@direct"


@dataclass
class Direct(Group):
    """A direct chat, as a group of two. `jid` is the emulator's own name for it and goes over no
    wire; `addressing` says whether stanzas name the two by LID or by number."""

    def other(self, phone: Phone) -> str:
        """The number at the other end."""
        return next((number for number in self.members if number != phone.number), phone.number)


class Directs:
    """The direct chats of the emulator: made when they are asked for, kept nowhere."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._chats: dict[str, Direct] = {}

    def between(self, one: Phone, other: Phone) -> Direct:
        """The chat of two accounts."""
        numbers = sorted({one.number, other.number})
        jid = "+".join(numbers) + _SERVER
        return self._chats.setdefault(
            jid, Direct(jid, "", members=dict.fromkeys(numbers, "member")))

    @property
    def all(self) -> list[Direct]:
        """Those that were asked for."""
        return list(self._chats.values())

    def get(self, jid: str) -> Direct | None:
        """The chat of that name; None when it is the name of something else."""
        phones = [self._emulator.phones.get(number) for number in
                  jid.removesuffix(_SERVER).split("+")] if jid.endswith(_SERVER) else []
        if not phones or None in phones:
            return None
        return self.between(phones[0], phones[-1])

    def of(self, phone: Phone, address: Jid) -> Direct | None:
        """The chat that an account has with an address."""
        other = self._emulator.by_jid(address)
        return self.between(phone, other) if other else None

    # -- from phones ------------------------------------------------------------------------------

    def fan_out(self, phone: Phone, chat: Direct, entry: Entry, what: content.Content, edit: str
                ) -> None:
        """Queues a phone's message for the linked devices at both ends."""
        for number in chat.members:
            for device in self._emulator.phones[number].devices.values():
                node = self.stanza(device, phone, chat, entry, what, edit) if device.ready else None
                device.enqueue(node, entry.seen.id, phone.address(chat), entry.number)

    def stanza(self, device: Device, phone: Phone, chat: Direct, entry: Entry,
               what: content.Content, edit: str, bundle: Bundle | None = None, count: int = 0
               ) -> Node:
        """A message of a phone for one device, encrypted for it alone."""
        plain = entry.raw
        if device.phone is phone:
            plain = self._sent_by_us(chat, phone, entry.raw)
        enc = phone.encrypt_for(device, plain, bundle)
        if what.kind in content.MEDIA_LABELS:
            enc.attrs["mediatype"] = what.kind
        if edit or what.kind == "reaction":
            enc.attrs["decrypt-fail"] = "hide"
        if count:
            enc.attrs["count"] = str(count)
        return Node("message", {
            **self._attrs(chat, phone, device), "id": entry.seen.id, "t": entry.seen.timestamp,
            "type": content.stanza_type(what), "notify": phone.name or None, "edit": edit or None,
        }, [*phone.verified(), enc])

    def _sent_by_us(self, chat: Direct, phone: Phone, raw: bytes) -> bytes:
        inner = content.parse(raw)
        other = self._emulator.phones[chat.other(phone)]
        return e2e.Message(
            deviceSentMessage=e2e.DeviceSentMessage(
                destinationJID=str(other.address(chat)), message=inner),
            messageContextInfo=inner.messageContextInfo).SerializeToString()

    def _attrs(self, chat: Direct, sender: Phone, to: Device, device: int = 0) -> dict[str, str]:
        """Who speaks, and to a device of the same account: with whom; under both addresses."""
        by_lid = chat.addressing == "lid"
        other = self._emulator.phones[chat.other(sender)]
        attrs = {"from": sender.address(chat, device)}
        if to.phone is sender:
            return {**attrs, "recipient": other.address(chat),
                    "peer_recipient_pn" if by_lid else "peer_recipient_lid":
                    other.jid if by_lid else other.lid_jid}
        return {**attrs, "sender_pn" if by_lid else "sender_lid":
                sender.jid if by_lid else sender.lid_jid}

    def again(self, device: Device, item: Item, bundle: Bundle | None) -> Node | None:
        """A phone's message once more; None when it is gone."""
        entry = next((e for e in self._emulator.log if e.number == item.message), None)
        chat = self.get(entry.seen.group) if entry else None
        if entry is None or chat is None or not entry.raw:
            return None
        what = content.read(content.parse(entry.raw))
        edit = self._emulator.exchange.edit_attr(what, entry)
        return self.stanza(device, self._emulator.phones[entry.seen.sender], chat, entry, what,
                           edit, bundle, item.retries)

    def retry(self, device: Device, chat: Jid, id: str, bundle: Bundle) -> None:
        """A device could not read a message of a phone and asks for it again."""
        item = next(iter(device.items(id, chat)), None)
        if item is None:
            log.warning("%s asks again for %s, which nobody knows", device.jid, id)
            return
        item.retries += 1
        node = self.again(device, item, bundle)
        if node is None or item.retries > 5:
            device.remove(item)
            return
        device.replace(item, node)
        if device.live:
            device.connection.send_encoded(item.node)

    # -- from devices -----------------------------------------------------------------------------

    def from_device(self, device: Device, node: Node, parts: dict[str, Node]) -> int | None:
        """A linked device writes to one account: to that phone, to its own, to both's devices.
        Returns an error code for the ack. Raises NodeError."""
        id, chat = node.attr("id"), self.of(device.phone, node.jid("to"))
        if chat is None:
            return 404
        if self._emulator.entry(id, chat.jid) is not None:
            return None
        other = self._emulator.phones[chat.other(device.phone)]
        enc = parts.get(other.lid_jid) or parts.get(other.jid)
        if enc is None:
            raise NodeError(f"a direct message without a part for +{other.number}")
        try:
            raw = unpad(other.decrypt_from(device.jid, enc))
            content.parse(raw)
        except (SignalError, ValueError) as error:
            log.warning("+%s cannot read a message of %s: %s", other.number, device.jid, error)
            raw = b""
        missing = set() if raw else set(chat.members)
        entry = self._emulator.messages.note(
            self._emulator.exchange.seen(device, chat.jid, id, raw), raw, device.jid, missing)
        self._relay(device, chat, node, entry, parts)
        self._emulator.store.now()
        if raw:
            self._confirm(device, chat, other, id)
        return None

    def _relay(self, sender: Device, chat: Direct, node: Node, entry: Entry,
               parts: dict[str, Node]) -> None:
        identity = node.child("device-identity")
        for number in chat.members:
            for device in self._emulator.phones[number].devices.values():
                enc = parts.get(device.lid_jid) or parts.get(device.jid)
                if device is sender or enc is None:
                    continue
                attrs = self._attrs(chat, sender.phone, device, sender.number)
                device.enqueue(Node("message", {
                    **attrs, "id": entry.seen.id, "t": entry.seen.timestamp,
                    "type": node.attrs.get("type"), "notify": sender.phone.name or None,
                    "edit": node.attrs.get("edit"),
                }, [part for part in (enc, identity) if part is not None]),
                    entry.seen.id, attrs["from"], entry.number)

    @staticmethod
    def _confirm(device: Device, chat: Direct, other: Phone, id: str) -> None:
        if device.connection is None:
            return
        for kind in (None, "read"):
            device.connection.send(Node("receipt", {
                "from": other.address(chat), "id": id, "type": kind, "t": int(time.time())}))
