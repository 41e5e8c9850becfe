"""A client written from the other side of the protocol, to say what the real one never would."""
from __future__ import annotations

import hashlib
import ssl

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emulator import Emulator, Phone
from emulator.crypto import KeyPair, hkdf
from emulator.nodes import Node, decode, encode
from emulator.noise import HEADER, PROTOCOL, Channel, Frames, frame
from waproto import wa6


class RawClient:
    """A linked device that the test steers stanza by stanza."""

    def __init__(self) -> None:
        self.noise, self.identity = KeyPair.generate(), KeyPair.generate()
        self._frames, self._got = Frames(), []
        self._frames._started = True  # the server's stream has no header

    async def connect(self, emulator: Emulator, phone: Phone) -> None:
        """Logs in as a new device of the phone's account."""
        number, phone.next_device = phone.next_device, phone.next_device + 1
        self.device = emulator.add_device(phone, number, self.noise.public, self.identity.public)
        await self.open(emulator)
        await self._handshake(int(phone.number), number)
        assert (await self.receive()).tag == "success"

    async def open(self, emulator: Emulator) -> None:
        """Only the websocket, without the handshake."""
        context = ssl.create_default_context(cafile=emulator.client_environment()["SSL_CERT_FILE"])
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(
            "wss://web.whatsapp.com/ws/chat", proxy=emulator.proxy_url, ssl=context, max_msg_size=0
        )

    async def close(self) -> None:
        await self._http.close()

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    async def send(self, stanza: Node | bytes) -> None:
        data = encode(stanza) if isinstance(stanza, Node) else stanza
        await self._socket.send_bytes(self._channel.seal(data))

    async def receive(self) -> Node | None:
        """The next stanza; None when the server has closed the connection."""
        data = await self._frame()
        return None if data is None else decode(self._channel.open(data))

    async def closed(self) -> bool:
        """Reads on until the server closes."""
        while await self._frame() is not None:
            pass
        return True

    async def _frame(self) -> bytes | None:
        while not self._got:
            message = await self._socket.receive(timeout=90)
            if message.type is not aiohttp.WSMsgType.BINARY:
                return None
            self._got += self._frames.feed(message.data)
        return self._got.pop(0)

    async def _handshake(self, username: int, device: int) -> None:
        ephemeral = KeyPair.generate()
        digest = salt = PROTOCOL
        digest = hashlib.sha256(digest + HEADER).digest()
        digest = hashlib.sha256(digest + ephemeral.public).digest()
        hello = wa6.HandshakeMessage()
        hello.clientHello.ephemeral = ephemeral.public
        await self.send_bytes(HEADER + frame(hello.SerializeToString()))
        reply = wa6.HandshakeMessage.FromString(await self._frame()).serverHello
        digest = hashlib.sha256(digest + reply.ephemeral).digest()
        keys = hkdf(ephemeral.dh(reply.ephemeral), 64, salt=salt)
        static = AESGCM(keys[32:]).decrypt(bytes(12), reply.static, digest)
        digest = hashlib.sha256(digest + reply.static).digest()
        keys = hkdf(ephemeral.dh(static), 64, salt=keys[:32])
        AESGCM(keys[32:]).decrypt(bytes(12), reply.payload, digest)
        digest = hashlib.sha256(digest + reply.payload).digest()
        final = wa6.HandshakeMessage()
        nonce = (1).to_bytes(12, "big")
        final.clientFinish.static = AESGCM(keys[32:]).encrypt(nonce, self.noise.public, digest)
        digest = hashlib.sha256(digest + final.clientFinish.static).digest()
        keys = hkdf(self.noise.dh(reply.ephemeral), 64, salt=keys[:32])
        payload = wa6.ClientPayload(username=username, device=device, passive=True)
        final.clientFinish.payload = AESGCM(keys[32:]).encrypt(
            bytes(12), payload.SerializeToString(), digest
        )
        await self.send_bytes(frame(final.SerializeToString()))
        keys = hkdf(b"", 64, salt=keys[:32])
        self._channel = Channel(read=keys[32:], write=keys[:32])
