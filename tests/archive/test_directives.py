"""Directives, what is done to them and what comes of it in the report, on SQLite and PostgreSQL."""
from __future__ import annotations

import asyncio
import io
import re
import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import pypdf
import pytest

from archive import (
    answers,
    compliance,
    directing,
    directives,
    directory,
    gazetteer_file,
    postings,
    posts,
)
from archive.answers import Answering
from archive.cases import Actor
from archive.compliance import Period
from archive.db import Database
from archive.directing import By, Charged, Refused
from archive.directives import Directive, Filter, Finding, Heard
from archive.model import Sender
from archive.offices import Directory
from archive.paper import chart, pdf, sheet

AYESHA = Actor("@ayesha:office.test", "Ayesha Khan")
ZONE = ZoneInfo("Asia/Karachi")
ROOM = "!room:office.test"
DAY = 86_400_000
MORNING = int(datetime(2026, 11, 2, 9, tzinfo=ZONE).timestamp() * 1000)
ALL = Period(MORNING - DAY, MORNING + 40 * DAY, "November 2026")


def heard(event_id: str, at: int = MORNING, text: str = "DEO Sibi. Pl look into the issue."
          ) -> Heard:
    return Heard(event_id, ROOM, "@wa_1:office.test", "Nadia Kasi, Secretary", at, text)


def by(at: int = MORNING + 1, event_id: str = "$c") -> By:
    return By(AYESHA, at, event_id)


async def given(db: Database, event_id: str, *posts: str, at: int = MORNING,
                due_at: int | None = None) -> Directive:
    """A confirmed order."""
    [row] = await db.write(directing.propose(
        heard(event_id, at), [Finding(event_id, posts, "look into the issue", due_at)], by(at)))
    return await db.write(directing.confirm(row, 2026, [
        Charged(post, post.split()[-1], f"Holder of {post}") for post in posts], by(at)))


async def test_a_proposal_becomes_an_order_with_a_number(database: Database) -> None:
    found = [Finding("$1", ("DEO Sibi",), "look into the issue", reasons=("it names the post",)),
             Finding("$1", ("DC Loralai",), "send a letter", MORNING + DAY, True,
                     ("CS office",), "fax", 0.8)]
    first, second = await database.write(directing.propose(heard("$1"), found, by()))
    assert await database.write(directing.propose(heard("$1"), found, by())) == []
    assert [each.name for each in await directives.waiting(database)] == [
        f"P{first}", f"P{second}"]
    assert await database.write(directing.asked([first, second], "ask $1"))
    assert not await database.write(directing.asked([first], "ask again"))
    assert not await directives.waiting(database)
    order = await database.write(directing.confirm(
        second, 2026, [Charged("DC Loralai", "Loralai", "Asad")], by()))
    assert order.number == order.name == "D-2026-0001"
    assert (order.cc, order.channel, order.due_hour) == (("CS office",), "fax", True)
    assert order.charges[0].holder == "Asad" and order.charges[0].state == "open"
    dismissed = await database.write(directing.dismiss(first, "an appeal", by()))
    assert dismissed.stage == "dismissed"
    for row, why in ((first, "dismissed"), (second, "confirmed")):
        with pytest.raises(Refused) as refused:
            await database.write(directing.confirm(row, 2026, [], by()))
        assert refused.value.why == why
    assert await directives.by_number(database, "d-2026-0001") == order
    assert await directives.find(database, 1) == order
    assert [each.id for each in await directives.of_event(database, "$elsewhere", "ask $1")] == [
        first, second]
    assert [deed.kind for deed in await directives.deeds(database, second)] == [
        "propose", "confirm"]


async def test_numbers_have_no_holes(database: Database) -> None:
    rows = [(await database.write(directing.propose(
        heard(f"${n}"), [Finding(f"${n}", ("DEO Sibi",), "report")], by())))[0] for n in range(12)]
    await asyncio.gather(*(database.write(directing.confirm(
        row, 2026, [Charged("DEO Sibi")], by())) for row in rows))
    found, total = await directives.listing(database, Filter())
    assert total == 12 and sorted(each.number or "" for each in found) == [
        f"D-2026-{serial:04d}" for serial in range(1, 13)]


async def test_a_date_before_the_message_is_none(database: Database) -> None:
    [row] = await database.write(directing.propose(
        heard("$1"), [Finding("$1", ("DEO Sibi",), "report", MORNING - DAY, True)], by()))
    [order] = await directives.waiting(database)
    assert order.due_at is None and order.reasons == (directing.EARLY,)
    with pytest.raises(Refused) as refused:
        await database.write(directing.correct(
            row, Finding("$1", ("DEO Sibi",), "report", MORNING - DAY)))
    assert refused.value.why == "early"
    await database.write(directing.confirm(row, 2026, [Charged("DEO Sibi")], by()))
    with pytest.raises(Refused):
        await database.write(directing.due(row, MORNING - 1, False, "", by()))
    assert (await directives.by_id(database, row)).due_at is None


async def test_each_post_answers_for_itself(database: Database) -> None:
    order = await given(database, "$1", "DEO Kech", "DEO Gwadar", "DEO Panjgur",
                        due_at=MORNING + 3 * DAY)
    move = directing.move
    await database.write(move(order.id, "DEO Kech", "acknowledged", MORNING + 9, "Noted", by()))
    await database.write(move(order.id, "DEO Kech", "complied", MORNING + DAY, "Done", by()))
    order = await database.write(move(order.id, "DEO Gwadar", "refused", MORNING + 5, "", by()))
    assert [charge.state for charge in order.charges] == ["complied", "refused", "open"]
    assert order.charges[0].acknowledged_at == MORNING + 9
    assert order.charges[1].acknowledged_at == MORNING + 5
    assert order.overdue(MORNING + 4 * DAY) and not order.overdue(MORNING + 2 * DAY)
    for post, why in (("DEO Kech", "ended"), ("DEO Hub", "no_charge")):
        with pytest.raises(Refused) as refused:
            await database.write(move(order.id, post, "in_progress", MORNING, "", by()))
        assert refused.value.why == why
    order = await database.write(directing.assign(
        order.id, "DEO Panjgur", Charged("DC Panjgur", "Panjgur", "Saima"), by()))
    assert [(c.post, c.state) for c in order.charges[2:]] == [
        ("DEO Panjgur", "withdrawn"), ("DC Panjgur", "open")]
    order = await database.write(directing.escalate(
        order.id, "DC Panjgur", "Commissioner Makran Division", "", by()))
    assert order.charge("DC Panjgur").escalated_to == "Commissioner Makran Division"
    deeds = await directives.last_deeds(database, "escalate")
    assert [deed.after for deed in deeds[order.id, "DC Panjgur"]] == [
        "Commissioner Makran Division"]
    order = await database.write(directing.withdraw(order.id, "", "not needed any more", by()))
    assert await directives.last_deeds(database, "escalate") == {}
    assert not order.live
    with pytest.raises(Refused):
        await database.write(directing.withdraw(order.id, "", "", by()))


async def test_lists(database: Database) -> None:
    kech = await given(database, "$1", "DEO Kech", due_at=MORNING + DAY)
    sibi = await given(database, "$2", "DEO Sibi", at=MORNING + 5)
    done = await given(database, "$3", "DEO Sibi", due_at=MORNING + DAY)
    await database.write(directing.move(done.id, "DEO Sibi", "complied", MORNING + 9, "", by()))
    await database.write(directing.propose(heard("$4"), [Finding("$4", ("DC",), "x")], by()))

    async def ids(wanted: Filter) -> set[int]:
        found, total = await directives.listing(database, wanted)
        assert total == len(found)
        return {each.id for each in found}
    assert await ids(Filter()) == {kech.id, sibi.id, done.id}
    assert await ids(Filter(live=True)) == {kech.id, sibi.id}
    assert await ids(Filter(overdue_at=MORNING + 2 * DAY)) == {kech.id}
    assert await ids(Filter(post="sibi deo")) == {sibi.id, done.id}
    assert await ids(Filter(district="KECH")) == {kech.id}
    assert await ids(Filter(room_ids=("!other",))) == set()
    assert await ids(Filter(since=MORNING + 5)) == {sibi.id}
    assert await directives.counts(database, MORNING + 2 * DAY) == (1, 2, 1)
    assert await directives.counts(database, MORNING, ("!other",)) == (0, 0, 0)


async def test_answers_are_kept_until_somebody_judges(database: Database) -> None:
    order = await given(database, "$1", "DEO Sibi", due_at=MORNING + 2 * DAY)
    said = heard("$a", MORNING + DAY, "Complied sir. Report attached")
    found = [Answering(order.id, "DEO Sibi", "complied", 0.9, ("it quotes the order",))]
    await database.write(answers.propose(said, found, MORNING + DAY))
    await database.write(answers.propose(said, found, MORNING + DAY))
    [answer] = await answers.waiting(database)
    assert answer.said == said.text and answer.reasons == ("it quotes the order",)
    assert await database.write(answers.asked([answer.id], "ask $a"))
    assert await answers.of_event(database, "$x", "ask $a") == [answer]
    # accepted days later, and yet in time: it counts when it was said
    order = await database.write(answers.accept(answer, by(MORNING + 9 * DAY)))
    assert order.charges[0].state == "complied" and order.charges[0].ended_at == MORNING + DAY
    assert (await answers.of(database, order.id))[0].verdict == "accepted"
    found_report = await compliance.report(database, ALL, MORNING + 10 * DAY)
    assert (found_report.total.in_time, found_report.total.late) == (1, 0)


async def test_the_report(database: Database) -> None:
    for number, (post, days, due) in enumerate((
            ("DEO Sibi", 1, 2), ("DEO Sibi", 4, 2), ("DEO Sibi", None, 3), ("DEO Kech", 2, None),
            ("DEO Kech", None, None), ("DC Kech", None, 30))):
        order = await given(database, f"${number}", post,
                            due_at=None if due is None else MORNING + due * DAY)
        if days is not None:
            await database.write(directing.move(
                order.id, post, "complied", MORNING + days * DAY, "", by()))
    await given(database, "$later", "DEO Sibi", at=ALL.until)  # of another month
    report = await compliance.report(database, ALL, MORNING + 10 * DAY)
    lines = {line.name: line for line in report.lines}
    sibi = lines["DEO Sibi"]
    assert (sibi.given, sibi.in_time, sibi.late, sibi.open, sibi.overdue, sibi.median_days) == (
        3, 1, 1, 1, 1, 2.5)
    assert lines["DEO Kech"].in_time == 1 and lines["DEO Kech"].overdue == 0
    assert lines["DC Kech"].median_days is None
    for line in (*report.lines, report.total):
        assert line.given == (line.in_time + line.late + line.open + line.refused
                              + line.withdrawn)
    assert [line.name for line in report.lines] == ["DEO Sibi", "DC Kech", "DEO Kech"]
    assert {line.name: line.given for line in report.districts} == {"Sibi": 3, "Kech": 3}
    narrowed = await compliance.report(database, ALL, MORNING, district="kech", post="DEO")
    assert [line.name for line in narrowed.lines] == ["DEO Kech"]
    assert compliance.title(narrowed).endswith("November 2026, DEO, district kech")
    empty = await compliance.report(database, Period(0, 5, "long ago"), MORNING)
    assert empty.lines == () and empty.total.given == 0 and sheet.report(empty, ZONE)


async def test_the_report_on_paper(database: Database) -> None:
    await given(database, "$1", "ڈی ای او سبی", "=1+1", due_at=MORNING + DAY)
    report = await compliance.report(database, ALL, MORNING + 10 * DAY)
    book = zipfile.ZipFile(io.BytesIO(sheet.report(report, ZONE)))
    names = book.namelist()
    assert "xl/charts/chart1.xml" in names and "xl/worksheets/sheet2.xml" in names
    strings = book.read("xl/sharedStrings.xml").decode()
    assert "ڈی ای او سبی" in strings and "=1+1" in strings
    posts = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in posts
    assert re.search(r'<c r="C7"[^>]*><v>2</v>', posts)  # all: two given
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(
        io.BytesIO(await asyncio.to_thread(pdf.report, report, ZONE))).pages)
    assert "November 2026" in text and "سبی" in text and "done in time" in text
    [(line, bar), _] = chart.bars(report.lines)
    assert "overdue" in bar and "style" not in bar and line.overdue == 1


async def test_offices_of_the_directory(database: Database) -> None:
    offices = Directory(database, gazetteer_file.load(""))
    kech, sibi = (gazetteer_file.load("").post(name) for name in ("DEO Kech", "DEO Sibi"))
    person = await database.write(directory.ensure(
        Sender(pn="923007000001", push_name="Qadir Marri"), MORNING))
    turn = postings.By(AYESHA, MORNING)
    post = await database.write(posts.ensure(sibi))
    await database.write(postings.assign(post, person, "2026-01-01", None, turn))
    assert [each.name for each in await offices.holders("deo sibi", "2026-11-24")] == [
        "Qadir Marri"]
    assert await offices.holders("DEO Sibi", "2025-12-31") == []
    assert await offices.holders(str(kech), "2026-11-24") == []
    assert await offices.holders("the moon", "2026-11-24") == []
    assert await offices.above("DEO Sibi", "2026-11-24")
    makran = await offices.members("All DEOs Makran Division", "2026-11-24")
    assert "DEO Kech" in makran and "DEO Sibi" not in makran
    assert await offices.members("DEO Lri", "2026-11-24") == ("DEO Loralai",)
