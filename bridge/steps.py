"""The journey's steps by name, so that a test can stop the process at any of them.

`DAFTAR_DIE_AT=in5-sent:3` ends the process, as `kill -9` would, the third time that step is
reached. Without that variable a step costs one comparison. The names are the ones of
docs/bridge.md.
"""
from __future__ import annotations

import os
import signal

STEPS = (
    "link1-before-journal", "link1-journalled", "link1-handed-over",
    "in2-before-store", "in2-after-store", "in3-claimed", "in4-prepared", "in5-sent", "in6-done",
    "out2-before-store", "out2-after-store", "out3-claimed", "out4-prepared", "out5-attempted",
    "out5-sent", "out6-done",
)

_wanted, _, _count = os.environ.get("DAFTAR_DIE_AT", "").partition(":")
_left = int(_count or 1)


def reached(step: str) -> None:
    """Say that a step has been reached."""
    global _left
    if not _wanted or step != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
