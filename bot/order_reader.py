"""The reader of orders and answers: nlp.reader, told what the archive knows of a group.

A group's reader has its context in memory. It is made when the group first speaks after a start,
from the group's last records before that message; so what a restart forgets is read again, and only
what the bot's books hold as new is ever proposed.
"""
from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from archive import directives, directory, gazetteer_file, messages, postings, posts
from archive.answers import Answering
from archive.db import Database
from archive.directives import Directive, Finding, Heard
from archive.model import Record
from archive.posts import Authority
from bot.orders import Read
from config import Config
from nlp import calendar, said
from nlp.office import Holder, Office
from nlp.reader import Reader
from nlp.sentences import shortened
from nlp.words import one_line, shorten

CONTEXT = 300  # records of a group that are read again at first
GROUPS = 200  # readers that are kept
TWICE = 50  # of a group's last messages it is remembered what was read in them
ASKED = 200  # characters of an order's own words
NAMED = 2000  # events of a group that are known by their records
STATES = {"acknowledged": "acknowledged", "in_progress": "in_progress", "done": "complied",
          "refused": "refused"}


@dataclass
class _Group:
    """A group's reader; `ids`: event → what the reader calls that message; `office`: as it knows
    it; `last`: event → what was read, as a message may be told twice."""

    reader: Reader
    office: Office
    ids: OrderedDict[str, str] = field(default_factory=OrderedDict)
    last: OrderedDict[str, Read] = field(default_factory=OrderedDict)


class OrderReader:
    """Reads the messages of all groups. Raises ArchiveError; GazetteerError when the department's
    gazetteer is wrong."""

    def __init__(self, config: Config, db: Database) -> None:
        self._db = db
        self._zone = ZoneInfo(config.timezone)
        self._calendar = calendar.load(config)
        self._book = gazetteer_file.load(config.directory.gazetteer)
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._office: tuple[tuple[str, int], Office] | None = None

    async def __call__(self, heard: Heard) -> Read:
        """What is ordered or answered in a message of a group; nothing in rooms that are none."""
        chat = await directory.chat_by_room(self._db, heard.room_id)
        if chat is None:
            return Read()
        record = await self._record(heard)
        office = await self._offices(heard.at)
        group = await self._group(heard.room_id, chat.id, record, office)
        if heard.event_id in group.last:
            return group.last[heard.event_id]
        if group.office is not office:
            group.office = office
            group.reader.know(office)
        found = group.reader.read(await self._message(group, heard, record))
        read = Read(tuple(self._finding(heard, record, one) for one in found.directives),
                    await self._answering(group, heard, found.answer))
        group.last[heard.event_id] = read
        while len(group.last) > TWICE:
            group.last.popitem(last=False)
        return read

    # What is known

    async def _record(self, heard: Heard) -> Record | None:
        if heard.record_id is not None:
            return await messages.get(self._db, heard.record_id)
        return await messages.by_event(self._db, heard.event_id)

    async def _offices(self, at: int) -> Office:
        """Who holds what on that day; the same object while nothing of it changes."""
        day = datetime.fromtimestamp(at / 1000, self._zone).date().isoformat()
        stamp = day, await postings.last_change(self._db)
        if self._office is None or self._office[0] != stamp:
            self._office = stamp, await self._office_of(day)
        return self._office[1]

    async def _office_of(self, day: str) -> Office:
        held = await postings.on_day(self._db, day)
        ranks = Authority(self._book, await posts.every(self._db))
        people = await directory.persons(
            self._db, {each.person_id for found in held.values() for each in found})
        return Office(
            Holder(str(each.person_id), post.kind, post.place, ranks.rank(post), tuple(
                dict.fromkeys((each.person, people[each.person_id].name))))
            for post, found in held.items() for each in found)

    async def _group(self, room_id: str, chat_id: int, record: Record | None, office: Office
                     ) -> _Group:
        group = self._groups.get(room_id)
        if group is None:
            group = self._groups[room_id] = _Group(Reader(office, self._calendar), office)
            before = record.id if record else 2**63 - 1
            for past in await messages.before(self._db, chat_id, before, CONTEXT):
                group.reader.read(self._past(past))
        self._groups.move_to_end(room_id)
        while len(self._groups) > GROUPS:
            self._groups.popitem(last=False)
        return group

    # What is read

    def _past(self, record: Record) -> said.Message:
        quote = str(record.target_id) if record.target_id and record.kind != "edit" else None
        return said.Message(
            str(record.id), str(record.sender_id or ""), self._time(record.sent_at), record.text,
            record.kind, quote, str(record.target_id) if record.kind == "edit" else None, (),
            str(record.root_id or record.id))

    async def _message(self, group: _Group, heard: Heard, record: Record | None) -> said.Message:
        own = group.ids[heard.event_id] = str(record.id) if record else heard.event_id
        while len(group.ids) > NAMED:
            group.ids.popitem(last=False)
        person = record.sender_id if record and record.sender_id else None
        if person is None:
            known = await directory.find(self._db, "ghost", heard.sender) \
                or await directory.find(self._db, "mxid", heard.sender)
            person = known.id if known else None
        quote = await self._id_of(group, heard.reply_to) if heard.reply_to else None
        root = str(record.root_id or record.id) if record else None
        if root is None and heard.thread_root:
            root = await self._id_of(group, heard.thread_root)
        return said.Message(
            own, str(person or heard.sender), self._time(heard.at), heard.text,
            record.kind if record else "text", quote, None, await self._mentioned(record),
            root or own)

    async def _mentioned(self, record: Record | None) -> tuple[str, ...]:
        if record is None or not record.detail or '"mentions"' not in record.detail:
            return ()
        found = []
        for jid in json.loads(record.detail).get("mentions", [])[:20]:
            digits, _, server = str(jid).partition("@")
            person = await directory.find(
                self._db, "lid" if server == "lid" else "pn", digits.partition(":")[0])
            found += [str(person.id)] if person else []
        return tuple(found)

    async def _id_of(self, group: _Group, event_id: str) -> str:
        """What the reader calls an event's message."""
        if event_id not in group.ids:
            record = await messages.by_event(self._db, event_id)
            group.ids[event_id] = str(record.id) if record else event_id
        return group.ids[event_id]

    def _time(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self._zone)

    # What is made of it

    def _finding(self, heard: Heard, record: Record | None, one: said.Directive) -> Finding:
        due = one.deadline.due if one.deadline else None
        return Finding(
            heard.event_id, one.to, _asked(heard.text, one),
            int(due.timestamp() * 1000) if due else None,
            bool(one.due and "T" in one.due), one.cc, one.channel or "", one.confidence,
            one.reasons, record.id if record else None)

    async def _answering(self, group: _Group, heard: Heard, answer: said.Answer | None
                         ) -> tuple[Answering, ...]:
        """The directive that is answered, when the archive has it, for the post that answers."""
        if answer is None:
            return ()
        person = group.reader.chat.said[group.ids[heard.event_id]].message.person
        mine = group.office.posts_of(person)
        for event_id in await self._events(group, answer.message):
            given = await directives.of_message(self._db, event_id)
            if answer.n < len(given) and (post := _post(given[answer.n], mine)):
                return (Answering(given[answer.n].id, post, STATES[answer.state],
                                  answer.confidence, answer.reasons),)
        return ()

    async def _events(self, group: _Group, message: str) -> list[str]:
        """The events that stand for a message of the reader's."""
        events = [event for event, own in group.ids.items() if own == message]
        if message.isdecimal():
            events += [event for event, _ in await messages.events_of(self._db, int(message))]
        return list(dict.fromkeys(events))


def _asked(text: str, one: said.Directive) -> str:
    """What an order asks for. An English one in a few words; of another language its own words,
    since a translation word by word (`do ٹینکر بندوبست`) tells the staff less than these do."""
    own = one_line(shortened(text)[one.start:one.end]).strip(" .,،۔;:-")
    if own and (one.action.startswith("do ") or any("\u0600" <= sign <= "\u06ff" for sign in own)):
        return shorten(own, ASKED)
    return one.action


def _post(order: Directive, mine: frozenset[str]) -> str:
    """The post for which somebody answers who holds these: one that is charged, else one that was
    told (a class was told, when it is not confirmed yet); "" when it cannot be said."""
    charged = [charge.post for charge in order.charges] or list(order.addressees)
    named = [post for post in charged if post in mine]
    if named:
        return named[0]
    if not order.charges and any(post.startswith("All ") for post in order.addressees) and mine:
        return min(mine)
    return charged[0] if len(charged) == 1 and not charged[0].startswith("All ") else ""
