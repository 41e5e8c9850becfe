"""What placing a message costs: `python -m benchmarks.threads [--messages 3000] [--corpus DIR]`.

The messages of a corpus (by default the tests' own chats) come round and round as one busy group,
each round with other senders, so that the window is full. The floor: folding each text once into
its words, as search does on storing. Rounds alternate; medians and the 99th percentile in
milliseconds a message, and their ratio. Then one message of 60,000 characters. The last line is
JSON.
"""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from archive import fold
from cli.scoring.corpus import load
from nlp.reading import Message
from nlp.threads import Threads

CHATS = Path(__file__).resolve().parent.parent / "tests" / "nlp" / "chats"
ROUNDS = 3
HOSTILE = " ".join(f"DEO word{number}" for number in range(5000))


def stream(folder: Path, count: int) -> Iterator[Message]:
    """`count` messages, in order of time."""
    said = [one for chat in load(folder).chats.values() for one in chat]
    for number in range(count):
        one = said[number % len(said)]
        turn = number // len(said)
        yield Message(str(number), f"{one.sender}/{turn % 4}", 1_790_000_000_000 + number * 90_000,
                      one.kind, one.text)


def times(messages: list[Message], once: Callable[[Message], object]) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for message in messages:
        started = time.perf_counter()
        once(message)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def known(folder: Path) -> Threads:
    """Threads that know the corpus's people."""
    threads = Threads()
    for row in load(folder).roster:
        for turn in range(4):
            threads.know(f"{row.phone}/{turn}",
                         (row.whatsapp_name, f"{row.post} {row.place}", row.name))
    return threads


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--corpus", type=Path, default=CHATS)
    args = parser.parse_args()
    messages = list(stream(args.corpus, args.messages))
    place, floor, slowest = [], [], []
    for _ in range(ROUNDS):
        floor.append(median(times(messages, lambda message: fold.words(message.text))))
        threads = known(args.corpus)
        taken = times(messages, threads.place)
        place.append(median(taken))
        slowest.append(quantiles(taken, n=100)[98])
    hostile = times([replace(messages[-1], id="hostile", text=HOSTILE)], threads.place)[0]
    result = {"messages": args.messages, "place_ms": round(median(place), 3),
              "place_p99_ms": round(median(slowest), 3), "floor_ms": round(median(floor), 4),
              "ratio": round(median(p / f for p, f in zip(place, floor, strict=True)), 1),
              "hostile_60k_ms": round(hostile, 2), "hostile_characters": len(HOSTILE)}
    print(f"placing a message: {result['place_ms']} ms (p99 {result['place_p99_ms']} ms), folding "
          f"its text once: {result['floor_ms']} ms, ratio {result['ratio']}")
    print(f"a message of {len(HOSTILE)} characters: {result['hostile_60k_ms']} ms")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
