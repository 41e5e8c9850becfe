"""The port to Matrix: matrix-nio's paths and its HTTP session, our own reading of the answers.

nio validates every event by JSON schema, which takes most of its time, and stores its sync token
before anybody has stored the events. So the JSON is read here, and the token is the caller's.
"""
from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import aiohttp
import nio

from bot.encryption import Encryption

log = logging.getLogger("daftar.bot")

TIMELINE_LIMIT = 100
PAGE_LIMIT = 500
SYNC_TIMEOUT_MS = 30_000
POWER_KEPT = 60.0  # seconds
CREATOR_POWER = 2**53
ROOM_VERSION = "11"  # as the bridge's: a Synapse that knows no later one will do
ROOM_MARK = "org.daftar.room"  # in m.room.create of rooms that the bot makes
OLD_ROOMS = frozenset(str(version) for version in range(1, 12))  # their creators are in the levels
REQUEST_TIMEOUT = 60  # seconds
PIECE = 256 * 1024  # bytes of a file that are in memory at once
MAX_RESPONSE = 256 * 1024 * 1024  # bytes; a guard for our memory

# Only timelines: state, presence, receipts and account data are of no use here.
_NOTHING = {"not_types": ["*"]}
_FILTER: dict[str, Any] = {
    "presence": _NOTHING,
    "account_data": _NOTHING,
    "room": {
        "timeline": {"limit": TIMELINE_LIMIT, "lazy_load_members": True},
        "state": _NOTHING, "ephemeral": _NOTHING, "account_data": _NOTHING,
    },
}


class MatrixError(Exception):
    """The homeserver refused, or could not be reached (status 0)."""

    def __init__(self, status: int, errcode: str, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(f"{errcode}: {message}" if errcode else message)
        self.status = status
        self.errcode = errcode
        self.retry_after_ms = retry_after_ms

    @property
    def lasting(self) -> bool:
        """True when trying again is of no use."""
        return 400 <= self.status < 500 and self.status not in (401, 408, 429)


@dataclass(frozen=True)
class RoomTimeline:
    """What happened in one room since the last sync, oldest first, as the homeserver gave it."""

    room_id: str
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Invite:
    """An invitation to a room."""

    room_id: str
    inviter: str


@dataclass(frozen=True)
class Batch:
    """One sync: the token that comes after it, and what it brought."""

    token: str
    rooms: list[RoomTimeline] = field(default_factory=list)
    invites: list[Invite] = field(default_factory=list)


class Matrix:
    """The bot's user on its homeserver: one of an appservice's namespace, so there is a token and
    no login; every request names the user (application service API, "Identity assertion")."""

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.user_id = user_id
        self._client = nio.AsyncClient(url.rstrip("/"), user_id)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.encryption: Encryption | None = None  # where no room is encrypted
        self._powers: dict[str, tuple[float, dict[str, Any], frozenset[str]]] = {}
        self._names: dict[tuple[str, str], tuple[float, str]] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        if self.encryption and self.encryption.device:
            self.encryption.stop()

    async def ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """One request below /_matrix/client; {} for a GET of what is not there. Raises
        MatrixError."""
        try:
            return await self._request(method, f"/_matrix/client{path}",
                                       None if body is None else json.dumps(body))
        except MatrixError as error:
            if method == "GET" and error.status == 404:
                return {}
            raise

    # The bot's user

    async def register(self, localpart: str, display_name: str) -> str:
        """Make the bot's user unless there is one, and name it; its Matrix id.

        Client-server API, `POST /register` with `m.login.application_service` (application service
        API, "Server admin style permissions"). Raises MatrixError."""
        body = {"type": "m.login.application_service", "username": localpart,
                "inhibit_login": True}
        try:
            await self._request("POST", "/_matrix/client/v3/register", json.dumps(body),
                                as_user=False)
        except MatrixError as error:
            if error.errcode != "M_USER_IN_USE":
                raise
        user_id = (await self._api(nio.Api.whoami("")))["user_id"]
        profile = await self._api(nio.Api.profile_get(user_id))
        if profile.get("displayname") != display_name:
            await self._api(nio.Api.profile_set_displayname("", user_id, display_name))
        if self.encryption and not self.encryption.device:
            await self.encryption.start()
        return user_id

    # Reading

    async def sync(self, since: str | None, timeout_ms: int = SYNC_TIMEOUT_MS) -> Batch:
        """What happened since the token. Where the homeserver left a gap in a room, it is paged
        back to the token before this returns: nothing is left out. With `since` None only the
        present token and open invitations are fetched. Raises MatrixError."""
        if since is None:
            nothing = {**_FILTER, "room": {**_FILTER["room"], "timeline": {"limit": 1}}}
            # Synapse gives the same answer to the same question for two minutes. A token of two
            # minutes ago would do commands again that an archive since lost had done: ask
            # differently each time. A first sync never waits, whatever its timeout.
            call = nio.Api.sync("", timeout=secrets.randbelow(10**9) + 1, filter=nothing)
        else:
            call = nio.Api.sync("", since=since, timeout=timeout_ms, filter=_FILTER)
        answer = await self._api(call, timeout=REQUEST_TIMEOUT + timeout_ms / 1000)
        if self.encryption:
            await self.encryption.take(answer)
        rooms = answer.get("rooms") or {}
        timelines = []
        for room_id, room in (rooms.get("join") or {}).items() if since is not None else ():
            timeline = room.get("timeline") or {}
            events = timeline.get("events") or []
            if timeline.get("limited") and timeline.get("prev_batch"):
                events = await self._gap(room_id, timeline["prev_batch"], since) + events
            if self.encryption:
                events = [await self.opened(room_id, event) for event in events]
            if events:
                timelines.append(RoomTimeline(room_id, events))
        invites = [
            invite for room_id, room in (rooms.get("invite") or {}).items()
            if (invite := self._invite(room_id, room))]
        return Batch(answer["next_batch"], timelines, invites)

    async def _gap(self, room_id: str, start: str, end: str) -> list[dict[str, Any]]:
        """The events between two tokens, oldest first, also when they are many pages."""
        newest_first: list[dict[str, Any]] = []
        position: str | None = start
        while position:
            page = await self._api(
                nio.Api.room_messages("", room_id, start=position, end=end, limit=PAGE_LIMIT))
            newest_first += page.get("chunk") or []
            if page.get("end") == position or not page.get("chunk"):
                break
            position = page.get("end")
        return newest_first[::-1]

    def _invite(self, room_id: str, room: Mapping[str, Any]) -> Invite | None:
        for event in (room.get("invite_state") or {}).get("events") or []:
            if event.get("type") == "m.room.member" and event.get("state_key") == self.user_id:
                return Invite(room_id, event.get("sender", ""))
        return None

    async def state(self, room_id: str) -> list[dict[str, Any]]:
        """The room's present state; empty when the bot may not see it. Raises MatrixError."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state"
        try:
            raw = await self._raw("GET", path)
        except MatrixError as error:
            if error.lasting:
                return []
            raise
        return raw if isinstance(raw, list) else []

    async def page(self, room_id: str, start: str) -> tuple[list[dict[str, Any]], str | None]:
        """A page of a room's history, oldest first, from its beginning when `start` is empty; the
        events and where the next page begins, None at the end. Raises MatrixError."""
        path = (f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/messages?dir=f"
                f"&limit={PAGE_LIMIT}" + (f"&from={quote(start, safe='')}" if start else ""))
        answer = await self._request("GET", path)
        return answer.get("chunk") or [], answer.get("end")

    async def download(self, mxc: str, into: Path, limit: int) -> int:
        """Write a file of the homeserver's media into a file of ours; its bytes. Raises
        MatrixError, a lasting one when it has more than `limit` bytes."""
        path = _address(f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}",
                        self.user_id)
        try:
            response = await self._client.send(
                "GET", path, None, self._headers, timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=REQUEST_TIMEOUT, sock_read=REQUEST_TIMEOUT))
            async with response:
                if response.status >= 400:
                    raise _error("GET media", response.status, _json_of(await response.read()))
                size = 0
                with into.open("wb") as file:
                    async for piece in response.content.iter_chunked(PIECE):
                        size += len(piece)
                        if size > limit:
                            raise MatrixError(413, "", f"the file has more than {limit} bytes")
                        await asyncio.to_thread(file.write, piece)
                return size
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise MatrixError(0, "", f"the file did not come: {error!r}") from error

    async def event(self, room_id: str, event_id: str) -> dict[str, Any] | None:
        """An event of a room; None when there is none or the bot may not see it."""
        try:
            return await self.opened(
                room_id, await self._api(nio.Api.room_get_event("", room_id, event_id)))
        except MatrixError as error:
            if error.lasting:
                return None
            raise

    async def opened(self, room_id: str, event: dict[str, Any]) -> dict[str, Any]:
        """The event in an encrypted one; the same event when it is none or cannot be read (yet)."""
        return await self.encryption.opened(room_id, event) if self.encryption else event

    async def member(self, room_id: str, user_id: str) -> dict[str, Any] | None:
        """A user's membership in a room (`m.room.member` content); None when there never was."""
        try:
            return await self._api(
                nio.Api.room_get_state_event("", room_id, "m.room.member", user_id))
        except MatrixError as error:
            if error.lasting:
                return None
            raise

    async def is_joined(self, room_id: str, user_id: str) -> bool:
        """Whether the user is in the room now."""
        member = await self.member(room_id, user_id)
        return bool(member and member.get("membership") == "join")

    async def power_of(self, room_id: str, user_id: str) -> int:
        """A user's power level in a room, kept for a minute. A room's creators stand above all
        levels from room version 12 on (MSC4289). Raises MatrixError."""
        now = asyncio.get_running_loop().time()
        at, levels, creators = self._powers.get(room_id, (0.0, {}, frozenset()))
        if not at or now - at > POWER_KEPT:
            levels = await self._state(room_id, "m.room.power_levels")
            creators = _creators(await self._state(room_id, "m.room.create", "?format=event"))
            self._powers[room_id] = (now, levels, creators)
        if user_id in creators:
            return CREATOR_POWER
        users = levels.get("users")
        level = users.get(user_id) if isinstance(users, dict) else None
        level = levels.get("users_default", 0) if level is None else level
        return level if isinstance(level, int) else 0

    async def _state(self, room_id: str, type_: str, query: str = "") -> dict[str, Any]:
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state/{type_}/{query}"
        try:
            return await self._request("GET", path)
        except MatrixError as error:
            if error.status not in (403, 404):
                raise
            return {}

    async def display_name(self, room_id: str, user_id: str) -> str:
        """What the room calls a user; the localpart when it has no name. Kept for ten minutes."""
        now = asyncio.get_running_loop().time()
        known = self._names.get((room_id, user_id))
        if known is None or known[0] < now:
            member = await self.member(room_id, user_id) or {}
            name = member.get("displayname")
            text = name if isinstance(name, str) and name.strip() else user_id[1:].split(":")[0]
            if len(self._names) > 10_000:
                self._names.clear()
            known = self._names[room_id, user_id] = (now + 600, text)
        return known[1]

    async def joined(self, room_id: str) -> dict[str, str]:
        """Who is in a room: Matrix id to display name ("" for none). Raises MatrixError."""
        answer = await self._api(nio.Api.joined_members("", room_id))
        return {user: str(profile.get("display_name") or "")
                for user, profile in (answer.get("joined") or {}).items()}

    async def private_with(self, room_id: str, user_id: str) -> bool:
        """Whether nobody but the bot and this user is in the room."""
        return set(await self.joined(room_id)) == {self.user_id, user_id}

    # Writing

    async def upload(self, room_id: str, data: bytes, mime: str, name: str) -> dict[str, Any]:
        """Put a file into the media repository. Returns what an event of that room says of where it
        is: `url`, or in an encrypted room `file`. Raises MatrixError."""
        keys: dict[str, Any] | None = None
        if self.encryption and await self.encryption.encrypts(room_id):
            data, keys = nio.crypto.encrypt_attachment(data)
            mime, name = "application/octet-stream", "file"
        path = f"/_matrix/media/v3/upload?filename={quote(name, safe='')}"
        uri = (await self._request("POST", path, data, mime=mime))["content_uri"]
        return {"file": {**keys, "url": uri}} if keys else {"url": uri}

    async def create_room(self, mark: str, content: Mapping[str, Any]) -> str:
        """Make a room whose creation says what it is for (`mark`); its id. Raises MatrixError."""
        body = {**content, "room_version": ROOM_VERSION, "creation_content": {ROOM_MARK: mark}}
        return (await self._json("POST", "/_matrix/client/v3/createRoom", body))["room_id"]

    async def room_marked(self, mark: str) -> str | None:
        """The room that the bot made under that mark, among those it is in; asks of each."""
        answer = await self._request("GET", "/_matrix/client/v3/joined_rooms")
        for room_id in answer.get("joined_rooms") or []:
            created = await self._state(room_id, "m.room.create", "?format=event")
            if (created.get("sender") == self.user_id
                    and (created.get("content") or {}).get(ROOM_MARK) == mark):
                return room_id
        return None

    async def invite(self, room_id: str, user_id: str, direct: bool = False) -> None:
        """Invite a user, to a private talk when `direct` (`is_direct` of m.room.member, which only
        the event itself can say). Raises MatrixError."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state/m.room.member/"
        await self._json("PUT", path + quote(user_id, safe=""), {
            "membership": "invite", **({"is_direct": True} if direct else {})})

    async def join(self, room_id: str) -> None:
        """Accept an invitation. Raises MatrixError."""
        method, path = nio.Api.join("", room_id)
        await self._json(method, path, {})

    async def send(self, room_id: str, type_: str, txn_id: str, content: Mapping[str, Any]) -> str:
        """Send an event under a transaction id; its event id. Raises MatrixError."""
        if self.encryption:
            type_, content = await self.encryption.sealed(room_id, type_, content)
        method, path, body = nio.Api.room_send("", room_id, type_, dict(content), txn_id)
        return (await self._request(method, path, body))["event_id"]

    # HTTP

    @property
    def _device(self) -> str:
        return self.encryption.device if self.encryption else ""

    async def _api(self, call: tuple[str, ...], timeout: float = REQUEST_TIMEOUT) -> dict[str, Any]:
        method, path, *body = call
        return await self._request(method, path, body[0] if body else None, timeout)

    async def _json(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._request(method, path, json.dumps(body))

    async def _request(self, method: str, path: str, body: str | bytes | None = None,
                       timeout: float = REQUEST_TIMEOUT, as_user: bool = True, mime: str = ""
                       ) -> dict[str, Any]:
        answer = await self._raw(method, path, body, timeout, as_user, mime)
        if not isinstance(answer, dict):
            raise _error(f"{method} {path.partition('?')[0]}", 200, answer)
        return answer

    async def _raw(self, method: str, path: str, body: str | bytes | None = None,
                   timeout: float = REQUEST_TIMEOUT, as_user: bool = True,
                   mime: str = "") -> Any:
        path = _address(path, self.user_id if as_user else None, self._device)
        headers = {**self._headers, "Content-Type": mime} if mime else self._headers
        try:
            response = await self._client.send(
                method, path, body, headers, timeout=aiohttp.ClientTimeout(total=timeout))
            async with response:
                if (response.content_length or 0) > MAX_RESPONSE:
                    raise MatrixError(0, "", f"the answer to {path} is too large")
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise MatrixError(0, "", f"the homeserver does not answer: {error!r}") from error
        answer = _json_of(raw)
        if response.status >= 400 or answer is None:
            raise _error(f"{method} {path.partition('?')[0]}", response.status, answer)
        return answer


def _creators(created: dict[str, Any]) -> frozenset[str]:
    content = created.get("content") or {}
    if content.get("room_version", "1") in OLD_ROOMS:
        return frozenset()
    more = content.get("additional_creators")
    return frozenset([created.get("sender", ""), *(more if isinstance(more, list) else [])])


def _address(path: str, user_id: str | None, device: str = "") -> str:
    """nio writes the token into the path; ours is in the header, and the two may not be mixed."""
    path, _, query = path.partition("?")
    pairs = [(k, v) for k, v in parse_qsl(query) if k != "access_token"]
    if user_id:
        pairs.append(("user_id", user_id))
    if user_id and device:  # MSC3202, "Identity assertion", and its name before it was accepted
        pairs += [("device_id", device), ("org.matrix.msc3202.device_id", device)]
    return f"{path}?{urlencode(pairs, quote_via=quote)}" if pairs else path


def _json_of(raw: bytes) -> Any:
    """An answer's JSON; None when it is none."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _error(request: str, status: int, answer: Any) -> MatrixError:
    if not isinstance(answer, dict):
        # a proxy in between speaks HTML; 200 without JSON is no answer at all
        return MatrixError(status if status >= 400 else 0, "",
                           f"HTTP {status} without JSON ({request})")
    retry = answer.get("retry_after_ms")
    return MatrixError(status, str(answer.get("errcode", "")),
                       f"{answer.get('error', '')} ({request})",
                       retry if isinstance(retry, int) else 0)
