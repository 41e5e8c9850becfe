"""What the emulator speaks of: groups, messages sent, messages seen."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emulator.nodes import Jid


class EmulatorError(Exception):
    """Something asked of the emulator cannot be done; the message says what and why."""


@dataclass
class Group:
    """A WhatsApp group. `members` maps a number to "member", "admin" or "superadmin";
    `addressing` says whether its stanzas carry LIDs ("lid", today's default) or numbers ("pn")."""

    jid: str
    name: str
    topic: str = ""
    creation: int = 0
    owner: str = ""
    members: dict[str, str] = field(default_factory=dict)
    addressing: str = "lid"
    announce: bool = False  # only admins may write
    locked: bool = False  # only admins may change name, description and picture
    timer: int = 0  # seconds until messages disappear; 0: never
    parent: str = ""  # JID of the community
    is_parent: bool = False  # it is a community
    picture: bytes | None = None
    left: set[str] = field(default_factory=set)  # who left by themselves; not kept over a restart

    def is_admin(self, number: str) -> bool:
        return self.members.get(number) in ("admin", "superadmin")


@dataclass(frozen=True)
class Sent:
    """A message that a phone sent. `timestamp` in whole seconds, as WhatsApp keeps it."""

    id: str
    group: str
    sender: str
    timestamp: int
    kind: str
    text: str


@dataclass(frozen=True)
class Seen:
    """A message as a phone shows it. `target_id`: what an edit, reaction or deletion is about."""

    id: str
    group: str
    sender: str
    timestamp: int
    kind: str
    text: str
    quoted_id: str | None = None
    target_id: str | None = None
    filename: str = ""
    mime: str = ""
    from_device: bool = False
    media_path: Path | None = field(default=None, repr=False)

    @property
    def media(self) -> bytes | None:
        """The opened file; None when the message has none or it could not be opened."""
        return self.media_path.read_bytes() if self.media_path else None


@dataclass
class Entry:
    """A message as the emulator keeps it. `raw`: the serialized waE2E.Message, b"" while nobody
    could read it; `missing`: numbers of phones that cannot read it (yet)."""

    number: int
    seen: Seen
    raw: bytes
    author: Jid  # number:device, so that a device's own retry requests find their way
    missing: set[str] = field(default_factory=set)
