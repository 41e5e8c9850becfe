"""Records to Matrix content. Pure.

Matrix events are limited to 65,536 bytes (client-server spec, "Size limits"), so a long text goes
as an excerpt and a text file; nothing is cut off. What counts is the event as JSON: a character of
Urdu has two bytes, an emoji four, a control character six, and HTML holds the text once more.
"""
from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Any

from archive import clean
from archive.imports import LEFT_OUT
from archive.model import Record
from nlp import markup
from nlp.markup import Mentions

NOBODY: Mentions = MappingProxyType({})
RECORD_MARK = "org.daftar.record"
TEXT_LIMIT = 20_000  # characters in one Matrix event
EVENT_LIMIT = 56_000  # bytes of content in one Matrix event; the rest is its envelope
FULL_LIMIT = 60_000  # the same, with mentions, previews and marks
EXCERPT = 2_000
_LAST_MS = 250_000_000_000_000  # a time beyond the year 9000 is none

_MSGTYPES = {"image": "m.image", "video": "m.video", "audio": "m.audio", "document": "m.file",
             "sticker": "m.image"}
_FIELD_WORDS = {
    "pollUpdateMessage": "a vote in a poll that this bridge does not know",
    "secretEncryptedMessage": "an encrypted edit", "encReactionMessage": "an encrypted reaction",
    "encEventResponseMessage": "an answer to an event", "newsletterAdminInviteMessage":
    "a channel invitation", "requestPhoneNumberMessage": "a request for a phone number",
    "sendPaymentMessage": "a payment", "requestPaymentMessage": "a request for payment",
}
_FORWARDED = {"once": "Forwarded", "often": "Forwarded many times"}
_WAVEFORM = 1024 / 100  # WhatsApp's loudness goes to 100, MSC1767's to 1024
POLL_START, POLL_RESPONSE = "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.response"
POLL_OPTIONS = 20  # MSC3381's limit; WhatsApp's is 12
_FAMILIES = {"image": "image/", "sticker": "image/", "video": "video/", "audio": "audio/"}
_MEDIA_TYPE = re.compile(
    r"[\w.+-]{1,60}/[\w.+-]{1,100}( *; *[\w.+-]{1,40}=[\w.+\"-]{1,60}){0,4}", re.ASCII)


@dataclass(frozen=True)
class File:
    """A file for the homeserver's media repository, as one part of a message needs it: its bytes,
    or where it lies (large ones are never held whole)."""

    data: bytes | Path
    mime: str
    name: str

    @property
    def size(self) -> int:
        """In bytes."""
        return self.data.stat().st_size if isinstance(self.data, Path) else len(self.data)


@dataclass(frozen=True)
class Part:
    """One Matrix event of a record: its content without relations, a file to upload first, and its
    type."""

    content: dict[str, Any]
    file: File | None = None
    type: str = "m.room.message"


def to_matrix(record: Record, media: File | None, media_error: str = "", zone: tzinfo = UTC,
              mentions: Mentions = NOBODY) -> list[Part]:
    """The Matrix events that show a message record, in order.

    `media` is the fetched file; None with `media_error` when WhatsApp no longer has it. `mentions`:
    the digits behind an "@" in the text → (Matrix id or "", name).
    """
    detail = json.loads(record.detail) if record.detail else {}
    first, *rest = _parts(record, detail, media, media_error, zone, mentions)
    if not record.detail or record.kind in ("notice", "gap"):
        return [first, *rest]
    content = {**_forwarded(first.content, detail), **_mentioned(detail, mentions),
               **(_preview(detail) if record.kind == "text" else {})}
    if _size(content) > FULL_LIMIT:  # rather without what stands beside the words
        content = dict(first.content)
    if detail.get("history") or record.origin == "import":
        content["org.daftar.history"] = True
    return [replace(first, content=content), *rest]


def _parts(record: Record, detail: dict[str, Any], media: File | None, media_error: str,
           zone: tzinfo, mentions: Mentions) -> list[Part]:
    match record.kind:
        case "text":
            return _text_parts(record.text, mentions=mentions)
        case kind if kind in _MSGTYPES:
            return _media_parts(record, detail, media, media_error, mentions)
        case "location":
            return [Part(_location(record.text, detail))]
        case "contact":
            return _contact_parts(record.text, detail)
        case "poll":
            return [_poll(record.text, detail)]
        case "event":
            return _text_parts(_event_words(record.text, detail, zone))
        case "gap":
            return [Part({"msgtype": "m.notice", "body": gap_text(detail, zone)})]
        case "notice":
            return notice_parts(record.text)
        case _:
            return notice_parts("\n".join(filter(None, [unsupported_text(detail), record.text])))


def _forwarded(content: dict[str, Any], detail: dict[str, Any]) -> dict[str, Any]:
    """A forwarded message says so before its words, as WhatsApp shows it."""
    mark = _FORWARDED.get(str(detail.get("forwarded")))
    if mark is None or "body" not in content:
        return content
    marked = {**content, "org.daftar.forwarded": detail["forwarded"]}
    if content["body"] == content.get("filename"):  # a file without a caption
        return {**marked, "body": f"↪ {mark}"}
    marked["body"] = f"↪ {mark}\n{content['body']}"
    if "formatted_body" in content:
        marked["formatted_body"] = f"<em>↪ {mark}</em><br>{content['formatted_body']}"
    return marked


def _mentioned(detail: dict[str, Any], mentions: Mentions) -> dict[str, Any]:
    """m.mentions (spec: User and room mentions)."""
    users = sorted({mxid for mxid, _ in mentions.values() if mxid})
    room = {"room": True} if detail.get("mentions_all") else {}
    named = {"user_ids": users} if users else {}
    return {"m.mentions": {**named, **room}} if users or room else {}


def _preview(detail: dict[str, Any]) -> dict[str, Any]:
    """The preview that the sender's phone made of an address (MSC4095, as clients carry it now)."""
    preview = detail.get("preview")
    if not isinstance(preview, dict):
        return {}
    return {"com.beeper.linkpreviews": [{
        "matched_url": preview["url"], "og:url": preview["url"],
        "og:title": preview["title"][:500], "og:description": preview["description"][:2000]}]}


def _contact_parts(text: str, detail: dict[str, Any]) -> list[Part]:
    """Names and numbers in words, and the cards as a file that a phone can open."""
    cards = str(detail.get("vcards") or "")
    name = clean.name(text.partition("\n")[0]) or "contact"
    parts = _text_parts(text or "[Contact card]")
    if cards:
        parts.append(_file_part(File(cards.encode("utf-8", "replace"), "text/vcard",
                                     f"{name[:80]}.vcf")))
    return parts


def _poll(question: str, detail: dict[str, Any]) -> Part:
    """A poll that can be answered in the room (MSC3381; its stable names are not yet in use)."""
    options = [str(name) for name in detail.get("options", [])][:POLL_OPTIONS]
    lines = "\n".join(f"{n}. {name}" for n, name in enumerate(options, 1))
    words = f"{question}\n{lines}"
    selectable = int(detail.get("selectable") or 0)
    return Part({
        "body": words, "org.matrix.msc1767.text": words,
        POLL_START: {
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": selectable or max(1, len(options)),
            "question": {"org.matrix.msc1767.text": question or "Poll"},
            "answers": [{"id": answer_id(name), "org.matrix.msc1767.text": name or " "}
                        for name in options],
        }}, type=POLL_START)


def answer_id(option: str) -> str:
    """The id of a poll's option in Matrix: what WhatsApp's votes name it by."""
    return hashlib.sha256(option.encode("utf-8", "replace")).hexdigest()


def vote(options: list[str], poll_event: str, answers: Mapping[str, str] | None = None
         ) -> dict[str, Any]:
    """The content of somebody's vote; it takes the place of the one before (MSC3381). `answers`:
    the ids of options where they are not ours."""
    known = answers or {}
    return {"m.relates_to": {"rel_type": "m.reference", "event_id": poll_event},
            POLL_RESPONSE: {"answers": [
                known.get(name) or answer_id(name) for name in options]}}


def _event_words(text: str, detail: dict[str, Any], zone: tzinfo) -> str:
    """A WhatsApp event in words."""
    times = [datetime.fromtimestamp(detail[key] / 1000, zone).strftime("%A %d %B %Y, %H:%M")
             for key in ("starts_at", "ends_at") if 0 < (detail.get(key) or 0) < _LAST_MS]
    state = " (cancelled)" if detail.get("cancelled") else ""
    name, _, more = text.partition("\n")
    return "\n".join(filter(None, [f"Event: {name}{state}", " to ".join(times), more]))


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
    """What the room says of a message whose kind is not shown yet, or of which a chat export has
    only that it was there."""
    field = str(detail.get("field", "a message"))
    if field in LEFT_OUT:
        return LEFT_OUT[field]
    return (f"Sent {_FIELD_WORDS.get(field, f'something this bridge does not show yet ({field})')}."
            " It is kept in the record; open WhatsApp to see it.")


def edit_parts(text: str, target_event: str, mentions: Mentions = NOBODY) -> list[Part]:
    """An m.replace of `target_event` with a new text (spec: Event replacements), and the file of a
    text that is too long for it."""
    first, *rest = _text_parts(text, copies=2, mentions=mentions)
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


def struck(text: str, target_event: str) -> Part:
    """An m.replace that shows a deleted text struck through."""
    shown = text[:EXCERPT] + "…" * (len(text) > EXCERPT)
    body = f"[deleted on WhatsApp] {shown}"
    words = html.escape(shown, quote=False).replace("\n", "<br>")
    new = {"msgtype": "m.text", "body": body, "format": "org.matrix.custom.html",
           "formatted_body": f"<del>{words}</del> <em>(deleted on WhatsApp)</em>"}
    return Part({**new, "body": "* " + body, "m.new_content": new,
                 "m.relates_to": {"rel_type": "m.replace", "event_id": target_event}})


def relation(target_event: str | None, root_event: str | None) -> dict[str, Any]:
    """m.relates_to of a message that quotes `target_event` in the thread of `root_event`
    (spec: Threading). Empty without a target."""
    if not target_event:
        return {}
    if not root_event:
        return {"m.in_reply_to": {"event_id": target_event}}
    return {"rel_type": "m.thread", "event_id": root_event, "is_falling_back": False,
            "m.in_reply_to": {"event_id": target_event}}


def in_thread(root_event: str | None) -> dict[str, Any]:
    """m.relates_to of a message that answers nothing in particular in a thread (spec: Threading,
    "Fallback for unthreaded clients"). Empty without a thread."""
    if not root_event:
        return {}
    return {"rel_type": "m.thread", "event_id": root_event, "is_falling_back": True,
            "m.in_reply_to": {"event_id": root_event}}


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


def _text_parts(text: str, *, copies: int = 1, notice: bool = False, mentions: Mentions = NOBODY
                ) -> list[Part]:
    """A text as one event, or as an excerpt and a file; `copies`: how often the event holds it."""
    kind = {"msgtype": "m.notice"} if notice else {}
    if len(text) <= TEXT_LIMIT:
        plain = {"msgtype": "m.text", "body": markup.with_names(text, mentions), **kind}
        for content in ({**_text(text, mentions), **kind}, plain):  # rather without its formatting
            if _size(content) * copies <= EVENT_LIMIT:
                return [Part(content)]
    remark = f"[The text has {len(text):,} characters; all of it is in the attached file.]"
    return [
        Part({**_text(text[:EXCERPT] + "…\n\n" + remark), **kind}),
        _file_part(File(text.encode("utf-8", "replace"), "text/plain", "message.txt")),
    ]


def _file_part(file: File) -> Part:
    return Part({"msgtype": "m.file", "body": file.name}, file)


def _size(content: dict[str, Any]) -> int:
    """Bytes as the homeserver counts them."""
    return len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))


def _text(text: str, mentions: Mentions = NOBODY) -> dict[str, Any]:
    content: dict[str, Any] = {"msgtype": "m.text", "body": markup.with_names(text, mentions)}
    formatted = markup.formatted_body(text, mentions)
    if formatted is not None:
        content["format"] = "org.matrix.custom.html"
        content["formatted_body"] = formatted
    return content


def _media_parts(record: Record, detail: dict[str, Any], media: File | None, error: str,
                 mentions: Mentions) -> list[Part]:
    if media is None:
        words = f"[{record.kind} {file_name(record)}: {error or 'not available'}]"
        return notice_parts("\n".join(filter(None, [words, record.text])))
    info = {"mimetype": media.mime, "size": media.size, **_dimensions(detail)}
    if record.kind == "sticker" and media.mime.startswith("image/"):
        return [Part({"body": record.text or "Sticker", "info": info}, media, "m.sticker")]
    content: dict[str, Any] = {
        "msgtype": "m.file" if record.kind == "sticker" else _MSGTYPES[record.kind],
        "body": media.name, "filename": media.name, "info": info, **_voice(detail)}
    captioned = {**content, **_text(record.text, mentions), "msgtype": content["msgtype"]}
    if not record.text:
        return [Part(content, media)]
    if len(record.text) <= TEXT_LIMIT and _size(captioned) <= EVENT_LIMIT:
        return [Part(captioned, media)]
    return [Part(content, media), *_text_parts(record.text, mentions=mentions)]


def _voice(detail: dict[str, Any]) -> dict[str, Any]:
    """What makes a sound a voice message (MSC3245, with MSC1767's waveform)."""
    if not detail.get("voice"):
        return {}
    heights = [min(1024, round(step * _WAVEFORM)) for step in detail.get("waveform", [])]
    return {"org.matrix.msc3245.voice": {}, "org.matrix.msc1767.audio": {
        "duration": int(detail.get("seconds") or 0) * 1000,
        **({"waveform": heights} if heights else {})}}


def file_name(record: Record) -> str:
    """What a record's file is called: its own name, on one line and of decent length."""
    return clean.name(record.media_name) or f"{record.kind}{_suffix(record.media_mime)}"


def media_type(record: Record) -> str:
    """The sender's word for a file's type, when it may stand in a header of ours and goes with the
    kind of message: no picture is a web page."""
    claimed = record.media_mime or ""
    fits = claimed.lower().startswith(_FAMILIES.get(record.kind, ""))
    return claimed if fits and _MEDIA_TYPE.fullmatch(claimed) else "application/octet-stream"


def _dimensions(detail: dict[str, Any]) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for key, name, factor in (("width", "w", 1), ("height", "h", 1), ("seconds", "duration", 1000)):
        if detail.get(key):
            info[name] = int(detail[key]) * factor
    if detail.get("gif"):  # as the other bridges mark one, and clients play it
        info |= {f"fi.mau.{mark}": True for mark in (
            "gif", "loop", "autoplay", "hide_controls", "no_audio")}
    if detail.get("video_note"):
        info["org.daftar.video_note"] = True
    return info


def _suffix(mime: str | None) -> str:
    known = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "video/mp4": ".mp4",
             "audio/ogg; codecs=opus": ".ogg", "audio/ogg": ".ogg", "audio/mpeg": ".mp3",
             "application/pdf": ".pdf"}
    return known.get(mime or "", "")


def _location(text: str, detail: dict[str, Any]) -> dict[str, Any]:
    uri = f"geo:{detail.get('latitude')},{detail.get('longitude')}"
    what = "Live location" if detail.get("live") else "Location"
    if detail.get("sequence"):
        what += f", update {detail['sequence']}"
    words = f"{what}: {text[:EXCERPT]}" if text and detail.get("live") else text[:EXCERPT] or what
    return {"msgtype": "m.location", "geo_uri": uri,
            "body": f"{words} ({uri.removeprefix('geo:')})"}
