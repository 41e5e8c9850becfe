"""Orders in single messages of three languages: who is told, by when, and what is no order."""
from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

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


def read(person: str, text: str, **more: object) -> Findings:
    return reader().read(Message("m1", person, AT, text, **more))  # type: ignore[arg-type]


def shown(found: tuple[Directive, ...]) -> list[list[object]]:
    return [[";".join(one.to), one.due] for one in found]


def test_the_list_of_orders() -> None:
    wrong = [f"{text}: {found} for {wanted}" for person, text, wanted in DATA["orders"]
             if (found := shown(read(person, text).directives)) != wanted]
    assert wrong == []
