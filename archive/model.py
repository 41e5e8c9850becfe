"""What the record holds, as frozen dataclasses. Times are Unix milliseconds (int) throughout."""
from __future__ import annotations

from dataclasses import dataclass

# Kinds of record. A message kind has a place of its own in the room; the others say something
# about another record (edit, deletion, reaction) or about the group or the link.
MESSAGE_KINDS = (
    "text", "image", "video", "audio", "document", "sticker", "location", "contact", "poll",
    "event", "unsupported",
)
RECORD_KINDS = (*MESSAGE_KINDS, "edit", "deletion", "reaction", "vote", "pin", "notice", "gap")

# Where a record came from.
ORIGINS = ("whatsapp", "matrix", "import")

# Life of a queue row. `unsure`: it may have been sent; a person decides. `failed`: given up after
# retries; a notice was posted. Both stay visible in `daftar status` and on the status page.
QUEUE_STATES = ("ready", "claimed", "done", "unsure", "failed")


@dataclass(frozen=True)
class Sender:
    """Who sent something, as WhatsApp or Matrix names them. At least one of pn, lid, mxid."""

    pn: str | None = None  # phone number, digits only (user part of …@s.whatsapp.net)
    lid: str | None = None  # user part of …@lid
    mxid: str | None = None  # Matrix user id of a member of staff
    push_name: str | None = None  # the name the sender chose, as of this message


@dataclass(frozen=True)
class MediaRef:
    """A file in the content-addressed store."""

    sha256: str
    mime: str
    name: str
    size: int  # bytes


@dataclass(frozen=True)
class NewRecord:
    """A record to be written. `source_id` is WhatsApp's message id or Matrix's event id; together
    with the chat it is the dedupe key: writing the same one again changes nothing."""

    chat_id: int
    kind: str  # one of RECORD_KINDS
    origin: str  # one of ORIGINS
    source_id: str
    sender: Sender | None
    sent_at: int
    received_at: int
    text: str = ""
    target_source_id: str | None = None  # quoted, edited, deleted or reacted-to message
    media_name: str | None = None
    media_mime: str | None = None
    internal: bool = False  # never leaves for WhatsApp (case threads, commands)
    detail: str | None = None  # JSON: what the kind needs beside the text (coordinates, …)
    raw: bytes | None = None  # the message as received: protobuf bytes or JSON


@dataclass(frozen=True)
class Record:
    """A record as it stands in the archive."""

    id: int
    chat_id: int
    kind: str
    origin: str
    source_id: str
    sender_id: int | None  # person
    sender_name: str  # display name of that day's person, "" when unknown
    sent_at: int
    received_at: int
    text: str
    target_id: int | None
    target_source_id: str | None
    root_id: int | None  # thread root, None when the record stands alone or is the root
    media: MediaRef | None
    media_name: str | None
    media_mime: str | None
    internal: bool
    detail: str | None


@dataclass(frozen=True)
class Chat:
    """A WhatsApp group (or direct chat) that is mirrored."""

    id: int
    jid: str
    name: str
    topic: str
    room_id: str | None
    avatar: str | None  # sha256 of the picture in the media store


@dataclass(frozen=True)
class Person:
    """A human being behind phone numbers, LIDs, Matrix ids and names."""

    id: int
    name: str  # best name known: contact, then push, then number
    pn: str | None
    lid: str | None
    mxid: str | None
    ghost: str | None  # Matrix id of the ghost, once made


@dataclass(frozen=True)
class QueueRow:
    """One thing to be carried over. Rows of a lane are done one at a time, in order."""

    id: int
    lane: str  # "in:CHAT" to Matrix, "out:CHAT" to WhatsApp, "bot:ROOM" commands to the bridge bot
    key: str  # dedupe
    task: str  # what a worker does with it: "record", "notice", "room", "event", …
    record_id: int | None
    payload: str | None  # JSON
    state: str
    tries: int
    attempted_at: int | None  # when sending began last; None when never begun
    note: str | None = None  # why it waits, failed or is unsure


@dataclass(frozen=True)
class SearchHit:
    """A found record, with the places to mark in its text."""

    record: Record
    chat_name: str
    snippet: str  # plain text; matched words between \x02 and \x03
