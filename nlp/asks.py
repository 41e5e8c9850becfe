"""What a message tells, asks or requires somebody to do: each ask with the words that make it one.
Only the words are looked at here; whether it is an order is decided by who says it to whom."""
from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

from nlp.anchor import Anchor
from nlp.anchors import anchors_of, opens
from nlp.lexicon import participles, words
from nlp.named import Named
from nlp.sentences import Sentence, Text
from nlp.spoken import addressed, groups_of


@dataclass(frozen=True)
class Ask:
    """Something asked in the words from `start` to before `end`.

    kind      example
    do        send the list; list bhejein
    passive   pay may be stopped
    need      list is required, compliance awaited
    question  why are the books not delivered?
    demand    explanation in writing, 24 hours
    """

    kind: str
    start: int
    end: int
    at: int  # the word that makes it an ask
    verb: str = ""  # an English verb, or the form that was written
    to: tuple[Named, ...] = ()  # whom it names as its addressee
    sentence: int = 0  # number of its sentence
    negated: bool = False


def asks(text: Text, named: list[Named]) -> list[Ask]:
    """The asks of a text, in order, each with the addressee that its own sentence or an earlier one
    names."""
    result: list[Ask] = []
    current: tuple[Named, ...] = ()
    for number, sentence in enumerate(text.sentences):
        here = [one for one in named if sentence.start <= one.start < sentence.end]
        found, current = _sentence(text, sentence, here, current, number)
        result += found
        if not found and current and here and not any(one.to for one in result) and all(
                word in words("polite") | words("honor")
                for word in text.words[here[-1].end:sentence.end]):
            result = [replace(one, to=current) for one in result]  # signed off with the addressee
    return result


def _sentence(text: Text, sentence: Sentence, named: list[Named], current: tuple[Named, ...],
              number: int) -> tuple[list[Ask], tuple[Named, ...]]:
    """The asks of one sentence, and whom it leaves spoken to."""
    groups = list(groups_of(text, named, sentence))
    anchors = anchors_of(text, sentence, groups, bool(current))
    spoken = [group for group in groups if addressed(text, sentence, group, anchors)]
    result = []
    starts = _bounds(text, sentence, anchors, spoken)
    for place, anchor in enumerate(anchors):
        start, end = starts[place], starts[place + 1]
        before = [group for group in spoken if group[0].start <= max(anchor.at, start)
                  or group[0].start < end]
        inside = [group for group in before if group[0].start >= start] or before
        current = tuple(inside[-1]) if inside else current
        to = () if anchor.generic and not inside else current
        result.append(Ask(anchor.kind, start, end, anchor.at, anchor.verb, to, number,
                          _negated(text, sentence, anchor)))
    if not anchors:
        if spoken:
            current = tuple(spoken[-1])
        asked = _question(text, sentence, groups, spoken) or _demand(text, sentence)
        if asked:
            result.append(Ask(asked, sentence.start, sentence.end, sentence.start, "", current,
                              number))
        if not spoken and groups:
            told = [group for group in groups if not any(one.office for one in group)
                    and opens(text, sentence, group[0].start)]
            current = tuple(told[-1]) if told and not current and number == 0 else current
    elif sentence.question and result[0].kind == "do" and _asking(text, sentence) \
            and not any(one.kind == "passive" for one in result):
        result = [replace(result[0], kind="question", start=sentence.start, end=sentence.end)]
    return result, current


def _negated(text: Text, sentence: Sentence, anchor: Anchor) -> bool:
    first = max(sentence.start, anchor.at - 2)
    near = [text.words[at] for at in range(first, anchor.at) if not any(
        re.search(r"[,،;:]", text.gaps[later]) for later in range(at + 1, anchor.at + 1))]
    return bool(set(near) & (words("negative") | {"nobody", "none"}))


def _bounds(text: Text, sentence: Sentence, anchors: list[Anchor],
            spoken: list[list[Named]]) -> list[int]:
    """Where each ask begins, and after them where the sentence ends."""
    starts = [sentence.start]
    for one, two in itertools.pairwise(anchors):
        spots = [group[0].start for group in spoken if one.at < group[0].start <= two.at]
        if spots:
            starts.append(spots[0])
        elif one.english or two.english:
            cuts = [at for at in range(one.at + 1, two.at + 1) if text.words[at] in words("connect")
                    or re.search(r"[,،]", text.gaps[at])]
            starts.append(cuts[-1] if cuts else two.at if two.english else one.at + 1)
        else:
            starts.append(one.at + 1)
    return [*starts, _told_after(text, sentence, anchors[-1]) if anchors else sentence.end]


def _told_after(text: Text, sentence: Sentence, last: Anchor) -> int:
    """Where an order of Urdu ends before what is only told: `photocopy karwa lo, baqi kal milenge`.
    """
    if last.english:
        return sentence.end
    for at in range(last.at + 1, sentence.end):
        if re.search(r"[,،]", text.gaps[at]) and tells(text, sentence.end):
            return at
    return sentence.end


def tells(text: Text, end: int) -> bool:
    """Whether the words before `end` tell what will be: `… kal milenge`, `باقی کل ملیں گے`."""
    return text.words[end - 1] in words("future") or text.words[end - 1].endswith(
        ("enge", "ega", "egi", "unga"))


def _asking(text: Text, sentence: Sentence) -> bool:
    """Whether a sentence with a question mark asks, instead of telling to do."""
    first = text.words[sentence.start:sentence.start + 6]
    return bool(set(text.words[sentence.start:sentence.end]) & words("wh")) or bool(
        set(first[:1]) & words("yes_no"))


def _question(text: Text, sentence: Sentence, groups: list[list[Named]],
              spoken: list[list[Named]]) -> str:
    """`question` when a sentence demands information."""
    inside = text.words[sentence.start:sentence.end]
    wh = set(inside) & words("wh")
    if sentence.question:
        return "question"
    return "question" if wh and len(inside) <= 8 and set(inside[:1]) & words("wh") else ""


def _demand(text: Text, sentence: Sentence) -> str:
    """`demand` when a sentence without a verb names what is wanted."""
    inside = text.words[sentence.start:sentence.end]
    some = set(inside)
    if not some & words("demands") or some & words("statement") or some & set(participles()) \
            or some & words("self") or some & words("negative") or len(inside) > 14:
        return ""
    return "demand"
