"""What a WhatsApp message says: its protobuf (waE2E.Message) read into one dataclass.

Pure. Kinds that have no form of their own in a room become words in square brackets before the
sender's own; what cannot be read at all is `unsupported` and names its field. The raw bytes stay in
the record in any case.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from archive import clean
from waproto import e2e

Detail = dict[str, Any]

_MEDIA = {"imageMessage": "image", "videoMessage": "video", "ptvMessage": "video",
          "audioMessage": "audio", "documentMessage": "document", "stickerMessage": "sticker"}
# Wrappers that hold the real message in `.message`: ephemeral, view once, edited, document with
# caption, …; those of a newer library are among them as soon as it knows them.
_WRAPPERS = tuple(f.name for f in e2e.Message.DESCRIPTOR.fields
                  if f.message_type and f.message_type.name == "FutureProofMessage")
# Fields that carry no content of their own; a message of only these says nothing to a reader.
_SILENT = {"senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage",
           "messageContextInfo"}
_SILENT_PROTOCOL = {  # between devices, not between people
    "HISTORY_SYNC_NOTIFICATION", "APP_STATE_SYNC_KEY_SHARE", "APP_STATE_SYNC_KEY_REQUEST",
    "INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC", "APP_STATE_FATAL_EXCEPTION_NOTIFICATION",
    "PEER_DATA_OPERATION_REQUEST_MESSAGE", "PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE",
    "LID_MIGRATION_MAPPING_SYNC", "SHARED_DEVICE_CONTACT_HASH_KEY_SHARE",
    "SHARED_DEVICE_CONTACT_HASH_KEY_REQUEST", "COEX_STATE_SYNC", "CHAT_THEME_SETTING",
}
# Sealed under the secret of the message they are about (sealed.py); where that one's key is.
SEALED = {"secretEncryptedMessage": "targetMessageKey", "encReactionMessage": "targetMessageKey",
          "pollUpdateMessage": "pollCreationMessageKey",
          "encEventResponseMessage": "eventCreationMessageKey"}
# Messages of businesses: the parts of each that hold words, best first.
_WORDED = {
    "listMessage": ("title", "description", "footerText"),
    "listResponseMessage": ("title", "description"),
    "buttonsMessage": ("text", "contentText", "footerText"),
    "buttonsResponseMessage": ("selectedDisplayText",),
    "templateButtonReplyMessage": ("selectedDisplayText",),
    "templateMessage": ("hydratedTemplate.hydratedTitleText",
                        "hydratedTemplate.hydratedContentText",
                        "hydratedTemplate.hydratedFooterText"),
    "interactiveMessage": ("header.title", "body.text", "footer.text"),
    "interactiveResponseMessage": ("body.text",),
    "productMessage": ("product.title", "product.description", "body"),
    "orderMessage": ("orderTitle", "message"),
    "commentMessage": ("message.conversation", "message.extendedTextMessage.text"),
}
_OFTEN = 5  # forwarding score from which WhatsApp says "forwarded many times"
VCARD_LIMIT = 256 * 1024  # characters of contact cards in one message


@dataclass(frozen=True)
class Content:
    """A message, read. `target`: the id of the message it quotes, edits, deletes or is about."""

    kind: str  # archive.model.RECORD_KINDS
    text: str = ""
    target: str | None = None
    media_name: str | None = None
    media_mime: str | None = None
    detail: Detail = field(default_factory=dict)


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


def downloadable(message: e2e.Message) -> e2e.Message:
    """The same message as the library can fetch its file: it looks into no wrapper, and knows video
    notes only as videos."""
    inner = unwrap(message)
    if inner.HasField("ptvMessage"):
        return e2e.Message(videoMessage=inner.ptvMessage)
    return inner


def file_size(message: e2e.Message) -> int:
    """The bytes that the file of a `downloadable` message claims to have; 0 without one."""
    return max((value.fileLength for described, value in message.ListFields()
                if described.name.endswith("Message") and hasattr(value, "fileLength")), default=0)


def read(message: e2e.Message) -> Content | None:
    """What a message says, whatever its texts are; None when it says nothing to a reader."""
    try:
        content = _read(unwrap(message))
    except TypeError:  # a text that is not UTF-8 comes as bytes (proto2 lets it pass)
        return Content("unsupported", detail={"field": "unreadable text"})
    if content is None:
        return None
    target, name, mime = (None if value is None else text(value) for value in (
        content.target, content.media_name, content.media_mime))
    return Content(content.kind, text(content.text), clean.text(target) if target else target,
                   name, mime, content.detail)


def text(value: str | bytes) -> str:
    """A protobuf string; one that is not UTF-8 comes as bytes (proto2 lets it pass)."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _read(message: e2e.Message) -> Content | None:
    fields = [f.name for f, _ in message.ListFields() if f.name not in _SILENT]
    if not fields:
        # A kind younger than this library has only fields that it does not know.
        unknown = [f.field_number for f in UnknownFieldSet(message)]
        return Content("unsupported", detail={"field": f"field {unknown[0]}"}) if unknown else None
    name = fields[0]
    body = getattr(message, name)
    if name in _MEDIA:
        return _media(name, body)
    if name in SEALED:
        return Content("unsupported", "", getattr(body, SEALED[name]).ID or None,
                       detail={"field": name})
    if name in _WORDED:
        return _worded(name, body)
    if name.startswith("pollCreationMessage"):
        return _poll(body)
    reader = _READERS.get(name)
    return reader(body) if reader else Content("unsupported", detail={"field": name})


def _conversation(body: str) -> Content:
    return Content("text", body)


def _extended(body: e2e.ExtendedTextMessage) -> Content:
    detail, target = context(body.contextInfo)
    if body.matchedText and (body.title or body.description):
        detail["preview"] = {"url": body.matchedText, "title": body.title,
                             "description": body.description}
    return Content("text", body.text, target, detail=detail)


def _media(name: str, body: Any) -> Content:
    detail, target = context(body.contextInfo)
    for key in ("width", "height", "seconds"):
        if value := getattr(body, key, 0):
            detail[key] = value
    for mark, is_so in (
            ("voice", getattr(body, "PTT", False)), ("gif", getattr(body, "gifPlayback", False)),
            ("video_note", name == "ptvMessage"), ("animated", getattr(body, "isAnimated", False)),
            ("view_once", getattr(body, "viewOnce", False))):
        if is_so:
            detail[mark] = True
    if waveform := getattr(body, "waveform", b""):
        detail["waveform"] = list(waveform[:256])  # loudness in steps, 0 to 100
    detail["size"] = body.fileLength
    file_name = getattr(body, "fileName", "") or getattr(body, "title", "")
    return Content(_MEDIA[name], getattr(body, "caption", ""), target, file_name or None,
                   body.mimetype or None, detail)


def _location(body: Any) -> Content:
    detail, target = context(body.contextInfo)
    detail["latitude"] = round(body.degreesLatitude, 7)
    detail["longitude"] = round(body.degreesLongitude, 7)
    if isinstance(body, e2e.LiveLocationMessage):
        detail["live"] = True
        detail["sequence"] = body.sequenceNumber
    words = [getattr(body, key, "") for key in ("name", "address", "caption", "comment")]
    return Content("location", "\n".join(w for w in words if w), target, detail=detail)


def _contact(body: e2e.ContactMessage) -> Content:
    return _cards(body, [body])


def _contacts(body: e2e.ContactsArrayMessage) -> Content:
    return _cards(body, list(body.contacts))


def _cards(body: Any, cards: list[e2e.ContactMessage]) -> Content:
    """Name, numbers and offices in words, so that a search finds them, and the cards themselves."""
    detail, target = context(body.contextInfo)
    detail["vcards"] = "\n".join(card.vcard.strip() for card in cards)[:VCARD_LIMIT]
    text = "\n\n".join(_card(card) for card in cards)
    return Content("contact", text, target, detail=detail)


def _card(card: e2e.ContactMessage) -> str:
    """A vCard's name and what a reader wants of it (RFC 6350: one property a line, long ones
    folded)."""
    lines = [card.displayName]
    unfolded = re.sub(r"\r?\n[ \t]", "", card.vcard[:VCARD_LIMIT])
    for line in unfolded.splitlines():
        name, _, value = line.partition(":")
        name = name.partition(";")[0].rpartition(".")[2].upper()
        value = re.sub(r"\\([,;\\])", r"\1", value.strip().strip(";").replace(r"\n", " "))
        if not value:
            continue
        if name == "FN" and not lines[0]:
            lines[0] = value
        elif name in ("TEL", "ORG", "TITLE", "EMAIL") and value not in lines:
            lines.append(value)
    return "\n".join(lines[:20])


def _poll(body: e2e.PollCreationMessage) -> Content:
    detail, target = context(body.contextInfo)
    detail["options"] = [option.optionName for option in body.options]
    detail["selectable"] = body.selectableOptionsCount  # 0: as many as one likes
    return Content("poll", body.name, target, detail=detail)


def _poll_result(body: e2e.PollResultSnapshotMessage) -> Content:
    votes = [f"{vote.optionName}: {vote.optionVoteCount}" for vote in body.pollVotes]
    return _remark("Result of a poll", "\n".join([body.name, *votes]))


def _event(body: e2e.EventMessage) -> Content:
    detail, target = context(body.contextInfo)
    detail.update(starts_at=_ms(body.startTime), ends_at=_ms(body.endTime),
                  cancelled=body.isCanceled)
    place = body.location
    where = [place.name, place.address] if body.HasField("location") else []
    text = "\n".join(w for w in (body.name, body.description, *where, body.joinLink) if w)
    return Content("event", text, target, detail=detail)


def _scheduled_call(body: e2e.ScheduledCallCreationMessage) -> Content:
    return Content("event", body.title or "Call", detail={"starts_at": body.scheduledTimestampMS})


def _ms(seconds: int) -> int:
    return seconds if seconds > 10**11 else seconds * 1000


def _invite(body: e2e.GroupInviteMessage) -> Content:
    detail, target = context(body.contextInfo)
    said = f"Invitation to the WhatsApp group “{body.groupName}”; open WhatsApp to join"
    return Content("text", _bracketed(said, body.caption), target, detail=detail)


def _album(body: e2e.AlbumMessage) -> Content:
    counts = [f"{n} {word}{'s' * (n != 1)}" for n, word in (
        (body.expectedImageCount, "picture"), (body.expectedVideoCount, "video")) if n]
    return Content("notice", f"An album of {' and '.join(counts) or 'pictures'} follows.")


def _pin(body: e2e.PinInChatMessage) -> Content:
    is_pin = body.type == e2e.PinInChatMessage.PIN_FOR_ALL
    return Content("pin", "pinned" if is_pin else "unpinned", body.key.ID)


def _kept(body: e2e.KeepInChatMessage) -> Content:
    return Content("notice", "A message that was to disappear is kept in the group on WhatsApp.",
                   body.key.ID or None)


def _call(body: e2e.CallLogMessage) -> Content:
    outcome = e2e.CallLogMessage.CallOutcome.Name(body.callOutcome).replace("_", " ").lower()
    length = f", {body.durationSecs // 60} min {body.durationSecs % 60} s" * bool(body.durationSecs)
    return Content("notice", f"{'Video' if body.isVideo else 'Voice'} call in the group on "
                             f"WhatsApp: {outcome}{length}.")


def _reaction(body: e2e.ReactionMessage) -> Content:
    return Content("reaction", body.text, body.key.ID)


def _sticker_pack(body: e2e.StickerPackMessage) -> Content:
    return _remark("Sticker pack", body.name)


def _worded(name: str, body: Any) -> Content:
    words = []
    for path in _WORDED[name]:
        value = body
        for step in path.split("."):
            value = getattr(value, step, "")
        if isinstance(value, str) and value and value not in words:
            words.append(value)
    if not words:
        return Content("unsupported", detail={"field": name})
    detail, target = context(body.contextInfo) if hasattr(body, "contextInfo") else ({}, None)
    return Content("text", "\n".join(words), target, detail={**detail, "field": name})


def _remark(remark: str, words: str) -> Content:
    return Content("text", _bracketed(remark, words))


def _bracketed(remark: str, words: str) -> str:
    return f"[{remark}]\n{words}" if words else f"[{remark}]"


def _protocol(body: e2e.ProtocolMessage) -> Content | None:
    if not body.HasField("type"):  # younger than this library, or it would read as REVOKE
        return Content("unsupported", detail={"field": "protocolMessage of a new type"})
    match e2e.ProtocolMessage.Type.Name(body.type):
        case "REVOKE":
            return Content("deletion", "", body.key.ID)
        case "MESSAGE_EDIT":
            new = read(body.editedMessage)
            kept = {"mentions": new.detail["mentions"]} if new and "mentions" in new.detail else {}
            return Content("edit", new.text if new else "", body.key.ID, detail=kept)
        case "EPHEMERAL_SETTING":
            return Content("notice", timer_words(body.ephemeralExpiration))
        case "GROUP_MEMBER_LABEL_CHANGE":
            label = body.memberLabel.label
            return Content("notice", f"Is labelled “{label}” in the group." if label
                           else "Has no label in the group any more.")
        case name if name in _SILENT_PROTOCOL:
            return None
        case name:
            return Content("unsupported", detail={"field": f"protocolMessage {name}"})


def timer_words(seconds: int) -> str:
    """What the room says of the group's timer for disappearing messages."""
    if not seconds:
        return "Messages in the group no longer disappear."
    days = seconds / 86_400
    span = f"{days:.0f} day{'s' * (days != 1)}" if days >= 1 else f"{seconds // 3600} hours"
    return f"New messages disappear from phones after {span}; the record keeps them."


def context(info: e2e.ContextInfo) -> tuple[Detail, str | None]:
    """What a message says about others: whom it names, whether it is forwarded, and the id and
    words of the message that it quotes."""
    detail: Detail = {}
    if info.mentionedJID:
        detail["mentions"] = list(info.mentionedJID)
    if info.nonJIDMentions:
        detail["mentions_all"] = True
    if info.isForwarded:
        detail["forwarded"] = "often" if info.forwardingScore >= _OFTEN else "once"
    if info.expiration:
        detail["expires"] = info.expiration  # seconds
    if not info.stanzaID:
        return detail, None
    quoted = read(info.quotedMessage) if info.HasField("quotedMessage") else None
    detail["quote"] = {"sender": info.participant, "text": quoted.text[:500] if quoted else "",
                       "kind": quoted.kind if quoted else ""}
    return detail, info.stanzaID


_READERS = {
    "conversation": _conversation, "extendedTextMessage": _extended, "locationMessage": _location,
    "liveLocationMessage": _location, "contactMessage": _contact, "contactsArrayMessage": _contacts,
    "pollResultSnapshotMessage": _poll_result, "pollResultSnapshotMessageV3": _poll_result,
    "eventMessage": _event, "scheduledCallCreationMessage": _scheduled_call,
    "groupInviteMessage": _invite, "albumMessage": _album, "pinInChatMessage": _pin,
    "keepInChatMessage": _kept, "callLogMesssage": _call, "reactionMessage": _reaction,
    "stickerPackMessage": _sticker_pack, "protocolMessage": _protocol,
}
