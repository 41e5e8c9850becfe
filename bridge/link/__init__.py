"""The WhatsApp link: a child process owns the WhatsApp library and hands the bridge what it says.

This file holds the words both sides share and imports nothing: the child must load the real
`neonize` before anything else does, the parent must never load it (see waproto.py).

    parent.Link            in the bridge's process: starts, supervises and talks to the child
    child, __main__        the child: `python -m bridge.link`
    journal.Journal        what WhatsApp sent, on disk before anything else happens to it
    frames                 how the two talk
"""
from __future__ import annotations

from dataclasses import dataclass

STATES = ("starting", "qr", "connected", "disconnected", "logged_out", "replaced", "banned",
          "outdated", "failed")
# States in which the link waits for a person: WhatsApp would refuse, so it is not asked again.
RESTING = ("logged_out", "replaced", "banned", "outdated", "failed")

# Event codes of neonize 0.5.2 (neonize.events.EVENT_TO_INT) that carry content.
HISTORY_SYNC, MESSAGE, RECEIPT, JOINED_GROUP, GROUP_INFO, PICTURE, UNDECRYPTABLE = (
    13, 17, 18, 21, 22, 23, 44)

# What is of the moment: handed on as it comes, never kept, lost when nobody listens (RECEIPT, too).
CHAT_PRESENCE = 19
# Calls that ring: of us alone, or of a group.
CALL_OFFER, CALL_OFFER_NOTICE = 36, 40

# Exit codes of the child.
EXIT_CLEAN, EXIT_LIBRARY, EXIT_RETRY, EXIT_JOURNAL, EXIT_LOCKED, EXIT_UNSCANNED = 0, 3, 4, 5, 6, 7


class LinkError(Exception):
    """It did not happen, for certain: a message was not sent. The text says why."""


class LinkDown(LinkError):
    """It did not happen because the connection is down just now, and comes back by itself."""


class LinkRefused(LinkError):
    """WhatsApp's server said no. `code` is its own, as HTTP's: to the `whole` question 401 no
    admin, 403 not in the group, 404 no such group, 406 not acceptable, 429 too often; else to the
    person that was named (parent.Link.change_member)."""

    def __init__(self, text: str, code: int, *, whole: bool = True) -> None:
        super().__init__(text)
        self.code, self.whole = code, whole


class LinkUnsure(Exception):
    """The message may or may not have been sent; it must not be sent again by itself.

    Not a LinkError: who catches that one may send again.
    """


@dataclass(frozen=True)
class Sent:
    """A message that WhatsApp's server has taken."""

    id: str
    timestamp: int  # seconds, the server's clock


@dataclass(frozen=True)
class Delivery:
    """One event of WhatsApp, as neonize gave it."""

    seq: int  # grows by one, is never used twice in a journal
    code: int  # MESSAGE, GROUP_INFO, …
    at: int  # Unix ms: when the journal took it
    body: bytes  # a message of waproto.neonize_pb2: Message, GroupInfoEvent, JoinedGroup, …


@dataclass(frozen=True)
class LinkState:
    """How the link stands."""

    state: str  # one of STATES
    detail: str  # qr: the text of the code; connected: our own JID; otherwise the reason
    since: int  # Unix ms
    # After an unclean stop, on the first state of the new process: (from, to) in Unix ms. WhatsApp
    # may have been told "received" for messages of that time that never reached the journal.
    unclean: tuple[int, int] | None = None
    until: int = 0  # banned: Unix ms when it ends, 0 when WhatsApp does not say
    lid: str = ""  # connected: the account's LID, digits only; "" when WhatsApp did not say
