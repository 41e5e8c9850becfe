"""The emulator's memory on disk: one SQLite file.

Writes are collected and committed together a few times a second (`soon`), because a phone's
message must be cheap; what a linked device is told "received" is committed before (`now`).
"""
from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

DELAY = 0.05  # seconds between a change and its commit
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS phones (
    number TEXT PRIMARY KEY, lid TEXT UNIQUE, name TEXT, seed BLOB, next_device INTEGER,
    next_key INTEGER, picture BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    number TEXT, device INTEGER, noise BLOB UNIQUE, identity BLOB, registration INTEGER,
    signed_id INTEGER, signed BLOB, signature BLOB, PRIMARY KEY (number, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prekeys (
    number TEXT, device INTEGER, id INTEGER, public BLOB, PRIMARY KEY (number, device, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS groups (
    jid TEXT PRIMARY KEY, name TEXT, topic TEXT, creation INTEGER, owner TEXT, addressing TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS group_facts (
    jid TEXT PRIMARY KEY, facts TEXT, picture BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    jid TEXT, number TEXT, role TEXT, place INTEGER, PRIMARY KEY (jid, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sender_keys (
    number TEXT, jid TEXT, state TEXT, PRIMARY KEY (number, jid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS received_keys (
    jid TEXT, device TEXT, id INTEGER, state TEXT, PRIMARY KEY (jid, device, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peers (
    number TEXT, device TEXT, state TEXT, PRIMARY KEY (number, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, id TEXT, jid TEXT, sender TEXT, timestamp INTEGER, kind TEXT,
    text TEXT, quoted TEXT, target TEXT, filename TEXT, mime TEXT, from_device INTEGER,
    media TEXT, raw BLOB, author TEXT, missing TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_id ON messages (id, jid);
CREATE TABLE IF NOT EXISTS queue (
    number INTEGER PRIMARY KEY, device TEXT, id TEXT, jid TEXT, message INTEGER, node BLOB
);
"""


class Store:
    """SQLite with a list of statements waiting for the next commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._waiting: list[tuple[str, tuple]] = []
        self._states: dict[object, Callable[[], tuple[str, tuple]]] = {}
        self._queued: dict[int, tuple] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.clean = self._was_clean()

    def _was_clean(self) -> bool:
        """Whether the last run ended with `close`. Marks this one as running."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'running'").fetchone()
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('running', '1')")
        return row is None or row[0] == "0"

    def rows(self, sql: str, values: Iterable = ()) -> list[tuple]:
        """Reads what is committed or waiting: waiting writes are committed first."""
        self.now()
        return self._db.execute(sql, tuple(values)).fetchall()

    def soon(self, sql: str, values: tuple) -> None:
        """A write that may wait for the next common commit."""
        self._waiting.append((sql, values))
        self._schedule()

    def state(self, key: object, write: Callable[[], tuple[str, tuple]]) -> None:
        """Something that changes often: `write` gives the statement, asked once a commit."""
        self._states[key] = write
        self._schedule()

    def enqueue(self, number: int, row: tuple) -> None:
        """A stanza for a device that has not confirmed it. Most are confirmed before the next
        commit and never written."""
        self._queued[number] = row
        self._schedule()

    def dequeue(self, number: int) -> None:
        if self._queued.pop(number, None) is None:
            self.soon("DELETE FROM queue WHERE number = ?", (number,))

    def now(self) -> None:
        """Commits everything that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not (self._waiting or self._states or self._queued):
            return
        states, self._states = self._states, {}
        statements = self._waiting + [write() for write in states.values()]
        self._waiting = []
        queued, self._queued = self._queued, {}
        self._db.execute("BEGIN")
        for sql, values in statements:
            self._db.execute(sql, values)
        self._db.executemany(
            "INSERT OR REPLACE INTO queue VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *row) for number, row in queued.items()],
        )
        self._db.execute("COMMIT")

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.now()

    def close(self) -> None:
        """The last commit, and the mark that this run ended in order."""
        self.now()
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('running', '0')")
        self._db.close()
