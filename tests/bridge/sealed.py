"""Somebody of the secretariat at a client that can encrypt (matrix-nio with vodozemac), as Element
would: keys in a store of its own, everything read through /sync."""
from __future__ import annotations

import asyncio
import contextlib
import io
import uuid
from pathlib import Path
from typing import Any

import nio
from nio.crypto import decrypt_attachment

from tests.bridge.town import until

Event = dict[str, Any]


class SealedPerson:
    """One encrypted device of a user."""

    def __init__(self, url: str, user_id: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.id = user_id
        self.client = nio.AsyncClient(
            url, user_id, store_path=str(folder),
            config=nio.AsyncClientConfig(
                store=nio.store.SqliteStore, encryption_enabled=True, store_sync_tokens=False))
        self.seen: dict[str, nio.Event] = {}
        self.rooms: dict[str, list[str]] = {}
        self._held: list[Event] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self, password: str) -> None:
        """Sign in as a new device, and listen from now on."""
        answer = await self.client.login(password, device_name="test")
        assert isinstance(answer, nio.LoginResponse), answer
        await self._sync(full_state=True)
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Listen no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.client.close()

    async def _listen(self) -> None:
        while True:
            await self._sync(timeout=2000)

    async def _sync(self, **more: Any) -> None:
        client = self.client
        answer = await client.sync(**more)
        assert isinstance(answer, nio.SyncResponse), answer
        for room in answer.rooms.invite:
            await client.join(room)
        await client.send_to_device_messages()
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        for room, info in answer.rooms.join.items():
            for event in info.timeline.events:
                self.seen[event.event_id] = event
                self.rooms.setdefault(room, []).append(event.event_id)

    async def knows(self, room: str) -> None:
        """Wait until the client knows that it is in a room, and that the room is encrypted."""
        async def look() -> bool:
            found = self.client.rooms.get(room)
            return bool((found and found.encrypted and found.members_synced) or (found
                        and found.encrypted))

        await until(look)

    async def send(self, room: str, content: Event, kind: str = "m.room.message") -> str:
        """Send an event, encrypted for everybody in the room. Returns its id."""
        answer = await self.client.room_send(room, kind, content, ignore_unverified_devices=True)
        assert isinstance(answer, nio.RoomSendResponse), answer
        return answer.event_id

    async def say(self, room: str, text: str, *, reply_to: str = "", thread: str = "") -> str:
        """Write a message, plain, as a reply or in a thread."""
        content: Event = {"msgtype": "m.text", "body": text}
        if thread:
            content["m.relates_to"] = {
                "rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to,
                "m.in_reply_to": {"event_id": reply_to or thread}}
        elif reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return await self.send(room, content)

    async def read(self, room: str, text: str, sender: str = "") -> nio.Event:
        """Wait for a decrypted message that holds these words."""
        async def look() -> nio.Event | None:
            return next((event for event in map(self.seen.__getitem__, self.rooms.get(room, []))
                         if text in str(getattr(event, "body", "")) and event.decrypted
                         and event.sender.startswith(sender)), None)

        return await until(look)

    def hold_keys(self, room: str) -> None:
        """The next messages into a room have a new key, which is kept back until `give_keys`."""
        olm, held = self.client.olm, self._held
        self.client.invalidate_outbound_session(room)

        async def share(room_id: str, ignore_unverified_devices: bool = False) -> None:
            people = list(self.client.rooms[room_id].users)
            for _, content in olm.share_group_session_parallel(
                    room_id, people, ignore_unverified_devices=ignore_unverified_devices):
                held.append(content)
            olm.outbound_group_sessions[room_id].shared = True

        self.client.share_group_session = share

    async def give_keys(self) -> None:
        """Send the keys that were kept back."""
        del self.client.share_group_session
        for content in self._held:
            await self.client._send(nio.ToDeviceResponse, *nio.Api.to_device(
                self.client.access_token, "m.room.encrypted", content, uuid.uuid4()),
                response_data=(None,))
        self._held.clear()

    async def send_file(self, room: str, data: bytes, name: str, mime: str) -> str:
        """Send a picture, encrypted."""
        answer, keys = await self.client.upload(
            io.BytesIO(data), content_type=mime, filename=name, encrypt=True, filesize=len(data))
        assert isinstance(answer, nio.UploadResponse), answer
        return await self.send(room, {
            "msgtype": "m.image", "body": name, "info": {"mimetype": mime, "size": len(data)},
            "file": {**keys, "url": answer.content_uri, "v": "v2"}})

    async def file(self, event: nio.RoomEncryptedMedia) -> bytes:
        """The file of an encrypted picture."""
        answer = await self.client.download(event.url)
        assert isinstance(answer, nio.DownloadResponse), answer
        return decrypt_attachment(
            answer.body, event.key["k"], event.hashes["sha256"], event.iv)
