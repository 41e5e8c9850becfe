"""What the phones sent, held against what a Matrix user can read. Nothing of the bridge's books.

Every message becomes a token of what a reader sees: who, what kind, which words, which file. Per
group the two lists are compared: what is missing is lost, what stands too often is duplicated, and
what stands before something that was sent earlier is out of order.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cli.reader import Reader
from emulator.played import Played

Token = tuple[str, str, str]  # sender's number, kind, words or file

_MEDIA = {"m.image": "image", "m.video": "video", "m.audio": "audio", "m.file": "document"}
_FILES = {"image", "video", "audio", "document", "sticker"}
LONG = 20_000  # characters; a longer text stands as its beginning and a file


@dataclass(frozen=True)
class Comparison:
    """Counts over all groups."""

    sent: int = 0
    mirrored: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(*(a + b for a, b in zip(
            vars(self).values(), vars(other).values(), strict=True)))


def expected(sent: Sequence[Played], names: Iterable[str] = ()) -> list[Token]:
    """The tokens that a group's messages should have, in the order they were sent. A message that
    was deleted is expected as a deleted one; the deletion itself is no message. `names`: of people
    who are mentioned: a phone sends an address behind the "@", a reader sees the name."""
    deleted = {p.target_id for p in sent if p.kind == "delete"}
    tokens = []
    for played in sent:
        if played.kind in ("delete", "reaction"):
            continue
        kind = "deleted" if played.id in deleted else played.kind
        if kind in _FILES:
            words = f"{played.sha256} {played.text}"
        elif kind in ("deleted", "location"):
            words = ""
        else:
            words = played.text[:2000] if len(played.text) > LONG else played.text
        tokens.append((played.sender, kind, _nameless(words, names)))
    return tokens


def expected_reactions(sent: Iterable[Played]) -> list[Token]:
    """The tokens of the reactions that stand in the end: of each person the last to a message.
    They are counted beside the messages, as they have no place of their own among them."""
    last = {(p.sender, p.target_id): p.text for p in sent if p.kind == "reaction"}
    return [(sender, "reaction", sign) for (sender, _), sign in last.items() if sign]


def read_reactions(events: Iterable[dict[str, Any]], prefix: str) -> list[Token]:
    """The tokens of a room's reactions by ghosts (localparts that begin with `prefix`)."""
    return [(event["sender"].removeprefix(f"@{prefix}").partition(":")[0], "reaction",
             event["content"].get("m.relates_to", {}).get("key", ""))
            for event in events if event["type"] == "m.reaction" and event["content"]
            and event["sender"].startswith(f"@{prefix}")]


def _nameless(words: str, names: Iterable[str]) -> str:
    """The words with the same mark for everybody who is mentioned."""
    if "@" not in words:
        return words
    for name in sorted(names, key=len, reverse=True):
        words = words.replace(f"@{name}", "@…")
    return re.sub(r"@\+?[0-9]{5,20}", "@…", words)


async def read_tokens(reader: Reader, events: Iterable[dict[str, Any]], prefix: str,
                      names: Iterable[str] = ()) -> list[Token]:
    """The tokens of a room's events by ghosts (localparts that begin with `prefix`)."""
    tokens: list[Token] = []
    for event in events:
        sender = event["sender"].removeprefix("@").partition(":")[0]
        if event["type"] not in ("m.room.message", "m.sticker") or not sender.startswith(prefix):
            continue
        number = sender.removeprefix(prefix)
        content = event["content"]
        if content and event["type"] == "m.sticker":
            digest = await reader.file_sum(content["url"])
            tokens.append((number, "sticker", f"{digest} "))
        elif not content:  # redacted
            tokens.append((number, "deleted", ""))
        elif content.get("m.relates_to", {}).get("rel_type") == "m.replace":
            if content["msgtype"] == "m.notice":
                continue  # a message that could not be read has followed
            tokens.append((number, "edit", content["m.new_content"]["body"]))
        elif content["msgtype"] in _MEDIA:
            if content.get("filename", content["body"]) == "message.txt":
                continue  # the rest of a long text
            digest = await reader.file_sum(content["url"])
            name = content.get("filename", content["body"])
            caption = content["body"] if content["body"] != name else ""
            tokens.append((number, _MEDIA[content["msgtype"]], f"{digest} {caption}"))
        elif content["msgtype"] == "m.notice":
            continue  # about the group ("is now called …"), not a message in it
        elif content["msgtype"] == "m.location":
            tokens.append((number, "location", ""))
        else:
            body = content["body"]
            long = body.endswith("in the attached file.]")
            tokens.append((number, "text", body[:2000] if long else body))
    return [(number, kind, _nameless(words, names)) for number, kind, words in tokens]


def compare(wanted: Sequence[Token], found: Sequence[Token]) -> Comparison:
    """Hold one group's lists against each other."""
    want, have = Counter(wanted), Counter(found)
    lost = sum((want - have).values())
    duplicated = sum((have - want).values())
    return Comparison(len(wanted), sum((want & have).values()), lost, duplicated,
                      _out_of_order(wanted, found))


def _out_of_order(wanted: Sequence[Token], found: Sequence[Token]) -> int:
    """How many messages stand after one that was sent later. Equal messages of one sender are
    told apart by counting: the second "ok" found is the second "ok" sent."""
    places: dict[tuple[Token, int], int] = {}
    seen: Counter[Token] = Counter()
    for place, token in enumerate(wanted):
        places[token, seen[token]] = place
        seen[token] += 1
    seen.clear()
    latest, count = -1, 0
    for token in found:
        place = places.get((token, seen[token]))
        seen[token] += 1
        if place is None:
            continue
        if place < latest:
            count += 1
        latest = max(latest, place)
    return count
