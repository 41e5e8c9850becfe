"""What the documentation says of the tests is true."""
from __future__ import annotations

import argparse
import re
from pathlib import Path

from cli import imports

ROOT = Path(__file__).parent.parent


def test_every_test_that_the_bridges_table_names_stands():
    text = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    assert len(named) > 50
    for file, test in named:
        found = [path for path in (ROOT / "tests").rglob(file)
                 if re.search(rf"def {test}\(", path.read_text(encoding="utf-8"))]
        assert found, f"docs/bridge.md names {file}::{test}, which does not stand"


def test_every_row_of_the_bridges_table_names_a_test():
    text = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| (?!feature|what comes|---)", line)]
    assert rows and not [row for row in rows if "::test_" not in row]


def test_every_option_of_import_is_explained():
    text = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    parser = argparse.ArgumentParser()
    imports.arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings
               if option.startswith("--")} - {"--help", "--config"}
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", text, re.M))
