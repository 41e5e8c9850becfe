"""What ties a message to an earlier one and to its conversation, and what speaks for a new one:
named features with a value from 0 to 1, each of which can be told to a person. What each weighs is
data: threads.json."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nlp.conversation import Conversation, Entry
from nlp.people import People
from nlp.reading import Reading
from nlp.told import BY_KIND

MINUTE = 60_000
HOUR = 60 * MINUTE
# What would speak against a message's joining a thread, but not against a picture's own caption.
OF_THE_CAPTION = ("school_first", "report_here", "no_words", "words_elsewhere", "names_others",
                  "other_matter", "opens_here", "forwarded_here", "new_turn", "all_here")
WRITING_MS = 200  # a character: hardly anybody types faster on a phone
HEADING = 8  # words: a message that names a school and says little more

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
    spread: Mapping[str, int]  # district -> how many of the recent threads name it
    busy: float  # of the last messages, the share that are in threads of their own (0..1)
    captions: bool  # the sender just sent a picture or file that stands alone so far
    overlap: Mapping[str, float]  # root -> how much of the message's words its thread has

    @property
    def sender(self) -> str:
        return self.reading.message.sender

    def since(self, entry: Entry) -> int:
        """Milliseconds from an earlier message to this one."""
        return max(0, self.reading.message.sent_at - entry.at)

    def telling_of(self, districts: frozenset[str]) -> float:
        """How telling it is that a message names these districts: one that every thread of the
        group names says little."""
        return max((1 / max(1, self.spread.get(one, 0)) ** 0.5 for one in districts), default=0.0)

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
    _rank(scene, that, talk, ties)
    _peers(scene, that, talk, ties)
    _manner(scene, that, talk, ties)
    if "caption_alone" in ties:
        for name in OF_THE_CAPTION:
            ties.pop(name, None)
    found = {name: float(value) for name, value in ties.items() if value}
    if scene.reading.kind:
        found.update({f"{scene.reading.kind} {name}": found[name] for name in BY_KIND
                      if name in found})
    return found


def _time(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    gap = scene.since(that)
    unread = _unread(scene, that, gap)  # that they follow one another says nothing then
    ties["previous"] = that is scene.previous and not unread
    ties["previous_2min"] = ties["previous"] and gap <= 2 * MINUTE
    ties["end"] = that is talk.last
    ties["near"] = 0.0 if unread else 1 / max(1, scene.number - that.number)
    ties["minutes"] = 0.0 if unread else 1 / (1 + gap / (5 * MINUTE))
    ties["hours"] = 1 / (1 + gap / (3 * HOUR))
    ties["stale"] = min(1.0, gap / (72 * HOUR))
    ties["root"] = that is talk.first
    ties["near_busy"], ties["minutes_busy"] = (
        ties["near"] * scene.busy, ties["minutes"] * scene.busy)


def _unread(scene: Scene, that: Entry, gap: int) -> bool:
    """Whether that came while the sender was writing: two who write at once do not answer one
    another. Where times are whole minutes (exports, corpora) it cannot be told."""
    fine = scene.reading.message.sent_at % MINUTE or that.at % MINUTE
    return bool(fine) and that.sender != scene.sender \
        and gap < WRITING_MS * len(scene.reading.message.text)


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
            handed = {"document"} if scene.reading.bare else {
                "media", "delivers", "list", "place_first", "figures"}
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
        ties["closed"] = _closes(that)
        ties["pair_done"] = stranger and len(talk.entries) > 1 \
            and "question" not in that.reading.manner \
            and "question" in talk.entries[-2].reading.manner \
            and talk.entries[-2].sender != that.sender


def _closes(that: Entry) -> bool:
    return not that.reading.manner.isdisjoint({"acknowledges", "thanks"}) \
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
        strange = not shared <= scene.people.districts(scene.sender)
        ties["district"] = strange * scene.telling_of(shared) * (
            len(shared) / len(reading.districts))
        ties["own_district"] = common and not strange
        ties["other_district"] = not common and not for_all
    elif reading.districts and talk.districts and not for_all:
        ties["other_district"] = not any(one in talk.districts for one in reading.districts)
    own = scene.people.districts(scene.sender)
    if own and other.districts and that.sender != scene.sender:
        fits = not own.isdisjoint(other.districts)
        ties["sender_district"] = fits * scene.telling_of(own & other.districts)
        ties["sender_district_now"] = ties["sender_district"] / (1 + scene.since(that) / (2 * HOUR))
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
        ties["asked_words"] = asked * common / (common + 1)
    if not common and not there:
        ties["no_words"] = min(1.0, len(scene.weights) / 6)
        if len(scene.weights) > 3:
            ties["other_matter"] = min(1.0, len(scene.weights) / 8) * ties.get("stranger", 0.0)
            ties["opens_stranger"] = "opens" in scene.reading.manner and ties.get("stranger", 0.0)
            ties["new_turn"] = "opens" in scene.reading.manner and that.sender == scene.sender


def _rank(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    mine, other = scene.people.rank(scene.sender), scene.people.rank(that.sender)
    if mine is None or other is None or that.sender == scene.sender:
        return
    if that is talk.last and not scene.reading.bare:
        soon = 1 / (1 + scene.since(that) / HOUR)
        ties["senior_answers"] = soon * (mine < other and not _closes(that))
        ties["junior_answers"] = soon * (mine > other) \
            * bool(that.reading.manner & {"asks", "question"} or that.named)
    ties["peer_stranger"] = bool(ties.get("stranger")) and mine == other


def _peers(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    """Those who hold one post report one after the other, each of a place of his own."""
    reading, other = scene.reading, that.reading
    alike = bool(reading.manner & other.manner & {"place_first", "figures", "document"})
    if that.sender == scene.sender:
        ties["again"] = alike
        ties["same_start"] = bool(reading.start) and reading.start == other.start
        return
    posts = scene.people.holds(scene.sender)
    if posts.isdisjoint(scene.people.holds(that.sender)):
        return
    ties["parallel"] = alike / (1 + scene.since(that) / (24 * HOUR))
    ties["parallel_now"] = alike / (1 + scene.since(that) / (2 * HOUR))
    ties["peers_ack"] = ("acknowledges" in reading.manner and "acknowledges" in other.manner) \
        / (1 + scene.since(that) / HOUR)
    if reading.manner & {"place_first", "figures", "media", "delivers", "acknowledges"}:
        peers = sum(not posts.isdisjoint(scene.people.holds(one)) for one in talk.spoke
                    if one != scene.sender)
        ties["roll_call"] = min(1.0, (peers - 1) / 3)


def _manner(scene: Scene, that: Entry, talk: Conversation, ties: dict[str, float]) -> None:
    reading, other, gap = scene.reading, that.reading, scene.since(that)
    manner = reading.manner
    if that.sender == scene.sender:
        if gap <= 6 * MINUTE and scene.number - that.number <= 6:
            ties["heading"] = bool(other.schools or other.codes) and other.size <= HEADING \
                and not reading.bare and not reading.schools and not reading.codes
            ties["caption"] = other.bare and not reading.bare
            if scene.captions and that is scene.own:
                ties["caption_alone"] = 1.0
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
        "alone_new_sender": scene.own is None, "alone_busy": scene.busy,
    }
    if scene.captions and not reading.bare:
        for name in ("alone_long", "alone_report", "alone_school_first", "alone_new_words"):
            ties.pop(name)
    return {name: float(value) for name, value in ties.items() if value}
