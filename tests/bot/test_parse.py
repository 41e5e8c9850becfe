"""The grammar: what people type, and what the bot understands. No server."""
from __future__ import annotations

import dataclasses
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.cases import Actor, Case
from bot import inbox, parse, render
from bot.commands import COMMANDS
from bot.commands.base import Mistake, Request, Unclear
from bot.matrix import RoomTimeline
from nlp import calendar
from nlp import words as texts

REQUEST = Request("$command", "!room:office.test", Actor("@ayesha:office.test", "Ayesha Khan"),
                  1_795_000_000_000, "!", "SED", ZoneInfo("Asia/Karachi"), "office.test",
                  calendar=calendar.shipped())
CASE = Case(7, "SED-2026-00042", "Title", "open", "!room:office.test", None, None,
            Actor("@a:office.test", "A"), 1_795_000_000_000, None, None, "card", "$card")


def understood(body: str) -> tuple[str, int | None, str]:
    """(command, case serial, rest) of a message."""
    call = parse.parse(body, "!", COMMANDS)
    return call.command.name, call.number.serial if call.number else None, call.rest


def sentence(body: str, **request: Any) -> str:
    """What the bot objects to."""
    with pytest.raises(Mistake) as raised:
        call = parse.parse(body, "!", COMMANDS)
        call.command.parse(call, dataclasses.replace(REQUEST, **request))
    return raised.value.sentence


@pytest.mark.parametrize(("body", "expected"), [
    ("!help", ("help", None, "")),
    ("!help case", ("help", None, "case")),
    ("!case open GBPS Killi Nau closed", ("case open", None, "GBPS Killi Nau closed")),
    ('!case open "GBPS Killi Nau"', ("case open", None, "GBPS Killi Nau")),
    ("!case open “GBPS Killi Nau”", ("case open", None, "GBPS Killi Nau")),
    ('!case open "a" and "b"', ("case open", None, '"a" and "b"')),
    ("!case open", ("case open", None, "")),
    ("!CASE Open Title Kept", ("case open", None, "Title Kept")),
    ("! case   open  x", ("case open", None, "x")),
    ("  !case open x", ("case open", None, "x")),
    ("\u200f!case open x", ("case open", None, "x")),
    ("!case open 5 teachers absent", ("case open", None, "5 teachers absent")),
    ("!case close 12 school open again", ("case close", 12, "school open again")),
    ("!case 12 close school open again", ("case close", 12, "school open again")),
    ("!case 12", ("case show", 12, "")),
    ("!case show 42", ("case show", 42, "")),
    ("!case show 00042", ("case show", 42, "")),
    ("!case show #42", ("case show", 42, "")),
    ("!case show no. 42", ("case show", 42, "")),
    ("!case show SED-2026-00042", ("case show", 42, "")),
    ("!case show sed-2026-42", ("case show", 42, "")),
    ("!case show ۴۲", ("case show", 42, "")),
    ("!case note 3 first\nsecond", ("case note", 3, "first\nsecond")),
    ('!case note "12 teachers"', ("case note", None, "12 teachers")),
    ("!case assign 3 DEO Sibi", ("case assign", 3, "DEO Sibi")),
    ("!case list mine", ("case list", None, "mine")),
    ('!search "boundary wall" Sibi', ("search", None, '"boundary wall" Sibi')),
    ("!کیس کھولو اسکول بند ہے", ("case open", None, "اسکول بند ہے")),
    ("!کیس نوٹ ۴۲ دیکھ لیا", ("case note", 42, "دیکھ لیا")),
    ("!کیس فہرست", ("case list", None, "")),
    ("!تلاش سبی", ("search", None, "سبی")),
    ("!مدد", ("help", None, "")),
])
def test_understood(body: str, expected: tuple[str, int | None, str]) -> None:
    assert understood(body) == expected


@pytest.mark.parametrize(("body", "words"), [
    ("!cse open x", "did you mean !case open [TITLE]?"),
    ("!case opne x", "did you mean !case open [TITLE]?"),
    ("!case 12 clsoe done", "did you mean !case close N [RESOLUTION [TEXT]]?"),
    ("!close 12", "did you mean !case close N [RESOLUTION [TEXT]]?"),
    ("!serach Sibi", "did you mean !search WORDS?"),
    ("!hlep", "did you mean !help"),
    ("!important: please look", "no command !important"),
    ("!!!", "no command"),
    ("!", "See !help"),
    ("!case", "There is open, list, search, show, history, assign"),
    ("!case The school is closed", "There is no !case the"),
    ("!case 12 open", "takes no case number"),
    ("!case note 5", "The note is empty"),
    ('!case note 5 ""', "The note is empty"),
    ("!case note 5 " + "x" * 30_000, "at most 20000 characters, and this has 30000"),
    ("!case assign 5", "To whom?"),
    ("!case close", "Which case?"),
    ("!case close done", "Which case?"),
    ("!case show", "Which case?"),
    ("!case show 5 now", "and nothing else"),
    ("!case open", "A case needs a title"),
    ('!case open "  "', "A case needs a title"),
    ("!case list opn", "did you mean open?"),
    ("!case list everybody's", "I cannot list"),
    ("!search", "What shall I look for?"),
    ("!help nonsense", "no help on 'nonsense'"),
])
def test_mistakes_say_what_to_do(body: str, words: str) -> None:
    assert words in sentence(body)


def test_in_a_cases_thread_the_number_may_be_left_out() -> None:
    request = dataclasses.replace(REQUEST, thread_case=CASE)
    for body in ("!case show", "!case note seen", "!case assign DEO Sibi", "!case close"):
        call = parse.parse(body, "!", COMMANDS)
        arguments = call.command.parse(call, request)
        assert getattr(arguments, "which", arguments) is CASE


def test_in_a_cases_thread_a_leading_number_is_asked_about() -> None:
    """"12 teachers absent" must not land in case 12 unnoticed."""
    request = dataclasses.replace(REQUEST, thread_case=CASE)
    call = parse.parse("!case note 12 teachers absent", "!", COMMANDS)
    with pytest.raises(Unclear, match="case or part of the text") as unclear:
        call.command.parse(call, request)
    assert [command for _, command in unclear.value.readings] == [
        "case 12 note teachers absent", f"case {CASE.number} note 12 teachers absent"]
    for (_, command), serial in zip(unclear.value.readings, (12, 42), strict=True):
        call = parse.parse("!" + command, "!", COMMANDS)
        assert call.command.parse(call, request).which.serial == serial
    for body, serial in (('!case note "12 teachers absent"', None), ("!case 12 note seen", 12),
                         ("!case note 00012 seen", 12), ("!case close 12", 12)):
        call = parse.parse(body, "!", COMMANDS)
        which = call.command.parse(call, request).which
        assert which is CASE if serial is None else which.serial == serial


@pytest.mark.parametrize(("body", "is_command"), [
    ("!case list", True), (" !help", True), ("!", True), ("hello!", False), ("", False),
    ("!wa login", False), ("! wa login", False), ("case open", False), ("\u200f!help", True),
])
def test_what_is_for_the_bot(body: str, is_command: bool) -> None:
    assert parse.is_command(body, "!") is is_command


def test_reply_fallback_is_no_part_of_the_command() -> None:
    content = {"msgtype": "m.text", "body": "> <@a:b> !case close 1\n> more\n\n!case open",
               "m.relates_to": {"m.in_reply_to": {"event_id": "$paper"}}}
    assert inbox.words(content) == "!case open"
    assert inbox.reply_to(content) == "$paper"


_HOSTILE = st.one_of(
    st.text(), st.text("ابپت ۱۲۳ \u202e\u200f", max_size=40),
    st.sampled_from(["<script>alert(1)</script>", "'; DROP TABLE case_file; --", "%s {0} $1 ?",
                     "x" * 10_000, "12 " * 200, "into into", "\n\n", "@", "-1", "31-09-2026",
                     "waiting until", "9" * 40, "SED-2026-00001 SED-2026-00002"]))
_LANGUAGE = st.sampled_from([
    word for command in COMMANDS for word in (
        command.name, *(f"{command.name.split()[0]} {alias}" for alias in command.aliases))])


@given(_LANGUAGE, st.sampled_from(["", "1 ", "۱۲ ", "SED-2026-00007 "]), _HOSTILE,
       st.booleans(), st.sampled_from([None, "$paper"]))
@settings(max_examples=400)
def test_any_arguments_are_understood_or_answered_in_words(
        words: str, number: str, rest: str, in_thread: bool, paper: str | None) -> None:
    """Missing, surplus, of the wrong type, long, right-to-left, HTML, injection: a usage line or
    an understanding, never a traceback."""
    request = dataclasses.replace(REQUEST, thread_case=CASE if in_thread else None, reply_to=paper)
    _is_answered(f"!{words} {number}{rest}", request)


@given(st.text())
def test_any_text_is_understood_or_refused_in_one_sentence(body: str) -> None:
    for start in ("!", "!case ", "!case note ", "!case close 1 ", "!search ", "!help ",
                  "!case open "):
        _is_answered(start + body, REQUEST)


def _is_answered(body: str, request: Request) -> None:
    if not parse.is_command(body, "!"):
        return
    try:
        call = parse.parse(body, "!", COMMANDS)
        call.command.parse(call, request)
    except Mistake as mistake:
        text, markup = render.mistake(mistake.sentence, "")
        assert text.strip()
        assert "<" not in markup.replace("<br>", "")
    except Unclear as unclear:
        assert unclear.sentence.strip() and len(unclear.readings) > 1


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["event_id", "rel_type", "m.in_reply_to", "is_falling_back", "x"]), inner,
        max_size=4), max_leaves=8)
_RULES = inbox.Rules("@daftar:office.test", "@whatsapp:office.test", "@wa_", ":office.test", "!",
                     frozenset())


@given(st.dictionaries(st.sampled_from(
    ["msgtype", "body", "m.relates_to", "formatted_body", "org.daftar.txn", "m.new_content"]),
    _json | st.sampled_from(["m.text", "!case open", "m.thread"])))
def test_any_content_is_recorded(content: dict[str, Any]) -> None:
    event = {"event_id": "$1", "type": "m.room.message", "sender": "@a:office.test",
             "origin_server_ts": 1, "content": content}
    rows, _ = inbox.read(RoomTimeline("!r", [event]), _RULES)
    assert [row.event_id for row in rows] == ["$1"]
    inbox.thread_root(content)
    inbox.reply_to(content)
    inbox.mentions(content)


def test_title_keeps_the_schools_code() -> None:
    text = "Today the school was not allowed to be visited by the Head teacher " * 3
    title = texts.title_from(text + "BMIS Code 02469")
    assert title.endswith("… (02469)")
    assert len(title) <= 80
    assert texts.title_from("Short\nand sweet 07086") == "Short and sweet 07086"


def test_text_from_people_cannot_break_the_screen() -> None:
    assert texts.clean("a\x00b\u202ec\u2066d\ud800e\x1b[31m") == "abcde[31m"
    assert render.html("<script>alert(1)</script>&") == "&lt;script&gt;alert(1)&lt;/script&gt;&amp;"
    assert render.html("سبی") == "\u2068سبی\u2069"
