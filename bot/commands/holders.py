"""Who holds the post today that a case is given to."""
from __future__ import annotations

from archive import postings
from bot import render
from bot.commands import naming
from bot.commands.base import Request, Tools


async def of_today(tools: Tools, request: Request, words: str) -> tuple[str, str]:
    """(the post's full name, `, today Sajid Ali` or that nobody holds it) for words that name a
    post; the words as they are and "" for others. A department that keeps no directory is not told
    that all its posts are vacant."""
    post = naming.book_of(tools).post(words)
    if post is None:
        return words, ""
    held = await postings.holders(tools.db, post, naming.today(request))
    if held:
        return str(post), f", today {' and '.join(render.isolate(one.person) for one in held)}"
    known = await postings.any_known(tools.db)
    return str(post), "; nobody holds that post today" if known else ""
