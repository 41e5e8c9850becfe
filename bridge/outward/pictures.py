"""Pictures for WhatsApp: previews and stickers. With Pillow; what cannot be read, or would be huge
in memory, is none."""
from __future__ import annotations

import io
import logging
from dataclasses import dataclass

from PIL import Image

log = logging.getLogger("daftar.bridge")

PREVIEW = 96  # pixels of a preview's longer side
STICKER = 512  # pixels of a sticker's sides, as WhatsApp wants them
PIXELS = 50_000_000  # more are not read
FRAMES = 120  # of an animated sticker


class PictureError(Exception):
    """The file is no picture that can be read; the text is for a person."""


@dataclass(frozen=True)
class Sticker:
    """A sticker's file."""

    webp: bytes
    animated: bool


def preview(data: bytes) -> tuple[int, int, bytes] | None:
    """(width, height, JPEG preview) of a picture; None when it cannot be read."""
    try:
        with _opened(data) as picture:
            size = picture.size
            picture.draft("RGB", (PREVIEW * 2, PREVIEW * 2))  # a JPEG is then read at this size
            picture.thumbnail((PREVIEW, PREVIEW))
            out = io.BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=60)
            return *size, out.getvalue()
    except (OSError, ValueError, SyntaxError, PictureError, Image.DecompressionBombError) as error:
        log.info("a picture that cannot be read: %s", error)
        return None


def sticker(data: bytes) -> Sticker:
    """A picture as a WhatsApp sticker: WebP, 512 by 512, the rest transparent. Raises
    PictureError."""
    try:
        with _opened(data) as picture:
            frames = min(getattr(picture, "n_frames", 1), FRAMES)
            if picture.format == "WEBP" and picture.size == (STICKER, STICKER):
                return Sticker(data, frames > 1)
            pages, durations = [], []
            for number in range(frames):
                picture.seek(number)
                pages.append(_framed(picture))
                durations.append(int(picture.info.get("duration") or 100))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise PictureError(f"the sticker's picture cannot be read ({error})") from error
    out = io.BytesIO()
    if frames > 1:
        pages[0].save(out, "WEBP", quality=60, save_all=True, append_images=pages[1:],
                      duration=durations, loop=0)
    else:
        pages[0].save(out, "WEBP", quality=80)
    return Sticker(out.getvalue(), frames > 1)


def _opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    if picture.width * picture.height > PIXELS:
        raise PictureError(f"the picture has {picture.width} by {picture.height} pixels")
    return picture


def _framed(picture: Image.Image) -> Image.Image:
    """One frame on a transparent square."""
    copy = picture.convert("RGBA")
    copy.thumbnail((STICKER, STICKER))
    square = Image.new("RGBA", (STICKER, STICKER), (0, 0, 0, 0))
    square.paste(copy, ((STICKER - copy.width) // 2, (STICKER - copy.height) // 2))
    return square
