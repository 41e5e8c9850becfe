"""Files made for scenarios: what a reader's programs would say of them."""
from __future__ import annotations

import io
import re
import struct
import xml.etree.ElementTree as xml
import zipfile

import pytest
from PIL import Image

from emulator import attachments
from emulator.attachments import make, mime_of

URDU = "سکول بند پایا گیا، استاد غیر حاضر"


def ogg_pages(data: bytes) -> list[bytes]:
    pages, at = [], 0
    while at < len(data):
        assert data[at:at + 4] == b"OggS"
        segments = data[at + 26]
        size = 27 + segments + sum(data[at + 27:at + 27 + segments])
        pages.append(data[at:at + size])
        at += size
    return pages


def crc(page: bytes) -> int:
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize(("name", "form"), [
    ("IMG-20261116-WA0004.jpg", "JPEG"), ("Screenshot.png", "PNG"), ("تصویر", "JPEG"), ("", "JPEG"),
])
def test_a_picture_opens_and_says_what_it_is(name: str, form: str):
    file = make("image", name, URDU)
    image = Image.open(io.BytesIO(file.data))
    image.load()
    assert image.format == form and file.mime == f"image/{form.lower()}"
    assert image.size == (640, 480)


def test_pictures_differ_by_name_and_text_and_are_the_same_each_time():
    one = make("image", "a.jpg", "one")
    assert one == make("image", "a.jpg", "one")
    assert len({one.data, make("image", "b.jpg", "one").data, make("image", "a.jpg").data}) == 3


def test_a_machine_without_fonts_still_makes_pictures_and_pages(monkeypatch):
    monkeypatch.setattr(attachments, "FONT_FOLDERS", ())
    attachments._font_files.cache_clear()
    attachments._font.cache_clear()
    try:
        assert Image.open(io.BytesIO(make("image", "تصویر.jpg", URDU).data)).size == (640, 480)
        assert make("document", "حکم.pdf", URDU).data.startswith(b"%PDF-")
    finally:
        attachments._font_files.cache_clear()
        attachments._font.cache_clear()


def test_a_voice_note_is_ogg_opus_with_its_name_in_it():
    file = make("audio", "PTT-20261116-WA0016.opus")
    pages = ogg_pages(file.data)
    assert file.mime == "audio/ogg; codecs=opus"
    assert b"OpusHead" in pages[0] and b"OpusTags" in pages[1]
    assert b"TITLE=PTT-20261116-WA0016.opus" in pages[1]
    assert [struct.unpack("<I", page[22:26])[0] for page in pages] == [crc(p) for p in pages]
    assert [struct.unpack("<I", page[18:22])[0] for page in pages] == list(range(len(pages)))
    assert len(ogg_pages(make("audio", "ا" * 300).data)) == len(pages)


def test_a_film_is_an_mp4_whose_boxes_fit():
    file = make("video", "VID-1.mp4")
    boxes, at = [], 0
    while at < len(file.data):
        size, kind = struct.unpack(">I4s", file.data[at:at + 8])
        boxes.append(kind)
        at += size
    assert at == len(file.data) and file.mime == "video/mp4"
    assert {b"ftyp", b"moov", b"mdat"} <= set(boxes) and boxes[-1] == b"free"


def test_a_document_is_what_its_name_says():
    pdf = make("document", "Order.pdf", f"Submit the report\n{URDU}")
    assert pdf.mime == "application/pdf" and pdf.data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", pdf.data)) == 1
    assert pdf == make("document", "Order.pdf", f"Submit the report\n{URDU}")

    book = zipfile.ZipFile(io.BytesIO(make("document", "List.xlsx", "38 <absent> & \x07more").data))
    assert book.testzip() is None
    cells = [e.text for e in xml.fromstring(book.read("xl/worksheets/sheet1.xml")).iter()
             if e.tag.endswith("}t")]
    assert cells[:2] == ["List.xlsx", "38 <absent> & more"]

    scan = make("document", "Explanation.jpg")
    assert scan.mime == "image/jpeg" and scan.data[:3] == b"\xff\xd8\xff"
    note = make("document", "Letter.docx", URDU)
    assert note.mime.startswith("text/plain") and URDU in note.data.decode()


def test_other_kinds_are_refused_and_media_types_follow_the_name():
    with pytest.raises(ValueError, match="sticker"):
        make("sticker", "x.webp")
    assert mime_of("a.png", "image") == "image/png"
    assert mime_of("a.bin", "image") == "image/jpeg"
    assert mime_of("a.opus", "audio") == "audio/ogg; codecs=opus"
    assert mime_of("a.pdf", "document") == "application/pdf"
    assert mime_of("a", "document") == "application/octet-stream"
