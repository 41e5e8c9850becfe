"""`daftar check`: each thing that can be wrong is told in one line that says what to do."""
from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

import config
from bridge.sealing import key_file
from cli import check
from cli.main import main
from tests.homeserver import SERVER_NAME, House, free_port


async def look(house: House, **env: str) -> dict[str, str]:
    """Name of each check -> "ok" or what it says is wrong."""
    read = config.load(house.config_path, env=env)
    return {name: "ok" if good else text async for name, text, good in check.checks(read)}


@pytest.fixture
async def staffed(house: House) -> AsyncIterator[House]:
    for localpart in ("admin", "secretary"):
        await house.synapse.create_user(localpart, "x")
    yield house


async def test_all_is_well(staffed: House) -> None:
    assert set((await look(staffed)).values()) == {"ok"}


async def test_a_wrong_token_and_a_missing_registration(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_AS_TOKEN="x", DAFTAR_BOT_AS_TOKEN="y")
    assert "does not know bridge.as_token: name registrations/bridge.yaml in " in told[
        "bridge's registration"]
    assert "does not know bot.as_token: name registrations/bot.yaml" in told["bot's registration"]
    assert told["homeserver"] == "ok"
    told = await look(staffed, DAFTAR_BRIDGE_PUPPET_TOKEN="x")
    assert "does not know bridge.puppet_token: name registrations/puppets.yaml" in told[
        "staff's registration"]
    assert (await look(staffed, DAFTAR_BRIDGE_PUPPET_TOKEN=""))["staff's registration"] == "ok"


async def test_tokens_of_the_wrong_one(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_BOT="other")
    assert f"takes us for @whatsapp-appservice:{SERVER_NAME}, not @other-" in told[
        "bridge's registration"]


async def test_the_homeserver_shows_another_token(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_HS_TOKEN="other")
    assert "refuses the homeserver (HTTP 403)" in told["bridge's address"]


async def test_the_bridge_listens_where_the_homeserver_does_not_look(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_PORT=str(free_port()))
    assert "cannot reach the bridge at the url of its registration" in told["bridge's address"]


async def test_rooms_are_to_be_encrypted_and_there_is_no_device(staffed: House) -> None:
    assert (await look(staffed, DAFTAR_BRIDGE_ENCRYPTED="*"))["encryption"] == "ok"
    keys = key_file(staffed.config.data)  # as after a start of the bridge
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.touch()
    told = await look(staffed, DAFTAR_BRIDGE_ENCRYPTED="*")
    keys.unlink()
    assert "the homeserver has given the bridge no device" in told["encryption"]


async def test_a_host_that_is_not_ours(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_HOST="203.0.113.1", DAFTAR_WEB_HOST="203.0.113.1")
    assert "see bridge.host and bridge.port" in told["bridge's address"]
    assert "see web.host and web.port" in told["archive pages"]


async def test_a_port_in_use(staffed: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = await look(staffed, DAFTAR_WEB_PORT=str(other.getsockname()[1]))
    assert "is in use" in told["archive pages"] and "web.port" in told["archive pages"]


async def test_people_who_are_not_there(staffed: House) -> None:
    told = await look(staffed, DAFTAR_BRIDGE_STAFF=f"@nobody:{SERVER_NAME},@else:elsewhere.org")
    assert told["people"].startswith(f"not on the homeserver: @nobody:{SERVER_NAME};")
    told = await look(staffed, DAFTAR_BRIDGE_ADMINS="")
    assert "nobody may link the department's phone" in told["people"]


async def test_folder_and_database(staffed: House) -> None:
    told = await look(staffed, DAFTAR_DATA="/proc/daftar",
                      DAFTAR_DATABASE=f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert "/proc/daftar cannot be written" in told["data folder"]
    assert "cannot reach PostgreSQL" in told["database"]


async def test_an_unreachable_homeserver_is_told_once(staffed: House) -> None:
    told = await look(staffed, DAFTAR_HOMESERVER_URL=f"http://127.0.0.1:{free_port()}")
    assert "is the homeserver running, and is homeserver.url right?" in told["homeserver"]
    assert told["bridge's registration"] == "not asked: the homeserver does not answer"
    assert told["WhatsApp library"] == "ok", "what needs no homeserver is still looked at"


async def test_something_else_at_the_homeservers_address(staffed: House) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{rest:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        told = await look(staffed, DAFTAR_HOMESERVER_URL=f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()
    assert "is no Matrix homeserver" in told["homeserver"]
    assert "answers HTTP 200" in told["bridge's registration"]


async def test_a_whatsapp_library_that_does_not_load(staffed: House) -> None:
    """A library without its Go part, put before the real one by PYTHONPATH."""
    broken = staffed.config_path.parent / "broken" / "neonize"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('libneonize.so: wrong ELF class')")
    told = await look(staffed, DAFTAR_WHATSAPP_ENVIRONMENT=f"PYTHONPATH={broken.parent}")
    assert told["WhatsApp library"].startswith(
        "does not load (OSError: libneonize.so: wrong ELF class); run `make setup`")


def test_the_command_prints_a_line_each_and_fails(staffed_path: Any, capsys) -> None:
    assert main(["check", "--config", str(staffed_path)]) == 1
    told = capsys.readouterr().out
    assert "ok    configuration" in told and "ok    homeserver" in told
    assert "FAIL  people: not on the homeserver" in told
    assert told.endswith("1 of these need a hand.\n")


@pytest.fixture
def staffed_path(house: House, tmp_path):
    text = house.config_path.read_text().replace(f"@admin:{SERVER_NAME}", f"@ghost:{SERVER_NAME}")
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path
