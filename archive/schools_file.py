"""A BEMIS school list as a CSV file. Pure: from bytes to schools and problems, and back.

Headings are known by many names (data/school_columns.json). With one problem nothing of a file is
taken: a code in the wrong line would put one school's history under another."""
from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive import clean, fold
from archive.schools import CODE_LENGTH, School

LARGEST = 20_000_000  # bytes
MOST = 100_000  # lines
PROBLEMS = 200  # that are told
HEADINGS = ("bemis", "name", "district", "tehsil", "level", "gender", "latitude", "longitude",
            "teachers_sanctioned")

_DATA = Path(__file__).parent / "data" / "school_columns.json"
_FORMULA = ("=", "+", "-", "@")  # with these a cell begins that a spreadsheet would calculate

# The name by which a district is known; None when the text names none.
District = Callable[[str], str | None]


@dataclass(frozen=True)
class SchoolList:
    """What a file says. With problems it is not to be taken at all; `notes` are what was mended or
    kept as it is, for people to know."""

    schools: tuple[School, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(data: bytes, district: District) -> SchoolList:
    """A file's schools. Every problem is a sentence with its line."""
    if len(data) > LARGEST:
        return SchoolList((), (f"the file is larger than {LARGEST // 10**6} MB",))
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        return SchoolList((), (f"byte {error.start} is not UTF-8; save it as “CSV UTF-8”",))
    if "\0" in text:
        return SchoolList((), ("this is not a CSV file; save the sheet as “CSV UTF-8”",))
    reader = _Reader(district)
    schools = reader.schools(text)
    return SchoolList(tuple(schools), tuple(reader.problems), tuple(reader.notes()))


class _Reader:
    """Reads one file and notes what is wrong with it."""

    def __init__(self, district: District) -> None:
        self._district = district
        self.problems: list[str] = []
        self._lines: dict[str, int] = {}  # code → line
        self._mended = 0
        self._unknown: dict[str, int] = {}  # district as written → line
        self._unnamed: list[str] = []  # headings that mean nothing to us

    def schools(self, text: str) -> list[School]:
        head, _, _ = text.partition("\n")
        rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count),
                          strict=True)
        found: list[School] = []
        try:
            columns = self._columns(next(rows, []))
            for row in rows:
                cells = dict(zip(columns, map(_cell, row), strict=False)) if columns else {}
                if not any(cells.values()):
                    continue
                if len(found) >= MOST:
                    self._tell(rows.line_num, f"more than {MOST:,} schools; split the file")
                    break
                if school := self._school(rows.line_num, cells):
                    found.append(school)
        except csv.Error as error:
            self._tell(rows.line_num, f"cannot be read as CSV: {error}")
        if not found and not self.problems:
            self._tell(1, "no school follows the headings")
        return found

    def notes(self) -> list[str]:
        """What was mended, what is kept as written."""
        notes = []
        if self._mended:
            notes.append(f"{self._mended} {'code' if self._mended == 1 else 'codes'} had lost the "
                         "leading zero, as spreadsheets do; it was put back")
        if self._unnamed:
            notes.append(f"not read: {', '.join(self._unnamed)}")
        notes += [f"line {line}: “{name}” is no district that I know; kept as written"
                  for name, line in self._unknown.items()]
        return notes

    def _columns(self, head: Sequence[str]) -> list[str]:
        names = [_meant("columns", cell) for cell in map(_cell, head)]
        self._unnamed = [cell for cell, name in zip(map(_cell, head), names, strict=True)
                         if cell and not name]
        for wanted in ("bemis", "name"):
            if wanted not in names:
                self._tell(1, f"no heading names the {wanted} column; the headings are "
                           f"{', '.join(filter(None, map(_cell, head))) or 'missing'}, and "
                           f"{', '.join(HEADINGS)} are read")
                return []
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice:
            self._tell(1, f"two headings mean {twice}; leave one of them out")
            return []
        return names

    def _school(self, line: int, cells: dict[str, str]) -> School | None:
        code, name = self._code(line, cells["bemis"]), clean.name(cells.get("name"))
        if not name:
            self._tell(line, "the school has no name")
        latitude, longitude = self._place(line, cells)
        of_gender, of_level = _of_name(name)
        school = School(
            code, name, self._known(line, cells.get("district", "")),
            clean.name(cells.get("tehsil")),
            _value("level", cells.get("level", "")) or of_level,
            _value("gender", cells.get("gender", "")) or of_gender,
            latitude, longitude, self._posts(line, cells.get("teachers_sanctioned", "")))
        return school if code and name else None

    def _code(self, line: int, text: str) -> str:
        digits = re.sub(r"\.0+$", "", _digits(text))
        if not digits.isdigit() or not CODE_LENGTH - 1 <= len(digits) <= CODE_LENGTH:
            self._tell(line, f"“{text}” is no BEMIS code of {CODE_LENGTH} digits" if text
                       else "the BEMIS code is missing")
            return ""
        if len(digits) < CODE_LENGTH:
            self._mended += 1
        code = digits.zfill(CODE_LENGTH)
        if code in self._lines:
            self._tell(line, f"BEMIS {code} stands in line {self._lines[code]} already")
        self._lines.setdefault(code, line)
        return code

    def _known(self, line: int, text: str) -> str:
        name = clean.name(text)
        known = self._district(name) if name else ""
        if known is None:
            self._unknown.setdefault(name, line)
            return name.title() if name.isupper() else name
        return known

    def _place(self, line: int, cells: dict[str, str]) -> tuple[float | None, float | None]:
        """Degrees north and east; none where both are empty or zero, as unmeasured ones are."""
        values = []
        for name, most in (("latitude", 90), ("longitude", 180)):
            text = _digits(cells.get(name, "")).rstrip("°NEne ").replace("٫", ".")
            try:
                value = float(text) if text else 0.0
            except ValueError:
                value = float("nan")
            if not abs(value) <= most:
                self._tell(line, f"“{cells[name]}” is no {name} in degrees such as "
                           f"{'29.5432' if most == 90 else '67.8765'}")
                return None, None
            values.append(value)
        if not any(values):
            return None, None
        if not all(values):
            self._tell(line, f"it has a {'latitude' if values[0] else 'longitude'} and no "
                       f"{'longitude' if values[0] else 'latitude'}")
            return None, None
        return values[0], values[1]

    def _posts(self, line: int, text: str) -> int | None:
        if not text:
            return None
        digits = re.sub(r"\.0+$", "", _digits(text))
        if not digits.isdigit() or len(digits) > 4:
            self._tell(line, f"“{text}” is no number of sanctioned teachers")
            return None
        return int(digits)

    def _tell(self, line: int, what: str) -> None:
        if len(self.problems) < PROBLEMS:
            self.problems.append(f"line {line}: {what}")


@cache
def _words() -> dict[str, dict[str, str]]:
    """What texts mean: {"columns": {folded heading: our name}, "level": …, "gender": …}."""
    data: dict[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return {kind: {" ".join(fold.tokens(text)): name for name, texts in data[kind].items()
                   for text in (name, *texts)} for kind in ("columns", "level", "gender")}


@cache
def _kinds() -> dict[str, tuple[str, str]]:
    return {key: tuple(value) for key, value in json.loads(
        _DATA.read_text(encoding="utf-8"))["kinds"].items()}


def _meant(kind: str, text: str) -> str:
    return _words()[kind].get(" ".join(fold.tokens(text)), "")


def _value(kind: str, text: str) -> str:
    """What we call it; unknown words stay as they are written."""
    return _meant(kind, text) or clean.name(text).lower()


def _of_name(name: str) -> tuple[str, str]:
    """(gender, level) that a name such as GGPS Thangi tells."""
    first = fold.tokens(name)[:1]
    return _kinds().get(first[0], ("", "")) if first else ("", "")


def _digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text.strip())


def _cell(text: str) -> str:
    """A cell without what a spreadsheet or `write` put around it: blanks, ' and ="07086"."""
    text = clean.text(text).strip()
    formula = re.fullmatch(r'="(.*)"', text)
    return (formula[1] if formula else text).removeprefix("'").strip()


def write(schools: Iterable[School]) -> bytes:
    """The list, as `read` takes it and a spreadsheet opens it (with a byte order mark for Urdu; no
    cell is a formula)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for school in schools:
        writer.writerow([_written(getattr(school, name)) for name in HEADINGS])
    return out.getvalue().encode("utf-8-sig")


def _written(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else str(value)
