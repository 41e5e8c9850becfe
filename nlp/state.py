"""How far an order is done by an answer to it: what the verbs say (nlp.aspect), weighed against
what was asked for."""
from __future__ import annotations

import re

from nlp.aspect import Sign, clauses, signs
from nlp.chat import Given
from nlp.deeds import deeds
from nlp.lexicon import has, phrase_at, words
from nlp.matter import common, listed, stemmed, things
from nlp.quantities import counted, in_part, left_over, so_far
from nlp.said import Said

SHORT = 8  # words of a bare acknowledgement
PAPERS = frozenset({"image", "document", "video", "audio", "location"})
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
    found = [sign for sign in signs(said.text) if not _excuses(said, sign)]
    done = any(sign.aspect == "done" for sign in found)
    return [sign._replace(aspect=_in_truth(said, sign, given, done)) for sign in found]


def _excuses(said: Said, sign: Sign) -> bool:
    """`der hui`, `بیماری کی وجہ سے تاخیر ہوئی`: what came to pass is no deed but a delay."""
    inside = said.text.words[sign.start:sign.end]
    return sign.aspect == "done" and bool(set(inside[:sign.at - sign.start]) & words("late"))


def _in_truth(said: Said, sign: Sign, given: Given | None, done: bool) -> str:
    """What a sign says of the deed that was ordered."""
    wanted = _wanted(given)
    inside = said.text.words[sign.start:sign.end]
    at = sign.at - sign.start
    paper = said.message.kind == "document"
    if sign.aspect == "asked":
        return "done" if wanted & listed("telling") or paper else "begun"
    if sign.aspect == "done" and not paper and (
            _step(inside, at, given) or _passed_on(inside, given) or _on_the_way(inside, at, given)):
        return "begun"
    if sign.aspect == "doing" and given is not None and set(inside[at:]) & (
            words("i_am") | {"am"}) and set(inside) & words("at_desk") | {"am"} & set(inside) \
            and _asked(given) & (words("presence") - words("accounts_too")):
        return "done"
    if sign.aspect == "begun" and wanted & listed("starting"):
        return "done"
    if sign.aspect == "promised" and set(said.text.words[:sign.at]) & words("reported"):
        return "doing"  # somebody else's word
    return "partly" if _of_the_rest(said, sign, done) else sign.aspect


def _asked(given: Given) -> frozenset[str]:
    """All words of an order and of the action read in it."""
    return given.asked | frozenset(re.findall(r"[a-z]+", given.directive.action.casefold()))


def _wanted(given: Given | None) -> frozenset[str]:
    """The words of an order; of one that names nothing itself (`finish it by Saturday`), those of
    what it goes on from as well."""
    if given is None:
        return frozenset()
    return given.words if len(given.words) > 1 else given.words | given.whole | given.before


def _passed_on(inside: list[str], given: Given | None) -> bool:
    """Whether a clause only tells that something was handed to somebody (`bill submitted to DAO`),
    where another deed was ordered; not to who ordered it (`put up to you`)."""
    some = set(inside)
    return given is not None and bool(some & words("handed_to") and some & words("passing")) \
        and not some & words("yours") and not wants_papers(given) \
        and not things(inside) & given.things \
        and not common(stemmed(inside), _wanted(given))


def _on_the_way(inside: list[str], verb: int, given: Given | None) -> bool:
    """Whether somebody was only sent, called or has got there (`team rawana kar di`), and that is
    not what was ordered, or an account of it was as well."""
    if given is None or not set(inside[max(0, verb - 2):verb + 1]) & words("motions"):
        return False
    if not common(stemmed(inside), _wanted(given)) and not wants_papers(given) \
            and not _asked(given) & (words("presence") | words("sending_people")):
        return True
    people = set(inside) & {"ko", "کو"} or set(inside[:verb]) & words("goers") \
        or set(inside[verb:]) & words("i_am")
    if not people or _asked(given) & (words("presence") - words("accounts_too")):
        return False
    return not given.asked & words("sending_people") or bool(given.asked & words("accounts_too"))


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
    return sign.aspect in ("doing", "begun", "promised", "lacking") and bool(
        (before & words("rest") and ((done and said.message.kind not in PAPERS) or sign.aspect != "lacking")) or (done and before & words("others_of_it")))


def _step(inside: list[str], verb: int, given: Given | None) -> bool:
    """Whether what stands before the verb of a clause is a first step only, which the order does
    not ask for."""
    wanted = _wanted(given)
    asked = given.asked if given else frozenset()
    nouns = words("step_nouns")
    if not wanted & listed("papers"):
        nouns |= words("step_papers")
    for at, word in enumerate(inside[:verb]):
        if word in nouns and inside[at + 1] not in words("by") and word not in asked \
                and inside[at + 2:at + 3] not in (["sath"], ["saath"], ["ساتھ"]) \
                and not common(stemmed([word]), wanted):
            return word not in words("letters") or not common(stemmed(inside), wanted)
    at = has("steps", inside)
    if at < 0 or wanted & listed("step_wanted") or (
            asked & words("acts") and set(inside) & words("acts_done")):
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
    partly = ("partly" in aspects and not _found_partly(said, found, given) and not (papers and not aspects & {"done", "promised"})) \
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
    """`outcome conveyed. Allegation partly proved`: it was found so, and the deed is told before."""
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
            (near and not far and not _other_part(said, found)) or (near == far and found[-1].aspect == "done"
                                   and not _in_process(said, found))):
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
        _clause(said, sign) and not common(_clause(said, sign), given.whole | given.before) for sign in found if sign.aspect == "done")


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
        + 1.5 * (wants_papers(given) and ("hand" in told or _hands(inside)))


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
