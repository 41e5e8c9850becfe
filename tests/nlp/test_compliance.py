"""Answers to orders: which order, and how far it is done, in three languages."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nlp.office import Office
from nlp.said import Answer
from tests.nlp.test_orders import HOLDERS, reader, said

DATA = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))
ORDER = "DEO Zhob stop the pay of both teachers and send the inquiry report by Friday"


def answer(text: str, order: str = ORDER, kind: str = "text", person: str = "deo") -> Answer | None:
    one = reader()
    given = one.read(said(1, "director", order)).directives
    assert given
    return one.read(said(2, person, text, kind, minutes=10)).answer


@pytest.mark.parametrize(("text", "state"), [
    ("Noted sir", "acknowledged"), ("Ok sir", "acknowledged"), ("Right sir, noted", "acknowledged"),
    ("Will be done by tomorrow sir", "acknowledged"), ("kal tak bhej dunga sir", "acknowledged"),
    ("جی سر بھیج دوں گا", "acknowledged"), ("بہتر جناب", "acknowledged"),
    ("Letter is being issued sir", "in_progress"), ("Sir kaam shuru kar diya hai", "in_progress"),
    ("report tayar kar raha hun", "in_progress"), ("انکوائری شروع کر دی ہے", "in_progress"),
    ("رپورٹ تیار کر رہا ہوں", "in_progress"),
    ("Complied. Report attached", "done"), ("Sir report submitted", "done"),
    ("Sir pay band kar di hai", "done"), ("رپورٹ ارسال کر دی ہے", "done"),
    ("تنخواہ بند کر دی گئی ہے", "done"),
    ("Sir ye mere ikhtiar mein nahi, maazrat", "refused"), ("Not possible sir", "refused"),
    ("معذرت، یہ ممکن نہیں", "refused"), ("Sir I am unable to do it", "refused"),
    ("sir ye DOEF ka kaam hai mera nahi", "refused"), ("سر میں یہ نہیں کر سکتا", "refused"),
    ("سر کل تک مکمل ہو جائے گا", "acknowledged"), ("حکم کی تعمیل ہوگی سر", "acknowledged"),
    ("ji sir ho jayega", "acknowledged"), ("سر کر دیں گے", "acknowledged"),
    ("Sir half done, rest by tomorrow", "in_progress"), ("Sir under process", "in_progress"),
    ("سر ٹیم روانہ کر دی ہے", "in_progress"), ("team ja rahi hai sir", "in_progress"),
    ("Pay stopped and report emailed", "done"), ("Sir report jama kara di", "done"),
    ("جی سر بھیج دی", "done"), ("سر عملدرآمد ہو گیا ہے", "done"),
])
def test_states(text: str, state: str) -> None:
    found = answer(text)
    assert found is not None and (found.message, found.state) == ("m1", state)


def test_the_list_of_answers() -> None:
    wrong = [f"{order}, {text}: {found and found.state} for {state}"
             for order, text, state in DATA["answers"]
             if not (found := answer(text, DATA["orders"][order])) or found.state != state]
    assert not wrong, "\n".join(wrong)


def test_the_words_say_which_order() -> None:
    found = answer("Inquiry report sent sir", "DEO Zhob stop the pay of both teachers today. "
                   "Send the inquiry report by Friday")
    assert found is not None and (found.n, found.state) == (1, "done")


def test_the_list_of_targets() -> None:
    wrong = []
    for orders, text, wanted in DATA["targets"]:
        one = reader()
        for number, order in enumerate(orders, 1):
            assert one.read(said(number, "director", order, minutes=7 * number)).directives, order
        found = one.read(said(9, "deo", text, minutes=25)).answer
        if found is None or found.message != f"m{wanted}":
            wrong.append(f"{orders}, {text}: {found and found.message} for m{wanted}")
    assert not wrong, "\n".join(wrong)


def test_what_is_done_is_left_for_what_is_open() -> None:
    one = reader()
    one.read(said(1, "director", "DEO Zhob send the list of closed schools"))
    one.read(said(2, "director", "DEO Zhob send the list of vacant posts", minutes=2))
    first = one.read(said(3, "deo", "Sent sir", quote=2, minutes=4)).answer
    second = one.read(said(4, "deo", "Ye bhi bhej di sir", minutes=9)).answer
    assert first is not None and first.message == "m2"
    assert second is not None and (second.message, second.state) == ("m1", "done")


def test_who_quotes_an_order_answers_it_whomever_it_was_read_for() -> None:
    one = reader()
    one.read(said(1, "director", "DEO Killa Saifullah send the list of closed schools"))
    found = one.read(said(2, "deo", "Sent sir", quote=1, minutes=9)).answer
    assert found is not None and (found.message, found.state) == ("m1", "done")


def test_who_answers_on_behalf_of_another_answers_his_order() -> None:
    one = reader()
    one.read(said(1, "director", "DEO Zhob stop the pay of both teachers"))
    found = one.read(said(2, "ddoe", "On behalf of DEO sb, both teachers' pay stopped",
                          minutes=9)).answer
    assert found is not None and (found.message, found.state) == ("m1", "done")


def test_a_condition_is_not_what_a_task_is_about() -> None:
    found = answer("Dono ki explanation call kar li", "DEO Zhob call explanation of both teachers. "
                   "If the explanation is not satisfactory, suspend them")
    assert found is not None and found.n == 0


def test_an_order_is_answered_by_who_held_the_post_when_it_came() -> None:
    one = reader()
    one.read(said(1, "director", "DEO Zhob hand over the charge today"))
    one.know(Office([replace(each, post="DEO", place="Washuk") if each.person == "deo" else each
                     for each in HOLDERS]))
    found = one.read(said(2, "deo", "Charge handed over sir", minutes=300)).answer
    assert found is not None and (found.message, found.state) == ("m1", "done")


def test_a_file_is_what_was_asked_for() -> None:
    found = answer("", "DEO Zhob send the list of closed schools", "document")
    assert found is not None and found.state == "done"


def test_a_question_is_answered_by_an_account() -> None:
    found = answer("Sir teachers were on election duty since Monday",
                   "DEO Zhob why are both teachers absent?")
    assert found is not None and found.state == "done"


@pytest.mark.parametrize(("text", "person"), [
    ("Noted sir", "deoksf"), ("Noted", "dc"), ("Good morning all", "press"),
    ("Sir is the list to be in Excel?", "deo"), ("انا للہ وانا الیہ راجعون", "deo"),
])
def test_no_answer(text: str, person: str) -> None:
    assert answer(text, person=person) is None
