"""The record of rooms that another WhatsApp bridge fills: every message there, with the sync that
brought it; what was said before the bot came; and the files.

The rooms of our own bridge are never recorded here: they are chats with that room already.
"""
from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import Any

from archive import directory, media, messages, queue, settings
from archive.db import Database, Unit
from archive.media import MediaStore
from archive.model import Chat, QueueRow, Sender
from bot import foreign
from bot.encrypted_files import Damaged, opened
from bot.inbox import is_own_join, relation
from bot.matrix import Matrix, MatrixError, RoomTimeline
from bot.others import names_of
from config import Config
from nlp.words import is_command, without_fallback

log = logging.getLogger("daftar.bot.recorder")

WORKER = "bot"
LANE = "file:"
RECORDED = "bot.recorded "  # setting: room → chat id
HISTORY = "bot.history "  # setting: room → where the next page of its past begins
FIRST_WAIT_MS, LONGEST_WAIT_MS = 2000, 300_000


class Recorder:
    """Knows which rooms are recorded; turns what happens in them into records."""

    def __init__(self, config: Config, db: Database, matrix: Matrix) -> None:
        self._config = config
        self._db = db
        self._matrix = matrix
        self._names = names_of(config)
        self._store = MediaStore(config.data / "media")
        self._chats: dict[str, int | None] = {}  # room → chat; None: not a room to record
        self._work = asyncio.Event()

    # With the sync

    async def units(self, timeline: RoomTimeline) -> list[Unit[None]]:
        """What is to be written of a room's new events, in the transaction that moves the sync
        token. Raises MatrixError when the homeserver cannot be asked."""
        chat_id, first = await self._chat(timeline)
        if chat_id is None:
            return []
        joined = max((index for index, event in enumerate(timeline.events)
                      if is_own_join(event, self._matrix.user_id)), default=-1)
        units = [settings.put(HISTORY + timeline.room_id, "")] if first or joined >= 0 else []
        # What was said before the bot came is read with the rest of the past, in its order.
        units += await self._records(timeline.room_id, chat_id, timeline.events[joined + 1:])
        return units

    def wake(self) -> None:
        """The units are written: there may be a past to read, or a file to fetch."""
        self._work.set()

    async def _chat(self, timeline: RoomTimeline) -> tuple[int | None, bool]:
        """The chat whose record a room belongs to, and whether that was found only now."""
        room_id = timeline.room_id
        described = any(event.get("type") in foreign.BRIDGE_INFO for event in timeline.events)
        if room_id in self._chats and not (described and self._chats[room_id] is None):
            return self._chats[room_id], False
        known = await settings.get(self._db, RECORDED + room_id)
        if known is not None:
            self._chats[room_id] = int(known)
            return int(known), False
        self._chats[room_id] = await self._recognise(room_id)
        return self._chats[room_id], self._chats[room_id] is not None

    async def _recognise(self, room_id: str) -> int | None:
        if await directory.chat_by_room(self._db, room_id) is not None:
            return None  # our own bridge's
        portal = foreign.portal(await self._matrix.state(room_id), self._names)
        if portal is None:
            return None
        chat = await directory.chat_by_jid(self._db, portal.jid)
        if chat is not None and chat.room_id and \
                await settings.get(self._db, RECORDED + chat.room_id) is None:
            log.warning("room %s is not recorded: our own bridge mirrors its group, %s, in %s",
                        room_id, portal.jid, chat.room_id)
            return None
        log.info("room %s is recorded: another bridge fills it from %s", room_id, portal.jid)
        return (await self._db.write(_adopt(portal, room_id, _now()))).id

    async def _records(self, room_id: str, chat_id: int, events: list[dict[str, Any]],
                       history: bool = False, changes: bool = True) -> list[Unit[None]]:
        units: list[Unit[None]] = []
        for event in events:
            if not isinstance(event.get("sender"), str) or not event.get("event_id"):
                continue
            if "state_key" in event:
                if changes and (change := self._change(chat_id, event)) is not None:
                    units.append(change)
            elif event.get("type") in foreign.RECORDED and not self._is_talk_with_bot(event):
                sender = await self._sender(room_id, event["sender"])
                said = foreign.read(event, chat_id, sender, self._names, _now(), history)
                if said is not None:
                    units.append(_write(said, room_id))
        return units

    def _is_talk_with_bot(self, event: dict[str, Any]) -> bool:
        """Commands, and what the bot says itself: its own books hold them."""
        content = event.get("content")
        content = content if isinstance(content, dict) else {}
        if event["sender"] == self._matrix.user_id or content.get("org.daftar.bot"):
            return True
        body = content.get("body")
        return isinstance(body, str) and not self._names.is_theirs(event["sender"]) and is_command(
            without_fallback(body, "m.in_reply_to" in relation(content)), False,
            self._config.bot.prefix)

    async def _sender(self, room_id: str, user_id: str) -> Sender | None:
        """Who wrote: the person behind a ghost, or a member of staff. The other bridge's bot is
        nobody."""
        if user_id in self._names.bots:
            return None
        shown = await self._matrix.display_name(room_id, user_id)
        address = self._names.address(user_id)
        if address is None:
            return Sender(mxid=user_id, push_name=shown)
        return replace(address, push_name=self._names.own_name(shown))

    def _change(self, chat_id: int, event: dict[str, Any]) -> Unit[None] | None:
        """What a state event changes: name, description, members."""
        content = event.get("content")
        content = content if isinstance(content, dict) else {}
        match event.get("type"):
            case "m.room.name" if isinstance(content.get("name"), str):
                return _rename(chat_id, content["name"])
            case "m.room.topic" if isinstance(content.get("topic"), str):
                return directory.set_topic(chat_id, content["topic"])
            case "m.room.member":
                member = foreign.named(event, self._names)
                if member is not None:
                    return _member(chat_id, member, content.get("membership") == "join", _now())
        return None

    # What was said before, and files

    async def run(self) -> None:
        """Read the past of rooms and fetch files until cancelled. What fails is tried again; what
        cannot be had stands on the status page."""
        await self._db.write(queue.release(WORKER))
        while True:
            self._work.clear()
            for room_id, start in (await settings.named(self._db, HISTORY)).items():
                await self._past(room_id, start)
            for lane in await queue.lanes(self._db, LANE):
                await self._fetch_all(lane)
            due = await queue.next_due(self._db, LANE)
            wait = None if due is None else max(0.05, (due - _now()) / 1000)
            try:
                async with asyncio.timeout(wait):
                    await self._work.wait()
            except TimeoutError:
                continue

    async def _past(self, room_id: str, start: str) -> None:
        """A room's past from its first event that the bot may see, page by page: a page's records
        and where the next one begins are one transaction. What is known adds nothing."""
        known = await settings.get(self._db, RECORDED + room_id)
        position: str | None = start
        past = True  # until the bot's own join
        while known is not None and position is not None:
            try:
                events, end = await self._matrix.page(room_id, position)
            except MatrixError as error:
                if not error.lasting:
                    raise
                log.warning("the past of room %s cannot be read: %s", room_id, error)
                break
            joined = next((index for index, event in enumerate(events)
                           if is_own_join(event, self._matrix.user_id)), len(events))
            before, since = (events[:joined], events[joined:]) if past else ([], events)
            past = past and not since
            units = await self._records(room_id, int(known), before, history=True, changes=False)
            if units and not position:
                units.insert(0, _introduce(int(known), room_id, before, _now()))
            units += await self._records(room_id, int(known), since, changes=False)
            position = end if events and end != position else None
            if position is not None:
                units.append(settings.put(HISTORY + room_id, position))
            await self._db.write(_together(*units))
        await self._db.write(settings.remove(HISTORY + room_id))

    async def _fetch_all(self, lane: str) -> None:
        while rows := await self._db.write(queue.claim(lane, WORKER, _now(), limit=1)):
            await self._fetch(rows[0])

    async def _fetch(self, row: QueueRow) -> None:
        """One file into the store and onto its record."""
        file = foreign.File(**json.loads(row.payload or "{}"))
        try:
            with self._store.incoming() as fresh:
                limit = self._config.whatsapp.media_limit * 2**20
                size = await self._matrix.download(file.mxc, fresh, limit)
                if file.keys is not None:
                    size = await asyncio.to_thread(opened, fresh, file.keys)
                digest = await asyncio.to_thread(self._store.adopt, fresh)
        except (MatrixError, Damaged, OSError) as error:
            lasting = isinstance(error, Damaged) or getattr(error, "lasting", False)
            if lasting or row.tries + 1 >= self._config.bridge.retries:
                log.error("file %s of record %s cannot be had: %s", file.mxc, row.record_id, error)
                await self._db.write(queue.fail(row.id, str(error)))
                return
            wait = min(FIRST_WAIT_MS << row.tries, LONGEST_WAIT_MS)
            await self._db.write(queue.retry(row.id, _now() + wait, str(error)))
            return
        await self._db.write(_together(
            media.add(digest, file.mime, size, _now()),
            messages.set_media(row.record_id or 0, digest), queue.done(row.id)))


def _together(*units: Unit[None]) -> Unit[None]:
    for unit in units:
        yield from unit


def _adopt(portal: foreign.Portal, room_id: str, at: int) -> Unit[Chat]:
    """The room is the group's from now on."""
    chat = yield from directory.ensure_chat(portal.jid, portal.name, portal.topic, at)
    yield from directory.set_room(chat.id, room_id)
    yield from settings.put(RECORDED + room_id, str(chat.id))
    for member in portal.members:
        yield from _member(chat.id, member, True, at)
    # The past is read from here on, also if we die before the sync is stored.
    yield from settings.put(HISTORY + room_id, "")
    return chat


def _rename(chat_id: int, name: str) -> Unit[None]:
    rows = yield "SELECT jid FROM chat WHERE id = ?", (chat_id,)
    yield from directory.ensure_chat(rows[0]["jid"], name, "", 0)


def _member(chat_id: int, member: Sender, joined: bool, at: int) -> Unit[None]:
    person_id = yield from directory.ensure(member, at)
    if joined:
        yield from directory.set_role(chat_id, person_id, "member")
    else:
        yield from directory.remove_member(chat_id, person_id)


def _introduce(chat_id: int, room_id: str, events: list[dict[str, Any]], at: int) -> Unit[None]:
    """A line before a room's past."""
    first = min(event["origin_server_ts"] for event in events)
    yield from messages.add(foreign.NewRecord(
        chat_id=chat_id, kind="notice", origin="whatsapp", source_id=f"history:{room_id}",
        sender=None, sent_at=first if 0 < first <= at else at, received_at=at,
        text="What was said in the room before Daftar's bot was invited, as far as the homeserver "
             "gives it."))


def _write(said: foreign.Said, room_id: str) -> Unit[None]:
    """The record of an event, and a row for its file."""
    new: foreign.NewRecord | None = said.record
    if said.redacts:
        new = yield from _taken_back(said.record)
    elif new.kind == "vote":
        new = yield from _with_options(new)
    if new is None or not (yield from _is_of_the_room(new, said.history)):
        return
    record_id, fresh = yield from messages.add(new)
    yield from messages.link_event(new.source_id, room_id, record_id)
    if fresh and said.file is not None:
        about = record_id
        if new.kind == "edit":  # a file that the other bridge could not have at first
            rows = yield "SELECT target_id FROM record WHERE id = ?", (record_id,)
            about = rows[0]["target_id"] or record_id
        yield from queue.put(f"{LANE}{new.chat_id}", f"{LANE}{new.source_id}", "file",
                             record_id=about, payload=json.dumps(vars(said.file)))


def _is_of_the_room(new: foreign.NewRecord, history: bool) -> Unit[bool]:
    """Whether what a record is about is a message of the group, as far as we know: what is done to
    commands and to the bot's own messages is not."""
    if new.kind not in ("edit", "reaction", "vote", "deletion"):
        return True
    if history and new.kind == "deletion":  # of a reaction, say, that was gone before we looked
        rows = yield "SELECT 1 FROM matrix_event WHERE event_id = ?", (new.target_source_id,)
        return bool(rows)
    rows = yield ("SELECT 1 FROM bot_event b WHERE b.event_id = ? AND NOT EXISTS "
                  "(SELECT 1 FROM matrix_event e WHERE e.event_id = b.event_id)",
                  (new.target_source_id,))
    return not rows


def _taken_back(deletion: foreign.NewRecord) -> Unit[foreign.NewRecord]:
    """A redaction of a message is a deletion; of a reaction, its end, as WhatsApp has it: a
    reaction without a sign."""
    rows = yield ("SELECT r.kind, r.target_source_id FROM matrix_event e "
                  "JOIN record r ON r.id = e.record_id WHERE e.event_id = ?",
                  (deletion.target_source_id,))
    if rows and rows[0]["kind"] == "reaction":
        return replace(deletion, kind="reaction", target_source_id=rows[0]["target_source_id"])
    return deletion


def _with_options(vote: foreign.NewRecord) -> Unit[foreign.NewRecord | None]:
    """A vote with the names of the options for which it is; None when the poll is not known."""
    rows = yield ("SELECT r.detail FROM matrix_event e JOIN record r ON r.id = e.record_id "
                  "WHERE e.event_id = ? AND r.kind = 'poll'", (vote.target_source_id,))
    if not rows:
        return None
    answers = json.loads(rows[0]["detail"] or "{}").get("answers", {})
    wanted = json.loads(vote.detail or "{}").get("answers", [])
    chosen = [name for name, id_ in answers.items() if id_ in wanted]
    return replace(vote, text=", ".join(chosen), detail=json.dumps(
        {"options": chosen}, ensure_ascii=False))


def _now() -> int:
    return int(time.time() * 1000)
