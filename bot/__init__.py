"""The governance bot: reads commands in Matrix rooms, keeps cases, answers."""
from __future__ import annotations

import importlib.util
import sys
import types


def _without_atomicwrites() -> None:
    """matrix-nio imports atomicwrites for exports of keys and lists of trust in files. Neither is
    used here, and the package is given up and comes only as source, which we do not build."""
    if importlib.util.find_spec("atomicwrites") is None:
        stand_in = types.ModuleType("atomicwrites")
        stand_in.atomic_write = None  # type: ignore[attr-defined]
        sys.modules["atomicwrites"] = stand_in


if "atomicwrites" not in sys.modules:
    _without_atomicwrites()
