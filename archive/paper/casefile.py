"""A case with all that lies on its file, read from the record: what a printed docket is made of."""
from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from PIL import Image, ImageOps

from archive import directory, pages
from archive.cases import Case, Docket, Paper
from archive.db import Database
from archive.media import MediaStore
from archive.model import Record
from archive.pages import Entry
from archive.paper import words

log = logging.getLogger("daftar.archive")

PICTURES = 60  # that are printed; the others are named
PICTURE_SIDE = 1200  # pixels
MAX_PIXELS = 60_000_000  # a picture beyond this is not opened (decompression bombs)

_FILES = {"image": "Picture", "video": "Video", "audio": "Voice or sound", "document": "Document",
          "sticker": "Sticker"}


@dataclass(frozen=True)
class Filed:
    """A paper as the record has it."""

    paper: Paper
    entry: Entry | None  # None: the record does not hold it, and the excerpt is all there is
    group: str  # the WhatsApp group's name, "" when unknown

    @property
    def record(self) -> Record | None:
        """Its record."""
        return self.entry.record if self.entry else None

    @property
    def text(self) -> str:
        """All that it says, as its author last left it."""
        return words.plain(self.entry.text if self.entry else self.paper.excerpt)

    @property
    def sender(self) -> str:
        """Who wrote it, by the name of the day it was put on the file."""
        return self.paper.sender_name or (self.record.sender_name if self.record else "") or (
            self.paper.sender)

    @property
    def file(self) -> str:
        """`Document “List.pdf” (12 kB)`, "" without a file."""
        record = self.record
        if record is None or record.kind not in _FILES:
            return ""
        parts = [_FILES[record.kind]]
        if record.media_name:
            parts.append(f"“{words.name(record.media_name)}”")
        parts.append(f"({words.size(record.media.size)})" if record.media
                     else "(the archive does not hold the file)")
        return " ".join(parts)

    @property
    def remarks(self) -> str:
        """What happened to it later: edited, deleted."""
        if self.entry is None:
            return ("The record does not hold this message: this is the excerpt that was put on "
                    "the file.")
        found = []
        if self.entry.edits:
            times = len(self.entry.edits)
            found.append("edited by its author" + (f" {times} times" if times > 1 else ""))
        if self.entry.deletion:
            found.append("deleted in the group later; the record keeps it")
        return "; ".join(found)


@dataclass(frozen=True)
class CaseFile:
    """A docket with its papers in full."""

    docket: Docket
    papers: tuple[Filed, ...]
    zone: ZoneInfo
    printed_at: int  # Unix ms
    printed_by: str

    @property
    def case(self) -> Case:
        """The case."""
        return self.docket.case


async def read(db: Database, docket: Docket, zone: ZoneInfo, printed_at: int, printed_by: str
               ) -> CaseFile:
    """Everything on a case's file. A dozen queries and a few more for every 500 papers."""
    records = await _record_ids(db, docket.papers)
    entries, names = await asyncio.gather(
        pages.entries(db, sorted(set(records.values()))), pages.chat_names(db))
    filed = []
    for paper in docket.papers:
        entry = entries.get(records.get(paper.event_id, 0))
        group = names.get(entry.record.chat_id, "") if entry else ""
        filed.append(Filed(paper, entry, group))
    if not any(each.group for each in filed) and (chat := await directory.chat_by_room(
            db, docket.case.room_id)):
        filed = [Filed(each.paper, each.entry, chat.name) for each in filed]
    return CaseFile(docket, tuple(filed), zone, printed_at, printed_by)


async def _record_ids(db: Database, papers: Sequence[Paper]) -> dict[str, int]:
    """The papers' records by event id, by what the bridge noted and not by what an event says of
    itself: nobody reads another room's record through a paper."""
    found: dict[str, int] = {}
    events = [paper.event_id for paper in papers]
    for start in range(0, len(events), 500):
        rows = await pages.among(
            db, "SELECT event_id, record_id FROM matrix_event WHERE event_id IN (",
            events[start:start + 500], ")")
        found |= {row["event_id"]: row["record_id"] for row in rows}
    return found


def pictures(store: MediaStore, file: CaseFile) -> dict[str, bytes]:
    """The pictures on a file by their sums, as JPEG at most PICTURE_SIDE wide and high: the first
    PICTURES of them that can be shown. Blocks: call it through asyncio.to_thread."""
    found: dict[str, bytes] = {}
    for filed in file.papers:
        record = filed.record
        if record is None or record.media is None or record.kind not in ("image", "sticker"):
            continue
        sha256 = record.media.sha256
        if sha256 not in found and len(found) < PICTURES and (data := _small(store, sha256)):
            found[sha256] = data
    return found


def _small(store: MediaStore, sha256: str) -> bytes | None:
    try:
        with Image.open(store.path(sha256)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} × {image.height} pixels are too many")
            image.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
            turned = ImageOps.exif_transpose(image).convert("RGBA")
        turned.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
        sheet = Image.new("RGB", turned.size, "white")  # JPEG knows no transparency
        sheet.paste(turned, mask=turned.getchannel("A"))
        target = io.BytesIO()
        sheet.save(target, "JPEG", quality=78)
        return target.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        log.info("picture %s is named but not printed: %s", sha256, error)
        return None
