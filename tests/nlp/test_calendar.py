"""The office calendar: hours, holidays, working days, and where a due date comes to lie."""
from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from nlp import calendar

OFFICE = calendar.shipped()
ZONE = OFFICE.zone
TUESDAY = date(2026, 11, 24)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def test_the_week_of_the_province() -> None:
    """Monday to Friday, with a break for the Friday prayer, and other hours in summer."""
    assert OFFICE.is_open(moment("2026-11-24T08:30")) and OFFICE.is_open(moment("2026-11-24T15:59"))
    assert not OFFICE.is_open(moment("2026-11-24T16:00"))
    assert not OFFICE.is_open(moment("2026-11-27T13:30")) and OFFICE.is_open(
        moment("2026-11-27T14:15"))
    assert not OFFICE.is_open(moment("2026-11-28T10:00"))
    assert OFFICE.is_open(moment("2026-07-14T08:05")) and not OFFICE.is_open(
        moment("2026-11-24T08:05"))
    assert OFFICE.end_of_office_day(date(2026, 3, 10)).hour == 15  # Ramazan
    assert OFFICE.is_open(datetime(2026, 11, 24, 5, tzinfo=ZoneInfo("UTC")))  # ten in Quetta


def test_when_it_opens_next() -> None:
    for at, opens in (("2026-11-24T10:00", "2026-11-24T10:00"),
                      ("2026-11-24T06:00", "2026-11-24T08:30"),
                      ("2026-11-27T13:30", "2026-11-27T14:15"),
                      ("2026-11-27T15:30", "2026-11-30T08:30"),
                      ("2026-12-24T16:00", "2026-12-28T08:30")):
        assert OFFICE.next_open(moment(at)) == moment(opens)
    assert OFFICE.office_day_of(moment("2026-11-24T17:00")) == date(2026, 11, 25)


def test_working_days_leave_out_weekends_and_holidays() -> None:
    assert OFFICE.add_working_days(TUESDAY, 3) == date(2026, 11, 27)
    assert OFFICE.add_working_days(TUESDAY, 4) == date(2026, 11, 30)
    assert OFFICE.add_working_days(date(2026, 12, 23), 2) == date(2026, 12, 28)  # 25 December
    assert OFFICE.add_working_days(date(2026, 11, 30), -4) == TUESDAY


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.integers(0, 40), st.integers(0, 40))
def test_working_days_add_up(day: date, one: int, two: int) -> None:
    once = OFFICE.add_working_days(OFFICE.add_working_days(day, one), two)
    assert once == OFFICE.add_working_days(day, one + two)
    assert once >= day and (one + two == 0 or OFFICE.hours(once))


def test_minutes_of_office_hours() -> None:
    def minutes(start: str, end: str) -> int:
        return OFFICE.working_minutes_between(moment(start), moment(end))

    assert minutes("2026-11-24T10:00", "2026-11-24T11:30") == 90
    assert minutes("2026-11-27T13:00", "2026-11-27T14:30") == 30  # the Friday break
    assert minutes("2026-11-27T15:00", "2026-11-30T09:00") == 60  # over the weekend
    assert minutes("2026-11-30T09:00", "2026-11-27T15:00") == -60


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(ZONE))


@given(MOMENTS, st.integers(0, 20_000), st.integers(0, 20_000))
def test_minutes_add_up(start: datetime, one: int, two: int) -> None:
    start = start.replace(second=0, microsecond=0)
    middle, end = start + timedelta(minutes=one), start + timedelta(minutes=one + two)
    assert OFFICE.working_minutes_between(start, end) == OFFICE.working_minutes_between(
        start, middle) + OFFICE.working_minutes_between(middle, end)


@given(MOMENTS)
def test_it_is_open_when_it_opens_next(at: datetime) -> None:
    opens = OFFICE.next_open(at)
    assert opens >= at and OFFICE.is_open(opens)
    assert (opens == at) == OFFICE.is_open(at)


def test_a_due_date_on_a_holiday_moves_and_says_so() -> None:
    at = moment("2026-11-24T10:00")
    due, moved = OFFICE.land(date(2026, 12, 25), None, at)
    assert due == moment("2026-12-28T16:00")
    assert moved == "Fri 25 Dec 2026 is Quaid-e-Azam Day: moved to Mon 28 Dec 2026"
    due, moved = OFFICE.land(date(2027, 5, 18), time(11), at)
    assert due == moment("2027-05-20T11:00") and "provisional: by the moon" in moved
    assert OFFICE.land(date(2026, 11, 25), None, at) == (moment("2026-11-25T16:00"), "")


def test_an_hour_of_a_day_off_that_is_today_stays() -> None:
    sunday = moment("2026-11-29T10:00")
    assert OFFICE.land(sunday.date(), time(14), sunday) == (moment("2026-11-29T14:00"), "")
    assert OFFICE.land(sunday.date(), None, sunday).due == moment("2026-11-30T16:00")


def test_what_is_due_today_after_closing_time_has_until_midnight() -> None:
    due, moved = OFFICE.land(TUESDAY, None, moment("2026-11-24T19:00"))
    assert due == moment("2026-11-24T23:59") and "after the office closed" in moved


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)), MOMENTS)
def test_no_date_to_come_lands_in_the_past(day: date, at: datetime) -> None:
    due = OFFICE.land(day, None, at).due
    assert due.date() >= day
    if day >= at.date() and at.time() < time(23, 59):
        assert due >= at


def conf(tmp_path: Path, office: str) -> config.Config:
    path = tmp_path / "config.yaml"
    path.write_text("homeserver: {url: 'http://127.0.0.1:1', name: office.test}\n"
                    "bridge: {as_token: a, hs_token: b}\nbot: {as_token: c, hs_token: d}\n"
                    f"office: {office}\n", encoding="utf-8")
    return config.load(path, {})


def test_an_office_of_its_own(tmp_path: Path) -> None:
    """The six-day week, a working Saturday more or less, and local holidays, from config.yaml."""
    office = calendar.load(conf(tmp_path, """
  week: {monday: 09:00-14:00, Friday: 09:00-12:00 and 14:00-15:00}
  holidays: [2026-11-30 By-election, 26 Dec Day after Christmas]
  open_days: [2026-11-28 Working Saturday]
  cob: '14:00'"""))
    assert office.closed_because(date(2026, 11, 30)) == "By-election"
    assert office.closed_because(date(2030, 12, 26)) == "Day after Christmas"
    assert office.closed_because(TUESDAY) == "Tuesday, a day off"
    assert office.end_of_office_day(date(2026, 11, 28)) == moment("2026-11-28T14:00")
    assert office.close_of_business == time(14)
    assert office.end_of_office_day(date(2026, 7, 13)).hour == 14  # no season of the file's


def test_the_provinces_own_list_is_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "holidays.yaml").write_text(
        "week: {monday: '09:00-17:00'}\nholidays: [2026-11-30..2026-12-01 Local holiday]\n")
    office = calendar.load(conf(tmp_path, "{file: holidays.yaml}"))
    assert office.next_office_day(TUESDAY) == date(2026, 12, 7)
    assert office.closed_because(date(2026, 12, 1)) == "Local holiday"


@pytest.mark.parametrize(("office", "says"), [
    ("{week: {funday: 09:00-10:00}}", "funday is not a weekday"),
    ("{week: {monday: nine to five}}", "must be `closed` or hours such as 09:00-17:00"),
    ("{week: {monday: 17:00-09:00}}", "does not run forward"),
    ("{week: {monday: 09:00-25:00}}", "'25:00' is not a time"),
    ("{week: {monday: closed}}", "open on one weekday at least"),
    ("{holidays: [Eid]}", "office.holidays: 'Eid' must be written"),
    ("{holidays: [2026-02-30 Nothing]}", "'2026-02-30' is no date"),
    ("{holidays: [2026-03-05..2026-03-01 Back]}", "ends before it begins"),
    ("{open_days: [31 Foo Bar]}", "'31 Foo' is no date"),
    ("{cob: late}", "office.cob: 'late' is not a time"),
    ("{file: nowhere.yaml}", "nowhere.yaml cannot be read"),
])
def test_a_calendar_that_cannot_be_says_where_and_what(
        tmp_path: Path, office: str, says: str) -> None:
    with pytest.raises(config.ConfigError) as refused:
        calendar.load(conf(tmp_path, office))
    assert says in str(refused.value)


@pytest.mark.parametrize("text", [
    "[]", "week: 5", "holidays: {}", "weak: {}", "week: {monday: 09:00-10:00}\nseasons: [x]",
    "week: {monday: 09:00-10:00}\nseasons: [{dates: 5 Jan..2026-01-07, week: {}}]", "{", "\x00"])
def test_a_holiday_file_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "office.yaml").write_text(text)
    with pytest.raises(config.ConfigError, match=r"office\.yaml"):
        calendar.load(conf(tmp_path, "{file: office.yaml}"))


def test_an_office_that_never_opens_is_said_so_and_not_waited_for() -> None:
    shut = calendar.OfficeCalendar(ZONE, ((),) * 7)
    with pytest.raises(calendar.CalendarError):
        shut.add_working_days(TUESDAY, 1)
    with pytest.raises(calendar.CalendarError):
        shut.next_open(moment("2026-11-24T10:00"))
