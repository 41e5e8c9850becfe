"""What a sign in an answer says of the deed that was ordered: a first step is only begun, what
somebody else has promised goes on, the rest is part of it."""
from __future__ import annotations

import re

from nlp.aspect import Sign
from nlp.chat import Given
from nlp.lexicon import has, phrase_at, words
from nlp.matter import common, listed, stemmed, things
from nlp.said import Said

PAPERS = frozenset({"image", "document", "video", "audio", "location"})


def excuses(said: Said, sign: Sign) -> bool:
    """`der hui`, `بیماری کی وجہ سے تاخیر ہوئی`: what came to pass is no deed but a delay."""
    inside = said.text.words[sign.start:sign.end]
    return sign.aspect == "done" and bool(set(inside[:sign.at - sign.start]) & words("late"))


def in_truth(said: Said, sign: Sign, given: Given | None, done: bool) -> str:
    """What a sign says of the deed that was ordered."""
    wanted = _wanted(given)
    inside = said.text.words[sign.start:sign.end]
    at = sign.at - sign.start
    paper = said.message.kind == "document"
    if sign.aspect == "asked":
        return "done" if wanted & listed("telling") or paper else "begun"
    if sign.aspect == "done" and not paper and (_step(inside, at, given) or _passed_on(
            inside, given) or _on_the_way(inside, at, given)):
        return "begun"
    if sign.aspect == "doing" and given is not None and set(inside[at:]) & (
            words("i_am") | {"am"}) and set(inside) & words("at_desk") | {"am"} & set(inside) \
            and _asked(given) & (words("presence") - words("accounts_too")):
        return "done"
    if sign.aspect == "begun" and wanted & listed("starting"):
        return "done"
    if sign.aspect == "promised" and set(said.text.words[:sign.at]) & words("reported"):
        return "doing"  # somebody else's word
    return "partly" if _of_the_rest(said, sign, done) else sign.aspect


def _asked(given: Given) -> frozenset[str]:
    """All words of an order and of the action read in it."""
    return given.asked | frozenset(re.findall(r"[a-z]+", given.directive.action.casefold()))


def _wanted(given: Given | None) -> frozenset[str]:
    """The words of an order; of one that names nothing itself (`finish it by Saturday`), those of
    what it goes on from as well."""
    if given is None:
        return frozenset()
    return given.words if len(given.words) > 1 else given.words | given.whole | given.before


def _passed_on(inside: list[str], given: Given | None) -> bool:
    """Whether a clause only tells that something was handed to somebody (`bill submitted to DAO`),
    where another deed was ordered; not to who ordered it (`put up to you`)."""
    some = set(inside)
    return given is not None and bool(some & words("handed_to") and some & words("passing")) \
        and not some & words("yours") and not wants_papers(given) \
        and not things(inside) & given.things \
        and not common(stemmed(inside), _wanted(given))


def _on_the_way(inside: list[str], verb: int, given: Given | None) -> bool:
    """Whether somebody was only sent, called or has got there (`team rawana kar di`), and that is
    not what was ordered, or an account of it was as well."""
    if given is None or not set(inside[max(0, verb - 2):verb + 1]) & words("motions"):
        return False
    if not common(stemmed(inside), _wanted(given)) and not wants_papers(given) \
            and not _asked(given) & (words("presence") | words("sending_people")):
        return True
    people = set(inside) & {"ko", "کو"} or set(inside[:verb]) & words("goers") \
        or set(inside[verb:]) & words("i_am")
    if not people or _asked(given) & (words("presence") - words("accounts_too")):
        return False
    return not given.asked & words("sending_people") or bool(given.asked & words("accounts_too"))


def wants_papers(given: Given) -> bool:
    """Whether an order is done by handing something in."""
    action = set(re.findall(r"[a-z]+", given.directive.action.casefold()))
    return bool((action | given.words) & words("handing") or given.words & listed("papers"))


def hands(inside: list[str]) -> bool:
    return bool(set(inside) & words("handing"))


def _of_the_rest(said: Said, sign: Sign, done: bool) -> bool:
    """`rest by tomorrow`, `baqi ho rahe hain`: the rest is not done yet; nor is, where something
    is `done`, the third of them."""
    before = set(said.text.words[sign.start:sign.at])
    return sign.aspect in ("doing", "begun", "promised", "lacking") and bool(
        (before & words("rest") and (sign.aspect != "lacking" or (
            done and said.message.kind not in PAPERS)))
        or (done and before & words("others_of_it")))


def _step(inside: list[str], verb: int, given: Given | None) -> bool:
    """Whether what stands before the verb of a clause is a first step only, which the order does
    not ask for."""
    wanted = _wanted(given)
    asked = given.asked if given else frozenset()
    nouns = words("step_nouns")
    if not wanted & listed("papers"):
        nouns |= words("step_papers")
    for at, word in enumerate(inside[:verb]):
        if word in nouns and inside[at + 1] not in words("by") and word not in asked \
                and inside[at + 2:at + 3] not in (["sath"], ["saath"], ["ساتھ"]) \
                and not common(stemmed([word]), wanted):
            return word not in words("letters") or not common(stemmed(inside), wanted)
    at = has("steps", inside)
    if at < 0 or wanted & listed("step_wanted") or (
            asked & words("acts") and set(inside) & words("acts_done")):
        return False
    end = at + phrase_at("steps", inside, at, len(inside))
    return not common(stemmed(inside[end - 1:end]), wanted)
