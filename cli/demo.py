"""`daftar demo`: the whole house on this machine, with a WhatsApp of its own."""
from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import directives, directory, messages, search, suggested
from archive.db import open_database
from archive.fold import tokens
from archive.roster_import import Refused
from bot import orders
from cli import compare
from cli import directory as directory_file
from cli.errors import UserError
from cli.office import USERS, Office
from cli.reader import Reader
from emulator.page import PhonePage
from emulator.played import Played
from emulator.scenario import Player, PlayReport, load

LOG_LEVEL = "warning"
BUNDLED = Path(__file__).resolve().parent.parent / "emulator" / "demo"
SETTLE_S = 8.0  # nothing new in the rooms for so long: what is missing then is lost
PATIENCE_S = 90.0  # for an answer; a part may still be starting
LIVELY_SPEED = 600.0  # ten minutes of the scenario in a second, when a person watches
REPLY = "Noted. This reply was written in Element."


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar demo` takes."""
    parser.add_argument("--folder", type=Path, default=Path(".demo"),
                        help="where everything is kept (default .demo)")
    parser.add_argument("--corpus", type=Path,
                        help="play this folder (roster.csv and one JSONL a group) instead of the "
                             "chats that come with Daftar")
    parser.add_argument("--once", action="store_true", help="stop when everything is carried over")
    parser.add_argument("--json", action="store_true",
                        help="the counts as JSON on the last line of the output")


def run(args: argparse.Namespace) -> int:
    """Play, carry, compare, say where to look. Exit 1 when something was lost or doubled."""
    if args.corpus is not None and not args.corpus.is_dir():
        raise UserError(f"--corpus {args.corpus}: there is no such folder")
    return asyncio.run(Demo(args).run())


@dataclass
class Group:
    """A group of the scenarios and the room that mirrors it."""

    jid: str
    name: str
    room: str = ""


class Demo:
    """One run of the demo."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._began = time.monotonic()
        self.office = Office(args.folder, progress=self._say)
        self._players: list[Player] = []
        self._groups: dict[str, Group] = {}
        self.counts: dict[str, Any] = {}

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f} s] {text}", file=sys.stderr, flush=True)

    async def run(self) -> int:
        """Everything, in order; stops the house whatever happens."""
        page: PhonePage | None = None
        try:
            await self.office.start()
            await self._prepare()
            await self.office.link()
            await self._find_rooms()
            if not self._args.once:  # before the phones speak: so that one can watch them
                page = PhonePage(self.office.emulator)
                await page.start()
                self._where_to_look(page.url)
            await self._play()
            async with self.office.reader("officer") as officer:
                await self._settle(officer)
                await self._work(officer)
            self.counts |= {
                "seconds": round(time.monotonic() - self._began, 1),
                "setup_seconds": float(os.environ.get("DAFTAR_SETUP_SECONDS") or 0)}
            if self._args.json:
                print(json.dumps(self.counts), flush=True)
            if not self._args.once:
                self._say("everything is there; Ctrl-C stops")
                await self._stay()
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._say("stopping; `make demo` goes on where this stopped")
            return 0
        finally:
            if page:
                await page.stop()
            for player in self._players:
                player.close()
            await self.office.stop()
        wrong = ("lost", "duplicated", "out_of_order")
        return 1 if any(self.counts.get(key) for key in wrong) or not self.counts else 0

    async def _prepare(self) -> None:
        """The groups and phones of the scenarios, before anybody says anything."""
        folders = [self._args.corpus] if self._args.corpus else \
            sorted(BUNDLED.iterdir(), reverse=True)
        for folder in folders:
            player = Player(self.office.emulator, await load(folder),
                            department=[self.office.department])
            self._players.append(player)
            for group in await player.prepare():
                self._groups[group.jid] = Group(group.jid, group.name)
            await self._directory(folder / "roster.csv")
        self._say(f"{len(self._groups)} groups, {len(self.office.emulator.phones)} phones")

    async def _directory(self, roster: Path) -> None:
        """Who holds which post: without it an order cannot be told from an appeal."""
        if not roster.is_file():
            self._say(f"{roster} is not there: nobody holds a post, and no orders are proposed")
            return
        try:
            told = await directory_file.take(self.office.config, roster.read_bytes())
            self._say(f"directory of {roster.parent.name}: {told}")
        except Refused as refused:
            for problem in refused.problems:
                self._say(f"{roster}: {problem}")
            self._say("the directory is left as it was, and few orders will be proposed")

    async def _find_rooms(self) -> None:
        """Wait until every group has its room, and enter them."""
        async with self.office.reader("officer") as officer:
            end = time.monotonic() + 120
            while time.monotonic() < end:
                joined = await officer.join_invited()
                for group in self._groups.values():
                    room = await officer.room_of(self._alias(group))
                    group.room = room if room in joined else ""
                if all(group.room for group in self._groups.values()):
                    self._say(f"{len(self._groups)} rooms are there")
                    return
                self.office.check_alive()
                await asyncio.sleep(0.3)
        missing = [group.name for group in self._groups.values() if not group.room]
        raise UserError(f"no room for {', '.join(missing)} after 120 s; see "
                        f"{self._args.folder}/all.log")

    def _alias(self, group: Group) -> str:
        """A group may change its name; the address of its room follows from its JID."""
        prefix = self.office.config.bridge.ghost_prefix
        return f"#{prefix}{group.jid.partition('@')[0]}:{self.office.synapse.name}"

    async def _play(self) -> None:
        """The phones send what has not been sent. Fast when nobody watches."""
        for player in self._players:
            total = sum(len(chat.messages) for chat in player.scenario.chats)
            self._say(f"playing {total} messages of {player.scenario.folder.name}")
            speed = None if self._args.once else LIVELY_SPEED
            report: PlayReport = await player.play(
                speed=speed, longest_pause=0.5, on_progress=self._progress)
            for remark in report.skipped:
                self._say(f"left out {remark.source} {remark.corpus_id}: {remark.reason}")

    def _progress(self, _: Played, done: int, total: int) -> None:
        if done % 20 == 0 and not self._args.once:
            self._say(f"{done} of {total} said")

    async def _settle(self, officer: Reader) -> None:
        """Wait until all is there, or nothing new comes; then count."""
        sent = [played for player in self._players for played in player.sent()]
        wanted = {jid: [p for p in sent if p.group == jid] for jid in self._groups}
        last, quiet = -1, time.monotonic()
        result = compare.Comparison()
        while time.monotonic() - quiet < SETTLE_S:
            result = await self._compare(officer, wanted)
            if not (result.lost or result.duplicated):
                break
            if result.mirrored != last:
                last, quiet = result.mirrored, time.monotonic()
                self._say(f"{result.mirrored} of {result.sent} messages are in the rooms")
            self.office.check_alive()
            await asyncio.sleep(1)
        result += compare.Comparison(lost=await self._forgotten(sent))
        self._say(f"{result.mirrored} of {result.sent} messages can be read in Matrix; "
                  f"{result.lost} lost, {result.duplicated} doubled, {result.out_of_order} out of "
                  "order")
        self.counts = {"groups": len(self._groups), **vars(result)}

    def _names(self) -> list[str]:
        """How people may stand behind an "@": as their phones or as the directory call them."""
        phones = (phone.name for phone in self.office.emulator.phones.values())
        people = (person.name for player in self._players
                  for person in player.scenario.people.values())
        return sorted({*phones, *people} - {""})

    async def _forgotten(self, sent: list[Played]) -> int:
        """How many deleted messages the record does not hold with their words."""
        deleted = {(p.group, p.target_id) for p in sent if p.kind == "delete"}
        count = 0
        database = await open_database(self.office.config.database_url)
        try:
            for played in sent:
                if (played.group, played.id) in deleted:
                    chat = await directory.chat_by_jid(database, played.group)
                    record = await messages.by_source(database, chat.id, played.id) if chat \
                        else None
                    count += record is None or record.text != played.text
        finally:
            await database.close()
        if count:
            self._say(f"the record does not hold the words of {count} deleted messages")
        return count

    async def _compare(self, officer: Reader, wanted: dict[str, list[Played]]
                       ) -> compare.Comparison:
        result = compare.Comparison()
        prefix = self.office.config.bridge.ghost_prefix
        for jid, group in self._groups.items():
            events = await officer.events(group.room)
            found = await compare.read_tokens(officer, events, prefix, self._names())
            result += compare.compare(compare.expected(wanted[jid], self._names()), found)
            result += compare.compare(compare.expected_reactions(wanted[jid]),
                                      compare.read_reactions(events, prefix))
        return result

    async def _work(self, officer: Reader) -> None:
        """A section officer's first day: a reply, a case, a search."""
        sent = await self._reply_everywhere(officer)
        group = next(iter(self._groups.values()))
        self.counts |= {"to_whatsapp": sent, "cases": await self._open_case(officer, group),
                        "orders": await self._proposed(),
                        "search_hits": await self._search(officer, group)}
        self._say(f"{sent} replies reached the phones; {self.counts['cases']} case(s); "
                  f"{self.counts['orders']} orders are proposed; "
                  f"{self.counts['search_hits']} found")

    async def _reply_everywhere(self, officer: Reader) -> int:
        """A staff member answers in every group. Returns how many answers the phones show."""
        arrived = 0
        for group in self._groups.values():
            text = f"{REPLY} ({int(time.time())})"
            members = self.office.emulator.groups[group.jid].members
            phone = next(phone for number, phone in self.office.emulator.phones.items()
                         if number in members and phone is not self.office.department)
            await officer.say(group.room, text)
            try:
                await phone.wait_for(lambda seen, text=text: text in seen.text, PATIENCE_S)
            except TimeoutError:
                self._say(f"the reply did not reach {group.name}")
                continue
            arrived += 1
        return arrived

    async def _open_case(self, officer: Reader, group: Group) -> int:
        """Open a case from the group's first message, unless an earlier run did. Returns the
        number of case cards in the room."""
        events = await officer.events(group.room)
        first = next((event for event in events if event["type"] == "m.room.message"
                      and "org.daftar.record" in event["content"]), None)
        if first is not None and not _cards(events):
            await officer.say(group.room, "!case open", reply_to=first["event_id"])
            await officer.wait_for(group.room, _is_card, PATIENCE_S)
        return len(_cards(await officer.events(group.room)))

    async def _proposed(self) -> int:
        """Wait until the bot has read everything. Returns how many orders wait for the staff."""
        database = await open_database(self.office.config.database_url)
        try:
            end = time.monotonic() + PATIENCE_S
            while (await suggested.unread(database, 1, orders.CURSOR))[1]:
                self.office.check_alive()
                if time.monotonic() > end:
                    self._say("the bot has not read everything yet")
                    break
                await asyncio.sleep(0.3)
            return (await directives.listing(
                database, directives.Filter(stages=("proposed",)), limit=1))[1]
        finally:
            await database.close()

    async def _search(self, officer: Reader, group: Group) -> int:
        """Look a word of the group's first message up in the archive. Returns the hits."""
        bodies = [e["content"]["body"] for e in await officer.events(group.room)
                  if e["type"] == "m.room.message" and e["content"].get("msgtype") == "m.text"
                  and "org.daftar.record" in e["content"]]
        words = [word for body in bodies[:1] for word in tokens(body)]
        if not words:
            return 0
        database = await open_database(self.office.config.database_url)
        try:
            return len(await search.find(database, max(words, key=len)))
        finally:
            await database.close()

    def _where_to_look(self, page: str) -> None:
        settings = self.office.config
        users = "\n".join(f"      {user.localpart:<10} {user.password:<18} {user.name}"
                          for user in USERS)
        print(f"""
Everything runs. Where to look:

  Matrix   any client, e.g. Element Desktop; homeserver {settings.homeserver.url}
      user       password
{users}
  Phones   {page}   be anybody in any group
  Archive  http://{settings.web.host}:{settings.web.port}   sign in as above

In a room, reply to a message with  !case open  ; write  !help  for more.
What seniors order in the groups waits in the room "{settings.bot.staff_room}" for your tick.
Ctrl-C stops; the next `make demo` goes on where this one stopped.""", flush=True)

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(5)
            self.office.check_alive()


def _is_card(event: dict[str, Any]) -> bool:
    content = event["content"]
    return "org.daftar.case" in content and \
        content.get("m.relates_to", {}).get("rel_type") not in ("m.replace", "m.thread")


def _cards(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if _is_card(event)]
