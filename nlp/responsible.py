"""Whose task it is when an order names nobody: the post that the quoted message names as
responsible, else who reported, else the DEO of the school's district (GUIDE, rule 4)."""
from __future__ import annotations

from datetime import timedelta

from nlp.addressees import titles
from nlp.asks import Ask
from nlp.chat import Chat
from nlp.lexicon import has, words
from nlp.office import Holder, divisions
from nlp.said import Said

GOES_ON = timedelta(minutes=4)  # the same sender, still speaking to the same post
TALK = timedelta(hours=4)

# Those who carry out orders in a district. Whoever else reports (monitors, heads, the press) has
# told what is wrong, and another is to put it right.
LINE = frozenset({"DEO", "DC", "DOE(F)", "DOE(M)", "DDOE", "DDOE(F)", "DDOE(M)", "Commissioner",
                  "AC", "ADC", "Director", "Director (Schools)", "Secretary",
                  "Additional Secretary"})


def unnamed(ask: Ask, said: Said, chat: Chat) -> tuple[tuple[str, ...], str]:
    """The posts that an order without an addressee is for, and why; none when it cannot be told."""
    sender = said.sender
    assert sender is not None
    for holder in said.mentioned:
        if holder.rank > sender.rank:
            return (holder.title,), "the post mentioned with @"
    quoted = chat.quoted(said)
    if quoted is not None:
        found = _from_message(ask, said, quoted, sender, chat)
        if found:
            return found, "the matter of the quoted message"
    own = next((other for other in chat.before(said, 4) if other.sender == sender), None)
    if quoted is None and own and said.message.at - own.message.at <= GOES_ON:
        given = chat.by_message(own.message.id)
        if given:
            return given[-1].directive.to, "the sender goes on"
    alone = _only_one(ask, said, sender, chat) if quoted is None else ()
    if alone:
        return alone, "named"
    for other in chat.thread(said) if quoted is None else ():
        if said.message.at - other.message.at > TALK:
            break
        found = _from_message(ask, said, other, sender, chat)
        if found:
            return found, "the matter of the conversation"
    return (), ""


def _only_one(ask: Ask, said: Said, sender: Holder, chat: Chat) -> tuple[str, ...]:
    """The one post that the earlier sentences of a message name: `The report of DEO Musakhel is
    not satisfactory. It be submitted again.`"""
    named = [one for one in said.named if one.kind in ("post", "person")]
    before = [one for one in named if one.end <= ask.start]
    if len(named) != 1 or not before or before[0].office or set(said.text.words[
            :ask.start]) & words("self_told"):
        return ()
    found = titles(before, sender, chat.office, said.districts)
    return found if found and chat.office.rank(found[0]) > sender.rank else ()


def _from_message(ask: Ask, said: Said, other: Said, sender: Holder,
                  chat: Chat) -> tuple[str, ...]:
    """Whose task it is after a message."""
    reporter = other.sender
    given = chat.by_message(other.message.id)
    if given and reporter and reporter.rank <= sender.rank:
        return given[0].directive.to  # `Report awaited`, quoting the order
    below = reporter is not None and reporter.rank > sender.rank
    in_line = below and reporter is not None and reporter.post in LINE
    monitored = below and not in_line and bool(other.schools) and not _tells_more(ask, said)
    told = _about_others(ask, said) or monitored
    report = bool(other.schools) and reporter is not None and (
        reporter.post not in ("DEO", "DOE(F)", "DOE(M)") and _counts(other))
    if below and reporter and (not told or (in_line and not report)):
        return (reporter.title,)
    named = _named_in(other, sender, chat)
    if named:
        return named
    districts = _districts(other, chat)
    if districts and chat.office.rank("DEO " + districts[0]) > sender.rank:
        return ("DEO " + districts[0],)
    if below and reporter:
        return (reporter.title,)
    return ()


def _tells_more(ask: Ask, said: Said) -> bool:
    """Whether an order wants to know more, or to be seen to again, from who reported."""
    if ask.kind in ("question", "need", "demand") or ask.verb in words("report_verbs") | words(
            "carry_verbs") | {"visit", "check", "recheck", "verify", "confirm", "go", "call"}:
        return True
    some = said.text.words[ask.start:ask.end]
    return bool(set(some) & words("tell_more")) or has("report_urdu", some) >= 0 or has(
        "steps_urdu", some) >= 0


def _counts(other: Said) -> bool:
    """Whether a message counts people: a report of a visit."""
    return any(word.isdigit() for word in other.text.words)


def _about_others(ask: Ask, said: Said) -> bool:
    """Whether an order is to act on what was reported, not to tell more of it."""
    if ask.kind == "passive":
        return True
    some = set(said.text.words[ask.start:ask.end])
    if some & words("tell_more"):
        return False
    return ask.verb in words("action_verbs") or bool(some & words("action_words"))


def _named_in(other: Said, sender: Holder, chat: Chat) -> tuple[str, ...]:
    """Posts that a message names as those to act: `DC and DEO Kharan requested to …`."""
    groups = [one for sentence in other.text.sentences
              if set(other.text.words[sentence.start:sentence.end]) & (
                  words("bound") | words("concerns"))
              for one in other.named if one.kind == "post" and not one.office
              and sentence.start <= one.start < sentence.end]
    if not groups:
        return ()
    found = titles(groups, other.sender, chat.office, other.districts)
    return tuple(title for title in found if chat.office.rank(title) > sender.rank)


def _districts(other: Said, chat: Chat) -> tuple[str, ...]:
    """The district a message is about: of its schools, of its words, of its sender's post."""
    schools = [school.district for school in other.schools if school.district]
    if not schools and other.sender and other.sender.post not in LINE:
        schools = [school.district for earlier in chat.thread(other, 5) if earlier.sender
                   == other.sender for school in earlier.schools if school.district]
    place = other.sender.place if other.sender else ""
    own = (place,) if place and any(place in one for one in _division_districts()) else ()
    return (*schools, *other.districts, *own)


def _division_districts() -> list[tuple[str, ...]]:
    return list(divisions().values())
