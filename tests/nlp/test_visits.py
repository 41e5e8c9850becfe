"""Reports of school visits, the schools they name, and the districts of messages."""
from __future__ import annotations

import pytest

from nlp.schools import School
from nlp.visits import Visit
from tests.nlp.test_orders import read, reader, said


def visit(text: str) -> Visit | None:
    return read("dmc", text).visit


def test_a_report_in_english() -> None:
    assert visit("GBPS Killi Shah Zhob BEMIS 04111. School closed. Sanctioned 3 teachers, all "
                 "absent. Absent: Abdul Ghani, Mir Ahmad and Jan Gul. Students 0 out of 42. No "
                 "boundary wall, no water. Building needs repair") == Visit(
        False, 3, 0, ("Abdul Ghani", "Mir Ahmad", "Jan Gul"), 42, 0, ("boundary wall", "water"),
        "Building needs repair")


def test_a_report_in_roman_urdu() -> None:
    assert visit("GGPS Tora Zhob 04222 khula tha. 4 mein se 3 teachers hazir, Saima ghair hazir. "
                 "bachay 61, bijli nahi hai") == Visit(
        True, 4, 3, ("Saima",), None, 61, ("electricity",), None)


def test_a_report_in_urdu() -> None:
    assert visit("GGPS Tora ژوب بیمس ۰۴۲۲۲۔ سکول بند تھا۔ منظور شدہ اساتذہ 2، دونوں "
                 "غیر حاضر۔ طالبات 30 میں سے 0۔ پانی نہیں ہے") == Visit(
        False, 2, 0, (), 30, 0, ("water",), None)


def test_parts_carry_their_own_figures() -> None:
    one = reader()
    assert one.read(said(1, "dmc", "GBPS Killi Shah Zhob 04111")).visit is None
    first = one.read(said(2, "dmc", "band mila, taala laga tha. post 1 hai", minutes=1)).visit
    second = one.read(said(3, "dmc", "enrolled 22, chardiwari nahi", minutes=2)).visit
    assert first == Visit(False, 1, 0)
    assert second == Visit(students_enrolled=22, missing=("boundary wall",))
    assert one.read(said(4, "dmc", "Ok sir", minutes=40)).visit is None


@pytest.mark.parametrize("text", [
    "GBHS Apozai mein matric ka paper leak ho gaya", "Plan: GBPS Killi Shah 04111, GGPS Tora 04222",
    "GBPS Killi Shah ki report kahan hai?", "Forwarded\nGBPS Killi Shah closed, 3 teachers absent"])
def test_no_visit(text: str) -> None:
    assert visit(text) is None


@pytest.mark.parametrize(("text", "code"), [
    ("GBPS Killi Shah BMIS Code 04111 closed", "04111"), ("GBPS Killi Shah\nBEMIS\n04111", "04111"),
    ("GBPS Killi Shah بیمس ۰۴۱۱۱ بند ہے", "04111"), ("GBPS Killi Shah bemis 4111", "04111"),
    ("GBPS Killi Shah closed, 12500 rs fund", None)])
def test_codes(text: str, code: str | None) -> None:
    school, = read("dmc", text).schools
    assert (school.name, school.bemis) == ("GBPS Killi Shah", code)


def test_a_conversation_tells_the_district() -> None:
    one = reader()
    one.read(said(1, "dmc", "GBPS Killi Shah Zhob 04111 closed"))
    assert one.read(said(2, "dc", "GBPS Killi Shah opened today", minutes=9)).schools == (
        School("GBPS Killi Shah", None, "Zhob", 0, 3),)


@pytest.mark.parametrize(("person", "text", "districts"), [
    ("deo", "Sir mere district mein 12 schools band hain", {"Zhob"}),
    ("director", "All DEOs Zhob Division send the list", {"Zhob", "Killa Saifullah", "Sherani"}),
    ("director", "DEO KSF send the list", {"Killa Saifullah"}),
    ("secretary", "Copy to Commissioner Sibi Division", set()),
    ("director", "All DEOs note", set()),
    ("deo", "تربت اور پشین میں بارش", {"Kech", "Pishin"}), ("deo", "kahan hai wo", set())])
def test_districts(person: str, text: str, districts: set[str]) -> None:
    assert set(read(person, text).districts) == districts
