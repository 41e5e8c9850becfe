"""Threads: what Daftar makes of the chats of a corpus, what simple rules make of them, and how both
are scored against the gold threads."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from cli.scoring.corpus import Corpus, Said
from cli.scoring.partitions import agreement, exact, one_to_one
from nlp.reading import Message
from nlp.threads import Placement, Threads

GAP_S = 600  # of the baseline that cuts at silences

Roots = dict[str, str | None]  # message -> first message of its thread, None for no thread


def arriving(corpus: Corpus, chat: list[Said], threads: Threads,
             quotes: bool) -> Iterator[tuple[Said, Message]]:
    """The messages of a chat one after the other, as the bridge would hand them over; `threads` is
    told each day who holds which post. Without `quotes` they do not say what they quote."""
    day: date | None = None
    for said in chat:
        if said.at.date() != day:
            day = said.at.date()
            for phone, row in corpus.held(day).items():
                threads.know(phone, (row.whatsapp_name, f"{row.post} {row.place}", row.name))
        target = said.edit_of or (said.reply_to if quotes else None)
        yield said, Message(said.id, said.sender, int(said.at.timestamp() * 1000), said.kind,
                            said.text, target, said.mentions)


def predict(corpus: Corpus, chat: list[Said], quotes: bool,
            make: Callable[[], Threads] = Threads) -> dict[str, Placement]:
    """Where each message of a chat is placed, strictly in the order sent."""
    threads = make()
    return {said.id: threads.place(message)
            for said, message in arriving(corpus, chat, threads, quotes)}


def baselines(chat: list[Said]) -> dict[str, Roots]:
    """What rules of one line make of a chat: each alone; with the message before; a new thread
    after ten minutes of silence; what quotes and edits say, else alone."""
    rules: dict[str, Roots] = {"each alone": {}, "previous message": {}, "10-minute gap": {},
                               "quotes only": {}}
    before: Said | None = None
    for said in chat:
        target = said.edit_of or said.reply_to
        near = before is not None and (said.at - before.at).total_seconds() <= GAP_S
        followed = {"previous message": before, "10-minute gap": before if near else None}
        for name, roots in rules.items():
            earlier = followed.get(name)
            roots[said.id] = roots[earlier.id] if earlier else said.id
        if target:
            rules["quotes only"][said.id] = rules["quotes only"][target]
        before = said
    return rules


def score(chats: Mapping[str, list[Said]], found: Mapping[str, Roots]) -> dict[str, Any]:
    """Measures over the messages that have a gold thread, all chats as one, as Kummerfeld et al.
    (2019) do, and the mean of 1 − VI over the chats, each by itself."""
    gold, roots, each = {}, {}, []
    for name, chat in chats.items():
        labelled = {(name, said.id): (name, said.thread) for said in chat if said.thread}
        predicted = {key: (name, found[name][key[1]] or key[1]) for key in labelled}
        gold.update(labelled)
        roots.update(predicted)
        if labelled:
            each.append(agreement(labelled, predicted))
    precision, recall, f1 = exact(gold, roots)
    return {"messages": len(gold), "one_minus_vi": agreement(gold, roots),
            "one_minus_vi_mean_of_chats": sum(each) / len(each) if each else 1.0,
            "one_to_one": one_to_one(gold, roots),
            "exact": {"precision": precision, "recall": recall, "f1": f1}}


def placed(chats: Mapping[str, list[Said]], found: Mapping[str, Roots],
           quotes: bool) -> dict[str, Any]:
    """The unquoted messages that were put into a thread with earlier ones: how many, and which
    share is right. Right: the thread's first message has the same gold thread. `right_by_most`:
    most of the earlier messages in the thread have it. Edits count on neither side: they are no
    guess. A message without gold thread that is placed is wrong."""
    count = right = most = unquoted = 0
    for name, chat in chats.items():
        gold = {said.id: said.thread for said in chat}
        members: dict[str, Counter[str | None]] = {}
        for said in chat:
            root = found[name][said.id]
            if root is None:
                continue
            if not said.edit_of and not (quotes and said.reply_to):
                unquoted += 1
                if root in members:
                    thread = said.thread
                    count += 1
                    right += thread is not None and gold.get(root) == thread
                    most += thread is not None and members[root].most_common(1)[0][0] == thread
            members.setdefault(root, Counter())[said.thread] += 1
    return {"unquoted": unquoted, "placed": count, "right": right, "right_by_most": most,
            "precision": right / count if count else None}


def keys(chat: list[Said], roots: Roots) -> dict[str, str | None]:
    """The threads named as the gold names them: t01, t02, … in order of their first message."""
    names: dict[str, str] = {}
    for said in chat:
        root = roots[said.id]
        if root is not None:
            names.setdefault(root, f"t{len(names) + 1:02}")
    return {said.id: names[root] if (root := roots[said.id]) is not None else None
            for said in chat}


def report(corpus: Corpus, make: Callable[[], Threads] = Threads,
           wanted: Mapping[str, bool] | None = None) -> tuple[dict[str, Any], dict[str, Roots]]:
    """The threads' part of `daftar eval`: figures with quotes visible and hidden, by chat and for
    all, the baselines, and (second) the roots predicted with quotes visible."""
    result: dict[str, Any] = {}
    visible: dict[str, Roots] = {}
    for label, quotes in (wanted or {"quotes_visible": True, "quotes_hidden": False}).items():
        found = {name: {key: placement.root for key, placement in
                        predict(corpus, chat, quotes, make).items()}
                 for name, chat in corpus.chats.items()}
        visible = visible or found
        result[label] = _figures(corpus.chats, found, quotes)
        result[label]["chats"] = {name: _figures({name: chat}, {name: found[name]}, quotes)
                                  for name, chat in corpus.chats.items()}
    rules: dict[str, dict[str, Roots]] = {}
    for name, chat in corpus.chats.items():
        for rule, roots in baselines(chat).items():
            rules.setdefault(rule, {})[name] = roots
    result["baselines"] = {rule: score(corpus.chats, found) for rule, found in rules.items()}
    return result, visible


def _figures(chats: Mapping[str, list[Said]], found: Mapping[str, Roots],
             quotes: bool) -> dict[str, Any]:
    return {**score(chats, found), "placements": placed(chats, found, quotes)}
