"""Matrix HTML (an event's formatted_body) as WhatsApp's text with its marks; the other way is
nlp/markup.py. Pure; hostile input takes time that grows with its length.
"""
from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from nlp.markup import of_word

Named = Callable[[str], tuple[str, str] | None]  # Matrix id → (digits behind "@", JID)

DEPTH = 60  # of HTML that is looked at; what lies deeper counts as text of this depth

# While a text is put together its marks are control characters, so that what somebody typed and
# what we mean cannot be confused: opening and closing mark in turn.
_OPEN = {"*": "\x01", "_": "\x03", "~": "\x05"}
_CLOSE = {"*": "\x02", "_": "\x04", "~": "\x06"}
_OPENED = {sign: mark for mark, sign in _OPEN.items()}
_CLOSED = {sign: mark for mark, sign in _CLOSE.items()}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACE = re.compile(r"[ \t\r\n\f]+")
# Not html.parser: 60,000 bytes of "<a <a <a" keep it busy for half a minute.
_TAG = re.compile("<(?:(?P<comment>!--)|(?P<end>/?)(?P<tag>[a-z][a-z0-9-]*+)(?P<attributes>"
                  """(?:[^<>"']++|"[^"]{0,2000}+"|'[^']{0,2000}+'){0,20}+)>)""", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""([a-z][a-z0-9-]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'<>]++))?""", re.IGNORECASE)

_MARKS = {"b": "*", "strong": "*", "i": "_", "em": "_", "del": "~", "s": "~", "strike": "~",
          **{f"h{level}": "*" for level in range(1, 7)}, "th": "*", "summary": "*"}
_BLOCKS = {"p": 2, "div": 1, "ul": 1, "ol": 1, "li": 1, "blockquote": 1, "pre": 1, "table": 1,
           "tr": 1, "details": 1, "summary": 1, "caption": 1,
           **{f"h{level}": 2 for level in range(1, 7)}}  # the line breaks around them
_DROPPED = {"mx-reply", "script", "style", "head", "title", "template"}
_KNOWN = {*_MARKS, *_BLOCKS, *_DROPPED, "a", "span", "code", "td"}
_USER = re.compile(
    r"(?:https?://matrix\.to/#/(?=@|%40)|matrix:u/)([^/?#]+)(?:[?#].*)?", re.IGNORECASE)
_SPOILER = "[spoiler]"


def from_html(text: str, mention: Named) -> tuple[str, list[str]]:
    """WhatsApp's text of Matrix HTML, and the JIDs that it mentions, each once.

    `mention` gives for a Matrix id the digits that stand behind the "@" and the JID; None for
    somebody whom WhatsApp does not know: then their name stands there.
    """
    reader = _Reader(mention)
    reader.read(_CONTROL.sub("", text))
    return _marked(reader.finish()).strip(), list(dict.fromkeys(reader.mentioned))


def users(text: str) -> set[str]:
    """The Matrix ids that an HTML text links to."""
    found = set()
    for tag in _TAG.finditer(text):
        for name, value in _ATTRIBUTE.findall(tag["attributes"] or ""):
            user = _user(html.unescape(value.strip("\"'"))) if name.lower() == "href" else None
            if user:
                found.add(user)
    return found


def _user(href: str) -> str | None:
    """The Matrix id that a link leads to (spec: matrix.to navigation, matrix: URI scheme)."""
    found = _USER.fullmatch(href.strip())
    return "@" + unquote(found[1]).removeprefix("@") if found else None


@dataclass
class _Element:
    """An element that is open: what it holds so far, and the line breaks that are due in it."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    breaks: int = 0
    number: int = 1  # of the next item, in a numbered list
    last: str = ""  # the last character

    def put(self, words: str) -> None:
        """Add words to the line."""
        if not words:
            return
        if self.breaks and self.parts:
            self.parts.append("\n" * self.breaks)
            self.last = "\n"
        self.breaks = 0
        if self.last in ("", " ", "\n"):
            words = words.lstrip(" ")
        if words:
            self.parts.append(words)
            self.last = words[-1]

    def put_block(self, words: str, breaks: int) -> None:
        """Add lines of their own."""
        if not words.strip():
            return
        self.breaks = max(self.breaks, breaks)
        self.put(words.strip("\n"))
        self.breaks = breaks


class _Reader:
    """Puts WhatsApp's text together, element by element; never calls itself."""

    def __init__(self, mention: Named) -> None:
        self._mention = mention
        self._open = [_Element("")]
        self._inside: dict[str, int] = {}  # how many of a tag are open
        self.mentioned: list[str] = []

    def read(self, text: str) -> None:
        """Take a whole text."""
        at = 0
        while found := _TAG.search(text, at):
            self._say(text[at:found.start()])
            at = found.end()
            if found["comment"]:
                end = text.find("-->", at)
                at = end + 3 if end >= 0 else at
            elif found["end"]:
                self._end(found["tag"].lower())
            else:
                self._begin(found["tag"].lower(), {
                    name.lower(): html.unescape(value.strip("\"'"))
                    for name, value in _ATTRIBUTE.findall(found["attributes"])})
        self._say(text[at:])

    def finish(self) -> str:
        """The text, once everything has been read."""
        while len(self._open) > 1:
            self._shut()
        return "".join(self._open[0].parts)

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        here = self._open[-1]
        if self._dropping() and tag not in _DROPPED:
            return
        match tag:
            case "br":
                here.breaks += 1
            case "hr":
                here.put_block("———", 1)
            case "img":
                here.put(_flat(attributes.get("alt") or attributes.get("title") or ""))
            case _ if tag in _KNOWN and len(self._open) < DEPTH:
                if tag in ("li", "p", "td", "th", "tr") and here.tag == tag:
                    self._shut()  # their end may be left out
                element = _Element(tag, attributes)
                start = attributes.get("start", "")
                if tag == "ol" and start.isascii() and start.isdigit():
                    element.number = int(start[:6])
                self._open.append(element)
                self._inside[tag] = self._inside.get(tag, 0) + 1

    def _end(self, tag: str) -> None:
        """An element ends, and with it what was left open in it."""
        if self._inside.get(tag):
            while self._open[-1].tag != tag:
                self._shut()
            self._shut()

    def _say(self, words: str) -> None:
        if not words or self._dropping():
            return
        here, words = self._open[-1], _CONTROL.sub("", html.unescape(words))
        if self._inside.get("pre"):
            here.parts.append(words)
            here.last = words[-1:]
        elif here.tag not in ("ul", "ol", "table", "tr") or words.strip():
            here.put(_flat(words) if here.breaks == 0 else _flat(words).lstrip(" "))

    def _dropping(self) -> bool:
        return any(self._inside.get(tag) for tag in _DROPPED)

    def _shut(self) -> None:
        """Close the innermost element and put what it says into the one around it."""
        element = self._open.pop()
        self._inside[element.tag] -= 1
        if element.tag in _DROPPED:
            return
        outer = self._open[-1]
        words = self._words(element, outer)
        breaks = _BLOCKS.get(element.tag)
        if self._inside.get("pre"):
            outer.parts.append(words)
        elif breaks is not None:
            inside_item = any(e.tag == "li" for e in self._open)
            outer.put_block(words, 1 if inside_item else breaks)
        else:
            outer.put(words)
            outer.breaks += element.breaks if words else 0

    def _words(self, element: _Element, outer: _Element) -> str:
        words = "".join(element.parts)
        tag = element.tag
        code = self._inside.get("code") or self._inside.get("pre")
        match tag:
            case "code" if not code:
                return _as_code(words)
            case "pre":
                words = words.strip("\n")
                return f"```{words.replace('```', '')}```" if words.strip() else ""
            case "a":
                return self._link(words, element.attributes.get("href", ""))
            case "span" if "data-mx-spoiler" in element.attributes:
                reason = _flat(element.attributes["data-mx-spoiler"]).strip()
                return f"[spoiler: {reason}] {words}" if reason else f"{_SPOILER} {words}"
            case "details":
                return f"[details] {words}"
            case "blockquote":
                return "\n".join(("> " + line).rstrip() for line in words.strip().split("\n"))
            case "li":
                return _item(words, outer)
            case "td" | "th":
                cell = self._mark(tag, words.replace("\n", " ").strip())
                return f" | {cell}" if outer.parts else cell
        return words if code else self._mark(tag, words)

    def _mark(self, tag: str, words: str) -> str:
        """Every line in marks, which WhatsApp wants close to the words."""
        mark = _MARKS.get(tag)
        if mark is None or any(_MARKS.get(e.tag) == mark for e in self._open):
            return words
        return "\n".join(_around(line, mark) for line in words.split("\n"))

    def _link(self, words: str, href: str) -> str:
        user = _user(href)
        if user and not (self._inside.get("code") or self._inside.get("pre")):
            found = self._mention(user)
            if found:
                self.mentioned.append(found[1])
                return "@" + found[0]
        if user or not re.match(r"(https?://|mailto:|tel:|geo:)", href, re.IGNORECASE):
            return words
        plain = _CONTROL.sub("", words).strip()
        if not plain:
            return href
        same = plain.rstrip("/") in (
            href.rstrip("/"), re.sub(r"^(https?://|mailto:|tel:|geo:)", "", href).rstrip("/"))
        return words if same else f"{words} ({href})"


def _flat(words: str) -> str:
    """HTML takes line breaks and runs of spaces for one space."""
    return _SPACE.sub(" ", words)


def _around(line: str, mark: str) -> str:
    bare = line.strip()
    if not bare:
        return line
    start = line.index(bare)
    return f"{line[:start]}{_OPEN[mark]}{bare}{_CLOSE[mark]}{line[start + len(bare):]}"


def _as_code(words: str) -> str:
    bare = words.strip("\n")
    if not bare.strip():
        return words
    if "\n" in bare or "`" in bare:
        return f"```{bare.replace('```', '')}```"
    return f"`{bare}`"


def _item(words: str, outer: _Element) -> str:
    sign = "-"
    if outer.tag == "ol":
        sign, outer.number = f"{outer.number}.", outer.number + 1
    first, *rest = words.strip().split("\n")
    return "\n".join([f"{sign} {first}", *(f"  {line}" if line else "" for line in rest)])


def _marked(text: str) -> str:
    """The text with real marks; one within a word would only stand there, so it is left out."""
    out = list(text)
    standing: list[int] = []
    for place, character in enumerate(text):
        if character in _OPENED:
            standing.append(place)
        elif character in _CLOSED and standing:
            start = standing.pop()
            fits = not of_word(_near(text, start, -1)) and not of_word(_near(text, place, 1))
            mark = _CLOSED[character] if fits else ""
            out[start] = out[place] = mark
    return _CONTROL.sub("", "".join(out))


def _near(text: str, place: int, step: int) -> str:
    """The next character that is no mark of ours."""
    place += step
    while 0 <= place < len(text) and (text[place] in _OPENED or text[place] in _CLOSED):
        place += step
    return text[place] if 0 <= place < len(text) else ""
