"""What a bad connection does: faults by lot, from a seed.

Every message of a phone draws one number for each kind of fault, whether that kind is wanted or
not, so that the same seed over the same messages makes the same faults. When the client hears of
them is up to the network, as it always is.

WhatsApp keeps the order of one sender's messages in one group, and so does all of this.
"""
from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.device import Device, Item
    from emulator.model import Entry, Group
    from emulator.phone import Phone
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

REFUSE_S = 1.5  # seconds of "503" after the server ended the stream
AWAY_S = 3.0  # seconds without any network
HOLD_S = 0.3  # seconds that a group's stanzas stay behind those of other groups


@dataclass(frozen=True)
class Chances:
    """How likely each fault is with a phone's message, from 0 to 1."""

    cut: float = 0.0  # the connection ends in the middle of a stanza
    refuse: float = 0.0  # the server ends the stream with 503 and answers 503 for a while
    away: float = 0.0  # no network for a while; what waited comes at once
    twice: float = 0.0  # the very same stanza comes again, at once
    after_ack: float = 0.0  # … or once more after the client has confirmed it
    anew: float = 0.0  # the message comes again under a fresh encryption
    late_key: float = 0.0  # the sender's key is not with the message: the client must ask for it
    hold: float = 0.0  # one group's stanzas come after later ones of other groups


BAD = Chances(cut=0.003, refuse=0.001, away=0.001, twice=0.03, after_ack=0.03, anew=0.02,
              late_key=0.02, hold=0.05)


class Faults:
    """Set as `Emulator.faults`. `counts`: what was done, by the names in Chances; `late`: ids of
    the messages that came without their key; `resting`: no new faults for now."""

    def __init__(self, emulator: Emulator, seed: int, chances: Chances = BAD) -> None:
        self.counts: Counter[str] = Counter()
        self.late: set[str] = set()
        self.resting = False
        self._emulator = emulator
        self._lot = random.Random(seed)
        self._chances = dataclasses.asdict(chances)
        self._drawn: dict[str, bool] = dict.fromkeys(self._chances, False)
        self._after_ack: set[tuple[str, str]] = set()  # (device, message)
        # (device, group) → stanzas that wait behind those of other groups
        self._held: dict[tuple[str, str], list[Item]] = {}

    # -- what the exchange asks, for each message of a phone --------------------------------------

    def draw(self) -> None:
        """A phone is about to send: which faults does its message get?"""
        self._drawn = {name: self._lot.random() < chance and not self.resting
                       for name, chance in self._chances.items()}

    def without_key(self, phone: Phone, group: Group, id: str) -> bool:
        """Whether this message goes without the key that it is encrypted under. Others' keys and
        this phone's next message are as usual."""
        if not self._drawn["late_key"]:
            return False
        self._note("late_key")
        self.late.add(id)
        phone.drop_sender_key(group)
        return True

    def sent(self, phone: Phone, group: Group, entry: Entry, devices: list[Device]) -> None:
        """The message has been queued: what else happens to it, and to the line."""
        drawn = self._drawn
        for device in [each for each in devices if each.live]:
            items = device.items(entry.seen.id, group.jid)
            if drawn["twice"] and items and (device.jid, group.jid) not in self._held:
                self._note("twice")
                device.connection.send_encoded(items[0].node)
            if drawn["after_ack"]:
                self._after_ack.add((device.jid, entry.seen.id))
            if drawn["anew"]:
                self._note("anew")
                asyncio.get_running_loop().call_later(
                    HOLD_S, self._anew, device, phone, group, entry)
        if drawn["cut"]:
            self._cut(devices)
        if drawn["refuse"]:
            self._refuse(devices)
        if drawn["away"]:
            self._note("away")
            self._emulator.cut(AWAY_S)
        self._drawn = dict.fromkeys(self._chances, False)

    # -- what a device asks -----------------------------------------------------------------------

    def deliver(self, device: Device, item: Item) -> None:
        """Sends a stanza, or lets other groups' go first."""
        place = (device.jid, item.jid)
        if place in self._held:
            self._held[place].append(item)
        elif self._drawn["hold"] and item.message is not None:
            self._note("hold")
            self._held[place] = [item]
            asyncio.get_running_loop().call_later(HOLD_S, self._let_go, device, place)
        else:
            device.connection.send_encoded(item.node)

    def came_back(self, device: Device) -> None:
        """A device gets all that waits for it, in order: nothing is held back any more."""
        for place in [place for place in self._held if place[0] == device.jid]:
            del self._held[place]

    def confirmed(self, device: Device, item: Item) -> None:
        """A device has confirmed a stanza; the server may have missed that."""
        if (device.jid, item.id) in self._after_ack and item.node is not None:
            self._after_ack.discard((device.jid, item.id))
            self._note("after_ack")
            asyncio.get_running_loop().call_later(HOLD_S, self._repeat, device, item.node)

    def before_again(self, device: Device, group: str) -> None:
        """A phone sends a message again, with its key as it is by now: what it sent before goes
        first, as the server would see to. A client that has the newer key takes what is older for
        a copy and drops it."""
        self._let_go(device, (device.jid, group))

    # -- doing it ---------------------------------------------------------------------------------

    def _note(self, name: str) -> None:
        self.counts[name] += 1
        log.info("fault: %s", name)

    def _let_go(self, device: Device, place: tuple[str, str]) -> None:
        for item in self._held.pop(place, ()):
            if device.live and item.number in device.queue:
                device.connection.send_encoded(item.node)

    @staticmethod
    def _repeat(device: Device, node: bytes) -> None:
        if device.live:
            device.connection.send_encoded(node)

    def _anew(self, device: Device, phone: Phone, group: Group, entry: Entry) -> None:
        """As a phone that answers a request which it had answered before."""
        if device.live and entry.seen.id not in self.late:
            self.before_again(device, group.jid)
            device.connection.send(
                self._emulator.exchange.retries.whole(device, phone, group, entry))

    def _cut(self, devices: list[Device]) -> None:
        self._note("cut")
        for device in devices:
            waiting = [item.node for item in device.queue.values() if item.node is not None]
            if device.live:
                device.connection.break_off(waiting[-1] if waiting else b"\0" * 64)

    def _refuse(self, devices: list[Device]) -> None:
        self._note("refuse")
        self._emulator.refuse(REFUSE_S)
        for device in devices:
            if device.connection is not None:
                device.connection.unavailable()
