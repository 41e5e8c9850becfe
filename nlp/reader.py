"""Everything that Daftar reads in the messages of a group, one after the other as they arrive."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from archive import fold
from nlp import compliance
from nlp.calendar import OfficeCalendar
from nlp.chat import Chat, Given
from nlp.deadlines import days_named, read_all
from nlp.deeds import deeds
from nlp.directives import directives
from nlp.districts import in_text, of_titles
from nlp.lexicon import words
from nlp.matter import matter, matter_of, things
from nlp.named import Names
from nlp.office import Office
from nlp.said import Answer, Directive, Findings, Message, Said
from nlp.schools import School, codes_at_words, schools
from nlp.sentences import Text, cut
from nlp.visits import Visit, visit

BEGINNING = 16  # words of a message that only says at which school somebody is
GOING_ON = timedelta(minutes=15)  # between the parts of a report
NOWHERE = frozenset({"AC", "ADC"})


class Reader:
    """The reader of one group. Tell it who holds what (`office`) whenever that changes."""

    def __init__(self, office: Office, calendar: OfficeCalendar):
        self._calendar = calendar
        self.chat = Chat(office)
        self._names = Names(office)

    def know(self, office: Office) -> None:
        """Who holds which post from now on."""
        self.chat.office = office
        self._names = Names(office)

    def read(self, message: Message) -> Findings:
        """Read the next message. Never raises; what it costs is bounded whatever the length."""
        said = self._said(message)
        if message.kind in ("system", "deleted"):
            self.chat.add(said)
            return Findings()
        if message.edit_of:
            self._edited(message.edit_of)
        deadlines = read_all(said.text.text, message.at, self._calendar)
        found = self._visit(said)
        given = directives(said, self.chat, deadlines, days_named(
            said.text.text, message.at, self._calendar), found is not None)
        answer = self._answered(said, given, found is not None)
        about = said.districts
        if given:
            about = tuple(dict.fromkeys((*about, *(place for one in given for place in of_titles(
                one.to, said.sender)))))
        said = replace(said, districts=about)
        self._keep(said, given, answer)
        return Findings(given, answer, said.schools, about, found)

    def _answered(self, said: Said, given: tuple[Directive, ...], visit: bool) -> Answer | None:
        return compliance.answer(said, self.chat, given, visit)

    def _said(self, message: Message) -> Said:
        office = self.chat.office
        sender = office.of(message.person)
        text = cut(message.text if message.kind not in ("system", "deleted", "location") else "")
        named = self._names.find(text.found, text.text)
        mentioned = tuple(holder for person in message.mentions if (holder := office.of(person)))
        districts = in_text(text, named, sender)
        places = [(one.start, one.end, one.places[0]) for one in named if one.kind == "place"]
        places += [(one.end - 1, one.end, one.places[0]) for one in named if one.kind == "post"
                   and one.places and one.post not in NOWHERE]
        found = schools(text, sorted(places)) if text.words[:1] != ["forwarded"] else ()
        said = Said(message, sender, text, tuple(named), mentioned, (), districts)
        return replace(said, schools=tuple(self._known(one, said) for one in found)
                       or self._coded(text))

    def _known(self, school: School, said: Said) -> School:
        """A school with the district that the conversation has told before."""
        key = _key(school.name)
        _, _, district = self.chat.schools.get(key, ("", None, None))
        found = school.district or district or self._talked_of(said)
        self.chat.know_school(key, school.name, school.bemis, found)
        return replace(school, district=found)

    def _talked_of(self, said: Said) -> str | None:
        """The one district that the conversation is about."""
        quoted = self.chat.quoted(said)
        earlier = [quoted] if quoted else []
        earlier += self.chat.thread(said)
        for other in earlier:
            if len(set(other.districts)) == 1:
                return other.districts[0]
        return None

    def _coded(self, text: Text) -> tuple[School, ...]:
        """`Killi Sumalani ka BEMIS 09331 hai`: a school that is known, without GBPS, with its
        code."""
        codes = codes_at_words(text)
        if len(codes) != 1:
            return ()
        for key, (name, _, district) in reversed(self.chat.schools.items()):
            tail = key[1:]
            if len(tail) > 1 and any(tuple(text.words[at:at + len(tail)]) == tail
                                     for at in range(len(text))):
                code = next(iter(codes.values()))
                self.chat.know_school(key, name, code, district)
                return (School(name, code, district),)
        return ()

    def _visit(self, said: Said) -> Visit | None:
        """The visit a message reports, as a whole or as a part of what its sender began."""
        person, at = said.message.person, said.message.at
        begun = self.chat.reports.get(person)
        going_on = begun is not None and at - begun[0] <= GOING_ON and not said.schools
        several = len(said.schools) > 1
        found = None if several or said.message.kind == "location" else visit(
            said.text, bool(said.schools), going_on)
        if said.schools and not several and (found or len(said.text) <= BEGINNING):
            self.chat.reports[person] = at, said.schools[0].name
        elif found:
            self.chat.reports[person] = at, begun[1] if begun else None
        elif len(said.text) and person in self.chat.reports:
            del self.chat.reports[person]
        return found

    def _edited(self, earlier: str) -> None:
        """What a message gave before it was edited no longer counts for what follows."""
        self.chat.withdraw(earlier)

    def _keep(self, said: Said, given: tuple[Directive, ...], answer: Answer | None) -> None:
        self.chat.add(said)
        if answer:
            self.chat.answers[said.message.id] = answer
            for one in self.chat.by_message(answer.message):
                if one.n == answer.n:
                    one.states[said.message.person] = answer.state
        if not given:
            return
        whole, before = matter(said), self._before(said)
        for number, one in enumerate(given):
            start = 0 if one.kind == "demand" and not number else one.start
            part = [word.folded for word in said.text.found if start <= word.start < one.end]
            self.chat.give(Given(
                said.message.id, number, said.message.person, said.message.at,
                said.message.thread, one, matter_of(said, _unless(said, start, one.end) if number
                                                    else start, one.end, one.action), {}, whole,
                before, self._told(one), deeds(part), things(part), frozenset(part),
                self.chat.count))

    def _before(self, said: Said) -> frozenset[str]:
        """The matter of the message that an order goes on from."""
        earlier = self.chat.quoted(said) or next(iter(self.chat.thread(said, 1)), None)
        return matter(earlier) if earlier else frozenset()

    def _told(self, one: Directive) -> frozenset[str]:
        """The persons whose posts an order names today."""
        return frozenset(holder.person for title in one.to
                         for holder in self.chat.office.holding(title))


def _unless(said: Said, start: int, end: int) -> int:
    """Where a task begins after its condition: `If the replies are not satisfactory, proceed`."""
    inside = [(at, word) for at, word in enumerate(said.text.found) if start <= word.start < end]
    if not any(word.folded in words("if_words") for _, word in inside[:3]):
        return start
    return next((word.start for at, word in inside[2:] if set(said.text.gaps[at]) & {",", "،"}
                 or said.text.at(at - 1) in ("to", "tou", "تو", "then")), start)


def _key(name: str) -> tuple[str, ...]:
    return tuple(fold.tokens(name))

