"""Edits and deletions: who may make them, and edits that come sealed.

WhatsApp's server passes on every edit and deletion; it is the clients that refuse one by somebody
who may not make it. Since 2026 edits are encrypted under the secret of the message they change.
"""
from __future__ import annotations

import itertools
import logging
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError

from archive import directory, ids, messages
from archive.db import Database, Unit
from bridge import whatsapp
from bridge.whatsapp import Incoming
from waproto import e2e

log = logging.getLogger("daftar.bridge.changes")


def permitted(chat_id: int, event: Incoming) -> Unit[bool]:
    """May this sender make this change? An edit is for the sender of the message alone, a deletion
    also for the group's admins; what staff wrote belongs to the department's own number. A message
    that is not in the record, or a group whose admins are not known, is given the benefit."""
    if event.kind not in ("edit", "deletion") or not event.target:
        return True
    found = yield (
        """SELECT sender_id, origin FROM record WHERE chat_id = ? AND source_id = ?
        UNION ALL SELECT r.sender_id, r.origin FROM whatsapp_message w
            JOIN record r ON r.id = w.record_id WHERE w.chat_id = ? AND w.message_id = ?""",
        (chat_id, event.target, chat_id, event.target))
    if not found:
        return True
    sender = yield from directory.ensure(event.sender, event.sent_at)
    if found[0]["sender_id"] == sender or (event.from_me and found[0]["origin"] == "matrix"):
        return True
    if event.kind == "edit":
        return False
    admins = yield (
        "SELECT person_id FROM member WHERE chat_id = ? AND role IN ('admin', 'superadmin')",
        (chat_id,))
    return not admins or sender in {row["person_id"] for row in admins}


def refused(event: Incoming) -> Incoming:
    """A change that WhatsApp's own clients would not make, as a notice."""
    what = "delete" if event.kind == "deletion" else "change"
    text = f"Tried to {what} somebody else's message, which WhatsApp allows nobody; it stands."
    if event.text:
        text += f" The new text was: {event.text}"
    return replace(event, kind="notice", text=text)


async def opened(db: Database, chat_id: int, event: Incoming) -> Incoming:
    """A sealed edit as the edit that it holds; every other event, and one that cannot be opened,
    as it is."""
    if event.detail.get("field") != "secretEncryptedMessage" or not event.target:
        return event
    original = await messages.by_source(db, chat_id, event.target)
    raw = await messages.raw(db, original.id) if original else None
    try:
        sealed = whatsapp.unwrap(e2e.Message.FromString(event.raw)).secretEncryptedMessage
        message = _open(sealed, event, e2e.Message.FromString(raw)) if raw else None
        edit = whatsapp.reread(event, message) if message else None
    except DecodeError as error:
        log.warning("a sealed edit holds nothing readable: %s", error)
        return event
    # What is inside may speak of no other message than the envelope.
    return edit if edit and (edit.kind, edit.target) == ("edit", event.target) else event


def _open(sealed: e2e.SecretEncryptedMessage, event: Incoming,
          original: e2e.Message) -> e2e.Message | None:
    """Decrypt with HKDF-SHA256(messageSecret, info = id, sender, editor, use) and AES-256-GCM.
    Either name of the sender may have gone into the key."""
    secret = original.messageContextInfo.messageSecret
    addresses = [f"{user}@{server}" for user, server in (
        (event.sender.lid, ids.LID_SERVER), (event.sender.pn, ids.USER_SERVER)) if user]
    for sender, editor in itertools.product(addresses, addresses):
        info = f"{event.target}{sender}{editor}Message Edit".encode()
        key = HKDF(SHA256(), 32, None, info).derive(secret)
        try:
            plain = AESGCM(key).decrypt(sealed.encIV, sealed.encPayload, None)
        except (InvalidTag, ValueError):  # ValueError: an initialisation vector of odd length
            continue
        return e2e.Message.FromString(plain)
    return None
