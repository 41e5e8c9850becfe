"""Writing visits: which visit a message or picture belongs to, and what its parts together tell.

A part is a row for each of its versions (the message, its edits, its deletion): nothing is
overwritten. The visit's own row is made anew from its parts whenever one of them changes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archive import fold
from archive.db import Row, Unit
from archive.rows import marks
from archive.visits import (
    APART_MS,
    CURRENT,
    FIGURES,
    Figures,
    Named,
    figures_of,
    named_of,
    values_of,
)

CORRECTED_MS = 24 * 3_600_000  # for so long a correction finds the visit that it corrects
TOLD = ("report", "name", "picture")  # kinds of parts that stand

_COLUMNS = ("record_id, version_id, visit_id, kind, corrects, bemis, school_name, district, "
            + ", ".join(FIGURES))


@dataclass(frozen=True)
class Told:
    """What one version of a message tells. `kind`: see archive.schema, visit_part."""

    record_id: int
    version_id: int
    kind: str
    figures: Figures = Figures()
    named: Named = Named()
    corrects: bool = False


def note(versions: Sequence[Told]) -> Unit[int | None]:
    """Keep what a message tells in each of its versions, oldest first; the visit that it belongs
    to. What was kept before is kept as it is now read. None: nothing of it belongs to a visit."""
    rows = yield ("SELECT id, chat_id, sender_id, sent_at, target_id FROM record WHERE id = ?",
                  (versions[0].record_id,))
    record, now = rows[0], versions[-1]
    # of what was taken back, the last that stood
    last = next((v for v in reversed(versions) if v.kind in TOLD), now)
    visit_id = yield from _kept(record["id"])
    if visit_id is None or not (yield from _still_fits(visit_id, record["id"], last.named)):
        found = yield from _find(record, last)
        if found is None and last.kind not in ("report", "name"):
            if visit_id is None:
                return None
            found = visit_id
        if found is None:
            found = yield from _begin(record)
        left, visit_id = visit_id, found
        if left is not None and left != visit_id:
            yield "UPDATE visit_part SET visit_id = ? WHERE record_id = ?", (visit_id, record["id"])
            yield from settle(left)
    for told in versions:
        yield from _put(told, visit_id)
    if now.kind in ("report", "name"):
        yield from _gather_pictures(record, visit_id)
    yield from settle(visit_id)
    return visit_id


def _kept(record_id: int) -> Unit[int | None]:
    rows = yield "SELECT visit_id FROM visit_part WHERE record_id = ? LIMIT 1", (record_id,)
    return rows[0]["visit_id"] if rows else None


def _put(told: Told, visit_id: int) -> Unit[None]:
    values = (told.record_id, told.version_id, visit_id, told.kind, int(told.corrects),
              told.named.bemis, told.named.name, told.named.district or "",
              *values_of(told.figures))
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[2:])
    yield (f"INSERT INTO visit_part ({_COLUMNS}) VALUES ({marks(list(values))})"
           f" ON CONFLICT (record_id, version_id) DO UPDATE SET {updates}", values)


def _begin(record: Row) -> Unit[int]:
    rows = yield (
        "INSERT INTO visit (chat_id, record_id, state, visited_at, received_at) SELECT chat_id, id,"
        " 'named', sent_at, received_at FROM record WHERE id = ? RETURNING id", (record["id"],))
    return rows[0]["id"]


# Which visit


def _find(record: Row, told: Told) -> Unit[int | None]:
    """The visit that a message goes on telling: of the same sender, within minutes or quoted, of
    the same school or where one of the two names none; for a correction, the last of that school.
    """
    if record["sender_id"] is None:
        return None
    since, until = record["sent_at"] - APART_MS, record["sent_at"] + APART_MS
    rows = yield (
        "SELECT p.visit_id, r.id, r.sent_at FROM record r JOIN visit_part p ON p.record_id = r.id"
        f" WHERE r.chat_id = ? AND r.sender_id = ? AND r.id <> ? AND p.kind IN ({marks(TOLD)}) AND"
        f" {CURRENT} AND ((r.sent_at >= ? AND r.sent_at <= ?) OR r.id = ?)",
        (record["chat_id"], record["sender_id"], record["id"], *TOLD, since, until,
         record["target_id"] or 0))
    nearest = sorted(rows, key=lambda row: (
        row["id"] != record["target_id"], row["id"] > record["id"],
        abs(row["id"] - record["id"])))
    for visit_id in dict.fromkeys(row["visit_id"] for row in nearest):
        others = yield from _named(visit_id, record["id"])
        if all(_same(other, told.named) for other in others):
            return visit_id
    return (yield from _corrected(record, told)) if told.corrects else None


def _corrected(record: Row, told: Told) -> Unit[int | None]:
    rows = yield (
        "SELECT v.id FROM visit v JOIN record r ON r.id = v.record_id WHERE v.chat_id = ?"
        " AND r.sender_id = ? AND v.visited_at < ? AND v.visited_at >= ? AND (v.bemis = ?"
        " OR (v.words = ? AND v.words <> '')) ORDER BY v.visited_at DESC LIMIT 1",
        (record["chat_id"], record["sender_id"], record["sent_at"],
         record["sent_at"] - CORRECTED_MS, told.named.bemis or "", _words(told.named.name)))
    return rows[0]["id"] if rows else None


def _still_fits(visit_id: int, record_id: int, named: Named) -> Unit[bool]:
    """Whether an edited part still tells of the school that the visit's other parts name."""
    others = yield from _named(visit_id, record_id)
    return all(_same(other, named) for other in others)


def _named(visit_id: int, but: int) -> Unit[list[Named]]:
    rows = yield (
        "SELECT p.bemis, p.school_name, p.district FROM visit_part p WHERE p.visit_id = ? AND"
        f" p.record_id <> ? AND p.kind IN ({marks(TOLD)}) AND {CURRENT} AND (p.bemis IS NOT NULL"
        " OR p.school_name <> '')", (visit_id, but, *TOLD))
    return [named_of(row) for row in rows]


def _same(one: Named, other: Named) -> bool:
    """Whether both may be one school: by code where both have one, else by name."""
    if one.bemis and other.bemis:
        return one.bemis == other.bemis
    first, second = _words(one.name), _words(other.name)
    return not first or not second or first == second


def _gather_pictures(record: Row, visit_id: int) -> Unit[None]:
    """Pictures without words that the sender had sent just before belong to the report, too; the
    last words of the same sender in between end the search."""
    if record["sender_id"] is None:
        return
    rows = yield (
        "SELECT r.id, r.kind, r.text, EXISTS (SELECT 1 FROM visit_part p WHERE p.record_id = r.id)"
        " AS taken FROM record r WHERE r.chat_id = ? AND r.sender_id = ? AND r.id < ?"
        " AND r.sent_at >= ? AND r.kind IN ('text', 'image', 'video', 'document')"
        " ORDER BY r.id DESC LIMIT 50",
        (record["chat_id"], record["sender_id"], record["id"], record["sent_at"] - APART_MS))
    for row in rows:
        if row["kind"] not in ("image", "video") or row["text"] or row["taken"]:
            return
        yield from _put(Told(row["id"], row["id"], "picture"), visit_id)


# What the parts together tell


def settle(visit_id: int) -> Unit[None]:
    """Make the visit's row from its parts as they stand."""
    parts = yield (
        f"SELECT p.*, r.sent_at, r.received_at, r.chat_id FROM visit_part p JOIN record r"
        f" ON r.id = p.record_id WHERE p.visit_id = ? AND {CURRENT} ORDER BY p.record_id",
        (visit_id,))
    told = [part for part in parts if part["kind"] == "report"]
    named = [part for part in parts if part["kind"] in TOLD]
    state = "told" if told else "named" if named else "deleted"
    if state == "named" and (yield from _was_told(visit_id)):
        state = "deleted"
    if state == "deleted":  # it stays readable as it was last told
        parts = yield from _last_told(visit_id)
        told = named = parts
    if not parts:  # all went to another visit, or are read now as telling of none
        yield "DELETE FROM visit_part WHERE visit_id = ?", (visit_id,)
        yield "DELETE FROM visit WHERE id = ?", (visit_id,)
        return
    first = parts[0]
    school = _together(list(map(named_of, named)))
    bemis, by_name = school.bemis, False
    if bemis is None and school.name:
        bemis = yield from _by_name(school, first["chat_id"])
        by_name = bemis is not None
    figures = merged([(figures_of(part), bool(part["corrects"])) for part in told])
    columns = ", ".join(f"{name} = ?" for name in (
        "record_id", "state", "bemis", "by_name", "school_name", "district", "words", "visited_at",
        "received_at", *FIGURES))
    yield f"UPDATE visit SET {columns} WHERE id = ?", (
        first["record_id"], state, bemis, int(by_name), school.name, school.district or "",
        _words(school.name), first["sent_at"], first["received_at"], *values_of(figures), visit_id)


def _was_told(visit_id: int) -> Unit[bool]:
    rows = yield ("SELECT 1 FROM visit_part WHERE visit_id = ? AND kind = 'report' LIMIT 1",
                  (visit_id,))
    return bool(rows)


def _last_told(visit_id: int) -> Unit[list[Row]]:
    """Each part as it stood before it was taken back."""
    return (yield (
        "SELECT p.*, r.sent_at, r.received_at, r.chat_id FROM visit_part p JOIN record r"
        f" ON r.id = p.record_id WHERE p.visit_id = ? AND p.kind IN ({marks(TOLD)})"
        " AND p.version_id = (SELECT max(q.version_id) FROM visit_part q WHERE q.record_id ="
        f" p.record_id AND q.kind IN ({marks(TOLD)})) ORDER BY p.record_id",
        (visit_id, *TOLD, *TOLD)))


def merged(parts: Sequence[tuple[Figures, bool]]) -> Figures:
    """What parts tell together, in their order, each with whether it corrects those before: the
    last that states a figure counts; lists are joined, and what corrects replaces."""
    result = Figures()
    for part, corrects in parts:
        stated = {name: value for name in FIGURES
                  if (value := getattr(part, name)) not in (None, ())}
        for name in ("absent_teachers", "missing"):
            if name in stated and not corrects:
                stated[name] = tuple(dict.fromkeys((*getattr(result, name), *stated[name])))
        result = replace(result, **stated)
    return result


def _together(named: Sequence[Named]) -> Named:
    """The school, from all parts that name it: each fact from the first that tells it."""
    return Named(next((one.name for one in named if one.name), ""),
                 next((one.bemis for one in named if one.bemis), None),
                 next((one.district for one in named if one.district), None))


def _by_name(school: Named, chat_id: int) -> Unit[str | None]:
    """The code of the only school with this name: in the list (in the district, when it is told),
    else among the visits that this group has told of with a code."""
    words = _words(school.name)
    rows = yield "SELECT bemis, district FROM school WHERE words = ?", (words,)
    listed = [row["bemis"] for row in rows if not school.district or not row["district"]
              or row["district"].lower() == school.district.lower()]
    if rows:
        return listed[0] if len(listed) == 1 else None
    rows = yield ("SELECT DISTINCT bemis FROM visit WHERE chat_id = ? AND words = ?"
                  " AND bemis IS NOT NULL AND by_name = 0 AND state <> 'deleted'", (chat_id, words))
    return rows[0]["bemis"] if len(rows) == 1 else None


def name_anew() -> Unit[None]:
    """Look again for the codes of visits whose school was told by name alone."""
    rows = yield ("SELECT id FROM visit WHERE (bemis IS NULL OR by_name = 1) AND words <> ''", ())
    for row in rows:
        yield from settle(row["id"])


def _words(name: str) -> str:
    return " ".join(fold.tokens(name))
