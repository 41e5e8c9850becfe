"""Files by content: a folder whose names are SHA-256 sums, and the table that knows them."""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
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
        with self.incoming() as fresh:
            fresh.write_bytes(data)
            return self.adopt(fresh)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """An empty file in the store's folder that somebody may write and `adopt`; what has not
        been adopted when the context ends is gone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        os.close(handle)
        path = Path(name).resolve()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def adopt(self, fresh: Path) -> str:
        """Make a file that `incoming` gave part of the store, without reading it into memory; its
        SHA-256 sum in hex. It is on the disk when this returns. Raises OSError."""
        with fresh.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        path = self.path(sha256)
        if path.exists() and path.stat().st_size == size:
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(fresh, path)
        for folder in (path.parent, path.parent.parent, self.folder):
            _fsync_folder(folder)
        return sha256

    def whole(self, sha256: str) -> Path:
        """The path of a file whose content has just been compared with its sum, piece by piece.
        Raises ArchiveError when it is missing or is not what it was."""
        path = self.path(sha256)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ArchiveError(f"media {sha256}: {path} cannot be read: {error}") from None
        if found != sha256:
            raise ArchiveError(f"media {sha256}: {path} is damaged; restore it from a backup")
        return path

    def get(self, sha256: str) -> bytes:
        """The data. Raises ArchiveError when the file is missing or is not what it was."""
        return self.whole(sha256).read_bytes()


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
