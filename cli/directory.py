"""`daftar directory`: the file of posts and people, taken in, given out, or only looked at."""
from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from archive import gazetteer_file, roster, roster_import
from archive.cases import Actor
from archive.db import open_database
from archive.postings import By
from archive.roster_import import Refused
from cli.errors import UserError
from config import Config, load

log = logging.getLogger("daftar.directory")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar directory` takes."""
    parser.add_argument("what", choices=["import", "export", "check"],
                        help="take a file in, write the directory into one, or only look at one")
    parser.add_argument("file", metavar="FILE", help="a CSV file; - is the terminal")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 when the file has problems, which are told line by line (then nothing of it is
    taken)."""
    config = load(args.config)
    if args.what == "export":
        data = asyncio.run(_export(config))
        if args.file == "-":
            sys.stdout.buffer.write(data)
        else:
            _written(Path(args.file), data)
            print(f"{args.file}: the whole directory")
        return 0
    data = _read(args.file)
    try:
        print(f"{args.file}: " + asyncio.run(
            take(config, data, only_look=args.what == "check")))
    except Refused as refused:
        for problem in refused.problems:
            print(f"{args.file}: {problem}", file=sys.stderr)
        print(f"{len(refused.problems)} to be mended; nothing of the file is taken.",
              file=sys.stderr)
        return 1
    return 0


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None


def _written(path: Path, data: bytes) -> None:
    try:
        path.touch(mode=0o600)  # people's numbers
        path.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


async def take(config: Config, data: bytes, *, only_look: bool = False) -> str:
    """Take a directory.csv into the archive, or say what taking it would change. Returns what
    happened, in words. Raises Refused with the problems; then nothing of it is taken."""
    book = gazetteer_file.load(config.directory.gazetteer)
    lines, now = roster.read(data, book), int(time.time() * 1000)
    by, day = By(Actor("", "daftar directory"), now), today(config)
    db = await open_database(config.database_url)
    try:
        if only_look:
            taking = await roster_import.trial(db, lines, book, by, day)
            return f"{taking.words()}. Nothing is changed."
        return (await db.write(roster_import.take(lines, book, by, day))).words()
    finally:
        await db.close()


async def _export(config: Config) -> bytes:
    db = await open_database(config.database_url)
    try:
        return await roster_import.export(db)
    finally:
        await db.close()


async def load_at_start(config: Config) -> list[str]:
    """The directory's file, when it has changed since it was last taken; what is wrong with it,
    which is logged too: the house then works with the directory as it stands. Raises
    GazetteerError."""
    book = gazetteer_file.load(config.directory.gazetteer)
    path = Path(config.directory.file or roster_import.SHIPPED)
    db = await open_database(config.database_url)
    try:
        problems = await roster_import.load(
            db, path, book, int(time.time() * 1000), today(config))
    finally:
        await db.close()
    for problem in problems:
        log.error("%s: %s", path, problem)
    if problems:
        log.error("%s is not taken; the directory stays as it stood. Mend it and see `daftar "
                  "directory check`", path)
    return problems


def today(config: Config) -> str:
    """The day at the office, as an ISO text."""
    return datetime.now(ZoneInfo(config.timezone)).date().isoformat()
