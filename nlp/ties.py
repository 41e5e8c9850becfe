"""What ties a message to an earlier one and to its conversation, and what speaks for a new one:
named features with a value from 0 to 1, each of which can be told to a person. What each weighs is
data: threads.json."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nlp.conversation import Conversation, Entry
from nlp.people import People
from nlp.reading import Reading

MINUTE = 60_000
HOUR = 60 * MINUTE
HEADING = 8  # words: a message that names a school and says little more

# Name of a tie -> how it is told; "it" is the message to be placed, "that" the earlier one.
TIES = {
    "previous": "that is the message just before it",
    "previous_2min": "that came just before it, within two minutes",
    "end": "that is the latest of its thread",
    "near": "few messages lie between",
    "minutes": "little time lies between",
    "hours": "not many hours lie between",
    "stale": "much time lies between",
    "root": "that began its thread",
    "same_sender": "both are from the same sender",
    "goes_on": "the same sender goes on",
    "goes_on_2min": "the same sender goes on within two minutes",
    "sender_last": "that is what the sender said last",
    "own_5min": "the sender spoke there within five minutes",
    "elsewhere_5min": "the sender spoke in another thread within five minutes",
    "sender_here": "the sender has spoken in that thread",
    "stranger": "the sender has not spoken there, and nobody asked",
    "asked": "that asks the sender",
    "asked_now": "that asked the sender within the half hour",
    "asked_today": "that asked the sender within some hours",
    "asked_before": "that asked the sender, who has answered",
    "asked_all": "that asks all who hold the sender's post",
    "asked_all_now": "that asked all who hold the sender's post within the half hour",
    "asked_all_today": "that asked all who hold the sender's post within some hours",
    "asked_all_before": "that asked all who hold the sender's post; the sender has answered",
    "asked_words": "that asks the sender, and the words fit",
    "asked_elsewhere": "another message asks the sender",
    "asks_other": "that asks somebody else",
    "turn": "the sender spoke there before, and that came next",
    "waiting": "nobody has answered that yet",
    "closed": "that thread ended with thanks or an acknowledgement",
    "delivers": "what that asked for is handed in",
    "ack_asked": "an acknowledgement by whom that asked",
    "ack_previous": "an acknowledgement of the message just before it",
    "ack_other": "an acknowledgement, but that asks the sender nothing",
    "names_sender": "it names whoever sent that",
    "names_speaker": "it names somebody who spoke in that thread",
    "names_same": "both name the same person or post",
    "names_others": "it names people, none of that thread",
    "answers_question": "it follows the question in that",
    "asks_on": "it is a question about that",
    "code": "the same code or number",
    "school": "the same school",
    "school_there": "a school of that thread",
    "other_school": "another school",
    "district": "the same district",
    "own_district": "the same district, the sender's own",
    "other_district": "another district",
    "sender_district": "that speaks of the sender's district",
    "not_sender_district": "that speaks of other districts than the sender's",
    "words": "words in common",
    "own_words": "words in common that no other thread has",
    "two_words": "two or more telling words in common",
    "thread_words": "words in common with that thread",
    "words_elsewhere": "another thread has more of its words",
    "no_words": "it has words of its own, none of that thread",
    "other_matter": "other words than that thread's, and nobody asked",
    "opens_stranger": "it opens as if it began something, by somebody new there",
    "new_turn": "the same sender, but in other words, as if beginning something",
    "caption": "words for the picture or file that the same sender just sent",
    "heading": "the same sender just named the school, and no more",
    "more_media": "one more picture or file from the same sender",
    "media_after_words": "a picture or file for what the same sender just said",
    "bare_cold": "a picture or file by somebody who neither was asked nor spoke just before",
    "bare_stranger": "a picture or file by somebody who has not spoken there",
    "thanks": "thanks to whoever sent that",
    "condolence": "condolences after sad news",
    "honour": "it says madam, as fits whoever sent that",
    "wrong_honour": "it says madam or sir, which fits nobody in that thread",
    "likewise": "the same is said of another place",
    "opens_here": "it opens as if it began something",
    "all_here": "it asks all who hold a post, as if it began something",
    "forwarded_here": "it is forwarded",
    "report_here": "it reports on a school that is new there",
    "school_first": "it begins with a school that is new there",
    "reacted": "the sender reacted to a message of that thread",
}
ALONE = {
    "alone": "a message stands alone unless something ties it",
    "alone_opens": "it opens as if it began something",
    "alone_all": "it asks all who hold a post",
    "alone_forwarded": "it is forwarded",
    "alone_report": "it reports on a school",
    "alone_school_first": "it begins with a school",
    "alone_long": "it is long",
    "alone_short": "it is short",
    "alone_ack": "it acknowledges something",
    "alone_bare": "it is a picture or file without words",
    "alone_follows": "the sender spoke just before",
    "alone_caption": "the sender just sent a picture",
    "alone_asked": "the sender was asked somewhere",
    "alone_new_words": "its words are new",
    "alone_pause": "the group had been silent",
    "alone_question": "it is a question",
    "alone_new_sender": "the sender has not spoken lately",
}


@dataclass(frozen=True)
class Scene:
    """The group as a message finds it."""

    reading: Reading
    named: Mapping[str, float]
    people: People
    number: int  # of the message in its group
    previous: Entry | None  # the group's last message
    own: Entry | None  # the sender's last message
    weights: Mapping[str, float]  # content word of the message -> how telling (0..1)
    holders: Mapping[str, int]  # content word of the message -> threads that have it
    asked: frozenset[str]  # roots of threads that wait for the sender
    overlap: Mapping[str, float]  # root -> how much of the message's words its thread has

    @property
    def sender(self) -> str:
        return self.reading.message.sender

    def since(self, entry: Entry) -> int:
        """Milliseconds from an earlier message to this one."""
        return max(0, self.reading.message.sent_at - entry.at)

    def elsewhere(self, root: str) -> float:
        """By how much any other thread has more of the message's words than this one."""
        others = max((value for other, value in self.overlap.items() if other != root),
                     default=0.0)
        return max(0.0, others - self.overlap.get(root, 0.0))


def towards(scene: Scene, that: Entry, talk: Conversation) -> dict[str, float]:
    """What ties the scene's message to an earlier one of a conversation, or keeps it away."""
    ties: dict[str, float] = {}
    _time(scene, that, talk, ties)
    asked = _asked(scene, that, talk, ties)
    _sender(scene, that, talk, ties, asked)
    _named(scene, that, talk, ties)
    _matter(scene, that, talk, ties)
    _words(scene, that, talk, ties, asked)
    _manner(scene, that, talk, ties)
    return {name: float(value) for name, value in ties.items() if value}


def _time(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    gap = scene.since(that)
    ties["previous"] = that is scene.previous
    ties["previous_2min"] = that is scene.previous and gap <= 2 * MINUTE
    ties["end"] = that is talk.last
    ties["near"] = 1 / max(1, scene.number - that.number)
    ties["minutes"] = 1 / (1 + gap / (5 * MINUTE))
    ties["hours"] = 1 / (1 + gap / (3 * HOUR))
    ties["stale"] = min(1.0, gap / (72 * HOUR))
    ties["root"] = that is talk.first


def _asked(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> float:
    """Whether that asks the sender, by name or with all of a post; how surely."""
    answered = talk.answered.get(scene.sender, 0) > that.number
    soon = scene.since(that) <= 30 * MINUTE
    asked = that.named.get(scene.sender, 0.0)
    if asked:
        ties["asked_before" if answered else "asked"] = asked
        ties["asked_now"] = asked * soon
        ties["asked_today"] = 0.0 if answered else asked / (1 + scene.since(that) / (6 * HOUR))
    elif that.reading.everyone and that.sender != scene.sender \
            and that.reading.everyone & scene.people.holds(scene.sender):
        asked = 1.0
        ties["asked_all_before" if answered else "asked_all"] = 1.0
        ties["asked_all_now"] = soon
        ties["asked_all_today"] = 0.0 if answered else 1 / (1 + scene.since(that) / (6 * HOUR))
    if asked:
        handed = {"media", "delivers"}
        if "asked_all" in ties:  # a bare picture may be anything, a list is what all were asked for
            handed = {"delivers"} if scene.reading.bare else {"media", "delivers", "list"}
        ties["delivers"] = asked * bool(scene.reading.manner & handed)
    else:
        ties["asked_elsewhere"] = bool(scene.asked) and talk.root not in scene.asked
        ties["asks_other"] = bool(that.named) and max(that.named.values()) > 0.7 \
            and that.sender != scene.sender and scene.sender not in talk.spoke
    if "acknowledges" in scene.reading.manner:
        ties["ack_asked"] = asked
        ties["ack_previous"] = that is scene.previous and that.sender != scene.sender
        ties["ack_other"] = not asked
    return asked


def _sender(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float],
            asked: float) -> None:
    gap, here = scene.since(that), scene.sender in talk.spoke
    if that.sender == scene.sender:
        ties["same_sender"] = 1.0
        ties["goes_on"] = (that is talk.last) / (1 + gap / (5 * MINUTE))
        ties["goes_on_2min"] = that is scene.previous and gap <= 2 * MINUTE
        ties["sender_last"] = that is scene.own
    recent = scene.own is not None and scene.since(scene.own) <= 5 * MINUTE
    if recent:
        ties["own_5min"] = that is scene.own
        ties["elsewhere_5min"] = scene.own.root != talk.root
    ties["bare_cold"] = scene.reading.bare and not recent and not asked
    ties["sender_here"] = here
    stranger = not here and not asked and talk.root not in scene.asked
    ties["stranger"] = stranger
    ties["bare_stranger"] = stranger and scene.reading.bare
    ties["reacted"] = scene.sender in talk.reacted
    if that is talk.last:
        if that.sender != scene.sender:
            ties["turn"] = here / (1 + gap / (15 * MINUTE))
        if that is talk.first and that.sender != scene.sender:
            ties["waiting"] = 1 / (1 + gap / HOUR)
        ties["closed"] = not that.reading.manner.isdisjoint({"acknowledges", "thanks"}) \
            and "question" not in that.reading.manner


def _named(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    loose = scene.reading.loose
    if not scene.named and not loose:
        return
    named = scene.named.get(that.sender, 0.0)
    if loose and named < 0.8 and that.sender != scene.sender \
            and loose & scene.people.holds(that.sender):
        named = 0.8  # `AC sb`, and that is from an AC
    ties["names_sender"] = named
    spoke = max((sure for person, sure in scene.named.items() if person in talk.spoke), default=0.0)
    ties["names_speaker"] = spoke
    same = max((min(sure, that.named[person]) for person, sure in scene.named.items()
                if person in that.named), default=0.0)
    ties["names_same"] = same
    ties["names_others"] = bool(scene.named) and not spoke and not same and not named


def _matter(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    reading, other = scene.reading, that.reading
    for_all = "asked_all" in ties  # each answers for a school or district of its own
    code = bool(reading.codes & other.codes) and "list" not in other.manner
    school = not reading.schools.isdisjoint(other.schools) and "list" not in other.manner
    there = not talk.schools.isdisjoint(reading.schools) or not talk.schools.isdisjoint(
        reading.words) or not talk.codes.isdisjoint(reading.codes)
    ties["code"], ties["school"], ties["school_there"] = code, school, there
    if reading.schools and not there and not code and not for_all:
        ties["other_school"] = bool(talk.schools or talk.codes)
        ties["report_here"] = "report" in reading.manner
        ties["school_first"] = "school_first" in reading.manner
    if reading.districts and other.districts:
        shared = reading.districts & other.districts
        common = bool(shared)
        ties["district"] = not shared <= scene.people.districts(scene.sender)
        ties["own_district"] = common and not ties["district"]
        ties["other_district"] = not common and not for_all
    elif reading.districts and talk.districts and not for_all:
        ties["other_district"] = not any(one in talk.districts for one in reading.districts)
    own = scene.people.districts(scene.sender)
    if own and other.districts and that.sender != scene.sender:
        fits = not own.isdisjoint(other.districts)
        ties["sender_district"] = fits
        ties["not_sender_district"] = not fits and not for_all


def _words(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float],
           asked: float) -> None:
    if not scene.weights:
        return
    common = own = there = 0.0
    telling = 0
    words = that.reading.words
    for word, weight in scene.weights.items():
        if word in words:
            common += weight
            own += weight / max(1, scene.holders[word]) ** 2
            telling += weight > 0.5
        elif word in talk.words:
            there += weight
    size = (len(scene.weights) * (1 + len(words))) ** 0.25
    ties["words"], ties["own_words"] = common / (common + size), own / (own + 1)
    ties["two_words"] = telling > 1
    ties["thread_words"] = there / (there + size * 2)
    ties["words_elsewhere"] = 1 - 1 / (1 + scene.elsewhere(talk.root))
    if asked:
        ties["asked_words"] = asked * bool(common)
    if not common and not there:
        ties["no_words"] = min(1.0, len(scene.weights) / 6)
        if len(scene.weights) > 3:
            ties["other_matter"] = min(1.0, len(scene.weights) / 8) * ties.get("stranger", 0.0)
            ties["opens_stranger"] = "opens" in scene.reading.manner and ties.get("stranger", 0.0)
            ties["new_turn"] = "opens" in scene.reading.manner and that.sender == scene.sender


def _manner(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    reading, other, gap = scene.reading, that.reading, scene.since(that)
    manner = reading.manner
    if that.sender == scene.sender:
        if gap <= 6 * MINUTE and scene.number - that.number <= 6:
            ties["heading"] = bool(other.schools or other.codes) and other.size <= HEADING \
                and not reading.bare and not reading.schools and not reading.codes
            ties["caption"] = other.bare and not reading.bare
            ties["more_media"] = other.bare and "media" in manner
            ties["media_after_words"] = "media" in manner and not other.bare
    else:
        if "question" in other.manner and "question" not in manner:
            ties["answers_question"] = 1 / (1 + gap / (10 * MINUTE))
        if "question" in manner and "question" not in other.manner and len(scene.weights) < 4:
            ties["asks_on"] = 1 / (1 + gap / (10 * MINUTE))
        if "thanks" in manner:
            ties["thanks"] = 1 / (1 + gap / (10 * MINUTE))
        if "condoles" in manner:
            ties["condolence"] = bool(other.manner & {"condoles", "mourns"})
        _honour(scene, that, talk, ties)
    if "likewise" in manner and "likewise" not in other.manner:
        ties["likewise"] = 1 / (1 + gap / (10 * MINUTE))
    ties["opens_here"] = "opens" in manner
    ties["all_here"] = "everyone" in manner
    ties["forwarded_here"] = "forwarded" in manner


def _honour(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    madam, sir = "madam" in scene.reading.manner, "sir" in scene.reading.manner
    madams = scene.people.madams
    if madam == sir or not madams:
        return
    ties["honour"] = madam and that.sender in madams
    others = [person for person in talk.spoke if person != scene.sender]
    ties["wrong_honour"] = bool(others) and not any(
        (person in madams) == madam for person in others)


def alone(scene: Scene) -> dict[str, float]:
    """What speaks for a thread of the message's own."""
    reading, manner = scene.reading, scene.reading.manner
    follows = scene.own is not None and scene.since(scene.own) <= 5 * MINUTE
    pause = min(1.0, scene.since(scene.previous) / (6 * HOUR)) if scene.previous else 0.0
    new = sum(weight for word, weight in scene.weights.items() if not scene.holders[word])
    ties = {
        "alone": 1.0, "alone_opens": "opens" in manner, "alone_all": "everyone" in manner,
        "alone_forwarded": "forwarded" in manner, "alone_report": "report" in manner,
        "alone_school_first": "school_first" in manner, "alone_long": "long" in manner,
        "alone_short": "short" in manner,
        "alone_ack": "acknowledges" in manner, "alone_bare": reading.bare,
        "alone_follows": follows,
        "alone_caption": follows and scene.own.reading.bare and not reading.bare,
        "alone_asked": bool(scene.asked), "alone_pause": pause,
        "alone_new_words": min(1.0, new / 6), "alone_question": "question" in manner,
        "alone_new_sender": scene.own is None,
    }
    return {name: float(value) for name, value in ties.items() if value}
