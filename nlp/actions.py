"""What is to be done, as a short English verb phrase. English is turned round; of Urdu the words
that orders.json knows are translated and the rest is left as written."""
from __future__ import annotations

import re

from archive import fold
from nlp.asks import Ask
from nlp.deadlines import Deadline
from nlp.lexicon import table, words
from nlp.sentences import Text
from nlp.words import shorten

LONGEST = 160  # characters


def action(text: Text, ask: Ask, deadlines: tuple[Deadline, ...], urdu: bool) -> str:
    """The action of an ask."""
    start = max([ask.start, *(one.end for one in ask.to if ask.start <= one.end <= ask.at)])
    if ask.kind == "question":
        said = _without(text, start, ask.end, deadlines)
        return shorten(f"report: {said}", LONGEST)
    if urdu:
        return shorten(_translated(text, start, ask.end, ask.at, deadlines), LONGEST)
    if ask.kind == "passive":
        subject = _without(text, start, ask.at, deadlines)
        subject = re.sub(r"\b(may|should|shall|must|kindly|also|be|please|need to|needs to)\b\s*",
                         "", subject, flags=re.I).strip()
        rest = text.words[ask.at:ask.end]
        after = next((n for n, word in enumerate(rest) if word not in ("be", "kindly", "also")), 0)
        tail = _without(text, min(ask.at + after + 1, ask.end), ask.end, deadlines)
        return shorten(f"{ask.verb} {subject} {tail}".strip(), LONGEST)
    if ask.kind == "need":
        return shorten(f"send {_without(text, start, ask.at, deadlines)}", LONGEST)
    if ask.kind == "demand":
        return shorten(f"submit {_without(text, start, ask.end, deadlines)}", LONGEST)
    said = _without(text, ask.at, ask.end, deadlines)
    return shorten(("do not " if ask.negated and not said.startswith("no") else "") + said, LONGEST)


def _without(text: Text, start: int, end: int, deadlines: tuple[Deadline, ...]) -> str:
    """Words as written, without deadlines, politeness, and what a clause is joined by."""
    kept = []
    for at in range(start, end):
        word = text.found[at]
        if any(one.start <= word.start < one.end for one in deadlines) \
                or word.folded in words("polite"):
            continue
        kept.append((at, text.text[word.start:word.end]))
    while kept and (text.words[kept[-1][0]] in words("dangling")):
        kept.pop()
    while kept and text.words[kept[0][0]] in words("connect") | words("bound") | {"is", "are", "to",
                                                                                   "ko", "کو"}:
        kept.pop(0)
    pieces = []
    for at, written in kept:
        gap = text.gaps[at] if pieces else ""
        pieces.append((gap if gap in ("-", "/", "'", "’", ", ") else " ") + written)
    return "".join(pieces).strip(" ,-")


def _translated(text: Text, start: int, end: int, verb_at: int,
                deadlines: tuple[Deadline, ...]) -> str:
    """Roman Urdu and Urdu word by word: the verb first, then the rest in reverse of nothing."""
    known = _glossary()
    verb, rest = "", []
    at = start
    while at < end:
        word = text.found[at]
        if any(one.start <= word.start < one.end for one in deadlines):
            at += 1
            continue
        for size in (3, 2, 1):
            run = tuple(text.words[at:at + size])
            if len(run) == size and at + size <= end and run in known:
                meaning, is_verb = known[run]
                if is_verb and meaning:
                    verb = meaning if not verb or at <= verb_at else verb
                elif meaning:
                    rest.append(meaning)
                at += size
                break
        else:
            if text.words[at] not in words("polite") and text.words[at] not in words("lead"):
                rest.append(text.text[word.start:word.end])
            at += 1
    return " ".join([verb or "do", *rest]).strip()


def _glossary() -> dict[tuple[str, ...], tuple[str, bool]]:
    global _known
    if _known is None:
        _known = {}
        for is_verb, name in ((False, "nouns_english"), (True, "verbs_english")):
            for meaning, spellings in table(name).items():
                for spelling in spellings:
                    key = tuple(fold.tokens(spelling))
                    if key:
                        _known[key] = ("" if meaning == "-" else meaning, is_verb)
    return _known


_known: dict[tuple[str, ...], tuple[str, bool]] | None = None
