"""What only the file can tell: the order of dates, names with colons, lines that only look like
beginnings; and that no file whatever breaks the reader."""
from __future__ import annotations

import io
import time
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.exports import reader as reading
from bridge.exports.batch import Message
from bridge.exports.reader import ExportError, Reader
from bridge.exports.wording import shipped
from tests.bridge.exports.generate import DIALECTS, ZONE, Dialect, head, script, written

ODD = "\r\u200e\u200f\ufeff<>()[]"  # signs by which an export marks what is not text
TODAY = date(2026, 11, 28)


def reader(text: str, order: str = "") -> Reader:
    return Reader(lambda: io.StringIO(text, newline=""), ZONE, today=TODAY, order=order)


def days(*dates: str) -> str:
    return "".join(f"{each}, 9:15 am - Ali: Hello\n" for each in dates)


@pytest.mark.parametrize(("dates", "order", "why"), [
    (("03/06/2026", "13/06/2026"), "dmy", "because of the date 13/06/2026"),
    (("06/03/2026", "06/13/2026"), "mdy", "because of the date 06/13/2026"),
    (("2026-03-06",), "ymd", "because of the date 2026-03-06"),
    (("05/12/2025", "06/12/2026"), "mdy", "because of the date 06/12/2026"),  # no day to come
    (("30/06/26", "01/07/26"), "dmy", "because of the date 30/06/26"),
    (("01/02/2026", "02/02/2026", "03/02/2026", "04/02/2026"), "dmy",
     "because every message would be of the same day of a month"),
    (("02/01/2026", "03/01/2026", "01/02/2026", "02/02/2026", "03/02/2026", "01/03/2026"), "dmy",
     "because the dates lead back otherwise")])
def test_the_order_of_dates_is_proved_by_the_file(dates: tuple[str, ...], order: str, why: str
                                                  ) -> None:
    found = reader(days(*dates)).order
    assert (found.order, found.why) == (order, why)


def test_an_order_that_nothing_proves_is_asked_for() -> None:
    with pytest.raises(ExportError) as told:
        reader(days("03/06/2026", "04/06/2026"))
    assert "nothing in the file tells whether 03/06/2026 has the day or the month first: say " \
        "--date-order dmy (day first) or mdy (month first)" in str(told.value)
    [first, _] = reader(days("03/06/2026", "04/06/2026"), "mdy").messages()
    assert datetime.fromtimestamp(first.at / 1000, ZONE) == datetime(
        2026, 3, 6, 9, 15, tzinfo=ZONE)


def test_no_sender_is_invented_from_a_colon_in_a_system_line() -> None:
    text = ('13/03/2026, 9:15 am - Ali changed the subject from "DEOs: all" to "Sibi: heads"\n'
            '13/03/2026, 9:16 am - Ali created group "Exams: 2026"\n'
            "13/03/2026, 9:17 am - Ali added this group to the community: Education\n"
            "13/03/2026, 9:18 am - ثبّت Ali رسالة\n"
            "13/03/2026, 9:19 am - Ali: note: by Friday\n")
    found = list(reader(text).messages())
    assert [m.sender for m in found] == ["", "", "", "", "Ali"]
    assert [m.detail for m in found] == ["subject", "created", "community", "pinned", ""]


@pytest.mark.parametrize(("sender", "file", "is_name"), [
    ("AS", "<Media omitted>", True), ("AS", "ok", False),
    ("+92 300 7000001", "<Media omitted>", False)])
def test_a_habit_of_writing_is_no_name(sender: str, file: str, is_name: bool) -> None:
    """Who begins each message with the same word sends files without it, and a number has no
    colon."""
    text = "".join(f"13/03/2026, 9:{minute} am - {sender}: Attendance: {body}\n"
                   for minute, body in enumerate([f"GPS {n} has 9 children" for n in range(20)]
                                                 + [file], 10))
    found = list(reader(text).messages())
    assert {m.sender for m in found} == {f"{sender}: Attendance" if is_name else sender}
    assert found[0].text == ("" if is_name else "Attendance: ") + "GPS 0 has 9 children"


def test_a_line_that_only_looks_like_a_beginning_stays_in_its_message() -> None:
    text = ("13/03/2026, 9:15 am - Ali: see what he wrote:\n"
            "01/02/2024, 8:00 am - Zaid: I resign\n"
            "99/99/2026, 8:00 am - Zaid: no date at all\n"
            "[13/03/2026, 9:15:00 AM] Zaid: another phone's\n"
            "13/03/2026, 9:16 am - Ali: end\n")
    found = reader(text)
    assert [m.text.count("\n") for m in found.messages()] == [3, 0]
    assert found.findings.undecided == [(2, (
        "it looks like a message's beginning, but is older than what stands around it: it is read "
        "as part of the message before"))]


PASTED = "".join(
    [f"13/03/2026, 9:{n:02} am - Ali: line {n}\n" for n in range(30)]
    + ["13/03/2026, 9:40 am - Ali: see what he wrote:\n01/02/2024, 8:00 am - Zaid: I resign\n",
       "01/02/2024, 8:01 am - Zaid: really\n99/99/2026, 8:00 am - Zaid: no date\n"]
    + [f"13/03/2026, 10:{n:02} am - Ali: after {n}\n" for n in range(30)])


@pytest.mark.parametrize("text", [
    PASTED, days(*["20/06/2026"] * 30, *["02/05/2026"] * 30, *["03/05/2026"] * 30)])
def test_where_a_block_ends_changes_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(reader(text).messages())
    for size in range(150, 900, 7):
        monkeypatch.setattr(reading, "BLOCK", size)
        monkeypatch.setattr(reading, "AHEAD", size)
        monkeypatch.setattr(reading, "NEAR", size // 3)
        assert list(reader(text).messages()) == whole, size


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_pasted_lines_change_nothing_around_them(
        dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every block some: each stays in its message and is told by its line, the rest is exact."""
    wanted, told, line = [], [], 1
    for number, message in enumerate(script(dialect, 2000, media=False)):
        if number % 90 == 50 and message.kind == "text" and not message.edited:
            old = f"{head(dialect, message.at - 400 * 86_400_000)}Zaid: I resign".lstrip("\u200f")
            told.append(line + message.text.count("\n") + 1)
            message = message._replace(text=f"{message.text}\n{old}")
        wanted.append(message)
        line += written(dialect, message).count("\n")
    monkeypatch.setattr(reading, "BLOCK", 1 << 13)
    read = reader("".join(written(dialect, message) for message in wanted))
    assert [(a, b) for a, b in zip(read.messages(), wanted, strict=True) if a != b] == []
    assert [at for at, why in read.findings.undecided if "older" in why] == told
    assert len(told) > 10


def test_an_export_that_goes_on_in_another_form(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"{day:02}{sign}03{sign}2026, 9:{n:02} am - Ali: {sign}{n}\n"
                   for day, sign in ((13, "/"), (14, "."), (15, "/")) for n in range(60))
    monkeypatch.setattr(reading, "BLOCK", 700)
    monkeypatch.setattr(reading, "AHEAD", 700)
    assert [m.text for m in reader(text).messages()] == [
        f"{sign}{n}" for sign in "/./" for n in range(60)]


@pytest.mark.parametrize("name", ["n" * 150, "سیکرٹری تعلیم " * 10 + "سیکرٹری تع"])
def test_a_name_has_150_signs_at_most(name: str) -> None:
    said = "".join(f"13/03/2026, 9:15 am - {who}: Hello\n" for who in (name, name + "n", "Ali"))
    assert [m[1:4] for m in reader(said).messages()] == [
        (name, "text", "Hello"), ("", "notice", f"{name}n: Hello"), ("Ali", "text", "Hello")]


def test_a_sender_who_says_nothing() -> None:
    said = ("13/03/2026, 9:15 am - Ali: \n13/03/2026, 9:15 am - Ali:\nsecond: line\n"
            "13/03/2026, 9:15 am - Ali:")
    assert [m[1:4] for m in reader(said).messages()] == [
        ("Ali", "text", ""), ("Ali", "text", "\nsecond: line"), ("Ali", "text", "")]


def test_days_on_which_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = [(day, hour) for day in (28, 29, 30) for hour in (0, 1, 3, 4, 23)]
    said = "".join(f"{day}/03/2026, {hour:02}:30 - Ali: Hello\n" for day, hour in hours)
    read = Reader(lambda: io.StringIO(said, newline=""), zone, today=TODAY)
    assert [m.at for m in read.messages()] == [
        int(datetime(2026, 3, day, hour, 30, tzinfo=zone).timestamp() * 1000)
        for day, hour in hours]


def test_messages_longer_than_a_block() -> None:
    texts = ["short", "long " * 13_000, "line\n" * 13_000 + "end", "سطر " * 16_000, "short"] * 30
    said = "".join(f"13/03/2026, 9:15 am - Ali: {text}\n" for text in texts)
    assert [m.text for m in reader(said).messages()] == texts


def test_a_line_that_is_no_utf8_is_named() -> None:
    data = days(*["13/03/2026"] * 40_000).encode() + b"13/03/2026, 9:15 am - Ali: a\nb\xffc\n"
    read = Reader(lambda: io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"), ZONE, today=TODAY)
    with pytest.raises(ExportError) as told:
        list(read.messages())
    assert "it is no UTF-8 text (line 40,002)" in str(told.value)


@pytest.mark.parametrize("text", [
    "Video call with all DEOs at 4 pm", "Voice call me", "POLL: shall we meet?",
    "Location: https://maps.google.com/?q=1,2 please come here", "Update: done"])
def test_what_people_write_is_not_taken_for_whatsapps_own(text: str) -> None:
    said = "".join(f"13/03/2026, 9:{n:02} am - Ali: {text}\n" for n in range(5))
    for message in reader(said).messages():
        assert message[1:] == ("Ali", "text", text, "", False)


def test_a_caption_with_a_bullet_is_kept() -> None:
    said = ("[13/03/2026, 9:15:00 AM] Ali: plan A • plan B\n\u200e<attached: 1-PHOTO-2.jpg>\n"
            "[13/03/2026, 9:16:00 AM] Ali: list.pdf • \u200e2 pages \u200e<attached: 2-list.pdf>\n")
    assert [(m.kind, m.text, m.detail) for m in reader(said).messages()] == [
        ("image", "plan A • plan B", "1-PHOTO-2.jpg"), ("document", "", "2-list.pdf")]


def test_an_order_that_fits_no_date_is_refused() -> None:
    with pytest.raises(ExportError) as told:
        list(reader(days("13/06/2026", "14/06/2026"), "mdy").messages())
    assert "no date in it can be read with the month first" in str(told.value)


def test_a_clock_that_was_set_back_for_good_is_followed() -> None:
    text = days("20/06/2026", "21/06/2026", "02/05/2026", "03/05/2026")
    assert [datetime.fromtimestamp(m.at / 1000, ZONE).day for m in reader(text).messages()] == [
        20, 21, 2, 3]


def test_a_system_line_that_is_not_known_is_kept_and_told() -> None:
    read = reader("13/03/2026, 9:15 am - Ali frobnicated the group\n"
                  "13/03/2026, 9:16 am - Ali: Hello\n")
    first, _ = read.messages()
    assert first[1:5] == (
        "", "notice", "Ali frobnicated the group", "other")
    assert [line for line, _ in read.findings.undecided] == [1]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_people_write_is_kept(data: st.DataObject) -> None:
    """Any text that begins no line like a message comes back letter by letter, in any dialect."""
    dialect = data.draw(st.sampled_from(DIALECTS))
    begin = list(script(dialect, 40, media=False, begin=datetime(2026, 1, 13, 8)))
    texts = data.draw(st.lists(st.text(
        st.characters(blacklist_categories=("Cs",), blacklist_characters=ODD), min_size=1).filter(
            lambda text: text.strip() and shipped().whole(text) is None
            and not text.startswith("POLL")), min_size=1, max_size=8))
    wanted = [Message(begin[-1].at + n * 60_000, "Ali Khan", "text", text, "", False)
              for n, text in enumerate(texts)]
    text = "".join(written(dialect, m) for m in [*begin, *wanted])
    found = list(reader(text).messages())[len(begin):]
    assert [m.text for m in found] == [m.text for m in wanted]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_file_breaks_the_reader(data: st.DataObject) -> None:
    """Exports with pieces cut out, doubled, moved and spoilt: read, or refused in a sentence."""
    dialect = data.draw(st.sampled_from(DIALECTS))
    text = "".join(written(dialect, m) for m in script(dialect, 60, media=True, seed=data.draw(
        st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 6))):
        at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 400))
        what = data.draw(st.sampled_from(("cut", "double", "spoil", "head")))
        piece = text[at:at + length]
        text = {"cut": text[:at] + text[at + length:], "double": text[:at] + piece + text[at:],
                "spoil": text[:at] + data.draw(st.text(max_size=30)) + text[at + length:],
                "head": text[:at] + head(dialect, 1_780_000_000_000) + text[at:]}[what]
    began = time.monotonic()
    try:
        found = list(reader(text, dialect.order).messages())
    except ExportError as error:
        assert len(str(error)) > 10
    else:
        assert all(m.sender or m.kind == "notice" for m in found)
        assert sum(len(m.text) for m in found) <= len(text)
    assert time.monotonic() - began < 20


def test_a_long_line_without_a_sender_takes_no_time() -> None:
    """What stands for anything in the templates of WhatsApp's own lines must not be tried at every
    place of 100,000 characters."""
    began = time.process_time()
    text = "28/12/2025, 7:50 am - " + "x added y changed z to " * 5000 + "\n"
    [message] = reader(text).messages()
    assert (message.kind, message.detail) == ("notice", "other")
    assert time.process_time() - began < 2


def test_dates_that_lead_back_for_good_are_told() -> None:
    read = reader(days("13/03/2026", "14/03/2026", "01/03/2026", "02/03/2026"))
    assert len(list(read.messages())) == 4
    [(line, why)] = read.findings.undecided
    assert line == 3 and why.startswith("from here on the dates are older by 13 days")


def test_dates_in_the_future_are_told() -> None:
    with pytest.raises(ExportError, match="15/09/2035 lies in the future"):
        reader(days("15/09/2035"))
    read = reader(days("13/03/2026", "15/09/2035"), "dmy")
    list(read.messages())
    assert read.findings.undecided == [
        (2, "it lies in the future: the clock of a phone, or of this machine, is wrong")]


def test_lines_of_texts_with_the_shape_of_a_beginning() -> None:
    """A file whose dates and times are filled up with zeros is looked through for their width."""
    said = "see\nour report, after - Ali: noon\n1234567890, 12345 - five: six"
    text = days("13/03/2026", "14/03/2026") + f"14/03/2026, 9:16 am - Ali: {said}\n"
    text = text.replace("9:", "09:")
    assert [m.text for m in reader(text).messages()] == ["Hello", "Hello", said]
