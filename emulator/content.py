"""Between WhatsApp's message protobufs and what a person sees: kind, text, quote, media."""
from __future__ import annotations

import os
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from emulator.crypto import hkdf
from emulator.media import SealedMedia
from waproto import common, e2e

MEDIA_HOST = "mmg.whatsapp.net"
MEDIA_LABELS = {
    "image": "WhatsApp Image Keys",
    "sticker": "WhatsApp Image Keys",
    "video": "WhatsApp Video Keys",
    "audio": "WhatsApp Audio Keys",
    "document": "WhatsApp Document Keys",
}
_WRAPPERS = (
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage",
    "editedMessage", "deviceSentMessage",
)
_KINDS = {
    "imageMessage": "image", "videoMessage": "video", "audioMessage": "audio",
    "documentMessage": "document", "stickerMessage": "sticker", "locationMessage": "location",
    "contactMessage": "contact", "reactionMessage": "reaction", "ptvMessage": "video",
}
_NOT_CONTENT = ("senderKeyDistributionMessage", "messageContextInfo")


@dataclass(frozen=True)
class MediaRef:
    """Where a message's file is and how to open it."""

    kind: str
    key: bytes
    sha256: bytes
    sealed_sha256: bytes
    direct_path: str


@dataclass(frozen=True)
class Content:
    """A message, read. `kind` is "text", "image", …, "edit", "delete", "reaction", or the
    protobuf field's name for kinds without one of ours; "" when it only carries keys."""

    kind: str
    text: str = ""
    quoted_id: str | None = None
    target_id: str | None = None
    filename: str = ""
    mime: str = ""
    media: MediaRef | None = None


def parse(raw: bytes) -> e2e.Message:
    """Raises ValueError for bytes that are no message."""
    try:
        return e2e.Message.FromString(raw)
    except DecodeError as error:
        raise ValueError(f"a message that does not parse: {error}") from error


def read(message: e2e.Message) -> Content:
    """What a person would see of a message."""
    for wrapper in _WRAPPERS:
        if message.HasField(wrapper):
            return read(getattr(message, wrapper).message)
    if message.HasField("protocolMessage"):
        return _read_protocol(message.protocolMessage)
    for field, value in message.ListFields():
        if field.name in _NOT_CONTENT:
            continue
        if field.name == "conversation":
            return Content("text", value)
        if field.name == "extendedTextMessage":
            return Content("text", value.text, _quoted(value))
        if field.name == "reactionMessage":
            return Content("reaction", value.text, target_id=value.key.ID)
        if field.name.startswith("pollCreationMessage"):
            options = [option.optionName for option in value.options]
            return Content("poll", "\n".join([value.name, *options]), _quoted(value))
        if field.name == "pollUpdateMessage":
            return Content("vote", target_id=value.pollCreationMessageKey.ID)
        kind = _KINDS.get(field.name)
        if kind in MEDIA_LABELS:
            return _read_media(kind, value)
        if kind == "location":
            return Content(kind, value.name, _quoted(value))
        if kind == "contact":
            return Content(kind, value.displayName, _quoted(value))
        return Content(field.name)
    return Content("")


def _quoted(value) -> str | None:
    return value.contextInfo.stanzaID or None


def _read_protocol(value: e2e.ProtocolMessage) -> Content:
    if value.type == e2e.ProtocolMessage.MESSAGE_EDIT:
        return Content("edit", read(value.editedMessage).text, target_id=value.key.ID)
    if value.type == e2e.ProtocolMessage.REVOKE:
        return Content("delete", target_id=value.key.ID)
    return Content("protocol")


def _read_media(kind: str, value) -> Content:
    filename = getattr(value, "fileName", "") or getattr(value, "title", "")
    ref = MediaRef(
        kind, value.mediaKey, value.fileSHA256, value.fileEncSHA256, value.directPath
    )
    return Content(
        kind, getattr(value, "caption", ""), _quoted(value), None, filename, value.mimetype, ref
    )


# -- writing --------------------------------------------------------------------------------------


def text(body: str, context: e2e.ContextInfo | None) -> e2e.Message:
    """A plain text, or one with a quote or mentions."""
    if context is None:
        return e2e.Message(conversation=body)
    return e2e.Message(
        extendedTextMessage=e2e.ExtendedTextMessage(text=body, contextInfo=context)
    )


def context(
    quoted_id: str = "", quoted_sender: str = "", quoted_raw: bytes = b"",
    mentions: list[str] | None = None,
) -> e2e.ContextInfo | None:
    """The part of a message that says what it answers and whom it names; None for neither."""
    if not quoted_id and not mentions:
        return None
    info = e2e.ContextInfo(mentionedJID=mentions or [])
    if quoted_id:
        info.stanzaID, info.participant = quoted_id, quoted_sender
        info.quotedMessage.CopyFrom(_without_context(parse(quoted_raw)))
    return info


def _without_context(message: e2e.Message) -> e2e.Message:
    """A quote holds the quoted message, but not what that one quoted itself."""
    for name in _NOT_CONTENT:
        message.ClearField(name)
    for _, value in message.ListFields():
        if hasattr(value, "contextInfo"):
            value.ClearField("contextInfo")
    return message


def media(
    kind: str, sealed: SealedMedia, length: int, *, mime: str, filename: str = "",
    caption: str = "", context_info: e2e.ContextInfo | None = None,
) -> e2e.Message:
    """A picture, video, audio, document or sticker that lies on the media host."""
    message = e2e.Message()
    part = getattr(message, f"{kind}Message")
    part.URL = f"https://{MEDIA_HOST}{direct_path(sealed.sealed_sha256)}"
    part.directPath = direct_path(sealed.sealed_sha256)
    part.mimetype, part.fileLength = mime, length
    part.mediaKey, part.fileSHA256, part.fileEncSHA256 = (
        sealed.key, sealed.sha256, sealed.sealed_sha256,
    )
    part.mediaKeyTimestamp = int(time.time())
    if kind == "document":
        part.fileName = part.title = filename
    if caption and kind in ("image", "video", "document"):
        part.caption = caption
    if context_info is not None:
        part.contextInfo.CopyFrom(context_info)
    return message


def direct_path(sealed_sha256: bytes) -> str:
    """The path under which the media host serves a file; clients append `&hash=…` to it."""
    return f"/m/{sealed_sha256.hex()}?ccb=1"


def reaction(key: common.MessageKey, emoji: str) -> e2e.Message:
    return e2e.Message(
        reactionMessage=e2e.ReactionMessage(
            key=key, text=emoji, senderTimestampMS=int(time.time() * 1000)
        )
    )


def edit(key: common.MessageKey, body: str) -> e2e.Message:
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            key=key, type=e2e.ProtocolMessage.MESSAGE_EDIT,
            editedMessage=e2e.Message(conversation=body), timestampMS=int(time.time() * 1000),
        )
    )


def sealed_edit(plain: e2e.Message, original: bytes, sender: str) -> e2e.Message:
    """An edit encrypted under the secret of the message it changes: HKDF-SHA256 with the info
    id, sender, editor, "Message Edit"; AES-256-GCM without additional data."""
    key = plain.protocolMessage.key
    secret = parse(original).messageContextInfo.messageSecret
    sealing = hkdf(secret, 32, info=f"{key.ID}{sender}{sender}Message Edit".encode())
    iv = os.urandom(12)
    part = e2e.SecretEncryptedMessage(
        targetMessageKey=key, encIV=iv,
        encPayload=AESGCM(sealing).encrypt(iv, plain.SerializeToString(), None),
        secretEncType=e2e.SecretEncryptedMessage.MESSAGE_EDIT,
    )
    return e2e.Message(secretEncryptedMessage=part)


def delete(key: common.MessageKey) -> e2e.Message:
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(key=key, type=e2e.ProtocolMessage.REVOKE)
    )


def with_secret(message: e2e.Message) -> e2e.Message:
    """The message with a messageSecret, which every message of today's WhatsApp carries."""
    if not message.messageContextInfo.messageSecret:
        message.messageContextInfo.messageSecret = os.urandom(32)
    return message


def stanza_type(content: Content) -> str:
    """The `type` attribute of a message stanza."""
    if content.kind == "reaction":
        return "reaction"
    return "media" if content.kind in (*MEDIA_LABELS, "location", "contact") else "text"
