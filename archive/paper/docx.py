"""The docket and letters as DOCX (ECMA-376), for officers who finish them in a word processor."""
from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from archive import wording
from archive.paper import words
from archive.paper.casefile import CaseFile
from archive.paper.letter import Letter

URDU_FONT = "Noto Naskh Arabic"


def docket(file: CaseFile, pictures: dict[str, bytes]) -> bytes:
    """A case's docket sheet and its papers (`pictures`: casefile.pictures)."""
    case, sheet = file.case, file.docket
    document = _blank(case.classification, f"Docket {case.number}", "Noto Sans", 10)
    document.core_properties.title = f"Docket {case.number}"
    document.add_heading(f"Docket sheet {case.number}", 1)
    _write(document.add_paragraph(), words.plain(case.title), bold=True)
    facts = document.add_table(0, 2)
    for label, value in _facts(file):
        row = facts.add_row().cells
        _write(row[0].paragraphs[0], label)
        _write(row[1].paragraphs[0], value, left=not words.begins_urdu(value))
    _set_widths(facts, (4, 12))
    document.add_heading("Progress", 2)
    table = document.add_table(1, 4, style="Table Grid")
    for cell, title in zip(table.rows[0].cells, ("No.", "When", "Who", "What"), strict=True):
        _write(cell.paragraphs[0], title, bold=True)
    for number, action in enumerate(sheet.actions, 1):
        done = wording.action_words(action, lambda ms: words.moment(ms, file.zone), words.name)
        values = (str(number), words.moment(action.at, file.zone),
                  words.name(action.actor.name or action.actor.mxid), done)
        for cell, value in zip(table.add_row().cells, values, strict=True):
            _write(cell.paragraphs[0], value, left=not words.begins_urdu(value))
    _set_widths(table, (1.2, 3.6, 3.6, 7.6))
    document.add_heading(f"Papers ({len(file.papers)})", 2)
    for number, filed in enumerate(file.papers, 1):
        group = f", in {words.name(filed.group)}" if filed.group else ""
        _write(document.add_paragraph(), f"{number}. {words.name(filed.sender)}, "
               f"{words.moment(filed.paper.sent_at, file.zone)}{group}", bold=True)
        for line in filed.text.split("\n"):
            _write(document.add_paragraph(), line)
        record = filed.record
        if record and record.media and record.media.sha256 in pictures:
            document.add_picture(io.BytesIO(pictures[record.media.sha256]), width=Cm(11))
        for remark in (filed.file, filed.remarks):
            if remark:
                _write(document.add_paragraph(), remark, small=True)
    _write(document.add_paragraph(), f"Printed from Daftar by {words.name(file.printed_by)}, "
           f"{words.moment(file.printed_at, file.zone)}; times are {file.zone.key} time.",
           small=True)
    return _saved(document)


def _facts(file: CaseFile) -> list[tuple[str, str]]:
    case, sheet, zone = file.case, file.docket, file.zone
    due = "" if case.due_at is None else words.moment(case.due_at, zone)
    found = [
        ("State", wording.standing(case, lambda ms: words.moment(ms, zone), words.name)),
        ("With", words.name(case.holder) or "nobody yet"),
        ("Due", due + (" (overdue)" if case.overdue(file.printed_at) else "")),
        ("Classification", case.classification), ("Priority", case.priority),
        ("District", words.name(case.district)), ("Schools (BEMIS)", ", ".join(sheet.schools)),
        ("Tags", ", ".join(map(words.name, sheet.tags))),
        ("Opened", f"{words.moment(case.opened_at, zone)} by "
                   f"{words.name(case.opened_by.name or case.opened_by.mxid)}"),
        ("Closed", "" if case.closed_at is None else words.moment(case.closed_at, zone)),
        ("Resolution", words.name(case.resolution)),
        ("Merged into it", ", ".join(other.number for other in sheet.merged)),
        ("Part of", sheet.into.number if sheet.into else "")]
    return [(label, value) for label, value in found if value]


def letter(draft: Letter) -> bytes:
    """A draft letter."""
    document = _blank(draft.secret.lower() or "open", "DRAFT", "Noto Serif", 12)
    document.core_properties.title = words.printable(f"{draft.subject[:200]} (draft)")
    if draft.urgency:
        _write(document.add_paragraph(), draft.urgency, bold=True, align="right")
    for line in draft.head:
        _write(document.add_paragraph(), line.upper(), bold=True, align="center")
    line = document.add_paragraph()
    line.paragraph_format.tab_stops.add_tab_stop(Cm(16), 2)  # WD_TAB_ALIGNMENT.RIGHT
    line.paragraph_format.space_before = Pt(10)
    _write(line, f"{draft.number}\t{draft.dated}")
    _write(document.add_paragraph(), "To")
    for line_of in draft.to:
        address = document.add_paragraph()
        address.paragraph_format.left_indent = Cm(2)
        _write(address, line_of)
    subject = document.add_paragraph()
    subject.paragraph_format.space_before = subject.paragraph_format.space_after = Pt(10)
    _write(subject, "Subject:  ", left=True)
    _write(subject, draft.subject, bold=True, underline=True, left=True)
    for part in draft.body:
        for text in part.text.split("\n") if part.quoted else [part.text]:
            paragraph = document.add_paragraph()
            style = paragraph.paragraph_format
            style.space_after = Pt(8)
            if part.quoted:
                style.left_indent = style.right_indent = Cm(1.5)
            else:
                style.first_line_indent = Cm(1.5)
            _write(paragraph, text, align="" if part.quoted else "both")
    for number, line_of in enumerate(draft.signature):
        signed = document.add_paragraph()
        signed.paragraph_format.left_indent = Cm(8)
        signed.paragraph_format.space_before = Pt(0 if number else 36)
        _write(signed, line_of, align="center")
    copies = document.add_paragraph()
    copies.paragraph_format.space_before = Pt(14)
    _write(copies, "Copy for information to:")
    for number, line_of in enumerate(draft.copies, 1):
        _write(document.add_paragraph(), f"{number}. {words.name(line_of)}")
    _write(document.add_paragraph(), draft.note, small=True)
    return _saved(document)


def _blank(classification: str, head: str, font: str, size: int) -> Any:
    """An A4 document; what is classified says so at the head and foot of every page."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = font, Pt(size)
    normal.paragraph_format.space_after = Pt(2)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:cs"), URDU_FONT)
    secret = classification.upper() if classification != "open" else ""
    for place in (section.header, section.footer):
        if secret:
            _write(place.paragraphs[0], secret, bold=True, align="center")
    _write(section.header.add_paragraph(), head, small=True, align="right")
    return document


_ALIGN = {"right": WD_ALIGN_PARAGRAPH.RIGHT, "center": WD_ALIGN_PARAGRAPH.CENTER,
          "both": WD_ALIGN_PARAGRAPH.JUSTIFY}


# What may follow w:bidi in a paragraph's properties (ECMA-376 part 1, CT_PPrBase), as far as it can
# be there: word processors refuse other orders.
_AFTER_BIDI = ("w:spacing", "w:ind", "w:jc", "w:rPr", "w:sectPr")


def _write(paragraph: Any, text: str, *, bold: bool = False, underline: bool = False,
           small: bool = False, align: str = "", left: bool = False) -> None:
    """Put text into a paragraph; each stretch of Arabic letters is a run of its own, marked as
    right-to-left (w:rtl), and so is the paragraph when it is Urdu (w:bidi)."""
    if words.is_urdu(text) and not left:
        paragraph._p.get_or_add_pPr().insert_element_before(OxmlElement("w:bidi"), *_AFTER_BIDI)
    elif align:
        paragraph.alignment = _ALIGN[align]
    for stretch, urdu in words.scripts(words.printable(text)):
        run = paragraph.add_run(stretch)
        run.bold, run.underline = bold or None, underline or None
        if small:
            run.font.size, run.font.color.rgb = Pt(8.5), RGBColor(0x55, 0x55, 0x55)
        if urdu:
            properties = run._r.get_or_add_rPr()
            run.font.rtl = True
            if bold:
                run.font.cs_bold = True
            language = OxmlElement("w:lang")
            language.set(qn("w:bidi"), "ur-PK")
            properties.append(language)


def _set_widths(table: Any, widths: tuple[float, ...]) -> None:
    """Column widths in cm; every cell carries its own."""
    table.autofit = False
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Cm(width)


def _saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()
