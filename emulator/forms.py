"""What a browser or a script sends to the phone page, read and checked."""
from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.attachments import mime_of

LONGEST_TEXT = 65_536  # WhatsApp's own limit of a message


def wants_json(request: web.Request) -> bool:
    """Whether the answer is for a script."""
    return "application/json" in request.headers.get("Accept", "") \
        or request.path.startswith("/api/")


async def fields(request: web.Request) -> dict[str, Any]:
    """The fields of a form or of a JSON object."""
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        fields = await request.json()
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="The body is no JSON object.")
    return fields


def text(form: dict[str, Any]) -> str:
    """The field text, with plain line ends. Raises HTTPBadRequest for one too long."""
    value = form.get("text") or ""
    if not isinstance(value, str):
        raise web.HTTPBadRequest(text="The field text is no text.")
    if len(value) > LONGEST_TEXT:
        raise web.HTTPBadRequest(text=f"That text has {len(value)} letters; WhatsApp takes "
                                      f"{LONGEST_TEXT}.")
    return value.replace("\r\n", "\n")  # browsers send a form's line ends so


def kind(claimed: str, filename: str) -> tuple[str, str]:
    """How a phone would send a file: kind and media type."""
    mime = claimed if "/" in claimed else mime_of(filename, "document")
    if mime in ("image/jpeg", "image/png", "image/webp", "image/gif"):
        return "image", mime
    if mime == "video/mp4":
        return "video", mime
    return ("audio", mime) if mime.startswith("audio/") else ("document", mime)


def number(value: str | None, default: int) -> int:
    """A small count from an address; `default` for anything else."""
    return min(int(value), 100_000) if value and value.isdecimal() and len(value) < 9 else default
