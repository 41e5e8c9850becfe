"""Chat exports as the phones of Pakistan write them: from a script of messages, in any dialect."""
from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.exports.batch import Message

ZONE = ZoneInfo("Asia/Karachi")
LRM, RLM = "\u200e", "\u200f"
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
NAMES = ("Ali Khan", "DEO Sibi Ghulam", "~ Zarina", "+92 300 7000001", "سیکرٹری تعلیم",
         "Dr. A. B. Mengal (AS)", "O'Neil - PMU", "AS: Development")
PLAIN = (
    "Sir school is closed", "ok", "رپورٹ بھیجیں: فوری", "می‌خواهم", "https://example.org/a:b?c=d",
    "Meeting at 10:30 - all DEOs", "12/05/2026, 10:30 am", "*bold* _it_ (see list)", "a < b > c",
    "line one\nline two\n\nline four", "list:\n1. Sibi\n2. Kech", "Note: by tomorrow: COB",
    "👍🏽", "trailing blank ", "[05/06] list", "12/05/2026 10:30 - not a header",
    "This is no deletion", "You know: it is open", "POLLUTION", "location of the school")


@dataclass(frozen=True)
class Dialect:
    """How one phone writes. `halves`: the words for am and pm, none for 24 hours."""

    name: str
    platform: str
    date: str = "{d:02}/{m:02}/{y}"
    comma: str = ","
    halves: tuple[str, str] | None = ("am", "pm")
    before_half: str = " "
    padded: bool = False
    seconds: bool = False
    digits: dict[int, str] | None = None
    mark: str = ""  # before a line, as iOS does in right-to-left languages
    words: str = "en"
    returns: bool = False  # lines end with CR LF

    @property
    def order(self) -> str:
        return "".join(dict.fromkeys(part for part in self.date if part in "dmy"))


@dataclass(frozen=True)
class Words:
    """What WhatsApp writes itself, in a language."""

    media: str
    image: str
    attached: str
    attached_ios: str
    deleted: str
    edited: str
    created: str
    added: str
    left: str
    subject: str
    encrypted: str


WORDS = {
    "en": Words("<Media omitted>", "image omitted", "file attached", "attached",
                "This message was deleted", "<This message was edited>",
                'Ali Khan created group "DEOs: all"', "Ali Khan added +92 300 7000001", "Zaid left",
                'Ali Khan changed the subject from "DEOs: all" to "DEOs: Sibi"',
                "Messages and calls are end-to-end encrypted. Only people in this chat can read, "
                "listen to, or share them. Learn more."),
    "ar": Words("<تم استبعاد الوسائط>", "تم استبعاد الصورة", "الملف مرفق", "مرفق",
                "تم حذف هذه الرسالة", "<تم تعديل هذه الرسالة>",
                'أنشأ Ali المجموعة "DEOs: all"', "أضاف Ali Sara", "غادر Ali",
                'غيّر Ali الموضوع من "A: B" إلى "C"',
                "الرسائل والمكالمات مشفّرة تمامًا بين الطرفين. لا يستطيع أحد قراءتها."),
    "ur": Words("<میڈیا شامل نہیں>", "image omitted", "فائل منسلک ہے", "منسلک",
                "یہ پیغام حذف کر دیا گیا", "<اس پیغام میں ترمیم کی گئی>",
                'علی نے گروپ "DEOs: all" بنایا', "علی نے سارہ کو شامل کیا", "علی نے گروپ چھوڑ دیا",
                'علی نے موضوع "A: B" سے بدل کر "C" کر دیا',
                "پیغامات اور کالز شروع سے آخر تک مرموز ہیں۔ کوئی نہیں پڑھ سکتا۔"),
}

NARROW = "\u202f"
DIALECTS = (
    Dialect("android en-PK", "android"),
    Dialect("android en-PK narrow", "android", before_half=NARROW),
    Dialect("android en-GB", "android", halves=None),
    Dialect("android en-US", "android", date="{m}/{d}/{yy:02}", halves=("AM", "PM"),
            before_half=NARROW),
    Dialect("android en-IN", "android", date="{d:02}/{m:02}/{yy:02}"),
    Dialect("android dots", "android", date="{d:02}.{m:02}.{yy:02}", halves=None),
    Dialect("android iso", "android", date="{y}-{m:02}-{d:02}", halves=None),
    Dialect("android en-GB dotted halves", "android", halves=("a.m.", "p.m.")),
    Dialect("android no comma", "android", comma="", halves=None),
    Dialect("android ar", "android", date="{d}/{m}/{y}", comma="،", halves=("ص", "م"),
            digits=EASTERN, words="ar"),
    Dialect("android ar marks", "android", date="{d}\u200f/{m}\u200f/{y}", comma="،",
            halves=("ص", "م"), digits=EASTERN, mark=RLM, words="ar"),
    Dialect("android fa", "android", date="{y}/{m}/{d}", comma="،", halves=None,
            digits=PERSIAN),
    Dialect("android ur", "android", date="{d}/{m}/{y}", halves=("AM", "PM"), words="ur"),
    Dialect("ios en-GB", "ios", halves=None, seconds=True, padded=True, returns=True),
    Dialect("ios en-US", "ios", date="{m}/{d}/{yy:02}", halves=("AM", "PM"), seconds=True,
            before_half=NARROW),
    Dialect("ios en-PK", "ios", date="{d:02}/{m:02}/{y}", halves=("am", "pm"), seconds=True),
    Dialect("ios dots", "ios", date="{d:02}.{m:02}.{yy:02}", halves=None, seconds=True),
    Dialect("ios ar", "ios", date="{d}\u200f/{m}\u200f/{y}", comma="،", halves=("ص", "م"),
            seconds=True, digits=EASTERN, mark=RLM, words="ar"),
    Dialect("ios ur", "ios", date="{d}/{m}/{y}", comma="،", halves=("AM", "PM"), seconds=True,
            words="ur"),
)


def script(dialect: Dialect, count: int, *, media: bool, seed: int = 1,
           begin: datetime = datetime(2025, 12, 28, 7, 50)) -> Iterator[Message]:
    """What was said, as a reader is to find it. Minutes alone where the dialect tells no more."""
    rnd, at, words = random.Random(seed), begin.replace(tzinfo=ZONE), WORDS[dialect.words]
    notices = (("encrypted", words.encrypted), ("created", words.created), ("added", words.added),
               ("subject", words.subject), ("left", words.left))
    for number in range(count):
        at += timedelta(seconds=rnd.choice((0, 7, 61, 900, 7200, 40000)))
        stamp = at if dialect.seconds else at.replace(second=0)
        ms, name = int(stamp.timestamp() * 1000), rnd.choice(NAMES)
        chance = rnd.random()
        if number < len(notices) or chance < 0.05:
            kind, line = notices[number % len(notices)]
            yield Message(ms, "", "notice", line, kind, False)
        elif chance < 0.12:
            if media:
                yield Message(ms, name, "image", rnd.choice(("", "gate locked", "دو\nسطریں")),
                              _file(dialect, at, number), False)
            else:
                yield Message(ms, name, "media" if dialect.platform == "android" else "image", "",
                              "", False)
        elif chance < 0.15:
            yield Message(ms, name, "deletion", "", "", False)
        elif chance < 0.18:
            yield Message(ms, name, "text", "put right", "", True)
        elif chance < 0.2 and dialect.words == "en":
            yield Message(ms, name, "location", "", "https://maps.google.com/?q=29.55,67.88", False)
        elif chance < 0.22 and dialect.words == "en":
            yield Message(ms, name, "poll", "When: now?", "Monday (2 votes)\nTuesday (0 votes)",
                          False)
        else:
            yield Message(ms, name, "text", rnd.choice(PLAIN), "", False)


def _file(dialect: Dialect, at: datetime, number: int) -> str:
    return f"IMG-{at:%Y%m%d}-WA{number % 10000:04}.jpg" if dialect.platform == "android" else (
        f"{number:08}-PHOTO-{at:%Y-%m-%d-%H-%M-%S}.jpg")


def written(dialect: Dialect, message: Message) -> str:
    """A message as the phone writes it, with its line break."""
    words, ios = WORDS[dialect.words], dialect.platform == "ios"
    hint = LRM if ios else ""
    match message.kind:
        case "notice":
            body = message.text
        case "deletion":
            body = f"{hint}{words.deleted}" + ("." if ios and dialect.words == "en" else "")
        case "media" | "image" if not message.detail:
            body = f"{hint}{words.image if ios else words.media}"
        case "image" if ios:
            body = "\n".join(filter(None, (
                message.text, f"{hint}<{words.attached_ios}: {message.detail}>")))
        case "image":
            body = "\n".join(filter(None, (
                f"{message.detail} ({words.attached})", message.text)))
        case "location":
            body = f"{hint}{'Location' if ios else 'location'}: {message.detail}"
        case "poll":
            options = "\n".join(f"{hint}OPTION: {each}" for each in message.detail.split("\n"))
            body = f"{hint}POLL:\n{message.text}\n{options}\n"
        case _:
            body = message.text + (f" {hint}{words.edited}" if message.edited else "")
    who = f"{message.sender}: "
    if message.kind == "notice":
        who = f"DEOs Sibi: {LRM}" if ios else ""
    elif message.sender.startswith("+"):
        who = f"\u202a{message.sender}\u202c: ".replace(" ", "\u00a0", 2) if ios else who
    text = f"{head(dialect, message.at)}{who}{body}\n"
    return text.replace("\n", "\r\n") if dialect.returns else text


def head(dialect: Dialect, at_ms: int) -> str:
    """What stands before the sender."""
    at = datetime.fromtimestamp(at_ms / 1000, ZONE)
    day = dialect.date.format(d=at.day, m=at.month, y=at.year, yy=at.year % 100)
    hour = at.hour if dialect.halves is None else at.hour % 12 or 12
    padded = dialect.padded or dialect.halves is None
    clock = f"{hour:02}:{at:%M}" if padded else f"{hour}:{at:%M}"
    clock += f":{at:%S}" if dialect.seconds else ""
    if dialect.digits:
        day, clock = day.translate(dialect.digits), clock.translate(dialect.digits)
    if dialect.halves:
        clock += f"{dialect.before_half}{dialect.halves[at.hour >= 12]}"
    stamp = f"{day}{dialect.comma} {clock}"
    return f"{dialect.mark}[{stamp}] " if dialect.platform == "ios" else f"{dialect.mark}{stamp} - "
