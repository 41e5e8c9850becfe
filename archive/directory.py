"""People and groups: who is behind phone numbers, LIDs, Matrix ids and names.

WhatsApp names one account by phone number and by LID, and a message may carry either or both. So
two persons may turn out to be one; then one takes over everything of the other.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archive import clean, ids, names, postings
from archive.db import Database, Row, Unit
from archive.model import Chat, Person, Sender

_PERSON = """SELECT p.id, p.name, p.ghost,
    (SELECT i.value FROM identifier i WHERE i.person_id = p.id AND i.kind = 'pn'
        ORDER BY i.since DESC, i.value LIMIT 1) AS pn,
    (SELECT i.value FROM identifier i WHERE i.person_id = p.id AND i.kind = 'lid'
        ORDER BY i.since DESC, i.value LIMIT 1) AS lid,
    (SELECT i.value FROM identifier i WHERE i.person_id = p.id AND i.kind = 'mxid'
        ORDER BY i.since DESC, i.value LIMIT 1) AS mxid
    FROM person p """


@dataclass(frozen=True)
class Member:
    """A person in a group."""

    person: Person
    role: str  # as WhatsApp says: "member", "admin", "superadmin"
    joined_room: int | None  # when the ghost joined the Matrix room, Unix ms


# People


def ensure(sender: Sender, at: int) -> Unit[int]:
    """The id of the person behind a sender, made or completed as needed. `at`: when seen, Unix ms.

    When its addresses belonged to several persons they become one: the one with a ghost stays, else
    the oldest. Raises ValueError when the sender has no address at all.
    """
    wanted = _addresses(sender)
    if not wanted:
        raise ValueError("a sender needs a phone number, a LID or a Matrix id")
    name = clean.name(sender.push_name)
    name_kind = "push" if sender.pn or sender.lid else "matrix"
    found = yield _lookup_sql(len(wanted)), (name_kind, name_kind, name, *sum(wanted, ()))
    missing = [pair for pair in wanted if pair not in {(r["kind"], r["value"]) for r in found}]
    persons = sorted({row["person_id"]: row for row in found}.values(), key=_precedence)
    if not persons:
        rows = yield "INSERT INTO person (created_at) VALUES (?) RETURNING id", (at,)
        person_id = rows[0]["id"]
    else:
        person_id = persons[0]["person_id"]
    for other in persons[1:]:
        yield from merge(person_id, other["person_id"])
    for kind, value in missing:
        rows = yield (
            "INSERT INTO identifier (kind, value, person_id, since) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING person_id",
            (kind, value, person_id, at),
        )
        if not rows:  # another process was faster: look again, and merge with what it made
            rows = yield (
                "SELECT person_id FROM identifier WHERE kind = ? AND value = ?", (kind, value))
            yield from merge(rows[0]["person_id"], person_id)
            person_id = rows[0]["person_id"]
    changed = bool(missing) or len(persons) > 1
    if name and (changed or not _fresh(persons[0], at)):
        yield from names.add(person_id, name_kind, name, at)
    elif changed:
        yield from names.choose(person_id)
    return person_id


def _addresses(sender: Sender) -> list[tuple[str, str]]:
    pairs = [("pn", sender.pn), ("lid", sender.lid), ("mxid", sender.mxid)]
    return [(kind, clean.text(value)) for kind, value in pairs if value]


def _lookup_sql(addresses: int) -> str:
    either = " OR ".join(["(i.kind = ? AND i.value = ?)"] * addresses)
    return f"""SELECT i.kind, i.value, i.person_id, p.ghost, n.first_seen, n.last_seen,
        (SELECT max(m.last_seen) FROM person_name m
            WHERE m.person_id = i.person_id AND m.kind = ?) AS newest
        FROM identifier i JOIN person p ON p.id = i.person_id
        LEFT JOIN person_name n ON n.person_id = i.person_id AND n.kind = ? AND n.value = ?
        WHERE {either}"""


def _precedence(row: Row) -> tuple[bool, int]:
    return row["ghost"] is None, row["person_id"]


def _fresh(row: Row, at: int) -> bool:
    """Whether the directory already says that the person had this name at that time."""
    first, last = row["first_seen"], row["last_seen"]
    if first is None or at < first:
        return False
    return at <= last or (last == row["newest"] and at <= last + names.SEEN_PRECISION_MS)


def merge(kept: int, other: int) -> Unit[None]:
    """Everything of person `other` becomes `kept`'s. A second ghost stays known as an address."""
    if kept == other:
        return
    rows = yield "SELECT ghost, created_at FROM person WHERE id = ?", (other,)
    yield "UPDATE record SET sender_id = ? WHERE sender_id = ?", (kept, other)
    yield "UPDATE identifier SET person_id = ? WHERE person_id = ?", (kept, other)
    seen = yield (
        "SELECT kind, value, first_seen, last_seen FROM person_name WHERE person_id = ?", (other,))
    for row in seen:
        yield from names.see(kept, row["kind"], row["value"], row["first_seen"], row["last_seen"])
    # The other's ghost is not in the room as this one's: joined_room does not move.
    yield (
        "INSERT INTO member (chat_id, person_id, role) "
        "SELECT chat_id, CAST(? AS BIGINT), role FROM member WHERE person_id = ? "
        "ON CONFLICT DO NOTHING",
        (kept, other),
    )
    yield "DELETE FROM member WHERE person_id = ?", (other,)
    yield (
        "INSERT INTO receipt (record_id, person_id, delivered_at, read_at) "
        "SELECT record_id, CAST(? AS BIGINT), delivered_at, read_at FROM receipt "
        "WHERE person_id = ? ON CONFLICT DO NOTHING",
        (kept, other),
    )
    yield "DELETE FROM receipt WHERE person_id = ?", (other,)
    yield "UPDATE import_name SET person_id = ? WHERE person_id = ?", (kept, other)
    yield (
        "INSERT INTO import_name_was (chat_id, name, person_id, moves) SELECT chat_id, name,"
        " CAST(? AS BIGINT), moves FROM import_name_was WHERE person_id = ? ON CONFLICT DO NOTHING",
        (kept, other))
    yield "DELETE FROM import_name_was WHERE person_id = ?", (other,)
    yield from postings.move(kept, other)
    yield "DELETE FROM person_name WHERE person_id = ?", (other,)
    yield "DELETE FROM person WHERE id = ?", (other,)
    if rows and rows[0]["ghost"]:
        yield (
            "INSERT INTO identifier (kind, value, person_id, since) VALUES ('ghost', ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (rows[0]["ghost"], kept, rows[0]["created_at"]),
        )


def same(one: Sender, other: Sender, at: int) -> Unit[int]:
    """Two addresses turned out to be of one person, `other` the newer; its id. The one with a
    ghost stays."""
    first = yield from ensure(one, at)
    second = yield from ensure(other, at)
    if first != second:
        rows = yield (
            "SELECT id AS person_id, ghost FROM person WHERE id IN (?, ?)", (first, second))
        kept, gone = sorted(rows, key=_precedence)
        yield from merge(kept["person_id"], gone["person_id"])
        yield from names.choose(kept["person_id"])
        first = kept["person_id"]
    newest = yield "SELECT max(since) AS since FROM identifier WHERE person_id = ?", (first,)
    for kind, value in _addresses(other):  # whatever WhatsApp's clock, of whole seconds, says
        yield ("UPDATE identifier SET since = ? WHERE kind = ? AND value = ?",
               (newest[0]["since"] + 1, kind, value))
    return first


def set_ghost(person_id: int, mxid: str) -> Unit[None]:
    """The Matrix user that stands for this person."""
    yield "UPDATE person SET ghost = ? WHERE id = ?", (mxid, person_id)


def set_ghost_profile(person_id: int, text: str) -> Unit[None]:
    """What the ghost's profile was last set to, in the bridge's own words."""
    yield "UPDATE person SET ghost_profile = ? WHERE id = ?", (text, person_id)


def set_person_avatar(person_id: int, sha256: str | None) -> Unit[None]:
    """A person's picture in the media store."""
    yield "UPDATE person SET avatar = ? WHERE id = ?", (sha256, person_id)


async def person(db: Database, person_id: int) -> Person | None:
    """A person by id; None when there is none (or it became another)."""
    rows = await db.read(_PERSON + "WHERE p.id = ?", person_id)
    return Person(**dict(rows[0])) if rows else None


async def persons(db: Database, person_ids: Iterable[int]) -> dict[int, Person]:
    """The persons with these ids, by id."""
    wanted = list(person_ids)
    if not wanted:
        return {}
    marks = ", ".join("?" * len(wanted))
    rows = await db.read(_PERSON + f"WHERE p.id IN ({marks})", *wanted)
    return {row["id"]: Person(**dict(row)) for row in rows}


async def find(db: Database, kind: str, value: str) -> Person | None:
    """The person with an address; kind: pn, lid, mxid, or ghost (a former ghost counts)."""
    if kind == "ghost":
        rows = await db.read(_PERSON + "WHERE p.ghost = ?", value)
        if rows:
            return Person(**dict(rows[0]))
    rows = await db.read(
        _PERSON + "JOIN identifier a ON a.person_id = p.id WHERE a.kind = ? AND a.value = ?",
        kind, value,
    )
    return Person(**dict(rows[0])) if rows else None


async def ghost_profile(db: Database, person_id: int) -> str | None:
    """What `set_ghost_profile` noted last."""
    rows = await db.read("SELECT ghost_profile FROM person WHERE id = ?", person_id)
    return rows[0]["ghost_profile"] if rows else None


# Members of groups


def set_members(
    chat_id: int, members: Iterable[tuple[Sender, str]], at: int
) -> Unit[tuple[list[int], list[int]]]:
    """Make these the members of a group; the person ids that came and those that went."""
    now: dict[int, str] = {}
    for sender, role in members:
        person_id = yield from ensure(sender, at)
        now[person_id] = role
    rows = yield "SELECT person_id, role FROM member WHERE chat_id = ?", (chat_id,)
    before = {row["person_id"]: row["role"] for row in rows}
    for person_id, role in now.items():
        if before.get(person_id) != role:
            yield (
                "INSERT INTO member (chat_id, person_id, role) VALUES (?, ?, ?) "
                "ON CONFLICT (chat_id, person_id) DO UPDATE SET role = excluded.role",
                (chat_id, person_id, role),
            )
    gone = [person_id for person_id in before if person_id not in now]
    for person_id in gone:
        yield "DELETE FROM member WHERE chat_id = ? AND person_id = ?", (chat_id, person_id)
    return [person_id for person_id in now if person_id not in before], gone


def set_role(chat_id: int, person_id: int, role: str) -> Unit[None]:
    """The person is in the group, with this role."""
    yield (
        "INSERT INTO member (chat_id, person_id, role) VALUES (?, ?, ?) "
        "ON CONFLICT (chat_id, person_id) DO UPDATE SET role = excluded.role",
        (chat_id, person_id, role),
    )


def remove_member(chat_id: int, person_id: int) -> Unit[bool]:
    """The person is not in the group any more; whether it was."""
    rows = yield (
        "DELETE FROM member WHERE chat_id = ? AND person_id = ? RETURNING person_id",
        (chat_id, person_id),
    )
    return bool(rows)


def mark_left(chat_id: int, person_id: int) -> Unit[None]:
    """The person's ghost is not in the group's room any more."""
    yield (
        "UPDATE member SET joined_room = NULL WHERE chat_id = ? AND person_id = ?",
        (chat_id, person_id),
    )


def mark_joined(chat_id: int, person_id: int, at: int) -> Unit[None]:
    """The person's ghost has joined the group's room."""
    yield (
        "INSERT INTO member (chat_id, person_id, role, joined_room) VALUES (?, ?, 'member', ?) "
        "ON CONFLICT (chat_id, person_id) DO UPDATE SET joined_room = excluded.joined_room",
        (chat_id, person_id, at),
    )


async def members(db: Database, chat_id: int) -> list[Member]:
    """The members of a group by name."""
    rows = await db.read(
        _PERSON.replace("FROM person p", ", m.role, m.joined_room FROM person p")
        + "JOIN member m ON m.person_id = p.id WHERE m.chat_id = ? ORDER BY p.name, p.id",
        chat_id,
    )
    return [
        Member(
            Person(row["id"], row["name"], row["pn"], row["lid"], row["mxid"], row["ghost"]),
            row["role"], row["joined_room"],
        )
        for row in rows
    ]


async def joined(db: Database, chat_id: int) -> set[int]:
    """The persons whose ghosts are in the group's room."""
    rows = await db.read(
        "SELECT person_id FROM member WHERE chat_id = ? AND joined_room IS NOT NULL", chat_id
    )
    return {row["person_id"] for row in rows}


# Groups

_CHAT = "id, jid, name, topic, room_id, avatar"
GROUPS_ONLY = f"jid NOT LIKE '%@{ids.PAST_SERVER}'"  # a condition on chat


def ensure_chat(jid: str, name: str, topic: str, at: int) -> Unit[Chat]:
    """The chat with this address, made when new; name and topic are set when not empty."""
    jid, name, topic = clean.text(jid), clean.name(name), clean.text(topic)
    rows = yield f"SELECT {_CHAT} FROM chat WHERE jid = ?", (jid,)
    if rows:
        same_name = not name or name == rows[0]["name"]
        same_topic = not topic or topic == rows[0]["topic"]
        if same_name and same_topic:
            return Chat(**dict(rows[0]))
    rows = yield (
        f"""INSERT INTO chat (jid, name, topic, created_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (jid) DO UPDATE SET
        name = CASE WHEN excluded.name = '' THEN chat.name ELSE excluded.name END,
        topic = CASE WHEN excluded.topic = '' THEN chat.topic ELSE excluded.topic END
        RETURNING {_CHAT}""",
        (jid, name, topic, at),
    )
    return Chat(**dict(rows[0]))


def set_topic(chat_id: int, topic: str) -> Unit[None]:
    """A group's description, also when there is none any more."""
    yield "UPDATE chat SET topic = ? WHERE id = ?", (clean.text(topic), chat_id)


def set_room(chat_id: int, room_id: str) -> Unit[None]:
    """The Matrix room that mirrors a chat."""
    yield "UPDATE chat SET room_id = ? WHERE id = ?", (room_id, chat_id)


def set_chat_avatar(chat_id: int, sha256: str | None) -> Unit[None]:
    """The group's picture in the media store."""
    yield "UPDATE chat SET avatar = ? WHERE id = ?", (sha256, chat_id)


async def chats(db: Database) -> list[Chat]:
    """Every chat by name."""
    rows = await db.read(
        f"SELECT {_CHAT} FROM chat WHERE {GROUPS_ONLY} ORDER BY name, id")
    return [Chat(**dict(row)) for row in rows]


async def chat(db: Database, chat_id: int) -> Chat | None:
    """A chat by id."""
    return _one(await db.read(f"SELECT {_CHAT} FROM chat WHERE id = ?", chat_id))


async def chat_by_jid(db: Database, jid: str) -> Chat | None:
    """A chat by its WhatsApp address."""
    return _one(await db.read(f"SELECT {_CHAT} FROM chat WHERE jid = ?", jid))


async def chat_by_room(db: Database, room_id: str) -> Chat | None:
    """A chat by the Matrix room that mirrors it."""
    return _one(await db.read(f"SELECT {_CHAT} FROM chat WHERE room_id = ?", room_id))


def _one(rows: Sequence[Row]) -> Chat | None:
    return Chat(**dict(rows[0])) if rows else None
