"""Directives, answers, schools, districts and visits: what Daftar reads in the chats of a corpus,
and how that is scored against the gold. Each measure is defined in docs/reading.md."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from archive import fold
from cli.scoring.corpus import Corpus, Said
from nlp import calendar
from nlp.office import Holder, Office
from nlp.reader import Reader
from nlp.said import Findings, Message

VISIT = ("open", "teachers_sanctioned", "teachers_present", "absent_teachers", "students_enrolled",
         "students_present", "missing", "building")
MOST_MISTAKES = 40  # lines on a terminal; the JSON has all
Label = dict[str, Any]
Labels = dict[str, dict[str, Label]]  # chat -> message -> labels in the gold's schema


def predict(corpus: Corpus, chat: list[Said], roots: dict[str, str | None],
            quotes: bool = True, make: type[Reader] = Reader) -> dict[str, Label]:
    """What is read in a chat, strictly in the order sent; `roots` are the threads as placed.
    Without `quotes` the messages do not say what they quote."""
    result: dict[str, Label] = {}
    reader: Reader | None = None
    day: date | None = None
    office = calendar.shipped()
    for said in chat:
        if said.at.date() != day:
            day = said.at.date()
            holders = Office(Holder(row.phone, row.post, row.place, row.rank,
                                    (row.name, row.whatsapp_name))
                             for row in corpus.held(day).values())
            if reader is None:
                reader = make(holders, office)
            else:
                reader.know(holders)
        assert reader is not None
        found = reader.read(Message(
            said.id, said.sender, said.at, said.text, said.kind,
            said.reply_to if quotes else None, said.edit_of,
            said.mentions, roots.get(said.id)))
        result[said.id] = as_gold(found)
    return result


def as_gold(found: Findings) -> Label:
    """Findings in the gold's schema."""
    label: Label = {"directives": [
        {"to": list(one.to), "action": one.action} | ({"due": one.due} if one.due else {})
        | ({"cc": list(one.cc)} if one.cc else {}) for one in found.directives],
        "schools": [{"name": one.name, "bemis": one.bemis, "district": one.district}
                    for one in found.schools],
        "districts": list(found.districts)}
    if found.answer:
        label["complies"] = {"with": found.answer.message, "n": found.answer.n,
                             "state": found.answer.state}
    if found.visit:
        label["visit"] = {name: list(value) if isinstance(value, tuple) else value
                          for name in VISIT for value in (getattr(found.visit, name),)}
    return label


class Tally:
    """Right ones, found ones and gold ones of one measure."""

    def __init__(self) -> None:
        self.right = self.found = self.gold = 0

    def add(self, right: int, found: int, gold: int) -> None:
        """Count some more."""
        self.right, self.found, self.gold = (self.right + right, self.found + found,
                                             self.gold + gold)

    def sets(self, found: Counter[Any], gold: Counter[Any]) -> None:
        """Count two bags."""
        self.add((found & gold).total(), found.total(), gold.total())

    def figures(self) -> dict[str, Any]:
        """Precision, recall and F1; 1.0 where nothing was to be found and nothing was."""
        precision = self.right / self.found if self.found else 1.0 if not self.gold else 0.0
        recall = self.right / self.gold if self.gold else 1.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return {"precision": precision, "recall": recall, "f1": f1, "gold": self.gold,
                "found": self.found, "right": self.right}


def pairs(found: list[Label], gold: list[Label]) -> list[tuple[Label, Label]]:
    """Directives of one message paired one to one, the likest first: same addressees count most,
    then the same due, then words of the action in common, then the place in the message."""
    likeness = sorted(((_alike(one, two) - 0.01 * abs(i - j), -i, -j) for i, one in enumerate(found)
                       for j, two in enumerate(gold)), reverse=True)
    used_found, used_gold, result = set(), set(), []
    for _, i, j in likeness:
        if i not in used_found and j not in used_gold:
            used_found.add(i)
            used_gold.add(j)
            result.append((found[-i], gold[-j]))
    return result


def _alike(one: Label, two: Label) -> float:
    words, others = set(fold.tokens(one["action"])), set(fold.tokens(two["action"]))
    return 2.0 * (set(one["to"]) == set(two["to"])) + (one.get("due") == two.get("due")) \
        + len(words & others) / max(1, len(words | others))


def score(chats: dict[str, list[Said]], found: Labels) -> dict[str, Any]:
    """The figures of some chats, with the mistakes by kind."""
    message, single = Tally(), Tally()
    to, due, copies = Tally(), Tally(), Tally()
    answered, aimed, stated = Tally(), Tally(), Tally()
    names, codes, placed, districts, reports = Tally(), Tally(), Tally(), Tally(), Tally()
    fields = {name: Tally() for name in VISIT}
    states: Counter[str] = Counter()
    mistakes: list[str] = []
    for chat, message_id, gold, label in _labelled(chats, found):
        ours, theirs = label["directives"], gold.get("directives", [])
        message.add(bool(ours and theirs), bool(ours), bool(theirs))
        matched = pairs(ours, theirs)
        single.add(len(matched), len(ours), len(theirs))
        if len(ours) != len(theirs):
            mistakes.append(f"{chat} {message_id}: {len(ours)} directives for {len(theirs)}")
        for one, two in matched:
            for tally, name in ((to, "to"), (due, "due"), (copies, "cc")):
                same = _same(one.get(name), two.get(name))
                tally.add(same, 1, 1)
                if not same and name != "cc":
                    mistakes.append(f"{chat} {message_id}: {name} {one.get(name)} for "
                                    f"{two.get(name)}")
        _answers(label, gold, (answered, aimed, stated), states, mistakes, f"{chat} {message_id}")
        _schools(label, gold, names, codes, placed)
        districts.sets(Counter(label["districts"]), Counter(gold.get("districts", [])))
        _visits(label, gold, reports, fields, mistakes, f"{chat} {message_id}")
    whole = Tally()
    for tally in fields.values():
        whole.add(tally.right, tally.found, tally.gold)
    return {"messages": sum(map(len, chats.values())),
            "directives": {"message": message.figures(), "each": single.figures(),
                           "addressee_accuracy": share(to), "due_accuracy": share(due),
                           "cc_accuracy": share(copies)},
            "complies": {"message": answered.figures(), "with_target": aimed.figures(),
                         "with_target_and_state": stated.figures(), "states": dict(states)},
            "schools": {"name": names.figures(), "bemis": codes.figures(),
                        "district": placed.figures()},
            "districts": districts.figures(),
            "visits": {"message": reports.figures(), "field_accuracy": share(whole),
                       "fields": {name: share(tally) for name, tally in fields.items()}},
            "mistakes": mistakes}


def share(tally: Tally) -> float:
    """Right ones of those compared; 1.0 for none."""
    return tally.right / tally.gold if tally.gold else 1.0


def _same(one: Any, two: Any) -> bool:
    return set(one or ()) == set(two or ()) if isinstance(one or two, list) else one == two


def _labelled(chats: dict[str, list[Said]],
              found: Labels) -> Iterator[tuple[str, str, Label, Label]]:
    for name, chat in chats.items():
        for said in chat:
            yield name, said.id, said.gold, found[name][said.id]


def _answers(label: Label, gold: Label, tallies: tuple[Tally, Tally, Tally], states: Counter[str],
             mistakes: list[str], where: str) -> None:
    ours, theirs = label.get("complies"), gold.get("complies")
    same = bool(ours and theirs)
    aimed = bool(ours and theirs and (ours["with"], ours["n"]) == (theirs["with"], theirs["n"]))
    right = aimed and ours["state"] == theirs["state"]
    for tally, good in zip(tallies, (same, aimed, right), strict=True):
        tally.add(good, bool(ours), bool(theirs))
    if ours and theirs and ours["state"] != theirs["state"]:
        states[f"{theirs['state']} read as {ours['state']}"] += 1
    if bool(ours or theirs) and not right:
        mistakes.append(f"{where}: complies {_short(ours)} for {_short(theirs)}")


def _short(label: Label | None) -> str:
    return f"{label['with']}/{label['n']} {label['state']}" if label else "none"


def _schools(label: Label, gold: Label, names: Tally, codes: Tally, placed: Tally) -> None:
    ours, theirs = label["schools"], gold.get("schools", [])
    names.sets(*(Counter(" ".join(fold.tokens(one["name"])) for one in some)
                 for some in (ours, theirs)))
    codes.sets(*(Counter(one["bemis"] for one in some if one["bemis"]) for some in (ours, theirs)))
    placed.sets(*(Counter((" ".join(fold.tokens(one["name"])), one["district"]) for one in some)
                  for some in (ours, theirs)))


def _visits(label: Label, gold: Label, reports: Tally, fields: dict[str, Tally],
            mistakes: list[str], where: str) -> None:
    ours, theirs = label.get("visit"), gold.get("visit")
    reports.add(bool(ours and theirs), bool(ours), bool(theirs))
    if bool(ours) != bool(theirs):
        mistakes.append(f"{where}: {'a' if ours else 'no'} visit for {'one' if theirs else 'none'}")
    for name, tally in fields.items() if theirs else ():
        same = bool(ours) and _same_field(name, ours[name], theirs[name])
        tally.add(same, 1, 1)
        if ours and not same:
            mistakes.append(f"{where}: visit {name} {ours[name]} for {theirs[name]}")


def _same_field(name: str, one: Any, two: Any) -> bool:
    if name == "building":  # said in free words: whether anything is said of it
        return bool(one) == bool(two)
    if isinstance(two, list):
        return {" ".join(fold.tokens(value)) for value in one} == {
            " ".join(fold.tokens(value)) for value in two}
    return one == two


def report(corpus: Corpus, roots: dict[str, dict[str, str | None]],
           quotes: bool = True) -> tuple[dict[str, Any], Labels]:
    """The figures of all chats and of each, and what is predicted."""
    found = {name: predict(corpus, chat, roots[name], quotes)
             for name, chat in corpus.chats.items()}
    result = score(corpus.chats, found)
    result["chats"] = {name: {key: value for key, value in score({name: chat}, found).items()
                              if key != "mistakes"} for name, chat in corpus.chats.items()}
    return result, found


def as_text(figures: dict[str, Any]) -> list[str]:
    """The figures as lines for a terminal, the mistakes last."""
    lines = [f"{'what is read':28}{'precision':>10}{'recall':>8}{'F1':>8}{'gold':>6}"]
    for name, row in (("messages with directives", figures["directives"]["message"]),
                      ("directives", figures["directives"]["each"]),
                      ("answers", figures["complies"]["message"]),
                      ("  with target", figures["complies"]["with_target"]),
                      ("  with target and state", figures["complies"]["with_target_and_state"]),
                      ("schools by name", figures["schools"]["name"]),
                      ("BEMIS codes", figures["schools"]["bemis"]),
                      ("schools with district", figures["schools"]["district"]),
                      ("districts of messages", figures["districts"]),
                      ("visits", figures["visits"]["message"])):
        lines.append(f"{name:28}{row['precision']:10.3f}{row['recall']:8.3f}{row['f1']:8.3f}"
                     f"{row['gold']:6}")
    for name, share_ in (("addressee", figures["directives"]["addressee_accuracy"]),
                         ("due", figures["directives"]["due_accuracy"]),
                         ("copies", figures["directives"]["cc_accuracy"]),
                         ("fields of visits", figures["visits"]["field_accuracy"])):
        lines.append(f"{name + ', accuracy':28}{share_:10.3f}")
    lines += [f"{count} × {kind}" for kind, count in figures["complies"]["states"].items()]
    return lines + [f"  {line}" for line in figures["mistakes"][:MOST_MISTAKES]]
