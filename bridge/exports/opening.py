"""Opens what a phone gave away: the export's text alone, or the zip with text and media."""
from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bridge.exports.pieces import ExportError

LARGEST_TEXT = 4 << 30  # bytes of text; a million messages are about 100 MB
LARGEST_ZIP = 64 << 30  # bytes of all files, unpacked
RATIO = 200  # a zip that unpacks to more than so many times its size is a bomb
PLAIN = 64 << 20  # bytes below which the ratio is not looked at
_MAGIC = ((b"%PDF", "a PDF"), (b"\xff\xd8\xff", "a picture"), (b"\x89PNG", "a picture"),
          (b"SQLite format 3", "a database (a phone's backup is not a chat export)"),
          (b"\x1f\x8b", "a gzip archive"), (b"Rar!", "a RAR archive"),
          (b"7z\xbc\xaf", "a 7z archive"))
# What reading from a zip raises when it is not whole, or packed in a way that phones do not use.
BROKEN_ZIP = (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, NotImplementedError,
              zlib.error, lzma.LZMAError)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class Export:
    """An export that can be read. `media`: names of its files → their names in the zip."""

    path: Path
    member: str = ""  # the text's name in the zip; "" for a text by itself
    media: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> io.TextIOBase:
        """Its text, from the beginning; lines end as they do in the file. Raises ExportError."""
        return io.TextIOWrapper(self.raw(), encoding="utf-8-sig", newline="")

    def raw(self) -> io.BufferedIOBase:
        """The bytes of its text."""
        if not self.member:
            return self.path.open("rb")
        return io.BufferedReader(_Member(self.path, self.member), 1 << 16)

    def title(self) -> str:
        """The chat's name, as far as the file's name tells it; "" when it does not."""
        name = Path(self.path if not self.member or _is_ios(self.member) else self.member).stem
        for before in ("WhatsApp Chat with ", "WhatsApp Chat - ", "محادثة واتساب مع ",
                       "دردشة واتساب مع "):
            if name.startswith(before):
                return name.removeprefix(before).strip()
        return ""


class _Member(io.RawIOBase):
    """A file in a zip as a raw stream, whose faults are told as ExportError."""

    def __init__(self, path: Path, member: str) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self._file = self._zip.open(member)
        except BROKEN_ZIP as error:
            raise ExportError(f"the zip is damaged ({error}): export the chat once more") from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._file.read(len(buffer))
        except BROKEN_ZIP as error:
            raise ExportError(f"the zip is damaged ({error}): export the chat once more") from None
        buffer[:len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        self._zip.close()
        super().close()


def opened(path: Path) -> Export:
    """What can be read at a path. Raises ExportError with what is wrong and what to do."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        size = path.stat().st_size
    except OSError as error:
        raise ExportError(f"it cannot be read: {error.strerror}") from None
    if not size:
        raise ExportError("the file is empty")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip(path)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise ExportError(f"it is {what}, not a chat export: in WhatsApp, More, Export chat "
                              "makes a .txt or .zip")
    if head[:2] in _UTF16 or head.count(0) > len(head) // 4:
        raise ExportError("it is UTF-16, which WhatsApp does not write: give the file as it left "
                          "the phone, or save it as UTF-8")
    if size > LARGEST_TEXT:
        raise ExportError(f"the text has more than {LARGEST_TEXT >> 30} GB")
    return Export(path)


def _zip(path: Path) -> Export:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ExportError(f"the zip is damaged ({error}): export the chat once more") from None
    packed, total = path.stat().st_size, sum(info.file_size for info in members)
    if total > LARGEST_ZIP or (total > PLAIN and total > packed * RATIO):
        raise ExportError(f"the zip of {packed:,} bytes unpacks to {total:,}: that is no chat "
                          "export, and nothing of it is unpacked")
    for info in members:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
            raise ExportError(f"the zip holds {info.filename!r}, a name that leads out of it: "
                              "nothing of it is unpacked")
        if info.flag_bits & 1:
            raise ExportError("the zip is encrypted: unpack it, or export the chat once more")
    texts = [info for info in members if info.filename.lower().endswith(".txt")]
    chosen = _chat(texts)
    if chosen.file_size > LARGEST_TEXT:
        raise ExportError(f"the text has more than {LARGEST_TEXT >> 30} GB")
    media = {PurePosixPath(info.filename).name: info.filename
             for info in members if info is not chosen}
    return Export(path, chosen.filename, media)


def _chat(texts: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    """The text of the chat among a zip's texts."""
    named = [info for info in texts if _is_ios(info.filename)
             or PurePosixPath(info.filename).name.startswith("WhatsApp Chat")]
    found = named or texts
    if not found:
        raise ExportError("the zip holds no .txt with the chat")
    if len(found) > 1:
        names = ", ".join(sorted(info.filename for info in found)[:5])
        raise ExportError(f"the zip holds several texts ({names}): give one by itself")
    return found[0]


def _is_ios(name: str) -> bool:
    return PurePosixPath(name).name == "_chat.txt"
