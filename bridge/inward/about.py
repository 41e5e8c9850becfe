"""What is about an earlier message: reactions, edits, deletions, votes and pins."""
from __future__ import annotations

import json

from archive import directory, messages
from archive.db import Database
from archive.model import Record
from bridge.accounts import Accounts
from bridge.inward import late
from bridge.inward.sending import Lane, Sending
from bridge.matrix import Homeserver, HomeserverError
from bridge.shown import convert
from bridge.steps import reached

PINS = 50  # of a room that are kept; a WhatsApp group has three
STRIKABLE = ("text", "image", "video", "audio", "document")


class About:
    """Carries them into the room; each gives the events that it has become there, and raises
    HomeserverError. `strike`: what was deleted stays, struck through."""

    def __init__(self, database: Database, homeserver: Homeserver, sending: Sending,
                 accounts: Accounts, strike: bool) -> None:
        self._db = database
        self._homeserver = homeserver
        self._sending = sending
        self._accounts = accounts
        self._strikes = strike

    async def reaction(self, lane: Lane, record: Record, ghost: str | None, sender: int | None
                       ) -> list[str]:
        """One takes the place of the person's last; an empty one removes it."""
        try:
            event, target = await self._target(lane, record)
        except _Nothing:
            return []
        await self._sending.flush(lane)
        before = await messages.reaction_event_before(
            self._db, target.id, sender, record.id)
        if before:
            await self._redact(lane, before, f"d{record.id}.r", ghost)
        if not record.text:
            return []
        known = lane.sent_before.get((record.id, 0))
        if known:
            return [known]
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event,
                                    "key": record.text}, convert.RECORD_MARK: record.id}
        return [await self._sending.event(lane, record, content, ghost, kind="m.reaction")]

    async def edit(self, lane: Lane, record: Record, ghost: str | None, first: int) -> list[str]:
        """The message changes, as far as its author in the room is one of ours; else it is said."""
        try:
            event, target = await self._target(lane, record)
        except _Nothing:
            return await self._sending.parts(lane, record, convert.notice_parts(
                f"Edited an earlier message that is not in this room. New text: {record.text}"),
                ghost)
        author = await self._author(lane, event, record.sender_id, ghost)
        if author == "":
            return await self._sending.parts(lane, record, convert.notice_parts(
                f"Changed this message on WhatsApp. New text: {record.text}"), ghost, first=first,
                relates=convert.relation(event, None))
        ghost = author
        if target.kind == "notice":  # it stood for a message that has followed
            said = json.loads(record.detail or "{}").get("message")
            followed = await self._sending.event_of(lane, said)
            return await self._sending.parts(lane, record, [convert.Part(
                late.pointing(record.text, event, lane.room, followed))], ghost)
        if target.kind != "text":  # a file whose caption was edited
            original = await self._homeserver.event(lane.room, event)
            return await self._sending.parts(lane, record, [convert.Part(convert.edit_caption(
                record.text, (original or {}).get("content", {}), event))], ghost, first=first)
        parts = convert.edit_parts(record.text, event, await self._sending.mentions(record))
        return await self._sending.parts(lane, record, parts, ghost, first=first)

    async def vote(self, lane: Lane, record: Record, ghost: str | None, first: int) -> list[str]:
        """A vote counts in the poll of the room; the newest of each person does (MSC3381)."""
        try:
            event, poll = await self._target(lane, record)
        except _Nothing:
            return await self._sending.parts(lane, record, convert.notice_parts(
                f"Voted in a poll that is not in this room: {record.text or 'no option'}"), ghost)
        options = json.loads(record.detail or "{}").get("options", [])
        vote = convert.vote(options, event, _answers(poll))
        return await self._sending.parts(lane, record, [convert.Part(
            vote, type=convert.POLL_RESPONSE)], ghost, first=first)

    async def pin(self, lane: Lane, record: Record, ghost: str | None) -> list[str]:
        """The room's pinned messages follow the group's; who did it is said."""
        try:
            event, _ = await self._target(lane, record)
        except _Nothing:
            return []
        before = (await self._homeserver.state(lane.room, "m.room.pinned_events")).get("pinned")
        pinned = [e for e in before if isinstance(e, str)] if isinstance(before, list) else []
        after = [e for e in pinned if e != event] + [event] * (record.text == "pinned")
        if after != pinned:
            await self._homeserver.set_state(
                lane.room, "m.room.pinned_events", {"pinned": after[-PINS:]})
        words = "Pinned this message." if record.text == "pinned" else "Unpinned this message."
        return await self._sending.parts(lane, record, convert.notice_parts(words), ghost,
                                         relates=convert.relation(event, None))

    async def deletion(self, lane: Lane, record: Record, ghost: str | None) -> list[str]:
        """The message goes from the room, or is struck through; the record keeps it."""
        try:
            _, target = await self._target(lane, record)
        except _Nothing:
            return []
        own = record.sender_id == target.sender_id
        # Nobody but its author can edit an event, and only texts and captions can be edited.
        if self._strikes and target.origin == "whatsapp" and target.kind in STRIKABLE:
            author = await self._author_of(lane, target)
            if author != "":
                return await self._strike(lane, record, target, author)
        await self._sending.flush(lane)
        for number, (event, _) in enumerate(await messages.events_of(self._db, target.id)):
            await self._redact(lane, event, f"d{record.id}.{number}", ghost if own else None)
        return []

    async def _author_of(self, lane: Lane, target: Record) -> str | None:
        """As whom a message can be changed; None for the bridge itself, "" for nobody of ours."""
        event = await self._sending.event_of(lane, target.id)
        writer = await directory.person(self._db, target.sender_id) if target.sender_id else None
        return await self._author(
            lane, event or "", target.sender_id, writer.ghost if writer else None)

    async def _strike(self, lane: Lane, record: Record, target: Record, author: str | None
                      ) -> list[str]:
        """Leave a deleted message in the room, struck through: as an edit by who wrote it."""
        event = await self._sending.event_of(lane, target.id)
        if target.kind == "text":
            part = convert.struck(target.text, event)
        else:
            original = await self._homeserver.event(lane.room, event)
            part = convert.Part(convert.edit_caption(
                f"[deleted on WhatsApp] {target.text}", (original or {}).get("content", {}), event))
        return await self._sending.parts(lane, record, [part], author)

    async def _author(self, lane: Lane, event: str, person_id: int | None, ghost: str | None
                      ) -> str | None:
        """As whom an event can be changed: only its own sender can, and somebody who has linked a
        number has spoken through a ghost before, or in Matrix. "" when that is nobody of ours."""
        person = await directory.person(self._db, person_id) if person_id else None
        if person is None or not (person.mxid or self._accounts.ours(person)):
            return ghost
        found = await self._homeserver.event(lane.room, event)
        sender = str((found or {}).get("sender") or ghost)
        return sender if self._homeserver.speaks_as(sender) else ""

    async def _redact(self, lane: Lane, event: str, txn_id: str, ghost: str | None) -> None:
        if ghost is not None and not self._homeserver.is_ours(ghost):
            ghost = None  # a redaction carries no mark of ours, and would come back as staff's own
        try:
            await self._homeserver.redact(
                lane.room, event, txn_id, user=ghost, reason="Deleted on WhatsApp")
        except HomeserverError as error:
            if error.temporary or ghost is None:
                raise
            await self._homeserver.redact(lane.room, event, txn_id + "b",
                                          reason="Deleted on WhatsApp")
        reached("in5-sent")

    async def _target(self, lane: Lane, record: Record) -> tuple[str, Record]:
        """(event, record) that a reaction, edit or deletion is about. A later look may find what
        is not there yet."""
        fresh = record if record.target_id else await messages.get(self._db, record.id)
        event = await self._sending.event_of(lane, fresh.target_id)
        target = await messages.get(self._db, fresh.target_id) if fresh.target_id else None
        if event is None or target is None:
            raise _Nothing
        return event, target


class _Nothing(Exception):
    """The record that another one is about has no event."""


def _answers(poll: Record) -> dict[str, str]:
    """The ids of the options of a poll that staff made, by name."""
    return json.loads(poll.detail or "{}").get("answers", {})
