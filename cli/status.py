"""`daftar status`: how much waits to be carried to the other side, and what needs a person."""
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archive import imports, messages, queue, settings
from archive.db import Database, open_database
from archive.model import QueueRow
from bridge import line
from config import Config, load

MEANING = {
    "unsure": "may have been sent; a person decides",
    "failed": "given up after retries; a notice was posted in the room",
}
# A `daftar import` that was killed stays so: the same command again takes it up.
IMPORTS = {"new": "waits to be looked at", "ready": "waits to be taken in",
           "running": "being taken in, or broken off (then import the file again)"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar status` takes."""
    parser.add_argument("--config", default="config.yaml", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print how things stand; 1 when something is stuck, so that a monitor may ask."""
    config = load(args.config)
    found = asyncio.run(status(config))
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(as_text(found, ZoneInfo(config.timezone)))
    return 1 if found["stuck"] else 0


async def status(config: Config) -> dict[str, Any]:
    """`line`: how the line to WhatsApp is; `waiting`: rows to be carried; `lanes`: lanes that hold
    some; `stuck`: rows that need a person; `imports`: chat exports that are being taken in;
    `record`: counts of the record. Raises ArchiveError."""
    db = await open_database(config.database_url)
    try:
        stuck: list[QueueRow] = await queue.stuck(db)
        return {
            "line": await _line(db, config),
            "waiting": await queue.depth(db),
            "lanes": {"to Matrix": len(await queue.lanes(db, "in:")),
                      "to WhatsApp": len(await queue.lanes(db, "out:"))},
            "stuck": [dataclasses.asdict(row) for row in stuck],
            "imports": [{"id": run.id, "file": run.file_name, "state": run.state}
                        for run in await imports.open_ones(db)],
            "record": await messages.stats(db),
        }
    finally:
        await db.close()


async def _line(db: Database, config: Config) -> dict[str, Any]:
    """What the bridge last knew: a sentence that says what to do, and its facts."""
    known = await settings.get(db, line.setting(config.whatsapp.name))
    if known is None:
        return {"sentence": "The bridge has not run yet: start it with `daftar run`."}
    found = line.Line.load(known)
    text = line.sentence(found, ZoneInfo(config.timezone), int(time.time() * 1000))
    return {"sentence": text, **dataclasses.asdict(found)}


def as_text(found: dict[str, Any], zone: ZoneInfo) -> str:
    """A few lines for a person."""
    lines = [found["line"]["sentence"], f"Waiting to be carried: {found['waiting']}"]
    lines += [f"  groups with something to go {way}: {count}"
              for way, count in found["lanes"].items() if count]
    lines += [f"Stuck: {len(found['stuck'])}"]
    lines += [f"  {row['lane']} no. {row['id']}: {row['state']} after {row['tries']} tries: "
              f"{MEANING.get(row['state'], '')}" for row in found["stuck"]]
    lines += [f"Import {each['id']} of {each['file']}: {IMPORTS[each['state']]}"
              for each in found["imports"]]
    record = dict(found["record"])
    last = record.pop("last_received_at", 0)
    lines += ["The record:", *(f"  {key}: {value}" for key, value in record.items())]
    lines += [f"  last received: {_when(last, zone) if last else 'nothing yet'}"]
    return "\n".join(lines)


def _when(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S %Z")
