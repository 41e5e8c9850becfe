"""Files that staff send: from the homeserver to WhatsApp's media host, in the shape in which phones
show them."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from archive.model import Record
from bridge.clock import now_ms
from bridge.link.parent import Link
from bridge.matrix import FileTooLarge, Homeserver
from bridge.outward import compose, pictures
from bridge.outward.compose import Shape
from bridge.rooms import locked
from bridge.rooms.media import Media, megabytes
from bridge.worker import GiveUp

SIZE_LIMIT = 64 * 1024 * 1024  # bytes; WhatsApp's own limit for pictures and videos
ANY_TYPE = "application/octet-stream"


class Attachments:
    """Fetches, keeps, converts and uploads."""

    def __init__(self, media: Media, homeserver: Homeserver) -> None:
        self._media = media
        self._homeserver = homeserver

    async def upload(self, record: Record, content: dict[str, Any], link: Link
                     ) -> tuple[str, str, Shape, Any]:
        """(kind, MIME type, shape, UploadResponse) of the file of a staff member's event. Raises
        GiveUp when it cannot be sent, HomeserverError, LinkError, LinkUnsure."""
        path, mime = await self._fetched(record, content), record.media_mime or ANY_TYPE
        kind = compose.leaves_as(record.kind, mime)
        shape = _shape(content, kind)
        if kind == "sticker":
            try:
                made = await asyncio.to_thread(lambda: pictures.sticker(path.read_bytes()))
            except pictures.PictureError as error:
                raise GiveUp(str(error)) from error
            shape = Shape(pictures.STICKER, pictures.STICKER, animated=made.animated)
            return kind, "image/webp", shape, await link.upload(made.webp, kind)
        if kind == "image":
            shown = await _preview(path)
            if shown is None:  # whatever its type says: phones would show a broken picture
                return "document", mime, Shape(), await link.upload(path, "document")
            shape = Shape(*shown[:2], thumbnail=shown[2])
        elif compose.is_ogg(mime) and kind == "audio":
            mime = "audio/ogg; codecs=opus"  # without it phones do not play it
        return kind, mime, shape, await link.upload(path, kind)

    async def left_as(self, record: Record) -> str:
        """As what a record left: text, image, video, audio, document, sticker, …"""
        kind = compose.leaves_as(record.kind, record.media_mime)
        if kind == "image" and record.media and \
                await _preview(await self._media.path(record.media.sha256)) is None:
            return "document"
        return kind

    async def _fetched(self, record: Record, content: dict[str, Any]) -> Path:
        """The file of an event, kept in the archive as well."""
        sealed = content.get("file")
        sealed = sealed if isinstance(sealed, dict) else None
        url = sealed.get("url") if sealed else content.get("url")
        if not isinstance(url, str):
            raise GiveUp("the file has no address")
        claimed = _info(content).get("size")
        if isinstance(claimed, int) and claimed > SIZE_LIMIT:  # not even fetched
            raise _too_large(claimed)
        if record.media:
            return await self._media.path(record.media.sha256)
        with self._media.incoming() as fresh:
            try:
                keys = locked.keys_of(sealed) if sealed else None
                await self._homeserver.download(url, fresh, SIZE_LIMIT)
                if keys:
                    await asyncio.to_thread(locked.unlock, fresh, keys)
            except FileTooLarge as error:
                raise _too_large(error.args[0]) from error
            except locked.LockedError as error:
                raise GiveUp(str(error)) from error
            return await self._media.keep(fresh, record.media_mime or ANY_TYPE, now_ms(), record.id)


async def _preview(path: Path) -> tuple[int, int, bytes] | None:
    return await asyncio.to_thread(lambda: pictures.preview(path.read_bytes()))


def _too_large(size: int) -> GiveUp:
    return GiveUp(f"the file has {megabytes(size)}; WhatsApp takes {megabytes(SIZE_LIMIT)}")


def _info(content: dict[str, Any]) -> dict[str, Any]:
    info = content.get("info")
    return info if isinstance(info, dict) else {}


def _number(value: object, limit: int = 10_000_000) -> int:
    """A whole number that a message may hold; 0 for anything else."""
    return int(value) if isinstance(value, int | float) and 0 < value < limit else 0


def _shape(content: dict[str, Any], kind: str) -> Shape:
    """What an event says of its file (spec: m.video, m.audio; MSC1767 and MSC3245 for voice)."""
    info = _info(content)
    audio = content.get("org.matrix.msc1767.audio")
    audio = audio if isinstance(audio, dict) else {}
    milliseconds = _number(info.get("duration") or audio.get("duration"), 10**9)
    seconds = max(1, milliseconds // 1000) if milliseconds else 0
    if kind != "audio":
        return Shape(_number(info.get("w")), _number(info.get("h")), seconds)
    is_voice = "org.matrix.msc3245.voice" in content and compose.is_ogg(info.get("mimetype"))
    return Shape(seconds=seconds, voice=is_voice,
                 waveform=compose.waveform(audio.get("waveform")))
