"""Files that staff send: from the homeserver to WhatsApp's media host, in the shape in which phones
show them."""
from __future__ import annotations

import asyncio
from typing import Any

from archive.model import Record
from bridge.clock import now_ms
from bridge.link.parent import Link
from bridge.matrix import Homeserver
from bridge.outward import compose, pictures
from bridge.outward.compose import Shape
from bridge.rooms.media import Media
from bridge.worker import GiveUp

SIZE_LIMIT = 64 * 1024 * 1024  # bytes; WhatsApp's own limit for pictures and videos
ANY_TYPE = "application/octet-stream"


class Attachments:
    """Fetches, keeps, converts and uploads."""

    def __init__(self, link: Link, media: Media, homeserver: Homeserver) -> None:
        self._link = link
        self._media = media
        self._homeserver = homeserver

    async def upload(self, record: Record, content: dict[str, Any]) -> tuple[str, str, Shape, Any]:
        """(kind, MIME type, shape, UploadResponse) of the file of a staff member's event. Raises
        GiveUp when it cannot be sent, HomeserverError, LinkError, LinkUnsure."""
        data, mime = await self._data(record, content), record.media_mime or ANY_TYPE
        kind = compose.leaves_as(record.kind, mime)
        shape = _shape(content, kind)
        if kind == "sticker":
            try:
                made = await asyncio.to_thread(pictures.sticker, data)
            except pictures.PictureError as error:
                raise GiveUp(str(error)) from error
            data, mime = made.webp, "image/webp"
            shape = Shape(pictures.STICKER, pictures.STICKER, animated=made.animated)
        elif kind == "image":
            width, height, thumbnail = await asyncio.to_thread(pictures.preview, data)
            shape = Shape(width or shape.width, height or shape.height, thumbnail=thumbnail)
        elif compose.is_ogg(mime) and kind == "audio":
            mime = "audio/ogg; codecs=opus"  # without it phones do not play it
        return kind, mime, shape, await self._link.upload(data, kind)

    async def _data(self, record: Record, content: dict[str, Any]) -> bytes:
        """The file of an event, kept in the archive as well."""
        url = content.get("url")
        if not isinstance(url, str):
            raise GiveUp("the file is encrypted or has no address")
        claimed = _info(content).get("size")
        if isinstance(claimed, int) and claimed > SIZE_LIMIT:  # not even fetched
            raise _too_large(claimed)
        data = await self._media.read(record.media.sha256) if record.media else \
            await self._homeserver.download(url)
        if len(data) > SIZE_LIMIT:
            raise _too_large(len(data))
        if record.media is None:
            await self._media.keep(data, record.media_mime or ANY_TYPE, now_ms(), record.id)
        return data


def _too_large(size: int) -> GiveUp:
    return GiveUp(f"the file has {size // 2**20} MB; WhatsApp takes {SIZE_LIMIT // 2**20} MB")


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
