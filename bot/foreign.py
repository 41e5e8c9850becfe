"""Rooms that another WhatsApp bridge (mautrix-whatsapp) fills: whose they are, who speaks in them,
and what is said, as records. Pure.

What mautrix-whatsapp writes into rooms and events is taken from its source (pkg/msgconv, pkg/waid)
and that of its framework (mautrix/go, bridgev2 and event/state.go).
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archive.ids import GROUP_SERVER
from archive.model import NewRecord, Sender
from bot.inbox import relation, reply_to, words
from bot.others import Names

BRIDGE_INFO = ("m.bridge", "uk.half-shot.bridge")  # MSC2346, its stable and its older name
POLLS = ("m.poll.start", "org.matrix.msc3381.poll.start")
VOTES = ("m.poll.response", "org.matrix.msc3381.poll.response")
POLL = "org.matrix.msc3381.poll.start"  # mautrix adds it to a text when polls are off
RECORDED = ("m.room.message", "m.sticker", "m.reaction", "m.room.redaction", "m.room.encrypted",
            *POLLS, *VOTES)
_KINDS = {"m.text": "text", "m.emote": "text", "m.notice": "notice", "m.image": "image",
          "m.video": "video", "m.audio": "audio", "m.file": "document", "m.location": "location"}
FILES = ("image", "video", "audio", "document", "sticker")
_PUPPETED = "fi.mau.double_puppet_source"  # written on a phone, shown as its owner's own
_FORWARDED = "data-mx-forwarded-notice"  # mautrix marks its own words with it, in the HTML
_FORWARDED_WORDS = "↷ Forwarded"
DAY_MS = 86_400_000
OPTIONS = 100  # of a poll that are read

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Portal:
    """A group's room, as the other bridge describes it."""

    jid: str
    name: str
    topic: str
    members: tuple[Sender, ...]


def portal(state: Iterable[Event], names: Names) -> Portal | None:
    """The group that a room's state says it is for; None when it says nothing of the kind, or
    somebody other than the bridge's bot says so: a member could claim any group."""
    jid = name = shown = topic = ""
    members = []
    for event in state:
        content = event.get("content")
        content = content if isinstance(content, dict) else {}
        match event.get("type"):
            case kind if kind in BRIDGE_INFO and event.get("sender") in names.bots:
                channel, protocol = content.get("channel"), content.get("protocol")
                if isinstance(channel, dict) and isinstance(protocol, dict) and \
                        protocol.get("id") == "whatsapp":
                    jid, shown = str(channel.get("id")), str(channel.get("displayname") or "")
            case "m.room.name":
                name = str(content.get("name") or "")
            case "m.room.topic":
                topic = str(content.get("topic") or "")
            case "m.room.member" if content.get("membership") == "join":
                if member := named(event, names):
                    members.append(member)
    if not re.fullmatch(rf"[0-9-]+@{re.escape(GROUP_SERVER)}", jid):
        return None  # direct chats and status updates are nobody's record
    return Portal(jid, name or shown, topic, tuple(members))


def named(member: Event, names: Names) -> Sender | None:
    """The WhatsApp person of an m.room.member event, with their name."""
    found = names.address(str(member.get("state_key")))
    shown = (member.get("content") or {}).get("displayname")
    name = names.own_name(shown) if isinstance(shown, str) else None
    return Sender(found.pn, found.lid, push_name=name) if found else None


@dataclass(frozen=True)
class File:
    """Where an event's file lies: mxc: URI, and the keys when it is encrypted
    (spec: EncryptedFile)."""

    mxc: str
    mime: str
    keys: dict[str, Any] | None = None


@dataclass(frozen=True)
class Said:
    """An event as a record, and the file it brings. `redacts` says that the target is what an
    event takes back: a message, or a reaction; `history`, that all before it has been read."""

    record: NewRecord
    file: File | None = None
    redacts: bool = False
    history: bool = False


def read(event: Event, chat_id: int, sender: Sender | None, names: Names, now: int,
         history: bool = False) -> Said | None:
    """The record that an event makes; None when it says nothing to a reader. `sender`: who wrote
    it; `history`: it is from before the bot was invited."""
    content = event.get("content")
    content = content if isinstance(content, dict) else {}
    kind, text, target, detail = _body(event, content)
    if kind is None or (kind in ("edit", "reaction", "vote", "deletion") and not target):
        return None
    if kind == "reaction" and not text:
        return None
    if history:
        detail["history"] = True
    shown = _new_content(content) if kind == "edit" else content
    file = file_of(shown)
    at = event.get("origin_server_ts")
    theirs = names.is_theirs(event["sender"]) or _PUPPETED in content
    file_kind = kind if kind != "edit" else _KINDS.get(str(shown.get("msgtype")), "")
    return Said(NewRecord(
        chat_id=chat_id, kind=kind, origin="whatsapp" if theirs else "matrix",
        source_id=event["event_id"], sender=sender,
        sent_at=at if isinstance(at, int) and 0 < at <= now + DAY_MS else now, received_at=now,
        text=text, target_source_id=target,
        media_name=_file_name(shown) if file and file_kind in FILES else None,
        media_mime=file.mime if file and file_kind in FILES else None,
        internal=not theirs and kind == "notice",
        detail=json.dumps(detail, ensure_ascii=False, sort_keys=True) if detail else None,
        raw=json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"),
    ), file if file_kind in FILES else None, kind == "deletion", history)


def _body(event: Event, content: Event) -> tuple[str | None, str, str | None, dict[str, Any]]:
    """(kind, text, event that it is about, detail); no kind when it says nothing."""
    relates, type_ = relation(content), event.get("type")
    about = relates.get("event_id")
    about = about if isinstance(about, str) else None
    if type_ == "m.room.redaction":
        redacted = event.get("redacts") or content.get("redacts")  # until room version 10; since
        return "deletion", "", redacted if isinstance(redacted, str) else None, {}
    if "redacted_because" in (event.get("unsigned") or {}):
        said = type_ in ("m.room.message", "m.sticker", *POLLS)
        return ("notice" if said else None), "[Deleted before Daftar's bot saw it.]", None, {}
    match type_:
        case "m.reaction":
            return "reaction", str(relates.get("key") or ""), about, {}
        case "m.room.encrypted":
            return "notice", "[An encrypted message, which Daftar's bot cannot read.]", None, {}
        case _ if type_ in VOTES:
            return "vote", "", about, {"answers": _chosen(content)}
        case _ if relates.get("rel_type") == "m.replace":
            new = _new_content(content)
            return "edit", _text(_kind(event, new), new)[0], about, {}
    kind = _kind(event, content)
    text, detail = _text(kind, content)
    return kind, text, reply_to(content), detail


def _kind(event: Event, content: Event) -> str:
    if event.get("type") == "m.sticker":
        return "sticker"
    if event.get("type") in POLLS or POLL in content:
        return "poll"
    return _KINDS.get(str(content.get("msgtype")), "unsupported")


def _text(kind: str, content: Event) -> tuple[str, dict[str, Any]]:
    """The words of a message and what else its record holds. `body` is WhatsApp's own text with
    its marks: mautrix puts the HTML beside it."""
    detail: dict[str, Any] = {}
    text = words(content)
    if _FORWARDED in str(content.get("formatted_body")) and text.startswith(_FORWARDED_WORDS):
        text = text.removeprefix(_FORWARDED_WORDS).lstrip("\n")
        detail["forwarded"] = "once"
    match kind:
        case "poll":
            return _poll(content)
        case "location":
            detail.update(_coordinates(str(content.get("geo_uri") or "")))
            return _place(text), detail
        case "sticker":
            return "", detail  # its body describes the picture
        case "unsupported":
            detail["field"] = str(content.get("msgtype") or "a message without a type")[:100]
    if kind in FILES:
        _measure(kind, content, detail)
        name = content.get("filename")
        text = text if name and text != name else ""
    return text, detail


def _measure(kind: str, content: Event, detail: dict[str, Any]) -> None:
    """Sizes and marks of a file, named as the record names them."""
    info = content.get("info")
    info = info if isinstance(info, dict) else {}
    for key, name in (("w", "width"), ("h", "height"), ("size", "size")):
        if isinstance(info.get(key), int) and info[key] > 0:
            detail[name] = info[key]
    sound = content.get("org.matrix.msc1767.audio")
    sound = sound if isinstance(sound, dict) else {}
    length = info.get("duration") or sound.get("duration")
    if isinstance(length, int) and length > 0:
        detail["seconds"] = round(length / 1000)
    if "org.matrix.msc3245.voice" in content:
        detail["voice"] = True
    if kind == "video" and info.get("fi.mau.gif") is True:
        detail["gif"] = True


def _place(text: str) -> str:
    """Name and address of a place: mautrix writes "Location: NAME", the address and a link."""
    lines = text.removeprefix("Location: ").split("\n")
    kept = [line.strip() for line in lines if not re.match(r"\s*(https?|geo):", line)
            and not re.fullmatch(r"\s*[0-9.]+° [NS] [0-9.]+° [EW]\s*", line)]
    return "\n".join(line for line in kept if line)


def _coordinates(uri: str) -> dict[str, float]:
    """Latitude and longitude of a geo: URI (RFC 5870)."""
    found = re.match(r"geo:(-?[0-9]{1,3}(?:\.[0-9]+)?),(-?[0-9]{1,3}(?:\.[0-9]+)?)(?![0-9.])", uri)
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        return {}
    return {"latitude": float(found[1]), "longitude": float(found[2])}


def _poll(content: Event) -> tuple[str, dict[str, Any]]:
    """A poll's question, and its options with the ids that votes name (MSC3381)."""
    poll = content.get(POLL, content.get("m.poll"))
    poll = poll if isinstance(poll, dict) else {}
    answers = poll.get("answers")
    options: dict[str, str] = {}
    for answer in (answers if isinstance(answers, list) else [])[:OPTIONS]:
        name = _words_of(answer).strip()
        if name:
            options.setdefault(name, str(answer.get("id") or answer.get("m.id") or ""))
    most = poll.get("max_selections")
    selectable = most if isinstance(most, int) and 0 < most < len(options) else 0
    return _words_of(poll.get("question")), {
        "options": list(options), "selectable": selectable, "answers": options}


def _words_of(item: object) -> str:
    """The text of an extensible event's part (MSC1767)."""
    if not isinstance(item, dict):
        return ""
    text = item.get("org.matrix.msc1767.text", item.get("m.text"))
    if isinstance(text, list):
        text = next((part.get("body") for part in text if isinstance(part, dict)), "")
    return text if isinstance(text, str) else str(item.get("body") or "")


def _chosen(content: Event) -> list[str]:
    response = content.get("org.matrix.msc3381.poll.response")
    ids = response.get("answers") if isinstance(response, dict) else content.get("m.selections")
    return [str(one) for one in ids[:OPTIONS]] if isinstance(ids, list) else []


def _new_content(content: Event) -> Event:
    new = content.get("m.new_content")
    return new if isinstance(new, dict) else {}


def file_of(content: Event) -> File | None:
    """Where the file is that an event brings."""
    info = content.get("info")
    mime = str((info if isinstance(info, dict) else {}).get("mimetype") or "")
    keys = content.get("file")
    keys = keys if isinstance(keys, dict) else None
    mxc = (keys or content).get("url")
    if not isinstance(mxc, str) or not re.fullmatch(r"mxc://[^/\s?#]+/[A-Za-z0-9_-]+", mxc):
        return None
    return File(mxc, mime or "application/octet-stream", keys)


def _file_name(content: Event) -> str:
    return str(content.get("filename") or content.get("body") or "file")

