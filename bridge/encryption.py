"""Encrypted rooms: from the people's clients to the bridge, end to bridge (mautrix's Olm machine).

The bridge's own user has the only device; ghosts have none, and what is sent as them is encrypted
by it (MSC4350 will let clients verify that). The device is made without a login (MSC4190). Keys
come by /sync, as to every client, and not with the transactions (MSC2409): of a transaction that
had to be repeated Synapse forgets the keys.
"""
from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientError
from mautrix.api import HTTPAPI, Method
from mautrix.api import Path as Address
from mautrix.client import Client
from mautrix.crypto import OlmMachine, PgCryptoStore, StateStore
from mautrix.crypto.cross_signing_key import CrossSigningSeeds
from mautrix.errors import (
    GroupSessionWithheldError,
    MatrixConnectionError,
    MatrixRequestError,
)
from mautrix.types import (
    CrossSigner,
    CrossSigningUsage,
    DeviceOTKCount,
    EventType,
    RoomEncryptionStateEventContent,
    ToDeviceEvent,
)
from mautrix.util.async_db import Database
from olm import OlmGroupSessionError

from bridge.sealing import ALGORITHM, KeyMissing, Unreadable, key_file

log = logging.getLogger("daftar.bridge.encryption")

_QUIET = logging.getLogger("daftar.mautrix.crypto")

DEVICE_NAME = "WhatsApp bridge"
SYNC_MS = 30_000
PAUSE_S = 2.0  # after a failed sync
KEY_S = 1.0  # a message that comes with its key may be here first
_FILTER = json.dumps({"room": {"rooms": []}, "presence": {"not_types": ["*"]},
                      "account_data": {"not_types": ["*"]}})
_PICKLE = "daftar"  # the file's mode protects the keys; a password beside them would not
_ASKED = ""  # in place of a room
_ROOMS = ("CREATE TABLE IF NOT EXISTS daftar_room "
          "(room_id TEXT PRIMARY KEY, encryption TEXT NOT NULL)")

_MARKS = "org.daftar."
_DOWN = (sqlite3.Error, MatrixConnectionError, ClientError, OSError)

Members = Callable[[str], Awaitable[list[str]]]


class _Client(Client):
    """mautrix's client, but the account is stored before its one-time keys become known: a key
    whose private half died with us would make messages unreadable."""

    machine: OlmMachine

    async def upload_keys(self, *args: Any, **more: Any) -> Any:
        await self.machine.crypto_store.put_account(self.machine.account)
        return await super().upload_keys(*args, **more)


class _States(StateStore):
    """The encrypted rooms, in memory; what the Olm machine asks."""

    def __init__(self) -> None:
        self.rooms: dict[str, RoomEncryptionStateEventContent] = {}

    async def is_encrypted(self, room_id: str) -> bool:
        return room_id in self.rooms

    async def get_encryption_info(self, room_id: str) -> RoomEncryptionStateEventContent | None:
        return self.rooms.get(room_id)

    async def find_shared_rooms(self, user_id: str) -> list[str]:
        return list(self.rooms)  # a session too many is made anew, none too few


class Encryption:
    """The bridge's device, its keys, and the rooms that are encrypted. Beside what is said at each
    method, those that speak to the homeserver raise mautrix's errors."""

    def __init__(self, folder: Path, user: str, api: HTTPAPI, members: Members) -> None:
        self._folder = folder
        self._user = user
        self._members = members  # who is in a room or invited, ghosts left out
        self._states = _States()
        self.knows_rooms = False  # of every mirrored room it is known whether it is encrypted
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._stale: set[str] = set()  # users whose devices have changed
        self._refreshing = asyncio.Lock()
        self._decrypting = asyncio.Lock()
        self._syncing: asyncio.Task[None] | None = None
        self._db: Database | None = None
        self._client = _Client(mxid=user, api=HTTPAPI(
            api.base_url, api.token, client_session=api.session, as_user_id=user,
            default_retry_count=0, log=logging.getLogger("daftar.mautrix")))

    @property
    def device(self) -> str:
        """The id of our device."""
        return str(self._client.device_id)

    # Life

    async def start(self) -> None:
        """Open the keys, make device and identity unless they are there, and make them known."""
        path = key_file(self._folder)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = Database.create(f"sqlite:///{path.absolute()}", log=_QUIET,
                                   upgrade_table=PgCryptoStore.upgrade_table)
        await self._db.start()
        await self._db.execute(_ROOMS)
        for row in await self._db.fetch("SELECT room_id, encryption FROM daftar_room"):
            self._states.rooms[row["room_id"]] = _settings(json.loads(row["encryption"]))
        self.knows_rooms = self._states.rooms.pop(_ASKED, None) is not None
        self._store = PgCryptoStore("", _PICKLE, self._db)
        _QUIET.setLevel(logging.ERROR)  # what matters for people is said by us
        self._machine = OlmMachine(self._client, self._store, self._states, _QUIET)
        self._machine.allow_key_share = _never
        self._client.machine = self._machine
        await self._device()
        # What changed while we were away was told to nobody: ask once for all.
        rows = await self._db.fetch("SELECT user_id FROM crypto_tracked_user")
        self._stale.update(row["user_id"] for row in rows)
        await self._forget_sessions()
        await self._sync(0)  # what came while we were away
        self._syncing = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close the keys."""
        if self._syncing:
            self._syncing.cancel()
            await asyncio.wait([self._syncing])
        if self._db:
            await self._db.stop()

    async def _device(self) -> None:
        """Our device stands on the homeserver with the keys that we have, signed by our identity.
        Every step may be repeated: a crash in between leaves nothing half done."""
        device = await self._store.get_device_id()
        await self._machine.load()
        if not device:
            device = secrets.token_hex(5).upper()
            await self._store.put_device_id(device)
        await self._client.create_device_msc4190(device, DEVICE_NAME)
        found = (await self._client.query_keys([self._user])).device_keys.get(self._user, {})
        if device not in found:
            self._machine.account.shared = False
            await self._machine.share_keys()
        await self._identity()

    async def _identity(self) -> None:
        """Cross-signing: identity keys of our own, and our device signed by them."""
        path = self._folder / "keys" / "bridge-identity.json"
        if not path.exists():
            fresh = CrossSigningSeeds.generate()._asdict()
            _write_private(path, json.dumps({name: seed.hex() for name, seed in fresh.items()}))
        seeds = CrossSigningSeeds(**{
            name: bytes.fromhex(seed) for name, seed in json.loads(path.read_text()).items()})
        keys = seeds.to_keys()
        await self._machine._fetch_keys([self._user], include_untracked=True)
        known = await self._store.get_cross_signing_keys(self._user)
        master = known.get(CrossSigningUsage.MASTER)
        if master is None or master.key != keys.public_keys.master_key:
            await self._machine._publish_cross_signing_keys(keys)
        self._machine._import_cross_signing_keys(seeds)
        own = self._machine.own_identity
        if not await self._store.is_key_signed_by(
                CrossSigner(self._user, own.signing_key),
                CrossSigner(self._user, keys.public_keys.self_signing_key)):
            await self._machine.sign_own_device(own)

    # Rooms

    def covers(self, room: str) -> bool:
        """Whether a room is encrypted. No question to anybody: asked for every event."""
        return room in self._states.rooms

    async def note(self, room: str, settings: dict[str, Any]) -> None:
        """From now on everything that we send into a room is encrypted. `settings`: the content of
        its m.room.encryption. There is no way back, here as in the room itself."""
        await self._db.execute(
            "INSERT INTO daftar_room (room_id, encryption) VALUES ($1, $2) "
            "ON CONFLICT (room_id) DO UPDATE SET encryption = excluded.encryption",
            room, json.dumps(settings))
        self._states.rooms[room] = _settings(settings)

    async def asked(self) -> None:
        """Every mirrored room was asked whether it is encrypted: new keys need not ask again."""
        await self.note(_ASKED, {})
        del self._states.rooms[_ASKED]
        self.knows_rooms = True

    # What the homeserver tells

    async def _run(self) -> None:
        """Sync for ever."""
        while True:
            try:
                await self._sync(SYNC_MS)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("keys cannot be asked for now: %s; again in %d s", error, PAUSE_S)
                await asyncio.sleep(PAUSE_S)
                await self._forget_sessions()  # who left meanwhile may not have been told to us

    async def _forget_sessions(self) -> None:
        """The next message into each room has a new key: who left must not read on."""
        if self._states.rooms:
            await self._store.remove_outbound_group_sessions(list(self._states.rooms))

    async def _sync(self, timeout: int) -> None:
        """What is for our device and nothing else: keys, changed devices, used one-time keys. The
        token is stored when they are."""
        since = await self._store.get_next_batch()
        answer = await self._client.api.request(Method.GET, Address.v3.sync, query_params={
            "timeout": str(timeout), "filter": _FILTER, **({"since": since} if since else {})})
        for raw in answer.get("to_device", {}).get("events", []):
            await self._to_device(raw)
        self._stale.update(answer.get("device_lists", {}).get("changed", []))
        try:
            await self._machine.handle_otk_count(DeviceOTKCount.deserialize(
                answer.get("device_one_time_keys_count", {})))
        except MatrixRequestError as error:
            log.error("the homeserver does not take new one-time keys: %s", error)
        if answer["next_batch"] != since:
            await self._store.put_next_batch(answer["next_batch"])

    async def take(self, transaction: dict[str, Any], ours: Callable[[str], bool]) -> None:
        """What a transaction tells of rooms: which are encrypted from now on, who comes and
        goes."""
        for event in transaction.get("events", []):
            if not isinstance(event, dict) or "state_key" not in event:
                continue
            room, content = event.get("room_id"), event.get("content")
            if event.get("type") == "m.room.encryption" and isinstance(content, dict) and \
                    isinstance(room, str) and content.get("algorithm") == ALGORITHM:
                await self.note(room, content)
            elif event.get("type") == "m.room.member" and self.covers(str(room)) and \
                    not ours(str(event["state_key"])):
                # Who left must not read on, who came must read.
                async with self._locks[str(room)]:
                    await self._store.remove_outbound_group_session(room)

    async def _to_device(self, raw: Any) -> None:
        try:
            event = ToDeviceEvent.deserialize(raw)
            if event.type == EventType.TO_DEVICE_ENCRYPTED:
                await self._machine.handle_to_device_event(event)
        except _DOWN:
            raise  # it comes again
        except Exception as error:
            # Somebody else's fault, and no repetition helps: a message will lack its key, and that
            # is told in its room.
            log.warning("what was sent to our device cannot be read: %s: %s",
                        type(error).__name__, error)

    # Messages

    async def encrypt(self, room: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """The content of the m.room.encrypted event that carries an event. What the homeserver must
        know (m.relates_to) and our own marks stay readable beside the ciphertext: a mark is the
        number of a row, and after a crash the room's end is searched for it."""
        hidden = {key: value for key, value in content.items() if key != "m.relates_to"}
        async with self._locks[room]:
            await self._refresh()
            session = await self._store.get_outbound_group_session(room)
            if session is None or session.expired or not session.shared:
                await self._share(room)
            sealed = await self._machine.encrypt_megolm_event(room, EventType.find(kind), hidden)
        beside = {key: value for key, value in content.items() if key == "m.relates_to"
                  or (key.startswith(_MARKS) and isinstance(value, int | str))}
        return {**sealed.serialize(), **beside}

    async def _share(self, room: str) -> None:
        """A new session of a room, for the devices of everybody in it. Olm sessions are made
        first: mautrix would go on without those whose keys it did not get."""
        users = await self._members(room)
        untracked = [user for user in users if await self._store.get_devices(user) is None]
        if untracked:
            await self._machine._fetch_keys(untracked, include_untracked=True)
        missing: dict[str, dict[str, Any]] = {}
        for user in users:
            for name, device in (await self._store.get_devices(user) or {}).items():
                if (user, name) != (self._user, self.device) and \
                        not await self._store.has_session(device.identity_key):
                    missing.setdefault(user, {})[name] = device
        if missing:
            await self._machine._create_outbound_sessions(missing)
        await self._machine.share_group_session(room, users)

    async def _refresh(self) -> None:
        """Ask for the devices of those of whom we heard that they have others now."""
        async with self._refreshing:
            users = list(self._stale)
            if users:
                await self._machine._fetch_keys(users, include_untracked=False)
                self._stale.difference_update(users)

    async def decrypt(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event that an m.room.encrypted event holds. Raises KeyMissing and Unreadable.

        Not by mautrix's own method: that reads the content into classes, and fails over what no
        class foresees."""
        content, room = event["content"], event["room_id"]
        name, ciphertext = content.get("session_id"), content.get("ciphertext")
        if content.get("algorithm") != ALGORITHM or not isinstance(name, str) or \
                not isinstance(ciphertext, str):
            raise Unreadable("it is encrypted in a way that is not known here")
        if not await self._store.has_group_session(room, name):
            await self._machine.wait_for_session(room, name, KEY_S)
        async with self._decrypting:
            try:
                session = await self._store.get_group_session(room, name)
            except GroupSessionWithheldError as error:
                raise Unreadable("its sender keeps its key from the bridge") from error
            if session is None:
                raise KeyMissing(name)
            try:
                text, index = session.decrypt(ciphertext)
                opened = json.loads(text)
            except (OlmGroupSessionError, ValueError) as error:
                raise Unreadable(f"it cannot be decrypted ({error})") from error
            if not await self._store.validate_message_index(
                    session.sender_key, name, event["event_id"], index,
                    event.get("origin_server_ts", 0)):
                raise Unreadable("it repeats another message")
        if not await self._is_of(session, event["sender"]):
            raise Unreadable("it was encrypted by a device that is not its sender's")
        if not isinstance(opened, dict) or opened.get("room_id") != room or \
                not isinstance(opened.get("type"), str) or \
                not isinstance(opened.get("content"), dict):
            raise Unreadable("what it holds is no message of this room")
        relates = {key: content[key] for key in ("m.relates_to",) if key in content}
        return {**event, "type": opened["type"], "content": {**relates, **opened["content"]}}

    async def _is_of(self, session: Any, sender: str) -> bool:
        """Whether a session belongs to a device of the one who claims to have sent with it, or to
        ours: we speak for others."""
        own = self._machine.account
        if session.sender_key == own.identity_key:
            return session.signing_key == own.signing_key
        device = await self._machine.get_or_fetch_device_by_key(sender, session.sender_key)
        return device is not None and device.signing_key == session.signing_key


async def _never(*_: Any) -> bool:
    """Keys are given with the messages, to those in the room; nobody gets one by asking."""
    return False


def _settings(content: dict[str, Any]) -> RoomEncryptionStateEventContent:
    """What the Olm machine reads of m.room.encryption; odd numbers count as none."""
    found = {key: content[key] for key in ("rotation_period_ms", "rotation_period_msgs")
             if isinstance(content.get(key), int) and content[key] > 0}
    return RoomEncryptionStateEventContent.deserialize({"algorithm": ALGORITHM, **found})


def _write_private(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
