"""What the governance bot says to a group for somebody (`!case tell`, its answers to officials): it
leaves as that person's word. Bridge and bot meet in the room, in this mark of the content."""
from __future__ import annotations

from typing import Any

SPEAKS_FOR = "org.daftar.speaks_for"  # the Matrix id of who said it


def is_spoken(event: dict[str, Any], bot: str) -> bool:
    """Is this the bot speaking for somebody? Nobody else's mark counts."""
    return (event["sender"] == bot and event["type"] in ("m.room.message", "m.room.encrypted")
            and isinstance(event["content"].get(SPEAKS_FOR), str))


def attributed(event: dict[str, Any], bot: str) -> dict[str, Any]:
    """The event as if the one whom the bot speaks for had sent it; any other as it is."""
    if not is_spoken(event, bot):
        return event
    content = {key: value for key, value in event["content"].items()
               if key not in (SPEAKS_FOR, "org.daftar.bot")}
    return {**event, "sender": event["content"][SPEAKS_FOR], "content": content}
