"""Files that a scenario names but does not ship, made on the spot, the same each time.

A picture and a PDF page carry the file's name and the message's text, so that a reader sees at
once which message they belong to. samples/tone.ogg (two seconds, Ogg/Opus) and samples/clip.mp4
(two seconds, H.264) were made once for this project with PyAV; the file's name goes into each copy
so that no two messages share a file.
"""
from __future__ import annotations

import functools
import hashlib
import io
import mimetypes
import random
import struct
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

SAMPLES = Path(__file__).parent / "samples"
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"),
                Path("/Library/Fonts"), Path.home() / ".fonts")
LATIN_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf")
URDU_FONTS = ("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf", "DejaVuSans.ttf")
MIXED_FONTS = ("DejaVuSans.ttf",)  # draws Latin and Urdu letters in one line
PICTURE_TYPES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OPUS = "audio/ogg; codecs=opus"
LONG_AGO = (2020, 1, 1, 0, 0, 0)  # the date in zip entries and PDFs: fixed, for equal bytes
_WHITE, _INK, _GREY = (255, 255, 255), (30, 30, 30), (120, 120, 120)


@dataclass(frozen=True)
class Attachment:
    """One file as a phone attaches it; `mime` is what the bytes are, whatever the name says."""

    data: bytes
    mime: str
    filename: str


def make(kind: str, filename: str, text: str = "") -> Attachment:
    """A valid file for a message of `kind` (image, video, audio, document), from name and text.

    Equal arguments give equal bytes. Raises ValueError for another kind.
    """
    if kind == "image":
        return _picture_file(filename or "picture.jpg", text)
    if kind == "video":
        return Attachment(clip(filename), "video/mp4", filename or "clip.mp4")
    if kind == "audio":
        return Attachment(tone(filename), OPUS, filename or "voice.ogg")
    if kind == "document":
        return _document_file(filename or "document.pdf", text)
    raise ValueError(f"no file is made for messages of kind {kind!r}")


def mime_of(filename: str, kind: str) -> str:
    """The media type that a file's name promises; the kind's usual one when it promises none."""
    guess = mimetypes.guess_type(filename)[0]
    if filename.lower().endswith((".opus", ".ogg", ".oga")):
        guess = OPUS
    usual = {"image": "image/jpeg", "video": "video/mp4", "audio": OPUS}
    if kind in usual and not (guess or "").startswith(kind):
        return usual[kind]
    return guess or "application/octet-stream"


def _picture_file(filename: str, text: str) -> Attachment:
    form = PICTURE_TYPES.get(Path(filename).suffix.lower(), "JPEG")
    return Attachment(picture(filename, text, form), f"image/{form.lower()}", filename)


def _document_file(filename: str, text: str) -> Attachment:
    suffix = Path(filename).suffix.lower()
    if suffix == ".pdf":
        return Attachment(page(filename, text), "application/pdf", filename)
    if suffix == ".xlsx":
        return Attachment(sheet(filename, text), XLSX, filename)
    if suffix in PICTURE_TYPES:
        return _picture_file(filename, text)
    return Attachment(f"{filename}\n\n{text}\n".encode(), "text/plain; charset=utf-8", filename)


# --- pictures ---------------------------------------------------------------------------------

def picture(label: str, text: str = "", form: str = "JPEG") -> bytes:
    """A 640 × 480 picture of a school before hills, `label` and `text` in a strip below."""
    chance = random.Random(hashlib.sha256(f"{label}\0{text}".encode()).digest())
    image = Image.new("RGB", (640, 480), _tint(chance, 190, 225))
    draw = ImageDraw.Draw(image)
    _draw_hills(draw, chance)
    _draw_school(draw, chance)
    draw.rectangle((0, 388, 640, 480), fill=(28, 36, 40))
    _draw_line(draw, _fit(label, 56), 16, 624, 395, 20, _WHITE)
    for number, line in enumerate(_wrap(text, 66)[:2]):
        _draw_line(draw, line, 16, 624, 424 + 26 * number, 17, (200, 212, 214))
    out = io.BytesIO()
    image.save(out, form, **({"quality": 82} if form == "JPEG" else {}))
    return out.getvalue()


def _tint(chance: random.Random, low: int, high: int) -> tuple[int, int, int]:
    return chance.randint(low, high), chance.randint(low, high), chance.randint(low, high)


def _draw_hills(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    sun = chance.randint(60, 560)
    draw.ellipse((sun, 40, sun + 54, 94), fill=(250, 226, 140))
    for top, shade in ((130, 168), (190, 146)):
        ridge = [(x, top + chance.randint(-45, 45)) for x in range(0, 721, 80)]
        draw.polygon([(0, 300), *ridge, (720, 300)], fill=(shade + 10, shade, shade - 12))
    draw.rectangle((0, 290, 640, 390), fill=(200, 178, 132))


def _draw_school(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    left, wall, roof = chance.randint(60, 220), _tint(chance, 205, 240), _tint(chance, 80, 150)
    draw.rectangle((left, 220, left + 320, 340), fill=wall)
    draw.polygon([(left - 14, 222), (left + 20, 190), (left + 300, 190), (left + 334, 222)],
                 fill=roof)
    draw.rectangle((left + 140, 262, left + 180, 340), fill=roof)
    for x in (30, 84, 206, 260):
        draw.rectangle((left + x, 254, left + x + 32, 290), fill=(110, 150, 170), outline=roof)
    draw.line((left + 352, 340, left + 352, 190), fill=_GREY, width=4)
    draw.rectangle((left + 354, 192, left + 392, 216), fill=(40, 110, 80))


def is_urdu(text: str) -> bool:
    """Whether any letter of the Arabic block occurs, so that the line runs from the right."""
    return any("\u0600" <= letter <= "\u06ff" for letter in text)


@functools.lru_cache(maxsize=64)
def _font(urdu: bool, latin: bool, size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    wanted = LATIN_FONTS if not urdu else MIXED_FONTS if latin else URDU_FONTS
    for name in (*wanted, *LATIN_FONTS):
        if found := _font_files().get(name):
            try:
                return ImageFont.truetype(str(found), size)
            except (OSError, ImportError):
                continue
    return ImageFont.load_default()  # without fonts the picture keeps a small, Latin label


@functools.cache
def _font_files() -> dict[str, Path]:
    wanted = {*LATIN_FONTS, *URDU_FONTS, *MIXED_FONTS}
    return {path.name: path for folder in FONT_FOLDERS if folder.is_dir()
            for path in folder.rglob("*.ttf") if path.name in wanted}


def _fit(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[:letters - 1] + "…"


def _wrap(text: str, letters: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > letters:
                lines.append(line)
                line = ""
            line = f"{line} {word}".strip()
        lines.append(_fit(line, letters))
    return [line for line in lines if line]


def _draw_line(draw: ImageDraw.ImageDraw, line: str, left: int, right: int, top: int, size: int,
               fill: tuple[int, int, int] = _INK) -> None:
    """One line of text; Urdu stands at the right edge."""
    urdu, latin = is_urdu(line), any(c.isascii() and c.isalpha() for c in line)
    font = _font(urdu, latin, size)
    try:
        if urdu:
            left = max(left, right - int(draw.textlength(line, font=font)))
        draw.text((left, top), line, font=font, fill=fill)
    except (UnicodeError, ValueError, OSError):  # a font that cannot: what it can is better
        draw.text((left, top), line.encode("ascii", "replace").decode(), fill=fill)


# --- documents --------------------------------------------------------------------------------

def page(title: str, text: str = "") -> bytes:
    """A one-page PDF headed by `title`. Drawn, not set: so Urdu needs no embedded font."""
    image = Image.new("RGB", (827, 1169), _WHITE)  # A4 at 100 dpi
    draw = ImageDraw.Draw(image)
    number = int.from_bytes(hashlib.sha256(title.encode()).digest()[:2], "big")
    _draw_line(draw, "School Education Department", 90, 737, 80, 26)
    _draw_line(draw, "a sample, made for demonstration", 90, 737, 118, 15, _GREY)
    draw.line((90, 150, 737, 150), fill=_INK, width=2)
    _draw_line(draw, f"No. SED/{number:05d}", 90, 737, 170, 18)
    _draw_line(draw, _fit(title, 56), 90, 737, 230, 22)
    for row, line in enumerate(_wrap(text, 66)[:26]):
        _draw_line(draw, line, 90, 737, 290 + 30 * row, 18)
    out = io.BytesIO()
    fixed = time.struct_time((*LONG_AGO, 2, 1, 0))
    image.save(out, "PDF", resolution=100, quality=80, title=title, creationDate=fixed,
               modDate=fixed)
    return out.getvalue()


def sheet(title: str, text: str = "") -> bytes:
    """A small XLSX workbook (Office Open XML, one sheet): title, text, three numbered rows."""
    rows: list[Sequence[str]] = [(title,), (text,), ("S.No", "Name", "Remarks")]
    rows += [(str(n), f"Sample {n}", "") for n in (1, 2, 3)]
    cells = "".join(
        f'<row r="{r}">' + "".join(
            f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t xml:space="preserve">'
            f"{escape(_xml_text(value))}</t></is></c>" for c, value in enumerate(row, 1)
        ) + "</row>" for r, row in enumerate(rows, 1)
    )
    parts = {**_WORKBOOK, "xl/worksheets/sheet1.xml":
             f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>'}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO),
                             f'<?xml version="1.0" encoding="UTF-8"?>{body}')
    return out.getvalue()


def _xml_text(value: str) -> str:
    """Without the characters that XML 1.0 forbids."""
    return "".join(c for c in value if (c >= " " or c in "\t\n") and c not in "\ufffe\uffff")


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEETML = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_WORKBOOK = {
    "[Content_Types].xml":
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEETML}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEETML}.worksheet+xml"/>'
        "</Types>",
    "_rels/.rels":
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml":
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels":
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


# --- sound and film ---------------------------------------------------------------------------

def tone(title: str) -> bytes:
    """The two-second voice note, `title` in its comment header (RFC 7845 section 5.2)."""
    sample = (SAMPLES / "tone.ogg").read_bytes()
    start = sample.index(b"OggS", 4)
    end = sample.index(b"OggS", start + 4)
    comment = b"TITLE=" + title.encode("utf-8", "replace")[:200]
    vendor = b"daftar emulator"
    tags = (b"OpusTags" + struct.pack("<I", len(vendor)) + vendor
            + struct.pack("<II", 1, len(comment)) + comment)
    return sample[:start] + _ogg_page(sample[start:start + 26], tags) + sample[end:]


def _ogg_page(header: bytes, packet: bytes) -> bytes:
    """One packet as one page (RFC 3533 section 6); `header` gives serial and sequence number."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    body = header[:22] + bytes(4) + bytes([len(lacing)]) + lacing + packet
    check = 0
    for byte in body:  # CRC-32 with polynomial 04c11db7, neither reflected nor inverted
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1 ^ 0x04C11DB7 if check & 0x80000000 else check << 1) & 0xFFFFFFFF
    return body[:22] + struct.pack("<I", check) + body[26:]


def clip(title: str) -> bytes:
    """The two-second film, `title` in a closing `free` box (ISO/IEC 14496-12 section 8.1.2)."""
    name = title.encode("utf-8", "replace")[:200]
    return (SAMPLES / "clip.mp4").read_bytes() + struct.pack(">I4s", 8 + len(name), b"free") + name
