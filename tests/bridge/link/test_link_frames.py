"""Frames: whatever the pieces a stream arrives in, the same frames come out."""
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.link import frames
from bridge.link.frames import Decoder, Frame, FrameError

heads = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.integers(-2**60, 2**60), st.text(max_size=20), st.none(), st.booleans(),
              st.lists(st.integers(0, 9), max_size=3)),
    max_size=4)
some_frames = st.lists(st.builds(Frame, st.text(max_size=10), heads, st.binary(max_size=200)),
                       max_size=6)


@given(some_frames, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_survive_any_splitting_of_the_stream(sent, sizes):
    stream = b"".join(frames.encode(f.kind, f.head, f.body) for f in sent)
    decoder, got, turn = Decoder(), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        got += decoder.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert got == sent


def test_a_head_may_use_any_name():
    [frame] = Decoder().feed(frames.encode("call", {"kind": "image", "id": 1}, b"x"))
    assert frame == Frame("call", {"kind": "image", "id": 1}, b"x")


def test_an_oversized_frame_is_refused_before_it_is_sent(monkeypatch):
    monkeypatch.setattr(frames, "MAX_FRAME", 100)
    with pytest.raises(FrameError, match=r"a call of \d+ bytes is too large.*limit is 100 bytes"):
        frames.encode("call", {}, b"x" * 100)


def test_an_oversized_frame_is_refused_before_it_is_read():
    with pytest.raises(FrameError, match=r"4294967295 bytes was announced"):
        Decoder().feed(b"\xff\xff\xff\xff\0\0\0\0")


@given(st.binary(min_size=1, max_size=60))
def test_garbage_never_does_more_than_a_frame_error(data):
    try:
        Decoder().feed(struct.pack("!II", len(data) + 4, len(data)) + data)
    except FrameError as error:
        assert "pipe" in str(error)


def test_a_head_longer_than_its_frame_is_refused():
    with pytest.raises(FrameError, match="head longer than itself"):
        Decoder().feed(struct.pack("!II", 4, 9) + b"123456789")
