"""A real PostgreSQL for tests: a throw-away cluster in a temporary folder, on loopback only."""
from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg

MISSING = (
    "These tests need a real PostgreSQL and found none: install the Debian package `postgresql` "
    "(`make test` does it when run by root), or put its programs (initdb, postgres) on the PATH."
)
SYSTEM_USER = "postgres"  # PostgreSQL refuses to run as root
START_SECONDS = 60

_names = itertools.count(1)


class PostgresMissing(Exception):
    """There is no PostgreSQL on this machine; the text says what to install."""


def programs() -> Path:
    """The folder with initdb and postgres, the newest version first. Raises PostgresMissing."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int("0" + "".join(filter(str.isdigit, path.parts[-3]))),
    )
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgresMissing(MISSING)


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Run a fresh cluster; its URL without a database name. It is gone afterwards.

    Raises PostgresMissing, or RuntimeError with the server's own words when it does not start.
    """
    bin_folder = programs()
    folder = Path(tempfile.mkdtemp(prefix="daftar-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", SYSTEM_USER, "--"]
        shutil.chown(folder, SYSTEM_USER)
    try:
        data, log = folder / "data", folder / "log"
        _run([*as_user, bin_folder / "initdb", "-D", data, "-U", "daftar", "--auth=trust",
              "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        port = _free_port()
        options = (f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} "
                   "-c fsync=off -c full_page_writes=off -c max_connections=100")
        control = [*as_user, bin_folder / "pg_ctl", "-D", data]
        _run([*control, "-l", log, "-o", options, "-t", str(START_SECONDS), "-w", "start"], log)
        try:
            yield f"postgresql://daftar@127.0.0.1:{port}"
        finally:
            _run([*control, "-m", "immediate", "-w", "stop"], log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def fresh_database(cluster_url: str):
    """A new, empty database in a cluster: its URL. Dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_names)}"
    await _admin(cluster_url, f"CREATE DATABASE {name}")
    try:
        yield f"{cluster_url}/{name}"
    finally:
        await _admin(cluster_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _admin(cluster_url: str, sql: str) -> None:
    connection = await asyncpg.connect(f"{cluster_url}/postgres")
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _run(command: list[object], log: Path | None = None) -> None:
    # Output goes to a file: the server inherits it, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run([str(part) for part in command], stdout=output, stderr=output,
                              stdin=subprocess.DEVNULL, cwd="/")
        if done.returncode:
            output.seek(0)
            words = output.read()
            if log is not None and log.exists():
                words += log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(map(str, command))} failed: {words}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
