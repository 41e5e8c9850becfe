"""A message of an export as a line of the record: its kind, its words, its file, its identity."""
from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from archive import clean, likeness
from archive.likeness import Line
from bridge.exports.batch import Batch

_REACH = 60  # minutes by which a phone's clock may have been set back in a file
Kept = tuple[str, str]  # sha256 in the media store, MIME type

_PLACE = re.compile(r"[?&/@](?:q=|ll=|loc:)?(-?\d{1,3}\.\d+),\s?(-?\d{1,3}\.\d+)")
_VOTES = re.compile(r"\s*\((\d+) [^()]*\)\s*$")
# What an export leaves of a message: `detail.field` of an unsupported one.
_FIELDS = {"media": likeness.MEDIA, "deletion": likeness.DELETED, "waiting": "waitingMessage",
           "view once": "viewOnceMessage", "live": "liveLocation"}
_line = partial(tuple.__new__, Line)  # a third of the time that Line(...) takes
_encoded = json.JSONEncoder(ensure_ascii=False).encode


class Who(NamedTuple):
    """Whom a name means. `sure`: a person with a number, no bare name. `was`: other persons under
    whom the messages may stand in the record, and `moves`: those who wrongly have them."""

    person_id: int | None
    sure: bool
    was: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()


NOBODY = Who(None, True)


class Liner:
    """Makes lines of one file's messages. `people`: name → who; `keep`: a file's name → where its
    content was kept, None when the export has it not; `run_id`: the import."""

    def __init__(self, people: Mapping[str, Who], run_id: int,
                 keep: Callable[[str], Kept | None]) -> None:
        self._people = {"": NOBODY, **people}
        self._run = run_id
        self._plain = json.dumps({"import": run_id})
        self._keep = keep
        self._seen: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self.files_missing = 0

    def lines(self, batch: Batch) -> list[Line]:
        """The lines of some messages that follow those of the last call."""
        # Equal messages of one minute are counted; a minute may reach into the next part.
        first = f"import:{batch.times[0] // likeness.MINUTE_MS - _REACH:07x}" if batch else ""
        self._before, self._seen = {source: count for source, count in {
            **self._before, **self._seen}.items() if source >= first}, {}
        seen, before, people, plain = self._seen, self._before, self._people, self._plain
        words_of, identity = likeness.words_of, likeness.identity
        result = []
        for at, sender, kind, text, detail, edited in zip(*batch.columns(), strict=True):
            person, sure, was, moves = people[sender]
            if kind == "text" and not edited:
                same = words_of(text)
                source = identity(at, "t", person, same)
                made = ("text", same, text, None, None, None, plain)
            else:
                cls, made = self._special(kind, text, detail, edited)
                source = identity(at, cls, person, made[1])
            count = (seen.get(source) or before.get(source, 0)) + 1
            seen[source] = count
            result.append(_line((source if count == 1 else f"{source}:{count}", at, person, sure,
                                 *made, was, moves)))
        return result

    def _special(self, kind: str, text: str, detail: str, edited: bool
                 ) -> tuple[str, tuple[Any, ...]]:
        """(class, the rest of a line from `kind` on) of what is more than a plain text."""
        told: dict[str, Any] = {"import": self._run}
        cls = "l" if kind == "location" else ""
        if edited:
            told["edited"] = True
        media: tuple[str | None, str | None, str | None] = (None, None, None)
        same = likeness.words_of(text)
        if kind == "contact" or kind in likeness.FILES:
            media = self._file(detail, told)
            if kind == "contact":
                text = text or clean.name(detail.removesuffix(".vcf"))
        elif kind == "location" and (place := _PLACE.search(detail)):
            told |= {"latitude": float(place[1]), "longitude": float(place[2])}
        elif kind == "location":
            kind, told["field"] = "unsupported", _FIELDS["live"]
        elif kind == "poll":
            told |= _options(detail)
        elif kind in ("media", "deletion"):
            told["field"], kind = _FIELDS[kind], "unsupported"
        elif kind == "unsupported":
            told["field"] = _FIELDS.get(detail, detail)
        elif kind == "notice":
            told["about"] = detail
        cls = cls or likeness.class_of(kind, told.get("field"))
        return cls, (kind, same, text, *media, _encoded(told))

    def _file(self, name: str, told: dict[str, Any]
              ) -> tuple[str | None, str | None, str | None]:
        """(sha256, name, MIME type) of a media message's file; what the export leaves out is told
        in the record's `detail`."""
        kept = self._keep(name) if name else None
        if kept is None:
            told["omitted"] = True
            self.files_missing += 1
        mime = kept[1] if kept else mime_of(name) if name else None
        return kept[0] if kept else None, clean.name(name) or None, mime


def mime_of(name: str) -> str:
    """The MIME type that a file's name tells."""
    if name.lower().endswith(".opus"):
        return "audio/ogg; codecs=opus"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _options(lines: str) -> dict[str, Any]:
    """A poll's options without the count that stands behind each, and those counts."""
    names, votes = [], []
    for line in filter(None, lines.split("\n")):
        count = _VOTES.search(line)
        names.append(line[:count.start()] if count else line)
        votes.append(int(count[1]) if count else 0)
    return {"options": names, "votes": votes}
