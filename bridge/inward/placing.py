"""Step 4: the thread of each message, chosen when it is sent, because Matrix fixes it then. A quote
decides by itself; the rest is read by nlp.threads, and stays flat when that is not sure."""
from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archive import directory, messages, placements
from archive.db import Database
from archive.model import MESSAGE_KINDS, Person, Record
from archive.placements import Placement
from bridge.clock import now_ms
from bridge.rooms.posts import Posts
from nlp import threads
from nlp.reading import Message
from nlp.threads import Threads

GROUPS = 200  # whose conversations are kept in memory; another is read anew
KNOWN_S = 300.0  # seconds for which members and their posts are taken for known
CONFIDENCE_SHOWN = 3  # decimals


@dataclass
class _Talk:
    """One group's conversations, and what of the archive is in them."""

    threads: Threads = field(default_factory=Threads)
    corrected: int = 0  # the newest correction
    written: int = 0  # the newest message of staff
    names: dict[int, tuple[str, ...]] = field(default_factory=dict)
    known_at: float = 0.0  # when it was last asked who the members are and what they hold


class Placing:
    """Places the messages of every group. `sure`: also such as quote nothing."""

    def __init__(self, database: Database, posts: Posts, *, sure: bool) -> None:
        self._db = database
        self._posts = posts
        self._sure = sure
        self._talks: OrderedDict[int, _Talk] = OrderedDict()

    async def prepare(self, chat_id: int, records: Mapping[int, Record],
                      persons: Mapping[int, Person]) -> None:
        """Before the messages of a batch: what was said and moved in the group since the last."""
        if not self._sure or not any(r.kind in MESSAGE_KINDS for r in records.values()):
            return
        talk = self._talks.get(chat_id)
        if talk is None:
            talk = await self._remembered(chat_id, min(records))
            self._talks[chat_id] = talk
            while len(self._talks) > GROUPS:
                self._talks.popitem(last=False)
        self._talks.move_to_end(chat_id)
        for record in await messages.written_by_staff(self._db, chat_id, talk.written):
            talk.threads.remember(_message(record, ()), str(record.root_id or record.id))
            talk.written = record.id
        for moved in await placements.corrections(self._db, chat_id, talk.corrected):
            talk.threads.correct(str(moved.record_id), _key(moved.root_id))
            talk.corrected = moved.id
        if time.monotonic() - talk.known_at > KNOWN_S:
            await self._know_members(talk, chat_id)
        await self._know(talk, persons)

    async def _remembered(self, chat_id: int, before: int) -> _Talk:
        """A group's last messages, as they stand in the archive."""
        talk = _Talk(corrected=await placements.last(self._db))
        past = await messages.before(self._db, chat_id, before, threads.WINDOW)
        people = await directory.persons(self._db, {r.sender_id for r in past if r.sender_id})
        await self._know_members(talk, chat_id)
        await self._know(talk, people)
        for record in past:
            talk.threads.remember(_message(record, ()), str(record.root_id or record.id),
                                  record.target_id is not None)
            if record.origin == "matrix":
                talk.written = max(talk.written, record.id)
        return talk

    async def _know_members(self, talk: _Talk, chat_id: int) -> None:
        """The whole group: who is asked may not have spoken yet."""
        talk.known_at = time.monotonic()
        members = await directory.members(self._db, chat_id)
        await self._know(talk, {member.person.id: member.person for member in members})

    async def _know(self, talk: _Talk, people: Mapping[int, Person]) -> None:
        """Who these people are by name and by the posts that they hold today."""
        held = await self._posts.of(people)
        for person in people.values():
            known = tuple(filter(None, (person.name, *held.get(person.id, ()))))
            if known and talk.names.get(person.id) != known:
                talk.threads.know(str(person.id), known)
                talk.names[person.id] = known

    async def choose(self, record: Record, chat_id: int) -> Placement | None:
        """Where a message goes, in the room of that chat; None when nothing was decided (all is as
        the archive has it)."""
        talk = self._talks.get(chat_id) if self._sure else None
        if talk is None or record.kind not in MESSAGE_KINDS:
            return None
        found = talk.threads.place(_message(record, await self._mentioned(record)),
                                   _key(record.root_id))
        root = int(found.root) if found.root is not None else None
        root = None if root == record.id else root
        if found.quoted:
            # what it quotes may have been placed after the quote was stored
            moved = root is not None and root != record.root_id and record.target_id is not None
            return Placement(record.id, root, "", 1.0, (("it quotes a message there", 0.0),),
                             now_ms()) if moved else None
        if root is None and found.suggested is None:
            return None
        return Placement(
            record.id, root, "", round(found.confidence, CONFIDENCE_SHOWN),
            tuple((reason.text, round(reason.weight, 2)) for reason in found.reasons), now_ms(),
            int(found.suggested) if found.suggested is not None else None)

    async def _mentioned(self, record: Record) -> tuple[str, ...]:
        if not record.detail or '"mentions"' not in record.detail:
            return ()
        found = []
        for jid in json.loads(record.detail).get("mentions", [])[:20]:
            digits, _, server = str(jid).partition("@")
            person = await directory.find(
                self._db, "lid" if server == "lid" else "pn", digits.partition(":")[0])
            found += [str(person.id)] if person else []
        return tuple(found)

    def react(self, record: Record) -> None:
        """Somebody reacted: a sign that they follow the thread."""
        talk = self._talks.get(record.chat_id)
        if talk and record.target_id and record.sender_id:
            talk.threads.react(str(record.target_id), str(record.sender_id))


def _key(record_id: int | None) -> str | None:
    return None if record_id is None else str(record_id)


def _message(record: Record, mentions: Iterable[str]) -> Message:
    return Message(
        str(record.id), str(record.sender_id or ""), record.sent_at, record.kind, record.text,
        _key(record.target_id), tuple(mentions))
