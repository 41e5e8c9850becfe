"""How the line to WhatsApp is, in a sentence that says what to do. Pure; also for `daftar status`.

When the phone itself was last there: neither neonize nor whatsmeow tells. What stands for it is
what device 0 of the own account does: it writes, or it reads (its receipts reach every linked
device). A phone that is switched on and never used looks as if it were away: then the warning
comes too early, never too late.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo

DAY_MS = 86_400_000
UNLINKED_DAYS = 14  # so long without the phone, and WhatsApp unlinks its devices
WARN_DAYS = (10, 12)

SENTENCES = {
    "starting": "The WhatsApp link is starting.",
    "qr": "No phone is linked. Scan the code below, or write !wa login +92… for a pairing code.",
    "connected": "Connected to WhatsApp.",
    "disconnected": "The connection to WhatsApp is lost; the link tries again by itself.",
    "logged_out": "The phone has removed this device from its linked devices. Write !wa login to "
                  "link it again.",
    "replaced": "The session was opened somewhere else. Make sure that only one Daftar uses it, "
                "then restart the bridge.",
    "banned": "WhatsApp has suspended the number for a time. Wait; do not link it again before.",
    "outdated": "This version of the WhatsApp library is no longer accepted. Upgrade Daftar.",
    "failed": "The WhatsApp link cannot work.",
}

# Of a number that a member of staff has linked to speak with.
OWN_SENTENCES = {
    "starting": "Your own number is being connected.",
    "qr": "Your own number is not linked yet. Scan the code below with your phone.",
    "connected": "Your own number is connected: what you write in the groups' rooms goes out "
                 "from it.",
    "disconnected": "The connection to your own number is lost; it is tried again by itself. "
                    "Until then you speak through the department's number.",
    "logged_out": "Your own number is no longer linked; you speak through the department's number "
                  "again. Write !wa link to link it anew.",
    "replaced": "Your own number's session was opened somewhere else; you speak through the "
                "department's number. Write !wa unlink, then !wa link.",
    "banned": "WhatsApp has suspended your own number for a time. Wait; do not link it again "
              "before. You speak through the department's number.",
    "outdated": "This version of the WhatsApp library is no longer accepted; tell the "
                "administrator to upgrade Daftar.",
    "failed": "Your own number cannot be connected; tell the administrator.",
}


@dataclass(frozen=True)
class Line:
    """How one link stands; times in Unix ms, 0 when not known."""

    state: str = "starting"  # one of bridge.link.STATES
    detail: str = ""  # the reason
    since: int = 0
    down_since: int = 0  # when it was last connected, while it is not
    until: int = 0  # the end of a ban
    phone_seen: int = 0
    warned: int = 0  # days without the phone that the admins were told of

    def dump(self) -> str:
        """As the settings keep it."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str | None) -> Line:
        """What `dump` wrote; a new line when there is nothing."""
        known = json.loads(text) if text else {}
        return cls(**{key: known[key] for key in known if key in cls.__dataclass_fields__})


def setting(link: str) -> str:
    """The name of a link's setting."""
    return f"link {link}"


def own_sentence(line: Line, zone: tzinfo) -> str:
    """How the line of somebody's own number is, and what to do."""
    text = OWN_SENTENCES.get(line.state, line.state)
    if line.state == "banned" and line.until:
        text = (f"WhatsApp has suspended your own number until {_when(line.until, zone)}. Do not "
                "link it again before. You speak through the department's number.")
    if line.detail and line.state not in ("starting", "qr", "connected"):
        text += f" ({line.detail})"
    return text


def sentence(line: Line, zone: tzinfo, now: int) -> str:
    """How the line is, and what to do."""
    text = SENTENCES.get(line.state, line.state)
    if line.state == "disconnected" and line.down_since:
        text = (f"The connection to WhatsApp is lost since {_when(line.down_since, zone)}; the "
                "link tries again by itself.")
    if line.state == "banned" and line.until:
        text = (f"WhatsApp has suspended the number until {_when(line.until, zone)}. Wait; do not "
                "link it again before. Afterwards write !wa login, and send less.")
    if line.detail and line.state not in ("qr", "connected"):
        text += f" ({line.detail})"
    return f"{text} {phone(line, zone, now)}".rstrip()


def phone(line: Line, zone: tzinfo, now: int) -> str:
    """When the department's phone was last there; "" when no phone is linked."""
    if line.state in ("qr", "logged_out") or not line.phone_seen:
        return ""
    days = days_away(line, now)
    seen = f"The phone was last seen {_when(line.phone_seen, zone)}."
    if days < WARN_DAYS[0]:
        return seen
    return (f"{seen} That is {days} days ago: after {UNLINKED_DAYS} days without it WhatsApp "
            "removes this link. Switch the phone on, open WhatsApp on it and read a message.")


def days_away(line: Line, now: int) -> int:
    """Whole days since the phone was last seen; 0 when that is not known."""
    return max(0, (now - line.phone_seen) // DAY_MS) if line.phone_seen else 0


def due(line: Line, now: int) -> int:
    """The days of which the admins must be told now; 0 for none."""
    reached = [days for days in WARN_DAYS if days_away(line, now) >= days]
    return reached[-1] if reached and reached[-1] > line.warned else 0


def _when(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, zone):%d %B %Y %H:%M}"
