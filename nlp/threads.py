"""Which conversation of a group each message belongs to, decided once, when it arrives.

Matrix fixes a thread when an event is sent (client-server API, "Threading"), so nothing here looks
ahead or changes its mind. A quote decides by itself. An unquoted message goes where the ties of
ties.py, weighed by threads.json, make it sure enough; otherwise it stays on its own.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nlp import ties, told
from nlp.conversation import Conversation, Entry
from nlp.people import People
from nlp.phrases import data
from nlp.reading import Message, Reading, read

WINDOW = 400  # messages of a group that are kept in mind
CANDIDATES = 48  # messages that a new one is held against
RECENT = 16  # of them, by time alone
OWN = 4  # the sender's own last
ASKING = 6  # those that ask the sender
COMMON = 8  # a word that more messages have finds no candidate
REASONS = 6
NAME = 0.3  # how telling a name of one of the group is, as a word
SPREAD = 24  # messages that name a district, among which it is told how many threads do
BUSY = 8  # messages by which it is told whether many matters are spoken of at once
CAPTION_MS = 6 * 60_000
NO_PLACE = frozenset({"system", "deleted", "notice", "gap", "deletion", "reaction", "vote", "pin"})


@dataclass(frozen=True)
class Reason:
    """One thing that led to a placement: its name, how it is told, and what it weighed (natural
    logarithm of odds; below zero it spoke against)."""

    name: str
    text: str
    weight: float


class Choice(NamedTuple):
    """A thread to go to, by way of one of its messages, with the ties to that."""

    root: str
    ties: dict[str, float]


@dataclass(frozen=True)
class Placement:
    """Where a message goes. `root` is the first message of its thread; the message's own id when it
    begins one or stays alone; None when it belongs to no thread at all (greetings, system lines).
    `suggested`: the likeliest thread when it was not sure enough to be placed."""

    root: str | None
    confidence: float
    reasons: tuple[Reason, ...]
    quoted: bool = False
    suggested: str | None = None


class Threads:
    """The conversations of one group. Bounded: the last WINDOW to 1¼ WINDOW messages are kept."""

    def __init__(self, window: int = WINDOW, weights: Mapping[str, float] | None = None,
                 sure: float | None = None) -> None:
        """`weights`, `sure`: instead of those of threads.json."""
        learned = data("threads.json")
        self.people = People()
        self._window = max(1, window)
        self._weights = learned["weights"] if weights is None else weights
        self._sure = learned["sure"] if sure is None else sure
        self._entries: dict[str, Entry] = {}  # by message, in order of arrival
        self._loose: dict[str, None] = {}  # messages without a thread, in order
        self._talks: dict[str, Conversation] = {}  # by root
        self._order: list[Entry] = []  # those in a thread, in order of arrival
        self._by_key: dict[str, list[Entry]] = {}  # word, code, sender, who is asked -> entries
        self._count = 0

    def know(self, sender: str, names: Iterable[str]) -> None:
        """What names a sender from now on: the WhatsApp name, `POST Place`, the directory's name.
        """
        self.people.know(sender, names)

    def place(self, message: Message, quoted_root: str | None = None) -> Placement:
        """Where the next message of the group goes. `quoted_root`: the root of what it quotes, for
        one that quotes a message from before the window."""
        reading = read(message)
        if message.id in self._entries:  # told twice
            return Placement(self._entries[message.id].root, 1.0, (), True)
        named = self.people.named(reading)
        placement = self._by_quote(message, quoted_root) or self._by_ties(reading, named)
        self._keep(reading, named, placement.root, placement.quoted)
        return placement

    def remember(self, message: Message, root: str | None, quoted: bool = False) -> None:
        """A message whose place is known already: for filling the window from the archive."""
        if message.id not in self._entries:
            reading = read(message)
            self._keep(reading, self.people.named(reading), root, quoted)

    def correct(self, message_id: str, root: str | None) -> bool:
        """Somebody says where a message belongs (None: alone). From now on its words, its sender
        and whom it asks count there, and what quotes it goes there. False when it is not within
        the window."""
        entry = self._entries.get(message_id)
        if entry is None:
            return False
        root = self._root_of(root) if root is not None else message_id
        self._entries[message_id] = Entry(entry.reading, entry.named, root, True, entry.number)
        self._loose.pop(message_id, None)
        self._build()
        return True

    def react(self, message_id: str, sender: str) -> None:
        """Somebody reacted to a message: a sign that they follow its thread."""
        entry = self._entries.get(message_id)
        if entry and entry.root in self._talks:
            self._talks[entry.root].reacted.add(sender)

    def state(self) -> dict[str, Any]:
        """All of it as JSON values; `restore` makes the same again."""
        return {
            "window": self._window, "count": self._count,
            "people": {sender: list(texts) for sender, texts in self.people.texts.items()},
            "reacted": {root: sorted(talk.reacted) for root, talk in self._talks.items()
                        if talk.reacted},
            "messages": [
                {"message": asdict(entry.reading.message), "root": entry.root,
                 "named": entry.named, "quoted": entry.quoted, "number": entry.number,
                 "loose": message_id in self._loose}
                for message_id, entry in self._entries.items()],
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], weights: Mapping[str, float] | None = None,
                sure: float | None = None) -> Threads:
        """The threads that `state` describes."""
        threads = cls(state["window"], weights, sure)
        for sender, names in state["people"].items():
            threads.know(sender, names)
        for row in state["messages"]:
            said = {**row["message"], "mentions": tuple(row["message"]["mentions"])}
            entry = Entry(read(Message(**said)), dict(row["named"]), row["root"], row["quoted"],
                          row["number"])
            threads._entries[said["id"]] = entry
            if row["loose"]:
                threads._loose[said["id"]] = None
        threads._count = state["count"]
        threads._build()
        for root, senders in state["reacted"].items():
            if root in threads._talks:
                threads._talks[root].reacted.update(senders)
        return threads

    # how it is decided

    def _root_of(self, message_id: str) -> str:
        entry = self._entries.get(message_id)
        return entry.root if entry else message_id

    def _by_quote(self, message: Message, quoted_root: str | None) -> Placement | None:
        if message.reply_to is None or message.reply_to == message.id:
            return None
        entry = self._entries.get(message.reply_to)
        root = entry.root if entry else quoted_root
        if root is None:
            return None
        return Placement(root, 1.0, (Reason("quote", "it quotes a message of this thread", 0.0),),
                         True)

    def _by_ties(self, reading: Reading, named: dict[str, float]) -> Placement:
        own = reading.message.id
        if reading.message.kind in NO_PLACE:
            return Placement(None, 1.0, (Reason("kind", "a line of WhatsApp's own", 0.0),))
        if "greets" in reading.manner:
            return Placement(None, 1.0, (Reason("greets", "a greeting to all", 0.0),))
        choices = self.choices(reading, named)
        scores = [self._score(choice.ties) for choice in choices]
        chances = self._chances(choices, scores)
        best = max(chances, key=lambda root: chances[root])
        why = max((n for n, choice in enumerate(choices) if choice.root == best),
                  key=lambda n: scores[n])
        reasons = self._reasons(choices, why)
        if best != own and chances[best] < self._sure:
            return Placement(own, 1 - chances[best], reasons, False, best)
        return Placement(best, chances[best], reasons)

    def choices(self, reading: Reading, named: dict[str, float]) -> list[Choice]:
        """Every earlier message that this one may go on from, and (last) its own beginning."""
        scene, candidates = self._scene(reading, named)
        found = [Choice(entry.root, ties.towards(scene, entry, self._talks[entry.root]))
                 for entry in candidates]
        found.append(Choice(reading.message.id, ties.alone(scene)))
        return found

    def _score(self, found: Mapping[str, float]) -> float:
        weights = self._weights
        return sum(weights.get(name, 0.0) * value for name, value in found.items())

    @staticmethod
    def _chances(choices: list[Choice], scores: list[float]) -> dict[str, float]:
        """Each thread's probability: softmax over the threads, each by its best message. (Summed
        over their messages, long threads would draw everything to themselves.)"""
        top = max(scores)
        powers: dict[str, float] = {}
        for choice, score in zip(choices, scores, strict=True):
            powers[choice.root] = max(powers.get(choice.root, 0.0), math.exp(score - top))
        total = sum(powers.values())
        return {root: power / total for root, power in powers.items()}

    def _reasons(self, choices: list[Choice], best: int) -> tuple[Reason, ...]:
        """What decided: the ties of the best choice, those first in which it differs most from the
        other threads' choices."""
        root, _ = choices[best]
        others = [self._weighed(choice) for choice in choices[:-1] if choice.root != root]
        ranked = []
        for name, weight in self._weighed(choices[best]).items():
            usual = sum(other.get(name, 0.0) for other in others) / max(1, len(others))
            ranked.append((-abs(weight - usual), name, round(weight, 2)))
        return tuple(Reason(name, told.told(name), weight)
                     for _, name, weight in sorted(ranked)[:REASONS])

    def _weighed(self, choice: Choice) -> dict[str, float]:
        """What each tie weighs; what it weighs besides for this kind of message is added to it."""
        found: dict[str, float] = {}
        for name, value in choice.ties.items():
            plain = name.rpartition(" ")[2] if " " in name else name
            found[plain] = found.get(plain, 0.0) + self._weights.get(name, 0.0) * value
        return found

    def _scene(self, reading: Reading,
               named: dict[str, float]) -> tuple[ties.Scene, list[Entry]]:
        """The group as this message finds it, and the messages that it may go on from."""
        sender = reading.message.sender
        asking = [entry for entry in self._asking(sender)
                  if self._talks[entry.root].answered.get(sender, 0) < entry.number]
        chosen = {entry.number: entry for entry in self._order[-RECENT:]}
        spoken = self._by_key.get("@" + sender, ())
        roots = dict.fromkeys(entry.root for entry in (*asking[-ASKING:], *spoken[-2 * OWN:]))
        for entry in (*asking[-ASKING:], *spoken[-OWN:],
                      *(self._talks[root].last for root in roots)):
            chosen[entry.number] = entry
        for key in self._keys(reading):
            holders = self._by_key.get(key, ())
            if len(holders) <= COMMON:
                chosen.update((entry.number, entry) for entry in holders)
        candidates = [chosen[number] for number in sorted(chosen)[-CANDIDATES:]]
        holders = {word: len({entry.root for entry in self._by_key.get("w" + word, ())[-COMMON:]})
                   for word in reading.words}
        mine = self._by_key.get("@" + sender)
        telling = self._telling(reading)
        scene = ties.Scene(
            reading, named, self.people, self._count + 1,
            self._order[-1] if self._order else None, mine[-1] if mine else None,
            telling, holders, frozenset(entry.root for entry in asking),
            {name: len({entry.root for entry in self._by_key.get("d" + name, ())[-SPREAD:]})
             for name in (*reading.districts, *self.people.districts(sender))},
            len({entry.root for entry in self._order[-BUSY:]}) / BUSY,
            self._captions(mine[-1], reading) if mine else False, self._overlap(telling))
        return scene, candidates

    def _captions(self, own: Entry, reading: Reading) -> bool:
        """Whether words now are for the picture or file that their sender sent just before."""
        talk = self._talks[own.root]
        return own.reading.bare and reading.message.sent_at - own.at <= CAPTION_MS \
            and len(talk.spoke) == 1 and not talk.words

    def _asking(self, sender: str) -> list[Entry]:
        """Messages that ask a sender, by name or with all who hold the post, in order."""
        found = [*self._by_key.get(">" + sender, ())]
        for post in self.people.holds(sender):
            found += [entry for entry in self._by_key.get("*" + post, ())[-ASKING:]
                      if entry.sender != sender]
        return sorted(found[-4 * ASKING:], key=lambda entry: entry.number)

    def _telling(self, reading: Reading) -> dict[str, float]:
        """How telling each word is: one that few messages have says more, a name of one of the
        group less: he may be spoken to in any matter."""
        bound = math.log(len(self._order) + 50)
        return {word: max(0.05, 1 - math.log(1 + len(self._by_key.get("w" + word, ()))) / bound)
                * (NAME if self.people.is_name(word) else 1) for word in reading.words}

    def _overlap(self, telling: Mapping[str, float]) -> dict[str, float]:
        """How much of a message's words each thread has; a word of many threads says less."""
        found: dict[str, float] = {}
        for word, weight in telling.items():
            roots = {entry.root for entry in self._by_key.get("w" + word, ())[-COMMON:]}
            for root in roots:
                found[root] = found.get(root, 0.0) + weight / len(roots)
        return found

    # what is kept

    @staticmethod
    def _keys(reading: Reading) -> list[str]:
        return ["w" + word for word in reading.words] + ["c" + code for code in reading.codes] \
            + ["s" + word for word in reading.schools]

    def _keep(self, reading: Reading, named: dict[str, float], root: str | None,
              quoted: bool) -> None:
        self._count += 1
        own = reading.message.id
        entry = Entry(reading, named, own if root is None else root, quoted, self._count)
        self._entries[own] = entry
        if root is None:
            self._loose[own] = None
        else:
            self._join(entry)
        if len(self._entries) > self._window + max(1, self._window // 4):
            for old in list(self._entries)[:len(self._entries) - self._window]:
                del self._entries[old]
                self._loose.pop(old, None)
            self._build()

    def _join(self, entry: Entry) -> None:
        self._talks.setdefault(entry.root, Conversation(entry.root)).add(entry)
        self._order.append(entry)
        reading = entry.reading
        keys = [*self._keys(reading), "@" + entry.sender, *(">" + one for one in entry.named),
                *("*" + post for post in reading.everyone),
                *("d" + name for name in reading.districts)]
        for key in keys:
            self._by_key.setdefault(key, []).append(entry)

    def _build(self) -> None:
        """Everything anew from the entries: they alone decide what is known."""
        reacted = {root: talk.reacted for root, talk in self._talks.items() if talk.reacted}
        self._talks, self._order, self._by_key = {}, [], {}
        for message_id, entry in self._entries.items():
            if message_id not in self._loose:
                self._join(entry)
        for root, senders in reacted.items():
            if root in self._talks:
                self._talks[root].reacted = senders
