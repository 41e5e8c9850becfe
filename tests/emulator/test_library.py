"""The patched copy of the client library."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator import LibraryError, library


def package(folder: Path, code: bytes) -> Path:
    folder.mkdir()
    (folder / "neonize-linux-amd64.so").write_bytes(code)
    (folder / "__init__.py").write_text("x = 1\n")
    return folder


def test_only_the_key_differs(tmp_path: Path, monkeypatch):
    source = package(tmp_path / "neonize", b"before" + library.WHATSAPP_ROOT + b"after")
    monkeypatch.setattr(library, "_installed_package", lambda: source)
    root = os.urandom(32)
    path = library.patched_library(tmp_path / "copy", root)
    assert (path / "neonize/neonize-linux-amd64.so").read_bytes() == b"before" + root + b"after"
    assert (path / "neonize/__init__.py").read_text() == "x = 1\n"
    assert (source / "neonize-linux-amd64.so").read_bytes().count(library.WHATSAPP_ROOT) == 1


@pytest.mark.parametrize("code,times", [(b"", 0), (library.WHATSAPP_ROOT * 2, 2)])
def test_an_unknown_library_is_refused(tmp_path: Path, monkeypatch, code: bytes, times: int):
    source = package(tmp_path / "neonize", code)
    monkeypatch.setattr(library, "_installed_package", lambda: source)
    with pytest.raises(LibraryError, match=f"occurs {times} times"):
        library.patched_library(tmp_path / "copy", os.urandom(32))
