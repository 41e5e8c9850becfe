"""Media: how a file is sealed for the media host, and the files that lie there."""
from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from emulator.crypto import SignalError, cbc_decrypt, cbc_encrypt, hkdf


class MediaFiles:
    """A folder of files named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self._sealed, self._open = folder / "sealed", folder / "open"
        for each in (self._sealed, self._open):
            each.mkdir(parents=True, exist_ok=True)

    def put(self, sealed: bytes) -> bytes:
        """Keeps an encrypted file; returns its SHA-256."""
        digest = hashlib.sha256(sealed).digest()
        (self._sealed / digest.hex()).write_bytes(sealed)
        return digest

    def get(self, sha256: bytes) -> bytes | None:
        path = self.path(sha256.hex())
        return path.read_bytes() if path else None

    def path(self, name: str) -> Path | None:
        """An encrypted file by the hexadecimal name in its address; None when unknown."""
        path = self._sealed / Path(name).name
        return path if path.is_file() else None

    def put_open(self, plaintext: bytes) -> Path:
        path = self.open_path(hashlib.sha256(plaintext).digest())
        path.write_bytes(plaintext)
        return path

    def open_path(self, sha256: bytes) -> Path:
        return self._open / sha256.hex()


@dataclass(frozen=True)
class SealedMedia:
    """A file as the media host keeps it, and what the message must say to open it."""

    data: bytes
    key: bytes
    sha256: bytes
    sealed_sha256: bytes


def seal_media(plaintext: bytes, label: str) -> SealedMedia:
    """Encrypts a file; `label` such as "WhatsApp Image Keys" separates the kinds of media."""
    key = os.urandom(32)
    iv, cipher, mac = _media_keys(key, label)
    sealed = cbc_encrypt(cipher, iv, plaintext)
    sealed += hmac.digest(mac, iv + sealed, "sha256")[:10]
    return SealedMedia(
        sealed, key, hashlib.sha256(plaintext).digest(), hashlib.sha256(sealed).digest()
    )


def open_media(sealed: bytes, key: bytes, label: str) -> bytes:
    """The file inside `sealed`. Raises SignalError when it was tampered with."""
    iv, cipher, mac = _media_keys(key, label)
    body, tag = sealed[:-10], sealed[-10:]
    if not hmac.compare_digest(hmac.digest(mac, iv + body, "sha256")[:10], tag):
        raise SignalError("a media file with a wrong authentication code")
    return cbc_decrypt(cipher, iv, body)


def _media_keys(key: bytes, label: str) -> tuple[bytes, bytes, bytes]:
    keys = hkdf(key, 112, info=label.encode())
    return keys[:16], keys[16:48], keys[48:80]
