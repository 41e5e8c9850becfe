"""How far an order is done by an answer to it: what the verbs say (nlp.aspect), weighed against
what was asked for."""
from __future__ import annotations

from nlp.aspect import Sign, clauses, signs
from nlp.chat import Given
from nlp.deeds import deeds
from nlp.lexicon import has, words
from nlp.matter import common, listed, stemmed, things
from nlp.quantities import counted, in_part, left_over, so_far
from nlp.said import Said
from nlp.steps import PAPERS, excuses, hands, in_truth, wants_papers

SHORT = 8  # words of a bare acknowledgement
State = tuple[str | None, str]


def state_of(said: Said, given: Given | None = None) -> State:
    """The state and why; None when the words do not say it. Without the order (`given`) as well as
    can be told before it is known which one is answered."""
    folded = said.text.words
    papers = said.message.kind in PAPERS
    if not folded:
        return ("done", "what was asked for is handed in") if papers else (None, "")
    if notes(said) and len(folded) < 10 and gives_number(folded):
        return "done", "a number is given"
    found = _of_the_deed(said, given)
    state = _by_signs(said, found, given)
    if state[0] is None and papers:
        return "done", "what was asked for is handed in"
    return state


def notes(said: Said) -> bool:
    """`Noted sir`, `Theek hai`: whether an answer begins so."""
    return said.text.at(0) in words("noted") or has("noted_phrases", said.text.words[:8]) >= 0


def gives_number(folded: list[str]) -> bool:
    """A telephone number or the like."""
    return any(len(word) > 6 and word.isdigit() for word in folded)


def handed_in(first: list[str]) -> bool:
    """Whether an answer begins with `sent`, `submitted`, not with `being sent`."""
    return has("handed_in", first) >= 0 and not set(first) & {"being", "be", "not", "to", "will"}


def promises_only(said: Said) -> bool:
    """A short message that promises, and no more."""
    found = {sign.aspect for sign in signs(said.text)}
    return len(said.text) < 10 and (found == {"promised"} or (not found and promises(said)))


def promises(said: Said) -> bool:
    """`Inshallah`, `by tomorrow`, `kal tak`: a promise without a verb."""
    folded = said.text.words
    if len(folded) <= 4 and set(folded) & words("soon_units"):
        return True
    return bool(set(folded) & words("promise_words")) or has("promised", folded) >= 0 \
        or (len(folded) <= SHORT and bool(set(folded) & words("when_words"))
            and not set(folded) & (words("since") | words("copula") | words("result")))


def asks(given: Given | None) -> bool:
    """Whether an order asks for an account, so that whatever tells it does it."""
    if given is None:
        return False
    first = given.directive.action.casefold().split(" ", 1)[0]
    return given.directive.kind == "question" or first in words("tells")


def _of_the_deed(said: Said, given: Given | None) -> list[Sign]:
    """The signs of a message; a first step (`committee bana di`, `C&W ko likh diya`) is only begun,
    unless it is what the order asks for."""
    found = [sign for sign in signs(said.text) if not excuses(said, sign)]
    done = any(sign.aspect == "done" for sign in found)
    return [sign._replace(aspect=in_truth(said, sign, given, done)) for sign in found]


def _by_signs(said: Said, found: list[Sign], given: Given | None) -> State:
    """The signs weighed: refused, noted or promised before all, done, begun, only promised."""
    aspects = {sign.aspect for sign in found}
    return _at_once(said, found, aspects) or _so_far(said, found, aspects, given) \
        or _only_said(said, aspects, given) or (None, "")


def _at_once(said: Said, found: list[Sign], aspects: set[str]) -> State | None:
    """What settles it whatever else is said."""
    folded = said.text.words
    if _refuses(said, aspects):
        return "refused", "the sender says that it cannot be done"
    if (notes(said) and len(folded) <= 4 and not aspects - {"promised"}) or _bare_note(folded):
        return "acknowledged", "the sender has noted it"
    if "promised" in aspects and _leads(found, folded):
        return "acknowledged", "the sender promises it"
    return None


def _so_far(said: Said, found: list[Sign], aspects: set[str], given: Given | None) -> State | None:
    """What is done, in part or whole, or going on."""
    folded = said.text.words
    papers = said.message.kind in PAPERS
    partly = ("partly" in aspects and not _found_partly(said, found, given)
              and not (papers and not aspects & {"done", "promised"})) \
        or ("done" in aspects and _rest_later(said))
    if partly or _counts_rest(said, found) or (
            in_part(said.text) and (aspects & {"done", "partly"} or len(folded) <= SHORT)):
        return "in_progress", "it is done in part"
    if "done" in aspects:
        return _done(said, found, given)
    if not aspects & {"begun", "doing", "waiting"}:
        return None
    if folded[0] in words("well_noted") and "promised" in aspects and "begun" not in aspects \
            and found[0].aspect != "doing" and not papers:
        return "acknowledged", "the sender promises it"
    return "in_progress", "it is being done"


def _found_partly(said: Said, found: list[Sign], given: Given | None) -> bool:
    """`outcome conveyed. Allegation partly proved`: it was found so, the deed is told before."""
    near = _nearness(said, found, given, {"done"})
    return found[0].aspect == "done" and near > _nearness(said, found, given, {"partly"}) and all(
        said.text.at(sign.at + 1).endswith("ed") for sign in found if sign.aspect == "partly")


def _counts_rest(said: Said, found: list[Sign]) -> bool:
    """Whether so many are done and so many not: `9 verified, 3 with HEC`, `3 recovered so far`."""
    text = said.text
    if said.message.kind in PAPERS:
        return False
    done = {(sign.start, sign.end) for sign in found if sign.aspect == "done"}
    open_ = {(sign.start, sign.end) for sign in found
             if sign.aspect in ("doing", "waiting", "promised", "lacking", "begun")} - done
    if any(so_far(text, *clause) for clause in done):
        return True
    if any(left_over(text, start, end) for start, end in clauses(text) if (start, end) not in done):
        return bool(done)
    return any(counted(text, *clause) for clause in done) \
        and any(counted(text, *clause) for clause in open_)


def _only_said(said: Said, aspects: set[str], given: Given | None) -> State | None:
    """What is noted or promised, with nothing done yet."""
    if said.message.kind in PAPERS:
        return None
    if notes(said) or "noted" in aspects:
        return "acknowledged", "the sender has noted it"
    if "promised" in aspects and "lacking" in aspects:
        return "in_progress", "it has not come to pass yet"
    if "promised" in aspects or promises(said):
        return "acknowledged", "the sender promises it"
    if "lacking" in aspects and given and not asks(given):
        return "in_progress", "it has not come to pass yet"
    return None


def _bare_note(folded: list[str]) -> bool:
    """`نوٹ کر لیا سر`, `UCs noted sir`."""
    return len(folded) <= 4 and bool(set(folded) & {"note", "noted", "نوٹ", "نوٹڈ"})


def _refuses(said: Said, aspects: set[str]) -> bool:
    folded = said.text.words
    if said.message.kind in PAPERS or folded[0] in ("noted", "نوٹ"):
        return False
    return "refused" in aspects or (
        has("sorry", folded) >= 0 and not aspects & {"done", "doing", "begun", "promised"}
        and not set(folded) & words("late"))


def _leads(found: list[Sign], folded: list[str]) -> bool:
    """Whether the promise comes first: `will be sent today`."""
    return bool(set(folded[:4]) & words("will")) and found[0].aspect == "promised"


def _done(said: Said, found: list[Sign], given: Given | None) -> State:
    """Something is done; what else is going on or promised may be what was asked for."""
    rest = {sign.aspect for sign in found} - {"done"}
    paper = said.message.kind in PAPERS
    if "waiting" in rest and not paper and not _as_ordered(said, found, given):
        return "in_progress", "a part is done, a part is waited for"
    if handed_in(said.text.words[:4]):
        return "done", "the words say that it is done"
    near = _nearness(said, found, given, {"done"})
    far = _nearness(said, found, given, {"doing", "begun", "promised", "lacking"})
    if rest & {"begun", "doing"} and not paper and not (
            (near and not far and not _other_part(said, found))
            or (near == far and found[-1].aspect == "done" and not _in_process(said, found))):
        return "in_progress", "a part is done, a part is being done"
    if not paper and rest & {"doing", "promised", "waiting"} and _prepared(said, found, given):
        return "in_progress", "it is prepared, not yet handed in"
    if ("promised" in rest and (far > near or _elsewhere(said, found, given, near))) or (
            not paper and given is not None and _tail(said, found, given)):
        return "in_progress", "a part is done, a part is promised"
    return "done", "the words say that it is done"


def _as_ordered(said: Said, found: list[Sign], given: Given | None) -> bool:
    """Whether the very deed is done, and what is waited for is another matter."""
    return given is not None and any(sign.aspect == "done" and deeds(
        said.text.words[sign.start:sign.end]) & (given.deeds - {"hand"}) for sign in found) \
        and not any(sign.aspect == "waiting" and (
            common(_clause(said, sign), given.words) or counted(said.text, sign.start, sign.end))
            for sign in found)


def _other_part(said: Said, found: list[Sign]) -> bool:
    """`primary side done, middle side in hand`: the same deed goes on elsewhere."""
    last = found[-1]
    return last.aspect == "doing" and bool(
        set(said.text.words[last.at:last.end]) & words("only_part"))


def _prepared(said: Said, found: list[Sign], given: Given | None) -> bool:
    """`list prepared, annexures being attached`: what is to be handed in was only prepared."""
    if given is None or "hand" not in given.deeds:
        return False
    some = [said.text.words[sign.start:sign.end] for sign in found if sign.aspect == "done"]
    return all(set(inside) & words("preparing") and "hand" not in deeds(inside) for inside in some)


def _elsewhere(said: Said, found: list[Sign], given: Given | None, near: float) -> bool:
    """Whether what is done is another thing than what was ordered."""
    return given is not None and not near and all(
        _clause(said, sign) and not common(_clause(said, sign), given.whole | given.before)
        for sign in found if sign.aspect == "done")


def _in_process(said: Said, found: list[Sign]) -> bool:
    """`the matter is in process, two shortlisted`: that governs what is told after it."""
    first = found[0]
    return first.aspect == "doing" and bool(
        set(said.text.words[first.at:first.at + 2]) & words("process"))


def _tail(said: Said, found: list[Sign], given: Given) -> bool:
    """Whether a clause without a verb tells that what was ordered comes later: `lifted from the
    depot, distribution from tomorrow`."""
    told = {sign.start for sign in found}
    text = said.text.words
    wanted = given.words | given.things | given.deeds
    for start, end in clauses(said.text):
        some = text[start:end]
        if start and start not in told and set(some[:2]) & words("more"):
            return True
        if start and start not in told and set(some) & words("next_time") and (
                common(stemmed(some), wanted) or deeds(some) & given.deeds
                or things(some) & given.things):
            return True
    return False


def _nearness(said: Said, found: list[Sign], given: Given | None, aspects: set[str]) -> float:
    """How much the clauses with some signs speak of what was ordered: words in common, and to hand
    in what is to be handed in."""
    if given is None:
        return 0
    return max((_near(said.text.words[sign.start:sign.end], sign.aspect, given)
                for sign in found if sign.aspect in aspects), default=0)


def _near(inside: list[str], aspect: str, given: Given) -> float:
    told = deeds(inside)
    thing = aspect in ("doing", "promised") and things(inside) & given.things
    return common(stemmed(inside), given.words) + bool(thing) \
        + 0.5 * bool(told & given.deeds - {"hand"}) \
        + 1.5 * (wants_papers(given) and ("hand" in told or hands(inside)))


def _clause(said: Said, sign: Sign) -> frozenset[str]:
    return stemmed(said.text.words[sign.start:sign.end])


def _rest_later(said: Said) -> bool:
    """`rest by tomorrow`, `baqi kal`, `baqi abhi ghar par hain`: a clause without a verb."""
    folded = said.text.words
    later = words("when_words") | words("until")
    if said.message.kind not in PAPERS:
        later |= words("still")
    return any(set(folded[start:end]) & words("rest") and set(folded[start:end]) & later
               for start, end in clauses(said.text)) \
        and said.message.kind not in ("location",)


def unsaid(said: Said, chosen: Given, asks_back: bool) -> str | None:
    """The state of an answer whose words tell none: what was asked is told, or how it stands."""
    folded = said.text.words
    if asks(chosen) or chosen.words & words("accounts"):
        return "done"
    counted = any(word[0].isdigit() for word in folded)
    told = bool({"hai", "hain", "ہے", "ہیں", "is", "are"} & set(folded))
    shared = common(stemmed(folded), chosen.words)
    if (chosen.words | chosen.things) & listed("data_wanted"):
        everyone = all(title.startswith("All ") for title in chosen.directive.to)
        if counted or len(said.schools) > 1 or (not asks_back and (
                (shared and everyone) or not told)):
            return "done"
    elif (len(folded) <= SHORT and counted) or (shared and not asks_back and not told):
        return "done"
    if set(folded) & words("result") and not set(folded) & words("no_result") and not asks_back:
        return "done"
    return "in_progress" if not asks_back and len(folded) > 3 else None
