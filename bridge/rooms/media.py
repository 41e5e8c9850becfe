"""Files between WhatsApp, the content-addressed store and the homeserver's media repository.

WhatsApp drops a file after some weeks: it is fetched when its message arrives and kept by its
SHA-256; the homeserver gets each file once.
"""
from __future__ import annotations

import asyncio

from archive import media as archive_media
from archive import messages
from archive.db import Database
from archive.model import Record
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver
from bridge.shown import convert
from bridge.shown.convert import File
from bridge.whatsapp import content
from waproto import e2e


class MediaGone(Exception):
    """WhatsApp no longer has the file; the text says so to a reader."""


class Media:
    """Fetches, keeps and hands on files."""

    def __init__(self, database: Database, store: archive_media.MediaStore, link: Link,
                 homeserver: Homeserver) -> None:
        self._db = database
        self._store = store
        self._link = link
        self._homeserver = homeserver

    async def of_record(self, record: Record, now: int) -> File:
        """The file of a message that came from WhatsApp. Raises MediaGone when WhatsApp says that
        it is no more, LinkError when it may be there later."""
        mime, name = convert.media_type(record), convert.file_name(record)
        if record.media is not None:
            return File(await self.read(record.media.sha256), mime, name)
        raw = await messages.raw(self._db, record.id)
        try:
            data = await self._link.download(
                content.downloadable(e2e.Message.FromString(raw or b"")))
        except LinkError as error:
            if any(word in str(error) for word in ("403", "404", "410", "no url", "hash mismatch",
                                                   "invalid media", "any attachments")):
                raise MediaGone(f"WhatsApp no longer has the file ({error})") from error
            raise
        except LinkUnsure as error:
            raise LinkError(str(error)) from error
        await self.keep(data, mime, now, record.id)
        return File(data, mime, name)

    async def keep(self, data: bytes, mime: str, now: int, record_id: int) -> str:
        """Put a file into the store and note it on its record. Returns its SHA-256."""
        digest = await asyncio.to_thread(self._store.put, data)
        await self._db.write(_note(record_id, digest, mime, len(data), now))
        return digest

    async def read(self, sha256: str) -> bytes:
        """A file of the store."""
        return await asyncio.to_thread(self._store.get, sha256)

    async def to_homeserver(self, file: File, sha256: str | None = None) -> str:
        """Upload a file, unless the homeserver has it. Returns its mxc: URI."""
        known = await archive_media.mxc(self._db, sha256) if sha256 else None
        if known:
            return known
        uri = await self._homeserver.upload(file.data, file.mime, file.name)
        if sha256:
            await self._db.write(archive_media.set_mxc(sha256, uri))
        return uri


def _note(record_id: int, digest: str, mime: str, size: int, now: int):
    yield from archive_media.add(digest, mime, size, now)
    yield from messages.set_media(record_id, digest)
