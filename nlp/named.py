"""Whom a text names: posts with their places, classes of posts, people by name, places alone."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from archive import fold
from nlp.lexicon import table, words
from nlp.office import Holder, Office, divisions
from nlp.phrases import Phrases, cue, data
from nlp.posts import post_words
from nlp.spelling import skeleton

FAR = 4  # words between a post and its place: `DEO Education of district Sibi`
SHORT = 2  # letters; AS, SO, MA are words as well


@dataclass(frozen=True)
class Named:
    """A post, a person or a place that stands in the words from `start` to before `end`."""

    kind: str  # post, person, place, division, people
    start: int
    end: int
    post: str = ""
    places: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()  # the places as written: Turbat, which is in Kech
    division: str = ""
    everyone: bool = False  # all who hold the post
    holders: tuple[Holder, ...] = ()
    office: bool = False  # `DEO office`: the place, not the officer
    marked: bool = False  # after an @


@cache
def _place_phrases() -> tuple[Phrases, Phrases]:
    """Spellings of districts that count in any case, and those that are words as well."""
    plain, doubtful = [], []
    common = words("word_places")
    for row in data("places.json"):
        for spelling in (row["district"], *row["urdu"], *row["aliases"], *row["towns"]):
            (doubtful if spelling.casefold() in common else plain).append(
                (spelling, row["district"]))
    return Phrases(plain, 0), Phrases(doubtful, 20)


@cache
def _division_phrases() -> Phrases:
    own = {row["district"] for row in data("places.json")}
    spellings = [(f"{spelled} {word}", name) for name in divisions()
                 for spelled in (name, *table("divisions").get(name, ()))
                 for word in ("division", "ڈویژن", "region", "ریجن", "div")]
    spellings += [(spelled, name) for name in divisions() if name not in own
                  for spelled in (name, *table("divisions").get(name, ()))]
    return Phrases(spellings, 0)


class Names:
    """What can be named in an office: its posts as posts.json spells them, its people."""

    def __init__(self, office: Office):
        self.office = office
        self._posts = Phrases(self._spellings(), SHORT)
        self._lower = Phrases([("dc", "DC"), ("dcs", "DC+")], 0)
        self._skeletons: dict[str, list[Holder]] = {}
        for holder in office.holders:
            for word in {word for name in holder.names for word in fold.tokens(name)}:
                if is_name(word):
                    self._skeletons.setdefault(skeleton(word), []).append(holder)

    def _spellings(self) -> Iterator[tuple[str, str]]:
        known = set()
        for row in data("posts.json"):
            known.add(row["post"])
            for spelling in (*row["written"], *row.get("more", ())):
                yield spelling, row["post"]
                if spelling.isascii():
                    yield spelling + "s", row["post"] + "+"
                    if spelling[-2:-1] == " ":  # `DOE(F)s`
                        yield spelling + " s", row["post"] + "+"
                else:
                    for ending in ("ز", "یز", "وں", "ان", "ات"):
                        yield spelling + ending, row["post"] + "+"
        for post in self.office.posts:
            if post not in known:
                yield post, post
                yield post + "s", post + "+"

    def find(self, found: list[fold.Word], text: str) -> list[Named]:
        """What a text names, from left to right, none nested. `found` is fold.words(text)."""
        places = self._places(found, text)
        by_start = {place.start: place for place in places}
        result: list[Named] = []
        taken = 0
        posts = {item.start: item for item in self._lower.find(found, text)}
        posts |= {item.start: item for item in self._posts.find(found, text)}
        at = 0
        while at < len(found):
            if at < taken:
                at += 1
                continue
            item = posts.get(at)
            if item and not (at in by_start and by_start[at].end >= item.end):
                named = self._post(item.name, at, item.end, found, text, by_start, posts)
            elif at in by_start:
                named = by_start[at]
            else:
                named = self._person(at, found, text)
            if named:
                first = found[named.start].start
                if named.marked or (first and text[first - 1] in ("@", "⁨")):
                    named = replace(named, marked=True)
                result += [named, *self._divisions_more(named, found, by_start)]
                taken = result[-1].end
            at += 1
        return list(self._people(result, found))

    def _divisions_more(self, named: Named, found: list[fold.Word],
                        places: dict[int, Named]) -> Iterator[Named]:
        """The further ones of `DEOs of Makran and Rakhshan divisions`."""
        at = named.end
        while named.division and named.everyone and at + 1 < len(found):
            at += found[at].folded in words("connect") | words("regions")
            place = places.get(at)
            if not place or place.kind != "division":
                return
            yield replace(named, start=place.start, end=place.end, division=place.division)
            at = place.end

    def _places(self, found: list[fold.Word], text: str) -> list[Named]:
        plain, doubtful = _place_phrases()
        result = {item.start: Named("place", item.start, item.end, places=(item.name,), spelled=(
            text[found[item.start].start:found[item.end - 1].end],))
                  for phrases in (doubtful, plain) for item in phrases.find(found, text)
                  if item.end == len(found) or found[item.end].folded not in words("not_towns")}
        for item in _division_phrases().find(found, text):
            result[item.start] = Named("division", item.start, item.end, division=item.name)
        return list(result.values())

    def _post(self, name: str, start: int, end: int, found: list[fold.Word], text: str,
              places: dict[int, Named], posts: dict[int, Any]) -> Named:
        """A post with the place, the list of places or the division that follows."""
        several = name.endswith("+")
        post = name.rstrip("+")
        everyone = several
        first = start
        for _ in range(2):
            before = found[first - 1].folded if first else ""
            if before in ("bhi", "بھی") and first > 1:
                before, first = found[first - 2].folded, first - 1
            if before in words("all") | words("any"):
                everyone, first = True, first - 1
            elif before in words("my_district") and first > 1:
                first -= 1
        at, spots, spelled, division, office = end, [], [], "", False
        if self._of_no_district(post):
            places = {}
        gap = FAR
        while at < len(found):
            word = found[at].folded
            between = text[found[at - 1].end:found[at].start]
            place = places.get(at) or self._lower_place(at, found, everyone or not spots)
            if re.search(r"[.\n!?؟۔:]", between) and not (between.strip() == "." and place
                                                         and not spots):
                break
            if place and place.kind == "division" and not spots:
                division, at = place.division, place.end
                end = at
                break
            if place and place.kind == "place" and (
                    not spots or everyone or several or found[at - 1].folded in words("connect")
                    or between.strip() == "/" or _listed(found, place, places)):
                if spots and found[at - 1].folded in words("connect") and at in posts:
                    break
                spots.append(place.places[0])
                spelled += place.spelled
                at = end = place.end
                gap = 1
                continue
            if word in words("office_words") and at - end <= 1 and not several:
                office, end = True, at + 1
                break
            if at in posts or not gap or (spots and word not in words("connect")) or (
                    not spots and (word not in words("fillers") or "," in between)):
                break
            at, gap = at + 1, gap - 1
        if post == "Head Teacher" and not spots:
            end = self._school(end, found, text)
        if not spots and not division and start:
            first, spots, division = self._before(first, found, text, places, spots, division)
        named = Named("post", first, end, post, tuple(spots), tuple(spelled), division,
                      (everyone and not spots) or (several and not spots), office=office)
        return self._with_person(named, found, text) if not everyone and not spots else named

    def _of_no_district(self, post: str) -> bool:
        """Whether a post is held for the whole province: the place that follows is another's."""
        held = self.office.with_post(post)
        return bool(held) and not any(
            word in _small_places() for holder in held for word in holder.place.casefold().split())

    def _school(self, at: int, found: list[fold.Word], text: str) -> int:
        """The end of `HM Apozai`, where a head of GBHS Apozai is known, or of `HM GBPS Killi Shah`.
        """
        if at < len(found) and len(found[at].folded) > 3 and any(
                found[at].folded in fold.tokens(holder.place)
                for holder in self.office.with_post("Head Teacher")):
            return at + 1
        if at < len(found) and found[at].folded in cue("school_types"):
            end = at + 1
            while end < min(at + 4, len(found)) and text[found[end].start].isupper():
                end += 1
            return end
        return at

    def _lower_place(self, at: int, found: list[fold.Word], wanted: bool) -> Named | None:
        """A place in small letters, which is one only beside a post: `deo hub`."""
        word = found[at].folded
        district = _small_places().get(word)
        return Named("place", at, at + 1, places=(district,)) if wanted and district else None

    def _before(self, first: int, found: list[fold.Word], text: str, places: dict[int, Named],
                spots: list[str], division: str) -> tuple[int, list[str], str]:
        """`رخشان ڈویژن کے تمام ڈپٹی کمشنرز`, `Makran ke DEOs`, `Zhob DEO`."""
        for place in places.values():
            gap = found[place.end:first]
            if place.end <= first and re.search(
                    r"[.\n!?؟۔]", text[found[place.end - 1].end:found[first].start]):
                continue  # `… in Zhob. DC to verify`
            if place.end <= first and len(gap) <= 1 and all(
                    word.folded in ("ke", "k", "kay", "کے", "کی", "ki") for word in gap):
                if place.kind == "division":
                    return place.start, spots, place.division
                return (place.start, [*place.places], division) if not spots else (
                    first, spots, division)
        return first, spots, division

    def _with_person(self, named: Named, found: list[fold.Word], text: str) -> Named:
        """`DDOE Raz M.`, `SO Schools Rafiq`: the one who bears the name."""
        at = named.end
        while at < len(found) and found[at].folded in words("fillers") | words("before_name"):
            at += 1
        if at >= len(found) or at - named.end > 2:
            return named
        holders = {holder for holder in self._bearers(found[at].folded)
                   if holder.post == named.post or holder.post.startswith(named.post)}
        if not holders or re.search(r"[.\n!?؟۔,،]", text[found[at - 1].end:found[at].start]):
            return named
        return replace(named, holders=tuple(holders), end=at + 1)

    def _bearers(self, word: str) -> Iterable[Holder]:
        if not is_name(word):
            return ()
        if fold.joinable(word):
            key = skeleton(word)
            return self._skeletons.get(key, ()) if len(key) > 1 else ()
        return self.office.bearing(word)

    def _nearly(self, at: int, found: list[fold.Word]) -> set[Holder]:
        """Who bears a name that is spelled otherwise, where it is said politely: `Mr Sherbat`."""
        polite = (at and found[at - 1].folded in words("before_name")) or (
            at + 1 < len(found) and found[at + 1].folded in words("honor"))
        word = found[at].folded
        key = skeleton(word) if polite and is_name(word) else ""
        return set(self._skeletons.get(key, ())) if len(key) > 2 else set()

    def _person(self, at: int, found: list[fold.Word], text: str) -> Named | None:
        """Somebody by name: one or more words of the name, with what is said to be polite."""
        bearers = set(self._bearers(found[at].folded)) or self._nearly(at, found)
        if not bearers:
            return None
        end = at + 1
        while end < len(found) and not text[found[end - 1].end:found[end].start].strip():
            more = bearers & set(self._bearers(found[end].folded))
            if not more:
                break
            bearers, end = more, end + 1
        polite = end < len(found) and found[end].folded in words("honor")
        urdu = fold.joinable(found[at].folded)
        before = at > 0 and found[at - 1].folded in words("before_name")
        opens = at == 0 or bool(re.search(r"[.\n!?؟۔]", text[found[at - 1].end:found[at].start]))
        if urdu and not (polite or before or (opens and len(skeleton(found[at].folded)) > 2)):
            return None
        if polite:
            end += 1
        return Named("person", at, end, holders=tuple(sorted(
            bearers, key=lambda holder: (holder.rank, holder.person))))

    def _people(self, result: list[Named], found: list[fold.Word]) -> Iterator[Named]:
        """With `all concerned`, `both officers`, `تمام افسران` as a group of their own."""
        covered = {at for named in result for at in range(named.start, named.end)}
        extra = [Named("people", at, at + 2, everyone=True) for at in range(len(found) - 1)
                 if found[at].folded in words("all") | words("those_who")
                 and found[at + 1].folded in words("all_people") and not {at, at + 1} & covered
                 and not (found[at].folded == "both" and found[at + 1].folded == "teachers")]
        yield from sorted([*result, *extra], key=lambda named: named.start)


def _listed(found: list[fold.Word], place: Named, places: dict[int, Named]) -> bool:
    """Whether a place is followed by another in a list: `DEO Zhob, Musakhel and Sibi`."""
    at = place.end
    joined = at + 1 < len(found) and found[at].folded in words("connect")
    return joined and at + 1 in places and places[at + 1].kind == "place"


@cache
def _small_places() -> dict[str, str]:
    return {spelling.casefold(): row["district"] for row in data("places.json")
            for spelling in (row["district"], *row["aliases"], *row["towns"])
            if " " not in spelling and spelling.casefold() not in words("never_places")}


def is_name(word: str) -> bool:
    """Whether a word of a name names somebody: no title, no post, no place."""
    return len(word) > 2 and not word.isdigit() and word not in cue("titles") \
        and word not in _not_names()


@cache
def _not_names() -> frozenset[str]:
    return post_words() | cue("common") | cue("everyone") | frozenset(
        _small_places()) | words("not_names") | frozenset(
        word for row in data("places.json") for spelling in row["urdu"]
        for word in fold.tokens(spelling))
