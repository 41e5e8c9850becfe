"""What stands before the matter of a message."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.address import after_address


@pytest.mark.parametrize(("text", "matter"), [
    ("Sir Jhal Magsi ke tents ke liye truck ka kiraya kon dega?",
     "Jhal Magsi ke tents ke liye truck ka kiraya kon dega?"),
    ("Respected Sir, AOA. GBPS Killi Nau is closed", "GBPS Killi Nau is closed"),
    ("Assalam o Alaikum sir\nthe school has no water", "the school has no water"),
    ("AoA.", "AoA."),
    ("Sir secretary BISE has not replied", "secretary BISE has not replied"),
    ("السلام علیکم محترم سیکرٹری صاحب! سکول بند ہے", "سکول بند ہے"),
    ("GBPS Sir Syed Sibi is closed", "GBPS Sir Syed Sibi is closed"),
    ("The school is closed", "The school is closed"), ("Sir", "Sir"), ("", ""),
])
def test_the_matter_alone(text: str, matter: str) -> None:
    assert after_address(text) == matter


@given(st.text())
def test_any_text_keeps_its_end(text: str) -> None:
    matter = after_address(text)
    assert text.endswith(matter) and bool(matter) == bool(text)
