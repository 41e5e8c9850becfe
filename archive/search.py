"""Full-text search over the record, the same on SQLite and PostgreSQL.

Both databases are given words that archive.fold has cut and folded, joined by spaces: FTS5's ascii
tokenizer keeps everything beyond ASCII as it is, and PostgreSQL reads such a line as a tsvector. So
neither's own idea of a language matters, and one statement writes to both. Row ids are record ids
and follow time: newest first and date ranges cost nothing.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archive import fold, ids, rows
from archive.db import Database, Unit
from archive.model import Record, SearchHit

# Characters of a text that are indexed; the text itself is stored whole. A tsvector holds 1 MB of
# words: 100,000 characters in two bytes each, their joined neighbours added, stay below 0.7 MB.
INDEXED_CHARACTERS = 100_000

INSERT = "INSERT INTO record_text (rowid, text) VALUES (?, ?)"  # record id, `terms`
_INSERT_EDIT = "INSERT INTO edit_text (rowid, text) VALUES (?, ?)"

_SCAN = 200  # rows looked at per step when phrases must be checked in the text


def index(record_id: int, text: str, *, edit: bool = False) -> Unit[None]:
    """Make a record findable by the words of a text; once per record. An edit's words lead to the
    message that it edits. A text without words costs nothing."""
    found = terms(text)
    if found:
        yield _INSERT_EDIT if edit else INSERT, (record_id, found)


def terms(text: str, media_name: str | None = None) -> str:
    """What a record with that text and file is found by, as the index holds it."""
    return " ".join(fold.terms(searched_text(text, media_name)[:INDEXED_CHARACTERS]))


async def find(
    db: Database,
    query: str,
    *,
    chat_id: int | None = None,
    sender_id: int | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[SearchHit]:
    """Records that hold every word and phrase of the query, newest first.

    `word*` finds beginnings, "two words" a phrase. `since` (inclusive) and `until` (exclusive) are
    Unix ms, heeded to the second; `before` is the record id of the last hit of the page before. A
    message is found by its first text and by its edits, and still when it was deleted. A query
    without a single word finds nothing; no query raises.
    """
    parsed = fold.parse_query(query)
    groups = parsed.groups()
    if not groups or limit < 1:
        return []
    lowest = ids.first_record_id(_second(since)) if since is not None else 0
    highest = ids.first_record_id(_second(until)) if until is not None else ids.MAX_RECORD_ID
    if before is not None:
        highest = min(highest, before)
    step = max(limit, _SCAN) if parsed.phrases else limit
    expression = _fts5(groups) if db.dialect == "sqlite" else _tsquery(groups)
    hits: list[SearchHit] = []
    while len(hits) < limit:
        found = await _matching(db, expression, lowest, highest, chat_id, sender_id, step)
        hits += await _hits(db, found, parsed)
        if len(found) < step:
            break
        highest = min(found)
    return hits[:limit]


def _second(at: int) -> int:
    return min(max(at, 0), ids.MAX_MS)


def _fts5(groups: list[list[tuple[str, bool]]]) -> str:
    """FTS5 query syntax; folded words hold no quotes."""
    return " AND ".join(
        "(" + " OR ".join(f'"{term}"' + (" *" if prefix else "") for term, prefix in group) + ")"
        for group in groups
    )


def _tsquery(groups: list[list[tuple[str, bool]]]) -> str:
    """PostgreSQL's tsquery input syntax; folded words hold no quotes and no backslashes."""
    return " & ".join(
        "(" + " | ".join(f"'{term}'" + (":*" if prefix else "") for term, prefix in group) + ")"
        for group in groups
    )


async def _matching(
    db: Database, expression: str, lowest: int, highest: int,
    chat_id: int | None, sender_id: int | None, limit: int,
) -> dict[int, int]:
    """The newest `limit` message ids in [lowest, highest), newest first, each with the record
    (itself or its latest edit) whose text matched."""
    filters, values = "", []
    for column, value in (("chat_id", chat_id), ("sender_id", sender_id)):
        if value is not None:
            filters += f" AND r.{column} = ?"
            values.append(value)
    args = [expression, lowest, highest, *values, limit]
    found = {row["id"]: row["id"] for row in await db.read(_messages_sql(db, filters), *args)}
    for row in await db.read(_edits_sql(db, filters), *args):
        found[row["id"]] = max(row["edit_id"], found.get(row["id"], 0))
    newest = sorted(found, reverse=True)[:limit]
    return {record_id: found[record_id] for record_id in newest}


def _match(db: Database, table: str) -> str:
    return f"{table} MATCH ?" if db.dialect == "sqlite" else f"{table}.text @@ ?::text::tsquery"


def _messages_sql(db: Database, filters: str) -> str:
    # EXISTS, not a join: SQLite shall walk the index of words from the newest, and stop at `limit`.
    if filters:
        filters = f"AND EXISTS (SELECT 1 FROM record r WHERE r.id = record_text.rowid {filters})"
    return f"""SELECT record_text.rowid AS id FROM record_text
        WHERE {_match(db, "record_text")} AND record_text.rowid >= ? AND record_text.rowid < ?
        {filters} ORDER BY record_text.rowid DESC LIMIT ?"""


def _edits_sql(db: Database, filters: str) -> str:
    # Only the author's own edits count; one whose message never came is found as itself. SQLite
    # keeps the order of a CROSS JOIN, and edits with a given word are few.
    return f"""SELECT r.id AS id, max(e.id) AS edit_id
        FROM edit_text CROSS JOIN record e CROSS JOIN record r
        WHERE {_match(db, "edit_text")} AND e.id = edit_text.rowid
        AND r.id = coalesce(e.target_id, e.id) AND r.id >= ? AND r.id < ?
        AND coalesce(e.sender_id, 0) = coalesce(r.sender_id, 0)
        {filters} GROUP BY r.id ORDER BY r.id DESC LIMIT ?"""


async def _hits(db: Database, found: dict[int, int], query: fold.Query) -> list[SearchHit]:
    if not found:
        return []
    records = await _records(db, list({*found, *found.values()}))
    chats = {row["id"]: row["name"] for row in await db.read("SELECT id, name FROM chat")}
    hits = []
    for record_id, matched_id in found.items():
        record, matched = records.get(record_id), records.get(matched_id)
        if record is None or matched is None:
            continue
        text = searched_text(matched.text, matched.media_name)
        if fold.has_phrases(text, query):
            snippet = fold.highlight(text[:INDEXED_CHARACTERS], query)
            hits.append(SearchHit(record, chats.get(record.chat_id, ""), snippet))
    return hits


def searched_text(text: str, media_name: str | None) -> str:
    """What a record is found by: its text, and the name of its file."""
    return f"{text}\n{media_name}" if text and media_name else text or media_name or ""


async def _records(db: Database, record_ids: Sequence[int]) -> dict[int, Record]:
    result: dict[int, Record] = {}
    for start in range(0, len(record_ids), 500):
        part: list[Any] = list(record_ids[start:start + 500])
        sql = f"{rows.RECORD_SELECT} WHERE r.id IN ({rows.marks(part)})"
        for row in await db.read(sql, *part):
            result[row["id"]] = rows.record(row)
    return result
