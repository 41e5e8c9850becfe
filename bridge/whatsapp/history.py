"""History sync (waHistorySync.HistorySync): what the phone hands to a device that it has just
linked, as messages like any other, oldest first, marked as history."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from google.protobuf.message import DecodeError

from archive import clean
from archive.ids import GROUP_SERVER
from archive.model import Sender
from bridge.whatsapp import content
from bridge.whatsapp.content import Content
from bridge.whatsapp.events import Incoming, Malformed, sender_of_jid
from waproto import neonize_pb2

CODE = 13  # neonize's number of the event
LAST_MS = 250_000_000_000_000  # a time beyond the year 9000 is none


def read(body: bytes, own: Sender | None) -> dict[str, list[Incoming]]:
    """The messages of each chat (by JID), oldest first. `own`: the department's addresses. Raises
    Malformed when the bytes do not parse."""
    try:
        sync = neonize_pb2.HistorySync.FromString(body).Data
    except DecodeError as error:
        raise Malformed(f"history of {len(body)} bytes does not parse: {error}") from error
    people = _People(sync, own)
    groups: dict[str, list[Incoming]] = {}
    for conversation in sync.conversations:
        jid = clean.text(content.text(conversation.ID))
        peer = None if jid.endswith(f"@{GROUP_SERVER}") else people.sender(jid)
        if peer is None and not jid.endswith(f"@{GROUP_SERVER}"):
            continue
        found = sorted(conversation.messages,
                       key=lambda m: (m.message.messageTimestamp, m.msgOrderID))
        said = [each for one in found for each in _messages(jid, one.message, people, peer)]
        if said:
            groups[jid] = said
    return groups


class _People:
    """Who is who in one hand-over: number and LID belong together, and have a name."""

    def __init__(self, sync: Any, own: Sender | None) -> None:
        self.own = own
        self._names = {name.ID: content.text(name.pushname)
                       for name in sync.pushnames if name.pushname}
        self._other = {}
        for pair in sync.phoneNumberToLidMappings:
            self._other[pair.pnJID], self._other[pair.lidJID] = pair.lidJID, pair.pnJID

    def sender(self, jid: str | bytes, push_name: str | bytes = "") -> Sender | None:
        """The person behind a JID; None when it is no address of a person."""
        first = sender_of_jid(content.text(jid))
        if first is None:
            return None
        other = self._other.get(jid, "")
        second = sender_of_jid(content.text(other)) if other else None
        name = content.text(push_name) or self._names.get(jid) or self._names.get(other)
        return replace(first, pn=first.pn or (second and second.pn),
                       lid=first.lid or (second and second.lid), push_name=name or None)


def _messages(chat: str, web: Any, people: _People, peer: Sender | None) -> Iterator[Incoming]:
    """A message of the past and the reactions that stand on it."""
    said = content.read(web.message) if web.HasField("message") else None
    sender = people.own if web.key.fromMe else peer or people.sender(
        web.participant or web.key.participant, web.pushName)
    if said is None or sender is None or not web.key.ID:
        return  # WhatsApp's own lines (stubs), keys, and what has no sender
    at = web.messageTimestamp * 1000
    said.detail["history"] = True
    id = clean.text(content.text(web.key.ID))
    yield Incoming(chat, id, sender, web.key.fromMe, at, said,
                   web.message.SerializeToString(), peer)
    for reaction in web.reactions:
        who = people.own if reaction.key.fromMe else peer or people.sender(
            reaction.key.participant)
        if who and reaction.text and reaction.key.ID:
            yield Incoming(chat, clean.text(content.text(reaction.key.ID)), who,
                           reaction.key.fromMe, reaction.senderTimestampMS or at,
                           Content("reaction", content.text(reaction.text), id,
                                   detail={"history": True}),
                           reaction.SerializeToString(), peer)


def words(messages: list[Incoming], zone: tzinfo) -> str:
    """The line that stands before a group's history in the room."""
    count = sum(message.content.kind != "reaction" for message in messages)
    first, last = (f"{datetime.fromtimestamp(min(at, LAST_MS) / 1000, zone):%d %B %Y}" for at in (
        messages[0].sent_at, max(message.sent_at for message in messages)))
    span = f"of {first}" if first == last else f"from {first} to {last}"
    return (f"History that the phone handed over: {count} message{'s' * (count != 1)} {span}, with "
            "their own dates.")
