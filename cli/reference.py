"""config.py as text for people: config.yaml, config.example.yaml and docs/config.md.

`python -m cli.reference` (make docs) writes the last two; a test holds them to config.py.
"""
from __future__ import annotations

import dataclasses
import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import config

ROOT = Path(__file__).resolve().parent.parent

_EXAMPLE_HEAD = """\
# Daftar's configuration, with every key there is. `daftar init` writes one with values of your own.
# A line that begins with # shows the default. Secrets may stand in files instead: KEY_file: PATH.
# The environment wins over this file: DAFTAR_SECTION_KEY. Look at it with `daftar check`.
"""

_REFERENCE_HEAD = """\
# Configuration

One YAML file, `config.yaml` in the folder where Daftar is started (`--config PATH` names another).
`daftar init` writes it; `daftar check` looks at it and at everything it names. A key that is not
listed here is refused, so that a typing error does not pass for a setting, and so is a value that
still says `CHANGE-ME`.

- **Secrets** (marked so) may stand in a file of their own: write `KEY_file: PATH` instead of `KEY`.
- **The environment** wins over the file: `DAFTAR_` and the key in capitals, with `_` for the dot,
  as in `DAFTAR_BRIDGE_PORT`. Lists are separated by commas there, as are `NAME=value` pairs.
- Relative paths start from the folder that holds the file.

This page is made from `config.py` by `make docs`.
"""

_KINDS = {str: "text", Path: "path", int: "whole number", bool: "true or false",
          tuple: "list of texts", dict: "`NAME: value` lines"}


def config_text(values: Mapping[str, Any], head: str = _EXAMPLE_HEAD) -> str:
    """A configuration file: keys of `values` (nested by section) are set, required ones that are
    not in it hold CHANGE-ME, the others are shown with their defaults, commented out."""
    return head + "".join(f"\n{part}" for part in _sections(config.Config, values))


def _sections(cls: type, values: Mapping[str, Any]) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        doc = field.metadata["doc"]
        if dataclasses.is_dataclass(hints[field.name]):
            inner = "".join(_sections(hints[field.name], values.get(field.name, {})))
            yield f"# {doc}\n{field.name}:\n" + textwrap.indent(inner, "  ")
        else:
            yield _comment(field) + _line(field, values) + "\n"


def _comment(field: dataclasses.Field[Any]) -> str:
    secret = f" Secret: may be {field.name}_file." if field.metadata["secret"] else ""
    return "".join(f"# {line}\n" for line in textwrap.wrap(field.metadata["doc"] + secret, 90))


def _line(field: dataclasses.Field[Any], values: Mapping[str, Any]) -> str:
    file_key = field.name + "_file"
    if file_key in values:
        return f"{file_key}: {_yaml(values[file_key])}"
    if field.name in values:
        return f"{field.name}: {_yaml(values[field.name])}"
    default = _default(field)
    if default is dataclasses.MISSING:
        return f"{field.name}: {config.EXAMPLE_MARK}"
    return f"# {field.name}: {_yaml(default)}"


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _yaml(value: Any) -> str:
    """JSON is YAML; texts that need no quotes get none."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and value and all(c.isalnum() or c in "/._-" for c in value):
        is_word = value[0].isalpha() and value.lower() not in (
            "yes", "no", "on", "off", "true", "false", "null", "y", "n")
        if is_word or value[0] == "/":
            return value
    return json.dumps(value, ensure_ascii=False)


def reference() -> str:
    """docs/config.md."""
    return _REFERENCE_HEAD + "".join(_tables(config.Config, ""))


def _tables(cls: type, prefix: str) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    leaves = [f for f in fields if not dataclasses.is_dataclass(hints[f.name])]
    if leaves:
        title = prefix.rstrip(".") or "The house"
        yield f"\n## {title}\n\n{cls.__doc__}\n\n"
        yield "| key | default | what it is |\n| --- | --- | --- |\n"
        for field in leaves:
            kind = _KINDS[typing.get_origin(hints[field.name]) or hints[field.name]]
            default = _default(field)
            shown = "*required*" if default is dataclasses.MISSING else f"`{_yaml(default)}`"
            notes = kind + (", secret" if field.metadata["secret"] else "")
            doc = field.metadata["doc"].replace("|", "\\|")
            yield f"| `{prefix}{field.name}` | {shown} | {doc} ({notes}) |\n"
    for field in fields:
        if field not in leaves:
            yield from _tables(hints[field.name], f"{prefix}{field.name}.")


def main() -> None:
    """Write both files anew."""
    (ROOT / "config.example.yaml").write_text(config_text({}), encoding="utf-8")
    (ROOT / "docs" / "config.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
