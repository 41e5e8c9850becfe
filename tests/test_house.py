"""What holds the project together: the two commands, the lock files, what no file may name."""
from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-run.lock")


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {m[1].lower(): m[2] for m in re.finditer(r"^([\w.-]+)==([^\s;\\]+)", text, re.M)}


def test_readme_says_the_two_commands_and_its_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme and "make test" in readme
    makefile = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "test", "bench", "lint", "lock", "clean"):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_no_registry_host_and_no_path_of_one_machine() -> None:
    done = subprocess.run([ROOT / "tools" / "no-hosts.sh"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_locks_hold_what_pyproject_names_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = {
        "requirements.lock": project["dependencies"] + [d for e in extras.values() for d in e],
        "requirements-demo.lock": project["dependencies"] + extras["demo"],
        "requirements-run.lock": project["dependencies"],
    }
    everything = pins("requirements.lock")
    for name, dependencies in needed.items():
        locked = pins(name)
        for dependency in dependencies:
            package, version = dependency.lower().partition(";")[0].split("==")
            assert locked.get(package) == version, f"{dependency} in {name}: run `make lock`"
        assert locked.items() <= everything.items(), name


def test_every_locked_package_has_hashes_and_no_address() -> None:
    for name in LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        for block in re.split(r"\n(?=[\w.-]+==)", text)[1:]:
            assert "--hash=sha256:" in block, block[:60]


def test_every_direct_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    named = project["dependencies"] + [
        d for extra in project["optional-dependencies"].values() for d in extra]
    missing = [d for d in named if f"`{d.lower().split('==')[0]}`" not in page]
    assert not missing


def test_nothing_waits_in_a_way_that_swallows_a_stop() -> None:
    """Python 3.11's `asyncio.wait_for` forgets a cancellation that comes together with what it
    waits for (CPython issue 86296): a loop around it then never ends. `asyncio.timeout` does not.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["setuptools"]["packages"]:
        for path in (ROOT / package.replace(".", "/")).glob("*.py"):
            assert "asyncio.wait_for(" not in path.read_text(encoding="utf-8"), path
