"""Names of address books become people: by number, by what was said at the same time, by being
told."""
from __future__ import annotations

import random
from pathlib import Path

import pytest

from archive import directory, imports, merging, people
from archive.db import Database
from archive.model import Sender
from bridge.exports.reader import ExportError
from bridge.imports import naming, survey
from tests.bridge.imports.phone import Said, exported, group, held, look, take
from tests.bridge.imports.test_merging import live

ALI, SARA, ZAID = "Ali Khan", "Sara Baloch", "+92 300 7000003"
_rnd = random.Random(6)
TALK = [Said(n, _rnd.choice((ALI, SARA, ZAID)), f"message {n} about the school of that day")
        for n in range(40)]
OTHER_BOOK = {ALI: "DEO Sibi", SARA: "~ Sara B.", ZAID: "Zaid Sb"}


async def persons(db: Database) -> dict[str, set[str]]:
    """Person by name → every name and number they have."""
    rows = await db.read("SELECT id FROM person")
    found = {}
    for row in rows:
        card, _ = await people.card(db, row["id"])
        found[card.person.name] = {n.value for n in card.names} | {v for _, v in card.addresses}
    return found


@pytest.mark.parametrize("turned", [False, True])
async def test_two_phones_with_other_names(database: Database, tmp_path: Path, turned: bool
                                           ) -> None:
    """The same forty messages from two phones, each with a part of them and its own names."""
    files = [exported(TALK[:30]), exported(TALK[10:], OTHER_BOOK)]
    for n, text in enumerate(reversed(files) if turned else files):
        await take(database, tmp_path / f"{n}.txt", text)
    assert [text for *_, text in await held(database)] == [one.text for one in TALK]
    found = await persons(database)
    assert len(found) == 3
    known = sorted(found.values(), key=min)
    assert {"DEO Sibi", "Ali Khan"} in known and {"Sara Baloch", "Sara B."} in known
    assert {"923007000003", "Zaid Sb"} in known


async def test_the_mirror_tells_who_a_name_is(database: Database, tmp_path: Path) -> None:
    said = [one._replace(sender=ZAID) for one in TALK[:10]]
    for n, one in enumerate(said):
        await live(database, n, one)
    found = await look(database, tmp_path / "a.txt", exported(said, {ZAID: "Zaid Sb"}))
    [meant] = found.people
    assert (meant.name, meant.how, meant.sure) == ("Zaid Sb", "overlap", True)
    taken = await take(database, tmp_path / "a.txt")
    assert taken.added == 0
    person = await directory.find(database, "pn", "923007000003")
    assert person is not None and (await imports.remembered(database, (await group(database)).id)
                                   )["Zaid Sb"].id == person.id


async def test_little_in_common_proves_nothing(database: Database, tmp_path: Path) -> None:
    """`ok` in the same minute, or one long text, is no proof that a name is somebody."""
    await live(database, 1, Said(1, ZAID, "ok"))
    await live(database, 2, Said(2, ZAID, "a longer text that was forwarded by two people"))
    found = await look(database, tmp_path / "a.txt", exported(
        [Said(1, ALI, "ok"), Said(2, ALI, "a longer text that was forwarded by two people")]))
    assert found.people[0].how == "unknown"


async def test_a_name_that_another_phone_gives_to_somebody_else(database: Database,
                                                                 tmp_path: Path) -> None:
    for n, one in enumerate(TALK[:12]):
        await live(database, n, one._replace(sender="+92 300 7000007"))
    await take(database, tmp_path / "a.txt", exported([Said(n, "Ali", f"mine {n} {n}")
                                                       for n in range(100, 103)]))
    chat = await group(database)
    await database.write(imports.remember(chat.id, "Ali", await database.write(
        directory.ensure(Sender(pn="923007000001"), 1)), "told"))
    found = await look(database, tmp_path / "b.txt", exported(
        [one._replace(sender="Ali") for one in TALK[:12]]))
    [meant] = found.people
    assert meant.how == "overlap" and not meant.always
    await take(database, tmp_path / "b.txt")
    remembered = (await imports.remembered(database, chat.id))["Ali"]
    number = await directory.find(database, "pn", "923007000001")
    assert number is not None and remembered.id == number.id, "the other phone's Ali is not his"


async def test_a_name_of_the_directory(database: Database, tmp_path: Path) -> None:
    person = await database.write(directory.ensure(
        Sender(pn="923007000001", push_name="Wahid Shakir Baloch"), 1))
    found = await look(database, tmp_path / "a.txt", exported(
        [Said(1, "wahid  shakir Baloch", "a"), Said(2, "Wahid", "b")]))
    how = {meant.name: (meant.how, meant.person and meant.person.id) for meant in found.people}
    assert how["wahid  shakir Baloch"] == ("directory", person)
    assert how["Wahid"] == ("unknown", None), "one word is anybody's"


async def test_told_by_a_person(database: Database, tmp_path: Path) -> None:
    text = exported([Said(1, ALI, "a"), Said(2, SARA, "b")])
    await take(database, tmp_path / "a.txt", text)
    await take(database, tmp_path / "a.txt", text, told={ALI: "+92 300 1111111"})
    assert len(await held(database)) == 2
    person = await directory.find(database, "pn", "923001111111")
    assert person is not None and person.name == ALI
    with pytest.raises(ExportError, match="with its country"):
        await look(database, tmp_path / "a.txt", told={SARA: "0300 1111111"})


async def by_number(db: Database) -> dict[str, int]:
    """Messages of the record by their sender's number, or name when none is known."""
    rows = await db.read(
        "SELECT coalesce((SELECT i.value FROM identifier i WHERE i.person_id = p.id), p.name)"
        " AS who, count(*) AS n FROM record r JOIN person p ON p.id = r.sender_id GROUP BY p.id")
    return {row["who"]: row["n"] for row in rows}


async def test_what_was_told_wrongly_is_put_right(database: Database, tmp_path: Path) -> None:
    """Nothing comes in twice: the messages go to the person who is meant now."""
    text = exported([Said(n, (ALI, SARA)[n % 2], f"message {n}") for n in range(8)])
    for number in ("923001111111", "923001111112", "923001111112"):
        taken = await take(database, tmp_path / "a.txt", text, told={ALI: f"+{number}"})
        assert await by_number(database) == {number: 4, SARA: 4}
    assert taken.added == 0
    await take(database, tmp_path / "a.txt", text, told={ALI: "+923001111112", SARA: ZAID})
    assert await by_number(database) == {"923001111112": 4, "923007000003": 4}


async def test_told_to_be_somebody_known_by_name_only(database: Database, tmp_path: Path) -> None:
    """And then told better: whoever was meant by mistake keeps what is theirs."""
    text = exported([Said(n, (ALI, SARA)[n % 2], f"message {n}") for n in range(8)])
    await take(database, tmp_path / "a.txt", text)
    await take(database, tmp_path / "a.txt", text, told={ALI: SARA})
    assert await by_number(database) == {SARA: 8}
    await take(database, tmp_path / "a.txt", text, told={ALI: "+92 300 1111111"})
    assert await by_number(database) == {SARA: 4, "923001111111": 4}
    assert len(await held(database)) == 8


async def test_whom_the_directory_told_wrongly(database: Database, tmp_path: Path) -> None:
    """The only one of that name was not meant."""
    await database.write(directory.ensure(Sender(pn="923007000001", push_name=ALI), 1))
    text = exported([Said(1, ALI, "a"), Said(2, ALI, "b")])
    await take(database, tmp_path / "a.txt", text)
    assert await by_number(database) == {"923007000001": 2}
    await take(database, tmp_path / "a.txt", text, told={ALI: "+92 300 1111111"})
    assert await by_number(database) == {"923001111111": 2}


async def test_putting_right_that_is_broken_off(database: Database, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed when half of the messages are moved, and once more before any is."""
    monkeypatch.setattr("bridge.exports.reader.BLOCK", 64)
    monkeypatch.setattr("bridge.exports.reader.AHEAD", 16)
    monkeypatch.setattr(survey, "PART", 2)
    monkeypatch.setattr(survey, "_COMPARED", 0)
    text = exported([Said(n, ALI, f"message {n}") for n in range(8)])
    await take(database, tmp_path / "a.txt", text, told={ALI: "+923001111111"})
    for number, parts in (("923001111112", 2), ("923001111113", 0)):
        with monkeypatch.context() as patched:
            merge, done = merging.merge, []

            def dies(*args, merge=merge, done=done, parts=parts):
                done.append(args)
                if len(done) > parts:
                    raise RuntimeError("killed")
                return merge(*args)

            patched.setattr(merging, "merge", dies)
            with pytest.raises(RuntimeError, match="killed"):
                await take(database, tmp_path / "a.txt", text, told={ALI: f"+{number}"})
    taken = await take(database, tmp_path / "a.txt", text, told={ALI: "+923001111113"})
    assert taken.added == 0 and await by_number(database) == {"923001111113": 8}


async def test_one_who_has_two_numbers(database: Database, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Two phones know two numbers of one person: each message stays one, and it is told."""
    await take(database, tmp_path / "a.txt", exported(TALK), told={ALI: "+92 300 1111111"})
    texts = len(await held(database))
    found = await look(database, tmp_path / "b.txt", exported(TALK, OTHER_BOOK),
                       told={"DEO Sibi": "+92 300 2222222"})
    [told] = [meant for meant in found.people if meant.name == "DEO Sibi"]
    assert told.doubt.startswith("says the same at the same time as Ali Khan")
    for compared in (5, 0):  # the second time nothing of the file is compared
        monkeypatch.setattr(survey, "_COMPARED", compared)
        taken = await take(database, tmp_path / "b.txt", told={"DEO Sibi": "+92 300 2222222"})
        assert taken.added == 0 and len(await held(database)) == texts


async def test_namesakes_in_two_groups_are_two(database: Database, tmp_path: Path) -> None:
    text = exported([Said(1, ALI, "a"), Said(2, ALI, "b")])
    await take(database, tmp_path / "a.txt", text)
    await take(database, tmp_path / "b.txt", text, "120363049999999999@g.us")
    assert sorted((await by_number(database)).items()) == [(ALI, 2)]
    rows = await database.read("SELECT DISTINCT sender_id FROM record")
    assert len(rows) == 2


async def test_another_phones_name_is_no_newer_name(database: Database, tmp_path: Path) -> None:
    await take(database, tmp_path / "a.txt", exported(TALK[:30]))
    await take(database, tmp_path / "b.txt", exported(TALK[10:], OTHER_BOOK))
    assert {ALI, SARA} <= (await persons(database)).keys()


def test_people_files_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    naming.write_people(path, {"~ Zarina": "+92 300 1", 'a "quoted": name': ""},
                        {"سیکرٹری تعلیم": "Sibi: 3 messages", "~ Zarina": "known"})
    assert naming.read_people(path) == {
        "~ Zarina": "+92 300 1", 'a "quoted": name': "", "سیکرٹری تعلیم": ""}
    assert "# Sibi: 3 messages" in path.read_text(encoding="utf-8")
    naming.write_people(path, {"سیکرٹری تعلیم": "+92 300 2", "\U0001f600": ""}, {})
    assert naming.read_people(path)["سیکرٹری تعلیم"] == "+92 300 2"
    assert '"سیکرٹری تعلیم": "+92 300 2"  # Sibi: 3 messages\n' in path.read_text(encoding="utf-8")
    assert '"\U0001f600":\n' in path.read_text(encoding="utf-8")
