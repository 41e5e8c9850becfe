"""What a message tells, asks or requires somebody to do: each ask with the words that make it one.
Only the words are looked at here; whether it is an order is decided by who says it to whom."""
from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nlp.anchor import Anchor
from nlp.anchors import anchors_of, opens
from nlp.lexicon import has, participles, words
from nlp.named import Named
from nlp.sentences import Sentence, Text

NEAR = 5  # words after a post in which `is requested to`, `shall` … may come


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
    groups = list(_groups(text, named, sentence))
    anchors = anchors_of(text, sentence, groups, bool(current))
    spoken = [group for group in groups if _addressed(text, sentence, group, anchors)]
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


def _groups(text: Text, named: list[Named], sentence: Sentence) -> Iterator[list[Named]]:
    """Posts and people that are named together: `DC and DEO Kharan`."""
    group: list[Named] = []
    for one in named:
        if one.kind in ("place", "division"):
            if group and one.start <= group[-1].end + 1:
                continue
            if group:
                yield group
                group = []
            continue
        if group:
            between = text.words[group[-1].end:one.start]
            joined = len(between) <= 1 and all(word in words("connect") for word in between) and (
                bool(between) or re.search(r"[,،&+/]", text.gaps[one.start])) \
                and not _counted(text, group[0]) \
                and (bool(between) or text.at(one.end) not in words("possessive"))
            same = not between and not text.gaps[one.start].strip() and (
                (one.kind == "post" and group[-1].kind == "person") or one.kind == "person") \
                and _agree(group[-1], one)
            if same:
                keep = group[-1] if group[-1].kind == "post" and group[-1].places else one
                keep = one if one.kind == "post" and one.places else keep
                group[-1] = replace(keep, start=group[-1].start, end=one.end)
                continue
            if joined:
                group.append(one)
                continue
            yield group
        group = [one]
    if group:
        yield group


def _counted(text: Text, one: Named) -> bool:
    """`two focal persons`, `a head teacher`: whom an order is about, not whom it is for."""
    before = text.at(one.start - 1)
    return one.kind == "post" and not one.places \
        and not text.gaps[one.start].strip() and (before.isdigit() or before in words("how_many"))


def _agree(one: Named, two: Named) -> bool:
    """Whether a person and a post beside each other are the same: `Nako Majid DMC Kech`."""
    person, post = (one, two) if one.kind == "person" else (two, one)
    if post.kind != "post":
        return False
    return any(holder.post.startswith(post.post.split(" (")[0]) or post.post.startswith(holder.post)
               for holder in person.holders)


def _addressed(text: Text, sentence: Sentence, group: list[Named], anchors: list[Anchor]) -> bool:
    """Whether a group is spoken to: it opens the sentence, or is told to do something."""
    if group[-1].office or group[0].office or _counted(text, group[0]):
        return False
    start, end = group[0].start, group[-1].end
    while end < sentence.end and text.at(end) in words("honor"):
        end += 1
    after, gap = text.at(end), text.gaps[end] if end < len(text) else ""
    if start > sentence.start and re.search(r"[,،:]", text.gaps[start]) \
            and re.search(r"^\s*[,،]", gap) and text.at(end) not in words("statement"):
        return True  # `Please ensure, DEO Zhob, that …`
    if re.search(r"^\s*[,:،.\-–]", gap) and opens(text, sentence, start):
        return True
    if text.at(start - 1) in ("from", "by") and (text.at(start - 2) in words("needs") or any(
            one.kind == "need" and one.at < start for one in anchors)):
        return True
    if text.at(start - 1) == "of" and text.at(start - 2) in words("owed") and any(
            one.kind == "need" for one in anchors):
        return True  # `I expect the reply of DEO Zhob`, `attendance of all DEOs is mandatory`
    if any(one.at - end <= 3 and one.generic for one in anchors if one.at >= end) and (
            set(text.words[end:end + 3]) & words("allowed")):
        return True
    if text.at(start - 1) == "by" and any(one.kind == "passive" and one.at < start
                                          for one in anchors):
        return True
    if group[0].kind == "people" and text.at(start) in words("those_who") and any(
            one.at > end for one in anchors):
        return True
    if text.at(start - 1) in words("those_who") and any(one.at > end for one in anchors):
        return True
    if not anchors and end >= sentence.end and end - sentence.start <= 8 and text.at(start - 1) in (
            "to", "for", "attention"):
        return True
    if text.at(start - 1) in words("yes_no") and start - 1 == sentence.start and sentence.question:
        return True
    if text.at(start - 1) in words("should_urdu") and any(one.at == start - 1 for one in anchors):
        return True
    if "of" in (text.at(start - 1), text.at(start - 2)) and text.at(start - 1) in ("of", "the"):
        return False
    near = text.words[end:min(sentence.end, end + NEAR)]
    if _owes(text, sentence, start, end):
        return True
    if "ko" in near[:1] or "کو" in near[:1] or after in ("se", "سے", "say", "sy"):
        return bool(set(near) & (words("order_urdu") | words("request_urdu")
                                 | words("should_urdu"))) or bool(
            set(near) & {"kaha", "کہا"} and set(near) & {"jata", "jati", "جاتا", "جاتی"})
    if set(near[:3]) & words("bound") and after not in ("has", "had", "was", "were"):
        return True
    needed = any(one.kind == "need" and one.at > end for one in anchors)
    if after in ("who", "whose") and any(one.at > end for one in anchors):
        return True
    if needed and after in ("ki", "ka", "کی", "کا") and opens(text, sentence, start):
        return True
    if end >= sentence.end and (sentence.question or any(
            one.kind == "need" for one in anchors)) and text.at(start - 1) not in words("bound_to"):
        return True
    subject = end
    while text.at(subject) in words("fillers"):
        subject += 1
    if text.at(subject) in words("modals") | {"will"} \
            and text.at(subject + 1) in ("be", "also") and any(
            one.kind == "passive" and subject < one.at <= subject + 3 for one in anchors):
        return False  # `DDOs should also be informed`
    if after in words("possessive"):
        return False
    if any(anchor.at == end or (anchor.at - end <= 3 and after in (
            words("modals") | words("polite") | words("after_post")))
           for anchor in anchors if anchor.at >= end and (anchor.kind != "passive"
                                                          or not anchor.english)):
        return not (after in ("has", "have", "had") and text.at(end + 1) != "to")
    if group[0].kind == "post" and any(
            one.at > end and not one.english and one.kind != "need" for one in anchors) \
            and (text.at(start - 1) not in ("ka", "ki", "ke", "کا", "کی", "کے", "aur", "اور")
                 or text.at(start - 2) in words("district_words") | words("regions") | {
                     "ڈویژن", "ریجن"}):
        return True
    if opens(text, sentence, start):
        if end >= sentence.end:
            return True
        return after not in words("statement") or (after in ("is", "are") and set(near) & (
            words("bound") | words("yes_no") - words("statement")) != set())
    return end >= sentence.end and start > sentence.start and re.search(
        r"[,،–—]|\s-", text.gaps[start]) is not None


def _owes(text: Text, sentence: Sentence, start: int, end: int) -> bool:
    """`DEO ki taraf se … nahi aya, aaj hi bheja jaye`: who has not done it is told to; `DEO ne
    report kyun nahi bheji?`, `DEO ki zimmedari hogi ke …`."""
    some = text.words[end:end + 3]
    if not opens(text, sentence, start):
        return False
    if some[:1] in (["ne"], ["نے"]) and set(text.words[end:sentence.end]) & words("wh") and (
            sentence.question or set(text.words[end:sentence.end]) & words("negative")):
        return True
    if has("charge_urdu", text.words, end, min(end + 3, sentence.end)) == end:
        return True
    from_whom = len(some) > 1 and some[0] in ("ki", "کی") and some[1] in ("taraf", "janib", "طرف",
                                                                          "جانب")
    return from_whom and bool(
        set(text.words[end:sentence.end]) & words("negative"))


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
