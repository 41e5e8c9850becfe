"""Imports that the page asks for: looked at, asked about, taken in; what a person gets wrong."""
from __future__ import annotations

import asyncio
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import config
from archive import directory, imports
from archive.db import Database
from archive.imports import Run
from bridge.imports import jobs as jobs_file
from bridge.imports.jobs import Jobs
from tests.bridge.imports.phone import ACTOR, ZONE, Said, at, exported, group, held, take

ALI, SARA = "Ali Khan", "Sara Baloch"
NAME = "WhatsApp Chat with Education Sibi.txt"
SAID = [Said(n, (ALI, SARA)[n % 2], f"Report number {n} of this morning") for n in range(30)]


@dataclass
class Office:
    """A bridge that looks for imports when it is told to, and a page that asks for them."""

    db: Database
    data: Path
    jobs: Jobs

    async def upload(self, content: str | bytes | None, name: str = NAME, **kept: Any) -> int:
        run_id = await self.db.write(imports.begin(name, "0" * 64, 9, "new", ACTOR, at(0), **kept))
        path = imports.upload(self.data, run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return run_id

    async def say(self, run_id: int, state: str = "ready", **values: Any) -> None:
        """A person's answers, as the page hands them on."""
        assert await self.db.write(imports.move(
            run_id, state, at(1), only_from=("asked",), report={}, **values))

    async def step(self, run_id: int) -> Run:
        """All that can be done is done."""
        for run in await imports.open_ones(self.db):
            await self.jobs._do(run)
        found = await imports.get(self.db, run_id)
        assert found is not None
        return found


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    values = config.from_values({
        "homeserver": {"url": "http://127.0.0.1:9", "name": "office.test"},
        "bridge": {"as_token": "a", "hs_token": "b"}, "bot": {"as_token": "c", "hs_token": "d"},
        "timezone": ZONE.key}, env={}, base=tmp_path)
    return Office(database, values.data, Jobs(values, database, lambda lane: None))


async def test_a_file_is_looked_at_asked_about_and_taken_in(office: Office) -> None:
    chat = await group(office.db)
    run_id = await office.upload(exported(SAID))
    run = await office.step(run_id)
    assert (run.state, run.chat_id) == ("asked", chat.id), "its name tells the group"
    assert run.found["messages"] == 30 and run.found["order_certain"]
    assert "28/12/2025" in run.found["order_because"]
    assert [one["how"] for one in run.found["people"]] == ["unknown", "unknown"]
    assert await held(office.db) == [], "nothing is taken in before somebody says yes"
    assert (await office.step(run_id)).changed_at == run.changed_at, "asked is left alone"
    await office.say(run_id, settings={"people": {ALI: "+92 300 7000001", SARA: ""}})
    run = await office.step(run_id)
    assert (run.state, run.report["added"], run.report["known"]) == ("done", 30, 0)
    assert not imports.upload(office.data, run_id).exists()
    ali = await directory.find(office.db, "pn", "923007000001")
    assert ali is not None and len(await held(office.db)) == 30


@pytest.mark.parametrize(("told", "words"), [
    ("Nobody Known", "whom the directory does not know"), ("0300 7000001", "with its country")])
async def test_a_wrong_person_is_asked_for_once_more(
        office: Office, told: str, words: str) -> None:
    await group(office.db)
    run_id = await office.upload(exported(SAID))
    await office.step(run_id)
    said = {"people": {ALI: told, SARA: "+92 300 7000002"}, "to_matrix": False}
    await office.say(run_id, settings=said)
    run = await office.step(run_id)
    assert run.state == "asked" and run.settings == said, "nothing that was said is lost"
    assert words in run.report["problem"] and run.report["name"] == ALI
    assert run.found["messages"] == 30 and imports.upload(office.data, run_id).exists()
    assert await held(office.db) == []
    await office.say(run_id, "new", settings=said)
    run = await office.step(run_id)
    assert run.state == "asked" and words in run.report["problem"], "looking again tells it too"
    await office.say(run_id, settings={"people": {ALI: "+92 300 7000001"}})
    assert (await office.step(run_id)).state == "done"


async def test_a_file_whose_dates_tell_nothing_is_asked_about(office: Office) -> None:
    await group(office.db)
    run_id = await office.upload("03/04/2026, 9:14 am - Ali Khan: School is closed\n")
    run = await office.step(run_id)
    assert run.state == "asked" and run.found["orderless"] == "03/04/2026"
    await office.say(run_id, "new", settings={"order": "mdy"})
    run = await office.step(run_id)
    assert run.state == "asked" and run.found["first"].startswith("2026-03-04")
    assert not run.found["order_certain"] and "orderless" not in run.found
    await office.say(run_id, settings={"order": "ymd"})
    run = await office.step(run_id)
    assert run.state == "asked" and "no date in it can be read" in run.report["problem"]


async def test_a_group_has_to_be_chosen_or_made(office: Office) -> None:
    run_id = await office.upload(exported(SAID), "chat.txt")
    run = await office.step(run_id)
    assert (run.state, run.chat_id) == ("asked", None)
    await office.say(run_id)
    run = await office.step(run_id)
    assert run.state == "asked" and "no group was chosen" in run.report["problem"]
    await office.say(run_id, settings={"new_group": "DEOs of Makran"})
    run = await office.step(run_id)
    assert run.state == "done" and run.chat_id is not None
    chat = await directory.chat(office.db, run.chat_id)
    assert chat is not None and chat.name == "DEOs of Makran"


async def test_a_new_group_counts_more_than_what_the_name_told(office: Office) -> None:
    mirrored = await group(office.db)
    run_id = await office.upload(exported(SAID))
    await office.step(run_id)
    await office.say(run_id, "new", settings={"new_group": "Another Sibi"})
    await office.step(run_id)
    await office.say(run_id, settings={"new_group": "Another Sibi"})
    run = await office.step(run_id)
    assert run.state == "done" and run.chat_id != mirrored.id
    again = await office.upload(exported(SAID), "chat.txt")
    await office.step(again)
    await office.say(again, settings={"new_group": "Education  SIBI"})
    assert (await office.step(again)).chat_id == mirrored.id, "a name that is there already"


async def test_the_wrong_group_is_told_before_anything_comes_in(
        office: Office, tmp_path: Path) -> None:
    chat = await group(office.db)
    await take(office.db, tmp_path / "first.txt", exported(SAID))
    other = exported([Said(n, ALI, f"Something else altogether, part {n}") for n in range(30)])
    run_id = await office.upload(other, "chat.txt")
    await office.step(run_id)
    await office.say(run_id, chat_id=chat.id)
    run = await office.step(run_id)
    assert run.state == "asked" and "another group" in run.report["problem"]
    assert len(await held(office.db)) == 30


async def test_what_is_no_export_is_refused_and_gone(office: Office) -> None:
    run_id = await office.upload("%PDF-1.7")
    run = await office.step(run_id)
    assert run.state == "refused" and "it is a PDF" in run.report["refused"]
    assert not imports.upload(office.data, run_id).exists()


def zipped(kind: int, spoil: bytes = b"") -> bytes:
    """An export with a picture, whose content is spoilt."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", kind) as file:
        file.writestr(NAME, exported(SAID))
        file.writestr("IMG-20251228-WA0001.jpg", os.urandom(4000).hex())
    data = bytearray(target.getvalue())
    at_data = data.index(b"IMG-20251228-WA0001.jpg") + 400
    data[at_data:at_data + len(spoil)] = spoil
    return bytes(data)


@pytest.mark.parametrize("content", [
    zipped(zipfile.ZIP_DEFLATED, b"\xff" * 900), zipped(zipfile.ZIP_STORED, b"\xff" * 900),
    zipped(zipfile.ZIP_LZMA, b"\xff" * 900), zipped(zipfile.ZIP_BZIP2, b"\xff" * 900)])
async def test_a_spoilt_zip_is_refused(office: Office, content: bytes) -> None:
    await group(office.db)
    run = await office.step(await office.upload(content, "WhatsApp Chat with Education Sibi.zip"))
    assert run.state == "refused" and "the zip" in run.report["refused"]


async def test_what_fails_does_not_stand_in_the_way_of_what_comes_after(
        office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await group(office.db)
    first, second = await office.upload(exported(SAID)), await office.upload(exported(SAID))
    look = office.jobs._look

    async def full(run: Run, path: Path) -> None:
        if run.id == first:
            raise OSError("No space left on device")
        await look(run, path)

    monkeypatch.setattr(office.jobs, "_look", full)
    running = asyncio.create_task(office.jobs.run())
    try:
        for _ in range(200):
            run = await imports.get(office.db, second)
            if run and run.state == "asked":
                break
            await asyncio.sleep(0.05)
        assert run and run.state == "asked"
        stays = await imports.get(office.db, first)
        assert stays and stays.state == "new", "it is tried again"
    finally:
        running.cancel()


async def test_a_file_may_come_a_moment_after_its_row(
        office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_file, "_now", lambda: at(0) + 5_000)
    run_id = await office.upload(None)
    assert (await office.step(run_id)).state == "new"
    monkeypatch.setattr(jobs_file, "_now", lambda: at(0) + 61_000)
    run = await office.step(run_id)
    assert run.state == "refused" and "upload it once more" in run.report["refused"]


async def test_what_the_command_line_runs_is_left_to_it(
        office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = await office.db.write(imports.begin("x.txt", "0" * 64, 9, "running", ACTOR, at(0)))
    monkeypatch.setattr(jobs_file, "_now", lambda: at(10_000))
    assert (await office.step(run_id)).state == "running"
