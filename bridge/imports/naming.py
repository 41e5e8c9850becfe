"""Whom the names in an export mean. They belong to the address book of whoever exported it: one
phone's "Ghulam DEO" is another's "+92 300 …".

The first of these that tells counts: a number that stands as the name; what a person says
(people.yaml); what was found for this group before; messages that the record holds already from
somebody, which the file has under the name; one person of the directory who is called exactly so.
Who is not found is a person of whom only the name is known, until one of these tells more.
"""
from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from archive import directory, imports
from archive.db import Database, Unit
from archive.imports import Known
from archive.model import Sender
from bridge.exports.reader import ExportError
from bridge.imports.lines import Who

_NUMBER = re.compile(r"(?:~\s*)?\+[\d\s().\-\u2011]{6,24}")
_TOLD_NUMBER = re.compile(r"\+?[\d\s().\-]{7,24}")
_MXID = re.compile(r"@[^:\s]+:\S+")
# Overlap: equal texts in so many different minutes, of so many characters together, and such a part
# of all that points anywhere.
_MINUTES, _CHARACTERS, _PART = 3, 20, 0.8
HOW = {
    "number": "the number stands in the file", "told": "as you said",
    "remembered": "as before in this group", "overlap": "said the same at the same time",
    "directory": "the only one of that name", "unknown": "not found"}


class ToldError(ExportError):
    """What a person said of a name means nobody; the message says why and what to write."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True)
class Meant:
    """Whom a name means. `how`: a key of HOW; `person`: None for somebody new; `sender`: the
    address that is known; `also`: a person who turns out to be the same; `was`: others under
    whom the messages may stand in the record, and `moves`: those who wrongly have them, as a person
    said; `doubt`: a sentence about it; `always`: the name means that person in other files of the
    group, too."""

    name: str
    how: str
    person: Known | None = None
    sender: Sender | None = None
    also: int | None = None
    was: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()
    doubt: str = ""
    always: bool = True

    @property
    def sure(self) -> bool:
        """Whether more than a name is known of them."""
        return self.sender is not None or (self.person is not None and not self.person.named)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {"name": self.name, "how": self.how, "because": HOW[self.how], "sure": self.sure,
                "person": self.person.name if self.person else "", "doubt": self.doubt,
                "number": f"+{self.sender.pn}" if self.sender and self.sender.pn else ""}


class Evidence:
    """Who said what a name said, at the same minute: counted over a file."""

    def __init__(self) -> None:
        self._votes: dict[str, Counter[int]] = defaultdict(Counter)
        self._characters: dict[tuple[str, int], int] = defaultdict(int)
        self._minute: dict[tuple[str, int], int] = {}

    def add(self, spoken: Mapping[tuple[int, str], list[str]],
            held: Sequence[tuple[int, int | None, str]], doubtful: set[str]) -> None:
        """`spoken`: (minute, words) → names; `held`: (minute, person, words) of the record. Only
        what one alone said on both sides tells anything."""
        by_key: dict[tuple[int, str], list[int]] = defaultdict(list)
        for minute, person, words in held:
            if person is not None and words:
                by_key[minute, words].append(person)
        for key, persons in by_key.items():
            names = spoken.get(key, ())
            if len(persons) == 1 and len(names) == 1 and names[0] in doubtful:
                pair = names[0], persons[0]
                if self._minute.get(pair) != key[0]:
                    self._minute[pair] = key[0]
                    self._votes[pair[0]][pair[1]] += 1
                self._characters[pair] += len(key[1])

    def of(self, name: str) -> int | None:
        """The person that all points to; None when it is not enough."""
        votes = self._votes.get(name)
        if not votes:
            return None
        (person, count), = votes.most_common(1)
        enough = count >= _MINUTES and self._characters[name, person] >= _CHARACTERS
        return person if enough and count >= votes.total() * _PART else None


async def decide(db: Database, messages: Mapping[str, int], remembered: Mapping[str, Known],
                 evidence: Evidence, told: Mapping[str, str]) -> tuple[Meant, ...]:
    """Whom each name of a file means, those with most messages first. Raises ExportError when what
    was told names nobody."""
    said = {clean(name): value for name, value in told.items() if value}
    points = {name: person for name in messages if (person := evidence.of(name)) is not None}
    pointed = await imports.persons(db, list(points.values()))
    unknown = {imports.fold_name(bare(name)): name for name in messages
               if name not in remembered and name not in points and _full(name)}
    called = await imports.called(db, unknown) if unknown else {}
    result = []
    for name in sorted(messages, key=lambda name: (-messages[name], name)):
        voted = pointed.get(points[name]) if name in points else None
        if name in said:
            meant = await _told(db, name, said[name])
        elif number := number_in(name):
            meant = await _numbered(db, name, number)
        else:
            meant = _found(name, remembered.get(name), voted, called.get(name, []))
        result.append(_with_others(meant, remembered.get(name), voted))
    return tuple(result)


def _with_others(meant: Meant, known: Known | None, voted: Known | None) -> Meant:
    """The same, and what becomes of the other persons whom the name was found to mean, before or by
    what it said: a person of whom only names are known turns out to be the same, unless somebody
    had said that it is they; of all others the messages are known."""
    was = dict(known.was) if known and meant.always else {}
    if meant.how == "overlap" or (not meant.sure and meant.how != "told"):
        return _with_was(meant, was)
    others = list({one.id: one for one in (voted, known) if one is not None and (
        meant.person is None or one.id != meant.person.id)}.values())
    also = next((one.id for one in others if one.named and one.how != "told"), None)
    rest = next((one for one in others if one.id != also), None)
    if rest is None:
        return _with_was(replace(meant, also=also), was)
    was[rest.id] = was.get(rest.id) or (
        meant.how == "told" and rest.how in ("told", "directory"))
    doubt = "" if was[rest.id] else (
        f"says the same at the same time as {rest.name}: are they one person with two numbers?")
    return _with_was(replace(meant, also=also, doubt=doubt), was)


def _with_was(meant: Meant, was: Mapping[int, bool]) -> Meant:
    others = {other: moves for other, moves in was.items()
              if meant.person is None or other != meant.person.id}
    return replace(meant, was=tuple(others),
                   moves=tuple(other for other, moves in others.items() if moves))


async def told(db: Database, people: Sequence[Meant], name: str, value: str
               ) -> tuple[Meant, ...]:
    """The same people, one of whom a person has named. Raises ExportError."""
    said = await _told(db, name, value)

    def now(before: Meant) -> Meant:
        other = _with_others(said, before.person, None)
        was = {one: one in (*before.moves, *other.moves) for one in (*before.was, *other.was)}
        return _with_was(replace(other, also=other.also or before.also), was)

    return tuple(now(meant) if meant.name == name else meant for meant in people)


def _found(name: str, known: Known | None, voted: Known | None, called: Sequence[Known]) -> Meant:
    if known and voted and voted.id != known.id:
        if known.named:  # now more is known: it is the same person
            return Meant(name, "overlap", voted, also=known.id)
        if not voted.named:  # another phone calls somebody else so
            return Meant(name, "overlap", voted, always=False)
    if known:
        return Meant(name, "remembered", known)
    if voted:
        return Meant(name, "overlap", voted)
    # Two groups' exports may call two people so, of whom nothing else is known.
    sure = [one for one in called if not one.named]
    if len(sure) == 1:
        return Meant(name, "directory", sure[0])
    return Meant(name, "unknown")


async def _numbered(db: Database, name: str, number: str) -> Meant:
    person = await directory.find(db, "pn", number)
    return Meant(name, "number", Known(person.id, person.name, named=False) if person else None,
                 Sender(pn=number))


async def _told(db: Database, name: str, value: str) -> Meant:
    """What people.yaml says: a number, a Matrix id, or a person's name. Raises ExportError."""
    sender = None
    if _TOLD_NUMBER.fullmatch(value):
        sender = Sender(pn=_international(name, value))
        person = await directory.find(db, "pn", sender.pn or "")
    elif _MXID.fullmatch(value):
        sender = Sender(mxid=value)
        person = await directory.find(db, "mxid", value)
    else:
        found = (await imports.called(db, {imports.fold_name(value): value})).get(value, [])
        if len(found) != 1:
            raise ToldError(
                name, f"“{name}” is said to be “{value}”, "
                + ("a name of several persons" if found else "whom the directory does not know")
                + ": write a phone number with its country (+92 …) instead")
        return Meant(name, "told", found[0])
    return Meant(name, "told", Known(person.id, person.name, named=False) if person else None,
                 sender)


def settle(chat_id: int, people: Iterable[Meant], seen: Mapping[str, tuple[int, int]]
           ) -> Unit[dict[str, Who]]:
    """Make or complete the persons, and remember the names; who each name is. `seen`: name → first
    and last message, Unix ms."""
    yield from imports.hold(chat_id)
    remembered = yield from imports.names_of(chat_id)  # by another import since this one looked
    kept: dict[str, Who] = {}
    gone: dict[int, int] = {}  # persons who became others
    for meant in people:
        first, last = seen[meant.name]
        known = meant.person and gone.get(meant.person.id, meant.person.id)
        if known is None and meant.sender is None:
            known = remembered.get(meant.name)
        shown = "" if number_in(meant.name) else bare(meant.name)
        if known is None or meant.sender is not None:
            person_id = yield from imports.person_of(meant.sender, shown, first, last)
            if known is not None and person_id != known:
                person_id = yield from _join(person_id, known, gone)
        else:
            person_id = known
            yield from imports.seen_as(person_id, shown, first, last)
        if meant.also is not None and gone.get(meant.also, meant.also) != person_id:
            person_id = yield from _join(person_id, gone.get(meant.also, meant.also), gone)
        if meant.always:
            yield from imports.remember(chat_id, meant.name, person_id, meant.how, {
                gone.get(other, other): other in meant.moves for other in meant.was})
        kept[meant.name] = Who(person_id, meant.sure, meant.was, meant.moves)

    def now(persons: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(gone.get(person, person) for person in persons)

    return {name: Who(gone.get(who.person_id or 0, who.person_id), who.sure, now(who.was),
                      now(who.moves)) for name, who in kept.items()}


def supposed(people: Iterable[Meant]) -> dict[str, Who]:
    """Who each name would be, with nothing written: persons that are to be made have numbers below
    zero."""
    return {meant.name: Who(meant.person.id if meant.person else -1 - n, meant.sure,
                            meant.was + ((meant.also,) if meant.also else ()))
            for n, meant in enumerate(people)}


def _join(person_id: int, other: int, gone: dict[int, int]) -> Unit[int]:
    """Two persons are one: the first stays."""
    yield from imports.join(person_id, other)
    gone[other] = person_id
    for one, became in gone.items():
        if became == other:
            gone[one] = person_id
    return person_id


# Names


def clean(name: str) -> str:
    """A name as the reader gives it."""
    return " ".join(name.split())


def bare(name: str) -> str:
    """A name without the sign before those that people chose themselves (`~ Zarina`)."""
    return name.removeprefix("~").strip()


def number_in(name: str) -> str:
    """The digits of a number that stands in place of a name; "" when it is a name."""
    if not _NUMBER.fullmatch(name):
        return ""
    return re.sub(r"\D", "", name)


def _international(name: str, value: str) -> str:
    if digits := imports.international(value):
        return digits
    raise ToldError(name, f"“{name}” is said to be {value}: write the whole number with its "
                          "country, such as +92 300 1234567")


def _full(name: str) -> bool:
    """Whether a name tells enough to look for it: one word is anybody's."""
    return len(bare(name).split()) > 1 and not number_in(name)


# people.yaml


def read_people(path: Path) -> dict[str, str]:
    """Whom names mean, as a person wrote it: `name: number, Matrix id or name`, a line each; what
    is left empty is not known. Raises ExportError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise ExportError(f"{path}{line}: it is no list of `name: number`") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ExportError(f"{path}: it is no list of `name: number`, a line each")
    wrong = next((name for name, value in data.items() if not isinstance(name, str)
                  or not (value is None or isinstance(value, str))), None)
    if wrong is not None:
        raise ExportError(f"{path}: {wrong!r}: put names and numbers in quotes: \"+92 300 …\"")
    return {name: (value or "").strip() for name, value in data.items()}


_HEAD = """\
# Whom the names in chat exports mean, each in quotes: a number with its country, a Matrix id, or a
# name of the directory. What nobody knows stays empty. Then import once more: nothing comes in
# twice. The names are those of one phone's address book: for another phone say --people FILE.
"""


def write_people(path: Path, people: Mapping[str, str], unknown: Mapping[str, str]) -> None:
    """Add to the file who was told and, with a remark each, the names that nobody knows. What
    stands in it already stays, remarks of people too; only empty entries are filled. Raises
    OSError and ExportError."""
    lines = (path.read_text(encoding="utf-8") if path.exists() else _HEAD).splitlines()
    before = read_people(path) if path.exists() else {}
    for name, value in {**dict.fromkeys(unknown, ""), **people}.items():
        if value and before.get(name) == "":
            lines = [_filled(line, name, value) for line in lines]
        elif name not in before:
            remark = f"  # {unknown[name]}" if not value and name in unknown else ""
            lines.append(_entry(name, value) + remark)
    beside = path.with_name(f".{path.name}.new")  # a crash must not take what people wrote
    beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(beside, path)


def _filled(line: str, name: str, value: str) -> str:
    """The line with the value, when it is the name's empty entry, and its remark."""
    try:
        entry = yaml.safe_load(line)
    except yaml.YAMLError:
        return line
    if not isinstance(entry, dict) or [*entry] != [name]:
        return line
    remark = re.search(r":\s*(#.*)$", line)
    return _entry(name, value) + (f"  {remark[1]}" if remark else "")


def _entry(name: str, value: str) -> str:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)  # is YAML, too

    return f"{quoted(name)}: {quoted(value) if value else ''}".rstrip()
