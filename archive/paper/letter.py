"""The formal letter that a case needs, as a draft: asking for a report, reminding, or telling that
the matter is closed. In the form that secretariats in Pakistan use (their Secretariat Instructions,
"Forms of communication"): letterhead, number and date, addressee, subject, "I am directed to …",
numbered paragraphs, signature, copies. Pure.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from archive.cases import Case
from archive.paper import words
from archive.paper.casefile import CaseFile, Filed
from config import Letterhead

QUOTED = 1500  # characters of a paper that a letter quotes
CITED = 4  # further papers that it names
BLANK = "____________________"

# What officials write for a post, and how a letter addresses it.
POSTS = {
    "DDEO": "Deputy District Education Officer", "DEO": "District Education Officer",
    "DAO": "District Accounts Officer", "DMC": "District Monitoring Coordinator",
    "DC": "Deputy Commissioner", "AC": "Assistant Commissioner", "XEN": "Executive Engineer",
    "SDO": "Sub-Divisional Officer", "DOE": "Director of Education",
    "ADE": "Additional Director of Education", "AG": "Accountant General",
}
_SEX = {"F": "Female", "M": "Male", "FEMALE": "Female", "MALE": "Male"}
_POST = re.compile(r"(?:the\s+)?([A-Z]{2,4})\b\.?\s*(?:\(?\b(F|M|FEMALE|MALE)\b\)?)?"
                   r"\s*[,:]?\s*(.*)", re.I | re.S)


@dataclass(frozen=True)
class Part:
    """A paragraph of the body; `quoted`: words of a paper, set in."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Letter:
    """A letter, part by part, as both PDF and DOCX set it."""

    kind: str  # report, reminder or closing
    secret: str  # the classification in capitals, "" when open
    urgency: str  # IMMEDIATE, MOST IMMEDIATE or ""
    head: tuple[str, ...]
    number: str
    dated: str
    to: tuple[str, ...]
    subject: str
    body: tuple[Part, ...]
    signature: tuple[str, ...]
    copies: tuple[str, ...]
    note: str


KINDS = {"report": "asks for a report", "reminder": "reminds of the report that is overdue",
         "closing": "tells that the matter is closed"}


def kind_of(case: Case, now: int) -> str:
    """Which letter a case needs as it stands."""
    if not case.active:
        return "closing"
    return "reminder" if case.overdue(now) else "report"


def draft(file: CaseFile, head: Letterhead, to: str, now: int) -> Letter:
    """The letter that the case needs, to a post or person; without one, to whom the case waits for,
    who holds it (unless that is staff), or the education officer of its district."""
    case, kind = file.case, kind_of(file.case, now)
    subject = words.name(case.title).strip(words.LRM).upper()
    if kind == "reminder":
        subject = f"REMINDER: {subject}"
    marks = {"urgent": "MOST IMMEDIATE", "high": "IMMEDIATE"}
    return Letter(
        kind=kind,
        secret=case.classification.upper() if case.classification != "open" else "",
        urgency=marks.get(case.priority, ""),
        head=(head.government, head.department),
        number=f"No. {case.number}/______",
        dated=f"Dated {head.place}, {words.formal_date(now, file.zone)}",
        to=addressee(to or _whom(case)),
        subject=subject,
        body=tuple(_numbered([*_reference(file), *_facts(file), *_ends(file, kind)])),
        signature=tuple(line for line in (
            f"({head.signatory})" if head.signatory else f"({BLANK})", head.designation,
            f"Tel. {head.telephone}" if head.telephone else "") if line),
        copies=head.copies,
        note=(f"Draft made from case {case.number} by Daftar, {words.moment(now, file.zone)}. It "
              "has not been issued: an officer completes the number, checks every word and signs."))


def addressee(whom: str) -> tuple[str, ...]:
    """`DEO (F) Sibi` as the lines of an address: `The District Education Officer (Female),` and
    `Sibi.`; what is no known post stays as it is."""
    whom = words.name(whom).strip(words.LRM + " .,")
    if not whom:
        return (f"The {BLANK},", f"{BLANK}.")
    match = _POST.fullmatch(whom)
    post = POSTS.get(match[1].upper()) if match else None
    if not match or not post:
        return (whom + ".",)
    sex = f" ({_SEX[match[2].upper()]})" if match[2] else ""
    if not match[3].strip():
        return (f"The {post}{sex}.",)
    return (f"The {post}{sex},", f"{match[3].strip()}.")


def _whom(case: Case) -> str:
    if case.status == "waiting" and case.waiting_for:
        return case.waiting_for
    if case.holder and not case.holder_mxid:
        return case.holder
    return f"DEO {case.district}" if case.district else ""


def _reference(file: CaseFile) -> list[Part]:
    """What the letter refers to: the first paper in its own words, the others by sender and day."""
    if not file.papers:
        return [Part("I am directed to refer to the subject noted above and to state that the "
                     "matter is under consideration in this Department.")]
    first, *others = file.papers
    said = _shortened(first.text)
    what = "which reads as follows:" if said else "on the subject noted above."
    if first.file:
        what = f"received with {_article(first.file)}, " + what
    parts = [Part(f"I am directed to refer to {_cited(first, file.zone)}, received through "
                  f"{_group(first)}, {what}")]
    if said:
        parts.append(Part(said, quoted=True))
    named = [_cited(each, file.zone) for each in others[:CITED]]
    if named:
        more = len(others) - len(named)
        rest = [f"{more} further message{'s' if more > 1 else ''} on the file"] if more else []
        parts.append(Part(f"Reference is also invited to {_listed([*named, *rest])}."))
    return parts


def _facts(file: CaseFile) -> list[Part]:
    case, schools = file.case, file.docket.schools
    facts = []
    if schools:
        bearing = "the school bearing BEMIS code" if len(schools) == 1 else (
            "the schools bearing BEMIS codes")
        facts.append(f"{bearing} {_listed(list(schools))}")
    if case.district:
        facts.append(f"District {words.name(case.district)}")
    return [Part(f"The matter concerns {', '.join(facts)}.")] if facts else []


def _ends(file: CaseFile, kind: str) -> list[Part]:
    case, zone = file.case, file.zone
    if kind == "closing":
        how = "resolved" if case.status == "resolved" else "disposed of"
        on = f" on {words.formal_date(case.closed_at, zone)}" if case.closed_at else ""
        outcome = words.plain(case.resolution)
        parts = [Part(f"I am further directed to inform that the matter has been {how} in this "
                      f"Department{on}{', with the following outcome:' if outcome else '.'}")]
        return [*parts, *([Part(outcome, quoted=True)] if outcome else []),
                Part("This is for information and record; no further report is required.")]
    if kind == "reminder":
        due = words.formal_date(case.due_at or 0, zone)
        return [Part(f"A report in the matter was due by {due}. That date has passed, and the "
                     "matter is still open on the file of this Department."),
                Part("It is, therefore, requested that the report, with the action taken and the "
                     "reasons for the delay, may be furnished to this Department without further "
                     "loss of time.")]
    by = f"by {words.formal_date(case.due_at, zone)}" if case.due_at is not None else (
        "at the earliest")
    return [Part("It is, therefore, requested that the matter may be looked into, that necessary "
                 "action may be taken under the rules, and that a report of compliance may be "
                 f"furnished to this Department {by}.")]


def _numbered(parts: list[Part]) -> list[Part]:
    """Paragraphs are numbered from the second on; quotations belong to the one before them."""
    numbered, count = list[Part](), 0
    for part in parts:
        if not part.quoted:
            count += 1
        own = part.quoted or count == 1
        numbered.append(part if own else Part(f"{count}. {part.text}"))
    return numbered


def _cited(filed: Filed, zone: ZoneInfo) -> str:
    return (f"the message of {words.name(filed.sender)} dated "
            f"{words.formal_date(filed.paper.sent_at, zone)}")


def _group(filed: Filed) -> str:
    return f"the official WhatsApp group “{words.name(filed.group)}”" if filed.group else (
        "the official WhatsApp group")


def _article(file: str) -> str:
    return f"a {file[:1].lower()}{file[1:]}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shortened(text: str) -> str:
    if len(text) <= QUOTED:
        return text
    return text[:QUOTED].rsplit(" ", 1)[0] + " …"
