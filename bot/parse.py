"""From a message's text to a command, or to a sentence that says what is wrong. Pure."""
from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from archive import ids
from bot.commands.base import Call, CaseNumber, Command, Mistake
from nlp import words as texts

# Other words for the first word of a command.
FAMILIES: dict[str, tuple[str, ...]] = {
    "case": ("cases", "file", "کیس", "معاملہ"),
    "help": ("commands", "مدد"),
    "search": ("find", "تلاش"),
}
FOREIGN = ("wa",)  # the bridge's own commands: not ours to answer

_NUMBER = re.compile(r"(?:#|no\.?|نمبر)?\s*(\d{1,9})[.:,،]?")
_FULL = re.compile(r"#?([A-Z]{2,8})-(\d{4})-(\d{1,9})[.:,،]?")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’"}


def is_command(body: str, prefix: str) -> bool:
    """Whether a message speaks to the bot, and not to the bridge."""
    if not texts.is_command(body, False, prefix):
        return False
    return _word(texts.clean(body)[len(prefix):])[0] not in FOREIGN


def parse(body: str, prefix: str, commands: Sequence[Command]) -> Call:
    """The command in a message that `is_command`. Raises Mistake with what to do instead."""
    rest = texts.clean(texts.clean(body)[len(prefix):])
    first, after = _word(rest)
    if not any(letter.isalpha() for letter in first):
        raise Mistake(f"What begins with {prefix} is for me and goes to nobody else, and I found "
                      f"no command in it. See {prefix}help.")
    kind = family(first)
    if kind is None:
        raise Mistake(_unknown(f"{first} {_word(after)[0]}", first, prefix, commands))
    of_family = [command for command in commands if command.name.split()[0] == kind]
    if len(of_family) == 1 and of_family[0].name == kind:
        # a search keeps its quotes: they mean a phrase
        return Call(of_family[0], None, after.strip())
    return _two_words(kind, after, prefix, of_family)


def _two_words(kind: str, after: str, prefix: str, commands: Sequence[Command]) -> Call:
    """`!case VERB [N] …`, `!case N VERB …`, `!case N`."""
    number, remaining = _take_number(after)
    verb, rest = _word(remaining if number else after)
    if number and not verb:
        return Call(_verb("show", commands), number, "")
    if not verb:
        raise Mistake(f"What about the {kind}? {_choices(commands)}.")
    command = _verb(verb, commands)
    if command is None:
        if number:
            verb = f"{number.text} {verb}"
        raise Mistake(_unknown_verb(kind, verb, prefix, commands))
    if number:
        if not command.takes_number:  # `!case 12 open` says two things at once
            raise Mistake(f"{prefix}{command.name} takes no case number.", command)
        return Call(command, number, _unquote(rest), before_verb=True)
    if command.takes_number:
        number, remaining = _take_number(rest)
        return Call(command, number, _unquote(remaining if number else rest))
    return Call(command, None, _unquote(rest))


def read_number(word: str) -> CaseNumber | None:
    """42, 00042, #42, ۴۲ or SED-2026-00042, in any letter case; else None."""
    folded = _ascii_digits(texts.fold(word))
    full = _FULL.fullmatch(folded.upper())
    if full:
        number = ids.make_case_number(full[1], int(full[2]), int(full[3]))
        return CaseNumber(int(full[3]), int(full[2]), full[1], number)
    plain = _NUMBER.fullmatch(folded)
    return CaseNumber(int(plain[1]), text=plain[1]) if plain else None


def _take_number(rest: str) -> tuple[CaseNumber | None, str]:
    word, after = _word(rest)
    number = read_number(word)
    if number is None and texts.fold(word) in ("no", "no.", "number", "نمبر", "#"):
        word, after = _word(after)
        number = read_number(word)
    return (number, after) if number else (None, rest)


def _word(text: str) -> tuple[str, str]:
    """(first word folded, what follows as it is)."""
    parts = text.split(None, 1)
    if not parts:
        return "", ""
    return texts.fold(parts[0]), parts[1] if len(parts) > 1 else ""


def _unquote(text: str) -> str:
    """Quotes around the whole are taken off, with what the keyboard made of them."""
    text = text.strip()
    closing = _QUOTES.get(text[:1])
    if closing and len(text) > 1 and text[-1] in (closing, '"', "”") and not (
            set(text[1:-1]) & {text[0], text[-1]}):
        return text[1:-1].strip()
    return text


def family(word: str) -> str | None:
    """The family that a first word names, in any of its languages."""
    for name, others in FAMILIES.items():
        if word == name or word in others:
            return name
    return None


def has_verb(command: Command, word: str) -> bool:
    """Whether a folded word names the command within its family."""
    return word == command.name.split()[-1] or word in command.aliases


def _verb(word: str, commands: Sequence[Command]) -> Command | None:
    return next((command for command in commands if has_verb(command, word)), None)


def _unknown(two: str, one: str, prefix: str, commands: Sequence[Command]) -> str:
    """The sentence for a first word that is none of ours."""
    verb = next((c for c in commands if " " in c.name and _verb(one, [c])), None)
    if verb is None:
        names = {command.name: command for command in commands}
        near = (difflib.get_close_matches(two.strip(), list(names), 1, 0.7)
                or difflib.get_close_matches(one, list(names), 1, 0.6))
        if near:
            verb = names[near[0]]
        else:
            near = difflib.get_close_matches(one, list(FAMILIES), 1, 0.6)
            if not near:
                return (f"There is no command {prefix}{_shown(one)}, and what begins with "
                        f"{prefix} goes to nobody else. See {prefix}help.")
            return (f"There is no command {prefix}{_shown(one)}; did you mean "
                    f"{prefix}{near[0]}?")
    return f"There is no command {prefix}{_shown(one)}; did you mean {verb.usage(prefix)}?"


def _unknown_verb(kind: str, verb: str, prefix: str, commands: Sequence[Command]) -> str:
    words = {word: command for command in commands
             for word in (command.name.split()[-1], *command.aliases)}
    near = difflib.get_close_matches(verb.split()[-1], list(words), 1, 0.6)
    if near:
        return (f"There is no {prefix}{kind} {_shown(verb)}; did you mean "
                f"{words[near[0]].usage(prefix)}?")
    return f"There is no {prefix}{kind} {_shown(verb)}. {_choices(commands)}."


def _choices(commands: Sequence[Command]) -> str:
    verbs = [command.name.split()[-1] for command in commands]
    return f"There is {', '.join(verbs[:-1])} and {verbs[-1]}"


def _shown(word: str) -> str:
    return texts.shorten(word, 40)


def _ascii_digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)
