"""What all of the bridge knows of encrypted rooms, without loading what encrypts."""
from __future__ import annotations

from pathlib import Path

ALGORITHM = "m.megolm.v1.aes-sha2"
SEALED = "m.room.encrypted"
# Reactions and redactions are never encrypted: the homeserver must know what they are about.
CLEAR = ("m.reaction", "m.room.redaction")


def key_file(data: Path) -> Path:
    """Where the bridge's keys are, below the data folder. Stands from the first start on with a
    room to be encrypted."""
    return data / "keys" / "bridge.db"


class KeyMissing(Exception):
    """The key of an event has not come yet; `session` names it."""

    def __init__(self, session: str) -> None:
        super().__init__("its key has not come yet")
        self.session = session


class Unreadable(Exception):
    """An event cannot be decrypted and never will be; the text says why."""
