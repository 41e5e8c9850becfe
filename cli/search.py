"""`daftar search`: the record by words, as the archive page and the bot find them."""
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from archive import directory, search
from archive.db import Database, open_database
from archive.model import Chat, SearchHit
from cli.errors import UserError
from config import Config, load

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar search` takes."""
    parser.add_argument("words", nargs="+", metavar="WORDS",
                        help='all must be there; "a phrase" in quotes; the beginning of a word*')
    parser.add_argument("--group", help="only this group, by name (or part of it) or WhatsApp id")
    parser.add_argument("--since", metavar="DATE", help="YYYY-MM-DD, or with T and HH:MM")
    parser.add_argument("--until", metavar="DATE", help="the same; a day counts to its end")
    parser.add_argument("--limit", type=int, default=50, help="newest so many")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Print what is found, newest first; 1 when nothing is (as grep does)."""
    config = load(args.config)
    zone = ZoneInfo(config.timezone)
    since = parse_when(args.since, zone) if args.since else None
    until = parse_when(args.until, zone, end=True) if args.until else None
    if args.limit < 1:
        raise UserError(f"--limit must be at least 1, not {args.limit}")
    query = " ".join(map(as_phrase, args.words))
    hits = asyncio.run(_find(config, query, args.group, since, until, args.limit))
    for hit in hits:
        print(as_json(hit) if args.json else as_text(hit, zone, sys.stdout.isatty()))
    if not hits and not args.json:
        print("Nothing found.", file=sys.stderr)
    return 0 if hits else 1


def as_phrase(word: str) -> str:
    """The shell took the quotes of "two words" away: they are put back."""
    return f'"{word}"' if " " in word.strip() and '"' not in word else word


async def _find(config: Config, words: str, group: str | None, since: int | None,
                until: int | None, limit: int) -> list[SearchHit]:
    db = await open_database(config.database_url)
    try:
        chat_id = (await find_group(db, group)).id if group else None
        return await search.find(db, words, chat_id=chat_id, since=since, until=until, limit=limit)
    finally:
        await db.close()


async def find_group(db: Database, text: str) -> Chat:
    """The group whose id or name is `text`, or the only one whose name holds it. Raises UserError
    that names the candidates."""
    chats = await directory.chats(db)
    wanted = text.casefold()
    exact = [chat for chat in chats if wanted in (chat.jid.casefold(), chat.name.casefold())]
    found = exact or [chat for chat in chats if wanted in chat.name.casefold()]
    if len(found) == 1:
        return found[0]
    names = "; ".join(chat.name or chat.jid for chat in found or chats) or "none yet"
    raise UserError(f"--group {text}: " + (
        f"more than one group has that in its name: {names}" if found
        else f"there is no such group; the record holds: {names}"))


def parse_when(text: str, zone: ZoneInfo, *, end: bool = False) -> int:
    """Unix milliseconds of a date or a date and time in `zone`; a date alone is its first moment,
    or with `end` the first moment after it. Raises UserError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a date; write 2026-11-23 or 2026-11-23T14:30") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if end and len(text) <= len("2026-11-23"):
        moment += timedelta(days=1)
    return int(moment.timestamp() * 1000)


def as_text(hit: SearchHit, zone: ZoneInfo, colour: bool) -> str:
    """`2026-11-23 14:30  Group  Sender: text`, with the matched words marked on a terminal."""
    when = datetime.fromtimestamp(hit.record.sent_at / 1000, zone).strftime("%Y-%m-%d %H:%M")
    before, after = (BOLD, PLAIN) if colour else ("", "")
    # what others wrote must not steer the terminal
    text = "".join(c if c in "\x02\x03" or c.isprintable() else " " for c in hit.snippet)
    sender = "".join(c if c.isprintable() else " " for c in hit.record.sender_name)
    text = text.replace("\x02", before).replace("\x03", after)
    return f"{when}  {hit.chat_name}  {sender}: {text}"


def as_json(hit: SearchHit) -> str:
    """The record, its group's name, and its text with the matched words marked by \\x02 and \\x03
    (as JSON writes them)."""
    return json.dumps({**dataclasses.asdict(hit.record), "group": hit.chat_name,
                       "snippet": hit.snippet}, ensure_ascii=False)
