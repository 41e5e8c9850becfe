"""A WhatsApp on this machine: accounts, groups, phones, and the server that real clients join."""
from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.crypto import KeyPair
from emulator.device import Device, Item
from emulator.directs import Direct, Directs
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.groups import Groups
from emulator.history import History
from emulator.library import patched_library
from emulator.media import MediaFiles
from emulator.model import EmulatorError, Entry, Group, Seen
from emulator.nodes import Jid, Node
from emulator.noise import certificate_chain
from emulator.pairing import Pairing
from emulator.phone import Phone
from emulator.signs import Signs
from emulator.store import Store
from emulator.transport import Door, tls_context

log = logging.getLogger("daftar.emulator")

_GARBAGE = b"\x00\xf8\x05\x13\xfc\xff\xfe\xfd"  # a list that promises more than there is


@dataclass(frozen=True)
class ServerKeys:
    """The root key that patched clients trust, and the key of this server under it."""

    root: KeyPair
    static: KeyPair
    chain: bytes

    @classmethod
    def load(cls, path: Path) -> ServerKeys:
        if not path.exists():
            pairs = {name: KeyPair.generate().private.hex() for name in ("root", "mid", "static")}
            path.touch(mode=0o600)
            path.write_text(json.dumps(pairs))
        stored = json.loads(path.read_text())
        root, mid, static = (
            KeyPair.from_private(bytes.fromhex(stored[name])) for name in ("root", "mid", "static")
        )
        return cls(root, static, certificate_chain(root, mid, static))


class Emulator:
    """The whole of it. `state`: a folder that keeps everything from one start to the next."""

    HISTORY = 20_000  # messages kept in memory for phones to look back on; all are on disk

    def __init__(self, state: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.state = Path(state)
        self.phones: dict[str, Phone] = {}
        self.groups: dict[str, Group] = {}
        self.proxy_url = ""
        self.faults: Faults | None = None  # what goes wrong on the line; nothing without
        self.outdated = False  # clients are told that they are too old; see Emulator.outdate
        self._host, self._port = host, port
        self._by_lid: dict[str, Phone] = {}
        self._last_item = 0
        self._started = False

    # -- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listens, with everything as it was when this folder was last in use. Raises
        LibraryError when the client library cannot be patched, OSError for a port in use."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        self.keys = ServerKeys.load(self.state / "keys.json")
        self._library = await asyncio.to_thread(
            patched_library, self.state / "library", self.keys.root.public
        )
        self.media = MediaFiles(self.state / "media")
        self.store = Store(self.state / "emulator.sqlite")
        self.messages = History(self.store, self.HISTORY)
        self.exchange, self.pairing, self._groups = Exchange(self), Pairing(self), Groups(self)
        self.signs = Signs(self)
        self.directs = Directs(self)
        self._restore()
        self._door = Door(self, tls_context(self.state))
        port = await self._listen()
        self.proxy_url = f"http://{self._host}:{port}"
        self._started = True
        log.info("the emulator listens on %s", self.proxy_url)

    async def _listen(self) -> int:
        """Without a port of the caller's choice: the last one again when it is free, so that
        clients that are still running find the way back."""
        remembered = self.state / "port"
        if self._port == 0 and remembered.exists():
            with contextlib.suppress(OSError, ValueError):
                return await self._door.open(self._host, int(remembered.read_text()))
        port = await self._door.open(self._host, self._port)
        remembered.write_text(str(port))
        return port

    async def stop(self) -> None:
        """Ends every connection and writes everything down."""
        if not self._started:
            return
        self._started = False
        await self._door.close()
        self.store.close()
        self.messages.close()
        self.phones.clear()
        self.groups.clear()
        self._by_lid.clear()

    def client_environment(self) -> dict[str, str]:
        """What a client process must have in its environment before it starts. Go reads the
        proxy and the certificate file once, so setting them later has no effect."""
        inherited = os.environ.get("PYTHONPATH")
        path = [str(self._library), *([inherited] if inherited else [])]
        return {
            "HTTPS_PROXY": self.proxy_url, "https_proxy": self.proxy_url,
            "NO_PROXY": "", "no_proxy": "",
            "SSL_CERT_FILE": str(self.state / "ca.pem"),
            "PYTHONPATH": os.pathsep.join(path),
        }

    def _restore(self) -> None:
        store = self.store
        keys: dict[str, dict[str, str]] = {}
        for number, jid, state in store.rows("SELECT number, jid, state FROM sender_keys"):
            keys.setdefault(number, {})[jid] = state
        peers: dict[str, dict[str, str]] = {}
        for number, device, state in store.rows("SELECT number, device, state FROM peers"):
            peers.setdefault(number, {})[device] = state
        for row in store.rows(
            "SELECT number, lid, name, seed, next_device, next_key, picture FROM phones"
        ):
            phone = self._add_phone(Phone(self, *row))
            phone.restore(keys.get(phone.number, {}), peers.get(phone.number, {}), store.clean)
        self._groups.restore()
        self.exchange.restore(store.rows("SELECT jid, device, id, state FROM received_keys"))
        self.messages.restore()
        self._restore_devices()
        if not store.clean:
            log.warning("the emulator was not stopped in order: phones take fresh keys")

    def _restore_devices(self) -> None:
        for row in self.store.rows("SELECT * FROM devices"):
            number, device_number, noise, identity, registration, *signed = row
            device = Device(self, self.phones[number], device_number, noise, identity)
            device.registration = registration
            device.signed = tuple(signed) if signed[1] else None
            device.prekeys.extend(self.store.rows(
                "SELECT id, public FROM prekeys WHERE number = ? AND device = ? ORDER BY id",
                (number, device_number),
            ))
            self.phones[number].devices[device_number] = device
        for number, name, *rest in self.store.rows("SELECT * FROM queue ORDER BY number"):
            device = self.device(name)
            if device is not None:
                device.add(Item(number, *rest))
            self._last_item = number

    # -- phones and groups ------------------------------------------------------------------------

    async def phone(self, number: str, name: str = "", lid: str | None = None) -> Phone:
        """The phone with this number, made when there is none. A name given replaces the old one.
        Raises EmulatorError for what is no phone number."""
        digits = "".join(filter(str.isdigit, number))
        if not 7 <= len(digits) <= 15 or set(number) - set("+0123456789 -()"):
            raise EmulatorError(f"{number!r} is not a phone number")
        phone = self.phones.get(digits)
        if phone is None:
            lid = lid or f"{100_000_000_000_000 + secrets.randbelow(10**14)}"
            phone = self._add_phone(Phone(self, digits, lid, name, secrets.token_bytes(32)))
            phone.save()
        elif name and name != phone.name:
            phone.name = name
            phone.save()
        return phone

    def _add_phone(self, phone: Phone) -> Phone:
        self.phones[phone.number] = self._by_lid[phone.lid] = phone
        return phone

    async def create_group(
        self, name: str, members: Sequence[Phone], admins: Sequence[Phone] = (),
        jid: str | None = None, topic: str = "", *, addressing: str = "lid",
    ) -> Group:
        """A new group, the first admin (or member) its owner; with a `jid` that exists, that
        group, to which the members are added. `addressing`: "lid" or "pn"."""
        return self._groups.create(name, members, admins, jid, topic, addressing)

    async def add_members(
        self, group: Group, phones: Sequence[Phone], by: Phone | None = None
    ) -> None:
        """Adds phones; the group's linked devices are told. `by`: the owner when None."""
        self._groups.add(group, phones, by)

    async def remove_members(
        self, group: Group, phones: Sequence[Phone], by: Phone | None = None
    ) -> None:
        """Removes phones; every remaining phone takes a new sender key, as WhatsApp's do."""
        self._groups.remove(group, phones, by)

    async def set_role(
        self, group: Group, phone: Phone, role: str, by: Phone | None = None
    ) -> None:
        """Makes a member an "admin" or a "member" again. Raises EmulatorError otherwise."""
        self._groups.set_role(group, phone, role, by)

    def direct(self, one: Phone, other: Phone, *, addressing: str = "lid") -> Direct:
        """The direct chat of two accounts, to be written in like a group. `addressing`: "lid" or
        "pn", from now on."""
        chat = self.directs.between(one, other)
        chat.addressing = addressing
        return chat

    def chat(self, jid: str) -> Group | None:
        """A group, or a direct chat by the emulator's name for it."""
        return self.groups.get(jid) or self.directs.get(jid)

    @property
    def change(self) -> Groups:
        """Everything else that can happen to a group."""
        return self._groups

    def picture_changed(self, phone: Phone) -> None:
        """The linked devices of those who share a group with a phone are told."""
        self._groups.tell_of_picture(phone)

    async def rename_group(self, group: Group, name: str, by: Phone | None = None) -> None:
        """A new name; the group's linked devices are told."""
        self.rename_now(group, name, by)

    def rename_now(self, group: Group, name: str, by: Phone | None) -> None:
        """`rename_group` for those who cannot await."""
        self._groups.rename(group, name, by)

    # -- linked devices ---------------------------------------------------------------------------

    async def scan(self, phone: Phone, qr: str) -> str:
        """What a phone does with a linked-device QR code. Returns the device's JID, such as
        "923007001001:1@s.whatsapp.net". Raises EmulatorError for a bad or expired code."""
        return await self.pairing.scan(phone, qr)

    async def enter_code(self, phone: Phone, code: str) -> str:
        """What a phone does with a pairing code ("ABCD-EFGH"). Returns the device's JID. Raises
        EmulatorError for a wrong code, or when no client waits for one."""
        return await self.pairing.enter_code(phone, code)

    def add_device(self, phone: Phone, number: int, noise: bytes, identity: bytes) -> Device:
        device = phone.devices[number] = Device(self, phone, number, noise, identity)
        device.save()
        self.store.now()
        self._tell_devices(phone, device)
        return device

    def _tell_devices(self, phone: Phone, added: Device) -> None:
        """Others' linked devices forget the list of this account's devices they knew."""
        for other in [d for p in self.phones.values() for d in p.devices.values()]:
            if other is added:
                continue
            id = self.new_id()
            node = Node("notification", {
                "from": phone.jid, "type": "devices", "id": id, "t": int(time.time()),
                "lid": phone.lid_jid,
            }, [Node("add", {"device_hash": "2:none"}, [
                Node("device", {"jid": added.jid, "key-index": added.number}),
                Node("key-index-list", {"ts": int(time.time())}),
            ])])
            other.enqueue(node, id, phone.jid)

    def unlink_soon(self, device: Device) -> None:
        """Unlinks after the answer to the client's own request has left."""
        asyncio.get_running_loop().call_soon(self._unlink, device)

    async def unlink(self, device: str) -> None:
        """The phone's user removes a linked device. Raises EmulatorError when there is none."""
        found = self.device(device)
        if found is None:
            raise EmulatorError(f"no linked device {device}")
        self._unlink(found)

    def _unlink(self, device: Device) -> None:
        place = (device.phone.number, device.number)
        device.phone.devices.pop(device.number, None)
        for sql in ("DELETE FROM devices WHERE number = ? AND device = ?",
                    "DELETE FROM prekeys WHERE number = ? AND device = ?"):
            self.store.soon(sql, place)
        self.store.soon("DELETE FROM queue WHERE device = ?", (device.jid,))
        if device.connection is not None:
            device.connection.log_out()

    def device(self, jid: str) -> Device | None:
        """A linked device by its JID, under number or LID."""
        jid = Jid(jid)
        phone = self.by_jid(jid)
        return phone.devices.get(jid.device) if phone else None

    def device_of(self, number: str, device: int) -> Device | None:
        phone = self.phones.get(number)
        return phone.devices.get(device) if phone else None

    @property
    def devices(self) -> list[Device]:
        """Every linked device."""
        return [device for phone in self.phones.values() for device in phone.devices.values()]

    async def drop_connections(self, *, refuse_for: float = 0) -> int:
        """Resets every client's TCP connections; new ones are refused for so many seconds.
        Returns how many there were."""
        return self.cut(refuse_for)

    def cut(self, refuse_for: float) -> int:
        """`drop_connections` for those who cannot await."""
        return self._door.cut(refuse_for)

    async def ban(self, phone: Phone, seconds: int) -> None:
        """Bans an account for a time: its linked devices are cut off and told so when they come
        again. 0 ends the ban."""
        phone.banned_until = time.time() + seconds
        if seconds:
            self.cut(0)

    async def outdate(self, yes: bool = True) -> None:
        """Takes no client any more, as WhatsApp does with those that are too old; or all again."""
        self.outdated = yes
        if yes:
            self.cut(0)

    def refuse(self, seconds: float) -> None:
        """Answers every new client connection with status 503 for so long."""
        self._door.refuse(seconds)

    async def idle(self, timeout: float) -> bool:
        """Waits until no linked device has anything unconfirmed or queued; False when that does
        not happen within `timeout` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while any(device.queue for device in self.devices):
            if loop.time() >= end:
                return False
            await asyncio.sleep(0.02)
        return True

    async def send_malformed(self, target: Phone | Device | str) -> int:
        """Sends bytes that are no stanza, and stanzas that lack what they need, to the connected
        device (or all devices of a phone). Returns how many devices that were."""
        if isinstance(target, Phone):
            devices = list(target.devices.values())
        else:
            devices = [target if isinstance(target, Device) else self.device(target)]
        reached = [device for device in devices if device is not None and device.live]
        for device in reached:
            device.connection.send_encoded(_GARBAGE)
            device.connection.send(Node("message", {"id": self.new_id()}, []))
            device.connection.send(Node("notification", {"type": "w:gp2"}, b"no nodes"))
        return len(reached)

    # -- messages ---------------------------------------------------------------------------------

    @property
    def log(self) -> deque[Entry]:
        """The newest messages of all groups, oldest first."""
        return self.messages.entries

    def entry(self, id: str, group: str) -> Entry | None:
        """A message by its id, from memory or from disk."""
        return self.messages.get(id, group)

    def history(self, group: Group, limit: int = 200) -> list[Seen]:
        """The newest messages of a group, oldest first, whoever sent them."""
        return self.messages.newest(group, limit)

    def feed(self) -> AsyncIterator[Seen]:
        """Every message from now on, of all groups, as it arrives; also what phones send."""
        return self.messages.feed()

    # -- names and numbers ------------------------------------------------------------------------

    def by_jid(self, jid: Jid) -> Phone | None:
        """The account that an address (number or LID, any device) belongs to."""
        return (self._by_lid if jid.server == "lid" else self.phones).get(jid.user)

    def known(self, number: str) -> Phone:
        """Raises EmulatorError for a number that has no phone here."""
        phone = self.phones.get(number)
        if phone is None:
            raise EmulatorError(f"no phone +{number}")
        return phone

    def new_id(self) -> str:
        """A message id as Android phones make them."""
        return "AC" + secrets.token_hex(15).upper()

    def next_item(self) -> int:
        self._last_item += 1
        return self._last_item
