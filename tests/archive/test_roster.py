"""directory.csv: what it says, every problem by its line, taken whole or not at all; and who holds
what on which day, on both databases."""
from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from pathlib import Path

import pytest

from archive import directory, gazetteer_file, names, people, postings, posts, roster, roster_import
from archive.cases import Actor
from archive.db import open_database
from archive.model import Sender
from archive.postings import By, Taken
from archive.roster_import import Refused

AT = 1_795_000_000_000
TODAY = "2026-11-24"
BOOK = gazetteer_file.load()
CLERK = By(Actor("@ayesha:office.test", "Ayesha Khan"), AT, "$1")
HEAD = "post,place,name,phone,matrix,from,until,rank,under\n"
SIBI = """\
DEO,Sibi,Ghulam Haider,0300 5120011,,2016-05-09,,,
DEO,Sibi,Sajid Ali,+92 300 6010012,,2026-04-01,,,
DC,Sibi,Asmat Kurd,923004220023,,02-12-2024,,,
DOE(F),Sini,Gul Bano,,@gul:office.test,,,,
"""


def read(text: str) -> roster.Roster:
    return roster.read(text.encode(), BOOK)


async def take(db, text: str, by: By = CLERK):
    return await db.write(roster_import.take(read(text), BOOK, by, TODAY))


async def holder(db, post: str, day: str = TODAY) -> list[str]:
    return [each.person for each in await postings.holders(db, BOOK.post(post), day)]


@pytest.mark.parametrize(("line", "told"), [
    ("Deputy Comissioner,Sibi,A,,,,,,", "line 2: Deputy Comissioner is no post of the gazetteer; "
     "did you mean DC?"),
    ("DEO,Sbii,A,,,,,,", "line 2: Sbii is no district of the gazetteer; did you mean Sibi?"),
    ("DEO,,A,,,,,,", "line 2: DEO of which district? Fill in place"),
    ("Secretary,Sibi,A,,,,,,", "line 2: Secretary is at SED"),
    (",Sibi,A,,,,,,", "line 2: no post is named"),
    ("DEO,Sibi,A,,,31-09-2026,,,", "line 2: 31-09-2026 is a date that does not exist"),
    ("DEO,Sibi,A,,,last year,,,", "line 2: 'last year' is not a date; write 2026-04-01 or"),
    ("DEO,Sibi,A,,,2026-04-01,2026-03-01,,",
     "line 2: until 2026-03-01 is not after from 2026-04-01"),
    ("DEO,Sibi,A,12,,,,,", "line 2: 12 is no telephone number; write it as +92 300 1234567"),
    ("DEO,Sibi,A,9.23E+11,,,,,", "line 2: 9.23E+11 is no telephone number; a spreadsheet has"),
    ("DEO,Sibi,A,,gul,,,,", "line 2: gul is no Matrix id such as @name:example.org"),
    ("DEO,Sibi,A,,,,,high,", "line 2: rank must be a number from 1"),
    ("DEO,Sibi,A,,,,,,Boss", "line 2: Boss is no post"),
    ("DEO,Sibi,,,,2026-04-01,,,", "line 2: there are dates, but nobody who holds the post"),
    ("DEO,Sibi,A,,,,,,\nDEO,Sini,B,,,,,,", "line 3: DEO Sibi has two holders at once, A of line 2 "
     "and B; give from and until"),
    ("DEO,Sibi,A,,,2020-01-01,2026-01-01,,\nDEO,Sibi,B,,,2025-01-01,,,",
     "line 3: DEO Sibi has two holders at once"),
    ("DEO,Sibi,A,,,2020-01-01,,,\nDEO,Sibi,A,,,2021-01-01,,,",
     "line 3: A holds DEO Sibi since line 2 already"),
    ("DEO,Sibi,A,03005120011,,,,,\nDC,Sibi,B,+923005120011,,,,,",
     "line 3: +923005120011 is B here and A in line 2; one number is one person"),
    ("DEO,Sibi,A,,,,,7,\nDEO,Sibi,B,,,2026-01-01,,6,", "line 3: DEO Sibi has another rank or"),
])
def test_a_wrong_line_is_named(line: str, told: str) -> None:
    found = read(HEAD + line).problems
    assert any(problem.startswith(told) for problem in found), found


@pytest.mark.parametrize(("data", "told"), [
    (b"", "line 1: the first line must name the columns"),
    (b"name,phone\nA,1\n", "line 1: the first line must name the columns"),
    (b"post,colour\nDEO Sibi,red\n", "line 1: unknown column colour"),
    ("post\nDEO Sibi é".encode("latin-1"), "byte 14 is not UTF-8"),
    (b"PK\x03\x04\x00\x00", "this is not a CSV file"),
    (b'post,name\n"DEO Sibi,A\n', "line 2: DEO Sibi,A is no post of the gazetteer"),
    (b"post\n" + b"x" * 200_000, "line 2: cannot be read as CSV: field larger than"),
    (b"x" * 5_000_001, "the file is larger than 5 MB"),
])
def test_a_file_that_is_none(data: bytes, told: str) -> None:
    found = roster.read(data, BOOK).problems
    assert found[0].startswith(told)


def test_columns_in_any_order_and_of_a_spreadsheet() -> None:
    text = ("\ufeffName;Mobile;Designation;Since;District\r\n"
            "گل بانو;'۰۳۰۰۵۱۲۰۰۱۱;DEO;1-Apr-2026;سبی\r\n")
    [line] = read(text).lines
    assert (str(line.post), line.name, line.phone, line.since) == (
        "DEO Sibi", "گل بانو", "923005120011", "2026-04-01")
    again = roster.read(roster.write([line]), BOOK)
    assert again.problems == () and again.lines[0].phone == line.phone


def test_no_cell_that_is_written_is_a_formula() -> None:
    line = roster.Line(
        0, BOOK.post("DEO Sibi"), '=HYPERLINK("x")', "923005120011", "@a:office.test")
    cells = roster.write([line]).decode("utf-8-sig").splitlines()[1]
    assert "'=HYPERLINK" in cells and "'@a:office.test" in cells and "+92 300 5120011" in cells
    [read_again] = roster.read(roster.write([line]), BOOK).lines
    assert read_again.name == line.name and read_again.matrix == line.matrix


async def test_who_holds_a_post_on_a_day(database) -> None:
    taking = await take(database, HEAD + SIBI)
    assert taking.words() == "4 lines, 4 people: 4 postings added"
    assert await holder(database, "DEO Sibi", "2016-05-08") == []
    assert await holder(database, "DEO Sibi", "2026-03-31") == ["Ghulam Haider"]
    assert await holder(database, "DEO Sibi", "2026-04-01") == ["Sajid Ali"]
    assert await holder(database, "DOE(F) Sibi", "1990-01-01") == ["Gul Bano"]
    person = await directory.find(database, "pn", "923005120011")
    assert person.name == "Ghulam Haider"
    assert [(each.span, each.holds(TODAY)) for each in await postings.of_person(
        database, person.id)] == [("2016-05-09..2026-04-01", False)]
    held = await postings.on_day(database, TODAY)
    assert sorted(map(str, held)) == ["DC Sibi", "DEO Sibi", "DOE(F) Sibi"]
    assert (await take(database, HEAD + SIBI)).changes == ()  # a second time nothing changes


async def test_all_holders_of_a_class_on_a_day(database) -> None:
    await take(database, HEAD + SIBI + "DEO,Duki,Noor Khan,,,2019-01-01,,,\n")
    loralai = BOOK.group("All DEOs Loralai Division")
    found = await postings.of_group(database, BOOK, loralai, TODAY)
    assert [(str(post), [each.person for each in held]) for post, held in found.items()] == [
        ("DEO Barkhan", []), ("DEO Duki", ["Noor Khan"]), ("DEO Loralai", []),
        ("DEO Musakhel", [])]
    assert await postings.of_group(database, BOOK, loralai, "2020-01-01") == {}
    assert len(await postings.of_group(database, BOOK, BOOK.group("all DEOs"), TODAY)) == 37


async def test_one_problem_and_nothing_is_taken(database) -> None:
    await take(database, HEAD + SIBI)
    wrong = HEAD + "DEO,Kohlu,New Man,,,2026-01-01,,,\nDC,Sibi,Other,,,2024-12-02,,,\n"
    assert read(wrong).problems == ()  # only the archive knows
    with pytest.raises(Refused) as refused:
        await take(database, wrong)
    assert refused.value.problems == [
        "line 3: DC Sibi has two holders at once, Other and Asmat Kurd, who holds it since "
        "2024-12-02"]
    assert await holder(database, "DEO Kohlu") == []
    assert await people.listing(database, "New Man") == []
    loop = HEAD + "Director,PMC,,,,,,,Manager RTSM PMC\nManager RTSM,PMC,,,,,,,Director PMC\n"
    with pytest.raises(Refused, match=r"the line of authority runs in a loop: .* is under "):
        await take(database, loop)
    assert [each.name for each in await posts.every(database)] == [
        "DC Sibi", "DEO Sibi", "DOE(F) Sibi"]


async def test_a_trial_changes_nothing(database) -> None:
    taking = await roster_import.trial(database, read(HEAD + SIBI), BOOK, CLERK, TODAY)
    assert len(taking.changes) == 4
    assert await postings.every(database) == [] and not await postings.any_known(database)


async def test_a_transfer_ends_and_begins_and_every_change_is_kept(database) -> None:
    await take(database, HEAD + SIBI)
    haider = await directory.find(database, "pn", "923005120011")
    kohlu = await database.write(posts.ensure(BOOK.post("DEO Kohlu")))
    sajid = await directory.find(database, "pn", "923006010012")
    await database.write(postings.transfer(sajid.id, kohlu, "2026-09-01", CLERK))
    assert await holder(database, "DEO Sibi", "2026-09-01") == []
    assert await holder(database, "DEO Kohlu", "2026-09-01") == ["Sajid Ali"]
    sibi = (await posts.by_name(database, "DEO Sibi")).id
    await database.write(postings.assign(sibi, haider.id, "2026-10-01", None, CLERK))
    kept = await postings.changes(database, BOOK.post("DEO Sibi"))
    assert [(each.kind, each.person, each.before, each.after) for each in kept] == [
        ("assign", "Ghulam Haider", None, "2016-05-09..2026-04-01"),
        ("assign", "Sajid Ali", None, "2026-04-01.."),
        ("end", "Sajid Ali", "2026-04-01..", "2026-04-01..2026-09-01"),
        ("assign", "Ghulam Haider", None, "2026-10-01..")]
    assert kept[-1].actor == CLERK.actor and kept[-1].at == AT


async def test_successors_relieve_and_nobody_is_put_beside_a_holder(database) -> None:
    sibi = await database.write(posts.ensure(BOOK.post("DEO Sibi")))
    one, two = [await database.write(directory.ensure(Sender(pn=f"92300000000{n}"), AT))
                for n in (1, 2)]

    async def assign(person, since, until=None, several=False):
        return await database.write(postings.assign(
            sibi, person, since, until, CLERK, several=several))
    await assign(one, "2025-01-01")
    changed = await assign(two, "2026-01-01")
    assert [(each.kind, each.person_id, each.after) for each in changed] == [
        ("end", one, "2025-01-01..2026-01-01"), ("assign", two, "2026-01-01..")]
    with pytest.raises(Taken) as taken:
        await assign(one, "2026-01-01")  # two from one day
    assert taken.value.posting.person_id == two
    with pytest.raises(Taken):
        await assign(one, "2026-03-01", "2026-05-01")  # within another's time
    assert [c.after for c in await assign(one, "", "2020-01-01")] == ["..2020-01-01"]
    await database.write(postings.vacate(sibi, "2026-01-01", CLERK))  # taken back
    assert await postings.holders(database, BOOK.post("DEO Sibi"), TODAY) == []
    await assign(one, "2026-01-01", several=True)
    await assign(two, "2026-01-01", several=True)
    assert len(await postings.holders(database, BOOK.post("DEO Sibi"), TODAY)) == 2


async def test_a_person_by_name_gets_the_number_later(database) -> None:
    await take(database, "post,name\nDEO Sibi,Gul Khan\n")
    await take(database, "post,name,phone\nDEO Sibi,Gul Khan,03005120011\n")
    [card] = await people.listing(database, "Gul Khan")
    assert card.person.pn == "923005120011"
    assert await holder(database, "DEO Sibi") == ["Gul Khan"]
    await take(database, "post,name,phone\nDEO Kohlu,Gul Khan,03005120012\n")  # another one
    with pytest.raises(Refused, match="line 2: 2 people are called Gul Khan; give the phone"):
        await take(database, "post,name\nDEO Ziarat,Gul Khan\n")


async def test_two_persons_that_become_one_keep_their_postings(database) -> None:
    await take(database, HEAD + SIBI)
    gul = await directory.find(database, "mxid", "@gul:office.test")
    await database.write(directory.same(
        Sender(lid="777"), Sender(mxid="@gul:office.test"), AT))
    found = await directory.find(database, "lid", "777")
    assert found.name == "Gul Bano" and await holder(database, "DOE(F) Sibi") == ["Gul Bano"]
    assert gul.id != found.id or found.mxid


async def test_the_offices_name_for_a_person_wins(database) -> None:
    person = await database.write(directory.ensure(
        Sender(pn="923005120011", push_name="DEO Sibi Haider"), AT))
    await take(database, HEAD + SIBI)
    assert (await directory.person(database, person)).name == "Ghulam Haider"
    assert {each.kind for each in await names.of_person(database, person)} == {"push", "office"}


async def test_what_is_given_out_can_be_taken_in(database) -> None:
    await take(database, HEAD + SIBI + "Director,PMC,,,,,,3,\n")
    data = await roster_import.export(database)
    found = roster.read(data, BOOK)
    assert found.problems == () and len(found.lines) == 5
    assert (await database.write(roster_import.take(found, BOOK, CLERK, TODAY))).changes == ()
    assert data.startswith("\ufeffpost,place,name".encode())


async def test_the_file_is_read_at_a_start_when_it_has_changed(database, tmp_path: Path) -> None:
    path = tmp_path / "directory.csv"
    path.write_text(HEAD + SIBI)
    assert await roster_import.load(database, path, BOOK, AT, TODAY) == []
    sibi = (await posts.by_name(database, "DEO Sibi")).id
    await database.write(postings.vacate(sibi, "2026-08-01", CLERK))
    assert await roster_import.load(database, path, BOOK, AT, TODAY) == []
    assert await holder(database, "DEO Sibi") == []  # what was commanded since stands
    path.write_text(HEAD + SIBI + "DEO,Kohlu,Mir Hazar,,,2026-08-01,,,\n")
    assert await roster_import.load(database, path, BOOK, AT, TODAY) == []
    assert await holder(database, "DEO Sibi") == []  # the file is silent about it
    assert await holder(database, "DEO Kohlu") == ["Mir Hazar"]
    path.write_text(HEAD + "DEO,Kohlu,Mir Hazar,,,2026-02-31,,,\n")
    assert await roster_import.load(database, path, BOOK, AT, TODAY) == [
        "line 2: 2026-02-31 is a date that does not exist"]
    assert await roster_import.load(database, tmp_path / "no", BOOK, AT, TODAY) == [
        "cannot be read: No such file or directory"]


async def test_what_is_shipped_can_be_taken(database) -> None:
    assert await roster_import.load(database, roster_import.SHIPPED, BOOK, AT, TODAY) == []
    assert {each.name for each in await posts.every(database)} >= {"Director PMC"}
    assert await postings.every(database) == []


async def test_a_roster_of_the_corpus_can_be_taken(database) -> None:
    """It has `since` and no `until`: who is followed held it until then."""
    path = Path(__file__).parents[2] / "emulator" / "demo" / "seed" / "roster.csv"
    found = roster.read(path.read_bytes(), BOOK)
    assert found.problems == ()
    await database.write(roster_import.take(found, BOOK, CLERK, TODAY))
    assert await holder(database, "Secretary SED")


async def test_a_whole_province_is_taken_in_good_time(database) -> None:
    lines = [f"{kind},{place.name},Officer {kind} {place.name},{923100000000 + n},,2024-01-01,,,"
             for n, (kind, place) in enumerate(
                 (kind, place) for kind in ("DEO", "DC", "DMC", "DOE(F)", "DDOE(M)", "ADC", "XEN")
                 for place in BOOK.places.values() if place.sort == "district")]
    await take(database, HEAD + "\n".join(lines))
    assert len(await postings.every(database)) == 7 * 37
    day = await postings.of_people(database, range(1, 300), TODAY)
    assert len(day) == 259


def test_the_example_of_the_documentation_is_right_and_names_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "directory.md").read_text(encoding="utf-8")
    found = read(page.split("```csv\n")[1].split("```")[0])
    assert found.problems == () and len(found.lines) == 4
    assert all(f"`{column}`" in page for column in roster.COLUMNS)


async def test_whatever_is_commanded_a_post_has_one_holder_and_the_rows_tell_all(database) -> None:
    """A thousand random postings, transfers and vacancies."""
    chance = random.Random(7)
    kinds = [await database.write(posts.ensure(BOOK.post(f"DEO {place}")))
             for place in ("Sibi", "Kohlu", "Ziarat")]
    officers = [await database.write(directory.ensure(Sender(pn=f"92300000000{n}"), AT))
                for n in range(5)]

    def day() -> str:
        return f"20{chance.randrange(20, 30)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}"
    for _ in range(1000):
        post, officer, since = chance.choice(kinds), chance.choice(officers), day()
        unit = chance.choice([
            lambda p=post, o=officer, s=since: postings.assign(p, o, s, None, CLERK),
            lambda p=post, o=officer, s=since: postings.assign(p, o, s, max(s, day()), CLERK)
            if s < "2029" else postings.vacate(p, s, CLERK),
            lambda p=post, o=officer, s=since: postings.transfer(o, p, s, CLERK),
            lambda p=post, s=since: postings.vacate(p, s, CLERK)])
        with contextlib.suppress(Taken):
            await database.write(unit())
    every = await postings.every(database)
    for one, other in itertools.combinations(every, 2):
        assert one.post != other.post or (one.until or "9999") <= other.since or (
            other.until or "9999") <= one.since, (one, other)
    for post in {each.post for each in every}:
        told: list[tuple[int, str]] = []
        for change in await postings.changes(database, post):
            if change.before is not None:
                told.remove((change.person_id, change.before))
            if change.after is not None:
                told.append((change.person_id, change.after))
        assert sorted(told) == sorted(
            (each.person_id, each.span) for each in every if each.post == post)


async def test_two_processes_that_start_together_take_the_file_once(
        database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "directory.csv"
    path.write_text(HEAD + SIBI + "DEO,Kohlu,Without Number,,,,,,\n")
    both = [await open_database(database_url) for _ in range(2)]
    try:
        done = await asyncio.gather(*(
            roster_import.load(db, path, BOOK, AT, TODAY) for db in both))
        assert done == [[], []]
        assert len(await postings.every(both[0])) == 5
        assert len(await people.listing(both[0], "Without Number")) == 1
    finally:
        for db in both:
            await db.close()
