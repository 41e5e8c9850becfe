"""Which orders of a group a message may answer: those to its sender's post and class, and those
that it can be meant by although they name another."""
from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from nlp.chat import Chat, Given
from nlp.lexicon import has
from nlp.office import Holder
from nlp.said import Said

MOST = 40  # orders to the sender, the latest
LIVE = timedelta(hours=34)  # an unquoted answer to an order that names another


class Candidate(NamedTuple):
    """An order, and how its sender comes to answer it: it is to his own post (mine), to a class
    that he is of (class), to somebody for whom he says that he answers (behalf), to a post above
    him in his place (deputy), to a post that nobody holds (unheld), or to another (other)."""

    given: Given
    told: str


def candidates(said: Said, chat: Chat) -> list[Candidate]:
    """The orders that a message may answer, the latest first."""
    sender = said.sender
    assert sender is not None
    mine = chat.to(sender, said.message.at)[:MOST]
    found = [Candidate(given, "mine" if _direct(given, sender) else "class") for given in mine]
    known = {id(given) for given in mine}
    posts = _spoken_for(said)
    for given in reversed(chat.given):
        quoted = given.message == said.message.quote
        near = given.thread is not None and given.thread == said.message.thread \
            and said.message.at - given.at <= LIVE
        if (quoted or near) and id(given) not in known and _may_order(given, sender, chat):
            found.append(Candidate(given, "behalf" if _stands_in(given, sender, chat, posts)
                                   else _instead(given, sender, chat)))
        elif posts and id(given) not in known and said.message.at - given.at <= LIVE \
                and _stands_in(given, sender, chat, posts) and _may_order(given, sender, chat):
            found.append(Candidate(given, "behalf"))
    return found


def _spoken_for(said: Said) -> frozenset[str]:
    """The posts for which a message says that it answers: `on behalf of DC sb`, `DEO sahib meeting
    mein hain, un ki taraf se`."""
    if has("on_behalf", said.text.words) < 0:
        return frozenset()
    return frozenset(one.post for one in said.named if one.kind == "post") | frozenset(
        holder.post for one in said.named for holder in one.holders)


def _stands_in(given: Given, sender: Holder, chat: Chat, posts: frozenset[str]) -> bool:
    return any(title.startswith(f"{post} ") and chat.office.rank(title) < sender.rank
               for post in posts for title in given.directive.to)


def _direct(given: Given, sender: Holder) -> bool:
    return sender.person in given.told or sender.title in given.directive.to


def _may_order(given: Given, sender: Holder, chat: Chat) -> bool:
    giver = chat.office.of(given.sender)
    return giver is not None and giver.person != sender.person and giver.rank < sender.rank


def _instead(given: Given, sender: Holder, chat: Chat) -> str:
    """How somebody comes to answer an order that does not name him."""
    if sender.person in given.told:
        return "mine"
    titles = [title for title in given.directive.to if not title.startswith("All ")]
    if any(chat.office.includes(title, sender) for title in given.directive.to):
        return "class"
    if titles and not any(chat.office.holding(title) for title in titles):
        return "unheld"
    if any(title.endswith(f" {sender.place}") and chat.office.rank(title) < sender.rank
           for title in titles):
        return "deputy"
    return "other"
