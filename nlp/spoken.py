"""To whom a sentence speaks: the posts and people that it names together, and which of them are
told to do something."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from nlp.anchor import Anchor
from nlp.anchors import opens
from nlp.lexicon import has, words
from nlp.named import Named
from nlp.sentences import Sentence, Text

NEAR = 5  # words after a post in which `is requested to`, `shall` … may come


def groups_of(text: Text, named: list[Named], sentence: Sentence) -> Iterator[list[Named]]:
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


def addressed(text: Text, sentence: Sentence, group: list[Named], anchors: list[Anchor]) -> bool:
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
    if _called(text, sentence, group, anchors, end):
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
    return _does(text, sentence, group, anchors, end)


def _called(text: Text, sentence: Sentence, group: list[Named], anchors: list[Anchor],
            end: int) -> bool:
    """Whether what stands before a group makes it the one spoken to: `required from DEO Zhob`."""
    start = group[0].start
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
    return text.at(start - 1) in words("should_urdu") and any(
        one.at == start - 1 for one in anchors)


def _does(text: Text, sentence: Sentence, group: list[Named], anchors: list[Anchor],
          end: int) -> bool:
    """Whether a group is the subject of what is to be done: `DEO Zhob shall visit`."""
    start, after = group[0].start, text.at(end)
    near = text.words[end:min(sentence.end, end + NEAR)]
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
