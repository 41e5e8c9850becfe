"""The binary node format."""
from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nodes import DOUBLE, SINGLE, Jid, Node, NodeError, decode, encode

# a decoded empty attribute is "" and a decoded empty list is an empty list of nodes
texts = st.text(min_size=1, max_size=40) | st.sampled_from([w for w in SINGLE if w] + DOUBLE[1])
users = st.text("0123456789", min_size=1, max_size=15)
jids = st.one_of(
    st.builds(lambda u, s: Jid(f"{u}@{s}"), users, st.sampled_from(["s.whatsapp.net", "lid"])),
    st.builds(lambda u, d: Jid(f"{u}:{d}@lid"), users, st.integers(1, 255)),
    st.sampled_from([Jid("s.whatsapp.net"), Jid("120363000000000001@g.us")]),
)
attrs = st.dictionaries(texts, texts | jids, max_size=6)
nodes = st.recursive(
    st.builds(Node, texts, attrs, st.none() | st.binary(max_size=400)),
    lambda inner: st.builds(Node, texts, attrs, st.lists(inner, max_size=4)),
    max_leaves=12,
)


@given(nodes)
def test_what_is_written_is_read(node: Node):
    assert decode(encode(node)) == node


@given(jids)
def test_addresses_stay_addresses(jid: Jid):
    assert isinstance(decode(encode(Node("a", {"jid": jid}))).attrs["jid"], Jid)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_node_or_a_clear_error(data: bytes):
    with contextlib.suppress(NodeError):
        decode(data)


@given(nodes, st.data())
def test_a_cut_node_is_an_error(node: Node, data):
    encoded = encode(node)
    with pytest.raises(NodeError):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


def test_compressed_packed_and_long():
    node = Node("message", {"id": "3EB0"}, [Node("enc", {}, b"x" * 2_000_000)])
    assert decode(b"\x02" + zlib.compress(encode(node)[1:])) == node
    packed = bytes([0, 248, 3, 19, 8, 255, 0x82, 0x12, 0x3F])  # <message id=nibbles "123">
    assert decode(packed).attrs == {"id": "123"}
    many = Node("list", {}, [Node("user") for _ in range(300)])
    assert decode(encode(many)) == many


def test_bombs_are_refused():
    with pytest.raises(NodeError, match="beyond all measure"):
        decode(b"\x02" + zlib.compress(bytes(80 << 20)))
    deep = Node("a")
    for _ in range(100):
        deep = Node("a", {}, [deep])
    with pytest.raises(NodeError, match="too deep"):
        decode(encode(deep))


def test_parts_of_addresses():
    jid = Jid("923007001001:3@s.whatsapp.net")
    assert (jid.user, jid.device, jid.server) == ("923007001001", 3, "s.whatsapp.net")
    assert jid.bare() == "923007001001@s.whatsapp.net"
    assert Jid("s.whatsapp.net").user == ""
