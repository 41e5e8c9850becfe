"""`!case export` and `!case letter`: the file and the letter that it needs, on paper, in the case's
thread."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from archive import cases, casework
from archive.cases import Case, Docket
from archive.db import Unit
from archive.media import MediaStore
from archive.paper import asjson, casefile, docx, pdf
from archive.paper import letter as letters
from archive.paper.casefile import CaseFile
from bot import render
from bot.commands.base import (
    Attachment,
    Call,
    CaseNumber,
    Command,
    Mistake,
    Request,
    Say,
    ThreadNote,
    Tools,
)
from bot.commands.opening import TITLE_LONGEST
from bot.commands.which import find, find_apart, value, which
from bot.commands.work import OnCase, changed
from nlp import words as texts

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JSON = "application/json"

# What an export may be: its name for people, its words, its type.
FORMATS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "pdf": ("PDF", ("pdf", ""), PDF),
    "docx": ("DOCX", ("docx", "doc", "word"), DOCX),
    "json": ("JSON", ("json",), JSON),
}


@dataclass(frozen=True)
class Printed:
    """A case and what was made of it."""

    docket: Docket
    files: tuple[tuple[str, str, bytes], ...]  # name, type, content
    words: str  # what the files are


# export


@dataclass(frozen=True)
class Export:
    """A case, and one of FORMATS."""

    which: Case | CaseNumber
    format: str


def parse_export(call: Call, request: Request) -> Export:
    """A case, and perhaps a format."""
    wanted, word = which(call, request), texts.fold(value(call))
    for name, (_, known, _) in FORMATS.items():
        if word in known:
            return Export(wanted, name)
    raise Mistake("A case can be exported as pdf, docx or json; I do not know "
                  f"“{render.isolate(texts.shorten(word, 40))}”.", call.command)


async def do_export(tools: Tools, request: Request, order: Export) -> Unit[Printed]:
    """Make the file, and note on the docket that it was made."""
    case = await find(tools, request, order.which)
    file, store = await _read(tools, request, case), MediaStore(tools.config.data / "media")
    name, _, mime = FORMATS[order.format]

    def make() -> bytes:
        if order.format == "json":
            return asjson.docket(file)
        pictures = casefile.pictures(store, file)
        return (pdf if order.format == "pdf" else docx).docket(file, pictures)
    data = await _made(make)
    return _noted(case, request, "export", name, "the file", (
        (f"{case.number}.{order.format}", mime, data),))


def render_export(printed: Printed, request: Request) -> list[Say]:
    """The file in the thread."""
    return [*changed(printed.docket, request, f"is in its thread as {printed.files[0][0]}"),
            *_attachments(printed)]


# letter


def parse_letter(call: Call, request: Request) -> OnCase:
    """A case, and perhaps to whom."""
    wanted, whom = which(call, request, text_follows=True), value(call)
    if len(whom) > TITLE_LONGEST:
        raise Mistake(f"A post or person has at most {TITLE_LONGEST} characters.", call.command)
    return OnCase(wanted, whom)


async def do_letter(tools: Tools, request: Request, order: OnCase) -> Unit[Printed]:
    """Draft it, as DOCX to be finished and as PDF to be looked at."""
    case = await find_apart(tools, request, order.which)
    file = await _read(tools, request, case)
    draft = letters.draft(file, tools.config.letter, order.text, request.at)
    paper = await _made(lambda: pdf.letter(draft))
    name = f"{case.number} {draft.kind} DRAFT"
    to = " ".join(draft.to).rstrip(".")
    to = "" if letters.BLANK in to else f" to {render.isolate(to)}"
    return _noted(case, request, "letter", f"{draft.kind}{',' if to else ''}{to}", (
        f"a letter{to} that {letters.KINDS[draft.kind]}"), (
        (f"{name}.docx", DOCX, docx.letter(draft)), (f"{name}.pdf", PDF, paper)))


def render_letter(printed: Printed, request: Request) -> list[Say]:
    """The draft, and that it is one."""
    words = (f"This is the draft of {printed.words}. Nothing has been sent: an officer checks "
             "every word, fills in what is blank, signs and sends it.")
    case = printed.docket.case
    return [*changed(printed.docket, request, "has the draft of a letter in its thread, as DOCX "
                     "and PDF; it has not been sent, and an officer finishes it"),
            ThreadNote(case, words, render.html(words)), *_attachments(printed)]


# Underneath


async def _read(tools: Tools, request: Request, case: Case) -> CaseFile:
    docket = await cases.read_docket(tools.db, case.id)
    return await casefile.read(tools.db, docket, request.zone, request.at, request.actor.name)


async def _made(make: Callable[[], bytes]) -> bytes:
    """What `make` gives, made beside the loop. Raises Mistake when this server cannot print."""
    try:
        return await asyncio.to_thread(make)
    except pdf.PaperError as error:
        raise Mistake(str(error)) from None


def _noted(case: Case, request: Request, kind: str, text: str, words: str,
           files: tuple[tuple[str, str, bytes], ...]) -> Unit[Printed]:
    docket = yield from casework.note(
        case.id, text, request.actor, request.at, request.event_id, kind)
    return Printed(docket, files, words)


def _attachments(printed: Printed) -> list[Say]:
    return [Attachment(printed.docket.case, name, mime, data)
            for name, mime, data in printed.files]


LETTER_COMMANDS = [
    Command("case letter", "N [TO WHOM]",
            "Drafts the formal letter that the case needs, into its thread, as DOCX and PDF: "
            "asking for a report, a reminder when it is overdue, or that it is closed. An officer "
            "finishes and sends it; I send none.",
            ("draft", "خط", "مراسلہ"), parse_letter, do_letter, render_letter,
            takes_number=True, examples=("case letter 42", "case letter 42 DEO (F) Sibi")),
    Command("case export", "N [pdf|docx|json]",
            "Puts the docket sheet and every paper in full into the case's thread, as a file.",
            ("print", "pdf", "برآمد", "پرنٹ"), parse_export, do_export, render_export,
            takes_number=True, examples=("case export 42", "case export 42 docx")),
]
