"""The messages of all groups: on disk, the newest in memory, and shown to whoever waits."""
from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Set
from pathlib import Path

from emulator.model import Entry, Group, Seen
from emulator.nodes import Jid
from emulator.phone import Phone
from emulator.store import Store


class History:
    """Every message in the order of arrival. `entries`: the newest `limit` of them."""

    def __init__(self, store: Store, limit: int) -> None:
        self.limit = limit
        self.entries: deque[Entry] = deque(maxlen=limit)
        self._store = store
        self._by_id: dict[tuple[str, str], Entry] = {}
        self._watchers: list[tuple[Phone, Callable[[Seen], bool], asyncio.Future]] = []
        self._feeds: set[asyncio.Queue[Seen]] = set()
        self._last = 0

    def restore(self) -> None:
        """Takes up what is stored."""
        rows = self._store.rows(
            "SELECT * FROM messages ORDER BY number DESC LIMIT ?", (self.limit,)
        )
        for row in reversed(rows):
            self._remember(_entry(row))
        self._last = rows[0][0] if rows else 0

    def close(self) -> None:
        """Nobody needs to wait any longer."""
        for _, _, future in self._watchers:
            future.cancel()

    def note(self, seen: Seen, raw: bytes, author: Jid, missing: Set[str] = frozenset()) -> Entry:
        """Keeps a message and shows it to whoever waits for it."""
        self._last += 1
        entry = Entry(self._last, seen, raw, author, set(missing))
        self._save(entry)
        self._remember(entry)
        if raw:
            self._show(entry, None)
        return entry

    def found(self, entry: Entry, phone: Phone, raw: bytes, seen: Seen) -> None:
        """A phone can read a message now that it could not read before."""
        entry.missing.discard(phone.number)
        if not entry.raw:
            entry.raw, entry.seen = raw, seen
        self._save(entry)
        self._show(entry, phone)

    def _save(self, entry: Entry) -> None:
        s = entry.seen
        self._store.soon(
            "INSERT OR REPLACE INTO messages "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.number, s.id, s.group, s.sender, s.timestamp, s.kind, s.text, s.quoted_id,
             s.target_id, s.filename, s.mime, s.from_device,
             str(s.media_path) if s.media_path else None, entry.raw, entry.author,
             ",".join(sorted(entry.missing))),
        )

    def _remember(self, entry: Entry) -> None:
        if len(self.entries) == self.limit:
            oldest = self.entries[0]
            self._by_id.pop((oldest.seen.id, oldest.seen.group), None)
        self.entries.append(entry)
        self._by_id[(entry.seen.id, entry.seen.group)] = entry

    def _show(self, entry: Entry, only: Phone | None) -> None:
        for feed in self._feeds:
            feed.put_nowait(entry.seen)
        for watcher in list(self._watchers):
            phone, predicate, future = watcher
            if only not in (None, phone) or phone.number in entry.missing or future.done():
                continue
            if phone.shows(entry.seen) and predicate(entry.seen):
                future.set_result(entry.seen)
                self._watchers.remove(watcher)

    async def watch(self, phone: Phone, predicate: Callable[[Seen], bool]) -> Seen:
        """The next message shown on a phone for which `predicate` holds."""
        future = asyncio.get_running_loop().create_future()
        watcher = (phone, predicate, future)
        self._watchers.append(watcher)
        try:
            return await future
        finally:
            with contextlib.suppress(ValueError):
                self._watchers.remove(watcher)

    async def feed(self) -> AsyncIterator[Seen]:
        """Every message from now on, of all groups, as it arrives; also what phones send."""
        queue: asyncio.Queue[Seen] = asyncio.Queue()
        self._feeds.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._feeds.discard(queue)

    def newest(self, group: Group, limit: int) -> list[Seen]:
        """The newest messages of a group, oldest first, whoever sent them."""
        found = []
        for entry in reversed(self.entries):
            if entry.seen.group == group.jid and entry.raw:
                found.append(entry.seen)
                if len(found) == limit:
                    break
        return found[::-1]

    def get(self, id: str, group: str) -> Entry | None:
        """A message by its id, from memory or from disk."""
        entry = self._by_id.get((id, group))
        if entry is None and len(self.entries) == self.limit:
            rows = self._store.rows("SELECT * FROM messages WHERE id = ? AND jid = ?", (id, group))
            entry = _entry(rows[0]) if rows else None
        return entry


def _entry(row: tuple) -> Entry:
    (number, id, jid, sender, timestamp, kind, text, quoted, target, filename, mime, from_device,
     media, raw, author, missing) = row
    seen = Seen(id, jid, sender, timestamp, kind, text, quoted, target, filename, mime,
                bool(from_device), Path(media) if media else None)
    return Entry(number, seen, raw, Jid(author), set(filter(None, missing.split(","))))
