"""The words of a message: its own (without quoted ones), safe, short, and whether they command."""
from __future__ import annotations

import re
import unicodedata
from typing import Any

# C0/C1 controls but tab and newline; bidi embeddings, overrides and isolates; lone surrogates;
# noncharacters. Directional marks (LRM, RLM, ALM) and joiners stay: Urdu needs them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_MARKS = "\u200e\u200f\u061c\ufeff\u200b"
_SCHOOL_CODE = re.compile(r"(?<!\d)\d{5}(?!\d)")

TITLE_LENGTH = 80
LONGEST = 20_000  # characters of one note; an event holds 64 KiB


def clean(text: str) -> str:
    """Without what could break a screen or a database. Line ends become newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub("", text).strip().strip(_MARKS).strip()


def one_line(text: str) -> str:
    """Clean, and all white space a single blank."""
    return " ".join(clean(text).split())


def shorten(text: str, length: int) -> str:
    """At most `length` characters, cut at a word where there is one, with … for what is gone."""
    if len(text) <= length:
        return text
    cut = text[:length - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > length // 2 else cut).rstrip(" ,.;:،۔-") + "…"


def title_from(text: str) -> str:
    """A case's title from a message: its beginning; a school's code further on is kept."""
    line = one_line(text)
    title = shorten(line, TITLE_LENGTH)
    code = _SCHOOL_CODE.search(line)
    if code and code[0] not in title:
        title = f"{shorten(line, TITLE_LENGTH - 8)} ({code[0]})"
    return title


def fold(text: str) -> str:
    """For comparing words: compatibility forms and letter case do not matter, marks are gone."""
    text = unicodedata.normalize("NFKC", text).translate(dict.fromkeys(map(ord, _MARKS)))
    return text.replace("ي", "ی").replace("ك", "ک").casefold()


def without_fallback(body: str, is_reply: bool) -> str:
    """A message's own words: old clients quote what they answer in lines beginning with `> `
    (client-server API, "Rich replies", fallback, removed in Matrix 1.13)."""
    if not is_reply or not body.startswith("> "):
        return body
    lines = body.split("\n")
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    if lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


def is_command(body: str, is_reply: bool, prefix: str) -> bool:
    """Is it said to the bot? Marks that keyboards put before Urdu text do not hide the prefix: what
    the bot would obey must not go to WhatsApp."""
    return clean(without_fallback(body, is_reply)).startswith(prefix)


_MEDIA = {"m.image": "picture", "m.video": "video", "m.audio": "audio", "m.file": "file",
          "m.location": "location"}


def excerpt(type_: str, content: dict[str, Any], is_reply: bool) -> str:
    """What a paper says, for a docket: words, or in brackets what else it is."""
    if type_ == "m.room.encrypted":
        return "[encrypted message]"
    if type_ == "m.sticker":
        return "[sticker]"
    if not content:
        return "[deleted message]"
    body = content.get("body")
    words = clean(without_fallback(body, is_reply)) if isinstance(body, str) else ""
    kind = _MEDIA.get(str(content.get("msgtype")))
    if kind:
        return f"[{kind}] {words}".strip()
    return words or "[message without text]"
