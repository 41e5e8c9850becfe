"""Which direct chats are carried. Pure, and shared by both sides of the link: the child drops what
was not chosen before it is written down anywhere, the bridge looks again."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

SERVERS = ("s.whatsapp.net", "lid")  # of people's addresses


@dataclass(frozen=True)
class Rules:
    """`patterns`: bridge.direct. `yes`, `no`: addresses (user@server) of people who are chosen,
    or are not, whatever the patterns say."""

    patterns: tuple[str, ...] = ()
    yes: frozenset[str] = frozenset()
    no: frozenset[str] = frozenset()

    def want(self, addresses: Iterable[str], *names: str) -> bool:
        """Is the chat with somebody carried who has these addresses, and these names?"""
        known = {address for address in addresses if address}
        if not known or known & self.no:
            return False
        return bool(known & self.yes) or any(fits(p, known, names) for p in self.patterns)

    def head(self) -> dict[str, Any]:
        """As it goes over the pipe."""
        return {"patterns": list(self.patterns), "yes": sorted(self.yes), "no": sorted(self.no)}

    @classmethod
    def read(cls, head: dict[str, Any]) -> Rules:
        """What `head` wrote."""
        return cls(tuple(head["patterns"]), frozenset(head["yes"]), frozenset(head["no"]))


def fits(pattern: str, addresses: Iterable[str], names: Iterable[str]) -> bool:
    """Does one of bridge.direct mean somebody? A number (+923001234567, also +92300*) the phone
    number, everything else the name."""
    if pattern.startswith("+"):
        wanted = "".join(c for c in pattern if c not in " -()+")
        return any(fnmatchcase(address.partition("@")[0], wanted) for address in addresses
                   if address.endswith("@" + SERVERS[0]))
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names if name) \
        or pattern == "*"
