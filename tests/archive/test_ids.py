"""Ids: what is made is read back, what is read is made again."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import ids

digits = st.from_regex(r"[1-9][0-9]{5,14}", fullmatch=True)


@given(st.integers(0, ids.MAX_MS), st.integers(0, ids.ORDINALS - 1))
def test_record_id_tells_its_second(at, ordinal):
    assert ids.record_second(ids.first_record_id(at) + ordinal) == at // 1000
    assert ids.first_record_id(at) + ordinal < ids.MAX_RECORD_ID


@given(st.integers(0, ids.MAX_MS - 1000))
def test_record_ids_of_a_later_second_are_higher(at):
    assert ids.first_record_id(at) + ids.ORDINALS == ids.first_record_id(at + 1000)


@given(digits, st.sampled_from([ids.USER_SERVER, ids.LID_SERVER, ids.GROUP_SERVER]),
       st.integers(0, 99))
def test_jid_round_trip(user, server, device):
    jid = ids.JID(user, server, device)
    assert ids.parse_jid(str(jid)) == jid
    assert ids.parse_jid(jid.bare) == ids.JID(user, server)


@given(st.text())
def test_any_text_is_a_jid_or_a_value_error(text):
    try:
        jid = ids.parse_jid(text)
    except ValueError:
        return
    assert ids.parse_jid(str(jid)) == jid


@pytest.mark.parametrize("text", [
    "", "@", "x", "@lid", "1@", "1:x@lid", "1:²@lid", ".1@lid", "1:1@a@b", "1:-1@lid",
])
def test_no_jid(text):
    with pytest.raises(ValueError, match="WhatsApp address"):
        ids.parse_jid(text)


@given(digits)
def test_ghost_round_trip(user):
    for kind, localpart in (("pn", ids.make_ghost_localpart("wa_", user, "1234")),
                            ("lid", ids.make_ghost_localpart("wa_", None, user))):
        assert ids.parse_ghost_localpart("wa_", localpart) == (kind, user)


@pytest.mark.parametrize("localpart", ["", "wa_", "sana", "wa_x1234", "wa_1234x", "wa_lid_",
                                       "wa_1234\n", "wa_١٢٣٤"])
def test_no_ghost(localpart):
    assert ids.parse_ghost_localpart("wa_", localpart) is None


def test_a_ghost_needs_an_address():
    with pytest.raises(ValueError):
        ids.make_ghost_localpart("wa_", None, None)


@given(st.from_regex(r"[A-Z]{2,8}", fullmatch=True), st.integers(1000, 9999),
       st.integers(0, 10**7))
def test_case_number_round_trip(department, year, serial):
    number = ids.make_case_number(department, year, serial)
    assert ids.parse_case_number(f" {number.lower()} ") == (department, year, serial)


def test_case_number_from_an_urdu_keyboard():
    assert ids.parse_case_number("SED-۲۰۲۶-۰۰۰۴۲") == ("SED", 2026, 42)


@pytest.mark.parametrize("text", ["", "SED-2026-42", "SED-26-00042", "S-2026-00042", "SED202600042",
                                  "SED-2026-00042x"])
def test_no_case_number(text):
    assert ids.parse_case_number(text) is None
