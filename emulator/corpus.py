"""Reads a folder of group chats: one JSON Lines file a group, and roster.csv, the people in them.

A line of a group's file is one message: id, ts (local time of Pakistan), from (phone), kind, text,
and where they apply file, reply_to, mentions, edit_of. The text of a reaction to the message of
reply_to is its sign; none takes the last one back. Other fields are left alone. A phone that the
roster does not know is a person without a name. An optional groups.csv (file, name, topic)
gives groups their names; else a line of kind system that names the group, else the file's name.
"""
from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

PAKISTAN = timezone(timedelta(hours=5), "PKT")  # no summer time since 2009: needs no tz database
MEDIA_KINDS = ("image", "video", "audio", "document")
KINDS = ("text", *MEDIA_KINDS, "location", "reaction", "system", "deleted")
MAX_PROBLEMS = 10  # told at once, so that a file is not mended line by line

_CREATED = re.compile(r"created (?:the )?group\s*[“\"](.+?)[”\"]")
_RENAMED = re.compile(r"changed the (?:subject|group name) from\s*[“\"](.+?)[”\"]"
                      r"\s*to\s*[“\"](.+?)[”\"]")


class ScenarioError(Exception):
    """A folder that cannot be read or played; the message names file, line and what is wrong."""


@dataclass(frozen=True)
class Person:
    """Somebody in the roster. `shown` is how the department's phone shows them."""

    number: str  # digits
    name: str = ""
    shown: str = ""
    rank: int = 99  # 1 is highest; of the latest posting
    post: str = ""

    @property
    def push_name(self) -> str:
        """The name their own phone announces: none for those whom WhatsApp shows by number."""
        name = self.shown.lstrip("~").strip()
        return "" if re.fullmatch(r"\+?[\d\s-]+", name) else name or self.name


@dataclass(frozen=True)
class Message:
    """One line of a group's file. Phones are digits, `at` is aware."""

    id: str
    at: datetime
    sender: str
    kind: str
    text: str = ""
    file: str = ""
    reply_to: str = ""
    mentions: tuple[str, ...] = ()
    edit_of: str = ""
    line: int = 0


@dataclass(frozen=True)
class Chat:
    """One group, in the order its messages were sent. `source`: the file's name, no .jsonl."""

    source: str
    jid: str
    name: str
    topic: str
    messages: tuple[Message, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """Everybody who speaks or is mentioned, in order of appearance."""
        found = {m.sender: None for m in self.messages}
        found.update({number: None for m in self.messages for number in m.mentions})
        return tuple(found)


@dataclass(frozen=True)
class Scenario:
    """Everything a folder holds."""

    folder: Path
    people: dict[str, Person]
    chats: tuple[Chat, ...]

    def person(self, number: str) -> Person:
        return self.people.get(number) or Person(number)


async def load(folder: Path | str) -> Scenario:
    """Reads a folder. Raises ScenarioError, naming file and line of what cannot be read."""
    return await asyncio.to_thread(read, Path(folder))


def read(folder: Path) -> Scenario:
    """As `load`, without an event loop."""
    if not folder.is_dir():
        raise ScenarioError(f"{folder}: no such folder; name one that holds roster.csv and "
                            "one .jsonl file for each group")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ScenarioError(f"{folder}: holds no .jsonl file; each group is one such file")
    names = {row.get("file", "").removesuffix(".jsonl"): row
             for _, row in _table(folder / "groups.csv")}
    chats = tuple(_chat(path, names.get(path.stem, {})) for path in files)
    return Scenario(folder, _people(folder / "roster.csv"), chats)


def group_jid(source: str) -> str:
    """The group's JID, derived from its file's name: eighteen digits, as WhatsApp makes them."""
    number = int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "big")
    return f"120363{number % 10**12:012d}@g.us"


def digits(phone: Any) -> str:
    """A phone number's digits. Raises ValueError for anything that is no international number."""
    number = re.sub(r"[\s()-]", "", phone) if isinstance(phone, str) else ""
    if not re.fullmatch(r"\+?[1-9]\d{6,14}", number, re.ASCII):
        raise ValueError(f"{phone!r} is no international phone number (+923001234567)")
    return number.lstrip("+")


# --- the roster -------------------------------------------------------------------------------

def _table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file by line number; none when there is no such file."""
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        return [(reader.line_num, {(k or "").strip(): (v or "").strip() for k, v in row.items()
                                   if isinstance(v, str | None)}) for row in reader]
    except csv.Error as error:
        raise ScenarioError(f"{path.name} line {reader.line_num}: {error}") from None


def _people(path: Path) -> dict[str, Person]:
    people: dict[str, Person] = {}
    since: dict[str, str] = {}
    for line, row in _table(path):
        if "phone" not in row:
            raise ScenarioError(f"{path.name} line 1: no column named phone")
        try:
            number = digits(row["phone"])
        except ValueError as error:
            raise ScenarioError(f"{path.name} line {line}: {error}") from None
        rank = row.get("rank", "")
        person = Person(
            number, row.get("name", ""), row.get("whatsapp_name", ""),
            int(rank) if rank.isdecimal() else 99,
            f"{row.get('post', '')} {row.get('place', '')}".strip(),
        )
        if number not in people or row.get("since", "") >= since[number]:
            people[number], since[number] = person, row.get("since", "")
    return people


# --- the groups -------------------------------------------------------------------------------

def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[:error.start].count(b"\n") + 1
        raise ScenarioError(f"{path.name} line {line}: not UTF-8") from None
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from None


def _chat(path: Path, named: dict[str, str]) -> Chat:
    messages: list[Message] = []
    problems: list[str] = []
    seen: set[str] = set()
    # split at "\n" only: a text may hold U+2028 or U+0085 as it is
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            message = _message(json.loads(line), number)
            if message.id in seen:
                raise ValueError(f"id {message.id!r} stands twice in this file")
        except (ValueError, RecursionError) as error:
            problems.append(f"{path.name} line {number}: {_why(error)}")
            continue
        seen.add(message.id)
        messages.append(message)
    if problems:
        more = len(problems) - MAX_PROBLEMS
        raise ScenarioError("\n".join(problems[:MAX_PROBLEMS])
                            + (f"\n… and {more} more in {path.name}" if more > 0 else ""))
    name = named.get("name") or _name(messages) or re.sub(r"[-_]+", " ", path.stem).title()
    return Chat(path.stem, group_jid(path.stem), name, named.get("topic", ""), tuple(messages))


def _why(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg} at column {error.colno})"
    return str(error) if isinstance(error, ValueError) else "nested too deeply"


def _name(messages: list[Message]) -> str:
    """The group's name at its beginning, as the first notice that says it has it."""
    for message in messages:
        found = _CREATED.search(message.text) or _RENAMED.search(message.text)
        if message.kind == "system" and found:
            return found[1]
    return ""


def renaming(notice: str) -> tuple[str, str] | None:
    """Old and new name, when a notice says that the group was renamed."""
    found = _RENAMED.search(notice)
    return (found[1], found[2]) if found else None


def _message(line: Any, number: int) -> Message:
    if not isinstance(line, dict):
        raise ValueError("not a JSON object")
    kind = line.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    mentions = line.get("mentions") or []
    if not isinstance(mentions, list):
        raise ValueError("mentions is no list of phones")
    try:
        sender = digits(line.get("from"))
    except ValueError as error:
        raise ValueError(f"from: {error}") from None
    return Message(
        id=_string(line, "id", needed=True), at=_time(line), sender=sender, kind=kind,
        text=_string(line, "text"), file=_string(line, "file"),
        reply_to=_string(line, "reply_to"), edit_of=_string(line, "edit_of"),
        mentions=tuple(digits(phone) for phone in mentions), line=number,
    )


def _time(line: dict[str, Any]) -> datetime:
    value = line.get("ts")
    try:
        at = datetime.fromisoformat(value)
        return at if at.tzinfo else at.replace(tzinfo=PAKISTAN)
    except (TypeError, ValueError):
        raise ValueError(f"ts {value!r} is no time like 2026-03-02T09:14:00") from None


def _string(line: dict[str, Any], field: str, *, needed: bool = False) -> str:
    value = line.get(field)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value):
        raise ValueError(f"{field} {value!r} is no text")
    # half a surrogate pair ("\ud83d") is valid JSON and cannot be sent as UTF-8
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
