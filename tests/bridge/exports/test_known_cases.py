"""Cases that the test suites of other readers of chat exports hold (whatsapp-chat-parser,
chat-miner, whatstk, chatpack), told again in our own words."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.exports.batch import Message
from bridge.exports.opening import opened
from bridge.exports.reader import ExportError, Reader


def read(folder: Path, text: str, order: str = "") -> list[Message]:
    path = folder / "chat.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return list(Reader(opened(path).text, UTC, order=order).messages())


@pytest.mark.parametrize(("line", "order", "when"), [
    ("3/6/18, 1:55 p.m. - Gul: aa", "dmy", "2018-06-03T13:55"),
    ("3/6/18, 1:55 p.m. - Gul: aa", "mdy", "2018-03-06T13:55"),
    ("03-06-2018, 01.55 PM - Gul: aa", "dmy", "2018-06-03T13:55"),
    ("13.06.18, 21:25 - Gul: aa", "", "2018-06-13T21:25"),
    ("[06.13.18 21:25:15] Gul: aa", "", "2018-06-13T21:25:15"),
    ("[3/6/18 1:55:00 p. m.] Gul: aa", "dmy", "2018-06-03T13:55"),
    ("\u200e[3/6/18 1:55:00 p.\u00a0m.] Gul: aa", "dmy", "2018-06-03T13:55"),
    ("[2018/06/13, 21:25:15] Gul: aa", "", "2018-06-13T21:25:15"),
    ("2018-06-13 21:25 - Gul: aa", "", "2018-06-13T21:25"),
    ("13/06/2018, 12:05 am - Gul: aa", "", "2018-06-13T00:05"),
    ("13/06/2018, 12:05 PM - Gul: aa", "", "2018-06-13T12:05"),
    ("29/02/2024, 00:00 - Gul: aa", "", "2024-02-29T00:00"),
    ("31/12/2019, 23:59 - Gul: aa", "", "2019-12-31T23:59"),
    ("١٣/٦/٢٠١٨, ٩:٢٥ م - Gul: aa", "", "2018-06-13T21:25"),
    ("13.6.2018 klo 21.25 - Gul: aa", "", "2018-06-13T21:25"),
    ("13. 6. 2018. 21:25 - Gul: aa", "", "2018-06-13T21:25"),
    ("13. 6. 2018 21:25 - Gul: aa", "", "2018-06-13T21:25"),
    ("[13.6.2018 klo 21.25.15] Gul: aa", "", "2018-06-13T21:25:15"),
    ("13.06.18 21.25.15: Gul: aa", "", "2018-06-13T21:25:15"),
    ("13/06/16, 9:25:15 PM: Gul: aa", "", "2016-06-13T21:25:15"),
])
def test_dates_and_times(tmp_path: Path, line: str, order: str, when: str) -> None:
    [message] = read(tmp_path, line + "\n", order)
    assert datetime.fromtimestamp(message.at / 1000, UTC) == datetime.fromisoformat(when + "+00:00")
    assert (message.sender, message.text) == ("Gul", "aa")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", [
    "Gul \U0001f913", "\U0001f913", "Иван", "محمد", "田中", "O'Neil-Khan", "<Gul & Co>",
    "Gul\tKhan",
    "User\u200cName", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e\u0301", "A" * 140])
def test_names(tmp_path: Path, name: str, line_end: str) -> None:
    [first, second] = read(tmp_path, f"13/06/2018, 21:25 - {name}: one{line_end}"
                                     f"13/06/2018, 21:26 - {name}: two{line_end}")
    assert first.sender == second.sender == name and first.text == "one"


@pytest.mark.parametrize("body", [
    "two\nlines", "a line\n\nafter an empty one", "2016-04-29 10:30:00", "one\n2016-04-29 10:30:00",
    "Привет مرحبا 你好 \U0001f30d", "tab\there", "quote \"and\" back\\slash", "x" * 100_000,
    "https://example.org/a?b=c:d", "10:30 - Ali: is what he said", " leading and trailing ",
    "one:two: three", "- a dash", "[in brackets]", "Name: Value"])
def test_bodies(tmp_path: Path, body: str) -> None:
    [before, message, after] = read(
        tmp_path, f"13/06/2018, 21:25 - A: x\n13/06/2018, 21:25 - Gul: {body}\n"
                  "13/06/2018, 21:26 - A: y\n")
    assert (before.text, message.text, after.text) == ("x", body, "y")
    assert message.sender == "Gul" and message.kind == "text"


def test_an_empty_message_is_one(tmp_path: Path) -> None:
    """Some phones write a message without a word; it has a sender all the same."""
    [empty, after] = read(tmp_path, "13/06/2018, 18:42 - Gul: \n13/06/2018, 18:43 - Gul: x\n")
    assert (empty.sender, empty.text, empty.kind) == ("Gul", "", "text") and after.text == "x"


def test_a_line_without_a_sender_does_not_borrow_the_next_lines(tmp_path: Path) -> None:
    """The subject of a group may have several lines, with a colon in one of them."""
    found = read(tmp_path, "13/06/2018, 00:44 - A: x\n"
                           '13/06/2018, 00:45 - Gul created group "DEOs\nnote: daily"\n'
                           "13/06/2018, 00:46 - Gul left\n13/06/2018, 00:46 - Gul: see: this\n")
    assert [(m.kind, m.sender, m.text) for m in found] == [
        ("text", "A", "x"), ("notice", "", 'Gul created group "DEOs\nnote: daily"'),
        ("notice", "", "Gul left"), ("text", "Gul", "see: this")]


def test_a_name_that_cannot_be_seen_is_one(tmp_path: Path) -> None:
    [message] = read(tmp_path, "[13/06/2018, 18:42:01] \u202c: x\n")
    assert (message.sender, message.text, message.kind) == ("\u202c", "x", "text")


def test_a_line_of_whatsapps_own_has_no_sender_though_it_goes_on(tmp_path: Path) -> None:
    [notice, after] = read(
        tmp_path, '13/06/2018, 00:45 - You created group "Test"\nand another line\n'
                  "13/06/2018, 00:46 - Gul: x\n")
    assert (notice.kind, notice.sender) == ("notice", "")
    assert notice.text == 'You created group "Test"\nand another line' and after.sender == "Gul"


@pytest.mark.parametrize("text", [
    "Dear all\nthe meeting is at 10\n", "name,date,text\nGul,2018,hello\n", "{}\n", "[]\n",
    "<html><body>13/06/2018</body></html>\n"])
def test_what_is_no_chat(tmp_path: Path, text: str) -> None:
    with pytest.raises(ExportError, match="no line begins as a message"):
        read(tmp_path, text)


def test_iphones_of_2017_and_before(tmp_path: Path) -> None:
    """Without brackets around the time; a file's name stands before the word."""
    [named, text, left] = read(
        tmp_path, "28-09-16 17:00:04: Tara: 2016-09-28-PHOTO-00000003.jpg <\u200eattached>\n"
                  "28-09-16 17:00:05: Tara: see 3: it leaks\nand\n"
                  "28-09-16 17:00:06: Gul left\n")
    assert (named.kind, named.detail, named.sender) == (
        "image", "2016-09-28-PHOTO-00000003.jpg", "Tara")
    assert text.text == "see 3: it leaks\nand" and (left.kind, left.detail) == ("notice", "left")


def test_lists_with_times_are_no_messages(tmp_path: Path) -> None:
    """A file has one form of beginning: what looks like another phone's, older, is a text."""
    listed = "visits:\n13/06/2018 10:30: Sibi: closed\n13/06/2018 11:30: Kech: open"
    [message, after] = read(tmp_path, f"13/06/2018, 21:25 - Gul: {listed}\n"
                                      "13/06/2018, 21:26 - A: y\n")
    assert message.text == listed and after.text == "y"


def test_attachments_of_iphones_with_captions(tmp_path: Path) -> None:
    [alone, captioned] = read(
        tmp_path,
        "[13.06.18, 21:25:15] Gul: \u200e<attached: 00000042-PHOTO-2018-06-13-21-25-15.jpg>\n"
        "[13.06.18, 21:25:16] Gul: the wall \u200e<attached: 00000043-VIDEO-2018-06-13.mp4>\n")
    assert (alone.kind, alone.detail) == ("image", "00000042-PHOTO-2018-06-13-21-25-15.jpg")
    assert (captioned.kind, captioned.text.strip()) == ("video", "the wall")
