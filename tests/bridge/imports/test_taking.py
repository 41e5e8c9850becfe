"""Whole files: zips with media, damaged ones, imports that are broken off."""
from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from archive import imports, messages, search
from archive.db import Database
from archive.media import MediaStore
from archive.model import NewRecord, Sender
from bridge.exports.reader import ExportError
from bridge.imports import survey, taking
from tests.bridge.imports.phone import ACTOR, ZONE, Said, at, exported, group, held, take

ALI, ZAID = "Ali Khan", "+92 300 7000003"
PHOTO = "IMG-20251228-WA0001.jpg"
SAID = [Said(1, ALI, f"{PHOTO} (file attached)\nThe wall of GPS Killi"),
        Said(2, ALI, "IMG-20251228-WA0002.jpg (file attached)"), Said(3, ZAID, "Noted")]


def zipped(path: Path, said: list[Said], files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("WhatsApp Chat with Sibi.txt", exported(said))
        for name, data in files.items():
            archive.writestr(name, data)
    return path


async def test_pictures_come_with_their_messages(database: Database, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", SAID, {PHOTO: b"jpeg of a wall"})
    taken = await take(database, path)
    assert (taken.added, taken.files_missing) == (3, 1)
    [hit] = await search.find(database, "wall")
    record = hit.record
    assert record.kind == "image" and record.media is not None
    assert MediaStore(tmp_path / "media").get(record.media.sha256) == b"jpeg of a wall"
    assert record.media.mime == "image/jpeg" and record.media_name == PHOTO
    without = (await messages.page(database, record.chat_id))[1]
    assert without.media is None and json.loads(without.detail or "{}")["omitted"] is True


async def test_a_file_that_the_mirror_never_got_is_filled_in(database: Database, tmp_path: Path
                                                             ) -> None:
    chat = await group(database)
    record_id, _ = await database.write(messages.add(NewRecord(
        chat_id=chat.id, kind="image", origin="whatsapp", source_id="LIVE1",
        sender=Sender(pn="923007000003"), sent_at=at(1) + 9000, received_at=at(2),
        text="The wall of GPS Killi", media_mime="image/jpeg")))
    path = zipped(tmp_path / "a.zip", [SAID[0]._replace(sender=ZAID)], {PHOTO: b"jpeg of a wall"})
    taken = await take(database, path)
    assert (taken.added, taken.known, taken.filled) == (0, 1, 1)
    record = await messages.get(database, record_id)
    assert record is not None and record.media is not None and record.media.size == 14


@pytest.mark.parametrize("turned", [False, True])
async def test_an_export_without_and_one_with_media(database: Database, tmp_path: Path,
                                                    turned: bool) -> None:
    """The record is the same, whichever comes first: the picture, its name and its caption."""
    without = exported([Said(1, ALI, "<Media omitted>\nThe wall of GPS Killi"),
                        Said(2, ALI, "<Media omitted>"), Said(3, ZAID, "Noted")])
    path = zipped(tmp_path / "b.zip", SAID, {PHOTO: b"jpeg of a wall"})
    if turned:
        await take(database, path)
    await take(database, tmp_path / "a.txt", without)
    if not turned:
        taken = await take(database, path)
        assert (taken.added, taken.filled) == (0, 1)
    chat = await group(database)
    wall, other, noted = await messages.page(database, chat.id)
    assert (wall.kind, wall.media_name, wall.text) == ("image", PHOTO, "The wall of GPS Killi")
    assert wall.media is not None and wall.media.size == 14
    assert "omittedMedia" not in (wall.detail or "") and noted.text == "Noted"
    assert other.media is None


async def test_a_damaged_picture_refuses_the_whole_file(database: Database, tmp_path: Path
                                                        ) -> None:
    path = zipped(tmp_path / "a.zip", SAID, {PHOTO: b"jpeg of a wall" * 100})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"jpeg of a wall", b"jpeg of a hill", 3))
    with pytest.raises(ExportError, match="damaged"):
        await take(database, path)
    assert not await held(database) and not await imports.latest(database)


async def test_a_broken_off_import_is_taken_up(database: Database, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle: a part is in, and the same command brings the rest."""
    monkeypatch.setattr("bridge.exports.reader.BLOCK", 1 << 12)
    monkeypatch.setattr("bridge.exports.reader.AHEAD", 1 << 8)
    monkeypatch.setattr("bridge.imports.survey.PART", 100)
    said = [Said(n, ALI, f"message {n} " + "x" * 60) for n in range(600)]
    count = 0

    def die(_: int) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    path = tmp_path / "a.txt"
    path.write_text(exported(said), encoding="utf-8")
    chat = await group(database)
    found = await survey.survey(database, path, ZONE, chat_id=chat.id)
    with pytest.raises(KeyboardInterrupt):
        await taking.take(database, MediaStore(tmp_path / "media"), found, chat, ZONE, ACTOR,
                          progress=die)
    await asyncio.sleep(0)
    part = len(await held(database))
    assert 0 < part < 600
    taken = await take(database, path)
    assert (taken.known, taken.added) == (part, 600 - part)
    assert [text for *_, text in await held(database)] == [one.text for one in said]
    states = [(run.state, run.report.get("refused", "")) for run in await imports.latest(database)]
    assert states[0][0] == "done" and states[1] == (
        "refused", f"broken off; import {taken.run_id} has taken it up")


async def test_the_text_itself_is_kept(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    await take(database, path, exported(SAID))
    [run] = await imports.latest(database)
    assert MediaStore(tmp_path / "media").get(run.sha256) == path.read_bytes()
    assert run.state == "done" and run.report["added"] == 3 and run.found["messages"] == 3


async def test_a_file_of_the_size_at_which_whatsapp_cuts(database: Database, tmp_path: Path
                                                         ) -> None:
    said = [Said(n // 40, ALI, f"message {n}") for n in range(40_000)]
    found = await survey.survey(database, _written(tmp_path, said), ZONE, chat_id=None)
    assert "WhatsApp cuts an export without media at about 40,000" in found.cut(ZONE)
    created = [Said(0, "", 'Ali created group "Sibi"'), *said]
    found = await survey.survey(database, _written(tmp_path, created), ZONE, chat_id=None)
    assert found.cut(ZONE) == "", "it begins where the group begins"


def _written(folder: Path, said: list[Said]) -> Path:
    path = folder / "big.txt"
    path.write_text(exported(said), encoding="utf-8")
    return path


async def test_a_full_disk_is_told(database: Database, tmp_path: Path,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    path = zipped(tmp_path / "a.zip", SAID, {PHOTO: b"jpeg of a wall"})
    with monkeypatch.context() as patched:
        patched.setattr(MediaStore, "adopt", full)
        with pytest.raises(ExportError, match=r"No space left on device.*import it again"):
            await take(database, path)
    assert (await take(database, path)).added == 3
