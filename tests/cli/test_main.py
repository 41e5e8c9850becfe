"""The console command: its table, and what a user sees when something is wrong."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archive.db import ArchiveError
from cli.homeserver import HomeserverError
from cli.main import COMMANDS, exit_code, main
from config import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent


def daftar(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cli.main", *arguments], cwd=ROOT,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_help_lists_every_command_and_loads_none() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cli.main", "--help"], cwd=ROOT,
        capture_output=True, text=True)
    assert done.returncode == 0
    for name, command in COMMANDS.items():
        assert name in done.stdout and command.help[:20] in done.stdout
    for heavy in ("aiohttp", "yaml", "nio", "mautrix", "sqlite3"):
        assert f" {heavy}\n" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = daftar(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: daftar {name}")
    for nothing in ("(default: None)", "(default: False)", "(default: )", "(default: [])"):
        assert nothing not in " ".join(done.stdout.split())


@pytest.mark.parametrize(("arguments", "told"), [
    (["rnu"], "there is no command 'rnu'; did you mean run?"),
    (["zzz"], "there is no command 'zzz'; known: init, check"),
    ([], "the following arguments are required: COMMAND"),
    (["run", "brigde"], "invalid choice: 'brigde'"),
    (["run", "--config", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
    (["run", "--config", "config.example.yaml"], "homeserver.url still holds the example's value"),
    (["search", "x", "--since", "soon", "--config", "nowhere.yaml"], "there is no such file"),
])
def test_mistakes_get_one_sentence(arguments: list[str], told: str) -> None:
    done = daftar(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_errors_of_users_have_codes_and_faults_of_ours_have_none() -> None:
    class Newer(ArchiveError):
        pass

    for error in (ConfigError("x"), ArchiveError("x"), HomeserverError("x"), Newer("x")):
        assert exit_code(error) == 2
    assert exit_code(KeyError("x")) is None


def test_a_database_that_cannot_be_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    main(["init", "--homeserver-url", "http://127.0.0.1:1", "--server-name", "office.test",
          "--folder", str(tmp_path)])
    monkeypatch.setenv("DAFTAR_DATABASE", f"sqlite:{tmp_path}")  # a folder
    capsys.readouterr()
    assert main(["status", "--config", str(tmp_path / "config.yaml")]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("daftar: database: cannot open") and told.out == ""


def test_a_fault_of_ours_is_told_without_a_traceback(tmp_path: Path, monkeypatch, capsys) -> None:
    """Unless the log is asked to show more."""
    def broken(args: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr("cli.status.run", broken)
    assert main(["status"]) == 70
    assert capsys.readouterr().err == ("daftar: a fault of Daftar's own: KeyError: 'x'; the same "
                                       "with --log-level debug shows where\n")
