"""`daftar init`: files that Synapse and Daftar both accept, and that are not lost by mistake."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import config
from cli.main import main

GIVEN = ["--homeserver-url", "http://127.0.0.1:8008", "--server-name", "edu.example.org",
         "--admin", "@secretary:edu.example.org", "--admin", "@it:edu.example.org"]


def init(folder: Path, *more: str) -> int:
    return main(["init", *GIVEN, "--folder", str(folder), *more])


def registration(folder: Path, name: str) -> dict:
    return yaml.safe_load((folder / "registrations" / f"{name}.yaml").read_text())


def test_writes_files_that_belong_together(tmp_path: Path, capsys) -> None:
    assert init(tmp_path / "new" / "folder") == 0
    folder = tmp_path / "new" / "folder"
    read = config.load(folder / "config.yaml", env={})
    assert read.bridge.admins == ("@secretary:edu.example.org", "@it:edu.example.org")
    bridge, bot = registration(folder, "bridge"), registration(folder, "bot")
    assert (bridge["as_token"], bridge["hs_token"]) == (read.bridge.as_token, read.bridge.hs_token)
    assert (bot["as_token"], bot["hs_token"]) == (read.bot.as_token, read.bot.hs_token)
    assert len({bridge["as_token"], bridge["hs_token"], bot["as_token"], bot["hs_token"]}) == 4
    assert (bridge["url"], bot["url"]) == ("http://127.0.0.1:29400", None)
    assert bridge["rate_limited"] is False and bot["rate_limited"] is False
    told = capsys.readouterr().out
    assert f"{folder.resolve()}/registrations/bridge.yaml" in told and "daftar check" in told


def test_namespaces_hold_our_users_and_nobody_else(tmp_path: Path) -> None:
    init(tmp_path)
    users = registration(tmp_path, "bridge")["namespaces"]["users"]

    def ours(user: str) -> bool:
        return any(re.match(entry["regex"], user) for entry in users)

    assert ours("@wa_923001234567:edu.example.org") and ours("@whatsapp:edu.example.org")
    assert not ours("@secretary:edu.example.org")
    assert not ours("@wa_923001234567:edu-example.org"), "the dots of the server name are dots"
    assert all(entry["exclusive"] for entry in users)
    assert registration(tmp_path, "bot")["namespaces"]["users"] == [
        {"regex": r"@daftar:edu\.example\.org", "exclusive": True}]


def test_the_puppets_registration_acts_for_the_homeservers_users_and_takes_none(tmp_path: Path
                                                                                 ) -> None:
    init(tmp_path)
    read = config.load(tmp_path / "config.yaml", env={})
    puppets = registration(tmp_path, "puppets")
    assert puppets["as_token"] == read.bridge.puppet_token and puppets["url"] is None
    [users] = puppets["namespaces"]["users"]
    assert re.fullmatch(users["regex"], "@secretary:edu.example.org") and not users["exclusive"]
    assert not re.fullmatch(users["regex"], "@secretary:edu-example.org")
    tokens = [read.bridge.as_token, read.bridge.hs_token, read.bot.as_token, puppets["hs_token"]]
    assert read.bridge.puppet_token not in tokens


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    init(tmp_path)
    for path in (tmp_path / "config.yaml", *(tmp_path / "registrations").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_does_not_write_over_an_earlier_one(tmp_path: Path, capsys) -> None:
    init(tmp_path)
    before = (tmp_path / "config.yaml").read_text()
    capsys.readouterr()
    assert init(tmp_path) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == before
    assert init(tmp_path, "--force") == 0
    assert (tmp_path / "config.yaml").read_text() != before


@pytest.mark.parametrize(("more", "told"), [
    (["--homeserver-url", "office:8008"], "homeserver.url must begin with http:// or https://"),
    (["--server-name", "https://office"], "homeserver.name must be a server name"),
    (["--admin", "secretary"], "bridge.admins must hold Matrix ids such as @name:edu.example.org"),
    (["--department", "schools"], "bot.department must be two to eight capital letters"),
    (["--database", "mysql://x"], "database must begin with sqlite: or postgresql://"),
])
def test_values_that_cannot_work_are_refused(tmp_path: Path, capsys, more, told) -> None:
    assert init(tmp_path, *more) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [], "and nothing is written"


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert init(tmp_path / "file" / "x") == 2
    assert "cannot write" in capsys.readouterr().err
