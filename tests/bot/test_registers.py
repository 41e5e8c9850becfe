"""Visits and notifications are made from the record: parts, corrections, deletions, what came late,
a restart in the middle. Who reads a report is scripted here."""
from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from archive import directory, media, messages, notifications, schools, unread, visits
from archive.cases import Actor
from archive.db import Database
from archive.model import NewRecord, Sender
from archive.schools import School
from archive.visits import Figures, Named, Visit
from bot import fault, registers
from bot.registers import Reader, Reading, Registers, Said

ZONE = ZoneInfo("Asia/Karachi")
SAJJAD = Sender(pn="923001110001", push_name="Sajjad RTSM Sibi")
HANI = Sender(pn="923001110002", push_name="Hani Baloch")
CLERK = Actor("@clerk:office.test", "Clerk")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-04-{text}").replace(tzinfo=ZONE).timestamp() * 1000)


def script(said: Said) -> Reading:
    """`GBPS Talli 05203: open 2/3 absent Allah Dad; water`, or the same without a school when its
    sender has begun a report."""
    school = re.match(r"(?:Revised )?(G[BG]\w+ [A-Z]\w+)(?: (\d{5}))?", said.text)
    named = (Named(school[1], school[2], "Sibi"),) if school else ()
    state = re.search(r"\b(open|closed)\b", said.text)
    staff = re.search(r"(\d+)/(\d+)", said.text)
    absent, missing = re.findall(r"absent (\w+)", said.text), re.findall(r"; (\w+)", said.text)
    if not (state or staff or absent or missing) or not (named or said.begun):
        return Reading(None, named)
    return Reading(Figures(
        state[1] == "open" if state else None, int(staff[2]) if staff else None,
        int(staff[1]) if staff else None, tuple(absent), missing=tuple(missing)), named)


class Group:
    """A group's record, and the registers that read it."""

    def __init__(self, db: Database, chat_id: int) -> None:
        self.db, self.chat_id = db, chat_id
        self.registers = Registers(db, ZONE, Reader("script", script))

    async def say(self, name: str, at: str, text: str = "", who: Sender = SAJJAD,
                  kind: str = "text", to: str | None = None, file: str | None = None) -> int:
        sent = ms(at)
        record_id, _ = await self.db.write(messages.add(NewRecord(
            self.chat_id, kind, "whatsapp", name, who, sent, sent + 4000, text, to, file)))
        return record_id

    async def read(self) -> None:
        await self.registers.begin()
        while await self.registers.read_on():
            pass

    async def visits(self, **wanted: object) -> list[Visit]:
        await self.read()
        return (await visits.listing(self.db, visits.Filter(**wanted), 100))[0]


@pytest.fixture
async def group(database: Database) -> Group:
    chat = await database.write(directory.ensure_chat("1@g.us", "RTSM Sibi", "", ms("01T09:00")))
    return Group(database, chat.id)


async def test_a_report_over_messages_and_pictures_is_one_visit(group: Group) -> None:
    first = await group.say("1", "06T09:00", "GBPS Talli 05203", kind="text")
    picture = await group.say("2", "06T09:01", kind="image")
    part = await group.say("3", "06T09:03", "open 2/3 absent Khan")
    other = await group.say("4", "06T09:03", "GGPS Kurak 05117: closed 0/2", HANI)
    last = await group.say("5", "06T09:16", "absent Gul; water")
    await group.say("6", "06T09:40", "open 9/9")  # begins nothing: no school, and too late
    sajjad, hani = sorted(await group.visits(), key=lambda visit: visit.visitor, reverse=True)
    assert (sajjad.bemis, sajjad.school_name, sajjad.district, sajjad.visitor) == (
        "05203", "GBPS Talli", "Sibi", "Sajjad RTSM Sibi")
    assert sajjad.visited_at == ms("06T09:00") and sajjad.received_at == ms("06T09:00") + 4000
    assert [each.record_id for each in sajjad.parts] == [first, picture, part, last]
    assert sajjad.figures == Figures(True, 3, 2, ("Khan", "Gul"), missing=("water",))
    assert sajjad.parts[2].figures == Figures(True, 3, 2, ("Khan",)), "each part keeps its own"
    assert [each.record_id for each in sajjad.pictures] == [picture]
    assert [each.record_id for each in hani.parts] == [other] and hani.figures.open is False


async def test_pictures_before_the_words_and_two_schools_in_a_row(group: Group) -> None:
    await group.say("1", "06T09:00", kind="image")
    await group.say("2", "06T09:01", "GBPS Talli 05203: open 2/3")
    await group.say("3", "06T09:02", "GBPS Killi 07086: closed")
    await group.say("4", "06T09:03", kind="image")
    await group.say("5", "06T09:04", kind="image", who=HANI)  # nobody's report
    await group.say("6", "06T09:04", "0/1", to="2")  # quotes its own first report
    killi, talli = await group.visits()
    assert len(talli.pictures) == 1 and len(killi.pictures) == 1
    assert len(talli.parts) == 3 and talli.figures.teachers_sanctioned == 1


async def test_corrections_edits_and_deletions(group: Group) -> None:
    report = await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3 absent Khan")
    [visit] = await group.visits()
    assert not visit.corrected
    edit = await group.say("1e", "06T09:05", "GBPS Talli 05203: open 1/3 absent Gul", kind="edit",
                           to="1")
    await group.say("x", "06T09:06", "GBPS Talli 05203: closed", HANI, "edit", to="1")  # not hers
    [visit] = await group.visits()
    assert visit.figures.teachers_present == 1 and visit.figures.absent_teachers == ("Gul",)
    assert visit.corrected and visit.parts[0].versions == 2
    assert [(version, told.teachers_present) for version, _, told in await visits.versions(
        group.db, report)] == [(report, 2), (edit, 1)]
    await group.say("2", "06T13:00", "Revised GBPS Talli 05203: open 3/4 absent Shah")
    [visit] = await group.visits()
    assert visit.figures.teachers_sanctioned == 4 and visit.figures.absent_teachers == ("Shah",)
    await group.say("3", "06T18:00", "GBPS Talli 05203: closed")  # another visit of that day
    assert len(await group.visits()) == 2
    for name in ("1", "2"):
        await group.say(f"d{name}", "06T19:00", kind="deletion", to=name)
    later, gone = await group.visits()
    assert gone.deleted and gone.figures.teachers_sanctioned == 4, "as it was last told"
    assert not later.deleted
    assert visits.standing([later, gone]) == visits.Standing("closed", ms("06T18:00"), None, 1)


async def test_an_edit_may_take_a_report_back_and_name_another_school(group: Group) -> None:
    await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3")
    await group.say("2", "06T09:02", "; water")
    await group.say("3", "06T12:00", "GBPS Killi 07086: closed")
    assert len(await group.visits()) == 2
    await group.say("1e", "06T12:30", "GBPS Mach 09999: open 2/3", kind="edit", to="1")
    await group.say("3e", "06T12:31", "Good afternoon", kind="edit", to="3")
    killi, mach = await group.visits()
    assert killi.deleted and killi.bemis == "07086"
    assert mach.bemis == "09999" and len(mach.parts) == 2
    await group.say("2e", "06T12:32", "GBPS Talli 05203: ; water", kind="edit", to="2")
    assert sorted(v.bemis for v in await group.visits()) == ["05203", "07086", "09999"]


async def test_what_comes_late_or_before_its_target_is_read_in_its_place(group: Group) -> None:
    await group.say("1e", "06T09:05", "GBPS Talli 05203: open 1/3", kind="edit", to="1")
    await group.say("9", "08T09:00", "GBPS Talli 05203: closed")
    assert len(await group.visits()) == 1
    await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3")  # imported, older than all
    closed, opened = await group.visits()
    assert opened.figures.teachers_present == 1 and closed.figures.open is False
    assert visits.standing([closed, opened]).before == ms("06T09:00")


async def test_schools_without_a_code_are_found_by_name_when_only_one_has_it(group: Group) -> None:
    await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3")
    await group.say("2", "07T09:00", "GBPS Talli: closed")  # told with its code before
    await group.say("3", "07T10:00", "GBPS Killi: closed", HANI)
    await group.say("4", "07T10:00", "GBPS Nau: closed")
    found = {(v.school_name, v.bemis, v.by_name) for v in await group.visits()}
    assert found == {("GBPS Talli", "05203", False), ("GBPS Talli", "05203", True),
                     ("GBPS Killi", None, False), ("GBPS Nau", None, False)}
    assert len(await group.visits(uncoded=True)) == 2
    await group.db.write(schools.take([
        School("07086", "GBPS Killi", "Sibi"), School("07087", "GBPS Nau", "Sibi"),
        School("07088", "GBPS Nau", "Sibi")], CLERK, ms("08T09:00")))
    codes = {v.school_name: v.bemis for v in await group.visits()}
    assert codes == {"GBPS Talli": "05203", "GBPS Killi": "07086", "GBPS Nau": None}


async def test_a_death_in_the_middle_changes_nothing(group: Group, monkeypatch) -> None:
    await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3")
    await group.say("2", "06T09:01", kind="image")
    await group.say("3", "06T09:02", "absent Gul")

    class Killed(Exception):
        pass

    def die(step: str) -> None:
        raise Killed(step)
    for _ in range(3):
        monkeypatch.setattr(fault, "reach", die)
        with pytest.raises(Killed):
            await group.read()
        assert await unread.next_ones(group.db)
        monkeypatch.undo()
    [visit] = await group.visits()
    assert len(visit.parts) == 3 and visit.figures.absent_teachers == ("Gul",)
    assert all(part.versions == 1 for part in visit.parts)
    assert await unread.next_ones(group.db) == []


async def test_a_better_reader_reads_the_record_again(group: Group) -> None:
    await group.say("1", "06T09:00", "GBPS Talli 05203: open 2/3")
    paper = await group.say("2", "06T09:01", "Notification of vacations", kind="document")
    early = Registers(group.db, ZONE)
    await early.begin()
    while await early.read_on():
        pass
    assert (await visits.listing(group.db, visits.Filter(), 9))[1] == 0
    assert await notifications.known(group.db, paper)
    assert len(await group.visits()) == 1
    group.registers = Registers(group.db, ZONE)  # and one that reads nothing takes it for none
    assert await group.visits() == []
    assert await group.db.read("SELECT 1 FROM visit_part") == []


async def test_an_odd_message_holds_up_no_other(group: Group, caplog) -> None:
    def broken(said: Said) -> Reading:
        if "odd" in said.text:
            raise ZeroDivisionError
        return script(said)
    await group.say("1", "06T09:00", "odd")
    await group.say("2", "06T09:00", "GBPS Talli 05203: open 2/3")
    await group.say("3", "06T09:10", "x" * 60_000)
    group.registers = Registers(group.db, ZONE, Reader("broken", broken))
    assert len(await group.visits()) == 1
    assert "is not read for the registers" in caplog.text
    assert registers.NOBODY.read(Said("", "text", 1, None, datetime.now(ZONE), False)) == Reading()


async def test_the_register_of_notifications(group: Group) -> None:
    paper = await group.say(
        "1", "06T09:00", "Notification No. SO(Acad)3-12/2026 dated 16-03-2026 regarding school "
        "timings", HANI, "document", file="scan0001.pdf")
    await group.say("2", "06T09:01", "گرمیوں کی تعطیلات کا اعلامیہ", kind="image")
    await group.say("3", "06T09:02", "Plz share the notification", kind="image")
    await group.say("4", "06T09:03", "Notification of vacations")  # only words
    press = await group.say("5", "07T09:03", "Press release of the minister", kind="image")
    sha = "ab" * 32
    await group.db.write(media.add(sha, "application/pdf", 9, ms("06T09:01")))
    await group.db.write(messages.set_media(paper, sha))
    await group.read()

    async def found(**wanted: object) -> list[notifications.Notification]:
        return (await notifications.listing(
            group.db, notifications.Filter(**wanted), 50))[0]
    assert [n.kind for n in await found()] == ["press release", "notification", "notification"]
    [first] = await found(words="school Timing SO(Acad)3")
    assert (first.number, first.day, first.subject, first.sender, first.media) == (
        "SO(Acad)3-12/2026", "2026-03-16", "school timings", "Hani Baloch", sha)
    assert [n.subject for n in await found(words="تعطيلات")] == ["گرمیوں کی تعطیلات"]
    assert [n.record_id for n in await found(since=ms("07T00:00"))] == [press]
    assert [n.record_id for n in await found(kind="press release")] == [press]
    await group.say("1e", "06T10:00", "Notification No. 7 regarding uniforms", HANI, "edit", "1")
    await group.say("5d", "07T10:00", kind="deletion", to="5")
    await group.say("2e", "06T10:00", "School gate", kind="edit", to="2")
    await group.read()
    assert [(n.number, n.subject, n.deleted) for n in await found()] == [
        ("", "minister", True), ("7", "uniforms", False)]
