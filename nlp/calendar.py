"""The office calendar: when the office is open, and where on it a due date lands.

Hours and holidays come from a file (nlp/office.yaml is Balochistan's) and from `office` in
config.yaml; `load` joins the two. Everything else here is arithmetic on plain values.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from config import Config, ConfigError

SHIPPED = Path(__file__).with_name("office.yaml")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LOOK_AHEAD = 400  # days in which an office must open once
_LONGEST = 366  # days of one holiday
_LAST_MINUTE = time(23, 59)

Hours = tuple[tuple[time, time], ...]  # from when to when the office is open, in order
Week = tuple[Hours, ...]  # Monday first
Day = tuple[int, int]  # month and day, every year


class CalendarError(ValueError):
    """No answer on this calendar; the text says why."""


class Holiday(NamedTuple):
    """A day off. A provisional one depends on the moon."""

    name: str
    provisional: bool = False

    def __str__(self) -> str:
        return f"{self.name} (provisional: by the moon)" if self.provisional else self.name


class Season(NamedTuple):
    """Other hours, between two dates or every year between two days, both included."""

    name: str
    first: date | Day
    last: date | Day
    week: Week

    def holds(self, day: date) -> bool:
        """Whether `day` falls into the season."""
        if isinstance(self.first, date) and isinstance(self.last, date):
            return self.first <= day <= self.last
        here = (day.month, day.day)
        if self.first <= self.last:  # type: ignore[operator]
            return self.first <= here <= self.last  # type: ignore[operator]
        return here >= self.first or here <= self.last  # type: ignore[operator]


class Landing(NamedTuple):
    """Where a due date comes to lie, and why not where it was said ("" when it does)."""

    due: datetime
    moved: str


@dataclass(frozen=True)
class OfficeCalendar:
    """An office's hours and days off, in its time zone. Moments given must be aware."""

    zone: ZoneInfo
    week: Week
    seasons: tuple[Season, ...] = ()
    holidays: Mapping[date, Holiday] = field(default_factory=dict)
    yearly: Mapping[Day, Holiday] = field(default_factory=dict)
    open_days: Mapping[date, str] = field(default_factory=dict)  # worked although off otherwise
    close_of_business: time = time(17)  # the hour that people mean by COB

    def hours(self, day: date) -> Hours:
        """When the office is open on a day; () when it is closed."""
        if day not in self.open_days and self._holiday(day):
            return ()
        week = next((s.week for s in reversed(self.seasons) if s.holds(day)), self.week)
        hours = week[day.weekday()]
        if not hours and day in self.open_days:  # as long as the week's longest day
            hours = max(week, key=lambda h: sum(_minutes(a, b) for a, b in h))
        return hours

    def _holiday(self, day: date) -> Holiday | None:
        return self.holidays.get(day) or self.yearly.get((day.month, day.day))

    def closed_because(self, day: date) -> str:
        """Why the office is closed on a day; "" when it is open."""
        if self.hours(day):
            return ""
        holiday = self._holiday(day)
        return str(holiday) if holiday else f"{day:%A}, a day off"

    def is_open(self, moment: datetime) -> bool:
        """Whether the office is open at a moment; not any more at closing time itself."""
        local = moment.astimezone(self.zone)
        return any(start <= local.time() < end for start, end in self.hours(local.date()))

    def next_open(self, moment: datetime) -> datetime:
        """The moment itself when the office is open, else when it opens next."""
        local = moment.astimezone(self.zone)
        for start, end in self.hours(local.date()):
            if local.time() < end:
                return max(local, self._at(local.date(), start))
        day = self.next_office_day(_shift(local.date(), 1))
        return self._at(day, self.hours(day)[0][0])

    def next_office_day(self, day: date) -> date:
        """The day itself when the office works then, else the next one. Raises CalendarError when
        it does not open within more than a year."""
        for ahead in range(_LOOK_AHEAD):
            candidate = _shift(day, ahead)
            if self.hours(candidate):
                return candidate
        raise CalendarError(f"no office day within {_LOOK_AHEAD} days of {day:%d-%m-%Y}")

    def office_day_of(self, moment: datetime) -> date:
        """The office day to which a moment counts: after closing time it is the next one."""
        return self.next_open(moment).date()

    def add_working_days(self, day: date, n: int) -> date:
        """The n-th office day after `day` (before it, when n is negative); `day` itself for 0."""
        step = 1 if n > 0 else -1
        for _ in range(abs(n)):
            for _ in range(_LOOK_AHEAD):
                day = _shift(day, step)
                if self.hours(day):
                    break
            else:
                raise CalendarError(f"no office day within {_LOOK_AHEAD} days of {day:%d-%m-%Y}")
        return day

    def end_of_office_day(self, day: date) -> datetime:
        """When the office closes on a day; on the next office day's, when it is closed."""
        day = self.next_office_day(day)
        return self._at(day, self.hours(day)[-1][1])

    def last_office_day(self, first: date, last: date) -> date:
        """The last office day from `first` to `last`; `last` when there is none."""
        for back in range((last - first).days + 1):
            if self.hours(last - timedelta(back)):
                return last - timedelta(back)
        return last

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole minutes in which the office is open from `start` to `end`; negative when `end`
        comes first."""
        if end < start:
            return -self.working_minutes_between(end, start)
        start, end = start.astimezone(self.zone), end.astimezone(self.zone)
        total = timedelta()
        for ahead in range((end.date() - start.date()).days + 1):
            day = _shift(start.date(), ahead)
            for opens, closes in self.hours(day):
                begin = max(self._at(day, opens), start)
                total += max(min(self._at(day, closes), end) - begin, timedelta())
        return int(total.total_seconds() // 60)

    def land(self, day: date, clock: time | None, at: datetime) -> Landing:
        """Where a due date said at `at` comes to lie. A date is due when the office closes, an hour
        at that hour. On a day off it moves to the next office day; an hour of the same day does
        not: who names one means it. What is due today after closing time has until midnight."""
        today = at.astimezone(self.zone).date()
        closed = self.closed_because(day)
        if clock and (not closed or day <= today):
            return Landing(self._at(day, clock), "")
        if closed and day < today:
            return Landing(self._at(day, _LAST_MINUTE), "")
        if closed:
            other = self.next_office_day(day)
            due = self._at(other, clock) if clock else self.end_of_office_day(other)
            return Landing(due, f"{day:%a} {day.day} {day:%b %Y} is {closed}: moved to "
                                f"{other:%a} {other.day} {other:%b %Y}")
        due = self.end_of_office_day(day)
        if day == today and due <= at:
            return Landing(self._at(day, _LAST_MINUTE),
                           "said after the office closed: until midnight")
        return Landing(due, "")

    def _at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone)


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days)
    except OverflowError:
        raise CalendarError(f"no calendar reaches {days} days beyond {day}") from None


def _minutes(start: time, end: time) -> int:
    return (end.hour - start.hour) * 60 + end.minute - start.minute


def load(config: Config) -> OfficeCalendar:
    """The calendar that a configuration describes. Raises config.ConfigError, naming the file or
    key and the line."""
    office = config.office
    path = Path(office.file) if office.file else SHIPPED
    return build(_read(path), zone=ZoneInfo(config.timezone), where=str(path), week=office.week,
                 holidays=office.holidays, open_days=office.open_days,
                 close_of_business=office.cob)


def shipped(zone: str = "Asia/Karachi") -> OfficeCalendar:
    """Balochistan's calendar as shipped."""
    return build(_read(SHIPPED), zone=ZoneInfo(zone), where=str(SHIPPED))


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"office.file: {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"office.file: {path} is not YAML: {' '.join(str(error).split())}"
                          ) from None


def build(
    values: Any, *, zone: ZoneInfo, where: str = "calendar", week: Mapping[str, str] | None = None,
    holidays: Iterable[str] = (), open_days: Iterable[str] = (), close_of_business: str = "17:00",
) -> OfficeCalendar:
    """A calendar from a file's values (see nlp/office.yaml) and what is given beside it: a `week`
    takes the place of the file's week and seasons. Raises config.ConfigError."""
    allowed = {"week", "seasons", "holidays", "provisional"}
    if not isinstance(values, dict) or not set(values) <= allowed:
        raise ConfigError(f"{where}: may hold only {', '.join(sorted(allowed))}")
    usual = _week(week or values.get("week"), "office.week" if week else f"{where}: week")
    if not any(usual):
        raise ConfigError(f"{where}: the office must be open on one weekday at least")
    seasons = () if week else tuple(
        _season(item, f"{where}: seasons[{n}]")
        for n, item in enumerate(_list(values, "seasons", where)))
    dated: dict[date, Holiday] = {}
    yearly: dict[Day, Holiday] = {}
    for key, provisional in (("provisional", True), ("holidays", False)):
        lines = [(f"{where}: {key}", line) for line in _list(values, key, where)]
        lines += [("office.holidays", line) for line in holidays if key == "holidays"]
        for origin, line in lines:
            for day, name in _days(line, origin):
                if isinstance(day, date):
                    dated[day] = Holiday(name, provisional)
                else:
                    yearly[day] = Holiday(name, provisional)
    worked = {day: name for line in open_days for day, name in _days(line, "office.open_days")
              if isinstance(day, date)}
    return OfficeCalendar(zone, usual, seasons, dated, yearly, worked,
                          _clock(close_of_business, "office.cob"))


def _list(values: Mapping[str, Any], key: str, where: str) -> list[Any]:
    found = values.get(key) or []
    if not isinstance(found, list):
        raise ConfigError(f"{where}: {key} must be a list")
    return found


def _week(values: Any, where: str) -> Week:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be `weekday: 09:00-17:00` lines")
    given = {str(day).lower(): hours for day, hours in values.items()}
    for day in given:
        if day not in WEEKDAYS:
            raise ConfigError(f"{where}: {day} is not a weekday; they are {', '.join(WEEKDAYS)}")
    return tuple(_hours(str(given.get(day, "closed")), f"{where}: {day}") for day in WEEKDAYS)


def _hours(text: str, where: str) -> Hours:
    """`closed`, `09:00-17:00`, `08:30-13:15 and 14:15-15:30`."""
    if text.strip().lower() == "closed":
        return ()
    spans = []
    for part in text.split(" and "):
        start, dash, end = part.partition("-")
        if not dash:
            raise ConfigError(f"{where} must be `closed` or hours such as 09:00-17:00 or "
                              f"08:30-13:15 and 14:15-15:30, not {text!r}")
        spans.append((_clock(start, where), _clock(end, where)))
    edges = [edge for span in spans for edge in span]
    if edges != sorted(set(edges)):
        raise ConfigError(f"{where}: {text!r} does not run forward")
    return tuple(spans)


def _clock(text: str, where: str) -> time:
    try:
        found = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*", text)
        return time(int(found[1]), int(found[2])) if found else time.fromisoformat("")
    except ValueError:
        raise ConfigError(f"{where}: {text!r} is not a time such as 09:00") from None


def _season(item: Any, where: str) -> Season:
    if not isinstance(item, dict) or not {"dates", "week"} <= set(item) <= {"name", "dates",
                                                                            "week"}:
        raise ConfigError(f"{where} must hold dates, week and perhaps name")
    first, dots, last = str(item["dates"]).partition("..")
    start, end = _day(first, where), _day(last if dots else first, where)
    if isinstance(start, date) != isinstance(end, date):
        raise ConfigError(f"{where}: {item['dates']!r} mixes a date with a day of every year")
    return Season(str(item.get("name", "season")), start, end, _week(item["week"], where))


def _days(line: Any, where: str) -> Iterator[tuple[date | Day, str]]:
    """`2026-12-25 Name`, `2026-03-20..2026-03-22 Name` or, every year, `25 Dec Name`."""
    found = re.fullmatch(
        r"\s*(?:(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?|(\d{1,2}\s+[A-Za-z]{3,9}))\s+(\S.*)",
        str(line))
    if not found:
        raise ConfigError(f"{where}: {str(line)!r} must be written `2026-12-25 NAME`, "
                          "`2026-03-20..2026-03-22 NAME` or, for every year, `25 Dec NAME`")
    if found[3]:
        yield _day(found[3], where), found[4].strip()
        return
    first = _day(found[1], where)
    last = _day(found[2] or found[1], where)
    assert isinstance(first, date) and isinstance(last, date)
    if not 0 <= (last - first).days < _LONGEST:
        raise ConfigError(f"{where}: {str(line)!r} ends before it begins, or lasts over a year")
    for ahead in range((last - first).days + 1):
        yield first + timedelta(ahead), found[4].strip()


def _day(text: str, where: str) -> date | Day:
    """`2026-12-25`, or `25 Dec` for every year."""
    text = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
        number, month = text.split()
        found = _MONTHS.index(month[:3].lower()) + 1
        date(2024, found, int(number))  # a leap year: 29 February may be kept
        return found, int(number)
    except ValueError:
        raise ConfigError(f"{where}: {text!r} is no date; write 2026-12-25, or 25 Dec for every "
                          "year") from None
