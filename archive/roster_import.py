"""Taking a directory.csv into the archive, whole or not at all, and giving one out.

A directory that is half taken would send orders to the wrong holder: one problem, and nothing of
the file is taken. What stands in the archive and not in the file stays.
"""
from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from archive import directory, names, postings, posts, settings
from archive.cases import Actor
from archive.db import Database, Unit
from archive.gazetteer import Gazetteer, PostName
from archive.model import Sender
from archive.postings import By, Change, Posting, Taken
from archive.posts import Authority, Post
from archive.roster import Line, Roster, read, write

log = logging.getLogger("daftar.archive")

SHIPPED = Path(__file__).parent / "data" / "directory.csv"
LOADED = "directory.loaded"  # setting: SHA-256 of the file that was taken last at a start


class Refused(Exception):
    """The file is not taken; `problems` are sentences, most of them with their line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Taking:
    """What taking a file changes: postings, and how many lines and people it names."""

    lines: int
    people: int
    changes: tuple[Change, ...]

    def words(self) -> str:
        """`56 lines, 41 people: 12 postings begin, 3 end, …`"""
        counted = Counter(change.kind for change in self.changes)
        done = [f"{counted[kind]} {'posting' if counted[kind] == 1 else 'postings'} {what}"
                for kind, what in (("assign", "added"), ("end", "ended"), ("change", "changed"),
                                   ("remove", "taken back")) if counted[kind]]
        size = (f"{self.lines} {'line' if self.lines == 1 else 'lines'}, {self.people} "
                f"{'person' if self.people == 1 else 'people'}")
        return f"{size}: {', '.join(done) or 'all stands in the directory already'}"


class _Tried(Exception):
    """Carries out of a transaction what it would have done; that it is raised undoes it."""

    def __init__(self, taking: Taking) -> None:
        super().__init__()
        self.taking = taking


def take(roster: Roster, book: Gazetteer, by: By, day: str) -> Unit[Taking]:
    """Put a file into the directory. `day`: today, on which the line of authority is looked at.
    Raises Refused, and then nothing of it is taken."""
    if roster.problems:
        raise Refused(list(roster.problems))
    yield from postings.turn(by.at)
    problems: list[str] = []
    changes: list[Change] = []
    people: set[int] = set()
    for line in sorted(roster.lines, key=lambda line: line.since):
        try:
            post_id = yield from _post(line, book)
            if line.person:
                person_id = yield from _person(line, by.at)
                people.add(person_id)
                changes += yield from _posting(line, post_id, person_id, book, by)
        except Taken as taken:
            problems.append(f"line {line.number}: {_taken(taken, line)}")
        except _Ambiguous as error:
            problems.append(f"line {line.number}: {error}")
    rows = yield "SELECT id, name, kind, place, rank, under FROM post", ()
    special = [Post(*(row[name] for name in ("id", "name", "kind", "place", "rank", "under")))
               for row in rows]
    if found := Authority(book, special).loop(day):
        problems.append("the line of authority runs in a loop: "
                        + " is under ".join(map(str, found)))
    if problems:
        raise Refused(problems)
    return Taking(len(roster.lines), len(people), tuple(changes))


async def trial(db: Database, roster: Roster, book: Gazetteer, by: By, day: str) -> Taking:
    """What `take` would do; nothing is changed. Raises Refused."""
    def unit() -> Unit[Taking]:
        raise _Tried((yield from take(roster, book, by, day)))
    try:
        return await db.write(unit())
    except _Tried as tried:
        return tried.taking


class _Ambiguous(Exception):
    """Several persons have the name, and the file gives no number."""


def _post(line: Line, book: Gazetteer) -> Unit[int]:
    post_id = yield from posts.ensure(line.post)
    if line.rank is not None or line.under:
        usual = book.kinds[line.post.kind].rank
        yield from posts.describe(
            post_id, line.rank if line.rank != usual else None, line.under)
    return post_id


def _person(line: Line, at: int) -> Unit[int]:
    """The person of a line: by number or Matrix id, else by the name the office has for one."""
    rows = yield (
        "SELECT DISTINCT n.person_id AS id, (SELECT count(*) FROM identifier i"
        " WHERE i.person_id = n.person_id) AS known FROM person_name n"
        " WHERE n.kind = 'office' AND n.value = ?", (line.name,))
    if line.phone or line.matrix:
        person_id = yield from directory.ensure(
            Sender(pn=line.phone or None, mxid=line.matrix or None), at)
        unknown = [row["id"] for row in rows if not row["known"]]
        if len(unknown) == 1 and unknown[0] != person_id:  # now the number of that person is known
            yield from directory.merge(person_id, unknown[0])
    elif len(rows) > 1:
        raise _Ambiguous(f"{len(rows)} people are called {line.name}; give the phone number")
    elif rows:
        return rows[0]["id"]
    else:
        made = yield "INSERT INTO person (created_at) VALUES (?) RETURNING id", (at,)
        person_id = made[0]["id"]
    if line.shown:
        yield from names.add(person_id, "contact", line.shown, at)
    if line.name:
        yield from names.add(person_id, "office", line.name, at)
    return person_id


def _posting(line: Line, post_id: int, person_id: int, book: Gazetteer, by: By
             ) -> Unit[list[Change]]:
    until = line.until
    if until is None:  # a file that is silent does not take back that somebody left
        rows = yield ("SELECT until FROM posting WHERE post_id = ? AND person_id = ? AND since = ?",
                      (post_id, person_id, line.since))
        until = rows[0]["until"] if rows else None
    several = book.kinds[line.post.kind].several
    return (yield from postings.assign(
        post_id, person_id, line.since, until, by, several=several))


def _taken(taken: Taken, line: Line) -> str:
    held = taken.posting
    since = f" since {held.since}" if held.since else ""
    until = f" until {held.until}" if held.until else ""
    return (f"{line.post} has two holders at once, {line.name or line.person} and "
            f"{held.person}, who holds it{since}{until}")


async def load(db: Database, path: Path, book: Gazetteer, at: int, day: str) -> list[str]:
    """At a start: take the file when it is another than the last time; what is wrong with it. Then
    nothing of it is taken, and the directory stays as it stands."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    digest = hashlib.sha256(data).hexdigest()
    if await settings.get(db, LOADED) == digest:
        return []
    roster = read(data, book)

    def unit() -> Unit[Taking | None]:
        yield from postings.turn(at)
        rows = yield "SELECT value FROM setting WHERE name = ?", (LOADED,)
        if rows and rows[0]["value"] == digest:
            return None  # another process was faster
        taking = yield from take(roster, book, By(Actor("", path.name), at), day)
        yield from settings.put(LOADED, digest)
        return taking
    try:
        taking = await db.write(unit())
    except Refused as refused:
        return refused.problems
    if taking is not None:
        log.info("%s is taken into the directory: %s", path, taking.words())
    return []


async def export(db: Database) -> bytes:
    """The whole directory as a file that `read` takes: all postings, and the posts that nobody ever
    held."""
    held = await postings.every(db)
    known = {each.post: each for each in await posts.every(db)}
    people = await directory.persons(db, {each.person_id for each in held})
    lines = [_line(each, known[each.post], people[each.person_id].pn,
                   people[each.person_id].mxid) for each in held]
    filled = {each.post for each in held}
    lines += [Line(0, each.post, rank=each.rank, under=each.under)
              for each in known.values() if each.post not in filled]
    return write(sorted(lines, key=lambda line: (line.post, line.since)))


def _line(posting: Posting, post: Post, pn: str | None, mxid: str | None) -> Line:
    name = "" if posting.person == f"+{pn}" else posting.person
    return Line(0, PostName(*posting.post), name, pn or "", mxid or "", posting.since,
                posting.until, post.rank, post.under)
