"""Who is meant by a holder that was written in words: a member of the room by name, or those of the
group who go by a post, so that a case is not handed to a post that nobody there answers for without
a word about it. People's names are all that is known of posts."""
from __future__ import annotations

from archive import directory, fold
from archive.db import Database
from bot import inbox, render
from bot.commands.base import Tools
from nlp import places, posts
from nlp import words as texts
from nlp.posts import Post

LONGEST = 200  # characters of a name that are read
NAMED = 3  # holders that are named


async def note(db: Database, room_id: str, said: str) -> str:
    """A sentence about who holds the one post that is named, among the members of the room's
    group; "" when no post is named, the room is no group's, or the name says it already."""
    wanted = _posts(said)
    chat = await directory.chat_by_room(db, room_id) if len(wanted) == 1 else None
    if chat is None or wanted[0].everyone:
        return ""
    members = await directory.members(db, chat.id)
    holders = [member.person.name for member in members
               if _holds(member.person.name, wanted[0])]
    if not holders:
        return ("Nobody in the WhatsApp group goes by that post, so nobody there may know of it: "
                "the case lies with the post until it has a holder.")
    others = [name for name in holders if fold.tokens(name) != fold.tokens(said)]
    if not others:
        return ""
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    named = ", ".join(render.isolate(texts.one_line(name)) for name in others[:NAMED])
    return f"In the group: {named}{more}."


async def members_named(tools: Tools, room_id: str, said: str) -> tuple[dict[str, str], bool]:
    """(the members of a room, officials and bots left out, who go by that name: Matrix id to name;
    whether it is their whole name, else those of whose name it is a part). Raises MatrixError."""
    rules = inbox.rules_of(tools.config)
    nobody = (rules.user_id, rules.bridge_bot)
    wanted = fold.tokens(said)
    if not wanted:
        return {}, True
    members = {user: texts.one_line(name)
               for user, name in (await tools.matrix.joined(room_id)).items()
               if user not in nobody and set(wanted) <= set(fold.tokens(name))
               and not user.startswith(rules.ghost_prefix) and not rules.others.is_theirs(user)}
    whole = {user: name for user, name in members.items() if fold.tokens(name) == wanted}
    return (whole, True) if whole else (members, False)


def names_post(said: str) -> bool:
    """Whether words name a post (`DEO Sibi`)."""
    return bool(_posts(said))


def _posts(said: str) -> list[Post]:
    said = said[:LONGEST]
    words = fold.words(said)
    if not posts.post_words() & {word.folded for word in words}:
        return []
    return posts.posts(words, said, places.districts(words, said))


def _holds(name: str, wanted: Post) -> bool:
    return any(held.post == wanted.post and wanted.district in (None, held.district)
               for held in _posts(name))
