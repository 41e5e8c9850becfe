"""The bridge's side of a link: starts the child, keeps it running, hands on what it says."""
from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.link import (
    EXIT_CLEAN,
    EXIT_JOURNAL,
    EXIT_LIBRARY,
    EXIT_LOCKED,
    EXIT_RETRY,
    EXIT_UNSCANNED,
    RESTING,
    Delivery,
    LinkDown,
    LinkError,
    LinkRefused,
    LinkState,
    LinkUnsure,
    Sent,
    frames,
)
from bridge.link.direct import Rules
from bridge.link.pipe import Pipe
from waproto import e2e, neonize_pb2

__all__ = ["Delivery", "Link", "LinkError", "LinkState", "LinkUnsure", "Sent"]

log = logging.getLogger("daftar.bridge")

BACKOFF = 0.25  # seconds before the first restart; doubles
BACKOFF_LIMIT = 60.0
STABLE = 30.0  # seconds a child lives after which its end is no part of a series
STOP_LIMIT = 15.0  # seconds a child gets to stop by itself
QR_ROUNDS = 5  # times codes are shown (160 s each) before the link waits for a person
LOG_LIMIT = 1 << 20  # bytes of link.log before it is put aside
CALL_LIMIT = 120.0  # seconds a call may take in the child, transfers excepted
RETRY_LIMIT = 30.0  # seconds between tries of an on_event that fails


class Link:
    """One WhatsApp account.

    `folder` holds the session, the journal and link.log (mode 700, created when missing).
    `environment` is added to this process's for the child. `on_event` is called strictly one after
    another in journal order; the journal row goes when it has returned, and while it raises it is
    called again with the same delivery. `on_state` is called for every change of state; one that
    carries `unclean` is repeated until it returns. `chats` gives the JIDs of the chats that may be
    taken from; without it all groups may, and of direct chats those that `direct` chooses.
    """

    def __init__(self, folder: Path, device_name: str, environment: Mapping[str, str],
                 on_event: Callable[[Delivery], Awaitable[None]],
                 on_state: Callable[[LinkState], Awaitable[None]], *,
                 chats: Callable[[], Awaitable[list[str]]] | None = None,
                 direct: Callable[[], Awaitable[Rules]] | None = None) -> None:
        self._folder = folder.absolute()
        self._device_name = device_name
        self._environment = dict(environment)
        self._on_event = on_event
        self._on_state = on_state
        self._chats = chats
        self._direct = direct
        # Called with RECEIPT or CHAT_PRESENCE and its body, as it comes; must return at once.
        self.on_sign: Callable[[int, bytes], None] | None = None
        self.state = LinkState("starting", "", _now())
        self._changed = asyncio.Condition()
        self._states: asyncio.Queue[tuple[LinkState, Pipe | None]] = asyncio.Queue()
        self._deliveries: asyncio.Queue[tuple[Delivery, Pipe]] = asyncio.Queue()
        self._stored = 0  # the newest seq that on_event has taken
        self._process: asyncio.subprocess.Process | None = None
        self._pipe: Pipe | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._again = asyncio.Event()  # a person wants a resting link to try again

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the child and go on keeping it alive; returns at once."""
        if self._tasks:
            raise LinkError("the link is running already")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._stopping = False
        self._tasks = [asyncio.create_task(work()) for work in
                       (self._supervise, self._deliver, self._report)]

    async def stop(self) -> None:
        """Stop the child cleanly (no gap) and wait for it; an on_event under way is finished."""
        if not self._tasks:
            return
        supervisor, deliverer, reporter = self._tasks
        self._stopping = True
        self._again.set()
        self._deliveries.put_nowait((Delivery(0, 0, 0, b""), Pipe()))  # the end of the line
        await asyncio.wait({deliverer}, timeout=STOP_LIMIT)
        while not supervisor.done():  # it may just be starting a child
            await self._end_child()
            await asyncio.wait({supervisor}, timeout=0.1)
        reporter.cancel()
        deliverer.cancel()
        await asyncio.gather(supervisor, deliverer, reporter, return_exceptions=True)
        self._tasks = []

    async def relink(self) -> None:
        """Start the child anew: after a state in which the link rests, or for a new QR code."""
        if not self._tasks:
            raise LinkError("the link is not running")
        self._again.set()
        await self._end_child()

    async def choose(self) -> None:
        """Tell the child anew of which chats it may take anything."""
        if self._pipe is not None:
            try:
                if self._chats is not None:
                    self._pipe.say("chats", {"jids": await self._chats()})
                else:
                    rules = await self._direct() if self._direct else Rules()
                    self._pipe.say("direct", rules.head())
            except Exception:  # the archive: without an answer the child would wait for ever
                log.exception("it cannot be read which chats are bridged; the link starts again")
                self._pipe.say("stop", {})

    # What a bridge asks of WhatsApp

    async def send(self, chat_jid: str, message: e2e.Message) -> Sent:
        """Send `message`; messages leave in the order of the calls.

        LinkError: it was not sent. LinkUnsure: it may have been (no answer in time, or the child
        died with it in hand).
        """
        head, _ = await self._call("send", {"chat": chat_jid}, message.SerializeToString(),
                                   limit=None)
        return Sent(head["message_id"], head["timestamp"])

    async def upload(self, file: bytes | Path, kind: str) -> neonize_pb2.UploadResponse:
        """Encrypt and upload a file, given as its bytes or its absolute path; `kind`: image, video,
        audio, document or sticker."""
        head, data = ({"kind": kind}, file) if isinstance(file, bytes) else \
            ({"kind": kind, "path": str(file)}, b"")
        _, body = await self._call("upload", head, data, limit=None)
        return neonize_pb2.UploadResponse.FromString(body)

    async def download(self, message: e2e.Message, path: Path) -> None:
        """Fetch and decrypt the file of a message into the file at `path` (absolute)."""
        await self._call("download", {"path": str(path)}, message.SerializeToString(), limit=None)

    async def groups(self) -> list[neonize_pb2.GroupInfo]:
        """Every group the account is in."""
        _, body = await self._call("groups")
        return list(neonize_pb2.GetJoinedGroupsReturnFunction.FromString(body).Group)

    async def group(self, jid: str) -> neonize_pb2.GroupInfo:
        """One group's name, topic and members."""
        return neonize_pb2.GroupInfo.FromString((await self._call("group", {"jid": jid}))[1])

    async def picture(self, jid: str) -> bytes | None:
        """The picture of a person or a group; None when there is none or it is hidden."""
        head, body = await self._call("picture", {"jid": jid})
        return body if head["found"] else None

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str]) -> None:
        """Tell the sender that messages were read."""
        if ids:
            await self._call("mark_read", {"chat": chat, "sender": sender, "ids": list(ids)})

    async def change_member(self, chat: str, member: str, change: str) -> None:
        """Add, remove, promote or demote a member of a group. Raises LinkRefused with the code for
        the person (403: only a link lets them in; 408: they left lately; 409: in the group already;
        404: not on WhatsApp, or not in the group), or `whole` for the question as such."""
        head, _ = await self._call(
            "change_member", {"chat": chat, "member": member, "change": change})
        self._refused(head)

    async def name_group(self, chat: str, name: str) -> None:
        """Give a group another name. Raises LinkRefused."""
        self._refused((await self._call("name_group", {"chat": chat, "text": name}))[0])

    async def describe_group(self, chat: str, text: str) -> None:
        """Give a group another description; "" takes it away. Raises LinkRefused."""
        self._refused((await self._call("describe_group", {"chat": chat, "text": text}))[0])

    async def picture_group(self, chat: str, jpeg: bytes) -> None:
        """Give a group another picture. Raises LinkRefused."""
        self._refused((await self._call("picture_group", {"chat": chat}, jpeg))[0])

    @staticmethod
    def _refused(head: dict[str, Any]) -> None:
        if head.get("code"):
            raise LinkRefused(head["text"], head["code"], whole=head["whole"])

    async def typing(self, chat: str, on: bool) -> None:
        """Let a group see that the account types, or does not any more."""
        await self._call("typing", {"chat": chat, "on": on})

    async def online(self, on: bool) -> None:
        """Show the account as online or not; while it is, WhatsApp says who types."""
        await self._call("online", {"on": on})

    async def logout(self) -> None:
        """Unlink this device; the session is gone, relink() shows a new code."""
        await self._call("logout")

    async def pair_code(self, phone: str) -> str:
        """A code to type on the phone with number `phone` (+923007001001) instead of a QR scan."""
        digits = "".join(c for c in phone if c not in " +-()")
        if not (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15
                and digits[0] != "0"):
            raise LinkError(f"{phone!r} is no phone number with country code, like +923007001001")
        if self.state.state == "connected":
            raise LinkError("a phone is linked already: log out first")
        if self.state.state in RESTING:
            await self.relink()
        try:
            async with asyncio.timeout(CALL_LIMIT):
                await self._wait_for("qr")
        except TimeoutError:
            raise LinkError("WhatsApp gave no code to link a phone with: "
                            f"{self.state.detail or self.state.state}") from None
        code: str = (await self._call("pair_code", {"phone": digits}))[0]["code"]
        return code

    async def _call(self, method: str, head: Mapping[str, Any] | None = None, body: bytes = b"",
                    limit: float | None = CALL_LIMIT) -> tuple[dict[str, Any], bytes]:
        if self._pipe is None or self._stopping:
            raise self._refusal("the WhatsApp process is not running")
        call = self._pipe.call(method, head or {}, body)
        try:
            async with asyncio.timeout(limit):
                return await call
        except TimeoutError:
            raise LinkError(f"WhatsApp did not answer ({method}) within {limit:.0f} s") from None
        except LinkError as error:
            raise self._refusal(str(error)) from error

    def _refusal(self, text: str) -> LinkError:
        down = self.state.state in ("starting", "disconnected")
        return LinkDown(text) if down else LinkError(text)

    async def _wait_for(self, state: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.state.state == state)

    # The child

    async def _supervise(self) -> None:
        failures = unscanned = 0
        while not self._stopping:
            self._again.clear()
            started = time.monotonic()
            code = await self._run_child()
            if self._stopping:
                break
            if self._again.is_set():
                failures = unscanned = 0
                continue
            unscanned = unscanned + 1 if code == EXIT_UNSCANNED else 0
            if unscanned == QR_ROUNDS:
                self._note("logged_out", "nobody scanned the code: ask for a new one")
            if self.state.state in RESTING:
                await self._again.wait()
                failures = unscanned = 0
                continue
            failures = 0 if time.monotonic() - started > STABLE else failures
            delay = min(BACKOFF * 2 ** min(failures, 20), BACKOFF_LIMIT)
            failures += 1
            if code not in (EXIT_RETRY, EXIT_UNSCANNED):  # these said why themselves
                self._note("disconnected", self._obituary(code))
            log.warning("the WhatsApp process ended (%s); starting it again in %.2f s", code, delay)
            with contextlib.suppress(TimeoutError):  # unless a person is quicker
                async with asyncio.timeout(delay):
                    await self._again.wait()

    async def _run_child(self) -> int:
        """One life of the child; its exit code, negative for a signal."""
        ours, theirs = socket.socketpair()
        pipe = Pipe(self._take_delivery, self._take_state, self._take_sign)
        try:
            with theirs, self._open_log() as output:
                await pipe.open(ours)
                self._process = await asyncio.create_subprocess_exec(
                    *self._command(theirs.fileno()), cwd=self._folder,
                    env=self._child_environment(),
                    pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, stdout=output,
                    stderr=output, start_new_session=True)  # Ctrl-C is for us; we stop it in order
        except OSError as error:
            pipe.close()
            self._note("disconnected", f"the WhatsApp process cannot be started: {error}")
            return EXIT_RETRY
        self._pipe = pipe
        await self.choose()
        code = await self._process.wait()
        self._pipe = None
        pipe.close()
        return code

    async def _end_child(self) -> None:
        """Ask the child to stop; kill it when it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if self._pipe is not None:
            self._pipe.say("stop", {})
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await process.wait()
        except TimeoutError:
            log.error("the WhatsApp process did not stop in %.0f s; killing it", STOP_LIMIT)
            process.kill()

    def _command(self, fd: int) -> list[str]:
        return [sys.executable, "-P", "-m", "bridge.link", "--folder", str(self._folder),
                "--device-name", self._device_name, "--fd", str(fd),
                *(["--only-chosen"] if self._chats is not None else [])]

    def _child_environment(self) -> dict[str, str]:
        environment = {**os.environ, **self._environment, "NEONIZE_BOT_TAG": "off"}
        # What the environment names comes first: it may hold another copy of the library.
        paths = [environment.get("PYTHONPATH", ""), str(Path(__file__).resolve().parents[2])]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return environment

    def _open_log(self) -> Any:
        path = self._folder / "link.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _obituary(self, code: int) -> str:
        """One sentence about a child that ended without one."""
        if code < 0:
            how = f"was killed by signal {-code}"
        elif code == EXIT_JOURNAL:
            how = (f"cannot write its journal in {self._folder}: see that the disk is not full and "
                   "the file is whole")
        elif code in (EXIT_CLEAN, EXIT_LIBRARY, EXIT_LOCKED):
            how = "ended"
        else:
            how = f"crashed (exit code {code}; see {self._folder / 'link.log'})"
        return f"the WhatsApp process {how}; starting it again"

    # What the child says

    def _take_delivery(self, frame: frames.Frame, pipe: Pipe) -> None:
        head = frame.head
        self._deliveries.put_nowait(
            (Delivery(head["seq"], head["code"], head["at"], frame.body), pipe))

    def _take_state(self, frame: frames.Frame, pipe: Pipe) -> None:
        head = frame.head
        unclean = (head["unclean"][0], head["unclean"][1]) if head["unclean"] else None
        self._change(LinkState(head["state"], head["detail"], head["since"], unclean,
                               head.get("until", 0), head.get("lid", "")), pipe)

    def _take_sign(self, frame: frames.Frame, _pipe: Pipe) -> None:
        if self.on_sign is not None:
            self.on_sign(frame.head["code"], frame.body)

    def _note(self, state: str, detail: str) -> None:
        self._change(LinkState(state, detail, _now()), None)

    def _change(self, state: LinkState, pipe: Pipe | None) -> None:
        self.state = state
        self._states.put_nowait((state, pipe))

    async def _deliver(self) -> None:
        """Hand deliveries to the bridge, one after another; never skip one that fails."""
        while True:
            delivery, pipe = await self._deliveries.get()
            if delivery.seq == 0:
                return
            # A seq is never used twice: what a new child repeats has been stored already.
            if delivery.seq > self._stored and not await self._store(delivery):
                continue
            self._stored = max(self._stored, delivery.seq)
            pipe.say("ack", {"seq": delivery.seq})

    async def _store(self, delivery: Delivery) -> bool:
        """True when the bridge has it; False when the link stops before."""
        delay = 0.5
        while not self._stopping:
            try:
                await self._on_event(delivery)
                return True
            except Exception:
                log.exception("WhatsApp event %d could not be stored; trying again in %.1f s",
                              delivery.seq, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, RETRY_LIMIT)
        return False

    async def _report(self) -> None:
        while True:
            state, pipe = await self._states.get()
            async with self._changed:
                self._changed.notify_all()
            try:
                await self._on_state(state)
            except Exception:
                log.exception("the link's state %s could not be handled", state.state)
                if state.unclean is not None:
                    await asyncio.sleep(1)
                    self._states.put_nowait((state, pipe))  # a gap must be written down
                continue
            if state.unclean is not None and pipe is not None:
                pipe.say("gap_stored", {})


def _now() -> int:
    return time.time_ns() // 1_000_000
