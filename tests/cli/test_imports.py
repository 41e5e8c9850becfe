"""`daftar import`, as an administrator runs it."""
from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import pty
import select
import signal
import sys
from pathlib import Path

import pytest
import yaml

import config
from archive import directory
from archive.db import open_database
from cli import init
from cli.main import main
from tests.homeserver import house_values

GROUP = "Education Sibi"
EXPORT = """\
28/12/2025, 7:50 am - Messages and calls are end-to-end encrypted. Only people in this chat can \
read, listen to, or share them. Learn more.
28/12/2025, 7:50 am - Ali Khan created group "Education Sibi"
28/12/2025, 7:51 am - Ali Khan: GPS Killi is closed
28/12/2025, 7:52 am - +92 300 7000003: DEO Sibi. Pl look into the issue
28/12/2025, 7:53 am - ~ Sara: Noted sir
28/12/2025, 7:53 am - Ali Khan: <Media omitted>
"""


async def _group(url: str) -> None:
    db = await open_database(url)
    try:
        await db.write(directory.ensure_chat("1@g.us", GROUP, "", 0))
        await db.write(directory.ensure_chat("2@g.us", "Secondary Department", "", 0))
    finally:
        await db.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, a record of two groups, and an export."""
    written = init.write(tmp_path, house_values("http://127.0.0.1:1"))
    read = config.load(written[0], env={})
    read.data.mkdir()
    asyncio.run(_group(read.database_url))
    (tmp_path / f"WhatsApp Chat with {GROUP}.txt").write_text(EXPORT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take(*args: str) -> int:
    return main(["import", *args])


def export(office: Path) -> str:
    return str(next(office.glob("WhatsApp*.txt")))


def test_a_file_is_taken_in_once(office: Path, capsys) -> None:
    assert take(export(office), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["group"] == GROUP and said["messages"] == 6
    assert said["order"] == "dmy" and "28/12/2025" in said["order_because"]
    assert said["imported"]["added"] == 6 and said["imported"]["known"] == 0
    assert {p["name"]: p["how"] for p in said["people"]} == {
        "Ali Khan": "unknown", "+92 300 7000003": "number", "~ Sara": "unknown"}
    assert take(export(office), "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["imported"]["added"] == 0 and again["imported"]["known"] == 6
    assert main(["search", "killi"]) == 0
    assert "Ali Khan: GPS Killi is closed" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(office: Path, capsys) -> None:
    assert take(export(office), "--dry-run") == 0
    told = capsys.readouterr().out
    assert "6 messages by 3 senders, of 28 December 2025" in told
    assert "It would add 6 messages; the record has 0 already." in told
    assert "Nothing is written" in told and not (office / "people.yaml").exists()
    assert main(["search", "killi"]) == 1


def test_people_are_asked_for_once_and_remembered(office: Path, capsys) -> None:
    take(export(office))
    people = yaml.safe_load((office / "people.yaml").read_text(encoding="utf-8"))
    assert people == {"Ali Khan": None, "~ Sara": None}
    people["~ Sara"] = "+92 300 7000009"
    (office / "people.yaml").write_text(yaml.safe_dump(people), encoding="utf-8")
    capsys.readouterr()
    assert take(export(office), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["imported"]["added"] == 0, "her messages are known, though she is somebody else now"
    sara = next(p for p in said["people"] if p["name"] == "~ Sara")
    assert sara["how"] == "told" and sara["number"] == "+923007000009"
    (office / "people.yaml").unlink()
    take(export(office), "--json")
    said = json.loads(capsys.readouterr().out)
    assert next(p for p in said["people"] if p["name"] == "~ Sara")["how"] == "remembered"


def test_a_folder_is_taken_file_by_file(office: Path, capsys) -> None:
    (office / "out").mkdir()
    Path(export(office)).rename(office / "out" / f"WhatsApp Chat with {GROUP}.txt")
    (office / "out" / "notes.txt").write_text("buy tea\n")
    assert take("out", "--json") == 1
    captured = capsys.readouterr()
    taken, refused = map(json.loads, captured.out.splitlines())
    assert taken["imported"]["added"] == 6
    assert refused["file"] == "out/notes.txt" and "tells no group" in refused["refused"]
    assert "notes.txt" in captured.err and len(captured.err.splitlines()) == 1
    (office / "out" / "._WhatsApp Chat.txt").write_bytes(b"\0\5\26\7")  # as macOS leaves them
    assert take("out") == 1
    assert capsys.readouterr().out.endswith("1 of 2 files: taken in; 1 refused\n")


def test_a_file_that_names_another_group_is_not_taken(office: Path, capsys) -> None:
    assert take(export(office), "--group", "Secondary Department") == 2
    assert "its name says that it is of “Education Sibi”" in capsys.readouterr().err
    assert take(export(office), "--group", " ") == 2
    assert "--group is empty" in capsys.readouterr().err
    assert take(export(office), "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["would"]["known"] == 0, "nothing is written"


def test_what_a_dry_run_says_comes_true(office: Path, capsys) -> None:
    path = Path(export(office))
    whole = path.read_text(encoding="utf-8")
    path.write_text("".join(whole.splitlines(keepends=True)[:4]), encoding="utf-8")
    assert take(str(path)) == 0
    path.write_text(whole, encoding="utf-8")
    capsys.readouterr()
    for people in (None, '"Ali Khan": "+92 300 1111111"\n'):
        if people:
            (office / "people.yaml").write_text(people)
        assert take(str(path), "--dry-run", "--json") == 0
        would = json.loads(capsys.readouterr().out)["would"]
        assert (would["added"], would["known"]) == (2, 4)
    assert take(str(path), "--json") == 0
    assert json.loads(capsys.readouterr().out)["imported"]["added"] == 2


def test_what_people_wrote_of_people_stays(office: Path, capsys) -> None:
    written = '# of the phone of the RTSM\nGul:  # the clerk, see file 7\n"~ Sara": # who?\n'
    (office / "people.yaml").write_text(written, encoding="utf-8")
    assert take(export(office)) == 0
    kept = (office / "people.yaml").read_text(encoding="utf-8")
    assert kept == written + '"Ali Khan":  # Education Sibi: 2 messages\n'
    assert "2 names that nobody is known for stand in people.yaml" in capsys.readouterr().err


def test_people_that_cannot_be_noted_are_told(office: Path, capsys) -> None:
    """The import is done all the same."""
    assert take(export(office), "--people", "nowhere/people.yaml") == 0
    captured = capsys.readouterr()
    assert "nowhere/people.yaml cannot be written (No such file or directory)" in captured.err
    assert "new in the record: 6" in captured.out


@pytest.mark.parametrize("number", ["+0300 1234567", "+92 300 12345678901234567", "+92-3-0-0"])
def test_a_number_that_is_none_is_refused(office: Path, capsys, number: str) -> None:
    (office / "people.yaml").write_text(f'"Ali Khan": "{number}"\n')
    assert take(export(office)) == 2
    assert "write the whole number with its country" in capsys.readouterr().err


def test_a_group_that_is_not_mirrored_gets_a_record(office: Path, capsys) -> None:
    Path(export(office)).rename(office / "WhatsApp chat.txt")
    assert take(export(office), "--group", "Old School Project") == 2
    assert "--new" in capsys.readouterr().err
    assert take(export(office), "--group", "Old School Project", "--new") == 0
    assert take(export(office), "--group", "Old School Project", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["imported"]["added"] == 0


def test_only_what_was_said_since(office: Path, capsys) -> None:
    assert take(export(office), "--since", "2025-12-28T07:52", "--json") == 0
    assert json.loads(capsys.readouterr().out)["imported"]["added"] == 3
    assert take(export(office), "--since", "2026-12-28") == 2
    assert "no message since then" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "words"), [
    (b"", "the file is empty"),
    (b"%PDF-1.7 ...", "a PDF"),
    ("28/12/2025, 7:50 am - A: x\n".encode("utf-16"), "UTF-16"),
    (b"05/06/2025, 7:50 am - Ali: x\n", "--date-order"),
    (b"PK\x03\x04 broken", "damaged"),
])
def test_bad_files_are_refused_whole(office: Path, capsys, content: bytes, words: str) -> None:
    (office / "bad.txt").write_bytes(content)
    assert take("bad.txt", "--group", GROUP) == 2
    told = capsys.readouterr().err
    assert words in told and told.startswith("daftar: bad.txt: ") and told.count("\n") == 1


def test_people_files_that_are_none(office: Path, capsys) -> None:
    (office / "people.yaml").write_text("Ali Khan: [1, 2]\n")
    assert take(export(office)) == 2
    assert "put names and numbers in quotes" in capsys.readouterr().err
    (office / "people.yaml").write_text("Ali Khan: Nobody At All\n")
    assert take(export(office)) == 2
    assert "whom the directory does not know" in capsys.readouterr().err


def test_status_tells_of_one_that_was_broken_off(office: Path, capsys,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("bridge.imports.taking._note", die)
        assert take(export(office)) == 130
    main(["status"])
    assert "Import 1 of WhatsApp Chat with Education Sibi.txt: being taken in, or broken off" in (
        capsys.readouterr().out)
    assert take(export(office)) == 0
    main(["status"])
    assert "Import 1" not in capsys.readouterr().out.partition("Waiting")[2]


def test_groups_whose_names_have_no_letters_are_several(office: Path, capsys) -> None:
    Path(export(office)).rename(office / "chat.txt")
    for name in ("😀", "🌹", "😀"):
        assert take("chat.txt", "--group", name, "--new", "--json") == 0
    added = [json.loads(line)["imported"]["added"]
             for line in capsys.readouterr().out.splitlines()]
    assert added == [6, 6, 0]


def test_ctrl_c_ends_a_question(office: Path) -> None:
    """On a terminal, where the names that nobody is known for are asked."""
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-m", "cli.main", "import", export(office)])
    said, pressed = b"", False
    with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
        while select.select([terminal], [], [], 60)[0]:
            said += os.read(terminal, 4096)
            if not pressed and b"Ali Khan (2 messages" in said:
                os.write(terminal, b"\x03")
                pressed = True
        os.kill(pid, signal.SIGKILL)  # it waits for more
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"\ndaftar: broken off; the same command goes on" in said and b"Traceback" not in said


def test_ctrl_c_in_the_moment_before_a_question(office: Path, capsys,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop has taken it: nobody is asked, rather than asked for ever."""
    asked = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> str:
            asked.append(True)
            return ""

    def pressed(text: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return text

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("cli.imports._printable", pressed)
    assert take(export(office)) == 130 and not asked
    assert "broken off; the same command goes on" in capsys.readouterr().err
