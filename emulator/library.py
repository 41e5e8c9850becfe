"""A copy of the WhatsApp library that trusts this machine's emulator.

The client accepts a server whose certificate chain ends at one 32-byte public key compiled into
its shared library. The copy differs from the installed package in those 32 bytes and nothing else.
"""
from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path

WHATSAPP_ROOT = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


class LibraryError(RuntimeError):
    """The client library cannot be patched; the message says why and what to do."""


def patched_library(folder: Path, root_public: bytes) -> Path:
    """`folder`, holding a `neonize` package that trusts `root_public`; made when not there yet.

    Raises LibraryError when the library is missing or does not hold WhatsApp's key exactly once.
    """
    source = _installed_package()
    binaries = sorted(source.glob("neonize-*"))
    if len(binaries) != 1:
        raise LibraryError(
            f"expected one compiled library neonize-* in {source}, found {len(binaries)}: "
            "install neonize again from its wheel"
        )
    original = binaries[0]
    status = original.stat()
    stamp = hashlib.sha256(
        f"{source}|{original.name}|{status.st_size}|{status.st_mtime_ns}|{root_public.hex()}".encode()
    ).hexdigest()
    marker = folder / "neonize.stamp"
    if marker.exists() and marker.read_text() == stamp:
        return folder
    patched = _replace_key(original, root_public)
    target = folder / "neonize"
    shutil.rmtree(target, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", original.name)
    shutil.copytree(source, target, ignore=skip)
    (target / original.name).write_bytes(patched)
    os.chmod(target / original.name, 0o755)
    marker.write_text(stamp)
    return folder


def _installed_package() -> Path:
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise LibraryError("the WhatsApp library is not installed: pip install neonize")
    return Path(spec.submodule_search_locations[0])


def _replace_key(library: Path, root_public: bytes) -> bytes:
    code = library.read_bytes()
    found = code.count(WHATSAPP_ROOT)
    if found != 1:
        raise LibraryError(
            f"WhatsApp's root key occurs {found} times in {library.name}, not once: this version "
            "of neonize is not known to the emulator; install the version in requirements.lock"
        )
    return code.replace(WHATSAPP_ROOT, root_public)
