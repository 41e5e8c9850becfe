"""Which post, which person and which day a command means: as written, or asked about, never
assumed."""
from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import datetime

from archive import days, directory, fold, gazetteer_file, names, people, postings, posts, roster
from archive.db import Database, Unit
from archive.gazetteer import Gazetteer, PostName
from archive.model import Person, Sender
from archive.postings import Posting
from bot import render
from bot.commands.base import Call, Command, Mistake, Request, Tools, Unclear
from nlp import deadlines
from nlp import words as texts

MATCHES = 5  # people that are offered when a name is several people's
_NUMBER = re.compile(r"\+?[\d۰-۹٠-٩][\d۰-۹٠-٩ ().-]{6,20}[\d۰-۹٠-٩]")
_MXID = re.compile(r"@[^:\s]+:\S+")
_FROM = re.compile(r"(?:^|\s)(?:from|since|w\.?e\.?f\.?)\s+(\S.*)$", re.I | re.S)
_SE = re.compile(r"(?:^|\s)([\d۰-۹]{1,4}[-/.][\d۰-۹]{1,2}[-/.][\d۰-۹]{1,4}|آج)\s+سے\s*$")
_TO = re.compile(r"^(?:to|is|=|:|کو)\s+|\s+(?:to|as|کو)$", re.I)
UNKNOWN = ("unknown", "long ago", "معلوم نہیں")  # days that nobody remembers


@dataclass(frozen=True)
class Someone:
    """A person whom a command means: one who is known, or one to be made of number or Matrix id."""

    name: str
    id: int | None = None
    sender: Sender | None = None

    def ensure(self, at: int) -> Unit[int]:
        """The person's id."""
        if self.id is not None:
            return self.id
        assert self.sender is not None
        person_id = yield from directory.ensure(self.sender, at)
        if self.name:
            yield from names.add(person_id, "office", self.name, at)
        return person_id


def book_of(tools: Tools) -> Gazetteer:
    """The department's gazetteer. Raises Mistake when its file is wrong."""
    try:
        return gazetteer_file.load(tools.config.directory.gazetteer)
    except gazetteer_file.GazetteerError as error:
        raise Mistake(f"The gazetteer cannot be used: {error}. The administrator finds more with "
                      "`daftar check`.") from None


def today(request: Request) -> str:
    """The day of a request at the office."""
    return datetime.fromtimestamp(request.at / 1000, request.zone).date().isoformat()


# Days


def take_day(text: str, request: Request, command: Command) -> tuple[str, str]:
    """(what stands before `from DATE`, the day), today when none is named; "" for a day that nobody
    remembers (`from unknown`). Raises Mistake."""
    found = _FROM.search(text) or _SE.search(text)
    if found is None:
        return text, today(request)
    return text[:found.start()].strip(" ,"), read_day(found[1], request, command)


def read_day(text: str, request: Request, command: Command) -> str:
    """A day as a person writes it. Raises Mistake."""
    words = texts.one_line(text)
    if words.casefold() in UNKNOWN:
        return ""
    try:
        return days.read(words)
    except ValueError as error:
        wrong = str(error)
    now = datetime.fromtimestamp(request.at / 1000, request.zone)
    try:
        said = deadlines.parse_date(words, now, request.calendar).said
    except deadlines.DateError:
        said = ""
    if not said:
        raise Mistake(f"{wrong[:1].upper()}{wrong[1:]}.", command)
    return said[:10]


# Posts


async def take_post(tools: Tools, text: str, call: Call, order: str = "{post} {rest}"
                    ) -> tuple[PostName, str]:
    """The post that a text begins with, and the rest. Raises Mistake with the nearest one; `order`
    is what the command would be with it."""
    book = book_of(tools)
    if found := book.take_post(text):
        return found[0], _TO.sub("", found[1]).strip(" ,")
    words = fold.words(text)
    for each in sorted(await posts.every(tools.db), key=lambda each: -len(each.name)):
        named = fold.tokens(each.name)
        if named == [word.folded for word in words[:len(named)]]:
            return each.post, text[words[len(named) - 1].end:].strip(" ,:")
    for cut in (",", " to ", " کو "):
        before, divided, after = text.partition(cut)
        if divided and (post := book.post(before)):
            return post, after.strip()
    raise _no_post(book, text, call, order)


async def last_post(tools: Tools, text: str, call: Call) -> tuple[str, PostName]:
    """(what stands before it, the post that a text ends with). Raises Mistake."""
    book = book_of(tools)
    words = texts.one_line(text).split()
    for start in range(1, len(words)):
        post = book.post(" ".join(words[start:]))
        if post is not None:
            return _TO.sub("", " ".join(words[:start])).strip(" ,"), post
    near = _closest(book, [(" ".join(words[start:]), " ".join(words[:start]))
                           for start in range(max(1, len(words) - 4), len(words))])
    if near is None:
        raise Mistake("To which post? Write it as it is called, such as DEO Sibi.", call.command)
    post, before = near
    raise Mistake(f"I know no post {texts.shorten(' '.join(words), 60)!r}; did you mean {post}?",
                  call.command, f"{call.command.name} {_TO.sub('', before).strip(' ,')} {post}")


def _no_post(book: Gazetteer, text: str, call: Call, order: str) -> Mistake:
    words = texts.one_line(text).split()
    shown = texts.shorten(" ".join(words), 60)
    near = _closest(book, [(" ".join(words[:length]), " ".join(words[length:]))
                           for length in range(min(len(words), 4), 0, -1)])
    if near is None:
        return Mistake(f"I know no post {shown!r}; write it as it is called, such as DEO Sibi.",
                       call.command)
    post, rest = near
    command = order.replace("{post}", str(post)).replace("{rest}", rest).strip()
    return Mistake(f"I know no post {shown!r}; did you mean {post}?", call.command,
                   f"{call.command.name} {command}")


def _closest(book: Gazetteer, ways: list[tuple[str, str]]) -> tuple[PostName, str] | None:
    """Of ways to part a text (post, the rest), the one whose post is most like one that is."""
    found = [(difflib.SequenceMatcher(None, str(post).casefold(), written.casefold()).ratio(),
              post, rest) for written, rest in ways for post in book.nearest(written)]
    return max(found, key=lambda each: each[0])[1:] if found else None


# People


async def person(tools: Tools, request: Request, text: str, call: Call, order: str) -> Someone:
    """The person that a text names: a pill, a Matrix id, a number (with a name, when new), or a
    name. Raises Mistake, and Unclear when several have that name; `order` is the command with
    {person} for who is meant."""
    db, text = tools.db, texts.one_line(text).strip(" ,:")
    if match := _MXID.search(text):
        return await _by_mxid(db, match[0], text.replace(match[0], " "))
    if len(request.mentions) == 1:
        return await _by_mxid(db, request.mentions[0], "")
    if match := _NUMBER.search(text):
        phone = roster.phone_of(match[0], book_of(tools).country_code)
        if phone:
            known = await directory.find(db, "pn", phone)
            name = texts.one_line(text.replace(match[0], " ")).strip(" ,:()")
            return Someone(known.name, known.id) if known else Someone(
                name, sender=Sender(pn=phone))
    if not text:
        raise Mistake("Who? Give a name, a number or a Matrix id.", call.command)
    found, exact = await named(db, text)
    if len(found) == 1 and (exact or not address(found[0])):
        return Someone(found[0].name, found[0].id)
    if len(found) > 1:
        raise Unclear(f"{len(found)} people are called {render.isolate(text)}.", [
            (await described(db, each, today(request)), order.replace("{person}", address(each)))
            for each in found[:MATCHES] if address(each)])
    near = found[0] if found else await _nearest(db, text)
    if near is not None and address(near):
        raise Mistake(f"I know nobody called {render.isolate(text)}; did you mean "
                      f"{render.isolate(near.name)}?", call.command,
                      order.replace("{person}", address(near)))
    raise Mistake(f"I know nobody called {render.isolate(texts.shorten(text, 60))}. Give the "
                  "number as well: +92 300 1234567 and the name.", call.command)


async def named(db: Database, text: str) -> tuple[list[Person], bool]:
    """(the persons whom a name may mean, whether it is just their name): else they have it in one
    of theirs, and it is not sure that they are meant."""
    cards = await people.listing(db, text, limit=50)
    wanted = texts.fold(text)
    exact = [card.person for card in cards
             if wanted in {texts.fold(card.person.name), *(texts.fold(n.value)
                                                         for n in card.names)}]
    return exact or [card.person for card in cards], bool(exact)


async def _nearest(db: Database, text: str) -> Person | None:
    cards = await people.listing(db, limit=2000)
    by_name = {texts.fold(card.person.name): card.person for card in cards}
    close = difflib.get_close_matches(texts.fold(text), list(by_name), 1, 0.75)
    return by_name[close[0]] if close else None


async def _by_mxid(db: Database, mxid: str, name: str) -> Someone:
    known = await directory.find(db, "mxid", mxid) or await directory.find(db, "ghost", mxid)
    if known:
        return Someone(known.name, known.id)
    return Someone(texts.one_line(name).strip(" ,:"), sender=Sender(mxid=mxid))


def address(known: Person) -> str:
    """What names a person and nobody else; "" when only the name is known."""
    return f"+{known.pn}" if known.pn else known.mxid or known.ghost or ""


async def described(db: Database, known: Person, day: str) -> str:
    """`Ghulam Haider, +923005120011, DEO Sibi`"""
    held = (await postings.of_people(db, [known.id], day)).get(known.id, [])
    parts = [render.isolate(known.name), address(known), *(str(each.post) for each in held)]
    return ", ".join(dict.fromkeys(part for part in parts if part))


# Words


def span(posting: Posting, day: str) -> str:
    """`since 9 May 2016`, `9 May 2016 to 1 Apr 2026`, `from 1 Dec 2026`."""
    since, until = posting.since, posting.until
    if until and since:
        return f"{days.shown(since)} to {days.shown(until)}"
    if until:
        return f"until {days.shown(until)}"
    if not since:
        return "since when is not known"
    return f"{'from' if since > day else 'since'} {days.shown(since)}"
