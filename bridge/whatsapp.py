"""The port to WhatsApp: the link's events become our dataclasses, by one match.

Pure: protobuf bytes in, dataclasses out; nothing here waits, stores or sends. What cannot be read
becomes an `unsupported` message that names its kind: the raw bytes stay in the record.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from archive.ids import GROUP_SERVER, LID_SERVER, USER_SERVER
from archive.model import Sender
from waproto import e2e, neonize_pb2

# Codes of the link's events (neonize's numbering).
HISTORY_SYNC, MESSAGE, RECEIPT, JOINED_GROUP, GROUP_INFO, UNDECRYPTABLE = 13, 17, 18, 21, 22, 44

_MEDIA_FIELDS = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
}
# Wrappers that hold the real message in `.message` (FutureProofMessage).
_WRAPPERS = (
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension",
    "documentWithCaptionMessage", "editedMessage",
)
# Fields that carry no content of their own; a message of only these says nothing to a reader.
_SILENT = {
    "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage",
    "messageContextInfo",
}
_SILENT_PROTOCOL = {  # protocol messages between devices, not between people
    "HISTORY_SYNC_NOTIFICATION", "APP_STATE_SYNC_KEY_SHARE", "APP_STATE_SYNC_KEY_REQUEST",
    "INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC", "APP_STATE_FATAL_EXCEPTION_NOTIFICATION",
    "PEER_DATA_OPERATION_REQUEST_MESSAGE", "PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE",
    "LID_MIGRATION_MAPPING_SYNC",
}


_SENDERS = {USER_SERVER: "pn", LID_SERVER: "lid"}


class Malformed(Exception):
    """The link handed over something that is not what its event code says."""


@dataclass(frozen=True)
class Incoming:
    """A message from a group, in our words. `target` is the id of the message it quotes, edits,
    deletes or reacts to."""

    chat: str  # JID
    id: str
    sender: Sender
    from_me: bool
    sent_at: int  # Unix milliseconds; WhatsApp's clock has whole seconds
    kind: str  # archive.model.RECORD_KINDS
    text: str
    target: str | None
    media_name: str | None
    media_mime: str | None
    detail: dict[str, object]
    raw: bytes  # waE2E.Message


@dataclass(frozen=True)
class Undecryptable:
    """A message that the library could not decrypt; it has asked the sender for it again."""

    chat: str
    id: str
    sender: Sender
    sent_at: int


@dataclass(frozen=True)
class GroupChange:
    """Something about a group changed: its name, its topic, its members."""

    chat: str
    sender: Sender | None
    at: int
    name: str | None
    topic: str | None
    joined: tuple[str, ...]  # JIDs
    left: tuple[str, ...]
    promoted: tuple[str, ...]
    demoted: tuple[str, ...]


@dataclass(frozen=True)
class GroupMember:
    """A participant of a group. role: member, admin, superadmin."""

    sender: Sender
    role: str


@dataclass(frozen=True)
class Group:
    """A group as WhatsApp describes it."""

    jid: str
    name: str
    topic: str
    members: tuple[GroupMember, ...]


def parse(code: int, body: bytes) -> Incoming | Undecryptable | GroupChange | Group | None:
    """One event of the link. None when it says nothing to the record (key exchange, receipts,
    direct chats, status updates). Raises Malformed when the bytes do not parse."""
    try:
        match code:
            case 17:
                return _message(neonize_pb2.Message.FromString(body))
            case 44:
                return _undecryptable(neonize_pb2.UndecryptableMessage.FromString(body))
            case 22:
                return _group_change(neonize_pb2.GroupInfoEvent.FromString(body))
            case 21:
                joined = neonize_pb2.JoinedGroup.FromString(body)
                return read_group(joined.GroupInfo)
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


def read_group(info: neonize_pb2.GroupInfo) -> Group:
    """A group's description as the library gives it."""
    members = []
    for part in info.Participants:
        found = _addresses(part.JID, part.PhoneNumber, part.LID)
        if found:
            role = "superadmin" if part.IsSuperAdmin else "admin" if part.IsAdmin else "member"
            members.append(GroupMember(Sender(**found), role))
    return Group(jid(info.JID), _text(info.GroupName.Name), _text(info.GroupTopic.Topic),
                 tuple(members))


def _sender(source: neonize_pb2.MessageSource, push_name: str) -> Sender:
    found = _addresses(source.Sender, source.SenderAlt)
    if not found:
        raise Malformed(f"message in {jid(source.Chat)} names no sender that can be read")
    return Sender(**found, push_name=_text(push_name) or None)


def _message(event: neonize_pb2.Message) -> Incoming | None:
    info = event.Info
    source = info.MessageSource
    if source.Chat.Server != GROUP_SERVER:
        return None  # direct chats, broadcasts and status updates are not mirrored
    raw = event.Raw if event.HasField("Raw") and event.Raw.ListFields() else event.Message
    read = _read(event.Message)
    if read is None:
        return None
    if not info.ID or not source.Chat.User:
        raise Malformed(f"a message in {jid(source.Chat) or 'no chat'} without an id of its own")
    kind, text, target, name, mime, detail = read
    return Incoming(
        chat=jid(source.Chat), id=_text(info.ID), sender=_sender(source, info.Pushname),
        from_me=source.IsFromMe, sent_at=_milliseconds(info.Timestamp), kind=kind, text=text,
        target=target, media_name=name, media_mime=mime, detail=detail,
        raw=raw.SerializeToString(),
    )


def reread(event: Incoming, message: e2e.Message) -> Incoming | None:
    """The same event with another message inside: what was sealed."""
    read = _read(message)
    if read is None:
        return None
    kind, text, target, name, mime, detail = read
    return replace(event, kind=kind, text=text, target=target, media_name=name, media_mime=mime,
                   detail=detail)


def _milliseconds(timestamp: int) -> int:
    """neonize passes WhatsApp's seconds; some versions pass milliseconds."""
    return timestamp if timestamp > 10**11 else timestamp * 1000


def unwrap(message: e2e.Message) -> e2e.Message:
    """The innermost message, without the wrappers that mark it ephemeral, view-once, edited…"""
    for _ in range(8):  # a hostile sender may nest without end
        if message.HasField("deviceSentMessage"):
            message = message.deviceSentMessage.message
            continue
        for wrapper in _WRAPPERS:
            if message.HasField(wrapper):
                message = getattr(message, wrapper).message
                break
        else:
            return message
    return message


def _text(value: str | bytes) -> str:
    """A protobuf string; one that is not UTF-8 comes as bytes (proto2 lets it pass)."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _read(message: e2e.Message) -> _Read | None:
    """`_content` of a message, whatever its texts are."""
    try:
        read = _content(unwrap(message))
    except TypeError:  # texts and bytes do not mix
        return "unsupported", "", None, None, None, {"field": "unreadable text"}
    if read is None:
        return None
    kind, text, *rest, detail = read
    target, name, mime = (value if value is None else _text(value) for value in rest)
    return kind, _text(text), target, name, mime, detail


_Read = tuple[str, str, str | None, str | None, str | None, dict[str, object]]


def _content(message: e2e.Message) -> _Read | None:
    """(kind, text, target, media name, media mime, detail) of an unwrapped message."""
    fields = [f.name for f, _ in message.ListFields() if f.name not in _SILENT]
    if not fields:
        # A kind younger than this library has only fields that it does not know.
        unknown = [f.field_number for f in UnknownFieldSet(message)]
        detail: dict[str, object] = {"field": f"field {unknown[0]}"} if unknown else {}
        return ("unsupported", "", None, None, None, detail) if unknown else None
    field = fields[0]
    match field:
        case "conversation":
            return "text", message.conversation, None, None, None, {}
        case "extendedTextMessage":
            body = message.extendedTextMessage
            detail, target = _context(body.contextInfo)
            return "text", body.text, target, None, None, detail
        case _ if field in _MEDIA_FIELDS:
            return _media(field, message)
        case "locationMessage" | "liveLocationMessage":
            return _location(getattr(message, field))
        case "reactionMessage":
            body = message.reactionMessage
            return "reaction", body.text, body.key.ID, None, None, {}
        case "protocolMessage":
            return _protocol(message.protocolMessage)
        case "secretEncryptedMessage":
            target = message.secretEncryptedMessage.targetMessageKey.ID
            return "unsupported", "", target or None, None, None, {"field": field}
        case _:
            return "unsupported", "", None, None, None, {"field": field}


def _media(field: str, message: e2e.Message) -> _Read:
    body = getattr(message, field)
    detail, target = _context(body.contextInfo)
    for key in ("width", "height", "seconds"):
        value = getattr(body, key, 0)
        if value:
            detail[key] = value
    detail["size"] = body.fileLength
    name = getattr(body, "fileName", "") or getattr(body, "title", "")
    caption = getattr(body, "caption", "")
    return _MEDIA_FIELDS[field], caption, target, name or None, body.mimetype or None, detail


def _location(body: e2e.LocationMessage) -> _Read:
    detail, target = _context(body.contextInfo)
    detail["latitude"] = round(body.degreesLatitude, 7)
    detail["longitude"] = round(body.degreesLongitude, 7)
    words = [getattr(body, key, "") for key in ("name", "address", "caption")]
    return "location", "\n".join(w for w in words if w), target, None, None, detail


def _protocol(body: e2e.ProtocolMessage) -> _Read | None:
    if not body.HasField("type"):  # younger than this library, or it would read as REVOKE
        return "unsupported", "", None, None, None, {"field": "protocolMessage of a new type"}
    name = e2e.ProtocolMessage.Type.Name(body.type)
    match name:
        case "REVOKE":
            return "deletion", "", body.key.ID, None, None, {}
        case "MESSAGE_EDIT":
            read = _content(unwrap(body.editedMessage))
            text = read[1] if read else ""
            return "edit", text, body.key.ID, None, None, {}
        case _ if name in _SILENT_PROTOCOL:
            return None
        case _:
            return "unsupported", "", None, None, None, {"field": f"protocolMessage {name}"}


def _context(context: e2e.ContextInfo) -> tuple[dict[str, object], str | None]:
    """What a message says about others: the quoted message's id and words, and who is mentioned."""
    detail: dict[str, object] = {}
    if context.mentionedJID:
        detail["mentions"] = list(context.mentionedJID)
    if context.isForwarded:
        detail["forwarded"] = True
    if not context.stanzaID:
        return detail, None
    quoted = _content(unwrap(context.quotedMessage)) if context.HasField("quotedMessage") else None
    detail["quote"] = {
        "sender": context.participant,
        "text": (quoted[1][:500] if quoted else ""),
        "kind": quoted[0] if quoted else "",
    }
    return detail, context.stanzaID


def _undecryptable(event: neonize_pb2.UndecryptableMessage) -> Undecryptable | None:
    source = event.Info.MessageSource
    if source.Chat.Server != GROUP_SERVER:
        return None
    return Undecryptable(jid(source.Chat), _text(event.Info.ID),
                         _sender(source, event.Info.Pushname), _milliseconds(event.Info.Timestamp))


def _group_change(event: neonize_pb2.GroupInfoEvent) -> GroupChange:
    return GroupChange(
        chat=jid(event.JID),
        sender=sender_of_jid(jid(event.Sender)),
        at=_milliseconds(int(event.Timestamp)),
        name=_text(event.Name.Name) if event.HasField("Name") else None,
        topic=_text(event.Topic.Topic) if event.HasField("Topic") else None,
        joined=tuple(jid(j) for j in event.Join),
        left=tuple(jid(j) for j in event.Leave),
        promoted=tuple(jid(j) for j in event.Promote),
        demoted=tuple(jid(j) for j in event.Demote),
    )


def dump_detail(detail: dict[str, object]) -> str | None:
    """The detail column's JSON; None when there is nothing to say."""
    return json.dumps(detail, ensure_ascii=False, sort_keys=True, default=_text) \
        if detail else None
