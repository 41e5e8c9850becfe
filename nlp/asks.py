"""What a message tells, asks or requires somebody to do: each ask with the words that make it one.
Only the words are looked at here; whether it is an order is decided by who says it to whom."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nlp.lexicon import has, imperatives, participles, stems, table, words
from nlp.named import Named
from nlp.sentences import Sentence, Text

NEAR = 5  # words after a post in which `is requested to`, `shall` … may come


@dataclass(frozen=True)
class Ask:
    """Something asked in the words from `start` to before `end`.

    kind      example
    do        send the list; list bhejein
    passive   pay may be stopped
    need      list is required, compliance awaited
    question  why are the books not delivered?
    demand    explanation in writing, 24 hours
    """

    kind: str
    start: int
    end: int
    at: int  # the word that makes it an ask
    verb: str = ""  # an English verb, or the form that was written
    to: tuple[Named, ...] = ()  # whom it names as its addressee
    sentence: int = 0  # number of its sentence
    negated: bool = False


@dataclass(frozen=True)
class _Anchor:
    at: int
    kind: str
    verb: str
    english: bool = True
    generic: bool = False  # `nobody should`, `all concerned shall`


def asks(text: Text, named: list[Named]) -> list[Ask]:
    """The asks of a text, in order, each with the addressee that its own sentence or an earlier one
    names."""
    result: list[Ask] = []
    current: tuple[Named, ...] = ()
    for number, sentence in enumerate(text.sentences):
        here = [one for one in named if sentence.start <= one.start < sentence.end]
        found, current = _sentence(text, sentence, here, current, number)
        result += found
        if not found and current and here and here[-1].end >= sentence.end and not any(
                one.to for one in result):
            result = [replace(one, to=current) for one in result]  # signed off with the addressee
    return result


def _sentence(text: Text, sentence: Sentence, named: list[Named], current: tuple[Named, ...],
              number: int) -> tuple[list[Ask], tuple[Named, ...]]:
    """The asks of one sentence, and whom it leaves spoken to."""
    groups = list(_groups(text, named, sentence))
    anchors = list(_anchors(text, sentence, groups))
    spoken = [group for group in groups if _addressed(text, sentence, group, anchors)]
    result = []
    starts = _bounds(text, sentence, anchors, spoken)
    for place, anchor in enumerate(anchors):
        start, end = starts[place], starts[place + 1]
        before = [group for group in spoken if group[0].start <= max(anchor.at, start)
                  or group[0].start < end]
        inside = [group for group in before if group[0].start >= start] or before
        current = tuple(inside[-1]) if inside else current
        to = () if anchor.generic and not inside else current
        result.append(Ask(anchor.kind, start, end, anchor.at, anchor.verb, to, number,
                          _negated(text, anchor)))
    if not anchors:
        if spoken:
            current = tuple(spoken[-1])
        asked = _question(text, sentence, groups, spoken) or _demand(text, sentence)
        if asked:
            result.append(Ask(asked, sentence.start, sentence.end, sentence.start, "", current,
                              number))
        if not spoken and groups:
            told = [group for group in groups if not any(one.office for one in group)
                    and _opens(text, sentence, group[0].start)]
            current = tuple(told[-1]) if told and not current and number == 0 else current
    elif sentence.question and result[0].kind == "do" and _asking(text, sentence) \
            and not any(one.kind == "passive" for one in result):
        result = [replace(result[0], kind="question", start=sentence.start, end=sentence.end)]
    return result, current


def _groups(text: Text, named: list[Named], sentence: Sentence) -> Iterator[list[Named]]:
    """Posts and people that are named together: `DC and DEO Kharan`."""
    group: list[Named] = []
    for one in named:
        if one.kind in ("place", "division"):
            if group and one.start <= group[-1].end + 1:
                continue
            if group:
                yield group
                group = []
            continue
        if group:
            between = text.words[group[-1].end:one.start]
            joined = all(word in words("connect") for word in between) and len(between) <= 1 and (
                bool(between) or re.search(r"[,،&+/]", text.gaps[one.start]))
            same = not between and not text.gaps[one.start].strip() and (
                one.kind == "post" and group[-1].kind == "person" or one.kind == "person") \
                and _agree(group[-1], one)
            if same:
                keep = group[-1] if group[-1].kind == "post" and group[-1].places else one
                keep = one if one.kind == "post" and one.places else keep
                group[-1] = replace(keep, start=group[-1].start, end=one.end)
                continue
            if joined:
                group.append(one)
                continue
            yield group
        group = [one]
    if group:
        yield group


def _agree(one: Named, two: Named) -> bool:
    """Whether a person and a post beside each other are the same: `Nako Majid DMC Kech`."""
    person, post = (one, two) if one.kind == "person" else (two, one)
    if post.kind != "post":
        return False
    return any(holder.post.startswith(post.post.split(" (")[0]) or post.post.startswith(holder.post)
               for holder in person.holders)


def _addressed(text: Text, sentence: Sentence, group: list[Named], anchors: list[_Anchor]) -> bool:
    """Whether a group is spoken to: it opens the sentence, or is told to do something."""
    if group[-1].office or group[0].office:
        return False
    start, end = group[0].start, group[-1].end
    while end < sentence.end and text.at(end) in words("honor"):
        end += 1
    after, gap = text.at(end), text.gaps[end] if end < len(text) else ""
    if re.search(r"^\s*[,:،.\-–]", gap) and _opens(text, sentence, start):
        return True
    if text.at(start - 1) in ("from", "by") and text.at(start - 2) in words("needs"):
        return True
    if text.at(start - 1) == "by" and any(one.kind == "passive" and one.at < start
                                          for one in anchors):
        return True
    if text.at(start - 1) in words("those_who") and any(one.at > end for one in anchors):
        return True
    if text.at(start - 1) in words("yes_no") and start - 1 == sentence.start and sentence.question:
        return True
    if text.at(start - 1) in words("should_urdu") and any(one.at == start - 1 for one in anchors):
        return True
    if "of" in (text.at(start - 1), text.at(start - 2)) and text.at(start - 1) in ("of", "the"):
        return False
    near = text.words[end:min(sentence.end, end + NEAR)]
    if _owes(text, sentence, start, end):
        return True
    if "ko" in near[:1] or "کو" in near[:1] or after in ("se", "سے", "say", "sy"):
        return bool(set(near) & (words("order_urdu") | words("request_urdu")
                                 | words("should_urdu"))) or bool(
            set(near) & {"kaha", "کہا"} and set(near) & {"jata", "jati", "جاتا", "جاتی"})
    if set(near[:3]) & words("bound") and after not in ("has", "had", "was", "were"):
        return True
    if after in words("possessive"):
        return False
    if any(anchor.at == end or (anchor.at - end <= 3 and after in (
            words("modals") | words("polite") | {"to", "not", "will", "also", "u", "you"}))
           for anchor in anchors if anchor.at >= end and (anchor.kind != "passive"
                                                          or not anchor.english)):
        return not (after in ("has", "have", "had") and text.at(end + 1) != "to")
    if group[0].kind == "post" and any(
            one.at > end and not one.english and one.kind != "need" for one in anchors) \
            and text.at(start - 1) not in ("ka", "ki", "ke", "کا", "کی", "کے", "aur", "اور"):
        return True
    if _opens(text, sentence, start):
        if end >= sentence.end:
            return True
        return after not in words("statement") or after in ("is", "are") and set(near) & (
            words("bound") | words("yes_no") - words("statement")) != set()
    return end >= sentence.end and start > sentence.start and re.search(
        r"[,،]", text.gaps[start]) is not None


def _owes(text: Text, sentence: Sentence, start: int, end: int) -> bool:
    """`DEO ki taraf se … nahi aya, aaj hi bheja jaye`: who has not done it is told to."""
    some = text.words[end:end + 3]
    from_whom = len(some) > 1 and some[0] in ("ki", "کی") and some[1] in ("taraf", "janib", "طرف",
                                                                          "جانب")
    return from_whom and _opens(text, sentence, start) and bool(
        set(text.words[end:sentence.end]) & words("negative"))


def _opens(text: Text, sentence: Sentence, start: int) -> bool:
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


def _anchors(text: Text, sentence: Sentence, groups: list[list[Named]]) -> list[_Anchor]:
    """The words of a sentence that ask for something."""
    ends = {group[-1].end for group in groups}
    inside = {at for group in groups for one in group for at in range(one.start, one.end)}
    fresh, result, depth = True, [], 0
    at = sentence.start
    while at < sentence.end:
        word = text.words[at]
        depth += text.gaps[at].count("(") - text.gaps[at].count(")")
        if at in ends or (at > sentence.start and re.search(r"[,:،)\-–*]", text.gaps[at])):
            fresh = depth <= 0
        if at in inside:
            at += 1
            fresh = True
            continue
        anchor = None
        if word.isascii():
            anchor = _english(text, sentence, at, fresh, ends, result)
        anchor = anchor or _urdu(text, sentence, at)
        if anchor:
            result.append(anchor)
            fresh = False
            at = max(at, anchor.at) + 1
            continue
        if word in words("connect"):
            fresh = True
        elif word in ("do", "does") and at in ends and not _opens(text, sentence, next(
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
             before: list[_Anchor]) -> _Anchor | None:
    word, following = text.words[at], text.at(at + 1)
    if fresh and word in words("verbs") and _is_verb(text, sentence, at):
        return _Anchor(at, "do", word)
    if word == "to":
        nxt = at + 1
        while text.at(nxt) in words("polite") | {"immediately", "personally", "also", "strictly"}:
            nxt += 1
        polite = at - 1 in ends and text.at(at - 1) in words("polite") | words("honor")
        if (at in ends or polite or text.at(at - 1) in words("bound") or (
                text.at(at - 1) == "not" and text.at(at - 2) in words("bound"))) \
                and _may_do(text.at(nxt)) and nxt < sentence.end:
            return _Anchor(nxt, "do", text.at(nxt))
    if word in words("modals") or word == "to":
        found = _modal(text, sentence, at, ends)
        if found:
            return found
    if word == "be" and text.at(at - 1) not in ("to", "will", "cannot", "cant", "wont", "never", "would", "can", "could", "not", "may",
                                                "shall", "should", "must", "already"):
        verb = _participle(text, at + 1)
        if verb:
            return _Anchor(at, "passive", verb)
    if word in words("needs") and _needed(text, sentence, at):
        return _Anchor(at, "need", word)
    if word in ("need", "want", "require") and text.at(at - 1) in ("i", "we") and ends \
            and following != "to":
        return _Anchor(at, "need", word)
    if word == "not" and following in ("received", "yet") and ends:
        return _Anchor(at, "need", "received")
    if word in participles() and before and before[-1].kind == "passive" and _ends(
            text, sentence, at) and set(text.words[before[-1].at:at]) & words("connect"):
        return _Anchor(at, "passive", participles()[word])
    return None


def _is_verb(text: Text, sentence: Sentence, at: int) -> bool:
    """Whether a word at the head of a clause is a verb there: `report by Friday`, not `report
    attached`."""
    word, following = text.words[at], text.at(at + 1)
    if at + 1 >= sentence.end:
        return at > sentence.start and (word not in words("nouns_too")
                                        or text.at(at - 1) in words("polite"))
    if following in words("negative") - {"no"} or (following.isdigit()
                                                   and word in words("nouns_too")):
        return False
    if following in ("is", "are", "was", "were", "has", "have", "will", "hai", "hain", "of", "ki",
                     "ka", "ke", "ko", "se", "mein", "for") and word in words("nouns_too") \
            and not (word == "look" or (word == "ask" and following == "for")):
        return False
    if word in words("nouns_too") and (
            set(text.words[at + 2:at + 4]) & {"ki", "ka", "ke", "ko", "se", "mein"} or following in participles() or following in words("participles")
            or following in words("needs") or not following.isascii()
            or any(w in imperatives() or w in words("statement") for w in
                   text.words[at + 1:min(at + 4, sentence.end)])):
        return False
    if following in ("kar", "karein", "karen", "karo", "kro", "kiya", "kia", "kr", "hai", "hain",
                     "ho", "karna", "karke", "karwa", "karwaein", "done", "ki"):
        return False
    return not (word in ("put", "cut", "let", "set", "read") and text.at(at - 1) in ("was", "is"))


def _modal(text: Text, sentence: Sentence, at: int, ends: set[int]) -> _Anchor | None:
    """`DEO should visit`, `pay may be stopped`, `no one shall leave`, `replies must reach me`."""
    word = text.words[at]
    nxt = at + 1
    while text.at(nxt) in ("not", "also", "kindly", "please", "pl", "plz", "immediately", "then",
                           "personally", "now", "always", "strictly", "only", "never", "all"):
        nxt += 1
    if nxt >= sentence.end:
        return None
    told = any(0 <= at - end <= 2 for end in ends)
    subject = text.words[sentence.start:at]
    generic = bool(set(subject) & words("generic")) and not told and not set(subject[:2]) & {
        "i", "we"}
    if text.at(nxt) == "be" and word in words("firm_modals") | {"to", "will", "need", "needs"}:
        verb = _participle(text, nxt + 1)
        if verb and word != "will" and word != "to":
            return _Anchor(nxt, "passive", verb)
        if told and word != "will" and not verb:
            return _Anchor(nxt, "do", "be")
        return None
    if word == "to":
        return None
    if text.at(nxt) == "reach" and word in words("firm_modals"):
        return _Anchor(nxt, "passive" if not told else "do", "reach")
    if word in ("need", "needs", "has", "have", "ought"):
        if text.at(nxt) != "to" or text.at(nxt + 1) not in words("verbs") or not (told or generic):
            return None
        return _Anchor(nxt + 1, "do", text.at(nxt + 1), generic=generic)
    if (text.at(nxt) in words("verbs") or (told and word in words("firm_modals")
            and _may_do(text.at(nxt)))) and word != "can" and (told or (
            generic and (word != "will" or "no" in subject or "nobody" in subject))):
        return _Anchor(nxt, "do", text.at(nxt), generic=generic)
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
    if word == "pending":
        return False
    before = text.words[sentence.start:at]
    if "if" in before[-3:] or "where" in before[-3:] or "when" in before[-3:] or "as" in before[-1:]:
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
    return at + 1 >= sentence.end or following in ("here", "by", "on", "to", "with", "in", "from",
                                                   "within", "before", "today", "tomorrow", "plz",
                                                   "pl", "please", "against", "for", "and", "at")


def _urdu(text: Text, sentence: Sentence, at: int) -> _Anchor | None:
    """An imperative, an infinitive or a passive of Roman Urdu or Urdu."""
    word, following = text.words[at], text.at(at + 1)
    last = at + 1 >= sentence.end
    closed = last or bool(re.search(r"[,،:(\n]", text.gaps[at + 1])) or following in (
        words("connect") | words("polite") | words("honor") | words("joins"))
    before = text.words[max(sentence.start, at - 8):at]
    if word in words("passive_after") and not (not last and following in words("after_stops")) and (
            text.at(at - 1) in words("passive_before") or text.at(at - 1) in participles()
            or text.at(at - 1)[-1:] in ("ا", "ی", "ے") or text.at(at - 1).endswith(
                ("ya", "yi", "ye", "ai", "wai", "wae"))) and text.at(at - 1) not in words("negative"):
        return _Anchor(at, "passive", word, english=False)
    if word in words("should_urdu") and not (not last and following in words("after_stops")) \
            and set(before) & (words("demands") | {"mujhe", "مجھے", "hamein"}) \
            and not before[-1].endswith(("na", "ne", "ni", "نا", "نے", "نی")):
        return _Anchor(at, "need", word, english=False)
    if _you_will(text, sentence, at):
        return _Anchor(at, "do", word, english=False)
    if word in words("light") and (text.at(at - 1) in stems() or closed) and at > sentence.start:
        return _Anchor(at, "do", word, english=False)
    if not last and following in words("after_stops"):
        return None
    if word in imperatives() and following not in words("passive_after"):
        if _hypothetical(before, text, sentence, at, closed):
            return None
        return _Anchor(at, "do", word, english=False)
    if word in words("infinitives") and at > sentence.start:
        own = set(before) & words("self")
        if (last or closed) and not own and len(before) > 0:
            return _Anchor(at, "do", word, english=False)
        if following in ("hoga", "hogi", "ہوگا", "ہوگی", "lazmi", "لازمی", "hongi") and not own:
            return _Anchor(at, "do", word, english=False)
    if (last or re.search(r"[,،]", text.gaps[at + 1])) and word.endswith(("ے", "e", "ay")) and _is_told(text, sentence, at):
        return _Anchor(at, "do", word, english=False)
    if _forbids(text, sentence, at, closed):
        return _Anchor(at, "do", word, english=False, generic=True)
    return None


def _is_told(text: Text, sentence: Sentence, at: int) -> bool:
    """`DEO ko chahiye ke … bheje`, `ہدایت دی جاتی ہے کہ … پیش کرے`."""
    before = text.words[sentence.start:at]
    ke = [n for n, word in enumerate(before) if word in ("ke", "keh", "کہ")]
    return bool(ke) and bool(set(before[:ke[-1]]) & (
        words("should_urdu") | words("order_urdu"))) and len(text.words[at]) > 2


def _you_will(text: Text, sentence: Sentence, at: int) -> bool:
    """`aap karenge`, `آپ کریں گے`: an order in the future."""
    word = text.words[at]
    future = word.endswith(("enge", "engay", "ینگے")) or (word in imperatives() and text.at(
        at + 1) in ("ge", "gay", "گے"))
    return future and not sentence.question and bool(
        {"aap", "ap", "آپ"} & set(text.words[sentence.start:at]))


def _hypothetical(before: list[str], text: Text, sentence: Sentence, at: int,
                  closed: bool) -> bool:
    """`taake … karein`, `agar … karein to`, `hum kya karein`, `karein to behtar hai`."""
    some = set(before)
    if some & words("purpose") and text.at(at) not in ("karo", "do"):
        after = max(n for n, word in enumerate(before) if word in words("purpose"))
        if not {"to", "tou", "toh", "تو", "wo", "woh", "وہ"} & set(before[after:]):
            return True
    if text.at(at + 1) in ("to", "tou", "toh", "تو") or has(
            "suggestions", text.words, at, min(at + 7, sentence.end)) >= 0:
        return True
    return bool(some & {"main", "mein?", "hum", "ham", "ہم", "kahan", "کہاں", "kya"}) and not closed


def _forbids(text: Text, sentence: Sentence, at: int, closed: bool) -> bool:
    """`کوئی استاد سٹیشن نہ چھوڑے`, `koi chutti na kare`."""
    word = text.words[at]
    return closed and text.at(at - 1) in ("na", "نہ", "mat") and word.endswith(("e", "ے", "y")) \
        and bool({"koi", "کوئی", "کوی", "kisi", "کسی"} & set(text.words[sentence.start:at]))


def _negated(text: Text, anchor: _Anchor) -> bool:
    return text.at(anchor.at - 1) in words("negative") or text.at(anchor.at - 2) in (
        words("negative") | {"nobody", "none"})


def _bounds(text: Text, sentence: Sentence, anchors: list[_Anchor],
            spoken: list[list[Named]]) -> list[int]:
    """Where each ask begins, and after them where the sentence ends."""
    starts = [sentence.start]
    for one, two in zip(anchors, anchors[1:], strict=False):
        spots = [group[0].start for group in spoken if one.at < group[0].start <= two.at]
        if spots:
            starts.append(spots[0])
        elif one.english or two.english:
            cuts = [at for at in range(one.at + 1, two.at + 1) if text.words[at] in words("connect")
                    or re.search(r"[,،]", text.gaps[at])]
            starts.append(cuts[-1] if cuts else two.at if two.english else one.at + 1)
        else:
            starts.append(one.at + 1)
    return [*starts, sentence.end]


def _asking(text: Text, sentence: Sentence) -> bool:
    """Whether a sentence with a question mark asks, instead of telling to do."""
    first = text.words[sentence.start:sentence.start + 6]
    return bool(set(text.words[sentence.start:sentence.end]) & words("wh")) or bool(
        set(first[:1]) & words("yes_no"))


def _question(text: Text, sentence: Sentence, groups: list[list[Named]],
              spoken: list[list[Named]]) -> str:
    """`question` when a sentence demands information."""
    inside = text.words[sentence.start:sentence.end]
    wh = set(inside) & words("wh")
    if sentence.question:
        return "question"
    return "question" if wh and len(inside) <= 8 and set(inside[:1]) & words("wh") else ""


def _demand(text: Text, sentence: Sentence) -> str:
    """`demand` when a sentence without a verb names what is wanted."""
    inside = text.words[sentence.start:sentence.end]
    some = set(inside)
    if not some & words("demands") or some & words("statement") or some & set(participles()) \
            or some & words("self") or some & words("negative") or len(inside) > 14:
        return ""
    return "demand"


def must(text: Text, ask: Ask) -> bool:
    """Whether an ask forbids."""
    return ask.negated or text.at(ask.at) in table("never")
