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


SHAH = "GBPS Killi Shah Zhob 04111. "


@pytest.mark.parametrize(("text", "figures"), [  # sanctioned, present, enrolled, students present
    ("Posts: 16 | Hazir: 11 | Leave (approved): 2\nRoll 322, aaj 251 thay", (16, 11, 322, 251)),
    ("staff strength: 9 / mojood 7\nattendence 140 of 201", (9, 7, 201, 140)),
    ("only 1 teacher of 3 was there. 19 boys sitting, roll is 47", (3, 1, 47, 19)),
    ("Enrolment as per register 38 girls, nil present. 2 pacca rooms", (None, None, 38, 0)),
    ("teachers 6 ki 6 mojood, 61 bachiyan aai thin, kul dakhla 75", (6, 6, 75, 61)),
    ("تعداد اساتذہ: 5، حاضر: 3، طلبہ کی تعداد 140، حاضری 96", (5, 3, 140, 96)),
    ("اساتذہ کی منظور شدہ اسامیاں 3 ہیں، تینوں حاضر تھے", (3, 3, None, None)),
    ("کل اساتذہ چار، تین حاضر، ایک رخصت پر۔ داخل بچے ۸۵، حاضر ۶۲", (4, 3, 85, 62)),
    ("منظور شدہ 2، حاضر صفر، بچے صفر، داخلہ 28", (2, 0, 28, 0)),
    ("دونوں معلمات ڈیوٹی پر موجود، بچیاں 38 حاضر کل 50", (None, 2, 50, 38)),
    ("چاروں اساتذہ حاضر، 70 میں سے 66 طلبا موجود", (None, 4, 70, 66)),
    ("استاد ایک ہے وہ بھی غیر حاضر (نور محمد)۔ بچے 20 آئے ہوئے تھے", (1, 0, None, 20)),
    ("استانی ایک ہی ہے اور حاضر تھی، 52 میں سے 37 بچیاں", (1, 1, 52, 37)),
    ("واحد ٹیچر رحیم بخش بغیر اطلاع غائب، سکول بند، داخلہ 33", (1, 0, 33, None))])
def test_figures_in_any_layout(text: str, figures: tuple[int | None, ...]) -> None:
    found = visit(SHAH + text)
    assert found is not None
    assert (found.teachers_sanctioned, found.teachers_present, found.students_enrolled,
            found.students_present) == figures


@pytest.mark.parametrize(("text", "names"), [
    ("1 of 3 teachers there. Hazrat Ali n Noor Gul not came", ("Hazrat Ali", "Noor Gul")),
    ("posts 9, mojood 7 (Ikram Ullah medical leave pe, Wali Jan w/o leave)", ("Wali Jan",)),
    ("16 posts 13 present\nAbsent -> Zarif Khan, Amanullah", ("Zarif Khan", "Amanullah")),
    ("کل 7 اساتذہ، 5 موجود، 2 غیر حاضر (اکرم، صدیق)", ("اکرم", "صدیق")),
    ("تالہ لگا ہوا تھا، استاد محمد یوسف غائب۔ بچے باہر تھے", ("محمد یوسف",)),
    ("عملہ 8/10، غیر حاضر استانیاں شازیہ بی بی اور رخسانہ", ("شازیہ بی بی", "رخسانہ")),
    ("2 میں سے 1 ٹیچر۔ پانی اور بجلی موجود نہیں", ())])
def test_who_is_absent(text: str, names: tuple[str, ...]) -> None:
    found = visit(SHAH + text)
    assert found is not None and found.absent_teachers == names


@pytest.mark.parametrize(("text", "missing"), [
    ("پانی اور بجلی کی سہولت موجود نہیں", ("water", "electricity")),
    ("بجلی ہے پانی نہیں", ("water",)), ("نہ پانی ہے نہ بجلی نہ واش روم", (
        "water", "electricity", "toilet")),
    ("چار دیواری گری ہوئی ہے، فرنیچر کی کمی ہے", ("boundary wall", "furniture")),
    ("library aur lab nahi", ("library", "lab")), ("science lab band hai", ()),
    ("washroom ki chhat gir gai hai", ()), ("لیب اسسٹنٹ نہیں ہے", ())])
def test_what_is_missing(text: str, missing: tuple[str, ...]) -> None:
    found = visit(f"{SHAH}2 of 3 teachers present, 30 students. {text}")
    assert found is not None and found.missing == missing


def test_an_appeal_is_no_visit() -> None:
    assert visit("GBPS Killi Shah Zhob 04111 mein pani nahi, chardiwari nahi. Fund provide karein "
                 "please") is None
