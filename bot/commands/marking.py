"""`!case tag`, `school`, `district`, `priority`, `classify`, `watch` and their opposites: what a
case is about, and who follows it."""
from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from archive import casework, fold
from archive.cases import CLASSIFICATIONS, PRIORITIES, Case, Docket
from archive.db import Unit
from bot.commands.base import Call, CaseNumber, Command, Mistake, Request, Say, Tools
from bot.commands.which import find, only, value, which
from bot.commands.work import changed
from nlp import places, schools
from nlp import words as texts

LONGEST = 80  # characters of a tag, a school's name, a district
MOST = 10  # tags or schools in one command

_DISTRICT = re.compile(r"^(?:district|ضلع)\s+|\s+(?:district|ضلع)$", re.I)

Do = Callable[[Tools, Request, "Marks"], Awaitable[Unit[Docket]]]


@dataclass(frozen=True)
class Marks:
    """A case, and what it is marked with."""

    which: Case | CaseNumber
    values: tuple[str, ...]


def parse_tags(call: Call, request: Request) -> Marks:
    """Words, with or without #, commas or blanks between them."""
    wanted = which(call, request, text_follows=True)
    words = texts.fold(value(call)).replace(",", " ").replace("،", " ").split()
    tags = tuple(dict.fromkeys(filter(None, (word.lstrip("#") for word in words))))
    return _checked(call, wanted, tags, "tag")


def parse_schools(call: Call, request: Request) -> Marks:
    """BEMIS codes, or one school's name."""
    wanted, said = _of_school(call, request)
    parts = [part for part in said.replace(",", " ").replace("،", " ").split() if part]
    codes = [schools.read_code(part) for part in parts]
    if parts and all(codes):
        return _checked(call, wanted, tuple(dict.fromkeys(filter(None, codes))), "school")
    code = schools.read_code(said)
    return _checked(call, wanted, (code or said,) if said else (), "school")


def _of_school(call: Call, request: Request) -> tuple[Case | CaseNumber, str]:
    """The case, and the words for its schools. In a case's thread a first number of five digits is
    a school's code, not a case."""
    number = call.number
    if request.thread_case and number and not call.before_verb and (
            schools.read_code(number.text)):
        return request.thread_case, texts.one_line(call.said)
    return which(call, request), value(call)


def _checked(call: Call, wanted: Case | CaseNumber, values: tuple[str, ...], what: str) -> Marks:
    if not values:
        raise Mistake(f"Which {what}?", call.command)
    if len(values) > MOST:
        raise Mistake(f"At most {MOST} at once.", call.command)
    long = next((value for value in values if len(value) > LONGEST), None)
    if long:
        raise Mistake(f"A {what} has at most {LONGEST} characters.", call.command)
    return Marks(wanted, values)


def parse_watch(call: Call, request: Request) -> Marks:
    """Who asks watches it."""
    return Marks(only(call, request), (request.actor.mxid,))


def _marking(kind: str, *, away: bool = False) -> Do:
    async def do(tools: Tools, request: Request, marks: Marks) -> Unit[Docket]:
        case = await find(tools, request, marks.which)
        work = casework.unmark if away else casework.mark
        return work(case.id, kind, marks.values, request.actor, request.at, request.event_id)
    return do


def render_tags(docket: Docket, request: Request) -> list[Say]:
    """Its tags."""
    tags = " ".join(f"#{tag}" for tag in docket.tags)
    return changed(docket, request, "is tagged" if tags else "has no tags", tags)


def render_schools(docket: Docket, request: Request) -> list[Say]:
    """Its schools."""
    named = ", ".join(docket.schools)
    return changed(docket, request, "is about school" if named else "names no school", named)


def render_watch(docket: Docket, request: Request) -> list[Say]:
    """Whether the person watches it."""
    watching = request.actor.mxid in docket.watchers
    return changed(docket, request, "is watched by you: you are named in its thread when something "
                                    "is done" if watching else "is not watched by you any more")


@dataclass(frozen=True)
class Field:
    """A case, and one fact of it."""

    which: Case | CaseNumber
    value: str | None


def parse_district(call: Call, request: Request) -> Field:
    """A district's name, or none."""
    wanted, name = which(call, request), value(call)
    if not name:
        raise Mistake("Which district? Or none.", call.command)
    if len(name) > LONGEST:
        raise Mistake(f"A district has at most {LONGEST} characters.", call.command)
    none = texts.fold(name) in ("none", "-", "کوئی نہیں")
    return Field(wanted, None if none else read_district(name) or name)


def read_district(said: str) -> str:
    """A district's name as the gazetteer writes it, in whatever spelling or script it was said; ""
    when the words are no district and nothing else."""
    said = _DISTRICT.sub("", said)
    for spelt in (said, said.title()):  # short names count with a capital only
        words = fold.words(spelt)
        found = places.districts(words, spelt)
        if len(found) == 1 and found[0].end - found[0].start == len(words):
            return found[0].name
    return ""


def _one_of(values: tuple[str, ...], others: dict[str, str]
            ) -> Callable[[Call, Request], Field]:
    def parse(call: Call, request: Request) -> Field:
        wanted, word = which(call, request), texts.fold(value(call))
        word = others.get(word, word)
        if word in values:
            return Field(wanted, word)
        near = difflib.get_close_matches(word, values, 1, 0.6)
        hint = f"; did you mean {near[0]}?" if near and word else ""
        number = f"{call.number.text} " if call.number else ""
        raise Mistake(f"It can be {', '.join(values[:-1])} or {values[-1]}{hint or '.'}",
                      call.command, f"{call.command.name} {number}{near[0]}" if hint else "")
    return parse


def _putting(field: str) -> Callable[[Tools, Request, Field], Awaitable[Unit[Docket]]]:
    async def do(tools: Tools, request: Request, wanted: Field) -> Unit[Docket]:
        case = await find(tools, request, wanted.which)
        return casework.put(case.id, field, wanted.value, request.actor, request.at,
                            request.event_id)
    return do


def render_district(docket: Docket, request: Request) -> list[Say]:
    """Its district."""
    name = docket.case.district or ""
    return changed(docket, request, "belongs to district" if name else "has no district", name)


def render_priority(docket: Docket, request: Request) -> list[Say]:
    """Its priority."""
    return changed(docket, request, "has priority", docket.case.priority)


def render_classify(docket: Docket, request: Request) -> list[Say]:
    """Its classification."""
    return changed(docket, request, "is classified", docket.case.classification)


_URGENCY = {"فوری": "urgent", "اہم": "high", "عام": "normal", "immediate": "urgent",
            "most urgent": "urgent", "top": "urgent", "very high": "urgent", "medium": "normal"}
_SECRECY = {"خفیہ": "secret", "صیغہ راز": "confidential", "public": "open", "none": "open"}

MARKING_COMMANDS = [
    Command("case tag", "N TAG …", "Tags the case.", ("label", "ٹیگ"),
            parse_tags, _marking("tag"), render_tags, takes_number=True,
            examples=("case tag 42 salary absence",)),
    Command("case untag", "N TAG …", "Takes tags away.", ("unlabel", "remove tag", "ٹیگ ہٹاؤ"),
            parse_tags, _marking("tag", away=True), render_tags, takes_number=True,
            examples=("case untag 42 salary",)),
    Command("case school", "N CODE|NAME",
            "Says which school it is about, by BEMIS code (leading zeros count) or by name.",
            ("bemis", "اسکول", "سکول"), parse_schools, _marking("school"), render_schools,
            takes_number=True, examples=("case school 42 07086",)),
    Command("case unschool", "N CODE|NAME", "Takes a school away.",
            ("remove school", "اسکول ہٹاؤ", "سکول ہٹاؤ"),
            parse_schools, _marking("school", away=True), render_schools, takes_number=True,
            examples=("case unschool 42 07086",)),
    Command("case district", "N NAME|none", "Says which district it is of.", ("ضلع",),
            parse_district, _putting("district"), render_district, takes_number=True,
            examples=("case district 42 Sibi",)),
    Command("case priority", "N low|normal|high|urgent", "Says how much it hurries.",
            ("urgency", "ترجیح"), _one_of(PRIORITIES, _URGENCY), _putting("priority"),
            render_priority, takes_number=True, examples=("case priority 42 urgent",)),
    Command("case classify", "N open|restricted|confidential|secret",
            "Classifies the file, as the docket sheet names it.",
            ("classification", "درجہ"), _one_of(CLASSIFICATIONS, _SECRECY),
            _putting("classification"), render_classify, takes_number=True,
            examples=("case classify 42 confidential",), role="officer"),
    Command("case watch", "N", "You are named in the case's thread when something is done to it.",
            ("follow", "نظر"), parse_watch, _marking("watcher"), render_watch, takes_number=True,
            examples=("case watch 42",), role="viewer"),
    Command("case unwatch", "N", "Ends that.", ("unfollow", "stop watching", "نظر ہٹاؤ"),
            parse_watch, _marking("watcher", away=True), render_watch, takes_number=True,
            examples=("case unwatch 42",), role="viewer"),
]
