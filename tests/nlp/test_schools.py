"""Schools by kind and name."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp import schools


@pytest.mark.parametrize(("text", "names"), [
    ("GBPS Killi Nau was found closed", ["gbps killi nau"]),
    ("Sir GBPS Talli Sibi. Both teachers absent", ["gbps talli sibi"]),
    ("gbps talli band hai", ["gbps talli"]), ("GBPS TALLI", ["gbps talli"]),
    ("GGHS Kharan and GBPS Talli, GBPS Talli", ["gghs kharan", "gbps talli"]),
    ("GBPS Killi is closed", []), ("All GBPS are open", []), ("GBPS", []), ("", []),
    ("GBPS 07086", []), ("closed GBPS.\nTalli", []),
])
def test_names(text: str, names: list[str]) -> None:
    assert schools.names(text) == names


def test_the_same_school_may_go_on_with_its_place() -> None:
    assert schools.same("gbps talli", "gbps talli sibi")
    assert schools.same("gbps talli sibi", "gbps talli")
    assert not schools.same("gbps talli", "gbps tallian")
    assert not schools.same("gbps talli", "ggps talli")


@given(st.text(), st.sampled_from(["GBPS ", "gghs ", ""]))
def test_any_text(text: str, kind: str) -> None:
    for name in schools.names(kind + text):
        assert schools.same(name, name)
