"""The link's journal: what WhatsApp sent, on disk before anything else happens to it.

One SQLite file, written with plain `sqlite3` inside the WhatsApp library's callback: WAL and
`synchronous=FULL`, so a row that `append` has returned survives a power cut. Rows leave in batches,
after the bridge has stored them. Beside the rows it keeps when the link was last alive and whether
it was stopped properly, which is what a gap after a crash is told by.

Safe to use from several threads.
"""
from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.link import Delivery

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    seq INTEGER PRIMARY KEY, code INTEGER NOT NULL, at INTEGER NOT NULL, sent_at INTEGER,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_BATCH = 256  # acknowledged rows that are worth a commit of their own
_FRESH = 60_000  # ms after which a message says nothing any more about how far behind the link was


class JournalError(Exception):
    """The journal cannot be opened or written; the text names the file and what to do."""


class Journal:
    """The journal at `path`, created with mode 600 when missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise JournalError(f"{path} was written by a newer version of Daftar: install that "
                                   "version again")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={VERSION}")
            last = self._db.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0
            self._deleted = self._acknowledged = self._get("acknowledged") or 0
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened ({error}): see that the disk "
                               "is not full and the file may be written") from error
        self._seq = max(last, self._acknowledged)

    # Entries

    def append(self, code: int, body: bytes, at: int, sent_at: int | None = None) -> int:
        """Store one event for good; its seq. sqlite3.Error when it cannot be stored.

        `at` and `sent_at`: Unix ms now, and when WhatsApp says the message was sent.
        """
        with self._lock:
            seq = self._seq + 1
            self._db.execute("INSERT INTO entry (seq, code, at, sent_at, body) "
                             "VALUES (?, ?, ?, ?, ?)", (seq, code, at, sent_at, body))
            self._seq = seq
            return seq

    def after(self, seq: int, limit: int) -> list[Delivery]:
        """At most `limit` entries behind `seq`, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT seq, code, at, body FROM entry WHERE seq > ? "
                                    "ORDER BY seq LIMIT ?", (seq, limit)).fetchall()
        return [Delivery(*row) for row in rows]

    @property
    def last(self) -> int:
        """The newest seq ever given."""
        return self._seq

    @property
    def acknowledged(self) -> int:
        """Everything up to here has been stored by the bridge."""
        return self._acknowledged

    def acknowledge(self, seq: int) -> None:
        """The bridge has stored everything up to `seq`; rows go once there is a batch of them."""
        self._acknowledged = max(self._acknowledged, min(seq, self._seq))
        if self._acknowledged - self._deleted >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Delete what has been acknowledged."""
        seq = self._acknowledged
        if seq == self._deleted:
            return
        with self._lock:
            alive, message = self._signs_of_life(seq)  # they must outlive the rows
            with self._transaction():
                self._db.execute("DELETE FROM entry WHERE seq <= ?", (seq,))
                self._set("acknowledged", seq)
                self._set("alive", alive)
                self._set("message_at", message[0])
                self._set("message_sent_at", message[1])
            self._deleted = seq

    # Life and death

    def recall(self, now: int) -> tuple[int, int] | None:
        """Call at start: the stretch (from, to) in ms that an unclean stop left, if there is one.

        It begins with the last sign of life; when the link was catching up on older messages just
        then, with the time at which the last of those was sent: what may be missing is as old.
        Goes on returning it, over any number of starts, until gap_stored().
        """
        with self._lock:
            if self._get("running"):
                alive, (at, sent_at) = self._signs_of_life(self._seq)
                if sent_at and at >= alive - _FRESH:
                    alive = min(alive, sent_at)
                alive = min(alive, now)
                earlier = self._get("gap_from")
                with self._transaction():
                    self._set("gap_from", alive if earlier is None else min(earlier, alive))
                    self._set("gap_to", now)
                    self._set("running", 0)
            start, end = self._get("gap_from"), self._get("gap_to")
        return None if start is None or end is None else (start, end)

    def gap_stored(self) -> None:
        """The bridge has written the gap down."""
        with self._lock:
            self._db.execute("DELETE FROM meta WHERE key IN ('gap_from', 'gap_to')")

    def running(self, now: int) -> None:
        """From now on WhatsApp may hand us messages: a stop without finish() is an unclean one."""
        with self._lock, self._transaction():
            self._set("running", 1)
            self._set("alive", now)

    def beat(self, now: int) -> None:
        """A sign of life."""
        with self._lock:
            self._set("alive", now)

    def close(self, clean: bool) -> None:
        """`clean`: the library is disconnected and every callback has returned."""
        self.flush()
        with self._lock:
            if clean:
                self._set("running", 0)
            self._db.close()

    def _signs_of_life(self, seq: int) -> tuple[int, tuple[int, int]]:
        """Up to `seq`: the newest sign of life, and (at, sent_at) of the newest message; in ms."""
        newest = self._db.execute("SELECT max(at) FROM entry WHERE seq <= ?", (seq,)).fetchone()[0]
        message = self._db.execute(
            "SELECT at, sent_at FROM entry WHERE seq <= ? AND sent_at IS NOT NULL "
            "ORDER BY seq DESC LIMIT 1", (seq,)).fetchone()
        return (max(newest or 0, self._get("alive") or 0),
                message or (self._get("message_at") or 0, self._get("message_sent_at") or 0))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # Never left open: an append() inside a transaction of somebody else would not be on disk.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _get(self, key: str) -> int | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _set(self, key: str, value: int) -> None:
        self._db.execute("INSERT INTO meta (key, value) VALUES (?, ?) "
                         "ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))
