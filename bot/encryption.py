"""The bot's device in encrypted rooms: matrix-nio's Olm machine (vodozemac), driven by the bot's
own sync, so that a token is stored only when the keys that came with it are."""
from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nio
from nio.crypto import Olm
from nio.events.to_device import EncryptedToDeviceEvent, ToDeviceEvent
from nio.store import SqliteStore

from bot.identity import Identity

log = logging.getLogger("daftar.bot.encryption")

ALGORITHM = "m.megolm.v1.aes-sha2"
SEALED = "m.room.encrypted"
CLEAR = ("m.reaction", "m.room.redaction")  # never encrypted: the homeserver must know their target
DEVICE_NAME = "Daftar"
_PICKLE = "daftar"  # the files' mode protects the keys; a password beside them would not
_MARKS = "org.daftar."

Event = dict[str, Any]
# (method, path below /_matrix/client, body) → the answer. Raises MatrixError.
Ask = Callable[[str, str, Any], Awaitable[dict[str, Any]]]


class Encryption:
    """Keys, sessions, and which rooms are encrypted. Methods that ask the homeserver raise
    MatrixError."""

    def __init__(self, folder: Path, user_id: str, bridge: str, ghosts: str, ask: Ask) -> None:
        """`bridge`: the bridge's own user, whose device encrypts for those whose ids begin with
        `ghosts`."""
        self._folder = folder
        self._user = user_id
        self._bridge = bridge
        self._ghosts = ghosts
        self._ask = ask
        self._rooms: dict[str, bool] = {}
        self._sending = asyncio.Lock()
        self.device = ""

    @staticmethod
    def file(data: Path) -> Path:
        """Where the keys are, below the data folder."""
        return data / "keys" / "bot.db"

    # Life

    async def start(self) -> None:
        """Open the keys and make the device, unless it is there (MSC4190). Every step may be
        repeated."""
        path = self.file(self._folder)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        name = path.with_name("bot-device")
        if not name.exists():
            name.with_suffix(".new").write_text(secrets.token_hex(5).upper())
            name.with_suffix(".new").replace(name)
        device = name.read_text()
        logging.getLogger("nio").setLevel(logging.ERROR)  # what matters we say ourselves
        self._store = SqliteStore(self._user, device, str(path.parent), _PICKLE, path.name)
        self._olm = Olm(self._user, device, self._store)
        await self._ask("PUT", f"/v3/devices/{device}", {"display_name": DEVICE_NAME})
        self.device = device  # from here on requests are made as it
        answer = await self._ask("POST", "/v3/keys/query", {"device_keys": {self._user: []}})
        if self.device not in (answer.get("device_keys") or {}).get(self._user, {}):
            self._olm.account.shared = False
        await self._upload()
        identity = Identity(path.with_name("bot-identity.json"), self._user)
        await identity.sign(self.device, self._ask)

    def stop(self) -> None:
        """Close the keys."""
        self._store.database.close()

    # What a sync brings

    async def take(self, answer: Mapping[str, Any]) -> None:
        """Keys, changed devices and used one-time keys of a sync."""
        changed = (answer.get("device_lists") or {}).get("changed") or []
        if users := {user for user in changed if user in self._olm.tracked_users}:
            self._olm.add_changed_users(users)
        events = (answer.get("to_device") or {}).get("events") or []
        for event in events:
            self._to_device(event)
        counts = answer.get("device_one_time_keys_count") or {}
        self._olm.uploaded_key_count = counts.get("signed_curve25519", 0)
        if self._olm.uploaded_key_count < self._olm.account.max_one_time_keys // 2:
            await self._upload()
        await self._unwedge()
        for room_id, room in ((answer.get("rooms") or {}).get("join") or {}).items():
            self.watch(room_id, (room.get("timeline") or {}).get("events") or [])

    def watch(self, room_id: str, events: list[Event]) -> None:
        """Rooms that become encrypted; a session ends where somebody comes or goes."""
        for event in events:
            if event.get("type") == "m.room.encryption" and "state_key" in event:
                self._rooms[room_id] = True
            elif event.get("type") == "m.room.member" and not self._is_ghost(event["state_key"]):
                self._olm.outbound_group_sessions.pop(room_id, None)

    def _is_ghost(self, user: str) -> bool:
        return user.startswith(self._ghosts)

    def _to_device(self, raw: Event) -> None:
        try:
            event = ToDeviceEvent.parse_event(raw)
            if isinstance(event, EncryptedToDeviceEvent):
                self._olm.handle_to_device_event(event)
        except Exception as error:  # somebody else's fault; no repetition helps
            log.warning("what was sent to our device cannot be read: %r", error)

    async def _upload(self) -> None:
        if not self._olm.should_upload_keys:
            return
        content = self._olm.share_keys()
        self._olm.save_account()  # a key whose private half died with us would be of no use
        answer = await self._ask("POST", "/v3/keys/upload", content)
        counts = answer.get("one_time_key_counts") or {}
        self._olm.handle_response(nio.KeysUploadResponse(
            counts.get("curve25519", 0), counts.get("signed_curve25519", 0)))

    async def _unwedge(self) -> None:
        """A new Olm session with devices whose messages could not be read, and word to them."""
        if self._olm.wedged_devices:
            await self._claim(self._olm.get_users_for_key_claiming())
        for message in list(self._olm.outgoing_to_device_messages):
            await self._ask("PUT", f"/v3/sendToDevice/{message.type}/{secrets.token_hex(8)}",
                            message.as_dict())
            self._olm.handle_response(nio.ToDeviceResponse(message))

    # Reading

    async def opened(self, room_id: str, event: Event) -> Event:
        """The event that an encrypted one holds; the same event when it is none, or cannot be read
        (yet)."""
        content = event.get("content")
        if event.get("type") != SEALED or not isinstance(content, dict):
            return event
        session = next((sessions[content.get("session_id")] for sessions in
                        list(self._olm.inbound_group_store[room_id].values())
                        if content.get("session_id") in sessions), None)
        if session is None:
            return event
        try:
            text, index = session.decrypt(content["ciphertext"])
            held = json.loads(text)
        except Exception as error:  # vodozemac has a class for every fault
            log.warning("event %s cannot be decrypted: %r", event.get("event_id"), error)
            return event
        place = (session.sender_key, session.id, index)
        first = self._olm.message_index_store.setdefault(place, event.get("event_id"))
        if first != event.get("event_id") or not isinstance(held, dict) or \
                held.get("room_id") != room_id or not isinstance(held.get("content"), dict) or \
                not isinstance(held.get("type"), str) or \
                not await self._is_of(session, str(event.get("sender"))):
            log.warning("event %s is not what it claims to be; it is not read",
                        event.get("event_id"))
            return event
        outside = {key: value for key, value in content.items() if key == "m.relates_to"}
        return {**event, "type": held["type"], "content": {**outside, **held["content"]}}

    async def _is_of(self, session: Any, sender: str) -> bool:
        """Whether a session belongs to a device of the one who claims to have sent with it, or of
        the bridge: it speaks for ghosts, and for staff who have linked their own number."""
        if session.sender_key == self._olm.account.identity_keys["curve25519"]:
            return sender == self._user
        owners = list({self._bridge, sender} - {sender if self._is_ghost(sender) else ""})
        for fresh in (False, True):
            if fresh:
                await self._query(owners)
            for owner in owners:
                for device in self._olm.device_store.active_user_devices(owner):
                    if device.curve25519 == session.sender_key:
                        return device.ed25519 == session.ed25519
        return False

    # Writing

    async def sealed(self, room_id: str, type_: str, content: Mapping[str, Any]
                     ) -> tuple[str, dict[str, Any]]:
        """(type, content) of what is sent instead of an event: the same where the room is not
        encrypted. Relations and our own marks stay readable beside the ciphertext."""
        if type_ in CLEAR or not await self.encrypts(room_id):
            return type_, dict(content)
        hidden = {key: value for key, value in content.items() if key != "m.relates_to"}
        async with self._sending:
            if self._olm.users_for_key_query:
                await self._query(list(self._olm.users_for_key_query))
            while self._olm.should_share_group_session(room_id):
                await self._share(room_id)
            found = self._olm.group_encrypt(room_id, {"type": type_, "content": hidden})
        beside = {key: value for key, value in content.items() if key == "m.relates_to"
                  or (key.startswith(_MARKS) and isinstance(value, int | str))}
        return SEALED, {**found, **beside}

    async def encrypts(self, room_id: str) -> bool:
        """Asked once a room; from then on the timeline says when it changes."""
        if room_id not in self._rooms:
            answer = await self._ask(
                "GET", f"/v3/rooms/{quote(room_id, safe='')}/state/m.room.encryption/", None)
            self._rooms[room_id] = answer.get("algorithm") == ALGORITHM
        return self._rooms[room_id]

    async def _share(self, room_id: str) -> None:
        """A new session, for the devices of everybody who is in the room or invited."""
        answer = await self._ask(
            "GET", f"/v3/rooms/{quote(room_id, safe='')}/members?not_membership=leave", None)
        users = [event["state_key"] for event in answer.get("chunk") or []
                 if event["content"].get("membership") in ("join", "invite")
                 and not self._is_ghost(event["state_key"])]
        if unknown := [user for user in users if user not in self._olm.tracked_users]:
            await self._query(unknown)
        if missing := self._olm.get_missing_sessions(users):
            await self._claim(missing)
        self._olm.create_outbound_group_session(room_id)
        session = self._olm.outbound_group_sessions[room_id]
        for people, content in self._olm.share_group_session_parallel(
                room_id, users, ignore_unverified_devices=True):
            await self._ask("PUT", f"/v3/sendToDevice/{SEALED}/{secrets.token_hex(8)}", content)
            session.users_shared_with.update(people)
        session.shared = True

    async def _query(self, users: list[str]) -> None:
        answer = await self._ask(
            "POST", "/v3/keys/query", {"device_keys": {user: [] for user in users}})
        response = nio.KeysQueryResponse(answer.get("device_keys") or {}, {})
        self._olm.handle_response(response)
        self._olm.users_for_key_query.difference_update(users)
        self._olm.tracked_users.update(users)
        if response.changed:  # who has a new device must read, who lost one must not
            self._olm.outbound_group_sessions.clear()

    async def _claim(self, devices: Mapping[str, Any]) -> None:
        wanted = {user: dict.fromkeys(names, "signed_curve25519")
                  for user, names in devices.items()}
        answer = await self._ask("POST", "/v3/keys/claim", {"one_time_keys": wanted})
        self._olm.handle_response(nio.KeysClaimResponse(answer.get("one_time_keys") or {}, {}))
