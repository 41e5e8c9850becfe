"""Where a test may kill the bot: DAFTAR_TEST_DIE_AT=STEP in its environment (nothing otherwise).

Steps, in the order of a command's journey:
  sync-received     the homeserver's answer is read, nothing is stored
  sync-stored       events and sync token are stored, no command is begun
  command-prepared  a command is understood, its effect is not stored
  command-done      effect and answers are stored, nothing is sent
  answer-sent       the homeserver has an answer, the outbox does not know it
  answer-noted      the outbox knows it
Beside it: register-written  a visit or notification is written, its message counts as unread still
"""
from __future__ import annotations

import os
import signal

STEPS = ("sync-received", "sync-stored", "command-prepared", "command-done", "answer-sent",
         "answer-noted")
DIE_AT = os.environ.get("DAFTAR_TEST_DIE_AT", "")


def reach(step: str) -> None:
    """Die here, as by kill -9, when the environment says so."""
    if step == DIE_AT:
        os.kill(os.getpid(), signal.SIGKILL)
