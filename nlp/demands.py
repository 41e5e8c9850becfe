"""Demands without a verb, that only their deadline makes: `abstract by COB`, `27th final`."""
from __future__ import annotations

from nlp.asks import Ask
from nlp.deadlines import Deadline, pick
from nlp.lexicon import has, participles, words
from nlp.named import Named
from nlp.said import Said
from nlp.sentences import Sentence
from nlp.tasks import characters

LONGEST = 16  # words of a demand


def late_demands(said: Said, asks: list[Ask], deadlines: tuple[Deadline, ...]) -> list[Ask]:
    """The demands of the sentences in which nothing else asks: `un ka abstract COB today`, `27th
    final`, `DEO Zhob: registers in my office, 9 am tomorrow`, and a list of districts with a date.
    """
    text = said.text
    result = []
    taken = {ask.sentence for ask in asks if ask.kind != "demand"}
    for number, sentence in enumerate(text.sentences):
        due = pick(deadlines, *characters(text, sentence.start, sentence.end))
        if not due or not due.due or sentence.question or (
                {"abhi", "ابھی"} & set(text.words[sentence.start:sentence.end])
                and set(text.words[sentence.start:sentence.end]) & words("left_over")):
            continue  # `Musakhel aur Loralai abhi baqi`: still, not at once
        here = [one for one in said.named if sentence.start <= one.start < sentence.end]
        first = next((at for at in range(sentence.start, sentence.end)
                      if text.found[at].start >= due.start), sentence.end)
        places = [one for one in here if one.kind == "place" and one.end <= first]
        to: tuple[Named, ...] | None = None
        if len(places) > 1 and places[0].start == sentence.start:
            to = (Named("post", places[0].start, places[-1].end, "DEO", tuple(
                place for one in places for place in one.places)),)
        elif _final(said, sentence) or (_wanted(said, sentence, due, first) and not here
                                        and number not in taken):
            earlier = [ask for ask in asks if ask.sentence < number]
            to = earlier[-1].to if earlier else () if _final(said, sentence) else None
        elif has("last_date", text.words, sentence.start, sentence.end) >= 0 and not here:
            opening = [one for one in said.named if one.start <= 2 and one.kind == "post"]
            owed = has("owing", text.words, 0, sentence.start) >= 0
            to = tuple(opening) or (() if owed else None)  # `All DEOs. Tomorrow is the last date`
        elif _wanted(said, sentence, due, first) or (number not in taken and _bare(
                said, sentence)):
            to = tuple(_spoken(said, sentence, here)) or None
        if to is not None:
            result.append(Ask("demand", sentence.start, sentence.end, sentence.start, "", to,
                              number))
    return result


def _final(said: Said, sentence: Sentence) -> bool:
    """`27th final`, in answer to something."""
    inside = set(said.text.words[sentence.start:sentence.end])
    return bool(said.message.quote and inside & words("final")) \
        and sentence.end - sentence.start <= 9


def _wanted(said: Said, sentence: Sentence, due: Deadline, first: int) -> bool:
    """Whether a paper that is wanted stands just before the deadline, and little after it."""
    text = said.text
    if set(text.words[sentence.start:sentence.end]) & words("past"):
        return False  # `you were asked for the plan by 1 May`
    last = sum(word.start >= due.end and word.folded not in ("tak", "تک")
               for word in text.found[first:sentence.end])
    return last <= 2 and bool(set(text.words[max(sentence.start, first - 3):first])
                              & words("demands"))


def _bare(said: Said, sentence: Sentence) -> bool:
    """Whether a sentence only names papers: nothing in it tells, denies or says who did what."""
    inside = set(said.text.words[sentence.start:sentence.end])
    told = words("statement") | words("self") | words("negative") | set(participles())
    return sentence.end - sentence.start <= LONGEST and not inside & told - {"am", "written"} \
        and bool(inside & (words("demands") | words("wanted_papers")))


def _spoken(said: Said, sentence: Sentence, here: list[Named]) -> list[Named]:
    """The post or person that opens a sentence, or by whom the papers are to come."""
    return [one for one in here if one.kind in ("post", "person") and not one.office and (
        one.start <= sentence.start + 1 or said.text.at(one.start - 1) in ("by", "from"))][:1]
