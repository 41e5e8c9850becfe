"""WhatsApp's text with its marks as HTML, for rooms and for the archive's pages;
bridge/outward/formatted.py is the way back. Pure.

WhatsApp's marks are its help page "How to format your messages": *bold*, _italic_, ~strike~,
```block```, `code`, lists ("* ", "- ", "1. ") and quotes ("> "). Matrix's HTML is the client-server
spec's "m.room.message msgtypes" with its list of tags. Hostile input takes time that grows with its
length.
"""
from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from urllib.parse import quote

Mentions = Mapping[str, tuple[str, str]]  # digits behind "@" → (Matrix id or "", name)
Link = Callable[[str], str]  # an address as written → its HTML

NOBODY: Mentions = MappingProxyType({})
MATRIX_TO = "https://matrix.to/#/"

_TAGS = {"*": "strong", "_": "em", "~": "del"}
_PIECE = re.compile(
    "\0(?P<block>\\d+)\0"
    "|`(?P<code>[^`\0]++)`"
    "|(?P<url>(?:https?://|www\\.)[^\\s<>`\0]+)"
    "|@(?P<name>[0-9]{5,20})(?![0-9])"
    "|(?P<marks>\\*+|_+|~+)", re.IGNORECASE)
_MENTION = re.compile("@([0-9]{5,20})(?![0-9])")
_URL_END = "*_~.,;:!?)،۔؟؛"  # at the end of an address these belong to the sentence
_ITEM = re.compile(r"(?P<bullet>[*-]) +(?P<item>\S.*)|(?P<number>[0-9]{1,3})\. +(?P<step>\S.*)"
                   r"|> (?P<quote>.*)")


def escape(text: str) -> str:
    """Text as HTML; as a `Link`, an address that is left to the reader's client."""
    return html.escape(text, quote=False)


def to_html(text: str, mentions: Mentions = NOBODY, link: Link = escape) -> str:
    """WhatsApp's text as HTML, with no other tags than its marks, lines, mentions and `link` make.

    `mentions`: what stands for the digits behind an "@": a known Matrix id becomes a link that
    clients show as a pill, a mere name stands there as "@Name".
    """
    blocks: list[str] = []
    lines = _without_blocks(text.replace("\0", ""), blocks).split("\n")
    return "".join(_lines(lines, blocks, mentions, link))


def formatted_body(text: str, mentions: Mentions = NOBODY) -> str | None:
    """The same as an event's `formatted_body`; None when the plain text says all of it."""
    made = to_html(text, mentions)
    return made if "<" in made.replace("<br>", "") else None


def with_names(text: str, mentions: Mentions) -> str:
    """The plain text with names for numbers: "@923007001001" becomes "@Zafar"."""
    return _MENTION.sub(
        lambda m: "@" + mentions[m[1]][1] if m[1] in mentions else m[0], text)


def _without_blocks(text: str, blocks: list[str]) -> str:
    """The text with a numbered placeholder for every ```block```, whose words go to `blocks`."""
    parts = text.split("```")
    out = [parts[0]]
    position = 1
    while position < len(parts):
        if position + 1 < len(parts) and parts[position].strip():
            out.append(f"\0{len(blocks)}\0{parts[position + 1]}")
            blocks.append(parts[position])
            position += 2
        else:
            out.append("```" + parts[position])
            position += 1
    return "".join(out)


def _lines(lines: list[str], blocks: list[str], mentions: Mentions, link: Link) -> Iterator[str]:
    """HTML of lines: neighbours that are items of one list, or quoted, go together."""
    def inline(line: str) -> str:
        return _inline(line, blocks, mentions, link)

    for kind, group in groupby(map(_line, lines), key=lambda line: line[0]):
        items = list(group)
        match kind:
            case "bullet":
                yield f"<ul>{''.join(f'<li>{inline(words)}</li>' for _, _, words in items)}</ul>"
            case "number":
                yield from _numbered([(number, inline(words)) for _, number, words in items])
            case "quote":
                yield f"<blockquote>{'<br>'.join(inline(w) for _, _, w in items)}</blockquote>"
            case _:
                yield "<br>".join(inline(w) for _, _, w in items)


def _line(line: str) -> tuple[str, int, str]:
    """(kind, number, words) of a line."""
    found = _ITEM.fullmatch(line.lstrip(" \u200e\u200f"))
    if found is None:
        return "", 0, line
    if found["bullet"]:
        return "bullet", 0, found["item"]
    if found["number"]:
        return "number", int(found["number"]), found["step"]
    return "quote", 0, found["quote"]


def _numbered(items: list[tuple[int, str]]) -> Iterator[str]:
    """Lists of numbered lines; a number out of the row begins another list."""
    for _, run in groupby(enumerate(items), key=lambda pair: pair[1][0] - pair[0]):
        steps = [item for _, item in run]
        start = f' start="{steps[0][0]}"' if steps[0][0] != 1 else ""
        yield f"<ol{start}>{''.join(f'<li>{words}</li>' for _, words in steps)}</ol>"


def _inline(line: str, blocks: list[str], mentions: Mentions, link: Link) -> str:
    """HTML of one line: code, addresses, mentions, and marks that are closed in it."""
    out: list[str] = []
    standing: list[tuple[str, int]] = []  # marks that are open, with their place in `out`
    at = 0
    while found := _PIECE.search(line, at):
        out.append(escape(line[at:found.start()]))
        at = found.end()
        if found["block"] is not None:
            out.append(_code(blocks[int(found["block"])]))
        elif found["code"] is not None:
            safe = escape(found["code"])
            out.append(f"<code>{safe}</code>" if safe.strip() else f"`{safe}`")
        elif found["url"] is not None:
            url = found["url"].rstrip(_URL_END)
            at = found.start() + len(url)
            out.append(link(url))
        elif found["name"] is not None:
            out.append(_pill(found["name"], mentions))
        else:
            _mark(found["marks"], line[found.start() - 1:found.start()], line[at:at + 1],
                  out, standing)
    out.append(escape(line[at:]))
    return "".join(out)


def _mark(run: str, before: str, after: str, out: list[str], standing: list[tuple[str, int]]
          ) -> None:
    """A mark closes the one that is open, or opens, or is but a character."""
    out.append(run)
    if len(run) > 1:
        return
    marks = [mark for mark, _ in standing]
    if run in marks:
        if before and not before.isspace() and not of_word(after):
            place = marks.index(run)
            out[standing[place][1]] = f"<{_TAGS[run]}>"
            out[-1] = f"</{_TAGS[run]}>"
            del standing[place:]
    elif after and not after.isspace() and not of_word(before):
        standing.append((run, len(out) - 1))


def of_word(character: str) -> bool:
    """A letter, a digit, or what is written above, below or between letters (Urdu's zer, zabar,
    the non-joiner)."""
    return bool(character) and (character.isalnum() or character in "\u200c\u200d"
                                or unicodedata.category(character)[0] == "M")


def _code(words: str) -> str:
    safe = escape(words.strip("\n"))
    return f"<pre><code>{safe}\n</code></pre>" if "\n" in words else f"<code>{safe}</code>"


def _pill(digits: str, mentions: Mentions) -> str:
    mxid, name = mentions.get(digits, ("", digits))
    safe = escape(name)
    if not mxid:
        return "@" + safe
    return f'<a href="{MATRIX_TO}{quote(mxid, safe="@:=-._~")}">{safe}</a>'
