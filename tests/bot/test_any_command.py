"""Every command with every bad argument, done for real over an archive and a homeserver, up to
what would be sent: always a result, a question, a refusal or a usage line, never a traceback."""
from __future__ import annotations

import json
import time
from html.parser import HTMLParser
from itertools import count, cycle
from pathlib import Path
from typing import Any

from archive import audit, botbooks, directory
from archive.botbooks import SeenEvent
from archive.db import Database, open_database
from bot import inbox
from bot.commands.vocabulary import COMMANDS
from bot.doing import Doing
from bot.matrix import Matrix
from bot.outbox import TXN_KEY
from tests.bot.conftest import Desk

HOSTILE = (
    "", "surplus words after it", "-1", "0", "999999999", "SED-2019-00001", "12 12 12",
    "x" * 10_000, "لمبا " * 2_000, "\u202eمعاملہ\u202c ۱۲۳ \u200fاسکول", "ڈی ای او سبی کو",
    "<script>alert(1)</script> <b>x", "</p></strong><a href=\"javascript:alert(1)\">x</a>",
    "'; DROP TABLE case_file; --", "%s {0} $1 ? \\ \x00", "31-09-2026", "yesterday",
    "waiting for <i>DC</i> until Monday", "into into", "@nobody:office.test", "\n\n> quoted\n\n",
    "$event $event2", "https://matrix.to/#/!x/$y", "* (AND \"", "💥" * 200)
PLACES = ("", "number", "reply", "thread")
ROUGH = {"case letter": 4, "case export": 4}  # printing takes a while: so many of HOSTILE
ALLOWED = {"p", "strong", "em", "a", "br", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th",
           "td", "code", "blockquote", "h4", "pre"}


class Markup(HTMLParser):
    """Fails on any element or address that is none of ours, and on what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name == "href" and str(value).startswith("https://matrix.to/#/"), attrs
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class Given:
    """Gives events to the bot's books, has them done, and reads what came of them."""

    def __init__(self, db: Database, doing: Doing, desk: Desk) -> None:
        self.db, self.doing, self.desk = db, doing, desk
        self._ids, self._sent = count(), 0

    async def event(self, sender: str, content: dict[str, Any], type_: str = "m.room.message",
                    state: str = "new") -> SeenEvent:
        """One event, read by the bot."""
        event = SeenEvent(f"$given{next(self._ids)}", self.desk.room_id, sender, type_,
                          int(time.time() * 1000), json.dumps(content), state)
        await self.db.write(botbooks.record("given", event.event_id, [event]))
        return event

    async def done(self, event: SeenEvent) -> tuple[str, list[dict[str, Any]]]:
        """(outcome in the trail, what is to be sent), once it is done."""
        await self.doing.handle(event)
        [entry] = [e for e in await audit.latest(self.db, 5) if e.event_id == event.event_id]
        rows = await self.db.read(
            "SELECT id, txn_id, content FROM bot_outbox WHERE id > ? ORDER BY id", self._sent)
        self._sent = rows[-1]["id"] if rows else self._sent
        return entry.outcome, [{**json.loads(row["content"]), TXN_KEY: row["txn_id"]}
                               for row in rows]


def _checked(said: str, outcome: str, sent: list[dict[str, Any]]) -> None:
    assert outcome in ("done", "asked", "mistake", "refused"), (said, sent)
    assert sent, said
    for content in sent:
        assert len(json.dumps(content, ensure_ascii=False).encode()) < 60_000, said
        if "formatted_body" in content:
            assert content["body"].strip(), said
            Markup(content["formatted_body"])
        if outcome in ("mistake", "refused"):
            assert len(content.get("body", "")) < 1_000, content


async def test_any_command_with_any_argument(desk: Desk, tmp_path: Path) -> None:
    db = await open_database(f"sqlite:{tmp_path / 'other.sqlite'}")
    matrix = Matrix(desk.config.homeserver.url, desk.config.user_id(desk.config.bot.user),
                    desk.config.bot.as_token)
    try:
        chat = await db.write(directory.ensure_chat("120363000000000001@g.us", "DEOs", "", 1))
        await db.write(directory.set_room(chat.id, desk.room_id))
        given = Given(db, Doing(desk.config, db, matrix, inbox.rules_of(desk.config)), desk)
        outcomes = await _all_given(given)
    finally:
        await matrix.close()
        await db.close()
    # it is no test of refusals only
    assert outcomes.count("done") > 100 and outcomes.count("asked") > 20
    assert outcomes.count("mistake") > 100 and outcomes.count("refused") > 20


async def _all_given(given: Given) -> list[str]:
    staff, outcomes, places = given.desk.staff.user_id, [], cycle(PLACES)
    paper = await given.event(staff, {"msgtype": "m.text", "body": "<u>Closed</u>"}, state="seen")
    card = await given.event(given.desk.config.user_id(given.desk.config.bot.user), {
        "msgtype": "m.notice", "body": "card", "org.daftar.case": "SED-2026-00001"}, state="seen")
    await given.done(await given.event(staff, {"msgtype": "m.text", "body": "!case open First"}))
    for command in COMMANDS:
        for hostile in HOSTILE[:ROUGH.get(command.name)]:
            place = next(places)
            number = "1 " if command.takes_number and place in ("number", "reply") else ""
            content: dict[str, Any] = {
                "msgtype": "m.text", "body": f"!{command.name} {number}{hostile}"}
            if place == "reply":
                content["m.relates_to"] = {"m.in_reply_to": {"event_id": paper.event_id}}
            if place == "thread":
                content["m.relates_to"] = {"rel_type": "m.thread", "event_id": card.event_id}
            outcome, sent = await given.done(await given.event(staff, content))
            _checked(content["body"][:80], outcome, sent)
            outcomes.append(outcome)
            if outcome == "asked":
                outcomes.append(await _answered(given, staff, sent))
    return outcomes


async def _answered(given: Given, staff: str, sent: list[dict[str, Any]]) -> str:
    """Say the first of the answers that a question offers."""
    [question] = [content for content in sent if "body" in content]
    bot = given.desk.config.user_id(given.desk.config.bot.user)
    asked = await given.event(bot, question, state="seen")
    key = next(content["m.relates_to"]["key"] for content in sent if "body" not in content)
    outcome, said = await given.done(await given.event(staff, {"m.relates_to": {
        "rel_type": "m.annotation", "event_id": asked.event_id, "key": key}}, "m.reaction"))
    _checked(f"{key} to {question['body'][:80]}", outcome, said)
    return outcome
