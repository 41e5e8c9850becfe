"""COMMANDS: everything the bot understands, on one page. `!help` and docs/commands.md say the same
words, from the same list."""
from __future__ import annotations

from bot.commands.base import Command
from bot.commands.case import CASE_COMMANDS
from bot.commands.help import help_command
from bot.commands.search import SEARCH_COMMANDS

COMMANDS: list[Command] = [*CASE_COMMANDS, *SEARCH_COMMANDS]
COMMANDS.insert(0, help_command(COMMANDS))
