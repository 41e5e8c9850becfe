"""What one message says, as far as it can be told from the message alone: its words, whom and what
it names, and the manner in which it is said."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from archive import fold
from nlp import places, posts
from nlp.phrases import cue

LONGEST = 3000  # characters that are read, a quarter of them at the end
MOST_WORDS = 400
SHORT = 14  # words: a line such as many officers send one after the other
_CODE = re.compile(r"\d{4,6}$")
_YEAR = re.compile(r"(19|20)\d\d$")
_MEDIA = ("image", "video", "audio", "document", "sticker", "location", "contact")
_SPOKEN = (("ph", "f"), ("aa", "a"), ("ee", "i"), ("oo", "u"), ("ay", "e"), ("ai", "e"),
           ("w", "v"), ("z", "s"))
_QUOTED = re.compile(r"\?|؟")


@dataclass(frozen=True)
class Message:
    """A message of a group as the threads need it."""

    id: str
    sender: str
    sent_at: int  # Unix milliseconds
    kind: str = "text"  # as archive.model.RECORD_KINDS; what has no place in a thread may come too
    text: str = ""
    reply_to: str | None = None  # id of the quoted (or edited) message
    mentions: tuple[str, ...] = ()  # senders


@dataclass(frozen=True)
class Reading:
    """A message, read."""

    message: Message
    words: frozenset[str] = frozenset()  # content words, stemmed
    codes: frozenset[str] = frozenset()  # of schools, letters, bills: four to six digits
    schools: frozenset[str] = frozenset()  # words of schools' names
    districts: frozenset[str] = frozenset()
    posts: tuple[posts.Post, ...] = ()
    names: frozenset[str] = frozenset()  # words that may be a person's name
    size: int = 0  # words in all
    manner: frozenset[str] = field(default=frozenset())  # see `_manner`

    everyone: frozenset[str] = frozenset()  # posts all of whose holders are spoken to
    loose: frozenset[str] = frozenset()  # posts without a place (`DC sb`)
    start: str = ""  # the first word of a short message that says something

    @property
    def kind(self) -> str:
        """One of told.KINDS, or "" for all others."""
        return "bare" if self.bare else "ack" if "acknowledges" in self.manner \
            else "long" if "long" in self.manner else ""

    @property
    def bare(self) -> bool:
        """A picture, file or place without words."""
        return "bare" in self.manner


def read(message: Message) -> Reading:
    """Read a message. Bounded: no more than LONGEST characters and MOST_WORDS words are looked at.
    """
    text = message.text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST * 3 // 4]} {text[-LONGEST // 4:]}"
    words = fold.words(text)[:MOST_WORDS]
    folded = [word.folded for word in words]
    where = places.districts(words, text)
    placed = {n for place in where for n in range(place.start, place.end)}
    districts = {n for place in where if not places.is_town(place, folded)
                 for n in range(place.start, place.end)}
    schools = _schools(folded, placed)
    held = tuple(posts.posts(words, text, where))
    codes = frozenset(
        word.zfill(5) for word in folded if _CODE.match(word) and not _YEAR.match(word))
    manner = frozenset([*_manner(message, text, folded, held, codes),
                        *(["place_first"] if len(folded) <= SHORT and any(
                            place.start == 0 or (folded[0] in cue("sir") | cue("madam")
                            and place.start == 1) for place in where) else ())])
    return Reading(
        message, frozenset(_content(folded, districts, "list" in manner)), codes, schools,
        frozenset(place.name for place in where), held,
        frozenset(word for word in folded if len(word) > 2), len(words), manner,
        frozenset(post.post for post in held if post.everyone),
        frozenset(post.post for post in held if post.district is None and not post.everyone),
        _start(folded))


def _start(folded: list[str]) -> str:
    if len(folded) > SHORT:
        return ""
    return next((word for word in folded[:3] if len(word) > 2 and not word.isdigit()
                 and word not in cue("common") and word not in cue("ack")), "")


def _content(folded: list[str], placed: set[int], is_list: bool) -> Iterator[str]:
    """The content words: no districts and codes, which are compared as such. What a list of schools
    names is no matter of its own: its words end where the first school begins."""
    for number, word in enumerate(folded):
        if is_list and (word in cue("school_types") or _CODE.match(word)):
            return
        if number not in placed and not _CODE.match(word):
            found = stem(word)
            if found:
                yield found


@cache
def _stop_words() -> frozenset[str]:
    return cue("common") | cue("titles") | cue("school_types") | posts.post_words()


def stem(word: str) -> str:
    """What a content word is compared by, "" for words that say nothing: plural endings go, and
    spellings of Roman Urdu that sound alike become one (`shikayaat`, `shikayat`)."""
    return _stem(word) if len(word) <= 24 else word


@cache
def _plain(word: str) -> str:
    for written, spoken in _SPOKEN:
        word = word.replace(written, spoken)
    return re.sub(r"(.)\1", r"\1", word)


_stems: dict[str, str] = {}


def _stem(word: str) -> str:
    found = _stems.get(word)
    if found is None:
        if len(_stems) > 50_000:  # hostile input makes words without end
            _stems.clear()
            _plain.cache_clear()
        found = _stems[word] = _make_stem(word)
    return found


def _make_stem(word: str) -> str:
    if word in _stop_words() or (len(word) < 3 and not word.isdigit()):
        return ""
    if word.isdigit():
        return word if len(word) > 2 and not _YEAR.match(word) else ""
    if not word.isascii() or not word.isalpha():
        return word
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return _plain(word).rstrip("eh") or word


def _schools(folded: list[str], places: set[int]) -> frozenset[str]:
    """Words of the names after GBPS, GGHS and the like: up to three, to where the name ends."""
    found: set[str] = set()
    for number, word in enumerate(folded):
        if word not in cue("school_types"):
            continue
        named: list[str] = []
        for at in range(number + 1, min(number + 5, len(folded))):
            name = folded[at]
            if name.isdigit() or name in cue("school_types") or len(name) < 2:
                break
            if name in cue("school_generic"):
                continue
            if name in cue("common"):
                break
            if at not in places or at == number + 1:  # `GGHS Kharan`, but `GBPS Talli Sibi`
                named.append(_plain(name) if name.isascii() else name)
        found.update(named)
    return frozenset(found)


def _manner(message: Message, text: str, folded: list[str], held: tuple[posts.Post, ...],
            codes: frozenset[str]) -> list[str]:
    """The ways in which it is said."""
    ways = []
    some = set(folded)
    bare = not folded and message.kind in _MEDIA
    if message.kind == "location":
        bare, folded, some = True, [], set()
    first = folded[:3]
    short = len(folded) <= 8
    question = bool(_QUOTED.search(text)) or (bool(some & cue("question")) and len(folded) <= 25)
    thanks = bool(some & cue("thanks")) and short
    ack = (not folded and bool(text.strip()) and not bare) or (
        bool(folded) and len(folded) <= 10 and not question
        and any(word in cue("ack") for word in first)) or (thanks and len(folded) <= 4)
    condolence = len(some & cue("condole")) > 1
    greeting = bool(folded) and not condolence and _greets(folded)
    for way, is_so in (
            ("bare", bare), ("media", message.kind in _MEDIA), ("question", question),
            ("document", message.kind == "document"),
            ("thanks", thanks), ("acknowledges", ack and not greeting), ("condoles", condolence),
            ("greets", greeting), ("asks", bool(some & cue("ask"))),
            ("sir", bool(some & cue("sir"))), ("madam", bool(some & cue("madam"))),
            ("forwarded", text[:9].casefold() == "forwarded"),
            ("opens", bool(first) and bool(set(first[:2]) & (cue("sir") | cue("madam")
                      | {"respected", "worthy", "dear", "محترم"})) and len(folded) > 7),
            ("everyone", any(post.everyone for post in held)),
            ("report", bool(some & cue("school_types")) and len(folded) > 3),
            ("list", sum(word in cue("school_types") for word in folded) > 1 or len(codes) > 2),
            ("school_first", bool(set(first[:1]) & cue("school_types"))),
            ("likewise", text[:2] == "+1" or _me_too(folded)
             or (bool(set(first) & cue("likewise")) and short)),
            ("delivers", bool(some & cue("deliver"))),
            ("figures", 0 < len(folded) <= 12 and any(word.isdigit() for word in folded)),
            ("short", 0 < len(folded) <= 4), ("long", len(folded) > 25)):
        if is_so:
            ways.append(way)
    return ways


def _me_too(folded: list[str]) -> bool:
    """`Sir main bhi nikal raha hun`: the writer says of himself what somebody said before."""
    start = folded[:5]
    return len(folded) <= 16 and any(word in {"bhi", "بھی"} for word in start) and bool(
        set(start[:3]) & {"main", "mein", "mera", "mere", "meri", "hum", "ham", "میں", "میرا",
                          "میرے", "میری", "ہم"})


def _greets(folded: list[str]) -> bool:
    """A greeting to all, with nothing else in it."""
    if not any(word in cue("greet") for word in folded):
        return _thanks_all(folded)
    return len(folded) <= 16 and sum(
        word in cue("greet") or word in cue("greet_fill") for word in folded) >= 0.8 * len(folded)


def _thanks_all(folded: list[str]) -> bool:
    """Thanks to nobody in particular."""
    some = set(folded)
    return bool(some & cue("thanks")) and len(folded) <= 14 and bool(
        some & {"everyone", "everybody", "سب"} or {"you", "all"} <= some or {"adding", "me"} <= some
        or {"joining"} <= some)
