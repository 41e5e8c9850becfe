"""How messages go round: from phones to linked devices, from devices to phones and to other
devices, receipts, and messages asked for again."""
from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from emulator import content, states
from emulator.crypto import SignalError, pad, unpad
from emulator.device import Device, Item
from emulator.directs import Direct
from emulator.media import open_media
from emulator.model import EmulatorError, Entry, Group, Seen, Sent
from emulator.nodes import Jid, Node, NodeError
from emulator.phone import Phone
from emulator.retries import Retries
from emulator.signal import ReceivedKey, sender_key_number
from waproto import e2e

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

RECEIPTS = 5  # so many members of a group confirm a device's message; see docs/emulator.md


class Exchange:
    """The post office of the emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.retries = Retries(emulator, self)
        # (group, device, key number) -> the device's sender key, the phones that were given it
        self._received: dict[tuple[str, str, int], tuple[ReceivedKey, set[str]]] = {}

    def restore(self, rows: list[tuple[str, str, int, str]]) -> None:
        self._received = {row[:3]: states.load_received_key(row[3]) for row in rows}

    # -- phones to devices ------------------------------------------------------------------------

    def from_phone(
        self, phone: Phone, group: Group, message: e2e.Message, timestamp: int | None, edit: str,
        shown: content.Content | None = None,
    ) -> Sent:
        """Notes a phone's message and queues it for every linked device of the group's members.
        Does not await: the order of calls is the order of arrival. Raises EmulatorError."""
        if phone.number not in group.members:
            raise EmulatorError(f"+{phone.number} is not in the group {group.name!r}")
        if group.announce and not group.is_admin(phone.number) and not \
                message.HasField("reactionMessage"):
            raise EmulatorError(f"only admins can write in the group {group.name!r}")
        raw = content.with_secret(message).SerializeToString()
        what = shown or content.read(message)
        seen = Seen(
            self._emulator.new_id(), group.jid, phone.number, timestamp or int(time.time()),
            what.kind, what.text, what.quoted_id, what.target_id, what.filename, what.mime,
            media_path=self._media(what),
        )
        entry = self._emulator.messages.note(seen, raw, phone.jid)
        devices = [device for number in group.members
                   for device in self._emulator.phones[number].devices.values()]
        if devices:
            if isinstance(group, Direct):
                self._emulator.directs.fan_out(phone, group, entry, what, edit)
                return Sent(seen.id, seen.group, seen.sender, seen.timestamp, seen.kind, seen.text)
            self._fan_out(phone, group, entry, what, edit, devices)
            if self._emulator.faults:
                self._emulator.faults.sent(phone, group, entry, devices)
        return Sent(seen.id, seen.group, seen.sender, seen.timestamp, seen.kind, seen.text)

    def _fan_out(
        self, phone: Phone, group: Group, entry: Entry, what: content.Content, edit: str,
        devices: list[Device],
    ) -> None:
        faults = self._emulator.faults
        if faults:
            faults.draw()
        keyless = faults is not None and faults.without_key(phone, group, entry.seen.id)
        key, holders = phone.sender_key(group)
        distribution = None
        extras: dict[str, list[Node]] = {}
        for device in devices:
            if device.ready and device.jid not in holders and not keyless:
                distribution = distribution or self._distribution(group, key.distribution())
                extras[device.jid] = [phone.encrypt_for(device, distribution)]
                holders.add(device.jid)
        shared = self._sender_enc(what, edit, key.encrypt(pad(entry.raw)))
        phone.save_sender_key(group)
        for device in devices:
            node = None
            if device.ready:
                node = self.stanza(phone, group, entry, what, edit,
                                    [*extras.get(device.jid, ()), shared])
            device.enqueue(node, entry.seen.id, group.jid, entry.number)

    def compose_late(self, device: Device, item: Item) -> None:
        """Encrypts a message that was sent before the device had published its keys."""
        if not item.jid.endswith("@g.us"):
            node = self._emulator.directs.again(device, item, None)
            device.replace(item, node) if node else device.remove(item)
            return
        found = self.again(item)
        if found is None:
            device.remove(item)
            return
        phone, group, entry, what, edit = found
        key, holders = phone.sender_key(group)
        parts = []
        if device.jid not in holders:
            distribution = self._distribution(group, key.distribution())
            parts.append(phone.encrypt_for(device, distribution))
            holders.add(device.jid)
        parts.append(self._sender_enc(what, edit, key.encrypt(pad(entry.raw))))
        phone.save_sender_key(group)
        device.replace(item, self.stanza(phone, group, entry, what, edit, parts))

    def again(self, item: Item) -> tuple[Phone, Group, Entry, content.Content, str] | None:
        """What is needed to encrypt a phone's message again; None when it is gone."""
        entry = self._emulator.entry(item.id, item.jid)
        group = self._emulator.groups.get(item.jid)
        if entry is None or group is None or not entry.raw:
            return None
        phone = self._emulator.phones[entry.seen.sender]
        what = content.read(content.parse(entry.raw))
        return phone, group, entry, what, self.edit_attr(what, entry)

    @staticmethod
    def edit_attr(what: content.Content, entry: Entry) -> str:
        """The stanza's attribute that says whether a message changes another one."""
        if what.kind in ("edit", "secretEncryptedMessage"):
            return "1"
        if what.kind != "delete":
            return ""
        own = content.parse(entry.raw).protocolMessage.key.fromMe
        return "7" if own else "8"

    def stanza(
        self, phone: Phone, group: Group, entry: Entry, what: content.Content, edit: str,
        parts: list[Node],
    ) -> Node:
        """A message stanza from a phone."""
        return Node(
            "message",
            {
                "from": Jid(group.jid), **phone.attrs(group), "id": entry.seen.id,
                "t": entry.seen.timestamp, "type": content.stanza_type(what),
                "notify": phone.name or None, "edit": edit or None,
            },
            [*phone.verified(), *parts],
        )

    @staticmethod
    def _sender_enc(what: content.Content, edit: str, data: bytes) -> Node:
        attrs = {"v": "2", "type": "skmsg"}
        if what.kind in content.MEDIA_LABELS:
            attrs["mediatype"] = what.kind
        if edit or what.kind == "reaction":
            attrs["decrypt-fail"] = "hide"
        return Node("enc", attrs, data)

    @staticmethod
    def _distribution(group: Group, data: bytes) -> bytes:
        part = e2e.SenderKeyDistributionMessage(
            groupID=group.jid, axolotlSenderKeyDistributionMessage=data
        )
        return e2e.Message(senderKeyDistributionMessage=part).SerializeToString()

    # -- devices to everybody ---------------------------------------------------------------------

    async def from_device(self, device: Device, node: Node) -> int | None:
        """Takes a message from a linked device: to every phone of the group, and to every other
        linked device. Returns an error code for the ack, None when all is well. Raises NodeError
        for a malformed stanza."""
        to, id = node.jid("to"), node.attr("id")
        if "participant" in node.attrs:
            await self.retries.resent(device, node, to, id)
            return None
        if to.server in ("s.whatsapp.net", "lid"):
            return self._emulator.directs.from_device(device, node, self._parts(node))
        if to.server != "g.us":
            log.info("%s sent a message outside any group: acknowledged, not delivered", device)
            return None
        group = self._emulator.groups.get(to)
        if group is None or device.phone.number not in group.members:
            return 403 if group else 404
        if group.announce and not group.is_admin(device.phone.number) and \
                node.attrs.get("type") != "reaction":
            return 420
        if self._emulator.entry(id, group.jid) is not None:
            return None  # sent twice after a lost ack
        shared = next((e for e in node.children("enc") if e.attrs.get("type") == "skmsg"), None)
        if shared is None or not isinstance(shared.content, bytes):
            raise NodeError("a group message without its shared part")
        parts = self._parts(node)
        missing = await self._give_keys(device, group, shared.content, parts)
        raw = self._open(device, group, shared.content)
        entry = self._note_from_device(device, group, id, raw, missing)
        self._relay(device, group, node, entry, parts, shared)
        self._emulator.store.now()
        for number in missing:
            self.retries.ask_again(device, group, self._emulator.phones[number], entry, 1)
        self._confirm_to(device, group, entry, missing)
        return None

    @staticmethod
    def _parts(node: Node) -> dict[str, Node]:
        participants = node.child("participants")
        found = {}
        for to in participants.children("to") if participants else ():
            enc = to.child("enc")
            if enc is not None:
                found[to.jid("jid")] = enc
        return found

    async def _give_keys(
        self, device: Device, group: Group, shared: bytes, parts: dict[str, Node]
    ) -> set[str]:
        """Hands every phone its copy of the device's sender key, unless it has that key already.
        Returns the numbers of those that could not get it."""
        try:
            number = sender_key_number(shared)
        except SignalError as error:
            raise NodeError(f"a group message that does not parse: {error}") from error
        place = (group.jid, device.jid, number)
        holders = self._received[place][1] if place in self._received else set()
        missing = set()
        lacking = [member for member in group.members if member not in holders]
        for count, member in enumerate(lacking):
            phone = self._emulator.phones[member]
            enc = parts.get(phone.lid_jid) or parts.get(phone.jid)
            try:
                if enc is None:
                    raise SignalError("no part for this phone")
                self.learn(device, group, phone, phone.decrypt_from(device.jid, enc), number)
            except (SignalError, ValueError) as error:
                log.info("+%s cannot read a message of %s: %s", member, device.jid, error)
                missing.add(member)
            if count % 16 == 15:
                await asyncio.sleep(0)
        return missing

    def learn(
        self, device: Device, group: Group, phone: Phone, padded: bytes, number: int | None
    ) -> e2e.Message:
        """Takes the sender key out of a message for one phone. Raises SignalError, ValueError."""
        message = content.parse(unpad(padded))
        part = message.senderKeyDistributionMessage
        if part.axolotlSenderKeyDistributionMessage and part.groupID == group.jid:
            key = ReceivedKey.parse(part.axolotlSenderKeyDistributionMessage)
            place = (group.jid, device.jid, key.number)
            _, holders = self._received.setdefault(place, (key, set()))
            holders.add(phone.number)
            self._save_key(place)
        elif number is not None:
            raise SignalError("no sender key where one belongs")
        return message

    def _save_key(self, place: tuple[str, str, int]) -> None:
        self._emulator.store.state(("received", place), lambda: (
            "INSERT OR REPLACE INTO received_keys VALUES (?, ?, ?, ?)",
            (*place, states.dump_received_key(*self._received[place])),
        ))

    def _open(self, device: Device, group: Group, shared: bytes) -> bytes:
        """The message, decrypted once for all phones; b"" when nobody has the key."""
        place = (group.jid, device.jid, sender_key_number(shared))
        if place not in self._received:
            return b""
        try:
            raw = unpad(self._received[place][0].decrypt(shared))
            content.parse(raw)
        except (SignalError, ValueError) as error:
            log.warning("a message of %s in %s cannot be read: %s", device.jid, group.jid, error)
            return b""
        self._save_key(place)
        return raw

    def _note_from_device(
        self, device: Device, group: Group, id: str, raw: bytes, missing: set[str]
    ) -> Entry:
        if not raw:
            missing |= set(group.members)
        return self._emulator.messages.note(
            self.seen(device, group.jid, id, raw), raw, device.jid, missing
        )

    def seen(self, device: Device, group: str, id: str, raw: bytes) -> Seen:
        """A device's message as phones show it."""
        what = content.read(content.parse(raw))
        return Seen(
            id, group, device.phone.number, int(time.time()), what.kind, what.text,
            what.quoted_id, what.target_id, what.filename, what.mime, True, self._media(what),
        )

    def _media(self, what: content.Content):
        """Where the opened file of a message lies; None when there is none or it is not here."""
        ref = what.media
        if ref is None:
            return None
        path = self._emulator.media.open_path(ref.sha256)
        if path.exists():
            return path
        sealed = self._emulator.media.get(ref.sealed_sha256)
        if sealed is None:
            log.warning("a message names a media file that was never uploaded")
            return None
        try:
            return self._emulator.media.put_open(
                open_media(sealed, ref.key, content.MEDIA_LABELS[ref.kind])
            )
        except SignalError as error:
            log.warning("a media file cannot be opened: %s", error)
            return None

    def _relay(
        self, sender: Device, group: Group, node: Node, entry: Entry, parts: dict[str, Node],
        shared: Node,
    ) -> None:
        """Passes a device's message on to the other linked devices of the group."""
        identity = node.child("device-identity")
        for number in group.members:
            for device in self._emulator.phones[number].devices.values():
                if device is sender:
                    continue
                enc = parts.get(device.lid_jid) or parts.get(device.jid)
                kids = [part for part in (enc, shared, identity) if part is not None]
                relayed = self.relayed(sender, group, node, entry, kids)
                device.enqueue(relayed, entry.seen.id, group.jid, entry.number)

    @staticmethod
    def relayed(
        sender: Device, group: Group, node: Node, entry: Entry, parts: list[Node]
    ) -> Node:
        """A message stanza from a linked device, for another linked device."""
        return Node("message", {
            "from": Jid(group.jid), **sender.phone.attrs(group, sender.number),
            "id": entry.seen.id, "t": entry.seen.timestamp, "type": node.attrs.get("type"),
            "notify": sender.phone.name or None, "edit": node.attrs.get("edit"),
        }, parts)

    def _confirm_to(self, device: Device, group: Group, entry: Entry, missing: set[str]) -> None:
        """Delivery and read receipts from a few of the group's phones."""
        readers = [number for number in group.members
                   if number != device.phone.number and number not in missing][:RECEIPTS]
        if not readers or device.connection is None:
            return
        for kind in (None, "read"):
            for number in readers:
                phone = self._emulator.phones[number]
                device.connection.send(Node("receipt", {
                    "from": Jid(group.jid), "id": entry.seen.id, "type": kind,
                    "participant": phone.address(group), "t": int(time.time()),
                }))
