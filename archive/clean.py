"""What may stand in a text column: input from outside, made storable and harmless.

The bytes as they came stay in `record.raw`; these functions only decide what is read and shown.
"""
from __future__ import annotations

import re

NAME_LENGTH = 200  # characters; WhatsApp's own limit is far lower, a hostile client knows none

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL refuses NUL; neither is valid UTF-8

# C0 and C1 controls, line and paragraph separators, bidi marks, embeddings, overrides and isolates
# (UAX #9), zero-width space, word joiner, byte order mark, interlinear annotations. ZWNJ and ZWJ
# stay: Urdu and emoji need them.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u206f"
    "\ufeff\ufff9-\ufffb]"
)


def text(value: str) -> str:
    """The same text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", value)


def name(value: str | None) -> str:
    """A name on one line, without controls and bidi overrides; "" when nothing visible is left."""
    spaced = re.sub(r"[\t\r\n\u2028\u2029]", " ", value or "")
    kept = _HARMFUL.sub("", text(spaced))
    kept = " ".join(kept.split())[:NAME_LENGTH].strip()
    return kept if kept.strip("\u200c\u200d \ufffd") else ""
