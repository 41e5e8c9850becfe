"""Formatting between WhatsApp and Matrix: what a reader of either sees, and hostile input."""
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outward.formatted import from_html
from nlp.markup import formatted_body, with_names

ZAFAR = {"923007001001": ("@wa_923007001001:daftar.localhost", "Zafar <DEO>"),
         "77700001": ("", "Gul")}
PILL = '<a href="https://matrix.to/#/@wa_923007001001:daftar.localhost">Zafar &lt;DEO&gt;</a>'


@pytest.mark.parametrize("text, formatted", [
    ("plain", None), ("two\nlines", None), ("2*3*4 and a_b_c", None), ("**", None),
    ("*bold*", "<strong>bold</strong>"), ("_a_ ~b~", "<em>a</em> <del>b</del>"),
    ("*a _b_ c*", "<strong>a <em>b</em> c</strong>"),
    ("_*both*_", "<em><strong>both</strong></em>"), ("*a _b* c_", "<strong>a _b</strong> c_"),
    ("*a\nb*", None), ("*a*\nb", "<strong>a</strong><br>b"), ("a * *", None), ("a * b * c", None),
    ("*<b>&*", "<strong>&lt;b&gt;&amp;</strong>"),
    ("```x *y*```", "<code>x *y*</code>"), ("`a_b_ <`", "<code>a_b_ &lt;</code>"),
    ("```one\n two```", "<pre><code>one\n two\n</code></pre>"), ("``` never closed", None),
    ("- a\n- *b*", "<ul><li>a</li><li><strong>b</strong></li></ul>"),
    ("* a\n* b", "<ul><li>a</li><li>b</li></ul>"),
    ("1. a\n2. b\n7. c", "<ol><li>a</li><li>b</li></ol><ol start=\"7\"><li>c</li></ol>"),
    ("he said\n> one\n> two\nyes",
     "he said<blockquote>one<br>two</blockquote>yes"),
    ("see https://x.pk/a_b_c/_d_, *https://x.pk*",
     "see https://x.pk/a_b_c/_d_, <strong>https://x.pk</strong>"),
    ("https://x.pk/_a_ https://x.pk/*b*", None),
])
def test_marks_of_whatsapp(text, formatted):
    assert formatted_body(text) == formatted


@pytest.mark.parametrize("text, formatted", [
    ("*اردو*", "<strong>اردو</strong>"), ("*فوری*: رپورٹ، _آج_۔",
                                          "<strong>فوری</strong>: رپورٹ، <em>آج</em>۔"),
    ("(~منسوخ~)؟", "(<del>منسوخ</del>)؟"), ("کلِ*اول*", None), ("*اول*کل", None),
    ("\u200f- پہلا\n\u200f- دوسرا", "<ul><li>پہلا</li><li>دوسرا</li></ul>"),
    ("*دفترِ*", "<strong>دفترِ</strong>"),
])
def test_marks_beside_urdu(text, formatted):
    assert formatted_body(text) == formatted


def test_mentions_become_pills_and_names():
    text = "@923007001001 and @77700001, not @4412345678 nor @9230070010012"
    assert formatted_body(text, ZAFAR) == (
        f"{PILL} and @Gul, not @4412345678 nor @9230070010012")
    assert with_names(text, ZAFAR) == (
        "@Zafar <DEO> and @Gul, not @4412345678 nor @9230070010012")
    assert formatted_body("*@923007001001*", ZAFAR) == f"<strong>{PILL}</strong>"
    assert formatted_body("@77700001", ZAFAR) is None  # the plain text says it


def zafar(mxid: str) -> tuple[str, str] | None:
    """WhatsApp knows the ghosts."""
    return ("77700001", "77700001@lid") if mxid.startswith("@wa_") else None


@pytest.mark.parametrize("formatted, text", [
    ("<strong>a</strong> <b>b</b> <em>c</em> <i>d</i> <del>e</del>", "*a* *b* _c_ _d_ ~e~"),
    ("<p>one</p>\n<p>two</p>", "one\n\ntwo"), ("a<br/>b<br>c", "a\nb\nc"),
    ("<strong><em>x</em></strong>", "*_x_*"), ("<em> y </em>z", "_y_ z"),
    ("un<b>believ</b>able", "unbelievable"), ("<b>a<br>b</b>", "*a*\n*b*"),
    ("<h1>Order <b>12</b></h1><p>text</p>", "*Order 12*\n\ntext"),
    ("<ul>\n<li>a</li>\n<li>b<ol><li>c</li><li>d</li></ol></li>\n</ul>",
     "- a\n- b\n  1. c\n  2. d"),
    ("<ol start=\"3\"><li>a</li><li><p>b</p></li></ol>", "3. a\n4. b"),
    ("<blockquote><p>q1<br>q2</p></blockquote>answer", "> q1\n> q2\nanswer"),
    ("<code>a*b*</code>", "`a*b*`"),
    ("<pre><code class=\"language-x\">a *b*\n  c\n</code></pre>end", "```a *b*\n  c```\nend"),
    ("<table><tr><th>District</th><th>Schools</th></tr><tr><td>Kech</td><td>12</td></tr></table>",
     "*District* | *Schools*\nKech | 12"),
    ("<a href=\"https://x.pk/a?b=1&amp;c=2\">the form</a>", "the form (https://x.pk/a?b=1&c=2)"),
    ("<a href='https://x.pk/'>x.pk</a>", "x.pk"), ("<a href='javascript:x'>press</a>", "press"),
    ("<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"),
    ("a<script>alert('<b>x</b>')</script><style>p{}</style>b", "ab"), ("a<!-- x > y -->b", "ab"),
    ("<span data-mx-spoiler=\"the end\">he goes</span>", "[spoiler: the end] he goes"),
    ("<details><summary>List</summary>all</details>", "[details] *List*\nall"),
    ("<b>اردو</b>، <i>آج</i>۔", "*اردو*، _آج_۔"), ("1 &lt; 2 &amp; 3 < 4", "1 < 2 & 3 < 4"),
    ("a <img src='mxc://x/y' alt=':ok:'>", "a :ok:"), ("<font color=red>x</font>", "x"),
    ("&#1;a&#2;", "a"), ("<b>unclosed", "*unclosed*"), ("</b>x</p>", "x"), ("", ""),
])
def test_html_becomes_marks(formatted, text):
    assert from_html(formatted, zafar) == (text, [])


def test_mentions_in_html():
    text, jids = from_html(
        '<a href="https://matrix.to/#/@wa_1:d">Zafar</a>, <a href="https://matrix.to/#/%40wa_1%3Ad">'
        'Zafar</a>: ask <a href="https://matrix.to/#/@secretary:d">Secretary</a>', zafar)
    assert (text, jids) == ("@77700001, @77700001: ask Secretary", ["77700001@lid"])
    assert from_html('<code><a href="https://matrix.to/#/@wa_1:d">Zafar</a></code>', zafar) == (
        "`Zafar`", [])


@pytest.mark.parametrize("hostile", [
    "*" * 20_000, "`" + "x " * 20_000, "` " + " " * 20_000, "_*~" * 7_000,
    "*a " * 7_000, " *a" * 7_000, "`" * 20_001, "```" * 7_001, "``` a" * 4_001,
    "https://a*" * 2_000, "@12345" * 4_000, "\0" * 20_000, "1. a\n" * 5_000,
    "> " * 9_000, "*_" * 10_000 + "x" + "_*" * 10_000])
def test_hostile_text_is_read_in_a_moment(hostile):
    # A way to read it that is not linear would take minutes and trip the run's time limit.
    for _ in range(5):
        formatted_body(hostile * 3, ZAFAR)


@pytest.mark.parametrize("hostile", [
    "<b>" * 20_000 + "x", "<" * 60_000, "<!--" * 15_000, "<a " * 20_000, "</b>" * 15_000,
    "<li>" * 15_000, "<b><i>" * 9_000 + "x" * 6_000, "<a href='" * 6_000, "<a \"<a '\"'" * 6_000,
    "<blockquote>" * 5_000 + "a<br>" * 1_000, "<![CDATA[" * 6_000, "<?" * 30_000, "</" * 30_000,
    "<table><tr><td>" * 4_000])
def test_hostile_html_is_read_in_a_moment(hostile):
    text, jids = from_html(hostile, zafar)
    assert len(text) <= len(hostile) * 60 and jids == []


@given(st.text(st.sampled_from(list("ab *_~`\n>-1.@اِ<&")), max_size=60))
def test_html_is_well_formed_and_says_the_same(text):
    made = formatted_body(text, ZAFAR)
    if made is None:
        return
    opened: list[str] = []
    for end, tag in re.findall(r"<(/?)([a-z]+)[^>]*>", made):
        if tag == "br":
            continue
        if end:
            assert opened.pop() == tag
        else:
            opened.append(tag)
    assert not opened

    def letters(words: str) -> str:
        return re.sub(r"[^abاِ@]", "", words)

    assert letters(from_html(made, zafar)[0]) == letters(text)
