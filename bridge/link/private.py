"""What the child keeps to itself: direct chats that are not chosen. Of them nothing is written
down, not even in the journal; only that the own phone gave a sign of life."""
from __future__ import annotations

import types
from typing import Any

from bridge.link import HISTORY_SYNC, MESSAGE, UNDECRYPTABLE
from bridge.link.direct import SERVERS, Rules

CODES = frozenset({MESSAGE, UNDECRYPTABLE, HISTORY_SYNC})  # events that direct chats may be in
_NOBODY = "0"


def without(lib: types.SimpleNamespace, rules: Rules, code: int, body: bytes) -> bytes | None:
    """An event of CODES without direct chats that `rules` do not want; None when nothing is left
    of it."""
    try:
        if code == HISTORY_SYNC:
            return _history(lib, rules, body)
        kinds = {MESSAGE: lib.pb.Message, UNDECRYPTABLE: lib.pb.UndecryptableMessage}
        info = kinds[code].FromString(body).Info
    except lib.DecodeError:
        return body  # kept all the same: nobody can say what it is
    source = info.MessageSource
    if source.Chat.Server not in SERVERS:
        return body
    if source.IsFromMe:
        wanted = rules.want(_addresses(source.Chat, source.RecipientAlt))
    else:
        wanted = rules.want(_addresses(source.Sender, source.SenderAlt), str(info.Pushname))
    return body if wanted else None


def _addresses(*jids: Any) -> list[str]:
    return [f"{jid.User}@{jid.Server}" for jid in jids if jid.User]


def _history(lib: types.SimpleNamespace, rules: Rules, body: bytes) -> bytes:
    event = lib.pb.HistorySync.FromString(body)
    sync = event.Data
    names = {name.ID: str(name.pushname) for name in sync.pushnames}
    other = {}
    for pair in sync.phoneNumberToLidMappings:
        other[pair.pnJID], other[pair.lidJID] = pair.lidJID, pair.pnJID
    for place, said in reversed(list(enumerate(sync.conversations))):
        if said.ID.partition("@")[2] == "g.us":
            continue
        known = [said.ID, said.pnJID, said.lidJID, other.get(said.ID, "")]
        if not rules.want(known, *(names.get(jid, "") for jid in known)):
            del sync.conversations[place]
    sync.ClearField("statusV3Messages")  # what people show to all whom they know
    sync.ClearField("callLogRecords")
    return bytes(event.SerializeToString())


def sign(lib: types.SimpleNamespace, body: bytes) -> bytes:
    """That a message was written, as a receipt that says nothing of it; b"" when it cannot be
    read."""
    try:
        info = lib.pb.Message.FromString(body).Info
    except lib.DecodeError:
        return b""
    at = info.Timestamp // 1000 if info.Timestamp > 10**11 else info.Timestamp
    receipt = lib.pb.Receipt(MessageSource=info.MessageSource, Timestamp=at,
                             Type=lib.pb.Receipt.READ)
    return bare(lib, bytes(receipt.SerializeToString()))


def bare(lib: types.SimpleNamespace, body: bytes) -> bytes:
    """A receipt of the own phone without the direct chat that it was in."""
    receipt = lib.pb.Receipt.FromString(body)
    if receipt.MessageSource.Chat.Server in SERVERS:
        receipt.MessageSource.Chat.User = receipt.MessageSource.RecipientAlt.User = _NOBODY
        del receipt.MessageIDs[:]
    return bytes(receipt.SerializeToString())
