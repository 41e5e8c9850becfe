"""Signs of life: who types, who has read what, who calls. Nothing of it is kept; of a call, the
stanza waits for a device that is away."""
from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.model import EmulatorError, Group, Seen, Sent
from emulator.nodes import Jid, Node, NodeError

if TYPE_CHECKING:
    from emulator.device import Device
    from emulator.phone import Phone
    from emulator.server import Emulator

KEPT = 1_000  # signs of devices that tests can look back on
STATES = ("composing", "paused")


@dataclass(frozen=True)
class Sign:
    """What a linked device let a group see: composing, paused or read (then of which messages)."""

    kind: str
    number: str  # of the device's account
    group: str
    ids: tuple[str, ...] = ()


class Signs:
    """Passes signs on, between phones and linked devices."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.of_devices: deque[Sign] = deque(maxlen=KEPT)

    # -- of phones --------------------------------------------------------------------------------

    def typing(self, phone: Phone, group: Group, state: str, media: str = "") -> None:
        """A phone types, records (media "audio") or stops. Devices that said they are not online
        hear nothing of it, as with WhatsApp."""
        who = {"from": Jid(group.jid), **phone.attrs(group)} \
            if group.jid in self._emulator.groups else {"from": phone.address(group)}
        node = Node("chatstate", who, [
            Node(state, {"media": media or None})])
        for device in self._devices(group, phone):
            if device.live and device.online is not False:
                device.connection.send(node)

    def receipt(self, phone: Phone, of: Sent | Seen, kind: str | None) -> None:
        """A phone has got (`kind` None) or read a message: its author's devices are told."""
        entry = self._emulator.entry(of.id, of.group)
        group = self._emulator.chat(of.group)
        if entry is None or group is None or phone.number not in group.members:
            raise EmulatorError(f"+{phone.number} has no message {of.id}")
        for device in self._emulator.phones[entry.seen.sender].devices.values():
            if device.live:
                who = {"from": Jid(group.jid), "participant": phone.address(group)} \
                    if group.jid in self._emulator.groups else {"from": phone.address(group)}
                device.connection.send(Node("receipt", {
                    **who, "id": of.id, "type": kind, "t": int(time.time())}))

    def call(self, phone: Phone, to: Phone | Group, *, video: bool = False) -> str:
        """A phone calls an account, or a group. Returns the call's id."""
        id = secrets.token_hex(16).upper()
        media = "video" if video else "audio"
        if isinstance(to, Group):
            child = Node("offer_notice", {
                "call-id": id, "call-creator": phone.lid_jid, "caller_pn": phone.jid,
                "group-jid": Jid(to.jid), "media": media, "type": "group"})
            self._ring(self._devices(to, phone), phone.lid_jid, child)
            return id
        child = Node("offer", {
            "call-id": id, "call-creator": phone.lid_jid, "caller_pn": phone.jid},
            [Node(name, {"enc": "opus"} if name == "audio" else {}) for name in
             (("audio", "video") if video else ("audio",))])
        self._ring(list(to.devices.values()), phone.lid_jid, child)
        return id

    def _ring(self, devices: list[Device], caller: Jid, child: Node) -> None:
        for device in devices:
            id = self._emulator.new_id()
            device.enqueue(Node("call", {
                "from": caller, "id": id, "t": int(time.time()), "platform": "android",
                "version": "2.24.7.81"}, [child]), id, caller)

    def _devices(self, group: Group, but: Phone) -> list[Device]:
        return [device for number in group.members if number != but.number
                for device in self._emulator.phones[number].devices.values()]

    # -- of devices -------------------------------------------------------------------------------

    def presence(self, device: Device, node: Node) -> None:
        """A device says whether it is online."""
        if node.attrs.get("type") in ("available", "unavailable"):
            device.online = node.attrs["type"] == "available"

    def chatstate(self, device: Device, node: Node) -> None:
        """A device types in a group. Raises NodeError."""
        state = next((child.tag for child in node.children() if child.tag in STATES), None)
        if state is None:
            raise NodeError("a chat state that is neither composing nor paused")
        self._note(device, state, node.jid("to"))

    def read(self, device: Device, chat: Jid, ids: list[str]) -> None:
        """A device has read messages: their authors see it."""
        self._note(device, "read", chat, tuple(ids))

    def _note(self, device: Device, kind: str, chat: Jid, ids: tuple[str, ...] = ()) -> None:
        if chat.server == "g.us":
            known = self._emulator.groups.get(chat)
        else:
            known = self._emulator.directs.of(device.phone, chat)
        if known is not None:
            self.of_devices.append(Sign(kind, device.phone.number, known.jid, ids))
