"""The comparison notices what it is there to notice: else its zeros would mean nothing."""
from __future__ import annotations

import random
from typing import Any

import pytest

from cli.compare import (
    Comparison,
    compare,
    expected,
    expected_reactions,
    read_reactions,
    read_tokens,
)
from emulator.played import Played

GUL, ZARAK = "923007001001", "923007001002"
PREFIX = "wa_"


def played(sender: str, text: str, kind: str = "text", **facts: str) -> Played:
    """A message on the wire."""
    name = f"id of {text}"
    return Played("group", text, 0, "1@g.us", name, kind, text, sender, 1_790_000_000, **facts)


def event(sender: str, **content: Any) -> dict[str, Any]:
    """An event by a ghost."""
    return {"type": "m.room.message", "sender": f"@{PREFIX}{sender}:example.org",
            "content": {"msgtype": "m.text", **content}}


class Files:
    """A media repository that holds one file."""

    async def file_sum(self, mxc: str) -> str:
        assert mxc == "mxc://example.org/school"
        return "5c0"


SENT = [played(GUL, "one"), played(ZARAK, "two"), played(GUL, "ok"), played(ZARAK, "three"),
        played(GUL, "ok")]
TOKENS = expected(SENT)


def test_the_same_is_the_same() -> None:
    assert compare(TOKENS, TOKENS) == Comparison(sent=5, mirrored=5)


@pytest.mark.parametrize("place", range(5))
def test_a_lost_message(place: int) -> None:
    result = compare(TOKENS, TOKENS[:place] + TOKENS[place + 1:])
    assert (result.mirrored, result.lost, result.duplicated) == (4, 1, 0)


@pytest.mark.parametrize("place", range(5))
def test_a_doubled_message(place: int) -> None:
    """Wherever the second one stands: at once behind the first, or at the end."""
    for found in (TOKENS[:place + 1] + TOKENS[place:], [*TOKENS, TOKENS[place]]):
        result = compare(TOKENS, found)
        assert (result.mirrored, result.lost, result.duplicated) == (5, 0, 1)


@pytest.mark.parametrize("place", range(4))
def test_two_messages_swapped(place: int) -> None:
    found = [*TOKENS]
    found[place], found[place + 1] = found[place + 1], found[place]
    result = compare(TOKENS, found)
    assert (result.lost, result.duplicated, result.out_of_order) == (0, 0, 1)


def test_one_that_came_much_too_early() -> None:
    assert compare(TOKENS, [TOKENS[3], *TOKENS[:3], TOKENS[4]]).out_of_order == 3


def test_a_lost_one_and_a_doubled_one_do_not_cancel_out() -> None:
    found = [TOKENS[0], TOKENS[0], *TOKENS[2:]]
    assert compare(TOKENS, found) == Comparison(5, 4, lost=1, duplicated=1)


def test_somebody_elses_words_under_the_wrong_name() -> None:
    found = [(ZARAK, "text", "one"), *TOKENS[1:]]
    assert compare(TOKENS, found) == Comparison(5, 4, lost=1, duplicated=1)


def test_changed_words() -> None:
    assert compare(TOKENS, [(GUL, "text", "One"), *TOKENS[1:]]).lost == 1


def test_nothing_at_all() -> None:
    assert compare(TOKENS, []) == Comparison(5, 0, lost=5)
    assert compare([], TOKENS) == Comparison(0, 0, duplicated=5)


def test_many_faults_are_all_counted() -> None:
    """Of 500 messages ten are lost and seven are doubled: that is what it says."""
    chance = random.Random(500)
    wanted = expected([played(GUL, f"message {number}") for number in range(500)])
    lost = set(chance.sample(range(500), 10))
    twice = set(chance.sample([n for n in range(500) if n not in lost], 7))
    found = [token for number, token in enumerate(wanted) if number not in lost
             for _ in range(2 if number in twice else 1)]
    assert compare(wanted, found) == Comparison(500, 490, lost=10, duplicated=7)


def test_groups_add_up() -> None:
    assert Comparison(3, 2, 1, 0, 0) + Comparison(4, 4, 0, 1, 2) == Comparison(7, 6, 1, 1, 2)


async def test_a_room_is_read_as_it_was_written() -> None:
    """Texts, a picture with words, an edit and a deleted message, among things that are no
    messages of ghosts; then the picture's bytes change, and it is noticed."""
    picture = played(GUL, "our school", "image", filename="school.jpg", sha256="5c0")
    deleted, word = played(GUL, "a mistake"), played(ZARAK, "before")
    sent = [word, picture, deleted, played(ZARAK, "after", "edit", target_id=word.id),
            played(GUL, "", "delete", target_id=deleted.id)]
    events = [
        event(ZARAK, body="before"),
        {"type": "m.room.message", "sender": "@officer:example.org",
         "content": {"msgtype": "m.text", "body": "before"}},
        event(GUL, msgtype="m.image", body="our school", filename="school.jpg",
              url="mxc://example.org/school"),
        {**event(GUL), "content": {}},
        event(ZARAK, body="* after", **{"m.new_content": {"body": "after"},
                                        "m.relates_to": {"rel_type": "m.replace"}}),
        {**event(GUL), "type": "m.reaction"},
    ]
    found = await read_tokens(Files(), events, PREFIX)
    assert compare(expected(sent), found) == Comparison(4, 4)
    other = [*sent[:1], played(GUL, "our school", "image", sha256="bad"), *sent[2:]]
    assert compare(expected(other), found) == Comparison(4, 3, lost=1, duplicated=1)


def test_of_each_persons_reactions_the_last_one_counts() -> None:
    sent = [played(GUL, sign, "reaction", target_id=target) for sign, target in (
        ("👍", "one"), ("🙏", "one"), ("👍", "two"), ("", "two"), ("👍", "three"))]
    assert expected(sent) == []

    def reaction(sender: str, key: str) -> dict[str, Any]:
        return {"type": "m.reaction", "sender": f"@{sender}:example.org",
                "content": {"m.relates_to": {"key": key}} if key else {}}

    found = read_reactions([reaction(f"{PREFIX}{GUL}", key) for key in ("", "🙏", "", "👍")]
                           + [reaction("officer", "👍")], PREFIX)
    assert compare(expected_reactions(sent), found) == Comparison(2, 2)
    assert compare(expected_reactions(sent), found[1:]).lost == 1


async def test_a_mention_is_sent_as_an_address_and_read_as_a_name() -> None:
    sent = [played(GUL, "@77012345678901 pl look, and @923007001001")]
    events = [event(GUL, body="@Zafar Iqbal pl look, and @+923007001001")]
    found = await read_tokens(Files(), events, PREFIX, ["Zafar", "Zafar Iqbal"])
    assert compare(expected(sent, ["Zafar", "Zafar Iqbal"]), found) == Comparison(1, 1)
    other = await read_tokens(
        Files(), [event(GUL, body="@Zafar Iqbal do not look")], PREFIX, ["Zafar Iqbal"])
    assert compare(expected(sent), other).lost == 1
