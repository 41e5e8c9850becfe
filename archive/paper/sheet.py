"""A compliance report as XLSX: a sheet of posts with a chart, one of districts."""
from __future__ import annotations

import io
from datetime import datetime
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from archive import compliance
from archive.compliance import COLUMNS, Line, Report
from archive.paper import words

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHARTED = (("in_time", "#2E7D5B"), ("late", "#D9A441"), ("open", "#8FA3B5"),
            ("refused", "#6D3B7B"), ("withdrawn", "#C9C9C4"))
_HEAD = 3  # row of the headings, from 0


def report(found: Report, zone: ZoneInfo) -> bytes:
    """The workbook. What people wrote is kept as text: no cell becomes a formula or a link."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False,
                                      "strings_to_urls": False, "strings_to_numbers": False})
    # the same report is the same file
    book.set_properties({"title": compliance.title(found),
                         "created": datetime.fromtimestamp(found.at / 1000, zone).replace(
                             tzinfo=None)})
    posts = book.add_worksheet("Posts")
    _table(book, posts, found, found.lines, "Post", zone)
    if found.lines:
        _chart(book, posts, len(found.lines))
    _table(book, book.add_worksheet("Districts"), found, found.districts, "District", zone)
    book.close()
    return made.getvalue()


def _table(book: xlsxwriter.Workbook, sheet: Worksheet, found: Report, lines: tuple[Line, ...],
           what: str, zone: ZoneInfo) -> None:
    bold = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    foot = book.add_format({"bold": True, "top": 1})
    sheet.write_string(0, 0, words.plain(compliance.title(found)), bold)
    sheet.write_string(1, 0, f"As of {words.moment(found.at, zone)}")
    names = [what, *(["District"] if what == "Post" else [])]
    for column, name in enumerate([*names, *(name for name, _ in COLUMNS)]):
        sheet.write_string(_HEAD, column, name, head)
    for row, line in enumerate([*lines, found.total], _HEAD + 1):
        style = foot if line is found.total else None
        own = [line.name or "none", *([line.district] if what == "Post" else [])]
        for column, text in enumerate(own):
            sheet.write_string(row, column, words.plain(text), style)
        for column, (_, name) in enumerate(COLUMNS, len(own)):
            value = getattr(line, name)
            if value is None:
                sheet.write_string(row, column, "–", style)
            else:
                sheet.write_number(row, column, value, style)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, len(COLUMNS) + 1, 13)
    sheet.freeze_panes(_HEAD + 1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _chart(book: xlsxwriter.Workbook, sheet: Worksheet, count: int) -> None:
    chart = book.add_chart({"type": "bar", "subtype": "stacked"})
    places = {name: column for column, (_, name) in enumerate(COLUMNS, 2)}
    last = _HEAD + min(count, 25)
    for name, colour in _CHARTED:
        column = places[name]
        chart.add_series({
            "name": ["Posts", _HEAD, column], "fill": {"color": colour},
            "categories": ["Posts", _HEAD + 1, 0, last, 0],
            "values": ["Posts", _HEAD + 1, column, last, column]})
    chart.set_title({"name": "Orders by post"})
    chart.set_y_axis({"reverse": True})
    chart.set_size({"width": 860, "height": 140 + 22 * min(count, 25)})
    sheet.insert_chart(_HEAD + count + 4, 0, chart)
