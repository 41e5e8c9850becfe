"""Orders that are not done: what is overdue is shown in the staff room, their posts are reminded,
and after some days the next post up the line of authority is told.

All of it comes in office hours. What was told stands in the archive in the transaction that puts
the words into the outbox: once a day for each post, once for each date that passed.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from archive import directing, directives, duties, settings
from archive import directory as people
from archive.db import Unit
from archive.directing import By
from archive.directives import Charge, Deed, Directive, Filter
from bot import charging, inbox, render, rooms, sheets
from bot.commands.base import Request, Told
from bot.polite import Templates
from bot.voice import Voice, say

MOST = 5000  # orders that are looked at
SHOWN = 30  # on the board
Key = tuple[int, str]  # directive, post


@dataclass(frozen=True)
class Due:
    """A charge that is to be spoken of, and why: one of due, overdue, unanswered."""

    order: Directive
    charge: Charge
    kind: str


@dataclass(frozen=True)
class Today:
    """What a look at the orders goes by."""

    voice: Voice
    templates: Templates
    now: int
    staff_room: str | None

    @property
    def day(self) -> date:
        """On the office's clock."""
        return self.voice.local(self.now).date()

    @property
    def by(self) -> By:
        """The clock itself."""
        return By(self.voice.request("", self.now).actor, self.now)

    def office_days_since(self, at: int) -> int:
        """How many office days have begun since the day of a moment (Unix ms)."""
        calendar, day, count = self.voice.calendar, self.voice.local(at).date(), 0
        while day < self.day and count < 400:
            day = calendar.next_office_day(day + timedelta(1))
            count += day <= self.day
        return count


async def chase(voice: Voice, templates: Templates, now: int) -> bool:
    """Do what is due; whether something was said."""
    orders, _ = await directives.listing(voice.db, Filter(live=True, order="due"), MOST)
    if not orders:
        return False
    wanted = voice.config.bot.staff_room
    room = await settings.get(voice.db, rooms.STAFF_ROOM) if wanted else None
    today = Today(voice, templates, now, room)
    said = await _escalate(today, orders)
    said = await _show(today, orders) or said
    return await _remind(today, orders) or said


# What is overdue, for all of the staff to see


async def _show(today: Today, orders: Sequence[Directive]) -> bool:
    late = [order for order in orders if order.overdue(today.now)]
    noted = await directives.last_deeds(today.voice.db, "overdue")
    new = [(order, charge) for order in late for charge in order.live
           if not any(deed.after == str(order.due_at)
                      for deed in noted.get((order.id, charge.post), []))]
    shown = f"directive-day {today.day} board"
    if not late or (not new and await duties.told(today.voice.db, shown)):
        return False
    await today.voice.db.write(_board(today, late, new, shown))
    return True


def _board(today: Today, late: Sequence[Directive], new: Sequence[tuple[Directive, Charge]],
           shown: str) -> Unit[None]:
    fresh = False
    for order, charge in new:
        as_it_is = yield from directives.one(order.id)
        now = as_it_is.charge(charge.post)
        if now and now.live and as_it_is.due_at == order.due_at and (yield from duties.once(
                f"directive overdue {order.id} {charge.post} {order.due_at}", today.now)):
            yield from directing.note(order.id, "overdue", charge.post, "", today.by,
                                      str(order.due_at))
            fresh = True
    first = yield from duties.once(shown, today.now)
    if today.staff_room is None or not (first or fresh):
        return
    request = today.voice.request(today.staff_room, today.now)
    key = shown if first else f"{shown} {new[0][0].id} {new[0][1].post}"
    title = f"🔴 Overdue · {today.day:%A} {today.day.day} {today.day:%B %Y}"
    words = render.fitting(
        lambda rows: sheets.listed(title, late[:rows], len(late), request), min(len(late), SHOWN))
    yield from say(key, today.staff_room, render.notice(*words))


# Reminders


async def _remind(today: Today, orders: Sequence[Directive]) -> bool:
    wanted = today.voice.config.directives
    if wanted.remind == "off":
        return False
    noted = await directives.last_deeds(today.voice.db, "remind")
    by_post: dict[str, list[Due]] = {}
    for order in orders:
        for charge in order.live:
            due = _due(today, order, charge, noted.get((order.id, charge.post), []))
            if due:
                by_post.setdefault(charge.post, []).append(due)
    told = await duties.told(today.voice.db, f"directive-day {today.day} remind ")
    prefix = f"directive-day {today.day} remind "
    waiting = {post: dues for post, dues in by_post.items() if prefix + post not in told}
    here: dict[str, tuple[str, list[Due]]] = {}  # what the staff room shows
    for post, dues in waiting.items():
        name, mxid, _ = await charging.holder_of(
            today.voice.tools.offices_of(), post, today.day.isoformat())
        places = await _places(today, dues, mxid)
        if not places:
            here[post] = (name, dues)
        else:
            await today.voice.db.write(_reminded(today, post, name, dues, places, prefix))
    if here and today.staff_room is not None:
        await today.voice.db.write(_shown_to_staff(today, here, prefix))
    return bool(waiting)


def _due(today: Today, order: Directive, charge: Charge, reminded: Sequence[Deed]) -> Due | None:
    wanted, calendar = today.voice.config.directives, today.voice.calendar
    since = reminded[-1].at if reminded else order.confirmed_at or order.given_at
    pause = max(1, wanted.every_days) if reminded else 1
    late = order.due_at is not None and order.due_at < today.now
    # on the day on which it was confirmed, only what is over
    if today.office_days_since(since) < pause and not (late and not reminded):
        return None
    if late:
        return Due(order, charge, "overdue")
    if order.due_at is not None:
        last = calendar.add_working_days(today.day, wanted.before_days)
        soon = wanted.before_days > 0 and today.voice.local(order.due_at).date() <= last
        return Due(order, charge, "due") if soon else None
    days = today.office_days_since(order.given_at)
    silent = 0 < wanted.unanswered_days <= days and charge.state == "open"
    return Due(order, charge, "unanswered") if silent else None


async def _places(today: Today, dues: Sequence[Due], mxid: str | None) -> list[str | None]:
    """Where a reminder is said: rooms; None stands for the groups of the orders; nothing for the
    staff room."""
    voice, way = today.voice, today.voice.config.directives.remind
    if way == "group":
        return [None]
    if way == "direct" and mxid and voice.is_person(mxid):
        room = await rooms.direct(voice, mxid)
        return [room] if room else []
    if way == "direct" and mxid:
        person = await people.find(voice.db, "ghost", mxid)
        for address in ([f"{person.pn}@s.whatsapp.net", f"{person.lid}@lid"] if person else []):
            chat = await people.chat_by_jid(voice.db, address)
            if chat and chat.room_id:
                return [chat.room_id]
    return []


def _reminded(today: Today, post: str, name: str, dues: Sequence[Due],
              places: Sequence[str | None], prefix: str) -> Unit[None]:
    """Remind one post, once a day: in each group of its orders, quoting the oldest, or in the one
    room."""
    still = yield from _still(dues)
    if not still or not (yield from duties.once(prefix + post, today.now)):
        return
    for due in still:
        yield from directing.note(due.order.id, "remind", post, "", today.by)
    by_room: dict[str, list[Due]] = {}
    for due in still:
        by_room.setdefault(places[0] or due.order.room_id, []).append(due)
    for number, (room_id, own) in enumerate(by_room.items()):
        quoted = min(own, key=lambda due: due.order.given_at).order.event_id
        words = reminder(today.templates, post, name, own, today.voice.request(room_id, today.now))
        private = places[0] is not None
        root = "" if private else (yield from thread_of(quoted))
        told = Told(words, None if private else quoted, room_id, today.voice.rules.user_id, root)
        yield from say(f"{prefix}{post}.{number}", room_id, render.content_of(
            told, today.voice.request(room_id, today.now))[1])


def _shown_to_staff(today: Today, here: dict[str, tuple[str, list[Due]]], prefix: str
                    ) -> Unit[None]:
    """Who is to be reminded, by post, in one message a day to the staff."""
    request = today.voice.request(today.staff_room or "", today.now)
    text, markup, keys = list[str](), list[str](), list[str]()
    for post, (name, dues) in here.items():
        still = yield from _still(dues)
        if not still or not (yield from duties.once(prefix + post, today.now)):
            continue
        keys.append(prefix + post)
        for due in still:
            yield from directing.note(due.order.id, "remind", post, "", today.by)
        who = f"{render.isolate(post)} ({render.isolate(name) or 'vacant'})"
        lines = [sheets.line(due.order, request, post) for due in still]
        text += [f"{who}:", *(f"• {mark}{due.order.name}{rest}" for due, (mark, rest) in zip(
            still, lines, strict=True))]
        items = "".join(f"<li>{mark}{sheets.link(due.order, request)}{render.html(rest)}</li>"
                        for due, (mark, rest) in zip(still, lines, strict=True))
        markup.append(f"<p>{render.html(who)}</p><ul>{items}</ul>")
    if not keys:
        return
    head = "To be reminded today"
    foot = f"{request.prefix}directive remind NUMBER says it in the group, politely."
    long = sum(map(len, text)) > render.EVENT_BYTES // 3
    body = "\n".join([head, *text[:60], *(["…"] if long or len(text) > 60 else []), foot])
    html = f"<p><strong>{head}</strong></p>{''.join(markup[:30])}<p>{render.html(foot)}</p>"
    content = render.notice(body, html if not long else render.html(body))
    yield from say(f"{keys[0]} staff", today.staff_room or "", content)


def _still(dues: Sequence[Due]) -> Unit[list[Due]]:
    """Those that have not been done meanwhile."""
    found = []
    for due in dues:
        order = yield from directives.one(due.order.id)
        charge = order.charge(due.charge.post)
        if charge and charge.live and order.due_at == due.order.due_at:
            found.append(Due(order, charge, due.kind))
    return found


def reminder(templates: Templates, post: str, name: str, dues: Sequence[Due], request: Request
             ) -> str:
    """The words of a reminder to one post."""
    return templates.reminder(post, name, [
        (due.kind, order_fields(due.order, request)) for due in dues])


def order_fields(order: Directive, request: Request) -> dict[str, str]:
    """An order, as templates name it."""
    def day(at: int) -> str:
        moment = datetime.fromtimestamp(at / 1000, request.zone)
        return f"{moment.day} {moment:%b %Y}"
    due = "" if order.due_at is None else (
        render.when(order.due_at, request.zone) if order.due_hour else day(order.due_at))
    return {"number": order.name, "action": render.isolate(render.one(order.action, 300)),
            "due": due, "given": day(order.given_at)}


def thread_of(event_id: str) -> Unit[str]:
    """The root of the thread that a message stands in, "" when it is in none."""
    rows = yield "SELECT content FROM bot_event WHERE event_id = ?", (event_id,)
    return (inbox.thread_root(json.loads(rows[0]["content"])) or "") if rows else ""


# Escalation


async def _escalate(today: Today, orders: Sequence[Directive]) -> bool:
    every = today.voice.config.directives.escalate_days
    if every <= 0 or today.voice.config.directives.remind == "off":
        return False
    steps = await directives.last_deeds(today.voice.db, "escalate")
    said = False
    for order in orders:
        if not order.overdue(today.now):
            continue
        for charge in order.live:
            # a new date begins anew
            own = [deed for deed in steps.get((order.id, charge.post), [])
                   if deed.at > (order.due_at or 0)]
            if today.office_days_since(own[-1].at if own else order.due_at or 0) >= every:
                said = await _step(today, order, charge, own) or said
    return said


async def _step(today: Today, order: Directive, charge: Charge, steps: Sequence[Deed]) -> bool:
    """One step up, or a word to the staff when there is none."""
    offices, day = today.voice.tools.offices_of(), today.day.isoformat()
    told = [charge.post, *(deed.after or "" for deed in steps)]
    above = await offices.above(told[-1], day)
    key = f"directive escalate {order.id} {charge.post} {order.due_at} {len(steps)}"
    if key in await duties.told(today.voice.db, f"directive escalate {order.id} "):
        return False
    problem = ""
    if above is None:
        problem = (f"nobody is known above {render.isolate(told[-1])}" if not steps else
                   f"{render.isolate(told[-1])} is the highest post in its line")
    elif above in told:
        problem = (f"the line of authority goes round in a circle at {render.isolate(above)}: the "
                   "directory is to be mended")
    name = "" if above is None else (await charging.holder_of(offices, above, day))[0]
    await today.voice.db.write(_stepped(today, order, charge, above or "", name, problem, key))
    return True


def _stepped(today: Today, order: Directive, charge: Charge, above: str, name: str, problem: str,
             key: str) -> Unit[None]:
    still = yield from _still([Due(order, charge, "overdue")])
    if not still or not (yield from duties.once(key, today.now)):
        return
    post, staff = render.isolate(charge.post), today.staff_room
    if problem:
        words = (f"{order.name} is not done by {post}, and cannot be escalated: {problem}. "
                 f"{today.voice.config.bot.prefix}directive escalate {order.name} POST does it by "
                 "hand.")
    else:
        yield from directing.escalate(order.id, charge.post, above, name, today.by)
        words = (f"⬆ {order.name}: {post} has not done it, so it is before {render.isolate(above)} "
                 f"({render.isolate(name) or 'vacant'}) from today.")
        if today.voice.config.directives.remind == "group":
            root = yield from thread_of(order.event_id)
            content = told_up(today.templates, still[0].order, charge.post, above, name,
                              today.voice.rules.user_id, root,
                              today.voice.request(order.room_id, today.now))
            yield from say(key, order.room_id, render.content_of(
                content, today.voice.request(order.room_id, today.now))[1])
    if staff is not None:
        yield from say(f"{key} staff", staff, render.notice(words, render.html(words)))


def told_up(templates: Templates, order: Directive, post: str, above: str, name: str, speaker: str,
            root: str, request: Request) -> Told:
    """Words in the group to the next post up, quoting the order."""
    who = f"{name} ({above})" if name else above
    words = templates.escalation({**order_fields(order, request), "post": post, "above": who})
    return Told(words, order.event_id, order.room_id, speaker, root)
