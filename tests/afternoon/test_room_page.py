"""The pages that docs/make_afternoon_screenshots.py takes pictures of."""
from __future__ import annotations

from zoneinfo import ZoneInfo

from docs.room_page import Look, Panel, clean, page
from tests.afternoon.view import Message, Room, messages


def test_of_peoples_html_only_what_matrix_allows_is_shown() -> None:
    assert clean('<p onclick="x()">a <img src="b"><script>c</script><b>d</b><br/>&lt;e</p>') == (
        "<p>a <b>d</b><br>&lt;e</p>")
    assert clean('<a href="javascript:x">a</a><a href="https://b/?c&amp;d" id="e">f</a>') == (
        '<a>a</a><a href="https://b/?c&amp;d">f</a>')
    assert clean("<mx-reply><blockquote>before</blockquote></mx-reply>now") == "now"


def test_corrections_reactions_and_threads_as_a_client_shows_them() -> None:
    def event(number: int, who: str, content: dict, type_: str = "m.room.message") -> dict:
        return {"event_id": f"${number}", "sender": who, "type": type_, "content": content,
                "origin_server_ts": number * 60_000}
    room = Room("!r", "Room", "", {"@a": "Ayesha", "@b": "بلال"}, messages([
        event(1, "@a", {"body": "teh <b>first</b>"}),
        event(2, "@b", {"body": "جواب", "m.relates_to": {
            "rel_type": "m.thread", "event_id": "$1", "is_falling_back": True,
            "m.in_reply_to": {"event_id": "$1"}}}),
        event(3, "@a", {"body": "* x", "m.new_content": {"body": "the <b>first</b>"},
                        "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}),
        event(4, "@b", {"body": "* y", "m.new_content": {"body": "not mine"},
                        "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}),
        event(5, "@b", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1",
                                         "key": "📁"}}, "m.reaction")]))
    shown = page([Panel(room, room.line)], Look("@b", ZoneInfo("Asia/Karachi")))
    for words in ("the &lt;b&gt;first&lt;/b&gt;", "(edited)", "1 reply", "بلال: جواب",
                  '<span class="mine">📁 1</span>'):
        assert words in shown, words
    assert "teh" not in shown and "not mine" not in shown


def test_days_are_told_apart_where_there_are_several() -> None:
    said = [Message(f"${n}", "@a", at, {"body": f"said {n}"})
            for n, at in enumerate((0, 60_000, 86_400_000))]
    room = Room("!r", "Room", "", {"@a": "Ayesha"}, said)
    look = Look("@b", ZoneInfo("Asia/Karachi"))
    shown = page([Panel(room, said)], look)
    assert shown.index("Thursday, 1 January 1970") < shown.index("said 0") < shown.index("said 1")
    assert shown.index("said 1") < shown.index("Friday, 2 January 1970") < shown.index("said 2")
    assert "1970" not in page([Panel(room, said[:2])], look)
