"""Every id that Daftar makes or reads: make/parse pairs, and no SQL.

Record ids are integers ordered by time: the second the thing happened, then an ordinal within that
second. So database rows and full-text row ids follow time, imported history sorts into its place,
and an id read aloud tells its second. 2**20 records fit in one second; ids stay below 2**53 (safe
in JSON) until the year 2242.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

ORDINAL_BITS = 20
ORDINALS = 1 << ORDINAL_BITS
MAX_RECORD_ID = 2**53  # exclusive
MAX_MS = ((MAX_RECORD_ID >> ORDINAL_BITS) - 1) * 1000  # the last second with record ids: 2242

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"
# Of our own making: a group of which only exports are known, and a room that holds an older part of
# a group's record (bridge/imports/past.py), which is no group at all.
IMPORT_SERVER, PAST_SERVER = "import", "past"

_CASE_NUMBER = re.compile(r"^(?P<department>[A-Z]{2,8})-(?P<year>\d{4})-(?P<serial>\d{5,})$")
_DIRECTIVE_NUMBER = re.compile(r"^D-(?P<year>\d{4})-(?P<serial>\d{4,})$")
_PAST = re.compile(rf"past\d+-(?P<chat>\d+)@{PAST_SERVER}")
_LOCALPART = re.compile(r"(?P<lid>lid_)?(?P<user>[0-9]{3,20})")
_JID = re.compile(
    r"(?P<user>[^@:.\s\0]+)(\.[^@:\s\0]*)?(:(?P<device>[0-9]{0,9}))?@(?P<server>[^@:\s\0]+)")


def first_record_id(sent_at_ms: int) -> int:
    """The lowest record id of the second that holds `sent_at_ms` (Unix milliseconds)."""
    return (sent_at_ms // 1000) << ORDINAL_BITS


def record_second(record_id: int) -> int:
    """The Unix second a record id belongs to."""
    return record_id >> ORDINAL_BITS


@dataclass(frozen=True)
class JID:
    """A WhatsApp address: `user[.agent][:device]@server`; `device` 0 is the phone itself."""

    user: str
    server: str
    device: int = 0

    def __str__(self) -> str:
        return f"{self.user}:{self.device}@{self.server}" if self.device else self.bare

    @property
    def bare(self) -> str:
        """The account, without the device."""
        return f"{self.user}@{self.server}"


def parse_jid(text: str) -> JID:
    """Read `user[.agent][:device]@server`. Raises ValueError with the text when it is none."""
    match = _JID.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a WhatsApp address (user@server)")
    return JID(match["user"], match["server"], int(match["device"] or 0))


def make_ghost_localpart(prefix: str, pn: str | None, lid: str | None) -> str:
    """Localpart of the Matrix user for a WhatsApp sender: the phone number's digits when known,
    else `lid_` and the LID's digits. Raises ValueError when neither is given."""
    if pn:
        return prefix + pn
    if lid:
        return f"{prefix}lid_{lid}"
    raise ValueError("a ghost needs a phone number or a LID")


def parse_ghost_localpart(prefix: str, localpart: str) -> tuple[str, str] | None:
    """("pn"|"lid", digits) of a ghost's localpart; None when the user is no ghost of ours."""
    if not localpart.startswith(prefix):
        return None
    match = _LOCALPART.fullmatch(localpart[len(prefix):])
    if not match:
        return None
    return ("lid" if match["lid"] else "pn"), match["user"]


def make_past_jid(number: int, chat_id: int) -> str:
    """The address of the room with the `number`th part of a chat's past."""
    return f"past{number}-{chat_id}@{PAST_SERVER}"


def parse_past_jid(text: str) -> int | None:
    """The chat whose past a room holds; None for every other address."""
    match = _PAST.fullmatch(text)
    return int(match["chat"]) if match else None


def make_case_number(department: str, year: int, serial: int) -> str:
    """`SED-2026-00042`: department, year of opening, serial within both."""
    return f"{department}-{year:04d}-{serial:05d}"


def parse_case_number(text: str) -> tuple[str, int, int] | None:
    """(department, year, serial) of a full case number, any letter case; else None."""
    match = _CASE_NUMBER.match(text.strip().upper())
    if not match:
        return None
    return match["department"], int(match["year"]), int(match["serial"])


def make_directive_number(year: int, serial: int) -> str:
    """`D-2026-0113`: year of the order, serial within it."""
    return f"D-{year:04d}-{serial:04d}"


def parse_directive_number(text: str) -> tuple[int, int] | None:
    """(year, serial) of a full directive number, any letter case; else None."""
    match = _DIRECTIVE_NUMBER.match(text.strip().upper())
    return (int(match["year"]), int(match["serial"])) if match else None
