"""What is whose, and how a room stands: digests, as text and HTML; and when they are due."""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from archive import cases, directives, duties, settings
from archive.cases import ACTIVE, Case, Filter
from archive.db import Database
from bot import render
from bot.commands.base import Request
from bot.matrix import Matrix
from nlp.calendar import OfficeCalendar

SHOWN = 10  # cases of a section
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Section:
    """A heading and its cases, each with some words; `more` that are not shown."""

    title: str
    rows: tuple[tuple[Case, str], ...]
    more: int = 0


# When


def setting(mxid: str) -> str:
    """The setting that holds what somebody wishes: on, off, or a time; none: as configured."""
    return f"bot.digest {mxid}"


def mark_setting(mxid: str) -> str:
    """The setting that holds the last action that somebody's digest spoke of."""
    return f"bot.digest.mark {mxid}"


def clock_time(wish: str | None, usual: str) -> str:
    """The time for somebody: their wish, else the configuration's; "" for never."""
    if wish == "off":
        return ""
    return wish if wish and wish != "on" else usual


def read_time(text: str) -> time | None:
    """`9:05`, `09:05`; None for anything else."""
    match = re.fullmatch(r"(\d{1,2})[:.](\d\d)", text)
    return time(int(match[1]), int(match[2])) if match and (
        int(match[1]) < 24 and int(match[2]) < 60) else None


def due_on(day: date, wanted: time, calendar: OfficeCalendar) -> datetime | None:
    """When a digest is due on a day: at that time, never before the office opens or in its break,
    and at its opening when it closes before that; None on a day off."""
    hours = calendar.hours(day)
    if not hours:
        return None
    at = calendar.next_open(datetime.combine(day, wanted, calendar.zone))
    return at if at.date() == day else datetime.combine(day, hours[0][0], calendar.zone)


def is_due(now: datetime, wanted: str, calendar: OfficeCalendar) -> bool:
    """Whether the time ("HH:MM") has come today, and the office is open still."""
    clock = read_time(wanted)
    due = due_on(now.date(), clock, calendar) if clock else None
    return due is not None and due <= now and calendar.is_open(now)


def first_of_week(day: date, calendar: OfficeCalendar) -> date:
    """The first office day of the day's week (Monday to Sunday), or of a later one."""
    return calendar.next_office_day(day - timedelta(day.weekday()))


# A person's


async def personal(db: Database, matrix: Matrix, request: Request, mxid: str, upto: int
                   ) -> tuple[str, str] | None:
    """What is somebody's at `request.at`, and what others did to cases they watch since their last
    digest, up to action `upto`, and how many directives are with them: (text, HTML); None when
    there is nothing. Cases of rooms that they are not in are left out. Raises MatrixError."""
    orders = await _directives(db, request, "with you", mxid=mxid)
    rooms = tuple([room for room in await duties.rooms_of(db, mxid)
                   if await matrix.is_joined(room, mxid)])
    if not rooms:
        return _written(f"Your directives · {_day(request)}", orders, [], "", request) \
            if orders else None
    sections = await _held(db, request, Filter(room_ids=rooms, states=ACTIVE, holder_mxid=mxid))
    after = int(await settings.get(db, mark_setting(mxid), "0") or 0)
    sections.append(await _watched(db, request, mxid, rooms, after, upto))
    shown = [section for section in sections if section.rows]
    if not shown and not orders:
        return None
    prefix = request.prefix
    foot = f"{prefix}digest off ends this, {prefix}digest 10:00 moves it."
    return _written(f"Your cases · {_day(request)}", orders, shown, foot, request)


async def _directives(db: Database, request: Request, where: str, rooms: tuple[str, ...] = (),
                      mxid: str = "") -> str:
    """`Directives of this room: 5 open, 2 overdue. !directive list shows them.`, "" for none."""
    proposed, live, late = await directives.counts(db, request.at, rooms, mxid)
    counted = [] if mxid or not proposed else [f"{proposed} proposed"]
    if not live and not counted:
        return ""
    counted += [f"{live} open", f"{late} overdue"]
    which = " mine" if mxid else ""
    return (f"Directives {where}: {', '.join(counted)}. {request.prefix}directive list{which} "
            "shows them.")


async def _held(db: Database, request: Request, held: Filter) -> list[Section]:
    today = datetime.fromtimestamp(request.at / 1000, request.zone).date()
    midnight, sunday = (_end_of(day, request) for day in (
        today, today + timedelta(6 - today.weekday())))
    dated, _ = await cases.listing(db, replace(held, due_until=sunday, order="due"), 500)
    waiting, _ = await cases.listing(db, replace(held, states=("waiting",)), 500)
    late = [case for case in dated if case.overdue(request.at)]
    now = [case for case in dated if case not in late and (case.due_at or 0) < midnight]
    week = [case for case in dated if case not in late and case not in now]
    up = [case for case in waiting if case.waiting_until and case.waiting_until < midnight
          and case not in dated]
    named = [*late, *now, *week, *up]
    rest, total = await cases.listing(
        db, replace(held, order="oldest"), SHOWN + len(named))
    others = [case for case in rest if case not in named][:SHOWN]
    return [
        _section("Overdue", [(c, lateness(c.due_at, request)) for c in late]),
        _section("Due today", [(c, f"by {_clock(c.due_at, request)}") for c in now]),
        _section("Due this week", [(c, f"by {_moment(c.due_at, request)}") for c in week]),
        _section("Waited until today", [(c, _waited(c, request)) for c in up]),
        replace(_section("Also with you", [(c, _rest(c, request)) for c in others]),
                more=total - len(named) - len(others)),
    ]


async def _watched(db: Database, request: Request, mxid: str, rooms: tuple[str, ...], after: int,
                   upto: int) -> Section:
    rows = []
    for case_id, action in await duties.watched(db, mxid, after, upto):
        case = await cases.by_id(db, case_id)
        if case and case.room_id in rooms:
            words = render.action_words(action, request, 120)
            rows.append((case, f"{render.isolate(action.actor.name)} {words}"))
    return _section("Changed among those you watch", rows)


def _section(title: str, rows: list[tuple[Case, str]]) -> Section:
    return Section(title, tuple(rows[:SHOWN]), max(0, len(rows) - SHOWN))


# A room's


async def weekly(db: Database, request: Request, since_ms: int) -> tuple[str, str] | None:
    """How the room `request.room_id` stands, and what became of it since then: (text, HTML); None
    when there is nothing."""
    here = Filter(room_ids=(request.room_id,), states=ACTIVE)
    _, opened = await cases.listing(db, replace(here, states=(), opened_since=since_ms), 1)
    closed = await cases.done_since(db, since_ms, here.room_ids)
    late, overdue = await cases.listing(
        db, replace(here, overdue_at=request.at, order="due"), SHOWN)
    oldest, total = await cases.listing(db, replace(here, order="oldest"), 3)
    orders = await _directives(db, request, "of this room", (request.room_id,))
    if not (opened or closed or total or orders):
        return None
    sections = [
        replace(_section("Overdue", [(c, f"{_with(c)}, {lateness(c.due_at, request)}")
                                     for c in late]), more=overdue - len(late)),
        _section("Longest open", [(c, f"{_with(c)}, since {_moment(c.opened_at, request)}")
                                  for c in oldest]),
        _section("Closed", [(c, render.isolate(render.one(c.resolution, 80)) or "no word said")
                            for c in closed]),
    ]
    head = (f"Since {_moment(since_ms, request)}: {opened} opened, {len(closed)} closed. "
            f"Now {total} open, {overdue} overdue.{f' {orders}' * bool(orders)}")
    holders = await duties.by_holder(db, request.room_id)
    named = [f"{render.isolate(holder) or 'nobody'} {count}" for holder, count in holders[:SHOWN]]
    more = len(holders) - len(named)
    foot = f"With: {' · '.join(named)}{f' · and {more} more' if more else ''}" if named else ""
    return _written(f"This room's week · {_day(request)}", head,
                    [section for section in sections if section.rows], foot, request)


def _with(case: Case) -> str:
    return f"with {render.isolate(render.one(case.holder, 60))}" if case.holder else "not assigned"


# Words


def lateness(at: int | None, request: Request) -> str:
    """`overdue since yesterday, 16:00`"""
    then = datetime.fromtimestamp((at or 0) / 1000, request.zone)
    days = (datetime.fromtimestamp(request.at / 1000, request.zone).date() - then.date()).days
    if days > 1:
        return f"overdue for {days} days"
    return f"overdue since {'yesterday, ' if days else ''}{then:%H:%M}"


def _waited(case: Case, request: Request) -> str:
    whom = f"for {render.isolate(render.one(case.waiting_for, 60))}, " if case.waiting_for else ""
    return f"{whom}until {_moment(case.waiting_until, request)}"


def _rest(case: Case, request: Request) -> str:
    return f"due {_moment(case.due_at, request)}" if case.due_at else (
        f"since {_moment(case.opened_at, request)}")


def _clock(at: int | None, request: Request) -> str:
    return f"{datetime.fromtimestamp((at or 0) / 1000, request.zone):%H:%M}"


def _moment(at: int | None, request: Request) -> str:
    moment = datetime.fromtimestamp((at or 0) / 1000, request.zone)
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M}"


def _day(request: Request) -> str:
    moment = datetime.fromtimestamp(request.at / 1000, request.zone)
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def _end_of(day: date, request: Request) -> int:
    return int(datetime.combine(day + timedelta(1), time(), request.zone).timestamp() * 1000)


def _written(title: str, head: str, sections: list[Section], foot: str, request: Request
             ) -> tuple[str, str]:
    """The whole, with fewer cases of a section when it would not fit into an event."""
    return render.fitting(lambda rows: _laid_out(
        title, head, [_cut(section, rows) for section in sections], foot, request), SHOWN)


def _cut(section: Section, rows: int) -> Section:
    return Section(section.title, section.rows[:rows],
                   section.more + max(0, len(section.rows) - rows))


def _laid_out(title: str, head: str, sections: list[Section], foot: str, request: Request
              ) -> tuple[str, str]:
    text = [title, *([head] if head else [])]
    markup = [f"<p><strong>{render.html(title)}</strong>"
              f"{f'<br>{render.html(head)}' if head else ''}</p>"]
    for section in sections:
        lines = [_line(case, words, request) for case, words in section.rows]
        if section.more:
            more = f"and {section.more} more"
            lines.append((f"• {more}", f"<li>{more}</li>"))
        text += ["", section.title, *(line for line, _ in lines)]
        markup.append(f"<p><strong>{render.html(section.title)}</strong></p>"
                      f"<ul>{''.join(item for _, item in lines)}</ul>")
    if foot:
        text += ["", foot]
        markup.append(f"<p>{render.html(foot)}</p>")
    return "\n".join(text), "".join(markup)


def _line(case: Case, words: str, request: Request) -> tuple[str, str]:
    mark = render.pressing(case, request)
    return (f"• {mark}{case.number} · {render.isolate(case.title)} · {words}",
            f"<li>{mark}{render.case_link(case, request.server)} · {render.html(case.title)} · "
            f"{render.html(words)}</li>")
