"""How values look on a page: times, sizes, names, texts. Pure functions, used by the templates.

Names and texts come from strangers. Names lose the characters that steer writing direction and all
control characters; texts keep every letter, and the page isolates each of them.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup, escape

from archive import visits, wording
from archive.imports import LEFT_OUT
from archive.model import MESSAGE_KINDS
from archive.pages import Entry
from nlp import markup

NAME_LENGTH = 80
EXCERPT_LENGTH = 160
CONTINUING_MS = 5 * 60 * 1000

# Unicode: embeddings, overrides, isolates and marks that change direction (UAX #9), controls.
_STEERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TEXT_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")
_LETTER = re.compile(r"[^\W\d_]")
_LINK = Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>')
_URL = re.compile(r"https?://[^\s<>\"'\u200e\u200f\u202a-\u202e\u2066-\u2069]{3,2000}")

KINDS = {
    "text": "Message", "image": "Picture", "video": "Video", "audio": "Voice or sound",
    "document": "Document", "sticker": "Sticker", "location": "Location", "contact": "Contact card",
    "poll": "Poll", "event": "Event", "vote": "Vote", "pin": "Pinned message",
    "unsupported": "Unsupported message", "edit": "Edit", "deletion": "Deletion",
    "reaction": "Reaction", "notice": "Notice", "gap": "Possible gap",
}
ORIGINS = {
    "whatsapp": "WhatsApp", "matrix": "Matrix (written by staff)", "import": "imported chat export",
}
ADDRESSES = {"pn": "WhatsApp number", "lid": "WhatsApp LID", "mxid": "Matrix id",
             "ghost": "stood in Matrix as"}
_FACTS = {
    "size": "size said to be (bytes)", "width": "width (pixels)", "height": "height (pixels)",
    "seconds": "length (seconds)", "field": "WhatsApp's name of the kind",
    "started_at": "from (ms)", "ended_at": "to (ms)",
    "expires": "disappears from phones after (seconds)",
}
# Shown elsewhere or for nobody's eyes: a poll's secret would let its votes be read.
_UNSHOWN = ("quote", "secret", "answers", "vcards", "waveform", "mentions", "import", "omitted")
# One and several of a kind that an export holds, or that was added from one.
COUNTED = {
    "text": ("text", "texts"), "image": ("picture", "pictures"), "video": ("video", "videos"),
    "audio": ("voice message or sound", "voice messages and sounds"),
    "document": ("document", "documents"), "sticker": ("sticker", "stickers"),
    "location": ("location", "locations"), "contact": ("contact card", "contact cards"),
    "poll": ("poll", "polls"), "event": ("event", "events"),
    "media": ("file left out", "files left out"),
    "deletion": ("deleted message", "deleted messages"),
    "notice": ("notice of WhatsApp", "notices of WhatsApp"),
    "unsupported": ("message that the export leaves out", "messages that the export leaves out")}
_CLOSED_BY = re.compile(r"import (\d{1,15})")
NAME_KINDS = {
    "office": "from the directory",
    "push": "chosen by the sender", "contact": "from the phone's contacts",
    "business": "business name", "matrix": "Matrix display name",
}


def environment(zone: ZoneInfo, stylesheet: str) -> jinja2.Environment:
    """The templates, escaping everything, with the filters of this file."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("web", "templates"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters |= {
        "clock": lambda ms: at(ms, zone).strftime("%H:%M"),
        "day": lambda ms: day(at(ms, zone)),
        "moment": lambda ms: f"{day(at(ms, zone))}, {at(ms, zone):%H:%M:%S}",
        "brief": lambda ms: brief(at(ms, zone), datetime.now(zone)),
        "iso": lambda ms: at(ms, zone).isoformat(timespec="seconds"),
        "date": lambda ms: at(ms, zone).date().isoformat(),
        "stretch": lambda start, end: stretch(at(start, zone), at(end, zone)),
        "near": lambda ms, other: near(at(ms, zone), at(other, zone)),
        "duration": duration, "size": size, "clean": clean, "body": body, "plain": plain,
        "urdu": urdu,
        "excerpt": excerpt, "marked": marked, "address": address, "number": number,
        "kind": lambda kind: KINDS.get(kind, kind), "origin": lambda name: ORIGINS.get(name, name),
        "address_kind": lambda kind: ADDRESSES.get(kind, kind),
        "name_kind": lambda kind: NAME_KINDS.get(kind, kind), "facts": facts,
        "lost_quote": lost_quote, "event_times": lambda detail: event_times(detail, zone),
        "short": lambda ms: short(at(ms, zone)),
        "done": lambda action: wording.action_words(
            replace(action, text=""), lambda ms: short(at(ms, zone)), isolated),
        "standing": lambda case: wording.standing(
            case, lambda ms: short(at(ms, zone)), isolated),
        "stands": lambda found: visits.standing_words(found, lambda ms: short_day(at(ms, zone))),
        "forwarded": lambda detail: bool(_detail(detail).get("forwarded")),
        "exported": exported, "import_of": import_of, "import_in": import_in, "counted": counted,
        "omitted": lambda detail: bool(_detail(detail).get("omitted")),
        "ms": lambda text: int(datetime.fromisoformat(text).timestamp() * 1000),
    }
    env.tests["continuing"] = continuing
    env.globals |= {"stylesheet": stylesheet, "zone": zone.key}
    return env


def at(ms: int, zone: ZoneInfo) -> datetime:
    """Unix milliseconds as local time; what no calendar holds shows as the nearest end."""
    return datetime.fromtimestamp(min(max(ms / 1000, 0), 253_370_000_000), zone)


def day(moment: datetime) -> str:
    """`Monday 6 April 2026`"""
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def brief(moment: datetime, now: datetime) -> str:
    """A time today, else a short date."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}" + ("" if moment.year == now.year else f" {moment.year}")


def short_day(moment: datetime) -> str:
    """`6 Apr 2026`"""
    return f"{moment.day} {moment:%b %Y}"


def short(moment: datetime) -> str:
    """`6 Apr 2026, 08:12`"""
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def isolated(text: str) -> str:
    """A person's words inside a sentence of ours, which they cannot turn around (FSI … PDI)."""
    return f"\u2068{clean(text, 500)}\u2069"


def near(moment: datetime, other: datetime) -> str:
    """A time on the same day as another, else the day too."""
    clock = f"{moment:%H:%M}"
    return clock if moment.date() == other.date() else f"{clock} on {day(moment)}"


def stretch(start: datetime, end: datetime) -> str:
    """`11:52 to 12:21 on Monday 6 April 2026`, or both days named."""
    if start.date() == end.date():
        return f"{start:%H:%M} to {end:%H:%M} on {day(start)}"
    return f"{start:%H:%M} on {day(start)} to {end:%H:%M} on {day(end)}"


def continuing(entry: Entry, before: Entry | None) -> bool:
    """Whether an entry goes on with the one before it: same sender, within minutes, no quotation
    and nothing to say beside its name."""
    if before is None:
        return False
    one, other = before.record, entry.record
    same = (one.sender_id, one.internal, one.origin) == (
        other.sender_id, other.internal, other.origin)
    plain = other.target_source_id is None and not entry.cases and one.kind in MESSAGE_KINDS
    return (same and plain and other.kind in MESSAGE_KINDS
            and not _detail(other.detail).get("forwarded")
            and other.sent_at - one.sent_at < CONTINUING_MS)


def duration(ms: int) -> str:
    """`45 seconds`, `12 minutes`, `3 hours`, `2 days`: the largest unit that fits."""
    seconds = max(ms // 1000, 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length or length == 1:
            count = round(seconds / length)
            return f"{count} {unit}" + ("" if count == 1 else "s")
    raise AssertionError


def number(value: int) -> str:
    """`12,345`"""
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def clean(name: str | None, length: int = NAME_LENGTH) -> str:
    """A name on one line, without characters that could turn the line around, cut at `length`."""
    plain = _CONTROLS.sub(" ", _STEERING.sub("", name or "")).strip()
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def urdu(text: str) -> bool:
    """Whether a text is mostly in Arabic letters."""
    sample = text[:500]
    return 2 * len(_ARABIC.findall(sample)) > len(_LETTER.findall(sample))


def body(text: str) -> Markup:
    """A message's text as WhatsApp shows it: marks as formatting, web addresses as links."""
    return Markup(markup.to_html(_readable(text), link=_linked))


def plain(text: str) -> Markup:
    """A sentence of the record's own on one line, web addresses as links."""
    parts, end = [], 0
    for match in _URL.finditer(text := _readable(text)):
        parts += [markup.escape(text[end:match.start()]), _linked(match[0])]
        end = match.end()
    return Markup("".join([*parts, markup.escape(text[end:])]))


def _readable(text: str) -> str:
    return _TEXT_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def _linked(address: str) -> str:
    """An address as a link to it; what is none, or goes on behind one, stays text."""
    match = _URL.match(address)
    url = match[0].rstrip(".,;:!?)]}»”’۔،") if match else ""
    link = _LINK.format(url, url) if url else ""
    return f"{link}{markup.escape(address[len(url):])}"


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """The beginning of a text on one line."""
    return clean(" ".join(text[: 4 * length].split()), length)


def marked(snippet: str) -> Markup:
    """A search snippet: what stands between \\x02 and \\x03 is marked."""
    safe = str(escape(snippet)).replace("\x02", "<mark>").replace("\x03", "</mark>")
    return Markup(_TEXT_CONTROLS.sub("", safe))


def address(kind: str, value: str) -> str:
    """A number or id as people write it."""
    return f"+{value}" if kind == "pn" else value


def facts(detail: str | None) -> list[tuple[str, str]]:
    """The kind's own facts (the record's `detail`) as lines of (name, value), but for the quoted
    text: that is shown where the quotation stands."""
    values = _detail(detail)
    return [
        (_FACTS.get(key, key.replace("_", " ")),
         value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in values.items()
        if key not in _UNSHOWN and not (key == "field" and value in LEFT_OUT)
    ]


def event_times(detail: str | None, zone: ZoneInfo) -> str:
    """When an event is: `Wednesday 25 November 2026, 15:00`, to the end if it has one."""
    values = _detail(detail)
    times = [at(values[key], zone) for key in ("starts_at", "ends_at")
             if isinstance(values.get(key), int) and values[key] > 0]
    words = " to ".join(f"{day(moment)}, {moment:%H:%M}" for moment in times)
    return f"{words} (cancelled)" if values.get("cancelled") else words


def lost_quote(detail: str | None) -> str:
    """The words of a quoted message that the archive does not hold, as the reply carried them."""
    quote = _detail(detail).get("quote")
    text = quote.get("text") if isinstance(quote, dict) else None
    return text if isinstance(text, str) else ""


def exported(detail: str | None) -> str:
    """What a chat export says in place of a message's content; "" when it is none of that."""
    return LEFT_OUT.get(str(_detail(detail).get("field")), "")


def import_of(detail: str | None) -> int | None:
    """The import that a record came from."""
    found = _detail(detail).get("import")
    return found if isinstance(found, int) else None


def import_in(closed_by: str) -> int | None:
    """The import that filled a gap; None when it was filled by something else."""
    match = _CLOSED_BY.fullmatch(closed_by)
    return int(match[1]) if match else None


def counted(kinds: Mapping[str, int]) -> str:
    """`1,204 texts, 33 pictures`: the most first."""
    return ", ".join(
        f"{count:,} {COUNTED.get(kind, (kind, kind))[count != 1]}"
        for kind, count in sorted(kinds.items(), key=lambda item: -item[1]) if count)


def _detail(detail: str | None) -> dict[str, Any]:
    """The JSON of a record's `detail`; what is not an object counts as one fact."""
    try:
        values: Any = json.loads(detail or "{}")
    except ValueError:
        values = detail
    return values if isinstance(values, dict) else {"detail": values}
