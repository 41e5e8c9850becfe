"""What reading a message costs: `python -m benchmarks.reading [--messages 2000] [--corpus DIR]`.

The messages of a corpus (by default the tests' own chats with orders) come round and round in one
group; the office has 40 places with 30 posts each beside the corpus's own people. Read are orders,
answers, schools, districts and visits; threads are placed elsewhere (benchmarks/threads.py). The
floor: folding each text once into its words, as search does on storing. Rounds alternate; medians
and the 99th percentile in milliseconds a message, and their ratio. Then one message of 60,000
characters. The last line is JSON.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

from archive import fold
from benchmarks.threads import times
from cli.scoring.corpus import load
from nlp import calendar
from nlp.office import Holder, Office, divisions
from nlp.reader import Reader
from nlp.said import Message

CHATS = Path(__file__).resolve().parent.parent / "tests" / "nlp" / "orders"
ROUNDS = 3
POSTS = 30
HOSTILE = " ".join(f"DEO Sibi send word{number} by Monday." for number in range(1700))
NAMES = ("Abdul Karim", "Ghulam Nabi", "Saima Bano", "Haji Noor", "Zulfiqar Mengal", "Rozi Khan")


def office(folder: Path) -> Office:
    """The corpus's people and, for each of 40 places, 30 posts with holders."""
    places = [place for some in divisions().values() for place in some]
    places += [f"Wing {number}" for number in range(40 - len(places))]
    posts = ["DC", "ADC", "AC", "DEO", "DOE(F)", "DOE(M)", "DDOE(F)", "DDOE(M)", "ADEO", "DMC",
             "Monitoring Associate", "Learning Coordinator", "XEN", "SDO", "Focal Person"]
    posts += [f"Cluster Head {number}" for number in range(POSTS - len(posts))]
    rows = load(folder).roster
    return Office([
        *(Holder(row.phone, row.post, row.place, row.rank, (row.name, row.whatsapp_name))
          for row in rows),
        *(Holder(f"{place}/{post}", post, place, 9, (f"{NAMES[(at + n) % 6]} {place}",))
          for at, place in enumerate(places[:40]) for n, post in enumerate(posts))])


def stream(folder: Path, count: int) -> Iterator[Message]:
    """`count` messages in order of time, each round of the corpus three months after the last."""
    said = [one for chat in load(folder).chats.values() for one in chat]
    for number in range(count):
        one, turn = said[number % len(said)], number // len(said)
        yield Message(f"{number}", one.sender, one.at + timedelta(90 * turn), one.text, one.kind,
                      f"{turn * len(said) + int(one.reply_to[1:])}" if one.reply_to else None,
                      None, one.mentions, f"{number // 6}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--corpus", type=Path, default=CHATS)
    args = parser.parse_args()
    messages = list(stream(args.corpus, args.messages))
    holders, hours = office(args.corpus), calendar.shipped()
    read, floor, slowest = [], [], []
    for _ in range(ROUNDS):
        floor.append(median(times(messages, lambda message: fold.words(message.text))))
        reader = Reader(holders, hours)
        taken = times(messages, reader.read)
        read.append(median(taken))
        slowest.append(quantiles(taken, n=100)[98])
    hostile = times([replace(messages[-1], id="hostile", text=HOSTILE)], reader.read)[0]
    result = {"messages": args.messages, "holders": len(holders.holders),
              "read_ms": round(median(read), 3), "read_p99_ms": round(median(slowest), 3),
              "floor_ms": round(median(floor), 4),
              "ratio": round(median(r / f for r, f in zip(read, floor, strict=True)), 1),
              "hostile_60k_ms": round(hostile, 2), "hostile_characters": len(HOSTILE)}
    print(f"reading a message: {result['read_ms']} ms (p99 {result['read_p99_ms']} ms), folding "
          f"its text once: {result['floor_ms']} ms, ratio {result['ratio']}")
    print(f"a message of {len(HOSTILE)} characters: {result['hostile_60k_ms']} ms")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
