"""Which posts are meant by what a message names: `DEO Sibi`, `DC sb`, `Hamid`, `All DEOs`."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nlp.named import Named
from nlp.office import Holder, Office, divisions, plural


def titles(group: Iterable[Named], sender: Holder | None, office: Office,
           near: tuple[str, ...] = (), schools: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The posts that a group names, in canonical form. `near`: districts that the conversation is
    about, the nearest first, for posts without a place; `schools`: the same of schools."""
    items = list(group)
    result: list[str] = []
    for number, one in enumerate(items):
        later = next((other for other in items[number + 1:] if other.places), None)
        if one.kind == "person":
            result += _person(one.holders, sender, near)
        elif one.kind == "post":
            if one.everyone and not one.division and not one.places:
                one = replace(one, division=_of_commissioner(items))
            result += _post(one, sender, office, ((later.places if later else ()), near), schools)
    return tuple(dict.fromkeys(result))


def _of_commissioner(items: list[Named]) -> str:
    """The division of `Commissioner Zhob and all DEOs of the division`."""
    for one in items:
        if one.post == "Commissioner":
            return one.division or next((place for place in one.places if place in divisions()), "")
    return ""


def _person(holders: tuple[Holder, ...], sender: Holder | None,
            near: tuple[str, ...]) -> list[str]:
    """The one who is meant by a name: below the sender, of the conversation's district."""
    below = [holder for holder in holders if sender is None or holder.rank > sender.rank]
    if len(below) > 1:
        places = {*near, sender.place if sender else ""}
        below = [holder for holder in below if holder.place in places] or below
    chosen = below or list(holders)
    return [chosen[0].title] if chosen and (len(chosen) == 1 or len(
        {holder.person for holder in chosen}) == 1 or below) else []


def _post(one: Named, sender: Holder | None, office: Office,
          spots: tuple[tuple[str, ...], tuple[str, ...]], schools: tuple[str, ...]) -> list[str]:
    shared, near = spots
    if one.holders:
        return _person(one.holders, sender, near)
    if one.everyone and not one.places:
        return [class_title(one.post, one.division, sender, office)]
    if one.division and one.post == "Commissioner":
        return [f"Commissioner {one.division} Division"]
    if one.post == "Commissioner" and one.places and one.places[0] in divisions():
        return [f"Commissioner {one.places[0]} Division"]
    if one.places:
        return [_placed(one.post, place, spelled, office) for place, spelled in zip(
            one.places, (*one.spelled, *[""] * len(one.places)), strict=False)]
    held = _held(one.post, office)
    named = [holder for holder in held if holder.post == "Head Teacher" and any(
        school.casefold() in holder.place.casefold() for school in schools)]
    if schools and held and not named and one.post == "Head Teacher" and schools[0].isascii():
        return [f"Head Teacher {schools[0]}"]
    held = named or held
    if len({holder.title for holder in held}) == 1:
        return [held[0].title]
    return _nearest(one, held, sender, office, (*shared, *near))


def _held(post: str, office: Office) -> list[Holder]:
    """The holders of a post; of a general name (`Director`, `DDOE`) those of its kinds too."""
    exact = list(office.with_post(post))
    if exact and post not in ("Director",):
        return exact
    return exact + [holder for kind in office.posts if kind.startswith(post + " (")
                    or kind.startswith(post + "(") for holder in office.with_post(kind)]


def _nearest(one: Named, held: list[Holder], sender: Holder | None, office: Office,
             near: tuple[str, ...]) -> list[str]:
    """Of many holders the one of the conversation's district, or of the sender's."""
    for place in (*near, *((sender.place,) if sender else ())):
        for holder in held:
            if holder.place == place or (one.post == "Commissioner" and place in divisions().get(
                    holder.place.removesuffix(" Division"), ())):
                return [holder.title]
    for place in (*near, *((sender.place,) if sender else ())):
        if any(place in districts for districts in divisions().values()) and one.post in (
                "DC", "DEO", "DOE(F)", "DOE(M)", "DMC", "DDOE", "DDOE(F)", "DDOE(M)"):
            return [_placed(one.post, place, "", office)]
    inside = [holder for holder in held if sender and holder.place == sender.place]
    return [inside[0].title] if inside else []


def _placed(post: str, place: str, spelled: str, office: Office) -> str:
    """A post at a place, as the roster titles it where it does."""
    kinds = sorted((one for one in office.posts if one == post
                    or one.startswith((post + "(", post + " ("))), key=len)
    for where in (spelled.title(), place):
        for kind in (post, *kinds):
            if office.holding(f"{kind} {where}"):
                return f"{kind} {where}"
    return f"{post} {place}"


def class_title(post: str, division: str, sender: Holder | None, office: Office) -> str:
    """`All DEOs`, bounded by the division named, or by the sender's own division or district."""
    name = f"All {plural(post)}"
    if division:
        return f"{name} {division} Division"
    if sender is None:
        return name
    for own in divisions():
        if sender.place == f"{own} Division" or (own not in divisions()[own] and
                                                 sender.place.endswith(f" {own}")):
            return f"{name} {own} Division"
    if any(sender.place in districts for districts in divisions().values()):
        return f"{name} {sender.place}"
    return name
