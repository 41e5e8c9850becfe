"""Paper: whatever people wrote is printed or left out letter by letter, and never breaks a page."""
from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdf
import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import cases, casework
from archive.cases import Action, Actor, Case, Docket, Filter, Paper
from archive.db import Database
from archive.paper import asjson, casefile, docx, letter, pdf, words
from archive.paper.casefile import CaseFile, Filed
from config import Letterhead
from tests.web import seed

ZONE = ZoneInfo("Asia/Karachi")
AT = 1_775_451_120_000  # 6 April 2026, 09:52
DAY = 86_400_000
HOSTILE = ("</style><script>alert(1)</script> {{ 7*7 }} \" url(file:///etc/passwd) \u202egnp.exe "
           "\x00\x07\ud800 <img src='http://127.0.0.1:1/x'> ]]> & \ufdd0")
URDU = "دونوں استانیاں غیر حاضر تھیں، BEMIS 07086 دیکھیں۔"


def file_of(text: str, **case: object) -> CaseFile:
    """A case whose every field a person wrote says `text`."""
    actor = Actor("@a:x", text)
    made = Case(1, "SED-2026-00001", text, "open", "!r:x", text, None, actor, AT, None, text, "t",
                None, district=text)
    paper = Paper("$1", "@wa_1:x", text, AT, text)
    actions = tuple(Action(kind, actor, AT, text, text, text) for kind in ("open", "note", "title"))
    docket = Docket(replace(made, **case), (paper,), actions, (text,), (text,), (text,))
    return CaseFile(docket, (Filed(paper, None, text),), ZONE, AT, text)


def text_of(data: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("text", [HOSTILE, URDU, "", "x" * 3_000, "\u2029" * 50, "👍🏽 شاباش ✅",
                                  "ﷺ" * 300, "a\n" * 500])
def test_odd_text_breaks_nothing(text: str) -> None:
    file = file_of(text)
    printed = text_of(pdf.docket(file, {}))
    assert "Docket sheet SED-2026-00001" in printed and "Printed from Daftar" in printed
    Document(io.BytesIO(docx.docket(file, {})))
    assert json.loads(asjson.docket(file))["case"]["number"] == "SED-2026-00001"
    for status in ("open", "waiting", "resolved", "closed"):
        draft = letter.draft(file_of(text, status=status, due_at=AT - DAY), Letterhead(), "", AT)
        Document(io.BytesIO(docx.letter(draft)))
    assert "I am directed to refer" in text_of(pdf.letter(draft))


def test_markup_is_printed_as_text() -> None:
    printed = text_of(pdf.docket(file_of(HOSTILE), {}))
    assert "<script>alert(1)</script>" in printed and "{{ 7*7 }}" in printed
    assert "\u202e" not in printed


def test_urdu_can_be_copied_in_the_order_it_is_read() -> None:
    printed = text_of(pdf.docket(file_of(URDU), {}))
    assert "دونوں استانیاں غیر حاضر تھیں" in printed


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_every_text_makes_a_document_and_json(text: str) -> None:
    file = file_of(text)
    Document(io.BytesIO(docx.letter(letter.draft(file, Letterhead(), text, AT))))
    json.loads(asjson.docket(file))
    assert "".join(stretch for stretch, _ in words.scripts(text)) == text


async def test_a_file_is_read_from_the_record_and_not_from_what_events_say(
        database: Database, tmp_path: Path) -> None:
    made = await seed.fill(database, tmp_path)
    case = await cases.by_number(database, "SED-2026-00001")
    assert case
    # an event that claims to be another's record, which the bridge never said of it
    claims = Paper("$forged", "@x:x", "Somebody", AT, "claimed", made["urdu"])
    docket = await database.write(casework.link(case.id, claims, Actor("@a:x", "A"), AT, "$f"))
    file = await casefile.read(database, docket, ZONE, AT, "A")
    assert [filed.record.id if filed.record else None for filed in file.papers] == [
        made["report"], made["directive"], None]
    assert file.papers[0].text.endswith("come on Thursdays only.")  # the excerpt does not
    assert file.papers[2].text == "claimed" and "does not hold" in file.papers[2].remarks
    await database.write(casework.put(
        case.id, "classification", "secret", Actor("@a:x", "A"), AT, "$c"))
    found, total = await cases.listing(database, Filter(classifications=("open",)), 10)
    assert total == 1 and found[0].number == "SED-2026-00002"
    found, total = await cases.listing(database, Filter(), 1, 1)
    assert total == 2 and found[0].number == "SED-2026-00001"


@pytest.mark.parametrize("whom, lines", [
    ("DEO Sibi", ("The District Education Officer,", "Sibi.")),
    ("deo (f) Kech", ("The District Education Officer (Female),", "Kech.")),
    ("The DEO Male, Loralai", ("The District Education Officer (Male),", "Loralai.")),
    ("XEN C&W Kohlu", ("The Executive Engineer,", "C&W Kohlu.")),
    ("DC", ("The Deputy Commissioner.",)),
    ("Principal GGHS Dera Murad", ("Principal GGHS Dera Murad.",)),
])
def test_posts_are_addressed_in_full(whom: str, lines: tuple[str, ...]) -> None:
    assert letter.addressee(whom) == lines


def test_the_state_decides_which_letter_and_to_whom() -> None:
    calm = file_of("Closed school", district="Sibi", holder="Ayesha", holder_mxid="@a:x",
                   due_at=AT + DAY)
    draft = letter.draft(calm, Letterhead(), "", AT)
    assert draft.kind == "report" and draft.to == ("The District Education Officer,", "Sibi.")
    assert "by the 7th April, 2026" in draft.body[-1].text
    late = replace(calm, docket=replace(calm.docket, case=replace(
        calm.case, due_at=AT - DAY, status="waiting", waiting_for="DAO Sibi")))
    draft = letter.draft(late, Letterhead(), "", AT)
    assert draft.kind == "reminder" and draft.subject.startswith("REMINDER: ")
    assert draft.to[0] == "The District Accounts Officer,"
    done = replace(calm, docket=replace(calm.docket, case=replace(
        calm.case, status="closed", closed_at=AT, resolution="school open again")))
    draft = letter.draft(done, Letterhead(), "DEO Kech", AT)
    assert draft.kind == "closing" and "school open again" in [part.text for part in draft.body]
    nobody = letter.draft(file_of("x", district=None, holder=None), Letterhead(), "", AT)
    assert letter.BLANK in nobody.to[0]
