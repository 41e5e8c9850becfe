"""Pictures of groups and people: from WhatsApp into the store and the homeserver."""
from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from archive import media as archive_media
from archive.db import Database, Unit
from bridge.clock import now_ms
from bridge.link import LinkError, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError

log = logging.getLogger("daftar.bridge.avatars")

_MIME = "image/jpeg"  # WhatsApp makes every profile picture one


@dataclass(frozen=True)
class Shown:
    """A picture that stands in the store and in the media repository."""

    sha256: str
    uri: str  # mxc:


class Avatars:
    """Fetches profile pictures; each goes to the homeserver once."""

    def __init__(self, database: Database, store: archive_media.MediaStore, link: Link,
                 homeserver: Homeserver) -> None:
        self._db = database
        self._store = store
        self._link = link
        self._homeserver = homeserver

    async def fetch(self, jid: str) -> Shown | None:
        """The picture of a group or a person; None when it has none, or shows it to nobody.
        Raises LinkError when WhatsApp cannot be asked now, HomeserverError when the homeserver is
        away."""
        try:
            data = await self._link.picture(jid)
        except LinkUnsure as error:
            raise LinkError(str(error)) from error
        if not data:
            return None
        sha256 = await asyncio.to_thread(self._store.put, data)
        uri = await archive_media.mxc(self._db, sha256)
        if uri is None:
            try:
                uri = await self._homeserver.upload(data, _MIME, "avatar.jpg")
            except HomeserverError as error:
                if error.temporary:
                    raise
                log.warning("the homeserver does not take the picture of %s: %s", jid, error)
                return None
            await self._db.write(_keep(sha256, len(data), uri))
        return Shown(sha256, uri)


def _keep(sha256: str, size: int, uri: str) -> Unit[None]:
    yield from archive_media.add(sha256, _MIME, size, now_ms())
    yield from archive_media.set_mxc(sha256, uri)
