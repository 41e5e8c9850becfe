"""The bot's clock: one loop that asks the archive what is due, and puts it into the outbox.

Nothing is kept in memory. That something was told stands in the archive in the transaction that
put the words into the outbox, under a key such as `digest 2026-11-24 @ayesha:office.test`: who dies
in between neither tells it twice nor forgets it. Reminders and digests come in office hours only.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from archive import botbooks, duties, settings
from archive.db import Database, Unit
from archive.offices import Offices
from bot import cards, chasing, digests, orders, polite, proposals, render, rooms
from bot import reminders as late_cases
from bot import suggestions as linking
from bot.matrix import Matrix, MatrixError
from bot.voice import Voice, say
from config import Config
from nlp.calendar import OfficeCalendar

log = logging.getLogger("daftar.bot")

EVERY = 30.0  # seconds between two looks at what is due
WEEK_MS = 7 * digests.DAY_MS

Now = Callable[[], int]


def wall() -> int:
    """The present, Unix ms."""
    return int(time.time() * 1000)


class Clock:
    """Tells what is due. `now` may be another clock than the wall's: a test or a scripted month
    calls `tick()` as often as it likes. `sent` is called when something went into the outbox."""

    def __init__(self, config: Config, db: Database, matrix: Matrix, calendar: OfficeCalendar,
                 now: Now = wall, sent: Callable[[], None] = lambda: None,
                 reader: orders.Reader | None = None, offices: Offices | None = None) -> None:
        self._voice = Voice(config, db, matrix, calendar, offices)
        self._reader = reader
        self._templates = polite.load(config)
        self._db = db
        self._now = now
        self._sent = sent
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()  # one look at a time

    def wake(self) -> None:
        """Something was said in a room."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled: what is due every EVERY seconds, what was said as soon as it is read."""
        loop = asyncio.get_running_loop()
        looked = -EVERY
        while True:
            self._wake.clear()
            if loop.time() - looked >= EVERY:
                looked = loop.time()
                await self.tick()
            else:
                await self.listen()
            left = EVERY - (loop.time() - looked)
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def tick(self) -> None:
        """Everything that is due now. What fails at the homeserver is tried again with the next."""
        async with self._turn:
            await _try(self._keep_staff_room)
            await _try(self._suggest)
            await _try(self._propose)
            await _try(self._read_orders)
            await _try(self._renew_cards)
            if await botbooks.commands(self._db, 1):
                return  # what was commanded may change what is due
            if self._voice.calendar.is_open(self._voice.local(self._now())):
                for duty in (self._remind, self._chase, self._tell_people, self._tell_rooms):
                    await _try(duty)

    async def listen(self) -> None:
        """What was said, and may belong to a case, or be an order."""
        async with self._turn:
            await _try(self._suggest)
            await _try(self._read_orders)
            await _try(self._renew_cards)

    # Duties

    async def _keep_staff_room(self) -> None:
        await rooms.staff_room(self._voice)

    async def _suggest(self) -> None:
        if not self._voice.config.bot.staff_room:
            await linking.forget(self._voice)
            return
        room_id = await settings.get(self._db, rooms.STAFF_ROOM)
        if room_id is None:
            return  # it could not be made yet
        while await linking.find(self._voice, self._now()):
            await asyncio.sleep(0)
        if await linking.put(self._voice, room_id, self._now()):
            self._sent()

    async def _propose(self) -> None:
        room_id = await settings.get(self._db, rooms.STAFF_ROOM)
        if (self._voice.config.bot.staff_room and self._voice.config.directory.propose
                and room_id is not None
                and await proposals.put(self._voice, room_id, self._now())):
            self._sent()

    async def _read_orders(self) -> None:
        while await orders.find(self._voice, self._reader, self._now()):
            self._sent()  # perhaps that an order was edited
            await asyncio.sleep(0)
        room_id = await settings.get(self._db, rooms.STAFF_ROOM)
        if (self._voice.config.bot.staff_room and room_id is not None
                and await orders.put(self._voice, room_id, self._now())):
            self._sent()

    async def _renew_cards(self) -> None:
        while await cards.renew(self._voice, self._now()):
            self._sent()

    async def _chase(self) -> None:
        if await chasing.chase(self._voice, self._templates, self._now()):
            self._sent()

    async def _remind(self) -> None:
        while await late_cases.remind(self._voice, self._now()):
            self._sent()

    async def _tell_people(self) -> None:
        at = self._now()
        today = self._voice.local(at)
        wishes = await settings.named(self._db, digests.setting(""))
        told = await duties.told(self._db, f"digest {today.date()} ")
        bridge = self._voice.config.bridge
        # staff without a case are noted as told, too: the first one that they take at noon is no
        # reason for a digest at noon
        for mxid in dict.fromkeys((*await duties.people(self._db), *bridge.staff, *bridge.admins)):
            key = f"digest {today.date()} {mxid}"
            wish = digests.clock_time(
                wishes.get(mxid), self._voice.config.bot.digest)
            if (key not in told and self._voice.is_person(mxid)
                    and digests.is_due(today, wish, self._voice.calendar)):
                await _try(lambda mxid=mxid, key=key: self._tell(mxid, key, at))

    async def _tell(self, mxid: str, key: str, at: int) -> None:
        """One person's digest of the day."""
        voice, mark = self._voice, await duties.last_action(self._db)
        words, room_id = None, ""
        try:
            words = await digests.personal(
                self._db, voice.matrix, voice.request("", at), mxid, mark)
            room_id = (await rooms.direct(voice, mxid) or "") if words else ""
        except MatrixError as error:
            if not error.lasting:
                raise
            log.warning("no digest for %s today: %s", mxid, error)
        await self._db.write(_told(key, at, digests.mark_setting(mxid), str(mark), room_id, words))
        self._sent()

    async def _tell_rooms(self) -> None:
        voice, at = self._voice, self._now()
        today = voice.local(at)
        first = digests.first_of_week(today.date(), voice.calendar)
        if not digests.is_due(today, voice.config.bot.digest, voice.calendar):
            return
        week = f"week {today.date() - timedelta(today.weekday())} "
        told = await duties.told(self._db, week)
        opening = today.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000
        for room_id, since in await duties.rooms(self._db):
            last = await settings.get(self._db, _week_setting(room_id))
            # a room's first digest waits for a week's first day; later ones are made up for
            new = last is None and (since >= opening or first != today.date())
            if week + room_id not in told and not new:
                await _try(lambda room_id=room_id, last=last: self._tell_room(
                    room_id, week + room_id, at, int(last or at - WEEK_MS)))

    async def _tell_room(self, room_id: str, key: str, at: int, since: int) -> None:
        """One room's digest of the week."""
        voice, words = self._voice, None
        if await voice.matrix.is_joined(room_id, voice.matrix.user_id):
            words = await digests.weekly(self._db, voice.request(room_id, at), since)
        await self._db.write(_told(key, at, _week_setting(room_id), str(at), room_id, words))
        self._sent()


def _week_setting(room_id: str) -> str:
    return f"bot.week {room_id}"


def _told(key: str, at: int, name: str, value: str, room_id: str, words: tuple[str, str] | None
          ) -> Unit[None]:
    """That it was told, up to where (the setting `name`), and the words: all or nothing."""
    if not (yield from duties.once(key, at)):
        return
    yield from settings.put(name, value)
    if words and room_id:
        yield from say(key, room_id, render.notice(*words))


async def _try(duty: Callable[[], Awaitable[None]]) -> None:
    """Do it; when it fails, the others are done all the same, and it is tried again with the next
    tick: nothing of it is noted as told."""
    try:
        await duty()
    except MatrixError as error:
        if error.status == 401:
            raise
        log.warning("clock: %s", error)
    except Exception:
        log.exception("clock: what is due could not be told")
