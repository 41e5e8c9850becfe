"""What one task is: parts that belong together (`verify and report`) and the deadline that
follows."""
from __future__ import annotations

from dataclasses import dataclass, replace

from nlp.asks import Ask, tells
from nlp.deadlines import Deadline, pick
from nlp.lexicon import has, words
from nlp.said import Said
from nlp.sentences import Text


@dataclass(frozen=True)
class Order:
    """An ask that is for somebody below its sender."""

    ask: Ask
    to: tuple[str, ...]
    why: str
    deadline: Deadline | None
    end: int  # word after its last; later parts may be joined to it


def joined(orders: list[Order], said: Said) -> list[Order]:
    """Parts of one task as one: `verify and report`, `is this a farm? who has occupied it?`."""
    result: list[Order] = []
    for order in orders:
        last = result[-1] if result else None
        if last and order.to != last.to and _takes_note(said.text, order.ask) and (
                not last.ask.to or (last.ask.kind == "passive"
                                    and last.ask.sentence == order.ask.sentence)):
            result[-1] = replace(last, to=order.to, end=order.end)  # `…, Ambreen pl note`
            continue
        if last and last.to == order.to and order.ask.verb == "note" and not order.deadline and \
                order.ask.end - order.ask.start <= 5:
            result[-1] = replace(last, end=order.end)  # `This must stop. All DEOs to note.`
            continue
        if last and last.to == order.to and _one_task(last, order, said):
            keep = order if _leads(last, order, said) else last
            deadline = order.deadline or last.deadline
            if last.deadline and not last.deadline.due and order.deadline:
                deadline = order.deadline
            kind = "do" if keep.ask.kind == "need" else last.ask.kind if \
                last.ask.kind == "question" and _reports(said.text, order.ask) else keep.ask.kind
            if kind == "question":
                keep = last
            result[-1] = replace(last, ask=replace(
                last.ask, kind=kind, end=order.ask.end,
                at=keep.ask.at if last.ask.kind in ("question", "need") else last.ask.at,
                start=keep.ask.start if last.ask.kind == "question" else last.ask.start,
                verb=order.ask.verb if last.ask.kind == "need" and order.ask.kind == "do"
                else last.ask.verb or order.ask.verb,
                sentence=order.ask.sentence), deadline=deadline, end=order.end)
            continue
        if last and order.deadline is None and _at_the_same(order, said):
            order = replace(order, deadline=last.deadline)
        result.append(order)
    return result


def _takes_note(text: Text, ask: Ask) -> bool:
    """`Ambreen pl note`, `ڈائریکٹر سکولز نوٹ کر لیں`: what stands before is for them."""
    inside = text.words[ask.start:ask.end]
    if {"note", "نوٹ"} & set(inside):
        return len(inside) <= 8
    return ask.verb in ("ensure", "enforce") and len(inside) <= 4


def _leads(last: Order, order: Order, said: Said) -> bool:
    return last.ask.kind == "question" or (last.ask.kind == "need" and order.ask.kind == "do")


def _one_task(last: Order, order: Order, said: Said) -> bool:
    text, one, two = said.text, last.ask, order.ask
    inside = text.words[two.start:two.end]
    if one.kind == "question" and two.verb in words("still_waited"):
        return True  # `… کیا کارروائی ہوئی؟ جواب کا انتظار ہے`
    if one.kind == "question":
        first = text.words[one.start:one.end]
        if two.kind == "do" and _reports(text, two) and len(inside) <= 12:
            return True
        if two.kind == "question":
            return not set(first) & words("wh") or (len(inside) <= 4 and len(first) <= 4)
        counted = bool({"many", "kitne", "kitni", "کتنے", "کتنی"} & set(first)) and bool(
            set(inside) & words("counted"))
        return counted or (bool(set(first) & words("which")) and len(first) <= 4) or (
            two.kind == "need" and "about" in first)
    if two.kind == "question":
        return one.kind == "need" and len(inside) <= 5
    if one.kind == "need" and two.kind in ("do", "passive", "demand") and not (
            last.deadline and last.deadline.due):
        return True
    if one.sentence != two.sentence:
        return _refines(text, last, order)
    timed = bool(last.deadline and last.deadline.due), bool(order.deadline and order.deadline.due)
    shows = bool(set(inside) & words("evidence"))
    if (_reports(text, two) or (shows and two.verb in words("carry_verbs"))) and not (
            timed[0] and (timed[1] or (two.verb in words("carry_verbs") and not shows))):
        return True
    if not timed[0] and two.verb in words("carry_verbs") and set(inside[:6]) & words("thereof"):
        return True  # `call both and submit their reply`
    if two.verb in ("comply", "oblige") and one.verb == "note":
        return True
    if timed[0] and not timed[1] and has("going_there", text.words, one.start, two.start + 1) >= 0:
        return True  # `kal wahan jao aur bayan lo`
    if _sends_it(text, order) and (not timed[0] or (
            not timed[1] and {"me", "file", "office"} & set(inside))):
        return True
    if timed[0] or (two.negated != one.negated and one.kind != "do"):
        return False
    if set(text.words[one.start:one.at + 1]) & words("assures") and text.at(one.at + 1) in (
            "ke", "keh", "کہ"):
        return True  # `ensure karein ke koi school band na mile`
    if one.verb in ("inform", "let", "ensure", "note") and two.kind == "passive" \
            and "that" in text.words[one.at:two.at]:
        return True
    return _first_step(text, one)


def _refines(text: Text, last: Order, order: Order) -> bool:
    """`Har DEO khud shamil ho`, `names remove kar dein`: how, not what."""
    two = order.ask
    inside = text.words[two.start:two.end]
    if order.deadline and order.deadline.due and last.deadline and last.deadline.due:
        return False
    return has("refinements", text.words, two.start, two.end) >= 0 or has(
        "manner", text.words, last.ask.start, last.ask.end) >= 0 or (
        inside[-1:] in (["ho"], ["hon"], ["ہو"], ["ہوں"]))


def _sends_it(text: Text, order: Order) -> bool:
    """`list banayein, 12 May tak bhejein`, `prepare a plan and submit by Friday`: nothing else is
    to be sent than what the part before makes."""
    ask, due = order.ask, order.deadline
    sends = ask.verb in words("carry_verbs") | words("sending")
    rest = [text.words[at] for at in range(ask.start, ask.end) if not (
        due and due.start <= text.found[at].start < due.end)]
    light = words("to_whom") | words("lead") | words("connect") | words("polite") \
        | words("sending") | words("carry_verbs") | words("on_time")
    return sends and all(word in light for word in rest)


def _reports(text: Text, ask: Ask) -> bool:
    """Whether an ask is only to report on the one before."""
    inside = text.words[ask.at:ask.end]
    head = inside[:6]
    if inside[:1] == ["let"] and "know" in head:
        return True
    if ask.kind == "passive" and ask.verb in ("share", "submit", "send", "report", "furnish",
                                              "intimate", "convey"):
        return bool(set(text.words[ask.start:ask.end]) & words("report_nouns"))
    if ask.verb in words("report_verbs"):
        return True
    if ask.verb in words("carry_verbs"):
        return bool(set(head) & words("report_nouns")) and not set(head) & {"charge", "situation",
                                                                           "inquiry", "daily"}
    whole = text.words[ask.start:ask.end]
    return has("report_urdu", whole) >= 0


def _first_step(text: Text, ask: Ask) -> bool:
    """Whether an ask is a step on the way to the next: verify, check, visit, go."""
    inside = text.words[ask.start:ask.end]
    return ask.verb in words("first_steps") or has("steps_urdu", inside) >= 0


def _at_the_same(order: Order, said: Said) -> bool:
    """`Dir Schools u also come with record`: to what was called just before."""
    inside = said.text.words[order.ask.start:order.ask.end]
    return bool({"also", "bhi", "بھی"} & set(inside)) and bool(
        {"come", "attend", "join", "aayein", "اییں", "ayen"} & set(inside))


def with_later_deadlines(orders: list[Order], said: Said,
              deadlines: tuple[Deadline, ...]) -> list[Order]:
    """With the deadline of a sentence without a verb that follows: `… bhejein. Kal tak.`"""
    result = []
    text = said.text
    for number, order in enumerate(orders):
        following = orders[number + 1].ask.start if number + 1 < len(orders) else len(text)
        if (order.deadline is None or order.deadline.due is None) and order.ask.kind != "question" \
                and order.ask.end < following:
            start, end = characters(text, order.ask.end, following)
            late = pick(deadlines, start, end)
            if late and late.due and following - order.ask.end <= 10 and not tells(
                    text, following):
                order = replace(order, deadline=late)
        if order.deadline is None and (order.ask.verb in ("comply", "note") or (
                order.ask.verb in ("ensure", "enforce") and order.ask.end - order.ask.start <= 5)):
            earlier = pick(deadlines, 0, characters(text, order.ask.start, order.ask.end)[0])
            order = replace(order, deadline=earlier)  # `The last date is 15 May. DEOs to comply.`
        result.append(order)
    return result


def on_the_day(order: Order, text: Text, days: tuple[Deadline, ...]) -> Order:
    """An order to attend, with the day of what is to be attended: `A meeting will be held on 6th
    Nov at 11:30. All DEOs to attend.`"""
    if order.deadline and order.deadline.due:
        return order
    inside = set(text.words[order.ask.start:order.ask.end])
    deputes = inside & words("events") and inside & words("deputing")
    bound = (order.ask.kind == "need" and "attendance" in inside) or has(
        "attend_surely", text.words, order.ask.start, order.ask.end) >= 0
    if not (inside & words("attending") or deputes or bound):
        return order
    until = characters(text, order.ask.start, order.ask.end)[1]
    before = [one for one in days if one.end <= until]
    return replace(order, deadline=before[-1]) if before else order


def characters(text: Text, start: int, end: int) -> tuple[int, int]:
    """The characters of words from `start` to before `end`, with the gap after them."""
    return text.found[start].start, text.found[end].start if end < len(text) else len(text.text)
