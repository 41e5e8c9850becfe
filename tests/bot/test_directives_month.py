"""A month of orders by script: given, reminded, escalated, complied with, refused, withdrawn.
Officers are transferred in between, the bot is stopped in the middle of every day, and the report's
figures are those of the script."""
from __future__ import annotations

import contextlib
import itertools
import statistics
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from archive import answers, compliance, directives, settings
from archive.answers import Answering
from archive.compliance import Line, Period
from archive.db import Database, open_database
from archive.directives import Directive, Filter, Finding, Heard
from bot import rooms
from bot.app import Bot
from bot.orders import Read
from config import Config, Directives
from nlp import calendar
from tests.bot.conftest import bot_is_in
from tests.bot.offices import ByHand
from tests.bot.people import Hands, Staff, config_for, new_staff, ticking_bot, until
from tests.homeserver import House

ZONE = ZoneInfo("Asia/Karachi")
DAY_MS = 86_400_000
MONTH = [date(2026, 11, 1) + timedelta(n) for n in range(30)]
POSTS = ("DEO Sibi", "DEO Kech", "DC Loralai", "DEO Hub", "DEO Duki")
MAKRAN = "All DEOs Makran Division"
CLASS = ("DEO Kech", "DEO Gwadar", "DEO Panjgur")
LINE = ("DC", "Commissioner", "Secretary")  # over everybody

# What becomes of an order: what its posts say, and after how many days; what it counts as.
FATES: dict[str, tuple[tuple[tuple[str, int], ...], tuple[str, ...]]] = {
    "prompt": ((("complied", 1),), ("acknowledged", "in_time")),
    "usual": ((("acknowledged", 0), ("in_progress", 1), ("complied", 2)),
              ("acknowledged", "in_time")),
    "late": ((("acknowledged", 1), ("complied", 6)), ("acknowledged", "late")),
    "begun": ((("in_progress", 1),), ("acknowledged", "open")),
    "silent": ((), ("open",)),
    "refused": ((("refused", 1),), ("acknowledged", "refused")),
    "withdrawn": ((), ("withdrawn",)),
}


@dataclass(frozen=True)
class Told:
    """An order of the script. `due`: days until 16:00 of that day, None for no date."""

    n: int
    day: date
    posts: tuple[str, ...]
    due: int | None
    fate: str

    @property
    def at(self) -> int:
        return ms(self.day, time(9, 10))

    @property
    def due_at(self) -> int | None:
        return None if self.due is None else ms(self.day + timedelta(self.due), time(16))

    @property
    def words(self) -> str:
        return f"[{self.n}] {', '.join(self.posts)} to report"

    @property
    def counts_as(self) -> tuple[str, ...]:
        """At the month's end: what is told only after it does not count yet."""
        told, counted = FATES[self.fate]
        later = any(self.day + timedelta(days) > MONTH[-1] for _, days in told)
        return ("acknowledged", "open") if later else counted

    def answered(self, day: date) -> list[str]:
        """The states that its posts tell on a day."""
        return [state for state, days in FATES[self.fate][0]
                if self.day + timedelta(days) == day]


def ms(day: date, clock: time) -> int:
    return int(datetime.combine(day, clock, ZONE).timestamp() * 1000)


def script() -> list[Told]:
    """Forty orders, two on each of twenty weekdays' mornings."""
    days = [day for day in MONTH if day.weekday() < 5][:20]
    fates, posts = itertools.cycle(FATES), itertools.cycle(POSTS)
    made = []
    for n, day in enumerate(day for day in days for _ in range(2)):
        fate = next(fates)
        to = (MAKRAN,) if n in (6, 21) else (next(posts),)
        due = None if n % 8 == 3 and fate in ("prompt", "usual", "begun") else 3
        made.append(Told(n, day, to, due, fate))
    return made


SCRIPT = script()


@dataclass
class Reading:
    """Reads what the script says: orders, and answers to them."""

    db: Database
    extra: set[str] = field(default_factory=set)

    async def __call__(self, heard: Heard) -> Read:
        if heard.text.startswith("Again: "):  # not an order: staff dismiss it
            return Read((Finding(heard.event_id, ("DEO Sibi",), "look into it"),))
        if heard.text.startswith("Answer "):
            _, n, state, post = heard.text.split(" ", 3)
            [order] = await self.orders(int(n))
            return Read((), (Answering(order.id, post, state),))
        told = SCRIPT[int(heard.text[1:heard.text.index("]")])]
        return Read((Finding(heard.event_id, told.posts, f"report {told.n}", told.due_at),))

    async def orders(self, n: int) -> list[Directive]:
        rows = await self.db.read("SELECT id FROM directive WHERE action = ?", f"report {n}")
        return [order for row in rows
                if (order := await directives.by_id(self.db, row["id"]))]


@dataclass
class Month:
    """The rooms, the bot that runs just now, and how many times it was started."""

    house: House
    config: Config
    db: Database
    now: Hands
    clerk: Staff
    secretary: Staff
    offices: ByHand
    reading: Reading
    room: str = ""
    staff_room: str = ""
    starts: int = 0
    bot: Bot | None = None
    _txn: Any = field(default_factory=itertools.count)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with ticking_bot(self.config, self.now, reader=self.reading,
                               offices=self.offices) as self.bot:
            self.starts += 1
            yield

    async def send(self, who: Staff, room: str, content: dict[str, Any], at: int,
                   kind: str = "m.room.message") -> str:
        """As that person, at that time: the department's own bridge may say when something was."""
        path = (f"/v3/rooms/{quote(room)}/send/{kind}/m{next(self._txn)}"
                f"?user_id={quote(who.user_id)}&ts={at}")
        answer = await self.house.synapse.request(
            "PUT", path, self.config.bridge.puppet_token, content)
        return answer["event_id"]

    async def say(self, who: Staff, words: str, at: int, room: str = "") -> str:
        return await self.send(who, room or self.room, {"msgtype": "m.text", "body": words}, at)

    async def press(self, event: str, key: str, at: int) -> None:
        await self.send(self.clerk, self.staff_room, {"m.relates_to": {
            "rel_type": "m.annotation", "event_id": event, "key": key}}, at, "m.reaction")

    async def answered(self, event: str) -> str:
        """What the bot answered to an event."""
        [content] = await until(lambda: self.clerk.answers(self.staff_room, event))
        return content["id"]

    async def questions(self, count: int) -> list[tuple[str, str]]:
        """(event, words) of the open questions, once there are so many."""
        async def look() -> list[tuple[str, str]] | None:
            await self.bot.clock.listen()
            rows = await self.db.read(
                "SELECT o.event_id, o.content FROM bot_outbox o JOIN bot_question q ON q.txn_id ="
                " o.txn_id WHERE q.answer IS NULL AND o.event_id IS NOT NULL ORDER BY o.id")
            assert len(rows) <= count, [row["content"] for row in rows]
            return [(row["event_id"], row["content"]) for row in rows] \
                if len(rows) == count else None
        return await until(look) if count else []

    async def settled(self) -> None:
        """Every question is answered, every command done, everything sent."""
        async def quiet() -> bool:
            rows = await self.db.read(
                "SELECT (SELECT count(*) FROM bot_question WHERE answer IS NULL)"
                " + (SELECT count(*) FROM bot_event WHERE state = 'new')"
                " + (SELECT count(*) FROM bot_outbox WHERE state = 'ready') AS open")
            return rows[0]["open"] == 0
        await until(quiet)

    async def tick(self, day: date, clock: time) -> None:
        self.now.at = ms(day, clock)
        await self.bot.clock.tick()

    async def morning(self, day: date) -> None:
        """The day's orders are given; the bot dies while it reads them."""
        given = [told for told in SCRIPT if told.day == day]
        again = day.day in (4, 11, 18)
        async with self.running():
            await self.tick(day, time(9))
            for told in given:
                await self.say(self.secretary, told.words, told.at)
            if again:
                await self.say(self.secretary, f"Again: {day}", ms(day, time(9, 20)))
        self.now.at = ms(day, time(9, 30))
        async with self.running():
            for event, words in await self.questions(len(given) + again):
                await self.press(event, "❌" if "Again: " in words else "✅", self.now.at)
            await self.settled()
            await self.tick(day, time(9, 45))

    async def afternoon(self, day: date) -> None:
        """The day's answers come, and what staff do; the bot dies in between."""
        said = [(told.n, state, post) for told in SCRIPT for state in told.answered(day)
                for post in (CLASS if told.posts == (MAKRAN,) else told.posts)]
        ended = [told for told in SCRIPT
                 if told.fate == "withdrawn" and told.day + timedelta(1) == day]
        async with self.running():
            for number, (n, state, post) in enumerate(said):
                await self.say(self.secretary, f"Answer {n} {state} {post}",
                               ms(day, time(14)) + number)
            await self.bot.clock.listen()
        self.now.at = ms(day, time(14, 30))
        async with self.running():
            for event, _ in await self.questions(len(said)):
                await self.press(event, "✅", self.now.at)
            for told in ended:
                [order] = await self.reading.orders(told.n)
                command = await self.say(self.clerk, f"!directive withdraw {order.number} no need",
                                         self.now.at, self.staff_room)
                await self.press(await self.answered(command), "✅", self.now.at)
            await self.settled()
            await self.tick(day, time(15))


def directory() -> ByHand:
    """Two officers are transferred, a post is vacant for a while, another has two holders."""
    offices = ByHand(classes={MAKRAN: CLASS})
    offices.put("DEO Sibi", "Qadir Marri", until="2026-11-12")
    offices.put("DEO Sibi", "Bibi Gul", since="2026-11-12")
    offices.put("DEO Kech", "Hani Baloch", until="2026-11-18")
    offices.put("DEO Kech", "Naz Bibi", since="2026-11-18")
    offices.put("DC Loralai", "Asad Khan", until="2026-11-10")
    offices.put("DC Loralai", "Saima Tareen", since="2026-11-17")
    offices.put("DEO Hub", "First")
    offices.put("DEO Hub", "Second")
    for post in ("DEO Gwadar", "DEO Panjgur", "DEO Duki"):
        offices.put(post, f"Holder of {post}")
    offices.line = {**dict.fromkeys((*POSTS, *CLASS), LINE[0]), **dict(itertools.pairwise(LINE))}
    return offices


def expected() -> dict[str, Counter[str]]:
    """What the script comes to at the month's end, by post."""
    end, found = ms(date(2026, 12, 1), time()), {}
    for told in SCRIPT:
        for post in CLASS if told.posts == (MAKRAN,) else told.posts:
            counts = found.setdefault(post, Counter())
            counts["given"] += 1
            counts.update(told.counts_as)
            if "open" in told.counts_as and told.due_at and told.due_at < end:
                counts["overdue"] += 1
    return found


def figures(line: Line) -> Counter[str]:
    names = ("given", "acknowledged", "in_time", "late", "open", "overdue", "refused", "withdrawn")
    return +Counter({name: getattr(line, name) for name in names})


async def test_a_month_of_orders(house: House, tmp_path: Path) -> None:
    month = await begun(house, tmp_path)
    try:
        for day in MONTH:
            if any(told.day == day for told in SCRIPT):
                await month.morning(day)
            if any(told.answered(day) or told.day + timedelta(1) == day for told in SCRIPT):
                await month.afternoon(day)
            else:  # a day off: it is started, and stopped, and says nothing
                async with month.running():
                    await month.tick(day, time(11))
        assert month.starts >= len(MONTH)
        await check_orders(month)
        await check_reminders(month)
        await check_escalation(month)
        await check_report(month)
    finally:
        await month.db.close()


async def begun(house: House, folder: Path) -> Month:
    """The rooms are there, and the bot has read up to now."""
    clerk, secretary = await new_staff(house), await new_staff(house, "Nadia Kasi, Secretary")
    config = config_for(house, f"sqlite:{folder / 'a.sqlite'}", folder,
                        (clerk.user_id, secretary.user_id))
    config = replace(
        config, bot=replace(config.bot, staff_room="Daftar staff",
                            roles={clerk.user_id: "officer"}),
        directives=Directives(remind="group", language="en"))
    db = await open_database(config.database_url)
    month = Month(house, config, db, Hands("2026-11-01 08:00"), clerk, secretary, directory(),
                  Reading(db))
    async with month.running():
        month.staff_room = await until(lambda: settings.get(db, rooms.STAFF_ROOM))
        await until(clerk.invites)
        await clerk.join(month.staff_room)
        month.room = await secretary.create_room(
            config.user_id(config.bot.user), clerk.user_id)
        await clerk.join(month.room)
        await until(lambda: bot_is_in(clerk, month.room))
        await month.bot.clock.listen()
    return month


async def check_orders(month: Month) -> None:
    """None is lost and none is there twice; each has the holder of its day."""
    found, total = await directives.listing(month.db, Filter(order="oldest"), 100)
    assert total == len(SCRIPT) == 40
    assert sorted(order.number for order in found) == [f"D-2026-{n:04d}" for n in range(1, 41)]
    _, dismissed = await directives.listing(month.db, Filter(("dismissed",)))
    assert dismissed == 3
    for told in SCRIPT:
        [order] = await month.reading.orders(told.n)
        assert (order.given_at, order.due_at) == (told.at, told.due_at)
        for charge in order.charges:
            holders = await month.offices.holders(charge.post, told.day.isoformat())
            assert charge.holder == " / ".join(holder.name for holder in holders)
    answered = [answer for told in SCRIPT for order in await month.reading.orders(told.n)
                for answer in await answers.of(month.db, order.id)]
    assert answered and all(answer.verdict == "accepted" for answer in answered)
    said = [c["body"] for c in await month.clerk.from_bot(month.staff_room)]
    asked = [body.split("\n")[2] for body in said if body.startswith("Is this an ")]
    assert len(asked) == len(set(asked)) == 43 + len(answered)


async def check_reminders(month: Month) -> None:
    """Each post at most once a day, on office days, by the name of who holds it that day."""
    office = calendar.shipped()
    rows = await month.db.read(
        "SELECT txn_id, content FROM bot_outbox WHERE txn_id LIKE 'directive-day %remind%'")
    assert len(rows) > 30
    seen = Counter(row["txn_id"].rpartition(".")[0] for row in rows)
    assert set(seen.values()) == {1}
    vacant = set()
    for row in rows:
        _, day, _, post = row["txn_id"].rpartition(".")[0].split(" ", 3)
        assert office.hours(date.fromisoformat(day)), row["txn_id"]
        holders = await month.offices.holders(post, day)
        name = " / ".join(holder.name for holder in holders)
        assert (f"{name} ({post}), a kind" if name else f"{post}, a kind") in row["content"]
        vacant |= set() if name else {post}
    assert vacant == {"DC Loralai"}
    # the last word to a post comes before it has done what is asked
    rows = await month.db.read(
        "SELECT count(*) AS wrong FROM directive_action a JOIN directive_charge c ON"
        " c.directive_id = a.directive_id AND c.post = a.post WHERE a.kind IN ('remind', 'overdue',"
        " 'escalate') AND c.ended_at IS NOT NULL AND a.at > c.ended_at + 7200000")
    assert rows[0]["wrong"] == 0


async def check_escalation(month: Month) -> None:
    """Three office days after its date, and every three after that, a step up for who is silent."""
    office = calendar.shipped()
    for told in SCRIPT:
        [order] = await month.reading.orders(told.n)
        if told.fate not in ("silent", "begun") or told.due is None:
            continue
        steps, day = [], told.day + timedelta(told.due)
        for above in LINE:
            day = office.add_working_days(day, 3)
            if day <= MONTH[-1]:
                steps.append((day.isoformat(), above))
        for charge in order.charges:
            deeds = [deed for deed in await directives.deeds(month.db, order.id)
                     if deed.kind == "escalate" and deed.post == charge.post]
            assert [(datetime.fromtimestamp(deed.at / 1000, ZONE).date().isoformat(), deed.after)
                    for deed in deeds] == steps, told


async def check_report(month: Month) -> None:
    """The report's figures are the script's."""
    end = ms(date(2026, 12, 1), time())
    report = await compliance.report(
        month.db, Period(ms(MONTH[0], time()), end, "November 2026"), end)
    wanted = expected()
    assert {line.name: figures(line) for line in report.lines} == wanted
    assert figures(report.total) == sum(wanted.values(), Counter())
    days: dict[str, list[float]] = {}
    for told in SCRIPT:
        for state, after in FATES[told.fate][0]:
            for post in CLASS if told.posts == (MAKRAN,) else told.posts:
                if state == "complied" and "open" not in told.counts_as:
                    days.setdefault(post, []).append(after + (14 * 60 - 9 * 60 - 10) / 1440)
    for line in report.lines:
        assert line.median_days == (
            round(statistics.median(days[line.name]), 1) if line.name in days else None)
    async with month.running():
        event = await month.say(month.clerk, "!directive report this month",
                                ms(MONTH[-1], time(15)), month.staff_room)
        async def look() -> list[dict[str, Any]] | None:
            found = await month.clerk.answers(month.staff_room, event)
            return found if len(found) == 3 else None
        table, book, paper = await until(look)
    assert f"• All: given {report.total.given}, acknowledged" in table["body"]
    assert book["filename"].endswith(".xlsx") and paper["filename"].endswith(".pdf")
