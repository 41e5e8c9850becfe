"""The soak in small: a crowd of phones on a bad line, counted from both ends."""
from __future__ import annotations

from pathlib import Path

from benchmarks.soak import Soak
from emulator.faults import Chances

# Few messages, so every kind of fault is likelier than on the long run.
CHANCES = Chances(cut=0.01, refuse=0.005, away=0.005, twice=0.05, after_ack=0.05, anew=0.04,
                  late_key=0.04, hold=0.1)


async def test_a_bad_line_loses_doubles_and_reorders_nothing(tmp_path: Path) -> None:
    """Nothing is lost, nothing doubled, nothing out of order, and no notice stays unanswered."""
    outcome = await Soak(tmp_path, messages=300, groups=5, phones=40, seed=135,
                         chances=CHANCES, behind=20).run()
    assert (outcome.lost, outcome.doubled, outcome.out_of_order) == (0, 0, 0), outcome
    assert outcome.undecryptable_left == outcome.gaps == 0
    assert set(outcome.faults) == {"cut", "refuse", "away", "twice", "after_ack", "anew",
                                   "late_key", "hold"}
