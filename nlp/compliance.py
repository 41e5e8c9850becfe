"""Answers to directives: which of the open ones a message answers, and how far it is done."""
from __future__ import annotations

from datetime import timedelta

from nlp.aspect import signs
from nlp.chat import Chat, Given
from nlp.lexicon import has, words
from nlp.matter import common, listed, matter, stemmed, stemmed_word
from nlp.said import Answer, Directive, Said
from nlp.state import PAPERS, asks, gives_number, handed_in, notes, promises_only, state_of, unsaid

LONG = 30  # words of an answer that goes through several questions
LIVE = timedelta(hours=34)  # an unquoted word of thanks or assent is to an order of so long ago
SAME_BREATH = timedelta(minutes=3)


def answer(said: Said, chat: Chat, given: tuple[Directive, ...] = ()) -> Answer | None:
    """What a message answers, or None. Only who was told can answer. `given`: the orders that the
    message gives itself; who passes an order on has not yet answered."""
    if said.sender is None or said.message.kind in ("system", "deleted") or _from_elsewhere(said):
        return None
    candidates = _candidates(said, chat)
    if not candidates:
        return None
    state, why = state_of(said)
    if given and (state != "done" or not _told_apart(said, given)):
        return None
    if _only_asks(said) and state not in ("done", "refused"):
        return None
    chosen = _chosen(said, chat, candidates, state)
    if chosen is None:
        return None
    state, why = state_of(said, chosen)
    if state is None:
        state, why = unsaid(said, chosen, _asks_back(said)), "what was asked is told"
    if state is None:
        return None
    if asks(chosen) and state in ("in_progress", "acknowledged") and _tells(
            said, state, chosen) and has("time_asked", said.text.words) < 0:
        state, why = "done", "the question is answered"
    quoted = said.message.quote == chosen.message
    return Answer(chosen.message, chosen.n, state, 0.9 if quoted else 0.7,
                  (why, "it quotes the order" if quoted else "the order is open and the sender's"))


def _told_apart(said: Said, given: tuple[Directive, ...]) -> bool:
    """Whether a message that gives orders says elsewhere in it that something is done."""
    return any(sign.aspect == "done" and not any(
        one.start <= said.text.found[sign.at].start < one.end for one in given)
        for sign in signs(said.text))


def _tells(said: Said, state: str, chosen: Given) -> bool:
    """Whether an answer to a question tells something, and is no bare promise to tell it."""
    folded = said.text.words
    found = signs(said.text)
    if chosen.words & listed("in_writing") and found and found[-1].aspect == "promised":
        return False
    if state == "acknowledged":
        return len(folded) > 5 and (_account(said, chosen) or not (
            (folded[0] in words("noted") and len(folded) < 9) or promises_only(said)
            or (found and found[0].aspect == "promised" and found[0].at < 4)
            or has("promised", folded) >= 0))
    return len(folded) > 4 and not (state == "in_progress" and any(
        sign.aspect in ("doing", "begun") and set(folded[sign.start:sign.end]) & words("seeking")
        for sign in found))


def _account(said: Said, chosen: Given) -> bool:
    """Whether a sentence that promises nothing speaks of what is asked."""
    promised = [sign.at for sign in signs(said.text) if sign.aspect == "promised"]
    return any(common(stemmed(said.text.words[one.start:one.end]), chosen.words)
               for one in said.text.sentences
               if not any(one.start <= at < one.end for at in promised))


def _from_elsewhere(said: Said) -> bool:
    return bool(said.text.words[:1] == ["forwarded"]) or has("mourning", said.text.words) >= 0


def _candidates(said: Said, chat: Chat) -> list[Given]:
    """Open directives to the sender's post, of the quoted message when it gave any. A picture or
    file without words that follows the sender's own answer belongs to that."""
    assert said.sender is not None
    person = said.sender.person
    told = chat.to(said.sender, said.message.at)
    if said.message.quote:
        quoted = [given for given in told if given.message == said.message.quote]
        if quoted:
            return [given for given in quoted if given.states.get(person) != "done"] or quoted
    mine = [given for given in told if said.message.edit_of
            or given.states.get(person) != "done"]
    if said.message.quote:
        mine = [given for given in mine if given.thread == said.message.thread]
    elif said.message.kind in PAPERS and not len(said.text):
        mine = [given for given in mine if given.words & _papers(said)
                and given.directive.kind != "question" and given.states.get(person) != "refused"]
        last = next((other for other in chat.before(said, 3) if other.sender == said.sender), None)
        if last and len(last.text) and said.message.at - last.message.at < SAME_BREATH \
                and chat.answers.get(last.message.id) == "done":
            mine = [given for given in mine if given.words & listed("pictures")]
    return mine


def _chosen(said: Said, chat: Chat, candidates: list[Given], state: str | None) -> Given | None:
    """The directive that is answered: by its conversation, its words, and how late it was given."""
    best: tuple[float, Given] | None = None
    for given in candidates:
        score = _score(said, chat, given, state)
        if score < _floor(said, given, state):
            continue
        if best is None or score > best[0] + 1e-9 or (
                abs(score - best[0]) < 1e-9 and given.message == best[1].message
                and given.n < best[1].n):
            best = score, given
    return _first_asked(said, best[1], candidates) if best else None


def _first_asked(said: Said, chosen: Given, candidates: list[Given]) -> Given:
    """Who answers several questions of one message at length begins with the first."""
    if chosen.directive.kind != "question" or len(said.text) < LONG:
        return chosen
    return min((given for given in candidates if given.message == chosen.message
                and given.directive.kind == "question"), key=lambda given: given.n)


def _direct(given: Given) -> bool:
    return any(not title.startswith("All ") for title in given.directive.to)


def _score(said: Said, chat: Chat, given: Given, state: str | None) -> float:
    assert said.sender is not None
    age = said.message.at - given.at
    in_thread = given.thread is not None and given.thread == said.message.thread
    score = 1.7 * in_thread + min(common(matter(said), given.words), 3) * 0.8
    score += 1.0 if _direct(given) else 0.0
    score += 3.0 if said.message.quote == given.message else 0.0
    score += 1.2 if age < timedelta(hours=1) else 0.6 if age < timedelta(hours=8) else 0.0
    before = given.states.get(said.sender.person)
    if before == "in_progress" and state == "acknowledged":
        score -= 0.9
    if before is not None and (before == "refused" or state not in ("done", "in_progress")):
        score -= 0.5
    if {"complied", "compliance"} & set(said.text.words) and state == "done":
        score += 2.6 if before == "acknowledged" else 1.2
    if len(said.schools) > 1 and given.words & {"bemi", "bemis", "plan"}:
        score += 0.8
    return score + _fits(said, given, state)


def _floor(said: Said, given: Given, state: str | None) -> float:
    """How much must speak for a directive before a message counts as its answer."""
    age = said.message.at - given.at
    floor = 1.5 if _direct(given) else 2.0
    quoted = said.message.quote == given.message
    if _asks_back(said) and state not in ("done", "refused"):
        floor += 1.5 if _direct(given) else 3.0
    if has("requests", said.text.words) >= 0 and not quoted:
        floor += 5.0
    if has("asks_back", said.text.words) >= 0 and state != "refused":
        floor += 6.0
    if _direct(given) and given.thread != said.message.thread and not common(
            matter(said), given.words) and not notes(said) and state != "refused":
        floor += 1.0
    if _asks_others(said) and not quoted:
        floor += 3.0
    if state is None:
        troubled = bool(set(said.text.words) & words("trouble"))
        floor += 1.2 if _direct(given) else 4.0 if troubled or not (
            given.words & listed("data_wanted")) else 1.0
    if age > LIVE and not common(matter(said), given.words) and not quoted:
        floor += 0.7 if state == "done" else 1.2
    if said.message.kind in PAPERS and not len(said.text):
        floor += 0.6
    return floor


def _papers(said: Said) -> frozenset[str]:
    """Words for what is handed in by such a message."""
    return listed("papers") if said.message.kind == "document" else listed("pictures")


def _asks_others(said: Said) -> bool:
    """`DEO Hub sb mujhe format bhej dein plz`: a request to somebody, no answer."""
    return any(one.kind in ("post", "person") and one.start <= 2 for one in said.named) and bool(
        set(said.text.words) & {"mujhe", "plz", "please", "pl", "kindly", "مجھے"})


def _fits(said: Said, given: Given, state: str | None) -> float:
    """How the manner of an answer fits that of the order: papers to who wanted papers, an account
    to who asked a question, a promise or a deed to who wanted a deed."""
    asked = given.directive.kind == "question"
    folded = said.text.words
    if said.message.kind in PAPERS:
        wanted = _papers(said) & given.words if not given.words & {"nobodi", "nobody"} \
            else frozenset()
        if wanted and len(said.text):
            named = said.message.kind == "document" and wanted & set(map(stemmed_word, folded))
            fit = 1.6 if named else 0.5
        else:
            fit = 0.8 if wanted else -0.2 if len(said.text) else -1.0
        return fit - (1.5 if asked else 0.0)
    if asked:
        if handed_in(folded[:5]):
            return -0.2
        bare = len(folded) < 5 or (folded[0] in words("noted") and len(folded) < 9)
        reason = 1.0 if has("reason", folded) >= 0 else 0.0
        return -0.4 if bare or promises_only(said) else 0.8 + reason
    if folded and folded[0] in words("noted") and gives_number(folded):
        return 0.8 if given.words & listed("data_wanted") else 0.0
    return 0.3 if state in ("acknowledged", "in_progress", "refused") else 0.0


def _only_asks(said: Said) -> bool:
    """A question mark, and nothing noted."""
    return any(one.question for one in said.text.sentences) and not notes(said)


def _asks_back(said: Said) -> bool:
    return any(one.question for one in said.text.sentences) or (bool(
        set(said.text.words) & words("ask_back")) and len(said.text) < 25)
