"""Files of encrypted rooms (spec: Sending encrypted attachments): AES-CTR, piece by piece, so that
a large file is never held whole."""
from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

PIECE = 256 * 1024  # bytes that are held at a time


class LockedError(Exception):
    """A file does not fit its key; the text is for a person."""


def lock(data: bytes | Path, target: Path) -> dict[str, Any]:
    """Encrypt a file, given as its bytes or its path, into `target`. Returns the EncryptedFile,
    which still lacks its url."""
    key, start = os.urandom(32), os.urandom(8) + bytes(8)  # the counter begins at 0
    digest = hashlib.sha256()
    with _opened(data) as source, target.open("wb") as out:
        cipher = Cipher(AES(key), CTR(start)).encryptor()
        while piece := source.read(PIECE):
            sealed = cipher.update(piece)
            digest.update(sealed)
            out.write(sealed)
    return {"v": "v2", "iv": _unpadded(start), "hashes": {"sha256": _unpadded(digest.digest())},
            "key": {"kty": "oct", "alg": "A256CTR", "ext": True,
                    "key_ops": ["encrypt", "decrypt"],
                    "k": _unpadded(key).replace("+", "-").replace("/", "_")}}


@dataclass(frozen=True)
class Keys:
    """What an EncryptedFile says of its file."""

    key: bytes
    start: bytes  # of the counter
    sha256: bytes  # of the encrypted file


def keys_of(info: dict[str, Any]) -> Keys:
    """Read an EncryptedFile. Raises LockedError when it is encrypted in another way."""
    try:
        keys = Keys(_bytes(info["key"]["k"]), _bytes(info["iv"]), _bytes(info["hashes"]["sha256"]))
        _decryptor(keys)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise LockedError("the file is encrypted in a way that is not known here") from error
    return keys


def unlock(path: Path, keys: Keys) -> None:
    """Decrypt a file in its place. Raises LockedError when it is not the one that was encrypted."""
    with path.open("rb") as source:
        if hashlib.file_digest(source, "sha256").digest() != keys.sha256:
            raise LockedError("the encrypted file is not the one that was sent: its sum is another")
    cipher = _decryptor(keys)
    with path.open("r+b") as file:
        while piece := file.read(PIECE):
            file.seek(-len(piece), io.SEEK_CUR)
            file.write(cipher.update(piece))


def _decryptor(keys: Keys) -> CipherContext:
    return Cipher(AES(keys.key), CTR(keys.start)).decryptor()


def _opened(data: bytes | Path) -> BinaryIO:
    return data.open("rb") if isinstance(data, Path) else io.BytesIO(data)


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Base64 with or without padding, of either alphabet."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
