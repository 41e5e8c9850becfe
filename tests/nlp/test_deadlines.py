"""Deadlines in three languages: what is read, what is left alone, what is said to be unreadable."""
from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp import calendar, deadlines
from nlp.deadlines import DateError, Deadline

OFFICE = calendar.shipped()
PHRASES = json.loads(Path(__file__).with_name("deadlines.json").read_text(encoding="utf-8"))
URDU_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE.zone)


NOW = moment(PHRASES["at"])  # a Tuesday


def read(text: str, at: datetime = NOW) -> Deadline | None:
    return deadlines.read(text, at, OFFICE)


def label(found: Deadline | None) -> str | None:
    """As the phrases are labelled: see the head of deadlines.json."""
    if found is None or found.said:
        return found.said if found else None
    return "!" if found.kind == "urgent" else "?"


def wrong(name: str) -> list[str]:
    return [f"{text}: {label(found)} for {due}" for text, due, *at in PHRASES[name]
            if label(found := read(text, moment(at[0]) if at else NOW)) != due]


@pytest.mark.parametrize("name", ["phrases", "held_out", "messages", "messages_2", "messages_3",
                                  "messages_4", "messages_5"])
def test_own_phrases(name: str) -> None:
    assert wrong(name) == []


def test_what_is_known_not_to_be_read_is_not_read_wrongly() -> None:
    assert [text for text, _ in PHRASES["not_read"] if label(read(text))] == []


def test_each_task_of_a_message_has_its_own() -> None:
    text = ("اس کے تبادلے کی سمری کل تک پیش کریں۔ ڈی ای او خاران جمعے کو صبح 10 بجے میرے دفتر "
            "حاضر ہو۔ Stop the pay of the clerk.")
    first, second = deadlines.read_all(text, NOW, OFFICE)
    assert (first.said, second.said) == ("2026-11-25", "2026-11-27T10:00")
    assert text[first.start:first.end] == first.phrase == "کل"
    middle, last = text.index("ڈی"), text.index("Stop")
    assert deadlines.read(text, NOW, OFFICE, middle, last) == second
    assert deadlines.read(text, NOW, OFFICE, last) is None


def test_an_hour_alone_takes_the_day_just_named() -> None:
    text = "Schools will remain open tomorrow. All DEOs submit attendance by 12 noon"
    assert deadlines.read(text, NOW, OFFICE, 35).said == "2026-11-25T12:00"
    assert read("submit attendance by 12 noon").said == "2026-11-24T12:00"
    assert read("submit attendance by 9 am").said == "2026-11-25T09:00"  # ten already


def test_a_due_date_lies_on_the_office_calendar() -> None:
    friday = read("report within 3 days")
    assert friday.due == moment("2026-11-27T15:30")
    saturday = read("ہفتہ تک کام ختم کریں")
    assert saturday.said == "2026-11-28" and saturday.due == moment("2026-11-30T16:00")
    assert saturday.reasons[-1] == ("Sat 28 Nov 2026 is Saturday, a day off: moved to "
                                    "Mon 30 Nov 2026")
    assert read("by 25 December").reasons[-1].startswith("Fri 25 Dec 2026 is Quaid-e-Azam Day")
    assert read("within 3 working days", moment("2026-12-23T10:00")).said == "2026-12-29"
    assert read("aaj shaam tak").due == moment("2026-11-24T18:00")
    assert read("do it today", moment("2026-11-24T20:00")).due == moment("2026-11-24T23:59")
    sunday = read("within 2 hours", moment("2026-11-29T11:00"))
    assert sunday.due == moment("2026-11-29T13:00")


def test_what_it_says_when_it_cannot_tell() -> None:
    assert read("10 Muharram tak").reasons == (
        "“10 Muharram” goes by the moon: give the date as 25-11-2026",)
    assert read("by 31-09-2027").reasons == ("31 September 2027 does not exist",)
    assert "read day first" in read("by 11-25-2026").reasons[0]
    assert "again and again" in read("every Monday send progress").reasons[0]
    assert read("Reply at the earliest").due is None
    doubtful = read("by Thursday 27 November")
    assert doubtful.said == "2026-11-27" and "is a Friday" in doubtful.reasons[1]
    assert doubtful.confidence < read("by Friday 27 November").confidence


def test_a_deadline_before_the_message_is_marked() -> None:
    found = read("latest by 20-11-2026")
    assert found.past and found.due < NOW and "gone by" in found.reasons[-1]
    assert read("those who joined before 1-7-2019 are eligible") is None
    assert read("Take action against teacher absent on 20-11-2026") is None


def test_after_the_friday_prayer_is_today_on_a_friday() -> None:
    friday = moment("2026-11-27T09:00")
    for text in ("after Jumma see me with the file", "jumma ke baad mere daftar aao",
                 "جمعہ کی نماز کے بعد میرے دفتر آئیں"):
        assert read(text, friday).said == "2026-11-27"
        assert read(text).said == "2026-11-27"
    assert read("jumma tak report dein", friday).said == "2026-12-04"


def test_a_date_without_a_year_is_the_next_one() -> None:
    assert read("by 24 Nov").said == "2026-11-24"
    far = read("by 23 Nov")
    assert far.said == "2027-11-23" and far.confidence < read("by 24 Nov").confidence


@pytest.mark.parametrize(("text", "said"), [
    ("next Monday", "2026-11-30"), ("3 days", "2026-11-27"), ("پیر", "2026-11-30"),
    ("25 Nov 3 pm", "2026-11-25T15:00"), ("25", "2026-11-25"), ("5 working days", "2026-12-01"),
    ("2026-12-01T15:00", "2026-12-01T15:00"), ("kal shaam tak", "2026-11-25"),
    ("۲۵/۱۱/۲۰۲۶", "2026-11-25"), ("2 hours", "2026-11-24T12:00"), ("teen din", "2026-11-27"),
    ("by friday 10am", "2026-11-27T10:00"), ("agle hafte", "2026-12-04"), ("EOD", "2026-11-24"),
    ("تین دن کے اندر", "2026-11-27"),
    ("today 12 midnight", "2026-11-24T23:59"), ("25/11/26 15:30", "2026-11-25T15:30")])
def test_a_commands_date(text: str, said: str) -> None:
    assert deadlines.parse_date(text, NOW, OFFICE).said == said


@pytest.mark.parametrize(("text", "kind", "says"), [
    ("", "missing", "By when?"), ("   ", "missing", "By when?"),
    ("banana", "unread", "“banana” cannot be read as a date"),
    ("Friday banana", "unread", "“banana” cannot be read"),
    ("31-09", "impossible", "31 September does not exist"),
    ("29-02-2027", "impossible", "29 February 2027 does not exist"),
    ("11-25-2026", "impossible", "There is no month 25; dates are read day first"),
    ("45", "impossible", "No month has 45 days"),
    ("20-11-2026", "past", "“20-11-2026” is Fri 20-11-2026 15:30, which has gone by"),
    ("yesterday", "past", "which has gone by"),
    ("friday or monday", "unread", "“friday” and “monday” are two dates"),
    ("10 Muharram", "unread", "goes by the moon"), ("asap", "unread", "no date is said"),
    ("x" * 10_000, "unread", "xx… cannot be read"), ("<b>kal</b> x", "unread", "“b b x” cannot")])
def test_a_commands_date_that_cannot_be_used(text: str, kind: str, says: str) -> None:
    with pytest.raises(DateError) as refused:
        deadlines.parse_date(text, NOW, OFFICE)
    assert refused.value.kind == kind
    assert says.replace("xx…", "x…”") in str(refused.value)
    assert len(str(refused.value)) < 300


@given(st.dates(date(2026, 11, 25), date(2028, 12, 31)), st.booleans())
def test_a_date_is_read_however_it_is_written(day: date, urdu: bool) -> None:
    for form in ("%d-%m-%Y", "%d.%m.%y", "%d/%m/%Y", "%Y-%m-%d", "%d %B %Y", "%d-%b-%Y",
                 "%B %d, %Y"):
        text = f"{day:{form}}"
        text = text.translate(URDU_DIGITS) if urdu else text
        assert deadlines.parse_date(text, NOW, OFFICE).said == day.isoformat()
        assert read(f"رپورٹ {text} تک دیں").said == read(
            f"Report by {text} please").said == day.isoformat()


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(1, 300))
def test_spans_count_from_the_message(at: datetime, n: int) -> None:
    sent = at.replace(tzinfo=OFFICE.zone)
    for text in (f"within {n} days", f"{n} din ke andar", f"{n} دن کے اندر"):
        assert read(text, sent).said == (sent.date() + timedelta(n)).isoformat()


VOCABULARY = """
by before within on tak se ke andar mein kal aaj parson تک کل دن کے اندر 3 25 th 31-09 25-11
25-11-2026 99999 0 10:30 am pm baje Monday jumma next agle end of month week hafte days
hours Nov دسمبر eid of the muharram every roz half paune saarhe noon midnight cob . , ! - /
: 's to nahi working 1400 hrs 29 feb بجے ۳۱ immediately asap o clock last since 2019 a an
couple from first wale hai tha jo"""
WORDS = st.sampled_from(["\n", *VOCABULARY.split()])
ANY_TEXT = st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join),
                     st.lists(WORDS, max_size=12).map("".join))
SENT = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=OFFICE.zone))


@given(ANY_TEXT, SENT)
def test_any_text_is_read_and_nothing_is_due_in_the_past_unless_marked(
        text: str, at: datetime) -> None:
    for found in deadlines.read_all(text, at, OFFICE):
        assert 0 <= found.start < found.end <= len(text)
        assert found.phrase == text[found.start:found.end]
        assert found.reasons and 0 <= found.confidence <= 1
        assert bool(found.due) == bool(found.said)
        if found.due:
            assert found.due >= at or found.past
            assert found.due.date().isoformat() >= found.said[:10]
        assert (found.due is None) == (found.kind in ("unread", "repeated")) or (
            found.kind == "urgent")


@given(ANY_TEXT, SENT)
def test_a_commands_date_is_used_or_refused_in_one_sentence(text: str, at: datetime) -> None:
    try:
        found = deadlines.parse_date(text, at, OFFICE)
    except DateError as refused:
        assert 10 < len(str(refused)) < 400
    else:
        assert found.due is not None and found.due >= at


@pytest.mark.parametrize("filler", ["by 3 days 10 am friday the ", "کل تک ", "25 نومبر ", "roz ",
                                    " 1", "25-11-", "ke ", "(", "a"])
def test_a_message_of_60000_characters_is_read_to_its_end(filler: str) -> None:
    text = (filler * 60_000)[:60_000] + "\nReport by 5 December 2026, 3 pm."
    assert deadlines.read_all(text, NOW, OFFICE)[-1].said == "2026-12-05T15:00"


def test_an_office_with_another_hour_for_cob() -> None:
    office = calendar.build({"week": {"monday": "09:00-14:00"}}, zone=OFFICE.zone,
                            close_of_business="14:00")
    assert deadlines.read("by COB", NOW, office).due.time() == time(14)
