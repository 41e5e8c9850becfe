"""Learn what ties an answer to its order (nlp/targets.py): `python -m tools.train_targets FOLDER…
[--held-out] [--write]`.

Each FOLDER is a corpus as `daftar eval` reads it. A log-linear choice among the open orders that a
message may answer and its answering none (tools/fitting.py). The earlier
answers are the true ones; the orders are those that are read, with their mistakes, in the threads
that are placed, with quotes visible and hidden.

Trains on all, prints the figures and with --write writes nlp/targets.json; with --held-out each
chat is left out of the training once as well, and each folder.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from cli.scoring import orders, threads
from cli.scoring.corpus import Corpus, load
from cli.scoring.corpus import Said as Line
from nlp import calendar, compliance
from nlp.office import Holder, Office
from nlp.reader import Reader
from nlp.said import Answer, Directive, Message, Said
from nlp.targets import targets
from nlp.targets_told import TIES
from tools.fitting import Example, fit

WEIGHTS = Path(__file__).resolve().parent.parent / "nlp" / "targets.json"
PULL = 0.001  # of L2, an example
FITTED = 0.8  # of what was fitted in what is shipped; the rest is by hand
HIDDEN = 0.5  # what a message counts whose quote is hidden
BY_HAND = {name: hand for name, (hand, _) in TIES.items()}


class Taught(Reader):
    """A reader that notes its choices; it goes on from the true answers."""

    def __init__(self, office: Office, weight: float):
        super().__init__(office, calendar.shipped())
        self.gold: dict[str, Any] = {}  # of the message that is read
        self.n: dict[tuple[str, int], int] = {}  # gold's directive → the one read
        self.examples: list[Example] = []
        self._weight = weight

    def _answered(self, said: Said, given: tuple[Directive, ...], visit: bool) -> Answer | None:
        gold = self.gold.get("complies")
        right = (gold["with"], self.n.get((gold["with"], gold["n"]))) if gold else None
        scene = compliance.scene_of(said, self.chat, given, visit)
        if scene:
            found = targets(scene)
            hits = [(one.given.message, one.given.n) == right if one.given else not gold
                    for one in found]
            if any(hits):
                self.examples.append(Example([one.ties for one in found], hits, self._weight))
        return Answer(right[0], right[1], gold["state"]) if right and right[1] is not None else None

    def learn(self, line: Line, found: tuple[Directive, ...]) -> None:
        """Which of the orders read is which of the gold's."""
        ours = orders.as_gold(orders.Findings(found))["directives"]
        for one, two in orders.pairs(ours, line.gold.get("directives", [])):
            self.n[line.id, line.gold["directives"].index(two)] = ours.index(one)


def examples(corpus: Corpus, name: str, roots: Mapping[str, str | None],
             quotes: bool) -> list[Example]:
    """The choices of a chat."""
    reader: Taught | None = None
    day: date | None = None
    for line in corpus.chats[name]:
        if line.at.date() != day:
            day = line.at.date()
            office = Office(Holder(row.phone, row.post, row.place, row.rank,
                                   (row.name, row.whatsapp_name))
                            for row in corpus.held(day).values())
            reader = reader or Taught(office, 1.0 if quotes else HIDDEN)
            reader.know(office)
        assert reader is not None
        reader.gold = line.gold
        found = reader.read(Message(line.id, line.sender, line.at, line.text, line.kind,
                                    line.reply_to if quotes else None, line.edit_of,
                                    line.mentions, roots.get(line.id)))
        reader.learn(line, found.directives)
    return reader.examples if reader else []


class Chat(NamedTuple):
    """A chat of a corpus, its threads as placed, and what is to be learned from it."""

    corpus: Corpus
    name: str
    roots: dict[str, str | None]
    examples: list[Example]


def chats_of(corpus: Corpus) -> list[Chat]:
    """The chats of a corpus; learned from with quotes visible and hidden."""
    found = []
    for name, chat in corpus.chats.items():
        roots = {quotes: {key: placement.root for key, placement in threads.predict(
            corpus, chat, quotes).items()} for quotes in (True, False)}
        found.append(Chat(corpus, name, roots[True], [
            one for quotes in (True, False)
            for one in examples(corpus, name, roots[quotes], quotes)]))
    return found


def train(chats: Iterable[Chat]) -> dict[str, float]:
    """Weights from chats."""
    weights = fit([one for chat in chats for one in chat.examples], BY_HAND, BY_HAND, PULL)
    return {name: round(FITTED * value + (1 - FITTED) * BY_HAND[name], 2)
            for name, value in weights.items()}


def predicted(chat: Chat, weights: Mapping[str, float]) -> dict[str, orders.Label]:
    """What is read in a chat by some weights."""
    class Weighed(Reader):
        """By these weights."""

        def _answered(self, said: Said, given: tuple[Directive, ...], visit: bool) -> Answer | None:
            return compliance.answer(said, self.chat, given, visit, weights)
    return orders.predict(chat.corpus, chat.corpus.chats[chat.name], chat.roots, make=Weighed)


def row(label: str, some: list[Chat], made: Mapping[str, Mapping[str, float]]) -> str:
    """One line of the table that is printed; `made`: chat → weights."""
    found = {chat.name: predicted(chat, made[chat.name]) for chat in some}
    figures = orders.score({chat.name: chat.corpus.chats[chat.name] for chat in some}, found)
    return label.ljust(36) + "  ".join(f"{figures['complies'][key]['f1']:.3f}" for key in (
        "message", "with_target", "with_target_and_state"))


def main() -> None:
    """Cross-validate, then write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    corpora = {str(folder): chats_of(load(folder)) for folder in args.folders}
    every = [chat for some in corpora.values() for chat in some]
    everything = train(every)
    ways = {"by hand": dict.fromkeys((chat.name for chat in every), BY_HAND),
            "trained on all": dict.fromkeys((chat.name for chat in every), everything)}
    if args.held_out:
        ways["held out"] = {chat.name: train(other for other in every if other is not chat)
                            for chat in every}
        ways["trained on the other folders"] = {
            chat.name: made for some in corpora.values() for made in [train(
                other for other in every if other.corpus is not some[0].corpus)]
            for chat in some}
    print("answers, F1".ljust(36) + "message  target  and state")
    for folder, some in {**corpora, "all": every}.items():
        print(folder)
        for label, made in ways.items():
            print(row(f"  {label}", some, made))
    if args.write:
        WEIGHTS.write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
