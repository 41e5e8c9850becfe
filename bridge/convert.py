"""Records to Matrix content and Matrix content to WhatsApp messages. Pure.

Matrix events are limited to 65,536 bytes (client-server spec, "Size limits"), so a long text goes
as an excerpt and a text file; nothing is cut off. What counts is the event as JSON: a character of
Urdu has two bytes, an emoji four, a control character six, and HTML holds the text once more.
"""
from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from google.protobuf.message import Message

from archive import clean
from archive.model import Record
from waproto import common, e2e

RECORD_MARK = "org.daftar.record"
TEXT_LIMIT = 20_000  # characters in one Matrix event
EVENT_LIMIT = 56_000  # bytes of content in one Matrix event; the rest is its envelope
EXCERPT = 2_000
QUOTED_LIMIT = 30_000  # bytes of a message that is quoted whole

_MSGTYPES = {"image": "m.image", "video": "m.video", "audio": "m.audio", "document": "m.file",
             "sticker": "m.image"}
_FIELD_WORDS = {
    "pollCreationMessage": "a poll", "pollCreationMessageV2": "a poll",
    "pollCreationMessageV3": "a poll", "pollUpdateMessage": "a vote in a poll",
    "contactMessage": "a contact card", "contactsArrayMessage": "contact cards",
    "eventMessage": "an event", "groupInviteMessage": "a group invitation",
    "secretEncryptedMessage": "an encrypted edit", "encReactionMessage": "an encrypted reaction",
    "albumMessage": "an album", "pinInChatMessage": "a pinned message",
    "newsletterAdminInviteMessage": "a channel invitation",
}
_MEDIA_TYPE = re.compile(
    r"[\w.+-]{1,60}/[\w.+-]{1,100}( *; *[\w.+-]{1,40}=[\w.+\"-]{1,60}){0,4}", re.ASCII)
_FORMAT = (  # WhatsApp's marks, closed within a line; not inside words
    (re.compile(r"(?<![\w*])\*(?=\S)(.+?)(?<=\S)\*(?![\w*])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w_])_(?=\S)(.+?)(?<=\S)_(?![\w_])"), r"<em>\1</em>"),
    (re.compile(r"(?<![\w~])~(?=\S)(.+?)(?<=\S)~(?![\w~])"), r"<del>\1</del>"),
)


@dataclass(frozen=True)
class File:
    """A file for the homeserver's media repository, as one part of a message needs it."""

    data: bytes
    mime: str
    name: str


@dataclass(frozen=True)
class Part:
    """One Matrix event of a record: its content without relations, and a file to upload first."""

    content: dict[str, Any]
    file: File | None = None


def to_matrix(record: Record, media: File | None, media_error: str = "",
              zone: tzinfo = UTC) -> list[Part]:
    """The Matrix events (m.room.message) that show a message record, in order.

    `media` is the fetched file; None with `media_error` when WhatsApp no longer has it.
    """
    detail = json.loads(record.detail) if record.detail else {}
    if record.kind == "text":
        return _text_parts(record.text)
    if record.kind in _MSGTYPES:
        return _media_parts(record, detail, media, media_error)
    if record.kind == "location":
        return [Part(_location(record.text, detail))]
    if record.kind == "gap":
        return [Part({"msgtype": "m.notice", "body": gap_text(detail, zone)})]
    if record.kind == "notice":
        return notice_parts(record.text)
    return [Part({"msgtype": "m.notice", "body": unsupported_text(detail)})]


def notice_parts(text: str) -> list[Part]:
    """A notice, in a file when it is long."""
    return _text_parts(text, notice=True)


def gap_text(detail: dict[str, Any], zone: tzinfo) -> str:
    """What the room says of a stretch that may be incomplete."""
    start, end = (datetime.fromtimestamp(detail[key] / 1000, zone)
                  for key in ("started_at", "ended_at"))
    return (f"Gap: from {start:%d %B %Y %H:%M:%S} to {end:%d %B %Y %H:%M:%S} the WhatsApp link was "
            "stopped without warning. Messages of that time may be missing here; an export of the "
            "chat from a phone closes the gap.")


def unsupported_text(detail: dict[str, Any]) -> str:
    """What the room says of a message whose kind is not shown yet."""
    field = str(detail.get("field", "a message"))
    return (f"Sent {_FIELD_WORDS.get(field, f'something this bridge does not show yet ({field})')}."
            " It is kept in the record; open WhatsApp to see it.")


def edit_parts(text: str, target_event: str) -> list[Part]:
    """An m.replace of `target_event` with a new text (spec: Event replacements), and the file of a
    text that is too long for it."""
    first, *rest = _text_parts(text, copies=2)
    new = first.content
    return [Part({
        **new, "body": "* " + new["body"], "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": target_event},
    }), *rest]


def edit_caption(text: str, original: dict[str, Any], target_event: str) -> dict[str, Any]:
    """An m.replace that gives a file's event a new caption and leaves the file as it is."""
    kept = {key: original[key] for key in ("msgtype", "url", "filename", "info") if key in original}
    new = {"msgtype": "m.text", **kept, "body": text[:TEXT_LIMIT // 4]}
    return {**new, "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": target_event}}


def relation(target_event: str | None, root_event: str | None) -> dict[str, Any]:
    """m.relates_to of a message that quotes `target_event` in the thread of `root_event`
    (spec: Threading). Empty without a target."""
    if not target_event:
        return {}
    if not root_event:
        return {"m.in_reply_to": {"event_id": target_event}}
    return {"rel_type": "m.thread", "event_id": root_event, "is_falling_back": False,
            "m.in_reply_to": {"event_id": target_event}}


def lost_quote(detail: dict[str, Any]) -> str:
    """A quotation in words, for a quoted message that the record does not hold. "" when the
    message quotes nothing."""
    quote = detail.get("quote")
    if not isinstance(quote, dict):
        return ""
    words = str(quote.get("text") or f"[{quote.get('kind') or 'message'}]")
    return "\n".join("> " + line for line in words.splitlines()) + "\n"


def with_lost_quote(content: dict[str, Any], quote: str) -> dict[str, Any]:
    """The same content with a quotation in words before it (see `lost_quote`)."""
    if not quote:
        return content
    if content["body"] == content.get("filename"):  # a file without a caption
        return {**content, "body": quote.rstrip("\n")}
    quoted = {**content, "body": quote + content["body"]}
    if "formatted_body" in content:
        words = html.escape("\n".join(line[2:] for line in quote.splitlines()), quote=False)
        quoted["formatted_body"] = (f"<blockquote>{words.replace(chr(10), '<br>')}</blockquote>"
                                    + content["formatted_body"])
    return quoted


def _text_parts(text: str, *, copies: int = 1, notice: bool = False) -> list[Part]:
    """A text as one event, or as an excerpt and a file; `copies`: how often the event holds it."""
    kind = {"msgtype": "m.notice"} if notice else {}
    if len(text) <= TEXT_LIMIT:
        plain = {"msgtype": "m.text", "body": text, **kind}
        for content in ({**_text(text), **kind}, plain):  # rather without its formatting
            if _size(content) * copies <= EVENT_LIMIT:
                return [Part(content)]
    remark = f"[The text has {len(text):,} characters; all of it is in the attached file.]"
    return [
        Part({**_text(text[:EXCERPT] + "…\n\n" + remark), **kind}),
        Part({"msgtype": "m.file", "body": "message.txt"},
             File(text.encode("utf-8", "replace"), "text/plain", "message.txt")),
    ]


def _size(content: dict[str, Any]) -> int:
    """Bytes as the homeserver counts them."""
    return len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))


def _text(text: str) -> dict[str, Any]:
    content: dict[str, Any] = {"msgtype": "m.text", "body": text}
    formatted = to_html(text)
    if formatted is not None:
        content["format"] = "org.matrix.custom.html"
        content["formatted_body"] = formatted
    return content


def to_html(text: str) -> str | None:
    """WhatsApp's *bold*, _italic_, ~strike~ and ```code``` as HTML; None when there is none."""
    if not any(mark in text for mark in "*_~`"):
        return None
    parts = re.split(r"```(.+?)```", text, flags=re.DOTALL)
    out = []
    for number, part in enumerate(parts):
        safe = html.escape(part, quote=False)
        if number % 2:
            out.append(f"<code>{safe}</code>")
            continue
        for pattern, replacement in _FORMAT:
            safe = pattern.sub(replacement, safe)
        out.append(safe.replace("\n", "<br>"))
    joined = "".join(out)
    return joined if "<strong>" in joined or "<em>" in joined or "<del>" in joined \
        or "<code>" in joined else None


def _media_parts(
    record: Record, detail: dict[str, Any], media: File | None, error: str
) -> list[Part]:
    if media is None:
        words = f"[{record.kind} {file_name(record)}: {error or 'not available'}]"
        return notice_parts("\n".join(filter(None, [words, record.text])))
    content: dict[str, Any] = {
        "msgtype": _MSGTYPES[record.kind], "body": record.text or media.name,
        "filename": media.name,
        "info": {"mimetype": media.mime, "size": len(media.data), **_dimensions(detail)},
    }
    if len(record.text) <= TEXT_LIMIT and _size(content) <= EVENT_LIMIT:
        return [Part(content, media)]
    return [Part({**content, "body": media.name}, media), *_text_parts(record.text)]


def file_name(record: Record) -> str:
    """What a record's file is called: its own name, on one line and of decent length."""
    return clean.name(record.media_name) or f"{record.kind}{_suffix(record.media_mime)}"


def media_type(record: Record) -> str:
    """The sender's word for a file's type, when it may stand in a header of ours."""
    claimed = record.media_mime or ""
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else "application/octet-stream"


def _dimensions(detail: dict[str, Any]) -> dict[str, Any]:
    info = {}
    for key, name, factor in (("width", "w", 1), ("height", "h", 1), ("seconds", "duration", 1000)):
        if detail.get(key):
            info[name] = int(detail[key]) * factor
    return info


def _suffix(mime: str | None) -> str:
    known = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "video/mp4": ".mp4",
             "audio/ogg; codecs=opus": ".ogg", "audio/ogg": ".ogg", "audio/mpeg": ".mp3",
             "application/pdf": ".pdf"}
    return known.get(mime or "", "")


def _location(text: str, detail: dict[str, Any]) -> dict[str, Any]:
    uri = f"geo:{detail.get('latitude')},{detail.get('longitude')}"
    return {"msgtype": "m.location", "geo_uri": uri,
            "body": f"{text[:EXCERPT] or 'Location'} ({uri.removeprefix('geo:')})"}


# --- Matrix to WhatsApp -------------------------------------------------------------------------

@dataclass(frozen=True)
class Quote:
    """The WhatsApp message that a reply quotes."""

    id: str
    participant: str  # JID of its sender
    text: str
    raw: bytes | None  # waE2E.Message as it came, when it came from WhatsApp


def relay_text(template: str, name: str, text: str) -> str:
    """`*Name*: text`, by the template of the configuration; the name cannot break the marks."""
    plain = re.sub(r"[*_~`\s]+", " ", clean.name(name)).strip()
    return template.format(name=plain or "?", text=text)


def text_message(text: str, quote: Quote | None) -> e2e.Message:
    """A WhatsApp text, quoting another message or not."""
    if quote is None:
        return e2e.Message(conversation=text)
    return e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text=text, contextInfo=_quote_context(quote)))


def _quote_context(quote: Quote) -> e2e.ContextInfo:
    return e2e.ContextInfo(stanzaID=quote.id, participant=quote.participant,
                           quotedMessage=_quoted(quote))


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
    kind: str, upload: Any, *, mime: str, name: str, caption: str, quote: Quote | None
) -> e2e.Message:
    """A WhatsApp picture, video, audio or document from an upload's fields (UploadResponse)."""
    common_fields = {
        "URL": upload.url, "directPath": upload.DirectPath, "mediaKey": upload.MediaKey,
        "fileEncSHA256": upload.FileEncSHA256, "fileSHA256": upload.FileSHA256,
        "fileLength": upload.FileLength, "mimetype": mime,
    }
    if quote is not None:
        common_fields["contextInfo"] = _quote_context(quote)
    match kind:
        case "image":
            return e2e.Message(imageMessage=e2e.ImageMessage(**common_fields, caption=caption))
        case "video":
            return e2e.Message(videoMessage=e2e.VideoMessage(**common_fields, caption=caption))
        case _:
            return e2e.Message(documentMessage=e2e.DocumentMessage(
                **common_fields, fileName=name, title=name, caption=caption))


def caption_message(kind: str, caption: str) -> e2e.Message:
    """What an edit puts in the place of a file's message: its new caption."""
    match kind:
        case "image":
            return e2e.Message(imageMessage=e2e.ImageMessage(caption=caption))
        case "video":
            return e2e.Message(videoMessage=e2e.VideoMessage(caption=caption))
        case _:
            return e2e.Message(documentMessage=e2e.DocumentMessage(caption=caption))


def message_key(chat: str, message_id: str, *, from_me: bool, participant: str) -> Any:
    """waCommon.MessageKey of a message in a group; the participant is left out for our own."""
    key = common.MessageKey(remoteJID=chat, fromMe=from_me, ID=message_id)
    if not from_me:
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
