"""A linked device: a real client, with its keys, its queue and its connection."""
from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.crypto import KEY_TYPE, verify
from emulator.model import EmulatorError
from emulator.nodes import SERVER, Jid, Node, NodeError, decode, encode
from emulator.signal import Bundle

if TYPE_CHECKING:
    from emulator.phone import Phone
    from emulator.server import Emulator
    from emulator.session import ClientSession

log = logging.getLogger("daftar.emulator")

LOW_WATER = 4  # pre-keys left when the device is told to upload more; clients act below 5


@dataclass
class Item:
    """A stanza that the device has not confirmed. `node`: encoded; None while the device has no
    keys to encrypt it for. `message`: the Entry it carries, None for a notification."""

    number: int
    id: str
    jid: str
    message: int | None
    node: bytes | None
    retries: int = 0


class Device:
    """One linked device of an account; survives its connections."""

    def __init__(
        self, emulator: Emulator, phone: Phone, number: int, noise: bytes, identity: bytes
    ) -> None:
        self.phone, self.number, self.noise, self.identity = phone, number, noise, identity
        self.jid = Jid(f"{phone.number}:{number}@s.whatsapp.net")
        self.lid_jid = Jid(f"{phone.lid}:{number}@lid")
        self.registration = 0
        self.signed: tuple[int, bytes, bytes] | None = None
        self.prekeys: deque[tuple[int, bytes]] = deque()
        self.queue: dict[int, Item] = {}
        self.connection: ClientSession | None = None
        self.online: bool | None = None  # as it said on this connection; None: it said nothing
        self._emulator = emulator
        self._by_id: dict[tuple[str, str], list[int]] = {}

    def __repr__(self) -> str:
        return f"<Device {self.jid}>"

    @property
    def ready(self) -> bool:
        """Whether it has published the keys that messages for it need."""
        return self.signed is not None

    # -- keys -------------------------------------------------------------------------------------

    def publish(self, node: Node) -> None:
        """Takes the keys of an `encrypt` upload. Raises NodeError for malformed ones."""
        skey, keys = node.child("skey"), node.child("list")
        if skey is None or keys is None:
            raise NodeError("an upload of keys without <skey> or <list>")
        self.registration = int.from_bytes(node.data("registration"))
        self.rotate(skey)
        for key in keys.children("key"):
            number, public = int.from_bytes(key.data("id")), key.data("value")
            self.prekeys.append((number, public))
            self._emulator.store.soon(
                "INSERT OR REPLACE INTO prekeys VALUES (?, ?, ?, ?)",
                (self.phone.number, self.number, number, public),
            )
        self.save()

    def rotate(self, skey: Node) -> None:
        """Takes a new signed pre-key. Raises NodeError when its signature is wrong."""
        number, public = int.from_bytes(skey.data("id")), skey.data("value")
        signature = skey.data("signature")
        if not verify(self.identity, KEY_TYPE + public, signature):
            raise NodeError("a signed pre-key with a wrong signature")
        self.signed = (number, public, signature)
        self.save()

    def take_bundle(self) -> Bundle:
        """A bundle with one pre-key used up; without one when none are left. Raises
        EmulatorError when the device has published nothing yet."""
        if self.signed is None:
            raise EmulatorError(f"{self.jid} has not published its keys yet")
        one_time: tuple[int | None, bytes | None] = (None, None)
        if self.prekeys:
            one_time = self.prekeys.popleft()
            self._emulator.store.soon(
                "DELETE FROM prekeys WHERE number = ? AND device = ? AND id = ?",
                (self.phone.number, self.number, one_time[0]),
            )
            if len(self.prekeys) == LOW_WATER:
                self._ask_for_keys()
        return Bundle(self.registration, self.identity, *self.signed, *one_time)

    def _ask_for_keys(self) -> None:
        if self.connection is not None:
            self.connection.send(Node(
                "notification",
                {"from": SERVER, "type": "encrypt", "id": self._emulator.new_id(),
                 "t": int(time.time())},
                [Node("count", {"value": len(self.prekeys)})],
            ))

    # -- the queue --------------------------------------------------------------------------------

    def enqueue(self, node: Node | None, id: str, jid: str, message: int | None = None) -> None:
        """Keeps a stanza until it is confirmed, and sends it at once to a device that is there."""
        item = Item(
            self._emulator.next_item(), id, jid, message, encode(node) if node else None
        )
        self.add(item)
        self._emulator.store.enqueue(item.number, (self.jid, id, jid, message, item.node))
        if self.live and item.node is not None:
            if self._emulator.faults:
                self._emulator.faults.deliver(self, item)
            else:
                self.connection.send_encoded(item.node)

    def add(self, item: Item) -> None:
        self.queue[item.number] = item
        self._by_id.setdefault((item.id, item.jid), []).append(item.number)

    @property
    def live(self) -> bool:
        return self.connection is not None and self.connection.active

    def items(self, id: str, jid: str) -> list[Item]:
        return [self.queue[number] for number in self._by_id.get((id, jid), ())]

    def confirm(self, id: str, jid: str, *, received: bool) -> None:
        """Removes what the device has got. A plain ack (`received` False) of something that it
        asked to have again only answers the first copy."""
        for item in self.items(id, jid):
            if item.retries and not received:
                continue
            self.remove(item)
            if self._emulator.faults:
                self._emulator.faults.confirmed(self, item)

    def remove(self, item: Item) -> None:
        del self.queue[item.number]
        numbers = self._by_id[(item.id, item.jid)]
        numbers.remove(item.number)
        if not numbers:
            del self._by_id[(item.id, item.jid)]
        self._emulator.store.dequeue(item.number)

    def replace(self, item: Item, node: Node) -> None:
        """The same stanza encrypted again."""
        item.node = encode(node)
        self._emulator.store.enqueue(
            item.number, (self.jid, item.id, item.jid, item.message, item.node)
        )

    def deliver_queue(self) -> None:
        """What waited while the device was away: a preview, the stanzas in order, the count."""
        if self._emulator.faults:
            self._emulator.faults.came_back(self)
        for item in self.queue.values():
            if item.node is None and item.message is not None:
                self._emulator.exchange.compose_late(self, item)
        waiting = [item for item in self.queue.values() if item.node is not None]
        messages = sum(item.message is not None for item in waiting)
        self.connection.send(Node("ib", {"from": SERVER}, [Node("offline_preview", {
            "count": len(waiting), "message": messages, "notification": len(waiting) - messages,
            "receipt": 0, "appdata": 0, "call": 0,
        })]))
        for place, item in enumerate(waiting):
            node = decode(item.node)
            node.attrs["offline"] = str(place)
            self.connection.send(node)
        self.connection.send(Node("ib", {"from": SERVER}, [
            Node("offline", {"count": len(waiting)})
        ]))
        if waiting:
            log.info("%s came back: %d stanzas redelivered", self.jid, len(waiting))

    def save(self) -> None:
        signed = self.signed or (None, None, None)
        self._emulator.store.state(("device", self.jid), lambda: (
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.phone.number, self.number, self.noise, self.identity, self.registration,
             *signed),
        ))
