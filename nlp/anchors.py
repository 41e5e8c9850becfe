"""The words of a sentence that ask for something: imperatives, `is requested to`, `may be stopped`,
`is required`, and their like in Roman Urdu and Urdu."""
from __future__ import annotations

import re

from nlp.anchor import Anchor
from nlp.lexicon import has, imperatives, participles, words
from nlp.named import Named
from nlp.sentences import Sentence, Text
from nlp.urdu import urdu


def anchors_of(text: Text, sentence: Sentence, groups: list[list[Named]],
               spoken_to: bool = False) -> list[Anchor]:
    """The words of a sentence that ask for something. `spoken_to`: an earlier sentence has said to
    whom all this is."""
    ends = {group[-1].end for group in groups}
    ends |= {end + 3 for end in ends if text.words[end:end + 2] == ["of", "the"]
             and text.at(end + 2) in words("regions")}
    inside = {at for group in groups for one in group for at in range(one.start, one.end)}
    fresh, result, depth = True, [], 0
    at = sentence.start
    while at < sentence.end:
        word = text.words[at]
        if (word == "failing" and text.at(at + 1) == "which") or (result and word in (
                "otherwise", "warna", "ورنہ")):
            break  # what happens else is no order
        depth += text.gaps[at].count("(") - text.gaps[at].count(")")
        if at in ends or (at > sentence.start and re.search(r"[,:،)\-–*]", text.gaps[at])):
            fresh = depth <= 0
        if at in inside:
            at += 1
            fresh = True
            continue
        anchor = None
        if word.isascii():
            anchor = _english(text, sentence, at, fresh, ends, result, spoken_to)
            if not anchor and _wanted(text, at) and (
                    ends or spoken_to or text.at(at + 1) in words("whats_wanted")):
                anchor = Anchor(at, "need", word)
            if anchor and result and _why(text, result[-1].at, at):
                anchor = None
        anchor = anchor or urdu(text, sentence, at, ends)
        if anchor:
            if result and not (anchor.english or result[-1].english) \
                    and result[-1].at == anchor.at - 1 and result[-1].kind == anchor.kind:
                result.pop()  # `لکھ بھیجیں`: one verb of two words
            result.append(anchor)
            fresh = False
            at = max(at, anchor.at) + 1
            continue
        if word in words("connect"):
            fresh = True
        elif word in ("do", "does") and at in ends and not opens(text, sentence, next(
                group[0].start for group in groups if group[-1].end == at)):
            fresh = False  # `it is seen that DEOs do not attend`
        elif word not in words("lead") and word not in words("polite") and not word.isdigit() \
                and word not in words("honor"):
            fresh = False
        elif word in words("polite"):
            fresh = True
        at += 1
    if any(one.kind == "need" for one in result):
        last = max(one.at for one in result if one.kind == "need")
        result = [one for one in result if one.kind == "need" or one.at > last
                  or one.verb not in words("nouns_too")]
    return result


def _english(text: Text, sentence: Sentence, at: int, fresh: bool, ends: set[int],
             before: list[Anchor], spoken_to: bool) -> Anchor | None:
    word, following = text.words[at], text.at(at + 1)
    if fresh and word == "be" and spoken_to and at == sentence.start:
        return Anchor(at, "do", word)  # `Be at the airport`
    if fresh and word == "have" and any(_participle(text, then) for then in range(
            at + 2, min(at + 5, sentence.end))) and text.at(at + 1) in words("articles") | words(
            "whats_wanted"):
        return Anchor(at, "do", word)  # `Have it whitewashed`
    if fresh and word == "no" and _without_verb(text, sentence, at):
        return Anchor(at, "do", word)
    if fresh and word in words("verbs") and _is_verb(text, sentence, at):
        return Anchor(at, "do", word)
    if word == "to":
        nxt = at + 1
        while text.at(nxt) in words("polite") | {"immediately", "personally", "also", "strictly"}:
            nxt += 1
        polite = at - 1 in ends and text.at(at - 1) in words("polite") | words("honor")
        if text.at(at - 1) in words("bound") and text.at(at - 2) in ("was", "were", "been"):
            return None  # `you were asked to submit the plan`
        if (at in ends or polite or text.at(at - 1) in words("bound") or (
                text.at(at - 1) == "not" and text.at(at - 2) in words("bound"))) \
                and not _told_of(text.words[sentence.start:at]) \
                and _may_do(text.at(nxt)) and nxt < sentence.end:
            return Anchor(nxt, "do", text.at(nxt))
    if word == "to" and text.at(at - 1) in words("connect") and before \
            and before[-1].kind == "do" and following in words("verbs"):
        return Anchor(at + 1, "do", following)  # `directed to form teams and to furnish names`
    if word == "to" and text.at(at - 1) in words("allowed") and _may_do(following) and set(
            text.words[sentence.start:at]) & {"no", "not", "none", "nobody"}:
        return Anchor(at + 1, "do", following, generic=True)  # `no DEO is allowed to leave`
    if word == "for" and at in ends and has(
            "for_action", text.words, at + 1, min(at + 5, sentence.end)) == at + 1:
        return Anchor(at, "do", "act")  # `DEO Zhob for necessary action please`
    if word in ("could", "would") and at in ends and following in words("verbs") and set(
            text.words[sentence.start:at]) & words("appreciated"):
        return Anchor(at + 1, "do", following)  # `it would be appreciated if DEO Zhob could send`
    if word == "from" and text.at(at - 1) in words("barred") and following.endswith("ing"):
        return Anchor(at + 1, "do", following)
    if word in words("modals") or word == "to":
        found = _modal(text, sentence, at, ends)
        if found:
            return found
    if word == "be" and at in ends and not _participle(text, at + 1):
        return Anchor(at, "do", word)
    if word == "be" and (text.at(at - 1) not in words("before_be") or _is_to_be(
            text, sentence, at)):
        verb = _participle(text, at + 1)
        if verb:
            return Anchor(at, "passive", verb)
    if word in words("needs") | words("lazmi") and _needed(text, sentence, at):
        return Anchor(at, "need", word)
    if word == "not" and following in ("received", "yet") and (ends or (
            sentence.end - sentence.start <= 10 and "i" not in text.words[sentence.start:at])):
        return Anchor(at, "need", "received")
    if word in participles() and before and before[-1].kind == "passive" and _ends(
            text, sentence, at) and set(text.words[before[-1].at:at]) & words("connect"):
        return Anchor(at, "passive", participles()[word])
    return None


def _why(text: Text, before: int, at: int) -> bool:
    """`explain why he should not be suspended`: what is to be explained, not what is to be done."""
    asked = [n for n in range(before, at) if text.words[n] in ("why", "whether", "how")]
    return bool(asked) and not any(
        text.words[n] in words("connect") or "," in text.gaps[n] for n in range(asked[-1], at))


def _without_verb(text: Text, sentence: Sentence, at: int) -> bool:
    """`No payment without pre-audit`, `no leave till the exams are over`."""
    limits = [n for n in range(at + 2, min(at + 6, sentence.end))
              if text.words[n] in words("limits")]
    return bool(limits) and not set(text.words[at:limits[0]]) & (
        words("statement") | words("modals") | set(participles()))


def _is_to_be(text: Text, sentence: Sentence, at: int) -> bool:
    """`Notices to be served today`, `the list is to be submitted`; not `is yet to be opened`, `a
    seminar is to be held`."""
    before = text.words[sentence.start:at - 1]
    if text.at(at - 1) != "to" or not before or _participle(text, at + 1) in words("happens"):
        return False
    return not set(before) & (words("self") | words("wh") | words("not_to_be")) \
        and before[-1] not in words("told_to_be")


def _wanted(text: Text, at: int) -> bool:
    """`I want the list`, `I expect your reply`, `I would like to see the file`, `yet to receive`.
    """
    word, following = text.words[at], text.at(at + 1)
    if word in ("need", "want", "require", "expect") and text.at(at - 1) in ("i", "we"):
        return following != "to" and (word != "expect" or following in words("articles"))
    if text.at(at - 1) != "to" or word not in ("see", "have", "get", "receive"):
        return False
    return text.at(at - 2) in ("like", "yet", "wish", "want")


def _told_of(before: list[str]) -> bool:
    """`I have asked DEO Zhob to …`: told of, not told to."""
    return bool({"i", "we", "he", "she", "they"} & set(before[:3])) and bool(
        {"asked", "told", "requested", "directed", "advised", "instructed"} & set(before[:6]))


def _is_verb(text: Text, sentence: Sentence, at: int) -> bool:
    """Whether a word at the head of a clause is a verb there: `report by Friday`, not `report
    attached`."""
    word, following = text.words[at], text.at(at + 1)
    if at > sentence.start and text.at(at - 1) in words("articles"):
        return False
    if (word == "get" and following == "well") or (word == "refer" and following == "to" and set(
            text.words[at + 2:at + 7]) & words("referred_to")) or _observed(text, sentence, at):
        return False
    if word == "find" and following in ("attached", "enclosed", "below", "herewith", "the"):
        return False
    if at + 1 >= sentence.end:
        if at == sentence.start:
            return word not in words("nouns_too")  # `Expedite.`
        return at > sentence.start and (word not in words("nouns_too") or at - sentence.start < 3
                                        or text.at(at - 1) in words("polite"))
    if following in words("negative") - {"no"}:
        return False
    if word in words("nouns_too") and not following.startswith("g") and following not in words(
            "articles") and set(text.words[at:sentence.end]) & words("roman_urdu"):
        return False  # `File next Wednesday tak mere table par`
    if word in words("nouns_too") and (following.isdigit() or (
            following.endswith("ved") and following not in words("verbs"))):
        return False  # `report 14`, `Demand recieved later`
    if following in words("after_nouns") and word in words("nouns_too") \
            and not (word == "look" or (word == "ask" and following == "for")):
        return False
    if word in words("nouns_too") and (
            set(text.words[at + 2:at + 4]) & {"ki", "ka", "ke", "ko", "se", "mein"}
            or following in participles() or following in words("participles")
            or following in words("needs") or not following.isascii()
            or any(w in imperatives() or w in words("statement") for w in
                   text.words[at + 1:min(at + 4, sentence.end)])):
        return False
    if following in ("kar", "karein", "karen", "karo", "kro", "kiya", "kia", "kr", "hai", "hain",
                     "ho", "karna", "karke", "karwa", "karwaein", "done", "ki"):
        return False
    return not (word in ("put", "cut", "let", "set", "read") and text.at(at - 1) in ("was", "is"))


def _observed(text: Text, sentence: Sentence, at: int) -> bool:
    """`It has been observed that DEOs leave the station`: what they do, not what they are to do."""
    before = text.words[sentence.start:at]
    return "that" in before[-4:] and bool(set(before) & words("observed"))


def _modal(text: Text, sentence: Sentence, at: int, ends: set[int]) -> Anchor | None:
    """`DEO should visit`, `pay may be stopped`, `no one shall leave`, `replies must reach me`."""
    word = text.words[at]
    nxt = at + 1
    while text.at(nxt) in ("not", "also", "kindly", "please", "pl", "plz", "immediately", "then",
                           "personally", "now", "always", "strictly", "only", "never", "all") \
            or (text.at(nxt).endswith("ly") and text.at(nxt) not in words("verbs")):
        nxt += 1
    if nxt >= sentence.end:
        return None
    told = any(0 <= at - end <= 2 or (end < at and text.at(end) in ("who", "whose"))
               for end in ends) or bool({"ur", "your"} & set(
                   text.words[max(sentence.start, at - 3):at]))
    if word == "will" and re.search(r"[,.]", text.gaps[at]):
        told = False  # `Thank you DC sb, will visit soon`
    if word == "may" and text.at(at - 1) in ("he", "she", "they"):
        return None  # `if any DEO needs more he may collect them`
    subject = text.words[sentence.start:at]
    generic = bool(set(subject) & words("generic")) and not told and not set(subject[:2]) & {
        "i", "we"}
    if text.at(nxt) in ("remain", "stay") and word in words("firm_modals"):
        verb = _participle(text, nxt + 1)
        if verb:
            return Anchor(nxt, "passive", verb)  # `classes shall stay suspended`
    if text.at(nxt) == "be" and word in words("firm_modals") | {"to", "will", "need", "needs"}:
        verb = _participle(text, nxt + 1)
        if verb and word != "will" and word != "to":
            return Anchor(nxt, "passive", verb)
        if word in words("firm_modals") and {"my", "me", "this"} & set(
                text.words[nxt + 2:nxt + 4]) and text.at(nxt + 1) in ("in", "on", "at", "with"):
            return Anchor(nxt, "passive", "reach")  # `comments must be in my office`
        if told and word != "will" and not verb:
            return Anchor(nxt, "do", "be")
        return None
    if word == "to":
        bound = text.at(at - 1) in ("is", "are") or (
            text.at(at - 1) == "not" and text.at(at - 2) in ("is", "are"))
        return Anchor(nxt, "do", text.at(nxt)) if bound and told and text.at(nxt) in words(
            "verbs") else None  # `all DMCs are to stop`
    if text.at(nxt) == "reach" and word in words("firm_modals"):
        return Anchor(nxt, "passive" if not told else "do", "reach")
    if word in ("need", "needs", "has", "have", "ought"):
        if text.at(nxt) != "to" or text.at(nxt + 1) not in words("verbs") or not (told or generic):
            return None
        return Anchor(nxt + 1, "do", text.at(nxt + 1), generic=generic)
    if (text.at(nxt) in words("verbs") or (told and word in words("firm_modals")
            and _may_do(text.at(nxt)))) and word != "can" and (told or (
            generic and (word != "will" or "no" in subject or "nobody" in subject))):
        return Anchor(nxt, "do", text.at(nxt), generic=generic)
    return None


def _may_do(word: str) -> bool:
    """Whether a word after `requested to`, `DEO shall` can be the verb: any but those that tell a
    state."""
    return word.isascii() and word.isalpha() and len(word) > 1 and word not in words("no_deeds")


def _participle(text: Text, at: int) -> str:
    """The verb of `stopped`, `immediately stopped`; "" for none."""
    for place in range(at, min(at + 3, len(text))):
        verb = participles().get(text.words[place])
        if verb:
            return verb
        if not text.words[place].endswith("ly") and text.words[place] not in ("also", "kindly"):
            return ""
    return ""


def _needed(text: Text, sentence: Sentence, at: int) -> bool:
    """`list is required`, `report awaited`; not `leave is required for my son`."""
    word = text.words[at]
    if word in words("lazmi"):
        return bool(set(text.words[max(sentence.start, at - 3):at]) & {"is", "are"})
    if word == "pending":
        return False
    before = text.words[sentence.start:at]
    if {"if", "where", "when"} & set(before[-3:]) or "as" in before[-1:]:
        return False
    if word in ("needed", "desired", "solicited", "outstanding", "requisite") and not (
            set(before[-2:]) & {"is", "are"}):
        return False
    if "not" in before[-2:] or "no" in before[-2:]:
        return False
    return text.at(at + 1) != "to" or text.at(at + 2) not in words("verbs")


def _ends(text: Text, sentence: Sentence, at: int) -> bool:
    """Whether what follows a participle is no new object: `compliance shared here by COB`."""
    following = text.at(at + 1)
    return at + 1 >= sentence.end or following in words("after_participle")


def opens(text: Text, sentence: Sentence, start: int) -> bool:
    """Whether nothing but politeness and light words stand before a word in its sentence or after
    a comma."""
    at = start - 1
    while at >= sentence.start:
        if text.at(at) not in words("lead") | words("polite") | words("before_name") | words(
                "honor") | words("connect") | words("all") | {"reminder", "attention", "aoa",
                                                              "salam", "kal", "aaj"}:
            return False
        at -= 1
    return True
