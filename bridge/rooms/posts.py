"""The posts of people as names show them: `{name} · {post}`."""
from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from archive import postings
from archive.db import Database
from config import Config

FIELD = "{post}"

# What goes with the field when there is no post: brackets around it, a sign before it, a blank
# before it, a sign after it.
_BESIDE = [re.compile(pattern) for pattern in (
    r"\s*[(\[]\s*\{post\}\s*[)\]]", r"\s*[·|,;:–—-]\s*\{post\}", r"\s+\{post\}",
    r"\{post\}\s*[·|,;:–—-]?\s*")]


def without_post(template: str) -> str:
    """A template for somebody whose post is not known."""
    for pattern in _BESIDE:
        template = pattern.sub("", template)
    return template


class Posts:
    """What people hold today, at the office."""

    def __init__(self, config: Config, database: Database) -> None:
        self._db = database
        self._zone = ZoneInfo(config.timezone)

    async def of(self, person_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The posts that each of these persons holds, the latest posting first."""
        day = datetime.now(self._zone).date().isoformat()
        held = await postings.of_people(self._db, person_ids, day)
        return {person: tuple(str(each.post) for each in some) for person, some in held.items()}

    async def shown(self, template: str, person_id: int | None) -> str:
        """A person's post, where a template wants it; "" when it does not, or none is known."""
        if FIELD not in template or person_id is None:
            return ""
        held = (await self.of([person_id])).get(person_id)
        return held[0] if held else ""
