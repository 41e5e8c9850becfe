"""The client's secure channel: Noise_XX_25519_AESGCM_SHA256 and length-prefixed frames.

The client checks the server's static key against a chain of two certificates whose root is one
32-byte key compiled into the library (see library.py). Signatures are XEdDSA, as in libsignal.
"""
from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from emulator.crypto import KeyPair, hkdf, sign
from waproto import cert, wa6

PROTOCOL = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
HEADER = b"WA\x06\x03"  # magic, protocol version, dictionary version
_YEAR = 365 * 86400


class NoiseError(ValueError):
    """A handshake or frame that does not decrypt, or breaks the framing."""


def certificate_chain(root: KeyPair, intermediate: KeyPair, static: KeyPair) -> bytes:
    """A CertChain in which `root` signs `intermediate` (issuer 0) and that signs `static`."""
    now = int(time.time())
    chain = cert.CertChain()
    for part, signer, key, serial in (
        (chain.intermediate, root, intermediate, 1),
        (chain.leaf, intermediate, static, 2),
    ):
        part.details = cert.CertChain.NoiseCertificate.Details(
            serial=serial, issuerSerial=serial - 1, key=key.public,
            notBefore=now - 86400, notAfter=now + 10 * _YEAR,
        ).SerializeToString()
        part.signature = sign(signer.private, part.details)
    return chain.SerializeToString()


class Frames:
    """Cuts the byte stream of a connection into frames: 3 bytes of length, then the frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Frames completed by `data`. Raises NoiseError when the stream starts with no header."""
        self._buffer += data
        if not self._started and len(self._buffer) >= len(HEADER):
            if self._buffer[:4] != HEADER:
                raise NoiseError(f"unknown protocol header {bytes(self._buffer[:4])!r}")
            del self._buffer[:4]
            self._started = True
        while self._started and len(self._buffer) >= 3:
            end = 3 + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[3:end])
            del self._buffer[:end]
            yield frame


def frame(data: bytes) -> bytes:
    """`data` with its length in front. Raises NoiseError above 16 MB, the format's limit."""
    if len(data) >= 1 << 24:
        raise NoiseError(f"a frame of {len(data)} bytes is longer than the format allows")
    return len(data).to_bytes(3, "big") + data


class Handshake:
    """The server's side of Noise XX: `reply` to the hello, then `finish` gives the channel."""

    def __init__(self, static: KeyPair, chain: bytes) -> None:
        self._static, self._chain = static, chain
        self._hash = self._salt = PROTOCOL
        self._cipher, self._counter = AESGCM(PROTOCOL), 0
        self._ephemeral = KeyPair.generate()
        self.remote_static = b""
        self._absorb(HEADER)

    def reply(self, hello: bytes) -> bytes:
        """The server's hello for the client's. Raises NoiseError for a malformed one."""
        remote = _parse(hello).clientHello.ephemeral
        _check_key(remote)
        self._remote = remote
        self._absorb(remote)
        self._absorb(self._ephemeral.public)
        self._mix(self._ephemeral.dh(remote))
        static = self._encrypt(self._static.public)
        self._mix(self._static.dh(remote))
        message = wa6.HandshakeMessage()
        message.serverHello.ephemeral = self._ephemeral.public
        message.serverHello.static = static
        message.serverHello.payload = self._encrypt(self._chain)
        return message.SerializeToString()

    def finish(self, final: bytes) -> tuple[Channel, wa6.ClientPayload]:
        """The open channel and what the client says of itself. Raises NoiseError."""
        message = _parse(final).clientFinish
        self.remote_static = self._decrypt(message.static)
        _check_key(self.remote_static)
        self._mix(self._ephemeral.dh(self.remote_static))
        try:
            payload = wa6.ClientPayload.FromString(self._decrypt(message.payload))
        except DecodeError as error:
            raise NoiseError(f"a client payload that does not parse: {error}") from error
        keys = hkdf(b"", 64, salt=self._salt)
        return Channel(read=keys[:32], write=keys[32:]), payload

    def _absorb(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _nonce(self) -> bytes:
        self._counter += 1
        return (self._counter - 1).to_bytes(12, "big")

    def _encrypt(self, data: bytes) -> bytes:
        sealed = self._cipher.encrypt(self._nonce(), data, self._hash)
        self._absorb(sealed)
        return sealed

    def _decrypt(self, data: bytes) -> bytes:
        try:
            opened = self._cipher.decrypt(self._nonce(), data, self._hash)
        except (InvalidTag, ValueError) as error:
            raise NoiseError("a handshake that does not decrypt") from error
        self._absorb(data)
        return opened

    def _mix(self, secret: bytes) -> None:
        keys = hkdf(secret, 64, salt=self._salt)
        self._salt, self._cipher, self._counter = keys[:32], AESGCM(keys[32:]), 0


class Channel:
    """The encrypted stream after the handshake; counters are the nonces."""

    def __init__(self, read: bytes, write: bytes) -> None:
        self._reader, self._writer = AESGCM(read), AESGCM(write)
        self._read = self._written = 0

    def open(self, data: bytes) -> bytes:
        """The plaintext of the next frame. Raises NoiseError when it does not decrypt."""
        nonce = self._read.to_bytes(12, "big")
        self._read += 1
        try:
            return self._reader.decrypt(nonce, data, b"")
        except (InvalidTag, ValueError) as error:
            raise NoiseError("a frame that does not decrypt") from error

    def seal(self, data: bytes) -> bytes:
        """The next frame's bytes, with the length in front."""
        nonce = self._written.to_bytes(12, "big")
        self._written += 1
        return frame(self._writer.encrypt(nonce, data, b""))


def _parse(data: bytes) -> wa6.HandshakeMessage:
    try:
        return wa6.HandshakeMessage.FromString(data)
    except DecodeError as error:
        raise NoiseError(f"a handshake message that does not parse: {error}") from error


def _check_key(key: bytes) -> None:
    if len(key) != 32:
        raise NoiseError(f"a key of {len(key)} bytes, not 32")
