"""A case and everything on its file as JSON, for other programs. Times are ISO 8601 with the
office's offset, beside Unix milliseconds."""
from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from archive import wording
from archive.cases import Action, Case
from archive.paper import words
from archive.paper.casefile import CaseFile, Filed

FORMAT = "daftar-case/1"


def docket(file: CaseFile) -> bytes:
    """The file as UTF-8 JSON."""
    sheet, zone = file.docket, file.zone
    values = {
        "format": FORMAT,
        "written": {"by": file.printed_by, **_time("at", file.printed_at, zone)},
        "case": _case(file.case, zone),
        "tags": sheet.tags, "schools": sheet.schools, "watchers": sheet.watchers,
        "merged": [_case(other, zone) for other in sheet.merged],
        "part_of": _case(sheet.into, zone) if sheet.into else None,
        "actions": [_action(action, zone) for action in sheet.actions],
        "papers": [_paper(filed, zone) for filed in file.papers],
    }
    return json.dumps(values, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _time(name: str, ms: int | None, zone: ZoneInfo) -> dict[str, Any]:
    if ms is None:
        return {name: None, f"{name}_ms": None}
    return {name: words.at(ms, zone).isoformat(timespec="milliseconds"), f"{name}_ms": ms}


def _case(case: Case, zone: ZoneInfo) -> dict[str, Any]:
    values = asdict(case)
    for inner in ("id", "merged_into", "card_txn"):  # numbers and names of this database only
        del values[inner]
    for key in [key for key in values if key.endswith("_at") or key == "waiting_until"]:
        values |= _time(key, values[key], zone)
    return values


def _action(action: Action, zone: ZoneInfo) -> dict[str, Any]:
    done = wording.action_words(action, lambda ms: words.moment(ms, zone))
    return {"kind": action.kind, "by": asdict(action.actor), **_time("at", action.at, zone),
            "before": action.before, "after": action.after, "text": action.text, "words": done}


def _paper(filed: Filed, zone: ZoneInfo) -> dict[str, Any]:
    paper, record, entry = filed.paper, filed.record, filed.entry
    media = record.media if record else None
    return {
        "event_id": paper.event_id, "sender": paper.sender, "sender_name": filed.sender,
        **_time("sent_at", paper.sent_at, zone), "group": filed.group,
        "record": record.id if record else None, "source_id": record.source_id if record else None,
        "kind": record.kind if record else None,
        "text": entry.text if entry else paper.excerpt, "complete": entry is not None,
        "versions": [{"text": version.text, **_time("at", version.sent_at, zone)}
                     for version in entry.versions] if entry else [],
        "deleted": bool(entry and entry.deletion),
        "file": {"sha256": media.sha256, "mime": media.mime, "name": media.name,
                 "size": media.size} if media else None,
    }
