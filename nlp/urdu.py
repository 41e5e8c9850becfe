"""The words of a sentence in Roman Urdu or Urdu that ask for something: imperatives, infinitives,
passives, and what nobody shall do."""
from __future__ import annotations

import re

from nlp.anchor import Anchor
from nlp.lexicon import has, imperatives, participles, stems, words
from nlp.sentences import Sentence, Text


def urdu(text: Text, sentence: Sentence, at: int) -> Anchor | None:
    """An imperative, an infinitive or a passive of Roman Urdu or Urdu."""
    word, following = text.words[at], text.at(at + 1)
    last = at + 1 >= sentence.end
    closed = last or bool(re.search(r"[,،:(\n]", text.gaps[at + 1])) or following in (
        words("connect") | words("polite") | words("honor") | words("joins"))
    before = text.words[max(sentence.start, at - 8):at]
    if word in words("passive_after") and not (not last and following in words("after_stops")) and (
            text.at(at - 1) in words("passive_before") or text.at(at - 1) in participles()
            or text.at(at - 1).endswith(("ا", "ی", "ے", "ya", "yi", "ye", "ai", "wae"))) \
            and text.at(at - 1) not in words("negative"):
        return Anchor(at, "passive", word, english=False)
    if word in ("intezar", "intizar", "intzar", "انتظار") and text.at(at - 1) in ("ka", "کا") \
            and text.at(at - 2) not in ("manzoori", "approval", "hukam", "منظوری", "حکم"):
        return Anchor(at, "need", word, english=False)
    if word in words("should_urdu") and not (not last and following in words("after_stops")) \
            and set(before) & (words("demands") | {"mujhe", "مجھے", "hamein"}) \
            and not before[-1].endswith(("na", "ne", "ni", "نا", "نے", "نی")):
        return Anchor(at, "need", word, english=False)
    if _you_will(text, sentence, at):
        return Anchor(at, "do", word, english=False)
    if word in words("light") and (text.at(at - 1) in stems() or closed) and at > sentence.start:
        return Anchor(at, "do", word, english=False)
    if not last and following in words("after_stops"):
        return None
    if word in ("hon", "ho") and text.at(at - 1) in ("hazir", "shamil", "shareek", "maujood",
                                                     "mojood", "pesh") and last:
        return Anchor(at, "do", word, english=False)
    if word in imperatives() and following not in words("passive_after"):
        if _hypothetical(before, text, sentence, at, closed):
            return None
        return Anchor(at, "do", word, english=False)
    if word in words("infinitives") and at > sentence.start:
        own = set(before) & words("self")
        if (last or closed) and not own and len(before) > 0:
            return Anchor(at, "do", word, english=False)
        if following in ("hoga", "hogi", "ہوگا", "ہوگی", "lazmi", "لازمی", "hongi") and not own:
            return Anchor(at, "do", word, english=False)
    if (last or re.search(r"[,،]", text.gaps[at + 1])) and word.endswith(("ے", "e", "ay")) \
            and _is_told(text, sentence, at):
        return Anchor(at, "do", word, english=False)
    if _shall_not(text, sentence, at):
        return Anchor(at, "do", word, english=False, generic=True)
    if _forbids(text, sentence, at, closed):
        return Anchor(at, "do", word, english=False, generic=True)
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


def _shall_not(text: Text, sentence: Sentence, at: int) -> bool:
    """`koi tabadla nahi karenge`, `گاڑی سڑک پر نہیں لائے گا`: what others shall not do, told as a
    fact of the future."""
    word, before = text.words[at], text.words[sentence.start:at]
    future = word.endswith(("enge", "engay")) or text.at(at + 1) in (
        "ga", "ge", "gi", "gay", "گا", "گے", "گی")
    return future and text.at(at - 1) in ("nahi", "nahin", "na", "نہیں", "نہ") \
        and not sentence.question and not set(before) & words("self")


def _forbids(text: Text, sentence: Sentence, at: int, closed: bool) -> bool:
    """`کوئی استاد سٹیشن نہ چھوڑے`, `koi chutti na kare`."""
    word = text.words[at]
    return closed and text.at(at - 1) in ("na", "نہ", "mat") and word.endswith(("e", "ے", "y")) \
        and bool(words("any") & set(text.words[sentence.start:at]))
