"""Answers to directives: which of the open ones a message answers, and how far it is done."""
from __future__ import annotations

import re
from datetime import timedelta
from functools import cache

from nlp.chat import Chat, Given
from nlp.lexicon import has, participles, stems, words
from nlp.reading import stem
from nlp.said import Answer, Directive, Said

LONG = 30  # words of an answer that goes through several questions
SHORT = 8  # words of a bare acknowledgement
LIVE = timedelta(hours=34)  # an unquoted word of thanks or assent is to an order of so long ago
ALIKE = 6  # letters by which words are compared: inquire, inquiry
SAME_BREATH = timedelta(minutes=3)
PAPERS = frozenset({"image", "document", "video", "audio", "location"})


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
    if state is None:
        state, why = _unsaid(said, chosen), "what was asked is told"
    if state is None:
        return None
    if chosen.directive.kind == "question" and state in (
            "in_progress", "acknowledged") and _tells(said, state) \
            and has("time_asked", said.text.words) < 0:
        state, why = "done", "the question is answered"
    quoted = said.message.quote == chosen.message
    return Answer(chosen.message, chosen.n, state, 0.9 if quoted else 0.7,
                  (why, "it quotes the order" if quoted else "the order is open and the sender's"))


def _told_apart(said: Said, given: tuple[Directive, ...]) -> bool:
    """Whether a message that gives orders says elsewhere in it that something is done."""
    outside = [word.folded for word in said.text.found
               if not any(one.start <= word.start < one.end for one in given)]
    return has("done", outside) >= 0 or _finished(outside)


def _tells(said: Said, state: str) -> bool:
    """Whether an answer to a question tells something, and is no bare promise to tell it."""
    folded = said.text.words
    if state == "acknowledged":
        return len(folded) > 5 and not (folded[0] in words("noted") and len(folded) < 9) \
            and not _promise_leads(folded) and has("promised", folded) < 0
    return len(folded) > 4


def _from_elsewhere(said: Said) -> bool:
    return bool(said.text.words[:1] == ["forwarded"]) or has("mourning", said.text.words) >= 0


def _candidates(said: Said, chat: Chat) -> list[Given]:
    """Open directives to the sender's post, of the quoted message when it gave any. A picture or
    file without words that follows the sender's own answer belongs to that."""
    assert said.sender is not None
    person = said.sender.person
    told = chat.to(said.sender, said.message.at)
    mine = [given for given in told if said.message.edit_of
            or given.states.get(person) != "done"]
    if said.message.quote:
        quoted = [given for given in mine if given.message == said.message.quote]
        if quoted:
            return quoted
        mine = [given for given in mine if given.thread == said.message.thread]
    elif said.message.kind in PAPERS and not len(said.text):
        wanted = _paper_words() if said.message.kind == "document" else _picture_words()
        mine = [given for given in mine if given.words & wanted
                and given.directive.kind != "question" and given.states.get(person) != "refused"]
        last = next((other for other in chat.before(said, 3) if other.sender == said.sender), None)
        if last and len(last.text) and said.message.at - last.message.at < SAME_BREATH \
                and chat.answers.get(last.message.id) == "done":
            mine = [given for given in mine if given.words & _picture_words()]
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
    score = 1.7 * in_thread + min(len(content(said) & given.words), 3) * 0.8
    score += 1.0 if _direct(given) else 0.0
    score += 3.0 if said.message.quote == given.message else 0.0
    score += 1.6 if age < timedelta(hours=1) else 0.8 if age < timedelta(hours=8) else 0.0
    before = given.states.get(said.sender.person)
    if before == "in_progress" and state == "acknowledged":
        score -= 0.9
    if before is not None and state not in ("done", "in_progress"):
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
    if _direct(given) and given.thread != said.message.thread and not (
            content(said) & given.words) and not _notes(said) and state != "refused":
        floor += 1.0
    if _asks_others(said) and not quoted:
        floor += 3.0
    if state is None:
        troubled = bool(set(said.text.words) & words("trouble"))
        floor += 1.2 if _direct(given) else 4.0 if troubled or not (
            given.words & _data_words()) else 1.0
    if age > LIVE and not (content(said) & given.words) and not quoted:
        floor += 0.7 if state == "done" else 1.2
    if said.message.kind in PAPERS and not len(said.text):
        floor += 0.6
    return floor


def _asks_others(said: Said) -> bool:
    """`DEO Hub sb mujhe format bhej dein plz`: a request to somebody, no answer."""
    return any(one.kind in ("post", "person") and one.start <= 2 for one in said.named) and bool(
        set(said.text.words) & {"mujhe", "plz", "please", "pl", "kindly", "مجھے"})


def _notes(said: Said) -> bool:
    return said.text.at(0) in words("noted") or has("noted_phrases", said.text.words[:8]) >= 0


def _fits(said: Said, given: Given, state: str | None) -> float:
    """How the manner of an answer fits that of the order: papers to who wanted papers, an account
    to who asked a question, a promise or a deed to who wanted a deed."""
    asked = given.directive.kind == "question"
    folded = said.text.words
    if said.message.kind in PAPERS:
        wanted = given.words & (_paper_words() if said.message.kind == "document" else
                                _picture_words()) and not given.words & {"nobodi", "nobody"}
        named = 0.8 if wanted and len(said.text) and said.message.kind == "document" else 0.0
        bare = -0.2 if len(said.text) else -1.0
        return (0.8 if wanted else bare) + named - (1.5 if asked else 0.0)
    if asked:
        if _handed_in(folded[:5]):
            return -0.2
        bare = len(folded) < 5 or (folded[0] in words("noted") and len(folded) < 9)
        return -0.4 if bare or _promise_only(folded) else 0.8
    if folded and folded[0] in words("noted") and any(
            len(word) > 6 and word.isdigit() for word in folded):
        return 0.8 if given.words & _data_words() else 0.0
    return 0.3 if state in ("acknowledged", "in_progress", "refused") else 0.0


def _promise_only(folded: list[str]) -> bool:
    return (_promises(folded) or has("promised", folded) >= 0) and len(folded) < 10


@cache
def _paper_words() -> frozenset[str]:
    return frozenset(map(_stem, words("papers")))


@cache
def _data_words() -> frozenset[str]:
    return frozenset(map(_stem, words("data_wanted"))) - {""} | words("data_wanted")


@cache
def _picture_words() -> frozenset[str]:
    return frozenset(map(_stem, words("pictures")))


def _stem(word: str) -> str:
    """As nlp.reading stems, with `salary` and `salaries` alike; what is too common is kept."""
    word = participles().get(word, word)
    found = stem(word) or (_singular(word) if _singular(word) in _wanted_words() else "")
    return (found[:-1] + "i" if found.endswith("y") else found)[:ALIKE]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


@cache
def _wanted_words() -> frozenset[str]:
    return words("papers") | words("data_wanted") | words("pictures")


def content(said: Said) -> frozenset[str]:
    """The telling words of a message, stemmed, with schools' codes."""
    return frozenset({_stem(word) for word in said.text.words} - {""}) - _weak_words()


def words_of(said: Said, start: int, end: int, action: str) -> frozenset[str]:
    """The telling words of a part of a message (characters) and of the action read in it."""
    inside = {_stem(word.folded) for word in said.text.found if start <= word.start < end}
    inside |= {_stem(word) for word in re.findall(r"[a-z]+", action.casefold())}
    return frozenset(inside - {""}) - _weak_words()


@cache
def _weak_words() -> frozenset[str]:
    return words("weak_words") | frozenset(_stem(word) for word in words("weak_words"))


def _only_asks(said: Said) -> bool:
    """A question mark, and nothing noted."""
    return any(one.question for one in said.text.sentences) and not _notes(said)


def _asks_back(said: Said) -> bool:
    return any(one.question for one in said.text.sentences) or (bool(
        set(said.text.words) & words("ask_back")) and len(said.text) < 25)


def state_of(said: Said) -> tuple[str | None, str]:
    """How far the order is done by the words of the answer; None when they do not say."""
    folded = said.text.words
    papers = said.message.kind in PAPERS
    if papers and not folded:
        return "done", "what was asked for is handed in"
    if not folded:
        return None, ""
    noted = _notes(said)
    if noted and len(folded) < 10 and any(len(word) > 6 and word.isdigit() for word in folded):
        return "done", "a number is given"
    if _promise_leads(folded) and has("refused", folded) < 0:
        return "acknowledged", "the sender promises it"
    noting = bool({"note", "noted", "نوٹ"} & set(folded))
    if noted and len(folded) <= 4 and has("done", folded) < 0 and (
            noting or not _finished(folded)):
        return "acknowledged", "the sender has noted it"
    if (has("refused", folded) >= 0 or _cannot(folded)) and not papers \
            and folded[0] not in words("well_noted"):
        return "refused", "the sender says that it cannot be done"
    done = _done(said)
    doing = has("doing", folded) >= 0 or _is_doing(folded)
    promised = has("promised", folded) >= 0 or _promises(folded)
    if _handed_in(folded[:4]) and has("partly", folded) < 0:
        return "done", "the words say that it is done"
    if _share(said) or has("begun", folded) >= 0 or has("partly", folded) >= 0 or (
            done and doing and not promised and has("doing_strong", folded) >= 0 and not papers):
        return "in_progress", "it is begun or done in part"
    if done and not papers and _goes_on(said):
        return "in_progress", "it is done in part, and goes on"
    if done and not (promised and _promise_leads(folded)):
        return "done", "the words say that it is done"
    if folded[0] in words("well_noted") and (promised or not doing):
        return "acknowledged", "the sender has noted it"
    if doing and not (promised and folded[-1].endswith(("unga", "ungi", "enge", "ونگا", "ونگی"))):
        return "in_progress", "the words say that it is being done"
    if papers:
        return "done", "what was asked for is handed in"
    if promised or noted:
        return "acknowledged", "the sender has noted it" if noted else "the sender promises it"
    return None, ""


def _share(said: Said) -> bool:
    """`65% done`, `65 فیصد ہو چکا`."""
    return any(0 < int(one[1]) < 100 for one in re.finditer(
        r"(?<![\d.])(\d{1,2})\s*(?:%|percent|per cent|فیصد|fisad)", said.text.text))


def _cannot(folded: list[str]) -> bool:
    """`nahi aa sakunga`, `ہم نہیں دے سکیں گے`, `mujh se nahi hoga`."""
    for at, word in enumerate(folded):
        if word in words("able") and set(folded[max(0, at - 3):at]) & words("negative"):
            return True
    return has("refusing", folded) >= 0


def _goes_on(said: Said) -> bool:
    """Whether after what is done the last part tells what is still being done: `12 opened, work on
    the rest goes on`."""
    text, done, going = said.text, False, False
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and not (re.search(r"[.,،۔;\n]", text.gaps[at])
                                   or text.words[at] in words("however")):
            continue
        part = text.words[start:at]
        if has("done", part) >= 0 or _finished(part):
            done, going = True, False
        elif has("going", part) >= 0 or (set(part) & words("going_on")
                                         and not set(part) & words("negative")):
            going = True
        start = at
    return done and going


def _handed_in(first: list[str]) -> bool:
    """Whether an answer begins with `sent`, `submitted`, not with `being sent`."""
    return has("handed_in", first) >= 0 and not set(first) & {"being", "be", "not", "to", "will"}


def _done(said: Said) -> bool:
    folded = said.text.words
    at = has("done", folded)
    while at >= 0:
        near = folded[max(0, at - 3):at]
        later = set(folded[at + 1:at + 6]) & words("future")
        denied = set(near) & words("before_done")
        if not later and (not denied or set(near) & {"has", "have", "been"}):
            return True
        at = has("done", folded, at + 1)
    return _finished(folded)


def _finished(folded: list[str]) -> bool:
    """`kar diya hai`, `bhej diye`, `ho gaya`, `mil gayi`, `جمع کر دی`, `ارسال کر دیے گئے`."""
    for at in range(1, len(folded)):
        if folded[at] == "been" and folded[at - 1] in ("has", "have") and any(
                word.endswith("ed") or word in participles() for word in folded[at + 1:at + 3]) \
                and "being" not in folded[at + 1:at + 3]:
            return True
        if folded[at] in words("gave") and folded[at - 1] in _carried_out():
            if folded[at + 1:at + 2] and folded[at + 1] in ("jaega", "jayega", "jaye", "jaegi",
                                                           "جائے", "جائیں"):
                continue
            return True
        if folded[at] in words("went") and folded[at - 1] in words("went_after"):
            return True
    return False


@cache
def _carried_out() -> frozenset[str]:
    """What stands before `diya`, `li` where a deed is done; not `dekh liya`, `bula liya`."""
    return words("gave_after") | words("loan_verbs") | (stems() - words("looked"))


def _is_doing(folded: list[str]) -> bool:
    """`kar raha hun`, `ban rahi hai`, `is being lodged`, `working on it`."""
    for at, word in enumerate(folded):
        if word in words("going_on") and not set(folded[max(0, at - 2):at]) & {"nahi", "نہیں"}:
            return True
        if word == "being":
            return True
        if word.isascii() and len(word) > 5 and word.endswith("ing") and word not in words(
                "not_doing") and (at <= 2 or folded[at - 1] in ("am", "is", "are", "already", "now",
                                                               "also", "and", "sir")):
            return True
    return False


def _promises(folded: list[str]) -> bool:
    """`bhej dunga`, `ho jaenge`, `will submit`, `IA`."""
    for at, word in enumerate(folded):
        if word in words("promise_words"):
            return True
        if len(word) > 3 and word.endswith(("unga", "ungi", "enge", "oonga", "oongi", "ونگا",
                                           "ونگی", "ینگے", "وگی", "وگا", "hogi", "hoga")):
            return True
        if word in ("گا", "گی", "گے") and at:
            return True
    return bool({"will", "shall", "ll"} & set(folded[:6])) and "not" not in folded[:6]


def _promise_leads(folded: list[str]) -> bool:
    """Whether the promise comes first: `will be sent today`."""
    return bool({"will", "shall"} & set(folded[:4]))


def _unsaid(said: Said, chosen: Given) -> str | None:
    """The state of an answer whose words tell none: an account given to a question is done."""
    if chosen.directive.kind == "question" or chosen.words & words("accounts"):
        return "done"
    if len(said.text) <= SHORT and any(word.isdigit() for word in said.text.words):
        return "done"
    told = bool({"hai", "hain", "ہے", "ہیں", "is", "are"} & set(said.text.words))
    data = bool(chosen.words & _data_words()) and not _direct(chosen)
    if content(said) & chosen.words and not _asks_back(said) and (data or not told):
        return "done"
    return "in_progress" if not _asks_back(said) and len(said.text) > 3 else None
