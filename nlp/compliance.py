"""Answers to directives: which of the open ones a message answers, and how far it is done."""
from __future__ import annotations

from collections.abc import Mapping

from nlp.aspect import signs
from nlp.candidates import candidates
from nlp.chat import Chat, Given
from nlp.deeds import deeds
from nlp.lexicon import has, words
from nlp.matter import common, listed, stemmed
from nlp.said import Answer, Directive, Said
from nlp.state import asks, notes, promises_only, state_of, unsaid
from nlp.targets import Scene, Target, reasons, targets

LONG = 30  # words of an answer that goes through several questions


def answer(said: Said, chat: Chat, given: tuple[Directive, ...] = (), visit: bool = False,
           weights: Mapping[str, float] | None = None) -> Answer | None:
    """What a message answers, or None. `given`: the orders that the message gives itself;
    `visit`: it reports one."""
    scene = scene_of(said, chat, given, visit)
    if scene is None:
        return None
    found = targets(scene, weights)
    best = max(found, key=lambda one: one.chance)
    return told(said, _first_asked(said, best, found)) if best.given else None


def _first_asked(said: Said, best: Target, found: list[Target]) -> Target:
    """Who answers several questions of one message at length begins with the first."""
    if best.given is None or best.given.directive.kind != "question" or len(said.text) < LONG:
        return best
    return min((one for one in found if one.given and one.given.message == best.given.message
                and one.given.directive.kind == "question"),
               key=lambda one: one.given.n if one.given else 0)


def scene_of(said: Said, chat: Chat, given: tuple[Directive, ...] = (),
             visit: bool = False) -> Scene | None:
    """What is to be weighed of a message that may answer something; None for one that cannot. Who
    passes an order on has not yet answered, unless he says so."""
    if said.sender is None or said.message.kind in ("system", "deleted") or _from_elsewhere(said):
        return None
    found = candidates(said, chat)
    if not found:
        return None
    state, _ = state_of(said)
    if given and not notes(said) and (state != "done" or not _told_apart(said, given)):
        return None
    return Scene(said, chat, state, found, visit)


def told(said: Said, target: Target) -> Answer | None:
    """The answer to an order, with how far that is done; None when it says nothing of that."""
    chosen = target.given
    assert chosen is not None
    state, why = state_of(said, chosen)
    if state is None:
        state, why = unsaid(said, chosen, _asks_back(said)), "what was asked is told"
    if state is None:
        return None
    if state == "in_progress" and _will_write(said, chosen):
        state, why = "acknowledged", "the sender promises to write"
    elif (state in ("in_progress", "acknowledged") and _answers(said, state, chosen)) or (
            state == "acknowledged" and _plans(said, chosen)):
        state, why = "done", "what was asked is told"
    return Answer(chosen.message, chosen.n, state, round(target.chance, 2),
                  (why, *reasons(target)))


def _told_apart(said: Said, given: tuple[Directive, ...]) -> bool:
    """Whether a message that gives orders says elsewhere in it that something is done."""
    return any(sign.aspect == "done" and not any(
        one.start <= said.text.found[sign.at].start < one.end for one in given)
        for sign in signs(said.text))


def _answers(said: Said, state: str, chosen: Given) -> bool:
    """Whether a question is answered, by whatever is told of it."""
    return asks(chosen) and _tells(said, state, chosen) and (
        has("time_asked", said.text.words) < 0 or bool(chosen.asked & words("when_asked")))


def _will_write(said: Said, chosen: Given) -> bool:
    """Whether an account is wanted in writing and only promised, whatever is said already."""
    found = signs(said.text)
    return bool(chosen.words & listed("in_writing")) and bool(found) \
        and found[-1].aspect == "promised"


def _plans(said: Said, chosen: Given) -> bool:
    """Whether a plan is asked for and told: what its sender will do, and not that he will send."""
    return bool(chosen.asked & words("plans")) and len(said.text) > 5 \
        and not deeds(said.text.words) & {"hand"} and not notes(said)


def _tells(said: Said, state: str, chosen: Given) -> bool:
    """Whether an answer to a question tells something, and is no bare promise to tell it."""
    folded = said.text.words
    found = signs(said.text)
    if _will_write(said, chosen):
        return False
    if state == "acknowledged":
        return len(folded) > 5 and (_account(said, chosen) or not (
            (folded[0] in words("noted") and len(folded) < 9) or promises_only(said)
            or (found and found[0].aspect == "promised" and found[0].at < 4)
            or has("promised", folded) >= 0))
    last = found[-1] if found else None
    if state == "in_progress" and last and chosen.words & listed("in_writing") \
            and deeds(folded[last.start:last.end]) & {"hand"} and last.aspect == "doing":
        return False
    if state == "in_progress" and last and last.aspect == "waiting" and any(
            sign.aspect in ("asked", "done") and set(folded[sign.start:sign.end])
            & words("called") for sign in found):
        return False
    if state == "in_progress" and last and last.aspect == "doing" and set(
            folded[last.at:]) & words("until"):
        return False
    return len(folded) > 4 and not (state == "in_progress" and any(
        sign.aspect in ("doing", "begun") and set(folded[sign.start:sign.end]) & words("seeking")
        for sign in found))


def _account(said: Said, chosen: Given) -> bool:
    """Whether a sentence that promises nothing speaks of what is asked."""
    promised = [sign.at for sign in signs(said.text) if sign.aspect == "promised"]
    return any(common(stemmed(said.text.words[one.start:one.end]), chosen.words)
               for one in said.text.sentences
               if not any(one.start <= at < one.end for at in promised))


def _from_elsewhere(said: Said) -> bool:
    return bool(said.text.words[:1] == ["forwarded"]) or has("mourning", said.text.words) >= 0


def _asks_back(said: Said) -> bool:
    return any(one.question for one in said.text.sentences) or (bool(
        set(said.text.words) & words("ask_back")) and len(said.text) < 25)
