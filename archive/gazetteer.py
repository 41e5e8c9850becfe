"""Places and posts of a department: what there is, how it is written, what stands under what, and
since when. Data, read from a file by archive.gazetteer_file; nothing here knows a department.

A place is a province, division, region, district, town, office or school. A kind of post (`DEO`)
makes posts with places (`DEO Sibi`). Days are ISO texts; `until` is the first day after a period.
"""
from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archive import clean, days, fold

# Sorts of place, in the order in which a bare name is taken for one.
SORTS = ("district", "division", "region", "province", "office", "town")
LONGEST = 12  # words of a post's name, at most
NEAR = 0.6  # how like a proposal must be to what was written (difflib's ratio)


class PostName(NamedTuple):
    """A post: `DEO`, `Sibi`."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind} {self.place}"


class Membership(NamedTuple):
    """A place in a larger one, from a day until before another."""

    place: str
    since: str = ""
    until: str | None = None


@dataclass(frozen=True)
class Place:
    """A place of one of SORTS. `within`: the larger places around it, in turn."""

    name: str
    sort: str
    since: str = ""
    until: str | None = None
    within: tuple[Membership, ...] = ()
    spellings: tuple[str, ...] = ()

    def stands(self, day: str) -> bool:
        """Whether it is there on a day."""
        return days.holds(self.since, self.until, day)


@dataclass(frozen=True)
class Kind:
    """A kind of post. `of`: the sort of place that it is for (or school, any); `at`: the one office
    that has it; `each`: every such place has one; `several`: many may hold it at once."""

    name: str
    title: str
    rank: int  # 1 is highest
    of: str = "any"
    at: str = ""
    each: bool = False
    several: bool = False
    under: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()


class Group(NamedTuple):
    """All posts of a kind, or those in a place: `All DEOs Makran Division`."""

    kind: str
    place: str  # "" for everywhere


@dataclass(frozen=True)
class Words:
    """Words that have a meaning in names of posts, folded; and how schools' names begin."""

    everyone: frozenset[str] = frozenset()
    of: frozenset[str] = frozenset()
    schools: frozenset[str] = frozenset()


class Gazetteer:
    """The places and kinds of posts of one department."""

    def __init__(self, places: Iterable[Place], kinds: Iterable[Kind], words: Words,
                 country_code: str = "") -> None:
        self.places = {place.name: place for place in places}
        self.kinds = {kind.name: kind for kind in kinds}
        self.words = words
        self.country_code = country_code
        self._places: dict[str, list[Place]] = {}
        for place in self.places.values():
            for spelling in (place.name, *place.spellings):
                self._places.setdefault(key(spelling), []).append(place)
        self._spelled: dict[str, PostName] = {}  # for `nearest`, made when first asked
        self._kinds: dict[str, Kind] = {}
        for kind in self.kinds.values():
            for spelling in (kind.name, kind.title, *kind.spellings):
                self._kinds.setdefault(key(spelling), kind)

    # What is written

    def place(self, text: str, of: str = "") -> Place | None:
        """The place that a text names, of a sort when it is given. A town also stands for its
        district, and a district for the town of its name."""
        found = self._places.get(key(text), ())
        if not of:
            return min(found, key=lambda place: SORTS.index(place.sort), default=None)
        wanted = [place for place in found if place.sort == of]
        if not wanted and of == "district":
            towns = [place for place in found if place.sort == "town"]
            wanted = [self.places[town.within[0].place] for town in towns]
        if not wanted and of == "town":
            wanted = [place for place in found if place.sort == "district"]
        if not wanted and of == "office":
            wanted = [place for place in found if place.sort == "province"]
        return wanted[0] if wanted else None

    def kind(self, text: str) -> Kind | None:
        """The kind of post that a text names."""
        return self._kinds.get(key(text))

    def post(self, text: str) -> PostName | None:
        """The post that a whole text names: kind and place, in either order."""
        words = fold.words(text)[:LONGEST + 1]
        if not words or len(words) > LONGEST:
            return None
        for cut in range(len(words), 0, -1):  # the longest name of a kind first
            if found := self._joined(text, words, cut):
                return found
        for cut in range(1, len(words)):
            kind = self._kinds.get(_key(words[cut:]))
            place = kind and self._place_for(kind, text[:words[cut].start])
            if kind and place:
                return PostName(kind.name, place)
        return None

    def _joined(self, text: str, words: Sequence[fold.Word], cut: int) -> PostName | None:
        kind = self._kinds.get(_key(words[:cut]))
        if kind is None:
            return None
        rest = list(words[cut:])
        while rest and rest[0].folded in self.words.of:
            rest.pop(0)
        place = self._place_for(kind, text[rest[0].start:] if rest else "")
        return PostName(kind.name, place) if place else None

    def _place_for(self, kind: Kind, text: str) -> str:
        """The place that completes a kind of post; "" when the text names none for it."""
        text = " ".join(text.split()).strip(" ,.-()")
        if kind.at:
            found = self.place(text) if text else None
            fits = not text or (found and (found.name == kind.at or found.sort == "province"))
            return kind.at if fits else ""
        if not text:
            return ""
        if kind.of == "any":
            known = self.place(text)
            return known.name if known else clean.name(text)
        if kind.of == "school":
            first = fold.tokens(text)[:1]
            return clean.name(text) if first and first[0] in self.words.schools else ""
        found = self.place(text, kind.of)
        return found.name if found else ""

    def named(self, kind_text: str, place_text: str) -> PostName | None:
        """The post of a kind and a place that stand apart, as in a file's columns."""
        kind = self.kind(kind_text)
        place = self._place_for(kind, place_text) if kind else ""
        return PostName(kind.name, place) if kind and place else None

    def take_post(self, text: str) -> tuple[PostName, str] | None:
        """The longest post that a text begins with, of a place known to the gazetteer, and what
        follows it: `DEO Sibi Ghulam Haider`."""
        words = fold.words(text)
        for end in range(min(len(words), LONGEST), 0, -1):
            found = self.post(text[:words[end - 1].end])
            if found and not self._open(found):
                return found, text[words[end - 1].end:].strip(" ,:;-)")
        return None

    def posts_in(self, text: str) -> list[PostName]:
        """The posts that a person's name tells, the longest first found: `Wahid Sb Add. Secretary`.
        Short words (`AS`, `MA`) count only with a place beside them."""
        words = fold.words(text)[:LONGEST]
        for length in range(len(words), 0, -1):
            for start in range(len(words) - length + 1):
                part = words[start:start + length]
                written = text[part[0].start:part[-1].end]
                found = self.post(written)
                if found is None or self._open(found):
                    continue
                if length == 1 and len(written) <= 2:
                    continue
                return [found]
        return []

    def _open(self, post: PostName) -> bool:
        """Whether the gazetteer does not know what places a kind of post may have."""
        kind = self.kinds[post.kind]
        return not kind.at and kind.of in ("any", "school")

    def group(self, text: str) -> Group | None:
        """`All DEOs`, `DEOs Makran Division`, `all DCs of Quetta Division`; None when the text
        names no class."""
        words = fold.words(text)[:LONGEST]
        everyone = bool(words) and words[0].folded in self.words.everyone
        words = words[1:] if everyone else words
        for cut in range(len(words), 0, -1):
            whole = _key(words[:cut])
            kind = self._kinds.get(whole) if everyone else None
            kind = kind or (self._kinds.get(whole[:-1]) if whole.endswith("s") else None)
            if kind is None:
                continue
            rest = words[cut:]
            while rest and rest[0].folded in self.words.of:
                rest = rest[1:]
            if not rest:
                return Group(kind.name, "")
            place = self.place(text[rest[0].start:])
            if place:
                return Group(kind.name, place.name)
        return None

    def nearest(self, text: str, count: int = 1) -> list[PostName]:
        """The posts whose names are most like a text: what may have been meant, never assumed."""
        if not self._spelled:
            self._spelled = dict(self._every_spelling())
        close = difflib.get_close_matches(key(text), list(self._spelled), count * 4, NEAR)
        return list(dict.fromkeys(self._spelled[each] for each in close))[:count]

    def _every_spelling(self) -> Iterator[tuple[str, PostName]]:
        for kind in self.kinds.values():
            names = [key(spelling) for spelling in (kind.name, *kind.spellings)]
            if kind.at:
                yield from ((name + key(place), PostName(kind.name, kind.at))
                            for name in names for place in ("", kind.at))
            for place in self.places.values():
                if place.sort == kind.of and not kind.at:
                    yield from ((name + key(spelling), PostName(kind.name, place.name))
                                for name in names for spelling in (place.name, *place.spellings))

    def nearest_place(self, text: str, sorts: Sequence[str] = SORTS) -> str:
        """The place whose name is most like a text; "" when none is."""
        known = {each: place.name for each, places in self._places.items() for place in places
                 if place.sort in sorts}
        close = difflib.get_close_matches(key(text), list(known), 1, NEAR)
        return known[close[0]] if close else ""

    def nearest_kind(self, text: str) -> str:
        """The kind of post whose name is most like a text; "" when none is."""
        close = difflib.get_close_matches(key(text), list(self._kinds), 1, NEAR)
        return self._kinds[close[0]].name if close else ""

    # What stands in what

    def around(self, name: str, sort: str, day: str) -> str:
        """The place of a sort that a place lies in on a day, or that it is itself; "" for none."""
        place = self.places.get(name)
        if place is None:
            return ""
        if place.sort == sort:
            return name
        for each in place.within:
            if days.holds(each.since, each.until, day):
                found = self.around(each.place, sort, day)
                if found:
                    return found
        return ""

    def districts(self, name: str, day: str) -> list[str]:
        """The districts of a division, region or province on a day, by name; of a province all."""
        place = self.places.get(name)
        every = sorted(each.name for each in self.places.values()
                       if each.sort == "district" and each.stands(day))
        if place is None or place.sort == "province":
            return every if place else []
        return [each for each in every if self.around(each, place.sort, day) == name]

    def in_place(self, post: PostName, name: str, day: str) -> bool:
        """Whether a post is of a place or of one in it, on a day."""
        place = self.places.get(name)
        if place is None:
            return post.place == name
        return place.sort == "province" or self.around(post.place, place.sort, day) == name

    def everywhere(self, day: str) -> Iterator[PostName]:
        """The posts that there must be on a day: of each kind that every place has one of."""
        for kind in self.kinds.values():
            if kind.at and not kind.several:
                yield PostName(kind.name, kind.at)
            elif kind.each:
                for place in self.places.values():
                    if place.sort == kind.of and place.stands(day):
                        yield PostName(kind.name, place.name)

    def superiors(self, post: PostName, day: str) -> list[PostName]:
        """The posts directly over a post on a day, by kind: those of the same place, of the one
        around it, or of an office."""
        kind = self.kinds.get(post.kind)
        return [name for each in (kind.under if kind else ())
                for name in self._superior(self.kinds[each], post, day)]

    def _superior(self, over: Kind, post: PostName, day: str) -> Iterator[PostName]:
        if over.at:
            yield PostName(over.name, over.at)
        elif over.of == "any" or over.of == "office":
            yield PostName(over.name, post.place)
        elif over.of in SORTS and (place := self.around(post.place, over.of, day)):
            yield PostName(over.name, place)


def key(text: str) -> str:
    """What a name is compared by: folded, blanks and signs left out (`Musa Khel`, `DOE(F)`)."""
    return "".join(fold.tokens(text))


def _key(words: Iterable[fold.Word]) -> str:
    return "".join(word.folded for word in words)
