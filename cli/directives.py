"""`daftar directives report`: what became of a period's orders, for a terminal or as a file."""
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from archive import compliance
from archive.compliance import COLUMNS, Report
from archive.db import open_database
from archive.paper import pdf, sheet
from cli.errors import UserError
from config import Config, load
from nlp import periods


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar directives` takes."""
    parser.add_argument("what", choices=["report"], help="the compliance report")
    parser.add_argument("period", nargs="*", metavar="PERIOD",
                        help=f"{periods.EXAMPLES}; this month when there is none")
    parser.add_argument("--post", default="", help="only posts or holders with these words")
    parser.add_argument("--district", default="", help="only posts of this district")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument("--xlsx", type=Path, metavar="FILE", help="write it as XLSX, with a chart")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write it as PDF, with a chart")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Print it, or write the files; 0 when it could be made, whatever it says."""
    config = load(args.config)
    zone = ZoneInfo(config.timezone)
    try:
        period = periods.read(" ".join(args.period), datetime.now(zone).date())
    except periods.PeriodError as error:
        raise UserError(str(error)) from None
    found = asyncio.run(_report(config, compliance.between(
        period.first, period.last, period.name, zone), args.post, args.district))
    if args.xlsx:
        _write(args.xlsx, sheet.report(found, zone))
    if args.pdf:
        try:
            _write(args.pdf, pdf.report(found, zone))
        except pdf.PaperError as error:
            raise UserError(str(error)) from None
    if args.json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
    elif not (args.xlsx or args.pdf):
        print(as_text(found))
    return 0


async def _report(config: Config, period: compliance.Period, post: str, district: str) -> Report:
    db = await open_database(config.database_url)
    try:
        return await compliance.report(db, period, int(time.time() * 1000), post, district)
    finally:
        await db.close()


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name a file in a folder "
                        "that you may write to") from None


def as_text(found: Report) -> str:
    """A table for a terminal."""
    if not found.lines:
        return f"{_plain(compliance.title(found))}: no orders."
    rows = [["", *(heading for heading, _ in COLUMNS)]]
    rows += [[_plain(line.name), *(compliance.cell(line, name) for _, name in COLUMNS)]
             for line in (*found.lines, found.total)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(
        cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))])
        for row in rows]
    return "\n".join([_plain(compliance.title(found)), "", *(line.rstrip() for line in lines)])


def _plain(text: str) -> str:
    """What others wrote must not steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
