"""The port to Matrix: our appservice, on mautrix.

Two things differ from mautrix's own ways. A transaction is stored before it is answered: mautrix
answers 200 and marks a transaction as seen even when its handler raised. And users and memberships
are asked of our archive, not of a state store: who is registered and who is in which room is kept
with the record.
"""
from __future__ import annotations

import asyncio
import logging
import os
import pathlib as files  # Path is mautrix's here: of an address
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientResponse, ClientResponseError, web
from mautrix.api import HTTPAPI, Method, Path
from mautrix.appservice import AppService, AppServiceAPI
from mautrix.appservice.state_store import ASStateStore
from mautrix.client.state_store import MemoryStateStore
from mautrix.errors import (
    CryptoError,
    MatrixConnectionError,
    MatrixRequestError,
    MForbidden,
    MNotFound,
    MRoomInUse,
    MTooLarge,
    MUserInUse,
)

from bridge.sealing import ALGORITHM, CLEAR, SEALED, key_file
from bridge.shown.convert import RECORD_MARK
from bridge.waves import Waves
from bridge.worker import Away, GiveUp, Retry
from config import Config

if TYPE_CHECKING:  # it loads libolm, which few need
    from bridge.encryption import Encryption

log = logging.getLogger("daftar.bridge.matrix")

NOTICE_MARK = "org.daftar.notice"  # of the bridge's own words in a room: the row they come from
BODY_LIMIT = 64 * 1024 * 1024  # a transaction holds up to 100 events of 64 KiB
PIECE = 256 * 1024  # bytes of a file that are held at a time
PAGES = 6  # how far back a late resend looks for its own marks, 100 events a page

# In version 12 the creator's power is not in the power levels; 11 works the same on every Synapse
# since 1.89.
ROOM_VERSION = "11"

# The content of m.room.encryption; sessions are rotated as the spec proposes.
ENCRYPTION = {"algorithm": ALGORITHM, "rotation_period_ms": 604_800_000,
              "rotation_period_msgs": 100}

_TOKEN_REFUSED = ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN")
_PUPPETS_REFUSED = (
    "the homeserver does not know bridge.puppet_token: install the registration puppets.yaml, and "
    "restart homeserver and bridge; until then the ghosts of staff speak")

StoreEvents = Callable[[list[dict[str, Any]]], Awaitable[None]]


class HomeserverError(Exception):
    """The homeserver refused or could not be reached; the text is for a person. `temporary`: worth
    trying again as it is; `away`: it is not there, or does not know us, whatever we ask."""

    def __init__(self, text: str, *, temporary: bool, away: bool = False) -> None:
        super().__init__(text)
        self.temporary = temporary
        self.away = away

    @property
    def too_large(self) -> bool:
        """Is what was sent larger than the homeserver takes?"""
        return isinstance(self.__cause__, MTooLarge)

    def for_lane(self) -> Exception:
        """What the handler of a lane raises for it."""
        kind = Away if self.away else Retry if self.temporary else GiveUp
        return kind(str(self))


class FileTooLarge(Exception):
    """A file has more bytes than are wanted; the text says how many are announced."""


async def _pieces(path: files.Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


async def _receive(response: ClientResponse, path: files.Path, limit: int) -> None:
    size = response.content_length or 0
    with path.open("wb") as file:
        async for piece in response.content.iter_chunked(PIECE):
            size = max(size, file.tell() + len(piece))
            if size > limit:
                raise FileTooLarge(size)
            await asyncio.to_thread(file.write, piece)


class _StateStore(ASStateStore, MemoryStateStore):
    """mautrix wants one; ours stays empty because `Homeserver` keeps no state in memory."""

    def __init__(self) -> None:
        ASStateStore.__init__(self)
        MemoryStateStore.__init__(self)


class _AppService(AppService):
    """mautrix's appservice, but a transaction is stored before it is answered."""

    store_events: StoreEvents
    take: Callable[[dict[str, Any]], Awaitable[None]]  # what else a transaction holds
    refused_at = -60.0  # monotonic seconds: when a wrong token was last told of

    def _check_token(self, request: web.Request) -> bool:
        known = super()._check_token(request)
        if not known and time.monotonic() - self.refused_at >= 60:
            self.refused_at = time.monotonic()
            log.error("the homeserver, or somebody in its place, shows another token than "
                      "bridge.hs_token; nothing is taken from it. Install the registration that "
                      "`daftar init` wrote, and restart the homeserver")
        return known

    async def _http_handle_transaction(self, request: web.Request) -> web.Response:
        _, data = await self._read_transaction_header(request)
        events = data.get("events") if isinstance(data, dict) else None
        if not isinstance(events, list):
            return web.json_response({"errcode": "M_BAD_JSON", "error": "no events"}, status=400)
        try:
            await self.take(data)
            await self.store_events([event for event in events if isinstance(event, dict)])
        except Exception:
            # Not stored: the homeserver keeps the transaction and sends it again.
            log.exception("a transaction of the homeserver could not be stored; it will come again")
            return web.json_response(
                {"errcode": "M_UNKNOWN", "error": "not stored, send again"}, status=500)
        return web.json_response({})


class Homeserver:
    """What the bridge asks of Matrix. `user` arguments are full Matrix ids; None is the bridge's
    own user. Methods raise HomeserverError."""

    def __init__(self, config: Config, store_events: StoreEvents) -> None:
        self.config = config
        self.domain = config.homeserver.name
        self.bot_id = config.user_id(config.bridge.bot)
        self._service = _AppService(
            server=config.homeserver.url, domain=self.domain, as_token=config.bridge.as_token,
            hs_token=config.bridge.hs_token, bot_localpart=config.bridge.bot, id=config.bridge.id,
            state_store=_StateStore(), aiohttp_params={"client_max_size": BODY_LIMIT},
            default_http_retry_count=0, log=logging.getLogger("daftar.mautrix"),
        )
        self._service.store_events = store_events
        self._service.take = self._take
        self.on_ephemeral: Callable[[dict[str, Any]], None] | None = None  # who types, who reads
        self.encryption: Encryption | None = None  # where no room is encrypted
        self._ready = asyncio.Event()
        self._waves = Waves()
        self.is_puppet: Callable[[str], bool] = lambda user: False  # of staff: who is spoken for
        self._puppets: AppServiceAPI | None = None  # with bridge.puppet_token, when it is known
        self.failures = 0  # how often the homeserver was found to be away
        logging.getLogger("daftar.mautrix").setLevel(logging.WARNING)

    async def start(self) -> None:
        """Listen for the homeserver's transactions, and register our own user."""
        bridge = self.config.bridge
        try:
            await self._service.start(bridge.host, bridge.port)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise HomeserverError(
                f"bridge.port: cannot listen on {bridge.host}:{bridge.port} ({reason}): "
                "another program uses it; stop that one or choose another port",
                temporary=False) from error
        await self.register(self.bot_id)
        if self.config.bridge.encrypted or key_file(self.config.data).exists():
            await self._start_encryption()
        await self._start_puppets()
        self._ready.set()

    async def call_again(self) -> None:
        """Have what waits for us handed over now. A homeserver that found us away tries again by
        itself, but Synapse waits up to 8.5 minutes between two tries, and holds back meanwhile
        also what is written after we came; being asked to ping us (Matrix 1.7) ends that."""
        try:
            await self.request(
                Method.POST, Path.v1.appservice[self.config.bridge.id].ping, {})
        except HomeserverError as error:
            log.warning("the homeserver was asked to call this bridge, and says: %s. Messages of "
                        "staff may come late, or not at all; `daftar check` says more", error)

    async def stop(self) -> None:
        """Stop listening and close connections."""
        await self._service.stop()
        self._ready.clear()
        if self.encryption:
            await self.encryption.stop()

    # Staff who are spoken for

    async def _start_puppets(self) -> None:
        """See whether we may speak as members of staff (a second registration, whose token acts
        for users who are not the appservice's own)."""
        token = self.config.bridge.puppet_token
        if not token:
            return
        logger = logging.getLogger("daftar.mautrix")
        api = AppServiceAPI(
            base_url=self.config.homeserver.url, bot_mxid=self.bot_id, token=token, log=logger,
            client_session=self._service.http_session, default_retry_count=0)
        try:
            await api.request(Method.GET, Path.v3.account.whoami)
        except MatrixRequestError as error:
            if getattr(error, "errcode", "") not in _TOKEN_REFUSED:
                raise self._explain(error) from error
            log.error(_PUPPETS_REFUSED)
            return
        except (TimeoutError, MatrixConnectionError, ClientError, OSError) as error:
            raise self._away(error) from error
        self._puppets = api

    @property
    def puppets(self) -> bool:
        """May we speak as members of staff?"""
        return self._puppets is not None

    def speaks_as(self, user: str) -> bool:
        """A user as whom events can be sent: the bridge's own, or a member of staff who has linked
        a number."""
        return self.is_ours(user) or (self.puppets and self.is_puppet(user))

    # Encrypted rooms

    async def _start_encryption(self) -> None:
        try:
            from bridge.encryption import Encryption
        except ImportError as error:
            raise HomeserverError(
                f"bridge.encrypted: {error.name} is not installed, and has no package for this "
                "Python; encrypted rooms need Python 3.11 or 3.12 (docs/encryption.md)",
                temporary=False) from error
        api = self._service.intent.api
        sender = HTTPAPI(api.base_url, api.token, client_session=api.session,
                         default_retry_count=0)
        answer = await self._asking(sender.request(Method.GET, Path.v3.account.whoami))
        if answer["user_id"] == self.bot_id:
            raise HomeserverError(
                "bridge.encrypted: the homeserver keeps keys from an appservice's own sender; set "
                f"sender_localpart: {self.config.bridge.sender} in the bridge's registration, as "
                "`daftar init` writes it now (docs/encryption.md), and restart it", temporary=True)
        self.encryption = Encryption(self.config.data, self.bot_id, api, self._readers)
        try:
            await self._asking(self.encryption.start())
        except HomeserverError as error:
            if not isinstance(error.__cause__, MNotFound):
                raise
            raise HomeserverError(
                "bridge.encrypted: the homeserver gives the bridge no device; install the "
                "registration that `daftar init` writes now (docs/encryption.md), and restart it",
                temporary=True) from error

    async def _asking(self, answer: Awaitable[Any]) -> Any:
        """What mautrix's own methods give, with our errors."""
        try:
            return await answer
        except MatrixRequestError as error:
            raise self._explain(error) from error
        except CryptoError as error:
            raise HomeserverError(f"it cannot be encrypted: {error}", temporary=True) from error
        except (TimeoutError, MatrixConnectionError, ClientError, OSError) as error:
            raise self._away(error) from error

    async def _take(self, transaction: dict[str, Any]) -> None:
        """Keys and the like, before the messages that need them."""
        if not self._ready.is_set():
            async with asyncio.timeout(60):
                await self._ready.wait()
        if self.encryption:
            await self._asking(self.encryption.take(transaction, self.is_ours))
        signs = transaction.get("ephemeral", transaction.get("de.sorunome.msc2409.ephemeral"))
        for event in signs if isinstance(signs, list) and self.on_ephemeral else ():
            if isinstance(event, dict):
                self.on_ephemeral(event)

    async def _readers(self, room: str) -> list[str]:
        """Who reads in a room with devices of their own: joined or invited, and no ghost."""
        answer = await self.request(Method.GET, Path.v3.rooms[room].members,
                                    query={"not_membership": "leave"})
        return [event["state_key"] for event in answer.get("chunk", [])
                if event.get("content", {}).get("membership") in ("join", "invite")
                and not self.is_ours(event["state_key"])]

    def encrypts(self, room: str) -> bool:
        """Whether what is sent into a room is encrypted."""
        return self.encryption is not None and self.encryption.covers(room)

    async def set_encrypted(self, room: str) -> None:
        """Encrypt a room, for ever. Does nothing when it is encrypted already."""
        if self.encryption is None or self.encryption.covers(room):
            return
        stands = await self.state(room, "m.room.encryption")
        await self.encryption.note(room, stands or ENCRYPTION)
        if not stands:
            await self.set_state(room, "m.room.encryption", ENCRYPTION)

    async def learn_encryption(self, room: str) -> None:
        """Ask a room whether it is encrypted, unless it is known to be: somebody may have done that
        before we came in, or we ourselves, with keys that are lost."""
        if self.encryption and not self.encryption.covers(room):
            stands = await self.state(room, "m.room.encryption")
            if stands.get("algorithm") == ALGORITHM:
                await self.encryption.note(room, stands)

    async def opened(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event in an m.room.encrypted event; the event itself where nothing is encrypted.
        Raises KeyMissing, Unreadable and HomeserverError."""
        if self.encryption is None:
            return event
        await self.learn_encryption(event["room_id"])
        return await self._asking(self.encryption.decrypt(event))

    async def request(self, method: Method, path: Any, content: Any = None, *,
                      user: str | None = None, at: int | None = None,
                      query: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request to the homeserver as `user`; `at` is a timestamp in Unix milliseconds
        (spec: appservice timestamp massaging). Raises HomeserverError."""
        api = self._service.intent.api.user(user or self.bot_id)
        as_staff = user is not None and not self.is_ours(user)
        if as_staff:
            if self._puppets is None:
                raise HomeserverError(f"the homeserver does not let the bridge speak as {user}",
                                      temporary=True)
            api = self._puppets.user(user)
        try:
            return await api.request(method, path, content, timestamp=at, query_params=query)
        except MatrixRequestError as error:
            if as_staff and getattr(error, "errcode", "") in _TOKEN_REFUSED:
                self._puppets = None  # from now on their ghosts speak
                log.error(_PUPPETS_REFUSED)
                raise HomeserverError(_PUPPETS_REFUSED, temporary=True) from error
            raise self._explain(error) from error
        except (TimeoutError, MatrixConnectionError, ClientError, OSError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> HomeserverError:
        self.failures += 1
        return HomeserverError(
            f"the homeserver at {self.config.homeserver.url} cannot be reached: {error}",
            temporary=True, away=True)

    def _explain(self, error: MatrixRequestError) -> HomeserverError:
        status = getattr(error, "http_status", 0)
        code = getattr(error, "errcode", "") or ""
        if status in (401, 403) and code in _TOKEN_REFUSED:
            return HomeserverError(
                "the homeserver does not know bridge.as_token: install the registration that "
                "`daftar init` wrote, and restart the homeserver", temporary=True, away=True)
        away = status in (502, 503, 504)  # said by a proxy before it
        self.failures += away
        temporary = status >= 500 or status == 429
        return HomeserverError(f"the homeserver refused: {code} {error}".strip(),
                               temporary=temporary, away=away)

    async def versions(self) -> None:
        """Whether the homeserver is there. Raises HomeserverError."""
        await self.request(Method.GET, Path.versions)

    async def register(self, user: str) -> None:
        """Make sure that a user of our namespace exists."""
        localpart = user[1:].partition(":")[0]
        try:  # who is not there yet cannot ask: the appservice itself does
            await self._asking(self._service.intent.api.request(
                Method.POST, Path.v3.register,
                {"type": "m.login.application_service", "username": localpart,
                 "inhibit_login": True}, query_params={"kind": "user"}))
        except HomeserverError as error:
            if not isinstance(error.__cause__, MUserInUse):
                raise

    async def send(self, room: str, event_type: str, content: dict[str, Any], txn_id: str, *,
                   user: str | None = None, at: int | None = None) -> str:
        """Send an event; the same txn_id again gives the same event. Returns its event id."""
        if self.encrypts(room) and event_type not in CLEAR:
            assert self.encryption is not None
            content = await self._asking(self.encryption.encrypt(room, event_type, content))
            event_type = SEALED
        async with self._waves.place():
            answer = await self.request(
                Method.PUT, Path.v3.rooms[room].send[event_type][txn_id], content, user=user, at=at)
        return answer["event_id"]

    async def redact(self, room: str, event_id: str, txn_id: str, *, user: str | None = None,
                     reason: str = "") -> str:
        """Redact an event. Returns the redaction's event id."""
        answer = await self.request(
            Method.PUT, Path.v3.rooms[room].redact[event_id][txn_id],
            {"reason": reason} if reason else {}, user=user)
        return answer["event_id"]

    async def state(self, room: str, event_type: str, state_key: str = "") -> dict[str, Any]:
        """The content of a room's state event; empty when there is none."""
        try:
            return await self.request(
                Method.GET, Path.v3.rooms[room].state[event_type][state_key])
        except HomeserverError as error:
            if isinstance(error.__cause__, MNotFound):
                return {}
            raise

    async def set_state(self, room: str, event_type: str, content: dict[str, Any],
                        state_key: str = "") -> None:
        """Set a room's state event."""
        await self.request(
            Method.PUT, Path.v3.rooms[room].state[event_type][state_key], content)

    async def upload(self, data: bytes | files.Path, mime: str, name: str) -> str:
        """Upload a file, given as its bytes or its path, to the media repository. Returns its mxc:
        URI."""
        try:
            if isinstance(data, bytes):
                return await self._service.intent.upload_media(data, mime, filename=name)
            return await self._service.intent.upload_media(
                _pieces(data), mime, filename=name, size=data.stat().st_size)
        except MatrixRequestError as error:
            raise self._explain(error) from error
        except (TimeoutError, MatrixConnectionError, ClientError, OSError) as error:
            raise self._away(error) from error

    async def download(self, mxc: str, path: files.Path, limit: int) -> None:
        """Fetch a file from the media repository into `path`, piece by piece. Raises FileTooLarge
        as soon as it has more than `limit` bytes."""
        api = self._service.intent.api
        try:
            async with api.session.get(
                    api.get_download_url(mxc, authenticated=True),
                    headers={"Authorization": f"Bearer {api.token}"}) as response:
                response.raise_for_status()
                await _receive(response, path, limit)
        except MatrixRequestError as error:
            raise self._explain(error) from error
        except ClientResponseError as error:
            raise HomeserverError(
                f"the file {mxc} cannot be fetched: {error.status} {error.message}",
                temporary=error.status >= 500 or error.status == 429) from error
        except ValueError as error:
            raise HomeserverError(f"{mxc} is not the address of a file", temporary=False) from error
        except (TimeoutError, MatrixConnectionError, ClientError, OSError) as error:
            raise HomeserverError(f"the file {mxc} cannot be fetched: {error}",
                                  temporary=True) from error

    async def set_profile(self, user: str, name: str | None, avatar: str | None) -> None:
        """Set a user's display name and, when given, avatar (mxc: URI)."""
        if name is not None:
            await self.request(Method.PUT, Path.v3.profile[user].displayname,
                               {"displayname": name}, user=user)
        if avatar is not None:
            await self.request(Method.PUT, Path.v3.profile[user].avatar_url,
                               {"avatar_url": avatar}, user=user)

    async def display_name(self, user: str) -> str:
        """A user's display name; the localpart when there is none."""
        localpart = user[1:].partition(":")[0]
        try:
            answer = await self.request(Method.GET, Path.v3.profile[user].displayname)
        except HomeserverError as error:
            if error.temporary:
                raise
            return localpart
        return str(answer.get("displayname") or localpart)

    async def join(self, room: str, user: str) -> None:
        """Bring a user of ours into an invite-only room: invited by the bridge, then joined."""
        try:
            await self.request(Method.POST, Path.v3.rooms[room].invite, {"user_id": user})
        except HomeserverError as error:
            if not isinstance(error.__cause__, MForbidden):  # forbidden: is in the room already
                raise
        await self.request(Method.POST, Path.v3.join[room], {}, user=user)

    async def invite(self, room: str, user: str) -> None:
        """Invite somebody; it is no mistake when they are there already."""
        try:
            await self.request(Method.POST, Path.v3.rooms[room].invite, {"user_id": user})
        except HomeserverError as error:
            if not isinstance(error.__cause__, MForbidden):
                raise

    async def kick(self, room: str, user: str, reason: str) -> None:
        """Take somebody out of a room; it is no mistake when they are not there."""
        try:
            await self.request(Method.POST, Path.v3.rooms[room].kick,
                               {"user_id": user, "reason": reason})
        except HomeserverError as error:
            if not isinstance(error.__cause__, MForbidden):
                raise

    async def unban(self, room: str, user: str) -> None:
        """Let somebody in again; it is no mistake when they are not banned."""
        try:
            await self.request(Method.POST, Path.v3.rooms[room].unban, {"user_id": user})
        except HomeserverError as error:
            if not isinstance(error.__cause__, MForbidden):
                raise

    async def leave(self, room: str, user: str, reason: str) -> None:
        """A user of ours leaves a room; it is no mistake when it is not there."""
        try:
            await self.request(Method.POST, Path.v3.rooms[room].leave, {"reason": reason},
                               user=user)
        except HomeserverError as error:
            if not isinstance(error.__cause__, MForbidden):
                raise

    async def enter(self, room: str) -> str:
        """Our own user goes into a room (id or alias) to which it was invited. Returns its id."""
        answer = await self.request(Method.POST, Path.v3.join[room], {})
        return str(answer["room_id"])

    async def create_room(self, alias: str, content: dict[str, Any]) -> str:
        """Create a room under an alias of ours, or find the one that has it: a crash between
        creating a room and noting it must not leave two. A found room may be half made, so its
        state is set and its people are invited again. Returns the room id."""
        try:
            answer = await self.request(
                Method.POST, Path.v3.createRoom,
                {**content, "room_version": ROOM_VERSION, "room_alias_name": alias})
            return answer["room_id"]
        except HomeserverError as error:
            if not isinstance(error.__cause__, MRoomInUse):
                raise
            answer = await self.request(
                Method.GET, Path.v3.directory.room[f"#{alias}:{self.domain}"])
        room = answer["room_id"]
        await self._complete(room, content)
        return room

    async def _complete(self, room: str, content: dict[str, Any]) -> None:
        power = await self.request(
            Method.GET, Path.v3.rooms[room].state["m.room.power_levels"][""])
        state = [
            *content.get("initial_state", []),
            *({"type": f"m.room.{key}", "content": {key: content[key]}}
              for key in ("name", "topic") if key in content),
            {"type": "m.room.power_levels",
             "content": {**power, **content.get("power_level_content_override", {})}},
        ]
        for item in state:
            await self.set_state(room, item["type"], item["content"], item.get("state_key", ""))
        for user in content.get("invite", []):
            await self.invite(room, user)

    def is_ours(self, user: str) -> bool:
        """A ghost, or the bridge itself."""
        return user == self.bot_id or user.startswith("@" + self.config.bridge.ghost_prefix)

    async def event(self, room: str, event_id: str) -> dict[str, Any] | None:
        """One event as our own user sees it; None when there is none."""
        try:
            return await self.request(Method.GET, Path.v3.rooms[room].event[event_id])
        except HomeserverError as error:
            if isinstance(error.__cause__, MNotFound):
                return None
            raise

    async def page(self, room: str, place: str | None, limit: int, only: str
                   ) -> tuple[list[dict[str, Any]], str | None]:
        """Events of a room behind `place` (None: its beginning), oldest first, and the place behind
        them; None for that when there is nothing more. `only`: a filter (spec: RoomEventFilter)."""
        query = {"dir": "f", "limit": str(limit), "filter": only,
                 **({"from": place} if place else {})}
        answer = await self.request(Method.GET, Path.v3.rooms[room].messages, query=query)
        events = [event for event in answer.get("chunk", []) if isinstance(event, dict)]
        return events, answer.get("end")

    async def end(self, room: str) -> str:
        """The place behind everything in a room, for `page`."""
        answer = await self.request(Method.GET, Path.v3.rooms[room].messages,
                                    query={"dir": "b", "limit": "1"})
        return str(answer["start"])

    async def marks(self, room: str, known: Callable[[int], bool]
                    ) -> dict[tuple[int | str, int], str]:
        """The records and notices of ours whose events stand at the end of a room: (record id or
        the notice's key, part) → event id.

        After a crash the last events may have been sent and not noted. The homeserver remembers a
        transaction id for half an hour only, so the room itself is asked. Reading stops at a mark
        that `known` says is in our books.
        """
        found: dict[tuple[int | str, int], str] = {}
        token: str | None = None
        for _ in range(PAGES):
            query = {"dir": "b", "limit": "100", **({"from": token} if token else {})}
            page = await self.request(Method.GET, Path.v3.rooms[room].messages, query=query)
            for event in page.get("chunk", []):
                if not self.speaks_as(event.get("sender", "")):
                    continue
                notice = event.get("content", {}).get(NOTICE_MARK)
                if isinstance(notice, str):
                    found[(notice, 0)] = event["event_id"]
                mark = event.get("content", {}).get(RECORD_MARK)
                if isinstance(mark, int):
                    if known(mark):
                        return found
                    part = event["content"].get(RECORD_MARK + ".part", 0)
                    found[(mark, part)] = event["event_id"]
            token = page.get("end")
            if not token:
                break
        return found
