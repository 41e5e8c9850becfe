"""What leaves for WhatsApp: waE2E messages of texts, files, places, polls, reactions, edits and
deletions. Pure."""
from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import Message

from archive import clean
from bridge.rooms.posts import without_post
from waproto import common, e2e

EXCERPT = 2_000  # characters of a quoted text
QUOTED_LIMIT = 30_000  # bytes of a message that is quoted whole
WAVES = 64  # bars of a voice note's picture, each 0 to 100
_PICTURES = ("image/jpeg", "image/png")  # what WhatsApp shows as a picture
_SOUNDS = ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/m4a",
           "audio/x-m4a", "audio/opus")  # what WhatsApp plays
_BLOCK = re.compile(r"[*-] |[0-9]{1,3}\. |> |```")  # marks that must stand first in a line
_CAPTIONED = {"image": e2e.ImageMessage, "video": e2e.VideoMessage,
              "document": e2e.DocumentMessage}


@dataclass(frozen=True)
class Words:
    """A text with whom it mentions."""

    text: str
    mentions: tuple[str, ...] = ()  # JIDs
    everyone: bool = False


@dataclass(frozen=True)
class Quote:
    """The WhatsApp message that a reply quotes."""

    id: str
    participant: str  # JID of its sender
    text: str
    raw: bytes | None  # waE2E.Message as it came, when it came from WhatsApp


@dataclass(frozen=True)
class Shape:
    """What a file's message says beside the file. Lengths in pixels and whole seconds."""

    width: int = 0
    height: int = 0
    seconds: int = 0
    thumbnail: bytes = b""  # JPEG
    voice: bool = False
    waveform: bytes = b""
    animated: bool = False


@dataclass(frozen=True)
class Poll:
    """A question with options; `selectable` 0: as many as one likes."""

    question: str
    options: list[str]
    selectable: int
    secret: bytes = field(repr=False)  # under which votes are sealed


def relay_text(template: str, name: str, text: str, post: str = "") -> str:
    """`*Name*: text`, by the template of the configuration; name and post cannot break the marks. A
    list, a quotation or a block of code begins on a line of its own."""
    fields = {"name": _unmarked(name) or "?", "post": _unmarked(post)}
    template = template if fields["post"] else without_post(template)
    if not _BLOCK.match(text):
        return template.format(**fields, text=text)
    before, _, after = template.partition("{text}")
    return before.format(**fields).rstrip() + "\n" + text + after.format(**fields)


def _unmarked(name: str) -> str:
    return re.sub(r"[*_~`\s]+", " ", clean.name(name)).strip()


def leaves_as(kind: str, mime: str | None) -> str:
    """As what a file of a record's kind is sent: what WhatsApp cannot show goes as a document."""
    kind_of_file = (mime or "").partition(";")[0].strip().lower()
    if kind == "image" and kind_of_file.startswith("image/") and kind_of_file not in _PICTURES:
        return "document"
    if kind == "audio" and kind_of_file not in _SOUNDS:
        return "document"
    return kind


def is_ogg(mime: object) -> bool:
    """Whether a sound may be a voice note: Opus in an Ogg file is all that WhatsApp takes."""
    return str(mime).partition(";")[0].strip().lower() in ("audio/ogg", "audio/opus")


def needs_name(kind: str, mime: str | None) -> bool:
    """Whether a message has no place for words, so that who speaks must be said before it."""
    return leaves_as(kind, mime) in ("audio", "sticker")


def text_message(words: Words | str, quote: Quote | None) -> e2e.Message:
    """A WhatsApp text, quoting another message or not."""
    said = words if isinstance(words, Words) else Words(words)
    context = _context(quote, said)
    if context is None:
        return e2e.Message(conversation=said.text)
    return e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text=said.text, contextInfo=context))


def _context(quote: Quote | None, words: Words | None = None) -> e2e.ContextInfo | None:
    """What is quoted and who is mentioned; None for neither. That everybody is mentioned is
    `nonJIDMentions` 1, as WhatsApp's own clients set it for @all."""
    mentions = words is not None and bool(words.mentions or words.everyone)
    if quote is None and not mentions:
        return None
    context = e2e.ContextInfo()
    if quote is not None:
        context.stanzaID, context.participant = quote.id, quote.participant
        context.quotedMessage.CopyFrom(_quoted(quote))
    if words is not None:
        context.mentionedJID.extend(words.mentions)
        if words.everyone:
            context.nonJIDMentions = 1
    return context


def _quoted(quote: Quote) -> e2e.Message:
    """What stands in the quotation: the message itself, without what it quotes in its turn; of a
    very long one only the beginning."""
    plain = e2e.Message(conversation=quote.text[:EXCERPT])
    if not quote.raw or len(quote.raw) > QUOTED_LIMIT:
        return plain
    quoted = e2e.Message.FromString(quote.raw)
    quoted.ClearField("messageContextInfo")
    for _, value in quoted.ListFields():
        if isinstance(value, Message) and "contextInfo" in value.DESCRIPTOR.fields_by_name:
            value.ClearField("contextInfo")
    return quoted


def media_message(
    kind: str, upload: Any, *, mime: str, name: str, caption: Words, quote: Quote | None,
    shape: Shape = Shape(),
) -> e2e.Message:
    """A WhatsApp picture, video, sound, sticker or document from an upload's fields
    (UploadResponse). A sound and a sticker have no caption."""
    fields: dict[str, Any] = {
        "URL": upload.url, "directPath": upload.DirectPath, "mediaKey": upload.MediaKey,
        "fileEncSHA256": upload.FileEncSHA256, "fileSHA256": upload.FileSHA256,
        "fileLength": upload.FileLength, "mimetype": mime,
    }
    context = _context(quote, caption if kind in _CAPTIONED else None)
    if context is not None:
        fields["contextInfo"] = context
    size = {key: value for key, value in (("width", shape.width), ("height", shape.height))
            if value}
    seen = {"JPEGThumbnail": shape.thumbnail} if shape.thumbnail else {}
    length = {"seconds": shape.seconds} if shape.seconds else {}
    match kind:
        case "image":
            return e2e.Message(imageMessage=e2e.ImageMessage(
                **fields, **size, **seen, caption=caption.text))
        case "video":
            return e2e.Message(videoMessage=e2e.VideoMessage(
                **fields, **size, **seen, **length, caption=caption.text))
        case "audio":
            voice = {"PTT": True, "waveform": shape.waveform} if shape.voice else {}
            return e2e.Message(audioMessage=e2e.AudioMessage(**fields, **length, **voice))
        case "sticker":
            return e2e.Message(stickerMessage=e2e.StickerMessage(
                **fields, **size, isAnimated=shape.animated))
        case _:
            return e2e.Message(documentMessage=e2e.DocumentMessage(
                **fields, fileName=name, title=name, caption=caption.text))


def location_message(latitude: float, longitude: float, name: str, quote: Quote | None
                     ) -> e2e.Message:
    """A place, in degrees."""
    return e2e.Message(locationMessage=e2e.LocationMessage(
        degreesLatitude=latitude, degreesLongitude=longitude, name=name,
        contextInfo=_context(quote)))


def poll_message(poll: Poll, quote: Quote | None) -> e2e.Message:
    """A poll. WhatsApp's clients send those with one choice as V3, the others as V1; votes are
    sealed under the message's secret."""
    body = e2e.PollCreationMessage(
        name=poll.question, selectableOptionsCount=poll.selectable, encKey=poll.secret,
        options=[e2e.PollCreationMessage.Option(
            optionName=option, optionHash=hashlib.sha256(option.encode()).hexdigest())
            for option in poll.options],
        contextInfo=_context(quote))
    secret = e2e.MessageContextInfo(messageSecret=poll.secret)
    if poll.selectable == 1:
        return e2e.Message(pollCreationMessageV3=body, messageContextInfo=secret)
    return e2e.Message(pollCreationMessage=body, messageContextInfo=secret)


def vote_message(key: common.MessageKey, author: str, voter: str, secret: bytes,
                 options: Sequence[str], at_ms: int) -> e2e.Message:
    """A vote for some options of the poll `key` (none: it is taken back). It is sealed as the
    bridge opens others' (whatsapp/sealed.py); `author` and `voter` are the JIDs of the poll's
    sender and of ours, as the group names them."""
    info = f"{key.ID}{author}{voter}Poll Vote".encode()
    sealing, iv = HKDF(SHA256(), 32, None, info).derive(secret), os.urandom(12)
    plain = e2e.PollVoteMessage(selectedOptions=[
        hashlib.sha256(option.encode()).digest() for option in options])
    payload = AESGCM(sealing).encrypt(iv, plain.SerializeToString(), f"{key.ID}\0{voter}".encode())
    return e2e.Message(pollUpdateMessage=e2e.PollUpdateMessage(
        pollCreationMessageKey=key, senderTimestampMS=at_ms,
        vote=e2e.PollEncValue(encPayload=payload, encIV=iv)))


def caption_message(kind: str, caption: Words) -> e2e.Message:
    """What an edit puts in the place of a file's message: its new caption."""
    made = _CAPTIONED.get(kind, e2e.DocumentMessage)(
        caption=caption.text, contextInfo=_context(None, caption))
    return e2e.Message(**{f"{kind if kind in _CAPTIONED else 'document'}Message": made})


def message_key(chat: str, message_id: str, *, from_me: bool, participant: str) -> Any:
    """waCommon.MessageKey of a message; the participant is left out for our own, and in a direct
    chat ("")."""
    key = common.MessageKey(remoteJID=chat, fromMe=from_me, ID=message_id)
    if participant and not from_me:
        key.participant = participant
    return key


def reaction_message(key: Any, emoji: str, at_ms: int) -> e2e.Message:
    """A reaction; an empty emoji takes the last one back."""
    return e2e.Message(reactionMessage=e2e.ReactionMessage(
        key=key, text=emoji, senderTimestampMS=at_ms))


def edit_message(key: Any, message: e2e.Message, at_ms: int) -> e2e.Message:
    """Replace an own message (allowed by WhatsApp within 15 minutes)."""
    return e2e.Message(editedMessage=e2e.FutureProofMessage(message=e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            key=key, type=e2e.ProtocolMessage.MESSAGE_EDIT, editedMessage=message,
            timestampMS=at_ms))))


def revoke_message(key: Any) -> e2e.Message:
    """Delete a message for everyone."""
    return e2e.Message(protocolMessage=e2e.ProtocolMessage(
        key=key, type=e2e.ProtocolMessage.REVOKE))


def waveform(levels: object) -> bytes:
    """A voice note's picture: 64 bars of 0 to 100, from MSC1767's levels of 0 to 1024."""
    if not isinstance(levels, list) or not levels:
        return b""
    heights = [min(max(level, 0), 1024) if isinstance(level, int | float) else 0
               for level in levels[:10_000]]
    return bytes(int(heights[bar * len(heights) // WAVES] * 100 / 1024) for bar in range(WAVES))


def secret_of(raw: bytes) -> bytes:
    """The secret that came with a message, under which what is sealed about it is."""
    return e2e.Message.FromString(raw).messageContextInfo.messageSecret
