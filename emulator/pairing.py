"""Linking a device: by QR code, or by a code of eight characters typed into the phone."""
from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from emulator.crypto import KeyPair, hkdf, sign, verify
from emulator.model import EmulatorError
from emulator.nodes import SERVER, Jid, Node, NodeError
from waproto import adv

if TYPE_CHECKING:
    from emulator.phone import Phone
    from emulator.server import Emulator
    from emulator.session import ClientSession

log = logging.getLogger("daftar.emulator")

_CODE_ROUNDS = 2 << 16
_ANSWER = 20.0  # seconds a client has to answer in pairing


@dataclass
class _Hello:
    """A client that asked to be linked by code: the phone number, and its wrapped key."""

    session: ClientSession
    number: str
    wrapped: bytes
    ref: bytes
    finish: asyncio.Future = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass
class _Pending:
    """A pair-success that the client has to sign."""

    phone: Phone
    number: int
    noise: bytes
    identity: bytes
    details: bytes
    signed: asyncio.Future = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Pairing:
    """Clients waiting to be linked, and the phone's side of linking them."""

    def __init__(self, emulator: Emulator) -> None:
        self.waiting: list[ClientSession] = []
        self._emulator = emulator
        self._hellos: list[_Hello] = []
        self._pending: dict[ClientSession, _Pending] = {}

    def forget(self, session: ClientSession) -> None:
        """The client went away: its codes are void."""
        if session in self.waiting:
            self.waiting.remove(session)
        for hello in [each for each in self._hellos if each.session is session]:
            self._hellos.remove(hello)
            if not hello.finish.done():
                hello.finish.set_exception(EmulatorError("the client went away while linking"))
                hello.finish.exception()
        pending = self._pending.pop(session, None)
        if pending is not None and not pending.signed.done():
            pending.signed.set_exception(EmulatorError("the client went away while linking"))
            pending.signed.exception()

    async def scan(self, phone: Phone, qr: str) -> str:
        """The phone scans a QR code: `ref,noise key,identity key,secret`, base64. Returns the
        device's JID. Raises EmulatorError for a code that is malformed or no longer valid."""
        fields = qr.strip().split("#")[-1].split(",")
        if len(fields) < 4:
            raise EmulatorError("this is not the QR code of a WhatsApp client")
        ref = fields[0].split("/")[-1] if fields[0].startswith("http") else fields[0]
        try:
            noise, identity, secret = (
                base64.b64decode(part, validate=True) for part in fields[1:4]
            )
        except (binascii.Error, ValueError) as error:
            raise EmulatorError("the QR code is damaged: its keys are not base64") from error
        session = next((each for each in self.waiting if ref in each.refs), None)
        if session is None:
            raise EmulatorError("the QR code has expired: show a new one and scan that")
        if len(identity) != 32 or session.noise != noise:
            raise EmulatorError("the QR code is damaged: its keys are not the client's")
        return await self._link(phone, session, noise, identity, secret)

    # -- by code ----------------------------------------------------------------------------------

    def hello(self, session: ClientSession, node: Node) -> bytes:
        """A client asks to be linked by code. Returns the reference for its later messages."""
        wrapped = node.data("link_code_pairing_wrapped_companion_ephemeral_pub")
        if len(wrapped) != 80:
            raise NodeError("a wrapped key of the wrong length")
        ref = base64.b64encode(os.urandom(12))
        self._hellos = [each for each in self._hellos if each.session is not session]
        self._hellos.append(_Hello(session, node.jid("jid").user, wrapped, ref))
        return ref

    def finish(self, session: ClientSession, node: Node) -> None:
        """The client's second message: its identity, sealed for the phone."""
        hello = next((each for each in self._hellos if each.session is session), None)
        if hello is None or hello.finish.done():
            raise NodeError("the end of a pairing by code that had no beginning")
        hello.finish.set_result((
            node.data("link_code_pairing_wrapped_key_bundle"),
            node.data("companion_identity_public"),
        ))

    async def enter_code(self, phone: Phone, code: str) -> str:
        """The phone's user types the code that the client shows. Returns the device's JID.
        Raises EmulatorError when no client waits for this number or the code is wrong."""
        code = code.replace("-", "").replace(" ", "").upper()
        if len(code) != 8:
            raise EmulatorError("a pairing code has eight characters")
        hello = next((each for each in reversed(self._hellos) if each.number == phone.number), None)
        if hello is None:
            raise EmulatorError(f"no client waits for a pairing code of +{phone.number}")
        theirs = await _code_cipher(code, hello.wrapped[:32], hello.wrapped[32:48],
                                    hello.wrapped[48:])
        ephemeral = KeyPair.generate()
        salt, iv = os.urandom(32), os.urandom(16)
        wrapped = salt + iv + await _code_cipher(code, salt, iv, ephemeral.public)
        hello.session.send(self._primary_hello(phone, wrapped, hello.ref))
        try:
            async with asyncio.timeout(_ANSWER):
                sealed, identity = await hello.finish
        except TimeoutError as error:
            raise EmulatorError("the client did not answer the pairing code") from error
        self._hellos.remove(hello)
        shared = ephemeral.dh(theirs)
        random = _open_bundle(shared, sealed, identity, phone.identity.key.public)
        secret = hkdf(shared + phone.identity.key.dh(identity) + random, 32, info=b"adv_secret")
        return await self._link(phone, hello.session, hello.session.noise, identity, secret)

    def _primary_hello(self, phone: Phone, wrapped: bytes, ref: bytes) -> Node:
        return Node("notification", {
            "from": SERVER, "type": "link_code_companion_reg", "id": self._emulator.new_id(),
            "t": int(time.time()),
        }, [Node("link_code_companion_reg", {"stage": "primary_hello"}, [
            Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
            Node("primary_identity_pub", {}, phone.identity.key.public),
            Node("link_code_pairing_ref", {}, ref),
        ])])

    # -- both ways --------------------------------------------------------------------------------

    async def _link(
        self, phone: Phone, session: ClientSession, noise: bytes, identity: bytes, secret: bytes
    ) -> str:
        number, phone.next_device = phone.next_device, phone.next_device + 1
        phone.save()
        account = phone.identity.key
        details = adv.ADVDeviceIdentity(
            rawID=1, timestamp=int(time.time()), keyIndex=number
        ).SerializeToString()
        signed = adv.ADVSignedDeviceIdentity(
            details=details, accountSignatureKey=account.public,
            accountSignature=sign(account.private, b"\x06\x00" + details + identity),
        ).SerializeToString()
        sealed = adv.ADVSignedDeviceIdentityHMAC(
            details=signed, HMAC=hmac.digest(secret, signed, "sha256")
        ).SerializeToString()
        pending = self._pending[session] = _Pending(phone, number, noise, identity, details)
        session.send(Node("iq", {
            "from": SERVER, "type": "set", "id": self._emulator.new_id(), "t": int(time.time()),
        }, [Node("pair-success", {}, [
            Node("device-identity", {}, sealed),
            Node("device", {
                "jid": Jid(f"{phone.number}:{number}@s.whatsapp.net"),
                "lid": Jid(f"{phone.lid}:{number}@lid"),
            }),
            Node("platform", {"name": "android"}),
        ])]))
        try:
            async with asyncio.timeout(_ANSWER):
                await asyncio.shield(pending.signed)
        except TimeoutError as error:
            raise EmulatorError("the client did not sign its new identity") from error
        finally:
            self._pending.pop(session, None)
        device = self._emulator.add_device(phone, number, noise, identity)
        session.send(Node("stream:error", {"code": "515"}))  # "connect again, logged in"
        log.info("linked %s", device.jid)
        return device.jid

    def sign_error(self, session: ClientSession, text: str) -> None:
        """The client refused the pair-success."""
        pending = self._pending.get(session)
        if pending is not None and not pending.signed.done():
            pending.signed.set_exception(EmulatorError(f"the client refused to be linked: {text}"))

    def signed(self, session: ClientSession, node: Node) -> None:
        """The client's answer to pair-success. Raises NodeError when its signature is wrong."""
        pending = self._pending.get(session)
        if pending is None or pending.signed.done():
            raise NodeError("a signed identity that nobody asked for")
        try:
            identity = adv.ADVSignedDeviceIdentity.FromString(node.data("device-identity"))
        except DecodeError as error:
            raise NodeError("a signed identity that does not parse") from error
        message = (b"\x06\x01" + identity.details + pending.identity
                   + pending.phone.identity.key.public)
        if not verify(pending.identity, message, identity.deviceSignature):
            raise NodeError("an identity with a wrong device signature")
        pending.signed.set_result(None)


async def _code_cipher(code: str, salt: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-CTR under a key stretched from the code; the same both ways."""
    key = await asyncio.to_thread(
        hashlib.pbkdf2_hmac, "sha256", code.encode(), salt, _CODE_ROUNDS, 32
    )
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _open_bundle(shared: bytes, sealed: bytes, identity: bytes, ours: bytes) -> bytes:
    """The random part of the secret, out of the client's sealed bundle: salt, nonce, then
    AES-GCM of both identities and the random part."""
    key = hkdf(shared, 32, salt=sealed[:32], info=b"link_code_pairing_key_bundle_encryption_key")
    try:
        bundle = AESGCM(key).decrypt(sealed[32:44], sealed[44:], b"")
    except (InvalidTag, ValueError) as error:
        raise EmulatorError("the pairing code is wrong") from error
    if bundle[:32] != identity or bundle[32:64] != ours or len(bundle) != 96:
        raise EmulatorError("the client's pairing answer does not fit the code")
    return bundle[64:]
