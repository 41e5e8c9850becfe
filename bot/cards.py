"""Cards of cases whose directives moved on: renewed by the clock, since a directive changes by
commands, reactions, reminders and the ladder alike, none of which knows of cases."""
from __future__ import annotations

from archive import cases, directives, settings
from archive.db import Unit
from bot import render
from bot.commands.base import Card
from bot.voice import Voice, say

CURSOR = "bot.cards"  # setting: the last directive_action.id whose case has a card of that state
AT_ONCE = 20  # cases


async def renew(voice: Voice, now: int) -> bool:
    """Renew the cards of cases whose directives changed since the last time; whether there may be
    more to do."""
    upto, changed = await directives.cases_changed(
        voice.db, int(await settings.get(voice.db, CURSOR) or 0), AT_ONCE)
    if upto is None:
        return False
    await voice.db.write(_renewed(voice, changed, upto, now))
    return True


def _renewed(voice: Voice, changed: list[int], upto: int, now: int) -> Unit[None]:
    """The cards and the cursor: all or nothing."""
    for case_id in changed:
        docket = yield from cases.docket_of(case_id)
        request = voice.request(docket.case.room_id, now)
        room_id, content = render.content_of(Card(docket), request)
        yield from say(f"card {docket.case.number} {upto}", room_id, content)
    yield from settings.put(CURSOR, str(upto))
