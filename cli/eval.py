"""`daftar eval`: how well Daftar reads a folder of labelled chats, beside simple rules.

Every kind of label has a file in cli/scoring; TASKS is their list.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.errors import UserError
from cli.scoring import orders, threads
from cli.scoring.corpus import Corpus, load

# What is scored: name -> the figures of a corpus, and what is predicted for each message of each
# chat, in the gold's own schema (parts of one `pred` object).
Predictions = dict[str, dict[str, dict[str, Any]]]  # chat -> message -> labels
Task = Callable[[Corpus, dict[str, bool]], tuple[dict[str, Any], Predictions]]

QUOTES = {"visible": {"quotes_visible": True}, "hidden": {"quotes_hidden": False},
          "both": {"quotes_visible": True, "quotes_hidden": False}}


def _threads(corpus: Corpus, wanted: dict[str, bool]) -> tuple[dict[str, Any], Predictions]:
    figures, roots = threads.report(corpus, wanted=wanted)
    return figures, {
        name: {key: {"thread": thread} for key, thread in threads.keys(chat, roots[name]).items()}
        for name, chat in corpus.chats.items()}


def _orders(corpus: Corpus, wanted: dict[str, bool]) -> tuple[dict[str, Any], Predictions]:
    """Directives and what else is read; each message in the thread that it was placed in, with
    quotes as the first of `wanted` has them."""
    quotes = next(iter(wanted.values()))
    roots = {name: {key: placement.root for key, placement in
                    threads.predict(corpus, chat, quotes).items()}
             for name, chat in corpus.chats.items()}
    return orders.report(corpus, roots, quotes)


TASKS: dict[str, Task] = {"threads": _threads, "orders": _orders}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar eval` takes."""
    parser.add_argument("folder", metavar="DIR", type=Path,
                        help="NAME.jsonl for each group, one message a line, and roster.csv")
    parser.add_argument("--json", action="store_true", help="all figures as one JSON object")
    parser.add_argument("--predictions", metavar="OUT", type=Path,
                        help="a folder for OUT/NAME.jsonl: {\"id\", \"pred\"} a line")
    parser.add_argument("--quotes", choices=QUOTES, default="both",
                        help="whether messages say what they quote; predictions are of the first")


def run(args: argparse.Namespace) -> int:
    """Score the folder; 0 when it could be read."""
    corpus = load(args.folder)
    figures: dict[str, Any] = {"folder": str(args.folder), "chats": {
        name: len(chat) for name, chat in corpus.chats.items()}}
    merged: Predictions = {name: {said.id: {} for said in chat}
                           for name, chat in corpus.chats.items()}
    for name, task in TASKS.items():
        figures[name], predictions = task(corpus, QUOTES[args.quotes])
        for chat, labels in predictions.items():
            for message, label in labels.items():
                merged[chat][message].update(label)
    if args.predictions:
        write(args.predictions, merged)
    print(json.dumps(figures, ensure_ascii=False, indent=1) if args.json else as_text(figures))
    return 0


def write(folder: Path, predictions: Predictions) -> None:
    """OUT/NAME.jsonl, a line a message in the order sent. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, messages in predictions.items():
            (folder / f"{name}.jsonl").write_text("".join(
                json.dumps({"id": key, "pred": labels}, ensure_ascii=False) + "\n"
                for key, labels in messages.items()), encoding="utf-8")
    except OSError as error:
        raise UserError(f"--predictions {folder}: cannot be written ({error.strerror}); name a "
                        "folder that you may write to") from None


def as_text(figures: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{sum(figures['chats'].values())} messages in {len(figures['chats'])} chats", "",
             f"{'threads':28}{'1-VI':>7}{'1-1':>7}{'exact F1':>10}{'placed':>8}{'right':>8}"]
    for name, row in _rows(figures["threads"]):
        places = row.get("placements")
        share = f"{places['precision']:.1%}" if places and places["placed"] else "–"
        lines.append(f"{name:28}{row['one_minus_vi']:7.3f}{row['one_to_one']:7.3f}"
                     f"{row['exact']['f1']:10.3f}{places['placed'] if places else '':>8}"
                     f"{share if places else '':>8}")
    return "\n".join([*lines, "", *orders.as_text(figures["orders"])])


def _rows(part: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for key in ("quotes_visible", "quotes_hidden"):
        if key in part:
            rows.append((key.replace("_", " "), part[key]))
            rows += [(f"  {name}", row) for name, row in part[key]["chats"].items()]
    return rows + [(f"rule: {name}", row) for name, row in part["baselines"].items()]
