"""Exports in every dialect are read exactly: sender, time, words, kind, all messages."""
from __future__ import annotations

import io
from datetime import date

import pytest

from bridge.exports.batch import Message
from bridge.exports.reader import Reader
from tests.bridge.exports.generate import DIALECTS, ZONE, Dialect, script, written

TODAY = date(2026, 11, 28)


def reader(text: str, **more: str) -> Reader:
    return Reader(lambda: io.StringIO(text, newline=""), ZONE, today=TODAY, **more)


def differences(found: list[Message], wanted: list[Message]) -> list[tuple[Message, Message]]:
    return [(a, b) for a, b in zip(found, wanted, strict=False) if a != b][:3]


@pytest.mark.parametrize("media", [False, True], ids=["without media", "with media"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_is_read_exactly(dialect: Dialect, media: bool) -> None:
    wanted = list(script(dialect, 3000, media=media))
    text = "".join(written(dialect, message) for message in wanted)
    read = reader(text)
    found = list(read.messages())
    assert (read.platform, read.order.order) == (dialect.platform, dialect.order)
    assert differences(found, wanted) == []
    assert len(found) == len(wanted)
    [(line, why)] = read.findings.undecided
    assert why == "AS: Development is read as a name: all that AS says begins so, files too"
    assert " AS: Development: " in text.split("\n")[line - 1]
