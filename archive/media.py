"""Files by content: a folder whose names are SHA-256 sums, and the table that knows them."""
from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from archive.db import ArchiveError, Database, Unit

_SHA256 = re.compile(r"[0-9a-f]{64}")


class MediaStore:
    """A folder of files named by their content: `ab/cd/abcd….` Written once, never changed.

    Its methods block; call them through asyncio.to_thread.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def path(self, sha256: str) -> Path:
        """Where a file is or would be. Raises ValueError when `sha256` is no lower-case sum."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 sum")
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def put(self, data: bytes) -> str:
        """Keep the data; its SHA-256 sum in hex. It is on the disk when this returns, whole or not
        at all. Raises OSError when the disk refuses."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists() and path.stat().st_size == len(data):
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        for folder in (path.parent, path.parent.parent, self.folder):
            _fsync_folder(folder)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The data. Raises ArchiveError when the file is missing or is not what it was."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ArchiveError(f"media {sha256}: {path} cannot be read: {error}") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ArchiveError(f"media {sha256}: {path} is damaged; restore it from a backup")
        return data


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def add(sha256: str, mime: str, size: int, at: int) -> Unit[None]:
    """Know a stored file; the first mime type given stays."""
    yield (
        "INSERT INTO media (sha256, mime, size, stored_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (sha256) DO NOTHING",
        (sha256, mime, size, at),
    )


def set_mxc(sha256: str, mxc: str) -> Unit[None]:
    """The homeserver has the file at this mxc:// address."""
    yield "UPDATE media SET mxc = ? WHERE sha256 = ?", (mxc, sha256)


async def mxc(db: Database, sha256: str) -> str | None:
    """The file's mxc:// address, None while the homeserver does not have it."""
    rows = await db.read("SELECT mxc FROM media WHERE sha256 = ?", sha256)
    return rows[0]["mxc"] if rows else None
