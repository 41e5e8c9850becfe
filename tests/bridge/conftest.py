"""Fixtures for the bridge: one office for all tests of this folder, on each database."""
from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests import postgres
from tests.bridge.town import Town

BOTH = pytest.mark.parametrize("town", ["sqlite", "postgres"], indirect=True)


class Towns:
    """The offices by database, each started when a test first asks for it."""

    def __init__(self, request: pytest.FixtureRequest,
                 folders: pytest.TempPathFactory) -> None:
        self._request = request
        self._folders = folders
        self._open: dict[str, Town] = {}
        self._databases: list[AsyncIterator[str]] = []

    async def get(self, database: str) -> Town:
        """The office whose archive is of this kind."""
        if database not in self._open:
            url = ""
            if database == "postgres":
                cluster = self._request.getfixturevalue("postgres_cluster")
                fresh = postgres.fresh_database(cluster)
                url = await fresh.__aenter__()
                self._databases.append(fresh)
            town = self._open[database] = Town(self._folders.mktemp(database), url)
            await town.start()
        return self._open[database]

    async def close(self) -> None:
        """Stop them all."""
        for town in self._open.values():
            await town.stop()
        for fresh in self._databases:
            await fresh.__aexit__(None, None, None)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def towns(request: pytest.FixtureRequest,
                tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Towns]:
    """All offices of the run."""
    found = Towns(request, tmp_path_factory)
    try:
        yield found
    finally:
        await found.close()


@pytest_asyncio.fixture(loop_scope="session")
async def town(request: pytest.FixtureRequest, towns: Towns) -> Town:
    """The office on SQLite, or on what the test's parameter says."""
    return await towns.get(getattr(request, "param", "sqlite"))
