"""Which open order a message answers: what ties it to each, and what speaks for its answering none,
weighed by targets.json (natural logarithm of odds; tools/train_targets.py learns the weights)."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from nlp.aspect import Sign, signs
from nlp.candidates import Candidate
from nlp.chat import Chat, Given
from nlp.deeds import deeds
from nlp.lexicon import has, words
from nlp.matter import listed, matter, shared, stemmed, stemmed_word
from nlp.phrases import data
from nlp.said import Said
from nlp.state import PAPERS, gives_number, handed_in, notes, promises_only
from nlp.targets_told import TIES

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SAME_BREATH = timedelta(minutes=5)
BARE = 5  # words of an answer that names nothing
Ties = dict[str, float]


class Target(NamedTuple):
    """An order that may be answered (None: none is), the ties to it, and how likely it is."""

    given: Given | None
    ties: Ties
    chance: float = 0.0


@dataclass
class Scene:
    """A message that may answer something, with what is asked of it again and again."""

    said: Said
    chat: Chat
    state: str | None  # as far as it can be told without the order
    candidates: list[Candidate]
    visit: bool = False  # it reports one
    words: frozenset[str] = frozenset()
    deeds: frozenset[str] = frozenset()
    signs: list[Sign] = field(default_factory=list)
    whole: dict[str, frozenset[str]] = field(default_factory=dict)  # message → words in common
    parts: dict[int, frozenset[str]] = field(default_factory=dict)  # order → words in common
    holders: Counter[str] = field(default_factory=Counter)  # word → messages that have it

    def __post_init__(self) -> None:
        self.words = matter(self.said) - _own_place(self.said)
        self.signs = signs(self.said.text)
        self.deeds = _told_deeds(self.said, self.signs)
        for given, _ in self.candidates:
            about = given.before if len(given.words) < 2 else frozenset()
            own = given.whole if given.n and given.asked & words("pronouns") else given.words
            self.parts[id(given)] = shared(self.words, own | about)
            if given.message not in self.whole:
                self.whole[given.message] = shared(self.words, given.whole | about)
                self.holders.update(self.whole[given.message])

    @property
    def bare(self) -> bool:
        """Whether it names nothing: `Noted sir`, `ho gaya`, a picture alone."""
        return not self.words

    def telling(self, message: str) -> float:
        """How much a message's orders share with this one, rare words most."""
        return sum(1 / self.holders[word] for word in self.whole[message])


def targets(scene: Scene, weights: Mapping[str, float] | None = None) -> list[Target]:
    """All that a message may answer, with their chances; that it answers none comes last."""
    weigh = weights if weights is not None else _weights()
    found = [Target(one.given, ties(scene, one)) for one in scene.candidates]
    found.append(Target(None, nothing(scene)))
    scores = [sum(weigh.get(name, 0.0) * value for name, value in one.ties.items())
              for one in found]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [one._replace(chance=power / sum(powers))
            for one, power in zip(found, powers, strict=True)]


def reasons(target: Target, most: int = 2) -> tuple[str, ...]:
    """What speaks most for a target, in words."""
    weighed = {name: _weights().get(name, 0.0) * value for name, value in target.ties.items()}
    best = sorted((name for name in weighed if weighed[name] > 0), key=lambda name: -weighed[name])
    return tuple(TIES[name][1] for name in best[:most])


@cache
def _weights() -> dict[str, float]:
    found: dict[str, float] = data("targets.json")
    return found


def ties(scene: Scene, one: Candidate) -> Ties:
    """What ties a message to an order."""
    found: Ties = {f"to_{one.told}": 1.0}
    _place(scene, one.given, one.told, found)
    _time(scene, one.given, found)
    _so_far(scene, one.given, found)
    _matter(scene, one.given, found)
    _manner(scene, one.given, found)
    return {name: float(value) for name, value in found.items() if value}


def _place(scene: Scene, given: Given, told: str, found: Ties) -> None:
    """By quotes and by conversation."""
    said, chat = scene.said, scene.chat
    quoted = chat.quoted(said)
    found["quoted"] = said.message.quote == given.message
    if said.message.quote:
        answer = chat.answers.get(said.message.quote)
        found["quoted_answer"] = bool(answer) and (answer.message, answer.n) == (
            given.message, given.n)
        found["quoted_other"] = said.message.quote != given.message
    edited = chat.answers.get(said.message.edit_of or "")
    found["edits"] = edited is not None and (edited.message, edited.n) == (given.message, given.n)
    order = chat.said.get(given.message)
    theirs = chat.quoted(order) if order else None
    if quoted and theirs and quoted.message.id == theirs.message.id:
        found["quoted_both"] = 1.0
    found["replied"] = bool(theirs) and theirs.message.person == said.message.person
    if told == "other" and order and said.sender:
        named = [one for one in order.named if said.sender.person in (
            holder.person for holder in one.holders)]
        found["other_named"] = any(given.directive.start <= order.text.found[one.start].start
                                   < given.directive.end for one in named)
        found["other_mentioned"] = bool(named) and not found["other_named"]
        found["other_sibling"] = any(one.given.message == given.message and one.told in (
            "mine", "class") for one in scene.candidates)
        found["other_place"] = said.sender.place in order.districts
        found["other_cold"] = not (named or found["other_place"] or found["quoted"])
    found["other_noted"] = told in ("other", "deputy") and scene.state == "acknowledged" \
        and not (found["quoted"] or found.get("other_named") or found.get("other_mentioned")
                 or scene.whole[given.message])
    found["thread"] = given.thread is not None and given.thread == said.message.thread
    found["names_giver"] = any(holder.person == given.sender
                               for one in said.named for holder in one.holders)
    found["names_told"] = any(one.post and title.startswith(f"{one.post} ")
                              for one in said.named for title in given.directive.to)


def _time(scene: Scene, given: Given, found: Ties) -> None:
    """By how lately the order was given, and what came between."""
    age = max(scene.said.message.at - given.at, 0 * MINUTE)  # clocks differ
    between = scene.chat.count - given.number
    newer = {one.given.message for one in scene.candidates
             if one.given.number > given.number and one.told in ("mine", "class")}
    found["minutes"] = 1 / (1 + age / (10 * MINUTE))
    found["hours"] = 1 / (1 + age / (4 * HOUR))
    found["days"] = 1 / (1 + age / (48 * HOUR))
    found["near"] = 1 / (1 + between / 4)
    found["newer"] = 1 - 1 / (1 + len(newer))
    found["first_since"] = scene.chat.spoke.get(scene.said.message.person, 0) < given.number
    found["late_note"] = scene.state == "acknowledged" and age > 8 * HOUR
    found["early_deed"] = scene.state == "done" and age < 3 * MINUTE \
        and given.directive.kind != "question"


def _so_far(scene: Scene, given: Given, found: Ties) -> None:
    """By what its sender has answered before, and what stands before it in the same message."""
    person, state = scene.said.message.person, scene.state
    before = given.states.get(person)
    if before is None:
        found["fresh"] = 1.0
        found["fresh_note"] = state == "acknowledged"
    else:
        found["noted_again"] = state == "acknowledged"
        found["moves_on"] = before in ("acknowledged", "in_progress") \
            and state in ("done", "in_progress", "refused", None)
        found["goes_back"] = before == "in_progress" and state == "acknowledged"
        found["was_done"] = before == "done"
        found["was_refused"] = before == "refused"
    earlier = [one.given for one in scene.candidates
               if one.given.message == given.message and one.given.n < given.n
               and one.given.states.get(person) not in ("done", "refused")]
    found["later"] = min(len(earlier), 2)
    found["conditional"] = bool(given.asked & words("if_words"))
    found["later_bare"] = scene.bare * min(len(earlier), 2)
    last = _last_answer(scene)
    if last:
        found["just_answered"] = last == (given.message, given.n)
        found["goes_on"] = last[0] == given.message and last[1] != given.n


def _last_answer(scene: Scene) -> tuple[str, int] | None:
    """What the sender answered just before."""
    own = next((other for other in scene.chat.before(scene.said, 4)
                if other.message.person == scene.said.message.person), None)
    if own is None or scene.said.message.at - own.message.at > SAME_BREATH:
        return None
    answer = scene.chat.answers.get(own.message.id)
    return (answer.message, answer.n) if answer else None


def _matter(scene: Scene, given: Given, found: Ties) -> None:
    """By words in common: those of the message first, then those of the order's own part."""
    own = scene.telling(given.message)
    most = max((scene.telling(other) for other in scene.whole if other != given.message),
               default=0.0)
    found["words"] = own / (1 + own)
    found["two_words"] = len(scene.whole[given.message]) > 1
    found["words_elsewhere"] = max(0.0, most - own) / (1 + max(0.0, most - own))
    found["other_matter"] = min(1.0, len(scene.words) / 5) * (not scene.whole[given.message])
    part = scene.parts[id(given)]
    siblings = [one.given for one in scene.candidates
                if one.given.message == given.message and one.given is not given]
    if siblings:
        best = max(len(scene.parts[id(one)]) for one in siblings)
        found["part"] = len(part) / (0.5 + len(part))
        found["part_elsewhere"] = max(0, best - len(part)) / (0.5 + max(0, best - len(part)))
    found["background"] = bool(shared(scene.words, given.before - given.whole))
    done = scene.deeds & given.deeds
    found["deed"] = bool(done)
    if scene.deeds and not done:
        found["deed_elsewhere"] = any(scene.deeds & one.given.deeds for one in scene.candidates)
    schools = {school.name for school in scene.said.schools}
    order = scene.chat.said.get(given.message)
    theirs = {school.name for school in order.schools} if order else set()
    found["school"] = bool(schools & theirs)
    found["visited"] = found["school"] and scene.visit
    found["other_school"] = bool(schools and theirs and not schools & theirs)


def _own_place(said: Said) -> frozenset[str]:
    """The words for a sender's own place, which tell none of his orders from another."""
    return stemmed(word for one in said.named if said.sender and said.sender.place in one.places
                   for word in said.text.words[one.start:one.end])


def _told_deeds(said: Said, found: list[Sign]) -> frozenset[str]:
    """The deeds that the verbs of an answer tell; of an answer without verbs, all of it."""
    if not found:
        return deeds(said.text.words)
    return deeds(word for sign in found
                 for word in said.text.words[max(sign.start, sign.at - 2):sign.at + 2])


def _manner(scene: Scene, given: Given, found: Ties) -> None:
    """How the manner of an answer fits that of the order: papers to who wanted papers, an account
    to who asked a question, a promise or a deed to who wanted a deed."""
    said, folded = scene.said, scene.said.text.words
    asked = given.directive.kind == "question"
    peers = len(set(given.states) - {said.message.person})
    found["place_first"] = bool(said.named) and said.named[0].start == 0 \
        and said.named[0].kind == "place" and (
            peers > 0 or len(given.directive.to) > 1
            or any(title.startswith("All ") for title in given.directive.to))
    found["standing"] = bool(given.asked & words("standing")) and bool(
        given.asked & words("reporting")) and bool(scene.visit or said.schools)
    if said.message.kind in PAPERS:
        wanted = papers(said) & given.things
        found["paper"] = bool(wanted)
        found["paper_named"] = bool(wanted & set(map(stemmed_word, folded)))
        found["paper_handed"] = not wanted and "hand" in given.deeds
        found["paper_unwanted"] = not wanted and "hand" not in given.deeds
        found["paper_bare"] = not wanted and not folded
        found["paper_asked"] = asked
        return
    wants = bool(given.things & listed("papers")) or "hand" in given.deeds
    hands = "hand" in scene.deeds or handed_in(folded[:5])
    found["hands"] = hands and wants and not asked
    found["hands_unwanted"] = hands and not wants
    if asked:
        noted = len(folded) < BARE or (notes(said) and len(folded) < 9) or promises_only(said)
        found["question_noted"] = noted
        found["question_going_on"] = scene.state == "in_progress"
        found["question_refused"] = scene.state == "refused"
        found["question_told"] = not (noted or hands or scene.state == "refused")
        found["reason"] = has("reason", folded) >= 0
    data = bool(given.things & listed("data_wanted"))
    found["figures"] = data and (gives_number(folded) or any(word.isdigit() for word in folded))
    found["schools_named"] = data and bool(said.schools)
    found["unsaid"] = scene.state is None and not (asked or data)
    found["unsaid_data"] = scene.state is None and data and not asked
    found["complied"] = bool({"complied", "compliance"} & set(folded)) and given.states.get(
        said.message.person) == "acknowledged"
    found["peers"] = 1 - 1 / (1 + peers)


def papers(said: Said) -> frozenset[str]:
    """Words for what is handed in by such a message."""
    return listed("papers") if said.message.kind == "document" else listed("pictures")


def nothing(scene: Scene) -> Ties:
    """What speaks for a message's answering no order."""
    said, folded = scene.said, scene.said.text.words
    question = any(one.question for one in said.text.sentences)
    told = {one.told for one in scene.candidates}
    live = [one for one in scene.candidates if one.told in ("mine", "class")]
    found: Ties = {
        "none": 1.0,
        "none_question": question and not notes(said),
        "none_asks_back": not question and bool(set(folded) & words("ask_back"))
        and len(folded) < 25,
        "none_seeks": has("asks_back", folded) >= 0,
        "none_requests": has("requests", folded) >= 0,
        "none_asks_others": _asks_others(said),
        "none_unsaid": scene.state is None,
        "none_trouble": scene.state is None and bool(set(folded) & words("trouble")),
        "none_notes": notes(said),
        "none_state": scene.state in ("done", "in_progress"),
        "none_refused": scene.state == "refused",
        "none_quotes": bool(said.message.quote) and not any(
            one.given.message == said.message.quote for one in scene.candidates),
        "none_bare_paper": said.message.kind in PAPERS and not folded,
        "none_paper": said.message.kind in PAPERS and bool(folded),
        "none_report": len(said.schools) == 1 and any(word.isdigit() for word in folded)
        and len(folded) > 15,
        "none_visit": scene.visit,
        "none_class": bool(live) and "mine" not in told,
        "none_stranger": not live,
        "none_alone": said.message.thread == said.message.id,
        "none_senior": said.sender is not None and said.sender.rank <= 3,
        "none_all_answered": bool(live) and all(
            one.given.states.get(said.message.person) in ("done", "refused") for one in live),
        "none_thanks": bool({"thanks", "thank", "shukria", "شکریہ"} & set(folded)),
        "none_long": len(folded) > 40,
        "none_goes_on": _last_answer(scene) is not None,
        "none_more": said.message.kind in PAPERS and not folded
        and _last_answer(scene) is not None,
    }
    return {name: float(value) for name, value in found.items() if value}


def _asks_others(said: Said) -> bool:
    """`DEO Hub sb mujhe format bhej dein plz`: a request to somebody, no answer."""
    return any(one.kind in ("post", "person") and one.start <= 2 for one in said.named) and bool(
        set(said.text.words) & {"mujhe", "plz", "please", "pl", "kindly", "مجھے"})
