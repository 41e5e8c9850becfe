"""HTML to PDF by WeasyPrint, with Urdu in Naskh: Nastaliq looks better, but its text could neither
be searched nor copied, as one word is a chain of glyphs that stand for no letters."""
from __future__ import annotations

import base64
import subprocess
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup, escape

from archive import compliance, wording
from archive.compliance import Report
from archive.paper import chart, words
from archive.paper.casefile import CaseFile
from archive.paper.letter import Letter

URDU_FONT = "Noto Naskh Arabic"
PIECE = 400  # characters


class PaperError(Exception):
    """Nothing can be printed here; one sentence for whoever asked, with what to install."""


def docket(file: CaseFile, pictures: dict[str, bytes]) -> bytes:
    """A case's docket sheet and its papers (`pictures`: casefile.pictures). Takes a second or so:
    call it through asyncio.to_thread. Raises PaperError."""
    return _print("docket.html", file.zone.key, {
        "file": file, "docket": file.docket, "case": file.case,
        "images": {sha256: _address(data) for sha256, data in pictures.items()},
        "standing": wording.standing(
            file.case, lambda ms: words.moment(ms, file.zone), words.name),
        "done": lambda action: wording.action_words(
            action, lambda ms: words.moment(ms, file.zone), words.name),
        "moment": lambda ms: words.moment(ms, file.zone)})


def letter(draft: Letter) -> bytes:
    """A draft letter. Call it through asyncio.to_thread. Raises PaperError."""
    return _print("letter.html", "", {"letter": draft})


def report(found: Report, zone: ZoneInfo) -> bytes:
    """A compliance report with its chart. Call it through asyncio.to_thread. Raises PaperError."""
    return _print("report.html", zone.key, {
        "report": found, "title": words.name(compliance.title(found)),
        "printed": words.moment(found.at, zone), "columns": compliance.COLUMNS,
        "cell": compliance.cell, "legend": Markup(chart.legend()),
        "bars": [(line, Markup(bar)) for line, bar in chart.bars(found.lines)]})


def _print(template: str, zone: str, values: dict[str, Any]) -> bytes:
    html = words.printable(_templates().get_template(template).render(
        zone=zone, font=URDU_FONT, **values))
    if words.has_urdu(html) and not _font_is_there():
        raise PaperError(f"This server lacks the font {URDU_FONT}, without which Urdu cannot be "
                         "printed: the administrator installs Debian's fonts-noto-core.")
    try:
        import weasyprint
        from weasyprint.urls import URLFetcher
    except OSError:
        raise PaperError(
            "This server lacks the library Pango, without which nothing can be printed: the "
            "administrator installs Debian's libpangoft2-1.0-0 and libharfbuzz-subset0.") from None
    # what people wrote stands in it: nothing is fetched, from no host and no disk
    page = weasyprint.HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=("data",)))
    return page.write_pdf()


def _font_is_there() -> bool:
    try:
        found = subprocess.run(["fc-list", URDU_FONT, "family"], capture_output=True, text=True,
                               timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return URDU_FONT in found.stdout


@lru_cache(1)
def _templates() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("archive.paper", "templates"), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters |= {"line": _line, "name": words.name, "title": _title, "paragraphs": _paragraphs,
                    "directives": words.directives}
    env.tests["urdu"] = words.is_urdu
    return env


def _line(text: str | None) -> Markup:
    """A line whose Urdu words stand in the Urdu font as a whole: stops between them taken from
    another font would cut them into pieces, and the text into pieces in the wrong order."""
    line = words.breakable((text or "").replace(words.LRM, ""))
    if words.begins_urdu(line):
        return _ALL.format(line)
    return Markup("").join(
        _SOME.format(stretch) if urdu else _pieces(stretch)
        for stretch, urdu in words.scripts(line))


def _pieces(text: str) -> Markup:
    """Text in spans of some lines each: for every line of a page, Pango may look at all that is
    left of a span."""
    return escape(text) if len(text) <= PIECE else Markup("").join(
        _PIECE.format(text[start:start + PIECE]) for start in range(0, len(text), PIECE))


def _title(text: str) -> str:
    return words.breakable(words.plain(text))


def _paragraphs(text: str) -> Markup:
    """Each line as a paragraph that begins on its own side."""
    made = [_URDU.format(line) if words.is_urdu(line) else _LATIN.format(_line(line))
            for line in words.breakable(words.plain(text)).split("\n") if line.strip()]
    return Markup("").join(made)


_PIECE = Markup("<span>{}</span>")
_ALL = Markup('<span lang="ur" dir="rtl">{}</span>')
_SOME = Markup('<span lang="ur" dir="rtl" class="in">{}</span>')
_URDU = Markup('<p lang="ur" dir="rtl">{}</p>')
_LATIN = Markup("<p>{}</p>")


def _address(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
