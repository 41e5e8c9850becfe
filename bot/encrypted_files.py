"""Files that lie encrypted on the homeserver (spec: "Sending encrypted attachments")."""
from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PIECE = 1024 * 1024  # bytes


class Damaged(Exception):
    """The file is not what its event says; the text names what is wrong."""


def opened(path: Path, keys: dict[str, Any]) -> int:
    """Decrypt a file in place, piece by piece; its bytes. `keys`: EncryptedFile (AES-CTR, the
    SHA-256 is of what lies on the homeserver). Raises Damaged, OSError."""
    try:
        key, iv = _bytes(keys["key"]["k"]), _bytes(keys["iv"])
        expected = _bytes(keys["hashes"]["sha256"])
        cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).decryptor()
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Damaged(f"the keys of the encrypted file cannot be read: {error}") from None
    digest = hashlib.sha256()
    with path.open("r+b") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            file.seek(-len(piece), 1)
            file.write(cipher.update(piece))
        size = file.tell()
    if digest.digest() != expected:
        raise Damaged("the encrypted file is not the one that its event names (SHA-256 differs)")
    return size


def _bytes(text: str) -> bytes:
    """Unpadded base64, in either alphabet."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
