"""What the configuration's `bot.roles` says of somebody by the posts that they hold: the same for
the bot's commands and for the archive's pages."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

from archive import postings
from archive.db import Database
from archive.model import Person

ROLES = ("viewer", "staff", "officer", "admin")  # each may also do what those before may


async def by_post(db: Database, roles: Mapping[str, str], zone: tzinfo, person: Person | None,
                  at: int) -> str | None:
    """The highest role given to a post that a person holds at a time (`DC Sibi`; Unix ms), or to
    all posts of its kind (`DC`). `roles`: as configured."""
    named = {key.casefold(): role for key, role in roles.items() if key[0].isalpha()}
    if person is None or not named:
        return None
    day = datetime.fromtimestamp(at / 1000, zone).date().isoformat()
    held = (await postings.of_people(db, [person.id], day)).get(person.id, [])
    found = {named.get(key.casefold()) for each in held for key in (str(each.post), each.post.kind)}
    return max(found - {None}, key=ROLES.index, default=None)


def may(role: str, wanted: str) -> bool:
    """Whether a role reaches another."""
    return ROLES.index(role) >= ROLES.index(wanted)
