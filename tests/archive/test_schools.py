"""The list of schools: taken from a file whole or not at all, found by code and name, listed by how
they stand."""
from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from archive import directory, messages, schools, schools_file, visiting
from archive.cases import Actor
from archive.db import Database
from archive.model import NewRecord, Sender
from archive.schools import Filter, School, Taking
from archive.visiting import Told
from archive.visits import Figures, Named

CLERK = Actor("@clerk:office.test", "Clerk")
FILE = """\
BEMIS Code,School Name,District,Tehsil,Level,Gender,Lat,Long,Sanctioned Posts,Remarks
07086,GBPS Thangao Hara,SIBI,Sibi,Primary,Boys,29.5432,67.8765,1,x
5117,GGPS Kurak,Sini,,,,29.6,67.9,2,
02469,Govt Boys High School کلی نو,Lehri,Bakhtiarabad,High,Male,,,14.0,
"""


def district(text: str) -> str | None:
    return {"sibi": "Sibi", "sini": "Sibi", "kech": "Kech"}.get(text.lower())


def read(text: str) -> schools_file.SchoolList:
    return schools_file.read(text.encode(), district)


async def take(db: Database, *found: School, at: int = 1) -> Taking:
    return await db.write(schools.take(found, CLERK, at))


def test_a_list_as_offices_keep_it() -> None:
    found = read(FILE)
    assert found.problems == ()
    assert found.schools == (
        School("07086", "GBPS Thangao Hara", "Sibi", "Sibi", "primary", "boys", 29.5432, 67.8765,
               1),
        School("05117", "GGPS Kurak", "Sibi", "", "primary", "girls", 29.6, 67.9, 2),
        School("02469", "Govt Boys High School کلی نو", "Lehri", "Bakhtiarabad", "high", "boys",
               None, None, 14))
    assert found.notes == (
        "1 code had lost the leading zero, as spreadsheets do; it was put back",
        "not read: Remarks", "line 4: “Lehri” is no district that I know; kept as written")
    assert schools_file.read(schools_file.write(found.schools), district).schools == found.schools
    assert schools_file.read(FILE.encode("utf-16"), district).schools == found.schools


def test_headings_in_urdu_semicolons_and_what_spreadsheets_do() -> None:
    found = read("بیمس کوڈ;سکول کا نام;ضلع;تحصیل\r\n"
                 '="٠٧٠٨٦";گورنمنٹ پرائمری سکول تلی;Kech;تربت\r\n')
    assert found.schools == (School("07086", "گورنمنٹ پرائمری سکول تلی", "Kech", "تربت"),)
    assert read("code,name\n'07086.0,=cmd()\n").schools[0].name == "=cmd()"
    assert b"'=cmd()" in schools_file.write([School("07086", "=cmd()")])


@pytest.mark.parametrize(("text", "told"), [
    ("", "line 1: no heading names the bemis column; the headings are missing"),
    ("name,district\nx,y\n", "line 1: no heading names the bemis column; the headings are name, "),
    ("bemis,code,name\n1,2,3\n", "line 1: two headings mean bemis; leave one of them out"),
    ("bemis,name\n", "line 1: no school follows the headings"),
    ("bemis,name\n07086,A\n7O86,B\n", "line 3: “7O86” is no BEMIS code of 5 digits"),
    ("bemis,name\n,A\n", "line 2: the BEMIS code is missing"),
    ("bemis,name\n07086,\n", "line 2: the school has no name"),
    ("bemis,name\n07086,A\n7086,B\n", "line 3: BEMIS 07086 stands in line 2 already"),
    ("bemis,name,lat,long\n07086,A,29.5,abc\n", "line 2: “abc” is no longitude in degrees such as"),
    ("bemis,name,lat,long\n07086,A,129.5,67\n", "line 2: “129.5” is no latitude in degrees such"),
    ("bemis,name,lat,long\n07086,A,29.5,\n", "line 2: it has a latitude and no longitude"),
    ("bemis,name,posts\n07086,A,many\n", "line 2: “many” is no number of sanctioned teachers"),
    ("bemis,name\n07086,\"A\n", "line 2: cannot be read as CSV"),
    ("bemis\0,name\n", "this is not a CSV file"),
])
def test_problems_are_told_by_line(text: str, told: str) -> None:
    found = read(text)
    assert any(problem.startswith(told) for problem in found.problems), found


def test_other_files_are_refused_in_words() -> None:
    assert "is not UTF-8" in schools_file.read(b"bemis,name\n07086,\xe9\n", district).problems[0]
    zipped = schools_file.read(b"PK\x03\x04\x00\x00", district)
    assert zipped.problems == ("this is not a CSV file; save the sheet as “CSV UTF-8”",)
    assert schools_file.read(bytes(20_000_001), district).problems == (
        "the file is larger than 20 MB",)


async def test_what_a_list_changes_is_told_before_and_kept(database: Database) -> None:
    found = read(FILE).schools
    assert await schools.trial(database, found) == Taking(3, 0, 0)
    assert await schools.count(database) == 0
    assert (await take(database, *found)).words() == "3 schools: 3 new, 0 changed, 0 as before"
    changed = School("07086", "GBPS Thangao Hara", "Sibi", level="middle")
    assert await take(database, changed, School("00001", "GBPS New"), found[1]) == Taking(1, 1, 1)
    now = await schools.get(database, "07086")
    assert now and now.level == "middle" and now.latitude == 29.5432, "what is empty stays"
    rows = await database.read("SELECT * FROM school_change WHERE bemis = '07086' ORDER BY id")
    assert json.loads(rows[1]["before_value"])["level"] == "primary"
    assert rows[0]["before_value"] is None and rows[1]["actor_name"] == "Clerk"
    assert [s.bemis for s in await schools.everything(database)] == [
        "00001", "02469", "05117", "07086"]


async def test_a_code_with_a_typing_mistake_finds_the_nearest(database: Database) -> None:
    await take(database, *(School(code, f"GBPS {code}") for code in (
        "07086", "07068", "07087", "17086", "09999")))

    async def near(code: str) -> list[str]:
        return [school.bemis for school in await schools.near_code(database, code)]
    assert await near("70086") == ["07086"], "two digits changed places"
    assert await near("07086") == ["07068", "17086", "07087"], "itself is none"
    assert await near("7086") == ["07086", "17086"], "a digit is missing, a zero before others"
    assert await near("070866") == ["07086"]
    assert await near("12345") == [] and await near("7") == []


async def test_a_name_finds_its_school_or_the_nearest(database: Database) -> None:
    await take(database, School("07086", "GBPS Thangao Hara", "Sibi"),
               School("05117", "GGPS Kurak", "Sibi"), School("05118", "GGPS Kurak", "Kech"),
               School("02469", "گورنمنٹ بوائز ہائی سکول كلي نو", "Quetta"))

    async def named(name: str) -> list[str]:
        return [school.bemis for school in await schools.named(database, name)]

    async def near(name: str) -> list[str]:
        return [school.bemis for school in await schools.near_name(database, name)]
    assert await named("gbps thangao  hara") == ["07086"]
    assert await named("GGPS Kurak") == ["05117", "05118"]
    assert await named("GGPS Kurak, Kech") == ["05118"]
    assert await named("گورنمنٹ بوائز ہائی اسکول") == []
    assert await named("گورنمنٹ بوائز ہائی سکول کلی نو") == ["02469"], "other yeh and kaf"
    assert await named("") == [] and await named("GBPS") == []
    assert (await near("Thangao Hara"))[0] == "07086"
    assert (await near("GBPS Tangao Harra"))[0] == "07086"
    assert (await near("kurak kech"))[0] == "05118"
    assert await near("zzzz") == []


async def visit(db: Database, bemis: str, day: int, figures: Figures, district: str = "") -> None:
    at = int(datetime(2026, 4, day, tzinfo=UTC).timestamp() * 1000)
    chat = await db.write(directory.ensure_chat("1@g.us", "RTSM", "", at))
    record_id, _ = await db.write(messages.add(NewRecord(
        chat.id, "text", "whatsapp", f"{bemis} {day}", Sender(pn="923001110001"), at, at)))
    await db.write(visiting.note([Told(record_id, record_id, "report", figures,
                                       Named(f"GBPS {bemis}", bemis, district))]))


async def test_schools_are_listed_by_how_they_stand(database: Database) -> None:
    await take(database, School("00001", "GBPS Open", "Sibi", latitude=29.5, longitude=67.9),
               School("00002", "GBPS Closed", "Sibi"), School("00003", "GBPS Untold", "Kech"),
               School("00004", "GBPS Never", "Kech"))
    for bemis, day, figures in (
            ("00001", 1, Figures(False)), ("00001", 2, Figures(True)),
            ("00001", 3, Figures(students_present=4)),  # says nothing of the gate
            ("00002", 2, Figures(True)), ("00002", 5, Figures(False)),
            ("00003", 4, Figures(students_present=4)), ("00009", 4, Figures(True))):
        await visit(database, bemis, day, figures, "Sibi")

    async def listed(**wanted: object) -> dict[str, str]:
        lines, total = await schools.listing(database, Filter(**wanted), 50)
        assert total == len(lines)
        return {line.school.bemis: line.state for line in lines}
    everything = {"00003": "untold", "00004": "unvisited", "00002": "closed", "00009": "open",
                  "00001": "open"}
    assert await listed() == everything
    assert list(await listed()) == ["00004", "00003", "00009", "00002", "00001"]
    assert await schools.counts(database, Filter()) == {
        "untold": 1, "unvisited": 1, "closed": 1, "open": 2}
    assert set(await listed(district="sibi")) == {"00001", "00002", "00009"}
    assert set(await listed(state="open")) == {"00001", "00009"}
    assert set(await listed(placed=True)) == {"00001"}
    assert set(await listed(words="gbps clo")) == {"00002"}
    assert set(await listed(words="0000")) == set(everything)
    since = int(datetime(2026, 4, 4, tzinfo=UTC).timestamp() * 1000)
    assert set(await listed(unvisited_since=since)) == {"00001", "00004"}
    lines, total = await schools.listing(database, Filter(), 2, 1)
    assert total == 5 and [line.school.bemis for line in lines] == ["00003", "00009"]
    assert not lines[1].listed and lines[1].school.name == "GBPS 00009"
    assert await schools.districts(database) == ["Kech", "Sibi"]
