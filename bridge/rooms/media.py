"""Files between WhatsApp, the content-addressed store and the homeserver's media repository.

WhatsApp drops a file after some weeks: it is fetched when its message arrives and kept by its
SHA-256; the homeserver gets each file once.
"""
from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from archive import media as archive_media
from archive import messages
from archive.db import Database
from archive.model import Record
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver
from bridge.rooms import locked
from bridge.shown import convert
from bridge.shown.convert import File
from bridge.whatsapp import content
from waproto import e2e

# What the library says when trying again cannot help (whatsmeow's words in errors.go).
_GONE = ("403", "404", "410", "no url", "any attachments")
_DAMAGED = ("doesn't match", "does not match", "invalid media hmac", "file too short")


class MediaGone(Exception):
    """The file cannot be had, now or later; the text says why to a reader."""


class Media:
    """Fetches, keeps and hands on files."""

    def __init__(self, database: Database, store: archive_media.MediaStore, link: Link,
                 homeserver: Homeserver, limit: int) -> None:
        """`limit`: bytes of the largest file that is fetched from WhatsApp."""
        self._limit = limit
        self._db = database
        self._store = store
        self._link = link
        self._homeserver = homeserver

    async def of_record(self, record: Record, now: int) -> File:
        """The file of a message that came from WhatsApp. Raises MediaGone when WhatsApp says that
        it is no more, LinkError when it may be there later."""
        mime, name = convert.media_type(record), convert.file_name(record)
        if record.media is not None:
            return File(await self.path(record.media.sha256), mime, name)
        raw = await messages.raw(self._db, record.id)
        if raw is None and record.origin == "import":
            raise MediaGone("the chat export does not hold it")
        message = content.downloadable(e2e.Message.FromString(raw or b""))
        size = content.file_size(message)
        if size > self._limit:
            raise MediaGone(f"it has {megabytes(size)} and stays on the phones; files of up to "
                            f"{megabytes(self._limit)} are fetched (whatsapp.media_limit)")
        with self._store.incoming() as fresh:
            try:
                await self._link.download(message, fresh)
            except LinkError as error:
                if any(word in str(error) for word in _DAMAGED):
                    raise MediaGone("the file that WhatsApp hands over is damaged; ask for it "
                                    f"again ({error})") from error
                if any(word in str(error) for word in _GONE):
                    raise MediaGone(f"WhatsApp no longer has the file ({error})") from error
                raise
            except LinkUnsure as error:
                raise LinkError(str(error)) from error
            return File(await self.keep(fresh, mime, now, record.id), mime, name)

    def incoming(self) -> contextlib.AbstractContextManager[Path]:
        """A file to write into, for `keep`."""
        return self._store.incoming()

    async def keep(self, fresh: Path, mime: str, now: int, record_id: int) -> Path:
        """Put a file that was written to `incoming` into the store and note it on its record.
        Returns where it lies from now on."""
        digest = await asyncio.to_thread(self._store.adopt, fresh)
        path = self._store.path(digest).resolve()
        await self._db.write(_note(record_id, digest, mime, path.stat().st_size, now))
        return path

    async def path(self, sha256: str) -> Path:
        """Where a file of the store lies, compared with its sum. Raises ArchiveError."""
        return (await asyncio.to_thread(self._store.whole, sha256)).resolve()

    async def to_homeserver(self, file: File, sha256: str | None = None) -> str:
        """Upload a file, unless the homeserver has it. Returns its mxc: URI."""
        known = await archive_media.mxc(self._db, sha256) if sha256 else None
        if known:
            return known
        uri = await self._homeserver.upload(file.data, file.mime, file.name)
        if sha256:
            await self._db.write(archive_media.set_mxc(sha256, uri))
        return uri

    async def to_homeserver_locked(self, file: File) -> dict[str, Any]:
        """Upload a file encrypted, for an encrypted room. Returns its EncryptedFile (spec: Sending
        encrypted attachments). Every upload has a key of its own, so nothing is kept of it."""
        with self._store.incoming() as sealed:
            info = await asyncio.to_thread(locked.lock, file.data, sealed)
            uri = await self._homeserver.upload(sealed, "application/octet-stream", "")
        return {**info, "url": uri}


def megabytes(size: int) -> str:
    """A number of bytes for a reader."""
    return f"{size / 2**20:,.0f} MB"


def _note(record_id: int, digest: str, mime: str, size: int, now: int):
    yield from archive_media.add(digest, mime, size, now)
    yield from messages.set_media(record_id, digest)
