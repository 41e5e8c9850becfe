"""Primitives under the Signal protocol and WhatsApp's own formats: HKDF, Curve25519, XEdDSA,
AES-CBC, padding, and protobuf written by hand (there are four small messages)."""
from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from functools import lru_cache

import xeddsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

VERSION = 0x33  # of Signal messages: current one and lowest understood, both 3
KEY_TYPE = b"\x05"  # in front of every public key: Curve25519


class SignalError(ValueError):
    """A message that does not parse, authenticate or decrypt."""


# -- primitives -----------------------------------------------------------------------------------


def hkdf(secret: bytes, length: int, *, salt: bytes = bytes(32), info: bytes = b"") -> bytes:
    """HKDF-SHA256 (RFC 5869). Written out because `length` is short and it is called a lot."""
    key = hmac.digest(salt, secret, "sha256")
    out = block = b""
    count = 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([count]), "sha256")
        out += block
        count += 1
    return out[:length]


@dataclass(frozen=True)
class KeyPair:
    """A Curve25519 key pair, 32 raw bytes each."""

    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> KeyPair:
        return cls.from_private(os.urandom(32))

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        clamped = bytearray(private)
        clamped[0] &= 248
        clamped[31] = clamped[31] & 127 | 64
        private = bytes(clamped)
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        return cls(private, public)

    def dh(self, public: bytes) -> bytes:
        """The shared secret with a peer's public key. Raises SignalError for an unusable one."""
        try:
            return X25519PrivateKey.from_private_bytes(self.private).exchange(
                X25519PublicKey.from_public_bytes(public)
            )
        except ValueError as error:
            raise SignalError(f"a public key that cannot be used: {error}") from error


@lru_cache(maxsize=4096)
def _signing_key(private: bytes) -> bytes:
    return xeddsa.priv_force_sign(private, False)


def sign(private: bytes, message: bytes) -> bytes:
    """An XEdDSA signature (64 bytes) whose public key has the sign bit 0."""
    return xeddsa.ed25519_priv_sign(_signing_key(private), message)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an XEdDSA signature holds; libsignal keeps the key's sign in the last bit."""
    if len(signature) != 64 or len(public) != 32:
        return False
    plain = signature[:63] + bytes([signature[63] & 127])
    key = xeddsa.curve25519_pub_to_ed25519_pub(public, bool(signature[63] & 128))
    return bool(xeddsa.ed25519_verify(plain, key, message))


def cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-256-CBC with PKCS#7 padding."""
    pad = 16 - len(plaintext) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes([pad]) * pad) + encryptor.finalize()


def cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The plaintext without its padding. Raises SignalError when the padding is wrong."""
    if not ciphertext or len(ciphertext) % 16:
        raise SignalError("a ciphertext that is not whole blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(ciphertext) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
        raise SignalError("a ciphertext with wrong padding")
    return plain[:-pad]


def pad(message: bytes) -> bytes:
    """WhatsApp's padding inside the encryption: 1 to 15 bytes, each saying how many."""
    count = os.urandom(1)[0] % 15 + 1
    return message + bytes([count]) * count


def unpad(message: bytes) -> bytes:
    """Raises SignalError when the padding is not what `pad` makes."""
    count = message[-1] if message else 0
    if not 1 <= count <= len(message) or message[-count:] != bytes([count]) * count:
        raise SignalError("a message with wrong padding")
    return message[:-count]


# -- protobuf by hand -----------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_fields(*items: tuple[int, int | bytes]) -> bytes:
    """A protobuf message of numbers and bytes."""
    out = bytearray()
    for number, value in items:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return bytes(out)


def read_fields(data: bytes) -> dict[int, int | bytes]:
    """Its fields by number. Raises SignalError for what does not parse."""
    found: dict[int, int | bytes] = {}
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            if position >= len(data) or shift > 63:
                raise SignalError("a message that ends too early")
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(data):
        tag = varint()
        if tag & 7 == 0:
            found[tag >> 3] = varint()
        elif tag & 7 == 2:
            length = varint()
            if position + length > len(data):
                raise SignalError("a message that ends too early")
            found[tag >> 3] = data[position : position + length]
            position += length
        else:
            raise SignalError(f"a field of unknown type {tag & 7}")
    return found


def key_field(value: int | bytes | None) -> bytes:
    """A public key without its type byte. Raises SignalError."""
    if not isinstance(value, bytes) or len(value) != 33 or value[:1] != KEY_TYPE:
        raise SignalError("a field that should hold a public key does not")
    return value[1:]


def number_field(value: int | bytes | None) -> int:
    """Raises SignalError when there is no number."""
    if not isinstance(value, int):
        raise SignalError("a field that should hold a number does not")
    return value


def bytes_field(value: int | bytes | None) -> bytes:
    """Raises SignalError when there are no bytes."""
    if not isinstance(value, bytes):
        raise SignalError("a field that should hold bytes does not")
    return value


def versioned(data: bytes, tail: int) -> bytes:
    """A message without its version byte in front and `tail` bytes behind. Raises SignalError."""
    if len(data) <= 1 + tail or data[0] >> 4 != 3:
        raise SignalError("a message of an unknown version")
    return data[1 : len(data) - tail]
