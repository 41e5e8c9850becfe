"""`daftar schools`: a list taken in, looked at only, given out."""
from __future__ import annotations

from pathlib import Path

import pytest

import config
from cli import init
from cli.main import main
from tests.homeserver import house_values

LIST = "BEMIS,Name of School,Distt\n7086,GBPS Thangao Hara,SIBI\n05117,GGPS Kurak,Sini\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    written = init.write(tmp_path, house_values("http://127.0.0.1:1"))
    config.load(written[0], env={}).data.mkdir()
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    return str(written[0])


def schools(path: str, *words: str) -> int:
    return main(["schools", *words, "--config", path])


def test_a_list_is_looked_at_taken_and_given_out(path: str, tmp_path: Path, capsys) -> None:
    file = str(tmp_path / "list.csv")
    assert schools(path, "import", file, "--dry-run") == 0
    told = capsys.readouterr()
    assert told.out == (f"{file}: 2 schools: 2 new, 0 changed, 0 as before. Nothing is "
                        "changed.\n")
    assert "1 code had lost the leading zero" in told.err
    assert schools(path, "import", file) == 0
    assert capsys.readouterr().out == f"{file}: 2 schools: 2 new, 0 changed, 0 as before\n"
    out = str(tmp_path / "out.csv")
    assert schools(path, "export", out) == 0
    assert "07086,GBPS Thangao Hara,Sibi,,primary,boys" in Path(out).read_text("utf-8-sig")
    assert schools(path, "import", out) == 0
    assert "0 new, 0 changed, 2 as before" in capsys.readouterr().out


def test_one_wrong_line_and_nothing_is_taken(path: str, tmp_path: Path, capsysbinary) -> None:
    file = tmp_path / "list.csv"
    file.write_text(LIST + "0511X,GBPS Mach,Kachhi\n", encoding="utf-8")
    assert schools(path, "import", str(file)) == 1
    told = capsysbinary.readouterr().err.decode()
    assert f"{file}: line 4: “0511X” is no BEMIS code of 5 digits" in told
    assert "1 to be mended; nothing of the file is taken." in told
    assert schools(path, "export") == 0
    assert capsysbinary.readouterr().out.decode("utf-8-sig").splitlines() == [
        "bemis,name,district,tehsil,level,gender,latitude,longitude,teachers_sanctioned"]
    assert schools(path, "import", str(tmp_path / "none.csv")) == 2
    assert "none.csv cannot be read: No such file" in capsysbinary.readouterr().err.decode()
