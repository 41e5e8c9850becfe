"""`!school`: a school's history, by its code or name; `!school import`: the list of schools."""
from __future__ import annotations

import asyncio
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import botbooks, cases, directives, messages, schools, schools_file, visits
from archive.cases import Case
from archive.db import Unit
from archive.directives import Directive
from archive.schools import School, Taking
from archive.schools_file import SchoolList
from archive.visits import Figures, Visit
from bot import foreign, render, sheets
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools, Unclear, result
from bot.commands.lists import rooms_of
from bot.encrypted_files import Damaged, opened
from nlp import words as texts
from nlp.places import canonical

SHOWN = 5  # visits
PICTURES = 6  # of a visit, as links
CASES = 10
ORDERS = 5
PROBLEMS = 20  # that are told

Link = tuple[str, str]  # room id, event id

# a code, also one that lost a digit or has one too many
_ASKED = re.compile(r"(?:(?:be?mis|emis|school|code|no|number|بیمس|کوڈ|نمبر|سکول|اسکول)[\s:#.-]*)*"
                    r"(\d{4,6})", re.I)


@dataclass(frozen=True)
class Wanted:
    """A school by its code, complete or mistyped, or else by its name."""

    code: str
    name: str


@dataclass(frozen=True)
class History:
    """What is known of a school. `links`: record id → where the message stands."""

    school: School
    listed: bool
    visits: list[Visit]
    links: dict[int, Link]
    cases: list[Case]
    cases_total: int
    orders: list[Directive]  # the newest
    orders_total: int
    near: list[School]  # for a code that the list does not have
    page: str  # its page's address; "" when the pages have none


def parse_school(call: Call, request: Request) -> Wanted:
    """A code, in digits of any script, or words."""
    said = texts.one_line(call.rest)
    if not said:
        raise Mistake("Which school? Give its BEMIS code or its name.", call.command)
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in said)
    found = _ASKED.fullmatch(plain)
    code = found[1] if found else ""
    return Wanted(code, "" if code else texts.shorten(said, 200))


async def do_school(tools: Tools, request: Request, wanted: Wanted) -> Unit[History]:
    """Everything about the one school that is meant; a nearest one is asked about, never taken.
    Raises Unclear, Mistake."""
    school = await schools.known(tools.db, wanted.code) if wanted.code else (
        await _by_name(tools, wanted.name))
    if school is None:
        near = await schools.near_code(tools.db, wanted.code)
        if not near:
            raise Mistake(f"There is no school with BEMIS {wanted.code}: neither the list nor any "
                          "report names it.")
        raise _which(f"No school has BEMIS {wanted.code}. Is one of these meant?", near)
    listed = await schools.get(tools.db, school.bemis) is not None
    found = await visits.of_school(tools.db, school.bemis)
    rooms = await rooms_of(tools, request)
    about, total = await cases.listing(tools.db, cases.Filter(
        room_ids=rooms, states=cases.ACTIVE, school=school.bemis), CASES)
    orders, orders_total = await directives.listing(tools.db, directives.Filter(
        room_ids=rooms, school=school.bemis), ORDERS)
    return result(History(
        school, listed, found, await _links(tools, found[:SHOWN]), about, total, orders,
        orders_total, [] if listed else await schools.near_code(tools.db, school.bemis),
        _page(tools, school)))


async def _by_name(tools: Tools, name: str) -> School:
    """The one school of this name. Raises Unclear when others are like it, and Mistake."""
    exact = await schools.named(tools.db, name)
    if len(exact) == 1:
        return exact[0]
    shown = render.isolate(name)
    if exact:
        raise _which(f"{len(exact)} schools are called {shown}. Which one?", exact)
    near = await schools.near_name(tools.db, name)
    if not near:
        known = await schools.count(tools.db)
        hint = "" if known else " The list of schools is empty: an officer imports it."
        raise Mistake(f"I know no school that is called {shown} or nearly so.{hint}")
    raise _which(f"I know no school that is called {shown}. Is one of these meant?", near)


def _which(sentence: str, found: list[School]) -> Unclear:
    return Unclear(sentence, [
        (f"{school.bemis} {render.isolate(school.name)}"
         + (f", {school.district}" if school.district else ""), f"school {school.bemis}")
        for school in found[:schools.NEAREST]])


async def _links(tools: Tools, found: list[Visit]) -> dict[int, Link]:
    """Where the first message and the pictures of visits stand."""
    links = {}
    for visit in found:
        for record_id in (visit.record_id, *(p.record_id for p in visit.pictures[:PICTURES])):
            events = await messages.events_of(tools.db, record_id)
            if events and visit.room_id:
                links[record_id] = (visit.room_id, events[0][0])
    return links


def _page(tools: Tools, school: School) -> str:
    address = tools.config.web.public_url.rstrip("/")
    return f"{address}/schools/{school.bemis}" if address else ""


def render_school(history: History, request: Request) -> list[Say]:
    """Name, place, how it stands, the last visits, open cases, directives."""
    return [Answer(*render.fitting(lambda rows: _history(history, request, rows),
                                   min(SHOWN, len(history.visits))))]


def _history(history: History, request: Request, rows: int) -> tuple[str, str]:
    school = history.school
    head = f"{render.isolate(school.name) or 'School'} · BEMIS {school.bemis}"
    stands = visits.standing_words(
        visits.standing(history.visits), lambda at: render.when(at, request.zone).split(",")[0])
    facts = [_place(school), stands[0].upper() + stands[1:], *_unlisted(history)]
    text = [head, *facts]
    markup = [f"<p><strong>{render.html(head)}</strong><br>"
              + "<br>".join(map(render.html, facts)) + "</p>"]
    if history.visits:
        title = f"Last visits ({min(rows, len(history.visits))} of {len(history.visits)})"
        lines = [_visit(visit, history.links, request) for visit in history.visits[:rows]]
        text += ["", title, *(f"• {line}" for line, _ in lines)]
        markup.append(f"<p><strong>{title}</strong></p><ul>"
                      + "".join(f"<li>{line}</li>" for _, line in lines) + "</ul>")
    listed = render.case_list("Open cases", history.cases, history.cases_total, request)
    text += ["", listed[0]]
    markup.append(listed[1])
    if history.orders:
        listed = sheets.listed("Directives", history.orders, history.orders_total, request)
        text += ["", listed[0]]
        markup.append(listed[1])
    if history.page:
        text += ["", f"All of it: {history.page}"]
        markup.append(f"<p>{render.link(history.page, 'All of it, with pictures and a map')}</p>")
    return "\n".join(text), "".join(markup)


def _place(school: School) -> str:
    kind = ", ".join(filter(None, (school.level, school.gender)))
    posts = school.teachers_sanctioned
    return " · ".join(filter(None, (
        f"District {render.isolate(school.district)}" if school.district else "District not known",
        f"tehsil {render.isolate(school.tehsil)}" if school.tehsil else "", kind,
        "" if posts is None else f"{posts} sanctioned {'post' if posts == 1 else 'posts'}")))


def _unlisted(history: History) -> list[str]:
    if history.listed:
        return []
    near = ", ".join(f"{each.bemis} {render.isolate(each.name)}" for each in history.near)
    return ["It is not in the list of schools: the code may be mistyped in the reports"
            + (f"; nearest are {near}." if near else ".")]


def _visit(visit: Visit, links: dict[int, Link], request: Request) -> tuple[str, str]:
    """One visit in a line: (text, HTML); the pictures are links."""
    at = render.when(visit.visited_at, request.zone)
    who = render.isolate(texts.one_line(visit.visitor) or "unknown sender")
    told = figures_words(visit.figures)
    marks = [word for word, is_so in (("corrected", visit.corrected),
                                      ("taken back", visit.deleted)) if is_so]
    told += f" ({', '.join(marks)})" if marks else ""
    count = len(visit.pictures)
    shown = f"; {count} {'picture' if count == 1 else 'pictures'}" if count else ""
    place = links.get(visit.record_id)
    day = render.link(render.permalink(*place, request.server), at) if place else at
    pictures = " ".join(
        render.link(render.permalink(*links[part.record_id], request.server), f"🖼 {number}")
        for number, part in enumerate(visit.pictures[:PICTURES], 1) if part.record_id in links)
    markup = f"{day}, <em>{render.html(who)}</em>: {render.html(told)}"
    if visit.deleted:
        markup = f"{day}, <em>{render.html(who)}</em>: <del>{render.html(told)}</del>"
    return f"{at}, {who}: {told}{shown}", markup + (f"; {pictures}" if pictures else shown)


def figures_words(figures: Figures) -> str:
    """`open; teachers 2 of 3, absent: Khan; students 27 of 31; missing: water`"""
    def counted(name: str, present: int | None, of: int | None) -> str:
        if present is None and of is None:
            return ""
        return f"{name} {'?' if present is None else present}" + (
            "" if of is None else f" of {of}")
    absent = ", ".join(map(render.isolate, figures.absent_teachers))
    teachers = ", ".join(filter(None, (
        counted("teachers", figures.teachers_present, figures.teachers_sanctioned),
        f"absent: {absent}" if absent else "")))
    return "; ".join(filter(None, (
        {True: "open", False: "closed", None: ""}[figures.open], teachers,
        counted("students", figures.students_present, figures.students_enrolled),
        f"missing: {', '.join(figures.missing)}" if figures.missing else "",
        f"building: {render.isolate(figures.building)}" if figures.building else ""))
        ) or "no figures"


# import


@dataclass(frozen=True)
class Taken:
    """What was taken in, or why nothing was."""

    taking: Taking | None
    found: SchoolList


def parse_import(call: Call, request: Request) -> str:
    """The message with the file: the one replied to."""
    if request.reply_to is None:
        raise Mistake("Write this as a reply to a CSV file.", call.command)
    if call.rest:
        raise Mistake("This takes nothing more: the file says it all.", call.command)
    return request.reply_to


async def preview_import(tools: Tools, request: Request, event_id: str) -> str:
    """What taking the file would change; "" when it is not taken at all, or changes nothing."""
    found = await _read(tools, request, event_id)
    if found.problems:
        return ""  # `do` says which
    taking = await schools.trial(tools.db, found.schools)
    if not taking.added + taking.changed:
        return ""
    return "\n".join([f"{taking.words()}. What the file does not name stays.", *found.notes])


async def do_import(tools: Tools, request: Request, event_id: str) -> Unit[Taken]:
    """Take it in, whole or not at all."""
    found = await _read(tools, request, event_id)
    if found.problems:
        return result(Taken(None, found))

    def unit() -> Unit[Taken]:
        return Taken((yield from schools.take(found.schools, request.actor, request.at)), found)
    return unit()


async def _read(tools: Tools, request: Request, event_id: str) -> SchoolList:
    """The file of a message. Raises Mistake when it has none, or it is damaged."""
    seen = await botbooks.event(tools.db, event_id)
    if seen is not None and seen.room_id == request.room_id:
        content: Any = json.loads(seen.content)
    else:
        content = (await tools.matrix.event(request.room_id, event_id) or {}).get("content")
    file = foreign.file_of(content if isinstance(content, dict) else {})
    if file is None:
        raise Mistake("There is no file in that message. Write this as a reply to a CSV file.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        await tools.matrix.download(file.mxc, path, schools_file.LARGEST)
        try:
            if file.keys is not None:
                await asyncio.to_thread(opened, path, file.keys)
        except Damaged as error:
            raise Mistake(f"The file cannot be opened: {error}.") from None
        return await asyncio.to_thread(schools_file.read, path.read_bytes(), canonical)


def render_import(taken: Taken, request: Request) -> list[Say]:
    """What changed; or every problem, and that nothing changed."""
    if taken.taking is not None:
        return [_lines(f"{taken.taking.words()}.", list(taken.found.notes))]
    told, more = taken.found.problems[:PROBLEMS], len(taken.found.problems) - PROBLEMS
    return [_lines("Nothing of the file is taken: with one wrong line a school's history would "
                   "stand under another's name.",
                   [*told, *([f"and {more} more"] if more > 0 else [])])]


def _lines(head: str, lines: list[str]) -> Answer:
    if not lines:
        return Answer(head, render.html(head))
    return Answer("\n".join([head, *(f"• {line}" for line in lines)]),
                  f"<p>{render.html(head)}</p><ul>"
                  + "".join(f"<li>{render.html(line)}</li>" for line in lines) + "</ul>")


SCHOOL_COMMANDS = [
    Command("school", "BEMIS|NAME",
            "A school's history: how it stands, since when it is functional, the last visits with "
            "their pictures, open cases, directives. A code or name that I do not know is answered "
            "with the nearest ones, to be tapped.",
            (), parse_school, do_school, render_school,
            examples=("school 07086", "school GBPS Thangao Hara", "school ۰۷۰۸۶")),
    Command("school import", "",
            "As a reply to a CSV file: takes the list of schools (codes, names, districts, "
            "coordinates …) from it, after you have said ✅; the whole file or, when a line is "
            "wrong, nothing of it.",
            ("upload", "load", "درآمد"), parse_import, do_import, render_import,
            examples=("school import",), role="officer", preview=preview_import),
]
