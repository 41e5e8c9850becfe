"""Fixtures with a real Synapse. A new one takes about 1.2 s, a restart 0.9 s."""
from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import config
from cli import init
from cli.homeserver import Synapse

SERVER_NAME = "office.test"


@dataclass(frozen=True)
class House:
    """A running Synapse that knows the bridge and the bot of `config`, whose files are in
    `config_path`'s folder. Bridge and bot themselves do not run."""

    synapse: Synapse
    config: config.Config
    config_path: Path


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def house_values(synapse_url: str, **sections: dict[str, Any]) -> dict[str, Any]:
    """Configuration values for a test house; `sections` are laid over them, key by key."""
    values: dict[str, Any] = {
        "homeserver": {"url": synapse_url, "name": SERVER_NAME},
        "bridge": {"as_token": init.new_token(), "hs_token": init.new_token(),
                   "puppet_token": init.new_token(),
                   "port": free_port(), "admins": [f"@admin:{SERVER_NAME}"],
                   "staff": [f"@secretary:{SERVER_NAME}"]},
        "bot": {"as_token": init.new_token(), "hs_token": init.new_token()},
        "web": {"port": free_port()},
    }
    for section, keys in sections.items():
        values.setdefault(section, {}).update(keys)
    return values


def open_house(folder: Path, settings: dict[str, Any] | None = None, *,
               more_registrations: Sequence[Path] = (), **sections: dict[str, Any]) -> House:
    """Write the files of a house into `folder` and start its Synapse (`settings` go to it), which
    knows the appservices of `more_registrations` as well.
    The caller stops it: `await house.synapse.stop()`."""
    port = free_port()
    values = house_values(f"http://127.0.0.1:{port}", **sections)
    config_path, *registrations = init.write(folder, values)
    synapse = Synapse(folder / "synapse", SERVER_NAME, [*registrations, *more_registrations],
                      port=port, settings=settings)
    in_own_loop(synapse.start())
    return House(synapse, config.load(config_path, env={}), config_path)


def in_own_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine from plain code, whatever loop the tests use."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """One Synapse for the whole run, without appservices; make users of your own in it."""
    server = Synapse(tmp_path_factory.mktemp("synapse"), SERVER_NAME)
    in_own_loop(server.start())
    yield server
    in_own_loop(server.stop())


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One Synapse with the bridge's and the bot's registrations for the whole run."""
    opened = open_house(tmp_path_factory.mktemp("house"))
    yield opened
    in_own_loop(opened.synapse.stop())


@pytest.fixture
def new_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """A function that opens a house of this test's own: new_house(settings=None, **sections)."""
    with contextlib.ExitStack() as stack:
        def make(settings: dict[str, Any] | None = None, **sections: dict[str, Any]) -> House:
            opened = open_house(tmp_path / f"house{len(made)}", settings, **sections)
            made.append(opened)
            stack.callback(lambda: in_own_loop(opened.synapse.stop()))
            return opened

        made: list[House] = []
        yield make
