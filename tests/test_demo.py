"""The demo, as its user runs it: the console command, another department's chats, twice."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = ["groups", "sent", "mirrored", "lost", "duplicated", "out_of_order", "to_whatsapp", "cases",
        "orders", "search_hits", "seconds", "setup_seconds"]
PEOPLE = ["923007005001,Sana Gul,Sana DEO,DEO,Ziarat,4,2025-01-01",
          "923007005002,Imran Kakar,~Imran,Secretary,SED,2,2025-01-01",
          "923007005003,Rabia Noor,Rabia DMC,DMC,Ziarat,5,2025-01-01"]


def write_corpus(folder: Path) -> None:
    """Two groups of people whom nothing else in the project knows."""
    folder.mkdir()
    head = "phone,name,whatsapp_name,post,place,rank,since"
    (folder / "roster.csv").write_text("\n".join([head, *(f"+{line}" for line in PEOPLE)]) + "\n")
    for name in ("ziarat-schools", "ziarat-exams"):
        lines = [
            {"id": "m001", "from": "+923007005003", "kind": "text",
             "text": f"GGPS Kawas BEMIS 04417 سکول بند ہے ({name})"},
            {"id": "m002", "from": "+923007005002", "kind": "text", "reply_to": "m001",
             "text": "DEO Ziarat. Pl look into the issue."},
            {"id": "m003", "from": "+923007005003", "kind": "image", "file": "kawas.jpg",
             "text": "gate locked"},
            {"id": "m004", "from": "+923007005001", "kind": "text", "text": "ok"},
            {"id": "m005", "from": "+923007005001", "kind": "text", "text": "ok"},
            {"id": "m006", "from": "+923007005001", "kind": "text", "edit_of": "m005",
             "text": "ok, going there today"},
            {"id": "m007", "from": "+923007005003", "kind": "deleted", "text": ""},
            {"id": "m008", "from": "+923007005002", "kind": "document", "file": "order.pdf",
             "text": ""},
            {"id": "m009", "from": "+923007005001", "kind": "reaction", "text": "👍",
             "reply_to": "m002"},
            {"id": "m010", "from": "+923007005003", "kind": "reaction", "text": "👍",
             "reply_to": "m002"},
            {"id": "m011", "from": "+923007005003", "kind": "reaction", "text": "🙏",
             "reply_to": "m002"},
            {"id": "m012", "from": "+923007005001", "kind": "reaction", "text": "❤️",
             "reply_to": "m004"},
            {"id": "m013", "from": "+923007005001", "kind": "reaction", "text": "",
             "reply_to": "m004"},
        ]
        for number, line in enumerate(lines):
            line["ts"] = f"2026-03-02T09:{number:02d}:00"
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def demo(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `daftar demo` as its user does."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", *map(str, arguments)], text=True,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=300, check=False)


def test_demo_carries_any_corpus_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Nothing lost, doubled or out of order; a second start sends nothing again."""
    write_corpus(tmp_path / "corpus")
    arguments = ("--once", "--json", "--folder", tmp_path / "demo", "--corpus", tmp_path / "corpus")
    for _ in range(2):
        run = demo(*arguments)
        assert run.returncode == 0, run.stderr
        counts = json.loads(run.stdout.splitlines()[-1])
        assert list(counts) == KEYS
        assert counts["groups"] == 2
        assert counts["sent"] == counts["mirrored"] == 20  # of five reactions a group two stand
        assert counts["lost"] == counts["duplicated"] == counts["out_of_order"] == 0
        assert counts["to_whatsapp"] == 2
        assert counts["cases"] == 1
        assert counts["orders"] == 2  # the Secretary's word to DEO Ziarat, in both groups
        assert counts["search_hits"] >= 1


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_that_holds_no_corpus_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    """No traceback, and the folder is named."""
    (tmp_path / "empty").mkdir()
    run = demo("--once", "--folder", tmp_path / "demo", "--corpus", tmp_path / name)
    assert run.returncode != 0
    assert str(tmp_path / name) in run.stderr
    assert "Traceback" not in run.stderr
