"""The wall clock, as the record keeps it."""
from __future__ import annotations

import time


def now_ms() -> int:
    """Now in Unix milliseconds."""
    return int(time.time() * 1000)
