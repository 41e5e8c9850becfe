"""The grammar: what people type, and what the bot understands. No server."""
from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.cases import Actor, Case
from bot import inbox, meanings, parse, render
from bot.commands.base import Mistake, Request, Unclear
from bot.commands.vocabulary import COMMANDS
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
    ("!case assign 42 to DEO Sibi", ("case assign", 42, "to DEO Sibi")),
    ("!case give case 42 to DEO Sibi", ("case assign", 42, "to DEO Sibi")),
    ("!case note on case no. 42: DEO called", ("case note", 42, "DEO called")),
    ("!case note 42 - DEO called", ("case note", 42, "DEO called")),
    ("!case note 42 -5 degrees", ("case note", 42, "-5 degrees")),
    ("!case status of 42", ("case status", 42, "")),
    ("!case show me case 42", ("case show", 42, "")),
    ("!case link this to 42", ("case link", 42, "")),
    ("!case resolve 42 teacher is back", ("case status", 42, "resolved teacher is back")),
    ("!case wait 42 for DC Kech", ("case status", 42, "waiting for DC Kech")),
    ("!case 42 resolved, water is back", ("case status", 42, "resolved water is back")),
    ("!case 42 is resolved", ("case status", 42, "resolved")),
    ("!case 42 done", ("case close", 42, "done")), ("!case done 42", ("case close", 42, "done")),
    ("!case urgent 42", ("case priority", 42, "urgent")),
    ("!case hand over 42 to DEO Sibi", ("case assign", 42, "to DEO Sibi")),
    ("!case set due 42 Monday", ("case due", 42, "Monday")),
    ("!case add a note 42 hello", ("case note", 42, "hello")),
    ("!case add 42", ("case link", 42, "")), ("!case extend 42 to Friday",
                                              ("case due", 42, "to Friday")),
    ("!case unassign 42", ("case assign", 42, "none")),
    ("!case mark 42 as done", ("case status", 42, "as done")),
    ("!case undo merge 42", ("case unmerge", 42, "")),
    ("!case my cases", ("case list", None, "my cases")),
    ("!case overdue", ("case list", None, "overdue")),
    ("!case closed cases in Sibi", ("case list", None, "closed cases in Sibi")),
    ("!case open cases", ("case list", None, "open cases")),
    ("!case open cases of cheating", ("case open", None, "cases of cheating")),
    ("!case help close", ("help", None, "close")), ("!case ?", ("help", None, "case")),
    ("!thread why?", ("thread why", None, "")),
    ("!case remove tag 42 salary", ("case untag", 42, "salary")),
    ("!کیس سپرد ۴۲ ڈی ای او سبی کو", ("case assign", 42, "ڈی ای او سبی کو")),
    ("!کیس بند کریں ۴۲ کام مکمل", ("case close", 42, "کام مکمل")),
    ("!کیس نمبر ۴۲ کو بند کرو", ("case close", 42, "")),
    ("!کیس تاریخ ۴۲ ۲۵ نومبر", ("case due", 42, "۲۵ نومبر")),
    ("!کیس تاریخچہ ٤٢", ("case history", 42, "")),
    ("!کیس ٹیگ ہٹاؤ ۴۲ تنخواہ", ("case untag", 42, "تنخواہ")),
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
    ("!case list closd cases", "did you mean closed?"),
    ("!case list district", "For example: !case list district Sibi"),
    ("!case list the broken wall", "but search for it"),
    ("!case delete 12", "Nothing is deleted here: !case close N invalid"),
    ("!case escalate 12", "see !help case"),
    ("!case merge 12", "For example: !case merge 12 into 9"),
    ("!case priority 12 hihg", "did you mean high?"),
    ("!case link 12", "Which message?"),
    ("!کیس ۴۲ ڈی ای او سبی کے سپرد کریں", "did you mean !case assign N POST|PERSON [by DATE]?"),
    ("!case list everybody's", "I cannot list"),
    ("!search", "What shall I look for?"),
    ("!help nonsense", "no help on “nonsense”"),
    ("!help mrege", "did you mean merge?"),
    ("!opne x", "did you mean !case open [TITLE]?"),
    ("!case assign 12 123", "To whom?"),
])
def test_mistakes_say_what_to_do(body: str, words: str) -> None:
    assert words in sentence(body)


def test_in_a_cases_thread_the_number_may_be_left_out() -> None:
    request = dataclasses.replace(REQUEST, thread_case=CASE)
    for body in ("!case show", "!case note seen", "!case assign DEO Sibi", "!case close"):
        call = parse.parse(body, "!", COMMANDS)
        arguments = call.command.parse(call, request)
        assert getattr(arguments, "which", arguments) is CASE


def arguments(body: str, **request: Any) -> Any:
    """What a command would be done with."""
    call = parse.parse(body, "!", COMMANDS)
    return call.command.parse(call, dataclasses.replace(REQUEST, **request))


@pytest.mark.parametrize(("body", "field", "value"), [
    ("!case assign 42 to DEO Sibi", "text", "DEO Sibi"),
    ("!case assign 42 to the DEO Sibi please", "text", "DEO Sibi"),
    ("!case assign me 42", "text", "Ayesha Khan"),
    ("!case assign 42 to DEO Sibi by next Monday", "text", "DEO Sibi"),
    ("!case assign 42 to DEO Sibi by next Monday", "by", "next Monday"),
    ("!کیس سپرد ۴۲ ڈی ای او سبی کو پیر تک", "by", "پیر تک"),
    ("!کیس سپرد ۴۲ ڈی ای او سبی کو پیر تک", "text", "ڈی ای او سبی"),
    ("!case assign 42 Stand by officer", "text", "Stand by officer"),
    ("!کیس سپرد ۴۲ ڈی ای او سبی کو", "text", "ڈی ای او سبی"),
    ("!کیس سپرد ۴۲ مجھے", "text", "Ayesha Khan"),
    ("!case close 42 as done", "text", "done"),
    ("!case close 42 as done: teacher is back", "text", "done, teacher is back"),
    ("!case close 42 done, teacher is back", "text", "done, teacher is back"),
    ("!case close 42 because the school is open", "text", "the school is open"),
    ("!case close 42 doneness", "text", "doneness"),
    ("!case close 42 as partly done; the rest next month", "text",
     "partly done, the rest next month"),
    ("!کیس بند ۴۲ مکمل، استاد آ گیا", "text", "done, استاد آ گیا"),
    ("!case reopen 42 because it leaks", "text", "it leaks"),
    ("!case status 42 closed as done", "text", "done"),
    ("!case mark 42 as done", "text", "done"), ("!case mark 42 as done", "state", "closed"),
    ("!case mark 42 as resolved", "state", "resolved"), ("!case unassign 42", "text", ""),
    ("!case assign 42 nobody", "text", ""),
    ("!case status 42 to waiting for DC Kech till Friday", "waiting_for", "DC Kech"),
    ("!case status 42 waiting until 12 December for DC Kech", "waiting_for", "DC Kech"),
    ("!کیس حالت ۴۲ منتظر ڈی سی کیچ کے لیے جمعرات تک", "waiting_for", "ڈی سی کیچ"),
    ("!case priority 42 to high", "value", "high"),
    ("!case priority 42 = urgent", "value", "urgent"),
    ("!case district 42 to Sibi", "value", "Sibi"),
    ("!case district 42 Khuzdar district", "value", "Khuzdar"),
    ("!کیس ضلع ۴۲ ضلع خضدار", "value", "Khuzdar"),
    ("!کیس ضلع ۴۲ سبی", "value", "Sibi"),  # as the gazetteer writes it
    ("!case district 42 Makran Division", "value", "Makran Division"),
    ("!case tag 42 as salary", "values", ("salary",)),
    ('!case title 42 to "Salary of JVT"', "text", "Salary of JVT"),
    ("!case note on 42 that DEO called", "text", "DEO called"),
    ("!case export 42 as pdf", "format", "pdf"),
    ("!case list", "kind", "open"), ("!case list my cases", "kind", "mine"),
    ("!case list all overdue cases", "kind", "overdue"),
    ("!case list closed district Sibi", "by", "district"),
    ("!case list cases of district sibi", "word", "Sibi"),
    ("!case list closed please", "kind", "closed"),
    ("!case list in Sibi", "by", "district"), ("!case list DEO Sibi", "by", "post"),
    ("!کیس فہرست ضلع سبی", "word", "Sibi"), ("!کیس فہرست بند", "kind", "closed"),
    ("!case list school GBPS Killi Nau", "word", "GBPS Killi Nau"),
    ("!case list school ۰۷۰۸۶", "word", "07086"),
])
def test_natural_words_say_nothing_more(body: str, field: str, value: Any) -> None:
    assert getattr(arguments(body), field) == value


@pytest.mark.parametrize(("body", "serial", "day"), [
    ("!case due 42 by next Monday", 42, "2026-11-23"), ("!case due 42 Monday", 42, "2026-11-23"),
    ("!کیس میعاد ۴۲ پیر تک", 42, "2026-11-23"), ("!case due 42 25 Dec", 42, "2026-12-28"),
    ("!case due 12 December", None, "2026-12-14"), ("!case due 25", None, "2026-11-25"),
    ("!case due in 3 days", None, "2026-11-23"), ("!case 12 due 25", 12, "2026-11-25"),
    ("!case due Friday", None, "2026-11-20"),
])
def test_a_date_is_a_date_in_the_cases_thread_too(
        body: str, serial: int | None, day: str) -> None:
    """REQUEST is of 18 November 2026; 12 December is a Saturday."""
    due = arguments(body, thread_case=CASE)
    assert datetime.fromtimestamp(due.at / 1000, REQUEST.zone).date().isoformat() == day
    assert (due.which is CASE) is (serial is None)
    assert serial is None or due.which.serial == serial


def test_in_a_cases_thread_a_code_is_a_school_and_not_a_case() -> None:
    marks = arguments("!case school 07086 02469", thread_case=CASE)
    assert (marks.which, marks.values) == (CASE, ("07086", "02469"))
    marks = arguments("!case 12 school 07086", thread_case=CASE)
    assert (marks.which.serial, marks.values) == (12, ("07086",))


def test_which_case_becomes_part_of_which_is_asked_when_it_is_not_said() -> None:
    for body, where in (("!case merge 12 and 9", None), ("!case merge 12 9", None),
                        ("!case merge 12", CASE)):
        with pytest.raises(Unclear, match="Which becomes part of which"):
            arguments(body, thread_case=where)
    pair = arguments("!case merge into 9", thread_case=CASE)
    assert pair.which is CASE and pair.into.serial == 9
    pair = arguments("!کیس ضم ۱۲ میں ۹")
    assert (pair.which.serial, pair.into.serial) == (12, 9)


def test_a_number_alone_is_no_title_unasked() -> None:
    with pytest.raises(Unclear, match="Is 42 a case") as unclear:
        arguments("!case open 42")
    assert [command for _, command in unclear.value.readings] == [
        "case show 42", "case reopen 42", "case open 42"]
    assert arguments("!case open 42", confirmed=True).title == "42"
    assert arguments("!case open 42 teachers absent").title == "42 teachers absent"


def test_every_command_has_urdu_words_and_no_word_has_two_meanings() -> None:
    seen: dict[tuple[str, str], str] = {}
    for command in COMMANDS:
        family, *verb = command.name.split()
        words = (*verb, *command.aliases) if verb else parse.FAMILIES[family]
        assert any(not word.isascii() for word in words), command.name
        for word in words:
            assert texts.fold(word) == word
            assert seen.setdefault((family if verb else "", word), command.name) == command.name
    for word, (verb, _) in meanings.MEANT.items():
        assert ("case", word) not in seen and ("case", verb) in seen, word


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


def test_history_commands_nothing_and_asks_nobody() -> None:
    """What a phone hands over, or a chat export brings, was not said to the bot."""
    content = {"msgtype": "m.text", "body": "!case list", "org.daftar.history": True}
    event = {"event_id": "$1", "sender": "@a:office.test", "type": "m.room.message",
             "origin_server_ts": 1_000, "content": content}
    rows, _ = inbox.read(RoomTimeline("!r", [event]), _RULES)
    assert [row.state for row in rows] == ["seen"]
    week = 7 * 86_400_000
    assert inbox.is_past(content, 1_000, 1_001 + week)
    assert not inbox.is_past(content, 1_000, 1_000 + week), "of this week it is asked about"
    assert not inbox.is_past({"body": "x"}, 1_000, 1_001 + week), "it was only late"
