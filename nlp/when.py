"""Which date and hour a moment is, as seen from the moment at which it was said."""
from __future__ import annotations

from datetime import date, datetime, time, timedelta

from nlp.calendar import CalendarError, OfficeCalendar
from nlp.days import day_exists, next_month_day
from nlp.moments import DAY, Moment
from nlp.timewords import Part


def resolve(moment: Moment, at: datetime, calendar: OfficeCalendar, inherited: date | None
            ) -> tuple[date | None, time | None]:
    """The date and hour of a moment said at `at` (aware); the date None when it cannot be told.
    `inherited` is the day named before, for an hour that stands alone."""
    try:
        return _resolved(moment, at, calendar, inherited)
    except (CalendarError, OverflowError, ValueError):
        return None, None


def _resolved(moment: Moment, at: datetime, calendar: OfficeCalendar, inherited: date | None
              ) -> tuple[date | None, time | None]:
    """The date and hour of a moment; the date None when it cannot be told."""
    here = at.astimezone(calendar.zone)
    today = here.date()
    named = moment.part("date", "ordinal") or moment.part("day") or moment.part(*DAY)
    span = moment.part("span")
    if span:
        return _after(today, span, calendar), None
    day = _day(named, today, moment, calendar) if named else inherited
    if named and day is None:
        return None, None
    clock = calendar.close_of_business if moment.part("cob") else None
    hour = moment.part("clock")
    if hour:
        part = moment.part("part")
        clock = _half(hour.value, part.value if part else "", day or today, here)
        if day is None and datetime.combine(today, clock, calendar.zone) <= here:
            day = today + timedelta(1)
    return day or today, clock


def _half(value: tuple[int, int, str], part: str, day: date, here: datetime) -> time:
    """The hour on the 24-hour clock: as said, by the part of the day, or as offices work."""
    hour, minute, half = value
    if half:
        return time(hour % 12 + (12 if half == "pm" else 0), minute)
    if hour > 12 or hour == 0 or (hour == 12 and part != "night"):
        return time(hour, minute)
    if part == "night":
        return time(23, 59) if hour == 12 else time(hour + 12 if hour >= 6 else hour, minute)
    if part in ("evening", "asr", "maghrib") or (part in ("afternoon", "daytime") and hour < 8) \
            or (not part and hour < 7):
        return time(hour + 12, minute)
    if not part and day == here.date() and time(hour, minute) <= here.time():
        return time(hour + 12, minute)  # `by 8`, said at two
    return time(hour, minute)


def _day(part: Part, today: date, moment: Moment, calendar: OfficeCalendar) -> date | None:
    """The date of a day's name."""
    value = part.value
    match part.kind:
        case "day":
            return today + timedelta(value)
        case "date":
            year, month, day = value
            if year is not None:
                return date(year, month, day)
            return next((date(y, month, day) for y in range(today.year, today.year + 9)
                         if day_exists(y, month, day) and date(y, month, day) >= today),
                        None)
        case "ordinal":
            return next_month_day(today, *value)
        case "weekday":
            return _weekday(*value, today)
        case "end" | "period":
            return _end(value, today, calendar)
    return None


def _weekday(number: int, which: str, today: date) -> date:
    """The next such day after today; `next` is next week's, `this` this week's if still to come."""
    ahead = (number - today.weekday()) % 7
    if which == "next":
        return today + timedelta(number - today.weekday() + 7)
    if which == "this" and ahead == 0:
        return today
    return today + timedelta(ahead or 7)


def _end(value: tuple[str, int], today: date, calendar: OfficeCalendar) -> date:
    """The last day of a month, the last office day of a week."""
    unit, ahead = value
    if unit == "named":
        year = today.year + (ahead < today.month)
        return _month_end(year, ahead)
    if unit == "day":
        return today
    if unit == "year":
        return date(today.year + ahead, 12, 31)
    if unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        return _month_end(year, month + 1)
    monday = today - timedelta(today.weekday()) + timedelta(7 * ahead)
    last = calendar.last_office_day(monday, monday + timedelta(6))
    return last if last >= today else monday + timedelta(6)


def _month_end(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(1)


def _after(today: date, span: Part, calendar: OfficeCalendar) -> date | None:
    """The day on which a span ends; None for hours."""
    count, unit, working = span.value
    if unit in ("hour", "minute") or count > 1000:
        return None
    if working:
        return calendar.add_working_days(today, int(count) * (5 if unit == "week" else 1))
    if unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 + int(count), 12)
        last = _month_end(year, month + 1)
        return last.replace(day=min(today.day, last.day))
    days = {"day": 1, "week": 7, "fortnight": 14}[unit]
    return today + timedelta(int(count * days))
