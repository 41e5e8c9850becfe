"""Who is in a group and how they are named: by their own name, by the post that they hold."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from archive import fold
from nlp import places, posts
from nlp.phrases import cue
from nlp.reading import Reading, stem

SHARED = 3  # a name that more people bear points to nobody
NONE: frozenset[str] = frozenset()
LONGEST = 200  # characters of a name that are read


class People:
    """The people of one group, by names and posts."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[str, ...]] = {}
        self._held: dict[str, tuple[posts.Post, ...]] = {}
        self._posts: dict[str, frozenset[str]] = {}
        self._districts: dict[str, frozenset[str]] = {}
        self._ranks: dict[str, int | None] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._by_name: dict[str, set[str]] = {}
        self._by_post: dict[str, set[str]] = {}
        self.madams: set[str] = set()
        self._stems: Counter[str] = Counter()  # of all names, as content words are compared

    def know(self, sender: str, texts: Iterable[str]) -> None:
        """What names this sender from now on: WhatsApp name, `POST Place`, name in the directory.
        """
        known = tuple(text[:LONGEST] for text in texts if text)
        if self.texts.get(sender) == known:
            return
        self._forget(sender)
        self.texts[sender] = known
        names: set[str] = set()
        held: list[posts.Post] = []
        for text in known:
            words = fold.words(text)
            where = places.districts(words, text)
            held += posts.posts(words, text, where)
            taken = {n for place in where for n in range(place.start, place.end)}
            names.update(word.folded for n, word in enumerate(words)
                         if n not in taken and _is_name(word.folded))
            if {word.folded for word in words} & cue("madam"):
                self.madams.add(sender)
        self._held[sender], self._names[sender] = tuple(held), frozenset(names)
        self._posts[sender] = frozenset(post.post for post in held)
        self._districts[sender] = frozenset(post.district for post in held if post.district)
        self._ranks[sender] = min((posts.ranks()[post.post] for post in held), default=None)
        self._stems.update(stem(name) for name in names)
        for name in names:
            self._by_name.setdefault(name, set()).add(sender)
        for post in held:
            self._by_post.setdefault(post.post, set()).add(sender)

    def _forget(self, sender: str) -> None:
        for name in self._names.pop(sender, ()):
            self._by_name[name].discard(sender)
            self._stems[stem(name)] -= 1
        for post in self._held.pop(sender, ()):
            self._by_post[post.post].discard(sender)
        self.madams.discard(sender)

    def holds(self, sender: str) -> frozenset[str]:
        """The posts that a sender holds, without places."""
        return self._posts.get(sender, NONE)

    def rank(self, sender: str) -> int | None:
        """The rank of the highest post that a sender holds, 1 the highest."""
        return self._ranks.get(sender)

    def districts(self, sender: str) -> frozenset[str]:
        """The districts that a sender's posts name."""
        return self._districts.get(sender, NONE)

    def is_name(self, word: str) -> bool:
        """Whether a content word is a name of somebody of the group."""
        return self._stems[word] > 0

    def named(self, reading: Reading) -> dict[str, float]:
        """The senders that a message names or mentions, each with how surely (up to 1)."""
        found = {sender: 1.0 for sender in reading.message.mentions}
        for word in reading.names:
            bearers = self._by_name.get(word)
            if bearers and len(bearers) <= SHARED:
                for sender in bearers:
                    found[sender] = max(found.get(sender, 0.0), 1 / len(bearers))
        for post in reading.posts:
            for sender, sure in self._of_post(post).items():
                found[sender] = max(found.get(sender, 0.0), sure)
        found.pop(reading.message.sender, None)
        return found

    def _of_post(self, post: posts.Post) -> dict[str, float]:
        holders = self._by_post.get(post.post, ())
        if post.everyone:
            return {}
        if post.district is None:
            return {sender: 1 / len(holders) for sender in holders} if len(holders) <= SHARED \
                else {}
        return {sender: 1.0 for sender in holders if any(
            held.post == post.post and held.district == post.district
            for held in self._held[sender])}


def _is_name(word: str) -> bool:
    return len(word) > 2 and not word.isdigit() and word not in cue("titles") \
        and word not in cue("common") and word not in posts.post_words()
