"""Folding: what is the same word, and where it stands in the text as written."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import fold

SAME = [
    ("كتاب", "کتاب"), ("كِتَابٌ", "کتاب"), ("کتـــاب", "کتاب"), ("ﻛﺘﺎب", "کتاب"),
    ("غیر حاضر", "غیرحاضر"), ("غیر\u200cحاضر", "غیرحاضر"), ("بے روزگار", "بےروزگار"),
    ("۰۷۰۸۶", "07086"), ("٠٧٠٨٦", "07086"), ("०७०८६", "07086"),
    ("ٹيچر", "ٹیچر"), ("ﭨﯿﭽﺮ", "ٹیچر"), ("ٹیچرز\u200f", "ٹیچرز"),
    ("اعلیٰ", "اعلی"), ("مُؤثّر", "موثر"), ("لئے", "لیے"), ("علماء", "علما"), ("۲۰۲۶ء", "2026"),
    ("أحمد", "احمد"), ("إسلام", "اسلام"), ("آفس", "افس"), ("آفس", "آفس"), ("ٱلله", "اللہ"),
    ("مدرسة", "مدرسہ"), ("مدرسۃ", "مدرسہ"), ("مدرسه", "مدرسہ"), ("نمونۂ", "نمونہ"),
    ("ھے", "ہے"), ("نھیں", "نہیں"), ("رھا", "رہا"), ("انھیں", "انہیں"), ("ﻻہور", "لاہور"),
    ("ＤＥＯ", "deo"), ("Straße", "STRASSE"), ("Café", "cafe"), ("№ 5", "no 5"), ("ﬁle", "FILE"),
    ("so\u00adft", "soft"), ("a\u202eb", "ab"), ("سکول\ufe0f", "سکول"),
]
OTHER = [
    ("کھا", "کہا"), ("بھائی", "بہائی"), ("کی", "کے"), ("میں", "مین"), ("بات", "باٹ"),
    ("سکول", "اسکول"), ("07086", "7086"),
]

urdu = st.text(st.sampled_from("ابپتٹكکگھهہةےيیىئؤأآءںرڑ۰٠5aÉß \n۔،\u200c\u200d\u064e\u0640\u202e"))
any_text = st.one_of(st.text(), urdu, st.lists(st.sampled_from(["غیر", "بے", "حاضر", " "])).map(
    " ".join))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_word(one, other):
    assert fold.fold(one) == fold.fold(other)
    assert fold.tokens(one) == fold.tokens(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_word(one, other):
    assert fold.fold(one) != fold.fold(other)


@given(any_text)
def test_folding_twice_changes_nothing(text):
    assert fold.fold(fold.fold(text)) == fold.fold(text)


@given(any_text)
def test_words_of_a_text_are_the_words_of_its_folding(text):
    assert fold.tokens(text) == fold.tokens(fold.fold(text))


@given(any_text)
def test_words_hold_nothing_that_a_query_language_could_read(text):
    for term in fold.terms(text):
        assert term
        assert not set(term) & set(" \t\n'\"\\:*&|!()<>-^+{}\x00")
        assert len(term) <= fold.TERM_LENGTH


def test_every_character_folds_for_good():
    characters = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    folded = [(c, to) for c in characters if (to := fold.fold(c)) != c]  # the others are their own
    assert [c for c, to in folded if fold.fold(to) != to] == []
    assert [c for c, to in folded if fold.tokens(c) != fold.tokens(to)] == []


def test_punctuation_and_lines_stay():
    assert fold.fold("Sir،\nكتاب۔") == "sir،\nکتاب۔"


def test_a_prefix_at_the_end_of_a_line_stays_alone():
    assert fold.tokens("وہ غیر\nحاضر") == ["وہ", "غیر", "حاضر"]
    assert fold.tokens("غیر، حاضر") == ["غیر", "حاضر"]


def test_neighbours_in_arabic_script_are_found_as_one_word():
    assert "کردیا" in fold.terms("کر دیا")
    assert "deosibi" not in fold.terms("DEO Sibi")


@pytest.mark.parametrize(("text", "query", "marked"), [
    ("The كتاب came", "کتاب", "The \x02كتاب\x03 came"),
    ("School کِتاب", "school کتاب", "\x02School\x03 \x02کِتاب\x03"),
    ("code ۰۷۰۸۶ Sibi", "07086", "code \x02۰۷۰۸۶\x03 Sibi"),
    ("استاد غیرحاضر ہیں", "غیر حاضر", "استاد \x02غیرحاضر\x03 ہیں"),
    ("استاد غیر حاضر ہیں", "غیرحاضر", "استاد \x02غیر حاضر\x03 ہیں"),
    ("رپورٹ جمع کر دیا", "کردیا", "رپورٹ جمع \x02کر دیا\x03"),
    ("submitted today", "sub*", "\x02submitted\x03 today"),
    ("please look into the issue", '"look into"', "please \x02look into\x03 the issue"),
    ("into the look", '"look into"', "into the look"),
    ("two\nlines\x02\x03", "lines", "two \x02lines\x03"),
    ("nothing here", "absent", "nothing here"),
    ("", "x", ""),
])
def test_the_text_as_written_is_marked(text, query, marked):
    assert fold.highlight(text, query) == marked


def test_a_long_text_is_cut_around_its_match():
    text = "word " * 300 + "needle " + "word " * 300
    snippet = fold.highlight(text, "needle")
    assert "\x02needle\x03" in snippet
    assert snippet.startswith("…word") and snippet.endswith("word…")
    assert len(snippet) < 220


@settings(max_examples=200)
@given(any_text, any_text, st.integers(10, 300))
def test_marks_are_paired_and_the_text_between_is_the_text(text, query, length):
    snippet = fold.highlight(text, query, length)
    assert [c for c in snippet if c in "\x02\x03"] == ["\x02", "\x03"] * snippet.count("\x02")
    plain = snippet.replace("\x02", "").replace("\x03", "").strip("…")
    original = " ".join(text.replace("\x02", " ").replace("\x03", " ").split())
    assert plain.strip() in original or "…" in text


@given(any_text)
def test_terms_are_the_words_and_their_neighbours_joined(text: str) -> None:
    """The quick ways of `terms` find what the words tell one by one."""
    found = fold.tokens(text)
    pairs = [pair for pair in fold._pairs(found) if pair]
    assert fold.terms(text) == list(dict.fromkeys([*found, *pairs]))
