"""Reads spoilt exports for as long as one likes: each is read or refused with a sentence, in good
time, and never does anything else. The test suite does the same for a few hundred.

    python -m tests.bridge.exports.fuzz [--minutes 60] [--seed 1]
"""
from __future__ import annotations

import argparse
import io
import random
import time
from collections import Counter

from bridge.exports.reader import ExportError, Reader
from tests.bridge.exports.generate import DIALECTS, ZONE, script, written

SLOW_S = 5.0  # for one file of some hundred kB, on a busy machine
PIECES = ("\n", "\r", "\0", ":", ": ", " - ", "[", "]", "<", ">", "\u200e", "\u202f", "٣",
          "31/02/2026",
          "29/02/2023, 9:14 am - X: y", "[1/1/26, 10:10:10 AM] X: y", "12/31/1999, 9:14 - X: y",
          "99:99", "POLL:", "OPTION: ", "<attached: ", "(file attached)", "\U0001f913", "\ud800")


def spoilt(rnd: random.Random) -> str:
    """An export with pieces cut out, doubled, moved, put in, or another's put behind it."""
    dialects = rnd.sample(DIALECTS, rnd.choice((1, 1, 1, 2)))
    text = "".join(written(dialect, message) for dialect in dialects
                   for message in script(dialect, rnd.choice((1, 20, 400, 3000)),
                                         media=rnd.random() < 0.5, seed=rnd.randrange(1000)))
    for _ in range(rnd.choice((1, 3, 10, 60))):
        start = rnd.randrange(len(text) + 1)
        end = min(len(text), start + rnd.choice((0, 1, 5, 60, 2000)))
        match rnd.randrange(4):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + text[start:end] * rnd.choice((1, 2, 30)) + text[end:]
            case 2:
                text = text[:start] + rnd.choice(PIECES) + text[start:]
            case _:
                place = rnd.randrange(len(text) + 1)
                text = text[:place] + text[start:end] + text[place:]
    return text


def read(data: bytes, order: str) -> str:
    """"read", or the beginning of the sentence with which it was refused."""
    def text() -> io.TextIOBase:
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")

    try:
        for _ in Reader(text, ZONE, order=order).messages():
            pass
    except ExportError as error:
        return str(error)[:24]
    return "read"


def main() -> None:
    """Until the time is over; the first fault ends it, with the seed that brings it back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    end, seed = time.monotonic() + args.minutes * 60, args.seed
    ends: Counter[str] = Counter()
    slowest = 0.0
    while time.monotonic() < end:
        rnd = random.Random(seed)
        data = spoilt(rnd).encode("utf-8", "surrogatepass")
        if rnd.random() < 0.1:
            place = rnd.randrange(len(data) + 1)
            data = data[:place] + bytes([rnd.randrange(256)]) + data[place:]
        began = time.process_time()
        try:
            ends[read(data, rnd.choice(("", "", "dmy", "mdy", "ymd")))] += 1
        except Exception as error:
            raise SystemExit(f"seed {seed}: {type(error).__name__}: {error}") from error
        slowest = max(slowest, time.process_time() - began)
        if slowest > SLOW_S:
            raise SystemExit(f"seed {seed}: {slowest:.1f} s for {len(data):,} bytes")
        seed += 1
    print(f"{sum(ends.values()):,} files (seeds {args.seed} to {seed - 1}): {dict(ends)}; "
          f"the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    main()
