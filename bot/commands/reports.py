"""`!directive report`: what became of a period's orders, as a table, XLSX and PDF."""
from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime

from archive import compliance
from archive.compliance import COLUMNS, Period, Report
from archive.db import Unit
from archive.paper import pdf, sheet
from bot import render
from bot.commands import base
from bot.commands.base import Answer, Call, Command, Handout, Mistake, Request, Say, Tools
from bot.commands.directives import BY, rooms_of
from bot.commands.letters import PDF
from nlp import periods
from nlp import words as texts

SHOWN = 40  # lines
_NARROWED = re.compile(r"(?:^|\s)(" + "|".join(
    word for words in BY.values() for word in words) + r")\s+", re.I)


@dataclass(frozen=True)
class Wanted:
    """Of which period, and of which posts or district."""

    period: Period
    post: str = ""
    district: str = ""


@dataclass(frozen=True)
class Made:
    """The report, and its files: (name, type, content)."""

    report: Report
    files: tuple[tuple[str, str, bytes], ...]
    problem: str = ""


def parse_report(call: Call, request: Request) -> Wanted:
    """A period, and perhaps `post X` or `district Y`."""
    first, *narrowed = _NARROWED.split(texts.one_line(call.rest))
    now = datetime.fromtimestamp(request.at / 1000, request.zone)
    try:
        found = periods.read(first.strip(" ,"), now.date())
    except periods.PeriodError as error:
        raise Mistake(f"{error}.", call.command) from None
    chosen = {"post": "", "district": ""}
    for word, value in zip(narrowed[::2], narrowed[1::2], strict=True):
        name = next(name for name, words in BY.items() if texts.fold(word) in words)
        chosen[name] = texts.shorten(value.strip(" ,"), 100)
    return Wanted(compliance.between(
        found.first, found.last, found.name, request.zone), **chosen)


async def do_report(tools: Tools, request: Request, wanted: Wanted) -> Unit[Made]:
    """Count, and print."""
    rooms = await rooms_of(tools, request)
    found = await compliance.report(tools.db, wanted.period, request.at, wanted.post,
                                    wanted.district, rooms)
    name = re.sub(r"[^\w]+", " ", compliance.title(found)).strip()
    files = [(f"{name}.xlsx", sheet.XLSX, sheet.report(found, request.zone))]
    problem = ""
    try:
        files.append((f"{name}.pdf", PDF, await asyncio.to_thread(
            pdf.report, found, request.zone)))
    except pdf.PaperError as error:
        problem = str(error)
    return base.result(Made(found, tuple(files), problem))


def render_report(made: Made, request: Request) -> list[Say]:
    """The table, and the files."""
    answer = Answer(*render.fitting(lambda rows: _table(made, rows), min(
        SHOWN, max(1, len(made.report.lines)))))
    return [answer, *(Handout(*file) for file in made.files)]


def _table(made: Made, rows: int) -> tuple[str, str]:
    found = made.report
    title = render.isolate(compliance.title(found))
    if not found.lines:
        return f"{title}: no orders.", f"<p>{render.html(title)}: no orders.</p>"
    lines = [*found.lines[:rows], found.total]
    more = len(found.lines) - rows
    text = [title]
    for line in lines:
        parts = [f"{heading.lower()} {compliance.cell(line, name)}" for heading, name in COLUMNS
                 if name in ("given", "median_days") or getattr(line, name)]
        text.append(f"• {render.isolate(line.name)}: {', '.join(parts)}")
    foot = [f"and {more} more posts in the files"] if more > 0 else []
    foot += [made.problem] if made.problem else []
    table = render.table(["Post", *(heading for heading, _ in COLUMNS)], [
        [line.name, *(compliance.cell(line, name) for _, name in COLUMNS)] for line in lines])
    return ("\n".join([*text, *foot]),
            f"<p><strong>{render.html(title)}</strong></p>{table}"
            + "".join(f"<p>{render.html(line)}</p>" for line in foot))


REPORT_COMMANDS = [
    Command("directive report", "[PERIOD] [post POST] [district NAME]",
            "What became of the orders given in a period (this month when none is named): given, "
            "acknowledged, done in time, late, open, median days; as a table, XLSX and PDF.",
            ("compliance", "رپورٹ"), parse_report, do_report, render_report,
            examples=("directive report", "directive report last month district Sibi",
                      "directive report 1-11-2026 to 15-11-2026 post DEO Sibi",
                      "ہدایات رپورٹ اس ماہ")),
]
