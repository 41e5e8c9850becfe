"""From a message's text to a command, or to a sentence that says what is wrong. Pure."""
from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from archive import ids
from bot import meanings, render
from bot.commands.base import Call, CaseNumber, Command, Mistake
from nlp import words as texts

# Other words for the first word of a command.
FAMILIES: dict[str, tuple[str, ...]] = {
    "case": ("cases", "file", "کیس", "معاملہ"),
    "thread": ("threads", "دھاگہ"),
    "directive": ("directives", "order", "orders", "حکم", "ہدایت", "ہدایات"),
    "help": ("commands", "مدد"),
    "search": ("find", "تلاش"),
    "who": ("whois", "کون"),
    "post": ("posts", "posting", "عہدہ", "عہدے"),
    "school": ("schools", "bemis", "سکول", "اسکول", "بیمس"),
    "notification": ("notifications", "notif", "نوٹیفکیشن", "نوٹیفیکیشن", "اعلامیہ", "اعلامیے"),
    "digest": ("digests", "summary", "خلاصہ"),
}
NAMED = 12  # commands that an answer to an unknown one names
NEAR = 0.7  # how like a command a word must be to be taken for a misspelt one
FOREIGN = ("wa",)  # the bridge's own commands: not ours to answer

# Words that may stand before a case's number and say nothing: `!case note on case 42 …`.
_BEFORE = frozenset(("case", "file", "no", "no.", "number", "#", "کیس", "فائل", "نمبر", "me", "the",
                     "this", "it", "of", "to", "for", "from", "on", "about"))
# What Urdu puts after a number and after a verb: `!کیس ۴۲ کو بند کریں`.
_AFTER_NUMBER = frozenset(("is", "کو", "کا", "کی", "کے", "پر", "میں", "سے"))
_LIGHT = frozenset(("کرو", "کریں", "کر", "کردو", "کردیں", "کیجیے", "کیجئے", "دو", "دیں", "دیجیے"))

_NUMBER = re.compile(r"(?:#|no\.?|نمبر)?\s*(\d{1,9})[.:,،]?")
_FULL = re.compile(r"#?([A-Z]{1,8})-(\d{4})-(\d{1,9})[.:,،]?")
_POINTS = ".,:;!?،۔؟"
_DASH = re.compile(r"^[-–—:=,،]+\s+")  # `42 - DEO called`
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’"}


def is_command(body: str, prefix: str) -> bool:
    """Whether a message speaks to the bot, and not to the bridge."""
    if not texts.is_command(body, False, prefix):
        return False
    return _word(texts.clean(body)[len(prefix):])[0] not in FOREIGN


def is_known(body: str, prefix: str) -> bool:
    """Whether a message that `is_command` begins with a word of ours: what officials write on
    WhatsApp may begin with a sign by chance."""
    return family(_word(texts.clean(texts.clean(body)[len(prefix):]))[0]) is not None


def parse(body: str, prefix: str, commands: Sequence[Command]) -> Call:
    """The command in a message that `is_command`. Raises Mistake with what to do instead."""
    rest = texts.clean(texts.clean(body)[len(prefix):])
    first, after = _word(rest)
    if not any(letter.isalpha() for letter in first):
        raise Mistake(f"What begins with {prefix} is for me and goes to nobody else, and I found "
                      f"no command in it. See {prefix}help.")
    kind = family(first)
    if kind is None:
        raise _unknown(first, after, prefix, commands)
    of_family = [command for command in commands if command.name.split()[0] == kind]
    whole = next((command for command in of_family if command.name == kind), None)
    if whole is not None:
        verb, rest = _word(after)
        other = _verb(verb, [command for command in of_family if command is not whole])
        # a search keeps its quotes: they mean a phrase
        return Call(other, None, unquote(rest)) if other else Call(whole, None, after.strip())
    second, later = _word(after)
    if second.strip(_POINTS) in meanings.HELP or second in meanings.HELP:  # `!case help close`
        return Call(next(c for c in commands if c.name == "help"), None, later.strip() or kind)
    return _two_words(kind, after, prefix, of_family)


def _two_words(kind: str, after: str, prefix: str, commands: Sequence[Command]) -> Call:
    """`!case VERB [N] …`, `!case N VERB …`, `!case N`."""
    number, remaining = take_number(after)
    before = after if number is None else _without(remaining, _AFTER_NUMBER)
    if number and not before:
        return Call(_verb("show", commands), number, "")
    if not before:
        raise Mistake(f"What about the {kind}? {_choices(commands, prefix)}.")
    if kind == "case" and meanings.is_list([texts.fold(word) for word in before.split()]):
        return Call(_verb("list", commands), None, before)
    command, meant, rest = _command(before, commands)
    if command is None:
        raise _unknown_verb(kind, number, before, prefix, commands)
    if number:
        if not command.takes_number:  # `!case 12 open` says two things at once
            raise Mistake(f"{prefix}{command.name} takes no case number.", command)
        return Call(command, number, f"{meant} {unquote(rest)}".strip(), before_verb=True)
    if command.takes_number:
        number, remaining = take_number(rest)
        text = unquote(remaining if number else rest)
        return Call(command, number, f"{meant} {text}".strip(), said=f"{meant} {rest}".strip())
    return Call(command, None, unquote(rest))


def _command(text: str, commands: Sequence[Command]) -> tuple[Command | None, str, str]:
    """(the command that a text begins with, words of its text that its verb says, what follows).
    The verb may have two words, and not be the command's own (bot.meanings)."""
    first, after = _word(text)
    second, later = _word(after)
    first, second = first.strip(_POINTS), second.strip(_POINTS)
    for verb, rest in ((f"{first} {second}", later), (first, after)):
        if first in meanings.LEADING and verb == first:
            led = _word(_without(after, meanings.ARTICLES))
            if command := _verb(led[0], commands):
                return command, "", led[1]
        if command := _verb(verb, commands):
            return command, "", rest if first.isascii() else _without(rest, _LIGHT)
        if verb in meanings.MEANT:
            name, meant = meanings.MEANT[verb]
            return _verb(name, commands), meant, rest
    return None, "", ""


def _without(text: str, words: frozenset[str]) -> str:
    """The text without those of the words that it begins with."""
    while (first := _word(text))[0] in words:
        text = first[1]
    return text


def read_number(word: str) -> CaseNumber | None:
    """42, 00042, #42, ۴۲ or SED-2026-00042, in any letter case; else None."""
    folded = _ascii_digits(texts.fold(word))
    full = _FULL.fullmatch(folded.upper())
    if full:
        number = ids.make_case_number(full[1], int(full[2]), int(full[3]))
        return CaseNumber(int(full[3]), int(full[2]), full[1], number)
    plain = _NUMBER.fullmatch(folded)
    return CaseNumber(int(plain[1]), text=plain[1]) if plain else None


def take_number(rest: str) -> tuple[CaseNumber | None, str]:
    """The case's number that a text begins with, and what follows it: `42 …`, `no. 42 …`,
    `on case 42: …`. None and the text when it begins with something else."""
    word, after = _word(rest)
    while word in _BEFORE:
        word, after = _word(after)
    number = read_number(word)
    return (number, _DASH.sub("", after)) if number else (None, rest)


def _word(text: str) -> tuple[str, str]:
    """(first word folded, what follows as it is)."""
    parts = text.split(None, 1)
    if not parts:
        return "", ""
    return texts.fold(parts[0]), parts[1] if len(parts) > 1 else ""


def unquote(text: str) -> str:
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


def _unknown(first: str, after: str, prefix: str, commands: Sequence[Command]) -> Mistake:
    """What to say to a first word that is none of ours, with the command probably meant."""
    second, rest = _word(after)
    verb = next((c for c in commands if " " in c.name and _verb(first, [c])), None)
    instead = ""
    if verb is not None:  # `!open …`
        instead = f"{verb.name} {after}"
    else:
        names = {command.name: command for command in commands}
        near = difflib.get_close_matches(f"{first} {second}".strip(), list(names), 1, 0.7)
        if near:
            verb, instead = names[near[0]], f"{near[0]} {rest}"
        elif near := difflib.get_close_matches(first, list(names), 1, 0.6):
            verb, instead = names[near[0]], f"{near[0]} {after}"
    if verb is not None:
        return Mistake(f"There is no command {prefix}{_shown(first)}; did you mean "
                       f"{verb.usage(prefix)}?", None, instead.strip())
    near = difflib.get_close_matches(first, list(FAMILIES), 1, 0.6)
    verbs = {c.name.split()[-1]: c for c in commands if c.name.startswith("case ")}
    if not near and (like := difflib.get_close_matches(first, list(verbs), 1, NEAR)):
        verb = verbs[like[0]]  # `!opne …`
        return Mistake(f"There is no command {prefix}{_shown(first)}; did you mean "
                       f"{verb.usage(prefix)}?", None, f"{verb.name} {after}".strip())
    if near:
        return Mistake(f"There is no command {prefix}{_shown(first)}; did you mean "
                       f"{prefix}{near[0]}?", None, f"{near[0]} {after}".strip())
    return Mistake(f"There is no command {prefix}{_shown(first)}, and what begins with {prefix} "
                   f"goes to nobody else. See {prefix}help.")


def _unknown_verb(kind: str, number: CaseNumber | None, text: str, prefix: str,
                  commands: Sequence[Command]) -> Mistake:
    """The same for a second word. `text`: it and what follows."""
    verb, rest = _word(text)
    if verb in meanings.NEVER and kind == "case":
        return Mistake(f"Nothing is deleted here: {prefix}case close N invalid ends a case that is "
                       "none, and its docket stays.")
    said = f"{number.text} {verb}" if number else verb
    last = _last_verb(text, commands) if number else None
    if last:  # `!کیس ۴۲ ڈی ای او سبی کے سپرد کریں`
        command, rest = last
        near = [command.name.split()[-1]]
    else:
        words = {word: command for command in commands
                 for word in (command.name.split()[-1], *command.aliases)}
        near = difflib.get_close_matches(verb, list(words), 1, NEAR)
        if not near:
            return Mistake(f"There is no {prefix}{kind} {_shown(said)}. "
                           f"{_choices(commands, prefix)}.")
        command = words[near[0]]
    parts = [kind, number.text if number else "", near[0], rest]
    return Mistake(f"There is no {prefix}{kind} {_shown(said)}; did you mean "
                   f"{command.usage(prefix)}?", None, " ".join(filter(None, parts)).strip())


def _last_verb(text: str, commands: Sequence[Command]) -> tuple[Command, str] | None:
    """The command whose verb stands last, as Urdu has it, and what stands before it."""
    words = text.split()
    while len(words) > 1 and texts.fold(words[-1]) in _LIGHT:
        words.pop()
    command = _verb(texts.fold(words[-1]), commands)
    if command is None or not command.takes_number or words[-1].isascii():
        return None
    return command, " ".join(words[:-1])


def _choices(commands: Sequence[Command], prefix: str) -> str:
    """The commoner ones: the table begins with them."""
    verbs = [command.name.split()[-1] for command in commands]
    more = verbs[NAMED:]
    last = f" and more: see {prefix}help {commands[0].name.split()[0]}" if more else ""
    return f"There is {', '.join(verbs[:NAMED])}{last}"


def _shown(word: str) -> str:
    return render.isolate(texts.shorten(word, 40))


def _ascii_digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)
