"""Where messages of a group are placed: what an official would see in the room."""
from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.reading import LONGEST, Message, read
from nlp.threads import Placement, Threads

START = 1_790_000_000_000
MINUTE = 60_000
PEOPLE = {
    "secretary": ("Secretary Education", "Secretary SED"),
    "haider": ("DEO Sibi Haider", "DEO Sibi"),
    "naz": ("Madam Naz DEO Kohlu", "DEO Kohlu"),
    "sattar": ("Sattar DMC Sibi", "DMC Sibi"),
    "zahoor": ("~Zahoor RTSM", "DMC Kohlu"),
}


class Group:
    """A group whose messages come a minute apart."""

    def __init__(self, **options: int) -> None:
        self.threads = Threads(**options)
        for sender, names in PEOPLE.items():
            self.threads.know(sender, names)
        self._number, self._minute = itertools.count(1), 0

    def says(self, sender: str, text: str, *, kind: str = "text", quotes: str | None = None,
             later: int = 1) -> tuple[str, Placement]:
        self._minute += later
        message = Message(f"m{next(self._number)}", sender, START + self._minute * MINUTE, kind,
                          text, quotes)
        return message.id, self.threads.place(message)


def test_the_post_that_was_told_answers_in_the_thread() -> None:
    group = Group()
    report, _ = group.says("sattar", "GBPS Talli Sibi 05203 locked at 9 am, both teachers absent")
    group.says("zahoor", "GGPS Kahan Kohlu 06140 open, 2 of 2 teachers present, roof leaking")
    _, told = group.says("secretary", "DEO Sibi. Pl look into the issue", quotes=report)
    _, answer = group.says("haider", "Ok sir, visiting Talli today")
    assert (told.root, told.quoted) == (report, True)
    assert (answer.root, answer.quoted) == (report, False)
    assert {"that spoke of the sender's district within some hours", "a school of that thread"} <= {
        reason.text for reason in answer.reasons}


def test_a_caption_after_its_picture_and_one_who_goes_on() -> None:
    group = Group()
    group.says("zahoor", "GGPS Kahan Kohlu 06140 open, 2 of 2 teachers present")
    picture, alone = group.says("sattar", "", kind="image", later=30)
    _, caption = group.says("sattar", "GBPS Talli Sibi 05203 locked at 9 am, 0 students", later=1)
    _, more = group.says("sattar", "Villagers say closed since three months", later=1)
    assert alone.root == caption.root == more.root == picture


def test_a_report_in_parts_with_another_between() -> None:
    group = Group()
    first, _ = group.says("sattar", "GBPS Killi Karbala 03361")
    other, _ = group.says("zahoor", "GGPS Kahan Kohlu 06140 closed, teacher absent, 0 of 26 girls")
    _, rest = group.says("sattar", "2 teachers both present. 38 of 47, roof is leaking")
    assert rest.root == first != other


def test_words_of_another_thread_break_a_run() -> None:
    group = Group()
    figures, _ = group.says("secretary", "All DEOs. Enrolment drive figures by Monday positively")
    tents, _ = group.says("naz", "Madam warehouse mein Kohlu ke tents ke liye truck nahi mila",
                          later=90)
    _, sent = group.says("naz", "aur enrolment drive ke figures bhi email kar diye", later=40)
    assert sent.root == figures != tents


def test_all_of_a_post_answer_in_the_order_s_thread() -> None:
    group = Group()
    for order in ("All DMCs. Visits of the day (planned/done/closed) here by 5 pm daily",
                  "تمام ڈی ایم سیز آج کے دوروں کی تعداد شام پانچ بجے تک یہاں بھیجیں"):
        asked, alone = group.says("secretary", order, later=600)
        _, new = group.says("naz", "Respected madam, stipend of 214 girls of Kohlu not released "
                            "since December, parents visit my office daily", later=45)
        _, first = group.says("sattar", "Sibi 12/11/1", later=100)
        _, second = group.says("zahoor", "Kohlu 9/7/0", later=2)
        assert alone.root == asked != new.root
        assert first.root == second.root == asked


def test_a_report_is_the_caption_of_the_picture_before_it() -> None:
    group = Group()
    other, _ = group.says("zahoor", "GGPS Kahan Kohlu 06140 open, 2 of 2 teachers present")
    picture, _ = group.says("sattar", "", kind="image", later=20)
    _, report = group.says("sattar", "GBPS Talli Sibi 05203. School locked at 9 am, both teachers "
                           "Allah Dad and Sher Jan absent, villagers say closed for three months, "
                           "no boundary wall, no water, students 0 of 44", later=4)
    assert report.root == picture != other


def test_somebody_senior_goes_on_from_a_junior_s_report() -> None:
    group = Group()
    group.says("naz", "Sir transformer of GGHS Kohlu burnt, girls fainting in heat", later=60)
    report, _ = group.says("sattar", "Road to Talli blocked by landslide, teams are stranded",
                           later=60)
    _, told = group.says("secretary", "Skip it for today, safety first", later=2)
    assert told.root == report


def test_me_too() -> None:
    said = [read(Message("m", "a", START, text=text)).manner for text in (
        "Sir main bhi nikal raha hun", "جناب ہم بھی آ رہے ہیں", "Sir wo bhi nikal raha hai")]
    assert ["likewise" in manner for manner in said] == [True, True, False]


def test_a_school_is_known_again_after_hours() -> None:
    group = Group()
    first, _ = group.says("sattar", "GBPS Talli Sibi 05203 locked, teacher Gul Nawaz absent")
    group.says("zahoor", "GGPS Kahan Kohlu 06140 open, roof leaking badly", later=40)
    _, answer = group.says("haider", "GBPS Talli 05203: Gul Nawaz suspended, school opened today",
                           later=200)
    assert answer.root == first


def test_urdu_and_roman_urdu_words_tie_too() -> None:
    group = Group()
    first, _ = group.says("naz", "جناب بند سکولوں کی فہرست میں خیموں اور ترپالوں کی ضرورت لکھی ہے")
    group.says("zahoor", "GGPS Kahan Kohlu 06140 open, 2 of 2 teachers present")
    _, answer = group.says("naz", "خیموں اور ترپالوں کی ضرورت کی فہرست دوبارہ ارسال ہے", later=15)
    assert answer.root == first


def test_greetings_and_lines_of_whatsapp_are_no_part_of_a_thread() -> None:
    group = Group()
    for sender, text, kind in (("naz", "السلام علیکم، صبح بخیر", "text"),
                               ("haider", "Eid Mubarak to all members n families", "text"),
                               ("haider", "Good morning everyone", "text"),
                               ("secretary", "Secretary added +92 300 7001234", "system")):
        _, placed = group.says(sender, text, kind=kind)
        assert placed.root is None
        assert placed.reasons


def test_a_new_matter_stands_alone() -> None:
    group = Group()
    group.says("sattar", "GBPS Talli Sibi 05203 locked at 9 am, both teachers absent")
    new, placed = group.says("naz", "Respected sir, stipend of 214 girls of Kohlu not released "
                             "since December, parents visit my office daily", later=45)
    assert placed.root == new


def test_a_correction_counts_from_then_on() -> None:
    group = Group()
    first, _ = group.says("naz", "Sir stipend of 214 girls not released since December")
    other, _ = group.says("sattar", "GBPS Talli Sibi 05203 locked at 9 am", later=60)
    stray, before = group.says("zahoor", "Generator kharab, solar plates chori", later=300)
    assert before.root not in (first, other)
    assert group.threads.correct(stray, first)
    _, quoted = group.says("secretary", "FIR?", quotes=stray)
    _, after = group.says("zahoor", "Solar plates chori ki FIR ho gai, generator theek")
    assert quoted.root == after.root == first
    assert group.threads.correct(stray, None)
    _, again = group.says("secretary", "Copy?", quotes=stray)
    assert again.root == stray
    assert not group.threads.correct("never seen", first)


def test_what_is_not_sure_stays_flat_and_is_suggested() -> None:
    group = Group()
    group.threads = Threads(sure=1.1)
    first, _ = group.says("sattar", "GBPS Talli Sibi 05203 locked at 9 am")
    second, placed = group.says("sattar", "GBPS Talli Sibi 05203 opened now")
    assert (placed.root, placed.suggested) == (second, first)


def test_a_quote_from_before_the_window_needs_its_root() -> None:
    threads = Threads()
    message = Message("m1", "naz", START, text="Done sir", reply_to="old")
    assert threads.place(message, quoted_root="older").root == "older"
    assert threads.place(Message("m2", "naz", START + 1, text="x", reply_to="m1")).root == "older"


def test_the_window_bounds_what_is_kept() -> None:
    group = Group(window=20)
    for number in range(200):
        group.says("sattar", f"GBPS Killi{number} {20000 + number} band hai, teacher ghair hazir")
    assert len(group.threads.state()["messages"]) <= 25


def test_a_huge_message_is_read_in_part() -> None:
    words = " ".join(f"word{number}" for number in range(9000))
    assert len(words) > 60_000
    reading = read(Message("m", "naz", START, text=words))
    assert reading.size < LONGEST
    group = Group()
    for text in (words, "GBPS " * 12_000, "DEO Sibi " * 7_000, "5" * 60_000, "\u064b" * 60_000):
        group.says("naz", text)


def test_reactions_and_memory_from_rows() -> None:
    threads = Threads()
    threads.remember(Message("m1", "sattar", START, text="GBPS Talli Sibi 05203 locked"), "m1")
    threads.remember(Message("m2", "haider", START + 1, text="inquiry"), "m1", quoted=True)
    threads.react("m1", "naz")
    threads.react("unknown", "naz")
    assert threads.place(Message("m3", "x", START + 2, text="?", reply_to="m2")).root == "m1"
    assert Threads.restore(threads.state()).state() == threads.state()


TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from([
        "DEO Sibi. Pl look into the issue", "Noted sir", "ok", "All DEOs submit lists by Monday",
        "GBPS Talli Sibi 05203 locked", "سر سکول بند ہے", "Eid Mubarak", "attached", "?", "",
        "DEOs Barkhan, Kohlu and Zhob 17, 9 and 22", "+1 Loralai", "@Naz", "AC sb", "\ud800"]))
MESSAGES = st.lists(st.tuples(
    st.sampled_from([*PEOPLE, "stranger"]), TEXTS,
    st.sampled_from(["text", "text", "text", "image", "document", "system", "location", "?"]),
    st.integers(-3, 30), st.integers(0, 10**10)), max_size=30)


def arrive(threads: Threads, rows: list[tuple[str, str, str, int, int]],
           first: int = 0) -> list[Placement]:
    return [threads.place(Message(
        f"m{number}", sender, START + at, kind, text,
        f"m{quoted}" if quoted >= 0 else None, ("naz",) if at % 5 == 0 else ()))
        for number, (sender, text, kind, quoted, at) in enumerate(rows, first)]


@settings(max_examples=60, deadline=None)
@given(MESSAGES, MESSAGES)
def test_never_raises_same_again_and_restores(
        before: list[tuple[str, str, str, int, int]],
        after: list[tuple[str, str, str, int, int]]) -> None:
    one, two = Threads(window=12), Threads(window=12)
    for threads in (one, two):
        for sender, names in PEOPLE.items():
            threads.know(sender, names)
    placed = arrive(one, before)
    assert placed == arrive(two, before)
    for placement in placed:
        assert 0 <= placement.confidence <= 1
        assert placement.reasons
    if before:
        one.correct(f"m{len(before) // 2}", f"m{len(before) // 3}")
    restored = Threads.restore(json.loads(json.dumps(one.state())))
    assert restored.state() == one.state()
    assert arrive(restored, after, len(before)) == arrive(one, after, len(before))


@pytest.mark.parametrize(("text", "posts", "districts"), [
    ("DEO Sibi. Pl look into the issue", {("DEO", "Sibi")}, {"Sibi"}),
    ("DEOs Barkhan, Kohlu n Zhob", {("DEO", "Barkhan"), ("DEO", "Kohlu"), ("DEO", "Zhob")},
     {"Barkhan", "Kohlu", "Zhob"}),
    ("DC Lri pl verify", {("DC", "Loralai")}, {"Loralai"}),
    ("DOEF DB", {("DOE(F)", "Dera Bugti")}, {"Dera Bugti"}),
    ("ڈی ای او خضدار رپورٹ دیں", {("DEO", "Khuzdar")}, {"Khuzdar"}),
    ("as desired, so nal se pani", set(), set()),
    ("All DEOs Zhob Division. Damage reports by 6 pm", {("DEO", None)}, {"Zhob"}),
    ("تمام ڈی ای اوز فہرست بھیجیں", {("DEO", None)}, set()),
    ("Director Schools to issue", {("Director (Schools)", None)}, set()),
])
def test_posts_and_districts(text: str, posts: set[tuple[str, str | None]],
                             districts: set[str]) -> None:
    reading = read(Message("m", "x", START, text=text))
    assert {(post.post, post.district) for post in reading.posts} == posts
    assert reading.districts == districts
