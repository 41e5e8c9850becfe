"""Messages that are sealed under the secret of another: edits (since 2026), votes in polls,
reactions in announcement groups, answers to events.

The key is HKDF-SHA256 of the other message's messageSecret, with its id, its sender, the present
sender and the use as info; the cipher is AES-256-GCM, for votes and answers with id and sender as
additional data (as WhatsApp's clients do it; whatsmeow's msgsecret.go shows the same).
"""
from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError

from archive import directory, ids, messages
from archive.db import Database
from archive.model import Record
from bridge.whatsapp import content
from bridge.whatsapp.content import Content
from bridge.whatsapp.events import Incoming
from waproto import e2e

log = logging.getLogger("daftar.bridge.sealed")

_USES = {"secretEncryptedMessage": "Message Edit", "pollUpdateMessage": "Poll Vote",
         "encReactionMessage": "Enc Reaction", "encEventResponseMessage": "Event Response"}
_AUTHENTICATED = ("pollUpdateMessage", "encEventResponseMessage")
_ANSWERS = {"GOING": "Is going", "NOT_GOING": "Is not going", "MAYBE": "May be going"}


def is_sealed(event: Incoming) -> bool:
    """Whether a message can be read only with the secret of another."""
    return event.content.detail.get("field") in content.SEALED


async def opened(db: Database, chat_id: int, event: Incoming) -> Incoming:
    """A sealed message as what it holds; every other event, and one that cannot be opened, as it
    is."""
    field, target = event.content.detail.get("field"), event.content.target
    if not is_sealed(event) or not target:
        return event
    original = await messages.by_whatsapp(db, chat_id, target)
    if original is None:
        return event
    try:
        secret = await _secret(db, original)  # of what is no message (a reaction), or imported
        envelope = getattr(content.unwrap(e2e.Message.FromString(event.raw)), field)
        participant = content.text(getattr(envelope, content.SEALED[field]).participant)
        authors = await _addresses(db, original, participant) if secret else []
        plain = _open(field, envelope, target, secret, authors, list(_of(event)))
        said = _read(field, plain, target, original) if plain is not None else None
    except DecodeError as error:
        log.warning("a sealed %s holds nothing readable: %s", field, error)
        return event
    return replace(event, content=said) if said else event


async def _secret(db: Database, original: Record) -> bytes:
    """The 32 bytes that came with a message, or went with one of staff's."""
    if original.origin == "matrix":
        return bytes.fromhex(json.loads(original.detail or "{}").get("secret", ""))
    raw = await messages.raw(db, original.id)
    return e2e.Message.FromString(raw or b"").messageContextInfo.messageSecret


async def _addresses(db: Database, original: Record, participant: str) -> list[str]:
    """The names under which the other message's sender may have gone into the key."""
    found = [participant] if participant else []
    person = await directory.person(db, original.sender_id) if original.sender_id else None
    if person:
        found += [f"{user}@{server}" for user, server in (
            (person.lid, ids.LID_SERVER), (person.pn, ids.USER_SERVER)) if user]
    return list(dict.fromkeys(found))


def _of(event: Incoming) -> Iterable[str]:
    if event.sender.lid:
        yield f"{event.sender.lid}@{ids.LID_SERVER}"
    if event.sender.pn:
        yield f"{event.sender.pn}@{ids.USER_SERVER}"


def _open(field: str, envelope: Any, target: str, secret: bytes, authors: list[str],
          senders: list[str]) -> bytes | None:
    """The plain bytes, or None when no name fits."""
    sealed = envelope.vote if field == "pollUpdateMessage" else envelope
    for author, sender in itertools.product(authors, senders):
        info = f"{target}{author}{sender}{_USES[field]}".encode()
        key = HKDF(SHA256(), 32, None, info).derive(secret)
        extra = f"{target}\0{sender}".encode() if field in _AUTHENTICATED else None
        try:
            return AESGCM(key).decrypt(sealed.encIV, sealed.encPayload, extra)
        except (InvalidTag, ValueError):  # ValueError: an initialisation vector of odd length
            continue
    return None


def _read(field: str, plain: bytes, target: str, original: Record) -> Content | None:
    """What was inside. It may speak of no other message than the envelope."""
    match field:
        case "secretEncryptedMessage":
            said = content.read(e2e.Message.FromString(plain))
            return said if said and (said.kind, said.target) == ("edit", target) else None
        case "pollUpdateMessage":
            return _vote(e2e.PollVoteMessage.FromString(plain), target, original)
        case "encReactionMessage":
            return Content("reaction", e2e.ReactionMessage.FromString(plain).text, target)
        case _:
            answer = e2e.EventResponseMessage.FromString(plain)
            name = e2e.EventResponseMessage.EventResponseType.Name(answer.response)
            guests = f", with {answer.extraGuestCount} more" * bool(answer.extraGuestCount)
            words = _ANSWERS.get(name, "Has answered")
            return Content("notice", f"{words}{guests}.", target)


def _vote(vote: e2e.PollVoteMessage, target: str, poll: Record) -> Content:
    """The options chosen, by the SHA-256 of their names; none of them: the vote is taken back."""
    options = json.loads(poll.detail or "{}").get("options", [])
    chosen = [name for name in options if _digest(name) in vote.selectedOptions]
    return Content("vote", ", ".join(chosen), target, detail={"options": chosen})


def _digest(option: str) -> bytes:
    return hashlib.sha256(option.encode("utf-8", "replace")).digest()
