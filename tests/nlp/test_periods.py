"""Periods of reports, as people write them."""
from __future__ import annotations

from datetime import date

import pytest

from nlp import periods

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize("text, first, last", [
    ("", "2026-11-01", "2026-11-30"), ("This Month", "2026-11-01", "2026-11-30"),
    ("اس ماہ", "2026-11-01", "2026-11-30"), ("last month", "2026-10-01", "2026-10-31"),
    ("گزشتہ ماہ", "2026-10-01", "2026-10-31"), ("this week", "2026-11-23", "2026-11-29"),
    ("پچھلے ہفتے", "2026-11-16", "2026-11-22"), ("last year", "2025-01-01", "2025-12-31"),
    ("2026-02", "2026-02-01", "2026-02-28"), ("today", "2026-11-24", "2026-11-24"),
    ("1-11-2026 to 15-11-2026", "2026-11-01", "2026-11-15"),
    ("1 Nov until 15 November 2026", "2026-11-01", "2026-11-15"),
    ("۱-۱۱-۲۰۲۶ سے ۱۵-۱۱-۲۰۲۶", "2026-11-01", "2026-11-15"),
    ("2026-11-05..2026-11-07", "2026-11-05", "2026-11-07"), ("5/11", "2026-11-05", "2026-11-05")])
def test_read(text: str, first: str, last: str) -> None:
    found = periods.read(text, TODAY)
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)


@pytest.mark.parametrize("text", ["soon", "31-2-2026", "1 Nov to", "15 Nov to 1 Nov", "2026-13",
                                  "x" * 5000, "1 to 2 to 3", "0-0-0000"])
def test_not_read(text: str) -> None:
    with pytest.raises(periods.PeriodError) as error:
        periods.read(text, TODAY)
    assert len(str(error.value)) < 200
