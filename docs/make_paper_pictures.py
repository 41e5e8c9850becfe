"""Pictures of a case on paper: a docket sheet and a letter, out of an invented archive.

    python docs/make_paper_pictures.py          writes docs/images/docket.png and letter.png

Needs the test packages (pypdfium2 turns a page into a picture) and the font Noto Naskh Arabic.
"""
from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import pypdfium2
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from archive.paper import casefile, letter, pdf  # noqa: E402
from config import Letterhead  # noqa: E402
from tests.web import seed  # noqa: E402
from tests.web.server import serve  # noqa: E402
from tests.web.test_cases import worked_on  # noqa: E402


def picture(paper: bytes, pages: int) -> Image.Image:
    """The first pages of a PDF, side by side."""
    document = pypdfium2.PdfDocument(paper)
    shown = [document[n].render(scale=1.25).to_pil() for n in range(min(pages, len(document)))]
    gap = 12
    sheet = Image.new("RGB", (sum(page.width + gap for page in shown) + gap,
                              shown[0].height + 2 * gap), "#8a8f8c")
    left = gap
    for page in shown:
        sheet.paste(page, (left, gap))
        left += page.width + gap
    return sheet


def save(image: Image.Image, name: str) -> None:
    """The picture in 256 colours."""
    target = io.BytesIO()
    image.quantize(256).save(target, "PNG", optimize=True)
    (ROOT / "docs" / "images" / name).write_bytes(target.getvalue())


async def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data)) as pages:
            docket = await worked_on(pages)
            now = seed.ms("2026-04-13 10:30")
            file = await casefile.read(pages.db, docket, seed.ZONE, now, "Shazia Durrani")
            pictures = casefile.pictures(pages.site.media, file)
            save(picture(pdf.docket(file, pictures), 2), "docket.png")
            draft = letter.draft(file, Letterhead(signatory="Naseer Mengal"), "DEO (F) Sibi", now)
            save(picture(pdf.letter(draft), 1), "letter.png")


asyncio.run(main())
