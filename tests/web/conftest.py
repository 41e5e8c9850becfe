"""Fixtures of the pages' tests."""
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.homeserver import synapse as synapse  # a fixture
from tests.web.server import Pages, serve


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Pages]:
    """The seeded archive's pages, on SQLite."""
    async with serve(tmp_path) as running:
        yield running
