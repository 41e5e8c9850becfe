"""The port to WhatsApp: whatever the bytes, an event of ours or one clear sentence."""
from __future__ import annotations

import contextlib
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model import Sender
from bridge.whatsapp import described, events, history
from bridge.whatsapp.content import Content
from bridge.whatsapp.events import Incoming, Malformed
from tests.bridge import wire
from waproto import common, e2e, neonize_pb2, web
from waproto import history as past

CHAT = "120363000000000001@g.us"


def read(content: str | e2e.Message, **who: object) -> Incoming | None:
    """A message of Zafar's as the port reads it."""
    found = events.parse(wire.MESSAGE, wire.message(
        CHAT, "AC01", content, **{"pn": "923007001001", **who}))
    assert found is None or isinstance(found, Incoming)
    return found


def said(message: e2e.Message) -> Content:
    """What it says, read."""
    return read(message).content


def test_a_sender_has_every_address_that_is_given():
    assert read("x", lid="77", name="Zafar").sender == Sender(
        pn="923007001001", lid="77", push_name="Zafar")
    assert read("x", pn="", lid="77").sender == Sender(lid="77")


def test_times_come_in_seconds_or_milliseconds_and_are_kept_in_milliseconds():
    assert read("x", at=1_790_000_000).sent_at == 1_790_000_000_000
    assert read("x", at=1_790_000_000_000).sent_at == 1_790_000_000_000


@pytest.mark.parametrize("wrapper", [
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage"])
def test_wrappers_are_opened(wrapper):
    inner = e2e.Message(conversation="inside")
    wrapped = e2e.Message(**{wrapper: e2e.FutureProofMessage(message=inner)})
    assert (said(wrapped).kind, said(wrapped).text) == ("text", "inside")


def test_a_nest_without_end_is_not_followed_to_its_end():
    message = e2e.Message(conversation="deep")
    for _ in range(40):
        message = e2e.Message(viewOnceMessage=e2e.FutureProofMessage(message=message))
    assert said(message).kind == "unsupported"


def test_keys_alone_say_nothing():
    assert read(e2e.Message(senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(
        groupID=CHAT))) is None
    assert read(e2e.Message(protocolMessage=e2e.ProtocolMessage(
        type=e2e.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE))) is None


def test_what_is_said_neither_in_a_group_nor_to_us_is_not_ours():
    for chat in ("status@broadcast", "1@newsletter", "nobody@s.whatsapp.net"):
        assert events.parse(wire.MESSAGE, wire.message(
            chat, "A", pn="923007001001" if "nobody" not in chat else "nobody")) is None
        assert events.parse(wire.UNDECRYPTABLE, wire.undecryptable(chat, "A", pn="x")) is None


def test_a_direct_chat_is_with_its_other_end():
    chat, lid = "923007001001@s.whatsapp.net", "177000000000001"
    said = events.parse(wire.MESSAGE, wire.message(chat, "A", pn="923007001001", lid=lid, name="N"))
    assert said.peer == Sender(pn="923007001001", lid=lid, push_name="N")
    ours = events.parse(wire.MESSAGE, wire.message(
        chat, "B", pn="923009990001", lid="177000000000002", name="Office", from_me=True))
    assert ours.peer == Sender(pn="923007001001")
    assert events.parse(wire.MESSAGE, wire.message(
        "120363000000000001@g.us", "C", pn="923007001001")).peer is None


def test_a_protocol_message_of_a_new_type_is_no_deletion():
    key = common.MessageKey(remoteJID=CHAT, ID="AC00")
    raw = e2e.ProtocolMessage(key=key).SerializeToString() + b"\x10\xc8\x01"
    found = said(e2e.Message(protocolMessage=e2e.ProtocolMessage.FromString(raw)))
    assert found.kind == "unsupported"
    revoke = e2e.ProtocolMessage(key=key, type=e2e.ProtocolMessage.REVOKE)
    found = said(e2e.Message(protocolMessage=revoke))
    assert (found.kind, found.target) == ("deletion", "AC00")


@pytest.mark.parametrize("raw, kind, text", [
    (b"\x0a\x03a\xfeb", "text", "a\ufffdb"),
    (b"\x32\x0f\x0a\x03a\xfeb\x8a\x01\x07\x0a\x01A\x12\x02\xff\xfe", "text", "a\ufffdb"),
    (b"\x2a\x0a\x1a\x03\xff\xff\xff\x22\x03abc", "unsupported", "")])
def test_a_text_that_is_not_utf_8_is_read_as_far_as_it_can(raw, kind, text):
    found = read(e2e.Message.FromString(raw))
    assert (found.content.kind, found.content.text) == (kind, text) and found.raw == raw
    events.dump_detail(found.content.detail)


def test_a_message_without_id_or_sender_is_one_sentence():
    for id, pn, words in (("", "923007001001", "without an id"), ("AC01", "", "names no sender")):
        with pytest.raises(Malformed, match=words):
            events.parse(wire.MESSAGE, wire.message(CHAT, id, pn=pn))


@given(st.sampled_from([17, 21, 22, 44, 13, 999]), st.binary(max_size=200))
def test_random_bytes_are_malformed_or_nothing(code, data):
    try:
        events.parse(code, data)
    except Malformed as error:
        assert f"event {code}" in str(error) or "message" in str(error)


@given(st.binary(max_size=60))
def test_a_random_message_is_read_or_kept(data):
    try:
        content = e2e.Message.FromString(data)
    except Exception:
        return
    found = read(content)
    assert found is None or found.content.kind
    assert found is None or events.dump_detail(found.content.detail) != ""


@given(st.data())
def test_a_damaged_event_never_does_more_than_malformed(data):
    body = bytearray(wire.message(CHAT, "AC01", "words", pn="923007001001", lid="77", name="Gul"))
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        events.parse(wire.MESSAGE, bytes(body))


def test_a_quote_is_read_with_its_words():
    quoted = e2e.Message(imageMessage=e2e.ImageMessage(caption="the wall"))
    context = e2e.ContextInfo(stanzaID="AC00", participant="77@lid", quotedMessage=quoted)
    found = said(e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="repair it", contextInfo=context)))
    assert (found.text, found.target) == ("repair it", "AC00")
    assert found.detail["quote"] == {"sender": "77@lid", "text": "the wall", "kind": "image"}


def test_a_group_is_read_with_both_addresses_of_its_members():
    part = neonize_pb2.GroupParticipant(
        JID=events.to_jid("77@lid"), LID=events.to_jid("77@lid"),
        PhoneNumber=events.to_jid("923007001001@s.whatsapp.net"), IsAdmin=True,
        IsSuperAdmin=False, DisplayName="", Error=0)
    group = described.read_group(neonize_pb2.GroupInfo(
        JID=events.to_jid(CHAT), Participants=[part]))
    [member] = group.members
    assert (member.sender, member.role) == (Sender(pn="923007001001", lid="77"), "admin")


@given(st.binary(max_size=300))
def test_a_history_that_is_none_is_malformed_or_empty(data):
    with contextlib.suppress(Malformed):
        assert all(jid.endswith("@g.us") for jid in history.read(data, None))


def test_a_history_without_senders_or_words_holds_nothing():
    line = web.WebMessageInfo(key=common.MessageKey(ID="A1", fromMe=True), messageTimestamp=2**62,
                              message=e2e.Message(conversation="ours"))
    stub = web.WebMessageInfo(key=common.MessageKey(ID="A2", participant="77@lid"))
    odd = web.WebMessageInfo(key=common.MessageKey(ID="A3", participant="nobody@nowhere"),
                             message=e2e.Message(conversation="whose?"))
    sync = past.HistorySync(syncType=past.HistorySync.RECENT, conversations=[past.Conversation(
        ID=CHAT, messages=[past.HistorySyncMsg(message=one) for one in (line, stub, odd)])])
    body = neonize_pb2.HistorySync(Data=sync).SerializeToString()
    assert history.read(body, None) == {}
    [ours] = history.read(body, Sender(pn="923007001001"))[CHAT]
    assert ours.from_me and ours.content.text == "ours"
    assert "1 message " in history.words([ours], UTC)
