"""Schools, visits and notifications laid over the small archive of tests/web/seed.py: invented
schools scattered around the districts' towns. For the tests of their pages and for docs/."""
from __future__ import annotations

import random
from pathlib import Path

from archive import cases, casework, directory, media, schools, unread, visiting
from archive.cases import Actor
from archive.db import Database
from archive.schools import School
from archive.visiting import Told
from archive.visits import Figures, Named
from bot.registers import Registers
from tests.web import seed
from tests.web.seed import Teller

CLERK = Actor(f"@shazia:{seed.SERVER}", "Shazia Durrani")
THANGI = "05117"  # the school that the seeded case is about

# District: degrees north and east of its town, schools.
TOWNS: dict[str, tuple[float, float, int]] = {
    "Quetta": (30.18, 66.99, 9), "Pishin": (30.58, 66.99, 6), "Chaman": (30.92, 66.45, 3),
    "Killa Abdullah": (30.73, 66.66, 4), "Loralai": (30.37, 68.60, 6), "Barkhan": (29.90, 69.52, 4),
    "Zhob": (31.34, 69.45, 6), "Killa Saifullah": (30.70, 68.36, 5), "Sibi": (29.54, 67.88, 8),
    "Dera Bugti": (29.03, 69.16, 6), "Kohlu": (29.89, 69.25, 4), "Ziarat": (30.38, 67.73, 3),
    "Nasirabad": (28.60, 68.10, 5), "Jaffarabad": (28.38, 68.40, 6), "Kachhi": (29.30, 67.50, 5),
    "Kalat": (29.03, 66.59, 5), "Mastung": (29.80, 66.85, 4), "Khuzdar": (27.81, 66.61, 8),
    "Awaran": (26.45, 65.23, 4), "Lasbela": (26.20, 66.50, 6), "Kech": (26.00, 63.05, 9),
    "Gwadar": (25.20, 62.50, 5), "Panjgur": (26.97, 64.10, 5), "Chagai": (28.90, 64.40, 5),
    "Kharan": (28.58, 65.42, 4), "Washuk": (27.70, 64.70, 4), "Nushki": (29.55, 66.02, 4),
}
KINDS = (("GBPS", "boys", "primary"), ("GGPS", "girls", "primary"), ("GBMS", "boys", "middle"),
         ("GGHS", "girls", "high"))
NAMES = ("Killi Nau", "Goth Haji Karim", "Killi Batezai", "Bazar", "Goth Sardar", "Kotal", "Absor",
         "Killi Shahabad", "Haji Shahr")


def listed() -> list[School]:
    """The list: about 150 schools, the same each time."""
    dice, found = random.Random(5), []
    for number, (district, (north, east, count)) in enumerate(TOWNS.items()):
        for each in range(count):
            kind, gender, level = KINDS[each % len(KINDS)]
            found.append(School(
                f"{number * 97 + each * 11 + 3000:05d}", f"{kind} {NAMES[each % len(NAMES)]}",
                district, "", level, gender, round(north + dice.gauss(0, 0.16), 4),
                round(east + dice.gauss(0, 0.2), 4), dice.randint(1, 9)))
    return [*found,
            School(THANGI, "GGPS Thangi", "Sibi", "Sibi", "primary", "girls", 29.6012, 67.7031, 2),
            School("05118", "گورنمنٹ گرلز مڈل اسکول دکی", "Loralai", "دکی", "middle", "girls",
                   30.1530, 68.5720, 6),
            School("05999", "GBPS Without Place", "Sibi")]


async def fill(db: Database, folder: Path) -> dict[str, int]:
    """Write the list, visits of most schools, a school's own story, and papers."""
    at = seed.ms("2026-03-01 09:00")
    found = listed()
    await db.write(schools.take(found, CLERK, at))
    chat = await db.write(directory.ensure_chat(
        "120363000000000009@g.us", "RTSM reports", "", at))
    await db.write(directory.set_room(chat.id, f"!group{chat.id}:{seed.SERVER}"))
    group = Teller(db, media.MediaStore(folder), chat.id, "V")
    dice = random.Random(7)
    for number, school in enumerate(found[:-3]):
        if dice.random() < 0.2:
            continue
        group.day = f"2026-03-{1 + number % 28:02d}"
        posts = school.teachers_sanctioned or 1
        is_open = None if dice.random() < 0.07 else dice.random() < 0.78
        present = dice.randint(1, posts) if is_open else 0
        pupils = dice.randint(12, 90)
        await visit(group, f"{number}", f"{8 + number % 5:02d}:{number % 60:02d}", Figures(
            is_open, posts, None if is_open is None else present, (), pupils,
            dice.randint(8, pupils) if is_open else 0), school)
    made = {"rtsm": chat.id}
    case = await cases.by_number(db, "SED-2026-00001")
    assert case
    await db.write(casework.mark(case.id, "school", [THANGI], CLERK, at, "$school"))
    made |= await _thangi(group, {school.bemis: school for school in found})
    while waiting := await unread.next_ones(db):  # the visits are written already
        await db.write(unread.done(waiting))
    made |= await _papers(group)
    registers = Registers(db, seed.ZONE)
    while await registers.read_on():
        pass
    return made


async def visit(group: Teller, name: str, at: str, figures: Figures, school: School,
                text: str = "", who: object = seed.DMC_SIBI, corrects: bool = False) -> int:
    """One report of a school."""
    words = text or f"{school.name} {school.district} {school.bemis}, report attached"
    record_id = await group.say(name, who, at, words)  # type: ignore[arg-type]
    await group.db.write(visiting.note([Told(
        record_id, record_id, "report", figures,
        Named(school.name, school.bemis, school.district), corrects)]))
    return record_id


async def picture(group: Teller, name: str, at: str, data: bytes) -> int:
    record_id = await group.file(name, seed.DMC_SIBI, at, data, "image/jpeg", "image")
    await group.db.write(visiting.note([Told(record_id, record_id, "picture")]))
    return record_id


async def _thangi(group: Teller, found: dict[str, School]) -> dict[str, int]:
    """A school that was open, closed, and is open again; a school of an Urdu name; a report of a
    school that no list has; one without a code; one taken back."""
    made, school = {}, found[THANGI]
    group.day = "2026-03-03"
    made["first"] = await visit(group, "t1", "09:00", Figures(
        True, 2, 2, (), 31, 26, ("water",)), school)
    group.day = "2026-04-06"
    made["closed"] = await visit(group, "t2", "08:12", Figures(
        False, 2, 0, ("Shabana Bibi", "Rahila"), 31, 0), school)
    made["gate"] = await picture(group, "t3", "08:13", seed.school("#cdb58d"))
    await picture(group, "t4", "08:13", seed.school("#b9a98f", 2))
    made["part"] = await visit(group, "t5", "08:15", Figures(
        missing=("boundary wall", "toilet"), building="two rooms, kacha"), school)
    group.day = "2026-04-07"
    made["open"] = await visit(group, "t6", "08:20", Figures(True, 2, 2, (), 31, 25), school)
    await picture(group, "t7", "08:21", seed.school("#d7c59d", 1))
    made["revised"] = await visit(group, "t8", "08:40", Figures(students_present=27), school,
                                  corrects=True)
    await visit(group, "u1", "09:30", Figures(
        True, 6, 2, ("نسرین بی بی", "Gul Bibi"), 118, 77, ("water", "electricity"),
        "چھت ٹپکتی ہے"), found["05118"], who=seed.TEACHER)
    await visit(group, "n1", "10:30", Figures(False), School(
        "05171", "GGPS Thangi", "Sibi"), who=seed.DEO_SIBI)
    await visit(group, "n2", "11:30", Figures(False, 1, 0), School(
        "", "GBPS Goth Nowhere", ""), who=seed.DMC_KECH)
    gone = await visit(group, "n3", "12:30", Figures(True, 1, 1), School(
        "", "GBPS Wrong Group", ""), who=seed.DEO_LORALAI)
    deletion = await group.say("n3d", seed.DEO_LORALAI, "12:31", kind="deletion", to="n3")
    await group.db.write(visiting.note([Told(gone, deletion, "deleted")]))
    return made


async def _papers(group: Teller) -> dict[str, int]:
    group.day = "2026-03-16"
    timings = await group.file(
        "p1", seed.SECRETARY, "10:00", seed.page("Notification"), "application/pdf", "document",
        "Forwarded\nNotification No. SO(Acad)3-12/2026/456-60 dated 13-03-2026 regarding school "
        "timings in Ramzan", "Notification School Timings.pdf")
    group.day = "2026-04-02"
    await group.file("p2", seed.TEACHER, "11:00", seed.school("#eeeeee"), "image/jpeg", "image",
                     "گرمیوں کی تعطیلات کا نوٹیفکیشن نمبر ۱۲۳/۲۰۲۶ مورخہ ۱ اپریل ۲۰۲۶")
    await group.file("p3", seed.SECRETARY, "12:00", seed.school("#dddddd"), "image/jpeg", "image",
                     "Press Release: Minister Education visited schools of Sibi Division")
    await group.file("p4", seed.DEO_SIBI, "13:00", seed.page("Order"), "application/pdf",
                     "document", "Suspension order issued vide No 2217-20",
                     "Suspension HM GGMS Nal.pdf")
    await group.say("p4d", seed.DEO_SIBI, "13:05", kind="deletion", to="p4")
    await group.file("p5", seed.ENGINEER, "14:00", seed.page("Letter"), "application/pdf",
                     "document", "Sir letter no DE/2026/77 dated 1-4-2026, repair of boundary "
                     "walls", "letter.pdf")
    return {"timings": timings}
