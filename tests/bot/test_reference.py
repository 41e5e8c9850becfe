"""docs/commands.md says what the bot does."""
from __future__ import annotations

from pathlib import Path

from bot.commands.vocabulary import COMMANDS
from bot.reference import PREFIX, commands_page

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_made_from_the_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == commands_page(), (
        "run: python -m bot.reference > docs/commands.md")


def test_every_example_is_understood() -> None:
    from bot import parse
    for command in COMMANDS:
        for example in command.examples:
            assert parse.parse(PREFIX + example, PREFIX, COMMANDS).command is command
