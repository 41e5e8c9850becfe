"""Conversion: pure, and true to the limits of both sides."""
from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model import Record
from bridge.outward import compose
from bridge.outward.compose import Quote
from bridge.shown import convert
from bridge.shown.convert import File
from waproto import e2e


def record(**changes: object) -> Record:
    """A text of Zafar's, with changes."""
    values = {
        "id": 1, "chat_id": 1, "kind": "text", "origin": "whatsapp", "source_id": "AC01",
        "sender_id": 1, "sender_name": "Zafar", "sent_at": 0, "received_at": 0, "text": "",
        "target_id": None, "target_source_id": None, "root_id": None, "media": None,
        "media_name": None, "media_mime": None, "internal": False, "detail": None}
    return Record(**{**values, **changes})


def size(content: object) -> int:
    """Bytes as the homeserver counts them."""
    return len(json.dumps(content, ensure_ascii=False).encode())


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
       st.integers(1, 3000), st.booleans())
def test_every_text_fits_and_is_complete(piece, times, edited):
    text = piece * times + " *x*"
    parts = convert.edit_parts(text, "$e") if edited else convert.to_matrix(
        record(text=text), None)
    assert all(size(part.content) < 60_000 for part in parts)
    whole = parts[0].content.get("m.new_content", parts[0].content)["body"]
    assert whole == text or parts[1].file.data == text.encode()


@given(st.text(max_size=300))
def test_a_file_name_is_one_short_line(name):
    found = convert.file_name(record(kind="document", media_name=name))
    assert found and len(found) <= 200 and "\n" not in found and "\u202e" not in found


@pytest.mark.parametrize("claimed, used", [
    ("image/jpeg", "image/jpeg"), ("audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
    ("application/vnd.ms-excel", "application/vnd.ms-excel"),
    ("text/x\r\nEvil: 1", "application/octet-stream"), ("", "application/octet-stream"),
    ("x" * 5000, "application/octet-stream"), (None, "application/octet-stream"),
    ("عکس/jpeg", "application/octet-stream")])
def test_a_type_of_file_may_stand_in_a_header(claimed, used):
    assert convert.media_type(record(kind="document", media_mime=claimed)) == used


def test_a_caption_beyond_one_event_follows_in_a_file():
    text = "ع" * 30_000
    parts = convert.to_matrix(record(kind="image", text=text), File(b"x", "image/jpeg", "a.jpg"))
    assert [part.content["msgtype"] for part in parts] == ["m.image", "m.text", "m.file"]
    assert parts[0].content["body"] == "a.jpg" and parts[2].file.data == text.encode()


def test_a_quotation_of_ours_is_cut_to_what_it_is_about():
    long = Quote("AC00", "77@lid", "x" * 50_000, e2e.Message(
        conversation="x" * 50_000).SerializeToString())
    message = compose.text_message("yes", long)
    assert message.ByteSize() < 3_000
    inner = e2e.ContextInfo(stanzaID="AB", quotedMessage=e2e.Message(conversation="older"))
    raw = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(
        text="answer", contextInfo=inner)).SerializeToString()
    context = compose.text_message(
        "yes", Quote("AC00", "77@lid", "answer", raw)).extendedTextMessage.contextInfo
    assert context.quotedMessage.extendedTextMessage.text == "answer"
    assert not context.quotedMessage.extendedTextMessage.HasField("contextInfo")


@pytest.mark.parametrize("name, line", [
    ("Ayesha Khan", "*Ayesha Khan*: x"), ("a*b\n_c_", "*a b c*: x"), ("  ", "*?*: x"),
    ("\u202eabc\u2066", "*abc*: x"), ("{0} {text}", "*{0} {text}*: x")])
def test_a_relayed_line_keeps_its_shape(name, line):
    assert compose.relay_text("*{name}*: {text}", name, "x") == line


def test_a_text_may_hold_what_templates_use():
    assert compose.relay_text("*{name}*: {text}", "A", "{name} {x} %s") == "*A*: {name} {x} %s"


def test_what_stands_beside_the_words_never_costs_them():
    detail = {"preview": {"url": "https://x/" + "y" * 30_000, "title": "", "description": ""},
              "forwarded": "once", "history": True}
    [part] = convert.to_matrix(record(text="ع" * 19_000, detail=json.dumps(detail)), None)
    assert part.content["body"].endswith("ع" * 19_000) and size(part.content) < 62_000
    assert part.content["org.daftar.history"] and "com.beeper.linkpreviews" not in part.content
