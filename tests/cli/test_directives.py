"""`daftar directives report`, over an archive written here."""
from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import config
from archive import directing
from archive.cases import Actor
from archive.db import open_database
from archive.directing import By, Charged
from archive.directives import Finding, Heard
from cli import init
from cli.main import main
from tests.homeserver import house_values


async def _write(url: str) -> None:
    at = int(datetime(2026, 10, 5, 9, tzinfo=ZoneInfo("Asia/Karachi")).timestamp() * 1000)
    by = By(Actor("@a:b", "Ayesha"), at, "$c")
    db = await open_database(url)
    try:
        for event, post in (("$1", "DEO Sibi"), ("$2", "DEO Kech \x1b[31m")):
            [row] = await db.write(directing.propose(
                Heard(event, "!r:b", "@n:b", "Nadia", at, "Report"),
                [Finding(event, (post,), "report", at + 86_400_000)], by))
            await db.write(directing.confirm(row, 2026, [Charged(post, post.split()[1])], by))
        await db.write(directing.move(1, "DEO Sibi", "complied", at + 3_600_000, "", by))
    finally:
        await db.close()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = init.write(tmp_path, house_values("http://127.0.0.1:9"))[0]
    url = config.load(path, env={}).database_url
    Path(url.removeprefix("sqlite:")).parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_write(url))
    return path


def test_a_table_json_and_files(house: Path, capsys: pytest.CaptureFixture[str],
                                tmp_path: Path) -> None:
    command = ["directives", "report", "1-10-2026", "to", "31-10-2026", "--config", str(house)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("Compliance with directives, 1 Oct 2026 to 31 Oct 2026\n\n")
    assert "\x1b" not in said
    rows = [line.split() for line in said.splitlines()]
    assert rows[-1] == ["All", "2", "1", "1", "0", "1", "1", "0", "0", "0", "0"]
    assert main([*command, "--json", "--district", "sibi"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["given"] == 1 and found["lines"][0]["name"] == "DEO Sibi"
    book, paper = tmp_path / "r.xlsx", tmp_path / "r.pdf"
    assert main([*command, "--xlsx", str(book), "--pdf", str(paper)]) == 0
    assert book.read_bytes()[:2] == b"PK" and paper.read_bytes()[:5] == b"%PDF-"
    assert capsys.readouterr().out == ""


def test_what_cannot_be(house: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["directives", "report", "someday", "--config", str(house)]) == 2
    assert "as a period" in capsys.readouterr().err
    assert main(["directives", "report", "--xlsx", str(tmp_path / "no" / "r.xlsx"),
                 "--config", str(house)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["directives", "report", "2020-01", "--config", str(house)]) == 0
    assert "no orders" in capsys.readouterr().out
