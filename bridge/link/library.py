"""The WhatsApp library as the child uses it: loading neonize, one account's session, sending.

Only the child imports this module's contents to life: load() is what loads the Go library.
Facts about neonize 0.5.2 and whatsmeow that this file leans on:
- Go hands events to Python through a channel of 100, read by the thread that called Neonize();
  WhatsApp is told "received" when an event enters the channel, not when Python has seen it.
- While a QR code is shown that thread reads codes only; events wait until pairing has ended.
- Calling Go for a client that does not exist yet is a nil dereference: the process dies.
- Stop() drops what is still in the channel: Disconnect() first, then wait until callbacks rest.
"""
from __future__ import annotations

import importlib
import logging
import re
import sqlite3
import types
from pathlib import Path
from typing import Any

from bridge.link import (
    CALL_OFFER,
    CALL_OFFER_NOTICE,
    CHAT_PRESENCE,
    GROUP_INFO,
    HISTORY_SYNC,
    JOINED_GROUP,
    MESSAGE,
    PICTURE,
    RECEIPT,
    UNDECRYPTABLE,
    LinkError,
)

SESSION = "session.sqlite"  # in the link's folder, which is the child's working directory
KINDS = {"image": "MediaImage", "sticker": "MediaImage", "video": "MediaVideo",
         "audio": "MediaAudio", "document": "MediaDocument"}

# Events of content go to the journal; the others only move the link's state. Of the receipts only
# the own phone's go there, now and then: others' are many (300 members of a group send 300 of them
# for every message); they are passed on at once, like the signs that somebody types.
JOURNALLED = frozenset({HISTORY_SYNC, MESSAGE, JOINED_GROUP, GROUP_INFO, PICTURE, UNDECRYPTABLE,
                        CALL_OFFER, CALL_OFFER_NOTICE})
PASSING = frozenset({RECEIPT, CHAT_PRESENCE})
(PAIR_STATUS, CONNECTED, KEEPALIVE_TIMEOUT, KEEPALIVE_RESTORED, LOGGED_OUT, STREAM_REPLACED,
 TEMPORARY_BAN, CONNECT_FAILURE, CLIENT_OUTDATED, STREAM_ERROR, DISCONNECTED) = range(2, 13)
SIGNALS = frozenset(range(2, 13))  # how the link itself is; they tell of no chat
SUBSCRIBED = JOURNALLED | SIGNALS | PASSING

# Beginnings of whatsmeow's errors that are raised before anything is written to the socket, or
# that are WhatsApp's own refusal. Everything else may have been sent.
_NOT_SENT = (
    "client not found", "the store doesn't contain", "can't send", "message recipient must be",
    "unknown user server", "unknown server", "failed to get ", "failed to fetch ",
    "failed to encrypt", "failed to create ", "failed to marshal", "failed to prepare",
    "failed to build", "failed to send message node: websocket not connected",
    "websocket not connected", "server returned error", "invalid inline bot", "proto:",
)


class LibraryError(Exception):
    """The WhatsApp library cannot be loaded."""


def definitely_not_sent(error: str) -> bool:
    """Whether whatsmeow's error for a send means that nobody can have received the message."""
    return error.startswith(_NOT_SENT)


def refusal(error: str) -> int:
    """The code with which WhatsApp's server refused a question; 0 when the error is another."""
    if "not a valid image" in error:
        return 406  # whatsmeow's word for it
    found = re.search(r"returned status (\d{3})\b", error)
    return int(found[1]) if found else 0


def load(*, private: bool = False) -> types.SimpleNamespace:
    """Load the Go library; a namespace of what the child needs of it. LibraryError says why not.
    `private`: its warnings, which name chats and people, are not logged."""
    logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)  # media is not converted here
    # Its level is whatsmeow's: at INFO every log line of Go is parsed and formatted in Python.
    logging.getLogger("neonize.utils.log").setLevel(
        logging.ERROR if private else logging.WARNING)
    try:
        client = importlib.import_module("neonize.aioze.client")
        return types.SimpleNamespace(
            client=client,
            binder=importlib.import_module("neonize._binder"),
            enum=importlib.import_module("neonize.utils.enum"),
            jid=importlib.import_module("neonize.utils.jid"),
            e2e=importlib.import_module("neonize.proto.waE2E.WAWebProtobufsE2E_pb2"),
            pb=importlib.import_module("neonize.proto.Neonize_pb2"),
            DecodeError=importlib.import_module("google.protobuf.message").DecodeError,
        )
    except Exception as error:  # whatever it is, a person must read it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LibraryError("the WhatsApp library (neonize) cannot be loaded on this machine: "
                           f"{reason}") from error


def open_session(path: Path) -> bool:
    """Prepare the session's file, mode 600; True when it holds a linked device."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    db = sqlite3.connect(path)
    try:
        # Stays in the file: the library then needs one fsync a ratchet step instead of three.
        db.execute("PRAGMA journal_mode=WAL")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='whatsmeow_device'").fetchone():
            return False
        return db.execute("SELECT 1 FROM whatsmeow_device LIMIT 1").fetchone() is not None
    finally:
        db.close()


def parse_jid(library: types.SimpleNamespace, text: str) -> Any:
    """A neonize JID. LinkError when it is malformed."""
    user, at, server = text.partition("@")
    if not (at and user and server in ("g.us", "s.whatsapp.net", "lid", "broadcast")
            and all(c.isascii() and (c.isalnum() or c in "-.") for c in user)):
        raise LinkError(f"{text!r} is no WhatsApp address that a message can be sent to")
    return library.jid.build_jid(user, server)


def reason_name(library: types.SimpleNamespace, number: int) -> str:
    """WhatsApp's reason for refusing a connection, in words."""
    try:
        return library.pb.ConnectFailureReason.Name(number).lower().replace("_", " ")
    except ValueError:
        return f"reason {number}"
