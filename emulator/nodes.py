"""WhatsApp's binary nodes: XML-like stanzas packed with a dictionary of common strings.

Wire format as spoken by WhatsApp Web (dictionary version 3; see NOTICE for where tokens.json comes
from). A frame's plaintext is one flag byte (2 = zlib-compressed) and one node.
"""
from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_TOKENS = json.loads((Path(__file__).parent / "tokens.json").read_text(encoding="utf-8"))
SINGLE: list[str] = _TOKENS["single"]
DOUBLE: list[list[str]] = _TOKENS["double"]

LIST_EMPTY, DICTIONARY_0, AD_JID, LIST_8, LIST_16, JID_PAIR = 0, 236, 247, 248, 249, 250
HEX_8, BINARY_8, BINARY_20, BINARY_32, NIBBLE_8 = 251, 252, 253, 254, 255
_ALPHABETS = {HEX_8: "0123456789ABCDEF", NIBBLE_8: "0123456789-.????"}
_DOMAINS = {0: "s.whatsapp.net", 1: "lid", 128: "hosted", 129: "hosted.lid"}
_DOMAIN_NUMBERS = {name: number for number, name in _DOMAINS.items()}
_MAX_DEPTH = 32
_MAX_INFLATED = 64 << 20

_ENCODED: dict[str, bytes] = {
    word: bytes([DICTIONARY_0 + page, i])
    for page, words in enumerate(DOUBLE)
    for i, word in enumerate(words)
}
_ENCODED |= {word: bytes([i]) for i, word in enumerate(SINGLE) if word and i}


class NodeError(ValueError):
    """Bytes that are no node, or a node that cannot be written."""


class Jid(str):
    """An address: `user@server`, `user:device@server` or a bare server. Packed apart from text."""

    __slots__ = ()

    @property
    def user(self) -> str:
        """The part before the device and the server; "" for a bare server."""
        return self.partition("@")[0].partition(":")[0] if "@" in self else ""

    @property
    def server(self) -> str:
        return self.rpartition("@")[2]

    @property
    def device(self) -> int:
        """0 is the phone itself; linked devices count from 1."""
        device = self.partition("@")[0].partition(":")[2]
        return int(device) if device.isdigit() else 0

    def bare(self) -> Jid:
        """The account's address, without the device."""
        return Jid(f"{self.user}@{self.server}") if "@" in self else self


SERVER = Jid("s.whatsapp.net")
GROUPS = Jid("g.us")


class Node:
    """One stanza. `attrs` values are str or Jid (ints are written as text, None left out);
    `content` is None, bytes, or a list of nodes."""

    __slots__ = ("attrs", "content", "tag")

    def __init__(
        self, tag: str, attrs: dict | None = None, content: list[Node] | bytes | None = None
    ) -> None:
        self.tag = tag
        self.attrs: dict = attrs or {}
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and (self.tag, self.attrs, self.content) == (
            other.tag, other.attrs, other.content,
        )

    def __repr__(self) -> str:
        body = f"{len(self.content)} bytes" if isinstance(self.content, bytes) else self.content
        return f"<{self.tag} {self.attrs} {body if body is not None else ''}>"

    def children(self, tag: str | None = None) -> Iterator[Node]:
        """The child nodes, or only those with this tag; none for bytes and empty content."""
        if isinstance(self.content, list):
            for child in self.content:
                if tag is None or child.tag == tag:
                    yield child

    def child(self, tag: str) -> Node | None:
        return next(self.children(tag), None)

    def data(self, tag: str) -> bytes:
        """The bytes inside the child `tag`. Raises NodeError when it is missing or holds nodes."""
        child = self.child(tag)
        if child is None or not isinstance(child.content, bytes):
            raise NodeError(f"<{self.tag}> has no bytes in <{tag}>")
        return child.content

    def attr(self, name: str) -> str:
        """An attribute that must be there. Raises NodeError when it is not."""
        value = self.attrs.get(name)
        if not value:
            raise NodeError(f"<{self.tag}> has no attribute {name}")
        return value

    def jid(self, name: str) -> Jid:
        """An attribute that must be an address. Raises NodeError otherwise."""
        value = self.attr(name)
        if not isinstance(value, Jid):
            raise NodeError(f"<{self.tag}> attribute {name} is no address")
        return value


# -- writing --------------------------------------------------------------------------------------


def encode(node: Node) -> bytes:
    """A node as a frame's plaintext. Raises NodeError for what the format cannot hold."""
    out = bytearray(1)
    _write_node(node, out)
    return bytes(out)


def _write_node(node: Node, out: bytearray) -> None:
    attrs = [(key, value) for key, value in node.attrs.items() if value is not None]
    out += _list_head(1 + 2 * len(attrs) + (node.content is not None))
    out += _string(node.tag)
    for key, value in attrs:
        out += _string(key)
        out += _jid(value) if isinstance(value, Jid) else _string(str(value))
    content = node.content
    if isinstance(content, list):
        out += _list_head(len(content)) if content else bytes([LIST_8, 0])
        for child in content:
            _write_node(child, out)
    elif content is not None:
        out += _bytes_head(len(content))
        out += content


def _list_head(length: int) -> bytes:
    if length < 256:
        return bytes([LIST_8, length])
    if length < 1 << 16:
        return bytes([LIST_16]) + length.to_bytes(2, "big")
    raise NodeError(f"a list of {length} nodes is too long for the format")


def _bytes_head(length: int) -> bytes:
    if length < 256:
        return bytes([BINARY_8, length])
    if length < 1 << 20:
        return bytes([BINARY_20]) + length.to_bytes(3, "big")
    return bytes([BINARY_32]) + length.to_bytes(4, "big")


@lru_cache(maxsize=4096)
def _string(text: str) -> bytes:
    known = _ENCODED.get(text)
    if known is not None:
        return known
    raw = text.encode("utf-8", "surrogatepass")
    return _bytes_head(len(raw)) + raw


@lru_cache(maxsize=8192)
def _jid(jid: Jid) -> bytes:
    device, domain = jid.device, _DOMAIN_NUMBERS.get(jid.server)
    if device and domain is not None and device < 256:
        return bytes([AD_JID, domain, device]) + _string(jid.user)
    user = jid.rpartition("@")[0]
    return bytes([JID_PAIR]) + (_string(user) if user else b"\0") + _string(jid.server)


# -- reading --------------------------------------------------------------------------------------


def decode(frame: bytes) -> Node:
    """The node in a frame's plaintext. Raises NodeError for anything that is not exactly one."""
    if not frame:
        raise NodeError("an empty frame")
    body = frame[1:]
    if frame[0] & 2:
        inflater = zlib.decompressobj()
        try:
            body = inflater.decompress(body, _MAX_INFLATED)
        except zlib.error as error:
            raise NodeError(f"a frame that does not inflate: {error}") from error
        if inflater.unconsumed_tail:
            raise NodeError("a frame that inflates beyond all measure")
    reader = _Reader(body)
    node = reader.node(0)
    if reader.position != len(body):
        raise NodeError(f"{len(body) - reader.position} bytes after the end of the node")
    return node


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise NodeError("a node that ends too early")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def number(self, length: int = 1) -> int:
        return int.from_bytes(self.take(length), "big")

    def node(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise NodeError("nodes nested too deep")
        length = self.list_length(self.number())
        if length == 0:
            raise NodeError("an empty list where a node belongs")
        tag = self.text()
        attrs = {}
        for _ in range((length - 1) >> 1):
            key = self.text()
            attrs[key] = self.value()
        content = self.content(depth) if length % 2 == 0 else None
        return Node(tag, attrs, content)

    def list_length(self, kind: int) -> int:
        if kind == LIST_EMPTY:
            return 0
        if kind == LIST_8:
            return self.number()
        if kind == LIST_16:
            return self.number(2)
        raise NodeError(f"byte {kind} where a list belongs")

    def text(self) -> str:
        value = self.value()
        if not value:
            raise NodeError("a missing string")
        return value

    def value(self) -> str:
        kind = self.number()
        length = self.bytes_length(kind)
        if length is None:
            return self.special(kind)
        try:
            return self.take(length).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise NodeError(f"a string that is not UTF-8: {error}") from error

    def content(self, depth: int) -> list[Node] | bytes:
        kind = self.number()
        if kind in (LIST_EMPTY, LIST_8, LIST_16):
            return [self.node(depth + 1) for _ in range(self.list_length(kind))]
        length = self.bytes_length(kind)
        return self.special(kind).encode() if length is None else self.take(length)

    def bytes_length(self, kind: int) -> int | None:
        if kind == BINARY_8:
            return self.number()
        if kind == BINARY_20:
            return self.number(3) & 0xFFFFF
        if kind == BINARY_32:
            return self.number(4)
        return None

    def special(self, kind: int) -> str:
        if kind == LIST_EMPTY:
            return ""
        if kind < len(SINGLE):
            return SINGLE[kind]
        if DICTIONARY_0 <= kind < DICTIONARY_0 + len(DOUBLE):
            page, index = DOUBLE[kind - DICTIONARY_0], self.number()
            if index >= len(page):
                raise NodeError(f"no word {index} in dictionary {kind}")
            return page[index]
        if kind == JID_PAIR:
            user, server = self.value(), self.text()
            return Jid(f"{user}@{server}" if user else server)
        if kind == AD_JID:
            domain, device = self.number(), self.number()
            if domain not in _DOMAINS:
                raise NodeError(f"an address in the unknown domain {domain}")
            return Jid(f"{self.text()}:{device}@{_DOMAINS[domain]}")
        if kind in _ALPHABETS:
            return self.packed(_ALPHABETS[kind])
        raise NodeError(f"unknown type byte {kind}")

    def packed(self, alphabet: str) -> str:
        start = self.number()
        digits = "".join(
            alphabet[byte >> 4] + alphabet[byte & 15] for byte in self.take(start & 127)
        )
        return digits[:-1] if start & 128 else digits
