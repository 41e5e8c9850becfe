"""How the link's two processes talk: frames over a Unix socket pair.

A frame is a kind, a small JSON object and a body of bytes:

    length of the rest (4 bytes, big endian) | length of [kind, head] (4) | it, as JSON | body

Both ends are the same version of the same code on the same
machine, so there is no negotiation; a frame that does not fit means a bug or a stranger on the
socket, and ends the conversation.
"""
from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

# WhatsApp lets documents of 2 GB pass, but nobody wants one in memory twice; photos, videos, papers
# and history chunks are far below this.
MAX_FRAME = 256 * 1024 * 1024
_LENGTHS = struct.Struct("!II")


class FrameError(Exception):
    """The bytes are no frame, or the frame is too large."""


@dataclass(frozen=True)
class Frame:
    """One message between parent and child."""

    kind: str
    head: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


def encode(kind: str, head: dict[str, Any], body: bytes = b"") -> bytes:
    """The frame's bytes. FrameError when it is larger than MAX_FRAME."""
    text = json.dumps([kind, head], separators=(",", ":")).encode()
    size = 4 + len(text) + len(body)
    if size > MAX_FRAME:
        raise FrameError(f"a {kind} of {size} bytes is too large for the link's pipe; "
                         f"the limit is {MAX_FRAME} bytes")
    return _LENGTHS.pack(size, len(text)) + text + body


class Decoder:
    """Cuts a stream of bytes, in whatever pieces it arrives, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. FrameError when the stream is no sequence of frames."""
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) - start >= _LENGTHS.size:
            size, head_size = _LENGTHS.unpack_from(self._buffer, start)
            if size > MAX_FRAME:
                raise FrameError(f"a frame of {size} bytes was announced on the link's pipe; "
                                 f"the limit is {MAX_FRAME} bytes")
            if head_size + 4 > size:
                raise FrameError("a frame on the link's pipe has a head longer than itself")
            if len(self._buffer) - start < 4 + size:
                break
            frames.append(self._cut(start + _LENGTHS.size, head_size, start + 4 + size))
            start += 4 + size
        del self._buffer[:start]
        return frames

    def _cut(self, start: int, head_size: int, end: int) -> Frame:
        try:
            kind, head = json.loads(self._buffer[start:start + head_size])
        except (ValueError, TypeError) as error:
            raise FrameError(f"a frame on the link's pipe has no readable head: {error}") from None
        if not isinstance(kind, str) or not isinstance(head, dict):
            raise FrameError("a frame on the link's pipe has a head that is no kind and object")
        return Frame(kind, head, bytes(memoryview(self._buffer)[start + head_size:end]))
