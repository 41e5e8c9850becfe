"""directory.csv: posts, who holds them and how these people are reached, one posting a line. Pure:
from text to lines and problems, and back."""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from archive import clean, days
from archive.fold import fold
from archive.gazetteer import Gazetteer, PostName

COLUMNS = ("post", "place", "name", "phone", "matrix", "from", "until", "rank", "under",
           "whatsapp_name")
_OTHER_NAMES = {"since": "from", "number": "phone", "mobile": "phone", "matrix_id": "matrix",
                "district": "place", "to": "until", "reports_to": "under", "designation": "post"}
LARGEST = 5_000_000  # bytes
MOST = 20_000  # lines

_MATRIX = re.compile(r"@[^:\s@]+:[^\s@]+")
_FORMULA = ("=", "+", "-", "@")  # with these a cell begins that a spreadsheet would calculate


@dataclass(frozen=True)
class Line:
    """One line: a post, and who holds it ("" and None where the file is silent)."""

    number: int
    post: PostName
    name: str = ""
    phone: str = ""  # digits
    matrix: str = ""
    since: str = ""
    until: str | None = None
    rank: int | None = None
    under: str = ""
    shown: str = ""  # the name as the department's phone has it

    @property
    def person(self) -> str:
        """What tells one person from another; "" for a post without a holder."""
        return self.phone or self.matrix or fold(self.name)


@dataclass(frozen=True)
class Roster:
    """What a file says. With problems, it is not to be taken at all."""

    lines: tuple[Line, ...]
    problems: tuple[str, ...] = ()


def read(data: bytes, book: Gazetteer) -> Roster:
    """A file's lines, with successions worked out: who is followed by another in the same post
    held it until then. Every problem is a sentence with its line."""
    if len(data) > LARGEST:
        return Roster((), (f"the file is larger than {LARGEST // 10**6} MB",))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Roster((), (f"byte {error.start} is not UTF-8; save it as “CSV UTF-8”",))
    if "\0" in text:
        return Roster((), ("this is not a CSV file; save the sheet as “CSV UTF-8”",))
    reader = _Reader(book)
    lines = reader.lines(text)
    in_turn = tuple(_in_turn(lines, book, reader.problems))
    return Roster(in_turn, tuple(sorted(reader.problems, key=_line_number)))


class _Reader:
    """Reads one file and notes what is wrong with it."""

    def __init__(self, book: Gazetteer) -> None:
        self._book = book
        self.problems: list[str] = []
        self._names: dict[str, tuple[str, int]] = {}  # phone → name, line
        self._described: dict[PostName, tuple[int | None, str, int]] = {}

    def lines(self, text: str) -> list[Line]:
        head, _, _ = text.partition("\n")
        delimiter = max(",;\t", key=head.count)
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        found: list[Line] = []
        try:
            columns = self._columns(next(rows, []))
            for row in rows:
                if len(found) > MOST:
                    self.problems.append(f"more than {MOST} lines; split the file")
                    break
                cells = dict(zip(columns, map(_cell, row), strict=False))
                if columns and any(cells.values()):
                    line = self._line(rows.line_num, cells)
                    found += [line] if line else []
        except csv.Error as error:
            self._tell(rows.line_num, f"cannot be read as CSV: {error}")
        return found

    def _columns(self, head: Sequence[str]) -> list[str]:
        names = [_cell(cell).lower().replace(" ", "_") for cell in head]
        names = [_OTHER_NAMES.get(name, name) for name in names]
        unknown = [name for name in names if name and name not in COLUMNS]
        if "post" not in names:
            self._tell(1, f"the first line must name the columns ({', '.join(COLUMNS)}), and post "
                       "is not among them")
            return []
        if unknown:
            self._tell(1, f"unknown column {unknown[0]}; known are {', '.join(COLUMNS)}")
        return names

    def _line(self, number: int, cells: dict[str, str]) -> Line | None:
        post = self._post(number, cells.get("post", ""), cells.get("place", ""))
        since = self._day(number, cells.get("from", "")) or ""
        until = self._day(number, cells.get("until", ""))
        if until is not None and until <= since:
            self._tell(number, f"until {until} is not after from {since}")
        phone = self._phone(number, cells.get("phone", ""))
        matrix = cells.get("matrix", "")
        if matrix and not _MATRIX.fullmatch(matrix):
            self._tell(number, f"{matrix} is no Matrix id such as @name:example.org")
        name = clean.name(cells.get("name"))
        if phone:
            self._one_name(number, phone, name)
        if post is None:
            return None
        rank, under = self._rank(number, cells.get("rank", "")), cells.get("under", "")
        if under:
            over = self._book.post(under)
            under = str(over) if over else ""
            if over is None:
                self._tell(number, f"{cells['under']} is no post{self._meant(cells['under'])}")
        line = Line(number, post, name, phone, matrix, since, until, rank, under,
                    clean.name(cells.get("whatsapp_name")))
        if not line.person and (since or until):
            self._tell(number, "there are dates, but nobody who holds the post; give name, phone "
                       "or matrix")
        self._once_described(line)
        return line

    def _post(self, number: int, post: str, place: str) -> PostName | None:
        if not post:
            self._tell(number, "no post is named")
            return None
        found = self._book.named(post, place) or self._book.post(f"{post} {place}".strip())
        if found:
            return found
        kind = self._book.kind(post)
        if kind is None:
            near = self._book.nearest_kind(post)
            self._tell(number, f"{post} is no post of the gazetteer"
                       + (f"; did you mean {near}?" if near else ""))
        elif not place:
            self._tell(number, f"{post} of which {kind.of}? Fill in place")
        else:
            sorts = (kind.of,) if kind.of in ("district", "division", "town") else (
                "office", "province")
            near = self._book.nearest_place(place, sorts)
            wanted = f"{kind.name} is at {kind.at}" if kind.at else (
                f"{place} is no {kind.of} of the gazetteer")
            self._tell(number, wanted + (f"; did you mean {near}?" if near and not kind.at else ""))
        return None

    def _meant(self, text: str) -> str:
        near = self._book.nearest(text)
        return f"; did you mean {near[0]}?" if near else ""

    def _day(self, number: int, text: str) -> str | None:
        try:
            return days.read(text) if text else None
        except ValueError as error:
            self._tell(number, str(error))
            return None

    def _phone(self, number: int, text: str) -> str:
        if not text:
            return ""
        digits = phone_of(text, self._book.country_code)
        if not digits:
            shortened = "; a spreadsheet has shortened it: make the column text" if (
                re.search(r"\de\+?\d", text, re.I)) else "; write it as +92 300 1234567"
            self._tell(number, f"{text} is no telephone number{shortened}")
        return digits

    def _one_name(self, number: int, phone: str, name: str) -> None:
        first, line = self._names.setdefault(phone, (name, number))
        if fold(first) != fold(name):
            self._tell(number, f"+{phone} is {name or 'nobody'} here and {first or 'nobody'} in "
                       f"line {line}; one number is one person")

    def _rank(self, number: int, text: str) -> int | None:
        if not text:
            return None
        if not text.isdecimal() or not 1 <= int(text) <= 99:
            self._tell(number, f"rank must be a number from 1, which is highest, not {text}")
            return None
        return int(text)

    def _once_described(self, line: Line) -> None:
        if line.rank is None and not line.under:
            return
        rank, under, number = self._described.setdefault(
            line.post, (line.rank, line.under, line.number))
        if (rank, under) != (line.rank, line.under):
            self._tell(line.number, f"{line.post} has another rank or superior than in line "
                       f"{number}")

    def _tell(self, number: int, sentence: str) -> None:
        self.problems.append(f"line {number}: {sentence}")


def _line_number(problem: str) -> int:
    found = re.match(r"line (\d+):", problem)
    return int(found[1]) if found else 0


def _in_turn(lines: list[Line], book: Gazetteer, problems: list[str]) -> Iterator[Line]:
    """The lines in the order in which their postings began, each ended by its successor."""
    by_post: dict[PostName, list[Line]] = {}
    for line in lines:
        by_post.setdefault(line.post, []).append(line)
    for post, own in by_post.items():
        held = sorted((line for line in own if line.person), key=lambda line: line.since)
        yield from (line for line in own if not line.person)
        if book.kinds[post.kind].several:
            yield from held
            continue
        for line, following in zip(held, [*held[1:], None], strict=False):
            if following is None:
                yield line
                continue
            if line.person == following.person and line.until is None:
                problems.append(f"line {following.number}: {line.name or line.person} holds {post} "
                                f"since line {line.number} already")
            elif line.since == following.since or (line.until or "") > following.since:
                problems.append(
                    f"line {following.number}: {post} has two holders at once, "
                    f"{line.name or line.person} of line {line.number} and "
                    f"{following.name or following.person}; give from and until")
            yield replace(line, until=line.until or following.since)


def phone_of(text: str, country_code: str) -> str:
    """A telephone number's digits with the country's in front: `0300 1234567`, `+92 300-1234567`;
    "" when it is none."""
    plain = re.sub(r"[\s().\u00a0\u202a\u202c\u200e-]", "", text)
    digits = "".join(str(int(c)) for c in plain.removeprefix("+") if c.isdecimal())
    if len(digits) != len(plain.removeprefix("+")):
        return ""
    if plain.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0") and country_code:
        digits = country_code + digits[1:]
    return digits if 8 <= len(digits) <= 15 else ""


def _cell(text: str) -> str:
    """A cell without what a spreadsheet or `write` put around it."""
    return clean.text(text).strip().removeprefix("'").strip()


def write(lines: Iterable[Line]) -> bytes:
    """The file, as `read` takes it and a spreadsheet opens it (with a byte order mark for Urdu; no
    cell is a formula)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        phone = f"+{line.phone[:2]} {line.phone[2:5]} {line.phone[5:]}" if line.phone else ""
        cells = (line.post.kind, line.post.place, line.name, "", line.matrix, line.since,
                 line.until or "", "" if line.rank is None else str(line.rank), line.under,
                 line.shown)
        safe = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
        writer.writerow([*safe[:3], phone, *safe[4:]])
    return out.getvalue().encode("utf-8-sig")
