"""`!help`: the vocabulary, from the same table that the bot works by."""
from __future__ import annotations

from dataclasses import dataclass, replace

from archive.db import Unit
from bot import parse as grammar
from bot import render
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools, result
from nlp import words as texts

INTRODUCTION = ("I keep the cases of this room. What begins with {prefix} and what I say stays "
                "inside; nothing of it goes to WhatsApp.")
NUMBERS = ("N is a case's number: 42, 00042 or SED-2026-00042. In a case's thread it may be left "
           "out.")


REACTIONS = "Reactions to messages are commands, too:"
ANSWERS = "My questions are answered by a reaction to them: ✅ is yes, ❌ no."


@dataclass(frozen=True)
class HelpPage:
    """Which commands to explain, and whether at length."""

    commands: list[Command]
    full: bool
    buttons: tuple[tuple[str, str], ...] = ()  # reaction, what it does


BUTTONS = {"open": "opens a case with the message", "link": "puts the message on the file of the "
           "case that you last worked on", "take": "on a case's card: the case is yours"}


class Help:
    """Help over a vocabulary that is complete only when this is part of it."""

    def __init__(self, commands: list[Command]) -> None:
        self.commands = commands

    def parse(self, call: Call, request: Request) -> HelpPage:
        """All, a family, or one command."""
        wanted = texts.fold(call.rest).removeprefix(request.prefix).split()
        if not wanted:
            return HelpPage(self.commands, full=False)
        family = grammar.family(wanted[0])
        chosen = [c for c in self.commands if c.name.split()[0] == family]
        if not chosen:  # `!help close`
            chosen = [c for c in self.commands if grammar.has_verb(c, wanted[0])]
        elif len(wanted) > 1:
            chosen = [c for c in chosen if grammar.has_verb(c, wanted[1])] or chosen
        if not chosen:
            raise Mistake(f"I have no help on {texts.shorten(' '.join(wanted), 40)!r}.",
                          call.command)
        return HelpPage(chosen, full=True)

    async def do(self, tools: Tools, request: Request, page: HelpPage) -> Unit[HelpPage]:
        """Only the reactions that the configuration names."""
        buttons = tools.config.bot.buttons
        return result(replace(page, buttons=tuple(
            (sign, BUTTONS[name]) for name, sign in buttons.items() if sign)))

    def render(self, page: HelpPage, request: Request) -> list[Say]:
        """A list of usage lines with a sentence each."""
        prefix = request.prefix
        intro = INTRODUCTION.format(prefix=prefix)
        text, markup = [intro, ""], [f"<p>{render.html(intro)}</p><ul>"]
        for command in page.commands:
            usage = command.usage(prefix)
            text.append(f"{usage}\n    {command.help}")
            line = f"<code>{render.html(usage)}</code><br>{render.html(command.help)}"
            if page.full:
                for example in command.examples:
                    text.append(f"    e.g. {prefix}{example}")
                    line += f"<br>e.g. <code>{render.html(prefix + example)}</code>"
                if command.aliases:
                    also = f"also: {', '.join(map(render.isolate, command.aliases))}"
                    text.append("    " + also)
                    line += f"<br><em>{render.html(also)}</em>"
            markup.append(f"<li>{line}</li>")
        text += ["", NUMBERS]
        markup.append(f"</ul><p>{render.html(NUMBERS)}</p>")
        if not page.full and page.buttons:
            text += ["", REACTIONS, *(f"{sign} {what}" for sign, what in page.buttons), ANSWERS]
            markup.append(f"<p>{render.html(REACTIONS)}</p><ul>" + "".join(
                f"<li>{sign} {render.html(what)}</li>" for sign, what in page.buttons)
                + f"</ul><p>{render.html(ANSWERS)}</p>")
        return [Answer("\n".join(text), "".join(markup))]


def help_command(commands: list[Command]) -> Command:
    """The command that explains `commands`."""
    page = Help(commands)
    return Command("help", "[case|search|school|notification|digest]",
                   "Shows this; with a word, more about it.", (), page.parse, page.do, page.render,
                   examples=("help case",))
