"""Posts: offices that outlive their holders. Those that a file or a command has named are rows; its
rank, and what it is under, the gazetteer says of a post's kind where the row does not."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archive.db import Database, Row, Unit
from archive.gazetteer import Gazetteer, PostName
from archive.gazetteer_file import loop

UNRANKED = 99  # of a kind that the gazetteer does not know any more


@dataclass(frozen=True)
class Post:
    """A post as it stands in the archive; `rank` and `under` (a post's name) only where they differ
    from its kind's."""

    id: int
    name: str
    kind: str
    place: str
    rank: int | None
    under: str

    @property
    def post(self) -> PostName:
        """Kind and place."""
        return PostName(self.kind, self.place)


def ensure(post: PostName) -> Unit[int]:
    """The id of a post, made when new."""
    name = str(post)
    rows = yield "SELECT id FROM post WHERE name = ?", (name,)
    if not rows:
        rows = yield (
            "INSERT INTO post (name, kind, place) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind RETURNING id",
            (name, post.kind, post.place))
    return rows[0]["id"]


def describe(post_id: int, rank: int | None, under: str) -> Unit[None]:
    """Rank and superior of a post where they differ from its kind's (None and "": as the kind)."""
    yield ("UPDATE post SET rank = ?, under = ? WHERE id = ?", (rank, under, post_id))


async def every(db: Database) -> list[Post]:
    """All posts that have a row, by name."""
    return [_post(row) for row in await db.read(f"SELECT {_COLUMNS} FROM post ORDER BY name")]


async def by_name(db: Database, name: str) -> Post | None:
    """A post by its full name."""
    rows = await db.read(f"SELECT {_COLUMNS} FROM post WHERE name = ?", name)
    return _post(rows[0]) if rows else None


_COLUMNS = "id, name, kind, place, rank, under"


def _post(row: Row) -> Post:
    return Post(row["id"], row["name"], row["kind"], row["place"], row["rank"], row["under"])


class Authority:
    """Ranks and lines of authority: the gazetteer's, and what single posts have of their own."""

    def __init__(self, book: Gazetteer, special: Iterable[Post] = ()) -> None:
        self._book = book
        self._special = {each.post: each for each in special}
        self._names = {each.name: each.post for each in self._special.values()}

    def rank(self, post: PostName) -> int:
        """1 is highest."""
        own = self._special.get(post)
        if own and own.rank is not None:
            return own.rank
        kind = self._book.kinds.get(post.kind)
        return kind.rank if kind else UNRANKED

    def superiors(self, post: PostName, day: str) -> list[PostName]:
        """The posts directly over a post on a day."""
        own = self._special.get(post)
        if own and own.under:
            over = self._names.get(own.under) or self._book.post(own.under)
            return [over] if over else []
        return self._book.superiors(post, day)

    def line(self, post: PostName, day: str) -> list[PostName]:
        """All posts over a post on a day, the nearest first; a loop ends it."""
        found: list[PostName] = []
        waiting = self.superiors(post, day)
        while waiting:
            each = waiting.pop(0)
            if each not in found and each != post:
                found.append(each)
                waiting += self.superiors(each, day)
        return found

    def over(self, one: PostName, other: PostName, day: str) -> str:
        """Why `one` may direct `other` on a day: "line" when it stands in its line of authority,
        "rank" when it is only of a higher rank, "" when neither."""
        if one in self.line(other, day):
            return "line"
        return "rank" if self.rank(one) < self.rank(other) else ""

    def loop(self, day: str) -> list[PostName]:
        """A loop in the line of authority that single posts make, its first post again at its end;
        empty when there is none."""
        waiting = [post for post, own in self._special.items() if own.under]
        under: dict[str, tuple[str, ...]] = {}
        posts: dict[str, PostName] = {}
        while waiting:
            post = waiting.pop()
            if str(post) not in under:
                posts[str(post)] = post
                over = self.superiors(post, day)
                under[str(post)] = tuple(map(str, over))
                waiting += over
        return [posts[name] for name in loop(under)]
