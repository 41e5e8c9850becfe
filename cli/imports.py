"""`daftar import`: chat exports become part of the record."""
from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from archive import directory
from archive.cases import Actor
from archive.db import Database, open_database
from archive.media import MediaStore
from archive.model import Chat
from bridge.exports.opening import opened
from bridge.exports.reader import ExportError
from bridge.exports.stamps import ORDERS
from bridge.imports import groups, naming, survey, taking
from bridge.imports.survey import Survey
from bridge.imports.taking import Taken, Would
from cli.errors import UserError
from cli.search import find_group, parse_when
from config import Config, load

ACTOR = Actor("", "daftar import")
PEOPLE = "people.yaml"
SHOWN = 20  # lines of a list on the terminal; --json has all
BAR = 30  # characters


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar import` takes."""
    parser.add_argument("paths", metavar="FILE|DIR", nargs="+",
                        help="exports as they left the phone, .txt or .zip; of a folder, all in it")
    parser.add_argument("--group", metavar="NAME|JID",
                        help="the group they are of, by name (or part of it) or WhatsApp id; the "
                             "file's own name tells it otherwise")
    parser.add_argument("--new", action="store_true",
                        help="that group is not mirrored here: give it a record of its own")
    parser.add_argument("--since", metavar="DATE", help="only what was said from that day on: "
                                                        "YYYY-MM-DD")
    parser.add_argument("--date-order", choices=ORDERS, default="",
                        help="how the file writes day, month and year; only needed where nothing "
                             "in it tells")
    parser.add_argument("--people", metavar="FILE", default=PEOPLE,
                        help="whom names mean; names that are not found are written into it")
    parser.add_argument("--to-matrix", action="store_true",
                        help="also show what is new in the group's rooms")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


@dataclass
class _Import:
    """One file on its way in."""

    path: Path
    chat: Chat | None
    name: str  # of the group
    found: Survey
    people: dict[str, str]


def run(args: argparse.Namespace) -> int:
    """Import one file after the other; 1 when one of them was refused, which is told."""
    config = load(args.config)
    try:
        return asyncio.run(_run(config, args))
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # the terminal's ^C stands in the line of a question or a bar
        print("daftar: broken off; the same command goes on with it, and nothing comes in twice",
              file=sys.stderr)
        raise


async def _run(config: Config, args: argparse.Namespace) -> int:
    files = _files(args.paths)
    zone = ZoneInfo(config.timezone)
    since = parse_when(args.since, zone) if args.since else None
    refused = 0
    db = await open_database(config.database_url)
    try:
        for path in files:
            try:
                await _one(db, config, args, path, zone, since)
            except (ExportError, UserError) as error:
                if args.json:
                    print(json.dumps({"file": str(path), "refused": str(error)},
                                     ensure_ascii=False))
                if len(files) == 1:
                    raise UserError(f"{path}: {error}") from None
                print(f"daftar: {path}: {error}", file=sys.stderr)
                refused += 1
    finally:
        await db.close()
    if len(files) > 1 and not args.json:
        print(f"{len(files) - refused} of {len(files)} files: "
              + ("looked at" if args.dry_run else "taken in")
              + (f"; {refused} refused" if refused else ""))
    return 1 if refused else 0


def _files(paths: list[str]) -> list[Path]:
    """The files named, and those in the folders named."""
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in (".txt", ".zip")
                            and p.is_file() and not p.name.startswith("."))
            if not inside:
                raise UserError(f"{path}: there is no .txt or .zip in this folder")
            found += inside
        else:
            found.append(path)
    return found


async def _one(db: Database, config: Config, args: argparse.Namespace, path: Path,
               zone: ZoneInfo, since: int | None) -> None:
    chat, name = await _group(db, args, path)
    people_file = Path(args.people)
    people = naming.read_people(people_file) if people_file.exists() else {}
    with _bar("looking", args.json) as progress:
        try:
            found = await survey.survey(
                db, path, zone, chat_id=chat.id if chat else None, order=args.date_order,
                since=since, told=people, progress=progress)
        except naming.ToldError as error:
            raise ExportError(f"{people_file}: {error}") from None
    if problem := found.unlike():
        raise ExportError(problem)
    one = _Import(path, chat, name, found, people)
    if args.dry_run:
        would = await taking.would(db, found, chat, zone, since=since)
        print(_json(one, zone, would) if args.json else _text(one, zone, would))
        return
    if sys.stdin.isatty() and not args.json:
        one = await _ask(db, one)
    if one.chat is None:
        one.chat = await db.write(groups.make(name))
    with _bar("importing", args.json, found.messages) as progress:
        taken = await taking.take(
            db, MediaStore(config.data / "media"), one.found, one.chat, zone, ACTOR,
            file_name=path.name, since=since, to_matrix=args.to_matrix, progress=progress)
    _note_unknown(one, people_file, args.json)
    print(_json(one, zone, taken) if args.json else _text(one, zone, taken))


async def _group(db: Database, args: argparse.Namespace, path: Path) -> tuple[Chat | None, str]:
    """(the group of a file, its name); the group is None when it is to be made."""
    title = await asyncio.to_thread(lambda: opened(path).title())
    named = groups.of_title(await directory.chats(db), title)
    chat, name = await _chosen(db, args, named, title)
    if named is not None and (chat is None or chat.id != named.id):
        raise UserError(f"its name says that it is of “{named.name}”, not of “{name}”: if it is of "
                        f"“{name}” all the same, give the file another name")
    return chat, name


async def _chosen(db: Database, args: argparse.Namespace, named: Chat | None, title: str
                  ) -> tuple[Chat | None, str]:
    """The same, as the arguments say it. `named`: the group that the file's own name tells."""
    if args.group is not None and not args.group.strip():
        raise UserError("--group is empty: give the group's name")
    if args.group is None:
        chat = named
        if chat is None:
            raise UserError(f"its name {f'“{title}” ' if title else ''}tells no group of the "
                            "record: say --group NAME, and --new when it is not mirrored")
        return chat, chat.name
    if not args.new:
        try:
            chat = await find_group(db, args.group)
        except UserError as error:
            hint = "" if "more than one" in str(error) else (
                ". --new gives a group that is not mirrored a record")
            raise UserError(f"{error}{hint}") from None
        return chat, chat.name or chat.jid
    same = groups.of_title(await directory.chats(db), args.group)
    if same is not None:
        return same, same.name
    return None, args.group


# People


async def _ask(db: Database, one: _Import) -> _Import:
    """Ask who the names are that nothing tells, each once; an empty answer leaves one as it is."""
    unknown = [meant for meant in one.found.people
               if not meant.sure and meant.name not in one.people]
    if unknown:
        print(f"{len(unknown)} of {len(one.found.people)} senders are not known. Who are they? "
              "A number with its country, a name of the directory, or Enter.", file=sys.stderr)
    for meant in unknown:
        said = one.found.senders[meant.name]
        while True:
            answer = await _answer(_printable(
                f"  {meant.name} ({_messages(said.messages)}; “{_short(said.sample)}”): "))
            try:
                if answer:
                    one.found.people = await naming.told(db, one.found.people, meant.name, answer)
                one.people[meant.name] = answer
                break
            except ExportError as error:
                print(f"  {error}", file=sys.stderr)
    return one


async def _answer(question: str) -> str:
    """What a person types. The event loop keeps Ctrl-C for itself, and would notice it only behind
    the answer: so it is taken from the loop before anybody is asked, and what the loop has taken
    until then ends the question here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        await asyncio.sleep(0)
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()
    finally:
        signal.signal(signal.SIGINT, before)


def _note_unknown(one: _Import, path: Path, quiet: bool) -> None:
    """Write what was told, and the names that nobody is known for, into the file of people."""
    before = naming.read_people(path) if path.exists() else {}
    unknown = {meant.name: f"{one.name}: {_messages(one.found.senders[meant.name].messages)}"
               for meant in one.found.people if not meant.sure}
    if before == one.people and not set(unknown) - set(before):
        return
    try:
        naming.write_people(path, one.people, unknown)
    except OSError as error:
        print(f"daftar: {path} cannot be written ({error.strerror}), so that the names which "
              "nobody is known for are not noted there: give --people FILE another place. The "
              "import itself is done.", file=sys.stderr)
        return
    if unknown and not quiet:
        print(f"daftar: {len(unknown)} name{'s' * (len(unknown) != 1)} that nobody is known for "
              f"stand{'s' * (len(unknown) == 1)} in {path}: write there who they are, and import "
              "the same file again.", file=sys.stderr)


# What is told


def _json(one: _Import, zone: ZoneInfo, came: Taken | Would) -> str:
    """`imported` or, of a dry run, `would`."""
    result: dict[str, Any] = {"file": str(one.path), "group": one.name,
                              **survey.as_json(one.found, zone)}
    result["imported" if isinstance(came, Taken) else "would"] = came.as_json(zone)
    return json.dumps(result, ensure_ascii=False)


def _text(one: _Import, zone: ZoneInfo, came: Taken | Would) -> str:
    found = one.found
    first, last = _day(found.first, zone), _day(found.last, zone)
    when = f"of {first}" if first == last else f"{first} to {last}"
    senders = f"{len(found.senders)} sender{'s' * (len(found.senders) != 1)}"
    phone = {"android": "an Android phone", "ios": "an iPhone"}[found.platform]
    lines = [f"{one.path.name} → {one.name}{'' if one.chat else ' (new)'}",
             f"  {_messages(found.messages)} by {senders}, {when}, "
             f"from {phone}; dates are read {_SPOKEN[found.order]}, {found.why}",
             "  " + ", ".join(f"{_KINDS.get(kind, kind)}: {count:,}"
                              for kind, count in found.kinds.most_common())]
    if found.named_files:
        lines.append(f"  files: {found.named_files - found.missing_files:,} in the export, "
                     f"{found.missing_files:,} left out of it")
    lines += _people(found)
    lines += _listed("lines to look at", [f"line {line}: {why}" for line, why in found.undecided])
    if cut := found.cut(zone):
        lines.append(f"  Note: {cut}")
    lines += _done(came, zone) if isinstance(came, Taken) else _not_done(came, zone)
    return "\n".join(map(_printable, lines))


def _people(found: Survey) -> list[str]:
    lines = []
    for meant in found.people:
        said = found.senders[meant.name]
        number = meant.as_json()["number"]
        who = meant.person.name if meant.person else number or "somebody new"
        what = f"{who} ({naming.HOW[meant.how]})" if meant.sure else "only the name is known"
        if meant.how == "number" and who.replace(" ", "") == number:
            what = naming.HOW["number"]
        elif not meant.sure and meant.person and meant.person.name != naming.bare(meant.name):
            what = f"{who} ({naming.HOW[meant.how]}), of whom only names are known"
        lines.append(f"{meant.name}: {what}, {_messages(said.messages)}"
                     + (f" – {meant.doubt}" if meant.doubt else ""))
    return _listed("senders", lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"    … and {len(lines) - SHOWN} more; --json has all"] if len(lines) > SHOWN else []
    return [f"  {title}:", *(f"    {line}" for line in lines[:SHOWN]), *more]


def _done(taken: Taken, zone: ZoneInfo) -> list[str]:
    lines = [f"  Import {taken.run_id}: new in the record: {taken.added:,}; in it already: "
             f"{taken.known:,} ({taken.seconds:.1f} s)."]
    if taken.filled:
        lines.append(f"  {_messages(taken.filled)} got the file that the record had not.")
    lines += [f"  The gap {_stretch(start, end, zone)} is closed." for _, start, end in taken.gaps]
    return lines + ([f"  {taken.shown}"] if taken.shown else [])


def _not_done(would: Would, zone: ZoneInfo) -> list[str]:
    lines = [f"  It would add {_messages(would.added)}; the record has {would.known:,} already."]
    lines += [f"  It would close the gap {_stretch(start, end, zone)}."
              for start, end in would.gaps]
    return [*lines, "  Nothing is written: this was --dry-run."]


def _day(at: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(at / 1000, zone)
    return f"{moment.day} {moment:%B %Y}"


def _stretch(start: int, end: int, zone: ZoneInfo) -> str:
    return " to ".join(f"{_day(at, zone)} {datetime.fromtimestamp(at / 1000, zone):%H:%M}"
                       for at in (start, end))


_KINDS = {"text": "texts", "notice": "WhatsApp's own lines", "media": "media left out",
          "deletion": "deleted", "image": "pictures", "video": "videos", "audio": "sound",
          "document": "documents", "sticker": "stickers", "contact": "contacts",
          "location": "places", "poll": "polls", "unsupported": "not in the export"}
_SPOKEN = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def _messages(count: int) -> str:
    return f"{count:,} message{'s' * (count != 1)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line[:60] + "…" * (len(line) > 60)


def _printable(line: str) -> str:
    """What others wrote must not steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in line)


@contextlib.contextmanager
def _bar(what: str, quiet: bool, total: int = 0) -> Iterator[survey.Progress | None]:
    """A line that grows on the terminal, gone when it is done."""
    if quiet or not sys.stderr.isatty():
        yield None
        return

    def progress(count: int) -> None:
        full = BAR * count // total if total else 0
        bar = f" [{'█' * full}{'·' * (BAR - full)}]" if total else ""
        print(f"\r{what}{bar} {count:,} messages", end="", file=sys.stderr, flush=True)

    try:
        yield progress
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
