"""Files of encrypted rooms, against another implementation of the same (matrix-nio's)."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from nio.crypto import decrypt_attachment, encrypt_attachment

from bridge.rooms import locked

DATA = bytes(range(256)) * 4096  # several pieces


def test_what_we_lock_others_open(tmp_path: Path) -> None:
    info = locked.lock(DATA, tmp_path / "sealed")
    sealed = (tmp_path / "sealed").read_bytes()
    assert sealed != DATA and len(sealed) == len(DATA)
    assert decrypt_attachment(
        sealed, info["key"]["k"], info["hashes"]["sha256"], info["iv"]) == DATA


def test_what_others_lock_we_open(tmp_path: Path) -> None:
    sealed, info = encrypt_attachment(DATA)
    path = tmp_path / "file"
    path.write_bytes(sealed)
    locked.unlock(path, locked.keys_of(json.loads(json.dumps(info))))
    assert path.read_bytes() == DATA


def test_a_file_that_was_changed_is_not_opened(tmp_path: Path) -> None:
    info = locked.lock(DATA, tmp_path / "sealed")
    with (tmp_path / "sealed").open("r+b") as file:
        file.write(b"x")
    with pytest.raises(locked.LockedError, match="not the one that was sent"):
        locked.unlock(tmp_path / "sealed", locked.keys_of(info))


@pytest.mark.parametrize("info", [
    {}, {"key": None, "iv": "AAAA", "hashes": {}}, {"key": {"k": "?"}, "iv": "", "hashes": {}},
    {"key": {"k": "AAAA"}, "iv": "AAAA", "hashes": {"sha256": "AAAA"}}])
def test_odd_keys_are_told(info: dict) -> None:
    with pytest.raises(locked.LockedError, match="not known here"):
        locked.keys_of(info)
