"""COMMANDS: everything the bot understands, on one page. `!help` and docs/commands.md say the same
words, from the same list."""
from __future__ import annotations

from bot.commands.base import Command
from bot.commands.digest import DIGEST_COMMANDS
from bot.commands.directives import LOOKING_COMMANDS
from bot.commands.following import FOLLOWING_COMMANDS
from bot.commands.handing import HANDING_COMMANDS
from bot.commands.help import help_command
from bot.commands.letters import LETTER_COMMANDS
from bot.commands.lists import LIST_COMMANDS
from bot.commands.marking import MARKING_COMMANDS
from bot.commands.notifications import NOTIFICATION_COMMANDS
from bot.commands.opening import OPENING_COMMANDS
from bot.commands.ordering import ORDERING_COMMANDS
from bot.commands.papers import PAPER_COMMANDS
from bot.commands.posts import POST_COMMANDS
from bot.commands.reports import REPORT_COMMANDS
from bot.commands.rosters import ROSTER_COMMANDS
from bot.commands.schools import SCHOOL_COMMANDS
from bot.commands.search import SEARCH_COMMANDS
from bot.commands.states import STATE_COMMANDS
from bot.commands.threads import THREAD_COMMANDS
from bot.commands.who import WHO_COMMANDS
from bot.commands.work import WORK_COMMANDS

COMMANDS: list[Command] = [
    *OPENING_COMMANDS[:1], *LIST_COMMANDS, *HANDING_COMMANDS, *STATE_COMMANDS,
    *WORK_COMMANDS, *PAPER_COMMANDS, *MARKING_COMMANDS,
    *OPENING_COMMANDS[1:], *LETTER_COMMANDS, *THREAD_COMMANDS, *SEARCH_COMMANDS,
    *LOOKING_COMMANDS, *ORDERING_COMMANDS, *FOLLOWING_COMMANDS, *REPORT_COMMANDS,
    *SCHOOL_COMMANDS, *NOTIFICATION_COMMANDS,
    *WHO_COMMANDS, *POST_COMMANDS, *ROSTER_COMMANDS, *DIGEST_COMMANDS]
COMMANDS.insert(0, help_command(COMMANDS))
