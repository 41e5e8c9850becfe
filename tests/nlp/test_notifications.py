"""Which documents and pictures are announced as notifications, letters …, in varied wording."""
from __future__ import annotations

from datetime import date

import pytest

from nlp.corrections import corrects
from nlp.notifications import announced

SENT = date(2026, 4, 10)
PHONE = "IMG-20260410-WA0003.jpg"


@pytest.mark.parametrize(("caption", "file", "kind", "number", "day", "subject"), [
    ("Notification No. SO(Acad)3-12/2026/456-60 dated 16-03-2026 regarding school timings in "
     "Ramzan", PHONE, "notification", "SO(Acad)3-12/2026/456-60", "2026-03-16",
     "school timings in Ramzan"),
    ("Forwarded\n*NOTIFICATION* All heads in winter zone shall observe 8:00 am to 12:30 pm",
     "Notification School Timings.pdf", "notification", "", "",
     "heads in winter zone shall observe 8:00 am to 12:30 pm"),
    ("Notification: Mr Nazir Ahmed is posted as DEO Washuk wef 16-03-2026", "x.pdf",
     "notification", "", "", "Mr Nazir Ahmed is posted as DEO Washuk wef 16-03-2026"),
    ("گرمیوں کی تعطیلات کا نوٹیفکیشن نمبر ۱۲۳/۲۰۲۶ مورخہ ۵ اپریل ۲۰۲۶", "scan0001.pdf",
     "notification", "123/2026", "2026-04-05", "گرمیوں کی تعطیلات"),
    ("chuttiyon ka notification a gya hai", PHONE, "notification", "", "", "chuttiyon"),
    ("Winter vacations ke bare mein notification", PHONE, "notification", "", "",
     "Winter vacations"),
    ("", "Notification_No_SO-Sec-112_12-03-2026_Summer_Vacations.pdf", "notification",
     "SO-Sec-112", "2026-03-12", "Summer Vacations"),
    ("Press Release\nMinister Education visited Girls High School Quetta", PHONE,
     "press release", "", "", "Minister Education visited Girls High School Quetta"),
    ("پریس ریلیز: سیکرٹری تعلیم نے سبی کے سکولوں کا دورہ کیا۔", PHONE, "press release", "", "",
     "سیکرٹری تعلیم نے سبی کے سکولوں کا دورہ کیا"),
    ("circular reg biometric attendance", "x.pdf", "circular", "", "", "biometric attendance"),
    ("گشتی مراسلہ برائے بائیومیٹرک حاضری", "x.pdf", "circular", "", "", "بائیومیٹرک حاضری"),
    ("Suspension order issued vide No 2217-20", "Suspension HM GGMS Nal.pdf", "order",
     "2217-20", "", "Suspension HM GGMS Nal"),
    ("Office order: Mr Sattar is posted as DMC Kachhi with immediate effect.", "Order.pdf",
     "order", "", "", "Mr Sattar is posted as DMC Kachhi with immediate effect"),
    ("Sir letter No. DEO/Sibi/2026/112-15 dated 3rd April 2026 for kind perusal, subject: repair "
     "of boundary walls. Thanks", "letter.pdf", "letter", "DEO/Sibi/2026/112-15", "2026-04-03",
     "repair of boundary walls"),
    ("murasla no 55 mowarkha 2 april, asaami ki manzoori ke bare mein", "a.pdf", "letter", "55",
     "2026-04-02", "asaami ki manzoori"),
    ("Salary deduction of 5 teachers made, DAO letter attached", "DAO letter.pdf", "letter", "",
     "", "Salary deduction of 5 teachers made, DAO"),
    ("Contact no 0300-1234567 letter attached", "Repair of roof letter.pdf", "letter", "", "",
     "Contact no 0300-1234567"),
])
def test_it_is_announced(caption: str, file: str, kind: str, number: str, day: str, subject: str
                         ) -> None:
    found = announced(caption, file, SENT)
    assert found is not None
    assert (found.kind, found.number, found.day, found.subject) == (kind, number, day, subject)


@pytest.mark.parametrize(("caption", "file"), [
    ("List of schools as per notification", "Schools list.xlsx"),
    ("Plz share the notification of summer vacations", PHONE),
    ("notification bhej dein please", PHONE), ("koi notification nahi mila sir", PHONE),
    ("GGMS Nal 09417 band mila, chutti ka koi notification nahi.", PHONE),
    ("Reply to letter no 123 attached", "Reply.pdf"), ("letter ka jawab attached", "jawab.pdf"),
    ("Sir replies of all 4 letters", "Replies DEO Kharan.pdf"),
    ("Is there any notification?", PHONE), ("نوٹیفکیشن کے مطابق فہرست", "list.xlsx"),
    ("نوٹیفکیشن ارسال کریں", PHONE), ("School gate locked", PHONE), ("", "DOC-20260316-WA0003.pdf"),
    ("List of 38 absentees of 6 April for kind perusal", "Absentees 06-04-26.xlsx"),
    ("Situation report as desired", "Sitrep Talar 13 Apr.pdf"), ("", ""), ("Explanation", "a.jpg"),
])
def test_it_only_speaks_of_one(caption: str, file: str) -> None:
    assert announced(caption, file, SENT) is None


def test_odd_input_costs_little_and_breaks_nothing() -> None:
    assert announced("a notification " * 5000, "x" * 9000, SENT) is not None
    found = announced("Notification no 5 dated 31-09-2026", "x.pdf", SENT)
    assert found and found.day == "" and found.number == "5"
    assert announced("Notification dated 20 December", "x.pdf", SENT).day == "2025-12-20"
    assert announced("\u202e\x00no. no. # نمبر", "no no no.pdf", SENT) is None


@pytest.mark.parametrize(("text", "does"), [
    ("Revised: GBHS Mekhtar 04108 teachers sanctioned 14", True), ("تصحیح: اساتذہ 3 ہیں", True),
    ("Sorry sir, 12 present not 13", True), ("GBHS Mekhtar 04108, school open", False),
    ("School open today. The revised timetable hangs at the gate of the office", False)])
def test_a_correction_says_so_at_its_beginning(text: str, does: bool) -> None:
    assert corrects(text) is does
