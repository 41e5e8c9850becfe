"""`!who`: a post and its holders, a person and their posts, all who hold a post in a division."""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archive import days, directory, people, postings, posts
from archive.db import Unit
from archive.gazetteer import Gazetteer, Group, PostName
from archive.people import PersonCard
from archive.postings import Posting
from archive.posts import Authority
from bot import render
from bot.commands import naming
from bot.commands.base import (
    Answer,
    Call,
    Command,
    Mistake,
    Request,
    Say,
    Tools,
    result,
)
from nlp import words as texts

SHOWN = 10  # people of one name
GROUPS = 20  # of a person
_ON = re.compile(r"\s+on\s+(\S.*)$", re.I)


@dataclass(frozen=True)
class Question:
    """Whom or what, and on which day."""

    text: str
    day: str
    call: Call


@dataclass(frozen=True)
class Holders:
    """A post: who held it, who is over it; `people` by id."""

    post: PostName
    title: str
    day: str
    postings: Sequence[Posting]
    people: dict[int, str]  # id → how to reach
    superiors: Sequence[PostName]


@dataclass(frozen=True)
class Someone:
    """A person: addresses, names, posts, and the groups that who asks is in as well."""

    card: PersonCard
    day: str
    postings: Sequence[Posting]
    groups: Sequence[str]
    others: int


@dataclass(frozen=True)
class Many:
    """Lines of what was found, each (post or name, holder, how to reach)."""

    head: str
    rows: Sequence[tuple[str, str, str]] = field(default_factory=tuple)


def parse_who(call: Call, request: Request) -> Question:
    """A post, a class of posts, a number, a Matrix id or a name; perhaps `on DATE`."""
    text, day = texts.one_line(call.rest), naming.today(request)
    if found := _ON.search(text):
        day, text = naming.read_day(found[1], request, call.command), text[:found.start()].strip()
    if not text:
        raise Mistake("Who? Give a post, a number or a name.", call.command)
    return Question(text, day or naming.today(request), call)


async def do_who(tools: Tools, request: Request, question: Question
                 ) -> Unit[Holders | Someone | Many]:
    """Look it up."""
    book = naming.book_of(tools)
    if group := book.group(question.text):
        return result(await _group(tools, book, group, question))
    known = {str(each.post).casefold(): each.post for each in await posts.every(tools.db)}
    post = known.get(question.text.casefold()) or book.post(question.text)
    if post:
        return result(await _post(tools, book, post, question.day))
    return result(await _person(tools, request, book, question))


async def _group(tools: Tools, book: Gazetteer, group: Group, question: Question) -> Many:
    found = await postings.of_group(tools.db, book, group, question.day)
    reach = await _reach(tools, [each for held in found.values() for each in held])
    rows = []
    for post, held in found.items():
        rows += [(str(post), each.person, reach[each.person_id])
                 for each in held] or [(str(post), "", "")]
    place = f", {group.place}" if group.place else ""
    return Many(f"All {group.kind}{place}, {_day(question.day)} ({len(found)})", rows)


async def _post(tools: Tools, book: Gazetteer, post: PostName, day: str) -> Holders:
    found = await postings.of_post(tools.db, post)
    rule = Authority(book, await posts.every(tools.db))
    kind = book.kinds.get(post.kind)
    return Holders(post, kind.title if kind else "", day, found, await _reach(tools, found),
                   rule.superiors(post, day))


async def _person(tools: Tools, request: Request, book: Gazetteer, question: Question
                  ) -> Someone | Many:
    text, db = question.text, tools.db
    someone = None
    if any(sign in text for sign in "+@0123456789۰۱۲۳۴۵۶۷۸۹") or request.mentions:
        someone = await naming.person(tools, request, text, question.call, "who {person}")
        if someone.id is None:
            raise Mistake(f"I know nobody with {render.isolate(text)}.")
        ids = [someone.id]
    else:
        ids = [each.id for each in (await naming.named(db, text))[0]]
    if len(ids) == 1:
        return await _card(tools, request, ids[0], question.day)
    if not ids:
        if near := book.nearest(text):
            raise Mistake(f"I know no post and nobody called {render.isolate(text)!r}; did you "
                          f"mean {near[0]}?", None, f"who {near[0]}")
        await naming.person(tools, request, text, question.call, "who {person}")  # says what else
    held = await postings.of_people(db, ids, question.day)
    known = await directory.persons(db, ids[:SHOWN])
    more = f", the first {SHOWN} shown" if len(ids) > SHOWN else ""
    return Many(f"{len(ids)} people{more}", [
        (known[each].name, ", ".join(str(one.post) for one in held.get(each, ())),
         naming.address(known[each])) for each in ids[:SHOWN] if each in known])


async def _card(tools: Tools, request: Request, person_id: int, day: str) -> Someone:
    found = await people.card(tools.db, person_id)
    assert found is not None
    card, groups = found
    shown = []
    for chat_id, name, _ in groups[:GROUPS]:
        chat = await directory.chat(tools.db, chat_id)
        if chat and chat.room_id and (
                chat.room_id == request.room_id
                or await tools.matrix.is_joined(chat.room_id, request.actor.mxid)):
            shown.append(name)
    return Someone(card, day, await postings.of_person(tools.db, person_id), shown,
                   len(groups) - len(shown))


async def _reach(tools: Tools, found: Sequence[Posting]) -> dict[int, str]:
    known = await directory.persons(tools.db, {each.person_id for each in found})
    return {each.id: naming.address(each) for each in known.values()}


# Words


def render_who(found: Holders | Someone | Many, request: Request) -> list[Say]:
    """What was found."""
    match found:
        case Holders():
            lines = _post_lines(found, request)
        case Someone():
            lines = _person_lines(found)
        case _:
            return [listed(found)]
    text = "\n".join(f"{name}: {value}" if name else value for name, value in lines)
    markup = "<br>".join(f"{render.html(name)}: <strong>{render.html(value)}</strong>" if name
                         else f"<strong>{render.html(value)}</strong>" for name, value in lines)
    return [Answer(text, markup)]


def listed(found: Many) -> Answer:
    """A list of posts or people: as many lines as fit."""
    def build(count: int) -> tuple[str, str]:
        rows = found.rows[:count]
        more = f"\nand {len(found.rows) - count} more" if count < len(found.rows) else ""
        text = [found.head, *("• " + " · ".join(filter(None, (
            render.isolate(first), render.isolate(second) or "vacant", third)))
            for first, second, third in rows)]
        cells = [(first, second or "vacant", third) for first, second, third in rows]
        return ("\n".join(text) + more, f"<p><strong>{render.html(found.head)}</strong></p>"
                f"{render.table(('', '', ''), cells)}{render.html(more.strip())}")
    return Answer(*render.fitting(build, len(found.rows)))


def _post_lines(found: Holders, request: Request) -> list[tuple[str, str]]:
    title = f" ({found.title})" if found.title != found.post.kind else ""
    lines = [("", f"{found.post}{title}")]
    now = [each for each in found.postings if each.holds(found.day)]
    on = "Now" if found.day == naming.today(request) else _day(found.day).capitalize()
    for each in now:
        reach = found.people[each.person_id]
        lines.append((on, f"{render.isolate(each.person)}{f', {reach}' if reach else ''}, "
                      f"{naming.span(each, found.day)}"))
    if not now:
        lines.append((on, "nobody holds it"))
    lines += _rest(found.postings, found.day, lambda each: render.isolate(each.person))
    if found.superiors:
        lines.append(("Under", ", ".join(map(str, found.superiors))))
    return lines


def _person_lines(found: Someone) -> list[tuple[str, str]]:
    card, lines = found.card, [("", render.isolate(found.card.person.name))]
    for each in reversed([each for each in found.postings if each.holds(found.day)]):
        lines.append(("Post", f"{each.post}, {naming.span(each, found.day)}"))
    lines += _rest(found.postings, found.day, lambda each: str(each.post))
    numbers = [f"+{value}" for kind, value in card.addresses if kind == "pn"]
    matrix = [value for kind, value in card.addresses if kind == "mxid"]
    others = list(dict.fromkeys(
        name.value for name in card.names if name.value != card.person.name))[:SHOWN]
    facts = [("Number", ", ".join(numbers)), ("Matrix", ", ".join(matrix)),
             ("Also called", ", ".join(map(render.isolate, others))),
             ("Groups", ", ".join(map(render.isolate, found.groups))
              + (f" and {found.others} where you are not" if found.others else ""))]
    return [*lines, *((name, value.strip()) for name, value in facts if value.strip())]


def _rest(found: Sequence[Posting], day: str, who: Callable[[Posting], str]
          ) -> list[tuple[str, str]]:
    before = [each for each in found if (each.until or days.FOREVER) <= day]
    after = [each for each in found if each.since > day]
    return [(name, "; ".join(f"{who(each)}, {naming.span(each, day)}" for each in some))
            for name, some in (("Then", after), ("Before", before[::-1][:SHOWN])) if some]


def _day(day: str) -> str:
    return f"on {days.shown(day)}"


WHO_COMMANDS = [
    Command("who", "POST|NUMBER|NAME [on DATE]",
            "Who holds a post, now or on another day, and who held it before; or what is known of "
            "a person: posts, number, Matrix id, groups. “All DEOs Makran Division” lists them.",
            (), parse_who, do_who, render_who,
            examples=("who DEO Sibi", "who +923001234567", "who All DEOs Makran Division",
                      "who DC Loralai on 1 Jan 2021")),
]
