"""Which districts a message is about (GUIDE, rule 11)."""
from __future__ import annotations

from collections.abc import Iterable

from nlp.lexicon import table, words
from nlp.named import Named
from nlp.office import Holder, class_area, divisions
from nlp.sentences import Text


def in_text(text: Text, named: Iterable[Named], sender: Holder | None) -> tuple[str, ...]:
    """The districts that a text names, in their order; a division named as such gives all of its
    districts, but not as the place of a Commissioner; `here` gives the sender's own."""
    result: list[str] = []
    for one in named:
        if one.post == "Commissioner" or (one.marked and one.kind == "place") \
                or _on_the_way(text, one):
            continue  # `@Gulistan` is somebody
        if one.kind == "division" or (one.division and one.post):
            result += divisions()[one.division]
        elif one.kind == "place" or one.places:
            result += one.places
    place = sender.place if sender else ""
    if any(place in districts for districts in divisions().values()) and _here(text):
        result.append(place)
    return tuple(dict.fromkeys(result))


def _on_the_way(text: Text, one: Named) -> bool:
    """`lives in Quetta`, `bring it to Quetta`: the capital as where somebody is or goes, which many
    messages name that are about other districts."""
    if one.kind != "place" or one.places != (table("capital"),):
        return False
    if text.at(one.start - 1) in words("toward"):
        near = text.words[max(0, one.start - 8):one.start]
    elif text.at(one.end) in words("toward_urdu"):
        near = text.words[max(0, one.start - 6):one.end + 6]
    else:
        return False
    return bool(set(near) & words("goings"))


def _here(text: Text) -> bool:
    """Whether a text speaks of `my district` or `here`."""
    return any(word in words("my_district") and text.at(at + 1) in words("district_words")
               for at, word in enumerate(text.words))


def of_titles(titles: Iterable[str], sender: Holder | None) -> tuple[str, ...]:
    """The districts of posts: `DEO Sibi` → Sibi, `All DEOs Makran Division` → its districts."""
    result: list[str] = []
    known = {district for districts in divisions().values() for district in districts}
    for title in titles:
        if title.startswith("Commissioner"):
            continue
        if title.startswith("All "):
            area = class_area(title)
            result += divisions().get(area.removesuffix(" Division"), ()) if area.endswith(
                "Division") else (area,) if area else ()
            continue
        own = [district for district in known if title.endswith(f" {district}")]
        result += own
        if not own and title.startswith("Head Teacher") and sender and sender.place in known:
            result.append(sender.place)
    return tuple(dict.fromkeys(result))
