"""The journey's steps by name, so that a test can stop the process at any of them.

`DAFTAR_DIE_AT=in5-sent:3` ends the process, as `kill -9` would, the third time that step is
reached. `DAFTAR_DIE_AT=in5-sent:3:FILE` does so once: it leaves the empty FILE behind, and a
process that finds it does not die. Without that variable a step costs one comparison. The names
are the ones of docs/journey.md. Imports nothing of ours: the link's child process uses it, too.
"""
from __future__ import annotations

import os
import signal

STEPS = (
    # the link's process
    "link1-before-journal", "link1-journalled", "link1-handed-over",
    # the bridge's, to Matrix
    "in2-before-store", "in2-after-store", "in3-claimed", "in4-prepared", "in5-sent", "in6-done",
    # the bridge's, to WhatsApp
    "out2-before-store", "out2-after-store", "out3-claimed", "out4-prepared", "out5-attempted",
    "out5-sent", "out6-done",
)

_wanted, _, _rest = os.environ.get("DAFTAR_DIE_AT", "").partition(":")
_count, _, _once = _rest.partition(":")
_left = int(_count or 1)
if _once and os.path.exists(_once):
    _wanted = ""


def reached(step: str) -> None:
    """Say that a step has been reached."""
    global _left
    if step != _wanted:
        return
    _left -= 1
    if _left <= 0:
        if _once:
            os.close(os.open(_once, os.O_CREAT | os.O_WRONLY, 0o600))
        os.kill(os.getpid(), signal.SIGKILL)
