"""What WhatsApp itself writes into an export: system lines, and marks in place of what is not text.

The words are data (wording.yaml). A template's {a}, {b}, {c} stand for anything.
"""
from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_BARE = {ord(mark): None for mark in MARKS} | {
    0x00A0: " ", 0x202F: " ", 0x2009: " ", ord("“"): '"', ord("”"): '"', ord("’"): "'"}
# Characters of a line of WhatsApp's own: names and a subject of 100 fit. What stands for anything
# in a template is looked for in the square of a line's length.
LONGEST_LINE = 600


def bare(text: str) -> str:
    """A text as it is compared: without direction marks, with plain blanks and quotation marks."""
    return text.translate(_BARE).strip()


class Wording:
    """The lines that are WhatsApp's own, in all languages that are known."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.am = frozenset(bare(word).lower() for word in data["am"])
        self.pm = frozenset(bare(word).lower() for word in data["pm"])
        self._kinds: dict[str, tuple[str, str]] = {}  # a whole body → kind and detail
        for kind, bodies in data["omitted"].items():
            self._put(bodies, kind, "")
        self._put(data["live_location"], "location", "live")
        self._put(data["waiting"], "unsupported", "waiting")
        self._put(data["view_once"], "unsupported", "view once")
        self._deleted = _any(data["deleted"])
        self._call, self._missed = _any(data["call"]), _any(
            template for template in data["call"] if "{" not in template)
        # am → pm as the same languages write them
        self.halves = dict(zip(data["am"], data["pm"], strict=False))
        # Templates by the word that tells them, each with its place among all.
        self._system: dict[str, list[tuple[int, str, re.Pattern[str]]]] = {}
        lines = [(kind, line) for kind, these in data["system"].items() for line in these]
        for place, (kind, line) in enumerate(lines):
            self._system.setdefault(_telling(line), []).append((place, kind, _any([line])))
        self.edited = tuple(data["edited"])
        own = [*self._kinds, *data["deleted"], *data["call"], *data["location"], *data["poll"]]
        own += [body for bodies in data["omitted"].values() for body in bodies]
        own += [*data["live_location"], *data["waiting"], *data["view_once"]]
        # The first four signs of what may be more than a text.
        self.begins = frozenset(body[:4] for body in own if not body.startswith("{"))
        # Behind a file's name; iPhones wrote it so up to 2017: 3.jpg <attached>
        behind = (rf" (?:\((?:{_words(data['attached'])})\)|"
                  rf"<[{MARKS}]*(?:{_words(data['attached_ios'])})>)(?:\n|\Z)")
        self.attached_behind = re.compile(behind)
        self.attached = re.compile(rf"[{MARKS}]*([^\n]+?\.\w{{1,8}})[{MARKS}]*{behind}")
        self.attached_ios = re.compile(
            rf"[{MARKS}]*<(?:{_words(data['attached_ios'])}): [{MARKS}]*([^<>\n]+)>")
        self.location = re.compile(rf"[{MARKS}]*(?:{_words(data['location'])})(https?://\S+)[{MARKS}]*")
        self.poll = re.compile(rf"[{MARKS}]*(?:{_words(data['poll'])})[ ]?\n?")
        self.option = re.compile(rf"^[{MARKS}]*(?:{_words(data['option'])})", re.M)

    def _put(self, bodies: Iterable[str], kind: str, detail: str) -> None:
        for body in bodies:
            self._kinds[bare(body).lower()] = self._kinds[body] = kind, detail

    def whole(self, body: str) -> tuple[str, str] | None:
        """(kind, detail) of a body that stands for something; None when it is a text. `Voice call,
        3 min` is WhatsApp's own only behind a direction mark: people write `Video call at 4 pm`."""
        if len(body) > 200 or "\n" in body:
            return None
        if found := self._kinds.get(body):
            return found
        plain = bare(body)
        if found := self._kinds.get(plain.lower()):
            return found
        if self._deleted.fullmatch(plain.rstrip(".")):
            return "deletion", ""
        call = self._call if body[:1] in MARKS else self._missed
        return ("notice", "call") if call.fullmatch(plain) else None

    def system(self, line: str) -> str | None:
        """What a line without a sender is about (a key of `system` in wording.yaml, or "call");
        None when it is not known."""
        if len(line) > LONGEST_LINE:
            return None
        plain = bare(line)
        words = self._system.keys() & {"", *plain.rstrip(".").split()}
        found = [(place, kind) for word in words for place, kind, pattern in self._system[word]
                 if pattern.fullmatch(plain)]
        if found:
            return min(found)[1]
        return "call" if self._call.fullmatch(plain) else None


def _words(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _any(templates: Iterable[str]) -> re.Pattern[str]:
    """One pattern for several templates; the last sign of a sentence may be missing."""
    made = []
    for template in templates:
        parts = re.split(r"\{[abc]\}", bare(template).rstrip("."))
        made.append(".+?".join(map(re.escape, parts)) if not template.endswith("}")
                    else ".+?".join(map(re.escape, parts[:-1])) + ".*")
    return re.compile(rf"(?:{'|'.join(made)})\.?", re.S)


def _telling(template: str) -> str:
    """The longest word that stands by itself in all lines of a template: looking for it is quicker
    than matching the template. "" when there is none."""
    words = bare(template).rstrip(".").split()
    return max((word for word in words if "{" not in word), key=len, default="")


@functools.cache
def shipped() -> Wording:
    """The wording that comes with Daftar."""
    path = Path(__file__).with_name("wording.yaml")
    return Wording(yaml.safe_load(path.read_text(encoding="utf-8")))
