"""Names that tell a post, asked about in the staff room: “DEO Sibi Ghulam” may be DEO Sibi. A ✅ of
an officer puts the person into the post; nothing is ever imposed."""
from __future__ import annotations

from archive import directory, gazetteer_file, postings, proposals
from archive.db import Unit
from archive.gazetteer import PostName
from archive.postings import Posting
from archive.proposals import Proposal
from archive.questions import Option, Question
from bot import buttons, render
from bot.commands import naming
from bot.commands.naming import span
from bot.voice import Voice, ask
from nlp import words as texts

OPEN = 5  # questions that wait at once: a desk that is asked fifty answers none


async def put(voice: Voice, staff_room: str, now: int) -> bool:
    """Read names that are new, and ask about what they tell; whether something was asked."""
    book = gazetteer_file.load(voice.config.directory.gazetteer)
    while fresh := await proposals.unread(voice.db):
        await voice.db.write(proposals.keep([
            Proposal(person, name, "".join(map(str, book.posts_in(name)[:1])))
            for person, name in fresh], now))
    asked = False
    free = OPEN - await proposals.unanswered(voice.db)
    while free > 0 and (waiting := await proposals.waiting(voice.db, free)):
        for each in waiting:
            post = book.post(each.post)
            said = post is not None and await _ask(
                voice, staff_room, each, post, now, book.kinds[post.kind].several)
            if not said:
                await voice.db.write(proposals.asked(each, ""))
            asked, free = asked or said, free - said
    return asked


async def _ask(voice: Voice, staff_room: str, proposal: Proposal, post: PostName, now: int,
               several: bool) -> bool:
    """One question; False when there is nothing to ask: the directory says so already."""
    person = await directory.person(voice.db, proposal.person_id)
    day = voice.local(now).date().isoformat()
    held = await postings.of_post(voice.db, post)
    if person is None or not naming.address(person) or any(
            each.person_id == person.id for each in held):
        return False
    now_held = [each for each in held if each.holds(day)]
    stands = _stands(post, now_held, day, several)
    words = (f"“{render.isolate(texts.one_line(proposal.name))}” ({naming.address(person)}) seems "
             f"to be {post}. {stands}")
    since = day if held else naming.UNKNOWN[0]
    options = (Option(buttons.YES, "yes, put it into the directory",
                      f"post assign {post} {naming.address(person)} from {since}"),
               Option(buttons.NO, "no", ""))
    lines = [f"{option.key} {option.label}" for option in options]
    txn_id = f"propose {person.id} {post}"
    question = Question(txn_id, staff_room, "", "", options, now)
    content = render.notice("\n".join([words, *lines]),
                            "<br>".join(render.html(line) for line in [words, *lines]))

    def unit() -> Unit[None]:
        if (yield from proposals.asked(proposal, txn_id)):
            yield from ask(question, content)
    await voice.db.write(unit())
    return True


def _stands(post: PostName, held: list[Posting], day: str, several: bool) -> str:
    if not held:
        return f"Nobody holds {post} in the directory."
    holders = " and ".join(f"{render.isolate(each.person)}, {span(each, day)}" for each in held)
    return f"{post} is held by {holders}" + ("." if several else ", who would be relieved today.")
