"""`daftar directory`: a file is looked at, taken in, given out; and what a start does with it."""
from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

import config
from archive import postings
from archive.db import open_database
from archive.gazetteer import PostName
from archive.gazetteer_file import GazetteerError
from cli import directory, init
from cli.main import main
from tests.homeserver import house_values

GOOD = "post,place,name,phone,from\nDEO,Sibi,Ghulam Haider,0300 5120011,2016-05-09\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    values = house_values("http://127.0.0.1:1")
    written = init.write(tmp_path, {**values, "directory": {"file": "posts.csv"}})
    config.load(written[0], env={}).data.mkdir()
    return str(written[0])


def run(path: str, *words: str) -> int:
    return main(["directory", *words, "--config", path])


def holders(path: str) -> list[str]:
    async def look() -> list[str]:
        db = await open_database(config.load(path, env={}).database_url)
        try:
            return [each.person for each in await postings.holders(
                db, PostName("DEO", "Sibi"), "2026-01-01")]
        finally:
            await db.close()
    return asyncio.run(look())


def test_check_import_export(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "posts.csv"
    file.write_text(GOOD)
    assert run(path, "check", str(file)) == 0 and holders(path) == []
    assert capsys.readouterr().out == (
        f"{file}: 1 line, 1 person: 1 posting added. Nothing is changed.\n")
    assert run(path, "import", str(file)) == 0 and holders(path) == ["Ghulam Haider"]
    assert run(path, "export", str(tmp_path / "out.csv")) == 0
    assert "Ghulam Haider,+92 300 5120011" in (tmp_path / "out.csv").read_text("utf-8-sig")
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0
    assert run(path, "import", str(tmp_path / "out.csv")) == 0
    assert "all stands in the directory already" in capsys.readouterr().out


def test_problems_are_told_by_line(path: str, tmp_path: Path,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "posts.csv"
    file.write_text(GOOD + "DEO,Sbii,A,,31-09-2026\nDEO,Kohlu,B,,\n")
    assert run(path, "import", str(file)) == 1 and holders(path) == []
    assert capsys.readouterr().err.splitlines() == [
        f"{file}: line 3: Sbii is no district of the gazetteer; did you mean Sibi?",
        f"{file}: line 3: 31-09-2026 is a date that does not exist",
        "2 to be mended; nothing of the file is taken."]
    assert run(path, "import", str(tmp_path / "no.csv")) == 2
    assert "no.csv cannot be read: No such file" in capsys.readouterr().err


def test_a_start_takes_the_file_and_goes_on_without_a_wrong_one(
        path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, read = tmp_path / "posts.csv", config.load(path, env={})
    assert read.directory.file == str(file)
    file.write_text(GOOD)
    assert asyncio.run(directory.load_at_start(read)) == [] and holders(path) == ["Ghulam Haider"]
    file.write_text(GOOD.replace("2016-05-09", "2016-13-09"))
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(directory.load_at_start(read))
    assert "line 2: 2016-13-09 is a date that does not exist" in caplog.text
    assert "the directory stays as it stood" in caplog.text and holders(path) == ["Ghulam Haider"]


def test_a_wrong_gazetteer_is_told_in_one_sentence(path: str, tmp_path: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "places.yaml").write_text("districts:\n  - {name: Sibi, division: Sibbi}\n")
    with Path(path).open("a") as file:
        file.write("\n")
    text = Path(path).read_text().replace("file: posts.csv", "gazetteer: places.yaml")
    Path(path).write_text(text)
    with pytest.raises(GazetteerError):
        asyncio.run(directory.load_at_start(config.load(path, env={})))
    (tmp_path / "posts.csv").write_text(GOOD)
    assert run(path, "check", str(tmp_path / "posts.csv")) == 2
    assert "line 2: Sibi lies in Sibbi, which is no division or region" in capsys.readouterr().err
