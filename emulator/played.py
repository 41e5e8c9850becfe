"""The book of a scenario: every message that its phones sent, kept in one SQLite file."""
from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from emulator.corpus import Chat, Message
from emulator.model import Sent

_COLUMNS = ("source", "corpus_id", "part", "grp", "id", "kind", "text", "sender", "timestamp",
            "target_id", "quoted_id", "filename", "sha256")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS played (
    content TEXT, source TEXT, corpus_id TEXT, part INTEGER, grp TEXT, id TEXT, kind TEXT,
    text TEXT, sender TEXT, timestamp INTEGER, target_id TEXT, quoted_id TEXT, filename TEXT,
    sha256 TEXT, PRIMARY KEY (grp, content, part)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Played:
    """One message on the wire. `kind`: text, image, video, audio, document, location, edit, delete
    or reaction; `target_id`: the message id that one of the last three is about; `quoted_id`: the
    one that a reply answers. `text` is as it was sent: a person named with @ stands there by
    address. `filename` and `sha256` belong to media."""

    source: str  # the group's file, without .jsonl
    corpus_id: str
    part: int  # a corpus message can need two: a text and its deletion
    group: str
    id: str
    kind: str
    text: str
    sender: str
    timestamp: int  # seconds
    target_id: str = ""
    quoted_id: str = ""
    filename: str = ""
    sha256: str = ""

    @property
    def sent(self) -> Sent:
        """As the phones want it for a quote, an edit or a deletion."""
        return Sent(self.id, self.group, self.sender, self.timestamp, self.kind, self.text)


class Book:
    """What was sent. A row belongs to a message's content, not to its id alone: another folder
    with a file of the same name is another scenario."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(_SCHEMA)
        self._by_content: dict[tuple[str, str], list[Played]] = {}
        self._by_id: dict[tuple[str, str], Played] = {}
        rows = self._db.execute(f"SELECT content, {', '.join(_COLUMNS)} FROM played ORDER BY part")
        for content, *row in rows:
            self._remember(content, Played(*row))

    def parts(self, chat: Chat, message: Message) -> list[Played]:
        """What of a message was sent, in order."""
        return self._by_content.get((chat.jid, _content(message)), [])

    def by_id(self, group: str, message_id: str) -> Played | None:
        """The message of a WhatsApp id."""
        return self._by_id.get((group, message_id))

    def note(self, message: Message, played: Played) -> None:
        """Commits that a message was sent."""
        content = _content(message)
        values = [getattr(played, "group" if name == "grp" else name) for name in _COLUMNS]
        self._db.execute(
            f"INSERT INTO played (content, {', '.join(_COLUMNS)}) "
            f"VALUES ({', '.join('?' * (1 + len(_COLUMNS)))})", (content, *values))
        self._remember(content, played)

    def close(self) -> None:
        self._db.close()

    def _remember(self, content: str, played: Played) -> None:
        self._by_content.setdefault((played.group, content), []).append(played)
        self._by_id[played.group, played.id] = played


def _content(message: Message) -> str:
    facts = (message.id, message.at.isoformat(), message.sender, message.kind, message.text,
             message.file, message.reply_to, message.edit_of)
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:32]
