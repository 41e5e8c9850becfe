"""A file that a browser sends, on its way to the disk. It lies under a name of its own there until
it is whole; what breaks off leaves nothing."""
from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import BodyPartReader, ClientError, MultipartReader, web

from archive import clean
from web.site import PageError

log = logging.getLogger("daftar.web")

UNFINISHED = ".part"
_CHUNK = 1 << 18  # bytes
_ROOM = 1 << 16  # bytes of the other fields, in what the browser says the whole form has
_FIELDS = 10
_BROKEN = "The upload broke off: please send the file once more."


@dataclass(frozen=True)
class Incoming:
    """A whole file, at a temporary path."""

    name: str
    path: Path
    sha256: str
    size: int


class Form:
    """A form with a file as its last field. `fields`: those before it."""

    def __init__(self, request: web.Request, limit: int) -> None:
        """`limit`: bytes that the file may have."""
        self.fields: dict[str, str] = {}
        self._request, self._limit = request, limit
        self._reader: MultipartReader | None = None
        self._file: BodyPartReader | None = None

    async def open(self) -> None:
        """Read the fields before the file. Raises PageError."""
        if self._request.content_type != "multipart/form-data":
            raise PageError(400, "This form came without a file.")
        if (self._request.content_length or 0) > self._limit + _ROOM:
            raise self._too_large()
        async with _told():
            self._reader = await self._request.multipart()
            for _ in range(_FIELDS):
                part = await self._reader.next()
                if not isinstance(part, BodyPartReader):
                    return
                if part.filename is not None:
                    self._file = part
                    return
                self.fields[part.name or ""] = (await part.read()).decode("utf-8")

    @contextlib.asynccontextmanager
    async def received(self, folder: Path) -> AsyncIterator[Incoming]:
        """The file, whole, in a folder; what nobody has moved away is gone when the context ends.
        Raises PageError."""
        name = _file_name(self._file.filename if self._file else None)
        if not name:
            raise PageError(400, "Please choose the file first.")
        if not name.lower().endswith((".txt", ".zip")):
            raise PageError(400, f"“{clean.name(name)[:80]}” is no chat export: WhatsApp's is a "
                                 ".txt or a .zip.")
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=folder, suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                sha256, size = await self._copy(file.fileno())
            yield Incoming(name, Path(path), sha256, size)
        finally:
            Path(path).unlink(missing_ok=True)

    async def _copy(self, handle: int) -> tuple[str, int]:
        """Its SHA-256 and size, once all of it is on the disk. Raises PageError."""
        assert self._file is not None and self._reader is not None
        digest, size = hashlib.sha256(), 0

        def keep(chunk: bytes) -> None:
            digest.update(chunk)
            left = memoryview(chunk)
            while left:
                left = left[os.write(handle, left):]

        try:
            while True:
                async with _told():
                    chunk = await self._file.read_chunk(_CHUNK)
                if not chunk:
                    break
                if (size := size + len(chunk)) > self._limit:
                    raise self._too_large()
                await asyncio.to_thread(keep, chunk)
            async with _told():
                await self._to_its_end()
            await asyncio.to_thread(os.fsync, handle)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            log.error("an upload does not fit on the disk: %s", error)
            raise PageError(507, "The server's disk is full, so the file was not kept: please tell "
                                 "the administrator.") from None
        return digest.hexdigest(), size

    async def _to_its_end(self) -> None:
        """What lacks the form's own end broke off, even where the file seems to end."""
        assert self._file is not None and self._reader is not None
        if not self._file.at_eof():
            raise PageError(400, _BROKEN)
        while await self._reader.next() is not None:
            pass
        if not self._reader.at_eof():
            raise PageError(400, _BROKEN)

    def _too_large(self) -> PageError:
        return PageError(413, f"The file is larger than {self._limit >> 20:,} MB, which is the "
                              "most that this page takes (web.upload_limit). Export the chat "
                              "without media, or let the administrator use daftar import.")


def sweep(folder: Path) -> None:
    """Files that were on their way when the pages ended last are gone."""
    for path in folder.glob(f"*{UNFINISHED}"):
        path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Whatever is wrong with a form that comes in is one sentence."""
    try:
        yield
    except (ClientError, ConnectionError, EOFError, AssertionError) as error:
        log.info("an upload broke off: %r", error)
        raise PageError(400, _BROKEN) from None
    except (ValueError, LookupError) as error:
        log.info("an upload is malformed: %r", error)
        raise PageError(400, "What the browser sent cannot be read: please send it once more."
                        ) from None


def _file_name(given: str | None) -> str:
    """A file's own name without folders (some browsers give them), fit for the archive."""
    return clean.name((given or "").replace("\\", "/").rsplit("/", 1)[-1])
