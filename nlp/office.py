"""Who holds which post on a day, who stands above whom, and which district is in which division:
what the readers of orders are told about an office. The directory builds it; nothing here asks."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from archive import fold
from nlp.phrases import data

LOWEST = 99  # rank of a post that nobody has ranked


@dataclass(frozen=True)
class Holder:
    """A person in a post. `place`: a district, a division, an institution or a school; `rank`: 1 is
    the highest; `names`: what people call the holder by (own name, name that WhatsApp shows)."""

    person: str
    post: str
    place: str
    rank: int
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`DEO Sibi`, `Secretary SED`."""
        return f"{self.post} {self.place}".strip()


@cache
def divisions() -> dict[str, tuple[str, ...]]:
    """Division → its districts, as places.json has them."""
    result: dict[str, list[str]] = defaultdict(list)
    for row in data("places.json"):
        result[row["division"]].append(row["district"])
    return {name: tuple(districts) for name, districts in result.items()}


@cache
def _rows() -> dict[str, dict[str, object]]:
    return {row["post"]: row for row in data("posts.json")}


def usual_rank(post: str) -> int:
    """The rank a post has by posts.json; LOWEST when it says none."""
    rank = _rows().get(post, {}).get("rank", LOWEST)
    return int(str(rank))


class Office:
    """The holders of one day. Two holders of one post, posts without a holder: both may be."""

    def __init__(self, holders: Iterable[Holder]):
        self.holders = tuple(holders)
        self._of: dict[str, list[Holder]] = defaultdict(list)
        self._titles: dict[str, list[Holder]] = defaultdict(list)
        self._posts: dict[str, list[Holder]] = defaultdict(list)
        self._named: dict[str, list[Holder]] = defaultdict(list)
        self._classes: dict[str, tuple[str, ...]] = {}  # title of a class -> its posts
        for holder in self.holders:
            self._of[holder.person].append(holder)
            self._titles[holder.title].append(holder)
            self._posts[holder.post].append(holder)
            for word in {word for name in holder.names for word in fold.tokens(name)}:
                self._named[word].append(holder)

    def of(self, person: str) -> Holder | None:
        """The post of a person, the highest of several; None for a stranger."""
        return min(self._of.get(person, ()), key=lambda holder: holder.rank, default=None)

    def posts_of(self, person: str) -> frozenset[str]:
        """All titles that a person holds."""
        return frozenset(holder.title for holder in self._of.get(person, ()))

    def holding(self, title: str) -> tuple[Holder, ...]:
        """Who holds a post such as `DEO Sibi`."""
        return tuple(self._titles.get(title, ()))

    def with_post(self, post: str) -> tuple[Holder, ...]:
        """All who hold a post such as `DEO`, wherever."""
        return tuple(self._posts.get(post, ()))

    def bearing(self, word: str) -> tuple[Holder, ...]:
        """All whose names have a word (folded)."""
        return tuple(self._named.get(word, ()))

    @property
    def posts(self) -> Iterable[str]:
        """The posts that are held."""
        return self._posts.keys()

    @property
    def places(self) -> frozenset[str]:
        """The places of the posts."""
        return frozenset(holder.place for holder in self.holders)

    def rank(self, title: str) -> int:
        """The rank of a title or a class (`All DEOs Makran Division`)."""
        held = self._titles.get(title)
        if held:
            return min(holder.rank for holder in held)
        if title.startswith("All "):
            return max((self._post_rank(post) for post in self.class_posts(title)),
                       default=LOWEST)
        return next((self._post_rank(post) for post in sorted(
            {*self._posts, *_rows()}, key=len, reverse=True) if title.startswith(post)), LOWEST)

    def _post_rank(self, post: str) -> int:
        held = self._posts.get(post)
        return min(holder.rank for holder in held) if held else usual_rank(post)

    def class_posts(self, title: str) -> tuple[str, ...]:
        """The posts of a class: `All DEOs Makran Division` → (`DEO`,); none for `All Officers`."""
        if title not in self._classes:
            found = [post for post in {*self._posts, *_rows()}
                     if title[4:] == plural(post) or title[4:].startswith(plural(post) + " ")]
            self._classes[title] = (max(found, key=len),) if found else ()
        return self._classes[title]

    def includes(self, title: str, holder: Holder) -> bool:
        """Whether a title or a class speaks of a holder."""
        if not title.startswith("All "):
            return title == holder.title
        posts = self.class_posts(title)
        if posts and holder.post not in posts:
            return False
        area = class_area(title)
        return not area or within(holder.place, area)


@cache
def plural(post: str) -> str:
    """`DEO` → `DEOs`, `DOE(F)` → `DOE(F)s`."""
    return post if post in ("Staff", "Officers", "Teachers") else post + "s"


@lru_cache(4096)
def class_area(title: str) -> str:
    """The division, district or institution that bounds a class; "" for everywhere."""
    for division in divisions():
        if title.endswith(f" {division} Division"):
            return f"{division} Division"
    for row in data("places.json"):
        if title.endswith(f" {row['district']}"):
            return str(row["district"])
    return ""


def within(place: str, area: str) -> bool:
    """Whether a post's place lies in an area: itself, or a district of the division."""
    return place == area or place in divisions().get(area.removesuffix(" Division"), ()) \
        or place.endswith(area.removesuffix(" Division"))
