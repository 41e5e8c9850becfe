"""The child process: owns the WhatsApp library, journals what it hands over, serves the parent.

Never imports waproto: the real neonize must be the first to be loaded here (library.load).
"""
from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bridge.link import (
    EXIT_CLEAN,
    EXIT_JOURNAL,
    EXIT_LIBRARY,
    EXIT_LOCKED,
    EXIT_RETRY,
    EXIT_UNSCANNED,
    MESSAGE,
    RECEIPT,
    RESTING,
    UNDECRYPTABLE,
    direct,
    frames,
    library,
    private,
)
from bridge.link.calls import Calls
from bridge.link.journal import Journal, JournalError
from bridge.steps import reached

log = logging.getLogger("daftar.bridge")

WINDOW = 64  # deliveries on their way to the bridge; the rest waits in the journal
HEARTBEAT = 5.0  # seconds between signs of life in the journal
FLUSH = 1.0  # seconds an acknowledged row may stay
QUIET = 0.3  # seconds without a callback after which none is to come
STOP_LIMIT = 12.0  # seconds a stop may take before the process ends itself
SILENT = "WhatsApp does not answer; trying on"
OUTDATED = "WhatsApp no longer accepts this version of its library: update Daftar"
SIGNS_WAITING = 1 << 20  # bytes on their way to the bridge, behind which signs are dropped
PHONE_SEEN = 600.0  # seconds between two signs of the own phone that are handed on
THREADS = 16  # one is neonize's for good; a send, four transfers and small calls share the rest


class Child:
    """One run of the child: run() returns the exit code (bridge.link.EXIT_…)."""

    def __init__(self, device_name: str, pipe: socket.socket, lock_wait: float, *,
                 only_chosen: bool = False) -> None:
        self._device_name = device_name
        self._socket = pipe
        self._lock_wait = lock_wait
        self._chosen: frozenset[str] | None = frozenset() if only_chosen else None  # None: all
        self._direct = direct.Rules()  # until the parent says: none
        self._told = asyncio.Event()  # which chats are chosen
        self._ended: asyncio.Future[int]
        self._state = ("", "")
        self._tasks: set[asyncio.Task[None]] = set()
        self._paired = False  # there is a linked device, so WhatsApp may hand us messages
        self._sent = 0  # the newest seq on its way to the bridge
        self._wake_lock = threading.Lock()
        self._woken = False
        self._busy_at = 0.0  # monotonic time of the latest callback
        self._in_callback = False
        self._phone_seen = -PHONE_SEEN  # monotonic time of the phone's last sign handed on
        self._silent = False  # WhatsApp did not answer the library's last ping

    async def run(self) -> int:
        """Live until the parent says stop, the pipe closes or there is nothing to go on with."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "library"))
        self._ended = self._loop.create_future()
        sys.setswitchinterval(0.001)  # a callback of Go waits for the interpreter: not for long
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        # drain() then waits until the kernel has every byte: what has been said survives kill -9.
        self._writer.transport.set_write_buffer_limits(high=0)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, EXIT_CLEAN)
        code = await self._prepare()
        if code is not None:
            await self._drain()
            return code
        for work in (self._read, self._beat, self._flush, self._connect):
            self._spawn(work())
        try:
            code = await self._ended
            await self._shut_down()
        except sqlite3.Error as error:
            log.error("the journal cannot be written: %s", error)
            return EXIT_JOURNAL
        return code

    # Beginning

    async def _prepare(self) -> int | None:
        """Lock, journal, library; an exit code when one of them is not to be had."""
        self._lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not await self._take_lock():
            self._set_state("failed", "another process already uses this WhatsApp session "
                            f"({Path.cwd()}): stop it first")
            return EXIT_LOCKED
        try:
            self._journal = Journal(Path("journal.sqlite").absolute())
            unclean = self._journal.recall(_now())
        except JournalError as error:
            self._set_state("disconnected", str(error))
            return EXIT_JOURNAL
        self._sent = self._journal.acknowledged
        self._set_state("starting", "", unclean=unclean)
        self._pump()
        try:
            self._library = library.load(private=self._chosen is not None)
        except library.LibraryError as error:
            log.error("%s", error)
            self._set_state("failed", str(error))
            self._journal.close(clean=False)
            return EXIT_LIBRARY
        self._client = self._make_client()
        self._calls = Calls(self._library, self._client, self)
        return None

    async def _take_lock(self) -> bool:
        deadline = time.monotonic() + self._lock_wait
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
            await asyncio.sleep(0.1)

    def _make_client(self) -> Any:
        """The neonize client with our hands on every way it has of telling us something."""
        props = self._library.client.DeviceProps
        client = self._library.client.NewAClient(
            library.SESSION,
            props=props(os=self._device_name, platformType=props.CHROME, requireFullSync=False))
        client.event.list_func = dict.fromkeys(library.SUBSCRIBED, _nothing)
        client.event.execute = self._on_event
        client.event.qr(self._on_qr)
        # neonize keeps the end of pairing to itself: a method that does nothing.
        client._NewAClient__onLoginStatus = self._on_login_status
        return client

    async def _connect(self) -> None:
        """Connect, and stay: neonize's call returns when the connection is given up for good."""
        try:
            self._paired = library.open_session(Path(library.SESSION))
        except (OSError, sqlite3.Error) as error:
            self._set_state("failed", f"the session {Path(library.SESSION).absolute()} cannot be "
                            f"read ({error}): move it away and link the phone again")
            return
        await self._told.wait()  # what came before could not be told from what is private
        if self._paired:
            self._journal.running(_now())
        try:
            await (await self._client.connect())
        except Exception as error:
            self._set_state("disconnected", f"WhatsApp cannot be reached: {error}")
        self._end(EXIT_RETRY)

    # What the library says; the three _on_ functions run in Go's threads (the QR one excepted)

    def _on_event(self, _uuid: bytes, binary: int, size: int, code: int) -> None:
        """Called by Go. An exception would vanish here, with the message: so the process ends."""
        self._in_callback = True
        try:
            body = ctypes.string_at(binary, size)
            if self._chosen is not None and not self._is_chosen(code, body):
                if code in library.SIGNALS:
                    self._loop.call_soon_threadsafe(self._on_signal, code, body)
            elif (mine := self._without_private(code, body)) is None:
                if code == MESSAGE and (sign := private.sign(self._library, body)) and \
                        self._of_phone(sign):
                    self._journal.append(RECEIPT, sign, _now(), None)
                    self._wake()
            elif code in library.JOURNALLED or (code == RECEIPT and self._of_phone(body)):
                reached("link1-before-journal")
                mine = private.bare(self._library, mine) if code == RECEIPT else mine
                self._journal.append(code, mine, _now(), self._sent_at(code, body))
                reached("link1-journalled")
                self._wake()
            elif code in library.PASSING:
                self._loop.call_soon_threadsafe(self._pass_on, code, body)
            else:
                self._loop.call_soon_threadsafe(self._on_signal, code, body)
            if self._silent and code not in library.SIGNALS:
                self._loop.call_soon_threadsafe(self._heard)
        except BaseException as error:
            os.write(2, f"a WhatsApp event was not written to the journal: {error!r}\n".encode())
            os._exit(EXIT_JOURNAL)
        finally:
            self._busy_at = time.monotonic()
            self._in_callback = False

    def _without_private(self, code: int, body: bytes) -> bytes | None:
        return private.without(self._library, self._direct, code, body) \
            if code in private.CODES else body

    def _is_chosen(self, code: int, body: bytes) -> bool:
        """On somebody's own number: is this a message of a chat that is bridged? All else there is
        private; it is dropped here, before anything is written."""
        assert self._chosen is not None
        kinds = {MESSAGE: self._library.pb.Message,
                 UNDECRYPTABLE: self._library.pb.UndecryptableMessage}
        if code not in kinds:
            return False
        try:
            chat = kinds[code].FromString(body).Info.MessageSource.Chat
        except self._library.DecodeError:
            return False
        return f"{chat.User}@{chat.Server}" in self._chosen

    def _of_phone(self, body: bytes) -> bool:
        """Whether a receipt is a sign of the own phone that is worth telling. The phone is device
        0 of our account; what it reads and plays, every linked device hears of."""
        if time.monotonic() - self._phone_seen < PHONE_SEEN:
            return False
        try:
            source = self._library.pb.Receipt.FromString(body).MessageSource
        except self._library.DecodeError:
            return False
        if not source.IsFromMe or source.Sender.Device:
            return False
        self._phone_seen = time.monotonic()
        return True

    def _sent_at(self, code: int, body: bytes) -> int | None:
        """When a message was sent (ms), for the journal's sense of how far behind we are."""
        if code != MESSAGE:
            return None
        try:
            stamp: int = self._library.pb.Message.FromString(body).Info.Timestamp
        except self._library.DecodeError:
            return None  # kept all the same: the archive stores what cannot be read, too
        return stamp if stamp > 10**11 else stamp * 1000  # neonize gives ms for messages

    async def _on_qr(self, _client: Any, code: bytes) -> None:
        self._set_state("qr", code.decode())

    def _on_login_status(self, _uuid: int, status: int) -> None:
        self._loop.call_soon_threadsafe(self._pairing_ended, ctypes.string_at(status).decode())

    def _pairing_ended(self, status: str) -> None:
        """`status` is whatsmeow's QRChannelItem.Event: success, timeout, error, err-…"""
        if status == "success":
            self._paired = True
            self._journal.running(_now())
            self._set_state("starting", "linked; logging in")
        elif status == "timeout":
            self._set_state("disconnected", "the code was not scanned in time")
            self._end(EXIT_UNSCANNED)
        elif status == "err-client-outdated":
            self._set_state("outdated", OUTDATED)
        else:
            self._set_state("disconnected", f"linking the phone failed ({status})")
            self._end(EXIT_UNSCANNED)

    def _pass_on(self, code: int, body: bytes) -> None:
        """A receipt, or somebody types: for the moment only, and never in the way of a message."""
        if self._writer.transport.get_write_buffer_size() < SIGNS_WAITING:
            self._writer.write(frames.encode("sign", {"code": code}, body))

    def _on_signal(self, code: int, body: bytes) -> None:
        """An event that carries no content: the link's state follows it."""
        pb = self._library.pb
        match code:
            case library.CONNECTED | library.KEEPALIVE_RESTORED:
                self._spawn(self._connected())
            case library.KEEPALIVE_TIMEOUT:
                self._silent = True
                self._set_state("disconnected", SILENT)
            case library.DISCONNECTED:
                self._set_state("disconnected", "the connection to WhatsApp broke; reconnecting")
            case library.STREAM_ERROR:
                error = pb.StreamError.FromString(body).Code
                self._set_state("disconnected", f"WhatsApp ended the connection (error {error})")
            case library.CONNECT_FAILURE:
                failure = pb.ConnectFailure.FromString(body)
                reason = library.reason_name(self._library, failure.Reason)
                self._set_state("disconnected", "WhatsApp refused the connection: "
                                f"{reason} {failure.Message}".rstrip())
                if reason not in ("internal server error", "service unavailable"):
                    self._end(EXIT_RETRY)  # whatsmeow tries again only after those two
            case library.LOGGED_OUT:
                reason = library.reason_name(self._library, pb.LoggedOut.FromString(body).Reason)
                self._set_state("logged_out", f"the phone unlinked this device ({reason}): "
                                "link it again")
            case library.STREAM_REPLACED:
                self._set_state("replaced", "another process uses this WhatsApp session; "
                                "stop it, then link again")
            case library.TEMPORARY_BAN:
                ban = pb.TemporaryBan.FromString(body)
                reason = pb.TemporaryBan.TempBanReason.Name(ban.Code).lower().replace("_", " ")
                self._set_state("banned", f"WhatsApp has blocked this number for a time: {reason}",
                                until=_ban_end(ban.Expire))
            case library.CLIENT_OUTDATED:
                self._set_state("outdated", OUTDATED)

    def _heard(self) -> None:
        """Something came from WhatsApp after a ping without an answer: the connection lives. The
        library itself says so only when a later ping is answered, up to half a minute on."""
        if self._silent and self._state == ("disconnected", SILENT):
            self._spawn(self._connected())
        self._silent = False

    async def _connected(self) -> None:
        self._silent = False
        account = await self._client.get_me()
        me = account.JID
        self._set_state("connected", f"{me.User}@{me.Server}", lid=str(account.LID.User))
        await self._calls.announce()

    # The parent

    @property
    def connected(self) -> bool:
        """Whether WhatsApp is there for a send."""
        return self._state[0] == "connected"

    @property
    def at_qr(self) -> bool:
        """Whether a phone may be linked now."""
        return self._state[0] == "qr"

    async def say(self, kind: str, head: dict[str, Any], body: bytes = b"") -> None:
        """Write one frame; returns when the kernel has it, so that the parent gets it for sure."""
        self._writer.write(frames.encode(kind, head, body))
        await self._drain()

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            if not self._ended.done():
                self._end(EXIT_CLEAN)  # the parent is gone

    def logged_out(self) -> None:
        """The parent asked for the log-out; the library says nothing about its own."""
        self._paired = False
        self._set_state("logged_out", "unlinked on request")

    def give_up(self, detail: str) -> None:
        """The library hangs: end the process, the parent starts a new one."""
        self._set_state("disconnected", detail)
        self._end(EXIT_RETRY)

    def _set_state(self, state: str, detail: str, unclean: tuple[int, int] | None = None,
                   until: int = 0, lid: str = "") -> None:
        if self._state[0] in RESTING or (state, detail) == self._state:
            return  # "disconnected" follows every refusal and would hide it
        self._state = (state, detail)
        self._writer.write(frames.encode("state", {"state": state, "detail": detail,
                                                   "since": _now(), "unclean": unclean,
                                                   "until": until, "lid": lid}))

    def _wake(self) -> None:
        """From any thread: there is something new to deliver."""
        with self._wake_lock:
            if self._woken:
                return
            self._woken = True
        self._loop.call_soon_threadsafe(self._pump)

    def _pump(self) -> None:
        """Send what the window allows, oldest first."""
        with self._wake_lock:
            self._woken = False
        room = WINDOW - (self._sent - self._journal.acknowledged)
        if room <= 0 or self._sent == self._journal.last:
            return
        for item in self._journal.after(self._sent, room):
            try:
                self._writer.write(frames.encode(
                    "event", {"seq": item.seq, "code": item.code, "at": item.at}, item.body))
            except frames.FrameError as error:
                self._set_state("failed", f"WhatsApp event {item.seq} stays in the journal and "
                                f"holds up all that follow: {error}")
                return
            self._sent = item.seq
            reached("link1-handed-over")

    async def _read(self) -> None:
        """Serve the parent until it goes away; a lost pipe means a dead parent: stop."""
        decoder = frames.Decoder()
        try:
            while data := await self._reader.read(1 << 18):
                for frame in decoder.feed(data):
                    self._serve(frame)
        except ConnectionError:
            log.warning("the bridge is gone; stopping")
        self._end(EXIT_CLEAN)

    def _serve(self, frame: frames.Frame) -> None:
        match frame.kind:
            case "ack":
                self._journal.acknowledge(frame.head["seq"])
                self._pump()
            case "gap_stored":
                self._journal.gap_stored()
            case "chats" if self._chosen is not None:
                self._chosen = frozenset(frame.head["jids"])
                self._told.set()
            case "direct" if self._chosen is None:
                self._direct = direct.Rules.read(frame.head)
                self._told.set()
            case "call":
                self._spawn(self._calls.serve(frame))
            case "stop":
                self._end(EXIT_CLEAN)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self._paired:
                self._journal.beat(_now())

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            self._journal.flush()

    # End

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._check)

    def _check(self, task: asyncio.Task[None]) -> None:
        """A task that failed ends the process: its parent starts a better one."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() and not self._ended.done():
            self._ended.set_exception(task.exception())

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)

    async def _shut_down(self) -> None:
        """Disconnect, wait until Go's channel is empty, close the journal as clean."""
        watchdog = threading.Timer(STOP_LIMIT, os._exit, (EXIT_RETRY,))  # then it was not clean
        watchdog.daemon = True
        watchdog.start()
        await self._calls.finish()
        binder = self._library.binder.gocode
        await asyncio.to_thread(binder.Disconnect, self._client.uuid)
        self._busy_at = time.monotonic()
        while True:
            await asyncio.sleep(0.05)
            if not self._in_callback and time.monotonic() - self._busy_at >= QUIET:
                break
        await asyncio.to_thread(binder.Stop, self._client.uuid)
        self._journal.close(clean=True)
        await self._drain()
        watchdog.cancel()


async def _nothing(_client: Any, _event: Any) -> None:
    """neonize subscribes to the events that have a handler; ours is _on_event."""


def _ban_end(expire: int) -> int:
    """Unix ms when a ban ends; 0 when it has no end. WhatsApp gives seconds from now; whatsmeow
    makes a duration of them, which Go counts in nanoseconds."""
    seconds = expire / 1e9 if expire >= 1e9 else expire
    return _now() + int(seconds * 1000) if expire > 0 else 0


def _now() -> int:
    return time.time_ns() // 1_000_000
