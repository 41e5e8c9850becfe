"""`daftar schools`: the list of schools, taken in from a CSV file, given out as one."""
from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from archive import schools, schools_file
from archive.cases import Actor
from archive.db import open_database
from archive.schools_file import SchoolList
from cli.errors import UserError
from config import Config, load
from nlp.places import canonical


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar schools` takes."""
    parser.add_argument("what", choices=["import", "export"],
                        help="take a list in, or give ours out")
    parser.add_argument("file", metavar="FILE", nargs="?", default="-",
                        help="a CSV file; - is the terminal")
    parser.add_argument("--dry-run", action="store_true",
                        help="only say what taking the list in would change")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 when the file has problems, which are told line by line (then nothing of it is
    taken)."""
    config = load(args.config)
    if args.what == "export":
        _give(args.file, asyncio.run(_export(config)))
        return 0
    found = schools_file.read(_read(args.file), canonical)
    for note in found.notes:
        print(f"{args.file}: {note}", file=sys.stderr)
    if found.problems:
        for problem in found.problems:
            print(f"{args.file}: {problem}", file=sys.stderr)
        print(f"{len(found.problems)} to be mended; nothing of the file is taken.",
              file=sys.stderr)
        return 1
    print(f"{args.file}: {asyncio.run(_take(config, found, args.dry_run))}")
    return 0


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None


def _give(name: str, data: bytes) -> None:
    if name == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        Path(name).write_bytes(data)
    except OSError as error:
        raise UserError(f"{name} cannot be written: {error.strerror}") from None
    print(f"{name}: the whole list of schools")


async def _take(config: Config, found: SchoolList, only_look: bool) -> str:
    db = await open_database(config.database_url)
    try:
        if only_look:
            return f"{(await schools.trial(db, found.schools)).words()}. Nothing is changed."
        actor, now = Actor("", "daftar schools"), int(time.time() * 1000)
        return (await db.write(schools.take(found.schools, actor, now))).words()
    finally:
        await db.close()


async def _export(config: Config) -> bytes:
    db = await open_database(config.database_url)
    try:
        return schools_file.write(await schools.everything(db))
    finally:
        await db.close()
