"""Files of the record, small pictures made from them, and the pages' own style."""
from __future__ import annotations

import asyncio
import logging
import os
import re
import tempfile
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.helpers import content_disposition_header
from PIL import Image, ImageOps

from archive import pages
from web import ask
from web.filters import clean
from web.site import SITE, PageError

log = logging.getLogger("daftar.web")

# Types that a browser shows without running anything of theirs; all others are downloaded.
SHOWN = frozenset({
    "image/jpeg", "image/png", "image/gif", "image/webp",
    "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/wav", "audio/x-wav",
    "audio/opus", "audio/webm", "video/mp4", "video/webm", "video/3gpp", "application/pdf",
})
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_TYPE = re.compile(r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$")
_ACTIVE = ("html", "xml", "javascript", "ecmascript", "svg")

THUMBNAIL = (480, 360)  # pixels, at most
MAX_PIXELS = 60_000_000  # a picture beyond this is not opened (decompression bombs)
_STATIC = Path(__file__).parent / "static"
STATIC_TYPES = {"style.css": "text/css", "registers.css": "text/css",
                "daftar.svg": "image/svg+xml"}
_KEEP = "private, max-age=86400, immutable"  # named by their content: they never change


async def media(request: web.Request) -> web.StreamResponse:
    """GET /media/SHA256, with `r` (the record that names the file)."""
    site, sha256 = request.app[SITE], _sha256(request)
    path = site.media.path(sha256)
    declared = await pages.file_mime(site.db, sha256)
    if declared is None or not path.is_file():
        raise PageError(404, "The archive does not hold this file.")
    record_id = ask.number(request, "r")
    name = await pages.file_name(site.db, record_id, sha256) if record_id else None
    kind = declared.partition(";")[0].strip().lower()
    shown = kind in SHOWN
    if not _TYPE.match(kind) or any(word in kind for word in _ACTIVE):
        kind = "application/octet-stream"
    names = {"filename": clean(name).replace("/", "_")} if name else {}
    response = web.FileResponse(path, headers={
        hdrs.CONTENT_TYPE: kind,
        hdrs.CONTENT_DISPOSITION: content_disposition_header(
            "inline" if shown else "attachment", **names),
        hdrs.CACHE_CONTROL: _KEEP,
    })
    if kind != "application/pdf":  # browsers' PDF viewers do not start in a sandbox
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


async def thumbnail(request: web.Request) -> web.StreamResponse:
    """GET /thumb/SHA256: the picture at most 480 × 360, as WebP."""
    site, sha256 = request.app[SITE], _sha256(request)
    path = site.thumbnails / sha256[:2] / f"{sha256[2:]}.webp"
    if not path.is_file():
        source = site.media.path(sha256)
        if await pages.file_mime(site.db, sha256) is None or not source.is_file():
            raise PageError(404, "The archive does not hold this picture.")
        try:
            await asyncio.get_running_loop().run_in_executor(None, _shrink, source, path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            log.info("no thumbnail of %s: %s", sha256, error)
            raise PageError(415, "This file cannot be shown as a picture; download it "
                                 "instead.") from None
    return web.FileResponse(path, headers={
        hdrs.CONTENT_TYPE: "image/webp", hdrs.CACHE_CONTROL: _KEEP})


async def static(request: web.Request) -> web.StreamResponse:
    """GET /static/NAME"""
    name = request.match_info["name"]
    if name not in STATIC_TYPES:
        raise PageError(404, "There is no such file.")
    return web.FileResponse(_STATIC / name, headers={
        hdrs.CONTENT_TYPE: STATIC_TYPES[name],
        hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable" if request.query_string
        else "public, max-age=300"})


def _sha256(request: web.Request) -> str:
    text = request.match_info["sha256"]
    if not _SHA256.match(text):
        raise PageError(404, "That is not the name of a file: files are named by 64 hexadecimal "
                             "digits.")
    return text


def _shrink(source: Path, path: Path) -> None:
    with Image.open(source) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} × {image.height} pixels are too many")
        image.draft("RGB", THUMBNAIL)
        image = ImageOps.exif_transpose(image)
        image.thumbnail(THUMBNAIL)
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                image.save(file, "WEBP", quality=60, method=4)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
