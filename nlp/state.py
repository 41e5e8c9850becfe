"""How far an order is done by an answer to it: what the verbs say (nlp.aspect), weighed against
what was asked for."""
from __future__ import annotations

import re

from nlp.aspect import Sign, clauses, signs
from nlp.chat import Given
from nlp.lexicon import has, phrase_at, words
from nlp.matter import common, listed, stemmed
from nlp.said import Said

SHORT = 8  # words of a bare acknowledgement
PAPERS = frozenset({"image", "document", "video", "audio", "location"})
State = tuple[str | None, str]
_PERCENT = re.compile(r"^\s?[%٪]")


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
    found = [sign for sign in signs(said.text) if not _excuses(said, sign)]
    done = any(sign.aspect == "done" for sign in found)
    return [sign._replace(aspect=_in_truth(said, sign, given, done)) for sign in found]


def _excuses(said: Said, sign: Sign) -> bool:
    """`der hui`, `بیماری کی وجہ سے تاخیر ہوئی`: what came to pass is no deed but a delay."""
    inside = said.text.words[sign.start:sign.end]
    return sign.aspect == "done" and bool(set(inside[:sign.at - sign.start]) & words("late"))


def _in_truth(said: Said, sign: Sign, given: Given | None, done: bool) -> str:
    """What a sign says of the deed that was ordered."""
    wanted = given.words if given else frozenset()
    inside = said.text.words[sign.start:sign.end]
    paper = said.message.kind == "document"
    if sign.aspect == "asked":
        return "done" if wanted & listed("telling") or paper else "begun"
    if sign.aspect == "done" and not paper and (
            _step(inside, sign.at - sign.start, wanted) or _passed_on(inside, given)):
        return "begun"
    if sign.aspect == "begun" and wanted & listed("starting"):
        return "done"
    return "partly" if _of_the_rest(said, sign, done) else sign.aspect


def _passed_on(inside: list[str], given: Given | None) -> bool:
    """Whether a clause only tells that something was handed to somebody (`bill submitted to DAO`),
    where another deed was ordered."""
    some = set(inside)
    return given is not None and bool(some & words("handed_to") and some & words("passing")) \
        and not wants_papers(given) and not common(stemmed(inside), given.words)


def wants_papers(given: Given) -> bool:
    """Whether an order is done by handing something in."""
    action = set(re.findall(r"[a-z]+", given.directive.action.casefold()))
    return bool((action | given.words) & words("handing") or given.words & listed("papers"))


def _hands(inside: list[str]) -> bool:
    return bool(set(inside) & words("handing"))


def _of_the_rest(said: Said, sign: Sign, done: bool) -> bool:
    """`rest by tomorrow`, `baqi ho rahe hain`: the rest is not done yet; nor is, where something
    is `done`, the third of them."""
    before = set(said.text.words[sign.start:sign.at])
    return sign.aspect in ("doing", "begun", "promised") and bool(
        before & words("rest") or (done and before & words("others_of_it")))


def _step(inside: list[str], verb: int, wanted: frozenset[str]) -> bool:
    """Whether what stands before the verb of a clause is a first step only, which the order does
    not ask for."""
    nouns = words("step_nouns")
    if not wanted & listed("papers"):
        nouns |= words("step_papers")
    for at, word in enumerate(inside[:verb]):
        if word in nouns and inside[at + 1] not in words("by") and not common(
                stemmed([word]), wanted):
            return word not in words("letters") or not common(stemmed(inside), wanted)
    at = has("steps", inside)
    if at < 0 or wanted & listed("step_wanted"):
        return False
    end = at + phrase_at("steps", inside, at, len(inside))
    return not common(stemmed(inside[end - 1:end]), wanted)


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
    partly = ("partly" in aspects and not (papers and not aspects & {"done", "promised"})) \
        or ("done" in aspects and _rest_later(said))
    if partly or (_partial(said) and (aspects & {"done", "partly"} or len(folded) <= SHORT)):
        return "in_progress", "it is done in part"
    if "done" in aspects:
        return _done(said, found, given)
    if not aspects & {"begun", "doing", "waiting"}:
        return None
    if folded[0] in words("well_noted") and "promised" in aspects and "begun" not in aspects \
            and found[0].aspect != "doing" and not papers:
        return "acknowledged", "the sender promises it"
    return "in_progress", "it is being done"


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
    if "waiting" in rest and not paper:
        return "in_progress", "a part is done, a part is waited for"
    if handed_in(said.text.words[:4]):
        return "done", "the words say that it is done"
    near = _nearness(said, found, given, {"done"})
    far = _nearness(said, found, given, {"doing", "begun", "promised", "lacking"})
    if rest & {"begun", "doing"} and not paper and not (
            (near and not far) or (near == far and found[-1].aspect == "done")):
        return "in_progress", "a part is done, a part is being done"
    if "promised" in rest and far > near:
        return "in_progress", "a part is done, a part is promised"
    return "done", "the words say that it is done"


def _nearness(said: Said, found: list[Sign], given: Given | None, aspects: set[str]) -> float:
    """How much the clauses with some signs speak of what was ordered: words in common, and to hand
    in what is to be handed in."""
    if given is None:
        return 0
    return max((common(_clause(said, sign), given.words) + 1.5 * (
        wants_papers(given) and _hands(said.text.words[sign.start:sign.end]))
        for sign in found if sign.aspect in aspects), default=0)


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


def _partial(said: Said) -> bool:
    """`60% done`, `3 out of 5`, `40 mein se 25`."""
    folded = said.text.words
    for at, word in enumerate(folded):
        gap = said.text.gaps[at + 1] if at + 1 < len(said.text.gaps) else ""
        if word.isdigit() and int(word[:3]) < 100 and (
                _PERCENT.match(gap) or set(folded[at + 1:at + 2]) & words("percent")):
            return True
    at = has("out_of", folded)
    if at < 1:
        return False
    before = [int(word[:9]) for word in folded[max(0, at - 4):at] if word.isdigit()]
    after = [int(word[:9]) for word in folded[at:at + 5] if word.isdigit()]
    return bool(before and after) and before[-1] != after[0]


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
