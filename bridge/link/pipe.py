"""The parent's end of the pipe to one child: frames in and out, calls and their answers."""
from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.link import LinkError, LinkUnsure, frames

log = logging.getLogger("daftar.bridge")


@dataclass
class _Call:
    answer: asyncio.Future[tuple[dict[str, Any], bytes]]
    begun: bool = False  # the child has handed the message to the library


class Pipe(asyncio.Protocol):
    """One child's pipe. Without callbacks and unopened, it swallows what is said."""

    def __init__(self, on_event: Callable[[frames.Frame, Pipe], None] | None = None,
                 on_state: Callable[[frames.Frame, Pipe], None] | None = None,
                 on_sign: Callable[[frames.Frame, Pipe], None] | None = None) -> None:
        self._handlers = {"event": on_event, "state": on_state, "sign": on_sign}
        self._decoder = frames.Decoder()
        self._transport: asyncio.WriteTransport | None = None
        self._rest: socket.socket | None = None
        self._calls: dict[int, _Call] = {}
        self._numbers = itertools.count(1)

    async def open(self, end: socket.socket) -> None:
        """Talk over `end`, a Unix socket, which becomes the pipe's own."""
        self._rest = end.dup()
        self._rest.setblocking(False)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_unix_connection(lambda: self, sock=end)

    def close(self) -> None:
        """The child is dead: read what it still said, then end every call that waits."""
        if self._transport is not None:
            self._transport.abort()
        self._transport = None
        if self._rest is not None:
            self._read_rest(self._rest)
            self._rest.close()
        self._rest = None
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(
                    LinkUnsure("the WhatsApp process died while sending: the message may have left")
                    if call.begun else LinkError("the WhatsApp process ended before it did this"))
        self._calls.clear()

    def _read_rest(self, end: socket.socket) -> None:
        # asyncio drops unread bytes when a write fails first; the kernel still has them, and
        # whether a message was begun must not be guessed.
        try:
            while data := end.recv(1 << 18):
                self.data_received(data)
        except (BlockingIOError, ConnectionError):
            pass  # nothing is left

    def say(self, kind: str, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Write a frame; a dead child does not hear it, and close() deals with that."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frames.encode(kind, dict(head), body))

    async def call(self, method: str, head: Mapping[str, Any],
                   body: bytes) -> tuple[dict[str, Any], bytes]:
        """Ask the child; its answer. LinkError, or LinkUnsure for a send of unknown end."""
        if self._transport is None or self._transport.is_closing():
            raise LinkError("the WhatsApp process is not running")
        number = next(self._numbers)
        call = _Call(asyncio.get_running_loop().create_future())
        try:
            frame = frames.encode("call", {"id": number, "method": method, **head}, body)
        except frames.FrameError as error:
            raise LinkError(str(error)) from error
        self._calls[number] = call
        try:
            self._transport.write(frame)
            return await call.answer
        finally:
            self._calls.pop(number, None)

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol: bytes from the child."""
        try:
            for frame in self._decoder.feed(data):
                self._receive(frame)
        except frames.FrameError as error:
            log.error("%s; ending the WhatsApp process", error)
            if self._transport is not None:
                self._transport.abort()  # the child stops when its pipe closes

    def _receive(self, frame: frames.Frame) -> None:
        if handler := self._handlers.get(frame.kind):
            handler(frame, self)
        elif call := self._calls.get(frame.head.get("id", 0)):
            if frame.kind == "begun":
                call.begun = True
            elif not call.answer.done():
                if "ok" in frame.head:
                    call.answer.set_result((frame.head["ok"], frame.body))
                else:
                    kind = LinkUnsure if frame.head["error"] == "unsure" else LinkError
                    call.answer.set_exception(kind(frame.head["text"]))
