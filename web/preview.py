"""What a person answers before a chat export is taken in: read from the form, checked as far as the
archive tells, kept for the bridge. What was typed is shown again whenever something is wrong."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive import clean, imports
from archive.db import Database
from archive.imports import Run
from archive.model import Chat
from web import ask
from web.site import PageError

NEW = "new"  # in place of a group's id
ORDERS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}

_NUMBER = re.compile(r"[+\d\s().\-]+")
_MXID = re.compile(r"@[^:\s]+:[^\s]+")
_LONGEST = 255  # characters of a Matrix id; no name of a person is longer


@dataclass(frozen=True)
class Answers:
    """What was answered, as it was typed. `group`: a group's id, NEW, or "" for none; `people`:
    what was typed of each person of the file, by place; `problems`: sentence by field, "" for that
    of no field."""

    group: str
    new_group: str
    since: str
    order: str
    to_matrix: bool
    people: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """A sender of the file as the page shows them. `field`: the input's name; `known`: more is
    known of them than the name; `doubt`: a remark for people to look at."""

    field: str
    name: str
    messages: int
    sample: str
    who: str
    because: str
    known: bool
    typed: str
    problem: str
    doubt: str


def kept(run: Run, zone: ZoneInfo) -> Answers:
    """The answers that an import has so far, with what the bridge found wrong with them."""
    said, since = run.settings, run.settings.get("since")
    told = said.get("people") or {}
    names = [one["name"] for one in run.found.get("people", ())]
    problems = {}
    if sentence := run.report.get("problem"):
        name = run.report.get("name")
        problems[person_field(names.index(name)) if name in names else ""] = sentence
    title = run.found.get("title") or ""
    group = NEW if said.get("new_group") else str(run.chat_id or "")
    return Answers(
        group, said.get("new_group") or ("" if group else title),
        datetime.fromtimestamp(since / 1000, zone).date().isoformat() if since else "",
        said.get("order") or "", bool(said.get("to_matrix")),
        tuple(told.get(name, "") for name in names), problems)


def typed(run: Run, posted: Mapping[str, Any]) -> Answers:
    """The answers that a form brings."""
    def text(name: str) -> str:
        value = posted.get(name)
        return clean.text(value).strip() if isinstance(value, str) else ""

    people = run.found.get("people", ())
    return Answers(
        text("group"), clean.name(text("new_group")), text("since"), text("order"),
        bool(text("to_matrix")),
        tuple(clean.name(text(person_field(n)))[:_LONGEST] for n in range(len(people))))


def person_field(place: int) -> str:
    """The name of a person's input."""
    return f"person-{place}"


async def problems(db: Database, run: Run, answers: Answers, chats: Sequence[Chat], *,
                   final: bool) -> dict[str, str]:
    """What is wrong with answers, by field. `final`: they are to be acted upon, so a group has to
    be among them."""
    found = {}
    if answers.group == NEW and not answers.new_group:
        found["new_group"] = "Give the group's name."
    elif answers.group not in ("", NEW, *(str(chat.id) for chat in chats)):
        found["group"] = "The archive has no such group: choose one of the list."
    elif final and not answers.group:
        found["group"] = "Choose the group that this chat is of."
    if answers.order not in ("", *ORDERS):
        found["order"] = "Choose one of the list."
    elif run.found.get("orderless") and not answers.order:
        found["order"] = "Choose how the dates are written."
    try:
        ask.read_day(answers.since, "only since")
    except PageError as error:
        found["since"] = error.sentence
    for place, value in enumerate(answers.people):
        if value and (sentence := await _person_problem(db, value)):
            found[person_field(place)] = sentence
    return found


def settings(run: Run, answers: Answers, zone: ZoneInfo) -> dict[str, Any]:
    """Answers without problems, as the bridge reads them."""
    since = ask.read_day(answers.since, "only since")
    names = (one["name"] for one in run.found.get("people", ()))
    return {
        "since": ask.midnight(since, zone) if since else None, "order": answers.order,
        "new_group": answers.new_group if answers.group == NEW else "",
        "to_matrix": answers.to_matrix,
        "people": {name: value for name, value in zip(names, answers.people, strict=True)
                   if value}}


def people(run: Run, answers: Answers) -> list[Person]:
    """The file's senders, as the page shows them."""
    return [Person(
        person_field(place), one["name"], one["messages"], one["sample"],
        one["person"] or one["number"] or "somebody new", one["because"], one["sure"],
        answers.people[place], answers.problems.get(person_field(place), ""), one.get("doubt", ""))
        for place, one in enumerate(run.found.get("people", ()))]


async def _person_problem(db: Database, value: str) -> str:
    """What is wrong with whom somebody is said to be; "" when nothing is. The bridge judges in the
    end; this spares people the wait."""
    if value.startswith("@"):
        return "" if _MXID.fullmatch(value) else "A Matrix id looks like @name:server."
    if _NUMBER.fullmatch(value):
        return "" if imports.international(value) else (
            "Write the whole number with its country, such as +92 300 1234567.")
    folded = imports.fold_name(value)
    found = (await imports.called(db, {folded: value})).get(value, []) if folded else []
    if len(found) == 1:
        return ""
    return (("Several persons of the directory have" if found else "Nobody in the directory has")
            + " this name: write the number with its country (+92 …) instead.")
