"""Orders in three languages: who is told, by when, and what is none. The lists: orders.json."""
from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp import calendar
from nlp.office import Holder, Office
from nlp.reader import Reader
from nlp.said import Directive, Findings, Message

OFFICE = calendar.shipped()
DATA = json.loads(Path(__file__).with_name("orders.json").read_text(encoding="utf-8"))
AT = datetime.fromisoformat(DATA["at"]).replace(tzinfo=OFFICE.zone)
HOLDERS = [Holder(key, post, place, rank, (name,)) for key, post, place, rank, name in
           DATA["holders"]]


def reader() -> Reader:
    return Reader(Office(HOLDERS), OFFICE)


def said(number: int, person: str, text: str, kind: str = "text", quote: int | None = None,
         minutes: int = 0) -> Message:
    return Message(f"m{number}", person, AT + timedelta(minutes=minutes), text, kind,
                   f"m{quote}" if quote else None, thread="m1")


def read(person: str, text: str) -> Findings:
    return reader().read(said(1, person, text))


def shown(found: tuple[Directive, ...]) -> list[list[object]]:
    return [[";".join(one.to), one.due] for one in found]


def test_the_list_of_orders() -> None:
    wrong = [f"{text}: {found} for {wanted}" for person, text, wanted in DATA["orders"]
             if (found := shown(read(person, text).directives)) != wanted]
    assert wrong == []


def test_what_is_known_not_to_be_read_goes_to_no_wrong_post() -> None:
    for person, text, wanted in DATA["not_read"]:
        found = shown(read(person, text).directives)
        assert found != wanted, f"now read, move it to the orders: {text}"
        assert {to for to, _ in found} <= {to for to, _ in wanted}, text


def test_the_list_of_orders_that_quote() -> None:
    """Who is meant when nobody is named: the reporter, or the DEO of the school's district."""
    wrong = []
    for first, report, second, order, wanted in DATA["replies"]:
        one = reader()
        one.read(said(1, first, report))
        found = shown(one.read(said(2, second, order, quote=1, minutes=5)).directives)
        if found != wanted:
            wrong.append(f"{report} / {order}: {found} for {wanted}")
    assert wrong == []


@pytest.mark.parametrize("text", ["DEO Zhob pl look into the matter", "list bhejein",
                                  "DEO Zhob. Why is the school closed?", "رپورٹ بھیجیں"])
def test_only_who_stands_above_gives_orders(text: str) -> None:
    one = reader()
    one.read(said(1, "deo", "Sir 4 schools are closed"))
    assert one.read(said(2, "stranger", text, quote=1)).directives == ()
    assert one.read(said(3, "hm", text, quote=1)).directives == ()
    assert one.read(said(4, "dc", text, quote=1)).directives


def test_copies_and_channel() -> None:
    found, = read("secretary", "DC Zhob is requested to send a letter officially through fax by "
                  "tomorrow with a copy to the Commissioner Zhob Division and Director Schools."
                  ).directives
    assert (found.to, found.due, found.channel) == (("DC Zhob",), "2026-05-05", "fax")
    assert found.cc == ("Commissioner Zhob Division", "Director (Schools) Balochistan")
    assert found.action.startswith("send a letter")


def test_a_date_that_does_not_exist_is_said() -> None:
    found, = read("director", "DEO Zhob submit the list by 31-09-2026").directives
    assert found.due is None
    assert found.deadline is not None and "does not exist" in " ".join(found.reasons)


def test_a_deadline_before_the_message_is_said() -> None:
    found, = read("director", "DEO Zhob submit the list latest by 1-5-2026").directives
    assert found.deadline is not None and found.deadline.past
    assert "gone by" in " ".join(found.reasons)


def test_two_holders_of_one_post_and_none() -> None:
    two = Office([*HOLDERS, Holder("second", "DEO", "Zhob", 7, ("Second",))])
    one = Reader(two, OFFICE)
    for name in ("Zhob", "Washuk"):  # nobody holds the second
        found, = one.read(said(1, "director", f"DEO {name} send the list")).directives
        assert found.to == (f"DEO {name}",)


def test_an_edit_takes_the_place_of_what_was_said() -> None:
    one = reader()
    one.read(said(1, "director", "All DEOs send the list by Friday"))
    one.read(Message("m2", "director", AT, "All DEOs send the list by Thursday", edit_of="m1",
                     thread="m1"))
    answer = one.read(said(3, "deo", "Noted sir", minutes=4)).answer
    assert answer is not None and answer.message == "m2"


def test_a_very_long_message_takes_bounded_time() -> None:
    one = reader()
    for text in ("DEO Zhob send the list by Monday, " * 1800, "ا" * 60_000, "word " * 12_000,
                 "(" * 60_000, "7/11 " * 12_000, "DEO " * 15_000):
        started = time.perf_counter()
        one.read(said(1, "director", text))
        assert time.perf_counter() - started < 1.5


@given(st.text(max_size=300), st.sampled_from(["text", "image", "location", "deleted"]))
def test_nothing_raises(text: str, kind: str) -> None:
    one = reader()
    one.read(said(1, "director", text, kind))
    one.read(said(2, "deo", text, kind, quote=1))


def test_districts_are_what_a_message_is_about() -> None:
    for text, wanted in (
            ("سریاب کے گرلز سکولوں میں گیس نہیں", ("Quetta",)),
            ("سنجاوی کے پانچ سکولوں میں اساتذہ نہیں پہنچ سکے", ("Ziarat",)),
            ("پانچ رکنی کمیٹی بنا دی گئی", ()),
            ("Madam is absent, elders say she lives in Quetta", ()),
            ("Statement Quetta mein by hand jama kar di", ()),
            ("12 schools in Quetta are closed", ("Quetta",)),
            ("@Gulistan DEO Sherani explain the position", ("Sherani",))):
        assert read("secretary", text).districts == wanted, text


def test_all_of_the_division_are_the_commissioners() -> None:
    found, = read("secretary", "Meeting on 6th May at 11:30 am. Commissioner Zhob, DC Zhob and all "
                  "DEOs of the division to attend in person").directives
    assert found.to == ("Commissioner Zhob Division", "DC Zhob", "All DEOs Zhob Division")
    assert found.due == "2026-05-06T11:30"


def test_as_many_as_were_named_are_told() -> None:
    found, = read("secretary", "ڈائریکٹر سکولز اور ڈی سی ژوب ممبر ہیں۔ پہلی میٹنگ بدھ 11 "
                  "بجے میرے دفتر میں، دونوں شرکت یقینی بنائیں").directives
    assert found.to == ("Director (Schools) Balochistan", "DC Zhob")
    assert found.due == "2026-05-06T11:00"
