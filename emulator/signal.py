"""The Signal protocol as WhatsApp speaks it (libsignal's version 3 messages), in Python.

X3DH key agreement, double ratchet sessions, sender keys for groups. Specified at signal.org/docs
(x3dh, doubleratchet); the message encodings are libsignal's.
"""
from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from functools import cached_property

from emulator.crypto import (
    KEY_TYPE,
    VERSION,
    KeyPair,
    SignalError,
    bytes_field,
    cbc_decrypt,
    cbc_encrypt,
    hkdf,
    key_field,
    number_field,
    read_fields,
    sign,
    verify,
    versioned,
    write_fields,
)

MAX_SKIPPED = 25_000  # libsignal stops at 2,000; see docs/emulator.md on sessions read late
MAX_RECEIVERS = 5
MAC_LENGTH = 8


# -- identities and bundles -----------------------------------------------------------------------


class Identity:
    """One device's long-term keys, all derived from one 32-byte seed, so that nothing but the
    seed needs storing: one-time pre-key N is made again whenever somebody used it."""

    SIGNED_ID = 1

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        digest = hmac.digest(seed, b"registration", "sha256")
        self.registration = int.from_bytes(digest[:2]) & 0x3FFF

    @cached_property
    def key(self) -> KeyPair:
        return self._derive(b"identity")

    def _derive(self, label: bytes) -> KeyPair:
        return KeyPair.from_private(hmac.digest(self._seed, label, "sha256"))

    @cached_property
    def signed(self) -> KeyPair:
        return self._derive(b"signed")

    @cached_property
    def signature(self) -> bytes:
        """The identity's signature under the signed pre-key."""
        return sign(self.key.private, KEY_TYPE + self.signed.public)

    def one_time(self, number: int) -> KeyPair:
        return self._derive(b"one-time %d" % number)


@dataclass(frozen=True)
class Bundle:
    """What somebody needs to start a session with a device. `one_time` may be missing."""

    registration: int
    identity: bytes
    signed_id: int
    signed: bytes
    signature: bytes
    one_time_id: int | None = None
    one_time: bytes | None = None


# -- double ratchet -------------------------------------------------------------------------------


@dataclass
class Chain:
    """A symmetric ratchet: its key, the number of the next message, keys of skipped messages."""

    key: bytes
    index: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def step(self) -> bytes:
        """The seed of the next message's keys; the chain moves on."""
        seed = hmac.digest(self.key, b"\x01", "sha256")
        self.key = hmac.digest(self.key, b"\x02", "sha256")
        self.index += 1
        return seed

    def at(self, index: int) -> tuple[bytes, Chain]:
        """The seed for message `index` and the chain as it is afterwards; self is unchanged.
        Raises SignalError for a number used before or too far ahead."""
        after = Chain(self.key, self.index, dict(self.skipped))
        if index < self.index:
            if index not in after.skipped:
                raise SignalError(f"message {index} was read before")
            return after.skipped.pop(index), after
        if index - self.index > MAX_SKIPPED:
            raise SignalError(f"message {index} is too far ahead of {self.index}")
        while after.index < index:
            number = after.index
            after.skipped[number] = after.step()
        return after.step(), after


@dataclass
class Session:
    """One double ratchet with one peer device."""

    ours: bytes
    theirs: bytes
    root: bytes
    ratchet: KeyPair
    sending: Chain
    registration: int
    previous: int = 0
    receivers: list[tuple[bytes, Chain]] = field(default_factory=list)
    base: bytes = b""  # the initiator's one-off key, by which a session is known again
    pending: tuple[int | None, int] | None = None  # pre-key ids, until the peer has answered

    @classmethod
    def start(cls, us: Identity, them: Bundle) -> Session:
        """The initiator's side of X3DH. Raises SignalError when the bundle is not signed."""
        if not verify(them.identity, KEY_TYPE + them.signed, them.signature):
            raise SignalError("a pre-key bundle with a wrong signature")
        base = KeyPair.generate()
        secret = b"\xff" * 32 + us.key.dh(them.signed) + base.dh(them.identity)
        secret += base.dh(them.signed)
        if them.one_time is not None:
            secret += base.dh(them.one_time)
        keys = hkdf(secret, 64, info=b"WhisperText")
        ratchet = KeyPair.generate()
        root, chain = _ratchet(keys[:32], ratchet.dh(them.signed))
        return cls(
            us.key.public, them.identity, root, ratchet, chain, us.registration,
            receivers=[(them.signed, Chain(keys[32:]))], base=base.public,
            pending=(them.one_time_id, them.signed_id),
        )

    @classmethod
    def accept(cls, us: Identity, message: PreKeyMessage) -> Session:
        """The responder's side of X3DH. Raises SignalError for a signed pre-key we never had."""
        if message.signed_id != us.SIGNED_ID:
            raise SignalError(f"unknown signed pre-key {message.signed_id}")
        signed = us.signed
        secret = b"\xff" * 32 + signed.dh(message.identity) + us.key.dh(message.base)
        secret += signed.dh(message.base)
        if message.one_time_id is not None:
            secret += us.one_time(message.one_time_id).dh(message.base)
        keys = hkdf(secret, 64, info=b"WhisperText")
        return cls(
            us.key.public, message.identity, keys[:32], signed, Chain(keys[32:]),
            us.registration, base=message.base,
        )

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """("msg" or "pkmsg", the message): the latter until the peer has answered."""
        index = self.sending.index
        cipher, mac, iv = _message_keys(self.sending.step())
        body = bytes([VERSION]) + write_fields(
            (1, KEY_TYPE + self.ratchet.public), (2, index), (3, self.previous),
            (4, cbc_encrypt(cipher, iv, plaintext)),
        )
        message = body + _mac(mac, self.ours, self.theirs, body)
        if self.pending is None:
            return "msg", message
        one_time, signed = self.pending
        head = () if one_time is None else ((1, one_time),)
        return "pkmsg", bytes([VERSION]) + write_fields(
            *head, (2, KEY_TYPE + self.base), (3, KEY_TYPE + self.ours), (4, message),
            (5, self.registration), (6, signed),
        )

    def decrypt(self, message: bytes) -> bytes:
        """The plaintext of a "msg". Raises SignalError and leaves the session as it was."""
        fields = read_fields(versioned(message, MAC_LENGTH))
        their_ratchet, index = key_field(fields.get(1)), number_field(fields.get(2, 0))
        known = next((i for i, (key, _) in enumerate(self.receivers) if key == their_ratchet), None)
        root = self.root
        if known is None:
            root, chain = _ratchet(root, self.ratchet.dh(their_ratchet))
        else:
            chain = self.receivers[known][1]
        seed, after = chain.at(index)
        cipher, mac, iv = _message_keys(seed)
        if not hmac.compare_digest(
            _mac(mac, self.theirs, self.ours, message[:-MAC_LENGTH]), message[-MAC_LENGTH:]
        ):
            raise SignalError("a message with a wrong authentication code")
        plaintext = cbc_decrypt(cipher, iv, bytes_field(fields.get(4)))
        if known is None:
            self._turn(root, their_ratchet, after)
        else:
            self.receivers[known] = (their_ratchet, after)
        self.pending = None
        return plaintext

    def _turn(self, root: bytes, their_ratchet: bytes, receiver: Chain) -> None:
        """The Diffie-Hellman step: a new receiving chain, and a new sending chain of our own."""
        self.receivers = [*self.receivers, (their_ratchet, receiver)][-MAX_RECEIVERS:]
        self.ratchet = KeyPair.generate()
        self.previous = max(self.sending.index - 1, 0)
        self.root, self.sending = _ratchet(root, self.ratchet.dh(their_ratchet))


@dataclass(frozen=True)
class PreKeyMessage:
    """A "pkmsg": the first messages of a session, which bring their own key agreement."""

    one_time_id: int | None
    signed_id: int
    base: bytes
    identity: bytes
    message: bytes

    @classmethod
    def parse(cls, data: bytes) -> PreKeyMessage:
        fields = read_fields(versioned(data, 0))
        one_time = fields.get(1)
        return cls(
            None if one_time is None else number_field(one_time), number_field(fields.get(6)),
            key_field(fields.get(2)), key_field(fields.get(3)), bytes_field(fields.get(4)),
        )


def _ratchet(root: bytes, secret: bytes) -> tuple[bytes, Chain]:
    keys = hkdf(secret, 64, salt=root, info=b"WhisperRatchet")
    return keys[:32], Chain(keys[32:])


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    keys = hkdf(seed, 80, info=b"WhisperMessageKeys")
    return keys[:32], keys[32:64], keys[64:]


def _mac(key: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
    data = KEY_TYPE + sender + KEY_TYPE + receiver + body
    return hmac.digest(key, data, "sha256")[:MAC_LENGTH]


class Peer:
    """All sessions with one device: the newest is used for sending, older ones still read."""

    MAX_SESSIONS = 8

    def __init__(self, us: Identity, sessions: list[Session] | None = None) -> None:
        self.us = us
        self.sessions = sessions or []
        self.stale = False  # after an unclean stop: read with them, but send with a fresh one

    def can_send(self) -> bool:
        return bool(self.sessions) and not self.stale

    def start(self, bundle: Bundle) -> None:
        """A fresh session for sending; the older ones are kept for reading."""
        self._keep(Session.start(self.us, bundle))
        self.stale = False

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self.sessions[0].encrypt(plaintext)

    def decrypt(self, kind: str, data: bytes) -> bytes:
        """Reads a "pkmsg" or "msg" with whichever session fits. Raises SignalError."""
        if kind == "pkmsg":
            return self._decrypt_first(PreKeyMessage.parse(data))
        if kind != "msg":
            raise SignalError(f"an unknown kind of encryption: {kind}")
        problem: SignalError = SignalError("a message without a session")
        for session in self.sessions:
            try:
                return self._use(session, session.decrypt(data))
            except SignalError as error:
                problem = error
        raise problem

    def _decrypt_first(self, message: PreKeyMessage) -> bytes:
        for session in self.sessions:
            if session.base == message.base:
                return self._use(session, session.decrypt(message.message))
        session = Session.accept(self.us, message)
        plaintext = session.decrypt(message.message)
        self._keep(session)
        self.stale = False
        return plaintext

    def _use(self, session: Session, plaintext: bytes) -> bytes:
        if self.sessions[0] is not session and not self.stale:
            self.sessions.remove(session)
            self._keep(session)
        return plaintext

    def _keep(self, session: Session) -> None:
        self.sessions = [session, *self.sessions][: self.MAX_SESSIONS]


# -- sender keys ----------------------------------------------------------------------------------


@dataclass
class SenderKey:
    """A sender's own key for one group: encrypts once for all who got its distribution."""

    number: int
    signing: KeyPair
    chain: Chain

    @classmethod
    def generate(cls) -> SenderKey:
        number = int.from_bytes(os.urandom(4)) & 0x7FFFFFFF
        return cls(number, KeyPair.generate(), Chain(os.urandom(32)))

    def distribution(self) -> bytes:
        """What a device needs to read everything from the next message on."""
        return bytes([VERSION]) + write_fields(
            (1, self.number), (2, self.chain.index), (3, self.chain.key),
            (4, KEY_TYPE + self.signing.public),
        )

    def encrypt(self, plaintext: bytes) -> bytes:
        """A "skmsg": the message and its signature."""
        index = self.chain.index
        keys = hkdf(self.chain.step(), 48, info=b"WhisperGroup")
        body = bytes([VERSION]) + write_fields(
            (1, self.number), (2, index), (3, cbc_encrypt(keys[16:], keys[:16], plaintext))
        )
        return body + sign(self.signing.private, body)


@dataclass
class ReceivedKey:
    """Somebody else's sender key."""

    number: int
    signing: bytes
    chain: Chain

    @classmethod
    def parse(cls, distribution: bytes) -> ReceivedKey:
        fields = read_fields(versioned(distribution, 0))
        key = bytes_field(fields.get(3))
        if len(key) != 32:
            raise SignalError("a sender key of the wrong length")
        chain = Chain(key, number_field(fields.get(2, 0)))
        return cls(number_field(fields.get(1)), key_field(fields.get(4)), chain)

    def decrypt(self, message: bytes) -> bytes:
        """The plaintext of a "skmsg". Raises SignalError and leaves the key as it was."""
        if not verify(self.signing, message[:-64], message[-64:]):
            raise SignalError("a group message with a wrong signature")
        fields = read_fields(versioned(message, 64))
        seed, after = self.chain.at(number_field(fields.get(2, 0)))
        keys = hkdf(seed, 48, info=b"WhisperGroup")
        plaintext = cbc_decrypt(keys[16:], keys[:16], bytes_field(fields.get(3)))
        self.chain = after
        return plaintext


def sender_key_number(message: bytes) -> int:
    """Which of the sender's keys a "skmsg" was written with. Raises SignalError."""
    return number_field(read_fields(versioned(message, 64)).get(1))
