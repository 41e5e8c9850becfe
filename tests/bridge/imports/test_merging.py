"""Exports merge: with themselves, with one another, with what was heard live."""
from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import directory, gaps, merging, messages, search
from archive.db import Database, open_database
from archive.model import NewRecord, Sender
from bridge.imports import taking
from tests.bridge.imports.phone import ACTOR, JID, ZONE, Said, at, exported, group, held, look, take

ALI, SARA, ZAID = "Ali Khan", "Sara Baloch", "+92 300 7000003"
TEXTS = ("ok", "Noted sir", "سکول بند ہے", "School 07086 is closed today, pl look into it",
         "two\nlines", "@\u2068Ali Khan\u2069 pl see", "<Media omitted>",
         "This message was deleted")

messages_said = st.lists(
    st.builds(Said, st.integers(0, 12), st.sampled_from((ALI, SARA, ZAID)),
              st.sampled_from(TEXTS)),
    min_size=1, max_size=25).map(lambda said: sorted(said, key=lambda one: one.minute))
few = settings(max_examples=40, deadline=None,
               suppress_health_check=[HealthCheck.function_scoped_fixture])


def after(*texts: str) -> list[tuple[int, str, str, str]]:
    """What a fresh record holds after these exports were taken in, sorted."""
    async def run() -> list[tuple[int, str, str, str]]:
        with tempfile.TemporaryDirectory() as folder:
            db = await open_database(f"sqlite:{folder}/archive.sqlite")
            try:
                for n, text in enumerate(texts):
                    await take(db, Path(folder) / f"{n}.txt", text)
                return sorted(await held(db))
            finally:
                await db.close()

    return asyncio.run(run())


@few
@given(messages_said)
def test_the_same_file_twice_adds_nothing(said: list[Said]) -> None:
    text = exported(said)
    once = after(text)
    assert len(once) == len(said)
    assert after(text, text) == once


@few
@given(messages_said, st.data())
def test_two_overlapping_files_merge_in_either_order(said: list[Said], data: st.DataObject) -> None:
    """Each phone has a part of the minutes, and may lack single messages."""
    a, b = (sorted({data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))})
            for _ in range(2))
    one = [m for m in said if a[0] <= m.minute <= a[-1]]
    other = [m for m in said if b[0] <= m.minute <= b[-1]]
    if not one or not other:
        return
    both = after(exported(one), exported(other))
    assert both == after(exported(other), exported(one))
    union = [m for m in said if a[0] <= m.minute <= a[-1] or b[0] <= m.minute <= b[-1]]
    assert len(both) == len(union)


@few
@given(messages_said, st.integers(1, 5))
def test_how_much_is_written_at_once_changes_nothing(said: list[Said], part: int) -> None:
    """Equal messages of a minute that stand in two parts of the reading stay two messages."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bridge.exports.reader.BLOCK", 64)
        patched.setattr("bridge.exports.reader.AHEAD", 16)
        patched.setattr("bridge.imports.survey.PART", part)
        text = exported(said)
        once = after(text)
        assert len(once) == len(said)
        assert after(text, text) == once


@few
@given(messages_said, st.integers(0, 13))
def test_the_parts_of_a_file_are_the_whole(said: list[Said], cut: int) -> None:
    first, second = ([m for m in said if m.minute < cut], [m for m in said if m.minute >= cut])
    whole = after(exported(said))
    assert after(*(exported(part) for part in (first, second) if part)) == whole
    assert after(*(exported(part) for part in (second, first) if part)) == whole


@few
@given(messages_said, st.data())
def test_an_export_adds_what_the_mirror_missed_and_no_more(said: list[Said],
                                                           data: st.DataObject) -> None:
    said = [m._replace(sender=ZAID) for m in said if m.text != "This message was deleted"]
    if not said:
        return
    heard = data.draw(st.lists(st.booleans(), min_size=len(said), max_size=len(said)))

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            db = await open_database(f"sqlite:{folder}/archive.sqlite")
            try:
                for n, one in enumerate(said):
                    if heard[n]:
                        await live(db, n, one)
                found = await look(db, Path(folder) / "a.txt", exported(said))
                would = await taking.would(db, found, await group(db), ZONE)
                taken = await take(db, Path(folder) / "a.txt")
                assert (would.added, would.known) == (taken.added, taken.known)
                assert (taken.known, taken.added) == (sum(heard), len(said) - sum(heard))
                again = await take(db, Path(folder) / "a.txt")
                assert again.added == 0
            finally:
                await db.close()

    asyncio.run(run())


async def live(db: Database, n: int, one: Said, second: int = 20) -> int:
    """The mirror hears something."""
    chat = await group(db)
    picture = one.text == "<Media omitted>"
    record_id, _ = await db.write(messages.add(NewRecord(
        chat_id=chat.id, kind="image" if picture else "text", origin="whatsapp",
        source_id=f"LIVE{n}", sender=Sender(pn=one.sender.replace(" ", "").strip("+")),
        sent_at=at(one.minute) + second * 1000, received_at=at(one.minute) + 60_000,
        text="" if picture else one.text.replace("@\u2068Ali Khan\u2069", "@923007000001"))))
    return record_id


async def test_the_mirrors_edits_and_deletions_are_known(database: Database, tmp_path: Path
                                                         ) -> None:
    chat = await group(database)
    await live(database, 1, Said(1, ZAID, "Schol closed"))
    await live(database, 2, Said(2, ZAID, "wrong group"))
    for n, kind, text in ((1, "edit", "School closed"), (2, "deletion", "")):
        await database.write(messages.add(NewRecord(
            chat_id=chat.id, kind=kind, origin="whatsapp", source_id=f"LATER{n}",
            sender=Sender(pn="923007000003"), sent_at=at(5), received_at=at(5), text=text,
            target_source_id=f"LIVE{n}")))
    taken = await take(database, tmp_path / "a.txt", exported([
        Said(1, ZAID, "School closed <This message was edited>"),
        Said(2, ZAID, "This message was deleted"), Said(3, ZAID, "and now")]))
    assert (taken.known, taken.added) == (2, 1)


async def test_a_file_that_an_export_left_out_comes_late(database: Database, tmp_path: Path
                                                          ) -> None:
    """WhatsApp delivers the picture afterwards: it takes the place that the export kept."""
    chat = await group(database)
    await take(database, tmp_path / "a.txt", exported([Said(1, ZAID, "<Media omitted>")]))
    sender = Sender(pn="923007000003")
    sender_id = await database.write(directory.ensure(sender, at(1)))
    new = NewRecord(
        chat_id=chat.id, kind="document", origin="whatsapp", source_id="LATE1", sender=sender,
        sent_at=at(1) + 3000, received_at=at(90), media_name="List of closed schools.pdf",
        media_mime="application/pdf", raw=b"raw")
    known = await database.write(merging.imported(new, sender_id))
    assert known is not None
    assert known == await database.write(merging.imported(new, sender_id)), "delivered again"
    record = await messages.get(database, known)
    assert record is not None and (record.kind, record.media_name) == (
        "document", "List of closed schools.pdf")
    assert (await messages.by_whatsapp(database, chat.id, "LATE1")) == record
    assert [hit.record.id for hit in await search.find(database, "closed schools")] == [known]
    other = await database.write(merging.imported(replace(new, source_id="LATE2"), sender_id))
    assert other is None, "a second file of that minute is another"


async def test_what_was_heard_and_comes_again_is_no_other_message(database: Database,
                                                                  tmp_path: Path) -> None:
    """`ok` was heard live, a second `ok` of that minute was imported; WhatsApp delivers the first
    once more, and only then the second."""
    chat = await group(database)
    await live(database, 1, Said(1, ZAID, "ok"))
    await take(database, tmp_path / "a.txt", exported([Said(1, ZAID, "ok")] * 2))
    sender = Sender(pn="923007000003")
    sender_id = await database.write(directory.ensure(sender, at(1)))
    again = NewRecord(chat_id=chat.id, kind="text", origin="whatsapp", source_id="LIVE1", text="ok",
                      sender=sender, sent_at=at(1), received_at=at(90))
    assert await database.write(merging.imported(again, sender_id)) is None
    second = replace(again, source_id="LIVE2")
    assert await database.write(merging.imported(second, sender_id)) is not None
    assert len(await held(database)) == 2


async def test_what_comes_between_stands_between(database: Database, tmp_path: Path) -> None:
    await live(database, 1, Said(1, ZAID, "first"), second=10)
    await live(database, 3, Said(1, ZAID, "third"), second=40)
    await take(database, tmp_path / "a.txt", exported(
        [Said(1, ZAID, text) for text in ("first", "second", "third", "fourth")]))
    assert [text for *_, text in await held(database)] == ["first", "second", "third", "fourth"]


async def test_a_minute_is_told_a_little_differently(database: Database, tmp_path: Path) -> None:
    """The phone's clock and WhatsApp's may put one message into two minutes."""
    await live(database, 1, Said(1, ZAID, "The report is with the section"), second=59)
    taken = await take(database, tmp_path / "a.txt", exported(
        [Said(2, ZAID, "The report is with the section")]))
    assert taken.added == 0


async def test_gaps_that_an_export_covers_are_closed(database: Database, tmp_path: Path) -> None:
    chat = await group(database)
    ids = await database.write(gaps.add([chat.id], "main", at(3), at(5)))
    await database.write(gaps.add([chat.id], "main", at(8), at(30)))
    await live(database, 1, Said(1, ZAID, "before"))
    taken = await take(database, tmp_path / "a.txt", exported(
        [Said(1, ZAID, "before"), Said(4, ZAID, "in the gap"), Said(9, ZAID, "after it")]))
    assert [gap[0] for gap in taken.gaps] == ids and taken.added == 2
    assert [gap.started_at for gap in await gaps.standing(database, chat.id)] == [at(8)]
    closed = await database.read("SELECT closed_by FROM gap WHERE record_id = ?", ids[0])
    assert closed[0]["closed_by"] == f"import {taken.run_id}"


async def test_another_groups_export_is_refused(database: Database, tmp_path: Path) -> None:
    for n in range(25):
        await live(database, n, Said(n, ZAID, f"message number {n}"))
    found = await look(database, tmp_path / "a.txt", exported(
        [Said(n, ZAID, f"something else {n}") for n in range(25)]))
    assert "another group" in found.unlike()
    found = await look(database, tmp_path / "a.txt", exported(
        [Said(n, ZAID, f"message number {n}") for n in range(0, 25, 2)]))
    assert found.unlike() == ""


async def test_another_group_is_seen_though_the_mirror_begins_late_in_the_file(
        database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.exports.reader.BLOCK", 1 << 9)
    monkeypatch.setattr("bridge.exports.reader.AHEAD", 1 << 6)
    monkeypatch.setattr("bridge.imports.survey.PART", 20)
    for n in range(400, 430):
        await live(database, n, Said(n, ZAID, f"message number {n}"))
    found = await look(database, tmp_path / "a.txt", exported(
        [Said(n, ZAID, f"something else {n}") for n in range(440)]))
    assert "another group" in found.unlike()


@pytest.mark.parametrize("count", [1, 40])
async def test_equal_messages_of_a_minute_are_all_kept(database: Database, tmp_path: Path,
                                                       count: int) -> None:
    await take(database, tmp_path / "a.txt", exported([Said(1, ALI, "ok")] * count))
    assert len(await held(database)) == count
    await take(database, tmp_path / "b.txt", exported([Said(1, ALI, "ok")] * (count + 1)))
    assert len(await held(database)) == count + 1


@pytest.mark.parametrize("other", [JID, "120363049999999999@g.us"], ids=["same group", "two"])
async def test_two_imports_at_the_same_moment(database_url: str, tmp_path: Path, other: str
                                              ) -> None:
    """Of two processes: what both bring comes in once, and neither takes the other's ids for its
    own."""
    text = exported(Said(minute, (ALI, ZAID)[minute % 2], f"report {minute} from Sibi")
                    for minute in range(300))
    first, second = [await open_database(database_url) for _ in range(2)]
    try:
        taken = await asyncio.gather(take(first, tmp_path / "a.txt", text),
                                     take(second, tmp_path / "b.txt", text, other))
        records = 300 if other == JID else 600
        assert sum(one.added for one in taken) == records
        assert len(await held(first)) == records
        [people] = await first.read("SELECT count(*) AS n FROM person WHERE name <> ?", ACTOR.name)
        assert people["n"] == (2 if other == JID else 3)  # a number is one person in all groups
        assert len(await search.find(first, '"report 77"')) == records // 300
    finally:
        await first.close()
        await second.close()
