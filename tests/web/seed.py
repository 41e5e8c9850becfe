"""A small archive to read in: invented groups, people and messages, written through the units that
the bridge and the bot use. For the tests of the pages and for the pictures in docs/."""
from __future__ import annotations

import io
import json
import wave
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from archive import (
    cases,
    casework,
    directory,
    gaps,
    media,
    messages,
    postings,
    posts,
    queue,
    settings,
)
from archive.db import Database, Unit
from archive.gazetteer import PostName
from archive.model import NewRecord, Sender
from archive.postings import By

ZONE = ZoneInfo("Asia/Karachi")
SERVER = "office.test"

# An override, an isolate, an embedding and markup in one name: it must not turn the page around.
HOSTILE = "\u202eexe.evil\u2066 <script>alert(1)</script> \u202b&amp;"


def person(number: int, name: str) -> Sender:
    """A WhatsApp sender with a number, a LID and a name."""
    return Sender(pn=f"92300700{number:04d}", lid=f"7710055{number:04d}", push_name=name)


SECRETARY = person(1, "Nadia Kasi, Secretary")
DEO_SIBI = person(11, "Qadir Marri DEO Sibi")
DEO_LORALAI = person(12, "Rubina Nasar DEO Loralai")
DMC_SIBI = person(21, "Sajjad RTSM Sibi")
DMC_KECH = person(22, "Hani Baloch RTSM Kech")
ENGINEER = person(31, "Engr. Tariq Lasi")
TEACHER = person(41, "محمد یوسف، استاد")
STRANGER = person(99, HOSTILE)
STAFF = Sender(mxid=f"@shazia:{SERVER}", push_name="Shazia Durrani")


def ms(text: str) -> int:
    """Unix milliseconds of a local time such as `2026-04-06 08:12`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


class Teller:
    """Writes what happens in one group."""

    def __init__(self, db: Database, store: media.MediaStore, chat_id: int, prefix: str) -> None:
        self.db, self.store, self.chat_id, self.prefix = db, store, chat_id, prefix
        self.day = "2026-04-06"

    async def say(
        self, name: str, who: Sender | None, at: str, text: str = "", *, kind: str = "text",
        to: str | None = None, **more: object,
    ) -> int:
        """One record; `name` and `to` are short names of records in this group."""
        sent = ms(f"{self.day} {at}")
        origin = "matrix" if who is STAFF else "whatsapp"
        record_id, _ = await self.db.write(messages.add(NewRecord(
            chat_id=self.chat_id, kind=kind, origin=origin, source_id=self.prefix + name,
            sender=who, sent_at=sent, received_at=sent + 740, text=text,
            target_source_id=self.prefix + to if to else None,
            raw=f"as received: {text}".encode(), **more)))  # type: ignore[arg-type]
        await self.db.write(messages.link_event(
            f"${self.prefix}{name}", f"!group{self.chat_id}:{SERVER}", record_id))
        return record_id

    async def file(
        self, name: str, who: Sender, at: str, data: bytes, mime: str, kind: str, text: str = "",
        file_name: str | None = None, to: str | None = None,
    ) -> int:
        """A record with a file that is in the store."""
        record_id = await self.say(name, who, at, text, kind=kind, to=to, media_name=file_name,
                                   media_mime=mime)
        sha256 = self.store.put(data)
        await self.db.write(media.add(sha256, mime, len(data), ms(f"{self.day} {at}")))
        await self.db.write(messages.set_media(record_id, sha256))
        return record_id


def school(colour: str, tents: int = 0) -> bytes:
    """A drawn picture of a school, as JPEG."""
    image = Image.new("RGB", (1280, 960), "#a9cbe0")
    draw = ImageDraw.Draw(image)
    for x, height, shade in ((-100, 420, "#8d7f6d"), (420, 330, "#9c8d78"), (850, 450, "#85776a")):
        draw.polygon([(x, 620), (x + 330, 620 - height), (x + 720, 620)], fill=shade)
    draw.rectangle((0, 600, 1280, 960), fill="#c9b48c")
    draw.rectangle((320, 430, 960, 720), fill=colour, outline="#5d4a36", width=6)
    draw.rectangle((300, 400, 980, 440), fill="#6e5a45")
    for x in (380, 500, 720, 840):
        draw.rectangle((x, 500, x + 80, 580), fill="#3f5560", outline="#f2e8d5", width=6)
    draw.rectangle((605, 540, 680, 720), fill="#394b3d")
    draw.line((240, 720, 240, 380), fill="#444444", width=8)
    draw.rectangle((244, 384, 340, 446), fill="#1d6b45")
    for n in range(tents):
        left = 90 + 380 * n
        draw.polygon([(left, 880), (left + 150, 760), (left + 300, 880)], fill="#e9e4d6",
                     outline="#7d776a")
    target = io.BytesIO()
    image.save(target, "JPEG", quality=80)
    return target.getvalue()


def page(text: str) -> bytes:
    """A one-page PDF."""
    image = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(image).text((60, 60), text, fill="black")
    target = io.BytesIO()
    image.save(target, "PDF")
    return target.getvalue()


def tone() -> bytes:
    """Half a second of silence, as WAV."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 8000, 4000, "NONE", ""))
        file.writeframes(bytes(8000))
    return target.getvalue()


async def fill(db: Database, folder: Path) -> dict[str, int]:
    """Write everything; the ids of some of it by name."""
    store = media.MediaStore(folder)
    at = ms("2026-04-01 09:00")
    schools = await db.write(directory.ensure_chat(
        "120363000000000001@g.us", "School Education, all districts",
        "Reports, directives and replies of the department", at))
    makran = await db.write(directory.ensure_chat(
        "120363000000000002@g.us", "RTSM Makran Division", "", at))
    teachers = await db.write(directory.ensure_chat(
        "120363000000000003@g.us", "اساتذہ تحصیل دکی", "", at))
    for chat in (schools, makran, teachers):
        await db.write(directory.set_room(chat.id, f"!group{chat.id}:{SERVER}"))
    await db.write(directory.set_members(schools.id, [
        (SECRETARY, "superadmin"), (DEO_SIBI, "member"), (DEO_LORALAI, "member"),
        (DMC_SIBI, "member"), (ENGINEER, "member"), (STRANGER, "member")], at))
    for sender, name in ((DEO_SIBI, "Abdul Qadir Marri"), (DMC_KECH, "ہانی بلوچ")):
        await db.write(directory.ensure(
            Sender(sender.pn, sender.lid, None, name), ms("2025-11-02 10:00")))
    made = {"schools": schools.id, "makran": makran.id, "teachers": teachers.id}
    made |= await _monday(Teller(db, store, schools.id, "A"))
    made |= await _tuesday(Teller(db, store, schools.id, "A"), db)
    await _others(Teller(db, store, makran.id, "M"), Teller(db, store, teachers.id, "T"))
    await _case(db, made)
    await db.write(_posting(at))
    await db.write(settings.put("link main", json.dumps(
        {"state": "connected", "since": ms("2026-04-06 12:22"), "detail": ""})))
    return made


def _posting(at: int) -> Unit[None]:
    post = yield from posts.ensure(PostName("DEO", "Sibi"))
    person_id = yield from directory.ensure(DEO_SIBI, at)
    yield from postings.assign(
        post, person_id, "2025-03-10", None, By(cases.Actor("", "directory.csv"), at))


async def _monday(group: Teller) -> dict[str, int]:
    made = {}
    made["report"] = await group.say(
        "1", DMC_SIBI, "08:12",
        "GGPS Thangi Sibi BEMIS 05117. School closed at 8:05 am. Both teachers absent, 0 of 31 "
        "students present. Chowkidar says the teachers come on Thursdays only.")
    made["photo"] = await group.file(
        "2", DMC_SIBI, "08:13", school("#cdb58d"), "image/jpeg", "image", "The gate this morning",
        "IMG-20260406-WA0003.jpg")
    await group.file("3", DMC_SIBI, "08:13", school("#b9a98f", 2), "image/jpeg", "image", "",
                     "IMG-20260406-WA0004.jpg")
    made["directive"] = await group.say(
        "4", SECRETARY, "08:47",
        "DEO Sibi. Is full salary being drawn for one day a week? Pay of both may be stopped and "
        "an explanation called within 3 days.", to="1")
    await group.say("5", DEO_SIBI, "08:55", "Noted madam. I will visit the school today.", to="4")
    await group.say("5r", SECRETARY, "08:56", "👍", kind="reaction", to="5")
    await group.say("5s", DMC_SIBI, "08:57", "👍", kind="reaction", to="5")
    made["urdu"] = await group.say(
        "6", TEACHER, "09:20",
        "محترمہ، گورنمنٹ گرلز مڈل اسکول دکی میں چار اساتذہ کی اسامیاں دو سال سے خالی ہیں۔ "
        "کل بھی دو استانیاں غیر حاضر تھیں۔\nبراہِ کرم متبادل انتظام کی اجازت دیں۔")
    made["edited"] = await group.say(
        "7", DEO_LORALAI, "09:41", "Madam, out of 14 girls middle schools 4 have no science "
        "teacher. Kindly allow a local arrangement.", to="6")
    await group.say("7a", DEO_LORALAI, "09:43", "Madam, out of 14 girls middle schools 5 have no "
                    "science teacher. Kindly allow a local arrangement.", kind="edit", to="7")
    await group.say("7b", DEO_LORALAI, "09:50", "Madam, out of 14 girls middle schools 5 have no "
                    "science teacher since 2023. Kindly allow a local arrangement.", kind="edit",
                    to="7")
    made["deleted"] = await group.say(
        "8", ENGINEER, "10:05", "The contractor of the Sibi boundary wall has left the work, "
        "measurement book attached below")
    await group.say("8d", ENGINEER, "10:09", kind="deletion", to="8")
    made["document"] = await group.file(
        "9", ENGINEER, "10:11", page("Boundary wall, measurement book"), "application/pdf",
        "document", "Revised copy", "Measurement book Sibi.pdf")
    made["voice"] = await group.file(
        "10", DMC_SIBI, "10:30", tone(), "audio/wav", "audio", "", "PTT-20260406-WA0001.wav")
    await group.db.write(gaps.add(
        [group.chat_id], "main", ms("2026-04-06 11:52"), ms("2026-04-06 12:21")))
    made["staff"] = await group.say(
        "11", STAFF, "12:30", "DEO Sibi and DEO Loralai: please send the list of vacant posts on "
        "the format that was shared, https://example.org/format", to="7")
    await group.db.write(messages.link_whatsapp(group.chat_id, "3EB0AA11", made["staff"]))
    made["internal"] = await group.say(
        "12", STAFF, "12:41", "Put this before the Secretary with the pay record.", internal=True)
    made["hostile"] = await group.say("13", STRANGER, "13:02", "Who is the admin here? "
                                      "<img src=x onerror=alert(1)> \u202etxt.exe")
    await group.say("14", DEO_SIBI, "13:30", "", kind="unsupported",
                    detail=json.dumps({"field": "pollCreationMessage"}))
    await group.say("15", DEO_SIBI, "14:02", "Teachers' Colony, Sibi", kind="location",
                    detail=json.dumps({"latitude": 29.543, "longitude": 67.877}))
    return made


async def _tuesday(group: Teller, db: Database) -> dict[str, int]:
    group.day, made = "2026-04-07", {}
    await group.say("20", None, "07:30", "Engr. Tariq Lasi added Hani Baloch RTSM Kech",
                    kind="notice")
    await group.say("21", DEO_SIBI, "08:04", "Explanation of both teachers called and pay stopped "
                    "from 1 April. Letter attached. School opened today in my presence, 27 of 31 "
                    "students came.", to="4")
    made["program"] = await group.file(
        "22", DEO_SIBI, "08:05", b"MZ not a letter", "application/x-msdownload", "document", "",
        "Letter\u202efdp.exe", to="4")
    await group.say("23", DMC_SIBI, "08:20", "Confirmed, school open, 2 of 2 teachers present",
                    to="21")
    await group.say("24", SECRETARY, "08:31", "شاباش۔ اب ہر ہفتے دورہ کریں اور رپورٹ یہاں دیں۔",
                    to="21")
    await group.say("25", DEO_LORALAI, "09:00", "As discussed, list follows by COB",
                    to="lost", detail=json.dumps({"quote": {
                        "sender": "x", "kind": "text", "text": "Where is the list of Loralai?"}}))
    await group.say("26", DEO_LORALAI, "09:01", "a number that was wrong", kind="edit", to="gone")
    made["unsure"] = await group.say("27", STAFF, "09:30", "DEO Loralai: COB means 5 pm. Thank you")
    lane = f"out:{group.chat_id}"
    await db.write(queue.put(lane, "unsure", "record", record_id=made["unsure"]))
    rows = await db.write(queue.claim(lane, "seed", ms("2026-04-07 09:30")))
    await db.write(queue.attempt(rows[0].id, ms("2026-04-07 09:30")))
    await db.write(queue.unsure(rows[0].id, "the link stopped while sending"))
    await db.write(queue.put(lane, "waiting", "record", record_id=made["unsure"]))
    return made


async def _others(makran: Teller, teachers: Teller) -> None:
    makran.day = "2026-04-07"
    for n in range(130):
        await makran.say(f"{n}", DMC_KECH, f"{8 + n // 60:02d}:{n % 60:02d}",
                         f"Plan of visit {n + 1}: GBPS Absor ward {n + 1}, Turbat")
    teachers.day = "2026-04-05"
    await teachers.say("1", TEACHER, "18:40", "السلام علیکم، کل کا اجلاس صبح دس بجے ہوگا۔")


async def _case(db: Database, made: dict[str, int]) -> None:
    shazia = cases.Actor(f"@shazia:{SERVER}", "Shazia Durrani")
    opened = await db.write(casework.open_case(
        department="SED", year=2026, title="GGPS Thangi Sibi: both teachers absent",
        text="GGPS Thangi Sibi: both teachers absent", room_id=f"!group{made['schools']}:{SERVER}",
        actor=shazia, at=ms("2026-04-06 09:02"), event_id="$open1", card_txn="card1",
        papers=[cases.Paper("$A1", "@wa_1:x", "Sajjad RTSM Sibi", ms("2026-04-06 08:12"),
                            "GGPS Thangi Sibi BEMIS 05117. School closed at 8:05 am. Both teachers "
                            "absent, 0 of 31 students present.")]))
    number = opened.case.id
    await db.write(casework.link(number, cases.Paper(
        "$A4", "@wa_2:x", "Nadia Kasi, Secretary", ms("2026-04-06 08:47"),
        "DEO Sibi. Is full salary being drawn for one day a week?"), shazia,
        ms("2026-04-06 09:03"), "$l1"))
    await db.write(casework.assign(number, "DEO Sibi", None, shazia, ms("2026-04-06 09:05"), "$a1"))
    await db.write(casework.note(number, "Pay record asked from DAO Sibi by phone.", shazia,
                              ms("2026-04-06 12:44"), "$n1"))
    second = await db.write(casework.open_case(
        department="SED", year=2026, title="دکی: گرلز مڈل اسکول میں خالی اسامیاں",
        text="دکی: گرلز مڈل اسکول میں خالی اسامیاں", room_id=f"!group{made['schools']}:{SERVER}",
        actor=shazia, at=ms("2026-04-06 12:50"), event_id="$open2", card_txn="card2"))
    await db.write(casework.close(second.case.id, "Local arrangement allowed till 31 May.", shazia,
                               ms("2026-04-07 10:00"), "$c2"))
