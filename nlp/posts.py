"""Posts in a text: `DEO Sibi`, `All DEOs`, `Director Schools`. The list of posts and how they are
written is data: posts.json."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from archive import fold
from nlp.phrases import Found, Phrases, cue, data

SHORT = 2  # letters; AS, SO, MA, DD are words as well
DIVISION = frozenset(fold.tokens("division div region zone ڈویژن ڈویژنل ریجن"))
URDU_PLURAL = "ز"
NEAR = 1  # words between a post and its place, as in `DEO Education Sibi`


class Post(NamedTuple):
    """A post that a text names. `everyone`: all who hold it (`All DEOs`), of the places named."""

    post: str
    district: str | None
    everyone: bool
    start: int  # number of its first word


@cache
def _phrases() -> Phrases:
    return Phrases(_spellings(), SHORT)


@cache
def _plurals() -> frozenset[str]:
    return frozenset(plural for spelling, _ in _spellings() if " " not in spelling
                     and spelling.isascii() for plural in (spelling.casefold() + "s",))


@cache
def _urdu_plurals() -> frozenset[str]:
    """Last words of posts in the plural, joined to what stands before or not (`ڈی ای اوز`)."""
    found = set()
    for row in data("posts.json"):
        for spelling in row["written"]:
            if not spelling.isascii():
                words = fold.tokens(spelling + URDU_PLURAL)
                found |= {words[-1], "".join(words)}
    return frozenset(found)


def _spellings() -> Iterator[tuple[str, str]]:
    for row in data("posts.json"):
        for spelling in row["written"]:
            yield spelling, row["post"]
            if not spelling.isascii():
                yield spelling + URDU_PLURAL, row["post"]
            if spelling.isascii() and (len(spelling) > SHORT):
                yield spelling + "s", row["post"]
    yield from ((f"{short}s", post) for short, post in (("MA", "Monitoring Associate"),
                                                        ("HM", "Head Teacher"), ("DC", "DC"),
                                                        ("AC", "AC")))


@cache
def ranks() -> dict[str, int]:
    """Post -> its rank, 1 the highest."""
    return {row["post"]: row["rank"] for row in data("posts.json")}


@cache
def post_words() -> frozenset[str]:
    """All words that posts are written with, folded."""
    return frozenset(word for spelling, _ in _spellings() for word in fold.tokens(spelling))


def posts(words: list[fold.Word], text: str, places: Iterable[Found]) -> list[Post]:
    """The posts a text names, each with the district beside it. `words` is fold.words(text),
    `places` is places.districts of the same."""
    by_start = {place.start: place for place in places}
    by_end = {place.end: place for place in by_start.values()}
    result = []
    every = list(_phrases().find(words, text))
    starts = {found.start for found in every}
    for found in every:
        if found.start in by_start:  # a place that is spelled like a post
            continue
        everyone = (
            words[found.start].folded in _plurals()
            or words[found.end - 1].folded in _urdu_plurals()
            or (found.start > 0 and words[found.start - 1].folded in cue("everyone"))
            or (found.end < len(words) and words[found.end].folded in cue("several")))
        following = list(_following(found.end, by_start, starts, everyone, len(words)))
        before = by_end.get(found.start)
        if not following and before:
            following = [before.name]
        if everyone and following and _of_a_division(words, found.end, by_start):
            following = []
        if not following:
            result.append(Post(found.name, None, everyone, found.start))
        result += [Post(found.name, place, False, found.start) for place in following]
    return result


def _of_a_division(words: list[fold.Word], at: int, places: dict[int, Found]) -> bool:
    """Whether the place after `All DEOs` is a division: all its holders are meant."""
    place = next((places[n] for n in range(at, at + NEAR + 1) if n in places), None)
    near = [] if place is None else words[at:place.start] + words[place.end:place.end + 1]
    return any(word.folded in DIVISION for word in near)


def _following(at: int, places: dict[int, Found], posts_at: set[int], several: bool,
               end: int) -> Iterator[str]:
    """Districts that stand after a post: the nearest, or for a plural all of the list."""
    gap = NEAR
    while at < end:
        if at in places:
            yield places[at].name
            if not several:
                return
            at, gap = places[at].end, 2  # `DEOs Barkhan, Kohlu and Zhob`
        elif gap and at not in posts_at:
            at, gap = at + 1, gap - 1
        else:
            return
