"""Calls, as the link says that they ring. Pure, as bridge/whatsapp/events.py."""
from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from archive import clean
from archive.ids import GROUP_SERVER
from archive.model import Sender
from bridge.link import CALL_OFFER, CALL_OFFER_NOTICE
from bridge.whatsapp.events import Malformed, jid, sender_of_jid
from waproto import neonize_pb2

CODES = (CALL_OFFER, CALL_OFFER_NOTICE)  # the events that parse() reads


@dataclass(frozen=True)
class Call:
    """A call that rings. `group`: JID; "" for the account's own number."""

    id: str
    sender: Sender
    at: int  # Unix milliseconds
    group: str
    video: bool


def parse(code: int, body: bytes) -> Call | None:
    """One event of the link with a code of CODES; None when it does not say who calls. Raises
    Malformed when the bytes do not parse."""
    kinds = {CALL_OFFER: neonize_pb2.CallOffer, CALL_OFFER_NOTICE: neonize_pb2.CallOfferNotice}
    try:
        event = kinds[code].FromString(body)
    except DecodeError as error:
        raise Malformed(f"event {code} of {len(body)} bytes does not parse: {error}") from error
    meta, data = event.basicCallMeta, event.data
    addresses = {attribute.name: jid(attribute.jid) if attribute.HasField("jid") else
                 attribute.text for attribute in data.Attrs}
    sender = _person(jid(meta.callCreator), jid(meta.callCreatorAlt),
                     jid(getattr(meta, "from")), addresses.get("caller_pn", ""))
    if sender is None or not meta.callID:
        return None
    # The library's own description leaves the group out; it stands in the stanza.
    group = addresses.get("group-jid", "")
    video = getattr(event, "media", "") == "video" or any(n.Tag == "video" for n in data.Nodes)
    return Call(clean.text(meta.callID), sender, meta.timestamp * 1000,
                group if group.endswith("@" + GROUP_SERVER) else "", video)


def _person(*addresses: str) -> Sender | None:
    """Number and LID of the caller, who is named in several places."""
    found = [sender for sender in map(sender_of_jid, addresses) if sender]
    if not found:
        return None
    return Sender(pn=next((s.pn for s in found if s.pn), None),
                  lid=next((s.lid for s in found if s.lid), None))
