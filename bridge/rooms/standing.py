"""How a group stands with us: who may write in it, whether it is still there, its community.

One setting a group. Kept beside the group, not in it: it is what the bridge goes by, while the
record of every change stands in the archive.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from archive import settings
from archive.db import Database, Unit

_SETTING = "standing "  # + JID


@dataclass(frozen=True)
class Standing:
    """How a group stands. `admin`: the department's number is an admin of it. `gone`: why nothing
    comes from it any more ("" while all is well): deleted, removed, left, or unbridged by us."""

    announce: bool = False
    locked: bool = False
    timer: int = 0  # seconds until messages disappear on WhatsApp; 0: never
    admin: bool = False
    gone: str = ""
    unbridged: bool = False
    parent: str = ""  # JID of the community
    community: str = ""  # its name

    @property
    def restricted(self) -> bool:
        """Nothing that is written in the room could leave."""
        return self.announce and not self.admin and not self.gone and not self.unbridged

    def closed_for(self, kind: str) -> str:
        """`closed`, but for a kind of record: WhatsApp lets all members react."""
        return "" if self.restricted and kind in ("reaction", "vote") else self.closed

    @property
    def closed(self) -> str:
        """Why nothing can be sent into the group; "" when it can. Ends a sentence."""
        if self.unbridged:
            return "the group is not bridged any more; an admin can write !wa bridge to change that"
        if self.gone == "deleted":
            return "the group was deleted on WhatsApp"
        if self.gone:
            return ("the department's number is not in the group any more; ask an admin of the "
                    "group to add it again")
        if self.restricted:
            return ("only admins can write in this group, and the department's number is none; "
                    "ask an admin of the group to make it one")
        return ""


_FIELDS = {field.name for field in fields(Standing)}


def put(jid: str, standing: Standing) -> Unit[None]:
    """Write down how a group stands."""
    yield from settings.put(_SETTING + jid, json.dumps(asdict(standing), ensure_ascii=False))


def look(jid: str) -> Unit[Standing]:
    """How a group stands, inside a unit."""
    rows = yield "SELECT value FROM setting WHERE name = ?", (_SETTING + jid,)
    return _read(rows[0]["value"] if rows else None)


async def get(db: Database, jid: str) -> Standing:
    """How a group stands."""
    return _read(await settings.get(db, _SETTING + jid))


def _read(text: str | None) -> Standing:
    found = json.loads(text) if text else {}
    return Standing(**{key: value for key, value in found.items() if key in _FIELDS})
