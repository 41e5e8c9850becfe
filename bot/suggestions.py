"""Messages of a group that may belong to one of its open cases, asked about in the staff room.

The bot's books are read on from where it last stopped (`archive.suggested`): what was found is kept
with the cursor in one transaction, and asked in another, so that a message comes up once, whatever
dies. Many messages about one case become one question: after PER_HOUR questions what is found waits
until the first of them is an hour old.
"""
from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from archive import cases, settings, suggested
from archive.botbooks import SeenEvent
from archive.cases import Case, Paper
from archive.db import Unit
from archive.questions import Option, Question
from archive.suggested import Suggestion
from bot import buttons, inbox, render
from bot.commands.base import Mistake, Request
from bot.commands.opening import paper_of
from bot.matrix import MatrixError
from bot.voice import Voice, ask
from nlp import reading, schools
from nlp import words as texts

log = logging.getLogger("daftar.bot")

PER_HOUR = 3  # questions about one case
HOUR_MS = 3_600_000
TOGETHER = 25  # messages of one question
SHOWN = 6  # of them with their words
EXCERPT = 240

_FULL = re.compile(r"(?<![\w-])([A-Z]{2,8})-(\d{4})-(\d{1,9})(?![\w-])")
_SHORT = re.compile(r"(?<!\w)(?<!in )(?:case|کیس)\s*(?:no\.?|number|نمبر)?\s*[:#]?\s*(\d{1,6})"
                    r"(?![\w-]|[./]\d)", re.I)


# Finding


async def find(voice: Voice, now: int) -> bool:
    """Look at what was said since the last time (nothing, the first time); whether there may be
    more to look at."""
    cursor, events = await suggested.unread(voice.db)
    found = [each for event in events if (each := await _considered(voice, event, now))]
    if events or await settings.get(voice.db, suggested.CURSOR) is None:
        await voice.db.write(suggested.keep(cursor, found, now))
    return bool(events)


async def forget(voice: Voice) -> None:
    """Nobody wants suggestions now: whenever somebody does, they begin with what is said then."""
    if await settings.get(voice.db, suggested.CURSOR) is not None:
        await voice.db.write(settings.remove(suggested.CURSOR))


async def _considered(voice: Voice, event: SeenEvent, now: int) -> Suggestion | None:
    """The same as `_about`; a message that is odd beyond that holds up no other."""
    try:
        return await _about(voice, event, now)
    except MatrixError:
        raise
    except Exception:
        log.exception("%s is not looked at for suggestions", event.event_id)
        return None


async def _about(voice: Voice, event: SeenEvent, now: int) -> Suggestion | None:
    """The case that a message may belong to, and why: it answers a paper of the case, names its
    number, or names its school."""
    content = json.loads(event.content)
    if not _counts(voice, event, content) or inbox.is_past(content, event.at, now):
        return None
    root = inbox.thread_root(content)
    if root and await cases.by_card(voice.db, root):
        return None  # a case's own thread is not the group's talk
    mark = content.get("org.daftar.record")
    record_id = mark if type(mark) is int and 0 < mark < 2**63 else None
    words = inbox.words(content)
    answered = await _answered(voice, content, record_id)
    if answered and _says_little(words):
        answered = []
    reasons = [("it answers a message on its file", answered),
               ("it names the case", await _named(voice, words))]
    reasons += [(f"it names BEMIS {code}", await suggested.of_schools(voice.db, [code]))
                for code in schools.codes(words)[:5]]
    for why, ids in reasons:
        case = await _open_case(voice, ids, event.room_id)
        if case:
            if await suggested.on_file(voice.db, event.event_id, record_id):
                return None
            return Suggestion(event.event_id, event.room_id, case.id, why, record_id)
    return None


def _counts(voice: Voice, event: SeenEvent, content: Mapping[str, Any]) -> bool:
    """A message of the group's: no command, no notice, no correction, nothing of a bot's."""
    rules = voice.rules
    return (event.type == "m.room.message" and event.state == "seen"
            and event.sender not in (rules.user_id, rules.bridge_bot)
            and not content.get("org.daftar.bot") and content.get("msgtype") != "m.notice"
            and inbox.relation(content).get("rel_type") != "m.replace"
            and not texts.is_command(inbox.words(content), False, rules.prefix))


def _says_little(words: str) -> bool:
    """“Noted sir”, “Thanks madam”, 👍: no paper. “Complied” is one."""
    found = reading.read(reading.Message("", "", 0, text=words))
    return ("acknowledges" in found.manner and found.size <= 3
            and ("thanks" in found.manner or "delivers" not in found.manner))


async def _answered(voice: Voice, content: Mapping[str, Any], record_id: int | None) -> list[int]:
    related = [event for event in (inbox.thread_root(content), inbox.reply_to(content)) if event]
    return await suggested.of_papers(voice.db, related, record_id) if related else []


async def _named(voice: Voice, words: str) -> list[int]:
    department = voice.config.bot.department
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in words)
    wanted = [(match[1].upper(), int(match[3]), int(match[2]))
              for match in _FULL.finditer(plain.upper())]
    wanted += [(department, int(match[1]), None) for match in _SHORT.finditer(plain)]
    found = [await cases.find(voice.db, *each[:2], each[2]) for each in wanted[:5]]
    return [case.id for case in found if case]


async def _open_case(voice: Voice, ids: list[int], room_id: str) -> Case | None:
    """The newest open case of the room among these; a merged one stands for what it became."""
    for case_id in sorted(set(ids), reverse=True):
        case = await cases.by_id(voice.db, case_id)
        while case and case.merged_into is not None:
            case = await cases.by_id(voice.db, case.merged_into)
        if case and case.active and case.room_id == room_id:
            return case
    return None


# Asking


async def put(voice: Voice, staff_room: str, now: int) -> bool:
    """Ask in the staff room about what was found; whether something was asked."""
    by_case: dict[int, list[Suggestion]] = {}
    for each in await suggested.waiting(voice.db):
        by_case.setdefault(each.case_id, []).append(each)
    asked = False
    for case_id, found in by_case.items():
        if await suggested.asked_since(voice.db, case_id, now - HOUR_MS) < PER_HOUR:
            asked = await _ask(voice, staff_room, case_id, found[:TOGETHER], now) or asked
    return asked


async def _ask(voice: Voice, staff_room: str, case_id: int, found: list[Suggestion], now: int
               ) -> bool:
    """One question about these messages, but for what somebody has dealt with meanwhile."""
    case = await _open_case(voice, [case_id], found[0].room_id)
    fresh: list[tuple[Suggestion, Paper]] = []
    for each in found:
        if case and not await suggested.on_file(voice.db, each.event_id, each.record_id):
            try:
                paper = await paper_of(voice.tools, voice.request(each.room_id, now), each.event_id)
            except Mistake:  # it is gone
                continue
            fresh.append((each, paper))
    gone = [each.event_id for each in found if each not in [one for one, _ in fresh]]
    await voice.db.write(_asked(voice, staff_room, case, fresh, gone, now))
    return bool(fresh)


def _asked(voice: Voice, staff_room: str, case: Case | None,
           fresh: list[tuple[Suggestion, Paper]], gone: list[str], now: int) -> Unit[None]:
    if gone:
        yield from suggested.asked(gone, "", now)
    if not fresh or case is None:
        return
    events = [each.event_id for each, _ in fresh]
    txn_id = f"suggest {events[0]}"
    if not (yield from suggested.asked(events, txn_id, now)):
        return
    label = f"link {'it' if len(events) == 1 else f'all {len(events)}'} to {case.number}"
    options = (Option(voice.config.bot.buttons.get("link", "🔗"), label,
                      f"case link {case.number} {' '.join(events)}"),
               Option(buttons.NO, "no", ""))
    text, markup = _words(case, fresh, voice.request(staff_room, now))
    lines = [f"{option.key} {option.label}" for option in options]
    content = render.notice("\n".join([text, *lines]),
                            f"{markup}<p>{'<br>'.join(map(render.html, lines))}</p>")
    yield from ask(Question(txn_id, staff_room, "", "", options, now), content)


def _words(case: Case, fresh: list[tuple[Suggestion, Paper]], request: Request) -> tuple[str, str]:
    many = len(fresh) > 1
    reasons = list(dict.fromkeys(each.why for each, _ in fresh))
    why = reasons[0] if not many else "; ".join(reasons).replace(
        "it answers", "they answer").replace("it names", "they name")
    head = (f"{len(fresh)} messages may belong to" if many else "This may belong to")
    # the title says what is open already
    text = [f"{head} {case.number} ({render.isolate(case.title)}): {why}."]
    markup = [f"<p>{head} {render.case_link(case, request.server)} ({render.html(case.title)}): "
              f"{render.html(why)}.</p>"]
    for each, paper in fresh[:SHOWN]:
        source = f"{render.isolate(paper.sender_name)}, {render.when(paper.sent_at, request.zone)}"
        said = texts.shorten(texts.one_line(paper.excerpt), EXCERPT)
        address = render.permalink(each.room_id, each.event_id, request.server)
        text += [f"{source}:", f"> {render.isolate(said)}"]
        markup.append(f"<blockquote>{render.link(address, source)}<br>{render.html(said)}"
                      "</blockquote>")
    if len(fresh) > SHOWN:
        text.append(f"and {len(fresh) - SHOWN} more")
        markup.append(f"<p>and {len(fresh) - SHOWN} more</p>")
    return "\n".join(text), "".join(markup)
