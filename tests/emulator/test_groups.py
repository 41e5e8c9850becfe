"""The life of a group on the emulator: who may do what, and that it survives a restart."""
from __future__ import annotations

from pathlib import Path

import pytest

from emulator import Emulator
from emulator.model import EmulatorError


async def test_what_is_known_of_a_group_survives_a_restart(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path)
    await emulator.start()
    try:
        owner = await emulator.phone("+923007009001", "Zafar")
        gul = await emulator.phone("+923007009002", "Gul")
        group = await emulator.create_group("Schools", [owner, gul])
        community = await emulator.create_group("Makran", [owner])
        emulator.change.describe(group, "Reports by 2 pm")
        emulator.change.set_announce(group, True)
        emulator.change.set_locked(group, True)
        emulator.change.set_timer(group, 86_400)
        emulator.change.set_picture(group, b"jpeg")
        emulator.change.link(group, community)
        with pytest.raises(EmulatorError, match="only admins can write"):
            await gul.send_text(group, "not allowed")
        await owner.send_text(group, "allowed")
        jid = group.jid
    finally:
        await emulator.stop()
    again = Emulator(tmp_path)
    await again.start()
    try:
        found = again.groups[jid]
        assert (found.topic, found.announce, found.locked, found.timer, found.picture) == (
            "Reports by 2 pm", True, True, 86_400, b"jpeg")
        assert again.groups[found.parent].is_parent
        again.change.delete(found)
        assert jid not in again.groups
    finally:
        await again.stop()
