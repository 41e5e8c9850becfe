"""How rows become dataclasses, where more than one file reads them."""
from __future__ import annotations

from archive.db import Row
from archive.model import MediaRef, Record

# A condition on `r` and an order may follow.
RECORD_SELECT = """SELECT r.id, r.chat_id, r.kind, r.origin, r.source_id, r.sender_id,
    p.name AS sender_name, r.sent_at, r.received_at, r.text, r.target_id, r.target_source_id,
    r.root_id, r.media, r.media_name, r.media_mime, r.internal, r.detail,
    m.mime AS stored_mime, m.size AS stored_size
    FROM record r LEFT JOIN person p ON p.id = r.sender_id LEFT JOIN media m ON m.sha256 = r.media
    """


def record(row: Row) -> Record:
    """A row of RECORD_SELECT as a Record."""
    media = None
    if row["media"]:
        media = MediaRef(
            sha256=row["media"],
            mime=row["media_mime"] or row["stored_mime"] or "application/octet-stream",
            name=row["media_name"] or "",
            size=row["stored_size"] or 0,
        )
    return Record(
        id=row["id"], chat_id=row["chat_id"], kind=row["kind"], origin=row["origin"],
        source_id=row["source_id"], sender_id=row["sender_id"],
        sender_name=row["sender_name"] or "", sent_at=row["sent_at"],
        received_at=row["received_at"], text=row["text"], target_id=row["target_id"],
        target_source_id=row["target_source_id"], root_id=row["root_id"], media=media,
        media_name=row["media_name"], media_mime=row["media_mime"],
        internal=bool(row["internal"]), detail=row["detail"],
    )


def marks(values: list[int]) -> str:
    """The placeholders of an IN list: `?, ?, ?`."""
    return ", ".join("?" * len(values))
