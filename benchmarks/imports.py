"""How fast chat exports become part of the record: beside the floor in the same run, a bare script
that takes the lines apart with one pattern, knows a message again by its hash and puts it into an
SQLite table and a full-text index, 5,000 a transaction. CPU and wall seconds; then the same file
once more, which adds nothing.

    python -m benchmarks.imports [--messages 200000] [--mix "group chat"]
        [--dialect "android en-PK narrow"] [--json]

The mixes and dialects are those of benchmarks/exports.py.
"""
from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from archive import directory
from archive.cases import Actor
from archive.db import open_database
from archive.media import MediaStore
from benchmarks.exports import MIXES, pattern, write
from bridge.imports import survey, taking
from tests.bridge.exports.generate import DIALECTS, ZONE

BATCH = 5_000
ROUNDS = 3


def floor(path: Path, compiled: re.Pattern[str], database: Path) -> dict[str, float]:
    """The bare script: what it takes a message, in seconds."""
    db = sqlite3.connect(database, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE message (id INTEGER PRIMARY KEY, key TEXT UNIQUE, at TEXT, sender TEXT,"
        " text TEXT); CREATE VIRTUAL TABLE words USING fts5(text, content='message',"
        " content_rowid='id');")
    cpu, wall, count, rows, seen = time.process_time(), time.perf_counter(), 0, [], {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if match := compiled.match(line):
                *when, sender, text = match.groups()
                at = "/".join(when)
                key = hashlib.sha1(f"{at}{sender}{text}".encode()).hexdigest()
                seen[key] = number = seen.get(key, 0) + 1
                count += 1
                rows.append((count, f"{key}{number}", at, sender, text))
                if len(rows) == BATCH:
                    _insert(db, rows)
                    rows = []
    _insert(db, rows)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / count, "wall": wall / count}


def _insert(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    db.execute("BEGIN")
    db.executemany("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?)", rows)
    db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", [
        (row[0], row[4]) for row in rows])
    db.execute("COMMIT")


async def take(path: Path, folder: Path) -> dict[str, float]:
    """One import, from looking at the file to its report: what it takes a message, in seconds."""
    db = await open_database(f"sqlite:{folder}/archive.sqlite")
    try:
        chat = await db.write(directory.ensure_chat("1@g.us", "Group", "", 0))
        cpu, wall = time.process_time(), time.perf_counter()
        found = await survey.survey(db, path, ZONE, chat_id=chat.id)
        looked = time.process_time() - cpu
        taken = await taking.take(
            db, MediaStore(folder / "media"), found, chat, ZONE, Actor("", "benchmark"))
        return {"cpu": (time.process_time() - cpu) / taken.messages, "added": taken.added,
                "wall": (time.perf_counter() - wall) / taken.messages,
                "looking": looked / taken.messages, "messages": taken.messages}
    finally:
        await db.close()


def peak_mb(path: Path) -> tuple[float, float]:
    """(peak of a process that only loads the program, peak of one that imports), in MB."""
    code = ("import re, sys, tempfile, asyncio; from pathlib import Path;"
            "import benchmarks.imports as b\n"
            "if len(sys.argv) > 1:\n"
            "    with tempfile.TemporaryDirectory() as f:"
            " asyncio.run(b.take(Path(sys.argv[1]), Path(f)))\n"
            "print(int(re.search('VmHWM:\\\\s+(\\\\d+)', Path('/proc/self/status').read_text())[1])"
            " / 1024)")
    bare, full = (float(subprocess.run(
        [sys.executable, "-c", code, *args], check=True, capture_output=True, text=True).stdout)
        for args in ([], [str(path)]))
    return bare, full


def measure(dialect: str, mix: str, messages: int) -> dict[str, Any]:
    """Floor and import, turn by turn; the best round of each."""
    chosen = next(one for one in DIALECTS if one.name == dialect)
    floors, firsts, agains = [], [], []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "export.txt"
        write(path, chosen, MIXES[mix](chosen, messages))
        for number in range(ROUNDS):
            floors.append(floor(path, pattern(chosen), Path(name) / f"floor{number}.db"))
            folder = Path(name) / str(number)
            folder.mkdir()
            firsts.append(asyncio.run(take(path, folder)))
            agains.append(asyncio.run(take(path, folder)))
        bare, full = peak_mb(path)
    assert all(one["added"] == one["messages"] for one in firsts)
    assert not any(one["added"] for one in agains)
    count = int(firsts[0]["messages"])
    result: dict[str, Any] = {"dialect": dialect, "mix": mix, "messages": count}
    for kind in ("cpu", "wall"):
        least, first, again = (min(one[kind] for one in each)
                               for each in (floors, firsts, agains))
        result[kind] = {"floor_per_s": round(1 / least), "import_per_s": round(1 / first),
                        "again_per_s": round(1 / again), "ratio": round(least / first, 2),
                        "again_to_import": round(first / again, 2)}
    result |= {"looking_us": round(min(one["looking"] for one in firsts) * 1e6, 1),
               "program_mb": round(bare, 1), "peak_added_mb": round(full - bare, 1)}
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--dialect", default="android en-PK narrow")
    parser.add_argument("--mix", choices=MIXES, default="group chat")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.dialect, args.mix, args.messages)
    if args.json:
        print(json.dumps(found))
        return
    for kind in ("cpu", "wall"):
        one = found[kind]
        print(f"{kind}: import {one['import_per_s']:,} a second, {one['ratio']} of the floor "
              f"({one['floor_per_s']:,}); the same file again {one['again_per_s']:,}, "
              f"{one['again_to_import']} times as fast")
    print(f"memory: {found['program_mb']} MB loaded, +{found['peak_added_mb']} MB at the peak")


if __name__ == "__main__":
    main()
