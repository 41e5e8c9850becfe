"""Other readers of chat exports, each in a process and an environment of its own, for
benchmarks/exports.py. None of them is a dependency: whoever compares installs them into one folder.

    python -m venv FOLDER/whatstk && FOLDER/whatstk/bin/pip install whatstk
    (the same for chat-miner, chatpack and wakit)
    npm install --prefix FOLDER/whatsapp-chat-parser whatsapp-chat-parser

A peer's time is the CPU time from the file's path to its list or table of messages. Right is a
text whose sender, time and words are as they were written, but for direction marks and blanks at
the ends; peers know no other kinds to compare.
"""
from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.exports.batch import Message
from bridge.exports.names import clean_name
from bridge.exports.wording import bare

SECONDS = 600  # for one peer and one file
_PYTHON = """
import json, sys, time
{load}
began = time.process_time()
{parse}
spent = time.process_time() - began
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for at, who, text in {rows}:
        out.write(json.dumps([str(at)[:19].replace("T", " "), who, text]) + "\\n")
print(spent)
"""
_NODE = """
const {readFileSync, writeFileSync} = require("fs");
const {parseString} = require("whatsapp-chat-parser");
const before = process.cpuUsage();
const found = parseString(readFileSync(process.argv[2], "utf8"));
const spent = process.cpuUsage(before);
const at = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString();
writeFileSync(process.argv[3], found.map((m) => JSON.stringify(
  [at(m.date).slice(0, 19).replace("T", " "), m.author, m.message])).join("\\n"));
console.log((spent.user + spent.system) / 1e6);
"""
PEERS = {
    "whatstk": _PYTHON.format(
        load="from whatstk import WhatsAppChat",
        parse="found = WhatsAppChat.from_source(sys.argv[1]).df",
        rows="found[['date', 'username', 'message']].itertuples(index=False)"),
    "chat-miner": _PYTHON.format(
        load="from chatminer.chatparsers import WhatsAppParser",
        parse="parser = WhatsAppParser(sys.argv[1])\nparser.parse_file()\n"
              "found = parser.parsed_messages.get_df()",
        rows="((row['timestamp'], row['author'], row['message']) for row in"
             " found.iter_rows(named=True))"),
    "chatpack": _PYTHON.format(
        load="from chatpack import WhatsAppParser",
        parse="found = WhatsAppParser().parse(sys.argv[1])",
        rows="((m.timestamp, m.sender, m.content) for m in found)"),
    # Not meant to be called from outside: it makes rows for a phone's database. What its import
    # does with each message up to its time.
    "wakit": _PYTHON.format(
        load="from datetime import datetime, timezone\nfrom wakit import export_import as w",
        parse="said, _ = w.parse_lines(sys.argv[1])\norder = w.detect_date_order(said, 'auto')\n"
              "found = [(w.to_ms(m, order, timezone.utc), m['sender'], m['body']) for m in said]",
        rows="((datetime.fromtimestamp(at / 1000, timezone.utc), who, text)"
             " for at, who, text in found)"),
    "whatsapp-chat-parser": _NODE}


def missing(folder: Path) -> str:
    """A sentence about those that are not there."""
    names = [name for name in PEERS if not _program(folder, name)]
    return f"Not installed, and not compared: {', '.join(names)}." if names else (
        "All peers are installed.")


def rows(folder: Path, path: Path, wanted: Iterator[Message], zone: ZoneInfo
         ) -> Iterator[dict[str, object]]:
    """What each peer that is there makes of a file."""
    texts = Counter(
        (datetime.fromtimestamp(message.at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S"),
         message.sender, bare(message.text))
        for message in wanted if message.kind == "text" and not message.edited)
    for name, code in PEERS.items():
        if program := _program(folder, name):
            with tempfile.TemporaryDirectory() as temporary:
                yield {"peer": name, **_run(program, code, path, Path(temporary) / "o", texts)}


def _program(folder: Path, name: str) -> list[str]:
    """What runs a peer's code; nothing when it is not there."""
    if name == "whatsapp-chat-parser":
        modules = folder / name / "node_modules"
        return ["env", f"NODE_PATH={modules.resolve()}", "node", "-e"] if modules.is_dir() else []
    python = folder / name / "bin" / "python"
    return [str(python), "-c"] if python.exists() else []


def _run(program: list[str], code: str, path: Path, out: Path,
         texts: Counter[tuple[str, str, str]]) -> dict[str, object]:
    between = ["_"] if program[-1] == "-e" else []  # node counts its own name
    try:
        done = subprocess.run([*program, code, *between, str(path), str(out)], check=True,
                              capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"failed": f"no end in {SECONDS} s"}
    except subprocess.CalledProcessError as error:
        return {"failed": (error.stderr.strip().splitlines() or ["?"])[-1][:100]}
    found: Counter[tuple[str, str, str]] = Counter()
    count = 0
    for line in out.read_text(encoding="utf-8").splitlines():
        at, who, text = json.loads(line)
        found[at, clean_name(who or ""), bare(text or "")] += 1
        count += 1
    spent = float(done.stdout.split()[-1])
    return {"messages": count, "per_s": round(count / spent),
            "right_texts": (found & texts).total(), "texts": texts.total()}
