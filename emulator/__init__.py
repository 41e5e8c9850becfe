"""A WhatsApp on this machine, for the demo, the tests and the training of staff.

    async with asyncio.timeout(60):
        emulator = Emulator(Path("state"))
        await emulator.start()
        phone = await emulator.phone("+923007001001", "Secretary")
        # start a client process with emulator.client_environment() in its environment
        await emulator.scan(phone, qr)
"""
from __future__ import annotations

from emulator.library import LibraryError
from emulator.model import EmulatorError, Group, Seen, Sent
from emulator.phone import Phone
from emulator.server import Emulator

__all__ = ["Emulator", "EmulatorError", "Group", "LibraryError", "Phone", "Seen", "Sent"]
