"""Schools as officials name them: by their BEMIS code (five digits, leading zeros count). Pure."""
from __future__ import annotations

import re

CODE = re.compile(r"\d{5}")
# "BEMIS 07086", "BMIS Code: 02469", "EMIS no 07086", on the next line too; or a code by its zero.
_NAMED = re.compile(r"\b(?:be?mis|emis)\b[\s:#.-]*(?:code|no|number)?[\s:#.-]*(\d{5})(?!\d)", re.I)
_ZERO = re.compile(r"(?<![\d.,/-])0\d{4}(?![\d.,/-]|\s*(?:rs|rupees)\b)", re.I)


def _digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def codes(text: str) -> list[str]:
    """The BEMIS codes that a text names, in order, each once; digits of any script."""
    plain = _digits(text)
    found = [(match.start(1), match[1]) for match in _NAMED.finditer(plain)]
    found += [(match.start(), match[0]) for match in _ZERO.finditer(plain)]
    return list(dict.fromkeys(code for _, code in sorted(found)))


def read_code(text: str) -> str | None:
    """A text that is a code and nothing else; None for anything else."""
    plain = _digits(text.strip())
    named = _NAMED.fullmatch(plain)
    if named:
        return named[1]
    return plain if CODE.fullmatch(plain) else None
