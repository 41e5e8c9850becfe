"""One client's connection: handshake, login or pairing, then its stanzas in order."""
from __future__ import annotations

import asyncio
import base64
import logging
import os
import time
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from emulator import iq
from emulator.crypto import SignalError
from emulator.model import EmulatorError
from emulator.nodes import SERVER, Node, NodeError, decode, encode
from emulator.noise import Channel, Frames, Handshake, NoiseError

if TYPE_CHECKING:
    from emulator.device import Device
    from emulator.server import Emulator
    from waproto import wa6

log = logging.getLogger("daftar.emulator")

QR_CODES = 6  # shown one after the other, for three minutes in all
_CHUNK = 256 << 10
_SILENT = ("ib", "call")


class ClientSession:
    """A connection. `device` is None while the client is not linked yet; `active` once it has
    asked for what it missed."""

    def __init__(
        self, emulator: Emulator, socket: web.WebSocketResponse,
        transport: asyncio.BaseTransport | None = None,
    ) -> None:
        self.device: Device | None = None
        self.active = False
        self.refs: list[str] = []
        self.noise = b""
        self._emulator, self._socket = emulator, socket
        self._channel: Channel | None = None
        self._outbox: list[bytes] = []
        self._filled = asyncio.Event()
        self._transport = transport
        self._broken = False

    def __repr__(self) -> str:
        return str(self.device.jid) if self.device else "a client that is not linked"

    # -- sending ----------------------------------------------------------------------------------

    def send(self, node: Node) -> None:
        """Sends a stanza after all that were sent before."""
        self.send_encoded(encode(node))

    def send_encoded(self, data: bytes) -> None:
        """Sends a stanza that `encode` wrote, or (in tests) bytes that are no stanza."""
        self._outbox.append(self._channel.seal(data))
        self._filled.set()

    def break_off(self, data: bytes) -> None:
        """Sends the first half of a stanza; then the connection is reset."""
        sealed = self._channel.seal(data)
        self._outbox.append(sealed[:len(sealed) // 2])
        self._broken, self.active = True, False
        self._filled.set()

    def unavailable(self) -> None:
        """The server ends the stream: it has no time for this client."""
        self.active = False
        self.send(Node("stream:error", {"code": "503"}))
        asyncio.get_running_loop().call_later(0.1, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            waiting, self._outbox = self._outbox, []
            batch = bytearray()
            for frame in waiting:
                batch += frame
                if len(batch) > _CHUNK:
                    await self._socket.send_bytes(bytes(batch))
                    batch.clear()
            if batch:
                await self._socket.send_bytes(bytes(batch))
            if self._broken:
                self._abort()
                return

    async def close(self) -> None:
        await self._socket.close()

    # -- life -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serves the connection until it ends. Whatever a client sends ends at most this
        connection, with a line in the log."""
        stanzas = self._stanzas()
        writer = None
        try:
            payload = await self._handshake(stanzas)
            writer = asyncio.create_task(self._write())
            if not self._log_in(payload):
                await asyncio.sleep(1)  # the client closes after a <failure>
                return
            async for frame in stanzas:
                await self._handle(decode(self._channel.open(frame)))
        except (NoiseError, NodeError, SignalError) as error:
            log.warning("%s: connection closed: %s", self, error)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            log.info("%s: connection lost: %s", self, error or type(error).__name__)
        except Exception:
            log.exception("%s: connection closed after an error of the emulator", self)
        finally:
            if writer is not None:
                writer.cancel()
            self._leave()

    async def _stanzas(self):
        frames = Frames()
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY:
                raise NoiseError(f"a websocket message of type {message.type.name}")
            for frame in frames.feed(message.data):
                yield frame

    async def _handshake(self, stanzas) -> wa6.ClientPayload:
        keys = self._emulator.keys
        handshake = Handshake(keys.static, keys.chain)
        hello = await anext(stanzas, None)
        if hello is None:
            raise NoiseError("the client went away before the handshake")
        reply = handshake.reply(hello)
        await self._socket.send_bytes(len(reply).to_bytes(3, "big") + reply)
        final = await anext(stanzas, None)
        if final is None:
            raise NoiseError("the client broke off the handshake: it may hold another root key")
        self._channel, payload = handshake.finish(final)
        self.noise = handshake.remote_static
        return payload

    def _log_in(self, payload: wa6.ClientPayload) -> bool:
        if payload.HasField("devicePairingData"):
            self._offer_codes()
            return True
        device = self._emulator.device_of(str(payload.username), payload.device)
        if device is None or device.noise != self.noise:
            log.info("+%s device %d is not linked", payload.username, payload.device)
            self.send(Node("failure", {"reason": "401", "location": "emu"}))
            return False
        if self._emulator.outdated:
            self.send(Node("failure", {"reason": "405", "location": "emu"}))
            return False
        left = device.phone.banned_until - time.time()
        if left > 0:
            self.send(Node("failure", {
                "reason": "402", "code": "104", "expire": int(left), "location": "emu"}))
            return False
        previous, device.connection = device.connection, self
        self.device, device.online = device, None
        if previous is not None:
            previous.replaced()
        self.send(Node("success", {
            "t": int(time.time()), "lid": device.lid_jid, "props": "27", "creation": "1700000000",
            "location": "emu",
        }))
        return True

    def replaced(self) -> None:
        """The same device has connected again: this connection is told so."""
        self.active = False
        self.send(Node("stream:error", {}, [Node("conflict", {"type": "replaced"})]))

    def log_out(self) -> None:
        """The device was unlinked."""
        self.send(Node("stream:error", {"code": "401"}, [
            Node("conflict", {"type": "device_removed"})
        ]))

    def _offer_codes(self) -> None:
        self.refs = [base64.b64encode(os.urandom(24)).decode() for _ in range(QR_CODES)]
        self._emulator.pairing.waiting.append(self)
        self.send(Node("iq", {
            "from": SERVER, "type": "set", "id": self._emulator.new_id(), "xmlns": "md",
        }, [Node("pair-device", {}, [Node("ref", {}, ref.encode()) for ref in self.refs])]))

    def _leave(self) -> None:
        self.active = False
        self._emulator.pairing.forget(self)
        if self.device is not None and self.device.connection is self:
            self.device.connection = None
            log.info("%s went away", self)

    # -- stanzas ----------------------------------------------------------------------------------

    async def _handle(self, node: Node) -> None:
        log.debug("%s: %r", self, node)
        if node.tag == "iq":
            iq.answer(self._emulator, self, node)
        elif node.tag in _SILENT:
            return
        elif self.device is None:
            if node.tag not in ("ack", "receipt", "presence"):
                raise NodeError(f"<{node.tag}> from a client that is not linked")
        elif node.tag == "message":
            await self._message(node)
        elif node.tag == "receipt":
            self._receipt(node)
        elif node.tag == "ack":
            self._ack(node)
        elif node.tag == "presence":
            self._emulator.signs.presence(self.device, node)
        elif node.tag == "chatstate":
            self._emulator.signs.chatstate(self.device, node)
        else:
            log.info("%s sent a stanza the emulator does not know: <%s>", self, node.tag)

    async def _message(self, node: Node) -> None:
        error = await self._emulator.exchange.from_device(self.device, node)
        self.send(Node("ack", {
            "class": "message", "id": node.attr("id"), "from": node.jid("to"),
            "t": int(time.time()), "error": error,
        }))

    def _receipt(self, node: Node) -> None:
        try:
            self._emulator.exchange.retries.receipt(self.device, node)
        except EmulatorError as error:
            log.warning("%s: %s", self, error)
        self.send(Node("ack", {
            "class": "receipt", "id": node.attr("id"), "from": node.jid("to"),
            "type": node.attrs.get("type"), "participant": node.attrs.get("participant"),
        }))

    def _ack(self, node: Node) -> None:
        if node.attrs.get("class") in ("message", "notification", "receipt", "call"):
            received = node.attrs.get("class") != "message"
            self.device.confirm(node.attr("id"), node.attrs.get("to", ""), received=received)
