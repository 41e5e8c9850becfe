"""Words on the screen: a case's card, its docket sheet, lists; as plain text and as the subset of
HTML that Matrix allows (client-server API, `m.room.message` msgtypes). Pure."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from archive import wording
from archive.cases import Action, Case, Docket, Linked, Paper
from bot.commands.base import (
    Answer,
    Attachment,
    Card,
    Choice,
    Handout,
    Request,
    ThreadNote,
    Told,
)
from bot.outbox import PENDING
from nlp import words as texts

EXCERPT = 280  # characters of a paper on a card
SAID = 600  # characters of a note on a docket sheet
EVENT_BYTES = 48_000  # of body and formatted_body together; Matrix allows 65,536 an event

# In the content of what the bridge is to carry: for whom the bot speaks (bridge/outward knows it).
SPEAKS_FOR = "org.daftar.speaks_for"

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


def isolate(text: str) -> str:
    """Right-to-left words inside a line of ours must not turn the line around (FSI … PDI)."""
    return f"\u2068{text}\u2069" if _RTL.search(text) else text


def html(text: str) -> str:
    """People's text in HTML."""
    return escape(isolate(text), quote=False).replace("\n", "<br>")


def when(at: int, zone: ZoneInfo) -> str:
    """`23 Nov 2026, 14:05`"""
    moment = datetime.fromtimestamp(at / 1000, zone)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def permalink(room_id: str, event_id: str, server: str) -> str:
    """A link that every Matrix client opens (specification, appendix "matrix.to navigation")."""
    return (f"https://matrix.to/#/{quote(room_id, safe='')}/{quote(event_id, safe='')}"
            f"?via={quote(server, safe='')}")


def link(address: str, words: str) -> str:
    """An HTML link."""
    return f'<a href="{escape(address)}">{html(words)}</a>'


def case_link(case: Case, server: str) -> str:
    """The number, linked to its card once that is known."""
    if case.card_event is None:
        return f"<strong>{case.number}</strong>"
    return f"<strong>{link(permalink(case.room_id, case.card_event, server), case.number)}</strong>"


def standing(case: Case, request: Request) -> str:
    """`Open, with DEO Sibi, due 25 Nov 2026, 16:00`"""
    words = wording.standing(
        case, lambda at: when(at, request.zone), lambda text: isolate(one(text)))
    return words + (" (overdue)" if case.overdue(request.at) else "")


def standing_within(case: Case, request: Request) -> str:
    """The same within a sentence: `open, with DEO Sibi`."""
    words = standing(case, request)
    return words[:1].lower() + words[1:]


def one(text: str | None, length: int = SAID) -> str:
    """A person's text as part of a line."""
    return texts.shorten(texts.one_line(text or ""), length)


def action_words(action: Action, request: Request, length: int = SAID) -> str:
    """What was done, without who and when; what was said is cut to `length` characters."""
    return wording.action_words(action, lambda at: when(at, request.zone),
                                lambda text: isolate(one(text, length)))


def papers_count(docket: Docket) -> str:
    """`3 papers`"""
    count = len(docket.papers)
    return {0: "no papers", 1: "1 paper"}.get(count, f"{count} papers")


_MARKS = {"new": "📁", "open": "📂", "waiting": "⏳", "resolved": "☑️", "closed": "✅",
          "merged": "🔀"}


def directive_line(linked: Linked) -> str:
    """`D-2026-0113 DEO Sibi acknowledged`; of several posts how many have done it."""
    if len(linked.posts) == 1:
        [(post, state)] = linked.posts
        return f"{linked.number} {post} {state.replace('_', ' ')}"
    done = sum(state == "complied" for _, state in linked.posts)
    return f"{linked.number} {done} of {len(linked.posts)} posts complied"


def facts(docket: Docket, request: Request) -> list[tuple[str, str]]:
    """What a case is about, beside title and state: (name, value), only what there is."""
    case = docket.case
    found = [
        ("Priority", case.priority if case.priority != "normal" else ""),
        ("Classification", case.classification if case.classification != "open" else ""),
        ("District", case.district or ""),
        ("School" if len(docket.schools) == 1 else "Schools", ", ".join(docket.schools)),
        ("Tags", " ".join(f"#{tag}" for tag in docket.tags)),
        ("Directives", "; ".join(directive_line(linked) for linked in docket.directives)),
        ("Merged into it", ", ".join(other.number for other in docket.merged)),
        ("Part of", docket.into.number if docket.into else ""),
    ]
    return [(name, value) for name, value in found if value]


def pressing(case: Case, request: Request) -> str:
    """🔴 before a case that is urgent, overdue, or has waited long enough; "" before others."""
    presses = case.active and (case.priority == "urgent" or case.overdue(request.at)
                               or case.waited_out(request.at))
    return "🔴 " if presses else ""


def card(docket: Docket, request: Request) -> tuple[str, str]:
    """The case's card in the room: (text, HTML)."""
    case, papers = docket.case, docket.papers
    head = f"{pressing(case, request)}{_MARKS[case.status]} {case.number}"
    stands = standing(case, request)
    if docket.into:
        stands = f"Part of {docket.into.number}"
    opened = (f"Opened by {isolate(case.opened_by.name)}, {when(case.opened_at, request.zone)} · "
              f"{papers_count(docket)}")
    about = " · ".join(f"{name}: {isolate(value)}" for name, value in facts(docket, request)
                       if name != "Part of")
    lines = [line for line in (about, opened) if line]
    last = docket.actions[-1]
    if last.kind != "open":
        if last.kind == "close":  # how it ended stands above
            last = replace(last, text="")
        lines.append(f"Last: {isolate(last.actor.name)} {action_words(last, request, EXCERPT)} "
                     f"({when(last.at, request.zone)})")
    text = [f"{head} · {isolate(case.title)}", stands, *lines]
    markup = [f"<strong>{head} · {html(case.title)}</strong>",
              f"<strong>{escape(stands, quote=False)}</strong>",
              *(escape(line, quote=False) for line in lines)]
    quoted = ""
    if papers and not docket.into:
        text += ["", *_paper_text(papers[0], request)]
        quoted = _paper_html(papers[0], case.room_id, request)
    return "\n".join(text), f"<p>{'<br>'.join(markup)}</p>{quoted}"


def closing_summary(docket: Docket, request: Request) -> tuple[str, str]:
    """What became of a case, for its thread: (text, HTML)."""
    case = docket.case
    days = (request.at - case.opened_at) // 86_400_000
    lasted = {0: "the same day", 1: "after one day"}.get(days, f"after {days} days")
    holders = list(dict.fromkeys(a.after for a in docket.actions if a.kind == "assign" and a.after))
    moments = [f"Closed {lasted}, {when(case.closed_at or request.at, request.zone)}, by "
               f"{isolate(request.actor.name)}",
               f"Outcome: {isolate(one(case.resolution))}" if case.resolution else "",
               f"Was with {', '.join(map(isolate, holders))}" if holders else "",
               f"{papers_count(docket).capitalize()}, {len(docket.actions)} entries on the docket"]
    lines = [line for line in moments if line]
    return ("\n".join(lines),
            "<br>".join(f"<strong>{html(line)}</strong>" if not n else html(line)
                        for n, line in enumerate(lines)))


def history(docket: Docket, request: Request) -> tuple[str, str]:
    """Everything that was done, oldest first: (text, HTML)."""
    def build(rows: int) -> tuple[str, str]:
        progress = _progress(docket, request, rows)
        head = f"{docket.case.number} · {isolate(docket.case.title)}"
        return (f"{head}\n{progress[0]}",
                f"<p><strong>{case_link(docket.case, request.server)} · "
                f"{html(docket.case.title)}</strong></p>{progress[1]}")
    return fitting(build, len(docket.actions))


def _progress(docket: Docket, request: Request, rows: int) -> tuple[str, str]:
    shown = docket.actions[-rows:]
    more = f" (the last {len(shown)} of {len(docket.actions)})" if len(shown) < len(
        docket.actions) else ""
    lines = [(when(a.at, request.zone), a.actor.name, action_words(a, request)) for a in shown]
    text = [f"Progress{more}", *(f"• {at}: {isolate(who)} {what}" for at, who, what in lines)]
    return ("\n".join(text),
            f"<p><strong>Progress{more}</strong></p>{table(('When', 'Who', 'What'), lines)}")


def _paper_text(paper: Paper, request: Request) -> list[str]:
    head = f"First paper: {isolate(paper.sender_name)}, {when(paper.sent_at, request.zone)}"
    return [head, *(f"> {line}" for line in texts.shorten(paper.excerpt, EXCERPT).split("\n"))]


def _paper_html(paper: Paper, room_id: str, request: Request) -> str:
    address = permalink(room_id, paper.event_id, request.server)
    return (f"<blockquote>{link(address, 'First paper')}: <em>{html(paper.sender_name)}</em>, "
            f"{when(paper.sent_at, request.zone)}<br>"
            f"{html(texts.shorten(paper.excerpt, EXCERPT))}</blockquote>")


def docket_sheet(docket: Docket, request: Request) -> tuple[str, str]:
    """The case's facts, papers and progress: (text, HTML). Old actions are left out, and counted,
    when the sheet would not fit into an event."""
    return fitting(lambda actions: _sheet(docket, request, actions), len(docket.actions))


def _sheet(docket: Docket, request: Request, actions: int) -> tuple[str, str]:
    case, zone = docket.case, request.zone
    ended = case.status in ("resolved", "closed")  # how is said below
    lines = [("Status", wording.STATE_WORDS[case.status] if ended else standing(case, request)),
             ("With", case.holder or "nobody yet"),
             ("Opened", f"{when(case.opened_at, zone)} by {isolate(case.opened_by.name)}")]
    if case.due_at is not None:
        lines.append(("Due", when(case.due_at, zone)))
    if case.closed_at is not None:
        lines.append(("Closed", when(case.closed_at, zone)))
    if ended:
        lines.append(("Resolution", one(case.resolution) or "none given"))
    lines += facts(docket, request)
    text = [f"Docket sheet · {case.number}", isolate(case.title), ""]
    text += [f"{name}: {isolate(value)}" for name, value in lines]
    markup = [f"<h4>Docket sheet · {case_link(case, request.server)}</h4>",
              f"<p><strong>{html(case.title)}</strong></p>",
              "<p>" + "<br>".join(f"<strong>{n}:</strong> {html(v)}" for n, v in lines) + "</p>"]
    papers = _papers(docket, request)
    text += [line for line, _ in papers]
    markup.append("".join(line for _, line in papers))
    progress = _progress(docket, request, actions)
    text += [*([] if papers else [""]), progress[0]]
    markup.append(progress[1])
    return "\n".join(text), "".join(markup)


def _papers(docket: Docket, request: Request) -> list[tuple[str, str]]:
    """The papers' part of the sheet, line by line: (text, HTML); nothing when there are none."""
    if not docket.papers:
        return []
    head = f"Papers ({len(docket.papers)})"
    lines = [(f"\n{head}", f"<p><strong>{head}</strong></p><ol>")]
    for paper in docket.papers[:20]:
        source = f"{isolate(paper.sender_name)}, {when(paper.sent_at, request.zone)}"
        said = texts.shorten(texts.one_line(paper.excerpt), EXCERPT)
        address = permalink(docket.case.room_id, paper.event_id, request.server)
        lines.append((f"• {source}: {isolate(said)}",
                      f"<li>{link(address, source)}: {html(said)}</li>"))
    return [*lines, ("", "</ol>")]


def case_list(title: str, cases: list[Case], total: int, request: Request) -> tuple[str, str]:
    """A list of cases, newest first: (text, HTML)."""
    if not cases:
        return f"{title}: none.", f"<p>{html(title)}: none.</p>"
    more = f", the newest {len(cases)} shown" if total > len(cases) else ""
    head = f"{title} ({total}{more})"
    text = [head, *(f"• {pressing(c, request)}{c.number} · {isolate(c.title)} · "
                    f"{standing(c, request)} · since {when(c.opened_at, request.zone)}"
                    for c in cases)]
    rows = "".join(
        f"<tr><td>{pressing(c, request)}{case_link(c, request.server)}</td><td>{html(c.title)}</td>"
        f"<td>{escape(standing(c, request), quote=False)}</td>"
        f"<td>{when(c.opened_at, request.zone)}</td></tr>"
        for c in cases)
    names = "".join(f"<th>{name}</th>" for name in ("Case", "Title", "Stands", "Opened"))
    return "\n".join(text), (f"<p><strong>{html(head)}</strong></p><table><thead><tr>{names}</tr>"
                             f"</thead><tbody>{rows}</tbody></table>")


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """An HTML table of people's text."""
    head = "".join(f"<th>{html(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{html(cell)}</td>" for cell in row) + "</tr>"
                   for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def fitting(build: Callable[[int], tuple[str, str]], rows: int) -> tuple[str, str]:
    """What `build(rows)` gives, with fewer rows until it fits into an event."""
    while True:
        text, markup = build(rows)
        if rows <= 1 or len(text.encode()) + len(markup.encode()) <= EVENT_BYTES:
            return text, markup
        rows = rows * 2 // 3


def mistake(sentence: str, usage: str) -> tuple[str, str]:
    """One sentence, and the usage line when there is one."""
    if not usage:
        return sentence, html(sentence)
    return f"{sentence}\nUsage: {usage}", f"{html(sentence)}<br>Usage: <code>{escape(usage)}</code>"


# Events


def notice(text: str, markup: str, mentions: tuple[str, ...] = ()) -> dict[str, Any]:
    """A message of the bot's, which mentions nobody else (`m.mentions` of the client-server
    API)."""
    named = {"user_ids": list(mentions)} if mentions else {}
    return {"msgtype": "m.notice", "body": text, "format": "org.matrix.custom.html",
            "formatted_body": markup, "m.mentions": named, "org.daftar.bot": True}


def choice(asked: Choice) -> tuple[str, str]:
    """A question with its answers: (text, HTML)."""
    lines = [f"{key} {label}" for key, label, _ in asked.options]
    return ("\n".join([asked.text, *lines]),
            f"{asked.html}<br>" + "<br>".join(html(line) for line in lines))


def content_of(say: Answer | Card | ThreadNote | Choice | Told, request: Request
               ) -> tuple[str, dict[str, Any]]:
    """(room id, event content) of something the bot says."""
    match say:
        case Answer(text, markup):
            return request.room_id, {**notice(text, markup), "m.relates_to": _reply(request)}
        case Choice():
            return request.room_id, {**notice(*choice(say)), "m.relates_to": _reply(request)}
        case Card(docket, new):
            return docket.case.room_id, _card_content(docket, new, request)
        case ThreadNote(case, text, markup, mentions):
            return case.room_id, {
                **notice(text, markup, mentions), "org.daftar.case": case.number,
                "m.relates_to": _thread(_card_id(case))}
        case Told():
            return say.room_id, _told(say)
    raise TypeError(f"{say!r} is nothing to say")


def _told(said: Told) -> dict[str, Any]:
    """A message for the group: the bridge carries it under the name of who asked for it."""
    content = {"msgtype": "m.text", "body": said.text, "m.mentions": {}, "org.daftar.bot": True,
               SPEAKS_FOR: said.speaker}
    if said.reply_to:
        content["m.relates_to"] = {
            "rel_type": "m.thread", "event_id": said.thread or said.reply_to,
            "is_falling_back": False, "m.in_reply_to": {"event_id": said.reply_to}}
    return content


def attachment(file: Attachment | Handout, request: Request) -> tuple[str, dict[str, Any]]:
    """(room id, event content) of a file in a case's thread, or in reply, but for its address."""
    content = {"msgtype": "m.file", "body": file.name, "filename": file.name,
            "info": {"mimetype": file.mime, "size": len(file.data)}, "m.mentions": {},
            "org.daftar.bot": True}
    if isinstance(file, Handout):
        return request.room_id, {**content, "m.relates_to": _reply(request)}
    return file.case.room_id, {**content, "org.daftar.case": file.case.number,
                               "m.relates_to": _thread(_card_id(file.case))}


def _card_content(docket: Docket, new: bool, request: Request) -> dict[str, Any]:
    case = docket.case
    text, markup = card(docket, request)
    content = {**notice(text, markup), "org.daftar.case": case.number}
    if new:
        # In the main line the card is the answer; a thread's root may be no part of a thread.
        if request.thread_root is None:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": request.answered_event}}
        return content
    return {**notice(f"* {text}", f"* {markup}"), "org.daftar.case": case.number,
            "m.new_content": content,
            "m.relates_to": {"rel_type": "m.replace", "event_id": _card_id(case)}}


def _card_id(case: Case) -> str:
    return case.card_event or PENDING + case.card_txn


def _reply(request: Request) -> dict[str, Any]:
    if request.thread_root is None:
        return {"m.in_reply_to": {"event_id": request.answered_event}}
    return {"rel_type": "m.thread", "event_id": request.thread_root, "is_falling_back": False,
            "m.in_reply_to": {"event_id": request.answered_event}}


def _thread(root: str) -> dict[str, Any]:
    return {"rel_type": "m.thread", "event_id": root, "is_falling_back": True,
            "m.in_reply_to": {"event_id": root}}


def dumps(content: dict[str, Any]) -> str:
    """An event's content for the outbox."""
    return json.dumps(content, ensure_ascii=False)
