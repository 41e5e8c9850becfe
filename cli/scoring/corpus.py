"""A folder of labelled chats: NAME.jsonl, one message a line in the order sent, and roster.csv,
which posts its people hold from when. Every fault is one sentence that says file, line, what to do.
"""
from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from cli.errors import UserError

ZONE = ZoneInfo("Asia/Karachi")
ROSTER = "roster.csv"
COLUMNS = ("phone", "name", "whatsapp_name", "post", "place", "rank", "since")


@dataclass(frozen=True)
class Said:
    """A message of a corpus. `gold`: its labels; those that the file does not give are absent."""

    id: str
    at: datetime  # with zone
    sender: str
    kind: str
    text: str
    reply_to: str | None
    mentions: tuple[str, ...]
    edit_of: str | None
    gold: dict[str, Any]

    @property
    def thread(self) -> str | None:
        """The gold thread; None for what belongs to none and for what is not labelled."""
        return self.gold.get("thread")


@dataclass(frozen=True)
class Posting:
    """A row of the roster: who holds which post from which day on."""

    phone: str
    name: str
    whatsapp_name: str
    post: str
    place: str
    rank: int
    since: date


@dataclass(frozen=True)
class Corpus:
    """Chats by name, and the roster's rows (none when the folder has no roster)."""

    chats: dict[str, list[Said]]
    roster: tuple[Posting, ...]

    def held(self, day: date) -> dict[str, Posting]:
        """Phone -> the posting in force on a day; before the first, the first."""
        result: dict[str, Posting] = {}
        for row in sorted(self.roster, key=lambda row: row.since):
            if row.since <= day or row.phone not in result:
                result[row.phone] = row
        return result


def load(folder: Path) -> Corpus:
    """Read a folder. Raises UserError."""
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name one that holds NAME.jsonl files")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise UserError(f"{folder}: there is no .jsonl file in it; each group is one NAME.jsonl")
    roster = folder / ROSTER
    return Corpus({file.stem: _chat(file) for file in files},
                  _roster(roster) if roster.exists() else ())


def _bad(file: Path, line: int, what: str) -> NoReturn:
    raise UserError(f"{file}, line {line}: {what}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        before = file.read_bytes()[:error.start].count(b"\n") + 1
        _bad(file, before, "this is not UTF-8; save the file as UTF-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); look at its rights") from None


def _chat(file: Path) -> list[Said]:
    result: list[Said] = []
    seen: set[str] = set()
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        said = _message(file, number, line)
        if said.id in seen:
            _bad(file, number, f"the id {said.id!r} stands twice; give each message its own")
        for field, target in (("reply_to", said.reply_to), ("edit_of", said.edit_of)):
            if target is not None and target not in seen:
                _bad(file, number, f"{field} names {target!r}, which is no earlier message; "
                                   "put the messages in the order sent")
        seen.add(said.id)
        result.append(said)
    return result


def _message(file: Path, number: int, line: str) -> Said:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deep")
        _bad(file, number, f"not JSON ({reason}); write one message a line")
    if not isinstance(row, dict):
        _bad(file, number, "a line must hold one message as a JSON object")
    for field in ("id", "ts", "from", "kind", "text"):
        if not isinstance(row.get(field), str):
            _bad(file, number, f"the field {field!r} is missing or no text; add it")
    for field in ("reply_to", "edit_of"):
        if not isinstance(row.get(field), str | None):
            _bad(file, number, f"{field} must be the id of an earlier message, or be left out")
    mentions = row.get("mentions") or []
    if not isinstance(mentions, list) or not all(isinstance(one, str) for one in mentions):
        _bad(file, number, "mentions must be a list of phones, or be left out")
    gold = row.get("gold", {})
    if not isinstance(gold, dict) or not isinstance(gold.get("thread"), str | None):
        _bad(file, number, "gold must be an object whose thread is a text or null")
    return Said(row["id"], _moment(file, number, row["ts"]), row["from"], row["kind"], row["text"],
                row.get("reply_to"), tuple(mentions), row.get("edit_of"), gold)


def _moment(file: Path, number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        _bad(file, number, f"ts {text!r} is no time; write it as 2026-03-02T09:14:00")
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def _roster(file: Path) -> tuple[Posting, ...]:
    reader = csv.DictReader(_text(file).splitlines())
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            _bad(file, 1, f"the column {missing[0]!r} is missing; the first line must read "
                          f"{','.join(COLUMNS)}")
        return tuple(_posting(file, reader.line_num, row) for row in reader)
    except csv.Error as error:
        _bad(file, reader.line_num, f"not a table ({error}); save it as CSV")


def _posting(file: Path, line: int, row: dict[str, str | None]) -> Posting:
    values = {name: (row[name] or "").strip() for name in COLUMNS}
    try:
        rank = int(values["rank"])
    except ValueError:
        _bad(file, line, f"rank {values['rank']!r} is no whole number; 1 is the highest")
    try:
        since = date.fromisoformat(values["since"])
    except ValueError:
        _bad(file, line, f"since {values['since']!r} is no day; write it as 2026-03-02")
    return Posting(values["phone"], values["name"], values["whatsapp_name"], values["post"],
                   values["place"], rank, since)
