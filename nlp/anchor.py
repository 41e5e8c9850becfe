"""A word that makes its sentence an ask."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Anchor:
    """The word `at` which something is asked; `kind` as in asks.Ask; `verb` as asks.Ask.verb."""

    at: int
    kind: str
    verb: str
    english: bool = True
    generic: bool = False  # `nobody should`, `all concerned shall`
