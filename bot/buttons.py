"""Reactions as buttons: on a message, on a card, on a question of the bot's."""
from __future__ import annotations

from collections.abc import Mapping

from archive import cases
from bot.commands.base import Mistake, Request, Tools

YES, NO = "✅", "❌"


def plain(key: str) -> str:
    """A reaction without the selector that makes a sign colourful: clients differ in it."""
    return key.replace("\ufe0f", "").strip()


def meaning(config_buttons: Mapping[str, str], key: str) -> str:
    """What a reaction stands for: open, link, take, or "" for nothing."""
    return next((name for name, sign in config_buttons.items() if plain(sign) == plain(key)), "")


def is_button(config_buttons: Mapping[str, str], key: str) -> bool:
    """Whether a reaction may be meant for the bot at all."""
    bare = plain(key)
    return bare in (YES, NO) or bare.endswith("\u20e3") or bool(meaning(config_buttons, key))


async def command(tools: Tools, request: Request, target: str, key: str) -> str:
    """The command that a reaction to a message stands for; "" when it is only a reaction. Raises
    Mistake when it cannot be done."""
    name = meaning(tools.config.bot.buttons, key)
    card = await cases.by_card(tools.db, target)
    if name == "open" and card is None:
        return "case open"
    if name == "link" and card is None:
        last = await cases.last_touched(tools.db, request.actor.mxid, request.room_id)
        if last is None:
            raise Mistake("There is no case of this room that you last worked on; reply to the "
                          f"message with {request.prefix}case link N.")
        return f"case link {last.number}"
    if name == "take":
        about = [card] if card else await cases.of_paper(tools.db, target)
        if len(about) == 1 and about[0].room_id == request.room_id:
            return f"case take {about[0].number}"
    return ""
