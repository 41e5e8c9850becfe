"""The configuration: every wrong one is told in one sentence that names file and key."""
from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

import config
from cli import reference

GOOD = """\
homeserver: {url: "http://127.0.0.1:8008", name: office.test}
bridge:
  as_token: a
  hs_token: b
bot: {as_token: c, hs_token: d}
"""


def load(folder: Path, text: str | bytes, env: dict[str, str] | None = None) -> config.Config:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.load(path, env=env or {})


def refusal(folder: Path, text: str | bytes, env: dict[str, str] | None = None) -> str:
    with pytest.raises(config.ConfigError) as caught:
        load(folder, text, env)
    told = str(caught.value)
    assert told.startswith(str(folder / "config.yaml")), "the file is named"
    assert "\n" not in told and "Traceback" not in told
    return told.removeprefix(str(folder / "config.yaml") + ": ")


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    read = load(tmp_path, GOOD)
    assert read.bridge.ghost_prefix == "wa_"
    assert read.data == tmp_path / "data"
    assert read.database_url == f"sqlite:{tmp_path}/data/daftar.sqlite"
    assert read.user_id("daftar") == "@daftar:office.test"


def test_relative_paths_start_from_the_file(tmp_path: Path) -> None:
    read = load(tmp_path, GOOD + "data: here\ndatabase: sqlite:there/a.sqlite\n")
    assert read.data == tmp_path / "here"
    assert read.database_url == f"sqlite:{tmp_path}/there/a.sqlite"
    read = load(tmp_path, GOOD + "data: /srv/daftar\ndatabase: sqlite:/srv/a.sqlite\n")
    assert (read.data, read.database_url) == (Path("/srv/daftar"), "sqlite:/srv/a.sqlite")


@pytest.mark.parametrize(("more", "told"), [
    ("databse: x\n", "databse is not a known key; did you mean database?"),
    ("web: {prt: 1}\n", "web.prt is not a known key; did you mean port?"),
    ("web: {zzz: 1}\n", "web.zzz is not a known key; known here: host, metrics_token, "
     "metrics_token_file, port, public_url, readers"),
    ("12: 3\n", "12 is not a known key"),
    ("web: {port: eighty}\n", "web.port must be a whole number, not 'eighty'"),
    ("web: {port: -1}\n", "web.port must be a whole number, not -1"),
    ("web: {port: true}\n", "web.port must be a whole number, not True"),
    ("web: {port: 70000}\n", "web.port must be a port, at most 65535, not 70000"),
    ("web: [1, 2]\n", "web must be made of `KEY: value` lines, not [1, 2]"),
    ("web: {readers: [1]}\n", "web.readers must be a list of texts, not [1]"),
    ("web: {readers: ali}\n", "web.readers must hold Matrix ids such as @name:office.test"),
    ("web: {public_url: office.test}\n", "web.public_url must begin with http:// or https://"),
    ("timezone: Quetta\n", "timezone must be a time zone such as Asia/Karachi, not 'Quetta'"),
    ("timezone: ../../etc/passwd\n", "timezone must be a time zone"),
    ("database: mysql://x\n", "database must begin with sqlite: or postgresql://"),
    ("whatsapp: {name: ../main}\n", "whatsapp.name becomes a folder"),
    ("whatsapp: {environment: [A]}\n", "whatsapp.environment must be `NAME: value` lines"),
    ("whatsapp: {environment: {A: CHANGE-ME}}\n",
     "whatsapp.environment.A still holds the example's value"),
    ("data: [x]\n", "data must be a path, not ['x']"),
    ("timezone: Asia/Karachi\ntimezone: UTC\n", "the key 'timezone' stands twice"),
])
def test_a_wrong_line_is_named(tmp_path: Path, more: str, told: str) -> None:
    assert told in refusal(tmp_path, GOOD + more)


@pytest.mark.parametrize(("line", "told"), [
    ("  as_token: CHANGE-ME", "bridge.as_token still holds the example's value; put your own"),
    ("  as_token: ''", "bridge.as_token is empty"),
    ("  as_token: c", "bot.as_token must differ from bridge.as_token"),
    ("  as_token:", "bridge.as_token is missing: Secret the bridge shows the homeserver."),
    ("  as_token: [s3cret]", "bridge.as_token must be text, not what stands there"),
    ("  as_token: a\n  ghost_name: '{nam}'", "bridge.ghost_name may only use the fields {name}"),
    ("  as_token: a\n  relay: '{name'", "bridge.relay may only use the fields {name}, {post}"),
    ("  as_token: a\n  join_members: some", "bridge.join_members must be lazily or all"),
    ("  as_token: a\n  spaces: Makran", "bridge.spaces must be a list of rules, not 'Makran'"),
    ("  as_token: a\n  spaces: [{space: Makran}]", "bridge.spaces[0].groups is missing"),
    ("  as_token: a\n  spaces: [{space: M, groups: ['*'], x: 1}]",
     "bridge.spaces[0].x is not a known key"),
    ("  as_token: a\n  bot: Whats App", "bridge.bot must be made of lower case letters"),
    ("  as_token: a\n  ghost_prefix: ''", "bridge.ghost_prefix must be made of"),
])
def test_the_bridge_section(tmp_path: Path, line: str, told: str) -> None:
    assert told in refusal(tmp_path, GOOD.replace("  as_token: a", line))


@pytest.mark.parametrize(("text", "told"), [
    ("", "homeserver.url is missing"),
    ("# nothing but a comment\n", "homeserver.url is missing"),
    ("- a\n- b\n", "the file must be made of `KEY: value` lines, not ['a', 'b']"),
    ("just words", "the file must be made of `KEY: value` lines"),
    ("false", "the file must be made of `KEY: value` lines"),
    ("a: [1", "is not YAML"),
    ("homeserver:\n\turl: x\n", "is not YAML"),
    ("a: !!python/object/apply:os.system [ls]\n", "is not YAML"),
    (b"\xff\xfe\x00\x01", "cannot be read"),
    (b"SQLite format 3\x00\x10\x00", "is not YAML"),
])
def test_a_file_that_is_none(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in refusal(tmp_path, text)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"no such file; `daftar init` writes one"):
        config.load(tmp_path / "nowhere.yaml", env={})
    with pytest.raises(config.ConfigError, match=r"cannot be read"):
        config.load(tmp_path, env={})


def test_a_secret_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    text = GOOD.replace("as_token: a", "as_token_file: token")
    assert load(tmp_path, text).bridge.as_token == "from a file"
    (tmp_path / "token").unlink()
    assert "bridge.as_token_file cannot be read" in refusal(tmp_path, text)
    both = GOOD.replace("as_token: a", "as_token: a\n  as_token_file: token")
    assert "give either bridge.as_token or bridge.as_token_file" in refusal(tmp_path, both)
    assert "web.host_file is not a known key" in refusal(tmp_path, GOOD + "web: {host_file: x}\n")


@pytest.mark.parametrize("time", ["10:00", "'25:00'", "'morning'", "'9'"])
def test_a_time_of_day(tmp_path: Path, time: str) -> None:
    """Unquoted, YAML takes 10:00 for a number of base sixty."""
    bot = "hs_token: d, digest: "
    assert load(tmp_path, GOOD.replace("hs_token: d", f"{bot}'9:05'")).bot.digest == "9:05"
    assert load(tmp_path, GOOD.replace("hs_token: d", f"{bot}''")).bot.digest == ""
    told = refusal(tmp_path, GOOD.replace("hs_token: d", bot + time))
    assert 'bot.digest must be a time in quotes such as "09:00"' in told


def test_who_may_what_by_id_and_by_number(tmp_path: Path) -> None:
    bot = "hs_token: d, roles: {'@a:office.test': viewer, +923001234567: officer}"
    bot += ", official_commands: [case status, case list (officer)]"
    read = load(tmp_path, GOOD.replace("hs_token: d", bot)).bot
    assert read.roles == {"@a:office.test": "viewer", "923001234567": "officer"}
    for wrong, told in (("roles: {0300: officer}", "phone numbers such as +923001234567, or posts"),
                        ("official_commands: [case list (boss)]", "such as case status or case")):
        assert told in refusal(tmp_path, GOOD.replace("hs_token: d", f"hs_token: d, {wrong}"))


def test_rules_for_spaces(tmp_path: Path) -> None:
    rules = "[{space: Makran, groups: ['*Kech*', 120363000000000001@g.us]}]"
    read = load(tmp_path, GOOD.replace("as_token: a", f"as_token: a\n  spaces: {rules}"))
    assert read.bridge.spaces == (
        config.SpaceRule("Makran", ("*Kech*", "120363000000000001@g.us")),)


def test_the_environment_wins(tmp_path: Path) -> None:
    env = {"DAFTAR_BRIDGE_AS_TOKEN": "e", "DAFTAR_WEB_PORT": "81", "DAFTAR_DATA": "/srv/d",
           "DAFTAR_BRIDGE_STAFF": "@a:office.test, @b:office.test",
           "DAFTAR_WHATSAPP_ENVIRONMENT": "HTTPS_PROXY=http://127.0.0.1:1,A="}
    read = load(tmp_path, GOOD, env)
    assert (read.bridge.as_token, read.web.port, read.data) == ("e", 81, Path("/srv/d"))
    assert read.bridge.staff == ("@a:office.test", "@b:office.test")
    assert read.whatsapp.environment == {"HTTPS_PROXY": "http://127.0.0.1:1", "A": ""}
    assert "web.port must be a whole number" in refusal(tmp_path, GOOD, {"DAFTAR_WEB_PORT": "x"})
    assert "whatsapp.environment must be" in refusal(
        tmp_path, GOOD, {"DAFTAR_WHATSAPP_ENVIRONMENT": "x"})


def test_the_example_holds_every_key_and_is_refused_as_it_is(tmp_path: Path) -> None:
    example = (reference.ROOT / "config.example.yaml").read_text(encoding="utf-8")
    assert example == reference.config_text({}), "run `make docs`"
    for _, field in keys(config.Config):
        assert f"{field.name}: " in example
    assert "homeserver.url still holds the example's value" in refusal(tmp_path, example)


def test_the_example_works_once_its_values_are_changed(tmp_path: Path) -> None:
    """Also with every commented default made active: it then says what it said before."""
    example = (reference.ROOT / "config.example.yaml").read_text(encoding="utf-8")
    for number in range(example.count("CHANGE-ME")):
        value = "http://127.0.0.1:8008" if number == 0 else f"value{number}"
        example = example.replace("CHANGE-ME", value, 1)
    names = {field.name for _, field in keys(config.Config)}
    active = "\n".join(
        line.replace("# ", "", 1) if line.strip().removeprefix("# ").split(":")[0] in names
        else line for line in example.splitlines())
    assert load(tmp_path, example) == load(tmp_path, active)
    assert active != example


def test_the_reference_is_what_the_code_says() -> None:
    page = (reference.ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert page == reference.reference(), "run `make docs`"
    for prefix, field in keys(config.Config):
        assert f"`{prefix}{field.name}`" in page
        assert field.metadata["doc"].replace("|", "\\|") in page


def keys(cls: type, prefix: str = "") -> typing.Iterator[tuple[str, dataclasses.Field[Any]]]:
    """(section with a dot, field) of every key."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from keys(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield prefix, field
