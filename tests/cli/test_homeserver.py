"""Synapse as a child process: starts, goes on after a kill, and says why when it cannot."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.homeserver import HomeserverError, Synapse
from tests.homeserver import SERVER_NAME, House


async def test_users_rooms_and_port_outlive_a_kill_and_a_new_parent(tmp_path: Path) -> None:
    first = Synapse(tmp_path, SERVER_NAME)
    await first.start()
    try:
        token = await first.create_user("secretary", "rose garden", displayname="The Secretary")
        room = (await first.request("POST", "/v3/createRoom", token, {}))["room_id"]
        url = first.url
        first.kill()
        assert first.pid is None
        await first.restart()
        joined = await first.request("GET", "/v3/joined_rooms", token)
        assert (joined["joined_rooms"], first.url) == ([room], url)

        # the parent dies without a word; the next run finds the orphan, ends it, and goes on
        orphan = first.pid
        second = Synapse(tmp_path, SERVER_NAME, port=first.port)
        await second.start()
        assert second.pid not in (None, orphan)
        again = await second.create_user("secretary", "rose garden")
        assert (await second.request("GET", "/v3/joined_rooms", again))["joined_rooms"] == [room]
    finally:
        await first.stop()
        await second.stop()
    assert first.pid is None and second.pid is None


async def test_a_user_is_made_once(synapse: Synapse) -> None:
    await synapse.create_user("house1", "one")
    token = await synapse.create_user("house1", "one", displayname="House")
    who = await synapse.request("GET", "/v3/account/whoami", token)
    assert who["user_id"] == synapse.user_id("house1")
    with pytest.raises(HomeserverError, match="M_FORBIDDEN"):
        await synapse.create_user("house1", "two")


async def test_an_administrator_is_one(synapse: Synapse) -> None:
    token = await synapse.create_user("house-admin", "x", admin=True)
    answer = await synapse.request("GET", "/v3/account/whoami", token)
    assert answer["user_id"] == synapse.user_id("house-admin")
    status = await synapse._json(  # the admin API, which only administrators may ask
        "GET", f"{synapse.url}/_synapse/admin/v2/users?limit=1", token=token)
    assert status["total"] >= 1


async def test_bursts_of_staff_are_not_limited(synapse: Synapse) -> None:
    token = await synapse.create_user("house2", "x")
    room = (await synapse.request("POST", "/v3/createRoom", token, {}))["room_id"]
    for number in range(40):
        await synapse.request("PUT", f"/v3/rooms/{room}/send/m.room.message/{number}", token,
                              {"msgtype": "m.text", "body": "a"})


async def test_it_knows_the_appservices_of_a_house(house: House) -> None:
    for token, localpart in ((house.config.bridge.as_token, house.config.bridge.sender),
                             (house.config.bot.as_token, house.config.bot.sender)):
        who = await house.synapse.request("GET", "/v3/account/whoami", token)
        assert who["user_id"] == house.synapse.user_id(localpart)


async def test_why_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(HomeserverError, match="registration file not found"):
        await Synapse(tmp_path / "a", SERVER_NAME, [tmp_path / "nowhere.yaml"]).start()

    bad = tmp_path / "bad.yaml"
    bad.write_text("id: x\n")
    server = Synapse(tmp_path / "b", SERVER_NAME, [bad])
    with pytest.raises(HomeserverError, match="Synapse ended at once") as caught:
        await server.start()
    assert "Required string field" in str(caught.value), "Synapse's own words are shown"
    assert server.pid is None


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = Synapse(tmp_path, SERVER_NAME, port=other.getsockname()[1])
        with pytest.raises(HomeserverError, match="in use"):
            await server.start()


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "homeserver.yaml").write_text("listeners: 3\n")
    with pytest.raises(HomeserverError, match=r"homeserver\.yaml: cannot be read"):
        Synapse(tmp_path, SERVER_NAME)


async def test_calls_to_a_dead_server_say_so(tmp_path: Path) -> None:
    server = Synapse(tmp_path, SERVER_NAME)
    with pytest.raises(HomeserverError, match="does not answer"):
        await server.login("x", "y")


async def test_a_pid_file_of_somebody_else_harms_nobody(tmp_path: Path) -> None:
    """Pids come round again: only a process that names our file is ours."""
    (tmp_path / "pid").write_text(str(os.getpid()))
    caught: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
    server = Synapse(tmp_path, SERVER_NAME)
    try:
        await server.start()
        assert caught == [] and server.pid != os.getpid()
    finally:
        await server.stop()
        signal.signal(signal.SIGTERM, before)


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when that one is killed without a word."""
    parent = (
        "import asyncio, os, sys; from pathlib import Path; from cli.homeserver import Synapse\n"
        "server = Synapse(Path(sys.argv[1])); asyncio.run(server.start())\n"
        "print(server.pid, flush=True); os.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", parent, str(tmp_path)], capture_output=True,
                          text=True, cwd=Path(__file__).resolve().parent.parent.parent)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    for _ in range(200):
        if not Path(f"/proc/{pid}/exe").exists():  # gone, or dead and not yet asked about
            break
        time.sleep(0.05)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("Synapse went on without its parent")
