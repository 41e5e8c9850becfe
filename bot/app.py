"""The bot, wired: sync → books → commands → outbox. The only file that knows all the others.

Every step is safe to die after. A sync's events and its token are one transaction; a command's
effect, its answers and its mark "done" are another; an answer is sent under a transaction id of its
own, and the bot's own event, coming back with the sync, proves that it was.
"""
from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn
from zoneinfo import ZoneInfo

from archive import botbooks, settings
from archive.botbooks import Outgoing, SeenEvent
from archive.db import Database, Unit, open_database
from archive.figures import SYNCED
from archive.gazetteer_file import GazetteerError
from archive.offices import Offices
from bot import clock, fault, inbox, registers, visit_reports
from bot.doing import Doing
from bot.encryption import Encryption
from bot.late import Late
from bot.matrix import SYNC_TIMEOUT_MS, Matrix, MatrixError
from bot.order_reader import OrderReader
from bot.orders import Reader
from bot.outbox import Outbox
from bot.recorder import Recorder
from config import Config
from nlp import calendar

log = logging.getLogger("daftar.bot")

DISPLAY_NAME = "Daftar"
GATHER = 0.1  # seconds between syncs while events come: a few at once cost less than one by one
LONGEST_WAIT = 60.0  # seconds between tries when something is down


class BotError(Exception):
    """The bot cannot work; the text is a sentence for the administrator."""


async def run(config: Config, now: clock.Now = clock.wall) -> None:
    """Run the bot until cancelled. `now`: the clock by which something is due (Unix ms). Raises
    BotError when the configuration cannot work, and ArchiveError when the archive cannot be
    opened."""
    db = await open_database(config.database_url)
    try:
        await run_with(config, db, now)
    finally:
        await db.close()


async def run_with(config: Config, db: Database, now: clock.Now = clock.wall) -> None:
    """The same, on a database that is open already."""
    matrix = Matrix(config.homeserver.url, config.user_id(config.bot.user), config.bot.as_token)
    if config.bridge.encrypted or Encryption.file(config.data).exists():
        rules = inbox.rules_of(config)
        matrix.encryption = Encryption(
            config.data, matrix.user_id, rules.bridge_bot, rules.ghost_prefix, matrix.ask)
    try:
        reader = OrderReader(config, db)
    except GazetteerError as error:
        raise BotError(f"directory.gazetteer cannot be used: {error}; `daftar check` says more"
                       ) from None
    try:
        await Bot(config, db, matrix, now, reader, reports=visit_reports.reader()).run()
    finally:
        await matrix.close()


class Bot:
    """Its loops: reading, doing, sending, the record, the registers, and the clock. `reader` finds
    orders in messages, `offices` says who holds which post, `reports` reads visits."""

    def __init__(self, config: Config, db: Database, matrix: Matrix,
                 now: clock.Now = clock.wall, reader: Reader | None = None,
                 offices: Offices | None = None, reports: registers.Reader | None = None) -> None:
        self._config = config
        self._db = db
        self._matrix = matrix
        self._rules = inbox.rules_of(config)
        self._doing = Doing(config, db, matrix, self._rules, offices)
        self._outbox = Outbox(db, matrix)
        self._recorder = Recorder(config, db, matrix)
        self._registers = registers.Registers(db, ZoneInfo(config.timezone), reports)
        self._late = Late(db, matrix, self._rules)
        self.clock = clock.Clock(config, db, matrix, calendar.load(config), now,
                                 self._outbox.wake, reader, offices)
        self._token_name = f"bot.sync_token {self._rules.user_id}"
        self._commands = asyncio.Event()
        self._caught_up = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        await self._sign_on()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_again_and_again("reading", self._read), name="bot reading")
                tasks.create_task(_again_and_again("commands", self._do), name="bot commands")
                tasks.create_task(_again_and_again("answers", self._send), name="bot answers")
                tasks.create_task(_again_and_again("record", self._recorder.run),
                                  name="bot record")
                tasks.create_task(_again_and_again("registers", self._registers.run),
                                  name="bot registers")
                tasks.create_task(_again_and_again("clock", self._tick), name="bot clock")
        except* BotError as group:
            raise group.exceptions[0] from None

    async def _sign_on(self) -> None:
        bot = self._config.bot
        wait = 0.5
        while True:
            try:
                user_id = await self._matrix.register(bot.user, DISPLAY_NAME)
                break
            except MatrixError as error:
                if error.status == 401 or error.lasting:
                    raise BotError(
                        f"the homeserver at {self._config.homeserver.url} refuses the bot "
                        f"({error}); check bot.as_token, bot.user, and that the bot's registration "
                        "is among the homeserver's app_service_config_files") from None
                log.warning("%s; trying again in %.0f s", error, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
        if user_id != self._rules.user_id:
            raise BotError(f"bot.as_token is for {user_id}, but bot.user and homeserver.name say "
                           f"{self._rules.user_id}")
        log.info("signed on as %s", user_id)

    # Reading

    async def _read(self) -> None:
        """Sync for ever: events, invitations and token go into the books together."""
        token = await settings.get(self._db, self._token_name)
        await self._late.begin()
        # First what was missed, hardly waiting; never twice the same number, because Synapse
        # answers the same question from a cache, and we ask what happened just before we died.
        timeout_ms = secrets.randbelow(200) + 1
        while True:
            batch = await self._matrix.sync(token, timeout_ms)
            fault.reach("sync-received")
            events: list[SeenEvent] = []
            echoes: list[tuple[str, str]] = []
            records: list[Unit[None]] = []
            late = await self._late.opened()
            for timeline in (*late, *batch.rooms):
                rows, own = inbox.read(timeline, self._rules)
                events += rows
                echoes += own
                records += await self._recorder.units(timeline)
            joins = []
            for invite in batch.invites:
                if inbox.accepts(invite.inviter, self._rules):
                    joins.append(Outgoing(f"join {invite.room_id} {batch.token}", invite.room_id,
                                          botbooks.JOIN, "{}"))
                else:
                    log.warning("not joining %s: invited by %s, who is neither admin nor staff",
                                invite.room_id, invite.inviter)
            heard = settings.put(SYNCED, str(int(time.time() * 1000)))
            if batch.token != token:
                self._late.watch(events)
                await self._db.write(_all(*records, heard, self._late.unit(late), botbooks.record(
                    self._token_name, batch.token, events, joins, echoes)))
                self._recorder.wake()
                self._registers.wake()
            else:
                await self._db.write(heard)
            fault.reach("sync-stored")
            timeout_ms = SYNC_TIMEOUT_MS
            token = batch.token
            if not self._caught_up.is_set() or any(event.state == "new" for event in events):
                self._commands.set()
            self._caught_up.set()
            if joins:
                self._outbox.wake()
            if events:
                self.clock.wake()
                await asyncio.sleep(GATHER)

    # Doing

    async def _do(self) -> None:
        """Do the commands in the books, oldest first, one at a time."""
        while True:
            await self._commands.wait()
            self._commands.clear()
            while waiting := await botbooks.commands(self._db):
                for event in waiting:
                    await self._doing.handle(event)
                    self._outbox.wake()

    # Sending

    async def _send(self) -> None:
        """Send what is in the outbox, once it is known what of it has arrived already."""
        await self._caught_up.wait()
        await self._outbox.run()

    # What nobody asked for

    async def _tick(self) -> None:
        """Tell what is due, once it is known what was said meanwhile."""
        await self._caught_up.wait()
        await self.clock.run()


def _all(*units: Unit[None]) -> Unit[None]:
    """Several units as one."""
    for unit in units:
        yield from unit


async def _again_and_again(what: str, loop: Callable[[], Awaitable[None]]) -> NoReturn:
    """Run an endless loop; when something it needs is down, wait and run it again. All that it
    does stands in the archive, so beginning again loses nothing and does nothing twice."""
    wait = 0.5
    now = asyncio.get_running_loop().time
    while True:
        begun = now()
        try:
            await loop()
        except MatrixError as error:
            if error.status == 401:
                raise BotError(f"the homeserver no longer knows bot.as_token ({error})") from None
            log.warning("%s: %s", what, error)
        except Exception:
            log.exception("%s failed", what)
        if now() - begun > LONGEST_WAIT:
            wait = 0.5
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)
