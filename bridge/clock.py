"""The wall clock, as the record keeps it."""
from __future__ import annotations

import time

EARLIEST_MS = 1_230_768_000_000  # January 2009, when WhatsApp began
DAY_MS = 86_400_000  # how far ahead of ours another clock may be before it counts as wrong


def now_ms() -> int:
    """Now in Unix milliseconds."""
    return int(time.time() * 1000)


def sensible(at: int, received_at: int) -> int:
    """When something was said, by another's clock; by ours, where that makes no sense."""
    return at if EARLIEST_MS <= at <= received_at + DAY_MS else received_at
