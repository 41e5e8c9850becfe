"""Signal sessions, sender keys and media encryption against themselves."""
from __future__ import annotations

import contextlib
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import states
from emulator.crypto import KEY_TYPE, KeyPair, SignalError, pad, sign, unpad, verify
from emulator.media import open_media, seal_media
from emulator.signal import Bundle, Identity, Peer, ReceivedKey, SenderKey, sender_key_number


def bundle(of: Identity, one_time: int | None = 7) -> Bundle:
    key = of.one_time(one_time).public if one_time else None
    return Bundle(of.registration, of.key.public, 1, of.signed.public, of.signature, one_time, key)


@pytest.fixture
def pair() -> tuple[Peer, Peer]:
    alice, bob = Identity(os.urandom(32)), Identity(os.urandom(32))
    first = Peer(alice)
    first.start(bundle(bob))
    return first, Peer(bob)


def test_a_conversation(pair):
    alice, bob = pair
    kind, data = alice.encrypt(b"one")
    assert kind == "pkmsg" and bob.decrypt(kind, data) == b"one"
    assert alice.encrypt(b"two")[0] == "pkmsg"  # until bob has answered
    kind, data = bob.encrypt(b"answer")
    assert kind == "msg" and alice.decrypt(kind, data) == b"answer"
    assert alice.encrypt(b"three")[0] == "msg"


def test_without_a_one_time_key():
    alice, bob = Identity(os.urandom(32)), Identity(os.urandom(32))
    first, second = Peer(alice), Peer(bob)
    first.start(bundle(bob, None))
    assert second.decrypt(*first.encrypt(b"hello")) == b"hello"


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=30), st.randoms())
@settings(max_examples=30, deadline=None)
def test_any_order_within_a_turn(messages, chance: random.Random):
    alice, bob = Peer(Identity(bytes(32))), Peer(Identity(bytes(31) + b"\1"))
    alice.start(bundle(bob.us))
    bob.decrypt(*alice.encrypt(b"first"))
    waiting = []
    for by_alice, text in messages:
        sender, receiver = (alice, bob) if by_alice else (bob, alice)
        waiting.append((receiver, sender.encrypt(text), text))
        if chance.random() < 0.4:
            chance.shuffle(waiting)
            while waiting:
                receiver, data, expected = waiting.pop()
                assert receiver.decrypt(*data) == expected


def test_a_message_is_read_once_and_never_when_forged(pair):
    alice, bob = pair
    kind, data = alice.encrypt(b"once")
    with pytest.raises(SignalError):
        bob.decrypt(kind, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    assert bob.decrypt(kind, data) == b"once"
    with pytest.raises(SignalError, match="read before"):
        bob.decrypt(kind, data)
    with pytest.raises(SignalError, match="too far ahead"):
        for _ in range(25_010):
            alice.sessions[0].sending.step()
        bob.decrypt(*alice.encrypt(b"far"))


def test_old_sessions_still_read(pair):
    alice, bob = pair
    bob.decrypt(*alice.encrypt(b"one"))
    late = alice.encrypt(b"late")
    alice.start(bundle(bob.us, 8))
    assert bob.decrypt(*alice.encrypt(b"new session")) == b"new session"
    assert bob.decrypt(*late) == b"late"


def test_both_begin_at_once():
    alice, bob = Peer(Identity(os.urandom(32))), Peer(Identity(os.urandom(32)))
    alice.start(bundle(bob.us))
    bob.start(bundle(alice.us))
    from_alice, from_bob = alice.encrypt(b"a"), bob.encrypt(b"b")
    assert bob.decrypt(*from_alice) == b"a" and alice.decrypt(*from_bob) == b"b"
    for n in range(4):
        assert bob.decrypt(*alice.encrypt(b"%d" % n)) == b"%d" % n
        assert alice.decrypt(*bob.encrypt(b"%d" % n)) == b"%d" % n


def test_a_bundle_must_be_signed():
    bob = Identity(os.urandom(32))
    forged = Bundle(1, bob.key.public, 1, KeyPair.generate().public, bob.signature)
    with pytest.raises(SignalError, match="wrong signature"):
        Peer(Identity(os.urandom(32))).start(forged)


def test_states_survive_the_disk(pair):
    alice, bob = pair
    skipped = alice.encrypt(b"skipped")
    bob.decrypt(*alice.encrypt(b"one"))
    bob = Peer(bob.us, states.load_sessions(states.dump_sessions(bob.sessions)))
    alice = Peer(alice.us, states.load_sessions(states.dump_sessions(alice.sessions)))
    assert bob.decrypt(*skipped) == b"skipped"
    assert alice.decrypt(*bob.encrypt(b"two")) == b"two"
    key = SenderKey.generate()
    received = ReceivedKey.parse(key.distribution())
    key, holders = states.load_sender_key(states.dump_sender_key(key, {"d"}))
    received, _ = states.load_received_key(states.dump_received_key(received, set()))
    assert received.decrypt(key.encrypt(b"x")) == b"x" and holders == {"d"}


def test_sender_keys():
    key = SenderKey.generate()
    before = key.encrypt(b"before")
    received = ReceivedKey.parse(key.distribution())
    messages = [key.encrypt(b"%d" % n) for n in range(10)]
    assert sender_key_number(messages[0]) == key.number
    for n in (5, 0, 9, 3):
        assert received.decrypt(messages[n]) == b"%d" % n
    with pytest.raises(SignalError, match="read before"):
        received.decrypt(messages[5])
    with pytest.raises(SignalError):
        received.decrypt(before)
    forged = messages[4][:10] + bytes([messages[4][10] ^ 1]) + messages[4][11:]
    with pytest.raises(SignalError, match="wrong signature"):
        received.decrypt(forged)
    assert received.decrypt(messages[4]) == b"4"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_clear_error(data: bytes):
    peer = Peer(Identity(bytes(32)))
    for kind in ("pkmsg", "msg", "other"):
        with pytest.raises(SignalError):
            peer.decrypt(kind, data)
    for read in (ReceivedKey.parse, sender_key_number):
        with contextlib.suppress(SignalError):
            read(data)


def test_signatures():
    pair = KeyPair.generate()
    signature = sign(pair.private, KEY_TYPE + b"text")
    assert verify(pair.public, KEY_TYPE + b"text", signature)
    assert not verify(pair.public, KEY_TYPE + b"other", signature)
    assert not verify(pair.public, b"text", b"short")


@given(st.binary(max_size=100))
def test_padding(data: bytes):
    assert unpad(pad(data)) == data


def test_media():
    data = os.urandom(10_000)
    sealed = seal_media(data, "WhatsApp Image Keys")
    assert open_media(sealed.data, sealed.key, "WhatsApp Image Keys") == data
    with pytest.raises(SignalError):
        open_media(sealed.data, sealed.key, "WhatsApp Video Keys")
    with pytest.raises(SignalError):
        open_media(sealed.data[:-1] + b"\0\0", sealed.key, "WhatsApp Image Keys")
