"""How fast a chat export is read: beside the floor, `for line in lines: m = compiled.match(line)`
with the parts of a message taken by `m.groups()`, in the same run. CPU time of one core, in several
rounds that take turns: the best of each, and the median of the rounds' ratios; the same generated
files for both.

    python -m benchmarks.exports [--messages 200000] [--rounds 5] [--exact] [--json]
    python -m benchmarks.exports --memory 10000000   (only what reading adds to the peak)
    python -m benchmarks.exports --peers FOLDER      (see benchmarks/exports_peers.py)

Two mixes, each as four kinds of phone write them. "group chat" has the shares of three labelled
chats of a department (361 messages): 83 % texts, 4 % of them in several lines, one in eight not in
Latin letters alone; 14 % files left out; 2 % lines of WhatsApp's own; deleted and edited ones and
places 1 % together; 30 senders. Its texts are those of tests/nlp/chats, 50 letters on average.
"half special" is the tests' own generator, in which nearly half of the messages are files, notices,
edits, polls, texts in lines and texts that resemble WhatsApp's words. "pasted" is the group chat
with a line out of an older export pasted into every 300th message, which is several in each block.
"""
from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks import exports_peers
from bridge.exports.batch import Message
from bridge.exports.opening import opened
from bridge.exports.reader import Reader
from tests.bridge.exports.generate import DIALECTS, WORDS, ZONE, Dialect, head, script, written

PHONES = {"android 12 h": "android en-PK narrow", "android 24 h": "android en-GB",
          "ios 12 h": "ios en-US", "ios 24 h": "ios en-GB"}
CHATS = Path(__file__).resolve().parent.parent / "tests" / "nlp" / "chats"
NAMES = tuple(f"{name} {place}" for name in ("DEO", "DDO", "~ Zarina", "Ali Khan", "سیکرٹری")
              for place in ("Sibi", "Kech", "Zhob", "Harnai", "Lasbela")) + tuple(
                  f"+92 300 70000{number}" for number in range(10, 15))


def group_chat(dialect: Dialect, count: int) -> Iterator[Message]:
    """Messages as in a department's chats."""
    rnd, at = random.Random(7), datetime(2024, 1, 13, 8, tzinfo=ZONE)
    rows = [json.loads(line) for path in sorted(CHATS.glob("*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"].replace("\n", " ") for row in rows if row["kind"] == "text"]
    notices = [(WORDS["en"].added, "added"), (WORDS["en"].left, "left")]
    left_out = "media" if dialect.platform == "android" else "image"
    for _ in range(count):
        at += timedelta(seconds=rnd.choice((4, 15, 40, 90, 600)))
        stamp = at if dialect.seconds else at.replace(second=0)
        ms, name, chance = int(stamp.timestamp() * 1000), rnd.choice(NAMES), rnd.random()
        text = rnd.choice(texts)
        if chance < 0.83:
            if chance < 0.033:
                text = "\n".join((text, *rnd.sample(texts, rnd.choice((1, 2, 3)))))
            yield Message(ms, name, "text", text, "", False)
        elif chance < 0.97:
            yield Message(ms, name, left_out, "", "", False)
        elif chance < 0.99:
            line, about = rnd.choice(notices)
            yield Message(ms, "", "notice", line, about, False)
        elif chance < 0.995:
            yield Message(ms, name, "text", text, "", True)
        elif chance < 0.998:
            yield Message(ms, name, "deletion", "", "", False)
        else:
            yield Message(ms, name, "location", "", "https://maps.google.com/?q=29.5,67.8", False)


def pasted(dialect: Dialect, count: int) -> Iterator[Message]:
    """The same with pasted lines that look like beginnings."""
    for number, message in enumerate(group_chat(dialect, count)):
        if number % 300 == 0 and message.kind == "text" and not message.edited:
            old = head(dialect, message.at - 400 * 86_400_000).strip()
            message = message._replace(text=f"{message.text}\n{old} Zaid: I resign")
        yield message


def half_special(dialect: Dialect, count: int) -> Iterator[Message]:
    """Messages as in the tests, but in less time: a million would take centuries."""
    begin, step = 0, 1000 if dialect.seconds else 60_000
    for message in script(dialect, count, media=False):
        begin = begin or message.at
        yield message._replace(at=message.at - (message.at - begin) * 19 // 20 // step * step)


Mix = Callable[[Dialect, int], Iterator[Message]]
MIXES: dict[str, Mix] = {"group chat": group_chat, "half special": half_special, "pasted": pasted}


def write(path: Path, dialect: Dialect, messages: Iterator[Message]) -> None:
    """A file of messages."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for message in messages:
            file.write(written(dialect, message))


def pattern(dialect: Dialect) -> re.Pattern[str]:
    """What the floor matches a line with."""
    clock = r"(\d+):(\d+)" + (r":(\d+)" if dialect.seconds else "") + (
        ".([AaPp][Mm])" if dialect.halves else "")
    when = rf"(\d+)/(\d+)/(\d+), {clock}"
    return re.compile((rf"^\[{when}\] " if dialect.platform == "ios" else rf"^{when} - ")
                      + "([^:]+): (.*)")


def floor(path: Path, compiled: re.Pattern[str]) -> float:
    """CPU seconds of the loop."""
    began = time.process_time()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if match := compiled.match(line):
                match.groups()
    return time.process_time() - began


def read(path: Path) -> tuple[float, int]:
    """CPU seconds of the reader, each message's parts taken one after another; and messages."""
    began, count = time.process_time(), 0
    for batch in Reader(opened(path).text, ZONE).batches():
        deque(zip(*batch.columns(), strict=True), 0)
        count += len(batch)
    return time.process_time() - began, count


def right(path: Path, messages: Iterator[Message]) -> int:
    """How many messages are read as they were written, all their parts, in their places."""
    found = Reader(opened(path).text, ZONE).messages()
    return sum(a == b for a, b in itertools.zip_longest(found, messages))


def peak_mb(path: Path) -> float:
    """What reading adds to the peak of a process that has only loaded the reader."""
    code = ("import re, sys; from pathlib import Path; from zoneinfo import ZoneInfo;"
            "from bridge.exports.opening import opened; from bridge.exports.reader import Reader;"
            "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)',"
            " Path('/proc/self/status').read_text())[1]); before = peak();"
            "read = Reader(opened(Path(sys.argv[1])).text, ZoneInfo(sys.argv[2]));"
            "sum(map(len, read.batches()));"
            "print((peak() - before) / 1024)")
    out = subprocess.run([sys.executable, "-c", code, str(path), str(ZONE)], check=True,
                         capture_output=True, text=True)
    return float(out.stdout)


def row(path: Path, dialect: Dialect, mix: Mix, args: argparse.Namespace) -> dict[str, object]:
    """The figures of one file."""
    write(path, dialect, mix(dialect, args.messages))
    floors, ours, count = [], [], 0
    for _ in range(args.rounds):
        floors.append(floor(path, pattern(dialect)))
        seconds, count = read(path)
        ours.append(seconds)
    figures: dict[str, object] = {
        "messages": count, "per_s": round(count / min(ours)),
        "floor_per_s": round(count / min(floors)),
        "ratio": round(median(a / b for a, b in zip(floors, ours, strict=True)), 2),
        "peak_mb": round(peak_mb(path), 1)}
    if args.exact:
        figures["right"] = right(path, mix(dialect, args.messages))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exact", action="store_true", help="compare every message")
    parser.add_argument("--memory", type=int, metavar="LINES", help="only the peak, of so many")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where they are installed")
    parser.add_argument("--only", default="", metavar="WORDS", help='such as "pasted, ios"')
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    dialects = {dialect.name: dialect for dialect in DIALECTS}
    if args.peers:
        print(exports_peers.missing(args.peers))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.txt"
        for (mix, make), (phone, name) in itertools.product(MIXES.items(), PHONES.items()):
            if args.only not in f"{mix}, {phone}":
                continue
            dialect = dialects[name]
            named: dict[str, object] = {"mix": mix, "phone": phone}
            if args.memory:
                write(path, dialect, make(dialect, args.memory))
                show({**named, "messages": args.memory, "peak_mb": round(peak_mb(path), 1)}, args)
                continue
            show({**named, **row(path, dialect, make, args)}, args)
            if args.peers:
                wanted = make(dialect, args.messages)
                for figures in exports_peers.rows(args.peers, path, wanted, ZONE):
                    show({**named, **figures}, args)


def show(figures: dict[str, object], args: argparse.Namespace) -> None:
    """One line."""
    print(json.dumps(figures) if args.json else ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
        for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
