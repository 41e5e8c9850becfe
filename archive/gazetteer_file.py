"""Reading a gazetteer's YAML file, every problem with its line."""
from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from archive import days, fold
from archive.gazetteer import SORTS, Gazetteer, Kind, Membership, Place, Words, key

SHIPPED = Path(__file__).parent / "data" / "gazetteer.yaml"
SECTIONS = {"provinces": "province", "divisions": "division", "regions": "region",
            "districts": "district", "offices": "office"}
_KEYS = frozenset((*SECTIONS, "country_code", "words", "school_types", "posts"))
_PLACE_KEYS = frozenset(("name", "aliases", "from", "until", "division", "region", "towns"))
_POST_KEYS = frozenset(("post", "title", "rank", "of", "at", "each", "several", "under", "aliases"))
_LINE = "\0line"


class GazetteerError(Exception):
    """The file cannot be used; `problems` are sentences, each with its line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: " + "; ".join(problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """YAML's safe loader; a mapping knows its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        values = super().construct_mapping(node, deep)
        return {**values, _LINE: node.start_mark.line + 1}


# dates stay texts: YAML's own reading of 2021-02-30 names no line
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


@cache
def load(path: str = "") -> Gazetteer:
    """The gazetteer of a file, Balochistan's as shipped for "". A process reads it once. Raises
    GazetteerError."""
    return read(Path(path) if path else SHIPPED)


def read(path: Path) -> Gazetteer:
    """The same, read anew."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a safe loader
    except (OSError, UnicodeDecodeError) as error:
        raise GazetteerError(path, [f"cannot be read: {error}"]) from None
    except yaml.YAMLError as error:
        raise GazetteerError(path, ["is not YAML: " + " ".join(str(error).split())]) from None
    reader = _Reader()
    found = reader.gazetteer(values)
    if reader.problems:
        raise GazetteerError(path, reader.problems)
    return found


class _Reader:
    """Makes places and kinds of what stands in the file, and notes what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def gazetteer(self, values: Any) -> Gazetteer:
        if not isinstance(values, dict):
            self.problems.append("must be made of `KEY: value` lines")
            return Gazetteer((), (), Words())
        self._only(values, _KEYS)
        places = self._places(values)
        kinds = [kind for item in self._list(values, "posts") if (kind := self._kind(item))]
        self._check_kinds(kinds, self._list(values, "posts"), {place.name for place in places})
        words = values.get("words") or {}
        return Gazetteer(places, kinds, Words(
            *(_folded(self._texts(words, name)) for name in ("everyone", "of")),
            _folded(self._texts(values, "school_types"))), str(values.get("country_code") or ""))

    # Places

    def _places(self, values: dict[str, Any]) -> list[Place]:
        found: dict[str, Place] = {}
        items: list[tuple[dict[str, Any], Place]] = []
        for section, sort in SECTIONS.items():
            for item in self._list(values, section):
                self._only(item, _PLACE_KEYS)
                place = self._place(item, sort)
                if place is None:
                    continue
                if place.name in found:
                    self._tell(item, f"{place.name} stands in the file already")
                    continue
                found[place.name] = place
                items.append((item, place))
        for item, place in items:
            for each in place.within:
                self._check_membership(item, place, each, found)
            for town in self._texts(item, "towns"):
                found.setdefault(f"{town}", Place(
                    town, "town", within=(Membership(place.name),)))
        self._check_spellings(items)
        return list(found.values())

    def _place(self, item: dict[str, Any], sort: str) -> Place | None:
        name = " ".join(str(item.get("name") or "").split())
        if not name:
            self._tell(item, f"a {sort} without a name")
            return None
        since, until = self._period(item, name)
        within = [each for around in ("division", "region")
                  for each in self._memberships(item, name, item.get(around))]
        return Place(name, sort, since, until, tuple(within), self._texts(item, "aliases"))

    def _memberships(self, item: dict[str, Any], name: str, value: Any) -> Iterator[Membership]:
        if value is None:
            return
        last = ""
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield Membership(each)
            elif isinstance(each, dict) and each.get("name"):
                since, until = self._period(each, name)
                if since < last:
                    self._tell(each, f"{name} would be in two at once: this begins before the one "
                               "above it ends")
                last = until or days.FOREVER
                yield Membership(str(each["name"]), since, until)
            else:
                self._tell(item, f"{name}: write a name, or {{name: …, from: …, until: …}}")

    def _check_membership(self, item: dict[str, Any], place: Place, each: Membership,
                          found: dict[str, Place]) -> None:
        known = [name for name, other in found.items() if other.sort in ("division", "region")]
        if each.place not in known:
            self._tell(item, f"{place.name} lies in {each.place}, which is no division or region "
                       f"of this file{_near(each.place, known)}")

    def _check_spellings(self, items: Iterable[tuple[dict[str, Any], Place]]) -> None:
        owners: dict[tuple[str, str], str] = {}
        for item, place in items:
            for spelling in (place.name, *place.spellings):
                owner = owners.setdefault((place.sort, key(spelling)), place.name)
                if owner != place.name:
                    self._tell(item, f"{spelling} is written for {owner} and {place.name}")

    # Posts

    def _kind(self, item: dict[str, Any]) -> Kind | None:
        self._only(item, _POST_KEYS)
        name = " ".join(str(item.get("post") or "").split())
        if not name:
            self._tell(item, "a post without a name")
            return None
        rank, of = item.get("rank"), str(item.get("of") or "any")
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            self._tell(item, f"{name}: rank must be a number from 1 (highest), not {rank!r}")
            rank = 99
        if of not in (*SORTS, "school", "any"):
            self._tell(item, f"{name}: of must be one of {', '.join((*SORTS, 'school', 'any'))}, "
                       f"not {of!r}")
        return Kind(name, str(item.get("title") or name), rank, of, str(item.get("at") or ""),
                    item.get("each") is True, item.get("several") is True,
                    self._texts(item, "under"), self._texts(item, "aliases"))

    def _check_kinds(self, kinds: list[Kind], items: list[dict[str, Any]], places: set[str]
                     ) -> None:
        lines = {" ".join(str(item.get("post")).split()): item for item in items}
        names = {kind.name: kind for kind in kinds}
        owners: dict[str, str] = {}
        for kind in kinds:
            item = lines[kind.name]
            if kind.at and kind.at not in places:
                self._tell(item, f"{kind.name} is at {kind.at}, which is no place of this file"
                           f"{_near(kind.at, places)}")
            for over in kind.under:
                if over not in names:
                    self._tell(item, f"{kind.name} is under {over}, which is no post of this file"
                               f"{_near(over, names)}")
            for spelling in (kind.name, kind.title, *kind.spellings):
                owner = owners.setdefault(key(spelling), kind.name)
                if owner != kind.name:
                    self._tell(item, f"{spelling} is written for {owner} and {kind.name}")
        if found := loop({kind.name: kind.under for kind in kinds}):
            self._tell(lines[found[0]], "the line of authority runs in a loop: "
                       + " is under ".join(found))

    # Underneath

    def _period(self, item: dict[str, Any], name: str) -> tuple[str, str | None]:
        read: list[str | None] = []
        for end in ("from", "until"):
            value = item.get(end)
            try:
                read.append(None if value is None else days.first(str(value)))
            except ValueError as error:
                self._tell(item, f"{name}: {error}")
                read.append(None)
        since, until = read[0] or "", read[1]
        if until is not None and until <= since:
            self._tell(item, f"{name}: until {until} is not after from {since}")
        return since, until

    def _list(self, values: dict[str, Any], name: str) -> list[dict[str, Any]]:
        value = values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.problems.append(f"{name} must be a list of `- name: …` entries")
            return []
        return value

    def _texts(self, item: Any, name: str) -> tuple[str, ...]:
        value = item.get(name) if isinstance(item, dict) else None
        if value is None:
            return ()
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(each, (str, int)) and key(str(each))
                                                  for each in texts):
            self._tell(item, f"{name} must be a list of names, in quotes where YAML reads "
                       "something else")
            return ()
        return tuple(str(each) for each in texts)

    def _only(self, item: dict[str, Any], known: frozenset[str]) -> None:
        for name in item:
            if name != _LINE and name not in known:
                self._tell(item, f"{name} is not a known key{_near(str(name), known)}")

    def _tell(self, item: dict[str, Any], sentence: str) -> None:
        self.problems.append(f"line {item.get(_LINE, 1)}: {sentence}")


def loop(under: dict[str, tuple[str, ...]]) -> list[str]:
    """A loop in a line of authority, its first name again at its end; empty when there is none."""
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name):], name]
        if name in done:
            return []
        for over in under.get(name, ()):
            if found := walk(over, (*path, name)):
                return found
        done.add(name)
        return []
    for name in under:
        if found := walk(name, ()):
            return found
    return []


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in fold.tokens(text))


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
