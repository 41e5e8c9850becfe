"""The arrows of the house: who may import whom, read from the source without running it."""
from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A package may import itself, the free modules, and what stands here. `cli` may import everything.
ARROWS: dict[str, set[str]] = {
    "archive": set(),
    "nlp": {"archive.model", "archive.fold"},
    "bridge": {"nlp", "archive"},
    "bot": {"nlp", "archive"},
    "web": {"nlp", "archive"},
    "emulator": {"nlp", "archive"},
    "cli": {"bridge", "bot", "web", "emulator", "nlp", "archive"},
}
# The same within the bridge. What stands beside these folders (`bridge.matrix` …) is free to all
# but the pure ones; only `bridge.app`, `bridge.admin` and `bridge.status` know the journeys.
FOLDERS: dict[str, set[str]] = {
    "whatsapp": {"bridge.link"},
    "shown": {"bridge.whatsapp", "bridge.rooms.standing"},
    "rooms": {"bridge.whatsapp", "bridge.shown", "bridge.link", "bridge.matrix", "bridge.clock"},
    "inward": {"bridge.whatsapp", "bridge.shown", "bridge.rooms", "bridge.link", "bridge.matrix",
               "bridge.accounts", "bridge.clock", "bridge.steps", "bridge.worker"},
    "outward": {"bridge.whatsapp", "bridge.shown", "bridge.rooms", "bridge.link", "bridge.matrix",
                "bridge.accounts", "bridge.sealing", "bridge.clock", "bridge.steps",
                "bridge.worker"},
    "link": {"bridge.steps"},
    "exports": set(),
    "imports": {"bridge.exports"},
}
FREE = ("config", "waproto")  # imported by anybody; import nothing of ours


def imports(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports, at its top or within a function."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def allowed(name: str, package: str) -> bool:
    """Whether `package` may import `name`; what is not ours is always allowed."""
    top = name.split(".")[0]
    if top in (package, *FREE) or top not in ARROWS:
        return top != "tests"
    return any(name == may or name.startswith(may + ".") for may in ARROWS[package])


def breaches(package: str) -> list[str]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        names = list(imports(path))
        for name in names:
            # `from archive import model` yields `archive` as well: the longer name decides
            longer = any(other.startswith(name + ".") for other in names)
            if not allowed(name, package) and not (
                    longer and any(may.startswith(name + ".") for may in ARROWS[package])):
                found.append(f"{path.relative_to(ROOT)} imports {name}")
    return found


@pytest.mark.parametrize("package", ARROWS)
def test_imports_run_one_way(package: str) -> None:
    assert breaches(package) == []


def test_free_modules_import_nothing_of_ours() -> None:
    for module in FREE:
        ours = {*ARROWS, *FREE} & {name.split(".")[0] for name in imports(ROOT / f"{module}.py")}
        assert not ours, f"{module}.py imports {ours}"


def test_only_the_link_loads_the_whatsapp_library() -> None:
    """`import neonize` loads 19 MB of Go that may end the process: only the link's child may."""
    for package in ARROWS:
        for path in sorted((ROOT / package).rglob("*.py")):
            loads = any(name.split(".")[0] == "neonize" for name in imports(path))
            inside = path.is_relative_to(ROOT / "bridge" / "link")
            assert inside or not loads, f"{path.relative_to(ROOT)} imports neonize"


def test_every_package_is_installed() -> None:
    """pyproject.toml lists packages one by one: a new folder must be added there."""
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(ROOT).parts)
             for package in ARROWS for path in (ROOT / package).rglob("*.py")}
    assert there == set(listed)


@pytest.mark.parametrize("folder", FOLDERS)
def test_within_the_bridge_too(folder: str) -> None:
    may = {"bridge", f"bridge.{folder}", *FOLDERS[folder]}
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "bridge" / folder).rglob("*.py")) for name in imports(path)
        if name.split(".")[0] == "bridge" and name != "bridge"
        and not any(name == one or name.startswith(one + ".") or one.startswith(name + ".")
                    for one in may - {"bridge"})]
    assert found == []
