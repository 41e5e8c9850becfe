"""A phone: a participant that speaks for itself, device 0 of its account."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from emulator import content, states
from emulator.crypto import pad
from emulator.media import seal_media
from emulator.model import EmulatorError, Group, Seen, Sent
from emulator.nodes import Jid, Node
from emulator.signal import Bundle, Identity, Peer, SenderKey
from waproto import common, e2e, vname

if TYPE_CHECKING:
    from emulator.device import Device
    from emulator.server import Emulator
    from emulator.signs import Sign


class Phone:
    """One account's phone. Made by `Emulator.phone`; its keys come from one stored seed."""

    def __init__(
        self, emulator: Emulator, number: str, lid: str, name: str, seed: bytes,
        next_device: int = 1, next_key: int = 1, picture: bytes | None = None,
    ) -> None:
        self.number, self.lid, self.name = number, lid, name
        self.jid, self.lid_jid = Jid(f"{number}@s.whatsapp.net"), Jid(f"{lid}@lid")
        self.identity = Identity(seed)
        self.next_device, self.next_key, self.picture = next_device, next_key, picture
        self.devices: dict[int, Device] = {}
        self.banned_until = 0.0  # Unix time; see Emulator.ban
        self.business = ""  # the name that WhatsApp vouches for; not kept over a restart
        self.by_link_only = False  # lets nobody add it to a group; not kept over a restart
        self._emulator, self._seed = emulator, seed
        self._keys: dict[str, tuple[SenderKey, set[str]]] = {}
        self._peers: dict[str, Peer] = {}

    def __repr__(self) -> str:
        return f"<Phone +{self.number} {self.name!r}>"

    # -- what a participant does ------------------------------------------------------------------

    async def send_text(
        self, group: Group, text: str, *, quote: Sent | Seen | None = None,
        mentions: Sequence[Phone] = (), at: datetime | None = None,
    ) -> Sent:
        """Sends a text. "@<number>" of somebody in `mentions` becomes the address that the
        group's stanzas use. Raises EmulatorError when this phone is not in the group."""
        for other in mentions:
            text = text.replace(f"@{other.number}", f"@{other.address(group).user}")
        message = content.text(text, self._context(group, quote, mentions))
        return await self.send_raw(group, message, at=at)

    async def send_media(
        self, group: Group, data: bytes, kind: str, *, mime: str, filename: str = "",
        caption: str = "", quote: Sent | Seen | None = None, at: datetime | None = None,
    ) -> Sent:
        """Encrypts a file, puts it on the media host and sends it. `kind`: image, video, audio,
        document or sticker. Raises EmulatorError for another kind."""
        if kind not in content.MEDIA_LABELS:
            raise EmulatorError(f"no kind of media {kind!r}: {', '.join(content.MEDIA_LABELS)}")
        sealed = seal_media(data, content.MEDIA_LABELS[kind])
        self._emulator.media.put(sealed.data)
        self._emulator.media.put_open(data)
        message = content.media(
            kind, sealed, len(data), mime=mime, filename=filename, caption=caption,
            context_info=self._context(group, quote),
        )
        return await self.send_raw(group, message, at=at)

    async def send_location(
        self, group: Group, latitude: float, longitude: float, name: str = "", *,
        quote: Sent | Seen | None = None, at: datetime | None = None,
    ) -> Sent:
        """Sends a place, in degrees."""
        part = e2e.LocationMessage(
            degreesLatitude=latitude, degreesLongitude=longitude, name=name,
            contextInfo=self._context(group, quote),
        )
        return await self.send_raw(group, e2e.Message(locationMessage=part), at=at)

    async def send_raw(
        self, group: Group, message: e2e.Message, *, at: datetime | None = None, edit: str = "",
        shown: content.Content | None = None,
    ) -> Sent:
        """Sends any message; `edit` is the stanza's attribute of that name, `shown` what phones
        see when they could not tell from `message`. Messages of a group leave in the order in
        which this was called."""
        timestamp = int(at.timestamp()) if at else None
        sent = self._emulator.exchange.from_phone(self, group, message, timestamp, edit, shown)
        await asyncio.sleep(0)
        return sent

    async def react(self, target: Sent | Seen, emoji: str) -> Sent:
        """Puts a reaction on a message; "" takes it away."""
        group = self._group(target)
        return await self.send_raw(group, content.reaction(self._key(group, target), emoji))

    async def edit(self, target: Sent, text: str, *, encrypted: bool = False) -> Sent:
        """Changes the text of an own message; `encrypted`: sealed under that message's secret.
        Raises EmulatorError for somebody else's message."""
        if target.sender != self.number:
            raise EmulatorError(f"+{self.number} cannot edit a message of +{target.sender}")
        group = self._group(target)
        message = content.edit(self._key(group, target), text)
        shown = content.read(message)
        if encrypted:
            entry = self._emulator.entry(target.id, group.jid)
            message = content.sealed_edit(message, entry.raw, str(self.address(group)))
        return await self.send_raw(group, message, edit="1", shown=shown)

    async def delete(self, target: Sent | Seen) -> Sent:
        """Deletes an own message, or anyone's when this phone is an admin of the group.
        Raises EmulatorError otherwise."""
        group = self._group(target)
        own = target.sender == self.number
        if not own and not group.is_admin(self.number):
            raise EmulatorError(f"+{self.number} is no admin and cannot delete others' messages")
        message = content.delete(self._key(group, target))
        return await self.send_raw(group, message, edit="7" if own else "8")

    async def set_picture(self, jpeg: bytes | None) -> None:
        """The account's profile picture; None takes it away."""
        self.picture = jpeg
        self.save()
        self._emulator.picture_changed(self)

    async def typing(self, group: Group, state: str = "composing", *, audio: bool = False) -> None:
        """Types in a group (with `audio`: records), or stops with "paused"."""
        self._emulator.signs.typing(self, group, state, "audio" if audio else "")
        await asyncio.sleep(0)

    async def read(self, message: Sent | Seen) -> None:
        """Has got and read a message: its author is told. Raises EmulatorError for one that is
        not this phone's to read."""
        for kind in (None, "read"):
            self._emulator.signs.receipt(self, message, kind)
        await asyncio.sleep(0)

    @property
    def signs(self) -> list[Sign]:
        """What linked devices let this phone see: that they type in its groups, or have read."""
        return [sign for sign in self._emulator.signs.of_devices
                if (chat := self._emulator.chat(sign.group)) and self.number in chat.members]

    @property
    def seen(self) -> list[Seen]:
        """What came to this phone, oldest first: others' messages, and those of its own linked
        devices. As far back as `Emulator.HISTORY` goes."""
        return [
            entry.seen for entry in self._emulator.log
            if entry.raw and self.number not in entry.missing and self.shows(entry.seen)
        ]

    def shows(self, seen: Seen) -> bool:
        """Whether a message belongs on this phone: not its own, and in a group it is in."""
        if seen.sender == self.number and not seen.from_device:
            return False
        group = self._emulator.chat(seen.group)
        return group is not None and self.number in group.members

    async def wait_for(self, predicate: Callable[[Seen], bool], timeout: float) -> Seen:
        """The first message seen, past or to come, for which `predicate` holds. Raises
        TimeoutError after `timeout` seconds."""
        for seen in self.seen:
            if predicate(seen):
                return seen
        async with asyncio.timeout(timeout):
            return await self._emulator.messages.watch(self, predicate)

    def chat_jid(self, group: Group) -> str:
        """How this account calls a chat: a direct one by the other's address."""
        if group.jid in self._emulator.groups:
            return group.jid
        other = next((number for number in group.members if number != self.number), self.number)
        return str(self._emulator.known(other).address(group))

    # -- addresses and keys -----------------------------------------------------------------------

    def address(self, group: Group, device: int = 0) -> Jid:
        """How this account is named in a group's stanzas."""
        user, server = (self.lid, "lid") if group.addressing == "lid" else (
            self.number, "s.whatsapp.net")
        return Jid(f"{user}:{device}@{server}" if device else f"{user}@{server}")

    def attrs(self, group: Group, device: int = 0) -> dict[str, str]:
        """The attributes of a group stanza that say who speaks, under both addresses."""
        if group.addressing == "lid":
            other = Jid(f"{self.number}:{device}@s.whatsapp.net" if device else self.jid)
            return {"participant": self.address(group, device), "participant_pn": other,
                    "addressing_mode": "lid"}
        other = Jid(f"{self.lid}:{device}@lid" if device else self.lid_jid)
        return {"participant": self.address(group, device), "participant_lid": other,
                "addressing_mode": "pn"}

    def verified(self) -> list[Node]:
        """The part of a stanza in which WhatsApp vouches for a business's name."""
        if not self.business:
            return []
        details = vname.VerifiedNameCertificate.Details(verifiedName=self.business)
        made = vname.VerifiedNameCertificate(details=details.SerializeToString())
        return [Node("verified_name", {"v": "2"}, made.SerializeToString())]

    def bundle(self) -> Bundle:
        """A key bundle with a fresh one-time pre-key."""
        number, self.next_key = self.next_key, self.next_key + 1
        self.save()
        us = self.identity
        return Bundle(
            us.registration, us.key.public, us.SIGNED_ID, us.signed.public, us.signature,
            number, us.one_time(number).public,
        )

    def sender_key(self, group: Group) -> tuple[SenderKey, set[str]]:
        """This phone's key for a group, and the devices that have it."""
        if group.jid not in self._keys:
            self._keys[group.jid] = (SenderKey.generate(), set())
        return self._keys[group.jid]

    def drop_sender_key(self, group: Group) -> None:
        """A new key with the next message: somebody left the group."""
        self._keys.pop(group.jid, None)

    def save_sender_key(self, group: Group) -> None:
        self._emulator.store.state(("sender", self.number, group.jid), lambda: (
            "INSERT OR REPLACE INTO sender_keys VALUES (?, ?, ?)",
            (self.number, group.jid, states.dump_sender_key(*self.sender_key(group))),
        ))

    def peer(self, device: Jid) -> Peer:
        """The sessions with a linked device, named by number and device."""
        if device not in self._peers:
            self._peers[device] = Peer(self.identity)
        return self._peers[device]

    def save_peer(self, device: Jid) -> None:
        self._emulator.store.state(("peer", self.number, device), lambda: (
            "INSERT OR REPLACE INTO peers VALUES (?, ?, ?)",
            (self.number, device, states.dump_sessions(self.peer(device).sessions)),
        ))

    def encrypt_for(self, device: Device, plaintext: bytes, bundle: Bundle | None = None) -> Node:
        """An <enc> for one device; a session is begun when there is none or a bundle is given."""
        peer = self.peer(device.jid)
        if bundle is not None or not peer.can_send():
            peer.start(bundle or device.take_bundle())
        kind, data = peer.encrypt(pad(plaintext))
        self.save_peer(device.jid)
        return Node("enc", {"v": "2", "type": kind}, data)

    def decrypt_from(self, device: Jid, enc: Node) -> bytes:
        """What a device encrypted for this phone alone. Raises SignalError."""
        data = enc.content if isinstance(enc.content, bytes) else b""
        plaintext = self.peer(device).decrypt(enc.attrs.get("type", ""), data)
        self.save_peer(device)
        return plaintext

    def save(self) -> None:
        self._emulator.store.state(("phone", self.number), lambda: (
            "INSERT OR REPLACE INTO phones VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.number, self.lid, self.name, self._seed, self.next_device, self.next_key,
             self.picture),
        ))

    def restore(self, keys: dict[str, str], peers: dict[str, str], clean: bool) -> None:
        """Takes up stored keys. After an unclean stop the counters on disk may be older than what
        devices have seen, so every sender key and session is begun afresh."""
        if clean:
            self._keys = {jid: states.load_sender_key(text) for jid, text in keys.items()}
        for device, text in peers.items():
            self._peers[device] = Peer(self.identity, states.load_sessions(text))
            self._peers[device].stale = not clean

    # -- pieces of messages -----------------------------------------------------------------------

    def _group(self, target: Sent | Seen) -> Group:
        group = self._emulator.chat(target.group)
        if group is None:
            raise EmulatorError(f"no group {target.group}")
        return group

    def _key(self, group: Group, target: Sent | Seen) -> common.MessageKey:
        own = target.sender == self.number
        key = common.MessageKey(remoteJID=self.chat_jid(group), fromMe=own, ID=target.id)
        if not own and group.jid in self._emulator.groups:
            key.participant = self._emulator.known(target.sender).address(group)
        return key

    def _context(
        self, group: Group, quote: Sent | Seen | None, mentions: Sequence[Phone] = ()
    ) -> e2e.ContextInfo | None:
        named = [str(other.address(group)) for other in mentions]
        if quote is None:
            return content.context(mentions=named)
        entry = self._emulator.entry(quote.id, quote.group)
        if entry is None:
            raise EmulatorError(f"cannot quote message {quote.id}: it is not known in {group.jid}")
        sender = self._emulator.known(quote.sender).address(group)
        return content.context(quote.id, str(sender), entry.raw, named)
