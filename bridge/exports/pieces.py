"""An export's text as bytes, piece by piece."""
from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

Open = Callable[[], io.TextIOBase]  # gives a text from its beginning
LONG = 1 << 20  # bytes of a line that is not waited for


class ExportError(Exception):
    """A file that cannot be taken; the message says what is wrong and what to do."""


def pieces(open_text: Open, size: int) -> Iterator[bytes]:
    """All of a text in UTF-8, some `size` bytes at once, with "\\n" for all line breaks and without
    the mark that a file may begin with."""
    with open_text() as text:
        file, first = _binary(text), True
        while more := file.read(size):
            if first:
                more, first = more.removeprefix(codecs.BOM_UTF8), False
            if more.endswith(b"\r"):
                more += file.read(1)
            yield more.replace(b"\r\n", b"\n") if b"\r" in more else more


def lines(open_text: Open, size: int) -> Iterator[bytes]:
    """The same in whole lines, each behind its "\\n", so far as lines are no longer than LONG."""
    left = b"\n"
    for more in pieces(open_text, size):
        left += more
        cut = left.rfind(b"\n")
        if cut or len(left) > LONG:
            yield left[:cut or None]
            left = left[cut:] if cut else b""
    yield left


def head(open_text: Open, signs: int) -> str:
    """Its first signs. Raises ExportError."""
    found = next(pieces(open_text, signs * 2), b"")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(found)[:signs]
    except UnicodeDecodeError as error:
        raise no_utf8(found.count(b"\n", 0, error.start) + 1) from None


def no_utf8(line: int) -> ExportError:
    """Told of a file that has bytes which are no text on a line."""
    return ExportError(f"it is no UTF-8 text (line {line:,}): WhatsApp writes exports in UTF-8; "
                       "give the file as it left the phone")


def _binary(text: io.TextIOBase) -> BinaryIO:
    if isinstance(text, io.TextIOWrapper):
        return cast(BinaryIO, text.buffer)
    return io.BytesIO(text.read().encode("utf-8", "surrogatepass"))
