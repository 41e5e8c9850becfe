"""The words of reminders: templates in English and Urdu, from a data file."""
from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config import Config, ConfigError

SHIPPED = Path(__file__).parent / "reminders.yaml"
FIELDS: dict[str, frozenset[str]] = {
    "greeting": frozenset(("holder", "post")), "greeting_vacant": frozenset(("post",)),
    "due": frozenset(("number", "action", "due", "given")),
    "overdue": frozenset(("number", "action", "due", "given")),
    "unanswered": frozenset(("number", "action", "due", "given")),
    "closing": frozenset(),
    "escalation": frozenset(("above", "number", "post", "action", "due", "given")),
    "no_date": frozenset(),
}


@dataclass(frozen=True)
class Templates:
    """The words in the languages that are wanted, in that order: (template's name, its words)."""

    languages: tuple[dict[str, str], ...]

    def reminder(self, post: str, holder: str, orders: list[tuple[str, dict[str, str]]]) -> str:
        """A reminder of some orders to one post: (which template, its fields) of each."""
        return "\n\n".join(
            "\n".join([
                words["greeting" if holder else "greeting_vacant"].format(
                    holder=holder, post=post),
                *(words[kind].format(**_dated(fields, words)) for kind, fields in orders),
                words["closing"]])
            for words in self.languages)

    def escalation(self, fields: dict[str, str]) -> str:
        """Words to the next post up."""
        return "\n\n".join(
            words["escalation"].format(**_dated(fields, words)) for words in self.languages)


def _dated(fields: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    return {**fields, "due": fields["due"] or words["no_date"]}


def load(config: Config) -> Templates:
    """The templates that the configuration names. Raises ConfigError with the file, the key and
    what to do."""
    path = Path(config.directives.templates or SHIPPED)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"directives.templates: {path} cannot be read: "
                          f"{' '.join(str(error).split())}") from None
    wanted = {"both": ("en", "ur")}.get(config.directives.language, (config.directives.language,))
    return Templates(tuple(_checked(path, language, values) for language in wanted))


def _checked(path: Path, language: str, values: Any) -> dict[str, str]:
    found = values.get(language) if isinstance(values, dict) else None
    if not isinstance(found, dict):
        raise ConfigError(f"directives.templates: {path} has no part {language!r}; see "
                          f"{SHIPPED.name} for what it holds")
    for name, allowed in FIELDS.items():
        text = found.get(name)
        if not isinstance(text, str):
            raise ConfigError(f"directives.templates: {path} lacks {language}.{name}, a text")
        try:
            used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
        except ValueError as error:
            raise ConfigError(f"directives.templates: {path}: {language}.{name}: {error}; write "
                              "{{ and }} for braces") from None
        if not used <= allowed:
            fields = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "no fields"
            raise ConfigError(f"directives.templates: {path}: {language}.{name} may use {fields}, "
                              f"not {{{min(used - allowed)}}}")
    return {name: found[name].strip() for name in FIELDS}
