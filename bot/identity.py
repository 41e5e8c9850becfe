"""The bot's cross-signing identity (client-server API, "Cross-signing"): without one, clients that
trust only signed devices would give the bot no keys. matrix-nio has nothing for it."""
from __future__ import annotations

import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_USAGES = ("master", "self_signing", "user_signing")

Ask = Callable[[str, str, Any], Awaitable[dict[str, Any]]]


class Identity:
    """Three signing keys, kept as seeds in a file of mode 600."""

    def __init__(self, path: Path, user_id: str) -> None:
        """Read the file, or make it."""
        self._user = user_id
        if not path.exists():
            _write_private(path, json.dumps({name: os.urandom(32).hex() for name in _USAGES}))
        self._keys = {name: Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
                      for name, seed in json.loads(path.read_text()).items()}

    async def sign(self, device: str, ask: Ask) -> None:
        """Make the identity known, and sign the device with it, unless that is done. May be
        repeated. Raises MatrixError."""
        answer = await ask("POST", "/v3/keys/query", {"device_keys": {self._user: []}})
        known = (answer.get("master_keys") or {}).get(self._user) or {}
        if self._public("master") not in (known.get("keys") or {}).values():
            await ask("POST", "/v3/keys/device_signing/upload", {
                f"{name}_key": self._described(name) for name in _USAGES})
        keys = answer["device_keys"][self._user][device]
        signer = f"ed25519:{self._public('self_signing')}"
        if signer not in keys["signatures"][self._user]:
            bare = {key: value for key, value in keys.items()
                    if key not in ("signatures", "unsigned")}
            await ask("POST", "/v3/keys/signatures/upload", {
                self._user: {device: self._signed(bare, "self_signing")}})

    def _described(self, name: str) -> dict[str, Any]:
        public = self._public(name)
        bare = {"user_id": self._user, "usage": [name], "keys": {f"ed25519:{public}": public}}
        return bare if name == "master" else self._signed(bare, "master")

    def _signed(self, bare: dict[str, Any], name: str) -> dict[str, Any]:
        """The object with the signature of one of our keys (spec: "Signing JSON")."""
        text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signature = _unpadded(self._keys[name].sign(text.encode()))
        return {**bare, "signatures": {self._user: {f"ed25519:{self._public(name)}": signature}}}

    def _public(self, name: str) -> str:
        return _unpadded(self._keys[name].public_key().public_bytes_raw())


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _write_private(path: Path, text: str) -> None:
    """Written whole or not at all."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
