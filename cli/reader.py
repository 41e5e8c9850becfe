"""A person at a Matrix client: signs in, joins what she is invited to, reads and writes.

The demo and the benchmarks look at the house through this and nothing else, as its users do.
"""
from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from typing import Any
from urllib.parse import quote

import aiohttp

PAGE = 500  # events a request


class ClientError(Exception):
    """The homeserver refused; the text holds its answer."""


class Reader:
    """One signed-in user. Use `async with`."""

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.user_id = user_id
        self._base = f"{url}/_matrix/client"
        self._token = token
        self._txn = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._sums: dict[str, str] = {}
        self._since = ""  # Synapse answers the same request from a cache for two minutes

    async def __aenter__(self) -> Reader:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request below /_matrix/client. Raises ClientError."""
        assert self._session is not None
        async with self._session.request(method, self._base + path, json=body) as answer:
            data = await answer.json()
            if answer.status != 200:
                raise ClientError(f"{method} {path}: {answer.status} {data}")
            return data

    async def join_invited(self) -> dict[str, str]:
        """Join every room that this user is invited to. Returns {room id: name} of the rooms she
        is in, spaces left out."""
        # Only what is needed: no timelines.
        select = '{"room":{"timeline":{"limit":0},"ephemeral":{"not_types":["*"]}}}'
        since = f"&since={quote(self._since)}" if self._since else ""
        answer = await self.call("GET", f"/v3/sync?timeout=0&filter={quote(select)}{since}")
        self._since = answer["next_batch"]
        for room in answer.get("rooms", {}).get("invite", {}):
            await self.call("POST", f"/v3/join/{quote(room)}", {})
        rooms = {}
        for room in (await self.call("GET", "/v3/joined_rooms"))["joined_rooms"]:
            state = await self.call("GET", f"/v3/rooms/{quote(room)}/state")
            found = {event["type"]: event["content"] for event in state
                     if event.get("state_key") == ""}
            if found.get("m.room.create", {}).get("type") != "m.space":
                rooms[room] = found.get("m.room.name", {}).get("name", "")
        return rooms

    async def room_of(self, alias: str) -> str | None:
        """The room that has this alias; None when there is none."""
        try:
            return (await self.call("GET", f"/v3/directory/room/{quote(alias)}"))["room_id"]
        except ClientError:
            return None

    async def events(self, room: str) -> list[dict[str, Any]]:
        """Every event of a room, oldest first."""
        events: list[dict[str, Any]] = []
        start = ""
        while True:
            page = await self.call(
                "GET", f"/v3/rooms/{quote(room)}/messages?dir=f&limit={PAGE}{start}")
            events += page["chunk"]
            if "end" not in page:
                return events
            start = f"&from={quote(page['end'])}"

    async def say(self, room: str, body: str, *, reply_to: str = "") -> str:
        """Write a message. Returns its event id."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": body}
        if reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        txn = f"{time.time_ns()}-{next(self._txn)}"
        path = f"/v3/rooms/{quote(room)}/send/m.room.message/{txn}"
        return (await self.call("PUT", path, content))["event_id"]

    async def file_sum(self, mxc: str) -> str:
        """The SHA-256 of a file of the media repository, in hex; each file is fetched once."""
        if mxc not in self._sums:
            self._sums[mxc] = hashlib.sha256(await self.file(mxc)).hexdigest()
        return self._sums[mxc]

    async def file(self, mxc: str) -> bytes:
        """A file of the media repository."""
        assert self._session is not None
        server, _, media = mxc.removeprefix("mxc://").partition("/")
        url = f"{self._base}/v1/media/download/{quote(server)}/{quote(media)}"
        async with self._session.get(url) as answer:
            if answer.status != 200:
                raise ClientError(f"{mxc}: {answer.status}")
            return await answer.read()

    async def wait_for(self, room: str, wanted: Any, seconds: float) -> dict[str, Any] | None:
        """The first event of a room for which `wanted(event)` holds; None after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            for event in await self.events(room):
                if wanted(event):
                    return event
            if time.monotonic() > end:
                return None
            await asyncio.sleep(0.5)
