"""Reports of school visits as `nlp.visits` reads them, for the registers."""
from __future__ import annotations

from archive.visits import Figures, Named
from bot.registers import Reader, Reading, Said
from nlp.named import Names
from nlp.office import Office
from nlp.schools import schools
from nlp.sentences import cut
from nlp.visits import visit

VERSION = "nlp.visits 2"  # higher: the whole record is read again


def reader() -> Reader:
    """Reads one message at a time; that a report is begun, the archive knows."""
    names = Names(Office(()))

    def read(said: Said) -> Reading:
        text = cut(said.text)
        places = [(one.start, one.end, one.places[0]) for one in names.find(text.found, text.text)
                  if one.kind == "place"]
        named = schools(text, sorted(places)) if text.words[:1] != ["forwarded"] else ()
        found = None if len(named) > 1 else visit(text, bool(named), said.begun and not named)
        return Reading(Figures(**vars(found)) if found else None, tuple(
            Named(school.name, school.bemis, school.district) for school in named))
    return Reader(VERSION, read)
