"""A case whose time is over: its card is renewed, and its thread calls who has it, once."""
from __future__ import annotations

from archive import cases, duties
from archive.cases import Case, Docket
from archive.db import Unit
from archive.duties import Late
from bot import render
from bot.commands.base import Card, Request, Say, ThreadNote
from bot.voice import Voice, say


async def remind(voice: Voice, now: int) -> bool:
    """Tell of every case that passed its date, or has waited long enough, since it was last looked;
    whether there was one."""
    found = await duties.late(voice.db, now)
    for late in found:
        await voice.db.write(_told(voice, late, now))
    return bool(found)


def _told(voice: Voice, late: Late, now: int) -> Unit[None]:
    docket = yield from cases.docket_of(late.case_id)
    case = docket.case
    still = case.overdue(now) if late.kind == "overdue" else case.waited_out(now)
    until = case.due_at if late.kind == "overdue" else case.waiting_until
    if not still or until != late.until:  # somebody was quicker
        return
    if not (yield from duties.once(late.key, now)):
        return
    request = voice.request(case.room_id, now)
    says: list[Say] = [Card(docket), _note(voice, docket, late, request)]
    for number, each in enumerate(says):
        room_id, content = render.content_of(each, request)
        yield from say(f"{late.key}.{number}", room_id, content)


def _note(voice: Voice, docket: Docket, late: Late, request: Request) -> ThreadNote:
    case = docket.case
    called = tuple(mxid for mxid in dict.fromkeys((case.holder_mxid or "", *docket.watchers))
                   if mxid and voice.is_person(mxid))
    words = _words(case, late, request)
    return ThreadNote(case, words, render.html(words), called)


def _words(case: Case, late: Late, request: Request) -> str:
    until, prefix = render.when(late.until, request.zone), request.prefix
    holder = f"{render.isolate(render.one(case.holder, 120))}: " if case.holder else ""
    if late.kind == "overdue":
        return (f"🔴 {holder}{case.number} was due {until} and is not done. {prefix}case due DATE "
                f"sets another date, {prefix}case close ends it.")
    whom = f" for {render.isolate(render.one(case.waiting_for, 120))}" if case.waiting_for else ""
    return (f"⏳ {holder}{case.number} was to wait{whom} until {until}, and that time is up. "
            f"{prefix}case status open takes it in hand again, {prefix}case status waiting until "
            "DATE lets it wait on.")
