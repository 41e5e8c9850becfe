"""Receipts, and messages that somebody could not read and asks for again."""
from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from emulator import content
from emulator.crypto import SignalError
from emulator.device import Device, Item
from emulator.model import Entry, Group
from emulator.nodes import Jid, Node, NodeError
from emulator.phone import Phone
from emulator.signal import Bundle

if TYPE_CHECKING:
    from emulator.exchange import Exchange
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

MAX_RETRIES = 5


class Retries:
    """What devices and phones say about messages they got, or could not read."""

    def __init__(self, emulator: Emulator, exchange: Exchange) -> None:
        self._emulator, self._exchange = emulator, exchange

    def receipt(self, device: Device, node: Node) -> None:
        """A device confirms messages, or asks for one again. Raises NodeError."""
        chat, id = node.jid("to"), node.attr("id")
        if node.attrs.get("type") == "retry":
            self._retry(device, node, chat, id)
            return
        ids = [id]
        for items in node.children("list"):
            ids += [item.attr("id") for item in items.children("item")]
        for each in ids:
            device.confirm(each, chat, received=True)
        if node.attrs.get("type") == "read":
            self._emulator.signs.read(device, chat, ids)

    def _retry(self, device: Device, node: Node, chat: Jid, id: str) -> None:
        """The device could not read a message: its sender encrypts it again, for it alone, with
        a fresh session."""
        if chat.server != "g.us":
            self._emulator.directs.retry(device, chat, id, self._bundle(device, node))
            return
        entry = self._emulator.entry(id, chat)
        if entry is None:
            log.warning("%s asks again for %s, which nobody knows", device.jid, id)
            return
        item = next(iter(device.items(id, chat)), None)
        if item is None:
            item = Item(self._emulator.next_item(), id, chat, entry.number, None)
            device.add(item)
        item.retries += 1
        if item.retries > MAX_RETRIES:
            log.warning("%s cannot read %s after %d tries: given up", device.jid, id, MAX_RETRIES)
            device.remove(item)
            return
        author = self._emulator.device(entry.author)
        if author is not None:
            self._forward_retry(device, author, node, chat)
            return
        found = self._exchange.again(item)
        if found is None:
            device.remove(item)
            return
        phone, group, entry, what, edit = found
        log.info("%s asks +%s again for %s", device.jid, phone.number, id)
        enc = self._whole(device, phone, group, entry, self._bundle(device, node))
        enc.attrs["count"] = str(item.retries)
        device.replace(item, self._exchange.stanza(phone, group, entry, what, edit, [enc]))
        if device.live:
            if self._emulator.faults:
                self._emulator.faults.before_again(device, chat)
            device.connection.send_encoded(item.node)

    def whole(self, device: Device, phone: Phone, group: Group, entry: Entry) -> Node:
        """A message's stanza once more, as if the device had asked for it again."""
        what = content.read(content.parse(entry.raw))
        enc = self._whole(device, phone, group, entry, None)
        edit = self._exchange.edit_attr(what, entry)
        return self._exchange.stanza(phone, group, entry, what, edit, [enc])

    @staticmethod
    def _whole(
        device: Device, phone: Phone, group: Group, entry: Entry, bundle: Bundle | None
    ) -> Node:
        """A message and its sender's key, for one device alone; in a fresh session when there is a
        bundle."""
        message = content.parse(entry.raw)
        key, holders = phone.sender_key(group)
        part = message.senderKeyDistributionMessage
        part.groupID, part.axolotlSenderKeyDistributionMessage = group.jid, key.distribution()
        holders.add(device.jid)
        phone.save_sender_key(group)
        return phone.encrypt_for(device, message.SerializeToString(), bundle)

    @staticmethod
    def _bundle(device: Device, node: Node) -> Bundle:
        """The keys inside a retry receipt, else fresh ones of the device. Raises NodeError."""
        keys = node.child("keys")
        if keys is None:
            return device.take_bundle()
        one_time, signed = keys.child("key"), keys.child("skey")
        if signed is None:
            raise NodeError("a retry receipt with keys but no signed pre-key")
        return Bundle(
            int.from_bytes(node.data("registration")), keys.data("identity"),
            int.from_bytes(signed.data("id")), signed.data("value"), signed.data("signature"),
            int.from_bytes(one_time.data("id")) if one_time else None,
            one_time.data("value") if one_time else None,
        )

    def _forward_retry(self, device: Device, author: Device, node: Node, chat: Jid) -> None:
        """Asks the linked device that wrote the message to encrypt it again."""
        group = self._emulator.groups[chat]
        attrs = {
            "from": chat, "type": "retry", "id": node.attr("id"), "t": int(time.time()),
            "participant": device.phone.address(group, device.number),
        }
        author.enqueue(Node("receipt", attrs, list(node.children())), node.attr("id"), chat)

    def ask_again(
        self, device: Device, group: Group, phone: Phone, entry: Entry, count: int
    ) -> None:
        """A phone asks a device to encrypt a message for it again."""
        bundle = phone.bundle()
        number = bundle.one_time_id.to_bytes(3)
        us = phone.identity
        keys = Node("keys", {}, [
            Node("type", {}, b"\x05"), Node("identity", {}, bundle.identity),
            Node("key", {}, [Node("id", {}, number), Node("value", {}, bundle.one_time)]),
            Node("skey", {}, [
                Node("id", {}, us.SIGNED_ID.to_bytes(3)), Node("value", {}, bundle.signed),
                Node("signature", {}, bundle.signature),
            ]),
        ])
        retry = Node("retry", {"count": count, "id": entry.seen.id,
                               "t": entry.seen.timestamp, "v": "1"})
        registration = Node("registration", {}, us.registration.to_bytes(4))
        if device.connection is not None:
            device.connection.send(Node("receipt", {
                "from": Jid(group.jid), "type": "retry", "id": entry.seen.id,
                "participant": phone.address(group), "t": int(time.time()),
            }, [retry, registration, keys]))

    async def resent(self, device: Device, node: Node, to: Jid, id: str) -> None:
        """A device encrypted a message again, for one phone or one other device."""
        target = node.jid("participant")
        enc = node.child("enc")
        group, entry = self._emulator.groups.get(to), self._emulator.entry(id, to)
        phone = self._emulator.by_jid(target)
        if enc is None or group is None or entry is None or phone is None:
            log.warning("%s sent a message again that nobody asked for: %s", device.jid, id)
            return
        if target.device:
            self._resent_to_device(device, phone.devices.get(target.device), group, node, entry)
            return
        try:
            padded = phone.decrypt_from(device.jid, enc)
            message = self._exchange.learn(device, group, phone, padded, None)
        except (SignalError, ValueError) as error:
            log.warning("+%s still cannot read %s: %s", phone.number, id, error)
            return
        message.ClearField("senderKeyDistributionMessage")
        raw = message.SerializeToString()
        seen = self._exchange.seen(device, group.jid, id, raw)
        self._emulator.messages.found(entry, phone, raw, seen)

    def _resent_to_device(
        self, sender: Device, device: Device | None, group: Group, node: Node, entry: Entry
    ) -> None:
        if device is None:
            return
        kids = [part for part in node.children() if part.tag in ("enc", "device-identity")]
        again = self._exchange.relayed(sender, group, node, entry, kids)
        for item in device.items(entry.seen.id, group.jid):
            device.replace(item, again)
            if device.live:
                device.connection.send_encoded(item.node)
