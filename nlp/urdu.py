"""The words of a sentence in Roman Urdu or Urdu that ask for something: imperatives, infinitives,
passives, and what nobody shall do."""
from __future__ import annotations

import re

from nlp.anchor import Anchor
from nlp.lexicon import has, imperatives, infinitives, participles, stems, words
from nlp.sentences import Sentence, Text


def urdu(text: Text, sentence: Sentence, at: int, ends: set[int]) -> Anchor | None:
    """An imperative, an infinitive or a passive of Roman Urdu or Urdu."""
    word, following = text.words[at], text.at(at + 1)
    last = at + 1 >= sentence.end
    closed = last or bool(re.search(r"[,،:(\n]", text.gaps[at + 1])) or following in (
        words("connect") | words("polite") | words("honor") | words("joins"))
    before = text.words[max(sentence.start, at - 8):at]
    if _shall_not(text, sentence, at):
        return Anchor(at, "do", word, english=False, generic=True)
    if _to_become(text, sentence, at, closed):
        return Anchor(at, "passive", word, english=False)
    if word in words("wanted_urdu") and not set(before) & {"nahi", "nahin", "نہیں"}:
        return Anchor(at, "need", word, english=False)
    if word in words("lazmi") and (following in words("is_urdu") or last) and before:
        return Anchor(at, "need", word, english=False)
    if _nothing(text, sentence, at, closed):
        return Anchor(at, "do", word, english=False, generic=True)
    if word in ("paband", "پابند") and following in words("will_be"):
        return Anchor(at, "do", word, english=False)
    if _forbidden(text, sentence, at):
        return Anchor(at, "do", word, english=False, generic=True)
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
    return _imperative(text, sentence, at, ends, closed)


def _imperative(text: Text, sentence: Sentence, at: int, ends: set[int],
                closed: bool) -> Anchor | None:
    """`bhejein`, `aap karenge`, `karna hai`, `wo pesh kare`."""
    word, following = text.words[at], text.at(at + 1)
    last = at + 1 >= sentence.end
    before = text.words[max(sentence.start, at - 8):at]
    if _you_will(text, sentence, at):
        return Anchor(at, "do", word, english=False)
    if word in words("light") and (text.at(at - 1) in stems() or closed) and at > sentence.start:
        return Anchor(at, "do", word, english=False)
    if word in infinitives() and following in ("hai", "hain", "ہے", "ہیں") and before \
            and at + 2 >= sentence.end and not set(before) & words("ours") \
            and word not in words("moves_to_be"):
        return Anchor(at, "do", word, english=False)
    if not last and following in words("after_stops"):
        return None
    if text.at(at - 1) in ("وصول", "wasool") or (
            text.at(at - 1) in words("attention") and last
            and not set(before) & {"taraf", "par", "pe", "طرف", "پر"}):
        return None  # `وصول پائیں`, `توجہ فرمائیں`
    if word in ("hon", "ho", "ہوں") and text.at(at - 1) in (
            "hazir", "shamil", "shareek", "maujood", "mojood", "pesh", "حاضر", "شامل", "شریک",
            "موجود", "پیش") and last:
        return Anchor(at, "do", word, english=False)
    if word in imperatives() and following not in words("passive_after"):
        if _hypothetical(before, text, sentence, at, closed) or _perfect(text, at):
            return None
        return Anchor(at, "do", word, english=False)
    if word in infinitives() and at > sentence.start:
        own = set(before) & words("self")
        if (last or closed) and not own and len(before) > 0:
            return Anchor(at, "do", word, english=False)
        if following in ("hoga", "hogi", "ہوگا", "ہوگی", "lazmi", "لازمی", "hongi") and not own:
            return Anchor(at, "do", word, english=False)
    if (last or re.search(r"[,،]", text.gaps[at + 1])) and word.endswith(("ے", "e", "ay")) \
            and (_is_told(text, sentence, at) or _let_do(text, at, ends, sentence)):
        return Anchor(at, "do", word, english=False)
    if _forbids(text, sentence, at, closed):
        return Anchor(at, "do", word, english=False, generic=True)
    return None


def _is_told(text: Text, sentence: Sentence, at: int) -> bool:
    """`DEO ko chahiye ke … bheje`, `ہدایت دی جاتی ہے کہ … پیش کرے`."""
    before = text.words[sentence.start:at]
    ke = [n for n, word in enumerate(before) if word in ("ke", "keh", "کہ")]
    return bool(ke) and bool(set(before[:ke[-1]]) & (
        words("should_urdu") | words("order_urdu"))) and len(text.words[at]) > 2


def _perfect(text: Text, at: int) -> bool:
    """`کتابیں نہیں ملیں`: they were not received; what looks like an order is the past."""
    word = text.words[at]
    return word.endswith("یں") and word[:-2] in words("moves") \
        and text.at(at - 1) in ("نہیں", "کیوں")


def _let_do(text: Text, at: int, ends: set[int], sentence: Sentence) -> bool:
    """`DEO Zhob us ki tankhwah band kare`: what a post that is named is to do, said of it."""
    word = text.words[at]
    if (word[:-1] not in stems() and word not in ("jaye", "جاے")) or word[:-1] in words("moves") \
            or text.at(at - 1) in ("nahi", "nahin", "نہیں"):
        return False  # `abhi tak nahi pohanche`: they have not
    end = max((one for one in ends if sentence.start < one <= at), default=0)
    return bool(end) and text.at(end) not in words("not_subjects") and not set(
        text.words[end:at]) & (words("purpose") | {"ke", "keh", "کہ"})


def _you_will(text: Text, sentence: Sentence, at: int) -> bool:
    """`aap karenge`, `آپ کریں گے`: an order in the future."""
    word = text.words[at]
    future = word.endswith(("enge", "engay", "engi", "ینگے", "ینگی")) or (
        word in imperatives() and text.at(at + 1) in ("ge", "gay", "gi", "گے", "گی"))
    return future and not sentence.question and bool(
        words("you_urdu") & set(text.words[sentence.start:at]))


def _hypothetical(before: list[str], text: Text, sentence: Sentence, at: int,
                  closed: bool) -> bool:
    """`taake … karein`, `agar … karein to`, `hum kya karein`, `karein to behtar hai`."""
    some = set(before)
    if some & words("purpose") and text.at(at) not in ("karo", "do"):
        after = max(n for n, word in enumerate(before) if word in words("purpose"))
        if not words("correlatives") & set(before[after:]):
            return True
    if text.at(at + 1) in ("to", "tou", "toh", "تو") or has(
            "suggestions", text.words, at, min(at + 7, sentence.end)) >= 0:
        return True
    return bool(some & {"main", "mein?", "hum", "ham", "ہم", "kahan", "کہاں", "kya"}) and not closed


def _to_become(text: Text, sentence: Sentence, at: int, closed: bool) -> bool:
    """`masla kal tak hal ho jana chahiye`, `kitabein pohanch jayein`: what is to have happened."""
    word = text.words[at]
    before = text.words[sentence.start:at]
    if not closed or set(before) & (words("purpose") | words("ours")):
        return False
    if word in words("should_urdu"):
        return bool(before) and (before[-1].endswith(("na", "ni", "ne", "نا", "نی", "نے"))
                                 and before[-1] not in words("negative"))
    return word in words("passive_after") and text.at(at - 1) in stems() and bool(
        {"ke", "keh", "کہ"} & set(before))


def _nothing(text: Text, sentence: Sentence, at: int, closed: bool) -> bool:
    """`8 baje ke baad koi movement nahi`, `بغیر اجازت کوئی چھٹی نہیں`: forbidden without a verb."""
    before = set(text.words[max(sentence.start, at - 8):at])
    return closed and text.words[at] in ("nahi", "nahin", "نہیں") and bool(
        before & words("any")) and bool(before & words("limits_urdu")) and not before & (
        words("statement") | words("wh") | imperatives())


def _forbidden(text: Text, sentence: Sentence, at: int) -> bool:
    """`bahar jane ki ijazat nahi`, `موبائل لانے پر پابندی ہوگی`."""
    for end in range(at + 2, min(at + 5, sentence.end) + 1):
        if has("forbidden_urdu", text.words, at, end) == at:
            return at > sentence.start and (end >= sentence.end or text.at(end) in words("is_urdu"))
    return False


def _shall_not(text: Text, sentence: Sentence, at: int) -> bool:
    """`koi tabadla nahi karenge`, `گاڑی سڑک پر نہیں لائے گا`: what others shall not do, told as a
    fact of the future."""
    word, before = text.words[at], text.words[sentence.start:at]
    future = word.endswith(("enge", "engay")) or text.at(at + 1) in (
        "ga", "ge", "gi", "gay", "گا", "گے", "گی") or (
        word in ("hoga", "hogi", "ہوگا", "ہوگی") and bool(set(before) & words("limits_urdu")))
    return future and text.at(at - 1) in ("nahi", "nahin", "na", "نہیں", "نہ") \
        and not sentence.question and not set(before) & words("self")


def _forbids(text: Text, sentence: Sentence, at: int, closed: bool) -> bool:
    """`کوئی استاد سٹیشن نہ چھوڑے`, `koi chutti na kare`."""
    word = text.words[at]
    return closed and text.at(at - 1) in ("na", "نہ", "mat") and word.endswith(("e", "ے", "y")) \
        and bool(words("any") & set(text.words[sentence.start:at]))
