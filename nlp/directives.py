"""Orders in a message: to which posts, what, by when, with copies to whom.

An order is told from an appeal by direction alone: its sender stands above the addressee. Answers,
thanks, condolences, notices forwarded from elsewhere and exhortations to all give none."""
from __future__ import annotations

import re
from dataclasses import replace

from nlp.actions import action
from nlp.addressees import class_title, titles
from nlp.asks import Ask, asks
from nlp.chat import Chat
from nlp.deadlines import Deadline, as_labelled, pick
from nlp.demands import late_demands
from nlp.lexicon import has, table, words
from nlp.named import Named
from nlp.office import Holder
from nlp.responsible import unnamed
from nlp.said import Directive, Said
from nlp.sentences import Text
from nlp.tasks import Order, characters, joined, on_the_day, with_later_deadlines

FROM_TALK = ("the matter of the quoted message", "the matter of the conversation")
LISTED = "districts are named after an order to all"


def directives(said: Said, chat: Chat, deadlines: tuple[Deadline, ...],
               days: tuple[Deadline, ...], report: bool = False) -> tuple[Directive, ...]:
    """The directives of a message. Empty for a stranger's, who stands above nobody. `days`: those
    that the message names, of meetings too. `report`: the message reports a visit; what it names as
    absent or present is told nothing."""
    sender, text = said.sender, said.text
    if sender is None or not len(text) or _no_order(said) or _appeals(said, chat):
        return ()
    found: list[Order] = []
    every = asks(text, list(said.named))
    for number, ask in enumerate((*every, *late_demands(said, every, deadlines))):
        if report and not any(one.kind in ("post", "person") for one in ask.to):
            continue
        if found and not ask.to and found[-1].why == LISTED:
            found.append(replace(found[-1], ask=ask, deadline=pick(
                deadlines, *characters(text, ask.start, ask.end)), end=ask.end))
            continue
        if found and found[-1].ask.sentence == ask.sentence and _ensures(text, found[-1].ask):
            last = found[-1].deadline
            found[-1] = replace(found[-1], end=ask.end, deadline=last if last and last.due else
                                pick(deadlines, *characters(text, ask.start, ask.end)))
            continue  # `ensure that nobody …`: one order
        later = next((one.to for one in every[number + 1:] if one.to), ())
        if ask.kind == "question" and not ask.to and later and (
                not said.message.quote or _quotes_above(said, chat)):
            ask = replace(ask, to=later)  # `Who did it? Rahat, report today.`
        if found and ask.to == found[-1].ask.to and (ask.to or found[-1].why in FROM_TALK):
            order = _order(ask, said, chat, sender, deadlines, (found[-1].to, found[-1].why))
        else:
            order = _order(ask, said, chat, sender, deadlines, last=found[-1] if found else None)
        if order and not (ask.kind == "demand" and any(
                one.ask.sentence == ask.sentence for one in found)):
            found.append(order)
    found.sort(key=lambda order: order.ask.start)
    found = with_later_deadlines(joined(found, said), said, deadlines)
    found = [on_the_day(order, said.text, days) for order in found]
    return tuple(_directive(order, said, chat, deadlines) for order in found)


def _no_order(said: Said) -> bool:
    """Forwarded, mourning, or a greeting."""
    text = said.text
    if text.words[0] == "forwarded" or said.message.kind in ("system", "deleted"):
        return True
    return has("mourning", text.words) >= 0


def _appeals(said: Said, chat: Chat) -> bool:
    """Whether a message is addressed to somebody above: `Respected Secretary sahib, …`."""
    assert said.sender is not None
    first = next((one for one in said.named if one.start <= 2), None)
    if said.text.at(0) not in words("respectful") or first is None \
            or set(said.text.words[first.end:first.end + 2]) & words("told_of_him"):
        return False  # `Worthy Secretary will take a review`
    found = titles([first], None, chat.office, (said.sender.place,))
    return bool(found) and chat.office.rank(found[0]) < said.sender.rank


def _quotes_above(said: Said, chat: Chat) -> bool:
    """Whether what a message quotes is by somebody above its sender, or by an equal."""
    quoted = chat.quoted(said)
    return bool(quoted and quoted.sender and said.sender
                and quoted.sender.rank <= said.sender.rank
                and quoted.sender.person != said.sender.person)


def _ensures(text: Text, ask: Ask) -> bool:
    """`ensure that`, `یقینی بنائیں کہ`: what follows in its sentence is what is to be ensured."""
    following = text.at(ask.at + 1)
    if text.at(ask.at + 1) and ":" in text.gaps[ask.at + 1] and has(
            "mind", text.words, max(0, ask.at - 1), ask.at + 1) >= 0:
        return True  # `dhyan dein: …`
    if following in ("ke", "keh", "کہ") and has("mind", text.words, max(0, ask.at - 2),
                                                ask.at + 1) >= 0:
        return True  # `yaad rakhein ke …`
    return following in words("that") and (
        ask.verb in ("ensure", "assure") or text.at(ask.at - 1) in words("surely"))


def _order(ask: Ask, said: Said, chat: Chat, sender: Holder, deadlines: tuple[Deadline, ...],
           known: tuple[tuple[str, ...], str] | None = None,
           last: Order | None = None) -> Order | None:
    """The order that an ask is, or None: an appeal, a suggestion, a question among equals."""
    text = said.text
    start, end = characters(text, _after_condition(text, ask), ask.end)
    deadline = pick(deadlines, start, end)
    if ask.kind == "demand" and not (deadline and deadline.due) and not (
            set(text.words[ask.start:ask.end]) & (words("polite") | {"required"})) \
            and not _shows_cause(text, ask):
        return None
    if ask.verb == "received" and not ask.to and not said.message.quote:
        return None  # `Books not received`: told to nobody
    if not ask.to and (_looks_up(said, chat) or (
            ask.kind == "demand" and not known and _answers(said, chat))):
        return None
    if has("suggestions", text.words, ask.start, ask.end) >= 0 or _only_praise(text, ask) \
            or _exhorts(text, ask):
        return None
    if ask.kind == "question" and not ask.to and _quotes_above(said, chat):
        return None  # put to somebody above, or to an equal
    if not ask.to and ask.verb in words("should_urdu") and not (deadline and deadline.due):
        return None  # `aise mamle proper channel se aane chahiyen`
    if ask.negated and ask.kind == "passive" and ask.verb in words("unheard"):
        return None  # `no excuse shall be entertained`
    to, why = known or _to(ask, said, chat, sender)
    if not to and ask.negated and last and last.ask.to:
        to, why = last.to, last.why  # `… aur driver bus ko nahi laye ga`: who was told before
    below = tuple(title for title in to if chat.office.rank(title) > sender.rank)
    if not below or (ask.kind == "question" and not _demands(ask, said, chat)):
        return None
    return Order(ask, below, why, deadline, ask.end)


def _after_condition(text: Text, ask: Ask) -> int:
    """The word where what is asked begins after `agar teacher kal bhi na aaye to`, `if he is absent
    tomorrow,`: the day of the condition is not its due."""
    first = next((at for at in range(ask.start, ask.at) if text.words[at] in words("if")), None)
    for at in range(first + 2, ask.at) if first is not None else ():
        then = text.words[at] in words("then") and text.at(at + 1) not in words("verbs")
        if then or re.search(r"[,،]", text.gaps[at]):
            return at
    return ask.start


def _looks_up(said: Said, chat: Chat) -> bool:
    """Whether a message speaks to somebody above: `Sir …`, `… hai sir`, `Respected madam`."""
    some = said.text.words
    quoted = chat.quoted(said)
    if any(_above(one, said, chat) for one in said.named):
        return True
    if quoted and quoted.sender and said.sender and quoted.sender.rank > said.sender.rank:
        return False
    return bool(set(some) & words("upward")) or (bool(
        {some[0], some[-1], *some[1:2]} & words("upward_ends")) and not any(
        one.kind == "person" and one.start <= 2 for one in said.named))


def _above(one: Named, said: Said, chat: Chat) -> bool:
    """Whether a post that is asked politely stands above the sender: `Commissioner sb kindly …`."""
    text, sender = said.text, said.sender
    near = set(text.words[one.end:one.end + 3])
    if sender is None or one.office or one.everyone or one.kind not in ("post", "person") \
            or not near & words("polite"):
        return False
    found = titles([one], None, chat.office, (sender.place,))
    return bool(found) and chat.office.rank(found[0]) < sender.rank


def _answers(said: Said, chat: Chat) -> bool:
    """Whether the sender has just been told to do something in this conversation: what sounds like
    a demand is then an answer (`List by tomorrow IA`)."""
    assert said.sender is not None
    return bool(set(said.text.words) & words("promise_words")) or any(
        given.thread == said.message.thread and given.states.get(said.sender.person) != "done"
        for given in chat.to(said.sender, said.message.at))


def _shows_cause(text: Text, ask: Ask) -> bool:
    return has("bare_demands", text.words, ask.start, ask.end) >= 0 and ask.sentence > 0


def _only_praise(text: Text, ask: Ask) -> bool:
    """`Keep it up`, `keep up the good work`."""
    return has("cheers", text.words, ask.start, ask.end) >= 0


def _exhorts(text: Text, ask: Ask) -> bool:
    """`All should work hard`: nothing that can be checked."""
    return has("exhortations", text.words, ask.start, ask.end) >= 0


def _to(ask: Ask, said: Said, chat: Chat, sender: Holder) -> tuple[tuple[str, ...], str]:
    """The posts that an ask is for, and why."""
    near = _near(said, chat)
    people = [one for one in ask.to if one.kind == "people"]
    named = [one for one in ask.to if one.kind != "people"]
    together = _together(ask, said, chat, sender)
    if together:
        return together, "named"
    if named:
        quoted = chat.quoted(said)
        schools = tuple(one.name for one in (*said.schools, *(quoted.schools if quoted else ())))
        found = titles(named, sender, chat.office, near, schools)
        if found:
            return found, "named"
    listed = _listed(ask, said, chat)
    if listed:
        return listed, LISTED
    owing = _owing(said, chat) if not ask.to else ()
    if owing:
        return owing, LISTED
    if people or (not named and _everybody(ask, said)):
        return _class(ask, said, chat, sender), "all are told"
    if named:
        return (), ""
    return unnamed(ask, said, chat)


def _together(ask: Ask, said: Said, chat: Chat, sender: Holder) -> tuple[str, ...]:
    """`تینوں شرکت یقینی بنائیں`, `both of you report`: as many posts as the message has named."""
    text = said.text
    count, at = next(((table("together")[text.words[at]], at) for at in range(ask.start, ask.at)
                      if text.words[at] in table("together")), (0, 0))
    named = [one for one in said.named if one.kind in ("post", "person") and one.end <= at
             and not one.office]
    clause = at - ask.start <= 4 or re.search(r"[,،:]", text.gaps[at])
    if not count or text.at(at + 1) in words("possessive") or not clause:
        return ()
    found = titles(named, sender, chat.office, said.districts)
    return found if len(found) == count else ()


def _near(said: Said, chat: Chat) -> tuple[str, ...]:
    """Districts that the message, what it quotes, and its conversation are about."""
    quoted = chat.quoted(said)
    own = said.districts
    far = quoted.districts if quoted else ()
    if quoted and quoted.sender:
        far = (*far, quoted.sender.place)
    if not own and not far:
        for other in chat.thread(said, 3):
            far = (*far, *other.districts)
    return (*own, *far)


def _listed(ask: Ask, said: Said, chat: Chat) -> tuple[str, ...]:
    """`What about Kohlu, Khuzdar and Pishin?`: the posts of these districts that were told."""
    if ask.to:
        return ()
    sentence = said.text.sentences[ask.sentence]
    places = [place for one in said.named if one.kind == "place"
              and sentence.start <= one.start < sentence.end for place in one.places]
    if len(places) < 2 and "about" not in said.text.words[ask.start:ask.start + 2]:
        return ()
    post = "DEO"
    quoted = chat.quoted(said)
    given = chat.by_message(quoted.message.id) if quoted else []
    for one in given or list(chat.given)[-3:]:
        for title in one.directive.to:
            if title.startswith("All "):
                post = title.removeprefix("All ").split(" ")[0].removesuffix("s")
    return tuple(dict.fromkeys(f"{post} {place}" for place in places))


def _owing(said: Said, chat: Chat) -> tuple[str, ...]:
    """`Budget demands of Sibi and Kohlu not received.`: the DEOs of those districts."""
    text = said.text
    for sentence in text.sentences:
        here = [one for one in said.named if sentence.start <= one.start < sentence.end]
        here = [one for one in here if one.kind != "people"]
        if here and all(one.kind == "place" for one in here) \
                and has("owing", text.words, sentence.start, sentence.end) >= 0:
            return tuple(dict.fromkeys(f"DEO {place}" for one in here for place in one.places))
    return ()


def _everybody(ask: Ask, said: Said) -> bool:
    """Whether the subject is `nobody`, `no one`, `all concerned`, `کوئی افسر`."""
    some = said.text.words[ask.start:ask.at + 1]
    for at, word in enumerate(some[:6]):
        if word not in words("everybody"):
            continue
        rest = some[at + 1:at + 4]
        people = bool(rest) and rest[0] in words("people_words")
        if word not in words("any") or (people and not _OBJECT & set(rest)):
            return True
    return False


_OBJECT = frozenset(("ko", "کو", "ka", "ki", "کا", "کی"))


def _class(ask: Ask, said: Said, chat: Chat, sender: Holder) -> tuple[str, ...]:
    """The class that `all concerned` or `nobody` are: the one that the message or the conversation
    names, else `All Officers`."""
    every = [one for one in said.named if one.kind == "post" and one.everyone]
    if every:
        return titles(every, sender, chat.office)
    both = "both" in said.text.words[ask.start:ask.at]
    quoted = chat.quoted(said)
    if both and quoted:
        named = [one for one in quoted.named if one.kind == "post" and one.places]
        people = [one for one in quoted.named if one.kind == "person" or one.holders]
        for some in (people, named):
            found = tuple(title for title in titles(some, sender, chat.office)
                          if chat.office.holding(title))
            if len(found) > 1:
                return found[:2]
    some = set(said.text.words[ask.start:ask.at + 1])
    for kind, among in (("Teachers", "teacher_words"), ("Staff", "staff_words")):
        if some & words(among):
            if kind == "Staff":
                return (f"All Staff {sender.place}",)
            return (class_title(kind, "", sender, chat.office),)
    if quoted:
        for given in chat.by_message(quoted.message.id):
            return given.directive.to
    return (class_title("Officers", "", sender, chat.office),)


def _demands(ask: Ask, said: Said, chat: Chat) -> bool:
    """Whether a question wants an answer from a post: one is named, or it is put to an answer."""
    inside = said.text.words[ask.start:ask.end]
    if set(inside) & words("wh") or (set(inside[:1]) & words("yes_no") and ask.to):
        return True
    return any(one.kind in ("post", "person") for one in ask.to)


def _directive(order: Order, said: Said, chat: Chat,
               deadlines: tuple[Deadline, ...]) -> Directive:
    text, ask = said.text, order.ask
    start, end = characters(text, ask.start, ask.end)
    urdu = not (ask.verb and ask.verb in words("verbs")) and ask.kind in ("do", "passive")
    reasons = [f"{_KINDS[ask.kind]}; addressee: {order.why}"]
    sure = 0.9 if order.why == "named" else 0.7
    if ask.kind in ("question", "demand"):
        sure -= 0.15
    if order.deadline:
        reasons += order.deadline.reasons
    return Directive(
        order.to, action(text, ask, deadlines, urdu), as_labelled(order.deadline),
        copies(said, chat, ask), channel(text, ask),
        "question" if ask.verb in ("explain", "clarify") else ask.kind, order.deadline,
        round(sure, 2), tuple(reasons), start, end)


_KINDS = {"do": "tells to do", "passive": "says what is to be done", "need": "says what is wanted",
          "question": "asks for information from above", "demand": "names what is wanted"}


def copies(said: Said, chat: Chat, ask: Ask) -> tuple[str, ...]:
    """The posts that are to get a copy: `with a copy to Commissioner Zhob Division`, `cc …`."""
    text = said.text
    sentence = text.sentences[ask.sentence]
    cue = next((at for at in range(ask.at, sentence.end) if text.words[at] in words("copy")
                and (text.words[at] == "cc" or text.at(at + 1) in ("to", "ko", "for")
                     or text.at(at - 1) in ("with", "a"))), None)
    if cue is None:
        return ()
    named: list[Named] = [one for one in said.named if cue < one.start < sentence.end]
    found = [_office_of(one, said, chat) or title for one in named if one.kind == "post"
             for title in titles([one], said.sender, chat.office, said.districts)[:1] or ("",)]
    if any(text.words[at] in ("this", "my") and text.at(at + 1) == "office"
           for at in range(cue, sentence.end)) and said.sender:
        found.append(said.sender.place)
    return tuple(dict.fromkeys(title for title in found if title))


def _office_of(one: Named, said: Said, chat: Chat) -> str:
    return "CS Office" if one.post == "Chief Secretary" else ""


def channel(text: Text, ask: Ask) -> str | None:
    """By which way it is to be sent: fax, letter, email."""
    ways = table("fax")
    inside = text.words[ask.start:ask.end]
    found = [ways[word] for word in inside if word in ways]
    if "fax" in found:
        return "fax"
    cue = set(inside) & words("channel_cue")
    return found[0] if found and cue else None
