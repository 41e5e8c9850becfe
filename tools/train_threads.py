"""Learn what the ties of nlp/ties.py weigh: `python -m tools.train_threads FOLDER… [--write]`.

Each FOLDER is a corpus as `daftar eval` reads it. A log-linear choice among the messages that one
may go on from and a beginning of its own (which of a thread's messages it is, stays open), fitted
by Rprop with a pull (L2) towards the weights written by hand below; a weight may shrink to nothing
but not change its sign, so that a few hundred messages cannot teach what no person would say. First
on the true history of each chat, then also on histories made by the weights themselves, with
quotes visible and hidden, so that it learns to live with its own mistakes.

Trains on all, prints the figures and with --write writes nlp/threads.json; with --held-out each
chat is left out of the training once as well, and each folder. Plain Python, deterministic; a
minute or two for each training.
"""
from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cli.scoring import threads as scoring
from cli.scoring.corpus import Corpus, load
from nlp import told
from nlp.reading import read
from nlp.threads import NO_PLACE, Threads
from tools.fitting import Choice, Example, fit

WEIGHTS = Path(__file__).resolve().parent.parent / "nlp" / "threads.json"
SURE = 0.6  # of the histories that are learned from: with mistakes, as they will be met
SHIPPED = 0.52  # of threads.json: rather flat than wrong
PULL = 0.0003  # of L2, an example
CLOSE = 12  # wrong choices of an example that are learned from
ROUNDS = 2  # of histories made by the weights themselves
FITTED = 0.7  # of what was fitted in what is shipped; the rest is by hand
QUOTED = 0.5  # an example that quotes counts half: it is decided by its quote where that is seen

# Before any training: the odds (natural logarithm) that a person would give.
BY_HAND: dict[str, float] = {
    "previous": 1.0, "previous_2min": 0.6, "end": 0.6, "near": 0.8, "minutes": 1.2,
    "hours": 0.6, "stale": -0.8, "root": 0.1, "same_sender": 0.3, "goes_on": 1.2,
    "goes_on_2min": 0.8, "sender_last": 0.3, "sender_here": 0.4, "stranger": -0.7,
    "asked": 1.0, "asked_now": 0.8, "asked_today": 1.0, "asked_all_today": 1.0,
    "asked_before": 0.5, "asked_all": 0.8, "asked_all_now": 0.5, "asked_all_before": 0.3,
    "asked_words": 1.0, "asked_elsewhere": -0.5, "delivers": 0.8, "ack_asked": 1.0,
    "ack_previous": 0.7, "ack_other": -0.7, "names_sender": 1.2, "names_speaker": 0.5,
    "names_same": 0.6, "names_others": -0.7, "answers_question": 0.9, "asks_on": 0.5,
    "code": 3.0, "school": 2.5, "school_there": 1.2, "other_school": -2.5, "district": 0.7,
    "own_district": 0.3, "likewise": 2.0, "opens_stranger": -1.5, "own_5min": 1.5,
    "elsewhere_5min": -1.0, "bare_cold": -1.0, "school_first": -1.0,
    "alone_school_first": 0.8, "other_district": -1.0, "sender_district": 0.3,
    "sender_district_now": 0.4,
    "not_sender_district": -0.5, "words": 2.0, "own_words": 2.0, "two_words": 1.0,
    "thread_words": 0.8, "no_words": -0.8, "other_matter": -0.6, "new_turn": -1.5,
    "caption": 3.0, "more_media": 2.5, "media_after_words": 2.0, "bare_stranger": -1.5,
    "thanks": 0.8, "condolence": 2.5, "honour": 0.6, "wrong_honour": -0.6, "opens_here": -0.5,
    "all_here": -1.5, "forwarded_here": -1.5, "report_here": -1.2, "reacted": 0.5,
    "alone": 2.5, "alone_opens": 0.6, "alone_all": 1.0, "alone_forwarded": 1.5,
    "alone_report": 0.8, "alone_long": 0.4, "alone_short": -0.4, "alone_ack": -1.2,
    "alone_bare": 0.4, "alone_follows": -0.5, "alone_caption": -1.0, "alone_asked": -0.5,
    "alone_new_words": 0.8, "alone_pause": 0.6, "alone_question": -0.1,
    "alone_new_sender": 0.4, "asks_other": -0.5, "turn": 0.6, "waiting": 0.2, "closed": -0.3,
    "words_elsewhere": -1.2, "heading": 2.0, "senior_answers": 0.6, "junior_answers": 0.4,
    "peer_stranger": -0.3, "parallel": 0.5, "parallel_now": 0.8, "peers_ack": 0.8,
    "roll_call": 0.6, "again": 0.4, "caption_alone": 1.5,
    "same_start": 0.8, "pair_done": -0.6, "near_busy": -0.3, "minutes_busy": -0.3,
    "alone_busy": 0.2,
}
# By kind of message: nothing by hand, of either sign, and pulled to nothing.
BY_HAND.update({name: 0.0 for name in told.names() if " " in name})


def examples(corpus: Corpus, name: str, weights: Mapping[str, float] | None,
             quotes: bool) -> list[Example]:
    """The choices of a chat; on its true history, or with `weights` on the one that they make."""
    chat = corpus.chats[name]
    threads = Threads(weights=weights or {}, sure=SURE)
    first: dict[str, str] = {}  # gold thread -> its first message
    members: dict[str, Counter[str | None]] = {}
    found = []
    for said, message in scoring.arriving(corpus, chat, threads, quotes=quotes):
        gold = said.thread
        reading = read(message)
        named = threads.people.named(reading)
        decided = message.reply_to is not None
        if said.kind not in NO_PLACE and "greets" not in reading.manner and not said.edit_of:
            choices = threads.choices(reading, named)
            right = [choice.root != said.id and gold is not None
                     and _is(members.get(choice.root), gold) for choice in choices]
            right[-1] = not any(right)
            found.append(_example([choice.ties for choice in choices], right,
                                  QUOTED if said.reply_to else 1.0))
        if weights is not None:
            root = threads.place(message).root
        else:
            root = first.setdefault(gold, said.id) if gold else None
            threads.remember(message, root, decided)
        if root:
            members.setdefault(root, Counter())[gold] += 1
    return found


def _example(choices: list[Choice], right: list[bool], weight: float) -> Example:
    """Without the wrong choices that the weights by hand find least likely: they have next to no
    chance, and most of the time would go to them."""
    scores = [sum(BY_HAND[name] * value for name, value in choice.items()) for choice in choices]
    wrong = sorted((n for n in range(len(choices)) if not right[n]), key=lambda n: -scores[n])
    kept = sorted({*wrong[:CLOSE], *(n for n in range(len(choices)) if right[n]),
                   len(choices) - 1})
    return Example([choices[n] for n in kept], [right[n] for n in kept], weight)


def _is(members: Counter[str | None] | None, gold: str) -> bool:
    return members is not None and members.most_common(1)[0][0] == gold


def train(corpora: Iterable[tuple[Corpus, str]]) -> dict[str, float]:
    """Weights from chats: (corpus, name of the chat). Between the fitted ones and those by hand:
    the fitted ones place more, the others are wrong less often on chats never seen."""
    chats = list(corpora)
    found = [one for corpus, name in chats for one in examples(corpus, name, None, True)]
    weights = fit(found, BY_HAND, BY_HAND, PULL)
    for _ in range(ROUNDS):
        own = [one for corpus, name in chats for quotes in (True, False)
               for one in examples(corpus, name, weights, quotes)]
        weights = fit(found + own, weights, BY_HAND, PULL)
    return {name: round(FITTED * value + (1 - FITTED) * BY_HAND[name], 2)
            for name, value in weights.items()}


def figures(chats: list[tuple[Corpus, str]], made: Mapping[tuple[int, str], Mapping[str, float]],
            sure: float, quotes: bool) -> dict[str, Any]:
    """Scores of chats, each placed by the weights that `made` gives for it."""
    said, found = {}, {}
    for corpus, name in chats:
        def make(weights: Mapping[str, float] = made[id(corpus), name]) -> Threads:
            return Threads(weights=weights, sure=sure)
        said[name] = corpus.chats[name]
        found[name] = {key: placement.root for key, placement
                       in scoring.predict(corpus, said[name], quotes, make).items()}
    return {**scoring.score(said, found), "placements": scoring.placed(said, found, quotes)}


def row(label: str, figure: Mapping[str, Any]) -> str:
    """One line of the table that is printed."""
    places = figure["placements"]
    return (f"{label:42} 1-VI {figure['one_minus_vi']:.3f} (mean "
            f"{figure['one_minus_vi_mean_of_chats']:.3f})  1-1 {figure['one_to_one']:.3f}  "
            f"F1 {figure['exact']['f1']:.3f}  right {places['right']}/{places['placed']} "
            f"({places['right'] / max(1, places['placed']):.3f}; by most "
            f"{places['right_by_most'] / max(1, places['placed']):.3f}) of {places['unquoted']}")


def main() -> None:
    """Cross-validate, then write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--sure", type=float, nargs="*", default=[SHIPPED])
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    corpora = [load(folder) for folder in args.folders]
    chats = [(corpus, name) for corpus in corpora for name in corpus.chats]
    by_hand = {(id(corpus), name): BY_HAND for corpus, name in chats}
    everything = train(chats)
    all_chats = {(id(corpus), name): everything for corpus, name in chats}
    ways = [("by hand", by_hand), ("trained on all", all_chats)]
    if args.held_out:
        ways.append(("held out", {
            (id(corpus), name): train(other for other in chats if other[1] != name)
            for corpus, name in chats}))
        other = {id(corpus): train((one, name) for one, name in chats if one is not corpus)
                 for corpus in corpora}
        ways.append(("trained on the other folders only",
                     {(id(corpus), name): other[id(corpus)] for corpus, name in chats}))
    for folder, corpus in zip(args.folders, corpora, strict=True):
        mine = [one for one in chats if one[0] is corpus]
        for quotes in (True, False):
            print(f"{folder}, quotes {'visible' if quotes else 'hidden'}")
            for label, made in ways:
                for sure in args.sure:
                    print(row(f"  {label}, sure {sure}", figures(mine, made, sure, quotes)))
    if args.write:
        weights = {name: everything[name] for name in told.names()}
        WEIGHTS.write_text(json.dumps({"sure": SHIPPED, "weights": weights}, indent=1) + "\n")


if __name__ == "__main__":
    main()
