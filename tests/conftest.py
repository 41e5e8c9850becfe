"""Fixtures for every test: both databases."""
from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import bot  # noqa: F401  (before matrix-nio: it says why)
from archive.db import Database, open_database
from tests import postgres

pytest_plugins = ["tests.homeserver"]

LOG_LINES, LOG_AGE_S = 60, 300  # what a failure shows of the parts' own logs


class _AtOnce:
    """Names a test when it fails, not only at the end: a run may be ended from outside."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = (crash.message if crash else str(report.longrepr)).partition("\n")[0]
            terminal.write(f"\n{report.nodeid} failed: {why}\n")


def pytest_configure(config: pytest.Config) -> None:
    """With several processes, the one that prints."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_AtOnce(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows what the bridge, the bot and Synapse wrote while it ran: they are
    processes of their own, and their logs are gone with the machine."""
    report = yield
    if report.failed:
        base = item.config._tmp_path_factory.getbasetemp()
        for path in sorted(base.rglob("*.log")):
            with contextlib.suppress(OSError):  # another test may just tidy up
                if time.time() - path.stat().st_mtime < LOG_AGE_S:
                    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
                    report.sections.append((f"{path.relative_to(base)}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """URL of a throw-away PostgreSQL cluster, without a database name."""
    try:
        running = postgres.cluster()
        url = running.__enter__()
    except postgres.PostgresMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    try:
        yield url
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
async def postgres_url(postgres_cluster: str) -> AsyncIterator[str]:
    """URL of a fresh, empty PostgreSQL database."""
    async with postgres.fresh_database(postgres_cluster) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """URL of a fresh archive: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'archive.sqlite'}"
    else:
        async with postgres.fresh_database(request.getfixturevalue("postgres_cluster")) as url:
            yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh archive, open, on SQLite and on PostgreSQL."""
    db = await open_database(database_url)
    try:
        yield db
    finally:
        await db.close()
