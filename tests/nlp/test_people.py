"""Whom a message names."""
from __future__ import annotations

from nlp.people import People
from nlp.reading import Message, read


def named(people: People, text: str, sender: str = "me") -> dict[str, float]:
    return people.named(read(Message("m", sender, 0, text=text)))


def test_by_post_by_name_and_not_oneself() -> None:
    people = People()
    people.know("a", ("DEO Sibi Haider", "DEO Sibi"))
    people.know("b", ("~K", "DEO Kohlu", "Karim Dad Marri"))
    assert named(people, "DEO Sibi report by tomorrow") == {"a": 1.0}
    assert named(people, "Haider sb phone uthaen") == {"a": 1.0}
    assert named(people, "DEOs Sibi and Kohlu") == {"a": 1.0, "b": 1.0}
    assert named(people, "DEO Sibi report by tomorrow", sender="a") == {}


def test_who_leaves_a_post_is_no_longer_meant() -> None:
    people = People()
    people.know("a", ("~Nazir", "DEO Kharan"))
    people.know("a", ("~Nazir", "DEO Washuk"))
    people.know("b", ("~Tahir", "DEO Kharan"))
    assert named(people, "DEO Kharan where are you") == {"b": 1.0}
    assert people.districts("a") == {"Washuk"}


def test_a_name_that_many_bear_points_to_nobody() -> None:
    people = People()
    for number in range(5):
        people.know(str(number), (f"Wahid {number}", f"DMC {number}"))
    assert named(people, "Wahid bhai") == {}
