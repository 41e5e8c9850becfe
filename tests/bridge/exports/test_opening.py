"""Files that are no export, or a bad one: a sentence each, and nothing is unpacked."""
from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from bridge.exports.opening import opened
from bridge.exports.reader import ExportError, Reader
from tests.bridge.exports.generate import ZONE

LINE = "13/03/2026, 9:15 am - Ali: Hello\n"


def zipped(path: Path, **files: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ExportError) as told:
        found = opened(path)
        list(Reader(found.text, ZONE).messages())
    return str(told.value)


def test_a_zip_of_android_and_of_ios(tmp_path: Path) -> None:
    android = opened(zipped(tmp_path / "a.zip", **{
        "WhatsApp Chat with DEOs Sibi__txt": LINE, "IMG-20260313-WA0001__jpg": b"x"}))
    assert android.title() == "DEOs Sibi" and set(android.media) == {"IMG-20260313-WA0001.jpg"}
    assert [m.text for m in Reader(android.text, ZONE).messages()] == ["Hello"]
    ios = opened(zipped(tmp_path / "WhatsApp Chat - DEOs Sibi.zip", **{
        "_chat__txt": "\ufeff[13/03/2026, 9:15:00 AM] Ali: Hello\r\n", "notes__txt": "x"}))
    assert ios.title() == "DEOs Sibi"
    assert [m.text for m in Reader(ios.text, ZONE).messages()] == ["Hello"]


@pytest.mark.parametrize(("data", "words"), [
    (b"", "the file is empty"), (b"   \n\n", "the file is empty"),
    (b"%PDF-1.7\n...", "it is a PDF, not a chat export"),
    (LINE.encode("utf-16"), "it is UTF-16"), (b"a\0" * 40, "it is UTF-16"),
    (LINE.encode() + b"\xff\xfe\n", "it is no UTF-8 text"),
    (b"Dear all,\nplease find attached\n", "no line begins as a message"),
    (b"PK\x03\x04 and no more", "the zip is damaged"),
    ((LINE + "x" * 6_000_000).encode(), "no message begins within 4,194,304 characters")])
def test_what_is_no_export_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "chat.txt"
    path.write_bytes(data)
    assert words in refused(path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b.txt", "C:\\x.txt"])
def test_names_that_lead_out_of_the_zip(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_chat.txt", LINE)
        archive.writestr(zipfile.ZipInfo(name), b"x")
    assert "leads out of it" in refused(path)


def test_bombs_damage_and_passwords(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", **{"_chat__txt": b"0" * (80 << 20)})
    assert "unpacks to 83,886,080" in refused(bomb)
    good = zipped(tmp_path / "good.zip", **{"_chat__txt": LINE * 5000}).read_bytes()
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(good[:60] + bytes(40) + good[100:])
    assert "the zip is damaged" in refused(damaged)
    locked = tmp_path / "locked.zip"
    flag = good.index(b"PK\x01\x02") + 8
    locked.write_bytes(good[:flag] + struct.pack("<H", 1) + good[flag + 2:])
    assert "the zip is encrypted" in refused(locked)
    assert "no .txt" in refused(zipped(tmp_path / "n.zip", **{"a__jpg": b"x"}))
    assert "several texts" in refused(zipped(
        tmp_path / "s.zip", **{"a__txt": LINE, "b__txt": LINE}))


def test_a_file_cut_in_the_middle_of_a_line_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    path.write_bytes((LINE * 3 + "13/03/2026, 9:1").encode())
    reader = Reader(opened(path).text, ZONE)
    assert [m.text for m in reader.messages()] == ["Hello", "Hello", "Hello\n13/03/2026, 9:1"]
    assert reader.findings.undecided == [(4, "the file ends in the middle of a line: it is kept as "
                                             "part of the message before")]


def test_a_text_of_many_blocks_is_read_as_one() -> None:
    text = "".join(
        f"13/03/2026, {1 + n % 12}:15 am - Ali: {n}\nsecond {n}\n" for n in range(60_000))
    for returns in (False, True):
        data = text.replace("\n", "\r\n") if returns else text
        found = list(Reader(lambda data=data: io.StringIO(data, newline=""), ZONE).messages())
        assert [m.text for m in found] == [f"{n}\nsecond {n}" for n in range(60_000)]
