"""What the link delivers, made by hand: for what no phone would send."""
from __future__ import annotations

import itertools

from bridge.link import GROUP_INFO, MESSAGE, UNDECRYPTABLE, Delivery
from bridge.whatsapp import events
from waproto import e2e, neonize_pb2

_seqs = itertools.count(1)
NOBODY = neonize_pb2.JID(User="", Server="", Device=0, RawAgent=0, Integrator=0)

_FLAGS = ("IsEphemeral", "IsViewOnce", "IsViewOnceV2", "IsViewOnceV2Extension",
          "IsDocumentWithCaption", "IsLottieSticker", "IsEdit")


def info(chat: str, id: str, *, pn: str = "", lid: str = "", name: str = "",
         at: int = 1_790_000_000, from_me: bool = False) -> neonize_pb2.MessageInfo:
    """Who, where, when. `at`: seconds."""
    addresses = [events.to_jid(text) for text in (
        f"{lid}@lid" if lid else "", f"{pn}@s.whatsapp.net" if pn else "") if text]
    sender, other = (*addresses, NOBODY, NOBODY)[:2]
    return neonize_pb2.MessageInfo(
        MessageSource=neonize_pb2.MessageSource(
            Chat=events.to_jid(chat), Sender=sender, SenderAlt=other, RecipientAlt=NOBODY,
            BroadcastListOwner=NOBODY, IsFromMe=from_me, IsGroup=True),
        ID=id, ServerID=0, Type="text", Pushname=name, Timestamp=at, Category="", Multicast=False,
        MediaType="", Edit="")


def message(chat: str, id: str, content: str | e2e.Message = "hello", **who: object) -> bytes:
    """The body of a message's event."""
    if isinstance(content, str):
        content = e2e.Message(conversation=content)
    return neonize_pb2.Message(
        Info=info(chat, id, **who), Message=content, UnavailableRequestID="", RetryCount=0,
        **dict.fromkeys(_FLAGS, False)).SerializeToString()


def undecryptable(chat: str, id: str, *, unavailable: bool = False, **who: object) -> bytes:
    """The body of the event of a message that the library could not open."""
    return neonize_pb2.UndecryptableMessage(
        Info=info(chat, id, **who), IsUnavailable=unavailable,
        DecryptFailMode=neonize_pb2.UndecryptableMessage.DECRYPT_FAIL_SHOW).SerializeToString()


def group_change(chat: str, *, at: int = 1_790_000_000, **changes: object) -> bytes:
    """The body of a change of a group: Join, Leave, Promote, Demote (lists of JIDs)."""
    lists = {key: [events.to_jid(jid) for jid in value] for key, value in changes.items()
             if isinstance(value, list)}
    return neonize_pb2.GroupInfoEvent(
        JID=events.to_jid(chat), Notify="", Timestamp=at, PrevParticipantsVersionID="",
        ParticipantVersionID="", JoinReason="", **lists).SerializeToString()


def delivery(body: bytes, code: int = MESSAGE, at: int = 1_790_000_000_500) -> Delivery:
    """The same as the link hands it over."""
    return Delivery(next(_seqs), code, at, body)


__all__ = ["GROUP_INFO", "MESSAGE", "UNDECRYPTABLE", "delivery", "group_change", "info", "message",
           "undecryptable"]
