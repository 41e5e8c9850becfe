"""What a room is told when its group changes: one sentence each, who did it and to whom."""
from __future__ import annotations

from collections.abc import Callable

from archive import clean, directory
from archive.db import Unit
from archive.model import Sender
from bridge.rooms.standing import Standing
from bridge.whatsapp import described, events
from bridge.whatsapp.content import timer_words
from bridge.whatsapp.described import GroupChange, Unknown

US = "the department's number"
LONGEST = 500  # characters of a description that are repeated

_REQUESTED = ("created_membership_requests", "membership_approval_request")
_WITHDRAWN = "revoked_membership_requests"
_SILENT = ("invite",)  # said by a field of its own


class Teller:
    """Puts a change into words. `own`: is this JID our own?"""

    def __init__(self, change: GroupChange, own: Callable[[Sender], bool]) -> None:
        self._change = change
        self._own = own
        self._by = ""

    def words(self) -> Unit[list[str]]:
        """One sentence for each thing that changed."""
        change = self._change
        if change.sender:
            self._by = yield from self._person(change.sender)
        words = [*self._described(), *self._rights()]
        for jid in change.joined:
            words.append(self._joined(*(yield from self._named(jid))))
        for jid in change.left:
            words.append(self._left(*(yield from self._named(jid))))
        for jid in change.promoted:
            name, _ = yield from self._named(jid)
            words.append(f"{self._by} made {name} an admin." if self._by
                         else f"{name} is now an admin.")
        for jid in change.demoted:
            name, _ = yield from self._named(jid)
            words.append(f"{self._by} dismissed {name} as admin." if self._by
                         else f"{name} is no longer an admin.")
        for unknown in change.unknown:
            words += yield from self._unknown(unknown)
        return [text[:1].upper() + text[1:] for text in words]

    def _did(self, active: str, passive: str) -> str:
        return f"{self._by} {active}." if self._by else f"{passive}."

    def _described(self) -> list[str]:
        change, words = self._change, []
        if change.name is not None:
            name = clean.name(change.name)
            by = f" ({self._by} changed it)" if self._by else ""
            words.append(f"The group is now called “{name}”{by}.")
        if change.topic:
            topic = clean.text(change.topic)
            topic = topic if len(topic) <= LONGEST else topic[:LONGEST] + "…"
            words.append(self._did("changed the group's description",
                                   "The group's description was changed")[:-1] + f": “{topic}”")
        elif change.topic is not None:
            words.append(self._did("removed the group's description",
                                   "The group's description was removed"))
        if change.linked:
            words.append(f"The group now belongs to the community “{clean.name(change.linked)}”.")
        if change.unlinked:
            words.append("The group does not belong to its community any more.")
        if change.new_link:
            words.append(self._did("reset the group's invite link; the old one does not work any "
                                   "more", "The group's invite link was reset"))
        if change.deleted:
            words.append(self._did("deleted the group on WhatsApp",
                                   "The group was deleted on WhatsApp"))
        return words

    def _rights(self) -> list[str]:
        change, words = self._change, []
        if change.announce is not None:
            who = "only admins can" if change.announce else "all members can"
            words.append(self._did(f"changed the group: now {who} send messages",
                                   f"Now {who} send messages"))
        if change.locked is not None:
            who = "only admins can" if change.locked else "all members can"
            what = "change the group's name, description and picture"
            words.append(self._did(f"changed the group: now {who} {what}", f"Now {who} {what}"))
        if change.timer is not None:
            by = f" ({self._by} changed it.)" if self._by else ""
            words.append(timer_words(change.timer) + by)
        return words

    def _joined(self, name: str, itself: bool) -> str:
        if self._change.by_link:
            return f"{name} joined by the group's invite link."
        return f"{name} joined." if itself or not self._by else f"{self._by} added {name}."

    def _left(self, name: str, itself: bool) -> str:
        if itself:
            return f"{name} left."
        return f"{self._by} removed {name}." if self._by else f"{name} is no longer in the group."

    def _unknown(self, unknown: Unknown) -> Unit[list[str]]:
        names = []
        for person in unknown.people:
            names.append((yield from self._person(person)))
        if unknown.tag in _SILENT:
            return []
        if unknown.tag in _REQUESTED:
            asking = " and ".join(names) or self._by or "Somebody"
            return [f"{asking} asked to join the group; an admin must decide it on WhatsApp."]
        if unknown.tag == _WITHDRAWN:
            asking = " and ".join(names) or "somebody"
            return [self._did(f"turned down the request of {asking} to join", "")
                    if self._by and self._by != asking
                    else f"{asking} asks no more to join the group."]
        if unknown.tag == "modify":
            return [f"{self._by or 'Somebody'} has a new phone number."]
        if unknown.tag == "member_add_mode":
            who = "only admins" if unknown.text == "admin_add" else "all members"
            return [self._did(f"changed the group: now {who} can add members",
                              f"Now {who} can add members")]
        return [f"Something about the group changed that this bridge does not know yet "
                f"({clean.name(unknown.tag)})."]

    def _named(self, jid: str) -> Unit[tuple[str, bool]]:
        """A member's name, and whether it did the change itself."""
        sender = events.sender_of_jid(jid)
        if sender is None:
            return jid, False
        name = yield from self._person(sender)
        return name, bool(self._by) and name == self._by and (yield from self._same(sender))

    def _same(self, sender: Sender) -> Unit[bool]:
        at, actor = self._change.at, self._change.sender
        if actor is None:
            return False
        return (yield from directory.ensure(sender, at)) == (yield from directory.ensure(actor, at))

    def _person(self, sender: Sender) -> Unit[str]:
        if self._own(sender):
            return US
        person_id = yield from directory.ensure(sender, self._change.at)
        rows = yield "SELECT name FROM person WHERE id = ?", (person_id,)
        return rows[0]["name"]


def picture(change: described.Picture, name: str) -> str:
    """The sentence about a new picture, or none any more. `name`: who changed it, or ""."""
    what = "removed" if change.removed else "changed"
    return f"{name} {what} the group's picture." if name else f"The group's picture was {what}."


def turn(before: Standing, after: Standing) -> str:
    """What it means for those who write in the room; "" when nothing changes for them."""
    if after.gone != before.gone:
        if after.gone == "deleted":
            return ("This room stays with all that was said, but nothing can be sent any more. For "
                    "a new group, an admin of the bridge writes !wa groups and !wa bridge.")
        if after.gone:
            return ("This room stays with all that was said, but nothing arrives from the group "
                    "and nothing can be sent to it: the department's number is not in it any more. "
                    "Ask an admin of the group to add it again; this room then goes on by itself.")
        return "The department's number is in the group again: messages are carried again."
    if after.restricted and not before.restricted:
        return ("The department's number is no admin: what staff write here does not leave until "
                "an admin of the group makes it one. Cases and their threads go on.")
    if before.restricted and not after.restricted and not after.closed:
        return "What staff write here leaves again."
    return ""
