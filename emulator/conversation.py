"""A group as one phone shows it: bubbles, made from the messages that went round.

Edits, deletions and reactions are messages of their own on the wire; here they are folded into
the messages they are about.
"""
from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import DecodeError
from markupsafe import Markup, escape

from emulator.corpus import PAKISTAN
from emulator.model import Entry, Group, Seen
from emulator.phone import Phone
from waproto import e2e

LONGEST = 6000  # letters of a text that a bubble shows
COLOURS = 8  # sender colours in the style sheet

_STEERING = re.compile("[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")
_LATIN = re.compile("[A-Za-z]")
_ADDRESS = re.compile(r"@(\d{6,20})")
_STYLES = [
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), r"<s>\1</s>"),
]


@dataclass
class Bubble:
    """One message on the screen. `text` is the latest version."""

    number: int
    seen: Seen
    name: str
    mine: bool
    text: str
    waiting: bool = False  # this phone cannot read it yet
    edited: bool = False
    deleted: bool = False
    place: tuple[float, float] | None = None
    quote: Bubble | None = None
    reactions: dict[str, str] = field(default_factory=dict)  # sender's number -> emoji

    @property
    def id(self) -> str:
        return self.seen.id

    @property
    def when(self) -> datetime:
        return local(self.seen.timestamp)

    @property
    def colour(self) -> int:
        return colour(self.seen.sender)

    @property
    def tally(self) -> list[tuple[str, int]]:
        """Emoji and how often, the most frequent first."""
        emojis = list(self.reactions.values())
        return sorted({e: emojis.count(e) for e in emojis}.items(), key=lambda pair: -pair[1])


class Names:
    """What people are called on a screen: by push name, else by number."""

    def __init__(self, phones: Callable[[], Mapping[str, Phone]]) -> None:
        self._phones = phones
        self._by_lid: dict[str, Phone] = {}

    def of(self, number: str) -> str:
        phone = self._phones().get(number)
        return clean(phone.name if phone else "") or spaced(number)

    def sorting(self, number: str) -> tuple[bool, str]:
        """By name, people without one last."""
        name = self.of(number)
        return name.startswith("+"), name.casefold()

    def mentioned(self, address: str) -> str | None:
        """The name of a number or LID in a text."""
        phones = self._phones()
        if len(self._by_lid) != len(phones):
            self._by_lid = {phone.lid: phone for phone in phones.values()}
        phone = phones.get(address) or self._by_lid.get(address)
        return self.of(phone.number) if phone else None


def bubbles(entries: Iterable[Entry], group: Group, phone: Phone, names: Names) -> list[Bubble]:
    """The group's messages, oldest first, as `phone` sees them."""
    found: dict[str, Bubble] = {}
    for entry in entries:
        seen = entry.seen
        if seen.group != group.jid:
            continue
        if seen.kind in ("edit", "delete", "reaction"):
            _fold(found.get(seen.target_id or ""), seen, group)
            continue
        if not seen.kind or seen.kind == "protocol":
            continue
        own = seen.sender == phone.number
        found[seen.id] = Bubble(
            entry.number, seen, names.of(seen.sender), own, seen.text,
            waiting=not entry.raw or phone.number in entry.missing,
            place=_place(entry) if seen.kind == "location" else None,
            quote=found.get(seen.quoted_id or ""),
        )
    return list(found.values())


def _fold(target: Bubble | None, seen: Seen, group: Group) -> None:
    if target is None:  # older than what is kept
        return
    if seen.kind == "edit" and seen.sender == target.seen.sender and not target.deleted:
        target.text, target.edited = seen.text, True
    elif seen.kind == "delete" and (seen.sender == target.seen.sender
                                    or group.is_admin(seen.sender)):
        target.deleted = True
        target.reactions.clear()
    elif seen.kind == "reaction" and not target.deleted:
        target.reactions.pop(seen.sender, None)
        if seen.text:
            target.reactions[seen.sender] = seen.text


def _place(entry: Entry) -> tuple[float, float] | None:
    try:
        part = e2e.Message.FromString(entry.raw).locationMessage
    except DecodeError:
        return None
    return round(part.degreesLatitude, 6), round(part.degreesLongitude, 6)


# --- texts on a screen ------------------------------------------------------------------------

def local(timestamp: int) -> datetime:
    """Seconds as Pakistan's time; what no calendar holds shows as the nearest end."""
    return datetime.fromtimestamp(min(max(timestamp, 0), 253_000_000_000), PAKISTAN)


def day(moment: datetime) -> str:
    """`Monday 16 November 2026`"""
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def clean(name: str) -> str:
    """A name without controls and without the characters that steer writing direction."""
    return _STEERING.sub("", name).strip()[:80]


def spaced(number: str) -> str:
    """`+92 300 7001001`; other countries' numbers with the plus alone."""
    if re.fullmatch(r"92\d{10}", number):
        return f"+92 {number[2:5]} {number[5:]}"
    return f"+{number}"


def colour(key: str) -> int:
    """Which of the style sheet's colours somebody has, always the same."""
    return zlib.crc32(key.encode()) % COLOURS


def initial(name: str) -> str:
    """The letter that stands for a name; # for a number."""
    return next((letter for letter in name if letter.isalpha()), "#").upper()


def suffix(filename: str) -> str:
    """A file's kind as its icon shows it: PDF."""
    end = clean(filename).rpartition(".")[2] if "." in filename else ""
    return end.upper() if 0 < len(end) <= 4 and end.isalnum() else "FILE"


def urdu(text: str) -> bool:
    """Whether a text is mostly in Urdu letters: it gets Urdu's font and line height."""
    return len(_ARABIC.findall(text[:500])) > len(_LATIN.findall(text[:500]))


def body(text: str, names: Names) -> Markup:
    """A text with WhatsApp's *bold*, _italic_ and ~struck~, and names for mentioned addresses."""
    shown = _CONTROLS.sub("", text[:LONGEST]) + (" …" if len(text) > LONGEST else "")
    html = str(escape(shown))
    for pattern, style in _STYLES:
        html = pattern.sub(style, html)

    def named(found: re.Match[str]) -> str:
        name = names.mentioned(found[1])
        return f"<b class=at>@<bdi>{escape(name)}</bdi></b>" if name else found[0]

    return Markup(_ADDRESS.sub(named, html))  # escaped above; only our own tags are added


def excerpt(bubble: Bubble, names: Names, length: int = 110) -> str:
    """One line for a quote or a list."""
    if bubble.deleted:
        return "This message was deleted"
    words = {"image": "Picture", "video": "Video", "audio": "Voice note", "location": "Location",
             "document": bubble.seen.filename or "Document", "sticker": "Sticker"}
    label = words.get(bubble.seen.kind, "")
    text = _ADDRESS.sub(lambda found: f"@{names.mentioned(found[1]) or found[1]}",
                        " ".join(bubble.text[:LONGEST].split()))
    line = f"{label}: {text}" if label and text else label or text or bubble.seen.kind
    return _CONTROLS.sub("", line)[:length] + ("…" if len(line) > length else "")
