"""What a command costs at the bot over a large desk: `python -m benchmarks.desk`.

A thousand open cases and a hundred thousand messages in the archive, a real Synapse. Measured is
the time from the event in the books to its answer in the outbox (Doing.handle), and how many
statements it took; every command is given `--rounds` times, and the median and the slowest count.
Ends with 1 when a list, show or search took longer than LIMIT_MS.
"""
from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from archive import botbooks, casework, directory, messages
from archive.botbooks import SeenEvent
from archive.cases import Actor, Paper
from archive.db import Database, Unit, open_database
from archive.model import NewRecord, Sender
from bot import inbox
from bot.doing import Doing
from bot.matrix import Matrix
from tests.bot.conftest import bot_is_in
from tests.bot.people import config_for, new_staff, running_bot, until
from tests.homeserver import House, in_own_loop, open_house

DISTRICTS = ("Sibi", "Kech", "Kohlu", "Khuzdar", "Zhob", "Panjgur", "Gwadar", "Chaman")
COMMANDS = (
    "!case list", "!case list mine", "!case list overdue", "!case list district Sibi",
    "!case list post DEO Kech", "!case list tag salary", "!case list school 00107",
    "!case show 500", "!case history 500", "!case status 500", "!case search salary kohlu",
    "!search teacher absent Kohlu", "!search absent", "!search killi*",
    "!search \"boundary wall\"", "!case note {n} seen", "!case assign {n} DDEO Sibi",
    "!case assign {n} Ayesha Khan", "!case due {n} 3 working days", "!case open A new matter",
    "!case open BEMIS 00107 is closed")
LIMIT_MS = 150  # what issue 4 allows list, show and search
AT = 1_790_000_000_000


class Counted:
    """A database that counts the statements asked of it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.statements = 0

    async def read(self, sql, *args):
        """One statement."""
        self.statements += 1
        return await self._db.read(sql, *args)

    async def write(self, unit: Unit, within: float = 0.0):
        """A unit: as many statements as it has."""
        return await self._db.write(self._counted(unit), within)

    def _counted(self, unit: Unit):
        try:
            statement = next(unit)
            while True:
                self.statements += 1
                rows = yield statement
                statement = unit.send(rows)
        except StopIteration as done:
            return done.value


async def fill(db: Database, room: str, cases: int, texts: int, me: Actor) -> None:
    """The archive: one group's messages, and its cases."""
    lot = random.Random(1)
    chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "DEOs", "", AT))
    await db.write(directory.set_room(chat.id, room))

    def batch(first: int) -> Unit[None]:
        for n in range(first, min(texts, first + 500)):
            district = lot.choice(DISTRICTS)
            yield from messages.add(NewRecord(
                chat_id=chat.id, kind="text", origin="whatsapp", source_id=f"M{n}",
                sender=_official(n % 200),
                sent_at=AT + n * 60_000, received_at=AT + n * 60_000,
                text=f"GBPS Killi {n % 3000} {district} visited, teacher absent, "
                     f"{lot.choice(('boundary wall', 'salary', 'no water', 'roof'))} {n}"))
    for first in range(0, texts, 500):
        await db.write(batch(first))
    for n in range(200):
        person = await db.write(directory.ensure(_official(n), AT))
        await db.write(directory.set_role(chat.id, person, "member"))

    def case(n: int) -> Unit[None]:
        at = AT + n * 60_000
        papers = [Paper(f"$p{n}-{i}", "@wa_1:x", "Jabbar", at, "School found closed. " * 10)
                  for i in range(3)]
        docket = yield from casework.open_case(
            department="SED", year=2026, title=f"{lot.choice(('Salary', 'Roof', 'Absence'))} "
            f"{DISTRICTS[n % 8]} {n}", text="", room_id=room, actor=me, at=at, event_id=f"$c{n}",
            card_txn=f"$c{n}.card", papers=papers, schools=[f"{n:05d}"])
        number = docket.case.id
        holder, mxid = (me.name, me.mxid) if n % 10 == 9 else (f"DEO {DISTRICTS[n % 8]}", None)
        yield from casework.assign(number, holder, mxid, me, at, f"$a{n}")
        yield from casework.put(number, "district", DISTRICTS[n % 8], me, at, f"$d{n}")
        yield from casework.mark(number, "tag", ["salary" if n % 5 else "roof"], me, at, f"$t{n}")
        if n % 2:
            yield from casework.due(number, AT + n * 3_600_000, "", me, at, f"$u{n}")
        for i in range(5):
            yield from casework.note(number, f"note {i}", me, at, f"$n{n}-{i}")
    for n in range(cases):
        await db.write(case(n))


def _official(n: int) -> Sender:
    return Sender(pn=f"92300700{n:04d}", push_name=f"Official {n} DDEO {DISTRICTS[n % 8]}")


async def measure(folder: Path, args: argparse.Namespace) -> int:
    """Fill and ask. Gives the exit status."""
    house = await asyncio.to_thread(open_house, folder)
    try:
        return await ask_all(house, folder, args)
    finally:
        in_own_loop(house.synapse.stop())


async def ask_all(house: House, folder: Path, args: argparse.Namespace) -> int:
    """Give every command and print what it cost; 1 when one took too long."""
    staff = await new_staff(house)
    config = config_for(house, f"sqlite:{folder / 'bot.sqlite'}", folder, (staff.user_id,))
    async with running_bot(config):
        room = await staff.create_room(config.user_id(config.bot.user))
        await until(lambda: bot_is_in(staff, room))
    db = await open_database(config.database_url)
    matrix = Matrix(config.homeserver.url, config.user_id(config.bot.user), config.bot.as_token)
    began = time.monotonic()
    await fill(db, room, args.cases, args.messages, Actor(staff.user_id, "Ayesha Khan"))
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    counted = Counted(db)
    doing = Doing(config, counted, matrix, inbox.rules_of(config))
    number, slow = 0, 0
    for command in COMMANDS:
        times, statements = [], 0
        for turn in range(args.rounds):  # {n}: another case each time
            number += 1
            words = command.replace("{n}", str(args.cases // 2 + turn))
            event = SeenEvent(f"$bench{number}", room, staff.user_id, "m.room.message",
                              int(time.time() * 1000), json.dumps(
                                  {"msgtype": "m.text", "body": words}), "new")
            await db.write(botbooks.record("bench", str(number), [event]))
            counted.statements, began = 0, time.perf_counter()
            await doing.handle(event)
            times.append((time.perf_counter() - began) * 1000)
            statements = counted.statements
            assert (await botbooks.event(db, event.event_id)).state == "done"
            [said] = await db.read("SELECT content FROM bot_outbox WHERE txn_id LIKE ?"
                                   " ORDER BY id LIMIT 1", f"{event.event_id}.%")
            assert "Nothing found" not in said["content"] and ": none." not in said["content"]
        slow |= max(times) > LIMIT_MS and bool(set(command.split()) & {
            "list", "show", "search", "!search"})
        print(f"{command:34} median {statistics.median(times):6.1f} ms, slowest "
              f"{max(times):6.1f} ms, {statements} statements", flush=True)
    await matrix.close()
    await db.close()
    return int(slow)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    with tempfile.TemporaryDirectory() as name:
        sys.exit(asyncio.run(measure(Path(name), parser.parse_args())))
