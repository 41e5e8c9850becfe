"""The port to WhatsApp: the link's events become our dataclasses, by one match.

Pure: protobuf bytes in, dataclasses out; nothing here waits, stores or sends. What cannot be read
becomes an `unsupported` message that names its kind: the raw bytes stay in the record.
"""
from __future__ import annotations

import json
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from archive import clean
from archive.ids import GROUP_SERVER, LID_SERVER, USER_SERVER
from archive.model import Sender
from bridge.whatsapp import content
from bridge.whatsapp.content import Content
from waproto import neonize_pb2

# Codes of the link's events (neonize's numbering).
HISTORY_SYNC, MESSAGE, RECEIPT, JOINED_GROUP, GROUP_INFO, UNDECRYPTABLE = 13, 17, 18, 21, 22, 44

_SENDERS = {USER_SERVER: "pn", LID_SERVER: "lid"}


class Malformed(Exception):
    """The link handed over something that is not what its event code says."""


@dataclass(frozen=True)
class Incoming:
    """A message from a group, or of a direct chat with `peer`."""

    chat: str  # JID
    id: str
    sender: Sender
    from_me: bool
    sent_at: int  # Unix milliseconds; WhatsApp's clock has whole seconds
    content: Content
    raw: bytes  # waE2E.Message
    peer: Sender | None = None


@dataclass(frozen=True)
class Undecryptable:
    """A message that the library could not decrypt; it has asked the sender for it again.
    `unavailable`: WhatsApp did not even hand it over, as it does with most that may be seen
    once."""

    chat: str
    id: str
    sender: Sender
    sent_at: int
    unavailable: bool = False
    peer: Sender | None = None


def parse(code: int, body: bytes) -> Incoming | Undecryptable | None:
    """One event of the link. None when it says nothing to the record (key exchange, receipts,
    broadcasts, status updates). Raises Malformed when the bytes do not parse."""
    try:
        match code:
            case 17:
                return _message(neonize_pb2.Message.FromString(body))
            case 44:
                return _undecryptable(neonize_pb2.UndecryptableMessage.FromString(body))
            case _:
                return None
    except DecodeError as error:
        raise Malformed(f"event {code} of {len(body)} bytes does not parse: {error}") from error


def jid(value: neonize_pb2.JID) -> str:
    """The bare account (no device) of a JID protobuf; "" when it is empty."""
    return f"{_text(value.User)}@{_text(value.Server)}" if value.User and value.Server else ""


def to_jid(text: str) -> neonize_pb2.JID:
    """The JID protobuf of `user@server`."""
    user, _, server = text.partition("@")
    return neonize_pb2.JID(User=user, Server=server, Device=0, RawAgent=0, Integrator=0,
                           IsEmpty=False)


def sender_of_jid(text: str, push_name: str | None = None) -> Sender | None:
    """A Sender for a participant's JID; None when the address is of another kind."""
    found = _addresses(to_jid(text))
    return Sender(**found, push_name=push_name) if found else None


def _addresses(*candidates: neonize_pb2.JID) -> dict[str, str]:
    """Number and LID among some JIDs; they become Matrix ids, so both must be digits."""
    found: dict[str, str] = {}
    for candidate in candidates:
        user, kind = _text(candidate.User), _SENDERS.get(_text(candidate.Server))
        if kind and user.isascii() and user.isdigit() and len(user) <= 20:
            found[kind] = user
    return found


def _name(info: neonize_pb2.MessageInfo) -> str:
    """What a sender calls themself; a business without such a name has one that WhatsApp vouches
    for."""
    return _text(info.Pushname) or _text(info.VerifiedName.Details.verifiedName)


def _sender(info: neonize_pb2.MessageInfo) -> Sender:
    source = info.MessageSource
    found = _addresses(source.Sender, source.SenderAlt)
    if not found:
        raise Malformed(f"message in {jid(source.Chat)} names no sender that can be read")
    return Sender(**found, push_name=_name(info) or None)


def _peer(info: neonize_pb2.MessageInfo) -> Sender | None:
    """The other end of a direct chat, whoever of the two has written; None when there is none.
    WhatsApp moves these chats from numbers to LIDs: the other address stands beside."""
    source = info.MessageSource
    if _text(source.Chat.Server) not in _SENDERS:
        return None
    if source.IsFromMe:
        found = _addresses(source.Chat, source.RecipientAlt)
    else:
        found = _addresses(source.Sender, source.SenderAlt)
    name = "" if source.IsFromMe else _name(info)
    return Sender(**found, push_name=name or None) if found else None


def _message(event: neonize_pb2.Message) -> Incoming | None:
    info = event.Info
    source = info.MessageSource
    peer = _peer(info)
    if source.Chat.Server != GROUP_SERVER and peer is None:
        return None  # broadcasts and status updates are not mirrored
    raw = event.Raw if event.HasField("Raw") and event.Raw.ListFields() else event.Message
    said = content.read(event.Message)
    if said is None:
        return None
    if event.IsViewOnce or event.IsViewOnceV2 or event.IsViewOnceV2Extension:
        said.detail["view_once"] = True  # the library has opened the wrapper that said so
    if not info.ID or not source.Chat.User:
        raise Malformed(f"a message in {jid(source.Chat) or 'no chat'} without an id of its own")
    return Incoming(
        chat=jid(source.Chat), id=clean.text(_text(info.ID)), sender=_sender(info),
        from_me=source.IsFromMe, sent_at=_milliseconds(info.Timestamp), content=said,
        raw=raw.SerializeToString(), peer=peer,
    )


def _milliseconds(timestamp: int) -> int:
    """neonize passes WhatsApp's seconds; some versions pass milliseconds."""
    return timestamp if timestamp > 10**11 else timestamp * 1000


def _text(value: str | bytes) -> str:
    """A protobuf string; one that is not UTF-8 comes as bytes (proto2 lets it pass)."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _undecryptable(event: neonize_pb2.UndecryptableMessage) -> Undecryptable | None:
    source, peer = event.Info.MessageSource, _peer(event.Info)
    if source.Chat.Server != GROUP_SERVER and peer is None:
        return None
    return Undecryptable(jid(source.Chat), clean.text(_text(event.Info.ID)),
                         _sender(event.Info), _milliseconds(event.Info.Timestamp),
                         event.IsUnavailable, peer)


def dump_detail(detail: dict[str, object]) -> str | None:
    """The detail column's JSON; None when there is nothing to say."""
    return json.dumps(detail, ensure_ascii=False, sort_keys=True, default=_text) \
        if detail else None
