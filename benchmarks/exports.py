"""How fast a chat export is read: beside the floor, a loop over the lines with one compiled pattern
that only takes a message's parts, in the same run. CPU time; the same generated files for both.

    python -m benchmarks.exports [--messages 1000000] [--json]
"""
from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bridge.exports.opening import opened
from bridge.exports.reader import Reader
from tests.bridge.exports.generate import DIALECTS, ZONE, Dialect, script, written

ROUNDS = 3
FLOORS = {
    "android": r"^(\d+)/(\d+)/(\d+), (\d+):(\d+).([ap]m) - ([^:]+): (.*)",
    "ios": r"^\[(\d+)/(\d+)/(\d+), (\d+):(\d+):(\d+).([AaPp][Mm])\] ([^:]+): (.*)"}
FILES = {"android": "android en-PK narrow", "ios": "ios en-PK"}


def write(path: Path, dialect: Dialect, messages: int) -> None:
    """A file of so many messages."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for message in itertools.islice(script(dialect, messages, media=False), messages):
            file.write(written(dialect, message))


def floor(path: Path, pattern: str) -> float:
    """CPU seconds of the loop."""
    compiled, began = re.compile(pattern), time.process_time()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if match := compiled.match(line):
                match.groups()
    return time.process_time() - began


def read(path: Path) -> tuple[float, int]:
    """CPU seconds of the reader, and messages."""
    began = time.process_time()
    count = sum(map(len, Reader(opened(path).text, ZONE).batches()))
    return time.process_time() - began, count


def peak_mb(path: Path) -> float:
    """What reading adds to the peak of a process that has only loaded the reader."""
    code = ("import resource, sys; from pathlib import Path; import benchmarks.exports as b;"
            "m = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; a = m();"
            "b.read(Path(sys.argv[1])); print((m() - a) / 1024)")
    out = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True,
                         text=True)
    return float(out.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    dialects = {dialect.name: dialect for dialect in DIALECTS}
    with tempfile.TemporaryDirectory() as folder:
        for platform, name in FILES.items():
            path = Path(folder) / f"{platform}.txt"
            write(path, dialects[name], args.messages)
            floors, ours = [], []
            for _ in range(ROUNDS):
                floors.append(floor(path, FLOORS[platform]))
                seconds, count = read(path)
                ours.append(seconds)
            figures = {"platform": platform, "messages": count, "per_s": round(count / min(ours)),
                       "floor_per_s": round(count / min(floors)),
                       "ratio": round(min(floors) / min(ours), 2),
                       "peak_mb": round(peak_mb(path), 1)}
            print(json.dumps(figures) if args.json else (
                f"{platform}: {figures['per_s']:,} messages a CPU second, "
                f"{figures['ratio']} of the floor ({figures['floor_per_s']:,}); "
                f"+{figures['peak_mb']} MB"))


if __name__ == "__main__":
    main()
