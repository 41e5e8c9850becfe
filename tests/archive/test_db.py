"""The database layer: all or nothing, together, and told apart from its neighbours."""
from __future__ import annotations

import asyncio
import os
import stat

import pytest

from archive import db as database_module
from archive import schema, settings
from archive.db import ArchiveError, open_database


async def test_units_of_one_batch_do_not_disturb_each_other(database):
    def broken(n):
        yield from settings.put(f"broken{n}", "x")
        yield "INSERT INTO setting (name, value) VALUES (?, ?)", (f"s{n}", None)

    def raising(n):
        yield from settings.put(f"raising{n}", "x")
        raise LookupError(n)

    results = await asyncio.gather(*(
        database.write(unit) for n in range(40)
        for unit in (settings.put(f"s{n}", "kept"), broken(n), raising(n))),
        return_exceptions=True)
    assert [r for r in results if r is None] == [None] * 40
    assert sum(isinstance(r, LookupError) for r in results) == 40
    rows = await database.read("SELECT value FROM setting")
    assert [row["value"] for row in rows] == ["kept"] * 40


async def test_what_is_in_no_hurry_rides_with_the_next_commit(database):
    patient = asyncio.create_task(database.write(settings.put("patient", "x"), within=30))
    await asyncio.sleep(0.05)
    assert not patient.done()
    await database.write(settings.put("other", "x"))
    await asyncio.wait_for(patient, 20)


async def test_what_is_in_no_hurry_is_written_in_time_and_when_it_is_hastened(database):
    await asyncio.wait_for(database.write(settings.put("in time", "x"), within=0.05), 20)
    patient = asyncio.create_task(database.write(settings.put("hastened", "x"), within=30))
    await asyncio.sleep(0)
    database.hasten()
    await asyncio.wait_for(patient, 20)


async def test_what_is_in_no_hurry_is_written_before_closing(database_url):
    db = await open_database(database_url)
    patient = asyncio.create_task(db.write(settings.put("patient", "x"), within=30))
    await asyncio.sleep(0)
    await db.close()
    await asyncio.wait_for(patient, 20)
    db = await open_database(database_url)
    assert await settings.get(db, "patient") == "x"
    await db.close()


async def test_a_cancelled_caller_s_unit_is_still_whole(database):
    tasks = [asyncio.create_task(database.write(settings.put(f"s{n}", "x"))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.write(settings.put("last", "x"))
    rows = await database.read("SELECT count(*) AS n FROM setting")
    assert rows[0]["n"] == 51


async def test_what_was_handed_in_is_written_before_closing(database_url):
    db = await open_database(database_url)
    tasks = [asyncio.create_task(db.write(settings.put(f"s{n}", "x"))) for n in range(1000)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*tasks)
    db = await open_database(database_url)
    assert (await db.read("SELECT count(*) AS n FROM setting"))[0]["n"] == 1000
    await db.close()


async def test_a_write_while_closing_is_refused_and_does_not_hang(database_url):
    db = await open_database(database_url)
    closing = asyncio.create_task(db.close())
    await asyncio.sleep(0)
    with pytest.raises(ArchiveError, match="closed"):
        await asyncio.wait_for(db.write(settings.put("late", "x")), 10)
    await closing
    await db.close()  # twice is once


async def test_closing_leaves_no_reader_waiting(database_url):
    db = await open_database(database_url)
    slow = ("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) "
            "SELECT count(*) AS n FROM c")
    reads = [asyncio.create_task(db.read(slow)) for _ in range(5)]
    await asyncio.sleep(0.05)
    await db.close()
    results = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 30)
    assert all(isinstance(r, ArchiveError) or r[0]["n"] == 100_000 for r in results)
    with pytest.raises(ArchiveError, match="closed"):
        await asyncio.wait_for(db.read(slow), 10)


async def test_a_writer_that_is_ended_leaves_nobody_waiting(database_url):
    db = await open_database(database_url)
    await db.write(settings.put("a", "x"))
    writes = [asyncio.create_task(db.write(settings.put(f"s{n}", "x"))) for n in range(600)]
    await asyncio.sleep(0)
    for task in asyncio.all_tasks():
        if task.get_name() == "archive-writer":
            task.cancel()
    results = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 30)
    assert any(isinstance(r, ArchiveError) for r in results)
    with pytest.raises(ArchiveError):
        await asyncio.wait_for(db.write(settings.put("b", "x")), 10)
    await asyncio.wait_for(db.close(), 30)


async def test_opening_twice_migrates_once(database_url):
    opened = await asyncio.gather(*(open_database(database_url) for _ in range(3)))
    for db in opened:
        rows = await db.read("SELECT version FROM schema_version")
        assert [row["version"] for row in rows] == list(range(1, len(schema.MIGRATIONS) + 1))
        await db.close()


async def test_many_may_open_a_new_archive_at_once(tmp_path):
    for number in range(15):
        url = f"sqlite:{tmp_path / str(number)}"
        opened = await asyncio.gather(*(open_database(url) for _ in range(6)))
        await asyncio.gather(*(db.close() for db in opened))


async def test_an_archive_of_a_newer_version_is_refused_in_words(database_url):
    db = await open_database(database_url)

    def newer():
        yield "INSERT INTO schema_version (version) VALUES (?)", (99,)

    await db.write(newer())
    await db.close()
    with pytest.raises(ArchiveError, match=r"newer Daftar .schema 99"):
        await open_database(database_url)


async def test_a_migration_that_fails_changes_nothing(database_url, monkeypatch):
    await (await open_database(database_url)).close()
    broken = [*schema.MIGRATIONS, ["CREATE TABLE half (a BIGINT)", "CREATE NONSENSE"]]
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(ArchiveError, match="schema cannot be brought up to date"):
        await open_database(database_url)
    monkeypatch.setattr(schema, "MIGRATIONS", [*broken[:-1], ["CREATE TABLE half (a BIGINT)"]])
    await (await open_database(database_url)).close()


@pytest.mark.parametrize("url", [
    "mysql://x", "", "sqlite:/dev/null/folder/a.sqlite", "sqlite:/proc",
    "postgresql://nobody@127.0.0.1:1/none", "postgresql://[", "postgresql://u@127.0.0.1:x/y",
])
async def test_what_cannot_be_opened_is_told_in_one_sentence(url):
    with pytest.raises(ArchiveError, match=r"^database: ") as caught:
        await open_database(url)
    assert "\n" not in str(caught.value)


async def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 1000)
    with pytest.raises(ArchiveError, match=r"notes\.txt"):
        await open_database(f"sqlite:{path}")


async def test_the_embedded_archive_is_readable_by_its_owner_only(tmp_path):
    db = await open_database(f"sqlite:{tmp_path / 'a.sqlite'}")
    await db.write(settings.put("a", "b"))
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
    await db.close()


async def test_question_marks_are_numbered_for_postgres():
    numbered = database_module._Postgres("postgresql://x")._sql("SELECT ? + ?, ?")
    assert numbered == "SELECT $1 + $2, $3"
