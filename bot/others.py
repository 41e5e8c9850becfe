"""How another WhatsApp bridge (mautrix-whatsapp) names its users on our homeserver. Pure."""
from __future__ import annotations

import re
from dataclasses import dataclass

from archive.model import Sender
from config import Config

_DIGITS = "([0-9]{3,20})"


@dataclass(frozen=True)
class Names:
    """How the other bridge names its users."""

    server: str
    bots: frozenset[str]  # Matrix ids
    ghosts: tuple[tuple[str, re.Pattern[str]], ...]  # ("pn" or "lid", Matrix id), the first counts
    display: re.Pattern[str]  # of a ghost's display name; group 1 is the person's own

    def address(self, user_id: str) -> Sender | None:
        """The WhatsApp address behind a ghost; None for anybody else."""
        for kind, pattern in self.ghosts:
            if found := pattern.fullmatch(user_id):
                return Sender(**{kind: found[1]})
        return None

    def is_theirs(self, user_id: str) -> bool:
        """Whether this is a user of the other bridge: what they write commands nobody."""
        return user_id in self.bots or self.address(user_id) is not None

    def own_name(self, shown: str) -> str | None:
        """What a person calls themself, of a ghost's display name; None for a mere number."""
        found = self.display.fullmatch(shown.strip())
        name = (found[1] if found else shown).strip()
        return name if re.search(r"[^\W\d_]", name) and not name.startswith("whatsapp_") else None


def names_of(config: Config) -> Names:
    """The configuration's patterns as regular expressions."""
    server = re.escape(config.homeserver.name)
    ghosts = []
    for template in config.bot.other_ghosts:
        field_ = "lid" if "{lid}" in template else "phone"
        before, _, after = template.partition("{" + field_ + "}")
        ghosts.append(("lid" if field_ == "lid" else "pn", re.compile(
            f"@{re.escape(before)}{_DIGITS}{re.escape(after)}:{server}")))
    before, _, after = config.bot.other_names.partition("{name}")
    return Names(config.homeserver.name,
                 frozenset(config.user_id(bot) for bot in config.bot.other_bridges), tuple(ghosts),
                 re.compile(f"{re.escape(before)}(.*){re.escape(after)}", re.DOTALL))


NOBODY = Names("", frozenset(), (), re.compile("(.*)", re.DOTALL))
