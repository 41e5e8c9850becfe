"""Reading what a visitor asks for in the address; anything malformed is a sentence and a status."""
from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from web.site import PageError

LARGEST = 1 << 53  # ids.py: record ids stay below this
SEARCH_LENGTH = 300  # characters


def path_id(request: web.Request, name: str, what: str) -> int:
    """A number in the path. Raises PageError 404: a page that cannot exist does not."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and 0 < int(text) < LARGEST):
        raise PageError(404, f"“{_short(text)}” is not the number of a {what}.")
    return int(text)


def number(request: web.Request, name: str) -> int | None:
    """A whole number in the query, None when absent or empty. Raises PageError 400."""
    text = _text(request, name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) < LARGEST):
        raise PageError(400, f"“{_short(text)}” is not a number that “{name}” can have.")
    return int(text)


def words(request: web.Request, name: str = "q") -> str:
    """Search words. Raises PageError 400 when they are too long to be meant."""
    text = _text(request, name)
    if len(text) > SEARCH_LENGTH:
        raise PageError(400, f"These search words are {len(text):,} characters long, and "
                             f"{SEARCH_LENGTH} are read at most: please use fewer words.")
    return text


def day(request: web.Request, name: str, what: str) -> date | None:
    """A date `YYYY-MM-DD` in the query, None when absent or empty. Raises PageError 400."""
    return read_day(_text(request, name), what)


def read_day(text: str, what: str) -> date | None:
    """The same of a text, such as a form's field."""
    if not text:
        return None
    try:
        value = date.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or not 1971 <= value.year <= 2200:
        raise PageError(400, f"“{_short(text)}” is not a date for “{what}”: write the year, month "
                             "and day like 2026-04-06.")
    return value


def midnight(value: date, zone: ZoneInfo) -> int:
    """Unix milliseconds of the day's beginning."""
    return int(datetime.combine(value, time(), zone).timestamp() * 1000)


def next_day(value: date) -> date:
    """The day after."""
    return value + timedelta(days=1)


def _text(request: web.Request, name: str) -> str:
    text = request.query.get(name, "").replace("\x00", " ").strip()
    return text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates from odd escapes


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
