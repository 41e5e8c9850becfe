"""docs/commands.md, made from COMMANDS: `python -m bot.reference > docs/commands.md`."""
from __future__ import annotations

import sys

from bot import parse
from bot.commands.base import Command
from bot.commands.vocabulary import COMMANDS

PREFIX = "!"
_HEAD = """\
# Commands

What staff can say to the bot in a room. Officials on WhatsApp see neither the commands nor the
answers: what begins with `{p}` and what the bot says stays on the Matrix side. What officials
themselves write to the bot on WhatsApp is not done and said to staff, but for `{p}case status N`,
which is answered in the group (`bot.official_commands`, by rank).

- **N** is a case's number: `42`, `00042` or `SED-2026-00042`. It may stand before the verb as well
  (`{p}case 42 close`), and in a case's thread it may be left out.
- **A directive's number** is `113` or `D-2026-0113`; a proposal's is `P12`, an answer's `A7`. As a
  reply to the message it may be left out. [Directives](directives.md) tells the whole.
- **In a thread** a number at the beginning of a text is asked about, not guessed: quotes make it
  text (`{p}case note "12 teachers absent"`), the number before the verb makes it a case
  (`{p}case 12 note …`). What can only be a date (`{p}case due 12 December`) or a school's code of
  five digits (`{p}case school 07086`) is one.
- **Words as they come**: `{p}case assign 42 to DEO Sibi by Monday`, `{p}case close 42 as done`,
  `{p}case 42 done`, `{p}case note on case 42: DEO called`, `{p}case my cases`. English and Urdu
  words and digits may be mixed: `{p}کیس سپرد ۴۲ ڈی ای او سبی کو`, `{p}کیس ۴۲ بند کریں`.
- **Who may what**: viewers look, staff work, officers merge, split and classify cases, escalate
  and withdraw directives. `bot.roles` says who is what; a refusal names the rule, and every command
  is kept in the trail (`/audit` on the pages).
- **As a reply**, `{p}case open` takes the message replied to as the case's first paper.
- **Reactions are commands, too**: 📁 to a message opens a case with it, 🔗 puts it on the file of
  the case that you last worked on, 👀 on a case's card takes the case, ✏️ corrects what I propose
  (`bot.buttons` names others). What I ask is answered by a reaction to the question: ✅ is yes, ❌
  no; neither reaches WhatsApp.
- Letter case does not matter, and a misspelt command is answered with the nearest one, to be done
  by one tap on ✅. What can be read in several ways is asked back, too.
- What takes something away (`merge`, `split`, `unlink`) or leaves for WhatsApp (`tell`) is shown
  first and waits for your ✅. Nothing is ever deleted.
- When somebody else did something to the case within the last two minutes, the answer says what.
- Editing a command that was sent does nothing; send it again.
- A case of another room is shown to those only who are in that room.

This page is made from the bot's own list by `make docs`.
"""


def commands_page() -> str:
    """The page, as Markdown."""
    families = "".join(
        f"\n`{PREFIX}{name}` may also be written "
        + ", ".join(f"`{PREFIX}{word}`" for word in words) + ".\n"
        for name, words in parse.FAMILIES.items())
    return (_HEAD.format(p=PREFIX) + "\n" + "\n".join(_entry(command) for command in COMMANDS)
            + "\n## Other words\n" + families)


def _entry(command: Command) -> str:
    lines = [f"## `{command.usage(PREFIX)}`", "", command.help]
    if command.examples:
        lines += ["", "For example: " + ", ".join(f"`{PREFIX}{e}`" for e in command.examples) + "."]
    if command.aliases:
        lines += ["", "Also: " + ", ".join(f"`{word}`" for word in command.aliases) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(commands_page())
